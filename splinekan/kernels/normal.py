"""Products with a Jacobian kept as sparse rows: runs of neighbouring columns, alike in every row.

Row i holds, for run s, the values of columns starts[i, s] .. starts[i, s] + lengths[s] - 1. Runs are
in increasing order of their columns and do not overlap.
"""

from numba import njit


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
def normal_matrix(values, starts, lengths, out, start, stop):
    """Upper triangle of out += J^T J over rows start..stop-1 (diagonal runs are filled whole)."""
    for i in range(start, stop):
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                left = values[i, at + l]
                row = starts[i, s] + l
                other = at
                for t in range(s, lengths.shape[0]):
                    first = starts[i, t]
                    for k in range(lengths[t]):
                        out[row, first + k] += left * values[i, other + k]
                    other += lengths[t]
            at += lengths[s]


@njit(cache=True, nogil=True)
def scatter(values, starts, lengths, out, start, stop):
    """Dense rows: out[i] = J[i], `out` being zero before."""
    for i in range(start, stop):
        at = 0
        for s in range(lengths.shape[0]):
            for l in range(lengths[s]):
                out[i, starts[i, s] + l] = values[i, at]
                at += 1
