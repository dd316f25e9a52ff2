"""Named boundary value problems with known answers, written in sympy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import scipy
import sympy
from numpy.typing import ArrayLike

from splinekan._checks import Float64Array, integer, one_of
from splinekan.collocation import equidistributed, gauss_cells
from splinekan.equations import Equation, Features, ansatz
from splinekan.network import KAN
from splinekan.objectives.pinn import PINN, Block

X, Y, T = sympy.symbols("x y t")

PIECES = 256
"""Per variable, where the slope of a solution is looked at."""


@dataclass(frozen=True, eq=False)
class Condition:
    """An equation on the face `variable` = `value` of the box, weighted against the interior.

    With `minus`, another value, the residual is the difference between the two faces: periodicity, or the
    jump across an interface whose sides are told by the values' signs.
    """

    equation: Equation
    variable: int
    value: float
    weight: float
    minus: float | None = None


@dataclass(frozen=True, eq=False)
class BoundaryValueProblem:
    """Equations in a box, conditions on faces, and the solution.

    Attributes
    ----------
    name, source
        What it is and where it comes from.
    equation
        In the interior, in two variables.
    box
        One interval per variable.
    conditions
        Boundary, initial and interface conditions.
    reference
        (n, 2) points -> (n,) values of the solution.
    extra
        Inputs that a network should have in addition.
    scale
        Weight of the interior's mean square residual, so that all terms are of a size.
    form
        u in terms of the unknown v of `equation`, if conditions are built in: an Equation whose residual is
        u. None if v is u.
    entering
        `box`, with None for variables that are no inputs of the network.
    """

    name: str
    source: str
    equation: Equation
    box: tuple[tuple[float, float], tuple[float, float]]
    conditions: tuple[Condition, ...]
    reference: Callable[[Float64Array], Float64Array]
    extra: tuple[Any, ...] = ()
    scale: float = 1.0
    form: Equation | None = None
    entering: tuple[tuple[float, float] | None, ...] | None = None

    @property
    def n_inputs(self) -> int:
        """Inputs of a network."""
        box = self.box if self.entering is None else self.entering
        return Features(self.equation.variables, self.extra, box).n_inputs

    def blocks(self, edges: Sequence[ArrayLike], order: int = 3) -> list[Block]:
        """The problem on `order` Gauss points per variable in every cell of a tensor grid with these edges.

        The loss is that of the continuous problem, scale times the mean of r^2 over the box and weight
        times its means over faces, up to quadrature. Points inside cells see what lies between knots; those
        that are drawn once at random leave holes in which a network is free.
        """
        points, weights = gauss_cells(edges, order)
        rules = [gauss_cells([ends], order) for ends in edges]
        return self.posed(points, weights, [(axis[:, 0], shares) for axis, shares in rules])

    def posed(
        self,
        points: Float64Array,
        weights: ArrayLike,
        along: Sequence[tuple[Float64Array, ArrayLike]],
    ) -> list[Block]:
        """The problem on any points: 1/2 sum over blocks of w r^2, w twice these weights, scale or weight.

        Parameters
        ----------
        points, weights
            In the interior, (n, 2); one weight, or (n,). 1/n for a mean, 1 for a sum.
        along
            Per variable the points and weights along it, on faces where the other variable is fixed.
        """
        found = [Block(self.equation, points, 2 * self.scale * np.asarray(weights))]
        for equation in dict.fromkeys(condition.equation for condition in self.conditions):
            # One block for all faces on which the same holds.
            same = [condition for condition in self.conditions if condition.equation is equation]
            shares = []
            for one in same:
                places, share = along[1 - one.variable]
                shares.append(2 * one.weight * np.broadcast_to(share, len(places)))
            sides = []
            for side in ("value", "minus"):
                ends = [(one.variable, getattr(one, side)) for one in same]
                if all(end is not None for _, end in ends):
                    faces = [np.insert(along[1 - i][0][:, None], i, end, axis=1) for i, end in ends]
                    sides.append(np.concatenate(faces))
            found.append(Block(equation, sides[0], np.concatenate(shares), *sides[1:]))
        return found

    def uniform(self, cells: Sequence[int]) -> list[Float64Array]:
        """Edges that cut the interval of variable i into cells[i] equal parts."""
        counts = [integer("every number of cells", n, low=1) for n in cells]
        return [np.linspace(*interval, n + 1) for interval, n in zip(self.box, counts, strict=True)]

    def adapted(
        self, solution: Callable[[Float64Array], Float64Array], cells: Sequence[int], floor: float = 0.5
    ) -> list[Float64Array]:
        """Edges with half of the cells spread evenly and half where the solution is steep.

        Along each variable the largest slope over the other one is equidistributed.
        """
        counts = [integer("every number of cells", n, low=1) for n in cells]
        fine = self.uniform((PIECES, PIECES))
        grid = np.stack(np.meshgrid(*fine, indexing="ij"), axis=-1).reshape(-1, 2)
        u = solution(grid).reshape(PIECES + 1, PIECES + 1)
        steep = [np.abs(np.diff(u, axis=i)).max(axis=1 - i) for i in (0, 1)]
        return [
            equidistributed(ends, slope, n, floor) for ends, slope, n in zip(fine, steep, counts, strict=True)
        ]

    def reweighted(self, scale: float, *weights: float) -> BoundaryValueProblem:
        """The same problem with another scale, and one weight for each of the different conditions."""
        kinds = list(dict.fromkeys(condition.equation for condition in self.conditions))
        if len(weights) != len(kinds):
            raise ValueError(f"{self.name} has {len(kinds)} different conditions, got weights {weights}")
        chosen = dict(zip(kinds, weights, strict=True))
        conditions = tuple(replace(one, weight=chosen[one.equation]) for one in self.conditions)
        return replace(self, conditions=conditions, scale=scale)

    def pinn(self, network: KAN, blocks: Sequence[Block], cost: float = 1.0) -> PINN:
        """The objective for a network that has the problem's box and extra inputs."""
        return PINN(network, blocks, self.extra, self.entering or self.box, cost)

    def solution(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """u, (n,), of a network."""
        output = np.asarray(self._alone(network, points).solution(theta, points), dtype=np.float64)
        if self.form is None:
            return output[:, 0]
        value, _ = self.form.evaluate(points, output[:, None, :])
        return value

    def residual(self, network: KAN, theta: Float64Array, points: Float64Array) -> Float64Array:
        """The interior equation's residual, (n,), of a network."""
        return self._alone(network, points).residual(theta)

    def _alone(self, network: KAN, points: Float64Array) -> PINN:
        return self.pinn(network, [Block(self.equation, points)])

    def relative_error(self, solution: Callable[[Float64Array], Float64Array], points: int = 101) -> float:
        """|u - reference| / |reference| in l2 on a grid of points^2, its boundary included."""
        axes = [np.linspace(*interval, points) for interval in self.box]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        exact = self.reference(grid)
        return float(np.linalg.norm(solution(grid) - exact) / np.linalg.norm(exact))


def _manufactured(
    name: str,
    source: str,
    exact: Any,
    operator: Callable[[Any], Any],
    box: tuple[tuple[float, float], tuple[float, float]],
    weight: float,
    scale: float,
) -> BoundaryValueProblem:
    """operator(u) = operator(exact) in the box, u = exact on its boundary."""
    u = sympy.Function("u")(X, Y)
    variables = (X, Y)
    trace = Equation(u - exact, u, variables)
    faces = [(i, end) for i in (0, 1) for end in box[i]]
    values = sympy.lambdify(variables, exact)
    return BoundaryValueProblem(
        name,
        source,
        Equation(operator(u) - operator(exact).doit(), u, variables),
        box,
        tuple(Condition(trace, variable, value, weight) for variable, value in faces),
        lambda points: np.asarray(values(*points.T), dtype=np.float64),
        scale=scale,
    )


def _laplacian(u: Any) -> Any:
    return u.diff(X, 2) + u.diff(Y, 2)


SQUARE = ((-1.0, 1.0), (-1.0, 1.0))


def poisson() -> BoundaryValueProblem:
    """u_xx + u_yy = f with u = sin(pi x) sin(pi y)."""
    exact = sympy.sin(sympy.pi * X) * sympy.sin(sympy.pi * Y)
    return _manufactured(
        "poisson",
        "the PDE example of pykan (Liu et al., arXiv:2404.19756)",
        exact,
        _laplacian,
        SQUARE,
        1000.0,
        1.0,
    )


def helmholtz() -> BoundaryValueProblem:
    """u_xx + u_yy + u = f with u = sin(pi x) sin(4 pi y)."""
    exact = sympy.sin(sympy.pi * X) * sympy.sin(4 * sympy.pi * Y)
    return _manufactured(
        "helmholtz",
        "Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43 A3055, modes (1, 4)",
        exact,
        lambda u: _laplacian(u) + u,
        SQUARE,
        1000.0,
        1.0,
    )


def interface() -> BoundaryValueProblem:
    """div(eps grad u) = f with eps = 1 left of x = 0 and 1/2 right of it, u = 0 on the boundary."""
    u = sympy.Function("u")(X, Y)
    right = X > 0
    eps = sympy.Piecewise((sympy.Rational(1, 2), right), (1, True))
    wave = sympy.sin(3 * sympy.pi * Y)
    exact = sympy.Piecewise((sympy.sin(2 * sympy.pi * X), right), (sympy.sin(sympy.pi * X), True)) * wave
    pi2 = sympy.pi**2
    forcing = -sympy.Piecewise((sympy.Rational(13, 2) * pi2, right), (10 * pi2, True)) * exact
    variables = (X, Y)
    trace, flux = Equation(u, u, variables), Equation(eps * u.diff(X), u, variables)
    values = sympy.lambdify(variables, exact)
    return BoundaryValueProblem(
        "interface",
        "Southworth et al., arXiv:2603.04827, 6.2",
        Equation(eps * _laplacian(u) - forcing, u, variables),
        SQUARE,
        (
            *(Condition(trace, i, end, 1000.0) for i in (0, 1) for end in (-1.0, 1.0)),
            Condition(flux, 0, float(np.nextafter(0, -1)), 10.0, float(np.nextafter(0, 1))),
        ),
        lambda points: np.asarray(values(*points.T), dtype=np.float64),
        extra=(sympy.Abs(X),),
    )


def advection(speed: float = 1.0) -> BoundaryValueProblem:
    """u_t + speed u_x = 0, periodic on [-1, 1], u(x, 0) = exp(sin(pi x))."""
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    start = sympy.exp(sympy.sin(sympy.pi * X))
    value = Equation(u, u, variables)
    return BoundaryValueProblem(
        "advection",
        "linear advection of a smooth profile",
        Equation(u.diff(T) + speed * u.diff(X), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (Condition(Equation(u - start, u, variables), 1, 0.0, 100.0), Condition(value, 0, -1.0, 100.0, 1.0)),
        lambda points: np.exp(np.sin(np.pi * (points[:, 0] - speed * points[:, 1]))),
    )


def burgers(viscosity: float = 0.01) -> BoundaryValueProblem:
    """u_t + u u_x = viscosity u_xx, u(x, 0) = -sin(pi x), u(+-1, t) = 0; exact by the Cole-Hopf integral."""
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    trace = Equation(u, u, variables)
    nodes, weights = np.polynomial.hermite.hermgauss(200)

    def reference(points: Float64Array) -> Float64Array:
        x, t = points.T
        z = x[:, None] - np.sqrt(4 * viscosity * t)[:, None] * nodes
        exponent = -np.cos(np.pi * z) / (2 * np.pi * viscosity)
        kernel = weights * np.exp(exponent - exponent.max(axis=1, keepdims=True))
        value: Float64Array = -(np.sin(np.pi * z) * kernel).sum(axis=1) / kernel.sum(axis=1)
        return value

    return BoundaryValueProblem(
        "burgers",
        "Southworth et al., arXiv:2603.04827, 6.3; the data of Raissi, Perdikaris & Karniadakis 2019",
        Equation(u.diff(T) + u * u.diff(X) - viscosity * u.diff(X, 2), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (
            Condition(Equation(u + sympy.sin(sympy.pi * X), u, variables), 1, 0.0, 100.0),
            Condition(trace, 0, -1.0, 100.0),
            Condition(trace, 0, 1.0, 100.0),
        ),
        reference,
    )


def burgers_hard(viscosity: float = 0.01) -> BoundaryValueProblem:
    """The same with its conditions built in: u = -sin(pi x) + t (1 - x^2) v."""
    v = sympy.Function("v")(X, T)
    residual = v.diff(T) + v * v.diff(X) - viscosity * v.diff(X, 2)
    form = -sympy.sin(sympy.pi * X) + T * (1 - X**2) * v
    return replace(
        burgers(viscosity),
        name="burgers-hard",
        equation=Equation(ansatz(residual, v, form), v, (X, T)),
        conditions=(),
        form=Equation(form, v, (X, T)),
    )


def allen_cahn(diffusion: float = 1e-4, rate: float = 5.0) -> BoundaryValueProblem:
    """u_t = diffusion u_xx + rate (u - u^3), periodic on [-1, 1], u(x, 0) = x^2 cos(pi x).

    The reference comes from a Fourier method; see `allen_cahn_solution`.
    """
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    value, slope = Equation(u, u, variables), Equation(u.diff(X), u, variables)
    return BoundaryValueProblem(
        "allen-cahn",
        "Southworth et al., arXiv:2603.04827, 6.4; the data of Raissi, Perdikaris & Karniadakis 2019",
        Equation(u.diff(T) - diffusion * u.diff(X, 2) + rate * (u**3 - u), u, variables),
        ((-1.0, 1.0), (0.0, 1.0)),
        (
            Condition(Equation(u - X**2 * sympy.cos(sympy.pi * X), u, variables), 1, 0.0, 100.0),
            Condition(value, 0, -1.0, 1.0, 1.0),
            Condition(slope, 0, -1.0, 1.0, 1.0),
        ),
        lambda points: allen_cahn_solution(diffusion, rate)(points[:, 0], points[:, 1]),
    )


def allen_cahn_hard(diffusion: float = 1e-4, rate: float = 5.0) -> BoundaryValueProblem:
    """The same with its conditions built in, on [0, 1]: u = x^2 cos(pi x) + w + t v(cos(pi x), t).

    Errors at the start would grow like exp(rate t). u is even about 0 and 1, as the solution is; so the
    start, extended, has a kink at x = 1 that diffusion rounds off at once. v is smooth there and cannot do
    that: w does, the solution of w_t = diffusion w_xx that starts from 0 with slope 2 at x = 1,
    w = 2 s (exp(-z^2)/sqrt(pi) - z erfc(z)), s = sqrt(4 diffusion t), z = (1 - x)/s (Carslaw & Jaeger 1959).
    """
    v = sympy.Function("v")(X, T)
    residual = v.diff(T) - diffusion * v.diff(X, 2) + rate * (v**3 - v)
    width = sympy.sqrt(4 * diffusion * (T + sympy.Rational(1, 10**30)))  # no division by 0 at the start
    z = (1 - X) / width
    rounding = 2 * width * (sympy.exp(-(z**2)) / sympy.sqrt(sympy.pi) - z * sympy.erfc(z))
    form = X**2 * sympy.cos(sympy.pi * X) + rounding + T * v
    return replace(
        allen_cahn(diffusion, rate),
        name="allen-cahn-hard",
        equation=Equation(ansatz(residual, v, form), v, (X, T)),
        box=((0.0, 1.0), (0.0, 1.0)),
        conditions=(),
        extra=(sympy.cos(sympy.pi * X),),
        form=Equation(form, v, (X, T)),
        entering=(None, (0.0, 1.0)),
    )


@cache
def allen_cahn_solution(
    diffusion: float = 1e-4, rate: float = 5.0, modes: int = 2048, steps: int = 1000
) -> Callable[[Float64Array, Float64Array], Float64Array]:
    """u(x, t) by Fourier series and Lawson's fourth-order exponential integrator, then bicubic splines.

    The start has a kink at x = +-1, so coefficients decay like 1/modes^2 at first. Against twice the modes
    and twice the steps u changes by less than 1e-6 of its norm. Computed once, in a few seconds.
    """
    x = np.linspace(-1.0, 1.0, modes, endpoint=False)
    k = np.pi * np.arange(modes // 2 + 1)
    half = np.exp((rate - diffusion * k**2) / steps / 2)

    def reaction(v: Any) -> Any:
        return -rate * np.fft.rfft(np.fft.irfft(v) ** 3) / steps

    v: Any = np.fft.rfft(x**2 * np.cos(np.pi * x))
    rows = [v]
    for _ in range(steps):
        a = reaction(v)
        b = reaction(half * (v + a / 2))
        c = reaction(half * v + b / 2)
        d = reaction(half**2 * v + half * c)
        v = half**2 * v + (half**2 * a + 2 * half * (b + c) + d) / 6
        rows.append(v)
    u = np.fft.irfft(np.array(rows)[:: max(steps // 250, 1)]).T
    around = np.concatenate([u, u[:1]])  # x = 1 is x = -1 again
    table = scipy.interpolate.RectBivariateSpline(
        np.linspace(-1.0, 1.0, modes + 1), np.linspace(0.0, 1.0, u.shape[1]), around
    )
    return lambda at_x, at_t: np.asarray(table((at_x + 1) % 2 - 1, at_t, grid=False))


def korteweg_de_vries() -> BoundaryValueProblem:
    """u_t + 6 u u_x + u_xxx = 0 with the soliton u = 2 sech^2(x - 4 t), posed on [-4, 8] x [0, 1]."""
    u = sympy.Function("u")(X, T)
    variables = (X, T)
    exact = 2 * sympy.sech(X - 4 * T) ** 2
    trace = Equation(u - exact, u, variables)
    slope = Equation(u.diff(X) - exact.diff(X), u, variables)
    return BoundaryValueProblem(
        "kdv",
        "the one-soliton of Korteweg & de Vries 1895",
        Equation(u.diff(T) + 6 * u * u.diff(X) + u.diff(X, 3), u, variables),
        ((-4.0, 8.0), (0.0, 1.0)),
        (
            Condition(trace, 1, 0.0, 100.0),
            Condition(trace, 0, -4.0, 100.0),
            Condition(trace, 0, 8.0, 100.0),
            Condition(slope, 0, 8.0, 100.0),
        ),
        lambda points: np.asarray(2 / np.cosh(points[:, 0] - 4 * points[:, 1]) ** 2),
    )


PROBLEMS: dict[str, Callable[[], BoundaryValueProblem]] = {
    "poisson": poisson,
    "interface": interface,
    "helmholtz": helmholtz,
    "advection": advection,
    "burgers": burgers,
    "burgers-hard": burgers_hard,
    "allen-cahn": allen_cahn,
    "allen-cahn-hard": allen_cahn_hard,
    "kdv": korteweg_de_vries,
}


def problem(name: str) -> BoundaryValueProblem:
    """The problem of that name.

    Raises
    ------
    ValueError
        For a name that is not in `PROBLEMS`.
    """
    one_of("name", name, PROBLEMS)
    return PROBLEMS[name]()
