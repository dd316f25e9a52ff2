"""Workflows call targets that exist, with few permissions; issue forms have what the forge requires."""

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")  # comes with Dask

ROOT = Path(__file__).parent.parent
FORGE = ROOT / ".github"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
WRITES = {
    ("docs.yml", "publish"): {"pages", "id-token"},
    ("release.yml", "publish"): {"id-token"},
}
"""The jobs that may write, and what."""


def loaded(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


WORKFLOWS = {path.name: loaded(path) for path in sorted(FORGE.glob("workflows/*.yml"))}
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]
FORMS = sorted(path for path in FORGE.glob("ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
each_workflow = pytest.mark.parametrize("name", WORKFLOWS)
each_job = pytest.mark.parametrize(("name", "job"), JOBS)


def steps(name, job):
    return WORKFLOWS[name]["jobs"][job]["steps"]


def commands(name, job):
    return [step["run"] for step in steps(name, job) if "run" in step]


def test_the_workflows_that_the_checklist_names():
    assert set(WORKFLOWS) == {"ci.yml", "docs.yml", "release.yml", "weekly.yml"}
    checklist = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
    for workflow in WORKFLOWS.values():
        assert f'"{workflow["name"]}"' in checklist
    for target in re.findall(r"`make ([\w-]+)`", checklist):
        assert target in TARGETS, target


@each_workflow
def test_workflows_read_only_and_replace_older_runs(name):
    workflow = WORKFLOWS[name]
    assert workflow[True]  # the key "on", as YAML 1.1 reads it
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow["concurrency"]) == {"group", "cancel-in-progress"}


@each_job
def test_jobs_end_in_time_and_write_only_where_they_must(name, job):
    made = WORKFLOWS[name]["jobs"][job]
    assert 0 < made["timeout-minutes"] <= 360
    given = made.get("permissions", {})
    assert {key for key, level in given.items() if level == "write"} == WRITES.get((name, job), set())
    assert "secrets." not in yaml.safe_dump(made)


@each_job
def test_jobs_call_targets_of_the_makefile(name, job):
    for command in commands(name, job):
        found = re.findall(r"\bmake ([\w-]+)", command)
        assert found or "tests/wheel.py" in command, command
        assert set(found) <= TARGETS, f"{found} is not a target of the Makefile"


@each_job
def test_actions_have_a_major_version(name, job):
    for step in steps(name, job):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v\d+)", step["uses"]), step["uses"]


def versions_of_python():
    """Those of the classifiers."""
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)


def test_the_same_versions_of_python_everywhere():
    listed = versions_of_python()
    least = re.search(r'^requires-python = ">=(3\.\d+)"$', PROJECT, re.MULTILINE).group(1)
    first, last = (int(version.split(".")[1]) for version in (listed[0], listed[-1]))
    assert listed[0] == least
    assert listed == [f"3.{minor}" for minor in range(first, last + 1)]
    matrix = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == listed
    systems = {each["system"] for each in matrix["include"]}
    assert systems == {"macos-latest", "windows-latest"}
    for system in systems:
        tried = {each["python"] for each in matrix["include"] if each["system"] == system}
        assert {listed[0], listed[-1]} <= tried
    used = {
        step["with"]["python-version"]
        for name, job in JOBS
        for step in steps(name, job)
        if step.get("uses", "").startswith("actions/setup-python") and name + job != "ci.ymltest"
    }
    assert used <= set(listed)


def test_releases_publish_what_was_checked():
    build, publish = (WORKFLOWS["release.yml"]["jobs"][job] for job in ("build", "publish"))
    order = [step.get("run", step.get("uses", "")).split()[0:2] for step in build["steps"]]
    assert ["make", "wheel-check"] in order
    assert publish["needs"] == "build"
    assert publish["environment"] == "pypi"
    (action,) = [step for step in publish["steps"] if "pypi-publish" in step["uses"]]
    assert action["with"] == {"attestations": True}
    assert not [step for step in publish["steps"] if "run" in step]  # with a token of PyPI nothing else runs


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_the_forge_requires(path):
    form = loaded(path)
    assert set(form) == {"name", "description", "title", "labels", "body"}
    assert all(form[key] for key in form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") is True for field in fields)
    for field in fields:
        assert field["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert re.fullmatch(r"[\w-]+", field["id"])
        assert field["attributes"]["label"]
        assert "render" not in field["attributes"] or field["type"] == "textarea"


def test_the_forms_ask_for_what_is_needed():
    asked = {path.stem: {field["id"] for field in loaded(path)["body"]} for path in FORMS}
    assert asked["mathematics"] >= {"place", "statement", "counterexample"}
    assert asked["software"] >= {"versions", "code", "expected", "got"}
    assert asked["text"] >= {"page", "sentence", "proposal"}
    assert "splinekan info" in (FORGE / "ISSUE_TEMPLATE" / "software.yml").read_text(encoding="utf-8")
    assert isinstance(loaded(FORGE / "ISSUE_TEMPLATE" / "config.yml")["blank_issues_enabled"], bool)
