"""Positions in theta of the parameters of a layer or an edge, and edges as linear functions of theta."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Array, integer, one_of, real_array, shown, vector
from splinekan.kernels.jets import MAX_ORDER
from splinekan.network.formula import FormulaLayer
from splinekan.network.jets import Jets
from splinekan.network.kan import KAN
from splinekan.network.layer import Directions, Layer
from splinekan.network.spline import SplineLayer
from splinekan.network.tensor_spline import TensorSplineLayer


def indices(
    network: KAN, layer: int, input: int | None, output: int | None, part: str | None
) -> NDArray[np.int64]:
    """`KAN.indices`."""
    number, found = _layer(network, layer)
    if not found.n_parameters:
        raise ValueError(f"layer must have parameters, got layer {number}, {shown(found)}, which has none")
    p = None if input is None else integer("input", input, low=0, high=found.n_in - 1)
    q = None if output is None else integer("output", output, low=0, high=found.n_out - 1)
    if p is None and q is None and part is None:
        return np.arange(network.offsets[number], network.offsets[number + 1])
    chosen = [np.zeros(0, np.int64)]
    known: dict[str, None] = {}
    for of_layer, leaf, start in network._leaves:
        if of_layer == number and leaf.n_parameters:
            views = leaf.unpack(np.arange(leaf.n_parameters, dtype=np.float64))
            known |= dict.fromkeys(views)
            views = views if part is None else {key: view for key, view in views.items() if key == part}
            chosen.append(start + _places(leaf, views, p, q))
    if part is not None:
        one_of("part", part, known)
    return np.concatenate(chosen)


def _places(layer: Layer, views: dict[str, Any], p: int | None, q: int | None) -> NDArray[np.int64]:
    """The parameters in `views`, which hold their own indices, of the edges from p and to q."""
    if isinstance(layer, TensorSplineLayer) and p is not None:
        raise ValueError(f"input must be None: coefficients of {shown(layer)} belong to all of its inputs")
    chosen: list[Array] = [np.zeros(0)]
    for name, view in views.items():
        if isinstance(layer, FormulaLayer):
            chosen += layer._selected(name, view, p, q)
            continue
        if name == "bias":  # belongs to outputs, not to edges
            edges = [view] if p is None else []
        else:
            edges = list(view) if p is None else [view[p]]
        chosen += [np.ravel(edge if q is None else edge[..., q]) for edge in edges]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def edge_rows(
    network: KAN, layer: int, input: int, output: int, x: ArrayLike, derivative: int
) -> scipy.sparse.csr_array:
    """`KAN.edge_rows`."""
    number, found = _layer(network, layer)
    if not isinstance(found, SplineLayer):
        raise TypeError(f"layer must be the number of a spline layer, got {number}, which is {shown(found)}")
    p = integer("input", input, low=0, high=found.n_in - 1)
    q = integer("output", output, low=0, high=found.n_out - 1)
    at = real_array("x", x).astype(np.float64)
    at = vector("x", at.reshape(1) if at.ndim == 0 else at)
    order = integer("derivative", derivative, low=0, high=MAX_ORDER)
    edge = SplineLayer(1, 1, found.knots[p], found.degree, found.extrapolate, found.basis, found.base)
    alone, directions = KAN((edge,)), Directions((order,) if order else ())
    seed = np.zeros((len(at), directions.channels, 1))
    seed[:, 0, 0], seed[:, 1:2, 0] = at, 1.0
    pick = np.zeros((len(at), directions.channels, 1))
    pick[:, order] = factorial(order)
    rows = scipy.sparse.coo_array(
        Jets.of(alone, np.zeros(edge.n_parameters), seed, directions).rows(pick).tocsr()
    )
    columns = indices(network, number, p, q, None)[rows.col]
    shape = (len(at), network.n_parameters)
    result = scipy.sparse.csr_array((rows.data, (rows.row, columns)), shape=shape)
    result.eliminate_zeros()
    return result


def _layer(network: KAN, layer: int) -> tuple[int, Layer]:
    number = integer("layer", layer, low=0, high=len(network.layers) - 1)
    return number, network.layers[number]
