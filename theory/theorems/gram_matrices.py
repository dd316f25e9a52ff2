"""Gram matrices: the symbol of the B-spline mass matrix and its bounds; growth of the ReLU matrix."""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from .. import bspline
from ..claims import EXACT, PROVED, claim
from ..gram import bspline_gram, integral, relu_gram
from ..matrices import change_of_basis, uniform_change_of_basis
from ..symbols import rational_knots, uniform

SYMBOL_MINIMA = {2: (1, 3), 3: (2, 15), 4: (17, 315), 5: (62, 2835), 6: (1382, 155925)}
"""Order r: the symbol of the mass matrix at theta = pi, degrees 1 to 5."""
ONE_INTERVAL = {2: 6, 3: 182, 4: 16422, 5: 3088620, 6: 986180922}
"""Order r: an integer above h/lambda_min for one interval."""
FOUR_INTERVALS = {2: 5, 3: 53, 4: 1719, 5: 95257, 6: 7425937}
"""Order r: an integer above h/lambda_min for 4, 5, 6 and 7 intervals."""
LEAST_CONDITION = {1: 186, 2: 86813, 3: 65 * 10**6, 4: 72 * 10**9}
"""Order r: below the condition number of the ReLU Gram matrix on 16 intervals."""
GROWTH_CASES = tuple((order, intervals) for order in (1, 2, 3, 4) for intervals in (2, 4, 8, 16))
"""(order, intervals) on [0, 1] for the ReLU Gram matrix."""

c = sp.Symbol("c", real=True)  # cos(theta)


@cache
def eulerian(n: int, k: int) -> sp.Integer:
    """Eulerian numbers: <1, 0> = 1, <n, k> = (k+1) <n-1, k> + (n-k) <n-1, k-1>, zero unless 0 <= k < n."""
    if not 0 <= k < n:
        return sp.Integer(0)
    return sp.Integer(1) if n == 1 else (k + 1) * eulerian(n - 1, k) + (n - k) * eulerian(n - 1, k - 1)


def mass_entry(order: int, d: int) -> sp.Rational:
    """N_{2r}(r + d) = <2r-1, r+d-1>/(2r-1)!: the mass matrix on spacing 1, d off the diagonal."""
    return eulerian(2 * order - 1, order + d - 1) / sp.factorial(2 * order - 1)


def symbol(order: int) -> sp.Poly:
    """f(theta) = sum_d N_{2r}(r + d) e^{i d theta}, a polynomial in c = cos(theta)."""
    terms = [mass_entry(order, d) * (2 if d else 1) * sp.chebyshevt(d, c) for d in range(order)]
    return sp.Poly(sum(terms), c)


@claim(
    "mass-symbol",
    statement="whole-line mass matrix on uniform knots: M_{i,i+d} = h N_{2r}(r + d) = h <2r-1, "
    "r+d-1>/(2r-1)!; its symbol is the Euler-Frobenius polynomial z^(1-r) sum_j <2r-1, j> "
    "z^j/(2r-1)!, z = e^{i theta}",
    hypotheses="uniform knots of spacing h, integrals over the whole supports; N_n the B-spline of "
    "order n on 0, 1, ..., n, <n, k> the Eulerian numbers; every order r >= 1",
    source="ours (classical: Euler-Frobenius polynomials)",
    strength=PROVED,
    argument="(1) The derivative formula on unit knots is N_n' = N_{n-1} - N_{n-1}(. - 1), so N_n "
    "= N_{n-1} * N_1 (convolution with the indicator of [0, 1]) and N_n = N_1 * ... * N_1 "
    "(n factors), hence N_r * N_r = N_{2r}; N_r(r - y) = N_r(y) because N_1 has that "
    "symmetry (almost everywhere), so the integral of N_r(y) N_r(y - d) is (N_r * N_r)(r "
    "+ d). (2) Cox-de Boor at an integer, times (n-1)!, is (n-1)! N_n(j) = j (n-2)! "
    "N_{n-1}(j) + (n-j) (n-2)! N_{n-1}(j-1): the recursion of <n-1, j-1>; base N_2(1) = 1 "
    "= <1, 0>. Checked with symbolic n and j; the convolution argument is words, and the "
    "entries are integrated from the pieces for orders 1 to 6.",
)
def check_mass_symbol() -> None:
    n, j = sp.symbols("n j", integer=True, positive=True)
    # The derivative formula with t_i = i: both denominators are n - 1 and cancel its factor.
    assert sp.cancel((n - 1) / ((j + n - 1) - j)) == 1, "N_n' = N_{n-1} - N_{n-1}(. - 1)"
    first, second = sp.symbols("N_{n-1}(j) N_{n-1}(j-1)")
    cox_de_boor = j / (n - 1) * first + (n - j) / (n - 1) * second
    # With <n-2, j-1> = (n-2)! N_{n-1}(j) and <n-2, j-2> = (n-2)! N_{n-1}(j-1):
    k, size = j - 1, n - 1
    recursion = (k + 1) * sp.factorial(n - 2) * first + (size - k) * sp.factorial(n - 2) * second
    quotient = sp.expand(recursion - sp.factorial(n - 1) * cox_de_boor) / sp.factorial(n - 2)
    assert sp.simplify(sp.gammasimp(quotient.rewrite(sp.gamma))) == 0, "Eulerian recursion"
    for order in range(1, 7):
        knots = list(range(2 * order + 1))
        b_0 = bspline.pieces(knots, 0, order)
        for d in range(order):
            b_d = bspline.pieces(knots, d, order)
            entry = sum(integral(b_0[s] * b_d[s], s, s + 1) for s in b_0 if s in b_d)
            assert entry == mass_entry(order, d), f"order {order}, offset {d}: {entry}"


