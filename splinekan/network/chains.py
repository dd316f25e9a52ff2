"""Chains of functions with constants, all terms of a layer at once.

Arrays are (terms, channels, samples). Terms are sorted by the length of their chains, the longest first, and
by their functions: the terms that take part in a stage come first, and equal functions are adjacent.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Array
from splinekan.network.elementwise import ALONE
from splinekan.network.functions import Function
from splinekan.network.layer import Directions, composed
from splinekan.network.series import pulled
from splinekan.network.term import Term

Indices = NDArray[np.int64]
PIECE = 8192
"""Approximate size of an array, in numbers; larger arrays leave the cache and are slow to allocate."""


class Stage(NamedTuple):
    """A stage of all chains that have it.

    Attributes
    ----------
    n_chains
        The number of these chains, which come first.
    scale, shift
        Positions of a and b among the constants.
    functions
        The functions, each with its range of chains.
    """

    n_chains: int
    scale: Indices
    shift: Indices
    functions: tuple[tuple[Function, slice], ...]


class Chains(NamedTuple):
    """The chains of the terms of a layer, sorted.

    Attributes
    ----------
    inputs, outputs
        The input and the output of every term.
    factors
        Positions of c among the constants.
    stages
        From the innermost functions to the outermost.
    """

    inputs: Indices
    outputs: Indices
    factors: Indices
    stages: tuple[Stage, ...]

    @staticmethod
    def of(terms: Sequence[Term]) -> Chains:
        """The chains of terms whose constants follow each other."""
        starts = np.cumsum([0, *(len(term.fixed) for term in terms)])

        def key(i: int) -> tuple[int, tuple[str, ...]]:
            return -len(terms[i].functions), tuple(each.name for each in terms[i].functions)

        order = sorted(range(len(terms)), key=key)
        stages = []
        for at in range(max((len(term.functions) for term in terms), default=0)):
            chosen = [i for i in order if len(terms[i].functions) > at]
            runs, first = [], 0
            for function, same in groupby(terms[i].functions[at] for i in chosen):
                count = len(list(same))
                runs.append((function, slice(first, first + count)))
                first += count
            scale = np.array([starts[i] + 1 + 2 * at for i in chosen], np.int64)
            stages.append(Stage(len(chosen), scale, scale + 1, tuple(runs)))
        inputs, outputs = (
            np.array([getattr(terms[i], name) for i in order], np.int64) for name in ("input", "output")
        )
        return Chains(inputs, outputs, starts[order].astype(np.int64), tuple(stages))

    def pieces(self, n: int, channels: int = 1) -> list[slice]:
        """Ranges of n samples whose arrays stay in the cache."""
        length = max(PIECE // (max(len(self.inputs), 1) * channels), 64)
        return [slice(start, min(start + length, n)) for start in range(0, n, length)]

    def values(self, constants: Array, x: Array, directions: Directions, n_out: int) -> Array:
        """The sums of the terms, (n_out, channels, n), from x, (n, channels, n_in)."""
        z = self._entering(x)
        for stage in self.stages:
            u = _argument(constants, stage, z)
            z[: stage.n_chains] = _evaluated(stage, u, 0, directions)[0]
        return self._summed(constants[self.factors, None, None] * z, n_out)

    def pulled(
        self, constants: Array, x: Array, gy: Array, directions: Directions, each: bool
    ) -> tuple[Array, Array]:
        """Gradients in all constants, (constants, n) for `each` sample or (constants, 1), and in x.

        gy is (n, channels, n_out), the gradient in x (n_in, channels, n). Those in d are left to the caller.
        """
        z, slopes = [self._entering(x)], []
        for stage in self.stages:
            u = _argument(constants, stage, z[-1])
            value, slope = _evaluated(stage, u, 1, directions)
            z.append(
                value if stage.n_chains == len(z[-1]) else np.concatenate([value, z[-1][stage.n_chains :]])
            )
            slopes.append(slope)
        found = np.zeros((len(constants), len(x) if each else 1), x.dtype)
        inner = _each if each else _total
        cotangent = self._cotangent(gy)
        found[self.factors] = inner(cotangent, z[-1])
        g = constants[self.factors, None, None] * cotangent
        for stage, before, slope in zip(reversed(self.stages), z[-2::-1], reversed(slopes), strict=True):
            gu = pulled(slope, g[: stage.n_chains], directions)
            found[stage.scale] = inner(gu, before[: stage.n_chains])
            found[stage.shift] = gu[:, 0] if each else gu[:, 0].sum(axis=1, keepdims=True)
            g[: stage.n_chains] = constants[stage.scale, None, None] * gu
        return found, self._gathered(g, x.shape[2])

    def changes(self, constants: Array, x: Array, dconstants: Array, dx: Array, n_out: int) -> Array:
        """The change of the sums, (n_out, n), along a tangent of the constants and of x, (n, n_in)."""
        z, dz = self._entering(x[:, None]), self._entering(dx[:, None])
        for stage in self.stages:
            u, du = _argument(constants, stage, z), _argument_change(constants, dconstants, stage, z, dz)
            value, slope = _evaluated(stage, u, 1, ALONE)
            z[: stage.n_chains], dz[: stage.n_chains] = value, slope * du
        change = constants[self.factors, None, None] * dz + dconstants[self.factors, None, None] * z
        return self._summed(change, n_out)[:, 0]

    def pulled_changes(
        self, constants: Array, x: Array, gy: Array, dconstants: Array, dx: Array, dgy: Array
    ) -> tuple[Array, Array, Array]:
        """Changes of the gradients in all constants and in x, (n_in, n), and the gradient in x.

        The changes of those in d are left to the caller.
        """
        z, dz, kept = [self._entering(x[:, None])], [self._entering(dx[:, None])], []
        for stage in self.stages:
            before, dbefore = z[-1], dz[-1]
            u = _argument(constants, stage, before)
            du = _argument_change(constants, dconstants, stage, before, dbefore)
            value, slope, bend = _evaluated(stage, u, 2, ALONE)
            z.append(np.concatenate([value, before[stage.n_chains :]]))
            dz.append(np.concatenate([slope * du, dbefore[stage.n_chains :]]))
            kept.append((slope, bend * du))
        found = np.zeros(len(constants), x.dtype)
        cotangent, dcotangent = self._cotangent(gy[:, None]), self._cotangent(dgy[:, None])
        found[self.factors] = (_total(dcotangent, z[-1]) + _total(cotangent, dz[-1]))[:, 0]
        c, dc = constants[self.factors, None, None], dconstants[self.factors, None, None]
        g, dg = c * cotangent, c * dcotangent + dc * cotangent
        steps = zip(reversed(self.stages), z[-2::-1], dz[-2::-1], reversed(kept), strict=True)
        for stage, before, dbefore, (slope, turn) in steps:
            own = slice(stage.n_chains)
            gu = slope * g[own]
            dgu = slope * dg[own] + turn * g[own]
            found[stage.scale] = (_total(dgu, before[own]) + _total(gu, dbefore[own]))[:, 0]
            found[stage.shift] = dgu[:, 0].sum(axis=1)
            a, da = constants[stage.scale, None, None], dconstants[stage.scale, None, None]
            g[own], dg[own] = a * gu, a * dgu + da * gu
        return found, self._gathered(dg, x.shape[1])[:, 0], self._gathered(g, x.shape[1])[:, 0]

    def _entering(self, x: Array) -> Array:
        """x, (n, channels, n_in), as it enters the chains; a new array."""
        return np.ascontiguousarray(x.transpose(2, 1, 0))[self.inputs]

    def _cotangent(self, gy: Array) -> Array:
        return np.ascontiguousarray(gy.transpose(2, 1, 0))[self.outputs]

    def _summed(self, terms: Array, n_out: int) -> Array:
        """Added output by output, in the order of the terms."""
        return _added(terms, self.outputs, n_out)

    def _gathered(self, terms: Array, n_in: int) -> Array:
        return _added(terms, self.inputs, n_in)


def _added(terms: Array, places: Indices, count: int) -> Array:
    found = np.zeros((count, *terms.shape[1:]), terms.dtype)
    for place, term in zip(places, terms, strict=True):
        found[place] += term
    return found


def _argument(constants: Array, stage: Stage, z: Array) -> Array:
    """a z + b."""
    u = constants[stage.scale, None, None] * z[: stage.n_chains]
    u[:, 0] += constants[stage.shift, None]
    return u


def _argument_change(constants: Array, change: Array, stage: Stage, z: Array, dz: Array) -> Array:
    """a dz + da z + db, without channels."""
    own = slice(stage.n_chains)
    du = constants[stage.scale, None, None] * dz[own] + change[stage.scale, None, None] * z[own]
    return du + change[stage.shift, None, None]


def _evaluated(stage: Stage, u: Array, more: int, directions: Directions) -> list[Array]:
    """The Taylor coefficients of phi(u(s)), and of its derivatives up to the order `more`."""
    found = [np.empty_like(u) for _ in range(more + 1)]
    for function, chains in stage.functions:
        f = function._derivatives(u[chains, 0], directions.order + more)
        for d, y in enumerate(found):
            if directions.channels == 1:
                y[chains, 0] = f[d]
            else:
                y[chains] = composed(f[d:], u[chains], directions)
    return found


def _each(a: Array, b: Array) -> Array:
    """The sum over channels of a b, (terms, n)."""
    if a.shape[1] == 1:
        return np.asarray(a[:, 0] * b[:, 0])
    return np.asarray(np.einsum("tcn,tcn->tn", a, b))


def _total(a: Array, b: Array) -> Array:
    """The sum over channels and samples of a b, (terms, 1)."""
    return np.asarray(np.einsum("tcn,tcn->t", a, b)[:, None])
