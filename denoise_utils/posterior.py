"""Lesson 08: what lies behind a noisy picture. The clean pictures that are possible, their mean, and how far they spread.

All of it is for noise ``noisy = clean + σ · n`` that is **not clipped**: ``GaussianNoise(sigma, clip=False)``. A denoiser
that was trained to have the smallest squared error answers with (nearly) the posterior mean. Then its residual tells the
score, and its derivative the covariance of what is possible.
"""

__all__ = [
    "posterior_weights", "posterior_mean", "score", "jacobian_product", "pixel_variance", "principal_direction",
    "conformal_quantile",
]  # fmt: skip

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .chance import stream
from .evaluation import measuring
from .inputs import Denoiser, require_answer, require_batch, require_count, require_grey, require_number


def posterior_weights(noisy: Tensor, templates: Tensor, sigma: float) -> Tensor:
    """How probable each template is, given what was seen, if the clean picture is one of them, all alike before.

    noisy: float ``[N, ...]``, pictures or points, any range. templates: float ``[T, ...]``, of the same shape but for T.
    sigma: the noise level σ, above 0, in the units of the templates. Returns float64 ``[N, T]`` on the CPU, each row with
    the sum 1: the softmax of −‖noisy − template‖² / 2σ², which is Bayes' rule. Raises ``TypeError`` or ``ValueError`` for
    wrong input.

    Lesson 08, "Two pixels, and the exact answer"."""
    sigma = require_number("sigma", sigma, above=True)
    require_batch("noisy", noisy)
    require_batch("templates", templates, noisy.shape[1:])
    # in float64, on the CPU: exponents of hundreds are compared, and Apple's GPUs have no float64
    seen, possible = (values.detach().flatten(1).cpu().double() for values in (noisy, templates))
    # ‖y − t‖² = ‖y‖² − 2 y·t + ‖t‖², and ‖y‖² is the same for all templates of a row: the softmax does not see it
    distances = possible.square().sum(dim=1) - 2 * seen @ possible.T
    return torch.softmax(-distances / (2 * sigma**2), dim=1)


def posterior_mean(noisy: Tensor, templates: Tensor, sigma: float) -> Tensor:
    """The mean of the templates, each weighted by ``posterior_weights``: the exact E[clean | noisy], and the best answer for
    the squared error, if the clean picture is one of the templates.

    Arguments and errors as for ``posterior_weights``. Returns float, the shape, dtype and device of ``noisy``. In blocks of
    500, so that the memory does not grow with N.

    Lesson 08, "Two pixels, and the exact answer"."""
    require_batch("noisy", noisy)
    require_batch("templates", templates, noisy.shape[1:])
    templates = templates.detach().cpu().double()  # once
    means = [posterior_weights(block, templates, sigma) @ templates.flatten(1) for block in noisy.split(500)]
    return torch.cat(means).view(noisy.shape).to(noisy)


def score(denoiser: Denoiser, noisy: Tensor, sigma: float) -> Tensor:
    """(denoiser(noisy) − noisy) / σ²: the gradient of log p(noisy), if the denoiser answers with the posterior mean. Called
    Tweedie's or Miyasawa's formula (B. Efron, "Tweedie's formula and selection bias", 2011).

    denoiser: noisy → denoised, of the same shape; a network in eval mode. noisy: float ``[N, ...]``, **not clipped**.
    sigma: σ, above 0. Returns float ``[N, ...]``, in 1 / (unit of noisy).

    Lesson 08, "The residual is a slope"."""
    sigma = require_number("sigma", sigma, above=True)
    require_batch("noisy", noisy)
    return (_answer(denoiser, noisy.clone()) - noisy) / sigma**2


@torch.no_grad()
def _answer(denoiser: Denoiser, noisy: Tensor) -> Tensor:
    # in blocks: more pictures at once don't fit into a processor's cache, and take twice as long
    with measuring(denoiser):
        parts = [require_answer("denoiser", denoiser(part), part, part.shape) for part in noisy.split(100)]
    return torch.cat(parts)


def jacobian_product(denoiser: Denoiser, noisy: Tensor, direction: Tensor, *, step: float = 0.01) -> Tensor:
    """J·v: how the answer to each picture changes if the picture moves along its direction v, per unit of length.

    J holds the derivative of every pixel of the answer by every pixel of the picture: 614,656 numbers for a digit. Nobody
    needs to write them down: the picture is moved a little to either side, and J·v is the difference of the two answers by
    the way between them. denoiser: as for ``score``; it treats each picture on its own. noisy, direction: float
    ``[N, ...]``, of one shape. step: how far the pixel that moves most is moved, in units of noisy. (``torch.func.jvp`` is
    exact; this averages over the kinks of a ReLU within a step.) Returns float ``[N, ...]``.

    Lesson 08, "How sure is it?"."""
    step = require_number("step", step, above=True)
    require_batch("noisy", noisy)
    require_batch("direction", direction, noisy.shape[1:])
    if len(direction) != len(noisy):
        raise ValueError(f"{len(direction)} directions for {len(noisy)} pictures: each needs its own")
    largest = direction.flatten(1).abs().amax(dim=1).clamp_min(1e-30).view(-1, *[1] * (noisy.ndim - 1))
    move = step * direction / largest
    return (_answer(denoiser, noisy + move) - _answer(denoiser, noisy - move)) * largest / (2 * step)


