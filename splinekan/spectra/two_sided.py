"""Eigenvalues after an ill-conditioned change of coordinates, from both ends of the spectrum.

Let J = U S V^T be well conditioned, and T not: cond(A)^2 exceeds 1e16 for cubics on 60 intervals. In z = T u
the singular values of J T^{-1} = U (S V^T T^{-1}) are sought. A dense decomposition has an absolute error of
eps times the largest, so that the lower half may be rounding error. The pseudo-inverse, T V S^{-1} U^T
projected onto the complement of the image of the null space of J, has the reciprocal singular values; its
decomposition is accurate for the largest of these, the lower half. Together they resolve a range of 1/eps^2
in singular values and 1/eps^4 in eigenvalues. The accuracy of J is a limit: an error E of J changes J T^{-1}
to (1 + E J^+) J T^{-1}, by the relative amount |E| |J^+| in all coordinates (Eisenstat & Ipsen 1995, SIAM J.
Numer. Anal. 32). This amount is added to the errors; if it is large, no value is resolved, and higher
precision would not help.

Jacobi's method (LAPACK dgejsv) is accurate if the columns of J T^{-1} are well conditioned after scaling. The
columns of power ReLUs are not: for cubics its errors are as large as those of a plain decomposition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from splinekan._blas import several
from splinekan._checks import Float64Array, boolean, instance, not_too_large, real, real_array
from splinekan.operators import Coordinates
from splinekan.spectra.spectrum import Spectrum

EPS = float(np.finfo(np.float64).eps)
LARGEST_ROOT = 1e150
"""Bound on the entries of matrices that are squared."""


def factor_spectrum(
    J: Float64Array,
    T: Coordinates | None = None,
    vectors: bool = False,
    scale: Float64Array | None = None,
) -> Spectrum:
    """The eigenvalues of T^{-T} J^T J T^{-1}, computed from J without forming J^T J.

    Parameters
    ----------
    J
        (any, n), a Jacobian or its triangular factor.
    T
        Coordinates z = T u; None for u itself.
    vectors
        Whether to compute eigenvectors, in z.
    scale
        Nonnegative sizes c, (n,), such that the error of column j of J is relative to c_j; None for 1. The
        columns of a Jacobian differ in size, because the supports of the functions contain different numbers
        of samples. They are scaled first, J = J_s C, and C T^{-1} replaces T^{-1}.

    Returns
    -------
    Spectrum
        n values. Singular values of J_s up to max(shape) eps |J_s| count as zero, in all coordinates.

    Raises
    ------
    TypeError, ValueError
        If J is not a finite matrix, or T has the wrong size.
    """
    J = real_array("J", J, ndim=2, empty=False).astype(np.float64, copy=False)
    boolean("vectors", vectors)
    not_too_large("J", J, LARGEST_ROOT)
    n = J.shape[1]
    S = _Scaled(_sizes(scale, n), _fitting(T, n, "columns of J"))
    with several(22.0 * J.size * n):
        return _factor_spectrum(J, S, vectors, T is None and scale is None)


def _factor_spectrum(J: Float64Array, S: _Scaled, vectors: bool, plain: bool) -> Spectrum:
    """`factor_spectrum` for J and S; `plain` if S is the identity."""
    n, size = J.shape[1], max(J.shape)
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
    if plain:
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
    image, least, angle = _image(S, unseen, lost)
    rounding += angle * float(np.linalg.norm(backward, 2))
    for _ in range(2):  # the second pass removes the rounding errors of the first
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
    error[np.isnan(error)] = np.inf  # a 0 without a bound
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
    """The eigenvalues of T^{-T} H T^{-1} for a symmetric H, definite or indefinite.

    As in `factor_spectrum`, with H = V diag(lambda) V^T instead of J: large values come from T^{-T} H T^{-1}
    and small values from its pseudo-inverse. Positive and negative values are matched separately, because a
    congruence preserves their numbers (Sylvester). An error E of H changes it to |H|^{1/2} (sign + G)
    |H|^{1/2} with |G| <= |E|/min |lambda|.

    Parameters
    ----------
    H
        (n, n), symmetric; the mean of H and its transpose is used.
    T
        Coordinates; None for u itself.
    noise
        A bound on the error of H (scaled) in the 2-norm, to which n eps |H| and the asymmetry are added.
    vectors
        Whether to compute eigenvectors, in z.
    scale
        (n,) sizes c such that errors of H_ij are relative to c_i c_j, as in `factor_spectrum`.

    Raises
    ------
    TypeError, ValueError
        If H is not a finite square matrix, or T or scale has the wrong size.
    """
    H = real_array("H", H, ndim=2, empty=False).astype(np.float64, copy=False)
    noise = real("noise", noise, low=0.0, high=np.inf)
    boolean("vectors", vectors)
    n = len(H)
    if H.shape != (n, n):
        raise ValueError(f"H must be square, got {H.shape}")
    not_too_large("H", H, LARGEST_ROOT)
    S = _Scaled(_sizes(scale, n), _fitting(T, n, "rows of H"))
    with several(9.0 * n**3):
        return _congruence_spectrum(H, S, noise, vectors, T is None and scale is None)


def _congruence_spectrum(H: Float64Array, S: _Scaled, noise: float, vectors: bool, plain: bool) -> Spectrum:
    """`congruence_spectrum` for H and S; `plain` if S is the identity."""
    n = len(H)
    H = H / S.scale / S.scale[:, None]
    asymmetry = float(np.linalg.norm(H - H.T))
    lam, V = scipy.linalg.eigh((H + H.T) / 2, check_finite=False)
    delta = n * EPS * float(np.abs(lam).max()) + asymmetry + noise
    kept = np.abs(lam) > delta
    nullity = n - int(kept.sum())
    if nullity == n:
        return Spectrum(np.zeros(n), np.full(n, delta), "H is zero to rounding", n, V if vectors else None)
    if plain:
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
    image, least, angle = _image(S, unseen, lost)
    before = float(np.linalg.norm(half, 2))
    for _ in range(2):
        half = half - image @ (image.T @ half)
    values, right = scipy.linalg.eigh((half * signs) @ half.T, check_finite=False)
    norm = float(np.linalg.norm(half, 2)) ** 2
    up = (n * EPS + lost) * norm + 2 * np.sqrt(n) * EPS * worst * np.sqrt(norm)
    up += 2 * angle * before * np.sqrt(norm)
    up_values, right = _signed(values, right, positive, len(lam) - positive)
    # Positive and negative values both decrease in `down_values`; the reciprocals of `up_values` decrease
    # after either kind is reversed.
    reverse = np.concatenate([np.arange(positive)[::-1], np.arange(positive, len(lam))[::-1]])
    up_values, right = up_values[reverse], right[:, reverse]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative_down = np.where(down_values * signs > 0, down / np.abs(down_values), np.inf)
        relative_up = np.where(up_values * signs > 0, up / np.abs(up_values), np.inf)
        from_above = relative_down <= relative_up
        best = np.where(from_above, down_values, 1 / up_values)
    relative = np.minimum(relative_down, relative_up)
    useless = ~np.isfinite(relative)
    best[useless] = 0.0
    error = np.where(useless, down, np.abs(best) * np.where(useless, 0.0, relative))
    values = np.concatenate([best, np.zeros(nullity)])
    errors = np.concatenate([error, np.full(nullity, delta / least**2)])
    order = np.argsort(-values, kind="stable")
    both = None
    if vectors:
        both = np.concatenate([np.where(from_above, left, right), image], axis=1)[:, order]
    return Spectrum(values[order], errors[order], "eigenvalues from both ends", nullity, both)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """z = T C^{-1} v with v = C u: products with T^{-T} C and T C^{-1}.

    C is rounded to powers of 2, so that scaling is exact; parameters of size 0 keep the scale 1.
    """

    sizes: Float64Array
    T: Coordinates | None

    @cached_property
    def scale(self) -> Float64Array:
        """The diagonal of C."""
        seen = self.sizes > 0
        return np.exp2(np.round(np.log2(np.where(seen, self.sizes, 1.0))))

    def forward(self, X: Float64Array, sizes: bool = False) -> Float64Array:
        """T^{-T} C X; with `sizes` for the absolute values of all factors, a bound on rounding."""
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
        raise ValueError(f"T must have a parameter for each of the {n} {what}, got {T.n_parameters}")
    return T


def _image(S: _Scaled, unseen: Float64Array, lost: float) -> tuple[Float64Array, float, float]:
    """The image of the null space in z: an orthonormal basis, its least stretch, its error as an angle."""
    if unseen.shape[1] == 0:
        return unseen, 1.0, 0.0
    U, s, _ = scipy.linalg.svd(S.backward(unseen), full_matrices=False, check_finite=False)
    least = max(float(s[-1]), float(np.finfo(np.float64).tiny))
    rounding = np.sqrt(len(unseen)) * EPS * float(np.linalg.norm(S.backward(unseen, sizes=True)))
    return U, least, (rounding + lost * float(s[0])) / least


def _signed(
    values: Float64Array, vectors: Float64Array, positive: int, negative: int
) -> tuple[Float64Array, Float64Array]:
    """The `positive` largest and the `negative` least of ascending eigenvalues, both in decreasing order."""
    n = len(values)
    pick = np.concatenate([np.arange(n - 1, n - 1 - positive, -1), np.arange(negative - 1, -1, -1)])
    return values[pick.astype(int)], vectors[:, pick.astype(int)]
