"""The questions of lesson 06."""

from collections.abc import Callable

import torch
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, other_shape, question, worked

number(
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
number(
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


@question("06.mirror")
def _mirror(function: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]) -> str | None:
    noisy = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    shape = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))  # a denoiser that knows left from right

    def denoiser(x: Tensor) -> Tensor:
        return (x * shape).square()

    got, changed = call_on_copies(function, denoiser, noisy)
    if changed:
        return "Your function changed the noisy pictures themselves. Work on a copy."
    if other_shape(got, noisy):
        return f"It should return pictures of the same shape, {list(noisy.shape)}."
    straight, mirrored = denoiser(noisy), denoiser(noisy.flip(3))
    if near(got, (straight + mirrored.flip(3)) / 2, 1e-6):
        return None
    wrong = [
        (straight, "That is the plain answer. Where does the mirrored picture come in?"),
        (mirrored.flip(3), "That is the mirrored picture's answer alone; the plain one is missing."),
        (
            (straight + mirrored) / 2,
            "The answer to the mirrored picture is still mirrored: turn it back before you take the mean.",
        ),
        (
            (straight + denoiser(noisy.flip(2)).flip(2)) / 2,
            "You exchanged top and bottom: which dimension runs from left to right?",
        ),
        (straight + mirrored.flip(3), "That is the sum of two answers, twice as bright as it should be."),
        (
            denoiser((noisy + noisy.flip(3)) / 2),
            "You took the mean of the pictures first. Denoise both, then take the mean.",
        ),
    ]
    otherwise = "Try your function with a denoiser that returns its input: then noisy itself should come back. Does it?"
    return nearest(got, wrong, 1e-6) or otherwise


worked(
    "06.twins",
    "The rule of the lesson: the mean of two answers has the error E − D/4, where E is the mean of their errors. Here both "
    "have the error E.",
    """
    E, D = 0.0100, 0.0012
    my_mse = E - D / 4
    """,
)
worked(
    "06.posterior",
    "The best answer is the mean of what is possible, weighted by its probability: 0.7 · 1 + 0.3 · 0. Trying some greys shows "
    "the same: the expected error 0.7 · (1 − g)² + 0.3 · g² is smallest there.",
    """
    greys = torch.linspace(0, 1, 101)
    expected = 0.7 * (1 - greys) ** 2 + 0.3 * greys**2
    my_grey = greys[expected.argmin()].item()
    """,
)
worked(
    "06.mirror",
    "The mirrored picture is denoised as any other; its answer is mirrored too, so it is turned back before the two answers "
    "are averaged. Left and right run along dimension 3 of (N, 1, H, W).",
    """
    def my_mirror_average(denoiser, noisy):
        mirrored = denoiser(noisy.flip(3)).flip(3)
        return (denoiser(noisy) + mirrored) / 2
    """,
)
