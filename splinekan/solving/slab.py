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
        The residual and the loss of the solution.
    exhausted
        Whether the residual exceeds the tolerance because nothing lowers it.
    """

    piece: Piece
    mesh: Mesh
    residual: Residual
    loss: float
    exhausted: bool = False

    @property
    def end(self) -> float:
        """The end of the slab."""
        return self.mesh.bounds[self.piece.along][1]
