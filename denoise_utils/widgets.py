"""Things to play with. Each shows a still picture first; where widgets run, it moves.

``play`` joins sliders to a function that makes pictures; the others are built on it. Needs the packages ipywidgets and, for
the drawing pad, anywidget. Without them every function shows its still picture.
"""

import base64
import html
import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import DisplayHandle
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from .chance import make_noisy
from .data import to_float
from .drawing import centre_digit, read_drawing, read_photo
from .evaluation import denoise, mse, psnr
from .inputs import check_images
from .models import eval_mode, first_tensor, layer_table, receptive_field
from .noise import Blur, GaussianNoise, Masking, Occlusion, PoissonNoise, SaltAndPepper, SpeckleNoise
from .plots import COLORS
from .reader import read_digits
from .training import History, fit

try:
    import ipywidgets
except ImportError:  # then there are still pictures only
    ipywidgets = None

# ipywidgets gives its sliders no names that a screen reader could read, and does not announce what changes
FOR_SCREEN_READERS = """
export default { render({ el }) {
  el.style.display = "none";
  const help = () => {
    const panel = el.closest(".denoise-panel");
    panel?.querySelectorAll(".widget-slider").forEach(slider =>
      slider.querySelectorAll(".noUi-handle, .ui-slider-handle").forEach(handle => // ipywidgets 8 and 7
        handle.setAttribute("aria-label", slider.querySelector(".widget-label")?.textContent ?? "slider")));
    panel?.querySelectorAll(".widget-html-content").forEach(shown => shown.setAttribute("aria-live", "polite"));
  };
  const timer = setInterval(help, 300); // the sliders may be drawn later than this, and drawn again
  return () => clearInterval(timer);
} }
"""
# While a cell runs, the kernel hears no button. So this one does what the stop button (■) of the notebook does.
STOP = """
export default { render({ model, el }) {
  const kernel = model.widget_manager?.kernel; // JupyterLab and Jupyter Notebook have it, Colab has not
  const stop = document.createElement(kernel?.interrupt ? "button" : "span");
  const other = "Press ■ to stop. The network keeps what it has learned.";
  stop.textContent = kernel?.interrupt ? "stop and keep" : other;
  stop.className = kernel?.interrupt ? "jupyter-button widget-button" : "";
  stop.addEventListener("click", () => {
    kernel?.interrupt();
    setTimeout(() => stop.replaceWith(other), 2000); // elsewhere (VS Code) it may have had no effect
  });
  el.append(stop);
} }
"""
LOOK_EVERY = 0.3  # seconds between two looks at a training
VIEW = "application/vnd.jupyter.widget-view+json"
Pictures = Mapping[str, Tensor]  # caption → [N, 1, H, W] grey, or [N, 3, H, W] in colour; floats in [0, 1]

