"""The rules that make slides of notebooks: nothing is lost, and slides can be read from a distance."""

import ast
import functools
import html
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("mdit_py_plugins")
FOLDER = Path(__file__).parent.parent / "notebooks"
sys.path.insert(0, str(FOLDER))

import slides as program  # noqa: E402
from lectures import blocks, content, excerpts, maker, page, plan, rendering  # noqa: E402

PLAN = plan.read_plan(program.PLAN.read_text(encoding="utf-8"))
NOTEBOOKS = [(lecture, number) for lecture in PLAN for number in lecture.notebooks]
RENDERER = rendering.Renderer(lambda link: program.target(link, PLAN))
each_notebook = pytest.mark.parametrize(
    ("lecture", "number"), NOTEBOOKS, ids=[number for _, number in NOTEBOOKS]
)
each_lecture = pytest.mark.parametrize("lecture", PLAN, ids=[str(lecture.number) for lecture in PLAN])


def cells(*sources, outputs=()):
    """The cells of a notebook: Markdown, but code where the source begins with >>>."""
    goals = "**What you will learn**\n\n- a goal;\n- another."
    opening = f"# 02 Name\n\nA first sentence. **Which question?** More.\n\n{goals}"
    made = [{"cell_type": "markdown", "source": opening, "metadata": {}}]
    for source in sources:
        if source.startswith(">>>"):
            made.append({"cell_type": "code", "source": source[3:], "metadata": {}, "outputs": list(outputs)})
        else:
            made.append({"cell_type": "markdown", "source": source, "metadata": {}})
    return made


def talk(*sources, outputs=(), **options):
    """The slides of a small notebook."""
    return maker.Maker(cells(*sources, outputs=outputs), "02", RENDERER, **options).make()


def text_of(slide):
    """The text on a slide, without its notes."""
    return re.sub(r"<[^>]*>", "", "".join(piece.html for piece in slide.pieces))


@functools.cache
def made_from(number):
    """The slides of a notebook of the course."""
    (lecture,) = (lecture for lecture in PLAN if number in lecture.notebooks)
    return program.talk(lecture, number, RENDERER, sharp=False)


def slides_of(lecture):
    """The slides of a lecture."""
    talks = [made_from(number) for number in lecture.notebooks]
    return page.lecture_slides(lecture, talks, RENDERER)


def words_of(text):
    """How often every word occurs."""
    return Counter(word.lower() for word in re.findall(r"[^\W\d_]{2,}", text))


# whole lectures


@each_lecture
def test_every_word_of_the_notebooks_is_on_a_slide_or_in_its_notes(lecture):
    rendered = "".join(page.slide_html(slide, RENDERER) for slide in slides_of(lecture))
    found = words_of(html.unescape(re.sub(r"<[^>]*>", "", rendered.replace("><", "> <"))))
    wanted = Counter()
    for number in lecture.notebooks:
        notebook = json.loads(plan.find_notebook(FOLDER, number).read_text(encoding="utf-8"))
        text = "\n".join(
            "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"
        )
        wanted += words_of(re.sub(r"\]\([^)]*\)|</?(?:details|summary)>", " ", text))
    assert not wanted - found


@each_lecture
def test_a_lecture_has_a_sensible_number_of_slides_that_fit(lecture):
    made = slides_of(lecture)
    assert 15 <= len(made) <= (40 if len(lecture.notebooks) == 1 else 45)
    assert all(slide.height <= rendering.HEIGHT for slide in made if slide.kind != "title")
    assert all(slide.title for slide in made)


@each_lecture
def test_a_lecture_begins_with_a_title_and_ends_with_exercises(lecture):
    made = slides_of(lecture)
    assert made[0].kind == "title"
    assert made[-1].kind == "exercises"
    assert [slide.title for slide in made].count("On the board") == 1
    homework = sum(text_of(slide).count(" homework") for slide in made if slide.kind == "exercises")
    assert homework == sum(map(len, lecture.homework.values()))


