"""Splines of inputs that share their knots, through the kernels; in the B-spline and in the ReLU basis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from splinekan import _threads
from splinekan._checks import Array
from splinekan.kernels import jets, layer
from splinekan.kernels._base import IDENTITY, SILU
from splinekan.network.layer import Directions, composed
from splinekan.network.parts import Part, Sum
from splinekan.network.slot import Slot
from splinekan.splines.basis import PowerReLUBasis
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import local_pieces

WORK = 80_000
"""Shortest duration of a thread's range, in nanoseconds: about the cost of handing out a range."""
BASES = {None: (IDENTITY, ()), "identity": (IDENTITY, (0,)), "silu": (SILU, (0,))}
"""The function of a base branch, and whether there is a branch, as arguments of the kernels."""


class SplinePart:
    """y_q = sum_p sum_i c[p, i, q] b_i(x_p) with equal knots for all inputs, through the kernels.

    The functions are those that are active on [a, b]; on periodic knots they outnumber the coefficients
    (see `KnotVector.fold`). With a base branch `value` and `vjp` include sum_p V[p, q] s(x_p); V follows the
    coefficients in the parameters. The other methods omit the branch: see `Branched`.
    """

    def __init__(
        self, n_in: int, n_out: int, knots: KnotVector, extrapolate: str, base: str | None = None
    ) -> None:
        self.n_in, self.n_out, self.knots, self.extrapolate = n_in, n_out, knots, extrapolate
        self.shape = (n_in, len(knots.fold), n_out)
        self.base, self.n_coefficients = BASES[base], n_in * len(knots.fold) * n_out
        self.n_parameters = self.n_coefficients + (0 if base is None else n_in * n_out)
        self.segment_lengths = ((knots.degree + 1) * n_out,) * n_in

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        (c, v), pieces = self._split(params), self._pieces(x, 1)
        y = np.empty((x.shape[0], self.n_out), x.dtype)
        spread(self._grain(1), layer.evaluate, x, c, pieces, v, *self.base, y)
        return y

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """sum_p sum_i (dc b_i(x_p) + c b_i'(x_p) dx_p)."""
        c, dc, pieces = params.reshape(self.shape), dparams.reshape(self.shape), self._pieces(x, 2)
        dy = np.empty((x.shape[0], self.n_out), x.dtype)
        spread(self._grain(2), layer.jvp, x, c, dx, dc, pieces, dy)
        return dy

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the coefficients and, if wanted, the inputs."""
        (c, v), pieces = self._split(params), self._pieces(x, 2)
        gx = np.empty((x.shape[0] if want_x else 0, self.n_in), x.dtype)

        def task(gradient: Array, start: int, stop: int) -> None:
            gc, gv = self._split(gradient)
            layer.vjp(x, c, gy, pieces, v, *self.base, gx, gc, gv, want_x, start, stop)

        return self._summed(task, x, self._grain(2)), gx

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and its second result."""
        c, dc, pieces = params.reshape(self.shape), dparams.reshape(self.shape), self._pieces(x, 3)
        dgx, gx = np.empty((2, x.shape[0] if want_x else 0, self.n_in), x.dtype)

        def task(gradient: Array, start: int, stop: int) -> None:
            dgc = gradient.reshape(self.shape)
            layer.vjp_tangent(x, c, gy, dx, dc, dgy, pieces, dgx, dgc, gx, want_x, start, stop)

        return self._summed(task, x, self._grain(3)), dgx, gx

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows b_i(x_p) v_q of the active coefficients."""
        c, pieces, place = params.reshape(self.shape), self._pieces(x, 2), slot.place
        gx = np.empty((x.shape[0] if want_x else 0, self.n_in), x.dtype)
        spread(self._grain(2), layer.jacobian_rows, x, c, v, pieces, place, gx, want_x)
        return gx

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y, (n, channels, n_out), from those of x."""
        order = directions.order
        c, pieces = params.reshape(self.shape), self._pieces(x, order + 1, order + 2)
        y = np.empty((*x.shape[:2], self.n_out), x.dtype)
        spread(self._grain(directions.channels), jets.evaluate, x, c, pieces, directions.arrays[:2], y)
        return y

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` with channels: gy (n, channels, n_out) and gx (n, channels, n_in)."""
        kept = directions.order + 2
        c, pieces = params.reshape(self.shape), self._pieces(x, kept, kept)
        gx = np.empty(x.shape if want_x else (0, *x.shape[1:]), x.dtype)

        def task(gradient: Array, start: int, stop: int) -> None:
            gc = gradient.reshape(self.shape)
            jets.vjp(x, c, gy, pieces, directions.arrays[:2], gx, gc, want_x, start, stop)

        return self._summed(task, x, self._grain(2 * directions.channels)), gx

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        kept = directions.order + 2
        c, pieces, place = params.reshape(self.shape), self._pieces(x, kept, kept), slot.place
        gx = np.empty(x.shape if want_x else (0, *x.shape[1:]), x.dtype)
        grain = self._grain(2 * directions.channels)
        spread(grain, jets.jacobian_rows, x, c, v, pieces, directions.arrays[:2], place, gx, want_x)
        return gx

    @cached_property
    def _known(self) -> dict[Any, tuple[Any, Any]]:
        return {}

    def _pieces(self, x: Array, derivatives: int, kept: int = 3) -> tuple[Any, ...]:
        """The B-splines as kernel arguments, with `derivatives` in use, the function among them.

        Raises
        ------
        ValueError
            For points outside the domain in the mode "error"; for derivatives beyond the range of x.dtype.
        """
        key = (x.dtype, derivatives, kept)
        known = self._known.get(key)
        if known is None:
            pieces = local_pieces(self.knots, None, self.extrapolate, x.dtype, kept)
            pieces.check_derivatives(derivatives)
            known = self._known[key] = pieces, pieces.arguments
        if self.extrapolate == "error":
            known[0].check_inside(x if x.ndim == 2 else x[:, 0], "error")
        return known[1]

    def _grain(self, passes: int) -> int:
        """Fewest samples in a thread's range: an input takes 5 ns per pass, and 1 ns for four outputs."""
        return max(WORK // (passes * self.n_in * (5 + self.n_out // 4)), 16)

    def _split(self, params: Array) -> tuple[Array, Array]:
        """The coefficients, and V (flat, empty without a base branch)."""
        return params[: self.n_coefficients].reshape(self.shape), params[self.n_coefficients :]

    def _summed(self, task: Callable[[Array, int, int], None], x: Array, grain: int) -> Array:
        """The sum, first to last, of arrays like the parameters into which the threads add their parts."""
        n = x.shape[0]
        if n < 2 * grain:
            alone = np.zeros(self.n_parameters, x.dtype)
            task(alone, 0, n)
            return alone
        ranges = _threads.split(n, grain)
        parts = np.zeros((len(ranges), self.n_parameters), x.dtype)
        _threads.run(lambda chunk, start, stop: task(parts[chunk], start, stop), ranges)
        total: Array = parts[0]
        for part in parts[1:]:
            total += part
        return total


class Branched(Sum):
    """Splines and their base branch: the sum of two parts, with `value` and `vjp` in a single pass."""

    def __init__(self, splines: SplinePart, branch: Part, both: SplinePart) -> None:
        super().__init__(splines.n_in, [(splines, 0), (branch, 0)])
        self.value, self.vjp = both.value, both.vjp  # type: ignore[method-assign]


def spread(grain: int, kernel: Callable[..., None], x: Array, *arguments: Any) -> None:
    """The kernel on all samples, in ranges of at least `grain`."""
    n = x.shape[0]
    if n < 2 * grain:
        kernel(x, *arguments, 0, n)
        return
    _threads.run(lambda _, start, stop: kernel(x, *arguments, start, stop), _threads.split(n, grain))


class MappedPart:
    """A spline part whose coefficients are a linear map of its parameters, c = S params."""

    def __init__(self, inner: SplinePart) -> None:
        self.inner, self.n_in, self.n_out = inner, inner.n_in, inner.n_out

    def _coefficients(self, params: Array) -> Array:
        """S params."""
        raise AssertionError("a subclass gives the map")

    def _pulled(self, gradient: Array) -> Array:
        """S^T gradient."""
        raise AssertionError("a subclass gives the map")

    def _points(self, x: Array) -> Array:
        """The points at which the splines are evaluated, for those of any channels."""
        return x

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        return self.inner.value(self._coefficients(params), self._points(x))

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """As for a spline part."""
        c, dc = self._coefficients(params), self._coefficients(dparams)
        return self.inner.jvp(c, self._points(x), dc, dx)

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """As for a spline part, the gradient pulled back by S."""
        gradient, gx = self.inner.vjp(self._coefficients(params), self._points(x), gy, want_x)
        return self._pulled(gradient), gx

    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """As `vjp`."""
        c, dc = self._coefficients(params), self._coefficients(dparams)
        change, dgx, gx = self.inner.vjp_tangent(c, self._points(x), gy, dc, dx, dgy, want_x)
        return self._pulled(change), dgx, gx

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y."""
        return self.inner.jet_value(self._coefficients(params), self._points(x), directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """As `vjp`."""
        c = self._coefficients(params)
        gradient, gx = self.inner.jet_vjp(c, self._points(x), gy, directions, want_x)
        return self._pulled(gradient), gx


class ReLUPart(MappedPart):
    """Parameters W of power ReLUs: c = A^{-T} W on every edge, solved in float64."""

    def __init__(self, inner: SplinePart) -> None:
        super().__init__(inner)
        self.change = change_of_basis(inner.knots)
        self.n_parameters = inner.n_parameters
        self.segment_lengths = (inner.shape[1] * self.n_out,) * self.n_in

    def _coefficients(self, params: Array) -> Array:
        return self._solved(params, self.change.solve_transpose)

    def _pulled(self, gradient: Array) -> Array:
        return self._solved(gradient, self.change.solve)

    def _solved(self, vector: Array, solve: Callable[[Array], Array]) -> Array:
        edges = vector.reshape(self.inner.shape).swapaxes(0, 1).astype(np.float64, copy=False)
        return np.ascontiguousarray(solve(edges).swapaxes(0, 1), dtype=vector.dtype).ravel()

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows psi_j(x_p) v_q of all coefficients: every power has a value at every point."""
        self._write(x[:, None], v[:, None], Directions(()), slot)
        return self.vjp(params, x, v, True)[1] if want_x else np.empty((0, self.n_in), x.dtype)

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """As `jacobian_rows`."""
        self._write(x, v, directions, slot)
        if not want_x:
            return np.empty((0, *x.shape[1:]), x.dtype)
        return self.jet_vjp(params, x, v, directions, True)[1]

    def _write(self, x: Array, v: Array, directions: Directions, slot: Slot) -> None:
        """Write the rows from the powers themselves: A^{-T} would cancel. Entries left of a knot are 0."""
        basis = PowerReLUBasis(self.inner.knots, extrapolate=self.inner.extrapolate)
        # Hidden values may have left the range; only the mode "error" refuses points.
        tabulate = basis.tabulate if self.inner.extrapolate == "error" else basis._tabulated
        values, starts = slot.values[slot.shift :: slot.stride], slot.starts[slot.shift :: slot.stride]
        for p, length in enumerate(self.segment_lengths):
            first = slot.position + p * length
            powers = [tabulate(x[:, 0, p], order) for order in range(directions.order + 1)]
            series = composed(powers, x[:, :, p : p + 1], directions)
            rows = np.einsum("nmj,nmq->njq", series, v)
            values[:, first : first + length] = rows.reshape(len(x), length)
            starts[:, slot.segment + p] = slot.column + p * length
