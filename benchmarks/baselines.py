"""Test errors and times of `KANRegressor` and `KANClassifier` with their defaults, against scikit-learn.

    python benchmarks/baselines.py [--quick] [--only NAME ...] [--models NAME ...] [--seeds N] [--threads N]
        [--known FILE] [--json FILE] [--markdown]

The others have scaled inputs and targets and are tuned by cross-validation (`baseline_models.py`), which
their times include. The error is the root mean square on test samples, without noise where the function is
known, in deviations of the target: 1 is the error of the mean, and R^2 = 1 - error^2. For classes it is the
share of wrong labels. Medians over draws of the data; Friedman's function has ten draws at least.

`--only` takes cases by the beginning of their names, or a group: functions, scikit-learn, classes. `--known`
takes the others from an earlier `--json` file where that holds them, and runs what it lacks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import warnings
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from baseline_cases import Case, Split, cases
from baseline_models import CLASSIFIERS, REGRESSORS, Maker
from tables import Table
from timing import bind, load

OURS = "splinekan"
QUICK = ("exp-sine", "friedman-1, noise", "jumps, noise", "diabetes", "iris")
TITLES = {
    "functions": "Functions",
    "scikit-learn": "Data and functions of scikit-learn",
    "classes": "Classes: share of wrong labels",
}
Record = dict[str, Any]


def error(case: Case, split: Split, predicted: np.ndarray) -> float:
    """Share of wrong labels, or root mean square over deviations of the target."""
    if case.classes:
        return float((predicted != split.y_test).mean())
    scale = np.concatenate([split.y, split.y_test]).std(axis=0)
    return float(np.sqrt(np.mean(((predicted.reshape(split.y_test.shape) - split.y_test) / scale) ** 2)))


def measured(case: Case, model: str, make: Maker, seed: int) -> Record:
    """Error and times of a fit, or the reason of its failure."""
    split = case.draw(seed)
    record: Record = {"case": case.name, "group": case.group, "model": model, "seed": seed}
    estimator = make(seed, split.x.shape[1], 1 if split.y.ndim == 1 else split.y.shape[1])
    began = perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # iterations that end at their limit
            estimator.fit(split.x, split.y)
            fitted = perf_counter()
            predicted = np.asarray(estimator.predict(split.x_test))
    except Exception as failure:  # a failure is a result, too
        return record | {"error": float("nan"), "fit": perf_counter() - began, "failure": repr(failure)[:200]}
    return record | {
        "error": error(case, split, predicted),
        "fit": fitted - began,
        "predict": perf_counter() - fitted,
    }


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases that were asked for."""
    wanted = QUICK if options.quick and not options.only else options.only
    found = [
        case
        for case in cases()
        if not wanted or any(case.name.startswith(name) or case.group == name for name in wanted)
    ]
    if not found:
        raise SystemExit(f"no case begins with {wanted}")
    return found


def models(case: Case, options: argparse.Namespace) -> dict[str, Maker]:
    """The models for a case that were asked for."""
    table = CLASSIFIERS if case.classes else REGRESSORS
    return {name: make for name, make in table.items() if not options.models or name in options.models}


def run(options: argparse.Namespace) -> list[Record]:
    """Every record, the first draw of all cases first; the file grows as they come."""
    known = {}
    if options.known is not None:
        for record in json.loads(options.known.read_text())["records"]:
            known[record["case"], record["model"], record["seed"]] = record
    records, plan = [], chosen(options)
    for seed in range(max(max(options.seeds, case.seeds) for case in plan)):
        for case in plan:
            if seed >= (1 if options.quick else max(options.seeds, case.seeds)):
                continue
            for name, make in models(case, options).items():
                record = known.get((case.name, name, seed)) if name != OURS else None
                records.append(record or measured(case, name, make, seed))
                if record is None and options.verbose:
                    print(json.dumps(records[-1]), flush=True)
            save(options, records)
    return records


def save(options: argparse.Namespace, records: list[Record]) -> None:
    """The records so far, whole at any moment."""
    if options.json is None:
        return
    settings = {"threads": options.threads, "machine": platform.processor(), "load": load()}
    part = options.json.with_name(options.json.name + ".part")
    part.write_text(json.dumps({"settings": settings, "records": records}, indent=0))
    os.replace(part, options.json)


def names_of(records: Iterable[Record], key: str) -> list[str]:
    """The different values under a key, in order."""
    return list(dict.fromkeys(record[key] for record in records))


def values(records: list[Record], case: str, model: str, key: str) -> list[float]:
    """Those of a case and a model, one for every draw."""
    return [r[key] for r in records if (r["case"], r["model"]) == (case, model)]


def show(records: list[Record], markdown: bool) -> None:
    """A table of errors and a table of times for every group, and a summary."""
    for group, title in TITLES.items():
        mine = [record for record in records if record["group"] == group]
        if not mine:
            continue
        columns = names_of(mine, "model")
        for key, text in (("error", title), ("fit", f"{title}: seconds of a fit")):
            head = "case" if markdown else "case".rjust(max(map(len, names_of(mine, "case"))))
            table = Table(f"### {text}" if markdown else text, [head, *columns], markdown)
            for case in names_of(mine, "case"):
                medians = [values(mine, case, model, key) for model in columns]
                table.row(case, *(float(np.median(each)) if each else "" for each in medians))
    spread(records, markdown)


def spread(records: list[Record], markdown: bool) -> None:
    """R^2 of Friedman's function with noise: median and worst draw."""
    mine = [record for record in records if record["case"].startswith("friedman-1, noise")]
    if not mine:
        return
    text = "Friedman's function with noise: R^2 against the function"
    head = "model" if markdown else "model".rjust(max(map(len, names_of(mine, "model"))))
    table = Table(f"### {text}" if markdown else text, [head, "draws", "median", "worst"], markdown)
    for model in names_of(mine, "model"):
        squares = 1 - np.square(values(mine, mine[0]["case"], model, "error"))
        table.row(model, len(squares), f"{np.median(squares):.5f}", f"{squares.min():.5f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="five cases, one draw")
    parser.add_argument("--only", nargs="+", default=(), help="beginnings of names of cases, or groups")
    parser.add_argument("--models", nargs="+", default=(), help="some of the columns")
    parser.add_argument("--seeds", type=int, default=3, help="draws of every case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--known", type=Path, help="take the others' results from this file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="a line for every fit")
    options = parser.parse_args()
    bind(options.threads)
    show(run(options), options.markdown)


if __name__ == "__main__":
    main()
