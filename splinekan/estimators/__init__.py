"""Estimators with the interface of scikit-learn, around `splinekan.fit`.

scikit-learn is an optional dependency, which this package alone imports: `splinekan.KANRegressor` imports it.
"""

from splinekan.estimators.classifier import KANClassifier
from splinekan.estimators.regressor import KANRegressor

__all__ = ["KANClassifier", "KANRegressor"]
