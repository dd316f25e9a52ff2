"""Markdown, code and tables as HTML, with an estimate of the height on a slide."""

from __future__ import annotations

import html
import math
import re
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
HEIGHT = 560
"""Pixels for the content below the heading, of 720."""
SIZES = {"text": 30, "small": 25, "tiny": 21}
LINE = 1.32
"""Height of a line over the size of the letters; lectures.css has the same number."""


@dataclass(frozen=True)
class Piece:
    """A part of a slide: HTML, its height in pixels (estimated), and text for the notes.

    kind is text, formula, list, table, code, output or figure; leads marks text that introduces the next piece.
    """

    kind: str
    html: str
    height: float
    notes: tuple[str, ...] = field(default=())
    leads: bool = False


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
            MarkdownIt("commonmark")
            .enable("table")
            .use(dollarmath_plugin, double_inline=True, renderer=_tex)
        )

    def block(self, source: str) -> str:
        """Paragraphs, lists, tables and formulas."""
        tokens = self.parser.parse(source)
        self._redirect(tokens)
        return str(self.parser.renderer.render(tokens, self.parser.options, {}))

    def inline(self, source: str) -> str:
        """A heading or a line, without a surrounding paragraph."""
        tokens = self.parser.parseInline(source)
        self._redirect(tokens)
        return str(self.parser.renderer.render(tokens, self.parser.options, {}))

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
    return max(lines, 1) * LINE * SIZES[size] + 14


def formula_height(source: str) -> float:
    """The height of a displayed formula."""
    rows = 1 + len(re.findall(r"\\\\", source))
    tall = re.search(r"\\[dt]?frac|\\sum|\\prod|\\int|\\begin", source)
    return rows * (68 if tall else 48) + 26


def formula(source: str) -> Piece:
    """A displayed formula, smaller if it is wide."""
    body = re.sub(r"^\$\$|\$\$$", "", source.strip().rstrip(".,;")).strip()
    widest = max(len(seen(row)) for row in re.split(r"\\\\", body))
    size = min(34.0, WIDTH / (0.56 * max(widest, 1)))
    end = source.strip()[len(source.strip().rstrip(".,;")) :]
    inner = _tex(body + (rf"\,\text{{{end}}}" if end else ""), {"display_mode": True})
    return Piece(
        "formula", f'<div class="formula" style="font-size: {size:.0f}px">{inner}</div>', formula_height(source)
    )


def listing(source: str) -> Piece:
    """Python code, highlighted, in letters that let the longest line fit."""
    size = _letters(source, 23)
    inner = highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
    return Piece(
        "code",
        f'<pre class="code" style="font-size: {size:.1f}px"><code>{inner}</code></pre>',
        len(source.splitlines()) * 1.3 * size + 40,
    )


def printed(source: str) -> Piece:
    """What a cell has printed."""
    text = source.rstrip("\n")
    lines = text.splitlines()
    size = min(_letters(text, 23), 460 / (1.3 * max(len(lines), 1)))
    return Piece(
        "output",
        f'<pre class="output" style="font-size: {size:.1f}px">{html.escape(text)}</pre>',
        len(lines) * 1.3 * size + 34,
    )


def _letters(source: str, largest: float) -> float:
    """The size of letters in which the longest line is as wide as the slide, or the largest allowed."""
    return min(largest, (WIDTH - 50) / (0.605 * max(map(len, source.splitlines()), default=1)))


def tables(source: str, renderer: Renderer) -> list[Piece]:
    """A table as pieces that each fit on a slide; every piece repeats the header."""
    header, rule, *rows = source.splitlines()
    groups: list[list[str]] = [[]]
    height = 60.0
    pieces = []
    for row in rows:
        need = math.ceil(len(visible(row)) * 0.5 * 23 / WIDTH) * 30 + 13
        if height + need > HEIGHT - 30 and groups[-1]:
            groups.append([])
            height = 60.0
        groups[-1].append(row)
        height += need
    if len(groups) > 1:  # parts of about equal length
        each = math.ceil(len(rows) / len(groups))
        groups = [rows[start : start + each] for start in range(0, len(rows), each)]
    for group in groups:
        need = 60 + sum(math.ceil(len(visible(row)) * 0.5 * 23 / WIDTH) * 30 + 13 for row in group)
        pieces.append(Piece("table", renderer.block("\n".join([header, rule, *group])), need))
    return pieces


def items(
    sources: Sequence[str],
    renderer: Renderer,
    size: str = "text",
    numbers: Sequence[int] = (),
    marked: Sequence[int] = (),
) -> Piece:
    """A list; items with a number from `marked` carry the word homework."""
    parts, height = [], 10.0
    for index, source in enumerate(sources):
        body = renderer.block(source)
        if re.fullmatch(r"<p>.*</p>\s*", body, re.DOTALL) and body.count("<p>") == 1:
            body = body.strip()[3:-4]
        badge = (
            ' <span class="homework">homework</span>' if index < len(numbers) and numbers[index] in marked else ""
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
