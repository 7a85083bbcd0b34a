"""The questions of assignment 06."""

from collections.abc import Callable
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from denoise_utils.checks.judging import call_on_copies, judge_number, near, nearest, other_shape, personal, question


def _shift(images: Tensor, rows: int, columns: int) -> Tensor:
    height, width = images.shape[2:]
    padded = F.pad(images, (abs(columns),) * 2 + (abs(rows),) * 2)
    top, left = abs(rows) - rows, abs(columns) - columns
    return padded[:, :, top : top + height, left : left + width]


def _roll(images: Tensor, rows: int, columns: int) -> Tensor:
    return images.roll((rows, columns), dims=(2, 3))


def _sums(
    denoiser: Callable, noisy: Tensor, moves: list, move: Callable = _shift, back: int = -1
) -> tuple[Tensor, Tensor]:
    """The sum over the shifts, and how many answers each pixel has, at least 1."""
    total, count = torch.zeros_like(noisy), torch.zeros_like(noisy)
    for rows, columns in moves:
        total = total + move(denoiser(move(noisy, rows, columns)), back * rows, back * columns)
        count = count + move(torch.ones_like(noisy), back * rows, back * columns)
    return total, count.clamp(min=1)


_MOVES = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]


@question("a06.shifts")
def _shifts(function: Callable[[Callable[[Tensor], Tensor], Tensor, int], Tensor]) -> str | None:
    noisy = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    place = 0.5 + torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(1))  # a denoiser that knows places

    def denoiser(x: Tensor) -> Tensor:
        return (x * place).square() + 0.3

    got, changed = call_on_copies(function, denoiser, noisy, 1)
    if changed:
        return "Your function changed the noisy pictures themselves. Work on a copy."
    if found := other_shape(got, noisy):
        return f"It should return pictures of the same shape, {list(noisy.shape)}; yours returned {found}."
    total, count = _sums(denoiser, noisy, _MOVES)
    if near(got, total / count):
        return None
    if hint := nearest(got, _wrong_shifts(denoiser, noisy), 1e-5):
        return hint
    if near(got[:, :, 1:-1, 1:-1], (total / count)[:, :, 1:-1, 1:-1]):
        return "The middle is right, the edge is not. Which of the nine shifts have no answer for an edge pixel?"
    return "The mean is wrong, in the middle too. Nine times: shift, denoise, shift the answer back; then the mean."


def _wrong_shifts(denoiser: Callable[[Tensor], Tensor], noisy: Tensor) -> list[tuple[Tensor, str]]:
    def mean(moves: list, **options: Any) -> Tensor:
        total, count = _sums(denoiser, noisy, moves, **options)
        return total / count

    total, _ = _sums(denoiser, noisy, _MOVES)
    not_back = [denoiser(_shift(noisy, *one)) for one in _MOVES]
    back_by_roll = [_roll(answer, -rows, -columns) for answer, (rows, columns) in zip(not_back, _MOVES)]
    moved, count = _sums(lambda x: x, noisy, _MOVES)
    return [
        (
            mean(_MOVES, move=_roll),
            "That is the mean over shifts that wrap: what leaves on one side comes back on the other. Here it should be lost.",
        ),
        (total / 9, "The middle is right, the edge is too dark: you divide by 9 where fewer shifts have an answer."),
        (total, "That is the sum of all answers; it should be their mean."),
        (
            sum(back_by_roll) / 9,
            "Shifted noisy pictures without a wrap, but answers that wrap on their way back: the edge gets others' pixels.",
        ),
        (denoiser(noisy), "That is the plain answer of the denoiser. Where do the shifts come in?"),
        (sum(not_back) / 9, "The answers are not shifted back before the mean: they lie one pixel apart."),
        (mean(_MOVES, back=1), "The answers are shifted on, not back: watch the signs."),
        (mean([one for one in _MOVES if one != (0, 0)]), "The unmoved picture is missing: it is one of the nine."),
        (
            mean([one for one in _MOVES if 0 in one]),
            "The diagonal shifts are missing: each of three shifts up or down goes with each of three left or right.",
        ),
        (
            mean([one for one in _MOVES if max(one) < 1]),
            "The last shift in each direction is missing: what does range leave out?",
        ),
        (
            denoiser(moved / count),
            "You took the mean of the shifted noisy pictures first. Denoise each, then take the mean.",
        ),
    ]


