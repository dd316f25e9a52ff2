"""Build the wheel, install it into a fresh environment, and use it there, outside the checkout.

make wheel-check

The wheel holds every module of splinekan/ and theory/ (as splinekan_theory). In the new environment, which
has only the declared dependencies, `splinekan info`, `splinekan theory --only lemma-2` and the README's first
example run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "splinekan", "theory")


def run(*command, **options):
    """Echo and run a command; its failure ends the check."""
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)


def build(folder):
    """Path of the wheel, built from a copy: a stale build folder of the checkout would add old modules."""
    for name in SOURCES:
        source, copy = ROOT / name, folder / "source" / name
        copy.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, folder / "source")
    (wheel,) = folder.glob("*.whl")
    return wheel


def expected():
    """Names that the wheel must hold."""
    names = {"splinekan/py.typed", "splinekan_theory/py.typed", "splinekan_theory/README.md"}
    names |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("splinekan/**/*.py")}
    return names | {
        f"splinekan_theory/{path.relative_to(ROOT / 'theory').as_posix()}"
        for path in ROOT.glob("theory/**/*.py")
    }


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        with zipfile.ZipFile(wheel) as archive:
            held = {entry for entry in archive.namelist() if ".dist-info/" not in entry}
        if held != expected():
            sys.exit(f"missing from the wheel or not expected in it: {sorted(held ^ expected())}")
        venv.create(folder / "venv", with_pip=True)
        scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        run(scripts / "python", "-m", "pip", "install", "--quiet", wheel)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        outside = {"cwd": folder, "env": environment}
        run(scripts / "splinekan", "info", **outside)
        run(scripts / "splinekan", "theory", "--only", "lemma-2", **outside)
        example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        (folder / "example.py").write_text(example.group(1))
        run(scripts / "python", "example.py", **outside)


if __name__ == "__main__":
    main()
