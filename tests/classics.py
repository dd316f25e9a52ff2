"""Classical unconstrained problems f = r.r, derivatives by hand (Moré, Garbow & Hillstrom, ACM TOMS 7, 1981).

Each entry of `CLASSICS` holds r(t), its Jacobian, the standard start and the values of the minima.
"""

import numpy as np

from splinekan.optimize import FunctionProblem


def rosenbrock(t):
    """Extended: n/2 copies of the two-dimensional function."""
    a, b = t[::2], t[1::2]
    r, j = np.zeros(len(t)), np.zeros((len(t), len(t)))
    even, odd = np.arange(0, len(t), 2), np.arange(1, len(t), 2)
    r[::2], r[1::2] = 10 * (b - a**2), 1 - a
    j[even, even], j[even, odd], j[odd, even] = -20 * a, 10, -1
    return r, j


def chained_rosenbrock(t):
    n = len(t) - 1
    i = np.arange(n)
    j = np.zeros((2 * n, n + 1))
    j[i, i], j[i, i + 1], j[n + i, i] = -20 * t[:-1], 10, -1
    return np.concatenate([10 * (t[1:] - t[:-1] ** 2), 1 - t[:-1]]), j


def beale(t):
    p = np.arange(1, 4)
    return (
        np.array([1.5, 2.25, 2.625]) - t[0] * (1 - t[1] ** p),
        np.stack([t[1] ** p - 1, t[0] * p * t[1] ** (p - 1)], axis=1),
    )


def powell_singular(t):
    b, a = t[1] - 2 * t[2], t[0] - t[3]
    u, v = 5**0.5, 10**0.5
    return (
        np.array([t[0] + 10 * t[1], u * (t[2] - t[3]), b**2, v * a**2]),
        np.array([[1, 10, 0, 0], [0, 0, u, -u], [0, 2 * b, -4 * b, 0], [2 * v * a, 0, 0, -2 * v * a]]),
    )


def powell_badly_scaled(t):
    return (
        np.array([1e4 * t[0] * t[1] - 1, np.exp(-t[0]) + np.exp(-t[1]) - 1.0001]),
        np.array([[1e4 * t[1], 1e4 * t[0]], [-np.exp(-t[0]), -np.exp(-t[1])]]),
    )


def brown_badly_scaled(t):
    return (
        np.array([t[0] - 1e6, t[1] - 2e-6, t[0] * t[1] - 2]),
        np.array([[1.0, 0.0], [0.0, 1.0], [t[1], t[0]]]),
    )


def wood(t):
    u, v = 90**0.5, 10**0.5
    return (
        np.array(
            [
                10 * (t[1] - t[0] ** 2),
                1 - t[0],
                u * (t[3] - t[2] ** 2),
                1 - t[2],
                v * (t[1] + t[3] - 2),
                (t[1] - t[3]) / v,
            ]
        ),
        np.array(
            [
                [-20 * t[0], 10, 0, 0],
                [-1, 0, 0, 0],
                [0, 0, -2 * u * t[2], u],
                [0, 0, -1, 0],
                [0, v, 0, v],
                [0, 1 / v, 0, -1 / v],
            ]
        ),
    )


def trigonometric(t):
    n = len(t)
    i = np.arange(1, n + 1)
    j = np.tile(np.sin(t), (n, 1)) + np.diag(i * np.sin(t) - np.cos(t))
    return n - np.cos(t).sum() + i * (1 - np.cos(t)) - np.sin(t), j


def variably_dimensioned(t):
    i = np.arange(1.0, len(t) + 1)
    s = i @ (t - 1)
    return np.append(t - 1, [s, s**2]), np.vstack([np.eye(len(t)), i, 2 * s * i])


def helical_valley(t):
    square = t[0] ** 2 + t[1] ** 2
    angle = np.arctan2(t[1], t[0]) / (2 * np.pi)
    radius, turn = np.sqrt(square), 100 / (2 * np.pi * square)
    return (
        np.array([10 * (t[2] - 10 * angle), 10 * (radius - 1), t[2]]),
        np.array([[turn * t[1], -turn * t[0], 10], [10 * t[0] / radius, 10 * t[1] / radius, 0], [0, 0, 1]]),
    )


def dixon_price(t):
    n = len(t)
    i = np.arange(2, n + 1)
    j = np.zeros((n, n))
    j[0, 0] = 1
    j[i - 1, i - 1], j[i - 1, i - 2] = 4 * np.sqrt(i) * t[1:], -np.sqrt(i)
    return np.append(t[0] - 1, np.sqrt(i) * (2 * t[1:] ** 2 - t[:-1])), j


def freudenstein_roth(t):
    a, b = t
    return (
        np.array([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b]),
        np.array([[1, 10 * b - 3 * b**2 - 2], [1, 3 * b**2 + 2 * b - 14]]),
    )


CLASSICS = {
    "rosenbrock": (rosenbrock, np.tile([-1.2, 1.0], 3), [0.0]),
    "rosenbrock, far": (rosenbrock, np.array([76, 97, 20, 120, 0.01, 1e4]), [0.0]),
    "chained rosenbrock": (chained_rosenbrock, np.tile([-1.2, 1.0], 5), [0.0, 3.98658]),
    "chained, far": (chained_rosenbrock, np.array([76, 97, 20, 120, 0.01, 1e4]), [0.0, 3.98658, 3.973941]),
    "beale": (beale, np.ones(2), [0.0]),
    "powell singular": (powell_singular, np.array([3.0, -1.0, 0.0, 1.0]), [0.0]),
    "powell badly scaled": (powell_badly_scaled, np.array([0.0, 1.0]), [0.0]),
    "brown badly scaled": (brown_badly_scaled, np.ones(2), [0.0]),
    "wood": (wood, np.array([-3.0, -1.0, -3.0, -1.0]), [0.0]),
    "trigonometric": (trigonometric, np.full(10, 0.1), [0.0, 2.79506e-5]),
    "variably dimensioned": (variably_dimensioned, 1 - np.arange(1, 11) / 10, [0.0]),
    "helical valley": (helical_valley, np.array([-1.0, 0.0, 0.0]), [0.0]),
    "dixon-price": (dixon_price, np.full(10, 3.0), [0.0, 2 / 3]),
    "freudenstein-roth": (freudenstein_roth, np.array([0.5, -2.0]), [0.0, 48.98425]),
}


def classic(name):
    """The problem, its start and its minima."""
    function, start, minima = CLASSICS[name]

    def gradient(t):
        r, j = function(t)
        return 2 * j.T @ r

    return FunctionProblem(lambda t: function(t)[0] @ function(t)[0], gradient), start, minima
