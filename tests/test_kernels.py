"""The kernels as plain Python and with checked indices: the same numbers, and no access out of bounds."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from cases import networks

import splinekan as sk
from splinekan.kernels import bspline
from splinekan.network.jets import Jets
from splinekan.network.layer import Directions
from splinekan.splines.pp_form import local_pieces

SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, {here!r})
from test_kernels import everything
np.savez({out!r}, *everything({few}))
"""


def everything(few=False):
    """What every kernel computes, on small networks, in both bases and all continuations.

    `few` leaves out degrees for which kernels would only be compiled once more: all but cubic splines remain,
    and beside them only what has kernels of its own.
    """
    rng = np.random.default_rng(11)
    found = []
    nets = networks()
    if few:
        for name in ("quintic", "periodic"):  # other degrees of the same kernels
            del nets[name]
        knots = sk.KnotVector.uniform(0, 1, 4, 3)
        nets["tensor"] = sk.KAN.chain(
            [sk.Affine(2, 2), sk.TensorSplineLayer([knots, knots], 2, "linear"), sk.SplineLayer(2, 2, knots)]
        )
    for net in nets.values():
        x, y = rng.uniform(-0.3, 1.3, (9, 2)), rng.normal(size=(9, 2))
        theta, v = 0.5 * rng.normal(size=(2, net.n_parameters))
        with warnings.catch_warnings():  # continuation is tested too
            warnings.simplefilter("ignore", sk.DomainWarning)
            objective = sk.LeastSquares(net, x, y)
        found += [net(theta, x), net.jvp(theta, x, v), net.vjp(theta, x, y)]
        found += [net.jacobian(theta, x).toarray(), objective.hessian_product(theta, v)]
        found += list(objective.normal_equations(theta)[1:])
        directions = Directions((4, 1))
        channels = rng.normal(size=(9, directions.channels, 2))
        channels[:, 0] = x
        at = Jets.of(net, theta, channels, directions)
        v = rng.normal(size=at.output.shape)
        found += [at.output, at.vjp(v), at.rows(v).toarray()]
        found.append(sk.LBFGS(memory=2).minimize(objective, theta, iterations=4).theta)
    for degree in (3,) if few else (0, 1, 3, 7):
        knots = sk.uniform_knots(0, 1, 3, degree)
        ends = [-1e300, 0, np.nextafter(0, 1), 1 / 3, np.nextafter(1, 0), 1, 1.5]
        for basis in (sk.BSplineBasis(knots, degree, "clamp"), sk.PowerReLUBasis(knots, degree, "clamp")):
            found.append(basis.evaluate(np.arange(3.0 + degree), ends))
            found.append(basis.tabulate(ends, derivative=min(degree, 2)))
            found.append(basis.design_matrix(ends).toarray())
    return found


FAR = [-1e30, -np.inf, np.inf, 1e30, np.nan]


