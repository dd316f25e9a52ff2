"""Contributions of inputs, nodes and edges to the variance of the outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, one_of
from splinekan.explain.chain import Chain, explained, node_names, samples_of, shares
from splinekan.explain.text import aligned, columns, percent
from splinekan.network.layer import Layer

METHODS = ("exact", "first-order")
WORK = 2e8
"""Most evaluations of an edge at a sample for which the exact shares are the default."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Shares of the variance of the outputs that pass through inputs, nodes and edges.

    `print` shows a table; `pandas.DataFrame(attribution.to_dict())` makes a data frame.

    Attributes
    ----------
    inputs
        The share of every input in the variance of every output, (n_in, n_out).
    nodes
        For every hidden layer the shares of its nodes, (width, n_out).
    edges
        For every layer that is not elementwise the shares of its edges, (n_in, n_out of the layer, n_out).
    layers
        The numbers of these layers in `model.network.layers`.
    variance
        Variances of the outputs over the samples, (n_out,), in their units squared. Shares of an output
        without variance are NaN.
    method
        "exact" or "first-order".
    names
        Names of the inputs of every layer of `layers`, and of the outputs.
    """

    inputs: Float64Array
    nodes: tuple[Float64Array, ...]
    edges: tuple[Float64Array, ...] = field(repr=False)
    layers: tuple[int, ...]
    variance: Float64Array
    method: str
    names: tuple[tuple[str, ...], ...] = field(repr=False)

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns "kind" ("input", "node", "edge"), "layer", "from", "to", "output" and "share".

        "layer" is the number in `model.network.layers` of the layer that the input or the node enters; "to"
        is None for inputs and nodes.
        """
        rows: list[tuple[Any, ...]] = []
        outputs = self.names[-1]
        for depth, (parts, number) in enumerate(zip((self.inputs, *self.nodes), self.layers, strict=True)):
            kind = "node" if depth else "input"
            for p, name in enumerate(self.names[depth]):
                rows += [(kind, number, name, None, o, parts[p, i]) for i, o in enumerate(outputs)]
        for depth, (edges, number) in enumerate(zip(self.edges, self.layers, strict=True)):
            for p, name in enumerate(self.names[depth]):
                for q, to in enumerate(self.names[depth + 1]):
                    rows += [("edge", number, name, to, o, edges[p, q, i]) for i, o in enumerate(outputs)]
        plain = [(*row[:-1], float(row[-1])) for row in rows]
        return columns(("kind", "layer", "from", "to", "output", "share"), plain)

    def __str__(self) -> str:
        """A table for inputs and nodes and a table for edges, the largest first, in percent."""
        outputs = self.names[-1]
        tops = [
            (name, row)
            for depth, parts in enumerate((self.inputs, *self.nodes))
            for name, row in zip(self.names[depth], parts, strict=True)
        ]
        links = [
            (name, to, self.edges[depth][p, q])
            for depth in range(len(self.edges))
            for p, name in enumerate(self.names[depth])
            for q, to in enumerate(self.names[depth + 1])
        ]
        links.sort(key=lambda row: -np.nan_to_num(row[2]).max())
        head = f"Shares of the variance in percent, {self.method}"
        first = aligned(("input, node", *outputs), [(a, *map(percent, row)) for a, row in tops], 1)
        second = aligned(("edge from", "to", *outputs), [(a, b, *map(percent, r)) for a, b, r in links], 2)
        cancel = any(np.nanmax(part, initial=0) > 1 for part in (self.inputs, *self.nodes, *self.edges))
        note = (
            "\n\nAbove 100: functions that cancel. Interactions count with each of their inputs."
            if cancel
            else ""
        )
        return f"{head}\n{first}\n\n{second}{note}"

    def plot(self) -> Any:
        """A figure with a bar for every input and node, for every output; see `splinekan.plots`."""
        from splinekan.plots import attribution_figure  # matplotlib takes long to import

        return attribution_figure(self)


