"""Evolution problems of the gallery with a closed form: heat, waves, advection, solitons, fronts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Eq, Function, I, Rational, cos, exp, pi, sech, sin, symbols

from splinekan._checks import Float64Array, real
from splinekan.problems.exact import formulas, known_at
from splinekan.problems.posed import Problem
from splinekan.problems.references.epidemics import epidemic as epidemic_solution
from splinekan.solving import dirichlet, initial, neumann, periodic

X, T = symbols("x t")
U = Function("u")(X, T)
MAX_SPEED = 100.0


def exactly(value: float) -> Any:
    """A number as an integer or a fraction, if its denominator is small."""
    fraction = Rational(value).limit_denominator(10_000)
    return fraction if float(fraction) == value else sympy.Float(value, 17)


def heat(diffusivity: float = 0.1) -> Problem:
    """u_t = diffusivity u_xx on [0, 1] x [0, 1], insulated at x = 0, u = 0 at x = 1.

    The solution is the sum of cos(n pi x/2) exp(-n^2 pi^2 diffusivity t/4)/n for n = 1 and 5.

    Parameters
    ----------
    diffusivity
        Between 1e-4 and 10.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    a = real("diffusivity", diffusivity, low=1e-4, high=10.0)
    rate = exactly(a) * pi**2 / 4
    exact = cos(pi * X / 2) * exp(-rate * T) + cos(5 * pi * X / 2) * exp(-25 * rate * T) / 5
    return Problem(
        "heat",
        "u_t = a u_xx, insulated on one side",
        "Carslaw & Jaeger 1959, 3.3",
        (U.diff(T) - exactly(a) * U.diff(X, 2),),
        (U,),
        {X: (0, 1), T: (0, 1)},
        (initial(U, exact.subs(T, 0), T), neumann(U, 0, Eq(X, 0)), dirichlet(U, 0, Eq(X, 1))),
        formulas((X, T), exact),
        parameters={"diffusivity": a},
    )


def wave(speed: float = 2.0) -> Problem:
    """u_tt = speed^2 u_xx on [0, 1] x [0, 1], u = 0 at both ends, at rest initially.

    The solution is sin(pi x) cos(speed pi t) + sin(4 pi x) cos(4 speed pi t)/2.

    Parameters
    ----------
    speed
        Between 0.01 and 100.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    c = real("speed", speed, low=0.01, high=MAX_SPEED)
    s = exactly(c)
    exact = sin(pi * X) * cos(s * pi * T) + sin(4 * pi * X) * cos(4 * s * pi * T) / 2
    return Problem(
        "wave",
        "u_tt = c^2 u_xx, two modes",
        "Wang, Yu & Perdikaris 2022, J. Comput. Phys. 449, 110768; Webb, Jerad & Cartis, arXiv:2607.02194",
        (U.diff(T, 2) - s**2 * U.diff(X, 2),),
        (U,),
        {X: (0, 1), T: (0, 1)},
        (initial(U, exact.subs(T, 0), T), initial(U.diff(T), 0, T), dirichlet(U, 0, X)),
        formulas((X, T), exact),
        parameters={"speed": c},
    )


def advection(speed: float = 1.0) -> Problem:
    """u_t + speed u_x = 0, periodic on [-1, 1], u(x, 0) = exp(sin(pi x)), t <= 1.

    Parameters
    ----------
    speed
        Between -100 and 100.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    c = real("speed", speed, low=-MAX_SPEED, high=MAX_SPEED)
    exact = exp(sin(pi * (X - exactly(c) * T)))
    return Problem(
        "advection",
        "u_t + c u_x = 0, periodic",
        "linear advection of a smooth profile",
        (U.diff(T) + exactly(c) * U.diff(X),),
        (U,),
        {X: (-1, 1), T: (0, 1)},
        (initial(U, exact.subs(T, 0), T), periodic(U, X)),
        formulas((X, T), exact),
        parameters={"speed": c},
    )


