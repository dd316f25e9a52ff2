"""Two levels on uniform knots, wave by wave: what a coarse solve leaves, and what a sweep does to it."""

from __future__ import annotations

import sympy as sp

from ..claims import PROVED, claim
from .gram_matrices import c, mass_entry, symbol

ORDERS = (1, 2, 3, 4, 5, 6)


@claim(
    "galerkin-symbol",
    statement="f(2 theta) = cos(theta/2)^(2r) f(theta) + sin(theta/2)^(2r) f(theta + pi), f the symbol "
    "of the mass matrix on spacing 1: the waves theta, theta + pi are the same wave on the coarse knots",
    hypotheses="uniform knots on the whole line, every second knot coarse; every order r >= 1",
    source="ours (claims two-scale, proposition-1 and mass-symbol, wave by wave)",
    strength=PROVED,
    argument="By the two-scale relation the coarse wave e^{2 i j theta} is a fine spline with the two waves "
    "theta, theta + pi of amplitudes p(theta)/2, p(theta + pi)/2, p(theta) = 2^(1-r) (1 + z)^r, z = "
    "e^{-i theta} or its conjugate. |1 + e^{i theta}|^2 = 4 cos(theta/2)^2 gives |p(theta)| = 2 "
    "|cos(theta/2)|^r, |p(theta + pi)| = 2 |sin(theta/2)|^r (checked). The coarse mass matrix is P^T M "
    "P, and the mean over the two waves on the right belongs to every second entry: 2 f(2 theta) = "
    "(|p(theta)|^2 f(theta) + |p(theta + pi)|^2 f(theta + pi))/2. The identity is also checked for "
    "polynomials in cos(theta) for r in " + ", ".join(map(str, ORDERS)) + ".",
)
def check_galerkin() -> None:
    theta = sp.Symbol("theta", real=True)
    for sign, modulus in ((1, sp.cos(theta / 2)), (-1, sp.sin(theta / 2))):
        square = sp.expand((1 + sign * sp.exp(sp.I * theta)) * (1 + sign * sp.exp(-sp.I * theta)))
        assert sp.simplify(square.rewrite(sp.cos) - 4 * modulus**2) == 0, f"|1 + {sign} e^(i theta)|^2"
    r, modulus = sp.symbols("r modulus", positive=True)
    assert sp.simplify(4 ** (1 - r) * (4 * modulus**2) ** r - (2 * modulus**r) ** 2) == 0, "|p|^2"
    for order in ORDERS:
        f = symbol(order).as_expr()
        # cos(theta/2)^2 = (1 + c)/2, cos(theta + pi) = -c, cos(2 theta) = 2 c^2 - 1
        right = ((1 + c) / 2) ** order * f + ((1 - c) / 2) ** order * f.subs(c, -c)
        assert sp.expand(right - f.subs(c, 2 * c**2 - 1)) == 0, f"order {order}"


