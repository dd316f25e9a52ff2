"""Slow truths in exact rational arithmetic: B-splines and power ReLUs, their derivatives, A and P.

Every value comes with its size, the sum of the moduli of the terms of the recursion that makes it: what
rounding in a stable evaluation is relative to.
"""

from __future__ import annotations

from fractions import Fraction
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
    """Splines of one degree on some knots."""

    def __init__(self, knots: Any, degree: int) -> None:
        self.t, self.k = rational(knots), degree
        self.n = len(self.t) - degree - 1

    def interval(self, x: Fraction) -> int:
        """The knot interval of [a, b] around x; at knots the right one, at b the last."""
        s = self.k
        for j in range(self.k, self.n):
            if self.t[j] <= x and self.t[j] < self.t[j + 1]:
                s = j
        return s

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
        x, (a, b) = Fraction(float(point)), (self.t[self.k], self.t[self.n])
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
        before, after = [ZERO] * (s - self.k), [ZERO] * (self.n - s - 1)
        return [*before, *values, *after], [*before, *sizes, *after]

    def table(self, x: Any, d: int, mode: str) -> tuple[np.ndarray, np.ndarray]:
        """Values and sizes at points, (n, n_basis)."""
        rows = [self.row(p, d, mode) for p in np.asarray(x, dtype=np.float64)]
        if not rows:
            return np.zeros((0, self.n)), np.zeros((0, self.n))
        return numbers(v for v, _ in rows), numbers(z for _, z in rows)

    def powers(self, point: float, d: int, mode: str) -> tuple[list[Fraction], list[Fraction]]:
        """All power ReLUs at one point."""
        x, (a, b) = Fraction(float(point)), (self.t[self.k], self.t[self.n])
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

    def exact_prolongation(self, fine: Exact) -> list[list[Fraction]]:
        """P as it is."""
        rows = []
        for i in range(fine.n):
            s = self._around(fine, i)
            found, _ = self.blossom(s, fine.t[i + 1 : i + 1 + self.k])
            rows.append([ZERO] * (s - self.k) + found + [ZERO] * (self.n - s - 1))
        return rows

    def _around(self, fine: Exact, i: int) -> int:
        """An interval of these knots in the middle of the support of the i-th fine function."""
        inside = list(range(max(i, fine.k), min(i + fine.k, fine.n - 1) + 1))
        middle = inside[len(inside) // 2]
        return self.interval((fine.t[middle] + fine.t[middle + 1]) / 2)

    def prolongation(self, fine: Exact) -> tuple[np.ndarray, np.ndarray]:
        """P with c_fine = P c_coarse."""
        values = [[ZERO] * self.n for _ in range(fine.n)]
        sizes = [[ZERO] * self.n for _ in range(fine.n)]
        for i in range(fine.n):
            s = self._around(fine, i)
            found, size = self.blossom(s, fine.t[i + 1 : i + 1 + self.k])
            values[i][s - self.k : s + 1] = found
            sizes[i][s - self.k : s + 1] = size
        return numbers(values), numbers(sizes)


def solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Exact back substitution with an upper triangular matrix."""
    x = list(right)
    for i in reversed(range(len(x))):
        x[i] = (x[i] - sum(rows[i][j] * x[j] for j in range(i + 1, len(x)))) / rows[i][i]
    return x
