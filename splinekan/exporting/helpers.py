'''Functions of an exported module: each is written into it only if it is called there.

Values are (width, n), a row for every component, so that every loop of NumPy runs over samples.
'''

from __future__ import annotations

HELPERS = {
    "_polynomials": '''\
def _polynomials(active, first, coefficients):
    """Every spline as polynomials: (powers, outputs, inputs x pieces).

    On piece m the B-splines first[m], first[m] + 1, ... are active; active[m, :, l] are the coefficients, in
    powers of the local coordinate, of the l-th of them. Periodic coefficients begin anew after the last.
    """
    total = 0.0
    for l in range(active.shape[2]):
        c = coefficients[:, (first + l) % coefficients.shape[1]].transpose(2, 0, 1)
        total = total + active[:, :, l].T[:, None, None, :] * c
    return total.reshape(*total.shape[:2], -1)
''',
    "_splines": '''\
def _splines(v, edges, origins, scales, polynomials):
    """Sums of splines, (outputs, n), at v, (inputs, n).

    Piece m is edges[m - 1] <= v < edges[m]; the last edge is the number after the end of the domain.
    """
    piece = np.searchsorted(edges, v, side="right")
    y = (v - origins[piece]) * scales[piece]
    piece += len(origins) * np.arange(len(v))[:, None]
    values = polynomials[-1].take(piece, axis=1)
    for c in polynomials[-2::-1]:  # Horner's rule
        values *= y
        values += c.take(piece, axis=1)
    return values.sum(axis=1)
''',
    "_inside": '''\
def _inside(v, a, b):
    """v, unless some of it lies outside the domain of splines that are not continued."""
    if v.size and not (a <= v.min() and v.max() <= b):
        worst = v.flat[int(np.argmax(np.maximum(a - v, v - b)))]
        raise ValueError(f"x = {worst} lies outside the domain [{a}, {b}] and extrapolate='error'")
    return v
''',
    "_wrapped": '''\
def _wrapped(v, a, b):
    """v less a whole number of periods b - a, in [a, b)."""
    offset = v - a
    part = offset - v
    rest = (v - (offset - part)) - (a + part)  # what the difference lost by rounding
    y = a + (np.fmod(offset, b - a) + rest)
    y = np.where(y < a, y + (b - a), y)
    y = np.where(y >= b, a, y)
    return np.where((v >= a) & (v < b), v, y)
''',
    "_scaled": '''\
def _scaled(v, a, b, c, d):
    """The map that takes [c, d] onto [a, b], exact at both ends."""
    t = (v - c) / (d - c)
    y = np.where(t < 0.5, a + (b - a) * t, b - (b - a) * (1 - t))
    return np.where((v >= c) & (v <= d), np.clip(y, a, b), y)
''',
    "_sigmoid": '''\
def _sigmoid(v):
    """1/(1 + exp(-v)), without overflow."""
    e = np.exp(-np.abs(v))
    return np.where(v >= 0, 1.0, e) / (1 + e)
''',
}
"""Source of the functions, by name."""
