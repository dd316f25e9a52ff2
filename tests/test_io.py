"""`save` and `load`: every model survives to the last bit, and damaged or foreign files are refused."""

import dataclasses
import io
import json
import os
import pickle
import zipfile

import cases
import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan import _archive
from splinekan.equations import trees
from splinekan.equations.features import Features
from splinekan.io import VERSION, load, save
from splinekan.model import Model
from splinekan.model.record import Choice, FitRecord, Trial
from splinekan.optimize import History

TINY, HUGE = 5e-324, 1.7976931348623157e308


def record():
    rng = np.random.default_rng(0)
    return FitRecord(
        ((-0.1, 1 / 3), (TINY, 1e300)),
        "squared",
        12,
        (Choice("widths", "[2, 1]", "as \u201cgiven\u201d"),),
        (Trial("[2, 1]", 0, 4, 14, 0.1, np.nan, np.inf, 1e-9), Trial("", 1, 8, 22, -0.0, 1.0, TINY, HUGE)),
        History(*rng.normal(size=(6, 5)) * [np.nan, 1, np.inf, 1e-310, 1]),
    )


def networks():
    found = cases.networks()
    found |= {f"layer: {name}": sk.KAN([layer]) for name, layer in cases.layers().items()}
    found |= {f"activation {kind}": sk.KAN([sk.Activation(2, kind, 5)]) for kind in sk.Activation.kinds}
    found |= {f"normalizer {kind}": sk.KAN([sk.Normalizer(2, kind)]) for kind in sk.Normalizer.kinds}
    found["extreme"] = sk.KAN([sk.Normalizer(2, "affine", [(-HUGE / 4, HUGE / 4), (0.1, 0.3)], (0.0, TINY))])
    for name in cases.ALL:
        found[f"knots {name}"] = sk.KAN([sk.SplineLayer(2, 1, sk.KnotVector(cases.hostile(name, 3), 3))])
    for degree in (0, 1, 4):
        for number, knots in enumerate(cases.periodic_knots(degree)):
            found[f"periodic {degree} {number}"] = sk.KAN([sk.SplineLayer(2, 1, knots)])
    for mode in (*cases.MODES, "error"):
        found[f"extrapolate {mode}"] = sk.KAN.splines([2, 1], 7, 3, extrapolate=mode)
    return found


NETWORKS = networks()


def same(first, second):
    """Whether two models are the same to the last bit."""
    assert str(first.network) == str(second.network)
    assert first.theta.tobytes() == second.theta.tobytes()
    for mine, other in zip(first.network.layers, second.network.layers, strict=True):
        assert type(mine) is type(other)
        assert getattr(mine, "knots", None) == getattr(other, "knots", None)
        for each in dataclasses.fields(mine):
            assert repr(getattr(mine, each.name)) == repr(getattr(other, each.name))
    assert (first.names, first.output_names) == (second.names, second.output_names)
    assert repr(first.record) == repr(second.record)
    if first.record is not None and first.record.history is not None:
        for each in dataclasses.fields(History):
            mine, other = (getattr(model.record.history, each.name) for model in (first, second))
            assert mine.tobytes() == other.tobytes()
    return True


def model_of(name):
    net = NETWORKS[name]
    theta = np.random.default_rng(1).normal(size=net.n_parameters)
    theta[:4] = [-0.0, TINY, HUGE, -1e-310][: len(theta)]
    return Model(net, theta)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_model_survives_to_the_last_bit(name, tmp_path):
    model = model_of(name)
    for basis in ("spline", "relu"):
        if basis == "relu":
            if not cases.has_relu_basis(model.network):
                break
            model = Model(model.network.with_basis("relu"), model.theta)
        save(tmp_path / basis, model)
        again = load(tmp_path / basis)
        assert same(model, again)
        save(tmp_path / "again", again, force=True)
        assert (tmp_path / "again").read_bytes() == (tmp_path / basis).read_bytes()
        assert os.listdir(tmp_path).count("again") == 1  # exactly this name, no ending added
        if not name.startswith(("knots", "extreme", "extrapolate error")):
            x = np.random.default_rng(0).uniform(0, 1, (30, 2))
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(model(x), again(x))


