"""The questions of lesson 04b."""

from collections.abc import Callable

import torch
from torch import Tensor

from .judging import near, nearest, number, other_shape, question, worked

number(
    "04.momentum",
    10,
    0.05,
    {
        1: "That is a plain step, and the first one here. What does the velocity hold after the second?",
        1.9: "That is the second step. And the ones after it?",
        2.71: "That is the third step. And the ones after it?",
        0.9: "That is the share of the velocity that is kept. The new gradient is added to it.",
        0.1: "That is the share of the velocity that is lost in each step. How large is it when that equals what is added?",
        9: "That is what is left of the velocity in the next step, before the new gradient is added.",
        11: "One too many: the gradient is added once in each step.",
        -10: "That says in which direction, too. How far is it?",
        19: "How much is lost of the velocity in each step, and how much is added?",
    },
    "Write down the velocity after one, two and three steps. When does it stop growing?",
)

GRADIENTS = torch.tensor([[0.5, -1.0], [0.2, 0.0], [-0.3, 2.0]])
START, LR, DECAY = torch.tensor([1.0, -2.0]), 0.1, 0.2


def _walked(
    before: Callable = lambda w: (1 - LR * DECAY) * w,
    after: Callable = lambda w: w,
    into: float = 0.0,
    forget: bool = False,
    corrected: bool = True,
    rooted: bool = True,
) -> Tensor:
    """The weights after each of three steps of AdamW, with or without a mistake."""
    w, m, s, places = START, 0.0, 0.0, []
    for step, gradient in enumerate(GRADIENTS, 1):
        if forget:
            m, s, step = 0.0, 0.0, 1
        gradient = gradient + into * w
        m, s = 0.9 * m + 0.1 * gradient, 0.999 * s + 0.001 * gradient**2
        mean, square = (m / (1 - 0.9**step), s / (1 - 0.999**step)) if corrected else (m, s)
        w = after(before(w) - LR * mean / ((square.sqrt() if rooted else square) + 1e-8))
        places.append(w)
    return torch.stack(places)


def _same(w: Tensor) -> Tensor:
    return w


@question("04.adamw")
def _adamw(function: Callable[[Tensor, Tensor, dict, float, float], Tensor]) -> str | None:
    w, state, places = START.clone(), {}, []
    for gradient in GRADIENTS:
        given = gradient.clone()
        with torch.no_grad():
            w = function(w, given, state, LR, DECAY)
        if found := other_shape(w, START):
            return f"The weights have the shape {list(START.shape)}; your function returned {found}."
        if not torch.equal(given, gradient):
            return "Your function changed the gradient. The decay is the weights' alone."
        places.append(w.detach().clone())  # it may change in the next step
    got, right = torch.stack(places), _walked()
    if near(got, right, 1e-5):
        return None
    wrong = [
        (START.repeat(3, 1), "The weights are what they were."),
        (_walked(_same), "That is Adam: the decay is missing."),
        (_walked(_same, into=DECAY), "The decay went into the gradient, and so through both means: that is not AdamW."),
        (_walked(_same, lambda w: (1 - LR * DECAY) * w), "The weights shrink after the step; they should before."),
        (_walked(lambda w: (1 - DECAY) * w), "They shrink too much: the share has a second factor."),
        (_walked(lambda w: (1 + LR * DECAY) * w), "The weights grow where they should shrink."),
        (_walked(lambda w: LR * DECAY * w), "Nearly all of the weight is gone: what is lost, and what stays?"),
        (
            _walked(lambda w: w - LR * DECAY),
            "Each weight loses the same amount. It should lose a share of its own size.",
        ),
        (_walked(forget=True), "Each step begins anew: nothing is remembered in state from one step to the next."),
        (_walked(corrected=False), "The means began at 0. What makes up for that?"),
        (_walked(rooted=False), "The step is divided by the mean of the squares itself, not by its root."),
    ]
    if got[0].isnan().any():
        return "The first step makes NaN. Is something divided by 1 - 0.9**0? The first step is number 1."
    told = f"With lr {LR} and decay {DECAY} the weights after the first step are {_text(got[0])}"
    if near(got[0], right[0], 1e-5):
        return nearest(got, wrong, 1e-5) or f"{told}, and right. The next steps are not: what has to be remembered?"
    return nearest(got, wrong, 1e-5) or f"{told}. First shrink, then take Adam's step: which of the two differs?"


def _text(values: Tensor) -> str:
    return ", ".join(f"{value:.4f}" for value in values.tolist())


worked(
    "04.momentum",
    """The velocity stops growing when a step adds as much as it takes away. It keeps 0.9 of itself and gets 1 more, so it must
    be 1 / (1 - 0.9). That is why momentum wants a lower rate than plain steps.""",
    "my_multiple = 1 / (1 - 0.9)",
)
worked(
    "04.adamw",
    """The two means and their corrections are Adam's, and see only the gradient. The decay takes the share lr * decay of
    each weight away, whatever its gradient is; then the weight takes Adam's step.""",
    """
    def my_adamw(w, gradient, state, lr, decay):
        t = state["t"] = state.get("t", 0) + 1
        state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
        state["s"] = 0.999 * state.get("s", 0) + 0.001 * gradient**2
        mean, square = state["m"] / (1 - 0.9**t), state["s"] / (1 - 0.999**t)
        return (1 - lr * decay) * w - lr * mean / (square.sqrt() + 1e-8)
    """,
)
