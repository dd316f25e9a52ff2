"""The kernels as plain Python and with checked indices: the same numbers, and no access out of bounds."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from cases import networks

import splinekan as sk

SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, {here!r})
from test_kernels import everything
np.savez({out!r}, *everything())
"""


def everything():
    """What every kernel computes, on small networks, in both bases and all continuations."""
    rng = np.random.default_rng(11)
    found = []
    for net in networks().values():
        x, y = rng.uniform(-0.3, 1.3, (9, 2)), rng.normal(size=(9, 2))
        theta, v = 0.5 * rng.normal(size=(2, net.n_parameters))
        with warnings.catch_warnings():  # continuation is tested too
            warnings.simplefilter("ignore", sk.DomainWarning)
            objective = sk.LeastSquares(net, x, y)
        found += [net(theta, x), net.jvp(theta, x, v), net.vjp(theta, x, y)]
        found += [net.jacobian(theta, x).toarray(), objective.hessian_product(theta, v)]
        found += list(objective.normal_equations(theta)[1:])
        found.append(sk.LBFGS(memory=2).minimize(objective, theta, iterations=4).theta)
    for degree in (0, 1, 3, 7):
        knots = sk.uniform_knots(0, 1, 3, degree)
        ends = [-1e300, 0, np.nextafter(0, 1), 1 / 3, np.nextafter(1, 0), 1, 1.5]
        for basis in (sk.BSplineBasis(knots, degree, "clamp"), sk.PowerReLUBasis(knots, degree, "clamp")):
            found.append(basis.evaluate(np.arange(3.0 + degree), ends))
            found.append(basis.tabulate(ends, derivative=min(degree, 2)))
            found.append(basis.design_matrix(ends).toarray())
    return found


@pytest.mark.parametrize("switch", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_kernels_without_compilation_and_with_checked_indices(switch, tmp_path):
    out = tmp_path / "found.npz"
    script = SCRIPT.format(here=os.path.dirname(__file__), out=str(out))
    # Checked code must not enter the cache of the unchecked one.
    env = {**os.environ, switch: "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as other:
        for one, two in zip(everything(), other.values(), strict=True):
            np.testing.assert_allclose(two, one, rtol=0, atol=1e-12 * max(1.0, np.abs(one).max()))
