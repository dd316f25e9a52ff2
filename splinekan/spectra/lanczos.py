"""Extreme eigenvalues and spectral densities of large networks, from matrix-vector products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from splinekan._blas import dot, norm, one
from splinekan._checks import (
    Float64Array,
    affordable,
    generator,
    integer,
    one_of,
    real,
    real_array,
    shown,
    vector,
)
from splinekan.spectra.coordinates import BASES, coordinates
from splinekan.spectra.density import Density
from splinekan.spectra.network import in_splines, needs_hessian
from splinekan.spectra.spectrum import TOLERANCE, Spectrum

EPS = float(np.finfo(np.float64).eps)
ASYMMETRY = 1e-6
"""Bound on |u.(H v) - v.(H u)| from rounding, relative to |u| |H v| + |v| |H u|."""
KINDS = ("gauss-newton", "hessian", "tangent-kernel")


class SymmetricOperator(LinearOperator):  # type: ignore[misc]
    """A symmetric matrix (n, n) given by its products, which refuse vectors of the wrong length."""

    def __init__(self, size: int, product: Callable[[Float64Array], Float64Array]) -> None:
        super().__init__(np.dtype(np.float64), (size, size))
        self._product = product

    def matvec(self, x: ArrayLike) -> Float64Array:
        """The product with x, (n,) or (n, 1), in the shape of x."""
        given = real_array("x", x, finite=False)
        if given.shape not in ((self.shape[0],), (self.shape[0], 1)):
            raise ValueError(f"x must have shape ({self.shape[0]},), got {given.shape}")
        return np.asarray(self._product(given.ravel().astype(np.float64, copy=False))).reshape(given.shape)

    def _matvec(self, x: Float64Array) -> Float64Array:
        return self.matvec(x)

    def _adjoint(self) -> SymmetricOperator:
        return self


def curvature_operator(
    objective: Any, theta: ArrayLike, kind: str = "gauss-newton", basis: str = "spline"
) -> LinearOperator:
    """The matrix of `kind` at theta in the coordinates `basis`, as an operator that is never assembled.

    "gauss-newton" is T^{-T} J^T J T^{-1} and "hessian" T^{-T} H T^{-1} with exact Hessian products, both with
    a row per parameter; "tangent-kernel" is J T^{-1} T^{-T} J^T, with a row per residual.

    Raises
    ------
    TypeError, ValueError
        For an invalid objective, theta, kind or basis; for the Hessian of an objective without Hessian
        products.
    """
    one_of("kind", kind, KINDS)
    one_of("basis", basis, BASES)
    objective, at = in_splines(objective, theta)
    T = coordinates(objective.network, basis)
    n = len(at)
    if kind == "hessian":
        needs_hessian(objective)
        return SymmetricOperator(n, lambda z: T.solve_transpose(objective.hessian_product(at, T.solve(z))))
    rows = objective.linearized(at)[2]
    if kind == "gauss-newton":
        return SymmetricOperator(n, lambda z: T.solve_transpose(rows.rmatvec(rows.matvec(T.solve(z)))))
    return SymmetricOperator(
        objective.n_residuals, lambda r: rows.matvec(T.solve(T.solve_transpose(rows.rmatvec(r))))
    )


def extreme_eigenvalues(
    operator: LinearOperator,
    count: int = 3,
    seed: int | np.random.Generator = 0,
    tolerance: float = 1e-10,
    iterations: int = 300,
) -> Spectrum:
    """The `count` largest and the `count` least eigenvalues of a symmetric operator, by restarted Lanczos.

    The error of a value is the norm of its residual, which bounds the distance to *an* eigenvalue, plus
    n eps |H|. The Lanczos method converges to well-separated ends of the spectrum; the small eigenvalues of a
    positive matrix cluster at 0 and are not resolved below `tolerance` times the largest. Values that have
    not converged within the iterations are omitted.

    Parameters
    ----------
    operator
        A symmetric operator, for example from `curvature_operator`.
    count
        Number of values at each end, less than a third of the size.
    seed
        An integer or a NumPy Generator, for the first vector.
    tolerance
        Required residual, relative to the width of the spectrum.
    iterations
        Largest number of restarts for each end.

    Returns
    -------
    Spectrum
        Up to 2 count values, with vectors; the nullity, which is unknown, is set to 0.

    Raises
    ------
    TypeError, ValueError
        For an operator that is not square, symmetric and real, or without finite products; for an invalid
        count, seed, tolerance or number of iterations.

    Examples
    --------
    >>> d = np.linspace(1, 100, 400)
    >>> operator = LinearOperator((400, 400), matvec=lambda v: d * v.ravel(), dtype=d.dtype)
    >>> extreme_eigenvalues(operator, count=1).values.round(6).tolist()
    [100.0, 1.0]
    """
    n = _size(operator)
    if n < 2:
        raise ValueError(f"operator must have at least 2 rows, got {n}")
    count = integer("count", count, low=1, high=max((n - 1) // 3, 1))
    rng = generator("seed", seed)
    tolerance = real("tolerance", tolerance, positive=True)
    iterations = integer("iterations", iterations, low=1)
    affordable(f"Lanczos vectors of length {n}", 8.0 * n * max(4 * count + 2, 24))
    start = rng.normal(size=n)
    if not _symmetric_product(operator, start).any():  # the start is random, so the operator is 0
        return Spectrum(np.zeros(2 * count), np.zeros(2 * count), "H is zero", 0)
    top, above = _largest(operator, count, start, tolerance, iterations)
    # The lower end from the largest values of shift - H: the tolerance is then relative to the width.
    shift = float(top.max()) if len(top) else 0.0
    turned = SymmetricOperator(n, lambda v: shift * v - np.asarray(operator.matvec(v)).ravel())
    low, below = _largest(turned, count, start, tolerance, iterations)
    values, vectors = np.concatenate([top, shift - low]), np.concatenate([above, below], axis=1)
    scale = float(np.abs(values).max(initial=0.0))
    residuals = [norm(operator.matvec(v) - value * v) for value, v in zip(values, vectors.T, strict=True)]
    error = np.array(residuals) + n * EPS * scale
    values = np.where(np.abs(values) > error, values, 0.0)
    order = np.argsort(-values, kind="stable")
    return Spectrum(values[order], error[order], "Lanczos, restarted", 0, vectors[:, order])


def _largest(
    operator: LinearOperator, count: int, start: Float64Array, tolerance: float, iterations: int
) -> tuple[Float64Array, Float64Array]:
    try:
        # Other operators may use their own threads, for which a section must not wait.
        with one if isinstance(operator, SymmetricOperator) else nullcontext():
            values, vectors = eigsh(operator, count, which="LA", v0=start, tol=tolerance, maxiter=iterations)
    except ArpackNoConvergence as failure:
        values, vectors = failure.eigenvalues, failure.eigenvectors
    except ArpackError as failure:
        raise ValueError(f"operator: the Lanczos method broke down ({failure})") from None
    return values, vectors


def spectral_density(
    operator: LinearOperator, probes: int = 8, steps: int = 60, seed: int | np.random.Generator = 0
) -> Density:
    """The spectral density of a symmetric operator, from `steps` Lanczos steps for each of `probes` vectors.

    Probes have random entries +-1. Every new Lanczos vector is orthogonalised against all previous vectors,
    so that no eigenvalue appears twice (as in Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159). The cost is
    probes times steps products.

    Parameters
    ----------
    operator
        A symmetric operator, for example from `curvature_operator`.
    probes
        Number of random vectors; errors are estimated from their scatter.
    steps
        Number of Lanczos steps, that is, of quadrature nodes, for each vector.
    seed
        An integer or a NumPy Generator, for the random vectors.

    Returns
    -------
    Density
        A Gauss quadrature rule for every vector, with traces, quantiles and their errors.

    Raises
    ------
    TypeError, ValueError
        For an operator that is not square, symmetric and real, or without finite products; for numbers below
        1.

    Examples
    --------
    >>> d = np.array([1.0, 2.0, 3.0, 4.0])
    >>> density = spectral_density(LinearOperator((4, 4), matvec=lambda v: d * v.ravel(), dtype=d.dtype))
    >>> round(density.moment(lambda x: x).value, 9)
    10.0
    """
    return ritz_values(operator, probes, steps, seed)[0]


def ritz_values(
    operator: LinearOperator, probes: int, steps: int, seed: int | np.random.Generator, count: int = 3
) -> tuple[Density, Spectrum]:
    """The `spectral_density`, and up to `count` extreme eigenvalues at each end from the same products.

    The i-th largest Ritz value of the probes is at most the i-th largest eigenvalue. The error of a value is
    the norm of its residual, beta |s| with s the last entry of the eigenvector of the tridiagonal matrix,
    plus n eps |H|. Values other than the largest and the least are left out unless they are resolved.

    Raises
    ------
    TypeError, ValueError
        As `spectral_density`.
    """
    n = _size(operator)
    probes = integer("probes", probes, low=1)
    length = min(integer("steps", steps, low=1), n)
    rng = generator("seed", seed)
    affordable(
        f"{length} Lanczos vectors of length {n} and {probes} probes", 8.0 * length * (n + 2.0 * probes)
    )
    _symmetric_product(operator, np.random.default_rng(0).normal(size=n))
    nodes, weights = np.zeros((probes, length)), np.zeros((probes, length))
    ends: list[tuple[Float64Array, Float64Array]] = []
    for probe in range(probes):
        diagonal, off, beyond = _lanczos(operator, rng.choice([-1.0, 1.0], n), length)
        ritz, vectors = scipy.linalg.eigh_tridiagonal(diagonal, off)  # Golub & Welsch
        nodes[probe, : len(ritz)] = ritz
        weights[probe, : len(ritz)] = vectors[0] ** 2
        ends.append((ritz, beyond * np.abs(vectors[-1])))
    return Density(nodes, weights, n), _ends(ends, n, count)


def _ends(found: Sequence[tuple[Float64Array, Float64Array]], n: int, count: int) -> Spectrum:
    """The extreme values of all probes, from pairs (Ritz values in increasing order, norms of residuals)."""
    shortest = min(len(ritz) for ritz, _ in found)
    top = min(count, (shortest + 1) // 2)
    bottom = min(count, shortest - top)
    rounding = n * EPS * max(float(np.abs(ritz).max()) for ritz, _ in found)
    values: list[float] = []
    errors: list[float] = []
    for place in (*range(-1, -top - 1, -1), *range(bottom - 1, -1, -1)):
        best = max if place < 0 else min
        value, residual = best((float(ritz[place]), float(size[place])) for ritz, size in found)
        error = residual + rounding
        if place in (-1, 0) or error <= TOLERANCE * abs(value):
            values.append(0.0 if abs(value) <= rounding else value)
            errors.append(error)
    order = np.argsort(-np.array(values), kind="stable")
    return Spectrum(np.array(values)[order], np.array(errors)[order], "Lanczos, bounds from residuals")


def _lanczos(
    operator: LinearOperator, start: Float64Array, steps: int
) -> tuple[Float64Array, Float64Array, float]:
    """The tridiagonal matrix, its diagonal and off-diagonal, and the entry that the next step would add.

    Shorter than `steps` if the Krylov space is exhausted.
    """
    q = np.zeros((steps, len(start)))
    diagonal, off = np.zeros(steps), np.zeros(steps)
    q[0] = start / norm(start)
    scale = 0.0
    for k in range(steps):
        v = np.asarray(operator.matvec(q[k])).ravel()
        with one:
            diagonal[k] = q[k] @ v
            for _ in range(2):  # twice is enough
                v = v - q[: k + 1].T @ (q[: k + 1] @ v)
            off[k] = np.linalg.norm(v)
        scale = max(scale, abs(diagonal[k]), off[k])
        if k + 1 == steps or off[k] <= len(start) * EPS * scale:
            return diagonal[: k + 1], off[:k], float(off[k])
        q[k + 1] = v / off[k]
    raise AssertionError("unreachable")


def _size(operator: Any) -> int:
    shape = getattr(operator, "shape", None)
    if not isinstance(shape, tuple) or not callable(getattr(operator, "matvec", None)):
        raise TypeError(
            "operator must be a LinearOperator, for example from curvature_operator or scipy's "
            f"aslinearoperator, got {shown(operator)}"
        )
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"operator must be square, got shape {shape}")
    return integer("operator.shape[0]", shape[0], low=1)


def _symmetric_product(operator: LinearOperator, v: Float64Array) -> Float64Array:
    """H v, after a test of symmetry: u.(H v) = v.(H u) for a random u."""
    u = np.random.default_rng(1).normal(size=len(v))
    Hu, Hv = (vector("operator's products", np.asarray(operator.matvec(w)).ravel(), len(v)) for w in (u, v))
    size = norm(Hu) * norm(v) + norm(Hv) * norm(u)
    if abs(dot(u, Hv) - dot(v, Hu)) > ASYMMETRY * size:
        raise ValueError("operator must be symmetric: u.(H v) and v.(H u) differ")
    return Hv