def attribution(
    model: Any, X: Any, *, sample_weight: ArrayLike | None = None, method: str | None = None
) -> Attribution:
    """Shares of the variance of every output that pass through each input, node and edge.

    A share is E[(f - f_without)^2]/Var f over the samples, where f_without is the model in which the function
    of the edge is replaced by its mean over the samples; without an input or a node all edges that leave it
    are replaced by their means. For a sum of functions, f = sum_p phi_p(x_p), the share of an input is
    Var phi_p/Var f; if the inputs are independent, these shares add up to 1. In deeper networks they need
    not: a contribution is counted with every edge of its path, and an interaction with each of its inputs.
    Shares above 1 indicate functions that cancel. Shares of an output that does not vary are NaN.

    The first-order variant approximates f - f_without by (df/dh_q)(phi_pq - mean), h_q the value of the node
    to which the edge leads: a reverse sweep for each output instead of an evaluation for each edge. It is
    exact in the last layer.

    Parameters
    ----------
    model
        A `Model` whose network takes x itself, without `features`.
    X
        At least 2 samples, (n, n_in), in the units of x: an array or a data frame.
    sample_weight
        Multiplicities, (n,), nonnegative; None for 1.
    method
        "exact" or "first-order"; None for "exact" unless the network is large (more than 2e8 evaluations of
        an edge at a sample).

    Returns
    -------
    Attribution
        The shares of inputs, nodes and edges.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds or shapes, models with features, and networks of elementwise layers only.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).uniform(-1, 1, (400, 3))
    >>> model = fit(x, 3 * x[:, 0] + x[:, 1] ** 2, hidden=())
    >>> attribution(model, x).inputs[:, 0].round(2)
    array([0.99, 0.03, 0.  ])
    """
    model = explained(model)
    x = samples_of(model, X)
    weights = shares(sample_weight, len(x))
    if method is not None:
        one_of("method", method, METHODS)
    chain = Chain.of(model.network, model.theta, x, weights)
    if method is None:
        method = METHODS[work(chain) > WORK]
    nodes, edges = contributions(chain, method == "exact")
    centred = chain.output - weights @ chain.output
    variance = weights @ centred**2
    spread = np.where(variance > constant(chain.output), variance, np.nan)
    return Attribution(
        nodes[0] / spread,
        tuple(each / spread for each in nodes[1:]),
        tuple(each / spread for each in edges),
        chain.mixing,
        np.where(np.isnan(spread), 0.0, variance),
        method,
        node_names(model, chain.mixing),
    )


def constant(output: Float64Array) -> Float64Array:
    """Variances that are rounding, (n_out,)."""
    eps = float(np.finfo(np.float64).eps)
    return np.asarray((64 * eps * np.abs(output).max(axis=0)) ** 2)


def work(chain: Chain) -> float:
    """Number of evaluations of an edge at a sample for the exact contributions."""
    sizes = [_size(layer) for layer in chain.network.layers]
    return float(len(chain.output)) * sum(
        (sizes[number] + chain.network.layers[number].n_in) * (1 + sum(sizes[number + 1 :]))
        for number in chain.mixing
    )


def _size(layer: Layer) -> int:
    return layer.n_in * layer.n_out if layer.n_parameters else layer.n_in


def contributions(chain: Chain, exact: bool) -> tuple[list[Float64Array], list[Float64Array]]:
    """E[(f - f_without)^2] for nodes and edges, layer by layer: (n_in, n_out) and (n_in, width, n_out)."""
    nodes, edges = [], []
    slopes = [] if exact else [chain.slopes(o) for o in range(chain.output.shape[1])]
    for number in chain.mixing:
        values, layer = chain.values(number), chain.network.layers[number]
        of_nodes = np.empty((layer.n_in, chain.output.shape[1]))
        of_edges = np.empty((layer.n_in, layer.n_out, chain.output.shape[1]))
        for p, own in enumerate(chain.edges(number)):
            if exact:
                of_nodes[p] = _squares(chain, number, values - own)
                for q in range(layer.n_out):
                    without = values.copy()
                    without[:, q] -= own[:, q]
                    of_edges[p, q] = _squares(chain, number, without)
                continue
            for o, each in enumerate(slopes):
                moved = each[number] * own
                of_edges[p, :, o] = chain.weights @ moved**2
                of_nodes[p, o] = chain.weights @ moved.sum(axis=1) ** 2
        nodes.append(of_nodes)
        edges.append(of_edges)
    return nodes, edges


def _squares(chain: Chain, number: int, values: Float64Array) -> Float64Array:
    return np.asarray(chain.weights @ (chain.output - chain.after(number, values)) ** 2)
