"""Spectra of a network's Gauss-Newton matrix, exact Hessian and tangent kernel."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, boolean, not_too_large, one_of, real_array, shown, vector
from splinekan.network import KAN, DomainWarning, SplineLayer, TensorSplineLayer
from splinekan.objectives import LeastSquares
from splinekan.spectra.coordinates import BASES, coordinates, layer_number, layer_slice
from splinekan.spectra.spectrum import Spectrum
from splinekan.spectra.two_sided import LARGEST_ROOT, congruence_spectrum, factor_spectrum

MAX_DENSE = 3000
"""Largest number of parameters for dense decompositions; see also `extreme_eigenvalues`."""

Objective = TypeVar("Objective", bound=Any)


def in_splines(objective: Objective, theta: ArrayLike) -> tuple[Objective, Float64Array]:
    """(objective, theta) with the network in the B-spline basis, where J is well conditioned.

    Raises
    ------
    TypeError, ValueError
        For an objective without a network, theta of the wrong shape, or data in float32.
    """
    network = getattr(objective, "network", None)
    if not isinstance(network, KAN):
        raise TypeError(f"objective must be a LeastSquares or a PINN, got {shown(objective)}")
    parameters = vector("theta", theta, network.n_parameters)
    data = getattr(objective, "x", None)
    if data is not None and data.dtype != np.float64:
        raise ValueError(
            "spectra require data in float64, got float32, whose seven digits do not resolve a spectrum"
        )
    if network.basis == "spline":
        return objective, parameters
    with warnings.catch_warnings():  # the original objective has warned
        warnings.simplefilter("ignore", DomainWarning)
        changed = replace(objective, network=network.with_basis("spline"))
    return changed, network.to_basis(parameters, "spline")


def gauss_newton_spectrum(
    objective: Any, theta: ArrayLike, basis: str = "spline", layer: int | None = None, vectors: bool = False
) -> Spectrum:
    """The eigenvalues of the Gauss-Newton matrix J^T J at theta, in the coordinates `basis`.

    J is the Jacobian of the objective's residual, with its weights and smoothing. It is reduced to a
    triangular factor and never squared. In other coordinates than "spline", H_w = A^{-1} H_u A^{-T}
    (Southworth et al., arXiv:2603.04827, section 3), see `factor_spectrum`.

    Parameters
    ----------
    objective
        A LeastSquares or a PINN, its network in either basis.
    theta
        The parameters of the objective's network.
    basis
        The coordinates of the matrix: "spline", "relu", "scaled-relu" or "mass", in which the functions of
        every edge are orthonormal on [a, b]: the generalised problem with the mass matrix.
    layer
        A layer, for its diagonal block; None for the whole matrix.
    vectors
        Whether to compute eigenvectors, in the coordinates `basis`.

    Returns
    -------
    Spectrum
        An eigenvalue per parameter, with errors.

    Raises
    ------
    TypeError, ValueError
        For an invalid objective, theta, basis or layer, and for more than 3000 parameters.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> objective = sk.LeastSquares(sk.KAN.splines([1, 1], intervals=16), x, np.sin(x))
    >>> spectra = [gauss_newton_spectrum(objective, np.zeros(19), basis) for basis in ("spline", "relu")]
    >>> [f"{s.condition:.0e}" for s in spectra]
    ['1e+03', '1e+12']
    """
    one_of("basis", basis, BASES)
    boolean("vectors", vectors)
    objective, at = in_splines(objective, theta)
    where = block_columns(objective, layer)
    J = jacobian_factor(objective, at)
    return factor_spectrum(
        J[:, where],
        block_coordinates(objective, basis, layer),
        vectors,
        error_scale(objective.network, J)[where],
    )


def tangent_kernel_spectrum(objective: Any, theta: ArrayLike, basis: str = "spline") -> Spectrum:
    """The eigenvalues of the tangent kernel J J^T at theta, J with respect to the coordinates `basis`.

    The kernel has a row per residual. The ratio of "scaled-relu" to "spline" is bounded in Theorem 2 of
    Southworth et al., arXiv:2603.04827, with the constant 4^r/((r-1)!)^2, r = degree + 1.

    Parameters
    ----------
    objective, theta, basis
        As for `gauss_newton_spectrum`.

    Returns
    -------
    Spectrum
        The min(residuals, parameters) largest eigenvalues, which are also the largest of J^T J; all others
        are 0.

    Raises
    ------
    TypeError, ValueError
        As `gauss_newton_spectrum`.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 5)[:, None]
    >>> objective = sk.LeastSquares(sk.KAN.splines([1, 1], intervals=16), x, np.sin(x))
    >>> len(tangent_kernel_spectrum(objective, np.zeros(19)).values)
    5
    """
    normal = gauss_newton_spectrum(objective, theta, basis)
    count = min(len(normal), objective.n_residuals)
    nullity = max(normal.nullity - (len(normal) - count), 0)
    return Spectrum(normal.values[:count], normal.error[:count], normal.method, nullity, None)


def hessian_matrix(objective: LeastSquares, theta: ArrayLike) -> Float64Array:
    """The exact Hessian at theta with respect to the B-spline coefficients, dense, (n, n).

    It is computed by columns from Hessian products, and not symmetrised.

    Raises
    ------
    TypeError, ValueError
        For an objective without Hessian products, theta of the wrong shape, or more than `MAX_DENSE`
        parameters.
    """
    objective, at = in_splines(objective, theta)
    needs_hessian(objective)
    block_columns(objective, None)
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

    Errors of H are bounded relative to its norm, and relative to the sizes of J's columns (`error_scale`).
    The bound that resolves more eigenvalues is used.

    Parameters
    ----------
    objective, theta, basis, layer, vectors
        As for `gauss_newton_spectrum`; a PINN has no Hessian products.
    matrix
        The result of `splinekan.spectra.hessian_matrix` for the same objective and theta, to be computed once
        for several bases; None to compute it.

    Returns
    -------
    Spectrum
        An eigenvalue per parameter, with errors; `negative` counts negative eigenvalues.

    Raises
    ------
    TypeError, ValueError
        As `gauss_newton_spectrum`; for a PINN.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.random.default_rng(0).uniform(0, 1, (100, 2))
    >>> network = sk.KAN.splines([2, 2, 1], intervals=2)
    >>> objective = sk.LeastSquares(network, x, x.prod(axis=1))
    >>> hessian_spectrum(objective, sk.initialize(network, 0)).negative > 0
    True
    """
    one_of("basis", basis, BASES)
    boolean("vectors", vectors)
    H = hessian_matrix(objective, theta) if matrix is None else matrix
    objective, at = in_splines(objective, theta)
    H = real_array("matrix", H, shape=(len(at), len(at))).astype(np.float64, copy=False)
    not_too_large("matrix", H, LARGEST_ROOT)
    where = block_columns(objective, layer)
    J = jacobian_factor(objective, at)
    T, block = block_coordinates(objective, basis, layer), H[where, where]
    scaled = congruence_spectrum(block, T, 0.0, vectors, error_scale(objective.network, J)[where])
    plain = congruence_spectrum(block, T, 0.0, vectors)
    return plain if plain.resolved.sum() >= scaled.resolved.sum() else scaled


