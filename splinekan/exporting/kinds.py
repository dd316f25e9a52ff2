"""`export`: a model as source code, or as expressions of sympy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from splinekan._checks import boolean, instance, one_of
from splinekan._files import as_path, replacing
from splinekan.exporting.source import checked_name, numpy_source
from splinekan.model import Model

KINDS = ("numpy", "sympy")
"""The kinds of exports."""


def export(
    model: Model,
    kind: str,
    *,
    path: str | os.PathLike[str] | None = None,
    force: bool = False,
    name: str | None = None,
    exact: bool = False,
    symbols: Sequence[Any] | None = None,
) -> Any:
    """A model for use without this package: the source of a Python module, or expressions of sympy.

    "numpy": the text of a module that needs only NumPy. Its function maps x, (n, n_in), an array or a data
    frame, to the outputs, (n, n_out), and refuses the same arguments as the model: other shapes, NaN, masks.
    It computes in float64, whatever the type of x. Results differ from those of the model by rounding, a few
    units in the last place times the condition of the network. Equal models have equal texts, and every
    number is read back bit for bit. All layers of the package are covered, with repeated and periodic
    knots, in both bases and with every continuation; functions of a formula must be functions of NumPy. The
    docstring of the text lists what it lacks: derivatives, the record of the fit, the warning outside the
    domain, float32, and the ReLU basis (its functions are written as B-splines).

    "sympy": for every output an expression in the inputs, for small networks without tensor-product layers.
    Splines of an input are `Piecewise`: half-open pieces [t_s, t_{s+1}) in powers of x - t_s, the last
    closed, then the continuation; outside the domain of splines that are not continued the value is nan.
    Periodic splines are functions of x - (b - a) floor((x - a)/(b - a)). Splines of other expressions are
    written in truncated powers,

        s(z) = p(z) + sum_j sum_d c_jd max(0, z - t_j)^d,

    p the first polynomial and d! c_jd the jump of the derivative of order d at t_j, since sympy takes minutes
    to simplify conditions on conditions. Evaluated in floating point they lose digits, the more the more
    intervals there are and the farther the point is outside the domain; `exact=True` and `evalf` lose none.
    An expression holds neither the record, the names of the outputs, the warning, nor float32, and where a
    formula is NaN it may be complex.

    Parameters
    ----------
    model
        A model of layers of this package.
    kind
        "numpy" or "sympy".
    path
        "numpy" only: a file to which the text is also written; missing folders are made. An existing file is
        replaced only when the new file is complete.
    force
        Whether an existing file may be replaced.
    name
        "numpy" only: the name of the function, "predict" if None.
    exact
        "sympy" only: whether numbers are the exact rational values that the model stores, so that expressions
        are free of rounding. Otherwise numbers are rounded to float64.
    symbols
        "sympy" only: a symbol for every input; None for symbols with the names of the inputs, or those of the
        features.

    Returns
    -------
    str or list of sympy.Expr
        The text, or an expression for every output.

    Raises
    ------
    TypeError, ValueError
        For arguments of other kinds, options of the other kind, layers of other classes; for more than a
        million numbers in a text, or 20,000 pieces in expanded expressions, where every piece of a spline
        counts the pieces of its argument; for functions that NumPy lacks, and for features in a text.
    FileExistsError
        If the file exists and `force` is false.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> network = KAN([SplineLayer(1, 1, uniform_knots(0, 2, 2, 1), degree=1, extrapolate="clamp")])
    >>> model = Model(network, np.array([0.0, 1.0, 4.0]))
    >>> export(model, "sympy", exact=True)
    [Piecewise((0, x < 0), (x, x < 1), (3*x - 2, x <= 2), (4, True))]
    >>> module = {}
    >>> exec(export(model, "numpy", name="f"), module)
    >>> module["f"]([[0.5], [1.5], [7.0]])
    array([[0.5],
           [2.5],
           [4. ]])
    """
    instance("model", model, Model)
    if one_of("kind", kind, KINDS) == "sympy":
        given = {"path": path is not None, "force": boolean("force", force), "name": name is not None}
        _refuse(given, "sympy", "numpy")
        from splinekan.exporting.expressions import expressions  # sympy takes long to import

        return expressions(model, boolean("exact", exact), symbols)
    _refuse({"exact": boolean("exact", exact), "symbols": symbols is not None}, "numpy", "sympy")
    target = None if path is None else as_path("path", path)
    force, function = boolean("force", force), checked_name("predict" if name is None else name)
    if target is not None and not force and os.path.exists(target):
        raise FileExistsError(f"{target} exists: give force=True to replace it, or another path")
    source = numpy_source(model, function)
    if target is not None:
        with replacing(target) as file:
            file.write(source.encode())
    return source


def _refuse(given: dict[str, bool], kind: str, other: str) -> None:
    """Refuse options of the other kind."""
    for option, there in given.items():
        if there:
            raise ValueError(f"{option} is an option of kind={other!r}, which must be omitted for {kind!r}")
