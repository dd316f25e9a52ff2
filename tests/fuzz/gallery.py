"""Calls of the gallery of differential equations."""

from __future__ import annotations

import warnings
from dataclasses import fields
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from fuzz.core import Call, Role, assert_alike, calls
from fuzz.draw import Draw
from splinekan import plots
from splinekan.problems import gallery

FREE = Role("free")


def _range(low: float, high: float) -> Role:
    return Role("real", low=low, high=high)


def _whole(high: int) -> Role:
    return Role("whole", low=1, high=high)


TABLE: dict[str, tuple[Any, dict[str, tuple[Any, Role]]]] = {
    "problems.poisson": (gallery.poisson, {}),
    "problems.helmholtz": (
        gallery.helmholtz,
        {"modes": ((1, 2), Role("wholes", low=1, high=64)), "wave_number": (1.0, Role("real", low=0.0))},
    ),
    "problems.interface": (gallery.interface, {"contrast": (0.5, _range(0.0625, 1.0))}),
    "plate": (gallery.plate, {}),
    "disk": (gallery.disk, {"radius": (2.0, _range(1e-3, 1e3))}),
    "l_shape": (gallery.l_shape, {}),
    "poisson_additive": (gallery.poisson_additive, {"dimensions": (3, _whole(50))}),
    "poisson_products": (gallery.poisson_products, {"dimensions": (4, Role("whole", low=2, high=50))}),
    "heat": (gallery.heat, {"diffusivity": (0.3, _range(1e-4, 10.0))}),
    "wave": (gallery.wave, {"speed": (2.5, _range(0.01, 100.0))}),
    "problems.advection": (gallery.advection, {"speed": (-2.0, _range(-100.0, 100.0))}),
    "soliton": (gallery.soliton, {"speed": (3.0, _range(0.1, 16.0))}),
    "fisher": (gallery.fisher, {"rate": (5.0, _range(0.1, 20.0))}),
    "schroedinger": (
        gallery.schroedinger,
        {"amplitude": (1.5, _range(0.5, 4.0)), "velocity": (-1.0, _range(-4.0, 4.0))},
    ),
    "epidemic": (
        gallery.epidemic,
        {
            "contact": (0.5, _range(0.01, 10.0)),
            "recovery": (0.2, _range(0.01, 10.0)),
            "infected": (1e-2, _range(1e-6, 0.5)),
            "end": (30.0, Role("real", low=1.0)),
        },
    ),
    "problems.burgers": (gallery.burgers, {"viscosity": (0.05, _range(1e-4, 1.0))}),
    "problems.allen_cahn": (
        gallery.allen_cahn,
        {"diffusion": (1e-3, _range(2e-5, 1.0)), "rate": (2.0, _range(0.0, 10.0))},
    ),
    "problems.korteweg_de_vries": (gallery.korteweg_de_vries, {"dispersion": (0.2, _range(0.01, 1.0))}),
    "kuramoto_sivashinsky": (
        gallery.kuramoto_sivashinsky,
        {
            "alpha": (1.0, _range(0.1, 10.0)),
            "beta": (0.1, _range(0.01, 1.0)),
            "gamma": (0.01, _range(1e-3, 1.0)),
            "end": (0.5, _range(0.01, 2.0)),
        },
    ),
    "cavity": (
        gallery.cavity,
        {"reynolds": (50.0, _range(1.0, 400.0)), "lid": ("parabolic", Role("word"))},
    ),
    "kovasznay": (gallery.kovasznay, {"reynolds": (20.0, _range(1.0, 1000.0))}),
}
COMPUTED = ("cavity", "problems.allen_cahn", "problems.korteweg_de_vries", "kuramoto_sivashinsky", "epidemic")


@calls(*TABLE, share=1)
def _(draw: Draw, name: str) -> Call:
    make, given = TABLE[name]

    def check(result: Any, args: Any) -> None:
        assert isinstance(result, gallery.Problem)
        assert len(result.conditions) >= 1
        assert set(result.parameters) == set(given)
        if name not in COMPUTED:
            points = result.points(30)
            assert np.isfinite(result.reference(points)).all()
            assert set(result.error(result.reference, points).values()) == {0.0}

    arguments = {key: value for key, (value, _) in given.items()}
    return Call(make, arguments, check, {key: role for key, (_, role) in given.items()})


@cache
def _made(name: str) -> gallery.Problem:
    return gallery.problem(name)


@calls(
    "problems.problem",
    "Problem",
    *(f"Problem.{m}" for m in ("solve", "points", "error", "variables", "unknown_names", "__str__")),
    share=1,
)
def _(draw: Draw, name: str) -> Call:
    if name == "problems.problem":
        return Call(
            gallery.problem,
            {"name": draw.one("poisson", "burgers", "wave", "disk")},
            lambda r, a: assert_alike(r.name, str(a["name"])),
        )
    if name == "Problem.solve":
        made = _made("heat")

        def solve(seed: Any, levels: Any, degree: Any) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a level of few knots is not accurate
                return made.solve(seed, levels=levels, degree=degree).n_parameters

        return Call(
            solve,
            {"seed": draw.integer(0, 9), "levels": 1, "degree": 3},
            None,
            {
                "seed": Role("whole", low=0, most=10**6),
                "levels": Role("whole", low=1, most=1),
                "degree": Role("whole", low=3, high=7, most=5),
            },
        )
    made = _made(draw.one("poisson", "disk", "wave", "kovasznay"))
    if name == "Problem.points":

        def points(result: Any, args: Any) -> None:
            assert result.shape[1] == 2
            assert np.isfinite(result).all()

        return Call(
            made.points, {"count": draw.integer(4, 90)}, points, {"count": Role("whole", low=1, most=1e6)}
        )
    if name == "Problem.error":
        arguments = {"solution": lambda p: 1.5 * made.reference(p), "points": made.points(20)}

        def error(result: Any, args: Any) -> None:
            assert set(result) == set(made.unknown_names)

        return Call(
            made.error,
            arguments,
            error,
            {"solution": FREE, "points": Role("array", optional=True)},
            names=("points", "domain"),
        )
    if name == "Problem":
        arguments = {each.name: getattr(made, each.name) for each in fields(made)}
        roles = dict.fromkeys(arguments, FREE) | {
            "reference": Role("callable"),
            "interior": Role("flag"),
            "record": Role("real", low=5e-324, optional=True),
        }
        return Call(gallery.Problem, arguments, lambda r, _: assert_alike(r.variables, made.variables), roles)
    if name == "Problem.variables":
        return Call(lambda: made.variables, {}, lambda r, _: assert_alike(len(r), 2))
    if name == "Problem.unknown_names":
        return Call(lambda: made.unknown_names, {}, lambda r, _: assert_alike(len(r), len(made.unknown)))
    return Call(lambda: str(made), {}, lambda r, _: assert_alike(made.title in r, True))


@calls("error_by_seconds", share=1)
def _(draw: Draw, name: str) -> Call:
    rows = [
        SimpleNamespace(
            name=problem,
            network="tensor",
            rel_l2_per_seed=[1e-6, 2e-6],
            median=1e-6,
            seconds=2.0,
            record=record,
            record_seconds=time,
        )
        for problem, record, time in (("a", 1e-9, 300.0), ("b", 1e-3, None), ("c", None, None))
    ]
    ax = plots.canvas(1, 1)[1][0, 0]
    return Call(plots.error_by_seconds, {"ax": ax, "rows": rows})
