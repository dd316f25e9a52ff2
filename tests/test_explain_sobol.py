"""Sobol indices of functions whose indices are known."""

import numpy as np
import pytest

import splinekan as sk
from splinekan.explain.marginals import uniform
from splinekan.explain.sobol_rules import REPLICATES, by_sampling


def interpolated(layer, functions):
    """Parameters of a spline layer with the splines next to functions[p, q] on its edges."""
    params = np.zeros(layer.n_parameters)
    views = layer.unpack(params)["coefficients"]
    for p, knots in enumerate(layer.knots):
        at = np.linspace(*knots.domain, 8 * knots.n_basis)
        basis = sk.BSplineBasis(knots).tabulate(at)
        for q in range(layer.n_out):
            f = functions.get((p, q))
            if f is not None:
                views[p][:, q] = np.linalg.lstsq(basis, f(at) * np.ones_like(at), rcond=None)[0]
    return params


def product(f, g, degree=2, intervals=2, ends=(0.0, 1.0)):
    """f(x_1) g(x_2) = ((f + g)^2 - (f - g)^2)/4, with f and g splines."""
    first = sk.SplineLayer(2, 2, sk.KnotVector.clamped(np.linspace(*ends, intervals + 1), degree, degree))
    second = sk.SplineLayer(2, 1, sk.KnotVector.uniform(-9, 9, 1, 2))
    theta = [
        interpolated(first, {(0, 0): f, (0, 1): f, (1, 0): g, (1, 1): lambda x: -g(x)}),
        interpolated(second, {(0, 0): lambda h: h**2 / 4, (1, 0): lambda h: -(h**2) / 4}),
    ]
    return sk.Model(sk.KAN((first, second)), np.concatenate(theta))


def test_a_sum_of_functions_exactly():
    layer = sk.SplineLayer(3, 2, sk.KnotVector.uniform(0, 1, 3, 2))
    functions = {(0, 0): lambda x: x, (1, 0): lambda x: 2 * x**2, (0, 1): lambda x: 1 - x}
    model = sk.Model(sk.KAN((layer,)), interpolated(layer, functions))
    found = sk.sobol_indices(model)
    V = np.array([1 / 12, 4 * (1 / 5 - 1 / 9), 0])
    assert found.method == "additive"
    assert np.allclose(found.first[:, 0], V / V.sum(), rtol=1e-12, atol=1e-28)
    assert np.allclose(found.first[:, 1], [1, 0, 0], rtol=1e-12, atol=1e-28)
    assert np.array_equal(found.first, found.total)
    assert np.allclose(found.mean, [0.5 + 2 / 3, 0.5], rtol=1e-13)
    assert np.allclose(found.variance, [V.sum(), 1 / 12], rtol=1e-12)


def test_a_product_exactly():
    found = sk.sobol_indices(product(lambda x: x, lambda x: 3 * x**2), bounds=[(0, 1), (0.25, 1)])
    # f = x_1 z with z = 3 x_2^2 on [1/4, 1]: means and variances of the factors.
    mean = np.array([1 / 2, (1 - 1 / 64) / 0.75])
    square = np.array([1 / 3, 9 / 5 * (1 - 4.0**-5) / 0.75])
    var = square - mean**2
    V = square.prod() - mean.prod() ** 2
    assert found.method == "tensor"
    assert np.allclose(found.first[:, 0], var * mean[::-1] ** 2 / V, rtol=1e-11)
    assert np.allclose(found.total[:, 0], var * square[::-1] / V, rtol=1e-11)
    assert found.first_error.max() < 1e-10


def test_the_g_function_of_sobol_is_a_product_with_kinks():
    a = (0.0, 3.0)
    g = [lambda x, c=c: (np.abs(4 * x - 2) + c) / (1 + c) for c in a]
    found = sk.sobol_indices(product(*g))
    D = np.array([1 / (3 * (1 + c) ** 2) for c in a])
    V = (1 + D).prod() - 1
    assert np.allclose(found.first[:, 0], D / V, rtol=1e-11)
    assert np.allclose(found.total[:, 0], D * (1 + D[::-1]) / V, rtol=1e-11)


