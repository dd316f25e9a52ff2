"""Networks: frozen chains of layers; all trainable numbers active in one flat vector theta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import ArrayLike

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
from splinekan.network.activation import Activation, Normalizer
from splinekan.network.affine import Affine
from splinekan.network.domains import Interval, warn_outside, warn_unlike
from splinekan.network.domains import intervals as checked_intervals
from splinekan.network.layer import BASES, Layer, fulfilling
from splinekan.network.linearization import Linearization, cast
from splinekan.network.spline import SplineLayer
from splinekan.operators.coordinates import Coordinates, EdgeMap, Piece
from splinekan.operators.segments import SparseRows
from splinekan.splines.knots import uniform_knots
from splinekan.splines.prolongation import prolongation


@dataclass(frozen=True, eq=False)
class KAN:
    """A chain of layers x -> layer_L(... layer_1(x)).

    A network is a description: it holds no numbers that training changes. `theta` concatenates the
    layers' parameters in order; a spline layer's are its coefficients, C-ordered as
    (n_in, n_basis, n_out). Float32 inputs are computed in float32, everything else in float64; theta
    and its gradients are float64. Values that leave the range of the type in which they are computed become
    infinite or NaN, without a warning.

    Parameters
    ----------
    layers
        Layers whose widths fit: n_out of each is n_in of the next.

    Raises
    ------
    TypeError, ValueError
        For no layers, objects that lack a method of a layer, or widths that do not fit. The methods for
        arrays of other shapes than they name.

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
    ) -> KAN:
        """Spline layers widths[0] -> widths[1] -> ..., all on the same uniform knots of `domain`.

        Inputs and hidden values outside the domain are continued as `extrapolate` says. For inputs in
        unlike units `domain` holds an interval (a, b) for each: a `Normalizer` in front takes them to [0, 1],
        on which all layers active then.

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
        layers += [SplineLayer(p, q, knots, degree, extrapolate, basis) for p, q in pairwise(sizes)]
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
    ) -> KAN:
        """An affine map widths[0] -> widths[1], then spline layers: the paper's networks.

        [2, 5, 1] with cubic splines on G intervals has 15 + 5(G + 3) parameters; [2, 20, 20, 1]
        without bias 40 + 420(G + 3) (Southworth et al., arXiv:2603.04827, section 6). `domain` is that of
        the splines; on which intervals the inputs lie, `initialize(bounds=...)` is told.
        """
        sizes = _widths(widths, least=3)
        domain = interval("domain", domain)
        splines = KAN.splines(sizes[1:], degree, intervals, domain, basis=basis, extrapolate=extrapolate)
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
        """Where each layer's parameters begin in theta, and the end."""
        sizes = [layer.n_parameters for layer in self.layers]
        return tuple(int(n) for n in np.cumsum([0, *sizes]))

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return self.offsets[-1]

    @property
    def intervals(self) -> int:
        """The largest number of intervals of any spline layer; 0 without one."""
        return max((s.intervals for s in self.layers if isinstance(s, SplineLayer)), default=0)

    @property
    def basis(self) -> str:
        """The basis of the spline layers ("spline" for a network without any).

        Raises
        ------
        ValueError
            If the layers differ.
        """
        found = {s.basis for s in self.layers if isinstance(s, SplineLayer)}
        if len(found) > 1:
            raise ValueError("the spline layers of this network do not share one basis")
        return found.pop() if found else "spline"

    @property
    def domain(self) -> tuple[Interval, ...] | None:
        """For every input the interval on which its splines active; None if an affine map mixes the inputs.

        That of the first layer, if it is a spline layer; its preimage, if an affine `Normalizer` comes first.
        """
        first, *others = self.layers
        if isinstance(first, SplineLayer):
            return (first.domain,) * first.n_in
        follows = bool(others) and isinstance(others[0], SplineLayer)
        if follows and isinstance(first, Normalizer) and first.kind == "affine":
            return first.preimage(*others[0].domain)  # type: ignore[attr-defined]
        return None

    def blocks(self, theta: Float64Array) -> tuple[dict[str, Array], ...]:
        """Per layer a dictionary of named views into `theta`: writing to them writes to theta."""
        viewable("theta", theta, self.n_parameters)
        if theta.dtype != F8:
            raise TypeError(f"blocks are views: theta must be a float64 array, got dtype {theta.dtype}")
        return tuple(layer.blocks(piece) for layer, piece in self._pieces(theta))

    def __call__(self, theta: ArrayLike, x: ArrayLike) -> Array:
        """Outputs, shape (n, n_out), at the rows of x, shape (n, n_in)."""
        return self.linearize(theta, self._inputs(x)).output

    def linearize(self, theta: ArrayLike, x: ArrayLike) -> Linearization:
        """Evaluate and keep what the derivatives at (theta, x) need."""
        inputs = [points("x", x, self.n_in)]
        parameters = cast(self._theta(theta), inputs[0])
        with np.errstate(over="ignore", invalid="ignore"):
            for layer, piece in self._pieces(parameters):
                inputs.append(layer.value(piece, inputs[-1]))
        return trusted(
            Linearization, network=self, theta=parameters, inputs=tuple(inputs[:-1]), output=inputs[-1]
        )

    def jvp(self, theta: ArrayLike, x: ArrayLike, v: ArrayLike) -> Array:
        """J v, shape (n, n_out): the outputs' change along v of theta's shape."""
        return self.linearize(theta, self._inputs(x)).jvp(self._theta(v, "v"))

    def vjp(self, theta: ArrayLike, x: ArrayLike, gy: ArrayLike) -> Float64Array:
        """J^T gy, theta's shape, for gy of the outputs' shape (n, n_out)."""
        return self.linearize(theta, self._inputs(x)).vjp(gy)

    def jacobian(self, theta: ArrayLike, x: ArrayLike) -> SparseRows:
        """J as sparse rows: row i n_out + o is output o of sample i."""
        return self.linearize(theta, self._inputs(x)).jacobian()

    def refined(self) -> KAN:
        """The network with every interval of every spline layer halved."""
        return KAN(tuple(layer.refined() for layer in self.layers))

    def prolongation(self, finer: KAN) -> scipy.sparse.csr_array:
        """P, sparse, (finer.n_parameters, n_parameters): P theta are the parameters of the same function.

        Raises
        ------
        TypeError, ValueError
            Unless `finer` is a network of the same layers on nested knots.
        """
        instance("finer", finer, KAN)
        if len(finer.layers) != len(self.layers):
            raise ValueError(f"finer must have {len(self.layers)} layers, got {len(finer.layers)}")
        blocks = []
        for layer, fine in zip(self.layers, finer.layers, strict=True):
            if isinstance(layer, SplineLayer) and isinstance(fine, SplineLayer):
                edge = prolongation(layer.knots, fine.knots, layer.degree, layer.basis)
                edges = scipy.sparse.kron(edge, scipy.sparse.eye_array(layer.n_out))
                blocks.append(scipy.sparse.kron(scipy.sparse.eye_array(layer.n_in), edges))
            else:
                blocks.append(scipy.sparse.eye_array(layer.n_parameters))
        return scipy.sparse.csr_array(scipy.sparse.block_diag(blocks, format="csr"))

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
        one_of("basis", basis, BASES)
        pieces = []
        for layer, start in zip(self.layers, self.offsets, strict=False):
            if isinstance(layer, SplineLayer) and layer.basis != basis:
                to_relu = EdgeMap.relu_from_spline(layer.change_of_basis)
                edges = to_relu if basis == "relu" else to_relu.inverse()
                pieces.append(Piece(start, start + layer.n_parameters, layer.n_in, layer.n_basis, edges))
        return Coordinates(self.n_parameters, pieces)

    @cached_property
    def roughness(self) -> scipy.sparse.csr_array:
        """`SplineLayer.roughness` of every edge as one sparse matrix that acts on theta."""
        blocks = []
        for layer in self.layers:
            if isinstance(layer, SplineLayer):
                edge = scipy.sparse.kron(scipy.sparse.csr_array(layer.roughness), np.eye(layer.n_out))
                blocks.append(scipy.sparse.kron(np.eye(layer.n_in), edge))
            else:
                blocks.append(scipy.sparse.csr_array((0, layer.n_parameters)))
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


def MLP(  # noqa: N802 - a network kind, named as the field names it
    widths: Sequence[int], activation: str = "tanh", degree: int = 3
) -> KAN:
    """A multilayer perceptron: affine maps with an activation between them.

    Parameters
    ----------
    widths
        [n_in, hidden ..., n_out].
    activation
        As in `Activation`.
    degree
        The power of "power_relu".

    Raises
    ------
    TypeError, ValueError
        For fewer than two widths, or arguments that are not those of the layers.
    """
    sizes = _widths(widths)
    one_of("activation", activation, Activation.kinds)
    Activation(1, activation, degree)  # a bad degree is refused also where no layer is hidden
    layers: list[Layer] = [Affine(sizes[0], sizes[1])]
    for p, q in pairwise(sizes[1:]):
        layers += [Activation(p, activation, degree), Affine(p, q)]
    return KAN(tuple(layers))


def warn_of_inputs(network: KAN, x: Array, stacklevel: int) -> None:
    """A `DomainWarning` if x, (n, n_in), leaves the splines of the first layer, or enters a map unscaled."""
    if network.domain is not None:
        warn_outside(x, network.domain, stacklevel + 1)
    elif isinstance(network.layers[0], Affine):
        warn_unlike(x, stacklevel + 1)


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
