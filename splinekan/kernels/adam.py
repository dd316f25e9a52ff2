"""A step of Adam."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def step(z, g, m, v, t, rate, beta1, beta2, eps, decay, out):
    """Update the moments m and v with the gradient g, and set out = z moved by step t = 1, 2, ... of Adam.

    Returns whether all numbers that a component is divided by are finite. In one pass, where array operations
    take a dozen.
    """
    first, second = 1.0 - beta1**t, 1.0 - beta2**t
    divisible = True
    for i in range(z.shape[0]):
        m[i] += (1.0 - beta1) * (g[i] - m[i])
        v[i] += (1.0 - beta2) * (g[i] * g[i] - v[i])
        scale = np.sqrt(v[i] / second) + eps
        divisible &= scale < np.inf  # not NaN either
        out[i] = z[i] - rate * (m[i] / first / scale + decay * z[i])
    return divisible
