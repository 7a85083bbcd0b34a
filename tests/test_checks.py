"""The learners' checks: right is right, each typical mistake gets its own hint, and no hint gives the answer away.

``CASES`` holds every question: a right answer or more, and wrong ones, each with a phrase of the hint it should get.
"""

import ast
import functools
import math
import re
import struct
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import denoise_utils as du
from denoise_utils.checks import judging
from denoise_utils.checks.judging import JUDGES, call_on_copies, near, nearest, other_shape, several


def header(data):
    return struct.unpack(">4i", data[:16])[1:]


def loaded(scale=255, sizes=lambda data: (header(data)[0], 1, *header(data)[1:])):
    return lambda data: torch.tensor([*data[16:]], dtype=torch.float32).reshape(sizes(data)) / scale


def transposed(data):
    count, high, wide = header(data)
    return loaded(sizes=lambda data: (count, 1, wide, high))(data).transpose(2, 3)


def steps_of(change=lambda images: images, order=None, cut=lambda batches: batches):
    order = order or (lambda n, generator: torch.randperm(n, generator=generator))

    def batches(images, size, steps, generator):
        done = 0
        while done < steps:
            for index in cut(order(len(images), generator).split(size))[: steps - done]:
                yield change(images)[index]
                done += 1

    return batches


def steps_across(n, count):
    """Orders one behind the other, cut without regard to where one ends."""
    return torch.cat([fixed_order(n), fixed_order(n).flip(0)] * count)[:count]


def leaks(most=16, kind=torch.int32, sign=1):
    def find(train, test):
        found = []
        for number, picture in enumerate(test.to(kind)):
            gaps = train.to(kind) - picture if sign > 0 else picture - train.to(kind)
            if (gaps.abs().flatten(1).amax(1) <= most).any():
                found.append(number)
        return found

    return find


def leaks_by_fractions(train, test):
    gaps = ((train / 255 - picture).abs().flatten(1).amax(1).min() for picture in test / 255)
    return [number for number, gap in enumerate(gaps) if gap <= 16 / 255]


def by_writer(share=0.2, order=None, people=torch.unique):
    def split(writers):
        names = people(writers)
        drawn = names[(order or fixed_order)(len(names))][: max(1, int(share * len(names)))]
        test = torch.isin(writers, drawn)
        return (~test).nonzero().flatten(), test.nonzero().flatten()

    return split


def by_rule(rule):
    return lambda writers: [part.nonzero().flatten() for part in (~rule(writers), rule(writers))]


def fixed_order(n):
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))


def weight_of(price=lambda ridge: ridge):
    def weight(x, y, ridge):
        return (x @ y + price(ridge)) / (x @ x + price(ridge))

    return weight


def weight_by_steps(x, y, ridge):
    weight = torch.zeros(())
    for _ in range(300):
        slope = (x * (weight * x - y)).sum() + ridge * (weight - 1)
        weight = weight - slope / (2 * x @ x + ridge)
    return weight


def copies(noise=lambda n, sigma: n * sigma**2, table=torch.eye, right=lambda gram, n, noise: gram, before=lambda x: x):
    def matrix(clean, sigma):
        clean = before(clean)
        gram = clean.T @ clean
        noisy = noise(len(clean), sigma) * table(len(gram))
        return torch.linalg.solve(gram + noisy, right(gram, len(clean), noisy))

    return matrix


def copies_by_means(clean, sigma):
    gram = (clean.T @ clean / len(clean)).double()
    return torch.linalg.inv(gram + sigma**2 * torch.eye(len(gram))) @ gram


def copies_drawn_with_a_seed(clean, sigma):
    clean = clean.repeat(1000, 1)
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return torch.linalg.solve(noisy.T @ noisy, noisy.T @ clean)


def copies_drawn(clean, sigma):
    noisy = clean + sigma * torch.randn(clean.shape)
    return torch.linalg.solve(noisy.T @ noisy, noisy.T @ clean)


def adamw(
    shrunk=lambda w, lr, decay: (1 - lr * decay) * w,
    l2=False,
    end=False,
    forget=False,
    corrected=True,
    root=torch.sqrt,
    sign=1,
    first_only=False,
    in_place=False,
    first=1,
):
    """One step of AdamW, or of something that is not quite it."""

    def step(w, gradient, state, lr, decay):
        if forget:
            state = {}
        t = state["t"] = state.get("t", first - 1) + 1
        if first_only and t > 1:
            return w
        seen = gradient + decay * w if l2 else gradient
        state["m"] = 0.9 * state.get("m", 0) + 0.1 * seen
        state["s"] = 0.999 * state.get("s", 0) + 0.001 * seen**2
        by = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1, 1)
        way = sign * lr * (state["m"] / by[0]) / (root(state["s"] / by[1]) + 1e-8)
        if in_place:
            return w.mul_(1 - lr * decay).sub_(way)
        return (1 - lr * decay) * (w - way) if end else shrunk(w, lr, decay) - way

    return step


def adamw_by_torch(w, gradient, state, lr, decay):
    if not state:
        state["w"] = torch.nn.Parameter(w.clone())
        state["optimizer"] = torch.optim.AdamW([state["w"]], lr=lr, weight_decay=decay)
    state["w"].grad = gradient
    state["optimizer"].step()
    return state["w"].data


