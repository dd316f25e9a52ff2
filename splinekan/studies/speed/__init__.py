"""Speed of the forms of a spline layer."""
