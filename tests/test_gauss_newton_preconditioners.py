"""Preconditioners of Gauss-Newton equations against dense linear algebra; conjugate gradients with them."""

import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
import scipy

import splinekan as sk
from splinekan import cli
from splinekan.multilevel import Deflation, GaussNewtonBPX, LayerBlocks, Nystrom
from splinekan.multilevel.galerkin_rows import Prolongation, add_normal, chunks, columns
from splinekan.multilevel.inverses import factored
from splinekan.objectives.pinn import PINN, Block
from splinekan.operators import Matrix, SparseRows, Stacked
from splinekan.operators.segments import symmetric
from splinekan.optimize.driver import Frame
from splinekan.optimize.problem import IdentityMap
from splinekan.optimize.scaled_jacobian import ScaledJacobian
from splinekan.spectra import preconditioned_spectrum
from splinekan.studies.gauss_newton_cg import study
from splinekan.studies.gauss_newton_cg.solves import iterations

RNG = np.random.default_rng(7)
X = RNG.uniform(0, 1, (250, 2))
Y = np.sin(3 * X[:, 0]) * X[:, 1] + X[:, 0]
DAMPING = 1e-3


def local(network):
    """Levels whose layers are refined in a few intervals only."""
    networks = [network]
    for _ in range(2):
        networks.append(networks[-1].refined([[[0, 1], []], [[1]] * network.layers[1].n_in]))
    return sk.Hierarchy(networks)


def mixed():
    """Knots that differ from input to input, a periodic input, and a base branch."""
    plain = sk.KnotVector.uniform(0, 1, 3, 3)
    around = sk.KnotVector.uniform(0, 1, 5, 3, periodic=True)
    clamped = sk.KnotVector.clamped(np.linspace(-1, 2, 5), 2)
    second = sk.SplineLayer(3, 2, clamped, base="silu")
    return sk.KAN([sk.SplineLayer(2, 3, [around, plain]), second, sk.Affine(2, 1)])


LEVELS = {
    "uniform": lambda: sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=3), 3),
    "affine": lambda: sk.Hierarchy(sk.KAN.affine_first([2, 3, 1], intervals=2), 3),
    "local": lambda: local(sk.KAN.splines([2, 3, 1], intervals=3)),
    "mixed": lambda: sk.Hierarchy(mixed(), 3),
}


@pytest.fixture(scope="module", params=LEVELS)
def setting(request):
    return equations(LEVELS[request.param]())


def equations(levels, smoothing=1e-6):
    """(levels, J in scaled coordinates, its matrix, the damped matrix) on the finest level."""
    network = levels[-1].network
    objective = sk.LeastSquares(network, X, Y, smoothing=smoothing)
    theta = 0.3 * np.random.default_rng(11).normal(size=network.n_parameters)
    J = scaled(objective.linearized(theta)[2])
    dense = J.jacobian.toarray() / J.scale
    return levels, J, dense, dense.T @ dense + DAMPING * np.eye(dense.shape[1])


def scaled(jacobian):
    size = np.sqrt(jacobian.column_squares())
    return ScaledJacobian(jacobian, IdentityMap(), np.maximum(size, 1e-8 * size.max()))


def dense_of(operator):
    return np.column_stack([operator @ unit for unit in np.eye(operator.shape[0])])


def assert_close(a, b, tolerance=1e-8):
    assert np.abs(a - b).max() <= tolerance * np.abs(b).max()


def test_scaled_jacobian(setting):
    _, J, dense, _ = setting
    v, r = RNG.normal(size=J.shape[1]), RNG.normal(size=J.shape[0])
    assert_close(J @ v, dense @ v, 1e-12)
    assert_close(J.T @ r, dense.T @ r, 1e-12)
    assert_close(J @ np.eye(J.shape[1]), dense, 1e-12)
    assert np.dot(J @ v, r) == pytest.approx(np.dot(v, J.T @ r), rel=1e-10)


def test_chunks_sum_to_the_normal_matrix(setting):
    _, J, dense, _ = setting
    matrix = np.zeros((J.shape[1],) * 2)
    for rows in chunks(J.jacobian):
        assert isinstance(rows, (SparseRows, Matrix))
        add_normal(rows, matrix)
    assert_close(symmetric(matrix) / np.outer(J.scale, J.scale), dense.T @ dense, 1e-12)


