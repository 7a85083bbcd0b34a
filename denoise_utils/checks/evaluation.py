"""The questions of lesson 05."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..baselines import LinearDenoiser, MeanImage, PCADenoiser, median_filter
from ..data import load_digits
from ..evaluation import evaluate
from ..noise import GaussianNoise
from .judging import number, question

number(
    "05.decibel",
    3.01,
    0.02,
    {
        2.0: "Twice as good, but dB are logarithmic: what is 10·log10(2)?",
        6.02: "That is for half the error amplitude. The MSE is a square already.",
        0.301: "Those are bels: ten times more in decibels.",
        -3.01: "Less error should give more dB.",
        10.0: "That is a tenth of the MSE.",
    },
    "PSNR is −10·log10(MSE). Put in MSE and MSE/2 and take the difference.",
)


@question("05.beat_median")
def _beat_median(denoiser: Callable[[Tensor], Tensor]) -> str | None:
    if isinstance(denoiser, nn.Module | LinearDenoiser | PCADenoiser | MeanImage):
        return f"A {type(denoiser).__name__} has learned from pictures. This time use filters and arithmetic only."
    images, noise = load_digits("mnist5k").val.images, GaussianNoise(0.5)
    goal = evaluate(median_filter(3), images, noise).mse
    got = evaluate(denoiser, images, noise).mse
    if got < goal:
        return None
    if abs(got - evaluate(lambda noisy: noisy, images, noise).mse) < 1e-6:
        return f"Validation MSE {got:.4f}: your denoiser returns its input unchanged."
    if abs(got - evaluate(torch.zeros_like, images, noise).mse) < 1e-6:
        return f"Validation MSE {got:.4f}: as good as an all-black image. Does your denoiser return the image at all?"
    if abs(got - goal) < 1e-6:
        return f"Validation MSE {got:.4f}: just what the median has: it is the median."
    return f"Validation MSE {got:.4f}; the median has {goal:.4f}. Two weak filters in a row may be one strong one."
