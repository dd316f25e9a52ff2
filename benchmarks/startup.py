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


LISTED = """
import time
from numba.core import event

class Compilations(event.Listener):
    def __init__(self):
        self.running, self.seconds = [], {{}}
    def on_start(self, event):
        self.running.append([time.perf_counter(), 0.0])
    def on_end(self, event):
        start, inner = self.running.pop()
        elapsed = time.perf_counter() - start
        function = event.data["dispatcher"].py_func
        name = function.__module__.removeprefix("splinekan.kernels.") + "." + function.__qualname__
        self.seconds.setdefault(name, []).append(elapsed - inner)
        if self.running:
            self.running[-1][1] += elapsed

compilations = Compilations()
event.register("numba:compile", compilations)
{step}
for name, times in sorted(compilations.seconds.items(), key=lambda item: -sum(item[1])):
    print(f"{{sum(times):6.2f}} s {{len(times):3}} {{name}}")
"""


def listed(cache):
    """The kernels that the first step compiles, with what they take without the kernels that they call."""
    code = LISTED.format(step=STEP.format(method="LevenbergMarquardt"))
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    return run.stdout.decode().split("\n", 1)[1]


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
    with tempfile.TemporaryDirectory() as cache:
        print("compiled for the first step of LevenbergMarquardt: seconds, specialisations, kernel")
        print(listed(cache), end="")


if __name__ == "__main__":
    main()
