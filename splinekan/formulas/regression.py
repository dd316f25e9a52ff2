"""Formulas from networks and from data: `symbolic` and `symbolic_regression`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import qmc

from splinekan._checks import Float64Array, boolean, instance, integer, not_too_large, one_of, real, sequence
from splinekan._columns import checked_names, names_of, numbered
from splinekan.fitting.arguments import inputs_of, targets_of
from splinekan.formulas.assembly import network, trials
from splinekan.formulas.expressions import expressions
from splinekan.formulas.families import Family
from splinekan.formulas.families import library as library_of
from splinekan.formulas.result import Constant, Formula, Tried, deviations
from splinekan.formulas.search import Attempt, Search
from splinekan.formulas.structures import STRUCTURES
from splinekan.formulas.trial import Part, Trial, built, constants, relabelled, restricted
from splinekan.model import Model
from splinekan.model.extrapolation import level_outside_of_the_package
from splinekan.model.record import Choice, FitRecord
from splinekan.network import DomainWarning
from splinekan.network.term import Term

LEAST = 20
"""Fewest samples of a search."""
GRID = 4096
"""Number of points of the grid on which a formula is compared with a model."""
EDGES = 40
"""Most edges of a model that is snapped itself."""
LARGEST, LEAST_RANGE = 1e100, 1e-60
"""Largest modulus and least range of columns: squares of other numbers leave the range of float64."""
CONSTANT = 1e-12
"""Columns that vary by less than this times their largest modulus count as constant up to rounding."""
UNKNOWN = 1e-8


def symbolic(
    model: Model,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    library: Iterable[Any] | None = None,
    structures: Sequence[str] | None = None,
    tolerance: float | None = None,
    seed: int = 0,
    verbose: bool = False,
) -> Formula:
    """Formulas for the outputs of a model.

    Edges that are not needed are removed. Every other edge is compared with the functions of the library,
    c phi(a x + b) + d, and replaced by the function that explains it best; after each change the whole
    network is trained again. If the term is right, the error does not grow; otherwise the edge stays a
    spline. Simple structures (see `splinekan.formulas.structures`), among them products, are trained with the
    same samples and treated like the model, in the order of their numbers of edges; structures with more
    edges than a formula that explains the samples are not tried. The formula with the least
    n log E + K log n + 2 C is returned, E the mean square error, K the number of constants, C the complexity
    of the functions. Finally constants are fixed at simple values as far as the data allow; scales and shifts
    that no data determine are 1 and 0.

    Parameters
    ----------
    model
        A model without `features`.
    X
        Samples, (n, n_in): at least 20 rows.
    y
        Targets, (n, n_out) or (n,). None for the values of the model, which is then explained as it is.
    library
        Functions: names in `splinekan.network.FUNCTIONS`, expressions in a single symbol ("besselj(0, x)"),
        sympy expressions, or tuples of these for chains, the innermost first. None for
        `splinekan.formulas.DEFAULT`. Straight lines are always included.
    structures
        The simple structures that are tried, from `splinekan.formulas.STRUCTURES`; () for the model's own
        edges only; None for all. The model's own edges are not used if it has base branches, periodic
        splines, splines of degree 0, layers other than splines and affine maps, or more than 40 edges.
    tolerance
        Mean square error, relative to the variance of y, below which errors count as equal. None for 0 with
        targets; without targets, for 4 times the mean square error in the record of the model's fit, or 1e-8.
    seed
        Seed of the starts of structures and of the choice of samples with which edges are compared.
    verbose
        Whether to print a line for each structure that is tried.

    Returns
    -------
    Formula
        The formulas as `expressions` of sympy and as a `model`, with their errors.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, values that are not finite, fewer than 20 samples, and models
        with features, with outputs that are not means (log-odds) together with targets, or with edges that
        cannot be formulas together with structures=().

    Warns
    -----
    DomainWarning
        For a formula that is not defined everywhere between the samples: `Formula.is_regular`.

    Examples
    --------
    >>> import numpy as np, splinekan as sk
    >>> x = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    >>> model = sk.fit(x, np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2), hidden=(1,), first="splines", levels=1)
    >>> sk.symbolic(model, x, np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2)).expression
    sqrt(x1**2 + x2**2)
    """
    instance("model", model, Model)
    points = _bounded("X", inputs_of("X", X, model.names, model.n_in))
    if model.features is not None:
        raise ValueError(
            "model must have no features: its outputs are functions of features, not of the columns of X"
        )
    loss = "squared" if model.record is None else model.record.loss
    if y is not None and loss in ("logistic", "softmax", "poisson"):
        raise ValueError(
            f"y must be None for a model with the loss {loss!r}, whose outputs are not means of y: the "
            "formula then explains these outputs"
        )
    targets = model(points).astype(np.float64) if y is None else _targets(y, len(points), model)
    if tolerance is None:
        tolerance = 0.0 if y is not None else _accuracy(model)
    options = Options.checked(library, structures, tolerance, seed, verbose)
    given: list[list[Trial]] = [[] for _ in range(model.n_out)]
    found = trials(model)
    reason = found if isinstance(found, str) else f"the model has more than {EDGES} edges"
    if not isinstance(found, str):
        for o, trial in enumerate(found):
            if sum(len(stage.edges) for stage in trial.stages) <= EDGES:
                given[o] = [trial]
    if not options.structures and not all(given):
        raise ValueError(f"structures must not be () for a model whose edges cannot be formulas: {reason}")
    return _formula(points, targets, model.names, model.output_names, model, given, options)


def symbolic_regression(
    X: Any,
    y: Any,
    *,
    library: Iterable[Any] | None = None,
    structures: Sequence[str] | None = None,
    tolerance: float = 0.0,
    names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    seed: int = 0,
    verbose: bool = False,
) -> Formula:
    """Formulas for data, without a model: `symbolic` with the structures alone.

    Parameters
    ----------
    X, y
        Samples, (n, n_in), and targets, (n, n_out) or (n,): at least 20 rows; arrays or data frames.
    library, structures, tolerance
        As for `symbolic`.
    names, output_names
        Names of the columns of X and y; None for those of data frames.
    seed, verbose
        As for `symbolic`.

    Returns
    -------
    Formula
        The formulas as `expressions` of sympy and as a `model`, with their errors.

    Raises
    ------
    TypeError, ValueError
        As `symbolic`.

    Examples
    --------
    >>> import numpy as np, splinekan as sk
    >>> x = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    >>> sk.symbolic_regression(x, x[:, 0] * x[:, 1]).expression
    x1*x2
    """
    points = _bounded("X", inputs_of("X", X))
    columns = names_of(X) if names is None else checked_names("names", names, points.shape[1])
    targets = _targets(y, len(points))
    labels = (
        names_of(y) if output_names is None else checked_names("output_names", output_names, targets.shape[1])
    )
    options = Options.checked(library, structures, tolerance, seed, verbose)
    if not options.structures:
        raise ValueError("structures must not be empty, got (): without a model nothing else is tried")
    given: list[list[Trial]] = [[] for _ in range(targets.shape[1])]
    return _formula(points, targets, columns, labels, None, given, options)


def _bounded(name: str, values: Float64Array) -> Float64Array:
    found: Float64Array = not_too_large(name, values, LARGEST).astype(np.float64)
    ranges = np.ptp(found, axis=0) if len(found) else np.zeros(found.shape[1])
    for p in np.flatnonzero((ranges > 0) & (ranges < LEAST_RANGE)):
        raise ValueError(
            f"{name} must have columns that vary by at least {LEAST_RANGE:g} or not at all, got "
            f"{ranges[p]:g} in column {p}: take other units"
        )
    return found


def _targets(y: Any, n: int, model: Model | None = None) -> Float64Array:
    t = targets_of(y, names=None if model is None else model.output_names)
    if len(t) != n:
        raise ValueError(f"X and y must have the same number of rows, got {n} and {len(t)}")
    if model is not None and t.shape[1] != model.n_out:
        raise ValueError(
            f"y must have a column for each of {model.n_out} outputs of the model, got {t.shape[1]}"
        )
    return _bounded("y", t)


def _formula(
    points: Float64Array,
    targets: Float64Array,
    names: Any,
    output_names: Any,
    model: Model | None,
    given: Sequence[Sequence[Trial]],
    options: Options,
) -> Formula:
    if len(points) < LEAST or not points.shape[1]:
        raise ValueError(f"X must have at least {LEAST} rows and a column, got shape {points.shape}")
    size = np.abs(points).max(axis=0)
    varying = np.flatnonzero(np.ptp(points, axis=0) > CONSTANT * size)
    columns = names or numbered("x", points.shape[1])
    labels = output_names or numbered("y", targets.shape[1])
    ends: list[Trial] = []
    tried: list[Tried] = []
    for o, label in enumerate(labels):
        y = targets[:, o]

        def report(attempt: Attempt, label: str = label) -> None:
            scored = attempt.scored
            row = (attempt.splines, scored.error, scored.criterion, attempt.is_formula)
            tried.append(Tried(label, attempt.name, *row))
            if options.verbose:
                print(_line(tried[-1]))

        ends.append(_one(points, y, varying, given[o], options, report))
    return _result(points, targets, names, output_names, columns, labels, model, ends, tuple(tried))


def _one(
    points: Float64Array,
    y: Float64Array,
    varying: Any,
    given: Sequence[Trial],
    options: Options,
    report: Callable[[Attempt], object],
) -> Trial:
    """The formula of an output, in all columns; constant columns are ignored."""
    if not y.min() < y.max() or not len(varying):
        return built([Part([], [(float(y[0]) if y.min() == y.max() else None, float(y.mean()))], (((0,),),))])
    x = np.ascontiguousarray(points[:, varying].T)
    search = Search(x, y, options.families, options.seed, report, options.tolerance)
    found = search.run(options.structures, [restricted(each, varying, points[0]) for each in given])
    return relabelled(search.finished(found).scored.trial, varying)


class Options(NamedTuple):
    """The options of a search."""

    families: tuple[Family, ...]
    structures: tuple[str, ...]
    tolerance: float
    seed: int
    verbose: bool

    @classmethod
    def checked(cls, functions: Any, structures: Any, tolerance: Any, seed: Any, verbose: Any) -> Options:
        """The options, or an error that names the wrong option."""
        listed = STRUCTURES if structures is None else sequence("structures", structures, empty=True)
        return cls(
            library_of(functions),
            tuple(one_of(f"structures[{i}]", each, STRUCTURES) for i, each in enumerate(listed)),
            real("tolerance", tolerance, low=0.0),
            integer("seed", seed, low=0),
            boolean("verbose", verbose),
        )


def _accuracy(model: Model) -> float:
    """The mean square error of a model's fit, over the variance of its outputs."""
    if model.record is not None and model.record.trials and model.record.loss == "squared":
        return max(4 * float(model.record.trials[-1].loss), UNKNOWN)
    return UNKNOWN


