"""Lesson 03b: the networks, and helpers that count and look inside.

Every network maps noisy float ``[N, 1, H, W]`` to denoised float of the same shape. The series' own have a linear output:
values may lie a little outside [0, 1], and ``evaluate`` clamps them.
"""

__all__ = [
    "ConvDenoiser", "TinyDenoiser", "StrongDenoiser", "UDenoiser", "ResidualBlock",
    "count_parameters", "layer_table", "multiply_adds", "receptive_field",
]  # fmt: skip

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from .devices import device_of
from .inputs import require_network


def _require_sides(images: Tensor, multiple: int, side: int | None = None) -> None:
    sides = tuple(images.shape[2:])
    fits = not any(length % multiple for length in sides) if side is None else sides == (side, side)
    if images.ndim != 4 or images.shape[1] != 1 or not fits or not images.numel():
        wanted = f"H, W multiples of {multiple}, such as [N, 1, 28, 28]" if side is None else f"H and W {side}"
        raise ValueError(f"noisy is {list(images.shape)}: it should be [N, 1, H, W] with N at least 1 and {wanted}")


class ConvDenoiser(nn.Module):
    """The tutorial's network, 9,585 parameters, for 28x28 images: its names, its order, so its ``state_dict`` loads.

    Lesson 03b, "The tutorial's network"."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.t_conv1 = nn.ConvTranspose2d(8, 8, 3, stride=2)
        self.t_conv2 = nn.ConvTranspose2d(8, 16, 2, stride=2)
        self.t_conv3 = nn.ConvTranspose2d(16, 32, 2, stride=2)
        self.conv_out = nn.Conv2d(32, 1, 3, padding=1)

    def encode(self, noisy: Tensor) -> Tensor:
        """noisy ``[N, 1, 28, 28]`` → the bottleneck, 72 numbers an image, ``[N, 8, 3, 3]``."""
        if noisy.ndim != 4 or noisy.shape[1:] != (1, 28, 28):
            raise ValueError(f"noisy is {list(noisy.shape)}: ConvDenoiser takes [N, 1, 28, 28]")
        x = self.pool(F.relu(self.conv1(noisy)))  # (N, 32, 14, 14)
        x = self.pool(F.relu(self.conv2(x)))  # (N, 16, 7, 7)
        return self.pool(F.relu(self.conv3(x)))  # (N, 8, 3, 3): a row and a column are lost here

    def decode(self, code: Tensor) -> Tensor:
        """The bottleneck ``[N, 8, 3, 3]`` → images ``[N, 1, 28, 28]`` in (0, 1)."""
        x = F.relu(self.t_conv1(code))  # (N, 8, 7, 7)
        x = F.relu(self.t_conv2(x))  # (N, 16, 14, 14)
        x = F.relu(self.t_conv3(x))  # (N, 32, 28, 28)
        return torch.sigmoid(self.conv_out(x))

    def forward(self, noisy: Tensor) -> Tensor:
        return self.decode(self.encode(noisy))


class ResidualBlock(nn.Module):
    """Part of ``UDenoiser``: x + what two convolutions add to it. The last one starts at zero, so that a new block changes
    nothing (Goyal et al. 2017, section 5.1, give the idea for classifiers).

    Lesson 06, "What is inside the strong network?"."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Position(nn.Module):
    """Part of ``UDenoiser``: adds a learned number to each channel at each place, so that later layers know where they are."""

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, side, side))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class MixPlaces(nn.Module):
    """Part of ``UDenoiser``: x + one matrix over all places, the same for each channel, so that every place hears of every
    other at once (token mixing, as in MLP-Mixer, arXiv 2105.01601). It starts at zero."""

    def __init__(self, places: int):
        super().__init__()
        self.mix = nn.Linear(places, places)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(F.relu(x).flatten(2)).view(x.shape)


