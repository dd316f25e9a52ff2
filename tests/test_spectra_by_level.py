"""Spectra by level: against NumPy, singular matrices, densities against exact spectra, figures, command."""

import json
from functools import cache

import matplotlib
import numpy as np
import pytest
import scipy
import sympy
from matplotlib.figure import Figure
from scipy.sparse.linalg import aslinearoperator

import splinekan as sk
from splinekan import cli, multilevel, spectra
from splinekan.spectra.lanczos import ritz_values
from splinekan.spectra.ratios import dense_condition, dense_quantiles

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 1, (400, 2))
Y = np.sin(4 * X[:, 0]) * X[:, 1]


def objective(network):
    return sk.LeastSquares(network, X, Y, reduction="mean")


@cache
def trained():
    levels = sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=3), 2)
    start = sk.initialize(levels.network, 0, "greville")
    result = sk.nested_iteration(
        levels, lambda level: objective(level.network), sk.LevenbergMarquardt(), [5, 3], start
    )
    return levels, result


def blocks(network):
    """Coordinates w = A^T u of all parameters as a dense matrix, edge by edge."""
    parts = []
    for layer in network.layers:
        for knots in layer.knots:
            A = sk.change_of_basis(knots).toarray()
            parts.append(np.kron(A.T, np.eye(layer.n_out)))
    return scipy.linalg.block_diag(*parts)


def test_levels_without_a_budget_keep_the_numbers_of_the_others():
    levels = sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=3), 2)
    start = sk.initialize(levels.network, 0, "greville")

    def problems(level):
        return objective(level.network)

    for budgets, numbers in (([0, 2], [1]), ([2, 2], [0, 1]), ([2, 0], [0, 1])):
        result = sk.nested_iteration(levels, problems, sk.LevenbergMarquardt(), budgets, start)
        found = sk.spectra_by_level(result, objective(levels[-1].network), ("spline",))
        assert [row.level for row in found.rows] == numbers


def test_two_levels_against_numpy_in_both_bases():
    levels, result = trained()
    found = sk.spectra_by_level(result, objective(levels[-1].network), layers=True)
    assert found.n_levels == 2
    assert len(found) == 2 * 2 * 3
    for level, run in zip(levels.levels, result.results, strict=True):
        H = objective(level.network).normal_equations(run.theta)[2]
        inverse = np.linalg.inv(blocks(level.network))
        for basis, matrix in (("spline", H), ("relu", inverse.T @ H @ inverse)):
            cut = level.network.offsets[1]
            for layer, where in ((None, slice(None)), (0, slice(0, cut)), (1, slice(cut, None))):
                row = found.row(level.index, basis, layer)
                exact = np.linalg.eigvalsh(matrix[where, where])[::-1]
                assert row.parameters == len(exact)
                np.testing.assert_allclose(row.spectrum.values, exact, rtol=0, atol=1e-9 * exact[0])
            assert found.row(level.index, basis).condition.value > 1e3
        assert found.row(level.index).nullity >= 1  # a constant moves between the two edges


def test_the_finest_level_is_that_of_the_model_alone_and_a_sequence_is_as_good():
    levels, result = trained()
    problem = objective(levels[-1].network)
    whole = sk.spectra_by_level(result, problem, ("mass",))
    alone = sk.spectra_by_level(result.model, problem, ("mass",))
    listed = sk.spectra_by_level([each.model for each in result.results], problem, ("mass",))
    assert (len(alone), len(listed)) == (1, 2)
    np.testing.assert_array_equal(alone.rows[0].spectrum.values, whole.row(basis="mass").spectrum.values)
    assert listed.to_dict() == whole.to_dict()
    relu = sk.spectra_by_level(result.model.with_basis("relu"), problem, ("mass",)).rows[0].spectrum
    np.testing.assert_allclose(relu.values[:5], alone.rows[0].spectrum.values[:5], rtol=1e-8)


