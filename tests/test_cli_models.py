"""`splinekan fit`, `predict` and `show`: columns, files, labels, and the same bits as in Python."""

import csv
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import splinekan as sk
from splinekan import cli, fitting
from splinekan.model.record import Choice, FitRecord, Trial
from splinekan.network import KAN
from splinekan.objectives import Logistic, Poisson, Softmax
from splinekan.tables import numbers

DICE = np.random.default_rng(0)
X = DICE.uniform(0, 1, (60, 2))
Y = np.sin(3 * X[:, 0]) * X[:, 1] * 1000


def written(path, names, *columns):
    """A CSV file of columns."""
    rows = zip(
        *(map(repr, column.tolist()) if hasattr(column, "tolist") else column for column in columns),
        strict=True,
    )
    path.write_text("".join(",".join(row) + "\n" for row in ([names] if names else []) + list(rows)))
    return path


def parsed(text):
    """The header and the numbers of a CSV file."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    return header, rows


def values(text):
    return np.array(parsed(text)[1], dtype=float)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with the table data.csv."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "data.csv", ("depth", "speed", "load"), *X.T, Y)
    return tmp_path


def run(capsys, *arguments):
    """(exit status, standard output, standard error)."""
    capsys.readouterr()
    try:
        status = cli.main([str(each) for each in arguments])
    except SystemExit as end:
        status = end.code
    return (status, *capsys.readouterr())


def made(n_in=2, outputs=("load",), loss="squared", choices=(), names=("depth", "speed")):
    """A model that was not trained."""
    network = KAN.splines([n_in, len(outputs)], intervals=3)
    record = FitRecord(
        ((0.0, 1.0),) * n_in,
        loss,
        60,
        choices,
        (
            Trial("first", 0, 9, 9, 1.0, np.nan, 2.0, 0.1),
            Trial("last", 1, 3, network.n_parameters, 0.5, np.nan, 0.25, 0.1),
        ),
    )
    return sk.Model(network, sk.initialize(network, 0, "noise") * 5, None, names, outputs, record)


@pytest.fixture
def fits(monkeypatch):
    """Calls of `fit`, which takes no time."""
    calls = []

    def fit(x, y, **options):
        calls.append({"x": x, "y": y, **options})
        return made(x.shape[1], options["output_names"], options["loss"], names=options["names"])

    monkeypatch.setattr(fitting, "fit", fit)
    return calls


def test_the_same_bits_as_in_python(here, capsys):
    status, out, err = run(
        capsys, "fit", "data.csv", "--target", "load", "--hidden", "2", "--levels", "1",
        "--output", "m.npz", "--json", "f.json",
    )  # fmt: skip
    assert (status, err) == (0, "wrote m.npz\nwrote f.json\n")
    model, wanted = sk.load("m.npz"), sk.fit(X, Y, (2,), levels=1, progress=False)
    np.testing.assert_array_equal(model.theta, wanted.theta)
    assert (model.names, model.output_names) == (("depth", "speed"), ("load",))
    assert out.startswith(model.summary())
    root = np.sqrt(np.mean((model(X)[:, 0] - Y) ** 2))
    assert f"root mean square error of load: {root:.4g} (60 rows)\n" in out
    record = json.loads((here / "f.json").read_text())
    assert record["errors"]["root mean square error of load"] == pytest.approx(root, rel=1e-12)
    assert (record["inputs"], record["outputs"], record["rows"]) == (["depth", "speed"], ["load"], 60)
    assert record["versions"]["splinekan"] == sk.__version__
    assert record["trials"][0]["parameters"] == model.n_parameters
    new = np.random.default_rng(1).uniform(0, 1, (5000, 2))
    written(here / "new.csv", ("speed", "name", "depth"), new[:, 1], ["Ann"] * 5000, new[:, 0])
    assert run(capsys, "predict", "m.npz", "new.csv", "--output", "out.csv") == (0, "", "wrote out.csv\n")
    text = (here / "out.csv").read_text()
    assert parsed(text)[0] == ["load"]
    np.testing.assert_array_equal(values(text), model(new))
    assert run(capsys, "predict", "m.npz", "new.csv")[1] == text


def test_nothing_saved_is_said(here, fits, capsys):
    status, out, err = run(capsys, "fit", "data.csv", "--target", "load")
    assert (status, err) == (0, "the model is not saved: give --output FILE\n")
    assert "loss: 0.5 training, 0.25 held out\n" in out
    assert [path.name for path in here.iterdir()] == ["data.csv"]


def test_options_reach_the_fit(here, fits, capsys):
    command = "fit data.csv --target load --inputs depth --weights speed --hidden 5 4 --degree 2 --loss huber"
    command += " --held-out 0.2 --levels 4 --smoothing 1e-3 --seed 7"
    assert run(capsys, *command.split())[0] == 0
    (call,) = fits
    np.testing.assert_array_equal(call.pop("x"), X[:, :1])
    np.testing.assert_array_equal(call.pop("y"), Y[:, None])
    np.testing.assert_array_equal(call.pop("sample_weight"), X[:, 1])
    assert call == {
        "hidden": (5, 4), "degree": 2, "loss": "huber", "held_out": 0.2, "levels": 4, "smoothing": 1e-3,
        "seed": 7, "names": ("depth",), "output_names": ("load",), "progress": False,
    }  # fmt: skip
    assert run(capsys, "fit", "data.csv", "--target", "load", "--target", "depth", "--hidden")[0] == 0
    assert (fits[1]["hidden"], fits[1]["names"]) == ((), ("speed",))
    assert (fits[1]["output_names"], fits[1]["levels"]) == (("load", "depth"), None)
    np.testing.assert_array_equal(fits[1]["y"], np.column_stack([Y, X[:, 0]]))


def test_bars_are_for_terminals(here, fits, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    assert cli.main(["fit", "data.csv", "--target", "load"]) == 0
    assert fits[0]["progress"] is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--target lod", "data.csv has no column 'lod', but 'depth', 'speed', 'load'; did you mean 'load'?"),
        ("--target load --inputs depth Speed", "--inputs: data.csv has no column 'Speed'"),
        ("--target load --drop dept", "--drop: data.csv has no column 'dept'"),
        ("--target load --weights w", "--weights: data.csv has no column 'w'"),
        ("--target load --drop load", "--drop: the column 'load' is used"),
        ("--target load --drop depth speed", "no columns left for the inputs"),
        ("--target load --inputs load", "the column 'load' is named twice"),
        ("--target load --target load", "the column 'load' is named twice"),
        ("--target load --inputs depth --weights depth", "the column 'depth' is named twice"),
        ("--target load --degree 9", "degree must be between 1 and 7, got 9"),
        ("--target load --hidden 0", "--hidden must be at least 1, got 0"),
        ("--target load --seed -1", "--seed must be at least 0, got -1"),
        ("--target load --levels 0", "--levels must be at least 1, got 0"),
        ("--target load --smoothing -1", "--smoothing must be at least 0"),
        ("--target load --smoothing nan", "--smoothing must be finite"),
        ("--target load --held-out 1", "--held-out must lie between 0 and 1"),
        ("--target load --held-out nan", "--held-out must be finite"),
        ("--target load --separator x", "must be comma, semicolon or tab, got 'x'"),
        ("--target load --loss absolute", "invalid choice"),
        ("--target load --inputs depth --drop speed", "not allowed with"),
        ("", "required: --target"),
    ],
)  # fmt: skip
def test_options_that_are_refused(here, fits, capsys, options, message):
    status, out, err = run(capsys, "fit", "data.csv", *options.split())
    assert (status, out) == (2, "")
    assert message in err
    assert not fits


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a,city,y\n1,Paris,2\n", "", "line 2, column 'city': 'Paris' is not a number; leave the column out"),
        ("a,city,y\n1,Paris,2\n", "", "leave the column out with --drop city"),
        ("a,the city,y\n1,Paris,2\n", "", "leave the column out with --drop 'the city'"),
        ("a,city,y\n1,Paris,2\n", "--inputs city", "column 'city': 'Paris' is not a number\n"),
        ("a,y\n1,high\n", "", "'high' is not a number; labels are fitted with --loss softmax or logistic"),
        ("a,y\n,1\n", "", "line 2, column 'a': the cell is empty\n"),
        (",a,y\n0,1,2\n", "", "column 1 of data.csv has no name: give --inputs, or leave it out with"),
        ("a,a,y\n0,1,2\n", "", "2 columns named 'a'"),
        ("a,y,y\n0,1,2\n", "", "2 columns named 'y'"),
        ("1,2,3\n4,5,6\n", "", "it has no header, and its columns are x1 to x3"),
        ("a,y\n", "", "has a header and no rows"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(here, fits, capsys, content, options, message):
    (here / "data.csv").write_text(content)
    status, out, err = run(capsys, "fit", "data.csv", "--target", "y", *options.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not fits


def test_columns_that_are_left_out(here, fits, capsys):
    (here / "data.csv").write_text(',city,a,a,y\n0,"Paris, F",1,2,3\n1,Rome,4,5,6\n')
    for options in (["--drop", "", "city", "a"], ["--inputs", "a"]):
        status, _, err = run(capsys, "fit", "data.csv", "--target", "y", *options)
        assert status == 2
        assert "no columns left" in err or "2 columns named 'a'" in err
    (here / "data.csv").write_text(',city,a,b,y\n0,"Paris, F",1,2,3\n1,Rome,4,5,6\n')
    for options in (["--drop", "", "city"], ["--inputs", "a", "b"]):
        assert run(capsys, "fit", "data.csv", "--target", "y", *options)[0] == 0
        np.testing.assert_array_equal(fits[-1]["x"], [[1, 2], [4, 5]])


def test_tables_without_header(here, capsys, monkeypatch):
    written(here / "bare.csv", (), Y, *X.T)
    fit = ["fit", "bare.csv", "--target", "1", "--hidden", "--levels", "1", "--output", "m.npz"]
    assert run(capsys, *fit)[0] == 0
    model = sk.load("m.npz")
    assert (model.names, model.output_names) == (("x2", "x3"), ("y",))
    text = run(capsys, "predict", "m.npz", "bare.csv")[1]
    np.testing.assert_array_equal(values(text), model(X))
    written(here / "inputs.csv", (), *X.T)
    text = run(capsys, "predict", "m.npz", "inputs.csv")[1]  # by position
    np.testing.assert_array_equal(values(text), model(X))
    status, _, err = run(capsys, "predict", "m.npz", "data.csv")
    assert status == 2
    assert "data.csv lacks the columns 'x2', 'x3'; it has 'depth', 'speed', 'load'" in err


# Files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--output old", "old exists; give --force to overwrite it"),
        ("--json old", "old exists; give --force"),
        ("--figure old.png", "old.png exists; give --force"),
        ("--output data.csv --force", "--output data.csv is the table, which is not overwritten"),
        ("--json link --force", "--json link is the table, which is not overwritten"),
        ("--json ./sub/../data.csv --force", "is the table"),
        ("--output new --json new", "--output new and --json new are the same file"),
        ("--figure new.png --json sub/../new.png", "are the same file"),
        ("--output new --figure a.png --json a.png", "are the same file"),
        ("--output sub", "sub is a folder"),
        ("--output sub/", "is a folder: name a file"),
        ("--output old/new", "Not a directory"),
        ("--figure new.gif", "must be one of '.png', '.pdf'"),
        ("--output /dev/null --force", "is a device"),
    ],
)
def test_files_are_refused_before_any_work(here, fits, capsys, options, message):
    (here / "sub").mkdir()
    (here / "old").write_text("old")
    (here / "old.png").write_text("old")
    (here / "link").symlink_to("data.csv")
    before = (here / "data.csv").read_bytes()
    status, out, err = run(capsys, "fit", "data.csv", "--target", "load", *options.split())
    assert (status, out) == (2, "")
    assert message in err
    assert not fits
    assert (here / "data.csv").read_bytes() == before
    assert (here / "old").read_text() == (here / "old.png").read_text() == "old"
    assert sorted(path.name for path in here.iterdir()) == ["data.csv", "link", "old", "old.png", "sub"]


def test_existing_files_are_replaced_by_force(here, fits, capsys):
    (here / "m.npz").write_text("old")
    assert run(capsys, "fit", "data.csv", "--target", "load", "--output", "m.npz", "--force")[0] == 0
    assert sk.load("m.npz").n_out == 1
    (here / "out.csv").write_text("old")
    predict = ["predict", "m.npz", "data.csv", "--output"]
    assert run(capsys, *predict, "out.csv")[::2] == (
        2,
        "splinekan: out.csv exists; give --force to overwrite it\n",
    )
    assert (here / "out.csv").read_text() == "old"
    for name, what in (("m.npz", "model"), ("data.csv", "table")):
        before = (here / name).read_bytes()
        status, _, err = run(capsys, *predict, name, "--force")
        assert status == 2
        assert f"is the {what}, which is not overwritten" in err
        assert (here / name).read_bytes() == before
    assert run(capsys, *predict, "out.csv", "--force")[0] == 0
    np.testing.assert_array_equal(values((here / "out.csv").read_text()), sk.load("m.npz")(X))


@pytest.mark.parametrize(
    "command",
    [
        "fit none.csv --target y",
        "fit . --target y",
        "predict none.npz data.csv",
        "predict m.npz none.csv",
        "predict . data.csv",
        "show none.npz",
    ],
)
def test_files_that_cannot_be_read(here, capsys, command):
    sk.save("m.npz", made())
    status, out, err = run(capsys, *command.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "none" in err or "." in err


def test_other_files_than_models(here, capsys):
    for command in (["predict", "data.csv", "data.csv"], ["show", "data.csv"]):
        status, out, err = run(capsys, *command)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "data.csv cannot be loaded" in err


def test_interrupts_leave_nothing(here, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "fit", interrupt)
    fit = ["fit", "data.csv", "--target", "load", "--output", "m.npz"]
    assert run(capsys, *fit) == (130, "", "splinekan: interrupted\n")
    assert [path.name for path in here.iterdir()] == ["data.csv"]


class Closed(io.StringIO):
    encoding = "utf-8"

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_is_gone(here, fits, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Closed())
    assert cli.main(["fit", "data.csv", "--target", "load", "--output", "m.npz"]) == 141
    assert cli.main(["predict", "m.npz", "data.csv"]) == 141
    assert cli.main(["show", "m.npz"]) == 141
    assert capsys.readouterr().err == "wrote m.npz\n"


# Predictions


def test_columns_are_found_by_name(here, capsys):
    model = made()
    sk.save("m.npz", model)
    x = [[0.25, 0.75], [0.5, 0.125]]
    for text in (
        "depth,speed\n0.25,0.75\n0.5,0.125\n",
        "speed;other;depth\n0.75;x;0.25\n0.125;;0.5\n",
        "0.25,0.75\n0.5,0.125\n",
    ):
        (here / "new.csv").write_text(text)
        status, out, err = run(capsys, "predict", "m.npz", "new.csv")
        assert (status, err) == (0, "")
        np.testing.assert_array_equal(values(out), model(x))
    for text, message in [
        ("depth,spead\n1,2\n", "no column 'speed', but 'depth', 'spead'; did you mean 'spead'?"),
        ("a,b\n1,2\n", "new.csv lacks the columns 'depth', 'speed'; it has 'a', 'b'"),
        ("depth,speed,depth\n1,2,3\n", "2 columns named 'depth'"),
        ("1,2,3\n", "must have 2 columns, 'depth', 'speed', for the table has no header; it has 3"),
        ("depth,speed\n1,nan\n", "line 2, column 'speed': nan stands for a missing value"),
    ]:
        (here / "new.csv").write_text(text)
        status, out, err = run(capsys, "predict", "m.npz", "new.csv", "--output", "out.csv")
        assert (status, out) == (2, "")
        assert message in err
        assert not (here / "out.csv").exists()


def test_models_without_names_take_columns_by_position(here, capsys):
    network = KAN.splines([2, 2], intervals=3)
    model = sk.Model(network, sk.initialize(network, 0))
    sk.save("m.npz", model)
    (here / "new.csv").write_text("b,a\n0.25,0.75\n")
    status, out, _ = run(capsys, "predict", "m.npz", "new.csv")
    assert status == 0
    assert parsed(out)[0] == ["y1", "y2"]
    np.testing.assert_array_equal(values(out), model([[0.25, 0.75]]))
    status, _, err = run(capsys, "predict", "m.npz", "data.csv")
    assert status == 2
    assert "data.csv must have 2 columns, 'x1', 'x2', for the model has no names; it has 3" in err
    (here / "new.csv").write_text("x1,x2\n0.25,0.75\n")
    assert values(run(capsys, "predict", "m.npz", "new.csv")[1]).tolist() == model([[0.25, 0.75]]).tolist()
    (here / "new.csv").write_text("x2,x1\n0.25,0.75\n")
    for command in ("predict", "spectra"):
        status, out, err = run(capsys, command, "m.npz", "new.csv")
        assert (status, out) == (2, "")
        assert "new.csv has the columns 'x2', 'x1', and inputs of a model without names are taken" in err


@pytest.mark.parametrize("where", ["repeated", "periodic", "several variables"])
def test_spectra_of_knots_without_power_relus(here, capsys, where):
    knots = sk.KnotVector.uniform(0, 1, intervals=4, degree=3, periodic=where == "periodic")
    layers = {
        "repeated": lambda: sk.SplineLayer(2, 1, knots.insert([0.5, 0.5])),
        "periodic": lambda: sk.SplineLayer(2, 1, knots),
        "several variables": lambda: sk.TensorSplineLayer([knots, knots]),
    }
    network = KAN([layers[where]()])
    sk.save("m.npz", sk.Model(network, np.zeros(network.n_parameters)))
    (here / "new.csv").write_text("x1,x2\n0.25,0.75\n0.5,0.125\n")
    status, out, err = run(capsys, "spectra", "m.npz", "new.csv")
    assert (status, out) == (2, "")
    assert "; --basis spline leaves this basis out" in err
    status, out, _ = run(capsys, "spectra", "m.npz", "new.csv", "--basis", "spline")
    assert status == 0
    assert out.startswith("level")


def test_spectra_of_a_network_in_power_relus(here, capsys):
    network = KAN.splines([2, 1], intervals=3)
    theta = sk.initialize(network, 0)
    (here / "new.csv").write_text("x1,x2\n0.25,0.75\n0.5,0.125\n")
    tables = []
    for basis in ("spline", "relu"):
        other = network.with_basis(basis)
        start = theta if basis == "spline" else sk.initialize(other, 0)
        sk.save("m.npz", sk.Model(other, start), force=True)
        tables.append(run(capsys, "spectra", "m.npz", "new.csv"))
    assert tables[0] == tables[1]
    assert tables[0][0] == 0


def test_rows_outside_the_domain_are_reported(here, capsys):
    sk.save("m.npz", made())
    (here / "new.csv").write_text("depth,speed\n0.5,0.5\n2,0.5\n0.5,-1\n")
    status, out, err = run(capsys, "predict", "m.npz", "new.csv")
    assert status == 0
    assert out.count("\n") == 4
    assert err.startswith("splinekan: warning: ")
    assert err.count("\n") == 1
    for part in ("in column 'depth' (from 0.5 to 2) outside [0, 1]", "in column 'speed' (from -1 to 0.5)"):
        assert part in err


def test_columns_beside_the_predictions(here, capsys):
    model = made()
    sk.save("m.npz", model)
    (here / "new.csv").write_text('name,depth,speed,load\n"Ann ""A"", B",.5,1e-1,?\n')
    status, out, _ = run(capsys, "predict", "m.npz", "new.csv", "--append")
    assert status == 0
    header, (row,) = parsed(out)
    assert header == ["name", "depth", "speed", "load", "predicted_load"]
    assert row[:-1] == ['Ann "A", B', ".5", "1e-1", "?"]
    assert float(row[-1]) == model([[0.5, 0.1]])[0, 0]
    (here / "new.csv").write_text("depth,speed,predicted_load\n1,1,1\n")
    assert (
        "two columns would be named 'predicted_load'"
        in run(capsys, "predict", "m.npz", "new.csv", "--append")[2]
    )


def test_predictions_as_json(here, capsys):
    model = made()
    sk.save("m.npz", model)
    status, out, _ = run(capsys, "predict", "m.npz", "data.csv", "--json")
    record = json.loads(out)
    assert (status, record["rows"], record["columns"]) == (0, 60, ["load"])
    np.testing.assert_array_equal(record["predictions"], model(X))
    status, out, err = run(capsys, "predict", "m.npz", "data.csv", "--json", "--output", "out.csv")
    assert (status, err) == (0, "wrote out.csv\n")
    assert "predictions" not in json.loads(out)


def test_predictions_beyond_float64_are_refused(here, capsys):
    model = made(loss="poisson")
    steep = sk.Model(model.network, model.theta + 1e4, None, model.names, model.output_names, model.record)
    sk.save("m.npz", steep)
    status, out, err = run(capsys, "predict", "m.npz", "data.csv")
    assert (status, out) == (2, "")
    assert "the prediction of row 1 is beyond the range of float64; --raw writes" in err
    assert run(capsys, "predict", "m.npz", "data.csv", "--raw")[0] == 0


@pytest.mark.parametrize(
    ("loss", "outputs", "kind"),
    [("logistic", ("yes",), Logistic), ("softmax", ("a", "b", "c"), Softmax), ("poisson", ("n",), Poisson)],
)
def test_predictions_are_expectations(here, capsys, loss, outputs, kind):
    model = made(outputs=outputs, loss=loss)
    sk.save("m.npz", model)
    out = run(capsys, "predict", "m.npz", "data.csv")[1]
    assert parsed(out)[0] == list(outputs)
    np.testing.assert_array_equal(values(out), kind().mean(model(X)))
    np.testing.assert_array_equal(values(run(capsys, "predict", "m.npz", "data.csv", "--raw")[1]), model(X))


# Labels


@pytest.mark.parametrize("in_c", [True, False])
def test_labels_of_several_classes(here, fits, capsys, monkeypatch, in_c):
    if not in_c:
        monkeypatch.setattr(numbers, "LARGE", 0)
    kinds = [("reed", "ash", "oak tree")[i % 3] for i in range(60)]
    written(here / "data.csv", ("depth", "kind", "speed"), X[:, 0], kinds, X[:, 1])
    fit = [
        "fit",
        "data.csv",
        "--target",
        "kind",
        "--loss",
        "softmax",
        "--output",
        "m.npz",
        "--json",
        "f.json",
    ]
    status, out, _ = run(capsys, *fit)
    assert status == 0
    classes = ("ash", "oak tree", "reed")
    assert (fits[0]["output_names"], fits[0]["names"]) == (classes, ("depth", "speed"))
    np.testing.assert_array_equal(fits[0]["y"], [[kind == each for each in classes] for kind in kinds])
    model = sk.load("m.npz")
    assert model.record.choices == (
        Choice("classes", '["ash", "oak tree", "reed"]', "the labels in kind, sorted"),
    )
    p = Softmax().mean(model(X))
    best = [classes[k] for k in p.argmax(axis=1)]
    wrong = np.mean([a != b for a, b in zip(best, kinds, strict=True)])
    assert f"share of wrong labels: {wrong:.4g} (60 rows)" in out
    header, rows = parsed(run(capsys, "predict", "m.npz", "data.csv", "--labels")[1])
    assert header == [*classes, "label"]
    np.testing.assert_array_equal(np.array([row[:3] for row in rows], dtype=float), p)
    assert [row[3] for row in rows] == best
    assert len(set(best)) > 1
    raw = parsed(run(capsys, "predict", "m.npz", "data.csv", "--labels", "--raw")[1])[1]
    assert [row[3] for row in raw] == best


def test_two_labels(here, fits, capsys):
    kinds = ["spam" if i % 3 else "ham" for i in range(60)]
    written(here / "data.csv", ("depth", "kind", "speed"), X[:, 0], kinds, X[:, 1])
    assert (
        run(capsys, *["fit", "data.csv", "--target", "kind", "--loss", "logistic", "--output", "m.npz"])[0]
        == 0
    )
    assert fits[0]["output_names"] == ("spam",)
    np.testing.assert_array_equal(fits[0]["y"], [[float(kind == "spam")] for kind in kinds])
    model = sk.load("m.npz")
    header, rows = parsed(run(capsys, "predict", "m.npz", "data.csv", "--labels")[1])
    assert header == ["spam", "label"]
    assert [row[1] for row in rows] == np.where(Logistic().mean(model(X))[:, 0] > 0.5, "spam", "ham").tolist()


@pytest.mark.parametrize(
    ("loss", "cells", "outputs", "classes", "y"),
    [
        ("softmax", ["10", "9", "9.0"], ("t=9", "t=10"), ["9", "10"], [[0, 1], [1, 0], [1, 0]]),
        ("softmax", ["10", "9", "x"], ("10", "9", "x"), ["10", "9", "x"], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("logistic", ["-1", "1", "1"], ("t=1",), ["-1", "1"], [[0], [1], [1]]),
        ("logistic", ["0", "1", "1.0"], ("t",), ["0", "1"], [[0], [1], [1]]),
        ("logistic", ["0.25", "1", "0"], ("t",), None, [[0.25], [1], [0]]),
    ],
)
def test_labels_that_are_numbers(here, fits, capsys, loss, cells, outputs, classes, y):
    (here / "data.csv").write_text("a,t\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    assert run(capsys, "fit", "data.csv", "--target", "t", "--loss", loss, "--output", "m.npz")[0] == 0
    assert fits[0]["output_names"] == outputs
    np.testing.assert_array_equal(fits[0]["y"], y)
    found = [json.loads(choice.value) for choice in sk.load("m.npz").record.choices]
    assert found == ([] if classes is None else [classes])
    assert run(capsys, "predict", "m.npz", "data.csv", "--labels")[0] == (2 if classes is None else 0)


@pytest.mark.parametrize(
    ("loss", "cells", "message"),
    [
        ("softmax", ["a", "a"], "the target 't' has a single label, 'a'"),
        ("logistic", ["a", "b", "c"], "has 3 labels, ['a', 'b', 'c'], and --loss logistic takes two"),
        ("softmax", [str(i) for i in range(1001)], "has 1001 different values, and at most 1000 labels"),
        ("softmax", ["a", ""], "line 3, column 't': the cell is empty"),
    ],
)  # fmt: skip
def test_labels_that_are_refused(here, fits, capsys, loss, cells, message):
    (here / "data.csv").write_text("a,t\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    status, _, err = run(capsys, "fit", "data.csv", "--target", "t", "--loss", loss)
    assert (status, fits) == (2, [])
    assert message in err


def test_labels_need_a_model_of_labels(here, capsys):
    for model in (
        made(),
        made(loss="logistic"),
        made(loss="logistic", choices=(Choice("classes", '["a"]', ""),)),
        made(loss="logistic", choices=(Choice("classes", "nonsense", ""),)),
        made(outputs=("a", "b"), loss="logistic"),
    ):
        sk.save("m.npz", model, force=True)
        status, out, err = run(capsys, "predict", "m.npz", "data.csv", "--labels")
        assert (status, out) == (2, "")
        assert "--labels needs a model that was fitted to labels" in err
    sk.save("m.npz", made(outputs=("a", "b"), loss="softmax"), force=True)
    assert run(capsys, "predict", "m.npz", "data.csv", "--labels")[0] == 0


# Models


def test_a_model_is_shown(here, capsys):
    model = made()
    sk.save("m.npz", model)
    assert run(capsys, "show", "m.npz") == (0, model.summary() + "\n", "")
    record = json.loads(run(capsys, "show", "m.npz", "--json")[1])
    assert (record["inputs"], record["outputs"], record["loss"]) == (["depth", "speed"], ["load"], "squared")
    assert record["losses"] == {"training": 0.5, "held out": 0.25}
    assert record["trials"][1]["score"] is None
    assert record["bounds"] == {"depth": [0, 1], "speed": [0, 1]}
    network = KAN.splines([2, 2], intervals=3)
    sk.save("n.npz", sk.Model(network, np.zeros(network.n_parameters)))
    assert json.loads(run(capsys, "show", "n.npz", "--json")[1])["outputs"] == ["y1", "y2"]


def test_formulas_of_models_are_shown(here, capsys):
    sine = sk.Term(0, 0, ["sin"], [None, 2.0, 0.0])
    own = sk.Model(sk.KAN([sk.FormulaLayer(2, 1, [sine], 0.0)]), [3.0], names=("depth", "speed"))
    sk.save("own.npz", replace(own, record=made().record))
    status, text, _ = run(capsys, "show", "own.npz", "--formula", "--figure", "own.png")
    assert (status, text.splitlines()[-2:]) == (0, ["Formulas", "y = 3*sin(2*depth)"])
    assert json.loads(run(capsys, "show", "own.npz", "--formula", "--json")[1])["formulas"] == [
        {"name": "y", "formula": "3*sin(2*depth)", "grid_error": None}
    ]
    assert "formulas" not in json.loads(run(capsys, "show", "own.npz", "--json")[1])
    network = KAN([sk.SplineLayer(1, 1, sk.KnotVector.uniform(0, 1, 2, 2))])
    squared = network.layers[0].knots[0].greville[:, None] ** 2  # nearly; any quadratic spline would do
    sk.save("spline.npz", sk.Model(network, squared.ravel()))
    status, text, _ = run(capsys, "show", "spline.npz", "--formula")
    assert status == 0
    assert "  error: root mean square " in text.partition("\n\nFormulas\n")[2]


def test_figures_of_models(here, fits, capsys):
    fit = ["fit", "data.csv", "--target", "load", "--output", "m.npz", "--figure", "a.png"]
    assert run(capsys, *fit)[2] == "wrote m.npz\nwrote a.png\n"
    assert run(capsys, "show", "m.npz", "--figure", "b.pdf")[2] == "wrote b.pdf\n"
    assert (here / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (here / "b.pdf").read_bytes().startswith(b"%PDF")
    assert run(capsys, "show", "m.npz", "--figure", "m.npz", "--force")[0] == 2
    assert sk.load("m.npz").names == ("depth", "speed")


def test_the_commands_of_the_guide(here, fits, capsys):
    text = (Path(__file__).parent.parent / "docs" / "command-line.md").read_text()
    made = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], made)
    (here / "measured.csv").write_text(made["table"])
    (here / "gaps.csv").write_text("depth,speed,load\n1,2,3\n1,,3\n")
    (here / "places.csv").write_text("place,depth,load\nKiel,2,3\n")
    written(here / "trees.csv", ("depth", "kind", "speed"), X[:, 0], ["ash", "oak", "reed"] * 20, X[:, 1])
    blocks = "".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"\$ splinekan (.*)\n((?:[^$].*\n)*)", blocks)
    assert len(commands) == 9
    for command, printed in commands:
        status, out, err = run(capsys, *command.split())
        assert status == (2 if printed.startswith("splinekan: ") else 0), (command, err)
        assert (err if status else out).startswith(printed.removesuffix("...\n")), command
