"""The questions of assignment 02."""

import math
import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from denoise_utils.checks.judging import (
    call_on_copies,
    judge_number,
    near,
    nearest,
    other_shape,
    personal,
    question,
    several,
)
from denoise_utils.data import load_digits, to_float
from denoise_utils.noise import GaussianNoise


@question("a02.batch_noise")
def _batch_noise(function: Callable[[Tensor, Tensor, torch.Generator], Tensor]) -> str | None:
    clean = torch.full((28, 1, 28, 28), 0.5)  # 28 images: then σ [N] also fits along the columns, silently
    clean[:, :, :8] = 0.0
    sigmas = torch.linspace(0.02, 0.15, 28)
    given = clean.clone()
    noisy = function(given, sigmas.clone(), torch.Generator().manual_seed(0))
    if found := other_shape(noisy, clean):
        return f"For clean images {list(clean.shape)} you returned {found}; it should be the same shape."
    if not torch.equal(given, clean):
        return "Your function changed the clean images: the target of the training is spoilt. Make a new tensor."
    if not (noisy.min() >= 0 and noisy.max() <= 1):
        return f"Values go from {noisy.min():.2f} to {noisy.max():.2f}: an image lies in [0, 1]."
    grey = noisy[:, 0, 8:] - 0.5
    spread = grey.std(dim=(1, 2))
    if (grey[0] / sigmas[0] - grey[27] / sigmas[27]).std() < 0.1:
        return "All images got the same pattern, only stronger or weaker. Draw one number for each pixel of each image."
    if not (grey.mean().abs() < 0.004):
        return f"A grey of 0.5 has a mean of {0.5 + grey.mean():.3f} now; it should stay. What is cut: the noise, or the sum?"
    if not ((spread / sigmas - 1).abs() < 0.2).all():
        if ((grey.std(dim=(0, 1)) / sigmas - 1).abs() < 0.2).all():
            return "Column 5 of every image has the σ of image 5: a row of N numbers lies along the last dimension. Turn it."
        if (spread.max() / spread.min()) < 1.3:
            return f"All images have noise of about {spread.mean():.3f}. Each should have its own σ, from 0.02 to 0.15."
        for wrong, hint in (
            (sigmas**2, "that is σ², the variance"),
            (sigmas**0.5, "that is √σ; σ is the standard deviation already"),
            (sigmas / 12**0.5, "rand draws uniform numbers from 0 to 1; which function draws normal ones?"),
            (sigmas.flip(0), "the order of the images is turned round"),
        ):
            if ((spread / wrong - 1).abs() < 0.2).all():
                return f"Image 27, σ = 0.15, has noise of standard deviation {spread[27]:.3f}: {hint}."
        return f"Images with σ = 0.02 and 0.15 have noise of standard deviation {spread[0]:.3f} and {spread[27]:.3f}."
    if not ((grey / sigmas.view(-1, 1, 1)).abs().max() > 3):
        return "The noise never goes beyond 3 σ: it looks uniform. Gaussian noise has tails; which function draws it?"
    black = (noisy[:, :, :8] == 0).float().mean().item()
    if not abs(black - 0.5) < 0.05:
        return (
            f"Of the black pixels {black:.0%} stayed exactly black; half should. Add the noise first, then cut the sum."
        )
    if not torch.equal(noisy, function(clean.clone(), sigmas.clone(), torch.Generator().manual_seed(0))):
        return "The same generator seed gave other noise. Hand the generator on to the function that draws."
    return None


