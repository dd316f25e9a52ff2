"""BPX and V-cycles against dense linear algebra: definition, symmetry, definiteness, level independence."""

import numpy as np
import pytest
import scipy
from scipy.sparse.linalg import LinearOperator, cg

import splinekan as sk
from splinekan.multilevel import Chebyshev, GaussSeidel, Jacobi, KroneckerSum, spline_prolongations
from splinekan.multilevel.galerkin import CoarseSolver, new_unknowns

SMOOTHERS = ("jacobi", "gauss-seidel", "chebyshev", GaussSeidel(symmetric=True), Chebyshev(1), Jacobi(1.9))
MATRICES = ("mass", "H1", "stiffness", "damped stiffness", "free stiffness")


def spaces(degree, levels, intervals=4):
    knots = [sk.KnotVector.clamped(np.linspace(0, 1, intervals + 1), degree)]
    for _ in range(levels - 1):
        knots.append(knots[-1].refine())
    return knots


def locally_refined(degree, levels):
    """Knots refined in the first interval alone."""
    knots = [sk.KnotVector.clamped(np.linspace(0, 1, 7), degree)]
    for _ in range(levels - 1):
        knots.append(knots[-1].refine([0, 1]))
    return knots


def problem(kind, knots):
    M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
    if kind == "stiffness":
        return scipy.sparse.csr_array(K[1:-1, 1:-1]), spline_prolongations(knots, "zero")
    n = M.shape[0]
    damped = K + 0.3 * scipy.sparse.eye_array(n)
    matrices = {"mass": M, "H1": K + M, "damped stiffness": damped, "free stiffness": K}
    return scipy.sparse.csr_array(matrices[kind]), spline_prolongations(knots)


def eigenvalues(A, B):
    """Of B A, ascending, from the pencil A B A x = lambda A x on the range of A."""
    dense = np.asarray(A.toarray())
    values, vectors = np.linalg.eigh(dense)
    kept = values > 1e-11 * values[-1]
    root = vectors[:, kept] * np.sqrt(values[kept])
    return np.linalg.eigvalsh(root.T @ B.toarray() @ root)


def condition(A, B):
    values = eigenvalues(A, B)
    return values[-1] / values[0]


def iterations(A, B, tolerance=1e-8):
    count = 0

    def step(_):
        nonlocal count
        count += 1

    b = np.random.default_rng(0).normal(size=A.shape[0])
    x, info = cg(A, b, rtol=tolerance, maxiter=3000, M=B, callback=step)
    assert info == 0
    assert np.linalg.norm(b - A @ x) <= 1.01 * tolerance * np.linalg.norm(b)
    return count


def finest_with(P, level, j):
    """The finest level that has function j of a level as it is."""
    column = np.eye(P[level].shape[1] if level < len(P) else P[-1].shape[0])[j]
    while level < len(P):
        column = P[level] @ column
        if not (column.max() == 1.0 and (column != 0).sum() == 1):
            break
        level += 1
    return level


@pytest.mark.parametrize("knots", [spaces(3, 3), locally_refined(2, 4)], ids=["uniform", "local"])
@pytest.mark.parametrize("decay", [1.0, 0.5, 0.0])
def test_bpx_is_the_sum_of_its_definition(knots, decay):
    A, P = problem("H1", knots)
    dense = A.toarray()
    total, lift = np.zeros_like(dense), np.eye(len(dense))

    def weights(level):
        return np.array([decay ** (len(P) - finest_with(P, level, j)) for j in range(lift.shape[1])])

    for level in range(len(P), 0, -1):
        D = np.diag(lift.T @ dense @ lift)
        columns = P[level - 1].toarray()
        same = [np.flatnonzero(c)[0] for c in columns.T if (c != 0).sum() == 1 and c.max() == 1.0]
        scale = weights(level) / D
        scale[same] = 0.0
        total += lift @ np.diag(scale) @ lift.T
        lift = lift @ columns
    root = np.diag(np.sqrt(weights(0)))
    total += lift @ root @ np.linalg.inv(lift.T @ dense @ lift) @ root @ lift.T
    B = sk.BPX(A, knots, decay=decay)
    np.testing.assert_allclose(B.toarray(), total, rtol=1e-12, atol=1e-13 * abs(total).max())
    assert B.n_levels == len(knots)
    assert B.sizes == tuple(t.n_basis for t in knots)


