"""Spline geometry without any network: knots, bases, and the exact maps between them."""
