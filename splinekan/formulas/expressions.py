"""Formulas as expressions of sympy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import sympy

from splinekan.formulas.tidy import simple, tidy
from splinekan.formulas.trial import Trial, constants
from splinekan.network.functions import Function
from splinekan.network.term import Term


def expressions(trials: Sequence[Trial], names: Sequence[str]) -> Iterator[Any]:
    """For each trial its output in symbols of these names; splines are functions s1, s2, ...

    Names of inputs are not among these.
    """
    inputs = [sympy.Symbol(name) for name in names]
    free = (name for number in itertools.count(1) if (name := f"s{number}") not in names)
    for trial in trials:
        values = list(inputs)
        for s, stage in enumerate(trial.stages):
            nodes = [simple(sympy.Float(float(d))) for d in trial.biases(s, trial.theta)]
            for e, edge in enumerate(stage.edges):
                if isinstance(edge, Term):
                    value = _term(edge, constants(edge, trial.edge(s, e)[1]), values[edge.input])
                else:
                    value = sympy.Function(next(free))(values[edge.input])
                nodes[edge.output] += value
            values = [
                sympy.Add(*(sympy.Mul(*(nodes[i] for i in group)) for group in groups))
                for groups in stage.products
            ]
        yield tidy(values[0])


def _term(term: Term, numbers: Any, x: Any) -> Any:
    c, *inner = [simple(sympy.Float(float(each))) if each else sympy.Integer(0) for each in numbers]
    for phi, a, b in zip(term.functions, inner[::2], inner[1::2], strict=True):
        x = _of(phi, a * x + b)
    return c * x


def _of(phi: Function, argument: Any) -> Any:
    from splinekan.network.user_functions import X, parsed

    return parsed(phi.expression).xreplace({X: argument})
