"""Spectra against exact rationals and many digits, with errors that hold; Lanczos; densities."""

from dataclasses import replace
from math import comb, factorial

import mpmath
import numpy as np
import oracles
import pytest
from cases import EPS, has_relu_basis, knots, networks, start
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import splinekan as sk
from splinekan import spectra
from splinekan.operators import Coordinates, EdgeMap, Piece
from splinekan.spectra.coordinates import basis_matrices

DIGITS = 80

IDENTITY = EdgeMap.dense(np.eye(1), np.eye(1))


def exact_matrix(rows):
    return mpmath.matrix([[mpmath.mpf(v.numerator) / v.denominator for v in row] for row in rows])


def eigenvalues(matrix):
    """In decreasing order, by many digits."""
    return sorted(mpmath.eigsy(matrix, eigvals_only=True), reverse=True)


def assert_errors_hold(found, exact):
    """Every value within its error of the exact one; zeros are zero to rounding."""
    assert len(found) == len(exact)
    for value, error, want in zip(found.values, found.error, exact, strict=True):
        assert abs(mpmath.mpf(value) - want) <= mpmath.mpf(error) + abs(want) * 4 * EPS


def relu_matrix(matrix, t, degree, edges=1):
    """A^{-1} H A^{-T}, A exact, H a float64 matrix taken as it is, one block A for every edge."""
    A = exact_matrix(oracles.change_of_basis(t, degree))
    m = A.rows
    inverse = mpmath.inverse(A)
    whole = mpmath.eye(len(matrix))
    for p in range(edges):
        for i in range(m):
            for j in range(m):
                whole[p * m + i, p * m + j] = inverse[i, j]
    return whole * mpmath.matrix(matrix.tolist()) * whole.T


@pytest.mark.parametrize("degree", range(6))
@pytest.mark.parametrize("kind", ["uniform", "random"])
def test_change_of_basis_against_exact_rationals(kind, degree):
    t = knots(kind, degree, intervals=10)
    with mpmath.workdps(DIGITS):
        A = exact_matrix(oracles.change_of_basis(t, degree))
        exact = eigenvalues(A.T * A)
        found = sk.change_of_basis_spectrum(t, degree)
        assert found.unresolved == found.nullity == 0
        assert_errors_hold(found, exact)
        assert found.error.max() / found.largest < 1e-11
        roots = sk.change_of_basis_spectrum(t, degree, "A")
        assert_errors_hold(roots, [mpmath.sqrt(v) for v in exact])
        inverse = sk.change_of_basis_spectrum(t, degree, "(A A^T)^-1")
        assert_errors_hold(inverse, [1 / v for v in reversed(exact)])


def test_where_squares_are_rounding_both_ends_still_hold():
    t = sk.uniform_knots(0, 1, 40, 5)
    A = sk.change_of_basis(t, 5).toarray()
    naive = np.sort(np.linalg.eigvalsh(A.T @ A))[::-1]
    found = sk.change_of_basis_spectrum(t, 5)
    with mpmath.workdps(DIGITS):
        exact_A = exact_matrix(oracles.change_of_basis(t, 5))
        exact = eigenvalues(exact_A.T * exact_A)
        worst = max(abs(mpmath.mpf(v) / want - 1) for v, want in zip(naive, exact, strict=True))
        assert worst > 1  # the case: more than all digits lost
        assert found.unresolved == 0
        assert_errors_hold(found, exact)
    marked = sk.spectra.symmetric_spectrum(A.T @ A)
    lost = np.array([float(abs(mpmath.mpf(v) / want - 1)) for v, want in zip(naive, exact, strict=True)])
    assert not marked.resolved[lost > 0.1].any()
    assert not marked.values[lost > 1].any()
    assert marked.nullity + marked.unresolved > 0


@pytest.mark.parametrize("degree", range(8))
def test_lemma_4_bounds(degree):
    r = degree + 1
    for intervals in (2, 9, 80, 200):
        m = intervals + degree
        condition = sk.change_of_basis_spectrum(sk.uniform_knots(0, 1, intervals, degree), degree).condition
        if m >= r + 1:
            assert condition >= comb(2 * r, r) * (comb(m + r, r + 1) / m) ** 2
        assert condition <= 4.0**r * comb(m + r - 1, r) ** 2


@pytest.mark.parametrize("intervals", [3, 50])
def test_order_one_has_closed_eigenvalues(intervals):
    found = sk.change_of_basis_spectrum(sk.uniform_knots(0, 2, intervals, 0), 0)
    j = np.arange(intervals, 0, -1)
    want = 4 * np.sin((2 * j - 1) * np.pi / (4 * intervals + 2)) ** 2
    np.testing.assert_allclose(found.values, want, rtol=1e2 * intervals * EPS)


@pytest.mark.parametrize("matrix", spectra.MATRICES)
def test_vectors_of_the_change_of_basis(matrix):
    t = knots("random", 2, intervals=8)
    A = sk.change_of_basis(t, 2).toarray()
    found = sk.change_of_basis_spectrum(t, 2, matrix, vectors=True)
    inverse = np.linalg.inv(A @ A.T)
    whole = {"A": A.T @ A, "A^T A": A.T @ A, "(A A^T)^-1": inverse}[matrix]
    values = found.values**2 if matrix == "A" else found.values
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(len(A)), atol=1e-10)
    np.testing.assert_allclose(
        whole @ found.vectors, found.vectors * values, atol=1e-9 * np.abs(whole).max(), rtol=0
    )


