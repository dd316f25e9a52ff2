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
DEGREE = Role("whole", low=0, high=7)
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

    def tame(self, degree: int | None = None, clamped: bool = True) -> tuple[np.ndarray, int]:
        """Moderate knots."""
        k = self.integer(0, 7) if degree is None else degree
        count = self.integer(1, 7)
        kind = self.integer(0, 2 if clamped else 1)
        if kind == 0:
            a = self.real(-3, 3)
            return sk.uniform_knots(a, a + self.real(0.5, 3), count, k), k
        steps = self.points(count + 2 * k + 1, low=0.3)
        if kind == 1:
            return self.real(-3, 3) + np.cumsum(steps), k
        return sk.clamped_knots(self.real(-3, 3) + np.cumsum(steps[: count + 1]), k), k

    def hostile(self, degree: int | None = None, clamped: bool = True) -> tuple[np.ndarray, int]:
        """Knots with offsets, tiny intervals, extreme scales, denormal spacings; increasing in float64."""
        while True:
            t, k = self.tame(degree, clamped)
            repeated = len(t) > 1 and t[0] == t[1]
            inner = t[k : len(t) - k] if repeated else t
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
                ends = np.repeat(inner[0], k), np.repeat(inner[-1], k)
                return (np.concatenate([ends[0], inner, ends[1]]) if repeated else inner), k

    def knots(self, degree: int | None = None, clamped: bool = True) -> tuple[np.ndarray, int, bool]:
        """(knots, degree, whether they are moderate)."""
        tame = self.chance(0.6)
        return (*(self.tame if tame else self.hostile)(degree, clamped), tame)

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
        kind = (
            self.one("splines", "affine", "mixed", "mlp") if basis is None else self.one("splines", "affine")
        )
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
        loss = self.one(sk.SquaredError(), PseudoHuber(), Correlated())
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
