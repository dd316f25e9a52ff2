"""Banded normal equations against the dense ones."""

from dataclasses import replace

import numpy as np
import pytest
import scipy
import sympy as sp

import splinekan as sk
from splinekan.objectives.penalty import QuadraticPenalty
from splinekan.operators import SparseRows
from splinekan.solving.bands import BandMatrix, band, band_equations
from splinekan.solving.meshes import uniform

SYMBOLS = sp.symbols("x y z")
A, B = sk.Unknown("a", start=0.5), sk.Unknown("b", start=-1.0)


def posed(counts, degrees, periodic, n_out=1, constants=0, points=300):
    """A layer, and a nonlinear problem for all of its outputs that names the constants."""
    mesh = uniform([(-1, 1)] * len(counts), counts, degrees, periodic)
    variables = SYMBOLS[: len(counts)]
    unknowns = [sp.Function(f"u{q}")(*variables) for q in range(n_out)]
    terms = sum(u * v for u, v in zip(unknowns, unknowns[1:] + unknowns[:1], strict=True))
    residual = terms + sum(u.diff(x) * x for u in unknowns for x in variables) - 1
    for constant, factor in zip((A, B)[:constants], (unknowns[0], 1), strict=False):
        residual += constant * factor
    network = mesh.network(n_out)
    if constants:
        network = network.with_constants((A, B)[:constants])
    rng = np.random.default_rng(sum(counts))
    equation = sk.Equation(
        residual, unknown=tuple(unknowns) if n_out > 1 else unknowns[0], variables=variables
    )
    values = [sk.Equation(u, unknown=equation.unknown, variables=variables) for u in unknowns]
    inside = rng.uniform(-1, 1, (points, len(counts)))
    blocks = [sk.Block(equation, inside, rng.uniform(1, 2, points))]
    blocks += [sk.Block(each, rng.uniform(-1, 1, (50, len(counts)))) for each in values]
    return mesh.layer(n_out), sk.PINN(network, blocks, bounds=mesh.bounds)


KINDS = {
    "1 input": ((9,), (3,), (False,)),
    "1 periodic input": ((11,), (2,), (True,)),
    "few periodic functions": ((3, 4), (3, 2), (True, True)),
    "first input slow": ((9, 3), (3, 2), (False, False)),
    "last input slow": ((3, 9), (2, 3), (False, False)),
    "periodic, first slow": ((12, 3), (2, 2), (True, False)),
    "periodic, last slow": ((3, 12), (2, 2), (False, True)),
    "both periodic": ((9, 7), (2, 2), (True, True)),
    "3 inputs": ((3, 5, 2), (2, 2, 2), (False, False, False)),
    "3 inputs, periodic": ((4, 2, 8), (2, 2, 2), (True, False, True)),
}


@pytest.fixture(params=[1, 3])
def threads(request):
    before = sk.threads()
    sk.set_threads(request.param)
    yield request.param
    sk.set_threads(before)


def close(found, want):
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-13 * max(np.abs(want).max(), 1.0) * 10)