def test_sign_changes_of_the_vectors():
    found = sk.change_of_basis_spectrum(sk.uniform_knots(0, 1, 30, 3), 3, vectors=True)
    signs = np.sign(found.vectors[:, ::-1])
    assert (np.abs(np.diff(signs, axis=0)) / 2).sum(axis=0).tolist() == list(range(33))


@pytest.mark.parametrize("degree", range(6))
def test_gram_against_exact_rationals(degree):
    t = sk.uniform_knots(0, 1, 8, degree)
    with mpmath.workdps(DIGITS):
        # Gauss's rule in many digits, so that the matrix is exact to them
        nodes, weights = gauss(degree + 1)
        rows = []
        for left, right in zip(t[degree:-1], t[degree + 1 :], strict=False):
            if right > t[-degree - 1]:
                break
            a, b = mpmath.mpf(float(left)), mpmath.mpf(float(right))
            for x, w in zip(nodes, weights, strict=True):
                at = (a + b) / 2 + (b - a) / 2 * x
                root = mpmath.sqrt(w * (b - a) / 2)
                powers = [
                    root * (at - mpmath.mpf(float(s))) ** degree if at > float(s) else mpmath.mpf(0)
                    for s in t[: len(t) - degree - 1]
                ]
                rows.append(powers)
        factor = mpmath.matrix(rows)
        relu = factor.T * factor
        assert_errors_hold(sk.gram_spectrum(t, degree, basis="relu"), eigenvalues(relu))
        A = exact_matrix(oracles.change_of_basis(t, degree))
        found = sk.gram_spectrum(t, degree)
        assert_errors_hold(found, eigenvalues(A * relu * A.T))
        assert found.condition <= 10.0 ** (2 * degree)
    whole = sk.gram_spectrum(t, degree, basis="relu").condition
    r, G = degree + 1, 8
    least = comb(2 * r, r) * G ** (2 * r + 1) / (factorial(r) ** 2 * (r + 1) ** 2 * (G + r - 1))
    assert whole >= least  # proved in theory: relu-gram-growth
    assert whole <= found.condition * sk.change_of_basis_spectrum(t, degree).condition * (1 + 1e-10)


def gauss(n):
    """Legendre's nodes and weights in the precision set."""
    nodes = [
        mpmath.findroot(lambda x: mpmath.legendre(n, x), x0) for x0 in np.polynomial.legendre.leggauss(n)[0]
    ]
    slopes = [mpmath.diff(lambda x: mpmath.legendre(n, x), x) for x in nodes]
    return nodes, [2 / ((1 - x**2) * s**2) for x, s in zip(nodes, slopes, strict=True)]


def test_stiffness_does_not_see_constants():
    t = sk.uniform_knots(0, 1, 20, 3)
    for basis in spectra.BASES:
        found = sk.gram_spectrum(t, 3, 1, basis, vectors=True)
        assert (found.nullity, found.unresolved) == (1, 0)
        assert found.values[-1] == 0
        T = spectra.coordinates(sk.KAN.splines([1, 1], intervals=20), basis)
        constant = T.apply(np.ones(23))
        overlap = abs(constant @ found.vectors[:, -1]) / np.linalg.norm(constant)
        assert overlap == pytest.approx(1, abs=1e-9)
    # against the mass matrix: Neumann's problem on [0, 1], eigenvalues (j pi)^2
    smooth = sk.gram_spectrum(t, 3, 1, "mass").values[-2:-6:-1]
    np.testing.assert_allclose(smooth, (np.arange(1, 5) * np.pi) ** 2, rtol=1e-4)


def problem(name="affine-first", n=200):
    net = networks()[name]
    theta, _, rng = start(net)
    x = rng.uniform(0, 1, (n, net.n_in))
    return sk.LeastSquares(net, x, rng.normal(size=(n, net.n_out)), rng.uniform(0.5, 1, n)), theta


@pytest.mark.parametrize(
    "name",
    ["affine-first", "splines", "quintic", "normalised", "tanh", "knots-per-input", "silu-base", "periodic"],
)
def test_dense_spectra_against_numpy(name):
    objective, theta = problem(name)
    J = objective.jacobian(theta).toarray()
    want = np.linalg.eigvalsh(J.T @ J)[::-1]
    found = sk.gauss_newton_spectrum(objective, theta, vectors=True)
    np.testing.assert_allclose(found.values, want, atol=1e2 * len(want) * EPS * want[0])
    assert found.nullity == J.shape[1] - np.linalg.matrix_rank(J)
    sizes = spectra.network.error_scale(objective.network, J)
    spread = sizes.max() / sizes[sizes > 0].min()  # null vectors come out of scaled columns
    np.testing.assert_allclose(
        J.T @ (J @ found.vectors), found.vectors * found.values, atol=1e2 * len(want) * EPS * want[0] * spread
    )
    H = spectra.hessian_matrix(objective, theta)
    scale = np.abs(H).max()
    np.testing.assert_allclose(H, H.T, atol=1e3 * EPS * scale)
    found = sk.hessian_spectrum(objective, theta, vectors=True)
    np.testing.assert_allclose(found.values, np.linalg.eigvalsh(H)[::-1], atol=1e3 * EPS * scale * len(H))
    np.testing.assert_allclose(
        H @ found.vectors, found.vectors * found.values, atol=1e3 * EPS * scale * len(H)
    )
    assert found.negative > 0


