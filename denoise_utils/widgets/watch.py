"""A training to watch: ``watch_training``."""

__all__ = ["watch_training"]

import time
from typing import Any

import torch
from IPython.display import DisplayHandle
from torch import Tensor, nn

from ..chance import make_noisy
from ..data import to_float
from ..inputs import Noise
from ..models import eval_mode
from ..training import History, fit
from .explorers import answer
from .panel import Panel, column, from_javascript, ipywidgets
from .rendering import Pictures, as_html, as_still, curve

LOOK_EVERY = 0.3  # seconds between two looks at a training


def watch_training(model: nn.Module, images: Tensor, noise: Noise, **options: Any) -> History:
    """``fit``, with something to see: the loss as it falls, the answers as they get better, a button that stops.

    Stopping keeps what was learned, as the notebook's own stop button does. options: those of ``fit``, but for progress and
    after_step, which are what this is made of. The samples are the first eight of val_images, else of ``images``.
    Returns ``History``. Raises what ``fit`` raises.

    Lesson 04a, "Play"."""
    options = {name: value for name, value in options.items() if name not in ("progress", "after_step")}
    validation = options.get("val_images")
    samples = to_float((images if validation is None else validation)[:8])
    noisy = make_noisy(noise, samples, torch.Generator().manual_seed(0))
    losses, looked = [], time.perf_counter()

    def pictures() -> Pictures:
        with eval_mode(model):
            return {"noisy": noisy, "denoised": answer(model, noisy), "clean": samples}

    def look(history: History, loss: Tensor) -> None:
        nonlocal looked
        losses.append(loss.detach())
        if box is not None and time.perf_counter() - looked >= LOOK_EVERY:
            box.children[-1].value = as_html(pictures()) + curve(losses)
            looked = time.perf_counter()

    box, panel = None, DisplayHandle()
    if ipywidgets is not None:
        stop = from_javascript("stop.js") or ipywidgets.HTML("Press ■ to stop. The network keeps what it has learned.")
        box = column(stop, ipywidgets.HTML(as_html(pictures())))
    panel.display(Panel(None, "training ...", box))
    try:
        return fit(model, images, noise, after_step=look, progress=box is None, **options)
    finally:  # a still picture takes the panel's place, and stays when the notebook is saved
        if box is not None:
            for widget in (*box.children, box):
                widget.close()
        panel.update(Panel(*as_still(pictures(), losses)))