def full_model():
    net = sk.KAN.splines([2, 2], 2, 3)
    theta = np.random.default_rng(0).normal(size=net.n_parameters)
    return Model(net, theta, None, ("a b", "\u00fc, \U0001f600"), ("p", ""), record())


def test_names_and_the_record_survive(tmp_path):
    model = full_model()
    sk.save(tmp_path / "m", model)
    again = sk.load(tmp_path / "m")
    assert same(model, again)
    assert isinstance(again.record.trials[0], Trial)
    assert np.isnan(again.record.trials[0].score)
    assert same(model, Model(again.network, again.theta, None, again.names, again.output_names, again.record))
    bare = Model(model.network, model.theta, record=FitRecord(((0.0, 1.0), (0.0, 1.0)), "huber", 3))
    sk.save(tmp_path / "bare", bare)
    assert same(bare, sk.load(tmp_path / "bare"))


def test_numpy_reads_the_file(tmp_path):
    model = full_model()
    save(tmp_path / "m.npz", model)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["theta"], model.theta)
        np.testing.assert_array_equal(file["knots_0"], model.network.layers[0].knots[0].t)
        np.testing.assert_array_equal(file["history_work"], model.record.history.work)
        description = json.loads(file["description"].item(), parse_constant=pytest.fail)
        assert description["layers"][0]["class"] == "SplineLayer"
        assert (file["format"].item(), file["format_version"].item()) == ("splinekan model", VERSION)


x, y = sympy.symbols("x y")
EXTRA = (
    [],
    [abs(x - sympy.Rational(1, 2))],
    [sympy.cos(sympy.pi * x) * sympy.Float("0.1", 30) + y**2.5, 0.5, 3],
    [sympy.Piecewise((x, sympy.And(x > 0, y < 2)), (y, sympy.Or(sympy.Not(x > 3), y > 1)), (0, True))],
    [sympy.Max(x, y, 1) + sympy.sqrt(2) * sympy.exp(-(x**2) / 2), sympy.besselj(0, y) * sympy.GoldenRatio],
)


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("bounds", [None, [(0, 1), (0.1, 1 / 3)]])
def test_features_survive(extra, bounds, tmp_path):
    features = Features([x, y], extra, bounds)
    net = sk.KAN.splines([features.n_inputs, 1])
    model = Model(net, sk.initialize(net, 0), features, ("x", "y"))
    save(tmp_path / "m", model)
    again = load(tmp_path / "m")
    points = np.random.default_rng(0).uniform(0.1, 0.3, (20, 2))
    np.testing.assert_array_equal(again(points), model(points))
    np.testing.assert_array_equal(again.hessian(points), model.hessian(points))
    assert same(model, again)


def test_declared_variables_survive(tmp_path):
    t = sympy.Symbol("t", positive=True)
    assert trees.rebuilt(trees.described(Features([t, x]))).variables == (t, x)


def test_features_that_cannot_be_described_are_refused(tmp_path):
    class Own:
        variables = (x,)
        n_inputs = 1

        def jets(self, *_):
            return None

    net = sk.KAN.splines([1, 1])
    model = Model(net, sk.initialize(net, 0), Own())
    with pytest.raises(
        TypeError, match=r"model\.features cannot be saved: features must be of type Features"
    ):
        save(tmp_path / "m", model)
    nested = x
    for _ in range(110):
        nested = sympy.sin(nested)
    with pytest.raises(ValueError, match="that deep"):
        trees.described(dataclasses.replace(Features([x]), extra=[nested]))
    dummy = Model(net, sk.initialize(net, 0), Features([sympy.Dummy("x")]))
    with pytest.raises(ValueError, match="not a plain Symbol"):
        save(tmp_path / "m", dummy)
    assert not (tmp_path / "m").exists()


