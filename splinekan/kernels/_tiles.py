"""Tiles: the coefficients of an input copied to rows that begin where registers load them fastest.

A row of a tile holds the outputs, padded with zeros to whole vectors, and begins at a multiple of 64 bytes:
a vector that straddles two lines of the cache takes twice as long to load. A tile holds all functions of the
input or, for few samples, the active functions of every sample; its cost is at most that of the samples.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import NARROW, load, plus, store

LINE = 64
"""Bytes of a line of the cache."""
COLUMNS = 8
"""Inputs that are copied together: neighbours in a line of the cache."""
BLOCK = 1024
"""Samples of a block, at least: what a block costs besides its samples is small beside them."""
LONGEST = 8192
"""Samples of a block, at most."""


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def pitch_of(n_out):
    """The length of a row of a tile: n_out in whole vectors."""
    return (n_out + len(NARROW) - 1) // len(NARROW) * len(NARROW)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def block_size(n_basis, samples):
    """Samples of a block: so many that a tile is used several times."""
    return max(1, min(samples, max(BLOCK, min(4 * n_basis, LONGEST))))


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def tile_rows(n_basis, block, width):
    """Rows of the largest tile: see `fill_tile`."""
    return min(n_basis, block * width)


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def aligned(n, dtype):
    """n zeros that begin at a multiple of `LINE` bytes."""
    memory = np.zeros(n + LINE // 4, dtype)
    shift = (-memory.ctypes.data % LINE) // memory.itemsize
    return memory[shift : shift + n]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def load_rows(matrix, first, count, n_out, pitch, tile):
    """Rows first..first+count-1 of a matrix, flat, with n_out columns, into the rows of a tile."""
    whole = n_out // len(NARROW) * len(NARROW)
    for i in range(count):
        here, there = (first + i) * n_out, i * pitch
        for q in range(0, whole, len(NARROW)):
            store(tile, there + q, load(NARROW, matrix, here + q))
        for q in range(whole, n_out):
            tile[there + q] = matrix[here + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def save_rows(tile, count, n_out, pitch, matrix, first):
    """The reverse of `load_rows`."""
    whole = n_out // len(NARROW) * len(NARROW)
    for i in range(count):
        here, there = (first + i) * n_out, i * pitch
        for q in range(0, whole, len(NARROW)):
            store(matrix, here + q, load(NARROW, tile, there + q))
        for q in range(whole, n_out):
            matrix[here + q] = tile[there + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def add_rows(tile, count, n_out, pitch, matrix, first):
    """As `save_rows`, added to the rows of the matrix."""
    whole = n_out // len(NARROW) * len(NARROW)
    for i in range(count):
        here, there = (first + i) * n_out, i * pitch
        for q in range(0, whole, len(NARROW)):
            store(matrix, here + q, plus(load(NARROW, matrix, here + q), load(NARROW, tile, there + q)))
        for q in range(whole, n_out):
            matrix[here + q] += tile[there + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def base_tile(n, n_out, pitch, matrix):
    """The n rows of a matrix in a tile of their own."""
    tile = aligned(n * pitch, matrix.dtype)
    load_rows(matrix, 0, n, n_out, pitch, tile)
    return tile


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def load_columns(matrix, n_columns, p, first, count, out, height):
    """Columns p.., at most `COLUMNS` of them, of `count` rows of a matrix, flat, from row `first`.

    Column by column, `height` apart.
    """
    for i in range(count):
        row = (first + i) * n_columns + p
        for j in range(min(COLUMNS, n_columns - p)):
            out[j * height + i] = matrix[row + j]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def save_columns(columns, height, count, matrix, n_columns, p, first):
    """The reverse of `load_columns`."""
    for i in range(count):
        row = (first + i) * n_columns + p
        for j in range(min(COLUMNS, n_columns - p)):
            matrix[row + j] = columns[j * height + i]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def fill_tile(c, first, n_basis, n_out, pitch, spans, count, width, tile, at):
    """Coefficients of an input, rows first.. of the matrix c, into the tile; `at`: each sample's first row.

    Returns the number of rows in use.
    """
    if count * width >= n_basis:
        load_rows(c, first, n_basis, n_out, pitch, tile)
        for i in range(count):
            at[i] = spans[i]
        return n_basis
    for i in range(count):
        at[i] = i * width
        load_rows(c, first + spans[i], width, n_out, pitch, tile[i * width * pitch :])
    return count * width


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def add_tile(tile, n_basis, n_out, pitch, spans, count, width, out, first):
    """Add a tile, filled as by `fill_tile`, to the rows of the matrix `out`, flat."""
    if count * width >= n_basis:
        add_rows(tile, n_basis, n_out, pitch, out, first)
        return
    for i in range(count):
        add_rows(tile[i * width * pitch :], width, n_out, pitch, out, first + spans[i])
