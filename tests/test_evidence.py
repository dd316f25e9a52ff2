"""Modes of edges and the weights of penalties: against quadrature, dense algebra and SciPy."""

from dataclasses import replace

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan.fitting.evidence import FREE_PRIOR, State, assess, begin, finer, improve
from splinekan.fitting.modal_problem import ModalProblem
from splinekan.fitting.modes import FREE, GAUGE, modes
from splinekan.fitting.search import worse
from splinekan.fitting.training import Architecture, start


@pytest.mark.parametrize("degree", range(1, 8))
@pytest.mark.parametrize("knots", ["one", "uniform", "uneven", "far", "periodic"])
def test_modes(degree, knots):
    """Mean, rise and bending of every mode by quadrature; bending modes are orthonormal in it."""
    if knots == "periodic":
        vector = sk.KnotVector.uniform(0, 2, 8, degree, periodic=True)
    elif knots == "uneven":
        vector = sk.KnotVector.clamped([0, 0.1, 0.5, 0.6, 1.5], degree)
    else:
        a = 1e3 if knots == "far" else -0.5
        vector = sk.KnotVector.uniform(a, a + 2, 1 if knots == "one" else 5, degree)
    found = modes(vector)
    a, b = vector.domain
    nodes, weights = np.polynomial.legendre.leggauss(degree + 2)
    widths = np.diff(vector.breakpoints)
    x = (vector.breakpoints[:-1, None] + widths[:, None] * (nodes + 1) / 2).ravel()
    w = (widths[:, None] * weights / 2).ravel()
    spline = sk.Spline(vector, found.matrix)
    np.testing.assert_allclose(found.matrix @ found.inverse, np.eye(vector.n_basis), atol=1e-9)
    lines = 0 if vector.periodic else 1
    assert found.lines == lines
    means = w @ spline(x) / (b - a)
    np.testing.assert_allclose(means, np.eye(1, vector.n_basis)[0], atol=1e-9)
    rise = spline(np.array([b]))[0] - spline(np.array([a]))[0]
    expected = np.zeros(vector.n_basis)
    expected[1 : 1 + lines] = 1
    np.testing.assert_allclose(rise, expected, atol=1e-9)
    if degree > 1:
        second = spline(x, nu=2)
        gram = (b - a) ** 3 * (second.T * w) @ second
    else:
        slopes = spline(vector.breakpoints[:-1] + widths / 2, nu=1)
        jump = np.diff(np.vstack([slopes[-1:], slopes]) if vector.periodic else slopes, axis=0)
        h = np.append(widths[-1:], widths) if vector.periodic else widths
        gram = (b - a) ** 3 * (jump.T / ((h[1:] + h[:-1]) / 2)) @ jump
    wanted = np.diag(np.r_[np.zeros(1 + lines), np.ones(vector.n_basis - 1 - lines)])
    np.testing.assert_allclose(gram, wanted, atol=1e-7)


def small(affine=False, hidden=(2,), n=60, noise=0.1, seed=0, degree=3):
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 2))
    y = np.sin(4 * x[:, :1]) + x[:, 1:] ** 2 + noise * rng.normal(size=(n, 1))
    network = Architecture((2, *hidden, 1), affine).network(degree, 3)
    coordinates, theta = start(network, np.zeros(1), rng)
    return sk.LeastSquares(network, x, y), begin(coordinates, theta)


@pytest.mark.parametrize("affine", [False, True])
def test_groups_cover_all_modes_once(affine):
    data, state = small(affine, (3, 2))
    coordinates = state.coordinates
    numbers = coordinates.group
    assert len(numbers) == data.network.n_parameters
    counts = np.bincount(numbers[numbers >= 0], minlength=len(coordinates.groups))
    assert counts.tolist() == [group.size for group in coordinates.groups]
    assert set(numbers[numbers < 0]) <= {FREE, GAUGE}
    # Moving the mean of an edge to another edge of the same output changes nothing.
    gauge = np.flatnonzero(numbers == GAUGE)
    free = np.flatnonzero(numbers == FREE)
    x = np.random.default_rng(0).uniform(-0.2, 1.2, (20, 2))
    z = coordinates.inverse @ state.theta
    before = data.network(state.theta, x)
    for at in gauge:
        unchanged = []
        for other in free:
            moved = z.copy()
            moved[at] += 0.3
            moved[other] -= 0.3
            unchanged.append(np.allclose(data.network(coordinates.T @ moved, x), before, atol=1e-12))
        assert sum(unchanged) == 1


