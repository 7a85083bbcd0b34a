"""A network, drawn as it ran, for the lessons on architecture: so the picture can't be wrong about shapes, order and skips."""

__all__ = ["show_network"]

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .devices import device_of
from .diagrams import BLUE, GREY, LETTER, LINE, PALE, arrow, box, canvas, picture, shape_text, write
from .inputs import require_count, require_float, require_network
from .models import eval_mode, first_tensor

LANE = 18  # pixels for a line above the boxes
SIGNS = {"add": "+", "iadd": "+", "sub": "−", "isub": "−", "mul": "×", "imul": "×"}
SAME = {"clone", "contiguous", "detach", "to", "float", "requires_grad"}  # no step of a calculation
LEGEND = "box: height × width, as pixels × channels  ·  blue arrow: has weights  ·  grey arrow: has none"


@dataclass(eq=False)
class Part:
    """What one layer or function made of what its sources made, and where it is drawn. lines: the names of the layer and of
    what was done with its answer, such as a ReLU."""

    lines: list[str]
    answer: Tensor
    sources: list["Part"]
    learns: bool = False
    column: int = 0
    level: int = 0  # 0 at full size
    text: str = ""
    pictured: bool = False
    width: float = 18.0  # in pixels, as x and y, the middle
    height: float = 18.0
    x: float = 0.0
    y: float = 0.0

    @property
    def sign(self) -> str | None:
        """Of a circle, where two tensors meet."""
        return SIGNS.get(self.lines[0]) if len(self.sources) > 1 else None

    @property
    def bottom(self) -> float:
        """Half of the height, and the text below."""
        return self.height / 2 + 4 + LINE * (1 + self.text.count("\n"))

    def draw(self, axes: Axes) -> None:
        left, low = self.x - self.width / 2, self.y - self.height / 2
        if self.sign:
            axes.add_patch(Circle((self.x, self.y), 9, facecolor="white", edgecolor="black", linewidth=1.4))
            write(axes, self.x, self.y, self.sign, fontsize=12)
        elif self.pictured:
            picture(axes, left, low, self.width, self.answer[0])
        else:
            box(axes, left, low, self.width, self.height, facecolor=PALE)
        write(axes, self.x, low - 3, self.text, va="top")


def _tensors(given: Any) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, tuple | list) else ()
    return [found for part in parts for found in _tensors(part)]


class _Trace(TorchFunctionMode):
    """Writes down, while a network runs, which part made which tensor out of which. Inside a layer it looks away."""

    def __init__(self, image: Tensor, names: dict[nn.Module, str]):
        super().__init__()
        self.parts, self.names, self.inside = [Part(["input"], image, [])], names, 0
        self.made = {id(image): self.parts[0]}
        self.kept = [image]  # two tensors never share an id while both are there

    def note(self, lines: list[str], given: Any, answer: Any, learns: bool) -> None:
        sources = list(dict.fromkeys(self.made[id(one)] for one in _tensors(given) if id(one) in self.made))
        results = _tensors(answer)
        if sources and results:
            part = sources[0] if lines[0] in SAME else Part(lines, results[0], sources, learns)
            self.parts += [] if lines[0] in SAME else [part]
            self.made |= {id(one): part for one in results}
            self.kept += results

    def __torch_function__(self, function, types, args=(), kwargs=None):
        answer = function(*args, **(kwargs or {}))
        if not self.inside:
            named = function.__self__ if function.__name__ == "__get__" else function  # x.mT asks for a property
            name = getattr(named, "__name__", "property")
            learns = any(isinstance(one, nn.Parameter) for one in _tensors((args, kwargs)))
            # zeros_like takes only the shape of what it is given, view_as that of the second
            given = () if name.endswith("_like") else args[:1] if name.endswith("_as") else (args, kwargs)
            self.note([name.strip("_")], given, args[0] if name == "__setitem__" else answer, learns)
        return answer

    def enter(self, layer: nn.Module, given: Any) -> None:
        self.inside += 1

    def leave(self, layer: nn.Module, given: Any, answer: Any) -> None:
        self.inside -= 1
        if not self.inside:
            name, kind = self.names[layer], type(layer).__name__
            lines = [f"{name} {kind}"] if name.isdigit() else [name, kind] if name.split(".")[-1].isdigit() else [name]
            self.note(lines, given, answer, any(True for _ in layer.parameters()))


