"""The solution of a differential equation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._checks import Float64Array, integer, one_of, real_array, shown
from splinekan._records import Uncached
from splinekan.equations import expressions
from splinekan.model import Model
from splinekan.optimize import History
from splinekan.solving.across import across, looks_elsewhere
from splinekan.solving.errors import relative_error
from splinekan.solving.options import LevelRecord
from splinekan.solving.pieces import Piece
from splinekan.solving.rules import sobol
from splinekan.solving.statement import Statement
from splinekan.solving.summary import summary

GRIDS = {1: 1001, 2: 101, 3: 31}
"""Points per variable of a grid on which errors are measured, by the number of variables."""
SAMPLE = 2**14
"""Points for more variables."""


@dataclass(frozen=True, eq=False)
class Solution(Uncached):
    """The solution of a differential equation, as returned by `solve`.

    Parameters
    ----------
    statement
        Equations, conditions, bounds and domain, in the user's units.
    pieces
        Networks, each on an interval of a variable, in order; a single piece for the whole domain.
    network_name
        The kind of network, for tables.
    history
        Loss, work and time, an entry per iteration.
    levels
        Size, losses and change on every level.
    constants
        The unknown constants by name.
    standard_errors
        The standard errors of the constants by name.
    warnings
        Doubts about the solution, as text.
    seconds
        Wall time.

    Examples
    --------
    >>> import splinekan as sk
    >>> from sympy import Function, symbols
    >>> t = symbols("t")
    >>> u = Function("u")(t)
    >>> solution = sk.solve(u.diff(t) + u, bounds={t: (0, 1)}, conditions=[sk.initial(u, 1, t)])
    >>> bool(abs(solution([[1.0]])[0] - np.exp(-1)) < 1e-9)
    True
    """

    statement: Statement
    pieces: tuple[Piece, ...]
    network_name: str
    history: History = field(repr=False)
    levels: tuple[LevelRecord, ...] = ()
    constants: dict[str, float] = field(default_factory=dict)
    standard_errors: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def unknown(self) -> tuple[Any, ...]:
        """The unknowns, in the order of the columns of values."""
        parts = self.statement.parts
        return self.statement.unknown if parts is None else parts.given

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables, in the order of the columns of points."""
        return self.statement.variables

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """An interval per variable."""
        return self.statement.bounds

    @property
    def models(self) -> tuple[Model, ...]:
        """The outputs of the networks of the pieces, before scaling and exact conditions."""
        return tuple(piece.model for piece in self.pieces)

    @property
    def n_parameters(self) -> int:
        """The number of parameters of all pieces together."""
        return sum(piece.network.n_parameters for piece in self.pieces)

    def __call__(self, points: ArrayLike, outside: str = "refuse") -> NDArray[Any]:
        """The unknown at points, (n,); for several unknowns (n, m), in the order of `unknown`.

        Complex unknowns have complex values.

        Parameters
        ----------
        points
            (n, number of variables); for a single variable also (n,).
        outside
            For points outside the domain: "refuse" raises an error, "nan" returns NaN, "continue" evaluates
            the continuation of the network.

        Raises
        ------
        TypeError, ValueError
            For points of the wrong shape or type, and for points outside the domain.
        """
        values = self.parts_at(self._points(points), outside)
        parts = self.statement.parts
        found = values if parts is None else parts.assemble(values)
        return found[:, 0] if len(self.unknown) == 1 else found

    def parts_at(self, points: ArrayLike, outside: str = "refuse") -> Float64Array:
        """The real unknowns, (n, m): as a call, with the real and imaginary parts of complex unknowns.

        Raises
        ------
        TypeError, ValueError
            As for a call.
        """
        count = len(self.statement.unknown)
        return self._gathered(self._points(points), outside, lambda piece, p: piece.values(p), count)

    def evaluate(self, expression: Any, points: ArrayLike, outside: str = "refuse") -> NDArray[Any]:
        """The values of an expression in the unknowns, their derivatives and the variables, (n,).

        They are complex if the unknowns are complex and the expression is not real.

        Parameters
        ----------
        expression
            An expression of sympy, such as u.diff(x) + u**2.
        points, outside
            As for a call.

        Raises
        ------
        TypeError, ValueError
            For terms that `Equation` does not admit, and as for a call.
        """
        what = expressions.read("expression", expression)
        at = self._points(points)
        parts = self.statement.parts
        real, imaginary = (what, 0) if parts is None else parts.split(what)
        values: NDArray[Any] = self._real(real, at, outside)
        return values if imaginary == 0 else values + 1j * self._real(imaginary, at, outside)

    def _real(self, expression: Any, points: Float64Array, outside: str) -> Float64Array:
        if len(self.pieces) > 1 and looks_elsewhere(expression, self.variables):
            found = self._gathered(points, outside, lambda piece, p: np.zeros((len(p), 1)), 1)[:, 0]
            mine = np.isfinite(found)
            found[mine] = across(self.pieces, self._piece_of, expression, points[mine])
            return found

        def values(piece: Piece, at: Float64Array) -> Float64Array:
            return piece.evaluate("expression", expression, at)[:, None]

        return self._gathered(points, outside, values, 1)[:, 0]

    def residual(self, points: ArrayLike, outside: str = "refuse") -> Float64Array:
        """The residuals of the equations, in their units, (n, number of equations).

        Complex equations have a real and an imaginary part.

        Raises
        ------
        TypeError, ValueError
            As for a call.
        """
        at = self._points(points)
        columns = [self._real(each, at, outside) for each in self.statement.equations]
        return np.stack(columns, axis=1)

    def error(self, exact: Any, points: ArrayLike | int | None = None) -> Any:
        """The relative error |u - exact| / |exact| in the l2 norm; for several unknowns an array (m,).

        Parameters
        ----------
        exact
            An expression of sympy in the variables, or a number; for several unknowns a sequence. Or a
            function from points (n, d) to values, (n,) or (n, m).
        points
            Points, (n, d), or the number of points per variable of a grid that includes the boundary. None
            for a grid of 1001, 101^2 or 31^3 points, and for a Sobol sequence in more variables.

        Raises
        ------
        TypeError, ValueError
            For arguments of the wrong type, values that are not finite, and if `exact` is 0 at all points.
        """
        at = self.sample(points) if points is None or isinstance(points, int) else self._points(points)
        m = len(self.unknown)
        found = relative_error(self(at).reshape(len(at), m), exact, at, self.variables, self.statement.parts)
        return float(found[0]) if m == 1 else found

    def sample(self, count: int | None = None) -> Float64Array:
        """The points in the domain of a grid that includes the boundary; in 4 or more variables, of a Sobol
        sequence.

        Parameters
        ----------
        count
            The number of points per variable; in 4 or more variables, in total. None for a default.

        Raises
        ------
        TypeError, ValueError
            For a count below 2.
        """
        d = len(self.variables)
        n = GRIDS.get(d, SAMPLE) if count is None else integer("points", count, low=2)
        if d > max(GRIDS):
            points: Float64Array = sobol(n, self.bounds, 0)
        else:
            axes = [np.linspace(*ends, n) for ends in self.bounds]
            points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
        return np.asarray(points[self.statement.region.contains(points)])

    def plot(self, unknown: Any = None) -> Any:
        """A figure of the unknowns and the residual: curves, maps, or slices through the middle.

        Parameters
        ----------
        unknown
            One of the unknowns; None for all.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        ValueError
            For anything but an unknown of this solution.
        """
        from splinekan.plots.solutions import solution_figure

        if unknown is not None and unknown not in self.unknown:
            raise ValueError(
                f"unknown must be one of {', '.join(map(str, self.unknown))}, got {shown(unknown)}"
            )
        return solution_figure(self, self.unknown if unknown is None else (unknown,))

    def __str__(self) -> str:
        return summary(self)

    def _points(self, points: ArrayLike) -> Float64Array:
        d = len(self.variables)
        at = real_array("points", points)
        if at.ndim == 1 and d == 1:
            at = at[:, None]
        return real_array("points", at, shape=(None, d)).astype(np.float64, copy=False)

    def _gathered(
        self,
        points: Float64Array,
        outside: str,
        of: Callable[[Piece, Float64Array], Float64Array],
        columns: int,
    ) -> Float64Array:
        """The values of `of`, (n, columns), at every point from the piece that contains it."""
        one_of("outside", outside, ("refuse", "nan", "continue"))
        inside = self.statement.region.contains(points)
        last = self.pieces[-1]
        if last.interval is not None and last.interval[1] < self.bounds[last.along][1]:
            reached = points[:, last.along] <= last.interval[1]
            if outside == "refuse" and not reached.all():
                raise ValueError(
                    f"the search ended at {self.variables[last.along]} = {last.interval[1]:.6g}: there is no "
                    f"solution at {points[np.argmin(reached)]}; see `warnings` of the solution"
                )
            inside &= reached
        if outside == "refuse" and not inside.all():
            bad = points[np.argmin(inside)]
            raise ValueError(
                f"points must lie in the domain, got {bad}; the bounds are {self.bounds}. "
                'With outside="nan" or "continue" they are accepted.'
            )
        values = np.full((len(points), columns), np.nan)
        chosen = self._piece_of(points)
        for number, piece in enumerate(self.pieces):
            mine = chosen == number
            if outside == "nan":
                mine &= inside
            if mine.any():
                at = points[mine]
                if outside != "continue":  # points outside by rounding errors are admitted
                    low, high = np.array(piece.box).T
                    at = np.clip(at, low, high)
                values[mine] = of(piece, at)
        return values

    def _piece_of(self, points: Float64Array) -> Any:
        """The number of the piece of each point."""
        first = self.pieces[0]
        if first.interval is None:
            return np.zeros(len(points), int)
        starts = [piece.interval[0] for piece in self.pieces[1:] if piece.interval is not None]
        return np.searchsorted(starts, points[:, first.along], side="right")
