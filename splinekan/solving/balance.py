"""Sizes of unknowns and of residuals, which make the solution independent of the units of a problem.

Random smooth functions of size 1 on the domain, a hidden layer of tanh with random weights, represent the
functions of a network. The size of a residual is the root mean square of its derivatives with respect to
their coefficients, relative to that of the functions themselves. The sizes of unknowns follow from the
conditions and data; in linear problems, and if these are all zero, from a least-squares solution in the span
of the random functions.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from splinekan._checks import Float64Array
from splinekan.network import KAN, MLP, initialize
from splinekan.objectives.pinn import PINN
from splinekan.solving.given import Given
from splinekan.solving.meshes import uniform
from splinekan.solving.rules import Cells, Rule, Sobol
from splinekan.solving.statement import CONDITION_WEIGHT, Sizes, Statement

TINY = 1e-100
"""Sizes above this, or below its inverse, are not used."""
WIDTH = 60
"""Number of random functions for each unknown."""
STEEPNESS = 1.5
CUTOFF = 1e-7
"""Relative cut-off of singular values in the least-squares solution."""
PLACES = {1: 40, 2: 12, 3: 5}
"""Cells per variable, by the number of variables."""
FINER = 4
"""Factor by which the number of cells may grow, so that narrow functions are resolved."""
MOST = 2000
"""Number of points for more variables."""
ROUNDED = 1e-9
"""Data smaller than a solution of a linear problem by this factor do not indicate its size."""
LARGEST = 1e3
"""The largest assumed ratio of a solution of a linear problem to its data."""


def balanced(statement: Statement) -> Statement:
    """The statement with scales of the unknowns, and sizes of the residuals."""
    trial = _Trial(statement)
    scales = trial.scales()
    sizes = trial.sizes(scales)
    return replace(statement, scales=scales, sizes=sizes)


class _Trial:
    """Residuals and their derivatives at random functions, in the units of the user."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        d, m = statement.region.n_variables, len(statement.unknown)
        self.network = statement.with_constants(MLP([d, WIDTH, m], "tanh"))
        self.theta = initialize(self.network, 0, "noise")
        rng = np.random.default_rng(0)
        first, _, last, *_ = self.network.unpack(self.theta)
        first["weight"][:] = STEEPNESS * rng.normal(size=first["weight"].shape)
        first["bias"][:] = STEEPNESS * rng.uniform(-1, 1, size=first["bias"].shape)
        last["weight"][:] = 0.0
        last["bias"][:] = 0.0
        self.columns = [self.network.indices(2, output=k) for k in range(m)]
        blocks = [replace(block, weight=1.0) for block in statement.blocks(self._rule())]
        self.pinn = PINN(self.network, blocks, bounds=statement.bounds)
        ends = np.cumsum([0, *(len(block.points) for block in blocks)])
        self.rows = [slice(a, b) for a, b in pairwise(ends)]
        self.n_equations = len(statement.equations)
        hidden = KAN(self.network.layers[:2])
        inside = self.pinn._seeds[0][0][:, 0]
        features = hidden(self.theta[: hidden.n_parameters], inside)
        self.features = np.column_stack([features, np.ones(len(features))])
        self.unit = float(np.sqrt(np.mean(np.sum(self.features**2, axis=1))))

    def _rule(self) -> Rule:
        region = self.statement.region
        count = PLACES.get(region.n_variables)
        if count is None:
            return Sobol(MOST, 0)
        cells = (count,) * region.n_variables
        if not region.is_box:
            return Cells(region.uniform(cells), 2)
        mesh = uniform(region.bounds, cells, (1,) * len(cells), (False,) * len(cells))
        mesh = Given(self.statement).seeing(mesh, range(len(cells)), FINER * mesh.n_functions)
        return Cells(mesh.breaks, 2)

    def at(self, coefficients: list[Float64Array]) -> tuple[Float64Array, list[Float64Array]]:
        """Residuals, and their derivatives with respect to the coefficients of every unknown."""
        theta = self.theta.copy()
        for where, values in zip(self.columns, coefficients, strict=True):
            theta[where] = values
        residual = np.asarray(self.pinn.residual(theta), dtype=np.float64)
        jacobian = self.pinn.jacobian(theta)
        return residual, [jacobian[:, where] for where in self.columns]

    def scales(self) -> tuple[float, ...]:
        """The scales of the unknowns, powers of two."""
        zero = [np.zeros(len(where)) for where in self.columns]
        residual, slopes = self.at(zero)
        given = self._given(residual, slopes)
        guess = [size or 1.0 for size in given]
        bent = self.at(self._random(guess))[1]
        linear = all(
            np.isfinite(a).all() and np.allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(a).max())
            for a, b in zip(slopes, bent, strict=True)
        )
        found = list(given)
        if linear or not all(given):
            solved = self._least_squares(residual, slopes, guess)
            for k, size in enumerate(solved):
                if linear and given[k] > ROUNDED * size:
                    found[k] = min(max(size, given[k]), LARGEST * given[k])
                elif linear or not given[k]:  # data may be rounding errors, such as sin(pi x) at x = 1
                    found[k] = size
        return tuple(_power(size) for size in found)

    def _given(self, residual: Float64Array, slopes: list[Float64Array]) -> list[float]:
        """The sizes of the unknowns according to conditions and data, 0 if these do not determine them."""
        found = [0.0] * len(slopes)
        for rows in self.rows[self.n_equations :]:
            largest = np.abs(residual[rows]).max()
            own = [_size(slope[rows]) / self.unit for slope in slopes]
            for k, size in enumerate(own):
                if size > 0 and np.isfinite(largest) and size >= max(own):
                    found[k] = max(found[k], float(largest / size))
        return found

    def _random(self, scales: list[float]) -> list[Float64Array]:
        rng = np.random.default_rng(1)
        return [
            scale * rng.normal(size=len(where)) / self.unit
            for scale, where in zip(scales, self.columns, strict=True)
        ]

    def _least_squares(
        self, residual: Float64Array, slopes: list[Float64Array], scales: list[float]
    ) -> list[float]:
        """The largest values of the solution of the equations linearised about 0."""
        matrix = np.concatenate([s * scale for s, scale in zip(slopes, scales, strict=True)], axis=1)
        target = -residual
        for number, rows in enumerate(self.rows):
            size = _size(matrix[rows]) * np.sqrt(rows.stop - rows.start)
            root = np.sqrt(CONDITION_WEIGHT) if number >= self.n_equations else 1.0
            factor = root / size if size > 0 else 0.0
            matrix[rows] *= factor
            target[rows] *= factor
        if not (np.isfinite(matrix).all() and np.isfinite(target).all()):
            return [0.0] * len(slopes)
        solution = np.linalg.lstsq(matrix, target, rcond=CUTOFF)[0]
        pieces = np.split(solution, len(slopes))
        return [
            float(np.abs(self.features @ piece).max() * scale)
            for piece, scale in zip(pieces, scales, strict=True)
        ]

    def sizes(self, scales: tuple[float, ...]) -> Sizes:
        """The sizes of all residuals for unknowns of these sizes."""
        _, slopes = self.at(self._random(list(scales)))
        found = []
        for rows in self.rows:
            parts = [_size(s[rows]) * scale for s, scale in zip(slopes, scales, strict=True)]
            size = float(np.hypot.reduce(parts)) / self.unit
            found.append(size if 0 < size < np.inf else 1.0)
        n, p = self.n_equations, len(self.statement.posed)
        return Sizes(tuple(found[:n]), tuple(found[n : n + p]), tuple(found[n + p :]))


def _size(matrix: Float64Array) -> float:
    """The root mean square of the norms of the rows, without rows that are not finite."""
    norms = np.sum(np.square(matrix), axis=1)
    norms = norms[np.isfinite(norms)]
    return float(np.sqrt(norms.mean())) if len(norms) else 0.0


def _power(size: float) -> float:
    """The nearest power of two, with which products are exact; 1 for size 0."""
    return float(2.0 ** np.round(np.log2(size))) if TINY < size < 1 / TINY else 1.0
