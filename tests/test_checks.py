"""The learners' checks: right is right, each typical mistake gets its own hint, and no hint gives the answer away.

``CASES`` holds every question: a right answer or more, and wrong ones, each with a phrase of the hint it should get.
"""

import ast
import functools
import math
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import denoise_utils as du
from denoise_utils.checks import judging
from denoise_utils.checks.judging import JUDGES, call_on_copies, near, nearest, other_shape, several


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


def epoch(
    target="clean", forget=True, step=True, spoil=True, shuffle=True, seed=False, drop=False, ahead=False, in_place=False,
    mean=lambda losses, sizes: sum_of_products(losses, sizes) / sum(sizes),
):  # fmt: skip
    """An epoch of training, with or without a mistake."""

    def my_epoch(model, images, noise, optimizer, batch_size):
        if seed:
            torch.manual_seed(0)
        order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
        if in_place:
            images.mul_(0.5)
        whole = noise(images) if ahead else None  # fresh in each epoch, too
        losses, sizes = [], []
        for index in order.split(batch_size):
            if drop and len(index) < batch_size:
                continue
            clean = images[index]
            noisy = whole[index] if ahead else noise(clean) if spoil else clean
            loss = F.mse_loss(model(noisy), clean if target == "clean" else noisy)
            if forget:
                optimizer.zero_grad()
            loss.backward()
            if step:
                optimizer.step()
            losses.append(loss.item())
            sizes.append(len(clean))
        return mean(losses, sizes)

    return my_epoch


