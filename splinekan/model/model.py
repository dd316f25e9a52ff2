"""A model: a network with its parameters, which training returns and users call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Array, Float64Array, instance, integer, real, shown, vector
from splinekan._columns import checked_names, numbered, table
from splinekan._records import Uncached
from splinekan.model import edges, refinement
from splinekan.model.coarsening import coarsened
from splinekan.model.derivatives import hessian
from splinekan.model.enclosures import Box
from splinekan.model.extrapolation import warn_outside
from splinekan.model.record import LIKELIHOODS, FitRecord
from splinekan.model.scores import r2
from splinekan.model.summary import Described, summary
from splinekan.network import KAN
from splinekan.network.domains import Interval, intervals, one_each
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.operators.segments import SparseRows
from splinekan.optimize import History
from splinekan.splines.spline import Spline


class Inputs(Protocol):
    """The map from the variables to the inputs of a network (see `splinekan.equations.Features`)."""

    @property
    def variables(self) -> Sequence[Any]:
        """The variables, in the order of the columns of points."""
        ...

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the network."""
        ...

    def jets(self, points: Any, directions: Any, orders: Any, /) -> Any:
        """Taylor coefficients of the network's inputs along directions in the space of the variables."""
        ...


@dataclass(frozen=True, eq=False)
class Model(Uncached):
    """The function u(x) = g(x; theta), a network g bound to its parameters.

    Parameters
    ----------
    network
        The network g.
    theta
        Its parameters, (n_parameters,); copied.
    features
        Maps the variables of a differential equation to the inputs of the network; None if x enters
        unchanged.
    names, output_names
        Names of the columns of x and of the outputs; None for x1, x2, ... and y1, y2, ...
    record
        The `FitRecord` of `splinekan.fit`; None for other models.

    Raises
    ------
    TypeError, ValueError
        For theta of another length or not finite, and features of another kind or that do not fit the
        network; by the methods, for points of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from splinekan import KAN, initialize
    >>> network = KAN.splines([2, 1], intervals=4)
    >>> model = Model(network, initialize(network, 0))
    >>> model.gradient(np.zeros((3, 2))).shape
    (3, 1, 2)
    """

    network: KAN
    theta: Float64Array = field(repr=False)
    features: Inputs | None = None
    names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None
    record: FitRecord | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        network = instance("network", self.network, KAN)
        object.__setattr__(self, "theta", vector("theta", self.theta, network.n_parameters).copy())
        if self.features is not None:
            self._check_features(self.features)
        for name, count in (("names", self.n_in), ("output_names", self.n_out)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_names(name, getattr(self, name), count))
        if self.record is not None:
            bounds = instance("record", self.record, FitRecord).bounds
            if len(bounds) != self.n_in:
                raise ValueError(f"record must hold bounds for {self.n_in} columns of x, got {len(bounds)}")

    def _check_features(self, features: Inputs) -> None:
        missing = [name for name in ("variables", "n_inputs", "jets") if not hasattr(features, name)]
        if missing:
            raise TypeError(
                f"features must have variables, n_inputs and jets, as splinekan.equations.Features has: "
                f"{shown(features)} has no {', '.join(missing)}"
            )
        if features.n_inputs != self.network.n_in:
            raise ValueError(
                f"features must give the {self.network.n_in} inputs of the network, got {features.n_inputs}"
            )

    @property
    def n_in(self) -> int:
        """Number of columns of x."""
        return self.network.n_in if self.features is None else len(self.features.variables)

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.network.n_out

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.network.n_parameters

    @property
    def basis(self) -> str:
        """The basis of the spline layers, "spline" or "relu"."""
        return self.network.basis

    def __call__(self, x: ArrayLike) -> Array:
        """Values of u, (n, n_out), at the rows of x, (n, n_in)."""
        return self.network(self.theta, self._inputs(x))

    def gradient(self, x: ArrayLike) -> Float64Array:
        """First derivatives du_o/dx_p, (n, n_out, n_in), in the units of u over those of x.

        For derivatives with respect to the parameters see `jacobian`.
        """
        units = np.eye(self.n_in)
        taylor = self._taylor(x, units, [1] * self.n_in)
        return np.ascontiguousarray(taylor[:, 1:].swapaxes(1, 2))

    def hessian(self, x: ArrayLike) -> Float64Array:
        """Second derivatives d^2 u_o/dx_p dx_q, (n, n_out, n_in, n_in).

        Mixed derivatives are computed by polarisation, 2 u_pq = D_{p+q}^2 u - u_pp - u_qq, in units of x_p
        and x_q in which the slopes of u are of the same size: otherwise the largest term would swamp the
        others.
        """
        return hessian(lambda directions, orders: self._taylor(x, directions, orders), self.n_in)

    def derivative(self, x: ArrayLike, direction: ArrayLike, order: int = 1) -> Float64Array:
        """d^m u(x + s v)/ds^m at s = 0, (n, n_out), for v = `direction` (n_in,) and m = `order`, 1 to 4."""
        m = integer("order", order, low=1, high=4)
        v = vector("direction", direction, self.n_in)
        factorial = float(np.prod(np.arange(1, m + 1)))
        return factorial * self._taylor(x, v[None], [m])[:, m]

    def jacobian(self, x: ArrayLike) -> SparseRows:
        """Derivatives du_o/dtheta_j as sparse rows: row i n_out + o is output o of sample i.

        They form a matrix (n n_out, n_parameters) of derivatives with respect to the parameters; `gradient`
        is with respect to x.
        """
        return self.network.jacobian(self.theta, self._inputs(x))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The coefficient of determination R^2, the mean over the outputs: 1 is a perfect fit.

        R^2 = 1 - sum w (y - u)^2 / sum w (y - mean y)^2. For targets that do not vary R^2 is 1 if they are
        met exactly, and 0 otherwise. The value is that of `sklearn.metrics.r2_score`.

        Parameters
        ----------
        X, y
            At least 2 samples, (n, n_in), and their targets, (n, n_out) or (n,) for a single output.
        sample_weight
            The weights w, (n,), nonnegative; 1 if None.

        Returns
        -------
        float
            R^2, at most 1.

        Raises
        ------
        TypeError, ValueError
            For arguments of other kinds or shapes, and models of log-odds or logarithms of rates.
        """
        loss = "squared" if self.record is None else self.record.loss
        if loss in LIKELIHOODS:
            raise ValueError(
                f"score is R^2 of predicted targets, which the outputs of a model with the loss {loss!r} are "
                "not: apply mean(g) of the loss to them, or use score of KANClassifier or KANRegressor"
            )
        return r2(self(X), y, sample_weight, self.output_names)

    # Other knots and bases

    def refine(
        self,
        times: int = 1,
        *,
        marked: Mapping[tuple[int, int | str], ArrayLike] | None = None,
        budget: int | None = None,
        importance: Mapping[tuple[int, int | str], ArrayLike] | None = None,
    ) -> Model:
        """The same function on finer knots, exactly: every interval halved, or the `marked` intervals.

        Knots stay graded: a halved interval and its neighbours differ in width by at most a factor of 2;
        neighbours that are too wide are halved as well. All outputs of a layer share the knots of an input.

        Parameters
        ----------
        times
            Number of times that all intervals are halved; 1 if `marked` or `budget` is given.
        marked
            A dictionary from (layer, input) to the intervals to halve, indices or a mask of booleans; None
            for all intervals. Layers of splines (of several variables too) or formulas are counted from 0,
            inputs by number or, in the first such layer, by name, as for `edge`.
        budget
            The largest number of parameters of the result; None for no limit. Marked intervals are halved
            with their neighbours, the most important first, as far as it allows.
        importance
            A dictionary from (layer, input) to a number for every interval, used with a budget: the scores of
            an indicator of `splinekan.multilevel`. None for the jumps of the highest derivative at the ends
            of an interval, the sum over the outputs of the mean of h^2k [s^(k)]^2; for a tensor-product
            layer, the sum over the B-spline coefficients of the jump along the other inputs.

        Returns
        -------
        Model
            The same function on finer knots.

        Raises
        ------
        TypeError, ValueError
            For keys that do not exist, indices out of range, masks of another length, a budget below the
            number of parameters, and intervals with no float64 number between their ends.

        Examples
        --------
        >>> network = KAN.splines([2, 1], intervals=4)
        >>> finer = Model(network, initialize(network, 0)).refine(marked={(0, "x1"): [0]})
        >>> [knots.intervals for knots in finer.network.layers[0].knots]
        [5, 4]
        """
        if marked is not None or budget is not None or importance is not None:
            if integer("times", times, low=0) != 1:
                raise ValueError(f"times must be 1 with marked, budget or importance, got {times}")
            network, theta = refinement.refined(self, marked, budget, importance)
            return replace(self, network=network, theta=theta)
        network, theta = self.network, self.theta
        for _ in range(integer("times", times, low=0)):
            finer = network.refined()
            network, theta = finer, network.prolongation(finer) @ theta
        return replace(self, network=network, theta=theta)

    def refined(self) -> Model:
        """The model after a single `refine`."""
        return self.refine()

    def coarsen(
        self,
        tolerance: float | ArrayLike | None = None,
        bounds: Interval | Sequence[Interval] | None = None,
        *,
        budget: int | None = None,
    ) -> Coarsened:
        """A model on fewer knots, whose outputs differ from these by at most `tolerance`.

        Knots that the splines do not need, such as those that `refine` inserts, are removed for any
        tolerance: the result then differs by rounding. Other knots are removed, the least important first, as
        long as a bound on the change allows. All outputs of a layer share the knots of an input. The bound:
        the removal of a knot changes the B-spline coefficients of an edge by a known amount, which bounds the
        change of its function (|s| <= max |c|), its continuation outside the domain included; later layers
        multiply the change by their largest slopes. The bound is rigorous; it exceeds the true change, often
        by a factor of five or more in deep networks. Layers in front of a layer that jumps, or that refuses
        values which may leave its domain, are not changed.

        Parameters
        ----------
        tolerance
            Largest change of the outputs in the maximum norm, in their units: a number, or a number for each
            output. None for no limit, with a budget.
        bounds
            The box of x for which the bound holds: an interval (low, high) for all columns, or an interval
            for each. If None, the bounds of the training data; without a record, the domain of the network.
        budget
            The largest number of parameters of the result. Knots are then removed only until it is reached;
            without a budget, as many as the tolerance allows.

        Returns
        -------
        Coarsened
            The model, and for each output the bound on its change, at most `tolerance` up to rounding. It
            holds for all x in the bounds, in float64. With `features` it holds where the inputs of the
            network lie in the network's domain.

        Raises
        ------
        TypeError, ValueError
            For a negative tolerance, bounds that are not intervals or not known, and networks with layers
            other than splines, affine maps, activations and normalisers; for neither a tolerance nor a
            budget, and for a budget that needs more than the tolerance, or an unbounded change.

        Examples
        --------
        >>> network = KAN.splines([2, 3, 1], intervals=4)
        >>> model = Model(network, initialize(network, 0))
        >>> coarse, change = model.refine(2).coarsen(0)
        >>> coarse.n_parameters == model.n_parameters, bool(change[0] < 1e-10)
        (True, True)
        """
        most = None if budget is None else integer("budget", budget, low=1)
        if tolerance is None:
            if most is None:
                raise ValueError("tolerance or budget must be given")
            allowed = np.full(self.n_out, np.inf)
        elif isinstance(tolerance, (list, tuple, np.ndarray)):
            allowed = vector("tolerance", tolerance, self.n_out)
            if (allowed < 0).any():
                raise ValueError(f"tolerance must not be negative, got {allowed.min()}")
        else:
            allowed = np.full(self.n_out, real("tolerance", tolerance, low=0.0))
        low, high = np.array(self._box(bounds), dtype=np.float64).T
        box = Box(low, high, np.zeros(len(low)))
        network, theta, change = coarsened(self.network, self.theta, box, allowed, most)
        return Coarsened(replace(self, network=network, theta=theta), change)

    def with_basis(self, basis: str) -> Model:
        """The same function in the basis `basis`, "spline" or "relu" (w = A^T u on every edge)."""
        network = self.network.with_basis(basis)
        return replace(self, network=network, theta=self.network.to_basis(self.theta, basis))

    # Edges

    def edge(self, layer: int, input: int | str, output: int | str, *, base: bool = True) -> Spline:
        """The function of an edge as a `Spline`, in the units of `plot_edge`.

        In the first layer its knots are in the units of x, the map of a preceding affine `Normalizer`
        undone. In the last layer its values are the contribution of the edge to the output, in its units, if
        at most affine normalisers follow. `to_scipy` of the result is SciPy's BSpline.

        Parameters
        ----------
        layer
            The number of the layer, counted from 0 among layers of splines or formulas and sums of them.
        input, output
            Numbers from 0; or names of columns of x in the first such layer, of outputs in the last.
        base
            Whether the base branch is included. If false, the result is the spline part alone.

        Returns
        -------
        Spline
            The function, on the knots of the edge's input, continued outside [a, b] as the layer is. Without
            a normaliser the knots are those of the layer, and the coefficients those in theta, bit for bit.

        Raises
        ------
        TypeError, ValueError
            For a layer, an input or an output that does not exist; for an edge that has a formula; for an
            edge with a base branch that is not a spline on the same knots (silu; the identity for degree 0,
            or continued by "clamp" or "zero") and has a weight other than 0, unless `base` is false.

        Examples
        --------
        >>> network = KAN.splines([2, 1], intervals=4, domain=[(1e5, 2e5), (280, 320)])
        >>> model = Model(network, initialize(network, 0))
        >>> model.edge(0, "x2", 0)
        Spline(degree 3, 4 intervals on [280, 320], linear beyond)
        >>> again = model.with_edge(0, 1, 0, model.edge(0, 1, 0).to_scipy())
        >>> bool((again.theta == model.theta).all())
        True
        """
        return edges.spline(edges.spline_edge(self, layer, input, output), base)

    def with_edge(
        self,
        layer: int,
        input: int | str,
        output: int | str,
        spline: Spline | scipy.interpolate.BSpline,
        *,
        base: bool = True,
    ) -> Model:
        """The model with the function of an edge replaced; on [a, b] it is exactly `spline`.

        If the knots of the spline are among those of the edge's input, the layer keeps its knots. Otherwise
        the missing knots are inserted for all edges of that input, whose functions stay the same. Putting
        back the result of `edge` leaves theta unchanged bit for bit.

        The continuation of the spline outside [a, b] is lost: the edge is continued as its layer, with a
        `DomainWarning` if that is different. If `base` is true, the edge's base branch is lost too. The
        record of a fit is kept, although it describes the model before the change.

        Parameters
        ----------
        layer, input, output
            As for `edge`.
        spline
            A spline with scalar values, the degree of the layer and its domain, in the units of `edge`; on
            periodic knots if those of the input are periodic.
        base
            Whether the spline replaces the whole edge, so that the weight of the base branch becomes 0; if
            false, it replaces the spline part alone.

        Returns
        -------
        Model
            The new model; this model is unchanged.

        Raises
        ------
        TypeError, ValueError
            For an edge that does not exist or has a formula; for a spline of another kind, degree or domain;
            for repeated knots in the ReLU basis.

        Examples
        --------
        >>> from scipy.interpolate import make_interp_spline
        >>> network = KAN.splines([1, 1], intervals=4)
        >>> model = Model(network, initialize(network, 0))
        >>> x = np.linspace(0, 1, 20)
        >>> sine = make_interp_spline(x, np.sin(x))
        >>> sine.extrapolate = False
        >>> new = model.with_edge(0, 0, 0, sine)
        >>> bool(np.abs(new(x[:, None])[:, 0] - np.sin(x)).max() < 1e-14)
        True
        """
        found = edges.spline_edge(self, layer, input, output)
        network, theta = edges.with_spline(found, spline, base)
        return replace(self, network=network, theta=theta)

    # Text and figures

    @property
    def history(self) -> History:
        """Loss, work and time of the training, an entry per iteration.

        Raises
        ------
        AttributeError
            If the model has no record, or the record no history.
        """
        if self.record is None or self.record.history is None:
            raise AttributeError("this model has no history: only models returned by splinekan.fit have")
        return self.record.history

    def summary(self) -> str:
        """A text with inputs and outputs and their ranges, layers, and the choices of `splinekan.fit`."""
        names = self.names or numbered("x", self.n_in)
        outputs = self.output_names or numbered("y", self.n_out)
        bounds = self.record.bounds if self.record is not None else None
        if bounds is None and self.features is None:
            bounds = self.network.domain
        return summary(Described(self.network, names, outputs, bounds, self.record))

    def plot(self, x: ArrayLike | None = None, most: int = 24, *, formula: Any = False) -> Any:
        """A figure of the network with the function of every edge.

        Inputs are at the bottom, with their names and ranges in their units, outputs at the top. Every edge
        of splines or formulas carries a frame with its function on the range of the points, and ticks at the
        breakpoints. The width of a line grows with the contribution of the edge.

        Parameters
        ----------
        x
            Points, at least 2, to which ranges and widths refer; if None, points drawn uniformly from the
            bounds of the training data, or without a record from the domain of the network.
        most
            The largest number of frames in a layer; weaker edges are drawn as lines only.
        formula
            Whether to print the formulas of the outputs above the figure, with their errors: those of the
            network if it consists of formulas, else those by which `splinekan.symbolic` explains the model at
            the points, which takes seconds for narrow networks and minutes for wide networks. Or known
            formulas: a `Formula` of the model, or an expression of sympy for every output, in symbols with
            the names of the inputs.

        Returns
        -------
        matplotlib.figure.Figure
            The figure: Jupyter shows it, and `figure.savefig(path)` writes it.

        Raises
        ------
        TypeError, ValueError
            For points that do not fit the model, and without points where no domain is known; for formulas of
            another kind, in other symbols, or for other outputs.

        Examples
        --------
        >>> import sympy
        >>> network = KAN.splines([2, 1], intervals=4)
        >>> x1, x2 = sympy.symbols("x1 x2")
        >>> figure = Model(network, initialize(network, 0)).plot(formula=x1 + sympy.sin(x2))
        """
        from splinekan.plots import model_figure  # matplotlib takes long to import

        if formula is None or formula is False:
            return model_figure(self, x, most)
        from splinekan.formulas.reading import caption

        integer("most", most, low=0)  # before a search
        points = None if x is None else self._points(x)
        return model_figure(self, x, most, caption(self, None if formula is True else formula, points))

    def plot_edge(self, layer: int, input: int | str, output: int | str, x: ArrayLike | None = None) -> Any:
        """A figure of the function of an edge, with its breakpoints; the outside of the domain is shaded.

        Parameters
        ----------
        layer
            The number of the layer, counted from 0 among layers of splines or formulas and sums of them.
        input, output
            Numbers from 0; or names of columns of x in the first such layer, of outputs in the last.
        x
            Points whose images at the edge are marked on the axis. An edge without splines is drawn on their
            range.

        Returns
        -------
        matplotlib.figure.Figure
            The figure; in the first such layer the input is in the units of x, in the last the values are in
            the units of the output.

        Raises
        ------
        TypeError, ValueError
            For a layer, an input or an output that does not exist, and points that do not fit the model.
        """
        from splinekan.plots import edge_figure

        return edge_figure(self, layer, input, output, x)

    def _box(self, bounds: Any) -> Sequence[Interval]:
        """The box of the network's inputs for which a bound is to hold."""
        if self.features is not None:
            if bounds is not None:
                raise ValueError("bounds must be None for a model with features: those of its network hold")
            known = self.network.domain
        elif bounds is not None:
            return one_each(intervals("bounds", bounds, self.n_in), self.n_in)
        else:
            known = self.network.domain if self.record is None else self.record.bounds
        if known is None:
            raise ValueError("bounds must be given: an affine map is first, so the inputs have no domain")
        return known

    def _points(self, x: ArrayLike) -> Array:
        points = table("x", x, self.names, n_columns=self.n_in)
        if self.record is not None and "_warned" not in self.__dict__:
            splines = None if self.features is not None else self.network._first_splines
            periodic = [False] * self.n_in if splines is None else [t.periodic for t in splines.knots]
            names = self.names or numbered("x", self.n_in)
            if warn_outside(points, self.record.bounds, names, periodic):
                object.__setattr__(self, "_warned", True)
        return points

    def _inputs(self, x: ArrayLike) -> Array:
        """The inputs of the network at the rows of x."""
        points = self._points(x)
        inputs: Array = points if self.features is None else self.features.jets(points, (), ())[:, 0]
        return inputs

    def __getstate__(self) -> dict[str, Any]:
        """The state without the mark that a warning was issued: copies warn again."""
        return {name: value for name, value in super().__getstate__().items() if name != "_warned"}

    def _taylor(self, x: ArrayLike, directions: Any, orders: list[int]) -> Float64Array:
        """Taylor coefficients of u along directions, (n, 1 + sum of orders, n_out)."""
        points = self._points(x).astype(np.float64, copy=False)
        carried = Directions(tuple(orders))
        if self.features is not None:
            seed = self.features.jets(points, directions, orders)
        else:
            seed = np.zeros((len(points), carried.channels, self.n_in))
            seed[:, 0] = points
            for way, at in zip(directions, carried.offsets, strict=True):
                seed[:, at] = way
        return Jets.of(self.network, self.theta, seed, carried).output


class Coarsened(NamedTuple):
    """A model on fewer knots.

    Attributes
    ----------
    model
        The model.
    change
        (n_out,), in the units of the outputs: bounds on |new - old| for all x in the bounds.
    """

    model: Model
    change: Float64Array
