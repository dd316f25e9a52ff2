"""B-splines through their ReLU form."""

from numba import njit


@njit(cache=True, nogil=True)
def bsplines(x, knots, bands, degree, out, start, stop):
    """out[i, j] = sum_d bands[d, j] max(0, z - (t_{j+d} - t_j))^degree, z = x - t_j clamped.

    The clamp into the support [0, t_{j+degree+1} - t_j] is what keeps the digits: beyond it the terms
    cancel to zero in exact arithmetic only. Knots are float64, so that the local coordinate is exact
    to rounding of its own size; the powers are taken in the type of x.
    """
    n_basis = out.shape[1]
    kind = x.dtype.type
    for i in range(start, stop):
        for j in range(n_basis):
            z = min(x[i], knots[j + degree + 1]) - knots[j]
            total = kind(0)
            for d in range(min(degree + 2, n_basis - j)):
                offset = z - (knots[j + d] - knots[j])
                if offset >= 0:
                    power = bands[d, j]
                    for _ in range(degree):
                        power *= kind(offset)
                    total += power
            out[i, j] = total
