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
from IPython.display import DisplayHandle, display
from PIL import Image
from torch import Tensor, nn

from .data import check_images, to_float
from .drawing import centre_digit, read_drawing, read_photo
from .evaluation import _denoise, mse, read_digits
from .models import layer_table, receptive_field
from .noise import Blur, GaussianNoise, Masking, Occlusion, PoissonNoise, SaltAndPepper, SpeckleNoise
from .plots import COLORS
from .training import History, fit

try:
    import ipywidgets
except ImportError:  # then there are still pictures only
    ipywidgets = None

NAME_SLIDERS = """
export default { render({ el }) {
  el.style.display = "none";
  const name = () => el.closest(".denoise-panel")?.querySelectorAll(".widget-slider").forEach(slider =>
    slider.querySelectorAll(".noUi-handle").forEach(handle =>
      handle.setAttribute("aria-label", slider.querySelector(".widget-label")?.textContent ?? "slider")));
  const timer = setInterval(name, 300); // the sliders may be drawn later than this, and drawn again
  return () => clearInterval(timer);
} }
"""
# While a cell runs, the kernel hears no button. So this one does what the stop button (■) of the notebook does.
STOP = """
export default { render({ model, el }) {
  const kernel = model.widget_manager?.kernel; // JupyterLab and Jupyter Notebook have it, Colab has not
  const stop = document.createElement(kernel?.interrupt ? "button" : "span");
  stop.textContent = kernel?.interrupt ? "stop and keep" : "Press ■ to stop. The network keeps what it has learned.";
  stop.className = kernel?.interrupt ? "jupyter-button widget-button" : "";
  stop.addEventListener("click", () => { stop.disabled = true; kernel?.interrupt(); });
  el.append(stop);
} }
"""
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
    widgets run, else as the still picture. draw: the function behind it. controls: name → widget."""

    def __init__(self, draw: Callable, controls: dict, box: Any, still: bytes | None, text: str):
        self.draw, self.controls, self.box = draw, controls, box
        self._still, self._text = still, text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        bundle = {"text/plain": self._text}
        if self._still is not None:
            bundle["image/png"] = base64.b64encode(self._still).decode()
        if self.box is not None:
            bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return bundle


def play(draw: Callable[..., Pictures | str], **controls: Any) -> Panel:
    """Sliders for a function: move one, and see what it makes of the new values, in a few thousandths of a second.

    draw: called with one value for each control; returns pictures, caption → float ``[N, 1, H, W]`` in [0, 1] (values
    outside are cut; three channels are shown in colour), or a text. controls: name → ``(low, high)`` or ``(low, high,
    step)`` for a slider that begins in the middle, a list for a menu, a bool for a box to tick, or a widget of your own.
    Like ``ipywidgets.interact``, without matplotlib in between. An error of ``draw`` is shown in place of the pictures.
    """
    if ipywidgets is None:
        values = {name: _first_value(control) for name, control in controls.items()}
        return Panel(draw, {}, None, *_still(draw(**values)))
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
    above = ipywidgets.Box([*large, ipywidgets.VBox([*small, *_names()])], layout={"flex_flow": "row wrap"})
    box = ipywidgets.VBox([above, shown])
    box.add_class("denoise-panel")
    return Panel(draw, widgets, box, *_still(first))


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

    model: a network for images like ``image``, ``[1, 1, 28, 28]`` uint8 or float in [0, 1].
    """
    check_images(image)
    image = to_float(image[:1])
    rows = {f"{i}: {row.name}, {row.kind}": row for i, row in enumerate(layer_table(model, tuple(image.shape[1:])))}
    answers = _answers(model, image)

    def draw(layer):
        row, answer = rows[layer], answers[list(rows).index(layer)]
        maps = answer[0].unsqueeze(1)
        low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
        seen = _seen_by(model, row.name, list(answer.shape)).float()
        shape = " × ".join(map(str, row.shape))
        pictures = {f"what its middle value can see: {int(seen.sum())} of {seen.numel()} pixels": _tint(image, seen)}
        pictures[f"its {len(maps)} feature maps\n{shape} numbers, {row.parameters:,} parameters"] = (maps - low) / (
            high - low
        ).clamp_min(1e-6)
        return pictures

    return play(draw, layer=_menu(list(rows), len(rows) // 2))


def walk_bottleneck(model: nn.Module, images: Tensor) -> Panel:
    """From one digit to another, through the bottleneck: mix their codes, and decode the mixture.

    model: with ``encode`` and ``decode``, such as ``ConvDenoiser``. images: ``[N, 1, H, W]``, N at least 2.
    """
    check_images(images)
    clean = to_float(images)

    @torch.no_grad()
    def draw(start, end, share):
        codes = model.encode(clean[[start, end]])
        steps = torch.linspace(0, 1, 9).view(-1, 1, 1, 1)
        path = model.decode(codes[:1] + steps * (codes[1:] - codes[:1]))
        here = model.decode(codes[:1] + share * (codes[1:] - codes[:1]))
        faded = clean[[start]] + share * (clean[[end]] - clean[[start]])
        return {"start": clean[[start]], "end": clean[[end]], f"mixed code, {share:.0%}": here,
                f"mixed pixels, {share:.0%}": faded, "the whole walk, in nine steps": path}  # fmt: skip

    last = len(images) - 1
    return play(draw, start=_slider(0, 0, last, 1), end=_slider(1, 0, last, 1), share=_slider(0.5, 0.0, 1.0))


def watch_training(model: nn.Module, images: Tensor, noise: Any, **options: Any) -> History:
    """``fit``, with something to see: the loss as it falls, the answers as they get better, a button that stops.

    Stopping keeps what was learned, as the kernel's own stop button does. options: those of ``fit``, and val_images: the
    first eight of them (else of ``images``) are the samples. Returns ``History``.
    """
    samples = to_float((options.get("val_images") if options.get("val_images") is not None else images)[:8])
    noisy = noise(samples, torch.Generator().manual_seed(0))
    losses, looked = [], time.perf_counter()

    def pictures() -> Pictures:
        was_training = model.training
        answer = _answer(model.eval(), noisy)
        model.train(was_training)
        return {"noisy": noisy, "denoised": answer, "clean": samples}

    def look(history: History, loss: Tensor) -> None:
        nonlocal looked
        losses.append(loss.detach())
        if ipywidgets is not None and time.perf_counter() - looked > 0.3:
            shown.value = _as_html(pictures()) + _curve(losses)
            looked = time.perf_counter()

    if ipywidgets is None:
        history = fit(model, images, noise, after_step=look, **options)
        display(Panel(look, {}, None, *_still(pictures(), losses)))
        return history
    shown, stop = ipywidgets.HTML(_as_html(pictures())), _from_javascript(STOP)
    box = ipywidgets.VBox([stop or ipywidgets.HTML("Press ■ to stop. The network keeps what it has learned."), shown])
    box.add_class("denoise-panel")
    panel = DisplayHandle()
    panel.display(Panel(look, {}, box, None, "training ..."))
    try:
        history = fit(model, images, noise, after_step=look, progress=False, **options)
    finally:
        box.close()
    panel.update(Panel(look, {}, None, *_still(pictures(), losses)))  # stays when the notebook is saved
    return history


# ---- what a panel shows ----


@torch.no_grad()
def _compare(clean: Tensor, noise: Any, seed: int, denoisers: Mapping, reader: nn.Module | None = None) -> Pictures:
    noisy = noise(clean, torch.Generator().manual_seed(seed))
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
    return _denoise(denoiser, noisy.to(device, copy=True), noisy.shape)


def _measured(picture: Tensor, clean: Tensor) -> str:
    error = mse(picture, clean).item()
    return f"MSE {error:.4f}, PSNR {-10 * np.log10(error):.1f}\N{NO-BREAK SPACE}dB" if error else "MSE 0, PSNR ∞"


def _signed(difference: Tensor) -> Tensor:
    """−1 … 1 → violet … white … orange, told apart with any colour vision. ``[N, 1, H, W]`` → ``[N, 3, H, W]``."""
    colors = plt.get_cmap("PuOr_r")(0.5 + 0.5 * difference[:, 0].clamp(-1, 1).numpy())
    return torch.from_numpy(colors[..., :3]).permute(0, 3, 1, 2).float()


def _tint(image: Tensor, seen: Tensor) -> Tensor:
    """The image, with what is not seen in blue."""
    blue = torch.tensor([0.0, 0.45, 0.7]).view(1, 3, 1, 1)
    return torch.where(seen.bool(), image, 0.6 * blue + 0.4 * image)


@torch.no_grad()
def _answers(model: nn.Module, image: Tensor) -> list[Tensor]:
    """What each layer answers, in the order of ``layer_table``."""
    answers = []
    layers = [module for module in model.modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(lambda m, i, output: answers.append(output.cpu())) for layer in layers]
    try:
        was_training = model.training
        model.eval()(image.to(next(model.parameters()).device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return answers


def _seen_by(model: nn.Module, name: str, shape: list[int]) -> Tensor:
    """Which pixels can change the middle value of this layer's answer. bool ``[28, 28]``."""

    class UpTo(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, images):
            kept = []
            hook = self.model.get_submodule(name).register_forward_hook(lambda m, i, output: kept.append(output))
            self.model(images)
            hook.remove()
            return kept[0]

    return receptive_field(UpTo(), shape[-2] // 2, shape[-1] // 2)


# ---- from pictures to a page ----


def _pixels(images: Tensor, columns: int = 10) -> np.ndarray:
    """``[N, C, H, W]`` in [0, 1] → bytes ``[rows, columns, C]``, the images side by side with a grey line between."""
    images = images.detach().cpu().float().clamp(0, 1)
    images = torch.nn.functional.pad(images, (0, 1, 0, 1), value=0.5) if len(images) > 1 else images
    missing = -len(images) % min(columns, len(images))
    images = torch.cat([images, images.new_full((missing, *images.shape[1:]), 0.5)])
    across = min(columns, len(images))
    rows = images.unflatten(0, (-1, across)).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    rows = rows[:-1, :-1] if len(images) > 1 else rows
    return (rows.numpy() * 255).round().astype(np.uint8)


def _address(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _as_html(result: Pictures | str) -> str:
    if isinstance(result, str):
        return f'<pre role="status" style="white-space:pre-wrap">{html.escape(result)}</pre>'
    figures = []
    for caption, images in result.items():
        pixels, text = _pixels(images), html.escape(caption)
        height, width = pixels.shape[:2]
        zoom = max(1, 168 // height) if len(images) == 1 else max(1, min(56 // images.shape[-1], 560 // width))
        size, lines = f"width:{width * zoom}px; max-width:100%", text.replace("\n", "<br>")
        figures.append(
            f'<figure style="margin:0 12px 8px 0; max-width:{max(width * zoom, 168)}px">'
            f'<img alt="{text}" src="{_address(pixels)}" style="{size}; image-rendering:pixelated; border:1px solid #767676">'
            f'<figcaption style="line-height:1.3; font-size:12px; overflow-wrap:anywhere">{lines}</figcaption></figure>'
        )
    return f'<div style="display:flex; flex-wrap:wrap; align-items:flex-start">{"".join(figures)}</div>'


def _curve(losses: list[Tensor], width: int = 560, height: int = 130) -> str:
    """The loss of each step as a line, on a logarithmic scale, as SVG."""
    values = torch.stack(losses).log10().cpu().numpy()
    values = values[:: max(1, len(values) // width)]
    low, high = float(np.nanmin(values)), float(np.nanmax(values)) + 1e-6
    x = np.linspace(50, width - 10, len(values))
    y = 10 + (high - values) / (high - low) * (height - 30)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y) if np.isfinite(b))
    label = f"Loss of each step, logarithmic: from {10 ** values[0]:.4f} to {10 ** values[-1]:.4f}"
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}" style="max-width:{width}px; font-size:12px">'
        f'<polyline fill="none" stroke="{COLORS[0]}" stroke-width="1.5" points="{points}"/>'
        f'<g fill="currentColor"><text x="0" y="14">{10**high:.3f}</text><text x="0" y="{height - 18}">{10**low:.3f}</text>'
        f'<text x="50" y="{height - 2}">loss of each step, {len(losses):,} steps, now {10 ** values[-1]:.4f}</text></g></svg>'
    )


def _still(result: Pictures | str, losses: list[Tensor] = ()) -> tuple[bytes | None, str]:
    """(PNG, text) for where no widgets run."""
    if isinstance(result, str):
        return None, result
    shapes = {caption: _pixels(images) for caption, images in result.items()}
    wide = {caption: pixels for caption, pixels in shapes.items() if pixels.shape[1] > 2 * pixels.shape[0]}
    square = {caption: pixels for caption, pixels in shapes.items() if caption not in wide}
    across = min(6, len(square)) or 1
    lines = -(-len(square) // across) + len(wide) + bool(losses)
    figure = plt.figure(
        figsize=(max(1.9 * across, 6), 2.3 * -(-len(square) // across) + len(wide) + 1.8 * bool(losses)), dpi=80
    )
    grid = figure.add_gridspec(lines, across)
    places = [grid[i // across, i % across] for i in range(len(square))]
    places += [grid[-(-len(square) // across) + i, :] for i in range(len(wide))]
    for place, (caption, pixels) in zip(places, {**square, **wide}.items()):
        axis = figure.add_subplot(place)
        axis.imshow(
            pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels,
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
        )
        axis.set_title(caption.replace(": ", ":\n", 1) if len(caption) > 26 else caption, fontsize=8)
        axis.axis("off")
    if losses:
        axis = figure.add_subplot(grid[-1, :])
        axis.semilogy([loss.item() for loss in losses], color=COLORS[0], linewidth=1)
        axis.set(xlabel="step", ylabel="loss")
    figure.tight_layout(pad=0.5)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
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
        middle = (control[0] + control[1]) / 2
        return int(middle) if all(isinstance(part, int) for part in control) else middle
    return control[0] if isinstance(control, list) else control


def _pad() -> Any:
    """The drawing pad, or ``None`` where anywidget is not installed."""
    return _from_javascript(Path(__file__).with_name("pad.js"))


def _names() -> list:
    """An invisible widget that tells screen readers the names of the sliders beside it: ipywidgets does not."""
    names = _from_javascript(NAME_SLIDERS)
    return [names] if names else []


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
