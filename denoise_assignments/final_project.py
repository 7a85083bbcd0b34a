"""The questions of the final project."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from denoise_utils.chance import fixed_noise
from denoise_utils.checks import judging
from denoise_utils.checks.judging import call_on_copies, near, question
from denoise_utils.data import load_digits
from denoise_utils.models import TinyDenoiser
from denoise_utils.noise import GaussianNoise

BUDGET = 50_000
SECONDS = 2.0
# σ → the MSE that is good enough. The course's small network has 0.015 and 0.024 after one second. The nearest training image
# has 0.035 and 0.038, a network that was trained on clean pictures 0.03 to 0.04 and 0.07 or more.
ENOUGH = {0.3: 0.03, 0.5: 0.05}


@question("final.network")
def _network(function: Callable[[], Any]) -> str | None:
    network = function()
    try:
        network.eval()
        numbers = [parameter.numel() for parameter in network.parameters()]
    except (AttributeError, TypeError):
        return (
            "make_network should return a network: an object made from an nn.Module, not its class and not a function."
        )
    if not numbers:
        return "Your network has no parameters: there is nothing that it could learn."
    if sum(numbers) > BUDGET:
        return (
            f"Your network has {sum(numbers):,} parameters; {BUDGET:,} are allowed. Which layer holds most of them? "
            "du.layer_table(network) shows it."
        )
    generator = torch.Generator().manual_seed(3)
    for count in (5, 1):
        noisy = torch.rand(count, 1, 28, 28, generator=generator)
        with torch.no_grad():
            answer, changed = call_on_copies(network, noisy)
        if hint := _wrong_kind(answer, noisy):
            return hint
        if changed:
            return "Your network changes the noisy pictures that it is given. Let forward work on a copy."
    return None


@question("final.training")
def _training(function: Callable[[nn.Module, Tensor, float], Any]) -> str | None:
    digits = load_digits("mnist5k")
    images, before = digits.train.images, digits.train.images.clone()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TinyDenoiser()
        untrained = copy.deepcopy(network).eval()
        # torch's first steps are slow: they don't count
        for budget, one in ((0.3, TinyDenoiser()), (SECONDS, network)):
            start = judging.clock()
            denoiser = function(one, images, budget)
            took = judging.clock() - start
            if took > budget + 6:  # a busy machine is forgiven
                return (
                    f"It had {budget:g} seconds and took {took:.0f}. Look at the clock in each step, and use the argument: "
                    "the budget is not always the same."
                )
    if not torch.equal(images, before):
        return "Your function changed the training images themselves. Corrupt a copy."
    if isinstance(denoiser, int | float | str | tuple | list | dict | Tensor) or not callable(denoiser):
        return (
            f"train returned a {type(denoiser).__name__}; it should return the denoiser: the network, or a function "
            "that takes noisy pictures."
        )
    for sigma, enough in ENOUGH.items():
        if hint := _poor(denoiser, untrained, digits.val.images[:200], sigma, enough):
            return f"{hint} (Training came back after {took:.1f} of {SECONDS:.0f} seconds.)"
    return None


def _poor(denoiser: Callable, untrained: nn.Module, images: Tensor, sigma: float, enough: float) -> str | None:
    noisy, clean = fixed_noise(images, GaussianNoise(sigma, clip=True))
    with torch.no_grad():
        answer, alone = denoiser(noisy.clone()), denoiser(noisy[:1].clone())
        at_first = untrained(noisy)
    if hint := _wrong_kind(answer, noisy) or _wrong_kind(alone, noisy[:1]):
        return hint
    if near(answer, noisy):
        return "Your denoiser returns the noisy pictures as they are."
    if near(answer, at_first):
        return "The network came back as it was given: it has not learned. Which line changes its parameters?"
    if answer.abs().mean() > 2:
        return (
            f"Your denoiser's answers reach {answer.abs().max():.0f}. Clean pictures have pixels from 0 to 1, images from 0 "
            "to 255: which did it learn from?"
        )
    if (answer - answer[:1]).abs().max() < 1e-4:
        return "Your denoiser gives the same answer to every picture: it doesn't look at what it is shown."
    error, nothing = ((one.clamp(0, 1) - clean).square().mean().item() for one in (answer, noisy))
    if error < enough:
        return None
    told = (
        f"Validation images, Gaussian noise, σ = {sigma}: the MSE is {error:.4f}, and {nothing:.4f} without denoising."
    )
    if not error < 0.5 * nothing:
        return f"{told} Was the network shown noisy pictures, and compared with the clean ones?"
    return f"{told} Two seconds are enough for less than {enough}."


def _wrong_kind(answer: Any, noisy: Tensor) -> str | None:
    if not isinstance(answer, Tensor) or answer.shape != noisy.shape:
        found = list(answer.shape) if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
        return f"For noisy pictures {list(noisy.shape)} the answer is {found}: it should have the same shape."
    if answer.dtype != torch.float32:
        return f"The answer is {answer.dtype}: it should be torch.float32, as the noisy pictures are."
    if not torch.isfinite(answer).all():
        return "The answer holds NaN or infinity."
    return None
