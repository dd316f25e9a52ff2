"""Slides, and the rules by which pieces share a slide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lectures.rendering import HEIGHT, Figure, Piece

PROSE = 410
"""Pixels of text, lists and formulas on a slide."""
SMALLER = 0.75
"""Height of a paragraph below a figure, over its height elsewhere."""
LITTLE = 270
"""Pixels of text that leave room for larger letters."""


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


class Stack:
    """The slides of a talk while they are made."""

    def __init__(self, title: str = "") -> None:
        self.talk = Talk(title)
        self.section = ""
        self.into = self.talk.opening
        self.fresh = True  # whether the next piece begins a slide
        self.bare = False  # whether the heading of the section is not yet on a slide

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
            smaller = pieces[0].html.replace("<p>", '<p class="small">', 1)
            caption = replace(pieces[0], html=smaller, height=SMALLER * pieces[0].height)
            if fits(last, (caption, *pieces[1:])):
                pieces = (caption, *pieces[1:])
        if last is None or not fits(last, pieces):
            moved: list[Piece] = []
            while last and len(last.pieces) > 1 and last.pieces[-1].leads:
                if sum(piece.height for piece in (last.pieces[-1], *moved, pieces[0])) > HEIGHT:
                    break
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