@claim(
    "mass-symbol-bounds",
    statement="the symbol decreases from 1 at theta = 0 to its minimum at theta = pi: 1/3, 2/15, "
    "17/315, 62/2835, 1382/155925 for degrees 1 to 5",
    hypotheses="uniform knots, h = 1, integrals over the whole supports",
    source="ours",
    strength=EXACT,
    argument="Degrees 1, 2, 3, 4, 5. The symbol is a polynomial in c = cos(theta) with rational "
    "coefficients; Sturm's theorem (exact root count) finds no root of its derivative in "
    "[-1, 1], where the derivative is positive at 0: increasing in c.",
)
def check_symbol_bounds() -> None:
    for order, minimum in SYMBOL_MINIMA.items():
        f = symbol(order)
        slope = f.diff()
        assert slope.count_roots(-1, 1) == 0, f"order {order}: the symbol has an inner extremum"
        assert slope.eval(0) > 0, f"order {order}: the symbol decreases in cos(theta)"
        assert f.eval(1) == 1, f"order {order}: maximum {f.eval(1)}"
        assert f.eval(-1) == sp.Rational(*minimum), f"order {order}: minimum {f.eval(-1)}"


@claim(
    "mass-condition-whole-support",
    statement="for any number m of consecutive B-splines, h f(pi) |u|^2 <= u^T M u <= h |u|^2: the "
    "condition number is at most 3, 15/2, 315/17, 2835/62, 155925/1382 for degrees 1 to "
    "5, for every m, and tends to this bound as m grows",
    hypotheses="uniform knots of spacing h, integrals over the whole supports (M is an m x m "
    "Toeplitz matrix)",
    source="ours",
    strength=EXACT,
    argument="Degrees 1, 2, 3, 4, 5, each for every m. u^T M u is h times the mean over theta of "
    "f(theta) |U(theta)|^2, U = sum_j u_j e^{i j theta}, and |u|^2 is the mean of |U|^2 "
    "(checked as the constant term for symbolic u, m = 1 to 4), so the bounds of claim "
    "mass-symbol-bounds carry over. Sharp: u_j = (-1)^j and u_j = 1 give the quotients "
    "f(pi) - O(1/m) and 1 - O(1/m), exactly f(theta_0) - (1/m) sum_d |d| f_d e^{i d "
    "theta_0}, symbolic m.",
)
def check_whole_support_condition() -> None:
    z = sp.Symbol("z")
    for order in SYMBOL_MINIMA:
        f_z = sum(mass_entry(order, abs(d)) * z**d for d in range(1 - order, order))
        for m in range(1, 5):
            u = sp.symbols(f"u0:{m}", real=True)
            U = sum(u[j] * z**j for j in range(m))
            quadratic = sum(
                u[i] * u[j] * (mass_entry(order, abs(i - j)) if abs(i - j) < order else 0)
                for i in range(m)
                for j in range(m)
            )
            mean = sp.expand(f_z * U * U.subs(z, 1 / z)).coeff(z, 0)
            assert sp.expand(mean - quadratic) == 0, f"order {order}, m = {m}: mean of f |U|^2"
            assert sp.expand(U * U.subs(z, 1 / z)).coeff(z, 0) == sum(v**2 for v in u), "mean of |U|^2"
        m = sp.Symbol("m", integer=True, positive=True)
        for sign in (1, -1):
            # u_j = sign^j, m >= r: m - |d| pairs lie d apart, and |u|^2 = m.
            f_d = {d: mass_entry(order, abs(d)) * sign ** abs(d) for d in range(1 - order, order)}
            quotient = sum((m - abs(d)) * value for d, value in f_d.items()) / m
            rest = sum(abs(d) * value for d, value in f_d.items())
            assert sp.cancel(quotient - (symbol(order).eval(sign) - rest / m)) == 0, (
                f"order {order}: sharpness"
            )
            assert sp.limit(quotient, m, sp.oo) == symbol(order).eval(sign), f"order {order}: limit"


