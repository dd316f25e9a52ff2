"""Solutions of notebook 00."""

import numpy as np

import splinekan as sk


def exercise_1():
    """15 edges with G + 3 coefficients each: 15 (G + 3) < 1000 means G <= 63."""
    fits = [G for G in range(1, 100) if sk.KAN.splines([2, 5, 1], intervals=G).n_parameters < 1000]
    assert max(fits) == 63


def exercise_2():
    """With h1 = (x + y)/2 and h2 = (x - y)/2 the product is h1^2 - h2^2, and both stay in [-1, 1].

    The identity has the means (t_{i+1} + t_{i+2})/2 as coefficients, and the square the products
    t_{i+1} t_{i+2}. Parameters are ordered by layer, input, function, output.
    """
    network = sk.KAN.splines([2, 2, 1], degree=2, intervals=4, domain=(-1, 1))
    t = network.layers[0].common_knots
    identity, square = (t[1:-2] + t[2:-1]) / 2, t[1:-2] * t[2:-1]
    first = np.stack([np.stack([identity, identity], axis=1), np.stack([identity, -identity], axis=1)]) / 2
    second = np.stack([square, -square])
    theta = np.concatenate([first.ravel(), second.ravel()])
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    assert np.abs(network(theta, x)[:, 0] - x[:, 0] * x[:, 1]).max() < 1e-14


def exercise_3():
    """Add c to all coefficients of one edge and subtract it from those of the other: B-splines add up to 1.

    The network is the same function, so its coefficients are not unique. Compare functions, not coefficients.
    """
    network = sk.KAN.splines([2, 1, 1], intervals=4, domain=(-1, 1))
    theta = sk.initialize(network, seed=0, scheme="noise")
    moved = theta.copy()
    count = 4 + 3
    moved[:count] += 0.7
    moved[count : 2 * count] -= 0.7
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    assert np.abs(network(moved, x) - network(theta, x)).max() < 1e-12


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
