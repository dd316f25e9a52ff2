"""Nonlinear evolution problems of the gallery, with computed references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Function, cos, pi, sin, symbols

from splinekan._checks import Float64Array, real
from splinekan.problems import records
from splinekan.problems.evolution import exactly
from splinekan.problems.exact import known_at
from splinekan.problems.posed import Problem
from splinekan.problems.references import evolutions
from splinekan.problems.references.cole_hopf import cole_hopf
from splinekan.solving import dirichlet, initial, periodic

X, T = symbols("x t")
U = Function("u")(X, T)
PERIOD = ((-1.0, 1.0), (0.0, 1.0))
KEPT = 1e-12
"""Parameters with a smaller relative difference are regarded as equal in a comparison with a record."""


@dataclass(frozen=True)
class Computed:
    """A reference that is computed when it is first called.

    Attributes
    ----------
    make
        A function from the parameters to the solution, itself a function of points; its results are cached.
    parameters
        The arguments of `make`.
    bounds
        The box in which the solution is known.
    """

    make: Callable[..., Any]
    parameters: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...] = PERIOD

    def __call__(self, points: Float64Array) -> Float64Array:
        """u at points (n, 2): (n,)."""
        at = known_at(points, self.bounds)
        u: Float64Array = self.make(*self.parameters)(at)
        return u


@dataclass(frozen=True)
class _ColeHopf:
    viscosity: float

    def __call__(self, points: Float64Array) -> Float64Array:
        return cole_hopf(self.viscosity, known_at(points, PERIOD))


def burgers(viscosity: float = 0.01) -> Problem:
    """u_t + u u_x = viscosity u_xx on [-1, 1], u(x, 0) = -sin(pi x), u(+-1, t) = 0, t <= 1.

    The reference is the integral of Hopf and Cole by a trapezoidal rule, to 1e-13/(1000 viscosity) or
    rounding, whichever is larger. A layer of width 2 viscosity forms at x = 0 around t = 1/pi.

    Parameters
    ----------
    viscosity
        Between 1e-4 and 1.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    nu = real("viscosity", viscosity, low=1e-4, high=1.0)
    known = {0.01: records.BURGERS, 0.01 / float(pi): records.STEEP_BURGERS}
    record = next((r.fields() for value, r in known.items() if abs(value - nu) < KEPT * nu), {})
    return Problem(
        "burgers",
        "u_t + u u_x = nu u_xx",
        "the data of Raissi, Perdikaris & Karniadakis 2019; Basdevant et al. 1986, Computers & Fluids 14, 23",
        (U.diff(T) + U * U.diff(X) - exactly(nu) * U.diff(X, 2),),
        (U,),
        {X: (-1, 1), T: (0, 1)},
        (initial(U, -sin(pi * X), T), dirichlet(U, 0, X)),
        _ColeHopf(nu),
        parameters={"viscosity": nu},
        notes=f"A layer of width {2 * nu:.2g} at x = 0.",
        **record,
    )


