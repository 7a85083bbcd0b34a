"""Diagrams, for the lessons on convolution and training. What they show is calculated when they are drawn: the numbers by
torch, the losses by one real step.
"""

__all__ = ["show_convolution", "show_transposed", "show_step"]

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from .devices import device_of
from .inputs import require_answer, require_count, require_float, require_network, require_number, require_pair
from .models import count_parameters
from .plots import COLORS

BLUE, ORANGE, PALE, GREY = COLORS[0], COLORS[1], COLORS[5], "#666666"
SIGNED = LinearSegmentedColormap.from_list("signed", [PALE, "white", COLORS[4]])  # negative, 0, positive
LETTER, LINE = 6.6, 13  # pixels that a letter and a line of 9 points take


def canvas(width: float, height: float) -> Axes:
    """Axes that fill a figure, with pixels as their unit, from the lower left corner."""
    figure = plt.figure(figsize=(width / 80, height / 80), dpi=80)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    plt.close(figure)  # returned, so a notebook draws it once, as the cell's value
    return axes


def write(axes: Axes, x: float, y: float, text: str, **more: Any) -> None:
    """Text around (x, y), in 9 points, unless ``more`` says otherwise."""
    axes.text(x, y, text, **({"ha": "center", "va": "center", "fontsize": 9, "linespacing": 1.15} | more))


def arrow(axes: Axes, points: Sequence[tuple[float, float]], color: str = GREY) -> None:
    """Along all points; the head is at the last."""
    axes.plot(*zip(*points), color=color, linewidth=1.6, solid_capstyle="butt")
    head = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=head)


def box(axes: Axes, left: float, bottom: float, width: float, height: float, color: str = BLUE, **more: Any) -> None:
    """A rectangle, empty unless ``more`` fills it."""
    axes.add_patch(Rectangle((left, bottom), width, height, **({"facecolor": "none", "edgecolor": color} | more)))


def picture(axes: Axes, left: float, bottom: float, side: float, image: Tensor) -> None:
    """``[C, H, W]``, from black (0) to white (1), in a frame."""
    values = image.detach().cpu().clamp(0, 1).movedim(0, -1).squeeze(-1).numpy()
    place = (left, left + side, bottom, bottom + side)
    axes.imshow(values, cmap="gray", vmin=0, vmax=1, extent=place, interpolation="nearest", aspect="auto")
    box(axes, left, bottom, side, side, GREY)


def shape_text(shape: Sequence[int]) -> str:
    """(32, 14, 14) → 32×14×14."""
    return "×".join(map(str, shape))


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", "−")


