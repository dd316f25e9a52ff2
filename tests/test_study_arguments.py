"""Studies refuse what they cannot run, with the argument's name and before any work."""

import numpy as np
import pytest

from splinekan import LBFGS, LevenbergMarquardt, Round
from splinekan.studies.adaptivity import study as adaptivity
from splinekan.studies.boundary_value import fields
from splinekan.studies.boundary_value import study as boundary_value
from splinekan.studies.complementarity import study as complementarity
from splinekan.studies.conditioning import levels
from splinekan.studies.conditioning import study as conditioning
from splinekan.studies.functions import fitting
from splinekan.studies.functions import study as functions
from splinekan.studies.network.figure import fitted_network
from splinekan.studies.preconditioning import study as preconditioning
from splinekan.studies.regression import study as regression
from splinekan.studies.regression import training
from splinekan.studies.residuals import study as residuals
from splinekan.studies.robustness import study as robustness
from splinekan.studies.skeleton.figure import Setting
from splinekan.studies.speed import study as speed
from splinekan.studies.toy import study as toy

SEEDED = {
    "regression": regression.run,
    "toy": toy.run,
    "functions": lambda seeds: functions.run(seeds=seeds),
    "complementarity": complementarity.run,
    "adaptivity": adaptivity.run,
    "preconditioning": preconditioning.run,
    "poisson": lambda seeds: boundary_value.run("poisson", seeds),
}
SAMPLED = {
    "regression": lambda n: regression.run(samples=n),
    "toy": lambda n: toy.run(samples=n),
    "functions": lambda n: functions.run(samples=n),
    "complementarity": lambda n: complementarity.run(samples=n),
    "adaptivity": lambda n: adaptivity.run(samples=n),
    "robustness": lambda n: robustness.run(samples=n),
    "conditioning": lambda n: conditioning.run(samples=n),
    "trained": lambda n: levels.trained((1,), n, 0),
    "data": lambda n: training.data(0, n),
    "speed": lambda n: speed.run(samples=n),
}
REFUSED = (TypeError, ValueError, MemoryError)


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize(
    "seeds",
    [3, "12", (), (-1,), (1.0,), (True,), (None,), (2**80,), (1, 1), np.array([1, 1]), (np.nan,), object()],
)
def test_seeds(name, seeds):
    with pytest.raises(REFUSED, match="seeds"):
        SEEDED[name](seeds)


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("samples", [0, -1, 1.5, True, "10", np.nan, 2**80, 10**14, [10]])
def test_samples(name, samples):
    with pytest.raises(REFUSED, match="samples"):
        SAMPLED[name](samples)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regression.run(schedules=3), "schedules must be a sequence"),
        (lambda: regression.run(schedules=()), "schedules must not be empty"),
        (lambda: regression.run(schedules=("spline-fine",)), r"schedules\[0\] must be of type Schedule"),
        (lambda: regression.run(schedules=training.SCHEDULES[:1] * 2), "schedules must differ"),
        (lambda: regression.run(start=1), "start must be one of"),
        (lambda: regression.run(rows=["spline-best"]), r"rows\[0\] must be one of"),
        (lambda: regression.run(perceptrons=1), "perceptrons must be True or False"),
        (lambda: regression.run(progress="yes"), "progress must be True or False"),
        (lambda: training.select("spline-fine"), "rows must be a sequence"),
        (lambda: training.select([]), "rows must not be empty"),
        (lambda: training.select(["spline-fine"] * 2), "rows must differ"),
        (lambda: training.data(0, 10, "nothing"), "target must be one of"),
        (lambda: training.data(-1, 10), "seed must be at least 0"),
        (lambda: training.train("spline-fine", 0, 10), "schedule must be of type Schedule"),
        (lambda: toy.run(rounds=()), "rounds must not be empty"),
        (lambda: toy.run(rounds=(1,)), r"rounds\[0\] must be of type Round"),
        (lambda: functions.run(names=()), "names must not be empty"),
        (lambda: functions.run(names="peak"), "names must be a sequence"),
        (lambda: functions.run(names=["peak", "peak"]), "names must differ"),
        (lambda: functions.run(rounds=3), "rounds must be a sequence"),
        (lambda: functions.shape("2"), "n_in must be an integer"),
        (lambda: robustness.run(3), "cases must be a sequence"),
        (lambda: robustness.run(["peak"]), r"cases\[0\] must be a sequence"),
        (lambda: robustness.run([("peak",)]), r"cases\[0\] must be a pair"),
        (lambda: robustness.run([("peak", 1), ("peak", 2)]), "targets must differ"),
        (lambda: robustness.run(schedule="x"), "schedule must be of type Schedule"),
        (lambda: robustness.run(targets=["exp-sine"]), r"targets\[0\] must be one of 'rotated-waves'"),
        (lambda: robustness.run(factor=0.5), "factor must be at least 1.0"),
        (lambda: complementarity.run(coarse=[1]), r"coarse\[0\] must be of type Coarse"),
        (lambda: complementarity.run(coarse=1), "coarse must be a sequence"),
        (lambda: complementarity.run(degrees=()), "degrees must not be empty"),
        (lambda: complementarity.run(grids=(3,)), r"grids\[0\] must be at least 4"),
        (lambda: complementarity.run(progress=1), "progress must be True or False"),
        (lambda: conditioning.run(degrees=3), "degrees must be a sequence"),
        (lambda: conditioning.run(degrees=(1, 1)), "degrees must differ"),
        (lambda: conditioning.run(intervals=8), "intervals must be a sequence"),
        (lambda: conditioning.run(intervals=(8, 10**9)), r"intervals\[-1\]=1000000000 would take"),
        (lambda: conditioning.run(network_levels=60), "network_levels must be between"),
        (lambda: conditioning.run(budgets=(1,) * 60), "budgets must be at most"),
        (lambda: conditioning.run(seed=-1), "seed must be at least 0"),
        (lambda: boundary_value.run("poisson", rows="gauss-newton"), "rows must be a sequence"),
        (lambda: boundary_value.run("poisson", rows=[]), "rows must not be empty"),
        (lambda: boundary_value.run("poisson", rows=["gauss-newton"] * 2), "rows must differ"),
        (lambda: boundary_value.run("poisson", checkpoints=3), "checkpoints must be a path"),
        (lambda: boundary_value.run("poisson", quick="no"), "quick must be True or False"),
        (lambda: boundary_value.run(3), "name must be one of"),
        (lambda: boundary_value.run("poisson", recipe=3), "recipe must be of type Recipe"),
        (lambda: boundary_value.run("poisson", setting=3), "setting must be of type Setting"),
        (lambda: fields.fields(3, "x"), "study must be of type Study"),
        (lambda: residuals.residual_fields(3, "x"), "study must be of type Study"),
        (lambda: residuals.spectrum(np.zeros((2, 3))), "values must be square"),
        (lambda: residuals.spectrum([["a"]]), "values must be an array of real numbers"),
        (lambda: speed.run(3), "orders must be a sequence"),
        (lambda: speed.run([2], widths=(2,)), "widths must hold at least 2"),
        (lambda: speed.run([2], widths=(2, 0)), r"widths\[1\] must be at least 1"),
        (lambda: speed.run([2], intervals=10**12), "intervals=1000000000000"),
        (lambda: speed.run([2], forms=()), "forms must not be empty"),
        (lambda: fitting.deep_network([2], (0.0, 1.0)), "widths must hold at least 2"),
        (lambda: fitting.deep_network([2, 1], (1.0, 0.0)), "bounds must be increasing"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(REFUSED, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: regression.run((3,), 200, rows=["spline-multilevel"]),
        lambda: regression.run((3,), 200, rows=["spline-tournament"]),
        lambda: toy.run((1,), 200, (Round(0, 2, 3, 100),)),
        lambda: levels.trained((2,), 200, 0),
        lambda: complementarity.run((3,), 200, degrees=(1,), grids=(16,), refinements=1),
        lambda: fitted_network(Setting()),
    ],
)
def test_an_interrupt_ends_a_study(call, monkeypatch):
    """And does not only cut one run of its table short."""

    def interrupt(*_):
        raise KeyboardInterrupt

    for method in (LBFGS, LevenbergMarquardt):
        monkeypatch.setattr(method, "_advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call()
