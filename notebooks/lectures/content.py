"""What a slide shows of a block, and of the outputs of a cell."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lectures.blocks import Block, sentences, split, words
from lectures.deck import PROSE
from lectures.rendering import (
    Piece,
    Renderer,
    formula,
    fragment,
    items,
    listing,
    printed,
    tables,
    text_height,
)

SHORT = 45
"""Words of a paragraph that is shown as it is; of a longer paragraph only the key sentences are."""
ANSWER = 80
"""Words of an answer that is shown as it is."""
ENDED = re.compile(r"[.!?][)*\"]*$")
"""The end of a sentence; a paragraph without it introduces the next block."""
CELL = re.compile(r"\b(?:[Tt]he|[Nn]ext|[Tt]his) (?:next |last )?cell\b")


def key_sentences(source: str, before: str = "", after: str = "") -> list[str]:
    """The sentences of a paragraph that go on a slide.

    A paragraph of at most `SHORT` words is shown whole. Of a longer paragraph, between blocks of the kinds
    `before` and `after`, slides have the sentences with emphasis, or else the first sentence; after a formula
    the end of its sentence; before a block the sentence that introduces it; and the sentence that follows the
    last of these, if all of them have at most `SHORT` words. Sentences about a cell, which a slide does not
    have, are left out unless the paragraph has nothing else.
    """
    every = sentences(source)
    every = [sentence for sentence in every if not CELL.search(sentence)] or every
    if words(" ".join(every)) <= SHORT or len(every) == 1:
        return every
    chosen = {index for index, sentence in enumerate(every) if "**" in sentence}
    if not chosen or (before == "formula" and every[0][0].islower()):
        chosen.add(0)
    if not ENDED.search(every[-1]) and after:
        chosen.add(len(every) - 1)
    following = max(chosen) + 1
    if following < len(every) and words(" ".join(every[index] for index in {*chosen, following})) <= SHORT:
        chosen.add(following)
    return [every[index] for index in sorted(chosen)]


class Content:
    """Pieces of slides from blocks of Markdown."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def pieces(self, block: Block, before: str, after: str) -> list[Piece]:
        """What a slide shows of a block, with the block as notes if it is not shown whole."""
        if block.kind == "text":
            every = sentences(block.source)
            shown = key_sentences(block.source, before, after)
            text = " ".join(shown)
            piece = self.paragraph(text, notes=() if len(shown) == len(every) else (block.source,))
            return [replace(piece, leads=not ENDED.search(text), continues=text[:1].islower())]
        if block.kind == "list":
            return [self.bullets(block)]
        return self.whole(block)

    def whole(self, block: Block) -> list[Piece]:
        """All of a block."""
        if block.kind == "formula":
            return [formula(block.source)]
        if block.kind == "table":
            return tables(block.source, self.renderer)
        if block.kind in ("list", "numbers"):
            numbers = range(1, len(block.items) + 1) if block.kind == "numbers" else ()
            return [items(block.items, self.renderer, numbers=numbers)]
        if block.kind == "fence":
            return [listing("\n".join(block.source.splitlines()[1:-1]))]
        return [self.paragraph(block.source)]

    def bullets(self, block: Block) -> Piece:
        """A list; of a long item only its key sentences are shown."""
        shown = [" ".join(key_sentences(item)) for item in block.items]
        whole = all(words(a) == words(b) for a, b in zip(shown, block.items, strict=True))
        piece = items(shown, self.renderer)
        if piece.height > PROSE:
            piece = items(shown, self.renderer, "small")
        return replace(piece, notes=() if whole else (block.source,))

    def paragraph(self, text: str, css: str = "", size: str = "text", notes: tuple[str, ...] = ()) -> Piece:
        """A paragraph."""
        inner = self.renderer.inline(" ".join(text.split()))
        names = " ".join(filter(None, [size if size != "text" else "", css]))
        opening = f'<p class="{names}">' if names else "<p>"
        return Piece("text", f"{opening}{inner}</p>", text_height(text, size), notes)

    def recall(self, source: str) -> str:
        """The end of a question, short enough to stand above the answer."""
        every = sentences(source)
        asking = [sentence for sentence in every if "?" in sentence or "**" in sentence] or every[-1:]
        text = " ".join(asking)
        return text if words(text) <= 50 else asking[-1]

    def answer(self, source: str) -> list[Piece]:
        """The pieces of an answer; a long answer is cut down to its key sentences."""
        blocks = split(source)
        if sum(words(block.source) for block in blocks) <= ANSWER:
            return [piece for block in blocks for piece in self.whole(block)]
        kinds = ["", *(block.kind for block in blocks), "end"]
        return [
            piece
            for block, before, after in zip(blocks, kinds, kinds[2:], strict=False)
            for piece in self.pieces(block, before, after)
        ]

    def folded(self, block: Block) -> list[Piece]:
        """An answer that stands below its question, and is shown after a click."""
        pieces = self.answer(block.source)
        label = f'<div class="label">{html.escape(block.label)}</div>'
        return [
            fragment(
                replace(
                    piece,
                    html=f'<div class="folded">{label if piece is pieces[0] else ""}{piece.html}</div>',
                    height=piece.height + (30 if piece is pieces[0] else 0),
                )
            )
            for piece in pieces
        ]


def results(outputs: Sequence[dict[str, Any]], *, beside_figure: bool = False) -> list[Piece]:
    """Printed text (at most 24 lines) and formulas among the outputs."""
    pieces, text = [], ""
    for output in outputs:
        data = output.get("data", {})
        if output["output_type"] == "stream" and output.get("name", "stdout") == "stdout":
            text += "".join(output["text"])
        elif "text/latex" in data:
            pieces.append(formula("".join(data["text/latex"]).replace(r"\displaystyle ", "").strip("$ ")))
        elif output["output_type"] == "execute_result" and set(data) == {"text/plain"}:
            text += "".join(data.get("text/plain", "")) + "\n"
    if text.strip() and len(text.splitlines()) <= 24:
        pieces.insert(0, printed(text, largest=19 if beside_figure and len(text.splitlines()) <= 5 else 23))
    return pieces


def picture(output: dict[str, Any]) -> str:
    """The type of the picture of an output, or ""."""
    data = output.get("data", {})
    return next((mime for mime in ("image/svg+xml", "image/png") if mime in data), "")