@pytest.mark.parametrize("smoother", SMOOTHERS, ids=str)
def test_a_v_cycle_is_the_product_of_its_steps(smoother):
    """I - B A = (I - S^T A)(I - P B' P^T A)(I - S A) with S from the definition of the sweep."""
    A, P = problem("H1", spaces(2, 3))
    steps = 2
    B = sk.VCycle(A, P, smoother, steps)
    method = smoother if not isinstance(smoother, str) else None
    matrices = [A.toarray()]
    for each in reversed(P):
        matrices.append(each.T @ matrices[-1] @ each)
    matrices.reverse()
    cycle = np.linalg.inv(matrices[0])
    for level in range(1, len(matrices)):
        dense, along = matrices[level], P[level - 1].toarray()
        one = np.eye(len(dense))
        if smoother == "gauss-seidel":
            S = np.linalg.inv(np.tril(dense))
        elif isinstance(smoother, GaussSeidel):
            L = np.tril(dense)
            S = np.linalg.inv(L.T) @ np.diag(np.diag(dense)) @ np.linalg.inv(L)
        else:  # the polynomials have tests of their own
            named = {"jacobi": Jacobi(), "chebyshev": Chebyshev()}
            sweep = (method or named[smoother]).on(scipy.sparse.csr_array(dense))
            S = np.stack([sweep.apply(e) for e in one], axis=1)
        before = np.linalg.matrix_power(one - S @ dense, steps)
        after = np.linalg.matrix_power(one - S.T @ dense, steps)
        error = after @ (one - along @ cycle @ along.T @ dense) @ before
        cycle = (one - error) @ np.linalg.inv(dense)
    np.testing.assert_allclose(B.toarray(), cycle, rtol=1e-9, atol=1e-11 * abs(cycle).max())


@pytest.mark.parametrize("kind", MATRICES)
@pytest.mark.parametrize("degree", [1, 2, 5])
def test_both_are_symmetric_and_positive_definite(kind, degree):
    A, P = problem(kind, spaces(degree, 3))
    for B in (sk.BPX(A, P), sk.BPX(A, P, decay=0.5), *(sk.VCycle(A, P, s) for s in SMOOTHERS)):
        dense = B.toarray()
        assert isinstance(B, LinearOperator)
        assert abs(dense - dense.T).max() <= 1e-14 * len(dense) * abs(dense).max()
        assert np.linalg.eigvalsh((dense + dense.T) / 2)[0] > -1e-13 * abs(dense).max()
        values = eigenvalues(A, B)
        assert values[0] > 1e-5
        if isinstance(B, sk.VCycle):  # the cycle as an iteration converges, from below
            assert values[-1] <= 1 + 1e-10


@pytest.mark.parametrize("kind", ["H1", "stiffness"])
@pytest.mark.parametrize("degree", [1, 3])
def test_iterations_do_not_grow_with_the_levels(kind, degree):
    for make, growth in (
        (lambda A, P: sk.VCycle(A, P, "jacobi"), 1),
        (lambda A, P: sk.VCycle(A, P, "gauss-seidel"), 1),
        (lambda A, P: sk.VCycle(A, P, "chebyshev"), 1),
        (lambda A, P: sk.BPX(A, P), 4),
    ):
        few, many = (iterations(A, make(A, P)) for A, P in (problem(kind, spaces(degree, n)) for n in (6, 9)))
        assert many <= few + growth
    A, _ = problem(kind, spaces(degree, 9))
    assert many < iterations(A, None) / 10


