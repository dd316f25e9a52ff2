"""Peak memory of a gradient and a Gauss-Newton system on a million samples (limit: 2 GB).

python benchmarks/memory.py [SAMPLES]
"""

import resource
import sys

import numpy as np

import splinekan as sk


def main(samples):
    x = np.random.default_rng(0).uniform(0, 1, (samples, 2))
    y = np.sin(3 * x[:, :1]) * x[:, 1:]
    net = sk.KAN.affine_first([2, 5, 1], intervals=40)
    objective = sk.LeastSquares(net, x, y, 2 / samples)
    theta = sk.initialize(net, 0)
    for name in ("value_and_gradient", "normal_equations"):
        getattr(objective, name)(theta)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
        print(f"{name:<20} {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
