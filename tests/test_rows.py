"""Sparse rows: products against the dense matrix, and segments that must not leave it."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.network import SparseRows
from splinekan.objectives import data
from splinekan.operators import segments

GOOD = {
    "values": np.arange(12.0).reshape(3, 4),
    "starts": np.array([[0, 4], [1, 5], [2, 4]]),
    "lengths": np.array([2, 2]),
    "n_columns": 7,
}


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.int64])
def test_products_are_those_of_the_dense_matrix(kind):
    rows = SparseRows(GOOD["values"], GOOD["starts"].astype(kind), GOOD["lengths"].astype(kind), kind(7))
    dense = np.zeros((3, 7))
    for i, starts in enumerate(GOOD["starts"]):
        for segment, start in enumerate(starts):
            dense[i, start : start + 2] = GOOD["values"][i, 2 * segment : 2 * segment + 2]
    np.testing.assert_array_equal(rows.toarray(), dense)
    v, r = np.arange(7.0), np.arange(3.0)
    np.testing.assert_allclose(rows.matvec(v), dense @ v)
    np.testing.assert_allclose(rows.matvec(v.astype(">f8")), dense @ v)
    np.testing.assert_allclose(rows.rmatvec(np.repeat(r, 2)[::2]), dense.T @ r)
    np.testing.assert_allclose(rows.normal_matrix(), dense.T @ dense)
    np.testing.assert_array_equal(rows.tocsr().toarray(), dense)
    np.testing.assert_allclose(rows.column_squares(), (dense**2).sum(axis=0))
    assert type(rows.n_columns) is int


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"starts": GOOD["starts"] + 2}, ValueError, "starts: segments must lie in the columns 0 to 6"),
        ({"starts": GOOD["starts"] - 1}, ValueError, "starts: segments must lie"),
        ({"starts": GOOD["starts"][:, ::-1]}, ValueError, "starts: every segment"),
        ({"starts": GOOD["starts"][:2]}, ValueError, "starts must have shape"),
        ({"starts": GOOD["starts"] + 0.5}, TypeError, "starts must be integers"),
        ({"starts": np.uint64(2**64 - 1) - GOOD["starts"].astype("u8")}, ValueError, "starts"),
        ({"lengths": np.array([2, 3])}, ValueError, "lengths"),
        ({"lengths": np.array([-1, 5])}, ValueError, "lengths"),
        ({"lengths": "22"}, TypeError, "lengths"),
        ({"values": GOOD["values"].ravel()}, ValueError, "values"),
        ({"values": GOOD["values"] + 0j}, TypeError, "values"),
        ({"n_columns": 6}, ValueError, "columns"),
        ({"n_columns": 7.0}, TypeError, "n_columns"),
    ],
)
def test_rows_that_would_read_elsewhere_are_refused(changes, kind, message):
    with pytest.raises(kind, match=message):
        SparseRows(**{**GOOD, **changes})


@pytest.mark.parametrize("bad", [np.ones(8), np.ones(6), np.ones((8, 1)), np.ones((7, 2)), 1.0, np.ones(0)])
def test_vectors_of_another_length_are_refused(bad):
    rows = SparseRows(**GOOD)
    with pytest.raises(ValueError, match="v must have"):
        rows.matvec(bad)
    with pytest.raises(ValueError, match="r must have"):
        rows.rmatvec(bad)
    with pytest.raises(ValueError, match="lower must have shape"):
        rows.add_products(np.zeros((3, 3)))
    with pytest.raises(TypeError, match="lower"):
        rows.add_products(np.zeros((7, 7), order="F")[:, ::-1])


@pytest.fixture(params=[1, 3])
def threads(request):
    before = sk.threads()
    sk.set_threads(request.param)
    yield request.param
    sk.set_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("lengths", [(4, 4), (20, 4), (3, 17, 5), (1,), (36, 6, 6), (2, 0, 7)])
@pytest.mark.parametrize("run", [1, 3, 700])
@pytest.mark.parametrize("dense", [False, True])
def test_products_of_runs_of_all_lengths(kind, lengths, run, dense, monkeypatch):
    """Rows whose segments begin in the same columns one after the other, as sorted samples do, or not."""
    monkeypatch.setattr(segments, "DENSE", 1e9 if dense else 0)
    monkeypatch.setattr(segments, "DENSE_ROWS", 100)
    rng = np.random.default_rng(len(lengths))
    n, room = 700, 5
    values = rng.normal(size=(n, sum(lengths))).astype(kind)
    first = np.cumsum([0, *(length + room for length in lengths[:-1])])
    starts = first + np.repeat(rng.integers(0, room, (-(-n // run), len(lengths))), run, axis=0)[:n]
    rows = SparseRows(values, starts, np.array(lengths), first[-1] + lengths[-1] + room)
    matrix = rows.toarray().astype(np.float64)
    v, r = rng.normal(size=rows.shape[1]), rng.normal(size=n)
    tolerance = 1e-3 if kind == np.float32 and dense else 1e-11
    normal = rows.normal_matrix()
    np.testing.assert_allclose(normal, matrix.T @ matrix, atol=tolerance)
    np.testing.assert_array_equal(normal, normal.T)
    np.testing.assert_allclose(rows.matvec(v), matrix @ v, atol=1e-11)
    np.testing.assert_allclose(rows.rmatvec(r), matrix.T @ r, atol=1e-11)
    np.testing.assert_array_equal(rows.normal_matrix(), normal)


@pytest.mark.parametrize("loss", ["squares", "diagonal", "full"])
def test_rows_of_weighted_losses(loss):
    """S J by cotangents that hold S, against S times J."""
    network = sk.KAN.splines([2, 3, 2], intervals=3)
    rng = np.random.default_rng(0)
    at = network.linearize(rng.normal(size=network.n_parameters), rng.uniform(0, 1, (6, 2)))
    S = rng.normal(size=(1 if loss == "squares" else 6, 2, 2))
    if loss == "diagonal":
        S *= np.eye(2)
    J = at.jacobian().toarray().reshape(6, 2, -1)
    want = np.einsum("nij,njm->nim", np.broadcast_to(S, (6, 2, 2)), J)
    np.testing.assert_allclose(at.rows(S).toarray().reshape(want.shape), want, atol=1e-12)
    with pytest.raises(ValueError, match="S must have shape"):
        at.rows(np.ones((3, 2, 2)))


@pytest.mark.parametrize("kind", ["splines", "affine first", "perceptron"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_do_not_depend_on_the_order_of_samples(kind, weighted, monkeypatch):
    network = {
        "splines": sk.KAN.splines([2, 3, 1], intervals=6),
        "affine first": sk.KAN.affine_first([2, 3, 1], intervals=6),
        "perceptron": sk.MLP([2, 4, 1], "tanh"),
    }[kind]
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (300, 2)), rng.normal(size=300)
    weights = rng.uniform(0, 1, 300) if weighted else None
    theta = rng.normal(size=network.n_parameters) / 3
    plain = sk.LeastSquares(network, x, y, weights).normal_equations(theta)
    monkeypatch.setattr(data, "SORTED", 1)
    objective = sk.LeastSquares(network, x, y, weights)
    for a, b in zip(objective.normal_equations(theta), plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11 * np.abs(b).max())
    order = data._order_of_cells(network, x)
    np.testing.assert_array_equal(np.sort(order), np.arange(300))
    np.testing.assert_array_equal(objective.x, x)  # the order of the objective itself is the user's
    if kind == "splines":  # from cell to neighbouring cell
        steps = np.abs(np.diff(np.floor(6 * x[order]), axis=0)).max(axis=1)
        assert steps.max() <= 1
