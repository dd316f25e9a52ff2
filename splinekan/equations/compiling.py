"""Compilation of an equation in sympy to its residual, derivatives, places and integrals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from sympy.core.function import AppliedUndef

from splinekan._checks import affordable
from splinekan.equations import expressions
from splinekan.equations.expressions import Compiled
from splinekan.equations.features import MAX_ORDER
from splinekan.equations.jets import Jets, Kind, UnitIntegral
from splinekan.equations.places import Channels, DerivativeTerm, Elsewhere, Integral, Place, gauss_panels
from splinekan.equations.unknown import Unknown


@dataclass(frozen=True)
class Assembled:
    """The parts of an equation.

    Attributes
    ----------
    function
        A function of variables, terms, pointwise terms of places, and integrals that returns the residual and
        its derivatives in all arguments but the variables.
    channels
        The channels at the variables, with the constants among the terms.
    constants, elsewhere
        The unknown constants, and the terms that are evaluated at other places.
    """

    function: Compiled
    channels: Channels
    constants: tuple[Unknown, ...]
    elsewhere: Elsewhere

    @property
    def order(self) -> int:
        """The largest order of a derivative."""
        parts = [self.channels, *(place.channels for place in self.elsewhere.places)]
        return max((sum(term.index) for part in parts for term in part.terms), default=0)


def assembled(
    expression: Any, unknowns: Sequence[Any], variables: Sequence[Any], quadrature: int, text: str
) -> Assembled:
    """The compiled parts of an expression.

    Raises
    ------
    ValueError
        For terms that cannot be compiled.
    """
    reals = expressions.Reals(variables, unknowns)
    jets = Jets(reals)
    real = jets.read(reals.renamed(expression))
    return _Assembly(jets, real, quadrature, text).result()


class _Assembly:
    """The symbols of an equation during assembly."""

    def __init__(self, jets: Jets, real: Any, quadrature: int, text: str) -> None:
        self.jets, self.reals, self.real, self.text = jets, jets.reals, real, text
        self.quadrature = quadrature
        self.all = [real, *(integral.integrand for integral in jets.integrals)]
        self.constants = self._constants()
        self.kinds = self._here()
        # Leaves of the residual: variables, then terms, constants and pointwise jets, then integrals.
        count = len(self.kinds) + len(self.constants)
        names = [sympy.Symbol(f"_q{i}", real=True) for i in range(count)]
        self.leaves: dict[Any, Any] = dict(zip(self.reals.variables, self.reals.symbols, strict=True))
        self.leaves |= zip(self.constants, names[len(self.kinds) :], strict=True)
        for (which, index), name in zip(self.kinds, names, strict=False):
            self.leaves[_derivative(self.reals.unknowns[which], self.reals.variables, index)] = name
        self.outer = names
        self.places: list[Place] = []
        self.pointwise: list[int] = []

    def result(self) -> Assembled:
        """The compiled parts."""
        nodes = [node for integral in self.jets.integrals for node in integral.nodes]
        everywhere = self._jets(*self.all)
        fixed = [jet for jet in everywhere if not (nodes and any(a.has(*nodes) for a in jet.args))]
        self.outer += self._add_places(fixed, (), self.leaves)
        self.pointwise = list(range(len(self.places)))
        integrals = [self._integral(integral) for integral in self.jets.integrals]
        marks = [integral.symbol for integral in self.jets.integrals]
        self.leaves |= {mark: mark for mark in marks}
        outputs = self._differentiated(self.real, self.leaves, [*self.outer, *marks])
        symbols = (*self.reals.symbols, *self.outer, *marks)
        function = Compiled(symbols, outputs, f"the residual {self.text}")
        here = Channels.of(self.kinds)
        m = len(self.reals.unknowns)
        constants = (DerivativeTerm(m + i, ((0, 1.0),)) for i in range(len(self.constants)))
        channels = Channels(here.directions, here.orders, (*here.terms, *constants))
        elsewhere = Elsewhere(tuple(self.places), tuple(integrals), tuple(self.pointwise))
        return Assembled(function, channels, self.constants, elsewhere)

    def _constants(self) -> tuple[Unknown, ...]:
        """The unknown constants, sorted by name."""
        symbols = {s for each in self.all for s in each.free_symbols if isinstance(s, Unknown)}
        found = sorted(symbols, key=lambda s: (s.name, s.start))
        names = [s.name for s in found]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ValueError(f"the expression holds the unknown constant {name} with two starting values")
            if name in [variable.name for variable in self.reals.variables]:
                raise ValueError(f"the expression holds an unknown constant named {name}, as a variable is")
        return tuple(found)

    def _here(self) -> list[Kind]:
        """Every unknown and derivative at the variables, sorted by name."""
        occurring: list[Kind] = []
        atoms = {
            atom for each in self.all for atom in each.atoms(sympy.Derivative) | each.atoms(AppliedUndef)
        }
        for atom in sorted(atoms, key=self.jets.original):
            is_derivative = isinstance(atom, sympy.Derivative)
            function = atom.expr if is_derivative else atom
            if function not in self.reals.unknowns:
                continue
            counts = dict(atom.variable_count) if is_derivative else {}
            if not all(s in self.reals.variables and n.is_Integer for s, n in counts.items()):
                continue  # `compilable` refuses it by name
            index = tuple(int(counts.get(v, 0)) for v in self.reals.variables)
            self._check_order(index, atom)
            occurring.append((self.reals.unknowns.index(function), index))
        if not occurring and not self.constants and not self._jets(*self.all):
            known = {symbol: symbol for symbol in self.reals.variables}
            # u + oo is oo, which this refuses
            expressions.compilable(self.real, known, self.jets.original)
            raise ValueError(
                f"no unknown of {', '.join(map(self.reals.original, self.reals.unknowns))} occurs in "
                f"{self.jets.original(self.real)}"
            )
        return list(dict.fromkeys(occurring))

    def _check_order(self, index: tuple[int, ...], term: Any) -> None:
        if sum(index) > MAX_ORDER:
            raise ValueError(
                f"{self.jets.original(term)} is not available: networks carry Taylor coefficients up to "
                f"order {MAX_ORDER}, so derivatives go up to a total order of {MAX_ORDER}. Name a "
                "derivative as a further unknown, v = u_xx, and write the equation as a system"
            )

    def _jets(self, *terms: Any) -> list[Any]:
        """The jets at other places, sorted by their text."""
        found = {jet for each in terms for jet in each.atoms(AppliedUndef) if self.jets.of(jet) is not None}
        return sorted(found, key=lambda jet: (self.jets.original(jet), self.jets.of(jet)))

    def _add_places(
        self, jets: Sequence[Any], nodes: Sequence[tuple[Any, Any]], leaves: dict[Any, Any]
    ) -> list[Any]:
        """Add places for jets that depend on nodes, given with their symbols; return a symbol per jet."""
        grouped: dict[tuple[Any, ...], list[Any]] = {}
        for jet in jets:
            grouped.setdefault(jet.args, []).append(jet)
        symbols = []
        variables = dict(zip(self.reals.variables, self.reals.symbols, strict=True))
        points = gauss_panels(self.quadrature, len(nodes))[0] if nodes else np.zeros((1, 0))
        for arguments, members in grouped.items():
            kinds: list[Kind] = []
            for jet in members:
                kind = self.jets.of(jet)
                assert kind is not None
                self._check_order(kind[1], jet)
                kinds.append(kind)
                symbol = sympy.Symbol(
                    f"_p{sum(len(p.channels.terms) for p in self.places) + len(kinds) - 1}", real=True
                )
                leaves[jet] = symbol
                symbols.append(symbol)
            outputs = [self._coordinate(a, members[0], variables | dict(nodes)) for a in arguments]
            used = [*self.reals.symbols, *(symbol for _, symbol in nodes)]
            text = f"the place of {self.jets.original(members[0])}"
            shared = not any(a.has(*self.reals.variables) for a in arguments)
            self.places.append(Place(Compiled(used, outputs, text), points, shared, Channels.of(kinds)))
        return symbols

    def _coordinate(self, argument: Any, jet: Any, leaves: dict[Any, Any]) -> Any:
        strange = sorted(map(str, argument.free_symbols - set(leaves)))
        if strange:
            raise ValueError(
                f"the expression holds {self.jets.original(jet)}: the place of an unknown must be given by "
                f"the variables and numbers, got {', '.join(strange)}"
            )
        return expressions.compilable(argument, leaves, self.jets.original)

    def _integral(self, integral: UnitIntegral) -> Integral:
        """The compiled integrand, with its places."""
        count = float(gauss_panels(self.quadrature, 1)[1].size) ** len(integral.nodes)
        affordable(f"quadrature: {count:g} nodes", 64.0 * count)
        nodes = [(node, sympy.Symbol(f"_n{i}", real=True)) for i, node in enumerate(integral.nodes)]
        points, weights = gauss_panels(self.quadrature, len(nodes))
        leaves = self.leaves | dict(nodes)
        start = len(self.places)
        mine = [jet for jet in self._jets(integral.integrand) if jet not in self.leaves]
        inner = self._add_places(mine, nodes, leaves)
        integrand = expressions.compilable(integral.integrand, leaves, self.jets.original)
        outer = [i for i, symbol in enumerate(self.outer) if integrand.has(symbol)]
        used = [self.outer[i] for i in outer]
        outputs = self._differentiated(integral.integrand, leaves, [*used, *inner])
        symbols = [*self.reals.symbols, *used, *(symbol for _, symbol in nodes), *inner]
        function = Compiled(symbols, outputs, f"an integrand of {self.text}")
        places = tuple(range(start, len(self.places)))
        return Integral(function, weights, points, tuple(outer), places)

    def _differentiated(self, real: Any, leaves: dict[Any, Any], symbols: Sequence[Any]) -> list[Any]:
        """A term in the symbols of the compiled function, and its derivatives in some of them."""
        value = expressions.compilable(real, leaves, self.jets.original)
        meaning = {symbol: term for term, symbol in leaves.items()}
        known = {symbol: symbol for symbol in meaning}
        text = _derivative_text(self.jets, meaning)
        return [value, *(expressions.compilable(expressions.slope(value, s), known, text) for s in symbols)]


def _derivative_text(jets: Jets, meaning: dict[Any, Any]) -> Callable[[Any], str]:
    return lambda term: f"{jets.original(term.xreplace(meaning))}, a derivative of the residual"


def _derivative(u: Any, variables: Sequence[Any], index: tuple[int, ...]) -> Any:
    counts = [(v, n) for v, n in zip(variables, index, strict=True) if n > 0]
    return u.diff(*counts) if counts else u
