"""Domains of equations: signed distances and unions of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import sympy

from splinekan._checks import Float64Array, affordable, interval, sequence, shown
from splinekan.solving.patches import Face


@dataclass(frozen=True, eq=False)
class SignedDistance:
    """The domain where an expression is negative; its zero set is the boundary.

    The expression need not be a distance: any smooth function will do if its gradient does not vanish on the
    zero set. Outward normals are along its gradient.

    Parameters
    ----------
    expression
        An expression in the variables, such as x**2 + y**2 - 1 for a disk. Variables that do not occur are
        free: with the variables x, y, t the domain is a cylinder.

    Raises
    ------
    TypeError
        For anything but an expression of sympy.

    Examples
    --------
    >>> from sympy import symbols
    >>> x, y = symbols("x y")
    >>> disk = SignedDistance(x**2 + y**2 - 1)
    >>> disk.expression.subs({x: 0, y: 0})
    -1
    """

    expression: Any

    def __post_init__(self) -> None:
        if not isinstance(self.expression, sympy.Expr) or isinstance(self.expression, sympy.MatrixExpr):
            raise TypeError(f"expression must be an expression of sympy, got {shown(self.expression)}")


@dataclass(frozen=True, eq=False)
class Boxes:
    """The union of boxes, with its boundary.

    Boxes may overlap. Two boxes that share a part of a face are joined there.

    Parameters
    ----------
    boxes
        An interval (a, b) per variable for each box, in the order of the bounds.

    Raises
    ------
    TypeError, ValueError
        For anything but intervals, and for boxes with different numbers of intervals.

    Examples
    --------
    >>> Boxes([[(-1, 0), (-1, 1)], [(-1, 1), (0, 1)]]).boxes[0]  # an L
    ((-1.0, 0.0), (-1.0, 1.0))
    """

    boxes: Sequence[Sequence[tuple[float, float]]]

    def __post_init__(self) -> None:
        boxes = tuple(
            tuple(interval(f"boxes[{i}][{j}]", ends) for j, ends in enumerate(sequence(f"boxes[{i}]", box)))
            for i, box in enumerate(sequence("boxes", self.boxes))
        )
        if len({len(box) for box in boxes}) > 1:
            raise ValueError(f"boxes must have the same number of intervals, got {shown(self.boxes)}")
        affordable(f"boxes: a grid of {len(boxes)} boxes", float(2 * len(boxes)) ** len(boxes[0]))
        object.__setattr__(self, "boxes", boxes)

    @property
    def _edges(self) -> list[Float64Array]:
        """The coordinates of all faces, by variable."""
        return [np.unique([end for box in self.boxes for end in box[i]]) for i in range(len(self.boxes[0]))]

    def _inside(self, points: Float64Array, margin: float) -> Any:
        low, high = (np.array([[ends[k] for ends in box] for box in self.boxes]) for k in (0, 1))
        room = margin * (high.max(axis=0) - low.min(axis=0))
        at = points[:, None]
        return ((at >= low - room) & (at <= high + room)).all(axis=2).any(axis=1)

    def _faces(self) -> list[Face]:
        """The boundary, divided along the coordinates of all faces."""
        edges = self._edges
        middles = [(t[1:] + t[:-1]) / 2 for t in edges]
        grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1)
        full = self._inside(grid.reshape(-1, len(edges)), 0.0).reshape(grid.shape[:-1])
        padded = np.pad(full, 1)
        faces = []
        for i in range(len(edges)):
            for cell in product(*(range(n) for n in full.shape)):
                if not full[cell]:
                    continue
                for side in (-1, 1):
                    beside = [k + 1 + side * (j == i) for j, k in enumerate(cell)]
                    if not padded[tuple(beside)]:
                        ends = [(float(t[k]), float(t[k + 1])) for t, k in zip(edges, cell, strict=True)]
                        value = ends[i][side > 0]
                        faces.append(Face(i, value, side, tuple(ends)))
        return faces