def test_chunks_of_operators_without_their_own():
    class Plain:
        def toarray(self):
            return np.eye(3)

    assert [rows.toarray().tolist() for rows in chunks(Plain())] == [np.eye(3).tolist()]
    stacked = Stacked([Matrix(np.eye(2)), Matrix(scipy.sparse.eye_array(2))])
    assert len(list(stacked.chunks())) == 2
    assert len(list(Stacked([stacked, stacked]).chunks())) == 4


def test_products_with_prolongations_keep_their_form(setting):
    levels, J, _, _ = setting
    P = levels[-1].P
    twice = scipy.sparse.csr_array(P @ levels[-2].P) if len(levels) > 2 else P
    for matrix in (P, twice):
        prolonged = Prolongation(matrix)
        for rows in chunks(J.jacobian):
            for _ in range(2):  # the second time with the blocks of the first
                found = prolonged(rows)
                # Functions that wrap around take their segments apart.
                assert type(found) is type(rows) or levels[0].network.layers[0].knots[0].periodic
                assert_close(found.toarray(), rows.toarray() @ matrix.toarray(), 1e-13)
            if isinstance(found, SparseRows):  # as its constructor checks it
                SparseRows(found.values, found.starts, found.lengths, found.n_columns)


def test_segments_stay_short():
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=5), 4)
    J = sk.LeastSquares(levels[-1].network, X, Y).linearized(np.ones(levels[-1].network.n_parameters))[2]
    (rows,) = J.chunks()
    for level in levels[:0:-1]:
        rows = Prolongation(level.P)(rows)
        assert rows.lengths.tolist() == [12, 12, 4, 4, 4]


def test_columns(setting):
    levels, J, _, _ = setting
    offsets = levels[-1].network.offsets
    for rows in chunks(J.jacobian):
        for start, stop in pairwise(offsets):
            assert_close(columns(rows, start, stop).toarray(), rows.toarray()[:, start:stop], 1e-15)
        # A cut through a segment.
        assert_close(columns(rows, 1, offsets[-1] - 1).toarray(), rows.toarray()[:, 1:-1], 1e-15)


@pytest.mark.parametrize("coarse", ["full", "diagonal"])
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_bpx_is_the_sum_over_levels(setting, decay, coarse):
    levels, J, _, A = setting
    P, expected = np.diag(J.scale), np.zeros_like(A)
    for depth, level in enumerate(reversed(levels.levels)):
        matrix = P.T @ A @ P
        kept = matrix if level.index == 0 and coarse == "full" else np.diag(np.diag(matrix))
        expected += decay**depth * P @ np.linalg.solve(kept, P.T)
        P = P if level.P is None else P @ level.P.toarray()
    assert_close(dense_of(GaussNewtonBPX(levels, decay, coarse)(J, DAMPING)), expected, 1e-6)


def test_deflation_is_r_bnn2(setting):
    levels, J, _, A = setting
    coarse = levels[-2]
    found = Deflation(levels, coarse.network.n_parameters)(J, DAMPING)
    Z = J.scale[:, None] * levels[-1].P.toarray()
    Q = Z @ np.linalg.solve(Z.T @ A @ Z, Z.T)
    n = len(A)
    expected = (np.eye(n) - Q @ A) @ np.diag(1 / np.diag(A))
    assert_close(dense_of(found), expected, 1e-6)
    b = RNG.normal(size=n)
    assert_close(found.start(b), Q @ b, 1e-6)


def test_deflated_residuals_are_orthogonal_to_the_coarse_functions(setting):
    levels, J, _, A = setting
    inverse = Deflation(levels, levels[-2].network.n_parameters)(J, DAMPING)
    Z = J.scale[:, None] * levels[-1].P.toarray()
    b = J.rmatvec(RNG.normal(size=J.shape[0]))
    seen = []
    x, _ = scipy.sparse.linalg.cg(
        A,
        b,
        x0=inverse.start(b),
        M=inverse,
        rtol=1e-9,
        maxiter=300,
        callback=lambda at: seen.append(at.copy()),
    )
    for at in (inverse.start(b), *seen[:10], x):
        residual = b - A @ at
        assert np.linalg.norm(Z.T @ residual) <= 1e-5 * np.linalg.norm(Z, 2) * np.linalg.norm(b)
    assert np.linalg.norm(A @ x - b) <= 1e-8 * np.linalg.norm(b)


