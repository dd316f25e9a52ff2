"""Figures of models: names, units and ranges of the user, breakpoints, and what is outside the domain."""

import io
import re
from dataclasses import replace

import cases
import numpy as np
import pytest
import sympy

import splinekan as sk
from splinekan import plots
from splinekan.equations import Features
from splinekan.formulas.reading import read
from splinekan.model import Model
from splinekan.model.record import FitRecord
from splinekan.plots.mathematics import _width

BOUNDS = ((1e5, 3e5), (-1e-3, 1e-3))


def scaled(n_out=1, names=("pressure", "length"), record=True):
    """A model of inputs in unlike units, the outputs 1000 and 50 g."""
    net = sk.KAN(
        [
            sk.Normalizer(2, "affine", source=BOUNDS),
            *sk.KAN.splines([2, 3, n_out], 3, 4).layers,
            sk.Normalizer(n_out, "affine", [(900.0, 1100.0), (-50.0, 50.0)][:n_out]),
        ]
    )
    made = FitRecord(BOUNDS, "squared", 10) if record else None
    theta = sk.initialize(net, 0, "greville") + np.random.default_rng(0).normal(size=net.n_parameters)
    return Model(net, theta, names=names, record=made)


def texts(figure):
    inside = [text.get_text() for child in figure.axes[0].child_axes for text in child.texts]
    return [text.get_text() for text in figure.axes[0].texts] + inside


@pytest.mark.parametrize("record", [True, False])
def test_names_and_ranges_are_those_of_the_user(record):
    figure = scaled(record=record).plot()
    words = texts(figure)
    assert len(figure.axes[0].child_axes) == 9
    assert "pressure\n1e5 … 3e5" in words
    assert "length\n-0.001 … 0.001" in words
    assert sum(word.startswith("y\n") for word in words) == 1
    assert [words.count(word) for word in ("1e5", "3e5", "-0.001", "0.001")] == [3, 3, 3, 3]
    assert "affine" not in words


def test_a_key_explains_what_is_drawn():
    def key(model):
        return [text.get_text() for text in model.plot().axes[0].get_legend().get_texts()]

    assert key(scaled())[0] == "spline, ticks at breakpoints"
    assert len(key(scaled())) == 3
    assert "formula" in key(formulas())
    affine = Model(sk.MLP([2, 3, 1]), np.zeros(13))
    assert affine.plot(np.eye(2)).axes[0].get_legend() is None


def test_points_determine_the_ranges():
    x = np.random.default_rng(0).uniform([1.1e5, 0], [1.9e5, 5e-4], (50, 2))
    x[0], x[1] = [1.1e5, 0], [1.9e5, 5e-4]
    words = texts(scaled().plot(x))
    assert "pressure\n1.1e5 … 1.9e5" in words
    assert "length\n0 … 0.0005" in words


def test_the_bar_measures_values_in_the_units_of_the_output():
    model = scaled()
    figure = model.plot()
    bars = [line for line in figure.axes[0].lines if line.get_linewidth() == 2 and line.get_color() == "0.3"]
    labels = [float(text.get_text()) for text in figure.axes[0].texts if text.get_rotation() == 90]
    assert len(bars) == len(labels) == 2
    frames = [child for child in figure.axes[0].child_axes if child.get_position().y0 > 0][-3:]
    low, high = frames[0].get_ylim()
    # A frame of the last layer spans high - low in the units of the network, 100 times that in those of y.
    box = frames[0].get_window_extent().transformed(figure.axes[0].transData.inverted())
    bar = np.ptp(bars[-1].get_ydata()) / box.height
    assert labels[-1] == pytest.approx(100 * (high - low) * bar, rel=0.01)


def test_networks_of_every_kind_are_drawn():
    x = np.random.default_rng(0).uniform(0, 1, (20, 2))
    for name, net in cases.networks().items():
        model = Model(net, np.random.default_rng(0).normal(size=net.n_parameters))
        assert len(model.plot(x, most=5).axes[0].child_axes) == sum(
            min(len(drawn_edges(layer)), 5) for layer in net.layers
        ), name


def drawn_edges(layer):
    """The edges of a layer that carry their functions."""
    if isinstance(layer, sk.FormulaLayer):
        return {(term.input, term.output) for term in layer.terms}
    splines = isinstance(layer, (sk.SplineLayer, sk.Sum))
    return {(p, q) for p in range(layer.n_in) for q in range(layer.n_out) if splines}


