"""scikit-learn's own checks of estimators, all of them."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import splinekan as sk

TINY = {"hidden": (), "levels": 1, "degree": 2}
CHECKS = parametrize_with_checks([sk.KANRegressor(**TINY), sk.KANClassifier(**TINY)])


# Until scikit-learn 1.8 the checks are a generator, which pytest 9 deprecates.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
