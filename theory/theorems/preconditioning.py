"""BPX, sum_l w_l P_l D_l^{-1} P_l^T: its condition numbers on mass and stiffness matrices."""

from __future__ import annotations

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from .. import bspline
from ..claims import EXACT, PROVED, claim
from ..gram import bspline_gram, integral
from ..matrices import two_scale
from ..symbols import rational_knots, uniform, x
from .gram_matrices import eigenvalues_below

JACOBI_ANY = {2: 2, 3: 18, 4: 329, 5: 12580, 6: 842273}
"""Order r: the least integer from 1/lambda_min(D^{-1} M) on for one interval."""
JACOBI_FOUR = {2: 2, 3: 7, 4: 28, 5: 147, 6: 963}
"""The same for 4, 5, 6 and 7 intervals."""
GROWTH = ((2, 1, 3), (2, 2, 3), (3, 1, 3), (3, 2, 3), (4, 1, 3))
"""(order, intervals of the coarsest level, levels)."""
H1 = {2: (1, 5), 3: (1, 5), 4: (sp.Rational(1, 4), 8)}
"""Order r: bounds on the eigenvalues of B (K + M) on [0, 1] in the cases of `H1_CASES`."""
H1_CASES = tuple((order, 1, levels) for order in H1 for levels in (2, 3, 4))


def diagonal_scaling(M: sp.Matrix) -> sp.Matrix:
    """D^{-1} M."""
    return sp.diag(*[1 / M[i, i] for i in range(M.rows)]) * M


def bpx(matrices: list[sp.Matrix], prolongations: list[sp.Matrix]) -> sp.Matrix:
    """B = P_0 A_0^{-1} P_0^T + sum_{l >= 1} P_l D_l^{-1} P_l^T, the coarsest level solved."""
    B = matrices[0].inv()
    for A, P in zip(matrices[1:], prolongations, strict=True):
        B = P * B * P.T + sp.diag(*[1 / A[i, i] for i in range(A.rows)])
    return B


def roots_in(A: sp.Matrix, low: sp.Expr | None, high: sp.Expr | None) -> int:
    """The number of real eigenvalues in [low, high], with their multiplicities, exactly (Sturm)."""
    polynomial = sp.Poly(DomainMatrix.from_Matrix(A).to_field().charpoly(), sp.Symbol("z"))
    return sum(factor.count_roots(low, high) * power for factor, power in polynomial.sqf_list()[1])


def stiffness(knots: list[sp.Rational], order: int) -> sp.Matrix:
    """K_ij = integral over [a, b] of b_i' b_j'."""
    m = len(knots) - order
    K = sp.zeros(m, m)
    for s in range(order - 1, m):
        slopes = [sp.diff(piece, x) for piece in bspline.on_span(knots, order, s)]
        for i in range(s - order + 1, s + 1):
            for j in range(i, s + 1):
                K[i, j] += integral(slopes[i] * slopes[j], knots[s], knots[s + 1])
                K[j, i] = K[i, j]
    return K


def levels_of(order: int, coarse: int, count: int) -> tuple[list[list[sp.Rational]], list[sp.Matrix]]:
    """Uniform knots on [0, 1] with `coarse` intervals halved from level to level, and the prolongations."""
    sizes = [coarse * 2**level for level in range(count)]
    return [uniform(0, 1, size, order) for size in sizes], [two_scale(size, order) for size in sizes[:-1]]


