"""Calls of objectives, their losses and penalties, and of models, against sums over samples."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import loss_twins
import numpy as np
import oracles
import scipy

import splinekan as sk
from fuzz.compare import assert_slope, eps_of, finite, moderate
from fuzz.core import Call, Role, assert_alike, assert_near, calls, floats, record
from fuzz.draw import FREE, NONNEGATIVE, Draw
from fuzz.layers import BASIS, has_relu_basis
from fuzz.networks import _direction
from splinekan.equations import Features
from splinekan.model.record import FitRecord
from splinekan.model.refinement import sites
from splinekan.objectives import QuadraticPenalty, Workers

KINDS = ("DataLoss", "LeastSquares")
LOSSES_WITH_KINKS = ("Huber", "Quantile")
"""Losses whose slopes are not differentiable."""
NO_BASIS = ("knots", "change of basis")
"""What messages name where knots have no ReLU basis."""


def _made(draw: Draw, kind: str) -> Any:
    return draw.loss() if kind == "DataLoss" else draw.objective()


# Losses and penalties


@calls("SquaredError", "SquaredError.value", "SquaredError.gradient", "SquaredError.root")
def _(draw: Draw, name: str) -> Call:
    if name == "SquaredError":
        return Call(sk.SquaredError, {}, lambda r, _: assert_alike(r.squared, True))
    method, n, outputs = name.split(".")[1], draw.integer(0, 4), draw.integer(1, 2)

    def check(result: Any, args: Any) -> None:
        g, y = floats(args["g"]), floats(args["y"])
        assert g.ndim == 2, f"g of shape {g.shape} was accepted"
        assert y.shape == g.shape, f"y of shape {y.shape} was accepted"
        if method == "root":
            assert result is None
        elif finite(args) and moderate(args):
            want = g - y if method == "gradient" else ((g - y) ** 2).sum(axis=1) / 2
            eps = max(eps_of(args["g"]), eps_of(args["y"]))
            assert_near(result, want, np.abs(want) + np.abs(g).max(initial=0) + 1, 1e5, eps=eps)

    arguments = {"g": draw.normal(n, outputs), "y": draw.normal(n, outputs)}
    return Call(
        getattr(sk.SquaredError(), method),
        arguments,
        check,
        {"g": FREE, "y": FREE} if method == "root" else {},
    )


LOSSES = {
    "Huber": {"delta": 0.7},
    "Quantile": {"q": 0.3, "width": 0.2},
    "Logistic": {},
    "Softmax": {},
    "Poisson": {},
}
"""Losses and their parameters."""


@calls(*LOSSES)
def _(draw: Draw, name: str) -> Call:
    def check(result: Any, args: Any) -> None:
        assert not result.squared
        assert_alike({key: getattr(result, key) for key in args}, args)

    roles = {"q": Role("real", low=5e-324, high=1 - 2**-53)}
    return Call(getattr(sk, name), dict(LOSSES[name]), check, roles)


def _targets(draw: Draw, name: str, n: int, outputs: int) -> Any:
    """Targets that a loss admits."""
    if name == "Softmax":
        return scipy.special.softmax(draw.normal(n, outputs), axis=1)
    return draw.normal(n, outputs) ** 2 if name == "Poisson" else draw.points(n, outputs)


@calls(*(f"{name}.check" for name in ("Quantile", "Logistic", "Softmax", "Poisson")))
def _(draw: Draw, name: str) -> Call:
    kind = name.split(".")[0]
    loss, outputs = getattr(sk, kind)(**LOSSES[kind]), draw.integer(2, 3)

    def check(result: Any, args: Any) -> None:
        y = floats(args["y"])
        assert result is None
        if kind == "Poisson":
            assert (y >= 0).all()
        elif kind != "Quantile":
            assert ((y >= 0) & (y <= 1)).all()
            assert kind == "Logistic" or np.allclose(y.sum(axis=1), 1, atol=2e-5)

    y = _targets(draw, kind, draw.integer(1, 4), outputs)
    return Call(loss.check, {"y": y}, check, strict=kind != "Quantile")


@calls(
    *(f"{name}.{m}" for name in LOSSES for m in ("value", "gradient", "root", "mean")),
    *(f"{name}.curvature" for name in ("Huber", "Quantile")),
    "SquaredError.mean",
    "Softmax.residual",
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    loss, n, outputs = getattr(sk, kind)(**LOSSES.get(kind, {})), draw.integer(0, 4), draw.integer(2, 3)

    def check(result: Any, args: Any) -> None:
        g = floats(args["g"])
        assert g.ndim == 2, f"g of shape {g.shape} was accepted"
        shape = (len(g),) if method == "value" else g.shape
        assert np.shape(result)[: len(shape)] == shape
        if "y" in args:
            assert floats(args["y"]).shape == g.shape, "y of another shape was accepted"
        if not finite(args) or not moderate(args) or not g.size:
            return
        if method == "mean":
            truth = loss_twins.MEANS.get(kind, np.array)(g)
            assert_near(result, truth, (1 + np.abs(g)) * np.abs(truth), 1e3, eps=eps_of(args["g"]))
            return
        y = floats(args["y"])
        value = loss_twins.LOSSES[kind](g, y, **LOSSES[kind])
        size = 1 + np.abs(g).max() * (1 + np.abs(y).max())
        if method == "value":
            eps = max(eps_of(args["g"]), eps_of(args["y"]))
            assert_near(result, value, size + np.abs(value), 1e3, eps=eps)
        elif method == "gradient" and kind not in LOSSES_WITH_KINKS:
            units = np.eye(g.shape[1])
            for k, unit in enumerate(units):

                def along(s: float, unit: Any = unit) -> Any:
                    return loss_twins.LOSSES[kind](g + s * unit, y, **LOSSES[kind])

                assert_slope(floats(result)[:, k], along)

    arguments = {"g": draw.normal(n, outputs)}
    if method != "mean":
        arguments["y"] = _targets(draw, kind, n, outputs)
    return Call(getattr(loss, method), arguments, check)


def _root(draw: Draw) -> Any:
    net = draw.network()
    if draw.chance():
        return QuadraticPenalty.roughness(net, draw.one(0.0, 0.1)).root
    return scipy.sparse.csr_array(draw.normal(draw.integer(0, 3), draw.integer(1, 4)))


@calls(
    "QuadraticPenalty", "QuadraticPenalty.roughness", "QuadraticPenalty.n_rows", "QuadraticPenalty.jacobian"
)
def _(draw: Draw, name: str) -> Call:
    root, what = _root(draw), name.split(".")[-1]
    dense = root.toarray()
    if what == "QuadraticPenalty":

        def holds(result: Any, args: Any) -> None:
            assert_alike(result.root.toarray(), dense)

        return Call(QuadraticPenalty, {"root": root}, holds, {"root": Role("object")})
    if what == "roughness":
        net = draw.network()

        def check(result: Any, args: Any) -> None:
            theta = _direction(net)
            want = args["smoothing"] / 2 * ((net.roughness @ theta) ** 2).sum()
            assert_near(result.value(theta), want, want + 1e-300, 1e4)

        arguments = {"network": net, "smoothing": draw.one(0.0, 0.5)}
        return Call(QuadraticPenalty.roughness, arguments, check, {"smoothing": NONNEGATIVE})
    penalty = QuadraticPenalty(root)
    if what == "n_rows":
        return Call(lambda: penalty.n_rows, {}, lambda r, _: assert_alike(r, len(dense)))
    return Call(penalty.jacobian, {}, lambda r, _: assert_alike(r.toarray(), dense))


@calls(*(f"QuadraticPenalty.{m}" for m in ("value", "product", "residual", "add_products")))
def _(draw: Draw, name: str) -> Call:
    root, method = _root(draw), name.split(".")[1]
    penalty, B, m = QuadraticPenalty(root), root.toarray(), root.shape[1]
    letter = {"product": "v", "add_products": "matrix"}.get(method, "theta")
    value = draw.normal(m, m) if method == "add_products" else draw.normal(m)
    before = value.copy()

    def check(result: Any, args: Any) -> None:
        v = floats(args[letter])
        assert v.shape == value.shape, f"{letter} of shape {v.shape} was accepted"
        if not finite(args) or not moderate(args):
            return
        if method == "add_products":
            if args[letter] is value:
                assert_alike(v, before + B.T @ B, 1e-9)
            return
        below = B @ v
        want = {"value": 0.5 * below @ below, "product": B.T @ below, "residual": below}[method]
        size = 1e-12 + (np.abs(B) @ np.abs(v)).max(initial=0.0) * (1 + np.abs(B).max(initial=0.0) * len(B))
        assert_near(result, want, size + np.abs(want).max(initial=0.0), 1e6)

    writes = method == "add_products"
    return Call(getattr(penalty, method), {letter: value}, check, strict=not writes, scale=1e6, writes=writes)


# Sums over chunks


@calls("Workers", "Workers.map")
def _(draw: Draw, name: str) -> Call:
    pool = ThreadPoolExecutor(1)
    if name == "Workers":

        def same(result: Any, args: Any) -> None:
            assert type(result.workers) is int
            assert result.workers == args["workers"]

        return Call(Workers, {"executor": pool, "workers": draw.integer(1, 4)}, same)
    workers = Workers(pool, 2)

    def mapped(function: Any, items: Any) -> list[Any]:
        return list(workers.map(function, items))

    def check(result: Any, args: Any) -> None:
        if isinstance(args["items"], list):  # a generator has been used up
            assert result == [args["function"](item) for item in args["items"]]

    arguments = {"function": lambda n: (n, n), "items": [1, 2, 3]}
    roles = {
        "function": Role("callable"),
        "items": Role("object", accepts=("junk empty list", "junk generator", "junk list of None")),
    }
    return Call(mapped, arguments, check, roles)


@calls(*KINDS)
def _(draw: Draw, name: str) -> Call:
    arguments = draw.samples()
    net = arguments["network"]
    arguments |= {"cost": draw.one(None, 2.0)}
    if name == "DataLoss":
        arguments["loss"] = draw.loss().loss

    def check(result: Any, args: Any) -> None:
        theta = _direction(net)
        x, y = floats(args["x"]), floats(args["y"]).reshape(-1, net.n_out)
        assert x.ndim == 2
        assert len(y) == len(x)
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
        want = _value(args, theta, x, y)
        eps = max(eps_of(args["x"]), eps_of(args["y"]) if eps_of(args["x"]) > 1e-10 else 0.0)
        assert_near(result.value(theta), want, want + 1, 1e7, eps=eps)

    roles = {
        "smoothing": NONNEGATIVE,
        "weights": Role("array", optional=True),
        "cost": Role("real", low=5e-324, optional=True),
        "executor": Role("object", optional=True),
    }
    return Call(getattr(sk, name), arguments, check, roles)


def _value(args: Any, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """L, by its definition."""
    loss = args.get("loss", sk.SquaredError())
    w = np.broadcast_to(1.0 if args["weights"] is None else floats(args["weights"]), len(x))
    assert np.ndim(args["weights"]) < 2 or args["weights"] is None
    factor = loss.mean_factor / len(x) if args["reduction"] == "mean" else 1.0
    D = args["network"].roughness
    data = factor * (w * loss.value(oracles.network(args["network"], theta, x), y)).sum()
    return data + 0.5 * args["smoothing"] * ((D @ theta) ** 2).sum()


class Truth:
    """rho, the rows S J and the penalty's B of an objective on data."""

    def __init__(self, problem: Any) -> None:
        self.problem, self.net = problem, problem.network
        n = len(problem.x)
        w = np.ones(n) if problem.weights is None else np.broadcast_to(floats(problem.weights), n)
        factor = problem.loss.mean_factor / n if problem.reduction == "mean" else 1.0
        self.root = np.sqrt(factor * w)

    def _at(self, theta: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Outputs, dl/dg and S as a matrix per sample."""
        g = oracles.network(self.net, theta, self.problem.x)
        S, outputs = self.problem.loss.root(g, self.problem.y), g.shape[1]
        if S is None:
            S = np.ones(g.shape)
        S = S[:, :, None] * np.eye(outputs) if S.ndim == 2 else S
        return g, self.problem.loss.gradient(g, self.problem.y), S

    def value(self, theta: Any) -> float:
        g, _, _ = self._at(theta)
        return float((self.root**2 * self.problem.loss.value(g, self.problem.y)).sum())

    def residual(self, theta: Any) -> np.ndarray:
        _, slope, S = self._at(theta)
        rho = np.linalg.solve(S.swapaxes(1, 2), slope[:, :, None])[:, :, 0]
        return (self.root[:, None] * rho).ravel()

    def jacobian(self, theta: Any) -> np.ndarray:
        g, _, S = self._at(theta)
        rows = self.net.jacobian(theta, self.problem.x).toarray().reshape(*g.shape, -1)
        return (self.root[:, None, None] * (S @ rows)).reshape(g.size, -1)

    def penalty(self) -> np.ndarray:
        smoothing = self.problem.smoothing
        return np.sqrt(smoothing) * self.net.roughness.toarray() if smoothing else np.zeros((0, 0))


def problem_check(problem: Any, method: str, truth: Any) -> Any:
    """A check of the methods that sums over chunks share."""

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        assert theta.shape == (problem.network.n_parameters,), f"theta of shape {theta.shape} was accepted"
        if not finite(args) or not moderate(args):
            return
        r, J, d = truth.residual(theta), truth.jacobian(theta), truth.penalty()
        below, D = (d @ theta, d) if d.shape[0] else (np.zeros(0), np.zeros((0, len(theta))))
        whole = truth.value(theta) + 0.5 * below @ below
        gradient, normal = J.T @ r + D.T @ below, J.T @ J + D.T @ D
        scale = np.abs(J).T @ np.abs(r) + np.abs(D).T @ np.abs(below) + 1
        if method == "value":
            assert_near(result, whole, whole + 1e-12, 1e6)
        elif method == "residual":
            assert_near(result, r, 1 + np.abs(r).max(), 1e6)
        elif method == "jacobian":
            assert_alike(floats(result.toarray() if hasattr(result, "toarray") else result), J, 1e-8)
        elif method == "gradient":
            assert_near(result, gradient, scale, 1e6)
        elif method == "value_and_gradient":
            assert_near(result[0], whole, whole + 1e-12, 1e6)
            assert_near(result[1], gradient, scale, 1e6)
        elif method == "normal_equations":
            assert_near(result[0], whole, whole + 1e-12, 1e6)
            assert_near(result[1], gradient, scale, 1e6)
            assert_alike(result[2], normal, 1e-8)
        elif method == "triangular_factor":
            scale = 1 + np.abs(normal).max() + scale
            assert np.abs(result[1].T @ result[1] - normal).max() <= 1e-9 * scale.max()
            assert_near(result[1].T @ result[2], gradient, scale + np.abs(gradient).max(), 1e7)
        elif method == "linearized":
            value, both, rows = result
            v, w = _direction(problem.network), np.ones(len(both))
            stacked = np.concatenate([J, D])
            assert_near(value, whole, whole + 1e-12, 1e6)
            assert_near(both, np.concatenate([r, below]), 1 + np.abs(both).max(), 1e6)
            assert_near(rows.matvec(v), stacked @ v, np.abs(stacked) @ np.abs(v) + 1, 1e6)
            assert_near(rows.rmatvec(w), stacked.T @ w, np.abs(stacked).T @ w + 1, 1e6)
        elif method == "hessian_product":
            v = floats(args["v"])
            assert v.shape == theta.shape, f"v of shape {v.shape} was accepted"

            def slope_at(s: float) -> Any:
                at = theta + s * v
                return truth.jacobian(at).T @ truth.residual(at) + D.T @ (D @ at)

            assert_slope(result, slope_at)

    return check


SHARED = (
    "value",
    "residual",
    "jacobian",
    "gradient",
    "value_and_gradient",
    "normal_equations",
    "triangular_factor",
    "linearized",
)


@calls(*(f"{kind}.{m}" for kind in KINDS for m in (*SHARED, "hessian_product")))
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    problem = _made(draw, kind)
    arguments = {"theta": draw.theta(problem.network)}
    if method == "hessian_product":
        arguments["v"] = draw.theta(problem.network)
    check = problem_check(problem, method, Truth(problem))
    return Call(getattr(problem, method), arguments, check, scale=1e7)


def described(problem: Any, draw: Draw, method: str, n_residuals: int) -> Call:
    """A call of what objectives tell about themselves."""
    net = problem.network
    if method == "coordinates":

        def mapped(result: Any, args: Any) -> None:
            theta = _direction(net)
            assert_alike(result.apply(theta), net.to_basis(theta, args["name"]))

        names = ("basis", *NO_BASIS)
        return Call(
            problem.coordinates, {"name": draw.one(*BASIS)}, mapped, {}, has_relu_basis(net), names=names
        )
    if method == "penalty":
        smoothing = getattr(problem, "smoothing", 0.0)
        want = smoothing * (net.roughness.T @ net.roughness).toarray()
        return Call(
            lambda: problem.penalty.jacobian().normal_matrix(), {}, lambda r, _: assert_alike(r, want, 1e-9)
        )
    want = {"n_residuals": n_residuals, "squared": getattr(problem, "loss", sk.SquaredError()).squared}
    want["n_samples"] = len(getattr(problem, "x", ()))
    return Call(lambda: getattr(problem, method), {}, lambda r, _: assert_alike(r, want[method]))


@calls(
    *(
        f"{kind}.{m}"
        for kind in KINDS
        for m in ("coordinates", "penalty", "n_samples", "n_residuals", "squared")
    )
)
def _(draw: Draw, name: str) -> Call:
    kind, method = name.split(".")
    problem = _made(draw, kind)
    net = problem.network
    rows = len(problem.x) * net.n_out + (net.roughness.shape[0] if problem.smoothing else 0)
    return described(problem, draw, method, rows)


@calls(
    "DataPart", *(f"DataPart.{m}" for m in ("value", "residual", "gradient", "jacobian", "hessian_product"))
)
def _(draw: Draw, name: str) -> Call:
    problem = draw.loss("spline")
    theta, truth = draw.theta(problem.network), Truth(problem)
    part = problem._part(theta, (0, len(problem.x)))
    if name == "DataPart":
        return record(part)
    method = name.split(".")[1]
    if method == "hessian_product":
        smooth = problem.penalty.product

        def product(result: Any, args: Any) -> None:
            v = floats(args["v"])
            assert v.shape == theta.shape, f"v of shape {v.shape} was accepted"
            if finite(args) and moderate(args):
                whole = problem.hessian_product(theta, v)
                assert_near(result, whole - smooth(v), 1 + np.abs(whole).max() + np.abs(v).max(), 1e5)

        return Call(part.hessian_product, {"v": draw.theta(problem.network)}, product, scale=1e7)
    r, J = truth.residual(theta), truth.jacobian(theta)

    def check(result: Any, _args: Any) -> None:
        want = {"value": truth.value(theta), "residual": r, "gradient": J.T @ r, "jacobian": J}[method]
        got = result.toarray() if method == "jacobian" else result
        assert_near(got, want, 1 + np.abs(J).max() * np.abs(r).sum(), 1e5)

    plain = method in ("value", "residual")
    return Call((lambda: getattr(part, method)) if plain else getattr(part, method), {}, check)


# Models


def _model(draw: Draw) -> tuple[Any, Any]:
    """A model, and its network as a function of x."""
    if draw.chance(0.7):
        net = draw.network()
        model = sk.Model(net, draw.theta(net))
        return model, lambda x: oracles.network(net, model.theta, x)
    from fuzz.differential import X, Y

    bounds = ((-1.0, 2.0), (0.0, 1.0))
    net = draw.network(n_in=3)
    model = sk.Model(net, draw.theta(net), Features((X, Y), (X * Y,), bounds))

    def inside(x: Any) -> Any:
        u = np.stack([(x[:, 0] + 1) * 2 / 3 - 1, 2 * x[:, 1] - 1, x[:, 0] * x[:, 1]], axis=1)
        return oracles.network(net, model.theta, u)

    return model, inside


@calls("Model", *(f"{kind}.model" for kind in (*KINDS, "PINN")))
def _(draw: Draw, name: str) -> Call:
    if name == "Model":
        made, _ = _model(draw)
        arguments = {f.name: getattr(made, f.name) for f in fields(made)}
        free = ("features", "names", "output_names", "record")
        roles = {each: Role("object", optional=True) for each in free}
        if draw.chance():
            arguments["names"] = tuple("abcdefgh"[: made.n_in])
            arguments["record"] = FitRecord(((-1e3, 1e3),) * made.n_in, "squared", 3)
        names: tuple[str, ...] = ()
    else:
        from fuzz.differential import _problem

        problem = _problem(draw) if name == "PINN.model" else _made(draw, name.split(".")[0])
        made = problem.model(draw.theta(problem.network))
        arguments, roles, names = {"theta": made.theta}, {}, ("theta",)

    def check(result: Any, args: Any) -> None:
        theta = floats(args["theta"])
        assert theta.shape == (made.n_parameters,)
        assert np.isfinite(theta).all()
        assert np.array_equal(result.theta, theta)
        assert result.theta is not args["theta"]
        if args.get("features", made.features) is made.features:
            x = Draw(3).points(4, made.n_in)
            assert np.array_equal(result(x), sk.Model(made.network, theta, made.features)(x), equal_nan=True)

    return Call(sk.Model if name == "Model" else problem.model, arguments, check, roles, names=names)


@calls(*(f"Model.{m}" for m in ("__call__", "gradient", "hessian", "derivative")))
def _(draw: Draw, name: str) -> Call:
    (model, truth), method = _model(draw), name.split(".")[1]
    arguments: dict[str, Any] = {"x": draw.points(draw.integer(0, 4), model.n_in)}
    if method == "derivative":
        arguments |= {"direction": draw.normal(model.n_in), "order": draw.integer(1, 4)}

    def moved(x: Any, v: Any, s: float) -> Any:
        return x + s * np.asarray(v)

    def check(result: Any, args: Any) -> None:
        x = floats(args["x"])
        assert x.ndim == 2
        assert x.shape[1] == model.n_in
        if not finite(args) or not moderate(args):
            return
        units, n = np.eye(model.n_in), len(x)
        if method == "__call__":
            want = truth(x)
            size = 1 + np.abs(want).max(initial=0.0) + 1e3 * np.abs(model.theta).max(initial=0.0)
            assert_near(result, want, size, 1e5, eps=eps_of(args["x"]))
        elif method == "gradient":
            assert result.shape == (n, model.n_out, model.n_in)
            for p, unit in enumerate(units):
                assert_slope(result[:, :, p], lambda s, v=unit: truth(moved(x, v, s)))
        elif method == "hessian":
            assert_alike(result, result.swapaxes(2, 3))
            for p, unit in enumerate(units):
                assert_slope(result[:, :, :, p], lambda s, v=unit: model.gradient(moved(x, v, s)))
        else:
            v, order = floats(args["direction"]), args["order"]
            assert v.shape == (model.n_in,)
            if order == 1:
                assert_slope(result, lambda s: truth(moved(x, v, s)))
            else:
                assert_slope(result, lambda s: model.derivative(moved(x, v, s), v, order - 1))

    roles = {"order": Role("whole", low=1, high=4)}
    target = model if method == "__call__" else getattr(model, method)
    return Call(target, arguments, check, roles, scale=1e7, names=("points", "directions"))


@calls("Model.refined", "Model.refine", "Model.with_basis")
def _(draw: Draw, name: str) -> Call:
    (model, _), method = _model(draw), name.split(".")[1]

    def check(result: Any, args: Any) -> None:
        x = Draw(2).points(5, model.n_in)
        want, size = model(x), np.abs(model.theta).max(initial=0) + np.abs(result.theta).max(initial=0)
        assert_near(result(x), want, 1 + np.abs(want).max() + size, 1e8)
        if method == "with_basis" and model.network.intervals:
            assert result.basis == args["basis"]

    arguments = {"basis": draw.one(*BASIS)} if method == "with_basis" else {}
    roles = {}
    if method == "refine":
        arguments, roles = {"times": draw.integer(0, 2)}, {"times": Role("whole", low=0, most=4)}
        if model.network.intervals and (known := sites(model.network)) and draw.chance():
            key = draw.one(*known)
            arguments = {"marked": {key: [0]}, "budget": model.n_parameters + draw.integer(0, 30)}
            roles = {
                "marked": Role("object", optional=True, accepts=("junk dictionary",)),
                "budget": Role("whole", low=model.n_parameters, optional=True),
            }
    strict = method != "with_basis" or has_relu_basis(model.network)
    return Call(getattr(model, method), arguments, check, roles, strict=strict, names=NO_BASIS)


@calls("Model.coarsen", share=2)
def _(draw: Draw, name: str) -> Call:
    model, _ = _model(draw)
    bounds = None if model.network.domain is not None else (0.0, 1.0)
    arguments = {"tolerance": draw.one(0.0, 0.1, 10.0), "bounds": bounds, "budget": None}

    def check(result: Any, args: Any) -> None:
        assert result.model.n_parameters <= model.n_parameters
        assert result.change.shape == (model.n_out,)
        low, high = np.array(model._box(args["bounds"]), dtype=np.float64).T
        if model.features is None and np.abs(model.theta).max(initial=0.0) < 1e6:
            x = low + (high - low) * Draw(4).rng.uniform(0, 1, (50, model.n_in))
            assert (np.abs(result.model(x) - model(x)) <= result.change).all()

    roles = {
        "tolerance": Role("real", low=0.0, accepts=("1-d array",)),
        "bounds": Role("interval", optional=True),
        "budget": Role("whole", low=model.n_parameters, optional=True),
    }
    strict = model.features is None or bounds is None
    return Call(model.coarsen, arguments, check, roles, strict=strict, names=("layer", "bounds"))


@calls("Model.jacobian", "Model.score")
def _(draw: Draw, name: str) -> Call:
    (model, _), n = _model(draw), draw.integer(2, 5)
    x = draw.points(n, model.n_in)
    if name == "Model.jacobian":

        def rows(result: Any, args: Any) -> None:
            if finite(args) and moderate(args):
                inputs = model._inputs(args["x"])
                assert_alike(result.toarray(), model.network.jacobian(model.theta, inputs).toarray(), 1e-7)

        return Call(model.jacobian, {"x": x}, rows, scale=1e7, names=("points",))
    arguments = {"X": x, "y": draw.normal(n, model.n_out), "sample_weight": draw.rng.uniform(0.1, 1, n)}

    def check(result: Any, args: Any) -> None:
        if not finite(args) or not moderate(args):
            return
        y, w = floats(args["y"]).reshape(n, -1), args["sample_weight"]
        w = np.ones(n) if w is None else floats(w)
        rest, mean = model(args["X"]) - y, np.average(y, axis=0, weights=w)
        spread = w @ (y - mean) ** 2
        if (spread > 1e-6 * np.abs(y).max() ** 2).all():
            assert_near(result, (1 - w @ rest**2 / spread).mean(), 1 + (w @ rest**2 / spread).max(), 1e6)

    roles = {"sample_weight": Role("array", optional=True)}
    return Call(model.score, arguments, check, roles, scale=1e9, names=("x", "points"))


@calls("Model.history")
def _(draw: Draw, name: str) -> Call:
    model, _ = _model(draw)
    return Call(lambda: getattr(model, "history", None), {}, lambda r, _: assert_alike(r, None))


@calls(*(f"Model.{p}" for p in ("n_in", "n_out", "n_parameters", "basis", "summary")))
def _(draw: Draw, name: str) -> Call:
    (model, _), what = _model(draw), name.split(".")[1]
    net = model.network

    def check(result: Any, _args: Any) -> None:
        if what == "n_in":
            assert result == (net.n_in if model.features is None else 2)
        elif what != "summary":
            assert result == getattr(net, what)
        else:
            assert all(str(layer)[:30] in result for layer in net.layers)
            assert max(map(len, result.splitlines())) < 110

    return Call(model.summary if what == "summary" else lambda: getattr(model, what), {}, check)


@calls("save", "load", share=2)
def _(draw: Draw, name: str) -> Call:
    model, _ = _model(draw)
    path = Path(tempfile.mkdtemp(prefix="fuzz-models-")) / "model.npz"
    role = {"path": Role("object", accepts=("junk text", "junk number as text"))}

    def alike(again: Any) -> None:
        assert np.array_equal(again.theta, model.theta)
        assert str(again.network) == str(model.network)
        x = Draw(2).points(5, model.n_in)
        assert np.array_equal(again(x), model(x), equal_nan=True)

    def found(again: Any, args: Any) -> None:
        if args["path"] == path:  # another call may have saved to "abc"
            alike(again)

    if name == "load":
        sk.save(path, model)
        return Call(sk.load, {"path": path}, found, role, also=(FileNotFoundError,))

    def kept(_result: Any, args: Any) -> None:
        alike(sk.load(args["path"]))

    arguments = {"path": path, "model": model, "force": True}
    return Call(sk.save, arguments, kept, role)