def epoch(
    target="clean", forget=True, step=True, spoil=True, shuffle=True, seed=False, drop=False, ahead=False, in_place=False,
    reduction="mean", lr=1, mean=lambda losses, sizes: sum_of_products(losses, sizes) / sum(sizes),
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
            aim = clean if target == "clean" else noisy if target == "noisy" else noise(clean)
            loss = lr * F.mse_loss(model(noisy), aim, reduction=reduction)
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


def descend(x, y, rate, steps, clear=True, reduction="mean"):
    weight = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    for _ in range(steps):
        F.mse_loss(x @ weight, y, reduction=reduction).backward()
        with torch.no_grad():
            weight -= rate * weight.grad
        if clear:
            weight.grad = None
    return weight.detach()


def by_sgd(x, y, rate, steps):
    layer = torch.nn.Linear(x.shape[1], y.shape[1], bias=False)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.SGD(layer.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(layer(x), y).backward()
        optimizer.step()
    return layer.weight.T


def backward_twice(x, y, rate, steps):
    weight = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    loss = F.mse_loss(x @ weight, y)
    for _ in range(steps):
        loss.backward()
    return weight


def new_weight(x, y, rate, steps):
    weight = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    for _ in range(steps):
        F.mse_loss(x @ weight, y).backward()
        with torch.no_grad():
            weight = weight - rate * weight.grad
    return weight


def step_on_record(x, y, rate, steps):
    weight = torch.zeros(x.shape[1], y.shape[1], requires_grad=True)
    for _ in range(steps):
        F.mse_loss(x @ weight, y).backward()
        weight -= rate * weight.grad
    return weight


def by_backward(weight, x, y, price):
    weight.requires_grad_()
    (F.mse_loss(x @ weight, y) + price * weight.square().sum()).backward()
    return weight.grad


def raises(*args):
    raise ZeroDivisionError("mine")


def median_and_blur(noisy):
    return du.gaussian_blur(1.0)(du.median_filter(3)(noisy))


def stretched(denoiser):
    return lambda noisy: (denoiser(noisy) - 0.195) / 0.61


# ---- networks for 03.network: right, and with one mistake each ----


def network(
    kernels=(3, 3, 3, 3),
    channels=16,
    act=F.relu,
    zeros=(-1,),
    *,
    padded=True,
    skip=True,
    set_up=True,
    hidden=False,
    in_forward=False,
    in_place=False,
    unused=False,
    middle=lambda x: x,
    end_of_branch=lambda x: x,
    end=lambda x: x,
):
    """A class, as a learner writes it: convolutions with kernels of these sides. zeros: those that start at zero."""

    def layers():
        widths = [1, *[channels] * (len(kernels) - 1), 1]
        made = [nn.Conv2d(a, b, k, padding=k // 2 * padded) for a, b, k in zip(widths, widths[1:], kernels)]
        for i in zeros:
            nn.init.zeros_(made[i].weight)
            nn.init.zeros_(made[i].bias)
        return made

    class Network(nn.Module):
        def __init__(self):
            if set_up:
                super().__init__()
            if not in_forward:
                self.parts = layers() if hidden else nn.ModuleList(layers())
            if unused:
                self.unused = nn.Conv2d(1, 4, 1)

        def forward(self, noisy):
            parts, x = layers() if in_forward else self.parts, noisy
            for part in parts[:-1]:
                x = middle(act(part(x)))
            x = end_of_branch(parts[-1](x))
            if in_place:
                noisy += 1
                return noisy - 1 + x
            rim = (noisy.shape[2] - x.shape[2]) // 2
            return end(noisy[:, :, rim : noisy.shape[2] - rim, rim : noisy.shape[3] - rim] + x if skip else x)

    return Network


def only_kernels_at_zero():
    model = RightNetwork()
    torch.nn.init.constant_(list(model.parameters())[-1], 0.04)
    return model


RightNetwork = network()


def pooled_and_stretched(noisy):  # a layer without weights is a filter, too
    return (torch.nn.AvgPool2d(3, 1, 1)(du.median_filter(3)(noisy)) - 0.195) / 0.61


@functools.cache
def one_matrix():
    return du.LinearDenoiser(du.load_digits("mnist5k").train.images[:200], du.GaussianNoise(0.5))


@functools.cache
def tiny():
    return du.TinyDenoiser()


def spread(values):
    return values.std().item()


def ends(half, middle=lambda a, b: (a - b).mean().item()):
    """An interval (low, high) from half of its width, and from its middle."""

    def interval(a, b):
        return middle(a, b) - half(a, b), middle(a, b) + half(a, b)

    return interval


def of_pairs(a, b, times=1.96):
    return times * spread(a - b) / len(a) ** 0.5


# ---- the patients of lessons 07a and 07b: the programs as they stand there, and what makes them well ----

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CLINIC = {path.name[:3]: nbformat.read(path, as_version=4).cells for path in sorted(NOTEBOOKS.glob("07[ab]_*.ipynb"))}
CELLS = [cell.source for cells in CLINIC.values() for cell in cells]
PROGRAMS = {source[4 : source.index("(")]: source for source in CELLS if source[:4] == "def "}
NO_GRAD = "        with torch.no_grad():"
BY_PACKAGE = (
    NO_GRAD + "\n            curve.append(F.mse_loss(model(noisy), clean).item())",
    "        curve.append(du.evaluate(model.eval(), val_images, noise).mse)",
)
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


def normal_numbers(noisy, generator):
    return torch.randn(noisy.shape, generator=generator)


def random_signs(noisy, generator):
    return torch.randn(noisy.shape, generator=generator).sign()


def even_numbers(noisy, generator):
    return (torch.rand(noisy.shape, generator=generator) - 0.5) * 12**0.5


def two_of_one(first=1, second=-1, fresh=False, strength=lambda sigmas: sigmas, seed=None, draw=normal_numbers):
    def pair(noisy, sigmas, generator):
        generator = generator.manual_seed(seed) if seed is not None else generator
        z = strength(sigmas) * draw(noisy, generator)
        other = strength(sigmas) * draw(noisy, generator) if fresh else z
        return noisy + first * z, noisy + second * other

    return pair


CASES = {
    "00.noisy": (
        [0.116, 0.1157, 0.1145, torch.tensor(0.116)],
        [
            (0.25, "σ²"),
            (0.5, "That is σ"),
            (0.34, "squared?"),
            (0.2047, "mean of the errors' sizes"),
            (0.0212, "In which order"),
            (torch.zeros(3, 4), "yours has 12 of them"),
            (0, "with itself"),
            (0.1114, "Which of them is missing"),
            (7.0, "Which of them is missing"),
            (-0.116, "Which of them is missing"),
        ],
    ),
    "00.black": (
        [0.114, 0.1120, 0.1114],
        [
            (0, "Only if the digits were black"),
            (0.1325, "mean brightness"),
            (0.13, "mean brightness"),
            (1, "white paper"),
            (0.3337, "squared?"),
            (0.116, "what doing nothing costs"),
            (0.5, "all-black"),
            (-1, "all-black"),
        ],
    ),
    "01.load": (
        [loaded(), lambda data: loaded()(data).clone(), functools.partial(loaded())],
        [
            (loaded(scale=1), "204 stayed 204"),
            (lambda data: loaded()(data) / 0.8, "The brightest pixel"),
            (loaded(scale=256), "became 0.797"),
            (lambda data: (loaded(1)(data).byte() // 255).float(), "What does // do"),
            (lambda data: loaded()(data) * 2 - 1, "Black became -1"),
            (
                loaded(sizes=lambda data: (-1, 1, 28, 28)),
                "3 pictures, 5 rows of 4 pixels, it stopped with RuntimeError",
            ),
            (loaded(sizes=lambda data: (*header(data)[:1], 1, *header(data)[:0:-1])), r"it should be \[3, 1, 5, 4\]"),
            (loaded(sizes=lambda data: header(data)), "where is the channel"),
            (lambda data: loaded()(data).double(), "float64"),
            (lambda data: loaded(1)(data).to(torch.uint8), "uint8"),
            (lambda data: loaded()(data).numpy(), "returned a ndarray"),
            (lambda data: loaded()(data).flip(0), "not those of the file"),
            (lambda data: transposed(data), "row after row"),
            (
                lambda data: loaded(sizes=lambda data: struct.unpack("<4i", data[:16])[1:])(data),
                "stopped with RuntimeError",
            ),
            (lambda data: None, "returned nothing"),
        ],
    ),
    "01.batches": (
        [steps_of(), lambda *given: list(steps_of()(*given)), steps_of(change=lambda images: images / 255)],
        [
            (steps_of(cut=lambda batches: batches[:2]), "last, smaller batch"),
            (lambda images, size, steps, generator: images.split(size), "After one epoch it ends"),
            (lambda images, size, steps, generator: steps_of()(images, size, steps + 1, generator), "yields 9 batches"),
            (lambda images, size, steps, generator: steps_of()(images, size, 10**9, generator), "more than 50"),
            (lambda images, *given: iter([]), "yields 0 batches"),
            (steps_of(order=lambda n, generator: torch.randint(n, (n,), generator=generator)), "came twice"),
            (lambda images, size, *given: steps_of()(images, 5, *given), r"\[5, 5, 5"),
            (
                lambda images, size, steps, generator: images[steps_across(10, size * steps)].split(size),
                "mixes two epochs",
            ),
            (steps_of(order=lambda n, generator: torch.arange(n)), "nothing is shuffled"),
            (steps_of(order=lambda n, generator: fixed_order(n)), "order of the first"),
            (steps_of(order=lambda n, generator: torch.randperm(n)), "draw from the one"),
            (lambda *given: steps_of()(*given[:3], torch.Generator().manual_seed(0)), "what sets it back"),
            (lambda images, *given: steps_of()(torch.arange(len(images)), *given), "holds numbers, no images"),
            (lambda *given: ((batch, batch) for batch in steps_of()(*given)), "of type tuple"),
            (lambda images, size, *given: images[:size], "returned one tensor"),
            (lambda *given: None, "returned nothing"),
        ],
    ),
    "01.leaks": (
        [leaks(), lambda *given: set(leaks()(*given)), lambda *given: np.array(leaks()(*given), dtype=np.int64)],
        [
            (leaks(most=0), "How far is near"),
            (lambda train, test: [], "was not found"),
            (leaks(kind=torch.uint8), "darker were not found.*3 - 5"),
            (leaks(kind=torch.uint8, sign=-1), "brighter were not found.*3 - 5"),
            (leaks_by_fractions, "exactly 16. Do you compare fractions"),
            (leaks(most=200), "no copy of it"),
            (leaks(most=45), "no copy of it"),
            (lambda train, test: [i for i in range(len(test)) if torch.equal(train[i], test[i])], "at another number"),
            (lambda train, test: leaks()(test, train), "numbers in the training part"),
            (lambda train, test: len(leaks()(train, test)), "of type int"),
            (lambda train, test: [i in leaks()(train, test) for i in range(len(test))], "mask"),
            (lambda train, test: leaks()(train, test) * 2, "twice"),
            (lambda train, test: [*range(50)], "no copy of it"),
            (lambda train, test: [1000], "only 41 test pictures"),
            (lambda train, test: None, "returned nothing"),
        ],
    ),
    "01.split": (
        [
            by_writer(),
            lambda writers: [part.tolist() for part in by_writer()(writers)],
            lambda writers: [part.numpy() for part in by_writer(share=0.25)(writers)],
        ],
        [
            (lambda writers: fixed_order(len(writers)).split([len(writers) - 180, 180]), "writers are in both parts"),
            (lambda writers: by_writer()(writers)[::-1], "about a fifth"),
            (by_writer(share=0.02), "about a fifth"),
            (by_writer(order=torch.randperm), "fix the seed"),
            (by_writer(order=torch.arange), "not drawn at random"),
            (
                by_writer(order=torch.arange, people=lambda writers: torch.tensor([*dict.fromkeys(writers.tolist())])),
                "not drawn",
            ),
            (by_rule(lambda writers: writers % 5 == 0), "One in 5 writers, by a rule"),
            (by_rule(lambda writers: torch.isin(writers, writers.unique()[1::4])), "One in 4 writers, by a rule"),
            (by_rule(lambda writers: torch.arange(len(writers)) >= 0.8 * len(writers)), "1 of 40 writers is in both"),
            (lambda writers: writers.unique().split([32, 8]), "numbers of writers"),
            (lambda writers: [by_writer()(writers)[1]] * 2, "in both parts"),
            (lambda writers: [part[1:] for part in by_writer()(writers)], "2 of .* in no part"),
            (lambda writers: [part + 1 for part in by_writer()(writers)], "the indices go from 0"),
            (lambda writers: [torch.isin(torch.arange(len(writers)), part) for part in by_writer()(writers)], "a mask"),
            (lambda writers: [writers[part] / 2 for part in by_writer()(writers)], "torch.float32"),
            (lambda writers: [*by_writer()(writers), []], "3 things"),
            (lambda writers: 5, "returned a int|returned an int"),
            (lambda writers: [5, 6], "of type int"),
            (5, "stopped with TypeError"),
        ],
    ),
    "02.clip": (
        [0.3156, 0.316, 0.314, 0.32],
        [
            (0, "half of the noise is cut away"),
            (1, "That is σ"),
            (0.5, "Half of σ"),
            (-0.316, "which way"),
            (0.684, "white pixel"),
            (0.195, "for σ = 0.5"),
            (0.39, "Twice as much"),
            (0.399, "cut at 1 as well"),
            (0.6312, "other half stays at 0"),
            (0.25, "two decimals need many"),
            (0.31, "two decimals need many"),
        ],
    ),
    "02.psnr": (
        [
            lambda mse, peak: 10 * math.log10(peak**2 / mse),
            lambda mse, peak: 20 * math.log10(peak) - 10 * math.log10(mse),
            lambda mse, peak: 10 * torch.log10(peak**2 / mse),
        ],
        [
            (lambda mse, peak: 10 * math.log10(mse / peak**2), "sign"),
            (lambda mse, peak: 20 * math.log10(peak**2 / mse), "amplitudes"),
            (lambda mse, peak: math.log(peak**2 / mse), "natural logarithm"),
            (lambda mse, peak: 10 * math.log(peak**2 / mse), "natural logarithm"),
            (lambda mse, peak: math.log10(peak**2 / mse), "bels"),
            (lambda mse, peak: mse, "still the MSE"),
            (lambda mse, peak: mse + peak, "each tenth of the error"),
            (lambda mse, peak: 10 * math.log10(255**2 / mse), "is told the peak"),
            (lambda mse, peak: 20.0, "an MSE of 1 has 0 dB, and you got 20"),
            (lambda mse, peak: -10 * math.log10(mse), "the peak is not used"),
            (lambda mse, peak: 10 * math.log10(peak / mse), "the MSE is a square"),
            (lambda mse, peak: -10 * math.log10(mse * peak), "larger peak is the better"),
            (lambda mse, peak: -10 * math.log10(mse * peak**2), "larger peak is the better"),
            (lambda mse, peak: -10 * math.log10(mse) + peak - 1, "of the peak's square"),
            (lambda mse: -10 * math.log10(mse), "TypeError"),
            (lambda mse, peak: None, "returned nothing"),
        ],
    ),
    "02.weight": (
        [weight_of(), weight_by_steps, lambda x, y, ridge: weight_of()(x.double(), y.double(), ridge).item()],
        [
            (lambda x, y, ridge: (x @ y) / (x @ x), "without any price"),
            (lambda x, y, ridge: (x @ y) / (x @ x + ridge), "towards 0"),
            (lambda x, y, ridge: (x @ y + ridge) / (x @ x), "which terms of the slope have a w"),
            (lambda x, y, ridge: (x @ y) / (x @ x) + ridge, "which terms of the slope have a w"),
            (lambda x, y, ridge: (x @ y - ridge) / (x @ x + ridge), "One sign"),
            (lambda x, y, ridge: (x @ y + ridge) / (x @ x - ridge), "One sign"),
            (weight_of(lambda ridge: ridge / 2), "for one of them only"),
            (weight_of(lambda ridge: 2 * ridge), "for one of them only"),
            (lambda x, y, ridge: weight_of()(x, y, ridge * len(x)), "You took means"),
            (lambda x, y, ridge: (x @ y + ridge) / (y @ y + ridge), "changed places"),
            (lambda x, y, ridge: 1.0, "enormous λ. The data"),
            (lambda x, y, ridge: 0.5637508, "For λ = 0 only the data count"),
            (lambda x, y, ridge: x @ y / (x @ x + ridge**2), "only the price counts"),
            (weight_of(lambda ridge: ridge**2), "but not between"),
            (lambda x, y, ridge: (x * y + ridge) / (x * x + ridge), "returned 50 numbers"),
            (lambda x, y, ridge: weight_of()(x.mul_(2), y, ridge), "changed x or y"),
            (lambda x, y, ridge: None, "returned nothing"),
        ],
    ),
    "02.copies": (
        [copies(), copies_by_means, copies(before=lambda clean: clean - clean.mean(dim=0))],
        [
            (copies(lambda n, sigma: 0), "one must hold the noise, and the other not"),
            (lambda clean, sigma: copies(lambda n, s: clean.shape[1] * s**2)(clean, sigma), "not over the pixels"),
            (copies(right=lambda gram, n, noise: gram + noise), "one must hold the noise, and the other not"),
            (copies(lambda n, sigma: sigma**2), "noise of one picture"),
            (copies(lambda n, sigma: n * sigma), "standard deviation is σ"),
            (copies(lambda n, sigma: sigma), "standard deviation is σ"),
            (copies(lambda n, sigma: n * sigma**4), "standard deviation is σ"),
            (copies(lambda n, sigma: 2 * n * sigma**2), "only one of the four terms"),
            (copies(table=lambda size: torch.ones(size, size)), "in every entry"),
            (copies(lambda n, sigma: (n - 1) * sigma**2), "N − 1 is for"),
            (copies(lambda n, sigma: -n * sigma**2), "larger, not smaller"),
            (
                copies(lambda n, sigma: sigma**2, before=lambda x: x / len(x) ** 0.5, right=lambda g, n, _: n * g),
                "mean over",
            ),
            (copies(right=lambda gram, n, _: gram / n), "mean over"),
            (lambda clean, sigma: torch.linalg.inv(copies()(clean, sigma)), "wrong side"),
            (copies_drawn, "Two calls.*some noise is still drawn"),
            (copies_drawn_with_a_seed, "never reach it.*some noise is still drawn"),
            (copies(lambda n, sigma: n * sigma**2 + 80), "Without noise, σ = 0"),
            (copies(lambda n, sigma: min(n * sigma**2, 5.0)), "With an enormous σ"),
            (copies(lambda n, sigma: n * sigma**3), "but not between"),
            (lambda clean, sigma: copies()(clean.T, sigma), r"\[4, 4\], and yours is \[40, 40\]"),
            (lambda clean, sigma: copies()(clean, sigma).numpy(), "yours is ndarray"),
            (lambda clean, sigma: copies()(clean.mul_(2), sigma), "changed clean"),
            (lambda clean, sigma: math.nan * copies()(clean, sigma), "all of them finite"),
            (lambda clean, sigma: None, "returned nothing"),
        ],
    ),
    "03.t_conv": (
        [4, 4.0],
        [
            (3, "side by side"),
            (1, "where does the ninth"),
            (12, "stride 2"),
            (20, "3 apart, not 1"),
            (2, "holes"),
            (28, "much smaller"),
            (9, "Where does the last"),
        ],
    ),
    "03.parameters": (
        [8, 8.0],
        [
            (2408 / 300, "besides its kernels"),
            (8.03, "besides its kernels"),
            (2408 / 26, "more than one kernel"),
            (96.32, "something besides"),
            (2408 / 109, "3 by 3"),
            (2408 / 108, "3 by 3, without"),
            (2408 / 12, "whole kernel"),
            (301, "So much does one"),
            (96, "a single output channel"),
        ],
    ),
    "03.rate": (
        [1 / 3, 0.333, torch.tensor(0.33333)],
        [
            (2.0, "flat direction"),
            (1 / 6, "after one step"),
            (2 / 3, "the curvature of 3a²"),
            (2 / 7, "not added"),
            (1.0, "arrives in one step"),
            (4.0, "the steep one too"),
            (0.1, "sets the limit"),
        ],
    ),
    "03.gradient": (
        [lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() + 2 * p * w],
        [
            (lambda w, x, y, p: -2 * x.T @ (x @ w - y) / y.numel() - 2 * p * w, "points downhill"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel(), "has a slope, too"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() + p * w, "the derivative of price"),
            (lambda w, x, y, p: x.T @ (x @ w - y) / y.numel() + p * w, "Half of it"),
            (lambda w, x, y, p: x.T @ (x @ w - y) / y.numel() + 2 * p * w, "to the front of a square"),
            (lambda w, x, y, p: 2 * (x.T @ (x @ w - y) + p * w) / y.numel(), "not a mean"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() + 2 * p * w / w.numel(), "not a mean"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() - 2 * p * w, "larger weights cost more"),
            (lambda w, x, y, p: 2 * x.T @ (y - x @ w) / y.numel() + 2 * p * w, "the answer or the target"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) + 2 * p * w, "over how many numbers"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / len(x) + 2 * p * w, "not over its rows only"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / w.numel() + 2 * p * w, "not over those of the weights"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / x.numel() + 2 * p * w, "not over those of x"),
            (lambda w, x, y, p: (2 * x.T @ (x @ w - y) / y.numel() + 2 * p * w).T, "on its side"),
            (lambda w, x, y, p: F.mse_loss(x @ w, y), "one number, as a loss is"),
            (lambda w, x, y, p: (w, x), "in the shape of the weights"),
            (lambda w, x, y, p: 2 * (x @ w - y) @ x.T / y.numel() + 2 * p * w, "shapes don't fit"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() + 2 * p * w.sum(), "no sum is left"),
            (lambda w, x, y, p: (2 * x.T @ (x @ w - y)).mean() + 2 * p * w, "In the first, each weight"),
            (lambda w, x, y, p: 2 * x.T @ (x @ w - y) / y.numel() + p * w.square(), "not differentiated yet"),
            (lambda w, x, y, p: x.T @ y, "Take one weight"),
            (by_backward, "on paper"),
            (lambda w, x, y, p: w.mul_(2 * p), "changes the weights"),
            (raises, "ZeroDivisionError"),
        ],
    ),
    "03.loop": (
        [descend, lambda x, y, rate, steps: descend(x, y, rate, steps).requires_grad_(), by_sgd],
        [
            (lambda x, y, rate, steps: descend(x, y, rate, steps, clear=False), "adds to .grad"),
            (lambda x, y, rate, steps: descend(x, y, -rate, steps), "uphill"),
            (lambda x, y, rate, steps: descend(x, y, rate, steps, reduction="sum"), "is a sum"),
            (lambda x, y, rate, steps: descend(x, y, rate * y.shape[1], steps), "not over the rows only"),
            (lambda x, y, rate, steps: descend(x, y, rate, steps - 1), "One step is missing"),
            (lambda x, y, rate, steps: descend(x, y, rate, steps + 1), "one step too many"),
            (lambda x, y, rate, steps: descend(x, y, rate, 1), "a single step"),
            (lambda x, y, rate, steps: descend(x, y, rate, 0), "still 0"),
            (lambda x, y, rate, steps: torch.linalg.lstsq(x, y).solution, "the lowest point"),
            (lambda x, y, rate, steps: descend(x, y, 30 * rate, steps), "larger than at the start"),
            (lambda x, y, rate, steps: descend(x, y, rate / 3, steps), "line by line"),
            (lambda x, y, rate, steps: descend(x, y, rate, steps).T, "yours are .3, 5."),
            (lambda x, y, rate, steps: descend(x.mul_(1.0).add_(1), y, rate, steps), "changes x or y"),
            (backward_twice, "before the loop, or anew"),
            (new_weight, "made a new one"),
            (step_on_record, "What stops it"),
            (lambda x, y, rate, steps: x @ torch.zeros(784, 784), "Which shape must the weights have"),
            (lambda x, y, rate, steps: descend(x, y, rate, steps) + 0.1, "where does the walk start"),
            (lambda x, y, rate, steps: None, "returned nothing"),
        ],
    ),
    "03.receptive": (
        [8],
        [
            (5, "without the pooling"),
            (6, "What do these see"),
            (7, "how many pixels before it"),
            (10, "Not everything doubles"),
            (12, "Not everything doubles"),
            (4, "on top"),
            (64, "area"),
            (9, "Go backwards"),
        ],
    ),
    "03.network": (
        [RightNetwork, network(kernels=(5, 5), channels=20), network(act=F.gelu), lambda: RightNetwork()],
        [
            (RightNetwork(), "already made"),
            (network(set_up=False), "must set itself up"),
            (lambda: 3, "of type int"),
            (network(hidden=True), "plain list"),
            (network(in_forward=True), "those that forward makes"),
            (network(channels=17), "5,560 parameters"),
            (network(padded=False), r"\[3, 1, 12, 20\] to \[3, 1, 4, 12\].*around the picture"),
            (network(end=lambda x: None), "returns nothing"),
            (network(end=lambda x: x.view(-1, 1, 28, 28)), r"With pictures \[3, 1, 12, 20\] it stops"),
            (network(in_place=True), "Make a new tensor"),
            (network(middle=lambda x: F.dropout(x)), "another answer each time"),
            (network(middle=lambda x: x - x.mean(dim=0)), "other pictures of the batch"),
            (network(end=torch.sigmoid), "sigmoid of its input"),
            (network(skip=False), "answers black"),
            (network(end=lambda x: 2 * x), "twice its input"),
            (network(zeros=()), "changes its input by up to"),
            (only_kernels_at_zero, "the same 0.0.. to every pixel"),
            (network(end_of_branch=F.relu), "can't darken"),
            (network(end_of_branch=lambda x: -F.relu(x)), "can't brighten"),
            (network(end=F.relu), "never below 0"),
            (network(act=nn.Identity()), "linear"),
            (network(kernels=(3, 3, 3)), "sees 7×7"),
            (network(kernels=(3, 3, 3, 1)), "sees 7×7"),
            (network(zeros=(0, 1, 2, 3)), r"parts\.0\.weight, .*no gradient"),
            (network(unused=True), r"unused\.bias, unused\.weight: no gradient"),
        ],
    ),
    "04.printed": (
        [0.0489, 0.9775 / 20],
        [
            (0.9775, "what it printed"),
            (19.55, "other way"),
            (0.9887, "No root"),
            (0.0261, "last epoch"),
            (0.05, "three digits"),
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
            (lambda losses, sizes: sum_of_products(losses, sizes) / (len(sizes) * sizes[0]), "as a full one"),
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
            (epoch(target="other noise"), "noise of its own"),
            (epoch(reduction="sum"), "a sum over the pixels"),
            (epoch(lr=2), "the two weights should be"),
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
    "04.momentum": (
        [10, 1 / (1 - 0.9), 9.99],
        [
            (1, "plain step"),
            (1.9, "second step"),
            (2.71, "third step"),
            (0.9, "share of the velocity that is kept"),
            (0.1, "share of the velocity that is lost"),
            (9, "before the new gradient"),
            (11, "One too many"),
            (19, "how much is added"),
            (-10, "in which direction"),
            (100, "stop growing"),
        ],
    ),
    "04.adamw": (
        [adamw(), adamw_by_torch, adamw(in_place=True), lambda *given: torch.nn.Parameter(adamw()(*given))],
        [
            (lambda w, gradient, state, lr, decay: w, "what they were"),
            (adamw(shrunk=lambda w, lr, decay: w), "decay is missing"),
            (adamw(shrunk=lambda w, lr, decay: w, l2=True), "into the gradient"),
            (adamw(shrunk=lambda w, lr, decay: w, end=True), "should before"),
            (adamw(shrunk=lambda w, lr, decay: (1 - decay) * w), "second factor"),
            (adamw(shrunk=lambda w, lr, decay: (1 + lr * decay) * w), "weights grow"),
            (adamw(shrunk=lambda w, lr, decay: lr * decay * w), "what is lost, and what stays"),
            (adamw(shrunk=lambda w, lr, decay: w - lr * decay), "share of its own size"),
            (adamw(forget=True), "nothing is remembered"),
            (adamw(corrected=False), "makes up for that"),
            (adamw(root=lambda square: square), "not by its root"),
            (adamw(sign=-1), "First shrink, then"),
            (adamw(first=0), "number 1"),
            (adamw(first_only=True), "The next steps are not"),
            (lambda w, gradient, state, lr, decay: w.sum(), r"your function returned .."),
            (lambda w, gradient, state, lr, decay: w - lr * gradient.mul_(2), "changed the gradient"),
            (lambda w, gradient, state, lr, decay: None, "returned nothing"),
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
            (0.576, "only that"),
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
            (lambda g: 65504 / g.abs().max(), "no power of two"),
            (lambda g: math.floor(math.log2(65504 / g.abs().max().item())), "the exponent"),
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
            (2, "That is the factor"),
            (6.02, "amplitude"),
            (0.301, "bels"),
            (-3.01, "more dB"),
            (10, "a tenth"),
            (1, "its two PSNRs"),
        ],
    ),
    "05.beat_classics": (
        [stretched(median_and_blur), pooled_and_stretched],
        [
            (lambda noisy: noisy, "unchanged"),
            (du.median_filter(3), "is it black"),
            (median_and_blur, "is it black"),
            (stretched(du.median_filter(3)), "what is left of the noise"),
            (stretched(du.total_variation(0.2)), "the one to beat itself"),
            (torch.zeros_like, "all-black"),
            (lambda noisy: noisy[:, 0], "it should return"),
            (torch.ones_like, "what is left of the noise"),
            (tiny(), "A TinyDenoiser answers here"),
            (lambda noisy: tiny()(noisy), "A TinyDenoiser answers here"),
            (lambda noisy: du.gaussian_blur(1.0)(tiny().forward(noisy)), "has learned from pictures"),
            (one_matrix(), "A LinearDenoiser answers here"),
            (lambda noisy: one_matrix()(noisy), "A LinearDenoiser answers here"),
        ],
    ),
    "05.interval": (
        [
            ends(of_pairs),
            ends(lambda a, b: of_pairs(a, b, 2)),
            ends(lambda a, b: 2 * (a - b).std(correction=0) / len(a) ** 0.5),
            lambda a, b: torch.stack(ends(of_pairs, lambda a, b: (a - b).mean())(a, b)),
            lambda a, b: list(ends(of_pairs, lambda a, b: a.mean() - b.mean())(a, b)),
        ],
        [
            (lambda a, b: ((a - b).mean(), of_pairs(a, b)), "the middle and half of the width"),
            (lambda a, b: (a - b).mean(), "two numbers"),
            (lambda a, b: (a - b - of_pairs(a, b), a - b + of_pairs(a, b)), "two numbers"),
            (ends(lambda a, b: 1.96 * ((a.var() + b.var()) / len(a)).sqrt()), "for two sets of pictures"),
            (ends(lambda a, b: 1.96 * spread(torch.cat([a, b])) / len(a) ** 0.5), "for two sets of pictures"),
            (ends(lambda a, b: 1.96 * spread(torch.cat([a, b])) / (2 * len(a)) ** 0.5), "for two sets of pictures"),
            (ends(lambda a, b: 1.96 * (spread(a) + spread(b)) / len(a) ** 0.5), "added two half widths"),
            (ends(lambda a, b: 1.96 * spread(a - b) / len(a)), "Far too narrow: four times"),
            (ends(lambda a, b: 1.96 * spread(a - b)), "where single pictures lie"),
            (ends(lambda a, b: 1.96 * (a - b).var().item() / len(a) ** 0.5), "a variance"),
            (ends(lambda a, b: 1.96 * (a - b).var().item() / len(a)), "a variance"),
            (ends(lambda a, b: math.nan), "NaN"),
            (ends(lambda a, b: of_pairs(a, b, 1)), "one standard error"),
            (ends(lambda a, b: of_pairs(a, b, 0.98)), "Too narrow by half"),
            (ends(lambda a, b: of_pairs(a, b, 3.92)), "Twice too wide"),
            (ends(lambda a, b: of_pairs(a, b, 1.645)), "90 %"),
            (ends(lambda a, b: of_pairs(a, b, 2.576)), "99 %"),
            (ends(lambda a, b: of_pairs(a, b, 5)), "it should be another"),
            (
                ends(lambda a, b: 1.96 * spread(a - b) / min(len(a), 100) ** 0.5),
                "for 240 pictures it should be another",
            ),
            (ends(of_pairs, lambda a, b: (b - a).mean().item()), "sign is turned round"),
            (ends(of_pairs, lambda a, b: (a - b).abs().mean().item()), "the size of each difference"),
            (ends(of_pairs, lambda a, b: a.mean().item()), "The middle of your interval"),
            (ends(lambda a, b: -of_pairs(a, b)), "smaller end comes first"),
            (lambda a, b: None, "returned nothing"),
        ],
    ),
    "06.twins": (
        [0.0094, 0.01 - 4 * (0.01 - 0.0097) / 2],
        [
            (0.0100, "one of them alone"),
            (0.0097, "the mean of two"),
            (0.0091, "Too much"),
            (0.0088, "whole of D"),
            (0.0106, "check the sign"),
            (0, "stays, however many"),
            (0.0006, "what is saved"),
            (0.0012, "That is D"),
            (0.02, "a rule for the mean of two"),
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
            (lambda denoiser, noisy: (denoiser(noisy) + denoiser(noisy).flip(3)) / 2, "You mirrored the answer"),
            (lambda denoiser, noisy: denoiser(noisy) + denoiser(noisy.flip(3)).flip(3), "sum of two"),
            (lambda denoiser, noisy: denoiser((noisy + noisy.flip(3)) / 2), "mean of the pictures first"),
            (lambda denoiser, noisy: denoiser(noisy.mul_(0.5)), "changed the noisy pictures"),
            (lambda denoiser, noisy: denoiser(noisy)[0], "same shape"),
            (lambda denoiser, noisy: torch.zeros_like(noisy), "then noisy itself should come back"),
        ],
    ),
}
CASES |= {
    "09.floor": (
        [0.06, 0.15 - 0.3**2, torch.tensor(0.06)],
        [
            (0.15, "the loss itself"),
            (0.24, "Added"),
            (-0.15, "can't be negative"),
            (0.09, "what the noise of the target adds"),
            (0.3, "That is σ"),
            (0.45, "not squared"),
            (0.105, "half of what"),
            (-0.03, "Take its noise off once"),
            (0.5, "sum of two parts"),
        ],
    ),
    "09.shrink": (
        [
            lambda noisy, sigma: 1 - sigma**2 / noisy.square().mean(),
            lambda noisy, sigma: 1 - sigma**2 / (noisy.var() + noisy.mean() ** 2).item(),
        ],
        [
            (lambda noisy, sigma: 1.0, "leaves the noise"),
            (lambda noisy, sigma: sigma**2 / noisy.square().mean(), "what a lacks to 1"),
            (lambda noisy, sigma: 1 - sigma / noisy.square().mean(), "not squared"),
            (lambda noisy, sigma: 1 - sigma**2 / (2 * noisy.square().mean()), "factor of 2"),
            (lambda noisy, sigma: 1 - 2 * sigma**2 / noisy.square().mean(), "factor of 2"),
            (lambda noisy, sigma: 1 + sigma**2 / noisy.square().mean(), "Above 1"),
            (lambda noisy, sigma: 1 - sigma**2 / noisy.var(), "took the mean off"),
            (lambda noisy, sigma: 1 / (1 + sigma**2 / noisy.square().mean()), "already holds the noise"),
            (lambda noisy, sigma: 1 - sigma**2 / noisy.square().mean().sqrt(), "divided by a root"),
            (lambda noisy, sigma: 1 - sigma**2, "not in your formula"),
            (lambda noisy, sigma: 1 - sigma**2 / noisy.mean(), "took the mean of y"),
            (lambda noisy, sigma: 0.2, "a parabola in a"),
            (lambda noisy, sigma: 1 - sigma**2 / noisy.square(), "One factor a"),
            (lambda noisy, sigma: 1 - sigma**2 / noisy.mul_(2).square().mean(), "changed the noisy pictures"),
        ],
    ),
    "09.pair": (
        [
            two_of_one(),
            two_of_one(first=0.5, second=-2),
            lambda noisy, sigmas, generator: [*reversed(two_of_one()(noisy, sigmas, generator))],
        ],
        [
            (lambda noisy, sigmas, generator: (noisy, noisy), "covariance of the two noises is σ²"),
            (two_of_one(second=0), "covariance of the two noises is σ²"),
            (two_of_one(fresh=True), "covariance of the two noises is σ²"),
            (two_of_one(second=1), "Look at the signs"),
            (two_of_one(first=0.5, second=-0.5), "two factors are not"),
            (two_of_one(first=2, second=-1), "times σ². It should be 0"),
            (two_of_one(strength=lambda sigmas: sigmas.mean()), "as strong as the noise there"),
            (two_of_one(strength=lambda sigmas: sigmas**2), "as strong as the noise there"),
            (lambda noisy, sigmas, generator: (noisy, torch.zeros_like(noisy)), "On average over the noise"),
            (lambda noisy, sigmas, generator: noisy, "two pictures"),
            (lambda noisy, sigmas, generator: (noisy, noisy[0]), "the shape of noisy"),
            (lambda noisy, sigmas, generator: (noisy.mul_(0.5), noisy), "changed the noisy pictures"),
            (two_of_one(seed=3), "the same z came again"),
            (two_of_one(draw=lambda noisy, generator: torch.randn_like(noisy)), "began in the same place"),
            (two_of_one(draw=random_signs), "not independent"),
            (two_of_one(first=0.5, second=-2, draw=even_numbers), "not independent"),
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
            (well("make_pairs", (" / 255", ".clamp(0, 1)")), "cut the picture at 1"),
            (patient("make_pairs", ("return noisy, clean", "return noisy, clean.clamp(0, 1)")), "cut the picture at 1"),
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
            well("validation_curve", ("        model.eval()\n", ""), BY_PACKAGE),
            well(
                "validation_curve",
                ("        model.train()\n", ""),
                ("du.train_step(model", "du.train_step(model.train()"),
            ),
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
                well(
                    "validation_curve", ("model.eval()", "[m.eval() for m in model.modules() if repr(m)[:4] == 'Drop']")
                ),
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
            (
                patient("validation_curve", (BY_PACKAGE[0], BY_PACKAGE[1].replace(".eval()", ""))),
                "is in training mode, so the figures",
            ),
            (patient("validation_curve", BY_PACKAGE), "second one on"),
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
    "07.undo": (
        [0.0307, 0.03072],
        [
            (0.03, "takes all batches to be full"),
            (0.0288, "The short one at the end"),
            (0.031, "three digits"),
            (1.92, "the reported figure"),
            (0.12, "has done that already"),
            (0.00192, "What did it then divide by"),
            (30.72, "the sum over all pictures"),
            (122.88, "The other way"),
            (120, "The other way"),
            (0.5, "By what should it have been divided"),
        ],
    ),
    "07.luck": (
        [0.9375, 0.938, 15 / 16],
        [
            (0.5, "chosen beforehand"),
            (0.0625, r"\*none\* of the four"),
            (2, "can't be added"),
            (0.25, "exactly one of the four"),
            (0.75, "two denoisers"),
            (0.875, "three denoisers"),
            (0.94, "three digits"),
            (93.75, "from 0 to 1"),
            (1, "all four are unlucky"),
            (0.6, "the only other case"),
        ],
    ),
    "07.first_loss": (
        [0.23, torch.tensor(0.23)],
        [
            (0.11, "black everywhere"),
            (0.25, "Some pixels are not"),
            (0.36, "middle part is missing"),
            (0.49, "sign of the middle part"),
            (0.295, "Is the 2 there"),
            (0.1369, "square of the mean difference"),
            (0.37, "not yet squared"),
            (0.48, "No root"),
            (0.7, "multiply it out"),
        ],
    ),
    "07.sigma": (
        [0.098, 25 / 255],
        [
            (25, "on bytes"),
            (0.0977, "how bright is white"),
            (0.1, "three digits"),
            (0.196, "from -1 to 1"),
            (6375, "The other way"),
            (10.2, "Upside down"),
            (0.000384, "divided twice|255 to 1"),
            (0.00961, "the variance"),
            (0.5, "our lessons"),
            (1, "takes 255 to 1"),
        ],
    ),
}
CASES |= {
    "08.spread": (
        [0.075**0.5, 0.274, 0.27],
        [
            (0.075, "That is the variance"),
            (0.3, "slope of the answer"),
            (0.15, "σ times the slope"),
            (0.15**0.5, "where the formula has its square"),
            (0.3**0.5, "without σ"),
            (0.0075**0.5, "for a move of 0.1"),
            (0.0075, "variance still"),
            ((0.25 / 0.3) ** 0.5, "divided σ² by the slope"),
            (0.5, "noise level"),
            (2, "Which slope"),
        ],
    ),
    "08.from_score": (
        [lambda score, noisy, sigma: noisy + sigma**2 * score(noisy), lambda s, y, a: y + s(y) * a * a],
        [
            (lambda score, noisy, sigma: noisy + score(noisy), "The units"),
            (lambda score, noisy, sigma: noisy + sigma * score(noisy), "Nearly"),
            (lambda score, noisy, sigma: noisy - sigma**2 * score(noisy), "the sign"),
            (lambda score, noisy, sigma: sigma**2 * score(noisy), "residual"),
            (lambda score, noisy, sigma: score(noisy), "score itself"),
            (lambda score, noisy, sigma: noisy + score(noisy) / sigma**2, "divided by σ²"),
            (lambda score, noisy, sigma: noisy, "Where does the score"),
            (lambda score, noisy, sigma: (noisy + sigma**2 * score(noisy)).clamp(0, 1), "don't cut"),
            (lambda score, noisy, sigma: noisy.add_(sigma**2 * score(noisy)), "changed the noisy"),
            (lambda score, noisy, sigma: (noisy + sigma**2 * score(noisy))[0], "same shape"),
            (lambda score, noisy, sigma: noisy + sigma**2 * score(noisy + sigma**2 * score(noisy)), "no steps"),
            (lambda score, noisy, sigma: 3 * noisy, "must give noisy itself"),
        ],
    ),
    "08.quantile": (
        [
            lambda scores, level: scores.sort().values[math.ceil((len(scores) + 1) * level) - 1],
            lambda scores, level: du.conformal_quantile(scores, level),
        ],
        [
            (lambda scores, level: scores.quantile(level), "has a place among them"),
            (lambda scores, level: scores.sort().values[math.ceil(len(scores) * level) - 1], "among n scores"),
            (lambda scores, level: scores.sort().values[int((len(scores) + 1) * level) - 1], "which rounding"),
            (lambda scores, level: scores.sort().values[math.ceil((len(scores) + 1) * level)], "One too far"),
            (lambda scores, level: du.conformal_quantile(scores, 1 - level), "above it"),
            (lambda scores, level: scores.max(), "largest score"),
            (lambda scores, level: math.ceil((len(scores) + 1) * level), "That is the place"),
            (lambda scores, level: scores.copy_(scores.sort().values)[2], "changed the scores"),
            (lambda scores, level: scores, "one number"),
            (lambda scores, level: 0.5, "n = 9"),
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
        du.check("01.load", names["mine"])
        offered.append(OFFER.format("01.load") in capsys.readouterr().out)
    assert offered == [False, False, False, True]


def test_a_class_defined_again_is_the_same_answer(capsys):
    offered = []
    source = "class Mine(torch.nn.Module):\n    def forward(self, noisy):\n        return {} * noisy"
    for factor in (2, 2, 3):
        names = {"torch": torch}
        exec(source.format(factor), names)
        du.check("03.network", names["Mine"])
        offered.append(OFFER.format("03.network") in capsys.readouterr().out)
    assert offered == [False, False, True]


def test_the_offer_begins_a_sentence(capsys):
    """Also behind somebody else's error message, which has no full stop."""
    du.check("01.load", raises)
    du.check("01.load", lambda images: [][0])
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
    heavy = ["matplotlib", "torchvision", "skimage", "scipy", "ipywidgets", "IPython", "triton"]
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
