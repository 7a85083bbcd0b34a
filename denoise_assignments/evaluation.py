"""The questions of assignment 05."""

import math
from collections.abc import Callable
from random import Random

import torch
from torch import Tensor

from denoise_utils.checks.judging import judge_number, near, nearest, personal, question, several
from denoise_utils.data import load_digits, to_float
from denoise_utils.evaluation import evaluate
from denoise_utils.noise import GaussianNoise


def _two_numbers(got: object, names: str) -> tuple[float, float] | str:
    """A learner's pair as floats, or a hint."""
    if not several(got, 2):
        return f"It should return two values, {names}; yours returned {_what(got)}."
    for value in got:
        if isinstance(value, bool | str) or (isinstance(value, Tensor) and value.numel() != 1):
            return f"It should return two numbers, {names}; one of yours is {_what(value)}."
    return float(got[0]), float(got[1])


def _what(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)}"
    if isinstance(value, tuple | list):
        return f"{len(value)} values"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _too_bright(noisy: Tensor) -> Tensor:
    return 1.6 * noisy - 0.3  # leaves [0, 1]


def _shown(noisy: Tensor) -> Tensor:
    return _too_bright(noisy).clamp(0, 1)


def _noised(clean: Tensor, noise: Callable, seed: int) -> Tensor:
    """The noise as the assignment asks for it: from a generator that starts from ``seed``."""
    return noise(clean, torch.Generator().manual_seed(seed))


def _mean(a: Tensor, b: Tensor) -> float:
    return (a - b).square().mean().item()


@question("a05.evaluate")
def _evaluate(function: Callable) -> str | None:
    images, noise, size = load_digits("mnist5k").val.images[:7], GaussianNoise(0.5, clip=True), 3
    got = _two_numbers(function(_too_bright, images.clone(), noise, 5, size), "the mean MSE and the mean PSNR")
    if isinstance(got, str):
        return got
    again = _two_numbers(function(_too_bright, images.clone(), noise, 5, size), "the mean MSE and the mean PSNR")
    if got != again:
        return "Two calls with the same seed gave different figures. Where do the random numbers come from?"
    clean = to_float(images)
    each = (_shown(_noised(clean, noise, 5)) - clean).square().mean(dim=(1, 2, 3))
    right_psnr = (-10 * torch.log10(each)).mean().item()
    mse, psnr = got
    if not near(mse, each.mean()):
        if near(mse, right_psnr, 1e-3):
            return "The first figure is the PSNR: the MSE should come first."
        if hint := nearest(mse, _wrong_mses(images, noise, each, size), 1e-5):
            return hint
        if mse > 1:
            return f"The MSE is {mse:.4g}: pixels in [0, 1] can't be so far apart. In which range is the clean image?"
        return f"For 7 pictures the MSE is {mse:.4f}, and should be another. Go through the four points of the text."
    if not near(psnr, right_psnr, 1e-3):
        hint = nearest(psnr, _wrong_psnrs(each, size), 1e-3)
        return f"The MSE is right. {hint}" if hint else f"The MSE is right, but not the PSNR, {psnr:.2f} dB."
    return None


def _wrong_mses(images: Tensor, noise: Callable, each: Tensor, size: int) -> list[tuple[float | Tensor, str]]:
    clean = to_float(images)
    noisy = _noised(clean, noise, 5)
    repeated = torch.cat([_noised(part, noise, 5) for part in clean.split(size)])
    batch_means = torch.stack([part.mean() for part in each.split(size)])
    return [
        (
            _mean(_too_bright(noisy), clean),
            "The answer goes beyond [0, 1], and is judged as it is. A screen would cut it off first.",
        ),
        (
            batch_means.mean(),
            "That is the mean of the batch means. The last batch is smaller: its pictures weigh more than the others.",
        ),
        (
            _mean(_shown(repeated), clean),
            "Each batch gets the same noise again: the generator starts anew. Draw for the whole set.",
        ),
        (_mean(noisy, clean), "That is the error of the noisy pictures: the denoiser was never asked."),
        (
            _mean(_shown(noisy), noisy),
            "That compares the answer with the noisy pictures. What should it be compared with?",
        ),
        (each.sum(), "That is the sum over the pictures, not the mean."),
        (_mean(_shown(clean), clean), "The denoiser got the clean pictures: nothing was there to remove."),
        (_mean(_shown(_noised(clean, noise, 0)), clean), "The seed was not used: that is the noise of seed 0."),
        (
            evaluate(_too_bright, images, noise, seed=5).mse,
            "That is du.evaluate's own figure: its seed depends on the pictures too. Here the seed alone counts.",
        ),
    ]


