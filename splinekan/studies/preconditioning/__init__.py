"""Preconditioned conjugate gradients by degree and level, and factors of cycles against Fourier analysis."""
