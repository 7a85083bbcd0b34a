"""The questions of lesson 08."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..inputs import plain_number
from .judging import call_on_copies, is_number, near, nearest, number, other_shape, question, worked

number(
    "08.spread",
    0.2739,
    0.0045,  # 0.27 is right, too
    {
        0.075: "That is the variance. The question asks for the standard deviation.",
        0.3: "That is the slope of the answer. Where does σ come in?",
        0.15: "That is σ times the slope. The formula has a square somewhere.",
        0.3873: "That has σ where the formula has its square.",
        0.5477: "That is the root of the slope, without σ.",
        0.0866: "You took 0.03 as the slope. It is the change for a move of 0.1.",
        0.0075: "You took 0.03 as the slope, and it is a variance still.",
        0.9129: "You divided σ² by the slope. If the answer did not move at all, how sure would the network be?",
        0.5: "That is the noise level: how sure one is without any knowledge of digits.",
    },
    "Variance = σ² · slope. Which slope do the two changes make?",
)


@question("08.from_score")
def _from_score(function: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor]) -> str | None:
    noisy = 1.5 * torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    sigma, asked = 0.4, []

    def score(y: Tensor) -> Tensor:  # that of pictures with the mean 0.3 and the standard deviation 0.5
        asked.append(y.clone())
        return (0.3 - y) / (0.5**2 + sigma**2)

    got, changed = call_on_copies(function, score, noisy, sigma)
    if changed:
        return "Your function changed the noisy pictures themselves. Work on a copy."
    if other_shape(got, noisy):
        return f"It should return pictures of the same shape, {list(noisy.shape)}."
    slope = (0.3 - noisy) / (0.5**2 + sigma**2)
    right = noisy + sigma**2 * slope
    if near(got, right, 1e-5):
        return None
    wrong = [
        (noisy + slope, "The units don't fit: a slope of log p is 1 / brightness. What makes a brightness of it?"),
        (noisy + sigma * slope, "Nearly: a slope of log p is 1 / brightness, and σ is a brightness. Do the units fit?"),
        (noisy - sigma**2 * slope, "That leads away from the more probable pictures: check the sign."),
        (sigma**2 * slope, "That is the residual, answer − noisy. What is the answer?"),
        (slope, "That is the score itself. Solve Tweedie's formula for m(y)."),
        (noisy + slope / sigma**2, "You divided by σ². On which side of the formula does it stand?"),
        (noisy, "Those are the noisy pictures. Where does the score come in?"),
        (right.clamp(0, 1), "Nearly: here the possible pictures reach beyond [0, 1], so don't cut the answer."),
    ]
    if len(asked) > 1 and any(not torch.equal(one, noisy) for one in asked[1:]):
        return "One question to the score, at the noisy picture itself, is enough: no steps are needed."
    otherwise = "Solve the formula for m(y). A score of 0 everywhere must give noisy itself: does it?"
    return nearest(got, wrong, 1e-5) or otherwise


@question("08.quantile")
def _quantile(function: Callable[[Tensor, float], float]) -> str | None:
    scores = torch.rand(22, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ranked, got = scores.sort().values.tolist(), {}
    for level in (0.25, 0.5, 0.9):
        result, changed = call_on_copies(function, scores, level)
        if changed:
            return "Your function changed the scores themselves, perhaps by sorting them in place. Work on a copy."
        result = plain_number(result)
        if not is_number(result):
            return f"It should return one number; yours is a {type(result).__name__}."
        got[level] = float(result)

    def places(rule: Callable[[float], int]) -> list[float]:
        return [ranked[min(max(rule(level), 1), 22) - 1] for level in got]

    found = list(got.values())
    if near(found, places(lambda level: math.ceil(23 * level - 1e-9)), 1e-9):
        return None
    plain = [scores.quantile(level).item() for level in got]
    wrong = [
        (plain, "That is the quantile of the known scores. The new one has a place among them, too."),
        (
            places(lambda level: math.ceil(22 * level)),
            "You count places among n scores. With the new one there are more.",
        ),
        (places(lambda level: round(22 * level)), "You count places among n scores. With the new one there are more."),
        (
            places(lambda level: math.floor(23 * level + 1e-9)),
            "The number of places is right. *At least*: which rounding?",
        ),
        (places(lambda level: math.ceil(23 * level - 1e-9) + 1), "One too far: Python counts from 0, people from 1."),
        (places(lambda level: math.ceil(23 * (1 - level) - 1e-9)), "That leaves the share `level` above it."),
        ([ranked[-1]] * 3, "That is the largest score, whatever the level: safe, and wider than asked."),
        ([math.ceil(23 * level - 1e-9) for level in got], "That is the place. Which score stands there?"),
    ]
    otherwise = (
        "With n scores a new one has n + 1 places, all equally probable. Try n = 9 and the level 0.9, as in the hint."
    )
    return nearest(found, wrong, 1e-9) or otherwise


worked(
    "08.spread",
    "The answer rises by 0.03 when the noisy pixel rises by 0.1, so the slope is 0.3. The variance is σ² times the slope, and "
    "the standard deviation its root: a little more than half of the noise level.",
    """
    slope = 0.03 / 0.1
    my_spread = (0.5**2 * slope) ** 0.5
    """,
)
worked(
    "08.from_score",
    "Tweedie's formula says that the score is (m − y) / σ². Solved for m: the noisy picture, moved by σ² times the score.",
    """
    def my_denoiser(score, noisy, sigma):
        return noisy + sigma**2 * score(noisy)
    """,
)
worked(
    "08.quantile",
    "The new score has n + 1 places among the known ones, all equally probable. It is at most the k-th smallest in k of them, "
    "so k / (n + 1) must be at least the level: the smallest such k is (n + 1) · level, rounded up. It is rounded to nine "
    "decimals first, since the product may come out a hair above a whole number.",
    """
    import math

    def my_quantile(scores, level):
        k = math.ceil(round((len(scores) + 1) * level, 9))
        return scores.sort().values[k - 1].item()
    """,
)
