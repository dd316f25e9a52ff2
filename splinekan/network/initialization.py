"""Random starting values of theta."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, generator, instance, one_of, real
from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.constants import Constants
from splinekan.network.domains import Interval, intervals, one_each
from splinekan.network.formula import FormulaLayer
from splinekan.network.formula_start import draw_formula
from splinekan.network.kan import KAN, first_on_knots
from splinekan.network.layer import Layer
from splinekan.network.normalizer import Normalizer
from splinekan.network.product import Product
from splinekan.network.spline import SplineLayer
from splinekan.network.sum import leaves
from splinekan.network.tensor_spline import TensorSplineLayer
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_vector import KnotVector

SCHEMES = ("frames", "greville", "noise")


@np.errstate(over="ignore", invalid="ignore")
def initialize(
    network: KAN,
    seed: int | np.random.Generator,
    scheme: str = "frames",
    *,
    bounds: Interval | Sequence[Interval] | None = None,
    noise: float = 0.1,
    mean: float = 0.0,
) -> Float64Array:
    """Random starting values of theta.

    The function drawn is the same in both bases.

    Parameters
    ----------
    network
        The network.
    seed
        A seed (an integer of at least 0) or a NumPy Generator.
    scheme
        "frames", "greville" or "noise"; see the notes.
    bounds
        The interval (a, b) on which every input of the network lies, in the units of x; or a sequence of
        intervals, one for each input. By default the `source` of an affine `Normalizer` in front, else
        (0, 1). Used for affine maps; the knots of a network that begins with splines are its bounds.
    noise
        Standard deviation of the coefficients, in the units of the outputs.
    mean
        Mean of the outputs of every spline layer ("frames").

    Returns
    -------
    ndarray
        The parameters theta, (network.n_parameters,), float64.

    Raises
    ------
    TypeError, ValueError
        For an unknown scheme, a seed of another kind, bounds that are not increasing or not as many as there
        are inputs, or a negative noise level.

    Notes
    -----
    "noise" preserves variances. Affine weights are N(0, 1/n_in), without bias; spline coefficients are
    N(0, s^2), s^2 chosen so that an output has variance 1 over inputs uniform in [a, b].

    "frames" gives an affine map that feeds a spline layer evenly spread directions: for two inputs the angles
    pi (phase + q)/n_out with a random phase, for more inputs the vectors of random orthonormal frames. Each
    is scaled and shifted so that the image of the box of its inputs just fills [a, b], and every interval
    contains data. (Without a bias it is only scaled.) The box is that of the bounds, scaled to [0, 1] before
    the directions are drawn, so that units do not matter; in later layers it is the image of that box, or the
    domain of the preceding spline layer. Spline coefficients are mean/n_in + `noise` N(0, 1).

    "greville" adds to "frames" a random linear function on every edge, exact by the Greville points:
    +-(x - (a+b)/2)/n_in around the middle of the domain, so that deep chains of spline layers start inside
    their domains. On periodic knots it is a sine with the same range.

    A tensor-product layer is drawn as the sum over its inputs: with "greville" a random linear function of
    them, with "noise" coefficients that give an output variance 1 over inputs uniform in its box.

    In formulas, a and b map the range of the inputs to an interval in the domain of each function in turn, c
    is N(0, 1) over the root of the number of terms, and d is 0. Fixed constants stay. `Constants` take their
    starting values.

    The weights of a base branch are N(0, noise^2/n_in); with "noise" they are N(0, 1/n_in) over the root mean
    square of its function on the domain, and splines and base branch have half the variance each. They are
    drawn after the coefficients.

    Examples
    --------
    >>> import splinekan as sk
    >>> network = sk.KAN.splines([2, 5, 1], degree=3, intervals=4)
    >>> theta = sk.initialize(network, seed=0, scheme="greville")
    >>> theta.shape
    (105,)
    """
    layers = instance("network", network, KAN).layers
    one_of("scheme", scheme, SCHEMES)
    ends = _bounds(layers[0]) if bounds is None else bounds
    ranges = np.array(one_each(intervals("bounds", ends, network.n_in), network.n_in))
    noise, mean = real("noise", noise, low=0.0, high=np.inf), real("mean", mean)
    rng = generator("seed", seed)
    spline_network = network.with_basis("spline")
    theta = np.zeros(network.n_parameters)
    followers: list[Layer | None] = [*spline_network.layers[1:], None]
    pieces = zip(spline_network.layers, followers, pairwise(network.offsets), strict=True)
    for layer, follower, (start, _) in pieces:
        splines = first_on_knots(follower) if follower is not None else None
        images = []
        for leaf in leaves(layer):
            own = theta[start : start + leaf.n_parameters]
            images.append(_drawn(leaf, splines, own, rng, (scheme, noise, mean), ranges))
            start += leaf.n_parameters
        ranges = np.asarray(np.sum(images, axis=0), dtype=np.float64)
    if not np.isfinite(theta).all():
        raise ValueError("noise, mean and bounds must leave theta finite")
    return spline_network.to_basis(theta, network.basis)


def _drawn(
    layer: Layer,
    follower: SplineLayer | TensorSplineLayer | None,
    theta: Float64Array,
    rng: np.random.Generator,
    how: tuple[str, float, float],
    ranges: Float64Array,
) -> Float64Array:
    """Fill the layer's piece of theta, and return the ranges of its outputs, (n_out, 2)."""
    views = layer.unpack(theta)
    if isinstance(layer, FormulaLayer):
        return draw_formula(layer, theta, ranges, rng)
    if isinstance(layer, Affine):
        if how[0] != "noise" and follower is not None:
            _fill_domain(views, follower, rng, ranges)
        else:
            views["weight"][:] = rng.normal(size=(layer.n_in, layer.n_out))
            views["weight"] /= np.sqrt(layer.n_in)
    elif isinstance(layer, SplineLayer):
        _draw_splines(layer, theta, rng, *how)
    elif isinstance(layer, TensorSplineLayer):
        _draw_tensor(layer, theta, rng, *how)
    elif isinstance(layer, Constants):
        theta[:] = layer.start
        return np.concatenate([ranges, np.repeat(theta[:, None], 2, axis=1)])
    return _image(layer, views, ranges)


