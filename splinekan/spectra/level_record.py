"""Spectra of a network by level and basis: the record, its table, its JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from splinekan._checks import boolean, each, instance, integer, one_of, real
from splinekan._files import as_path, finite_or_none, write_json
from splinekan.spectra.coordinates import BASES
from splinekan.spectra.density import Density
from splinekan.spectra.ratios import (
    Ratio,
    dense_condition,
    dense_quantiles,
    lanczos_condition,
    lanczos_quantiles,
)
from splinekan.spectra.spectrum import Spectrum

KINDS = ("gauss-newton", "hessian", "preconditioned")
QUANTILES = (0.9, 0.1)
INDEFINITE = "the matrix may have negative eigenvalues, whose moduli a density does not order"


@dataclass(frozen=True, eq=False)
class LevelSpectrum:
    """The spectrum of a matrix on a level, in a basis.

    Attributes
    ----------
    level
        The level, counted from 0, coarsest first.
    layer
        The layer of a diagonal block; None for the whole matrix.
    intervals, parameters
        The number of intervals of the network, and of rows of the matrix.
    basis
        One of `splinekan.spectra.BASES`.
    matrix
        "gauss-newton", "hessian" or "preconditioned".
    spectrum
        Without a density, all eigenvalues of a decomposed matrix, with errors. With a density, the largest
        and smallest eigenvalues from the Lanczos method.
    density
        The density of all eigenvalues, from random probes; None if all eigenvalues are known. If it has
        fewer rows than the matrix, it is that of the tangent kernel: the other eigenvalues are 0.

    Raises
    ------
    TypeError, ValueError
        For fields of the wrong type.

    Examples
    --------
    >>> values = np.array([8.0, 2.0, 0.0])
    >>> row = LevelSpectrum(0, None, 4, 3, "spline", "gauss-newton", Spectrum(values, 0 * values, "exact", 1))
    >>> row.nullity, row.condition.value
    (1, 4.0)
    """

    level: int
    layer: int | None
    intervals: int
    parameters: int
    basis: str
    matrix: str
    spectrum: Spectrum
    density: Density | None = None

    def __post_init__(self) -> None:
        fields: dict[str, Any] = {
            "level": integer("level", self.level, low=0),
            "layer": None if self.layer is None else integer("layer", self.layer, low=0),
            "intervals": integer("intervals", self.intervals, low=0),
            "parameters": integer("parameters", self.parameters, low=1),
            "basis": one_of("basis", self.basis, BASES),
            "matrix": one_of("matrix", self.matrix, KINDS),
            "spectrum": instance("spectrum", self.spectrum, Spectrum),
            "density": None if self.density is None else instance("density", self.density, Density),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def method(self) -> str:
        """How the eigenvalues were computed, "dense" or "lanczos"."""
        return "dense" if self.density is None else "lanczos"

    @property
    def nullity(self) -> int | None:
        """The number of eigenvalues that are zero to rounding; None if it is unknown (Lanczos)."""
        return self.spectrum.nullity if self.density is None else None

    @property
    def condition(self) -> Ratio:
        """The effective condition number: the largest modulus divided by the smallest resolved modulus.

        Zeros are left out. An eigenvalue is resolved if its error is below a tenth of its modulus. If
        eigenvalues are neither resolved nor zero to rounding, or the smallest has not converged, this is a
        lower bound.
        """
        if self.density is None:
            return dense_condition(self.spectrum)
        return lanczos_condition(self.spectrum, self.density, self.matrix != "hessian")

    def quantile_ratio(self, high: float = QUANTILES[0], low: float = QUANTILES[1]) -> Ratio:
        """The ratio of two quantiles of the moduli of the eigenvalues, zeros left out.

        Unlike the condition number it does not depend on a single eigenvalue.

        Raises
        ------
        TypeError, ValueError
            For shares that are not 0 <= low < high <= 1.
        """
        high, low = real("high", high, low=0.0, high=1.0), real("low", low, low=0.0, high=1.0)
        if not low < high:
            raise ValueError(f"low must be less than high, got {low} and {high}")
        if self.density is None:
            return dense_quantiles(self.spectrum, high, low)
        if self.matrix == "hessian":
            return Ratio(np.nan, np.nan, np.nan, INDEFINITE)
        return lanczos_quantiles(self.density, high, low)

    def record(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {
            "level": self.level,
            "layer": self.layer,
            "intervals": self.intervals,
            "parameters": self.parameters,
            "basis": self.basis,
            "matrix": self.matrix,
            "method": self.method,
            "nullity": self.nullity,
            "condition": self.condition.record(),
            "quantile_ratio": {"shares": list(QUANTILES), **self.quantile_ratio().record()},
            "spectrum": self.spectrum.record(),
            "density": None if self.density is None else self.density.record(),
        }


COLUMNS: dict[str, Callable[[LevelSpectrum], str]] = {
    "level": lambda row: str(row.level),
    "layer": lambda row: "all" if row.layer is None else str(row.layer),
    "G": lambda row: str(row.intervals),
    "parameters": lambda row: str(row.parameters),
    "basis": lambda row: row.basis,
    "matrix": lambda row: row.matrix,
    "zero": lambda row: "?" if row.nullity is None else str(row.nullity),
    "unresolved": lambda row: str(row.spectrum.unresolved) if row.density is None else "?",
    "negative": lambda row: _negative(row),
    "largest": lambda row: _number(row.spectrum.largest),
    "smallest": lambda row: _smallest(row),
    "condition": lambda row: str(row.condition),
    "q90/q10": lambda row: str(row.quantile_ratio()),
}
LEFT = ("basis", "matrix")


@dataclass(frozen=True, eq=False)
class SpectraByLevel:
    """The result of `spectra_by_level`: spectra in order of level, basis, matrix and layer.

    Parameters
    ----------
    rows
        A nonempty sequence of `LevelSpectrum`.

    Raises
    ------
    TypeError, ValueError
        For an empty sequence, or rows of another type.
    """

    rows: tuple[LevelSpectrum, ...] = field(repr=False)

    def __post_init__(self) -> None:
        rows = each("rows", self.rows, lambda name, row: instance(name, row, LevelSpectrum))
        object.__setattr__(self, "rows", tuple(rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return self.table()

    @property
    def n_levels(self) -> int:
        """The number of levels."""
        return len({row.level for row in self.rows})

    def row(
        self,
        level: int = -1,
        basis: str = "spline",
        layer: int | None = None,
        *,
        preconditioned: bool = False,
    ) -> LevelSpectrum:
        """The spectrum of a level (-1 is the finest) in a basis, of a layer or (None) of the whole matrix.

        Raises
        ------
        TypeError, ValueError
            For a level, basis or layer that is not among the rows.
        """
        levels = sorted({row.level for row in self.rows})
        level = integer("level", level, low=-len(levels), high=len(levels) - 1)
        one_of("basis", basis, dict.fromkeys(row.basis for row in self.rows))
        layer = None if layer is None else integer("layer", layer, low=0)
        preconditioned = boolean("preconditioned", preconditioned)
        for row in self.rows:
            same = (row.level, row.basis, row.layer) == (levels[level], basis, layer)
            if same and (row.matrix == "preconditioned") == preconditioned:
                return row
        layers = sorted({row.layer for row in self.rows if row.layer is not None})
        raise ValueError(
            f"layer must be None or one of {layers}, and preconditioned spectra must have been computed, "
            f"got layer {layer}, preconditioned {preconditioned}"
        )

    def table(self) -> str:
        """A line for every spectrum, as text; notes give the reasons for missing numbers.

        `>` marks a lower bound, `?` an unknown number, `-` the lack of an estimate. "smallest" is the
        smallest resolved modulus. Columns that have the default value in all rows are left out.
        """
        names = [name for name in COLUMNS if not self._plain(name)]
        cells = [[name, *(COLUMNS[name](row) for row in self.rows)] for name in names]
        widths = [max(map(len, column)) for column in cells]
        lines = []
        for line in zip(*cells, strict=True):
            parts = [
                cell.ljust(width) if name in LEFT else cell.rjust(width)
                for name, cell, width in zip(names, line, widths, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
        notes: dict[str, list[str]] = {}
        for row in self.rows:
            for what, ratio in (("condition", row.condition), ("q90/q10", row.quantile_ratio())):
                if ratio.note and row.layer is None:
                    notes.setdefault(f"{what}: {ratio.note}", []).append(f"{row.level} {row.basis}")
        lines += [f"{note} (level {', '.join(places)})" for note, places in notes.items()]
        return "\n".join(lines)

    def _plain(self, name: str) -> bool:
        """Whether a column has the default value in all rows."""
        usual = {"layer": "all", "matrix": "gauss-newton", "negative": "0", "unresolved": "0"}
        return name in usual and all(COLUMNS[name](row) == usual[name] for row in self.rows)

    def plot(self, ax: Any = None, layer: int | None = None) -> Any:
        """The eigenvalues of every level on matplotlib axes, which are returned.

        Moduli in decreasing order are drawn against their rank, relative to the number of eigenvalues, with a
        colour for each level and a dash pattern for each basis. Unresolved values and zeros are left out;
        crosses mark negative eigenvalues. A density is drawn as the band between its bounds
        (`Density.cumulative`).

        Colours, fonts, grid, widths and size are those of `matplotlib.rcParams`, and hence of style sheets;
        if these are unchanged, those of this package.

        Parameters
        ----------
        ax
            Matplotlib axes to draw on; new axes if None, which Jupyter shows (`ax.figure` is their figure).
        layer
            A layer, with `layers=True`; None for the whole matrices.

        Raises
        ------
        TypeError, ValueError
            For ax that are not axes, or a layer that is not among the rows.
        """
        from splinekan.plots.level_spectra import level_spectra

        return level_spectra(ax, self, layer)

    def to_dict(self) -> dict[str, Any]:
        """All spectra as numbers, strings, lists and dictionaries, with None for NaN and infinities."""
        record: dict[str, Any] = finite_or_none({"spectra": [row.record() for row in self.rows]})
        return record

    def to_json(self, path: str | os.PathLike[str] | None = None, *, force: bool = False) -> str:
        """`to_dict` as JSON, which is also written to `path` if it is given.

        Raises
        ------
        TypeError, ValueError
            For an argument that is not a path, or not the path of a regular file.
        FileExistsError
            If the file exists and `force` is false.
        OSError
            If the file cannot be written.
        """
        force = boolean("force", force)
        target: Path | None = None if path is None else as_path("path", path)
        if target is not None and not force and os.path.exists(target):
            raise FileExistsError(f"{target} exists: give force=True to replace it, or another path")
        record = self.to_dict()
        if target is not None:
            write_json(target, record)
        return json.dumps(record, indent=2, allow_nan=False)


def _negative(row: LevelSpectrum) -> str:
    return "?" if row.density is not None and row.matrix == "hessian" else str(row.spectrum.negative)


def _smallest(row: LevelSpectrum) -> str:
    """The smallest resolved value; with Lanczos it is the smallest eigenvalue only if it has converged."""
    known = row.density is None or not row.condition.note
    return _number(row.spectrum.smallest) if known else "?"


def _number(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "-"
