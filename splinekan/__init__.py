"""Spline Kolmogorov-Arnold networks: exact spline geometry and multilevel training.

Fits
    `fit` returns a `Model` of a table of inputs and targets; `save`, `load`.
Networks
    `KAN`, a chain of `SplineLayer`, `Affine`, `Normalizer` and `Activation`, of `FormulaLayer` (each edge a
    `Term`, a named function with constants), `Sum`, `Product` and `TensorSplineLayer` (splines of several
    variables); `MLP`; `initialize` draws parameters; `Model`, a network with its parameters, is written to a
    file by `save` and read by `load`; `DomainWarning`. `export` writes a model as source code or as
    expressions of sympy.
Training
    Objectives `LeastSquares`, `DataLoss` (with a loss: `SquaredError`, `Huber`, `Quantile`, `Logistic`,
    `Softmax`, `Poisson`) and `PINN` (of `Block`); `FunctionProblem` and `ResidualProblem` without a network;
    `Restricted` for fixed parameters and linear equations; optimisers `LevenbergMarquardt` (with a solver
    `Cholesky`, `QR`, `SVD`, `Dual` or `CG`), `VariableProjection`, `GaussNewton`, `LBFGS`, `Adam`,
    `GradientDescent`.
Other libraries
    `from_pykan` and `from_efficient_kan` return their networks as models; `Model.edge` returns an edge as a
    spline, also of SciPy, and `Model.with_edge` replaces it.
Explanations
    `attribution` of variance to inputs, nodes and edges, `sobol_indices`, `confidence_bands`; `prune` removes
    edges and nodes.
Formulas
    `symbolic` explains a model, `symbolic_regression` data; both return a `Formula`.
Batches
    `minibatch_training` steps through `Batches` of arrays in memory or on disk, or of an iterator.
Estimators
    `KANRegressor` and `KANClassifier` have the interface of scikit-learn, which they need.
Levels
    `Hierarchy`, a sequence of `Level`; `nested_iteration`, `nested_steps`; `multigrid` cycles;
    `successive_halving` by `Round`; `projection` and `network_projection`, left inverses of P; `adapt`, local
    refinement where an indicator is large; `free_knots` of a model, `FreeKnots` for any optimiser;
    preconditioners `BPX` and `VCycle`.
Differential equations
    `solve` returns a `Solution` (and may issue a `SolutionWarning`), from conditions made by `initial`,
    `dirichlet`, `neumann`, `robin`, `periodic` and `condition` (with `normal_derivative`), each a
    `Condition`, on boxes, unions of `Boxes` or a `SignedDistance`. `Equation`, with `Unknown`
    constants and measured `Data`; `ansatz`, `manufactured`, `split_complex`; points in
    `splinekan.equations.collocation`.
Splines
    `KnotVector`, `Spline`, `BSplineBasis`, `PowerReLUBasis`; `prolongation`, `gram_matrix`,
    `knot_derivatives`; `change_of_basis`, `relu_from_spline`, `spline_from_relu`; for knots as arrays
    `uniform_knots`, `extended_knots`, `clamped_knots`, `refine_knots`, `insert_knots`, `greville_points`.
Spectra
    `spectra_by_level` of a trained network, with table and figure; `gauss_newton_spectrum`,
    `tangent_kernel_spectrum`, `hessian_spectrum`, `gram_spectrum` and `change_of_basis_spectrum` return a
    `Spectrum`; `extreme_eigenvalues`, `spectral_density` for operators.
Threads
    `threads`, `set_threads`.

`splinekan.plots` makes figures, `splinekan.problems` holds problems with known solutions. Guides: README.md
and docs/ in the repository.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import splinekan._cache  # noqa: F401  (before the first kernel)
from splinekan._threads import set_threads, threads
from splinekan.fitting import fit
from splinekan.model import Model
from splinekan.multilevel import (
    FreeKnots,
    Hierarchy,
    Level,
    Round,
    free_knots,
    multigrid,
    nested_iteration,
    nested_steps,
    network_projection,
    projection,
    successive_halving,
)
from splinekan.network import (
    KAN,
    MLP,
    Activation,
    Affine,
    DomainWarning,
    FormulaLayer,
    Normalizer,
    Product,
    SplineLayer,
    Sum,
    TensorSplineLayer,
    Term,
    initialize,
)
from splinekan.objectives import (
    DataLoss,
    Huber,
    LeastSquares,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    SquaredError,
)
from splinekan.optimize import (
    CG,
    LBFGS,
    QR,
    SVD,
    Adam,
    Cholesky,
    Dual,
    FunctionProblem,
    GaussNewton,
    GradientDescent,
    LevenbergMarquardt,
    ResidualProblem,
    Restricted,
    VariableProjection,
)
from splinekan.splines.basis import BSplineBasis, PowerReLUBasis
from splinekan.splines.change_of_basis import change_of_basis, relu_from_spline, spline_from_relu
from splinekan.splines.gram import gram_matrix
from splinekan.splines.knot_derivatives import knot_derivatives
from splinekan.splines.knot_vector import KnotVector
from splinekan.splines.knots import (
    clamped_knots,
    extended_knots,
    greville_points,
    insert_knots,
    refine_knots,
    uniform_knots,
)
from splinekan.splines.prolongation import prolongation
from splinekan.splines.spline import Spline
from splinekan.stochastic import Batches, minibatch_training

if TYPE_CHECKING:
    from splinekan.equations import Equation, Unknown, ansatz, manufactured, split_complex
    from splinekan.estimators import KANClassifier, KANRegressor
    from splinekan.explain import attribution, confidence_bands, prune, sobol_indices
    from splinekan.exporting import export
    from splinekan.formulas import Formula, symbolic, symbolic_regression
    from splinekan.interop import from_efficient_kan, from_pykan
    from splinekan.io import load, save
    from splinekan.objectives.blocks import Block, Data
    from splinekan.objectives.pinn import PINN
    from splinekan.solving import (
        Boxes,
        Condition,
        SignedDistance,
        Solution,
        SolutionWarning,
        condition,
        dirichlet,
        initial,
        neumann,
        normal_derivative,
        periodic,
        robin,
        solve,
    )
    from splinekan.spectra import (
        Spectrum,
        change_of_basis_spectrum,
        extreme_eigenvalues,
        gauss_newton_spectrum,
        gram_spectrum,
        hessian_spectrum,
        spectra_by_level,
        spectral_density,
        tangent_kernel_spectrum,
    )

__version__ = "0.1.0"

_LAZY = dict.fromkeys(("Equation", "Unknown", "ansatz", "manufactured", "split_complex"), "equations")
_LAZY |= {"save": "io", "load": "io", "export": "exporting"}
_LAZY |= dict.fromkeys(("Formula", "symbolic", "symbolic_regression"), "formulas")
_LAZY |= dict.fromkeys(("from_efficient_kan", "from_pykan"), "interop")
_LAZY |= {"PINN": "objectives.pinn", "Block": "objectives.blocks", "Data": "objectives.blocks"}
_LAZY |= dict.fromkeys(
    (
        "Spectrum",
        "change_of_basis_spectrum",
        "extreme_eigenvalues",
        "gauss_newton_spectrum",
        "gram_spectrum",
        "hessian_spectrum",
        "spectra_by_level",
        "spectral_density",
        "tangent_kernel_spectrum",
    ),
    "spectra",
)
_LAZY |= dict.fromkeys(
    ("Boxes", "Condition", "SignedDistance", "Solution", "SolutionWarning", "solve"), "solving"
)
_LAZY |= dict.fromkeys(
    ("condition", "dirichlet", "initial", "neumann", "normal_derivative", "periodic", "robin"), "solving"
)
_LAZY |= dict.fromkeys(("attribution", "confidence_bands", "prune", "sobol_indices"), "explain")
_LAZY |= dict.fromkeys(("BPX", "VCycle", "adapt"), "multilevel")
_LAZY |= dict.fromkeys(("KANClassifier", "KANRegressor"), "estimators")


def __getattr__(name: str) -> Any:
    """Import a lazy name on first use: sympy takes longer to import than everything else."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"splinekan.{_LAZY[name]}"), name)
    if name == "tournament":  # until version 0.2
        import warnings

        warnings.warn("sk.tournament is now sk.successive_halving", DeprecationWarning, stacklevel=2)
        return successive_halving
    raise AttributeError(f"module 'splinekan' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, lazy ones included, without the modules that Python binds here on import."""
    return [*__all__, "__version__"]


__all__ = [
    "BPX",
    "CG",
    "KAN",
    "LBFGS",
    "MLP",
    "PINN",
    "QR",
    "SVD",
    "Activation",
    "Adam",
    "Affine",
    "BSplineBasis",
    "Batches",
    "Block",
    "Boxes",
    "Cholesky",
    "Condition",
    "Data",
    "DataLoss",
    "DomainWarning",
    "Dual",
    "Equation",
    "Formula",
    "FormulaLayer",
    "FreeKnots",
    "FunctionProblem",
    "GaussNewton",
    "GradientDescent",
    "Hierarchy",
    "Huber",
    "KnotVector",
    "LeastSquares",
    "Level",
    "LevenbergMarquardt",
    "Logistic",
    "Model",
    "Normalizer",
    "Poisson",
    "PowerReLUBasis",
    "Product",
    "Quantile",
    "ResidualProblem",
    "Restricted",
    "Round",
    "SignedDistance",
    "Softmax",
    "Solution",
    "SolutionWarning",
    "Spectrum",
    "Spline",
    "SplineLayer",
    "SquaredError",
    "Sum",
    "TensorSplineLayer",
    "Term",
    "Unknown",
    "VCycle",
    "VariableProjection",
    "adapt",
    "ansatz",
    "attribution",
    "change_of_basis",
    "change_of_basis_spectrum",
    "clamped_knots",
    "condition",
    "confidence_bands",
    "dirichlet",
    "export",
    "extended_knots",
    "extreme_eigenvalues",
    "fit",
    "free_knots",
    "from_efficient_kan",
    "from_pykan",
    "gauss_newton_spectrum",
    "gram_matrix",
    "gram_spectrum",
    "greville_points",
    "hessian_spectrum",
    "initial",
    "initialize",
    "insert_knots",
    "knot_derivatives",
    "load",
    "manufactured",
    "minibatch_training",
    "multigrid",
    "nested_iteration",
    "nested_steps",
    "network_projection",
    "neumann",
    "normal_derivative",
    "periodic",
    "projection",
    "prolongation",
    "prune",
    "refine_knots",
    "relu_from_spline",
    "robin",
    "save",
    "set_threads",
    "sobol_indices",
    "solve",
    "spectra_by_level",
    "spectral_density",
    "spline_from_relu",
    "split_complex",
    "successive_halving",
    "symbolic",
    "symbolic_regression",
    "tangent_kernel_spectrum",
    "threads",
    "uniform_knots",
]
if find_spec("sklearn") is not None:  # an extra; `from splinekan import *` works without it
    __all__ += ["KANClassifier", "KANRegressor"]
