"""Standard errors of unknown constants."""

from __future__ import annotations

import numpy as np
import scipy

from splinekan._checks import Float64Array
from splinekan.network import KAN
from splinekan.solving.rules import Rule
from splinekan.solving.statement import Statement

SHARE = 1e-11
"""A constant is determined if the other parameters leave at least this fraction of its effect unexplained."""
RIDGE = 1e-14


def standard_errors(statement: Statement, network: KAN, theta: Float64Array, rule: Rule) -> dict[str, float]:
    """The standard errors of the unknown constants by name, the roots of the diagonal of s^2 (J^T J)^-1.

    The data are assumed to have independent errors of equal deviation, up to the given weights, and s^2 is
    estimated from their misfit: the sum of weighted squares divided by the number of data minus the number of
    constants. The equations count as exact, since their weight is much larger. Without data, or with fewer
    data than constants, s^2 is the mean of all weighted squares, the residual of the equations. Constants
    that are not determined have infinite errors.
    """
    names = [constant.name for constant in statement.constants]
    problem = statement.pinn(network, rule)
    p = len(names)
    _, _, matrix = problem.normal_equations(theta)
    residual = np.asarray(problem.residual(theta), dtype=np.float64)
    measured = sum(len(data.values) for data in statement.data)
    if measured > p:
        variance = float(np.sum(residual[-measured:] ** 2)) / (measured - p)
    else:
        variance = float(np.mean(residual**2))
    scale = np.sqrt(np.maximum(np.diag(matrix), np.diag(matrix).max() * 1e-28))
    scaled = matrix / np.outer(scale, scale)
    own, cross, rest = scaled[-p:, -p:], scaled[:-p, -p:], scaled[:-p, :-p]
    try:
        factor = scipy.linalg.cho_factor(rest + RIDGE * len(rest) * np.eye(len(rest)))
    except np.linalg.LinAlgError:
        return dict.fromkeys(names, np.inf)
    information = own - cross.T @ scipy.linalg.cho_solve(factor, cross)
    values, vectors = np.linalg.eigh(information)
    known = values > SHARE
    found = {}
    for i, name in enumerate(names):
        undetermined = np.sum(vectors[i, ~known] ** 2) > SHARE
        spread = np.sum(vectors[i, known] ** 2 / values[known])
        found[name] = (
            np.inf if undetermined else float(np.sqrt(variance * spread) / scale[len(theta) - p + i])
        )
    return found
