"""A network as expressions of sympy, one for every output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Array, instance, sequence, shown
from splinekan._columns import numbered
from splinekan.exporting.pieces import Piece, pieces, rational, shifted
from splinekan.exporting.sizes import affordable, unknown
from splinekan.model import Model
from splinekan.network import (
    Activation,
    Affine,
    FormulaLayer,
    Function,
    Normalizer,
    Product,
    SplineLayer,
    Sum,
)
from splinekan.network.constants import Constants
from splinekan.network.domains import one_each


def expressions(model: Model, exact: bool, symbols: Any) -> list[Any]:
    """An expression for every output: see `splinekan.export`."""
    given = _symbols(model, symbols)
    inputs = given if model.features is None else _features(model.features, given)
    affordable(model, len(inputs), WRITERS)
    writer = Writer(exact)
    values = [writer.rounded(each) for each in inputs]
    for number, (layer, params) in enumerate(model.network._pieces(model.theta)):
        values = writer.layer(number, layer, params, values)
    return values


def _symbols(model: Model, symbols: Any) -> list[Any]:
    if symbols is None:
        if model.features is not None:
            return list(model.features.variables)
        return [sympy.Symbol(name) for name in model.names or numbered("x", model.n_in)]
    found = [instance(f"symbols[{i}]", s, sympy.Symbol) for i, s in enumerate(sequence("symbols", symbols))]
    if len(found) != model.n_in or len(set(found)) < len(found):
        raise ValueError(f"symbols must be {model.n_in} different symbols, got {shown(symbols)}")
    return found


def _features(features: Any, symbols: Sequence[Any]) -> list[Any]:
    """The inputs of the network as functions of the variables."""
    from splinekan.equations.features import Features

    if type(features) is not Features:
        raise TypeError(f"model.features must be of type Features to be exported, got {shown(features)}")
    bounds = features.bounds or [None] * len(symbols)
    inputs = []
    for symbol, ends in zip(symbols, bounds, strict=True):
        if ends is not None:
            a, b = (sympy.Rational(Fraction(end)) for end in ends)
            inputs.append(2 * (symbol - a) / (b - a) - 1)
        elif features.bounds is None:
            inputs.append(symbol)
    renamed = dict(zip(features.variables, symbols, strict=True))
    return inputs + [sympy.sympify(each).xreplace(renamed) for each in features.extra]


class Writer:
    """Layers as expressions in those of their inputs; numbers are rational if `exact`, else of 53 bits."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact

    def layer(self, number: Any, layer: Any, params: Array, z: Sequence[Any]) -> list[Any]:
        """The outputs of a layer with inputs z."""
        writer = WRITERS.get(type(layer))
        if writer is None:
            raise unknown(number, layer, WRITERS)
        return writer(self, layer, params, z)

    def number(self, value: float | Fraction) -> Any:
        """A number; rounded once, to the nearest number of float64, unless exact."""
        fraction = Fraction(value)
        if fraction.denominator == 1 and abs(fraction) < 10:
            return sympy.Integer(int(fraction))
        if self.exact:
            return sympy.Rational(fraction.numerator, fraction.denominator)
        try:
            return sympy.Float(float(fraction))
        except OverflowError:
            raise ValueError(
                "model must have polynomials within the range of float64, whose coefficients scale as "
                "spacing^-degree: rescale the inputs, or give exact=True"
            ) from None

    def rounded(self, expression: Any) -> Any:
        """An expression of a user, with numbers rational or rounded as chosen by `exact`."""
        if not self.exact:
            return expression
        floats = expression.atoms(sympy.Float)
        return expression.xreplace({each: self.number(float(each)) for each in floats})

    # Layers

    def affine(self, layer: Affine, params: Array, z: Sequence[Any]) -> list[Any]:
        """z W + b."""
        views = layer.unpack(params)
        bias = views["bias"] if layer.bias else np.zeros(layer.n_out)
        return [
            sympy.Add(*(self.times(w, each) for w, each in zip(column, z, strict=True)), self.number(b))
            for column, b in zip(views["weight"].T.tolist(), bias.tolist(), strict=True)
        ]

    def times(self, factor: float, z: Any) -> Any:
        """factor z."""
        return sympy.Mul(self.number(factor), z)

    def activation(self, layer: Activation, _params: Array, z: Sequence[Any]) -> list[Any]:
        """phi(z)."""
        power = layer.degree if layer.kind == "power_relu" else 1
        return [_function(layer.kind, each, power) for each in z]

    def normalizer(self, layer: Normalizer, _params: Array, z: Sequence[Any]) -> list[Any]:
        """A map into [a, b]."""
        found = []
        ends = one_each(layer.domain, layer.width), one_each(layer.source, layer.width)
        for each, domain, source in zip(z, *ends, strict=True):
            (a, b), (c, d) = rational(domain), rational(source)
            if layer.kind == "affine":
                slope = (b - a) / (d - c)
                found.append(self.number(slope) * each + self.number(a - slope * c))
            elif layer.kind == "sigmoid":
                found.append(self.number(a) + self.number(b - a) * _function("sigmoid", each))
            else:
                half = (b - a) / 2
                found.append(self.number(a + half) + self.number(half) * _function("tanh", each))
        return found

    def splines(self, layer: SplineLayer, params: Array, z: Sequence[Any]) -> list[Any]:
        """Sums of piecewise polynomials."""
        views = layer.unpack(params)
        found = []
        for q in range(layer.n_out):
            terms = []
            for p, (knots, each) in enumerate(zip(layer.knots, z, strict=True)):
                c = rational(views["coefficients"][p][:, q])
                terms.append(self.spline(layer, p, pieces(knots, c, layer.extrapolate, layer.basis), each))
                if layer.base is not None:
                    s = each if layer.base == "identity" else _function(layer.base, each)
                    terms.append(self.times(float(views["base"][p, q]), s))
            found.append(sympy.Add(*terms))
        return found

    def spline(self, layer: SplineLayer, p: int, found: Sequence[Piece], z: Any) -> Any:
        """A spline of z."""
        if all(piece.zero for piece in found):
            return sympy.Integer(0)
        knots = layer.knots[p]
        if knots.periodic:
            a, b = rational(knots.domain)
            length = self.number(b - a)
            z = z - length * sympy.floor((z - self.number(a)) / length)
        if z.is_Symbol or z.is_number or any(piece.coefficients is None for piece in found):
            return self.piecewise(found, z)
        return self.truncated(found, z)

    def piecewise(self, found: Sequence[Piece], z: Any) -> Any:
        """Polynomials with the conditions under which they apply, from left to right."""
        pairs = []
        for piece in found:
            if piece.end is None:
                condition = sympy.true
            else:
                compare = sympy.Le if piece.closed else sympy.Lt
                condition = compare(z, self.number(piece.end), evaluate=z.is_number)
            pairs.append((self.polynomial(piece, z), condition))
        return sympy.Piecewise(*pairs, evaluate=z.is_number)

    def truncated(self, found: Sequence[Piece], z: Any) -> Any:
        """The first polynomial, and the jumps of all derivatives times truncated powers.

        It has no conditions: sympy takes minutes for conditions on expressions that hold conditions.
        """
        terms = [self.polynomial(found[0], z)]
        for left, right in pairwise(found):
            end = Fraction(left.end or 0)
            jumps = zip_longest(*(_about(piece, end) for piece in (right, left)), fillvalue=Fraction(0))
            y = _add(z, self.number(-end)) if end else z
            for power, jump in enumerate(r - l for r, l in jumps):
                if jump and power:
                    terms.append(self._power(jump, sympy.Max(0, y, evaluate=False), power))
                elif jump:
                    terms.append(_mul(self.number(jump), sympy.Heaviside(y, int(not left.closed))))
        return _add(*terms)

    def polynomial(self, piece: Piece, z: Any) -> Any:
        """sum_p c_p (z - origin)^p."""
        if piece.coefficients is None:
            return sympy.nan
        y = _add(z, self.number(-piece.origin)) if piece.origin else z
        return _add(*(self._power(c, y, p) for p, c in enumerate(piece.coefficients) if c))

    def _power(self, factor: Fraction, y: Any, p: int) -> Any:
        """factor y^p."""
        if p == 0:
            return self.number(factor)
        return _mul(self.number(factor), sympy.Pow(y, p, evaluate=_simple(y)) if p > 1 else y)

    def formulas(self, layer: FormulaLayer, params: Array, z: Sequence[Any]) -> list[Any]:
        """Terms of functions with constants."""
        constants, biases = layer.constants(params)
        outputs: list[list[Any]] = [[self.number(bias)] for bias in biases]
        for term, (c, *inner) in zip(layer.terms, constants, strict=True):
            value = z[term.input]
            for phi, a, b in zip(term.functions, inner[::2], inner[1::2], strict=True):
                value = self.function(phi, _add(_mul(self.number(a), value), self.number(b)))
            outputs[term.output].append(_mul(self.number(c), value))
        return [_add(*terms) for terms in outputs]

    def function(self, phi: Function, z: Any) -> Any:
        """phi(z)."""
        from splinekan.network.user_functions import X, parsed

        return self.rounded(parsed(phi.expression)).xreplace({X: z})

    def sum(self, layer: Sum, params: Array, z: Sequence[Any]) -> list[Any]:
        """The layers of a sum."""
        pairs = zip(layer.layers, layer.slices, strict=True)
        values = [self.layer("...", each, params[at], z) for each, at in pairs]
        return [_add(*each) for each in zip(*values, strict=True)]

    def product(self, layer: Product, _params: Array, z: Sequence[Any]) -> list[Any]:
        """Products of inputs."""
        return [_mul(*(z[p] for p in group)) for group in layer.groups]

    def appended(self, _layer: Constants, params: Array, z: Sequence[Any]) -> list[Any]:
        """The inputs, then the constants."""
        return [*z, *(self.number(c) for c in rational(params))]


