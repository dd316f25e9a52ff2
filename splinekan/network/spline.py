"""Spline layers: a univariate spline on every edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import floats, viewable
from splinekan._checks import Array, affordable, boolean, instance, integer, one_of, sequence, spline_degree
from splinekan._records import Uncached
from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.domains import Interval
from splinekan.network.edges import Edges, described, jumps, knots_of_inputs, ranges_of_equal_knots
from splinekan.network.layer import BASES, Directions, Layer, entering, entering_jets
from splinekan.network.parts import Activated, Part, Sum
from splinekan.network.periodic_part import PeriodicPart
from splinekan.network.slot import Slot
from splinekan.network.spline_parts import Branched, ReLUPart, SplinePart
from splinekan.operators.coordinates import EdgeMap, Piece
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import EXTRAPOLATIONS
from splinekan.splines.prolongation import prolongation

BASE_FUNCTIONS = ("identity", "silu")
"""The functions s of a base branch."""


@dataclass(frozen=True, eq=False, init=False)
class SplineLayer(Uncached):
    """The KAN layer y_q = sum_p (V[p, q] s(x_p) + sum_i U_p[i, q] b_i(x_p)).

    In the "relu" basis the parameters are W with sum_j W_p[j, q] psi_j(x_p) for the splines, the same layer
    as a multichannel MLP (Southworth et al., arXiv:2603.04827, Lemma 3): W_p = A^T U_p. Evaluation goes
    through U in both, so that its cost does not depend on the number of intervals; the bases differ in the
    geometry of the parameter space. The parameters are the coefficients U_p, (n_basis, n_out), input by
    input, then V, (n_in, n_out).

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and outputs.
    knots
        A KnotVector or an array of knots for all inputs, or a sequence of them with an entry for each input;
        in the units of the inputs. Kept as a tuple with a KnotVector for each input. Splines on periodic
        knots are periodic in that input.
    degree
        Degree of the splines, 0 to 9, the same for all inputs. If None, that of the KnotVectors, or 3.
    extrapolate
        Continuation of the splines outside [a, b]: "linear" (default), "polynomial", "clamp", "zero" or
        "error". Periodic splines have no outside.
    basis
        "spline" or "relu".
    base
        The function s: None for no base branch and no V, "identity" for x, "silu" for x/(1 + exp(-x)). It is
        not continued: outside [a, b] it is the same function.

    Raises
    ------
    TypeError, ValueError
        For widths that are not positive integers, bad knots, knots of another degree or not as many as there
        are inputs, a degree out of range, an unknown extrapolation, basis or base; for repeated or periodic
        knots in the "relu" basis, and periodic knots with a base branch.

    Examples
    --------
    >>> layer = SplineLayer(2, 3, [KnotVector.uniform(0, 1, 4, 2), KnotVector.uniform(-1, 1, 6, 2)])
    >>> layer.n_parameters, layer.domain
    (42, ((0.0, 1.0), (-1.0, 1.0)))
    """

    n_in: int
    n_out: int
    knots: tuple[KnotVector, ...]
    degree: int
    extrapolate: str
    basis: str
    base: str | None

    def __init__(
        self,
        n_in: int,
        n_out: int,
        knots: KnotVector | ArrayLike | Sequence[KnotVector | ArrayLike],
        degree: int | None = None,
        extrapolate: str = "linear",
        basis: str = "spline",
        base: str | None = None,
    ) -> None:
        inputs, outputs = integer("n_in", n_in, low=1), integer("n_out", n_out, low=1)
        vectors = knots_of_inputs(knots, inputs, None if degree is None else spline_degree(degree))
        for name, value in (
            ("n_in", inputs),
            ("n_out", outputs),
            ("knots", vectors),
            ("degree", vectors[0].degree),
            ("extrapolate", one_of("extrapolate", extrapolate, EXTRAPOLATIONS)),
            ("basis", one_of("basis", basis, BASES)),
            ("base", None if base is None else one_of("base", base, BASE_FUNCTIONS)),
        ):
            object.__setattr__(self, name, value)
        affordable(f"a layer with n_in = {inputs}, n_out = {outputs}", 8.0 * self.n_parameters)
        if base is not None and any(each.periodic for each in vectors):
            raise ValueError(f"base must be None where an input is periodic, which {base} is not")
        if self.basis == "relu":
            for each in {edges.knots for edges in self.edges}:
                change_of_basis(each)  # repeated and periodic knots are refused now

    # Sizes

    @cached_property
    def edges(self) -> tuple[Edges, ...]:
        """Ranges of inputs with equal knots, in order."""
        return ranges_of_equal_knots(self.knots, self.n_out)

    @property
    def common_knots(self) -> KnotVector:
        """The knots of all inputs.

        Raises
        ------
        ValueError
            If they are not the same.
        """
        if len(self.edges) > 1:
            raise ValueError("the inputs of this layer have different knots: see its `knots`, one per input")
        return self.knots[0]

    @property
    def intervals(self) -> int:
        """The largest number of intervals of any input."""
        return max(edges.knots.intervals for edges in self.edges)

    @property
    def domain(self) -> tuple[Interval, ...]:
        """The domain (a, b) of every input."""
        return tuple(knots.domain for knots in self.knots)

    @cached_property
    def n_parameters(self) -> int:
        """Number of parameters: sum_p n_basis_p n_out, and n_in n_out more with a base branch."""
        branch = self.n_in * self.n_out if self.base is not None else 0
        return sum(knots.n_basis for knots in self.knots) * self.n_out + branch

    @cached_property
    def segment_lengths(self) -> tuple[int, ...]:
        """For every input the degree + 1 active coefficients of every output (in the ReLU basis all); V."""
        return self._map.segment_lengths

    @cached_property
    def _map(self) -> Part:
        """The layer without the checks of its arguments: a part, or a sum of parts."""
        parts: list[tuple[Part, int]] = []
        for edges in self.edges:
            part = SplinePart(edges.n_in, self.n_out, edges.knots, self.extrapolate)
            wrapped = PeriodicPart if edges.knots.periodic else ReLUPart if self.basis == "relu" else None
            parts.append((part if wrapped is None else wrapped(part), edges.first))
        if self.base is None:
            return parts[0][0] if len(parts) == 1 else Sum(self.n_in, parts)
        branch: Part = Affine(self.n_in, self.n_out, bias=False)
        if self.base != "identity":
            branch = Activated(Activation(self.n_in, self.base), self.n_out)
        splines = parts[0][0]
        if isinstance(splines, SplinePart) and len(parts) == 1:
            both = SplinePart(self.n_in, self.n_out, self.knots[0], self.extrapolate, self.base)
            return Branched(splines, branch, both)
        return Sum(self.n_in, [*parts, (branch, 0)])

    def unpack(self, params: Array) -> dict[str, Any]:
        """Views "coefficients" and, with a base branch, "base" (n_in, n_out).

        The coefficients are an array (n_in, n_basis, n_out), or a tuple of arrays (n_basis, n_out), one for
        each input, if the inputs have different knots.
        """
        viewable("params", params, self.n_parameters)
        end = self.edges[-1].stop
        edges = [
            params[at.start : at.stop].reshape(at.n_in, at.knots.n_basis, self.n_out) for at in self.edges
        ]
        views: dict[str, Any] = {"coefficients": edges[0] if len(edges) == 1 else sum(map(tuple, edges), ())}
        if self.base is not None:
            views["base"] = params[end:].reshape(self.n_in, self.n_out)
        return views

    # Values and derivatives

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        params, x = entering(self, params, x)
        return self._map.value(params, x)

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """sum_p sum_i (dU b_i(x_p) + U b_i'(x_p) dx_p), and likewise for the base branch."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        return self._map.jvp(params, x, dparams, dx)

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the parameters and, if wanted, the inputs."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        return self._map.vjp(params, x, gy, boolean("want_x", want_x))

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and its second result."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        return self._map.vjp_tangent(params, x, gy, dparams, dx, dgy, boolean("want_x", want_x))

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows b_i(x_p) v_q of the active coefficients, or psi_j(x_p) v_q of all; then s(x_p) v_q."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._map.jacobian_rows(params, x, v, slot, boolean("want_x", want_x))

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y, (n, channels, n_out), from those of x."""
        params, x = entering_jets(self, params, x, directions)
        return self._map.jet_value(params, x, directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` with channels: gy (n, channels, n_out) and gx (n, channels, n_in)."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        return self._map.jet_vjp(params, x, gy, directions, boolean("want_x", want_x))

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        return self._map.jet_jacobian_rows(params, x, v, directions, slot, boolean("want_x", want_x))

    # Other layers

    def refined(self, marked: Sequence[ArrayLike | None] | None = None) -> SplineLayer:
        """The layer with every interval halved, or the marked intervals.

        `marked` holds for each input what `KnotVector.refine` takes: indices of intervals or a mask; None
        for all of them.
        """
        marks = [None] * self.n_in if marked is None else list(sequence("marked", marked))
        if len(marks) != self.n_in:
            raise ValueError(f"marked must hold marks for each of {self.n_in} inputs, got {len(marks)}")
        if marked is None:
            finer = {edges.knots: edges.knots.refine() for edges in self.edges}
            return self._with(tuple(finer[knots] for knots in self.knots), self.basis)
        return self._with(
            tuple(knots.refine(each) for knots, each in zip(self.knots, marks, strict=True)), self.basis
        )

    def with_basis(self, basis: str) -> SplineLayer:
        """The layer with parameters in `basis`."""
        one_of("basis", basis, BASES)
        return self if basis == self.basis else self._with(self.knots, basis)

    def _with(self, knots: tuple[KnotVector, ...], basis: str) -> SplineLayer:
        return SplineLayer(self.n_in, self.n_out, knots, self.degree, self.extrapolate, basis, self.base)

    def change_of_coordinates(self, basis: str) -> list[Piece]:
        """The blocks A^T for every input, or their inverses, of the change to `basis`; V is unchanged."""
        if one_of("basis", basis, BASES) == self.basis:
            return []
        pieces = []
        for at in self.edges:
            to_relu = EdgeMap.relu_from_spline(change_of_basis(at.knots))
            edges = to_relu if basis == "relu" else to_relu.inverse()
            pieces.append(Piece(at.start, at.stop, at.n_in, at.knots.n_basis, edges))
        return pieces

    def prolongation(self, finer: Layer) -> scipy.sparse.csr_array:
        """P, block diagonal: the prolongation of the knots for every input and output, 1 for V.

        Raises
        ------
        ValueError
            Unless `finer` is a spline layer of the same widths, degree, extrapolation, basis and base branch
            on knots in which these are nested, with the same periods.
        """
        if not isinstance(finer, SplineLayer):
            raise ValueError(f"layers differ: {self} has no prolongation to {finer}")
        for name in ("n_in", "n_out", "degree", "extrapolate", "basis", "base"):
            mine, other = getattr(self, name), getattr(finer, name)
            if mine != other:
                raise ValueError(f"layers differ: {name} is {mine!r} in one and {other!r} in the other")
        for p, (coarse, fine) in enumerate(zip(self.knots, finer.knots, strict=True)):
            if coarse.periodic != fine.periodic:
                raise ValueError(f"layers differ: input {p} is periodic in one of them only")
        known = {
            pair: prolongation(*pair, None, self.basis)
            for pair in set(zip(self.knots, finer.knots, strict=True))
        }
        pairs = zip(self.knots, finer.knots, strict=True)
        blocks = [scipy.sparse.kron(known[pair], scipy.sparse.eye_array(self.n_out)) for pair in pairs]
        if self.base is not None:
            blocks.append(scipy.sparse.eye_array(self.n_in * self.n_out))
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr"))

    @cached_property
    def roughness(self) -> scipy.sparse.csr_array:
        """The matrix D of the jumps of the k-th derivative at the inner breakpoints, times h^k.

        D, (rows, n_parameters), has a row for every input, inner breakpoint and output; h is the mean of the
        two intervals beside the breakpoint. For periodic knots a is an inner breakpoint too. On uniform knots
        D takes differences of order k + 1 of B-spline coefficients: the penalty of P-splines (Eilers & Marx
        1996). V is not penalised.
        """
        each = {knots: scipy.sparse.csr_array(jumps(knots, self.basis)) for knots in set(self.knots)}
        edges = [scipy.sparse.kron(each[knots], scipy.sparse.eye_array(self.n_out)) for knots in self.knots]
        if self.base is not None:
            edges.append(scipy.sparse.csr_array((0, self.n_in * self.n_out)))
        return scipy.sparse.csr_array(scipy.sparse.block_diag(edges, format="csr"))

    def __str__(self) -> str:
        shown = [described(edges) for edges in self.edges[:4]]
        if len(self.edges) > 4:
            shown.append(f"... ({self.n_in} inputs)")
        beyond = "" if all(knots.periodic for knots in self.knots) else f"{self.extrapolate} beyond, "
        base = "" if self.base is None else f", {self.base} base"
        return (
            f"SplineLayer({self.n_in} -> {self.n_out}, degree {self.degree}, {' x '.join(shown)}, "
            f"{beyond}{self.basis} basis{base})"
        )
