"""The questions of assignment 04."""

import math
import random
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from denoise_utils.checks.judging import judge_number, near, nearest, other_shape, personal, question, several


class _TwoModes(nn.Module):
    """Times a weight, and in training mode plus 0.5: what dropout and batch norm do by chance, here in exact figures."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + (0.5 if self.training else 0.0)


def _constant(*values: float) -> Tensor:
    """Pictures of 2x2 equal pixels, one picture a value."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone()


def _plain(value: Any) -> float:
    return float(value.detach() if isinstance(value, Tensor) else value)


def _crossing(numbers: dict[str, int]) -> tuple[int, list[tuple[float, str]]]:
    """The first batch size at which the GPU is faster, and at which size wrong reasoning would place it."""
    cpu, cpu_image, gpu, gpu_image = numbers.values()
    equal = (gpu - cpu) / (cpu_image - gpu_image)
    return math.floor(equal) + 1, [
        (equal, "There the two are just about equal. Put it and its neighbours in: at which is the GPU's step shorter?"),
        ((gpu - cpu) / cpu_image, "On the GPU a picture costs something as well."),
        (gpu / (cpu_image - gpu_image), "The CPU's step has a fixed cost as well."),
        (gpu / cpu_image, "Both devices have a fixed cost *and* a cost for each picture."),
        ((gpu - cpu) / (cpu_image + gpu_image), "How much does the GPU save with each picture? Costs do not add here."),
        ((gpu + cpu) / (cpu_image - gpu_image), "How much longer is the GPU's fixed part? That is what has to be won back."),
        (gpu / cpu, "That compares the fixed parts only."),
        (cpu_image / gpu_image, "That compares the pictures' parts only."),
    ]  # fmt: skip


@personal("a04.batch")
def _draw_batch(random: random.Random) -> dict[str, int]:
    while True:
        numbers = {"cpu_step": random.randrange(400, 1600, 100), "cpu_picture": random.randrange(80, 260, 10)}
        numbers |= {"gpu_step": random.randrange(2500, 9000, 500), "gpu_picture": random.randrange(15, 65, 5)}
        right, places = _crossing(numbers)
        whole = [size for place, _ in places for size in (math.floor(place), math.floor(place) + 1)]
        if 8 <= right <= 80 and 0.1 < places[0][0] % 1 < 0.9 and len(set(whole)) == len(whole):
            return numbers


@question("a04.batch")
def _judge_batch(value: Any, numbers: dict[str, int]) -> str | None:
    right, places = _crossing(numbers)
    typical = {size: hint for place, hint in places for size in (place, math.floor(place), math.floor(place) + 1)}
    typical.pop(right)
    if isinstance(value, float) and value % 1 and abs(value - places[0][0]) < 0.5:
        return "A batch has a whole number of pictures. " + places[0][1]
    otherwise = "How long is a step with one picture on each? How much does each further picture save?"
    return judge_number(value, right, 0, typical, otherwise)


@question("a04.mean_loss")
def _judge_mean_loss(function: Callable[[nn.Module, Tensor, Tensor, int], float]) -> str | None:
    errors = [0.1] * 4 + [0.3] * 4 + [0.8] * 2  # of the ten pictures; their mean is 0.32
    noisy = _constant(*(error**0.5 for error in errors))
    got = function(_TwoModes(1.0), noisy, torch.zeros_like(noisy), 4)
    if isinstance(got, Tensor | list | tuple) and not (isinstance(got, Tensor) and got.numel() == 1):
        return "The result should be one number for all pictures."
    got = _plain(got)
    typical = {
        1.0945: "The network was in training mode: its answers are then not those that it gives in use.",
        0.4: "That is the mean of the batch means: the two pictures of the short last batch count double.",
        0.48: "The short last batch was counted as a full one. How many pictures has it?",
        1.0667: "That is the tutorial's mistake: divide by the number of pictures, not of batches.",
        3.2: "That is a sum: with more pictures it grows, though the network is no worse.",
        1.2: "That is a sum: with more pictures it grows, though the network is no worse.",
        1.28: "That is a sum over pixels. The MSE is a mean over pixels as well.",
        0.8: "That is the last batch alone.",
        0.1: "That is the first batch alone.",
        0.2: "The short last batch is missing.",
        0.16: "The short last batch is missing, though its pictures were counted.",
        0.5657: "That is a root. The mean of the squares is asked.",
    }
    if near(got, 0.32, 2e-4):
        return None
    hint = nearest(got, typical.items(), 2e-4) or "What would the mean over all ten pictures be?"
    return f"For ten pictures in batches of 4, 4 and 2 you got {got:.4g}. {hint}"


_TRAININGS = {  # losses and held-out losses of what is typically wrong
    ((0.64, 0.0529, 0.2), (0.0092, 0.07, 0.2932)): "Old gradients add up to new ones. When are they forgotten?",
    ((0.64, 0.0225, 0.64), (0.0, 0.0, 0.0)): "The weight never moves. Is there a gradient at the moment of the step?",
    ((0.64, 0.0225, 0.4516), (0.0, 0.0092, 0.0301)): "Each step uses the gradient of the batch before.",
    ((0.64, 0.0529, 0.4767), (0.0092, 0.0068, 0.022)): "The optimizer has no memory. Is momentum 0.9, and is there one "
    "optimizer for all steps? A new one forgets the steps before.",
    ((0.64, 0.0529, 0.3309), (0.1632, 0.1098, 0.0445)): "The held-out pictures were measured in training mode.",
    ((0.64, 0.5329, 0.0133), (0.0092, 0.0192, 0.0353)): "From the second step on, the network trains in eval mode: measuring "
    "left it so.",
    ((0.64, 0.0529, 0.3309), (0.0, 0.0092, 0.0284)): "The held-out loss is measured before the step; it should be after.",
    ((0.16, 0.2157, 0.0652), (0.0001, 0.001, 0.0044)): "Which picture goes into the network, and which one is the target?",
    ((0.64, 0.04, 0.4545), (0.0036, 0.0089, 0.019)): "That is Adam. SGD is asked, so that the figures can be compared.",
    ((5.12, 7.4892, 0.5997), (0.5898, 0.7928, 0.7257)): "The loss is a sum, so that large batches take longer steps.",
    ((1.28, 0.1587, 0.3309), (0.0092, 0.0284, 0.0836)): "A loss is a mean: do not multiply by the number of pictures here.",
    ((0.4096, 0.0844, 0.1718), (0.0092, 0.0284, 0.0836)): "The training loss is that of before the step.",
}  # fmt: skip