@torch.no_grad()
def trace(model: nn.Module, image: Tensor, depth: int = 1) -> list[Part]:
    """The parts that lead to the answer, in the order in which they ran. A ReLU and the like join the layer before."""
    names = {layer: name for name, layer in model.named_modules() if name}
    seen = _Trace(image, names)
    with eval_mode(model), ExitStack() as hooks:
        for layer, name in names.items():
            if name.count(".") >= depth - 1 or not list(layer.children()):
                hooks.enter_context(layer.register_forward_pre_hook(seen.enter))
                hooks.enter_context(layer.register_forward_hook(seen.leave))
        try:
            with seen:
                answer = model(image)
        except Exception as error:
            advice = "image_shape=(channels, H, W) should be what it takes"
            raise ValueError(f"the model fails on a picture {list(image.shape)}: {error} ({advice})") from error
    last = seen.made.get(id(first_tensor(answer)), seen.parts[0])
    if last is seen.parts[0]:
        raise ValueError("the model's answer isn't made of the picture by layers and torch functions: nothing to draw")
    needed = {last}
    for part in reversed(seen.parts):
        needed.update(part.sources if part in needed else ())
    parts = [part for part in seen.parts if part in needed]
    uses = Counter(source for part in parts for source in part.sources)
    for part in list(parts):
        before, *more = part.sources or [part]
        joins = not more and len(before.sources) == 1 == uses[before] and part.answer.shape == before.answer.shape
        if joins and not part.learns:
            part.lines, part.sources, part.learns = before.lines + part.lines, before.sources, before.learns
            parts.remove(before)
    return parts


def _place(parts: list[Part]) -> None:
    """Columns from left to right, levels by size: what halves the picture goes down, what doubles it goes up."""
    full, taken = parts[0].answer.shape[2], set()
    for part in parts:
        part.level = part.sources[-1].level if part.sources else 0
        if part.answer.ndim == 4:  # 26 of 28 pixels is still the first level, 3 of 28 the fourth
            part.level = round(torch.log2(torch.tensor(full / part.answer.shape[2])).item())
    levels = sorted({part.level for part in parts})
    for part in parts:
        part.level = levels.index(part.level)
        column, above = max(((source.column, source.level) for source in part.sources), default=(0, 0))
        below = len(part.sources) == 1 and part.level > above
        if not below or any((column, between) in taken for between in range(above + 1, part.level + 1)):
            column += bool(part.sources)
        while (column, part.level) in taken:
            column += 1
        part.column = column
        taken.add((column, part.level))


@dataclass
class Edge:
    """From one part to another: with the name of the layer, or a skip. lane: which line above the boxes it takes, if any."""

    source: Part
    part: Part
    lines: list[str]
    lane: int | None = None
    lane_y: float = 0.0

    def draw(self, axes: Axes) -> None:
        source, part, label = self.source, self.part, {"va": "bottom"}
        right, left = source.x + source.width / 2, part.x - part.width / 2
        if self.lane is not None:
            corner = max(right - 2, source.x + 2)
            points = [(corner, source.y + source.height / 2), (corner, self.lane_y), (part.x, self.lane_y)]
            points.append((part.x, part.y + part.height / 2))
            at = (corner + part.x) / 2, self.lane_y + 1
        elif source.column == part.column:
            top = source.y - source.bottom
            points = [(source.x, top), (source.x, part.y + part.height / 2 + 2)]
            at, label = (source.x + 6, top - 2), {"ha": "left", "va": "top"}
        else:
            far = left - 2 if source.level == part.level else part.x
            at, points = ((right + far) / 2, source.y + 2), [(right + 2, source.y), (far, source.y)]
            if source.level != part.level:
                up = part.level < source.level
                points.append((far, part.y - part.bottom if up else part.y + part.height / 2 + 2))
        arrow(axes, points, BLUE if part.learns and self.lines == part.lines else GREY)
        if self.lines:  # on white, in case another line goes up behind it
            white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            write(axes, *at, ("\n" if self.lane is None else ", ").join(self.lines), bbox=white, **label)


def _edges(parts: list[Part]) -> list[Edge]:
    """From the source that is nearest, with the name of the layer; from others, skips. What would cross a box takes a lane."""
    edges, taken = [], []
    for part in parts:
        for source in part.sources:
            near = source is max(part.sources, key=lambda one: one.column)
            edge = Edge(source, part, ([] if part.sign else part.lines) if near else ["skip"])
            between = range(source.column + 1, part.column)
            crosses = any(one.level == part.level and one.column in between for one in parts)
            if source.level == part.level and (crosses or not near):
                edge.lane = 0
                while any((edge.lane, part.level, column) in taken for column in range(source.column, part.column + 1)):
                    edge.lane += 1
                taken += [(edge.lane, part.level, column) for column in range(source.column, part.column + 1)]
            edges.append(edge)
    return edges


