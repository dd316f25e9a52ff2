"""Smoothers: Jacobi, Gauss-Seidel and Chebyshev iterations for symmetric positive semidefinite matrices.

A smoother is a record of options. `on(matrix)` gives its sweep S: x <- x + S (b - A x). Sweeps converge in
the energy norm of A, |I - S A|_A < 1 on its range, which makes V-cycles symmetric positive definite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from splinekan._checks import boolean, integer, one_of, real, shown
from splinekan.multilevel.sweeps import (
    Diagonal,
    Polynomial,
    Sweep,
    Triangle,
    eigenvalue_bound,
    inverse_diagonal,
)


def _given_bound(value: float | None) -> float | None:
    return None if value is None else real("bound", value, positive=True)


class Smoother(Protocol):
    """A smoother."""

    def on(self, matrix: Any) -> Sweep:
        """Its sweep for a matrix."""
        ...


@dataclass(frozen=True)
class Jacobi:
    """Damped Jacobi: S = omega D^{-1}, D = diag(A).

    Parameters
    ----------
    damping
        omega times the bound of `eigenvalue_bound` on the eigenvalues of D^{-1} A, in (0, 2). With the
        default 4/3 the factor on the upper three quarters of the spectrum is at most 1/3: for linear
        elements, whose eigenvalues lie below 2, this is the classical omega = 2/3.
    bound
        The bound on the eigenvalues of D^{-1} A on all levels, if it is known; None to compute it.
    """

    damping: float = 4 / 3
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _given_bound(self.bound))
        damping = real("damping", self.damping, positive=True, high=2.0)
        if damping == 2.0:
            raise ValueError("damping must be below 2, got 2.0: the sweep would not converge")
        object.__setattr__(self, "damping", damping)

    def on(self, matrix: Any) -> Sweep:
        """omega D^{-1} of `matrix`; unknowns with a zero diagonal are left unchanged."""
        inverse = inverse_diagonal(matrix)
        bound = eigenvalue_bound(matrix) if self.bound is None else self.bound
        return Diagonal(self.damping / bound * inverse)


@dataclass(frozen=True)
class GaussSeidel:
    """Gauss-Seidel: S = (D + L)^{-1}, forward, and S^T = (D + L^T)^{-1}, backward.

    A V-cycle sweeps forward before the coarse correction and backward after it. The triangle is factored once
    (SuperLU, natural order, no fill); `KroneckerSum` is assembled.

    Parameters
    ----------
    symmetric
        Whether each sweep is a forward and a backward sweep, S = (D + L^T)^{-1} D (D + L)^{-1}.
    """

    symmetric: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "symmetric", boolean("symmetric", self.symmetric))

    def on(self, matrix: Any) -> Sweep:
        """(D + L)^{-1} of `matrix`.

        Raises
        ------
        TypeError
            For a matrix that is given by its products only.
        """
        return Triangle(matrix, self.symmetric)


@dataclass(frozen=True)
class Chebyshev:
    """A polynomial in D^{-1} A, small on the upper part [b/ratio, b] of the spectrum.

    I - S A = T_m((b + a - 2 D^{-1} A)/(b - a))/T_m((b + a)/(b - a)) with a = b/ratio, b of `eigenvalue_bound`
    and the degree m: the least factor on [a, b] (Adams, Brezina, Hu, Tuminaro 2003, J. Comput. Phys. 188).
    S is symmetric and requires products only.

    Parameters
    ----------
    degree
        m, the number of products with the matrix per sweep, at least 1.
    ratio
        b/a > 1. Larger values cover more of the spectrum: for B-splines of high degree some oscillations
        also have small eigenvalues.
    bound
        b on all levels, if it is known; None to compute it.
    """

    degree: int = 3
    ratio: float = 10.0
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _given_bound(self.bound))
        object.__setattr__(self, "degree", integer("degree", self.degree, low=1, high=100))
        ratio = real("ratio", self.ratio, high=1e8)
        if ratio <= 1.0:
            raise ValueError(f"ratio must be greater than 1, got {ratio}")
        object.__setattr__(self, "ratio", ratio)

    def on(self, matrix: Any) -> Sweep:
        """The polynomial of `matrix`."""
        high = eigenvalue_bound(matrix) if self.bound is None else self.bound
        return Polynomial(matrix, self.degree, high / self.ratio, high)


SMOOTHERS: dict[str, Smoother] = {
    "jacobi": Jacobi(),
    "gauss-seidel": GaussSeidel(),
    "chebyshev": Chebyshev(),
}
"""Smoothers by name."""


def smoother_of(name: str, value: Any) -> Smoother:
    """The smoother of that name, or the given smoother.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if isinstance(value, str):
        return SMOOTHERS[one_of(name, value, SMOOTHERS)]
    if isinstance(value, type) or not callable(getattr(value, "on", None)):
        raise TypeError(
            f"{name} must be one of {', '.join(map(repr, SMOOTHERS))}, or a smoother such as "
            f"Jacobi(), got {shown(value)}"
        )
    smoother: Smoother = value
    return smoother