def test_levels_without_a_budget_count():
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=2), 3)
    start = sk.initialize(levels.network, 0, "greville")
    result = sk.nested_iteration(
        levels, lambda level: objective(level.network), sk.LevenbergMarquardt(), [0, 2, 0], start
    )
    found = sk.spectra_by_level(result, objective(levels[-1].network), ("spline",))
    assert [row.intervals for row in found.rows] == [4, 8]


def test_the_exact_hessian():
    levels, result = trained()
    problem = objective(levels[-1].network)
    theta = result.model.theta
    row = sk.spectra_by_level(result.model, problem, ("spline",), matrix="hessian").rows[0]
    exact = np.linalg.eigvalsh(sk.spectra.hessian_matrix(problem, theta))[::-1]
    np.testing.assert_allclose(row.spectrum.values, exact, rtol=0, atol=1e-12)
    sampled = sk.spectra_by_level(result.model, problem, ("spline",), matrix="hessian", method="lanczos")
    assert sampled.rows[0].condition.high == np.inf
    assert "inside the spectrum" in sampled.rows[0].condition.note
    assert "negative" in sampled.rows[0].quantile_ratio().note
    assert sampled.rows[0].spectrum.largest == pytest.approx(exact[0], rel=1e-9)


def test_residuals_of_an_equation():
    x, u = sympy.Symbol("x"), sympy.Function("u")
    equation = sk.Equation(u(x).diff(x, 2) + 1, u(x), (x,))
    networks = [sk.KAN.splines([1, 1], 3, intervals) for intervals in (4, 8)]
    points = np.linspace(0.01, 0.99, 40)[:, None]
    problem = sk.PINN(networks[1], [sk.Block(equation, points)])
    models = [sk.Model(network, np.zeros(network.n_parameters)) for network in networks]
    found = sk.spectra_by_level(models, problem)
    for level, network in enumerate(networks):
        J = sk.PINN(network, problem.blocks).jacobian(np.zeros(network.n_parameters))
        exact = np.linalg.svd(J, compute_uv=False)[: network.n_parameters] ** 2
        row = found.row(level)
        np.testing.assert_allclose(row.spectrum.values, exact, rtol=0, atol=1e-9 * exact[0])
        assert row.nullity == 2  # linear functions satisfy the homogeneous equation
        assert np.isfinite(row.condition.high)
    with pytest.raises(TypeError, match="no exact Hessian products"):
        sk.spectra_by_level(models, problem, matrix="hessian")


def spectrum(values, errors, nullity=0):
    return sk.Spectrum(np.array(values), np.array(errors), "by hand", nullity)


def test_effective_condition_numbers_of_singular_matrices():
    singular = spectrum([8.0, 2.0, 1.0, 0.0], [1e-9] * 4, 1)
    ratio = dense_condition(singular)
    assert ratio.value == 8
    assert ratio.low < 8 < ratio.high < 8.1
    assert ratio.note == ""
    unsure = spectrum([8.0, 2.0, 1e-3, 0.0], [1e-2] * 4, 1)
    ratio = dense_condition(unsure)
    assert ratio[0] == 4
    assert ratio.high == np.inf
    assert str(ratio) == ">4.0e+00"
    assert "1 eigenvalues are neither resolved" in ratio.note
    zero = dense_condition(spectrum([0.0, 0.0], [0.0, 0.0], 2))
    assert np.isnan(zero.value)
    assert zero.note
    assert str(zero) == "-"
    assert zero.record() == {"value": None, "low": None, "high": None, "note": zero.note}