@question("a02.two_psnrs")
def _two_psnrs(function: Callable[[Tensor, Tensor], tuple[float, float]]) -> str | None:
    clean = torch.zeros(2, 1, 4, 4)
    clean[:, :, 1:3] = 0.8  # no pixel is white, and the range is still 1
    errors = torch.tensor([0.1, 0.01]).view(2, 1, 1, 1)  # MSE 0.01 and 0.0001: 20 and 40 dB
    found = function((clean - errors).abs(), clean.clone())
    if not several(found, 2):
        return "It should return two numbers: the mean of the PSNRs, and the PSNR of the mean MSE."
    if any(isinstance(value, Tensor) and value.numel() != 1 for value in found):
        return "One of the two is a row of numbers, one for each image. Both should be a single number for the set."
    of_images, of_mse = (float(value) for value in found)
    if near([of_images, of_mse], [30, 22.967], 0.01):
        return None
    if near([of_images, of_mse], [22.967, 30], 0.01):
        return "Both right, in the other order: first the mean of the PSNRs."
    # the brightest clean pixel, the brightest denoised one, and that of each denoised picture
    peaks = (0.8, 0.79, (0.7 * 0.79) ** 0.5)
    if any(near(of_images, 30 + 20 * math.log10(peak), 0.01) for peak in peaks):
        return f"{of_images:.2f} dB: you took the range from a picture's brightest pixel. It is 1, whatever is in the picture."
    if near(of_images, of_mse, 0.01):
        return (
            f"Both are {of_images:.2f} dB. The images have MSE 0.01 and 0.0001. One way averages before the logarithm, "
            "the other after it."
        )
    if near(of_images, -30, 0.01) or near(of_mse, -22.967, 0.01):
        return "A sign is turned round: a better image should have more dB."
    if near(of_images, 60, 0.01) or near(of_mse, 45.93, 0.02):
        return "Twice too much: 20·log10 is for amplitudes, the MSE is already a square."
    if near(of_images, 69.08, 0.02) or near(of_mse, 52.88, 0.02):
        return "That is the natural logarithm; decibels use base 10."
    if near(of_images, 30, 0.01):
        return (
            f"The first is right. For the second you got {of_mse:.2f} dB: what is the mean of the MSEs 0.01 and 0.0001?"
        )
    return f"Two images have MSE 0.01 and 0.0001, so 20 dB and 40 dB. As their mean you got {of_images:.2f} dB."


def _cut_mean(level: float, sigma: float, low: float = 0.0, high: float = 1.0) -> float:
    """The mean of level + σ · n, cut to [low, high]."""

    def below(limit: float) -> float:  # the share of the noise below a limit
        return 0.5 * (1 + math.erf((limit - level) / sigma / 2**0.5))

    def height(limit: float) -> float:
        return sigma * math.exp(-(((limit - level) / sigma) ** 2) / 2) / (2 * math.pi) ** 0.5

    inside = below(high) - below(low)
    return low * below(low) + high * (1 - below(high)) + level * inside + height(low) - height(high)


def _wall(level: float, sigma: float) -> tuple[float, dict[float, str]]:
    """The right answer of ``a02.wall``, and the typical wrong ones."""
    right, at_0_only = _cut_mean(level, sigma), _cut_mean(level, sigma, high=100.0)
    return right, {
        level: "That is the wall itself. The noise averages to 0, but each picture was clipped before the averaging.",
        1 - right: "That is for a wall as much brighter as yours is darker than middle grey, or the other way round.",
        at_0_only: "You cut at 0. What is brighter than white is cut as well.",
        _cut_mean(level, sigma, low=-100.0): "You cut at 1. What is darker than black is cut as well.",
        2 * at_0_only - level: "That is the mean of absolute values: a pixel below 0 becomes 0, not positive.",
        abs(right - level): "That is how far it moved. Where does it land?",
    }


@personal("a02.wall")
def _grey(draw: random.Random) -> dict[str, float]:
    return {
        "brightness": draw.choice([0.15, 0.2, 0.25, 0.3, 0.7, 0.75, 0.8, 0.85]),
        "sigma": draw.choice([0.5, 0.65, 0.75, 0.8, 0.85, 0.95, 1.0]),  # where no two typical answers meet
    }


@question("a02.wall")
def _wall_mean(value: Any, numbers: dict[str, float]) -> str | None:
    right, typical = _wall(numbers["brightness"], numbers["sigma"])
    otherwise = "Simulate it: a million grey pixels of this brightness, noise, clip, mean. The tolerance is 0.004."
    return judge_number(value, right, 0.004, typical, otherwise)


