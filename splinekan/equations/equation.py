"""Differential equations written in sympy, compiled: residuals and their exact partial derivatives.

    x, t = symbols("x t")
    u = Function("u")(x, t)
    burgers = Equation(u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2), unknown=u, variables=(x, t))

An equation is evaluated from the Taylor coefficients of the unknown, for instance of a network, along a few
directions: pure derivatives along the axes, mixed derivatives by polarisation, D_{x+y}^2 u = u_xx + 2 u_xy +
u_yy (`splinekan.equations.polarisation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.core.function import AppliedUndef

from splinekan._arrays import trusted
from splinekan._checks import Float64Array, integer, real_array, sequence, shown
from splinekan.equations import expressions
from splinekan.equations.compiling import assembled
from splinekan.equations.expressions import Compiled
from splinekan.equations.features import located
from splinekan.equations.places import Channels, DerivativeTerm, Elsewhere, Place
from splinekan.equations.unknown import Unknown

MAX_NODES = 1024
"""Largest number of quadrature nodes per variable."""


@dataclass(frozen=True, eq=False)
class Equation:
    """The equation residual = 0 for one or more unknown functions of the variables.

    Boundary, initial and interface conditions are also equations, posed on other points. The residual may
    contain unknown constants (`Unknown`), which are estimated together with the unknown functions.

    Parameters
    ----------
    residual
        A sympy expression, or an `Eq`, in the variables, the unknowns and their derivatives up to a total
        order of 4. Coefficients may be any functions of the variables that NumPy or SciPy provide. All
        quantities are real: |u|, sign, Heaviside, Max, floor and Piecewise are differentiated almost
        everywhere, and re(u) is u. Unknowns and their derivatives may be evaluated at other places, which
        depend on the variables only: u(0, t), u(-x, t), u(x - 1/2, t), u(x, t).diff(x).subs(x, 0). Integrals
        of the unknowns, sympy.Integral(K(x, s) u(s, t), (s, a, b)), have finite limits that depend on the
        variables only.
    unknown
        u(x, ...), an applied function of sympy, or a sequence of applied functions: the outputs of the
        network.
    variables
        Symbols with different names, in the order of the columns of points. sympy uses the declared signs of
        symbols (positive=True) in simplifications, so points of the other sign are refused.
    quadrature
        Number of nodes for each variable of integration, 1 to 1024: a single panel of Gauss-Legendre nodes up
        to 8, and beyond that equal panels of at most 8, with at least this number in total. The error of
        panels of length h with 8 nodes is O(h^16) for a smooth integrand, O(h^(k+1)) times the jumps of its
        derivative of order k, at the knots of a spline for example, and O(h^a) for a singularity (x -
        s)^(a-1) at a limit. Compare with the result for twice as many nodes.

    Attributes
    ----------
    directions
        Vectors in the space of the variables.
    orders
        The number of Taylor coefficients along each direction.
    constants
        The unknown constants of the residual, by name.
    places
        The other places where unknowns are evaluated, including those of integrals. All points share the
        points of a place that does not depend on the variables.

    Raises
    ------
    TypeError, ValueError
        For a term of the residual, named in the message, that is not composed of variables, unknowns and real
        numbers, or cannot be compiled; for unknowns that do not depend on the variables, or are declared
        complex (see `split_complex`); for derivatives of higher order; and if no unknown occurs.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> x, y = symbols("x y")
    >>> u = Function("u")(x, y)
    >>> laplace = Equation(u.diff(x, 2) + u.diff(y, 2), unknown=u, variables=(x, y))
    >>> laplace.order, laplace.orders
    (2, (2, 2))
    """

    residual: Any
    unknown: Any
    variables: Sequence[sympy.Symbol]
    quadrature: int = 32
    directions: tuple[tuple[float, ...], ...] = field(init=False)
    orders: tuple[int, ...] = field(init=False)
    order: int = field(init=False)
    constants: tuple[Unknown, ...] = field(init=False)
    terms: tuple[DerivativeTerm, ...] = field(init=False, repr=False)
    places: tuple[Place, ...] = field(init=False, repr=False)
    _elsewhere: Elsewhere = field(init=False, repr=False)
    _compiled: Compiled = field(init=False, repr=False)

    def __post_init__(self) -> None:
        expression, unknowns, variables = self._read()
        quadrature = integer("quadrature", self.quadrature, low=1, high=MAX_NODES)
        hint = ": split_complex converts it to real equations" if expression.has(sympy.I) else ""
        with expressions.naming("residual", hint):
            found = assembled(expression, unknowns, variables, quadrature, shown(self.residual))
        settings = {
            "unknown": tuple(unknowns) if isinstance(self.unknown, (list, tuple)) else unknowns[0],
            "variables": variables,
            "quadrature": quadrature,
            "directions": found.channels.directions,
            "orders": found.channels.orders,
            "order": found.order,
            "constants": found.constants,
            "terms": found.channels.terms,
            "places": found.elsewhere.places,
            "_elsewhere": found.elsewhere,
            "_compiled": found.function,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)

    @property
    def n_unknowns(self) -> int:
        """Number of unknown functions."""
        return len(self.unknown) if isinstance(self.unknown, (list, tuple)) else 1

    @property
    def n_outputs(self) -> int:
        """Number of unknown functions and of unknown constants."""
        return self.n_unknowns + len(self.constants)

    @property
    def channels(self) -> int:
        """1 + the sum of the orders."""
        return 1 + sum(self.orders)

    def evaluate(
        self, points: Float64Array, jets: Float64Array, elsewhere: Sequence[Float64Array] = ()
    ) -> tuple[Float64Array, Float64Array]:
        """The residual r, (n,), and dr/d(jets), (n, channels, n_outputs), from Taylor coefficients.

        Unknown constants are the last outputs; only their channel 0 is used.

        Parameters
        ----------
        points
            (n, number of variables).
        jets
            Taylor coefficients at the points, (n, channels, n_outputs).
        elsewhere
            Taylor coefficients at `place.points(points)` for every place of `places`, (number of points, 1 +
            the sum of `place.channels.orders`, n_outputs). Derivatives with respect to them are not returned.

        Raises
        ------
        TypeError, ValueError
            For points and coefficients of the wrong shape or type, points of a sign that the declaration of a
            variable excludes, and unless there is an array for each place.
        """
        points = self._points("points", points)
        shape = (len(points), self.channels, self.n_outputs)
        jets = real_array("jets", jets, shape=shape, finite=False).astype(np.float64, copy=False)
        given = sequence("elsewhere", elsewhere, empty=True)
        if len(given) != len(self.places):
            raise ValueError(
                f"elsewhere must hold Taylor coefficients for each of {len(self.places)} places, "
                f"got {len(given)}"
            )
        others = []
        for i, (place, each) in enumerate(zip(self.places, given, strict=True)):
            n = len(place.nodes) * (1 if place.shared else len(points))
            shape = (n, 1 + sum(place.channels.orders), self.n_outputs)
            array = real_array(f"elsewhere[{i}]", each, shape=shape, finite=False)
            others.append(array.astype(np.float64, copy=False))
        residual, cotangent, _ = self._evaluate(points, jets, others)
        return residual, cotangent

    def _evaluate(
        self, points: Float64Array, jets: Float64Array, elsewhere: Sequence[Float64Array] = ()
    ) -> tuple[Float64Array, Float64Array, list[list[Float64Array]]]:
        """The residual, dr/d(jets), and the derivatives in the terms of every place, (n or 1, q)."""
        n = len(points)
        if elsewhere:
            residual, partials, others = self._with_places(points, jets, elsewhere)
        else:
            with np.errstate(all="ignore"):  # Piecewise evaluates every branch everywhere
                residual, *partials = self._compiled(*points.T, *(term._value(jets) for term in self.terms))
            others = []
        cotangent = np.zeros_like(jets)
        for term, partial in zip(self.terms, partials, strict=True):
            for channel, weight in term.channels:
                cotangent[:, channel, term.unknown] += weight * partial
        return np.array(np.broadcast_to(residual, n), dtype=np.float64), cotangent, others

    def _with_places(
        self, points: Float64Array, jets: Float64Array, elsewhere: Sequence[Float64Array]
    ) -> tuple[Any, list[Any], list[list[Float64Array]]]:
        """The residual, its derivatives in the terms, and those in the terms of the places."""
        n, parts = len(points), self._elsewhere
        values = parts.values(elsewhere)
        terms = [np.asarray(term._value(jets)) for term in self.terms]
        terms += [value[:, 0] for i in parts.pointwise for value in values[i]]
        with np.errstate(all="ignore"):
            columns = [column[:, None] for column in points.T]
            inner: list[list[NDArray[np.float64]]] = []
            means = []
            for integral in parts.integrals:
                arguments = [*columns, *(np.reshape(terms[i], (-1, 1)) for i in integral.outer)]
                arguments += [node[None] for node in integral.nodes.T]
                arguments += [value for i in integral.inner for value in values[i]]
                size = (n, len(integral.weights))
                found = [np.broadcast_to(each, size) for each in integral.integrand(*arguments)]
                inner.append(found[1:])
                means.append(found[0] @ integral.weights)
            residual, *partials = self._compiled(*points.T, *terms, *means)
            slopes = partials[len(terms) :]
            partials = [np.broadcast_to(partial, n).astype(np.float64) for partial in partials[: len(terms)]]
            others: list[list[Float64Array]] = [[] for _ in parts.places]
            for integral, slope, found in zip(parts.integrals, slopes, inner, strict=True):
                for i, each in zip(integral.outer, found, strict=False):
                    partials[i] += slope * (each @ integral.weights)
                rest = iter(found[len(integral.outer) :])
                for i in integral.inner:
                    count = len(parts.places[i].channels.terms)
                    factor = np.reshape(slope, (-1, 1)) * integral.weights
                    others[i] = [factor * next(rest) for _ in range(count)]
        here, rest = partials[: len(self.terms)], iter(partials[len(self.terms) :])
        for i in parts.pointwise:
            others[i] = [next(rest)[:, None] for _ in parts.places[i].channels.terms]
        return residual, here, others

    def _in_units(self, lengths: Sequence[float]) -> Equation:
        """The equation with directions of several variables in units of `lengths`, see `Channels.of`."""
        h = [2.0 ** round(np.log2(length / max(lengths))) for length in lengths]  # products are exact
        parts = [self.directions, *(place.channels.directions for place in self.places)]
        if len(set(h)) == 1 or not any(sum(map(bool, way)) > 1 for part in parts for way in part):
            return self

        def scaled(terms: Sequence[DerivativeTerm]) -> Channels:
            return Channels.of([(term.unknown, term.index) for term in terms], h)

        constants = tuple(term for term in self.terms if not term.index)
        here = scaled([term for term in self.terms if term.index])
        places = tuple(replace(place, channels=scaled(place.channels.terms)) for place in self.places)
        changed = {
            "directions": here.directions,
            "terms": (*here.terms, *constants),
            "places": places,
            "_elsewhere": replace(self._elsewhere, places=places),
        }
        return trusted(Equation, **vars(self) | changed)

    def _among(self, names: Sequence[str]) -> Equation:
        """The equation with its constants ordered by these names, after the unknown functions."""
        m = self.n_unknowns
        terms = tuple(
            replace(term, unknown=m + names.index(self.constants[term.unknown - m].name))
            if term.unknown >= m
            else term
            for term in self.terms
        )
        return self if terms == self.terms else trusted(Equation, **vars(self) | {"terms": terms})

    def _points(self, name: str, value: Any) -> Float64Array:
        return located(name, value, self.variables)

    def _read(self) -> tuple[Any, list[Any], tuple[sympy.Symbol, ...]]:
        variables = expressions.read_variables("variables", self.variables)
        several = isinstance(self.unknown, (list, tuple))
        unknowns = list(sequence("unknown", self.unknown)) if several else [self.unknown]
        for u in unknowns:
            if not isinstance(u, AppliedUndef):
                raise TypeError(f"unknown must be written u(x, ...), got {shown(u)}")
            if tuple(u.args) != variables:
                raise ValueError(f"unknown {u} must depend on the variables {variables}, in that order")
            expressions.require_real("unknown", u)
            if u.is_complex and not u.is_real:
                raise ValueError(
                    f"unknown {u} is declared complex: split_complex converts it to real equations"
                )
        if len({u.func.__name__ for u in unknowns}) < len(unknowns):
            raise ValueError(f"unknown must hold different functions, got {unknowns}")
        return expressions.read("residual", self.residual), unknowns, variables
