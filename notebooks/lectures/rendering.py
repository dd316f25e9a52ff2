"""Markdown, code and tables as HTML, with an estimate of the height on a slide."""

from __future__ import annotations

import base64
import html
import math
import re
import struct
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from lectures.blocks import seen, visible

WIDTH = 1140
"""Pixels for the content of a slide, of 1280."""
HEIGHT = 535
"""Pixels for the content below the heading, of 720."""
SIZES = {"text": 32, "small": 26, "tiny": 21}
TALLEST = 300
"""Pixels of a figure on a slide with text; it grows where there is room."""
BROAD = 96
"""Characters of a printed line; longer lines are wrapped."""
LINE = 1.32
"""Height of a line over the size of the letters; lectures.css has the same number."""


@dataclass(frozen=True)
class Piece:
    """A part of a slide: HTML, its height in pixels (estimated), and text for the notes.

    kind is text, formula, list, table, code, output or figure; leads marks text that introduces the next,
    and continues marks text that ends the sentence of the piece before.
    """

    kind: str
    html: str
    height: float
    notes: tuple[str, ...] = field(default=())
    leads: bool = False
    continues: bool = False


@dataclass(frozen=True)
class Figure:
    """A picture among the outputs of a cell, to be written beside the slides."""

    name: str
    data: str
    mime: str

    @property
    def height(self) -> float:
        """The pixels that it needs at least: as wide as the slide, but not higher than `TALLEST`."""
        if "svg" in self.mime:
            size = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', self.data)
            width, height = (float(part) for part in size.groups()) if size else (2.0, 1.0)
        else:
            width, height = struct.unpack(">II", base64.b64decode(self.data[:32])[16:24])
        return min(height * WIDTH / width, TALLEST)


Target = Callable[[str], "str | None"]
"""Where a link of a notebook leads to on the slides; None makes plain text of it."""


def nowhere(link: str) -> str | None:
    """The links to other sites, and no others."""
    return link if re.match(r"https?://", link) else None