def error_scale(network: KAN, J: Float64Array) -> Float64Array:
    """Sizes (n,) to which the errors of the columns of J are relative, for a network in the spline basis.

    Column j of an edge holds b_j(x) v with v the derivative with respect to the output of the edge. B-splines
    are computed to an absolute error of eps, so that the column of a function whose support contains samples
    only near its ends is known to eps |v|. By the partition of unity, |v|^2 over the samples in the support
    of b_j is at most (k+1) times the sum of the squares of the columns j-k to j+k; the size is the root of
    this bound. For other layers the size is the norm of the layer's largest column.
    """
    squares = np.einsum("ij,ij->j", J, J)
    scale = np.empty(network.n_parameters)
    for _, layer, start in network._leaves:
        where = slice(start, start + layer.n_parameters)
        here = squares[where]
        if isinstance(layer, SplineLayer):
            k, own = layer.degree, scale[where]
            own[:] = np.sqrt(here[layer.edges[-1].stop :].max(initial=0.0))  # the base branch
            for at in layer.edges:
                edges = here[at.start : at.stop].reshape(at.n_in, at.knots.n_basis, layer.n_out)
                windows = _windows(edges, k, 1, at.knots.periodic)
                own[at.start : at.stop] = np.sqrt((k + 1) * windows).ravel()
        elif isinstance(layer, TensorSplineLayer):
            sums = here.reshape(layer.shape)
            for axis, knots in enumerate(layer.knots):
                sums = _windows(sums, knots.degree, axis, knots.periodic)
            scale[where] = np.sqrt(np.prod([k + 1 for k in layer.degrees]) * sums).ravel()
        else:
            scale[where] = np.sqrt(here.max(initial=0.0))
    return scale


def _windows(squares: Float64Array, k: int, axis: int, periodic: bool) -> Float64Array:
    """Sums over the columns j - k to j + k along an axis."""
    widths = [(k, k) if number == axis else (0, 0) for number in range(squares.ndim)]
    padded = np.pad(squares, widths, mode="wrap" if periodic else "constant")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * k + 1, axis=axis).sum(axis=-1))


def needs_hessian(objective: Any) -> None:
    """Refuse an objective without exact Hessian products."""
    if not hasattr(objective, "hessian_product"):
        kind = type(objective).__name__
        raise TypeError(f"objective: a {kind} has no exact Hessian products; use the Gauss-Newton matrix")


def jacobian_factor(objective: Any, theta: Float64Array) -> Float64Array:
    """The triangular factor of J at theta."""
    J: Float64Array = objective.triangular_factor(theta)[1]
    if not np.abs(J).max(initial=0.0) <= LARGEST_ROOT:
        raise ValueError(f"theta must give a Jacobian with entries of at most {LARGEST_ROOT} in modulus")
    return J


def block_columns(objective: Any, layer: int | None) -> slice:
    """The columns of J that belong to a layer, all if None; networks that are too large are refused."""
    network: KAN = objective.network
    if network.n_parameters > MAX_DENSE:
        raise ValueError(
            f"the network has {network.n_parameters} parameters, more than the {MAX_DENSE} of a dense "
            "decomposition: use extreme_eigenvalues or spectral_density"
        )
    layer = layer_number(network, layer)
    if layer is not None and network.layers[layer].n_parameters == 0:
        raise ValueError(f"layer {layer} has no parameters")
    return layer_slice(network, layer)


def block_coordinates(objective: Any, basis: str, layer: int | None) -> Any:
    """The coordinates of a layer, None for B-splines."""
    return None if basis == "spline" else coordinates(objective.network, basis, layer)
