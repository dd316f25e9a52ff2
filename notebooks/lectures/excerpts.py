"""What a slide shows of a code cell: the lines that compute, not those that draw, print or check."""

from __future__ import annotations

import ast
import io
import re
import tokenize

LONGEST = 12
"""Lines of code on a slide."""
WIDEST = 84
"""Characters of a line; longer lines are broken at a comma."""
DRAWING = {"plt", "fig", "ax", "axes"}
SHOWING = re.compile(r"\.set_dpi\(|^(?:Math|display)\(")
CONSTANT = re.compile(r"[A-Z][A-Z_]*")


def excerpt(source: str, *, has_figure: bool = False) -> str:
    """The part of a cell to show, or "" where no part is short enough.

    Imports, assertions, drawing and constants in capitals are left out. Printing is left out, too, if more
    than `LONGEST` lines are left, if a line is too wide, or if the cell draws a figure. If this is still too
    long, the longest definition of a function is shown that is short enough.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic command of IPython
        return ""
    drawing = DRAWING | _drawn(tree)
    kept = [node for node in tree.body if not _is_aside(node, drawing)]
    for quiet in (True,) if has_figure else (False, True):
        nodes = [node for node in kept if not (quiet and _prints(node))]
        lines = _folded(_lines(source, nodes, quiet=quiet)).splitlines()
        if (
            lines
            and _is_program(lines)
            and len(lines) <= LONGEST
            and (quiet or max(map(len, lines)) <= WIDEST + 8)
        ):
            text = "\n".join(lines)
            telling = any(isinstance(node, ast.FunctionDef) for node in nodes) or "sk." in text
            return text if telling or not has_figure else ""
    functions = [node for node in kept if isinstance(node, ast.FunctionDef)]
    texts = [_folded(_lines(source, [node], quiet=True)) for node in functions]
    short = [
        text for text in texts if 3 <= len(text.splitlines()) <= LONGEST and _is_program(text.splitlines())
    ]
    return max(short, key=len, default="")


def _is_program(lines: list[str]) -> bool:
    """Whether the lines that are left can be run: a block may have lost all of its lines."""
    try:
        ast.parse("\n".join(lines))
    except SyntaxError:
        return False
    return True


def _drawn(tree: ast.Module) -> set[str]:
    """Names that hold figures and axes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and re.search(
            r"\bplt\.(?:subplots|figure)\(", ast.unparse(node.value)
        ):
            names |= _names(node.targets)
        if isinstance(node, ast.For) and names & _names([node.iter]):
            names |= {name for name in _names([node.target]) if name in ("ax", "axis", "frame", "panel")}
    return names


def _names(nodes: list[ast.expr]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _is_aside(node: ast.stmt, drawing: set[str]) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert)):
        return True
    if isinstance(node, (ast.For, ast.If, ast.With)) and all(
        isinstance(inner, ast.Assert) for inner in node.body
    ):
        return True
    if isinstance(node, ast.Assign):
        names = _names(node.targets)
        if all(CONSTANT.fullmatch(name) and len(name) > 3 for name in names):
            return True
    if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Name) or SHOWING.search(ast.unparse(node))):
        return True
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return bool(used & drawing)


def _prints(node: ast.stmt) -> bool:
    """Whether the statement prints, or is a block that prints at its end or does nothing else."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "print"
    if isinstance(node, (ast.For, ast.If, ast.With)):
        body = [inner for inner in node.body if not isinstance(inner, ast.Assert)]
        return not body or _prints(body[-1])
    return False


def _lines(source: str, nodes: list[ast.stmt], *, quiet: bool) -> list[str]:
    """The lines of some statements, without assertions, with the comments above them."""
    lines = source.splitlines()
    hidden = {
        number
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Assert) or (quiet and isinstance(inner, ast.stmt) and _prints(inner))
        for number in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    }
    shown: list[str] = []
    for node in nodes:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(item.lineno for item in decorators)])
        while first > 1 and lines[first - 2].startswith("#"):
            first -= 1
        numbers = range(first, (node.end_lineno or node.lineno) + 1)
        if isinstance(node, ast.FunctionDef) and shown:
            shown.append("")
        shown += [lines[number - 1] for number in numbers if number not in hidden]
    return shown


def _folded(lines: list[str]) -> str:
    """The code with its long lines broken at commas inside brackets."""
    folded: list[str] = []
    for line in lines:
        folded += _fold(line)
    return "\n".join(folded).strip("\n")


def _fold(line: str) -> list[str]:
    if len(line) <= WIDEST:
        return [line]
    comment = re.fullmatch(r"(.*?\S)\s+#\s(.*)", line)
    if comment and not re.search(r"[\"']", line):  # the comment goes above its line
        indent = line[: len(line) - len(line.lstrip())]
        return [f"{indent}# {comment[2]}", *_fold(comment[1])]
    places = [place for place in _commas(line) if place < WIDEST]
    if not places:
        return [line]
    margin = len(line) - len(line.lstrip()) + 4
    return [line[: places[-1] + 1], *_fold(" " * margin + line[places[-1] + 1 :].lstrip())]


def _commas(line: str) -> list[int]:
    """Columns of the commas of a line that stand in brackets, where Python allows a new line."""
    depth, places = 0, []
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            if token.string and token.string in "([{":
                depth += 1
            elif token.string and token.string in ")]}":
                depth -= 1
            elif token.string == "," and depth > 0:
                places.append(token.start[1] + len(line) - len(line.lstrip()))
    except (tokenize.TokenError, IndentationError):  # a line of a longer statement ends before its brackets
        pass
    return places
