"""Periodic equations u_t = L u + N(u) by Fourier series in space and exponential collocation in time.

On a slab of time the nonlinear term of every Fourier mode is replaced by its polynomial interpolant at
Chebyshev points; the linear part is then integrated exactly,

    v(t_j) = exp(L t_j) v(0) + sum_m W_jm(L h) N(v(t_m)),   W_jm(z) = int_0^(t_j) exp(z (t_j - s)) l_m(s) ds,

and the values at the nodes are found by fixed-point iteration. This is the exponential collocation method of
Hochbruck & Ostermann 2005 (Appl. Numer. Math. 53, 323) with a stage per node of the interpolation, here 16.
The fourth-order scheme ETDRK4 of Cox & Matthews and Kassam & Trefethen 2005 belongs to the same
family. The high order makes 1e-12 affordable, and the interpolant is dense output of the same accuracy.

Slabs are halved until the interpolants are resolved, and doubled when they are over-resolved. Products are
dealiased by zero padding. In space the series is evaluated directly, without interpolation error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinekan._checks import Float64Array

Complex = NDArray[np.complex128]

NODES = 16
"""Number of Chebyshev points of a slab, both ends included."""
SWEEPS = 60
"""Largest number of fixed-point iterations on a slab; a slab that needs more is halved."""
TOLERANCE = 1e-14
"""Tolerance of the last Chebyshev coefficients and of the last correction, relative to the largest mode."""
SMALLEST = 2.0**-30
"""Least length of a slab relative to the whole interval."""
GAUSS, PHASE = 20, 10.0
"""Points of a part of a panel, and the largest phase |Im z| times its length."""
ROWS = 2048
CHUNK = 1 << 20
"""Number of complex numbers in memory while a solution is evaluated."""


@dataclass(frozen=True, eq=False)
class PeriodicEquation:
    """u_t = L u + multiplier N(u), with period `length` in x, for 0 <= t <= `end`.

    Attributes
    ----------
    length, end
        Period and final time.
    linear, multiplier
        From wave numbers k (m,) to the symbols of L and of the operator in front of N.
    nonlinear
        N, pointwise.
    degree
        The degree of N as a polynomial: the padding that removes aliasing is (degree + 1)/2.
    """

    length: float
    end: float
    linear: Callable[[Float64Array], Any]
    multiplier: Callable[[Float64Array], Any]
    nonlinear: Callable[[Float64Array], Float64Array]
    degree: int


@dataclass(frozen=True, eq=False)
class PeriodicSolution:
    """A solution as a polynomial in t with Fourier coefficients, slab by slab.

    Attributes
    ----------
    wave_numbers
        k >= 0, (m,).
    edges
        Ends of the slabs, (slabs + 1,).
    coefficients
        Chebyshev coefficients in t of every mode, (slabs, NODES, m).
    low
        The left end of the period.
    """

    wave_numbers: Float64Array
    edges: Float64Array
    coefficients: Complex
    low: float

    def modes(self, t: Float64Array) -> Complex:
        """Coefficients at times t (n,): (n, m), with u the real part of sum c_k exp(i k (x - low))."""
        slab = np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.edges) - 2)
        start, length = self.edges[slab], np.diff(self.edges)[slab]
        angle = np.arccos(np.clip(2 * (t - start) / length - 1, -1.0, 1.0))
        basis = np.cos(angle[:, None] * np.arange(self.coefficients.shape[1]))
        modes = np.empty((len(t), len(self.wave_numbers)), complex)
        for each in np.unique(slab):
            rows = slab == each
            modes[rows] = basis[rows] @ self.coefficients[each]
        return modes

    def __call__(self, points: Float64Array) -> Float64Array:
        """u at points (x, t), (n, 2): (n,)."""
        times, at = np.unique(points[:, 1], return_inverse=True)
        order = np.argsort(at, kind="stable")
        u = np.empty(len(points))
        rows = max(1, CHUNK // len(self.wave_numbers))
        for start in range(0, len(points), rows):
            part = order[start : start + rows]
            first, last = at[part[0]], at[part[-1]]
            modes = self.modes(times[first : last + 1])
            x = points[part, 0] - self.low
            if last == first:
                u[part] = (np.exp(1j * np.outer(x, self.wave_numbers)) @ modes[0]).real
            else:
                waves = np.exp(1j * np.outer(x, self.wave_numbers))
                u[part] = np.einsum("nm,nm->n", waves, modes[at[part] - first]).real
        return u

    @cached_property
    def tail(self) -> float:
        """The largest modulus among the upper tenth of modes at any time, relative to the largest mode."""
        sizes = np.abs(self.coefficients).sum(axis=1).max(axis=0)
        return float(sizes[-max(len(sizes) // 10, 1) :].max() / sizes.max())


def evolve(
    equation: PeriodicEquation,
    start: Complex,
    low: float,
    slab: float,
    tolerance: float = TOLERANCE,
    first: float | None = None,
) -> PeriodicSolution:
    """The solution with the Fourier coefficients `start` at t = 0.

    Parameters
    ----------
    equation
        The equation.
    start
        Coefficients c_k, k = 0, ..., m - 1, of u(x, 0) = Re sum c_k exp(2 pi i k (x - low)/length): twice the
        usual coefficients, except for k = 0.
    low
        The left end of the period.
    slab
        Longest slab of time; actual lengths are `slab` divided by powers of 2.
    tolerance
        Bound on the last two Chebyshev coefficients of a slab and on the last correction, relative to the
        largest mode.
    first
        Length of the first slab, for initial values that are not smooth; the lengths then double.

    Raises
    ------
    ArithmeticError
        If slabs become too short: the solution ceases to exist, or is not resolved.
    """
    k = np.asarray(2 * np.pi / equation.length * np.arange(len(start)), dtype=np.float64)
    stepper = _Stepper(equation, k, len(start))
    time, edges, slabs = 0.0, [0.0], []
    v = np.asarray(start, complex)
    step = slab if first is None else slab * 2.0 ** -np.ceil(np.log2(slab / first))
    guess: Complex | None = None
    while time < equation.end * (1 - 1e-12):
        step = min(step, slab)
        while time + step > equation.end * (1 + 1e-12):
            step /= 2
        nodes, resolved = stepper.slab(v, step, tolerance, guess)
        if nodes is None:
            step, guess = step / 2, None
            if step < SMALLEST * equation.end:
                raise ArithmeticError(f"the solution is not resolved after t = {time}")
            continue
        coefficients = stepper.to_chebyshev @ nodes
        time, v = time + step, nodes[-1]
        edges.append(time)
        slabs.append(coefficients)
        # The next slab continues this one's polynomial, unless the length changes.
        guess = stepper.continued @ nodes if not resolved else None
        step = 2 * step if resolved else step
    return PeriodicSolution(k, np.array(edges), np.array(slabs), low)


class _Stepper:
    """Slabs of an equation for a given number of modes."""

    def __init__(self, equation: PeriodicEquation, k: Float64Array, modes: int) -> None:
        self.equation, self.modes = equation, modes
        self.symbol = np.asarray(equation.linear(k), complex)
        self.multiplier = np.asarray(equation.multiplier(k), complex)
        self.grid = _even((equation.degree + 1) * modes)
        self.nodes: Float64Array = np.asarray((1 - np.cos(np.pi * np.arange(NODES) / (NODES - 1))) / 2)
        j = np.arange(NODES)
        values = np.cos(np.pi * np.outer(NODES - 1 - j, j) / (NODES - 1))
        self.to_chebyshev = np.linalg.inv(values)
        beyond = np.cosh(np.outer(np.arccosh(2 * self.nodes + 1), j))
        self.continued = beyond @ self.to_chebyshev
        self._weights: dict[float, tuple[Complex, Complex]] = {}

    def reaction(self, v: Complex) -> Complex:
        """Coefficients of multiplier N(u) for coefficients (n, modes) of u."""
        half = v / 2
        half[:, 0] *= 2
        u = np.fft.irfft(half, self.grid, axis=1) * self.grid
        product = np.fft.rfft(self.equation.nonlinear(u), axis=1)[:, : self.modes] * (2 / self.grid)
        product[:, 0] /= 2
        return self.multiplier * product

    def slab(
        self, v: Complex, step: float, tolerance: float, guess: Complex | None
    ) -> tuple[Complex | None, bool]:
        """Coefficients at the nodes (NODES, modes), None if unresolved; whether to lengthen the slab."""
        if step not in self._weights:
            self._weights[step] = exponential_weights(np.asarray(self.symbol * step), self.nodes)
        decay, weights = self._weights[step]
        free = decay * v
        nodes = free if guess is None else guess
        scale = np.abs(v).max()
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(SWEEPS):
                new = free + step * np.einsum("jmk,mk->jk", weights, self.reaction(nodes))
                change = np.abs(new - nodes).max()
                nodes = new
                if not np.isfinite(change) or change <= tolerance * scale:
                    break
            else:
                return None, False
            if not np.isfinite(change):
                return None, False
        forcing = np.abs(self.to_chebyshev @ self.reaction(nodes))
        # The effect of an unresolved forcing on u: it acts for the time step, or until it is damped.
        acting = step * np.minimum(1.0, 1.0 / np.maximum(np.abs(self.symbol) * step, 1e-300))
        last = float((forcing[-2:] * acting).max()) / scale
        return (nodes, last < 1e-4 * tolerance) if last <= tolerance else (None, False)


def exponential_weights(z: Complex, nodes: Float64Array) -> tuple[Complex, Complex]:
    """exp(z t_j), (n, m), and int_0^(t_j) exp(z (t_j - s)) l_i(s) ds, (n, n, m), for nodes t_j in [0, 1].

    By Gauss quadrature on panels that shrink towards s = t_j, divided into parts with a few oscillations, so
    that neither stiff nor oscillatory exponents, nor small ones, lose digits.
    """
    n = len(nodes)
    weights = np.zeros((n, n, len(z)), complex)
    panels = int(np.ceil(np.log2(max(float(np.abs(z.real).max()), 1.0)))) + 2
    oscillation = float(np.abs(z.imag).max())
    barycentric = np.array([1 / np.prod(t - np.delete(nodes, i)) for i, t in enumerate(nodes)])
    y, w = np.polynomial.legendre.leggauss(GAUSS)
    for j, end in enumerate(nodes[1:], start=1):
        edges = [*(end * 2.0 ** -np.arange(panels + 1)), 0.0]
        pieces = [
            np.linspace(high, low, 1 + max(1, int(np.ceil(oscillation * (high - low) / PHASE))))
            for high, low in pairwise(edges)
        ]
        cuts = np.concatenate([*(piece[:-1] for piece in pieces), [0.0]])
        back = (cuts[:-1, None] + cuts[1:, None] - np.diff(cuts)[:, None] * y).ravel() / 2
        shares = np.outer(-np.diff(cuts) / 2, w).ravel()
        for start in range(0, len(back), ROWS):
            part = slice(start, start + ROWS)
            gaps = (end - back[part])[:, None] - nodes
            with np.errstate(divide="ignore", invalid="ignore"):
                quotient = barycentric / gaps
                lagrange = quotient / quotient.sum(axis=1, keepdims=True)
            for row in np.flatnonzero((gaps == 0).any(axis=1)):
                lagrange[row] = gaps[row] == 0
            weights[j] += (lagrange * shares[part, None]).T @ np.exp(np.outer(back[part], z))
    return np.exp(np.outer(nodes, z)), weights


def _even(least: int) -> int:
    """The next even product of 2, 3 and 5."""
    import scipy

    size = int(scipy.fft.next_fast_len(least, real=True))
    while size % 2:
        size = int(scipy.fft.next_fast_len(size + 1, real=True))
    return size
