"""Stationary problems: Poisson, Helmholtz, and an interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Float64Array
from splinekan._records import Uncached
from splinekan.equations import Equation
from splinekan.network import KAN
from splinekan.problems.boundary_value import BoundaryValueProblem, Condition
from splinekan.problems.networks import free

X, Y = sympy.symbols("x y")
SQUARE = ((-1.0, 1.0), (-1.0, 1.0))


@dataclass(frozen=True, eq=False)
class Exact(Uncached):
    """An expression as a function of points, (n, number of variables)."""

    variables: tuple[Any, ...]
    expression: Any

    def __call__(self, points: Float64Array) -> Float64Array:
        """Its values, (n,)."""
        return np.asarray(self._compiled(*points.T), dtype=np.float64)

    @cached_property
    def _compiled(self) -> Any:
        return sympy.lambdify(self.variables, self.expression)


def _manufactured(
    name: str,
    source: str,
    exact: Any,
    operator: Callable[[Any], Any],
    network: KAN,
) -> BoundaryValueProblem:
    """operator(u) = operator(exact) in the square, u = exact on its boundary."""
    u = sympy.Function("u")(X, Y)
    variables = (X, Y)
    trace = Equation(u - exact, u, variables)
    faces = [(i, end) for i in (0, 1) for end in SQUARE[i]]
    return BoundaryValueProblem(
        name,
        source,
        Equation(operator(u) - operator(exact).doit(), u, variables),
        SQUARE,
        tuple(Condition(trace, variable, value, 1000.0) for variable, value in faces),
        Exact(variables, exact),
        network,
    )


def _laplacian(u: Any) -> Any:
    return u.diff(X, 2) + u.diff(Y, 2)


def poisson() -> BoundaryValueProblem:
    """u_xx + u_yy = f with u = sin(pi x) sin(pi y)."""
    exact = sympy.sin(sympy.pi * X) * sympy.sin(sympy.pi * Y)
    return _manufactured(
        "poisson",
        "the PDE example of pykan (Liu et al., arXiv:2404.19756)",
        exact,
        _laplacian,
        free((2, 8, 1), 5, 2),
    )


def helmholtz() -> BoundaryValueProblem:
    """u_xx + u_yy + u = f with u = sin(pi x) sin(4 pi y)."""
    exact = sympy.sin(sympy.pi * X) * sympy.sin(4 * sympy.pi * Y)
    return _manufactured(
        "helmholtz",
        "Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43 A3055, modes (1, 4)",
        exact,
        lambda u: _laplacian(u) + u,
        free((2, 6, 1), 7, 8),
    )


def interface() -> BoundaryValueProblem:
    """div(eps grad u) = f with eps = 1 for x < 0 and 1/2 for x > 0, u = 0 on the boundary."""
    u = sympy.Function("u")(X, Y)
    right = X > 0
    eps = sympy.Piecewise((sympy.Rational(1, 2), right), (1, True))
    wave = sympy.sin(3 * sympy.pi * Y)
    exact = sympy.Piecewise((sympy.sin(2 * sympy.pi * X), right), (sympy.sin(sympy.pi * X), True)) * wave
    pi2 = sympy.pi**2
    forcing = -sympy.Piecewise((sympy.Rational(13, 2) * pi2, right), (10 * pi2, True)) * exact
    variables = (X, Y)
    trace, flux = Equation(u, u, variables), Equation(eps * u.diff(X), u, variables)
    return BoundaryValueProblem(
        "interface",
        "Southworth et al., arXiv:2603.04827, 6.2",
        Equation(eps * _laplacian(u) - forcing, u, variables),
        SQUARE,
        (
            *(Condition(trace, i, end, 1000.0) for i in (0, 1) for end in (-1.0, 1.0)),
            Condition(flux, 0, float(np.nextafter(0, -1)), 10.0, float(np.nextafter(0, 1))),
        ),
        Exact(variables, exact),
        free((3, 5, 1), 7, 8),
        extra=(sympy.Abs(X),),
    )
