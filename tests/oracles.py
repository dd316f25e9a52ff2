"""Slow twins, in exact rational arithmetic or straight from the definition."""

from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
from scipy import special


def rational(values):
    """Floats as the rationals that they are; rationals stay what they are."""
    return tuple(v if isinstance(v, Fraction) else Fraction(float(v)) for v in values)


def periodic_knots(inner, degree):
    """The knots t_0, ..., t_m continued on both sides with the period t_m - t_0, exactly."""
    t = rational(inner)
    m, period = len(t) - 1, t[-1] - t[0]
    return tuple(t[j % m] + (j // m) * period for j in range(-degree, m + degree + 1))


def line(knots):
    """The knots of a periodic KnotVector on the line: ghost knots that are not rounded."""
    return periodic_knots(knots.inner, knots.degree)


def bspline(knots, degree, i, x, side=1):
    """b_i(x) by the Cox-de Boor recursion, in the arithmetic of its arguments; `i` counts from 0.

    side = 1 takes limits from the right at knots, -1 from the left.
    """
    if degree == 0:
        inside = knots[i] <= x < knots[i + 1] if side > 0 else knots[i] < x <= knots[i + 1]
        return Fraction(int(inside))
    total = Fraction(0)
    width = knots[i + degree] - knots[i]
    if width:
        total += (x - knots[i]) / width * bspline(knots, degree - 1, i, x, side)
    width = knots[i + degree + 1] - knots[i + 1]
    if width:
        total += (knots[i + degree + 1] - x) / width * bspline(knots, degree - 1, i + 1, x, side)
    return total


def tabulate(knots, degree, x):
    """All B-splines at points of [a, b], exactly, rounded at the end."""
    t = rational(knots)
    last = t[-degree - 1]
    rows = []
    for point in rational(x):
        side = -1 if point == last else 1
        rows.append([float(bspline(t, degree, i, point, side)) for i in range(len(t) - degree - 1)])
    return np.array(rows)


def change_of_basis(knots, degree):
    """A by the recursion of Lemma 2, exact rationals (rows of Fractions)."""
    t = rational(knots)
    columns = len(t) - 1

    @cache
    def entry(r, i, j):
        if r == 1:
            return Fraction(1 if j == i else -1 if j == i + 1 else 0)
        return entry(r - 1, i, j) / (t[i + r - 1] - t[i]) - entry(r - 1, i + 1, j) / (t[i + r] - t[i + 1])

    m = columns - degree
    return [[entry(degree + 1, i, j) for j in range(m)] for i in range(m)]


def insert_knot(knots, degree, c, new):
    """Boehm's insertion of one knot into a spline with coefficients c, in exact arithmetic."""
    t = list(rational(knots))
    x = Fraction(float(new))
    s = max(j for j in range(len(t)) if t[j] <= x)
    out = []
    for i in range(len(c) + 1):
        if i <= s - degree:
            out.append(c[i])
        elif i > s:
            out.append(c[i - 1])
        else:
            weight = (x - t[i]) / (t[i + degree] - t[i])
            out.append((1 - weight) * c[i - 1] + weight * c[i])
    return sorted([*t, x]), out


def network(net, theta, x):
    """A network sample by sample, layer by layer, every basis function tabulated."""
    values = np.asarray(x, dtype=float)
    for layer, start in zip(net.layers, net.offsets, strict=False):
        values = _layer(layer, theta[start : start + layer.n_parameters], values)
    return values


def _layer(layer, params, values):
    from splinekan import BSplineBasis, PowerReLUBasis
    from splinekan.network import (
        Affine,
        FormulaLayer,
        Normalizer,
        Product,
        SplineLayer,
        Sum,
        TensorSplineLayer,
    )

    if isinstance(layer, Affine):
        views = layer.unpack(params)
        return values @ views["weight"] + views.get("bias", 0.0)
    if isinstance(layer, SplineLayer):
        views = layer.unpack(params)
        kind = BSplineBasis if layer.basis == "spline" else PowerReLUBasis
        total = 0.0
        for p in range(layer.n_in):
            basis = kind(layer.knots[p], extrapolate=layer.extrapolate)
            total = total + basis.tabulate(values[:, p]) @ views["coefficients"][p]
        if layer.base is not None:
            sigmoid = 1.0 if layer.base == "identity" else 1 / (1 + np.exp(-values))
            total = total + (values * sigmoid) @ views["base"]
        return total
    if isinstance(layer, TensorSplineLayer):
        rows = np.ones((len(values), 1))
        for p, knots in enumerate(layer.knots):
            table = BSplineBasis(knots, extrapolate=layer.extrapolate).tabulate(values[:, p])
            rows = (rows[:, :, None] * table[:, None]).reshape(len(values), -1)
        return rows @ np.reshape(params, (-1, layer.n_out))
    if isinstance(layer, Normalizer) and layer.kind == "affine":
        ends = [np.broadcast_to(pairs, (layer.width, 2)) for pairs in (layer.domain, layer.source)]
        columns = []
        for (a, b), (c, d), column in zip(*ends, values.T, strict=True):
            columns.append([a + (b - a) * (point - c) / (d - c) for point in column])
        return np.array(columns).T
    if isinstance(layer, FormulaLayer):
        return formula(layer, params, values)
    if isinstance(layer, Product):
        return np.stack([np.prod(values[:, list(group)], axis=1) for group in layer.groups], axis=1)
    if isinstance(layer, Sum):
        ends = np.cumsum([each.n_parameters for each in layer.layers])[:-1]
        pieces = zip(layer.layers, np.split(np.asarray(params, dtype=float), ends), strict=True)
        return sum(_layer(each, piece, values) for each, piece in pieces)
    return layer.value(params, values)


def formula(layer, params, x):
    """A layer of formulas term by term; its functions are evaluated by Python from their text."""
    free = iter(np.asarray(params, dtype=float))

    def constant(fixed):
        return next(free) if fixed is None else fixed

    y = np.zeros((len(x), layer.n_out))
    for term in layer.terms:
        c, *inner = [constant(fixed) for fixed in term.fixed]
        z = x[:, term.input]
        for function, a, b in zip(term.functions, inner[::2], inner[1::2], strict=True):
            with np.errstate(all="ignore"):
                z = evaluated(function.expression, a * z + b)
        y[:, term.output] += c * z
    return y + [constant(fixed) for fixed in layer.bias]


def evaluated(expression, x):
    """An expression in x, by NumPy and SciPy under the names of sympy."""
    names = {"Abs": np.abs, "besselj": special.jv, "erf": special.erf}
    names |= {f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
    return eval(expression, {"__builtins__": {}}, vars(np) | names | {"x": x})


@cache
def _local_polynomials(t, degree, interval, origin):
    s = interval + degree
    rows = [[Fraction(1)]]
    for d in range(1, degree + 1):
        raised = [[Fraction(0)] * (d + 1) for _ in range(d + 1)]
        for l, row in enumerate(rows):
            i = s - d + 1 + l
            width = t[i + d] - t[i]
            if width == 0:
                continue
            for target, constant, slope in (
                (l + 1, (origin - t[i]) / width, 1 / width),
                (l, (t[i + d] - origin) / width, -1 / width),
            ):
                for p, c in enumerate(row):
                    raised[target][p] += constant * c
                    raised[target][p + 1] += slope * c
        rows = raised
    return rows


def local_polynomials(knots, degree, interval, origin):
    """Coefficients of (x - origin)^p of the degree + 1 B-splines that active on an interval, exactly."""
    return _local_polynomials(rational(knots), degree, interval, origin)


def prolongation(coarse, fine, degree):
    """P by Boehm's insertion of the fine breakpoints, then of ghost knots: exact, column by column.

    The blossom of a spline piece at fine knots gives the coefficients whatever the ghost knots are.
    """
    c, f = rational(coarse), rational(fine)
    ends = c[degree : len(c) - degree]
    inner = f[degree : len(f) - degree]
    rows = []
    for i in range(len(f) - degree - 1):
        support = range(max(i - degree, 0), min(i + 1, len(inner) - 1))
        inside = max(
            j for j in support if inner[j] < inner[j + 1]
        )  # whichever it is: the blossom is the same
        middle = (inner[inside] + inner[inside + 1]) / 2
        s = max(j for j, end in enumerate(ends[:-1]) if end <= middle) + degree
        row = [Fraction(0)] * (len(c) - degree - 1)
        for l in range(degree + 1):
            row[s - degree + l] = _blossom(c, degree, s, l, f[i + 1 : i + degree + 1])
        rows.append(row)
    return rows


def _blossom(t, degree, s, l, arguments):
    """The blossom of the piece on [t_s, t_{s+1}] of the spline whose l-th active coefficient is 1."""
    d = [Fraction(int(j == l)) for j in range(degree + 1)]
    for level, u in enumerate(arguments, start=1):
        for j in range(degree, level - 1, -1):
            left, right = t[s - degree + j], t[s + 1 + j - level]
            d[j] = ((right - u) * d[j - 1] + (u - left) * d[j]) / (right - left)
    return d[degree]


def gram_matrix(knots, degree, derivative):
    """The integrals of products of derivatives of B-splines over the domain, exactly."""
    t = rational(knots)
    ends = t[degree : len(t) - degree]
    m = len(t) - degree - 1
    out = [[Fraction(0)] * m for _ in range(m)]
    for s, (left, right) in enumerate(pairwise(ends)):
        width = right - left
        pieces = []
        for c in local_polynomials(knots, degree, s, left):
            for _ in range(derivative):
                c = [p * a for p, a in enumerate(c)][1:]
            pieces.append(c)
        for i, first in enumerate(pieces):
            for j, second in enumerate(pieces):
                out[s + i][s + j] += sum(
                    a * b * width ** (p + q + 1) / (p + q + 1)
                    for p, a in enumerate(first)
                    for q, b in enumerate(second)
                )
    return out
