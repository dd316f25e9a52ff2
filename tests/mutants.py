"""Mutation testing of the geometry and of the kernels' plain-Python twins: `make mutants`.

Operators, numbers and comparisons of the source are changed one at a time (cosmic-ray), in a copy of the
repository; a mutant that the tests below do not notice survives and is printed. Kernels run without numba,
so that their lines are mutated too and nothing is compiled.
"""

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = (
    *(
        f"splines/{name}"
        for name in (
            "spacing",
            "periodicity",
            "knot_vector",
            "knots",
            "basis",
            "pp_form",
            "_rationals",
            "change_of_basis",
            "prolongation",
            "gram",
            "quadrature",
            "calculus",
            "integrals",
            "scipy_forms",
            "spline",
        )
    ),
    *(f"kernels/{name}" for name in ("_active", "bspline", "layer", "segments", "power_relu")),
)
TESTS = " ".join(
    f"tests/test_{name}.py"
    for name in (
        *("basis", "knots", "knot_vector", "repeated_knots", "periodic", "transforms", "gram", "exact_truth"),
        *("calculus", "spline", "network", "least_squares"),
    )
)
# Overflow warns in plain Python, not in machine code; products of float32 in float64 are numba's.
COMMAND = (
    f"env NUMBA_DISABLE_JIT=1 {sys.executable} -m pytest -q -x -p no:cacheprovider "
    f"-W ignore::RuntimeWarning {TESTS} -k 'not float32-lengths and not memory'"
)
CONFIG = """[cosmic-ray]
module-path = [{modules}]
timeout = 90.0
excluded-modules = []
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
"""
PLAUSIBLE = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Pow_Mul", "Mod_Mul"),
    *("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq", "Lt_Gt", "Gt_Lt"),
    *("NumberReplacer", "AddNot", "TrueWithFalse", "FalseWithTrue", "AndWithOr", "OrWithAnd", "Delete_USub"),
)
"""Mistakes that someone might make; cosmic-ray would also turn + into a shift."""


def main() -> int:
    """Sample mutants, run them, print the survivors; 0 if all were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=400, help="how many mutants, drawn evenly (400)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "results"))
        modules = ", ".join(f'"splinekan/{name}.py"' for name in MODULES)
        config, session = copy / "mutants.toml", copy / "mutants.sqlite"
        config.write_text(CONFIG.format(modules=modules, command=COMMAND))

        def cosmic_ray(*words: str) -> None:
            tool = Path(sys.executable).with_name("cosmic-ray")
            subprocess.run([str(tool), *words], cwd=copy, check=True)

        cosmic_ray("init", str(config), str(session))
        count = _thin_out(session, options.sample, options.seed)
        print(f"{count} mutants", flush=True)
        cosmic_ray("baseline", str(config))
        cosmic_ray("exec", str(config), str(session))
        return _report(session)


def _thin_out(session: Path, sample: int, seed: int) -> int:
    """Keep a sample of the plausible mutants."""
    with sqlite3.connect(session) as store:
        rows = store.execute("SELECT job_id, operator_name FROM mutation_specs ORDER BY module_path, job_id")
        jobs = [job for job, name in rows if name.endswith(PLAUSIBLE)]
        places = store.execute(
            "SELECT job_id, module_path, start_pos_row, start_pos_col, operator_name, occurrence "
            "FROM mutation_specs"
        )
        order = {job: place for job, *place in places}
        jobs.sort(key=lambda job: order[job])
        kept = set(random.Random(seed).sample(jobs, min(sample, len(jobs))))
        for table in ("mutation_specs", "work_items"):
            every = [job for (job,) in store.execute(f"SELECT job_id FROM {table}")]
            store.executemany(
                f"DELETE FROM {table} WHERE job_id = ?", [(job,) for job in every if job not in kept]
            )
    return len(kept)


def _report(session: Path) -> int:
    with sqlite3.connect(session) as store:
        rows = store.execute(
            "SELECT module_path, test_outcome, diff FROM mutation_specs JOIN work_results USING (job_id)"
        ).fetchall()
    survivors = [(module, diff) for module, outcome, diff in rows if outcome == "SURVIVED"]
    for _, diff in survivors:
        print(diff)
    total, alive = Counter(module for module, *_ in rows), Counter(module for module, _ in survivors)
    for module, n in sorted(total.items()):
        print(f"{module:<36} {n - alive[module]:>4} of {n} killed")
    print(f"{len(rows) - len(survivors)} of {len(rows)} killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
