"""The change of basis A: eigenvalues, eigenvectors, condition and sign changes of A^T A."""

from __future__ import annotations

from typing import Any

import numpy as np

from splinekan._checks import instance, integer, shown, vector
from splinekan.plots.style import SERIES, many_axes, one_axes
from splinekan.spectra import Spectrum
from splinekan.spectra.signs import sign_change_bounds


def extreme_modes(axes: Any, spectra: dict[int, Spectrum], count: int = 3) -> Any:
    """For each order r all eigenvalues, the smoothest and the most oscillatory eigenvectors, on three axes.

    Parameters
    ----------
    axes
        Matplotlib axes (len(spectra), 3).
    spectra
        Spectra of A^T A with vectors, by r.
    count
        Number of eigenvectors at either end.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no spectra, or spectra without vectors.
    """
    _with_vectors(spectra)
    axes = many_axes("axes", axes, len(spectra), 3)
    count = integer("count", count, low=1, high=min(len(each.values) for each in spectra.values()))
    for row, (r, each) in zip(axes, spectra.items(), strict=True):
        m, vectors = len(each.values), _upwards(each)
        changes = sign_change_bounds(each)[0]
        shown = each.resolved
        row[0].semilogy(changes[shown], each.values[shown], "o", color="#000000", markersize=2.5)
        row[0].set_xlabel("sign changes of the eigenvector")
        row[0].set_ylabel(f"r = {r}: eigenvalue of $A^TA$\n(dimensionless, $x$ in [0, 1])")
        style = [SERIES[at % len(SERIES)] | {"marker": "", "linewidth": 1.1} for at in range(count)]
        for at in range(count):
            row[1].plot(vectors[:, at], label=f"{changes[m - 1 - at]} changes", **style[at])
        _room_for_a_legend(row[1], count)
        row[1].set_title("eigenvectors of the smallest eigenvalues", fontsize=9)
        row[1].set_ylabel("value of the entry (dimensionless)")
        # Oscillating vectors would hide each other: they are stacked, each with its zero line.
        step = 2.2 * np.abs(vectors[:, m - count :]).max()
        for at in range(count):
            index = m - 1 - at
            row[2].axhline(-at * step, color="0.8", linewidth=0.6)
            row[2].plot(vectors[:, index] - at * step, **style[at] | {"linestyle": "-"})
        row[2].set_yticks(-step * np.arange(count), [f"{n}" for n in changes[:count]])
        row[2].set_title("eigenvectors of the largest eigenvalues", fontsize=9)
        row[2].set_ylabel("vectors, by sign changes")
        for ax in row[1:]:
            ax.set_xlabel("entry (number of the power ReLU)")
    return axes


def condition_growth(ax: Any, intervals: Any, ratios: dict[int, Any]) -> Any:
    """lambda_max/lambda_min of A^T A against the number of intervals, with a line per order r.

    The legend gives the slope between the two largest numbers of intervals, for which 2r is expected;
    thin grey lines have slope 2r.

    Parameters
    ----------
    ax
        Matplotlib axes.
    intervals
        Numbers of intervals, increasing, at least two.
    ratios
        A dictionary from r to ratios, one for each number of intervals.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, fewer than two numbers of intervals, no ratios, or another number of
        ratios.
    """
    one_axes("ax", ax)
    counts = vector("intervals", intervals)
    if len(counts) < 2 or (np.diff(counts) <= 0).any() or counts[0] <= 0:
        raise ValueError(f"intervals must be at least two increasing numbers, got {shown(intervals)}")
    ratios = {
        r: vector(f"ratios[{r!r}]", values, len(counts))
        for r, values in instance("ratios", ratios, dict).items()
    }
    if not ratios:
        raise ValueError("ratios must not be empty")
    for at, (r, values) in enumerate(ratios.items()):
        ratio = np.asarray(values)
        ax.plot(counts, ratio[-1] * (counts / counts[-1]) ** (2 * r), color="0.75", linewidth=0.8)
        slope = np.log(ratio[-1] / ratio[-2]) / np.log(counts[-1] / counts[-2])
        label = f"r = {r}: slope {slope:.2f}"
        ax.plot(counts, ratio, label=label, markersize=4, linewidth=1.1, **SERIES[at % len(SERIES)])
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(counts, [f"{n:.0f}" for n in counts])
    ax.set_xlabel("intervals G (dimensionless)")
    ax.set_ylabel(r"$\lambda_{\max}/\lambda_{\min}$ of $A^TA$ (dimensionless)")
    ax.legend(frameon=False, fontsize=8)
    return ax


def sign_change_counts(ax: Any, spectra: dict[int, Spectrum], every: int = 12) -> Any:
    """Every eigenvalue of A^T A against the number of sign changes of its eigenvector.

    Eigenvalues are relative to the smallest of their order, and both axes are logarithmic, the counts raised
    by 1. On a thin grey line of slope 2r an eigenvalue grows like a derivative of order 2r of a wave with
    the same number of sign changes. Vectors whose count is uncertain are left out.

    Parameters
    ----------
    ax
        Matplotlib axes.
    spectra
        Spectra of A^T A with vectors, by r.
    every
        Distance of the markers of a line, in points.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, no spectra, or spectra without vectors or of matrices that are not
        positive definite.
    """
    one_axes("ax", ax)
    _with_vectors(spectra)
    every = integer("every", every, low=1)
    for r, each in spectra.items():
        if len(each) == 0 or each.values[-1] <= 0:
            raise ValueError(f"spectra[{r!r}] must hold positive eigenvalues, got {shown(each.values)}")
    for at, (r, each) in enumerate(spectra.items()):
        least, most = sign_change_bounds(each)
        counts = 1.0 + np.where(least == most, least, np.nan)[::-1]
        ratio = each.values[::-1] / each.values[-1]
        style = SERIES[at % len(SERIES)]
        middle = len(ratio) // 2
        ax.plot(
            counts,
            ratio[middle] * (counts / counts[middle]) ** (2 * r),
            color="0.75",
            linewidth=0.8,
            linestyle="-",
        )
        label = f"r = {r}, {len(counts)} vectors"
        ax.plot(counts, ratio, label=label, markevery=every, markersize=5, linewidth=0.8, **style)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("1 + sign changes of the eigenvector")
    ax.set_ylabel(r"$\lambda/\lambda_{\min}$ of $A^TA$")
    ax.legend(frameon=False, fontsize=8)
    return ax


def _with_vectors(spectra: Any) -> None:
    for r, spectrum in instance("spectra", spectra, dict).items():
        if instance(f"spectra[{r!r}]", spectrum, Spectrum).vectors is None:
            raise ValueError(f"spectra[{r!r}] must have eigenvectors")
    if not spectra:
        raise ValueError("spectra must not be empty")


def _upwards(spectrum: Spectrum) -> Any:
    """Vectors by increasing eigenvalue, with signs such that the first large entry is positive."""
    vectors = np.asarray(spectrum.vectors)[:, ::-1]
    large = np.abs(vectors) > np.abs(vectors).max(axis=0) / 2
    leading = vectors[large.argmax(axis=0), np.arange(vectors.shape[1])]
    return vectors * np.sign(leading)


def _room_for_a_legend(ax: Any, entries: int) -> None:
    """A legend in one line above the curves, which leave it a quarter of the height."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.22 * (high - low))
    ax.legend(
        frameon=False, fontsize=7, ncols=entries, loc="upper center", columnspacing=1.0, handlelength=1.8
    )
