"""The questions of lesson 06."""

from collections.abc import Callable

import torch
from torch import Tensor

from .judging import number, question

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
