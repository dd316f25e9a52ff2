"""Several outputs with different noise: their losses are balanced before the last training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from splinekan._checks import Float64Array
from splinekan.fitting.evidence import FLOOR, State
from splinekan.fitting.training import Samples

UNLIKE = 2.0
"""Deviations of the noise of two outputs that differ by less than this factor count as equal."""


def noise_of(state: State, samples: Samples) -> Float64Array:
    """The deviation of the residuals of every output over their root mean square, (n_out,)."""
    residual = state.network(state.theta, samples.x) - samples.y
    squares = np.maximum(np.average(residual**2, axis=0, weights=samples.weights), FLOOR)
    return np.asarray(np.sqrt(squares / squares.mean()))


def balanced(
    state: State, samples: Samples, train: Callable[[State, Samples], State]
) -> tuple[State, Float64Array]:
    """The state trained with outputs in units of their noise, and these units.

    The restricted likelihood has a single variance. With targets y/s, s the deviation of the noise of every
    output, all outputs share it; a noisy output would otherwise flatten the others.
    """
    s = noise_of(state, samples)
    if not samples.loss.squared or s.max() < UNLIKE * s.min():
        return train(state, samples), np.ones(len(s))
    found = train(_in_units(state, s), replace(samples, y=samples.y / s))
    return _in_units(found, 1 / s), s


def _in_units(state: State, s: Float64Array) -> State:
    """The network with outputs over s: coefficients of the last layer, and the weights of their modes."""
    network, theta = state.network, state.theta.copy()
    at = slice(network.offsets[-2], network.offsets[-1])
    theta[at] = (theta[at].reshape(-1, len(s)) / s).ravel()
    weights = state.weights.copy()
    for number, group in enumerate(state.coordinates.groups):
        if group.layer == len(network.layers) - 1 and group.output is not None:
            weights[number] *= s[group.output] ** 2
    return replace(state, theta=theta, weights=weights)
