"""Products with a Jacobian kept as sparse rows: segments of neighbouring columns, alike in every row.

Row i holds, for segment s, the values of columns starts[i, s] .. starts[i, s] + lengths[s] - 1. Segments are
in increasing order of their columns and do not overlap.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd_before import LANES, add_outer

BATCH = 256
"""Rows of a block: its values stay in cache while the pairs of segments pass over them."""


@njit(cache=True, nogil=True)
def multiply(values, starts, lengths, v, out, start, stop):
    """out = J v on rows start..stop-1."""
    for i in range(start, stop):
        total = 0.0
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                total += values[i, at] * v[starts[i, s] + l]
                at += 1
        out[i] = total


@njit(cache=True, nogil=True)
def multiply_transpose(values, starts, lengths, r, out, start, stop):
    """out += J^T r over rows start..stop-1."""
    for i in range(start, stop):
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                out[starts[i, s] + l] += values[i, at] * r[i]
                at += 1


@njit(cache=True, nogil=True)
def products(values, starts, places, lengths, pairs, out):
    """The upper triangle of out += J_a^T J_b for pairs (a, b) of segments, a <= b.

    `places` says where every segment lies in `values`. Blocks on the diagonal are filled beyond it, by a few
    entries. Different pairs write to different entries as long as segments keep to columns of their own.
    """
    four, one = (0, 0, 0, 0), (0,)
    stored, columns = values.shape[1], out.shape[1]
    flat, flat_out = values.ravel(), out.ravel()
    for first in range(0, values.shape[0], BATCH):
        end = min(first + BATCH, values.shape[0])
        for pair in range(pairs.shape[0]):
            a, b = pairs[pair, 0], pairs[pair, 1]
            high, wide = lengths[a], lengths[b]
            if high == LANES and wide == LANES:  # cubic splines with one output: no loop but over rows
                for i in range(first, end):
                    at = starts[i, a] * columns + starts[i, b]
                    left, right = i * stored + places[a], i * stored + places[b]
                    add_outer(flat_out, at, columns, flat, left, four, flat, right)
                continue
            whole_high, whole_wide = high // LANES * LANES, wide // LANES * LANES
            for i in range(first, end):
                at = starts[i, a] * columns + starts[i, b]
                left, right = i * stored + places[a], i * stored + places[b]
                for l in range(0, whole_high, LANES):
                    row = at + l * columns
                    for k in range(l if a == b else 0, whole_wide, LANES):
                        add_outer(flat_out, row + k, columns, flat, left + l, four, flat, right + k)
                for l in range(whole_high, high):
                    row = at + l * columns
                    for k in range(whole_high if a == b else 0, whole_wide, LANES):
                        add_outer(flat_out, row + k, columns, flat, left + l, one, flat, right + k)
                if whole_wide < wide:
                    for l in range(high):
                        v = np.float64(flat[left + l])  # products of float32 values are exact in float64
                        for k in range(whole_wide, wide):
                            flat_out[at + l * columns + k] += v * flat[right + k]


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
