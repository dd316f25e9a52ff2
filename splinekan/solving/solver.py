"""`solve`: from the arguments to the solution."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from splinekan.network import KAN
from splinekan.solving import engine
from splinekan.solving.balance import balanced
from splinekan.solving.conditions import Condition
from splinekan.solving.options import Options
from splinekan.solving.solution import Solution
from splinekan.solving.stating import stated


class SolutionWarning(UserWarning):
    """A warning about a doubtful solution: missing conditions, or a residual that is not small everywhere.

    Examples
    --------
    To raise an error instead:

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", SolutionWarning)
    """


def solve(
    equations: Any,
    bounds: Mapping[Any, Any],
    conditions: Sequence[Condition] = (),
    *,
    unknown: Any = None,
    domain: Any = None,
    data: Sequence[Any] = (),
    network: str | KAN | None = None,
    hidden: Sequence[int] | None = None,
    degree: int | None = None,
    levels: int | None = None,
    points: int | None = None,
    exact: bool | None = None,
    slabs: int | None = None,
    tolerance: float = 1e-8,
    seed: int = 0,
    seconds: float | None = None,
    progress: bool = False,
) -> Solution:
    """The solution of a differential equation, ordinary or partial, or of a system.

    The unknowns are networks that minimise the squared residuals of equations and conditions at collocation
    points. Up to three variables they are tensor-product splines, computed by Gauss-Newton on meshes that are
    refined where the residual is large: on successive slabs of time if initial conditions determine an
    evolution, otherwise on the whole domain at once. Other networks, and networks for more variables, are
    trained by Levenberg-Marquardt on levels of successively finer knots. The result does not depend on units:
    variables are mapped to [-1, 1], unknowns are scaled by sizes that follow from conditions, data or a
    linearised problem, and residuals by the size of their terms.

    Parameters
    ----------
    equations
        An expression of sympy that is set to 0, an `Eq`, or a sequence of these. Admissible terms are listed
        at `Equation`.
    bounds
        A dictionary from variables to intervals (a, b). Its order is that of the columns of points and of the
        arguments of the unknowns.
    conditions
        Conditions made by `initial`, `dirichlet`, `neumann`, `robin`, `periodic` and `condition`.
    unknown
        u(x, ...), or a sequence in the order of the columns of values. None for the unknown functions of the
        equations, sorted by name.
    domain
        The part of the bounds where the equations hold: None for the whole box; an inequality such as
        x**2 + y**2 < 1, or several joined by And, Or and Not; `SignedDistance`; `Boxes`; a function from
        points (n, d) to booleans (n,), with conditions at given points only.
    data
        Measured values, `Data`. Their mean square misfit has a small weight relative to the equations, so
        that noise does not violate these.
    network
        "tensor": tensor-product splines of all variables, the default up to three; "spline": spline layers
        with a hidden layer; "ridge": splines of linear combinations; "separable": sums of products, whose
        factors are sums of splines of single variables; "compete": all of these but "tensor" compete; or a
        `KAN` whose inputs are the variables in [-1, 1]. None chooses; from four variables on, networks
        compete. `Solution.levels` lists all of them.
    hidden
        Widths of the hidden layers of a "spline" network.
    degree
        Degree of the splines, at least the order of the equations plus 1; by default 7, higher if the order
        is above 2, and 5 in three or more variables.
    levels
        The number of levels if the whole domain is solved at once; None to refine as long as it pays off.
    points
        The approximate number of points inside the domain on each level for networks other than "tensor";
        None for a multiple of the number of parameters.
    exact
        Whether conditions u = value on faces of a box are imposed exactly, by u = g + B v for a network v.
        None chooses, if they agree at edges and corners. Slabs of time have weighted conditions: True solves
        the whole domain at once.
    slabs
        The number of intervals in time, of equal length, that are solved one after another if initial
        conditions determine an evolution; 1 for the whole domain at once; None chooses.
    tolerance
        Refinement ends when the relative residual is smaller than this. It is the root mean square of each
        equation and condition divided by that of the largest of its terms. 0 refines down to rounding errors.
    seed
        Seed of random numbers: the same seed gives the same solution.
    seconds
        Time after which no further level, slab or iteration begins. An evolution then ends early, with a
        warning, and later points are refused. None limits the work instead of the time: evolutions end early
        after 10,000 slabs, a million parameters, or 150,000 parameters without a solution.
    progress
        Whether to show a bar (tqdm) with the current slab of time, number of parameters and residual.

    Returns
    -------
    Solution
        A callable solution with its residual, errors, constants and warnings.

    Raises
    ------
    TypeError, ValueError
        Before any work, with the name of the argument: for terms that cannot be compiled, conditions that are
        not on the boundary, fewer equations than unknowns, networks of the wrong widths, a degree that is too
        low, and several slabs without an evolution.

    Warns
    -----
    SolutionWarning
        If the solution is doubtful; the texts are in `Solution.warnings`.

    Examples
    --------
    >>> from sympy import Function, symbols
    >>> from splinekan import dirichlet
    >>> x = symbols("x")
    >>> u = Function("u")(x)
    >>> solution = solve(u.diff(x, 2) + 2, bounds={x: (0, 1)}, conditions=[dirichlet(u, 0)])
    >>> [round(value, 12) for value in solution([[0.25], [0.5]]).tolist()]
    [0.1875, 0.25]
    """
    began = perf_counter()
    options = Options(
        network, hidden, degree, levels, points, exact, slabs, tolerance, seed, seconds, progress
    )
    statement = stated(equations, bounds, conditions, unknown, domain, data)
    statement = balanced(statement)
    outcome = engine.solve(statement, options)
    texts = (*statement.warnings, *outcome.warnings)
    free = [name for name, error in outcome.standard_errors.items() if not np.isfinite(error)]
    if free:
        texts += (f"nothing determines {', '.join(free)}: only combinations of constants, or the start",)
    if exact is True:
        notes = statement.exact.notes
        if notes or not statement.exact.imposes:
            texts += notes or ("no condition could be imposed exactly",)
    for text in texts:
        warnings.warn(text, SolutionWarning, stacklevel=2)
    return Solution(
        statement,
        outcome.pieces,
        outcome.levels[-1].network if outcome.levels else "given",
        outcome.history,
        outcome.levels,
        outcome.pieces[-1].constants,
        outcome.standard_errors,
        texts,
        perf_counter() - began,
    )
