"""The Markdown of a cell as a list of blocks, and a paragraph as a list of sentences."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

FOLDED = re.compile(r"^<details>\s*<summary>(.*?)</summary>(.*?)</details>[ \t]*$", re.MULTILINE | re.DOTALL)
KINDS = {
    "heading_open": "heading",
    "paragraph_open": "text",
    "bullet_list_open": "list",
    "ordered_list_open": "numbers",
    "table_open": "table",
    "math_block": "formula",
    "fence": "fence",
}
ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|e\.g|i\.e|al|cf|vs|Eq|Eqs|Fig|No|pp|Prop|Phys|Comput|Fluids|Eng)\.)$"
)
SPANS = re.compile(
    r"(?P<math>\$[^$]+\$)|(?P<code>`[^`]+`)|(?P<bold>\*\*.+?\*\*)|(?P<italic>\*[^*]+?\*)|(?P<link>\]\([^)]*\))",
    re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A part of a cell.

    kind is heading, text, formula, list, numbers, table, fence, folded or other. source is its Markdown;
    items are the sources of the items of a list; level belongs to a heading; label to a folded answer.
    """

    kind: str
    source: str
    items: tuple[str, ...] = ()
    level: int = 0
    label: str = ""


def parser() -> MarkdownIt:
    """CommonMark with tables and formulas between dollars."""
    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)


def split(source: str) -> list[Block]:
    """The blocks of a cell's Markdown, in order; nothing but blank lines and folding tags is lost."""
    found: list[Block] = []
    start = 0
    for fold in FOLDED.finditer(source):
        found += _plain(source[start : fold.start()])
        found.append(Block("folded", fold.group(2).strip("\n"), label=fold.group(1)))
        start = fold.end()
    return found + _plain(source[start:])


def _plain(source: str) -> list[Block]:
    lines = _apart(source).splitlines()
    tokens = parser().parse("\n".join(lines))
    blocks: list[Block] = []
    end = 0
    for index, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        between = "\n".join(lines[end:first]).strip()
        if between:  # a definition of a link has no token
            blocks.append(Block("other", between))
        end = last
        kind = KINDS.get(token.type, "other")
        text = "\n".join(lines[first:last]).strip("\n")
        items: tuple[str, ...] = ()
        if kind in ("list", "numbers"):
            opening = [
                inner for inner in tokens[index:] if inner.type == "list_item_open" and inner.level == 1
            ]
            items = tuple(
                _item("\n".join(lines[slice(*inner.map)]))
                for inner in opening
                if inner.map and first <= inner.map[0] < last
            )
        level = len(token.markup) if kind == "heading" else 0
        blocks.append(Block(kind, text, items, level))
    rest = "\n".join(lines[end:]).strip()
    return blocks + ([Block("other", rest)] if rest else [])


def _apart(source: str) -> str:
    """The source with blank lines around displayed formulas, which may stand in a paragraph."""
    return re.sub(r"^(\$\$.*?\$\$)[ \t]*([.,;]?)[ \t]*$", r"\n\1\2\n", source, flags=re.MULTILINE | re.DOTALL)


def _item(source: str) -> str:
    """The content of an item, without its marker and indentation."""
    marker = re.match(r"\s*(?:[-*+]|\d+[.)])\s+", source)
    width = marker.end() if marker else 0
    first, _, rest = source[width:].partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}".strip("\n")


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, as Markdown; a formula, code, or an emphasised passage is not cut."""
    text = " ".join(paragraph.split())
    plain = SPANS.sub(_mask, text)
    found, start = [], 0
    for stop in re.finditer(r"[.!?][)*\"']*(?=\s+[A-Z(\[$`*\\\d])", plain):
        if ABBREVIATION.search(plain[: stop.start() + 1]):
            continue
        found.append(text[start : stop.end()].strip())
        start = stop.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found


def _mask(match: re.Match[str]) -> str:
    """Letters in place of a span, with its last mark of punctuation; the opening character is kept."""
    span = match.group()
    if match.lastgroup in ("bold", "italic"):
        stars = 2 if match.lastgroup == "bold" else 1
        inner = span[stars:-stars]
        end = inner[-1] if inner[-1] in ".!?" else "x"
        return span[:stars] + "x" * (len(inner) - 1) + end + span[-stars:]
    return span[0] + "x" * (len(span) - 1)


def words(source: str) -> int:
    """The number of words of Markdown; a formula counts by what is seen of it."""
    return len(visible(source).split())


def visible(source: str) -> str:
    """About what a reader sees of Markdown, to estimate lengths."""
    text = re.sub(r"\]\([^)]*\)", "]", source)
    text = re.sub(r"\$[^$]+\$", lambda match: seen(match.group()).replace(" ", ""), text)
    return re.sub(r"[*`]|\[|\]", "", text)


def seen(formula: str) -> str:
    """About the characters that a formula prints."""
    inner, text = "", formula
    while inner != text:  # of a fraction the longer part
        inner, text = text, re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", _longer, text)
    text = re.sub(r"\\(?:begin|end)\{\w+\*?\}(?:\{[^}]*\})?", "", text)
    text = re.sub(
        r"\\(?:bigl|bigr|Bigl|Bigr|left|right|mathrm|mathbf|boldsymbol|text|operatorname)\b", "", text
    )
    text = re.sub(r"\\qquad", "mmmm", re.sub(r"\\quad", "mm", text))
    text = re.sub(r"\\[,;! ]", " ", text)
    text = re.sub(r"\\[A-Za-z]+", "m", text)
    return re.sub(r"[{}$^_&\\]", "", text).strip()


def _longer(match: re.Match[str]) -> str:
    return max(match.groups(), key=lambda part: len(re.sub(r"[\\{}^_]", "", part)))
