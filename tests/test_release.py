"""Versions and dates agree; links of the text that an index shows lead somewhere; prose of the pages."""

import importlib.util
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from test_documents import BANNED

import splinekan

ROOT = Path(__file__).parent.parent
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", ".github/pull_request_template.md")


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SETUP, WHEEL = load("_setup", "setup.py"), load("_wheel", "tests/wheel.py")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    assert set(WHEEL.versions().values()) == {splinekan.__version__}


@pytest.mark.parametrize(("tag", "status"), [(f"v{splinekan.__version__}", 0), ("v99.0.0", 1), ("0.1.0", 1)])
def test_a_tag_is_the_version_or_refused(tag, status):
    script = ROOT / "tests" / "wheel.py"
    done = subprocess.run([sys.executable, script, "--tag", tag], capture_output=True, text=True)
    assert done.returncode == status
    assert (tag in done.stderr) == bool(status)


def test_the_changelog_has_the_version_or_is_waiting_for_it():
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "Unreleased"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", each) for each in headings[1:]]
    assert all(released)
    dates = [date.fromisoformat(each.group(2)) for each in released]
    assert dates == sorted(dates, reverse=True)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.search(r"^date-released: [\"']?(\d{4}-\d{2}-\d{2})", citation, re.MULTILINE)
    if released and released[0].group(1) == splinekan.__version__:
        assert cited, "CITATION.cff needs date-released"
        assert cited.group(1) == released[0].group(2)
    elif not released:
        assert splinekan.__version__ in CHANGELOG
        assert not cited


def targets(text):
    """Of links and pictures outside of code."""
    return re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def test_links_of_the_description_are_absolute_or_absent():
    relative = targets(README)
    assert len(relative) > 20
    assert targets(SETUP.long_description(README, None, "1.2.3")) == []
    described = SETUP.long_description(README, "https://example.org/a/b", "1.2.3")
    assert len(targets(described)) == len(relative)
    for before, after in zip(relative, targets(described), strict=True):
        kind = "raw" if before.endswith(".png") else "blob"
        assert after == f"https://example.org/a/b/{kind}/v1.2.3/{before}"


def test_descriptions_keep_text_and_code():
    plain = SETUP.long_description(README, None, "1.2.3")
    assert re.findall(r"```.*?```", plain, re.DOTALL) == re.findall(r"```.*?```", README, re.DOTALL)
    assert "docs/fitting.md explains all of it." in plain
    text = "a [b](c.md#d) [e](https://f.org/)\n\n![g](h.png)\n\n*i*\n\n```\n[j](k.md)\n```\n"
    assert SETUP.long_description(text, None, "1") == "a b [e](https://f.org/)\n\n\n```\n[j](k.md)\n```\n"
    assert "![g](s/raw/v1/h.png)\n\n*i*\n" in SETUP.long_description(text, "s", "1")
    assert "[b](s/blob/v1/c.md#d)" in SETUP.long_description(text, "s", "1")


@pytest.mark.parametrize("name", PAGES)
def test_prose(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    assert [match.group() for match in BANNED.finditer(prose)] == []
    assert max(map(len, text.splitlines())) <= 132
    for target in re.findall(r"\]\(([^)#:]+)\)", prose):
        assert (ROOT / name).parent.joinpath(target).exists(), target