def eigenvalues_below(M: sp.Matrix, bound: sp.Rational) -> int:
    """The number of eigenvalues < bound of a symmetric rational matrix, exactly (Sturm)."""
    characteristic = sp.Poly(DomainMatrix.from_Matrix(M).to_field().charpoly(), sp.Symbol("z"))
    return characteristic.count_roots(None, bound) - int(characteristic.eval(bound) == 0)


@claim(
    "mass-condition",
    statement="on [a, b] too the condition number of the B-spline mass matrix is bounded for "
    "every number of intervals: at most 6, 182, 16422, 3088620, 986180922 for degrees 1 to "
    "5, and from 4 intervals on at most 5, 53, 1719, 95257, 7425937. It is larger than "
    "over whole supports: lambda_min <= h/((2k+1) (k!)^2)",
    hypotheses="uniform knots of spacing h, uniform ghost knots, integrals over [a, b] only",
    source="ours",
    strength=EXACT,
    argument="Degrees 1, 2, 3, 4, 5, each for every number of intervals. Above: entries are "
    "nonnegative and a row sums to the integral of b_i over [a, b], at most h, so "
    "lambda_max <= h. Below: cut [a, b] into blocks of g intervals; u^T M u is the sum "
    "over blocks of the same form with the block's own coefficients, each coefficient "
    "occurs in at least one block, so lambda_min(M) >= min lambda_min(M_g); blocks of g = "
    "1 always, blocks of g = 4, 5, 6, 7 for 4 intervals or more. Exact root counts of "
    "the characteristic polynomials of M_1, M_4..M_7 put every eigenvalue at or above h "
    "over the integer stated, which is the least such integer. The last bound is the "
    "quotient of e_0: b_0 = (b_0's last piece) = (1-y)^k/k!, checked for these degrees.",
)
def check_restricted_condition() -> None:
    for order, bound in ONE_INTERVAL.items():
        blocks = {g: bspline_gram(uniform(0, g, g, order), order) for g in (1, 4, 5, 6, 7)}  # h = 1
        for g, M in blocks.items():
            limit = bound if g == 1 else FOUR_INTERVALS[order]
            assert eigenvalues_below(M, sp.Rational(1, limit)) == 0, (
                f"order {order}, {g} intervals: bound {limit}"
            )
            assert all(sum(M.row(i)) <= 1 for i in range(M.rows)), f"order {order}, {g} intervals: row sums"
            assert min(M) >= 0, f"order {order}, {g} intervals: a negative entry"
        for g, limit in ((1, bound), (4, FOUR_INTERVALS[order])):
            assert eigenvalues_below(blocks[g], sp.Rational(1, limit - 1)) > 0, (
                f"order {order}: {limit} not least"
            )
        # A row sum is the integral of b_i over [a, b]; over the whole line that is h.
        whole = bspline.pieces(list(range(order + 1)), 0, order)
        assert sum(integral(p, s, s + 1) for s, p in whole.items()) == 1, f"order {order}: integral of N_r"
        k = order - 1
        quotient = blocks[1][0, 0]
        assert quotient == sp.Rational(1, (2 * k + 1) * sp.factorial(k) ** 2), (
            f"order {order}: quotient of e_0"
        )
        assert quotient <= sp.Rational(*SYMBOL_MINIMA[order]), f"order {order}: no loss at the ends"


@claim(
    "gram-congruence",
    statement="M_b = A M_psi A^T",
    hypotheses="strictly increasing knots, integrals over [a, b]; every order r >= 1",
    source="ours",
    strength=PROVED,
    argument="b = A psi on [a, b] (claim lemma-2) and linearity of the integral: the integral of "
    "(A psi)(A psi)^T is A times that of psi psi^T times A^T. Both Gram matrices "
    "integrated independently for orders 1 to 5, random rational knots.",
)
def check_congruence() -> None:
    for order in range(1, 6):
        t = rational_knots(3 + 2 * order - 1, seed=order)
        A = change_of_basis(t, order)
        assert bspline_gram(t, order) == A * relu_gram(t, order) * A.T, f"order {order}"


def growth_bound(order: sp.Expr, intervals: sp.Expr) -> sp.Expr:
    """C(2r, r) G^(2r+1)/((r!)^2 (r+1)^2 (G+r-1)), the proved lower bound for the condition number."""
    r, G = order, intervals
    return sp.binomial(2 * r, r) * G ** (2 * r + 1) / (sp.factorial(r) ** 2 * (r + 1) ** 2 * (G + r - 1))


