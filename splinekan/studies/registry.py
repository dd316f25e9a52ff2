"""The registry: every study and every figure, from which the command line is built.

A new study is a folder with a module `study`, whose `run` returns an object with `table()` and `record()`,
and an entry in `STUDIES`. A new figure is an entry in `FIGURES` of a folder's module `figure`, and in
`FIGURES` here. Folders are imported when they are used: some take a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from splinekan.studies.skeleton.options import CHECKPOINT, EVERYWHERE, QUICK, ROWS, SAMPLES, SEEDS, Option

if TYPE_CHECKING:
    from splinekan.studies.skeleton.figure import Figure


@dataclass(frozen=True)
class Entry:
    """A study.

    Attributes
    ----------
    package
        Its folder.
    help
        One line.
    options
        Arguments of its `run` that can be chosen.
    quick
        Help of --quick if it has a quick setting, the arguments `QUICK` of its module.
    figure
        The name of its figure in its folder, if there is a figure.
    arguments
        Other arguments of `run`, always the same.
    """

    package: str
    help: str
    options: tuple[Option, ...]
    quick: str = ""
    figure: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_options(self) -> tuple[Option, ...]:
        """All options, with those of all studies, and --quick if there is a quick setting."""
        quick = (QUICK.helped(self.quick),) if self.quick else ()
        own = [option.argument for option in self.options]
        rest = [option for option in EVERYWHERE if option.argument not in own]
        return (*quick, *self.options, *rest)

    def module(self) -> Any:
        """The module with `run`."""
        return import_module(f"splinekan.studies.{self.package}.study")

    def setting(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of `run` for options given by their arguments' names."""
        chosen = dict(given)
        quick = self.module().QUICK if chosen.pop("quick", False) else {}
        return {**quick, **self.arguments, **chosen}

    def drawing(self) -> Figure:
        """Its figure."""
        return _figures(self.package)[self.figure]


START = Option("--start", "start", {"choices": ("rough", "smooth")})
NAMES = replace(ROWS.helped("these functions only"), flag="--names", argument="names")
METHODS = replace(
    ROWS.helped("halving and single starts, both also projected: the last layer solved for"),
    flag="--methods",
    argument="methods",
)
PROBLEMS = replace(ROWS.helped("these problems only"), flag="--problems", argument="problems")
INTEGERS = {"type": int, "nargs": "+", "metavar": "N"}
DEGREES = Option("--degrees", "degrees", {**INTEGERS, "help": "these degrees only"})
LEVELS = Option("--levels", "levels", {**INTEGERS, "help": "these numbers of levels only"})
UNKNOWNS = Option(
    "--unknowns", "unknowns", {"type": int, "metavar": "N", "help": "leave larger systems out; 70000"}
)
WAYS = replace(
    ROWS.helped("these preconditioners only"), flag="--preconditioners", argument="preconditioners"
)
PDE_OPTIONS = (
    SEEDS,
    replace(ROWS.helped("these networks of solve, or default"), flag="--networks", argument="networks"),
    Option("--seconds", "seconds", {"type": float, "metavar": "S", "help": "limit of every solution; none"}),
    Option(
        "--tolerance",
        "tolerance",
        {"type": float, "metavar": "R", "help": "relative residual to end at; 1e-8"},
    ),
    CHECKPOINT.helped("write to this folder after every solution, and go on from what it holds"),
)
GALLERY = (
    "burgers-steep",
    "korteweg-de-vries",
    "kuramoto-sivashinsky",
    "cavity",
    "kovasznay",
    "wave",
    "l-shape",
    "l-shape-singular",
    "poisson-5d",
    "poisson-10d",
    "soliton",
    "heat",
    "plate",
    "schroedinger",
    "epidemic",
    "disk",
    "fisher",
    "cavity-uniform",
)
"""Problems of the gallery with a study of their own; those of the boundary value problems have others."""
TARGETS = replace(ROWS.helped("these targets only"), flag="--targets", argument="targets")

