"""Large networks: extreme eigenvalues and spectral densities from products alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from splinekan._checks import Float64Array, integer, one_of, real, real_array
from splinekan.spectra.coordinates import BASES, coordinates
from splinekan.spectra.network import in_splines
from splinekan.spectra.spectrum import Spectrum

EPS = float(np.finfo(np.float64).eps)
KINDS = ("gauss-newton", "hessian", "tangent-kernel")


def curvature_operator(
    objective: Any, theta: ArrayLike, kind: str = "gauss-newton", basis: str = "spline"
) -> LinearOperator:
    """The matrix of `kind` at theta in the coordinates `basis`, as products: nothing is assembled.

    "gauss-newton" is T^{-T} J^T J T^{-1}, "hessian" T^{-T} H T^{-1} with exact Hessian products, both of the
    number of parameters; "tangent-kernel" is J T^{-1} T^{-T} J^T, of the number of residuals.

    Raises
    ------
    TypeError, ValueError
        For a bad objective, theta, kind or basis; for the Hessian of an objective without Hessian products.
    """
    one_of("kind", kind, KINDS)
    one_of("basis", basis, BASES)
    objective, vector = in_splines(objective, theta)
    if kind == "hessian" and not hasattr(objective, "hessian_product"):
        raise TypeError(
            f"{type(objective).__name__} has no exact Hessian products: use the Gauss-Newton matrix"
        )
    T = coordinates(objective.network, basis)
    n = len(vector)
    if kind == "hessian":

        def hessian(z: Float64Array) -> Float64Array:
            return T.solve_transpose(objective.hessian_product(vector, T.solve(z.ravel())))

        return LinearOperator((n, n), matvec=hessian, dtype=np.float64)
    rows = objective.linearized(vector)[2]

    def gauss_newton(z: Float64Array) -> Float64Array:
        return T.solve_transpose(rows.rmatvec(rows.matvec(T.solve(z.ravel()))))

    def kernel(r: Float64Array) -> Float64Array:
        return np.asarray(rows.matvec(T.solve(T.solve_transpose(rows.rmatvec(r.ravel())))))

    if kind == "gauss-newton":
        return LinearOperator((n, n), matvec=gauss_newton, dtype=np.float64)
    return LinearOperator((objective.n_residuals,) * 2, matvec=kernel, dtype=np.float64)


def extreme_eigenvalues(
    operator: LinearOperator,
    count: int = 3,
    seed: int = 0,
    tolerance: float = 1e-10,
    iterations: int = 300,
) -> Spectrum:
    """The `count` largest and the `count` least eigenvalues of a symmetric operator, by restarted Lanczos.

    The error of each is the norm of its residual, which bounds the distance to *an* eigenvalue, plus
    n eps |H|. Lanczos finds the ends that stand apart from the rest; the small eigenvalues of a positive
    matrix crowd at 0, and below `tolerance` times the largest they are not resolved. What has not converged
    within the iterations is left out.

    Parameters
    ----------
    operator
        Such as `curvature_operator` makes.
    count
        How many at each end, less than a third of the size.
    seed
        Draws the first vector.
    tolerance
        Residual to be reached, relative to the spectrum's width.
    iterations
        Restarts at most, for each end.

    Returns
    -------
    Spectrum
        Up to 2 count values, with vectors; nullity 0, as it is not known.

    Raises
    ------
    TypeError, ValueError
        For an operator that is not square, or a bad count, seed, tolerance or number of iterations.
    """
    n = _size(operator)
    integer("count", count, low=1, high=max((n - 1) // 3, 1))
    rng = np.random.default_rng(integer("seed", seed, low=0))
    real("tolerance", tolerance, positive=True)
    integer("iterations", iterations, low=1)
    start = rng.normal(size=n)
    top, above = _largest(operator, count, start, tolerance, iterations)
    # The other end as the largest of (shift - H): the tolerance is then relative to the width, not to a 0.
    shift = float(top.max()) if len(top) else 0.0
    turned = LinearOperator((n, n), lambda v: shift * v.ravel() - operator.matvec(v).ravel(), dtype=float)
    low, below = _largest(turned, count, start, tolerance, iterations)
    values, vectors = np.concatenate([top, shift - low]), np.concatenate([above, below], axis=1)
    scale = float(np.abs(values).max(initial=0.0))
    residuals = [
        np.linalg.norm(operator.matvec(v) - value * v) for value, v in zip(values, vectors.T, strict=True)
    ]
    error = np.array(residuals) + n * EPS * scale
    order = np.argsort(-values, kind="stable")
    values, error = values[order], error[order]
    told = np.abs(values) > error
    return Spectrum(np.where(told, values, 0.0), error, "Lanczos, restarted", 0, vectors[:, order])


def _largest(
    operator: LinearOperator, count: int, start: Float64Array, tolerance: float, iterations: int
) -> tuple[Float64Array, Float64Array]:
    try:
        found, vectors = eigsh(operator, count, which="LA", v0=start, tol=tolerance, maxiter=iterations)
    except ArpackNoConvergence as failure:
        found, vectors = failure.eigenvalues, failure.eigenvectors
    return found, vectors


@dataclass(frozen=True)
class Moment:
    """A trace estimated from random probes, with the standard error of the mean over them."""

    value: float
    standard_error: float


@dataclass(frozen=True, eq=False)
class Density:
    """Gauss quadrature of a spectrum, one rule for every random probe (stochastic Lanczos quadrature).

    sum_i f(lambda_i), the trace of f(H), is about size times sum_k weights_k f(nodes_k), averaged over
    probes (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38). A rule of s nodes is exact for v^T f(H) v
    if f is a polynomial of degree 2s - 1; what remains is the scatter over probes.

    Attributes
    ----------
    nodes, weights
        (probes, steps): Ritz values, and the weights, which sum to 1 in every row; unused places hold
        weight 0.
    size
        n of the matrix.
    """

    nodes: Float64Array
    weights: Float64Array
    size: int

    def moment(self, f: Callable[[Float64Array], Float64Array]) -> Moment:
        """The trace of f(H) for a vectorised f, such as the number of eigenvalues in an interval."""
        return _over_probes(self.size * (self.weights * f(self.nodes)).sum(axis=1))

    def broadened(
        self, grid: ArrayLike, width: float, logarithmic: bool = False
    ) -> tuple[Float64Array, Float64Array]:
        """The density of eigenvalues on a grid, of integral 1, and its standard error: for plots only.

        Every node becomes a Gaussian of standard deviation `width`. If `logarithmic`, the density is that
        of log10 |lambda|, the grid holds positive sizes, and the width is in decades.

        Raises
        ------
        TypeError, ValueError
            For a width or grid that is not positive, where these must be.
        """
        at = real_array("grid", grid, ndim=1).astype(np.float64, copy=False)
        real("width", width, positive=True)
        nodes = self.nodes
        if logarithmic:
            if (at <= 0).any():
                raise ValueError(f"a logarithmic grid must be positive, got {at.min()}")
            at, nodes = np.log10(at), np.log10(np.maximum(np.abs(nodes), np.finfo(np.float64).tiny))
        bells = np.exp(-(((at[:, None, None] - nodes) / width) ** 2) / 2) / (np.sqrt(2 * np.pi) * width)
        each = (bells * self.weights).sum(axis=2)
        moments = [_over_probes(row) for row in each]
        return np.array([m.value for m in moments]), np.array([m.standard_error for m in moments])

    def record(self) -> dict[str, Any]:
        """Nodes and weights, for JSON."""
        return {"nodes": self.nodes.tolist(), "weights": self.weights.tolist(), "size": self.size}


def spectral_density(operator: LinearOperator, probes: int = 8, steps: int = 60, seed: int = 0) -> Density:
    """The density of a symmetric operator's eigenvalues, by `steps` of Lanczos from each of `probes` vectors.

    Probes have entries +-1; every new vector is made orthogonal to all before, so that no eigenvalue appears
    twice (as in Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159). Costs probes times steps products.

    Raises
    ------
    TypeError, ValueError
        For an operator that is not square, or numbers below 1.

    Examples
    --------
    >>> d = np.array([1.0, 2.0, 3.0, 4.0])
    >>> density = spectral_density(LinearOperator((4, 4), matvec=lambda v: d * v.ravel(), dtype=d.dtype))
    >>> round(density.moment(lambda x: x).value, 9)
    10.0
    """
    n = _size(operator)
    integer("probes", probes, low=1)
    length = min(integer("steps", steps, low=1), n)
    rng = np.random.default_rng(integer("seed", seed, low=0))
    nodes, weights = np.zeros((probes, length)), np.zeros((probes, length))
    for probe in range(probes):
        diagonal, off = _lanczos(operator, rng.choice([-1.0, 1.0], n), length)
        ritz, vectors = scipy.linalg.eigh_tridiagonal(diagonal, off)  # Golub & Welsch
        nodes[probe, : len(ritz)] = ritz
        weights[probe, : len(ritz)] = vectors[0] ** 2
    return Density(nodes, weights, n)


def _lanczos(operator: LinearOperator, start: Float64Array, steps: int) -> tuple[Float64Array, Float64Array]:
    """Diagonal and off-diagonal of the tridiagonal matrix; shorter if the Krylov space is exhausted."""
    q = np.zeros((steps, len(start)))
    diagonal, off = np.zeros(steps), np.zeros(steps)
    q[0] = start / np.linalg.norm(start)
    scale = 0.0
    for k in range(steps):
        v = np.asarray(operator.matvec(q[k])).ravel()
        diagonal[k] = q[k] @ v
        for _ in range(2):  # twice is enough
            v = v - q[: k + 1].T @ (q[: k + 1] @ v)
        off[k] = np.linalg.norm(v)
        scale = max(scale, abs(diagonal[k]), off[k])
        if k + 1 == steps or off[k] <= len(start) * EPS * scale:
            return diagonal[: k + 1], off[:k]
        q[k + 1] = v / off[k]
    raise AssertionError("unreachable")


def _over_probes(each: Float64Array) -> Moment:
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else np.nan
    return Moment(float(each.mean()), error)


def _size(operator: LinearOperator) -> int:
    shape: tuple[int, ...] = getattr(operator, "shape", ())
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"operator must be square, got shape {shape}")
    return int(shape[0])
