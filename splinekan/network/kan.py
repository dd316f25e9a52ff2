"""Networks: frozen chains of layers; all trainable numbers are in a flat vector theta."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from splinekan._arrays import F8, floats, points, trusted, viewable
from splinekan._checks import (
    Array,
    Float64Array,
    affordable,
    instance,
    integer,
    interval,
    one_of,
    real_array,
    sequence,
    shown,
    spline_degree,
)
from splinekan._records import Uncached
from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.constants import Constants, named_starts
from splinekan.network.domains import Interval, Survey, survey, warn_of_scales, warn_of_survey
from splinekan.network.domains import intervals as checked_intervals
from splinekan.network.layer import BASES, Layer, fulfilling
from splinekan.network.linearization import Linearization, cast
from splinekan.network.normalizer import Normalizer
from splinekan.network.spline import SplineLayer
from splinekan.network.sum import leaves
from splinekan.network.tensor_spline import TensorSplineLayer
from splinekan.operators.coordinates import Coordinates
from splinekan.operators.segments import SparseRows
from splinekan.splines.knots import uniform_knots


@dataclass(frozen=True, eq=False)
class KAN(Uncached):
    """A chain of layers x -> layer_L(... layer_1(x)).

    A network is a description: it holds no numbers that training changes. `theta` concatenates the layers'
    parameters in order; those of a spline layer are its coefficients, input by input C-ordered as (n_basis,
    n_out), and the weights of its base branch. Layers in the ReLU basis are evaluated through B-spline
    coefficients, which are solved for once per call. Float32 inputs are evaluated in float32, all others
    in float64; theta and its gradients are float64. Values that leave the range of the type in which they are
    computed become infinite or NaN, without a warning.

    Parameters
    ----------
    layers
        Layers whose widths fit: n_out of each is n_in of the next.

    Raises
    ------
    TypeError, ValueError
        For no layers, objects that lack a method of a layer, or widths that do not fit. By the methods, for
        arrays of shapes other than those documented.

    Examples
    --------
    >>> import splinekan as sk
    >>> network = sk.KAN.affine_first([2, 5, 1], degree=3, intervals=40)
    >>> network.n_parameters
    230
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        layers = sequence("layers", self.layers, empty=True)
        if not layers:
            raise ValueError("layers: a network needs at least one layer, got none")
        layers = tuple(fulfilling(f"layers[{number}]", layer) for number, layer in enumerate(layers))
        object.__setattr__(self, "layers", layers)
        for number, (left, right) in enumerate(pairwise(self.layers)):
            if left.n_out != right.n_in:
                raise ValueError(
                    f"layer {number} has {left.n_out} outputs but layer {number + 1} takes "
                    f"{right.n_in} inputs"
                )

    @staticmethod
    def chain(layers: Sequence[Layer]) -> KAN:
        """The network made of `layers` in order."""
        return KAN(layers)  # type: ignore[arg-type]

    @staticmethod
    def splines(
        widths: Sequence[int],
        degree: int = 3,
        intervals: int = 5,
        domain: Interval | Sequence[Interval] = (0.0, 1.0),
        *,
        basis: str = "spline",
        extrapolate: str = "linear",
        base: str | None = None,
    ) -> KAN:
        """Spline layers widths[0] -> widths[1] -> ..., all on the same uniform knots of `domain`.

        For different knots for each input, make the layers: KAN([SplineLayer(...), ...]).

        Parameters
        ----------
        widths
            [n_in, hidden ..., n_out].
        degree
            The degree k of the splines, 0 to 9.
        intervals
            Number of intervals of the knots.
        domain
            The domain (a, b) of the splines, in the units of the inputs. For inputs in unlike units, an
            interval for each: a `Normalizer` in front maps them to [0, 1], which is then the domain of all
            layers.
        basis, extrapolate, base
            As for `SplineLayer`.

        Returns
        -------
        KAN
            The network.

        Raises
        ------
        TypeError, ValueError
            For fewer than two widths, and arguments that the layers refuse.

        Examples
        --------
        >>> print(KAN.splines([2, 1], intervals=4, domain=[(1e5, 1e6), (0, 1e-3)]))
        KAN with 14 parameters
          0        0  Normalizer(2, affine from [100000, 1e+06] x [0, 0.001] onto [0, 1])
          1       14  SplineLayer(2 -> 1, degree 3, 4 intervals on [0, 1], linear beyond, spline basis)
        """
        sizes = _widths(widths)
        ends = checked_intervals("domain", domain, sizes[0])
        layers: list[Layer] = []
        if isinstance(ends[0], tuple):
            layers.append(Normalizer(sizes[0], "affine", (0.0, 1.0), ends))
            knots = _uniform((0.0, 1.0), intervals, degree)
        else:
            knots = _uniform(interval("domain", ends), intervals, degree)
        layers += [SplineLayer(p, q, knots, degree, extrapolate, basis, base) for p, q in pairwise(sizes)]
        return KAN(tuple(layers))

    @staticmethod
    def affine_first(
        widths: Sequence[int],
        degree: int = 3,
        intervals: int = 5,
        domain: tuple[float, float] = (0.0, 1.0),
        *,
        bias: bool = True,
        basis: str = "spline",
        extrapolate: str = "linear",
        base: str | None = None,
    ) -> KAN:
        """An affine map widths[0] -> widths[1], then spline layers: the paper's networks.

        [2, 5, 1] with cubic splines on G intervals has 15 + 5(G + 3) parameters; [2, 20, 20, 1]
        without bias has 40 + 420(G + 3) (Southworth et al., arXiv:2603.04827, section 6).

        Parameters
        ----------
        widths
            [n_in, hidden ..., n_out], at least three.
        degree
            The degree k of the splines, 0 to 9.
        intervals
            Number of intervals of the knots.
        domain
            The domain (a, b) of the splines. The intervals on which the inputs lie are given to
            `initialize(bounds=...)`.
        bias
            Whether the affine map has a bias.
        basis, extrapolate, base
            As for `SplineLayer`.

        Returns
        -------
        KAN
            The network.

        Raises
        ------
        TypeError, ValueError
            For fewer than three widths, and arguments that the layers refuse.

        Examples
        --------
        >>> KAN.affine_first([2, 5, 1], intervals=4).n_parameters
        50
        """
        sizes = _widths(widths, least=3)
        domain = interval("domain", domain)
        splines = KAN.splines(
            sizes[1:], degree, intervals, domain, basis=basis, extrapolate=extrapolate, base=base
        )
        return KAN((Affine(sizes[0], sizes[1], bias), *splines.layers))

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.layers[0].n_in

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.layers[-1].n_out

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Positions at which the parameters of each layer begin in theta, and the length of theta."""
        sizes = [layer.n_parameters for layer in self.layers]
        return tuple(int(n) for n in np.cumsum([0, *sizes]))

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.offsets[-1]

    @property
    def intervals(self) -> int:
        """The largest number of intervals of any input of a spline layer; 0 without such a layer."""
        return max((layer.intervals for _, layer, _ in self._on_knots), default=0)

    @property
    def basis(self) -> str:
        """The basis of the spline layers ("spline" for a network without spline layers).

        Raises
        ------
        ValueError
            If the layers differ.
        """
        found = {layer.basis for _, layer, _ in self._on_knots}
        if len(found) > 1:
            raise ValueError("the spline layers of this network are not all in the same basis")
        return found.pop() if found else "spline"

    @property
    def domain(self) -> tuple[Interval, ...] | None:
        """The domain of the splines of every input; None if the first layer has none, as an affine map.

        It is that of the first layer, if this is a spline layer or a sum that contains a spline layer; its
        preimage, if an affine `Normalizer` comes first.
        """
        splines, first = self._first_splines, self.layers[0]
        if splines is None:
            return None
        return first.preimage(splines.domain) if isinstance(first, Normalizer) else splines.domain

    @property
    def _first_splines(self) -> SplineLayer | TensorSplineLayer | None:
        """The layer whose splines take the inputs, as they are or through an affine `Normalizer`."""
        first, *others = self.layers
        if isinstance(first, Normalizer) and first.kind == "affine" and others:
            first = others[0]
        return first_on_knots(first)

    @cached_property
    def _leaves(self) -> tuple[tuple[int, Layer, int], ...]:
        """The layers, sums taken apart: the number in the network, the layer, its start in theta."""
        found = []
        for number, (layer, start) in enumerate(zip(self.layers, self.offsets, strict=False)):
            for leaf in leaves(layer):
                found.append((number, leaf, start))
                start += leaf.n_parameters
        return tuple(found)

    @cached_property
    def _splines(self) -> tuple[tuple[int, SplineLayer, int], ...]:
        """The spline layers among `_leaves`."""
        return tuple(
            (number, layer, start) for number, layer, start in self._leaves if isinstance(layer, SplineLayer)
        )

    @cached_property
    def _on_knots(self) -> tuple[tuple[int, SplineLayer | TensorSplineLayer, int], ...]:
        """The layers with knots among `_leaves`: those of splines of one and of several variables."""
        return tuple(
            (number, layer, start)
            for number, layer, start in self._leaves
            if isinstance(layer, (SplineLayer, TensorSplineLayer))
        )

    def unpack(self, theta: Float64Array) -> tuple[dict[str, Any], ...]:
        """For each layer a dictionary of named views into `theta`: writing to them writes to theta."""
        viewable("theta", theta, self.n_parameters)
        if theta.dtype != F8:
            raise TypeError(f"views share memory: theta must be a float64 array, got dtype {theta.dtype}")
        return tuple(layer.unpack(piece) for layer, piece in self._pieces(theta))

    def indices(
        self, layer: int, input: int | None = None, output: int | None = None, part: str | None = None
    ) -> NDArray[np.int64]:
        """Indices into theta, increasing, of the parameters of a layer or of some of its edges.

        For parameters that are fixed during training: `Restricted(problem, fixed=network.indices(0))`.

        Parameters
        ----------
        layer
            Its number, 0 for the first.
        input, output
            The edges from that input, to that output, or between the two, counted from 0; None for all.
            The bias of an affine map, or of formulas, belongs to its outputs and to no input, and a
            coefficient of a tensor-product layer to all inputs, so that `input` must be None there.
        part
            A key of `unpack`: "coefficients" or "base" of a spline layer, "weight" or "bias" of an affine
            map, "terms" or "bias" of formulas; of a sum, a key of its layers; None for all.

        Returns
        -------
        ndarray
            The indices, int64.

        Raises
        ------
        TypeError, ValueError
            For numbers beyond the layers, inputs or outputs, and for other parts.

        Examples
        --------
        >>> KAN.splines([2, 3], degree=1, intervals=2).indices(0, input=1, output=0)
        array([ 9, 12, 15])
        """
        from splinekan.network.selection import indices  # which imports networks

        return indices(self, layer, input, output, part)

    def edge_rows(
        self, layer: int, input: int, output: int, x: ArrayLike, derivative: int = 0
    ) -> scipy.sparse.csr_array:
        """The matrix C such that C theta are values, or derivatives, of an edge at the points x.

        For edges with prescribed values: `Restricted(problem, equations=(C, d))`. In a network of a single
        spline layer with a single input, C theta are the values of the network.

        Parameters
        ----------
        layer, input, output
            The edge from that input to that output of a spline layer, all counted from 0; with its base
            branch.
        x
            A number or (any,), in the units of the knots: points may also lie outside [a, b].
        derivative
            The order of the derivative, 0 to 4.

        Returns
        -------
        scipy.sparse.csr_array
            The matrix C, (len(x), n_parameters).

        Raises
        ------
        TypeError, ValueError
            For a layer without splines, and numbers beyond the layers, inputs, outputs or orders.

        Examples
        --------
        >>> network = KAN.splines([1, 1], degree=2, intervals=2)
        >>> network.edge_rows(0, 0, 0, [0.0, 1.0]).toarray()
        array([[0.5, 0.5, 0. , 0. ],
               [0. , 0. , 0.5, 0.5]])
        """
        from splinekan.network.selection import edge_rows

        return edge_rows(self, layer, input, output, x, derivative)

    def blocks(self, theta: Float64Array) -> tuple[dict[str, Any], ...]:
        """`unpack` under its former name, kept for one release."""
        return self.unpack(theta)

    def __call__(self, theta: ArrayLike, x: ArrayLike) -> Array:
        """Outputs, (n, n_out), at the rows of x, (n, n_in)."""
        values = self._inputs(x)
        network, parameters = self._in_splines(self._theta(theta), values)
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, piece in network._pieces(parameters):
                values = layer.value(piece, values)
        return values

    def linearize(self, theta: ArrayLike, x: ArrayLike) -> Linearization:
        """The linearisation at (theta, x): the output, and what its derivatives need."""
        inputs = [points("x", x, self.n_in)]
        checked = self._theta(theta)
        splines = self._in_splines(checked, inputs[0])
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, piece in splines[0]._pieces(splines[1]):
                inputs.append(layer.value(piece, inputs[-1]))
        return trusted(
            Linearization,
            network=self,
            theta=cast(checked, inputs[0]),
            inputs=tuple(inputs[:-1]),
            output=inputs[-1],
            splines=splines,
        )

    def jvp(self, theta: ArrayLike, x: ArrayLike, v: ArrayLike) -> Array:
        """J v, (n, n_out): the derivative of the outputs along v, which has the shape of theta."""
        return self.linearize(theta, self._inputs(x)).jvp(self._theta(v, "v"))

    def vjp(self, theta: ArrayLike, x: ArrayLike, gy: ArrayLike) -> Float64Array:
        """J^T gy, of the shape of theta, for gy of the shape of the outputs, (n, n_out)."""
        return self.linearize(theta, self._inputs(x)).vjp(gy)

    def jacobian(self, theta: ArrayLike, x: ArrayLike) -> SparseRows:
        """J as sparse rows: row i n_out + o is output o of sample i."""
        return self.linearize(theta, self._inputs(x)).jacobian()

    def refined(self, marked: Sequence[Any] | None = None) -> KAN:
        """The network with every interval of every spline layer halved, or those that are marked.

        `marked` holds for each layer what `SplineLayer.refined` takes: marks for every input; None for all
        intervals of the layer.
        """
        marks = [None] * len(self.layers) if marked is None else list(sequence("marked", marked))
        if len(marks) != len(self.layers):
            raise ValueError(
                f"marked must hold marks for each of {len(self.layers)} layers, got {len(marks)}"
            )
        return KAN(tuple(layer.refined(each) for layer, each in zip(self.layers, marks, strict=True)))

    def prolongation(self, finer: KAN) -> scipy.sparse.csr_array:
        """The prolongation P: P theta are the parameters in `finer` of the same function.

        Returns
        -------
        scipy.sparse.csr_array
            P, (finer.n_parameters, n_parameters).

        Raises
        ------
        TypeError, ValueError
            Unless `finer` is a network of the same layers on nested knots.
        """
        instance("finer", finer, KAN)
        if len(finer.layers) != len(self.layers):
            raise ValueError(f"finer must have {len(self.layers)} layers, got {len(finer.layers)}")
        pairs = zip(self.layers, finer.layers, strict=True)
        blocks = [_prolongation(number, *pair) for number, pair in enumerate(pairs)]
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr"))

    def with_constants(self, constants: Mapping[str, float] | Sequence[Any]) -> KAN:
        """The network with trainable constants as further outputs, which depend on no input.

        Its parameters are those of this network, then the constants. For the unknown constants of
        differential equations: `network.with_constants(equation.constants)`.

        Parameters
        ----------
        constants
            Starting values by name, or objects with a `name` and a `start`, such as `Unknown`.

        Returns
        -------
        KAN
            The network with n_out + len(constants) outputs.

        Raises
        ------
        TypeError, ValueError
            For arguments of other kinds, and if the network already has constants.

        Examples
        --------
        >>> network = KAN.splines([1, 1], degree=1, intervals=1).with_constants({"k": 0.5})
        >>> network([1.0, 2.0, 0.25], [[0.5]])
        array([[1.5 , 0.25]])
        >>> network.constants([1.0, 2.0, 0.25])
        {'k': 0.25}
        """
        if self._constants is not None:
            known = ", ".join(self._constants.names)
            raise ValueError(f"constants: the network already has constants, {known}")
        starts = named_starts(constants)
        layer = Constants(self.n_out, tuple(starts), tuple(starts.values()))
        return KAN((*self.layers, layer))

    def constants(self, theta: ArrayLike) -> dict[str, float]:
        """The trainable constants in theta by name; empty for a network without constants."""
        values = self._theta(theta)
        names = () if self._constants is None else self._constants.names
        return {name: float(c) for name, c in zip(names, values[len(values) - len(names) :], strict=True)}

    @property
    def _constants(self) -> Constants | None:
        """The last layer, if it holds constants."""
        last = self.layers[-1]
        return last if isinstance(last, Constants) else None

    def with_basis(self, basis: str) -> KAN:
        """The network whose spline layers are parametrised in "spline" or "relu"."""
        one_of("basis", basis, BASES)
        return KAN(tuple(layer.with_basis(basis) for layer in self.layers))

    def to_basis(self, theta: ArrayLike, basis: str) -> Float64Array:
        """The parameters in `basis` of the same function: w = A^T u per edge (Lemma 3)."""
        return self.coordinates(basis).apply(self._theta(theta))

    def coordinates(self, basis: str) -> Coordinates:
        """T with z = T theta, the parameters of the same function in `basis`.

        From u to w it is A^T for every input of a spline layer, from w to u its inverse; the other parameters
        stay.
        """
        if one_of("basis", basis, BASES) not in self._coordinates:
            pieces = []
            for layer, start in zip(self.layers, self.offsets, strict=False):
                for piece in layer.change_of_coordinates(basis):
                    pieces.append(piece._replace(start=piece.start + start, stop=piece.stop + start))
            self._coordinates[basis] = Coordinates(self.n_parameters, pieces)
        return self._coordinates[basis]

    @cached_property
    def _coordinates(self) -> dict[str, Coordinates]:
        return {}

    @cached_property
    def _spline_network(self) -> KAN | None:
        """The network in the spline basis, by which it is evaluated; None if it is in that basis itself."""
        changed = tuple(layer.with_basis("spline") for layer in self.layers)
        same = all(one is other for one, other in zip(changed, self.layers, strict=True))
        return None if same else KAN(changed)

    def _in_splines(self, theta: Float64Array, x: Array) -> tuple[KAN, Array]:
        """The network in the spline basis, and theta there in the type of x: solved for once."""
        network = self._spline_network
        if network is None:
            return self, cast(theta, x)
        return network, cast(self.coordinates("spline").apply(theta), x)

    @cached_property
    def roughness(self) -> scipy.sparse.csr_array:
        """The `roughness` of all layers with knots as a sparse matrix that acts on theta."""
        blocks = [
            layer.roughness
            if isinstance(layer, (SplineLayer, TensorSplineLayer))
            else scipy.sparse.csr_array((0, layer.n_parameters))
            for _, layer, _ in self._leaves
        ]
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks))

    @cached_property
    def _slices(self) -> tuple[tuple[Layer, slice], ...]:
        ranges = (slice(start, stop) for start, stop in pairwise(self.offsets))
        return tuple(zip(self.layers, ranges, strict=True))

    def _pieces(self, vector: Array) -> list[tuple[Layer, Array]]:
        return [(layer, vector[where]) for layer, where in self._slices]

    def _inputs(self, x: ArrayLike) -> Array:
        return real_array("x", x, shape=(None, self.n_in))

    def _theta(self, theta: ArrayLike, name: str = "theta") -> Float64Array:
        return floats(name, theta, (self.n_parameters,), F8)  # type: ignore[return-value]

    def __str__(self) -> str:
        lines = [f"KAN with {self.n_parameters} parameters"]
        for number, layer in enumerate(self.layers):
            lines.append(f"  {number}  {layer.n_parameters:>7}  {layer}")
        return "\n".join(lines)


def MLP(  # noqa: N802 - the standard name of this kind of network
    widths: Sequence[int], activation: str = "tanh", degree: int = 3
) -> KAN:
    """A multilayer perceptron: affine maps with an activation between them.

    Parameters
    ----------
    widths
        [n_in, hidden ..., n_out].
    activation
        "relu", "power_relu", "tanh", "sigmoid" or "silu"; see `Activation`.
    degree
        The power of "power_relu", 1 to 64.

    Returns
    -------
    KAN
        The network, a chain of `Affine` and `Activation`.

    Raises
    ------
    TypeError, ValueError
        For fewer than two widths, or arguments that the layers refuse.

    Examples
    --------
    >>> print(MLP([2, 8, 1], "silu"))
    KAN with 33 parameters
      0       24  Affine(n_in=2, n_out=8, bias=True)
      1        0  Activation(width=8, kind='silu', degree=3)
      2        9  Affine(n_in=8, n_out=1, bias=True)
    """
    sizes = _widths(widths)
    one_of("activation", activation, Activation.kinds)
    Activation(1, activation, degree)  # a bad degree is refused also where no layer is hidden
    layers: list[Layer] = [Affine(sizes[0], sizes[1])]
    for p, q in pairwise(sizes[1:]):
        layers += [Activation(p, activation, degree), Affine(p, q)]
    return KAN(tuple(layers))


def first_on_knots(layer: Layer) -> SplineLayer | TensorSplineLayer | None:
    """The first layer with knots: the layer itself, or a layer of the sum."""
    return next((each for each in leaves(layer) if isinstance(each, (SplineLayer, TensorSplineLayer))), None)


def warn_of_inputs(network: KAN, x: Array, stacklevel: int) -> None:
    """Issue a `DomainWarning` if x, (n, n_in), leaves the domain of the first splines, or is badly scaled."""
    if len(x) and (network._first_splines is not None or isinstance(network.layers[0], Affine)):
        warn_of_surveyed(network, survey_of_inputs(network, x), stacklevel + 1)


def survey_of_inputs(network: KAN, x: Array) -> Survey:
    """The survey on which `warn_of_inputs` is based; surveys of parts of the samples can be joined."""
    splines = network._first_splines
    if splines is None or network.domain is None:
        return survey(x, None)
    return survey(x, network.domain, [knots.periodic for knots in splines.knots])


def warn_of_surveyed(network: KAN, found: Survey, stacklevel: int) -> None:
    """The warning of `warn_of_inputs`."""
    if network._first_splines is not None and network.domain is not None:
        warn_of_survey(found, network.domain, stacklevel + 1)
    elif isinstance(network.layers[0], Affine):
        warn_of_scales(found, stacklevel + 1)


def _prolongation(number: int, layer: Layer, finer: Layer) -> scipy.sparse.csr_array:
    try:
        return layer.prolongation(finer)
    except ValueError as error:
        raise ValueError(f"layer {number}: {error}") from None


def _uniform(domain: Interval, intervals: int, degree: int) -> Float64Array:
    a, b = domain
    count = integer("intervals", intervals, low=1)
    affordable(f"{count} intervals", 64.0 * count)
    return uniform_knots(a, b, count, spline_degree(degree))


def _widths(widths: Sequence[int], least: int = 2) -> list[int]:
    sizes = [integer(f"widths[{i}]", n, low=1) for i, n in enumerate(sequence("widths", widths))]
    if len(sizes) < least:
        raise ValueError(f"widths must name at least {least} sizes, got {sizes}")
    affordable(f"a network with widths {shown(sizes)}", 8.0 * sum(p * q for p, q in pairwise(sizes)))
    return sizes
