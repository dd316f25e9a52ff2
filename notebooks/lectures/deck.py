"""From the cells of notebooks to slides: the rules."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lectures.blocks import Block, sentences, split, words
from lectures.excerpts import excerpt
from lectures.rendering import (
    HEIGHT,
    Figure,
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
BRIEF = 4
"""Lines of code on a slide of a lecture on two notebooks."""
PROSE = 410
"""Pixels of text, lists and formulas on a slide."""
LITTLE = 270
"""Pixels of text that leave room for larger letters."""
ANSWER = 80
"""Words of an answer that is shown as it is."""
QUESTION = re.compile(r"\*\*[^*]*\b(?:[Pp]redict|Check yourself)[^*]*\*\*")

ENDED = re.compile(r"[.!?][)*\"]*$")
"""The end of a sentence; a paragraph without it introduces the next block."""


@dataclass
class Slide:
    """A slide: its title and the line above it as Markdown, its pieces, and the notes as Markdown."""

    title: str
    above: str = ""
    kind: str = ""
    pieces: list[Piece] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def height(self) -> float:
        """Pixels below the title, estimated."""
        return sum(piece.height for piece in self.pieces)

    @property
    def is_large(self) -> bool:
        """Whether there is so little text that larger letters fit."""
        plain = all(piece.kind in ("text", "formula", "list") for piece in self.pieces)
        return plain and not self.kind.startswith(("title", "board", "ref", "exer")) and self.height < LITTLE

    def has(self, *kinds: str) -> bool:
        """Whether there is a piece of one of the kinds."""
        return any(piece.kind in kinds for piece in self.pieces)



@dataclass
class Talk:
    """The slides of a notebook, in the parts that a lecture puts together."""

    title: str
    opening: list[Slide] = field(default_factory=list)
    lessons: list[Slide] = field(default_factory=list)
    references: list[Slide] = field(default_factory=list)
    exercises: list[Slide] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


def key_sentences(source: str, before: str = "", after: str = "") -> list[str]:
    """The sentences of a paragraph that go on a slide.

    A paragraph of at most `SHORT` words is shown whole. Of a longer paragraph, between blocks of the kinds `before`
    and `after`: the sentences with emphasis, or else the first sentence; after a formula the end of its sentence;
    before a block the sentence that introduces it, with the first sentence if both are short.
    """
    every = sentences(source)
    if words(source) <= SHORT or len(every) == 1:
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


class Maker:
    """Makes the slides of a notebook from its cells, as read by json or nbformat.

    number is that of the notebook, homework has the numbers of its exercises that are homework. brief is for a notebook
    that is half a lecture: goals stand below the title and answers below their questions, and long code is left out.
    """

    def __init__(
        self,
        cells: Sequence[dict[str, Any]],
        number: str,
        renderer: Renderer,
        homework: Sequence[int] = (),
        *,
        brief: bool = False,
    ) -> None:
        self.cells, self.number, self.renderer, self.homework = cells, number, renderer, homework
        self.brief = brief
        self.talk = Talk("")
        self.section = ""
        self.into = self.talk.opening
        self.fresh = True  # whether the next piece begins a slide
        self.bare = False  # whether the heading of the section is not yet on a slide

    def make(self) -> Talk:
        """All slides."""
        for index, cell in enumerate(self.cells):
            source = "".join(cell["source"])
            order = cell.get("metadata", {}).get("slideshow", {}).get("slide_type", "-")
            if order in ("skip", "notes"):
                if cell["cell_type"] == "markdown":
                    self.note(source)
                continue
            if order in ("slide", "subslide"):
                self.fresh = True
            if index == 0:
                blocks = split(source)
                later = [number for number, block in enumerate(blocks) if block.kind == "heading"][1:]
                end = later[0] if later else len(blocks)
                self.open(blocks[:end])
                self.prose(blocks[end:])
            elif cell["cell_type"] == "markdown":
                self.prose(split(source), fragments=order == "fragment")
            elif cell["cell_type"] == "code":
                self.code(source, cell.get("outputs", []), index)
        if self.bare:
            self.note(self.section)
        return self.talk

    # the parts of a lesson

    def open(self, blocks: Sequence[Block]) -> None:
        """The title with the question, then the goals; everything else goes into the notes."""
        heading = blocks[0].source.lstrip("# ").strip()
        self.talk.title = heading
        number, _, name = heading.partition(" ")
        title = Slide(name, f"Notebook {number}", "title")
        self.into.append(title)
        for block in blocks[1:]:
            question = re.findall(r"\*\*([^*]+\?)\*\*", block.source) if block.kind == "text" else []
            if block.kind == "list":
                if not self.brief:
                    self.into.append(Slide("What you will learn", heading))
                goals = self.bullets(block)
                self.into[-1].pieces.append(goals)
                self.into[-1].notes += goals.notes
                continue
            if question:
                asked = " ".join(" ".join(question).split())
                title.pieces.append(self.paragraph(asked[0].upper() + asked[1:], css="question"))
            if block.source.strip("*: \n") == "What you will learn" and not self.brief:
                continue
            if question and words(block.source) == words(question[0]):
                continue
            self.into[-1].notes.append(block.source)
        self.into = self.talk.lessons

    def prose(self, blocks: Sequence[Block], *, fragments: bool = False) -> None:
        """A Markdown cell after the first."""
        index = 0
        while index < len(blocks):
            block = blocks[index]
            before = blocks[index - 1].kind if index else ""
            after = blocks[index + 1].kind if index + 1 < len(blocks) else "end"
            if block.kind == "heading":
                self.heading(block)
            elif self.section == "Exercises":
                self.exercise(block)
            elif self.section == "References":
                self.reference(block)
            elif any("<details>" in item for item in block.items):
                self.questions(block)
            elif self.section == "Check yourself" and self.into[-1].title == self.section and block.kind == "text":
                self.note(block.source)
            elif block.kind == "folded" or (block.kind == "text" and QUESTION.search(block.source)):
                index = self.question(blocks, index)
                continue
            else:
                for piece in self.pieces(block, before, after):
                    self.add(fragment(piece) if fragments else piece)
            index += 1

    def heading(self, block: Block) -> None:
        """A heading begins a part."""
        if self.bare:
            self.note(self.section)  # nothing of it is on a slide
        self.section = block.source.lstrip("# ").strip()
        self.fresh = self.bare = True
        parts = {"Exercises": self.talk.exercises, "References": self.talk.references}
        self.into = parts.get(self.section, self.talk.lessons)

    def question(self, blocks: Sequence[Block], start: int) -> int:
        """A prediction on a slide of its own, and the folded answer on the next; returns where to go on."""
        end = start
        while end < len(blocks) and blocks[end].kind != "folded" and end < start + 4:
            end += 1
        answered = end < len(blocks) and blocks[end].kind == "folded"
        if not answered:
            end = start + 1
        asked = blocks[start:end]
        if asked:
            slide = self.begin("Predict", "predict")
            for block in asked:
                self.fill(slide, self.whole(block))
        if answered and self.brief and asked:
            for piece in self.folded(blocks[end]):
                self.fill(slide, [piece])
        elif answered:
            slide = self.begin(blocks[end].label, "answered")
            recalled = self.recall(asked[0].source) if asked else ""
            if recalled:
                slide.pieces.append(self.paragraph(recalled, css="recalled", size="small"))
            for piece in self.answer(blocks[end].source):
                self.fill(slide, [fragment(piece)])
        self.fresh = True
        return end + 1 if answered else end

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

    def questions(self, block: Block) -> None:
        """A list of questions with folded answers: a slide each, or more where they fit in a brief lecture."""
        for item in block.items:
            pieces: list[Piece] = []
            for part in split(item):
                pieces += self.folded(part) if part.kind == "folded" else self.whole(part)
            height = sum(piece.height for piece in pieces)
            last = self.into[-1]
            joins = self.brief and last.title == self.section and last.kind == "predict"
            if not joins or last.height + height > HEIGHT:
                last = self.begin(self.section, "predict")
            self.fill(last, pieces)
        self.fresh = True

    def exercise(self, block: Block) -> None:
        """The exercises of a notebook; those of the plan are marked as homework."""
        if not self.into:
            self.begin(f"Exercises of notebook {self.number}", "exercises")
        slide = self.into[-1]
        if block.kind != "numbers":
            slide.notes.append(block.source)
            return
        for number, item in enumerate(block.items, start=1):
            self.fill(slide, [items([item], self.renderer, "small", [number], self.homework)])
            slide = self.into[-1]

    def reference(self, block: Block) -> None:
        """References in small letters, or of a brief lecture in the notes; so goes the link to the next notebook."""
        if self.brief:
            self.note(f"**{self.section}**" if self.bare else "")
            self.bare = False
            self.note(block.source)
            return
        if block.kind != "list":
            self.talk.references[-1].notes.append(block.source)
            return
        slide = self.begin("References", "references")
        for item in block.items:
            self.fill(slide, [items([item], self.renderer, "tiny")])
            slide = self.into[-1]

    def code(self, source: str, outputs: Sequence[dict[str, Any]], cell: int) -> None:
        """An excerpt of the code, figures, and what was printed; checks of answers are left out."""
        if self.section in ("Check yourself", "Exercises"):
            return
        found = [(mime, output["data"][mime]) for output in outputs for mime in [picture(output)] if mime]
        shown = excerpt(source, has_figure=bool(found))
        if self.brief and (found or len(shown.splitlines()) > BRIEF):
            shown = ""
        code = [listing(shown)] if shown else []
        results = self.results(outputs, beside_figure=bool(found))
        asked = self.brief and self.fresh and self.into and self.into[-1].kind == "predict"
        if not found and not shown and asked and self.into[-1].height + sum(p.height for p in results) < HEIGHT:
            self.fill(self.into[-1], [fragment(piece) for piece in results])  # what comes out
            return
        if not found:
            self.add(*code, *results)
            return
        self.add(*code)
        for count, (mime, data) in enumerate(found):
            figure = Figure(
                f"{self.number}-{cell:02d}-{count}.{'svg' if 'svg' in mime else 'png'}", "".join(data), mime
            )
            self.talk.figures.append(figure)
            alt = re.sub(r'[$"<>`*]', "", self.section)
            self.add(Piece("figure", f'<img src="figures/{figure.name}" alt="{alt}">', figure.height))
        for piece in results:
            self.add(piece)

    def results(self, outputs: Sequence[dict[str, Any]], *, beside_figure: bool = False) -> list[Piece]:
        """Printed text (at most 24 lines) and formulas among the outputs."""
        pieces, text = [], ""
        for output in outputs:
            data = output.get("data", {})
            if output["output_type"] == "stream" and output.get("name", "stdout") == "stdout":
                text += "".join(output["text"])
            elif "text/latex" in data:
                pieces.append(formula("".join(data["text/latex"]).replace(r"\displaystyle ", "").strip("$ ")))
            elif output["output_type"] == "execute_result" and not picture(output):
                text += "".join(data.get("text/plain", "")) + "\n"
        if text.strip() and len(text.splitlines()) <= 24:
            pieces.insert(0, printed(text, largest=19 if beside_figure and len(text.splitlines()) <= 5 else 23))
        return pieces

    # pieces of a block

    def pieces(self, block: Block, before: str, after: str) -> list[Piece]:
        """What a slide shows of a block, with the block as notes if it is not shown whole."""
        if block.kind == "text":
            every = sentences(block.source)
            shown = key_sentences(block.source, before, after)
            text = " ".join(shown)
            piece = self.paragraph(text, notes=() if len(shown) == len(every) else (block.source,))
            return [replace(piece, leads=not ENDED.search(text), continues=text[0].islower())]
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

    # slides

    def begin(self, title: str, kind: str = "") -> Slide:
        """A new slide; the line above its title names the part, or the notebook."""
        above = self.section if title != self.section and self.into is self.talk.lessons else self.talk.title
        slide = Slide(title, above, kind)
        self.into.append(slide)
        self.bare = False
        return slide

    def note(self, source: str) -> None:
        """Text for the notes of the slide that was made last."""
        if not source:
            return
        parts = (self.into, self.talk.exercises, self.talk.lessons, self.talk.opening)
        next(part for part in parts if part)[-1].notes.append(source)

    def fill(self, slide: Slide, pieces: Sequence[Piece]) -> None:
        """Pieces on the slide, or where they do not fit on a further slide with its title."""
        for piece in pieces:
            if self.into[-1].pieces and self.into[-1].height + piece.height > HEIGHT:
                self.into.append(Slide(slide.title, slide.above, slide.kind))
            self.into[-1].pieces.append(piece)
            self.into[-1].notes += piece.notes

    def add(self, *pieces: Piece) -> None:
        """The pieces on the current slide if they belong there and fit together, otherwise on a new slide."""
        if not pieces:
            return
        last = self.into[-1] if self.into and not self.fresh else None
        if last and last.has("figure") and pieces[0].kind == "text":
            caption = replace(pieces[0], html=pieces[0].html.replace("<p>", '<p class="small">', 1))
            if fits(last, (caption, *pieces[1:])):
                pieces = (caption, *pieces[1:])
        if last is None or not fits(last, pieces):
            moved = []
            while last and len(last.pieces) > 1 and last.pieces[-1].leads:
                moved.insert(0, last.pieces.pop())
            slide = self.begin(self.section)
            for lead in moved:
                slide.pieces.append(lead)
                if last:
                    last.notes = [note for note in last.notes if note not in lead.notes]
                slide.notes += lead.notes
            self.fresh = False
        self.into[-1].pieces.append(pieces[0])
        self.into[-1].notes += pieces[0].notes
        self.add(*pieces[1:])


def fits(slide: Slide, pieces: Sequence[Piece]) -> bool:
    """Whether pieces can join a slide: by their kinds, then by their heights."""
    piece = pieces[0]
    total = slide.height + sum(piece.height for piece in pieces)
    last = slide.pieces[-1]
    if piece.kind == "text" and piece.continues and last.kind == "formula":
        return total < HEIGHT
    if slide.has("figure"):  # what was printed, and a paragraph below
        return total < HEIGHT and (piece.kind == "output" or (piece.kind == "text" and last.kind != "text"))
    if piece.kind == "figure":
        return total < HEIGHT and not slide.has("code", "output", "table", "list", "formula")
    if piece.kind in ("code", "output"):
        return total < HEIGHT and (piece.kind == "output" or not slide.has("output"))
    if slide.has("code", "output"):
        ends = piece.kind == "text" and last.kind != "text" and not piece.leads
        return total < HEIGHT and (ends or piece.kind == "formula")
    return total < PROSE


def picture(output: dict[str, Any]) -> str:
    """The type of the picture of an output, or ""."""
    data = output.get("data", {})
    return next((mime for mime in ("image/svg+xml", "image/png") if mime in data), "")
