"""Cubic KAN layers of other packages: value, and gradients in every parameter and in the inputs, in float64.

Every layer keeps its own extras (a SiLU branch, scales), as users have them; so values differ, and only the
work is compared. pykan runs as installed, jaxKAN compiled, torch and jax on two threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Call = Callable[[], object]


def pykan(n_in: int, n_out: int, intervals: int, x: np.ndarray, gy: np.ndarray, threads: int) -> Call:
    """`kan.KANLayer`."""
    import torch
    from kan.KANLayer import KANLayer

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)
    layer = KANLayer(n_in, n_out, num=intervals, k=3, grid_range=[0, 1])
    points = torch.tensor(x, requires_grad=True)
    cotangent = torch.tensor(gy)

    def run() -> object:
        layer.zero_grad()
        points.grad = None
        y = layer(points)[0]
        y.backward(cotangent)
        return y, points.grad

    return run


def jaxkan(n_in: int, n_out: int, intervals: int, x: np.ndarray, gy: np.ndarray, threads: int) -> Call:
    """`jaxkan.layers.Spline.BaseLayer`, compiled; its threads are those that the process may use."""
    import jax
    from flax import nnx
    from jaxkan.layers.Spline import BaseLayer

    jax.config.update("jax_enable_x64", True)
    layer = BaseLayer(n_in=n_in, n_out=n_out, k=3, G=intervals, grid_range=(0, 1))
    graph, state = nnx.split(layer)
    points, cotangent = jax.numpy.asarray(x), jax.numpy.asarray(gy)

    @jax.jit
    def both(state: object, points: object) -> object:
        y, pull = jax.vjp(lambda s, p: nnx.merge(graph, s)(p), state, points)
        return y, pull(cotangent)

    return lambda: jax.block_until_ready(both(state, points))


PEERS = {"kan": ("pykan", pykan), "jaxkan": ("jaxkan", jaxkan)}
NO_PACKAGE = ("efficient-kan", "inKAN", "FlashKAN")
"""On no package index: skipped."""