@each_notebook
def test_every_figure_of_a_notebook_is_shown(lecture, number):
    path = plan.find_notebook(FOLDER, number)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    made = made_from(number)
    assert len(made.figures) == sum(bool(content.picture(output)) for output in outputs)
    shown = "".join(piece.html for slide in made.lessons for piece in slide.pieces)
    assert all(f'src="figures/{figure.name}"' in shown for figure in made.figures)


@each_notebook
def test_excerpts_are_short_and_are_programs(lecture, number):
    notebook = json.loads(plan.find_notebook(FOLDER, number).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            shown = excerpts.excerpt("".join(cell["source"]))
            ast.parse(shown)
            assert len(shown.splitlines()) <= excerpts.LONGEST
            assert "assert" not in shown
            assert "plt." not in shown


# the plan


def test_the_plan_is_read_from_its_table():
    header = "| lecture | notebooks | board | homework |\n| --- | --- | --- | --- |"
    (lecture,) = plan.read_plan(f"{header}\n| 1 | 09, 13 | a; b | 09: 2 to 4; 13: 2 |\n")
    assert (lecture.number, lecture.notebooks, lecture.board) == (1, ("09", "13"), "a; b")
    assert lecture.homework == {"09": (2, 3, 4), "13": (2,)}
    assert lecture.page == "lecture-01.html"


def test_a_text_without_the_table_is_refused():
    with pytest.raises(ValueError, match="expected a table"):
        plan.read_plan("no table")


def test_a_notebook_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected one notebook 04_\*\.ipynb"):
        plan.find_notebook(tmp_path, "04")


def test_an_unknown_lecture_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        program.main(["--lecture", "13", "--output", str(tmp_path)])
    assert "expected a number from 1 to 12, got 13" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# blocks and sentences


def test_blocks_of_a_cell():
    table = "| a |\n| - |\n| b |"
    answer = "<details><summary>Answer</summary>\n\nYes.\n\n</details>"
    source = f"## H\n\nText,\n$$x$$\nmore.\n\n- a\n- b\n\n{table}\n\n{answer}"
    found = blocks.split(source)
    kinds = ["heading", "text", "formula", "text", "list", "table", "folded"]
    assert [block.kind for block in found] == kinds
    assert found[4].items == ("a", "b")
    assert (found[6].source, found[6].label) == ("Yes.", "Answer")


def test_an_answer_stays_in_its_item():
    source = "1. Ask?\n\n   <details><summary>Answer</summary>\n\n   Yes.\n\n   </details>\n\n2. Again?"
    (block,) = blocks.split(source)
    assert [part.kind for part in blocks.split(block.items[0])] == ["text", "folded"]
    assert block.items[1] == "Again?"


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("By C. de Boor. Then $a. B$ and `c. D`.", ["By C. de Boor.", "Then $a. B$ and `c. D`."]),
        ("**All. Of it.** Rest", ["**All. Of it.**", "Rest"]),
        ("About 0.5 of it (see Eq. 4). So $x$.", ["About 0.5 of it (see Eq. 4).", "So $x$."]),
        ("", []),
    ],
)
def test_sentences(paragraph, expected):
    assert blocks.sentences(paragraph) == expected


def test_a_short_paragraph_is_shown_whole():
    assert content.key_sentences("One. Two. Three.") == ["One.", "Two.", "Three."]


def test_of_a_long_paragraph_the_key_sentences_are_shown():
    filler = "This sentence has words that need not be seen on the slides of a lecture at all."
    long = f"First. {filler} {filler} {filler} Last:"
    assert content.key_sentences(long, after="formula")[0] == "First."
    assert content.key_sentences(long, after="formula")[-1] == "Last:"
    assert "Last:" not in content.key_sentences(long.replace("Last:", "Last."), after="formula")
    bold = "**Bold** letters."
    assert content.key_sentences(f"{filler} {filler} {bold} {filler} {filler} {filler}")[0] == bold


