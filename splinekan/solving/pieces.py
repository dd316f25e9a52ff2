"""A piece of a solution: a network on a part of the domain, and the map from its outputs to the unknowns."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sympy.core.function import AppliedUndef

from splinekan._checks import Float64Array
from splinekan._records import Uncached
from splinekan.equations import Equation, Features
from splinekan.model import Model
from splinekan.network import KAN, DomainWarning
from splinekan.objectives.pinn import PINN, Block
from splinekan.solving.formulas import numeric
from splinekan.solving.statement import Statement


@dataclass(frozen=True, eq=False)
class Piece(Uncached):
    """The unknowns on an interval of a variable, or on the whole domain.

    Attributes
    ----------
    statement
        Its `forms` give the unknowns in terms of the outputs of the network; its bounds are those of the
        piece, from which the network's inputs are mapped.
    network, theta
        The network, with its unknown constants, and their values at the end of theta.
    interval
        The part of the variable `along` on which the piece is the solution; None for the whole domain.
    along
        The number of that variable.
    """

    statement: Statement
    network: KAN
    theta: Float64Array = field(repr=False)
    interval: tuple[float, float] | None = None
    along: int = -1
    bounds: tuple[tuple[float, float], ...] | None = None

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """The box from which the network's inputs are mapped."""
        return self.statement.bounds if self.bounds is None else self.bounds

    def outputs(self, points: Float64Array) -> Float64Array:
        """The outputs of the network, before scaling and exact conditions."""
        return np.asarray(self.model(points))

    @cached_property
    def model(self) -> Model:
        """The outputs of the network as functions of the variables."""
        return Model(self.network, self.theta, Features(self.statement.variables, (), self.box))

    @cached_property
    def constants(self) -> dict[str, float]:
        """The unknown constants by name."""
        if not self.statement.constants:
            return {}
        return self.network.constants(self.theta)

    def values(self, points: Float64Array) -> Float64Array:
        """The unknowns, (n, number of unknowns)."""
        columns = [self.at(equation, points) for equation in self._forms]
        return np.stack(columns, axis=1)

    def evaluate(self, name: str, expression: Any, points: Float64Array) -> Float64Array:
        """An expression in the unknowns and the variables, (n,)."""
        found = {s: self.constants[s.name] for s in self.statement.constants}
        expression = expression.xreplace(found) if found else expression
        if not expression.atoms(AppliedUndef):
            return numeric(name, [expression], self.statement.variables)(points)[:, 0]
        return self.at(self.statement.compiled(name, expression), points)

    @cached_property
    def _forms(self) -> tuple[Equation, ...]:
        return tuple(self.statement.compiled("unknown", u) for u in self.statement.unknown)

    def at(self, equation: Equation, points: Float64Array) -> Float64Array:
        """The residual of a compiled expression, (n,)."""
        if not len(points):
            return np.zeros(0)
        # Points outside are refused or intended; far away the continuation overflows.
        with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", DomainWarning)
            pinn = PINN(self.network, [Block(equation, points)], bounds=self.box)
            return np.asarray(pinn.residual(self.theta), dtype=np.float64)
