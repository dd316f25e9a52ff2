"""The table of functions, its command, and the gallery behind it."""

import json

import numpy as np
import pytest
from small import always

from splinekan import Round, cli, problems
from splinekan.studies.functions import study as functions

SHORT = (Round(0, 2, 4, 150), Round(1, 1, 4))


def test_every_function_of_the_gallery_is_finite_and_named():
    for name, problem in problems.REGRESSION.items():
        assert problem.name == name
        x, y = problem.sample(2000, np.random.default_rng(0))
        assert (x.shape, y.shape) == ((2000, problem.n_in), (2000,))
        assert np.isfinite(y).all()
        assert y.std() > 0.01
        assert problem.source
    assert set(functions.NAMES) <= set(problems.REGRESSION)


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("bessel-j", [0.0, 0.0], 1.0),
        ("elliptic-f", [1.0, 0.0], np.pi / 2),
        ("elliptic-sn", [0.5, 0.0], np.sin(3)),
        ("feynman-I.16.6", [1.0, 0.5], 1.0),
        ("feynman-I.26.2", [1.0, 1.0], np.arcsin(0.95)),
        ("feynman-I.29.16", [0.5, 0.5], 2.0),
        ("feynman-I.9.18", [1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 1.0),
        ("feynman-I.6.2b", [0.5, 0.5, 1 / 3], 1 / np.sqrt(2 * np.pi)),
        ("friedman-1", [0.5, 1.0, 0.5, 1.0, 1.0, 0, 0, 0, 0, 0], 25.0),
        ("exp-sine", [0.5, 1.0], np.exp(2)),
    ],
)
def test_known_values(name, x, value):
    assert problems.regression(name).function(np.array([x]))[0] == pytest.approx(value, rel=1e-14)


def test_rows(tmp_path, capsys, monkeypatch):
    study = functions.run(["products", "feynman-I.6.2b"], (0,), 300, rounds=SHORT)
    assert [row.widths for row in study.rows] == [(2, 5, 1), (3, 5, 5, 1)]
    assert study.rows[0].parameters == 15 * (4 + 3)
    assert [row.failed for row in study.rows] == [row.test_rmse > 1e-3 for row in study.rows]
    assert study.table().count("FAILED") == sum(row.failed for row in study.rows)
    always(monkeypatch, "functions", rounds=SHORT)
    record = tmp_path / "f.json"
    arguments = ["study", "functions", "--names", "products", "--seeds", "0", "--samples", "300"]
    assert cli.main([*arguments, "--json", str(record)]) == 0
    assert json.loads(record.read_text())["rows"][0]["name"] == "products"
    assert cli.main([*arguments, "--json", str(record)]) == 2
    assert "--force" in capsys.readouterr().err
    assert cli.main(["study", "functions", "--names", "riemann-zeta"]) == 2
    assert "'bessel-j'" in capsys.readouterr().err


def test_bad_input():
    with pytest.raises(ValueError, match="at least one seed"):
        functions.run(seeds=())
    with pytest.raises(ValueError, match="samples must be at least 2"):
        functions.run(samples=0)