# slides


def test_the_opening_has_the_question_and_the_goals():
    title, goals = talk().opening
    assert (title.title, title.above, title.kind) == ("Name", "Notebook 02", "title")
    assert "Which question?" in text_of(title)
    assert goals.title == "What you will learn"
    assert "another" in text_of(goals)
    (both,) = talk(brief=True).opening
    assert "Which question?" in text_of(both)
    assert "another" in text_of(both)


def test_a_heading_begins_a_slide_and_long_text_goes_into_the_notes():
    filler = "This sentence has words that need not be seen on the slide of any lecture at all. " * 4
    first, second = talk(f"## A\n\nShort.\n\n## B\n\nBegin here, at the front. {filler}").lessons
    assert (first.title, text_of(first), first.notes) == ("A", "Short.", [])
    assert second.title == "B"
    assert "Begin here, at the front." in text_of(second)
    assert "need not be seen" in second.notes[0]
    assert len(text_of(second)) < len(second.notes[0])


QUESTION = (
    "## A\n\nText.\n\n**Predict** what comes.\n\n<details><summary>Answer</summary>\n\nThis.\n\n</details>"
)


def test_a_prediction_has_a_slide_and_the_answer_the_next():
    _, asked, answered = talk(QUESTION).lessons
    assert (asked.title, asked.above, text_of(asked)) == ("Predict", "A", "Predict what comes.")
    assert answered.title == "Answer"
    assert 'class="fragment"' in answered.pieces[-1].html
    assert "This." in answered.pieces[-1].html


def test_in_a_brief_lecture_the_answer_is_a_fragment_below_its_question():
    _, asked = talk(QUESTION, brief=True).lessons
    assert "fragment" not in asked.pieces[0].html
    assert 'class="fragment"' in asked.pieces[1].html


def test_a_figure_has_a_slide_with_what_was_printed_and_the_next_paragraph():
    picture = {"output_type": "display_data", "data": {"image/svg+xml": '<svg viewBox="0 0 300 100"></svg>'}}
    printed = {"output_type": "stream", "name": "stdout", "text": "1 < 2\n"}
    made = talk("## A\n\nText.", ">>>plt.plot(x)", "It rises.", "## B\n\nMore.", outputs=[picture, printed])
    slide = made.lessons[0]
    assert [piece.kind for piece in slide.pieces] == ["text", "figure", "output", "text"]
    assert "1 &lt; 2" in slide.pieces[2].html
    assert made.figures[0].name.endswith(".svg")
    assert 'alt="A"' in slide.pieces[1].html


def test_a_sentence_that_introduces_a_formula_moves_with_it():
    filler = "\n\n".join(
        f"Paragraph {number} with a few words on this line, and with some more of them on the next line."
        for number in range(5)
    )
    first, second = talk(f"## A\n\n{filler}\n\nHence\n\n$$x$$").lessons
    assert "Hence" not in text_of(first)
    assert "Hence" in text_of(second)


def test_metadata_of_a_cell_overrides_the_rules():
    made = cells("## A\n\nText.", "Hidden words.", "On a slide of its own.", "After a click.")
    for cell, order in zip(made[2:], ("notes", "slide", "fragment"), strict=True):
        cell["metadata"] = {"slideshow": {"slide_type": order}}
    first, second = maker.Maker(made, "02", RENDERER).make().lessons
    assert (text_of(first), first.notes) == ("Text.", ["Hidden words."])
    assert "fragment" in second.pieces[1].html


def test_exercises_are_marked_as_homework():
    made = talk(
        "## Exercises\n\nSolutions.\n\n1. First.\n2. Second.\n\n## References\n\n- A book.", homework=[2]
    )
    (slide,) = made.exercises
    assert slide.notes == ["Solutions."]
    assert "homework" not in slide.pieces[0].html
    assert "homework" in slide.pieces[1].html
    assert "A book." in text_of(made.references[0])


