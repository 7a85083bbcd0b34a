"""The questions of assignment 03."""

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from denoise_utils.checks.judging import judge_number, near, other_shape, personal, question


def _transposed(numbers: dict[str, int]) -> tuple[int, list[tuple[int, str]]]:
    """The side that torch makes, and the typical wrong answers."""
    n, k, s, p, o = (numbers[name] for name in ("side", "kernel", "stride", "padding", "output_padding"))
    layer = torch.nn.ConvTranspose1d(1, 1, k, s, p, o)
    right = layer(torch.zeros(1, 1, n)).shape[-1]
    return right, [
        (right - o, "output_padding is missing: the result gets longer by it."),
        (right + o, "output_padding adds at one end only."),
        (right + 2 * p, "padding is missing. In a transposed convolution it takes numbers away."),
        (right + p, "padding takes away at both ends."),
        (right + 4 * p, "In a convolution padding adds. Here it takes away."),
        (right + 2 * p - o, "That is the rule without padding and output_padding: what does each of them do to it?"),
        (right + s, "One copy of the kernel too many: the first one starts at 0. Where does the last one start?"),
        ((n - 1) * s, "That is where the last copy starts. It is as wide as the kernel."),
        (n * s, "That would be a side times the stride. The copies are wider or narrower than their distance."),
        (n * k, "That would be kernels side by side. They start one stride apart."),
        ((n + 2 * p - k) // s + 1, "That is a convolution. The transposed one goes the other way."),
        (right * right, "Those are all numbers of the square; the question is its side."),
    ]


@personal("a03.size")
def _draw_size(random: random.Random) -> dict[str, int]:
    while True:
        numbers = {"side": random.randint(4, 12), "kernel": random.randint(3, 9), "stride": random.randint(3, 6)}
        numbers |= {"padding": random.randint(1, 3), "output_padding": random.randint(1, numbers["stride"] - 1)}
        right, wrong = _transposed(numbers)
        if len({right, *(value for value, _ in wrong)}) == 1 + len(wrong):
            return numbers


@question("a03.size")
def _judge_size(value: Any, numbers: dict[str, int]) -> str | None:
    right, wrong = _transposed(numbers)
    otherwise = "Without padding it is the lesson's rule. What do padding and output_padding change, and at which end?"
    return judge_number(value, right, 0, dict(wrong), otherwise)


@question("a03.sides")
def _judge_sides(function: Callable[[int, list[tuple[str, int, int, int]]], list[int]]) -> str | None:
    conv, pool = ("conv", 3, 1, 1), ("pool", 2, 2, 0)
    got = function(28, [conv, pool, conv, pool, conv, pool])
    if isinstance(got, int | float) or (isinstance(got, Tensor) and got.ndim == 0):
        return f"You returned one number, {got}. The side after each layer is asked, in a list."
    got = [float(side) for side in got]
    shown = [f"{side:g}" for side in got]
    if got == [28, 28, 14, 14, 7, 7, 3]:
        return "Your list begins with the side that came in. Only what each layer makes belongs in it."
    if got[:1] != [28]:
        return f"A kernel of 3 with padding 1 keeps a side of 28; yours made {shown[:1]}. At how many ends is there padding?"
    if got[-1:] in ([3.5], [4]):
        return f"Pooling 2×2 makes 3 of 7, and yours made {shown[-1]}: a square that does not fit is dropped."
    if got != [28, 14, 14, 7, 7, 3]:
        return f"The tutorial's encoder makes 28, 14, 14, 7, 7, 3 of 28, and yours {', '.join(shown)}."
    got = list(function(3, [("t_conv", 3, 2, 0), ("t_conv", 2, 2, 0), ("t_conv", 2, 2, 0)]))
    if got != [7, 14, 28]:
        hint = " Each one starts from what the one before has made." if got[:1] == [7] else ""
        return f"The tutorial's decoder makes 7, 14, 28 of 3, and yours {got}.{hint}"
    got = list(function(7, [("t_conv", 4, 2, 1)]))
    if got != [14]:
        hint = {16: "its padding is missing", 15: "padding is at both ends", 18: "its padding takes away"}.get(got[-1])
        return f"A transposed convolution (4, 2, 1) makes 14 of 7, and yours {got}" + (f": {hint}." if hint else ".")
    got = list(function(4, [pool, pool, pool]))
    if got != [2, 1]:
        return f"Pooling 2×2 three times makes 2 and 1 of 4, and then nothing fits any more. Yours made {got}."
    return None


@question("a03.field")
def _judge_field(function: Callable[[list[tuple[int, int]]], int]) -> str | None:
    got = float(function([(5, 1), (5, 1), (5, 1), (5, 1)]))
    typical = {
        16: "Without any layer a value still sees one pixel: from where did you start?",
        20: "Side by side they would be. They overlap.",
        625: "Sizes do not multiply.",
    }
    if got != 17:
        hint = typical.get(got, "How much does each layer add?")
        return f"Four layers of 5 with stride 1 see 17, as in lesson 03; you got {got:g}. {hint}"
    got = float(function([(3, 1), (2, 2), (3, 1), (2, 2), (3, 1), (2, 2)]))
    stretched = "After two strides of 2, how far apart in the picture are two neighbours?"
    typical = {
        10: "That is what it would be without strides. After a stride of 2, neighbours lie two pixels apart.",
        29: "A layer's own stride moves apart what comes after it, not what it looks at itself.",
        36: "Strides widen what comes after them, not what came before. From which end did you start?",
        18: "The last layer adds something as well: its kernel is 2.",
        80: "The strides do not stretch the whole field: the first layers look at neighbouring pixels.",
        **dict.fromkeys([14, 16, 19], stretched),
    }
    otherwise = "At each layer: how far apart in the picture are two neighbours that it looks at?"
    if got != 22:
        return f"For the tutorial's encoder you got {got:g}. {typical.get(got, otherwise)}"
    return None


@question("a03.network")
def _judge_network(make_network: Callable[[], Any]) -> str | None:
    network = make_network()
    try:
        count = sum(parameter.numel() for parameter in network.parameters())
    except Exception:
        return "make_network should return a network, an nn.Module. (Its class alone is not one: call it.)"
    if not count:
        return "It has no parameters: there is nothing to learn."
    if count > 479:
        return f"It has {count:,} parameters; a twentieth of the tutorial's is 479. Which layer holds most of them?"
    noisy = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 0.5
    with torch.no_grad():
        answer = network.eval()(noisy.clone())
    if found := other_shape(answer, noisy):
        return f"Of {list(noisy.shape)} it made {found}; a denoiser returns the same shape."
    change = (answer - noisy).abs().max().item()
    if change <= 1e-5:
        return None
    if answer.abs().max() <= 1e-5:
        return "At the start its answer is black. Zero is right for what is added; to what should it be added?"
    if near(answer, noisy.sigmoid(), 1e-4) or near(answer, noisy.clamp(0, 1), 1e-4):
        return "It squeezes the answer into [0, 1], so it cannot return an input that lies outside. Leave the output linear."
    if near(answer, noisy.relu(), 1e-4):
        return "A ReLU comes after the sum: what is below 0 is lost, though the noise may go there."
    return (
        f"At the start it should change nothing, but it changes pixels by up to {change:.2g}. "
        "Is the input added to the answer, and does what is added start at zero?"
    )
