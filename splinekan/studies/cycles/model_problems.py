"""Cycles for linear model problems on an interval: convergence factors by level, measured.

The problems are min 1/2 u.M u (the L2 projection of 0) and min 1/2 u.(M + K) u (-u'' + u = 0 with natural
conditions) for the coefficients u of a spline on G uniform intervals of [0, 1], M the mass and K the
stiffness matrix. Gradient descent smooths, in the geometry of B-splines or of power ReLUs, with the step
1/lambda_max or with the step that is best on the orthogonal complement of the coarse space, in the inner
product of the problem (see `splinekan.complementarity`). The coarsest level is solved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.multilevel import Hierarchy, Level, multigrid
from splinekan.multilevel.projections import KINDS, projection
from splinekan.network import KAN
from splinekan.optimize import GaussNewton, GradientDescent, MatrixMap, Optimizer, ResidualProblem
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.gram import gram_factor
from splinekan.splines.knot_vector import KnotVector

COARSEST = 4
CYCLES, LAST = 30, 5
"""A factor is the geometric mean over the last cycles."""


@dataclass(frozen=True)
class Factor:
    """The factor by which a cycle reduces the energy norm of the error, dimensionless; above 1 it diverges.

    `levels` is the number of levels from 4 intervals on.
    """

    problem: str
    degree: int
    geometry: str
    step: str
    cycle: str
    levels: int
    intervals: int
    factor: float


def factor(problem: str, degree: int, geometry: str, step: str, cycle: str, levels: int) -> Factor:
    """Measure the factor of a cycle: two stable sweeps before and after a correction, or a sweep before it.

    "two-level" is the cycle on the two finest levels, the coarse level solved.
    """
    two = cycle == "two-level"
    intervals = COARSEST * 2 ** (levels - 2) if two else COARSEST
    hierarchy = Hierarchy(KAN.splines([1, 1], degree, intervals), 2 if two else levels)
    stated = [_Model.on(level, problem, geometry) for level in hierarchy]
    methods: list[Optimizer] = [GaussNewton()]
    for level, model in zip(hierarchy.levels[1:], stated[1:], strict=True):
        name = "relu" if geometry == "relu" else None
        methods.append(GradientDescent(step=model.step(step, level.P.toarray()), geometry=name))
    theta = np.random.default_rng(0).normal(size=hierarchy[-1].network.n_parameters)
    result = multigrid(
        hierarchy,
        lambda level: stated[level.index].problem,
        methods,
        theta,
        cycle="V" if two else cycle,
        scheme="FAS",
        cycles=CYCLES,
        pre=2 if step == "stable" else 1,
        post=2 if step == "stable" else 0,
        coarsest=1,
        keep="last",
    )
    # The solution is 0, so that small errors have as many digits as large ones.
    losses = result.losses[np.isfinite(result.losses) & (result.losses > 0)]
    last = min(LAST, len(losses) - 1)
    mean = float((losses[-1] / losses[-1 - last]) ** (0.5 / last)) if last else np.inf
    return Factor(problem, degree, geometry, step, cycle, levels, hierarchy[-1].network.intervals, mean)


@dataclass(frozen=True, eq=False)
class _Model:
    """1/2 |F u|^2 with F^T F = H, and coordinates z = T u."""

    problem: ResidualProblem
    H: Float64Array
    root: Float64Array
    """T^{-1}: a sweep is u <- u - step root root^T H u."""

    @classmethod
    def on(cls, level: Level, problem: str, geometry: str) -> _Model:
        """The model problem on a level."""
        knots: KnotVector = level.network._splines[0][1].common_knots
        parts = [gram_factor(knots, derivative=order) for order in ((0,) if problem == "L2" else (0, 1))]
        F = np.asarray(np.linalg.qr(scipy.sparse.vstack(parts).toarray(), mode="r"))
        T = MatrixMap(change_of_basis(knots).toarray().T)
        root = T.solve(np.eye(len(F))) if geometry == "relu" else np.eye(len(F))
        made = ResidualProblem(lambda u: F @ u, lambda u: F, {"relu": T})
        return cls(made, F.T @ F, np.asarray(root))

    def step(self, kind: str, P: Float64Array) -> float:
        """1/lambda_max, or 2/(largest + smallest) on the complement of range(P)."""
        upper = np.linalg.cholesky(self.H).T
        if kind == "stable":
            return float(1 / np.linalg.norm(upper @ self.root, 2) ** 2)
        basis = scipy.linalg.qr(upper @ P)[0][:, P.shape[1] :]
        values = np.linalg.svd((upper @ self.root).T @ basis, compute_uv=False) ** 2
        return float(2 / (values.max() + values.min()))


FACTORS = tuple(
    (problem, degree, geometry, step, cycle)
    for problem in ("L2", "H1")
    for degree in (1, 3)
    for geometry in ("spline", "relu")
    for step, cycle in (("stable", "V"), ("complement", "two-level"), ("complement", "V"))
)
"""(problem, degree, geometry, step, cycle)."""


@dataclass(frozen=True)
class Norm:
    """Norms of a projection from G to G/2 intervals, dimensionless.

    Attributes
    ----------
    largest
        The largest absolute row sum, the norm of coefficients in the maximum norm.
    spectral
        The 2-norm, of coefficients.
    functions
        The norm as a map of L2(0, 1), of functions.
    """

    kind: str
    basis: str
    degree: int
    intervals: int
    largest: float
    spectral: float
    functions: float


def norms(kind: str, basis: str, degree: int, intervals: int) -> Norm:
    """Norms of the projection from uniform knots on [0, 1]."""
    coarse = KnotVector.uniform(0, 1, intervals // 2, degree)
    fine = coarse.refine()
    R = projection(coarse, fine, basis=basis, kind=kind).toarray()
    uppers = [np.linalg.qr(gram_factor(knots).toarray(), mode="r") for knots in (coarse, fine)]
    if basis == "relu":
        back = [change_of_basis(knots).toarray() for knots in (coarse, fine)]
        in_splines = np.linalg.solve(back[0].T, R @ back[1].T)
    else:
        in_splines = R
    mapped = scipy.linalg.solve_triangular(uppers[1], (uppers[0] @ in_splines).T, trans=1).T
    return Norm(
        kind,
        basis,
        degree,
        intervals,
        float(np.abs(R).sum(axis=1).max()),
        float(np.linalg.norm(R, 2)),
        float(np.linalg.norm(mapped, 2)),
    )


PROJECTIONS = (*((kind, basis) for basis in ("spline", "relu") for kind in KINDS), ("injection", "relu"))
