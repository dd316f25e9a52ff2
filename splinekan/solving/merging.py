"""Ridge functions of nearly the same direction merged into a single function.

f1(z) + f2(z + e) with large f1 and f2 of opposite signs approximates a derivative: training on coarse knots
produces such pairs, whose cancellation costs digits on fine knots, where a single function suffices.
"""

from __future__ import annotations

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN, Affine, SplineLayer

PARALLEL = 2e-3
"""Directions are merged if the angle between them, in radians, is below this."""


def merged(network: KAN, theta: Float64Array) -> tuple[KAN, Float64Array]:
    """The network and theta without directions that are nearly parallel to another direction.

    The spline of an omitted direction is added to that of the other direction, interpolated at the Greville
    points. Networks other than an affine map and a layer of splines on equal knots are left unchanged.
    """
    if len(network.layers) != 2:
        return network, theta
    affine, splines = network.layers
    if not (isinstance(affine, Affine) and affine.bias and isinstance(splines, SplineLayer)):
        return network, theta
    if len(splines.edges) > 1 or splines.base is not None or splines.basis != "spline":
        return network, theta
    knots, m = splines.common_knots, splines.n_out
    views = affine.unpack(theta[: network.offsets[1]])
    weight, bias = views["weight"], views["bias"]
    c = theta[network.offsets[1] :].reshape(splines.n_in, knots.n_basis, m).copy()
    basis = SplineLayer(1, knots.n_basis, knots, extrapolate="polynomial")
    unit = np.eye(knots.n_basis).ravel()
    matrix = np.asarray(basis.value(unit, knots.greville[:, None]))
    lengths = np.linalg.norm(weight, axis=0)
    kept: list[int] = []
    for p in np.argsort(-lengths, kind="stable"):  # merge into the longest: its knots are the finest along x
        for q in kept:
            slope = weight[:, p] @ weight[:, q] / lengths[q] ** 2
            if np.linalg.norm(weight[:, p] - slope * weight[:, q]) <= PARALLEL * lengths[p]:
                at = slope * knots.greville + bias[p] - slope * bias[q]
                c[q] += np.linalg.solve(matrix, np.asarray(basis.value(unit, at[:, None])) @ c[p])
                break
        else:
            kept.append(int(p))
    if len(kept) == splines.n_in:
        return network, theta
    kept.sort()
    fewer = SplineLayer(len(kept), m, knots, extrapolate=splines.extrapolate)
    made = KAN((Affine(affine.n_in, len(kept)), fewer))
    return made, np.concatenate([weight[:, kept].ravel(), bias[kept], c[kept].ravel()])
