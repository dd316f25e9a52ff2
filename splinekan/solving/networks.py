"""Networks for equations in d variables, on inputs in [-1, 1].

Hidden domains are wider than the initial values, and continued by the end polynomials, since optimisers stall
on residuals that are not smooth in theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from splinekan.network import KAN, Affine, Layer, Product, SplineLayer, TensorSplineLayer
from splinekan.network.constants import Constants
from splinekan.solving.options import Options
from splinekan.solving.statement import Statement
from splinekan.splines.knot_vector import KnotVector

HIDDEN = 1.5
"""Initially the hidden values fill about half of [-1.5, 1.5]."""
TENSOR_VARIABLES = 3
"""The largest number of variables for which tensor-product splines are affordable."""
DEGREE = 7
"""Degree of univariate splines: the cost of an interval depends little on it, and fewer are needed."""


@dataclass(frozen=True)
class Architecture:
    """A kind of network, its hidden widths, and whether conditions are imposed exactly.

    Attributes
    ----------
    name
        "tensor", "spline", "ridge", "separable" or "given".
    hidden
        Widths of hidden layers; for "separable" the number of products.
    exact
        Whether u = g + B v for a network v, so that conditions hold for any v.
    note
        The difference from the same network in another competitor; "" if there is no such competitor.
    """

    name: str
    hidden: tuple[int, ...] = ()
    exact: bool = False
    note: str = ""

    def text(self, d: int, m: int) -> str:
        """The name with the widths, such as "ridge 2-8-1"."""
        if self.name in ("tensor", "given"):
            shown = self.name
        elif self.name == "separable":
            shown = f"separable, {self.hidden[0]} products"
        else:
            shown = f"{self.name} {'-'.join(map(str, (d, *self.hidden, m)))}"
        return f"{shown}, {self.note}" if self.note else shown


def architectures(statement: Statement, options: Options) -> tuple[Architecture, ...]:
    """The competing networks: those of the options, or all kinds that suit the number of variables.

    In one to three variables each competes with exact and with weighted conditions if both are possible,
    except for ridge functions: u = g + B v is rarely a sum of few ridge functions in both u and v. From four
    variables on, the expressions that impose conditions exactly are too long, and rarely of the form of the
    network.
    """
    d = statement.region.n_variables
    kinds = _kinds(d, options)
    many = d > TENSOR_VARIABLES and options.exact is None
    if many or options.exact is False or not statement.exact.imposes:
        return tuple(Architecture(*kind) for kind in kinds)
    if options.exact is True:
        return tuple(Architecture(*kind, True) for kind in kinds)
    if [name for name, _ in kinds] == ["tensor"]:
        return (Architecture("tensor", (), True),)
    found = []
    for kind in kinds:
        both = kind[0] != "ridge"
        found.append(Architecture(*kind, False, "conditions weighted" if both else ""))
        if both:
            found.append(Architecture(*kind, True, "conditions exact"))
    return tuple(found)


def _kinds(d: int, options: Options) -> list[tuple[str, tuple[int, ...]]]:
    wanted = options.network
    if isinstance(wanted, KAN):
        return [("given", ())]
    if options.hidden is not None:
        return [("spline", tuple(options.hidden))]
    least = max(8, d + 2)
    kinds: dict[str, list[tuple[int, ...]]] = {
        "spline": [(), (6,), (6, 6)] if d <= TENSOR_VARIABLES else [(), (6,)],
        "ridge": [(least,), (2 * least,)] if d <= TENSOR_VARIABLES else [(least,)],
        "separable": [(4,)],
    }
    if wanted == "tensor" or (wanted is None and d <= TENSOR_VARIABLES):
        return [("tensor", ())]
    chosen = [wanted] if wanted in kinds else list(kinds)
    return [(name, hidden) for name in chosen for hidden in kinds[name]]


def network(architecture: Architecture, statement: Statement, options: Options, intervals: int) -> KAN:
    """The network of an architecture, with the unknown constants of the statement."""
    d, m = statement.region.n_variables, len(statement.unknown)
    if isinstance(options.network, KAN):
        made = options.network
        if made.n_in != d or made.n_out != m:
            raise ValueError(f"network must map {d} inputs to {m} outputs, got {made.n_in} to {made.n_out}")
        return statement.with_constants(made)
    name, hidden = architecture.name, architecture.hidden
    degree = options.degree
    if degree is None:
        degree = 5 if name == "tensor" and d == TENSOR_VARIABLES else DEGREE
    first = [
        KnotVector.uniform(-1.0, 1.0, intervals, degree, periodic=periodic)
        for periodic in statement.periodic()
    ]
    inner = KnotVector.uniform(-HIDDEN, HIDDEN, intervals, degree)
    layers: list[Layer]
    if name == "tensor":
        layers = [
            SplineLayer(1, m, first, extrapolate="polynomial") if d == 1 else TensorSplineLayer(first, m)
        ]
    elif name == "ridge":
        layers = [Affine(d, hidden[0]), SplineLayer(hidden[0], m, inner, extrapolate="polynomial")]
    elif name == "separable":
        rank = hidden[0]
        groups = tuple(tuple(range(d * r, d * r + d)) for r in range(rank))
        layers = [
            SplineLayer(d, d * rank, first, extrapolate="polynomial"),
            Product(d * rank, groups),
            Affine(rank, m),
        ]
    else:
        layers = [
            SplineLayer(p, q, inner if i else first, extrapolate="polynomial")
            for i, (p, q) in enumerate(pairwise((d, *hidden, m)))
        ]
    return statement.with_constants(KAN(tuple(layers)))


def is_linear(made: KAN) -> bool:
    """Whether a network is linear in its parameters: a single layer of splines."""
    first, *others = made.layers
    return isinstance(first, (SplineLayer, TensorSplineLayer)) and all(
        isinstance(e, Constants) for e in others
    )


def is_periodic(made: KAN, periods: Sequence[bool]) -> bool:
    """Whether a network is periodic in all variables in which it should be."""
    first = made.layers[0]
    knots = getattr(first, "knots", None)
    if knots is None:
        return not any(periods)
    return all(k.periodic or not period for k, period in zip(knots, periods, strict=True))