@claim(
    "relu-gram-growth",
    statement="the condition number of the ReLU Gram matrix is at least C(2r, r) G^(2r+1)/((r!)^2 "
    "(r+1)^2 (G+r-1)): it grows at least like G^(2r) with the number G of intervals",
    hypotheses="uniform knots on [0, 1], integrals over [0, 1]; every order r >= 1, every G >= 2",
    source="ours",
    strength=PROVED,
    argument="Two Rayleigh quotients of M_psi, h = 1/G, m = G + r - 1. For e = (1, ..., 1), e^T M e is the "
    "integral of (sum psi_j)^2, at least the square of the integral of sum psi_j "
    "(Cauchy-Schwarz on [0, 1]); the inner and first ReLUs alone give sum_{j<G} (1 - j "
    "h)^r/r = (h^r/r) sum_{l=1..G} l^r >= (h^r/r) times the integral of y^r over [0, G] = "
    "G/(r (r+1)); so lambda_max >= G^2/(r^2 (r+1)^2 m). First row w of A: w^T M w is the "
    "integral of b_0^2 over [0, 1], at most h (0 <= b_0 <= 1 there, on one interval); "
    "|w|^2 = sum_d C(r, d)^2/((r-1)!^2 h^(2r-2)) by Corollary 1 (all r + 1 entries are "
    "there for G >= 2), with sum_d C(r, d)^2 = C(2r, r), the coefficient of z^r in "
    "(1+z)^r (1+z)^r. So lambda_min <= (r-1)!^2 h^(2r-1)/C(2r, r). The integral, the "
    "binomial sum and the quotient of the two bounds are checked with symbolic r and G; "
    "the growth is its limit over G^(2r).",
)
def check_relu_growth() -> None:
    r, G = sp.symbols("r G", integer=True, positive=True)
    y, z = sp.symbols("y z", positive=True)
    h = 1 / G
    area = sp.integrate(y**r, (y, 0, G))
    assert sp.simplify(h**r / r * area - G / (r * (r + 1))) == 0, "lower bound for the integral of sum psi_j"
    assert sp.powsimp((1 + z) ** r * (1 + z) ** r) == (1 + z) ** (2 * r), "generating function"
    for order in range(1, 8):
        square_sum = sum(sp.binomial(order, d) ** 2 for d in range(order + 1))
        assert square_sum == sp.binomial(2 * order, order), f"sum of squares, r = {order}"
    lambda_max = G**2 / (r**2 * (r + 1) ** 2 * (G + r - 1))
    row = sp.binomial(2 * r, r) / (sp.factorial(r - 1) ** 2 * h ** (2 * r - 2))  # |w|^2
    quotient = lambda_max * row / h / growth_bound(r, G)
    assert sp.simplify(sp.gammasimp(quotient.rewrite(sp.gamma))) == 1, f"quotient {sp.simplify(quotient)}"
    constant = sp.binomial(2 * r, r) / (sp.factorial(r) ** 2 * (r + 1) ** 2)
    share = sp.powsimp(growth_bound(r, G) / (constant * G ** (2 * r)))
    assert sp.limit(sp.simplify(share), G, sp.oo) == 1, "growth like G^(2r)"


@claim(
    "relu-gram-quotients",
    statement="exact Rayleigh quotients of the ReLU Gram matrix for (1, ..., 1) and the first row of A "
    "respect the bound of claim relu-gram-growth; on 16 intervals the condition number is "
    "above 186, 86813, 65 million, 72 billion for degrees 0 to 3",
    hypotheses="uniform knots on [0, 1], integrals over [0, 1]",
    source="ours",
    strength=EXACT,
    argument="(order, intervals) in "
    + ", ".join(map(str, GROWTH_CASES))
    + "; the matrices are integrated exactly.",
)
def check_relu_quotients() -> None:
    ratio: dict[tuple[int, int], sp.Rational] = {}
    for order, G in GROWTH_CASES:
        M = relu_gram(uniform(0, 1, G, order), order)
        ones = sp.ones(M.rows, 1)
        w = uniform_change_of_basis(G, order, sp.Rational(1, G)).row(0).T
        large, small = ((v.T * M * v)[0] / (v.T * v)[0] for v in (ones, w))
        assert small > 0, f"order {order}, G = {G}: M is not positive definite"
        ratio[order, G] = large / small
        bound = growth_bound(sp.Integer(order), sp.Integer(G))
        assert ratio[order, G] >= bound, f"order {order}, G = {G}: {ratio[order, G]} < {bound}"
    for order, least in LEAST_CONDITION.items():
        assert ratio[order, 16] > least, f"order {order}, G = 16: {ratio[order, 16]}"
