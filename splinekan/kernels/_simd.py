"""Vectors of numbers in registers, for the inner loops of the kernels.

LLVM does not vectorise short loops by itself, and Numba cannot guarantee that arrays do not overlap. Here a
vector is a value like any other: it is loaded from contiguous elements of an array, used in multiply-adds,
kept in a variable across loops, and stored. `lanes` is a tuple whose length is the number
of lanes, known to the compiler; LLVM maps long vectors to several registers of the processor, and short ones
to parts of a register, so that nothing depends on the machine but the speed.

A comparison gives a mask, a vector of booleans. Numbers of both operands have the same type.

Arrays are one-dimensional and contiguous. Indices are not bounds-checked unless NUMBA_BOUNDSCHECK is set;
without compilation (NUMBA_DISABLE_JIT) a vector is a NumPy array.

Kernels that use this file are compiled with it: Numba's cache does not detect changes of this file.
"""

import numpy as np
from numba import config
from numba.extending import intrinsic

from splinekan.kernels import _llvm

NARROW = (0,) * 8
"""The vector of a few outputs: a register of doubles where these are longest."""
WIDE = (0,) * 32
"""The vector of many outputs: enough multiply-adds for every number that all lanes share."""
EACH, SAME = (0,), ()
"""A number for each lane, the same number in all lanes: see `fetch`."""

