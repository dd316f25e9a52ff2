"""Error against parameters: uniform knots, knots refined where an indicator asks for it, FITPACK's knots."""
