"""Functions of an exported module: each is written into it only if it is called there.

Values are (width, n), a row for every component, so that every loop of NumPy runs over samples.
"""

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
    "_tensor": '''\
def _tensor(axes, coefficients):
    """Tensor-product splines, (outputs, n): of every axis v, (n,), and tables as of `_splines`."""
    places, functions = [], []
    for axis, (v, edges, origins, scales, active, first) in enumerate(axes):
        piece = np.searchsorted(edges, v, side="right")
        y = ((v - origins[piece]) * scales[piece])[:, None]
        values = active[piece, -1]
        for power in range(active.shape[1] - 2, -1, -1):  # Horner's rule
            values = values * y + active[piece, power]
        place = (first[piece][:, None] + np.arange(active.shape[2])) % coefficients.shape[axis]
        places.append(place.reshape(len(v), *(-1 if other == axis else 1 for other in range(len(axes)))))
        functions.append(values)
    sums = coefficients[tuple(places)]
    for values in functions:  # contracted axis by axis
        sums = np.einsum("nl...,nl->n...", sums, values)
    return sums.T
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
    "_erf": '''\
def _erf(v):
    """The error function, number by number."""
    return np.array([math.erf(each) for each in v.ravel()]).reshape(v.shape)
''',
}
"""Source of the functions, by name."""
PREDICT = '''\
def {name}(x):
    """Outputs, (n, {n_out}), at the rows of x, (n, {n_in}): see the text above.

    Raises
    ------
    TypeError, ValueError
        Unless x is a table of finite real numbers with {n_in} columns.
    """
    x = _checked(x)
    y = np.empty((len(x), {n_out}))
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the range of float64 is infinite or NaN
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            y[rows] = _network(np.ascontiguousarray(x[rows].T)).T
    return y
'''
"""The function of an exported module; `FRAME` and `CHECKED` check its argument."""
FRAME = """\
    if hasattr(x, "iloc") and any(isinstance(label, str) for label in x.columns):  # a data frame
        missing = [name for name in INPUTS if name not in x.columns]
        if missing:
            raise ValueError(f"x lacks the columns {', '.join(map(repr, missing))} of {list(INPUTS)}")
        x = x[list(INPUTS)]
"""
CHECKED = '''\
def _checked(x):
    """x as an array (n, {n_in}) of float64."""
{frame}    decorated = isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap, np.matrix)
    if decorated or hasattr(type(x), "units") or hasattr(type(x), "unit"):
        raise TypeError(f"x must be plain numbers, got a {{type(x).__name__}} whose mask or unit is lost")
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"x must be an array of real numbers, got dtype {{x.dtype}}")
    with np.errstate(over="ignore"):
        x = x.astype(np.float64)
    if x.ndim != 2 or x.shape[1] != {n_in}:
        raise ValueError(f"x must have shape (any, {n_in}), got {{x.shape}}")
    if not np.isfinite(x).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise ValueError(f"x must be finite, got {{x[bad]}} at index {{bad}}")
    return x
'''
