"""`export`: a model as source code."""

from __future__ import annotations

import os
from typing import Any

from splinekan._checks import boolean, instance, one_of
from splinekan._files import as_path, replacing
from splinekan.exporting.source import numpy_source
from splinekan.model import Model


def export(
    model: Model,
    kind: str,
    *,
    path: str | os.PathLike[str] | None = None,
    force: bool = False,
    name: str = "predict",
) -> Any:
    instance("model", model, Model)
    one_of("kind", kind, ("numpy", "sympy"))
    target = None if path is None else as_path("path", path)
    force = boolean("force", force)
    if target is not None and not force and os.path.exists(target):
        raise FileExistsError(f"{target} exists: give force=True to replace it, or another path")
    source = numpy_source(model, name)
    if target is not None:
        with replacing(target) as file:
            file.write(source.encode())
    return source
