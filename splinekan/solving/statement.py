"""The statement of a problem: equations, conditions and data, checked, and as blocks of a PINN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sympy

from splinekan._records import Uncached
from splinekan.equations import Equation, expressions
from splinekan.equations.complex_parts import ComplexParts
from splinekan.network import KAN
from splinekan.objectives.pinn import PINN, Block
from splinekan.solving.conditions import Condition
from splinekan.solving.counting import order_in
from splinekan.solving.exact import ExactConditions, exact_conditions
from splinekan.solving.posing import Posed, posed
from splinekan.solving.region import Region
from splinekan.solving.rules import Rule

CONDITION_WEIGHT = 100.0
"""Weight of the mean square of a condition relative to that of an equation, each in units of its own size."""
DATA_WEIGHT = 1e-4
"""Weight of the mean square misfit of data: low, so that equations hold where noisy data contradict them."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of residuals, for unknowns of size 1 in the form of the network: equations, conditions, data.

    A residual divided by its size is of the order of the relative error of the unknown, whatever the units.
    """

    equations: tuple[float, ...]
    conditions: tuple[float, ...]
    data: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Statement(Uncached):
    """Equations, conditions and data for the unknowns of a domain, and their form in the network's outputs.

    `stated` makes it from the arguments of `solve`.

    Attributes
    ----------
    equations
        Residuals, expressions of sympy.
    unknown
        u(x, ...), in the order of the outputs of the network.
    region
        Variables, bounds and domain.
    conditions, data
        Conditions, and measured values.
    scales
        Scales of the unknowns: u = g + scale B v for the outputs v of the network.
    lifts, factors
        g and B of every unknown, 0 and 1 unless conditions are imposed exactly.
    sizes
        Sizes of the residuals; None until they are measured.
    warnings
        Doubts about the statement, as text.
    parts
        The relation of the real unknowns to complex unknowns; None for real unknowns.
    """

    equations: tuple[Any, ...]
    unknown: tuple[Any, ...]
    region: Region
    conditions: tuple[Condition, ...] = ()
    data: tuple[Any, ...] = ()
    scales: tuple[float, ...] = ()
    lifts: tuple[Any, ...] = ()
    factors: tuple[Any, ...] = ()
    sizes: Sizes | None = None
    warnings: tuple[str, ...] = ()
    parts: ComplexParts | None = None

    @property
    def variables(self) -> tuple[Any, ...]:
        """Symbols, in the order of the columns of points."""
        return self.region.variables

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """An interval per variable."""
        return self.region.bounds

    @cached_property
    def constants(self) -> tuple[Any, ...]:
        """The unknown constants of all equations, conditions and data, by name."""
        found = {c.name: c for equation in self._all_equations for c in getattr(equation, "constants", ())}
        return tuple(found[name] for name in sorted(found))

    @property
    def forms(self) -> tuple[Any, ...]:
        """The unknowns in terms of the outputs of the network, which have the names of the unknowns."""
        return tuple(
            lift + _number(scale) * factor * u
            for u, lift, scale, factor in zip(
                self.unknown, self.lifts, self.scales, self.factors, strict=True
            )
        )

    def in_outputs(self, expression: Any) -> Any:
        """An expression in the unknowns as an expression in the outputs of the network."""
        changed = {u: form for u, form in zip(self.unknown, self.forms, strict=True) if form != u}
        if not changed:
            return expression
        others = {u: sympy.Function(f"_output{i}")(*u.args) for i, u in enumerate(changed)}
        inner = {u: form.xreplace(others) for u, form in changed.items()}
        replaced = expressions.replaced(expression, inner)
        return expressions.replaced(replaced, {other: u for u, other in others.items()})

    def compiled(self, name: str, expression: Any) -> Equation:
        """An expression in the unknowns as an `Equation` for the outputs; errors call it `name`."""
        try:
            unknown = self.unknown if len(self.unknown) > 1 else self.unknown[0]
            return Equation(self.in_outputs(expression), unknown, self.variables)
        except ValueError as error:
            text = str(error).removeprefix("residual: ")
            raise ValueError(f"{name}: {text}") from None

    @cached_property
    def posed(self) -> tuple[Posed, ...]:
        """The conditions on patches of the boundary."""
        timed = {c.on for c in self.conditions if c.kind == "initial"}
        closed = timed | {c.on for c in self.conditions if c.kind == "periodic"}

        def orders(expression: Any, i: int) -> int:
            unknowns = [u for u in self.unknown if expression.has(u)]
            return max(order_in(self.equations, u, self.variables[i]) for u in unknowns or self.unknown)

        found = []
        for number, c in enumerate(self.conditions):
            found += posed(c, number, self.region, closed, orders)
        return tuple(found)

    @cached_property
    def _compiled(self) -> tuple[tuple[Equation, ...], tuple[Equation, ...], tuple[Equation, ...]]:
        equations = [self.compiled(f"equations[{i}]", each) for i, each in enumerate(self.equations)]
        conditions = [self.compiled(f"conditions[{each.number}]", each.residual) for each in self.posed]
        data = [self.compiled(f"data[{i}]", self._measured(i)) for i in range(len(self.data))]
        return tuple(equations), tuple(conditions), tuple(data)

    @property
    def compiled_equations(self) -> tuple[Equation, ...]:
        """The equations, compiled for the outputs of the network."""
        return self._compiled[0]

    @property
    def compiled_conditions(self) -> tuple[Equation, ...]:
        """The conditions of `posed`, compiled for the outputs of the network."""
        return self._compiled[1]

    @property
    def order(self) -> int:
        """The highest order of a derivative in equations, conditions and data."""
        return max(equation.order for equation in self._all_equations)

    @property
    def _all_equations(self) -> list[Equation]:
        return [equation for group in self._compiled for equation in group]

    def _measured(self, number: int) -> Any:
        of = self.data[number].of
        if of is None and len(self.unknown) > 1:
            raise ValueError(f"data[{number}] must have `of`, since there are several unknowns")
        return self.unknown[0] if of is None else of

    def blocks(self, rule: Rule) -> list[Block]:
        """The blocks of a PINN on the points of a rule.

        Half the weighted sum of squares is the sum of the means of squared residuals over the interior, over
        every patch of the boundary and over the data, in units of `sizes`, times the weights.
        """
        sizes = self.sizes or Sizes(*((1.0,) * len(group) for group in self._compiled))
        equations, conditions, data = self._compiled
        inside, shares = self.region.interior(rule)
        blocks = [
            Block(equation, inside, 2 * shares / size**2)
            for equation, size in zip(equations, sizes.equations, strict=True)
        ]
        for equation, size, each in zip(conditions, sizes.conditions, self.posed, strict=True):
            points, weights, minus = each.places(rule)
            weight = 2 * (CONDITION_WEIGHT if each.weight is None else each.weight) / size**2
            blocks.append(Block(equation, points, weight * weights, minus))
        for equation, size, measured in zip(data, sizes.data, self.data, strict=True):
            relative = measured.weight / measured.weight.sum()
            blocks.append(
                Block(
                    equation,
                    measured.points,
                    2 * DATA_WEIGHT * relative / size**2,
                    target=measured.values,
                )
            )
        return blocks

    def pinn(self, network: KAN, rule: Rule, cost: float | None = None) -> PINN:
        """The objective of a network on the points of a rule; unknown constants are appended to theta."""
        return PINN(network, self.blocks(rule), bounds=self.bounds, cost=cost)

    def with_constants(self, network: KAN) -> KAN:
        """The network with the unknown constants of the statement, if any."""
        return network.with_constants(self.constants) if self.constants else network

    @cached_property
    def exact(self) -> ExactConditions:
        """The conditions that can be imposed exactly."""
        return exact_conditions(self.conditions, self.unknown, self.region)

    def imposed(self) -> Statement:
        """The statement with all conditions imposed exactly for which this is possible."""
        found = self.exact
        made = replace(self, conditions=found.conditions, lifts=found.lifts, factors=found.factors)
        if self.sizes is None:
            return made
        kept = {id(c) for c in found.conditions}
        stays = [id(self.conditions[each.number]) in kept for each in self.posed]
        return replace(made, sizes=self._sizes_of(stays))

    def periodic(self) -> tuple[bool, ...]:
        """Whether all unknowns are periodic, for each variable."""
        found = []
        for v in self.variables:
            mine = {c.residual for c in self.conditions if c.kind == "periodic" and c.on == v}
            found.append(mine >= set(self.unknown))
        return tuple(found)

    def on_periodic_networks(self) -> Statement:
        """The statement without the conditions that hold on networks with periodic inputs."""
        periods = {v for v, is_periodic in zip(self.variables, self.periodic(), strict=True) if is_periodic}
        stays = [not (c.kind == "periodic" and c.on in periods) for c in self.conditions]
        kept = tuple(c for c, stay in zip(self.conditions, stays, strict=True) if stay)
        sizes = self._sizes_of([stays[each.number] for each in self.posed])
        return replace(self, conditions=kept, sizes=sizes)

    def _sizes_of(self, stays: Sequence[bool]) -> Sizes | None:
        if self.sizes is None:
            return None
        conditions = tuple(s for s, stay in zip(self.sizes.conditions, stays, strict=True) if stay)
        return replace(self.sizes, conditions=conditions)


def _number(value: float) -> Any:
    """A power of two as a number of sympy, without rounding."""
    return sympy.Rational(*float(value).as_integer_ratio())