class Renderer:
    """Markdown to HTML; formulas stay TeX between \\( and \\) for MathJax."""

    def __init__(self, target: Target = nowhere) -> None:
        self.target = target
        self.parser = (
            MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True, renderer=_tex)
        )

    def block(self, source: str) -> str:
        """Paragraphs, lists, tables and formulas."""
        tokens = self.parser.parse(source)
        self._redirect(tokens)
        return self._joined(tokens)

    def inline(self, source: str) -> str:
        """A heading or a line, without a surrounding paragraph."""
        tokens = self.parser.parseInline(source)
        self._redirect(tokens)
        return self._joined(tokens)

    def _joined(self, tokens: list[Token]) -> str:
        """HTML in which a formula and the mark of punctuation after it stay on a line."""
        text = str(self.parser.renderer.render(tokens, self.parser.options, {}))
        return re.sub(
            r'(<span class="math inline">[^<]*</span>)([.,;:?!)]+)', r'<span class="joined">\1\2</span>', text
        )

    def _redirect(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            ending: list[str] = []
            for child in token.children or []:
                if child.type == "link_open":
                    link = self.target(str(child.attrs["href"]))
                    ending.append("a" if link else "span")
                    child.tag = ending[-1]
                    child.attrs = {"href": link} if link else {}
                elif child.type == "link_close":
                    child.tag = ending.pop()


def _tex(content: str, options: dict[str, bool]) -> str:
    marks = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
    return marks[0] + html.escape(content.strip()) + marks[1]


def text_height(source: str, size: str = "text", indent: int = 0) -> float:
    """The height of a paragraph with its margin."""
    letter = 0.485 * SIZES[size]  # Source Sans, on average, with room for formulas
    lines = math.ceil(len(visible(source)) * letter / (WIDTH - indent))
    tall = 12 if re.search(r"\\(?:d?frac|prod|sum|int)", source) else 4 if "$" in source else 0
    return max(lines, 1) * (LINE * SIZES[size] + tall) + 14


def formula_height(source: str) -> float:
    """The height of a displayed formula."""
    rows = 1 + len(re.findall(r"\\\\", source))
    limits, tall = re.search(r"\\sum|\\prod|\\int", source), re.search(r"\\frac|\\binom", source)
    return rows * (108 if limits else 82 if tall else 50) + 24


def formula(source: str) -> Piece:
    """A displayed formula, smaller if it is wide."""
    body = re.sub(r"^\$\$|\$\$$", "", source.strip().rstrip(".,;")).strip()
    size = min(34.0, WIDTH / (0.6 * _breadth(body)))
    if size < 26 and body.count(r"\quad") > 1 and r"\begin" not in body:  # several formulas: a row each
        body = r"\begin{gathered}" + r"\\[6pt] ".join(body.split(r"\quad")) + r"\end{gathered}"
        size = min(26.0, WIDTH / (0.6 * _breadth(body)))
    end = source.strip()[len(source.strip().rstrip(".,;")) :]
    inner = _tex(body + (rf"\,\text{{{end}}}" if end else ""), {"display_mode": True})
    return Piece(
        "formula", f'<div class="formula" style="font-size: {size:.0f}px">{inner}</div>', formula_height(body)
    )


def _breadth(body: str) -> int:
    """About the characters of the longest row."""
    return max(1, *(len(seen(row)) for row in body.split(r"\\")))


def listing(source: str) -> Piece:
    """Python code, highlighted, in letters that let the longest line fit."""
    size = _letters(source, 23)
    inner = highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
    return Piece(
        "code",
        f'<pre class="code" style="font-size: {size:.1f}px"><code>{inner}</code></pre>',
        len(source.splitlines()) * 1.3 * size + 40,
    )


def printed(source: str, largest: float = 23) -> Piece:
    """What a cell has printed, in letters that let it fit."""
    lines: list[str] = []
    for line in source.rstrip("\n").splitlines():
        lines += textwrap.wrap(line, BROAD, subsequent_indent="    ") if len(line) > BROAD else [line]
    text = "\n".join(lines)
    columns = 2 if len(lines) > 14 and max(map(len, lines)) < 44 else 1
    rows = math.ceil(len(lines) / columns)
    size = min(_letters(text, largest, columns), 480 / (1.3 * rows))
    return Piece(
        "output",
        f'<pre class="output" style="font-size: {size:.1f}px; columns: {columns}">{html.escape(text)}</pre>',
        rows * 1.3 * size + 34,
    )


def _letters(source: str, largest: float, columns: int = 1) -> float:
    """The size of letters in which the longest line is as wide as the slide, or the largest allowed."""
    longest = max(map(len, source.splitlines()), default=1)
    return min(largest, (WIDTH - 50) / (0.605 * columns * max(longest, 1)))


def tables(source: str, renderer: Renderer) -> list[Piece]:
    """A table as pieces that each fit on a slide; every piece repeats the header."""
    header, rule, *rows = source.splitlines()
    top = _row_height(header) if header.strip("| ") else 0
    groups: list[list[str]] = [[]]
    height = top
    pieces = []
    for row in rows:
        need = _row_height(row)
        if height + need > HEIGHT - 12 and groups[-1]:
            groups.append([])
            height = top
        groups[-1].append(row)
        height += need
    if len(groups) > 1:  # parts of about equal length
        each = math.ceil(len(rows) / len(groups))
        groups = [rows[start : start + each] for start in range(0, len(rows), each)]
    for group in groups:
        need = top + sum(_row_height(row) for row in group)
        pieces.append(Piece("table", renderer.block("\n".join([header, rule, *group])), need))
    return pieces


def _row_height(row: str) -> float:
    return math.ceil(len(visible(row)) * 0.46 * 21 / WIDTH) * 27 + 11


def items(
    sources: Sequence[str],
    renderer: Renderer,
    size: str = "text",
    numbers: Sequence[int] = (),
    marked: Sequence[int] = (),
) -> Piece:
    """A list; items with a number from `marked` carry the word homework."""
    parts, height = [], 5.0
    for index, source in enumerate(sources):
        body = renderer.block(source)
        if re.fullmatch(r"<p>.*</p>\s*", body, re.DOTALL) and body.count("<p>") == 1:
            body = body.strip()[3:-4]
        badge = (
            ' <span class="homework">homework</span>'
            if index < len(numbers) and numbers[index] in marked
            else ""
        )
        value = f' value="{numbers[index]}"' if index < len(numbers) else ""
        parts.append(f"<li{value}>{body}{badge}</li>")
        height += text_height(source + (" homework" if badge else ""), size, indent=40)
    tag = "ol" if numbers else "ul"
    return Piece("list", f'<{tag} class="{size}">{"".join(parts)}</{tag}>', height)


def fragment(piece: Piece) -> Piece:
    """The piece, shown after a click."""
    if piece.kind == "figure":
        return replace(piece, html=piece.html.replace("<img ", '<img class="fragment" ', 1))
    return replace(piece, html=f'<div class="fragment">{piece.html}</div>')
