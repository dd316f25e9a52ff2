"""Tensor-product splines of several variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod
from typing import Any, ClassVar

import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import floats, viewable
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    sequence,
    shown,
)
from splinekan._checks import (
    function as checked_function,
)
from splinekan._records import Uncached
from splinekan.network.domains import Interval
from splinekan.network.edges import described_knots, jumps
from splinekan.network.layer import BASES, Directions, Layer, entering, entering_jets
from splinekan.network.slot import Slot
from splinekan.network.tensor_evaluation import TensorPart
from splinekan.network.tensor_interpolation import interpolated, nodes
from splinekan.operators.coordinates import Piece
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import EXTRAPOLATIONS
from splinekan.splines.prolongation import prolongation


@dataclass(frozen=True, eq=False, init=False)
class TensorSplineLayer(Uncached):
    """The layer y_q = sum over i_1, ..., i_d of C[i_1, ..., i_d, q] b_{i_1}(x_1) ... b_{i_d}(x_d).

    Every output is a tensor-product spline of all inputs, linear in the parameters C, which are C-ordered as
    (n_basis_1, ..., n_basis_d, n_out). A sample touches (k_1 + 1) ... (k_d + 1) n_out of them, in runs of
    neighbours along the last input. On a periodic last input a run takes up to 2 k + 1 numbers, so put
    periodic inputs first.

    Outside the domain every univariate B-spline is continued as in `SplineLayer`. With
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

    basis: ClassVar[str] = "spline"

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
        """Number of inputs: that of the knot vectors."""
        return len(self.knots)

    @property
    def degrees(self) -> tuple[int, ...]:
        """The degree of every input."""
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
        """The domain (a, b) of every input."""
        return tuple(knots.domain for knots in self.knots)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the coefficients, (n_basis_1, ..., n_basis_d, n_out)."""
        return (*(knots.n_basis for knots in self.knots), self.n_out)

    @property
    def n_parameters(self) -> int:
        """Number of parameters: the product of `shape`."""
        return prod(self.shape)

    @property
    def segment_lengths(self) -> tuple[int, ...]:
        """For all products of active functions of the inputs but the last, k + 1 neighbours of the last."""
        return self._map.segment_lengths

    @cached_property
    def _map(self) -> TensorPart:
        return TensorPart(self.knots, self.n_out, self.extrapolate)

    def unpack(self, params: Array) -> dict[str, Any]:
        """View "coefficients", C, of the shape `shape`."""
        viewable("params", params, self.n_parameters)
        return {"coefficients": params.reshape(self.shape)}

    # Values and derivatives

    def value(self, params: Array, x: Array) -> Array:
        """The values y, (n, n_out)."""
        params, x = entering(self, params, x)
        return self._map.value(params, x)

    def jvp(self, params: Array, x: Array, dparams: Array, dx: Array) -> Array:
        """The spline with coefficients dC at x, and the derivative of that with coefficients C along dx."""
        params, x = entering(self, params, x)
        dparams, dx = floats("dparams", dparams, params.shape, x.dtype), floats("dx", dx, x.shape, x.dtype)
        return self._map.jvp(params, x, dparams, dx)

    def vjp(self, params: Array, x: Array, gy: Array, want_x: bool) -> tuple[Array, Array]:
        """Gradients with respect to the coefficients and, if wanted, the inputs."""
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
        """Rows b_{i_1}(x_1) ... b_{i_d}(x_d) v_q of the active coefficients."""
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

    def refined(self, marked: Sequence[ArrayLike | None] | None = None) -> TensorSplineLayer:
        """The layer with every interval of every input halved, or the marked intervals.

        `marked` holds for each input what `KnotVector.refine` takes: indices of intervals or a mask; None
        for all of them.
        """
        marks = [None] * self.n_in if marked is None else list(sequence("marked", marked))
        if len(marks) != self.n_in:
            raise ValueError(f"marked must hold marks for each of {self.n_in} inputs, got {len(marks)}")
        finer = [knots.refine(each) for knots, each in zip(self.knots, marks, strict=True)]
        return TensorSplineLayer(finer, self.n_out, self.extrapolate)

    def with_basis(self, basis: str) -> TensorSplineLayer:
        """The layer itself, for the "spline" basis.

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
        """No block: the parameters are B-spline coefficients. Raises as `with_basis`."""
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
        return kronecker([*factors, scipy.sparse.eye_array(self.n_out)])

    @cached_property
    def roughness(self) -> scipy.sparse.csr_array:
        """The matrix D, (rows, n_parameters), of the jumps of `SplineLayer.roughness` along every input.

        The block of input j is I x ... x D_j x ... x I: the B-spline coefficients in the other inputs of h^k
        times the jump of the k-th derivative in x_j, at every inner breakpoint. The penalty is that of
        P-splines in several variables (Eilers, Currie & Durban 2006, Comput. Stat. Data Anal. 50).
        """
        blocks = []
        for j, knots in enumerate(self.knots):
            factors = [scipy.sparse.eye_array(n) for n in self.shape]
            factors[j] = scipy.sparse.csr_array(jumps(knots, "spline"))
            blocks.append(kronecker(factors))
        return scipy.sparse.csr_array(scipy.sparse.vstack(blocks, format="csr"))

    # Interpolation

    @property
    def nodes(self) -> Float64Array:
        """Points of interpolation, (n_basis_1 ... n_basis_d, n_in), in the order of the coefficients.

        They are the grid of the Greville points of every input on clamped knots, which lie in the domain:
        the space of splines on [a, b] does not depend on the ghost knots.
        """
        return nodes(self.knots)

    def interpolate(self, function: Callable[[Float64Array], ArrayLike]) -> Float64Array:
        """The parameters of the layer whose outputs equal `function` at `nodes`.

        Splines of the space are reproduced up to rounding; for a smooth function the error is of the order of
        the best approximation.

        Parameters
        ----------
        function
            Values (n,) or (n, n_out) at points (n, n_in).

        Returns
        -------
        ndarray
            The parameters, (n_parameters,).

        Raises
        ------
        TypeError, ValueError
            If `function` is not callable, or its values are of another shape or not finite; if interpolation
            is not unique, as at inner knots of multiplicity k + 1, where several nodes coincide.

        Examples
        --------
        >>> import splinekan as sk
        >>> x, y = sk.KnotVector.uniform(0, 1, 4, 3), sk.KnotVector.uniform(0, 1, 2, 2)
        >>> layer = sk.TensorSplineLayer([x, y])
        >>> params = layer.interpolate(lambda x: x[:, 0] ** 3 * x[:, 1])
        >>> layer.value(params, [[0.5, 0.75]]).round(12)
        array([[0.09375]])
        """
        checked_function("function", function)
        return interpolated(self.knots, self.n_out, function)

    def __str__(self) -> str:
        each = [f"degree {knots.degree}, {described_knots(knots)}" for knots in self.knots]
        beyond = "" if all(knots.periodic for knots in self.knots) else f", {self.extrapolate} beyond"
        return f"TensorSplineLayer({self.n_in} -> {self.n_out}, {' x '.join(each)}{beyond})"


def kronecker(factors: Sequence[Any]) -> scipy.sparse.csr_array:
    """The Kronecker product of sparse matrices, those of later factors running faster."""
    return scipy.sparse.csr_array(reduce(lambda a, b: scipy.sparse.kron(a, b, format="csr"), factors))