@personal("a06.ensemble")
def _draw_ensemble(random: Random) -> dict[str, float]:
    return {
        "networks": random.choice([5, 6, 8]),
        "E": random.choice([0.0110, 0.0115, 0.0120, 0.0125, 0.0130]),
        "D": random.choice([0.0024, 0.0028, 0.0032, 0.0036]),
    }


@question("a06.ensemble")
def _ensemble(value: float, numbers: dict[str, float]) -> str | None:
    n, e, d = (numbers[name] for name in ("networks", "E", "D"))
    gain = (n - 1) / (2 * n) * d
    typical = {
        e: "That is one network alone, on average. Where their mistakes differ, the mean gains.",
        e - d / 4: f"That is the rule for two networks; you have {n}, which gain more.",
        e - d / 2: f"That is the limit for very many networks; {n} gain a little less.",
        e - d: "The whole of D can't be gained: even very many networks save only the half of it.",
        e - 2 * gain: "Twice the gain: for two networks your rule must give the lesson's.",
        e - d / n: "With more networks your gain shrinks; it should grow.",
        e - d / (2 * n): "With more networks your gain shrinks; it should grow. Try your rule for two networks.",
        e - n / 4 * d: "Your gain grows without an end: with very many networks the error would fall below zero.",
        e + gain: "The mean of the answers is never worse than the mean of the errors: check the sign.",
        e / n: "That would be so if the networks' mistakes had nothing in common. Does D say so?",
    }
    otherwise = (
        "Your rule must give E - D/4 for two networks and E - D/2 for very many. Which fraction of D lies in between?"
    )
    return judge_number(value, e - gain, 0.00002, typical, otherwise)


@question("a06.as_denoiser")
def _as_denoiser(function: Callable) -> str | None:
    noisy = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))

    def predictor(x: Tensor) -> Tensor:
        return torch.sin(9 * x) + 0.4

    made = function(predictor, 0.6)
    if isinstance(made, Tensor) or not callable(made):
        return "It should return a function, noisy -> denoised, that can be called later; yours returned " + (
            "nothing." if made is None else f"a {type(made).__name__}."
        )
    got, changed = call_on_copies(made, noisy)
    if changed:
        return "Your denoiser changed the noisy pictures themselves. Make new ones."
    if found := other_shape(got, noisy):
        return f"The denoiser should return pictures of the same shape, {list(noisy.shape)}; yours returned {found}."
    noise = predictor(noisy)
    if near(got, (noisy - 0.6 * noise).clamp(0, 1), 1e-6):
        return None
    wrong = [
        (noisy - 0.6 * noise, "The answer leaves [0, 1]: clamp it."),
        ((noisy - noise).clamp(0, 1), "The predictor answers in units of σ. What is the noise, then?"),
        (
            noisy - noise,
            "The predictor answers in units of σ. What is the noise, then? And the answer should be clamped.",
        ),
        ((noisy - 0.36 * noise).clamp(0, 1), "You multiplied by σ², but the noise is measured in units of σ."),
        ((noisy - noise / 0.6).clamp(0, 1), "You divided by σ: the noise is measured in units of σ."),
        ((noisy + 0.6 * noise).clamp(0, 1), "You added the noise once more: which sign takes it away?"),
        (0.6 * noise, "That is the noise. The picture is what remains without it."),
        (noise, "That is the predictor's own answer, the noise in units of σ."),
        (
            noisy - (0.6 * noise).clamp(0, 1),
            "You clamped the noise to [0, 1]: half of it is negative. Clamp the picture.",
        ),
        (
            noisy - 0.6 * noise.clamp(0, 1),
            "You clamped the predictor's answer to [0, 1]: half of the noise is negative. Clamp the picture.",
        ),
        ((0.6 * noise - noisy).clamp(0, 1), "The sign is turned round: noisy minus noise."),
        ((0.6 * (noisy - noise)).clamp(0, 1), "The whole difference is scaled by σ; only the noise is in units of σ."),
    ]
    wrong += [(value.clamp(0, 1), hint) for value, hint in wrong]
    otherwise = (
        "The answer is another one. noisy = clean + σ · (what the predictor answers): solve it for clean, then clamp."
    )
    return nearest(got, wrong, 1e-6) or otherwise