def test_the_iterations_of_a_stationary_cycle_follow_its_eigenvalues():
    A, P = problem("stiffness", spaces(3, 5))
    B = sk.VCycle(A, P, "jacobi")
    rho = 1 - eigenvalues(A, B)[0]
    x = np.random.default_rng(1).normal(size=A.shape[0])
    norms = []
    for _ in range(40):
        x = x - B @ (A @ x)
        norms.append(np.sqrt(x @ (A @ x)))
    assert norms[-1] / norms[-2] == pytest.approx(rho, rel=1e-3)


@pytest.mark.parametrize("degree", [1, 3])
def test_on_a_mass_matrix_bpx_grows_with_the_levels_unless_weighted(degree):
    plain, weighted, finest, bounds = [], [], [], []
    for levels in (2, 4, 6):
        A, P = problem("mass", spaces(degree, levels))
        plain.append(condition(A, sk.BPX(A, P)))
        weighted.append(condition(A, sk.BPX(A, P, decay=0.5)))
        finest.append(condition(A, sk.BPX(A, P, decay=0.0)))
        bounds.append(levels / (degree + 1))
    assert (np.array(plain) >= bounds).all()  # claim bpx-mass-growth
    growth = np.diff(plain)
    assert growth[1] == pytest.approx(growth[0], rel=0.3)
    assert growth[1] > 0.2 * plain[0]
    assert weighted[2] < 1.15 * weighted[1]
    assert (np.array(weighted) <= 2 * np.array(finest) * (1 + 1e-12)).all()


@pytest.mark.parametrize("degree", [1, 3])
def test_local_refinement_is_as_good_as_uniform_refinement(degree):
    knots = locally_refined(degree, 9)
    widths = np.diff(knots[-1].breakpoints)
    assert widths.max() / widths.min() == pytest.approx(256)
    A, P = problem("stiffness", knots)
    uniform, Q = problem("stiffness", spaces(degree, 9))
    for make in (
        lambda A, P: sk.BPX(A, P),
        lambda A, P: sk.VCycle(A, P),
        lambda A, P: sk.VCycle(A, P, unknowns="new"),
    ):
        assert iterations(A, make(A, P)) <= 1.5 * iterations(uniform, make(uniform, Q)) + 2
    assert condition(A, sk.BPX(A, P)) < 2 * condition(A, sk.BPX(A, P[4:])) + 10


def test_functions_that_a_level_shares_with_the_level_below_are_not_new():
    knots = locally_refined(2, 2)
    P = sk.prolongation(*knots)
    x = np.linspace(0, 1, 301)
    fine, coarse = (
        np.stack([sk.Spline(t, c)(x) for c in np.eye(t.n_basis)], axis=1) for t in (knots[1], knots[0])
    )
    new = [i for i, f in enumerate(fine.T) if np.abs(f[:, None] - coarse).max(axis=0).min() > 1e-12]
    np.testing.assert_array_equal(new_unknowns(P), new)
    assert 0 < len(new) < knots[1].n_basis
    both = new_unknowns(KroneckerSum([(P, P)]))
    mask = np.zeros(knots[1].n_basis, dtype=bool)
    mask[new] = True
    np.testing.assert_array_equal(both, np.flatnonzero((mask[:, None] | mask).ravel()))


@pytest.mark.parametrize("smoother", ["jacobi", "gauss-seidel", "chebyshev"])
def test_kronecker_products_are_the_assembled_matrices(smoother):
    knots = spaces(2, 3)
    M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
    A = KroneckerSum([(K, M), (M, K), (M, M)])
    P = [(each, each) for each in spline_prolongations(knots)]
    assembled = A.tocsr()
    full = [scipy.sparse.kron(each, each) for each, _ in P]
    pairs = [(sk.BPX(A, P), sk.BPX(assembled, full))]
    pairs += [(sk.VCycle(A, P, smoother), sk.VCycle(assembled.toarray(), full, smoother))]
    pairs += [(sk.VCycle(assembled, P, smoother), sk.VCycle(A, full, smoother))]
    # The row sums of a sum of products are bounds only, which the scaling of Jacobi and Chebyshev may show.
    v = np.random.default_rng(0).normal(size=A.shape[0])
    for left, right in pairs:
        np.testing.assert_allclose(left @ v, right @ v, rtol=1e-10, atol=1e-12 * abs(right @ v).max())


