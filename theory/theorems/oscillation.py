"""Sign changes of the eigenvectors of A^T A: the pattern that the paper observes is a theorem.

A is a product of positive diagonal matrices and factors I - S, for any strictly increasing knots. So its
inverse is totally nonnegative, (A^T A)^{-1} is oscillatory, and the theorem of Gantmacher and Krein counts
the sign changes. Indices count from 0, and eigenvalues ascend.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import sympy as sp

from ..claims import EXACT, PROVED, claim
from ..matrices import change_of_basis
from ..symbols import all_vanish, equal, rational_knots, symbolic_knots, uniform, vanishes

m = sp.Symbol("m", integer=True, positive=True)
z = sp.Symbol("z")

FACTOR_CASES = ((1, 3), (2, 3), (3, 3), (4, 2))
"""(order, intervals) at which the factors are multiplied out with symbolic knots."""
SIZES = (1, 2, 3, 4, 5, 6)
"""Sizes m at which the bidiagonal factors of I - S are multiplied out."""
MINOR_CASES = tuple((order, intervals) for order in (1, 2, 3, 4) for intervals in (1, 6 - order))
"""(order, intervals) at which all minors are computed, on uniform and on random rational knots."""
SIGN_CASES = ((1, 6), (2, 5), (3, 4), (4, 3), (5, 2))
"""(order, intervals) at which the signs of all eigenvectors are computed exactly, on both kinds of knots."""


def shift(size: int) -> sp.Matrix:
    """S, with the entries 1 above the diagonal."""
    return sp.Matrix(size, size, lambda i, j: int(j == i + 1))


def knots_of(order: int, intervals: int) -> Iterator[list[sp.Rational]]:
    """Uniform and random rational knots."""
    yield uniform(0, 1, intervals, order)
    yield rational_knots(intervals + 2 * order - 1, seed=100 * order + intervals)


@claim(
    "factorisation",
    statement="A^[r] = (I - S) W_r^{-1} (I - S) W_{r-1}^{-1} ... (I - S) W_2^{-1} (I - S), with W_q = "
    "diag(t_{i+q-1} - t_i) > 0",
    hypotheses="strictly increasing knots; every order r >= 1",
    source="ours; Lemma 2 of arXiv:2603.04827 as a product",
    strength=PROVED,
    argument="Row i of (I - S) W_r^{-1} A^[r-1] is A^[r-1]_ij/(t_{i+r-1} - t_i) - A^[r-1]_{i+1,j}/(t_{i+r} "
    "- t_{i+1}), row past the end zero: the recursion of Lemma 2, which A obeys for every order (claim "
    "lemma-2-closed-form). Induction on r from A^[1] = I - S. Compared with the closed form with symbolic "
    "knots for (order, intervals) in " + ", ".join(map(str, FACTOR_CASES)) + ".",
)
def check_factorisation() -> None:
    above, below, first, second = sp.symbols("a b w_i w_i1")  # A_ij, A_{i+1,j} of order r - 1; both widths
    row = sp.Matrix([[1, -1]]) * sp.diag(1 / first, 1 / second) * sp.Matrix([above, below])
    assert vanishes(row[0] - (above / first - below / second)), "a row of the product"
    for order, intervals in FACTOR_CASES:
        t = symbolic_knots(intervals + 2 * order - 1)
        size = len(t) - order
        difference = sp.eye(size) - shift(size)
        product = difference
        for q in range(2, order + 1):
            widths = sp.diag(*[t[i + q - 1] - t[i] for i in range(size)])
            product = difference * widths.inv() * product
        assert all_vanish(product - change_of_basis(t, order)), f"order {order}, {intervals} intervals"


@claim(
    "total-nonnegativity",
    statement="all minors of A^{-1} are nonnegative, and all its entries on and above the diagonal are "
    "positive",
    hypotheses="strictly increasing knots; every order r >= 1, every size m",
    source="ours",
    strength=PROVED,
    argument="I - S = (I - E_{m-2}) ... (I - E_1)(I - E_0), E_i the matrix with the entry 1 at (i, i+1) and "
    "0 elsewhere: every product E_i E_j with i >= j is zero, because only row j of E_j is not zero, and j "
    "!= i + 1. Hence (I - S)^{-1} = (I + E_0)(I + E_1) ... (I + E_{m-2}). A minor of I + E_i is 0 or 1: row "
    "l can choose only column l, row i also column i + 1, so at most one term of the determinant's "
    "expansion is not zero, and its permutation keeps the order. Minors of products are sums of products of "
    "minors (Cauchy-Binet, cited), and diagonal matrices W_q > 0 have minors >= 0, so by claim "
    "factorisation all minors of A^{-1} = (I - S)^{-1} W_2 (I - S)^{-1} ... W_r (I - S)^{-1} are >= 0. (I - "
    "S)^{-1} has the entries 1 on and above the diagonal, and so products keep positive entries there. The "
    "products of factors for m in "
    + ", ".join(map(str, SIZES))
    + ", the steps with E_i in matrix symbols; every minor of every size in "
    "the cases of claim oscillation-minors.",
)
def check_total_nonnegativity() -> None:
    E, rest = (sp.MatrixSymbol(name, m, m) for name in "ER")
    eye = sp.Identity(m)
    # (I - E_i)(I - rest) = I - rest - E_i if E_i rest = 0; (I + E)(I - E) = I if E^2 = 0
    assert equal((eye - E) * (eye - rest), eye - E - rest + E * rest), "one more factor"
    assert equal((eye + E) * (eye - E), eye - E * E), "its inverse"
    for size in SIZES:
        units = [sp.Matrix(size, size, lambda a, b, i=i: int((a, b) == (i, i + 1))) for i in range(size - 1)]
        product, inverse = sp.eye(size), sp.eye(size)
        for i, unit in enumerate(units):
            assert all((unit * units[j]).is_zero_matrix for j in range(i + 1)), f"E_{i} E_j"
            product, inverse = (sp.eye(size) - unit) * product, inverse * (sp.eye(size) + unit)
            assert set(minors(sp.eye(size) + unit)) <= {0, 1}, f"minors of I + E_{i}"
        assert product == sp.eye(size) - shift(size), f"size {size}: factors"
        assert inverse * product == sp.eye(size), f"size {size}: inverse"
        assert inverse == sp.Matrix(size, size, lambda a, b: int(int(b) >= int(a))), f"size {size}: ones"


def minors(matrix: sp.Matrix) -> Iterator[sp.Expr]:
    """Every minor of a square matrix."""
    indices = range(matrix.rows)
    for size in range(1, matrix.rows + 1):
        for rows in combinations(indices, size):
            for columns in combinations(indices, size):
                yield matrix.extract(list(rows), list(columns)).det()


@claim(
    "oscillation",
    statement="A^T A has m different eigenvalues lambda_0 < ... < lambda_{m-1}, and the eigenvector of "
    "lambda_j has exactly j sign changes, however its zeros are signed; the same holds for A A^T",
    hypotheses="strictly increasing knots, uniform or not; every order r >= 1, every size m",
    source="ours; arXiv:2603.04827 observes it in a figure (uniform knots)",
    strength=PROVED,
    argument="K = (A^T A)^{-1} = A^{-1} A^{-T} has nonnegative minors (claim total-nonnegativity, "
    "Cauchy-Binet), is nonsingular, and all its entries K_ij = sum_l (A^{-1})_il (A^{-1})_jl are positive, "
    "because the term l = m-1 is. A nonsingular totally nonnegative matrix with positive entries beside "
    "the diagonal is oscillatory (Gantmacher and Krein's criterion, cited); the eigenvalues of an "
    "oscillatory matrix are positive and different, and the eigenvector of the (j+1)-th largest has "
    "exactly j sign changes (Gantmacher and Krein, cited). The largest of K is 1/lambda_0. For A A^T, K = "
    "A^{-T} A^{-1}, whose term l = 0 is positive. The algebra is checked in matrix symbols; what is cited "
    "is confirmed by claim oscillation-signs.",
)
def check_oscillation() -> None:
    A = sp.MatrixSymbol("A", m, m)
    assert equal((A.T * A) * (A.inv() * A.T.inv()), sp.Identity(m)), "inverse of A^T A"
    assert equal((A * A.T) * (A.T.inv() * A.inv()), sp.Identity(m)), "inverse of A A^T"
    for order in (1, 2, 3):
        t = symbolic_knots(2 * order + 1)
        inverse = change_of_basis(t, order).inv()
        gaps = sp.symbols(f"g1:{len(t)}", positive=True)  # t_{i+1} - t_i > 0
        knots = {t[q]: sum(gaps[:q], sp.Integer(0)) for q in range(len(t))}
        for q in range(inverse.rows):
            for p in range(q, inverse.rows):
                value = sp.factor(inverse[q, p].subs(knots))
                assert value.is_positive, f"order {order}: entry ({q}, {p}) is {value}"


@claim(
    "oscillation-minors",
    statement="every minor of A^{-1} and of (A^T A)^{-1} is nonnegative, and the entries of (A^T A)^{-1} "
    "are positive",
    hypotheses="uniform knots on [0, 1] and random rational knots",
    source="ours",
    strength=EXACT,
    argument="All minors of all sizes, (order, intervals) in " + ", ".join(map(str, MINOR_CASES)) + ".",
)
def check_minors() -> None:
    for order, intervals in MINOR_CASES:
        for t in knots_of(order, intervals):
            inverse = change_of_basis(t, order).inv()
            K = inverse * inverse.T
            assert all(value >= 0 for value in minors(inverse)), f"order {order}: minor of A^-1"
            assert all(value >= 0 for value in minors(K)), f"order {order}: minor of (A^T A)^-1"
            assert all(entry > 0 for entry in K), f"order {order}: entry of (A^T A)^-1"


@claim(
    "oscillation-signs",
    statement="the eigenvectors of A^T A, in ascending order of their eigenvalues, have 0, 1, ..., m-1 "
    "sign changes",
    hypotheses="uniform knots on [0, 1] and random rational knots",
    source="ours; arXiv:2603.04827, figure of sign changes",
    strength=EXACT,
    argument="(order, intervals) in "
    + ", ".join(map(str, SIGN_CASES))
    + ". The eigenvalues are isolated by Sturm sequences; the eigenvector is the first column of the "
    "adjugate of A^T A - lambda I, polynomials in lambda with rational coefficients, and the sign of each "
    "at the eigenvalue is exact: the isolating interval shrinks until the polynomial has no root in it (or "
    "divides by the eigenvalue's own factor, and is zero).",
)
def check_signs() -> None:
    for order, intervals in SIGN_CASES:
        for t in knots_of(order, intervals):
            A = change_of_basis(t, order)
            counts = [sign_changes(vector) for vector in eigenvector_signs(A.T * A)]
            assert counts == [(j, j) for j in range(A.rows)], f"order {order}: {counts}"


def eigenvector_signs(matrix: sp.Matrix) -> Iterator[list[int]]:
    """Exact signs of the components of each eigenvector of a rational matrix with simple eigenvalues."""
    size = matrix.rows
    characteristic = sp.Poly(matrix.charpoly(z).as_expr(), z, domain="QQ")
    shifted = matrix - z * sp.eye(size)
    # row 0 of the cofactors: the first column of the adjugate
    components = [
        sp.Poly((-1) ** j * shifted.minor_submatrix(0, j).det(method="berkowitz"), z, domain="QQ")
        for j in range(size)
    ]
    for (low, high), _ in characteristic.intervals():
        yield [sign_at(component, characteristic, low, high) for component in components]


def sign_at(component: sp.Poly, characteristic: sp.Poly, low: sp.Rational, high: sp.Rational) -> int:
    """The sign of a polynomial at the only root of `characteristic` in [low, high]."""
    common = sp.gcd(component, characteristic)
    if common.degree() > 0 and common.count_roots(low, high) > 0:
        return 0
    while component.count_roots(low, high) > 0:
        low, high = characteristic.refine_root(low, high, steps=4)
    return int(sp.sign(component.eval(low)))


def sign_changes(signs: list[int]) -> tuple[int, int]:
    """The least and the largest number of sign changes, over the signs of the zeros."""
    counts = []
    for worst in (False, True):
        kept = [s for s in signs if s] if not worst else list(signs)
        for i in range(1, len(kept)):
            kept[i] = kept[i] or -kept[i - 1]
        counts.append(sum(a * b < 0 for a, b in pairwise(kept)))
    return counts[0], counts[1]