def _solve(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """The weight and the constant that map rows of x to rows of y by ridge least squares."""
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    gram = (x - x_mean).T @ (x - x_mean) + ridge * torch.eye(x.shape[1])
    weight = torch.linalg.solve(gram, (x - x_mean).T @ (y - y_mean))
    return weight, y_mean - x_mean @ weight


@question("a02.matrix")
def _matrix(function: Callable[[Tensor, Any, float, torch.Generator], Callable[[Tensor], Tensor]]) -> str | None:
    digits, noise = load_digits("mnist5k"), GaussianNoise(0.5, clip=True)
    clean, wanted = to_float(digits.train.images[:1500]), to_float(digits.val.images)
    noisy = noise(wanted, torch.Generator().manual_seed(99))

    def answer(ridge: float = 20.0) -> Any:
        denoiser = function(clean.clone(), noise, ridge, torch.Generator().manual_seed(0))
        return denoiser(noisy.clone()) if callable(denoiser) else denoiser

    def mse(images: Tensor) -> float:
        return (images.clamp(0, 1) - wanted).square().mean().item()

    found = answer()
    if not isinstance(found, Tensor):
        return f"It returned a {type(found).__name__}. It should return a function: noisy images → denoised images."
    if found.shape in ((784, 784), (785, 784)):
        return "It returned the matrix. It should return a function that uses it: noisy images → denoised images."
    if shape := other_shape(found, wanted):
        return f"Your denoiser made {shape} of {list(noisy.shape)}: it should return pictures, as it got them."
    x, y, rows = noise(clean, torch.Generator().manual_seed(0)).flatten(1), clean.flatten(1), noisy.flatten(1)
    weight, bias = _solve(x, y, 20.0)
    goal, got = mse((rows @ weight + bias).view_as(noisy)), mse(found)
    if abs(got / goal - 1) < 0.04:
        if near(found, answer(), 1e-3):
            return None
        return "The same generator seed gave another matrix. Hand the generator on to the noise."
    says = f"MSE {got:.4f} on validation images; a matrix can have {goal:.4f}. "

    def mapped(x: Tensor, y: Tensor) -> Tensor:  # by the matrix that maps x to y
        weight, bias = _solve(x, y, 20.0)
        return rows @ weight + bias

    for images, hint in (
        (rows @ weight, "Your answers are too dark all over: the constant b is missing at the end."),
        (rows @ weight.T + bias, "The matrix is turned: with a picture in each row, it stands on the right, as in xW."),
        (mapped(y, x), "It maps clean to noisy. Which of the two does it get to see?"),
        (mapped(y, y), "It was fitted to clean pictures, and has never seen noise."),
        (mapped(x, x), "It has learned to return the noisy picture. What is the target?"),
        (mapped(x, x - y), "It answers with the noise. The picture is asked for."),
        (
            y.mean(dim=0).expand_as(rows),
            "It answers every picture with nearly the mean picture: the weights are held back far too much.",
        ),
    ):
        if (found.flatten(1) - images).square().mean().sqrt() < 0.02:
            return says + hint
    if near(found, answer(2000.0), 1e-3):
        return says + "Another ridge gives the same matrix: where does λ come in?"
    return says + "Look at each part of the formula: what is centred, where λ stands, which of the two is noisy."


@question("a02.salt")
def _salt(function: Callable[[Tensor, float, float, torch.Generator], Tensor]) -> str | None:
    clean = torch.full((32, 1, 28, 28), 0.5)
    noisy, changed = call_on_copies(function, clean, 0.1, 0.5, torch.Generator().manual_seed(0))
    if found := other_shape(noisy, clean):
        return f"For clean images {list(clean.shape)} you returned {found}; it should be the same shape."
    if changed:
        return "Your function changed the clean images: the target of the training is spoilt. Make a new tensor."
    black, white, spoilt = noisy == 0, noisy == 1, noisy != 0.5
    if (spoilt & ~black & ~white).any():
        value = noisy[spoilt & ~black & ~white][0].item()
        return f"A spoilt pixel has the value {value:.2f}. It should be exactly 0 or 1; nothing is added."
    share = spoilt.float().mean().item()
    if not abs(share - 0.1) < 0.008:
        wrong = {
            0.2: " Did each colour get the whole share?",
            0.05: " Did each pixel have to win twice?",
            0.9: " The others should stay.",
            1.0: " The others should stay.",
            0.0: " Is a new tensor returned, and are the pixels put into it?",
        }
        hint = nearest(share, wrong.items(), 0.01) or ""
        return f"With share 0.1, {share:.1%} of the pixels are spoilt; it should be 10%.{hint}"
    if (spoilt == spoilt[:1]).all():
        return "All images are spoilt at the same pixels. Draw one number for each pixel of each image."
    bright = (white.sum() / spoilt.sum()).item()
    if bright in (0, 1):
        return (
            f"All spoilt pixels are {'white' if bright else 'black'}. If one number decides both *whether* and *which*, a "
            "number that is small enough for the first is always on the same side of the second."
        )
    if not abs(bright - 0.5) < 0.04:
        return f"Of the spoilt pixels {bright:.0%} are white; with white = 0.5 it should be half."
    if not torch.equal(noisy, function(clean.clone(), 0.1, 0.5, torch.Generator().manual_seed(0))):
        return "The same generator seed spoilt other pixels. Hand the generator on to everything that draws."
    return None
