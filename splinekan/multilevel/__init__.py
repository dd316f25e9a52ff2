"""Multilevel training: hierarchies of exactly nested networks, nested iteration, tournaments of starts."""

from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.nested import NestedResult, nested_iteration
from splinekan.multilevel.tournament import Round, TournamentResult, tournament

__all__ = [
    "Hierarchy",
    "Level",
    "NestedResult",
    "Round",
    "TournamentResult",
    "nested_iteration",
    "tournament",
]
