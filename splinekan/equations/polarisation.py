"""Mixed derivatives as combinations of derivatives along a few directions, with exact weights.

    D_a^m u = sum over |beta| = m of (m over beta) a^beta u_beta

for the derivative of order m along a vector a. For a mixed derivative u_alpha, the derivatives along the
vectors that differ from a in the signs of components are added with signs that cancel all beta whose parities
differ from those of alpha; the few remaining beta are eliminated by further vectors a.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import factorial, prod

Index = tuple[int, ...]
Direction = tuple[int, ...]


@lru_cache(maxsize=1024)
def combination(index: Index) -> tuple[tuple[Direction, Fraction], ...]:
    """Pairs (direction, weight) with u_alpha = sum of weight D^m u along direction, m = |alpha| > 0.

    Directions of several variables come first.
    """
    active = [i for i, n in enumerate(index) if n > 0]
    order = sum(index)
    if len(active) == 1:
        return ((_axis(index, active), Fraction(1)),)
    if order == 2:  # by the axes, whose derivatives an equation often has
        half = Fraction(1, 2)
        axes = (((_axis(index, [i])), -half) for i in active)
        return ((_axis(index, active), half), *axes)
    alpha = tuple(index[i] for i in active)
    weights = {}
    for base, weight in _weights_of_bases(alpha).items():
        for signs in _signs(base):
            sign = prod(s for s, n in zip(signs, alpha, strict=True) if n % 2)
            direction = [0] * len(index)
            for i, s, a in zip(active, signs, base, strict=True):
                direction[i] = s * a
            weights[tuple(direction)] = sign * weight
    return tuple(sorted(weights.items(), key=lambda pair: -sum(map(bool, pair[0]))))


def _axis(index: Index, active: list[int]) -> Direction:
    return tuple(int(i in active) for i in range(len(index)))


def _signs(base: Direction) -> Iterator[tuple[int, ...]]:
    """The signs of the components, up to a common sign."""
    first = next(i for i, a in enumerate(base) if a)
    choices = [(1,) if i == first or a == 0 else (1, -1) for i, a in enumerate(base)]
    yield from product(*choices)


def _weights_of_bases(alpha: Index) -> dict[Direction, Fraction]:
    """The weight of each vector, for the smallest vectors that suffice."""
    order = sum(alpha)
    alike = [
        beta
        for beta in product(range(order + 1), repeat=len(alpha))
        if sum(beta) == order and all((b - a) % 2 == 0 for a, b in zip(alpha, beta, strict=True))
    ]
    bases = [
        base
        for base in product(range(4), repeat=len(alpha))
        if any(base) and all(a or n % 2 == 0 for a, n in zip(base, alpha, strict=True))
    ]
    bases.sort(
        key=lambda base: (max(base), sum(map(bool, base)), [-a * n for a, n in zip(base, alpha, strict=True)])
    )
    target = [Fraction(int(beta == alpha)) for beta in alike]
    columns: list[list[Fraction]] = []
    for base in bases:
        count = len(list(_signs(base)))
        columns.append([Fraction(count * _multinomial(b) * prod(map(pow, base, b))) for b in alike])
        found = _solved(columns, target)
        if found is not None:
            return {each: weight for each, weight in zip(bases, found, strict=False) if weight}
    raise AssertionError(f"no combination for {alpha}")


def _multinomial(beta: Index) -> int:
    return factorial(sum(beta)) // prod(map(factorial, beta))


def _solved(columns: list[list[Fraction]], target: list[Fraction]) -> list[Fraction] | None:
    """The x with sum_j x_j columns_j = target, 0 for columns that depend on earlier columns; None if none."""
    rows = [[column[i] for column in columns] + [target[i]] for i in range(len(target))]
    pivots: list[int] = []
    for j in range(len(columns)):
        at = next((i for i in range(len(pivots), len(rows)) if rows[i][j]), None)
        if at is None:
            continue
        k = len(pivots)
        rows[k], rows[at] = rows[at], rows[k]
        rows[k] = [value / rows[k][j] for value in rows[k]]
        for i, row in enumerate(rows):
            if i != k and row[j]:
                rows[i] = [value - row[j] * own for value, own in zip(row, rows[k], strict=True)]
        pivots.append(j)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    x = [Fraction(0)] * len(columns)
    for k, j in enumerate(pivots):
        x[j] = rows[k][-1]
    return x
