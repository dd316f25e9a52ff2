"""The lid-driven cavity by Chebyshev collocation of the stream function, with the corner flows subtracted.

On [0, 1]^2 the stream function psi, u = psi_y, v = -psi_x, satisfies

    Laplace^2 psi = Re (psi_y d/dx - psi_x d/dy) Laplace psi,   psi = 0,  dpsi/dn = lid or 0.

As in Botella & Peyret 1998 (Computers & Fluids 27, 421), the singular parts at the upper corners are
subtracted. The remainder, with smoother data, is approximated by a polynomial that satisfies the boundary
conditions plus a combination of products of clamped polynomials (Shen 1995, SIAM J. Sci. Comput. 16, 74). The
equation is collocated at the Gauss points for the weight (1 - x^2)^2, which suits fourth order, and solved by
Newton's method.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import scipy
from numpy.polynomial import chebyshev

from splinekan._checks import Float64Array
from splinekan.problems.references.corner_flows import Flows, corner_flows, corner_values

DEGREE = 52
"""Degree of the polynomial in each variable."""
CONTINUED = 100.0
"""Above this Reynolds number Newton's method starts from the flow at half of it."""
NEWTON = 20
"""Largest number of iterations."""
TOLERANCE = 1e-12
"""Tolerance of the last correction of the stream function's coefficients."""


@dataclass(frozen=True, eq=False)
class Cavity:
    """Velocities in the cavity.

    Attributes
    ----------
    coefficients
        Chebyshev coefficients of the stream function without the corner flows, (degree + 1)^2.
    flows
        The corner flows, the same at both upper corners up to reflection.
    clamped
        Coefficients of products of clamped polynomials, the start for another Reynolds number.
    """

    coefficients: Float64Array
    flows: Flows
    clamped: Float64Array

    @cached_property
    def _slopes(self) -> tuple[Float64Array, Float64Array]:
        c = self.coefficients
        in_x, in_y = (np.asarray(2 * chebyshev.chebder(c, axis=i), dtype=np.float64) for i in (0, 1))
        return in_x, in_y

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


@cache
def cavity(reynolds: float = 100.0, lid: str = "parabolic", degree: int = DEGREE) -> Cavity:
    """The flow, computed once, in a few seconds.

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
    inner = scipy.special.roots_jacobi(n - 3, 2.0, 2.0)[0]
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
    known = [part + corner[i] for part, i in zip(base, (1, 2, 4, 5, 6), strict=True)]
    size = n - 3
    far = reynolds > CONTINUED
    unknown = cavity(reynolds / 2, lid, degree).clamped if far else np.zeros((size, size))

    def product(i: int, j: int) -> Float64Array:
        return np.asarray(np.kron(basis[i], basis[j]), dtype=np.float64)

    biharmonic = product(4, 0) + 2 * product(2, 2) + product(0, 4)
    slopes = product(1, 0), product(0, 1)
    vorticity = product(3, 0) + product(1, 2), product(2, 1) + product(0, 3)
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
        step = scale * np.linalg.solve(jacobian * scale, -residual)
        unknown = unknown + step.reshape(size, size)
        if np.abs(step).max() <= TOLERANCE:
            transform = _clamped_coefficients(n)
            return Cavity(lift + transform @ unknown @ transform.T, flows, unknown)
    raise ArithmeticError(f"Newton's method does not converge for reynolds = {reynolds}")


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


def _lift(flows: Flows, lid: str, nodes: Float64Array) -> Float64Array:
    """Coefficients of a polynomial with the boundary values and slopes of psi without the corner flows.

    By the Boolean sum of cubic Hermite interpolation in x and in y (Gordon & Hall 1973). The data on the
    faces are polynomials, and consistent at the corners because a corner flow satisfies its own conditions
    there.
    """
    s = (1 + nodes) / 2
    n, zero, one = len(nodes) - 1, np.zeros_like(nodes), np.ones_like(nodes)
    # On a side wall the flow of its own corner vanishes with its slope: only the other corner's counts.
    value: dict[str, Float64Array] = {}
    slope: dict[str, Float64Array] = {}
    for side, own, sign in (("left", 0, 1.0), ("right", 1, -1.0)):
        parts = [flow.evaluate(one, 1 - s) for flow in flows[1 - own]]
        value[side] = -np.sum([part[0] for part in parts], axis=0)
        slope[side] = sign * np.sum([part[1] for part in parts], axis=0)
    bottom = corner_values(flows, s, zero)
    value["bottom"], slope["bottom"] = -bottom[0], -bottom[2]
    moving = 4 * s * (1 - s) if lid == "parabolic" else one
    value["top"], slope["top"] = zero, moving + _lid_slopes(flows, s)

    def series(values: Float64Array) -> Float64Array:
        return np.asarray(chebyshev.chebfit(nodes, values, n), dtype=np.float64)

    cubics = (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2, s**2 * (3 - 2 * s), s**2 * (s - 1)
    hermite = [series(p) for p in cubics]
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


def _lid_slopes(flows: Flows, s: Float64Array) -> Float64Array:
    """-psi_y of both corner flows on the lid: psi_below = r^(power - 1) F'(0)."""
    total = np.zeros_like(s)
    for side, group in enumerate(flows):
        r = 1 - s if side else s
        for flow in group:
            total = total + r ** (flow.power - 1.0) * flow.derivative(1, np.zeros(1))[0]
    return total
