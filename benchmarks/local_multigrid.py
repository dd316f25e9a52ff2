"""Local multigrid on hierarchical B-splines: iterations beside those of pyiga.

    python benchmarks/local_multigrid.py [--python INTERPRETER]

The problem of pyiga's own test (test_localmg.py): -Laplace u = 1 on the unit square, u = 0 on its boundary,
cubic splines on 6 x 6 intervals, refined three times towards the corner (1, 1): level l on (1 - 2^-l, 1)^2.
One symmetric Gauss-Seidel sweep before and after each coarse correction; V-cycles until the 2-norm of the
error of the coefficients is below 1e-8. HB is the hierarchical basis, THB the truncated basis. Smoothing
takes the functions of the level (new), and functions of coarser levels that reach into it: those that are
truncated there (trunc), with a descendant among the level's active functions (func_supp), or with a cell in
common with them (cell_supp).

Ours builds both bases from `splinekan.prolongation` and smooths by `sk.VCycle(..., unknowns=...)`. The last
column is conjugate gradients with the same cycle. pyiga (https://github.com/c-f-h/pyiga) runs in the
interpreter that is named; the package of that name on PyPI is another, so it must be built from its
repository.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from typing import Any

import numpy as np
import scipy

DEGREE, INTERVALS, LEVELS, TOLERANCE = 3, 6, 4, 1e-8
STRATEGIES = ("new", "trunc", "func_supp", "cell_supp")
PUBLISHED = {"HB": (107, 49, 49, 41), "THB": (118, 19, 15, 15)}
"""In pyiga's test, without a bound on the disparity of levels."""


