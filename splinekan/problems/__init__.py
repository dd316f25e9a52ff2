"""Everything with a known answer: targets to fit; boundary value problems are in `boundary`."""

from splinekan.problems.regression import REGRESSION, RegressionProblem, regression

__all__ = ["REGRESSION", "RegressionProblem", "regression"]
