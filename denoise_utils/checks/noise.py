"""The questions of lesson 02."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, question

number(
    "02.clip",
    0.316,
    0.004,
    {
        0.0: "The noise itself averages to 0, but a black pixel cannot go below 0: half of the noise is cut away.",
        1.0: "That is σ. Think of the average of what is left when the negative half becomes 0.",
        0.5: "Half of σ would be right if the noise were always ±σ. Its size varies: measure it.",
        -0.316: "The right size, but which way can a black pixel move?",
        0.684: "That is where a white pixel goes. Ask the same for a black one.",
        0.195: "That is for σ = 0.5. Here σ is 1.",
        0.399: "So close: you cut at 0. The brightest are cut at 1 as well.",
    },
    "Take many black pixels, add the noise, clip, and take the mean.",
)


@question("02.noise")
def _noise(function: Callable[[Tensor, float, torch.Generator], Tensor]) -> str | None:
    clean = torch.full((64, 1, 28, 28), 0.5)
    clean[:32] = 0.0
    noisy, changed = call_on_copies(function, clean, 0.1, torch.Generator().manual_seed(0))
    if changed:
        return "Your function changed the clean images: the target of the training is spoilt. Make a new tensor."
    if noisy.min() < 0 or noisy.max() > 1:
        return f"Values go from {noisy.min():.2f} to {noisy.max():.2f}: an image lies in [0, 1]."
    spread = (noisy[32:] - 0.5).std().item()
    if abs(spread - 0.1) > 0.005:
        hint = " (that is about √0.1: σ is not the variance)" if abs(spread - 0.3) < 0.03 else ""
        hint = (
            " (rand is uniform: which function draws normal numbers?)" if abs(spread - 0.1 / 12**0.5) < 0.003 else hint
        )
        return f"For σ = 0.1 the noise on a grey image has standard deviation {spread:.3f}{hint}; it should be 0.1."
    if (noisy[32:] - 0.5).abs().max() < 0.25:
        return "The noise never goes beyond a few tenths: it looks uniform. Gaussian noise has tails; which function draws it?"
    if noisy[:32].flatten(1).std(dim=0).max() == 0:
        return "All images got the same noise. Draw one number for each pixel of each image."
    again = function(clean.clone(), 0.1, torch.Generator().manual_seed(0))
    if not torch.equal(noisy, again):
        return "The same generator seed gave other noise. Hand the generator on to the function that draws."
    return None


@question("02.psnr")
def _psnr(function: Callable[[float], float]) -> str | None:
    got = float(function(0.01))
    if near(got, 20, 1e-4) and near(float(function(1.0)), 0, 1e-6):
        return None
    typical = {
        -20: "The sign is turned round: a better image should have more dB.",
        40: "Twice too much: 20·log10 is for amplitudes, the MSE is already a square.",
        -math.log(0.01): "That is the natural logarithm; decibels use base 10 and a factor 10.",
        2: "Those are bels. A decibel is a tenth of one.",
    }
    otherwise = f"For MSE 0.01 you got {got:.3f}. How many powers of ten lie between 1 and 0.01, and 10 dB for each?"
    return nearest(got, typical.items(), 1e-4) or otherwise
