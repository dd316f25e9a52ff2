"""Models in files: `save` and `load`.

A file is an .npz file of float64, int64 and text arrays, which `numpy.load` reads too. "description" is JSON:
the class and the options of every layer, the names, the record of the fit. Long lists of numbers are arrays
of their own. Nothing in a file is run when it is loaded.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from dataclasses import fields
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan import _archive
from splinekan._checks import affordable, boolean, instance, integer, shown
from splinekan._files import KINDS, as_path, replacing
from splinekan.model import Model
from splinekan.model.record import Choice, FitRecord, Trial
from splinekan.network import (
    FUNCTIONS,
    KAN,
    Activation,
    Affine,
    FormulaLayer,
    Function,
    Normalizer,
    Product,
    SplineLayer,
    Sum,
    TensorSplineLayer,
    Term,
)
from splinekan.network.constants import Constants
from splinekan.optimize import History
from splinekan.splines.knot_vector import KnotVector

FORMAT = "splinekan model"
VERSION = 1
"""Version of the format. Files of a later version are refused."""
SIMPLE: dict[str, type] = {
    "Affine": Affine,
    "Activation": Activation,
    "Normalizer": Normalizer,
    "Product": Product,
    "Constants": Constants,
}
"""Layers that are described by their fields."""
HISTORY = "history_"
"""Prefix of the names of the columns of the history."""


def save(path: str | os.PathLike[str], model: Model, *, force: bool = False) -> None:
    """Write a model to a file, from which `load` restores it bit for bit.

    The file holds the network, theta, the names, the record of the fit with its history, and the features of
    a differential equation. Its format is that of `numpy.savez`: `numpy.load(path)["theta"]` are the
    parameters, and `numpy.load(path)["description"].item()` describes the network in JSON. Equal models give
    equal files. An existing file is replaced only when the new file is complete.

    Parameters
    ----------
    path
        The exact name of the file; .npz is customary. Missing folders are made.
    model
        A model of layers of this package.
    force
        Whether an existing file may be replaced.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, a path that is not a regular file, layers of other classes and features
        that cannot be described.
    FileExistsError
        If the file exists and `force` is false.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> network = KAN.splines([2, 1], intervals=4)
    >>> model = Model(network, initialize(network, 0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.npz", model)
    ...     again = load(f"{folder}/model.npz")
    >>> bool((again.theta == model.theta).all())
    True
    """
    target, model = as_path("path", path), instance("model", model, Model)
    force = boolean("force", force)
    data = _archive.packed(_arrays(model))
    if not force and os.path.exists(target):
        raise FileExistsError(f"{target} exists: give force=True to replace it, or another path")
    with replacing(target) as file:
        file.write(data)


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `save` wrote to a file.

    No code in the file is run: it holds arrays and JSON, no pickles.

    Parameters
    ----------
    path
        The name of the file.

    Returns
    -------
    Model
        The model, with the same parameters bit for bit.

    Raises
    ------
    TypeError, ValueError
        If `path` is not a path, or the file is not that of a model, is damaged, or of a later version.
    OSError
        If the file cannot be read: FileNotFoundError if it does not exist.

    Examples
    --------
    >>> import tempfile
    >>> network = KAN.splines([1, 1], intervals=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/model.npz", Model(network, initialize(network, 0)))
    ...     print(load(f"{folder}/model.npz").network)
    KAN with 5 parameters
      0        5  SplineLayer(1 -> 1, degree 3, 2 intervals on [0, 1], linear beyond, spline basis)
    """
    source = as_path("path", path)
    try:
        status = os.stat(source)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "path names a file that does not exist", str(source)) from None
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait
        what = KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise ValueError(f"path must name a regular file, and {source} is {what}")
    affordable(f"path: reading {source}", 4.0 * status.st_size)
    data = source.read_bytes()
    try:
        return _model(_archive.entries_of(data))
    except (KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"path: {source} does not describe a model ({type(error).__name__}: {error})"
        ) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"path: {source} cannot be loaded: {error}") from None


# Writing


def _arrays(model: Model) -> dict[str, NDArray[Any]]:
    vectors: dict[KnotVector, int] = {}
    layers = [_described(number, layer, vectors) for number, layer in enumerate(model.network.layers)]
    description = {
        "layers": layers,
        "knots": [{"degree": knots.degree, "periodic": knots.periodic} for knots in vectors],
        "names": model.names,
        "output_names": model.output_names,
        "features": None if model.features is None else _features(model.features),
        "record": None if model.record is None else _record(model.record),
    }
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "format_version": np.array(VERSION, np.int64),
        "library_version": np.array(import_module("splinekan").__version__),
        "description": np.array(json.dumps(_plain(description), allow_nan=False)),
        "theta": model.theta,
    }
    arrays |= {f"knots_{number}": knots.t for knots, number in vectors.items()}
    if model.record is not None and model.record.history is not None:
        history = model.record.history
        arrays |= {HISTORY + each.name: getattr(history, each.name) for each in fields(History)}
    return arrays


