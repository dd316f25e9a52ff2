"""Section 3: the change of basis for gradients, Hessians and steps; Table 1; which steps agree.

All identities are checked with matrix symbols: A is any invertible matrix of symbolic size. For a network A
is block diagonal with a block for each edge.
"""

from __future__ import annotations

import sympy as sp

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import change_of_basis
from ..symbols import equal, rational_knots, symbolic_knots, uniform, vanishes, x

m, n = sp.symbols("m n", integer=True, positive=True)  # coefficients, residuals
A, H, D, K = (sp.MatrixSymbol(name, m, m) for name in "AHDK")
J, W = sp.MatrixSymbol("J_w", n, m), sp.MatrixSymbol("W", n, n)
g_u, g_w, v = (sp.MatrixSymbol(name, m, 1) for name in ("g_u", "g_w", "v"))
damping, eta, rho = sp.symbols("lambda eta rho", positive=True)

SMALL = sp.Matrix([[1, -2], [0, 1]])
"""A for r = 2, knots -1, 0, 1, 2, [a, b] = [0, 1]: the case of the counterexamples."""


@claim(
    "gradient-law",
    statement="with w = A^T u: J_u = J_w A^T, grad_u L = A grad_w L, H_u = A H_w A^T, and the Gauss-Newton "
    "matrices J_u^T W J_u = A (J_w^T W J_w) A^T",
    hypotheses="L and the residuals twice differentiable; A any matrix, block diagonal for a network",
    source="arXiv:2603.04827, section on the geometry of training (H_u = A H_w A^T ours)",
    strength=PROVED,
    argument="Chain rule. w is linear in u: dw = A^T du, and the second derivative of w is 0. So dr = "
    "J_w dw = (J_w A^T) du; dL = g_w^T dw = (A g_w)^T du for all du; d^2 L = (A^T v)^T H_w (A^T z) = "
    "v^T (A H_w A^T) z for all v, z. Checked with matrix symbols of symbolic size, and by differentiating "
    "a cubic loss of a spline (r = 2, symbolic knots, 3 coefficients) in u and in w.",
)
def check_gradient_law() -> None:
    z = sp.MatrixSymbol("z", m, 1)
    assert equal(J * (A.T * v), (J * A.T) * v), "Jacobian"
    assert equal(g_w.T * (A.T * v), (A * g_w).T * v), "gradient"
    assert equal((A.T * v).T * H * (A.T * z), v.T * (A * H * A.T) * z), "Hessian"
    J_u = J * A.T
    assert equal(J_u.T * W * J_u, A * (J.T * W * J) * A.T), "Gauss-Newton matrix"
    t = symbolic_knots(5)  # r = 2, two intervals
    A_t = change_of_basis(t, 2)
    u, w = sp.Matrix(sp.symbols("u0:3")), sp.Matrix(sp.symbols("w0:3"))
    first, second = sp.symbols("c d")  # a loss that is not quadratic: cubic in one value, mixed with another
    loss_w = first * (w[0] + 3 * w[1]) ** 3 + second * w[1] * w[2] ** 2
    at_u = dict(zip(w, A_t.T * u, strict=True))
    loss_u = loss_w.subs(at_u, simultaneous=True)
    gradient = sp.Matrix([loss_w]).jacobian(w).T.subs(at_u, simultaneous=True)
    assert all(map(vanishes, sp.Matrix([loss_u]).jacobian(u).T - A_t * gradient)), "gradient of a cubic"
    hessian = sp.hessian(loss_w, list(w)).subs(at_u, simultaneous=True)
    assert all(map(vanishes, sp.hessian(loss_u, list(u)) - A_t * hessian * A_t.T)), "Hessian of a cubic"


def with_numbers(form: sp.MatrixExpr, A_t: sp.Matrix, D_t: sp.Matrix) -> sp.Matrix:
    """The expression with these matrices in place of the symbols A and D."""
    size = A_t.rows
    values = {sp.MatrixSymbol("A", size, size): A_t, sp.MatrixSymbol("D", size, size): D_t}
    return sp.Matrix(form.subs(m, size).subs(values).doit())


TABLE_1 = {  # (geometry, gradient): the step is -eta X_w g_w in w and -eta X_u g_u in u
    ("w", "w"): (D, A.T.inv() * D * A.inv()),
    ("w", "u"): (D * A, A.T.inv() * D),
    ("u", "u"): (A.T * D * A, D),
    ("u", "w"): (A.T * D, D * A.inv()),
}