@claim(
    "bpx-mass-growth",
    statement="on the B-spline mass matrix M plain BPX over N levels has N <= lambda_max(B M) <= r N "
    "and lambda_min(D^{-1} M) <= lambda_min(B M) <= r: its condition number is at least N/r, "
    "and grows in proportion to the number of levels",
    hypotheses="B = sum_l P_l D_l^{-1} P_l^T, D_l = diag(M_l), M_l = P_l^T M P_l, with P_0 M_0^{-1} "
    "P_0^T for the coarsest level if it is solved; nested knots of any kind on [a, b], the "
    "last level with more functions than the level before; every order r >= 1",
    source="ours; Bramble, Pasciak, Xu 1990 need a matrix of positive order",
    strength=PROVED,
    argument="B M is selfadjoint in (u, v)_M = u^T M v, and every term is positive semidefinite. "
    "Above: on an interval r functions are active, and (x_1 + ... + x_r)^2 <= r (x_1^2 + ... "
    "+ x_r^2) (checked: the difference is the sum of (x_i - x_j)^2 over pairs), so M_l <= r "
    "D_l on every level; the eigenvalues of P_l D_l^{-1} P_l^T M are those of D_l^{-1} M_l, "
    "at most r, and a coarse solve is an M-orthogonal projection. Below: for the constant 1, "
    "whose coefficients are 1 on every level (claim partition-of-unity), level l adds (1, B_l "
    "M 1)_M = sum_i (integral of b_i)^2/(integral of b_i^2) >= sum_i integral of b_i = b - a "
    "= (1, 1)_M because 0 <= b_i <= 1; a coarse solve adds b - a. The least eigenvalue is at "
    "least that of the last term, D^{-1} M, and at most the quotient of any v in the last "
    "space that is M-orthogonal to the level before: coarser terms vanish, and the last is at "
    "most r. The integrals are checked for orders 1 to 5 on random rational knots, "
    "and eigenvalues are counted for (order, intervals, levels) in " + ", ".join(map(str, GROWTH)) + ".",
)
def check_mass_growth() -> None:
    for order in range(1, 6):
        values = sp.symbols(f"x0:{order}", real=True)
        pairs = sum((values[i] - values[j]) ** 2 for i in range(order) for j in range(i))
        assert sp.expand(order * sum(v**2 for v in values) - sum(values) ** 2 - pairs) == 0, "Lagrange"
        t = rational_knots(4 + 2 * order - 1, seed=order)
        M = bspline_gram(t, order)
        first = [sum(M.row(i)) for i in range(M.rows)]  # the integral of b_i, by the partition of unity
        assert sum(first) == t[M.rows] - t[order - 1], f"order {order}: integrals"
        for i in range(M.rows):
            assert first[i] ** 2 / M[i, i] >= first[i] > 0, f"order {order}: function {i}"
    for order, coarse, count in GROWTH:
        knots, P = levels_of(order, coarse, count)
        matrices = [bspline_gram(t, order) for t in knots]
        BM = bpx(matrices, P) * matrices[-1]
        where = f"order {order}, {coarse} intervals, {count} levels"
        assert roots_in(BM, sp.Integer(count), order * sp.Integer(count)) >= 1, where
        assert roots_in(BM, None, order * sp.Integer(count)) == BM.rows, where
        assert roots_in(BM, sp.Integer(0), sp.Integer(order)) >= 1, where


@claim(
    "bpx-mass-linear",
    statement="for linear splines the condition number of B M is 3 N - 1 exactly: the eigenvalues of "
    "plain BPX with N >= 2 levels lie between 1/2 and (3 N - 1)/2, and both are attained",
    hypotheses="uniform knots, every interval halved from level to level, integrals over [a, b], the "
    "coarsest level solved exactly",
    source="ours",
    strength=PROVED,
    argument="M and D are sums over the intervals of (h/6) [[2, 1], [1, 2]] and (h/6) diag(2, 2), "
    "whose pencil has the eigenvalues 1/2 and 3/2 (checked), so 1/2 <= D_l^{-1} M_l <= 3/2; a "
    "coarse solve is a projection; the sum is at most 1 + 3/2 (N - 1). Constants: every "
    "entry of D_l^{-1} M_l 1 is 3/2. Alternating signs u: D^{-1} M u = u/2, and P^T M u = 0 "
    "(inner row h/3 (-1/2 + 1 - 1/2), end row h/6 - h/6), so coarser levels add nothing. Both "
    "vectors are eigenvectors in the cases (intervals, levels) = (1, 2), (1, 4), (3, 3), "
    "which are checked.",
)
def check_mass_linear() -> None:
    block = sp.Matrix([[2, 1], [1, 2]])
    assert diagonal_scaling(block).eigenvals() == {sp.Rational(1, 2): 1, sp.Rational(3, 2): 1}, "pencil"
    for coarse, count in ((1, 2), (1, 4), (3, 3)):
        knots, P = levels_of(2, coarse, count)
        matrices = [bspline_gram(t, 2) for t in knots]
        BM = bpx(matrices, P) * matrices[-1]
        top = sp.Rational(3 * count - 1, 2)
        ones = sp.ones(BM.rows, 1)
        signs = sp.Matrix([(-1) ** i for i in range(BM.rows)])
        assert BM * ones == top * ones, f"{coarse} intervals, {count} levels: constants"
        assert BM * signs == signs / 2, f"{coarse} intervals, {count} levels: alternating signs"
        assert roots_in(BM, sp.Rational(1, 2), top) == BM.rows, f"{coarse} intervals, {count} levels"


