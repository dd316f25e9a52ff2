"""Networks of pykan and efficient-kan as models: the outputs that these libraries computed, and bad states.

The states were made by make_interop_states.py; with the libraries at hand its networks are converted too.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import make_interop_states as makers
import numpy as np
import pytest
from cases import COMPILED

import splinekan as sk

SINGLE, DOUBLE = 2e-6, 1e-12
"""Largest deviations in units of 1 + the largest output: where the library rounds to float32, to float64."""


def stored():
    """(library, name) -> state, options, points, outputs of float32 and of float64."""
    found = {}
    with np.load(Path(__file__).parent / "data" / "interop.npz") as file:
        for key in file.files:
            library, name, entry = key.split("/")
            found.setdefault((library, name), {})[entry] = file[key]
    for case in found.values():
        options = json.loads(case.pop("options").item())
        sizes = [int(np.prod(shape)) for shape in options["shapes"].values()]
        numbers = np.split(case.pop("numbers"), np.cumsum(sizes)[:-1])
        pairs = zip(options["shapes"].items(), numbers, strict=True)
        case["state"] = {name: part.reshape(shape) for (name, shape), part in pairs}
        case["lacks"] = options["lacks"]
    return found


CASES = stored()
each_case = pytest.mark.parametrize(("library", "name"), CASES, ids=lambda value: value)
CONVERT = {"pykan": sk.from_pykan, "efficient-kan": sk.from_efficient_kan}


def converted(library, name, **options):
    case = CASES[library, name]
    return CONVERT[library](case["state"], case["lacks"], **options)


def deviation(model, x, want):
    got = model(x.astype(np.float64))
    assert np.array_equal(np.isnan(got), np.isnan(want))
    return np.nanmax(np.abs(got - want)) / (1 + np.nanmax(np.abs(want)))


@each_case
def test_outputs_are_those_of_the_library_inside_and_outside_of_the_grid(library, name):
    case, model = CASES[library, name], converted(library, name)
    assert deviation(model, case["x"], case["double"]) < DOUBLE
    assert deviation(model, case["x"], case["single"]) < SINGLE
    assert np.isfinite(case["double"]).mean() > 0.5


@each_case
def test_another_continuation_agrees_in_the_grids_and_needs_fewer_parameters(library, name):
    exact, model = converted(library, name), converted(library, name, extrapolate="linear")
    assert model.n_parameters <= exact.n_parameters
    splines = [layer for layer in model.network.layers if isinstance(layer, sk.SplineLayer)]
    assert all(layer.extrapolate == "linear" for layer in splines)
    x = CASES[library, name]["x"]
    inside = np.ones(len(x), bool)
    for layer, values in zip(
        model.network.layers, model.network.linearize(model.theta, x.astype(np.float64)).inputs, strict=True
    ):
        for part in getattr(layer, "layers", [layer]):
            if isinstance(part, sk.SplineLayer):
                low, high = np.array(part.domain).T
                inside &= ((values >= low) & (values <= high)).all(axis=1)
    assert np.allclose(model(x)[inside], exact(x)[inside], rtol=0, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("degree", COMPILED)
def test_splines_fall_to_0_outside_as_scipy_continues_each_b_spline(degree):
    rng = np.random.default_rng(degree)
    grid = np.sort(rng.uniform(-1, 1, (1, 4 + 2 * degree)), axis=1)
    c = rng.normal(size=(1, 1, 3 + degree))
    state = {"layers.0.grid": grid, "layers.0.base_weight": np.zeros((1, 1)), "layers.0.spline_weight": c}
    model = sk.from_efficient_kan(state, "zero")
    from scipy.interpolate import BSpline

    x = np.append(np.linspace(-2, 2, 200), grid)  # intervals are closed on the left
    want = sum(
        value * np.nan_to_num(BSpline.basis_element(grid[0, i : i + degree + 2], extrapolate=False)(x))
        for i, value in enumerate(c.ravel())
    )
    if degree == 0:
        at = np.searchsorted(grid[0], x, side="right") - 1
        want = np.where((at >= 0) & (at < 3), c.ravel()[np.clip(at, 0, 2)], 0.0)
    assert np.abs(model(x[:, None])[:, 0] - want).max() < 1e-11
    if degree == 0:
        return
    edge = model.edge(0, 0, 0)
    assert np.abs(edge(x) - want).max() < 1e-11
    padded = edge.c[: len(grid[0])]
    assert np.count_nonzero(edge.c) == np.count_nonzero(padded) == c.size


def test_models_can_be_trained_saved_and_refined(tmp_path):
    for (library, name), case in CASES.items():
        if name not in ("plain", "symbolic and numerical", "products", "tanh base", "adapted grids"):
            continue
        model = converted(library, name)
        x = case["x"][: makers.N // 2].astype(np.float64)
        fine = model.refine()
        assert fine.n_parameters > model.n_parameters
        assert np.allclose(fine(x), model(x), rtol=0, atol=1e-12)
        sk.save(tmp_path / "model.npz", model, force=True)
        again = sk.load(tmp_path / "model.npz")
        assert np.array_equal(again(x), model(x))
        objective = sk.LeastSquares(model.network, x, model(x) + 0.1)
        result = sk.LevenbergMarquardt().minimize(objective, model.theta, iterations=8, progress=False)
        assert result.value < 0.9 * objective.value(model.theta)
        step = 1e-6
        at = x[:5]
        ahead, behind = (model(at + sign * step * np.eye(model.n_in)[0]) for sign in (1, -1))
        slope = model.gradient(at)[:, :, 0]
        assert np.allclose(slope, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-6)


def test_what_a_network_is_made_of():
    plain = converted("pykan", "plain")
    assert [type(layer) for layer in plain.network.layers] == [sk.SplineLayer] * 2
    assert [layer.base for layer in plain.network.layers] == ["silu"] * 2
    first = converted("pykan", "zero base").network.layers[0]
    assert type(first).__name__ == "Sum"  # of splines without a base branch, and of biases
    assert first.layers[0].base is None
    assert first.layers[1].terms == ()
    kinds = [type(layer).__name__ for layer in converted("pykan", "products").network.layers]
    assert kinds.count("Product") == 2


# Bad states


def state_of(library="pykan", name="plain"):
    return dict(CASES[library, name]["state"])


@pytest.mark.parametrize("library", ["pykan", "efficient-kan"])
def test_every_entry_of_a_state_is_needed_and_checked(library):
    convert, lacks = CONVERT[library], CASES[library, "plain"]["lacks"]
    state = state_of(library)
    for key, value in state.items():
        if key.endswith("spline_scaler"):
            continue
        with pytest.raises(ValueError, match=r"model|config"):
            convert({name: each for name, each in state.items() if name != key}, lacks)
        for bad in (value[..., :0], value[None], np.full_like(value, np.nan), np.concatenate([value] * 5)):
            with pytest.raises(ValueError, match="model"):
                convert(state | {key: bad}, lacks)
        for bad in (value + 1j, np.ma.masked_array(value), "text", None):
            with pytest.raises(TypeError, match="model"):
                convert(state | {key: bad}, lacks)
    with pytest.raises(ValueError, match="model holds 'more', which is not an entry of"):
        convert(state | {"more": np.zeros(1)}, lacks)
    with pytest.raises(ValueError, match="model holds 'more' and 1 more entries"):
        convert(state | {"more": np.zeros(1), "other": np.zeros(1)}, lacks)


def test_states_of_the_other_library_are_recognised():
    with pytest.raises(ValueError, match="it is one of efficient-kan: see from_efficient_kan"):
        sk.from_pykan(state_of("efficient-kan"))
    with pytest.raises(ValueError, match="it is one of pykan: see from_pykan"):
        sk.from_efficient_kan(state_of("pykan"), "silu")


@pytest.mark.parametrize("junk", [None, 3, "model", np.zeros(3), [1, 2], sk.KAN.splines([1, 1])])
def test_other_objects_are_refused(junk):
    with pytest.raises(TypeError, match="model must be a KAN of pykan"):
        sk.from_pykan(junk)
    with pytest.raises(TypeError, match="model must be a KAN or a KANLinear of efficient-kan"):
        sk.from_efficient_kan(junk)
    with pytest.raises(TypeError, match="names as keys"):
        sk.from_pykan({1: 2})
    with pytest.raises(ValueError, match="model must be a state"):
        sk.from_pykan({})
    with pytest.raises(ValueError, match="model must be a state"):
        sk.from_efficient_kan({}, "silu")


def test_what_the_state_lacks_must_be_given():
    with pytest.raises(ValueError, match="config must hold 'base_fun_name'"):
        sk.from_pykan(state_of())
    with pytest.raises(ValueError, match="base must be given with a state dictionary"):
        sk.from_efficient_kan(state_of("efficient-kan"))
    base = {"base_fun_name": "silu"}
    sk.from_pykan(state_of(), base)
    with pytest.raises(
        ValueError, match=r"symbolic.funs_name.0'.*edge from input 0 to node 0 of layer 0 is sym"
    ):
        sk.from_pykan(state_of(name="symbolic"), base)
    with pytest.raises(
        ValueError, match=r"config must hold 'mult_arity', and 'width' .* layer 0 has 4 nodes of 8"
    ):
        sk.from_pykan(state_of(name="products"), base)
    with pytest.raises(ValueError, match="which do not go with nodes"):
        sk.from_pykan(state_of(name="products"), base | {"mult_arity": 2, "width": [2, [2, 2], [0, 1], 1]})
    arity = sk.from_pykan(state_of(name="products"), base | {"mult_arity": 3})
    case = CASES["pykan", "products"]
    assert deviation(arity, case["x"], case["double"]) < DOUBLE


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"base_fun": "silu"}, ValueError, "config must hold base_fun_name, width"),
        ({"base_fun_name": "cot"}, ValueError, "must be one of zero, identity, relu"),
        ({"base_fun_name": np.tanh}, TypeError, "must be the name of a function"),
        ([], TypeError, "config must be a dictionary"),
        ({"base_fun_name": "silu", "symbolic_enabled": 1}, TypeError, "must be True or False"),
        ({"base_fun_name": "silu", "width": [2, 3]}, ValueError, "must hold 3 widths for 2 layers"),
        ({"base_fun_name": "silu", "width": [2, 3, 1], "mult_arity": 1}, ValueError, "mult_arity must be"),
        ({"base_fun_name": "silu", "width": [2, [1, 2, 3], 1]}, ValueError, "a pair of sums and products"),
    ],
)
def test_bad_configurations_are_refused(config, error, message):
    with pytest.raises(error, match=message):
        sk.from_pykan(state_of(), config)


def test_functions_that_are_not_known_are_refused_by_their_edge():
    case = CASES["pykan", "symbolic"]
    names = [list(row) for row in case["lacks"]["symbolic.funs_name.0"]]
    names[1][2] = "anonymous"
    with pytest.raises(
        ValueError, match=r"symbolic.funs_name.0'\]\[1\]\[2\] must be one of .* got 'anonymous'"
    ):
        sk.from_pykan(case["state"], case["lacks"] | {"symbolic.funs_name.0": names})
    with pytest.raises(ValueError, match="must hold a list of names of all inputs for every node"):
        sk.from_pykan(case["state"], case["lacks"] | {"symbolic.funs_name.0": names[:1]})
    off = sk.from_pykan(case["state"], case["lacks"] | {"symbolic_enabled": False})
    assert not any(hasattr(layer, "terms") and layer.terms for layer in off.network.layers)


def test_grids_that_do_not_increase_are_refused():
    state = state_of()
    grid = state["act_fun.0.grid"].copy()
    grid[1, 4] = grid[1, 3]
    with pytest.raises(
        ValueError, match=r"act_fun.0.grid'\] must increase strictly for every input, .* input 1"
    ):
        sk.from_pykan(state | {"act_fun.0.grid": grid}, {"base_fun_name": "silu"})
    state = state_of("efficient-kan")
    flat = np.zeros_like(state["layers.0.grid"])
    with pytest.raises(ValueError, match="must increase strictly"):
        sk.from_efficient_kan(state | {"layers.0.grid": flat}, "silu")
    grids = np.arange(24.0)[None] + np.zeros((2, 1))
    c = state["layers.0.spline_weight"]
    for key, bad, message in (
        ("grid", grids[:, :8], r"G \+ 2 k \+ 1 knots"),
        ("grid", grids, r"G \+ 2 k \+ 1 knots"),
        ("spline_weight", np.zeros((*c.shape[:2], 12)), "degree of at most 9, got 11"),
    ):
        with pytest.raises(ValueError, match=message):
            sk.from_efficient_kan(state | {"layers.0.grid": grids} | {f"layers.0.{key}": bad}, "silu")


def test_a_single_layer_of_efficient_kan():
    state = state_of("efficient-kan")
    alone = {
        key.removeprefix("layers.0."): value for key, value in state.items() if key.startswith("layers.0.")
    }
    model = sk.from_efficient_kan(alone, "silu")
    whole = sk.from_efficient_kan(state, "silu")
    x = CASES["efficient-kan", "plain"]["x"].astype(np.float64)
    assert np.array_equal(model(x), whole.network.linearize(whole.theta, x).inputs[1])


# Live networks


live = pytest.mark.skipif(
    not all(map(find_spec, ("torch", "kan", "efficient_kan"))),
    reason="needs PyTorch, pykan and efficient-kan",
)


@live
@pytest.mark.filterwarnings("ignore")
def test_networks_themselves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pykan writes files into the working directory
    for number, (library, name, network, _) in enumerate(makers.cases()):
        model = CONVERT[library](network)
        x = makers.points(makers.n_inputs(library, network), number)
        single, double = makers.outputs(network, x)
        if library == "pykan":
            x = x[:, np.sort(network.input_id.numpy())]
        assert deviation(model, x, double) < DOUBLE, name
        assert deviation(model, x, single) < SINGLE, name
        if name == "pruned input":
            assert model.names == ("x1", "x3")


@live
@pytest.mark.filterwarnings("ignore")
def test_functions_of_live_networks_are_checked_by_their_values(tmp_path, monkeypatch):
    import kan
    import torch

    monkeypatch.chdir(tmp_path)
    network = kan.KAN(width=[2, 2, 1], auto_save=False)
    network.fix_symbolic(0, 1, 0, lambda x: torch.sin(x), fit_params_bool=False, log_history=False)
    model = sk.from_pykan(network)  # without a name, by its values
    x = makers.points(2, 0)
    assert deviation(model, x, makers.outputs(network, x)[1]) < DOUBLE
    network.fix_symbolic(0, 1, 0, lambda x: torch.sin(x) * x, fit_params_bool=False, log_history=False)
    with pytest.raises(ValueError, match="symbolic edge from input 1 to node 0 of layer 0 is 'anonymous'"):
        sk.from_pykan(network)
    network.symbolic_fun[0].funs_name[0][1] = "sin"
    with pytest.raises(ValueError, match="whose values are not those of sin"):
        sk.from_pykan(network)
    odd = kan.KAN(width=[1, 1], auto_save=False, base_fun=torch.nn.PReLU())
    with pytest.raises(ValueError, match="the base function of layer 0 is PReLU"):
        sk.from_pykan(odd)
    for tensor in (torch.zeros(1, 1, dtype=torch.complex64), torch.zeros(1, 1).to_sparse()):
        with pytest.raises(TypeError, match=r"model\['act_fun.0.mask'\] must be"):
            sk.from_pykan(network.state_dict() | {"act_fun.0.mask": tensor}, {})
    deeper = kan.KAN(width=[2, 2, 2], grid=3, auto_save=False)
    deeper.mult_arity = [[], [], []]
    deeper.mult_homo = False
    deeper.expand_depth()  # the biases of its new nodes are not in its state dictionary
    assert deviation(sk.from_pykan(deeper), x, makers.outputs(deeper, x)[1]) < SINGLE
    with pytest.raises(ValueError, match="its state lacks 'subnode_scale_2'"):
        sk.from_pykan(deeper.state_dict(), {"base_fun_name": "silu"})
    half = kan.KAN(width=[2, 2, 1], auto_save=False).half()
    assert sk.from_pykan(half).n_in == 2
    with pytest.raises(ValueError, match="config must be None"):
        sk.from_pykan(network, {})
