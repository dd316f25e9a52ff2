"""Lines of code by folder, without blank lines, comments and docstrings: python benchmarks/lines.py."""

from __future__ import annotations

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def lines_of_code(path: Path) -> int:
    """Lines that hold a token other than a comment or a docstring."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documented.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    used: set[int] = set()
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type not in (*SKIPPED, tokenize.ENCODING, tokenize.ENDMARKER):
                used.update(range(token.start[0], token.end[0] + 1))
    return len(used - documented)


def main(roots: list[Path]) -> None:
    """Print a line per folder, two levels deep."""
    for root in roots:
        counts: Counter[str] = Counter()
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).parts
            counts["/".join(parts[: min(2, len(parts) - 1)]) or "."] += lines_of_code(path)
        print(f"{root}: {sum(counts.values())}")
        for folder, count in sorted(counts.items()):
            print(f"  {count:>6}  {folder}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [Path("splinekan"), Path("theory"), Path("tests")])
