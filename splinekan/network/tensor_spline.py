"""Tensor-product splines of several variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan import _threads
from splinekan._arrays import floats, quiet, viewable
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    real_array,
    sequence,
    shown,
)
from splinekan._checks import (
    function as checked_function,
)
from splinekan._records import Uncached
from splinekan.kernels import segments
from splinekan.network.domains import Interval
from splinekan.network.edges import described_knots, jumps
from splinekan.network.elementwise import ALONE
from splinekan.network.layer import BASES, Directions, Layer, entering, entering_jets
from splinekan.network.slot import Slot
from splinekan.network.tensor_parts import TensorPart
from splinekan.operators.coordinates import Piece
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import EXTRAPOLATIONS
from splinekan.splines.prolongation import prolongation

TANGENT = Directions((1,))
CONDITION = 1e12
"""Of a collocation matrix in the 1-norm, at most."""
GRAIN = 256
"""Samples of a thread's range, at least."""


@dataclass(frozen=True, eq=False, init=False)
class TensorSplineLayer(Uncached):
    """y_q = sum over i_1, ..., i_d of C[i_1, ..., i_d, q] b_{i_1}(x_1) ... b_{i_d}(x_d).

    Every output is a tensor-product spline of all inputs, linear in the parameters C, which are C-ordered as
    (n_basis_1, ..., n_basis_d, n_out). A sample touches (k_1 + 1) ... (k_d + 1) n_out of them, in runs of
    neighbours along the last input. On a periodic last input a run takes up to 2 k + 1 numbers, so order the
    inputs with a periodic one first.

    Outside the domain every univariate B-spline is continued as `SplineLayer` continues splines. With
    "polynomial" y is the polynomial of the nearest cell, with "clamp" the value at the nearest point of the
    box; with "linear" y is linear in every input that is outside, so that beyond a corner products x_1 x_2
    occur; with "zero" y is 0 as soon as any input is outside.

    Parameters
    ----------
    knots
        A KnotVector for every input, in the units of that input; degrees may differ, and knots may be
        periodic or repeated. A single KnotVector is that of a single input.
    n_out
        Number of outputs.
    extrapolate
        "polynomial" (default), "linear", "clamp", "zero" or "error", a ValueError. Periodic inputs have no
        outside.

    Raises
    ------
    TypeError, ValueError
        For knots that are not KnotVectors, n_out that is not a positive integer and an unknown extrapolation.
    MemoryError
        If the parameters do not fit into memory.

    Examples
    --------
    >>> import splinekan as sk
    >>> x, t = sk.KnotVector.uniform(0, 1, 8, 3, periodic=True), sk.KnotVector.uniform(0, 2, 4, 3)
    >>> layer = sk.TensorSplineLayer([x, t])
    >>> layer.n_in, layer.n_parameters, layer.domain
    (2, 56, ((0.0, 1.0), (0.0, 2.0)))
    """

    knots: tuple[KnotVector, ...]
    n_out: int
    extrapolate: str

    def __init__(
        self,
        knots: KnotVector | Sequence[KnotVector],
        n_out: int = 1,
        extrapolate: str = "polynomial",
    ) -> None:
        given = (knots,) if isinstance(knots, KnotVector) else sequence("knots", knots)
        vectors = tuple(instance(f"knots[{p}]", each, KnotVector) for p, each in enumerate(given))
        put = object.__setattr__
        put(self, "knots", vectors)
        put(self, "n_out", integer("n_out", n_out, low=1))
        put(self, "extrapolate", one_of("extrapolate", extrapolate, EXTRAPOLATIONS))
        affordable(f"a tensor-product layer of {self.n_parameters} parameters", 8.0 * self.n_parameters)

    # Sizes

    @property
    def n_in(self) -> int:
        """The number of knot vectors."""
        return len(self.knots)

    @property
    def degrees(self) -> tuple[int, ...]:
        """Of every input."""
        return tuple(knots.degree for knots in self.knots)

    @property
    def degree(self) -> int:
        """The lowest degree of any input."""
        return min(self.degrees)

    @property
    def intervals(self) -> int:
        """The largest number of intervals of any input."""
        return max(knots.intervals for knots in self.knots)

    @property
    def domain(self) -> tuple[Interval, ...]:
        """(a, b) of every input."""
        return tuple(knots.domain for knots in self.knots)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_basis_1, ..., n_basis_d, n_out), that of the coefficients."""
        return (*(knots.n_basis for knots in self.knots), self.n_out)

    @property
    def n_parameters(self) -> int:
        """The product of `shape`."""
        return prod(self.shape)

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """For all products of active functions of the inputs but the last, k + 1 neighbours of the last."""
        return self._map.lengths

    @cached_property
    def _map(self) -> TensorPart:
        return TensorPart(self.knots, self.n_out, self.extrapolate)

    def unpack(self, params: Array) -> dict[str, Any]:
        """View "coefficients", C, of the shape `shape`."""
        viewable("params", params, self.n_parameters)
        return {"coefficients": params.reshape(self.shape)}

    # Values and derivatives

    def value(self, params: Array, x: Array) -> Array:
        """y."""
        params, x = entering(self, params, x)
        return self._values(params, x[:, None], ALONE)[:, 0]

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The spline with coefficients dC at x, and the derivative of that with coefficients C along dx."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        moved = self._values(params, np.stack([x, dx], axis=1), TANGENT)[:, 1]
        return np.asarray(moved + self._values(dparams, x[:, None], ALONE)[:, 0])

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the coefficients and, if wanted, the inputs."""
        params, x = entering(self, params, x)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        boolean("want_x", want_x)
        gradient = self._gradient(x[:, None], gy[:, None], ALONE)
        return gradient, self._pulled(params, x[:, None], gy[:, None], ALONE, want_x)[:, 0]

    @quiet
    def vjp_tangent(
        self, params: Array, x: Array, gy: Array, dparams: Array, dx: Array, dgy: Array, want_x: bool
    ) -> tuple[Array, Array, Array]:
        """Derivatives of both results of `vjp` along (dparams, dx, dgy), and the second of them."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        gy = floats("gy", gy, (len(x), self.n_out), x.dtype)
        dgy = floats("dgy", dgy, gy.shape, x.dtype)
        boolean("want_x", want_x)
        curves = np.stack([x, dx], axis=1)
        # The change of (db/dC)^T gy is the gradient in C of dgy . y + gy . (derivative of y along dx).
        change = self._gradient(curves, np.stack([dgy, gy], axis=1), TANGENT)
        if not want_x:
            nothing = np.empty((0, self.n_in), x.dtype)
            return change, nothing, nothing
        slopes = self._slopes(params, curves, TANGENT)
        turns = self._slopes(dparams, x[:, None], ALONE)[:, :, 0] + slopes[:, :, 1]
        gx = np.einsum("jnq,nq->nj", slopes[:, :, 0], gy)
        return change, np.einsum("jnq,nq->nj", turns, gy) + np.einsum("jnq,nq->nj", slopes[:, :, 0], dgy), gx

    def jacobian_rows(self, params: Array, x: Array, v: Array, slot: Slot, want_x: bool) -> Array:
        """Rows b_{i_1}(x_1) ... b_{i_d}(x_d) v_q of the active coefficients."""
        params, x = entering(self, params, x)
        v = floats("v", v, (len(x), self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        self._write(x[:, None], v[:, None], ALONE, slot)
        return self._pulled(params, x[:, None], v[:, None], ALONE, want_x)[:, 0]

    def jet_value(self, params: Array, x: Array, directions: Directions) -> Array:
        """Channels of y, (n, channels, n_out), from those of x."""
        params, x = entering_jets(self, params, x, directions)
        return self._values(params, x, directions)

    def jet_vjp(
        self, params: Array, x: Array, gy: Array, directions: Directions, want_x: bool
    ) -> tuple[Array, Array]:
        """`vjp` with channels: gy (n, channels, n_out) and gx (n, channels, n_in)."""
        params, x = entering_jets(self, params, x, directions)
        gy = floats("gy", gy, (*x.shape[:2], self.n_out), x.dtype)
        boolean("want_x", want_x)
        return self._gradient(x, gy, directions), self._pulled(params, x, gy, directions, want_x)

    def jet_jacobian_rows(
        self, params: Array, x: Array, v: Array, directions: Directions, slot: Slot, want_x: bool
    ) -> Array:
        """`jacobian_rows` of sum_m v_m . y_m over the channels."""
        params, x = entering_jets(self, params, x, directions)
        v = floats("v", v, (*x.shape[:2], self.n_out), x.dtype)
        instance("slot", slot, Slot).check(self, x)
        boolean("want_x", want_x)
        self._write(x, v, directions, slot)
        return self._pulled(params, x, v, directions, want_x)

    @quiet
    def _values(self, params: Array, x: Array, directions: Directions) -> Array:
        """y."""
        part, c, y = self._map, self._map.unfolded(params), np.empty((*x.shape[:2], self.n_out), x.dtype)
        part.check(x[:, 0], directions.order + 1)
        moves = part.moves(x, directions)

        def task(_: int, start: int, stop: int) -> None:
            for some in part.ranges(start, stop):
                block = part.block(x[some], directions, moves, 0)
                y[some] = part.values(part.local(c, block), block.of(), directions)

        _threads.run(task, _threads.split(len(x), GRAIN))
        return y

    @quiet
    def _slopes(self, params: Array, x: Array, directions: Directions) -> Array:
        """Taylor coefficients of the derivatives of y in every input, (n_in, n, channels, n_out)."""
        part, c = self._map, self._map.unfolded(params)
        part.check(x[:, 0], directions.order + 2)
        slopes, moves = np.empty((self.n_in, *x.shape[:2], self.n_out), x.dtype), part.moves(x, directions)

        def task(_: int, start: int, stop: int) -> None:
            for some in part.ranges(start, stop):
                block = part.block(x[some], directions, moves, 1)
                local = part.local(c, block)
                for number in range(self.n_in):
                    slopes[number, some] = part.values(local, block.of(number), directions)

        _threads.run(task, _threads.split(len(x), GRAIN))
        return slopes

    @quiet
    def _pulled(self, params: Array, x: Array, v: Array, directions: Directions, wanted: bool) -> Array:
        """(dy/dx)^T v, (n, channels, n_in); empty unless wanted."""
        if not wanted:
            return np.empty((0, *x.shape[1:]), x.dtype)
        slopes, gx = self._slopes(params, x, directions), np.zeros(x.shape, x.dtype)
        for i, d, m in directions.pulls:
            gx[:, i] += np.einsum("jnq,nq->nj", slopes[:, :, d], v[:, m])
        return gx

    @quiet
    def _gradient(self, x: Array, v: Array, directions: Directions) -> Array:
        """(dy/dC)^T v, summed over samples."""
        part, lengths = self._map, np.array(self._map.lengths, np.int64)
        part.check(x[:, 0], directions.order + 1)
        moves, ranges = part.moves(x, directions), _threads.split(len(x), GRAIN)
        sums = np.zeros((len(ranges), self.n_parameters))

        def task(chunk: int, start: int, stop: int) -> None:
            for some in part.ranges(start, stop):
                block, n = part.block(x[some], directions, moves, 0), some.stop - some.start
                values, starts = np.empty((n, part.width), x.dtype), np.empty((n, len(lengths)), np.int64)
                part.rows(block, v[some], values, starts, 0)
                segments.multiply_transpose(values, starts, lengths, np.ones(n), sums[chunk], 0, n)

        _threads.run(task, ranges)
        for other in sums[1:]:
            sums[0] += other
        return sums[0].astype(x.dtype, copy=False)

    @quiet
    def _write(self, x: Array, v: Array, directions: Directions, slot: Slot) -> None:
        """The rows of sum_m v_m . y_m into the slot."""
        part, moves = self._map, self._map.moves(x, directions)
        part.check(x[:, 0], directions.order + 1)
        values = slot.values[slot.shift :: slot.stride, slot.position : slot.position + part.width]
        starts = slot.starts[slot.shift :: slot.stride, slot.segment : slot.segment + len(part.lengths)]

        def task(_: int, start: int, stop: int) -> None:
            for some in part.ranges(start, stop):
                block = part.block(x[some], directions, moves, 0)
                part.rows(block, v[some], values[some], starts[some], slot.column)

        _threads.run(task, _threads.split(len(x), GRAIN))

    # Other layers

    def refined(self, marked: Sequence[ArrayLike | None] | None = None) -> TensorSplineLayer:
        """The layer with every interval of every input halved, or those that are marked.

        `marked` holds for each input what `KnotVector.refine` takes: indices of intervals or a mask; None
        for all of them.
        """
        marks = [None] * self.n_in if marked is None else list(sequence("marked", marked))
        if len(marks) != self.n_in:
            raise ValueError(f"marked must hold marks for each of {self.n_in} inputs, got {len(marks)}")
        finer = [knots.refine(each) for knots, each in zip(self.knots, marks, strict=True)]
        return TensorSplineLayer(finer, self.n_out, self.extrapolate)

    def with_basis(self, basis: str) -> TensorSplineLayer:
        """Itself, in the "spline" basis.

        Raises
        ------
        ValueError
            For "relu": the basis of truncated powers is that of splines of a single variable.
        """
        if one_of("basis", basis, BASES) != "spline":
            raise ValueError(
                "basis must be 'spline' for a tensor-product layer: it is not parametrised in the ReLU basis"
            )
        return self

    def change_of_coordinates(self, basis: str) -> list[Piece]:
        """No block: the parameters are B-spline coefficients. Errors as of `with_basis`."""
        self.with_basis(basis)
        return []

    def prolongation(self, finer: Layer) -> scipy.sparse.csr_array:
        """P, the Kronecker product of the prolongations of the inputs' knots and of I for the outputs.

        Raises
        ------
        ValueError
            Unless `finer` is a tensor-product layer of the same numbers of inputs and outputs and the same
            extrapolation, on knots in which these are nested, with the same degrees and periods.
        """
        if not isinstance(finer, TensorSplineLayer):
            raise ValueError(f"layers differ: {self} has no prolongation to {shown(finer)}")
        for name in ("n_in", "n_out", "extrapolate"):
            mine, other = getattr(self, name), getattr(finer, name)
            if mine != other:
                raise ValueError(f"layers differ: {name} is {mine!r} in one and {other!r} in the other")
        factors = []
        for p, (coarse, fine) in enumerate(zip(self.knots, finer.knots, strict=True)):
            if coarse.periodic != fine.periodic:
                raise ValueError(f"layers differ: input {p} is periodic in one of them only")
            try:
                factors.append(prolongation(coarse, fine))
            except ValueError as error:
                raise ValueError(f"input {p}: {error}") from None
        return _kronecker([*factors, scipy.sparse.eye_array(self.n_out)])

    @cached_property
    def roughness(self) -> scipy.sparse.csr_array:
        """D, (rows, n_parameters): the jumps of `SplineLayer.roughness` along every input, one after another.

        Of input j, D C is h^k times the jump of the k-th derivative in x_j at every inner breakpoint, a
        spline in the other inputs, given by its B-spline coefficients: I x ... x D_j x ... x I, the penalty of
        P-splines in several variables (Eilers, Currie & Durban 2006, Comput. Stat. Data Anal. 50).
        """
        blocks = []
        for j, knots in enumerate(self.knots):
            factors = [scipy.sparse.eye_array(n) for n in self.shape]
            factors[j] = scipy.sparse.csr_array(jumps(knots, "spline"))
            blocks.append(_kronecker(factors))
        return scipy.sparse.csr_array(scipy.sparse.vstack(blocks, format="csr"))

    # Interpolation

    @property
    def nodes(self) -> Float64Array:
        """Points of interpolation, (n_basis_1 ... n_basis_d, n_in), in the order of the coefficients.

        The grid of the Greville points of every input, those of clamped knots, which lie in the domain:
        the space of splines on [a, b] does not depend on the ghost knots.
        """
        grids = np.meshgrid(*map(_nodes, self.knots), indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1)

    def interpolate(self, function: Callable[[Float64Array], ArrayLike]) -> Float64Array:
        """The parameters of the layer whose outputs equal `function` at `nodes`.

        Splines of the space are reproduced, up to rounding; of a smooth function the error is of the order of
        the best approximation.

        Parameters
        ----------
        function
            Values (n,) or (n, n_out) at points (n, n_in).

        Returns
        -------
        numpy.ndarray
            (n_parameters,).

        Raises
        ------
        TypeError, ValueError
            If `function` is not callable, its values are of another shape or not finite; if interpolation is
            not unique, as at inner knots of multiplicity k + 1, where several nodes coincide.

        Examples
        --------
        >>> import splinekan as sk
        >>> layer = sk.TensorSplineLayer([sk.KnotVector.uniform(0, 1, 4, 3), sk.KnotVector.uniform(0, 1, 2, 2)])
        >>> params = layer.interpolate(lambda x: x[:, 0] ** 3 * x[:, 1])
        >>> layer.value(params, np.array([[0.5, 0.75]])).round(12)
        array([[0.09375]])
        """
        checked_function("function", function)
        inverses = [_factor(p, knots) for p, knots in enumerate(self.knots)]
        nodes = self.nodes
        values = real_array("function(nodes)", function(nodes)).astype(np.float64, copy=False)
        accepted = [(len(nodes), self.n_out)] + [(len(nodes),)] * (self.n_out == 1)
        if values.shape not in accepted:
            wanted = " or ".join(map(str, accepted))
            raise ValueError(f"function must return values of shape {wanted}, got {values.shape}")
        c = values.reshape(self.shape)
        for axis, matrix in enumerate(inverses):
            moved = np.moveaxis(c, axis, 0)
            solved = np.linalg.solve(matrix, moved.reshape(len(matrix), -1)).reshape(moved.shape)
            c = np.moveaxis(solved, 0, axis)
        return np.ascontiguousarray(c).ravel()

    def __str__(self) -> str:
        each = [f"degree {knots.degree}, {described_knots(knots)}" for knots in self.knots]
        beyond = "" if all(knots.periodic for knots in self.knots) else f", {self.extrapolate} beyond"
        return f"TensorSplineLayer({self.n_in} -> {self.n_out}, {' x '.join(each)}{beyond})"


def _kronecker(factors: Sequence[Any]) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(reduce(lambda a, b: scipy.sparse.kron(a, b, format="csr"), factors))


def _nodes(knots: KnotVector) -> Float64Array:
    """The Greville points of the clamped knots of the same space."""
    if knots.periodic:
        return np.asarray(knots.greville, dtype=np.float64)
    return np.asarray(KnotVector(np.clip(knots.t, *knots.domain), knots.degree).greville, dtype=np.float64)


def _factor(p: int, knots: KnotVector) -> Float64Array:
    """The collocation matrix of an input.

    Raises
    ------
    ValueError
        If it is singular, or nearly so.
    """
    matrix = np.asarray(BSplineBasis(knots).tabulate(_nodes(knots)), dtype=np.float64)
    try:
        condition = np.linalg.norm(matrix, 1) * np.linalg.norm(np.linalg.inv(matrix), 1)
    except np.linalg.LinAlgError:
        condition = np.inf
    if not condition < CONDITION:
        raise ValueError(
            f"knots[{p}]: interpolation at Greville points is not unique, or ill-conditioned (condition number "
            f"{condition:.1g}); inner knots must have multiplicities of at most the degree"
        )
    return matrix