def test_modal_problem_is_the_penalised_problem():
    data, state = small()
    coordinates = state.coordinates
    rng = np.random.default_rng(1)
    W = rng.uniform(0.1, 2, len(state.theta))
    problem = ModalProblem(data, coordinates.T, W)
    z = coordinates.inverse @ state.theta
    T = coordinates.T.toarray()
    value, gradient, matrix = problem.normal_equations(z)
    theta = T @ z
    assert value == pytest.approx(data.value(theta) + W @ z**2 / 2, rel=1e-13)
    J = data.jacobian(theta).toarray() @ T
    np.testing.assert_allclose(matrix, J.T @ J + np.diag(W), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(gradient, J.T @ data.residual(theta) + W * z, atol=1e-10)
    assert problem.value(z) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(problem.value_and_gradient(z)[1], gradient, atol=1e-10)
    _, R, rotated = problem.triangular_factor(z)
    np.testing.assert_allclose(R.T @ R, matrix, atol=1e-9)
    np.testing.assert_allclose(R.T @ rotated, gradient, atol=1e-9)


def additive(noise, seed=3, n=80):
    """A linear model, for which everything is known in closed form."""
    data, state = small(hidden=(), n=n, noise=noise, seed=seed)
    return data, state


def likelihood(logs, J, y, coordinates, phi):
    """-log of the likelihood of y ~ N(J z, phi), z ~ N(0, phi/W), by dense algebra."""
    W = coordinates.spread(np.exp(logs), FREE_PRIOR * phi, 1.0)
    covariance = phi * (np.eye(len(y)) + J @ np.diag(1 / W) @ J.T)
    _, logdet = np.linalg.slogdet(covariance)
    return (logdet + y @ np.linalg.solve(covariance, y)) / 2


def test_criterion_is_the_likelihood_of_a_linear_model():
    """Differences of V between weights are those of the marginal likelihood, by dense matrices (n, n)."""
    data, state = additive(0.1)
    coordinates, rng = state.coordinates, np.random.default_rng(5)
    J = data.jacobian(state.theta).toarray() @ coordinates.T.toarray()
    y = data.y[:, 0]
    found = []
    for _ in range(4):
        logs = rng.uniform(-5, 3, len(coordinates.groups))
        trial = replace(state, weights=np.exp(logs), phi=1.0)
        W = trial.diagonal
        z = np.linalg.solve(J.T @ J + np.diag(W), J.T @ y)
        after, gamma = assess(trial, ModalProblem(data, coordinates.T, W), z, known=True)
        found.append((after.criterion, likelihood(logs, J, y, coordinates, 1.0)))
        hat = np.trace(J @ np.linalg.solve(J.T @ J + np.diag(W), J.T))
        assert after.effective == pytest.approx(hat, rel=1e-8)
        assert gamma.sum() < after.effective
    v, exact = np.array(found).T
    np.testing.assert_allclose(v - v[0], exact - exact[0], atol=1e-6)


def test_weights_maximise_the_likelihood():
    """The fixed point against L-BFGS-B of SciPy on the dense marginal likelihood, phi included."""
    data, state = additive(0.2)
    coordinates = state.coordinates
    found = improve(state, data, rounds=300, iterations=4, tolerance=1e-10)
    J = data.jacobian(state.theta).toarray() @ coordinates.T.toarray()
    y = data.y[:, 0]

    def objective(v):
        return likelihood(v[1:], J, y, coordinates, np.exp(v[0]))

    best = scipy.optimize.minimize(
        objective, np.r_[np.log(found.phi), np.log(found.weights)], method="L-BFGS-B"
    )
    ours = objective(np.r_[np.log(found.phi), np.log(found.weights)])
    assert ours < best.fun + 0.05


def test_noise_is_estimated():
    for noise in (0.05, 0.3):
        estimates = []
        for seed in range(5):
            data, state = additive(noise, seed, n=200)
            estimates.append(np.sqrt(improve(state, data, rounds=30).phi))
        assert np.mean(estimates) == pytest.approx(noise, rel=0.06)


def test_idle_inputs_are_switched_off():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(150, 3))
    y = np.sin(5 * x[:, :1]) + 0.1 * rng.normal(size=(150, 1))
    network = Architecture((3, 1), False).network(3, 3)
    state = improve(begin(*start(network, np.zeros(1), rng)), sk.LeastSquares(network, x, y), rounds=40)
    model = sk.Model(network, state.theta)
    at = rng.uniform(size=(100, 3))
    slopes = np.abs(model.gradient(at)[:, 0]).max(axis=0)
    assert slopes[0] > 3
    assert slopes[1:].max() < 0.1


def test_finer_knots_keep_function_and_penalty():
    _, state = small()
    after = finer(state)
    x = np.random.default_rng(0).uniform(-0.1, 1.1, (50, 2))
    np.testing.assert_allclose(after.network(after.theta, x), state.network(state.theta, x), atol=1e-13)

    def penalty(state: State):
        z = state.coordinates.inverse @ state.theta
        return state.coordinates.sums(z**2)

    np.testing.assert_allclose(penalty(after), penalty(state), rtol=1e-8, atol=1e-12)


def test_worse_needs_more_than_the_error():
    class Of:
        def __init__(self, losses):
            self.losses = np.asarray(losses, dtype=float)

    rng = np.random.default_rng(0)
    common = rng.uniform(size=200)
    assert not worse(Of(common + 0.01 * rng.normal(size=200)), Of(common), 3.0)
    assert worse(Of(common + 0.01), Of(common), 3.0)
    assert worse(Of([np.inf, 1.0]), Of([1.0, 1.0]), 1.0)


def test_a_constant_column_beside_next_to_no_noise():
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-3, 5, 400), rng.uniform(0.1, 1, 400)
    y = np.tanh(3 * x) + (10 * z) ** 2
    model = sk.fit(np.column_stack([x, z, np.full(400, 2.0)]), y, hidden=(2,), levels=2)
    assert model.score(np.column_stack([x, z, np.full(400, 2.0)]), y) > 0.999
