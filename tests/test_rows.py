"""Sparse rows: products against the dense matrix, and segments that must not leave it."""

import numpy as np
import pytest

from splinekan.network import SparseRows

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
