"""The choices of a fit, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splinekan._checks import Float64Array
from splinekan._columns import numbered
from splinekan.fitting.evidence import State
from splinekan.fitting.options import Options
from splinekan.fitting.scaling import Scaling
from splinekan.fitting.training import Samples
from splinekan.model.record import Choice

IDLE = 1e-3
"""Modes below this share of the largest count as zero."""


def described(scaling: Scaling, kind: str) -> tuple[Choice, ...]:
    """The loss and the units of the targets."""
    units = ", ".join(
        f"({c:.4g}, {d:.4g})" for c, d in zip(scaling.centre[:3], scaling.deviation[:3], strict=True)
    )
    more = ", ..." if len(scaling.centre) > 3 else ""
    found = [Choice("loss", kind, "as given")]
    if scaling.outputs is not None:
        found.append(Choice("scale of y", units + more, "centre and deviation of the samples"))
    return tuple(found)


def smoothing_of(
    state: State, samples: Samples, scaling: Scaling, unlike: Float64Array, options: Options
) -> tuple[Choice, ...]:
    """The weights of the penalties, and what they leave of the parameters."""
    if options.smoothing is not None:
        return (Choice("smoothing", f"{options.smoothing:g}", "as given"),)
    if not state.assessed:
        return ()
    parameters = state.network.n_parameters
    found = [
        Choice(
            "smoothing",
            f"{state.effective:.0f} of {parameters} parameters are effective",
            f"restricted likelihood, a weight for each of {len(state.weights)} groups",
        )
    ]
    if noise := noise_of(state, samples, scaling, unlike):
        text = ", ".join(f"{each:.3g}" for each in noise[:3]) + (", ..." if len(noise) > 3 else "")
        found.append(Choice("noise", f"deviation {text} in y", "estimated from the residuals"))
    return tuple(found)


def noise_of(state: State, samples: Samples, scaling: Scaling, unlike: Float64Array) -> tuple[float, ...]:
    """The deviation of the noise of every output in its units; () where it was not estimated."""
    if not (samples.loss.squared and state.assessed):
        return ()
    return tuple(float(each) for each in np.sqrt(state.phi) * unlike * scaling.deviation)


def penalties_of(state: State) -> tuple[float, ...]:
    """The weights of the penalties, a single weight if they are all equal."""
    weights = state.weights.tolist()
    return tuple(weights[:1] if len(set(weights)) == 1 else weights)


def without_effect(state: State, constant: Sequence[int], names: Sequence[str] | None) -> tuple[Choice, ...]:
    """The constant inputs, and inputs whose modes in the first layer are all negligible."""
    labels = numbered("x", state.network.n_in) if names is None else names
    found = []
    if constant:
        found.append(Choice("constant inputs", _listed(labels, constant), "they are without effect"))
    if state.assessed:  # the penalties have weights of their own
        coordinates, z = state.coordinates, np.abs(state.coordinates.inverse @ state.theta)
        largest = np.zeros(len(labels))
        for number, group in enumerate(coordinates.groups):
            if group.layer == 0:
                size = z[coordinates.group == number].max(initial=0.0)
                largest[group.input] = max(largest[group.input], size)
        idle = [int(p) for p in np.flatnonzero(largest <= IDLE * largest.max()) if p not in constant]
        if idle:
            reason = "their penalties grew without bound"
            found.append(Choice("inputs without effect", _listed(labels, idle), reason))
    return tuple(found)


def _listed(labels: Sequence[str], chosen: Sequence[int]) -> str:
    return ", ".join(labels[p] for p in chosen[:8]) + (", ..." if len(chosen) > 8 else "")
