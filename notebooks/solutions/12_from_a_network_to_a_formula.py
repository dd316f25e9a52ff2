"""Solutions of notebook 12."""

import numpy as np

RNG = np.random.default_rng(0)


def exercise_1():
    """With means m_i and variances s_i: Var(v1 v2) = m2^2 s1 + m1^2 s2 + s1 s2.

    The first term is explained by input 1 alone, the second by input 2 alone, the third needs both. T_i
    counts what input i takes part in, so T_1 + T_2 counts s1 s2 twice: T_1 + T_2 - 1 = s1 s2/Var(v1 v2).
    """
    n = 400_000
    x, other = RNG.uniform(-1, 1, (2, n, 2))

    def f(x):
        return np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)

    total = []
    for i in range(2):  # T_i = E (f(x) - f(x with input i drawn anew))^2/(2 Var f)
        changed = x.copy()
        changed[:, i] = other[:, i]
        total.append(np.mean((f(x) - f(changed)) ** 2) / (2 * f(x).var()))
    v1, v2 = np.exp(np.sin(np.pi * x[:, 0])), np.exp(x[:, 1] ** 2)
    assert abs(sum(total) - 1 - v1.var() * v2.var() / (v1 * v2).var()) < 0.01


def exercise_2():
    """In about 95 % of the fits: the standard error of c is sigma/sqrt(sum x^2)."""
    x, sigma, c = np.linspace(0, 1, 50), 0.3, 1.7
    y = c * x + sigma * RNG.normal(size=(1000, 50))
    fitted = y @ x / (x @ x)
    noise = np.sqrt(((y - fitted[:, None] * x) ** 2).sum(axis=1) / 49)
    inside = np.abs(fitted - c) <= 2 * noise / np.sqrt(x @ x)
    assert 0.92 < inside.mean() < 0.98


def exercise_3():
    """From l = 0.32 on. sin(pi x) = pi x - (pi x)^3/6 + ..., and x^3 differs from its best line by

    l^3 2/(5 sqrt 7) in the root mean square on [-l, l]: pi^3/6 * 0.151 l^3 = 0.026. (For many samples a
    misfit below the noise is noticed, too: its square is averaged.)
    """
    predicted = (0.026 / (np.pi**3 / 6 * 2 / (5 * np.sqrt(7)))) ** (1 / 3)
    assert abs(predicted - 0.32) < 0.01

    def misfit(l):
        x = np.linspace(-l, l, 4001)
        y = np.sin(np.pi * x)
        return np.sqrt(np.mean((y - x * (x @ y) / (x @ x)) ** 2))

    assert misfit(0.95 * predicted) < 0.026 < misfit(1.05 * predicted)


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
