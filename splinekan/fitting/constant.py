"""Constant inputs: their edges become constants, whatever values training gave them elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from splinekan._checks import Float64Array
from splinekan.fitting.evidence import State
from splinekan.network import Affine


def flattened(state: State, x: Float64Array) -> tuple[State, tuple[int, ...]]:
    """The state without an effect of the inputs that are constant in x, (n, n_in), and their numbers.

    The function is the same at the samples: the value of an edge there goes to the mean of that edge, or to
    the bias of an affine map.
    """
    idle = tuple(int(p) for p in np.flatnonzero((x == x[0]).all(axis=0)))
    if not idle:
        return state, ()
    network, theta = state.network, state.theta.copy()
    first, at = network.layers[0], slice(network.offsets[0], network.offsets[1])
    zero = np.zeros((1, first.n_in))
    zero[0] = x[0]
    if isinstance(first, Affine):
        views = first.unpack(theta[at])
        for p in idle:
            views["bias"][:] += x[0, p] * views["weight"][p]
            views["weight"][p] = 0.0
    else:
        coefficients = first.unpack(theta[at])["coefficients"]
        for p in idle:
            alone = np.zeros_like(coefficients)
            alone[p] = coefficients[p]
            coefficients[p] = first.value(alone.ravel(), zero)  # B-splines sum to 1
    return replace(state, theta=theta), idle