def _draw_splines(
    layer: SplineLayer, theta: Float64Array, rng: np.random.Generator, scheme: str, noise: float, mean: float
) -> None:
    end = layer.edges[-1].stop
    drawn = rng.normal(size=end)
    signs = rng.choice([-1.0, 1.0], size=(layer.n_in, 1, layer.n_out)) if scheme == "greville" else None
    share = 1.0 if layer.base is None else np.sqrt(0.5)  # of the deviation, the rest is that of the base
    for edges in layer.edges:
        knots = edges.knots
        c = theta[edges.start : edges.stop].reshape(edges.n_in, knots.n_basis, layer.n_out)
        normal = drawn[edges.start : edges.stop].reshape(c.shape)
        if scheme == "noise":
            c[:] = share * _unit_deviation(knots, layer.n_in) * normal
            continue
        c[:] = mean / layer.n_in + noise * normal
        if signs is not None:
            a, b = knots.domain
            mine = signs[edges.first : edges.first + edges.n_in]
            c += (mine * _rising(knots)[:, None] + (a + b) / 2) / layer.n_in
    if layer.base is not None:
        weights = theta[end:].reshape(layer.n_in, layer.n_out)
        weights[:] = rng.normal(size=weights.shape) / np.sqrt(layer.n_in)
        if scheme == "noise":
            weights *= share / _root_mean_square(layer)[:, None]
        else:
            weights *= noise


def _draw_tensor(
    layer: TensorSplineLayer,
    theta: Float64Array,
    rng: np.random.Generator,
    scheme: str,
    noise: float,
    mean: float,
) -> None:
    """As `_draw_splines`, of the sum over inputs, which tensor-product splines contain."""
    c = theta.reshape(layer.shape)
    normal = rng.normal(size=layer.shape)
    if scheme == "noise":
        c[:] = np.prod([_unit_deviation(knots, 1) for knots in layer.knots]) * normal
        return
    c[:] = mean + noise * normal
    if scheme == "greville":
        signs = rng.choice([-1.0, 1.0], size=(layer.n_in, layer.n_out))
        for p, knots in enumerate(layer.knots):
            a, b = knots.domain
            along = [-1 if axis == p else 1 for axis in range(layer.n_in)]
            c += (_rising(knots).reshape(*along, 1) * signs[p] + (a + b) / 2) / layer.n_in


