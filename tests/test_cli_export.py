"""`splinekan export`: the text of `sk.export`, to standard output or to a file."""

import numpy as np
import pytest

import splinekan as sk
from splinekan import cli


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model in m.npz of the folder to work in."""
    monkeypatch.chdir(tmp_path)
    network = sk.KAN.splines([2, 1], 3, 4)
    made = sk.Model(network, np.arange(14.0), names=("a", "b"))
    sk.save("m.npz", made)
    return made


def test_to_standard_output_and_to_a_file(model, tmp_path, capsys):
    assert cli.main(["export", "m.npz"]) == 0
    assert capsys.readouterr() == (sk.export(model, "numpy"), "")
    assert cli.main(["export", "m.npz", "--output", "f.py", "--name", "f"]) == 0
    assert capsys.readouterr() == ("", "wrote f.py\n")
    assert (tmp_path / "f.py").read_text() == sk.export(model, "numpy", name="f")


def test_what_is_refused(model, tmp_path, capsys):
    (tmp_path / "f.py").write_text("mine")
    before = (tmp_path / "m.npz").read_bytes()
    for words, reason in (
        (["m.npz", "--output", "f.py"], "exists"),
        (["m.npz", "--output", "m.npz", "--force"], "not overwritten"),
        (["m.npz", "--name", "for"], "name must be"),
        (["none.npz"], "does not exist"),
        (["f.py"], "f.py"),
    ):
        assert cli.main(["export", *words]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert reason in error
        assert error.count("\n") == 1
    assert (tmp_path / "f.py").read_text() == "mine"
    assert (tmp_path / "m.npz").read_bytes() == before
    assert cli.main(["export", "m.npz", "--output", "f.py", "--force"]) == 0
    assert (tmp_path / "f.py").read_text() == sk.export(model, "numpy")