@claim(
    "complement-symbol",
    statement="of the waves theta, theta + pi an exact coarse solve leaves a single function, and a sweep u "
    "<- u - omega D (M u - b) followed by the next solve multiplies it by 1 - omega q, q = h f(theta) "
    "f(theta + pi)/f(2 theta) times cos(theta/2)^(2r) + sin(theta/2)^(2r) for D = I, times 2 (k! h^k)^2/4^r "
    "for D = (A A^T)^{-1}; so for degrees 0 to 5 the largest q is at most a constant times the smallest, "
    "for every number of intervals, in both geometries",
    hypotheses="uniform knots of spacing h, k = r - 1, the whole line or periodic, theta not a multiple of "
    "pi; every order r >= 1",
    source="ours; it bounds cycles, where arXiv:2603.04827 argues from a single level",
    strength=PROVED,
    argument="The error e after a coarse solve is M-orthogonal to the coarse wave of amplitudes p_0 = "
    "p(theta), p_1 = p(theta + pi): e = (p_1' f(theta + pi), -p_0' f(theta)) up to a factor, with "
    "conjugates p'. A coarse solve leaves the M-orthogonal projection onto e, so q = <e, D M "
    "e>_M/<e, e>_M. D is diagonal on waves: 1, or (k! h^k)^2/|1 - e^{i theta}|^(2r) (claim "
    "corollary-1-power). Checked with symbolic order, phases and values of f; the "
    "denominator is f(2 theta) by claim galerkin-symbol. "
    "Bounds: f(pi) <= f <= 1 (claim mass-symbol-bounds) and 2^(1-r) <= cos^(2r) + sin^(2r) <= 1. "
    "Matrices with periodic ends on 4 intervals, theta = pi/2, give the same q for r in "
    + ", ".join(map(str, ORDERS))
    + ".",
)
def check_complement() -> None:
    r = sp.Symbol("r", integer=True, positive=True)
    cosine, sine, f_0, f_1, h, k_factorial = sp.symbols("C S f0 f1 h kfactorial", positive=True)
    a, b = sp.symbols("a b")  # phases: the conjugate of a is 1/a
    k = r - 1
    p, conjugate = (2 * cosine**r * a, 2 * sine**r * b), (2 * cosine**r / a, 2 * sine**r / b)
    f = (f_0, f_1)
    e = (conjugate[1] * f_1, -conjugate[0] * f_0)
    e_conjugate = (p[1] * f_1, -p[0] * f_0)
    # On the coarse wave the products are those of conjugate amplitudes with h f e.
    assert sp.expand(conjugate[0] * f_0 * e[0] + conjugate[1] * f_1 * e[1]) == 0, "orthogonal to coarse waves"
    energy = sum(h * f[i] * e[i] * e_conjugate[i] for i in (0, 1))
    coarse = cosine ** (2 * r) * f_0 + sine ** (2 * r) * f_1
    differences = ((2 * sine) ** (2 * r), (2 * cosine) ** (2 * r))  # |1 - e^{i theta}|^(2r) at both waves
    scale = (k_factorial * h**k) ** 2
    for D, factor in (
        ((1, 1), cosine ** (2 * r) + sine ** (2 * r)),
        ([scale / value for value in differences], 2 * scale / 4**r),
    ):
        through = sum(D[i] * (h * f[i]) ** 2 * e[i] * e_conjugate[i] for i in (0, 1))
        q = h * f_0 * f_1 / coarse * factor
        assert sp.simplify(sp.powsimp(sp.expand(through - q * energy), force=True)) == 0, f"q with D = {D}"
    t = sp.Symbol("t", real=True)  # cos^2 = (1 + t)/2: the even powers of t in the sum have positive factors
    for order in ORDERS:
        total = sp.Poly(((1 + t) / 2) ** order + ((1 - t) / 2) ** order, t)
        assert all(value > 0 and power[0] % 2 == 0 for power, value in total.terms()), f"order {order}"
        assert (total.eval(0), total.eval(1)) == (sp.Rational(2) ** (1 - order), 1), f"order {order}"
        _check_four_intervals(order)


def _check_four_intervals(order: int) -> None:
    """q from 4 x 4 matrices, spacing 1, periodic functions, for the pair theta = pi/2, 3 pi/2."""
    n, r, k = 4, order, order - 1
    M, A, P = sp.zeros(n, n), sp.zeros(n, n), sp.zeros(n, n // 2)
    for i in range(n):
        for d in range(-k, r):
            M[i, (i + d) % n] += mass_entry(r, abs(d))
        for d in range(r + 1):
            A[i, (i + d) % n] += (-1) ** d * sp.binomial(r, d) / sp.factorial(k)
    for i in range(n // 2):
        for d in range(r + 1):
            P[(2 * i + d) % n, i] += sp.binomial(r, d) / sp.Integer(2) ** k
    leave = sp.eye(n) - P * (P.T * M * P).inv() * P.T * M
    f, half = symbol(r).eval(0), sp.Rational(1, 2)
    common = f**2 / symbol(r).eval(-1)
    # Constants, which A A^T maps to 0, are coarse functions: any inverse on the other waves suffices.
    for D, factor in (
        (sp.eye(n), 2 * half**r),
        ((A * A.T).pinv(), 2 * sp.factorial(k) ** 2 * half ** (2 * r)),
    ):
        waves = leave * sp.Matrix([(1, 0), (0, 1), (-1, 0), (0, -1)])
        assert waves.rank() == 1, f"order {order}: one function is left"
        assert leave * D * M * waves == common * factor * waves, f"order {order}: its factor"