@claim(
    "table-1",
    statement="all eight updates of Table 1: geometry w, gradient w: D g_w | A^{-T} D A^{-1} g_u; geometry "
    "w, gradient u: D A g_w | A^{-T} D g_u; geometry u, gradient u: A^T D A g_w | D g_u; geometry u, "
    "gradient w: A^T D g_w | D A^{-1} g_u; for D = I the first is gradient descent preconditioned by (A "
    "A^T)^{-1}",
    hypotheses="A invertible; D any matrix, it may depend on the iterate and on past gradients",
    source="arXiv:2603.04827, Table 1",
    strength=PROVED,
    argument="Each row is its definition, d = -eta D g with d the step in the coordinates of the geometry "
    "and g the gradient named, carried over by dw = A^T du and g_u = A g_w. All eight are identities in "
    "matrix symbols of symbolic size. Also a single exact case (r = 3, random rational knots): both forms of "
    "each row give the same spline on every interval.",
)
def check_table_1() -> None:
    to_w, to_u = {"w": sp.Identity(m), "u": A.T}, {"w": A.T.inv(), "u": sp.Identity(m)}
    from_w, from_u = {"w": sp.Identity(m), "u": A}, {"w": A.inv(), "u": sp.Identity(m)}
    for (geometry, gradient), (X_w, X_u) in TABLE_1.items():
        assert equal(to_w[geometry] * D * from_w[gradient], X_w), f"{geometry}, {gradient}: form in w"
        assert equal(to_u[geometry] * D * from_u[gradient], X_u), f"{geometry}, {gradient}: form in u"
        assert equal(X_w * g_w, A.T * X_u * (A * g_w)), f"{geometry}, {gradient}: the forms disagree"
    assert equal(A.T.inv() * A.inv() * (A * A.T), sp.Identity(m)), "A^{-T} A^{-1} is not (A A^T)^{-1}"
    order, t = 3, rational_knots(8, seed=7)
    A_t = change_of_basis(t, order)
    size = A_t.rows
    D_t = sp.diag(*range(1, size + 1))
    gradient_w = sp.Matrix([sp.Rational(2 * j - 3, j + 1) for j in range(size)])
    for row, forms in TABLE_1.items():
        X_w, X_u = (with_numbers(form, A_t, D_t) for form in forms)
        step_w, step_u = X_w * gradient_w, X_u * A_t * gradient_w
        for s in range(order - 1, size):
            psi, b = power_relu.on_span(t, order, s), bspline.on_span(t, order, s)
            assert sp.expand(step_w.dot(psi) - step_u.dot(b)) == 0, f"row {row}: the splines differ"


@claim(
    "lemma-5",
    statement="in the inner product <x, y>_M = x^T M y the gradient of L is M^{-1} grad L; gradient "
    "descent in w is descent in u with M = A A^T, the inner product of the ReLU coefficients",
    hypotheses="M symmetric, positive definite",
    source="arXiv:2603.04827, Lemma 5",
    strength=PROVED,
    argument="The gradient p in <., .>_M is defined by <p, v>_M = dL(v) = g^T v for all v. (M^{-1} g)^T M "
    "v = g^T v by symmetry, with matrix symbols of symbolic size; it is unique, because <p - p', "
    "v>_M = 0 for v = p - p' gives p = p'. With w = A^T u, w^T w = u^T (A A^T) u, and (A A^T)^{-1} g_u is "
    "the first row of Table 1 for D = I.",
)
def check_lemma_5() -> None:
    M = sp.MatrixSymbol("M", m, m)
    product = (M.inv() * g_u).T * M * v
    symmetric = product.doit().subs(M.T, M).doit()
    assert equal(symmetric, g_u.T * v), f"<M^-1 g, v>_M = {symmetric}"
    assert equal((A.T * v).T * (A.T * v), v.T * (A * A.T) * v), "inner product of the ReLU coefficients"
    assert equal((A * A.T).inv() * g_u, TABLE_1["w", "w"][1].subs(D, sp.Identity(m)) * g_u), "row of Table 1"


