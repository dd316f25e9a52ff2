"""The common base of preconditioners of Gauss-Newton equations: protocol, products, Cholesky factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator

from splinekan._blas import several
from splinekan._checks import Float64Array, instance, shown
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian

EPS = float(np.finfo(np.float64).eps)
Inverse = Callable[[float], LinearOperator]
"""The preconditioner as a function of the damping."""


class Preconditioner(ABC):
    """A preconditioner of damped Gauss-Newton equations."""

    @abstractmethod
    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The approximate inverse of J^T J + damping, as a function of the damping.

        Parameters
        ----------
        J
            The Jacobian in scaled coordinates, as `CG` makes it.

        Raises
        ------
        TypeError, ValueError
            For an argument of another type; for an optimiser that works in coordinates other than the
            network's own; for a network that the hierarchy does not contain.
        """

    def __call__(self, J: ScaledJacobian, damping: float) -> LinearOperator:
        """The operator `prepared(J)(damping)`."""
        return self.prepared(J)(damping)


class Applied(LinearOperator):  # type: ignore[misc]
    """A preconditioner defined by its product, and the start of the iteration if it has a start."""

    def __init__(
        self,
        size: int,
        product: Callable[[Float64Array], Float64Array],
        start: Callable[[Float64Array], Float64Array] | None = None,
    ) -> None:
        self._product = product
        if start is not None:
            self.start = start
        super().__init__(np.dtype(np.float64), (size, size))

    def _matvec(self, v: Float64Array) -> Float64Array:
        return self._product(np.ravel(v))

    def _adjoint(self) -> Applied:
        return self


def factored(matrix: Float64Array, damping: float) -> Any:
    """The Cholesky factor of matrix + damping; the damping grows if rounding makes the sum indefinite."""
    n = len(matrix)
    shift = damping
    least = n * EPS * max(float(np.diag(matrix).max(initial=0.0)), np.finfo(np.float64).tiny)
    while True:
        damped = matrix.copy()
        damped[np.diag_indices(n)] += shift
        try:
            with several(n**3 / 3):
                return scipy.linalg.cho_factor(damped.T, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            if not np.isfinite(damped).all():
                raise ValueError("J must be finite, got a Gauss-Newton matrix that is not") from None
            least *= 100.0
            shift = damping + least


def own_coordinates(J: Any) -> tuple[Any, Float64Array]:
    """(jacobian, scale) of J in the network's own coordinates.

    Raises
    ------
    TypeError, ValueError
        For anything but a ScaledJacobian, and for other coordinates.
    """
    instance("J", J, ScaledJacobian)
    if not isinstance(J.geometry, IdentityMap):
        raise ValueError(
            "the preconditioner works on the network's own parameters: use an optimiser with geometry=None "
            'and a network in the spline basis, network.with_basis("spline")'
        )
    return J.jacobian, J.scale


def index_of(levels: Hierarchy, size: int) -> int:
    """The level whose network has `size` parameters.

    Raises
    ------
    ValueError
        If no level has.
    """
    sizes = [level.network.n_parameters for level in levels]
    if size not in sizes:
        raise ValueError(
            f"levels must hold a network with {size} parameters, as the Jacobian, got {shown(sizes)}"
        )
    return sizes.index(size)