if config.DISABLE_JIT:

    def load(lanes, array, index):
        """The vector array[index], array[index + 1], ..."""
        assert 0 <= index <= len(array) - len(lanes)
        return array[index : index + len(lanes)].copy()

    def store(array, index, vector):
        """array[index], array[index + 1], ... = vector, in the type of the array."""
        assert 0 <= index <= len(array) - len(vector)
        array[index : index + len(vector)] = vector  # converted

    def load_first(lanes, array, index, count):
        """The vector array[index], ..., array[index + count - 1], 0, ... of at most all lanes."""
        count = min(count, len(lanes))
        assert 0 <= index <= len(array) - count
        vector = np.zeros(len(lanes), array.dtype)
        vector[:count] = array[index : index + count]
        return vector

    def store_first(array, index, vector, count):
        """array[index], ..., array[index + count - 1] = the first lanes of the vector, or all."""
        count = min(count, len(vector))
        assert 0 <= index <= len(array) - count
        array[index : index + count] = vector[:count]

    def broadcast(lanes, array, index):
        """The vector with array[index] in every lane."""
        assert index >= 0
        return np.full(len(lanes), array[index])

    def fetch(lanes, each, array, index):
        """`load` with `each` = EACH, `broadcast` with SAME."""
        return load(lanes, array, index) if each else broadcast(lanes, array, index)

    def splat(lanes, number):
        """The vector with a number in every lane."""
        return np.full(len(lanes), number)

    def times(a, b):
        """a b, lane by lane."""
        return a * b

    def quotient(a, b):
        """a / b, lane by lane."""
        return a / b

    def plus(a, b):
        """a + b, lane by lane."""
        return a + b

    def multiply_add(a, b, c):
        """a b + c, lane by lane."""
        return a * b + c

    def total(vector):
        """The sum of all lanes, halves added to halves."""
        while len(vector) > 1:
            half = (len(vector) + 1) // 2
            low, high = vector[:half].copy(), vector[half:]
            low[: len(high)] += high
            vector = low
        return vector[0]

    def folded(lanes, vector):
        """Halves added to halves until that many lanes are left."""
        while len(vector) > len(lanes):
            vector = vector[: len(vector) // 2] + vector[len(vector) // 2 :]
        return vector

    def totals(square):
        """The vector of the sums of eight vectors of eight lanes, one after the other in an array."""
        return np.array([total(square[i : i + 8]) for i in range(0, 64, 8)])

    def minimum(a, b):
        """The smaller number, lane by lane; b where they have no order."""
        return np.where(a < b, a, b)

    def exponential(vector):
        """exp, lane by lane, to a few units in the last place."""
        return np.exp(vector)

    def widened(vector):
        """The vector in float64."""
        return vector.astype(np.float64)

    def converted(array, vector):
        """The vector in the type of an array."""
        return vector.astype(array.dtype)

    def minus(a, b):
        """a - b, lane by lane; never part of a multiply-add."""
        return a - b

    def at_least(a, b):
        """Whether a >= b, lane by lane; false for NaN."""
        return a >= b

    def both(a, b):
        """a and b, bit by bit, of masks or integers."""
        return a & b

    def every(mask):
        """Whether a mask holds in all lanes."""
        return bool(mask.all())

    def select(mask, a, b):
        """a where the mask holds, b elsewhere."""
        return np.where(mask, a, b)

    def truncated(vector):
        """The integers next to the numbers towards 0, in int32; within its range."""
        return vector.astype(np.int32)

    def halved(vector, times):
        """Integers divided by 2^times, rounded down."""
        return vector >> times

    def gather(array, indices):
        """The vector array[indices[0]], array[indices[1]], ..."""
        assert (indices >= 0).all()
        return array[indices]

    def repeated(tag, vector):
        """Each lane as often in succession as `tag` has entries."""
        return np.repeat(vector, len(tag))

    def tiled(lanes, vector):
        """The vector as often in succession as `lanes` has entries."""
        return np.tile(vector, len(lanes))

    def polynomials(lanes, tag, flat, begin, rows, points, first):
        """sum_p flat[begin + (row, p, l)] y^p for all l, point after point.

        For as many points as `lanes` has entries: y = points[first], ... and their rows, in int32.
        Coefficients lie in a table (rows, powers, functions), powers and functions as many as `tag` has
        entries. Rows and points are in memory: they are loaded one by one, which is faster than moving them
        out of a vector.
        """
        width = len(tag)
        parts = []
        for i in range(first, first + len(lanes)):
            at = begin + int(rows[i]) * width * width
            value = load(tag, flat, at + (width - 1) * width)
            for power in range(width - 2, -1, -1):
                value = value * points[i] + load(tag, flat, at + power * width)
            parts.append(value)
        return np.concatenate(parts)

    def gathered_sum(tag, weights, array, first):
        """weights[i, 0] array[first[i]] + weights[i, 1] array[first[i] + 1] + ..., from the left."""
        weights = weights.reshape(-1, len(tag))
        return sum(weights[:, l] * gather(array, first + np.int32(l)) for l in range(len(tag)))

    def store_columns(tag, array, index, pitch, vector):
        """Column l of a matrix, row after row and as wide as `tag`, to array[index + l pitch], ..."""
        for l in range(len(tag)):
            store(array, index + l * pitch, vector[l :: len(tag)])

else:
    load = intrinsic(_llvm.load)
    store = intrinsic(_llvm.store)
    load_first = intrinsic(_llvm.load_first)
    store_first = intrinsic(_llvm.store_first)
    broadcast = intrinsic(_llvm.broadcast)
    fetch = intrinsic(_llvm.fetch)
    splat = intrinsic(_llvm.splat)
    times = intrinsic(_llvm.times)
    quotient = intrinsic(_llvm.quotient)
    plus = intrinsic(_llvm.plus)
    multiply_add = intrinsic(_llvm.multiply_add)
    total = intrinsic(_llvm.total)
    folded = intrinsic(_llvm.folded)
    totals = intrinsic(_llvm.totals)
    minimum = intrinsic(_llvm.minimum)
    exponential = intrinsic(_llvm.exponential)
    widened = intrinsic(_llvm.widened)
    converted = intrinsic(_llvm.converted)
    minus = intrinsic(_llvm.minus)
    at_least = intrinsic(_llvm.at_least)
    both = intrinsic(_llvm.both)
    every = intrinsic(_llvm.every)
    select = intrinsic(_llvm.select)
    truncated = intrinsic(_llvm.truncated)
    halved = intrinsic(_llvm.halved)
    gather = intrinsic(_llvm.gather)
    repeated = intrinsic(_llvm.repeated)
    tiled = intrinsic(_llvm.tiled)
    polynomials = intrinsic(_llvm.polynomials)
    gathered_sum = intrinsic(_llvm.gathered_sum)
    store_columns = intrinsic(_llvm.store_columns)