def test_quantiles_leave_zeros_out_and_bound_what_is_not_resolved():
    values = np.arange(10.0, 0, -1)
    exact = spectrum([*values, 0.0, 0.0], [0.0] * 12, 2)
    assert dense_quantiles(exact, 0.9, 0.1)[:3] == (9, 9, 9)
    assert dense_quantiles(exact, 0.5, 0.2).value == 2.5
    rough = dense_quantiles(spectrum([*values, 0.0, 0.0], [0.5] * 10 + [0.0] * 2, 2), 0.9, 0.1)
    assert rough.low == 8.5 / 1.5
    assert rough.high == 9.5 / 0.5
    lost = dense_quantiles(spectrum([4.0, 0.0], [0.0, 1e-3]), 1.0, 0.1)
    assert (lost.low, lost.high) == (4000, np.inf)
    assert lost.note


def test_a_zero_matrix_has_a_reason_instead_of_a_number():
    network = sk.KAN.splines([2, 2, 1], intervals=2)
    theta = np.zeros(network.n_parameters)  # the first layer has no effect
    found = sk.spectra_by_level(sk.Model(network, theta), objective(network), layers=True)
    assert "no eigenvalue" in found.row(layer=0).condition.note
    assert json.loads(found.to_json()) == found.to_dict()
    assert np.isnan(found.plot(layer=0).lines[0].get_ydata()).all()
    sampled = sk.spectra_by_level(sk.Model(network, theta), objective(network), layers=True, method="lanczos")
    assert "no eigenvalue" in sampled.row(layer=0).condition.note
    sampled.plot(layer=0)


def matrix_of(values, seed=0):
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return (Q * values) @ Q.T


@pytest.mark.parametrize("steps", [8, 30])
def test_bounds_on_the_distribution_hold(steps):
    values = np.concatenate([np.zeros(40), np.geomspace(1e-6, 1, 160)])
    density = spectra.spectral_density(aslinearoperator(matrix_of(values)), 6, steps)
    at = np.concatenate([[-1.0, 1e-12], np.geomspace(1e-5, 2, 50)])
    low, high = density.cumulative(at)
    exact = np.array([(values <= t).mean() for t in at])
    assert (low <= exact + 1e-12).all()
    assert (exact <= high + 1e-12).all()
    assert (high - low)[-10:].max() < (0.25 if steps == 8 else 0.1)
    for share in (0.3, 0.5, 0.9):
        below, above = density.quantile(share)
        assert below <= np.sort(values)[int(share * 200) - 1] <= above
    one = spectra.spectral_density(aslinearoperator(matrix_of(values)), 1, steps)
    assert np.array_equal(one.cumulative(at), (np.zeros(len(at)), np.ones(len(at))))


def test_each_probe_is_bounded_by_its_own_rule():
    values = np.linspace(1, 2, 60)
    H = np.diag(values)
    v = np.random.default_rng(0).choice([-1.0, 1.0], 60)  # as the first probe of the seed 0
    density, _ = ritz_values(aslinearoperator(H), 1, 12, 0)
    twice = spectra.Density(np.tile(density.nodes, (2, 1)), np.tile(density.weights, (2, 1)), 60)
    at = np.linspace(0.9, 2.1, 100)
    low, high = twice.cumulative(at)
    own = np.array([(v[values <= t] ** 2).sum() / 60 for t in at])
    assert (low <= own + 1e-12).all()
    assert (own <= high + 1e-12).all()


def test_extreme_eigenvalues_from_the_probes_are_within_their_errors():
    values = np.concatenate([np.linspace(1, 2, 197), [3.0, 4.0, 0.5]])
    density, ends = ritz_values(aslinearoperator(matrix_of(values)), 4, 60, 0)
    off = np.abs(ends.values[:, None] - values).min(axis=1)
    assert (off <= ends.error).all()
    np.testing.assert_allclose(ends.values[[0, 1, -1]], [4, 3, 0.5], rtol=1e-9)
    row = spectra.LevelSpectrum(0, None, 4, 200, "spline", "gauss-newton", ends, density)
    assert row.condition.value == pytest.approx(8)
    assert row.condition.low <= 8 <= row.condition.high < 8.01
    exact = np.quantile(values, [0.1, 0.9], method="inverted_cdf")
    ratio = row.quantile_ratio()
    assert ratio.low <= exact[1] / exact[0] <= ratio.high < 4
    assert row.nullity is None
    few, rough = ritz_values(aslinearoperator(matrix_of(values)), 4, 3, 0)
    ratio = spectra.LevelSpectrum(0, None, 4, 200, "spline", "gauss-newton", rough, few).condition
    assert ratio.high == np.inf
    assert ratio.low <= 8
    assert "not resolved" in ratio.note