def _wrong_psnrs(each: Tensor, size: int) -> list[tuple[float | Tensor, str]]:
    decibels = -10 * torch.log10(each)
    right = decibels.mean()
    batches = torch.stack([part.mean() for part in each.split(size)])
    return [
        (
            -10 * torch.log10(each.mean()),
            "The second figure is the PSNR of the mean MSE; it should be the mean of the pictures' PSNRs.",
        ),
        (-right, "The PSNR has the wrong sign: a better picture should have more dB."),
        (2 * right, "The PSNR is twice too much: the MSE is a square already."),
        (right / 10, "The PSNR is in bels: a decibel is a tenth of one."),
        (right * math.log(10), "The PSNR uses the natural logarithm."),
        ((-10 * torch.log10(batches)).mean(), "The PSNR is a mean of one PSNR a batch; it should be one a picture."),
        (
            torch.stack([part.mean() for part in decibels.split(size)]).mean(),
            "The PSNR is a mean of batch means: the last batch is smaller.",
        ),
    ]


@personal("a05.gain")
def _draw_gain(random: Random) -> dict[str, list[float]]:
    """By MSE B is better, by PSNR A: A is excellent in two pictures and bad in one."""
    a = [random.choice([0.028, 0.030, 0.032]), random.choice([0.0004, 0.0005]), random.choice([0.0008, 0.0010])]
    b = [random.choice([0.010, 0.011, 0.012]), random.choice([0.005, 0.006]), random.choice([0.007, 0.008])]
    return {"A": a, "B": b}


@question("a05.gain")
def _gain(value: float, numbers: dict[str, list[float]]) -> str | None:
    decibels = {name: [-10 * math.log10(mse) for mse in mses] for name, mses in numbers.items()}
    a, b = (sum(decibels[name]) / 3 for name in ("A", "B"))
    of_mean_a, of_mean_b = (-10 * math.log10(sum(numbers[name]) / 3) for name in ("A", "B"))
    typical = {
        b - a: "The right size, but the wrong sign: by how much is A above B? More dB are better.",
        of_mean_a
        - of_mean_b: "That compares the PSNRs of the mean MSEs. First a PSNR for each picture, then the mean.",
        of_mean_b - of_mean_a: "That compares the PSNRs of the mean MSEs, and B with A.",
        2 * (a - b): "Twice too much: 20·log10 is for amplitudes, and the MSE is a square already.",
        3 * (a - b): "That is the sum over the three pictures, not the mean.",
        (a - b) / 10: "Those are bels: ten times more in decibels.",
        (a - b) * math.log(10): "That is the natural logarithm; decibels use base 10.",
        a: "That is A's mean PSNR. How far is it above B's?",
        b: "That is B's mean PSNR. How far is A's above it?",
        sum(numbers["A"]) / 3 - sum(numbers["B"]) / 3: "That is a difference of MSEs. The question is about dB.",
        0.0: "They are not equal: one picture in three is bad, but what do the other two count in dB?",
    }
    return judge_number(value, a - b, 0.02, typical, "Turn each of the six MSEs into dB, then take the two means.")


