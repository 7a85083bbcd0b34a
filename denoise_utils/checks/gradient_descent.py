"""The questions of lesson 03a."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, other_shape, question, worked

number(
    "03.rate",
    1 / 3,
    0.004,
    {
        2.0: "That is the limit of the flat direction, b. One rate serves both weights.",
        1 / 6: "There a is at its lowest point after one step. How far beyond may a step go and still end nearer?",
        2 / 3: "Is 3 the curvature of 3a²? The curvature is the second derivative.",
        2 / 7: "The two curvatures are not added: each weight walks down a parabola of its own.",
        1.0: "That is the rate at which b arrives in one step. And what does a do with it?",
        4.0: "The curvature is the second derivative; and one rate serves both weights, the steep one too.",
    },
    "What is the curvature in a, and what in b? Which of the two parabolas sets the limit?",
)


def _pairs(rows: int, columns: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of inputs, rows of targets, and weights, the same each time."""
    generator = torch.Generator().manual_seed(3)
    return tuple(
        torch.randn(shape, generator=generator) for shape in ((rows, columns), (rows, outputs), (columns, outputs))
    )


@question("03.gradient")
def _gradient(function: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str | None:
    (x, y, weight), price = _pairs(8, 5, 3), 0.2
    with torch.no_grad():  # it is to be worked out
        try:
            got, changed = call_on_copies(function, weight, x, y, price)
        except RuntimeError as error:
            if "shapes cannot be multiplied" in str(error) or "must match the size" in str(error):
                return f"The shapes don't fit: {error}. Here weight is [5, 3], x [8, 5] and y [8, 3]."
            if "does not require grad" not in str(error):
                raise
            return "This time without backward(): work the gradient out on paper, and write it down as a product of matrices."
    if changed:
        return "Your function changes the weights or the pictures it was given. It should only calculate."
    shape = other_shape(got, weight)
    if shape == "[3, 5]":
        return "It is on its side: there should be one number for each weight, in the weights' own shape [5, 3]."
    if shape == "[]":
        return (
            "It returns one number, as a loss is. Each weight has a slope of its own, so the gradient is [5, 3], too."
        )
    if shape:
        return f"It should return a gradient in the shape of the weights, [5, 3]; yours is {shape}."
    errors, shrink = x.T @ (x @ weight - y), price * weight  # the two parts, without their factors
    part, right = 2 * errors / y.numel(), 2 * errors / y.numel() + 2 * shrink
    wrong = [
        (-right, "Each sign is turned: that points downhill. The gradient points to where the loss grows."),
        (part, "The second part is missing: the price of the weights has a slope, too."),
        (part + shrink, "The first part is right. What is the derivative of price · w²?"),
        (right / 2, "Half of it. What comes to the front when a square is differentiated?"),
        (
            errors / y.numel() + 2 * shrink,
            "The second part is right. In the first, what comes to the front of a square?",
        ),
        (part + 2 * shrink / y.numel(), "The first part is right. The price is a sum over the weights, not a mean."),
        (
            part + 2 * shrink / weight.numel(),
            "The first part is right. The price is a sum over the weights, not a mean.",
        ),
        (
            part + 2 * shrink.sum(),
            "The first part is right. In the second, each weight has a slope of its own: no sum is left.",
        ),
        (
            part.mean() * y.numel() + 2 * shrink,
            "The second part is right. In the first, each weight has a slope of its own.",
        ),
        (part + price * weight.square(), "The first part is right. The second is not differentiated yet."),
        (part - 2 * shrink, "The second part has the wrong sign: larger weights cost more."),
        (-part + 2 * shrink, "The first part has the wrong sign: which comes first, the answer or the target?"),
        (2 * errors + 2 * shrink, "The second part is right. mse_loss is a mean: over how many numbers?"),
        (2 * errors / len(x) + 2 * shrink, "mse_loss is a mean over all numbers of y, not over its rows only."),
        (2 * errors / weight.numel() + 2 * shrink, "The mean is over the numbers of y, not over those of the weights."),
        (right - part + 2 * errors / x.numel(), "The mean is over the numbers of y, not over those of x."),
    ]
    if near(got, right, 1e-4):
        return None
    return nearest(got, wrong, 1e-4) or (
        "Take one weight: the loss is mean((x·w − y)²) + price·w². Differentiate that, and then look what becomes of each "
        "factor when x, w and y are matrices."
    )


def _after(x: Tensor, y: Tensor, rate: float, steps: int, *, keep: float = 0.0, scale: float = 1.0) -> Tensor:
    """Weights after so many steps from 0. keep: the part of the old gradients that stays. scale: of each gradient."""
    weight, total = x.new_zeros(x.shape[1], y.shape[1]), x.new_zeros(x.shape[1], y.shape[1])
    for _ in range(steps):
        total = keep * total + scale * 2 * x.T @ (x @ weight - y) / y.numel()
        weight = weight - rate * total
    return weight


LOST = (
    "After a step, backward() no longer finds the weights: only the tensor that was made with requires_grad=True gets a .grad. "
    "Is it still the same one, or has w = w − … made a new one?"
)
UNFIT = "x is [40, 5] and y is [40, 3]. Which shape must the weights have, so that x @ weight fits y?"
STOPS = {  # a part of torch's message → hint
    "NoneType": LOST,
    "does not require grad": LOST,
    "in-place operation": "torch still keeps its record while you move the weights. What stops it for these lines?",
    "a second time": "It goes back twice through one record. Is the loss calculated before the loop, or anew in each step?",
    "shapes cannot be multiplied": UNFIT,
    "must match the size": UNFIT,
}


@question("03.loop")
def _loop(function: Callable[[Tensor, Tensor, float, int], Tensor]) -> str | None:
    (x, y, start), rate, steps = _pairs(40, 5, 3), 0.3, 6
    try:
        got, changed = call_on_copies(function, x, y, rate, steps)
    except (RuntimeError, TypeError, AttributeError) as error:
        hint = next((hint for part, hint in STOPS.items() if part in str(error)), None)
        if hint is None:
            raise
        return f"It stopped with {type(error).__name__}: {str(error).partition(' (or ')[0].rstrip('.')}. {hint}"
    if changed:
        return "Your function changes x or y. Only the weights should move."
    shape = other_shape(got, start)
    if shape:
        return f"For x {list(x.shape)} and y {list(y.shape)} the weights are [5, 3]; yours are {shape}."
    right, tolerance = _after(x, y, rate, steps), 1e-4
    wrong = [
        (
            _after(x, y, rate, steps, keep=1.0),
            "backward() adds to .grad. What should be there before each step's gradient?",
        ),
        (_after(x, y, rate, steps, scale=-1.0), "The loss grows: your steps go uphill."),
        (
            _after(x, y, rate, steps, scale=y.shape[1]),
            "The loss should be a mean over all numbers, not over the rows only.",
        ),
        (_after(x, y, rate, steps - 1), "One step is missing."),
        (_after(x, y, rate, steps + 1), "That is one step too many."),
        (
            _after(x, y, rate, 1),
            "That is a single step. Is the loss calculated anew in each, and does return come after the loop?",
        ),
        (torch.zeros_like(start), "The weights are still 0. Are they really changed, and are those returned?"),
        (
            torch.linalg.lstsq(x, y).solution,
            "That is the lowest point. So few steps don't get there: do them, one by one.",
        ),
    ]
    if near(got, right, tolerance):
        return None
    summed = _after(x, y, rate, steps, scale=y.numel())  # it runs away: compared by its largest number
    if near(got / summed.abs().max(), summed / summed.abs().max(), 1e-3):
        return "Your loss is a sum. With a mean the gradient is far smaller."
    hint = nearest(got, wrong, tolerance)
    if hint is None and not near(function(x.clone(), y.clone(), rate, 0), torch.zeros_like(start)):
        return "Without any step it should return weights of 0. Yours are others: where does the walk start?"
    if hint is None and isinstance(got, Tensor) and F.mse_loss(x @ got.detach(), y) > y.square().mean():
        hint = "After the last step the loss is larger than at the start. Which way do your steps go, and how far?"
    return hint or (
        "Compare it line by line with `walk` in the lesson: what happens once, what in every step, and with which numbers?"
    )


worked(
    "03.rate",
    """In a the loss is the parabola 3a², with curvature 6, in b it is 0.5b², with curvature 1. A parabola allows rates up to
    2 / curvature: 0.333 and 2. One rate has to serve both, so the steeper one sets the limit.""",
    "my_rate = 2 / 6",
)
worked(
    "03.gradient",
    """The error of all answers is x @ weight − y. Each weight counts in the answers through one column of x, so the
    transposed x collects the errors for it. The mean over all numbers of y gives the factor 2 / y.numel(); the
    price is no mean, so its slope is 2 · price · weight.""",
    """
    def my_gradient(weight, x, y, price):
        return 2 * x.T @ (x @ weight - y) / y.numel() + 2 * price * weight
    """,
)
worked(
    "03.loop",
    """Each step calculates the loss with the weights of now, goes backward, and moves the weights against the gradient. The
    move is no part of what is differentiated, hence no_grad. The gradient is cleared, or the next one would be added to it.""",
    """
    def my_fit(x, y, rate, steps):
        weight = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
        for _ in range(steps):
            loss = torch.nn.functional.mse_loss(x @ weight, y)
            loss.backward()
            with torch.no_grad():
                weight -= rate * weight.grad
            weight.grad = None
        return weight.detach()
    """,
)