def _line(row: Tried) -> str:
    kind = "formula" if row.is_formula else "splines left"
    return (
        f"{row.output}: {row.structure:12s} splines {row.splines:.1e}  terms {row.error:.1e}  "
        f"criterion {row.criterion:.1f}  {kind}"
    )


def _result(
    points: Float64Array,
    targets: Float64Array,
    names: Any,
    output_names: Any,
    columns: Sequence[str],
    labels: Sequence[str],
    model: Model | None,
    ends: Sequence[Trial],
    tried: tuple[Tried, ...],
) -> Formula:
    low, high = points.min(axis=0), points.max(axis=0)
    bounds = tuple(zip(map(float, low), map(float, high), strict=True))
    domains = [(a, b) if b > a else (a - 1, a + 1) for a, b in bounds]
    kan, theta = network(ends, points.shape[1], domains)
    complete = tuple(next(trial.splines(), None) is None for trial in ends)
    regular = tuple(trial.is_regular(np.ascontiguousarray(points.T)) for trial in ends)
    choices = tuple(
        Choice(
            f"formula of {row.output}", row.structure, f"criterion {row.criterion:.1f}, error {row.error:.2e}"
        )
        for row in tried
    )
    record = FitRecord(bounds, "squared", len(points), choices)
    made = Model(kan, theta, names=names, output_names=output_names, record=record)
    residual = made(points) - targets
    grid = None
    if model is not None:
        unit = qmc.Halton(points.shape[1], scramble=False).random(GRID)
        box = low + (high - low) * unit
        grid = np.abs(made(box) - model(box)).max(axis=0)
    if not all(regular):
        where = ", ".join(label for label, each in zip(labels, regular, strict=True) if not each)
        warnings.warn(
            f"the formula of {where} is not defined everywhere between the samples (see is_regular)",
            DomainWarning,
            stacklevel=level_outside_of_the_package(),
        )
    used = {edge.input for trial in ends for edge in trial.stages[0].edges}
    return Formula(
        made,
        tuple(expressions(ends, columns)),
        complete,
        regular,
        np.sqrt(np.mean(residual**2, axis=0)),
        np.abs(residual).max(axis=0),
        grid,
        tuple(
            c
            for o, trial in enumerate(ends)
            for c in _constants(trial, points, targets[:, o], columns, labels[o])
        ),
        tuple(name for p, name in enumerate(columns) if p not in used),
        tried,
    )


