"""The domain of an equation for given variables: points inside, and the patches of its boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from sympy.logic.boolalg import Boolean

from splinekan._checks import Float64Array, interval, shown
from splinekan._records import Uncached
from splinekan.equations import expressions
from splinekan.solving.domains import Boxes, SignedDistance
from splinekan.solving.formulas import numeric
from splinekan.solving.inequalities import inequalities, level, truth
from splinekan.solving.patches import Face, Patch, Surface
from splinekan.solving.rules import Rule, Sobol, sobol

Bounds = tuple[tuple[float, float], ...]
ROUNDING = 1e-10
"""Points at most this far from a box, in its lengths, belong to it."""


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
        For domains of another type, inequalities that are not functions of the variables, and empty domains.
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
            levels = [level(each) for each in inequalities(domain)]
        elif domain is not None and not callable(domain):
            raise TypeError(
                "domain must be None, a SignedDistance, Boxes, inequalities of sympy, or a function of "
                f"points, got {shown(domain)}"
            )
        object.__setattr__(self, "_levels", tuple(levels))
        if levels:
            _ = self._values
        if not self.is_box and not len(self.interior(Sobol(1024, 0))[0]):
            raise ValueError(f"domain must have points inside the bounds {self.bounds}, got none")

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
        """The lengths of the sides of the box, (d,)."""
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
            table = dict(zip(map(str, inequalities(self.domain)), values.T, strict=True))
            return inside & truth(self.domain, table, closed)
        found = np.asarray(self.domain(np.array(points)))
        if found.shape != (len(points),) or found.dtype.kind != "b":
            raise ValueError(
                f"domain(points) must be booleans of shape ({len(points)},), got shape {found.shape} and "
                f"dtype {found.dtype}"
            )
        return inside & found

    def _room(self, points: Float64Array, margin: float) -> Float64Array:
        """The change of the levels over the margin, (n, number of levels)."""
        slopes = [
            np.abs(self._values(points + shift) - self._values(points - shift)) / (2e-6 / margin)
            for shift in np.diag(1e-6 * self.lengths)
        ]
        return np.asarray(np.nan_to_num(np.sum(slopes, axis=0)))

    def interior(self, rule: Rule) -> tuple[Float64Array, Float64Array]:
        """Points inside, and weights with the sum 1, for means over the domain.

        Cells that intersect the boundary are divided, so that there are points close to it.
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
        """Number of halvings of cut cells: two, one in space, along the variables of the boundary."""
        symbols = [each.free_symbols for each in self._levels]
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
        found += [Patch(self, Surface(each, side)) for each in self._levels for side in (1, -1)]
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
