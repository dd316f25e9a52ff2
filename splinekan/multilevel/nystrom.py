"""A randomised approximation of low rank to a Gauss-Newton matrix, as a preconditioner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator

from splinekan._blas import several
from splinekan._checks import affordable, integer
from splinekan.multilevel.galerkin_rows import chunks, stored
from splinekan.multilevel.inverses import EPS, Applied, Inverse, Preconditioner, own_coordinates
from splinekan.optimize.scaled_jacobian import ScaledJacobian


@dataclass(frozen=True)
class Nystrom(Preconditioner):
    """The randomised Nystrom preconditioner of rank r (Frangella, Tropp & Udell 2023, SIMAX 44, section 5).

    J^T J is replaced by U diag(s) U^T, its Nystrom approximation from products with r random vectors, and by
    the smallest s times the identity on the orthogonal complement of U. The sketch costs as many products as
    r iterations of conjugate gradients, from the stored rows of J.

    Parameters
    ----------
    rank
        r, at most the number of parameters.
    seed
        Seed of the random vectors, which are the same for every linearisation.

    Raises
    ------
    TypeError, ValueError
        For a rank below 1 or a seed below 0.

    Examples
    --------
    >>> import splinekan as sk
    >>> sk.CG(preconditioner=Nystrom(rank=50)).tolerance
    0.3
    """

    rank: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", integer("rank", self.rank, low=1))
        object.__setattr__(self, "seed", integer("seed", self.seed, low=0))

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The preconditioner in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = own_coordinates(J)
        n = len(scale)
        rank = min(self.rank, n)
        affordable("the sketch of J^T J", 32.0 * n * rank)
        with several(4.0 * n * rank**2):
            probes = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(n, rank)))[0]
        sketch = np.zeros((n, rank))
        thin = probes / scale[:, None]
        for rows in chunks(jacobian):
            matrix = stored(rows)
            sketch += matrix.T @ (matrix @ thin)
        sketch /= scale[:, None]
        shift = EPS * float(np.linalg.norm(sketch))
        if not np.isfinite(shift) or shift == 0.0:
            return lambda damping: Applied(n, lambda v: v)
        sketch += shift * probes
        with several(8.0 * n * rank**2):
            values, vectors = scipy.linalg.eigh(probes.T @ sketch)
            kept = values > rank * EPS * values[-1]
            # If the sketch contains the whole range, the smallest value is 0.
            whole = bool(kept.all())
            root = sketch @ (vectors[:, kept] / np.sqrt(values[kept]))
            U, s, _ = scipy.linalg.svd(root, full_matrices=False, check_finite=False)
        s = np.maximum(s**2 - shift, 0.0)
        least = float(s[-1]) if whole else 0.0

        def inverse(damping: float) -> LinearOperator:
            gains = (least + damping) / (s + damping) - 1.0
            return Applied(n, lambda v: v + U @ (gains * (U.T @ v)))

        return inverse
