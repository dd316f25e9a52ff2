"""Lemma 4: A and A^T A as difference stencils, their consistency, and how fast their spectra spread.

Uniform knots of spacing h. B = (I - S)^r = (r-1)! h^(r-1) A is upper triangular Toeplitz, m x m, with the
symbol (1 - z)^r, z = e^{i theta}; B^T B has the symbol |1 - z|^(2r) but for the r x r block in its upper left
corner.
"""

from __future__ import annotations

import sympy as sp

from ..claims import PROVED, claim
from ..matrices import uniform_change_of_basis

r, m, d = sp.symbols("r m d", integer=True, positive=True)  # order, size, offset
theta = sp.Symbol("theta", positive=True)
z = sp.Symbol("z")

CASES = tuple((order, size) for order in (1, 2, 3, 4, 5) for size in (order + 1, 2 * order + 3))
"""(order, size m) at which the matrices are formed."""
SPECTRA = tuple((order, size) for order in (1, 2, 3, 4) for size in (order + 1, 8))
"""(order, size m) at which the bounds are compared with exactly isolated eigenvalues."""


def differences(order: int, size: int) -> sp.Matrix:
    """B = (I - S)^r, m x m."""
    intervals = size - order + 1
    return uniform_change_of_basis(intervals, order, sp.Integer(1)) * sp.factorial(order - 1)


def coefficients_in_theta(expression: sp.Expr, count: int) -> list[sp.Expr]:
    """The first Taylor coefficients in theta, each simplified."""
    series = sp.series(expression, theta, 0, count).removeO()
    return [sp.simplify(sp.expand(series).coeff(theta, p)) for p in range(count)]


@claim(
    "lemma-4-difference",
    statement="(-1)^r (r-1)! A/h is the r-th forward difference over h^r in its first m - r rows: a "
    "consistent approximation of the r-th derivative, of order one at t_i and of order two at the middle "
    "t_i + r h/2 of the stencil; the last r rows are the same stencil with zeros beyond the end",
    hypotheses="uniform knots of spacing h; every order r >= 1",
    source="arXiv:2603.04827, Lemma 4",
    strength=PROVED,
    argument="A = h^(1-r)/(r-1)! (I - S)^r (claim corollary-1-power), and S takes the value at t_{i+1}, zero "
    "past the end. On e^{i xi x}, theta = xi h, the stencil (-1)^r (1 - z)^r is (z - 1)^r = (i theta)^r "
    "e^{i r theta/2} (sin(theta/2)/(theta/2))^r, by z - 1 = 2 i e^{i theta/2} sin(theta/2). Against the "
    "derivative (i theta)^r at t_i the factor is 1 + i r theta/2 + ..., and at the middle of the stencil, "
    "where e^{i r theta/2} is the exponential itself, 1 - r theta^2/24 + ...: Taylor coefficients with "
    "symbolic r. The rows of B for (order, m) in " + ", ".join(map(str, CASES)) + ".",
)
def check_difference() -> None:
    half = sp.exp(sp.I * theta) - 1 - 2 * sp.I * sp.exp(sp.I * theta / 2) * sp.sin(theta / 2)
    assert sp.simplify(half.rewrite(sp.exp)) == 0, "z - 1 = 2 i e^{i theta/2} sin(theta/2)"
    centred = (sp.sin(theta / 2) / (theta / 2)) ** r
    assert coefficients_in_theta(centred, 3) == [1, 0, -r / sp.Integer(24)], "at the middle"
    one_sided = coefficients_in_theta(sp.exp(sp.I * r * theta / 2) * centred, 2)
    assert one_sided == [1, sp.I * r / 2], f"at t_i: {one_sided}"
    for order, size in CASES:
        B = differences(order, size)
        for power in range(order + 1):  # exact on polynomials up to degree r
            applied = B * sp.Matrix([sp.Integer(j) ** power for j in range(size)])
            expected = (-1) ** order * sp.factorial(order) if power == order else 0
            assert set(applied[: size - order]) == {expected}, f"order {order}, power {power}"
        for i in range(size - order, size):  # the same stencil, cut off
            cut = [(-1) ** e * sp.binomial(order, e) for e in range(size - i)]
            assert list(B[i, i:]) == cut, f"order {order}, row {i}"


