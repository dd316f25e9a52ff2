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
