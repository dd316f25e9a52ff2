"""Figures draw what they are given."""

import numpy as np
import pytest

import splinekan as sk
from splinekan import plots
from splinekan.optimize import History
from splinekan.studies.geometry.figure import modes_of


@pytest.fixture
def ax():
    return plots.canvas()[1][0, 0]


def history(work, loss):
    count = np.arange(len(work), dtype=float)
    columns = dict.fromkeys(History.__dataclass_fields__, count)
    return History(**columns | {"work": np.array(work, float), "loss": np.array(loss, float)})


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_median_of_losses_is_drawn_and_refinements_are_marked(ax, scale):
    work = np.linspace(1, 100, 400)
    seeds = [(history(work, factor / work), ((0, 0), (1, 200))) for factor in (1.0, 2.0, 50.0)]
    plots.loss_against_work(ax, {"spline-multilevel": seeds}, scale=scale)
    line, marks = ax.lines
    x, y = line.get_data()
    np.testing.assert_allclose(y, 2 / x, rtol=1e-3)
    np.testing.assert_allclose(marks.get_xdata(), [work[200]])
    assert ax.get_xscale() == scale
    with pytest.raises(ValueError, match="scale must be one of"):
        plots.loss_against_work(ax, {}, scale="square")


class Level:
    def __init__(self, history, before):
        self.history, self.work = history, before + history.work[-1]


def test_median_history_goes_on_from_level_to_level():
    rng = np.random.default_rng(0)
    works = [np.linspace(1, 50, 50), np.linspace(2, 80, 40)]
    losses = [[np.exp(rng.normal(size=len(work))) for work in works] for _ in range(3)]
    seeds = [
        [Level(history(works[0], loss[0]), 0.0), Level(history(works[1], loss[1]), 50.0)] for loss in losses
    ]
    work, loss, begins = plots.median_history(seeds, points=50)
    assert begins == [0, 50]
    assert (np.diff(work) > 0).all()
    assert work[50] == 52.0
    best = np.median([np.minimum.accumulate(each[0]) for each in losses], axis=0)
    np.testing.assert_allclose(loss[:50], best, rtol=1e-12)
    assert loss[99] == pytest.approx(np.median([each[1].min() for each in losses]), rel=1e-12)


def test_perceptrons_look_different():
    from types import SimpleNamespace as Row

    rows = [Row(name=f"mlp-{n}", basis="none") for n in (5, 30)] + [Row(name="relu-fine", basis="relu")]
    first, second, relu = plots.style.looks(rows)
    assert first["linestyle"] != second["linestyle"]
    assert relu["linestyle"] == plots.STYLES["fine"]["linestyle"]
    assert relu["fillstyle"] == "none"


def test_eigenvalues_and_counts_are_those_of_the_matrix(ax):
    found = modes_of(6, (1, 3))
    _, axes = plots.canvas(2, 3)
    plots.extreme_modes(axes, found, count=2)
    for row, (r, each) in zip(axes, found.items(), strict=True):
        A = sk.change_of_basis(sk.uniform_knots(0, 1, 6, r - 1), r - 1).toarray()
        changes, values = row[0].lines[0].get_data()
        np.testing.assert_allclose(values[np.argsort(changes)], np.linalg.eigvalsh(A.T @ A), rtol=1e-8)
        smallest = row[1].lines[0].get_ydata()
        np.testing.assert_allclose(
            A.T @ A @ smallest, each.values[-1] * smallest, atol=1e-12 * each.values[0]
        )
    plots.sign_change_counts(ax, found)
    lines = [line for line in ax.lines if line.get_marker() != "None"]
    for line, each in zip(lines, found.values(), strict=True):
        counts, ratios = line.get_data()
        np.testing.assert_array_equal(counts, 1 + np.arange(len(each)))
        np.testing.assert_allclose(ratios, each.values[::-1] / each.values[-1])


