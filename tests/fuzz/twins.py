"""Slow truths in exact rational arithmetic: B-splines and power ReLUs, their derivatives, A and P.

Every value comes with its size, the sum of the moduli of the terms of the recursion that makes it: what
rounding in a stable evaluation is relative to.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import factorial
from typing import Any

import numpy as np
from oracles import rational

ZERO, ONE = Fraction(0), Fraction(1)


def number(value: Fraction) -> float:
    """The nearest float, infinite beyond the range."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")


def numbers(rows: Any) -> np.ndarray:
    return np.array([[number(v) for v in row] for row in rows])


class Exact:
    """Splines of one degree on some knots, which may be repeated.

    Periodic ones are kept as on the line: with k functions more, whose coefficients are others' again, and
    ghost knots that are not rounded.
    """

    def __init__(self, knots: Any, degree: int, periodic: bool = False) -> None:
        self.t, self.k, self.periodic = rational(knots), degree, periodic
        self.line = len(self.t) - degree - 1
        self.n = self.line - degree * periodic
        if periodic:
            inner, m = self.t[degree : self.line + 1], self.line - degree
            length = inner[-1] - inner[0]
            self.t = tuple(inner[j % m] + (j // m) * length for j in range(-degree, m + degree + 1))

    @staticmethod
    def of(knots: Any, degree: int | None) -> Exact:
        """Those of an array and a degree, or of a KnotVector."""
        if hasattr(knots, "periodic"):
            return Exact(knots.t, knots.degree, knots.periodic)
        assert degree is not None
        return Exact(np.array(knots, dtype=np.float64), degree)

    @property
    def ends(self) -> list[Fraction]:
        """The breakpoints."""
        return sorted(set(self.t[self.k : self.line + 1]))

    @property
    def domain(self) -> tuple[Fraction, Fraction]:
        return self.t[self.k], self.t[self.line]

    def wrapped(self, x: Any) -> np.ndarray:
        """Points in [a, b) that are whole periods away, as near as their type allows."""
        a, b = self.domain
        x = np.asarray(x)
        found = []
        for p in x.astype(np.float64):
            y = number(a + (Fraction(float(p)) - a) % (b - a))
            found.append(float(a) if y >= b else y)
        if x.dtype != np.float32:
            return np.array(found)
        with np.errstate(all="ignore"):
            narrow = np.array(found).astype(np.float32)
        for i, y in enumerate(narrow):
            if float(y) >= b:
                narrow[i] = np.nextafter(y, np.float32(-np.inf))
            elif float(y) < a:
                narrow[i] = np.nextafter(y, np.float32(np.inf))
        return narrow

    def interval(self, x: Fraction) -> int:
        """The knot interval of [a, b] around x; at knots the right one, at b the last."""
        s = self.k
        for j in range(self.k, self.line):
            if self.t[j] <= x and self.t[j] < self.t[j + 1]:
                s = j
        return s

    def folded(self, row: list[Fraction]) -> list[Fraction]:
        """A row of the functions on the line as one of the functions."""
        if not self.periodic:
            return row
        out = [ZERO] * self.n
        for j, value in enumerate(row):
            out[j % self.n] += value
        return out

    def piece(self, s: int, x: Fraction, d: int) -> tuple[list[Fraction], list[Fraction]]:
        """The d-th derivatives at x of the polynomials on interval s, functions s-k..s, and their sizes."""
        t, memo = self.t, {}

        def f(i: int, q: int, e: int) -> tuple[Fraction, Fraction]:
            if i < s - q or i > s:
                return ZERO, ZERO
            if q == 0:
                return (ONE, ONE) if e == 0 else (ZERO, ZERO)
            if (i, q, e) not in memo:
                value = size = ZERO
                for j, sign in ((i, 1), (i + 1, -1)):
                    span = t[j + q] - t[j]
                    if not span:
                        continue
                    below, sizes = f(j, q - 1, max(e - 1, 0))
                    if e:
                        factor = Fraction(sign * q) / span
                    else:
                        factor = (x - t[j] if sign > 0 else t[j + q] - x) / span
                    value += factor * below
                    size += abs(factor) * sizes
                memo[i, q, e] = value, size
            return memo[i, q, e]

        found = [f(i, self.k, d) for i in range(s - self.k, s + 1)]
        return [v for v, _ in found], [z for _, z in found]

    def row(self, point: float, d: int, mode: str) -> tuple[list[Fraction], list[Fraction]]:
        """All functions at one point, continued as the mode says."""
        x, (a, b) = Fraction(float(point)), self.domain
        end = min(max(x, a), b)
        s = self.interval(end)
        if x == end or mode == "polynomial":
            values, sizes = self.piece(s, x, d)
        elif mode == "zero" or (mode == "clamp" and d > 0):
            values = sizes = [ZERO] * (self.k + 1)
        else:
            values, sizes = self.piece(s, end, d)
            if mode == "linear" and d == 0:
                slope, steep = self.piece(s, end, 1)
                values = [v + (x - end) * w for v, w in zip(values, slope, strict=True)]
                sizes = [v + abs(x - end) * w for v, w in zip(sizes, steep, strict=True)]
            elif mode == "linear" and d > 1:
                values = sizes = [ZERO] * (self.k + 1)
        before, after = [ZERO] * (s - self.k), [ZERO] * (self.line - s - 1)
        return self.folded([*before, *values, *after]), self.folded([*before, *sizes, *after])

    def derivatives(self, x: Fraction, d: int) -> tuple[list[Fraction], list[Fraction]]:
        """The d-th derivatives of all functions at a point of [a, b], and their sizes."""
        s = self.interval(x)
        before, after = [ZERO] * (s - self.k), [ZERO] * (self.line - s - 1)
        values, sizes = self.piece(s, x, d)
        return self.folded([*before, *values, *after]), self.folded([*before, *sizes, *after])

    def table(self, x: Any, d: int, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Values and sizes at points, (n, n_basis)."""
        if self.periodic or mode == "periodic":
            x, mode = self.wrapped(x), "polynomial"
        rows = [self.row(p, d, mode) for p in np.asarray(x, dtype=np.float64)]
        if not rows:
            return np.zeros((0, self.n)), np.zeros((0, self.n))
        return numbers(v for v, _ in rows), numbers(z for _, z in rows)

    def powers(self, point: float, d: int, mode: str) -> tuple[list[Fraction], list[Fraction]]:
        """All power ReLUs at one point."""
        x, (a, b) = Fraction(float(point)), self.domain
        end = min(max(x, a), b)
        active = [self.t[j] <= end for j in range(self.n)]

        def at(z: Fraction, e: int) -> list[Fraction]:
            if e > self.k:
                return [ZERO] * self.n
            factor = factorial(self.k) // factorial(self.k - e)
            return [factor * (z - self.t[j]) ** (self.k - e) if on else ZERO for j, on in enumerate(active)]

        if x == end or mode == "polynomial":
            values = at(x, d)
            return values, [abs(v) for v in values]
        if mode == "zero" or (mode == "clamp" and d > 0) or (mode == "linear" and d > 1):
            return [ZERO] * self.n, [ZERO] * self.n
        values = at(end, d)
        sizes = [abs(v) for v in values]
        if mode == "linear" and d == 0:
            slope = at(end, 1)
            values = [v + (x - end) * w for v, w in zip(values, slope, strict=True)]
            sizes = [v + abs(x - end) * abs(w) for v, w in zip(sizes, slope, strict=True)]
        return values, sizes

    def power_table(self, x: Any, d: int, mode: str) -> tuple[np.ndarray, np.ndarray]:
        rows = [self.powers(p, d, mode) for p in np.asarray(x, dtype=np.float64)]
        if not rows:
            return np.zeros((0, self.n)), np.zeros((0, self.n))
        return numbers(v for v, _ in rows), numbers(z for _, z in rows)

    def change(self) -> list[list[Fraction]]:
        """A with b = A psi, from the closed form of its divided differences."""
        r = self.k + 1
        rows = [[ZERO] * self.n for _ in range(self.n)]
        for i in range(self.n):
            for j in range(i, min(i + r + 1, self.n)):
                product = Fraction((-1) ** r)
                for l in range(i, i + r + 1):
                    if l != j:
                        product *= self.t[j] - self.t[l]
                rows[i][j] = (self.t[i + r] - self.t[i]) / product
        return rows

    def inverse(self) -> list[list[Fraction]]:
        """The inverse of A, psi_j = sum_i b_i prod_l max(0, t_{i+l} - t_j): nothing in it is negative."""
        rows = [[ONE if i >= j else ZERO for i in range(self.n)] for j in range(self.n)]
        for j in range(self.n):
            for i in range(j, self.n):
                for l in range(1, self.k + 1):
                    rows[j][i] *= max(self.t[i + l] - self.t[j], ZERO)
        return rows

    def blossom(self, s: int, arguments: Any) -> tuple[list[Fraction], list[Fraction]]:
        """Of the piece on interval s at k arguments: weights of coefficients s-k..s, and their sizes."""
        weights = []
        for unit in range(self.k + 1):
            points = [ONE if i == unit else ZERO for i in range(self.k + 1)]
            sizes = list(points)
            for level in range(1, self.k + 1):
                u = arguments[level - 1]
                for j in range(self.k, level - 1, -1):
                    left, right = self.t[s - self.k + j], self.t[s + j - level + 1]
                    w = (u - left) / (right - left)
                    points[j] = (1 - w) * points[j - 1] + w * points[j]
                    sizes[j] = abs(1 - w) * sizes[j - 1] + abs(w) * sizes[j]
            weights.append((points[self.k], sizes[self.k]))
        return [v for v, _ in weights], [z for _, z in weights]

    def _prolongation(self, fine: Exact) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
        values, sizes = [], []
        for i in range(fine.n):
            s = self._around(fine, i)
            before, after = [ZERO] * (s - self.k), [ZERO] * (self.line - s - 1)
            found, size = self.blossom(s, fine.t[i + 1 : i + 1 + self.k])
            values.append(self.folded([*before, *found, *after]))
            sizes.append(self.folded([*before, *size, *after]))
        return values, sizes

    def exact_prolongation(self, fine: Exact) -> list[list[Fraction]]:
        """P as it is."""
        return self._prolongation(fine)[0]

    def _around(self, fine: Exact, i: int) -> int:
        """An interval of these knots in the middle of the support of the i-th fine function."""
        inside = range(max(i, fine.k), min(i + fine.k, fine.line - 1) + 1)
        full = [j for j in inside if fine.t[j] < fine.t[j + 1]]
        middle = full[len(full) // 2]
        return self.interval((fine.t[middle] + fine.t[middle + 1]) / 2)

    def prolongation(self, fine: Exact) -> tuple[np.ndarray, np.ndarray]:
        """P with c_fine = P c_coarse, and the sizes of its sums."""
        values, sizes = self._prolongation(fine)
        return numbers(values), numbers(sizes)

    def integral(self, low: float, high: float, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Integrals of all functions, continued, and the sizes of their sums: low may be above high."""
        a, b = self.domain
        ends = [Fraction(low), Fraction(high)]
        start, stop = min(ends), max(ends)
        cuts = {start, stop}
        periods, cyclic = [ZERO], self.periodic or mode == "periodic"
        if cyclic:
            first, last = (start - a) // (b - a), (stop - a) // (b - a)
            periods = [q * (b - a) for q in range(int(first), int(last) + 1)]
        cuts |= {p + shift for p in self.ends for shift in periods if start < p + shift < stop}
        points = sorted(cuts)
        total, sizes = [ZERO] * self.n, [ZERO] * self.n
        weights = _closed_rule(self.k)
        for left, right in pairwise(points):
            middle = (left + right) / 2
            shift = (middle - a) // (b - a) * (b - a) if cyclic else ZERO
            outside = not cyclic and not a < middle < b
            s = self.interval(min(max(middle - shift, a), b))
            for node, weight in enumerate(weights):
                x = left - shift + (right - left) * Fraction(node, max(self.k, 1))
                values, size = self._continued(s, x, mode if outside else "polynomial")
                share = weight * (right - left)
                before, after = [ZERO] * (s - self.k), [ZERO] * (self.line - s - 1)
                for j, v in enumerate(self.folded([*before, *values, *after])):
                    total[j] += share * v
                for j, v in enumerate(self.folded([*before, *size, *after])):
                    sizes[j] += abs(share) * v
        sign = 1 if ends[0] <= ends[1] else -1
        return sign * numbers([total])[0], numbers([sizes])[0]

    def _continued(self, s: int, x: Fraction, mode: str) -> tuple[list[Fraction], list[Fraction]]:
        """The functions s-k..s by the piece s, or by what continues it."""
        if mode == "polynomial":
            return self.piece(s, x, 0)
        end = min(max(x, self.domain[0]), self.domain[1])
        if mode == "zero":
            return [ZERO] * (self.k + 1), [ZERO] * (self.k + 1)
        values, sizes = self.piece(s, end, 0)
        if mode == "linear":
            slope, steep = self.piece(s, end, 1)
            values = [v + (x - end) * w for v, w in zip(values, slope, strict=True)]
            sizes = [v + abs(x - end) * w for v, w in zip(sizes, steep, strict=True)]
        return values, sizes


def _closed_rule(degree: int) -> list[Fraction]:
    """Weights of the closed Newton-Cotes rule on [0, 1] that is exact up to the degree."""
    n = max(degree, 1)
    nodes = [Fraction(j, n) for j in range(n + 1)]
    weights = []
    for i, x in enumerate(nodes):
        polynomial = [ONE]
        for j, y in enumerate(nodes):
            if j != i:
                raised = [ZERO, *polynomial]
                for p, c in enumerate(polynomial):
                    raised[p] -= y * c
                polynomial = [c / (x - y) for c in raised]
        weights.append(sum((c / (p + 1) for p, c in enumerate(polynomial)), ZERO))
    return weights


def solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Exact back substitution with an upper triangular matrix."""
    x = list(right)
    for i in reversed(range(len(x))):
        x[i] = (x[i] - sum(rows[i][j] * x[j] for j in range(i + 1, len(x)))) / rows[i][i]
    return x