@question("a05.compare")
def _compare(function: Callable[[Tensor, Tensor], tuple[float, float, str]]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    b = 0.02 * torch.rand(40, generator=generator)
    a = b - 0.0004 + 0.0006 * torch.randn(40, generator=generator)
    got = function(a.clone(), b.clone())
    if not several(got, 3):
        return f"It should return three values, (difference, half, verdict); yours returned {_what(got)}."
    pair, verdict = _two_numbers(got[:2], "difference and half"), got[2]
    if isinstance(pair, str):
        return pair
    difference, half = pair
    d = a - b
    mean, right = d.mean().item(), 1.96 * d.std().item() / len(d) ** 0.5
    if not near(difference, mean, 1e-7):
        if near(difference, -mean, 1e-7):
            return "The difference has the wrong sign: A's error minus B's, so that below 0 A is better."
        if near(difference, d.abs().mean(), 1e-7):
            return "You took the sizes of the differences: then every difference speaks against A."
        return f"The difference is {difference:.3g}; it should be the mean error of A minus that of B."
    if not near(half, right, 0.005 * right):
        hint = nearest(half, _wrong_halves(a, b, right), 0.005 * abs(half))
        return hint or f"half is {half:.3g}: take 1.96 standard errors of the differences."
    if verdict == "B":
        return "The verdict is 'B', but A has the smaller error: these are errors, and less is better."
    if verdict != "A":
        return f"The verdict is {verdict!r}. The interval from {mean - right:.5f} to {mean + right:.5f} holds no 0: be bold."
    unsure = b + 0.0006 * torch.randn(40, generator=generator)
    verdict = function(unsure, b.clone())[2]
    if verdict != "can't tell":
        return f'The verdict is {verdict!r} where 0 lies in the interval: the difference may be luck. Then it is "can\'t tell".'
    return None


def _wrong_halves(a: Tensor, b: Tensor, right: float) -> list[tuple[float | Tensor, str]]:
    spread, n = (a - b).std(), len(a)
    return [
        (
            1.96 * ((a.var() + b.var()) / n) ** 0.5,
            "half is that of two separate samples. These are the same pictures: take the spread of the differences, picture by "
            "picture.",
        ),
        (
            1.96 * (a.std() + b.std()) / n**0.5,
            "half is the sum of two intervals. These are the same pictures: take the spread of the differences.",
        ),
        (
            1.96 * spread,
            "half is 1.96 spreads: that holds 95 % of the pictures. How sure is their mean? It gets surer with more pictures.",
        ),
        (spread / n**0.5, "half is one standard error: that holds the mean in 68 % of cases. What makes it 95 %?"),
        (1.96 * spread / n, "half is divided by N: the standard error shrinks more slowly."),
        (2 * right, "That is the full width of the interval; half of it was asked for."),
        (1.96 * spread**2 / n**0.5, "half comes from the variance: take its root, the spread."),
        (1.96 * a.std() / n**0.5, "half is that of A's own errors: it should be that of the differences."),
        (right * ((n - 1) / n) ** 0.5, "half is a bit too small: the spread of a sample divides by N - 1."),
        (2 * spread / n**0.5, "half uses 2 instead of 1.96."),
    ]


@question("a05.choose")
def _choose(function: Callable) -> str | None:
    digits, noise = load_digits("mnist5k"), GaussianNoise(0.2, clip=True)
    val, test = digits.val.images[:20], 255 - digits.test.images[:30]  # white paper: another filter would win there
    filters = {
        "as it is": lambda noisy: noisy,
        "darker": lambda noisy: 0.8 * noisy,
        "brighter": lambda noisy: 1 - 0.8 * (1 - noisy),
        "much brighter": lambda noisy: 1 - 0.3 * (1 - noisy),
    }
    on_val, on_test, on_both = (
        {name: evaluate(one, images, noise).mse for name, one in filters.items()}
        for images in (val, test, torch.cat([val, test]))
    )
    got = function(dict(filters), val.clone(), test.clone(), noise)
    if not several(got, 2):
        return f"It should return two values, (name, test_mse); yours returned {_what(got)}."
    name, figure = got
    if not isinstance(name, str) or name not in filters:
        return f"The first value should be a name from the dict, such as 'darker'; yours is {_what(name)}."
    right, by_test = min(on_val, key=on_val.get), min(on_test, key=on_test.get)
    if name == max(on_val, key=on_val.get):
        return f"You chose {name!r}, the filter with the largest validation MSE. Less is better."
    if name == by_test:
        return f"You chose {name!r}, the best on the *test* pictures: they report, and must have no part in the choice."
    if name != right:
        both = name == min(on_both, key=on_both.get)
        return f"You chose {name!r}. " + (
            "That is the best on validation and test pictures together: the test pictures must have no part in the choice."
            if both
            else "Another filter has a smaller validation MSE."
        )
    if isinstance(figure, bool | str) or (isinstance(figure, Tensor) and figure.numel() != 1) or figure is None:
        return f"The second value should be a number, the test MSE; yours is {_what(figure)}."
    figure = float(figure)
    if near(figure, on_test[right], 1e-6):
        return None
    wrong = [
        (on_val[right], "the figure is its validation MSE: the pictures that chose it flatter it."),
        (on_test[by_test], "the figure is the smallest MSE that any filter has on the test pictures."),
        (evaluate(filters[right], test, noise).psnr, "the figure is the PSNR, not the MSE."),
        (on_both[right], "the figure is the MSE of validation and test pictures together."),
        (sum(on_test.values()) / 4, "the figure is the mean over all filters: report the chosen one only."),
    ]
    otherwise = f"its test MSE isn't {figure:.4f}. Which noise, which seed?"
    return f"The name is right, but {nearest(figure, wrong, 1e-6) or otherwise}"


@question("a05.global_ssim")
def _global_ssim(function: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(3, 1, 6, 8, generator=generator) * torch.tensor([0.2, 0.6, 1.0]).view(3, 1, 1, 1)
    denoised = 0.6 * clean + 0.1 + 0.1 * torch.rand(clean.shape, generator=generator)
    got = function(denoised.clone(), clean.clone())
    if not isinstance(got, Tensor):
        return f"It should return a tensor, one figure for each picture; yours returned {_what(got)}."
    if got.shape != (3,):
        return f"For 3 pictures it should return 3 figures, shape [3]; yours has shape {list(got.shape)}."
    d, c = denoised.flatten(1), clean.flatten(1)
    if near(got, _similarity(d, c)):
        return None
    otherwise = "The figures differ from the formula. Compute its five parts for one picture, and print them."
    return nearest(got, _wrong_similarities(d, c), 1e-5) or otherwise


def _similarity(d: Tensor, c: Tensor, c1: float = 0.01**2, c2: float = 0.03**2, correction: int = 0) -> Tensor:
    mean_d, mean_c = d.mean(dim=1), c.mean(dim=1)
    v_d, v_c = d.var(dim=1, correction=correction), c.var(dim=1, correction=correction)
    covariance = ((d - mean_d[:, None]) * (c - mean_c[:, None])).sum(dim=1) / (d.shape[1] - correction)
    return _formula(mean_d, mean_c, v_d, v_c, covariance, c1, c2)


def _formula(mean_d, mean_c, v_d, v_c, covariance, c1=0.01**2, c2=0.03**2) -> Tensor:
    upper = (2 * mean_d * mean_c + c1) * (2 * covariance + c2)
    return upper / ((mean_d**2 + mean_c**2 + c1) * (v_d + v_c + c2))


def _wrong_similarities(d: Tensor, c: Tensor) -> list[tuple[Tensor, str]]:
    parts = d.mean(dim=1), c.mean(dim=1), d.var(dim=1, correction=0), c.var(dim=1, correction=0)
    covariance = (d * c).mean(dim=1) - parts[0] * parts[1]
    mean_d, mean_c, v_d, v_c = parts
    return [
        (
            _similarity(d.reshape(1, -1), c.reshape(1, -1)).expand(3),
            "You took the means over all pictures of the batch: each picture has its own.",
        ),
        (_similarity(d, c, 0.0, 0.0), "C1 and C2 are missing: two black pictures would give 0/0."),
        (_similarity(d, c, 0.01, 0.03), "C1 and C2 are squares: 0.01² and 0.03²."),
        (_similarity(d, c, 0.03**2, 0.01**2), "C1 and C2 are exchanged."),
        (
            _formula(mean_d, mean_c, v_d.sqrt(), v_c.sqrt(), covariance),
            "The lower factor has the spreads; it needs their squares, the variances.",
        ),
        (
            _formula(*parts, (d * c).mean(dim=1)),
            "The covariance is not centred: take the means off both pictures first.",
        ),
        (_formula(*parts, covariance / 2), "The factor 2 before the covariance is missing."),
        (
            _formula(*parts, covariance) * (mean_d * mean_c + 0.01**2) / (2 * mean_d * mean_c + 0.01**2),
            "A factor 2 before the product of the means is missing.",
        ),
        (
            _formula(*parts, (v_d * v_c).sqrt()),
            "The spreads stand in the place of the covariance: do bright pixels meet bright pixels?",
        ),
        (_similarity(d, c, correction=1), "You divide the deviations by N - 1. The text asks for means."),
        (
            _formula(mean_d, mean_c, d.var(dim=1), c.var(dim=1), covariance),
            "The variances divide by N - 1, but the covariance by N. The text asks for means in both.",
        ),
        (
            covariance / (v_d * v_c).sqrt(),
            "That is the correlation: it doesn't notice that a picture is too bright or too weak.",
        ),
        ((d - c).square().mean(dim=1), "That is the MSE of each picture."),
    ]
