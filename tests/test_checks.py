"""The learners' checks: right is right, each typical mistake gets its own hint, and no hint gives the answer away.

``CASES`` holds every question: a right answer or more, and wrong ones, each with a phrase of the hint it should get.
"""

import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import denoise_utils as du
from denoise_utils.checks.judging import _JUDGES


def split_by(order, sizes=(800, 100, 100)):
    def split(n):
        return torch.as_tensor(order(n)).split(sizes)

    return split


def fixed_order(n):
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


def noise_like(sigma_of=lambda sigma: sigma, clip=True, draw=torch.randn):
    def noise(clean, sigma, generator):
        noisy = clean + sigma_of(sigma) * draw(clean.shape, generator=generator)
        return noisy.clamp(0, 1) if clip else noisy

    return noise


def noise_in_place(clean, sigma, generator):
    return clean.add_(sigma * torch.randn(clean.shape, generator=generator)).clamp_(0, 1)


def noise_shared(clean, sigma, generator):
    return (clean + sigma * torch.randn(clean.shape[1:], generator=generator)).clamp(0, 1)


def noise_without_generator(clean, sigma, generator):
    return (clean + sigma * torch.randn(clean.shape)).clamp(0, 1)


def uniform(shape, generator):
    return (torch.rand(shape, generator=generator) - 0.5) * math.sqrt(12)


def shuffled_batches(images, size):
    return images[fixed_order(len(images))].split(size)


def sum_of_products(losses, sizes):
    return sum(loss * size for loss, size in zip(losses, sizes))


def raises(*args):
    raise ZeroDivisionError("mine")


def median_and_blur(noisy):
    return du.gaussian_blur(1.0)(du.median_filter(3)(noisy))


