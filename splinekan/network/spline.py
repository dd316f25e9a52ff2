"""Spline layers: a univariate spline on every edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from splinekan import _threads
from splinekan._arrays import floats, viewable
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    spline_degree,
)
from splinekan.kernels import jets
from splinekan.kernels import layer as kernels
from splinekan.network.layer import BASES, Directions, Slot, composed, entering, entering_jets
from splinekan.splines.basis import PowerReLUBasis
from splinekan.splines.change_of_basis import ChangeOfBasis, change_of_basis
from splinekan.splines.knots import breakpoints, refine_knots, validate_knots
from splinekan.splines.pp_form import EXTRAPOLATIONS, LocalPieces, highest_derivative, local_pieces


@dataclass(frozen=True, eq=False)
class SplineLayer:
    """The KAN layer y_q = sum_p sum_i U[p, i, q] b_i(x_p).

    In the "relu" basis the parameters are W with y_q = sum_p sum_j W[p, j, q] psi_j(x_p), the same
    layer as a multichannel MLP (Southworth et al., arXiv:2603.04827, Lemma 3): W = A^T U along the
    middle axis. Evaluation goes through U in both, so that its cost does not depend on the number
    of intervals; what separates the bases is the geometry in which theta moves.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and outputs.
    knots
        Extended or clamped knots (see `uniform_knots`, `clamped_knots`), in the units of the inputs.
    degree
        Polynomial degree, 0 to 7.
    extrapolate
        Continuation outside [a, b]: "linear" (default), "polynomial", "clamp", "zero" or "error".
    basis
        "spline" or "relu".

    Raises
    ------
    TypeError, ValueError
        For widths that are not positive integers, bad knots, a degree out of range, an unknown
        extrapolation or basis, or clamped knots with the "relu" basis.
    """

    n_in: int
    n_out: int
    knots: Float64Array
    degree: int = 3
    extrapolate: str = "linear"
    basis: str = "spline"

    def __post_init__(self) -> None:
        for name, value in (
            ("n_in", integer("n_in", self.n_in, low=1)),
            ("n_out", integer("n_out", self.n_out, low=1)),
            ("degree", spline_degree(self.degree)),
            ("extrapolate", one_of("extrapolate", self.extrapolate, EXTRAPOLATIONS)),
            ("basis", one_of("basis", self.basis, BASES)),
            ("knots", validate_knots(self.knots, self.degree)),
        ):
            object.__setattr__(self, name, value)
        affordable(f"a layer with n_in = {self.n_in}, n_out = {self.n_out}", 8.0 * self.n_parameters)
        if self.basis == "relu":
            _ = self.change_of_basis  # clamped knots have none: say so now

    @cached_property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b]."""
        return len(self.knots) - 2 * self.degree - 1

    @cached_property
    def n_basis(self) -> int:
        """Basis functions per edge, intervals + degree."""
        return self.intervals + self.degree

    @property
    def domain(self) -> tuple[float, float]:
        """[a, b]."""
        return float(self.knots[self.degree]), float(self.knots[-self.degree - 1])

    @cached_property
    def n_parameters(self) -> int:
        """n_in n_basis n_out."""
        return self.n_in * self.n_basis * self.n_out

    @cached_property
    def run_lengths(self) -> tuple[int, ...]:
        """Per input the degree + 1 active coefficients to every output; in the ReLU basis all."""
        touched = self.degree + 1 if self.basis == "spline" else self.n_basis
        return (touched * self.n_out,) * self.n_in

    @cached_property
    def change_of_basis(self) -> ChangeOfBasis:
        """A with b = A psi."""
        return change_of_basis(self.knots, self.degree)

    @cached_property
    def roughness(self) -> Float64Array:
        """D, (intervals - 1, n_basis): h^k times the jumps of the k-th derivative at the inner knots.

        Row j belongs to the j-th inner knot, h is the mean of its two intervals; coefficients in the
        layer's own basis. On uniform knots D takes differences of order k + 1 of B-spline coefficients:
        the penalty of P-splines (Eilers & Marx 1996).
        """
        ends = breakpoints(self.knots, self.degree)
        spacing = (ends[2:] - ends[:-2]) / 2
        jumps = np.diff(highest_derivative(self.knots, self.degree), axis=0) * spacing[:, None] ** self.degree
        if self.basis == "relu":  # u = A^{-T} w
            jumps = self.change_of_basis.solve(jumps.T).T
        return np.ascontiguousarray(jumps)

    @cached_property
    def _pieces(self) -> dict[tuple[np.dtype[Any], int], LocalPieces]:
        return {}

    def _local(self, dtype: np.dtype[Any], derivatives: int) -> LocalPieces:
        """The basis as the kernels read it, with that many derivatives (zero above the degree)."""
        key = (dtype, derivatives)
        if key not in self._pieces:
            self._pieces[key] = local_pieces(self.knots, self.degree, self.extrapolate, *key)
        return self._pieces[key]

    def blocks(self, params: Array) -> dict[str, Array]:
        """View "coefficients" (n_in, n_basis, n_out)."""
        return {"coefficients": self._shaped(viewable("params", params, self.n_parameters))}

    def value(self, params: Array, x: Array) -> Array:
        """y."""
        params, x = entering(self, params, x)
        c = self._spline_coefficients(params)
        pieces = self._located(x, 1)
        y = np.empty((x.shape[0], self.n_out), x.dtype)

        def task(_: int, start: int, stop: int) -> None:
            kernels.evaluate(x, c, pieces, y, start, stop)

        _threads.run(task, _threads.split(x.shape[0]))
        return y

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """sum_p sum_i (dU b_i(x_p) + U b_i'(x_p) dx_p)."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        c, dc = self._spline_coefficients(params), self._spline_coefficients(dparams)
        pieces = self._located(x, 2)
        dy = np.empty((x.shape[0], self.n_out), x.dtype)

        def task(_: int, start: int, stop: int) -> None:
            kernels.jvp(x, c, dx, dc, pieces, dy, start, stop)

        _threads.run(task, _threads.split(x.shape[0]))
        return dy

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the coefficients and, if wanted, the inputs."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        want_x = boolean("want_x", want_x)
        c = self._spline_coefficients(params)
        pieces = self._located(x, 2)
        ranges = _threads.split(x.shape[0])
        gc = np.zeros((len(ranges), *c.shape), x.dtype)
        gx = np.empty((x.shape[0] if want_x else 0, self.n_in), x.dtype)

        def task(chunk: int, start: int, stop: int) -> None:
            kernels.vjp(x, c, gy, pieces, gx, gc[chunk], want_x, start, stop)

        _threads.run(task, ranges)
        return self._native_gradient(gc), gx

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array]:
        """Derivative of `vjp` along (dparams, dx, dgy)."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        c, dc = self._spline_coefficients(params), self._spline_coefficients(dparams)
        pieces = self._located(x, 3)
        ranges = _threads.split(x.shape[0])
        dgc = np.zeros((len(ranges), *c.shape), x.dtype)
        dgx, gx = np.empty_like(x), np.empty_like(x)

        def task(chunk: int, start: int, stop: int) -> None:
            kernels.vjp_tangent(x, c, gy, dx, dc, dgy, pieces, dgx, dgc[chunk], gx, True, start, stop)

        _threads.run(task, ranges)
        return self._native_gradient(dgc), dgx

    def rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows b_i(x_p) v_q of the active coefficients, or psi_j(x_p) v_q of all."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        want_x = boolean("want_x", want_x)
        if self.basis == "relu":
            return self._relu_rows(params, x, v, slot, want_x)
        c = self._spline_coefficients(params)
        pieces = self._located(x, 2)
        gx = np.empty((x.shape[0] if want_x else 0, self.n_in), x.dtype)
        place = (slot.values, slot.starts, slot.position, slot.run, slot.column, slot.stride, slot.shift)

        def task(_: int, start: int, stop: int) -> None:
            kernels.jacobian_rows(x, c, v, pieces, place, gx, want_x, start, stop)

        _threads.run(task, _threads.split(x.shape[0]))
        return gx

    def _relu_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        self._relu_jet_rows(x[:, None], v[:, None], Directions(()), slot)
        return self.vjp(params, x, v, True)[1] if want_x else np.empty((0, self.n_in), x.dtype)

    def _relu_jet_rows(self, x: Array, v: Array, directions: Directions, slot: Slot) -> None:
        """Every power has a value at every point: rows without a zero, from the powers themselves."""
        basis = PowerReLUBasis(self.knots, self.degree, self.extrapolate)
        values = slot.values[slot.shift :: slot.stride]
        starts = slot.starts[slot.shift :: slot.stride]
        length = self.n_basis * self.n_out
        for p in range(self.n_in):
            first = slot.position + p * length
            powers = [basis.tabulate(x[:, 0, p], order) for order in range(directions.order + 1)]
            series = composed(powers, x[:, :, p : p + 1], directions)
            rows = np.einsum("nmj,nmq->njq", series, v)
            values[:, first : first + length] = rows.reshape(len(x), length)
            starts[:, slot.run + p] = slot.column + p * length

    def refined(self) -> SplineLayer:
        """The layer with every interval halved."""
        return self._with(refine_knots(self.knots, self.degree), self.basis)

    def with_basis(self, basis: str) -> SplineLayer:
        """The layer with parameters in `basis`."""
        one_of("basis", basis, BASES)
        return self if basis == self.basis else self._with(self.knots, basis)

    def _with(self, knots: Float64Array, basis: str) -> SplineLayer:
        return SplineLayer(self.n_in, self.n_out, knots, self.degree, self.extrapolate, basis)

    def __str__(self) -> str:
        a, b = self.domain
        sizes = np.diff(breakpoints(self.knots, self.degree))
        kind = "intervals" if np.ptp(sizes) <= 1e-9 * sizes.max() else "uneven intervals"
        return (
            f"SplineLayer({self.n_in} -> {self.n_out}, degree {self.degree}, {self.intervals} {kind} "
            f"on [{a:g}, {b:g}], {self.extrapolate} beyond, {self.basis} basis)"
        )

    def _shaped(self, params: Array) -> Array:
        return params.reshape(self.n_in, self.n_basis, self.n_out)

    def _spline_coefficients(self, params: Array) -> Array:
        """U, whatever the basis: U = A^{-T} W, solved in float64."""
        c = self._shaped(params)
        if self.basis == "spline":
            return c
        u = self.change_of_basis.solve_transpose(c.swapaxes(0, 1).astype(np.float64, copy=False))
        return np.ascontiguousarray(u.swapaxes(0, 1), dtype=params.dtype)

    def _native_gradient(self, parts: Array) -> Array:
        """Sum of the threads' gradients in U, first to last; A^{-1} times it in the ReLU basis."""
        total: Array = parts[0]
        for part in parts[1:]:
            total += part
        if self.basis == "relu":
            total = self.change_of_basis.solve(total.swapaxes(0, 1).astype(np.float64, copy=False))
            total = np.ascontiguousarray(total.swapaxes(0, 1))
        return total.ravel()

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y, (n, channels, n_out), from those of x."""
        params, x = entering_jets(self, params, x, directions)
        c = self._spline_coefficients(params)
        pieces = self._located(x, directions.order + 1, directions.order + 2)
        y = np.empty((*x.shape[:2], self.n_out), x.dtype)

        def task(_: int, start: int, stop: int) -> None:
            jets.evaluate(x, c, pieces, directions.arrays, y, start, stop)

        _threads.run(task, _threads.split(x.shape[0], 128))
        return y

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` with channels: gy (n, channels, n_out) and gx (n, channels, n_in)."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        want_x = boolean("want_x", want_x)
        c = self._spline_coefficients(params)
        pieces = self._located(x, directions.order + 2, directions.order + 2)
        ranges = _threads.split(x.shape[0], 128)
        gc = np.zeros((len(ranges), *c.shape), x.dtype)
        gx = np.empty(x.shape if want_x else (0, *x.shape[1:]), x.dtype)

        def task(chunk: int, start: int, stop: int) -> None:
            jets.vjp(x, c, gy, pieces, directions.arrays, gx, gc[chunk], want_x, start, stop)

        _threads.run(task, ranges)
        return self._native_gradient(gc), gx

    def jet_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`rows` of sum_m v_m . y_m over the channels."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        want_x = boolean("want_x", want_x)
        if self.basis == "relu":
            self._relu_jet_rows(x, v, directions, slot)
            return self.jet_vjp(params, x, v, directions, True)[1] if want_x else np.empty((0, *x.shape[1:]))
        c = self._spline_coefficients(params)
        pieces = self._located(x, directions.order + 2, directions.order + 2)
        gx = np.empty(x.shape if want_x else (0, *x.shape[1:]), x.dtype)
        place = (slot.values, slot.starts, slot.position, slot.run, slot.column, slot.stride, slot.shift)

        def task(_: int, start: int, stop: int) -> None:
            jets.jacobian_rows(x, c, v, pieces, directions.arrays, place, gx, want_x, start, stop)

        _threads.run(task, _threads.split(x.shape[0], 128))
        return gx

    def _located(self, x: Array, derivatives: int, kept: int = 3) -> tuple[object, ...]:
        """The pieces as kernel arguments, with `derivatives` of them in use: value, slope, ...

        Raises
        ------
        ValueError
            For points outside the domain in the mode "error"; for derivatives beyond the range of x.dtype.
        """
        pieces = self._local(x.dtype, kept)
        pieces.check_derivatives(derivatives)
        pieces.check_inside(x if x.ndim == 2 else x[:, 0], self.extrapolate)
        return pieces.arguments
