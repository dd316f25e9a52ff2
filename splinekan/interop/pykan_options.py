"""Options that the state dictionary of pykan lacks, from the network or from its configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from splinekan._checks import boolean, integer, sequence, shown
from splinekan.interop.functions import identified, named

UNUSED = (
    "grid", "k", "affine_trainable", "grid_eps", "grid_range", "sp_trainable", "sb_trainable", "state_id",
    "auto_save", "ckpt_path", "round", "device",
)  # fmt: skip
"""Entries of a configuration that do not affect the values of a network."""
USED = ("base_fun_name", "width", "mult_arity", "symbolic_enabled")
NAMES = re.compile(r"symbolic\.funs_name\.\d+")


@dataclass(frozen=True, eq=False)
class Options:
    """The options on which the values of a network depend, besides its parameters.

    Attributes
    ----------
    depth
        The number of layers.
    base
        Returns the name of the base function of a layer, given whether it matters.
    function
        Returns the name of the function of a symbolic edge, given layer, input and output.
    arities
        Returns the numbers of factors of the nodes of a layer that multiply; None if they are not known.
    symbolic_enabled
        Whether symbolic edges are computed.
    inputs
        The columns of x that enter; None for all.
    """

    depth: int
    base: Callable[[int, bool], str]
    function: Callable[[int, int, int], str]
    arities: Callable[[int], tuple[int, ...] | None]
    symbolic_enabled: bool
    inputs: Any = None

    def products(self, number: int, n_nodes: int, n_sub: int) -> tuple[tuple[int, ...], ...]:
        """The subnodes that make each node of a layer.

        Raises
        ------
        ValueError
            If nodes and subnodes are inconsistent, or several arities are possible.
        """
        arities = self.arities(number)
        if arities is None:
            extra = n_sub - n_nodes
            if extra > 1:
                raise ValueError(
                    f"config must hold 'mult_arity', and 'width' unless it is a number: layer {number} has "
                    f"{n_nodes} nodes of {n_sub} subnodes, and several arities are possible"
                )
            arities = (2,) * max(extra, 0)
        sums = n_nodes - len(arities)
        if sums < 0 or sums + sum(arities) != n_sub or not n_nodes or min(arities, default=2) < 2:
            raise ValueError(
                f"model: layer {number} has {n_nodes} nodes of {n_sub} subnodes, which do not go with nodes "
                f"that multiply {shown(list(arities))} factors"
            )
        starts = sums + np.cumsum([0, *arities])
        groups = [(j,) for j in range(sums)]
        return (*groups, *(tuple(range(a, b)) for a, b in pairwise(starts.tolist())))


def of_config(state: Mapping[str, Any], config: Any) -> Options:
    """The options of a state dictionary.

    Raises
    ------
    TypeError, ValueError
        For other configurations, and states of other libraries.
    """
    if "act_fun.0.coef" not in state:
        other = "layers.0.base_weight" in state
        hint = " (it is one of efficient-kan: see from_efficient_kan)" if other else ""
        raise ValueError(f"model must be a state of pykan: it lacks 'act_fun.0.coef'{hint}")
    if config is None:
        config = {}
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dictionary as pykan writes it, or None, got {shown(config)}")
    for key in config:
        if key not in (*USED, *UNUSED) and not (isinstance(key, str) and NAMES.fullmatch(key)):
            raise ValueError(
                f"config must hold {', '.join(USED)} and symbolic.funs_name.0, ... only, got {shown(key)}"
            )
    known = dict(config)
    depth = 0
    while f"act_fun.{depth}.coef" in state:
        depth += 1
    enabled = boolean("config['symbolic_enabled']", known.get("symbolic_enabled", True))

    def base(number: int, matters: bool) -> str:
        if "base_fun_name" in known:
            return named("config['base_fun_name']", known["base_fun_name"])
        if matters:
            raise ValueError(
                "config must hold 'base_fun_name' with this state dictionary, which lacks it: 'silu' unless "
                "the network was made with another base_fun"
            )
        return "zero"

    def function(number: int, p: int, q: int) -> str:
        key = f"symbolic.funs_name.{number}"
        if key not in known:
            raise ValueError(
                f"config must hold {key!r}: the edge from input {p} to node {q} of layer {number} is "
                "symbolic, and a state dictionary lacks the name of its function"
            )
        rows = sequence(f"config[{key!r}]", known[key])
        row = sequence(f"config[{key!r}][{q}]", rows[q]) if q < len(rows) else ()
        if p >= len(row):
            raise ValueError(f"config[{key!r}] must hold a list of names of all inputs for every node")
        return named(f"config[{key!r}][{q}][{p}]", row[p])

    def arities(number: int) -> tuple[int, ...] | None:
        if "mult_arity" not in known and "width" not in known:
            return None
        width = known.get("width")
        return _arities("config['width']", width, known.get("mult_arity"), number + 1, depth, state)

    if "width" in known:
        _check_width("config['width']", known["width"], depth)
    return Options(depth, base, function, arities, enabled)


def of_network(model: Any) -> tuple[dict[str, Any], Options]:
    """The state of a network, by its names in a state dictionary, and its options.

    Raises
    ------
    TypeError, ValueError
        For other objects, and functions that are not known here.
    """
    options = ("act_fun", "symbolic_fun", "width", "mult_arity", "symbolic_enabled", "input_id")
    nodes = ("node_scale", "node_bias", "subnode_scale", "subnode_bias")
    missing = [name for name in (*options, *nodes) if not hasattr(model, name)]
    if missing:
        hint = " (it has layers: see from_efficient_kan)" if hasattr(model, "layers") else ""
        raise TypeError(
            f"model must be a KAN of pykan 0.2 or a state dictionary, got {shown(model)} without "
            f"{', '.join(missing[:4])}{hint}"
        )
    state: dict[str, Any] = {}
    try:
        depth = len(model.act_fun)
        for number in range(depth):
            numerical, symbolic = model.act_fun[number], model.symbolic_fun[number]
            for name in ("grid", "coef", "mask", "scale_base", "scale_sp"):
                state[f"act_fun.{number}.{name}"] = getattr(numerical, name)
            for name in ("mask", "affine"):
                state[f"symbolic_fun.{number}.{name}"] = getattr(symbolic, name)
            for name in nodes:
                state[f"{name}_{number}"] = getattr(model, name)[number]
    except (AttributeError, IndexError, TypeError) as error:
        raise TypeError(f"model must be a KAN of pykan 0.2: {error}") from None
    _check_width("model.width", model.width, depth)
    checked: dict[int, str] = {}

    def base(number: int, matters: bool) -> str:
        layer = model.act_fun[number]
        called = getattr(model, "base_fun_name", None)
        called = called if getattr(model, "base_fun", None) is layer.base_fun else None
        if not matters:
            return "zero"
        what = f"model: the base function of layer {number}"
        return identified(what, layer.base_fun, called, layer.grid)

    def function(number: int, p: int, q: int) -> str:
        layer = model.symbolic_fun[number]
        given = layer.funs[q][p]
        if id(given) not in checked:
            what = f"model: the function of the symbolic edge from input {p} to node {q} of layer {number}"
            checked[id(given)] = identified(what, given, layer.funs_name[q][p], layer.affine)
        return checked[id(given)]

    def arities(number: int) -> tuple[int, ...] | None:
        return _arities("model.width", model.width, model.mult_arity, number + 1, depth, state)

    enabled = boolean("model.symbolic_enabled", model.symbolic_enabled)
    return state, Options(depth, base, function, arities, enabled, model.input_id)


def _check_width(what: str, width: Any, depth: int) -> None:
    if len(sequence(what, width)) != depth + 1:
        raise ValueError(f"{what} must hold {depth + 1} widths for {depth} layers, got {shown(width)}")


def _arities(
    what: str, width: Any, arity: Any, at: int, depth: int, state: Mapping[str, Any]
) -> tuple[int, ...]:
    """The numbers of factors of the nodes after layer `at` - 1 that multiply."""
    n_nodes, n_sub = (len(state[f"{name}_scale_{at - 1}"]) for name in ("node", "subnode"))
    if arity is not None and not isinstance(arity, (list, tuple)):
        factors = integer("mult_arity", arity, low=2)
        if width is None:
            return (factors,) * ((n_sub - n_nodes) // (factors - 1))
        return (factors,) * _multiplying(what, width, at)
    if arity is not None:
        lists = sequence("mult_arity", arity)
        own = sequence(f"mult_arity[{at}]", lists[at], empty=True) if at < len(lists) else ()
        return tuple(integer(f"mult_arity[{at}][{i}]", each, low=2) for i, each in enumerate(own))
    count = _multiplying(what, width, at)
    if count > 1:
        raise ValueError(f"config must hold 'mult_arity': {count} nodes of layer {at - 1} multiply")
    return (1 + n_sub - n_nodes,) * count


def _multiplying(what: str, width: Any, at: int) -> int:
    """The number of nodes that multiply."""
    own = width[at]
    if isinstance(own, (list, tuple)):
        if len(own) != 2:
            raise ValueError(f"{what}[{at}] must be a width or a pair of sums and products, got {shown(own)}")
        return integer(f"{what}[{at}][1]", own[1], low=0)
    integer(f"{what}[{at}]", own, low=1)
    return 0
