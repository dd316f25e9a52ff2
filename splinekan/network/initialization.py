"""Starts: theta drawn for a network."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from splinekan._checks import Array, Float64Array, one_of, real
from splinekan.basis import BSplineBasis
from splinekan.knots import breakpoints, greville_points
from splinekan.network.affine import Affine
from splinekan.network.chain import KAN
from splinekan.network.layer import Layer
from splinekan.network.spline import SplineLayer
from splinekan.quadrature import gauss_points

SCHEMES = ("frames", "greville", "noise")


def initialize(
    network: KAN,
    seed: int | np.random.Generator,
    scheme: str = "frames",
    *,
    box: tuple[float, float] = (0.0, 1.0),
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
        takes. Each is scaled and shifted so that the image of the box of inputs just fills [a, b]: every
        interval sees data, none is wasted. Spline coefficients are mean/n_in + `noise` N(0, 1).
    "greville"
        As "frames", with a random linear function on every edge in addition, exact by the Greville
        points: +-(x - (a+b)/2)/n_in around the middle of the domain, so that deep chains of spline
        layers start inside their domains.

    Parameters
    ----------
    network
        The network.
    seed
        A seed or a NumPy Generator.
    scheme
        As above.
    box
        Every input of the network lies in this interval, in the units of x.
    noise
        Standard deviation of the coefficients, in the units of the outputs.
    mean
        Mean of the outputs of every spline layer ("frames").

    Raises
    ------
    TypeError, ValueError
        For an unknown scheme, a box that is not increasing or a negative noise level.
    """
    one_of("scheme", scheme, SCHEMES)
    low, high = real("box[0]", box[0]), real("box[1]", box[1])
    if not low < high:
        raise ValueError(f"box must be increasing, got ({low}, {high})")
    real("noise", noise, low=0.0, high=np.inf)
    real("mean", mean)
    rng = np.random.default_rng(seed)
    spline_network = network.with_basis("spline")
    theta = np.zeros(network.n_parameters)
    followers: list[Layer | None] = [*spline_network.layers[1:], None]
    pieces = zip(spline_network.layers, followers, pairwise(network.offsets), strict=True)
    for layer, follower, (start, stop) in pieces:
        blocks = layer.blocks(theta[start:stop])
        if isinstance(layer, Affine):
            if scheme != "noise" and isinstance(follower, SplineLayer):
                _fill_domain(blocks, follower, rng, low, high)
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
    return spline_network.to_basis(theta, network.basis)


def _fill_domain(
    blocks: dict[str, Array],
    follower: SplineLayer,
    rng: np.random.Generator,
    low: float,
    high: float,
) -> None:
    weight = blocks["weight"]
    weight[:] = _directions(weight.shape[0], weight.shape[1], rng)
    a, b = follower.domain
    # The image of the box under a direction d is an interval of length (high - low) |d|_1.
    weight *= (b - a) / (high - low) / np.abs(weight).sum(axis=0)
    if "bias" in blocks:
        blocks["bias"][:] = (a + b) / 2 - weight.sum(axis=0) * (low + high) / 2


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
    ends = breakpoints(layer.knots, layer.degree)
    x, weights = gauss_points(ends, layer.degree + 1)
    values: Any = BSplineBasis(layer.knots, layer.degree).tabulate(x)
    square = float(weights @ (values**2).sum(axis=1)) / float(weights.sum())
    return float(1.0 / np.sqrt(layer.n_in * square))
