"""Flows of the gallery: the lid-driven cavity and Kovasznay's solution of the Navier-Stokes equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Eq, Function, cos, exp, pi, sin, sqrt, symbols

from splinekan._checks import Float64Array, one_of, real
from splinekan.problems import records
from splinekan.problems.evolution import exactly
from splinekan.problems.exact import formulas, known_at
from splinekan.problems.posed import Problem
from splinekan.problems.references import cavity as cavities
from splinekan.solving import condition, dirichlet

X, Y = symbols("x y")
U, V, P = (Function(name)(X, Y) for name in "uvp")
LIDS = ("parabolic", "uniform")


def _navier_stokes(reynolds: Any) -> tuple[Any, ...]:
    """Momentum in x and in y, and continuity."""

    def momentum(w: Any, x: Any) -> Any:
        transport = U * w.diff(X) + V * w.diff(Y)
        return transport + P.diff(x) - (w.diff(X, 2) + w.diff(Y, 2)) / reynolds

    return momentum(U, X), momentum(V, Y), U.diff(X) + V.diff(Y)


@dataclass(frozen=True)
class _Velocities:
    reynolds: float
    lid: str

    def __call__(self, points: Float64Array) -> Float64Array:
        return cavities.cavity(self.reynolds, self.lid)(known_at(points, ((0.0, 1.0), (0.0, 1.0))))


def cavity(reynolds: float = 100.0, lid: str = "parabolic") -> Problem:
    """The steady Navier-Stokes equations in [0, 1]^2, driven by the lid y = 1.

    Errors are those of the velocities; the pressure is fixed by p = 0 in the middle of the bottom.

    Parameters
    ----------
    reynolds
        Between 1 and 400, with the uniform lid 200.
    lid
        "parabolic": the lid moves with u = 4 x (1 - x), as in the record. The velocity is continuous, but
        the vorticity is not. "uniform": u = 1, the classical cavity, whose velocity jumps at both corners.

    Returns
    -------
    Problem
        The reference for u and v is computed by Chebyshev collocation of the stream function, from which the
        singular corner flows are subtracted. At Reynolds number 100 the relative error of the velocities is
        about 2e-8 with the parabolic lid, and 5e-6 with the uniform lid, where the extrema on the centre
        lines agree with all 7 digits of Botella & Peyret 1998.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range.
    """
    one_of("lid", lid, LIDS)
    re = real("reynolds", reynolds, low=1.0, high=400.0 if lid == "parabolic" else 200.0)
    moving = 4 * X * (1 - X) if lid == "parabolic" else 1
    walls = (X, Eq(Y, 0))
    return Problem(
        "cavity",
        f"Navier-Stokes in a cavity with a {lid} lid, Re = {re:g}",
        "Ghia, Ghia & Shin 1982, J. Comput. Phys. 48, 387; Botella & Peyret 1998, Computers & Fluids 27, 421",
        _navier_stokes(exactly(re)),
        (U, V, P),
        {X: (0, 1), Y: (0, 1)},
        (
            dirichlet(U, moving, Eq(Y, 1)),
            dirichlet(V, 0, Eq(Y, 1)),
            *(dirichlet(w, 0, walls) for w in (U, V)),
            condition(P, np.array([[0.5, 0.0]])),
        ),
        _Velocities(re, lid),
        parameters={"reynolds": re, "lid": lid},
        interior=True,
        notes="Singular at the upper corners." + (" Velocities jump there." if lid == "uniform" else ""),
        **(records.CAVITY.fields() if (re, lid) == (100.0, "parabolic") else {}),
    )


def kovasznay(reynolds: float = 40.0) -> Problem:
    """The steady Navier-Stokes equations behind a grid, on [-1/2, 1] x [-1/2, 3/2].

    With k = Re/2 - sqrt(Re^2/4 + 4 pi^2) the solution is u = 1 - exp(k x) cos(2 pi y),
    v = k/(2 pi) exp(k x) sin(2 pi y), p = (1 - exp(2 k x))/2. The velocities are given on the boundary, the
    pressure at the lower left corner.

    Parameters
    ----------
    reynolds
        Between 1 and 1000.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    re = real("reynolds", reynolds, low=1.0, high=1000.0)
    r = exactly(re)
    k = r / 2 - sqrt(r**2 / 4 + 4 * pi**2)
    u, v, p = (
        1 - exp(k * X) * cos(2 * pi * Y),
        k / (2 * pi) * exp(k * X) * sin(2 * pi * Y),
        (1 - exp(2 * k * X)) / 2,
    )
    corner = np.array([[-0.5, -0.5]])
    return Problem(
        "kovasznay",
        f"Navier-Stokes behind a grid, Re = {re:g}",
        "Kovasznay 1948, Math. Proc. Camb. Phil. Soc. 44, 58",
        _navier_stokes(r),
        (U, V, P),
        {X: (-0.5, 1), Y: (-0.5, 1.5)},
        (dirichlet(U, u), dirichlet(V, v), condition(P - p, corner)),
        formulas((X, Y), u, v, p),
        parameters={"reynolds": re},
        up_to_constant=("p",),
    )
