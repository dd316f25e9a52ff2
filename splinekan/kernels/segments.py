"""Products with a Jacobian kept as sparse rows: segments of neighbouring columns, alike in every row.

Row i holds, for segment s, the values of columns starts[i, s] .. starts[i, s] + lengths[s] - 1. Segments are
in increasing order of their columns and do not overlap.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import (
    broadcast,
    load,
    multiply_add,
    store,
    times,
    total,
    widened,
)

BATCH = 256
"""Rows of a block: its values stay in cache while the pairs of segments pass over them."""
LONG = (0,) * 16
SHORT = (0,) * 4
"""Columns that are worked on together; those that remain are taken one by one."""
ONE = (0,)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _dot(lanes, values, at, v, first):
    """sum_l values[at + l] v[first + l]."""
    return total(times(widened(load(lanes, values, at)), widened(load(lanes, v, first))))


@njit(cache=True, nogil=True)
def multiply(values, starts, lengths, v, out, start, stop):
    """out = J v on rows start..stop-1."""
    flat = values.ravel()
    for i in range(start, stop):
        sum_ = 0.0
        at = i * values.shape[1]
        for s in range(lengths.shape[0]):
            first, end = starts[i, s], starts[i, s] + lengths[s]
            while first + len(LONG) <= end:
                sum_ += _dot(LONG, flat, at, v, first)
                at, first = at + len(LONG), first + len(LONG)
            while first + len(SHORT) <= end:
                sum_ += _dot(SHORT, flat, at, v, first)
                at, first = at + len(SHORT), first + len(SHORT)
            while first < end:
                sum_ += flat[at] * v[first]
                at, first = at + 1, first + 1
        out[i] = sum_


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _run_ends(starts, s, first, size, ends):
    """ends[i] = the end of the run of rows after i whose segment s begins in the same column."""
    end = size
    for i in range(size - 1, -1, -1):
        ends[i] = end
        if i > 0 and starts[first + i - 1, s] != starts[first + i, s]:
            end = i


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_row(lanes, weights, w, step, flat, at, stored, count, out, place):
    """out[place..] += sum_i weights[w + i step] flat[at + i stored..] over `count` rows i."""
    sum_ = load(lanes, out, place)
    for _ in range(count):
        sum_ = multiply_add(widened(broadcast(lanes, weights, w)), widened(load(lanes, flat, at)), sum_)
        w, at = w + step, at + stored
    store(out, place, sum_)


@njit(cache=True, nogil=True)
def multiply_transpose(values, starts, lengths, r, out, start, stop):
    """out += J^T r over rows start..stop-1."""
    flat = values.ravel()
    for i in range(start, stop):
        at = i * values.shape[1]
        for s in range(lengths.shape[0]):
            first, end = starts[i, s], starts[i, s] + lengths[s]
            while first + len(LONG) <= end:
                _add_row(LONG, r, i, 0, flat, at, 0, 1, out, first)
                at, first = at + len(LONG), first + len(LONG)
            while first + len(SHORT) <= end:
                _add_row(SHORT, r, i, 0, flat, at, 0, 1, out, first)
                at, first = at + len(SHORT), first + len(SHORT)
            while first < end:
                out[first] += np.float64(flat[at]) * r[i]
                at, first = at + 1, first + 1


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_four_rows(lanes, flat, left, right, stored, count, out, at, columns):
    """out[at + l columns..] += sum_i flat[left + l + i stored] flat[right + i stored..], l = 0..3."""
    at1, at2, at3 = at + columns, at + 2 * columns, at + 3 * columns
    sum0, sum1, sum2, sum3 = (
        load(lanes, out, at),
        load(lanes, out, at1),
        load(lanes, out, at2),
        load(lanes, out, at3),
    )
    for _ in range(count):
        x = widened(load(lanes, flat, right))
        sum0 = multiply_add(widened(broadcast(lanes, flat, left)), x, sum0)
        sum1 = multiply_add(widened(broadcast(lanes, flat, left + 1)), x, sum1)
        sum2 = multiply_add(widened(broadcast(lanes, flat, left + 2)), x, sum2)
        sum3 = multiply_add(widened(broadcast(lanes, flat, left + 3)), x, sum3)
        left, right = left + stored, right + stored
    store(out, at, sum0)
    store(out, at1, sum1)
    store(out, at2, sum2)
    store(out, at3, sum3)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _add_block(flat, left, high, right, wide, diagonal, stored, count, out, at, columns):
    """out[at + l columns + k] += sum_i flat[left + l + i stored] flat[right + k + i stored].

    For l < high, k < wide over `count` rows i; on the diagonal for k <= l, and a few entries beyond.
    """
    whole_high, whole_wide = high // len(SHORT) * len(SHORT), wide // len(SHORT) * len(SHORT)
    for l in range(0, whole_high, len(SHORT)):
        row, end, k = at + l * columns, wide, 0
        if diagonal:
            end = l + len(SHORT)
        while k + len(LONG) <= wide and k < end:
            _add_four_rows(LONG, flat, left + l, right + k, stored, count, out, row + k, columns)
            k += len(LONG)
        while k + len(SHORT) <= wide and k < end:
            _add_four_rows(SHORT, flat, left + l, right + k, stored, count, out, row + k, columns)
            k += len(SHORT)
        while k < min(wide, end):
            _add_four_rows(ONE, flat, left + l, right + k, stored, count, out, row + k, columns)
            k += 1
    for l in range(whole_high, high):
        row = at + l * columns
        for k in range(0, whole_wide, len(SHORT)):
            _add_row(SHORT, flat, left + l, stored, flat, right + k, stored, count, out, row + k)
        for k in range(whole_wide, wide):
            _add_row(ONE, flat, left + l, stored, flat, right + k, stored, count, out, row + k)


@njit(cache=True, nogil=True)
def products(values, starts, places, lengths, pairs, out):
    """The lower triangle of out += J_a^T J_b for pairs (a, b) of segments, a >= b.

    `places` says where every segment lies in `values`. Blocks on the diagonal are filled beyond it, by a few
    entries. Different pairs write to different entries as long as segments keep to columns of their own.
    A block of 4 rows and up to 16 columns stays in registers for as long as both segments begin in the same
    columns in the next row: for a single row if samples come in any order, for many if they are sorted.

    Bounds for the network 2-5-1 with cubic splines: a row of 60 values takes (60^2 + sum of lengths^2) / 2 =
    2240 multiply-adds, 140 cycles with two registers of 8 lanes a cycle. Sorted samples take some 600 cycles,
    because a run has 12 rows in blocks of the first layer and 3 in the others, and each begins and ends with
    a load and a store of its block; in any order they take 1300, with 570 lines of the matrix read from the
    second-level cache and written to it for every row.
    """
    stored, columns = values.shape[1], out.shape[1]
    flat, flat_out = values.ravel(), out.ravel()
    ends = np.empty((lengths.shape[0], BATCH), np.int64)
    for first in range(0, values.shape[0], BATCH):
        size = min(BATCH, values.shape[0] - first)
        for s in range(lengths.shape[0]):
            _run_ends(starts, s, first, size, ends[s])
        for pair in range(pairs.shape[0]):
            a, b = pairs[pair, 0], pairs[pair, 1]
            high, wide = lengths[a], lengths[b]
            i = 0
            while i < size:
                begin, count = (first + i) * stored, min(ends[a, i], ends[b, i]) - i
                left, right = begin + places[a], begin + places[b]
                at = starts[first + i, a] * columns + starts[first + i, b]
                i += count
                if high == len(SHORT) and wide == len(SHORT):  # cubic splines with one output
                    _add_four_rows(SHORT, flat, left, right, stored, count, flat_out, at, columns)
                    continue
                _add_block(flat, left, high, right, wide, a == b, stored, count, flat_out, at, columns)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _run_length(starts, i, stop):
    """The number of rows from i on whose segments begin in the same columns."""
    for other in range(i + 1, stop):
        for s in range(starts.shape[1]):
            if starts[other, s] != starts[i, s]:
                return other - i
    return stop - i


@njit(cache=True, nogil=True)
def band_products(values, starts, lengths, places, first, out, start, stop):
    """out[j - first, i - j] += (J^T J)_ij, i >= j, over rows start..stop-1, for columns moved to `places`.

    Rows in succession that begin in the same columns are multiplied together. Returns whether there is an
    entry other than 0 beyond the last column of `out`.
    """
    stored, reach, beyond = values.shape[1], out.shape[1], False
    flat = values.ravel()
    local, at = np.empty(stored * stored), np.empty(stored, np.int64)
    i = start
    while i < stop:
        count = _run_length(starts, i, stop)
        l = 0
        for s in range(lengths.shape[0]):
            for column in range(starts[i, s], starts[i, s] + lengths[s]):
                at[l] = places[column]
                l += 1
        local[:] = 0.0
        begin = i * stored
        _add_block(flat, begin, stored, begin, stored, True, stored, count, local, 0, stored)
        for l in range(stored):
            for k in range(l + 1):
                j, distance = min(at[l], at[k]), abs(at[l] - at[k])
                if distance < reach:
                    out[j - first, distance] += local[l * stored + k]
                elif local[l * stored + k] != 0:
                    beyond = True
        i += count
    return beyond


@njit(cache=True, nogil=True)
def mirror(matrix):
    """The upper triangle overwritten by the mirrored lower one, tile by tile."""
    n, tile = matrix.shape[0], 32
    for top in range(0, n, tile):
        for left in range(0, top + 1, tile):
            for j in range(left, min(left + tile, n)):
                for i in range(max(top, j + 1), min(top + tile, n)):
                    matrix[j, i] = matrix[i, j]


@njit(cache=True, nogil=True)
def scatter(values, starts, lengths, out, start, stop):
    """Dense rows: out[i] = J[i], `out` being zero before."""
    for i in range(start, stop):
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                out[i, starts[i, s] + l] = values[i, at]
                at += 1


@njit(cache=True, nogil=True)
def fold(own, own_starts, n_in, n_out, functions, n_basis, split, place, start, stop):
    """Rows of periodic splines, from the rows `own` of the functions on the line.

    `own` holds k + 1 functions for each of `n_in` inputs, of `functions` on the line. Function i has
    the coefficient i modulo `n_basis`. With `split` a row holds the first k coefficients and k + 1 neighbours
    among the others, else all of them.
    """
    values, starts, position, segment, column, stride, shift = place
    active = own.shape[1] // (n_in * n_out)
    k = active - 1
    width = 2 * k + 1 if split else n_basis
    count = 2 if split and k > 0 else 1
    for i in range(start, stop):
        row = i * stride + shift
        for p in range(n_in):
            at, first = position + p * width * n_out, column + p * n_basis * n_out
            span = own_starts[i, p] // n_out - p * functions
            neighbours = min(max(span, k), n_basis - k - 1)
            for l in range(width * n_out):
                values[row, at + l] = 0
            for l in range(active):
                index = (span + l) % n_basis
                if split and index >= k:
                    index += k - neighbours
                for q in range(n_out):  # with few coefficients several functions share one
                    values[row, at + index * n_out + q] += own[i, (p * active + l) * n_out + q]
            starts[row, segment + p * count] = first
            if split:
                starts[row, segment + p * count + count - 1] = first + neighbours * n_out