def test_deflation_takes_the_finest_level_that_is_small_enough():
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=3), 4)
    sizes = [level.network.n_parameters for level in levels]
    deflation = Deflation(levels, sizes[1])
    assert [deflation.coarse_level(size) for size in sizes] == [None, 0, 1, 1]
    assert Deflation(levels, sizes[0] - 1).coarse_level(sizes[-1]) is None
    # Without a coarse level it is the scaling alone.
    _, J, _, _ = equations(levels)
    small = Deflation(levels, 1)(J, DAMPING)
    assert not hasattr(small, "start")
    assert_close(dense_of(small), np.eye(J.shape[1]))


def test_layer_blocks_are_inverted_exactly(setting):
    levels, J, _, A = setting
    expected = np.zeros_like(A)
    offsets = levels[-1].network.offsets
    for start, stop in pairwise(offsets):
        expected[start:stop, start:stop] = np.linalg.inv(A[start:stop, start:stop])
    assert_close(dense_of(LayerBlocks(levels)(J, DAMPING)), expected, 1e-6)
    assert_close(dense_of(LayerBlocks(levels[-1].network)(J, DAMPING)), expected, 1e-6)


def test_nystrom(setting):
    _, J, dense, A = setting
    n = len(A)
    whole = dense_of(Nystrom(n)(J, DAMPING)) @ A
    assert_close(whole / whole[0, 0], np.eye(n), 1e-5)
    # U and s of the definition.
    rank = 10
    probes = np.linalg.qr(np.random.default_rng(3).normal(size=(n, rank)))[0]
    sketch = dense.T @ (dense @ probes)
    low = sketch @ np.linalg.solve(probes.T @ sketch, sketch.T)
    s, U = np.linalg.eigh((low + low.T) / 2)
    s, U = s[-rank:], U[:, -rank:]
    expected = (s[0] + DAMPING) * U @ np.diag(1 / (s + DAMPING)) @ U.T + np.eye(n) - U @ U.T
    assert_close(dense_of(Nystrom(rank, seed=3)(J, DAMPING)), expected, 1e-6)


def test_blocks_with_two_sides():
    """Rows of differences between two faces, which are stored dense."""
    from sympy import Function, symbols

    a, b = symbols("a b")
    u = Function("u")(a, b)
    inside = sk.Equation(u.diff(a, 2) + u.diff(b, 2) + 1, u, (a, b))
    trace = sk.Equation(u, u, (a, b))
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], 4, 2, (-1, 1), extrapolate="polynomial"), 3)
    face = np.linspace(-1, 1, 9)
    ends = [np.column_stack([np.full(9, side), face]) for side in (-1.0, 1.0)]
    points = RNG.uniform(-1, 1, (60, 2))
    problem = PINN(levels[-1].network, [Block(inside, points), Block(trace, ends[0], minus=ends[1])])
    theta = 0.2 * RNG.normal(size=levels[-1].network.n_parameters)
    J = scaled(problem.linearized(theta)[2])
    dense = J.jacobian.toarray() / J.scale
    A = dense.T @ dense + DAMPING * np.eye(dense.shape[1])
    Z = J.scale[:, None] * levels[-1].P.toarray()
    Q = Z @ np.linalg.solve(Z.T @ A @ Z, Z.T)
    right = RNG.normal(size=len(A))
    assert_close(Deflation(levels, levels[1].network.n_parameters)(J, DAMPING).start(right), Q @ right, 1e-6)
    blocks = dense_of(LayerBlocks(levels)(J, DAMPING))
    stop = levels[-1].network.offsets[1]
    assert_close(blocks[:stop, :stop], np.linalg.inv(A[:stop, :stop]), 1e-6)
    whole = dense_of(Nystrom(len(A))(J, DAMPING)) @ A
    assert_close(whole / whole[0, 0], np.eye(len(A)), 1e-5)


