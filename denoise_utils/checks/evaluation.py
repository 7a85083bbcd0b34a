"""The questions of lesson 05."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from ..baselines import FITTED, total_variation
from ..data import load_digits
from ..evaluation import evaluate
from ..noise import GaussianNoise
from .judging import near, nearest, number, question, several, worked

number(
    "05.decibel",
    3.01,
    0.02,
    {
        2.0: "That is the factor. Decibels count powers of ten, so a factor becomes a difference.",
        6.02: "That is for half the error amplitude. The MSE is a square already.",
        0.301: "Those are bels: ten times more in decibels.",
        -3.01: "Less error should give more dB.",
        10.0: "That is a tenth of the MSE.",
    },
    "Think of one picture: any MSE you like, then half of it. How far apart are its two PSNRs?",
)


@question("05.interval")
def _interval(function: Callable[[Tensor, Tensor], tuple[float, float]]) -> str | None:
    for count, gain in ((60, 0.004), (240, -0.002)):
        chance = torch.Generator().manual_seed(count)
        hard = 0.02 + 0.05 * torch.rand(count, generator=chance)  # what is hard for both
        a, b = (hard + 0.004 * torch.randn(count, generator=chance) for _ in range(2))
        if hint := _ends(function, a + gain, b):
            return hint
    return None


def _ends(function: Callable[[Tensor, Tensor], Any], a: Tensor, b: Tensor) -> str | None:
    got = function(a.clone(), b.clone())
    got = got.tolist() if isinstance(got, Tensor) and got.shape == (2,) else got
    if not several(got, 2) or any(isinstance(end, Tensor) and end.numel() != 1 for end in got):
        return "It should return two numbers, (low, high): where the interval begins, and where it ends."
    low, high = float(got[0]), float(got[1])
    root, mean, error = len(a) ** 0.5, (a - b).mean().item(), (a - b).std().item()
    middle, half = (low + high) / 2, (high - low) / 2
    if low != low or high != high:
        return "Your ends are not numbers (NaN). What is the spread of a single number, a mean?"
    if near(low, mean, 1e-6) and near(high, 1.96 * error / root, 1e-4):
        return "Those are the middle and half of the width. Where does the interval begin, and where does it end?"
    if low > high:
        return f"Your interval begins at {low:.4f} and ends at {high:.4f}: the smaller end comes first."
    if near(middle, -mean, 1e-6):
        return "The sign is turned round: a − b is above 0 where a has the larger error."
    if near(middle, (a - b).abs().mean(), 1e-6):
        return "You took the size of each difference. Where b is worse, the difference should count against a."
    if not near(middle, mean, 1e-6):
        return f"The middle of your interval is {middle:.4f}; the mean difference is {mean:.4f}."
    apart = (a.var() + b.var()).item() ** 0.5  # as if each had had its own pictures
    pooled = torch.cat([a, b]).std().item()
    unpaired = "That is for two sets of pictures. Yours are pairs: what is hard for both should cancel first."
    wrong = [
        (1.96 * apart / root, unpaired),
        (1.96 * pooled / root, unpaired),
        (1.96 * pooled / (2 * len(a)) ** 0.5, unpaired),
        (1.96 * (a.std() + b.std()).item() / root, "You added two half widths. Pairs have one spread: of what?"),
        (1.96 * error, "That is where single pictures lie. The mean of many pictures lies closer: by which factor?"),
        (1.96 * error / len(a), "Far too narrow: four times the pictures should halve the interval, not quarter it."),
        (1.96 * error**2 / root, "That is made of a variance, the square of a spread, and far too narrow."),
        (1.96 * error**2 / len(a), "That is made of a variance, the square of a spread, and far too narrow."),
        (error / root, "That is one standard error on either side: it holds the truth in about 68 of 100 cases."),
        (0.98 * error / root, "Too narrow by half: the 1.96 standard errors lie on *either* side."),
        (3.92 * error / root, "Twice too wide: 1.96 standard errors on either side make 3.92 in all."),
        (1.645 * error / root, "That is an interval of 90 %."),
        (2.576 * error / root, "That is an interval of 99 %."),
    ]
    if near(half, 1.96 * error / root, 0.06 * error / root):  # 2 for 1.96, Student's t, a spread with n for n - 1
        return None
    otherwise = f"The middle is right. Half of the width is {half:.5f}: for {len(a)} pictures it should be another."
    return nearest(half, wrong, 0.02 * half) or otherwise


@contextmanager
def _learned() -> Iterator[list[str]]:
    """Collects the kinds of all denoisers that have learned and are asked in the meantime, inside of a function too."""
    asked, here = [], get_ident()

    def network(module: nn.Module, _) -> None:
        if get_ident() == here and next(module.parameters(), None) is not None:  # a pooling layer has learned nothing
            asked.append(type(module).__name__)

    def noticing(kind: type) -> Callable[[Any, Tensor], Tensor]:
        plain = kind.__call__

        def call(self: Any, noisy: Tensor) -> Tensor:
            asked.append(kind.__name__)
            return plain(self, noisy)

        at_the_end.callback(setattr, kind, "__call__", plain)
        return call

    with ExitStack() as at_the_end:
        at_the_end.callback(nn.modules.module.register_module_forward_pre_hook(network).remove)
        for kind in FITTED:
            kind.__call__ = noticing(kind)
        yield asked


def _undo(filtered: Tensor) -> Tensor:
    """As in the lesson: without the bias that clipping leaves."""
    return (filtered - 0.195) / (0.805 - 0.195)


@cache
def _goal() -> float:
    """The best line of the lesson's table: total variation with its bias undone."""
    classic = total_variation(0.2)
    return evaluate(lambda noisy: _undo(classic(noisy)), load_digits("mnist5k").val.images, GaussianNoise(0.5)).mse