def test_layers_of_other_classes_are_refused_by_name(tmp_path):
    class Mine(sk.Affine):
        pass

    net = sk.KAN([Mine(2, 1)])
    with pytest.raises(TypeError, match=r"model\.network\.layers\[0\] is of the class .*Mine, which cannot"):
        save(tmp_path / "m", Model(net, np.zeros(3)))
    assert os.listdir(tmp_path) == []


def test_nothing_is_overwritten_unless_it_is_asked_for(tmp_path):
    path = tmp_path / "new" / "m.npz"
    model = full_model()
    save(path, model)
    before = path.read_bytes()
    other = Model(model.network, model.theta + 1)
    with pytest.raises(FileExistsError, match="force=True"):
        save(path, other)
    assert path.read_bytes() == before
    save(str(path), other, force=True)
    assert same(load(path), other)
    assert os.listdir(path.parent) == ["m.npz"]
    with pytest.raises(ValueError, match="is a folder"):
        save(tmp_path, model, force=True)


@pytest.mark.parametrize("arguments", [(1, None), ("", None), ("a", "model"), ("a\0", None)])
def test_bad_arguments(arguments):
    path, model = arguments
    with pytest.raises((TypeError, ValueError), match=r"path|model"):
        save(path, full_model() if model is None else model)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        load(tmp_path / "none")
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a named pipe"):
        load(tmp_path / "pipe")


def refused(path, data, message):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_no_byte_can_change_unnoticed(tmp_path):
    model = full_model()
    save(tmp_path / "m", model)
    data = (tmp_path / "m").read_bytes()
    damaged, bad = tmp_path / "damaged", 0
    for at in range(0, len(data), 11):
        for bit in (1 << (at % 8), 255):
            damaged.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
            try:
                again = load(damaged)
            except ValueError:
                bad += 1
            else:  # a byte that zip files do not use
                assert same(model, again)
    assert bad > 0.5 * 2 * len(data) / 11


def test_truncated_files_are_refused(tmp_path):
    save(tmp_path / "m", full_model())
    data = (tmp_path / "m").read_bytes()
    for size in (*range(0, len(data), 101), len(data) - 1):
        refused(tmp_path / "short", data[:size], "not an .npz file, or is cut short or damaged")


def test_foreign_files_are_refused(tmp_path):
    refused(tmp_path / "m", b"a text", "not an .npz file")
    for array in (np.zeros(3), np.array({"a": 1}, object)):
        np.savez(tmp_path / "m.npz", a=array)
        refused(tmp_path / "m", (tmp_path / "m.npz").read_bytes(), "not a file of a model")
    np.savez(tmp_path / "m.npz", format=np.array({"a": 1}, object))
    refused(tmp_path / "m", (tmp_path / "m.npz").read_bytes(), "a type that is not supported: object")
    np.savez_compressed(tmp_path / "m.npz", a=np.zeros(10**6))
    refused(tmp_path / "m", (tmp_path / "m.npz").read_bytes(), "compressed")


def test_nothing_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    arrays = written(full_model()) | {"theta": np.array([Evil()], object)}
    refused(tmp_path / "m", zipped(arrays), "a type that is not supported: object")
    assert not (tmp_path / "evil").exists()
    pickle.loads(pickle.dumps(Evil()))
    assert (tmp_path / "evil").exists()  # as it would have been


def written(model):
    """The arrays of the file of a model."""
    from splinekan.io import _arrays

    return _arrays(model)


def zipped(arrays, **entries):
    """A file of these arrays with a checksum that is right."""
    raw = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array)
        raw[name] = file.getvalue()
    raw |= entries
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array(_archive._digest(raw)))
    raw["checksum"] = file.getvalue()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in raw.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def edited(change):
    """The arrays of a model after a change to its description."""
    arrays = written(full_model())
    tree = json.loads(arrays["description"].item())
    change(tree)
    return arrays | {"description": np.array(json.dumps(tree))}


