"""Whether a found formula is the true one: its family, and its constants as they stand.

Numbers of a found expression are its constants, fractions and pi included, since one package writes 0.5 where
another writes 1/2. Exponents that are integers or fractions belong to the family.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from formula_cases import Case, evaluated
from scipy.optimize import least_squares

TOLERANCE = 1e-6
"""Largest error of a success, in deviations of y."""
POINTS = 600
"""Points without noise for the constants."""
SPREADS = (0.0, 1e-3, 1e-2, 0.1, 0.1, 0.3)
"""Relative deviations of the constants from which they are fitted anew until a fit succeeds."""
EVALUATIONS = 200
MODULES = [{"DiracDelta": np.zeros_like}, "scipy", "numpy"]


@dataclass(frozen=True)
class Verdict:
    """The comparison of a found formula with the true one.

    Attributes
    ----------
    family
        The largest error is at most `TOLERANCE` after the constants have been fitted to data without noise.
    constants
        So it is as the formula stands.
    error, refitted
        These errors, over the deviation of y; infinite if a value is not real or not finite.
    unexplained
        1 - R^2 as the formula stands.
    numbers, operations
        Constants of the formula, and its size (`sympy.count_ops`).
    """

    family: bool
    constants: bool
    error: float
    refitted: float
    unexplained: float
    numbers: int
    operations: int


FAILED = Verdict(False, False, float("inf"), float("inf"), float("inf"), 0, 0)


def freed(expression: sympy.Expr) -> tuple[sympy.Expr, list[sympy.Symbol], list[float]]:
    """The expression with a symbol for every constant, these symbols, and the values of the constants."""
    symbols: list[sympy.Symbol] = []
    values: list[float] = []

    def visit(node: sympy.Expr) -> sympy.Expr:
        if node.is_Number or node.is_NumberSymbol:
            symbols.append(sympy.Symbol(f"c{len(values)}", real=True))
            values.append(float(node))
            return symbols[-1]
        if node.is_Pow:
            base, exponent = node.args
            if exponent.is_Float and exponent == int(exponent):
                exponent = sympy.Integer(int(exponent))
            return sympy.Pow(visit(base), exponent if exponent.is_Rational else visit(exponent))
        return node.func(*map(visit, node.args)) if node.args else node

    return visit(expression), symbols, values


def largest(difference: np.ndarray) -> float:
    """The largest modulus; infinite if a difference is not finite."""
    return float(np.abs(difference).max()) if np.isfinite(difference).all() else float("inf")


def refitted(case: Case, expression: sympy.Expr) -> float:
    """The largest error on fresh points after a fit of all constants to data without noise."""
    general, constants, start = freed(expression)
    fresh, x = case.fresh, case.points(POINTS, 3)
    y, truth = case.values(x), case.values(fresh)
    arguments = [constants, case.symbols]
    call = sympy.lambdify(arguments, general, modules=MODULES, cse=True)
    slopes = sympy.lambdify(arguments, [sympy.diff(general, c) for c in constants], modules=MODULES, cse=True)

    def residual(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(call(values, x.T), len(x)) - y

    def jacobian(values: np.ndarray) -> np.ndarray:
        columns = [np.broadcast_to(slope, len(x)) for slope in slopes(values, x.T)]
        return np.nan_to_num(np.stack(columns, axis=1), posinf=0.0, neginf=0.0)

    rng, best = np.random.default_rng(0), float("inf")
    for spread in SPREADS:
        guess = np.array(start) * (1 + spread * rng.normal(size=len(start)))
        with np.errstate(all="ignore"):
            if constants and np.isfinite(residual(guess)).all():
                guess = least_squares(
                    residual, guess, jacobian, x_scale="jac", max_nfev=EVALUATIONS,
                    ftol=1e-15, xtol=1e-15, gtol=1e-15,
                ).x  # fmt: skip
            found = np.broadcast_to(call(guess, fresh.T), len(fresh))
        best = min(best, float(largest(found - truth) / truth.std()))
        if best <= TOLERANCE or not constants:
            break
    return best


def judge(case: Case, found: str) -> Verdict:
    """The verdict on an expression in x1, x2, ...; an expression that is not finite in the box fails.

    Raises
    ------
    ValueError
        If the text is not an expression in these symbols.
    """
    names = {symbol.name: symbol for symbol in case.symbols}
    expression = sympy.sympify(found, locals=names)
    if not isinstance(expression, sympy.Expr) or not expression.free_symbols <= set(case.symbols):
        raise ValueError(f"found must be an expression in {', '.join(names)}, got {found[:200]!r}")
    values = freed(expression)[2]
    size = sum(value != -1 for value in values), int(sympy.count_ops(expression))
    bad = float("inf")
    if expression.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return Verdict(False, False, bad, bad, bad, *size)
    fresh = case.fresh
    truth, values_found = case.values(fresh), evaluated(expression, case.symbols, fresh)
    error = float(largest(values_found - truth) / truth.std())
    if not np.isfinite(error):
        return Verdict(False, False, bad, bad, bad, *size)
    after = error if error <= TOLERANCE else min(error, refitted(case, expression))
    unexplained = float(np.mean((values_found - truth) ** 2) / truth.var())
    return Verdict(after <= TOLERANCE, error <= TOLERANCE, error, after, unexplained, *size)
