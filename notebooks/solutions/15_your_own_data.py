"""Solutions of notebook 15."""

import numpy as np

import splinekan as sk


def exercise_1():
    """None, up to rounding: every column is scaled to the domain of the splines.

    The predictions agree to the accuracy to which the training converges.
    """
    rng = np.random.default_rng(0)
    X = rng.uniform([20, 0, -10], [130, 900, 35], (300, 3))
    y = (X[:, 0] / 90) ** 2 + X[:, 1] / 900 + np.abs(X[:, 2] - 20) / 20 + 0.05 * rng.normal(size=300)
    other = X * [0.621371, 2.20462, 1.8] + [0, 0, 32]
    models = [sk.fit(table, y, hidden=(), levels=1, progress=False) for table in (X, other)]
    difference = np.abs(models[0](X) - models[1](other)).max()
    assert difference < 1e-6 * np.abs(y).max()


def exercise_2():
    """The least of 100 errors is about 15 % below 1; the chosen model has an error of about 1 on fresh rows.

    The test rows were used to choose, so they are validation rows. Only fresh rows give the error.
    """
    reported, fresh = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(650, 100)), rng.normal(size=650)
        train, test, new = slice(0, 100), slice(100, 150), slice(150, 650)
        errors = []
        for _ in range(100):
            columns = rng.choice(100, 5, replace=False)
            c = np.linalg.lstsq(X[train][:, columns], y[train], rcond=None)[0]
            errors.append(
                [np.sqrt(np.mean((X[rows][:, columns] @ c - y[rows]) ** 2)) for rows in (test, new)]
            )
        best = min(errors)
        reported.append(best[0])
        fresh.append(best[1])
    assert np.mean(reported) < 0.95
    assert np.mean(fresh) > 1.0


def exercise_3():
    """About 50: a mean of n squares has the relative deviation sqrt(2/n), its root half of it, 1/sqrt(2n)."""
    rng = np.random.default_rng(0)
    errors = np.sqrt(np.mean(rng.normal(size=(4000, 50)) ** 2, axis=1))
    assert abs(errors.std() / errors.mean() - 0.1) < 0.01


if __name__ == "__main__":
    exercise_1()
    exercise_2()
    exercise_3()
