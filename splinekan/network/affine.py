"""Affine maps y = x W + b."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splinekan import _threads
from splinekan._arrays import floats, quiet, viewable
from splinekan._blas import one
from splinekan._checks import Array, affordable, boolean, instance, integer
from splinekan.network.layer import Directions, Knotless, entering, entering_jets
from splinekan.network.slot import Slot


@dataclass(frozen=True)
class Affine(Knotless):
    """The layer y = x W + b with W of shape (n_in, n_out) and b of shape (n_out,).

    Its parameters are W, C-ordered, then b.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and outputs.
    bias
        Whether the map has a bias b.

    Raises
    ------
    TypeError, ValueError
        If a width is not a positive integer, or `bias` is not a boolean.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Affine(2, 1)
    >>> layer.value(np.array([3.0, 4.0, 5.0]), np.array([[1.0, 2.0]]))
    array([[16.]])
    """

    n_in: int
    n_out: int
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_in", integer("n_in", self.n_in, low=1))
        object.__setattr__(self, "n_out", integer("n_out", self.n_out, low=1))
        object.__setattr__(self, "bias", boolean("bias", self.bias))
        affordable(f"a layer with n_in = {self.n_in}, n_out = {self.n_out}", 8.0 * self.n_parameters)

    @cached_property
    def n_parameters(self) -> int:
        """Number of parameters: n_in n_out, and n_out more with a bias."""
        return (self.n_in + self.bias) * self.n_out

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """Every sample touches all parameters: one segment."""
        return (self.n_parameters,)

    def unpack(self, params: Array) -> dict[str, Array]:
        """Views "weight" (n_in, n_out) and, if there is one, "bias" (n_out,)."""
        weight, bias = self._split(viewable("params", params, self.n_parameters))
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    @one
    @quiet
    def value(self, params: Array, x: Array) -> Array:
        """y = x W + b."""
        params, x = entering(self, params, x)
        weight, bias = self._split(params)
        y = _product(x, weight)
        if self.bias:
            y += bias
        return y

    @one
    @quiet
    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """dx W + x dW + db."""
        params, x = entering(self, params, x)
        dx = floats("dx", dx, x.shape, x.dtype)
        dparams = floats("dparams", dparams, params.shape, x.dtype)
        weight, _ = self._split(params)
        dy: Array = dx @ weight + self.value(dparams, x)
        return dy

    @one
    @quiet
    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """(x^T gy, sum gy) flattened, and gy W^T."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        want_x = boolean("want_x", want_x)
        weight, _ = self._split(params)
        parts = [_gram(x, gy).ravel()]
        if self.bias:
            parts.append(gy.sum(axis=0))
        gx = _product(gy, weight.T) if want_x else np.empty((0, self.n_in), x.dtype)
        return np.concatenate(parts), gx

    @one
    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """The product rule applied to `vjp`, and gy W^T."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        weight, _ = self._split(params)
        dweight, _ = self._split(dparams)
        parts = [(dx.T @ gy + x.T @ dgy).ravel()]
        if self.bias:
            parts.append(dgy.sum(axis=0))
        if not boolean("want_x", want_x):
            return np.concatenate(parts), np.empty((0, self.n_in), x.dtype), np.empty((0, self.n_in), x.dtype)
        return np.concatenate(parts), dgy @ weight.T + gy @ dweight.T, gy @ weight.T

    @one
    @quiet
    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows (x_p v_q, v_q)."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        want_x = boolean("want_x", want_x)
        weight, _ = self._split(params)
        n, middle = x.shape[0], slot.position + self.n_in * self.n_out
        mine = slot.values[slot.shift :: slot.stride]
        mine[:, slot.position : middle] = (x[:, :, None] * v[:, None, :]).reshape(n, middle - slot.position)
        if self.bias:
            mine[:, middle : middle + self.n_out] = v
        slot.starts[slot.shift :: slot.stride, slot.segment] = slot.column
        return _product(v, weight.T) if want_x else np.empty((0, self.n_in), x.dtype)

    @one
    @quiet
    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Every channel times W; the bias belongs to the value alone."""
        params, x = entering_jets(self, params, x, directions)
        weight, bias = self._split(params)
        # A single product, not a product for every sample.
        y = _product(x.reshape(-1, self.n_in), weight).reshape(*x.shape[:2], self.n_out)
        if self.bias:
            y[:, 0] += bias
        return y

    @one
    @quiet
    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp`, summed over the channels."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        want_x = boolean("want_x", want_x)
        weight, _ = self._split(params)
        flat = gy.reshape(-1, self.n_out)
        parts = [_gram(x.reshape(-1, self.n_in), flat).ravel()]
        if self.bias:
            parts.append(gy[:, 0].sum(axis=0))
        if not want_x:
            return np.concatenate(parts), np.empty((0, *x.shape[1:]), x.dtype)
        return np.concatenate(parts), _product(flat, weight.T).reshape(x.shape)

    @one
    @quiet
    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """Rows (sum_m x_mp v_mq, v_0q)."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        want_x = boolean("want_x", want_x)
        weight, _ = self._split(params)
        n, middle = x.shape[0], slot.position + self.n_in * self.n_out
        mine = slot.values[slot.shift :: slot.stride]
        mine[:, slot.position : middle] = (x.swapaxes(1, 2) @ v).reshape(n, middle - slot.position)
        if self.bias:
            mine[:, middle : middle + self.n_out] = v[:, 0]
        slot.starts[slot.shift :: slot.stride, slot.segment] = slot.column
        if not want_x:
            return np.empty((0, *x.shape[1:]), x.dtype)
        return _product(v.reshape(-1, self.n_out), weight.T).reshape(x.shape)

    def _split(self, params: Array) -> tuple[Array, Array]:
        size = self.n_in * self.n_out
        return params[:size].reshape(self.n_in, self.n_out), params[size:]


GRAIN = 2**16
"""Fewest numbers of the larger factor of a product in the range of a thread."""


def _ranges(x: Array, y: Array) -> list[_threads.Range]:
    return _threads.split(len(x), max(GRAIN // max(x.shape[1], y.shape[1]), 1))


def _product(x: Array, matrix: Array) -> Array:
    """x matrix, in ranges of rows."""
    y = np.empty((len(x), matrix.shape[1]), x.dtype)
    # BLAS is slow for sums of a single term.
    multiply = np.multiply if x.shape[1] == 1 else np.matmul

    @quiet
    def task(_: int, start: int, stop: int) -> None:
        multiply(x[start:stop], matrix, out=y[start:stop])

    _threads.run(task, _ranges(x, y))
    return y


def _gram(x: Array, y: Array) -> Array:
    """x^T y, the sum over ranges of rows in their order."""
    ranges = _ranges(x, y)
    parts = np.empty((len(ranges), x.shape[1], y.shape[1]), x.dtype)

    @quiet
    def task(i: int, start: int, stop: int) -> None:
        np.matmul(x[start:stop].T, y[start:stop], out=parts[i])

    _threads.run(task, ranges)
    total: Array = parts[0]
    for part in parts[1:]:
        total += part
    return total
