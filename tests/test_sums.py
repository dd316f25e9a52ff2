"""The chunked reduction: the same sums whatever the chunks and wherever they are worked on."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sympy
from cases import networks, start

import splinekan as sk
from splinekan.objectives import Workers, data, pinn
from splinekan.objectives.sums import ranges, triangle
from splinekan.splines.change_of_basis import ChangeOfBasis

NETWORKS = networks()
pytestmark = pytest.mark.filterwarnings("ignore:x leaves the domain")
CALLS = ("value", "value_and_gradient", "residual", "normal_equations")


def heat(net, executor=None):
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    equation = sk.Equation(u.diff(t) - u.diff(x, 2) + u**3, unknown=u, variables=(x, t))
    points = np.random.default_rng(1).uniform(0, 1, (200, 2))
    return sk.PINN(net, [sk.Block.mean(equation, points)], smoothing=1e-2, executor=executor)


def squares(net, executor=None):
    _, x, rng = start(net)
    return sk.LeastSquares(net, x, rng.normal(size=(40, net.n_out)), 0.1, smoothing=0.1, executor=executor)


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("kind", ["squares", "heat"])
def test_workers_give_the_same_sums(kind, basis, monkeypatch):
    for module, name in ((data, "CHUNK_BYTES"), (data, "ROW_BYTES"), (pinn, "CHUNK_BYTES")):
        monkeypatch.setattr(module, name, 4096)
    net = (NETWORKS["splines"] if kind == "squares" else sk.KAN.splines([2, 3, 1], 3, 4)).with_basis(basis)
    make = squares if kind == "squares" else heat
    theta = sk.initialize(net, 0)
    plain = make(net)
    assert len(plain._chunks("rows")) > 3
    R = plain.triangular_factor(theta)[1]
    with ThreadPoolExecutor(3) as pool:
        shared = make(net, Workers(pool, 3))
        for name in CALLS:
            answers = [getattr(problem, name)(theta) for problem in (plain, shared, shared)]
            arrays = [answer if isinstance(answer, tuple) else (answer,) for answer in answers]
            for a, b, c in zip(*arrays, strict=True):
                np.testing.assert_allclose(b, a, atol=1e-13 * np.abs(a).max())
                np.testing.assert_array_equal(b, c)  # the same bits for the same number of workers
        other = shared.triangular_factor(theta)[1]
    np.testing.assert_allclose(other.T @ other, R.T @ R, atol=1e-12 * np.abs(R).max() ** 2)


class Elsewhere:
    """An executor of other processes: functions, items and answers are pickled, itself it cannot be."""

    workers = 3

    def __init__(self):
        self.lock = threading.Lock()

    def map(self, function, items):
        sent = [pickle.dumps((function, item)) for item in items]
        return (pickle.loads(pickle.dumps(work(item))) for work, item in map(pickle.loads, sent))


@pytest.mark.parametrize("basis", ["spline", "relu"])
@pytest.mark.parametrize("kind", ["squares", "heat"])
def test_what_goes_to_workers_can_be_pickled(kind, basis, monkeypatch):
    for module, name in ((data, "CHUNK_BYTES"), (data, "ROW_BYTES"), (pinn, "CHUNK_BYTES")):
        monkeypatch.setattr(module, name, 4096)
    net = (NETWORKS["splines"] if kind == "squares" else sk.KAN.splines([2, 3, 1], 3, 4)).with_basis(basis)
    make = squares if kind == "squares" else heat
    theta = sk.initialize(net, 0)
    plain, elsewhere = make(net), make(net, Elsewhere())
    for _ in range(2):  # the second time with what the first has kept
        assert elsewhere.value(theta) == pytest.approx(plain.value(theta), rel=1e-13)
        for got, want in zip(elsewhere.normal_equations(theta), plain.normal_equations(theta), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-13 * np.abs(want).max())


def test_executors_that_lose_answers_are_refused(monkeypatch):
    monkeypatch.setattr(data, "CHUNK_BYTES", 4096)

    class Forgetful(Elsewhere):
        def map(self, function, items):
            return list(super().map(function, items))[:-1]

    problem = squares(NETWORKS["splines"], Forgetful())
    with pytest.raises(ValueError, match="a result for each of 2 groups, got 1"):
        problem.value(np.zeros(NETWORKS["splines"].n_parameters))


def test_errors_of_workers_are_raised():
    net = NETWORKS["splines"]
    with ThreadPoolExecutor(2) as pool:
        problem = squares(net, Workers(pool, 2))
        with pytest.raises(ValueError, match="theta must have shape"):
            problem.value(np.zeros(3))


def test_ranges_cover_all_samples():
    for n, size, limit, least in ((10, 8, 24, 1), (10, 8, 1, 1), (10, 8, 1, 4), (1, 1, 100, 1), (7, 0, 3, 1)):
        found = ranges(n, size, limit, least)
        assert [i for start, stop in found for i in range(start, stop)] == list(range(n))
        assert max(stop - start for start, stop in found) <= max(limit // max(size, 1), least, 1)


def test_triangles_of_few_and_of_many_rows():
    rng = np.random.default_rng(0)
    for n in (0, 2, 5, 40):
        rows = rng.normal(size=(n, 5))
        R = triangle([rows[: n // 2], rows[n // 2 :]])
        assert R.shape == (min(n, 5), 5)
        np.testing.assert_allclose(R.T @ R, rows.T @ rows, atol=1e-13)


def test_the_relu_basis_is_solved_once_for_all_chunks(monkeypatch):
    net = NETWORKS["splines"].with_basis("relu")
    problem, theta = squares(net), sk.initialize(net, 0)
    monkeypatch.setattr(data, "CHUNK_BYTES", 1024)
    assert len(problem._chunks("value")) > 3
    solved = []
    change = ChangeOfBasis
    original = change.solve_transpose
    monkeypatch.setattr(change, "solve_transpose", lambda self, v: solved.append(1) or original(self, v))
    value = problem.value(theta)
    assert len(solved) <= sum(isinstance(layer, sk.SplineLayer) for layer in net.layers)
    same = squares(NETWORKS["splines"]).value(net.to_basis(theta, "spline"))
    assert value == pytest.approx(same, rel=1e-9)
