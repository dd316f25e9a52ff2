"""Slow twins, in exact rational arithmetic or straight from the definition."""

from fractions import Fraction
from functools import cache

import numpy as np


def rational(values):
    """Floats as the rationals that they are."""
    return tuple(Fraction(float(v)) for v in values)


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
    from splinekan import BSplineBasis, PowerReLUBasis
    from splinekan.network import Affine, Normalizer, SplineLayer

    values = np.asarray(x, dtype=float)
    for layer, blocks, start in zip(net.layers, net.blocks(theta), net.offsets, strict=False):
        if isinstance(layer, Affine):
            values = values @ blocks["weight"] + blocks.get("bias", 0.0)
        elif isinstance(layer, SplineLayer):
            kind = BSplineBasis if layer.basis == "spline" else PowerReLUBasis
            basis = kind(layer.knots, layer.degree, layer.extrapolate)
            total = 0.0
            for p in range(layer.n_in):
                total = total + basis.tabulate(values[:, p]) @ blocks["coefficients"][p]
            values = total
        elif isinstance(layer, Normalizer) and layer.kind == "affine":
            ends = [np.broadcast_to(pairs, (layer.width, 2)) for pairs in (layer.domain, layer.source)]
            columns = []
            for (a, b), (c, d), column in zip(*ends, values.T, strict=True):
                columns.append([a + (b - a) * (point - c) / (d - c) for point in column])
            values = np.array(columns).T
        else:
            values = layer.value(theta[start:start], values)
    return values
