"""From the cells of a notebook to slides: the rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lectures.blocks import Block, sentences, split, words
from lectures.content import Content, picture, results
from lectures.deck import Slide, Stack, Talk
from lectures.excerpts import excerpt
from lectures.rendering import HEIGHT, Figure, Piece, Renderer, fragment, items, listing

BRIEF = 4
"""Lines of code on a slide of a lecture on two notebooks."""
QUESTION = re.compile(r"\*\*[^*]*\b(?:[Pp]redict|Check yourself)[^*]*\*\*")


class Maker(Stack):
    """Makes the slides of a notebook from its cells, as read by json or nbformat.

    number is that of the notebook, homework has the numbers of its exercises that are homework. brief is for
    a notebook that is half a lecture: goals stand below the title, answers below their questions; long code
    and references are left out.
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
        super().__init__()
        self.cells, self.number, self.renderer, self.homework = cells, number, renderer, homework
        self.brief = brief
        self.content = Content(renderer)

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
            every = sentences(block.source)
            if block.kind == "list":
                if not self.brief:
                    self.into.append(Slide("What you will learn", heading))
                goals = self.content.bullets(block)
                self.into[-1].pieces.append(goals)
                self.into[-1].notes += goals.notes
                continue
            if question:
                asked = " ".join(" ".join(question).split())
                place = next(index for index, text in enumerate(every) if "?**" in text)
                before = " ".join(every[:place])
                if before and words(before) <= (40 if self.brief else 65):
                    title.pieces.append(self.content.paragraph(before, css="context", size="small"))
                title.pieces.append(self.content.paragraph(asked[0].upper() + asked[1:], css="question"))
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
            elif (
                block.kind == "text" and self.into and self.section == self.into[-1].title == "Check yourself"
            ):
                self.note(block.source)
            elif block.kind == "folded" or (block.kind == "text" and QUESTION.search(block.source)):
                index = self.question(blocks, index)
                continue
            else:
                for piece in self.content.pieces(block, before, after):
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
                self.fill(slide, self.content.whole(block))
        if answered and self.brief and asked:
            for piece in self.content.folded(blocks[end]):
                self.fill(slide, [piece])
        elif answered:
            slide = self.begin(blocks[end].label, "answered")
            recalled = self.content.recall(asked[0].source) if asked else ""
            if recalled:
                slide.pieces.append(self.content.paragraph(recalled, css="recalled", size="small"))
            for piece in self.content.answer(blocks[end].source):
                self.fill(slide, [fragment(piece)])
        self.fresh = True
        return end + 1 if answered else end

    def questions(self, block: Block) -> None:
        """A list of questions with folded answers: a slide each; in a brief lecture they share slides."""
        for item in block.items:
            pieces: list[Piece] = []
            for part in split(item):
                pieces += self.content.folded(part) if part.kind == "folded" else self.content.whole(part)
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
        """References in small letters, in a brief lecture in the notes; links are in the notes, too."""
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
        """An excerpt of the code, figures, and what was printed; not of imports and of checks of answers."""
        if self.section in ("", "Check yourself", "Exercises"):
            return
        found = [(mime, output["data"][mime]) for output in outputs for mime in [picture(output)] if mime]
        shown = excerpt(source, has_figure=bool(found))
        if self.brief and (found or len(shown.splitlines()) > BRIEF):
            shown = ""
        code = [listing(shown)] if shown else []
        printed = results(outputs, beside_figure=bool(found))
        asked = self.brief and self.fresh and self.into and self.into[-1].kind == "predict"
        if (
            not found
            and not shown
            and asked
            and self.into[-1].height + sum(p.height for p in printed) < HEIGHT
        ):
            self.fill(self.into[-1], [fragment(piece) for piece in printed])  # what comes out
            return
        if not found:
            self.add(*code, *printed)
            return
        self.add(*code)
        for count, (mime, data) in enumerate(found):
            figure = Figure(
                f"{self.number}-{cell:02d}-{count}.{'svg' if 'svg' in mime else 'png'}", "".join(data), mime
            )
            self.talk.figures.append(figure)
            alt = re.sub(r'[$"<>`*]', "", self.section)
            self.add(Piece("figure", f'<img src="figures/{figure.name}" alt="{alt}">', figure.height))
        for piece in printed:
            self.add(piece)