def test_hessian_is_the_derivative_of_the_gradient():
    objective, theta = problem("tanh")
    H = spectra.hessian_matrix(objective, theta)
    h = 1e-3
    for j, unit in enumerate(np.eye(len(theta))):
        steps = [objective.gradient(theta + s * h * unit) for s in (-2, -1, 1, 2)]
        difference = (steps[0] - 8 * steps[1] + 8 * steps[2] - steps[3]) / (12 * h)
        np.testing.assert_allclose(difference, H[:, j], atol=1e-8 * np.abs(H).max())


@pytest.mark.parametrize(("degree", "intervals"), [(1, 12), (3, 12), (5, 8)])
def test_relu_gauss_newton_against_many_digits(degree, intervals):
    net = sk.KAN.splines([1, 1], degree=degree, intervals=intervals)
    x = (np.arange(200) + 0.5)[:, None] / 200
    objective = sk.LeastSquares(net, x, np.sin(3 * x))
    theta = np.random.default_rng(0).normal(size=net.n_parameters)
    t = net.layers[0].common_knots
    with mpmath.workdps(DIGITS):
        J = mpmath.matrix(objective.jacobian(theta).toarray().tolist())
        square = J.T * J
        A = exact_matrix(oracles.change_of_basis(t, degree))
        inverse = mpmath.inverse(A)
        exact = eigenvalues(inverse * square * inverse.T)
        found = sk.gauss_newton_spectrum(objective, theta, "relu")
        assert found.unresolved == found.nullity == 0
        assert_errors_hold(found, exact)
        H = spectra.hessian_matrix(objective, theta)  # the same matrix: the model is linear
        exact = eigenvalues(relu_matrix((H + H.T) / 2, t, degree))
        assert_errors_hold(sk.hessian_spectrum(objective, theta, "relu"), exact)
    from_relu = replace(objective, network=net.with_basis("relu"))
    again = sk.gauss_newton_spectrum(from_relu, net.to_basis(theta, "relu"), "relu")
    np.testing.assert_allclose(again.values, found.values, rtol=1e-6)


def test_an_indefinite_hessian_in_the_relu_basis_against_many_digits():
    net = sk.KAN.splines([1, 1, 1], degree=3, intervals=6, extrapolate="polynomial")
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 1, (300, 1))
    theta = sk.initialize(net, 1, "greville", noise=0.2)
    objective = sk.LeastSquares(net, x, 3 * rng.normal(size=300))
    H = spectra.hessian_matrix(objective, theta)
    H = (H + H.T) / 2
    with mpmath.workdps(DIGITS):
        exact = eigenvalues(relu_matrix(H, net.layers[0].common_knots, 3, edges=2))
    found = sk.hessian_spectrum(objective, theta, "relu")
    assert found.negative > 0
    checked = 0
    for value, error, sure, want in zip(found.values, found.error, found.resolved, exact, strict=True):
        if sure:
            assert abs(value - float(want)) <= error + 1e-14 * abs(value)
            checked += 1
    assert checked >= 14


def test_a_congruence_with_known_null_space():
    """Rank-deficient, indefinite, badly scaled: against many digits, with H of small integers, so exact."""
    rng = np.random.default_rng(2)
    t = sk.uniform_knots(0, 6, 6, 3)
    n = 9
    low = rng.integers(-2, 3, (6, n)).astype(float)
    H = low.T @ np.diag([5.0, 3.0, 1.0, -1.0, -2.0, 4.0]) @ low
    T = spectra.coordinates(sk.KAN.splines([1, 1], intervals=6, domain=(0, 6)), "relu")
    found = spectra.two_sided.congruence_spectrum(H, T, vectors=True)
    with mpmath.workdps(DIGITS):
        exact = eigenvalues(relu_matrix(H, t, 3))
    assert (found.nullity, found.unresolved, found.negative) == (3, 0, 2)
    exact = np.array([float(v) for v in exact])
    nonzero = np.abs(exact) > 1e-40
    np.testing.assert_allclose(found.values[found.resolved], exact[nonzero], rtol=1e-8)
    H_w = T.solve_transpose(T.solve_transpose(H).T)
    np.testing.assert_allclose(
        H_w @ found.vectors, found.vectors * found.values, atol=1e-9 * np.abs(H_w).max()
    )
    factor = spectra.factor_spectrum(low, T)
    assert (factor.nullity, factor.unresolved) == (3, 0)
    with mpmath.workdps(DIGITS):
        exact = eigenvalues(relu_matrix(low.T @ low, t, 3))
    np.testing.assert_allclose(factor.values[:6], [float(v) for v in exact[:6]], rtol=1e-8)


