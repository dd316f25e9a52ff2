"""Pages of the repository that lie outside docs/: copied before Sphinx looks for them, links rewritten.

A guide links to `../notebooks/00_index.ipynb`, a notebook to `../docs/fitting.md`, as a forge needs it.
On the site the notebooks lie in notebooks/, the theory in theory/, and everything else in repository/.
"""

import os
import re
import shutil
from pathlib import Path

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
COPIED = ("notebooks/*.ipynb", "notebooks/solutions/*.*", "theory/README.md", "*.md")
KEPT = ("notebooks/", "theory/")
"""Folders which have the same name under docs/."""


def place(path):
    """Where a file of the repository lies under docs/."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.startswith(KEPT) else f"repository/{path}"


def origin(page):
    """The file of the repository behind a page, the inverse of `place`."""
    if page.startswith("repository/"):
        return page.removeprefix("repository/")
    return page if page.startswith(KEPT) else f"docs/{page}"


def copy(path):
    """Copy a file of the repository to its place, unless it lies there unchanged."""
    source, target = ROOT / path, DOCS / place(path)
    if not target.exists() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def copy_pages(app, config):
    """Copy the pages, and remove those whose origin is gone."""
    for folder in ("notebooks", "theory", "repository"):
        for path in (DOCS / folder).rglob("*.*"):
            if path.is_file() and not (ROOT / origin(path.relative_to(DOCS).as_posix())).exists():
                path.unlink()
    for pattern in COPIED:
        for path in ROOT.glob(pattern):
            copy(path.relative_to(ROOT).as_posix())


def rewrite(text, page):
    """The text of a page, with links that lead to the places of files on the site.

    A link whose text is the name of a page is shown with the title of that page.
    """
    folder, here = Path(origin(page)).parent, Path(page).parent

    def rewritten(match):
        target = os.path.normpath(folder / match[1])
        if target.startswith("..") or not (ROOT / target).is_file():
            return match[0]  # code such as a[0](x), or a mistake, of which Sphinx warns
        if not target.startswith("docs/"):
            copy(target)  # programs, for download
        return f"]({Path(os.path.relpath(place(target), here)).as_posix()}"

    text = re.sub(r"\]\(([^)#:\s]+)", rewritten, text)
    return re.sub(r"\[[\w/-]+\.md\](?=\()", "[]", text)


def rewrite_page(app, name, source):
    """Rewrite the links of Markdown and notebooks."""
    page = Path(app.env.doc2path(name, base=False)).as_posix()
    if not page.endswith(".rst"):
        source[0] = rewrite(source[0], page)


def copy_slides(app, exception):
    """Put the slides, where `make slides` has made them, beside the pages."""
    slides = ROOT / "build" / "slides"
    if exception is None and slides.is_dir() and app.builder.name == "html":
        shutil.copytree(slides, Path(app.outdir) / "slides", dirs_exist_ok=True)


def setup(app):
    app.connect("config-inited", copy_pages)
    app.connect("source-read", rewrite_page)
    app.connect("build-finished", copy_slides)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
