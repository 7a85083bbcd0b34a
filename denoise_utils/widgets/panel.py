"""Sliders for a function that makes pictures: ``play``, and the controls that it and the explorers use."""

__all__ = ["play"]

import base64
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .rendering import Pictures, as_html, as_still

try:
    import ipywidgets
except ImportError:  # then there are still pictures only
    ipywidgets = None

VIEW = "application/vnd.jupyter.widget-view+json"


class Panel:
    """Returned by ``play`` and by what is built on it. Shows itself as the last line of a cell: with its sliders where
    widgets run, else as the still picture. controls: name → widget. draw: the function behind them."""

    def __init__(
        self, still: bytes | None, text: str, box: Any = None, controls: Mapping = MappingProxyType({}), draw=None
    ):
        self._still, self._text, self.box, self.controls, self.draw = still, text, box, controls, draw

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        bundle = {"text/plain": self._text}
        if self._still is not None:
            bundle["image/png"] = base64.b64encode(self._still).decode()
        if self.box is not None:
            bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return bundle


def play(draw: Callable[..., Pictures | str], **controls: Any) -> Panel:
    """Sliders for a function: move one, and see at once what it makes of the new values.

    draw: called with one value for each control; returns pictures, caption → float ``[N, 1, H, W]`` in [0, 1] (values
    outside are cut; three channels are shown in colour), or a text. controls: name → ``(low, high)`` or ``(low, high,
    step)`` for a slider that begins in the middle, a list for a menu, a bool for a box to tick, or a widget of your own.
    Like ``ipywidgets.interact``, without matplotlib in between. An error while playing is shown in place of the pictures.
    Raises ``ValueError`` for another kind of control, ``TypeError`` if ``draw`` returns something else.

    Lesson 01a, "Play"."""
    if ipywidgets is None:
        values = {name: _first_value(control) for name, control in controls.items()}
        return Panel(*as_still(draw(**values)), draw=draw)
    widgets = {name: _widget(name, control) for name, control in controls.items()}

    def current() -> Pictures | str:
        return draw(**{name: widget.value for name, widget in widgets.items()})

    first = current()
    shown = ipywidgets.HTML(as_html(first))

    def renew(_) -> None:
        try:
            shown.value = as_html(current())
        except Exception as error:  # raised in a callback, nobody would see it
            shown.value = f'<p role="alert"><b>{type(error).__name__}:</b> {html.escape(str(error))}</p>'

    for widget in widgets.values():
        widget.observe(renew, names="value")
        if hasattr(widget, "layout"):
            widget.layout.max_width = "100%"  # on a phone
    box = column(_side_by_side(widgets.values()), shown)
    return Panel(*as_still(first), box, widgets, draw)


def column(*parts: Any) -> Any:
    """Widgets below each other: what a panel shows."""
    box = ipywidgets.VBox(parts)
    box.add_class("denoise-panel")
    return box


def _side_by_side(widgets: Sequence) -> Any:
    """The pad, which has no label, beside the sliders; and an invisible widget that helps screen readers."""
    large = [widget for widget in widgets if widget.description is None]
    small = [widget for widget in widgets if widget.description is not None]
    helper = from_javascript("screen_readers.js")
    return ipywidgets.Box(
        [*large, ipywidgets.VBox([*small, *([helper] if helper else [])])], layout={"flex_flow": "row wrap"}
    )


# ---- controls ----


def slider(value: float, low: float, high: float, step: float = 0.05) -> Any:
    """A slider that begins at ``value``; without ipywidgets the value itself."""
    if ipywidgets is None:
        return value
    kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
    return kind(value=value, min=low, max=high, step=step)


def menu(options: list[str], start: int) -> Any:
    """A menu that begins at option number ``start``; without ipywidgets that option."""
    return options[start] if ipywidgets is None else ipywidgets.Dropdown(options=options, value=options[start])


def upload(kind: str, label: str) -> Any:
    """A button for a file, such as "image/*"; ``None`` without ipywidgets."""
    if ipywidgets is None:
        return None
    return ipywidgets.FileUpload(accept=kind, description=label, layout={"width": "auto"})


def from_javascript(name: str) -> Any:
    """A widget made of the file ``name`` of this folder; ``None`` where anywidget or ipywidgets is not installed."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        anywidget = None
    if anywidget is None or ipywidgets is None:
        return None

    class Part(anywidget.AnyWidget):
        _esm = Path(__file__).with_name(name).read_text(encoding="utf-8")
        description = None  # it has no label
        value = traitlets.Unicode("").tag(sync=True)  # the pad's: a PNG as a data address; with Bytes nothing arrives

    return Part()


def _widget(name: str, control: Any) -> Any:
    own = isinstance(control, ipywidgets.Widget)
    widget = control if own else ipywidgets.interactive.widget_from_abbrev(control)
    if widget is None:
        raise ValueError(
            f"{name} is {control!r}: it should be (low, high), (low, high, step), a list, a bool or a widget"
        )
    if widget.description == "":
        widget.description = {"sigma": "σ"}.get(name, name)
    return widget


def _first_value(control: Any) -> Any:
    """What a slider would begin with."""
    if isinstance(control, tuple):
        low, high, *step = control
        half = (high - low) // 2 if isinstance(high - low, int) else (high - low) / 2
        return low + (int(half / step[0]) * step[0] if step else half)
    return control[0] if isinstance(control, list) else control