@claim(
    "lemma-4-normal",
    statement="((r-1)!)^2 h^(2r-2) A^T A has the entries (-1)^d C(2r, r+d) on its d-th diagonals, d = 0..r, "
    "but for the r x r block in its upper left corner; times (-1)^r h^(-2r) that is a stencil of order two "
    "for the derivative of order 2r",
    hypotheses="uniform knots of spacing h; every order r >= 1, m >= r",
    source="arXiv:2603.04827, Lemma 4",
    strength=PROVED,
    argument="(B^T B)_{j,j+d} = sum_l B_lj B_{l,j+d}, l = j+d-r..j: no row l < 0 is missing if j + d >= r, "
    "that is outside the corner block. A full sum is the coefficient of z^d in (1 - z)^r (1 - 1/z)^r = "
    "(-1)^r z^(-r) (1 - z)^(2r), by (1 - z)(1 - 1/z) = -(1 - z)^2/z: the coefficient of z^(r+d) in (1 - "
    "z)^(2r), (-1)^(r+d) C(2r, r+d), times (-1)^r. The symbol is (2 - 2 cos theta)^r = theta^(2r) (1 - r "
    "theta^2/12 + ...), Taylor coefficients with symbolic r. Compared with B^T B for (order, m) "
    "in " + ", ".join(map(str, CASES)) + ".",
)
def check_normal() -> None:
    assert sp.simplify((1 - z) * (1 - 1 / z) + (1 - z) ** 2 / z) == 0, "the square of the symbol"
    ratio = ((2 - 2 * sp.cos(theta)) / theta**2) ** r
    assert coefficients_in_theta(ratio, 3) == [1, 0, -r / sp.Integer(12)], "order of consistency"
    for order, size in CASES:
        B = differences(order, size)
        product = B.T * B

        def stencil(i: int, j: int, q: int = order) -> sp.Expr:
            return (-1) ** (i - j) * sp.binomial(2 * q, q + abs(i - j)) if abs(i - j) <= q else sp.Integer(0)

        toeplitz = sp.Matrix(size, size, stencil)
        difference = product - toeplitz
        corner = difference[:order, :order]
        difference[:order, :order] = sp.zeros(order, order)
        assert difference.is_zero_matrix, f"order {order}, size {size}"
        assert corner[0, 0] == 1 - sp.binomial(2 * order, order), "the corner is not the stencil"


def upper_bound(order: sp.Expr, size: sp.Expr) -> sp.Expr:
    """4^r C(m+r-1, r)^2."""
    return sp.Integer(4) ** order * sp.binomial(size + order - 1, order) ** 2


def lower_bound(order: sp.Expr, size: sp.Expr) -> sp.Expr:
    """C(2r, r) (C(m+r, r+1)/m)^2."""
    return sp.binomial(2 * order, order) * (sp.binomial(size + order, order + 1) / size) ** 2


@claim(
    "lemma-4-growth",
    statement="C(2r, r) (C(m+r, r+1)/m)^2 <= lambda_max/lambda_min of A^T A <= 4^r C(m+r-1, r)^2: the ratio "
    "grows like m^(2r), no faster and no slower; its limits over m^(2r) lie between C(2r, r)/((r+1)!)^2 and "
    "4^r/(r!)^2",
    hypotheses="uniform knots; every order r >= 1, every size m = G + r - 1 >= r + 1",
    source="arXiv:2603.04827, Lemma 4 (growth like G^(2r)), with bounds for every size (ours)",
    strength=PROVED,
    argument="lambda_max is at most 4^r (claim theorem-2-symbol) and at least the diagonal entry (B^T "
    "B)_rr = C(2r, r) (claim lemma-4-normal). 1/lambda_min = |B^{-1}|^2, where B^{-1} = (I - S)^{-r} has "
    "C(r-1+d, d) >= 0 on its d-th superdiagonal (claim theorem-2-values). Its largest row and column sums "
    "are sum_{d<m} C(r-1+d, d) = C(m+r-1, r), so |B^{-1}| <= C(m+r-1, r) (|.|_2^2 <= |.|_1 |.|_inf); and "
    "|B^{-1}| >= 1^T B^{-1} 1/m = sum_{n<=m} C(n+r-1, r)/m = C(m+r, r+1)/m. Both sums are the hockey-stick "
    "identity: induction on m, whose step C(m+r-1, r) + C(m+r-1, r-1) = C(m+r, r) is checked with symbolic "
    "m and r; base m = 1. The limits follow from C(m+r, r+1) = m (m+1) ... (m+r)/(r+1)!, r + 1 factors m "
    "(1 + O(1/m)) (also formed for orders 1 to 5). Exactly isolated eigenvalues respect the bounds for "
    "(order, m) in " + ", ".join(map(str, SPECTRA)) + ".",
)
def check_growth() -> None:
    def same(left: sp.Expr, right: sp.Expr) -> bool:
        quotient = sp.gammasimp((left / right).rewrite(sp.gamma))
        return sp.simplify(quotient) == 1

    C = sp.binomial
    # row sums: adding d = m to the sum over d < m
    assert same(C(m + r - 1, r) + C(r - 1 + m, m), C(m + r, r)), "first hockey stick, step"
    assert C(r, r) == 1 == sp.simplify(C(r - 1, 0)), "first hockey stick, base"
    # sum of all entries: adding the row of length m + 1
    assert same(C(m + r, r + 1) + C(m + r, r), C(m + r + 1, r + 1)), "second hockey stick, step"
    assert C(r + 1, r + 1) == 1 == C(r, r), "second hockey stick, base"
    for order in range(1, 6):  # C(m+r, r+1) = m^(r+1)/(r+1)! (1 + O(1/m)), as a product of r + 1 factors
        growth = sp.limit(sp.expand_func(C(m + order, order + 1)) / m ** (order + 1), m, sp.oo)
        assert growth == 1 / sp.factorial(order + 1), f"order {order}: leading term"
    for order, size in SPECTRA:
        B = differences(order, size)
        inverse = B.inv()
        assert max(sum(inverse.row(i)) for i in range(size)) == C(size + order - 1, order), "row sums"
        assert sum(inverse) == C(size + order, order + 1), "sum of the entries"
        assert (B.T * B)[order, order] == C(2 * order, order), "diagonal entry"
        smallest, largest = extreme_eigenvalues(B.T * B)
        ratio_low, ratio_high = largest[0] / smallest[1], largest[1] / smallest[0]
        assert lower_bound(sp.Integer(order), sp.Integer(size)) <= ratio_low, f"order {order}, size {size}"
        assert ratio_high <= upper_bound(sp.Integer(order), sp.Integer(size)), f"order {order}, size {size}"


