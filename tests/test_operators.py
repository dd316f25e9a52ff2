"""Operators are SciPy's, and know more: normal matrices, column norms, dense forms."""

import pickle

import numpy as np
import pytest
import scipy
from cases import networks, start
from scipy.sparse.linalg import LinearOperator, cg, svds

from splinekan.operators import Coordinates, EdgeMap, Matrix, Operator, Piece, SparseRows, Stacked

NETWORKS = networks()
pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")


def jacobian():
    net = NETWORKS["affine-first"]
    theta, x, _ = start(net)
    return net.jacobian(theta, x)


def dense(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


OPERATORS = {
    "sparse rows": jacobian,
    "dense": lambda: Matrix(dense(0, (9, 5))),
    "sparse": lambda: Matrix(scipy.sparse.csr_array(np.triu(dense(0, (9, 5))))),
    "stacked": lambda: Stacked([jacobian(), Matrix(dense(1, (3, jacobian().shape[1])))]),
    "coordinates": lambda: NETWORKS["splines"].coordinates("relu"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_all_products_agree_with_the_dense_form(name):
    J = OPERATORS[name]()
    A = J.toarray()
    rows, columns = J.shape
    assert isinstance(J, (Operator, LinearOperator))
    assert A.shape == J.shape
    v, r = dense(2, columns), dense(3, rows)
    scale = np.abs(A).max()
    for product, want in (
        (J.matvec(v), A @ v),
        (J @ v, A @ v),
        (J.rmatvec(r), A.T @ r),
        (J.T @ r, A.T @ r),
        (J.matvec(v[:, None]), (A @ v)[:, None]),
        (J.matmat(np.stack([v, 2 * v], 1)), A @ np.stack([v, 2 * v], 1)),
        (J.rmatmat(np.stack([r, -r], 1)), A.T @ np.stack([r, -r], 1)),
        (J.normal_matrix(), A.T @ A),
        (J.column_squares(), (A**2).sum(axis=0)),
        (J.column_norms(), np.linalg.norm(A, axis=0)),
        ((J.T @ J) @ v, A.T @ (A @ v)),
        ((2 * J + J) @ v, 3 * (A @ v)),
    ):
        np.testing.assert_allclose(product, want, atol=1e-12 * scale * max(scale, 1) * len(A))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(J)).toarray(), A)


def test_scipy_solves_with_them():
    J = OPERATORS["stacked"]()
    A = J.toarray()
    s = svds(J, k=1, return_singular_vectors=False)[0]
    assert s == pytest.approx(np.linalg.norm(A, 2), rel=1e-10)
    damped = J.T @ J + scipy.sparse.linalg.aslinearoperator(s**2 * np.eye(J.shape[1]))
    g = J.rmatvec(np.ones(J.shape[0]))
    x, info = cg(damped, g, rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose((A.T @ A + s**2 * np.eye(J.shape[1])) @ x, g, atol=1e-9 * np.abs(g).max())


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("bad", [1.0, "v", np.ones((2, 2)), np.ones(0), None, 1j * np.ones(3)])
def test_other_shapes_and_kinds_are_refused(name, bad):
    J = OPERATORS[name]()
    with pytest.raises((TypeError, ValueError), match="v must"):
        J.matvec(bad)
    with pytest.raises((TypeError, ValueError), match="r must"):
        J.rmatvec(bad)


def test_coordinates_piece_by_piece():
    S = np.triu(dense(0, (3, 3))) + 3 * np.eye(3)
    inverse = np.linalg.inv(S)
    T = Coordinates(16, [Piece(1, 13, 2, 3, EdgeMap.dense(S, inverse))])  # two inputs, two outputs
    block = np.kron(np.eye(2), np.kron(S, np.eye(2)))
    A = scipy.linalg.block_diag(np.eye(1), block, np.eye(3))
    for v in (dense(1, 16), dense(1, (16, 4))):
        np.testing.assert_allclose(T.apply(v), A @ v, atol=1e-13)
        np.testing.assert_allclose(T.apply_transpose(v), A.T @ v, atol=1e-13)
        np.testing.assert_allclose(T.solve(v), np.linalg.solve(A, v), atol=1e-13)
        np.testing.assert_allclose(T.solve_transpose(v), np.linalg.solve(A.T, v), atol=1e-13)
        np.testing.assert_allclose(T.absolute().apply(v), np.abs(A) @ v, atol=1e-13)
    back = Coordinates(16, [Piece(1, 13, 2, 3, EdgeMap.dense(S, inverse).inverse())])
    np.testing.assert_allclose(back.apply(T.apply(np.arange(16.0))), np.arange(16.0), atol=1e-12)
    with pytest.raises(ValueError, match="dense pieces only"):
        NETWORKS["splines"].coordinates("relu").absolute()


def test_sparse_rows_are_sliced_by_their_segments():
    J = jacobian()
    assert isinstance(J, SparseRows)
    np.testing.assert_array_equal(J.tocsr().toarray(), J.toarray())
