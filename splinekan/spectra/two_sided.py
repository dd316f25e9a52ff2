"""Eigenvalues after a change of coordinates that float64 cannot square: from both ends.

Let J = U S V^T with J well behaved, and T far from it: cond(A)^2 passes 1e16 for cubics on 60 intervals. In
z = T u the singular values of J T^{-1} = U (S V^T T^{-1}) are wanted, which a dense decomposition finds to
eps times the largest: the lower half may be rounding. But the pseudo-inverse, T V S^{-1} U^T without what it
holds of the image of the null space of J, has the reciprocals, and finds *its* largest to eps: the lower
half. Both together resolve a span of 1/eps^2 in singular values, 1/eps^4 in eigenvalues. What limits them is
how well J itself is known: an error E of J changes J T^{-1} = (1 + E J^+) J T^{-1} by the relative amount
|E| |J^+|, in whatever coordinates (Eisenstat & Ipsen 1995, SIAM J. Numer. Anal. 32). That is added, and where
it is large nothing counts as resolved: more digits in the arithmetic would resolve noise.

Jacobi's method (LAPACK dgejsv) does not help here. It is accurate if the columns of J T^{-1} are well
conditioned after scaling, and those of power ReLUs are not: on cubics it is as far off as a plain
decomposition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from splinekan._checks import Float64Array, boolean, instance, not_too_large, real, real_array
from splinekan.operators import Coordinates
from splinekan.spectra.spectrum import Spectrum

EPS = float(np.finfo(np.float64).eps)
LARGEST_ROOT = 1e150
"""Of what is squared."""


def factor_spectrum(
    J: Float64Array,
    T: Coordinates | None = None,
    vectors: bool = False,
    scale: Float64Array | None = None,
) -> Spectrum:
    """The eigenvalues of T^{-T} J^T J T^{-1}, from J, whose square is never formed.

    Parameters
    ----------
    J
        (any, n): a Jacobian, or a triangular factor of one.
    T
        Coordinates z = T u; None for u itself.
    vectors
        Also eigenvectors, in z.
    scale
        (n,) sizes c such that errors of column j of J are relative to c_j, not negative; None for 1. Columns
        of a Jacobian belong to functions that see many samples or few. They are scaled first, J = J_s C, and
        C T^{-1} takes the place of T^{-1}.

    Returns
    -------
    Spectrum
        n values. Singular values of J_s up to max(shape) eps |J_s| count as zero, in all coordinates alike.

    Raises
    ------
    TypeError, ValueError
        For J no finite matrix, or T of another size.
    """
    J = real_array("J", J, ndim=2, empty=False).astype(np.float64, copy=False)
    boolean("vectors", vectors)
    not_too_large("J", J, LARGEST_ROOT)
    n = J.shape[1]
    S = _Scaled(_sizes(scale, n), _fitting(T, n, "columns of J"))
    size = max(J.shape)
    J = J / S.scale
    if J.shape[0] > n:
        (J,) = scipy.linalg.qr(J, mode="r", check_finite=False)
        J = J[:n]
    _, s, V = scipy.linalg.svd(J, full_matrices=True, check_finite=False)
    V = V.T
    delta = size * EPS * float(s[0])
    rank = int((s > delta).sum())
    if rank == 0:
        return Spectrum(np.zeros(n), np.zeros(n), "J is zero", n, V if vectors else None)
    if T is None and scale is None:
        known = np.where(np.arange(n) < rank, np.pad(s, (0, n - len(s))), 0.0)
        values, error = known**2, (2 * known + delta) * delta
        return Spectrum(values, error, "singular values of J", n - rank, V if vectors else None)
    seen, unseen, s = V[:, :rank], V[:, rank:], s[:rank]
    lost = delta / float(s[-1])  # |E| |J_s^+|

    rows = s * seen
    left, f, _ = scipy.linalg.svd(S.forward(rows), full_matrices=False, check_finite=False)
    rounding = np.sqrt(n) * EPS * np.linalg.norm(S.forward(rows, sizes=True)) + n * EPS * f[0]
    if rank < n:
        rounding += delta * np.linalg.norm(S.forward(unseen), 2)
    with np.errstate(divide="ignore"):
        down = np.minimum(rounding / f + lost, (rounding + delta * S.forward_norm) / f)

    columns = seen / s
    backward = S.backward(columns)
    rounding = np.sqrt(n) * EPS * np.linalg.norm(S.backward(columns, sizes=True))
    image, least, turned = _image(S, unseen, lost)
    rounding += turned * float(np.linalg.norm(backward, 2))
    for _ in range(2):  # once more, for what rounding left of the image
        backward = backward - image @ (image.T @ backward)
    right, b, _ = scipy.linalg.svd(backward, full_matrices=False, check_finite=False)
    rounding += n * EPS * b[0]
    right, b = right[:, ::-1], b[::-1]
    with np.errstate(divide="ignore"):
        up = rounding / b + lost

    from_above = down <= up
    sigma = np.where(from_above, f, np.divide(1.0, b, out=np.zeros_like(b), where=b > 0))
    relative = np.minimum(down, up)
    values = sigma**2
    with np.errstate(invalid="ignore", over="ignore"):
        error = values * (2 * relative + relative**2)
    error[np.isnan(error)] = np.inf  # a 0 that nothing bounds
    order = np.argsort(-values, kind="stable")
    both = None
    if vectors:
        both = np.concatenate([np.where(from_above, left, right)[:, order], image], axis=1)
    return Spectrum(
        np.concatenate([values[order], np.zeros(n - rank)]),
        np.concatenate([error[order], np.full(n - rank, (delta / least) ** 2)]),
        "singular values from both ends",
        n - rank,
        both,
    )


def congruence_spectrum(
    H: Float64Array,
    T: Coordinates | None = None,
    noise: float = 0.0,
    vectors: bool = False,
    scale: Float64Array | None = None,
) -> Spectrum:
    """The eigenvalues of T^{-T} H T^{-1} for a symmetric H, definite or not.

    As `factor_spectrum`, with H = V diag(lambda) V^T in the place of J: large values from T^{-T} H T^{-1},
    small ones from its pseudo-inverse, positive and negative ones each among themselves, because a congruence
    keeps their numbers (Sylvester). A change of H within its error, E, moves H = |H|^{1/2} (sign + G)
    |H|^{1/2} by |G| <= |E|/min |lambda|.

    Parameters
    ----------
    H
        (n, n), symmetric; the mean of it and its transpose is taken.
    T
        Coordinates; None for u itself.
    noise
        What is known about the error of H (scaled), in its 2-norm; n eps |H| and the asymmetry are added.
    vectors
        Also eigenvectors, in z.
    scale
        (n,) sizes c such that errors of H_ij are relative to c_i c_j, as in `factor_spectrum`.

    Raises
    ------
    TypeError, ValueError
        For H no finite square matrix, or T or scale of another size.
    """
    H = real_array("H", H, ndim=2, empty=False).astype(np.float64, copy=False)
    noise = real("noise", noise, low=0.0, high=np.inf)
    boolean("vectors", vectors)
    n = len(H)
    if H.shape != (n, n):
        raise ValueError(f"H must be square, got {H.shape}")
    not_too_large("H", H, LARGEST_ROOT)
    S = _Scaled(_sizes(scale, n), _fitting(T, n, "rows of H"))
    H = H / S.scale / S.scale[:, None]
    asymmetry = float(np.linalg.norm(H - H.T))
    lam, V = scipy.linalg.eigh((H + H.T) / 2, check_finite=False)
    delta = n * EPS * float(np.abs(lam).max()) + asymmetry + noise
    kept = np.abs(lam) > delta
    nullity = n - int(kept.sum())
    if nullity == n:
        return Spectrum(np.zeros(n), np.full(n, delta), "H is zero to rounding", n, V if vectors else None)
    if T is None and scale is None:
        values = np.where(kept, lam, 0.0)
        order = np.argsort(-values, kind="stable")
        at = V[:, order] if vectors else None
        return Spectrum(values[order], np.full(n, delta), "eigenvalues of H", nullity, at)
    order = np.argsort(-lam[kept], kind="stable")
    seen, unseen, lam = V[:, kept][:, order], V[:, ~kept], lam[kept][order]
    lost = delta / float(np.abs(lam).min())
    roots = np.sqrt(np.abs(lam))
    positive = int((lam > 0).sum())
    signs = np.sign(lam)

    half = S.forward(seen * roots)
    worst = float(np.linalg.norm(S.forward(seen * roots, sizes=True)))
    values, left = scipy.linalg.eigh((half * signs) @ half.T, check_finite=False)
    norm = float(np.linalg.norm(half, 2)) ** 2
    down = n * EPS * norm + 2 * np.sqrt(n) * EPS * worst * np.sqrt(norm)
    down += min(delta * S.forward_norm**2, lost * norm)
    down_values, left = _signed(values, left, positive, len(lam) - positive)

    half = S.backward(seen / roots)
    worst = float(np.linalg.norm(S.backward(seen / roots, sizes=True)))
    image, least, turned = _image(S, unseen, lost)
    before = float(np.linalg.norm(half, 2))
    for _ in range(2):
        half = half - image @ (image.T @ half)
    values, right = scipy.linalg.eigh((half * signs) @ half.T, check_finite=False)
    norm = float(np.linalg.norm(half, 2)) ** 2
    up = (n * EPS + lost) * norm + 2 * np.sqrt(n) * EPS * worst * np.sqrt(norm)
    up += 2 * turned * before * np.sqrt(norm)
    up_values, right = _signed(values, right, positive, len(lam) - positive)
    # Both kinds fall in `down_values`; the reciprocals of `up_values` do so once each kind is reversed.
    reverse = np.concatenate([np.arange(positive)[::-1], np.arange(positive, len(lam))[::-1]])
    up_values, right = up_values[reverse], right[:, reverse]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative_down = np.where(down_values * signs > 0, down / np.abs(down_values), np.inf)
        relative_up = np.where(up_values * signs > 0, up / np.abs(up_values), np.inf)
        from_above = relative_down <= relative_up
        found = np.where(from_above, down_values, 1 / up_values)
    relative = np.minimum(relative_down, relative_up)
    useless = ~np.isfinite(relative)
    found[useless] = 0.0
    error = np.where(useless, down, np.abs(found) * np.where(useless, 0.0, relative))
    values = np.concatenate([found, np.zeros(nullity)])
    errors = np.concatenate([error, np.full(nullity, delta / least**2)])
    order = np.argsort(-values, kind="stable")
    both = None
    if vectors:
        both = np.concatenate([np.where(from_above, left, right), image], axis=1)[:, order]
    return Spectrum(values[order], errors[order], "eigenvalues from both ends", nullity, both)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """z = T C^{-1} v with v = C u: products with C T^{-1} from the right and T C^{-1} from the left.

    C is rounded to powers of 2, so that scaling is exact; parameters that nothing depends on keep 1.
    """

    sizes: Float64Array
    T: Coordinates | None

    @cached_property
    def scale(self) -> Float64Array:
        """The diagonal of C."""
        seen = self.sizes > 0
        return np.exp2(np.round(np.log2(np.where(seen, self.sizes, 1.0))))

    def forward(self, X: Float64Array, sizes: bool = False) -> Float64Array:
        """T^{-T} C X; with `sizes` of all absolute values, for a bound on rounding."""
        Y = self.scale[:, None] * (np.abs(X) if sizes else X)
        return Y if self.T is None else (self.T.absolute() if sizes else self.T).solve_transpose(Y)

    def backward(self, X: Float64Array, sizes: bool = False) -> Float64Array:
        """T C^{-1} X."""
        Y = (np.abs(X) if sizes else X) / self.scale[:, None]
        return Y if self.T is None else (self.T.absolute() if sizes else self.T).apply(Y)

    @cached_property
    def forward_norm(self) -> float:
        """|C T^{-1}|, the 2-norm."""
        return float(np.linalg.norm(self.forward(np.eye(len(self.sizes))), 2))


def _sizes(scale: Float64Array | None, n: int) -> Float64Array:
    if scale is None:
        return np.ones(n)
    sizes = real_array("scale", scale, shape=(n,)).astype(np.float64, copy=False)
    if (sizes < 0).any():
        raise ValueError(f"scale must not be negative, got {sizes.min()}")
    seen = sizes[sizes > 0]
    if len(seen) and not 1 / LARGEST_ROOT <= seen.min() <= seen.max() <= LARGEST_ROOT:
        raise ValueError(
            f"scale must be 0 or lie between {1 / LARGEST_ROOT} and {LARGEST_ROOT}, "
            f"got {seen.min()} to {seen.max()}"
        )
    return sizes


def _fitting(T: Coordinates | None, n: int, what: str) -> Coordinates | None:
    if T is not None and instance("T", T, Coordinates).n_parameters != n:
        raise ValueError(f"T must have as many parameters as there are {what}, {n}, got {T.n_parameters}")
    return T


def _image(S: _Scaled, unseen: Float64Array, lost: float) -> tuple[Float64Array, float, float]:
    """Of the null space in z: an orthonormal basis, its least stretching, the angle errors turn it by."""
    if unseen.shape[1] == 0:
        return unseen, 1.0, 0.0
    U, s, _ = scipy.linalg.svd(S.backward(unseen), full_matrices=False, check_finite=False)
    least = max(float(s[-1]), float(np.finfo(np.float64).tiny))
    rounding = np.sqrt(len(unseen)) * EPS * float(np.linalg.norm(S.backward(unseen, sizes=True)))
    return U, least, (rounding + lost * float(s[0])) / least


def _signed(
    values: Float64Array, vectors: Float64Array, positive: int, negative: int
) -> tuple[Float64Array, Float64Array]:
    """Of ascending eigenvalues the largest ones, falling, then the least ones, falling to the least."""
    n = len(values)
    pick = np.concatenate([np.arange(n - 1, n - 1 - positive, -1), np.arange(negative - 1, -1, -1)])
    return values[pick.astype(int)], vectors[:, pick.astype(int)]
