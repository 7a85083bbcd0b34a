"""The questions of assignment 08."""

import math
from collections.abc import Callable
from fractions import Fraction
from random import Random
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


def _by_the_slope(noisy: Tensor, templates: Tensor, chances: Tensor, spread: float, sigma: float) -> Tensor:
    """The posterior mean by Tweedie's formula, noisy + σ² · the gradient of log p: p is a sum of bells of width √(s² + σ²)."""
    y = noisy.double().requires_grad_()
    squares = (y[:, None] - templates.double()).square().flatten(2).sum(dim=2)
    log_p = torch.logsumexp(chances.double().log() - squares / (2 * (spread**2 + sigma**2)), dim=1)
    (slope,) = torch.autograd.grad(log_p.sum(), y)
    return (noisy + sigma**2 * slope).to(noisy)


@question("a08.mixture")
def _mixture(function: Callable[[Tensor, Tensor, Tensor, float, float], Tensor]) -> str | None:
    generator, spread, sigma = torch.Generator().manual_seed(0), 0.4, 0.7
    templates = torch.rand(4, 1, 2, 3, generator=generator)
    chances = torch.tensor([0.05, 0.55, 0.3, 0.1])
    noisy = templates[:3] + 0.8 * torch.randn(3, 1, 2, 3, generator=generator)
    got, changed = call_on_copies(function, noisy, templates, chances, spread, sigma)
    if changed:
        return "Your function changed what it was given. Work on copies."
    if found := other_shape(got, noisy):
        return f"For 3 noisy pictures and 4 templates it should return {list(noisy.shape)}; yours returned {found}."
    if near(got, _by_the_slope(noisy, templates, chances, spread, sigma)):
        return None
    if not torch.isfinite(got).all():
        return "Your answer holds NaN or infinity."
    otherwise = (
        "The answer is another one. For one noisy picture print the four weights: do they add up to 1, and is the answer "
        "the weighted mean of four compromises?"
    )
    wrong = _wrong_weights(noisy, templates, chances, spread, sigma)
    wrong += _wrong_compromises(noisy, templates, chances, spread, sigma)
    return nearest(got, wrong, 1e-5) or otherwise


def _weighted(noisy: Tensor, templates: Tensor, weights: Tensor, share: float, once: bool = True) -> Tensor:
    """once: the compromise is made with the mean of the templates; else with each of them, and then comes the mean."""
    y, t = noisy.flatten(1), templates.flatten(1)
    seen = share * y if once else weights.sum(dim=1, keepdim=True) * share * y
    return (weights @ t * (1 - share) + seen).view_as(noisy)


def _wrong_weights(
    noisy: Tensor, templates: Tensor, chances: Tensor, spread: float, sigma: float
) -> list[tuple[Tensor, str]]:
    squares = (noisy[:, None] - templates).square().flatten(2)
    distance, both, log = squares.sum(dim=2), spread**2 + sigma**2, chances.log()

    def answer(scores: Tensor) -> Tensor:
        return _weighted(noisy, templates, torch.softmax(scores, dim=1), spread**2 / both)

    unlike_one = [
        (torch.exp(-distance / (2 * both)) * chances, "The weights don't add up to 1."),
        (
            torch.softmax(-distance / (2 * both), dim=1) * chances,
            "The weights added up to 1 before the templates' probabilities came in, and no longer do.",
        ),
        (
            torch.softmax(log - distance / (2 * both), dim=0),
            "The weights add up to 1 over the noisy pictures. For each noisy picture they should do so over the templates.",
        ),
    ]
    several_ways = [
        (_weighted(noisy, templates, weights, spread**2 / both, once), hint)
        for weights, hint in unlike_one
        for once in (True, False)
    ]
    return [
        *several_ways,
        (
            answer(log - distance / (2 * sigma**2)),
            "The weights know only of the noise. How far does a noisy picture lie from its own template, if that varies, too?",
        ),
        (answer(log - distance / (2 * spread**2)), "The weights know only of the variations, and not of the noise."),
        (answer(log - distance / (2 * (spread + sigma) ** 2)), "Two independent spreads don't add up: what does?"),
        (answer(log - distance / both), "The 2 under the fraction is missing: the weights are too sharp."),
        (answer(log - distance / (2 * math.sqrt(both))), "In the weights a spread stands where its square should."),
        (answer(-distance / (2 * both)), "The weights take all templates for equally probable; they aren't."),
        (
            answer(chances - distance / (2 * both)),
            "A probability is added to an exponent. Outside of the exponential it would be a factor: what is it inside?",
        ),
        (
            answer(log - squares.mean(dim=2) / (2 * both)),
            "You took the mean over the pixels. Each pixel is a witness of its own: their evidence adds up.",
        ),
    ]


