"""The registry of figures, the files they make, and the command."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from splinekan import cli
from splinekan.studies import (
    complementarity,
    conditioning,
    figure_data,
    figures,
    first_order,
    regression,
    speed,
)
from splinekan.studies.figure_data import Setting
from splinekan.studies.figures import FIGURES, make

PAPER = ("1", "2a", "2b", "3", "4", "6", "7", "8", "9")
OURS = ("hessian-spectra", "complementarity", "network", "regression")


@pytest.fixture
def tiny(monkeypatch):
    """Every study small enough for a test; what is drawn and written is as ever."""
    short = [replace(one, budgets=tuple(n // 200 for n in one.budgets)) for one in regression.SCHEDULES]
    schedules = tuple(one for one in short if one.optimizer == "L-BFGS")
    monkeypatch.setattr(regression, "SCHEDULES", schedules)
    for name, recipe in first_order.RECIPES.items():
        rows = tuple(replace(one, budgets=tuple(min(n, 20) for n in one.budgets)) for one in recipe.schedules)
        monkeypatch.setitem(first_order.RECIPES, name, replace(recipe, points=(8, 8), schedules=rows))
    monkeypatch.setattr(conditioning, "BUDGETS", (3, 2))
    timed, measured = speed.run, complementarity.run
    monkeypatch.setattr(speed, "run", lambda: timed([2, 3], (2, 4, 1), 4, 8, 1))
    monkeypatch.setattr(
        complementarity, "run", lambda seeds, quick, progress: measured([1], 300, quick=quick, refinements=1)
    )


def test_the_registry_is_complete():
    assert tuple(FIGURES) == (*PAPER, *OURS)
    for name, figure in FIGURES.items():
        assert figure.title
        assert figure.caption.endswith("."), name
        if name in PAPER:
            assert figure.title.startswith(f"Figure {name}: ")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_makes_a_readable_file(tiny, name, tmp_path):
    path = tmp_path / "out" / f"{name}.png"
    takes = FIGURES[name].takes
    caption = make(name, path, Setting(seeds=(3,)) if "seeds" in takes else None)
    with Image.open(path) as image:
        assert image.size[0] >= 600
        assert np.ptp(np.asarray(image.convert("L"))) > 200
        assert image.text["Title"] == FIGURES[name].title
        assert image.text["Description"] == caption
    seeds = " --seeds 3" if "seeds" in takes else ""
    assert f"Made by `splinekan figure {name}{seeds}`" in caption


def axes_of(name):
    from splinekan import plots

    figure = FIGURES[name]
    data = figure.data(Setting())
    _, axes = plots.canvas(*figure.panels(data), figure.size(data))
    return axes, figure.draw(axes, data)


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "network"])
def test_axes_are_returned_with_labels(tiny, name):
    axes, drawn = axes_of(name)
    np.testing.assert_array_equal(np.atleast_1d(drawn).ravel(), axes.ravel()[: np.size(drawn)])
    for row in axes:
        assert row[0].get_ylabel()
        for ax in row:
            assert ax.get_xlabel()
            assert ax.lines or ax.images


def test_a_pdf_has_title_and_subject_and_is_the_same_each_time(tmp_path):
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for path in (first, second):
        make("2b", path)
    content = first.read_bytes()
    assert b"/Title (Figure 2b: sign changes" in content
    assert b"/Subject" in content
    assert b"splinekan figure 2b" in content
    assert content == second.read_bytes()


def test_the_command_lists_makes_and_refuses(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["figure"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(FIGURES)
    assert cli.main(["figure", "2b"]) == 0
    assert "Made by `splinekan figure 2b`" in capsys.readouterr().out
    before = (tmp_path / "2b.png").read_bytes()
    assert cli.main(["figure", "2b"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "2b.png").read_bytes() == before
    assert cli.main(["figure", "2b", "--force", "--output", "new/2b.pdf"]) == 0
    assert (tmp_path / "new" / "2b.pdf").stat().st_size > 1000


def test_all_figures_go_into_a_folder(tmp_path, monkeypatch, capsys):
    few = {name: FIGURES[name] for name in ("1", "2b")}
    monkeypatch.setattr(figures, "FIGURES", few)
    assert cli.main(["figure", "all", "--output", str(tmp_path / "folder")]) == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["1.png", "2b.png"]


def test_bad_input_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    def work(*_):
        raise AssertionError("work was done")

    monkeypatch.setitem(FIGURES, "8", replace(FIGURES["8"], data=work))
    cases = {
        ("5",): "figure must be one of",
        ("8", "--output", str(tmp_path / "8.svg")): "one of '.png', '.pdf'",
        ("8", "--rows", "best"): "row must be one of",
        ("hessian-spectra", "--rows", "spline-fine"): "rows must not be given for figure hessian-spectra",
        ("hessian-spectra", "--seeds", "1", "2"): "seeds must name one only",
        ("9", "--rows", "spline-fine", "relu-fine"): "rows must name one only",
        ("4", "--checkpoint", str(tmp_path)): "checkpoints must not be given for figure 4",
        ("2b", "--rows", "nope", "--seeds", "99"): "seeds must not be given for figure 2b, which takes none",
        ("2b", "--full"): "full must not be given for figure 2b",
        ("2b", "--quick"): "--quick must not be given for figure 2b",
        ("regression", "--rows", "mlp-5"): "row must be one of",
        ("all", "--rows", "nope"): "row must be one of",
        ("8", "--seeds", "1", "1"): "seeds must differ, got 1 more than once",
        ("8", "--seeds", "-1"): "seeds[0] must be at least 0",
        ("8", "--output", "/dev/null/8.png"): "Not a directory",
        ("8", "--output", str(tmp_path / ("n" * 300 + ".png"))): "File name too long",
    }
    for arguments, message in cases.items():
        assert cli.main(["figure", *arguments, "--force"]) == 2, arguments
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert cli.main(["figure", "--seeds", "3"]) == 2
    assert "--seeds needs a figure's name" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["figure", "8", "--quick", "--full"])


def test_all_figures_take_what_each_can_of_a_setting():
    setting = Setting(True, (3, 4), ("relu-fine", "spline-gauss-newton"), "folder")
    parts = {name: figure.part_of(setting) for name, figure in FIGURES.items()}
    for name, part in parts.items():
        figures.check_setting(name, part)
    assert parts["1"] == Setting()
    assert parts["4"] == Setting(True, (3, 4), ("relu-fine", "spline-gauss-newton"))
    assert parts["8"] == Setting(True, (3, 4), ("relu-fine",), "folder")
    assert parts["hessian-spectra"] == Setting(True, (3,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"full": 1}, "full must be True or False"),
        ({"seeds": 3}, "seeds must be a sequence"),
        ({"seeds": (1.5,)}, r"seeds\[0\] must be an integer"),
        ({"seeds": ()}, "at least one seed"),
        ({"rows": "spline-fine"}, "rows must be a sequence"),
        ({"rows": (1,)}, r"rows\[0\] must be of type str"),
        ({"checkpoints": 3}, "checkpoints must be a path"),
    ],
)
def test_a_setting_is_checked(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Setting(**arguments)


def test_the_caption_names_the_options_that_matter():
    setting = Setting(full=True, seeds=(3, 4), rows=("spline-fine",))
    caption = FIGURES["7"].described("7", setting)
    assert "`splinekan figure 7 --full --seeds 3 4 --rows spline-fine`" in caption
    assert "`splinekan figure 1`" in FIGURES["1"].described("1", setting)


def test_checkpoints_are_used_again(tiny, tmp_path, monkeypatch):
    setting = Setting(checkpoints=tmp_path, rows=("spline-multilevel",))
    first = figure_data.equation("allen-cahn")(setting)
    monkeypatch.setattr(first_order.FirstOrderRun, "advance", None)  # a call would fail
    again = figure_data.equation("allen-cahn")(setting)
    assert again.table() == first.table()
    assert len(list(tmp_path.iterdir())) == 1