def _spread(parts: list[Part], edges: list[Edge]) -> Axes:
    """Gives each part its x and y, so that all that is written fits in. Returns the canvas."""
    columns, levels = 1 + max(part.column for part in parts), 1 + max(part.level for part in parts)
    half = {part: max(LETTER * max(map(len, part.text.split("\n"))), part.width) / 2 for part in parts}
    at = {(part.column, part.level): part for part in parts}
    gaps, above, below, falls, lanes = [44.0] * columns, *([0.0] * levels for _ in range(4))
    for part in parts:
        above[part.level] = max(above[part.level], part.height / 2)
        below[part.level] = max(below[part.level], part.bottom)
        after = at.get((part.column + 1, part.level))
        gaps[part.column] = max(gaps[part.column], half[part] + half[after] + 6 if after else 0)
    for edge in edges:
        source, part = edge.source, edge.part
        if edge.lane is not None:
            lanes[part.level] = max(lanes[part.level], edge.lane + 1)
            continue
        room, down = LETTER * max(map(len, edge.lines), default=0) + 14, source.column == part.column
        room += 0 if down else source.width / 2 + part.width / 2 * (source.level == part.level)
        column = part.column if down else part.column - 1
        gaps[column] = max(gaps[column], room)
        kind, level = (falls, part.level) if down else (above, source.level)
        kind[level] = max(kind[level], LINE * len(edge.lines) + 4)
    margin = 8 + max(half[part] for part in parts if part.column in (0, columns - 1))
    height = 30.0
    for level in reversed(range(levels)):
        y = height + below[level]
        for part in parts:
            part.x, part.y = margin + sum(gaps[: part.column]), y if part.level == level else part.y
        for edge in edges:
            if edge.part.level == level:
                edge.lane_y = y + above[level] + 4 + LANE * (edge.lane or 0)
        height = y + above[level] + LANE * lanes[level] + 8 + falls[level]
    axes = canvas(max(2 * margin + sum(gaps[:-1]), LETTER * len(LEGEND)), height)
    write(axes, 8, 12, LEGEND, color=GREY, ha="left")
    return axes


def _trace_to_draw(model: nn.Module, image: Tensor, depth: int) -> list[Part]:
    """Not only one part, if there is more in it; not more than one picture can hold."""
    parts = trace(model, image, depth)
    if len(parts) == 2 and list(model.children()):  # all of it is in one part: what is in there?
        parts = trace(model, image, depth + 1)
    if len(parts) > 25:
        advice = "with depth=1, or one part of it, with the image_shape that the part takes"
        raise ValueError(f"the network has {len(parts)} steps, too many for one picture: draw it {advice}")
    return parts


def _size(parts: list[Part], pictured: bool) -> None:
    """Gives each part its height, its width, and the text below it. pictured: are input and output drawn as pictures?"""
    shapes = [part.answer.shape[1:] for part in parts]
    tallest, widest = max(shape[1] for shape in shapes if len(shape) == 3), max(shape[0] for shape in shapes)
    for part, shape in zip(parts, shapes):
        part.text = shape_text(shape) + "\ninput" * (part is parts[0]) + "\noutput" * (part is parts[-1])
        if not part.sign:
            part.height = max(64 * shape[1] / tallest, 4) if len(shape) == 3 else 4
            ends = pictured and part in (parts[0], parts[-1])
            part.pictured = ends and len(shape) == 3 and shape[0] in (1, 3) and shape[1] == shape[2]
            part.width = part.height if part.pictured else max(36 * shape[0] / widest, 4)


def show_network(
    model: nn.Module, images: Tensor | None = None, image_shape: tuple[int, ...] = (1, 28, 28), depth: int = 1
) -> Figure:
    """The network as it ran: a box for each tensor, as high as its pixels and as wide as its channels, with its shape below,
    channels×H×W; an arrow for each layer, blue if it has weights; a circle where two tensors meet.

    images: ``[N, C, H, W]``; the first goes through and is drawn, with what comes out. Without it, image_shape:
    ``(channels, H, W)`` of the input. depth: 1 shows the network's own parts, 2 opens these, too.

    Lesson 03b, "The tutorial's network"."""
    require_network(model)
    if images is not None:
        require_float("images", images, " [N, C, H, W]")
    image = torch.zeros(1, *image_shape, device="cpu") if images is None else images[:1]
    if image.ndim != 4 or not image.numel():
        found = f"image_shape is {tuple(image_shape)}" if images is None else f"images is {list(images.shape)}"
        raise ValueError(f"{found}: it should be {'(channels, H, W)' if images is None else '[N, C, H, W]'}")
    image, depth = image.to(device_of(model), torch.float32), require_count("depth", depth)
    parts = _trace_to_draw(model, image, depth)
    _place(parts)
    _size(parts, pictured=images is not None)
    edges = _edges(parts)
    axes = _spread(parts, edges)
    for drawn in (*parts, *edges):
        drawn.draw(axes)
    return axes.figure
