"""Targets of losses with a link: labels as the numbers that a loss takes, and predictions as expectations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from splinekan import Model
from splinekan._checks import Array, Float64Array, affordable, shown
from splinekan.fitting.named_losses import LOSSES
from splinekan.model.record import LIKELIHOODS, Choice
from splinekan.tables.numbers import floats

LABELLED = ("logistic", "softmax")
"""Losses whose target may be a column of labels."""
MOST = 1000
"""Most distinct labels; a column with more does not hold labels."""
CLASSES = "classes"
"""Name of the choice in a fit's record that holds the labels, as JSON."""


class Targets(NamedTuple):
    """The targets of a loss.

    Attributes
    ----------
    y
        Targets, (n, outputs).
    names
        Names of the outputs.
    classes
        Labels, sorted: for "softmax" those of the outputs, for "logistic" those of 0 and 1; empty for
        probabilities.
    """

    y: Float64Array
    names: tuple[str, ...]
    classes: tuple[str, ...] = ()


def encoded(loss: str, name: str, labels: Sequence[str]) -> Targets:
    """A column of labels as targets of "softmax", rows of 0 and 1, or "logistic", 0 and 1.

    Labels are sorted, as numbers if all are numbers. Outputs are named after them: "spam", or "digit=3" for
    numbers. For "logistic" the output is the second label; a column of numbers in [0, 1] is used unchanged
    and keeps its name.

    Raises
    ------
    ValueError
        For a single label, more than two for "logistic", or more than 1000.
    """
    distinct = list(dict.fromkeys(labels))
    values = floats(distinct)
    if loss == "logistic" and values is not None and (values >= 0).all() and (values <= 1).all():
        given = dict(zip(distinct, values.tolist(), strict=True))
        sharp = set(values.tolist()) == {0.0, 1.0}
        return Targets(np.array([[given[label]] for label in labels]), (name,), ("0", "1") if sharp else ())
    if values is None:
        key = {label: label for label in distinct}
        names = classes = tuple(sorted(distinct))
    else:  # 1 and 1.0 are the same
        key = {label: f"{value:.17g}" for label, value in zip(distinct, values.tolist(), strict=True)}
        classes = tuple(f"{value:.17g}" for value in np.unique(values).tolist())
        names = tuple(f"{name}={label}" for label in classes)
    if len(classes) == 1:
        raise ValueError(
            f"the target {name!r} has a single label, {shown(classes[0])}: there is nothing to learn"
        )
    if loss == "logistic" and len(classes) > 2:
        raise ValueError(
            f"the target {name!r} has {len(classes)} labels, {shown(list(classes))}, and --loss logistic "
            "takes two: use --loss softmax"
        )
    if len(classes) > MOST:
        raise ValueError(
            f"the target {name!r} has {len(classes)} different values, and at most {MOST} labels are accepted"
        )
    position = {label: k for k, label in enumerate(classes)}
    codes = np.array([position[key[label]] for label in labels])
    if loss == "logistic":
        return Targets(codes[:, None].astype(np.float64), names[1:], classes)
    affordable("the targets", 8.0 * len(codes) * len(classes))
    y = np.zeros((len(codes), len(classes)))
    y[np.arange(len(codes)), codes] = 1
    return Targets(y, names, classes)


def remembered(model: Model, target: str, classes: Sequence[str]) -> Model:
    """The model with the labels in its record."""
    if model.record is None or not classes:
        return model
    choice = Choice(CLASSES, json.dumps(list(classes)), f"the labels in {target}, sorted")
    return replace(model, record=replace(model.record, choices=(*model.record.choices, choice)))


def classes_of(model: Model) -> tuple[str, ...]:
    """The labels of a model, as in `Targets`; the names of its outputs for "softmax" without stored labels.

    Raises
    ------
    ValueError
        If it has no labels.
    """
    loss = "" if model.record is None else model.record.loss
    count = {"softmax": model.n_out, "logistic": 2 if model.n_out == 1 else 0}.get(loss, 0)
    for choice in () if model.record is None else model.record.choices:
        if choice.quantity == CLASSES:
            found = _read(choice.value)
            if len(found) == count > 0:
                return found
    if loss == "softmax" and model.output_names is not None:
        return model.output_names
    raise ValueError("--labels needs a model that was fitted to labels, with --loss logistic or softmax")


def _read(text: str) -> tuple[str, ...]:
    """Labels from JSON; empty for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    good = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return tuple(found) if good else ()


def labelled(expected: Array, classes: Sequence[str]) -> list[str]:
    """The most probable labels, (n,), from the result of `mean`."""
    best = expected.argmax(axis=1) if expected.shape[1] > 1 else (expected[:, 0] > 0.5).astype(int)
    return [classes[k] for k in best.tolist()]


def mean(model: Model, g: Array) -> Array:
    """Expectations of the targets from the outputs g: probabilities, counts, or g itself."""
    loss = "" if model.record is None else model.record.loss
    return np.asarray(LOSSES[loss].mean(g)) if loss in LIKELIHOODS else g