def test_formulas_are_green_and_products_have_their_sign():
    even = sk.uniform_knots(0, 1, 4, 3)
    formula = sk.FormulaLayer(2, 2, [sk.Term(0, 0, ["sin"]), sk.Term(0, 0), sk.Term(1, 0, ["sqrt"])])
    net = sk.KAN([sk.Sum([sk.SplineLayer(2, 2, even), formula]), sk.Product(2, [(0, 1), (1,)]), formula])
    model = Model(net, np.random.default_rng(0).uniform(0.5, 1, net.n_parameters), names=("a", "b"))
    x = np.random.default_rng(1).uniform(0, 1, (30, 2))
    ax = model.plot(x).axes[0]
    assert [text.get_text() for text in ax.texts].count("×") == 1
    colors = [child.lines[0].get_color() for child in ax.child_axes]
    assert sorted((colors.count("#009E73"), colors.count("#D55E00"))) == [2, 4]
    inputs = net.linearize(model.theta, x).inputs
    # An edge of a sum is the sum of its functions.
    low, high = -0.08, 1.08
    figure = model.plot_edge(0, "a", 0, x)
    at, values = curve(figure).T
    assert (at[0], at[-1]) == (pytest.approx(low), pytest.approx(high))
    moved = np.column_stack([at, np.full(len(at), 0.3)])
    want = net.layers[0].value(model.theta[: net.offsets[1]], moved)[:, 0]
    np.testing.assert_allclose(values - values[0], want - want[0], atol=1e-12)
    # One without splines is drawn on the range of the data, its terms added.
    figure = model.plot_edge(1, 0, 0, x)
    at, values = curve(figure).T
    assert (at[0], at[-1]) == (inputs[2][:, 0].min(), inputs[2][:, 0].max())
    moved = np.column_stack([at, np.full(len(at), 0.3)])
    want = net.layers[2].value(model.theta[net.offsets[2] :], moved)[:, 0]
    np.testing.assert_allclose(values - values[0], want - want[0], atol=1e-12)
    assert figure.axes[0].get_xlabel() == "input 0 of layer 1"
    strength = plots.strengths(net.layers[2], model.theta[net.offsets[2] :], inputs[2])
    np.testing.assert_array_equal(strength[:, 1], 0)
    assert strength[0, 0] == pytest.approx(
        net.layers[2]
        .value(model.theta[net.offsets[2] :], np.c_[inputs[2][:, 0], np.full(30, 0.3)])
        .std(axis=0)[0]
    )


def test_samples_at_which_formulas_are_undefined_are_left_out():
    layer = sk.FormulaLayer(1, 1, [sk.Term(0, 0, ["log"], (1, 1, 0))], 0.0)
    model = Model(sk.KAN([layer, layer]), np.zeros(0))
    x = np.linspace(-1, 3, 9)[:, None]  # log log x for x > 1
    figure = model.plot(x)
    assert any(word.endswith("1.5 … 3") for word in texts(figure))
    at, values = curve(model.plot_edge(1, 0, 0, x)).T
    assert (at[0], at[-1]) == (pytest.approx(np.log(0.5)), pytest.approx(np.log(3)))
    np.testing.assert_allclose(values[at > 0], np.log(at[at > 0]))
    assert np.isnan(values[at < 0]).all()
    with pytest.raises(ValueError, match="at which the network is finite"):
        model.plot(x[:3])
    with pytest.raises(ValueError, match="at which the input of the edge is finite"):
        model.plot_edge(1, 0, 0, x[:2])


def test_features_are_inputs():
    s, t = sympy.symbols("s t")
    features = Features([s, t], [sympy.cos(s)], [(0, 4), (1, 2)])
    net = sk.KAN.splines([3, 1], domain=(-1, 1))
    model = Model(net, np.ones(net.n_parameters), features)
    words = texts(model.plot())
    assert {"s\n-1 … 1", "t\n-1 … 1"} <= set(words)
    assert sum(word.startswith("cos(s)") for word in words) == 1
    assert model.plot_edge(0, "cos(s)", 0).axes[0].get_xlabel() == "cos(s)"


def curve(figure):
    return figure.axes[0].lines[0].get_xydata()


def test_an_edge_of_the_first_layer_is_in_the_units_of_x():
    model = scaled(2)
    figure = model.plot_edge(0, "length", 2)
    ax = figure.axes[0]
    x, y = curve(figure).T
    assert (x[0], x[-1]) == (pytest.approx(-1.16e-3), pytest.approx(1.16e-3))
    assert ax.get_xlabel() == "length"
    points = ax.lines[1].get_xdata()
    np.testing.assert_allclose(points, np.linspace(-1e-3, 1e-3, 5), atol=1e-15)
    # The function, against the layer's part of this input.
    layer = model.network.layers[1]
    params = model.network.unpack(model.theta)[1]["coefficients"][1][:, 2]
    spline = sk.Spline(layer.knots[1], params)
    np.testing.assert_allclose(y, spline((x + 1e-3) / 2e-3), atol=1e-12)
    shaded = [patch.get_x() for patch in ax.patches]
    assert len(shaded) == 2


