"""Large networks: an equal weight for all penalties, lowered as long as the held-out loss falls.

The restricted likelihood needs a dense matrix of all parameters. With too many parameters or samples for
that, networks are trained by L-BFGS with products only, in modal coordinates, for a decreasing sequence of
weights; the held-out loss chooses the weight and the architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from splinekan.fitting.evidence import State, begin
from splinekan.fitting.modal_problem import ModalProblem
from splinekan.fitting.search import Candidate, Found, Search
from splinekan.fitting.training import Architecture, Samples, start
from splinekan.model.record import Choice
from splinekan.optimize import LBFGS

WEIGHTS = tuple(float(weight) for weight in 30 * 10.0 ** (-np.arange(13) / 2))
"""The weights; relative to phi if the variance of the noise is estimated."""
ALONE = 1.0
"""The weight if no samples are held out."""
STEPS = 60
"""Iterations for every weight."""
PATIENCE = 2
"""Number of weights without a lower held-out loss after which a path ends."""
MORE = 200
"""Iterations with all samples at the end."""


def follow(search: Search, architectures: Sequence[Architecture]) -> Found:
    """The candidate with the least held-out loss on the paths of all architectures."""
    ends = [_path(search, each, number) for number, each in enumerate(architectures)]
    chosen = min(ends, key=lambda each: each.held_out if search.held is not None else each.loss)
    weight = f"{chosen.state.weights[0]:.3g}"
    if search.weight is not None:
        reason = "as given"
    elif search.held is None:
        reason = "no samples were held out to choose it"
    else:
        reason = (
            f"least held-out loss ({chosen.held_out:.3g}) of {len(WEIGHTS)} weights from {WEIGHTS[0]:g} down"
        )
    choices = (
        Choice("network", str(chosen.architecture), f"least held-out loss among {len(ends)} networks"),
        Choice("smoothing", weight, reason),
    )
    return Found(chosen, choices)


def trained(state: State, samples: Samples, iterations: int) -> State:
    """The state after L-BFGS with its weights."""
    coordinates = state.coordinates
    problem = ModalProblem(samples.objective(state.network), coordinates.T, state.diagonal)
    result = LBFGS().minimize(problem, coordinates.inverse @ state.theta, iterations=iterations)
    theta = np.asarray(coordinates.T @ result.theta)
    return replace(state, theta=theta, histories=(*state.histories, result.history))


def _path(search: Search, architecture: Architecture, number: int) -> Candidate:
    began, train = perf_counter(), search.train
    network = architecture.network(search.degree, search.intervals)
    rng = np.random.default_rng([search.seed, 3, number])
    state = begin(*start(network, search.middle, rng))
    best: Candidate | None = None
    since = 0
    weights: tuple[float, ...] = WEIGHTS if search.held is not None else (ALONE,)
    if search.weight is not None:
        weights = (search.weight,)
    for weight in weights:
        state = replace(state, weights=np.full_like(state.weights, weight))
        state = trained(state, train, STEPS if len(weights) > 1 else MORE)
        found = Candidate.of(architecture, state, 0, train, search.held, began)
        held = found.held_out
        search.report(found)
        if best is None or search.held is None or held < best.held_out:
            best, since = found, 0
        else:
            since += 1
            if since == PATIENCE:
                break
    assert best is not None
    return best