@claim(
    "gauss-newton-invariance",
    statement="Newton and Gauss-Newton steps are the same step in both bases: H_u d_u = -g_u if and only "
    "if H_w d_w = -g_w for d_w = A^T d_u; the step lengths of a line search agree as well",
    hypotheses="A invertible; H the Hessian or J^T W J, singular or not (then solution sets correspond)",
    source="ours",
    strength=PROVED,
    argument="H_u d_u + g_u = A (H_w d_w + g_w) with d_w = A^T d_u, H_u = A H_w A^T, g_u = A g_w, in "
    "matrix symbols of symbolic size; A is invertible, so both sides vanish together. The step "
    "lengths agree because u + s d_u and w + s d_w are the same function for every s, and slopes g^T d "
    "agree.",
)
def check_gauss_newton() -> None:
    d_u = sp.MatrixSymbol("d_u", m, 1)
    d_w, H_u, gradient_u = A.T * d_u, A * H * A.T, A * g_w
    assert equal(H_u * d_u + gradient_u, A * (H * d_w + g_w)), "the equations for the step"
    assert equal(A.T * (-H_u.inv() * gradient_u), -H.inv() * g_w), "the step, H invertible"
    assert equal(gradient_u.T * d_u, g_w.T * d_w), "slope along the step"


@claim(
    "levenberg-marquardt-invariance",
    statement="Levenberg-Marquardt is invariant if its damping matrix is transformed like the Hessian: "
    "(H_w + lambda D) d_w = -g_w and (H_u + lambda A D A^T) d_u = -g_u give d_w = A^T d_u",
    hypotheses="A invertible, H_w + lambda D invertible",
    source="ours",
    strength=PROVED,
    argument="A (H_w + lambda D) A^T = H_u + lambda A D A^T, so this is the previous claim with H_w + "
    "lambda D for H_w; matrix symbols of symbolic size. Damping by a Gram matrix of functions (M_b = A "
    "M_psi A^T, claim gram-congruence) is of this kind.",
)
def check_levenberg_marquardt() -> None:
    damped_u = A * H * A.T + damping * A * D * A.T
    assert equal(A * (H + damping * D) * A.T, damped_u), "the damped matrix"
    assert equal(A.inv() * damped_u * A.T.inv(), H + damping * D), "and back"


@claim(
    "bfgs-covariance",
    statement="BFGS is invariant if its first inverse Hessian K is transformed: K_w = A^T K_u A stays so "
    "in every update, and the steps -K g agree; from K = I in both bases they differ already in the first "
    "step",
    hypotheses="A invertible; the same step lengths",
    source="ours",
    strength=PROVED,
    argument="Induction on the steps. s_w = A^T s_u, y_u = A y_w, so s^T y agrees, and (I - rho s_w y_w^T) "
    "K_w (I - rho y_w s_w^T) + rho s_w s_w^T = A^T (the same in u) A; matrix symbols of symbolic size, rho "
    "a symbol. The first step from K = I is gradient descent (claim gradient-descent-differs). L-BFGS "
    "applies a number of these updates to its first matrix.",
)
def check_bfgs() -> None:
    s_u, y_w = sp.MatrixSymbol("s_u", m, 1), sp.MatrixSymbol("y_w", m, 1)
    s_w, y_u, eye = A.T * s_u, A * y_w, sp.Identity(m)
    assert equal(s_w.T * y_w, s_u.T * y_u), "s^T y"

    def update(matrix: sp.MatrixExpr, s: sp.MatrixExpr, y: sp.MatrixExpr) -> sp.MatrixExpr:
        return (eye - rho * s * y.T) * matrix * (eye - rho * y * s.T) + rho * s * s.T

    assert equal(update(A.T * K * A, s_w, y_w), A.T * update(K, s_u, y_u) * A), "the update"
    assert equal(-(A.T * K * A) * g_w, A.T * (-K * (A * g_w))), "the step"


def check_off_diagonal_sign() -> None:
    """A_00 > 0 > A_01 for every order: so (A^T A)_01 = A_00 A_01 != 0, and A^T A is not a multiple of I."""
    first, last = sp.symbols("t_0 t_r", real=True)
    gap, r = sp.Symbol("gap", positive=True), sp.Symbol("r", integer=True, positive=True)
    inner = sp.Symbol("Q", positive=True)  # the product of t_l - t_1 over l = 2..r
    others = gap * (-1) ** (r - 1) * inner  # (t_1 - t_0) times the r - 1 negative t_1 - t_l
    entry = (-1) ** r * (last - first) / others
    assert sp.simplify(entry + (last - first) / (gap * inner)) == 0, "sign of A_01"
    for order in (1, 2, 3, 4):
        t = symbolic_knots(2 * order + 1)
        below = [t[l] - t[1] for l in range(2, order + 1)]
        expected = -(t[order] - t[0]) / ((t[1] - t[0]) * sp.prod(below))
        A_t = change_of_basis(t, order)
        assert vanishes(A_t[0, 1] - expected), f"order {order}: A_01"
        assert vanishes((A_t.T * A_t)[0, 1] - A_t[0, 0] * A_t[0, 1]), f"order {order}: (A^T A)_01"