PRECONDITIONERS = {
    "bpx": GaussNewtonBPX,
    "deflation": Deflation,
    "layers": LayerBlocks,
    "nystrom": lambda _: Nystrom(20),
}


@pytest.mark.parametrize("name", PRECONDITIONERS)
def test_training_ends_where_that_with_cholesky_factors_does(name):
    levels = sk.Hierarchy(sk.KAN.splines([2, 2, 1], intervals=3), 2)
    network = levels[-1].network
    problem = sk.LeastSquares(network, X, Y, smoothing=1e-5)
    theta = sk.initialize(network, 0, "greville")
    solver = sk.CG(PRECONDITIONERS[name](levels), tolerance=1e-10, iterations=500)
    ends = [
        sk.LevenbergMarquardt(solver=each).minimize(problem, theta, iterations=4)
        for each in (solver, sk.Cholesky())
    ]
    np.testing.assert_allclose(ends[0].history.loss, ends[1].history.loss, rtol=1e-5)


def test_a_solver_serves_all_levels_of_nested_iteration():
    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=2), 3)
    for preconditioner in (Deflation(levels), GaussNewtonBPX(levels), LayerBlocks(levels)):
        result = sk.nested_iteration(
            levels,
            lambda level: sk.LeastSquares(level.network, X, Y, reduction="mean"),
            sk.LevenbergMarquardt(solver=sk.CG(preconditioner)),
            [10, 5, 5],
            sk.initialize(levels.network, 0, "greville"),
        )
        assert result.value < 1e-5


@pytest.mark.parametrize("kind", [sk.BPX, sk.VCycle])
def test_preconditioners_of_a_single_matrix_are_refused(kind):
    with pytest.raises(
        TypeError, match=f"GaussNewtonBPX.* got an operator for a single matrix, {kind.__name__}"
    ):
        sk.CG(kind(np.eye(2), [np.ones((2, 1))]))


def test_users_preconditioners_are_called_as_before():
    calls = []

    def identity(J, damping):
        calls.append((J.shape, damping, J.scale.shape))
        return np.eye(J.shape[1])

    problem = sk.LeastSquares(sk.KAN.splines([2, 2, 1], intervals=2), X, Y)
    theta = sk.initialize(problem.network, 0, "greville")
    runs = [
        sk.LevenbergMarquardt(solver=sk.CG(each)).minimize(problem, theta, iterations=3)
        for each in (identity, None)
    ]
    assert len(calls) >= 3
    assert {shape for shape, _, _ in calls} == {(len(X), len(theta))}
    np.testing.assert_allclose(runs[0].theta, runs[1].theta, rtol=1e-9)


def test_preparation_is_shared_by_the_trials_of_a_linearisation():
    class Counting(GaussNewtonBPX):
        prepared_for, dampings = [], []

        def prepared(self, J):
            self.prepared_for.append(J)
            inverse = super().prepared(J)

            def counted(damping):
                self.dampings.append(damping)
                return inverse(damping)

            return counted

    levels = sk.Hierarchy(sk.KAN.splines([2, 3, 1], intervals=3), 2)
    problem = sk.LeastSquares(levels[1].network, X, Y)
    n = levels[1].network.n_parameters
    frame = Frame(problem, IdentityMap(), IdentityMap())
    equations = sk.CG(Counting(levels)).linearize(frame, frame.point(np.ones(n)), False)
    step = equations.damped(np.maximum(equations.columns, 1e-6))
    assert np.linalg.norm(step(0.1)) > np.linalg.norm(step(10.0))
    assert len(Counting.prepared_for) == 1
    assert Counting.dampings == [0.1, 10.0]


