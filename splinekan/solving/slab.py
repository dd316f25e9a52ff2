"""The solution on a slab of time."""

from __future__ import annotations

from dataclasses import dataclass

from splinekan.solving.meshes import Mesh, Residual
from splinekan.solving.pieces import Piece


@dataclass(frozen=True, eq=False)
class Slab:
    """A solution on a slab.

    Attributes
    ----------
    piece, mesh
        The solution, and its mesh.
    residual, loss
        Of the solution.
    exhausted
        Whether the residual is larger than was asked for because nothing lowers it.
    """

    piece: Piece
    mesh: Mesh
    residual: Residual
    loss: float
    exhausted: bool = False

    @property
    def end(self) -> float:
        """Where the slab ends."""
        return self.mesh.bounds[self.piece.along][1]