@claim(
    "gradient-descent-differs",
    statement="gradient descent is not invariant: for all learning rates, some gradient gives different "
    "functions after a step in u and in w",
    hypotheses="strictly increasing knots, every order r >= 1, m >= 2 coefficients, learning rates > 0",
    source="ours; arXiv:2603.04827 argues it from the preconditioner (A A^T)^{-1}",
    strength=PROVED,
    argument="In w the steps are -eta_u A^T A g_w and -eta_w g_w. They agree for all g_w only if A^T A = "
    "(eta_w/eta_u) I; but (A^T A)_01 = A_00 A_01 as A is upper triangular, A_00 > 0 (claim "
    "lemma-1-bspline) and A_01 < 0 by the closed form, its sign checked with symbolic r. Every g_w occurs "
    "(a linear loss). In numbers: r = 2, knots -1, 0, 1, 2, g_w = (1, 0): the step is -eta (1 + x) in w, "
    "-eta (1 - x) in u.",
)
def check_gradient_descent() -> None:
    assert equal(A.T * (-eta * (A * g_w)), -eta * (A.T * A) * g_w), "the u step seen from w"
    check_off_diagonal_sign()
    t = uniform(0, 1, 1, 2)
    assert change_of_basis(t, 2) == SMALL, "A"
    psi, b = power_relu.on_span(t, 2, 1), bspline.on_span(t, 2, 1)
    slope_w = sp.Matrix([1, 0])
    step_w, step_u = slope_w.dot(psi), (SMALL * slope_w).dot(b)
    assert sp.expand(step_w - (1 + x)) == 0 == sp.expand(step_u - (1 - x)), f"{step_w}, {step_u}"


@claim(
    "levenberg-differs",
    statement="plain Levenberg damping is not invariant: for no lambda_u, lambda_w > 0 do (H_u + lambda_u "
    "I) d_u = -g_u and (H_w + lambda_w I) d_w = -g_w give the same step for all gradients; nor is damping "
    "with the diagonal of H (Marquardt), by a counterexample",
    hypotheses="H_w positive semidefinite; strictly increasing knots, every order r >= 1, m >= 2",
    source="ours",
    strength=PROVED,
    argument="Seen from w the u step solves (H_w + lambda_u A^{-1} A^{-T}) d_w = -g_w (matrix symbols). It "
    "agrees with the step in w for all g_w only if lambda_u A^{-1} A^{-T} = lambda_w I, that is A^T A = "
    "(lambda_u/lambda_w) I, which (A^T A)_01 < 0 excludes as in claim gradient-descent-differs. In "
    "numbers: r = 2, knots -1, 0, 1, 2, H_w = I, g_w = (1, 0), lambda = 1: d_w = -(1/2, 0), but A^T d_u = "
    "-(1/4, -1/4); with the diagonals -(1/2, 0) and -(1/8, -1/8).",
)
def check_levenberg() -> None:
    seen_from_w = A.inv() * (A * H * A.T + damping * sp.Identity(m)) * A.T.inv()
    assert equal(seen_from_w, H + damping * A.inv() * A.T.inv()), "the damped matrix seen from w"
    check_off_diagonal_sign()
    slope_w, eye = sp.Matrix([1, 0]), sp.eye(2)
    H_u = SMALL * SMALL.T
    eighth, quarter = sp.Rational(1, 8), sp.Rational(1, 4)
    for damping_w, damping_u, expected in (
        (eye, eye, -quarter * sp.Matrix([1, -1])),
        (eye, sp.diag(*H_u.diagonal()), -eighth * sp.Matrix([1, -1])),
    ):
        d_w = -(eye + damping_w).inv() * slope_w
        d_u = -(H_u + damping_u).inv() * (SMALL * slope_w)
        assert d_w == sp.Matrix([-sp.Rational(1, 2), 0]), f"d_w = {list(d_w)}"
        assert SMALL.T * d_u == expected != d_w, f"A^T d_u = {list(SMALL.T * d_u)}"


