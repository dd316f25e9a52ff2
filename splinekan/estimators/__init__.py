"""Estimators with the interface of scikit-learn, based on `splinekan.fit`.

scikit-learn is an optional dependency, which only this package imports, when an estimator is first used.
"""

from splinekan.estimators.classifier import KANClassifier
from splinekan.estimators.regressor import KANRegressor

__all__ = ["KANClassifier", "KANRegressor"]