def test_an_edge_of_the_last_layer_is_in_the_units_of_the_output():
    model = Model(scaled(2).network, scaled(2).theta, output_names=("mass", "charge $e$"))
    figure = model.plot_edge(1, 0, "charge $e$")
    assert figure.axes[0].get_ylabel() == r"contribution to charge \$e\$"
    x, y = curve(figure).T
    spline = sk.Spline(
        model.network.layers[2].knots[0], model.network.unpack(model.theta)[2]["coefficients"][0]
    )
    np.testing.assert_allclose(y, 50 * spline(x)[:, 1], atol=1e-10)
    assert figure.axes[0].get_xlabel() == "input 0 of spline layer 1"


def test_data_are_marked_and_widen_the_range():
    model = scaled(record=False)
    x = np.random.default_rng(0).uniform([0, 0], [9e5, 1e-3], (30, 2))
    figure = model.plot_edge(0, 0, 0, x)
    marks = figure.axes[0].lines[2].get_xdata()
    np.testing.assert_allclose(marks, x[:, 0])
    assert figure.axes[0].get_xlim()[1] == pytest.approx(x[:, 0].max())
    hidden = model.network.linearize(model.theta, x).inputs[2]
    np.testing.assert_allclose(model.plot_edge(1, 2, 0, x).axes[0].lines[2].get_xdata(), hidden[:, 2])


@pytest.mark.parametrize("base", [None, "silu"])
@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_bases_look_the_same_and_base_branches_are_drawn(base, basis):
    net = sk.KAN.splines([2, 2], base=base)
    model = Model(net, np.random.default_rng(0).normal(size=net.n_parameters)).with_basis(basis)
    x, y = curve(model.plot_edge(0, 1, 0)).T
    zero = np.zeros_like(x)
    both = model(np.column_stack([zero, x]))[:, 0] - model(np.column_stack([zero, zero]))[:, 0]
    np.testing.assert_allclose(y - y[np.argmin(np.abs(x))], both - both[np.argmin(np.abs(x))], atol=1e-8)


def test_periodic_edges_are_drawn_on_a_period():
    angle = sk.KnotVector.uniform(0, 360, 6, 3, periodic=True)
    net = sk.KAN([sk.SplineLayer(1, 1, angle)])
    model = Model(net, np.random.default_rng(0).normal(size=6))
    x = np.array([[-10.0], [370.0], [1000.0]])
    figure = model.plot_edge(0, 0, 0, x)
    assert figure.axes[0].get_xlim() == (0, 360)
    np.testing.assert_allclose(figure.axes[0].lines[2].get_xdata(), [350, 10, 280])
    assert not figure.axes[0].patches


def above(figure):
    """The formulas above a figure, and the note on their errors."""
    return figure.get_suptitle().split("\n"), figure.axes[0].get_title().replace("\n", " ")


def formulas(names=("a", "b")):
    """A model that is the formula 2 sin(3 a) + sqrt(b), 0.5 a b."""
    terms = [
        sk.Term(0, 0, ["sin"], [2.0, 3.0, 0.0]),
        sk.Term(1, 0, ["sqrt"], [1.0, 1.0, 0.0]),
        sk.Term(0, 1, (), [0.5]),
        sk.Term(1, 2, (), [1.0]),
    ]
    net = sk.KAN([sk.FormulaLayer(2, 3, terms, 0.0), sk.Product(3, [(0,), (1, 2)])])
    return Model(net, [], names=names, record=FitRecord(((0.0, 1.0), (0.1, 1.0)), "squared", 10))


def test_a_network_of_formulas_is_written_above_its_picture():
    lines, note = above(formulas().plot(formula=True))
    assert lines[0].replace(" ", "") == r"$y_{1}=\sqrt{b}+2\sin{\left(3a\right)}$"
    assert lines[1].replace(" ", "") == r"$y_{2}=\frac{ab}{2}$"
    assert note == ""
    plain = [line.plain for line in read(formulas())]
    assert plain[0] in ("y1 = sqrt(b) + 2*sin(3*a)", "y1 = 2*sin(3*a) + sqrt(b)")


def test_splines_are_explained():
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    model = sk.fit(x, x[:, 0] ** 2 + np.exp(x[:, 1]), hidden=(), levels=4, progress=False)
    lines, note = above(model.plot(formula=True))
    assert [each.replace(" ", "") for each in lines] == ["$y=x_{1}^{2}+e^{x_{2}}$"]
    assert re.fullmatch(r"root mean square error \S+, largest \S+, from the model \S+", note)
    found = sk.symbolic(model, x)
    assert above(model.plot(formula=found))[0] == lines
    assert read(model, found)[0].error == found.grid_error[0]


