"""What studies share: tables, records, the loop over seeds, options."""

import argparse
import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from splinekan import cli
from splinekan.studies.registry import STUDIES, Entry
from splinekan.studies.skeleton import options
from splinekan.studies.skeleton.study import TableStudy, record
from splinekan.studies.skeleton.sweep import Sweep
from splinekan.studies.skeleton.tables import Column, table


@dataclass(frozen=True)
class Row:
    name: str
    loss: float
    group: str = "first"


COLUMNS = (
    Column("row", "name", left=True),
    Column("loss", "loss", ".1e"),
    Column("twice", lambda row: 2 * row.loss, ".2f"),
    Column("", lambda row: "FAILED" if row.loss > 1 else "", left=True),
)


def test_columns_are_as_wide_as_their_longest_entry():
    rows = [Row("short", 0.5), Row("a longer name", 1234.5)]
    assert table(COLUMNS, rows).splitlines() == [
        "row               loss    twice",
        "short          5.0e-01     1.00",
        "a longer name  1.2e+03  2469.00  FAILED",
    ]
    assert table(COLUMNS[:2], []) == "row  loss"


def test_groups_stand_above_their_indented_rows():
    rows = [Row("a", 0.5), Row("b", 0.25), Row("c", 1.0, "second group")]
    assert table(COLUMNS[:2], rows, group=lambda row: row.group).splitlines() == [
        "  row     loss",
        "first",
        "  a    5.0e-01",
        "  b    2.5e-01",
        "second group",
        "  c    1.0e+00",
    ]


def test_a_record_is_strict_json_in_the_order_of_its_parts():
    class Spectrum:
        def record(self):
            return {"values": (1.0, math.inf)}

    kept = record("toy", {"seeds": [3], "samples": 10}, rows=[Row("a", math.nan)], spectra=[Spectrum()])
    assert kept == {
        "study": "toy",
        "seeds": [3],
        "samples": 10,
        "rows": [{"name": "a", "loss": None, "group": "first"}],
        "spectra": [{"values": [1.0, None]}],
    }
    assert list(kept) == ["study", "seeds", "samples", "rows", "spectra"]
    json.dumps(kept, allow_nan=False)
    study = TableStudy("toy", COLUMNS, (Row("a", 0.5),), {"seeds": [3]})
    assert study.table() == table(COLUMNS, study.rows)
    assert study.record()["rows"] == [{"name": "a", "loss": 0.5, "group": "first"}]


@pytest.mark.parametrize("progress", [False, True])
def test_every_seed_of_every_row_in_order(progress, monkeypatch):
    monkeypatch.setattr("sys.stderr", shown := io.StringIO())
    calls = []

    def train(name, seed):
        calls.append((name, seed))
        return 10 * seed

    found, places = Sweep(progress=progress).every_seed(
        "s", train, {"b": (3, 1), "a": range(2)}, {"a": 0, "b": 0}
    )
    assert found == {"b": [30, 10], "a": [0, 10]}
    assert list(places) == ["b, seed 3", "b, seed 1", "a, seed 0", "a, seed 1"]
    assert calls == [("b", 3), ("b", 1), ("a", 0), ("a", 1)]
    assert ("b, seed 3" in shown.getvalue()) == progress


def parsed(known, *words):
    parser = argparse.ArgumentParser()
    for option in known:
        option.add_to(parser)
    return vars(parser.parse_args(words))


def test_options_that_are_not_given_leave_the_default():
    known = STUDIES["burgers"].all_options
    assert options.given(known, parsed(known)) == {}
    assert options.typed(known, parsed(known)) == ""
    words = ["--seeds", "0", "4", "--quick", "--checkpoint", "kept", "--rows", "gauss-newton"]
    found = options.given(known, parsed(known, *words))
    assert found == {"quick": True, "seeds": [0, 4], "rows": ["gauss-newton"], "checkpoints": Path("kept")}
    assert options.typed(known, found) == "--quick --seeds 0 4 --rows gauss-newton"
    none = options.given((options.SAMPLES,), parsed((options.SAMPLES,), "--samples", "0"))
    assert none == {"samples": 0}
    assert options.typed((options.SAMPLES,), none) == "--samples 0"


def test_options_beat_arguments_and_these_the_quick_setting(monkeypatch):
    entry = Entry(
        "regression", "", STUDIES["regression"].options, quick="two seeds", arguments={"samples": 7}
    )
    quick = entry.module().QUICK
    assert entry.setting({}) == {"samples": 7}
    assert entry.setting({"quick": True}) == {**quick, "samples": 7}
    assert entry.setting({"quick": True, "samples": 9, "seeds": [1]}) == {**quick, "samples": 9, "seeds": [1]}


def test_a_new_study_is_a_folder_and_an_entry(monkeypatch, capsys, tmp_path):
    def run(seeds=(1, 2), progress=False):
        return TableStudy(
            "made-up", COLUMNS[:2], tuple(Row(f"seed {n}", n / 2) for n in seeds), {"seeds": seeds}
        )

    monkeypatch.setitem(sys.modules, "splinekan.studies.made_up.study", SimpleNamespace(run=run))
    monkeypatch.setitem(STUDIES, "made-up", Entry("made_up", "numbers", (options.SEEDS,)))
    assert cli.main(["study", "made-up"]) == 0
    assert capsys.readouterr().out == "row        loss\nseed 1  5.0e-01\nseed 2  1.0e+00\n"
    path = tmp_path / "a.json"
    assert cli.main(["study", "made-up", "--seeds", "4", "--json", str(path)]) == 0
    assert capsys.readouterr().out == "row        loss\nseed 4  2.0e+00\n"
    assert json.loads(path.read_text())["rows"] == [{"name": "seed 4", "loss": 2.0, "group": "first"}]
    with pytest.raises(SystemExit):
        cli.main(["study", "made-up", "--samples", "4"])
