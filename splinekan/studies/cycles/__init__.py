"""Cycles against nested iteration, and what cycles do for linear model problems."""