class UDenoiser(nn.Module):
    """A small U: down to half the size and up again, with a skip connection across, for sides that are multiples of 4.

    Each 2x2 square of pixels becomes four channels first (pixel unshuffle, as in FFDNet, arXiv 1710.04026), so that no
    layer works at full size. channels: the width at the top. blocks: residual blocks at the top, on each way.
    side: if given, the bottom learns what belongs where, and the network takes images of side x side pixels only.

    Lesson 03b, "A better shape"."""

    def __init__(self, channels: int, blocks: int = 1, side: int | None = None):
        super().__init__()
        if side is not None and side % 4:
            raise ValueError(f"side is {side}: it should be a multiple of 4")
        self.side = side
        self.into = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, channels, 3, padding=1))
        self.before = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.down = nn.Conv2d(channels, 2 * channels, 2, stride=2)
        self.bottom = nn.Sequential(ResidualBlock(2 * channels))
        if side is not None:
            self.bottom.insert(0, Position(2 * channels, side // 4))
            self.bottom.append(MixPlaces((side // 4) ** 2))
        self.up = nn.ConvTranspose2d(2 * channels, channels, 2, stride=2)
        self.after = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.out = nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, noisy: Tensor) -> Tensor:
        _require_sides(noisy, multiple=4, side=self.side)
        top = self.before(self.into(noisy))  # (N, c, 14, 14)
        low = self.bottom(self.down(top))  # (N, 2c, 7, 7)
        return self.out(self.after(top + self.up(low)))  # (N, 1, 28, 28)


class TinyDenoiser(UDenoiser):
    """The course's small network: it beats the tutorial's within a second on a CPU.

    Lesson 03b, "A better shape"."""

    def __init__(self):
        super().__init__(channels=16)


class StrongDenoiser(UDenoiser):
    """The same shape, wider and deeper, and it knows where it is: for 28x28 images. Ten seconds to ten minutes on a CPU
    (lesson 06).

    Lesson 03b, "A better shape"."""

    def __init__(self):
        super().__init__(channels=24, blocks=2, side=28)


# Those that are compared, by the name that people read: tests, ablation and site take them from here.
NETWORKS = {"the tutorial's network": ConvDenoiser, "TinyDenoiser": TinyDenoiser, "StrongDenoiser": StrongDenoiser}


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """The network in eval mode; then each layer is put back into the mode in which it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def count_parameters(model: nn.Module) -> int:
    """How many numbers the model learns. Frozen ones do not count.

    Lesson 03b, "The tutorial's network"."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@dataclass(frozen=True)
class LayerRow:
    """Returned by ``layer_table``. One row of ``layer_table``: shape without the batch; all parameters, frozen ones too;
    multiply-adds an image."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


def layer_table(model: nn.Module, image_shape: tuple[int, ...] = (1, 28, 28)) -> list[LayerRow]:
    """What each layer makes of one image, in the order in which the data meets it, counted by a real forward pass.

    image_shape: ``(channels, H, W)``. A layer used three times gives three rows; its parameters stand in the first. What is
    calculated outside of all layers, and parameters that belong to none, stand in a last row without a name.
    Counted are products of matrices and convolutions (torch's ``FlopCounterMode``).

    Lesson 03b, "The tutorial's network"."""
    from torch.utils.flop_counter import FlopCounterMode  # loads triton, which is slow, where torch has it

    require_network(model)
    device = device_of(model)
    counter = FlopCounterMode(display=False)  # counts a multiply and an add as two
    with eval_mode(model), _without_fused(), torch.enable_grad(), counter:
        images = torch.zeros(1, *image_shape, device=device, dtype=torch.float32, requires_grad=True)
        with layer_calls(model, counter.get_total_flops) as calls:
            answer = model(images + 0)  # with a gradient to find, attention takes no shortcut that nobody counts
    rest = LayerCall("", model, first_tensor(answer), counter.get_total_flops() - sum(call.cost for call in calls))
    rows, counted = [], set()
    for call in (*calls, rest):
        new = set(call.layer.parameters()) - counted
        counted |= new
        shape, parameters = tuple(call.answer.shape[1:]), sum(p.numel() for p in new)
        rows.append(LayerRow(call.name, type(call.layer).__name__, shape, parameters, call.cost // 2))
    return rows if rows[-1].parameters or rows[-1].multiply_adds else rows[:-1]


class LayerCall(NamedTuple):
    """One use of one layer, from ``layer_calls``. answer: a copy of the first tensor in it. cost: what the counter rose by."""

    name: str
    layer: nn.Module
    answer: Tensor
    cost: int


@contextmanager
def layer_calls(model: nn.Module, counter: Callable[[], int] = lambda: 0) -> Iterator[list[LayerCall]]:
    """A list that fills up while the model runs: each use of each layer (a module without children), in the order in which
    the data meets them. counter: read before and after each."""
    names = {layer: name for name, layer in model.named_modules() if not list(layer.children())}
    calls, begun = [], {}

    def begin(layer, inputs):
        begun[layer] = counter()

    def end(layer, inputs, answer):
        answer = first_tensor(answer).clone()  # the next layer may work in place
        calls.append(LayerCall(names[layer], layer, answer, counter() - begun.pop(layer)))

    with ExitStack() as hooks:
        for layer in names:
            hooks.enter_context(layer.register_forward_pre_hook(begin))
            hooks.enter_context(layer.register_forward_hook(end))
        yield calls


def first_tensor(answer: Any) -> Tensor:
    """A layer's answer, or the first tensor in it, since some layers answer with several; an empty one if there is none."""
    if isinstance(answer, Tensor):
        return answer
    parts = answer.values() if isinstance(answer, dict) else answer if isinstance(answer, tuple | list) else ()
    return next((found for part in parts if (found := first_tensor(part)).numel()), torch.empty(0))


@contextmanager
def _without_fused() -> Iterator[None]:
    """Without torch's fused attention and LSTM, which are not counted on a CPU (it obeys the first switch, too)."""
    flash, mkldnn = torch.backends.cuda.flash_sdp_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.cuda.enable_flash_sdp(False)
    torch._C._set_mkldnn_enabled(False)  # its public twin, backends.mkldnn.flags, warns of GPUs that nobody has
    try:
        yield
    finally:
        torch.backends.cuda.enable_flash_sdp(flash)
        torch._C._set_mkldnn_enabled(mkldnn)


def multiply_adds(model: nn.Module, image_shape: tuple[int, ...] = (1, 28, 28)) -> int:
    """Multiply-adds the model spends on one image: the sum over ``layer_table``.

    Lesson 03b, "The tutorial's network"."""
    return sum(row.multiply_adds for row in layer_table(model, image_shape))


@torch.inference_mode(False)
def receptive_field(
    model: nn.Module,
    row: int | None = None,
    column: int | None = None,
    image_shape: tuple[int, ...] = (1, 28, 28),
) -> Tensor:
    """Which input pixels can change the output pixel (row, column)? bool ``[H, W]``, found by asking the gradient.

    row, column: default, the middle. image_shape: ``(channels, H, W)`` of the input.
    A pooling layer or a ReLU passes only some pixels on for one input, and a new residual block none, so 32 random inputs
    are tried, in eval mode, with slightly shaken weights in place of the model's own. (Max-pooling over squares much larger
    than 4x4 would need more.)

    Lesson 03b, "What can a pixel know?"."""
    require_network(model)
    device = device_of(model)
    generator = torch.Generator().manual_seed(0)

    def shaken(values: Tensor) -> Tensor:
        return values.detach() + 0.05 * torch.randn(values.shape, generator=generator, device="cpu").to(values)

    weights = {name: shaken(values) for name, values in model.named_parameters()}
    weights |= {name: values.clone() for name, values in model.named_buffers()}
    images = torch.rand(32, *image_shape, generator=generator, device="cpu", dtype=torch.float32)
    images = images.to(device).requires_grad_()
    with eval_mode(model), torch.enable_grad():
        # a layer may work in place, and may stand in the model twice: torch would take that for two with tied weights
        answer = functional_call(model, weights, images.clone(), tie_weights=False)
        if not isinstance(answer, Tensor) or answer.ndim != 4:
            found = list(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
            raise ValueError(f"the model made {found} of {list(images.shape)}: they should be pictures [N, C, H, W]")
        row = answer.shape[2] // 2 if row is None else row
        column = answer.shape[3] // 2 if column is None else column
        (gradient,) = torch.autograd.grad(answer[:, 0, row, column].sum(), images)
    return (gradient != 0).any(dim=0).any(dim=0).cpu()
