"""Iterations of conjugate gradients, and the condition number that they reveal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.multilevel import Deflation, GaussNewtonBPX, LayerBlocks, Nystrom
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian
from splinekan.studies.gauss_newton_cg.cases import Case
from splinekan.studies.gauss_newton_cg.dense import DENSE, edge_blocks, kronecker, output_blocks
from splinekan.studies.skeleton.tables import Column

TOLERANCES = (1e-2, 1e-8)
RANK = 100
COARSE = {"regression": 2000, "burgers": 2000, "wide": 2400}
"""Parameters of the coarse level that `Deflation` may use."""
LARGEST_BLOCKS = 4000
"""Parameters up to which blocks of layers are factored."""


@dataclass(frozen=True)
class Row:
    """Solves of a level's equations with a preconditioner.

    Attributes
    ----------
    problem, intervals, parameters
        The network.
    damping
        Relative to the largest eigenvalue of S^{-1} J^T J S^{-1}, S the norms of the columns of J.
    preconditioner
        "none" (S = 1), "jacobi" (S), "bpx", "deflation" and so on.
    coarse
        Parameters of the coarse level that is solved exactly; 0 for none.
    iterations, loose_iterations
        To a relative residual of 1e-8 and 1e-2; None where the limit comes first.
    products
        Products with J^T J in an iteration.
    condition
        The condition number of the preconditioned matrix, from the extreme eigenvalues of the Lanczos matrix
        of conjugate gradients; a lower bound if the limit was reached first.
    setup_seconds, seconds
        Processor time to make the preconditioner, and of an iteration.
    """

    problem: str
    intervals: int
    parameters: int
    damping: float
    preconditioner: str
    coarse: int
    iterations: int | None
    loose_iterations: int | None
    products: int
    condition: float
    setup_seconds: float
    seconds: float


def _count(value: int | None) -> str:
    return ">" if value is None else str(value)


COLUMNS = (
    Column("problem", "problem", left=True),
    Column("G", "intervals"),
    Column("param.", "parameters"),
    Column("damping", "damping", ".0e"),
    Column("preconditioner", "preconditioner", left=True),
    Column("coarse", "coarse"),
    Column("to 1e-2", lambda row: _count(row.loose_iterations)),
    Column("to 1e-8", lambda row: _count(row.iterations)),
    Column("products", "products"),
    Column("condition", "condition", ".1e"),
    Column("setup s", "setup_seconds", ".2f"),
    Column("s/iteration", "seconds", ".4f"),
)


def solves(
    problem: Case, index: int, dampings: tuple[float, ...], limit: int, seed: int, dense: int = DENSE
) -> list[Row]:
    """Every preconditioner and damping on a level; the right-hand side is J^T times a random vector."""
    level = problem.levels[index]
    objective = problem.objective(level)
    jacobian = objective.linearized(problem.theta(index))[2]
    scale = np.sqrt(jacobian.column_squares())
    scale = np.maximum(scale, scale.max() * np.finfo(np.float64).eps)
    J = ScaledJacobian(jacobian, IdentityMap(), scale)
    n = len(scale)
    rng = np.random.default_rng(seed)
    right = J.rmatvec(rng.normal(size=J.shape[0]))
    largest = _largest(J, rng.normal(size=n))
    found = []
    for name, kind, coarse, products in _kinds(problem, index, scale, dense):
        began = process_time()
        at = None if kind is None else kind.prepared(J)
        setup = process_time() - began
        for relative in dampings:
            damping = relative * largest
            began = process_time()
            inverse = None if at is None else at(damping)
            factor = process_time() - began
            began = process_time()
            counts, condition, steps = iterations(J, damping, right, inverse, limit)
            each = (process_time() - began) / max(steps, 1)
            found.append(
                Row(
                    problem.name,
                    level.network.intervals,
                    n,
                    relative,
                    name,
                    coarse,
                    counts[1],
                    counts[0],
                    products,
                    condition,
                    setup + factor,
                    each,
                )
            )
    return found


def _kinds(problem: Case, index: int, scale: Float64Array, dense: int) -> list[tuple[str, Any, int, int]]:
    """(name, preconditioner, parameters of the coarse level, products in an iteration)."""
    levels, n = problem.levels, len(scale)
    kinds: list[tuple[str, Any, int, int]] = [
        ("none", _Unscaled(), 0, 1),
        ("jacobi", None, 0, 1),
        ("nystrom", Nystrom(RANK), 0, 1),
    ]
    if index:
        coarsest = levels[0].network.n_parameters
        kinds += [("bpx", GaussNewtonBPX(levels), coarsest, 1)]
        kinds += [("bpx 1/2", GaussNewtonBPX(levels, 0.5), coarsest, 1)]
        chosen = Deflation(levels, COARSE[problem.name])
        at = chosen.coarse_level(n)
        assert at is not None
        if at:
            coarsest_only = Deflation(levels, coarsest)
            kinds += [("deflation, coarsest", coarsest_only, coarsest, 2)]
        kinds += [("deflation", chosen, levels[at].network.n_parameters, 2)]
    if n <= LARGEST_BLOCKS:
        kinds += [("layer blocks", LayerBlocks(levels), 0, 1)]
    if n <= dense:
        network = levels[index].network
        kinds += [
            ("edge blocks", edge_blocks(network), 0, 1),
            ("output blocks", output_blocks(network), 0, 1),
        ]
        kinds += [("Kronecker", kronecker(network), 0, 1)]
    return kinds


class _Unscaled:
    """The identity in the coordinates of the network."""

    def prepared(self, J: ScaledJacobian) -> Callable[[float], Any]:
        diagonal = scipy.sparse.diags_array((J.scale / J.scale.max()) ** 2)
        return lambda damping: diagonal


def iterations(
    J: ScaledJacobian, damping: float, right: Float64Array, inverse: Any, limit: int
) -> tuple[list[int | None], float, int]:
    """(iterations to each of `TOLERANCES`, condition number, iterations made) of preconditioned CG.

    The condition number is that of the Lanczos matrix: with step lengths a_i and b_i = the quotients of the
    r.z it has the diagonal 1/a_i + b_{i-1}/a_{i-1} and beside it sqrt(b_i)/a_i (Saad, Iterative methods for
    sparse linear systems, section 6.7.3).
    """

    def apply(v: Float64Array) -> Float64Array:
        return np.asarray(J.rmatvec(J.matvec(v))) + damping * v

    start = getattr(inverse, "start", None)
    x = np.zeros_like(right) if start is None else start(right)
    r = right - apply(x) if start is not None else right.copy()
    size = float(np.linalg.norm(right))
    counts: list[int | None] = [0 if np.linalg.norm(r) <= t * size else None for t in TOLERANCES]
    diagonal: list[float] = []
    beside: list[float] = []
    p, rz, a, b = np.zeros_like(r), 1.0, 1.0, 0.0
    made = 0
    for made in range(1, limit + 1):
        z = r if inverse is None else np.asarray(inverse @ r)
        before, rz = rz, float(r @ z)
        b = rz / before if made > 1 else 0.0
        p = z + b * p
        image = apply(p)
        last, a = a, rz / float(p @ image)
        diagonal.append(1 / a + (b / last if made > 1 else 0.0))
        if made > 1:
            beside.append(np.sqrt(b) / last)
        x += a * p
        r = r - a * image
        norm = float(np.linalg.norm(r))
        counts = [
            made if c is None and norm <= t * size else c for c, t in zip(counts, TOLERANCES, strict=True)
        ]
        if counts[-1] is not None:
            break
    ritz = scipy.linalg.eigvalsh_tridiagonal(diagonal, beside) if diagonal else np.ones(1)
    return counts, float(ritz[-1] / ritz[0]) if ritz[0] > 0 else np.inf, made


def _largest(J: ScaledJacobian, v: Float64Array) -> float:
    """The largest eigenvalue of J^T J, to a few per cent, by twenty power iterations."""
    value = 0.0
    for _ in range(20):
        v = v / np.linalg.norm(v)
        image = J.rmatvec(J.matvec(v))
        value, v = float(v @ image), image
    return value