@question("a04.train")
def _judge_train(function: Callable[..., tuple[list[float], list[float]]]) -> str | None:
    batches = [
        (_constant(1, 1), _constant(0.2, 0.2)),
        (_constant(0.5, 0.5, 0.5), _constant(0.9, 0.9, 0.9)),
        (_constant(0.8), _constant(0.1)),
    ]
    got = function(_TwoModes(0.5), batches, (_constant(0.6, 0.6), _constant(0.3, 0.3)), 0.1)
    if not several(got, 2) or any(not isinstance(part, tuple | list) for part in got):
        return "It should return two lists: the training losses and the held-out losses."
    losses, held_out = ([_plain(loss) for loss in part] for part in got)
    if (len(losses), len(held_out)) != (3, 3):
        return f"Three batches make three losses and three held-out losses, not {len(losses)} and {len(held_out)}."
    right = [0.64, 0.0529, 0.3309]
    if near([losses, held_out], [right, [0.0092, 0.0284, 0.0836]], 2e-4):
        return None
    if near(held_out, right, 2e-4):
        return "The two lists are in the wrong order."
    if hint := nearest([losses, held_out], _TRAININGS.items(), 2e-4):
        return hint
    shown = [[round(loss, 4) for loss in part] for part in (losses, held_out)]
    if not near(losses[:1], right[:1], 2e-4):
        return f"You got {shown[0]} and {shown[1]}. The first loss is wrong already: mode, network's input, or target?"
    if not near(losses[:2], right[:2], 2e-4):
        return f"You got {shown[0]} and {shown[1]}. The first loss is right, the second is not: what did the first step do?"
    return f"You got {shown[0]} and {shown[1]}. Not all of these are right. Which lines run between two losses?"


class _SmallMemory(nn.Module):
    """A small network on a device into which only so many pictures fit."""

    def __init__(self, most: int):
        super().__init__()
        self.most = most
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), nn.Conv2d(2, 1, 3, padding=1))
        with torch.no_grad():
            for i, parameter in enumerate(self.parameters()):
                parameter.copy_(torch.linspace(-0.3, 0.4 + 0.1 * i, parameter.numel()).view(parameter.shape))

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise RuntimeError(f"out of memory: {len(x)} pictures at once, and only {self.most} fit")
        return self.layers(x)


@question("a04.gradient")
def _judge_gradient(function: Callable[[nn.Module, Tensor, Tensor, int], list[Tensor]]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(8, 1, 6, 6, generator=generator) * torch.arange(1, 9).view(8, 1, 1, 1) / 8
    noisy = clean + 0.5 * torch.randn(clean.shape, generator=generator)
    got = function(_SmallMemory(4), noisy.clone(), clean.clone(), 4)
    network = _SmallMemory(8)
    weights = list(network.parameters())

    if not isinstance(got, list | tuple) or len(got) != len(weights):
        return f"It should return a list of {len(weights)} gradients, one for each parameter of the network."
    if any(other_shape(one, weight) for one, weight in zip(got, weights)):
        found = [list(one.shape) if isinstance(one, Tensor) else one for one in got]
        return f"Each gradient has the shape of its parameter; yours are {found}."

    def row(parts) -> Tensor:
        return torch.cat([one.flatten() for one in parts])

    def gradient(part: slice) -> Tensor:
        return row(torch.autograd.grad(F.mse_loss(network(noisy[part]), clean[part]), weights))

    right, first, last = gradient(slice(0, 8)), gradient(slice(0, 4)), gradient(slice(4, 8))
    wrong = [
        (2 * right, "It is twice too long: two pieces, and each one's mean was added in full."),
        (right / 2, "It is half as long as it should be: was it divided twice?"),
        (
            8 * right,
            "Eight times too long: each piece's mean was multiplied by its pictures. What is it divided by in the end?",
        ),
        (288 * right, "That is the gradient of the sum over all pixels. The loss is a mean."),
        (last, "That is the last piece alone. Are the gradients of the first one forgotten on the way?"),
        (last / 2, "The last piece has the right share, and the first one is forgotten on the way."),
        (first, "That is the first piece alone."),
        (first / 2, "That is the first piece alone."),
        (0 * right, "They are all zero. Were they forgotten before you read them?"),
        (row(weights), "Those are the parameters, not their gradients."),
        (-right, "The sign is turned round: a gradient points uphill."),
    ]
    otherwise = (
        "These are not the gradients of the MSE over all eight pictures. Compare with a network that has room for 8."
    )
    got = row(got)
    tolerance = 1e-6 + 1e-4 * got.abs().max().item()
    return None if near(got, right, tolerance) else nearest(got, wrong, tolerance) or otherwise
