"""A drawing with sliders beside it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

STYLE = matplotlib.rc_params_from_file(
    Path(__file__).parent.parent / "course.mplstyle", use_default_template=False
)
BLUE, ORANGE, GREEN, BLACK, GREY = "#0072B2", "#D55E00", "#009E73", "#000000", "0.6"
DPI = 100
HOW_TO_INSTALL = 'This picture gets sliders once ipywidgets is installed: pip install "splinekan[notebooks]"'


class Slider(NamedTuple):
    """A number between `low` and `high`; the slider shows whole numbers if `step` is an int."""

    label: str
    low: float
    high: float
    step: float
    start: float


class Choice(NamedTuple):
    """An entry of a list."""

    label: str
    options: tuple[str, ...]

    @property
    def start(self) -> str:
        """The first entry."""
        return self.options[0]


def picture(draw: Callable[..., None], size: tuple[float, float], **values: Any) -> bytes:
    """The drawing as a PNG file, in the style of the course; `size` in inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="none")  # places are fixed: a layout engine doubles the time
        draw(figure, **values)
        file = BytesIO()
        figure.savefig(
            file, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 3}
        )
    return file.getvalue()


def show(
    draw: Callable[..., None],
    controls: dict[str, Slider | Choice],
    caption: str,
    size: tuple[float, float] = (8.4, 3.6),
) -> None:
    """Display `draw(figure, **values)` with a control for each value.

    The output holds the picture, too: programs without a kernel (a page, a printout) show it. Without
    ipywidgets there is only the picture.
    """
    from IPython.display import display

    first = picture(draw, size, **{name: control.start for name, control in controls.items()})
    bundle: dict[str, Any] = {"image/png": b64encode(first).decode(), "text/plain": caption}
    try:
        import ipywidgets
    except ImportError:
        display(bundle, raw=True)
        print(HOW_TO_INSTALL)
        return

    widgets = {name: _widget(ipywidgets, control) for name, control in controls.items()}
    image = ipywidgets.Image(value=first, format="png", width=round(DPI * size[0]))
    image.layout.max_width = "100%"
    image.layout.object_fit = "contain"

    def redraw(_: Any) -> None:
        image.value = picture(
            draw, size, **{name: _rounded(widget.value) for name, widget in widgets.items()}
        )

    for widget in widgets.values():
        widget.observe(redraw, names="value")
    rows = ipywidgets.HBox(list(widgets.values()))
    rows.layout.flex_flow = "row wrap"
    box = ipywidgets.VBox([rows, image])
    display({**box._repr_mimebundle_(), **bundle}, raw=True)


def _rounded(value: Any) -> Any:
    """A value without the rounding errors of a sum of steps."""
    return round(value, 6) if isinstance(value, float) else value


def _widget(ipywidgets: Any, control: Slider | Choice) -> Any:
    """The control as a widget."""
    look = {
        "style": {"description_width": "initial"},
        "layout": {"width": "auto" if isinstance(control, Choice) else "380px"},
        "description": control.label,
        "tooltip": control.label,
        "value": control.start,
    }
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(options=control.options, **look)
    kind = ipywidgets.IntSlider if isinstance(control.step, int) else ipywidgets.FloatSlider
    return kind(min=control.low, max=control.high, step=control.step, **look)
