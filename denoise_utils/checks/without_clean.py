"""The questions of lesson 09."""

from collections.abc import Callable

import torch
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, question, several, worked

number(
    "09.floor",
    0.06,
    0.001,
    {
        0.15: "That is the loss itself. Its target is noisy, so part of it is no mistake of the network.",
        0.24: "Added? The loss already holds the noise of the target.",
        -0.15: "An MSE can't be negative. What does noise of σ = 0.3 add to a mean *squared* error?",
        0.09: "That is what the noise of the target adds. What is left of the loss without it?",
        0.3: "That is σ. How much of the loss comes from the noise of the target?",
        0.45: "Added, and σ is not squared.",
        0.105: "That takes off half of what the noise of the target adds.",
        -0.03: "Both pictures are noisy, but only one of them stands in the loss as it is. Take its noise off once.",
    },
    "The loss is the sum of two parts. Which of them would be there even if every answer were perfect?",
)


@question("09.shrink")
def _shrink(function: Callable[[Tensor, float], float]) -> str | None:
    for sigma, spread, seed in ((0.4, 0.5, 0), (0.3, 0.9, 1)):
        generator = torch.Generator().manual_seed(seed)
        clean = 0.2 + spread * torch.randn(60, 1, 12, 12, generator=generator)  # their mean is not 0
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
        got, changed = call_on_copies(function, noisy, sigma)
        got = torch.as_tensor(got, dtype=torch.float64).detach()
        if got.numel() != 1:
            return f"Your function returned {got.numel()} numbers. One factor a serves all pixels."
        if changed:
            return "Your function changed the noisy pictures."
        mean, variance = noisy.square().mean().item(), noisy.var().item()
        as_if_clean = mean / (mean + sigma**2)
        if near(got.item(), 1 - sigma**2 / mean, 1e-4):
            continue
        typical = {
            1.0: "That leaves the noise as it is. Where is the slope of SURE along a zero?",
            sigma**2 / mean: "That is what a lacks to 1: look at the sign on the way to your last line.",
            1 - sigma / mean: "σ is not squared.",
            1 - sigma**2 / (2 * mean): "A factor of 2 was lost: differentiate the square *and* the term of the slope.",
            1 - 2 * sigma**2 / mean: "A factor of 2 was lost: differentiate the square *and* the term of the slope.",
            1 + sigma**2 / mean: "Above 1 it would make the noise stronger: look at the signs.",
            1 - sigma**2 / variance: "You took the mean off first. a multiplies the pixel itself, mean and all.",
            as_if_clean: "The mean of y² already holds the noise: it is that of the clean pictures plus σ².",
            1 - sigma**2 / mean**0.5: "You divided by a root. Which mean stands beside (a − 1)²?",
            1 - sigma**2: "The pictures are not in your formula. What is the mean of (a·y − y)²?",
            1 - sigma**2 / noisy.mean().item(): "You took the mean of y. In SURE its *square* is averaged.",
        }
        if hint := nearest(got.item(), typical.items(), 1e-4):
            return hint
        return f"For these pictures you got {got.item():.3f}. Write SURE of a·y as a parabola in a: its slope is the same a."
    return None


@question("09.pair")
def _pair(function: Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]) -> str | None:
    sigmas = torch.linspace(0.2, 0.8, 16).view(4, 4)
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(16_000, 1, 4, 4, generator=generator)
    noisy = clean + sigmas * torch.randn(clean.shape, generator=generator)
    got, changed = call_on_copies(lambda *given: function(*given, torch.Generator().manual_seed(1)), noisy, sigmas)
    if not several(got, 2):
        return "It should return two pictures for each: (what the network looks at, its target)."
    if not all(isinstance(one, Tensor) and one.shape == noisy.shape for one in got):
        return f"Both should have the shape of noisy, {list(noisy.shape)}."
    if changed:
        return "Your function changed the noisy pictures. Make new tensors."
    one, other = ((part - clean).double() for part in got)
    if max(part.mean(dim=0).abs().max().item() for part in (one, other)) > 0.1:
        return "On average over the noise, each of the two should be the clean picture. One of yours is not."
    together = ((one * other).mean(dim=0) / sigmas.double() ** 2).flatten()  # 0 is right, 1 is the whole of σ²
    low, high = together.min().item(), together.max().item()
    if max(-low, high) < 0.15:
        squares = [part.square() / part.square().mean() for part in (one / sigmas, other / sigmas)]
        if abs((squares[0] * squares[1]).mean().item() - 1) > 0.1:  # 1 if they are independent
            return (
                "The covariance is 0, and yet the two noises are not independent: which z makes both of them Gaussian?"
            )
        same, another = (
            function(noisy.clone(), sigmas.clone(), torch.Generator().manual_seed(seed)) for seed in (1, 2)
        )
        if torch.equal(another[0], got[0]):
            return "With another generator the same z came again. Where do your random numbers come from?"
        if not torch.equal(same[0], got[0]):
            return "The generator began in the same place, and another z came. Where do your random numbers come from?"
        return None
    if high - low < 0.2:
        middle = (low + high) / 2
        typical = {
            1.0: "The covariance of the two noises is σ², all of it: what you added has nothing to do with each other.",
            2.0: "The two noises go together even more than before. Look at the signs.",
            0.75: "The signs are right, but the two factors are not: their *product* has to be −1.",
        }
        otherwise = f"The covariance of the two noises is {middle:.1f} times σ². It should be 0."
        return nearest(middle, typical.items(), 0.1) or otherwise
    return (
        f"In one pixel the covariance of the two noises is {low:+.1f} times its σ², in another {high:+.1f} times. "
        "Is your z in each pixel as strong as the noise there?"
    )


worked(
    "09.floor",
    """The noise of the target can't be predicted, so it stays in the loss whatever the network does: σ² a pixel. What is left
    is the MSE against the clean pictures.""",
    """
    my_mse = 0.15 - 0.3**2
    """,
)
worked(
    "09.shrink",
    """The answer a·y differs from y by (a − 1)·y, and its slope is a in every pixel. So SURE is
    (a − 1)²·mean(y²) − σ² + 2·σ²·a. Its slope along a, 2·(a − 1)·mean(y²) + 2·σ², is 0 at a = 1 − σ² / mean(y²).""",
    """
    def my_factor(noisy, sigma):
        return 1 - sigma**2 / noisy.square().mean()
    """,
)
worked(
    "09.pair",
    """In each pixel the covariance is σ² minus the variance of z there. So z needs the σ of its own pixel, and with α = 1 it is
    added to one picture and subtracted from the other.""",
    """
    def my_pair(noisy, sigmas, generator):
        z = sigmas * torch.randn(noisy.shape, generator=generator)
        return noisy + z, noisy - z
    """,
)
