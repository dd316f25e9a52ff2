"""A table of functions."""
