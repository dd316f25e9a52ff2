"""Residuals by level."""