def test_lanczos_agrees_with_the_decomposition():
    levels, result = trained()
    problem = objective(levels[-1].network)
    exact = sk.spectra_by_level(result.model, problem, layers=True)
    found = sk.spectra_by_level(result.model, problem, method="lanczos", layers=True, seed=1)
    for a, b in zip(exact.rows, found.rows, strict=True):
        assert (a.basis, a.layer, b.method) == (b.basis, b.layer, "lanczos")
        assert b.spectrum.largest == pytest.approx(a.spectrum.largest, rel=1e-9)
        assert b.condition.low <= a.condition.high
        q, p = a.quantile_ratio(), b.quantile_ratio()
        assert p.low <= q.high
        assert q.low <= p.high
    assert "?" in found.table()
    again = sk.spectra_by_level(result.model, problem, method="lanczos", layers=True, seed=1)
    assert again.to_json() == found.to_json()


def test_with_few_samples_the_tangent_kernel_has_the_same_eigenvalues():
    network = sk.KAN.splines([2, 4, 1], intervals=8)
    model = sk.Model(network, sk.initialize(network, 0, "greville"))
    problem = sk.LeastSquares(network, X[:30], Y[:30])
    exact = sk.spectra_by_level(model, problem, ("spline", "mass"), layers=True)
    found = sk.spectra_by_level(model, problem, ("spline", "mass"), method="lanczos", layers=True)
    for a, b in zip(exact.rows, found.rows, strict=True):
        assert b.density.size == 30 < b.parameters == len(a.spectrum)
        # With as many steps as rows the rules are exact.
        np.testing.assert_allclose(np.sort(b.density.nodes[0])[::-1][:9], a.spectrum.values[:9], rtol=1e-8)
        assert b.quantile_ratio(0.9, 0.6).low <= a.quantile_ratio(0.9, 0.6).high
    ax = found.plot()
    assert max(line.get_xdata().max() for line in ax.lines) <= 30 / network.n_parameters


def test_small_blocks_are_assembled():
    network = sk.KAN.affine_first([2, 2, 1], 3, 20)
    model = sk.Model(network, sk.initialize(network, 0))
    found = sk.spectra_by_level(model, objective(network), ("relu",), method="lanczos", layers=True)
    exact = sk.spectra_by_level(model, objective(network), ("relu",), layers=True)
    first = found.row(basis="relu", layer=0).spectrum
    assert len(first) == network.layers[0].n_parameters
    np.testing.assert_allclose(first.values, exact.row(basis="relu", layer=0).spectrum.values, rtol=1e-6)


def test_preconditioned_spectra_by_level():
    levels, result = trained()
    B = multilevel.GaussNewtonBPX(levels)
    problem = objective(levels[-1].network)
    found = sk.spectra_by_level(result, problem, preconditioner=B)
    for level in range(2):
        want = spectra.preconditioned_spectrum(
            objective(levels[level].network), result.results[level].theta, B
        )
        row = found.row(level, preconditioned=True)
        np.testing.assert_allclose(row.spectrum.values, want.values)
        assert row.condition.value < found.row(level).condition.value
    assert "preconditioned" in found.table()
    with pytest.raises(ValueError, match="layer must be None"):
        sk.spectra_by_level(result, problem).row(preconditioned=True)


