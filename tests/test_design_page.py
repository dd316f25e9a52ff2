"""docs/design.md: its layers are those of pyproject.toml, in their order; the modules that it names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


def test_the_layers_are_those_of_the_contract():
    contract = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition('name = "imports point down"')[2]
    )
    layers = re.findall(r'"([^"]+)"', re.search(r"^layers = \[(.*?)^\]", contract, re.M | re.S).group(1))
    chart = PAGE.partition("## Layers")[2].partition("```\n")[2].partition("```")[0]
    shown = [re.split(r" {4,}", line.strip())[0].split() for line in chart.splitlines()]
    assert shown == [layer.split(" | ") for layer in layers]


def test_modules_exist():
    names = set(re.findall(r"`?\b((?:\w+/)*\w+\.py)\b", PAGE))
    folders = ("", "splinekan", "splinekan/kernels", "tests")
    missing = [name for name in names if not any((ROOT / folder / name).exists() for folder in folders)]
    assert missing == []
