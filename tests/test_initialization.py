"""Starts: seeded, the same function in both bases, and what each promises."""

import numpy as np
import pytest

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