def test_deflation_needs_a_third_of_the_iterations_of_jacobi():
    """At the same ratio of levels; the right-hand side is random, the function the same on all levels."""
    levels = sk.Hierarchy(sk.KAN.splines([2, 4, 1], intervals=3), 4)
    x = np.random.default_rng(1).uniform(0, 1, (1500, 2))
    theta = sk.initialize(levels.network, 1, "greville")
    counts = {"jacobi": [], "deflation": []}
    for level in levels[1:]:
        theta = level.P @ theta
        J = scaled(sk.LeastSquares(level.network, x, np.zeros(1500)).linearized(theta)[2])
        b = J.rmatvec(np.random.default_rng(2).normal(size=1500))
        coarse = levels[level.index - 1].network.n_parameters
        for name, kind in (("jacobi", None), ("deflation", Deflation(levels, coarse))):
            inverse = None if kind is None else kind(J, 1e-4)
            counts[name].append(iterations(J, 1e-4, b, inverse, 300)[0][0])
    for jacobi, deflation in zip(counts["jacobi"], counts["deflation"], strict=True):
        assert deflation <= jacobi / 3, counts


def test_condition_from_lanczos(setting):
    levels, J, _, A = setting
    b = RNG.normal(size=len(A))
    for inverse in (None, GaussNewtonBPX(levels)(J, DAMPING)):
        counts, condition, made = iterations(J, DAMPING, b, inverse, 2000)
        B = np.eye(len(A)) if inverse is None else dense_of(inverse)
        values = np.sort(np.linalg.eigvals(B @ A).real)
        assert counts[0] <= counts[1] == made
        assert condition == pytest.approx(values[-1] / values[0], rel=0.02)
    assert iterations(J, DAMPING, b, None, 2)[0] == [None, None]


def test_preconditioned_spectrum(setting):
    levels, _, _, _ = setting
    network = levels[-1].network
    objective = sk.LeastSquares(network, X, Y, smoothing=1e-6)
    theta = 0.3 * np.random.default_rng(11).normal(size=network.n_parameters)
    J = scaled(objective.linearized(theta)[2])
    dense = J.jacobian.toarray() / J.scale
    mu = 1e-4 * np.linalg.norm(dense, 2) ** 2
    A = dense.T @ dense + mu * np.eye(len(theta))
    coarse = levels[-2].network.n_parameters
    for kind in (None, GaussNewtonBPX(levels), LayerBlocks(levels), Deflation(levels, coarse)):
        B = np.eye(len(A)) if kind is None else dense_of(kind(J, mu))
        expected = np.sort(np.linalg.eigvals(B @ A).real)[::-1]
        found = preconditioned_spectrum(objective, theta, kind, 1e-4)
        if isinstance(kind, Deflation):
            assert len(found) == len(A) - coarse
            expected = expected[: len(found)]  # the others are 0
            assert found.largest == pytest.approx(expected[0], rel=1e-5)
            assert found.least == pytest.approx(expected[-1], rel=1e-5)
        else:
            np.testing.assert_allclose(found.values, expected, rtol=1e-5)


