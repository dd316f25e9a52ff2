"""Formulas to be found from samples: their text, the box of their inputs, and their sources.

Feynman's equations carry their numbers in AI Feynman (Udrescu, Tegmark, arXiv:1905.11481) and have the
dimensionless form of the table of Feynman data in the paper on KANs (Liu et al., arXiv:2404.19756). Their
boxes are ours, close to those of pykan's `kan.feynman`, and exclude poles and roots of 0. Nguyen's are
those of Uy et al. (2011), on their box.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

SAMPLES, FRESH = 2000, 10_000
"""Samples to fit, and points on which the found formula is compared with the true one."""
KAN_PAPER = "arXiv:2404.19756"


def evaluated(expression: sympy.Expr, symbols: list[sympy.Symbol], x: np.ndarray) -> np.ndarray:
    """Values at the rows of x; NaN where the expression has no real value."""
    call = sympy.lambdify(symbols, expression, modules=["scipy", "numpy"])
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(call(*x.T)), len(x))
        if np.iscomplexobj(values):
            return np.where(values.imag == 0, values.real, np.nan)
        return values.astype(float)


@dataclass(frozen=True)
class Case:
    """A formula: `ranges` gives an interval for every input, in the order of the columns of X.

    Inputs that the formula does not contain are irrelevant. `source` is the origin of formula and ranges.
    """

    name: str
    text: str
    ranges: dict[str, tuple[float, float]]
    source: str

    @cached_property
    def symbols(self) -> list[sympy.Symbol]:
        """x1, x2, ...: the names of the inputs in a found expression."""
        return [sympy.Symbol(f"x{p + 1}", real=True) for p in range(len(self.ranges))]

    @cached_property
    def expression(self) -> sympy.Expr:
        """The formula in `symbols`."""
        return sympy.sympify(self.text, locals=dict(zip(self.ranges, self.symbols, strict=True)))

    def values(self, x: np.ndarray) -> np.ndarray:
        """The formula at the rows of x."""
        return evaluated(self.expression, self.symbols, x)

    def points(self, n: int, *seed: int) -> np.ndarray:
        """n points, uniform in the box."""
        low, high = np.array(list(self.ranges.values())).T
        return np.random.default_rng([zlib.crc32(self.name.encode()), *seed]).uniform(
            low, high, (n, len(low))
        )

    def draw(self, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """`SAMPLES` samples; normal noise, `noise` times the deviation of the values."""
        x = self.points(SAMPLES, 0, seed)
        y = self.values(x)
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), 1, seed])
        return x, y + noise * y.std() * rng.normal(size=SAMPLES)

    @property
    def fresh(self) -> np.ndarray:
        """`FRESH` points that are in no draw."""
        return self.points(FRESH, 2)


def _feynman(number: str, text: str, **ranges: tuple[float, float]) -> Case:
    return Case(number, text, ranges, f"AI Feynman, arXiv:1905.11481; dimensionless: {KAN_PAPER}")


TURN = (0.0, float(2 * np.pi))
UNIT, SYMMETRIC = (0.0, 1.0), (-1.0, 1.0)

CASES = (
    Case("exp-sine", "exp(sin(pi*x) + y**2)", {"x": SYMMETRIC, "y": SYMMETRIC}, f"{KAN_PAPER}, toy example"),
    Case("product", "x*y", {"x": SYMMETRIC, "y": SYMMETRIC}, f"{KAN_PAPER}, toy example"),
    _feynman("I.16.6", "(a + b)/(1 + a*b)", a=(-0.9, 0.9), b=(-0.9, 0.9)),
    Case("hypotenuse", "sqrt(a**2 + b**2)", {"a": (0.5, 2), "b": (0.5, 2)}, "a factor of Feynman II.6.15a"),
    _feynman("III.10.19", "sqrt(1 + a**2 + b**2)", a=SYMMETRIC, b=SYMMETRIC),
    _feynman("I.27.6", "1/(1 + a*b)", a=(0.5, 2), b=(0.5, 2)),
    _feynman("I.40.1", "n*exp(-a)", n=(0.1, 1), a=SYMMETRIC),
    _feynman("II.38.3", "a/b", a=SYMMETRIC, b=(0.5, 2)),
    _feynman("I.18.4", "(1 + a*b)/(1 + a)", a=(0.5, 2), b=SYMMETRIC),
    _feynman("I.12.11", "1 + a*sin(theta)", a=SYMMETRIC, theta=TURN),
    _feynman("I.37.4", "1 + a + 2*sqrt(a)*cos(delta)", a=(0.1, 1), delta=TURN),
    _feynman("II.11.27", "n*a/(1 - n*a/3)", n=(0.1, 1), a=(0.1, 2)),
    _feynman("II.35.18", "n/(exp(a) + exp(-a))", n=(0.1, 1), a=SYMMETRIC),
    _feynman("III.17.37", "b*(1 + a*cos(theta))", a=UNIT, b=UNIT, theta=TURN),
    _feynman("I.6.2", "exp(-t**2/(2*s**2))/sqrt(2*pi*s**2)", t=SYMMETRIC, s=(0.5, 2)),
    _feynman("I.29.16", "sqrt(1 + a**2 - 2*a*cos(s - t))", a=(0.1, 0.8), s=TURN, t=TURN),
    Case(
        "I.9.18, plane",
        "a/((b - 1)**2 + (c - d)**2)",
        {"a": UNIT, "b": (-1, 0), "c": (0.5, 1), "d": (-1, -0.5)},
        "Feynman I.9.18 without its third coordinate",
    ),
    Case("Nguyen-10", "2*sin(x)*cos(y)", {"x": UNIT, "y": UNIT}, "Uy et al. (2011)"),
    Case("Nguyen-12", "x**4 - x**3 + y**2/2 - y", {"x": UNIT, "y": UNIT}, "Uy et al. (2011)"),
    Case("kink", "Abs(x - 0.3) + y**2", {"x": SYMMETRIC, "y": SYMMETRIC}, "ours"),
    Case(
        "irrelevant input",
        "log(1 + x**2 + y**2)",
        {"x": SYMMETRIC, "y": SYMMETRIC, "z": SYMMETRIC},
        "ours",
    ),
    Case("Cobb-Douglas", "1.01*k**0.25*l**0.75", {"k": (0.5, 4), "l": (0.5, 4)}, "Cobb, Douglas (1928)"),
    Case(
        "additive",
        "sin(3*x) + exp(y) + z**3 - 2*w",
        {"x": SYMMETRIC, "y": SYMMETRIC, "z": SYMMETRIC, "w": SYMMETRIC},
        "ours",
    ),
    Case(
        "nested sines",
        "exp((sin(pi*(a**2 + b**2)) + sin(pi*(c**2 + d**2)))/2)",
        {"a": SYMMETRIC, "b": SYMMETRIC, "c": SYMMETRIC, "d": SYMMETRIC},
        f"{KAN_PAPER}, toy example",
    ),
)
"""Four are out of reach of narrow networks with two layers: I.6.2, I.29.16, I.9.18 and the nested sines."""
