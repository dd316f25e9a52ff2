"""Import time, and time to the first training step from an empty and from a warm cache of machine code.

python benchmarks/startup.py
"""

import os
import subprocess
import sys
import tempfile

IMPORT = "import time; t = time.perf_counter(); import splinekan; print(time.perf_counter() - t)"
STEP = """
import time
t = time.perf_counter()
import numpy as np
import splinekan as sk
x = np.random.default_rng(0).uniform(0, 1, (20000, 2))
y = np.sin(3 * x[:, :1]) * x[:, 1:]
net = sk.KAN.affine_first([2, 5, 1], intervals=40)
objective = sk.LeastSquares(net, x, y, 2 / len(x))
sk.{method}().minimize(objective, sk.initialize(net, 0), iterations=1)
print(time.perf_counter() - t)
"""


def seconds(code, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    return float(run.stdout)


def main():
    with tempfile.TemporaryDirectory() as cache:
        print(f"import splinekan                {min(seconds(IMPORT, cache) for _ in range(5)):.2f} s")
    for method in ("LBFGS", "LevenbergMarquardt"):
        with tempfile.TemporaryDirectory() as cache:
            cold = seconds(STEP.format(method=method), cache)
            warm = min(seconds(STEP.format(method=method), cache) for _ in range(3))
        print(f"first step, {method:<19} {cold:.2f} s cold, {warm:.2f} s warm")


if __name__ == "__main__":
    main()