@question("a06.posterior_mean")
def _posterior_mean(function: Callable[[Tensor, Tensor, float], Tensor]) -> str | None:
    generator, sigma = torch.Generator().manual_seed(0), 0.7
    possible = torch.rand(4, 1, 2, 3, generator=generator)
    noisy = possible[:3] + sigma * torch.randn(3, 1, 2, 3, generator=generator)
    got, changed = call_on_copies(function, noisy, possible, sigma)
    if changed:
        return "Your function changed the pictures that it was given. Work on copies."
    if found := other_shape(got, noisy):
        return f"For 3 noisy and 4 possible pictures it should return {list(noisy.shape)}; yours returned {found}."
    x = possible.flatten(1)
    squares = (noisy.flatten(1)[:, None] - x).square()
    distance, twice = squares.sum(dim=2), 2 * sigma**2

    def answer(scores: Tensor, dim: int = 1) -> Tensor:
        return (torch.softmax(scores, dim=dim) @ x).view_as(noisy)

    right, raw = answer(-distance / twice), torch.exp(-distance / twice)
    if near(got, right):
        return None
    if not torch.isfinite(got).all():
        return "Your answer holds NaN or infinity."
    wrong = [
        (
            answer(-squares.mean(dim=2) / twice),
            "You took the mean over the pixels. Each pixel is a witness of its own: their evidence adds up.",
        ),
        (answer(-2 * distance / twice), "The 2 under the fraction is missing: the weights are too sharp."),
        (answer(-distance / (2 * sigma)), "σ stands there without its square."),
        (answer(-distance / 2), "σ is missing: with more noise the weights should be more alike."),
        (answer(-distance), "σ is missing, and the 2 too: with more noise the weights should be more alike."),
        (answer(-distance.sqrt() / twice), "The distance is not squared: you took its root."),
        (answer(distance / twice), "The sign is turned round: the pictures farthest away weigh most."),
        (
            answer(-distance / twice, dim=0),
            "The weights add up to 1 over the noisy pictures. For each noisy picture they should do so over the possible ones.",
        ),
        ((raw @ x).view_as(noisy), "The weights don't add up to 1: the answer is too dark."),
        (
            possible[distance.argmin(dim=1)],
            "That is the most probable picture. When it is wrong, it is wrong entirely: what is best on average?",
        ),
        (
            possible.mean(dim=0).expand(noisy.shape),
            "That is the mean of all possible pictures, whatever was seen: the weights are missing.",
        ),
        (right / 4, "You took the mean of the weighted pictures; the weights already add up to 1."),
        (
            answer(-squares.sqrt().sum(dim=2) / twice),
            "You compare the absolute differences; Gaussian noise wants their squares.",
        ),
        (noisy, "That is the noisy picture itself."),
    ]
    otherwise = "The answer is another one. For one noisy picture print the weights: do they add up to 1?"
    return nearest(got, wrong, 1e-5) or otherwise


@question("a06.choose")
def _choose(function: Callable[[dict[str, tuple[int, list[float]]]], str]) -> str | None:
    runs = {
        "tiny": (5_000, [0.0170, 0.0100, 0.0160, 0.0170]),  # the luckiest start of all
        "small": (10_000, [0.0127, 0.0131, 0.0128, 0.0130]),  # within one spread, not within one standard error
        "middle": (20_000, [0.0126, 0.0127, 0.0125, 0.0126]),  # the rule's choice
        "large": (40_000, [0.0127, 0.0117, 0.0131, 0.0121]),  # the smallest mean
        "huge": (80_000, [0.0137, 0.0118, 0.0117, 0.0138]),
        "giant": (160_000, [0.0125, 0.0126, 0.0125, 0.0126]),  # near, too, but larger
    }
    got = function(runs)
    hints = {
        "tiny": "it has the best single start, but its mean is bad. The next start will be near the mean.",
        "small": "it is within one *spread* of the best mean. The standard error of a mean is smaller than the spread.",
        "large": "it has the smallest mean, but a smaller network is within one standard error of it.",
        "huge": "its median or its best starts look good; the rule asks for the mean over the starts.",
        "giant": "its mean is near enough, but it isn't the one with the fewest parameters.",
    }
    if got == "middle":
        return None
    if isinstance(got, str) and got in hints:
        return f"You chose {got!r}: {hints[got]}"
    return f"It should return one of the names, such as 'large'; yours returned {'nothing' if got is None else repr(got)[:60]}."
