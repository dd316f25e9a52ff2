"""Losses straight from their definitions, by SciPy's special functions and by quadrature."""

import numpy as np
from scipy.special import expit, logsumexp, softmax


def huber(g, y, delta=1.0):
    d = np.abs(g - y)
    return np.where(d <= delta, d**2 / 2, delta * d - delta**2 / 2).sum(axis=1)


def pinball(g, y, q=0.5):
    return np.maximum((1 - q) * (g - y), -q * (g - y)).sum(axis=1)


def quantile(g, y, q=0.5, width=0.01):
    """The mean of the pinball loss over a band, by Gauss's rule on both sides of the kink."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    kink = np.clip(y - g, -width, width)
    total = 0.0
    for low, high in ((-width, kink), (kink, width)):
        for t, w in zip(nodes, weights, strict=True):
            moved = g + (low + high) / 2 + (high - low) / 2 * t
            d = moved - y
            total = total + w * (high - low) / 2 * np.maximum((1 - q) * d, -q * d)
    return (total / (2 * width)).sum(axis=1)


def logistic(g, y):
    return (np.logaddexp(0, g) - y * g).sum(axis=1)


def cross_entropy(g, y):
    return logsumexp(g, axis=1) * y.sum(axis=1) - (y * g).sum(axis=1) if g.shape[0] else np.zeros(0)


def poisson(g, y):
    return (np.exp(g) - y * g).sum(axis=1)


LOSSES = {
    "Huber": huber,
    "Quantile": quantile,
    "Logistic": logistic,
    "Softmax": cross_entropy,
    "Poisson": poisson,
}
MEANS = {"Logistic": expit, "Softmax": lambda g: softmax(g, axis=1), "Poisson": np.exp}
