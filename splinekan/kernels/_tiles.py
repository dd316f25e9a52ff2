"""Tiles: the coefficients of an input, copied to rows that are aligned for fast loads.

A row of a tile holds the outputs, padded with zeros to whole vectors, and begins at a multiple of 64 bytes:
a vector that straddles two lines of the cache takes twice as long to load. A tile holds all functions of the
input or, for few samples, the active functions of every sample; its cost is at most that of the samples.

Kernels that use this file are compiled with it: Numba's cache does not detect changes of this file.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import NARROW, load, load_first, plus, store, store_first

LINE = 64
"""Bytes of a line of the cache."""
COLUMNS = 8
"""Inputs that are copied together: neighbours in a line of the cache."""
POINTS = 1024
"""Points that are located and evaluated together, at least, if there are as many."""
BLOCK = 1024
"""Samples of a block, at most: a tile is used so often that its copy costs little, and what belongs to the
samples stays in the second-level cache."""


@njit(inline="always")
def pitch_of(n_out):
    """The length of a row of a tile: n_out in whole vectors."""
    return (n_out + len(NARROW) - 1) // len(NARROW) * len(NARROW)


@njit(inline="always")
def block_size(samples):
    """Samples of a block."""
    return max(1, min(samples, BLOCK))


@njit(inline="always")
def inputs_at_once(n_in, block):
    """(inputs that are located and evaluated together, inputs whose points are copied together).

    With few samples the calls for an input would cost more than its points; with many, the active functions
    of an input should stay in the first cache, but whole lines of x are copied.
    """
    group = min(n_in, POINTS // block)
    return (group, group) if group >= COLUMNS else (1, min(n_in, COLUMNS))


@njit(inline="always")
def tile_rows(n_basis, block, width):
    """Rows of the largest tile: see `arrange`."""
    return min(n_basis, block * width)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def aligned(n, dtype):
    """n zeros that begin at a multiple of `LINE` bytes."""
    memory = np.zeros(n + LINE // 4, dtype)
    shift = (-memory.ctypes.data % LINE) // memory.itemsize
    return memory[shift : shift + n]


@njit(inline="always")
def vector_room(n, dtype):
    """The same, and a vector more: the last vector may lie partly beyond n numbers."""
    return aligned(n + len(NARROW), dtype)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def load_rows(matrix, first, count, n_out, pitch, tile, at):
    """Rows first..first+count-1 of a matrix, flat, with n_out columns, into a tile from row `at`."""
    for i in range(count):
        for q in range(0, n_out, len(NARROW)):
            row = load_first(NARROW, matrix, (first + i) * n_out + q, n_out - q)
            store(tile, (at + i) * pitch + q, row)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def save_rows(tile, count, n_out, pitch, matrix, first):
    """Rows 0..count-1 of a tile to the rows of a matrix from row `first`."""
    for i in range(count):
        for q in range(0, n_out, len(NARROW)):
            store_first(matrix, (first + i) * n_out + q, load(NARROW, tile, i * pitch + q), n_out - q)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def add_rows(tile, at, count, n_out, pitch, matrix, first):
    """Rows at..at+count-1 of a tile added to the rows of a matrix from row `first`."""
    for i in range(count):
        for q in range(0, n_out, len(NARROW)):
            here = (first + i) * n_out + q
            before = load_first(NARROW, matrix, here, n_out - q)
            store_first(matrix, here, plus(before, load(NARROW, tile, (at + i) * pitch + q)), n_out - q)


@njit(inline="always")
def base_tile(n, n_out, pitch, matrix):
    """The n rows of a matrix in a tile of their own."""
    tile = aligned(n * pitch, matrix.dtype)
    load_rows(matrix, np.int64(0), n, n_out, pitch, tile, np.int64(0))
    return tile


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def load_columns(matrix, n_columns, p, wanted, first, count, out):
    """Columns p.., at most as many as wanted, of `count` rows of a matrix, flat, from row `first`.

    Column after column.
    """
    for i in range(count):
        row = (first + i) * n_columns + p
        for j in range(min(wanted, n_columns - p)):
            out[j * count + i] = matrix[row + j]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def save_columns(columns, count, matrix, n_columns, p, wanted, first):
    """The reverse of `load_columns`."""
    for i in range(count):
        row = (first + i) * n_columns + p
        for j in range(min(wanted, n_columns - p)):
            matrix[row + j] = columns[j * count + i]


@njit(inline="always")
def arrange(spans, begin, count, width, n_basis, kept):
    """The rows of a tile for the samples with spans[begin], ..., which become the first row of each.

    A tile holds all n_basis functions of an input or, for few samples, `width` for every sample: then the
    spans are kept.
    """
    if count * width >= n_basis:
        return n_basis
    for i in range(count):
        kept[i] = spans[begin + i]
        spans[begin + i] = i * width
    return count * width


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def fill_tile(c, first, n_basis, n_out, pitch, rows, kept, width, tile):
    """Coefficients of an input, rows first.. of the matrix c, into a tile with rows as from `arrange`."""
    if rows == n_basis:
        load_rows(c, first, n_basis, n_out, pitch, tile, np.int64(0))
    else:
        for i in range(rows // width):
            load_rows(c, first + kept[i], width, n_out, pitch, tile, i * width)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def add_tile(tile, n_basis, n_out, pitch, rows, kept, width, out, first):
    """Add a tile with rows as from `arrange` to the rows first.. of the matrix `out`, flat."""
    if rows == n_basis:
        add_rows(tile, np.int64(0), n_basis, n_out, pitch, out, first)
    else:
        for i in range(rows // width):
            add_rows(tile, i * width, width, n_out, pitch, out, first + kept[i])