def test_the_table_and_the_file(tmp_path):
    levels, result = trained()
    found = sk.spectra_by_level(result, objective(levels[-1].network))
    lines = found.table().splitlines()
    assert lines[0].split()[:5] == ["level", "G", "parameters", "basis", "zero"]
    assert len(lines) >= 5
    assert str(found) == found.table()
    path = tmp_path / "s.json"
    text = found.to_json(path)
    assert json.loads(path.read_text()) == json.loads(text) == found.to_dict()
    with pytest.raises(FileExistsError, match="force"):
        found.to_json(path)
    found.to_json(path, force=True)


def test_figures_obey_the_style_of_the_user():
    levels, result = trained()
    found = sk.spectra_by_level(result, objective(levels[-1].network))
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        ours = found.plot()
        assert ours.lines[0].get_color() == "#0072B2"
        assert ours.lines[0].get_color() == ours.lines[1].get_color() != ours.lines[2].get_color()
        assert ours.lines[0].get_linestyle() != ours.lines[1].get_linestyle()
        assert not ours.get_legend().get_frame_on()
    style = {
        "axes.prop_cycle": matplotlib.cycler(color=["#111111", "#222222", "#333333"]),
        "lines.linewidth": 3.5,
        "figure.figsize": (3.0, 2.5),
        "legend.frameon": True,
        "legend.fontsize": 5.0,
        "axes.facecolor": "#eeeeee",
        "font.size": 7.0,
    }
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **style, "legend.frameon": False}):
        theirs = found.plot()
        assert theirs.lines[0].get_color() == "#111111"
        assert theirs.lines[1].get_color() == "#111111"
        assert theirs.lines[0].get_linewidth() == 3.5
        assert tuple(theirs.figure.get_size_inches()) == (3.0, 2.5)
        assert theirs.get_legend().get_texts()[0].get_fontsize() == 5
        assert matplotlib.colors.to_hex(theirs.get_facecolor()) == "#eeeeee"
        assert theirs.xaxis.label.get_fontsize() == 7
    assert ours._repr_png_().startswith(b"\x89PNG"), "Jupyter shows what a cell ends with"
    ax = Figure().subplots()
    assert found.plot(ax) is ax
    drawn = ax.lines[0].get_ydata()
    row = found.row(0)
    np.testing.assert_array_equal(drawn[row.spectrum.resolved], row.spectrum.values[row.spectrum.resolved])


def test_figures_of_densities_layers_and_negative_values():
    levels, result = trained()
    problem = objective(levels[-1].network)
    found = sk.spectra_by_level(result.model, problem, ("spline",), method="lanczos", layers=True)
    assert len(found.plot().collections) == 1
    assert len(found.plot(layer=1).lines) == 1
    for method in ("dense", "lanczos"):
        hessian = sk.spectra_by_level(result.model, problem, ("spline",), matrix="hessian", method=method)
        ax = hessian.plot()
        crosses = sum(len(line.get_xdata()) for line in ax.lines[1:])
        assert crosses == (hessian.rows[0].spectrum.values < 0).sum() * (method == "dense")
    with pytest.raises(ValueError, match="layer must be None or one of"):
        found.plot(layer=7)
    with pytest.raises(TypeError, match="ax must be of type Axes"):
        found.plot(3)


