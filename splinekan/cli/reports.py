"""Errors of a model, and the record of its fit, as text and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from splinekan import Model, threads
from splinekan._checks import Array
from splinekan._columns import numbered
from splinekan.cli.classes import LABELLED
from splinekan.cli.console import versions


def names_of(model: Model) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the inputs and outputs; x1, x2, ... and y1, y2, ... if a model has none."""
    inputs = numbered("x", model.n_in) if model.names is None else model.names
    outputs = numbered("y", model.n_out) if model.output_names is None else model.output_names
    return inputs, outputs


def errors(model: Model, expected: Array, y: Array, classes: Sequence[str]) -> dict[str, float]:
    """Errors on samples by description: root mean squares for each output, or the share of wrong labels."""
    loss = "" if model.record is None else model.record.loss
    if loss in LABELLED and classes:
        best = expected.argmax(axis=1) if y.shape[1] > 1 else expected[:, 0] > 0.5
        right = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
        return {"share of wrong labels": float(np.mean(best != right))}
    largest = np.abs(expected - y).max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)  # squares could overflow
    squares = scale * np.sqrt(np.mean(((expected - y) / scale) ** 2, axis=0))
    _, names = names_of(model)
    return {
        f"root mean square error of {name}": float(root) for name, root in zip(names, squares, strict=True)
    }


def losses(model: Model) -> dict[str, float]:
    """The known losses of the training and the held-out samples on the way to the model."""
    if model.record is None:
        return {}
    same = [
        trial
        for trial in model.record.trials
        if (trial.parameters, trial.intervals) == (model.n_parameters, model.network.intervals)
    ]
    if not same:
        return {}
    # The last training took the held-out samples too: their loss is that of the training before.
    apart = [trial.held_out for trial in same if np.isfinite(trial.held_out)]
    found = {"training": float(same[-1].loss)} | ({"held out": float(apart[-1])} if apart else {})
    return {name: value for name, value in found.items() if np.isfinite(value)}


def described(model: Model) -> dict[str, Any]:
    """A model and its record, for JSON."""
    inputs, outputs = names_of(model)
    record: dict[str, Any] = {
        "inputs": list(inputs),
        "outputs": list(outputs),
        "layers": [str(layer) for layer in model.network.layers],
        "parameters": model.n_parameters,
        "intervals": model.network.intervals,
    }
    if model.record is not None:
        record |= {
            "loss": model.record.loss,
            "samples": model.record.n_samples,
            "bounds": {name: list(ends) for name, ends in zip(inputs, model.record.bounds, strict=False)},
            "losses": losses(model),
            "choices": [choice._asdict() for choice in model.record.choices],
            "trials": [trial._asdict() for trial in model.record.trials],
        }
    return {**record, "versions": versions(), "threads": threads()}
