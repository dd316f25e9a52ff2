"""Calls of operators: products, norms and normal matrices, against dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

import splinekan as sk
from fuzz.compare import eps_of, finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import FREE, Draw
from fuzz.layers import BASIS
from splinekan import spectra
from splinekan.operators import Coordinates, EdgeMap, Matrix, Operator, Piece, SparseRows, Stacked


class Own(Operator):
    """A user's operator: two products, and everything else from the base class."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__(np.dtype(np.float64), matrix.shape)
        self.matrix = matrix

    def _matvec(self, v: Any) -> Any:
        return self.matrix @ v

    def _rmatvec(self, r: Any) -> Any:
        return self.matrix.T @ r


Made = tuple[Any, np.ndarray]
"""An operator and what it is."""


def _own(draw: Draw) -> Made:
    matrix = draw.normal(draw.integer(0, 4), draw.integer(1, 4))
    return Own(matrix), matrix


def _matrix(draw: Draw) -> Made:
    dense = draw.normal(draw.integer(0, 4), draw.integer(1, 4))
    dense *= draw.rng.random(dense.shape) < 0.7
    kinds = (np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array)
    return Matrix(draw.one(*kinds)(dense)), dense


def _rows(draw: Draw) -> Made:
    net = draw.network()
    x = draw.points(draw.integer(0, 3), net.n_in).astype(draw.one(np.float64, np.float32))
    rows = net.jacobian(draw.theta(net), x)
    return rows, rows.tocsr().toarray()


def _stacked(draw: Draw) -> Made:
    first, dense = _rows(draw)
    others = [draw.normal(draw.integer(0, 3), dense.shape[1]) for _ in range(draw.integer(0, 2))]
    return Stacked([first, *map(Own, others)]), np.concatenate([dense, *others])


def _coordinates(draw: Draw) -> Made:
    if draw.chance():
        net = draw.network(basis=draw.one(*BASIS))
        T = net.coordinates(draw.one(*BASIS))
    else:
        T = spectra.coordinates(draw.network(basis="spline"), draw.one(*spectra.BASES))
    n = T.n_parameters
    return T, np.stack([T.apply(e) for e in np.eye(n)], axis=1)


def _network_jacobian(draw: Draw) -> Made:
    objective = draw.loss()
    theta = draw.theta(objective.network)
    J = objective.linearized(theta)[2]
    J = J.parts[0] if isinstance(J, Stacked) else J
    return J, objective.jacobian(theta).toarray().astype(np.float64)


KINDS: dict[str, Callable[[Draw], Made]] = {
    "Operator": _own,
    "Matrix": _matrix,
    "SparseRows": _rows,
    "Stacked": _stacked,
    "Coordinates": _coordinates,
    "NetworkJacobian": _network_jacobian,
}