def test_what_the_forgeries_are_made_of_is_a_model(tmp_path):
    (tmp_path / "m").write_bytes(zipped(written(full_model())))
    assert same(load(tmp_path / "m"), full_model())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["layers"][0].update({"class": "Mystery"}), "class 'Mystery', which this version"),
        (lambda t: t["layers"][0].update({"class": "KAN"}), "class 'KAN', which this version"),
        (lambda t: t["layers"][0].update(degree=2, knots=[7, 7]), "does not describe a model"),
        (lambda t: t["layers"][0].update(knots=[-1, -1]), "knots must be at least 0"),
        (lambda t: t["layers"][0].update(n_in=10**12), "knots must be one knot vector or 1000000000000"),
        (lambda t: t["layers"][0].pop("basis"), "theta must have shape|cannot be loaded|basis"),
        (lambda t: t["layers"][0].update(evil=1), "evil"),
        (lambda t: t["layers"].clear(), "at least one layer"),
        (lambda t: t["knots"][0].update(degree=3), "theta must have shape|knots"),
        (lambda t: t.pop("names"), "does not describe a model .KeyError"),
        (lambda t: t.update(names=["a", "a"]), "names must be different"),
        (lambda t: t["record"].update(more=1), "more"),
        (lambda t: t.update(features=[1]), "does not describe|cannot be loaded"),
        (lambda t: t.update(knots=5), "cannot be loaded"),
    ],
)
def test_descriptions_of_other_things_are_refused(change, message, tmp_path):
    arrays = edited(change)
    if "basis" in message:
        assert isinstance(load_from(tmp_path, arrays), Model)  # an option has its default
        return
    refused(tmp_path / "m", zipped(arrays), message)


def load_from(folder, arrays):
    (folder / "m").write_bytes(zipped(arrays))
    return load(folder / "m")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"format_version": np.array(VERSION + 1)},
            f"version {VERSION + 1} of the format.*written by splinekan",
        ),
        ({"format_version": np.array(0)}, "version 0 of the format"),
        ({"format_version": np.array("1")}, "version 1 of the format"),
        ({"format": np.array("another")}, "not a file of a model"),
        ({"theta": np.zeros(3)}, "theta must have shape"),
        ({"theta": np.array(["a"])}, "theta must be an array of real numbers"),
        ({"theta": np.zeros(20, np.float32)}, "a type that is not supported: float32"),
        ({"theta": np.full(20, np.nan)}, "theta must be finite"),
        ({"more": np.zeros(1)}, "holds the array 'more'"),
        ({"description": np.array("[" * 10**5)}, "cannot be loaded|does not describe"),
        ({"description": np.array("{")}, "cannot be loaded"),
        ({"description": np.array("9" * 10**5)}, "cannot be loaded|does not describe"),
        ({"knots_0": np.zeros(9)}, "knots"),
    ],
)
def test_arrays_of_other_things_are_refused(arrays, message, tmp_path):
    refused(tmp_path / "m", zipped(written(full_model()) | arrays), message)


def test_headers_that_claim_what_is_not_there_are_refused(tmp_path):
    def header(text):
        body = text.encode().ljust(117) + b"\n"
        return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body

    arrays = written(full_model())
    del arrays["theta"]
    for text, message in (
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }",
            "length of its shape",
        ),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
            "header|length of its shape",
        ),
        (
            "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }" % ("9" * 60 + ","),
            "length of its shape",
        ),
        ("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", "type that is not supported"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }", "length of its shape"),
        ("__import__('os').abort()", "header"),
        ("(" * 100, "header"),
    ):
        data = zipped(arrays, theta=header(text) + bytes(16))
        refused(tmp_path / "m", data, message)
    refused(tmp_path / "m", zipped(arrays, theta=b""), "header")
    refused(tmp_path / "m", zipped(arrays), "lacks the array 'theta'")


def test_entries_that_claim_more_than_the_file_are_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("format.npy", b"0" * 100)
    data = file.getvalue()
    at = data.index(b"PK\x01\x02")
    size = (2**32 - 2).to_bytes(4, "little")
    refused(tmp_path / "m", data[: at + 20] + size + size + data[at + 28 :], "longer than the file")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("format.npy", bytes(10**7))
    refused(tmp_path / "m", file.getvalue(), "compressed")
