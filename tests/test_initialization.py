"""Starts: seeded, the same function in both bases, and what each promises."""

import numpy as np
import pytest
from cases import EPS

import splinekan as sk


@pytest.mark.parametrize("scheme", ["frames", "greville", "noise"])
def test_starts_are_seeded_and_the_same_function_in_both_bases(scheme):
    net = sk.KAN.affine_first([2, 5, 1], intervals=5)
    theta = sk.initialize(net, 7, scheme)
    assert np.array_equal(theta, sk.initialize(net, np.random.default_rng(7), scheme))
    w = sk.initialize(net.with_basis("relu"), 7, scheme)
    np.testing.assert_allclose(net.to_basis(theta, "relu"), w, rtol=1e-14)
    if scheme != "noise":  # the image of the box just fills the domain
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
        image = net.layers[0].value(theta[:15], corners)
        np.testing.assert_allclose(image.min(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(image.max(axis=0), 1, atol=1e-14)


def test_noise_preserves_the_variance():
    net = sk.KAN.splines([3, 2000], intervals=6)
    x = np.random.default_rng(0).uniform(0, 1, (50, 3))
    assert net(sk.initialize(net, 1, "noise"), x).var() == pytest.approx(1, rel=0.1)


def test_directions_of_two_inputs_are_spread_evenly():
    weight = first_weights(sk.KAN.affine_first([2, 5, 1], intervals=4), 3)
    angles = np.sort(np.arctan2(weight[1], weight[0]) % np.pi)
    gaps = np.diff([*angles, angles[0] + np.pi])
    np.testing.assert_allclose(gaps, np.pi / 5, rtol=1e-12)
    other = first_weights(sk.KAN.affine_first([2, 5, 1], intervals=4), 4)
    assert np.abs(np.sort(np.arctan2(other[1], other[0]) % np.pi) - angles).max() > 1e-3


def test_directions_of_more_inputs_are_orthonormal_frames():
    weight = first_weights(sk.KAN.affine_first([4, 10, 1], intervals=4), 3)
    unit = weight / np.linalg.norm(weight, axis=0)
    for frame in (unit[:, :4], unit[:, 4:8], unit[:, 8:]):
        np.testing.assert_allclose(frame.T @ frame, np.eye(frame.shape[1]), atol=1e-14)


def first_weights(net, seed):
    return net.unpack(sk.initialize(net, seed))[0]["weight"]


def test_the_box_fills_a_domain_of_any_width():
    net = sk.KAN.affine_first([3, 4, 1], intervals=4, domain=(-2.0, 5.0))
    affine = net.layers[0]
    theta = sk.initialize(net, 0, bounds=(10.0, 12.0), mean=0.25, noise=0.0)
    corners = np.array(np.meshgrid(*[[10.0, 12.0]] * 3)).reshape(3, -1).T
    image = affine.value(theta[: affine.n_parameters], corners)
    np.testing.assert_allclose(image.min(axis=0), -2, atol=1e-13)
    np.testing.assert_allclose(image.max(axis=0), 5, atol=1e-13)
    np.testing.assert_allclose(net(theta, corners), 0.25, rtol=1e-13)  # mean, and no noise


def test_bad_input():
    net = sk.KAN.affine_first([2, 5, 1], intervals=5)
    with pytest.raises(ValueError, match="bounds must be increasing"):
        sk.initialize(net, 0, bounds=(1.0, 1.0))
    with pytest.raises(ValueError, match="noise must be at least 0"):
        sk.initialize(net, 0, noise=-1.0)
    with pytest.raises(ValueError, match="'frames', 'greville', 'noise'"):
        sk.initialize(net, 0, "zeros")


EVEN = sk.KnotVector.uniform(0, 1, 5, 3)
FINE = sk.KnotVector.extended([-2, -0.3, 0.1, 2], 3)
WAVE = sk.KnotVector.uniform(0, 3, 7, 3, periodic=True)


@pytest.mark.parametrize("scheme", ["frames", "greville", "noise"])
def test_numbers_drawn_do_not_depend_on_how_knots_are_given_nor_on_a_base(scheme):
    chains = [[sk.Affine(2, 4), sk.SplineLayer(4, 3, knots)] for knots in (EVEN, [EVEN] * 4)]
    one, other = (sk.initialize(sk.KAN.chain(chain), 7, scheme, mean=0.2) for chain in chains)
    assert one.tobytes() == other.tobytes()
    base = sk.KAN.chain([sk.Affine(2, 4), sk.SplineLayer(4, 3, EVEN, base="silu")])
    with_base = sk.initialize(base, 7, scheme, mean=0.2)[: len(one)]
    if scheme == "noise":  # half the variance is that of the base
        one[12:] *= np.sqrt(0.5)
    np.testing.assert_allclose(with_base, one, rtol=4 * EPS)
    uneven = sk.KAN.chain([sk.Affine(2, 4), sk.SplineLayer(4, 3, [FINE, EVEN, EVEN, WAVE])])
    assert sk.initialize(uneven, 7, scheme).shape == (uneven.n_parameters,)


@pytest.mark.parametrize("base", ["identity", "silu"])
def test_base_weights(base):
    net = sk.KAN.splines([400, 300], base=base)
    weights = net.unpack(sk.initialize(net, 0, noise=0.3))[0]["base"]
    assert weights.std() == pytest.approx(0.3 / np.sqrt(400), rel=0.01)
    assert not net.unpack(sk.initialize(net, 0, noise=0.0))[0]["base"].any()
    wide = sk.KAN.chain([sk.SplineLayer(3, 4000, [EVEN, FINE, FINE], base=base)])
    low, high = np.array(wide.domain).T
    x = np.random.default_rng(0).uniform(low, high, (200, 3))
    theta = sk.initialize(wide, 1, "noise")
    assert np.mean(wide(theta, x) ** 2) == pytest.approx(1, rel=0.1)
    wide.unpack(theta)[0]["base"][:] = 0
    assert np.mean(wide(theta, x) ** 2) == pytest.approx(0.5, rel=0.1)


def test_greville_starts_input_by_input():
    knots = [EVEN, FINE, WAVE]
    net = sk.KAN.chain([sk.SplineLayer(3, 1, knots)])
    theta = sk.initialize(net, 3, "greville", noise=0.0)
    views = net.unpack(theta)[0]["coefficients"]
    for p, each in enumerate(knots):
        (a, b), c = each.domain, np.ascontiguousarray(views[p][:, 0])
        x = np.linspace(a, b, 50)
        got = 3 * sk.BSplineBasis(each).evaluate(c, x) - (a + b) / 2
        if each.periodic:
            want = (b - a) / 2 * np.sin(2 * np.pi * (x - a) / (b - a))
            tolerance = 0.2 * (b - a)  # a quasi-interpolant
        else:
            want, tolerance = x - (a + b) / 2, 1e-13
        assert min(np.abs(got - want).max(), np.abs(got + want).max()) < tolerance
        assert np.abs(got).max() > 0.3 * (b - a)


def test_affine_maps_fill_the_domain_of_every_input_of_their_follower():
    net = sk.KAN.chain(
        [sk.Affine(2, 3), sk.SplineLayer(3, 2, [EVEN, FINE, WAVE]), sk.Affine(2, 2, bias=False)]
    )
    theta = sk.initialize(net, 0)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    image = net.layers[0].value(theta[:9], corners)
    np.testing.assert_allclose(image.min(axis=0), [0, -2, 0], atol=1e-14)
    np.testing.assert_allclose(image.max(axis=0), [1, 2, 3], atol=1e-14)
