"""Derivatives of a network with respect to the knots of its spline layers: exact, by a reverse sweep.

The parameters theta are held fixed. For a layer y_q = sum_p S_pq(x_p) the derivatives of S_pq with respect to
its inner breakpoints are splines on doubled knots (`splinekan.splines.knot_derivatives`); in the ReLU basis,
where S_pq = sum_j W_pjq psi_j, they are -k W_pjq max(0, x - t_j)^(k-1). Later layers enter by their products
with (dy/dx)^T, as in every other gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import F8, quiet
from splinekan._checks import Array, Float64Array, affordable, boolean, instance, integer, sequence, shown
from splinekan.network.kan import KAN
from splinekan.network.layer import Layer
from splinekan.network.linearization import Linearization
from splinekan.network.spline import SplineLayer
from splinekan.network.sum import Sum, leaves
from splinekan.splines.basis import PowerReLUBasis
from splinekan.splines.knot_derivatives import (
    check_free,
    derivative_basis,
    knot_derivative_matrix,
    wrapped,
)
from splinekan.splines.knot_vector import KnotVector


class KnotGroup(NamedTuple):
    """Inputs of a spline layer that have the same knots, and continue to share them.

    Attributes
    ----------
    layer
        The number of the layer in the network.
    leaf
        The number of the spline layer among those of the network; a `Sum` may hold several.
    inputs
        Neighbouring inputs of the layer.
    knots
        Their knots.
    """

    layer: int
    leaf: int
    inputs: range
    knots: KnotVector

    @property
    def n_free(self) -> int:
        """The number of inner breakpoints."""
        return self.knots.intervals - 1


def knot_groups(
    network: KAN, layers: Sequence[int] | None = None, shared: bool = True
) -> tuple[KnotGroup, ...]:
    """The knots of a network that can move: for every spline layer, input by input.

    Parameters
    ----------
    network
        The network; spline layers in its chain, and in sums. Those within a `Product` stay.
    layers
        Numbers of the layers whose knots move; None for all spline layers that have inner breakpoints.
    shared
        Whether neighbouring inputs of a layer with equal knots keep equal knots, a single group; else every
        input is a group of its own.

    Raises
    ------
    TypeError, ValueError
        For numbers of layers that are not spline layers, and for networks without inner breakpoints; for
        degree 0, and breakpoints at which a spline may jump.
    """
    instance("network", network, KAN)
    together = boolean("shared", shared)
    found = []
    splines = [(number, layer) for number, layer, _ in network._splines]
    known = sorted({number for number, _ in splines})
    wanted = known if layers is None else _numbers(layers, known)
    for leaf, (number, layer) in enumerate(splines):
        if number not in wanted:
            continue
        for edges in layer.edges:
            if layers is None and edges.knots.intervals < 2:
                continue
            check_free(edges.knots)
            inputs = range(edges.first, edges.first + edges.n_in)
            parts = [inputs] if together else [range(p, p + 1) for p in inputs]
            found += [KnotGroup(number, leaf, part, edges.knots) for part in parts]
    if not found:
        raise ValueError(f"network must have spline layers with inner breakpoints, got {shown(network)}")
    return tuple(found)


def _numbers(layers: Sequence[int], known: Sequence[int]) -> list[int]:
    numbers = [integer(f"layers[{i}]", n) for i, n in enumerate(sequence("layers", layers))]
    for number in numbers:
        if number not in known:
            raise ValueError(f"layers must be numbers of spline layers, {known}, got {number}")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"layers must differ, got {shown(layers)}")
    return numbers


def with_knots(network: KAN, knots: Mapping[int, Sequence[KnotVector]]) -> KAN:
    """The network with other knots for every input of some spline layers, by their number among these.

    The function changes, because the coefficients of a network belong to its knots.
    """
    layers, leaf = [], 0
    for layer in network.layers:
        parts: list[Layer] = []
        for part in leaves(layer):
            if isinstance(part, SplineLayer):
                if leaf in knots:
                    part = part._with(tuple(knots[leaf]), part.basis)
                leaf += 1
            parts.append(part)
        layers.append(Sum(parts) if isinstance(layer, Sum) else parts[0])  # type: ignore[arg-type]
    return KAN(tuple(layers))


def knot_jacobian(
    network: KAN, theta: ArrayLike, x: ArrayLike, *, shared: bool = True
) -> tuple[Float64Array, ...]:
    """Derivatives d g_o(x_i; theta, t)/d tau_j with respect to the inner breakpoints tau of every group.

    A group is a range of neighbouring inputs of a spline layer that have equal knots; the derivative with
    respect to shared knots is the sum over the inputs. theta, the ends of the domains and their ghost knots
    are held fixed; see `knot_derivatives`.

    Parameters
    ----------
    network
        The network, in the spline or in the ReLU basis. The derivatives differ between the two, because fixed
        coefficients mean different functions.
    theta
        Its parameters, (n_parameters,).
    x
        Points, (n, n_in).
    shared
        False for derivatives with respect to the knots of every input on its own.

    Returns
    -------
    tuple of ndarray
        An array (n, n_out, J) for every group, in the order of the layers and of their inputs; in units of
        the outputs over those of the knots.

    Raises
    ------
    TypeError, ValueError
        For arrays of other shapes, and networks whose knots cannot be moved: no inner breakpoints, degree 0,
        breakpoints of multiplicity k + 1.

    Examples
    --------
    >>> import numpy as np
    >>> import splinekan as sk
    >>> network = sk.KAN.splines([2, 3, 1], degree=2, intervals=4)
    >>> derivatives = knot_jacobian(network, sk.initialize(network, 0), np.full((5, 2), 0.3))
    >>> [each.shape for each in derivatives]
    [(5, 1, 3), (5, 1, 3)]
    """
    groups = knot_groups(network, shared=shared)
    at = network.linearize(theta, x)
    width = sum(group.n_free for group in groups)
    affordable("the derivatives", 8.0 * at.output.size * width)
    rows = knot_rows(at, groups, np.eye(network.n_out)[None])
    shaped = rows.reshape(len(at.output), network.n_out, width)
    ends = np.cumsum([group.n_free for group in groups])[:-1]
    return tuple(np.ascontiguousarray(part) for part in np.split(shaped, ends, axis=2))


@quiet
def knot_rows(at: Linearization, groups: Sequence[KnotGroup], S: Array) -> Float64Array:
    """S times the derivatives with respect to the groups' breakpoints, (n n_out, their number).

    S is (n, n_out, n_out), or (1, n_out, n_out) for all samples alike; rows are ordered as in
    `Linearization.rows`.
    """
    n, outputs = at.output.shape
    rows = np.empty((n, outputs, sum(group.n_free for group in groups)))
    for output in range(outputs):
        v = np.empty_like(at.output)
        v[:] = S[:, output]
        rows[:, output] = pulled_to_knots(at, groups, v)
    return rows.reshape(n * outputs, -1)


@quiet
def pulled_to_knots(at: Linearization, groups: Sequence[KnotGroup], v: Array) -> Float64Array:
    """sum_o v_o dg_o/dtau for every sample, (n, number of breakpoints), for v (n, n_out)."""
    network = at.network
    width = np.cumsum([0] + [group.n_free for group in groups])
    out = np.empty((len(v), int(width[-1])))
    leaf_layers = [(layer, start) for _, layer, start in network._splines]
    by_layer = {
        number: list(members)
        for number, members in groupby(enumerate(groups), key=lambda member: member[1].layer)
    }
    first = min(by_layer)
    for number, layer, _, piece, x in at._backwards(*at.splines):
        for index, group in by_layer.get(number, ()):
            spline, start = leaf_layers[group.leaf]
            params = at.theta[start : start + spline.n_parameters]
            out[:, width[index] : width[index + 1]] = _of_group(spline, params, x, v, group)
        if number == first:
            break
        _, v = layer.vjp(piece, x, v, True)
    return out


def _of_group(layer: SplineLayer, params: Array, x: Array, v: Array, group: KnotGroup) -> Float64Array:
    """sum_q v_q dy_q/dtau over the inputs of a group, (n, J)."""
    edges = next(edges for edges in layer.edges if edges.first <= group.inputs[0] < edges.first + edges.n_in)
    c = params[edges.start : edges.stop].reshape(edges.n_in, edges.knots.n_basis, layer.n_out)
    c = c[group.inputs[0] - edges.first : group.inputs[-1] + 1 - edges.first].astype(F8, copy=False)
    points = x[:, group.inputs.start : group.inputs.stop]
    moved = _powers if layer.basis == "relu" else _splines
    return moved(layer, edges.knots, c, points, v.astype(F8, copy=False))


def _splines(layer: SplineLayer, knots: KnotVector, c: Array, x: Array, v: Array) -> Float64Array:
    """A product of two sparse matrices: active functions on doubled knots, and their coefficients."""
    known, basis = knot_derivative_matrix(knots), derivative_basis(knots, layer.extrapolate)
    n, n_in, outputs, width = len(x), len(c), layer.n_out, knots.degree + 1
    coefficients = known.coefficients(np.ascontiguousarray(c.swapaxes(0, 1)))  # (doubled, J, n_in, n_out)
    table = coefficients.transpose(2, 0, 3, 1).reshape(-1, known.n_free)  # rows (input, function, output)
    data = np.empty((n, n_in, width, outputs))
    columns = np.empty(data.shape, np.int64)
    for p in range(n_in):
        values, first = basis._active_at_any(wrapped(knots, x[:, p].astype(F8)))
        np.multiply(values.T[:, :, None], v[:, None, :], out=data[:, p])
        place = (p * known.doubled.n_basis + first[:, None] + np.arange(width)) * outputs
        columns[:, p] = place[..., None] + np.arange(outputs)
    pointers = np.arange(0, data.size + 1, n_in * width * outputs)
    active = scipy.sparse.csr_array((data.ravel(), columns.ravel(), pointers), shape=(n, len(table)))
    return np.asarray((active @ scipy.sparse.csr_array(table)).toarray())


def _powers(layer: SplineLayer, knots: KnotVector, c: Array, x: Array, v: Array) -> Float64Array:
    """-k W max(0, x - t_j)^(k-1), the powers continued beyond [a, b] as the splines are."""
    k = knots.degree
    lower = PowerReLUBasis(KnotVector(knots.t[1:-1], k - 1), extrapolate=layer.extrapolate)
    total = np.zeros((len(x), knots.intervals - 1))
    for p, weights in enumerate(c):
        total += lower._tabulated(x[:, p].astype(F8), 0)[:, k:] * (v @ weights[k + 1 :].T)
    return -k * total
