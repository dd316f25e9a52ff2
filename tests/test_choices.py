"""Parts of benchmarks/choices.py, and the tables that docs/choose.md shows of them."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))  # behind tests, which has `cases`, too
import choice_cases
import choices

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "choose.md").read_text(encoding="utf-8")


def numbers(text):
    return np.array([float(each) for each in re.findall(r"\d+", text)])


def test_iterations_of_conjugate_gradients(capsys):
    choices.cg(True)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| mass")]
    assert len(rows) == 2
    for row in rows:
        name = row.split("|")[1]
        (shown,) = [line for line in PAGE.splitlines() if line.startswith(f"|{name}|")]
        assert np.allclose(numbers(row), numbers(shown), rtol=0.03, atol=1)  # rounding moves them


def test_parts_of_the_page_have_a_table():
    sections = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert len(choices.PARTS) == len(sections)


def test_targets_are_scaled():
    for function, inputs in ((choice_cases.smooth, 2), (choice_cases.kinked, 2), (choice_cases.friedman, 5)):
        at = choice_cases.target(function, 200, inputs=inputs)
        assert abs(at.truth.mean()) < 1e-12
        assert abs(at.truth.std() - 1) < 1e-12
        assert at.error(lambda x, at=at: at.truth + 0.25) == pytest.approx(0.25)
