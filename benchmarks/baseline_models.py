"""Other regressors and classifiers, each set up as its users would: scaled, and tuned by cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.svm import SVC

import splinekan as sk

Maker = Callable[[int, int, int], Any]
"""An estimator from a seed, the number of inputs and the number of outputs."""
FOLDS = 3
TREES = {"min_samples_leaf": [5, 20], "learning_rate": [0.05, 0.1]}
POWERS = [10.0**i for i in range(-8, 5)]
RESTARTS = 2
"""Of the marginal likelihood of the Gaussian process."""


def kan(seed: int, n_in: int, n_out: int) -> Any:
    """splinekan with its defaults."""
    return sk.KANRegressor(random_state=seed)


def boosting(seed: int, n_in: int, n_out: int) -> Any:
    """300 trees; leaves and learning rate by cross-validation."""
    search = GridSearchCV(HistGradientBoostingRegressor(max_iter=300, random_state=seed), TREES, cv=FOLDS)
    return search if n_out == 1 else MultiOutputRegressor(search)


def mlp(seed: int, n_in: int, n_out: int) -> Any:
    """Two hidden layers of 64, L-BFGS, scaled inputs and targets; the penalty by cross-validation."""
    network = MLPRegressor(
        hidden_layer_sizes=(64, 64), solver="lbfgs", max_iter=500, max_fun=10**6, random_state=seed
    )
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )
    return GridSearchCV(scaled, {"regressor__mlpregressor__alpha": [1e-4, 1e-2, 1.0, 10.0]}, cv=FOLDS)


def gaussian_process(seed: int, n_in: int, n_out: int) -> Any:
    """A length per input and white noise by marginal likelihood, scaled inputs and targets."""
    kernel = ConstantKernel(1.0, (1e-3, 1e5)) * RBF([1.0] * n_in, (1e-2, 1e4)) + WhiteKernel(
        1e-2, (1e-10, 10)
    )
    process = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=RESTARTS, random_state=seed
    )
    scaled = make_pipeline(StandardScaler(), process)
    return scaled if n_out == 1 else MultiOutputRegressor(scaled)


def splines(seed: int, n_in: int, n_out: int) -> Any:
    """Cubic splines of each input, with or without products of two; ridge, all by cross-validation."""
    pipeline = make_pipeline(
        SplineTransformer(knots="quantile", extrapolation="linear", include_bias=False),
        PolynomialFeatures(1, interaction_only=True, include_bias=False),
        StandardScaler(),
        RidgeCV(POWERS),
    )
    grid = {"splinetransformer__n_knots": [3, 5, 9, 17], "polynomialfeatures__degree": [1, 2]}
    return GridSearchCV(pipeline, grid, cv=FOLDS)


def kan_classes(seed: int, n_in: int, n_out: int) -> Any:
    """splinekan with its defaults."""
    return sk.KANClassifier(random_state=seed)


def boosting_classes(seed: int, n_in: int, n_out: int) -> Any:
    """As for regression, with 100 trees a class."""
    return GridSearchCV(HistGradientBoostingClassifier(random_state=seed), TREES, cv=FOLDS)


def mlp_classes(seed: int, n_in: int, n_out: int) -> Any:
    """A hidden layer of 100, Adam, scaled inputs; the penalty by cross-validation."""
    scaled = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=seed))
    return GridSearchCV(scaled, {"mlpclassifier__alpha": [1e-4, 1e-2, 1.0, 10.0]}, cv=FOLDS)


def svc(seed: int, n_in: int, n_out: int) -> Any:
    """Gaussian kernel, scaled inputs; penalty and width by cross-validation."""
    grid = {"svc__C": [1.0, 10.0, 100.0], "svc__gamma": [0.1 / n_in, 0.3 / n_in, 1 / n_in, 3 / n_in]}
    return GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=FOLDS)


def logistic(seed: int, n_in: int, n_out: int) -> Any:
    """Scaled inputs; the penalty by cross-validation."""
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    return GridSearchCV(scaled, {"logisticregression__C": [0.01, 0.1, 1.0, 10.0, 100.0]}, cv=FOLDS)


REGRESSORS: dict[str, Maker] = {
    "splinekan": kan,
    "boosting": boosting,
    "MLP": mlp,
    "Gaussian process": gaussian_process,
    "splines + ridge": splines,
}
CLASSIFIERS: dict[str, Maker] = {
    "splinekan": kan_classes,
    "boosting": boosting_classes,
    "MLP": mlp_classes,
    "SVC": svc,
    "logistic": logistic,
}
