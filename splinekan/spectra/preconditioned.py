"""The spectrum that governs conjugate gradients: preconditioned, damped Gauss-Newton matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._blas import several
from splinekan._checks import Float64Array, real, shown
from splinekan.network import KAN
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian
from splinekan.spectra.network import MAX_DENSE, in_splines
from splinekan.spectra.spectrum import Spectrum

EPS = float(np.finfo(np.float64).eps)


def preconditioned_spectrum(
    objective: Any, theta: ArrayLike, preconditioner: Any = None, damping: float = 1e-6
) -> Spectrum:
    """The eigenvalues of B A at theta, A = S^{-1} J^T J S^{-1} + mu, for a preconditioner B of `CG`.

    S holds the norms of the columns of J and mu = damping |S^{-1} J^T J S^{-1}|, so that the condition number
    of A is at most 1 + 1/damping. Without a preconditioner they are the eigenvalues of A (Jacobi). With a
    preconditioner that starts the iteration, such as `splinekan.multilevel.Deflation`, they are those on the
    complement in which the iteration works; the others, which are 1, are left out.

    Parameters
    ----------
    objective
        A LeastSquares or a PINN; its network in the spline basis.
    theta
        The parameters of the objective's network.
    preconditioner
        A preconditioner of `CG`; None for the scaling S alone.
    damping
        Relative to the largest eigenvalue, positive.

    Raises
    ------
    TypeError, ValueError
        For an invalid objective, theta, preconditioner or damping; for a network in another basis, or with
        more than `MAX_DENSE` parameters; for a preconditioner that is not symmetric positive definite.

    Examples
    --------
    >>> import splinekan as sk
    >>> from splinekan.multilevel import Deflation
    >>> x = np.random.default_rng(0).uniform(0, 1, (400, 2))
    >>> levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=4), 2)
    >>> objective = sk.LeastSquares(levels[1].network, x, np.zeros(400))
    >>> theta = sk.initialize(levels[1].network, 0, "greville")
    >>> B = Deflation(levels)
    >>> conditions = [preconditioned_spectrum(objective, theta, each).condition for each in (None, B)]
    >>> conditions[1] < conditions[0] / 10
    True
    """
    relative = real("damping", damping, positive=True)
    network = getattr(objective, "network", None)
    if isinstance(network, KAN) and network.basis != "spline":
        raise ValueError("objective must have its network in the spline basis, got one in the ReLU basis")
    objective, at = in_splines(objective, theta)
    n = len(at)
    if n > MAX_DENSE:
        raise ValueError(
            f"the network has {n} parameters, more than the {MAX_DENSE} of a dense decomposition"
        )
    if preconditioner is not None and not callable(preconditioner):
        raise TypeError(f"preconditioner must be callable or None, got {shown(preconditioner)}")
    jacobian = objective.linearized(at)[2]
    columns = np.sqrt(jacobian.column_squares())
    if not columns.any():
        raise ValueError("theta must give a Jacobian that is not zero")
    scale = np.maximum(columns, columns.max() * EPS)
    J = ScaledJacobian(jacobian, IdentityMap(), scale)
    with several(2.0 * n**3):
        matrix = jacobian.normal_matrix() / np.outer(scale, scale)
        mu = relative * float(scipy.linalg.eigvalsh(matrix, subset_by_index=(n - 1, n - 1))[0])
        A = matrix + mu * np.eye(n)
        L = scipy.linalg.cholesky(A, lower=True)
    size = float(np.linalg.norm(A, 2))
    if preconditioner is None:
        return _spectrum(scipy.linalg.eigvalsh(A), n * EPS * size)
    prepare = getattr(preconditioner, "prepared", None)
    inverse = preconditioner(J, mu) if prepare is None else prepare(J)(mu)
    C = L.T @ np.column_stack([inverse @ column for column in L.T])
    rank = n
    start = getattr(inverse, "start", None)
    if start is not None:
        # L^T Q L is the orthogonal projection onto the space that is solved exactly.
        Q = L.T @ np.column_stack([start(column) for column in L.T])
        Q = (Q + Q.T) / 2
        C = C - C @ Q
        C -= Q @ C
        rank = n - round(float(np.trace(Q)))
    if np.abs(C - C.T).max() > 1e-6 * np.abs(C).max():
        raise ValueError("preconditioner must be symmetric: B u.v and u.B v differ")
    values = scipy.linalg.eigvalsh((C + C.T) / 2)[n - rank :]
    if not (values > 0).all():
        raise ValueError(f"preconditioner must be positive definite, got an eigenvalue {values.min():g}")
    return _spectrum(values, n * EPS * size / mu * float(np.abs(values).max(initial=0.0)))


def _spectrum(values: Float64Array, error: float) -> Spectrum:
    return Spectrum(np.ascontiguousarray(values[::-1]), np.full(len(values), error), "dense", 0)