def _rising(knots: KnotVector) -> Float64Array:
    """Coefficients of x - (a + b)/2; of a sine with the same range on periodic knots."""
    a, b = knots.domain
    if knots.periodic:
        return np.asarray((b - a) / 2 * np.sin(2 * np.pi * ((knots.greville - a) / (b - a))))
    return np.asarray(knots.greville - (a + b) / 2)


def _root_mean_square(layer: SplineLayer) -> Float64Array:
    """Root mean square of the base function over the domain of every input, (n_in,)."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    low, high = np.array(layer.domain).T
    x = (low + high) / 2 + (high - low) / 2 * nodes[:, None]
    s = x if layer.base == "identity" else Activation(layer.n_in, str(layer.base)).value(np.zeros(0), x)
    return np.asarray(np.sqrt(weights @ s**2 / 2))


def _bounds(first: Layer) -> Interval | tuple[Interval, ...]:
    """The default of `bounds`: the intervals on which inputs lie."""
    return first.source if isinstance(first, Normalizer) and first.kind == "affine" else (0.0, 1.0)


def _image(layer: Layer, views: dict[str, Any], ranges: Float64Array) -> Float64Array:
    """Ranges of a layer's outputs, (n_out, 2), from those of its inputs; of splines, on their domain."""
    if isinstance(layer, Affine):
        weight = views["weight"]
        middle = ranges.mean(axis=1) @ weight + views.get("bias", 0.0)
        half = np.ptp(ranges, axis=1) / 2 @ np.abs(weight)
        return np.stack([middle - half, middle + half], axis=1)
    if isinstance(layer, SplineLayer):
        ends = [edges.knots.domain for edges in layer.edges]
        return np.tile(ends[0] if len(set(ends)) == 1 else np.mean(layer.domain, axis=0), (layer.n_out, 1))
    if isinstance(layer, TensorSplineLayer):
        return np.tile(np.mean(layer.domain, axis=0), (layer.n_out, 1))
    if isinstance(layer, Product):
        return np.array([_multiplied(ranges[list(group)]) for group in layer.groups])
    # Elementwise maps are monotone.
    return np.ascontiguousarray(layer.value(np.zeros(0), np.ascontiguousarray(ranges.T)).T, dtype=np.float64)


def _multiplied(ranges: Float64Array) -> Float64Array:
    """The range, (2,), of the product of numbers in these ranges."""
    ends: Float64Array = ranges[0]
    for other in ranges[1:]:
        corners = np.outer(ends, other)
        ends = np.array([corners.min(), corners.max()])
    return ends


def _fill_domain(
    views: dict[str, Any],
    follower: SplineLayer | TensorSplineLayer,
    rng: np.random.Generator,
    ranges: Float64Array,
) -> None:
    weight = views["weight"]
    weight[:] = _directions(weight.shape[0], weight.shape[1], rng)
    a, b = np.array(follower.domain).T
    # In u = (x - low)/length the image of the unit cube under a direction d is an interval of length |d|_1.
    lengths = np.maximum(np.ptp(ranges, axis=1), np.finfo(np.float64).tiny)
    weight *= (b - a) / np.abs(weight).sum(axis=0)
    weight /= lengths[:, None]
    if "bias" in views:
        views["bias"][:] = (a + b) / 2 - ranges.mean(axis=1) @ weight


def _directions(n_in: int, n_out: int, rng: np.random.Generator) -> Float64Array:
    """Unit vectors as columns (n_in, n_out), no two of them close where that is cheap to arrange."""
    if n_in == 2:
        angles = np.pi * (rng.uniform() + np.arange(n_out)) / n_out
        return np.array([np.cos(angles), np.sin(angles)])
    frames = []
    for _ in range(-(-n_out // n_in)):
        q, r = np.linalg.qr(rng.normal(size=(n_in, n_in)))
        frames.append(q * np.sign(np.diag(r)))  # uniform among all frames
    return np.concatenate(frames, axis=1)[:, :n_out]


def _unit_deviation(knots: KnotVector, n_in: int) -> float:
    """Standard deviation of the coefficients of `n_in` inputs that gives an output variance 1."""
    a, b = knots.domain
    squares = gram_matrix(knots).diagonal().sum()
    return float(1.0 / np.sqrt(n_in * squares / (b - a)))
