"""Layers of formulas: every edge is a named function with constants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    real,
    sequence,
    shown,
)
from splinekan.network.chains import Chains
from splinekan.network.elementwise import ALONE
from splinekan.network.layer import Directions, Knotless, entering, entering_jets
from splinekan.network.slot import Slot
from splinekan.network.term import Term

SHOWN = 6
"""Most terms shown in the text of a layer."""


@dataclass(frozen=True)
class FormulaLayer(Knotless):
    """The layer y_q = d_q + the sum of the terms that lead to q.

    The parameters are the constants that are not fixed: those of the terms, term by term in the order
    (c, a_1, b_1, ...), then those of d.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and outputs.
    terms
        The terms, a `Term` each. Several may lead from the same input to the same output.
    bias
        For every output the number d_q, or None for a parameter; a number, or None, for all of them.

    Raises
    ------
    TypeError, ValueError
        For sizes that are not positive, terms of inputs or outputs out of range, and a wrong number of
        biases.

    Examples
    --------
    sin(3 x0) + 2 (x1 - 1)^2:

    >>> layer = FormulaLayer(2, 1, [Term(0, 0, ["sin"]), Term(1, 0, ["square"])], bias=0.0)
    >>> print(layer)
    FormulaLayer(2 -> 1: c sin(a x0 + b) + c (a x1 + b)^2; 6 parameters)
    >>> layer.value(np.array([1.0, 3.0, 0.0, 2.0, 1.0, -1.0]), np.array([[np.pi / 6, 3.0]]))
    array([[9.]])
    """

    n_in: int
    n_out: int
    terms: tuple[Term, ...]
    bias: tuple[float | None, ...] | float | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "n_in", integer("n_in", self.n_in, low=1))
        put(self, "n_out", integer("n_out", self.n_out, low=1))
        affordable(f"a layer with n_out = {self.n_out}", 64.0 * self.n_out)
        terms = sequence("terms", self.terms, empty=True)
        for i, term in enumerate(terms):
            instance(f"terms[{i}]", term, Term)
            for name, count in (("input", self.n_in), ("output", self.n_out)):
                if getattr(term, name) >= count:
                    raise ValueError(
                        f"terms[{i}].{name} must be less than the {count} {name}s of the layer, got {term!r}"
                    )
        put(self, "terms", terms)
        put(self, "bias", _biases(self.bias, self.n_out))

    @cached_property
    def n_parameters(self) -> int:
        """The number of constants that are not fixed."""
        return len(self._free)

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """Every sample touches all parameters: a single segment, if there are parameters."""
        return (self.n_parameters,) if self.n_parameters else ()

    @cached_property
    def _all(self) -> Float64Array:
        """All constants, those of the terms and d, with NaN for parameters."""
        given = [value for term in self.terms for value in term.fixed] + list(self._biases)
        return np.array([np.nan if value is None else value for value in given])

    @property
    def _biases(self) -> tuple[float | None, ...]:
        found: Any = self.bias
        return tuple(found)

    @cached_property
    def _free(self) -> Any:
        """Positions of the parameters among all constants."""
        return np.flatnonzero(np.isnan(self._all))

    @cached_property
    def _chains(self) -> Chains:
        return Chains.of(self.terms)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Positions at which the parameters of each term, and those of d, begin in those of the layer."""
        return tuple(int(n) for n in np.cumsum([0, *(term.n_free for term in self.terms)]))

    def unpack(self, params: Array) -> dict[str, Any]:
        """Views "terms", a vector for each term of its parameters in their order, and "bias"."""
        viewable("params", params, self.n_parameters)
        ends = zip(self._starts[:-1], self._starts[1:], strict=True)
        return {"terms": tuple(params[a:b] for a, b in ends), "bias": params[self._starts[-1] :]}

    def _selected(self, name: str, views: Any, input: int | None, output: int | None) -> list[Array]:
        """Those of the views of `unpack` under `name` that belong to edges from an input to an output.

        None for all inputs or all outputs; d belongs to no input.
        """
        if one_of("name", name, ("terms", "bias")) == "terms":
            edges = [(term.input, term.output) for term in self.terms]
            pairs = zip(edges, views, strict=True)
            return [view for (p, q), view in pairs if input in (None, p) and output in (None, q)]
        free = [q for q, value in enumerate(self._biases) if value is None]
        chosen = [i for i, q in enumerate(free) if output in (None, q)] if input is None else []
        return [views[i : i + 1] for i in chosen]

    def constants(self, params: ArrayLike) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
        """All constants, fixed ones included: (c, a_1, b_1, ...) of every term, and d of every output.

        Raises
        ------
        TypeError, ValueError
            Unless `params` are the parameters of the layer, (n_parameters,).
        """
        each = self._full(floats("params", params, (self.n_parameters,), np.dtype(np.float64))).tolist()
        found, at = [], 0
        for term in self.terms:
            found.append(tuple(each[at : at + len(term.fixed)]))
            at += len(term.fixed)
        return tuple(found), tuple(each[at:])

    def _full(self, params: Array, fixed: bool = True) -> Array:
        """All constants from the parameters; in tangents the fixed constants are 0."""
        full = self._all.astype(params.dtype) if fixed else np.zeros(len(self._all), params.dtype)
        full[self._free] = params
        return full

    # Values and derivatives

    @quiet
    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        params, x = entering(self, params, x)
        return self._value(params, x[:, None], ALONE)[:, 0]

    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The change of every constant and of x, through every chain."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        full, change = self._full(params), self._full(dparams, False)
        dy = np.empty((len(x), self.n_out), x.dtype)
        for some in self._chains.pieces(len(x)):
            dy[some] = self._chains.changes(full, x[some], change, dx[some], self.n_out).T
        dy += change[len(full) - self.n_out :]
        return dy

    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients in the parameters and, if wanted, in x."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        gradient, gx = self._vjp(params, x[:, None], gy[:, None], ALONE, boolean("want_x", want_x))
        return gradient, gx[:, 0]

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and its second result."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        want_x = boolean("want_x", want_x)
        full, change = self._full(params), self._full(dparams, False)
        found, dgx, gx = np.zeros(len(full), x.dtype), np.empty_like(x), np.empty_like(x)
        for some in self._chains.pieces(len(x)):
            tangent = change, dx[some], dgy[some]
            more, moved, back = self._chains.pulled_changes(full, x[some], gy[some], *tangent)
            found += more
            dgx[some], gx[some] = moved.T, back.T
        found[len(full) - self.n_out :] = dgy.sum(axis=0)
        return found[self._free], dgx if want_x else dgx[:0], gx if want_x else gx[:0]

    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows dy/d(constant) v of the parameters."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._rows(params, x[:, None], v[:, None], ALONE, slot, boolean("want_x", want_x))[:, 0]

    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of y."""
        params, x = entering_jets(self, params, x, directions)
        return self._value(params, x, directions)

    @quiet
    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` of `jet_value`."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        return self._vjp(params, x, gy, directions, boolean("want_x", want_x))

    @quiet
    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._rows(params, x, v, directions, slot, boolean("want_x", want_x))

    def _value(self, params: Array, x: Array, directions: Directions) -> Array:
        full = self._full(params)
        y = np.empty((*x.shape[:2], self.n_out), x.dtype)
        for some in self._chains.pieces(len(x), x.shape[1]):
            y[some] = self._chains.values(full, x[some], directions, self.n_out).transpose(2, 1, 0)
        y[:, 0] += full[len(full) - self.n_out :]
        return y

    def _vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        full = self._full(params)
        found, gx = np.zeros(len(full), x.dtype), np.empty_like(x)
        for some in self._chains.pieces(len(x), x.shape[1]):
            more, back = self._chains.pulled(full, x[some], gy[some], directions, False)
            found += more[:, 0]
            gx[some] = back.transpose(2, 1, 0)
        found[len(full) - self.n_out :] = gy[:, 0].sum(axis=0)
        return found[self._free], gx if want_x else gx[:0]

    def _rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        full, gx = self._full(params), np.empty_like(x)
        mine = slot.values[slot.shift :: slot.stride, slot.position : slot.position + self.n_parameters]
        for some in self._chains.pieces(len(x), x.shape[1]):
            found, back = self._chains.pulled(full, x[some], v[some], directions, True)
            found[len(full) - self.n_out :] = v[some, 0].T
            mine[some] = found[self._free].T
            gx[some] = back.transpose(2, 1, 0)
        if self.n_parameters:
            slot.starts[slot.shift :: slot.stride, slot.segment] = slot.column
        return gx if want_x else gx[:0]

    def __str__(self) -> str:
        lines = []
        for q in range(self.n_out):
            parts = [str(term) for term in self.terms if term.output == q]
            if len(parts) > SHOWN:
                parts[SHOWN - 1 :] = [f"... {len(parts) - SHOWN + 1} more terms"]
            bias = self._biases[q]
            if bias != 0 or not parts:
                parts.append("d" if bias is None else f"{bias:.6g}")
            lines.append((f"y{q} = " if self.n_out > 1 else "") + " + ".join(parts))
        if len(lines) > SHOWN:
            lines[SHOWN - 1 :] = [f"... {len(lines) - SHOWN + 1} more outputs"]
        count = f"{self.n_parameters} parameter" + "s" * (self.n_parameters != 1)
        return f"FormulaLayer({self.n_in} -> {self.n_out}: {', '.join(lines)}; {count})"


def _biases(value: Any, count: int) -> tuple[float | None, ...]:
    if value is None:
        return (None,) * count
    if isinstance(value, (int, float, np.number, str)):
        return (real("bias", value),) * count
    given = sequence("bias", value)
    if len(given) != count:
        raise ValueError(f"bias must hold a number or None for each of {count} outputs, got {shown(value)}")
    return tuple(None if each is None else real(f"bias[{q}]", each) for q, each in enumerate(given))
