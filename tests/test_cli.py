"""The command: options that are refused, files that are written, streams that break."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import campaign, command

import splinekan as sk
from splinekan import _threads, cli
from splinekan.problems import boundary
from splinekan.studies.boundary_value import gauss_newton
from splinekan.studies.boundary_value import study as boundary_value
from splinekan.studies.regression import study as regression
from splinekan.studies.robustness import study as robustness
from splinekan.studies.toy import study as toy

CASES = {
    name: rest
    for name, *rest in campaign.output_cases()
    if not rest[2] and name != "/dev/stdout"  # with options: in another process, by `make faults`
}


@pytest.fixture
def instant(monkeypatch, tmp_path):
    """Studies without work; a folder to work in."""
    monkeypatch.setenv("WORKED", str(tmp_path / "worked"))
    for study in (toy, regression, robustness):
        monkeypatch.setattr(study, "run", command.run)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_outputs(instant, name, capsys):
    def execute(arguments):
        try:
            status = cli.main(list(map(str, arguments)))
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().err, Path(os.environ["WORKED"]).exists()

    prepare, arguments, _, expected, checks = CASES[name]
    assert not campaign.complaint_of(execute, instant, prepare, arguments, {}, expected, checks)


class Broken:
    encoding = "ascii"

    def __init__(self, error):
        self.error = error

    def write(self, *_):
        raise self.error

    flush = fileno = write


@pytest.mark.parametrize(
    ("error", "status"), [(BrokenPipeError(32, "Broken pipe"), 141), (OSError(28, "No space left"), 2)]
)
def test_what_cannot_be_printed_costs_no_file(instant, monkeypatch, capsys, error, status):
    monkeypatch.setattr("sys.stdout", Broken(error))
    arguments = ["study", "regression", "--json", "a.json", "--figure", "a.png"]
    assert cli.main(arguments) == status
    assert campaign.is_json(instant / "a.json")
    assert campaign.is_png(instant / "a.png")
    wrote = "wrote a.json\nwrote a.png\n"
    reason = "" if status == 141 else "splinekan: standard output: No space left\n"
    assert capsys.readouterr().err == wrote + reason


def test_a_file_that_fails_costs_neither_the_other_nor_the_table(instant, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", "a.json")

    monkeypatch.setattr(cli.studies, "write_json", full)
    assert cli.main(["study", "regression", "--json", "a.json", "--figure", "a.png"]) == 2
    out, err = capsys.readouterr()
    assert "a table" in out
    assert err == "splinekan: a.json: No space left on device\nwrote a.png\n"
    assert [path.name for path in instant.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (MemoryError(), 2, "MemoryError"),
        (RecursionError("too\ndeep"), 2, "too deep"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), 2, "can't decode"),
        (FileNotFoundError(2, "No such file", "x"), 2, "x: No such file"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_end_in_one_line(monkeypatch, capsys, error, status, line):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(toy, "run", fail)
    assert cli.main(["study", "toy"]) == status
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("splinekan: ")
    assert line in said


@pytest.mark.parametrize("study", ["regression", "toy", "functions", "robustness", "complementarity"])
@pytest.mark.parametrize("samples", ["0", "-5", "1", str(2**70), str(10**15)])
def test_samples_are_never_replaced(study, samples, capsys):
    assert cli.main(["study", study, "--samples", samples]) == 2
    assert "samples" in capsys.readouterr().err


@pytest.mark.parametrize("study", ["regression", "toy", "functions", "complementarity", "burgers"])
@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (["-1"], "seeds[0] must be at least 0"),
        ([str(2**70)], "seeds[0] must be at most"),
        (["3", "4", "3"], "seeds must differ"),
    ],
)
def test_seeds_are_refused(study, seeds, message, capsys):
    assert cli.main(["study", study, "--seeds", *seeds]) == 2
    assert message in capsys.readouterr().err


def test_checkpoints_and_outputs_keep_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(boundary_value, "run", None)  # a call would fail
    plain = tmp_path / "plain"
    plain.touch()
    assert cli.main(["study", "kdv", "--checkpoint", str(plain)]) == 2
    assert "is not a folder" in capsys.readouterr().err
    record = tmp_path / "kdv-gauss-newton-3.json"
    assert cli.main(["study", "kdv", "--checkpoint", str(tmp_path), "--json", str(record)]) == 2
    assert "name of a checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["abc", "0", "-1", "²", "1.5", "1" * 5000, "1000000000", "1025"])
def test_a_number_of_threads_that_is_none(text, monkeypatch, capsys):
    monkeypatch.setattr(_threads, "_threads", None)
    monkeypatch.setenv("SPLINEKAN_NUM_THREADS", text)
    with pytest.raises(ValueError, match="SPLINEKAN_NUM_THREADS must be an integer between 1 and 1024, got"):
        sk.threads()
    assert cli.main(["info"]) == 2
    assert "SPLINEKAN_NUM_THREADS" in capsys.readouterr().err
    monkeypatch.setenv("SPLINEKAN_NUM_THREADS", " 3 ")
    assert sk.threads() == 3


def test_files_are_named_only_where_they_were_asked_for(instant, capsys):
    assert cli.main(["study", "regression"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["study", "regression", "--json", "a.json", "--figure", "b/a.png"]) == 0
    out, err = capsys.readouterr()
    assert err == "wrote a.json\nwrote b/a.png\n"
    assert "wrote" not in out


@pytest.mark.parametrize("command", [["study", "burgers"], ["figure", "7"]])
def test_an_interrupted_study_tells_how_it_goes_on(command, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(boundary, "problem", functools.cache(boundary.problem))
    monkeypatch.setattr(boundary_value.FirstOrderRun, "advance", interrupt)
    monkeypatch.setattr(gauss_newton.GaussNewtonRun, "advance", interrupt)
    output = ["--output", str(tmp_path / "a.png")] if command[0] == "figure" else []
    assert cli.main([*command, *output, "--checkpoint", str(tmp_path / "kept")]) == 130
    kept = f"the same command goes on with the checkpoints in {tmp_path / 'kept'}"
    assert capsys.readouterr().err == f"splinekan: interrupted; {kept}\n"
    assert cli.main([*command, *output]) == 130
    assert capsys.readouterr().err == "splinekan: interrupted\n"


def test_nothing_heavy_is_imported_before_it_is_used():
    code = (
        "import sys; from splinekan import cli; cli.parser(); "
        "light = {'sympy', 'matplotlib', 'tqdm'} & set(sys.modules); "
        "import pkgutil, importlib, splinekan.studies as studies; "
        "names = [m.name for m in pkgutil.walk_packages(studies.__path__, 'splinekan.studies.')]; "
        "[importlib.import_module(name) for name in names]; "
        "print(sorted(light), sorted({'matplotlib', 'tqdm'} & set(sys.modules)), len(names) > 30)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] [] True\n"


def test_records_are_strict_json(instant, monkeypatch):
    monkeypatch.setenv("FIRST", "nan")
    assert cli.main(["study", "toy", "--json", "a.json"]) == 0
    assert json.loads((instant / "a.json").read_text())["numbers"][0] is None
