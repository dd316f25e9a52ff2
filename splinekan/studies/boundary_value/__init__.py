"""Boundary value problems."""
