"""The spline theory behind splinekan in exact arithmetic, with sympy alone; splinekan is never imported.

The package is installed as `splinekan_theory`. In the root folder of a checkout the same files are also found
as `theory`; code that is to run elsewhere imports `splinekan_theory`. Indices count from 0, order r = k + 1
for degree k, knots t_0 < ... < t_{m+k} with k ghosts on each side, b = A psi on [a, b] = [t_k, t_m].

The equivalence theorem for knots of your own
    `verify_equivalence` returns an `Equivalence`: A, its inverse and P, with every identity verified;
    printable, LaTeX, JSON.

Matrices, by knots and order
    `change_of_basis`, `change_of_basis_recursive`, `change_of_basis_solved`, `uniform_change_of_basis`;
    `inverse_change_of_basis` by Marsden's identity; `prolongation`, `relu_prolongation`, `knot_insertion`,
    `two_scale`; `bspline_gram`, `relu_gram`.

Knots and symbols
    `read_knots` from numbers and text; `symbolic_knots`, `uniform`, `rational_knots`, `midpoints`; the
    variable `x`; `vanishes`, `all_vanish`, `equal` are exact tests for zero.

Claims
    `claim` registers a check as a `Claim` in `REGISTRY`; `verify` returns its `Outcome`; strengths are
    `PROVED`, `EXACT` and `REFUTED` (with a `Misprint`); `load_claims` reads the claims of a file. The
    built-in claims are in `theorems`: `from splinekan_theory.theorems import REGISTRY` registers them all.

Functions one by one: the modules `bspline` and `power_relu`. The command is `splinekan theory --help`.

Examples
--------
>>> import sympy
>>> record = verify_equivalence("0, 1/3, 1/2, 2, 5/2, 3", degree=2)
>>> record.A
Matrix([
[6, -108/5,    16],
[0,   18/5, -13/3],
[0,      0,   1/3]])
>>> record.A * record.A_inverse == sympy.eye(3)
True

With symbols:

>>> verify_equivalence("symbolic", degree=1).A_inverse
Matrix([
[-t0 + t1, -t0 + t2],
[       0, -t1 + t2]])

A claim of your own:

>>> def check():
...     A = change_of_basis(symbolic_knots(5), 2)
...     assert vanishes(A[0, 0] * (x - x) + A[1, 0]), "below the diagonal"
>>> mine = Claim("mine", "A_10 = 0", "r = 2, two intervals", "ours", EXACT, "A single case.", check)
>>> verify(mine).failure
''
"""

from .claims import EXACT, PROVED, REFUTED, REGISTRY, Claim, Misprint, Outcome, claim, verify
from .equivalence import Equivalence, verify_equivalence
from .gram import bspline_gram, relu_gram
from .matrices import (
    change_of_basis,
    change_of_basis_recursive,
    change_of_basis_solved,
    inverse_change_of_basis,
    knot_insertion,
    midpoints,
    prolongation,
    relu_prolongation,
    two_scale,
    uniform_change_of_basis,
)
from .own import load_claims
from .reading import read_knots
from .symbols import all_vanish, equal, rational_knots, symbolic_knots, uniform, vanishes, x

__all__ = [
    "EXACT",
    "PROVED",
    "REFUTED",
    "REGISTRY",
    "Claim",
    "Equivalence",
    "Misprint",
    "Outcome",
    "all_vanish",
    "bspline_gram",
    "change_of_basis",
    "change_of_basis_recursive",
    "change_of_basis_solved",
    "claim",
    "equal",
    "inverse_change_of_basis",
    "knot_insertion",
    "load_claims",
    "midpoints",
    "prolongation",
    "rational_knots",
    "read_knots",
    "relu_gram",
    "relu_prolongation",
    "symbolic_knots",
    "two_scale",
    "uniform",
    "uniform_change_of_basis",
    "vanishes",
    "verify",
    "verify_equivalence",
    "x",
]
