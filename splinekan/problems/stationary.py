"""Stationary problems of the gallery: Poisson, Helmholtz, an interface, a plate, an L, many variables."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Eq, Function, Rational, Symbol, cos, pi, sin, symbols

from splinekan._checks import integer, real, sequence
from splinekan.equations import Unknown
from splinekan.problems import records
from splinekan.problems.exact import formulas
from splinekan.problems.posed import Problem
from splinekan.problems.references.l_shape import solution
from splinekan.solving import Boxes, SignedDistance, condition, dirichlet, neumann

X, Y = symbols("x y")
U = Function("u")(X, Y)
SQUARE = {X: (-1, 1), Y: (-1, 1)}
MAX_MODE = 64
MAX_WAVE_NUMBER = 1e3
MAX_DIMENSIONS = 50


def _laplacian(u: Any, variables: tuple[Any, ...] = (X, Y)) -> Any:
    return sum(u.diff(x, 2) for x in variables)


def poisson() -> Problem:
    """-Laplace u = 2 pi^2 sin(pi x) sin(pi y) on [-1, 1]^2, u = 0 on the boundary.

    The solution is sin(pi x) sin(pi y).
    """
    exact = sin(pi * X) * sin(pi * Y)
    return Problem(
        "poisson",
        "-Laplace u = f with u = sin(pi x) sin(pi y)",
        "the PDE example of pykan (Liu et al., arXiv:2404.19756)",
        (-_laplacian(U) - 2 * pi**2 * exact,),
        (U,),
        SQUARE,
        (dirichlet(U, 0),),
        formulas((X, Y), exact),
    )


def helmholtz(modes: tuple[int, int] = (1, 4), wave_number: float = 1.0) -> Problem:
    """u_xx + u_yy + wave_number^2 u = f on [-1, 1]^2, u = 0 on the boundary.

    The solution is sin(m pi x) sin(n pi y) for modes (m, n).

    Parameters
    ----------
    modes
        Two integers between 1 and 64.
    wave_number
        At least 0, at most 1000.

    Raises
    ------
    TypeError, ValueError
        For other parameters; for wave numbers k with k^2 = (i^2 + j^2) pi^2/4 for integers i, j > 0, up to
        1e-3: the problem has other solutions there.
    """
    pair = [integer(f"modes[{i}]", m, low=1, high=MAX_MODE) for i, m in enumerate(sequence("modes", modes))]
    if len(pair) != 2:
        raise ValueError(f"modes must hold two integers, got {len(pair)}")
    k = real("wave_number", wave_number, low=0.0, high=MAX_WAVE_NUMBER)
    _refuse_resonance(k)
    exact = sin(pair[0] * pi * X) * sin(pair[1] * pi * Y)
    square = sympy.nsimplify(k) ** 2 if k == int(k) else sympy.Float(k) ** 2
    forcing = (square - (pair[0] ** 2 + pair[1] ** 2) * pi**2) * exact
    record = records.HELMHOLTZ.fields() if (pair, k) == ([1, 4], 1.0) else {}
    return Problem(
        "helmholtz",
        f"Laplace u + {square} u = f with u = {exact}",
        "Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43 A3055",
        (_laplacian(U) + square * U - forcing,),
        (U,),
        SQUARE,
        (dirichlet(U, 0),),
        formulas((X, Y), exact),
        parameters={"modes": tuple(pair), "wave_number": k},
        notes="Indefinite if the wave number is above 2.2.",
        **record,
    )


def _refuse_resonance(k: float) -> None:
    """Eigenvalues of -Laplace on [-1, 1]^2 are (i^2 + j^2) pi^2/4."""
    ratio = (2 * k / float(pi)) ** 2
    highest = int(ratio**0.5) + 1
    for i in range(1, highest + 1):
        j = max(1, round(max(ratio - i * i, 0.0) ** 0.5))
        eigenvalue = (i * i + j * j) * float(pi) ** 2 / 4
        if abs(k * k - eigenvalue) < 1e-3 * eigenvalue:
            raise ValueError(
                f"wave_number must not be at a resonance, sqrt({i}^2 + {j}^2) pi/2 = {eigenvalue**0.5:.6g}, "
                f"got {k}"
            )


def interface(contrast: float = 0.5) -> Problem:
    """div(e grad u) = f on [-1, 1]^2, e = 1 for x < 0 and e = contrast for x > 0, u = 0 on the boundary.

    The left half is reflected onto the right half, so that two unknowns on [0, 1] x [-1, 1] are smooth: u on
    the right and v(x, y) = u(-x, y) from the left, with u = v and contrast u_x = -v_x at x = 0. With
    contrast c the solution is sin(pi x/c) sin(3 pi y) for x > 0 and sin(pi x) sin(3 pi y) for x < 0.

    Parameters
    ----------
    contrast
        1/n for an integer n of at most 16, so that u vanishes at x = 1.

    Raises
    ------
    TypeError, ValueError
        For other contrasts.
    """
    c = real("contrast", contrast, low=1 / 16, high=1.0)
    n = round(1 / c)
    if abs(n * c - 1) > 1e-12:
        raise ValueError(f"contrast must be 1/n for an integer n, got {c}")
    v = Function("v")(X, Y)
    wave = sin(3 * pi * Y)
    right, left = sin(n * pi * X) * wave, -sin(pi * X) * wave
    ratio = Rational(1, n)
    return Problem(
        "interface",
        "div(e grad u) = f, e = 1 on the left and the contrast on the right",
        "Southworth et al., arXiv:2603.04827, 6.2, with the left half reflected",
        (
            ratio * _laplacian(U) + ratio * (n**2 + 9) * pi**2 * right,
            _laplacian(v) + 10 * pi**2 * left,
        ),
        (U, v),
        {X: (0, 1), Y: (-1, 1)},
        (
            condition(U - v, Eq(X, 0)),
            condition(ratio * U.diff(X) + v.diff(X), Eq(X, 0)),
            *(dirichlet(w, 0, on) for w in (U, v) for on in (Eq(X, 1), Y)),
        ),
        formulas((X, Y), right, left),
        parameters={"contrast": 1 / n},
        notes="Two coupled unknowns.",
    )


def plate() -> Problem:
    """Laplace^2 u = f on [0, 1]^2, a clamped plate: u = du/dn = 0 on the boundary.

    The solution is sin^2(pi x) sin^2(pi y).
    """
    exact = sin(pi * X) ** 2 * sin(pi * Y) ** 2
    bending = U.diff(X, 4) + 2 * U.diff(X, 2, Y, 2) + U.diff(Y, 4)
    forcing = sympy.simplify(_laplacian(_laplacian(exact)))
    return Problem(
        "plate",
        "Laplace^2 u = f, clamped, with u = sin^2(pi x) sin^2(pi y)",
        "Timoshenko & Woinowsky-Krieger 1959, chapter 6",
        (bending - forcing,),
        (U,),
        {X: (0, 1), Y: (0, 1)},
        (dirichlet(U, 0), neumann(U, 0)),
        formulas((X, Y), exact),
        notes="Fourth order, with the mixed derivative u_xxyy.",
    )


def disk(radius: float = 1.0) -> Problem:
    """-Laplace u = 1 on the disk x^2 + y^2 < radius^2, u = 0 on the circle.

    The solution is (radius^2 - x^2 - y^2)/4.

    Parameters
    ----------
    radius
        Between 1e-3 and 1e3.

    Raises
    ------
    TypeError, ValueError
        For other radii.
    """
    r = real("radius", radius, low=1e-3, high=1e3)
    square = sympy.Float(r) ** 2 if r != int(r) else sympy.Integer(int(r)) ** 2
    return Problem(
        "disk",
        "-Laplace u = 1 on a disk",
        "torsion of a round bar, Saint-Venant 1855",
        (_laplacian(U) + 1,),
        (U,),
        {X: (-r, r), Y: (-r, r)},
        (dirichlet(U, 0),),
        formulas((X, Y), (square - X**2 - Y**2) / 4),
        domain=SignedDistance(X**2 + Y**2 - square),
        parameters={"radius": r},
        notes="A curved boundary. The solution is a polynomial.",
    )


def l_shape(singular: int = 0) -> Problem:
    """-Laplace u = 1 on (-1, 1)^2 without [0, 1] x [-1, 0], u = 0 on the boundary.

    The gradient is infinite at the re-entrant corner, where u grows like r^(2/3) sin(2 theta/3). The equation
    is multiplied by the distance r from it: without a factor that vanishes faster than r^(1/3) the residuals
    of splines are not square-integrable in the limit. The order is limited by the corner, not by the degree,
    which is 4.

    With singular functions s_i = r^(2 (2 i + 1)/3) sin(2 (2 i + 1) theta/3), i < `singular`, which are
    harmonic and vanish on the edges of the corner, u = v + sum_i c_i s_i with a smoother unknown v and
    unknown constants c_i. These are determined to a few digits only: v compensates for the rest.

    The reference is a sum of singular functions and harmonic polynomials with an error below 1e-13, see
    `references.l_shape`; max u = 0.1494124..., the integral of u is 0.2140758..., c_0 = 0.4019310...

    Parameters
    ----------
    singular
        Between 0 and 4.

    Raises
    ------
    TypeError, ValueError
        For other numbers.
    """
    count = integer("singular", singular, low=0, high=4)
    unknown, options = U, {"degree": 4}
    r, angle = sympy.sqrt(X**2 + Y**2), 3 * pi / 4 + sympy.atan2(-X - Y, Y - X)
    singularities: Any = 0
    if count:
        unknown, options = Function("v")(X, Y), {"levels": 7}
        for i in range(count):
            order = Rational(2 * (2 * i + 1), 3)
            singularities += Unknown(f"c{i}", start=0.0) * r**order * sin(order * angle)
    return Problem(
        "l-shape-singular" if count else "l-shape",
        "-Laplace u = 1 on an L" + (", with singular functions" if count else ""),
        "Fox, Henrici & Moler 1967, SIAM J. Numer. Anal. 4, 89 (the domain)",
        (r * (_laplacian(unknown) + 1),),
        (unknown,),
        SQUARE,
        (condition(unknown + singularities),),
        solution,
        domain=Boxes([[(-1, 0), (-1, 1)], [(-1, 1), (0, 1)]]),
        parameters={"singular": count} if count else {},
        options=options,
        quantity=unknown + singularities if count else None,
        notes="Singular at the corner; reference below 1e-13.",
    )


def _coordinates(dimensions: int) -> tuple[Any, ...]:
    return tuple(Symbol(f"x{i}") for i in range(1, dimensions + 1))


def poisson_additive(dimensions: int = 5) -> Problem:
    """-Laplace u = pi^2 sum_i cos(pi x_i) on [0, 1]^d, u given on the boundary.

    The solution, sum_i cos(pi x_i), is a sum of functions of single variables: a network with a single layer
    represents it.

    Parameters
    ----------
    dimensions
        Between 1 and 50.

    Raises
    ------
    TypeError, ValueError
        For other numbers.
    """
    d = integer("dimensions", dimensions, low=1, high=MAX_DIMENSIONS)
    x = _coordinates(d)
    u = Function("u")(*x)
    exact = sympy.Add(*(cos(pi * each) for each in x))
    return Problem(
        "poisson-5d",
        f"-Laplace u = f in {d} variables with u = sum cos(pi x_i)",
        "Dangel, Mueller & Zeinhofer, arXiv:2405.15603; Webb, Jerad & Cartis, arXiv:2607.02194",
        (-_laplacian(u, x) - pi**2 * exact,),
        (u,),
        dict.fromkeys(x, (0, 1)),
        (dirichlet(u, exact),),
        formulas(x, exact),
        parameters={"dimensions": d},
        notes="Additive: a sum of functions of a single variable.",
        **(records.POISSON_5.fields() if d == 5 else {}),
    )


def poisson_products(dimensions: int = 10) -> Problem:
    """Laplace u = 0 on [0, 1]^d, u given on the boundary.

    The solution, x_1 x_2 + x_3 x_4 + ..., is a sum of squares after an affine map:
    x y = (x + y)^2/4 - (x - y)^2/4.

    Parameters
    ----------
    dimensions
        Even, between 2 and 50.

    Raises
    ------
    TypeError, ValueError
        For other numbers.
    """
    d = integer("dimensions", dimensions, low=2, high=MAX_DIMENSIONS)
    if d % 2:
        raise ValueError(f"dimensions must be even, got {d}")
    x = _coordinates(d)
    u = Function("u")(*x)
    exact = sympy.Add(*(x[i] * x[i + 1] for i in range(0, d, 2)))
    return Problem(
        "poisson-10d",
        f"Laplace u = 0 in {d} variables with u = x1 x2 + x3 x4 + ...",
        "E & Yu 2018, The deep Ritz method, Commun. Math. Stat. 6, 1",
        (_laplacian(u, x),),
        (u,),
        dict.fromkeys(x, (0, 1)),
        (dirichlet(u, exact),),
        formulas(x, exact),
        parameters={"dimensions": d},
        notes="A sum of squares of affine functions.",
        **(records.POISSON_10.fields() if d == 10 else {}),
    )
