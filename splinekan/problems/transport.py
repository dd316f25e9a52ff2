"""Advection, Burgers' equation and the Korteweg-de Vries equation."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import sympy

from splinekan._checks import Float64Array, real
from splinekan.equations import Equation, ansatz
from splinekan.problems.boundary_value import BoundaryValueProblem, Condition
from splinekan.problems.networks import bounded
from splinekan.problems.references.cole_hopf import cole_hopf

X, T = sympy.symbols("x t")
MAX_SPEED = 1e6
VISCOSITIES = 1e-3, 1.0
"""Range of the studies; the Cole-Hopf integral is accurate to 1e-12 there."""


def advection(speed: float = 1.0) -> BoundaryValueProblem:
    """u_t + speed u_x = 0, periodic on [-1, 1], u(x, 0) = exp(sin(pi x)).

    Raises
    ------
    TypeError, ValueError
        For a speed that is not a number in [-1e6, 1e6].
    """
    speed = real("speed", speed, low=-MAX_SPEED, high=MAX_SPEED)
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    start = sympy.exp(sympy.sin(sympy.pi * X))
    value = Equation(u, u, variables)
    return BoundaryValueProblem(
        "advection",
        "linear advection of a smooth profile",
        Equation(u.diff(T) + speed * u.diff(X), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (Condition(Equation(u - start, u, variables), 1, 0.0, 100.0), Condition(value, 0, -1.0, 100.0, 1.0)),
        partial(_travelling, speed),
        bounded((2, 3, 3, 1), 4, 4),
    )


def _travelling(speed: float, points: Float64Array) -> Float64Array:
    value: Float64Array = np.exp(np.sin(np.pi * (points[:, 0] - speed * points[:, 1])))
    return value


def burgers(viscosity: float = 0.01) -> BoundaryValueProblem:
    """u_t + u u_x = viscosity u_xx, u(x, 0) = -sin(pi x), u(+-1, t) = 0, solved by the Cole-Hopf integral.

    Raises
    ------
    TypeError, ValueError
        For a viscosity outside [1e-3, 1].
    """
    viscosity = real("viscosity", viscosity, low=VISCOSITIES[0], high=VISCOSITIES[1])
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    trace = Equation(u, u, variables)
    return BoundaryValueProblem(
        "burgers",
        "Southworth et al., arXiv:2603.04827, 6.3; the data of Raissi, Perdikaris & Karniadakis 2019",
        Equation(u.diff(T) + u * u.diff(X) - viscosity * u.diff(X, 2), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (
            Condition(Equation(u + sympy.sin(sympy.pi * X), u, variables), 1, 0.0, 100.0),
            Condition(trace, 0, -1.0, 100.0),
            Condition(trace, 0, 1.0, 100.0),
        ),
        partial(_cole_hopf, viscosity),
        bounded((2, 5, 5, 1), 5, 4),
    )


def _cole_hopf(viscosity: float, points: Float64Array) -> Float64Array:
    return cole_hopf(viscosity, points)


def burgers_hard(viscosity: float = 0.01) -> BoundaryValueProblem:
    """Burgers' problem with exact conditions, u = -sin(pi x) + t (1 - x^2) v.

    Raises
    ------
    TypeError, ValueError
        As for `burgers`.
    """
    viscosity = real("viscosity", viscosity, low=VISCOSITIES[0], high=VISCOSITIES[1])
    v = sympy.Function("v")(X, T)
    residual = v.diff(T) + v * v.diff(X) - viscosity * v.diff(X, 2)
    form = -sympy.sin(sympy.pi * X) + T * (1 - X**2) * v
    return replace(
        burgers(viscosity),
        name="burgers-hard",
        equation=Equation(ansatz(residual, v, form), v, (X, T)),
        conditions=(),
        form=Equation(form, v, (X, T)),
    )


def korteweg_de_vries() -> BoundaryValueProblem:
    """u_t + 6 u u_x + u_xxx = 0 with the soliton u = 2 sech^2(x - 4 t), posed on [-4, 8] x [0, 1]."""
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    exact = 2 * sympy.sech(X - 4 * T) ** 2
    trace = Equation(u - exact, u, variables)
    slope = Equation(u.diff(X) - exact.diff(X), u, variables)
    return BoundaryValueProblem(
        "kdv",
        "the one-soliton of Korteweg & de Vries 1895",
        Equation(u.diff(T) + 6 * u * u.diff(X) + u.diff(X, 3), u, variables),
        ((-4.0, 8.0), (0.0, 1.0)),
        (
            Condition(trace, 1, 0.0, 100.0),
            Condition(trace, 0, -4.0, 100.0),
            Condition(trace, 0, 8.0, 100.0),
            Condition(slope, 0, 8.0, 100.0),
        ),
        _soliton,
        bounded((2, 3, 3, 1), 5, 4),
    )


def _soliton(points: Float64Array) -> Float64Array:
    return np.asarray(2 / np.cosh(points[:, 0] - 4 * points[:, 1]) ** 2)
