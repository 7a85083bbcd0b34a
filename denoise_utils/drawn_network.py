"""A network, drawn as it ran, for the lessons on architecture: so shapes, order and skips can't be wrong."""

__all__ = ["show_network"]

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .devices import device_of
from .diagrams import BLUE, GREY, LETTER, LINE, PALE, arrow, box, canvas, picture, shape_text, write
from .inputs import require_count, require_float, require_network
from .models import eval_mode, first_tensor

LANE = 18  # pixels for a line above the boxes


@dataclass
class Part:
    """What one layer or one function made, as ``_trace`` saw it. sources: the parts that it was made of, by place."""

    lines: list[str]
    answer: Tensor
    sources: list[int] = field(default_factory=list)
    learns: bool = False
    place: tuple[int, int] = (0, 0)  # column; level, 0 at full size

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.answer.shape[1:])


SIGNS = {"add": "+", "iadd": "+", "sub": "−", "isub": "−", "mul": "×", "imul": "×"}
SAME = {"clone", "contiguous", "detach", "to", "float", "requires_grad"}  # no step of a calculation


def _tensors(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, tuple | list) else ()
    return [found for part in parts for found in _tensors(part)]


class _Trace(TorchFunctionMode):
    """Writes down, while a network runs, which part made which tensor out of which. Inside of a layer it looks away."""

    def __init__(self, image: Tensor):
        super().__init__()
        self.parts, self.made, self.inside = [Part(["input"], image)], {id(image): 0}, 0
        self.kept = [image]  # two tensors never share an id while both are there

    def __torch_function__(self, function, types, args=(), kwargs=None):
        answer = function(*args, **(kwargs or {}))
        if not self.inside:
            name = function.__name__ if function.__name__ != "__get__" else function.__self__.__name__
            result = args[0] if name == "__setitem__" else answer
            learns = any(isinstance(one, nn.Parameter) for one in _tensors((args, kwargs)))
            self.note([name.strip("_")], (args, kwargs), result, learns)
        return answer

    def note(self, lines: list[str], given: Any, answer: Any, learns: bool) -> None:
        sources = list(dict.fromkeys(self.made[id(one)] for one in _tensors(given) if id(one) in self.made))
        results = _tensors(answer)
        if sources and results:
            if lines[0] not in SAME:
                self.parts.append(Part(lines, results[0], sources, learns))
            number = sources[0] if lines[0] in SAME else len(self.parts) - 1
            self.made |= {id(one): number for one in results}
            self.kept += results

    def enter(self, layer: nn.Module, given: Any) -> None:
        self.inside += 1

    def leave(self, layer: nn.Module, given: Any, answer: Any) -> None:
        self.inside -= 1
        if not self.inside:
            name, kind = self.names[layer], type(layer).__name__
            lines = (
                [f"{name} {kind}"] if name.isdigit() else [name, kind] if name[-1].isdigit() and "." in name else [name]
            )
            self.note(lines, given, answer, any(True for _ in layer.parameters()))


@torch.no_grad()
def _trace(model: nn.Module, image: Tensor, depth: int) -> list[Part]:
    """The parts that lead to the answer, in the order in which they ran. A ReLU and the like join the layer before."""
    trace = _Trace(image)
    trace.names = {layer: name for name, layer in model.named_modules() if name}
    opened = {layer for layer, name in trace.names.items() if name.count(".") < depth - 1 and list(layer.children())}
    with eval_mode(model), ExitStack() as hooks:
        for layer in trace.names.keys() - opened:
            hooks.enter_context(layer.register_forward_pre_hook(trace.enter))
            hooks.enter_context(layer.register_forward_hook(trace.leave))
        try:
            with trace:
                answer = model(image)
        except Exception as error:
            advice = "image_shape=(channels, H, W) says what it takes"
            raise ValueError(f"the model fails on a picture {list(image.shape)}, {error}: {advice}") from error
    last = trace.made.get(id(first_tensor(answer)), 0)
    if not last:
        raise ValueError("the model's answer is not made of the picture, step by step, by torch: it can't be drawn")
    needed, used = {last}, {}
    for number in range(last, 0, -1):
        if number in needed:
            needed.update(trace.parts[number].sources)
            for source in trace.parts[number].sources:
                used[source] = used.get(source, 0) + 1
    kept, where = [], {}
    for number in sorted(needed):
        part = trace.parts[number]
        sources = list(dict.fromkeys(where[source] for source in part.sources))
        before = kept[sources[0]] if sources else part
        joins = len(sources) == 1 == used[part.sources[0]] and not part.learns and part.shape == before.shape
        if joins and len(before.sources) == 1:
            before.lines += part.lines
        else:
            kept.append(replace(part, sources=sources))
        where[number] = len(kept) - 1
    return kept


