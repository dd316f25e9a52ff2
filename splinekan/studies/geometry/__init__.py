"""Figures of the change of basis."""
