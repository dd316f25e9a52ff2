"""Spectra of a network's training problem: Gauss-Newton matrix, exact Hessian, tangent kernel."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, not_too_large, one_of, real_array, shown, vector
from splinekan.network import KAN, DomainWarning, SplineLayer
from splinekan.objectives import LeastSquares
from splinekan.spectra.coordinates import BASES, coordinates, layer_number, layer_slice
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import LARGEST_ROOT, congruence_spectrum, factor_spectrum

MAX_DENSE = 3000
"""Parameters up to which matrices are decomposed; beyond, see `extreme_eigenvalues`, `spectral_density`."""

Objective = TypeVar("Objective", bound=Any)


def in_splines(objective: Objective, theta: ArrayLike) -> tuple[Objective, Float64Array]:
    """(objective, theta) with the network parametrised in B-splines, where J is well behaved.

    Raises
    ------
    TypeError, ValueError
        For an objective without a network, theta of a wrong shape, or data in float32.
    """
    network = getattr(objective, "network", None)
    if not isinstance(network, KAN):
        raise TypeError(f"objective must be a LeastSquares or a PINN, got {shown(objective)}")
    parameters = vector("theta", theta, network.n_parameters)
    data = getattr(objective, "x", None)
    if data is not None and data.dtype != np.float64:
        raise ValueError("spectra need data in float64, got float32: seven digits resolve no spectrum")
    if network.basis == "spline":
        return objective, parameters
    with warnings.catch_warnings():  # said when the objective was made
        warnings.simplefilter("ignore", DomainWarning)
        changed = replace(objective, network=network.with_basis("spline"))
    return changed, network.to_basis(parameters, "spline")


def gauss_newton_spectrum(
    objective: Any, theta: ArrayLike, basis: str = "spline", layer: int | None = None, vectors: bool = False
) -> Spectrum:
    """The eigenvalues of the Gauss-Newton matrix J^T J at theta, in the coordinates `basis`.

    J belongs to the residual of the objective, weights and smoothing included. It is reduced to a triangle
    and never squared; in coordinates other than "spline" see `factor_spectrum`: H_w = A^{-1} H_u A^{-T}
    (Southworth et al., arXiv:2603.04827, section 3).

    Parameters
    ----------
    objective
        A LeastSquares or a PINN. Its network may be parametrised in either basis: `basis` decides in which
        coordinates the matrix is taken.
    theta
        The parameters, as the objective's network takes them.
    basis
        One of `BASES`; "mass" makes the functions of every edge orthonormal on [a, b], which is the
        generalised problem against the mass matrix.
    layer
        Only the diagonal block of this layer; None for the whole matrix.
    vectors
        Also eigenvectors, in z.

    Raises
    ------
    TypeError, ValueError
        For a bad objective, theta, basis or layer; for more than `MAX_DENSE` parameters.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> objective = sk.LeastSquares(sk.KAN.splines([1, 1], intervals=16), x, np.sin(x))
    >>> found = [gauss_newton_spectrum(objective, np.zeros(19), basis) for basis in ("spline", "relu")]
    >>> [f"{s.condition:.0e}" for s in found]
    ['1e+03', '1e+12']
    """
    one_of("basis", basis, BASES)
    boolean("vectors", vectors)
    objective, at = in_splines(objective, theta)
    where = _columns(objective, layer)
    J = _jacobian(objective, at)
    return factor_spectrum(
        J[:, where], _map(objective, basis, layer), vectors, error_scale(objective.network, J)[where]
    )


def tangent_kernel_spectrum(objective: Any, theta: ArrayLike, basis: str = "spline") -> Spectrum:
    """The eigenvalues of the tangent kernel J J^T at theta, J with respect to the coordinates `basis`.

    The kernel has as many rows as there are residuals; the min(residuals, parameters) largest eigenvalues
    are given, which are those of J^T J, and all others are 0. With "scaled-relu" against "spline" this is
    Theorem 2 of Southworth et al., arXiv:2603.04827, whose constant is 4^r/((r-1)!)^2, r = degree + 1.

    Parameters, errors
        As for `gauss_newton_spectrum`.
    """
    found = gauss_newton_spectrum(objective, theta, basis)
    count = min(len(found), objective.n_residuals)
    cut = len(found) - count
    return Spectrum(
        found.values[:count], found.error[:count], found.method, max(found.nullity - cut, 0), None
    )


def hessian_matrix(objective: LeastSquares, theta: ArrayLike) -> Float64Array:
    """The exact Hessian at theta, dense, with respect to the B-spline coefficients (n, n).

    Column by column from Hessian products; symmetric to rounding, and not made so.

    Raises
    ------
    TypeError, ValueError
        For an objective without Hessian products, theta of a wrong shape, more than `MAX_DENSE` parameters.
    """
    objective, at = in_splines(objective, theta)
    needs_hessian(objective)
    _columns(objective, None)
    unit = np.eye(len(at))
    return np.stack([objective.hessian_product(at, e) for e in unit], axis=1)


def hessian_spectrum(
    objective: LeastSquares,
    theta: ArrayLike,
    basis: str = "spline",
    layer: int | None = None,
    vectors: bool = False,
    matrix: Float64Array | None = None,
) -> Spectrum:
    """The eigenvalues of the exact Hessian at theta, in the coordinates `basis`.

    Parameters, errors
        As for `gauss_newton_spectrum`; a PINN has no Hessian products (TypeError). `matrix` is what
        `hessian_matrix` gave for the same objective and theta, so that it serves all bases.

    Errors of H are bounded relative to its norm, and relative to the sizes of J's columns (`error_scale`).
    Both bounds are followed through; the spectrum of which more is resolved is given.
    """
    one_of("basis", basis, BASES)
    boolean("vectors", vectors)
    H = hessian_matrix(objective, theta) if matrix is None else matrix
    objective, at = in_splines(objective, theta)
    H = real_array("matrix", H, shape=(len(at), len(at))).astype(np.float64, copy=False)
    not_too_large("matrix", H, LARGEST_ROOT)
    where = _columns(objective, layer)
    J = _jacobian(objective, at)
    T, block = _map(objective, basis, layer), H[where, where]
    scaled = congruence_spectrum(block, T, 0.0, vectors, error_scale(objective.network, J)[where])
    plain = congruence_spectrum(block, T, 0.0, vectors)
    return plain if plain.resolved.sum() >= scaled.resolved.sum() else scaled


def error_scale(network: KAN, J: Float64Array) -> Float64Array:
    """(n,) sizes to which the errors of the columns of J are relative, for a network in the spline basis.

    Column j of an edge holds b_j(x) v, v what reaches the edge from above. B-splines are computed to eps
    times 1, not times b_j(x), so a function that only a sample at the rim of its support sees is known to
    eps |v|. By the partition of unity |v|^2 over the samples in the support of b_j is at most (k+1) times
    the sum of the squares of the columns j-k to j+k: the root of that is the size. For the columns of
    other layers it is the largest column of the layer.
    """
    squares = np.einsum("ij,ij->j", J, J)
    scale = np.empty(network.n_parameters)
    for number, layer in enumerate(network.layers):
        where = layer_slice(network, number)
        here = squares[where]
        if isinstance(layer, SplineLayer):
            k, own = layer.degree, scale[where]
            own[:] = np.sqrt(here[layer.edges[-1].stop :].max(initial=0.0))  # of the base branch
            for at in layer.edges:
                edges = here[at.start : at.stop].reshape(at.n_in, at.knots.n_basis, layer.n_out)
                padded = np.pad(
                    edges, ((0, 0), (k, k), (0, 0)), mode="wrap" if at.knots.periodic else "constant"
                )
                windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * k + 1, axis=1)
                own[at.start : at.stop] = np.sqrt((k + 1) * windows.sum(axis=-1)).ravel()
        else:
            scale[where] = np.sqrt(here.max(initial=0.0))
    return scale


def needs_hessian(objective: Any) -> None:
    """Refuse an objective without exact Hessian products."""
    if not hasattr(objective, "hessian_product"):
        kind = type(objective).__name__
        raise TypeError(f"objective: a {kind} has no exact Hessian products: use the Gauss-Newton matrix")


def _jacobian(objective: Any, theta: Float64Array) -> Float64Array:
    """The triangular factor of J at theta."""
    J: Float64Array = objective.triangular_factor(theta)[1]
    if not np.abs(J).max(initial=0.0) <= LARGEST_ROOT:
        raise ValueError(f"theta must leave J finite and at most {LARGEST_ROOT} in modulus")
    return J


def _columns(objective: Any, layer: int | None) -> slice:
    network: KAN = objective.network
    if network.n_parameters > MAX_DENSE:
        raise ValueError(
            f"{network.n_parameters} parameters, and matrices are decomposed up to {MAX_DENSE}: "
            "use extreme_eigenvalues or spectral_density"
        )
    layer = layer_number(network, layer)
    if layer is not None and network.layers[layer].n_parameters == 0:
        raise ValueError(f"layer {layer} has no parameters")
    return layer_slice(network, layer)


def _map(objective: Any, basis: str, layer: int | None) -> Any:
    return None if basis == "spline" else coordinates(objective.network, basis, layer)
