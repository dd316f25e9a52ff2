"""Domains of equations: boxes, unions of boxes, and what inequalities describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean, BooleanFunction

from splinekan._checks import Float64Array, affordable, interval, sequence, shown
from splinekan._records import Uncached
from splinekan.equations import expressions
from splinekan.solving.formulas import numeric
from splinekan.solving.patches import Face, Patch, Surface
from splinekan.solving.rules import Cells, Rule, Sobol, sobol

Bounds = tuple[tuple[float, float], ...]
ROUNDING = 1e-10
"""Points this close to a box, in its lengths, count as points of it."""
STRICT = (sympy.StrictLessThan, sympy.StrictGreaterThan)
INEQUALITIES = (*STRICT, sympy.LessThan, sympy.GreaterThan)


@dataclass(frozen=True, eq=False)
class SignedDistance:
    """The domain where an expression is negative; its zero set is the boundary.

    The expression need not be a distance: any smooth function serves whose gradient does not vanish where
    it is 0. Outward normals are along its gradient.

    Parameters
    ----------
    expression
        In the variables; x**2 + y**2 - 1 for a disk. Variables that do not occur are free: with the
        variables x, y, t the domain is a cylinder.

    Raises
    ------
    TypeError
        For anything but an expression of sympy.
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
        For each box an interval (a, b) per variable, in the order of the bounds.

    Raises
    ------
    TypeError, ValueError
        For anything but intervals, and boxes with different numbers of them.

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
        """Every coordinate of a face, by variable."""
        return [np.unique([end for box in self.boxes for end in box[i]]) for i in range(len(self.boxes[0]))]

    def _inside(self, points: Float64Array, margin: float) -> Any:
        low, high = (np.array([[ends[k] for ends in box] for box in self.boxes]) for k in (0, 1))
        room = margin * (high.max(axis=0) - low.min(axis=0))
        at = points[:, None]
        return ((at >= low - room) & (at <= high + room)).all(axis=2).any(axis=1)

    def _faces(self) -> list[Face]:
        """The boundary, cut along the coordinates of all faces."""
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