STUDIES: dict[str, Entry] = {
    "regression": Entry(
        "regression",
        "multilevel against single-level training on a regression problem",
        (SEEDS, SAMPLES, START, ROWS),
        quick="4000 samples, two seeds unless given, no perceptrons",
        figure="regression",
    ),
    "toy": Entry("toy", "exp(sin(pi x) + y^2) to six digits, from 2 to 64 intervals", (SEEDS, SAMPLES)),
    "functions": Entry(
        "functions",
        "special functions and formulas of physics, a table",
        (NAMES, SEEDS, SAMPLES),
    ),
    "robustness": Entry(
        "robustness",
        "other seeds, other angles, other targets",
        (TARGETS, SAMPLES, METHODS),
    ),
    "free-knots": Entry(
        "free_knots",
        "moving knots against uniform knots at equal numbers of unknowns",
        (TARGETS, SEEDS, SAMPLES),
        quick="500 samples, 30 iterations, two seeds unless given",
    ),
    "complementarity": Entry(
        "complementarity",
        "where updates go after a refinement, and what sweeps reduce",
        (SEEDS, SAMPLES),
        quick="4000 samples, two seeds unless given, two degrees",
        figure="complementarity",
    ),
    "cycles": Entry(
        "cycles",
        "multigrid cycles against nested iteration, and factors of model problems",
        (SEEDS, SAMPLES),
        quick="regression only, 500 samples, two seeds unless given, a quarter of the budgets",
        figure="cycles",
    ),
    "conditioning": Entry(
        "conditioning",
        "condition numbers against intervals, spectra by level and basis",
        (),
        quick="two degrees, fewer and smaller sizes",
        figure="conditioning",
    ),
    "adaptivity": Entry(
        "adaptivity",
        "error against parameters, with uniform and with adaptive knots",
        (SEEDS, SAMPLES, PROBLEMS),
        quick="one seed, 2000 samples, five problems, fewer levels",
        figure="adaptivity",
    ),
    "preconditioning": Entry(
        "preconditioning",
        "iterations of preconditioned conjugate gradients by degree and level, factors of cycles",
        (SEEDS, DEGREES, LEVELS, UNKNOWNS, WAYS),
        quick="two degrees, at most seven levels and 2000 unknowns",
        figure="preconditioning",
    ),
    "gauss-newton-cg": Entry(
        "gauss_newton_cg",
        "preconditioned conjugate gradients on Gauss-Newton equations by level, and training with them",
        (SEEDS, SAMPLES, ROWS),
        quick="two small networks, two levels, one seed unless given",
        figure="gauss-newton-cg",
    ),
    **{
        name: Entry(
            "boundary_value",
            "a differential equation, by Adam where the paper does, and Gauss-Newton",
            (
                SEEDS,
                ROWS,
                CHECKPOINT.helped("write to this folder after every level, and go on from what it holds"),
            ),
            quick="one seed, fewer rows, a tenth of the epochs",
            figure="boundary-value",
            arguments={"name": name},
        )
        for name in ("poisson", "interface", "helmholtz", "advection", "burgers", "allen-cahn", "kdv")
    },
    "pde": Entry(
        "pde",
        "the gallery of differential equations by solve, errors and times beside the records",
        (PROBLEMS, *PDE_OPTIONS),
        quick="four problems, one seed unless given, five seconds each",
        figure="pde",
    ),
    **{
        name: Entry(
            "pde",
            "a differential equation of the gallery by solve, beside the record",
            PDE_OPTIONS,
            quick="one seed unless given, five seconds",
            figure="pde",
            arguments={"problems": (name,), "name": name},
        )
        for name in GALLERY
    },
}
"""The studies by their names in `splinekan study`."""

FIGURES: dict[str, str] = {
    "1": "geometry",
    "2a": "geometry",
    "2b": "geometry",
    "3": "speed",
    "4": "regression",
    "6": "boundary_value",
    "7": "boundary_value",
    "8": "boundary_value",
    "9": "residuals",
    "adaptivity": "adaptivity",
    "hessian-spectra": "conditioning",
    "complementarity": "complementarity",
    "cycles": "cycles",
    "preconditioning": "preconditioning",
    "gauss-newton-cg": "gauss_newton_cg",
    "network": "network",
    "regression": "regression",
}
"""The folder of every figure, by the name that `splinekan figure` takes. Numbers are the paper's."""


def figure(name: str) -> Figure:
    """A figure of `FIGURES`.

    Raises
    ------
    KeyError
        For another name.
    """
    return _figures(FIGURES[name])[name]


def _figures(package: str) -> dict[str, Figure]:
    figures: dict[str, Figure] = import_module(f"splinekan.studies.{package}.figure").FIGURES
    return figures
