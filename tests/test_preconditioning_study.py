"""The study of preconditioning and its command."""

import json

import numpy as np
import pytest
from scipy.sparse.linalg import cg

import splinekan as sk
from splinekan import cli
from splinekan.studies.preconditioning import problems
from splinekan.studies.preconditioning import study as preconditioning
from splinekan.studies.preconditioning.factors import basis_factor, factor

SMALL = {"degrees": (1, 2), "levels": (3, 5), "unknowns": 400}


@pytest.fixture(scope="module")
def study():
    return preconditioning.run(**SMALL)


def line(study, **wanted):
    return [row for row in study.rows if all(getattr(row, k) == v for k, v in wanted.items())]


def test_every_system_is_solved_in_every_way(study):
    ways = len(problems.PRECONDITIONERS)
    assert len(line(study, dimension=1)) == 3 * 2 * 2 * ways
    assert len(line(study, dimension=2)) == 3 * 2 * ways  # 5 levels are larger
    assert all(row.iterations is not None and row.condition >= 1 for row in study.rows)
    assert all(row.unknowns <= 400 for row in study.rows)
    for row in line(study, preconditioner="v-gauss-seidel"):
        (plain,) = line(
            study,
            preconditioner="none",
            matrix=row.matrix,
            dimension=row.dimension,
            degree=row.degree,
            levels=row.levels,
        )
        assert row.iterations < plain.iterations
        assert row.condition < plain.condition


@pytest.mark.parametrize("matrix", problems.MATRICES)
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("way", ["none", "jacobi", "bpx", "v-jacobi"])
def test_counts_are_scipys_and_condition_numbers_those_of_dense_matrices(matrix, dimension, way):
    problem = problems.system(matrix, dimension, 2, 3)
    inverse = problems.preconditioner(way, problem)
    b = np.random.default_rng(0).normal(size=problem.unknowns)
    found = problems.conjugate_gradients(problem.matrix, inverse, b, 1e-8, 1000)
    count = 0

    def step(_):
        nonlocal count
        count += 1

    A = problem.matrix.toarray()
    _, info = cg(A, b, rtol=1e-8, M=inverse, callback=step)
    assert info == 0
    assert abs(found.iterations - count) <= 1
    root = np.linalg.cholesky(A)
    B = np.eye(len(A)) if inverse is None else inverse @ np.eye(len(A))
    values = np.linalg.eigvalsh(root.T @ B @ root)
    assert found.condition == pytest.approx(values[-1] / values[0], rel=0.02)
    few = problems.conjugate_gradients(problem.matrix, inverse, b, 1e-8, 3)
    assert few.iterations is None
    assert np.isnan(few.condition)


@pytest.mark.parametrize("matrix", problems.MATRICES)
@pytest.mark.parametrize("dimension", [1, 2])
def test_sizes_are_counted_before_matrices_are_made(matrix, dimension):
    for degree in (1, 4):
        assert problems.system(matrix, dimension, degree, 3).unknowns == problems.size(
            matrix, dimension, degree, 3
        )


def test_factors_are_near_their_predictions():
    for matrix in ("mass", "stiffness"):
        for smoother in ("jacobi", "chebyshev"):
            row = factor(matrix, 1, 1, smoother)
            assert row.two_grid_measured == pytest.approx(row.two_grid, abs=0.01)
            assert row.cycle_measured == pytest.approx(row.cycle, abs=0.01)


@pytest.mark.parametrize("smoother", ["jacobi", "gauss-seidel"])
def test_sweeps_in_relu_coordinates_do_not_smooth(smoother):
    rows = [basis_factor(1, smoother, count) for count in (4, 8, 16)]
    assert max(row.spline for row in rows) < 0.35
    gaps = np.array([row.relu_gap for row in rows])
    assert (gaps > 0).all()
    assert (gaps[:-1] / gaps[1:] > 6).all()  # G^-4 for Jacobi, G^-3 for Gauss-Seidel
    # The sweep in the ReLU basis from its own matrices, as a slow twin.
    coarse = sk.KnotVector.uniform(0, 1, 4, 1)
    fine = coarse.refine()
    M = sk.gram_matrix(fine, basis="relu")
    P = sk.prolongation(coarse, fine, basis="relu").toarray()
    B = sk.VCycle(M, [P], smoother).toarray()
    values = np.linalg.eigvals(np.eye(len(M)) - B @ M)
    assert abs(values).max() == pytest.approx(1 - gaps[0], abs=1e-9)


def test_the_table_and_the_record_hold_every_row(study):
    text = study.table()
    assert "iterations of conjugate gradients to 1e-08" in text
    assert text.count("v-chebyshev") == 3 * 2 * 2
    record = study.record()
    assert len(record["rows"]) == len(study.rows)
    assert set(record["rows"][0]) >= {
        "matrix",
        "dimension",
        "degree",
        "levels",
        "preconditioner",
        "iterations",
        "condition",
    }
    assert len(record["factors"]) == len(study.factors) == 2 * 2 * 2 * 3
    short = preconditioning.run(degrees=(1,), levels=(4,), dimensions=(1,), matrices=("H1",), limit=4)
    assert "-" in short.table().splitlines()[2]
    assert short.record()["rows"][0]["iterations"] is None
    assert short.record()["rows"][0]["condition"] is None


def test_the_command_writes_the_rows(tmp_path, capsys):
    path = tmp_path / "p.json"
    options = ["--degrees", "1", "--levels", "3", "--unknowns", "50", "--preconditioners", "none", "bpx"]
    assert cli.main(["study", "preconditioning", *options, "--json", str(path)]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert {row["preconditioner"] for row in rows} == {"none", "bpx"}
    assert "matrix" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degrees": ()}, "degrees must not be empty"),
        ({"degrees": (10,)}, r"degrees\[0\] must be between 1 and 9"),
        ({"degrees": (1, 1)}, "degrees must differ"),
        ({"levels": (1,)}, r"levels\[0\] must be between 2"),
        ({"dimensions": (3,)}, r"dimensions\[0\] must be between 1 and 2"),
        ({"matrices": ("A",)}, r"matrices\[0\] must be one of"),
        ({"preconditioners": ("ilu",)}, r"preconditioners\[0\] must be one of"),
        ({"unknowns": 16, "levels": (5,)}, "unknowns must admit a system"),
        ({"unknowns": 10**14}, "would take"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"tolerance": 0.0}, "tolerance must be positive"),
        ({"progress": 1}, "progress must be True or False"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError, MemoryError), match=message):
        preconditioning.run(**arguments)
