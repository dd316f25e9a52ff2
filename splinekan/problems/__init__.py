"""Problems with known solutions: targets for regression here, boundary value problems in `boundary`."""

from splinekan.problems.regression import REGRESSION, RegressionProblem, regression

__all__ = ["REGRESSION", "RegressionProblem", "regression"]
