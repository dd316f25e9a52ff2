"""A check for missing conditions, by a count for each unknown and variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sympy
from sympy.core.function import AppliedUndef

from splinekan.solving.conditions import NormalDerivative
from splinekan.solving.patches import Face

if TYPE_CHECKING:
    from splinekan.solving.statement import Statement


def order_in(equations: Sequence[Any], u: Any, variable: Any) -> int:
    """The highest order in which u is differentiated with respect to the variable."""
    return max(
        (
            int(count)
            for equation in equations
            for term in equation.atoms(sympy.Derivative)
            if term.expr == u
            for symbol, count in term.variable_count
            if symbol == variable and getattr(count, "is_Integer", False)
        ),
        default=0,
    )


def missing_conditions(statement: Statement) -> list[str]:
    """Warnings for unknowns that the conditions may not determine.

    An unknown with derivatives of order m in a variable needs about m conditions at the ends of that
    variable: a count, not a proof, since characteristics and systems may need fewer.
    """
    found = []
    for u in statement.unknown:
        free = _only_differentiated(statement, u)
        if free:
            found.append(
                f"{u.func} occurs only through its derivatives and is determined up to a constant: give a "
                "value at a point"
            )
        if any(_touches(data.of, u) for data in statement.data):
            continue
        short = []
        for i, v in enumerate(statement.variables):
            order = order_in(statement.equations, u, v)
            count = _conditions_along(statement, u, i)
            if count < order:
                short.append(f"{count} of about {order} along {v}")
        missing_all = all(
            _conditions_along(statement, u, i) < order_in(statement.equations, u, v)
            for i, v in enumerate(statement.variables)
            if order_in(statement.equations, u, v)
        )
        # A system of first order, elliptic in two variables, needs conditions along either.
        first_order = max((order_in(statement.equations, u, v) for v in statement.variables), default=0) < 2
        scalar = len(statement.unknown) == 1 and len(statement.equations) == 1
        bare = scalar and any(
            order_in(statement.equations, u, v) and not _conditions_along(statement, u, i)
            for i, v in enumerate(statement.variables)
        )  # a single equation of first order needs inflow data along every variable
        if short and (not first_order or missing_all or bare) and not free and not _counted(statement):
            found.append(
                f"conditions on {u.func} seem to be missing ({'; '.join(short)}): the solution may not be "
                "unique"
            )
    return found


def _counted(statement: Statement) -> bool:
    """Whether a system of first order has as many conditions as derivatives, perhaps on other unknowns."""
    along = list(enumerate(statement.variables))
    orders = {v: [order_in(statement.equations, u, v) for u in statement.unknown] for _, v in along}
    if len(statement.unknown) == 1 or max(max(each) for each in orders.values()) > 1:
        return False
    return all(
        sum(_conditions_along(statement, u, i) for u in statement.unknown) >= sum(orders[v]) for i, v in along
    )


def _touches(of: Any, u: Any) -> bool:
    return of is None or bool(of.has(u.func))


def _conditions_along(statement: Statement, u: Any, i: int) -> int:
    count = 0
    seen = set()
    for each in statement.posed:
        if not each.residual.has(u.func):
            continue
        if each.opposite is not None:
            count += each.opposite[0] == i
        elif each.points is not None:
            count += len(each.points)
        else:
            for patch in each.patches:
                if isinstance(patch.shape, Face):
                    # A repeated condition on a face counts once.
                    same = (patch.shape, each.residual)
                    count += patch.shape.variable == i and same not in seen
                    seen.add(same)
                elif statement.variables[i] in patch.shape.level.free_symbols:
                    count += 2  # a surface bounds lines through the domain on both sides
    return count


def _only_differentiated(statement: Statement, u: Any) -> bool:
    """Whether a constant may be added to u: it occurs in derivatives only."""
    expressions = [
        *statement.equations,
        *(each.residual for each in statement.posed if each.opposite is None),
    ]
    expressions += [u if data.of is None else data.of for data in statement.data]
    holding = [e for e in expressions if e.has(u.func)]

    def bare(expression: Any) -> bool:
        if isinstance(expression, sympy.Derivative):
            return not isinstance(expression.expr, AppliedUndef) and bare(expression.expr)
        if isinstance(expression, NormalDerivative):
            return False
        if isinstance(expression, AppliedUndef) and expression.func == u.func:
            return True
        return any(bare(part) for part in expression.args)

    return bool(holding) and not any(map(bare, holding))
