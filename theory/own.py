"""Claims of a user's file or module."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .claims import REGISTRY, Claim

COPIES = ("theory.claims", "splinekan_theory.claims")
"""In a checkout the package has two names, each with its own registry; a file may import either."""
PACKAGES = ("theory.", "splinekan_theory.")


def load_claims(source: str | os.PathLike[str]) -> tuple[Claim, ...]:
    """The claims that a file of Python code, or a module given by its name, registers with `claim`.

    The code runs, as with any import. The registry is left as it was, so that a file can be loaded again.

    Parameters
    ----------
    source
        A path that ends in ".py", or the name of a module; files and modules of the working directory, and
        beside the file, can be imported.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the name is empty or unknown, the code raises an exception, an id is taken, or no claim is
        registered.
    """
    text = os.fspath(source)
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"source must be a file of Python code or the name of a module, got {source!r:.60}")
    path = Path(text)
    is_file = text.endswith(".py") or path.is_file()
    if is_file and not path.is_file():
        raise FileNotFoundError(f"there is no file {text}")
    if not is_file and text in sys.modules:
        registered = [c for registry in _registries() for c in registry.values() if _is_of(c, text)]
        if registered:
            return tuple(registered)
    before = {id(registry): dict(registry) for registry in _registries()}
    found: dict[str, Claim] = {}
    try:
        with _importable(path.resolve().parent if is_file else Path.cwd()):
            if is_file:
                _run(path)
            else:
                _imported(text)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{text} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        for registry in _registries():
            known = before.get(id(registry), {})
            for name, claim in list(registry.items()):
                if name not in known and not _module(claim).startswith(PACKAGES):
                    found[name] = registry.pop(name)
    for name in found:
        if name in REGISTRY:  # the registry of the other copy
            raise ValueError(f"{text}: two claims are called {name!r}")
    if not found:
        raise ValueError(f"{text} registers no claims: decorate a check with splinekan_theory.claim")
    return tuple(found.values())


def _is_of(claim: Claim, module: str) -> bool:
    """Whether the check is defined in the module, or below it."""
    return f"{_module(claim)}.".startswith(f"{module}.")


def _module(claim: Claim) -> str:
    """The name of the module that defines the check, where it has a name."""
    return getattr(claim.check, "__module__", None) or ""


def _registries() -> list[dict[str, Claim]]:
    """The registries of all imported copies of this package, this copy first."""
    copies = [sys.modules[name].REGISTRY for name in COPIES if name in sys.modules]
    return [REGISTRY, *(copy for copy in copies if copy is not REGISTRY)]


def _run(path: Path) -> None:
    name = f"_claims_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a file of Python code")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles of the file look it up
    spec.loader.exec_module(module)


def _imported(name: str) -> None:
    known = sys.modules.get(name)
    if known is None:
        importlib.import_module(name)
    else:
        importlib.reload(known)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules of the folder can be imported; those that are installed come first."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
