"""Conjugate gradients on the Gauss-Newton equations of networks: preconditioners by level."""