def _constants(
    trial: Trial, points: Float64Array, y: Float64Array, columns: Sequence[str], label: str
) -> Iterator[Constant]:
    """The constants of a formula, in the order of its terms, with standard errors."""
    value, J = trial.jacobian(trial.theta, np.ascontiguousarray(points.T))
    errors = deviations(J, value - y) if np.isfinite(J).all() else np.full(len(trial.theta), np.nan)
    for s, stage in enumerate(trial.stages):
        for e, edge in enumerate(stage.edges):
            if not isinstance(edge, Term):
                continue
            numbers, free = iter(errors[trial.places[s][e]]), edge.fixed
            text = str(edge) if s else str(edge).replace(f"x{edge.input}", columns[edge.input])
            for v, fixed in zip(constants(edge, trial.edge(s, e)[1]), free, strict=True):
                yield Constant(
                    f"{label}: {text}",
                    float(v),
                    0.0 if fixed is not None else float(next(numbers)),
                    fixed is not None,
                )
        numbers = iter(errors[trial.places[s][-1]])
        for node, (fixed, v) in enumerate(zip(stage.bias, trial.biases(s, trial.theta), strict=True)):
            if fixed != 0:
                deviation = 0.0 if fixed is not None else float(next(numbers))
                yield Constant(f"{label}: node {node} of stage {s}", float(v), deviation, fixed is not None)
