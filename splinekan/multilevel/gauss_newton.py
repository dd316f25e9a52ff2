"""Preconditioners of the damped Gauss-Newton equations of networks, for `CG(preconditioner=...)`.

The equations are (J^T J + damping S^2) dz = -g; in the scaled coordinates S z their matrix is
A = S^{-1} J^T J S^{-1} + damping. B-splines are well conditioned, so that S alone removes the dependence on the
level of the blocks of single edges. What remains is the coupling of edges.

- `GaussNewtonBPX` scales every level by its diagonal.
- `Deflation` solves the equations of a coarser level exactly, with all couplings, and leaves to conjugate
  gradients what is orthogonal to its functions.
- `LayerBlocks` solves the equations of each layer exactly.
- `Nystrom` replaces J^T J by a randomised approximation of low rank.

All are records, called with the Jacobian in scaled coordinates and a damping; `prepared` shares what does not
depend on the damping between the trial steps of a linearisation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator

from splinekan._blas import several
from splinekan._checks import Float64Array, affordable, instance, integer, one_of, real, shown
from splinekan._records import Uncached
from splinekan.multilevel.galerkin_rows import Prolongation, add_normal, chunks, columns, stored
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.network import KAN
from splinekan.operators.segments import symmetric
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian

EPS = float(np.finfo(np.float64).eps)
COARSE = ("full", "diagonal")
Inverse = Callable[[float], LinearOperator]
"""The preconditioner as a function of the damping."""


class Preconditioner(ABC):
    """A preconditioner of damped Gauss-Newton equations."""

    @abstractmethod
    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The approximate inverse of J^T J + damping, as a function of the damping.

        Parameters
        ----------
        J
            The Jacobian in scaled coordinates, as `CG` makes it.

        Raises
        ------
        TypeError, ValueError
            For anything else; for an optimiser that works in coordinates other than the network's own; for
            a network that the hierarchy does not hold.
        """

    def __call__(self, J: ScaledJacobian, damping: float) -> LinearOperator:
        """`prepared(J)(damping)`."""
        return self.prepared(J)(damping)


class Applied(LinearOperator):  # type: ignore[misc]
    """A preconditioner by its product, and the start of the iteration if it gives one."""

    def __init__(
        self,
        size: int,
        product: Callable[[Float64Array], Float64Array],
        start: Callable[[Float64Array], Float64Array] | None = None,
    ) -> None:
        self._product = product
        if start is not None:
            self.start = start
        super().__init__(np.dtype(np.float64), (size, size))

    def _matvec(self, v: Float64Array) -> Float64Array:
        return self._product(np.ravel(v))

    def _adjoint(self) -> Applied:
        return self