def test_a_kronecker_sum_in_three_dimensions_is_its_dense_form():
    rng = np.random.default_rng(0)
    A = KroneckerSum([[rng.normal(size=s) for s in ((2, 3), (4, 2), (3, 5))] for _ in range(2)])
    dense = sum(np.kron(np.kron(a.toarray(), b.toarray()), c.toarray()) for a, b, c in A.terms)
    np.testing.assert_allclose(A.toarray(), dense, atol=1e-14)
    np.testing.assert_allclose(A.T @ np.eye(24), dense.T, atol=1e-14)
    np.testing.assert_allclose(A.tocsr().toarray(), dense, atol=1e-14)
    square = KroneckerSum([[rng.normal(size=(3, 3)), rng.normal(size=(2, 2))] for _ in range(2)])
    np.testing.assert_allclose(square.diagonal(), np.diag(square.toarray()), atol=1e-14)
    assert (square.absolute_row_sums() >= abs(square.toarray()).sum(axis=1) - 1e-14).all()
    P = KroneckerSum([[rng.normal(size=(3, 2)), rng.normal(size=(2, 2))]])
    want = P.toarray().T @ square.toarray() @ P.toarray()
    np.testing.assert_allclose(square.galerkin(P).toarray(), want, atol=1e-13)


def test_two_dimensions():
    counts = []
    for levels in (4, 6):
        knots = spaces(2, levels)
        M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
        M, K = (scipy.sparse.csr_array(each[1:-1, 1:-1]) for each in (M, K))
        A = KroneckerSum([(K, M), (M, K)])
        P = [(each, each) for each in spline_prolongations(knots, "zero")]
        counts.append(
            [iterations(A, sk.BPX(A, P)), *(iterations(A, sk.VCycle(A, P, s)) for s in SMOOTHERS[:3])]
        )
    few, many = np.array(counts)
    assert (many <= 1.2 * few + 2).all()


def test_a_hierarchy_of_networks_gives_the_prolongations():
    levels = sk.Hierarchy(sk.KAN.splines([1, 1], degree=2, intervals=2), 4)
    x = np.random.default_rng(0).uniform(0, 1, (300, 1))
    network = levels[-1].network
    J = network.jacobian(np.zeros(network.n_parameters), x).toarray()
    A = J.T @ J + 1e-3 * np.eye(network.n_parameters)
    B = sk.VCycle(A, levels)
    np.testing.assert_allclose(B.toarray(), sk.VCycle(A, [each.P for each in levels[1:]]).toarray())
    assert iterations(A, B) < iterations(A, None)


class Normal:
    """J^T J + damping by products: a Galerkin matrix of one's own."""

    def __init__(self, J, damping):
        self.J, self.damping = J, damping
        self.shape = damping.shape

    def matvec(self, v):
        return self.J.T @ (self.J @ v) + self.damping @ v

    def diagonal(self):
        return (self.J**2).sum(axis=0) + np.diag(self.damping)

    def galerkin(self, P):
        return Normal(self.J @ P, P.T @ self.damping @ P)

    def toarray(self):
        return self.J.T @ self.J + self.damping


