"""KnotVector: content, coercion, refinement, and the functions that take one in place of an array."""

import pickle

import numpy as np
import pytest
from cases import DEGREES, KINDS, knots, points

import splinekan as sk
from splinekan.splines.knots import breakpoints, is_clamped, is_uniform, knot_vector, validate_knots


def vectors(degree):
    return [sk.KnotVector(knots(kind, degree), degree) for kind in KINDS]


@pytest.mark.parametrize("degree", DEGREES)
def test_equal_content_is_equal_and_hashes_alike(degree):
    for t in vectors(degree):
        twin = sk.KnotVector(t.t.tolist(), degree)
        assert twin == t
        assert hash(twin) == hash(t)
        assert pickle.loads(pickle.dumps(t)) == t
        assert len({t, twin, t.refine()}) == 2
        assert t != t.t.tolist()
    assert sk.KnotVector([-1.0, -0.0, 1.0, 2.0], 1) == sk.KnotVector([-1.0, 0.0, 1.0, 2.0], 1)
    assert sk.KnotVector(np.arange(6.0), 1) != sk.KnotVector(np.arange(6.0), 2)


def test_knots_are_copied_and_cannot_be_written():
    given = np.arange(8.0)
    t = sk.KnotVector(given, 3)
    given[:] = 0
    np.testing.assert_array_equal(t.t, np.arange(8.0))
    for array in (t.t, t.breakpoints, t.greville, np.asarray(t), pickle.loads(pickle.dumps(t)).t):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        t.degree = 2
    sk.uniform_knots(0, 1, 4, 3)[0] = 1  # arrays belong to the caller


def test_it_reads_as_an_array():
    t = sk.KnotVector.uniform(0, 1, 4, 2)
    assert len(t) == 9
    assert t[2] == 0.0
    np.testing.assert_array_equal(t[2:-2], t.breakpoints)
    assert list(t) == t.t.tolist()
    assert np.asarray(t) is t.t
    assert np.array(t) is not t.t
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert repr(t) == "KnotVector(degree 2, 4 intervals on [0, 1], uniform)"
    assert repr(sk.KnotVector.clamped([0, 0.5], 3)) == "KnotVector(degree 3, 1 interval on [0, 0.5], clamped)"


@pytest.mark.parametrize("degree", DEGREES)
def test_functions_take_a_knot_vector_in_place_of_an_array_and_a_degree(degree):
    for vector in vectors(degree):
        t = vector.t
        fine = sk.refine_knots(t, degree)
        assert isinstance(sk.refine_knots(vector), sk.KnotVector)
        np.testing.assert_array_equal(sk.refine_knots(vector), fine)
        new = [np.mean(vector.breakpoints[:2])]
        np.testing.assert_array_equal(sk.insert_knots(vector, new), sk.insert_knots(t, new, degree))
        np.testing.assert_array_equal(sk.greville_points(vector), sk.greville_points(t, degree))
        np.testing.assert_array_equal(breakpoints(vector), breakpoints(t, degree))
        assert validate_knots(vector, degree) is t
        assert is_clamped(vector) == is_clamped(t, degree)
        assert is_uniform(vector) == is_uniform(t, degree)
        up, want = sk.prolongation(vector, vector.refine()), sk.prolongation(t, fine, degree)
        np.testing.assert_array_equal(up.toarray(), want.toarray())
        np.testing.assert_array_equal(sk.gram_matrix(vector).toarray(), sk.gram_matrix(t, degree).toarray())
        x = points(t, degree)
        basis = sk.BSplineBasis(vector, extrapolate="clamp")
        np.testing.assert_array_equal(basis.tabulate(x), sk.BSplineBasis(t, degree, "clamp").tabulate(x))
        assert basis.knots is vector
        if vector.has_relu_basis:
            u = np.ones(vector.n_basis)
            np.testing.assert_array_equal(sk.relu_from_spline(u, vector), sk.relu_from_spline(u, t, degree))


