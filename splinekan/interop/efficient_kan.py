"""Networks of efficient-kan."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import shown
from splinekan.interop.assembly import Edges, assembled, check_increasing, continuation, degree_of, layer
from splinekan.interop.functions import identified, named
from splinekan.interop.tensors import Reader, is_state
from splinekan.model import Model

LIBRARY = "efficient-kan"


def from_efficient_kan(model: Any, base: str | None = None, *, extrapolate: str | None = None) -> Model:
    """The model of a network of efficient-kan, with the same outputs up to the rounding to float32.

    A layer of efficient-kan is y_q = sum_p (V[q, p] s(x_p) + m[q, p] sum_i W[q, p, i] b_i(x_p)) with
    `base_weight` V, `spline_scaler` m, `spline_weight` W, and B-splines on the `grid` of every input, uniform
    or adapted to samples. It becomes a `SplineLayer` with coefficients m W in float64. Neither efficient-kan
    nor PyTorch is imported.

    Parameters
    ----------
    model
        A KAN or KANLinear of efficient-kan; or its state dictionary, of tensors or arrays.
    base
        The base activation s, required with a state dictionary, which lacks it: "silu", the default of
        efficient-kan, "identity", "tanh", "relu", "gelu" and others; "zero" for no base branch. None with a
        network, whose own activation is found by its name and checked by its values.
    extrapolate
        Continuation outside the grid. None for exactly that of efficient-kan: the B-splines fall to 0 within
        k ghost intervals, which become intervals of the spline layer, with k more coefficients at each end. A
        mode of `SplineLayer`, such as "linear", keeps the grid as the domain and changes the function outside
        it.

    Returns
    -------
    Model
        The model, with a trainable base branch; if s is neither silu nor the identity, a layer is the sum of
        a spline layer and a `FormulaLayer`.

    Raises
    ------
    TypeError, ValueError
        For other objects, entries that are missing, of other shapes or not finite, unknown entries, knots
        that do not increase (efficient-kan computes NaN on them), degrees above 9, unknown activations.

    Examples
    --------
    A state with a single layer, 2 inputs, 1 output, degree 1 and 2 intervals on [-1, 1]:

    >>> import numpy as np
    >>> state = {
    ...     "layers.0.grid": np.tile([-2.0, -1.0, 0.0, 1.0, 2.0], (2, 1)),
    ...     "layers.0.base_weight": np.array([[1.0, 0.0]]),
    ...     "layers.0.spline_weight": np.array([[[0.0, 2.0, 0.0], [1.0, 1.0, 1.0]]]),
    ... }
    >>> model = from_efficient_kan(state, base="identity")
    >>> model([[0.25, 0.5], [0.25, 2.0]])
    array([[2.75],
           [1.75]])
    """
    mode = continuation(extrapolate)
    if is_state(model):
        if base is None:
            raise ValueError(
                "base must be given with a state dictionary, which lacks it: the name of the base "
                "activation, 'silu' unless the network was made with another"
            )
        state, bases = model, None
        first = [name for name in ("", "layers.0.") if f"{name}base_weight" in state]
        if not first:
            other = " (it is one of pykan: see from_pykan)" if "act_fun.0.coef" in state else ""
            raise ValueError(
                f"model must be a state of efficient-kan: it lacks 'layers.0.base_weight'{other}"
            )
        alone, which = first[0] == "", named("base", base)
    else:
        if base is not None:
            raise ValueError("base must be None with a network, which holds its own")
        state, bases, alone = _of_network(model)
    read, placed, number = Reader(state, LIBRARY), [], 0
    n_in = None
    while number == 0 or (not alone and any(key.startswith(f"layers.{number}.") for key in state)):
        prefix = "" if alone else f"layers.{number}."
        own = which if bases is None else bases[number]
        edges = _edges(read, prefix, own)
        if n_in is not None and edges.weights.shape[0] != n_in:
            raise ValueError(
                f"model must have layers that fit: layer {number} takes {edges.weights.shape[0]} inputs, and "
                f"the layer before has {n_in} outputs"
            )
        placed.append(layer(edges, mode))
        n_in, number = edges.weights.shape[1], number + 1
    read.finish()
    return assembled(placed)


def _edges(read: Reader, prefix: str, base: str) -> Edges:
    grid, weights = read(f"{prefix}grid", None, None), read(f"{prefix}base_weight", None, None)
    (n_in, _), n_out = grid.shape, len(weights)
    if weights.shape != (n_out, n_in) or not weights.size:
        raise ValueError(
            f"model['{prefix}base_weight'] must have a column for each of {n_in} inputs, got {weights.shape}"
        )
    c = read(f"{prefix}spline_weight", n_out, n_in, None)
    degree_of(f"model['{prefix}spline_weight']", grid, c)
    check_increasing(f"model['{prefix}grid']", grid)
    if f"{prefix}spline_scaler" in read.state:
        with np.errstate(over="ignore"):
            c = c * read(f"{prefix}spline_scaler", n_out, n_in)[..., None]
    return Edges(grid, c.swapaxes(0, 1), base, weights.T, np.zeros(n_out))


def _of_network(model: Any) -> tuple[dict[str, Any], list[str], bool]:
    """The state of a network, the names of its base activations, and whether it is a single layer."""
    alone = hasattr(model, "spline_weight")
    try:
        layers = [model] if alone else list(model.layers)
    except Exception:
        layers = []
    needed = ("grid", "base_weight", "spline_weight", "base_activation", "enable_standalone_scale_spline")
    if not layers or any(not hasattr(each, name) for each in layers for name in needed):
        raise TypeError(
            f"model must be a KAN or a KANLinear of efficient-kan, or a state dictionary, got {shown(model)}"
        )
    state: dict[str, Any] = {}
    bases = []
    for number, each in enumerate(layers):
        prefix = "" if alone else f"layers.{number}."
        names = ["grid", "base_weight", "spline_weight"]
        names += ["spline_scaler"] * bool(each.enable_standalone_scale_spline)
        state |= {prefix + name: getattr(each, name) for name in names}
        what = f"model: the base activation of layer {number}"
        bases.append(identified(what, each.base_activation, None, each.grid))
    return state, bases, alone