def test_a_matrix_known_by_products_is_enough():
    knots = spaces(2, 3)
    rng = np.random.default_rng(0)
    n = knots[-1].n_basis
    A = Normal(rng.normal(size=(50, n)), np.eye(n))
    dense = A.toarray()
    np.testing.assert_allclose(
        sk.BPX(A, knots).toarray(), sk.BPX(dense, knots).toarray(), rtol=1e-9, atol=1e-12
    )
    assert condition(dense_like(dense), sk.VCycle(A, knots, Chebyshev(4))) < np.linalg.cond(dense)
    with pytest.raises(TypeError, match="must have entries for Gauss-Seidel"):
        sk.VCycle(A, knots, "gauss-seidel")
    with pytest.raises(TypeError, match="unknowns must be 'all'"):
        sk.VCycle(A, knots, "jacobi", unknowns=[None, [0], [0]])


def dense_like(matrix):
    return scipy.sparse.csr_array(matrix)


def test_a_singular_matrix_is_solved_on_its_range():
    A, P = problem("free stiffness", spaces(2, 6))
    rng = np.random.default_rng(0)
    want = rng.normal(size=A.shape[0])
    want -= want.mean()  # constants are the null space
    for B in (sk.BPX(A, P), *(sk.VCycle(A, P, s) for s in SMOOTHERS)):
        x, info = cg(A, A @ want, rtol=1e-10, M=B, maxiter=80)
        assert info == 0
        np.testing.assert_allclose(x - x.mean(), want, atol=1e-6)
    coarse = CoarseSolver(problem("free stiffness", spaces(2, 1))[0])
    assert coarse.null == 1


def test_rows_of_zeros_are_left_alone():
    A, P = problem("mass", spaces(1, 3))
    dense = A.toarray()
    dense[5] = dense[:, 5] = 0.0
    for B in (sk.BPX(dense, P), *(sk.VCycle(dense, P, s) for s in SMOOTHERS)):
        r = dense @ np.ones(len(dense))
        x, info = cg(dense, r, rtol=1e-10, M=B, maxiter=200)
        assert info == 0
        np.testing.assert_allclose(dense @ x, r, atol=1e-8)


def test_unknowns_that_no_level_lists_stay_fixed():
    knots = spaces(3, 3)
    K = sk.gram_matrix(knots[-1], derivative=1)
    inner = [np.arange(1, t.n_basis - 1) for t in knots]
    A, P = problem("stiffness", knots)
    B = sk.VCycle(K, knots, unknowns=inner).toarray()
    assert not B[0].any()
    assert not B[-1].any()
    np.testing.assert_allclose(B[1:-1, 1:-1], sk.VCycle(A, P).toarray(), rtol=1e-9, atol=1e-11)


def test_a_single_level_is_solved_exactly():
    A, _ = problem("H1", spaces(2, 1))
    for B in (sk.BPX(A, []), sk.VCycle(A, []), sk.BPX(A, spaces(2, 1))):
        np.testing.assert_allclose(B.toarray() @ A.toarray(), np.eye(A.shape[0]), atol=1e-10)


def test_large_coarse_matrices_are_factored(monkeypatch):
    monkeypatch.setattr("splinekan.multilevel.galerkin.DENSE", 5)
    A, P = problem("H1", spaces(2, 3))
    for matrix in (A, A.toarray()):
        B = sk.BPX(matrix, P)
        monkeypatch.undo()
        np.testing.assert_allclose(B.toarray(), sk.BPX(A, P).toarray(), rtol=1e-9, atol=1e-11)
        monkeypatch.setattr("splinekan.multilevel.galerkin.DENSE", 5)
    singular, _ = problem("free stiffness", spaces(2, 3))
    for matrix in (singular, singular.toarray() - 1e-9 * np.eye(18)):
        with pytest.raises(ValueError, match="coarsest matrix must be positive definite"):
            sk.BPX(matrix, [])


