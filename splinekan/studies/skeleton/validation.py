"""Validation of checkpoints: every entry is checked against the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, instance, integer, real, same_length, shown, vector
from splinekan.optimize import History
from splinekan.studies.skeleton.runs import Run, Stage


def parsed(content: bytes) -> dict[str, Any]:
    """A JSON object without repeated names and without NaN and infinities."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            raise ValueError("a name occurs twice in an object")
        return entries

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not a number")

    record = json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    return instance("the file's content", record, dict)


def refuse_other_fields(what: str, record: dict[str, Any], names: Iterable[str]) -> None:
    """Raise ValueError unless the record has exactly these entries."""
    wanted = set(names)
    if set(record) != wanted:
        missing, extra = sorted(wanted - set(record)), sorted(set(record) - wanted)
        raise ValueError(f"{what} must have the entries {sorted(wanted)}: {missing} missing, {extra} unknown")


def validated(records: Any, run: Run) -> list[Stage]:
    """The stages of a run, in order, with networks and numbers that the run could have left."""
    instance("stages", records, list)
    if not 1 <= len(records) <= run.stages:
        raise ValueError(f"stages must number between 1 and {run.stages}, got {len(records)}")
    done: list[Stage] = []
    for index, record in enumerate(records):
        name = f"stages[{index}]"
        refuse_other_fields(name, instance(name, record, dict), (each.name for each in fields(Stage)))
        stage = _stage(name, record, run, run.levels[index])
        if done and not (stage.work >= done[-1].work and stage.seconds >= done[-1].seconds):
            raise ValueError(f"{name}: work and seconds must not be less than on the level before")
        done.append(stage)
    return done


def _stage(name: str, record: dict[str, Any], run: Run, level: int) -> Stage:
    network = run.hierarchy[level].network
    expected: dict[str, Any] = {
        "level": level,
        "intervals": network.intervals,
        "parameters": network.n_parameters,
    }
    for key, value in expected.items():
        if integer(f"{name}.{key}", record[key]) != value:
            raise ValueError(f"{name}.{key} must be {value}, got {shown(record[key])}")
    numbers: dict[str, Any] = {
        key: real(f"{name}.{key}", record[key], low=0.0)
        for key in ("loss", "fresh_loss", "error", "work", "seconds")
    }
    history = instance(f"{name}.history", record["history"], dict)
    names = [each.name for each in fields(History)]
    refuse_other_fields(f"{name}.history", history, names)
    columns: dict[str, Any] = {key: _column(f"{name}.history.{key}", history[key]) for key in names}
    same_length(**columns)
    for key in ("evaluations", "work", "seconds"):
        if (np.diff(columns[key]) < 0).any():
            raise ValueError(f"{name}.history.{key} must not decrease")
    theta = _column(f"{name}.theta", record["theta"], network.n_parameters)
    return Stage(**expected, **numbers, theta=theta, history=History(**columns))


def _column(name: str, value: Any, length: int | None = None) -> Float64Array:
    """A list of finite numbers, not empty."""
    if any(type(each) not in (int, float) for each in instance(name, value, list)):
        raise TypeError(f"{name} must be a list of numbers")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return vector(name, value, length)
