"""Execute notebooks in place and store clean outputs: `python notebooks/execute.py 02 06`, or all of them.

Texts and pictures are stored. Views and states of widgets, timings and empty outputs are left out, and what
a cell prints is a single text, however the kernel happened to cut it. A cell that raises or warns ends the
program, and its notebook stays as it was.
"""

from __future__ import annotations

import argparse
import os
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
COLOURS = 256
"""Of a stored picture: a palette makes it three times smaller."""
SECONDS = 600
"""A cell that takes longer hangs."""


def executed(notebook: Any) -> Any:
    """The notebook, run in a fresh kernel in this folder."""
    resources = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()
    return notebook


def clean(notebook: Any, number: str) -> Any:
    """The notebook without what changes from run to run, or belongs to a kernel; `number` begins the ids."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for index, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"{number}-{index:02d}", {}
        if cell.cell_type == "code":
            cell.outputs = _outputs(cell.outputs)
    return notebook


def _outputs(outputs: list[Any]) -> list[Any]:
    """Outputs without views of widgets, in as few texts as possible."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "error" or output.get("name") == "stderr":
            raise RuntimeError(f"a cell raised or warned: {output.get('evalue') or output.text}")
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
            elif output.text:
                kept.append(output)
            continue
        output.data.pop(WIDGET, None)
        output.metadata = {}
        if "image/png" in output.data:
            output.data["image/png"] = with_palette(output.data["image/png"])
        if output.data:
            kept.append(output)
    return [output for output in kept if output.output_type != "stream" or output.text.strip()]


def with_palette(picture: str) -> str:
    """A PNG picture with a palette; base64 in and out."""
    image = Image.open(BytesIO(b64decode(picture))).convert("RGB")
    pixels = np.asarray(image).reshape(-1, 3)
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts, kind="stable")[:COLOURS]].astype(int)
    # The most frequent colours stay exact: those of lines and surfaces. Shades at their edges move a little.
    distances = np.abs(colours[:, None].astype(int) - palette).sum(axis=-1)
    indices = distances.argmin(axis=1)[which.ravel()].astype(np.uint8)
    small = Image.fromarray(indices.reshape(image.height, image.width))
    small.putpalette(palette.astype(np.uint8).tobytes())
    file = BytesIO()
    small.save(file, format="PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def main() -> None:
    """Run the notebooks whose numbers are given, all by default."""
    parser = argparse.ArgumentParser(description="Execute notebooks in place and store clean outputs.")
    parser.add_argument("numbers", nargs="*", help="two digits each; all notebooks by default")
    numbers = parser.parse_args().numbers
    known = {path.name[:2]: path for path in sorted(FOLDER.glob("*.ipynb"))}
    unknown = sorted(set(numbers) - set(known))
    if unknown:
        parser.error(f"there are notebooks {', '.join(known)}, got {', '.join(unknown)}")
    for number in numbers or known:
        path = known[number]
        notebook = clean(executed(nbformat.read(path, as_version=4)), number)
        nbformat.validate(notebook)
        draft = path.with_suffix(".draft")
        nbformat.write(notebook, draft)
        os.replace(draft, path)
        print(path.name, f"{path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