def _place(parts: list[Part]) -> None:
    """Columns from left to right, levels by size: what halves the picture goes down, what doubles it goes up."""
    full, taken, depth = parts[0].shape[-1], set(), []
    for part in parts:
        level = depth[part.sources[-1]] if part.sources else 0
        if part.answer.ndim == 4:  # 30 of 28 pixels is still the first level, 3 of 28 the fourth
            level = round(torch.log2(torch.tensor(full / part.shape[-1])).item())
        depth.append(level)
    levels = sorted(set(depth))
    for part, level in zip(parts, (levels.index(level) for level in depth)):
        column, above = max((parts[source].place for source in part.sources), default=(-1, 0))
        below = len(part.sources) == 1 and level > above
        if not below or any((column, between) in taken for between in range(above + 1, level + 1)):
            column += 1
        while (column, level) in taken:
            column += 1
        part.place = (column, level)
        taken.add(part.place)


def show_network(
    model: nn.Module, images: Tensor | None = None, image_shape: tuple[int, ...] = (1, 28, 28), depth: int = 1
) -> Figure:
    """The network as it ran: a box for each tensor, as high as its pixels and as wide as its channels, with its shape below,
    channels×H×W; an arrow for each layer, blue if it has weights; a circle where two tensors meet.

    images: ``[N, C, H, W]``; the first goes through and is drawn, with what comes out. Without it, image_shape:
    ``(channels, H, W)`` of the input. depth: 1 shows the network's own parts, 2 opens these, too.

    Lesson 03b, "The tutorial's network"."""
    require_network(model)
    depth = require_count("depth", depth)
    if images is not None:
        require_float("images", images, " [N, C, H, W]")
    image = torch.rand(1, *image_shape) if images is None else images[:1]
    parts = _trace(model, image.to(device_of(model), torch.float32), depth)
    if len(parts) > 25:
        advice = "depth=1, or one part of it with the image_shape that this part takes"
        raise ValueError(f"the network has {len(parts)} steps, too many for one picture: draw it with {advice}")
    _place(parts)
    return _drawn(parts, pictures=images is not None)