def allen_cahn(diffusion: float = 1e-4, rate: float = 5.0) -> Problem:
    """u_t = diffusion u_xx + rate (u - u^3), periodic on [-1, 1], u(x, 0) = x^2 cos(pi x), t <= 1.

    The reference is a Fourier series in x and a polynomial of degree 15 in t on each of about 80 slabs, with
    a relative error below 1e-10 (see `references.evolutions`); the periodic initial values have a kink at
    x = +-1. It takes some seconds, once.

    Parameters
    ----------
    diffusion
        Between 2e-5 and 1.
    rate
        Between 0 and 10. Initial errors grow like exp(rate t).

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    d = real("diffusion", diffusion, low=2e-5, high=1.0)
    r = real("rate", rate, low=0.0, high=10.0)
    return Problem(
        "allen-cahn",
        "u_t = d u_xx + r (u - u^3), periodic",
        "the data of Raissi, Perdikaris & Karniadakis 2019; Southworth et al., arXiv:2603.04827, 6.4",
        (U.diff(T) - exactly(d) * U.diff(X, 2) + exactly(r) * (U**3 - U),),
        (U,),
        {X: (-1, 1), T: (0, 1)},
        (initial(U, X**2 * cos(pi * X), T), periodic(U, X)),
        Computed(evolutions.allen_cahn, (d, r)),
        parameters={"diffusion": d, "rate": r},
        notes="The initial values have a kink at x = +-1, and the state u = 0 is unstable.",
        **(records.ALLEN_CAHN.fields() if (d, r) == (1e-4, 5.0) else {}),
    )


def korteweg_de_vries(dispersion: float = 0.022) -> Problem:
    """u_t + u u_x + dispersion^2 u_xxx = 0, periodic on [-1, 1], u(x, 0) = cos(pi x), t <= 1.

    The experiment of Zabusky & Kruskal: the wave steepens and breaks up into solitons of width about
    3 dispersion. The reference is a Fourier series in x and a polynomial of degree 15 in t on every slab,
    with a relative error of about 1e-13.

    Parameters
    ----------
    dispersion
        Between 0.01 and 1.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    mu = real("dispersion", dispersion, low=0.01, high=1.0)
    return Problem(
        "korteweg-de-vries",
        "u_t + u u_x + mu^2 u_xxx = 0, periodic",
        "Zabusky & Kruskal 1965, Phys. Rev. Lett. 15, 240; Raissi, Perdikaris & Karniadakis 2019",
        (U.diff(T) + U * U.diff(X) + exactly(mu) ** 2 * U.diff(X, 3),),
        (U,),
        {X: (-1, 1), T: (0, 1)},
        (initial(U, cos(pi * X), T), periodic(U, X)),
        Computed(evolutions.korteweg_de_vries, (mu,)),
        parameters={"dispersion": mu},
        notes="Solitons emerge; no dissipation smooths errors.",
        **(records.KORTEWEG_DE_VRIES.fields() if mu == 0.022 else {}),
    )


def kuramoto_sivashinsky(
    alpha: float = 100 / 16, beta: float = 100 / 16**2, gamma: float = 100 / 16**4, end: float = 1.0
) -> Problem:
    """u_t + alpha u u_x + beta u_xx + gamma u_xxxx = 0, periodic on [0, 2 pi], u(x, 0) = cos x (1 + sin x).

    Chaotic: a single rounding error grows to 5e-12 of the solution by t = 1, which limits the accuracy of the
    reference, a Fourier series in x and a polynomial of degree 15 in t on every slab.

    Parameters
    ----------
    alpha
        Between 0.1 and 10.
    beta
        Between 0.01 and 1.
    gamma
        Between 1e-3 and 1; beta^2 end/(4 gamma), the exponent of the fastest linear growth, at most 30.
    end
        Final time, between 0.01 and 2.

    Raises
    ------
    TypeError, ValueError
        For other values.
    """
    a = real("alpha", alpha, low=0.1, high=10.0)
    b = real("beta", beta, low=0.01, high=1.0)
    g = real("gamma", gamma, low=1e-3, high=1.0)
    last = real("end", end, low=0.01, high=2.0)
    growth = b**2 * last / (4 * g)
    if growth > 30:
        raise ValueError(f"beta^2 end/(4 gamma) must be at most 30, got {growth}")
    usual = (a, b, g, last) == (100 / 16, 100 / 16**2, 100 / 16**4, 1.0)
    return Problem(
        "kuramoto-sivashinsky",
        "u_t + a u u_x + b u_xx + c u_xxxx = 0, periodic",
        "Wang, Sankaran & Perdikaris, arXiv:2203.07404; Webb, Jerad & Cartis, arXiv:2607.02194",
        (U.diff(T) + exactly(a) * U * U.diff(X) + exactly(b) * U.diff(X, 2) + exactly(g) * U.diff(X, 4),),
        (U,),
        {X: (0, 2 * float(pi)), T: (0, last)},
        (initial(U, cos(X) * (1 + sin(X)), T), periodic(U, X)),
        Computed(evolutions.kuramoto_sivashinsky, (a, b, g, last), ((0.0, 2 * float(pi)), (0.0, last))),
        parameters={"alpha": a, "beta": b, "gamma": g, "end": last},
        notes="Chaotic; fourth order.",
        **(records.KURAMOTO_SIVASHINSKY.fields() if usual else {}),
    )
