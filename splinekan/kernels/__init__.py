"""Numba kernels: arrays in, `out` filled on a range of samples; no validation, no objects."""
