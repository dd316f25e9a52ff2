"""Code in docstrings, README and docs runs; the map shows the tree; the prose avoids some phrases."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import splinekan

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "theory" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(splinekan.__path__, "splinekan.")
    if not module.name.endswith("__main__")
]
BANNED = re.compile(
    r"(?<!there )\b(?:is|are|was|were) no (?!longer|more)|\bso many\b|\bnobody\b|\bof as many as\b"
    r"|\b(?:says?|speaks?|decides)\b|(?<!matrix of )\bones\b"
    r"|\b(?:the|this|that|each|every|which|same|single|other|a \w+) one\b(?! \w)"
    r"|\b(?:commands?|methods?|models?|networks?|packages?|results?|solvers?) knows?\b|\bhangs? on\b"
    r"|\b(?:is|are) (?:asked|sure)\b|\b(?:choice|decision|step) is due\b|\bstands? on\b|\bof yours\b"
    r"|\b(?:upper|lower) floors?\b|\bfloors? (?:above|below)\b|\bfulfil\w*|\bleft away\b|\bat hand\b"
    r"|\b(?:falls?|fell|grows?|rises?|shrinks?) by (?:two|three|four|eight|ten|2\^\S+)\b(?! (?:per|%))"
    r"|\b(?:minutes?|ms|s|seconds?) (?:a seed|of a processor)\b|\bspline person\b|\bone after the other\b",
    re.IGNORECASE,
)
"""Phrases that a native numerical analyst would not write."""

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(text):
    """The blocks of Python code."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    names = {key: getattr(splinekan, key) for key in splinekan.__all__}
    assert doctest.testmod(module, extraglobs=names).failed == 0


@pytest.mark.parametrize("block", blocks(README))
def test_readme_examples(block):
    names = {}
    exec(block, names)
    if "model" in names:  # the three lines
        assert names["model"].score(names["X"], names["y"]) > 1 - 1e-5
    elif "result" in names:
        assert names["result"].value < 1e-4
    elif "solution" in names:
        assert not names["solution"].warnings
    else:  # prints a formula
        assert "symbolic_regression" in block


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_code_in_the_docs(path):
    names = {}  # the blocks of a page continue each other
    for block in blocks(path.read_text(encoding="utf-8")):
        exec(block, names)
    assert all(np.isfinite(value) for value in names.values() if isinstance(value, float))


def test_every_public_name_is_documented():
    for name in splinekan.__all__:
        text = getattr(splinekan, name).__doc__ or ""
        assert not text.startswith(f"{name}("), f"{name}: a dataclass writes this docstring itself"
        assert text.partition("\n\n")[0].rstrip().endswith((".", ":")), name


def test_the_docstring_of_the_package_names_everything_public():
    assert set(splinekan.__all__) == set(re.findall(r"`([A-Za-z]\w*)`", splinekan.__doc__))


def anchors(path):
    """What `#` may name in a document: the headings, in lower case, with hyphens."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_reference_lists_everything_public():
    pages = sorted((ROOT / "docs" / "reference").glob("*.rst"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    listed = re.findall(r"^   (\w+)$", text, re.MULTILINE)
    optional = {"KANClassifier", "KANRegressor"}  # need scikit-learn
    assert set(splinekan.__all__) | optional <= set(listed)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.parent.name != "theory"])
def test_links_lead_to_files_and_headings(path):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", path.read_text(encoding="utf-8")):
        file = path.parent / target if target else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@each_document
def test_pictures_are_described(path):
    text = path.read_text(encoding="utf-8")
    assert all(len(alt.split()) > 8 for alt in re.findall(r"!\[([^\]]*)\]\(", text))


@each_document
def test_prose(path):
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [match.group() for match in BANNED.finditer(text)] == []


def test_the_map_of_the_readme_shows_the_tree():
    chart = README.partition("## Map")[2].partition("## Notation")[0]
    packages = {path.parent.name for path in (ROOT / "splinekan").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"(\w+)/", chart))
    for place in re.findall(r"`((?:\w+/)*\w+\.py|(?:\w+/)+)", chart.partition("| where |")[2]):
        assert (ROOT / "splinekan" / place).exists(), place


def test_every_make_target_is_in_the_readme():
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    assert [name for name in targets if f"make {name}`" not in README] == ["clean"]
