"""Coordinates in which the penalties of a fit are diagonal: mean, slope and bending modes of every edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from splinekan._checks import Float64Array
from splinekan.network import KAN, Affine, SplineLayer
from splinekan.network.edges import Edges, jumps
from splinekan.network.layer import Layer
from splinekan.splines.basis import BSplineBasis
from splinekan.splines.gram import gram_factor, gram_matrix
from splinekan.splines.knot_vector import KnotVector

FREE = -1
"""The group of coordinates without a penalty: a mean of every node, biases."""
GAUGE = -2
"""The group of the other means: the network stays the same if the mean of one edge moves to another."""


class Modes(NamedTuple):
    """Coefficients of an edge in its modes, c = matrix @ z and z = inverse @ c.

    Column 0 is the constant 1; column 1, unless the splines are periodic, a straight line that rises by 1
    from a to b; the others bend, with mean 0 and the same value at a and b.
    """

    matrix: Float64Array
    inverse: Float64Array
    lines: int


@cache
def modes(knots: KnotVector) -> Modes:
    """The modes of splines of degree at least 1: the sum of squares of the bending modes is the bending.

    The bending of s is L^3 times the integral over [a, b] of s''^2, L = b - a. Splines of degree 1 bend at
    their knots only: for them it is the sum over the inner knots of L^3 [s']^2/h, with [s'] the jump of the
    slope and h the mean of the intervals beside the knot, which tends to the same integral.
    """
    a, b = knots.domain
    lines = 0 if knots.periodic else 1
    _, sizes, right = np.linalg.svd(_bending(knots), full_matrices=True)
    bent = right[: knots.n_basis - 1 - lines].T / sizes[: knots.n_basis - 1 - lines]
    ones = np.ones(knots.n_basis)
    columns = [ones]
    if lines:
        line = (knots.greville - (a + b) / 2) / (b - a)
        at_ends = _at_ends(knots)
        bent = bent - np.outer(line, (at_ends[1] - at_ends[0]) @ bent)
        columns.append(line)
    bent = bent - np.outer(ones, ones @ gram_matrix(knots) @ bent) / (b - a)
    matrix = np.column_stack([*columns, bent])
    return Modes(matrix, np.linalg.inv(matrix), lines)


def _at_ends(knots: KnotVector) -> Float64Array:
    """Values of the B-splines at a and b, (2, n_basis)."""
    values: Float64Array = BSplineBasis(knots).tabulate(np.array(knots.domain)).astype(np.float64)
    return values


def _bending(knots: KnotVector) -> Float64Array:
    a, b = knots.domain
    if knots.degree > 1:
        factor: Float64Array = gram_factor(knots, derivative=2).toarray()
        return np.asarray((b - a) ** 1.5 * factor, dtype=np.float64)
    widths = np.diff(knots.breakpoints)
    if knots.periodic:
        widths = np.append(widths[-1:], widths)
    spacing = (widths[1:] + widths[:-1]) / 2
    rows = jumps(knots, "spline") * ((b - a) / spacing[:, None]) ** 1.5
    return rows.astype(np.float64) if len(rows) else np.zeros((1, knots.n_basis))


class Group(NamedTuple):
    """Coordinates that share the weight of a penalty.

    Attributes
    ----------
    layer, input, output
        The edge; output None for the weights of an affine map, which belong together for every input.
    kind
        "line", "bending" or "weight".
    size
        The number of coordinates.
    """

    layer: int
    input: int
    output: int | None
    kind: str
    size: int


@dataclass(frozen=True, eq=False)
class ModalCoordinates:
    """The coordinates z, theta = T z: the splines of every edge in their modes, and the groups of penalties.

    Attributes
    ----------
    network
        A network of spline layers in the spline basis without base branches, affine maps, and layers without
        parameters.
    """

    network: KAN

    @cached_property
    def T(self) -> scipy.sparse.csr_array:  # noqa: N802 - a matrix
        """The matrix T, whose columns are the coefficients of the modes."""
        return self._blocks("matrix")

    @cached_property
    def inverse(self) -> scipy.sparse.csr_array:
        """The inverse T^{-1}."""
        return self._blocks("inverse")

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups, in the order of their numbers."""
        return self._numbered[1]

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """The number of the group of every coordinate; `FREE` or `GAUGE`."""
        return self._numbered[0]

    def sums(self, values: Float64Array) -> Float64Array:
        """The sum over the coordinates of every group."""
        penalised = self.group >= 0
        total = np.bincount(self.group[penalised], values[penalised], minlength=len(self.groups))
        return total.astype(np.float64)

    def spread(self, weights: Float64Array, free: float, gauge: float) -> Float64Array:
        """The weights of the groups for every coordinate, with those of `FREE` and `GAUGE`."""
        found: Float64Array = np.concatenate([weights, [gauge, free]])[self.group]
        return found

    def _blocks(self, which: str) -> scipy.sparse.csr_array:
        blocks = []
        for layer in self.network.layers:
            if not isinstance(layer, SplineLayer):
                blocks.append(scipy.sparse.eye_array(layer.n_parameters))
                continue
            for edges in layer.edges:
                one = scipy.sparse.kron(
                    getattr(modes(edges.knots), which), scipy.sparse.eye_array(layer.n_out)
                )
                blocks += [one] * edges.n_in
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr"))

    @cached_property
    def _numbered(self) -> tuple[NDArray[np.int64], tuple[Group, ...]]:
        found: list[Group] = []
        pieces = [
            piece
            for number, layer in enumerate(self.network.layers)
            for piece in _pieces(number, layer, found)
        ]
        return np.concatenate([np.zeros(0, np.int64), *pieces]), tuple(found)


def _pieces(number: int, layer: Layer, found: list[Group]) -> Iterator[NDArray[np.int64]]:
    """Group numbers of a layer's coordinates; the groups are added to `found`."""
    if isinstance(layer, Affine):
        first = len(found)
        found += [Group(number, p, None, "weight", layer.n_out) for p in range(layer.n_in)]
        yield np.repeat(np.arange(first, len(found)), layer.n_out)
        yield np.full(layer.n_out * layer.bias, FREE)
    elif isinstance(layer, SplineLayer):
        for edges in layer.edges:
            yield _of_edges(number, layer, edges, found).ravel()


def _of_edges(number: int, layer: SplineLayer, edges: Edges, found: list[Group]) -> NDArray[np.int64]:
    lines, n_basis = modes(edges.knots).lines, edges.knots.n_basis
    numbers = np.empty((edges.n_in, n_basis, layer.n_out), np.int64)
    numbers[:, 0] = GAUGE
    if edges.first == 0:
        numbers[0, 0] = FREE
    for p in range(edges.n_in):
        for q in range(layer.n_out):
            for kind, start, stop in (("line", 1, 1 + lines), ("bending", 1 + lines, n_basis)):
                if stop > start:
                    numbers[p, start:stop, q] = len(found)
                    found.append(Group(number, edges.first + p, q, kind, stop - start))
    return numbers