def epoch_with_batches(model, images, noise, optimizer, batch_size):
    summed, generator = 0.0, torch.Generator()
    generator.seed()
    for clean in du.batches(images, batch_size, generator):
        loss = F.mse_loss(model(noise(clean, generator)), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        summed += loss * len(clean)
    return summed / len(images)


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


# ---- the patients of lesson 07: the programs as they stand there, and what makes them well ----

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LESSON = nbformat.read(NOTEBOOKS / "07_bug_clinic.ipynb", as_version=4)
PROGRAMS = {cell.source[4 : cell.source.index("(")]: cell.source for cell in LESSON.cells if cell.source[:4] == "def "}
NO_GRAD = "        with torch.no_grad():"
NEW = "        torch.manual_seed(seed)\n        model = make_model()\n"
WELL = {
    "epoch_loss": [("/ batches", "/ len(clean)")],
    "training_pairs": [("    noisy = noise(clean, generator)\n", ""), ("noisy[", "noise(clean, generator)[")],
    "choose_and_report": [
        ("clean = test", "clean = val"),
        ("return best, scores[best]", "return best, F.mse_loss(denoisers[best](test[0]), test[1]).item()"),
    ],
    "show_and_measure": [("denoiser(clean)", "denoiser(noisy)")],
    "train": [("batch = noise(batch", "noisy = noise(batch"), ("model(batch)", "model(noisy)")],
    "make_pairs": [("images.float()", "images.float() / 255")],
    "validation_curve": [
        ("(epochs):\n", "(epochs):\n        model.train()\n"),
        (NO_GRAD, "        model.eval()\n" + NO_GRAD),
    ],
    "two_experiments": [(NEW.replace("        ", "    "), ""), (".items():\n", ".items():\n" + NEW)],
}


def program(name, *changes):
    """The source of a program of the lesson with some of its text changed: (old, new), ..."""
    source = PROGRAMS[name]
    for old, new in changes:
        assert source.count(old) == 1, (old, source)
        source = source.replace(old, new)
    return source


def patient(name, *changes):
    names = {"torch": torch, "F": F, "du": du}
    exec(program(name, *changes), names)
    return names[name]


def well(name, *changes):
    return patient(name, *WELL[name], *changes)


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
    "04.loop": (
        [epoch(), epoch(ahead=True), epoch_with_batches],
        [
            (epoch(target="noisy"), "copy its noisy pictures"),
            (lambda model, images, noise, optimizer, batch_size: 0.0, "never called"),
            (epoch(forget=False), "gradients of the steps before"),
            (epoch(step=False), "who moves them"),
            (epoch(spoil=False), "shown clean pictures"),
            (epoch(shuffle=False), "the same one each time"),
            (epoch(seed=True), "the same one each time"),
            (epoch(drop=True), "the network saw batches of .4, 4."),
            (epoch(mean=lambda losses, sizes: sum(losses) / len(losses)), "mean of batch means"),
            (epoch(mean=lambda losses, sizes: sum(losses)), "is a sum; with more images"),
            (epoch(mean=lambda losses, sizes: sum_of_products(losses, sizes) / len(losses)), "the tutorial's"),
            (epoch(mean=lambda losses, sizes: losses[-1]), "last batch's alone"),
            (epoch(mean=lambda losses, sizes: 7.0), "its mean loss is"),
            (epoch(in_place=True), "images have changed"),
            (lambda model, images, noise, optimizer, batch_size: None, "returned nothing"),
        ],
    ),
    "04.launch": (
        [1.5, 300 * 0.005],
        [
            (0.876, "faster than it gets its orders"),
            (2.376, "added the two"),
            (0.3, "what the pictures cost"),
            (1500, "In milliseconds"),
            (0.005, "one operator"),
            (96, "not once for each picture"),
            (3, "Which of the two waits"),
        ],
    ),
    "04.scale": (
        [
            lambda g: 2.0 ** math.floor(math.log2(65504 / g.abs().max().item())),
            lambda g: 2 ** torch.floor(torch.log2(65504 / g.abs().max())),
        ],
        [
            (lambda g: 65504 / g.abs().max().item(), "no power of two"),
            (lambda g: 2.0 ** -math.floor(math.log2(65504 / g.abs().max().item())), "wrong way round"),
            (lambda g: 2.0 ** math.floor(math.log2(65504 / g.max().item())), "negative"),
            (lambda g: 2.0 ** math.ceil(math.log2(65504 / g.abs().max().item())), "becomes infinite"),
            (lambda g: 2.0 ** (math.floor(math.log2(65504 / g.abs().max().item())) - 1), "twice as much would be"),
            (lambda g: 2.0 ** math.floor(math.log2(65504 / g[g != 0].abs().min().item())), "smallest fits"),
            (lambda g: g.abs().max(), "Multiply: does it fit"),
            (lambda g: g.abs_().max().item(), "only look at them"),
            (lambda g: g * 2, "returned a Tensor"),
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
CASES |= {
    "07.loss": (
        [
            well("epoch_loss"),
            patient("epoch_loss", ("batches += 1", "batches += len(x)")),
            lambda model, noisy, clean, batch_size: F.mse_loss(model(noisy), clean),
        ],
        [
            (patient("epoch_loss"), "times the batch size"),
            (patient("epoch_loss", (" * len(x)", "")), "count double"),
            (patient("epoch_loss", ("/ batches", "/ (batches * batch_size)")), "last batch as a full one"),
            (well("epoch_loss", (" * len(x)", "")), "divided twice"),
            (patient("epoch_loss", (" / batches", "")), "That is a sum"),
            (patient("epoch_loss", (" / batches", ""), (" * len(x)", "")), "sum of the batches"),
            (patient("epoch_loss", ("total / batches", "loss.item()")), "last batch alone"),
            (patient("epoch_loss", ("total += loss.item() * len(x)", "return loss.item()")), "inside the loop"),
            (well("epoch_loss", ("len(clean)", "len(clean) / batch_size")), "batch size once more"),
            (well("epoch_loss", ("model(x)", "x")), "wasn't asked"),
            (well("epoch_loss", ("y)\n", 'y, reduction="sum") / len(x)\n')), "over the pixels"),
            (well("epoch_loss", ("total / len(clean)", "(total / len(clean)) ** 0.5")), "No root"),
            (well("epoch_loss", ("len(clean)", "9")), "mean over all pictures"),
            (well("epoch_loss", ("len(clean)", "len(clean) * batch_size / 4")), "batches of 1 the same network"),
            (lambda model, noisy, clean, batch_size: F.mse_loss(model(noisy[:8]), clean[:8]), "left out"),
        ],
    ),
    "07.fresh_noise": (
        [
            well("training_pairs"),
            lambda *given: list(well("training_pairs")(*given)),
            well("training_pairs", ("noise(clean, generator)[index]", "noise(clean[index], generator)")),
            patient("training_pairs", ("(epochs):\n", "(epochs):\n        noisy = noise(clean, generator)\n")),
        ],
        [
            (patient("training_pairs"), "very same noise in every epoch. When"),
            (
                well("training_pairs", ("(epochs):", "(epochs):\n        generator.manual_seed(seed)")),
                "A seed is set once",
            ),
            (
                well("training_pairs", ("noise(clean, generator)", "noise(clean, generator.manual_seed(seed))")),
                "the very same noise|repeats",
            ),
            (
                patient(
                    "training_pairs",
                    ("noisy[index]", "noise(clean[index], torch.Generator().manual_seed(seed))"),
                ),
                "Every batch of an epoch",
            ),
            (
                well(
                    "training_pairs",
                    ("noise(clean, generator)[index]", "clean[index] + noise(0 * clean[0], generator)"),
                ),
                "All pictures of a batch",
            ),
            (patient("training_pairs", (" noisy = ", " noisy = clean = ")), "should be the clean picture"),
            (
                patient("training_pairs", ("(epochs):", "(epochs):\n        noisy = noise(noisy, generator)")),
                "piles up",
            ),
            (
                well("training_pairs", (", clean[index]", ", noise(clean, generator)[index]")),
                "should be the clean picture",
            ),
            (well("training_pairs", ("noise(clean, generator)[", "clean[")), "no noise left"),
            (well("training_pairs", ("noise(clean, generator)", "noise(clean)")), "same seed gives other numbers"),
            (well("training_pairs", ("range(epochs)", "range(1)")), "30 in all; you gave 10"),
            (
                well("training_pairs", ("noise(clean, generator)", "noise(noise(clean))")),
                r"standard deviation of 0\.14",
            ),
            (well("training_pairs", ("randperm(len(clean), generator=generator)", "arange(10)")), "the same order"),
            (well("training_pairs", ("manual_seed(seed)", "manual_seed(0)")), "argument seed used"),
            (well("training_pairs", ("randperm(len(clean)", "randint(10, (10,)")), "exactly once"),
            (lambda images, *given: well("training_pairs")(images.add_(0.1), *given), "changed the pictures"),
            (lambda *given: next(iter(well("training_pairs")(*given))), "should give a pair"),
            (lambda *given: [], "you gave 0"),
            (
                lambda images, noise, epochs, *given: (
                    list(well("training_pairs")(images, noise, 2, *given))
                    + list(well("training_pairs")(images, noise, 1, *given))
                ),
                "comes back in the third",
            ),
        ],
    ),
    "07.test_set": (
        [well("choose_and_report"), well("choose_and_report", ("min(scores, ", "min(reversed(scores), "))],
        [
            (patient("choose_and_report"), "They still decide"),
            (patient("choose_and_report", ("clean = test", "clean = val")), "of the validation pictures"),
            (
                well("choose_and_report", ("clean = val", "clean = [torch.cat(parts) for parts in zip(val, test)]")),
                "on both sets together",
            ),
            (
                well("choose_and_report", ("clean = val", "clean = [part[:4] for part in test]")),
                "cut the test pictures in two",
            ),
            (
                well(
                    "choose_and_report",
                    ("F.mse_loss(denoisers[best](test[0]", "min(F.mse_loss(d(test[0]"),
                    ("test[1]).item()", "test[1]).item() for d in denoisers.values())"),
                ),
                "belongs to another",
            ),
            (
                well(
                    "choose_and_report", ("clean = val", "clean = test"), ("](test[0]), test[1])", "](val[0]), val[1])")
                ),
                "sets are exchanged",
            ),
            (well("choose_and_report", ("min(", "max(")), "largest validation error"),
            (well("choose_and_report", ("min(scores, key=scores.get)", '"network"')), "both sets|only judge"),
            (well("choose_and_report", ("return best, ", "return ")), "a pair"),
            (lambda *given: well("choose_and_report")(*given)[::-1], "should be a name"),
            (well("choose_and_report", ("test[0]), test[1]", "test[0][:2]), test[1][:2]")), "and only of those"),
        ],
    ),
    "07.clean_input": (
        [
            well("show_and_measure"),
            well("show_and_measure", ("mse_loss(denoised, clean)", "mse_loss(clean, denoised)")),
        ],
        [
            (patient("show_and_measure"), "nothing to remove"),
            (well("show_and_measure", ("mse_loss(denoised, clean)", "mse_loss(denoised, noisy)")), "would win"),
            (well("show_and_measure", ("s(denoised,", "s(denoiser(clean),")), "still that of clean pictures"),
            (well("show_and_measure", ("s(denoised,", "s(noisy,")), "nobody is judged"),
            (well("show_and_measure", ("s(denoised, clean", "s(denoised, denoiser(clean)")), "compares two answers"),
            (well("show_and_measure", (".item()", ".sqrt().item()")), "took a root"),
            (well("show_and_measure", ("clean).item()", 'clean, reduction="sum").item()')), "a sum, not a mean"),
            (well("show_and_measure", (".item()", ".item() / 2")), "isn't that of the answers"),
            (well("show_and_measure", ("denoiser(noisy)", "denoiser(noise(clean))")), "drawn twice"),
            (well("show_and_measure", ("denoiser(noisy)", "noise(denoiser(clean))")), "drawn twice"),
            (well("show_and_measure", ("denoiser(noisy)", "denoiser(denoiser(noisy))")), "applied twice"),
            (well("show_and_measure", ("denoiser(noisy)", "noisy")), "isn't asked"),
            (well("show_and_measure", ("return noisy", "return clean")), "show as noisy are clean"),
            (well("show_and_measure", ("= noise(clean,", "= noise(noise(clean),")), "haven't the noise"),
            (well("show_and_measure", (", torch.Generator().manual_seed(seed)", "")), "second call"),
            (well("show_and_measure", ("manual_seed(seed)", "manual_seed(0)")), "argument seed used"),
            (well("show_and_measure", ("return noisy, denoised, mse", "return mse")), "three things"),
        ],
    ),
    "07.target": (
        [
            well("train"),
            well("train", ("torch.optim.Adam(", "torch.optim.RMSprop(")),
        ],
        [
            (patient("train"), "the very picture that goes in"),
            (well("train", ("(noisy), batch", "(noisy), noisy")), "the very picture that goes in"),
            (well("train", ("(noisy), batch", "(noisy), noise(batch, generator)")), "now with other noise"),
            (well("train", ("(noisy), batch", "(batch), noisy")), "are exchanged"),
            (well("train", ("(noisy), batch", "(batch), batch")), "the noise is gone"),
            (well("train", ("(noisy), batch", "(noisy), noisy - batch")), "learned the noise itself"),
            (well("train", ("(noisy), batch", "(noisy), (noisy + batch) / 2")), "a mixture"),
            (well("train", ("(noisy), batch", "(noisy), 2 * batch")), "learned to multiply by"),
            (well("train", ("optimizer.step()", "pass")), "nothing was trained"),
            (well("train", ("return model", "return loss.item()")), "not a network"),
        ],
    ),
    "07.range": (
        [
            well("make_pairs"),
            patient("make_pairs", ("images.float()", "du.to_float(images)")),
            patient(
                "make_pairs",
                ("clean + sigma", "clean + 255 * sigma"),
                ("noisy = noisy.clamp(0, 1)", "noisy, clean = noisy.clamp(0, 255) / 255, clean / 255"),
            ),
        ],
        [
            (patient("make_pairs"), "still go from 0 to 255. A network"),
            (well("make_pairs", ("/ 255", "/ 256")), r"255 became 0\.9961"),
            (well("make_pairs", ("/ 255", "/ images.max()")), "brightest pixel"),
            (well("make_pairs", ("/ 255", "/ 127.5 - 1")), "from -1 to 1"),
            (well("make_pairs", ("/ 255", "/ 255 / 255")), "divided twice"),
            (patient("make_pairs", ("return noisy, clean", "return noisy / 255, clean / 255")), "nearly black"),
            (patient("make_pairs", ("return noisy, clean", "return noisy, clean / 255")), "every grey is white"),
            (
                patient(
                    "make_pairs", ("noisy = noisy.clamp(0, 1)", "noisy, clean = (noisy / 255).clamp(0, 1), clean / 255")
                ),
                "the noise was made for 0 to 1",
            ),
            (patient("make_pairs", ("= clean + sigma", "= clean / 255 + sigma")), "But their target still goes"),
            (patient("make_pairs", ("+ sigma", "+ 255 * sigma"), ("(0, 1)", "(0, 255)")), "still go from 0 to 255"),
            (well("make_pairs", ("noisy.clamp(0, 1)", "noisy")), "noisy ones go from"),
            (well("make_pairs", ("noisy = clean +", "noisy = clean = clean +")), "have noise in them"),
            (well("make_pairs", ("sigma *", "2 * sigma *")), r"0\.\d+ in place of 0\.1"),
            (well("make_pairs", ("clean + sigma", "clean + 0.1 + sigma")), r"grey, 0\.4, became 0\.50"),
            (well("make_pairs", (", generator=generator", "")), "same seed"),
            (well("make_pairs", ("images.float()", "images.double()")), "torch.float64"),
            (well("make_pairs", ("images.float()", "1 - images.float()")), "Only the scale should change"),
            (well("make_pairs", ("return noisy, clean", "return noisy")), "a pair"),
            (well("make_pairs", ("return noisy, clean", "return noisy[:1], clean")), "of the shape"),
        ],
    ),
    "07.eval": (
        [
            well("validation_curve"),
            patient(
                "validation_curve",
                (NO_GRAD, "        model.eval()\n" + NO_GRAD),
                ("    return", "        model.train()\n    return"),
            ),
            well("validation_curve", ("with torch.no_grad()", "if True")),
        ],
        [
            (patient("validation_curve"), "still in training mode"),
            (patient("validation_curve", ("    return", "    model.eval()\n    return")), "After the loop is too late"),
            (
                patient("validation_curve", ("    curve = []", "    curve = []\n    model.eval()")),
                "trains in eval mode too",
            ),
            (patient("validation_curve", (NO_GRAD, "        model.eval()\n" + NO_GRAD)), "second one on"),
            (
                well("validation_curve", ("model.train()", "model.eval( )"), ("model.eval()", "model.train()")),
                "wrong way round",
            ),
            (
                well("validation_curve", ("model.eval()", "[m.eval() for m in model.modules() if 'Drop' in repr(m)]")),
                "still in training mode",
            ),
            (
                patient("validation_curve", (NO_GRAD, "        model.train(len(curve) < 3)\n" + NO_GRAD)),
                "In epoch 1 the network",
            ),
            (
                well("validation_curve", ("model.train()", "model.train(len(curve) % 2 == 0)")),
                "Not every training step",
            ),
            (well("validation_curve", ("return curve", "return curve[-1:]")), "should give 4"),
            (lambda *given: [math.nan] * 4, "a number from 0 on"),
        ],
    ),
    "07.fresh_start": (
        [
            well("two_experiments"),
            patient("two_experiments", (".items():\n", ".items():\n" + NEW)),
            patient(
                "two_experiments",
                (
                    "    curves = {}",
                    "    start = {name: w.clone() for name, w in model.state_dict().items()}\n    curves = {}",
                ),
                (".items():\n", ".items():\n        model.load_state_dict(start)\n"),
            ),
        ],
        [
            (patient("two_experiments"), "seen pictures already"),
            (
                patient(
                    "two_experiments",
                    ("    curves = {}", "    start = model.state_dict()\n    curves = {}"),
                    (".items():\n", ".items():\n        model.load_state_dict(start)\n"),
                ),
                "no copy",
            ),
            (
                patient(
                    "two_experiments",
                    ("    curves = {}", "    fresh = model\n    curves = {}"),
                    (".items():\n", ".items():\n        model = fresh\n"),
                ),
                "no copy",
            ),
            (
                patient("two_experiments", (".items():\n", ".items():\n        torch.manual_seed(seed)\n")),
                "seen pictures already",
            ),
            (
                patient("two_experiments", (".items():\n", ".items():\n        model.zero_grad()\n")),
                "seen pictures already",
            ),
            (
                patient(
                    "two_experiments",
                    ("    model = make_model()\n", ""),
                    (".items():\n", ".items():\n        model = make_model()\n"),
                ),
                "start from other weights",
            ),
            (
                patient(
                    "two_experiments",
                    (
                        '{"autoencoder": lambda clean, _: clean, "denoiser": noise}',
                        '{"denoiser": noise, "autoencoder": lambda clean, _: clean}',
                    ),
                ),
                "other order only",
            ),
            (well("two_experiments", ("make_optimizers(model", "make_optimizers(make_model()")), "whose weights"),
            (well("two_experiments", ("spoil(clean, generator)", "clean")), "where is its noise"),
            (
                well("two_experiments", ("torch.manual_seed(seed)", "torch.manual_seed(seed + 1)")),
                "autoencoder's first loss",
            ),
            (well("two_experiments", ("range(steps)", "range(5)")), "should have 60 losses"),
            (well("two_experiments", ("return curves", "return curves[name]")), "a dictionary"),
        ],
    ),
}
# questions about a number → what the answer may be, so that no hint gives it away
SECRETS = {name: one.keywords for name, one in JUDGES.items() if isinstance(one, functools.partial) and name in CASES}
SECRETS["04.loss"] = {"right": 0.42, "tolerance": 1e-6}
NUMBERS = sorted(set(SECRETS) - {"04.loss"})
RIGHT = [(name, i) for name, (right, _) in CASES.items() for i in range(len(right))]
WRONG = [(name, i) for name, (_, wrong) in CASES.items() for i in range(len(wrong))]


@pytest.fixture(autouse=True)
def first_try(monkeypatch):
    """Each test begins as a fresh kernel does: no wrong answer so far."""
    monkeypatch.setattr(judging, "_wrong", {})


def judge(name, value, capsys):
    verdict = du.check(name, value)
    text = capsys.readouterr().out
    assert text.startswith(f"{name}: ") and text.count("\n") == 1
    if name in SECRETS and not verdict:
        said = [float(one.replace(",", "")) for one in re.findall(r"-?\d[\d,]*\.?\d*", text.partition(": not yet.")[2])]
        right, tolerance = SECRETS[name]["right"], SECRETS[name]["tolerance"]
        assert not [one for one in said if abs(one - right) <= tolerance], "the hint gives the answer away"
    return verdict, text


def test_every_question_is_tested():
    lessons = {name for name in JUDGES if re.match(r"\d", name)}  # others: tests/assignments/answers
    assert CASES.keys() == lessons
    asked = {path: path.read_text(encoding="utf-8") for path in NOTEBOOKS.glob("[0-9]*.ipynb")}
    for name in lessons:
        exercises = [path.name[:2] for path, text in asked.items() if f'du.check(\\"{name}\\",' in text]
        assert exercises == [name[:2]], f"{name}: one exercise asks it, in its lesson"
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
    with pytest.raises(ValueError, match=r"unknown question '02\.clap'.*02\.clip.*a01\.split.*final\.network"):
        du.check("02.clap", 1)


@pytest.mark.parametrize("student", ["jörg", "René", "Łukasz Żak", "ǰ", "İ", "김"])
def test_numbers_don_t_depend_on_how_an_id_is_written(student):
    """A Mac writes an accent as a character of its own; capital letters and spaces around the id don't count either."""
    numbers = du.numbers_for("a02.wall", student)
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, student)
        assert du.numbers_for("a02.wall", other) == du.numbers_for("a02.wall", f" {other.upper()}\n") == numbers


def test_numbers_of_plain_ids_stay():
    """Students have theirs already: a change of how ids are read must not give them others."""
    assert du.numbers_for("a02.wall", "ada") == {"brightness": 0.8, "sigma": 1.0}


# ---- worked solutions ----


def exercise(name):
    """The cell of the lesson that asks a question, and the variable that it gives to the check."""
    for path in NOTEBOOKS.glob(f"{name[:2]}*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and f'du.check("{name}", ' in cell.source:
                for node in ast.walk(ast.parse(cell.source)):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) == "du.check":
                        return cell.source, ast.unparse(node.args[1])
    pytest.fail(f"no cell asks {name}")


def test_every_question_of_a_lesson_has_a_solution():
    missing, unknown = CASES.keys() - judging._WORKED.keys(), judging._WORKED.keys() - CASES.keys()
    assert not missing, f"{sorted(missing)}: worked(name, words, code) in the lesson's file of denoise_utils/checks"
    assert not unknown, f"{sorted(unknown)}: no lesson asks that"


@pytest.mark.parametrize("name", sorted(judging._WORKED))
def test_a_solution_is_right(name, capsys):
    """It runs with torch and du, sets the variable of the lesson's cell, and the check agrees."""
    words, code = judging._WORKED[name]
    cell, variable = exercise(name)
    assert f"{variable} = ..." in cell, "the learner's blank"
    names = {"torch": torch, "du": du}
    exec(code, names)
    assert judge(name, names[variable], capsys) == (True, f"{name}: right.\n")
    assert 80 < len(words) < 600 and words.endswith("."), "two or three sentences"
    assert max(len(line) for line in code.splitlines()) <= 95 and len(code.splitlines()) <= 30


@pytest.mark.parametrize("name", sorted(judging._WORKED))
def test_solution_prints_words_and_code(name, capsys):
    assert du.solution(name) is None
    text, (words, code) = capsys.readouterr().out, judging._WORKED[name]
    before, _, after = text.partition("\n\n")
    assert " ".join(before.split()) == f"{name}: {words}" and after == f"{code}\n"
    assert max(len(line) for line in text.splitlines()) <= 95


OFFER = 'Or look at a worked solution: du.solution("{}")\n'


@pytest.mark.parametrize("name", sorted(judging._WORKED))
def test_a_solution_is_offered_after_two_honest_tries(name, capsys):
    """The dots are no try, and neither is the cell run again. What is right is only right."""
    (right, *_), ((first, _), (second, _), *_) = CASES[name]
    offered = []
    for value in (first, ..., first, first, second, second, right, ..., first):
        du.check(name, value)
        text = capsys.readouterr().out
        assert text.startswith(f"{name}: ") and text.count("\n") == 1
        offered.append(text.endswith(OFFER.format(name)))
    assert offered == [False] * 4 + [True, True, False, False, True]


def test_a_function_defined_again_is_the_same_answer(capsys):
    one, other = (f"def mine(images):\n    return images.float() / {by}" for by in (2, 3))
    offered = []
    for source in (one, one, one, other):
        names = {}
        exec(source, names)
        du.check("01.to_float", names["mine"])
        offered.append(OFFER.format("01.to_float") in capsys.readouterr().out)
    assert offered == [False, False, False, True]


def test_the_offer_begins_a_sentence(capsys):
    """Also behind somebody else's error message, which has no full stop."""
    du.check("01.to_float", raises)
    du.check("01.to_float", lambda images: [][0])
    assert "IndexError: list index out of range. Or look" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a01.split", "a07.1", "final.network"])
def test_an_assignment_has_no_solution(name, capsys):
    for value in (1, 2, 3, "four"):
        du.check(name, value) if name != "final.network" else None
    assert "solution" not in capsys.readouterr().out
    with pytest.raises(ValueError, match=f"'{name}' is an assignment's question"):
        du.solution(name)


def test_solution_of_an_unknown_question():
    with pytest.raises(ValueError, match=r"unknown question '02\.clap'.*02\.clip"):
        du.solution("02.clap")


# ---- what judges are made of ----


def test_near_and_nearest_know_numbers_lists_and_tensors():
    pictures = torch.rand(2, 1, 3, 3)
    for got in (0.5, [0.5, 0.25], pictures):
        values = torch.as_tensor(got, dtype=torch.float64)
        assert near(got, got) and near(got, values) and not near(got, values + 2e-5) and near(got, values + 0.1, 0.2)
        wrong = [(values + 0.1, "far"), (values + 0.02, "near"), (values - 0.02, "as near"), (values + math.nan, "nan")]
        assert nearest(got, wrong, 0.2) == "near" and nearest(got, wrong, 0.01) is None
    assert (
        not near([0.5], 0.5) and not near(pictures, pictures[:1]) and not near([], []) and not near(math.nan, math.nan)
    )


def test_call_on_copies_and_other_shape():
    pictures = torch.zeros(2, 1, 3, 3)
    result, changed = call_on_copies(lambda images, more: images.add_(more), pictures, 1)
    assert changed and (result == 1).all() and (pictures == 0).all()
    assert call_on_copies(lambda images, more: images + more, pictures, 1)[1] is False
    assert other_shape(result, pictures) is None and other_shape(result[0], pictures) == "[1, 3, 3]"
    assert other_shape(None, pictures) == "nothing" and other_shape(1.0, pictures) == "float"
    assert several((1, 2), 2) and several([1, 2], 2) and not several((1,), 2) and not several(torch.ones(2), 2)


# ---- the package as a whole ----


def test_import_is_light():
    heavy = ["matplotlib", "torchvision", "skimage", "scipy", "ipywidgets", "IPython"]
    code = f"import denoise_utils, sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_assignments_are_imported_when_one_is_asked():
    code = """import sys, denoise_utils as du
there = lambda: "denoise_assignments" in sys.modules
du.check("02.clip", 0.3)
print(there(), du.numbers_for("a02.wall", "ada")["sigma"], there())"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False 1.0 True"


def test_every_public_name_is_there():
    assert dir(du) == du.__all__ == sorted(du.__all__)
    assert {"load_digits", "fit", "evaluate", "check", "show_images"} <= set(du.__all__)
    for name in du.__all__:
        assert callable(getattr(du, name)) and getattr(du, name).__doc__, name
    with pytest.raises(AttributeError, match="no 'fitt'"):
        du.fitt  # noqa: B018
