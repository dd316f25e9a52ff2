"""scikit-learn's own checks of estimators, all of them."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import splinekan as sk

TINY = {"hidden": (2,), "levels": 1, "degree": 2}


@pytest.mark.filterwarnings("ignore:Estimator's parameters changed after estimator failed:UserWarning")
@parametrize_with_checks([sk.KANRegressor(**TINY), sk.KANClassifier(**TINY)])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
