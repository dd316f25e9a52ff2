"""Levels: nested networks, each with its prolongation from the level below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, affordable, instance, integer, real, sequence, shown, vector
from splinekan._records import Uncached
from splinekan.network import KAN, SplineLayer


@dataclass(frozen=True, eq=False)
class Level(Uncached):
    """A network of a hierarchy, with its prolongation from the level below.

    Levels are made by `Hierarchy`.

    Parameters
    ----------
    index
        The index of the level; 0 is the coarsest.
    network
        The network on the knots of this level.
    cost
        Work units of an evaluation, 2^index for dyadic levels and proportional to the number of intervals
        for given networks. This is the count of Southworth et al., arXiv:2603.04827, where an evaluation
        involves every basis function. Here it involves the active functions only and takes about the same
        time on all levels, as the seconds of the histories show.
    coarser
        The network on the level below, None on the coarsest level.

    Examples
    --------
    >>> level = Hierarchy(KAN.splines([1, 1], intervals=4), 2)[1]
    >>> level.index, level.network.intervals, level.cost, level.P.shape
    (1, 8, 2.0, (11, 7))
    """

    index: int
    network: KAN
    cost: float
    coarser: KAN | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", integer("index", self.index, low=0))
        instance("network", self.network, KAN)
        object.__setattr__(self, "cost", real("cost", self.cost, low=0.0))
        if self.coarser is not None:
            instance("coarser", self.coarser, KAN)

    @cached_property
    def P(self) -> Any:  # noqa: N802 - a matrix
        """The prolongation from the level below: theta = P theta_coarse is the same function.

        CSR, (n_parameters, n_parameters below), computed when first used; None on the coarsest level.
        """
        return None if self.coarser is None else self.coarser.prolongation(self.network)

    @property
    def R(self) -> Any:  # noqa: N802 - a matrix
        """The restriction P^T, which takes gradients to the level below."""
        return None if self.P is None else scipy.sparse.csr_array(self.P.T)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Properly nested levels: g_c(x; theta) = g_f(x; P theta) for all x, theta.

    Definition 1 and Lemma 6 of Southworth et al., arXiv:2603.04827. Outside [a, b] the identity holds for
    each of the continuations "linear", "polynomial", "clamp" and "zero", because they act on the end pieces.
    A hierarchy is a sequence of its levels: `levels[0]`, `levels[-1]`, `levels[1:]`.

    Parameters
    ----------
    network
        The coarsest network, whose intervals are halved from level to level; or all networks, coarsest first,
        each nested in the next (for local and non-dyadic refinement).
    n_levels
        Number of levels, at least 1; omitted with a list of networks.

    Raises
    ------
    TypeError, ValueError
        For a number of levels below 1, several levels of a network without spline layers, levels whose knots
        float64 cannot distinguish, or networks that are not nested.
    MemoryError
        If the finest level does not fit in memory; checked before any level is made.

    Examples
    --------
    >>> print(Hierarchy(KAN.affine_first([2, 5, 1], intervals=5), 2))
    level  intervals  parameters  cost
        0          5          55     1
        1         10          80     2
    """

    network: KAN
    n_levels: int

    def __init__(self, network: KAN | Sequence[KAN], n_levels: int | None = None) -> None:
        if isinstance(network, (list, tuple)):
            if n_levels is not None:
                raise ValueError("n_levels must not be given with a list of networks, whose length it is")
            levels = _nested(sequence("network", network))
        else:
            coarsest = instance("network", network, KAN)
            if n_levels is None:
                raise TypeError("n_levels must be given with a network, or a list of nested networks instead")
            levels = _dyadic(coarsest, integer("n_levels", n_levels, low=1))
        object.__setattr__(self, "network", levels[0].network)
        object.__setattr__(self, "n_levels", len(levels))
        object.__setattr__(self, "_levels", levels)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels, coarsest first."""
        levels: tuple[Level, ...] = object.__getattribute__(self, "_levels")
        return levels

    def __len__(self) -> int:
        return self.n_levels

    def __iter__(self) -> Iterator[Level]:
        return iter(self.levels)

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Level, ...]: ...
    def __getitem__(self, index: int | slice) -> Level | tuple[Level, ...]:
        if isinstance(index, slice):
            for name in ("start", "stop", "step"):
                if getattr(index, name) is not None:
                    integer(f"the slice's {name}", getattr(index, name))
            if index.step == 0:
                raise ValueError("the slice's step must not be 0")
            return self.levels[index]
        at = integer("level", index)
        if not -len(self) <= at < len(self):
            raise IndexError(f"level must be between {-len(self)} and {len(self) - 1}, got {shown(at)}")
        return self.levels[at]

    def prolong(self, theta: ArrayLike, level: int) -> Float64Array:
        """The parameters on `level` + 1 of the same function as theta on `level`, exactly.

        Raises
        ------
        TypeError, ValueError
            For a level below 0, for the finest level and beyond, and for theta of the wrong shape.
        """
        if self.n_levels == 1:
            raise ValueError(f"level {shown(level)} cannot be prolongated: the hierarchy has one level")
        index = integer("level", level, low=0, high=self.n_levels - 2)
        given = vector("theta", theta, self[index].network.n_parameters)
        return np.asarray(self[index + 1].P @ given)

    def __str__(self) -> str:
        lines = ["level  intervals  parameters  cost"]
        for level in self.levels:
            network = level.network
            lines.append(
                f"{level.index:>5}  {network.intervals:>9}  {network.n_parameters:>10}  {level.cost:>4g}"
            )
        return "\n".join(lines)


def _dyadic(network: KAN, count: int) -> tuple[Level, ...]:
    if count > 1 and network.intervals == 0:
        raise ValueError("n_levels must be 1 for a network without spline layers: it cannot be refined")
    affordable(f"n_levels={count}: level {count - 1}", _size(network, count - 1))
    _check_knots(network, count)
    levels = [Level(0, network, 1.0)]
    for index in range(1, count):
        coarser = levels[-1].network
        levels.append(Level(index, coarser.refined(), 2.0**index, coarser))
    return tuple(levels)


def _nested(networks: Sequence[KAN]) -> tuple[Level, ...]:
    """The levels of given networks, with costs in proportion to their intervals."""
    levels: list[Level] = []
    for index, given in enumerate(networks):
        network = instance(f"network[{index}]", given, KAN)
        coarser = levels[-1].network if levels else None
        cost = network.intervals / max(networks[0].intervals, 1) if levels else 1.0
        levels.append(Level(index, network, max(cost, 1.0), coarser))
        try:
            _ = levels[-1].P
        except ValueError as error:
            raise ValueError(f"network[{index - 1}] is not nested in network[{index}]: {error}") from None
    return tuple(levels)


def _check_knots(network: KAN, n_levels: int) -> None:
    """Refuse levels on which rounding would merge neighbouring knots."""
    for number, layer, _ in network._leaves:
        for t in set(layer.knots) if isinstance(layer, SplineLayer) and n_levels > 1 else ():
            widths = np.diff(t)
            # Rounded midpoints are distinct as long as the halves are at least a unit in the last place.
            ulps = np.spacing(np.maximum(np.abs(t[1:]), np.abs(t[:-1])))
            at = int(np.argmin(np.where(widths > 0, widths / ulps, np.inf)))
            width, ulp = float(widths[at]), float(ulps[at])
            halvings = max(int(np.floor(np.log2(width / ulp))), 0)
            if n_levels - 1 > halvings:
                raise ValueError(
                    f"n_levels must be at most {halvings + 1} for the knots of layer {number}, got "
                    f"{n_levels}: on level {halvings + 1} intervals of width {width:.3g} at "
                    f"{t[at]:.6g} would be halved beyond the resolution of float64"
                )


def _size(network: KAN, index: int) -> float:
    """Memory of level `index` in bytes: the parameters, and ten arrays of knots while these are computed."""
    total = 0.0
    for _, layer, _ in network._leaves:
        parameters, knots = float(layer.n_parameters), 0.0
        for at in layer.edges if isinstance(layer, SplineLayer) else ():
            intervals = float(np.ldexp(float(at.knots.intervals), min(index, 1000)))
            parameters += at.n_in * layer.n_out * (intervals - at.knots.intervals)
            knots += intervals
        total += 8 * parameters + 80 * knots
    return total