@question("05.beat_classics")
def _beat_classics(denoiser: Callable[[Tensor], Tensor]) -> str | None:
    images, noise, goal = load_digits("mnist5k").val.images, GaussianNoise(0.5), _goal()
    with _learned() as asked:
        got = evaluate(denoiser, images, noise).mse
    if asked:
        return (
            f"A {asked[0]} answers here, and it has learned from pictures. This time use filters and arithmetic only."
        )
    if got < goal - 1e-6:
        return None
    if abs(got - evaluate(lambda noisy: noisy, images, noise).mse) < 1e-6:
        return f"Validation MSE {got:.4f}: your denoiser returns its input unchanged."
    if abs(got - evaluate(torch.zeros_like, images, noise).mse) < 1e-6:
        return f"Validation MSE {got:.4f}: as good as an all-black image. Does your denoiser return the image at all?"
    if abs(got - goal) < 1e-6:
        return f"Validation MSE {got:.4f}: that is the one to beat itself, total variation with its bias undone."
    aim = f"Validation MSE {got:.4f}; the one to beat has {goal:.4f}."
    if evaluate(lambda noisy: _undo(denoiser(noisy)), images, noise).mse < 0.95 * got:
        return f"{aim} Look at the background in its answers: is it black?"
    return f"{aim} Look at its answers: what is left of the noise, and what is lost of the strokes?"


worked(
    "05.decibel",
    "The PSNR is −10·log10(MSE), so half the MSE adds 10·log10(2) to it, whatever it was. Every halving is worth the same "
    "3 dB.",
    """
    import math

    my_gain = 10 * math.log10(2)
    """,
)
worked(
    "05.interval",
    "Both saw the same pictures, so there is one difference for each picture, and what is hard for both is gone from it. Of "
    "these differences take the mean, and 1.96 standard errors (their spread divided by the root of their number) on either "
    "side.",
    """
    def my_interval(a, b):
        differences = a - b
        mean = differences.mean().item()
        half = 1.96 * differences.std().item() / len(differences) ** 0.5
        return mean - half, mean + half
    """,
)
worked(
    "05.beat_classics",
    "The median takes away wild grains and leaves gentle ones; a weak blur takes these away. Both leave what the clipping did: "
    "black lies too high, white too low. The straight line of the ladder's section undoes it.",
    """
    def my_denoiser(noisy):
        smooth = du.gaussian_blur(0.7)(du.median_filter(3)(noisy))
        return (smooth - 0.195) / (0.805 - 0.195)
    """,
)