def test_noise_in_j_is_never_reported_as_a_spectrum():
    """A factor of numerical rank 8 with noise: its small singular values are rounding in all bases."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(n, 8)))[0] for n in (60, 23))
    J = U @ np.diag(10.0 ** -np.arange(8)) @ V.T
    J += EPS * rng.normal(size=J.shape) * np.abs(J)
    T = spectra.coordinates(sk.KAN.splines([1, 1], intervals=20), "relu")
    for found in (spectra.factor_spectrum(J), spectra.factor_spectrum(J, T)):
        assert found.nullity == 15
        assert not found.resolved[-15:].any()
        assert not found.values[-15:].any()
    # Without a gap nothing small is resolved in other coordinates: J's own error decides it.
    Q = np.linalg.qr(rng.normal(size=(23, 23)))[0]
    J = Q @ np.diag(10.0 ** -np.linspace(0, 15, 23)) @ Q.T
    found = spectra.factor_spectrum(J, T)
    assert found.unresolved > 0
    assert np.isnan(found.condition)
    assert found.condition_seen > 1
    assert found.noise > 0


def test_a_scale_says_which_columns_are_known_how_well():
    """Columns of very different sizes, each known to eps of its own size: all values are resolved."""
    rng = np.random.default_rng(3)
    sizes = 10.0 ** -np.arange(0, 24, 2)
    J = rng.normal(size=(40, 12)) * sizes
    assert spectra.factor_spectrum(J).nullity > 0
    found = spectra.factor_spectrum(J, scale=sizes)
    assert found.unresolved == found.nullity == 0
    with mpmath.workdps(DIGITS):
        exact = mpmath.matrix(J.tolist())
        assert_errors_hold(found, eigenvalues(exact.T * exact))


@pytest.mark.parametrize(
    "name",
    ["affine-first", "splines", "quintic", "normalised", "tanh", "knots-per-input", "silu-base", "periodic"],
)
def test_error_scale_bounds_every_column_and_what_reaches_its_edge(name):
    objective, theta = problem(name)
    J = objective.jacobian(theta).toarray()
    scale = spectra.network.error_scale(objective.network, J)
    assert (np.linalg.norm(J, axis=0) <= scale * (1 + 1e-12)).all()
    layer = objective.network.layers[-1]
    if isinstance(layer, sk.SplineLayer):
        # Outputs are its sums: what reaches an edge is the root of the weight.
        last = layer.unpack(scale[objective.network.offsets[-2] :])["coefficients"]
        hidden = objective.network.linearize(theta, objective.x).inputs[-1]
        for p, knots in enumerate(layer.knots):
            at = hidden[:, p] if knots.periodic else np.clip(hidden[:, p], *knots.domain)
            active = sk.BSplineBasis(knots).tabulate(at) > 0
            reached = np.sqrt((active * objective.weights[:, None]).sum(axis=0))
            assert (reached <= last[p][:, 0] * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", ["knots-per-input", "silu-base", "periodic", "repeated"])
def test_coordinates_input_by_input(name):
    net = networks()[name]
    for basis in ("mass", "relu", "scaled-relu"):
        if basis != "mass" and not has_relu_basis(net):
            with pytest.raises(ValueError, match="a ReLU basis needs"):
                spectra.coordinates(net, basis)
            continue
        T = spectra.coordinates(net, basis)
        want = np.eye(net.n_parameters)
        for layer, first in zip(net.layers, net.offsets, strict=False):
            for at in getattr(layer, "edges", ()):
                matrix, inverse = basis_matrices(at.knots, None, basis)
                np.testing.assert_allclose(matrix @ inverse, np.eye(len(matrix)), atol=1e-6)
                block = np.kron(np.eye(at.n_in), np.kron(matrix, np.eye(layer.n_out)))
                where = slice(first + at.start, first + at.stop)
                want[where, where] = block
        np.testing.assert_allclose(T.toarray(), want, atol=1e-13 * np.abs(want).max())
        if basis == "relu":
            np.testing.assert_allclose(
                net.coordinates("relu").toarray(), want, atol=1e-13 * np.abs(want).max()
            )


def test_layers_are_diagonal_blocks():
    objective, theta = problem("splines")
    net = objective.network
    J = objective.jacobian(theta).toarray()
    H = spectra.hessian_matrix(objective, theta)
    for layer, (first, last) in enumerate(zip(net.offsets, net.offsets[1:], strict=False)):
        block = J[:, first:last]
        want = np.linalg.eigvalsh(block.T @ block)[::-1]
        found = sk.gauss_newton_spectrum(objective, theta, layer=layer)
        np.testing.assert_allclose(found.values, want, atol=1e3 * EPS * want[0])
        found = sk.hessian_spectrum(objective, theta, layer=layer)
        want = np.linalg.eigvalsh(H[first:last, first:last])[::-1]
        np.testing.assert_allclose(found.values, want, atol=1e3 * EPS * np.abs(H).max())
        relu = sk.gauss_newton_spectrum(objective, theta, "relu", layer)
        assert relu.nullity == sk.gauss_newton_spectrum(objective, theta, "spline", layer).nullity


def test_inertia_is_that_of_the_splines():
    objective, theta = problem("splines")
    counts = set()
    for basis in spectra.BASES:
        found = sk.hessian_spectrum(objective, theta, basis)
        assert found.unresolved == 0
        counts.add((found.nullity, found.negative))
    assert len(counts) == 1


def test_generalised_is_the_mass_basis():
    objective, theta = problem("splines")
    layer = objective.network.layers[0]
    M = sk.gram_matrix(layer.common_knots).toarray()
    edge = np.kron(M, np.eye(layer.n_out))
    blocks = [np.kron(np.eye(one.n_in), np.kron(M, np.eye(one.n_out))) for one in objective.network.layers]
    n = objective.network.n_parameters
    whole = np.zeros((n, n))
    at = 0
    for block in blocks:
        whole[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    assert edge.shape[0] * layer.n_in == len(blocks[0])
    H = spectra.hessian_matrix(objective, theta)
    found = spectra.generalised_spectrum(H, whole)
    want = sk.hessian_spectrum(objective, theta, "mass")
    sure = want.resolved & found.resolved
    assert sure.sum() >= n - want.nullity - 2
    np.testing.assert_allclose(found.values[sure], want.values[sure], rtol=1e-6)
    import scipy

    reference = scipy.linalg.eigh((H + H.T) / 2, whole, eigvals_only=True)[::-1]
    np.testing.assert_allclose(found.values, reference, atol=1e-9 * np.abs(reference).max())


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_theorem_2(degree):
    r = degree + 1
    bound = 4**r / factorial(degree) ** 2
    net = sk.KAN.splines([2, 3, 1], degree=degree, intervals=7)
    theta, _, rng = start(net)
    objective = sk.LeastSquares(net, rng.uniform(0, 1, (25, 2)), rng.normal(size=25))
    spline = sk.tangent_kernel_spectrum(objective, theta)
    relu = sk.tangent_kernel_spectrum(objective, theta, "scaled-relu")
    assert len(spline) == len(relu) == 25
    J = objective.jacobian(theta).toarray()
    np.testing.assert_allclose(
        spline.values, np.linalg.eigvalsh(J @ J.T)[::-1], atol=1e3 * EPS * spline.largest
    )
    assert (spline.values <= bound * relu.values * (1 + 1e-9)).all()


@pytest.mark.filterwarnings("ignore:x leaves the domain")
def test_coordinates_agree_with_the_network():
    objective, theta = problem("non-uniform")
    net = objective.network
    T, reference = spectra.coordinates(net, "relu"), net.coordinates("relu")
    v = np.random.default_rng(0).normal(size=(len(theta), 3))
    for name in ("apply", "apply_transpose", "solve", "solve_transpose"):
        want = getattr(reference, name)(v)
        np.testing.assert_allclose(getattr(T, name)(v), want, atol=1e-7 * np.abs(want).max())
    for basis in spectra.BASES:
        T = spectra.coordinates(net, basis)
        np.testing.assert_allclose(T.solve(T.apply(v)), v, atol=1e-8)
        np.testing.assert_allclose(T.solve_transpose(T.apply_transpose(v)), v, atol=1e-8)
        assert T.absolute().apply(np.abs(v)).min() >= 0


def medium():
    net = sk.KAN.affine_first([2, 6, 1], intervals=12)
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 1, (400, 2))
    objective = sk.LeastSquares(net, x, np.sin(5 * x[:, 0] * x[:, 1]), 2 / 400)
    return objective, sk.initialize(net, 3)


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("kind", ["gauss-newton", "hessian", "tangent-kernel"])
def test_lanczos_extremes_against_dense(kind, basis):
    objective, theta = medium()
    dense = {
        "gauss-newton": sk.gauss_newton_spectrum,
        "hessian": sk.hessian_spectrum,
        "tangent-kernel": sk.tangent_kernel_spectrum,
    }[kind](objective, theta, basis)
    operator = spectra.curvature_operator(objective, theta, kind, basis)
    found = sk.extreme_eigenvalues(operator, 3)
    tolerance = 1e-10 * np.abs(dense.values).max()
    np.testing.assert_allclose(found.values[:3], dense.values[:3], atol=tolerance)
    if kind == "hessian":
        assert len(found) == 6
        np.testing.assert_allclose(found.values[3:], dense.values[-3:], atol=tolerance)
    else:  # semidefinite, crowded at 0: left out, or said to be unresolved
        assert not found.resolved[3:].any()
    for value, error, v in zip(found.values, found.error, found.vectors.T, strict=True):
        assert np.linalg.norm(operator.matvec(v) - value * v) <= 2 * error


def test_lanczos_finds_the_small_end_of_a_well_conditioned_matrix():
    net = sk.KAN.splines([1, 1], degree=2, intervals=40)
    x = (np.arange(400) + 0.5)[:, None] / 400
    objective, theta = sk.LeastSquares(net, x, np.sin(x)), np.zeros(42)
    dense = sk.gauss_newton_spectrum(objective, theta)
    found = sk.extreme_eigenvalues(spectra.curvature_operator(objective, theta), 2)
    assert found.resolved.all()
    assert len(found) == 4
    np.testing.assert_allclose(found.values, dense.values[[0, 1, -2, -1]], rtol=1e-7)
    short = sk.extreme_eigenvalues(spectra.curvature_operator(objective, theta), 2, iterations=1)
    assert len(short) < 4


@pytest.mark.parametrize("kind", ["gauss-newton", "hessian"])
def test_moments_of_the_density_are_traces(kind):
    objective, theta = medium()
    spectrum = sk.gauss_newton_spectrum if kind == "gauss-newton" else sk.hessian_spectrum
    values = spectrum(objective, theta).values
    operator = spectra.curvature_operator(objective, theta, kind)
    density = sk.spectral_density(operator, probes=40, steps=30, seed=5)
    np.testing.assert_allclose(density.weights.sum(axis=1), 1, atol=1e-10)
    scale = np.abs(values).max()
    for f in (lambda x: x / scale, lambda x: (x / scale) ** 2, lambda x: np.exp(-x / scale)):
        moment = density.moment(f)
        assert moment.standard_error > 0
        assert abs(moment.value - f(values).sum()) < 4 * moment.standard_error
    # a rule of s nodes is exact for polynomials of degree 2 s - 1: probe by probe
    rng = np.random.default_rng(5)
    v = rng.choice([-1.0, 1.0], len(values))
    for power in (0, 1, 5):
        applied = v
        for _ in range(power):
            applied = operator.matvec(applied)
        rule = len(v) * (density.weights[0] * density.nodes[0] ** power).sum()
        assert rule == pytest.approx(v @ applied, rel=1e-10, abs=1e-10 * scale**power)


def test_density_of_a_whole_krylov_space_is_exact_and_broadens_to_mass_one():
    values = np.array([1.0, 2.0, 4.0, 8.0, 8.0])
    operator = aslinearoperator(np.diag(values))
    density = sk.spectral_density(operator, probes=3, steps=5)
    np.testing.assert_allclose(density.nodes[:, :4], np.tile([1, 2, 4, 8], (3, 1)))
    assert not density.weights[:, 4:].any()
    moment = density.moment(lambda x: x)
    assert moment.value == pytest.approx(values.sum())
    grid = np.linspace(-5, 15, 2001)
    curve, error = density.broadened(grid, 0.5)
    assert curve.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-6)
    assert error.max() < 1e-12
    grid = np.logspace(-3, 3, 601)
    curve, _ = density.broadened(grid, 0.1, logarithmic=True)
    assert curve.sum() * 0.01 == pytest.approx(1, abs=1e-6)
    assert np.isnan(sk.spectral_density(operator, probes=1).moment(np.abs).standard_error)


def test_large_networks_have_operators_only(monkeypatch):
    objective, theta = medium()
    monkeypatch.setattr(spectra.network, "MAX_DENSE", 50)
    for refused in (sk.gauss_newton_spectrum, sk.hessian_spectrum, sk.tangent_kernel_spectrum):
        with pytest.raises(ValueError, match="spectral_density"):
            refused(objective, theta)
    assert sk.extreme_eigenvalues(spectra.curvature_operator(objective, theta), 1).largest > 0


def test_pinn():
    import sympy

    u, x = sympy.Function("u"), sympy.Symbol("x")
    equation = sk.Equation(sympy.diff(u(x), x, 2) + sympy.sin(sympy.pi * x), u(x), [x])
    net = sk.KAN.splines([1, 3, 1], degree=3, intervals=6, domain=(-1, 1), extrapolate="polynomial")
    points = np.linspace(-1, 1, 120)[:, None]
    objective = sk.PINN(net, [sk.Block(equation, points)], smoothing=1e-3)
    theta = sk.initialize(net, 0, "greville", bounds=(-1, 1))
    J = objective.linearized(theta)[2].toarray()
    want = np.linalg.eigvalsh(J.T @ J)[::-1]
    found = sk.gauss_newton_spectrum(objective, theta)
    np.testing.assert_allclose(found.values, want, atol=1e4 * EPS * want[0])
    relu = sk.gauss_newton_spectrum(objective, theta, "relu")
    assert relu.nullity == found.nullity
    operator = spectra.curvature_operator(objective, theta, "gauss-newton", "relu")
    top = sk.extreme_eigenvalues(operator, 1).largest
    assert top == pytest.approx(relu.largest, rel=1e-8)
    with pytest.raises(TypeError, match="no exact Hessian products"):
        sk.hessian_spectrum(objective, theta)
    with pytest.raises(TypeError, match="no exact Hessian products"):
        spectra.curvature_operator(objective, theta, "hessian")


def test_bad_input():
    objective, theta = medium()
    t = sk.uniform_knots(0, 1, 4, 3)
    identity = LinearOperator((4, 4), matvec=lambda v: v, dtype=float)
    clamped = sk.clamped_knots([0, 1, 2], 3)
    single = replace(objective, x=objective.x.astype("f4"))
    relu = objective.network.with_basis("relu")
    cases = [
        (ValueError, "basis", lambda: sk.gauss_newton_spectrum(objective, theta, "fourier")),
        (ValueError, "basis", lambda: sk.hessian_spectrum(objective, theta, "fourier")),
        (ValueError, "basis", lambda: sk.gram_spectrum(t, 3, 0, "fourier")),
        (ValueError, "basis", lambda: spectra.coordinates(objective.network, "fourier")),
        (ValueError, "with_basis", lambda: spectra.coordinates(relu, "relu")),
        (ValueError, "theta", lambda: sk.gauss_newton_spectrum(objective, theta[1:])),
        (ValueError, "theta", lambda: sk.gauss_newton_spectrum(objective, theta * np.nan)),
        (TypeError, "LeastSquares", lambda: sk.gauss_newton_spectrum("objective", theta)),
        (ValueError, "float64", lambda: sk.gauss_newton_spectrum(single, theta)),
        (ValueError, "layer", lambda: sk.gauss_newton_spectrum(objective, theta, layer=2)),
        (ValueError, "no parameters", lambda: sk.hessian_spectrum(*problem("tanh"), layer=1)),
        (ValueError, "matrix", lambda: sk.change_of_basis_spectrum(t, 3, "B")),
        (ValueError, "strictly increasing", lambda: sk.change_of_basis_spectrum(clamped, 3)),
        (ValueError, "derivative", lambda: sk.gram_spectrum(t, 3, -1)),
        (ValueError, "kind", lambda: spectra.curvature_operator(objective, theta, "fisher")),
        (ValueError, "count", lambda: sk.extreme_eigenvalues(identity, 2)),
        (ValueError, "tolerance", lambda: sk.extreme_eigenvalues(identity, 1, tolerance=0.0)),
        (ValueError, "iterations", lambda: sk.extreme_eigenvalues(identity, 1, iterations=0)),
        (ValueError, "square", lambda: sk.extreme_eigenvalues(aslinearoperator(np.ones((2, 3))))),
        (ValueError, "probes", lambda: sk.spectral_density(identity, probes=0)),
        (ValueError, "steps", lambda: sk.spectral_density(identity, steps=0)),
        (ValueError, "width", lambda: sk.spectral_density(identity).broadened([1.0], 0.0)),
        (ValueError, "positive", lambda: sk.spectral_density(identity).broadened([0.0], 1.0, True)),
        (ValueError, "square", lambda: spectra.symmetric_spectrum(np.ones((2, 3)))),
        (ValueError, "M must have shape", lambda: spectra.generalised_spectrum(np.eye(3), np.eye(2))),
        (ValueError, "symmetric", lambda: spectra.generalised_spectrum(np.eye(2), np.triu(np.ones((2, 2))))),
        (ValueError, "definite", lambda: spectra.generalised_spectrum(np.eye(2), np.ones((2, 2)))),
        (ValueError, "T must have", lambda: spectra.factor_spectrum(np.eye(3), two())),
        (ValueError, "scale", lambda: spectra.factor_spectrum(np.eye(3), scale=np.ones(2))),
        (ValueError, "negative", lambda: spectra.factor_spectrum(np.eye(2), scale=-np.ones(2))),
        (ValueError, "matrix", lambda: sk.hessian_spectrum(objective, theta, matrix=np.eye(3))),
        (ValueError, "finite", lambda: spectra.factor_spectrum(np.full((2, 2), np.nan))),
    ]
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


OPERATOR = aslinearoperator(np.diag(np.arange(1.0, 13.0)))


def test_operators_are_symmetric_and_refuse_vectors_of_another_length():
    objective, theta = medium()
    for kind in ("gauss-newton", "hessian", "tangent-kernel"):
        operator = spectra.curvature_operator(objective, theta, kind, "relu")
        n = operator.shape[0]
        u, v = np.random.default_rng(0).normal(size=(2, n))
        assert u @ operator.matvec(v) == pytest.approx(v @ (operator.H @ u), rel=1e-6)
        np.testing.assert_array_equal(operator @ v, operator.matvec(v[:, None]).ravel())
        for bad in (np.ones(n + 1), np.ones(n - 1), np.ones((n, 2))):
            with pytest.raises(ValueError, match=f"x must have shape .{n},."):
                operator.matvec(bad)
    skew = LinearOperator((12, 12), matvec=lambda v: np.roll(v, 1) * np.arange(12), dtype=float)
    for measure in (sk.extreme_eigenvalues, sk.spectral_density):
        with pytest.raises(ValueError, match="operator must be symmetric"):
            measure(skew)


def test_small_and_empty_operators():
    found = sk.extreme_eigenvalues(aslinearoperator(np.diag([3.0, -1.0])), 1)
    np.testing.assert_allclose(found.values, [3, -1])
    nothing = sk.extreme_eigenvalues(aslinearoperator(np.zeros((9, 9))), 2)
    assert not nothing.values.any()
    np.testing.assert_allclose(sk.extreme_eigenvalues(OPERATOR, 3).values, [12, 11, 10, 3, 2, 1])


def test_gram_spectra_of_periodic_knots():
    knots = sk.KnotVector.uniform(0, 1, 24, 3, periodic=True)
    symbols = np.fft.fft(sk.gram_matrix(knots).toarray()[0]).real  # the matrix is circulant
    np.testing.assert_allclose(sk.gram_spectrum(knots).values, np.sort(symbols)[::-1], rtol=1e-13)
    stiffness = sk.gram_spectrum(knots, derivative=1, basis="mass")
    assert (stiffness.nullity, stiffness.unresolved) == (1, 0)
    waves = np.repeat(np.arange(1, 4), 2) * 2 * np.pi
    np.testing.assert_allclose(stiffness.values[-2:-8:-1], waves**2, rtol=1e-4)
    for degree in range(1, 8):
        constant = sk.KnotVector.uniform(0, 1, 1, degree, periodic=True)
        assert sk.gram_spectrum(constant).values == pytest.approx([1.0], rel=1e-14)
        assert sk.gram_spectrum(constant, derivative=1).nullity == 1


def test_seeds_may_be_generators():
    for measure, field in ((sk.extreme_eigenvalues, "values"), (sk.spectral_density, "nodes")):
        one, other = measure(OPERATOR, seed=5), measure(OPERATOR, seed=np.random.default_rng(5))
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_numpy_integers_are_degrees():
    t = sk.uniform_knots(0, 1, 4, 3)
    for kind in (np.int8, np.uint8, np.uint64):
        for spectrum in (sk.gram_spectrum, sk.change_of_basis_spectrum):
            np.testing.assert_array_equal(spectrum(t, kind(3)).values, spectrum(t, 3).values)


ONES = np.ones(3)
DENSITY = sk.spectral_density(OPERATOR, probes=2, steps=3)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: sk.extreme_eigenvalues(np.eye(4)), TypeError, "operator must be a LinearOperator"),
        (lambda: sk.extreme_eigenvalues(aslinearoperator(np.eye(1))), ValueError, "at least 2 rows"),
        (lambda: sk.extreme_eigenvalues(aslinearoperator(1j * np.eye(4)), 1), TypeError, "operator"),
        (lambda: sk.extreme_eigenvalues(aslinearoperator(np.nan * np.eye(4)), 1), ValueError, "finite"),
        (lambda: sk.extreme_eigenvalues(OPERATOR, 1.0), TypeError, "count"),
        (lambda: sk.extreme_eigenvalues(OPERATOR, 1, seed=None), TypeError, "seed"),
        (lambda: sk.extreme_eigenvalues(OPERATOR, 1, tolerance=np.nan), ValueError, "tolerance"),
        (lambda: sk.spectral_density(OPERATOR, probes=2**60), MemoryError, "probes"),
        (lambda: sk.spectral_density("H"), TypeError, "operator"),
        (lambda: DENSITY.moment("f"), TypeError, "f must be callable"),
        (lambda: DENSITY.moment(np.sum), ValueError, "nodes"),
        (lambda: DENSITY.broadened(ONES, 1.0, 1), TypeError, "logarithmic"),
        (lambda: spectra.Density(ONES, ONES, 3), ValueError, "nodes"),
        (lambda: Coordinates(2, ((0, 2),)), TypeError, "pieces"),
        (
            lambda: Coordinates(3, [Piece(0, 3, 2, 1, IDENTITY)]),
            ValueError,
            "pieces.0. must hold whole edges",
        ),
        (lambda: Coordinates(2, [Piece(0, 3, 1, 3, IDENTITY)]), ValueError, "pieces.0. must lie in theta"),
        (lambda: two().apply(ONES), ValueError, "v must have shape .2,. or .2, any."),
        (lambda: two().solve("ab"), TypeError, "v must"),
        (lambda: two().solve_transpose(np.ones((2, 2, 2))), ValueError, "v must have shape"),
        (lambda: sk.Spectrum(ONES, ONES[:2], "m"), ValueError, "error must have shape"),
        (lambda: sk.Spectrum(ONES, -ONES, "m"), ValueError, "error must not be negative"),
        (lambda: sk.Spectrum(np.arange(3.0), ONES, "m"), ValueError, "values must be in decreasing order"),
        (lambda: sk.Spectrum(ONES, ONES, "m", 4), ValueError, "nullity"),
        (lambda: sk.Spectrum(ONES, ONES, "m", 0, np.eye(2)), ValueError, "vectors"),
        (lambda: spectra.symmetric_spectrum(np.eye(2), noise=-1.0), ValueError, "noise"),
        (lambda: spectra.symmetric_spectrum(np.eye(2), vectors=1), TypeError, "vectors"),
        (lambda: spectra.factor_spectrum(np.eye(2), np.eye(2)), TypeError, "T must be of type Coordinates"),
        (lambda: spectra.factor_spectrum(1j * np.eye(2)), TypeError, "J must"),
        (lambda: spectra.coordinates("KAN", "relu"), TypeError, "network"),
        (lambda: spectra.coordinates(networks()["splines"], "relu", 7), ValueError, "layer"),
        (lambda: spectra.coordinates(networks()["splines"], "relu", "0"), TypeError, "layer"),
        (lambda: sk.hessian_spectrum(None, ONES), TypeError, "objective"),
        (lambda: sk.gauss_newton_spectrum(*medium(), vectors="yes"), TypeError, "vectors"),
    ],
)
def test_other_kinds_and_sizes_are_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def two():
    return Coordinates(2)


@pytest.mark.parametrize("matrix", ["A", "A^T A", "(A A^T)^-1"])
@pytest.mark.parametrize("power", [-240, -200, 200, 240])
def test_spectra_of_the_change_of_basis_are_those_of_moderate_knots_in_other_units(matrix, power):
    t = knots("random", 2, intervals=5)
    want, shift = sk.change_of_basis_spectrum(t, 2, matrix), {"A": -2, "A^T A": -4, "(A A^T)^-1": 4}[matrix]
    found = sk.change_of_basis_spectrum(np.ldexp(t, power), 2, matrix)
    assert np.array_equal(found.values, np.ldexp(want.values, shift * power))
    assert np.array_equal(found.error, np.ldexp(want.error, shift * power))


@pytest.mark.parametrize("basis", ["spline", "relu", "scaled-relu", "mass"])
@pytest.mark.parametrize("derivative", [0, 1])
def test_gram_spectra_are_those_of_moderate_knots_in_other_units(basis, derivative):
    t = sk.uniform_knots(0.0, 1.0, 5, 2)
    want = sk.gram_spectrum(t, 2, derivative, basis)
    for power in (-160, 160):
        found = sk.gram_spectrum(np.ldexp(t, power), 2, derivative, basis)
        shift = {"spline": 1, "relu": 5, "scaled-relu": 1, "mass": 0}[basis] - 2 * derivative
        assert np.allclose(np.ldexp(found.values, -shift * power), want.values, rtol=1e-9)
        assert np.allclose(np.ldexp(found.error, -shift * power), want.error, rtol=1e-3)


@pytest.mark.parametrize("spacing", [1e-58, 1e58])
def test_spectra_beyond_float64_are_refused_by_the_name_of_the_knots(spacing):
    t = np.arange(11) * spacing
    for matrix in ("A^T A", "(A A^T)^-1"):
        with pytest.raises(ValueError, match=r"knots must have spacings .* within the range of float64"):
            sk.change_of_basis_spectrum(t, 3, matrix)
    with pytest.raises(ValueError, match=r"knots must have spacings .* within the range of float64"):
        sk.gram_spectrum(t, 3, 0, "relu")
    with pytest.raises(ValueError, match=r"knots must have spacings .* within the range of float64"):
        sk.gram_spectrum(t * spacing**1.5, 3, 2, "spline")