def _described(number: int, layer: Any, vectors: dict[KnotVector, int]) -> dict[str, Any]:
    name = type(layer).__name__
    if type(layer) is SplineLayer:
        knots = [vectors.setdefault(each, len(vectors)) for each in layer.knots]
        options = {key: getattr(layer, key) for key in ("n_in", "n_out", "extrapolate", "basis", "base")}
        return {"class": name, "knots": knots, **options}
    if type(layer) is TensorSplineLayer:
        knots = [vectors.setdefault(each, len(vectors)) for each in layer.knots]
        return {"class": name, "knots": knots, "n_out": layer.n_out, "extrapolate": layer.extrapolate}
    if type(layer) in SIMPLE.values():
        return {"class": name} | {each.name: getattr(layer, each.name) for each in fields(layer)}
    if type(layer) is FormulaLayer:
        options = {"n_in": layer.n_in, "n_out": layer.n_out, "bias": layer.bias}
        return {"class": name, "terms": [_term(term) for term in layer.terms], **options}
    if type(layer) is Sum:
        return {"class": name, "layers": [_described(number, each, vectors) for each in layer.layers]}
    raise TypeError(
        f"model.network.layers[{number}] is of the class {type(layer).__qualname__}, which cannot be saved: "
        "only SplineLayer, TensorSplineLayer, FormulaLayer, Sum, "
        f"{', '.join(SIMPLE)} can. Pickle the model, or save model.theta"
    )


def _term(term: Term) -> dict[str, Any]:
    """The functions by name, those of the user also by their text."""
    functions = [
        each.name
        if each.name in FUNCTIONS
        else {field.name: getattr(each, field.name) for field in fields(each)}
        for each in term.functions
    ]
    return {"input": term.input, "output": term.output, "functions": functions, "fixed": term.fixed}


def _features(features: Any) -> dict[str, Any]:
    from splinekan.equations import trees

    try:
        return trees.described(features)
    except (TypeError, ValueError) as error:
        raise type(error)(f"model.features cannot be saved: {error}. Pickle the model instead") from None


def _record(record: FitRecord) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(record) if each.name != "history"} | {
        "history": record.history is not None
    }


def _plain(value: Any) -> Any:
    """`value` in the types of JSON: infinities and NaN, which it lacks, as {"float": "nan"}."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    raise TypeError(f"model.record holds {shown(value)}, which cannot be saved")


# Reading


def _model(entries: dict[str, bytes]) -> Model:
    if "format" not in entries or _archive.text(entries, "format") != FORMAT:
        raise ValueError(f"it is not a file of a model: its array 'format' is not {FORMAT!r}")
    version = _archive.array(entries, "format_version")
    if version.shape != () or version.dtype != np.int64 or not 1 <= version <= VERSION:
        raise ValueError(
            f"it has version {version} of the format, and this splinekan reads {VERSION}; it was written by "
            f"splinekan {_archive.text(entries, 'library_version')}"
        )
    _archive.check(entries)
    tree = _numbers(json.loads(_archive.text(entries, "description")))
    vectors = [
        KnotVector(_archive.array(entries, f"knots_{number}"), each["degree"], each["periodic"])
        for number, each in enumerate(tree["knots"])
    ]
    network = KAN(tuple(_layer(dict(each), vectors) for each in tree["layers"]))
    theta = _archive.array(entries, "theta")
    known = {"format", "format_version", "library_version", "description", "theta", _archive.CHECKSUM}
    known |= {f"knots_{number}" for number in range(len(vectors))}
    record, features = None, None
    if tree["record"] is not None:
        columns: dict[str, Any] = {}
        if tree["record"]["history"]:
            columns = {each.name: _archive.array(entries, HISTORY + each.name) for each in fields(History)}
            known |= {HISTORY + name for name in columns}
        record = _read_record(tree["record"], History(**columns) if columns else None)
    if tree["features"] is not None:
        from splinekan.equations import trees

        features = trees.rebuilt(tree["features"])
    if set(entries) - known:
        raise ValueError(f"it holds the array {min(set(entries) - known)!r}, which is not that of a model")
    names = [None if tree[key] is None else tuple(tree[key]) for key in ("names", "output_names")]
    return Model(network, theta, features, names[0], names[1], record)


def _layer(options: dict[str, Any], vectors: list[KnotVector]) -> Any:
    kind = options.pop("class")
    if kind in ("SplineLayer", "TensorSplineLayer"):
        knots = [vectors[integer("knots", number, low=0)] for number in options.pop("knots")]
        return (SplineLayer if kind == "SplineLayer" else TensorSplineLayer)(knots=knots, **options)
    if kind == "Sum":
        return Sum(tuple(_layer(dict(each), vectors) for each in options["layers"]))
    if kind == "FormulaLayer":
        return FormulaLayer(terms=tuple(map(_read_term, options.pop("terms"))), **options)
    if kind not in SIMPLE:
        raise ValueError(f"it holds a layer of the class {shown(kind)}, which this version does not read")
    return SIMPLE[kind](**options)


def _read_term(tree: dict[str, Any]) -> Term:
    functions = [each if isinstance(each, str) else Function(**each) for each in tree["functions"]]
    return Term(tree["input"], tree["output"], functions, tree["fixed"])


def _read_record(tree: dict[str, Any], history: History | None) -> FitRecord:
    values: dict[str, Any] = {key: _tuples(each) for key, each in tree.items()} | {"history": history}
    values["choices"] = tuple(Choice(*each) for each in values["choices"])
    values["trials"] = tuple(Trial(*each) for each in values["trials"])
    return FitRecord(**values)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _numbers(value: Any) -> Any:
    """The argument of `_plain`, with lists in place of tuples."""
    if isinstance(value, dict):
        return (
            float(value["float"]) if set(value) == {"float"} else {k: _numbers(v) for k, v in value.items()}
        )
    return [_numbers(each) for each in value] if isinstance(value, list) else value
