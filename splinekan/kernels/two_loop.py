"""The two-loop recursion of L-BFGS on circular buffers."""

from numba import njit


@njit(cache=True, nogil=True)
def two_loop(steps, changes, rho, first, count, scaling, direction, alpha):
    """direction <- H direction, H the limited-memory inverse Hessian of the `count` stored pairs.

    steps and changes (memory, n) hold s and y, the oldest pair in row `first`; rho = 1/(s.y);
    `scaling` is the initial inverse Hessian; `alpha` (memory,) is scratch.
    """
    memory, n = steps.shape
    for index in range(count - 1, -1, -1):
        row = (first + index) % memory
        total = 0.0
        for i in range(n):
            total += steps[row, i] * direction[i]
        alpha[row] = rho[row] * total
        for i in range(n):
            direction[i] -= alpha[row] * changes[row, i]
    for i in range(n):
        direction[i] *= scaling
    for index in range(count):
        row = (first + index) % memory
        total = 0.0
        for i in range(n):
            total += changes[row, i] * direction[i]
        beta = alpha[row] - rho[row] * total
        for i in range(n):
            direction[i] += beta * steps[row, i]