@claim(
    "adam-differs",
    statement="Adam is not invariant: its first step -eta sign(g) is -eta (1, 1) in w, and in u it is -eta "
    "(-1, 3) seen from w",
    hypotheses="epsilon = 0, the bias corrected; r = 2, knots -1, 0, 1, 2, g_w = (1, 1), g_u = (-1, 1)",
    source="ours",
    strength=EXACT,
    argument="A single case; the steps are not multiples of each other, so no learning rates reconcile them.",
)
def check_adam() -> None:
    first, second = sp.symbols("beta_1 beta_2", positive=True)
    g = sp.Symbol("g", real=True, nonzero=True)
    mean, square = (1 - first) * g / (1 - first), (1 - second) * g**2 / (1 - second)
    assert sp.simplify(mean / sp.sqrt(square) - sp.sign(g)) == 0, "the first step is the sign"
    slope_w = sp.Matrix([1, 1])
    seen_from_w = SMALL.T * (SMALL * slope_w).applyfunc(sp.sign)
    assert seen_from_w == sp.Matrix([-1, 3]), f"{list(seen_from_w)}"
    assert sp.Matrix.hstack(slope_w.applyfunc(sp.sign), seen_from_w).det() != 0, "parallel"


@claim(
    "descent-sign",
    statement="the descent steps carry a minus: w <- w - eta D g; with the plus that is printed the loss "
    "rises",
    hypotheses="counterexample: L = w^2/2, w = 1, eta = 1/2, D = 1",
    source="arXiv:2603.04827, Eqs. 19 and 20",
    strength=REFUTED,
    argument="To first order in eta the loss changes by the slope times eta, which is -g^T D g < 0 for the "
    "minus, +g^T D g for the plus, D positive definite (the slope in matrix symbols). Counterexample exact.",
    misprint=Misprint(
        printed="w <- w + eta D g_w and u <- u + eta D g_u",
        counterexample="L = w^2/2, w = 1, eta = 1/2: g = 1, w + eta g = 3/2, L rises from 1/2 to 9/8.",
        corrected="w <- w - eta D g_w, u <- u - eta D g_u; here w = 1/2, L falls to 1/8.",
    ),
)
def check_descent_sign() -> None:
    assert equal(g_w.T * (-eta * D * g_w), -eta * g_w.T * D * g_w), "slope of the minus"
    w = sp.Symbol("w")
    loss, at, rate = w**2 / 2, sp.Integer(1), sp.Rational(1, 2)
    slope = loss.diff(w).subs(w, at)
    plus, start, minus = (loss.subs(w, value) for value in (at + rate * slope, at, at - rate * slope))
    assert (plus, start, minus) == (sp.Rational(9, 8), sp.Rational(1, 2), sp.Rational(1, 8)), "losses"


@claim(
    "preconditioner-labels",
    statement="under Eqs. 17a and 17b the names D_u and D_w are exchanged: the step in w takes D_w, made "
    "for g_w, and the step in u takes D_u, made for g_u",
    hypotheses="counterexample: r = 2, knots -1, 0, 1, 2, L = |w|^2/2, D_w = H_w^{-1}, D_u = H_u^{-1}, eta "
    "= 1",
    source="arXiv:2603.04827, text under Eqs. 17a and 17b",
    strength=REFUTED,
    argument="The two transform oppositely: D_w = A^T D_u A makes the steps in w and in u agree (claims "
    "table-1 and gauss-newton-invariance), so exchanged they fail wherever A D_w A^T != A^{-T} D_w A^{-1}. "
    "Newton's method in a single case: it reaches the minimum in one step, but not with the names exchanged.",
    misprint=Misprint(
        printed="D_u is the preconditioner of the iteration on w, and D_w that of the iteration on u",
        counterexample="A = [[1, -2], [0, 1]], H_w = I, H_u = A A^T = [[5, -2], [-2, 1]], D_u = H_u^{-1} = "
        "[[1, 2], [2, 5]]. From w = g_w = (1, 0): w - D_u g_w = (0, -2), and the loss rises from 1/2 to 2.",
        corrected="w <- w - eta D_w g_w and u <- u - eta D_u g_u; here w - D_w g_w = (0, 0), the minimum.",
    ),
)
def check_labels() -> None:
    H_w = sp.eye(2)
    H_u = SMALL * H_w * SMALL.T
    assert H_u == sp.Matrix([[5, -2], [-2, 1]]), f"H_u = {H_u}"
    D_w, D_u = H_w.inv(), H_u.inv()
    assert sp.Matrix([[1, 2], [2, 5]]) == D_u, f"D_u = {D_u}"
    w = sp.Matrix([1, 0])  # also the gradient of |w|^2/2
    assert w - D_u * w == sp.Matrix([0, -2]), "exchanged"
    assert w - D_w * w == sp.zeros(2, 1), "w step"
    u = SMALL.T.inv() * w
    assert u - D_u * (SMALL * w) == sp.zeros(2, 1), "u step"
    assert equal(A.T * (-(A * H * A.T).inv() * A) * g_w, -H.inv() * g_w), "D_w = A^T D_u A"
