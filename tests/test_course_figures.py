"""The figures with sliders in the course: what they draw, what a notebook stores, and without ipywidgets."""

import base64
import sys
from io import BytesIO
from pathlib import Path

import matplotlib.image
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.interpolate import BSpline

import splinekan as sk

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))
import execute  # noqa: E402 - beside the notebooks
import interactive  # noqa: E402
from interactive import damping, knots, refinement, stage, training  # noqa: E402

PLACES = {
    "02_truncated_powers_and_change_of_basis": "drag_a_knot",
    "06_refinement_is_exact": "refine_a_curve",
    "07_multilevel_training": "step_through_training",
    "08_gauss_newton": "damp_a_step",
}
DRAWINGS = {
    "drag_a_knot": (knots.draw, {"t1": 0.1, "t2": 0.4, "t3": 0.8, "degree": 2}),
    "refine_a_curve": (refinement.draw, {"level": 2, "degree": 3}),
    "step_through_training": (training.draw, {"schedule": "V-cycles", "step": 33}),
    "damp_a_step": (damping.draw, {"exponent": -1.0, "start": 0.2}),
}


def drawn(name, **changes):
    """The axes of a figure."""
    draw, values = DRAWINGS[name]
    figure = Figure()
    draw(figure, **{**values, **changes})
    return figure.axes


def pixels(png):
    return matplotlib.image.imread(BytesIO(png))


# knots


def test_condition_numbers_are_those_of_numpy_and_on_the_bars():
    t = sk.extended_knots([0, 0.1, 0.4, 0.8, 1], 2)
    A, M = sk.change_of_basis(t, 2).toarray(), sk.gram_matrix(t, 2).toarray()
    inverse = np.linalg.inv(A)
    expected = [np.linalg.cond(A)]
    for gram in (M, inverse @ M @ inverse.T):
        scale = np.sqrt(np.diag(gram))
        expected.append(np.linalg.cond(gram / np.outer(scale, scale)))
    found = knots.conditions(t, 2)
    assert np.allclose(found, expected, rtol=1e-6)
    bars = drawn("drag_a_knot")[3]
    assert [text.get_text() for text in bars.texts] == [f"{value:.1e}" for value in found]
    assert np.array_equal([bar.get_height() for bar in bars.patches], found)


def test_the_matrix_and_the_functions_are_drawn():
    curves, matrix, *_ = drawn("drag_a_knot")
    t = sk.extended_knots([0, 0.1, 0.4, 0.8, 1], 2)
    assert np.array_equal(matrix.images[0].get_array(), sk.change_of_basis(t, 2).toarray())
    x = curves.lines[0].get_xdata()
    functions = np.array([line.get_ydata() for line in curves.lines if len(line.get_xdata()) == len(x)]).T
    assert np.allclose(functions.sum(axis=1), 1)
    assert np.allclose(functions[:-1], BSpline.design_matrix(x[:-1], t, 2).toarray())


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_splines_stay_well_conditioned_wherever_the_sliders_are(degree):
    equal = knots.at_equal_knots(degree)
    for inner in ((0.04, 0.5, 0.75), (0.32, 0.36, 0.68), (0.25, 0.5, 0.96), (0.04, 0.64, 0.96)):
        found = knots.conditions(sk.extended_knots([0, *inner, 1], degree), degree)
        assert found.splines < 110
        assert found.change_of_basis > 2 * equal.change_of_basis


# refinement


@pytest.mark.parametrize("degree", range(1, 6))
def test_refinement_leaves_the_curve_and_the_polygon_converges(degree):
    steps = refinement.levels(degree)
    x = np.linspace(0, 1, 301)
    first = BSpline(steps[0].knots, steps[0].points, degree)(x)
    for step in steps:
        assert np.abs(refinement.curve(step.knots, step.points, degree, x) - first).max() < 1e-14
    counts = [len(step.points) for step in steps]
    assert counts == [(8 - degree) * 2**level + degree for level in range(refinement.LEVELS)]
    distances = np.array([step.distance for step in steps])
    if degree == 1:
        assert distances.max() < 1e-15
    else:
        ratios = distances[:-1] / distances[1:]
        assert (distances > 0).all()
        assert np.all(ratios > 1.5)
        assert 2.7 < ratios[-1] < 4.1


def test_a_higher_degree_lies_farther_from_the_polygon():
    distances = [refinement.levels(degree)[0].distance for degree in range(1, 6)]
    assert distances == sorted(distances)
    assert len(refinement.levels(3)[4].points) == 83


def test_the_polygon_drawn_is_that_of_the_level():
    curve, distances = drawn("refine_a_curve", level=3)
    step = refinement.levels(3)[3]
    assert np.array_equal(curve.lines[2].get_xydata(), step.points)
    assert f"{len(step.points)} control points" in curve.get_title()
    assert distances.lines[-1].get_xydata().tolist() == [[3, step.distance]]


# training


