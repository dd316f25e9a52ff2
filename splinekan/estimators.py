"""Estimators with the interface of scikit-learn, around `splinekan.fit`.

scikit-learn is an optional dependency, which this module alone imports: `splinekan.KANRegressor` imports it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from splinekan._arrays import quiet
from splinekan._checks import Float64Array, _refuse_decorated, boolean, shown, vector
from splinekan._columns import names_of
from splinekan.fitting import fit
from splinekan.fitting.samples import merged
from splinekan.model import Model
from splinekan.objectives import Logistic, Poisson, Softmax

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state, compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "sklearn":
        raise
    raise ModuleNotFoundError(
        "KANRegressor and KANClassifier need scikit-learn, which is not installed: "
        "pip install 'splinekan[sklearn]'",
        name=error.name,
    ) from None

LINKS: dict[str, Any] = {"logistic": Logistic(), "softmax": Softmax(), "poisson": Poisson()}
"""Losses whose outputs are not the expected target itself."""
ARRAYS = ("__array__", "__array_interface__", "__dataframe__", "shape")
"""What arrays, data frames and sparse matrices have."""
SEEDS = 2**31 - 1
"""Seeds that are drawn from a generator lie below."""


class _KAN(BaseEstimator):
    """What both estimators share: parameters, and the call of `fit`."""

    model_: Model
    n_features_in_: int
    n_iter_: int

    def _fitted(
        self, x: Float64Array, y: Float64Array, weights: Float64Array | None, loss: Any, outputs: Any
    ) -> None:
        """Set what a fit sets: y (n, n_out) with the names of its columns, or None."""
        boolean("verbose", self.verbose)
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seed = int(check_random_state(seed).randint(SEEDS))
        x, y, weights = merged(x, y, weights)
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
            names=_distinct(columns),
            output_names=_distinct(outputs),
            seed=seed,
            progress=self.verbose,
        )
        record = self.model_.record
        history = None if record is None else record.history
        self.n_iter_ = 1 if history is None else max(1, len(history.loss) - 1)

    def _outputs(self, X: Any) -> Float64Array:
        """The outputs of the model, (n, n_out)."""
        check_is_fitted(self, "model_")
        _array_like("X", X)
        x = _real("X", validate_data(self, X, reset=False))
        return self.model_(x).astype(np.float64, copy=False)


class KANRegressor(RegressorMixin, _KAN):
    """A spline network as a regressor of scikit-learn.

    Predictions are the expected target, g(x) for `loss="squared"`. The model itself, with derivatives,
    formulas and figures, is `model_`.

    Parameters
    ----------
    hidden
        Widths of the hidden layers, (5,) say; () for a sum of functions of each input. None chooses them from
        the data.
    degree
        Degree of the splines, 0 to 7.
    loss
        "squared", "huber", "quantile" (median), "poisson" (counts; predictions are rates), "logistic" or
        "softmax" (targets that are probabilities), or an object, see `splinekan.objectives`.
    first, levels, smoothing, held_out
        As for `splinekan.fit`; None chooses them.
    random_state
        A seed, for the same model at every call; a RandomState, or None for that of NumPy, to draw it.
    verbose
        Whether to show progress.

    Attributes
    ----------
    model_
        The `Model`.
    n_features_in_
        Number of columns of X.
    feature_names_in_
        Their names, where X was a data frame with names of columns that are text.
    n_iter_
        Iterations of the last training.

    Raises
    ------
    TypeError, ValueError
        `fit`, for parameters and data that `splinekan.fit` refuses; scikit-learn's errors for other shapes,
        NaN, sparse matrices and inputs that are not those of the fit.

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
        """What scikit-learn asks about estimators."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> KANRegressor:
        """Fit a model to X (n, n_features) and y, (n,) or (n, n_outputs).

        A sample of weight m counts as m equal samples.
        """
        _array_like("X", X)
        _array_like("y", y)
        outputs = names_of(y)
        x, target = validate_data(self, X, y, multi_output=True, y_numeric=True)
        if issparse(target):
            raise TypeError("y must be a dense array, got a sparse matrix: pass y.toarray()")
        x, target = _real("X", x), _real("y", target)
        self._vector = target.ndim == 1
        self._fitted(x, target.reshape(len(x), -1), _weights(sample_weight, len(x)), self.loss, outputs)
        return self

    def predict(self, X: Any) -> Float64Array:
        """The expected targets, in the shape of those of the fit."""
        outputs = self._outputs(X)
        loss = LINKS.get(self.loss) if isinstance(self.loss, str) else self.loss
        mean = getattr(loss, "mean", None)
        outputs = outputs if mean is None else mean(outputs)
        return outputs[:, 0] if self._vector else outputs


class KANClassifier(ClassifierMixin, _KAN):
    """A spline network as a classifier of scikit-learn.

    Two classes are told apart by a single output, the log-odds of the second class, with the logistic loss;
    more by an output for each and the softmax loss. The model itself is `model_`.

    Parameters
    ----------
    hidden
        Widths of the hidden layers, (5,) say; () for a sum of functions of each input. None chooses them from
        the data.
    degree
        Degree of the splines, 0 to 7.
    first, levels, smoothing, held_out
        As for `splinekan.fit`; None chooses them.
    class_weight
        Factors for the weights of samples: a dictionary by class (1 where a class is missing), "balanced" for
        n/(number of classes x weight of the class), or None for 1.
    random_state
        A seed, for the same model at every call; a RandomState, or None for that of NumPy, to draw it.
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
        Their names, where X was a data frame with names of columns that are text.
    n_iter_
        Iterations of the last training.

    Raises
    ------
    TypeError, ValueError
        `fit`, for targets of a single class or that are not classes, for parameters and data that
        `splinekan.fit` refuses; scikit-learn's errors for other shapes, NaN, sparse matrices and inputs that
        are not those of the fit.

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

        A sample of weight m counts as m equal samples. Classes whose samples all have the weight 0 do not
        count.
        """
        _array_like("X", X)
        _array_like("y", y)
        x, label = validate_data(self, X, y)
        x = _real("X", x)
        check_classification_targets(label)
        weights = _weights(sample_weight, len(x))
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
        self._fitted(x[kept], target, weights, loss, [str(label) for label in outputs])
        return self

    def decision_function(self, X: Any) -> Float64Array:
        """The outputs: log-odds of the second of two classes, (n,); scores of several, (n, n_classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    @quiet
    def predict_proba(self, X: Any) -> Float64Array:
        """The probabilities of the classes, (n, n_classes)."""
        outputs = self._outputs(X)
        if outputs.shape[1] > 1:
            return np.asarray(LINKS["softmax"].mean(outputs))
        # That of the first class from its own log-odds: 1 - p would lose it where p rounds to 1.
        return np.asarray(LINKS["logistic"].mean(np.column_stack([-outputs, outputs])))

    @quiet
    def predict_log_proba(self, X: Any) -> Float64Array:
        """Logarithms of the probabilities, (n, n_classes), finite where these underflow."""
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            return -np.logaddexp(0.0, np.column_stack([outputs, -outputs]))
        outputs = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True)))

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