def test_what_is_refused():
    levels, result = trained()
    problem = objective(levels[-1].network)
    one_input = sk.LeastSquares(sk.KAN.splines([1, 1]), X[:, :1], Y)
    big = sk.KAN.splines([2, 60, 1], intervals=20)
    large = sk.Model(big, np.zeros(big.n_parameters))
    B = multilevel.GaussNewtonBPX(levels)
    for error, reason, arguments, options in (
        (TypeError, "model must be a Model", (3, problem), {}),
        (TypeError, "model must be a Model", ("model", problem), {}),
        (TypeError, r"model\[1\] must be", ([result.model, 3], problem), {}),
        (ValueError, "model must not be empty", ([], problem), {}),
        (TypeError, "finest level", (result, lambda level: problem), {}),
        (ValueError, "2 inputs and 1 outputs", (result, one_input), {}),
        (TypeError, "bases must be a sequence", (result, problem, "relu"), {}),
        (ValueError, r"bases\[0\] must be one of", (result, problem, ("b-spline",)), {}),
        (ValueError, "bases must not be empty", (result, problem, ()), {}),
        (ValueError, "matrix must be", (result, problem), {"matrix": "fisher"}),
        (ValueError, "method must be", (result, problem), {"method": "qr"}),
        (ValueError, "probes must be at least 2", (result, problem), {"probes": 1}),
        (ValueError, "steps", (result, problem), {"steps": 0}),
        (TypeError, "layers must be", (result, problem), {"layers": 1.5}),
        (TypeError, "preconditioner must be callable", (result, problem), {"preconditioner": 3}),
        (ValueError, "for the matrix", (result, problem), {"preconditioner": B, "matrix": "hessian"}),
        (ValueError, "up to 3000 parameters", (large, problem), {"method": "dense"}),
        (ValueError, "up to 3000 parameters", (large, problem), {"preconditioner": B}),
        (TypeError, "seed", (result, problem), {"seed": None}),
    ):
        with pytest.raises(error, match=reason):
            sk.spectra_by_level(*arguments, **options)
    found = sk.spectra_by_level(result, problem)
    with pytest.raises(ValueError, match="level must be"):
        found.row(5)
    with pytest.raises(ValueError, match="basis must be one of 'spline', 'relu'"):
        found.row(basis="mass")
    with pytest.raises(ValueError, match="low must be less than high"):
        found.rows[0].quantile_ratio(0.1, 0.9)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model and a table."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{a!r},{y!r},{b!r}\n" for (a, b), y in zip(X[:60].tolist(), Y[:60].tolist(), strict=True))
    (tmp_path / "d.csv").write_text("a,y,b\n" + rows)
    network = sk.KAN.splines([2, 2, 1], intervals=3)
    sk.save("m.npz", sk.Model(network, sk.initialize(network, 0, "greville"), names=("a", "b")))
    return tmp_path


def test_the_command(here, capsys):
    model = sk.load("m.npz")
    assert cli.main(["spectra", "m.npz", "d.csv", "--json", "s.json", "--pdf", "s.pdf"]) == 0
    out, error = capsys.readouterr()
    want = sk.spectra_by_level(model, sk.LeastSquares(model.network, X[:60], model(X[:60]), reduction="mean"))
    assert out == want.table() + "\n"
    assert error == "wrote s.pdf\nwrote s.json\n"
    assert json.loads((here / "s.json").read_text())["spectra"] == want.to_dict()["spectra"]
    assert (here / "s.pdf").read_bytes()[:5] == b"%PDF-"
    hessian = ["--target", "y", "--matrix", "hessian", "--basis", "spline", "--figure", "s.png"]
    assert cli.main(["spectra", "m.npz", "d.csv", *hessian]) == 0
    problem = sk.LeastSquares(model.network, X[:60], Y[:60], reduction="mean")
    want = sk.spectra_by_level(model, problem, ("spline",), matrix="hessian")
    assert capsys.readouterr().out == want.table() + "\n"
    assert (here / "s.png").exists()


def test_what_the_command_refuses(here, capsys):
    before = (here / "d.csv").read_bytes()
    for words, reason in (
        (["--matrix", "hessian"], "needs --target"),
        (["--target", "z"], "no column 'z'"),
        (["--target", "y", "--target", "a"], "must be given 1 times"),
        (["--pdf", "s.png"], "must end in .pdf"),
        (["--json", "d.csv", "--force"], "not overwritten"),
        (["--seed", "-1"], "--seed"),
    ):
        assert cli.main(["spectra", "m.npz", "d.csv", *words]) == 2
        out, error = capsys.readouterr()
        assert out == ""
        assert reason in error
        assert error.count("\n") == 1
    assert (here / "d.csv").read_bytes() == before