def _wrong_compromises(
    noisy: Tensor, templates: Tensor, chances: Tensor, spread: float, sigma: float
) -> list[tuple[Tensor, str]]:
    distance = (noisy[:, None] - templates).square().flatten(2).sum(dim=2)
    both = spread**2 + sigma**2
    share, log = spread**2 / both, chances.log()
    weights = torch.softmax(log - distance / (2 * both), dim=1)
    points = torch.softmax(log - distance / (2 * sigma**2), dim=1)
    mean = _weighted(noisy, templates, weights, 0.0)
    return [
        (
            _weighted(noisy, templates, points, 0.0),
            "That would be right without variations: s has no part in it, neither in the weights nor in the compromise.",
        ),
        (
            mean,
            "That is the weighted mean of the templates themselves. The picture varies around its template: where is the "
            "compromise?",
        ),
        (_weighted(noisy, templates, weights, 1 - share), "The shares are exchanged: much noise, less trust in it."),
        (
            _weighted(noisy, templates, weights, spread / (spread + sigma)),
            "The compromise has the spreads where it should have their squares.",
        ),
        (mean + share * noisy, "The answer is too bright: you add the share of the noisy picture to a whole template."),
        (mean - share * (noisy - mean), "The compromise leads away from the noisy picture: check the sign."),
        (mean + (noisy - mean) * spread**2, "The share of the noisy picture isn't divided by the sum of both squares."),
        (
            _weighted(noisy, templates, torch.nn.functional.one_hot(weights.argmax(dim=1), 4).float(), share),
            "You trust the most probable template alone. When it is wrong, it is wrong entirely: what is best on average?",
        ),
        (
            _weighted(noisy, templates, chances.expand(3, 4), share),
            "The weights are the probabilities *before* the noisy picture was seen.",
        ),
        (noisy, "That is the noisy picture itself."),
    ]


@personal("a08.prior")
def _draw_prior(random: Random) -> dict[str, Any]:
    """None of the typical wrong numbers comes near the right one."""
    sigma, mean = random.choice([0.3, 0.4, 0.5]), random.choice([0.3, 0.4, 0.6])
    spread = random.choice(
        {0.3: [0.16, 0.18, 0.22, 0.26], 0.4: [0.22, 0.24, 0.26], 0.5: [0.16, 0.2, 0.22, 0.28]}[sigma]
    )
    noisy = [random.choice([-0.4, -0.3, -0.2]), random.choice([0.9, 1.1, 1.2])]
    slope = spread**2 / (spread**2 + sigma**2)
    return {"sigma": sigma, "noisy": noisy, "answers": [round(mean + slope * (y - mean), 4) for y in noisy]}


