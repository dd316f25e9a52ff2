"""Products with a Jacobian kept as sparse rows: runs of neighbouring columns, alike in every row.

Row i holds, for run s, the values of columns starts[i, s] .. starts[i, s] + lengths[s] - 1. Runs are
in increasing order of their columns and do not overlap.
"""

from numba import njit

BLOCK = 1024
"""Rows of a block: its values stay in cache while the pairs of runs pass over them."""


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
def moving_products(values, starts, places_a, runs_a, tag_a, places_b, runs_b, tag_b, out, start, stop):
    """out += J_a^T J_b over rows start..stop-1 for every run a and every run b not before it.

    The runs of each group are alike in length, which is that of the tag: a short tuple, whose length is part
    of its type, so that the loops unroll, or an array. `places` says where a run lies in `values`.
    """
    for first in range(start, stop, BLOCK):
        end = min(first + BLOCK, stop)
        for s in range(runs_a.shape[0]):
            for t in range(runs_b.shape[0]):
                if runs_b[t] < runs_a[s]:
                    continue
                left, right = places_a[s], places_b[t]
                for i in range(first, end):
                    row, column = starts[i, runs_a[s]], starts[i, runs_b[t]]
                    for l in range(len(tag_a)):
                        v = values[i, left + l]
                        for k in range(len(tag_b)):
                            out[row + l, column + k] += v * values[i, right + k]


@njit(cache=True, nogil=True)
def fixed_products(values, starts, places, runs, tag, fixed, out, start, stop):
    """out += J_moving^T fixed over rows start..stop-1, `fixed` being dense; out (n_columns, its columns)."""
    for first in range(start, stop, BLOCK):
        end = min(first + BLOCK, stop)
        for s in range(runs.shape[0]):
            for i in range(first, end):
                row = starts[i, runs[s]]
                for l in range(len(tag)):
                    v = values[i, places[s] + l]
                    for j in range(fixed.shape[1]):
                        out[row + l, j] += v * fixed[i, j]


@njit(cache=True, nogil=True)
def scatter(values, starts, lengths, out, start, stop):
    """Dense rows: out[i] = J[i], `out` being zero before."""
    for i in range(start, stop):
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                out[i, starts[i, s] + l] = values[i, at]
                at += 1