def _simple(*items: Any) -> bool:
    """Whether sympy may search for simplifications, which are slow in compositions."""
    return all(len(each.free_symbols) <= 1 and not each.has(sympy.Piecewise, sympy.Max) for each in items)


def _add(*terms: Any) -> Any:
    return sympy.Add(*terms, evaluate=_simple(*terms))


def _mul(*factors: Any) -> Any:
    return sympy.Mul(*factors, evaluate=_simple(*factors))


def _about(piece: Piece, origin: Fraction) -> tuple[Fraction, ...]:
    """The coefficients in powers of x - origin."""
    return shifted(piece.coefficients or (), origin - piece.origin)


WRITERS: dict[type, Callable[[Writer, Any, Array, Sequence[Any]], list[Any]]] = {
    SplineLayer: Writer.splines,
    Affine: Writer.affine,
    Activation: Writer.activation,
    Normalizer: Writer.normalizer,
    FormulaLayer: Writer.formulas,
    Sum: Writer.sum,
    Product: Writer.product,
    Constants: Writer.appended,
}
"""The method that writes each class of layers."""


def _function(kind: str, z: Any, power: int = 1) -> Any:
    if kind in ("relu", "power_relu"):
        return sympy.Piecewise(
            (z**power, sympy.Gt(z, 0, evaluate=z.is_number)), (0, True), evaluate=z.is_number
        )
    if kind == "tanh":
        return sympy.tanh(z)
    return (z if kind == "silu" else 1) / (1 + sympy.exp(-z))
