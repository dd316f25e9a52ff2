"""A step of Adam."""

import numpy as np
from numba import njit

BLOCK = 512
"""Numbers whose moments stay in the first cache between the two loops of a block."""


@njit(cache=True, nogil=True, error_model="numpy")
def step(z, g, m, v, t, rate, beta1, beta2, eps, decay, out):
    """Update the moments m and v with the gradient g, and set out = z moved by step t = 1, 2, ... of Adam.

    Returns whether all numbers that a component is divided by are finite. `out` may be z, but loops are
    vectorised only where arrays do not overlap, and where few enough take part for that to be checked: hence
    two loops, over views.
    """
    first, second = 1.0 - beta1**t, 1.0 - beta2**t
    beyond = 0
    for start in range(0, z.shape[0], BLOCK):
        block = slice(start, min(start + BLOCK, z.shape[0]))
        zb, gb, mb, vb, ob = z[block], g[block], m[block], v[block], out[block]
        for i in range(zb.shape[0]):
            mb[i] += (1.0 - beta1) * (gb[i] - mb[i])
            vb[i] += (1.0 - beta2) * (gb[i] * gb[i] - vb[i])
        for i in range(zb.shape[0]):
            scale = np.sqrt(vb[i] / second) + eps
            beyond += 0 if scale < np.inf else 1  # NaN counts, too
            ob[i] = zb[i] - rate * (mb[i] / first / scale + decay * zb[i])
    return beyond == 0