@claim(
    "bpx-mass-weighted",
    statement="with the weights q^(N-1-l), 0 <= q < 1, the condition number of BPX on the mass matrix "
    "is bounded for every number of levels: by C r/(1 - q), C = 1/lambda_min(D^{-1} M) on the "
    "finest level, at most 2, 18, 329, 12580, 842273 for degrees 1 to 5, and 2, 7, 28, 147, "
    "963 from 4 intervals on; q = 0, the finest level alone, has the least bound",
    hypotheses="as in claim bpx-mass-growth; for the numbers uniform knots, uniform ghost knots, "
    "integrals over [a, b]",
    source="ours",
    strength=EXACT,
    argument="Degrees 1, 2, 3, 4, 5, each for every number of intervals and levels. Level l has the "
    "largest eigenvalue r q^(N-1-l) at most (claim bpx-mass-growth): the sum is at most r/(1 "
    "- q). The least eigenvalue is at least that of the last term, weight 1. For C cut [a, b] "
    "into blocks of g intervals: M and D are sums over the blocks of M_g and diag(M_g), so "
    "lambda_min(D^{-1} M) is at least the least eigenvalue of diag(M_g)^{-1} M_g; blocks of "
    "one interval always, of 4, 5, 6, 7 for 4 intervals or more. Exact root counts of the "
    "characteristic polynomials; the integers are the least for one interval and for 4.",
)
def check_mass_weighted() -> None:
    q = sp.Symbol("q", positive=True)
    N = sp.Symbol("N", integer=True, positive=True)
    j = sp.Symbol("j", integer=True)
    total = sp.summation(q**j, (j, 0, N - 1)).args  # piecewise: q = 1 gives N, the growth of plain BPX
    assert sp.simplify(total[1][0] - (1 - q**N) / (1 - q)) == 0, "geometric sum"
    for order, bound in JACOBI_ANY.items():
        for g in (1, 4, 5, 6, 7):
            scaled = diagonal_scaling(bspline_gram(uniform(0, g, g, order), order))
            limit = bound if g == 1 else JACOBI_FOUR[order]
            assert eigenvalues_below(scaled, sp.Rational(1, limit)) == 0, f"order {order}, {g} intervals"
            if g <= 4 and order > 2:
                assert eigenvalues_below(scaled, sp.Rational(1, limit - 1)) > 0, f"order {order}: not least"


