"""Solutions of notebook 07."""

import numpy as np

import splinekan as sk

K, G = 3, 8
X = (np.arange(800) + 0.5) / 800
Y = np.sin(2 * np.pi * X) + 0.3 * np.sin(14 * np.pi * X + 1)
COARSE, FINE = sk.uniform_knots(0, 1, G, K), sk.uniform_knots(0, 1, 2 * G, K)
J_C, J_F = (sk.BSplineBasis(t, K).tabulate(X) for t in (COARSE, FINE))
P = sk.prolongation(COARSE, FINE, K)
RHO = J_C @ np.linalg.lstsq(J_C, Y, rcond=None)[0] - Y  # at the coarse optimum
RNG = np.random.default_rng(0)


def exercise_1():
    """The slope along P v is v . (P^T grad L_f) = 0; halving the step divides the change by four."""
    v = RNG.normal(size=P.shape[1])
    change = [((RHO + s * (J_F @ (P @ v))) ** 2).sum() / 2 - (RHO**2).sum() / 2 for s in (1e-2, 5e-3)]
    assert abs(change[0] / change[1] - 4) < 1e-6


def exercise_2():
    """Let s be the step as a function, s_new its part orthogonal to the coarse functions.

    The optimal length removes (rho . s)^2/|s|^2 from rho . rho. Since rho is orthogonal to coarse functions,
    rho . s = rho_f . s_new, where rho_f is the part of rho in the fine space, the reducible part. By Cauchy
    and Schwarz the gain is at most |rho_f|^2 |s_new|^2/|s|^2.
    """
    Q_c, Q_f = np.linalg.qr(J_C)[0], np.linalg.qr(J_F)[0]
    reducible = ((Q_f.T @ RHO) ** 2).sum()
    shares = []
    for _ in range(1000):
        s = J_F @ RNG.normal(size=J_F.shape[1])
        new = s - Q_c @ (Q_c.T @ s)
        gain, share = (RHO @ s) ** 2 / (s @ s), (new @ new) / (s @ s)
        assert gain <= share * reducible * (1 + 1e-10)
        shares.append(gain / (share * reducible))
    best = Q_f @ (Q_f.T @ RHO)  # equality: the reducible residual itself
    assert np.isclose((RHO @ best) ** 2 / (best @ best), reducible)


def exercise_3():
    """The fine level alone. In the spline basis all modes have eigenvalues of similar size.

    The smooth part is learnt on the fine level as fast as on the coarse level, and the coarse level cannot
    represent the fast wave. With a single edge there is one minimum. In a network the coarse level pays
    because it finds a better minimum.
    """

    def descend(J, theta, steps):
        length = 1 / np.linalg.norm(J, 2) ** 2
        for _ in range(steps):
            theta = theta - length * (J.T @ (J @ theta - Y))
        return theta

    def loss(J, theta):
        return ((J @ theta - Y) ** 2).mean()

    ends = []
    for seed in range(5):
        start = np.random.default_rng(seed).normal(size=P.shape[1])
        alone = loss(J_F, descend(J_F, P @ start, 20))
        nested = loss(J_F, descend(J_F, P @ descend(J_C, start, 20), 10))
        ends.append((alone, nested))
    assert all(alone < nested for alone, nested in ends)


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
