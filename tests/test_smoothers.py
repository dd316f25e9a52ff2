"""Sweeps against their formulas, bounds against eigenvalues."""

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.multilevel import Chebyshev, GaussSeidel, Jacobi, KroneckerSum
from splinekan.multilevel.sweeps import Repeated, eigenvalue_bound


def matrices():
    knots = sk.KnotVector.uniform(0, 1, 12, 3)
    M, K = sk.gram_matrix(knots), sk.gram_matrix(knots, derivative=1)
    rng = np.random.default_rng(0)
    F = rng.normal(size=(60, 20)) * np.logspace(0, 3, 20)
    return {
        "mass": M,
        "stiffness": scipy.sparse.csr_array(K + 1e-3 * M),
        "Gauss-Newton": F.T @ F,
        "laplacian": scipy.sparse.csr_array(
            scipy.sparse.diags_array([-np.ones(29), 2 * np.ones(30), -np.ones(29)], offsets=[-1, 0, 1])
        ),
        "tensor product": KroneckerSum([(K, M), (M, K), (M, M)]),
    }


MATRICES = matrices()


def dense(matrix):
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)


def sweep_matrix(sweep, n, transposed=False):
    apply = sweep.apply_transpose if transposed else sweep.apply
    return np.stack([apply(e) for e in np.eye(n)], axis=1)


@pytest.mark.parametrize("name", MATRICES)
def test_the_bound_is_a_bound_and_not_far_off(name):
    A = dense(MATRICES[name])
    scale = np.sqrt(np.diag(A))
    largest = np.linalg.eigvalsh(A / scale / scale[:, None])[-1]
    assert largest <= eigenvalue_bound(MATRICES[name]) * (1 + 1e-12)
    assert eigenvalue_bound(MATRICES[name]) <= 1.1 * largest * (1 + 1e-12)


def test_the_bound_of_a_mass_matrix_on_periodic_knots_is_the_eigenvalue():
    M = sk.gram_matrix(sk.KnotVector.uniform(0, 1, 16, 3, periodic=True))
    assert eigenvalue_bound(M) == pytest.approx(
        np.linalg.eigvalsh(M.toarray())[-1] / M.diagonal()[0], rel=1e-13
    )


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize(
    "smoother",
    [
        Jacobi(),
        Jacobi(1.0),
        GaussSeidel(),
        GaussSeidel(symmetric=True),
        *(Chebyshev(m, 30.0) for m in (1, 2, 5)),
    ],
    ids=str,
)
def test_sweeps_converge_in_the_energy_norm(name, smoother):
    A = dense(MATRICES[name])
    sweep = smoother.on(MATRICES[name])
    S = sweep_matrix(sweep, len(A))
    np.testing.assert_allclose(sweep_matrix(sweep, len(A), True), S.T, rtol=1e-9, atol=1e-12 * abs(S).max())
    root = np.linalg.cholesky(A).T
    error = root @ (np.eye(len(A)) - S @ A) @ np.linalg.inv(root)
    assert np.linalg.norm(error, 2) < 1


@pytest.mark.parametrize("name", ["mass", "stiffness", "Gauss-Newton", "tensor product"])
def test_sweeps_are_their_formulas(name):
    matrix, A = MATRICES[name], dense(MATRICES[name])
    n, D, L = len(A), np.diag(np.diag(A)), np.tril(A)
    bound = eigenvalue_bound(matrix)
    want = {
        Jacobi(0.7): 0.7 / bound * np.linalg.inv(D),
        GaussSeidel(): np.linalg.inv(L),
        GaussSeidel(symmetric=True): np.linalg.inv(L.T) @ D @ np.linalg.inv(L),
    }
    for smoother, S in want.items():
        found = sweep_matrix(smoother.on(matrix), n)
        np.testing.assert_allclose(found, S, rtol=1e-9, atol=1e-12 * abs(S).max())


@pytest.mark.parametrize("degree", [1, 2, 3, 6])
def test_the_chebyshev_sweep_is_a_chebyshev_polynomial(degree):
    matrix = MATRICES["stiffness"]
    A, ratio = dense(matrix), 7.0
    inverse = 1 / np.diag(A)
    b = eigenvalue_bound(matrix)
    a = b / ratio
    values, vectors = np.linalg.eig(inverse[:, None] * A)
    T = np.polynomial.chebyshev.Chebyshev.basis(degree)
    factors = T((b + a - 2 * values) / (b - a)) / T((b + a) / (b - a))
    want = (vectors * factors) @ np.linalg.inv(vectors)
    S = sweep_matrix(Chebyshev(degree, ratio).on(matrix), len(A))
    np.testing.assert_allclose(np.eye(len(A)) - S @ A, want, atol=1e-9)


def test_repeated_sweeps_are_powers():
    A = dense(MATRICES["mass"])
    sweep = GaussSeidel().on(MATRICES["mass"])
    S = np.stack([Repeated(sweep, MATRICES["mass"], 3).apply(e) for e in np.eye(len(A))], axis=1)
    once = np.eye(len(A)) - sweep_matrix(sweep, len(A)) @ A
    np.testing.assert_allclose(np.eye(len(A)) - S @ A, np.linalg.matrix_power(once, 3), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jacobi(2.0), "damping must be below 2"),
        (lambda: Jacobi(0.0), "damping must be positive"),
        (lambda: Jacobi("1"), "damping must be a real number"),
        (lambda: Chebyshev(0), "degree must be between 1"),
        (lambda: Chebyshev(3, 1.0), "ratio must be greater than 1"),
        (lambda: GaussSeidel(1), "symmetric must be True or False"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