def test_the_history_of_nested_iteration_is_that_of_the_library():
    levels = sk.Hierarchy(sk.KAN.splines([1, 3, 1], degree=3, intervals=3, domain=(-1, 1)), 4)
    x = training.X[:, None]
    result = sk.nested_iteration(
        levels,
        lambda level: sk.LeastSquares(level.network, x, training.Y, reduction="mean", cost=level.cost),
        sk.GradientDescent(step=1.0, search="armijo"),
        [17] * 4,
        sk.initialize(levels.network, seed=1, scheme="greville"),
    )
    entries = training.history("nested iteration")
    errors = np.array([entry.error for entry in entries])
    weights = errors / result.history.loss  # the loss of the library may have a factor of its own
    assert np.allclose(weights, weights[0], rtol=1e-9)
    assert [entry.work for entry in entries] == result.history.work.tolist()
    arrivals = [18 * level for level in range(4)]
    assert [entry.level for entry in entries] == [level for level in range(4) for _ in range(18)]
    for at in arrivals[1:]:
        assert np.abs(entries[at].values - entries[at - 1].values).max() < 1e-13  # refinement is exact


def test_v_cycles_go_down_and_up_and_end_on_the_finest_level():
    entries = training.history("V-cycles")
    visited = [entry.level for entry in entries]
    turns = [level for at, level in enumerate(visited) if at == 0 or level != visited[at - 1]]
    assert turns == [3, *[2, 1, 0, 1, 2, 3] * 3]
    finest = [entry.error for entry in entries if entry.level == 3]
    assert finest == sorted(finest, reverse=True)
    coarsest = [entry.error for entry in entries[33:39]]
    assert min(coarsest) > 2 * entries[29].error  # three intervals cannot represent the bump


