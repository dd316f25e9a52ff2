"""Lemma 3, the equivalence theorem: a spline KAN and a multichannel ReLU MLP are the same functions.

A layer from p to q channels: y_q = sum_p sum_i U[p, i, q] b_i(x_p) = sum_p sum_j W[p, j, q] psi_j(x_p) with
W[p, :, q] = A^T U[p, :, q]. Pieces are polynomials in the inputs and in all coefficients, in a polynomial
ring over the rationals: two elements of it are equal only if they are identical.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from types import ModuleType

import sympy as sp
from sympy.polys.rings import PolyElement, ring

from .. import bspline, power_relu
from ..claims import EXACT, PROVED, REFUTED, Misprint, claim
from ..matrices import change_of_basis
from ..symbols import equal, rational_knots, symbolic_knots, vanishes, x

Edge = list[list[PolyElement]]
"""Coefficients of one input of a layer: [basis function][output]."""

LAYER_ORDERS = (1, 2, 3, 4)
"""Orders at which an edge is compared with symbolic knots and coefficients."""
EXPANDED = (((2, 3, 1), 2), ((2, 3, 1), 3), ((1, 2, 2, 1), 2))
"""(widths, order) of the networks that are composed and multiplied out whole."""
CHAINED = (((2, 3, 1), 4), ((1, 2, 2, 1), 3), ((1, 2, 2, 1), 4))
"""(widths, order) of the networks that are compared layer by layer: composed they have millions of terms."""
INTERVALS = 2


@claim(
    "lemma-3-layer",
    statement="y_q = sum_p sum_i U[p,i,q] b_i(x_p) = sum_p sum_j W[p,j,q] psi_j(x_p) for all x in [a, b]^n "
    "if and only if W[p,:,q] = A^T U[p,:,q] up to constants moved between the edges of one output",
    hypotheses="strictly increasing knots, which may differ from input to input; every order r >= 1, any "
    "widths",
    source="arXiv:2603.04827, Lemma 3",
    strength=PROVED,
    argument="b = A psi on [a, b] (claim lemma-2), so U^T b = U^T A psi = (A^T U)^T psi: in matrix symbols "
    "of symbolic size, edge by edge, and the sum over p is the sum of equal terms. Conversely let the "
    "difference D of two weights give sum_p D_pq^T psi(x_p) = 0: each term depends on one variable only, "
    "so each is constant, c_p with sum_p c_p = 0; psi is a basis (claim lemma-1-relu), so for one input D "
    "= 0. An edge with symbolic knots and coefficients on every interval for "
    "orders " + ", ".join(map(str, LAYER_ORDERS)) + ".",
)
def check_layer() -> None:
    m = sp.Symbol("m", integer=True, positive=True)
    A, U, psi = sp.MatrixSymbol("A", m, m), sp.MatrixSymbol("U", m, 1), sp.MatrixSymbol("psi", m, 1)
    assert equal(U.T * (A * psi), (A.T * U).T * psi), "U^T b and W^T psi"
    for order in LAYER_ORDERS:
        t = symbolic_knots(2 * order if order == 4 else 2 * order + 1)
        A_t = change_of_basis(t, order)
        u = sp.Matrix(sp.symbols(f"u0:{A_t.rows}"))
        w = A_t.T * u
        for s in range(order - 1, A_t.rows):
            b, powers = (f.on_span(t, order, s) for f in (bspline, power_relu))
            for i in range(A_t.rows):  # linear in u: compare its coefficients
                assert vanishes(b[i] - w.diff(u[i]).dot(powers)), f"order {order}, span {s}, u_{i}"


class Network:
    """A network with symbolic coefficients, in both bases, every layer on the same random rational knots."""

    def __init__(self, widths: tuple[int, ...], order: int) -> None:
        self.widths, self.order = widths, order
        self.knots = rational_knots(INTERVALS + 2 * order - 1, seed=order)
        self.m = len(self.knots) - order
        self.spans = range(order - 1, self.m)  # the intervals of [a, b]
        names = [f"x{p}" for p in range(max(widths))]
        for layer, (n_in, n_out) in enumerate(pairwise(widths)):
            places = product(range(n_in), range(self.m), range(n_out))
            names += [f"u{layer}_{p}_{i}_{q}" for p, i, q in places]
        self.ring, *symbols = ring(names, sp.QQ)
        self.inputs = symbols[: max(widths)]
        remaining: Iterator[PolyElement] = iter(symbols[max(widths) :])
        self.spline: list[list[Edge]] = [
            [[[next(remaining) for _ in range(n_out)] for _ in range(self.m)] for _ in range(n_in)]
            for n_in, n_out in pairwise(widths)
        ]
        A = change_of_basis(self.knots, order)
        self.relu = [[self.transformed(A.T, edge) for edge in layer] for layer in self.spline]

    def transformed(self, matrix: sp.Matrix, edge: Edge) -> Edge:
        """The matrix times the coefficients of an edge."""
        numbers = [[sp.QQ.from_sympy(entry) for entry in row] for row in matrix.tolist()]
        return [self.combined(row, edge) for row in numbers]

    def combined(self, values: list[PolyElement], edge: Edge) -> list[PolyElement]:
        """sum_i values_i edge[i][q] for every q."""
        totals = [self.ring.zero for _ in edge[0]]
        for value, row in zip(values, edge, strict=True):
            if value:
                totals = [total + value * c for total, c in zip(totals, row, strict=True)]
        return totals

    def basis(self, family: ModuleType, span: int, argument: PolyElement) -> list[PolyElement]:
        """All functions of the family on this span, at a polynomial argument (Horner's rule)."""
        values = []
        for piece in family.on_span(self.knots, self.order, span):
            total = self.ring.zero
            for coefficient in sp.Poly(piece, x, domain="QQ").all_coeffs():
                total = total * argument + sp.QQ.from_sympy(coefficient)
            values.append(total)
        return values

    def layer(
        self, number: int, arguments: list[PolyElement], spans: tuple[int, ...]
    ) -> tuple[list[PolyElement], list[PolyElement]]:
        """Outputs of a layer with input p on spans[p]: by B-splines and by power ReLUs."""
        forms = []
        for family, coefficients in ((bspline, self.spline), (power_relu, self.relu)):
            totals = [self.ring.zero for _ in range(self.widths[number + 1])]
            for edge, argument, span in zip(coefficients[number], arguments, spans, strict=True):
                added = self.combined(self.basis(family, span, argument), edge)
                totals = [total + a for total, a in zip(totals, added, strict=True)]
            forms.append(totals)
        return forms[0], forms[1]


def compare_composed(network: Network, number: int, arguments: list[PolyElement]) -> None:
    """Assert that layer `number` and all later layers agree on every choice of intervals."""
    for spans in product(network.spans, repeat=network.widths[number]):
        spline, relu = network.layer(number, arguments, spans)
        assert spline == relu, f"{network.widths}, order {network.order}, layer {number}, spans {spans}"
        if number + 2 < len(network.widths):
            compare_composed(network, number + 1, relu)


@claim(
    "lemma-3-networks",
    statement="the spline networks [2,3,1] and [1,2,2,1] are the ReLU networks with W = A^T U, as identities "
    "of piecewise polynomials in the inputs and in all coefficients",
    hypotheses="two intervals, random rational knots, hidden values in [a, b]; degrees 1 to 3",
    source="arXiv:2603.04827, Lemma 3",
    strength=EXACT,
    argument="(widths, order) in " + ", ".join(map(str, EXPANDED)) + ": composed and multiplied out, for "
    "every choice of the intervals in which inputs and hidden values lie. (widths, order) in "
    + ", ".join(map(str, CHAINED))
    + ": every layer as a polynomial in its own inputs and coefficients, "
    "on every interval; equal layers give equal compositions (claim lemma-3-composition), which written out "
    "would have millions of terms. Every coefficient is a symbol.",
)
def check_networks() -> None:
    for widths, order in EXPANDED:
        network = Network(widths, order)
        compare_composed(network, 0, network.inputs[: widths[0]])
    for widths, order in CHAINED:
        network = Network(widths, order)
        for number, width in enumerate(widths[:-1]):
            for spans in product(network.spans, repeat=width):
                spline, relu = network.layer(number, network.inputs[:width], spans)
                assert spline == relu, f"{widths}, order {order}, layer {number}, spans {spans}"


@claim(
    "lemma-3-composition",
    statement="networks of any depth and any widths agree in both bases, with w = A^T u and A block "
    "diagonal, a block for every edge",
    hypotheses="strictly increasing knots, any for every edge; every order; every hidden value in the "
    "domain [a, b] of the layer that it enters, or both forms continued there alike from the end pieces; "
    "maps between the layers the same in both",
    source="arXiv:2603.04827, Lemma 3 and its corollary for networks",
    strength=PROVED,
    argument="Induction on the depth. No layer: the identity on both sides. Step: let z = N_u(x) = N_w(x) "
    "be the values that enter the next layer. It is the same z at which the bases are taken, so U^T b(z) = "
    "U^T A psi(z) = (A^T U)^T psi(z) by claim lemma-3-layer, with psi any functions of one symbol z that "
    "both sides share. The parameters of the network are the parameters of its edges in order, hence the "
    "block diagonal A.",
)
def check_composition() -> None:
    z_u, z_w = sp.symbols("z_u z_w", real=True)  # the value that enters the layer, as either network gives it
    for size in (1, 2, 3):
        psi = [sp.Function(f"psi_{j}") for j in range(size)]  # any functions
        A = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"A_{i}{j}"))
        u = sp.Matrix(sp.symbols(f"u0:{size}"))
        b = A * sp.Matrix([f(z_u) for f in psi])
        w = A.T * u
        relu = w.dot(sp.Matrix([f(z_w) for f in psi]))
        assert sp.expand(u.dot(b).subs(z_u, z_w) - relu) == 0, "induction step"
    m, n = sp.symbols("m n", integer=True, positive=True)
    first, second, zero = sp.MatrixSymbol("A_1", m, m), sp.MatrixSymbol("A_2", n, n), sp.ZeroMatrix
    blocks = sp.BlockMatrix([[first, zero(m, n)], [zero(n, m), second]])
    edges = sp.BlockMatrix([[sp.MatrixSymbol("u_1", m, 1)], [sp.MatrixSymbol("u_2", n, 1)]])
    weights = sp.block_collapse(blocks.T * edges)
    assert weights.blocks[0, 0] == first.T * edges.blocks[0, 0], "first edge"
    assert weights.blocks[1, 0] == second.T * edges.blocks[1, 0], "second edge"


