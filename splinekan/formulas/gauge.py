"""Constants that no data determine: scales and shifts that can move from a node to the next stage.

The function of a formula stays the same if an output of a stage is multiplied by a number or shifted, and the
terms that take it undo the change; and if a factor of a product is multiplied by a number by which another
factor is divided. The functions here make such changes, and return None where a fixed constant, or a function
through which the inverse change cannot pass, forbids them.
"""

from __future__ import annotations

from splinekan._checks import Float64Array
from splinekan.formulas.families import plain
from splinekan.formulas.trial import Part, SplineEdge, Trial, built, constants, scale_node
from splinekan.network.term import Term

EPS = 1e-12


def scaled_output(trial: Trial, s: int, j: int, by: float) -> Trial | None:
    """Output j of stage s times a number, undone by the edges that take it."""
    parts = trial.parts()
    if s + 1 >= len(parts) or by == 0:
        return None
    first = [group[0] for group in parts[s].products[j]]
    if any(_count(parts[s], node) > 1 for node in first):
        return None
    done = all(scale_node(parts[s], node, by) for node in first)
    return built(parts) if done and _undo(parts[s + 1], j, 1 / by, 0.0) else None


def exchanged(trial: Trial, s: int, node: int, by: float) -> Trial | None:
    """A factor times a number by which another factor of the same product is divided."""
    parts = trial.parts()
    groups = [group for each in parts[s].products for group in each if node in group]
    if by == 0 or len(groups) != 1 or groups[0].count(node) != 1:
        return None
    for other in groups[0]:
        if other != node and _count(parts[s], other) == 1:
            done = scale_node(parts[s], node, by) and scale_node(parts[s], other, 1 / by)
            return built(parts) if done else None
    return None


def shifted_output(trial: Trial, s: int, j: int, by: float) -> Trial | None:
    """Output j of stage s, a sum with a node of its own, plus a number, undone by the edges that take it."""
    parts = trial.parts()
    if s + 1 >= len(parts):
        return None
    alone = [group[0] for group in parts[s].products[j] if len(group) == 1]
    if not alone or _count(parts[s], alone[0]) > 1:
        return None
    fixed, value = parts[s].biases[alone[0]]
    if fixed is not None:
        return None
    parts[s].biases[alone[0]] = None, value + by
    return built(parts) if _undo(parts[s + 1], j, 1.0, -by) else None


def _count(part: Part, node: int) -> int:
    """Number of occurrences of a node in the products of a stage."""
    return sum(group.count(node) for groups in part.products for group in groups)


def _undo(part: Part, j: int, factor: float, shift: float) -> bool:
    """Let the edges from input j take factor (x + shift) instead of x; whether that was possible."""
    for i, (edge, values) in enumerate(part.edges):
        if edge.input != j:
            continue
        if isinstance(edge, SplineEdge):
            return False
        full = constants(edge, values)
        if edge.functions:
            full[2] += full[1] * factor * shift
            full[1] *= factor
            full, term = plain(edge.functions, full)
        else:
            full[0] *= factor
            term = full[0] * shift
        new = _put(edge, full)
        if new is None:
            return False
        part.edges[i] = edge, new
        if term:
            fixed, value = part.biases[edge.output]
            if fixed is not None:
                return False
            part.biases[edge.output] = None, value + term
    return True


def _put(edge: Term, full: Float64Array) -> Float64Array | None:
    """The free constants; None if a fixed constant would have to change."""
    for value, fixed in zip(full, edge.fixed, strict=True):
        if fixed is not None and abs(value - fixed) > EPS * max(abs(fixed), 1.0):
            return None
    return full[[each is None for each in edge.fixed]]


def uses(trial: Trial, s: int, node: int) -> list[tuple[int, tuple[int, ...]]]:
    """The outputs of stage s that a node enters, with the group of nodes."""
    products = trial.stages[s].products
    return [(j, group) for j, groups in enumerate(products) for group in groups if node in group]