def ishigami(a=7.0, b=0.1, intervals=12):
    """sin x_1 + a sin^2 x_2 + b x_3^4 sin x_1, up to the error of splines of degree 5."""
    ends = np.pi * np.linspace(-1, 1, intervals + 1)
    first = sk.SplineLayer(3, 4, sk.KnotVector.clamped(ends, 5))
    second = sk.SplineLayer(4, 1, sk.KnotVector.uniform(-120, 120, 1, 2))
    quarter = b / 4
    theta = [
        interpolated(
            first,
            {
                (0, 0): np.sin,
                (1, 1): lambda x: a * np.sin(x) ** 2,
                (0, 2): np.sin,
                (2, 2): lambda x: x**4,
                (0, 3): np.sin,
                (2, 3): lambda x: -(x**4),
            },
        ),
        interpolated(
            second,
            {
                (0, 0): lambda h: h,
                (1, 0): lambda h: h,
                (2, 0): lambda h: quarter * h**2,
                (3, 0): lambda h: -quarter * h**2,
            },
        ),
    ]
    return sk.Model(sk.KAN((first, second)), np.concatenate(theta))


A, B = 7.0, 0.1
ONE = (1 + B * np.pi**4 / 5) ** 2 / 2
TWO, MIXED = A**2 / 8, B**2 * np.pi**8 * (1 / 18 - 1 / 50)
FIRST = np.array([ONE, TWO, 0.0]) / (ONE + TWO + MIXED)
TOTAL = np.array([ONE + MIXED, TWO, MIXED]) / (ONE + TWO + MIXED)


def test_the_function_of_ishigami_by_quadrature_and_by_sampling():
    found = sk.sobol_indices(ishigami(), bounds=(-np.pi, np.pi))
    assert found.method == "tensor"
    assert np.allclose(found.first[:, 0], FIRST, atol=1e-5)
    assert np.allclose(found.total[:, 0], TOTAL, atol=1e-5)
    model = ishigami(intervals=48)
    many = sk.sobol_indices(model, bounds=(-np.pi, np.pi), evaluations=2**17)
    assert many.method == "quasi-Monte Carlo"
    assert np.all(np.abs(many.first[:, 0] - FIRST) < 5 * many.first_error[:, 0] + 1e-6)
    assert np.all(np.abs(many.total[:, 0] - TOTAL) < 5 * many.total_error[:, 0] + 1e-6)
    assert many.first_error.max() < 5e-3
    fewer = sk.sobol_indices(model, bounds=(-np.pi, np.pi), evaluations=2**13)
    assert fewer.first_error.max() > many.first_error.max()
    assert fewer.evaluations <= 2**13


def test_a_quadratic_form_of_many_inputs():
    a = np.array([1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1])
    square = sk.SplineLayer(1, 1, sk.KnotVector.uniform(-4, 4, 1, 2))
    model = sk.Model(
        sk.KAN((sk.Affine(7, 1, bias=False), square)),
        np.concatenate([a, interpolated(square, {(0, 0): lambda h: h**2})]),
    )
    found = sk.sobol_indices(model, bounds=(-1, 1), evaluations=2**16)
    alone = a**4 * 4 / 45
    pairs = 4 * np.outer(a**2, a**2) / 9
    np.fill_diagonal(pairs, 0)
    V = alone.sum() + pairs.sum() / 2
    assert np.all(np.abs(found.first[:, 0] - alone / V) < 5 * found.first_error[:, 0])
    assert np.all(np.abs(found.total[:, 0] - (alone + pairs.sum(axis=1)) / V) < 5 * found.total_error[:, 0])
    again = sk.sobol_indices(model, bounds=(-1, 1), evaluations=2**16)
    assert np.array_equal(again.first, found.first)
    assert not np.array_equal(sk.sobol_indices(model, bounds=(-1, 1), seed=1).first, found.first)


