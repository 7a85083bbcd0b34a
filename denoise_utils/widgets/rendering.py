"""From pictures to the page: PNG, HTML and SVG.

Pictures are caption → float ``[N, 1, H, W]`` grey, or ``[N, 3, H, W]`` in colour, in [0, 1]; values outside are cut.
"""

import base64
import html
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..plots import COLORS

Pictures = Mapping[str, Tensor]


def require_drawn(result: Any) -> None:
    """What a function for ``play`` returned: pictures or a text. Raises ``TypeError`` for anything else."""
    pictures = isinstance(result, Mapping) and all(
        isinstance(images, Tensor) and images.ndim == 4 and images.shape[1] in (1, 3) for images in result.values()
    )
    if not pictures and not isinstance(result, str):
        raise TypeError(
            f"it returned {type(result).__name__}: it should return a text, or a dictionary of captions and pictures "
            "[N, 1, H, W]. Is there a return, and a dimension for the batch?"
        )


def pixels(images: Tensor, columns: int = 10) -> np.ndarray:
    """``[N, C, H, W]`` in [0, 1] → bytes ``[rows, columns, C]``, the images side by side with a grey line between."""
    images, across = images.detach().cpu().float().nan_to_num().clamp(0, 1), min(columns, len(images))
    images = torch.nn.functional.pad(images, (0, 1, 0, 1), value=0.5)
    missing = images.new_full((-len(images) % across, *images.shape[1:]), 0.5)
    grid = torch.cat([images, missing]).unflatten(0, (-1, across))
    grid = grid.permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)[:-1, :-1]  # [rows, columns, channels]
    return (grid.numpy() * 255).round().astype(np.uint8)


def data_address(grid: np.ndarray) -> str:
    """Bytes from ``pixels`` → a PNG as a data address."""
    buffer = io.BytesIO()
    Image.fromarray(grid.squeeze(-1) if grid.shape[-1] == 1 else grid).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def as_html(result: Pictures | str) -> str:
    """Pictures with their captions, or a text. Raises as ``require_drawn``."""
    require_drawn(result)
    if isinstance(result, str):
        return f'<pre role="status" style="white-space:pre-wrap">{html.escape(result)}</pre>'
    figures = []
    for caption, images in result.items():
        grid, text = pixels(images), html.escape(caption)
        height, width = grid.shape[:2]
        zoom = max(1, 168 // height) if len(images) == 1 else max(1, min(56 // images.shape[-1], 580 // width))
        size, lines = f"width:{width * zoom}px; max-width:100%", text.replace("\n", "<br>")
        look = f"{size}; image-rendering:pixelated; border:1px solid #767676"
        figures.append(
            f'<figure style="margin:0 12px 8px 0; max-width:{max(width * zoom, 168)}px">'
            f'<img alt="{text.split(chr(10))[0]}" src="{data_address(grid)}" style="{look}">'
            f'<figcaption style="line-height:1.3; font-size:12px; overflow-wrap:anywhere">{lines}</figcaption></figure>'
        )
    return f'<div style="display:flex; flex-wrap:wrap; align-items:flex-start">{"".join(figures)}</div>'


def as_still(result: Pictures | str, losses: Sequence[Tensor] = ()) -> tuple[bytes | None, str]:
    """(PNG, text) for where no widgets run: single images beside each other, long rows and the loss below.
    Raises as ``require_drawn``."""
    require_drawn(result)
    if isinstance(result, str):
        return None, result
    grids = {caption: pixels(images) for caption, images in result.items()}
    wide = [caption for caption, grid in grids.items() if grid.shape[1] > 2 * grid.shape[0]]
    square = [caption for caption in grids if caption not in wide]
    across = max(1, len(square) if len(square) < 5 else 3)  # a phone shows them, too
    lines = -(-len(square) // across)  # rounded up
    titles = {caption: "\n".join(textwrap.fill(line, 26) for line in caption.split("\n")) for caption in grids}
    tall = 2.3 + 0.14 * max((titles[caption].count("\n") for caption in square), default=0)
    size = max(1.9 * across, 6), tall * lines + len(wide) + 1.8 * bool(losses)
    figure = Figure(figsize=size, dpi=80, layout="constrained")
    table = figure.add_gridspec(lines + len(wide) + bool(losses), across)
    places = {caption: table[i // across, i % across] for i, caption in enumerate(square)}
    places |= {caption: table[lines + i, :] for i, caption in enumerate(wide)}
    for caption, place in places.items():
        axis = figure.add_subplot(place)
        axis.imshow(grids[caption].squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(titles[caption], fontsize=8)
        axis.axis("off")
    if losses:
        axis = figure.add_subplot(table[-1, :])
        axis.semilogy([loss.item() for loss in losses], color=COLORS[0], linewidth=1)
        axis.set(xlabel="step", ylabel="loss")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue(), "a picture of: " + "; ".join(caption.split("\n")[0] for caption in result)


def curve(losses: Sequence[Tensor], width: int = 560, height: int = 130) -> str:
    """The loss of each step as a line, on a logarithmic scale, as SVG. What is not finite or not above 0 is left out."""
    values = torch.stack(list(losses)).detach().cpu().numpy()
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


def signed(difference: Tensor) -> Tensor:
    """−1 … 1 → violet … white … orange, told apart with any colour vision. ``[N, 1, H, W]`` → ``[N, 3, H, W]``."""
    colors = matplotlib.colormaps["PuOr_r"](0.5 + 0.5 * difference[:, 0].clamp(-1, 1).numpy())
    return torch.from_numpy(colors[..., :3]).permute(0, 3, 1, 2).float()


def tint(image: Tensor, seen: Tensor) -> Tensor:
    """The image, float ``[1, 1, H, W]``, with what is not seen, of a mask ``[H, W]``, in blue: ``[1, 3, H, W]``."""
    blue = image.new_tensor([0.0, 0.45, 0.7]).view(1, 3, 1, 1)
    return torch.where(seen.bool(), image, 0.6 * blue + 0.4 * image)