@claim(
    "bpx-stiffness-linear",
    statement="for linear splines that vanish at a and b the eigenvalues of B K, plain BPX on the "
    "stiffness matrix, lie between 1 and 6 + 4 sqrt(2) < 11.66 for every number of levels",
    hypotheses="uniform knots, every interval halved from level to level, an exact solve or the diagonal "
    "on the coarsest level",
    source="ours (in two and more dimensions Oswald 1992, Dahmen and Kunoth 1992, without constants)",
    strength=PROVED,
    argument="(B^{-1} u, u) is the least sum of |u_l|_D^2 = u_l^T D_l u_l over the splittings u = "
    "sum_l P_l u_l (additive Schwarz; Xu 1992). Below: interpolation splits u into the "
    "coarsest interpolant and details that live on the new nodes of each level; their hats "
    "have disjoint supports, so |v_l|_D^2 = v_l^T K v_l, and the parts are K-orthogonal since "
    "a detail has mean slope 0 on every coarser interval (checked): the sum is u^T K u, and "
    "lambda >= 1. Above: for l < m, u_l^T K u_m = -sum_j J_j u_m(x_j) over the nodes of level "
    "l, J the jumps of the slope of u_l, |J| = |K_l u_l|. Gershgorin gives K_l <= 4/h_l, D_l "
    "= 2/h_l, so |J|^2 <= (8/h_l) |u_l|_D^2 and sum_j u_m(x_j)^2 <= (h_m/2) |u_m|_D^2: u_l^T "
    "K u_m <= 2 sqrt(h_m/h_l) |u_l|_D |u_m|_D = 2 2^{-(m-l)/2} |u_l|_D |u_m|_D, which holds "
    "for l = m too; with an exact coarsest solve |J|^2 <= (4/h_0) u_0^T K u_0 is smaller "
    "still. Rows of that matrix sum to at most 2 (1 + 2 sum_{j>=1} 2^{-j/2}) = 6 + 4 sqrt(2). "
    "Constants checked symbolically; exact root counts for 2 to 5 levels.",
)
def check_stiffness_linear() -> None:
    h, H, left, right, c = sp.symbols("h H l r c", positive=True)
    # The energy of a coarse function of slopes l and r with a hat of height c inside an interval of slope l.
    slopes = ((left, c / h), (left, -c / h))
    assert sp.expand(sum(h * coarse * detail for coarse, detail in slopes)) == 0, "orthogonal details"
    assert sp.expand(sum(h * detail**2 for _, detail in slopes) - (2 / h) * c**2) == 0, "|v|_D^2 = v^T K v"
    # Summation by parts at a node between slopes l and r, c = u_m(x_j).
    assert sp.expand(left * c - right * c + (right - left) * c) == 0, "jumps"
    jumps, values = (4 / H) ** 2 * (H / 2), h / 2
    assert sp.simplify(sp.sqrt(jumps * values) - 2 * sp.sqrt(h / H)) == 0, "strengthened Cauchy-Schwarz"
    assert sp.sqrt(4 / H * values).subs(h, H) < 2, "an exact coarsest solve"
    j = sp.Symbol("j", integer=True, positive=True)
    rows = 2 * (1 + 2 * sp.summation(sp.sqrt(2) ** (-j), (j, 1, sp.oo)))
    top = 6 + 4 * sp.sqrt(2)
    assert sp.simplify(sp.radsimp(rows) - top) == 0, "row sums"
    for count in range(2, 6):
        sizes = [2 ** (level + 1) for level in range(count)]
        matrices = [
            sp.Matrix(n - 1, n - 1, lambda i, j, n=n: n * {0: 2, 1: -1}.get(abs(i - j), 0)) for n in sizes
        ]
        P = [two_scale(n, 2)[1:-1, 1:-1] for n in sizes[:-1]]
        for A, lift, fine in zip(matrices, P, matrices[1:], strict=False):
            assert lift.T * fine * lift == A, "Galerkin"
        BK = bpx(matrices, P) * matrices[-1]
        assert roots_in(BK, sp.Integer(1), sp.Rational(1165, 100)) == BK.rows, f"{count} levels"
    assert sp.Rational(1165, 100) < top


@claim(
    "bpx-h1",
    statement="plain BPX on K + M over [0, 1]: eigenvalues in [1, 5] for degrees 1 and 2, [1/4, 8] for "
    "degree 3, with 2, 3 and 4 levels from one interval on: condition numbers of at most 5, 5 "
    "and 32",
    hypotheses="uniform knots, uniform ghost knots, every interval halved from level to level, integrals "
    "over [0, 1], the coarsest level solved exactly",
    source="ours",
    strength=EXACT,
    argument="Exact root counts of the characteristic polynomial of B (K + M) for (order, intervals of the "
    "coarsest level, levels) in " + ", ".join(map(str, H1_CASES)) + ".",
)
def check_h1() -> None:
    for order, coarse, count in H1_CASES:
        knots, P = levels_of(order, coarse, count)
        finest = bspline_gram(knots[-1], order) + stiffness(knots[-1], order)
        matrices = [finest]
        for lift in reversed(P):
            matrices.append(lift.T * matrices[-1] * lift)
        low, high = H1[order]
        BA = bpx(matrices[::-1], P) * finest
        where = f"order {order}, {coarse} intervals, {count} levels"
        assert roots_in(BA, sp.Rational(low), sp.Rational(high)) == BA.rows, where