def test_growth_has_the_slope_of_its_data(ax):
    counts = [8, 16, 32]
    plots.condition_growth(ax, counts, {2: [3.0 * n**4 for n in counts]})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["r = 2: slope 4.00"]


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_a_network_is_drawn_edge_by_edge(ax, basis):
    network = sk.KAN.affine_first([2, 3, 2], degree=3, intervals=5, basis=basis)
    theta = sk.initialize(network, 1, "greville")
    x = np.random.default_rng(2).uniform(size=(200, 2))
    assert plots.network_diagram(ax, network, theta, x, names="abcd") is ax
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["a", "b", "c", "d"]
    assert len(ax.child_axes) == 6
    hidden = network.linearize(theta, x).inputs[1]
    edges = sorted((frame.get_position().x0, frame) for frame in ax.child_axes)
    coefficients = network.with_basis("spline").unpack(network.to_basis(theta, "spline"))[1]["coefficients"]
    spline = sk.BSplineBasis(network.layers[1].common_knots)
    for at, (_, frame) in enumerate(edges):
        p, q = divmod(at, 2)
        xs, ys = frame.lines[0].get_data()
        np.testing.assert_allclose(xs[[0, -1]], [hidden[:, p].min(), hidden[:, p].max()])
        values = spline.evaluate(np.ascontiguousarray(coefficients[p, :, q]), xs)
        np.testing.assert_allclose(ys - ys[0], values - values[0], atol=1e-10)
        ends = np.linspace(0, 1, 6)
        np.testing.assert_allclose(frame.get_xticks(), ends[(ends >= xs[0]) & (ends <= xs[-1])])


@pytest.mark.parametrize("base", [None, "silu"])
def test_edges_of_unlike_inputs_show_their_own_knots_and_the_base(ax, base):
    knots = [sk.KnotVector.uniform(0, 1, 4, 3), sk.KnotVector.extended([-1, 0.3, 2], 3)]
    network = sk.KAN.chain([sk.SplineLayer(2, 1, knots, base=base)])
    theta = np.random.default_rng(0).normal(size=network.n_parameters)
    x = np.random.default_rng(2).uniform([0, -1], [1, 2], size=(200, 2))
    plots.network_diagram(ax, network, theta, x)
    frames = [frame for _, frame in sorted((frame.get_position().x0, frame) for frame in ax.child_axes)]
    for p, frame in enumerate(frames):
        xs, ys = frame.lines[0].get_data()
        inputs = np.tile(x[:1], (len(xs), 1))
        inputs[:, p] = xs
        values = network(theta, inputs)[:, 0]
        np.testing.assert_allclose(ys - ys[0], values - values[0], atol=1e-10)
        ends = knots[p].breakpoints
        np.testing.assert_allclose(frame.get_xticks(), ends[(ends >= xs[0]) & (ends <= xs[-1])])


@pytest.mark.parametrize(("low", "high"), [(2.25, 3.0), (-7.0, 1e6)])
def test_periodic_edges_show_their_breakpoints_beyond_the_domain(ax, low, high):
    knots = sk.KnotVector.extended([0.0, 0.25, 0.75, 1.0], 3, periodic=True)
    network = sk.KAN.chain([sk.SplineLayer(1, 1, knots)])
    theta = np.array([1.0, -1.0, 0.5])
    plots.network_diagram(ax, network, theta, np.linspace(low, high, 50)[:, None])
    (frame,) = ax.child_axes
    xs, ys = frame.lines[0].get_data()
    values = network(theta, np.ascontiguousarray(xs)[:, None])[:, 0]
    np.testing.assert_allclose(ys - ys[0], values - values[0], atol=1e-12)
    shown = [2.25, 2.75, 3.0] if high == 3.0 else [0.0, 0.25, 0.75, 1.0]
    np.testing.assert_array_equal(frame.get_xticks(), shown)
    assert (xs[0], xs[-1]) == (shown[0], shown[-1])


