"""Tiles: the coefficients of an input copied to rows that begin where registers load them fastest.

A row of a tile holds the outputs, padded with zeros to whole vectors, and begins at a multiple of 64 bytes:
a vector that straddles two lines of the cache takes twice as long to load. A tile holds all functions of the
input or, for few samples, the active functions of every sample; its cost is at most that of the samples.

Kernels that use this file are compiled with it: numba's cache does not see when it changes.
"""

import numpy as np
from numba import njit

from splinekan.kernels._simd import NARROW

LINE = 64
"""Bytes of a line of the cache."""
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
    for i in range(count):
        for q in range(n_out):
            tile[i * pitch + q] = matrix[(first + i) * n_out + q]


@njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
def save_rows(tile, count, n_out, pitch, matrix, first):
    """The reverse of `load_rows`."""
    for i in range(count):
        for q in range(n_out):
            matrix[(first + i) * n_out + q] = tile[i * pitch + q]


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
        for i in range(n_basis):
            for q in range(n_out):
                out[(first + i) * n_out + q] += tile[i * pitch + q]
        return
    for i in range(count):
        for l in range(width):
            for q in range(n_out):
                out[(first + spans[i] + l) * n_out + q] += tile[(i * width + l) * pitch + q]