def pixel_variance(denoiser: Denoiser, noisy: Tensor, sigma: float, *, spacing: int = 4, seed: int = 0) -> Tensor:
    """How far each clean pixel is expected to lie from the answer: σ²·∂D_i/∂y_i, the variance of what is possible there.

    denoiser, noisy, sigma: as for ``score``; noisy ``[N, 1, H, W]``. spacing: 28 (the side) is exact and asks 784 times for
    J·v. Less is a **Monte Carlo** estimate that asks spacing² times: each moves a lattice of pixels at once, up or down by
    chance (``seed``), so that what a pixel hears of the others is zero in the mean, and small, since they are ``spacing``
    pixels away. Returns float ``[N, 1, H, W]``, brightness². A network is not exactly a posterior mean: values a little
    below 0 occur.

    Lesson 08, "How sure is it?"."""
    sigma, spacing = require_number("sigma", sigma, above=True), require_count("spacing", spacing)
    require_grey("noisy", noisy)
    signs = torch.randint(0, 2, noisy.shape, generator=stream(seed, "probe")).to(noisy) * 2 - 1
    variance = torch.zeros_like(noisy)
    for row in range(min(spacing, noisy.shape[2])):
        for column in range(min(spacing, noisy.shape[3])):
            probe = torch.zeros_like(noisy)
            lattice = (..., slice(row, None, spacing), slice(column, None, spacing))
            probe[lattice] = signs[lattice]
            variance += probe * jacobian_product(denoiser, noisy, probe)
    return sigma**2 * variance


def principal_direction(
    denoiser: Denoiser, noisy: Tensor, sigma: float, *, steps: int = 10, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """The direction in which the possible clean pictures differ most, and their variance along it: the first eigenvector of
    the covariance σ²·J, by power iteration (H. Manor, T. Michaeli, arXiv 2309.13598).

    denoiser, noisy, sigma: as for ``score``. steps: how often a direction, random at first (``seed``), is multiplied by J
    and brought back to length 1. Returns (directions float ``[N, ...]`` of length 1, variances float ``[N]``, brightness²).
    The sign of a direction means nothing. (A network's J is symmetric only roughly, and steps = 10 is nearly the end.)

    Lesson 08, "Is it a 4 or a 9?"."""
    sigma, steps = require_number("sigma", sigma, above=True), require_count("steps", steps)
    require_batch("noisy", noisy)
    moved = torch.randn(noisy.shape, generator=stream(seed, "probe")).to(noisy)
    for _ in range(steps):
        direction = F.normalize(moved.flatten(1), dim=1).view(noisy.shape)
        moved = jacobian_product(denoiser, noisy, direction)
    variance = sigma**2 * (moved * direction).flatten(1).sum(dim=1)
    return F.normalize(moved.flatten(1), dim=1).view(noisy.shape), variance


def conformal_quantile(scores: Tensor, level: float = 0.9) -> float:
    """The smallest q such that, of a **new** picture, a share ``level`` of the pixels is expected to score q or less.

    scores: float ``[N, ...]``, of N pictures that chose nothing else, such as ``|clean − answer| / width`` for each pixel.
    level: above 0, below 1. Returns the k-th smallest of the N·P scores, k = ⌈P·(N + 1)·level⌉, for P scores a picture.
    With P = 1 this is split conformal prediction, with more it is conformal risk control, where the share of missed pixels
    is the risk (A. Angelopoulos et al., arXiv 2208.02814). It holds for any denoiser and any width that were fixed before, if
    the new picture comes from where the N came from; *expected* is a mean over new pictures and over the draw of the N.
    Raises ``ValueError`` if N is too small for the level.

    Lesson 08, "Error bars that keep their word"."""
    level = require_number("level", level, high=1.0, above=True)
    require_batch("scores", scores)
    # the product may come out a hair above a whole number
    place = math.ceil(scores[0].numel() * (len(scores) + 1) * level - 1e-9)
    if place > scores.numel():
        least = f"1 − level should be 1 / {len(scores) + 1} or more"
        raise ValueError(f"{len(scores)} pictures are too few for the level {level:g}: {least}")
    return scores.detach().flatten().kthvalue(max(1, place)).values.item()