def test_the_strongest_edge_is_the_heaviest_and_weak_ones_lose_their_frames(ax):
    network = sk.KAN.splines([2, 3])
    theta = sk.initialize(network, 1, "greville")
    network.unpack(theta)[0]["coefficients"][1] *= 10
    x = np.random.default_rng(2).uniform(size=(200, 2))
    strength = plots.strengths(network.layers[0], theta, x)
    assert strength.shape == (2, 3)
    only = np.column_stack([x[:, :1] * 0 + 0.3, x[:, 1:]])  # only the second input moves
    np.testing.assert_allclose(strength[1], network(theta, only).std(axis=0), rtol=1e-10)
    plots.network_diagram(ax, network, theta, x, most=3)
    assert len(ax.child_axes) == 3
    weights = [line.get_linewidth() for line in ax.lines if line.get_color() != "0.8"]
    assert max(weights) == pytest.approx(2.5)
    assert sum(line.get_color() == "0.8" for line in ax.lines) == 3


def test_lines_are_solid_whatever_the_user_has_set(ax):
    import matplotlib as mpl
    from cycler import cycler

    network = sk.KAN.splines([2, 3, 1])
    with mpl.rc_context({"axes.prop_cycle": cycler(color="bgrk") + cycler(linestyle=["--", ":", "-.", "-"])}):
        plots.network_diagram(ax, network, sk.initialize(network, 1), np.eye(3, 2), units=True)
    lines = [line for each in (ax, *ax.child_axes) for line in each.lines]
    assert {line.get_linestyle() for line in lines if line.get_marker() != "o"} == {"-"}


def test_activations_are_named_and_bad_input_is_refused(ax):
    network, x = sk.MLP([2, 3, 1]), np.zeros((5, 2))
    theta = sk.initialize(network, 0, "noise")
    plots.network_diagram(ax, network, theta, x)
    assert [text.get_text() for text in ax.texts].count("tanh") == 3
    with pytest.raises(ValueError, match="at least 2 samples"):
        plots.network_diagram(ax, network, theta, x[:1])
    with pytest.raises(ValueError, match="2 inputs and 1 outputs"):
        plots.network_diagram(ax, network, theta, x, names=["x"])
    with pytest.raises(ValueError, match="theta must have shape"):
        plots.network_diagram(ax, network, theta[1:], x)