def test_expressions_are_compared_with_the_model():
    a, b = sympy.symbols("a b")
    model = formulas()
    exact = [2 * sympy.sin(3 * a) + sympy.sqrt(b), a * b / 2]
    assert [line.error < 1e-14 for line in read(model, exact)] == [True, True]
    wrong = [exact[0] + sympy.Rational(1, 4), sympy.Function("s1")(a)]
    assert [line.error for line in read(model, wrong, [[0.5, 0.5], [0.2, 0.3]])] == [
        pytest.approx(0.25),
        None,
    ]
    lines, note = above(model.plot(formula=wrong))
    assert "s_{1}" in lines[1]
    assert (
        note == "y1: largest difference from the model 0.25; y2: the difference from the model is not known"
    )
    scores = replace(model, record=replace(model.record, loss="softmax"))
    assert above(scores.plot(formula=exact))[1].endswith("; outputs are logits")


@pytest.mark.parametrize("name", ["a\\b", "50 % $^2_", "x#1", "", "größe & {gewicht}", "lambda", "pi", "E"])
def test_odd_names_can_be_drawn(name):
    symbol, b = sympy.Symbol(name), sympy.Symbol("b")
    figure = formulas((name, "b")).plot(formula=[sympy.sin(symbol) / b, sympy.Max(symbol, b)])
    figure.savefig(io.BytesIO(), format="png", dpi=40)


def test_long_formulas_are_broken_and_cut():
    a, b = sympy.symbols("a b")
    model = formulas()
    long = sum(sympy.sin(k * a) * b**k for k in range(1, 10))
    lines, _ = above(model.plot(formula=[long, a]))
    assert len(lines) == 3
    assert "".join(lines[:2]).count("sin") == 9
    lines, _ = above(model.plot(formula=[sum(sympy.sin(k * a) * b**k for k in range(1, 40)), a]))
    assert len(lines) == 4
    assert lines[2].endswith(r"+ \ldots$")
    for inseparable in (sympy.exp(long) + b, sympy.Piecewise((long, a < 0), (b, True))):
        lines, _ = above(model.plot(formula=[inseparable, a]))
        assert "$" not in "".join(lines[:-1])
    lines, _ = above(model.plot(formula=[sympy.exp(5 * sum(b**k * sympy.cos(k * a) for k in range(40))), a]))
    assert lines[2].endswith("...")
    widest = max(_width(line.strip("$")) for line in above(model.plot(formula=[long, a]))[0])
    assert widest < 72 * model.plot().get_size_inches()[0]
    many = Model(sk.MLP([2, 6]), np.zeros(18))
    lines, _ = above(many.plot(np.eye(2), formula=True))
    assert lines[-1] == "... and 2 more"


PLAIN = Model(sk.MLP([1, 2, 1]), np.zeros(7))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.plot(np.zeros((2, 3))), ValueError, "x must have shape"),
        (lambda m: m.plot(np.array([[2e5, 0.0]])), ValueError, "x must hold at least 2 samples"),
        (lambda m: m.plot(most=-1), ValueError, "most must be at least 0"),
        (lambda m: m.plot_edge(2, 0, 0), ValueError, "layer must be between 0 and 1"),
        (lambda m: m.plot_edge(0, 2, 0), ValueError, "input must be between 0 and 1"),
        (lambda m: m.plot_edge(0, "speed", 0), ValueError, "input must be one of .*pressure"),
        (lambda m: m.plot_edge(1, "pressure", 0), TypeError, "input must be a number from 0 to 2"),
        (lambda m: m.plot_edge(0, 0, "y"), TypeError, "output must be a number from 0 to 2"),
        (lambda m: m.plot_edge(0, 0, 1.5), TypeError, "output must be an integer"),
        (lambda m: plots.model_figure(3), TypeError, "model must be of type Model"),
        (lambda m: plots.edge_figure(3, 0, 0, 0), TypeError, "model must be of type Model"),
        (
            lambda m: Model(sk.MLP([1, 2, 1]), np.zeros(7)).plot_edge(0, 0, 0),
            ValueError,
            "model must have spline",
        ),
        (lambda m: Model(sk.MLP([1, 2, 1]), np.zeros(7)).plot(), ValueError, "x must be given"),
        (lambda m: m.plot(formula="x"), TypeError, "formula must be a Formula"),
        (lambda m: m.plot(formula=3), TypeError, "formula must be a Formula"),
        (lambda m: m.plot(formula=[]), ValueError, "formula must hold an expression for 1 outputs, got 0"),
        (lambda m: m.plot(formula=sympy.Symbol("t")), ValueError, "formula must be in the symbols"),
        (
            lambda m: m.plot(np.tile([2e5, 0.0], (3, 1)), formula=True),
            ValueError,
            "x must hold at least 20 points",
        ),
        (lambda m: plots.model_figure(m, caption="y = x"), TypeError, "caption must be of type Caption"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(scaled())