@dataclass(frozen=True, eq=False)
class GaussNewtonBPX(Uncached, Preconditioner):
    """The additive multilevel preconditioner B = sum_l w_l P_l D_l^{-1} P_l^T of a network's equations.

    P_l takes the parameters of level l to those of the network and D_l = diag(P_l^T (J^T J + damping S^2) P_l),
    from the columns of J P_l, exactly (Bramble, Pasciak & Xu 1990, Math. Comp. 55; with the diagonals of Xu
    1992, SIAM Rev. 34, section 4.2). On the coarsest level the whole matrix is factored, unless
    `coarse` is "diagonal".

    B-splines are stable in L2, so that for networks that are fitted to data the finest level alone (Jacobi) has
    a condition number that the levels do not improve: see docs/gauss-newton-cg.md.

    Parameters
    ----------
    levels
        A hierarchy that holds the network; on its coarsest level the network has no correction.
    decay
        Weights w_l = decay^(L - l), 1 on the finest level; in (0, 1].
    coarse
        "full" or "diagonal".

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 3)
    >>> solver = sk.CG(preconditioner=GaussNewtonBPX(levels))
    >>> problem = sk.LeastSquares(levels[-1].network, x, x.prod(axis=1))
    >>> theta = sk.initialize(levels[-1].network, 0, "greville")
    >>> result = sk.LevenbergMarquardt(solver=solver).minimize(problem, theta, iterations=10)
    >>> result.value < 1e-3 * problem.value(theta)
    True
    """

    levels: Hierarchy
    decay: float = 1.0
    coarse: str = "full"

    def __post_init__(self) -> None:
        instance("levels", self.levels, Hierarchy)
        object.__setattr__(self, "decay", real("decay", self.decay, positive=True, high=1.0))
        one_of("coarse", self.coarse, COARSE)

    @cached_property
    def _steps(self) -> dict[int, Prolongation]:
        return {}

    def _step(self, level: int) -> Prolongation:
        """To a level from the level below."""
        if level not in self._steps:
            self._steps[level] = Prolongation(self.levels[level].P)
        return self._steps[level]

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """B in scaled coordinates, as a function of the damping; see `Preconditioner.prepared`."""
        jacobian, scale = _own_coordinates(J)
        at = _index(self.levels, len(scale))
        full = self.coarse == "full"
        n = len(scale)
        steps = [self._step(number) for number in range(at, 0, -1)]
        sizes = [n, *(step.P.shape[1] for step in steps)]
        squares = [np.zeros(size) for size in sizes]
        lower = np.zeros((sizes[-1], sizes[-1])) if full else None
        for rows in chunks(jacobian):
            for number in range(at + 1):
                if number:
                    rows = steps[number - 1](rows)
                if number == at and lower is not None:
                    add_normal(rows, lower)
                else:
                    squares[number] += rows.column_squares()
        # In scaled coordinates the functions of level l are the columns of S P_l.
        Z = [scipy.sparse.csr_array(scipy.sparse.diags_array(scale))]
        for step in steps:
            Z.append(scipy.sparse.csr_array(Z[-1] @ step.P))
        ridges = [_column_squares(each) for each in Z]
        transposed = [scipy.sparse.csr_array(each.T) for each in Z]
        coarsest = None if lower is None else Galerkin(symmetric(lower), Z[-1])
        weights = [self.decay**number for number in range(at + 1)]

        def inverse(damping: float) -> LinearOperator:
            diagonals = [
                weight / (each + damping * ridge)
                for weight, each, ridge in zip(weights, squares, ridges, strict=True)
            ]
            last = None if coarsest is None else coarsest.solver(damping)

            def product(v: Float64Array) -> Float64Array:
                total = np.zeros(n)
                for number in range(at if last else at + 1):
                    total += Z[number] @ (diagonals[number] * (transposed[number] @ v))
                return total + weights[-1] * last(v) if last else total

            return Applied(n, product)

        return inverse


@dataclass(frozen=True, eq=False)
class Deflation(Uncached, Preconditioner):
    """Conjugate gradients deflated by the Gauss-Newton matrix of a coarser level, with all its couplings.

    With Z = P_c, the prolongation from a coarser level, E = Z^T (J^T J + damping S^2) Z is assembled and
    factored exactly; Q = Z E^{-1} Z^T. The iteration starts at Q b, and the residuals of conjugate gradients,
    preconditioned by (I - Q A) D^{-1} + Q, D the diagonal, stay orthogonal to the coarse functions:
    the method A-DEF2 of Tang, Nabben, Vuik & Erlangga 2009, J. Sci. Comput. 39. Smooth functions that the
    edges of a network share, such as constants that can be moved between edges, have small eigenvalues on
    every level; these the coarse matrix sees. An iteration costs two products with J^T J instead of one, and
    two solves with E.

    Parameters
    ----------
    levels
        A hierarchy that holds the network.
    parameters
        The coarse level is the finest below the network's with at most this number of parameters. Without
        such a level, nothing is deflated. E takes 8 parameters^2 bytes.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (300, 2))
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 3)
    >>> solver = sk.CG(preconditioner=Deflation(levels), tolerance=0.1)
    >>> problem = sk.LeastSquares(levels[-1].network, x, x.prod(axis=1))
    >>> theta = sk.initialize(levels[-1].network, 0, "greville")
    >>> result = sk.LevenbergMarquardt(solver=solver).minimize(problem, theta, iterations=10)
    >>> result.value < 1e-4 * problem.value(theta)
    True
    """

    levels: Hierarchy
    parameters: int = 2000

    def __post_init__(self) -> None:
        instance("levels", self.levels, Hierarchy)
        object.__setattr__(self, "parameters", integer("parameters", self.parameters, low=1))

    @cached_property
    def _prolongations(self) -> dict[tuple[int, int], Prolongation]:
        return {}

    def _prolongation(self, coarse: int, fine: int) -> Prolongation:
        """From a level to another."""
        if (coarse, fine) not in self._prolongations:
            P = self.levels[coarse + 1].P
            for level in self.levels[coarse + 2 : fine + 1]:
                P = scipy.sparse.csr_array(level.P @ P)
            self._prolongations[coarse, fine] = Prolongation(P)
        return self._prolongations[coarse, fine]

    def coarse_level(self, size: int) -> int | None:
        """The index of the coarse level for a network with `size` parameters, None without one.

        Raises
        ------
        TypeError, ValueError
            For a size that no level has.
        """
        at = _index(self.levels, integer("size", size, low=1))
        small = [
            each.index for each in self.levels[:at] if each.network.n_parameters <= self.parameters
        ]
        return small[-1] if small else None

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The preconditioner in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = _own_coordinates(J)
        n, at = len(scale), _index(self.levels, len(scale))
        coarse = self.coarse_level(n)
        if coarse is None:
            return lambda damping: Applied(n, lambda v: v)
        prolonged = self._prolongation(coarse, at)
        count = prolonged.P.shape[1]
        affordable("the coarse Gauss-Newton matrix", 24.0 * count**2)
        squares, lower = np.zeros(n), np.zeros((count, count))
        for rows in chunks(jacobian):
            squares += rows.column_squares()
            add_normal(prolonged(rows), lower)
        galerkin = Galerkin(symmetric(lower), scipy.sparse.diags_array(scale) @ prolonged.P)

        def inverse(damping: float) -> LinearOperator:
            diagonal = 1 / (squares / scale**2 + damping)
            Q = galerkin.solver(damping)

            def product(v: Float64Array) -> Float64Array:
                w = diagonal * v
                return w + Q(v - (J.rmatvec(J.matvec(w)) + damping * w))

            return Applied(n, product, Q)

        return inverse


