"""Exact arithmetic with sympy: the spline theory behind splinekan. Never imports splinekan."""
