"""The lid-driven cavity by Chebyshev collocation of the stream function, with the corner flow subtracted.

On [0, 1]^2 the stream function psi, u = psi_y, v = -psi_x, satisfies

    Laplace^2 psi = Re (psi_y d/dx - psi_x d/dy) Laplace psi,   psi = 0,  dpsi/dn = lid or 0.

Where the moving lid meets a wall the flow is singular. With lid velocity 1 the stream function begins with
r F(theta) (Goodier 1934, Taylor 1962) and r^2 Re G(theta), whose vorticity is infinite; with 4 x (1 - x), with
4 r^2 F(theta), whose vorticity has no limit. Both parts are known exactly. As in Botella & Peyret 1998
(Computers & Fluids 27, 421), they are subtracted at both corners, and the remainder, with smoother data, is a
polynomial of high degree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import scipy
from numpy.polynomial import chebyshev

from splinekan._checks import Float64Array

DEGREE = 48
"""In each variable."""
NEWTON = 20
TOLERANCE = 1e-12
ANGLES = 40
"""Degree in theta of the parts of a corner flow."""


@dataclass(frozen=True, eq=False)
class CornerFlow:
    """r^power F(theta), 0 <= theta <= pi/2, F by Chebyshev coefficients; theta = 0 is the lid.

    Its Laplacian's Laplacian is r^(power - 4) times the function with the coefficients `forcing`.
    """

    power: int
    coefficients: Float64Array
    forcing: Float64Array

    def derivative(self, order: int, theta: Float64Array) -> Float64Array:
        """A derivative of F."""
        series = chebyshev.chebder(self.coefficients, order) * (4 / np.pi) ** order
        value: Float64Array = chebyshev.chebval(4 * theta / np.pi - 1, series)
        return value

    def evaluate(self, along: Float64Array, below: Float64Array) -> list[Float64Array]:
        """psi, its first derivatives, the Laplacian, its first derivatives and its Laplacian.

        Derivatives are along the lid and away from it.
        """
        r, theta = np.hypot(along, below), np.arctan2(below, along)
        safe = np.where(r > 0, r, 1.0)
        n = self.power
        f, f1, f2, f3 = (self.derivative(order, theta) for order in range(4))
        omega, omega1 = f2 + n**2 * f, f3 + n**2 * f1
        cos, sin = along / safe, below / safe

        def gradient(m: int, g: Float64Array, g1: Float64Array) -> tuple[Float64Array, Float64Array]:
            radial, around = safe ** (m - 1.0) * m * g, safe ** (m - 1.0) * g1
            return cos * radial - sin * around, sin * radial + cos * around

        return [
            safe**n * f * (r > 0),
            *gradient(n, f, f1),
            safe ** (n - 2.0) * omega,
            *gradient(n - 2, omega, omega1),
            safe ** (n - 4.0) * chebyshev.chebval(4 * theta / np.pi - 1, self.forcing),
        ]


def corner_flows(reynolds: float, lid: str) -> list[CornerFlow]:
    """The singular parts at a corner, in coordinates along the lid and away from it.

    Here psi_below = -(lid velocity) on the lid, as y decreases away from it.
    """
    theta = np.pi / 4 * (1 + np.cos(np.pi * np.arange(ANGLES + 1) / ANGLES))
    half = np.pi / 2
    if lid == "parabolic":
        # 4 x on the lid: a cos 2 theta + b sin 2 theta + c theta + d, with F' = -4 at 0.
        c = -2.0
        b, d = c / 2, -c * half / 2
        return [_fitted(2, theta, -d * np.cos(2 * theta) + b * np.sin(2 * theta) + c * theta + d)]
    # F'''' + 2 F'' + F = 0 with F = 0 at both ends, F' = -1 at 0 and 0 at pi/2.
    basis = [np.cos, np.sin, lambda t: t * np.cos(t), lambda t: t * np.sin(t)]
    slopes = [
        lambda t: -np.sin(t),
        np.cos,
        lambda t: np.cos(t) - t * np.sin(t),
        lambda t: np.sin(t) + t * np.cos(t),
    ]
    matrix = np.array([[f(end) for f in part] for part in (basis, slopes) for end in (0.0, half)])
    weights = np.linalg.solve(matrix, np.array([0.0, 0.0, -1.0, 0.0]))
    first = _fitted(1, theta, sum(w * f(theta) for w, f in zip(weights, basis, strict=True)))
    return [first, _inertia(first, reynolds, theta)]


def _fitted(power: int, theta: Float64Array, values: Float64Array) -> CornerFlow:
    return CornerFlow(power, chebyshev.chebfit(4 * theta / np.pi - 1, values, ANGLES), np.zeros(1))


def _inertia(flow: CornerFlow, reynolds: float, theta: Float64Array) -> CornerFlow:
    """The part r^2 G of the corner flow that balances the inertia of r F.

    In polar coordinates the right-hand side is Re r^(-2) (F (F'' + F)' + F' (F'' + F)) up to the sign of the
    orientation, and Laplace^2 (r^2 G) = r^(-2) (G'''' + 4 G'').
    """
    f, f1, f2, f3 = (flow.derivative(order, theta) for order in range(4))
    # J = (psi_theta omega_r - psi_r omega_theta)/r with psi = r F, omega = (F'' + F)/r.
    source = f1 * (f2 + f) + f * (f3 + f1)
    size = ANGLES + 1
    scale = 4 / np.pi
    d2, d4 = (np.zeros((size, size)) for _ in range(2))
    for k in range(size):
        unit = np.eye(size)[k]
        for matrix, order in ((d2, 2), (d4, 4)):
            if k >= order:
                matrix[:, k] = chebyshev.chebval(
                    4 * theta / np.pi - 1, chebyshev.chebder(unit, order) * scale**order
                )
    system, right = d4 + 4 * d2, reynolds * source
    ends = chebyshev.chebvander(np.array([-1.0, 1.0]), ANGLES)
    slopes = np.arange(size) ** 2 * np.array([[(-1.0) ** (k + 1), 1.0] for k in range(size)]).T
    rows = np.concatenate([system[2:-2], ends, slopes])
    coefficients = np.linalg.solve(rows, np.concatenate([right[2:-2], np.zeros(4)]))
    return CornerFlow(2, coefficients, chebyshev.chebfit(4 * theta / np.pi - 1, right, ANGLES))


@dataclass(frozen=True, eq=False)
class Cavity:
    """Velocities in the cavity.

    Attributes
    ----------
    coefficients
        Chebyshev coefficients of the stream function without the corner flows, (degree + 1)^2.
    flows
        The corner flows, the same at both upper corners but for reflections.
    residual
        Largest last correction of the stream function.
    """

    coefficients: Float64Array
    flows: tuple[tuple[CornerFlow, ...], tuple[CornerFlow, ...]]
    residual: float

    @cached_property
    def _slopes(self) -> tuple[Float64Array, Float64Array]:
        return tuple(2 * chebyshev.chebder(self.coefficients, axis=i) for i in (0, 1))  # type: ignore[return-value]

    def __call__(self, points: Float64Array) -> Float64Array:
        """u and v at points (n, 2): (n, 2)."""
        x, y = points.T
        along_x, along_y = (chebyshev.chebval2d(2 * x - 1, 2 * y - 1, each) for each in self._slopes)
        corner = corner_values(self.flows, x, y)
        return np.column_stack([along_y + corner[2], -along_x - corner[1]])

    def stream(self, points: Float64Array) -> Float64Array:
        """psi at points (n, 2): (n,)."""
        x, y = points.T
        smooth = chebyshev.chebval2d(2 * x - 1, 2 * y - 1, self.coefficients)
        value: Float64Array = smooth + corner_values(self.flows, x, y)[0]
        return value


def corner_values(
    flows: tuple[tuple[CornerFlow, ...], tuple[CornerFlow, ...]], x: Float64Array, y: Float64Array
) -> Float64Array:
    """psi, psi_x, psi_y, omega = Laplace psi, omega_x, omega_y, Laplace omega of both corners' flows, (7, ...)."""
    total = np.zeros((7, *np.shape(x)))
    for side, group in enumerate(flows):
        sign = -1.0 if side else 1.0
        for flow in group:
            parts = flow.evaluate(1 - x if side else x, 1 - y)
            signs = (1.0, sign, -1.0, 1.0, sign, -1.0, 1.0)
            total += np.array([s * part for s, part in zip(signs, parts, strict=True)])
    return total


@cache
def cavity(reynolds: float = 100.0, lid: str = "parabolic", degree: int = DEGREE) -> Cavity:
    """The flow, computed once in about a minute of a core at degree 48.

    Raises
    ------
    ArithmeticError
        If Newton's method does not converge.
    """
    # At the right corner the flow is mirrored: its stream function has the same sign, as the lid moves away
    # from one corner and towards the other; inertia changes sign.
    left, right = (corner_flows(sign * reynolds, lid) for sign in (1.0, -1.0))
    flows = (tuple(left), tuple(right))
    n = degree
    nodes = np.cos(np.pi * np.arange(n + 1) / n)
    lift = _lift(flows, lid, nodes)
    inner, weights = _collocation(n)
    grid_x, grid_y = np.meshgrid((1 + inner) / 2, (1 + inner) / 2, indexing="ij")
    corner = corner_values(flows, grid_x, grid_y)
    basis = [_clamped(n, inner, order) for order in range(5)]

    def fields(table: list[Float64Array], c: Float64Array) -> tuple[Any, ...]:
        def term(i: int, j: int) -> Float64Array:
            product: Float64Array = table[i] @ c @ table[j].T
            return product

        omega_x, omega_y = term(3, 0) + term(1, 2), term(2, 1) + term(0, 3)
        return term(1, 0), term(0, 1), omega_x, omega_y, term(4, 0) + 2 * term(2, 2) + term(0, 4)

    plain = [
        chebyshev.chebval(inner, 2.0**order * chebyshev.chebder(np.eye(n + 1), order)).T for order in range(5)
    ]
    base = fields(plain, lift)
    known = (
        base[0] + corner[1],
        base[1] + corner[2],
        base[2] + corner[4],
        base[3] + corner[5],
        base[4] + corner[6],
    )
    size = n - 3
    unknown = np.zeros((size, size))

    def product(i: int, j: int) -> Float64Array:
        return np.kron(basis[i], basis[j])

    biharmonic = product(4, 0) + 2 * product(2, 2) + product(0, 4)
    slopes = product(1, 0), product(0, 1)
    vorticity = product(3, 0) + product(1, 2), product(2, 1) + product(0, 3)
    # A continuation in the Reynolds number is needed beyond about 1000 only.
    scale = 1 / np.abs(biharmonic).max(axis=0)
    for _ in range(NEWTON):
        parts = [a + b for a, b in zip(known, fields(basis, unknown), strict=True)]
        psi_x, psi_y, omega_x, omega_y, bi = (each.ravel() for each in parts)
        residual = bi - reynolds * (psi_y * omega_x - psi_x * omega_y)
        jacobian = biharmonic - reynolds * (
            psi_y[:, None] * vorticity[0]
            + omega_x[:, None] * slopes[1]
            - psi_x[:, None] * vorticity[1]
            - omega_y[:, None] * slopes[0]
        )
        step = scale * np.linalg.solve(jacobian * scale * weights[:, None], -residual * weights)
        unknown = unknown + step.reshape(size, size)
        change = float(np.abs(step).max())
        if change <= TOLERANCE:
            transform = _clamped_coefficients(n)
            return Cavity(lift + transform @ unknown @ transform.T, flows, change)
    raise ArithmeticError(f"Newton's method does not converge for reynolds = {reynolds}")


def _collocation(n: int) -> tuple[Float64Array, Float64Array]:
    """n - 3 Chebyshev points of the first kind, and weights of the tensor grid's rows."""
    m = n - 3
    inner: Float64Array = scipy.special.roots_jacobi(m, 2.0, 2.0)[0]
    # The equation is weighted down near the walls, where the right-hand side is largest.
    share = 1 - inner**2
    return inner, np.outer(share, share).ravel()


def _clamped_coefficients(n: int) -> Float64Array:
    """Chebyshev coefficients, (n + 1, n - 3), of polynomials with value and slope 0 at both ends.

    phi_k = T_k - 2 (k + 2)/(k + 3) T_(k + 2) + (k + 1)/(k + 3) T_(k + 4) (Shen 1995, SIAM J. Sci. Comput. 16,
    74).
    """
    columns = np.zeros((n + 1, n - 3))
    for k in range(n - 3):
        columns[[k, k + 2, k + 4], k] = 1.0, -2 * (k + 2) / (k + 3), (k + 1) / (k + 3)
    return columns


def _clamped(n: int, at: Float64Array, order: int) -> Float64Array:
    """Derivatives with respect to a variable on [0, 1], (points, n - 3)."""
    series = 2.0**order * chebyshev.chebder(_clamped_coefficients(n), order)
    values: Float64Array = chebyshev.chebval(at, series).T
    return values


def _lift(
    flows: tuple[tuple[CornerFlow, ...], tuple[CornerFlow, ...]], lid: str, nodes: Float64Array
) -> Float64Array:
    """Coefficients of a polynomial with the boundary values and slopes of psi without the corner flows.

    By the Boolean sum of cubic Hermite interpolation in x and in y (Gordon & Hall 1973). The data on the faces
    are polynomials, and consistent at the corners because a corner flow satisfies its own conditions there.
    """
    s = (1 + nodes) / 2
    n = len(nodes) - 1
    zero, one = np.zeros_like(s), np.ones_like(s)

    def face(x: Float64Array, y: Float64Array, which: int) -> Float64Array:
        return -corner_values(flows, x, y)[which]

    # Own corner flows vanish with their slopes on the side wall; rounding and 0/0 at the corner are removed.
    value = {
        "left": face(zero, s, 0),
        "right": face(one, s, 0),
        "bottom": face(s, zero, 0),
        "top": np.zeros_like(s),
    }
    slope = {"left": face(zero, s, 1), "right": face(one, s, 1), "bottom": face(s, zero, 2)}
    moving = 4 * s * (1 - s) if lid == "parabolic" else one
    slope["top"] = moving + _lid_slopes(flows, s)
    for side, other in (("left", 1), ("right", 0)):
        group = flows[other]
        x = one if side == "left" else one
        total = np.zeros((3, len(s)))
        for flow in group:
            psi, along, _, *_ = flow.evaluate(x, 1 - s)
            total += np.array([psi, along, along])
        value[side] = -total[0]
        slope[side] = -total[1] * (-1.0 if other else 1.0)

    def series(values: Float64Array) -> Float64Array:
        coefficients: Float64Array = chebyshev.chebfit(nodes, values, n)
        return coefficients

    hermite = [series(p) for p in ((1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2)]
    hermite += [series(p) for p in (s**2 * (3 - 2 * s), s**2 * (s - 1))]
    in_x = [series(each) for each in (value["left"], slope["left"], value["right"], slope["right"])]
    in_y = [series(each) for each in (value["bottom"], slope["bottom"], value["top"], slope["top"])]
    first = sum(np.outer(h, f) for h, f in zip(hermite, in_x, strict=True))
    second = sum(np.outer(f, h) for h, f in zip(hermite, in_y, strict=True))
    # Values and slopes at the corners of the data on x = 0 and x = 1, as functions of y.
    both = np.zeros((n + 1, n + 1))
    for h, f in zip(hermite, in_x, strict=True):
        derivative = 2 * chebyshev.chebder(f)
        ends = [chebyshev.chebval(e, g) for e in (-1.0, 1.0) for g in (f, derivative)]
        both += np.outer(h, sum(w * each for w, each in zip(ends, hermite, strict=True)))
    total_lift: Float64Array = first + second - both
    return total_lift


def _lid_slopes(
    flows: tuple[tuple[CornerFlow, ...], tuple[CornerFlow, ...]], s: Float64Array
) -> Float64Array:
    """-psi_y of both corner flows on the lid: psi_below = r^(power - 1) F'(0)."""
    total = np.zeros_like(s)
    for side, group in enumerate(flows):
        r = 1 - s if side else s
        for flow in group:
            total = total + r ** (flow.power - 1.0) * flow.derivative(1, np.zeros(1))[0]
    return total
