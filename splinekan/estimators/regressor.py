"""The regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike
from scipy.sparse import issparse

from splinekan._checks import Float64Array
from splinekan._columns import names_of
from splinekan.estimators._sklearn import RegressorMixin, validate_data
from splinekan.estimators.base import KANEstimator
from splinekan.estimators.inputs import array_like, real_numbers, sample_weights
from splinekan.fitting.named_losses import named


class KANRegressor(RegressorMixin, KANEstimator):
    """A spline network as a regressor of scikit-learn.

    Predictions are the outputs g(x); for likelihoods they are the expected targets: rates for counts, or
    probabilities. The model itself, with derivatives, formulas and figures, is `model_`. Beyond the range of
    the training data edges are continued by straight lines; `model_` warns there, the estimator does not.

    Parameters
    ----------
    hidden
        Widths of the hidden layers, such as (5,); () for a sum of functions of each input. None chooses them
        from the data.
    degree
        Degree of the splines, 1 to 7.
    loss
        "squared", "huber", "quantile" (median), "poisson" (counts; predictions are rates), "logistic" or
        "softmax" (targets that are probabilities), or an object, see `splinekan.objectives`.
    first, levels, smoothing, held_out
        As for `splinekan.fit`; None chooses them.
    random_state
        A seed, for the same model at every call; a RandomState, or None for that of NumPy, to draw a seed.
    verbose
        Whether to show progress.

    Attributes
    ----------
    model_
        The `Model`.
    n_features_in_
        Number of columns of X.
    feature_names_in_
        Names of the columns, if X was a data frame with text as names.
    n_iter_
        Iterations of the last training.

    Raises
    ------
    TypeError, ValueError
        By `fit`, for parameters and data that `splinekan.fit` refuses; scikit-learn's errors for other
        shapes, NaN, sparse matrices and inputs that do not match those of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(0, 1, 50)[:, None]
    >>> regressor = KANRegressor(hidden=()).fit(x, np.sin(3 * x[:, 0]))
    >>> bool(regressor.score(x, np.sin(3 * x[:, 0])) > 0.999)
    True
    """

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        *,
        degree: int = 3,
        loss: Any = "squared",
        first: str | None = None,
        levels: int | None = None,
        smoothing: float | None = None,
        held_out: Any = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.degree = degree
        self.loss = loss
        self.first = first
        self.levels = levels
        self.smoothing = smoothing
        self.held_out = held_out
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """The properties of the estimator for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> KANRegressor:
        """Fit a model to X (n, n_features) and y, (n,) or (n, n_outputs).

        A sample of weight m counts as m equal samples.
        """
        array_like("X", X)
        array_like("y", y)
        outputs = names_of(y)
        x, target = validate_data(self, X, y, multi_output=True, y_numeric=True)
        if issparse(target):
            raise TypeError("y must be a dense array, got a sparse matrix: pass y.toarray()")
        x, target = real_numbers("X", x), real_numbers("y", target)
        self._vector = target.ndim == 1
        self._fit(x, target.reshape(len(x), -1), sample_weights(sample_weight, len(x)), self.loss, outputs)
        return self

    def predict(self, X: Any) -> Float64Array:
        """Predictions in the shape of the targets of the fit."""
        outputs = self._outputs(X)
        mean = getattr(named(self.loss)[1], "mean", None)
        outputs = outputs if mean is None else mean(outputs)
        return outputs[:, 0] if self._vector else outputs
