"""A spline layer with a SiLU base branch, three times: ours, a plain kernel, and SciPy's sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.interpolate import BSpline

import splinekan as sk


class Result(NamedTuple):
    """y, and the gradients of the sum of gy y in inputs, coefficients and weights of the base branch."""

    y: np.ndarray
    gx: np.ndarray
    gc: np.ndarray
    gv: np.ndarray


@dataclass(frozen=True)
class Case:
    """A layer n_in -> n_out on `knots`, its parameters, inputs and the gradient gy in its outputs.

    c (n_in, n_basis, n_out), v (n_in, n_out), x (samples, n_in), gy (samples, n_out).
    """

    knots: sk.KnotVector
    c: np.ndarray
    v: np.ndarray
    x: np.ndarray
    gy: np.ndarray

    @property
    def n_in(self) -> int:
        return self.v.shape[0]

    @property
    def n_out(self) -> int:
        return self.v.shape[1]

    @property
    def samples(self) -> int:
        return len(self.x)

    def first(self, samples: int) -> Case:
        """The same layer on the first samples."""
        return replace(self, x=self.x[:samples], gy=self.gy[:samples])

    def in_type(self, dtype: type) -> Case:
        """The same numbers in another floating-point type."""
        return replace(self, **{name: getattr(self, name).astype(dtype) for name in ("c", "v", "x", "gy")})


def case(shape: tuple[int, int], knots: sk.KnotVector, samples: int) -> Case:
    """Random parameters and inputs, uniform on the domain."""
    rng, (n_in, n_out) = np.random.default_rng(0), shape
    return Case(
        knots,
        rng.normal(size=(n_in, knots.n_basis, n_out)),
        rng.normal(size=shape),
        rng.uniform(*knots.domain, (samples, n_in)),
        rng.normal(size=(samples, n_out)),
    )


def uniform(shape: tuple[int, int], intervals: int, samples: int, degree: int = 3) -> Case:
    """A case on uniform knots of [0, 1]."""
    return case(shape, sk.KnotVector.uniform(0, 1, intervals, degree), samples)


def ours(at: Case, base: str | None = "silu") -> Callable[[], Result]:
    """splinekan's layer, with or without the base branch."""
    layer = sk.SplineLayer(at.n_in, at.n_out, at.knots, base=base)
    theta = at.c.ravel() if base is None else np.concatenate([at.c.ravel(), at.v.ravel()])

    def run() -> Result:
        y = layer.value(theta, at.x)
        gradient, gx = layer.vjp(theta, at.x, at.gy, True)
        return Result(y, gx, gradient[: at.c.size].reshape(at.c.shape), gradient[at.c.size :])

    return run


@njit(nogil=True)
def _plain(x, c, v, gy, a, h, y, gc, gv, gx, start, stop):
    """Value and all gradients, the straightforward way."""
    n_in, intervals, n_out = c.shape[0], c.shape[1] - 3, c.shape[2]
    b, d = np.empty(4), np.empty(4)
    for i in range(start, stop):
        for q in range(n_out):
            y[i, q] = 0.0
        for p in range(n_in):
            u = (x[i, p] - a) / h
            span = min(max(int(u), 0), intervals - 1)
            u -= span
            b[0], b[3] = (1 - u) ** 3 / 6, u**3 / 6
            b[1], b[2] = (3 * u**3 - 6 * u**2 + 4) / 6, (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6
            d[0], d[3] = -((1 - u) ** 2) / 2 / h, u**2 / 2 / h
            d[1], d[2] = (3 * u**2 - 4 * u) / 2 / h, (-3 * u**2 + 2 * u + 1) / 2 / h
            sigma = 1 / (1 + np.exp(-x[i, p]))
            s, s_slope = x[i, p] * sigma, sigma * (1 + x[i, p] * (1 - sigma))
            total = 0.0
            for q in range(n_out):
                g = gy[i, q]
                value, slope = s * v[p, q], s_slope * v[p, q]
                gv[p, q] += s * g
                for l in range(4):
                    value += b[l] * c[p, span + l, q]
                    slope += d[l] * c[p, span + l, q]
                    gc[p, span + l, q] += b[l] * g
                y[i, q] += value
                total += slope * g
            gx[i, p] = total


def plain(at: Case, threads: int) -> Callable[[], Result]:
    """The plain kernel for uniform cubic splines, samples split among threads."""
    (a, b), n = at.knots.domain, at.samples
    h = (b - a) / at.knots.intervals
    pool = ThreadPoolExecutor(threads)

    def run() -> Result:
        y, gx = np.empty_like(at.gy), np.empty_like(at.x)
        gc, gv = np.zeros((threads, *at.c.shape)), np.zeros((threads, *at.v.shape))
        jobs = [
            pool.submit(
                _plain,
                at.x,
                at.c,
                at.v,
                at.gy,
                a,
                h,
                y,
                gc[t],
                gv[t],
                gx,
                n * t // threads,
                n * (t + 1) // threads,
            )
            for t in range(threads)
        ]
        for job in jobs:
            job.result()
        return Result(y, gx, gc.sum(axis=0), gv.sum(axis=0))

    return run


def scipy(at: Case) -> Callable[[], Result]:
    """Products with `BSpline.design_matrix`, input by input; SiLU in NumPy.

    The derivative of a spline has degree k - 1, the inner knots and the coefficients
    k (c[i + 1] - c[i])/(t[i + k + 1] - t[i + 1]).
    """
    t, k = at.knots.t, at.knots.degree
    scale = k / (t[k + 1 : -1] - t[1 : -k - 1])[:, None]

    def run() -> Result:
        sigma = 1 / (1 + np.exp(-at.x))
        s = at.x * sigma
        y, gv, gc = s @ at.v, s.T @ at.gy, np.empty_like(at.c)
        gx = (at.gy @ at.v.T) * (sigma * (1 + at.x * (1 - sigma)))
        slopes = np.diff(at.c, axis=1) * scale
        for p in range(at.n_in):
            basis = BSpline.design_matrix(at.x[:, p], t, k)
            y += basis @ at.c[p]
            gc[p] = basis.T @ at.gy
            derivative = BSpline.design_matrix(at.x[:, p], t[1:-1], k - 1) @ slopes[p]
            gx[:, p] += np.einsum("iq,iq->i", derivative, at.gy)
        return Result(y, gx, gc, gv)

    return run


def agree(found: tuple[np.ndarray, ...], wanted: tuple[np.ndarray, ...], tolerance: float) -> None:
    """All compute the same, or the comparison means nothing.

    Raises
    ------
    AssertionError
        Unless the arrays agree up to `tolerance` times the largest entry.
    """
    for mine, other in zip(found, wanted, strict=True):
        other = np.asarray(other, np.float64)
        mine = np.asarray(mine, np.float64).reshape(other.shape)
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * np.abs(other).max())
