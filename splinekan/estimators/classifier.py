"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinekan._arrays import quiet
from splinekan._checks import Float64Array, shown
from splinekan.estimators._sklearn import (
    ClassifierMixin,
    check_classification_targets,
    compute_class_weight,
    validate_data,
)
from splinekan.estimators.base import KANEstimator
from splinekan.estimators.inputs import array_like, real_numbers, sample_weights
from splinekan.objectives import Logistic, Softmax

SMALLEST = float(np.finfo(np.float64).tiny)
"""Probabilities are positive, and their logarithms finite."""


class KANClassifier(ClassifierMixin, KANEstimator):
    """A spline network as a classifier of scikit-learn.

    Two classes are distinguished by a single output, the log-odds of the second class, with the logistic
    loss; more classes by an output for each and the softmax loss. The model itself is `model_`. Beyond the
    range of the training data edges are continued by straight lines; `model_` warns there, the estimator does
    not.

    Parameters
    ----------
    hidden
        Widths of the hidden layers, such as (5,); () for a sum of functions of each input. None chooses them
        from the data.
    degree
        Degree of the splines, 1 to 7.
    first, levels, smoothing, held_out
        As for `splinekan.fit`; None chooses them.
    class_weight
        Factors for the weights of samples: a dictionary by class (1 for missing classes), "balanced" for
        n/(number of classes x weight of the class), or None for 1.
    random_state
        A seed, for the same model at every call; a RandomState, or None for that of NumPy, to draw a seed.
    verbose
        Whether to show progress.

    Attributes
    ----------
    classes_
        The classes, sorted.
    model_
        The `Model`, whose outputs are `decision_function`.
    n_features_in_
        Number of columns of X.
    feature_names_in_
        Names of the columns, if X was a data frame with text as names.
    n_iter_
        Iterations of the last training.

    Raises
    ------
    TypeError, ValueError
        By `fit`, for targets of a single class or that are not classes, and for parameters and data that
        `splinekan.fit` refuses; scikit-learn's errors for other shapes, NaN, sparse matrices and inputs that
        do not match those of the fit.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 60)[:, None]
    >>> label = np.where(np.abs(x[:, 0]) < 0.5, "inside", "outside")
    >>> classifier = KANClassifier(hidden=()).fit(x, label)
    >>> classifier.predict([[0.0], [0.9]]).tolist()
    ['inside', 'outside']
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        hidden: Sequence[int] | None = None,
        *,
        degree: int = 3,
        first: str | None = None,
        levels: int | None = None,
        smoothing: float | None = None,
        held_out: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.degree = degree
        self.first = first
        self.levels = levels
        self.smoothing = smoothing
        self.held_out = held_out
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> KANClassifier:
        """Fit a model to X (n, n_features) and classes y (n,): numbers, text or booleans.

        A sample of weight m counts as m equal samples. Classes whose samples all have weight 0 are ignored.
        """
        array_like("X", X)
        array_like("y", y)
        x, label = validate_data(self, X, y)
        x = real_numbers("X", x)
        check_classification_targets(label)
        weights = sample_weights(sample_weight, len(x))
        kept = slice(None) if weights is None else weights > 0
        self.classes_, code = np.unique(label[kept], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y must hold at least two classes of positive weight, got one class: "
                f"{shown(self.classes_.tolist())}"
            )
        weights = np.ones(len(x))[kept] if weights is None else weights[kept]
        weights = weights * self._factors(label[kept], code, weights)[code]
        if len(self.classes_) == 2:
            target, loss, outputs = code[:, None].astype(np.float64), "logistic", self.classes_[1:]
        else:
            target, loss, outputs = np.eye(len(self.classes_))[code], "softmax", self.classes_
        self._fit(x[kept], target, weights, loss, [str(label) for label in outputs])
        return self

    def decision_function(self, X: Any) -> Float64Array:
        """The outputs: log-odds of the second of two classes, (n,); scores of several, (n, n_classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    @quiet
    def predict_proba(self, X: Any) -> Float64Array:
        """The probabilities of the classes, (n, n_classes), at least 2.2e-308 where they would underflow."""
        outputs = self._outputs(X)
        if outputs.shape[1] > 1:
            probabilities = Softmax().mean(outputs)
        else:  # the first class from its own log-odds: 1 - p would be 0 where p rounds to 1
            probabilities = Logistic().mean(np.column_stack([-outputs, outputs]))
        return np.asarray(np.maximum(probabilities, SMALLEST))

    def predict_log_proba(self, X: Any) -> Float64Array:
        """Logarithms of the probabilities, (n, n_classes)."""
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable classes, (n,)."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _factors(self, label: NDArray[Any], code: NDArray[Any], weights: Float64Array) -> Float64Array:
        """A factor for each class."""
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            per_class = np.bincount(code, weights)
            return np.asarray(weights.sum() / (len(per_class) * per_class))
        factors = compute_class_weight(self.class_weight, classes=self.classes_, y=label)
        if not (np.isfinite(factors).all() and (factors >= 0).all() and factors.any()):
            raise ValueError(
                f"class_weight must hold finite numbers of at least 0, got {shown(self.class_weight)}"
            )
        return np.asarray(factors, dtype=np.float64)