@pytest.mark.parametrize("schedule", training.SCHEDULES)
def test_histories_have_the_length_of_the_slider_and_work_grows(schedule):
    entries = training.history(schedule)
    assert len(entries) == training.ENTRIES
    work = np.array([entry.work for entry in entries])
    assert np.all(np.diff(work) > 0)
    for entry in entries[:: training.ENTRIES // 8]:
        assert entry.error == pytest.approx(np.mean((entry.values - training.Y) ** 2))


def test_the_answer_about_work():
    reached = {
        name: next(e.work for e in training.history(name) if e.level == 3 and e.error < 1e-3)
        for name in training.SCHEDULES
    }
    assert [round(reached[name], -1) for name in training.SCHEDULES] == [130, 270, 160]


def test_fit_residual_and_marker_belong_to_the_step():
    fit, residual, loss, stairs = drawn("step_through_training")
    entry = training.history("V-cycles")[33]
    assert np.array_equal(fit.lines[1].get_ydata(), entry.values)
    assert np.array_equal(residual.lines[0].get_ydata(), training.Y - entry.values)
    assert loss.lines[-1].get_xydata().tolist() == [[entry.work, entry.error]]
    assert stairs.lines[-1].get_xydata().tolist() == [[entry.work, entry.level]]
    assert len(fit.lines[2].get_xdata()) == 3 * 2**entry.level + 1


# damping


@pytest.mark.parametrize("start", [-0.8, 0.1, 0.9])
def test_steps_and_decreases(start):
    theta = np.array([start, start**2 + 0.4])
    J, rho = damping.jacobian(theta), damping.residual(theta)
    eps = 1e-6
    numerical = [
        (damping.residual(theta + eps * e) - damping.residual(theta - eps * e)) / (2 * eps) for e in np.eye(2)
    ]
    assert np.allclose(J, np.array(numerical).T, atol=1e-8)
    for exponent in (-2, 0, 2):
        found = damping.step(theta, 10.0**exponent)
        stacked = np.vstack([J, np.sqrt(10.0**exponent) * np.eye(2)])
        assert np.allclose(found.d, np.linalg.lstsq(stacked, np.r_[-rho, 0, 0], rcond=None)[0])
        assert found.predicted == pytest.approx(damping.loss(theta) - 0.5 * ((rho + J @ found.d) ** 2).sum())
        assert found.actual == pytest.approx(damping.loss(theta) - damping.loss(theta + found.d))
        assert found.gain == pytest.approx(found.actual / found.predicted)
        angles = np.linspace(0, 2 * np.pi, 721)
        circle = np.linalg.norm(found.d) * np.stack([np.cos(angles), np.sin(angles)], -1)
        models = 0.5 * ((rho + circle @ J.T) ** 2).sum(axis=1)
        assert models.min() >= damping.loss(theta) - found.predicted - 1e-12  # the best step of its length
    assert np.allclose(damping.step(theta, 0.0).d, np.linalg.solve(J, -rho))
    far = damping.step(theta, 1e8)
    assert np.allclose(far.d * 1e8, -J.T @ rho, rtol=1e-5)
    d = damping.steepest(theta)
    assert d @ (J.T @ (rho + J @ d)) == pytest.approx(0, abs=1e-12)


def test_small_damping_fails_far_from_the_minimum_and_is_best_near_it():
    far, near = (np.array([s, s**2 + 0.4]) for s in (-0.6, 0.9))
    assert damping.step(far, 1e-3).actual < 0 < damping.step(far, 1.0).actual
    assert damping.step(near, 1e-3).actual > damping.step(near, 1.0).actual > damping.step(near, 10.0).actual


def test_the_title_shows_the_decreases():
    plane, curves = drawn("damp_a_step")
    theta = np.array([0.2, 0.44])
    found = damping.step(theta, 0.1)
    assert f"predicted {found.predicted:.3g}, actual {found.actual:.3g}" in curves.get_title()
    assert plane.patches[0].get_radius() == pytest.approx(np.linalg.norm(found.d))
    assert plane.get_aspect() == 1


# pictures and widgets


@pytest.mark.parametrize("name", DRAWINGS)
def test_pictures_depend_on_their_numbers_only(name):
    draw, values = DRAWINGS[name]
    first = stage.picture(draw, (8.4, 3.6), **values)
    assert stage.picture(draw, (8.4, 3.6), **values) == first
    assert pixels(first).shape[:2] == (360, 840)
    key, value = next((key, value) for key, value in values.items() if not isinstance(value, str))
    assert (
        stage.picture(draw, (8.4, 3.6), **{**values, key: value + (1 if isinstance(value, int) else 0.1)})
        != first
    )


@pytest.fixture
def displayed(monkeypatch):
    """Bundles passed to `display`."""
    pytest.importorskip("IPython")
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


@pytest.mark.parametrize("name", DRAWINGS)
def test_without_widgets_there_is_the_picture_and_a_line(name, displayed, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    getattr(interactive, name)()
    (bundle,) = displayed
    assert set(bundle) == {"image/png", "text/plain"}
    assert pixels(base64.b64decode(bundle["image/png"])).std() > 0.05
    printed = capsys.readouterr()
    assert 'pip install "splinekan[notebooks]"' in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("name", DRAWINGS)
def test_sliders_move_the_picture_and_the_bundle_holds_both(name, displayed, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    images = []
    original = ipywidgets.Image.__init__

    def noted(self, *args, **kwargs):
        original(self, *args, **kwargs)
        images.append(self)

    monkeypatch.setattr(ipywidgets.Image, "__init__", noted)
    boxes = []
    whole = ipywidgets.HBox.__init__

    def kept(self, *args, **kwargs):
        whole(self, *args, **kwargs)
        boxes.append(self)

    monkeypatch.setattr(ipywidgets.HBox, "__init__", kept)
    getattr(interactive, name)()
    (bundle,) = displayed
    assert execute.WIDGET in bundle
    assert base64.b64decode(bundle["image/png"]) == images[0].value
    for control in boxes[0].children:
        before = images[0].value
        if hasattr(control, "options"):
            control.value = control.options[1]
        else:
            control.value += control.step if control.value < control.max else -control.step
        assert images[0].value != before, control.description


def test_stored_outputs_are_cleaned():
    picture = base64.b64encode(stage.picture(damping.draw, (8.4, 4.2), exponent=0.0, start=0.0)).decode()
    data = {"image/png": picture, execute.WIDGET: {"model_id": "0"}, "text/plain": "caption"}
    cell = nbformat.v4.new_code_cell("1", metadata={"execution": {"started": "now"}})
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("stream", name="stdout", text="b\n"),
        nbformat.v4.new_output("display_data", data=data),
        nbformat.v4.new_output("display_data", data={execute.WIDGET: {"model_id": "1"}}),
    ]
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    clean = execute.clean(notebook, "02")
    nbformat.validate(clean)
    text, image = clean.cells[0].outputs
    assert text.text == "ab\n"
    assert set(image.data) == {"image/png", "text/plain"}
    assert len(image.data["image/png"]) < len(picture) / 2
    stored, drawn = (pixels(base64.b64decode(data))[..., :3] for data in (image.data["image/png"], picture))
    assert np.abs(stored - drawn).mean() < 0.001
    for colour in (stage.BLUE, stage.ORANGE, stage.GREEN, "white"):
        exact = [(np.abs(image - to_rgb(colour)).max(axis=-1) < 1e-6).sum() for image in (stored, drawn)]
        assert exact[0] >= exact[1] > 20, "lines keep their colours"
    assert "widgets" not in clean.metadata
    assert clean.cells[0].metadata == {}
    assert clean.cells[0].id == "02-00"


def test_errors_and_warnings_are_not_stored():
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text="careful")]
    with pytest.raises(RuntimeError, match="careful"):
        execute.clean(nbformat.v4.new_notebook(cells=[cell]), "02")


@pytest.mark.parametrize("path", PLACES)
def test_the_notebook_stores_the_picture_of_its_figure(path):
    cells = nbformat.read(NOTEBOOKS / f"{path}.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "from interactive import" in cell.source]
    assert cell.source == f"from interactive import {PLACES[path]}\n\n{PLACES[path]}()"
    (output,) = cell.outputs
    assert pixels(base64.b64decode(output.data["image/png"])).shape[1] == 840
    above = cells[cells.index(cell) - 1]
    assert "**Predict" in above.source
    assert "<details>" in above.source