def _array_like(name: str, value: Any) -> None:
    """Refuse what is not a table, and what would lose a mask or a unit; scikit-learn reads the rest."""
    if value is None or isinstance(value, (list, tuple)) or any(hasattr(value, each) for each in ARRAYS):
        _refuse_decorated(name, value)
        return
    raise TypeError(f"{name} must be an array or a data frame, got {shown(value)}")


def _real(name: str, value: NDArray[Any]) -> Float64Array:
    """An array that scikit-learn has read, as float64; dates and text are refused."""
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {value.dtype}")
    return value.astype(np.float64, copy=False)


def _weights(sample_weight: Any, n: int) -> Float64Array | None:
    """The weights of n samples: a vector, a number for all, or None."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, (int, float, np.number)):
        sample_weight = np.full(n, sample_weight)
    weights = vector("sample_weight", sample_weight, n)
    if (weights < 0).any():
        bad = int(np.argmax(weights < 0))
        raise ValueError(f"sample_weight must not be negative, got {weights[bad]} at index {bad}")
    if not (weights > 0).any():
        raise ValueError("sample_weight must not be zero for all samples")
    return weights


def _distinct(names: Any) -> Sequence[str] | None:
    """Names as a list, or None where names repeat: scikit-learn accepts such columns."""
    names = None if names is None else [str(name) for name in names]
    return names if names and len(set(names)) == len(names) else None
