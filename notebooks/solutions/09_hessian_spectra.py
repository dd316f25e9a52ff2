"""Solutions of notebook 09."""

import numpy as np

import splinekan as sk


def exercise_1():
    """The inner rows are h/6 (1, 4, 1), the end rows h/6 (2, 1): by Gershgorin h/6 <= lambda <= h."""
    for G in (1, 2, 8, 64, 512):
        values = np.linalg.eigvalsh(sk.gram_matrix(sk.uniform_knots(0, 1, G, 1), 1).toarray())
        assert values[0] >= (1 - 1e-12) / (6 * G)
        assert values[-1] <= 1 / G * (1 + 1e-12)


def exercise_2():
    """h (66 + 52 cos s + 2 cos 2s)/120, between 16/120 at s = pi and 1 at s = 0: the ratio is 7.5."""
    k, G = 2, 64
    row = sk.gram_matrix(sk.uniform_knots(0, G, G, k), k).toarray()[20, 18:23]
    assert np.allclose(row, np.array([1, 26, 66, 26, 1]) / 120)
    first = np.zeros(G)
    first[[0, 1, 2, -1, -2]] = np.array([66, 26, 1, 26, 1]) / 120
    periodic = np.stack([np.roll(first, shift) for shift in range(G)])
    s = 2 * np.pi * np.arange(G) / G
    symbol = (66 + 52 * np.cos(s) + 2 * np.cos(2 * s)) / 120
    values = np.linalg.eigvalsh(periodic)
    assert np.allclose(values, np.sort(symbol))
    assert np.isclose(values[-1] / values[0], 7.5)


def exercise_3():
    """Five: n_in - 1 = 1 for each of the three hidden values, and 3 - 1 = 2 for the output.

    Each vector adds a constant to an edge and subtracts it from another edge to the same node.
    """
    network = sk.KAN.splines([2, 3, 1], intervals=4)
    theta = sk.initialize(network, seed=0, scheme="greville")
    x = np.random.default_rng(0).uniform(size=(500, 2))
    J = network.jacobian(theta, x).toarray()
    vectors = []
    for layer, n_out in ((0, 3), (1, 1)):
        n_in = (2, 3)[layer]
        for q in range(n_out):
            for p in range(1, n_in):
                v = np.zeros(network.n_parameters)
                block = network.unpack(v)[layer]["coefficients"]
                block[0, :, q], block[p, :, q] = 1.0, -1.0
                vectors.append(v)
    null = np.array(vectors).T
    assert null.shape[1] == 5 == np.linalg.matrix_rank(null)
    assert np.abs(J @ null).max() < 1e-12 * np.abs(J).max()
    assert np.linalg.matrix_rank(J) <= network.n_parameters - 5


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
