"""Shares of updates after a refinement, and the reduction of waves by sweeps."""