@question("a08.prior")
def _prior(value: float, numbers: dict[str, Any]) -> str | None:
    (y, z), (a, b), sigma = numbers["noisy"], numbers["answers"], numbers["sigma"]
    slope = (b - a) / (z - y)
    odds = slope / (1 - slope)
    after, turned, share = sigma * slope**0.5, sigma / odds**0.5, sigma * (1 - slope) ** 0.5
    typical = {
        slope: "That is the slope of the answer. How does it depend on the two spreads?",
        slope**0.5: "That is the root of the slope. Where does σ come in?",
        after: "That is how far the clean brightness spreads *after* the noisy one was seen. And before?",
        after**2: "That is a variance, and the one that is left *after* the noisy brightness was seen.",
        sigma * slope: "That is σ times the slope. The spreads stand in the slope as squares, and in two places.",
        sigma**2 * odds: "That is the variance. The question asks for the standard deviation.",
        sigma * odds: "Nearly: the ratio that you multiply σ with is one of variances.",
        odds**0.5: "That is the spread in units of σ.",
        turned: "The fraction is turned round: would a narrow prior let the answer follow the noise?",
        share: "You take the slope for the share of the noise; it is that of the clean brightness.",
        sigma / (1 - slope) ** 0.5: "That is how far the *noisy* brightnesses spread: the noise is still in it.",
        sigma: "That is the noise level.",
        b - a: "That is how far the two answers lie apart: two questions don't show a spread.",
        a / y: "You divide one answer by its noisy brightness. The mean isn't 0: how does the answer *change*?",
        b / z: "You divide one answer by its noisy brightness. The mean isn't 0: how does the answer *change*?",
    }
    otherwise = (
        "The slope between your two answers is the share from question 1. Which s belongs to it? Try yours: does the share "
        "come out?"
    )
    return judge_number(value, sigma * odds**0.5, 0.002, typical, otherwise)


