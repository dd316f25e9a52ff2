"""Condition numbers against intervals, and spectra by level and basis."""