@dataclass(frozen=True, eq=False)
class LayerBlocks(Preconditioner):
    """The blocks of each layer on the diagonal of J^T J + damping S^2, factored exactly.

    For a network with a single layer of splines it is nearly the whole matrix. The largest layer takes
    8 parameters^2 bytes, and assembling and factoring the blocks costs about as much as `Cholesky` where
    a layer dominates.

    Parameters
    ----------
    network
        The network, or a hierarchy that holds it.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> import splinekan as sk
    >>> sk.CG(preconditioner=LayerBlocks(sk.KAN.splines([2, 3, 1])), tolerance=0.01).iterations
    50
    """

    network: KAN | Hierarchy

    def __post_init__(self) -> None:
        instance("network", self.network, (KAN, Hierarchy))

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The inverse blocks in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = _own_coordinates(J)
        n = len(scale)
        if isinstance(self.network, Hierarchy):
            network = self.network[_index(self.network, n)].network
        else:
            network = self.network
            if network.n_parameters != n:
                raise ValueError(
                    f"network must have {n} parameters, as the Jacobian, got {network.n_parameters}"
                )
        ends = [slice(a, b) for a, b in _pairs(network.offsets) if b > a]
        affordable("the blocks of the layers", sum(16.0 * (e.stop - e.start) ** 2 for e in ends))
        blocks = [np.zeros((e.stop - e.start, e.stop - e.start)) for e in ends]
        for rows in chunks(jacobian):
            for each, block in zip(ends, blocks, strict=True):
                add_normal(columns(rows, each.start, each.stop), block)
        for each, block in zip(ends, blocks, strict=True):
            symmetric(block)
            block /= np.outer(scale[each], scale[each])

        def inverse(damping: float) -> LinearOperator:
            factors = [factored(block, damping) for block in blocks]

            def product(v: Float64Array) -> Float64Array:
                out = np.empty(n)
                for each, factor in zip(ends, factors, strict=True):
                    out[each] = scipy.linalg.cho_solve(factor, v[each], check_finite=False)
                return out

            return Applied(n, product)

        return inverse