def test_spectrum_refuses():
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=3), 2)
    objective = sk.LeastSquares(levels[1].network, X, Y)
    theta = np.zeros(levels[1].network.n_parameters)
    skew = np.triu(np.ones((len(theta), len(theta))))
    for call, message in (
        (lambda: preconditioned_spectrum(3, theta), "objective must be"),
        (lambda: preconditioned_spectrum(objective, theta[:-1]), "theta must have"),
        (lambda: preconditioned_spectrum(objective, theta, 3), "preconditioner must be callable"),
        (lambda: preconditioned_spectrum(objective, theta, damping=0.0), "damping must be positive"),
        (lambda: preconditioned_spectrum(objective, theta, lambda J, d: skew), "must be symmetric"),
        (lambda: preconditioned_spectrum(objective, theta, lambda J, d: -np.eye(len(theta))), "definite"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


def test_refusals(setting):
    levels, J, _, _ = setting
    other = sk.Hierarchy(sk.KAN.splines([2, 5, 1], intervals=7), 2)
    for kind in (GaussNewtonBPX, Deflation, LayerBlocks):
        with pytest.raises(ValueError, match=r"levels must hold a network with \d+ parameters"):
            kind(other).prepared(J)
        with pytest.raises(TypeError, match="must be of type"):
            kind(3)
        with pytest.raises(TypeError, match="J must be of type ScaledJacobian"):
            kind(levels).prepared(np.eye(3))
    with pytest.raises(ValueError, match="network must have"):
        LayerBlocks(other[0].network).prepared(J)
    for call in (
        lambda: GaussNewtonBPX(levels, decay=0.0),
        lambda: GaussNewtonBPX(levels, coarse="exact"),
        lambda: Deflation(levels, 0),
        lambda: Deflation(levels, 2.5),
        lambda: Nystrom(0),
        lambda: Nystrom(3, seed=-1),
        lambda: Deflation(levels).coarse_level(1),
    ):
        with pytest.raises((TypeError, ValueError)):
            call()


def test_other_coordinates_are_refused():
    levels = sk.Hierarchy(sk.KAN.splines([2, 1], intervals=3), 2)
    problem = sk.LeastSquares(levels[1].network, X, Y)
    optimizer = sk.LevenbergMarquardt(geometry="relu", solver=sk.CG(GaussNewtonBPX(levels)))
    with pytest.raises(ValueError, match="geometry=None"):
        optimizer.minimize(problem, np.zeros(levels[1].network.n_parameters), iterations=1)


def test_pickles_hold_no_tables():
    levels, J, _, _ = equations(LEVELS["uniform"]())
    for kind in (GaussNewtonBPX(levels), Deflation(levels, levels[1].network.n_parameters)):
        before = pickle.dumps(kind)
        found = dense_of(kind(J, DAMPING))
        assert len(pickle.dumps(kind)) <= 2 * len(before)
        assert_close(dense_of(pickle.loads(before)(J, DAMPING)), found, 1e-12)


def test_indefinite_by_rounding():
    matrix = np.diag([1.0, 1e-3, -1e-18])
    lower = factored(matrix, 0.0)
    assert np.isfinite(scipy.linalg.cho_solve(lower, np.ones(3))).all()


def test_study(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(study.QUICK, "samples", 300)
    monkeypatch.setitem(study.QUICK, "rows", ("regression",))
    monkeypatch.setitem(study.QUICK, "limit", 10)
    record, figure = tmp_path / "g.json", tmp_path / "g.png"
    arguments = ["study", "gauss-newton-cg", "--quick", "--json", str(record), "--figure", str(figure)]
    assert cli.main(arguments) == 0
    assert "s to the loss of CG()" in capsys.readouterr().out
    found = json.loads(record.read_text())
    keys = {"problem", "intervals", "parameters", "damping", "preconditioner", "iterations", "condition"}
    assert all(keys <= set(row) for row in found["rows"])
    names = {row["preconditioner"] for row in found["rows"]}
    assert {"none", "jacobi", "bpx", "deflation", "layer blocks", "nystrom", "Kronecker"} <= names
    assert {row["solver"] for row in found["training"]} >= {"CG()", "CG(Deflation)", "Cholesky()"}
    assert figure.stat().st_size > 10_000


def test_study_refuses():
    for call, message in (
        (lambda: study.run(seeds=()), "seeds must name"),
        (lambda: study.run(rows=["poisson"]), r"rows\[0\] must be one of"),
        (lambda: study.run(levels=0), "levels must be between"),
        (lambda: study.run(dampings=[0.0]), r"dampings\[0\] must be positive"),
        (lambda: study.run(share=2.0), "share must be"),
        (lambda: study.run(samples=10), "samples must be at least"),
        (lambda: study.run(limit=0), "limit must be at least"),
        (lambda: study.run(progress=1), "progress must be True or False"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call()


@pytest.mark.parametrize("kind", [Deflation, GaussNewtonBPX, LayerBlocks])
def test_coefficients_without_samples_stay(kind):
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], degree=1, intervals=4), 2)
    x = np.random.default_rng(0).uniform(0, 0.55, (200, 1))
    problem = sk.LeastSquares(levels[1].network, x, np.sin(5 * x), reduction="mean")
    start = np.ones(levels[1].network.n_parameters)
    solver = sk.CG(preconditioner=kind(levels), tolerance=1e-10, iterations=500)
    step = sk.LevenbergMarquardt(solver=solver, damping=1e-3)
    exact = sk.LevenbergMarquardt(solver=sk.SVD(), damping=1e-3)
    found, want = (each.minimize(problem, start, iterations=1).theta for each in (step, exact))
    assert np.array_equal(found[-3:], start[-3:])
    assert np.allclose(found, want, rtol=1e-7)
