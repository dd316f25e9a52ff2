"""Draws of what calls need: knots of every sort, points, networks, objectives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np

import splinekan as sk
from fuzz.core import Role
from splinekan.objectives import Workers

MODES = ("linear", "polynomial", "clamp", "zero", "error")
KNOTS = Role("knots")
DEGREE = Role("whole", low=0, high=9)
ORDER = Role("whole", low=0)
SEED = Role("seed")
NONNEGATIVE = Role("real", low=0.0)
ANY = Role("real")
INDEX = Role("whole", low=0)
FREE = Role("free")
"""Not changed."""


class Draw:
    """Random choices for one call."""

    def __init__(self, seed: Any) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """In [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def one(self, *items: Any) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def real(self, low: float = -1.0, high: float = 1.0) -> float:
        return float(self.rng.uniform(low, high))

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape)

    def points(self, *shape: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return self.rng.uniform(low, high, shape)

    def tame(self, degree: int | None = None, repeated: bool = True) -> tuple[np.ndarray, int]:
        """Moderate knots; some of them repeated, if allowed."""
        k = self.integer(0, 7) if degree is None else degree
        points, counts = self._points_and_counts(k, repeated)
        return np.repeat(points, counts), k

    def _points_and_counts(self, k: int, repeated: bool) -> tuple[np.ndarray, np.ndarray]:
        """Distinct knots from the first ghost knot to the last, and how often each occurs."""
        inner = self.integer(1, 7)
        counts = [np.ones(k, int), np.ones(inner + 1, int), np.ones(k, int)]
        if repeated and k:
            for side, end in ((0, 0), (2, -1)):
                what = self.one("ghosts", "clamped", "half way")
                beyond = {"ghosts": 0, "clamped": k, "half way": self.integer(0, k)}[what]
                counts[1][end] += beyond
                rest = self.chance(0.3) and k > beyond  # ghost knots may be repeated, too
                cuts = np.flatnonzero(self.rng.random(k - beyond - 1) < 0.7) + 1 if rest else None
                counts[side] = np.diff([0, *cuts, k - beyond]) if rest else np.ones(k - beyond, int)
            if self.chance(0.3):
                counts[1][1:-1] = self.rng.integers(1, k + 2, inner - 1)
        many = np.concatenate(counts)
        if self.chance(0.4):
            step = self.real(0.1, 1)
            points = self.real(-3, 3) + step * np.arange(-len(counts[0]), len(many) - len(counts[0]))
        else:
            points = self.real(-3, 3) + np.cumsum(self.points(len(many), low=0.3))
        return points, many

    def hostile(self, degree: int | None = None, repeated: bool = True) -> tuple[np.ndarray, int]:
        """Knots with offsets, tiny intervals, extreme scales, denormal spacings; increasing in float64."""
        while True:
            k = self.integer(0, 7) if degree is None else degree
            inner, counts = self._points_and_counts(k, repeated)
            sort = self.integer(0, 7)
            if sort == 6:  # so far away that knots are a few units in the last place apart
                inner = 10.0 ** self.integer(0, 8) + inner * 10.0 ** -self.integer(0, 6)
            elif sort == 0:
                inner = inner * 2.0 ** self.integer(-900, 900)
            elif sort == 1:
                inner = inner + 10.0 ** self.integer(0, 8)
            elif sort == 2:  # ratios of neighbouring intervals to 1e8
                steps = np.diff(inner) * 10.0 ** -self.rng.integers(0, 9, len(inner) - 1)
                inner = np.concatenate([inner[:1], inner[0] + np.cumsum(steps)])
            elif sort == 3:  # an interval next to rounding
                at = self.integer(0, len(inner) - 2)
                inner = inner.copy()
                inner[at + 1 :] += inner[at] - inner[at + 1] + 4 * np.spacing(np.abs(inner).max())
            elif sort == 4:
                inner = (np.arange(len(inner)) + 1.0) * 5e-324 * 2.0 ** self.integer(0, 30)
            elif sort == 5:  # nearly uniform
                inner = 10.0 ** self.integer(0, 8) + 10.0 ** -self.integer(0, 6) * np.arange(len(inner))
                inner[1::2] += self.real(0, 0.2) * (inner[1] - inner[0])
            if np.isfinite(inner).all() and (np.diff(inner) > 0).all():
                return np.repeat(inner, counts), k

    def knots(self, degree: int | None = None, repeated: bool = True) -> tuple[np.ndarray, int, bool]:
        """(knots, degree, whether they are moderate)."""
        tame = self.chance(0.6)
        return (*(self.tame if tame else self.hostile)(degree, repeated), tame)

    def space(
        self, degree: int | None = None, repeated: bool = True, periodic: float = 0.3
    ) -> tuple[sk.KnotVector, bool]:
        """Knots of any kind, a share of them periodic, and whether they are moderate."""
        while True:
            t, k, tame = self.knots(degree, repeated)
            try:
                if not repeated or not self.chance(periodic):
                    return sk.KnotVector(t, k), tame
                points, counts = np.unique(t[k : len(t) - k], return_counts=True)
                return sk.KnotVector.extended(points, k, counts[1:-1], periodic=True), tame
            except ValueError:  # ghost knots beyond the range of float64, or that rounding makes equal
                assert not tame

    def given(
        self, degree: int | None = None, repeated: bool = True
    ) -> tuple[dict[str, Any], dict[str, Role], bool]:
        """`knots` and `degree` as functions take them, their roles, and whether the knots are moderate."""
        space, tame = self.space(degree, repeated)
        k = space.degree
        if not space.periodic and self.chance(0.6):
            return {"knots": space.t.copy(), "degree": k}, {"knots": KNOTS, "degree": DEGREE}, tame
        roles = {"knots": Role("object"), "degree": Role("whole", low=k, high=k, optional=True)}
        return {"knots": space, "degree": self.one(None, k)}, roles, tame

    def inputs(self, count: int, k: int, repeated: bool = True) -> tuple[sk.KnotVector, ...]:
        """Moderate knots on [0, 1] for every input of a layer: the same, or different ones."""
        kinds = (
            ("uniform", "extended", "clamped", "repeated", "periodic")
            if repeated
            else ("uniform", "extended")
        )
        found = [self._input(self.one(*kinds), k) for _ in range(count)]
        return (found[0],) * count if self.chance(0.6) else tuple(found)

    def splines(self, n_in: int, n_out: int, k: int, basis: str, repeated: bool = True) -> sk.SplineLayer:
        """A layer with knots for every input, and perhaps a base branch."""
        knots = self.inputs(n_in, k, repeated and basis == "spline")
        base = None if any(each.periodic for each in knots) else self.one(None, None, "identity", "silu")
        given = knots[0] if len(set(knots)) == 1 and self.chance() else knots
        mode = self.one("linear", "polynomial", "clamp", "zero")
        return sk.SplineLayer(n_in, n_out, given, extrapolate=mode, basis=basis, base=base)

    def _input(self, kind: str, k: int) -> sk.KnotVector:
        count = self.integer(1, 4)
        if kind == "uniform":
            return sk.KnotVector.uniform(0.0, 1.0, count, k)
        steps = np.cumsum(self.points(count, low=0.3))
        ends = np.concatenate([[0.0], steps / steps[-1]])
        if kind == "periodic":
            return sk.KnotVector.extended(ends, k, periodic=True)
        if kind == "extended":
            return sk.KnotVector.extended(ends, k)
        # Splines that are differentiable three times, if that can be.
        return sk.KnotVector.clamped(ends, k, 1 if kind == "clamped" else max(1, k - 3))

    def inside(self, t: np.ndarray, k: int, n: int = 4, beyond: float = 0.0) -> np.ndarray:
        """Points of [a, b], some at knots or beside them, and a share outside."""
        a, b = t[k], t[-k - 1]
        x = a + self.rng.random(n) * (b - a)
        for i in range(n):
            what = self.integer(0, 5)
            knot = t[self.integer(k, len(t) - k - 1)]
            if what == 0:
                x[i] = knot
            elif what == 1:
                x[i] = np.nextafter(knot, self.one(-np.inf, np.inf))
            elif what == 2 and self.chance(beyond):
                x[i] = self.one(a - (b - a) * self.rng.random(), b + (b - a) * self.rng.random())
        return x if beyond else np.clip(x, a, b)

    def network(self, n_in: int | None = None, n_out: int | None = None, basis: str | None = None) -> sk.KAN:
        """A small network."""
        p = self.integer(1, 3) if n_in is None else n_in
        q = self.integer(1, 2) if n_out is None else n_out
        free = basis is None
        kind = self.one("splines", "affine", "inputs", *(("mixed", "mlp") if free else ()))
        if kind == "inputs":
            basis = basis or self.one("spline", "spline", "relu")
            # Periodic and repeated knots only where nobody asks for the other basis.
            repeated = free and basis == "spline" and self.chance()
            layers = [self.splines(n, m, 3, basis, repeated) for n, m in ((p, 2), (2, q))]
            return sk.KAN.chain(layers)
        return _network(
            kind, p, q, self.one(1, 3, 3), self.integer(1, 4), basis or self.one("spline", "spline", "relu")
        )

    def theta(self, network: sk.KAN) -> np.ndarray:
        if network.basis == "relu":
            plain = network.with_basis("spline")
            return plain.to_basis(0.5 * self.normal(plain.n_parameters), "relu")
        return 0.5 * self.normal(network.n_parameters)

    def objective(self, basis: str | None = None, outputs: int | None = None) -> sk.LeastSquares:
        return sk.LeastSquares(**self.samples(basis, outputs))

    def loss(self, basis: str | None = None) -> sk.DataLoss:
        """An objective of any loss."""
        loss = self.one(sk.SquaredError(), PseudoHuber(), Correlated(), sk.Huber(0.8))
        return sk.DataLoss(**self.samples(basis), loss=loss)

    def samples(self, basis: str | None = None, outputs: int | None = None) -> dict[str, Any]:
        """Arguments of an objective on data."""
        net = self.network(basis=basis, n_out=outputs)
        n = self.integer(3, 9)
        return {
            "network": net,
            "x": self.points(n, net.n_in),
            "y": self.normal(n, net.n_out),
            "weights": self.one(None, 2.0 / n, self.points(n)),
            "smoothing": self.one(0.0, 0.0, 1e-3),
            "reduction": self.one("sum", "sum", "mean"),
            "executor": self.one(None, None, _workers()),
        }


@cache
def _workers() -> Workers:
    return Workers(ThreadPoolExecutor(2), 2)


class PseudoHuber:
    """sqrt(1 + d^2) - 1, d = g - y, summed over the outputs: a diagonal root."""

    mean_factor, squared = 1.0, False

    def value(self, g: Any, y: Any) -> Any:
        return (np.sqrt(1 + (g - y) ** 2) - 1).sum(axis=1)

    def gradient(self, g: Any, y: Any) -> Any:
        return (g - y) / np.sqrt(1 + (g - y) ** 2)

    def root(self, g: Any, y: Any) -> Any:
        return (1 + (g - y) ** 2) ** -0.75


class Correlated:
    """1/2 d.(C C^T d), d = g - y, C = I + 1/2: a matrix root, the same for every sample."""

    mean_factor, squared = 2.0, False

    def value(self, g: Any, y: Any) -> Any:
        return (((g - y) @ self._factor(g)) ** 2).sum(axis=1) / 2

    def gradient(self, g: Any, y: Any) -> Any:
        C = self._factor(g)
        return (g - y) @ (C @ C.T)

    def root(self, g: Any, y: Any) -> Any:
        C = self._factor(g)
        return np.broadcast_to(C.T, (len(g), *C.shape))

    @staticmethod
    def _factor(g: Any) -> Any:
        return np.eye(g.shape[1]) + 0.5


@cache
def _network(kind: str, p: int, q: int, degree: int, intervals: int, basis: str) -> sk.KAN:
    if kind == "splines":
        return sk.KAN.splines([p, 2, q], degree, intervals, basis=basis)
    if kind == "affine":
        return sk.KAN.affine_first([p, 3, q], degree, intervals, (-1.0, 1.0), basis=basis)
    if kind == "mlp":
        return sk.MLP([p, 3, q], ("tanh", "sigmoid", "relu", "power_relu")[intervals % 4], 2)
    t = sk.uniform_knots(0, 1, intervals, degree)
    layers = [sk.Affine(p, 2, bias=False), sk.Normalizer(2, "tanh"), sk.SplineLayer(2, q, t, degree, "clamp")]
    return sk.KAN.chain(layers)
