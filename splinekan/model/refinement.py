"""Local refinement of a model: marked intervals are halved, and their neighbours as far as grading requires.

After a refinement neighbouring intervals of which at least one was halved differ in width by at most a factor
of 2. The closure that ensures this is the usual one of adaptive methods: an interval that is more than twice
as wide as a neighbour is halved too, again and again. For graded knots it adds a bounded multiple of the
marked intervals over all refinements together (Binev, Dahmen & DeVore 2004, for triangulations).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array, integer, shown, vector
from splinekan.model.places import _index, counted, names_of_inputs
from splinekan.network import KAN, SplineLayer, Sum, TensorSplineLayer
from splinekan.network.edges import jumps
from splinekan.network.kan import first_on_knots
from splinekan.splines.spacing import chosen_intervals

if TYPE_CHECKING:
    from splinekan.model.model import Model

RATIO = 2.0 * (1 + 1e-6)
"""Largest ratio of the widths of neighbours, with room for the rounding of knots."""
Mask = NDArray[np.bool_]
Key = tuple[int, int]


class Site(NamedTuple):
    """The splines of an input, or those of an axis of a tensor-product layer.

    Attributes
    ----------
    number
        The number of the layer in the network.
    layer
        The spline layer: that layer, or its only summand with splines.
    start
        The position at which its parameters begin in theta.
    input
        The number of the input.
    """

    number: int
    layer: SplineLayer | TensorSplineLayer
    start: int
    input: int

    @property
    def where(self) -> slice:
        """The range in theta of the coefficients, (n_basis, n_out) in C order; all for tensor products."""
        if isinstance(self.layer, TensorSplineLayer):
            return slice(self.start, self.start + self.layer.n_parameters)
        sizes = [knots.n_basis * self.layer.n_out for knots in self.layer.knots[: self.input + 1]]
        stop = self.start + sum(sizes)
        return slice(stop - sizes[-1], stop)

    def coefficients(self, theta: Float64Array) -> Float64Array:
        """The coefficients of the input, (n_basis, n_out), in the basis of the layer.

        For an axis of a tensor-product layer, (n_basis, all coefficients along the other axes).
        """
        if isinstance(self.layer, TensorSplineLayer):
            c = np.moveaxis(theta[self.where].reshape(self.layer.shape), self.input, 0)
            return np.ascontiguousarray(c.reshape(len(c), -1))
        return theta[self.where].reshape(-1, self.layer.n_out)


def sites(network: KAN) -> dict[Key, Site]:
    """The splines of all inputs by (layer, input), layers of splines or formulas counted from 0.

    Layers without splines, and sums with several spline layers, have none.
    """
    numbers = counted(network)
    found: dict[Key, Site] = {}
    for count, number in enumerate(numbers):
        own = [(layer, start) for at, layer, start in network._on_knots if at == number]
        if len(own) == 1:
            layer, start = own[0]
            found |= {(count, p): Site(number, layer, start, p) for p in range(layer.n_in)}
    return found


def refined(
    model: Model, marked: Any, budget: Any = None, importance: Any = None
) -> tuple[KAN, Float64Array]:
    """See `Model.refine`: the network with marked intervals halved, and its parameters."""
    known = sites(model.network)
    if not known:
        raise ValueError("model must have spline layers, got a network without any")
    if marked is None:
        masks = {key: np.ones(site.layer.knots[site.input].intervals, bool) for key, site in known.items()}
    else:
        masks = _masks(model, known, marked)
    limit = np.inf
    if budget is not None:
        limit = integer("budget", budget, low=model.n_parameters)
    ranks = _ranks(model, known, masks, importance)
    chosen = _affordable(model.n_parameters, known, masks, ranks, limit)
    network = model.network
    rounds = {key: closure(*_geometry(known[key]), mask) for key, mask in chosen.items()}
    for number in range(max(map(len, rounds.values()), default=0)):
        now = {key: own[number] for key, own in rounds.items() if number < len(own)}
        network = network.refined(_marks(network, known, now))
    if network is model.network:
        return network, model.theta
    return network, np.asarray(model.network.prolongation(network) @ model.theta)


def closure(widths: Float64Array, periodic: bool, marked: Mask) -> list[Mask]:
    """The intervals to halve, round after round: the marked ones, then those too wide beside them.

    Every mask refers to the intervals after the rounds before it.
    """
    rounds, touched = [], np.zeros(len(widths), bool)
    while marked.any():
        rounds.append(marked)
        copies = 1 + marked
        touched = np.repeat(touched | marked, copies)
        widths = np.repeat(np.where(marked, widths / 2, widths), copies)
        marked = np.zeros(len(widths), bool)
        if len(widths) == 1:
            break
        left = np.arange(len(widths) if periodic else len(widths) - 1)
        right = (left + 1) % len(widths)
        beside = touched[left] | touched[right]
        marked[left[beside & (widths[left] > RATIO * widths[right])]] = True
        marked[right[beside & (widths[right] > RATIO * widths[left])]] = True
    return rounds


def edge_jumps(site: Site, c: Float64Array) -> Float64Array:
    """Mean squares of the jumps h^k [s^(k)] at the two ends of every interval, (intervals, columns of c).

    c are coefficients in the basis of the layer. Ends of the domain have no jump, unless it is periodic.
    """
    knots = site.layer.knots[site.input]
    squares = np.zeros((knots.intervals + 1, c.shape[1]))
    found = np.asarray(jumps(knots, site.layer.basis) @ c) ** 2
    if knots.periodic:
        squares[:-1] = found
        squares[-1] = found[0]
    else:
        squares[1:-1] = found
    return (squares[1:] + squares[:-1]) / 2


def _geometry(site: Site) -> tuple[Float64Array, bool]:
    knots = site.layer.knots[site.input]
    return np.diff(knots.breakpoints), knots.periodic


def keyed(model: Model, known: Mapping[Key, Site], name: str, given: Any) -> dict[Key, Any]:
    """A dictionary with keys (layer, input), inputs by number or by name, with plain keys.

    Raises
    ------
    TypeError, ValueError
        For anything else, and keys that do not exist or occur twice.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dictionary with keys (layer, input), got {shown(given)}")
    found: dict[Key, Any] = {}
    for key, value in given.items():
        if not isinstance(key, tuple) or len(key) != 2:
            raise TypeError(f"{name} must have keys (layer, input), got {shown(key)}")
        layers = counted(model.network)
        layer = integer(f"the layer of a key of {name}", key[0], low=0, high=len(layers) - 1)
        number = layers[layer]
        names = names_of_inputs(model, number)
        count = model.network.layers[number].n_in
        plain = layer, _index(f"the input of a key of {name}", key[1], count, names)
        if plain not in known:
            raise ValueError(
                f"{name}: layer {layer} must have splines on a single set of knots to be refined"
            )
        if plain in found:
            raise ValueError(f"{name} must hold every (layer, input) once, got {plain} twice")
        found[plain] = value
    return found


