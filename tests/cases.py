"""Tables that the tests run over."""

import numpy as np

import splinekan as sk
from splinekan.splines.knots import breakpoints

DEGREES = range(10)
COMPILED = (0, 1, 2, 3, 5, 7)
"""Degrees of tests that run kernels, which are compiled for each: 0, odd and even ones, and the highest.

The exact values of `test_basis` run kernels for all of `DEGREES`, and so do the calls drawn by the campaign.
"""
KINDS = ("uniform", "random", "clamped")
MODES = ("linear", "polynomial", "clamp", "zero")
EPS = np.finfo(float).eps
METHODS = (sk.GradientDescent, sk.Adam, sk.LBFGS, sk.GaussNewton, sk.LevenbergMarquardt)
"""Without `VariableProjection`, which runs on problems with linear parameters only and has its own tests."""


def knots(kind, degree, intervals=7, seed=0):
    rng = np.random.default_rng([seed, degree])
    if kind == "uniform":
        return sk.uniform_knots(-1, 2, intervals, degree)
    if kind == "random":
        return np.cumsum(rng.uniform(0.3, 1, intervals + 2 * degree + 1))
    return sk.clamped_knots(np.cumsum(rng.uniform(0.3, 1, intervals + 1)), degree)


OFFSETS = (0.0, -1e3, 1e6, 1e8)