# code


def test_an_excerpt_leaves_out_what_draws_prints_and_checks():
    source = "import numpy as np\nA = sk.a(1)\nassert A\nfig, left = plt.subplots()\nleft.plot(A)\nprint(A)\n"
    assert excerpts.excerpt(source) == "A = sk.a(1)\nprint(A)"
    assert excerpts.excerpt(source, has_figure=True) == "A = sk.a(1)"


def test_of_a_long_cell_a_function_is_shown():
    body = "\n".join(f"x{number} = {number}" for number in range(20))
    function = "def f(x):\n    y = x\n    return y"
    assert excerpts.excerpt(f"{body}\n{function}\n") == function
    assert excerpts.excerpt(body) == ""


def test_a_cell_with_a_magic_command_has_no_excerpt():
    assert excerpts.excerpt("%matplotlib inline\nx = 1") == ""


def test_long_lines_are_broken_at_commas_in_brackets():
    line = "result = function(" + ", ".join(f"argument_{number}={number}" for number in range(8)) + ")"
    shown = excerpts.excerpt(line)
    assert max(map(len, shown.splitlines())) <= excerpts.WIDEST
    assert ast.dump(ast.parse(shown)) == ast.dump(ast.parse(line))


def test_what_a_widget_prints_of_itself_is_left_out():
    widget = {"text/plain": "Box(children=())", "application/vnd.jupyter.widget-view+json": {}}
    assert content.results([{"output_type": "execute_result", "data": widget}]) == []
    (shown,) = content.results([{"output_type": "execute_result", "data": {"text/plain": "{0: 1}"}}])
    assert "{0: 1}" in shown.html


# HTML


def test_formulas_stay_tex_and_links_lead_to_lectures():
    text = RENDERER.block("$a<b$. See [06](06_refinement_is_exact.ipynb), [here](solutions/README.md).")
    assert r"\(a&lt;b\)</span>." in text
    assert '<a href="lecture-06.html">06</a>' in text
    assert "<span>here</span>" in text


def test_a_wide_formula_is_smaller_and_a_row_of_formulas_is_broken():
    size = [
        float(re.search(r"font-size: (\d+)", rendering.formula(f"$${'x' * n}$$").html)[1]) for n in (9, 99)
    ]
    assert size[0] > size[1]
    assert r"\begin{gathered}" in rendering.formula(r"\quad ".join(["x = " + "y" * 40] * 3)).html


def test_a_long_table_is_split_and_repeats_its_header():
    table = "\n".join(
        ["| head | er |", "| --- | --- |", *(f"| row {number} | text |" for number in range(40))]
    )
    pieces = rendering.tables(table, RENDERER)
    assert len(pieces) > 1
    assert all("head" in piece.html and piece.height <= rendering.HEIGHT for piece in pieces)
    assert sum(piece.html.count("row ") for piece in pieces) == 40


def test_other_files_are_not_overwritten(tmp_path, capsys):
    page = tmp_path / "index.html"
    page.write_text("mine")
    for output in (tmp_path, page):
        with pytest.raises(SystemExit):
            program.main(["--output", str(output)])
        assert "--output: expected an empty folder or a folder of slides" in capsys.readouterr().err
    assert page.read_text() == "mine"


def test_pages_and_an_index_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "write_assets", lambda folder: folder.mkdir(exist_ok=True))
    program.main(["--output", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.glob("*.html")) == [
        "index.html",
        *(item.page for item in PLAN),
    ]
    assert capsys.readouterr().out.count("slides") == len(PLAN)
    text = (tmp_path / "lecture-02.html").read_text(encoding="utf-8")
    assert text.count("<section>") == text.count("</section>") == len(slides_of(PLAN[1]))
    for name in re.findall(r'src="(figures/[^"]+)"', text):
        assert (tmp_path / name).read_bytes()
