"""Transformations that move hidden values back into the domains of the next splines.

Outside its domain a spline is the polynomial of the last interval, which amplifies rounding errors by the
distance, in intervals, to the power of the degree. A small excess on coarse knots costs all digits on fine
knots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN, Affine, SplineLayer

EXCESS = 1.0
"""The values of a hidden variable are moved if they exceed the domain by this number of intervals."""
FILLED = 0.95
"""The fraction of the domain that moved values fill."""


def moved(network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
    """The parameters theta with the hidden values z at the points moved into the domains, z' = a z + c.

    The previous layer, affine or of splines, gives z' exactly. The next splines interpolate f((z' - c)/a) at
    the Greville points, so that the function changes by about the error of splines on these knots.

    Parameters
    ----------
    network, theta
        The network and its parameters.
    points
        Inputs of the network, (n, n_in), at which the hidden values are computed.
    """
    theta = theta.copy()
    for number, layer in enumerate(network.layers[1:], 1):
        before = network.layers[number - 1]
        if not isinstance(layer, SplineLayer) or not _shiftable(before):
            continue
        start, end, stop = network.offsets[number - 1 : number + 2]
        values = np.asarray(KAN(network.layers[:number])(theta[:end], points), dtype=np.float64)
        factor, shift, beyond = _to_domains(layer, values)
        if not beyond.any():
            continue
        _rescale(before, theta[start:end], factor, shift)
        _refit(layer, theta[end:stop], factor, shift, beyond)
    return theta


def _shiftable(layer: Any) -> bool:
    if isinstance(layer, Affine):
        return layer.bias
    return isinstance(layer, SplineLayer) and layer.basis == "spline" and layer.base is None


def _to_domains(layer: SplineLayer, values: Float64Array) -> tuple[Float64Array, Float64Array, Any]:
    """(a, c) of every hidden variable, and the variables that are moved."""
    low, high = values.min(axis=0), values.max(axis=0)
    ends = np.array(layer.domain)
    width = np.array([(b - a) / knots.intervals for (a, b), knots in zip(ends, layer.knots, strict=True)])
    excess = np.maximum(ends[:, 0] - low, high - ends[:, 1])
    beyond = np.isfinite(excess) & (excess > EXCESS * width)
    lengths = np.where(beyond, high - low, 1.0)
    factor = np.where(beyond, FILLED * np.ptp(ends, axis=1) / lengths, 1.0)
    shift = np.where(beyond, ends.mean(axis=1) - factor * (low + high) / 2, 0.0)
    return factor, shift, beyond


def _rescale(layer: Any, theta: Float64Array, factor: Float64Array, shift: Float64Array) -> None:
    if isinstance(layer, Affine):
        views = layer.unpack(theta)
        views["weight"][:] *= factor
        views["bias"][:] = views["bias"] * factor + shift
        return
    for edges in layer.edges:  # B-splines have the sum 1
        c = theta[edges.start : edges.stop].reshape(edges.n_in, -1, layer.n_out)
        c *= factor
        c += shift / layer.n_in


def _refit(
    layer: SplineLayer, theta: Float64Array, factor: Float64Array, shift: Float64Array, beyond: Any
) -> None:
    for edges in layer.edges:
        knots = edges.knots
        basis = SplineLayer(1, knots.n_basis, knots, extrapolate="polynomial")
        unit = np.eye(knots.n_basis).ravel()
        at = knots.greville
        matrix = np.asarray(basis.value(unit, at[:, None]))
        c = theta[edges.start : edges.stop].reshape(edges.n_in, knots.n_basis, layer.n_out)
        for p in range(edges.n_in):
            q = edges.first + p
            if beyond[q]:
                old = np.asarray(basis.value(unit, ((at - shift[q]) / factor[q])[:, None]))
                c[p] = np.linalg.solve(matrix, old @ c[p])
