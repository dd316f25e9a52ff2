"""Multilevel training: hierarchies of exactly nested networks, and nested iteration."""

from splinekan.multilevel.hierarchy import Hierarchy, Level
from splinekan.multilevel.nested import NestedResult, nested_iteration

__all__ = ["Hierarchy", "Level", "NestedResult", "nested_iteration"]