def hierarchical(truncated: bool) -> dict[str, Any]:
    """Matrix, right-hand side, prolongations, free unknowns, smoothing sets, from tensor-product levels."""
    import splinekan as sk

    knots = [sk.KnotVector.clamped(np.linspace(0, 1, INTERVALS + 1), DEGREE)]
    for _ in range(LEVELS - 1):
        knots.append(knots[-1].refine())
    P = [scipy.sparse.kron(Q, Q, format="csr") for Q in map(sk.prolongation, knots[:-1], knots[1:])]
    n = [t.n_basis for t in knots]
    # Left ends of supports; a function belongs to a region if it starts behind the region's corner.
    starts = [t.t[: t.n_basis] for t in knots]
    corner = [1 - 2.0**-level for level in range(LEVELS)] + [1.0]

    def inside(level: int, region: int) -> np.ndarray:
        along = starts[level] >= corner[region] - 1e-12
        return np.outer(along, along).ravel()

    def boundary(level: int) -> np.ndarray:
        along = np.isin(np.arange(n[level]), (0, n[level] - 1))
        return (along[:, None] | along).ravel()

    region = [np.flatnonzero(inside(level, level)) for level in range(LEVELS)]
    gone = [
        inside(level, level + 1) if level + 1 < LEVELS else np.zeros(n[level] ** 2, bool)
        for level in range(LEVELS)
    ]
    active = [r[~gone[level][r]] for level, r in enumerate(region)]
    passive = [r[gone[level][r]] for level, r in enumerate(region)]
    members = [np.concatenate(pair) for pair in zip(active, passive, strict=True)]
    # W: the functions of a level of the hierarchy in its tensor-product basis; origin: their (level, index).
    W = scipy.sparse.eye_array(n[0] ** 2, format="csr")[:, members[0]]
    origin = [(0, j) for j in members[0]]
    prolongations, origins, touched = [], [origin], [set()]
    for level in range(1, LEVELS):
        keeps = np.array([not (l == level - 1 and gone[l][j]) for l, j in origin])
        lifted = scipy.sparse.csr_array(P[level - 1] @ W)
        rows = lifted[members[level]]
        fixed = scipy.sparse.eye_array(len(origin), format="csr")[np.flatnonzero(keeps)]
        columns = np.ones(len(origin)) if truncated else (~keeps).astype(float)
        prolongations.append(
            scipy.sparse.vstack([fixed, rows @ scipy.sparse.diags_array(columns)], format="csr")
        )
        reached = np.flatnonzero((rows != 0).sum(axis=0))
        touched.append({origin[c] for c in reached if keeps[c]})
        rest = np.ones(n[level] ** 2)
        if truncated:
            rest[members[level]] = 0.0
        kept = scipy.sparse.diags_array(rest) @ lifted[:, np.flatnonzero(keeps)]
        unit = scipy.sparse.eye_array(n[level] ** 2, format="csr")[:, members[level]]
        W = scipy.sparse.hstack([kept, unit], format="csr")
        origin = [o for o, keep in zip(origin, keeps, strict=True) if keep] + [
            (level, j) for j in members[level]
        ]
        origins.append(origin)
    M, K = sk.gram_matrix(knots[-1]), sk.gram_matrix(knots[-1], derivative=1)
    stiffness = scipy.sparse.kron(K, M) + scipy.sparse.kron(M, K)
    integrals = np.asarray(M.sum(axis=1)).ravel()

    def support(level: int, chosen: np.ndarray, cells: int) -> np.ndarray:
        """The cells of level `cells`, no finer than `level`, that the functions reach."""
        count = INTERVALS * 2**level
        first = np.maximum(np.arange(n[level]) - DEGREE, 0)
        last = np.minimum(np.arange(n[level]), count - 1)
        mask = np.zeros((count, count), bool)
        for j in chosen:
            a, b = divmod(int(j), n[level])
            mask[first[a] : last[a] + 1, first[b] : last[b] + 1] = True
        size = 2 ** (level - cells)
        return mask.reshape(count // size, size, count // size, size).any(axis=(1, 3))

    def reaches(strategy: str, level: int, l: int) -> set[tuple[int, int]]:
        if strategy == "trunc":
            return {o for o in touched[level] if o[0] == l}
        if strategy == "func_supp":
            chain = P[l]
            for Q in P[l + 1 : level]:
                chain = Q @ chain
            return {(l, j) for j in np.flatnonzero((chain[active[level]] != 0).sum(axis=0))}
        if strategy == "cell_supp":
            cells = support(level, active[level], l)
            return {(l, j) for j in active[l] if (support(l, np.array([j]), l) & cells).any()}
        return set()

    fixed = [boundary(level) for level in range(LEVELS)]
    sets = {}
    for strategy in STRATEGIES:
        sets[strategy] = []
        for level, functions in enumerate(origins):
            wanted = set().union(*(reaches(strategy, level, l) for l in range(level)))
            sets[strategy].append(
                [
                    i
                    for i, (l, j) in enumerate(functions)
                    if (l == level or (l, j) in wanted) and not fixed[l][j]
                ]
            )
    return {
        "matrix": scipy.sparse.csr_array(W.T @ stiffness @ W),
        "right": W.T @ np.kron(integrals, integrals),
        "prolongations": prolongations,
        "free": np.array([i for i, (l, j) in enumerate(origins[-1]) if not fixed[l][j]]),
        "sets": sets,
    }


def ours() -> dict[str, list[list[int]]]:
    """Iterations of cycles and of conjugate gradients, by basis and strategy."""
    import splinekan as sk
    from splinekan.multilevel import GaussSeidel

    found: dict[str, list[list[int]]] = {}
    for basis in PUBLISHED:
        problem = hierarchical(basis == "THB")
        A, f, free = problem["matrix"], problem["right"], problem["free"]
        exact = np.zeros_like(f)
        inner = scipy.sparse.csc_array(A[free][:, free])
        exact[free] = scipy.sparse.linalg.spsolve(inner, f[free])
        found[basis] = []
        for strategy in STRATEGIES:
            B = sk.VCycle(
                A, problem["prolongations"], GaussSeidel(symmetric=True), unknowns=problem["sets"][strategy]
            )
            x, count = np.zeros_like(f), 0
            while np.linalg.norm(x - exact) >= TOLERANCE:
                x, count = x + B @ (f - A @ x), count + 1
            found[basis].append([count, krylov(inner, f[free], B, free, exact)])
    return found


def krylov(A: Any, b: np.ndarray, B: Any, free: np.ndarray, exact: np.ndarray) -> int:
    """Conjugate gradients with the cycle, until the error is as small."""

    class Reached(Exception):  # noqa: N818 - the end, not an error
        pass

    def inverse(r: np.ndarray) -> np.ndarray:
        whole = np.zeros_like(exact)
        whole[free] = r
        return np.asarray((B @ whole)[free])

    count = 0

    def step(x: np.ndarray) -> None:
        nonlocal count
        count += 1
        if np.linalg.norm(x - exact[free]) < TOLERANCE:
            raise Reached

    M = scipy.sparse.linalg.LinearOperator(A.shape, matvec=inverse, dtype=np.float64)
    with contextlib.suppress(Reached):
        scipy.sparse.linalg.cg(A, b, rtol=1e-15, M=M, callback=step)
    return count


def peer() -> dict[str, list[int]]:
    """Iterations of pyiga, by its own cycle."""
    from pyiga import assemble, bspline, geometry, hierarchical, solvers, vform

    found: dict[str, list[int]] = {}
    for basis in PUBLISHED:
        sides = [(0, 0), (0, 1), (1, 0), (1, 1)]
        knots = bspline.make_knots(DEGREE, 0.0, 1.0, INTERVALS)
        space = hierarchical.HSpace((knots, knots), truncate=basis == "THB", disparity=np.inf, bdspecs=sides)
        for level in range(LEVELS - 1):
            space.refine_region(level, lambda *X, level=level: min(X) > 1 - 0.5 ** (level + 1))
        data = {"geo": geometry.unit_square(), "f": lambda *x: 1.0}
        discrete = hierarchical.HDiscretization(space, vform.stiffness_vf(dim=2), data)
        A, f, P = discrete.assemble_matrix(), discrete.assemble_rhs(), space.virtual_hierarchy_prolongators()
        fixed = space.dirichlet_dofs()
        system = assemble.RestrictedLinearSystem(A, f, (fixed, np.zeros_like(fixed)))
        exact = system.complete(scipy.sparse.linalg.spsolve(system.A, system.b))
        found[basis] = []
        for strategy in STRATEGIES:
            step = solvers.local_mg_step(space, A, f, P, space.indices_to_smooth(strategy), "symmetric_gs", 1)
            x, count = np.zeros_like(exact), 0
            while np.linalg.norm(x - exact) >= TOLERANCE:
                x, count = step(x), count + 1
            found[basis].append(count)
    return found


def beside(interpreter: str) -> dict[str, list[int]] | None:
    """The result of `peer` in another interpreter; None if pyiga cannot be imported there."""
    done = subprocess.run([interpreter, __file__, "--peer"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"pyiga does not run in {interpreter}: {done.stderr.strip().splitlines()[-1]}")
        return None
    counts: dict[str, list[int]] = json.loads(done.stdout.strip().splitlines()[-1])
    return counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="local multigrid beside pyiga")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with pyiga")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        print(json.dumps(peer()))
        return
    theirs, found = beside(options.python), ours()
    print("basis  smoothing  published  pyiga  ours  ours, CG")
    for basis, counts in PUBLISHED.items():
        for at, strategy in enumerate(STRATEGIES):
            measured = "-" if theirs is None else str(theirs[basis][at])
            cycle, cg = found[basis][at]
            print(f"{basis:5}  {strategy:9}  {counts[at]:9}  {measured:>5}  {cycle:4}  {cg:8}")


if __name__ == "__main__":
    main()
