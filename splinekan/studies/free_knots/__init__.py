"""Free knots against uniform knots at equal numbers of unknowns."""
