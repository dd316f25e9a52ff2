"""Networks of pykan and efficient-kan, and their outputs: writes tests/data/interop.npz for test_interop.

Run where PyTorch, pykan 0.2.8 and efficient-kan can be imported:

    python tests/make_interop_states.py

Every case holds the state dictionary, what the state lacks, points inside and outside of the grids, and the
outputs there, in float32 as the library computes them and of the same numbers in float64.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent / "data" / "interop.npz"
N = 40
"""Points of a case: the first half lies in the cube [-1, 1]^n, the others in [-3, 3]^n."""


def points(n_in, seed):
    x = np.random.default_rng(seed).uniform(-1, 1, (N, n_in))
    x[N // 2 :] *= 3
    return x.astype(np.float32)


def random_affine(model, seed):
    """Random scales and biases of nodes and subnodes, and of the numerical edges."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for parts in (model.node_scale, model.node_bias, model.subnode_scale, model.subnode_bias):
        for part in parts:
            part.data = part.data + 0.5 * torch.randn(part.shape, generator=generator)
    for layer in model.act_fun:
        layer.coef.data = 0.5 * torch.randn(layer.coef.shape, generator=generator)
        layer.scale_sp.data = torch.randn(layer.scale_sp.shape, generator=generator)
    return model


def pykan_networks():
    """Name and network; the names say what is in them."""
    import kan
    import torch

    def new(width, seed=0, **options):
        return kan.KAN(width=width, seed=seed, auto_save=False, **options)

    def samples(n_in, seed=5):
        return torch.randn(200, n_in, generator=torch.Generator().manual_seed(seed))

    yield "plain", new([2, 3, 1], grid=3, k=3)
    yield "deep", random_affine(new([2, 3, 2, 2, 1], grid=4, k=[2, 3, 1, 5]), 1)
    yield "degree 7", random_affine(new([1, 2, 1], grid=2, k=7), 1)

    adapted = random_affine(new([2, 3, 2], grid=5, k=3, grid_eps=0.1), 2)
    adapted.update_grid_from_samples(samples(2))
    yield "adapted grids", adapted
    x = samples(2)
    adapted(x)
    yield "adapted and refined", adapted.refine(8)

    dead = random_affine(new([2, 2, 1], grid=3, k=3), 3)
    dead.act_fun[0].mask.data[:, 1] = 0
    dead.subnode_bias[0].data[1] = 0.25
    dead.node_bias[0].data[1] = 0.0
    dead.node_scale[0].data[1] = 1.0
    dead.update_grid_from_samples(samples(2))
    yield "an input without variation", dead

    pruned = random_affine(new([3, 4, 1], grid=3, k=3), 4)
    x = samples(3)
    pruned(x)
    pruned.attribute()
    pruned.prune_edge(threshold=0.1, log_history=False)
    pruned = pruned.prune_node(active_neurons_id=[[0, 2, 3]], log_history=False)
    pruned(x)
    yield "pruned", pruned
    yield "pruned input", pruned.prune_input(active_inputs=[2, 0], log_history=False)

    symbolic = random_affine(new([3, 2, 2], grid=3, k=3), 5)
    names = ["sin", "x^2", "exp", "tanh", "x", "gaussian", "0", "x^3", "abs", "arctan"]
    edges = [(0, i, j) for i in range(3) for j in range(2)] + [(1, i, j) for i in range(2) for j in range(2)]
    for at, (edge, name) in enumerate(zip(edges, names, strict=True)):
        symbolic.fix_symbolic(*edge, name, fit_params_bool=False, log_history=False)
        l, i, j = edge
        symbolic.symbolic_fun[l].affine.data[j, i] = torch.tensor([1.1 - 0.1 * at, 0.3, 0.2 * at - 0.7, 0.1])
    yield "symbolic", symbolic

    mixed = random_affine(new([2, 3, 1], grid=3, k=2, base_fun="identity"), 6)
    for at, name in enumerate(["cos", "1/x", "sqrt", "log"]):
        l, i, j = (0, at % 2, at // 2) if at < 3 else (1, 0, 0)
        mixed.fix_symbolic(l, i, j, name, fit_params_bool=False, log_history=False)
        mixed.symbolic_fun[l].affine.data[j, i] = torch.tensor([0.2, 9.0, 1.5, -0.3])
    mixed.set_mode(0, 1, 2, "sn", mask_n=0.5)
    mixed.symbolic_fun[0].fix_symbolic(1, 2, "sin")
    yield "symbolic and numerical", mixed

    yield "products", random_affine(new([2, [2, 2], [0, 1], 1], grid=3, k=3, mult_arity=3), 7)
    arities = [[], [2, 3], [2]]
    yield (
        "products of unlike arity",
        random_affine(new([2, [1, 2], [1, 1]], grid=3, k=2, mult_arity=arities), 8),
    )
    yield "zero base", random_affine(new([2, 2, 1], grid=3, k=3, base_fun="zero"), 9)
    yield "tanh base", random_affine(new([2, 2, 1], grid=3, k=3, base_fun=torch.nn.Tanh()), 10)


def pykan_config(model):
    """What a file ending in _config.yml would hold, with names for functions that are objects."""
    base = model.base_fun_name
    config = {
        "width": [[int(n) for n in each] if isinstance(each, list) else int(each) for each in model.width],
        "mult_arity": model.mult_arity,
        "base_fun_name": base if isinstance(base, str) else type(base).__name__,
        "symbolic_enabled": model.symbolic_enabled,
    }
    return config | {f"symbolic.funs_name.{l}": each.funs_name for l, each in enumerate(model.symbolic_fun)}


def efficient_networks():
    """Name, network and base activation."""
    import torch
    from efficient_kan import KAN

    def new(widths, seed=0, **options):
        torch.manual_seed(seed)
        return KAN(widths, **options)

    yield "plain", new([2, 3, 1]), "silu"
    yield "deep", new([2, 3, 3, 2], 1, grid_size=4, spline_order=2, grid_range=[-2, 1]), "silu"
    for degree in range(1, 8):
        yield f"degree {degree}", new([1, 2, 1], degree, grid_size=2, spline_order=degree), "silu"
    adapted = new([2, 3, 1], 2, grid_size=6)
    with torch.no_grad():
        adapted(torch.randn(300, 2, generator=torch.Generator().manual_seed(1)), update_grid=True)
    yield "adapted grids", adapted, "silu"
    for name in ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid"):
        yield f"{name} base", new([2, 2, 1], 3, grid_size=3, base_activation=getattr(torch.nn, name)), name
    plain = new([2, 2, 1], 4, grid_size=3)
    for layer in plain.layers:
        layer.enable_standalone_scale_spline = False
        del layer.spline_scaler
    yield "without scales", plain, "silu"


def cases():
    """Library, name, network, the options that its state lacks."""
    for name, model in pykan_networks():
        yield "pykan", name, model, pykan_config(model)
    for name, model, base in efficient_networks():
        yield "efficient-kan", name, model, base


def outputs(model, x):
    """The outputs in float32, and with the same numbers in float64; the network is in float32 again."""
    import torch

    with torch.no_grad():
        single = model(torch.tensor(x)).numpy()
        double = model.double()(torch.tensor(x).double()).numpy()
        model.float()
    return single, double


def n_inputs(library, model):
    """The number of columns that a network takes: for a pruned network those that it does not use, too."""
    if library == "pykan":
        return int(model.input_id.max()) + 1
    return model.layers[0].in_features


def main():
    arrays = {}
    for number, (library, name, model, options) in enumerate(cases()):
        x = points(n_inputs(library, model), number)
        state = {key: value.detach().numpy().copy() for key, value in model.state_dict().items()}
        single, double = outputs(model, x)
        if library == "pykan":
            x = x[:, model.input_id.numpy()]  # what the state dictionary takes
        shapes = {key: value.shape for key, value in state.items()}
        numbers = np.concatenate([value.ravel() for value in state.values()])
        entries = {"numbers": numbers, "x": x, "single": single, "double": double}
        entries["options"] = np.array(json.dumps({"shapes": shapes, "lacks": options}))
        arrays |= {f"{library}/{name}/{key}": value for key, value in entries.items()}
        print(f"{library}: {name}, outputs up to {np.nanmax(np.abs(double)):.3g}")
    np.savez_compressed(TARGET, **arrays)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())  # pykan writes files into the working directory
    main()
