"""B-splines through their ReLU form."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def bsplines(x, knots, bands, degree, out, start, stop):
    """out[i, j] = sum_d bands[d, j] max(0, z - t_{j+d})^degree, z = min(x, t_{j+degree+1}).

    The clamp into the support is what keeps the digits: beyond it the terms cancel to zero in exact
    arithmetic only. All is float64 but x and `out`, so that differences have the right sign and are exact to
    rounding of their own size.
    """
    n_basis = out.shape[1]
    for i in range(start, stop):
        for j in range(n_basis):
            point = min(np.float64(x[i]), knots[j + degree + 1])
            total = 0.0
            for d in range(min(degree + 2, n_basis - j)):
                offset = point - knots[j + d]
                if offset >= 0:
                    power = bands[d, j]
                    for _ in range(degree):
                        power *= offset
                    total += power
            out[i, j] = total