@calls(*(f"{kind}.{m}" for kind in KINDS for m in ("matvec", "rmatvec")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    J, dense = KINDS[kind](draw)
    letter, matrix = ("v", dense) if method == "matvec" else ("r", dense.T)

    def check(result: Any, args: Any) -> None:
        v = floats(args[letter])
        assert v.shape in ((matrix.shape[1],), (matrix.shape[1], 1)), f"shape {v.shape} was accepted"
        if np.isfinite(v).all() and moderate(args):
            eps = max(eps_of(args[letter]), eps_of(np.zeros(0, J.dtype)))
            assert_near(result, matrix @ v, np.abs(matrix) @ np.abs(v) + 1e-12, 1e7, eps=eps)

    n = matrix.shape[1]
    value = draw.normal(n) if n == 0 or draw.chance(0.8) else draw.normal(n, 1)
    return Call(getattr(J, method), {letter: value}, check, scale=1e6)


@calls(
    *(f"{kind}.{m}" for kind in KINDS for m in ("normal_matrix", "column_squares", "column_norms", "toarray"))
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    J, dense = KINDS[kind](draw)

    def check(result: Any, _args: Any) -> None:
        wide = dense.astype(np.float64)
        squares = (wide**2).sum(axis=0)
        want = {
            "normal_matrix": wide.T @ wide,
            "column_squares": squares,
            "column_norms": np.sqrt(squares),
            "toarray": wide,
        }[method]
        single = any(part.dtype == np.float32 for part in getattr(J, "parts", [J]))
        assert_alike(floats(result), want, 1e-5 if single else 1e-9)

    return Call(getattr(J, method), {}, check)


# Their constructors


@calls("Operator", "Matrix", "Stacked", "NetworkJacobian")
def _(draw: Draw, name: str) -> Call:
    J, dense = KINDS[name](draw)
    if name == "NetworkJacobian":
        arguments = {"objective": J.objective, "part": J.part}
        return Call(
            type(J), arguments, lambda r, _: assert_alike(r.shape, J.shape), dict.fromkeys(arguments, FREE)
        )
    if name == "Operator":
        return Call(Own, {"matrix": dense}, lambda r, _: assert_alike(r.shape, dense.shape), {"matrix": FREE})
    if name == "Matrix":

        def holds(result: Any, args: Any) -> None:
            given = args["matrix"]
            want = given.toarray() if scipy.sparse.issparse(given) else floats(given)
            assert want.ndim == 2
            assert_alike(floats(result.toarray()), want)

        sparse = scipy.sparse.issparse(J.matrix)
        role = Role("object" if sparse else "array")
        return Call(Matrix, {"matrix": J.matrix}, holds, {"matrix": role})

    def stacked(result: Any, args: Any) -> None:
        assert result.shape == dense.shape

    parts = list(J.parts)
    if draw.chance(0.2):  # another number of columns
        parts.append(Own(np.ones((2, dense.shape[1] + 1))))

        def refused(*_: Any) -> None:
            raise AssertionError("parts of different widths were stacked")

        return Call(Stacked, {"parts": parts}, refused, {"parts": Role("object")}, strict=False)
    return Call(Stacked, {"parts": parts}, stacked, {"parts": Role("object")})


@calls("SparseRows", "SparseRows.trusted")
def _(draw: Draw, name: str) -> Call:
    rows, _ = _rows(draw)
    made = record(rows)
    if name == "SparseRows.trusted":  # for those who made them: nothing is checked
        made.target = SparseRows.trusted
        return made

    def check(result: Any, args: Any) -> None:
        values, lengths = floats(args["values"]), [int(n) for n in args["lengths"]]
        want = np.zeros((len(values), args["n_columns"]))
        for i, starts in enumerate(np.asarray(args["starts"])):
            at = 0
            for start, length in zip(starts, lengths, strict=True):
                assert 0 <= start <= start + length <= want.shape[1]
                want[i, start : start + length] += values[i, at : at + length]
                at += length
            assert at == values.shape[1]
        assert_alike(floats(result.toarray()), want, 1e-6)

    roles = {"n_columns": Role("whole", low=0, most=10**6)}
    return Call(SparseRows, made.arguments, check, roles)


@calls("SparseRows.add_products")
def _(draw: Draw, name: str) -> Call:
    rows, dense = _rows(draw)
    n = dense.shape[1]

    def check(result: Any, args: Any) -> None:
        lower = args["lower"]
        assert lower.shape == (n, n)
        if np.isfinite(lower).all() and np.abs(lower).max() < 1e4:
            tolerance = 1e-4 if rows.dtype == np.float32 else 1e-6
            assert_alike(np.tril(lower), np.tril(dense.T.astype(float) @ dense), tolerance)

    lower = np.zeros((n, n))
    return Call(rows.add_products, {"lower": lower}, check, strict=False, writes=True)


@calls("SparseRows.add_band_products")
def _(draw: Draw, name: str) -> Call:
    rows, dense = _rows(draw)
    n = dense.shape[1]
    places = np.random.default_rng(draw.integer(0, 99)).permutation(n)

    def check(result: Any, args: Any) -> None:
        at, band = np.asarray(args["places"]), args["band"]
        assert np.array_equal(np.sort(at), np.arange(n))
        products = dense.T.astype(float) @ dense
        want, distance = np.zeros_like(band), at[:, None] - at
        i, j = np.nonzero((distance >= 0) & (distance < band.shape[1]))
        want[at[j], distance[i, j]] = products[i, j]
        if np.isfinite(band).all() and np.abs(band).max(initial=0) < 1e4:
            assert_alike(band, want, 1e-4 if rows.dtype == np.float32 else 1e-6)
            outside = np.abs(products[np.abs(distance) >= band.shape[1]]).max(initial=0)
            assert isinstance(result, bool)
            assert not result or outside < 1e-6

    band = np.zeros((n, draw.integer(1, n)))
    arguments = {"band": band, "places": places}
    return Call(rows.add_band_products, arguments, check, strict=False, writes=True)


@calls("SparseRows.tocsr", "SparseRows.shape", "SparseRows.dtype")
def _(draw: Draw, name: str) -> Call:
    rows, _ = _rows(draw)
    what, dense = name.split(".")[1], rows.toarray()

    def check(result: Any, _args: Any) -> None:
        if what == "tocsr":
            assert_alike(result.toarray(), dense)
        else:
            assert result == getattr(dense, what)

    return Call(rows.tocsr if what == "tocsr" else lambda: getattr(rows, what), {}, check)


# Changes of coordinates


@calls(*(f"Coordinates.{m}" for m in ("apply", "apply_transpose", "solve", "solve_transpose")))
def _(draw: Draw, name: str) -> Call:
    (T, dense), method = _coordinates(draw), name.split(".")[1]
    n = T.n_parameters
    v = draw.normal(n) if draw.chance() else draw.normal(n, draw.integer(0, 3))
    matrix = dense.T if "transpose" in method else dense

    def check(result: Any, args: Any) -> None:
        v = floats(args["v"])
        assert v.ndim in (1, 2), f"shape {v.shape} was accepted"
        assert len(v) == n, f"shape {v.shape} was accepted"
        assert result.shape == v.shape
        if not np.isfinite(v).all() or not moderate(args):
            return
        if method.startswith("apply"):
            bound = np.abs(matrix) @ np.abs(v)
            off = np.abs(result - matrix @ v)
        else:
            bound = np.abs(matrix) @ np.abs(result)
            off = np.abs(matrix @ result - v)
        assert (off <= 1e-9 * bound + 1e-300).all()

    return Call(getattr(T, method), {"v": v}, check)


@calls("Coordinates", "Coordinates.absolute", "coordinates")
def _(draw: Draw, name: str) -> Call:
    if name == "coordinates":
        net = draw.network(basis="spline")
        arguments: dict[str, Any] = {"network": net, "basis": draw.one(*spectra.BASES)}
        arguments["layer"] = draw.one(None, 0, len(net.layers) - 1)

        def made(result: Any, args: Any) -> None:
            layer = args["layer"]
            want = net.n_parameters if layer is None else net.layers[layer].n_parameters
            assert result.shape == (want, want)

        roles = {"layer": Role("whole", low=0, high=len(net.layers) - 1, optional=True)}
        return Call(spectra.coordinates, arguments, made, roles)
    if name == "Coordinates.absolute":
        T = spectra.coordinates(draw.network(basis="spline"), draw.one(*spectra.BASES))
        want = np.abs(T.toarray())
        return Call(T.absolute, {}, lambda r, _: assert_alike(r.toarray(), want))
    T, dense = _coordinates(draw)
    pieces = list(T.pieces)
    wrong = draw.one(None, None, "overlap", "beyond", "edges", "numbers", "map")
    if wrong == "overlap":
        pieces += pieces
    elif wrong == "beyond":
        pieces.append(Piece(len(dense) - 1, len(dense) + 3, 2, 2, EdgeMap.dense(np.eye(2), np.eye(2))))
    elif wrong == "edges":
        pieces = [piece._replace(m=piece.m + 10**3) for piece in pieces]
    elif wrong == "numbers":
        pieces = [piece._replace(start=draw.one("0", 0.5, None, np.nan)) for piece in pieces]
    elif wrong == "map":
        pieces = [piece._replace(map=draw.one(None, np.eye(piece.m), "A")) for piece in pieces]

    def check(result: Any, args: Any) -> None:
        assert not wrong or not args["pieces"], f"pieces with {wrong} were accepted"
        if args["n_parameters"] == len(dense) and args["pieces"] is pieces:
            assert_alike(result.toarray(), dense)

    roles = {
        "n_parameters": Role("whole", low=0, most=10**6),
        "pieces": Role("object", accepts=("junk empty list",)),
    }
    strict = not wrong
    return Call(Coordinates, {"n_parameters": len(dense), "pieces": pieces}, check, roles, strict)


@calls("Piece", "EdgeMap", "EdgeMap.dense", "EdgeMap.relu_from_spline", "EdgeMap.inverse")
def _(draw: Draw, name: str) -> Call:
    matrix = np.eye(3) + 0.1 * draw.normal(3, 3)
    v, backward = draw.normal(3, 2), np.linalg.inv(matrix)
    dense = EdgeMap.dense(matrix, backward)

    def agrees(made: Any, want: np.ndarray) -> None:
        assert_near(made.apply(v), want @ v, np.abs(want) @ np.abs(v), 1e3)
        assert_near(made.apply_transpose(v), want.T @ v, np.abs(want).T @ np.abs(v), 1e3)
        for product, both in (("solve", "apply"), ("solve_transpose", "apply_transpose")):
            back = getattr(made, both)(getattr(made, product)(v))
            assert_near(back, v, 1 + np.abs(v).max(), 1e8)

    if name == "EdgeMap.inverse":
        return Call(dense.inverse, {}, lambda r, _: agrees(r, backward))
    if name == "EdgeMap.relu_from_spline":
        t, k = draw.tame(2, repeated=False)
        change = sk.change_of_basis(t, k)
        v = draw.normal(change.shape[0], 2)
        return Call(EdgeMap.relu_from_spline, {"change": change}, lambda r, _: agrees(r, change.toarray().T))
    if name == "EdgeMap.dense":

        def same(result: Any, args: Any) -> None:
            S, back = floats(args["matrix"]), floats(args["inverse"])
            assert S.shape == back.shape
            assert S.ndim == 2
            assert S.shape[0] == S.shape[1]
            if len(S) == 3 and finite(args) and moderate(args):
                assert_near(result.apply(v), S @ v, np.abs(S) @ np.abs(v), 1e3)
                assert_near(result.solve(v), back @ v, np.abs(back) @ np.abs(v), 1e3)

        # Whether the one is the inverse of the other is for those who made them.
        return Call(EdgeMap.dense, {"matrix": matrix, "inverse": backward}, same)
    return record(dense if name == "EdgeMap" else Piece(0, 6, 1, 3, dense))
