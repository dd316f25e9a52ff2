"""Local Fourier analysis against matrices on periodic knots, where it is exact, and on intervals."""

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.complementarity import mass_symbol
from splinekan.multilevel import (
    Chebyshev,
    GaussSeidel,
    Jacobi,
    KroneckerSum,
    LocalFourier,
    spline_prolongations,
)
from splinekan.splines.gram import gram_stencil

ANGLES = np.linspace(-3, 3, 13)


def periodic(degree, levels, intervals=8):
    """Knots of spacing 1 on the finest level."""
    knots = [sk.KnotVector.uniform(0, intervals * 2 ** (levels - 1), intervals, degree, periodic=True)]
    for _ in range(levels - 1):
        knots.append(knots[-1].refine())
    return knots


def radius(A, B):
    """The spectral radius of I - B A without the constants where A maps them to 0."""
    A = A.toarray()
    values = np.linalg.eigvals(np.eye(len(A)) - B.toarray() @ A)
    if abs(A.sum()) < 1e-10:
        values = np.delete(values, np.argmin(abs(values - 1)))
    return abs(values).max()


@pytest.mark.parametrize("degree", range(1, 8))
def test_stencils_are_rows_of_gram_matrices(degree):
    knots = sk.KnotVector.uniform(0, 20, 20, degree, periodic=True)
    for derivative in range(min(degree, 3) + 1):
        row = sk.gram_matrix(knots, derivative=derivative).toarray()[10]
        stencil = gram_stencil(degree, derivative)
        np.testing.assert_allclose(stencil, row[10 - degree : 11 + degree], atol=1e-13 * abs(stencil).max())


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_symbols_are_sums_over_stencils(degree):
    np.testing.assert_allclose(
        LocalFourier(degree, 0).symbol(ANGLES), mass_symbol(ANGLES, degree), rtol=1e-13
    )
    waves = np.exp(1j * np.outer(ANGLES, np.arange(-degree, degree + 1)))
    mass, stiff = (waves @ gram_stencil(degree, d) for d in (0, 1))
    np.testing.assert_allclose(
        LocalFourier(degree, reaction=0.3).symbol(ANGLES), stiff + 0.3 * mass, atol=1e-14
    )
    pairs = np.stack(np.meshgrid(ANGLES, ANGLES, indexing="ij"), axis=-1)
    square = LocalFourier(degree, dimension=2).symbol(pairs)
    np.testing.assert_allclose(square, np.outer(stiff, mass) + np.outer(mass, stiff), atol=1e-13)


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_the_lower_triangle_in_two_dimensions_is_a_sum_over_what_precedes(degree):
    analysis = LocalFourier(degree, dimension=2, reaction=0.2)
    M, K = (gram_stencil(degree, d) for d in (0, 1))
    stencil = np.outer(K, M) + np.outer(M, K) + 0.2 * np.outer(M, M)
    offsets = np.arange(-degree, degree + 1)
    angles = np.random.default_rng(0).uniform(-3, 3, (5, 2))
    for angle, got in zip(angles, analysis._lower(angles, 0), strict=True):
        want = sum(
            stencil[i, j] * np.exp(1j * (offsets[i] * angle[0] + offsets[j] * angle[1]))
            for i in range(len(offsets))
            for j in range(len(offsets))
            if (offsets[i], offsets[j]) <= (0, 0)
        )
        assert got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_two_scale_symbol_is_the_prolongation_of_a_wave(degree):
    coarse, fine = periodic(degree, 2)
    P = sk.prolongation(coarse, fine).toarray()
    n = len(P)
    analysis = LocalFourier(degree)
    j = np.arange(n)
    phi = 2 * np.pi * 3 / (n // 2)
    waves = [phi / 2, phi / 2 + np.pi]
    got = P @ np.exp(1j * phi * np.arange(n // 2))
    amplitudes = [np.vdot(np.exp(1j * t * j), got) / n for t in waves]
    want = analysis.two_scale_symbol(np.array(waves)) / 2
    np.testing.assert_allclose(np.abs(amplitudes), np.abs(want), atol=1e-13)
    np.testing.assert_allclose(
        got, sum(a * np.exp(1j * t * j) for a, t in zip(amplitudes, waves, strict=True)), atol=1e-13
    )


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("derivative", [0, 1])
@pytest.mark.parametrize("steps", [1, 2])
def test_cycles_on_periodic_knots_are_predicted_to_rounding(degree, derivative, steps):
    knots = periodic(degree, 3)
    A, analysis = sk.gram_matrix(knots[-1], derivative=derivative), LocalFourier(degree, derivative)
    bound = analysis.eigenvalue_bound
    for smoother in (
        Jacobi(bound=bound),
        Jacobi(1.0, bound),
        Chebyshev(3, 10.0, bound),
        Chebyshev(2, 4.0, bound),
    ):
        B = sk.VCycle(A, knots, smoother, steps)
        want = analysis.cycle_factor(smoother, 3, steps, 8)
        assert radius(A, B) == pytest.approx(want, abs=1e-11)
    # Gauss-Seidel has a symbol without ends only: the matrix has a row where the sweep begins.
    B = sk.VCycle(A, knots, "gauss-seidel", steps)
    assert radius(A, B) == pytest.approx(analysis.cycle_factor("gauss-seidel", 3, steps, 8), abs=0.05)


@pytest.mark.parametrize("derivative", [0, 1])
def test_cycles_on_a_periodic_square_are_predicted_to_rounding(derivative):
    degree = 2
    knots = periodic(degree, 2, 6)
    M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
    A = KroneckerSum([(K, M), (M, K), (0.1 * M, M)] if derivative else [(M, M)])
    P = [(each, each) for each in spline_prolongations(knots)]
    analysis = LocalFourier(degree, derivative, 2, 0.1 if derivative else 0.0)
    smoother = Jacobi(bound=1.9)
    B = sk.VCycle(A, P, smoother)
    assert radius(A, B) == pytest.approx(analysis.cycle_factor(smoother, intervals=6), abs=1e-11)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("derivative", [0, 1])
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_the_condition_number_of_bpx_on_periodic_knots(degree, derivative, decay):
    knots = periodic(degree, 3)
    A = sk.gram_matrix(knots[-1], derivative=derivative)
    values = np.sort(np.linalg.eigvals(sk.BPX(A, knots, decay).toarray() @ A.toarray()).real)
    want = values[-1] / values[derivative]  # without the constants in the null space
    assert LocalFourier(degree, derivative).bpx_condition(3, decay, 8) == pytest.approx(want, rel=1e-10)


@pytest.mark.parametrize("levels", [2, 3, 5, 8])
def test_bpx_on_the_mass_matrix_of_linear_splines_grows_by_three(levels):
    assert LocalFourier(1, 0).bpx_condition(levels, intervals=4) == pytest.approx(3 * levels - 1, rel=1e-12)


def test_the_stiffness_matrix_has_a_bounded_condition_number():
    linear = [LocalFourier(1).bpx_condition(levels, intervals=4) for levels in (4, 6, 8)]
    assert max(linear) < 6 + 4 * np.sqrt(2)  # claim bpx-stiffness-linear
    assert linear[2] - linear[1] < linear[1] - linear[0]
    mass = [LocalFourier(2, 0).bpx_condition(levels, 0.5, intervals=6) for levels in (3, 5, 7)]
    assert mass[2] < 1.05 * mass[1]


@pytest.mark.parametrize("derivative", [0, 1])
@pytest.mark.parametrize("smoother", ["jacobi", "gauss-seidel", "chebyshev"])
def test_on_an_interval_linear_and_cubic_splines_behave_as_predicted(derivative, smoother):
    for degree, tolerance in ((1, 0.02), (3, 0.07)):
        knots = [sk.KnotVector.clamped(np.linspace(0, 1, 17), degree)]
        for _ in range(2):
            knots.append(knots[-1].refine())
        inner = slice(1, -1) if derivative else slice(None)
        A = scipy.sparse.csr_array(sk.gram_matrix(knots[-1], derivative=derivative)[inner, inner])
        B = sk.VCycle(A, spline_prolongations(knots, "zero" if derivative else "free"), smoother)
        want = LocalFourier(degree, derivative).cycle_factor(smoother, 3, intervals=16)
        assert radius(A, B) == pytest.approx(want, abs=tolerance)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_what_a_smoother_meets_grows_exponentially_with_the_degree_and_the_dimension(degree):
    mass = LocalFourier(degree, 0)
    assert mass.oscillation_ratio == pytest.approx(2.0**degree, rel=1e-10)
    smallest = mass.symbol(np.pi)
    assert LocalFourier(degree, 0, 2).oscillation_ratio == pytest.approx(2.0**degree / smallest, rel=1e-10)
    assert LocalFourier(degree, 0, 2).oscillation_ratio >= mass.oscillation_ratio**2
    if degree >= 3:
        assert LocalFourier(degree, 1, 2).oscillation_ratio > LocalFourier(degree, 1).oscillation_ratio ** 2


def test_classical_factors():
    # Trottenberg, Oosterlee, Schueller, Multigrid, 2001: omega = 2/3 damps linear elements by 1/3;
    # Gauss-Seidel has the smoothing factor 1/sqrt(5) in one dimension.
    assert LocalFourier(1).smoothing_factor("jacobi") == pytest.approx(1 / 3, rel=1e-6)
    assert LocalFourier(1).smoothing_factor("gauss-seidel") == pytest.approx(1 / np.sqrt(5), rel=1e-5)
    assert LocalFourier(1).smoothing_factor("jacobi", 3) == pytest.approx(1 / 27, rel=1e-6)
    assert LocalFourier(1).cycle_factor("jacobi") == pytest.approx(1 / 9, rel=1e-9)
    assert LocalFourier(1).cycle_factor("gauss-seidel") == pytest.approx(0.2, rel=1e-6)
    symmetric = LocalFourier(1).smoothing_factor(GaussSeidel(symmetric=True))
    assert symmetric == pytest.approx(0.2, rel=0.01)


class Own:
    """A smoother without a symbol."""

    def on(self, matrix):
        return matrix


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalFourier(0), "degree must be between 1"),
        (lambda: LocalFourier(1, 2), "derivative must be between 0 and 1"),
        (lambda: LocalFourier(1, 1, 4), "dimension must be between 1 and 3"),
        (lambda: LocalFourier(1, 0, reaction=1.0), "reaction must be 0 for the mass matrix"),
        (lambda: LocalFourier(1, dimension=2).symbol([1.0]), "theta must have 2 entries"),
        (lambda: LocalFourier(1).symbol(1e9), "theta must be at most 1e8"),
        (lambda: LocalFourier(1).cycle_factor("sor"), "smoother must be one of"),
        (lambda: LocalFourier(1).cycle_factor(Own()), "smoother must be Jacobi, GaussSeidel or Chebyshev"),
        (lambda: LocalFourier(1).cycle_factor("jacobi", 1), "levels must be between 2"),
        (lambda: LocalFourier(1).smoothing_factor("jacobi", 0), "steps must be at least 1"),
        (lambda: LocalFourier(1).bpx_condition(2, 2.0), "decay must be in"),
        (lambda: gram_stencil(1, 2), "derivative must be between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
