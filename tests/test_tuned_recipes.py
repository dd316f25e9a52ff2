"""The recipes of `studies.boundary_value.tuned`: what they change, and that it helps from the beginning."""

from dataclasses import fields, replace

import numpy as np
import pytest

from splinekan.network import Normalizer
from splinekan.problems import boundary
from splinekan.studies.boundary_value import study as boundary_value
from splinekan.studies.boundary_value.first_order import NETWORKS, RECIPES, FirstOrderRun
from splinekan.studies.boundary_value.tuned import TUNED


@pytest.mark.parametrize(("name", "changed"), [("burgers", ["kind", "noise"]), ("interface", ["network"])])
def test_a_recipe_changes_only_what_the_paper_leaves_open(name, changed):
    ours, tuned = RECIPES[name], TUNED[name]
    other = [f.name for f in fields(ours) if getattr(ours, f.name) != getattr(tuned, f.name)]
    assert other == changed
    assert boundary_value.rows_of(name, tuned) == boundary_value.rows_of(name)


@pytest.mark.parametrize("basis", ["spline", "relu"])
def test_the_sigmoid_keeps_hidden_values_inside_and_costs_no_parameter(basis):
    plain, inside = NETWORKS["3-5-1"](basis), NETWORKS["3-5-1, sigmoid"](basis)
    assert inside.n_parameters == plain.n_parameters == 140
    assert inside.basis == plain.basis == basis
    first, bounded, second = inside.layers
    assert isinstance(bounded, Normalizer)
    rng = np.random.default_rng(0)
    x, drawn = rng.uniform(-1, 1, (50, 3)), 5 * rng.normal(size=plain.n_parameters)
    theta = plain.with_basis("spline").to_basis(drawn, basis)
    hidden = first.value(theta[: first.n_parameters], x)
    assert np.abs(hidden).max() > 1
    squeezed = np.tanh(hidden / 2)  # 2 sigmoid - 1
    expected = second.value(theta[first.n_parameters :], squeezed)
    np.testing.assert_allclose(inside(theta, x), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_small_coefficients_start_the_fine_level_of_burgers_lower_and_end_it_lower():
    fine = next(s for s in TUNED["burgers"].schedules if s.name == "spline-fine")
    losses = {}
    for name, recipe in (("ours", RECIPES["burgers"]), ("tuned", TUNED["burgers"])):
        run = FirstOrderRun(boundary.problem("burgers"), 5, recipe, fine, shorter=20)
        stage = run.advance(0, None)
        losses[name] = stage.history.loss[0], stage.loss
    assert losses["tuned"][0] < losses["ours"][0] / 100
    assert losses["tuned"][1] < losses["ours"][1] / 100


def test_a_study_takes_a_tuned_recipe():
    tuned = TUNED["interface"]
    schedules = [replace(each, budgets=tuple(n // 25 for n in each.budgets)) for each in tuned.schedules]
    recipe = replace(tuned, schedules=tuple(schedules))
    found = boundary_value.run("interface", [7], ["spline-multilevel"], recipe=recipe)
    (row,) = found.rows
    assert [level["parameters"] for level in row.levels] == [140, 220, 380, 700]
    losses = [level["loss"] for level in row.levels]
    assert losses == sorted(losses, reverse=True)
    assert found.settings["row_settings"]["spline-multilevel"]["recipe"]["network"] == "3-5-1, sigmoid"
