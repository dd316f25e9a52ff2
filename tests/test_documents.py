"""Docstring examples and the README's code run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import splinekan

MODULES = [
    module.name
    for module in pkgutil.walk_packages(splinekan.__path__, "splinekan.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    module = importlib.import_module(name)
    names = {key: getattr(splinekan, key) for key in splinekan.__all__}
    assert doctest.testmod(module, extraglobs=names).failed == 0


def test_readme_example():
    text = (Path(__file__).parent.parent / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    for block in blocks:
        names = {}
        exec(block, names)
        assert names["result"].value < 1e-4


def test_every_public_name_is_documented():
    for name in splinekan.__all__:
        text = getattr(splinekan, name).__doc__ or ""
        assert not text.startswith(f"{name}("), f"{name}: a dataclass writes this docstring itself"
        assert text.partition("\n\n")[0].rstrip().endswith((".", ":")), name
