"""The forms of a spline layer that are timed compute the same numbers."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from splinekan import KAN, change_of_basis, initialize, uniform_knots
from splinekan.studies.speed import forms
from splinekan.studies.speed import study as speed

EPS = np.finfo(float).eps


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_recursion_is_that_of_scipy(degree):
    knots = uniform_knots(-1.0, 2.0, 6, degree)
    x = np.append(np.random.default_rng(0).uniform(-1.0, 2.0, (20, 2)), [[-1.0, 2.0]], axis=0)
    values, slopes = forms.cox_de_boor(x, knots, degree)
    for i in range(values.shape[-1]):
        one = BSpline.basis_element(knots[i : i + degree + 2], extrapolate=False)
        inside = x.clip(-1.0, np.nextafter(2.0, 0))
        np.testing.assert_allclose(values[..., i], np.nan_to_num(one(inside)), atol=200 * EPS)
        if degree > 1:  # a hat's slope is ambiguous at its knots
            np.testing.assert_allclose(slopes[..., i], np.nan_to_num(one(inside, 1)), atol=2000 * EPS)


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_every_form_is_the_network(form, degree):
    widths = (2, 4, 3, 1)
    network = KAN.splines(widths, degree, 6, extrapolate="clamp")
    theta = initialize(network, 1, "greville", noise=0.5)
    rng = np.random.default_rng(2)
    x, gy = rng.uniform(size=(50, 2)), rng.normal(size=(50, 1))
    basis = forms.FORMS[form][1]
    dense, z = forms.DenseNetwork(network, form), network.to_basis(theta, basis)
    tolerance = 1e3 * EPS * change_of_basis(network.layers[0].common_knots, degree).condition_number()
    expected = network(theta, x)
    np.testing.assert_allclose(dense.value(z, x), expected, atol=tolerance * np.abs(expected).max())
    gradient = network.coordinates(basis).solve_transpose(network.vjp(theta, x, gy))
    found = dense.gradient(z, x, gy)
    np.testing.assert_allclose(found, gradient, atol=tolerance * np.abs(gradient).max())


def test_a_run_has_a_time_for_everything():
    found = speed.run([2, 4], (2, 3, 1), 4, samples=8, repeats=1)
    assert list(found.value) == list(found.gradient) == [*forms.FORMS, speed.LOCAL]
    times = np.array([*found.value.values(), *found.gradient.values()])
    assert times.shape == (8, 2)
    assert (times > 0).all()
    assert np.isfinite(times).all()


def test_bad_input():
    with pytest.raises(ValueError, match=r"orders\[0\] must be between 2 and 8"):
        speed.run([1])
    with pytest.raises(ValueError, match=r"forms\[0\] must be one of"):
        speed.run([2], forms=["fast"])
    with pytest.raises(ValueError, match="samples"):
        speed.run([2], samples=0)
