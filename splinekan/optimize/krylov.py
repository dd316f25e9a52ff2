"""The damped equations at a point by conjugate gradients."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from splinekan._blas import one
from splinekan._checks import Float64Array
from splinekan.optimize.driver import Frame, Point
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian
from splinekan.optimize.systems import Damped, linearized

if TYPE_CHECKING:
    from splinekan.optimize.solvers import CG


class Krylov:
    """The damped equations by products with J and J^T only, preconditioned by the column norms in S."""

    PROBES = 8

    def __init__(self, frame: Frame, point: Point, options: CG) -> None:
        _, _, self._jacobian = linearized(frame, point, ("matvec", "rmatvec", "column_squares"))
        self._frame, self._fed, self._options = frame, point.fed, options
        self.columns = np.sqrt(self._column_squares())

    def _column_squares(self) -> Float64Array:
        geometry = self._frame.geometry
        if isinstance(geometry, IdentityMap):
            return np.asarray(self._jacobian.column_squares())
        # In other coordinates they would require the matrix: they are estimated by the mean square of J^T v
        # over random signs v.
        rng = np.random.default_rng(0)
        total = np.zeros_like(self._fed)
        for _ in range(self.PROBES):
            signs = rng.choice([-1.0, 1.0], self._jacobian.matvec(np.zeros_like(self._fed)).shape)
            total += geometry.solve_transpose(self._jacobian.rmatvec(signs)) ** 2
        return total / self.PROBES

    def damped(self, scale: Float64Array) -> Damped:
        """Steps by conjugate gradients, restarted for every damping."""
        options, n = self._options, len(scale)
        scaled = ScaledJacobian(self._jacobian, self._frame.geometry, scale)
        given: Any = options.preconditioner
        prepare = getattr(given, "prepared", lambda jacobian: partial(given, jacobian))
        inverse_at = (lambda damping: None) if given is None else prepare(scaled)

        def step(damping: float, gradient: Float64Array | None = None, /) -> Float64Array:
            right = (self._fed if gradient is None else gradient) / scale

            def product(v: Float64Array) -> Float64Array:
                return scaled._normal_product(v.ravel()) + damping * v.ravel()

            inverse = inverse_at(damping)
            start = getattr(inverse, "start", None)
            with one if inverse is None else nullcontext():  # a preconditioner of the user may use threads
                solution, _ = cg(
                    LinearOperator((n, n), matvec=product, dtype=np.float64),
                    right,
                    x0=None if start is None else start(right),
                    rtol=options.tolerance,
                    maxiter=options.iterations,
                    M=inverse,
                )
            # A preconditioner may add components on which no residual depends; residuals cannot detect them.
            return np.where((self.columns == 0) & (right == 0), 0.0, -solution / scale)

        return step