AX = plots.canvas()[1][0, 0]
PAIR, SIX = plots.canvas(1, 2)[1][0], plots.canvas(2, 3)[1]
MODES = modes_of(4, (1,))
SINGULAR = sk.Spectrum([1.0, 0.0], [0.0, 0.0], "dense", 1, np.eye(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.canvas(0), "rows must be between 1 and 100"),
        (lambda: plots.canvas(1, 10**9), "columns must be between"),
        (lambda: plots.canvas(1, 1, (1.0, -2.0)), r"size\[1\] must be positive"),
        (lambda: plots.canvas(1, 1, 3), "size must be a sequence"),
        (lambda: plots.file_format(3), "path must be a path"),
        (lambda: plots.file_format("a"), "ending"),
        (lambda: plots.save(3, "a.png"), "figure must be of type Figure"),
        (lambda: plots.save(plots.canvas()[0], "a.png", dpi=0), "dpi must be positive"),
        (lambda: plots.save(plots.canvas()[0], "a.png", dpi=1e9), "dpi must leave at most"),
        (lambda: plots.save(plots.canvas()[0], "a.png", title=3), "title must be of type str"),
        (lambda: plots.loss_against_work(3, {}), "ax must be of type Axes"),
        (lambda: plots.loss_against_work(AX, {}), "runs must not be empty"),
        (lambda: plots.loss_against_work(AX, []), "runs must be of type dict"),
        (lambda: plots.loss_against_work(AX, {"a": [3]}), r"runs\['a'\]\[0\] must be a sequence"),
        (lambda: plots.loss_against_work(AX, {"a": []}, unit=0), "unit must be positive"),
        (lambda: plots.regression_losses(AX, 3), "axes must be a sequence"),
        (lambda: plots.regression_losses(SIX, 3), r"axes must be axes of shape \(2,\)"),
        (lambda: plots.regression_losses(PAIR, 3), "study must be a studies.regression.study.Study"),
        (lambda: plots.equation_losses(PAIR, 3), "study must be a studies.boundary_value.study.Study"),
        (lambda: plots.error_by_level(AX, 3), "study must be a studies.boundary_value.study.Study"),
        (lambda: plots.median_history([]), "seeds must not be empty"),
        (lambda: plots.median_history([[3]]), r"seeds\[0\]\[0\] must be a stage of a run"),
        (lambda: plots.median_history([[]], points=1), "points must be"),
        (lambda: plots.condition_by_basis(AX, [], "mass"), "growths must not be empty"),
        (lambda: plots.conditioning_panels(SIX, 3), "study must be a studies.conditioning.study.Study"),
        (lambda: plots.spectra_by_level(SIX, []), r"axes must be axes of shape \(2, 2\)"),
        (lambda: plots.spectra_by_level(SIX[:, 1:], []), "rows must not be empty"),
        (lambda: plots.share_by_level(AX, [], "x"), "shares must not be empty"),
        (
            lambda: plots.reduction_by_wave(AX, [3]),
            r"modes\[0\] must be a studies.complementarity",
        ),
        (lambda: plots.complementarity_panels(SIX, 3), "axes must be axes of shape"),
        (lambda: plots.boundary_value_panels(PAIR, 3, {}, "row"), r"axes must be axes of shape \(2, 3\)"),
        (lambda: plots.boundary_value_panels(SIX, 3, {}, "row"), "study must be a studies.boundary_value"),
        (lambda: plots.extreme_modes(SIX, {}), "spectra must not be empty"),
        (lambda: plots.extreme_modes(SIX[:1], MODES, 99), "count must be between 1 and 4"),
        (lambda: plots.extreme_modes(SIX, MODES), r"axes must be axes of shape \(1, 3\)"),
        (lambda: plots.sign_change_counts(AX, {1: 2}), r"spectra\[1\] must be of type Spectrum"),
        (lambda: plots.sign_change_counts(AX, MODES, 0), "every must be at least 1"),
        (
            lambda: plots.sign_change_counts(AX, {1: SINGULAR}),
            r"spectra\[1\] must hold positive eigenvalues, got array\(\[1\., 0\.",
        ),
        (lambda: plots.condition_growth(AX, [4], {1: [1.0]}), "intervals must be at least two"),
        (lambda: plots.condition_growth(AX, [4, 8], {}), "ratios must not be empty"),
        (lambda: plots.condition_growth(AX, [4, 8], {1: [1.0]}), r"ratios\[1\] must have shape"),
        (lambda: plots.residuals_by_level(SIX, []), "fields must not be empty"),
        (lambda: plots.seconds_by_order(PAIR, 3), "speed must be a studies.speed.study.Speed"),
        (lambda: plots.field(AX, {}, "solution"), "values must be those of studies.boundary"),
        (lambda: plots.field(AX, {}, "x"), "name must be one of"),
        (
            lambda: plots.residual_spectra(AX, {}, [1]),
            "values must be those of studies.boundary",
        ),
        (lambda: plots.network_diagram(AX, 3, [], []), "network must be of type KAN"),
        (lambda: plots.strengths(3, [], []), "layer must be of type SplineLayer"),
        (lambda: plots.strengths(sk.KAN.splines([2, 1]).layers[0], [], []), "params must have shape"),
    ],
)
def test_arguments_of_other_kinds_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_a_file_ends_in_png_or_pdf(tmp_path):
    figure, _ = plots.canvas()
    with pytest.raises(ValueError, match="ending"):
        plots.save(figure, tmp_path / "a.svg", "title", "text")
