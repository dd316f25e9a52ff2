"""The recipes of CONTRIBUTING.md run, and what they name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TABLES = {  # what recipes ask to extend, and where it is
    "splinekan/_files.py": ("def replacing",),
    "splinekan/objectives/robust.py": ("SHARE =", "matching"),
    "splinekan/fitting/named_losses.py": ("LOSSES", "def in_deviations"),
    "splinekan/network/layer.py": ("class Layer", "class Knotless", "def entering"),
    "splinekan/io.py": ("SIMPLE",),
    "splinekan/exporting/source.py": ("WRITERS",),
    "splinekan/exporting/expressions.py": ("WRITERS",),
    "splinekan/optimize/solvers.py": ("def default_solver",),
    "splinekan/optimize/systems.py": ("parts", "reals", "def _undefined"),
    "splinekan/problems/regression.py": ("REGRESSION =",),
    "splinekan/problems/gallery.py": ("PROBLEMS",),
    "splinekan/studies/registry.py": ("GALLERY =",),
    "theory/theorems/__init__.py": ("MODULES =",),
    "tests/cases.py": ("def networks", "def layers", "def bounded"),
    "tests/loss_twins.py": ("LOSSES =", "MEANS ="),
    "tests/test_loss_values.py": ("LOSSES =",),
    "tests/test_steps.py": ("SOLVERS =",),
    "tests/test_gallery_problems.py": ("COMPUTED =",),
    "tests/fuzz/objectives.py": ("LOSSES =",),
    "tests/fuzz/layers.py": ("def _layer", "KINDS =", "def value_of"),
    "tests/fuzz/training.py": ("SOLVERS =", "def _for_networks"),
    "tests/fuzz/gallery.py": ("TABLE",),
    "tests/fuzz/test_campaign.py": ("def test_every_public_callable_is_drawn",),
}


def test_the_recipes_run():
    names = {}  # the blocks continue each other
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, names)
    assert {"LogCosh", "Sine", "Gains", "Eigen", "beam", "outcome"} <= names.keys()
    wrong = type("Wrong", (names["Sine"],), {"_derivatives": lambda self, x, order: [x] * (order + 1)})
    network = names["sk"].KAN([wrong(2)])
    with pytest.raises(AssertionError):  # the test of derivatives can fail
        names["assert_exact_derivatives"](network, names["theta"][:0], names["x2"])


def test_files_and_folders_exist():
    found = set(re.findall(r"`((?:[\w.-]+/)*[\w-]+(?:\.(?:py|md|toml)|/))`", TEXT))
    assert len(found) > 40
    missing = {
        name for name in found if not any((ROOT / folder / name).exists() for folder in ("", "splinekan"))
    }
    under_test = {name for name in missing if (ROOT / "tests" / name).exists()}
    assert missing - under_test - {"docs/reference/"} == set()


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_where_the_recipes_look_for_them(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [each for each in TABLES[name] if each not in text] == []
    assert Path(name).name in TEXT
