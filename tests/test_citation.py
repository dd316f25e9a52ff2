"""docs/cite.md follows CITATION.cff and the docstrings; the version is the same everywhere."""

import re
from pathlib import Path

import pytest

import splinekan

ROOT = Path(__file__).parent.parent
CFF = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "cite.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .* \| (.*) \| `(.*\.py)` \|$", PAGE, re.MULTILINE)


def entry(kind):
    """The fields of the BibTeX entry of a kind, without braces."""
    text = re.search(rf"@{kind}\{{.*?\n\}}", PAGE, re.DOTALL).group()
    return {
        name: re.sub("[{}]", "", value) for name, value in re.findall(r"^ +(\w+) += (.*?),?$", text, re.M)
    }


def field(name, text=CFF):
    """The first value of a field of CITATION.cff."""
    return re.search(rf"^ *(?:- )?{name}: \"?(.*?)\"?$", text, re.MULTILINE).group(1)


def test_the_version_is_that_of_the_package():
    assert field("version") == splinekan.__version__ == entry("software")["version"]
    assert f"splinekan {splinekan.__version__}," in PAGE
    assert f'version = "{splinekan.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_software_is_that_of_the_file():
    software = entry("software")
    assert software["title"] == field("title")
    assert software["author"] == field("name")
    assert software["license"] == field("license")


def test_the_paper_is_that_of_the_file():
    cited, stated = entry("article"), CFF.partition("references:")[2]
    assert cited["title"] == field("title", stated)
    authors = re.findall(r"family-names: (\w+), given-names: \"(.*?)\"", stated)
    assert cited["author"].split(" and ") == [f"{family}, {given}" for family, given in authors]
    assert (cited["year"], cited["url"]) == (field("year", stated), field("url", stated))
    assert cited["journal"].rpartition(":")[2] == cited["url"].rpartition("/")[2]


def test_there_are_references():
    assert len(ROWS) > 20


@pytest.mark.parametrize(("references", "path"), ROWS, ids=[path for _, path in ROWS])
def test_references_are_in_the_docstrings(references, path):
    """The first surname of each reference, and its years."""
    file = ROOT / path if path.startswith("theory/") else ROOT / "splinekan" / path
    source = " ".join(file.read_text(encoding="utf-8").split())
    for reference in references.split("; "):
        name = re.match(r"(?:de )?[A-Z]\w+", reference).group()
        assert name in source, name
        for year in re.findall(r"^[^*]*?\b((?:19|20)\d\d)\b", reference):
            assert year in source, (name, year)