CASES = {
    "00.noisy": (
        [0.116, 0.1157, 0.1145, torch.tensor(0.116)],
        [
            (0.25, "σ²"),
            (0.5, "That is σ"),
            (0.34, "squared?"),
            (7.0, "Subtract the clean images"),
            (-0.116, "Subtract the clean"),
        ],
    ),
    "00.black": (
        [0.114, 0.1120, 0.1152],
        [
            (0, "Only if the digits were black"),
            (0.1325, "mean brightness"),
            (1, "white paper"),
            (0.5, "all-black"),
            (-1, "all-black"),
        ],
    ),
    "01.to_float": (
        [lambda images: images.float() / 255, lambda images: images / 255, du.to_float],
        [
            (lambda images: images.float(), "White became 255"),
            (lambda images: images.double() / 255, "float64"),
            (lambda images: images // 255, "uint8"),
            (lambda images: images.float() / 256, "Only scale"),
            (lambda images: images.float() / 127.5 - 1, "Only scale"),
            (lambda images: images.flatten().float() / 255, "shape changed"),
            (lambda images: images.tolist(), "returned a list"),
            (lambda images: None, "returned nothing"),
        ],
    ),
    "01.split": (
        [split_by(fixed_order), split_by(fixed_order, (600, 200, 200))],
        [
            (lambda n: fixed_order(n).split((900, 100)), "returned 2"),
            (lambda n: (fixed_order(n), fixed_order(n)[:100], fixed_order(n)[100:200]), "two parts"),
            (lambda n: fixed_order(n)[:990].split((800, 100, 90)), "10 images are in no part"),
            (split_by(fixed_order, (200, 400, 400)), "most should train"),
            (split_by(fixed_order, (900, 100, 0)), "most should train"),
            (split_by(torch.randperm), "fix the seed"),
            (split_by(torch.arange), "cut in order"),
            (lambda n: torch.arange(n).split((100, 100, 800))[::-1], "cut in order"),
            (lambda n: (fixed_order(n) + 1).split((800, 100, 100)), "no part"),
            (5, "stopped with TypeError"),
        ],
    ),
    "01.batches": (
        [shuffled_batches, lambda images, size: list(shuffled_batches(images, size))],
        [
            (lambda images, size: shuffled_batches(images, size)[:-1], "last, smaller batch"),
            (lambda images, size: images[torch.arange(10) // 2 * 2].split(size), "came twice"),
            (lambda images, size: images[fixed_order(10)].split(5), "batch sizes"),
            (lambda images, size: images.split(size), "random order"),
            (lambda images, size: None, "returned nothing"),
        ],
    ),
    "02.clip": (
        [0.3156, 0.316, 0.314],
        [
            (0, "half of the noise is cut away"),
            (1, "That is σ"),
            (0.5, "Half of σ"),
            (-0.316, "which way"),
            (0.684, "white pixel"),
            (0.195, "for σ = 0.5"),
            (0.399, "cut at 1 as well"),
            (0.25, "Take many black pixels"),
        ],
    ),
    "02.noise": (
        [noise_like(), lambda clean, sigma, generator: du.GaussianNoise(sigma)(clean, generator)],
        [
            (noise_in_place, "changed the clean images"),
            (noise_like(clip=False), r"Values go from -0\.\d+ to"),
            (noise_like(sigma_of=math.sqrt), "σ is not the variance"),
            (noise_like(sigma_of=lambda sigma: 0.5), "standard deviation"),
            (noise_like(draw=torch.rand), "standard deviation"),
            (noise_like(draw=uniform), "looks uniform"),
            (noise_shared, "same noise"),
            (noise_without_generator, "generator"),
            (lambda clean, sigma, generator: clean.clone(), "standard deviation 0.000"),
            (lambda clean, sigma, generator: None, "returned nothing"),
        ],
    ),
    "02.psnr": (
        [lambda mse: -10 * math.log10(mse), lambda mse: 10 * torch.log10(torch.tensor(1 / mse))],
        [
            (lambda mse: 10 * math.log10(mse), "sign"),
            (lambda mse: -20 * math.log10(mse), "amplitudes"),
            (lambda mse: -math.log(mse), "natural logarithm"),
            (lambda mse: -math.log10(mse), "bels"),
            (lambda mse: 20.0, "powers of ten"),
            (lambda mse: mse, "powers of ten"),
            (lambda mse: None, "returned nothing"),
        ],
    ),
    "03.t_conv": (
        [15, 15.0],
        [
            (14, "doubling"),
            (16, "One too many"),
            (13, "last kernel starts"),
            (21, "overlap"),
            (3, "other way"),
            (9, "Seven kernels"),
        ],
    ),
    "03.parameters": (
        [3208, 3208.0],
        [
            (3200, "one more number"),
            (3216, "not for each input channel"),
            (200, "every input channel"),
            (400, "several output channels"),
            (128, "5 by 5 kernel"),
            (1160, "3 by 3"),
            (9585, "comes on top"),
        ],
    ),
    "03.receptive": (
        [17],
        [
            (20, "overlap"),
            (625, "do not multiply"),
            (5, "one layer"),
            (9, "two layers"),
            (13, "three layers"),
            (289, "area"),
            (28, "further layer"),
        ],
    ),
    "04.printed": (
        [0.0489, 0.9775 / 20],
        [
            (0.9775, "what it printed"),
            (19.55, "other way"),
            (0.9887, "No root"),
            (0.0261, "last epoch"),
            (0.1, "divided by the number of batches"),
            (-0.0489, "divided by the number of batches"),
        ],
    ),
    "04.loss": (
        [lambda losses, sizes: sum_of_products(losses, sizes) / sum(sizes)],
        [
            (lambda losses, sizes: sum(losses) / len(losses), "mean of the batch means"),
            (lambda losses, sizes: sum_of_products(losses, sizes) / len(losses), "tutorial's mistake"),
            (sum_of_products, "That is a sum"),
            (lambda losses, sizes: sum(losses), "That is a sum"),
            (lambda losses, sizes: losses[-1], "all ten images"),
            (lambda losses, sizes: None, "returned nothing"),
        ],
    ),
    "05.decibel": (
        [3.01, 10 * math.log10(2), 3],
        [
            (2, "logarithmic"),
            (6.02, "amplitude"),
            (0.301, "bels"),
            (-3.01, "more dB"),
            (10, "a tenth"),
            (1, "take the difference"),
        ],
    ),
    "05.beat_median": (
        [median_and_blur],
        [
            (lambda noisy: noisy, "unchanged"),
            (du.median_filter(3), "the median has"),
            (du.gaussian_blur(0.5), "the median has"),
            (torch.zeros_like, "all-black"),
            (lambda noisy: noisy[:, 0], "it should return"),
            (torch.ones_like, "the median has"),
        ],
    ),
    "06.twins": (
        [0.0097, 0.01 - 0.0012 / 4],
        [
            (0.0100, "one of them alone"),
            (0.0094, "by what is D divided"),
            (0.0088, "whole of D"),
            (0.0103, "check the sign"),
            (0.005, "entirely different"),
            (0.02, "exact rule"),
        ],
    ),
    "06.posterior": (
        [0.7, torch.tensor(0.7)],
        [
            (1, "most probable colour"),
            (0, "less probable"),
            (0.5, "ignores which"),
            (0.3, "probability of black"),
            (0.9, "Compute the expected error"),
        ],
    ),
    "06.mirror": (
        [lambda denoiser, noisy: (denoiser(noisy) + denoiser(noisy.flip(3)).flip(-1)) / 2],
        [
            (lambda denoiser, noisy: denoiser(noisy), "plain answer"),
            (lambda denoiser, noisy: denoiser(noisy.flip(3)).flip(3), "alone"),
            (lambda denoiser, noisy: (denoiser(noisy) + denoiser(noisy.flip(3))) / 2, "still mirrored"),
            (lambda denoiser, noisy: (denoiser(noisy) + denoiser(noisy.flip(2)).flip(2)) / 2, "top and bottom"),
            (lambda denoiser, noisy: denoiser(noisy) + denoiser(noisy.flip(3)).flip(3), "sum of two"),
            (lambda denoiser, noisy: denoiser((noisy + noisy.flip(3)) / 2), "mean of the pictures first"),
            (lambda denoiser, noisy: denoiser(noisy.mul_(0.5)), "changed the noisy pictures"),
            (lambda denoiser, noisy: denoiser(noisy)[0], "same shape"),
            (lambda denoiser, noisy: torch.zeros_like(noisy), "undo the flip"),
        ],
    ),
}
SECRETS = {
    "00.noisy": "0.116",
    "00.black": "0.114",
    "02.clip": "0.31",
    "03.t_conv": "15",
    "03.parameters": "3,?208",
    "03.receptive": "17",
    "04.printed": "0.0489",
    "04.loss": "0.42",
    "05.decibel": "3.01",
    "06.twins": "0.0097",
    "06.posterior": "0.7",
}
RIGHT = [(name, i) for name, (right, _) in CASES.items() for i in range(len(right))]
WRONG = [(name, i) for name, (_, wrong) in CASES.items() for i in range(len(wrong))]
NUMBERS = sorted(set(SECRETS) - {"04.loss"})


def judge(name, value, capsys):
    verdict = du.check(name, value)
    text = capsys.readouterr().out
    assert text.startswith(f"{name}: ") and text.count("\n") == 1
    if name in SECRETS and not verdict:
        assert not re.search(rf"(?<![\d.]){SECRETS[name]}(?!\d)", text), "the hint gives the answer away"
    return verdict, text


def test_every_question_is_tested():
    assert CASES.keys() == {name for name in _JUDGES if re.match(r"\d", name)}  # others: tests/assignments/answers
    for name, (right, wrong) in CASES.items():
        assert right and len(wrong) >= 5, name


@pytest.mark.parametrize(("name", "i"), RIGHT)
def test_right(name, i, capsys):
    assert judge(name, CASES[name][0][i], capsys) == (True, f"{name}: right.\n")


@pytest.mark.parametrize(("name", "i"), WRONG)
def test_wrong(name, i, capsys):
    value, phrase = CASES[name][1][i]
    verdict, text = judge(name, value, capsys)
    assert verdict is False and "not yet" in text
    assert re.search(phrase, text), text


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["text", None, True, [1.0], torch.ones(2), math.nan, math.inf], ids=repr)
def test_no_number(name, value, capsys):
    verdict, text = judge(name, value, capsys)
    assert verdict is False and "should be a" in text and "number" in text


@pytest.mark.parametrize("name", NUMBERS)
def test_numpy_numbers_are_numbers(name, capsys):
    right = CASES[name][0][0]
    for kind in (np.float32, np.float64) if isinstance(right, float) else (np.int64, np.float32):
        assert judge(name, kind(right), capsys)[0]


@pytest.mark.parametrize("name", CASES)
def test_not_answered(name, capsys):
    verdict, text = judge(name, ..., capsys)
    assert verdict is False and "not answered yet" in text


@pytest.mark.parametrize("name", sorted(set(CASES) - set(NUMBERS)))
def test_function_that_raises(name, capsys):
    verdict, text = judge(name, raises, capsys)
    assert verdict is False and "ZeroDivisionError: mine" in text


def test_unknown_question():
    with pytest.raises(ValueError, match=r"unknown question '02\.clap'.*02\.clip"):
        du.check("02.clap", 1)


# ---- the package as a whole ----


def test_import_is_light():
    heavy = ["matplotlib", "torchvision", "skimage", "scipy", "ipywidgets", "IPython"]
    code = f"import denoise_utils, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_there():
    assert dir(du) == du.__all__ == sorted(du.__all__)
    assert {"load_digits", "fit", "evaluate", "check", "show_images"} <= set(du.__all__)
    for name in du.__all__:
        assert callable(getattr(du, name)) and getattr(du, name).__doc__, name
    with pytest.raises(AttributeError, match="no 'fitt'"):
        du.fitt  # noqa: B018
