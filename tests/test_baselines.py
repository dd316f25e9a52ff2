"""The data and the tables of `benchmarks/baselines.py`."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))  # behind tests, which has `cases`, too
import baselines
from baseline_cases import BREIMAN, NOISE, TEST, TRAIN, Case, Split, cases
from baseline_models import CLASSIFIERS, REGRESSORS

CASES = {case.name: case for case in cases()}


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_splits_are_drawn_by_their_seed(case):
    split, again, other = case.draw(1), case.draw(1), case.draw(2)
    assert all(np.array_equal(a, b) for a, b in zip(split, again, strict=True))
    assert not np.array_equal(split.x, other.x)
    assert all(np.isfinite(each).all() for each in split)
    assert len(split.x) == len(split.y) > len(split.x_test) or len(split.x_test) == TEST
    if case.classes:
        assert np.unique(split.y).tolist() == np.unique(split.y_test).tolist()
    else:
        assert (len(split.x), len(split.x_test)) == (TRAIN, TEST) or case.name in ("diabetes", "linnerud")


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(("noisy", f"{NOISE:.0%}"))])
def test_noise_has_its_deviation_and_is_not_on_the_test_samples(name):
    plain, noise = name.partition(",")[0], CASES[name].draw(3)
    truth = CASES[plain].draw(3)
    assert np.array_equal(noise.x, truth.x)
    assert np.array_equal(noise.y_test, truth.y_test)
    deviation = BREIMAN.get(plain, NOISE * truth.y_test.std())
    assert (noise.y - truth.y).std() == pytest.approx(deviation, rel=0.2)


def test_errors_are_in_deviations_of_the_target():
    rng = np.random.default_rng(0)
    y = rng.normal(5.0, 3.0, (30, 2))
    case, split = Case("made", "functions", lambda _: split), Split(y, y[:20], y, y[20:])
    mean = np.broadcast_to(y.mean(axis=0), (10, 2))
    want = np.sqrt(np.mean((y[20:] - y.mean(axis=0)) ** 2 / y.var(axis=0)))
    assert baselines.error(case, split, mean) == pytest.approx(want)
    labels = Split(y, np.zeros(20), y, np.arange(10) % 2)
    assert baselines.error(Case("made", "classes", None, classes=True), labels, np.zeros(10)) == 0.5


def options(tmp_path, **given):
    usual = {"quick": False, "only": ["exp-sine"], "models": ["good", "bad"], "seeds": 1, "threads": 1}
    usual |= {"known": None, "json": tmp_path / "out.json", "verbose": False}
    return SimpleNamespace(**usual | given)


def test_a_run_keeps_failures_and_known_results(tmp_path, monkeypatch, capsys):
    class Good:
        def fit(self, x, y):
            self.mean = y.mean()

        def predict(self, x):
            return np.full(len(x), self.mean)

    class Bad(Good):
        def fit(self, x, y):
            raise ArithmeticError("cannot")

    models = {"good": lambda *_: Good(), "bad": lambda *_: Bad()}
    monkeypatch.setattr(baselines, "REGRESSORS", models)
    records = baselines.run(options(tmp_path))
    assert [record["case"] for record in records[::2]] == ["exp-sine", f"exp-sine, noise {NOISE:.0%}"]
    assert records[0]["error"] == pytest.approx(1.0, abs=0.1)
    assert "ArithmeticError" in records[1]["failure"]
    assert json.loads((tmp_path / "out.json").read_text())["records"][0] == records[0]
    monkeypatch.setitem(models, "good", lambda *_: Bad())  # not called: its results are known
    assert baselines.run(options(tmp_path, known=tmp_path / "out.json"))[0] == records[0]
    baselines.show(records, markdown=True)
    assert "| exp-sine | 1" in capsys.readouterr().out


def test_friedman_has_ten_draws_and_a_row_for_each_model(capsys):
    name = f"friedman-1, noise {NOISE:.0%}"
    assert CASES[name].seeds == 10
    records = [
        {"case": name, "group": "functions", "model": "good", "seed": i, "error": 0.1 * i, "fit": 1.0}
        for i in range(3)
    ]
    baselines.spread(records, markdown=True)
    assert "| good | 3 | 0.99000 | 0.96000 |" in capsys.readouterr().out


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="no case begins with"):
        baselines.run(options(tmp_path, only=["nothing"]))


@pytest.mark.parametrize("make", [*REGRESSORS.values(), *CLASSIFIERS.values()])
def test_models_are_built_with_their_seed(make):
    estimator = make(3, 2, 1)
    assert estimator.get_params().get("random_state", 3) == 3
