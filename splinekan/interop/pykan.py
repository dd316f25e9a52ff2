"""Networks of pykan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, shown
from splinekan.interop import pykan_options as options
from splinekan.interop.assembly import (
    Edges,
    Placed,
    Symbolic,
    assembled,
    check_increasing,
    continuation,
    degree_of,
    layer,
)
from splinekan.interop.pykan_options import Options
from splinekan.interop.tensors import Reader, array, is_state
from splinekan.model import Model
from splinekan.network.formula import FormulaLayer
from splinekan.network.product import Product
from splinekan.network.term import Term

LIBRARY = "pykan"


def from_pykan(
    model: Any, config: Mapping[str, Any] | None = None, *, extrapolate: str | None = None
) -> Model:
    """The model of a network of pykan (version 0.2), with the same outputs up to the rounding to float32.

    The input of a node of pykan is sum_p (m (V b(x_p) + w s(x_p)) + M (C f(A x_p + B) + D)), for every input
    p with its own m `mask`, V `scale_base`, w `scale_sp`, s a spline on its row of `grid`, b the base
    function; M and (A, B, C, D) are the mask and the affine map of a symbolic edge. It is followed by an
    affine map (`subnode`), the product of several such sums in a node that multiplies, and another affine map
    (`node`). All of these are represented: numerical edges by a `SplineLayer`; symbolic edges, biases, and
    base functions other than silu and the identity by a `FormulaLayer`; both by their `Sum`; nodes that
    multiply by a `Product`. Scales and masks are multiplied into coefficients, in float64. Masked edges
    become edges with zero coefficients, which can be trained again. Neither pykan nor PyTorch is imported.

    Parameters
    ----------
    model
        A KAN or MultKAN of pykan; or its state dictionary, of tensors or arrays.
    config
        The options that a state dictionary lacks, under the names that pykan writes to the file ending in
        _config.yml: "base_fun_name" ("silu" unless another was chosen); "mult_arity" (or "width" and
        "mult_arity") if nodes multiply and several arities are possible; "symbolic.funs_name.0" and so on, a
        list of names for every node, for layers with symbolic edges; "symbolic_enabled" if it is false. Other
        entries of that file are ignored. None with a network, which holds all of them.
    extrapolate
        Continuation outside the grid. None for exactly that of pykan: the B-splines fall to 0 within k ghost
        intervals, which become intervals of the spline layer, with k more coefficients at each end. A mode of
        `SplineLayer`, such as "linear", keeps the grid as the domain and changes the function outside it.

    Returns
    -------
    Model
        The model, with the inputs that `prune_input` has left, in ascending order, under the names x1, x2,
        ... of their columns.

    Raises
    ------
    TypeError, ValueError
        For other objects, entries that are missing, of other shapes or not finite, unknown entries, knots
        that repeat (pykan leaves out B-splines there) unless all knots of an input are equal (its spline is
        0), degrees above 9, and unknown functions, for which the message names the edge.

    Examples
    --------
    A state with a single layer, 1 input, 1 output, degree 1 and 2 intervals on [-1, 1]:

    >>> import numpy as np
    >>> state = {
    ...     "act_fun.0.grid": np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]]),
    ...     "act_fun.0.coef": np.array([[[0.0, 2.0, 0.0]]]),
    ...     **{f"act_fun.0.{name}": np.ones((1, 1)) for name in ("mask", "scale_base", "scale_sp")},
    ...     "symbolic_fun.0.mask": np.zeros((1, 1)),
    ...     "symbolic_fun.0.affine": np.zeros((1, 1, 4)),
    ...     **{f"{node}_scale_0": np.ones(1) for node in ("node", "subnode")},
    ...     **{f"{node}_bias_0": np.zeros(1) for node in ("node", "subnode")},
    ... }
    >>> from_pykan(state, {"base_fun_name": "identity"})([[0.25], [3.0]])
    array([[1.75],
           [3.  ]])
    """
    mode = continuation(extrapolate)
    if is_state(model):
        state, chosen = model, options.of_config(model, config)
    else:
        if config is not None:
            raise ValueError("config must be None with a network of pykan, which holds all of it")
        state, chosen = options.of_network(model)
    read = Reader(state, LIBRARY)
    placed: list[Placed] = []
    n_in, names = None, None
    for number in range(chosen.depth):
        with np.errstate(over="ignore", invalid="ignore"):
            edges, products, scale, bias = _read(read, number, n_in, chosen)
            if number == 0 and chosen.inputs is not None:
                edges, names = _sorted(edges, chosen.inputs)
            placed += _layers(edges, products, scale, bias, mode)
        n_in = placed[-1][0].n_out
    read.finish()
    return assembled(placed, names)


def _read(
    read: Reader, number: int, n_in: int | None, chosen: Options
) -> tuple[Edges, tuple[tuple[int, ...], ...], Float64Array, Float64Array]:
    """A layer without node_scale and node_bias, the subnodes of its nodes, and these two."""
    where = f"act_fun.{number}."
    grid = read(f"{where}grid", n_in, None)
    n_in = len(grid)
    scale, bias = (read(f"subnode_{name}_{number}", None) for name in ("scale", "bias"))
    n_sub = len(scale)
    coefficients = read(f"{where}coef", n_in, n_sub, None)
    if not coefficients.size or bias.shape != scale.shape:
        raise ValueError(
            f"model: layer {number} must have inputs, and as many subnode_bias as subnode_scale, got "
            f"{n_in} inputs, {len(bias)} and {n_sub}"
        )
    mask, base, splines = (read(where + name, n_in, n_sub) for name in ("mask", "scale_base", "scale_sp"))
    node_scale, node_bias = (read(f"node_{name}_{number}", None) for name in ("scale", "bias"))
    if node_scale.shape != node_bias.shape:
        raise ValueError(
            f"model: layer {number} must have as many node_bias as node_scale, got {len(node_bias)} and "
            f"{len(node_scale)}"
        )
    products = chosen.products(number, len(node_scale), n_sub)
    symbolic = read(f"symbolic_fun.{number}.mask", n_sub, n_in)
    affine = read(f"symbolic_fun.{number}.affine", n_sub, n_in, 4)
    edges, constants = [], np.zeros(n_sub)
    for q, p in np.argwhere(symbolic).tolist() if chosen.symbolic_enabled else []:
        function = chosen.function(number, p, q)
        a, b, c, d = affine[q, p]
        c, constants[q] = symbolic[q, p] * c, constants[q] + symbolic[q, p] * d
        if function == "identity":
            constants[q] += c * b
        if function != "zero":
            edges.append(Symbolic(p, q, function, float(c), float(a), float(b)))
    knots = _knots(f"model['{where}grid']", grid, coefficients)
    flat = np.ptp(grid, axis=1) == 0  # every B-spline is 0 there
    coefficients = np.where(flat[:, None, None], 0.0, (mask * splines)[..., None] * coefficients)
    weights = mask * base
    function = chosen.base(number, bool(weights.any()))
    only_symbolic = bool(edges) and not mask.any()
    found = Edges(knots, coefficients, function, weights, constants, tuple(edges), splines=not only_symbolic)
    return _scaled(found, scale, bias), products, node_scale, node_bias


def _knots(what: str, grid: Float64Array, coefficients: Float64Array) -> Float64Array:
    """The knots; a unit apart for inputs whose knots are all equal."""
    degree_of(what, grid, coefficients)
    m = grid.shape[1]
    flat = np.ptp(grid, axis=1, keepdims=True) == 0
    knots = np.where(flat, grid + np.arange(m) - (m - 1) / 2, grid)
    check_increasing(what, knots)
    return knots


def _scaled(edges: Edges, scale: Float64Array, bias: Float64Array) -> Edges:
    """scale y + bias."""
    symbolic = tuple(replace(each, c=float(scale[each.output]) * each.c) for each in edges.symbolic)
    return replace(
        edges,
        coefficients=edges.coefficients * scale[:, None],
        weights=edges.weights * scale,
        bias=edges.bias * scale + bias,
        symbolic=symbolic,
    )


def _layers(
    edges: Edges,
    products: tuple[tuple[int, ...], ...],
    scale: Float64Array,
    bias: Float64Array,
    mode: str | None,
) -> list[Placed]:
    """The layer, and the products of its outputs if nodes multiply; node_scale is in the first factors."""
    factors, first = np.ones(len(edges.bias)), [group[0] for group in products]
    factors[first] = scale
    multiply = len(edges.bias) > len(products)
    if not multiply:
        return [layer(_scaled(edges, factors, bias), mode)]
    n = len(products)
    found: list[Placed] = [layer(_scaled(edges, factors, np.zeros(len(factors))), mode)]
    found.append((Product(len(factors), products), np.zeros(0)))
    if bias.any():
        lines = tuple(Term(q, q, (), (1.0,)) for q in range(n))
        free = tuple(None if each else 0.0 for each in bias)
        found.append((FormulaLayer(n, n, lines, free), bias[bias != 0]))
    return found


def _sorted(edges: Edges, inputs: Any) -> tuple[Edges, tuple[str, ...] | None]:
    """The layer with its inputs in the order of the columns of x, and their names if some are missing."""
    columns = array("model.input_id", inputs, (len(edges.knots),)).astype(np.int64)
    if (columns < 0).any() or len(set(columns.tolist())) < len(columns):
        raise ValueError(f"model.input_id must hold different columns of x, got {shown(columns.tolist())}")
    order = np.argsort(columns)
    place = np.argsort(order).tolist()
    moved = replace(
        edges,
        knots=edges.knots[order],
        coefficients=edges.coefficients[order],
        weights=edges.weights[order],
        symbolic=tuple(replace(each, input=place[each.input]) for each in edges.symbolic),
    )
    left = np.sort(columns)
    if np.array_equal(left, np.arange(len(left))):
        return moved, None
    return moved, tuple(f"x{column + 1}" for column in left.tolist())