def test_a_degree_is_given_once():
    t = sk.KnotVector.uniform(0, 1, 4, 2)
    assert knot_vector(t) is t
    assert knot_vector(t, 2) is t
    with pytest.raises(ValueError, match="degree must be that of the KnotVector, 2"):
        sk.gram_matrix(t, 3)
    with pytest.raises(TypeError, match="degree must be given with an array"):
        sk.BSplineBasis(t.t)
    with pytest.raises(ValueError, match="degrees differ"):
        sk.prolongation(t, sk.KnotVector.uniform(0, 1, 8, 3))
    assert not t.is_nested_in(sk.KnotVector.uniform(0, 1, 8, 3))
    assert sk.KnotVector(t, 2) == t
    closed = sk.KnotVector.uniform(0, 1, 4, 2, periodic=True)
    for given, degree in ((t, 1), (closed, 2)):  # another domain, and a period that would be lost
        with pytest.raises(ValueError, match="knots must be an array, or have degree"):
            sk.KnotVector(given, degree)
    assert sk.KnotVector(closed, 2, periodic=True) == closed


@pytest.mark.parametrize("degree", DEGREES)
def test_refining_all_intervals_by_name_is_refining(degree):
    for t in vectors(degree):
        assert t.refine(np.ones(t.intervals, bool)) == t.refine()
        assert t.refine(np.arange(t.intervals)) == t.refine()
        assert t.refine([]) == t
        assert t.refine().coarsen().breakpoints.tolist() == t.breakpoints.tolist()
        if t.is_uniform or t.is_clamped:
            assert t.refine().coarsen() == t


@pytest.mark.parametrize("degree", DEGREES)
def test_marked_intervals_are_halved_and_no_others(degree):
    for t in vectors(degree):
        fine = t.refine([1, 3, 3])
        ends = t.breakpoints
        middles = (ends[[1, 3]] + ends[[2, 4]]) / 2
        np.testing.assert_array_equal(fine.breakpoints, np.sort([*ends, *middles]))
        np.testing.assert_array_equal(fine.t[:degree], t.t[:degree])  # far from the marks
        assert t.is_nested_in(fine)
        assert not fine.is_nested_in(t)
        assert t.is_nested_in(t)
        mask = np.zeros(t.intervals, bool)
        mask[[1, 3]] = True
        assert t.refine(mask) == fine
        if not t.is_clamped:  # ghost intervals follow the interval beside them
            got, want = t.refine([0]).t, t.refine().t
            np.testing.assert_allclose(got[: degree + 1], want[: degree + 1], rtol=1e-15)


def test_bad_marks_and_intervals_that_cannot_be_merged():
    t = sk.KnotVector.uniform(0, 1, 5, 3)
    with pytest.raises(ValueError, match="marked must be between 0 and 4, got 5"):
        t.refine([0, 5])
    with pytest.raises(ValueError, match="for each of 5 intervals, got shape"):
        t.refine([True, False])
    with pytest.raises(TypeError, match="vector of indices or a mask"):
        t.refine([0.5])
    with pytest.raises(TypeError, match="vector of indices or a mask"):
        t.refine(3)
    with pytest.raises(ValueError, match="number must be even: got 5"):
        t.coarsen()
    with pytest.raises(TypeError, match="finer must be of type KnotVector"):
        t.is_nested_in(t.t)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_knots_without_numbers_between_them_are_not_uniform(degree):
    count = 2 * degree + 5
    least = np.arange(1, count + 1) * 5e-324
    assert not sk.KnotVector(least, degree).is_uniform
    for knots_with_middles in (2 * least, 2 * least - 5e-324):  # whose middles are numbers
        assert sk.KnotVector(knots_with_middles, degree).is_uniform
    with pytest.raises(ValueError, match="an interval is too short to be halved"):
        sk.KnotVector(least, degree).refine()


def test_multiplicities_are_integers_also_in_lists():
    with pytest.raises(TypeError, match=r"multiplicity"):
        sk.KnotVector.clamped([0, 1, 2, 3], 3, [2, True])
