"""Starts: theta drawn for a network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from splinekan._checks import Array, Float64Array, generator, instance, one_of, real
from splinekan.network.activation import Normalizer
from splinekan.network.affine import Affine
from splinekan.network.domains import Interval, intervals, one_each
from splinekan.network.kan import KAN
from splinekan.network.layer import Layer
from splinekan.network.spline import SplineLayer
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knots import greville_points

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
    """Draw theta for a network. The function drawn is the same in both bases.

    Schemes
    -------
    "noise"
        Variance preserving: affine weights N(0, 1/n_in) and no bias; spline coefficients
        N(0, s^2), s^2 chosen so that an output has variance 1 over inputs uniform in [a, b].
    "frames"
        An affine map that feeds a spline layer gets directions that are spread evenly: of two inputs the
        angles pi (phase + q)/n_out with a random phase, of more as many random orthonormal frames as it
        takes. Each is scaled and shifted so that the image of the box of its inputs just fills [a, b]: every
        interval sees data, none is wasted. (Without a bias it is scaled only.) The inputs are those of the
        network within their bounds, scaled to [0, 1] before the directions are drawn, so that their units do
        not matter; further inside, what they become, or the domain of the spline layer that they come from.
        Spline coefficients are mean/n_in + `noise` N(0, 1).
    "greville"
        As "frames", with a random linear function on every edge in addition, exact by the Greville
        points: +-(x - (a+b)/2)/n_in around the middle of the domain, so that deep chains of spline
        layers start inside their domains.

    Parameters
    ----------
    network
        The network.
    seed
        A seed (an integer of at least 0) or a NumPy Generator.
    scheme
        As above.
    bounds
        The interval (a, b) on which every input of the network lies, in the units of x; or a sequence of
        intervals, one for each input. By default the `source` of an affine `Normalizer` in front, else
        (0, 1). Only affine maps ask for it: a network that begins with splines has its bounds in its knots.
    noise
        Standard deviation of the coefficients, in the units of the outputs.
    mean
        Mean of the outputs of every spline layer ("frames").

    Raises
    ------
    TypeError, ValueError
        For an unknown scheme, a seed that is neither, bounds that are not increasing or not as many as there
        are inputs, or a negative noise level.
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
    for layer, follower, (start, stop) in pieces:
        blocks = layer.blocks(theta[start:stop])
        if isinstance(layer, Affine):
            if scheme != "noise" and isinstance(follower, SplineLayer):
                _fill_domain(blocks, follower, rng, ranges)
            else:
                blocks["weight"][:] = rng.normal(size=(layer.n_in, layer.n_out))
                blocks["weight"] /= np.sqrt(layer.n_in)
        elif isinstance(layer, SplineLayer):
            c = blocks["coefficients"]
            if scheme == "noise":
                c[:] = _unit_deviation(layer) * rng.normal(size=c.shape)
            else:
                c[:] = mean / layer.n_in + noise * rng.normal(size=c.shape)
            if scheme == "greville":
                a, b = layer.domain
                x = greville_points(layer.knots, layer.degree) - (a + b) / 2
                signs = rng.choice([-1.0, 1.0], size=(layer.n_in, 1, layer.n_out))
                c += (signs * x[:, None] + (a + b) / 2) / layer.n_in
        ranges = _image(layer, blocks, ranges)
    if not np.isfinite(theta).all():
        raise ValueError("noise, mean and bounds must leave theta finite")
    return spline_network.to_basis(theta, network.basis)


def _bounds(first: Layer) -> Interval | tuple[Interval, ...]:
    """Where inputs are taken to lie if nothing is said."""
    return first.source if isinstance(first, Normalizer) and first.kind == "affine" else (0.0, 1.0)


def _image(layer: Layer, blocks: dict[str, Array], ranges: Float64Array) -> Float64Array:
    """(n_out, 2): the intervals of a layer's outputs, given those of its inputs; of splines their domain."""
    if isinstance(layer, Affine):
        weight = blocks["weight"]
        middle = ranges.mean(axis=1) @ weight + blocks.get("bias", 0.0)
        half = np.ptp(ranges, axis=1) / 2 @ np.abs(weight)
        return np.stack([middle - half, middle + half], axis=1)
    if isinstance(layer, SplineLayer):
        return np.tile(layer.domain, (layer.n_out, 1))
    # Elementwise maps are monotone.
    return np.ascontiguousarray(layer.value(np.zeros(0), np.ascontiguousarray(ranges.T)).T, dtype=np.float64)


def _fill_domain(
    blocks: dict[str, Array], follower: SplineLayer, rng: np.random.Generator, ranges: Float64Array
) -> None:
    weight = blocks["weight"]
    weight[:] = _directions(weight.shape[0], weight.shape[1], rng)
    a, b = follower.domain
    # In u = (x - low)/length the image of the unit cube under a direction d is an interval of length |d|_1.
    lengths = np.maximum(np.ptp(ranges, axis=1), np.finfo(np.float64).tiny)
    weight *= (b - a) / np.abs(weight).sum(axis=0)
    weight /= lengths[:, None]
    if "bias" in blocks:
        blocks["bias"][:] = (a + b) / 2 - ranges.mean(axis=1) @ weight


def _directions(n_in: int, n_out: int, rng: np.random.Generator) -> Float64Array:
    """Unit vectors as columns (n_in, n_out), no two of them close if that can be had for little."""
    if n_in == 2:
        angles = np.pi * (rng.uniform() + np.arange(n_out)) / n_out
        return np.array([np.cos(angles), np.sin(angles)])
    frames = []
    for _ in range(-(-n_out // n_in)):
        q, r = np.linalg.qr(rng.normal(size=(n_in, n_in)))
        frames.append(q * np.sign(np.diag(r)))  # uniform among all frames
    return np.concatenate(frames, axis=1)[:, :n_out]


def _unit_deviation(layer: SplineLayer) -> float:
    a, b = layer.domain
    squares = gram_matrix(layer.knots, layer.degree).diagonal().sum()
    return float(1.0 / np.sqrt(layer.n_in * squares / (b - a)))