def _drawn(parts: list[Part], pictures: bool) -> Figure:
    high = max(part.answer.shape[-1] for part in parts if part.answer.ndim == 4)
    wide = max(part.shape[0] for part in parts)
    last = parts[-1]
    texts = [
        shape_text(part.shape) + {0: "\ninput", len(parts) - 1: "\noutput"}.get(i, "") for i, part in enumerate(parts)
    ]
    sizes, labels = [], []
    for part in parts:
        height = max(64 * part.shape[-1] / high, 4) if part.answer.ndim == 4 else 4
        width = max(36 * part.shape[0] / wide, 4)
        if pictures and part in (parts[0], last) and part.answer.ndim == 4 and part.shape[0] in (1, 3):
            width = height
        joint = len(part.sources) > 1 and part.lines[0] in SIGNS
        sizes.append((18, 18) if joint else (width, height))
        labels.append([] if joint or not part.sources else part.lines)
    columns, levels = (1 + max(part.place[axis] for part in parts) for axis in (0, 1))

    # the lines: from the source that is nearest, an arrow with a label; from others, a lane above the boxes
    lanes, edges = [[] for _ in range(levels)], []
    for number, part in enumerate(parts):
        near = max(part.sources, key=lambda source: parts[source].place[0], default=None)
        for source in part.sources:
            (start, level), (end, same) = parts[source].place, part.place
            between = any(p.place[1] == level and start < p.place[0] < end for p in parts)
            lane = None
            if level == same and (between or source != near):
                lane = next(
                    (i for i, ends in enumerate(lanes[level]) if all(end < a or b < start for a, b in ends)), None
                )
                if lane is None:
                    lane = len(lanes[level])
                    lanes[level].append([])
                lanes[level][lane].append((start, end))
            edges.append((source, number, lane, labels[number] if source == near else ["skip"]))

    # room for all that is written
    gaps = [44.0] * columns
    for source, number, lane, lines in edges:
        (start, level), (end, other) = parts[source].place, parts[number].place
        text = LETTER * max(map(len, lines), default=0)
        if lane is None and start < end:
            far = sizes[number][0] / 2 if level == other else 0
            gaps[end - 1] = max(gaps[end - 1], text + sizes[source][0] / 2 + far + 14)
        elif lane is None:
            gaps[end] = max(gaps[end], text + 14)
    half = [max(LETTER * max(map(len, text.split("\n"))), size[0]) / 2 for text, size in zip(texts, sizes)]
    for number, part in enumerate(parts):
        for other, after in enumerate(parts):
            if after.place == (part.place[0] + 1, part.place[1]):
                gaps[part.place[0]] = max(gaps[part.place[0]], half[number] + half[other] + 6)
    edge = max(h for h, part in zip(half, parts) if part.place[0] in (0, columns - 1)) + 8
    xs = [edge + sum(gaps[:column]) for column in range(columns)]
    above, below = [0.0] * levels, [0.0] * levels
    for number, part in enumerate(parts):
        level = part.place[1]
        above[level] = max(above[level], sizes[number][1] / 2)
        below[level] = max(below[level], sizes[number][1] / 2 + 4 + LINE * (1 + texts[number].count("\n")))
    for source, number, lane, lines in edges:
        if lane is None and parts[source].place[0] < parts[number].place[0]:  # its label stands on the line
            level = parts[source].place[1]
            above[level] = max(above[level], LINE * len(lines) + 4)
    falls = [
        max((LINE * len(lines) for _, n, lane, lines in edges if parts[n].place[1] == level), default=0)
        for level in range(levels)
    ]
    height, ys = 30.0, []
    for level in reversed(range(levels)):
        ys.insert(0, height + below[level])
        height = ys[0] + above[level] + (LANE * len(lanes[level])) + 8 + falls[level] * bool(level)
    legend = "box: height × width, as pixels × channels  ·  blue arrow: has weights  ·  grey arrow: has none"
    axes = canvas(max(xs[-1] + edge, LETTER * len(legend)), height)
    write(axes, 8, 12, legend, color=GREY, ha="left")

    for part, text, (width, tall) in zip(parts, texts, sizes):
        x, y = xs[part.place[0]], ys[part.place[1]]
        if len(part.sources) > 1 and part.lines[0] in SIGNS:
            axes.add_patch(Circle((x, y), 9, facecolor="white", edgecolor="black", linewidth=1.4))
            write(axes, x, y, SIGNS[part.lines[0]], fontsize=12)
        elif width == tall and pictures and part.shape[0] in (1, 3) and part in (parts[0], last):
            picture(axes, x - width / 2, y - tall / 2, tall, part.answer[0])
        else:
            box(axes, x - width / 2, y - tall / 2, width, tall, facecolor=PALE)
        write(axes, x, y - tall / 2 - 3, text, va="top")
    for source, number, lane, lines in edges:
        part, before = parts[number], parts[source]
        (width, tall), (wide_, tall_) = sizes[number], sizes[source]
        x0, y0, x1, y1 = xs[before.place[0]], ys[before.place[1]], xs[part.place[0]], ys[part.place[1]]
        color = BLUE if part.learns and lines == part.lines else GREY
        under = tall / 2 + 4 + LINE * (1 + texts[number].count("\n"))
        label = dict(ha="center", va="bottom")
        if lane is not None:
            y = y0 + above[part.place[1]] + 4 + LANE * lane
            corner = x0 + max(wide_ / 2 - 2, 2)
            arrow(axes, [(corner, y0 + tall_ / 2), (corner, y), (x1, y), (x1, y1 + tall / 2)], color)
            at = (corner + x1) / 2, y + 1
        elif y0 == y1:
            arrow(axes, [(x0 + wide_ / 2 + 2, y0), (x1 - width / 2 - 2, y1)], color)
            at = (x0 + wide_ / 2 + x1 - width / 2) / 2, y0 + 2
        elif x0 == x1:
            top = y0 - tall_ / 2 - 4 - LINE * (1 + texts[source].count("\n"))
            arrow(axes, [(x0, top), (x0, y1 + tall / 2 + 2)], color)
            at, label = (x0 + 6, top - 2), dict(ha="left", va="top")
        else:
            end = y1 - under if y1 > y0 else y1 + tall / 2 + 2
            arrow(axes, [(x0 + wide_ / 2 + 2, y0), (x1, y0), (x1, end)], color)
            at = (x0 + wide_ / 2 + x1) / 2, y0 + 2
        write(axes, *at, "\n".join(lines), **label)
    return axes.figure