# strength, 0 to 1 → a corruption. Poisson's is chosen so that a white pixel is as uncertain as with Gaussian noise.
KINDS = {
    "Gaussian, clipped": lambda s: GaussianNoise(s, clip=True),
    "Gaussian, not clipped": lambda s: GaussianNoise(s, clip=False),
    "salt & pepper": lambda s: SaltAndPepper(s),
    "masking": lambda s: Masking(s),
    "speckle": lambda s: SpeckleNoise(s, clip=True),
    "Poisson": lambda s: PoissonNoise(round(1 / max(s, 0.01) ** 2, 1), clip=True),
    "blur": lambda s: Blur(round(0.2 + 3 * s, 2)),
    "occlusion": lambda s: Occlusion(max(1, round(20 * s))),
}


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
    """
    if ipywidgets is None:
        values = {name: _first_value(control) for name, control in controls.items()}
        return Panel(*_still(draw(**values)), draw=draw)
    widgets = {name: _widget(name, control) for name, control in controls.items()}

    def current() -> Pictures | str:
        return draw(**{name: widget.value for name, widget in widgets.items()})

    first = current()
    shown = ipywidgets.HTML(_as_html(first))

    def renew(_) -> None:
        try:
            shown.value = _as_html(current())
        except Exception as error:  # raised in a callback, nobody would see it
            shown.value = f'<p role="alert"><b>{type(error).__name__}:</b> {html.escape(str(error))}</p>'

    for widget in widgets.values():
        widget.observe(renew, names="value")
        if hasattr(widget, "layout"):
            widget.layout.max_width = "100%"  # on a phone
    large = [widget for widget in widgets.values() if widget.description is None]  # the pad stands beside the sliders
    small = [widget for widget in widgets.values() if widget.description is not None]
    above = ipywidgets.Box([*large, ipywidgets.VBox([*small, *_helper()])], layout={"flex_flow": "row wrap"})
    box = ipywidgets.VBox([above, shown])
    box.add_class("denoise-panel")
    return Panel(*_still(first), box, widgets, draw)


def explore_noise(images: Tensor, denoisers: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({})) -> Panel:
    """One digit, one corruption of adjustable strength, and what MSE and PSNR say.

    images: uint8 ``[N, 1, H, W]`` or float in [0, 1]. denoisers: shown beside it, as in ``explore_denoisers``.
    The kinds and what their strength means stand in ``denoise_utils.widgets.KINDS``.
    """
    check_images(images)

    def draw(kind, strength, digit, seed):
        return _compare(to_float(images[digit : digit + 1]), KINDS[kind](strength), seed, denoisers)

    digit = _slider(0, 0, len(images) - 1, 1)
    return play(draw, kind=list(KINDS), strength=_slider(0.5, 0.0, 1.0), digit=digit, seed=_slider(0, 0, 20, 1))


def explore_denoisers(denoisers: Mapping[str, Callable[[Tensor], Tensor]], images: Tensor) -> Panel:
    """Denoisers side by side on one digit with clipped Gaussian noise, each with its MSE, PSNR and error map.

    denoisers: name → (noisy ``[N, 1, H, W]`` → denoised). images: uint8 ``[N, 1, H, W]`` or float in [0, 1].
    In the error map orange is too bright, violet too dark, white is right.
    """
    check_images(images)

    def draw(digit, sigma, seed):
        return _compare(to_float(images[digit : digit + 1]), GaussianNoise(sigma, clip=True), seed, denoisers)

    digit = _slider(0, 0, len(images) - 1, 1)
    return play(draw, digit=digit, sigma=_slider(0.5, 0.0, 1.5), seed=_slider(0, 0, 20, 1))


def draw_a_digit(
    denoisers: Mapping[str, Callable[[Tensor], Tensor]], images: Tensor, reader: nn.Module | None = None
) -> Panel:
    """Your own digit: draw it with mouse, finger or keys, or take a photo of one; spoil it, denoise it, have it read.

    It is scaled and centred as MNIST's digits are (``centre_digit``). Until there is one, a digit of ``images`` stands in.
    denoisers: as for ``explore_denoisers``. reader: from ``train_reader``; it says what it reads in each picture.
    """
    check_images(images)

    def draw(drawing="", photo=(), sigma=0.5, seed=0):
        clean = to_float(images[:1])
        if drawing:
            clean = centre_digit(read_drawing(drawing))
        elif photo:  # ipywidgets 8 has a tuple of files, 7 a dictionary
            file = photo[0] if isinstance(photo, tuple) else next(iter(photo.values()))
            clean = centre_digit(read_photo(bytes(file["content"])))
        return _compare(clean, GaussianNoise(sigma, clip=True), seed, denoisers, reader)

    if ipywidgets is None:
        return play(draw)
    photo = ipywidgets.FileUpload(accept="image/*", description="a photo instead", layout={"width": "auto"})
    controls = {"photo": photo, "sigma": _slider(0.5, 0.0, 1.5), "seed": _slider(0, 0, 20, 1)}
    pad = _pad()
    if pad is not None:
        photo.observe(lambda _: setattr(pad, "value", ""), names="value")  # the later one counts
        controls = {"drawing": pad, **controls}
    return play(draw, **controls)


def explore_network(model: nn.Module, image: Tensor) -> Panel:
    """Layer by layer: what it makes of one image, its shape and parameters, and what its middle value can see.

    model: a network for images like ``image``, ``[1, 1, 28, 28]`` uint8 or float in [0, 1]. Layers whose answer is no
    picture (a linear layer's) are left out. Each feature map is shown from its smallest value, black, to its largest, white.
    """
    check_images(image)
    image, rows = to_float(image[:1]), layer_table(model, tuple(image.shape[1:]))
    answers = _answers(model, image)
    before = [sum(earlier.name == row.name for earlier in rows[:i]) for i, row in enumerate(rows)]  # a layer used again
    layers = {
        f"{i}: {row.name}, {row.kind}": i for i, row in enumerate(rows) if len(row.shape) == 3 and i < len(answers)
    }

    def draw(layer):
        row, maps = rows[layers[layer]], answers[layers[layer]].transpose(0, 1)
        low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
        seen = _seen_by(model, row.name, before[layers[layer]], tuple(image.shape[1:])).float()
        size = " × ".join(map(str, row.shape))
        return {
            f"what its middle value can see: {int(seen.sum())} of {seen.numel()} pixels": _tint(image, seen),
            f"feature maps\n{size} numbers, {row.parameters:,} parameters": (maps - low) / (high - low).clamp_min(1e-6),
        }

    if not layers:
        raise ValueError(f"no layer of {type(model).__name__} answers with pictures: there is nothing to show")
    return play(draw, layer=_menu(list(layers), min(1, len(layers) - 1)))


def walk_bottleneck(model: nn.Module, images: Tensor) -> Panel:
    """From one digit to another, through the bottleneck: mix their codes, and decode the mixture.

    model: with ``encode`` and ``decode``, such as ``ConvDenoiser``. images: ``[N, 1, H, W]``, N at least 2.
    Raises ``TypeError`` for a network without a bottleneck.
    """
    check_images(images)
    if not (hasattr(model, "encode") and hasattr(model, "decode")):
        raise TypeError(f"{type(model).__name__} has no encode and decode: take a network such as du.ConvDenoiser()")
    if len(images) < 2:
        raise ValueError("a walk needs at least two images")
    clean = to_float(images).to(next(model.parameters()).device)

    @torch.no_grad()
    def draw(start, end, share):
        with eval_mode(model):
            return walk(start, end, share)

    def walk(start, end, share):
        first, last = clean[[start]], clean[[end]]
        code, other = model.encode(first), model.encode(last)
        path = [model.decode(code + part * (other - code)) for part in (*(i / 8 for i in range(9)), share)]
        return {"start": first, "end": last, f"mixed code, {share:.0%}": path[-1],
                f"mixed pixels, {share:.0%}": first + share * (last - first),
                "the whole walk, in nine steps": torch.cat(path[:-1])}  # fmt: skip

    last = len(images) - 1
    return play(draw, start=_slider(0, 0, last, 1), end=_slider(1, 0, last, 1), share=_slider(0.5, 0.0, 1.0))


def watch_training(model: nn.Module, images: Tensor, noise: Any, **options: Any) -> History:
    """``fit``, with something to see: the loss as it falls, the answers as they get better, a button that stops.

    Stopping keeps what was learned, as the notebook's own stop button does. options: those of ``fit``, but for progress and
    after_step, which are what this is made of. The samples are the first eight of val_images, else of ``images``.
    Returns ``History``. Raises what ``fit`` raises.
    """
    options = {name: value for name, value in options.items() if name not in ("progress", "after_step")}
    validation = options.get("val_images")
    samples = to_float((images if validation is None else validation)[:8])
    noisy = make_noisy(noise, samples, torch.Generator().manual_seed(0))
    losses, looked = [], time.perf_counter()

    def pictures() -> Pictures:
        with eval_mode(model):
            answer = _answer(model, noisy)
        return {"noisy": noisy, "denoised": answer, "clean": samples}

    def look(history: History, loss: Tensor) -> None:
        nonlocal looked
        losses.append(loss.detach())
        if box is not None and time.perf_counter() - looked >= LOOK_EVERY:
            box.children[-1].value = _as_html(pictures()) + _curve(losses)
            looked = time.perf_counter()

    box, panel = None, DisplayHandle()
    if ipywidgets is not None:
        stop = _from_javascript(STOP) or ipywidgets.HTML("Press ■ to stop. The network keeps what it has learned.")
        box = ipywidgets.VBox([stop, ipywidgets.HTML(_as_html(pictures()))])
        box.add_class("denoise-panel")
    panel.display(Panel(None, "training ...", box))
    try:
        return fit(model, images, noise, after_step=look, progress=box is None, **options)
    finally:  # a still picture takes the panel's place, and stays when the notebook is saved
        if box is not None:
            for widget in (*box.children, box):
                widget.close()
        panel.update(Panel(*_still(pictures(), losses)))


# ---- what a panel shows ----


@torch.no_grad()
def _compare(clean: Tensor, noise: Any, seed: int, denoisers: Mapping, reader: nn.Module | None = None) -> Pictures:
    noisy = make_noisy(noise, clean, torch.Generator().manual_seed(seed))
    answers = {name: _answer(denoiser, noisy) for name, denoiser in denoisers.items()}
    pictures = {"clean": clean, f"noisy: {noise!r}": noisy, **answers}
    captions = {name: _measured(picture, clean) if name != "clean" else "" for name, picture in pictures.items()}
    if reader is not None:
        for name, picture in pictures.items():
            read, sure = read_digits(reader, picture.clamp(0, 1))
            captions[name] += f"\nreads {read.item()}, {sure.item():.0%} sure"
    shown = {}
    for name, picture in pictures.items():
        shown[f"{name}\n{captions[name].strip()}".strip()] = picture
        if name in answers:
            shown[f"error of {name}"] = _signed(picture - clean)
    return shown


@torch.no_grad()
def _answer(denoiser: Callable, noisy: Tensor) -> Tensor:
    device = next((p.device for p in denoiser.parameters()), "cpu") if isinstance(denoiser, nn.Module) else "cpu"
    return denoise(denoiser, noisy.to(device, copy=True), noisy.shape)


def _measured(picture: Tensor, clean: Tensor) -> str:
    error, decibels = mse(picture, clean).item(), psnr(picture, clean).item()
    return f"MSE {error:.4f}, PSNR {decibels:.1f}\N{NO-BREAK SPACE}dB" if error else "MSE 0, PSNR ∞"


def _signed(difference: Tensor) -> Tensor:
    """−1 … 1 → violet … white … orange, told apart with any colour vision. ``[N, 1, H, W]`` → ``[N, 3, H, W]``."""
    colors = plt.get_cmap("PuOr_r")(0.5 + 0.5 * difference[:, 0].clamp(-1, 1).numpy())
    return torch.from_numpy(colors[..., :3]).permute(0, 3, 1, 2).float()


def _tint(image: Tensor, seen: Tensor) -> Tensor:
    """The image, with what is not seen in blue."""
    blue = image.new_tensor([0.0, 0.45, 0.7]).view(1, 3, 1, 1)
    return torch.where(seen.bool(), image, 0.6 * blue + 0.4 * image)


@torch.no_grad()
def _answers(model: nn.Module, image: Tensor) -> list[Tensor]:
    """What each layer answers, in the order of ``layer_table``."""
    answers = []
    layers = [module for module in model.modules() if not list(module.children())]
    # a copy, since the next layer may work in place
    hooks = [
        layer.register_forward_hook(lambda m, i, output: answers.append(first_tensor(output).clone().cpu()))
        for layer in layers
    ]
    try:
        with eval_mode(model):
            model(image.to(next((p.device for p in model.parameters()), "cpu"), copy=True))
    finally:
        for hook in hooks:
            hook.remove()
    return answers


def _seen_by(model: nn.Module, name: str, before: int, image_shape: tuple[int, ...]) -> Tensor:
    """Which pixels can change the middle value of this layer's answer, of shape ``[C, H, W]``? bool ``[H, W]``.
    before: how often the layer was used before, in the same forward pass."""

    class UpTo(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            kept = []
            hook = self.model.get_submodule(name).register_forward_hook(
                lambda m, i, output: kept.append(first_tensor(output).clone())
            )
            self.model(images)
            hook.remove()
            return kept[before]

    return receptive_field(UpTo(), image_shape=image_shape)


# ---- from pictures to a page ----


def _check_drawn(result: Any) -> None:
    pictures = isinstance(result, Mapping) and all(
        isinstance(images, Tensor) and images.ndim == 4 and images.shape[1] in (1, 3) for images in result.values()
    )
    if not pictures and not isinstance(result, str):
        raise TypeError(
            f"it returned {type(result).__name__}: it should return a text, or a dictionary of captions and pictures "
            "[N, 1, H, W]. Is there a return, and a dimension for the batch?"
        )


def _pixels(images: Tensor, columns: int = 10) -> np.ndarray:
    """``[N, C, H, W]`` in [0, 1] → bytes ``[rows, columns, C]``, the images side by side with a grey line between."""
    images, across = images.detach().cpu().float().nan_to_num().clamp(0, 1), min(columns, len(images))
    images = torch.nn.functional.pad(images, (0, 1, 0, 1), value=0.5)
    missing = images.new_full((-len(images) % across, *images.shape[1:]), 0.5)
    grid = torch.cat([images, missing]).unflatten(0, (-1, across))
    grid = grid.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)[:-1, :-1]  # [rows, columns, channels]
    return (grid.numpy() * 255).round().astype(np.uint8)


def _address(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _as_html(result: Pictures | str) -> str:
    _check_drawn(result)
    if isinstance(result, str):
        return f'<pre role="status" style="white-space:pre-wrap">{html.escape(result)}</pre>'
    figures = []
    for caption, images in result.items():
        pixels, text = _pixels(images), html.escape(caption)
        height, width = pixels.shape[:2]
        zoom = max(1, 168 // height) if len(images) == 1 else max(1, min(56 // images.shape[-1], 560 // width))
        size, lines = f"width:{width * zoom}px; max-width:100%", text.replace("\n", "<br>")
        look = f"{size}; image-rendering:pixelated; border:1px solid #767676"
        figures.append(
            f'<figure style="margin:0 12px 8px 0; max-width:{max(width * zoom, 168)}px">'
            f'<img alt="{text.split(chr(10))[0]}" src="{_address(pixels)}" style="{look}">'
            f'<figcaption style="line-height:1.3; font-size:12px; overflow-wrap:anywhere">{lines}</figcaption></figure>'
        )
    return f'<div style="display:flex; flex-wrap:wrap; align-items:flex-start">{"".join(figures)}</div>'


def _curve(losses: list[Tensor], width: int = 560, height: int = 130) -> str:
    """The loss of each step as a line, on a logarithmic scale, as SVG."""
    values = torch.stack(losses).detach().cpu().numpy()
    first, last, kept = values[0], values[-1], values[np.isfinite(values) & (values > 0)]
    logs = np.log10(kept[:: max(1, len(kept) // width)]) if len(kept) else np.zeros(1)
    low, high = logs.min(), logs.max() + 1e-6
    x = np.linspace(50, width - 10, len(logs))
    y = 10 + (high - logs) / (high - low) * (height - 30)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
    return (
        f'<svg role="img" aria-label="The loss of each step, logarithmic: from {first:.4f} to {last:.4f}" '
        f'viewBox="0 0 {width} {height}" style="max-width:{width}px; font-size:12px">'
        f'<polyline fill="none" stroke="{COLORS[0]}" stroke-width="1.5" points="{points}"/><g fill="currentColor">'
        f'<text x="0" y="14">{10**high:.3f}</text><text x="0" y="{height - 18}">{10**low:.3f}</text>'
        f'<text x="50" y="{height - 2}">loss of each step, {len(losses):,} steps, now {last:.4f}</text></g></svg>'
    )


def _still(result: Pictures | str, losses: list[Tensor] = ()) -> tuple[bytes | None, str]:
    """(PNG, text) for where no widgets run: single images beside each other, long rows and the loss below."""
    _check_drawn(result)
    if isinstance(result, str):
        return None, result
    pixels = {caption: _pixels(images) for caption, images in result.items()}
    wide = [caption for caption, image in pixels.items() if image.shape[1] > 2 * image.shape[0]]
    square = [caption for caption in pixels if caption not in wide]
    across = max(1, min(6, len(square)))
    lines = -(-len(square) // across)  # rounded up
    figure = Figure(figsize=(max(1.9 * across, 6), 2.3 * lines + len(wide) + 1.8 * bool(losses)), dpi=80)
    grid = figure.add_gridspec(lines + len(wide) + bool(losses), across)
    places = {caption: grid[i // across, i % across] for i, caption in enumerate(square)}
    places |= {caption: grid[lines + i, :] for i, caption in enumerate(wide)}
    for caption, place in places.items():
        axis = figure.add_subplot(place)
        axis.imshow(pixels[caption].squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(caption.replace(": ", ":\n", 1) if len(caption) > 26 else caption, fontsize=8)
        axis.axis("off")
    if losses:
        axis = figure.add_subplot(grid[-1, :])
        axis.semilogy([loss.item() for loss in losses], color=COLORS[0], linewidth=1)
        axis.set(xlabel="step", ylabel="loss")
    figure.tight_layout(pad=0.5)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue(), "a picture of: " + "; ".join(caption.split("\n")[0] for caption in result)


# ---- controls ----


def _slider(value: float, low: float, high: float, step: float = 0.05) -> Any:
    """A slider that begins at ``value``; without ipywidgets the value itself."""
    if ipywidgets is None:
        return value
    kind = ipywidgets.IntSlider if isinstance(step, int) else ipywidgets.FloatSlider
    return kind(value=value, min=low, max=high, step=step)


def _menu(options: list[str], start: int) -> Any:
    return options[start] if ipywidgets is None else ipywidgets.Dropdown(options=options, value=options[start])


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


def _pad() -> Any:
    """The drawing pad, or ``None`` where anywidget is not installed."""
    return _from_javascript(Path(__file__).with_name("pad.js"))


def _helper() -> list:
    """An invisible widget that helps screen readers with the panel it stands in."""
    helper = _from_javascript(FOR_SCREEN_READERS)
    return [helper] if helper else []


def _from_javascript(script: Path | str) -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError:
        return None

    class Part(anywidget.AnyWidget):
        _esm = script
        description = None  # it has no label
        value = traitlets.Unicode("").tag(sync=True)  # the pad's: a PNG as a data address; with Bytes nothing arrives

    return Part()