@claim(
    "lemma-3-hidden-values",
    statement="where a hidden value leaves [a, b] the two networks differ, unless both forms continue the "
    "end pieces",
    hypotheses="counterexample: widths [1,1,1], r = 2, knots -1, 0, 1, 2, [a, b] = [0, 1], x = 1",
    source="arXiv:2603.04827, Lemma 3, read for networks without regard to the range of hidden values",
    strength=REFUTED,
    argument="First layer u = (0, 2) gives z = 2 x on [0, 1]; second layer u = (0, 1). At x = 1, z = 2 "
    "lies outside. The B-splines of the second layer have decayed to 0 there, A psi continues the last "
    "interval. In general by claims outside-left and outside-right.",
    misprint=Misprint(
        printed="a spline network and the ReLU network with W = A^T U are the same function",
        counterexample="z = 2: b(2) = (0, 0), so the spline network gives 0. psi(2) = (3, 2), w = A^T (0, "
        "1) = (0, 1), so the ReLU network gives 2.",
        corrected="they agree where every hidden value lies in the [a, b] of the layer it enters: map it "
        "there, or continue the end pieces in both forms.",
    ),
)
def check_hidden_values() -> None:
    t = [sp.Integer(j) for j in (-1, 0, 1, 2)]
    A = change_of_basis(t, 2)
    first, second = sp.Matrix([0, 2]), sp.Matrix([0, 1])
    hidden = first.dot(sp.Matrix(bspline.on_span(t, 2, 1)))
    assert sp.expand(hidden - 2 * x) == 0, f"z = {hidden}"
    z = hidden.subs(x, 1)
    pieces = [bspline.pieces(t, i, 2) for i in range(2)]
    assert all(max(piece) == i + 1 for i, piece in enumerate(pieces)), "the supports end at 1 and 2"
    decayed = second.dot(sp.Matrix([0, pieces[1][2].subs(x, z)]))
    powers = sp.Matrix(power_relu.on_span(t, 2, 2)).subs(x, z)
    assert powers == sp.Matrix([3, 2]), f"psi(2) = {list(powers)}"
    weights = A.T * second
    assert weights == sp.Matrix([0, 1]), f"w = {list(weights)}"
    assert (decayed, weights.dot(powers)) == (0, 2), "outputs"
    continued = second.dot(sp.Matrix(bspline.on_span(t, 2, 1)).subs(x, z))
    assert continued == weights.dot(powers), "the end piece continued"