def soliton(speed: float = 4.0) -> Problem:
    """u_t + 6 u u_x + u_xxx = 0 with u = speed/2 sech^2(sqrt(speed) (x - speed t)/2) on [-4, 8] x [0, 1].

    Parameters
    ----------
    speed
        Between 0.1 and 16.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    c = real("speed", speed, low=0.1, high=16.0)
    s = exactly(c)
    exact = s / 2 * sech(sympy.sqrt(s) * (X - s * T) / 2) ** 2
    return Problem(
        "soliton",
        "u_t + 6 u u_x + u_xxx = 0, a soliton",
        "Korteweg & de Vries 1895",
        (U.diff(T) + 6 * U * U.diff(X) + U.diff(X, 3),),
        (U,),
        {X: (-4, 8), T: (0, 1)},
        (
            initial(U, exact.subs(T, 0), T),
            dirichlet(U, exact, X),
            neumann(U, exact.diff(X), Eq(X, 8)),
        ),
        formulas((X, T), exact),
        parameters={"speed": c},
        notes="Third order: two conditions on the right, one on the left.",
    )


def fisher(rate: float = 6.0) -> Problem:
    """u_t = u_xx + rate u (1 - u) on [-5, 10] x [0, 1], the front of Ablowitz & Zeppetella.

    The solution is (1 + exp(sqrt(rate/6) x - 5 rate t/6))^(-2).

    Parameters
    ----------
    rate
        Between 0.1 and 20.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    r = real("rate", rate, low=0.1, high=20.0)
    s = exactly(r)
    exact = (1 + exp(sympy.sqrt(s / 6) * X - 5 * s * T / 6)) ** -2
    return Problem(
        "fisher",
        "u_t = u_xx + r u (1 - u), a front",
        "Ablowitz & Zeppetella 1979, Bull. Math. Biol. 41, 835",
        (U.diff(T) - U.diff(X, 2) - s * U * (1 - U),),
        (U,),
        {X: (-5, 10), T: (0, 1)},
        (initial(U, exact.subs(T, 0), T), dirichlet(U, exact, X)),
        formulas((X, T), exact),
        parameters={"rate": r},
        notes="The state u = 0 ahead of the front is unstable.",
    )


def schroedinger(amplitude: float = 1.0, velocity: float = 1.0) -> Problem:
    """i h_t + h_xx/2 + |h|^2 h = 0 on [-8, 8] x [0, 1], a bright soliton.

    The solution is a sech(a (x - v t)) exp(i (v x + (a^2 - v^2) t/2)).

    Parameters
    ----------
    amplitude
        a, between 0.5 and 4.
    velocity
        v, between -4 and 4.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    a = real("amplitude", amplitude, low=0.5, high=4.0)
    v = real("velocity", velocity, low=-4.0, high=4.0)
    height, drift = exactly(a), exactly(v)
    h = Function("h")(X, T)
    exact = height * sech(height * (X - drift * T)) * exp(I * (drift * X + (height**2 - drift**2) * T / 2))
    return Problem(
        "schroedinger",
        "i h_t + h_xx/2 + |h|^2 h = 0, a bright soliton",
        "Zakharov & Shabat 1972, Sov. Phys. JETP 34, 62",
        (I * h.diff(T) + h.diff(X, 2) / 2 + sympy.Abs(h) ** 2 * h,),
        (h,),
        {X: (-8, 8), T: (0, 1)},
        (initial(h, exact.subs(T, 0), T), dirichlet(h, exact, X)),
        formulas((X, T), exact),
        parameters={"amplitude": a, "velocity": v},
        notes="A complex unknown.",
    )


@dataclass(frozen=True)
class _Epidemic:
    """S, I and R as a function of points (n, 1)."""

    parameters: tuple[float, ...]

    def __call__(self, points: Float64Array) -> Float64Array:
        at = known_at(points, ((0.0, self.parameters[-1]),))
        return epidemic_solution(at[:, 0], *self.parameters)


def epidemic(
    contact: float = 0.4, recovery: float = 0.1, infected: float = 1e-3, end: float = 60.0
) -> Problem:
    """S' = -b S I, I' = b S I - g I, R' = g I on [0, end] with I(0) = infected, R(0) = 0, S + I + R = 1.

    The reference is computed by the method of Dormand & Prince of order 8 and accurate to 1e-12. The
    equations also hold for S = 1 and I = 0, an unstable state near which minimisation of the residual tends
    to end.

    Parameters
    ----------
    contact, recovery
        b and g, per unit of time, between 0.01 and 10.
    infected
        Between 1e-6 and 0.5.
    end
        Between 1 and 1000, at most 600/(contact + recovery).

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    b = real("contact", contact, low=0.01, high=10.0)
    g = real("recovery", recovery, low=0.01, high=10.0)
    i0 = real("infected", infected, low=1e-6, high=0.5)
    last = real("end", end, low=1.0, high=min(1000.0, max(600.0 / (b + g), 1.0)))
    s, i, r = (Function(name)(T) for name in "SIR")
    new = exactly(b) * s * i
    return Problem(
        "epidemic",
        "S' = -b S I, I' = b S I - g I, R' = g I",
        "Kermack & McKendrick 1927, Proc. R. Soc. A 115, 700",
        (s.diff(T) + new, i.diff(T) - new + exactly(g) * i, r.diff(T) - exactly(g) * i),
        (s, i, r),
        {T: (0, last)},
        (initial(s, 1 - exactly(i0), T), initial(i, exactly(i0), T), initial(r, 0, T)),
        _Epidemic((b, g, i0, last)),
        parameters={"contact": b, "recovery": g, "infected": i0, "end": last},
        notes="An unstable initial state, and a long time.",
    )
