"""Build what is published, check it, and use it in a fresh environment, outside the checkout.

make wheel-check

The source distribution is built from a copy of the files that git knows or would add, the wheel from the
source distribution. The wheel holds every module of splinekan/ and theory/ (as splinekan_theory), the licence
and nothing else; a wheel built from the checkout directly has the same contents. Metadata agree with
pyproject.toml and CITATION.cff. In the new environment, which has only the declared dependencies, all modules
are imported, and `splinekan info`, `splinekan theory --only lemma-2` and the README's first example run. What
has passed is left in dist/.

python tests/wheel.py --tag v1.2.3    whether a tag agrees with the version, without building
"""

import argparse
import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
)
FOLDERS = ("splinekan", "theory")
GENERATED = ("PKG-INFO", "setup.cfg")
"""Files that setuptools adds to a source distribution, besides the folder *.egg-info."""
TOOLS = ("build", "setuptools>=77", "twine", "check-wheel-contents")
QUIET = ("--quiet", "--disable-pip-version-check", "--no-compile")
EXTRAS = {"sklearn", "pandas", "dask", "distributed", "joblib", "torch"}
"""Packages that modules of optional features import."""
IMPORTS = f"""
import importlib, pkgutil
import splinekan, splinekan_theory
for package in (splinekan, splinekan_theory):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if (error.name or "").partition(".")[0] not in {EXTRAS}:
                raise
"""


def run(*command, **options):
    """Echo and run a command; its failure ends the check."""
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True, **options)


def entry(pattern, name):
    """What a line of a file of the root folder holds."""
    return re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE).group(1)


def versions():
    """The version in every file that has it."""
    return {
        "pyproject.toml": entry(r'^version = "(.+)"$', "pyproject.toml"),
        "splinekan/__init__.py": entry(r'^__version__ = "(.+)"$', "splinekan/__init__.py"),
        "CITATION.cff": entry(r"^version: (.+)$", "CITATION.cff"),
    }


def environment(folder):
    """The interpreter of a new virtual environment, with pip."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def names():
    """Files of the checkout: those that git knows or would add; without git, the sources."""
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(listing, check=True, capture_output=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = [name for name in SOURCES if (ROOT / name).exists()]
        for folder in FOLDERS:
            paths = (path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts)
            found += [path.relative_to(ROOT).as_posix() for path in paths if path.is_file()]
    return [name for name in found if name and (ROOT / name).is_file()]


def copied(folder):
    """A copy of the checkout; a stale build folder of the checkout would add old modules."""
    for name in names():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def modules(source):
    """Names of the files of both packages in a copy of the checkout."""
    kept = (path for folder in FOLDERS for path in (source / folder).rglob("*"))
    held = {path.relative_to(source).as_posix() for path in kept if path.suffix == ".py"}
    return held | {"splinekan/py.typed", "theory/py.typed", "theory/README.md"}


def contents(wheel):
    """The bytes of every file of a wheel, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refuse_differences(what, held, wanted):
    if held != wanted:
        sys.exit(f"{what}: missing or not expected: {sorted(held ^ wanted)}")


def check_source(archive, source):
    """The sources of both packages, what builds them, and nothing else."""
    with tarfile.open(archive) as tar:
        files = [member.name for member in tar.getmembers() if member.isfile()]
    held = {name.partition("/")[2] for name in files if ".egg-info/" not in name}
    top = {name for name in SOURCES if (source / name).exists()}
    refuse_differences(archive.name, held, modules(source) | top | {*GENERATED})


def check_wheel(files, name, source, version):
    """Modules, licence and metadata."""
    held = {each for each in files if ".dist-info/" not in each}
    wanted = {re.sub(r"^theory/", "splinekan_theory/", each) for each in modules(source)}
    refuse_differences(name, held, wanted)
    info = f"splinekan-{version}.dist-info"
    records = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}
    refuse_differences(
        info, {each for each in files if each not in held}, {f"{info}/{each}" for each in records}
    )
    metadata = email.message_from_bytes(files[f"{info}/METADATA"])
    project = (source / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^classifiers = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL).group(1)
    refuse_differences(
        "classifiers",
        set(metadata.get_all("Classifier")),
        set(re.findall(r'^ +"(.+)",$', listed, re.MULTILINE)),
    )
    if metadata["Version"] != version or metadata["Description-Content-Type"] != "text/markdown":
        sys.exit(f"wrong metadata: {metadata['Version']}, {metadata['Description-Content-Type']}")
    text = re.sub(r"```.*?```", "", files[f"{info}/METADATA"].decode(), flags=re.DOTALL)
    relative = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    if relative:
        sys.exit(f"links of the description that lead nowhere outside of a checkout: {relative}")


def use(python, wheel, folder):
    """Install the wheel and use it outside of the checkout."""
    run(python, "-m", "pip", "install", *QUIET, wheel)
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    outside = {"cwd": folder, "env": variables}
    run(python, "-m", "pip", "check", **outside)
    run(python.parent / "splinekan", "info", **outside)
    run(python.parent / "splinekan", "theory", "--only", "lemma-2", **outside)
    (folder / "imports.py").write_text(IMPORTS, encoding="utf-8")
    run(python, "imports.py", **outside)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    (folder / "example.py").write_text(example.group(1), encoding="utf-8")
    run(python, "example.py", **outside)


def main():
    parser = argparse.ArgumentParser(description="Build, check and use what is published.")
    parser.add_argument("--tag", help="only check that this tag, v and the version, agrees with all files")
    tag = parser.parse_args().tag
    found = versions()
    version = found["pyproject.toml"]
    if set(found.values()) != {version} or tag not in (None, f"v{version}"):
        sys.exit(f"versions differ: {found}" + (f", tag {tag}" if tag else ""))
    if tag:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = copied(folder / "source")
        tools = environment(folder / "tools")
        run(tools, "-m", "pip", "install", *QUIET, *TOOLS)
        run(
            tools, "-m", "build", "--outdir", folder / "dist", source
        )  # the wheel from the source distribution
        run(tools, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "direct", source)
        (archive,), (wheel,) = ((folder / "dist").glob(kind) for kind in ("*.tar.gz", "*.whl"))
        (direct,) = (folder / "direct").glob("*.whl")
        check_source(archive, source)
        files, others = contents(wheel), contents(direct)
        check_wheel(files, wheel.name, source, version)
        differing = [each for each in files.keys() | others if files.get(each) != others.get(each)]
        if differing:
            sys.exit(f"the checkout and the source distribution give different wheels: {sorted(differing)}")
        run(tools, "-m", "twine", "check", "--strict", archive, wheel)
        check = tools.parent / "check-wheel-contents"
        run(check, "--toplevel", "splinekan,splinekan_theory", wheel)
        use(environment(folder / "venv"), wheel, folder)
        (ROOT / "dist").mkdir(exist_ok=True)
        for path in (archive, wheel):
            shutil.copy(path, ROOT / "dist" / path.name)
    print(f"dist/: {archive.name}, {wheel.name}")


if __name__ == "__main__":
    main()