def test_samples_give_their_marginal_distributions_exactly():
    model = product(lambda x: x, lambda x: 3 * x**2)
    X = np.array([[0.0, 0.5], [1.0, 0.5], [1.0, 1.0]])
    counts = np.array([1.0, 2.0, 0.0])
    found = sk.sobol_indices(model, X=X, sample_weight=counts)
    assert np.allclose(found.first[:, 0], [1, 0], atol=1e-12)  # x_2 does not vary
    grid = np.stack(np.meshgrid(X[:, 0], X[:, 1], indexing="ij"), axis=-1).reshape(-1, 2)
    values = model(grid)[:, 0].reshape(3, 3)
    found = sk.sobol_indices(model, X=X)
    assert np.isclose(found.variance[0], values.var(), rtol=1e-12)
    assert np.isclose(found.first[0, 0], values.mean(axis=1).var() / values.var(), rtol=1e-12)
    assert np.isclose(found.total[1, 0], values.var(axis=1).mean() / values.var(), rtol=1e-12)
    assert (found.first_error == 0).all()


def test_sampling_of_marginals_agrees_with_the_sums_over_all_values():
    model, rng = ishigami(), np.random.default_rng(0)
    X = rng.choice(np.linspace(-3, 3, 9), (200, 3))
    exact = sk.sobol_indices(model, X=X)
    assert exact.method == "tensor"
    from splinekan.explain.chain import shares
    from splinekan.explain.marginals import Empirical

    marginals = [Empirical.of(column, shares(None, 200)) for column in X.T]
    rough = by_sampling(lambda x: model(x), marginals, 2**16, 0)
    assert np.all(np.abs(rough.first - exact.first) < 5 * rough.first_error + 1e-9)
    assert np.all(np.abs(rough.total - exact.total) < 5 * rough.total_error + 1e-9)
    assert np.isclose(rough.mean[0], exact.mean[0], rtol=1e-2)
    assert REPLICATES == 16


def test_pieces_end_at_the_breakpoints_in_the_units_of_x_and_at_those_of_further_periods():
    knots = [sk.KnotVector.uniform(0, 1, 4, 2), sk.KnotVector.uniform(0, 1, 2, 2, periodic=True)]
    layers = [sk.Normalizer(2, "affine", source=[(10.0, 20.0), (0.0, 1.0)]), sk.SplineLayer(2, 1, knots)]
    model = sk.Model(sk.KAN(tuple(layers)), np.zeros(8))
    marginals, known = uniform(model, [(11.0, 30.0), (0.25, 1.75)])
    assert known
    assert np.allclose(marginals[0].pieces, [11, 12.5, 15, 17.5, 20, 30])
    assert np.allclose(marginals[1].pieces, [0.25, 0.5, 1, 1.5, 1.75])


def test_a_fitted_model_is_asked_for_within_its_bounds_without_a_warning():
    x = np.random.default_rng(0).uniform(0, 1, (200, 2))
    model = sk.fit(x, x[:, 0] + 2 * x[:, 1], hidden=(), names=["a", "b"])
    found = sk.sobol_indices(model, bounds=(-1, 2))  # beyond the training data
    assert np.allclose(found.first[:, 0], [0.2, 0.8], atol=1e-3)
    assert "a " in str(found)
    assert sk.sobol_indices(model).to_dict()["input"] == ["a", "b"]


def test_a_constant_has_no_indices():
    layer = sk.SplineLayer(2, 1, sk.KnotVector.uniform(0, 1, 2, 2))
    found = sk.sobol_indices(sk.Model(sk.KAN((layer,)), np.full(8, 3.0)))
    assert np.isnan(found.first).all()
    assert found.variance == 0


BAD = [
    ({"bounds": (1, 0)}, ValueError, "bounds"),
    ({"bounds": [(0, 1)]}, ValueError, "bounds"),
    ({"bounds": (0, 1), "X": np.eye(2)}, ValueError, "bounds must be None if X is given"),
    ({"X": np.eye(3)}, ValueError, "X must have shape"),
    ({"sample_weight": [1, 1]}, ValueError, "sample_weight must be None without X"),
    ({"evaluations": 10}, ValueError, "evaluations must be at least"),
    ({"seed": -1}, ValueError, "seed must be at least"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        sk.sobol_indices(product(lambda x: x, lambda x: x), **change)


def test_models_without_known_bounds_and_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match="bounds must be given"):
        sk.sobol_indices(sk.Model(sk.KAN((sk.Affine(2, 1),)), np.zeros(3)))
    with pytest.raises(TypeError, match="model must be"):
        sk.sobol_indices(lambda x: x)
