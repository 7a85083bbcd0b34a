"""Pictures, for every lesson. They draw numbers and images that the other modules made, and return matplotlib figures.

Images are always drawn from black (0) to white (1), without stretching, so that two pictures can be compared.
"""

__all__ = ["show_images", "show_curves", "show_histograms", "show_ladder", "show_arrows"]

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from torch import Tensor

from .data import to_float
from .inputs import plain_number, require_count, require_float, require_kind, require_number

# Okabe and Ito's palette: told apart by people with any colour vision
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]


def _pixels(images: Tensor | np.ndarray) -> np.ndarray:
    """``[N, 1, H, W]`` or, in colour, ``[N, 3, H, W]`` → numbers that matplotlib draws."""
    images = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
    require_kind(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images is {list(images.shape)}: it should be [N, 1, H, W], or [N, 3, H, W] in colour")
    return to_float(images.detach().cpu()).clamp(0, 1).movedim(1, -1).squeeze(-1).numpy()


def _finished(figure: Figure, **layout: float) -> Figure:
    figure.tight_layout(**layout)
    plt.close(figure)  # returned, so a notebook draws it once, as the cell's value
    return figure


def show_images(
    rows: Tensor | Mapping[str, Tensor], titles: Sequence[object] = (), columns: int = 10, *, size: float = 0.9
) -> Figure:
    """A grid of images: one labelled row for each entry of ``rows``, or one set wrapped after ``columns``.

    rows: ``[N, 1, H, W]``, or ``[N, 3, H, W]`` in colour, uint8 or float in [0, 1] (values outside are cut), or a dictionary
    of them. titles: over the images of the first row; with one set, over every image. size: the width of one image, in inches
    of 80 dots; 0.9 suits digits.

    Lesson 00, "The task"."""
    columns, size = require_count("columns", columns), require_number("size", size, above=True)
    if not isinstance(rows, Mapping):
        images = _pixels(rows)
        grid = [(None, images[start : start + columns]) for start in range(0, len(images), columns)]
    else:
        grid = [(label, _pixels(images)[:columns]) for label, images in rows.items()]
    if not grid or not len(grid[0][1]):
        raise ValueError("there is no image to show")
    width = max(len(images) for _, images in grid)
    titled_rows = 1 if isinstance(rows, Mapping) else len(grid)
    high, wide = grid[0][1].shape[1:3]
    sides = (size * width + 0.9, (size * high / wide + 0.05) * len(grid) + 0.3 * titled_rows * bool(len(titles)))
    figure, axes = plt.subplots(len(grid), width, figsize=sides, squeeze=False, dpi=80)
    for axis in axes.flat:
        axis.axis("off")
    for r, (label, images) in enumerate(grid):
        for c, image in enumerate(images):
            axes[r, c].imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if r < titled_rows and r * width + c < len(titles):
                axes[r, c].set_title(str(plain_number(titles[r * width + c])), fontsize=9)
        if label is not None:
            axes[r, 0].text(-0.15, 0.5, label, transform=axes[r, 0].transAxes, ha="right", va="center", fontsize=10)
    if titled_rows > 1 and len(titles):
        figure.tight_layout(pad=0.3)  # after once, the titles of a lower row may still touch the images above
    return _finished(figure, pad=0.3)


def show_ladder(results: Mapping[str, object], highlight: Sequence[str] = ()) -> Figure:
    """The ladder of denoisers: MSE of each on one axis, best at the bottom, with 95 % intervals.

    results: name → ``Evaluation``, or a plain MSE for one recorded elsewhere (drawn hollow). highlight: names in colour.

    Lesson 05, "The ladder"."""
    if not results:
        raise ValueError("there is no result to show: results is empty")
    errors = {name: getattr(result, "mse", result) for name, result in results.items()}
    names = sorted(errors, key=errors.get, reverse=True)
    figure, axis = plt.subplots(figsize=(8, 0.36 * len(names) + 1), dpi=80)
    for y, name in enumerate(names):
        half = results[name].interval() if hasattr(results[name], "interval") else 0.0
        color = COLORS[1] if name in highlight else COLORS[0]
        face = "white" if isinstance(results[name], float) else color
        axis.errorbar(errors[name], y, xerr=half, fmt="o", color=color, markerfacecolor=face, markersize=7, capsize=3)
        axis.text(errors[name] * 1.06, y, f"{errors[name]:.4f}", va="center", fontsize=9)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xscale("log")
    high, low = errors[names[0]], errors[names[-1]]
    axis.set_xlim(low * 0.85, high * 1.7)  # space for the numbers
    ticks = [t for t in (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2) if low * 0.85 <= t <= high * 1.7]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("test MSE (logarithmic, left is better)")
    axis.grid(axis="x", alpha=0.3)
    return _finished(figure)


def show_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    *,
    logx: bool = False,
    logy: bool = False,
    mark: float | None = None,
) -> Figure:
    """Lines on one pair of axes. curves: label → (x, y). mark: a dashed vertical line at this x, such as the training σ.

    Lesson 02a, "The clipping lab"."""
    if not curves:
        raise ValueError("there is no curve to show: curves is empty")
    figure, axis = plt.subplots(figsize=(7, 3.6), dpi=80)
    for i, (label, (x, y)) in enumerate(curves.items()):
        style = "-o" if len(x) < 30 else "-"
        axis.plot(x, y, style, markersize=4, color=COLORS[i % len(COLORS)], label=label)
    if mark is not None:
        axis.axvline(mark, color="gray", linestyle="--", linewidth=1)
    for logarithmic, set_scale, ticks in ((logx, axis.set_xscale, axis.xaxis), (logy, axis.set_yscale, axis.yaxis)):
        if logarithmic:
            set_scale("log")
            ticks.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))  # 0.5, more readable than 5·10⁻¹
            ticks.set_minor_formatter(NullFormatter())
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.3)
    if len(curves) > 1:
        axis.legend(fontsize=9)
    return _finished(figure)


