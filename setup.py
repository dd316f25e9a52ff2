"""The packages of the wheel, and the text that an index shows.

The packages are splinekan, and the folder theory/ under the name splinekan_theory. The text is README.md,
with links that work outside of a checkout.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:]+)((?:#[^)]*)?)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)#:]+)\)\n(\n\*[^*]+\*\n)?")


def long_description(readme, source, version):
    """The README with absolute links to the files of that version.

    `source` is the address of the repository, from which `/blob/v1.2.3/` and `/raw/v1.2.3/` lead to files.
    Without an address a link becomes its text, and a picture is left out together with its caption.
    """

    def link(match):
        text, target, part = match.groups()
        return f"[{text}]({source}/blob/v{version}/{target}{part})" if source else text

    def picture(match):
        text, target, caption = match.groups()
        return f"![{text}]({source}/raw/v{version}/{target})\n{caption or ''}" if source else ""

    pieces = re.split(r"(^```.*?^```$)", readme, flags=re.MULTILINE | re.DOTALL)
    for at in range(0, len(pieces), 2):  # code stands between
        pieces[at] = LINK.sub(link, PICTURE.sub(picture, pieces[at]))
    return "".join(pieces)


def described():
    """The arguments of `setup` for the README of this folder."""
    here = Path(__file__).parent
    project = (here / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    source = re.search(r'^Source = "(.+?)/?"$', project, re.MULTILINE)
    readme = (here / "README.md").read_text(encoding="utf-8")
    text = long_description(readme, source and source.group(1), version.group(1))
    return {"long_description": text, "long_description_content_type": "text/markdown"}


if __name__ == "__main__":
    theory = ["splinekan_theory", *(f"splinekan_theory.{name}" for name in find_packages("theory"))]
    setup(
        packages=find_packages(include=["splinekan", "splinekan.*"]) + theory,
        package_dir={"splinekan_theory": "theory"},
        **described(),
    )
