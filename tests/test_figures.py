"""The registry of figures, the files they make, and the command."""

from dataclasses import replace
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import always

from splinekan import cli
from splinekan.studies import figures, registry
from splinekan.studies.adaptivity import study as adaptivity
from splinekan.studies.boundary_value import figure as boundary_value
from splinekan.studies.boundary_value import first_order
from splinekan.studies.complementarity import study as complementarity
from splinekan.studies.conditioning import levels
from splinekan.studies.cycles import settings as cycle_settings
from splinekan.studies.cycles import study as cycles
from splinekan.studies.figures import make
from splinekan.studies.gauss_newton_cg import study as gauss_newton_cg
from splinekan.studies.geometry import figure as geometry
from splinekan.studies.preconditioning import study as preconditioning
from splinekan.studies.registry import FIGURES, STUDIES, figure
from splinekan.studies.regression import study as regression
from splinekan.studies.skeleton.figure import Setting
from splinekan.studies.speed import study as speed

PAPER = ("1", "2a", "2b", "3", "4", "6", "7", "8", "9")
SMALL = {
    "degrees": (1,),
    "intervals": (4, 8, 16),
    "layer_intervals": (4, 8),
    "network_levels": 2,
    "budgets": (4, 2),
    "samples": 200,
}
OURS = (
    "adaptivity",
    "hessian-spectra",
    "complementarity",
    "cycles",
    "preconditioning",
    "gauss-newton-cg",
    "network",
    "regression",
)


def with_arguments(monkeypatch, study, *arguments, **named):
    """Have a study run with these arguments, whatever its figure asks for."""
    run = study.run
    monkeypatch.setattr(study, "run", lambda **asked: run(*arguments, **{**asked, **named}))


