"""The questions of lesson 04c."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..inputs import plain_number
from .judging import call_on_copies, is_number, nearest, number, question, worked

number(
    "04.launch",
    1.5,
    0.01,
    {
        0.876: "That is the GPU's work. Can it work faster than it gets its orders?",
        2.376: "You added the two. Does the processor wait until the GPU has done what it ordered?",
        0.3: "That leaves out what the pictures cost.",
        0.576: "That is what the pictures cost the GPU, and only that.",
        1500: "In milliseconds, please.",
        0.005: "That is one operator.",
        0.0079: "That is one operator.",
        96: "Each operator works on the whole batch: it is launched once, not once for each picture.",
    },
    "Find how long the processor is busy in a step, and how long the GPU is. Which of the two waits?",
)

FLOAT16_MAX = torch.finfo(torch.float16).max
GRADIENTS = {  # the right scale → gradients
    2.0**15: torch.tensor([1e-3, -1.5, 0.25]),
    2.0**27: torch.tensor([0.0, 3e-4, -2e-6]),
    2.0**4: torch.tensor([[4094.0, -1.0], [2e-5, 0.0]]),
    2.0**-2: torch.tensor([-2e5, 1.0]),
}


@question("04.scale")
def _scale(function: Callable[[Tensor], float]) -> str | None:
    for right, gradients in GRADIENTS.items():
        got, changed = call_on_copies(function, gradients)
        if changed:
            return "Your function changed the gradients: it should only look at them."
        got = plain_number(got)
        if not is_number(got):
            return f"Your function returned a {type(got).__name__}; it should return a number."
        largest = gradients.abs().max().item()
        if got == right:
            continue
        smallest = gradients[gradients != 0].abs().min().item()
        typical = [
            (FLOAT16_MAX / largest, f"{got:.6g} is the largest factor of all, but no power of two."),
            (math.log2(right), "That is the exponent. Two to the power of it is asked for."),
            (1 / right, "You divided the wrong way round: a scale multiplies."),
            (_below(FLOAT16_MAX / smallest), "With that scale the smallest fits; the largest becomes infinite."),
            (right * 2, f"With {got:.6g} something becomes infinite: {largest:.6g} times it is too large."),
            (right / 2, f"{got:.6g} is safe, but twice as much would be, too."),
        ]
        positive = gradients.max().item()
        if positive > 0:
            typical.insert(0, (_below(FLOAT16_MAX / positive), "One of these is negative, and can overflow as well."))
        told = f"For gradients whose largest size is {largest:.6g} you got {got:.6g}."
        return nearest(got, typical, 1e-6 * abs(got)) or f"{told} Multiply: does it fit, and would twice as much?"
    return None


def _below(factor: float) -> float:
    """The largest power of two that is not above this."""
    return 2.0 ** math.floor(math.log2(factor))


worked(
    "04.launch",
    """The processor needs 300 · 5 µs = 1.5 ms to launch everything. The GPU needs 300 · (1 + 64 · 0.03) µs, which is less, and
    does it at the same time. So it waits for orders, and the step takes as long as the launching.""",
    """
    launching = 300 * 5e-3
    calculating = 300 * (1 + 0.03 * 64) * 1e-3
    my_ms = max(launching, calculating)
    """,
)
worked(
    "04.scale",
    """The number of the largest size decides, whatever its sign. What it can be multiplied by is 65,504 divided by that size;
    the logarithm to base 2, rounded down, says which power of two is just below.""",
    """
    import math

    def my_best_scale(gradients):
        largest = gradients.abs().max().item()
        return 2.0 ** math.floor(math.log2(65504 / largest))
    """,
)