def knots_to_search():
    """Knots of every way to find a span: arithmetic, arithmetic with a correction, bisection."""
    rng = np.random.default_rng(2)
    nearly = np.arange(-3, 24.0)
    nearly[4:-4] += rng.uniform(-0.2, 0.2, len(nearly) - 8)
    return {
        "uniform": sk.KnotVector.uniform(-0.3, 0.7, 13, 3),
        "uniform, far": sk.KnotVector.uniform(1e6, 1e6 + 1, 40, 3),
        "one interval": sk.KnotVector.uniform(0, 1, 1, 2),
        "nearly uniform": sk.KnotVector(nearly, 3),
        "uneven": sk.KnotVector.extended(np.sort(rng.uniform(0, 1, 40)), 3),
        "dyadic": sk.KnotVector.uniform(-1, 2, 6, 3).refine([3]).refine([3, 4]),
        "neighbours in float64": sk.KnotVector.extended([1.0, np.nextafter(1, 2), 1 + 1e-15, 2.0], 1),
        "tiny": sk.KnotVector.extended([0.0, 2e-300, 3e-300, 5e-300, 1e-200], 0),
        "graded": sk.KnotVector.clamped([0, *0.5 ** np.arange(30, -1, -1)], 2),
        "repeated": sk.KnotVector.clamped([0, 0.1, 0.5, 0.6, 1], 3, [2, 4, 1]),
        "constant": sk.KnotVector.extended([0, 0.1, 0.5, 0.6, 1], 0),
        "periodic": sk.KnotVector.extended([0, 0.1, 0.5, 0.6, 1], 3, periodic=True),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", knots_to_search())
def test_spans_and_local_coordinates_against_a_search(name, dtype):
    knots = knots_to_search()[name]
    pieces = local_pieces(knots, dtype=dtype)
    ends = knots.inner
    a, b = knots.domain
    beside = np.concatenate([np.nextafter(ends, -np.inf), ends, np.nextafter(ends, np.inf)])
    inside = np.random.default_rng(0).uniform(a, b, 500)
    points = np.concatenate([beside, inside, [a - 1, b + 1], FAR]).astype(dtype)
    n = len(points)
    active, first = np.empty((knots.degree + 1, n), dtype), np.empty(n, np.int64)
    outside = bspline.tabulate(points, pieces.of_derivatives[0], active, first, 0, n)
    assert outside
    wide = points.astype(float)
    want = np.clip(np.searchsorted(ends, np.where(np.isnan(wide), a, wide), side="right") - 1, 0, None)
    want = np.minimum(want, knots.first_active[-1])
    np.testing.assert_array_equal(first, want)
    within = (wide >= a) & (wide <= b)
    total = active[:, within].astype(float).sum(axis=0)  # partition of unity
    np.testing.assert_allclose(total, 1, atol=20 * np.finfo(dtype).eps)
    assert knots.degree == 0 or np.isnan(active[:, np.isnan(points)]).all()
    middle = within.nonzero()[0][:5]
    one = np.ascontiguousarray(points[middle])
    alone, spans = np.empty((knots.degree + 1, 5), dtype), np.empty(5, np.int64)
    assert not bspline.tabulate(one, pieces.of_derivatives[0], alone, spans, 0, 5)
    np.testing.assert_array_equal(alone, active[:, middle])
    np.testing.assert_array_equal(spans, first[middle])


def searches():
    """Knots, the number of cells of the search at most, and its first step."""
    even, rng = sk.KnotVector.uniform(-1, 1, 16, 3), np.random.default_rng(5)
    uneven = np.concatenate([[0], np.sort(rng.uniform(0, 1, 300)), [1]])
    return {
        "uniform": (even, 17, 1),
        "far from 0": (sk.KnotVector.uniform(1e6, 1e6 + 1, 64, 3), 65, 1),
        "one interval": (sk.KnotVector.uniform(0, 1, 1, 3), 2, 0),
        "dyadic": (even.refine([3, 4, 5]).refine([7, 8]), 129, 1),
        "clamped": (sk.KnotVector.clamped(np.linspace(0, 1, 34), 3), 67, 1),
        "uneven": (sk.KnotVector.extended(uneven, 3), 8 * 603 + 1, 4),
        "graded": (sk.KnotVector.clamped([0, *0.5 ** np.arange(40, -1, -1)], 2), 2049, 64),
    }


@pytest.mark.parametrize("name", searches())
def test_cells_are_few_and_bisections_short(name):
    knots, cells, step = searches()[name]
    search = local_pieces(knots).search
    assert len(search.cells) <= cells
    assert search.steps <= step
    # Every inner edge is counted in the cell that the kernels find it in.
    place = ((search.edges[1:-1] - search.start) * search.cells_per_unit).astype(int)
    before = [int((place < cell).sum()) for cell in range(len(search.cells))]
    np.testing.assert_array_equal(search.cells, before)
    assert not knots.is_uniform or before == [0, *range(knots.intervals)]


def test_layers_and_bases_find_the_same_functions():
    """One search for both: the active functions of a layer are those of the basis, to the bit."""
    for knots in knots_to_search().values():
        a, b = knots.domain
        x = np.random.default_rng(1).uniform(a - 0.1, b + 0.1, 2500)
        x[:40] = np.resize(knots.breakpoints, 40)
        layer, basis = sk.SplineLayer(1, 1, knots), sk.BSplineBasis(knots)
        for j in range(min(knots.n_basis, 3)):
            unit = np.eye(knots.n_basis)[j]
            got = layer.value(unit, x[:, None])[:, 0]
            np.testing.assert_allclose(got, basis.evaluate(unit, x), rtol=0, atol=4 * np.finfo(float).eps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", knots_to_search())
def test_sums_and_design_matrices_against_the_active_functions(name, dtype):
    knots = knots_to_search()[name]
    basis, rng = sk.BSplineBasis(knots), np.random.default_rng(3)
    (a, b), k = knots.domain, knots.degree
    # Two blocks and a rest; all points of the second block lie inside.
    x = rng.uniform(a, b, 2051).astype(dtype)
    if not knots.periodic:
        x[:3] = a - (b - a) / 4, b + (b - a) / 4, b
    c = rng.normal(size=(knots.n_basis, 11)).astype(dtype)
    eps = np.finfo(dtype).eps
    for order in range(min(k, 1) + 1):
        active, first = basis.active(x, order)
        terms = active[:, :, None] * c[knots.fold[first + np.arange(k + 1)[:, None]]]
        bound = 2 * (k + 1) * eps * np.abs(terms).sum(axis=0)
        assert (np.abs(basis.evaluate(c, x, order) - terms.sum(axis=0)) <= bound).all()
        one = basis.evaluate(c[:, 4], x, order)
        assert one.dtype == dtype
        assert (np.abs(one - terms.sum(axis=0)[:, 4]) <= bound[:, 4]).all()
        few = [basis.evaluate(c[:, 4], x[i : i + 3], order) for i in (0, 1030)]
        np.testing.assert_array_equal(np.concatenate(few), one[[0, 1, 2, 1030, 1031, 1032]])
        design = basis.design_matrix(x, order)
        assert design.indices.dtype == np.int32
        np.testing.assert_array_equal(design.toarray(), basis.tabulate(x, order))
        few = basis.design_matrix(x[1030:1033], order).toarray()
        np.testing.assert_array_equal(few, basis.tabulate(x[1030:1033], order))


def test_sums_out_of_range_are_refused():
    basis = sk.BSplineBasis(sk.uniform_knots(0, 1, 4, 3), 3)
    x, c = np.linspace(0, 1, 3000), np.full(7, 1.7e308)
    for order in (1, 3):
        with pytest.raises(ValueError, match="the spline leaves the range of float64"):
            basis.evaluate(c * np.resize([1, -1], 7), x, order)
        with pytest.raises(ValueError, match="the spline leaves the range of float64"):
            basis.evaluate((c * np.resize([1, -1], 7))[:, None] * np.ones(9), x, order)
    with pytest.raises(ValueError, match="continuation of a B-spline leaves the range"):
        sk.BSplineBasis(sk.uniform_knots(0, 1e-10, 4, 3), 3).evaluate(np.ones(7), [0.0, 1e300])
    with pytest.raises(ValueError, match="x must"):
        basis.evaluate(np.ones(7), [0.0, np.nan])


@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_kernels_without_compilation_and_with_checked_indices(switch, tmp_path):
    out = tmp_path / "found.npz"
    few = switch == "NUMBA_BOUNDSCHECK"
    script = SCRIPT.format(here=os.path.dirname(__file__), out=str(out), few=few)
    # Checked code must not enter the cache of the unchecked one.
    env = {**os.environ, switch: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    env |= {"NUMBA_OPT": "1"} if few else {}  # sooner compiled; the indices are the same
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as other:
        for one, two in zip(everything(few), other.values(), strict=True):
            np.testing.assert_allclose(two, one, rtol=0, atol=1e-12 * max(1.0, np.abs(one).max()))
