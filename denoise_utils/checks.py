"""``check(name, value)``: your answer → what is right, what is wrong, and a hint. Offline, and it never shows the solution.

A question about a number knows the typical wrong numbers; a question about a function calls it on small inputs. To add
one, write a function that returns ``None`` if the answer is right and a hint if it is not, and decorate it with its name.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .baselines import LinearDenoiser, MeanImage, PCADenoiser, median_filter
from .data import load_digits
from .evaluation import evaluate
from .noise import GaussianNoise

Judge = Callable[[Any], str | None]
_JUDGES: dict[str, Judge] = {}


def check(name: str, value: Any) -> bool:
    """Judge an answer, print why, return whether it is right.

    name: the question, such as ``"02.clip"``. value: your number or function; ``...`` means not answered yet.
    Raises ``ValueError`` for an unknown question, with the list of all.
    """
    if name not in _JUDGES:
        raise ValueError(f"unknown question {name!r}: choose one of {', '.join(sorted(_JUDGES))}")
    if value is ...:
        print(f"{name}: not answered yet. Put your answer in place of the dots and run the cell again.")
        return False
    try:
        hint = _JUDGES[name](value)
    except Exception as error:  # the learner's own function may fail in any way: show it, don't crash the lesson
        hint = f"it stopped with {type(error).__name__}: {error}"
        hint += ". Is it a function, and does it return its result?" if isinstance(error, TypeError) else ""
    print(f"{name}: right." if hint is None else f"{name}: not yet. {hint}")
    return hint is None


def _question(name: str) -> Callable[[Judge], Judge]:
    def register(judge: Judge) -> Judge:
        _JUDGES[name] = judge
        return judge

    return register


def _number(name: str, right: float, tolerance: float, typical: dict[float, str], otherwise: str) -> None:
    """Register a question about a number. typical: wrong answer → hint, with the same tolerance."""

    def judge(value: Any) -> str | None:
        if isinstance(value, Tensor | np.ndarray | np.generic) and math.prod(value.shape) == 1:
            value = value.item()
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"The answer should be a number; yours is a {type(value).__name__}."
        if not math.isfinite(value):
            return f"The answer should be a finite number; yours is {value}."
        if abs(value - right) <= tolerance:
            return None
        close = [(abs(value - wrong), hint) for wrong, hint in typical.items() if abs(value - wrong) <= tolerance]
        return min(close)[1] if close else otherwise

    _JUDGES[name] = judge


# ---- 00 start here ----

_number(
    "00.noisy",
    0.1155,
    0.003,
    {
        0.25: "That is σ². What does clipping do to a black pixel that would become darker than black?",
        0.5: "That is σ, the size of the noise on one pixel. The MSE is a mean of squares.",
        0.34: "That looks like the root of the answer: is your figure squared?",
    },
    "Subtract the clean images from the noisy ones, square, and take the mean over everything.",
)
_number(
    "00.black",
    0.1125,
    0.004,
    {
        0.0: "Only if the digits were black too. What does a white pixel add to the error?",
        0.1325: "That is the mean brightness. The error of each pixel is squared before the mean is taken.",
        1.0: "That would be white paper: every pixel wrong by the full range.",
    },
    "The answer of an all-black picture is 0 everywhere, so the error of a pixel is its clean value. Square, then mean.",
)

# ---- 01 data loading ----


@_question("01.to_float")
def _to_float(function: Callable[[Tensor], Tensor]) -> str | None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    result = function(images.clone())
    if not isinstance(result, Tensor):
        return f"Your function returned a {type(result).__name__}; it should return a tensor."
    if result.dtype != torch.float32:
        return f"The result is {result.dtype}; networks here want torch.float32."
    if result.shape != images.shape:
        return f"The shape changed from {list(images.shape)} to {list(result.shape)}."
    if result.max() > 1:
        return f"White became {result.max():g}; it should become 1.0."
    if not torch.allclose(result, torch.tensor([0, 0.2, 1]).view_as(result)):
        return f"0, 51, 255 became {[round(v, 3) for v in result.flatten().tolist()]}. Only scale: what is 51 of 255?"
    return None


@_question("01.split")
def _split(function: Callable[[int], tuple[Tensor, Tensor, Tensor]]) -> str | None:
    parts = function(1000)
    if len(parts) != 3:
        return f"It should return three index tensors; yours returned {len(parts)}."
    train, val, test = (set(part.tolist()) for part in parts)
    if train & test or train & val or val & test:
        return "An index stands in two parts. What would a test figure mean then?"
    if missing := set(range(1000)) - (train | val | test):
        return f"{len(missing)} images are in no part, such as number {min(missing)}. Indices go from 0 to n - 1."
    if not len(train) > max(len(val), len(test)) or not min(len(val), len(test)):
        return (
            f"The sizes are {len(train)}, {len(val)}, {len(test)}: most should train, some be left for each other part."
        )
    if not all(torch.equal(a, b) for a, b in zip(parts, function(1000), strict=True)):
        return "A second call gave other parts. Tomorrow's test images may be today's training images: fix the seed."
    if any(max(part) - min(part) == len(part) - 1 for part in (train, val, test)):
        return "The parts are cut in order. If the images are sorted by class, the test part holds classes never trained on."
    return None


@_question("01.batches")
def _batches(function: Callable[[Tensor, int], Any]) -> str | None:
    images = torch.arange(10).view(10, 1, 1, 1).float()
    found = [batch for batch in function(images, 4)]
    values = torch.cat(found).flatten()
    values = (values * 255 if 0 < values.max() < 1 else values).round().tolist()  # bytes or fractions, both are fine
    if len(values) < 10:
        return f"Of 10 images only {len(values)} came out. What happens to the last, smaller batch?"
    if sorted(values) != images.flatten().tolist():
        return "Some image came twice and another not at all. Shuffle the indices once, then cut them."
    if [len(batch) for batch in found] != [4, 4, 2]:
        return (
            f"The batch sizes are {[len(batch) for batch in found]}; for 10 images and batches of 4 expect [4, 4, 2]."
        )
    if values == images.flatten().tolist():
        return "The order is that of the data. Draw a random order first."
    return None


# ---- 02 noise ----

_number(
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


@_question("02.noise")
def _noise(function: Callable[[Tensor, float, torch.Generator], Tensor]) -> str | None:
    clean = torch.full((64, 1, 28, 28), 0.5)
    clean[:32] = 0.0
    before = clean.clone()
    noisy = function(clean, 0.1, torch.Generator().manual_seed(0))
    if not torch.equal(clean, before):
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
    again = function(clean, 0.1, torch.Generator().manual_seed(0))
    if not torch.equal(noisy, again):
        return "The same generator seed gave other noise. Hand the generator on to the function that draws."
    return None


@_question("02.psnr")
def _psnr(function: Callable[[float], float]) -> str | None:
    got = float(function(0.01))
    if abs(got - 20) < 1e-4 and abs(float(function(1.0))) < 1e-6:
        return None
    if abs(got + 20) < 1e-4:
        return "The sign is turned round: a better image should have more dB."
    if abs(got - 40) < 1e-4:
        return "Twice too much: 20·log10 is for amplitudes, the MSE is already a square."
    if abs(got - 4.605) < 1e-2:
        return "That is the natural logarithm; decibels use base 10 and a factor 10."
    if abs(got - 2) < 1e-4:
        return "Those are bels. A decibel is a tenth of one."
    return f"For MSE 0.01 you got {got:.3f}. How many powers of ten lie between 1 and 0.01, and 10 dB for each?"


# ---- 03 architecture ----

_number(
    "03.t_conv",
    15,
    0,
    {
        14: "That would be doubling, as k = 2 does. How far does a kernel of 3 reach?",
        16: "One too many: the last kernel starts at position 2·(7 − 1).",
        13: "That is where the last kernel starts, plus 1; it is 3 wide.",
        21: "Kernels overlap here: neighbours start 2 apart, not 3.",
        3: "That is a convolution with stride 2. The transposed one goes the other way.",
    },
    "Seven kernels, each 3 wide, start 2 apart. Where does the last one start, and where does it end?",
)
_number(
    "03.parameters",
    3208,
    0,
    {
        3200: "Those are the weights. Each output channel has one more number.",
        3216: "One bias for each output channel, not for each input channel.",
        200: "Each output channel has a kernel for every input channel.",
        400: "Each output channel has a kernel for every input channel, and there are several output channels.",
        128: "Each pair of channels has a 5 by 5 kernel, not one number.",
        1160: "That is for kernels of 3 by 3.",
    },
    "How many kernels does one output channel have, how many numbers has a kernel, and what comes on top?",
)
_number(
    "03.receptive",
    17,
    0,
    {
        20: "Four times five would be side by side. They overlap: each layer adds a few pixels on either side.",
        625: "Sizes do not multiply without a stride. How many pixels does each layer add on each side?",
        5: "That is one layer. The second one looks at pixels which have looked around themselves already.",
        9: "That is two layers of this size, or four of size 3.",
        13: "That is three layers.",
        289: "That is the area; the question is the side.",
    },
    "One 5-wide layer sees 1 + 4 pixels. What does each further layer add?",
)

# ---- 04 training ----

_number(
    "04.printed",
    0.0489,
    0.0003,
    {
        0.9775: "That is what it printed. It divided by the number of batches; by what should it have divided?",
        19.55: "The other way: the printed figure is too large, not too small.",
        0.9887: "No root is needed. Each batch's mean was counted 20 times.",
        0.0261: "That is the last epoch.",
    },
    "The loss of each batch (a mean) was multiplied by 20 images, summed, and divided by the number of batches.",
)


@_question("04.loss")
def _loss(function: Callable[[list[float], list[int]], float]) -> str | None:
    losses, sizes = [0.2, 0.4, 0.9], [4, 4, 2]  # the mean over the ten images is 0.42
    got = float(function(losses, sizes))
    if abs(got - 0.42) < 1e-6:
        return None
    if abs(got - 0.5) < 1e-6:
        return (
            "That is the mean of the batch means: the two images of the short last batch count double. Weigh by size."
        )
    if abs(got - 1.4) < 1e-6:
        return "That is the tutorial's mistake: divide by the number of images, not of batches."
    if abs(got - 4.2) < 1e-6 or abs(got - 1.5) < 1e-6:
        return "That is a sum: with more images it grows, though the network is no worse. Divide."
    return f"For means {losses} of batches of {sizes} images you got {got:.4g}. What would the mean over all ten images be?"


# ---- 05 evaluation ----

_number(
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


@_question("05.beat_median")
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


# ---- 06 better denoisers ----

_number(
    "06.twins",
    0.0097,
    0.00004,
    {
        0.0100: "That is one of them alone. Where their mistakes differ, the mean gains.",
        0.0094: "Too much gain: look at the rule once more, by what is D divided?",
        0.0088: "The whole of D can't be gained: each network keeps most of its own mistakes.",
        0.0103: "The mean of two answers is never worse than the two errors' mean: check the sign.",
        0.0050: "That would be so if the two made entirely different mistakes.",
    },
    "The lesson has an exact rule with E and D, and checks it by a measurement.",
)
_number(
    "06.posterior",
    0.7,
    0.001,
    {
        1.0: "That is the most probable colour. When it is wrong, it is wrong by the full range.",
        0.0: "That is the less probable colour.",
        0.5: "That ignores which colour is more probable.",
        0.3: "That is the probability of black. Which grey is nearer to the more probable colour?",
    },
    "Compute the expected error for some greys from 0 to 1, and take the smallest.",
)


@_question("06.mirror")
def _mirror(function: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]) -> str | None:
    noisy = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    shape = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))  # a denoiser that knows left from right

    def denoiser(x: Tensor) -> Tensor:
        return (x * shape).square()

    before, straight, mirrored = noisy.clone(), denoiser(noisy), denoiser(noisy.flip(3))
    got = function(denoiser, noisy)
    if not torch.equal(noisy, before):
        return "Your function changed the noisy pictures themselves. Work on a copy."
    if not isinstance(got, Tensor) or got.shape != noisy.shape:
        return f"It should return pictures of the same shape, {list(noisy.shape)}."
    wrong = {
        "That is the plain answer. Where does the mirrored picture come in?": straight,
        "That is the mirrored picture's answer alone; the plain one is missing.": mirrored.flip(3),
        "The answer to the mirrored picture is still mirrored: turn it back before you take the mean.": (
            straight + mirrored
        )
        / 2,
        "You exchanged top and bottom: which dimension runs from left to right?": (
            straight + denoiser(noisy.flip(2)).flip(2)
        )
        / 2,
        "That is the sum of two answers, twice as bright as it should be.": straight + mirrored.flip(3),
        "You took the mean of the pictures first. Denoise both, then take the mean.": denoiser(
            (noisy + noisy.flip(3)) / 2
        ),
    }
    if torch.allclose(got, (straight + mirrored.flip(3)) / 2, atol=1e-6):
        return None
    close = [hint for hint, value in wrong.items() if torch.allclose(got, value, atol=1e-6)]
    return (
        close[0] if close else "Denoise noisy and noisy.flip(...), undo the flip of the second answer, take the mean."
    )
