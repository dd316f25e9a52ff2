"""Spectra: eigenvalues with their errors, in every basis; condition numbers; spectral densities."""

from splinekan.spectra.coordinates import BASES, coordinates
from splinekan.spectra.density import Density, Moment
from splinekan.spectra.lanczos import curvature_operator, extreme_eigenvalues, spectral_density
from splinekan.spectra.level_record import LevelSpectrum, SpectraByLevel
from splinekan.spectra.levels import spectra_by_level
from splinekan.spectra.matrices import (
    MATRICES,
    change_of_basis_spectrum,
    generalised_spectrum,
    gram_spectrum,
    symmetric_spectrum,
)
from splinekan.spectra.network import (
    MAX_DENSE,
    gauss_newton_spectrum,
    hessian_matrix,
    hessian_spectrum,
    tangent_kernel_spectrum,
)
from splinekan.spectra.preconditioned import preconditioned_spectrum
from splinekan.spectra.ratios import Ratio
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import factor_spectrum

__all__ = [
    "BASES",
    "MATRICES",
    "MAX_DENSE",
    "Density",
    "LevelSpectrum",
    "Moment",
    "Ratio",
    "SpectraByLevel",
    "Spectrum",
    "change_of_basis_spectrum",
    "coordinates",
    "curvature_operator",
    "extreme_eigenvalues",
    "factor_spectrum",
    "gauss_newton_spectrum",
    "generalised_spectrum",
    "gram_spectrum",
    "hessian_matrix",
    "hessian_spectrum",
    "preconditioned_spectrum",
    "spectra_by_level",
    "spectral_density",
    "symmetric_spectrum",
    "tangent_kernel_spectrum",
]