@dataclass(frozen=True, eq=False)
class Region(Uncached):
    """A domain for given variables: points inside, and the patches of its boundary.

    Attributes
    ----------
    variables
        Symbols.
    bounds
        A box that holds the domain, an interval per variable.
    domain
        None for the box itself; `SignedDistance`, `Boxes`, an inequality or several joined by And, Or and
        Not, or a function from points (n, d) to booleans (n,).

    Raises
    ------
    TypeError, ValueError
        For other domains, inequalities that are not functions of the variables, and domains without points.
    """

    variables: tuple[Any, ...]
    bounds: Bounds
    domain: Any = None
    _levels: tuple[Any, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        domain = self.domain
        levels: list[Any] = []
        if isinstance(domain, SignedDistance):
            levels = [domain.expression]
        elif isinstance(domain, Boxes):
            if len(domain.boxes[0]) != len(self.variables):
                raise ValueError(
                    f"domain must have an interval for each of {len(self.variables)} variables, got "
                    f"{len(domain.boxes[0])}"
                )
            hull = [(t[0], t[-1]) for t in domain._edges]
            if any(a != c or b != d for (a, b), (c, d) in zip(hull, self.bounds, strict=True)):
                raise ValueError(f"bounds must be the smallest box around domain, {hull}, got {self.bounds}")
        elif isinstance(domain, Boolean):
            levels = [_level(each) for each in _inequalities(domain)]
        elif domain is not None and not callable(domain):
            raise TypeError(
                "domain must be None, a SignedDistance, Boxes, inequalities of sympy, or a function of "
                f"points, got {shown(domain)}"
            )
        object.__setattr__(self, "_levels", tuple(levels))
        if levels:
            _ = self._values
        if not self.is_box and not len(self.interior(Sobol(1024, 0))[0]):
            raise ValueError(f"domain must have points inside of the bounds {self.bounds}, got none")

    @property
    def is_box(self) -> bool:
        """Whether the domain is the whole box."""
        return self.domain is None

    @property
    def n_variables(self) -> int:
        """The number of variables."""
        return len(self.variables)

    @property
    def lengths(self) -> Float64Array:
        """Of the sides of the box, (d,)."""
        ends = np.array(self.bounds)
        return np.asarray(ends[:, 1] - ends[:, 0])

    @cached_property
    def _values(self) -> Callable[[Float64Array], Float64Array]:
        return numeric("domain", self._levels, self.variables)

    def contains(self, points: Float64Array, margin: float = ROUNDING) -> Any:
        """Which points lie in the closed domain, up to a margin in lengths of the box, (n,) booleans."""
        low, high = np.array(self.bounds).T
        room = margin * (high - low)
        inside = ((points >= low - room) & (points <= high + room)).all(axis=1)
        if self.domain is None or not len(points):
            return inside
        if isinstance(self.domain, Boxes):
            return inside & self.domain._inside(points, margin)
        if self._levels:
            values = self._values(points)
            if margin > 0:
                values = np.where(np.abs(values) <= self._room(points, margin), 0.0, values)
            closed = margin > 0
            if isinstance(self.domain, SignedDistance):
                return inside & ((values[:, 0] < 0) | (closed & (values[:, 0] == 0)))
            table = dict(zip(map(str, _inequalities(self.domain)), values.T, strict=True))
            return inside & _truth(self.domain, table, closed)
        found = np.asarray(self.domain(np.array(points)))
        if found.shape != (len(points),) or found.dtype.kind != "b":
            raise ValueError(
                f"domain(points) must be booleans of shape ({len(points)},), got shape {found.shape} and "
                f"dtype {found.dtype}"
            )
        return inside & found

    def _room(self, points: Float64Array, margin: float) -> Float64Array:
        """How much the levels change over the margin, (n, number of levels)."""
        slopes = [
            np.abs(self._values(points + shift) - self._values(points - shift)) / (2e-6 / margin)
            for shift in np.diag(1e-6 * self.lengths)
        ]
        return np.asarray(np.nan_to_num(np.sum(slopes, axis=0)))

    def interior(self, rule: Rule) -> tuple[Float64Array, Float64Array]:
        """Points inside, and weights with the sum 1, for means over the domain.

        Cells that the boundary cuts are divided, so that there are points close to it.
        """
        if isinstance(rule, Sobol):
            points = sobol(rule.count, self.bounds, rule.seed)
            points = points[self.contains(points, 0.0)]
            return points, np.full(len(points), 1 / max(len(points), 1))
        points, weights, number = rule.gauss()
        if self.is_box:
            return points, weights
        inside = self.contains(points, 0.0)
        count = int(number.max()) + 1
        share = np.bincount(number, inside, count) / np.bincount(number, minlength=count)
        cut = (share > 0) & (share < 1)
        keep = inside & ~cut[number]
        finer, portions, _ = rule.halved(self._divisions).gauss()
        within = cut[rule.number_of(finer)] & self.contains(finer, 0.0)
        points = np.concatenate([points[keep], finer[within]])
        weights = np.concatenate([weights[keep], portions[within]])
        return points, weights / weights.sum()

    @property
    def _divisions(self) -> list[int]:
        """How often cut cells are halved: twice, once in space, along the variables that matter."""
        symbols = [level.free_symbols for level in self._levels]
        matters = [not symbols or any(v in found for found in symbols) for v in self.variables]
        return [int(each) * (2 if sum(matters) < 3 else 1) for each in matters]

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """The boundary: faces of the box, or of the boxes, and zero sets of the inequalities."""
        if isinstance(self.domain, Boxes):
            return tuple(Patch(self, face) for face in self.domain._faces())
        faces = [
            Face(i, ends[side > 0], side, self.bounds)
            for i, ends in enumerate(self.bounds)
            for side in (-1, 1)
        ]
        found = [Patch(self, face) for face in faces]
        if self.is_box:
            return tuple(found)
        for level in self._levels:
            found += [Patch(self, Surface(level, side)) for side in (1, -1)]
        rule = Sobol(256, 0)
        return tuple(patch for patch in found if len(patch.points(rule)[0]))

    def face(self, variable: int, value: float) -> tuple[Patch, ...]:
        """The patches in the hyperplane where a variable has a value."""
        room = ROUNDING * self.lengths[variable]
        return tuple(
            patch
            for patch in self.patches
            if isinstance(patch.shape, Face)
            and patch.shape.variable == variable
            and abs(patch.shape.value - value) <= room
        )

    def uniform(self, cells: Sequence[int]) -> list[Float64Array]:
        """Edges of equal cells along each variable; the faces of boxes are among them."""
        edges = []
        for i, (ends, n) in enumerate(zip(self.bounds, cells, strict=True)):
            t = np.linspace(*ends, n + 1)
            if isinstance(self.domain, Boxes):
                for value in self.domain._edges[i][1:-1]:  # the nearest edge is moved there
                    t[1 + np.argmin(np.abs(t[1:-1] - value))] = value if n > 1 else t[1]
            edges.append(np.unique(t))
        return edges


def region(domain: Any, bounds: Mapping[Any, Any]) -> Region:
    """The domain for the variables and intervals of `bounds`."""
    variables = expressions.read_variables("bounds", tuple(bounds))
    ends = tuple(interval(f"bounds[{v}]", bounds[v]) for v in variables)
    return Region(variables, ends, domain)


def _inequalities(domain: Any) -> list[Any]:
    """The inequalities of a Boolean expression, each once."""
    if isinstance(domain, INEQUALITIES):
        return [domain]
    if isinstance(domain, (sympy.And, sympy.Or, sympy.Not)):
        found = [each for part in domain.args for each in _inequalities(part)]
        return list({str(each): each for each in found}.values())
    if isinstance(domain, (Relational, BooleanFunction)):
        raise ValueError(f"domain must hold inequalities, And, Or and Not only, got {domain}")
    raise ValueError(f"domain must hold points inside and outside, got {domain}")


def _level(inequality: Any) -> Any:
    """Negative where the inequality holds."""
    less = isinstance(inequality, (sympy.StrictLessThan, sympy.LessThan))
    return inequality.lhs - inequality.rhs if less else inequality.rhs - inequality.lhs


def _truth(domain: Any, table: Mapping[str, Any], closed: bool) -> Any:
    if isinstance(domain, sympy.And):
        return np.logical_and.reduce([_truth(part, table, closed) for part in domain.args])
    if isinstance(domain, sympy.Or):
        return np.logical_or.reduce([_truth(part, table, closed) for part in domain.args])
    if isinstance(domain, sympy.Not):
        return ~_truth(domain.args[0], table, not closed)
    value = table[str(domain)]
    return (value < 0) | (closed & (value == 0))


__all__ = ["Boxes", "Cells", "Region", "SignedDistance", "region"]