@dataclass(frozen=True)
class Nystrom(Preconditioner):
    """The randomised Nystrom preconditioner of rank r (Frangella, Tropp & Udell 2023, SIMAX 44, section 5).

    J^T J is replaced by U diag(s) U^T, its Nystrom approximation from products with r random vectors;
    on the rest the smallest of the s takes its place. Sketching costs about as much as r iterations of conjugate
    gradients; with the stored rows of J it is several times cheaper.

    Parameters
    ----------
    rank
        r, at most the number of parameters.
    seed
        Draws the vectors, anew for every linearisation from the same seed.

    Raises
    ------
    TypeError, ValueError
        For numbers below 1 (rank) or 0 (seed).

    Examples
    --------
    >>> import splinekan as sk
    >>> sk.CG(preconditioner=Nystrom(rank=50)).tolerance
    0.3
    """

    rank: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", integer("rank", self.rank, low=1))
        object.__setattr__(self, "seed", integer("seed", self.seed, low=0))

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The preconditioner in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = _own_coordinates(J)
        n = len(scale)
        rank = min(self.rank, n)
        affordable("the sketch of J^T J", 32.0 * n * rank)
        with several(4.0 * n * rank**2):
            probes = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(n, rank)))[0]
        sketch = np.zeros((n, rank))
        thin = probes / scale[:, None]
        for rows in chunks(jacobian):
            matrix = stored(rows)
            sketch += matrix.T @ (matrix @ thin)
        sketch /= scale[:, None]
        shift = EPS * float(np.linalg.norm(sketch))
        if not np.isfinite(shift) or shift == 0.0:
            return lambda damping: Applied(n, lambda v: v)
        sketch += shift * probes
        with several(8.0 * n * rank**2):
            values, vectors = scipy.linalg.eigh(probes.T @ sketch)
            kept = values > rank * EPS * values[-1]
            root = sketch @ (vectors[:, kept] / np.sqrt(values[kept]))
            U, s, _ = scipy.linalg.svd(root, full_matrices=False, check_finite=False)
        s = np.maximum(s**2 - shift, 0.0)

        def inverse(damping: float) -> LinearOperator:
            gains = (s[-1] + damping) / (s + damping) - 1.0
            return Applied(n, lambda v: v + U @ (gains * (U.T @ v)))

        return inverse


class Galerkin:
    """E = Z^T (J^T J + damping) Z for the columns Z = S P of a coarse level, and Q = Z E^{-1} Z^T."""

    def __init__(self, normal: Float64Array, Z: Any) -> None:
        self.Z, self.transposed = scipy.sparse.csr_array(Z), scipy.sparse.csr_array(Z.T)
        self.normal = normal
        self.ridge = scipy.sparse.csr_array(self.transposed @ self.Z)

    def solver(self, damping: float) -> Callable[[Float64Array], Float64Array]:
        """v -> Q v."""
        matrix = self.normal + damping * self.ridge.toarray()
        size = np.sqrt(np.maximum(np.diag(matrix), np.finfo(np.float64).tiny))
        factor = factored(matrix / np.outer(size, size), 0.0)

        def solve(v: Float64Array) -> Float64Array:
            coarse = self.transposed @ v / size
            return np.asarray(
                self.Z @ (scipy.linalg.cho_solve(factor, coarse, check_finite=False) / size)
            )

        return solve


def factored(matrix: Float64Array, damping: float) -> Any:
    """The Cholesky factor of matrix + damping; rounding that makes it indefinite is met by more damping."""
    n = len(matrix)
    shift = damping
    least = n * EPS * max(float(np.diag(matrix).max(initial=0.0)), np.finfo(np.float64).tiny)
    while True:
        damped = matrix.copy()
        damped[np.diag_indices(n)] += shift
        try:
            with several(n**3 / 3):
                return scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            if not np.isfinite(damped).all():
                raise ValueError("J must be finite, got a Gauss-Newton matrix that is not") from None
            least *= 100.0
            shift = damping + least


def _own_coordinates(J: Any) -> tuple[Any, Float64Array]:
    """(jacobian, scale) of J in the network's own coordinates."""
    instance("J", J, ScaledJacobian)
    if not isinstance(J.geometry, IdentityMap):
        raise ValueError(
            "the preconditioner works on the network's own parameters: use an optimiser with geometry=None and "
            'a network in the spline basis, network.with_basis("spline")'
        )
    return J.jacobian, J.scale


def _index(levels: Hierarchy, size: int) -> int:
    """The level whose network has `size` parameters."""
    sizes = [level.network.n_parameters for level in levels]
    if size not in sizes:
        raise ValueError(
            f"levels must hold a network with {size} parameters, as the Jacobian, got {shown(sizes)}"
        )
    return sizes.index(size)


def _pairs(offsets: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(offsets[:-1], offsets[1:], strict=True))


def _column_squares(matrix: Any) -> Float64Array:
    return np.asarray(matrix.power(2).sum(axis=0)).ravel()
