"""The blocks of the layers on the diagonal of a Gauss-Newton matrix, factored."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator

from splinekan._checks import Float64Array, affordable, instance
from splinekan.multilevel.galerkin_rows import add_normal, chunks, columns
from splinekan.multilevel.hierarchy import Hierarchy
from splinekan.multilevel.inverses import (
    Applied,
    Inverse,
    Preconditioner,
    factored,
    index_of,
    own_coordinates,
)
from splinekan.network import KAN
from splinekan.operators.segments import symmetric
from splinekan.optimize.scaled_jacobian import ScaledJacobian


@dataclass(frozen=True, eq=False)
class LayerBlocks(Preconditioner):
    """The preconditioner by the diagonal blocks of the layers in J^T J + damping S^2, factored exactly.

    For a network with a single layer of splines the block is nearly the whole matrix. The largest layer takes
    8 parameters^2 bytes, and assembling and factoring the blocks costs about as much as `Cholesky` if a
    single layer dominates.

    Parameters
    ----------
    network
        The network, or a hierarchy that contains it.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> import splinekan as sk
    >>> sk.CG(preconditioner=LayerBlocks(sk.KAN.splines([2, 3, 1])), tolerance=0.01).iterations
    50
    """

    network: KAN | Hierarchy

    def __post_init__(self) -> None:
        instance("network", self.network, (KAN, Hierarchy))

    def prepared(self, J: ScaledJacobian) -> Inverse:
        """The inverse blocks in scaled coordinates; see `Preconditioner.prepared`."""
        jacobian, scale = own_coordinates(J)
        n = len(scale)
        if isinstance(self.network, Hierarchy):
            network = self.network[index_of(self.network, n)].network
        else:
            network = self.network
            if network.n_parameters != n:
                raise ValueError(
                    f"network must have {n} parameters, as the Jacobian, got {network.n_parameters}"
                )
        ends = [slice(a, b) for a, b in pairwise(network.offsets) if b > a]
        affordable("the blocks of the layers", sum(16.0 * (e.stop - e.start) ** 2 for e in ends))
        blocks = [np.zeros((e.stop - e.start, e.stop - e.start)) for e in ends]
        for rows in chunks(jacobian):
            for each, block in zip(ends, blocks, strict=True):
                add_normal(columns(rows, each.start, each.stop), block)
        for each, block in zip(ends, blocks, strict=True):
            symmetric(block)
            block /= np.outer(scale[each], scale[each])

        def inverse(damping: float) -> LinearOperator:
            factors = [factored(block, damping) for block in blocks]

            def product(v: Float64Array) -> Float64Array:
                out = np.empty(n)
                for each, factor in zip(ends, factors, strict=True):
                    out[each] = scipy.linalg.cho_solve(factor, v[each], check_finite=False)
                return out

            return Applied(n, product)

        return inverse
