"""Spectra of a trained network by level and basis, in a single call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from splinekan._checks import Float64Array, boolean, each, function, generator, integer, one_of, shown
from splinekan.model import Model
from splinekan.network import KAN, DomainWarning
from splinekan.spectra.coordinates import BASES, coordinates, layer_slice
from splinekan.spectra.level_record import LevelSpectrum, SpectraByLevel
from splinekan.spectra.level_sources import Decomposed, Sampled
from splinekan.spectra.network import MAX_DENSE, in_splines, needs_hessian
from splinekan.spectra.preconditioned import preconditioned_spectrum

MATRICES = ("gauss-newton", "hessian")
METHODS = ("auto", "dense", "lanczos")
MOST_AUTO = 1500
"""Largest number of parameters for which "auto" decomposes: a few seconds per basis."""


def spectra_by_level(
    model: Any,
    objective: Any,
    bases: Sequence[str] = ("spline", "relu"),
    *,
    matrix: str = "gauss-newton",
    method: str = "auto",
    layers: bool = False,
    preconditioner: Any = None,
    probes: int = 4,
    steps: int = 60,
    seed: int | np.random.Generator = 0,
) -> SpectraByLevel:
    """The spectra of the curvature of a trained network on all levels, in several bases.

    On level l the matrix is J^T J, or the exact Hessian, of the objective on the network and at the
    parameters of that level, with respect to the coefficients in the given basis, H_w = A^{-1} H_u A^{-T}
    for ReLUs (Southworth et al., arXiv:2603.04827, section 3).

    Parameters
    ----------
    model
        A `Model`, which is a single level; the result of `nested_iteration`, or of an optimiser; or a
        sequence of models, coarsest first.
    objective
        A LeastSquares, DataLoss or PINN, for the finest network. On other levels its network is replaced, so
        that all levels have the same data.
    bases
        Some of "spline", "relu", "scaled-relu" and "mass" (`splinekan.spectra.coordinates`).
    matrix
        "gauss-newton" or "hessian".
    method
        "dense": all eigenvalues, for at most 3000 parameters. "lanczos": from products with the matrix, which
        is never assembled, extreme eigenvalues with bounds from their residuals, and a density with bounds.
        "auto" decomposes levels with up to 1500 parameters.
    layers
        Whether to add the diagonal block of every layer that has parameters.
    preconditioner
        A preconditioner of `CG`, for example `splinekan.multilevel.GaussNewtonBPX(hierarchy)`: adds on every
        level the spectrum of the preconditioned matrix, `splinekan.spectra.preconditioned_spectrum`. For the
        Gauss-Newton matrix and at most 3000 parameters. None adds nothing.
    probes, steps, seed
        Arguments of `spectral_density`; at least 2 probes, from which errors are estimated.

    Returns
    -------
    SpectraByLevel
        A row for each level and basis, with the methods `plot`, `table` and `to_json`.

    Raises
    ------
    TypeError, ValueError
        For anything but models; for an objective that does not fit them (inputs, outputs, data in float32);
        for invalid bases, method, matrix, probes, steps or seed; for the Hessian of a PINN; for more than
        3000 parameters with "dense" or a preconditioner; and for knots without a ReLU basis.

    Examples
    --------
    >>> import splinekan as sk
    >>> x = np.linspace(0, 1, 200)[:, None]
    >>> levels = sk.Hierarchy(sk.KAN.splines([1, 1], intervals=4), 3)
    >>> result = sk.nested_iteration(
    ...     levels,
    ...     lambda level: sk.LeastSquares(level.network, x, np.sin(9 * x)),
    ...     sk.LevenbergMarquardt(),
    ...     [5, 5, 5],
    ...     np.zeros(7),
    ... )
    >>> print(sk.spectra_by_level(result, sk.LeastSquares(levels[-1].network, x, np.sin(9 * x))))
    level   G  parameters  basis   zero  largest  smallest  condition  q90/q10
        0   4           7  spline     0  4.4e+01   3.1e-02    1.4e+03  1.4e+03
        0   4           7  relu       0  2.1e+03   3.4e-06    6.2e+08  6.2e+08
        1   8          11  spline     0  2.4e+01   2.0e-02    1.2e+03  1.0e+03
        1   8          11  relu       0  5.1e+02   2.9e-08    1.7e+10  5.9e+06
        2  16          19  spline     0  1.2e+01   1.1e-02    1.1e+03  1.0e+03
        2  16          19  relu       0  2.8e+02   2.6e-10    1.1e+12  4.0e+08
    """
    places, models = zip(*_models(model), strict=True)
    names = _bases(bases)
    one_of("matrix", matrix, MATRICES)
    one_of("method", method, METHODS)
    layers = boolean("layers", layers)
    function("preconditioner", preconditioner, optional=True)
    probes, steps = integer("probes", probes, low=2), integer("steps", steps, low=1)
    rng = generator("seed", seed)
    problems = [_on_level(objective, each_model) for each_model in models]
    if matrix == "hessian":
        needs_hessian(objective)
    _check_sizes(models, method, preconditioner, matrix)
    for problem, _ in problems:
        for basis in names:
            coordinates(problem.network, basis)  # refuses knots without a ReLU basis
    rows: list[LevelSpectrum] = []
    for level, (problem, theta) in zip(places, problems, strict=True):
        network: KAN = problem.network
        if method == "dense" or (method == "auto" and network.n_parameters <= MOST_AUTO):
            source: Any = Decomposed(problem, theta, matrix)
        else:
            source = Sampled(problem, theta, matrix, probes, steps, rng)
        numbers = [n for n, each_layer in enumerate(network.layers) if each_layer.n_parameters]
        for basis in names:
            for layer in (None, *(numbers if layers else ())):
                where = layer_slice(network, layer)
                found = source.spectrum(basis, layer)
                size = where.stop - where.start
                row = LevelSpectrum(level, layer, network.intervals, size, basis, matrix, *found)
                rows.append(row)
        if preconditioner is not None:
            spectrum = preconditioned_spectrum(problem, theta, preconditioner)
            size = network.n_parameters
            row = LevelSpectrum(level, None, network.intervals, size, "spline", "preconditioned", spectrum)
            rows.append(row)
    return SpectraByLevel(tuple(rows))


def _models(value: Any) -> list[tuple[int, Model]]:
    """The numbers of all levels, and their models, coarsest first."""
    if isinstance(value, Model):
        return [(0, value)]
    if isinstance(getattr(value, "model", None), Model):
        results = enumerate(getattr(value, "results", ()))
        levels = [(level, result.model) for level, result in results if result is not None]
        if levels and np.array_equal(levels[-1][1].theta, value.model.theta):
            levels.pop()  # levels without a budget may follow the last level that ran
        return [*levels, (getattr(value, "level", 0), value.model)]
    accepted = "a Model, the result of nested_iteration or of an optimiser, or a sequence of these"
    if isinstance(value, (str, bytes, np.ndarray, KAN)) or not isinstance(value, Iterable):
        raise TypeError(f"model must be {accepted}, got {shown(value)}")

    def single(name: str, entry: Any) -> Model:
        found = entry if isinstance(entry, Model) else getattr(entry, "model", None)
        if not isinstance(found, Model):
            raise TypeError(f"{name} must be a Model or a result that has a model, got {shown(entry)}")
        return found

    return list(enumerate(each("model", value, single)))


def _bases(value: Any) -> list[str]:
    if isinstance(value, str):
        raise TypeError(f"bases must be a sequence, such as ({value!r},), got {value!r}")
    names = each("bases", value, lambda name, basis: one_of(name, basis, BASES))
    return list(dict.fromkeys(names))


def _on_level(objective: Any, model: Model) -> tuple[Any, Float64Array]:
    """(objective, theta) of a level, in the spline basis."""
    own = getattr(objective, "network", None)
    if not isinstance(own, KAN):
        hint = ": call it with the finest level" if callable(objective) else ""
        raise TypeError(
            f"objective must be a LeastSquares, a DataLoss or a PINN, got {shown(objective)}{hint}"
        )
    network = model.network
    if (network.n_in, network.n_out) != (own.n_in, own.n_out):
        raise ValueError(
            f"objective must be for networks with {network.n_in} inputs and {network.n_out} outputs as the "
            f"model has, got {own.n_in} and {own.n_out}"
        )
    if network is not own:
        with warnings.catch_warnings():  # the objective has already warned
            warnings.simplefilter("ignore", DomainWarning)
            objective = replace(objective, network=network)
    changed: tuple[Any, Float64Array] = in_splines(objective, model.theta)
    return changed


def _check_sizes(models: Sequence[Model], method: str, preconditioner: Any, matrix: str) -> None:
    """Refuse networks that are too large for a dense decomposition, before any work."""
    most = max(model.n_parameters for model in models)
    if preconditioner is not None and matrix != "gauss-newton":
        raise ValueError(f"preconditioner is for the matrix 'gauss-newton', got {matrix!r}")
    if most > MAX_DENSE and (method == "dense" or preconditioner is not None):
        what = "method 'dense'" if method == "dense" else "preconditioner"
        raise ValueError(
            f"{what} is for networks with up to {MAX_DENSE} parameters, got {most}: use method='lanczos', "
            "without a preconditioner"
        )
    if not all(model.n_parameters for model in models):
        raise ValueError("model must have parameters, got a network without any")
