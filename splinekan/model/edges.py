"""Single edges of a network, read and replaced as splines."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._checks import Float64Array, boolean, shown
from splinekan.model.extrapolation import level_outside_of_the_package
from splinekan.model.places import Place, located
from splinekan.network import KAN, DomainWarning, FormulaLayer, SplineLayer, Sum
from splinekan.network.layer import Layer
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import KEPT
from splinekan.splines.spacing import NESTED
from splinekan.splines.spline import Spline

if TYPE_CHECKING:
    from splinekan.model.model import Model


@dataclass(frozen=True)
class Edge:
    """An edge that is a spline.

    Attributes
    ----------
    network, theta
        The network and its parameters.
    place
        The place of the edge.
    layer
        The spline layer: that layer of the network, or its summand.
    start
        The position at which its parameters begin in theta.
    """

    network: KAN
    theta: Float64Array
    place: Place
    layer: SplineLayer
    start: int

    @property
    def own_knots(self) -> KnotVector:
        """The knots of the layer."""
        return self.layer.knots[self.place.input]

    @property
    def knots(self) -> KnotVector:
        """The knots in the units of x, if the layer is the first."""
        knots, units = self.own_knots, self.place.units
        if units.knots == units.x:
            return knots
        k = knots.degree
        try:
            if knots.is_uniform:
                a, b = (float(end) for end in units.to_x(np.array(knots.domain)))
                return KnotVector.uniform(a, b, knots.intervals, k, knots.periodic)
            if knots.periodic:
                points = units.to_x(knots.breakpoints)
                return KnotVector.extended(points, k, knots.multiplicities, periodic=True)
            return KnotVector(units.to_x(knots.t), k)
        except ValueError as error:
            raise ValueError(
                f"input {self.place.input}: {knots} has no knots in the units of x: {error}"
            ) from None

    @property
    def where(self) -> NDArray[np.int64]:
        """Indices into theta of the coefficients."""
        return self._indices("coefficients")

    @property
    def branch(self) -> NDArray[np.int64]:
        """The index into theta of the weight of the base branch; empty without a base branch."""
        if self.layer.base is None:
            return np.zeros(0, np.int64)
        return self._indices("base")

    def _indices(self, part: str) -> NDArray[np.int64]:
        alone = KAN((self.layer,))
        return self.start + alone.indices(0, self.place.input, self.place.output, part)

    @property
    def coefficients(self) -> Float64Array:
        """Coefficients of the B-splines, in the units of the layer."""
        c: Float64Array = self.theta[self.where]
        if self.layer.basis == "relu":
            c = change_of_basis(self.own_knots).solve_transpose(c)
        return c


def spline_edge(model: Model, layer: Any, input: Any, output: Any) -> Edge:
    """An edge that is a spline and nothing else.

    Raises
    ------
    TypeError, ValueError
        For an edge that is not there, or has a formula or a linear function or several splines.
    """
    place = located(model, layer, input, output)
    whole: Any = model.network.layers[place.number]
    start = model.network.offsets[place.number]
    summands = (
        zip(whole.layers, whole.slices, strict=True) if isinstance(whole, Sum) else [(whole, slice(0, 0))]
    )
    found = []
    for leaf, at in summands:
        if isinstance(leaf, FormulaLayer):
            own = [term for term in leaf.terms if (term.input, term.output) == (place.input, place.output)]
            if own:
                raise ValueError(
                    f"layer {layer} has a formula from input {place.input} to output {place.output}, not a "
                    f"spline alone: {own[0]}"
                )
        else:
            found.append((leaf, start + at.start))
    if len(found) != 1 or not isinstance(found[0][0], SplineLayer):
        raise ValueError(f"layer {layer} must have a single spline on every edge, got {shown(str(whole))}")
    return Edge(model.network, model.theta, place, found[0][0], found[0][1])


def spline(edge: Edge, base: Any) -> Spline:
    """See `Model.edge`."""
    c, layer = edge.coefficients, edge.layer
    if boolean("base", base):
        c = c + _branch_in_splines(edge)
    return Spline(edge.knots, edge.place.scale * c, extrapolate=_mode(layer, edge.own_knots))


def with_spline(edge: Edge, given: Any, base: Any) -> tuple[KAN, Float64Array]:
    """The network and the parameters with another function on an edge; see `Model.with_edge`."""
    whole, new = boolean("base", base), _scalar_spline(given)
    old, layer = edge.knots, edge.layer
    _check_space(new.knots, old, layer)
    where, points = _missing(new.knots, old)
    if len(points):
        # Multiples of a breakpoint are copies of the layer's own number, bit for bit.
        own = edge.own_knots
        inserted = edge.place.units.to_knots(points)
        inserted[where >= 0] = own.breakpoints[where[where >= 0]]
        edge = _refined(edge, own.insert(inserted))
        old = old.insert(points)
    if new.knots != old:
        try:
            new = new.on(old)
        except ValueError as error:
            raise ValueError(f"spline has knots too close to others of the layer: {error}") from None
    c = new.c.astype(np.float64)
    _warn_of_continuation(new, layer, old.periodic)
    theta, before = edge.theta.copy(), edge.coefficients
    with np.errstate(over="ignore"):
        c = np.where(edge.place.scale * before == c, before, c / edge.place.scale)
    if not np.isfinite(c).all():
        raise ValueError("spline must have coefficients within the range of float64 in the layer's units")
    if edge.layer.basis == "relu" and not np.array_equal(c, before):
        theta[edge.where] = change_of_basis(edge.own_knots).apply_transpose(c)
    elif edge.layer.basis == "spline":
        theta[edge.where] = c
    if whole:
        theta[edge.branch] = 0.0
    return edge.network, theta


def _branch_in_splines(edge: Edge) -> Any:
    """Coefficients of the base branch; 0 if its weight is 0.

    Raises
    ------
    ValueError
        If the base branch is not a spline that continues as the layer does.
    """
    weight = edge.theta[edge.branch]
    if not weight.any():
        return 0.0
    layer, knots = edge.layer, edge.own_knots
    if layer.base == "identity" and knots.degree > 0 and layer.extrapolate not in ("clamp", "zero"):
        return float(weight[0]) * knots.greville
    why = "" if layer.base == "silu" else f" with degree {knots.degree} and {layer.extrapolate!r} beyond"
    raise ValueError(
        f"base must be False for this edge, which gives its spline alone: it is the sum of a spline and "
        f"{weight[0]:g} {layer.base}(x), which is not a spline on the same knots{why}"
    )


def _scalar_spline(given: Any) -> Spline:
    if isinstance(given, scipy.interpolate.BSpline):
        try:
            given = Spline.from_scipy(given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"spline cannot be read: {error}") from None
    if not isinstance(given, Spline):
        raise TypeError(f"spline must be a splinekan.Spline or a SciPy BSpline, got {shown(given)}")
    if given.c.ndim != 1:
        raise ValueError(f"spline must have numbers as values, got coefficients of shape {given.c.shape}")
    return given


def _check_space(new: KnotVector, old: KnotVector, layer: SplineLayer) -> None:
    if new.degree != layer.degree:
        raise ValueError(f"spline must have the degree of the layer, {layer.degree}, got {new.degree}")
    if old.periodic and not new.periodic:
        raise ValueError("spline must have periodic knots, as this input of the layer has")
    (a, b), (c, d) = old.domain, new.domain
    beside = np.array([np.diff(each.breakpoints)[[0, -1]] for each in (old, new)]).min(axis=0)
    if (np.abs([a - c, b - d]) > NESTED * beside).any():
        raise ValueError(
            f"spline must have the domain of the layer's splines, [{a}, {b}] in the units of this edge, got "
            f"[{c}, {d}]"
        )


def _missing(new: KnotVector, old: KnotVector) -> tuple[NDArray[np.int64], Float64Array]:
    """Knots to insert into `old`, and which breakpoint of `old` each repeats; -1 for new breakpoints."""
    where, points = [], []
    widths, own = np.diff(old.breakpoints), np.diff(new.breakpoints)
    for i, count in enumerate(new.multiplicities, start=1):
        point = new.breakpoints[i]
        at = int(np.abs(old.breakpoints - point).argmin())
        beside = min(widths[max(at - 1, 0)], widths[min(at, len(widths) - 1)], own[i - 1], own[i])
        inner = 0 < at < len(widths)
        if abs(old.breakpoints[at] - point) <= NESTED * beside and inner:
            extra = int(count - old.multiplicities[at - 1])
            where += [at] * max(extra, 0)
            points += [old.breakpoints[at]] * max(extra, 0)
        else:
            where += [-1] * int(count)
            points += [point] * int(count)
    return np.array(where, np.int64), np.array(points, np.float64)


def _refined(edge: Edge, knots: KnotVector) -> Edge:
    """The same function with other knots of the edge's input."""
    layer, network = edge.layer, edge.network
    if layer.basis == "relu" and not knots.has_relu_basis:
        raise ValueError(
            "spline has repeated knots, which the ReLU basis of the layer does not allow: take "
            "model.with_basis('spline')"
        )
    p, number = edge.place.input, edge.place.number
    each = (*layer.knots[:p], knots, *layer.knots[p + 1 :])
    finer = SplineLayer(
        layer.n_in, layer.n_out, each, layer.degree, layer.extrapolate, layer.basis, layer.base
    )
    start, stop, theta = edge.start, edge.start + layer.n_parameters, edge.theta
    theta = np.concatenate([theta[:start], layer.prolongation(finer) @ theta[start:stop], theta[stop:]])
    layers: list[Layer] = list(network.layers)
    whole = layers[number]
    if isinstance(whole, Sum):
        layers[number] = Sum(tuple(finer if leaf is layer else leaf for leaf in whole.layers))
    else:
        layers[number] = finer
    return replace(edge, network=KAN(tuple(layers)), theta=theta, layer=finer)


def _mode(layer: SplineLayer, knots: KnotVector) -> str:
    return "periodic" if knots.periodic else layer.extrapolate


def _warn_of_continuation(new: Spline, layer: SplineLayer, periodic: bool) -> None:
    """Issue a `DomainWarning` if the spline is continued outside its domain otherwise than the layer."""
    mine, other = new.extrapolate, "periodic" if periodic else layer.extrapolate
    powers = [min(KEPT.get(mode, 9), new.degree + 1) for mode in (mine, other)]
    alike = {mine, other} <= {"polynomial", *KEPT} and powers[0] == powers[1]
    if mine not in ("error", other) and not alike:
        a, b = new.domain
        warnings.warn(
            f"outside [{a:g}, {b:g}] the edge is continued as its layer, {other!r}, no longer "
            f"{mine!r} as the spline; a spline with extrapolate='error' (False in SciPy) has no continuation "
            "to lose",
            DomainWarning,
            stacklevel=level_outside_of_the_package(),
        )
