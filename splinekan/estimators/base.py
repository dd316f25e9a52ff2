"""The common part of both estimators."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import Float64Array, boolean, integer
from splinekan.estimators._sklearn import BaseEstimator, check_is_fitted, check_random_state, validate_data
from splinekan.estimators.inputs import array_like, distinct, real_numbers
from splinekan.fitting import fit
from splinekan.model import Model

SEEDS = 2**31 - 1
"""Bound on seeds that are drawn from a generator."""


class KANEstimator(BaseEstimator):
    """The call of `splinekan.fit`, and the outputs of its model."""

    model_: Model
    n_features_in_: int
    n_iter_: int

    def _fit(
        self, x: Float64Array, y: Float64Array, weights: Float64Array | None, loss: Any, outputs: Any
    ) -> None:
        """Set the attributes of a fit, for y (n, n_out) with the names of its columns, or None."""
        boolean("verbose", self.verbose)
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = int(check_random_state(seed).randint(SEEDS))
        seed = integer("random_state", seed, low=0)
        columns = getattr(self, "feature_names_in_", None)
        self.model_ = fit(
            x,
            y,
            self.hidden,
            degree=self.degree,
            loss=loss,
            sample_weight=weights,
            held_out=self.held_out,
            first=self.first,
            levels=self.levels,
            smoothing=self.smoothing,
            names=distinct(columns),
            output_names=distinct(outputs),
            seed=seed,
            progress=self.verbose,
        )
        record = self.model_.record
        history = None if record is None else record.history
        self.n_iter_ = 1 if history is None else max(1, len(history.loss) - 1)

    def _outputs(self, X: Any) -> Float64Array:
        """The outputs of the model, (n, n_out).

        A model warns when it extrapolates. Cross-validation would repeat the warning for every fold, so the
        network is called here instead.
        """
        check_is_fitted(self, "model_")
        array_like("X", X)
        x = real_numbers("X", validate_data(self, X, reset=False))
        return self.model_.network(self.model_.theta, x).astype(np.float64, copy=False)
