"""The questions of lesson 06."""

from collections.abc import Callable

import torch
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, other_shape, question, worked

number(
    "06.twins",
    0.0094,
    0.00004,
    {
        0.0100: "That is one of them alone. Where their mistakes differ, a mean gains.",
        0.0097: "That is the mean of two. With more networks, more of what is an accident cancels.",
        0.0091: "Too much: you took the gain off the mean of two. Off what does the lesson's rule take it?",
        0.0088: "The whole of D can't be gained. What share of it is the accidental part of E?",
        0.0106: "A mean of answers is never worse than the mean of their errors: check the sign.",
        0.0: "What all of them get wrong stays, however many there are.",
        0.0006: "That is what is saved. What is left?",
        0.0012: "That is D, as two answers and their mean tell it. What would very many networks save of it?",
    },
    "The lesson has a rule for the mean of two, and says what very many would save. Which of its letters is not given here?",
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
        (
            (straight + straight.flip(3)) / 2,
            "You mirrored the answer. It is the picture that the denoiser should see mirrored.",
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
    "The mean of two has the error E − D/4. That is 0.0003 below E, so D is 0.0012. Very many networks save D/2, the whole "
    "accidental part: twice as much as two.",
    """
    E, of_two = 0.0100, 0.0097
    D = 4 * (E - of_two)
    my_mse = E - D / 2
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
