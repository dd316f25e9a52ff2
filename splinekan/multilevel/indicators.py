"""Indicators: scores of intervals that estimate how much finer knots would reduce the loss.

All indicators have the signature `indicator(model, objective)`, where `objective` makes the problem of a
network, and return, for every key (layer, input), a score per interval, in the units of the loss. Layers of
splines or formulas are counted from 0, as in `Model.refine`, which accepts the intervals that the markings of
`splinekan.multilevel.marking` select.

Notation: x_i is the value of an input of a layer for sample i, I an interval of its knots, of width h; values
outside the domain belong to the end intervals, whose polynomials are continued. phi_q are the splines of the
input, y_o the outputs of the network, w_i the weight of the sample, so that the loss is 1/2 sum_i w_i |r_i|^2
for squared errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array, Float64Array, function, instance, shown
from splinekan.model import Model
from splinekan.model.refinement import Key, Site, edge_jumps, sites
from splinekan.network import KAN, TensorSplineLayer
from splinekan.network.linearization import Linearization
from splinekan.objectives import DataLoss
from splinekan.optimize import Problem
from splinekan.splines.gram import gram_factor
from splinekan.splines.knot_vector import KnotVector

Objective = Callable[[KAN], Problem]
Scores = dict[Key, Float64Array]
Indicator = Callable[[Model, Objective], Scores]


def residual_indicator(model: Model, objective: Objective) -> Scores:
    """1/2 sum of w_i |r_i|^2 over the samples with x_i in I: the part of the loss that passes through I.

    The scores of an input sum to the loss without smoothing. The indicator is cheap, but ignores whether
    finer knots of this input could lower the residual at all.

    Parameters
    ----------
    model
        The model.
    objective
        A function from a network to its problem on the data: a `DataLoss` or `LeastSquares`, or a `PINN`. For
        a point of a condition with two sides the residual is counted on both.

    Returns
    -------
    dict
        A vector (intervals,) for every key (layer, input).

    Raises
    ------
    TypeError, ValueError
        For problems of another type or of another network, and for models without splines.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> model = sk.Model(sk.KAN.splines([1, 1], intervals=2), np.zeros(5))
    >>> scores = residual_indicator(model, lambda network: sk.LeastSquares(network, x, x[:, 0] > 0.5))
    >>> scores[0, 0]
    array([ 0., 50.])
    """
    plain = checked(model, objective, tensors=True)
    scores = {key: np.zeros(knots_of(site).intervals) for key, site in plain.sites.items()}
    for samples in plain.samples():
        for key, site in plain.sites.items():
            np.add.at(scores[key], samples.intervals(site), samples.squares / 2)
    return scores


def jump_indicator(model: Model, objective: Objective) -> Scores:
    """1/2 sum_i w_i sum_q |dy/dphi_q|_i^2 d_q^2 over the samples with x_i in I, d_q^2 a mean over I's ends.

    d_q = h^k [phi_q^(k)], the jump of the highest derivative at a knot: for a smooth function it is about
    h^(k+1) phi^(k+1), to which the error of the best spline is proportional. The slopes of the outputs relate
    it to the loss. The indicator does not use the residual, and is large wherever a function is rough.

    Parameters, errors and result are those of `residual_indicator`.
    """
    plain = checked(model, objective)
    return plain.carried(lambda site: edge_jumps(site, site.coefficients(plain.theta)))


def curvature_indicator(model: Model, objective: Objective) -> Scores:
    """1/2 sum_i w_i sum_q |dy/dphi_q|_i^2 h^3 int_I (phi_q'')^2 dx over the samples with x_i in I.

    The integral is exact (Gauss quadrature). h^2 phi'' is proportional to the error of piecewise linear
    interpolation: the indicator follows the shape of the functions and, unlike the others, does not tend to 0
    faster for a higher degree. Splines of degree 1 are measured by h int (phi')^2.

    Parameters, errors and result are those of `residual_indicator`; degree 0 is refused.
    """
    plain = checked(model, objective)
    if any(site.layer.degree == 0 for site in plain.sites.values()):
        raise ValueError("model must have splines of degree at least 1 for curvature, got degree 0")

    def bending(site: Site) -> Float64Array:
        knots, order = knots_of(site), min(2, site.layer.degree)
        values = gram_factor(knots, None, order) @ site.coefficients(plain.theta)
        squares = (np.asarray(values) ** 2).reshape(knots.intervals, -1, site.layer.n_out).sum(axis=1)
        widths = np.diff(knots.breakpoints)
        return np.asarray(squares * widths[:, None] ** (2 * order - 1))

    return plain.carried(bending)


class Samples(NamedTuple):
    """A chunk of samples: the inputs of each layer, squared residuals, and slopes of the outputs.

    Attributes
    ----------
    network
        The network in the spline basis.
    at
        The network evaluated at the samples.
    squares
        w_i |r_i|^2, (n,).
    weights
        w_i, (n,).
    """

    network: KAN
    at: Linearization
    squares: Float64Array
    weights: Float64Array

    def intervals(self, site: Site) -> NDArray[np.int64]:
        """The interval that contains the input of every sample."""
        knots = knots_of(site)
        x: Array = self.at.inputs[site.number][:, site.input].astype(np.float64)
        if knots.periodic:
            x = knots.wrap(x)
        found = np.searchsorted(knots.breakpoints, x, side="right") - 1
        return np.clip(found, 0, knots.intervals - 1).astype(np.int64)

    def slopes(self) -> list[Float64Array]:
        """For every layer sum_o (dy_o/d its output q)^2, (n, n_out of the layer)."""
        layers = list(self.network._pieces(self.at.splines[1]))
        squares = [np.zeros((len(self.weights), layer.n_out)) for layer, _ in layers]
        for output in range(self.network.n_out):
            g = np.zeros_like(self.at.output)
            g[:, output] = 1.0
            for number in range(len(layers) - 1, -1, -1):
                squares[number] += g.astype(np.float64) ** 2
                if number:
                    layer, piece = layers[number]
                    g = layer.vjp(piece, self.at.inputs[number], g, True)[1]
        return squares


class Plain(NamedTuple):
    """A model in the spline basis, with its problem."""

    network: KAN
    theta: Float64Array
    problem: Any
    sites: dict[Key, Site]

    def samples(self) -> Iterator[Samples]:
        """The samples in chunks."""
        problem = self.problem
        for chunk in problem._chunks("value"):
            part = problem._part(self.theta, chunk)
            if isinstance(problem, DataLoss):
                n = len(part.y)
                squares = (part.residual.reshape(n, -1) ** 2).sum(axis=1)
                weights = np.broadcast_to(np.asarray(part.root, np.float64).reshape(-1) ** 2, n)
                yield Samples(self.network, part.at, squares, weights)
                continue
            number, start, stop = chunk
            weights = np.asarray(problem.blocks[number].weight)[start:stop]
            for side in problem._seeds[number]:
                at = self.network.linearize(self.theta, side[start:stop, 0])
                yield Samples(self.network, at, part.residual**2, weights)

    def counts(self) -> dict[Key, NDArray[np.int64]]:
        """The number of samples in every interval."""
        found = {key: np.zeros(knots_of(site).intervals, np.int64) for key, site in self.sites.items()}
        for samples in self.samples():
            for key, site in self.sites.items():
                found[key] += np.bincount(samples.intervals(site), minlength=len(found[key]))
        return found

    def carried(self, local: Callable[[Site], Float64Array]) -> Scores:
        """1/2 sum_i w_i sum_q |dy/dphi_q|_i^2 local_q over the samples of every interval."""
        errors = {key: local(site) for key, site in self.sites.items()}
        scores = {key: np.zeros(len(own)) for key, own in errors.items()}
        for samples in self.samples():
            slopes = samples.slopes()
            for key, site in self.sites.items():
                where = samples.intervals(site)
                parts = (slopes[site.number] * errors[key][where]).sum(axis=1)
                np.add.at(scores[key], where, samples.weights * parts / 2)
        return scores


def knots_of(site: Site) -> KnotVector:
    """The knots of an input."""
    return site.layer.knots[site.input]


def checked(model: Model, objective: Objective, tensors: bool = False) -> Plain:
    """The model in the spline basis and its problem.

    Raises
    ------
    TypeError, ValueError
        For problems other than `DataLoss` and `PINN`, problems of another network, and models without
        splines; unless `tensors` are allowed, for tensor-product layers.
    """
    instance("model", model, Model)
    network, theta = model.network.with_basis("spline"), model.network.to_basis(model.theta, "spline")
    found = sites(network)
    if not found:
        raise ValueError("model must have spline layers, got a network without any")
    for site in found.values():
        if isinstance(site.layer, TensorSplineLayer) and not tensors:
            raise ValueError(
                f"this indicator is that of splines of single variables, got {shown(site.layer)}: use "
                "residual_indicator, or Model.refine without an indicator"
            )
    problem: Any = function("objective", objective)(network)
    if not isinstance(problem, DataLoss) and not (hasattr(problem, "blocks") and hasattr(problem, "_seeds")):
        raise TypeError(f"objective(network) must be a DataLoss or a PINN, got {shown(problem)}")
    if problem.network.layers != network.layers and problem.network is not network:
        raise ValueError("objective(network) must be a problem of the network that it is given")
    return Plain(problem.network, theta, problem, found)
