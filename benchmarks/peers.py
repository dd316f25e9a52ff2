"""Cubic KAN layers of other packages in float64: value, and gradients in all parameters and in the inputs.

All of them have a SiLU base branch, and take our knots, coefficients and weights; factors of the splines
are 1, biases 0. Packages that compile their basis by default (inKAN, FlashKAN) run uncompiled unless asked;
jaxKAN runs compiled, and its compilation is not part of a call. efficient-kan is on no package index:
EFFICIENT_KAN_DIR names a checkout of https://github.com/Blealtan/efficient-kan.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case

Call = Callable[[], tuple[Any, Any]]
CHECKOUT = "EFFICIENT_KAN_DIR"


def torch_with(threads: int, dtype: str = "float64") -> Any:
    """torch, with these threads and this type by default."""
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(getattr(torch, dtype))
    torch.manual_seed(0)
    return torch


def _differentiated(torch: Any, module: Any, forward: Callable[[Any], Any], at: Case) -> Call:
    """y and gx, with the gradients in all parameters."""
    points, gy = torch.tensor(at.x, requires_grad=True), torch.tensor(at.gy)
    wanted = [points, *(each for each in module.parameters() if each.requires_grad)]

    def run() -> tuple[Any, Any]:
        y = forward(points)
        return y.detach(), torch.autograd.grad(y, wanted, gy)[0]

    return run


def inkan(at: Case, threads: int, compiled: bool) -> Call:
    """`inkan.KANLayer`: the four active values, scattered or, for few outputs, with gathered coefficients."""
    torch = torch_with(threads)
    from inkan import KANLayer

    layer = KANLayer(
        at.n_in, at.n_out, at.knots.intervals, grid_range=at.knots.domain, compile_basis=compiled
    )
    packed = np.concatenate([at.c.transpose(2, 0, 1).reshape(at.n_out, -1), at.v.T], axis=1)
    with torch.no_grad():
        layer.grid_starts.copy_(torch.tensor(at.knots.t[:-4]))
        layer.weight.copy_(torch.tensor(packed))
    return _differentiated(torch, layer, layer, at)


def flashkan(at: Case, threads: int, compiled: bool) -> Call:
    """`flashkan.KANLayer`: all functions as sums of truncated powers."""
    torch = torch_with(threads)
    import flashkan.basis
    import flashkan.layer

    basis = flashkan.basis.bspline_basis if compiled else flashkan.basis.bspline_basis_eager
    flashkan.layer.bspline_basis = basis
    layer = flashkan.layer.KANLayer(
        at.n_in, at.n_out, at.knots.intervals, grid_range=at.knots.domain
    ).double()
    with torch.no_grad():
        layer.grid_starts.copy_(torch.tensor(at.knots.t[:-4]))  # float32 until here
        layer.spline_weight.copy_(torch.tensor(at.c.transpose(2, 0, 1)))
        layer.base_weight.copy_(torch.tensor(at.v.T))
    return _differentiated(torch, layer, layer, at)


def efficient_kan(at: Case, threads: int, compiled: bool) -> Call:
    """`efficient_kan.KANLinear`: all functions by the recursion, and a factor for every edge."""
    torch = torch_with(threads)
    from efficient_kan import KANLinear

    layer = KANLinear(at.n_in, at.n_out, at.knots.intervals, 3, grid_range=list(at.knots.domain))
    with torch.no_grad():
        layer.grid.copy_(torch.tensor(at.knots.t).expand(at.n_in, -1))
        layer.spline_weight.copy_(torch.tensor(at.c.transpose(2, 0, 1)))
        layer.spline_scaler.fill_(1.0)
        layer.base_weight.copy_(torch.tensor(at.v.T))
    return _differentiated(torch, layer, layer, at)


def pykan(at: Case, threads: int, compiled: bool) -> Call:
    """`kan.KANLayer`: all functions by the recursion, and the values on every edge."""
    torch = torch_with(threads)
    from kan.KANLayer import KANLayer

    # The constructor solves a least-squares problem for every edge: few intervals, then our knots.
    layer = KANLayer(at.n_in, at.n_out, num=2, k=3, grid_range=list(at.knots.domain))
    layer.num = at.knots.intervals
    layer.grid.data = torch.tensor(np.tile(at.knots.t, (at.n_in, 1)))
    layer.coef.data = torch.tensor(np.ascontiguousarray(at.c.transpose(0, 2, 1)))
    layer.scale_base.data = torch.tensor(at.v)
    layer.scale_sp.data = torch.ones(at.n_in, at.n_out)
    return _differentiated(torch, layer, lambda x: layer(x)[0], at)


def jaxkan(at: Case, threads: int, compiled: bool) -> Call:
    """`jaxkan.layers.Spline.SplineLayer`: all functions by the recursion; as many threads as cores."""
    import jax
    from flax import nnx

    jax.config.update("jax_enable_x64", True)
    from jaxkan.layers.Spline import SplineLayer

    domain = at.knots.domain
    layer = SplineLayer(n_in=at.n_in, n_out=at.n_out, k=3, G=at.knots.intervals, grid_range=domain)
    array = jax.numpy.asarray
    layer.grid.item = array(np.tile(at.knots.t, (at.n_in, 1)))  # float32 until here
    layer.c_basis, layer.c_res = nnx.Param(array(at.c.transpose(2, 0, 1))), nnx.Param(array(at.v.T))
    layer.c_spl, layer.bias = nnx.Param(array(np.ones(at.v.T.shape))), nnx.Param(array(np.zeros(at.n_out)))
    graph, params, rest = nnx.split(layer, nnx.Param, ...)

    @jax.jit
    def both(params: Any, points: Any, gy: Any) -> Any:
        y, pull = jax.vjp(lambda w, x: nnx.merge(graph, w, rest)(x), params, points)
        return y, *pull(gy)

    arguments = params, array(at.x), array(at.gy)
    call = both.lower(*arguments).compile()

    def run() -> tuple[Any, Any]:
        y, _, gx = jax.block_until_ready(call(*arguments))
        return y, gx

    return run


@dataclass(frozen=True)
class Peer:
    """A package, how its pass is made, and what it needs.

    A pass holds about `tables` arrays (samples, n_in, n_basis) and `edges` arrays (samples, n_in, n_out).
    `tolerance` is that of the comparison with SciPy: FlashKAN keeps 1/6 to eight digits, and its sums of
    truncated powers cancel.
    """

    name: str
    module: str
    make: Callable[[Case, int, bool], Call]
    tables: int
    edges: int = 0
    tolerance: float = 1e-10

    @cached_property
    def missing(self) -> str:
        """The reason why the package cannot be imported, or an empty string."""
        if self.module == "efficient_kan":
            sources = Path(os.environ.get(CHECKOUT, "")) / "src"
            if CHECKOUT not in os.environ or not (sources / self.module).is_dir():
                return f"{CHECKOUT} names no checkout"
            sys.path.insert(0, str(sources))
        try:
            import_module(self.module)
        except ImportError as error:
            return str(error)
        return ""

    def memory(self, at: Case) -> float:
        """Bytes that a pass takes, roughly."""
        return 8.0 * at.samples * at.n_in * (at.knots.n_basis * self.tables + at.n_out * self.edges)


PEERS = (
    Peer("inKAN", "inkan", inkan, 4, 4),
    Peer("FlashKAN", "flashkan", flashkan, 24, tolerance=1e-6),
    Peer("efficient-kan", "efficient_kan", efficient_kan, 12),
    Peer("pykan", "kan", pykan, 16, 6),
    Peer("jaxKAN", "jaxkan", jaxkan, 24),
)