class _Grid:
    """Numbers ``[H, W]`` in squares of ``cell`` pixels; without the numbers where there are many. shown: bool ``[H, W]``.
    most: what has the full colour; without it, the largest."""

    def __init__(self, values: Tensor, cell: float, grey: bool = False, shown: Tensor | None = None, most: float = 0):
        self.values, self.grey, self.shown = values.detach().cpu(), grey, torch.ones_like(values, dtype=torch.bool)
        self.shown, self.most = self.shown if shown is None else shown, most
        self.cell = cell if max(values.shape) <= 9 else max(4, 190 // max(values.shape))
        self.height, self.width = (length * self.cell for length in values.shape)

    def draw(self, axes: Axes, left: float, top: float, title: str = "") -> None:
        self.left, self.top = left, top
        most = 1.0 if self.grey else self.most or max(self.values.abs().max().item(), 1e-9)
        colors = plt.get_cmap("gray") if self.grey else SIGNED
        values = torch.where(self.shown, self.values, torch.nan).numpy()
        extent = (left, left + self.width, top - self.height, top)
        axes.imshow(values, cmap=colors, vmin=0 if self.grey else -most, vmax=most, extent=extent, aspect="auto")
        write(axes, left + self.width / 2, top + 10, title)
        box(axes, left, top - self.height, self.width, self.height, GREY)
        if self.cell >= 20:
            for row, column in self.shown.nonzero().tolist():
                value = self.values[row, column].item()
                self.frame(axes, row, column, color="#bbbbbb", linewidth=0.5)
                ink = "white" if self.grey and value < 0.5 else "black"
                write(axes, left + (column + 0.5) * self.cell, top - (row + 0.5) * self.cell, _number(value), color=ink)

    def frame(self, axes: Axes, row: int, column: int, size: Sequence[int] = (1, 1), **style: Any) -> None:
        """Around ``size`` squares from (row, column) on."""
        left, bottom = self.left + column * self.cell, self.top - (row + size[0]) * self.cell
        style = {"color": ORANGE, "linewidth": 2.5, "zorder": 4} | style
        box(axes, left, bottom, size[1] * self.cell, size[0] * self.cell, **style)


def _cell(least: float, *tensors: Tensor) -> float:
    """Pixels for the longest of these numbers."""
    return max(least, 5 + 6.2 * max(len(_number(value)) for values in tensors for value in values.flatten().tolist()))


def _sum(values: Tensor) -> str:
    """ "= 2", or "≈ 2.1" where the numbers, as they are written, add up to 2.09."""
    written = sum(round(value, 2) for value in values.flatten().tolist())
    total = values.sum().item()
    return f"{'=' if abs(written - round(total, 2)) < 0.005 else '≈'} {_number(total)}"


def _require_kernel(image: Tensor, kernel: Tensor) -> None:
    for name, values in (("image", image), ("kernel", kernel)):
        require_float(name, values, "")
        if values.ndim != 4 or len(values) != 1 or not values.numel():
            raise ValueError(f"{name} is {list(values.shape)}: it should be [1, channels, height, width]")
    if image.shape[1] != kernel.shape[1]:
        raise ValueError(
            f"image has {image.shape[1]} channels and kernel {kernel.shape[1]}: one kernel for each is needed"
        )


def show_convolution(image: Tensor, kernel: Tensor, at: tuple[int, int] = (0, 0), padding: int = 0) -> Figure:
    """One step of a convolution: the pixels below the kernel, the products, and their sum at its place in the result. What
    comes later, from left to right and from top to bottom, is still empty.

    image: ``[1, C, H, W]``. kernel: ``[1, C, h, w]``, one for each channel of the image. at: row and column in the result.
    padding: black pixels around the image.

    Lesson 03b, "Convolution by hand"."""
    _require_kernel(image, kernel)
    padded, (height, width) = F.pad(image, [padding] * 4), kernel.shape[2:]
    if padded.shape[2] < height or padded.shape[3] < width:
        raise ValueError(f"the kernel, {height}×{width}, is larger than the image, {shape_text(padded.shape[2:])}")
    result = F.conv2d(padded, kernel)[0, 0].detach()
    row, column = at
    if not (0 <= row < result.shape[0] and 0 <= column < result.shape[1]):
        most = shape_text(result.shape)
        raise ValueError(f"at is {at}: it should be a row and a column of the result, {most}, from (0, 0)")
    products = (padded[0, :, row : row + height, column : column + width] * kernel[0]).detach()
    later = torch.arange(result.numel()).view(result.shape) > row * result.shape[1] + column
    cell = _cell(30, kernel, products, *(values for values in (padded, result) if max(values.shape) <= 9))
    inside = 0 <= image.min() and image.max() <= 1
    channels, total = range(len(products)), _Grid(result, cell, shown=~later)
    rows = [[_Grid(padded[0, c], cell, inside), _Grid(kernel[0, c], cell), _Grid(products[c], cell)] for c in channels]
    full = max((max(grid.height for grid in rows[0]) + 40) * len(rows), total.height + 40) + 6
    axes = canvas(sum(grid.width for grid in (*rows[0], total)) + 3 * 34 + 16, full)
    for c, grids in enumerate(rows):
        x, middle, word = 8, full - (full - 6) / len(rows) * (c + 0.5), f", channel {c}" if len(rows) > 1 else ""
        titles = (f"image{word}{', padded' * bool(padding)}", f"kernel{word.removeprefix(', channel')}", "products")
        for grid, title, sign in zip(grids, titles, ("×", "=", "")):
            grid.draw(axes, x, middle + grid.height / 2, title)
            x += grid.width + 34
            write(axes, x - 17, middle, sign, fontsize=14)
        grids[0].frame(axes, row, column, (height, width))
        below = grids[2].left + grids[2].width / 2, middle - grids[2].height / 2 - 10
        write(axes, *below, f"sum {_sum(products[c])}")
    middle = full / 2 + 3
    write(axes, x - 17, middle, "→", fontsize=14)
    total.draw(axes, x, middle + total.height / 2, "result")
    total.frame(axes, row, column)
    if len(rows) > 1:
        parts = products.sum((1, 2))
        sums = " + ".join(map(_number, parts.tolist())).replace("+ −", "− ")
        write(axes, x + total.width / 2, middle - total.height / 2 - 9, f"{sums}\n{_sum(parts)}", va="top")
    return axes.figure


def show_transposed(image: Tensor, kernel: Tensor, stride: int = 2) -> Figure:
    """A transposed convolution: each pixel of the image puts down a copy of the kernel, times its value, ``stride`` squares
    from the last; where copies overlap (framed), they are added.

    image: ``[1, 1, H, W]``, or ``[1, 1, 1, W]`` for a row, with up to 9 pixels. kernel: ``[1, 1, h, w]``.

    Lesson 03b, "Shapes, worked by hand"."""
    _require_kernel(image, kernel)
    stride = require_count("stride", stride)
    if image.shape[1] != 1 or image.numel() > 9:
        raise ValueError(
            f"image is {list(image.shape)}: it should be [1, 1, H, W] with up to 9 pixels, or nothing can be read"
        )
    result = F.conv_transpose2d(image, kernel, stride=stride)[0, 0].detach()
    alone = torch.eye(image.numel()).view(-1, 1, *image.shape[2:])  # each pixel by itself
    copies = F.conv_transpose2d(alone * image, kernel, stride=stride)[:, 0].detach()
    places = F.conv_transpose2d(alone, torch.ones_like(kernel), stride=stride)[:, 0] > 0
    cell = _cell(24, image, kernel, copies, result)
    top = [_Grid(image[0, 0], cell), _Grid(kernel[0, 0], cell)]
    grids = [_Grid(copy, cell, shown=place, most=result.abs().max().item()) for copy, place in zip(copies, places)]
    total = _Grid(result, cell)
    one_row = image.shape[2] == 1  # then the copies stand one below the other, with the result last
    across = 1 if one_row else max(1, min(len(grids), int(700 // (total.width + 30))))
    down = -(-len(grids) // across)
    first = max(top[0].height, top[1].height, 0 if one_row else total.height) + 30
    last = 8 + top[0].width + top[1].width + 2 * 34  # where the result begins, beside the kernel
    axes = canvas(
        max(across * (total.width + 30), last if one_row else last + max(total.width, 110)) + 8,
        first + (down + one_row) * (total.height + 26),
    )
    height = axes.get_ylim()[1]
    top[0].draw(axes, 8, height - 20, "image")
    top[1].draw(axes, 8 + top[0].width + 34, height - 20, "kernel")
    for number, grid in enumerate(grids):
        x, y = 8 + number % across * (total.width + 30), height - first - number // across * (total.height + 26) - 20
        grid.draw(axes, x, y, f"{_number(image.flatten()[number].item())} × kernel")
        if number < len(grids) - 1:
            write(axes, x + total.width + 15, y - grid.height / 2, "+", fontsize=14)
    if one_row:
        total.draw(axes, 8, y - total.height - 26, "result: their sum")
    else:
        total.draw(axes, last, height - 20, "result: their sum")
    for row, column in (places.sum(0) > 1).nonzero().tolist():
        total.frame(axes, row, column, linewidth=1.5)
    return axes.figure


def _equation(before: float, gradient: float, rate: float, after: float) -> str:
    """A weight's step, written out: "≈" where the numbers, as they are written, don't fit to the last digit."""
    slope = f"{gradient:.4g}"
    sign = "=" if abs(round(before, 4) - rate * float(slope) - round(after, 4)) < 5e-5 else "≈"
    slope = f"({slope})" if gradient < 0 else slope
    return f"{before:.4f} − {rate:g} × {slope} {sign} {after:.4f}".replace("-", "−")


def _step(model: nn.Module, clean: Tensor, noisy: Tensor, rate: float) -> tuple[Tensor, float, float, str]:
    """The model takes one step of plain gradient descent. Returns its answer before it, the losses before and after it, and
    what became of the weight with the largest gradient."""
    denoised = require_answer("model", model(noisy), noisy, clean.shape)
    loss = F.mse_loss(denoised, clean)
    loss.backward()
    weights = max((p for p in model.parameters() if p.grad is not None), key=lambda p: p.grad.abs().max())
    place = weights.grad.abs().argmax()
    before, gradient = weights.flatten()[place].item(), weights.grad.flatten()[place].item()
    torch.optim.SGD(model.parameters(), lr=rate).step()
    with torch.no_grad():
        second = F.mse_loss(model(noisy), clean).item()
    return denoised, loss.item(), second, _equation(before, gradient, rate, weights.flatten()[place].item())


def _step_arrows(axes: Axes, low: float, side: float) -> None:
    """Between the boxes of ``show_step``. low, side: where its pictures begin, and their size."""
    middle, high = low + side / 2, low + side + 22
    for points, color in (
        ([(98, middle), (170, middle)], GREY),
        ([(262, middle), (304, middle)], BLUE),
        ([(396, middle), (438, middle)], BLUE),
        ([(530, middle), (584, middle)], GREY),
        ([(52, low + side), (52, high), (639, high), (639, low + side + 2)], GREY),
        ([(600, low - 2), (600, 72)], ORANGE),
        ([(518, 43), (462, 43)], ORANGE),
        ([(350, 72), (350, low - 2)], ORANGE),
    ):
        arrow(axes, points, color)
    write(axes, 134, middle + 9, "+ noise")
    write(axes, 345, high + 10, "compared with the clean pictures")
    write(axes, 594, 100, "loss.backward()", ha="right", color=ORANGE)
    write(axes, 344, 100, "optimizer.step()", ha="right", color=ORANGE)


def show_step(model: nn.Module, clean: Tensor, noisy: Tensor, learning_rate: float = 0.1) -> Figure:
    """The data's way through one step of training: a copy of the model takes a real one, of plain gradient descent, on these
    pictures. The model stays as it is.

    clean, noisy: ``[N, 1, H, W]``, float; the first are drawn.

    Lesson 03a, "One step"."""
    require_network(model)
    require_pair(noisy, clean)
    count, kind = count_parameters(model), type(model).__name__
    if not count:
        raise ValueError("the model has no weights to learn: there is no step to take")
    rate = require_number("learning_rate", learning_rate, above=True)
    clean, noisy = clean.to(device_of(model)), noisy.to(device_of(model))
    denoised, first, second, equation = _step(deepcopy(model), clean, noisy, rate)
    axes, kind = canvas(700, 286), kind if len(kind) <= 13 else kind[:12] + "…"
    shape, side, low = shape_text(clean.shape), 88, 150
    for left, name, images in ((8, "clean", clean), (172, "noisy", noisy), (440, "denoised", denoised)):
        picture(axes, left, low, side, images[0])
        write(axes, left + side / 2, low - 4, f"{name}\n{shape}", va="top")
    for left, bottom, width, height, text in (
        (306, low, 88, side, f"{kind}\n{count:,}\nweights"),
        (586, low, 106, side, f"loss\n{first:.4f}\n\nafter the step\n{second:.4f}"),
        (520, 16, 172, 54, f"{count:,} gradients:\none for each weight"),
        (200, 16, 260, 54, f"weight − rate × gradient, for one:\n{equation}"),
    ):
        box(axes, left, bottom, width, height, facecolor="#eaf4fb")
        write(axes, left + width / 2, bottom + height / 2, text)
    _step_arrows(axes, low, side)
    return axes.figure
