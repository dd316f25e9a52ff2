"""Error against parameters: uniform knots, knots refined where an indicator is large, FITPACK's knots."""