@question("a08.noise_level")
def _noise_level(function: Callable[[Callable[[Tensor], Tensor], Tensor], float]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    noisy = 0.3 + torch.randn(3, 1, 8, 8, generator=generator) * torch.tensor([0.3, 0.6, 0.9]).view(3, 1, 1, 1)

    def denoiser(y: Tensor) -> Tensor:
        return 0.25 * y + 0.1 * torch.sin(2 * y) - 0.1

    got, changed = call_on_copies(function, denoiser, noisy)
    if changed:
        return "Your function changed the noisy pictures themselves. Work on a copy."
    exact = noisy.double()
    residuals, slopes = denoiser(exact) - exact, 0.25 + 0.2 * torch.cos(2 * exact)  # the derivative, by hand
    left, slope = residuals.square().mean().item(), slopes.mean().item()
    right, centred = (left / (1 - slope)) ** 0.5, residuals.var(correction=0).item()
    one_each, whole = _mean_of_roots(residuals, slopes), _cut_off(denoiser, exact, slope)
    fixed, over = (left / (1 - 0.25 * slope)) ** 0.5, (left / slope) ** 0.5
    typical = {
        left**0.5: "That is the size of the residual. A part of the noise is not in it: what the denoiser let pass.",
        left: "That is the mean square of the residual. Two things are missing, and one of them is a root.",
        right**2: "That is a variance. σ is a standard deviation.",
        (left * (1 - slope)) ** 0.5: "The factor stands on the wrong side: the residual is smaller than the noise.",
        (left / (1 + slope)) ** 0.5: "A sign is wrong: what the denoiser lets pass is *missing* in the residual.",
        left**0.5 / (1 - slope): "You took the root of one part only.",
        (left + slope) ** 0.5: "You added the slope to a squared brightness. Do the units fit? A σ² is missing.",
        fixed: "The slopes are multiplied by 0.25, the σ² of the notebook. Here σ is unknown.",
        (centred / (1 - slope)) ** 0.5: "You took the mean off the residual. Its square counts as it is.",
        (left / (1 - 2 * slope)) ** 0.5: "The slope comes in twice: once is enough.",
        over: "You divide by the slope. If the answer did not follow the noise at all, σ would be infinite.",
        one_each: "That is the mean of one estimate a picture: take the mean first, then the root.",
        whole: "You cut the answer off at 0 and 1: the formula wants it whole.",
        slope: "That is the mean slope.",
    }
    otherwise = (
        "It should be another number. Left: the mean squared error of doing nothing. Right: what is still possible, and how "
        "far the two answers lie apart. Each as a mean over pixels, not a sum."
    )
    return judge_number(got, right, 0.002 * right, typical, otherwise)


def _mean_of_roots(residuals: Tensor, slopes: Tensor) -> float:
    left, slope = (one.flatten(1).mean(dim=1) for one in (residuals.square(), slopes))
    return (left / (1 - slope)).sqrt().mean().item()


def _cut_off(denoiser: Callable[[Tensor], Tensor], noisy: Tensor, slope: float) -> float:
    return ((denoiser(noisy).clamp(0, 1) - noisy).square().mean().item() / (1 - slope)) ** 0.5


_LAMBDAS = [0.9, 0.5, 0.2] + 9 * [0.05]


@question("a08.second")
def _second(function: Callable[..., tuple[Tensor, Tensor]]) -> str | None:
    generator, sigma = torch.Generator().manual_seed(0), 0.4
    basis = torch.linalg.qr(torch.randn(12, 12, generator=generator, dtype=torch.float64))[0].float()
    matrix = basis * torch.tensor(_LAMBDAS) @ basis.T  # its eigenvectors are the columns of basis
    noisy, start = torch.randn(2, 3, 1, 3, 4, generator=generator)
    first = (torch.tensor([[1.0], [-1.0], [1.0]]) * basis[:, 0]).view_as(noisy)

    def denoiser(y: Tensor) -> Tensor:
        return (y.flatten(1) @ matrix + 0.1).view_as(y)

    got, changed = call_on_copies(function, denoiser, noisy, first, sigma, start, 40)
    if changed:
        return "Your function changed what it was given. Work on copies."
    if not several(got, 2):
        return "It should return two things, (direction, variance)."
    direction, variance = got
    if found := other_shape(direction, noisy):
        return f"The directions should have the shape of the noisy pictures, {list(noisy.shape)}; yours: {found}."
    if found := other_shape(variance, noisy[:, 0, 0, 0]):
        return f"There should be one variance for each picture, shape [3]; yours: {found}."
    if not (torch.isfinite(direction).all() and torch.isfinite(variance).all()):
        return "Your answer holds NaN or infinity."
    if hint := _wrong_direction(direction.flatten(1).float(), basis, start.flatten(1)):
        alone = function(denoiser, noisy[:1].clone(), first[:1].clone(), sigma, start[:1].clone(), 40)[0]
        same = (alone.flatten() * direction[:1].flatten()).sum().abs() > 0.99
        if not same and _wrong_direction(alone.flatten(1).float(), basis, start.flatten(1)[:1]) is None:
            return "For a single picture it is right, for three at once not: each has a length and a share of its own."
        return hint
    return _wrong_variance(variance, sigma)


def _wrong_direction(direction: Tensor, basis: Tensor, start: Tensor) -> str | None:
    """direction: [N, 12]. basis: in its columns the eigenvectors, the first one first."""
    length, parts = direction.norm(dim=1), (direction @ basis).abs()
    parts = parts / length.clamp_min(1e-12)[:, None]
    if parts[:, 0].min() > 0.99:
        return "That is the first direction again. If a trace of it is left, what does the stretching make of it?"
    if parts[:, 0].max() > 0.01:
        return f"Your direction is not at a right angle to the first: a share of {parts[:, 0].max():.2f} is left in it."
    if not near(length, torch.ones(len(length)), 1e-3):
        return f"The directions should have length 1; one of yours has {length[0]:.3g}."
    begun = start - (start @ basis[:, :1]) * basis[:, 0]
    if near(parts, (begun / begun.norm(dim=1, keepdim=True) @ basis).abs(), 1e-3):
        return "That is the start without its share of the first direction. It should be multiplied by J, many times."
    if parts[:, 1].min() < 0.999:
        return "At a right angle to the first, but not the direction of the largest variance there: are all steps made?"
    return None


def _wrong_variance(variance: Tensor, sigma: float) -> str | None:
    first, second = _LAMBDAS[:2]
    if near(variance, torch.full((3,), sigma**2 * second), 1e-3):
        return None
    wrong = [
        (second, "that is how much J stretches the direction. What makes a variance of it?"),
        (sigma * second, "σ stands there without its square."),
        (sigma**2 * first, "that is the variance along the first direction."),
        (sigma * second**0.5, "that is the standard deviation."),
        (sigma**2 * second**2, "J counts twice in it: one factor is the direction itself, the other J times it."),
        (sigma**2, "the product of a direction with itself is 1: where is J?"),
        (sigma**2 / second, "you divide by what J makes of the length; multiply."),
    ]
    hint = nearest(variance, [(torch.full((3,), one), text) for one, text in wrong], 1e-3)
    return f"The direction is right, the variance not: {hint or f'it is {variance[0]:.4f} for the first picture.'}"


@question("a08.cameras")
def _cameras(function: Callable[[Tensor, Tensor, float], dict[int, float]]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    cameras = torch.tensor([0] * 13 + [3] * 32 + [7] * 4)[torch.randperm(49, generator=generator)]
    scores = (1 + cameras) * torch.rand(49, generator=generator)
    got, changed = call_on_copies(function, scores, cameras, 0.85)
    if changed:
        return "Your function changed what it was given, perhaps by sorting in place. Work on copies."
    if not isinstance(got, dict):
        return f"It should return a dict, camera → q; yours is a {type(got).__name__}."
    if any(isinstance(key, Tensor) for key in got):
        return "The keys of your dict are tensors: nobody finds them again. q[3] should work."
    if extra := [key for key in got if key not in (0, 3, 7)]:
        return f"Your dict has the key {extra[0]!r}: there is no such camera."
    if 7 not in got:
        return "Camera 7 is missing. It has too few pictures for a promise: what does the text say about that?"
    if missing := [camera for camera in (0, 3) if camera not in got]:
        return f"Camera {missing[0]} is missing, and it has pictures enough."
    if any(isinstance(q, bool | str) or (isinstance(q, Tensor) and q.numel() != 1) or q is None for q in got.values()):
        return "Each value of the dict should be one number."
    q = {camera: float(got[camera]) for camera in (0, 3, 7)}
    ranked = {camera: scores[cameras == camera].sort().values.tolist() for camera in q}
    return _wrong_quantiles(q, ranked, scores) or _wrong_infinity(q[7])


def _wrong_quantiles(q: dict[int, float], ranked: dict[int, list[float]], scores: Tensor) -> str | None:
    known = (0, 3)
    places = {camera: math.ceil(Fraction(17, 20) * (len(ranked[camera]) + 1)) for camera in known}

    def at(rule: Callable[[int], int]) -> list[float]:
        return [ranked[camera][min(max(rule(camera), 1), len(ranked[camera])) - 1] for camera in known]

    found, count = [q[camera] for camera in known], {camera: len(ranked[camera]) for camera in known}
    if near(found, at(places.get), 1e-6):
        return None
    if found == [math.inf] * 2:
        return "Two of the cameras have pictures enough for a promise: only one has too few."
    plain = [torch.tensor(ranked[camera]).quantile(0.85).item() for camera in known]
    one_for_all = scores.sort().values[math.ceil(0.85 * 50) - 1].item()
    wrong = [
        ([one_for_all] * 2, "That is one q for all cameras. Each should have its own."),
        (plain, "Those are quantiles of the known scores. A new one has a place among them, too."),
        (at(lambda k: math.ceil(0.85 * count[k])), "You count places among n scores. With the new one there are more."),
        (
            at(lambda k: math.floor(0.85 * count[k])),
            "You count places among n scores. With the new one there are more.",
        ),
        (at(lambda k: math.floor(0.85 * (count[k] + 1))), "*At least* a share `level`: which rounding?"),
        (at(lambda k: places[k] + 1), "One too far: Python counts from 0, people from 1."),
        (at(lambda k: math.ceil(0.15 * (count[k] + 1))), "That leaves the share `level` above it."),
        (at(count.get), "Those are the largest scores: safe, and wider than asked where a camera has many pictures."),
        ([places[camera] for camera in known], "Those are the places. Which scores stand there?"),
    ]
    if hint := nearest(found, wrong, 1e-6):
        return hint
    right = [near(one, value, 1e-6) for one, value in zip(found, at(places.get))]
    if any(right):
        return f"Of the cameras with pictures enough, only camera {known[right.index(True)]} has the right q."
    return "No camera has the right q. Which scores belong to it, how many are they, and which place will do?"


def _wrong_infinity(q: float) -> str | None:
    if q == math.inf:
        return None
    return f"Camera 7 has only 4 pictures, and your q for it is {q:.3g}. How often is a fifth score above all four?"