GOOD = problem("mass", spaces(1, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": np.ones((2, 3))}, "matrix must be square"),
        ({"matrix": np.triu(np.ones((9, 9)))}, "matrix must be symmetric"),
        ({"matrix": -np.eye(9)}, "matrix must be positive semidefinite"),
        ({"matrix": np.full((9, 9), np.nan)}, "matrix must be finite"),
        ({"matrix": scipy.sparse.csr_array(np.diag([np.nan] * 9))}, "matrix's entries must be finite"),
        ({"matrix": "A"}, "matrix must be an array"),
        ({"prolongations": 3}, "prolongations must be a sequence"),
        ({"prolongations": [np.ones((4, 2))]}, "must have 9 rows"),
        ({"prolongations": [np.ones((4, 2)), np.ones((9, 3))]}, "must have 3 rows"),
        ({"prolongations": [spaces(1, 1)[0], spaces(1, 1, 3)[0]]}, "is not nested"),
        ({"prolongations": [spaces(1, 1)[0]]}, "must have 9 basis functions"),
        ({"prolongations": [KroneckerSum([(np.eye(3), np.eye(3))] * 2)]}, "single term"),
        ({"matrix": np.diag(np.r_[np.ones(8), 1]) - 0.5 + 0.5 * np.eye(9)}, "positive semidefinite"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    given = {"matrix": GOOD[0], "prolongations": GOOD[1]} | arguments
    for kind in (sk.BPX, sk.VCycle):
        with pytest.raises((TypeError, ValueError), match=message):
            kind(**given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"smoother": "sor"}, "smoother must be one of 'jacobi', 'gauss-seidel', 'chebyshev'"),
        ({"smoother": Jacobi}, "or a smoother such as Jacobi"),
        ({"smoother": None}, "or a smoother such as Jacobi"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"unknowns": "old"}, "unknowns must be one of 'all', 'new'"),
        ({"unknowns": [None]}, "unknowns must have 2 entries"),
        ({"unknowns": [None, [0.5]]}, r"unknowns\[1\] must hold indices"),
        ({"unknowns": [None, [9]]}, r"unknowns\[1\] must hold indices from 0 to 8"),
        ({"unknowns": [None, [1, 1]]}, r"unknowns\[1\] must hold different indices"),
    ],
)
def test_bad_options_of_a_cycle_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sk.VCycle(*GOOD, **arguments)
    with pytest.raises(ValueError, match="decay must be in"):
        sk.BPX(*GOOD, decay=1.5)


def test_prolongations_of_splines_check_their_knots():
    assert spline_prolongations([spaces(1, 1)[0]]) == []
    with pytest.raises(ValueError, match="boundary must be one of 'free', 'zero'"):
        spline_prolongations(spaces(1, 2), "periodic")
    with pytest.raises(ValueError, match="must be clamped"):
        spline_prolongations([sk.KnotVector.uniform(0, 1, 4, 2)], "zero")
    with pytest.raises(ValueError, match=r"knots\[1\] is not nested in knots\[2\]"):
        spline_prolongations([*spaces(1, 2), spaces(1, 1, 3)[0]])
    with pytest.raises(ValueError, match="terms\\[1\\] must have factors of the shapes"):
        KroneckerSum([(np.eye(2), np.eye(2)), (np.eye(2), np.eye(3))])


@pytest.mark.parametrize("derivative", [0, 1])
def test_decay_zero_is_jacobi_on_locally_refined_levels(derivative):
    knots = [sk.KnotVector.clamped(np.linspace(0, 1, 5), 3)]
    for at in ([0.125], [0.0625, 0.9]):
        knots.append(knots[-1].insert(at))
    A = sk.gram_matrix(knots[-1]) + derivative * sk.gram_matrix(knots[-1], derivative=1)
    for decay in (0.0, 0.5, 1.0):
        B = sk.BPX(A, knots, decay=decay).toarray()
        assert np.linalg.eigvalsh(B)[0] > 0
        assert np.allclose(B, B.T, rtol=0, atol=1e-12 * np.abs(B).max())
    x, info = scipy.sparse.linalg.cg(A, np.ones(len(B)), rtol=1e-10, M=sk.BPX(A, knots, decay=0.0))
    assert info == 0
    assert np.allclose(A @ x, 1.0, atol=1e-8)
