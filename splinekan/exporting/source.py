"""The source of a Python module that evaluates a model and needs only NumPy."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Array, instance, shown
from splinekan._columns import numbered
from splinekan.exporting import formulas, text
from splinekan.exporting.description import description
from splinekan.exporting.helpers import CHECKED, FRAME, HELPERS, PREDICT
from splinekan.exporting.sizes import unknown
from splinekan.model import Model
from splinekan.network import (
    Activation,
    Affine,
    FormulaLayer,
    Normalizer,
    Product,
    SplineLayer,
    Sum,
    TensorSplineLayer,
)
from splinekan.network.constants import Constants
from splinekan.network.edges import Edges
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.pp_form import local_pieces

MOST_NUMBERS = 1_000_000
"""Most numbers of a module: a million take 20 MB of text, and seconds to read."""
TEMPORARY = 2**16
"""Approximate size of an intermediate array, in numbers, which stays in the caches."""
ROWS = (64, 4096)
"""Fewest and most samples that are evaluated at a time."""
FIRST = ("np", "INPUTS", "OUTPUTS", "ROWS", "_checked", "_network")
"""Names that every module has."""


def numpy_source(model: Model, name: str) -> str:
    """The text of a module with the function `name`: see `splinekan.export`."""
    if model.features is not None:
        raise ValueError(
            "model must be without features for the source code of its network: those of a differential "
            "equation are sympy expressions. Export it as 'sympy'"
        )
    # The model itself evaluates the ReLU basis through B-spline coefficients.
    network, theta = model.network._in_splines(model.theta, np.empty((0, model.n_in)))
    source = Source()
    steps = []
    for number, (layer, params) in enumerate(network._pieces(theta)):
        steps.append(f"    v = {source.layer(number, layer, params)}")
    if name in {*FIRST, *source.constants, *source.functions, *source.modules}:
        raise ValueError(f"name must differ from the other names of the module, got {name!r}")
    inputs = model.names or numbered("x", model.n_in)
    outputs = model.output_names or numbered("y", model.n_out)
    rows = min(max(TEMPORARY // source.widest, ROWS[0]), ROWS[1])
    parts = [
        text.docstring(description(model, inputs, outputs, name)),
        "import numpy as np" if not source.modules else _imports(source.modules),
        f"INPUTS = {text.names(inputs)}\nOUTPUTS = {text.names(outputs)}\n"
        f"ROWS = {rows}  # evaluated at a time: intermediate values stay in the caches",
        PREDICT.format(name=name, n_in=model.n_in, n_out=model.n_out),
        CHECKED.format(n_in=model.n_in, frame="" if model.names is None else FRAME),
        f"def _network(v):\n    # v holds a row for every component, and a column for every sample\n"
        f"{chr(10).join(steps)}\n    return v\n",
        *source.functions.values(),
        "\n".join(f"{name} = {value}" for name, value in source.constants.items()),
    ]
    head, rest = parts[:3], [part.rstrip("\n") for part in parts[3:] if part]
    return "\n\n".join([*head[:2], head[2]]) + "\n\n\n" + "\n\n\n".join(rest) + "\n"


class Source:
    """Constants, functions and modules that the layers need, by name, and the size of temporaries."""

    def __init__(self) -> None:
        self.constants: dict[str, str] = {}
        self.functions: dict[str, str] = {}
        self.modules: set[str] = set()
        self.numbers = 0
        self.widest = 1
        self._knots: dict[tuple[KnotVector, str], str] = {}

    def layer(self, number: Any, layer: Any, params: Array) -> str:
        """An expression in v for the values of a layer."""
        self.widest = max(self.widest, layer.n_in, layer.n_out)
        writer = WRITERS.get(type(layer))
        if writer is None:
            raise unknown(number, layer, WRITERS)
        return writer(self, str(number).upper(), layer, params)

    def array(self, name: str, values: ArrayLike) -> str:
        """The name of a constant array."""
        numbers = np.asarray(values)
        self.numbers += numbers.size
        if self.numbers > MOST_NUMBERS:
            raise ValueError(
                f"model must have at most {MOST_NUMBERS} numbers to be written as source code, parameters "
                "and tables of splines together: save the model instead"
            )
        self.constants[name] = text.array(numbers)
        return name

    def helper(self, name: str) -> str:
        """The name of a function of `HELPERS`."""
        self.functions[name] = HELPERS[name]
        return name

    def of_each(self, name: str, values: Any, width: int) -> str:
        """A number, or a column of numbers, one for each component."""
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.ndim == 0 or (numbers == numbers.flat[0]).all():
            return repr(float(numbers.flat[0]))
        return self.array(name, numbers.reshape(width, 1))

    # Layers

    def affine(self, number: str, layer: Affine, params: Array) -> str:
        """W^T v + b."""
        views = layer.unpack(params)
        product = f"{self.array(f'WEIGHT_{number}', views['weight'].T)} @ v"
        return (
            f"{product} + {self.array(f'BIAS_{number}', views['bias'][:, None])}" if layer.bias else product
        )

    def activation(self, _: str, layer: Activation, _params: Array) -> str:
        """phi(v)."""
        if layer.kind in ("relu", "power_relu"):
            power = layer.degree if layer.kind == "power_relu" else 1
            return "np.maximum(v, 0.0)" + f" ** {power}" * (power > 1)
        if layer.kind == "tanh":
            return "np.tanh(v)"
        return "v * " * (layer.kind == "silu") + f"{self.helper('_sigmoid')}(v)"

    def normalizer(self, number: str, layer: Normalizer, _params: Array) -> str:
        """A map into [a, b]."""
        a, b, c, d = layer._ends
        low, high = (
            self.of_each(f"{name}_{number}", ends, layer.width) for name, ends in (("LOW", a), ("HIGH", b))
        )
        if layer.kind == "affine":
            source = [
                self.of_each(f"{name}_{number}", ends, layer.width) for name, ends in (("FROM", c), ("TO", d))
            ]
            return f"{self.helper('_scaled')}(v, {low}, {high}, {', '.join(source)})"
        shift, scale = (a, b - a) if layer.kind == "sigmoid" else ((a + b) / 2, (b - a) / 2)
        phi = f"{self.helper('_sigmoid')}(v)" if layer.kind == "sigmoid" else "np.tanh(v)"
        terms = (
            self.of_each(f"SCALE_{number}", scale, layer.width),
            self.of_each(f"SHIFT_{number}", shift, layer.width),
        )
        return f"np.clip({terms[0]} * {phi} + {terms[1]}, {low}, {high})"

    def splines(self, number: str, layer: SplineLayer, params: Array) -> str:
        """Splines of ranges of inputs with equal knots, and the base branch."""
        terms = []
        for i, at in enumerate(layer.edges):
            suffix = f"{number}_{i}" if len(layer.edges) > 1 else number
            whole = at.n_in == layer.n_in
            v = "v" if whole else f"v[{at.first}:{at.first + at.n_in}]"
            terms.append(self._range(suffix, at, layer, params, v))
        if layer.base is not None:
            weights = self.array(f"BASE_{number}", layer.unpack(params)["base"].T)
            s = "v" if layer.base == "identity" else f"(v * {self.helper('_sigmoid')}(v))"
            terms.append(f"{weights} @ {s}")
        return text.sum_of(terms)

    def _range(self, suffix: str, at: Edges, layer: SplineLayer, params: Array, v: str) -> str:
        knots = at.knots
        v = self._entering(v, knots, layer.extrapolate)
        self.helper("_splines"), self.helper("_polynomials")
        self.widest = max(self.widest, at.n_in * layer.n_out)
        coefficients = params[at.start : at.stop].reshape(at.n_in, knots.n_basis, layer.n_out)
        table = self._table(suffix, knots, layer.extrapolate)
        c = self.array(f"COEFFICIENTS_{suffix}", coefficients)
        name = f"POLYNOMIALS_{suffix}"
        self.constants[name] = f"_polynomials({table.format('ACTIVE')}, {table.format('FIRST')}, {c})"
        arrays = ", ".join(table.format(each) for each in ("EDGES", "ORIGINS", "SCALES"))
        return f"_splines({v}, {arrays}, {name})"

    def tensor(self, number: str, layer: TensorSplineLayer, params: Array) -> str:
        """Tensor-product splines."""
        axes = []
        for p, knots in enumerate(layer.knots):
            v = self._entering(f"v[{p}]", knots, layer.extrapolate)
            table = self._table(f"{number}_{p}", knots, layer.extrapolate)
            names = ("EDGES", "ORIGINS", "SCALES", "ACTIVE", "FIRST")
            axes.append(f"({', '.join([v, *(table.format(each) for each in names)])})")
        active = np.prod([degree + 1 for degree in layer.degrees])
        self.widest = max(self.widest, int(active) * layer.n_out)
        c = self.array(f"COEFFICIENTS_{number}", params.reshape(layer.shape))
        return f"{self.helper('_tensor')}([{', '.join(axes)}], {c})"

    def _entering(self, v: str, knots: KnotVector, extrapolate: str) -> str:
        """v, wrapped or checked."""
        a, b = knots.domain
        if knots.periodic:
            return f"{self.helper('_wrapped')}({v}, {a!r}, {b!r})"
        if extrapolate == "error":
            return f"{self.helper('_inside')}({v}, {a!r}, {b!r})"
        return v

    def _table(self, suffix: str, knots: KnotVector, extrapolate: str) -> str:
        """A template for the names of the arrays that describe the B-splines on their pieces."""
        key = knots, extrapolate
        if key in self._knots:
            return self._knots[key]
        template = self._knots[key] = f"{{}}_{suffix}"
        local = local_pieces(knots, None, extrapolate, np.float64, 1)
        edges, origins, scales, table = local.search.edges, local.origins, local.scales, local.table[0]
        kept = np.flatnonzero(np.diff(edges) > 0)  # without the empty pieces between repeated knots
        edges = np.append(edges[kept], np.nextafter(edges[-1], np.inf))  # b belongs to the last piece
        pieces = np.concatenate([[0], kept + 1, [len(origins) - 1]])
        spans = len(knots.inner) - 1
        first = kept if knots.is_uniform else kept // 2
        self.array(template.format("EDGES"), edges)
        self.array(template.format("ORIGINS"), origins[pieces])
        self.array(template.format("SCALES"), scales[pieces])
        self.array(template.format("FIRST"), np.concatenate([[0], first, [spans - 1]]))
        active = template.format("ACTIVE")
        if len(table) == 3:  # equal spacing: all inner pieces are equal
            self.array(active, table)
            self.constants[active] += f"[[0] + {len(kept)} * [1] + [2]]"
        else:
            self.array(active, table[pieces])
        return template

    def formulas(self, number: str, layer: FormulaLayer, params: Array) -> str:
        """Terms of functions with constants."""
        name = f"_formulas_{number.lower()}"
        self.functions[name] = formulas.function(name, layer, params, self.helper, self.modules.add)
        return f"{name}(v)"

    def sum(self, number: str, layer: Sum, params: Array) -> str:
        """The layers of a sum."""
        pairs = zip(layer.layers, layer.slices, strict=True)
        return text.sum_of(
            [self.layer(f"{number}S{i}", each, params[at]) for i, (each, at) in enumerate(pairs)]
        )

    def product(self, _: str, layer: Product, _params: Array) -> str:
        """Products of inputs."""
        groups = (" * ".join(f"v[{p}]" for p in group) for group in layer.groups)
        return f"np.stack([{', '.join(groups)}])"

    def appended(self, number: str, layer: Constants, params: Array) -> str:
        """The inputs, then the constants."""
        values = self.array(f"CONSTANTS_{number}", params[:, None])
        return f"np.concatenate([v, np.repeat({values}, v.shape[1], axis=1)])"


WRITERS: dict[type, Callable[[Source, str, Any, Array], str]] = {
    SplineLayer: Source.splines,
    TensorSplineLayer: Source.tensor,
    Affine: Source.affine,
    Activation: Source.activation,
    Normalizer: Source.normalizer,
    FormulaLayer: Source.formulas,
    Sum: Source.sum,
    Product: Source.product,
    Constants: Source.appended,
}
"""The method that writes each class of layers."""


def checked_name(name: Any) -> str:
    """`name`, if it can be the name of a function.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    instance("name", name, str)
    word = keyword.iskeyword(name) or hasattr(builtins, name) or name.startswith("__")
    if word or not (name.isidentifier() and name.isascii()):
        raise ValueError(
            f"name must be that of a function, letters, digits and underscores and not a word of Python, "
            f"got {shown(name)}"
        )
    return str(name)


def _imports(modules: set[str]) -> str:
    return "\n".join(f"import {module}" for module in sorted(modules)) + "\n\nimport numpy as np"