@pytest.fixture
def tiny(monkeypatch):
    """Every study small enough for a test; what is drawn and written is as ever."""
    short = [replace(one, budgets=tuple(n // 200 for n in one.budgets)) for one in regression.SCHEDULES]
    with_arguments(monkeypatch, regression, schedules=[one for one in short if one.optimizer == "L-BFGS"])
    for name, recipe in first_order.RECIPES.items():
        rows = tuple(replace(one, budgets=tuple(min(n, 20) for n in one.budgets)) for one in recipe.schedules)
        monkeypatch.setitem(first_order.RECIPES, name, replace(recipe, points=(8, 8), schedules=rows))
    monkeypatch.setattr(levels, "BUDGETS", (3, 2))
    with_arguments(monkeypatch, speed, [2, 3], (2, 4, 1), 4, 8, 1)
    with_arguments(monkeypatch, complementarity, seeds=[1], samples=300, refinements=1)
    small = {"problems": ("root", "ridge-1"), "curve_levels": 3, "field_levels": 2, "budget": 12}
    short = cycle_settings.shortened(cycle_settings.SETTINGS, 16)[:1]
    with_arguments(monkeypatch, cycles, seeds=[1], samples=100, settings=short, levels=(2, 3), degrees=(1,))
    with_arguments(monkeypatch, adaptivity, seeds=[1], samples=300, **small)
    with_arguments(monkeypatch, preconditioning, degrees=(1, 2), levels=(2, 3), unknowns=200)
    small = {"seeds": [1], "rows": ["regression"], "samples": 300, "levels": 2, "limit": 5, "share": 0.01}
    with_arguments(monkeypatch, gauss_newton_cg, **small)


def test_the_registry_is_complete():
    assert tuple(FIGURES) == (*PAPER, *OURS)
    for name in FIGURES:
        made = figure(name)
        assert made.title
        assert made.data
        assert made.caption.endswith("."), name
        if name in PAPER:
            assert made.title.startswith(f"Figure {name}: ")
    listed = {id(figure(name)) for name in FIGURES}
    of_studies = {id(entry.drawing()) for entry in STUDIES.values() if entry.figure}
    packages = [path.parent for path in Path(registry.__file__).parent.glob("*/figure.py")]
    for package in packages:
        if package.name != "skeleton":
            made = import_module(f"splinekan.studies.{package.name}.figure").FIGURES.values()
            assert {id(one) for one in made} <= listed | of_studies


def test_every_study_of_the_registry_takes_its_options():
    for name, entry in STUDIES.items():
        known = signature(entry.module().run).parameters
        assert set(entry.arguments) <= set(known), name
        assert {option.argument for option in entry.options} <= set(known), name
        assert "progress" in known
        if entry.quick:
            assert set(entry.module().QUICK) <= set(known)
    (start,) = (option for option in STUDIES["regression"].options if option.flag == "--start")
    assert start.keywords["choices"] == tuple(regression.STARTS)
    folders = {path.parent.name for path in Path(registry.__file__).parent.glob("*/study.py")}
    assert folders - {"skeleton"} == {entry.package for entry in STUDIES.values()} | {"residuals", "speed"}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_makes_a_readable_file(tiny, name, tmp_path):
    path = tmp_path / "out" / f"{name}.png"
    takes = figure(name).takes
    caption = make(name, path, Setting(seeds=(3,)) if "seeds" in takes else None)
    with Image.open(path) as image:
        assert image.size[0] >= 600
        assert np.ptp(np.asarray(image.convert("L"))) > 200
        assert image.text["Title"] == figure(name).title
        assert image.text["Description"] == caption
    seeds = " --seeds 3" if "seeds" in takes else ""
    assert f"Made by `splinekan figure {name}{seeds}`" in caption


def axes_of(name):
    made = figure(name)
    data = made.data(Setting())
    _, axes = made.canvas(data)
    return axes, made.draw(axes, data)


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
    for name in set(FIGURES) - {"1", "2b"}:
        monkeypatch.delitem(FIGURES, name)
    assert cli.main(["figure", "all", "--output", str(tmp_path / "folder")]) == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["1.png", "2b.png"]


def test_bad_input_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    def work(*_):
        raise AssertionError("work was done")

    monkeypatch.setitem(boundary_value.FIGURES, "8", replace(figure("8"), data=work))
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
    parts = {name: figure(name).part_of(setting) for name in FIGURES}
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


def test_the_caption_names_the_options_that_matter(tmp_path, monkeypatch):
    for package in (boundary_value, geometry):
        for name, made in package.FIGURES.items():
            blank = {"panels": (1, 1), "size": (2.0, 2.0), "draw": lambda axes, _: axes}
            changed = replace(made, data=lambda _: None, **blank)
            monkeypatch.setitem(package.FIGURES, name, changed)
    setting = Setting(full=True, seeds=(3, 4), rows=("spline-fine",))
    caption = make("7", tmp_path / "7.png", setting)
    assert "full setting. Made by `splinekan figure 7 --full --seeds 3 4 --rows spline-fine`." in caption
    assert caption.startswith(boundary_value.FIGURES["7"].caption)
    caption = make("1", tmp_path / "1.png")
    assert caption.endswith("offset vertically. Made by `splinekan figure 1`.")


def test_checkpoints_are_used_again(tiny, tmp_path, monkeypatch):
    setting = Setting(checkpoints=tmp_path, rows=("spline-multilevel",))
    first = boundary_value.solved("allen-cahn", setting)
    monkeypatch.setattr(first_order.FirstOrderRun, "advance", None)  # a call would fail
    again = boundary_value.solved("allen-cahn", setting)
    assert again.table() == first.table()
    assert len(list(tmp_path.iterdir())) == 1


STUDY_COMMANDS = {
    "regression": ["--quick", "--seeds", "3", "--samples", "300"],
    "complementarity": ["--quick", "--seeds", "1", "--samples", "300"],
    "adaptivity": ["--quick", "--seeds", "1", "--samples", "300"],
    "conditioning": ["--quick"],
    "preconditioning": ["--quick", "--seeds", "1"],
    "interface": ["--quick", "--rows", "spline-multilevel"],
}


@pytest.mark.parametrize("study", STUDY_COMMANDS)
def test_the_figure_of_a_study_is_written_as_those_of_the_figure_command(study, tiny, tmp_path, monkeypatch):
    """Title and caption inside, the same resolution."""
    always(monkeypatch, "conditioning", **SMALL)
    path = tmp_path / "a.png"
    options = STUDY_COMMANDS[study]
    assert cli.main(["study", study, *options, "--figure", str(path)]) == 0
    drawing = STUDIES[study].drawing()
    with Image.open(path) as image:
        assert image.text["Title"] == drawing.title
        command = f"splinekan study {study} {' '.join(options)}"
        setting = "The study's quick setting."
        assert image.text["Description"] == f"{drawing.caption} {setting} Made by `{command}`."
        assert image.size == tuple(round(150 * side) for side in drawing.size)


def test_both_routes_draw_the_same(tiny, tmp_path, capsys):
    """And the file of `splinekan study` differs in the command of its caption alone."""
    one, other = tmp_path / "a.png", tmp_path / "b.png"
    assert cli.main(["study", "regression", "--quick", "--figure", str(one)]) == 0
    assert capsys.readouterr().err == f"wrote {one}\n"
    assert cli.main(["figure", "regression", "--output", str(other)]) == 0
    with Image.open(one) as first, Image.open(other) as second:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))
        captions = [image.text["Description"].split("Made by") for image in (first, second)]
    assert captions[0][0] == captions[1][0]
    assert captions[0][1] == " `splinekan study regression --quick`."