def show_histograms(sets: Mapping[str, Tensor], xlabel: str, bins: int = 60) -> Figure:
    """How often each value occurs: one panel for each entry of ``sets``, with the same axes.

    sets: title → float tensor of any shape. bins: how many bars share the range of all of them. A bar's height is the share of
    the values that lie in it, in percent.

    Lesson 02a, "The clipping lab"."""
    if not sets:
        raise ValueError("there is no histogram to show: sets is empty")
    for title, values in sets.items():
        require_float(f"sets[{title!r}]", values, "")
        if not values.numel() or not torch.isfinite(values).all():
            raise ValueError(f"sets[{title!r}] is empty, or holds NaN or infinity: there is nothing to count")
    low, high = min(v.min().item() for v in sets.values()), max(v.max().item() for v in sets.values())
    edges = np.linspace(low, high if high > low else low + 1, require_count("bins", bins) + 1)
    figure, axes = plt.subplots(1, len(sets), figsize=(8.7, 2.9), sharex=True, sharey=True, squeeze=False, dpi=80)
    for i, (axis, (title, values)) in enumerate(zip(axes[0], sets.items())):
        values = values.detach().cpu().flatten().numpy()
        axis.hist(values, edges, weights=np.full(len(values), 100 / len(values)), color=COLORS[i % len(COLORS)])
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(xlabel)
        axis.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("% of the values")
    return _finished(figure)


def show_arrows(panels: Mapping[str, tuple[Tensor, Tensor]], points: Tensor, shade: Tensor) -> Figure:
    """Arrows in a plane, such as from each noisy picture of two pixels to the answer: a panel for each entry of ``panels``.

    panels: title → (starts, ends), float ``[N, 2]`` each. points: drawn as dots, float ``[T, 2]``. shade: float ``[H, W]``, the
    background, a value for each place of the square from 0 to 1, row 0 at the bottom; darker is more.

    Lesson 08, "Two pixels, and the exact answer"."""
    if not panels:
        raise ValueError("there are no arrows to show: panels is empty")
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.6), squeeze=False, dpi=80)
    for axis, (title, (starts, ends)) in zip(axes[0], panels.items()):
        axis.imshow(
            shade.numpy(), cmap="Greys", origin="lower", extent=(0, 1, 0, 1), vmax=2 * shade.max() - shade.min()
        )
        x, y = starts.T.numpy()
        axis.quiver(
            x, y, *(ends - starts).T.numpy(), angles="xy", scale_units="xy", scale=1, width=0.004, color=COLORS[0]
        )
        axis.plot(*points.T.numpy(), ".", markersize=3, color=COLORS[1])
        axis.set(title=title, xlabel="first pixel", ylabel="second pixel", xlim=(0, 1), ylim=(0, 1))
    return _finished(figure)