def hostile(name, degree):
    """A knot vector of that name for a degree."""
    rng = np.random.default_rng([5, degree])
    n = 4 + 2 * degree
    if name.startswith("offset"):
        return sk.uniform_knots(float(name[6:]), float(name[6:]) + 1, 10, degree)
    if name == "uneven":  # uniform to a fifth of the spacing, which is 67 ulp
        t = 1e8 + 1e-6 * np.arange(n + 1)
        t[1::2] += 1e-7
        return t
    if name == "ulp":  # as close as float64 allows
        return 1.0 + np.cumsum(np.resize([1, 3, 2], n + 1)) * EPS
    if name == "graded":
        return np.cumsum(10.0 ** rng.uniform(-8, 0, n + 1)) - 0.3
    if name == "tiny":
        return sk.clamped_knots([0, 1e-8, 1, 2], degree)
    if name == "tiny far":
        return sk.clamped_knots([1e8, 1e8 + 3e-8, 1e8 + 1, 1e8 + 2], degree)
    if name == "double":
        return sk.KnotVector.clamped([-1.0, 0.1, 0.7, 1.0, 3.0], degree, [1, min(2, degree + 1), 1]).t
    if name == "discontinuous":  # among short intervals, with jumps
        points = [-1.0, -0.3, -0.3 + 1e-9, 0.5, 2.0, 2.5]
        return sk.KnotVector.extended(points, degree, [degree + 1, min(2, degree + 1), degree + 1, 1]).t
    if name == "half-clamped":
        t = np.cumsum(rng.uniform(0.1, 1, n + 1))
        t[: degree + 1] = t[degree]
        return t
    if name == "partly clamped":
        t = np.cumsum(10.0 ** rng.uniform(-3, 0, n + 2 * degree + 1))
        t[degree - degree // 2 : degree + 1] = t[degree]
        t[len(t) - degree - 1 : len(t) - (degree + 1) // 2] = t[-degree - 1]
        t[degree + 2 : degree + 2 + (degree + 1) // 2] = t[degree + 2]
        return t
    if name == "repeated ghosts":
        t = np.cumsum(rng.uniform(0.1, 1, n + 1))
        t[:degree] = t[0]
        t[len(t) - degree :] = t[-1]
        return t
    if name == "both signs":
        return sk.extended_knots([-1.0, -1e-8, 1e-8, 1.0, 3.0], degree)
    scale = {"small": 1e-30, "large": 1e30}[name]
    return scale * np.cumsum(rng.uniform(0.1, 1, n + 1))


NAMES = (
    *(f"offset{x:g}" for x in OFFSETS),
    *("uneven", "ulp", "graded", "tiny", "tiny far", "both signs", "small", "large"),
)
REPEATED = ("double", "discontinuous", "half-clamped", "partly clamped", "repeated ghosts")
ALL = (*NAMES, *REPEATED)


def periodic_knots(degree):
    """Periodic KnotVectors of every kind; few intervals make B-splines overlap themselves."""
    rng = np.random.default_rng([3, degree])
    uneven = np.cumsum(10.0 ** rng.uniform(-4, 0, 9)) - 0.7
    found = [sk.KnotVector.uniform(-1, 2, count, degree, periodic=True) for count in (1, 2, 3, 4, 8)]
    found += [sk.KnotVector.extended(uneven[:n], degree, periodic=True) for n in (2, 3, 9)]
    found.append(sk.KnotVector.extended(uneven, degree, min(2, degree + 1), periodic=True))
    found.append(sk.KnotVector.extended(uneven, degree, [1, degree + 1, *(1,) * 5], periodic=True))
    return found


def points(t, degree, n=40, margin=0.0, seed=1):
    a, b = t[degree], t[-degree - 1]
    rng = np.random.default_rng(seed)
    spread = margin * (b - a)
    return np.concatenate([rng.uniform(a - spread, b + spread, n), breakpoints(t, degree)])


def networks():
    t = sk.uniform_knots(0, 1, 4, 3)
    fine = np.cumsum(np.random.default_rng(5).uniform(0.05, 0.2, 13)) - 0.3
    fourth = sk.KnotVector.extended([0, 0.3, 0.5, 1], 4)
    return {
        "affine-first": sk.KAN.affine_first([2, 3, 2], intervals=6),
        "splines": sk.KAN.splines([2, 3, 3, 2], intervals=6),
        "quintic": sk.KAN.splines([2, 2, 2], degree=5, intervals=3),
        "non-uniform": sk.KAN.chain([sk.SplineLayer(2, 3, fine, 3), sk.SplineLayer(3, 2, fine, 3)]),
        "normalised": sk.KAN.chain(
            [
                sk.Affine(2, 3, bias=False),
                sk.Normalizer(3, "sigmoid"),
                sk.SplineLayer(3, 3, t),
                sk.Normalizer(3, "tanh"),
                sk.SplineLayer(3, 3, t, extrapolate="polynomial"),
                sk.Normalizer(3, "affine", source=(-2, 3)),
                sk.SplineLayer(3, 2, t, extrapolate="clamp"),
            ]
        ),
        "unlike-units": sk.KAN.splines([2, 3, 2], intervals=4, domain=[(-0.5, 1.5), (0, 1)]),
        "tanh": sk.MLP([2, 4, 4, 2], "tanh"),
        "sigmoid": sk.MLP([2, 4, 2], "sigmoid"),
        "relu": sk.MLP([2, 4, 2], "relu"),
        "power-relu": sk.MLP([2, 4, 2], "power_relu", degree=4),
        "silu": sk.MLP([2, 4, 2], "silu"),
        "knots-per-input": sk.KAN.chain(
            [
                sk.SplineLayer(2, 3, [t, sk.KnotVector.extended([-0.1, 0.2, 0.3, 0.8, 1], 3)]),
                sk.SplineLayer(3, 2, [fine, fine, t], extrapolate="clamp"),
            ]
        ),
        "identity-base": sk.KAN.splines([2, 3, 2], intervals=4, base="identity"),
        "silu-base": sk.KAN.chain([sk.Affine(2, 3), sk.SplineLayer(3, 2, [t, t, fine], base="silu")]),
        "repeated": sk.KAN.chain(
            [
                sk.SplineLayer(2, 3, sk.KnotVector.clamped([-0.3, 0.2, 0.6, 1], 3, [2, 1])),
                sk.SplineLayer(3, 2, sk.KnotVector.extended([0, 0.3, 0.5, 1], 3, [4, 3])),
            ]
        ),
        "formulas": sk.KAN.chain(
            [
                formulas()["sum"],
                sk.Product(3, [(0,), (1, 2), (2,)]),
                sk.FormulaLayer(
                    3,
                    2,
                    [sk.Term(0, 0, ["sin"]), sk.Term(1, 1, ["tanh"]), sk.Term(2, 0), sk.Term(2, 1, ["atan"])],
                    [None, 0.5],
                ),
            ]
        ),
        "tensor": sk.KAN.chain(
            [
                sk.Affine(2, 2),
                sk.TensorSplineLayer([sk.KnotVector.uniform(0, 1, 6, 5, periodic=True), fourth], 3, "linear"),
                sk.SplineLayer(3, 2, t),
            ]
        ),
        "periodic": sk.KAN.chain(
            [
                sk.SplineLayer(2, 3, [sk.KnotVector.uniform(0, 0.7, 8, 3, periodic=True), t]),
                sk.SplineLayer(3, 3, sk.KnotVector.extended([0, 0.1, 0.6, 1], 3, periodic=True)),
                sk.SplineLayer(3, 2, [sk.KnotVector.uniform(0, 1, 2, 2, periodic=True)] * 2 + [t[1:-1]]),
            ]
        ),
    }


def layers():
    """Layers 2 -> 3, and elementwise 2 -> 2; not affine in their parameters are those of `BENT`."""
    even, fine = sk.uniform_knots(0, 1, 5, 3), sk.KnotVector.extended([-1, -0.3, 0.1, 1], 3)
    periodic = sk.KnotVector.uniform(0, 1, 9, 3, periodic=True)
    return {
        "spline": sk.SplineLayer(2, 3, even),
        "relu": sk.SplineLayer(2, 3, even, basis="relu"),
        "knots per input": sk.SplineLayer(2, 3, [even, fine]),
        "relu, knots per input": sk.SplineLayer(2, 3, [even, fine], basis="relu"),
        "periodic": sk.SplineLayer(2, 3, [periodic, fine]),
        "periodic, some": sk.SplineLayer(2, 3, sk.KnotVector.extended([0, 0.4, 0.5, 1], 2, periodic=True)),
        "periodic, few": sk.SplineLayer(2, 3, sk.KnotVector.extended([0, 0.4, 1], 3, periodic=True)),
        "periodic, constant": sk.SplineLayer(2, 3, sk.KnotVector.uniform(0, 1, 4, 0, periodic=True)),
        "repeated": sk.SplineLayer(2, 3, sk.KnotVector.clamped([-1, 0, 0.2, 1], 3, [4, 2])),
        "identity": sk.SplineLayer(2, 3, even, base="identity"),
        "silu": sk.SplineLayer(2, 3, [even, fine], base="silu"),
        "silu, relu": sk.SplineLayer(2, 3, even, basis="relu", base="silu"),
        "tensor": sk.TensorSplineLayer([sk.KnotVector(even, 3), fine], 3),
        "tensor, periodic": sk.TensorSplineLayer([periodic, periodic], 3, "linear"),
        "affine": sk.Affine(2, 3),
        "activation": sk.Activation(2),
        "normalizer": sk.Normalizer(2, "affine", source=[(0, 1), (2, 3)]),
        **formulas(),
    }


def formulas():
    """Layers 2 -> 3 of formulas, sums and products, smooth everywhere."""
    t, f = sk.Term, sk.network.function("besselj(0, x)*x", "wave")
    free = [
        t(0, 0, ["sin"]),
        t(1, 0, ["square", "tanh", "exp"]),
        t(1, 2),
        t(0, 1, ["gaussian", f]),
        t(0, 0, ["sin"]),
        t(1, 1, ["square"], [None, 1.0, None]),
        t(0, 2, ["cube", "sigmoid"], [2.0, 0.5, None, -1.0, 0.0]),
    ]
    even, fine = sk.uniform_knots(0, 1, 5, 3), sk.KnotVector.extended([-1, -0.3, 0.1, 1], 3)
    formula = sk.FormulaLayer(2, 3, free, [None, 0.5, None])
    return {
        "formula": formula,
        "formula, fixed": sk.FormulaLayer(2, 3, [t(1, 2, ["erf"], [2.0, -1.0, 0.25])], [1.0, 0.0, 2.0]),
        "formula, linear": sk.FormulaLayer(2, 3, [t(0, 1), t(1, 1), t(1, 0)], 0.0),
        "sum": sk.Sum([sk.SplineLayer(2, 3, even), formula]),
        "sum, relu": sk.Sum([formula, sk.SplineLayer(2, 3, [even, fine], basis="relu", base="silu")]),
        "product": sk.Product(2, [(0, 1), (1,), (0, 1, 0)]),
    }


BENT = ("formula", "sum", "sum, relu")
"""Layers that are not affine in their parameters."""


def leaves(net):
    """The layers of a network, those of sums one by one."""
    return [leaf for layer in net.layers for leaf in getattr(layer, "layers", (layer,))]


def bounded(net):
    """Whether enclosures exist for all layers."""
    unbounded = sk.FormulaLayer, sk.Product, sk.Sum, sk.TensorSplineLayer
    return all(type(layer) not in unbounded for layer in net.layers)


def has_relu_basis(net):
    """Whether the ReLU basis exists on all knots of a network."""
    if any(isinstance(layer, sk.TensorSplineLayer) for layer in leaves(net)):
        return False
    return all(each.has_relu_basis for layer in leaves(net) for each in getattr(layer, "knots", ()))


def bases(nets):
    """Names of networks with each of their bases."""
    return [(name, "spline") for name in nets] + [(n, "relu") for n in nets if has_relu_basis(nets[n])]


def start(net, seed=0):
    rng = np.random.default_rng(seed)
    return 0.5 * rng.normal(size=net.n_parameters), rng.uniform(-0.2, 1.2, (40, 2)), rng


def amplification(net):
    """What rounding grows by between the bases: the worst cond(A) of any layer."""
    return max(
        [
            sk.change_of_basis(each).condition_number()
            for layer in leaves(net)
            for each in {*getattr(layer, "knots", ())}
        ],
        default=1.0,
    )