def extreme_eigenvalues(matrix: sp.Matrix) -> tuple[tuple[sp.Rational, sp.Rational], ...]:
    """Rational intervals, a thousandth of their ends wide, around the least and the largest eigenvalue.

    Exact: roots of the characteristic polynomial isolated by Sturm sequences; it needs a matrix with
    rational entries and positive eigenvalues.
    """
    characteristic = matrix.charpoly(z)
    isolated = characteristic.intervals()
    narrow = []
    for (low, high), _ in (isolated[0], isolated[-1]):
        eps = sp.Rational(1, 1000)
        while low == 0:
            low, high = characteristic.refine_root(low, high, eps=eps)
            eps /= 1000
        narrow.append(characteristic.refine_root(low, high, eps=low / 1000))
    return tuple(narrow)


@claim(
    "lemma-4-eigenvalues",
    statement="r = 1: A^T A has the eigenvalues 4 sin^2((2j-1) pi/(4m+2)), j = 1..m: their ratio is "
    "cos^2(pi/(2m+1))/sin^2(pi/(4m+2)) and grows like (4 m/pi)^2",
    hypotheses="uniform knots; order r = 1; every size m",
    source="ours; the case r = 1 of arXiv:2603.04827, Lemma 4",
    strength=PROVED,
    argument="B^T B is the second difference with 1 in its upper left corner (a natural end) and 2 "
    "elsewhere on the diagonal (Dirichlet at the other end). v_i = cos((i + 1/2) phi), i = 0..m-1, gives "
    "(2 - 2 cos phi) v_i in an inner row; in the first row because v_{-1} = v_0; in the last because v_m = "
    "cos((m + 1/2) phi) = 0 for phi = (2j-1) pi/(2m+1). All with symbolic m, i, phi. m different values of "
    "phi in (0, pi): all eigenvalues. lambda_max = 4 sin^2(phi/2) at j = m is 4 cos^2(pi/(2m+1)).",
)
def check_eigenvalues() -> None:
    i, j = sp.symbols("i j", integer=True)
    phi = sp.Symbol("phi", real=True)

    def v(index: sp.Expr) -> sp.Expr:
        return sp.cos((index + sp.Rational(1, 2)) * phi)

    inner = 2 * v(i) - v(i - 1) - v(i + 1) - (2 - 2 * sp.cos(phi)) * v(i)
    assert sp.simplify(sp.expand_trig(sp.expand(inner, trig=True))) == 0, "inner row"
    assert v(sp.Integer(-1)) == v(sp.Integer(0)), "first row"
    frequency = (2 * j - 1) * sp.pi / (2 * m + 1)
    angle = sp.simplify(v(m).subs(phi, frequency).args[0] - (sp.pi * j - sp.pi / 2))
    assert angle == 0 == sp.expand_trig(sp.cos(sp.pi * j - sp.pi / 2)), "last row"
    largest = sp.simplify((frequency / 2).subs(j, m) - (sp.pi / 2 - sp.pi / (2 * m + 1)))
    assert largest == 0, "phi/2 of the largest"
    ratio = sp.cos(sp.pi / (2 * m + 1)) ** 2 / sp.sin(sp.pi / (4 * m + 2)) ** 2
    assert sp.limit(ratio / m**2, m, sp.oo) == 16 / sp.pi**2, "growth"
    for size in (1, 2, 5):
        B = differences(1, size)
        assert (B.T * B)[0, 0] == 1, "corner"
        at = [sp.cos(sp.Rational(2 * q - 1, 2 * size + 1) * sp.pi) for q in range(1, size + 1)]
        characteristic = (B.T * B).charpoly(z)
        values = [characteristic.eval(2 - 2 * c) for c in at]
        assert all(sp.minimal_polynomial(value, z) == z for value in values), f"size {size}"