def _masks(model: Model, known: Mapping[Key, Site], marked: Any) -> dict[Key, Mask]:
    masks = {}
    for key, value in keyed(model, known, "marked", marked).items():
        count = known[key].layer.knots[key[1]].intervals
        if value is None:
            raise TypeError(f"marked[{key}] must be indices of intervals or a mask of booleans, got None")
        try:
            masks[key] = chosen_intervals(value, count)
        except (TypeError, ValueError) as error:
            raise type(error)(f"marked[{key}]: {error}") from None
    return masks


def _ranks(
    model: Model, known: Mapping[Key, Site], masks: Mapping[Key, Mask], importance: Any
) -> list[tuple[Key, int]]:
    """The marked intervals, the most important first; equally important intervals in order."""
    if importance is None:
        scores = {
            key: edge_jumps(known[key], known[key].coefficients(model.theta)).sum(axis=1) for key in masks
        }
    else:
        scores = {}
        for key, value in keyed(model, known, "importance", importance).items():
            count = known[key].layer.knots[key[1]].intervals
            scores[key] = vector(f"importance[{key}]", value, count)
        missing = [key for key, mask in masks.items() if mask.any() and key not in scores]
        if missing:
            raise ValueError(f"importance must have an entry for every key of marked, lacks {shown(missing)}")
    every = [(key, int(i)) for key, mask in masks.items() for i in np.flatnonzero(mask)]
    sizes = np.array([scores[key][i] for key, i in every])
    return [every[i] for i in np.argsort(-sizes, kind="stable")]


def _affordable(
    size: int,
    known: Mapping[Key, Site],
    masks: Mapping[Key, Mask],
    ranks: list[tuple[Key, int]],
    limit: float,
) -> dict[Key, Mask]:
    """The longest run of `ranks` with whose closure the network has at most `limit` parameters."""

    def first(count: int) -> dict[Key, Mask]:
        chosen = {key: np.zeros(len(mask), bool) for key, mask in masks.items()}
        for key, i in ranks[:count]:
            chosen[key][i] = True
        return {key: mask for key, mask in chosen.items() if mask.any()}

    def parameters(chosen: dict[Key, Mask]) -> float:
        added = 0
        tensors: dict[int, list[int]] = {}
        for key, mask in chosen.items():
            site = known[key]
            halved = sum(int(own.sum()) for own in closure(*_geometry(site), mask))
            if isinstance(site.layer, TensorSplineLayer):
                tensors.setdefault(key[0], list(site.layer.shape))[site.input] += halved
            else:
                added += halved * site.layer.n_out
        grown = (prod(shape) - known[layer, 0].layer.n_parameters for layer, shape in tensors.items())
        return size + added + sum(grown)

    low, high = 0, len(ranks)
    if parameters(first(high)) <= limit:
        return first(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if parameters(first(middle)) <= limit else (low, middle)
    return first(low)


def _marks(network: KAN, known: Mapping[Key, Site], now: Mapping[Key, Mask]) -> list[Any]:
    """The argument of `KAN.refined`."""
    marks: list[Any] = []
    for number, layer in enumerate(network.layers):
        own = {known[key].input: mask for key, mask in now.items() if known[key].number == number}
        each: list[Any] = [own.get(p, []) for p in range(layer.n_in)]
        if isinstance(layer, Sum):
            marks.append([each if first_on_knots(leaf) else None for leaf in layer.layers])
        else:
            marks.append(each if isinstance(layer, (SplineLayer, TensorSplineLayer)) else None)
    return marks
