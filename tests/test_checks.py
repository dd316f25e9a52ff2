"""Coercion of arguments: what is accepted, what is refused, and that messages name the argument."""

from fractions import Fraction

import numpy as np
import pytest

from splinekan import _checks as checks


class Metres(np.ndarray):
    """An array with a meaning beyond its numbers."""


class Quantity:
    """Numbers with a unit that `__array__` would drop."""

    units = "m"

    def __array__(self, dtype=None, copy=None):
        return np.arange(3.0)


class Broken:
    """An object whose conversion fails in its own way."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("call detach() first")

    def __repr__(self):
        raise RuntimeError("not even shown")


PLAIN = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize(
    "same",
    [
        PLAIN.tolist(),
        PLAIN.astype(int),
        PLAIN.astype(np.uint8),
        PLAIN.astype(">f8"),
        PLAIN.astype(np.float16),
        PLAIN.astype(np.longdouble),
        np.asfortranarray(PLAIN),
        PLAIN[::-1][::-1],
        PLAIN.view(np.matrix),
    ],
    ids=str,
)
def test_equal_numbers_in_any_layout_are_the_same_array(same):
    array = checks.real_array("x", same)
    assert type(array) is np.ndarray
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, PLAIN)


def test_memory_maps_and_float32_are_kept(tmp_path):
    np.save(tmp_path / "x.npy", PLAIN)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(checks.real_array("x", mapped), PLAIN)
    assert checks.real_array("x", np.float32(PLAIN)).dtype == np.float32


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ma.masked_greater(PLAIN, 3), "x must not be a masked array"),
        ([np.ma.masked_greater(PLAIN, 3)], "x must not be a masked array"),
        ([1.0, np.ma.masked], "x must not be a masked array"),
        (PLAIN.view(Metres), "x must be a plain array, got a Metres"),
        (np.rec.array([(1.0,)], dtype=[("a", float)]), "x must be a plain array, got a recarray"),
        (Quantity(), "x must be plain numbers, got .*unit"),
        (Broken(), "x must be an array of real numbers, got .*Broken.*detach"),
        (PLAIN + 0j, "x must be an array of real numbers, got dtype complex128"),
        ("text", "x must be an array of real numbers, got dtype <U4"),
        (None, "x must be an array of real numbers, got None"),
        ([[1.0], [1.0, 2.0]], "x must be an array of real numbers"),
        (np.datetime64("2020-01-01"), "x must be an array of real numbers, got dtype datetime64"),
    ],
)
def test_what_would_lose_its_meaning_is_refused(value, message):
    with pytest.raises(TypeError, match=message):
        checks.real_array("x", value)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ([1.0, np.nan], {}, r"x must be finite, got nan at index \(1,\)"),
        (np.longdouble("1e400"), {}, "x must be finite, got inf"),
        ([1.0], {"shape": (2,)}, r"x must have shape \(2,\), got \(1,\)"),
        (1.0, {"ndim": 1}, r"x must have 1 axis, got shape \(\)"),
        ([], {"empty": False}, "x must not be empty"),
    ],
)
def test_wrong_values_are_refused(value, options, message):
    with pytest.raises(ValueError, match=message):
        checks.real_array("x", value, **options)


def test_the_returned_number_is_a_plain_one():
    assert type(checks.integer("n", np.int8(100))) is int
    assert checks.integer("n", np.int8(100)) ** 2 == 10_000
    assert type(checks.real("h", np.float32(0.5))) is float
    assert checks.real("h", Fraction(1, 4)) == 0.25
    assert checks.boolean("flag", np.True_) is True
    assert checks.interval("domain", np.array([0, 1])) == (0.0, 1.0)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, np.array(1), 1 + 0j])
def test_no_integer(value):
    with pytest.raises(TypeError, match="n must be an integer"):
        checks.integer("n", value)


@pytest.mark.parametrize("value", [True, "1", None, np.array(1.0), 1 + 0j, [1.0], np.timedelta64(1)])
def test_no_real_number(value):
    with pytest.raises(TypeError, match="h must be a real number"):
        checks.real("h", value)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checks.integer("n", 10**40), "n must be at most 2"),
        (lambda: checks.integer("n", 3, low=5), "n must be at least 5, got 3"),
        (lambda: checks.real("h", 10**400), "h must be within the range of float64"),
        (lambda: checks.real("h", np.inf), "h must be finite"),
        (lambda: checks.real("h", -1, low=0, high=np.inf), "h must be at least 0"),
        (lambda: checks.one_of("mode", np.arange(3), ["a"]), "mode must be one of 'a', got array"),
        (lambda: checks.interval("domain", (0,)), "domain must be a pair"),
        (lambda: checks.interval("domain", (1, 0)), "domain must be increasing"),
        (lambda: checks.interval("domain", (-1.7e308, 1.7e308)), "domain must have a length"),
        (lambda: checks.sequence("names", []), "names must not be empty"),
        (lambda: checks.generator("seed", -1), "seed must be at least 0"),
        (lambda: checks.same_length(a=[1], b=[]), "lengths differ: a 1, b 0"),
    ],
)
def test_messages_name_the_argument(check, message):
    with pytest.raises(ValueError, match=message):
        check()


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checks.interval("domain", 3), "domain must be a pair"),
        (lambda: checks.interval("domain", "ab"), "domain must be a pair"),
        (lambda: checks.interval("domain", ("a", 1)), r"domain\[0\] must be a real number"),
        (lambda: checks.sequence("names", "text"), "names must be a sequence"),
        (lambda: checks.sequence("names", 3), "names must be a sequence"),
        (lambda: checks.instance("network", 3, (list, dict)), "network must be of type list or dict, got 3"),
        (lambda: checks.function("callback", 3), "callback must be callable, got 3"),
        (lambda: checks.generator("seed", None), "seed must be an integer or a numpy.random.Generator"),
        (lambda: checks.boolean("flag", 1), "flag must be True or False"),
        (lambda: checks.float_type("dtype", "int64"), "dtype must be float64 or float32"),
        (lambda: checks.float_type("dtype", []), "dtype must be float64 or float32"),
        (lambda: checks.sequence("steps", {1: 2}), "steps must be a sequence"),
    ],
)
def test_objects_of_wrong_kinds(check, message):
    with pytest.raises(TypeError, match=message):
        check()


def test_what_memory_cannot_hold_is_refused_before_it_is_asked_for():
    with pytest.raises(MemoryError, match="intervals = 1000000000000 would take"):
        checks.affordable("intervals = 1000000000000", 8e12)
    checks.affordable("little", 8.0)
    assert checks.function("callback", None, optional=True) is None
    assert len(checks.shown("x" * 1000)) <= 80


def test_sizes_of_float32_are_compared_in_float64():
    assert checks.not_too_large("x", np.float32([1e38]), 1e150).dtype == np.float32
    with pytest.raises(ValueError, match="x must be at most 1e"):
        checks.not_too_large("x", np.float32([1e38]), 1e37)
