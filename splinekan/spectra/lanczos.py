"""Large networks: extreme eigenvalues and spectral densities from products alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from splinekan._checks import (
    Float64Array,
    affordable,
    boolean,
    function,
    generator,
    integer,
    one_of,
    real,
    real_array,
    shown,
    vector,
)
from splinekan.spectra.coordinates import BASES, coordinates
from splinekan.spectra.network import in_splines, needs_hessian
from splinekan.spectra.spectrum import Spectrum

EPS = float(np.finfo(np.float64).eps)
ASYMMETRY = 1e-6
"""Of |u| |H v|: what rounding may make of u.(H v) - v.(H u)."""
KINDS = ("gauss-newton", "hessian", "tangent-kernel")


class SymmetricOperator(LinearOperator):  # type: ignore[misc]
    """A symmetric matrix (n, n) by its products; they refuse vectors of another length."""

    def __init__(self, size: int, product: Callable[[Float64Array], Float64Array]) -> None:
        super().__init__(np.dtype(np.float64), (size, size))
        self._product = product

    def matvec(self, x: ArrayLike) -> Float64Array:
        """The product with x, (n,) or (n, 1), of the shape of x."""
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
        Draws the first vector: an integer or a NumPy Generator.
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
        For an operator that is not square, symmetric and real, has no products or not finite ones; or a bad
        count, seed, tolerance or number of iterations.
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
    if not _symmetric_product(operator, start).any():  # a random vector: the operator is 0
        return Spectrum(np.zeros(2 * count), np.zeros(2 * count), "H is zero", 0)
    top, above = _largest(operator, count, start, tolerance, iterations)
    # The other end as the largest of (shift - H): the tolerance is then relative to the width, not to a 0.
    shift = float(top.max()) if len(top) else 0.0
    turned = SymmetricOperator(n, lambda v: shift * v - np.asarray(operator.matvec(v)).ravel())
    low, below = _largest(turned, count, start, tolerance, iterations)
    values, vectors = np.concatenate([top, shift - low]), np.concatenate([above, below], axis=1)
    scale = float(np.abs(values).max(initial=0.0))
    residuals = [
        np.linalg.norm(operator.matvec(v) - value * v) for value, v in zip(values, vectors.T, strict=True)
    ]
    error = np.array(residuals) + n * EPS * scale
    values = np.where(np.abs(values) > error, values, 0.0)
    order = np.argsort(-values, kind="stable")
    return Spectrum(values[order], error[order], "Lanczos, restarted", 0, vectors[:, order])


def _largest(
    operator: LinearOperator, count: int, start: Float64Array, tolerance: float, iterations: int
) -> tuple[Float64Array, Float64Array]:
    try:
        found, vectors = eigsh(operator, count, which="LA", v0=start, tol=tolerance, maxiter=iterations)
    except ArpackNoConvergence as failure:
        found, vectors = failure.eigenvalues, failure.eigenvectors
    except ArpackError as failure:
        raise ValueError(f"operator: Lanczos breaks down on it ({failure})") from None
    return found, vectors


@dataclass(frozen=True)
class Moment:
    """A trace estimated from random probes, with the standard error of the mean over them (NaN for one)."""

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

    Raises
    ------
    TypeError, ValueError
        For nodes and weights that are not finite matrices of one shape, or a size below 1.
    """

    nodes: Float64Array
    weights: Float64Array
    size: int

    def __post_init__(self) -> None:
        nodes = real_array("nodes", self.nodes, ndim=2, empty=False).astype(np.float64, copy=False)
        weights = real_array("weights", self.weights, shape=nodes.shape).astype(np.float64, copy=False)
        for name, value in (
            ("nodes", nodes),
            ("weights", weights),
            ("size", integer("size", self.size, low=1)),
        ):
            object.__setattr__(self, name, value)

    def moment(self, f: Callable[[Float64Array], Float64Array]) -> Moment:
        """The trace of f(H) for a vectorised f, such as the number of eigenvalues in an interval.

        Raises
        ------
        TypeError, ValueError
            For f that cannot be called or does not return real numbers of its argument's shape.
        """
        found = function("f", f)(self.nodes)
        values = real_array("f(nodes)", found, shape=self.nodes.shape, finite=False)
        return _over_probes(self.size * (self.weights * values).sum(axis=1))

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
        at, width = vector("grid", grid), real("width", width, positive=True)
        logarithmic = boolean("logarithmic", logarithmic)
        nodes = self.nodes
        if logarithmic:
            if (at <= 0).any():
                raise ValueError(f"a logarithmic grid must be positive, got {at.min()}")
            at, nodes = np.log10(at), np.log10(np.maximum(np.abs(nodes), np.finfo(np.float64).tiny))
        with np.errstate(over="ignore"):  # far from a node its bell is 0
            scaled = (at[:, None, None] - nodes) / width
            bells = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi) / width
        each = (bells * self.weights).sum(axis=2)
        moments = [_over_probes(row) for row in each]
        return np.array([m.value for m in moments]), np.array([m.standard_error for m in moments])

    def record(self) -> dict[str, Any]:
        """Nodes and weights, for JSON."""
        return {"nodes": self.nodes.tolist(), "weights": self.weights.tolist(), "size": self.size}


def spectral_density(
    operator: LinearOperator, probes: int = 8, steps: int = 60, seed: int | np.random.Generator = 0
) -> Density:
    """The density of a symmetric operator's eigenvalues, by `steps` of Lanczos from each of `probes` vectors.

    Probes have entries +-1; every new vector is made orthogonal to all before, so that no eigenvalue appears
    twice (as in Ghorbani, Krishnan & Xiao 2019, arXiv:1901.10159). Costs probes times steps products.

    Raises
    ------
    TypeError, ValueError
        For an operator that is not square, symmetric and real, has no products or not finite ones; or numbers
        below 1.

    Examples
    --------
    >>> d = np.array([1.0, 2.0, 3.0, 4.0])
    >>> density = spectral_density(LinearOperator((4, 4), matvec=lambda v: d * v.ravel(), dtype=d.dtype))
    >>> round(density.moment(lambda x: x).value, 9)
    10.0
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


def _size(operator: Any) -> int:
    shape = getattr(operator, "shape", None)
    if not isinstance(shape, tuple) or not callable(getattr(operator, "matvec", None)):
        raise TypeError(
            "operator must be a LinearOperator, as curvature_operator or scipy's aslinearoperator make, "
            f"got {shown(operator)}"
        )
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"operator must be square, got shape {shape}")
    return integer("operator.shape[0]", shape[0], low=1)


def _symmetric_product(operator: LinearOperator, v: Float64Array) -> Float64Array:
    """H v; an operator that is not symmetric, by u.(H v) = v.(H u) at one random u, is refused."""
    u = np.random.default_rng(1).normal(size=len(v))
    Hu, Hv = (vector("operator's products", np.asarray(operator.matvec(w)).ravel(), len(v)) for w in (u, v))
    size = float(np.linalg.norm(Hu) * np.linalg.norm(v) + np.linalg.norm(Hv) * np.linalg.norm(u))
    if abs(float(u @ Hv - v @ Hu)) > ASYMMETRY * size:
        raise ValueError("operator must be symmetric: u.(H v) and v.(H u) differ")
    return Hv