@pytest.mark.parametrize(("n_out", "constants"), [(1, 0), (2, 0), (3, 2), (1, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_assembled_as_the_dense_matrix(kind, n_out, constants):
    layer, problem = posed(*KINDS[kind], n_out, constants)
    ordering = band(layer)
    theta = np.random.default_rng(0).normal(size=problem.network.n_parameters)
    value, gradient, matrix = band_equations(problem, theta, ordering)
    want = problem.normal_equations(theta)
    assert value == pytest.approx(want[0], rel=1e-13)
    close(gradient, want[1])
    close(matrix.toarray(), want[2])
    close(matrix.diagonal(), np.diag(want[2]))


@pytest.mark.parametrize("n_out", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_width_is_the_largest_distance(kind, n_out):
    layer, problem = posed(*KINDS[kind], n_out, points=3000)
    ordering = band(layer)
    np.testing.assert_array_equal(np.sort(ordering.order), np.arange(layer.n_parameters))
    np.testing.assert_array_equal(ordering.order[ordering.places], np.arange(layer.n_parameters))
    theta = np.random.default_rng(0).normal(size=layer.n_parameters)
    matrix = problem.normal_equations(theta)[2][np.ix_(ordering.order, ordering.order)]
    i, j = np.nonzero(matrix)
    found = (i - j).max()
    assert found <= ordering.width
    if not any(KINDS[kind][2]):
        assert found == ordering.width


def test_a_band_too_narrow_is_noticed():
    layer, problem = posed((9, 3), (3, 2), (False, False), points=3000)
    ordering = band(layer)
    theta = np.ones(layer.n_parameters)
    assert band_equations(problem, theta, ordering) is not None
    assert band_equations(problem, theta, replace(ordering, width=ordering.width - 1)) is None


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("run", [1, 5, 5000])
def test_products_of_rows_in_any_order(threads, kind, run):
    rng = np.random.default_rng(run)
    lengths, n, samples = np.array([5, 4, 1]), 40, 5000
    starts = (
        np.array([0, 12, 30]) + np.repeat(rng.integers(0, 8, (-(-samples // run), 3)), run, axis=0)[:samples]
    )
    rows = SparseRows(rng.normal(size=(samples, 10)).astype(kind), starts, lengths, n)
    dense = rows.toarray().astype(np.float64)
    places = rng.permutation(n)
    whole, again = np.zeros((n, n)), np.zeros((n, n))
    assert rows.add_band_products(whole, places)
    assert rows.add_band_products(again, places)
    np.testing.assert_array_equal(whole, again)
    want = np.zeros((n, n))
    want[np.ix_(places, places)] = dense.T @ dense
    for distance in range(n):
        close(whole[: n - distance, distance], np.diag(want, -distance))
    narrow = np.zeros((n, 12))
    assert not rows.add_band_products(narrow, places)
    close(narrow[: n - 12], whole[: n - 12, :12])


def test_zeros_beyond_the_band_do_not_count():
    rows = SparseRows(np.array([[1.0, 2.0, 0.0, 0.0, 0.0, 0.0]]), np.array([[0]]), np.array([6]), 6)
    found = np.zeros((6, 2))
    assert rows.add_band_products(found, np.arange(6))
    np.testing.assert_array_equal(found[0], [1.0, 2.0])
    assert found[1, 0] == 4.0
    assert np.count_nonzero(found) == 3
    rows = SparseRows(np.array([[1.0, np.nan]]), np.array([[0]]), np.array([2]), 6)
    assert not rows.add_band_products(np.zeros((6, 1)), np.arange(6))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"band": np.zeros((5, 2))}, ValueError, r"band must have shape \(6, 2\)"),
        ({"band": np.zeros(6)}, ValueError, r"band must have shape \(6, 1\)"),
        ({"band": np.zeros((2, 6)).T}, TypeError, "band must be a writeable C-contiguous"),
        ({"band": [[0.0]]}, TypeError, "band must be"),
        ({"places": np.arange(5)}, ValueError, "places must be a permutation of 6 columns"),
        ({"places": np.array([0, 1, 2, 3, 4, 4])}, ValueError, "places must be a permutation"),
        ({"places": np.arange(1, 7)}, ValueError, "places must be a permutation"),
        ({"places": np.arange(6.0)}, TypeError, "places must be integers"),
    ],
)
def test_bands_and_places_that_are_refused(changes, error, message):
    rows = SparseRows(np.ones((1, 2)), np.array([[1]]), np.array([2]), 6)
    arguments = {"band": np.zeros((6, 2)), "places": np.arange(6), **changes}
    with pytest.raises(error, match=message):
        rows.add_band_products(**arguments)
    if isinstance(arguments["band"], np.ndarray):
        assert not arguments["band"].any()


# Rows that are stored as dense ones


def tied(distance, constants=0):
    """Values tied to those at some distance."""
    layer, problem = posed((20,), (3,), (False,), constants=constants)
    x = SYMBOLS[:1]
    value = sk.Equation(sp.Function("u0")(*x), unknown=problem.blocks[0].equation.unknown, variables=x)
    points = np.array([[-0.99], [0.33]])
    tie = sk.Block(value, points, minus=points + distance)
    return layer, replace(problem, blocks=(*problem.blocks, tie))


@pytest.mark.parametrize("constants", [0, 1])
def test_sides_near_each_other_are_in_the_band(constants):
    layer, problem = tied(1e-3, constants)
    theta = np.random.default_rng(0).normal(size=problem.network.n_parameters)
    _, gradient, matrix = band_equations(problem, theta, band(layer))
    want = problem.normal_equations(theta)
    close(matrix.toarray(), want[2])
    close(gradient, want[1])


def test_sides_far_apart_are_not():
    layer, problem = tied(0.6)
    assert band_equations(problem, np.ones(layer.n_parameters), band(layer)) is None


def test_integrals_are_not():
    layer, problem = posed((20,), (3,), (False,))
    x = SYMBOLS[0]
    u = sp.Function("u0")(x)
    mean = sk.Equation(sp.Integral(u, (x, -1, 1)), unknown=u, variables=(x,))
    problem = replace(problem, blocks=(*problem.blocks, sk.Block(mean, [[0.0]])))
    assert band_equations(problem, np.ones(layer.n_parameters), band(layer)) is None


def test_penalties():
    layer, problem = posed((9, 3), (3, 2), (False, False), constants=1)
    theta = np.random.default_rng(0).normal(size=problem.network.n_parameters)
    root = scipy.sparse.eye_array(len(theta), format="csr")[::3] * 2.0
    vars(problem)["penalty"] = QuadraticPenalty(
        root + 3.0 * scipy.sparse.eye_array(len(theta), k=1, format="csr")[::3]
    )
    value, gradient, matrix = band_equations(problem, theta, band(layer))
    want = problem.normal_equations(theta)
    assert value == pytest.approx(want[0], rel=1e-13)
    close(gradient, want[1])
    close(matrix.toarray(), want[2])
    jumps = replace(problem, smoothing=1.0)  # of k + 2 functions
    assert band_equations(jumps, theta, band(layer)) is None


# Solving


@pytest.mark.parametrize("constants", [0, 1, 2])
@pytest.mark.parametrize("kind", ["last input slow", "periodic, first slow", "1 input"])
def test_solved_as_the_dense_matrix(kind, constants):
    layer, problem = posed(*KINDS[kind], 1, constants)
    rng = np.random.default_rng(3)
    theta = rng.normal(size=problem.network.n_parameters)
    matrix = band_equations(problem, theta, band(layer))[2]
    dense = matrix.toarray()
    scale, right = rng.uniform(1, 3, len(theta)), rng.normal(size=len(theta))
    for shift in (0.5, 1e-3):
        shifted = dense + shift * np.diag(scale**2)
        found = matrix.solve(scale, shift, right)
        np.testing.assert_allclose(shifted @ found, right, atol=1e-9)
        np.testing.assert_allclose(found, np.linalg.solve(shifted, right), rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(matrix.toarray(), dense)  # kept


def test_matrices_that_are_not_positive_definite():
    ordering = band(uniform([(0, 1)], (6,), (1,), (False,)).layer(1))
    n, w = len(ordering.order), ordering.width
    indefinite = np.zeros((n, w + 1))
    indefinite[:, 0] = [1.0] * (n - 1) + [-1.0]
    nothing = BandMatrix(ordering, indefinite, np.zeros((n, 0)), np.zeros((0, 0)))
    assert nothing.solve(np.ones(n), 0.5, np.ones(n)) is None
    np.testing.assert_allclose(nothing.solve(np.ones(n), 2.0, np.ones(n)), [1 / 3] * (n - 1) + [1.0])
    definite = np.zeros((n, w + 1))
    definite[:, 0] = 1.0
    bordered = BandMatrix(ordering, definite, np.ones((n, 1)), np.array([[1.0]]))  # Schur complement 1 - n
    assert bordered.solve(np.ones(n + 1), 0.0, np.ones(n + 1)) is None
    assert bordered.solve(np.ones(n + 1), float(n), np.ones(n + 1)) is not None
