"""The questions of assignment 09."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from denoise_utils.checks.judging import (
    call_on_copies,
    is_number,
    judge_number,
    near,
    nearest,
    other_shape,
    personal,
    question,
    several,
)
from denoise_utils.data import load_digits, to_float
from denoise_utils.inputs import plain_number
from denoise_utils.selfsupervised import BlindSpotDenoiser, hide_pixels


@personal("a09.losses")
def _draw_losses(random: Random) -> dict[str, float]:
    sigma, targets = random.choice([0.3, 0.4, 0.5]), random.choice([2, 3, 6])
    alpha = random.choice([0.5, 0.6, 0.8])
    ana, ben = random.randrange(120, 170) / 10_000, random.randrange(175, 235) / 10_000  # never twice as much
    losses = {"Ana": ana + sigma**2 / targets, "Ben": ben + sigma**2 * (1 + 1 / alpha**2)}
    return {"sigma": sigma, "targets": targets, "alpha": alpha} | {who: round(loss, 4) for who, loss in losses.items()}


@question("a09.losses")
def _losses(value: float, numbers: dict[str, float]) -> str | None:
    s, k, alpha, loss_a, loss_b = (numbers[name] for name in ("sigma", "targets", "alpha", "Ana", "Ben"))
    ana, ben = loss_a - s**2 / k, loss_b - s**2 * (1 + 1 / alpha**2)

    def ana_less(variance: float) -> float:  # the answer, if that much is taken off Ana's loss
        return ben - (loss_a - variance)

    def ben_less(variance: float) -> float:
        return loss_b - variance - ana

    typical = {
        ana - ben: "The right size, but the wrong sign: Ben's minus Ana's.",
        loss_b
        - loss_a: "That compares the losses. Most of each is the noise of its target, which no network can know.",
        ben: "That is Ben's MSE. How far is it above Ana's?",
        ana: "That is Ana's MSE. How far is Ben's above it?",
        ana_less(0): "Ana's targets are noisy, too: a mean of several pictures has less noise, but not none.",
        ana_less(s**2): "Ana's target is a mean of several pictures: how strong is its noise?",
        ana_less(s**2 / k**2): "The *variance* of a mean falls with the number of pictures, not with its square.",
        ana_less(s**2 / k**0.5): "The σ of a mean falls with the root of their number. What about its square?",
        ana_less(k * s**2): "Ana's target is a mean of several pictures, not their sum.",
        ben_less(0): "Ben's target is noisy, too: what went into it?",
        ben_less(s**2): "Ben made his target himself, and it is noisier than his picture was.",
        ben_less(s**2 / alpha**2): "You took off the noise that Ben added. The camera's is in his target, too.",
        ben_less(
            s**2 * (1 + alpha**2)
        ): "That is the noise of what Ben's network looks at. The loss holds its *target's*.",
        ben_less(s**2 * (1 + 1 / alpha)): "z/α has another variance: what does a factor do to it?",
        ben_less(
            (s + s / alpha) ** 2
        ): "You added two standard deviations; of independent noises the variances add up.",
        ben_less(
            s**2 * (1 - 1 / alpha**2)
        ): "Ben subtracts z/α, but of independent noises the variances add up all the same.",
        ben_less(s * (1 + 1 / alpha**2))
        + s / k
        - s**2 / k: "σ is not squared: what does noise add to a mean *squared* error?",
    }
    otherwise = "Take each loss apart: the MSE of the answers, and the variance of the noise in its target."
    return judge_number(value, ben - ana, 0.00006, typical, otherwise)


def _exact_noises(count: int, shape: tuple[int, ...]) -> Tensor:
    """Noises whose mean is exactly 0, their variance exactly 1 and their covariance exactly 0: no luck is in the answer."""
    pixels = torch.Size(shape).numel()
    drawn = torch.randn(pixels, count + 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn[:, 0] = 1
    return (torch.linalg.qr(drawn).Q[:, 1:] * pixels**0.5).T.reshape(count, *shape)


def _three_numbers(got: Any) -> list[float] | str:
    """A learner's three numbers as floats, or a hint."""
    got = list(got) if isinstance(got, Tensor) and got.ndim == 1 else got
    if not several(got, 3):
        found = f"{len(got)} values" if isinstance(got, tuple | list) else f"one {type(got).__name__}"
        return f"It should return 3 numbers, (σ_a, σ_b, σ_c); yours returned {found}."
    values = [plain_number(one) for one in got]
    for one in values:
        if not is_number(one):
            return f"It should return 3 numbers, (σ_a, σ_b, σ_c); one of yours is a {type(one).__name__}."
    return [float(one) for one in values]


@question("a09.cameras")
def _cameras(function: Callable[[Tensor, Tensor, Tensor], tuple[float, float, float]]) -> str | None:
    clean = torch.rand(10, 1, 12, 15, generator=torch.Generator().manual_seed(1))
    sigmas, offsets = [0.3, 0.5, 0.2], [0.1, -0.25, 0.05]
    noises = _exact_noises(3, clean.shape)
    pictures = [(clean + o + s * noise).float() for o, s, noise in zip(offsets, sigmas, noises)]
    got, changed = call_on_copies(function, *pictures)
    got = _three_numbers(got)
    if isinstance(got, str):
        return got
    if changed:
        return "Your function changed the pictures themselves. Work on new tensors."
    if near(got, sigmas, 0.0005):
        return None
    if not all(math.isfinite(one) for one in got):
        return "NaN came out, as of the root of a number below 0. What do you add, and what do you subtract?"
    if near(sorted(got), sorted(sigmas), 0.0005):
        return "The three numbers are right, but in another order: σ of a, then of b, then of c."
    found, wanted = (", ".join(f"{one:.3f}" for one in numbers) for numbers in (got, sigmas))
    otherwise = f"You found {found}; it should be {wanted}. What is in the difference of two pictures, and what is not?"
    return nearest(got, _wrong_cameras(pictures), 0.0005) or otherwise


def _each_of_three(ab: float, ac: float, bc: float) -> list[float]:
    """a, b and c from their sums, a + b, a + c and b + c."""
    return [(ab + ac - bc) / 2, (ab + bc - ac) / 2, (ac + bc - ab) / 2]


def _wrong_cameras(pictures: list[Tensor]) -> list[tuple[list[float], str]]:
    a, b, c = pictures
    ab, ac, bc = ((one - other).var().item() for one, other in ((a, b), (a, c), (b, c)))
    square_ab, square_ac, square_bc = ((one - other).square().mean().item() for one, other in ((a, b), (a, c), (b, c)))
    right = _each_of_three(ab, ac, bc)
    brighter = "One camera is brighter than another, by a constant. You counted that as noise."
    shared = "You share each difference equally between two cameras. What does the third one tell?"
    return [
        (right, "Those are variances: σ is the root of each."),
        (
            [(2 * one) ** 0.5 for one in right],
            "Twice the variance: each camera's noise is in two of the three differences.",
        ),
        ([max(one, 0) ** 0.5 for one in _each_of_three(square_ab, square_ac, square_bc)], brighter),
        ([one.std().item() for one in pictures], "That is how much each picture varies, the scene included."),
        ([ab**0.5, ac**0.5, bc**0.5], "Those are the σ of the differences, and each holds two cameras' noise."),
        ([ab**0.5, bc**0.5, ac**0.5], "Those are the σ of the differences, and each holds two cameras' noise."),
        ([(one / 2) ** 0.5 for one in (ab, ac, bc)], shared),
        ([(one / 2) ** 0.5 for one in (ab, bc, ac)], shared),
        (
            [((one + other) / 4) ** 0.5 for one, other in ((ab, ac), (ab, bc), (ac, bc))],
            "You take the mean over the differences that a camera is in. They hold the other two cameras' noise as well.",
        ),
        (
            _each_of_three(ab**0.5, ac**0.5, bc**0.5),
            "You add and subtract standard deviations. Of independent noises something else adds up.",
        ),
    ]


def _soft_slope(y: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The soft threshold and its slope, as torch differentiates it."""
    with torch.enable_grad():
        y = y.detach().clone().requires_grad_()
        answer = F.softshrink(y, threshold)
        (slope,) = torch.autograd.grad(answer.sum(), y)
    return answer.detach(), slope


@question("a09.threshold")
def _threshold(function: Callable[[Tensor, float, float], Tensor]) -> str | None:
    sigma, threshold, generator = 0.4, 0.7, torch.Generator().manual_seed(0)
    strength = torch.tensor([0.2, 1.0, 3.0]).view(3, 1, 1, 1)
    hidden = strength * torch.randn(3, 1, 6, 7, generator=generator)
    noisy = hidden + sigma * torch.randn(hidden.shape, generator=generator)
    got, changed = call_on_copies(function, noisy, sigma, threshold)
    if found := other_shape(got, torch.zeros(3)):
        return f"For 3 pictures it should return one estimate each, shape [3]; yours returned {found}."
    if changed:
        return "Your function changed the coefficients themselves. Work on new tensors."
    answer, slope = _soft_slope(noisy, threshold)
    first, third = (answer - noisy).square(), 2 * sigma**2 * slope
    if near(got, (first - sigma**2 + third).mean(dim=(1, 2, 3)), 1e-5):
        return None
    otherwise = (
        "The estimate is another one. Try it with one coefficient: how far does the threshold move it, and if the "
        "coefficient grows a little, by how much does the answer grow?"
    )
    return nearest(got, _wrong_risks(noisy, sigma, threshold, first, third), 1e-5) or otherwise


def _wrong_risks(noisy: Tensor, sigma: float, t: float, first: Tensor, third: Tensor) -> list[tuple[Tensor, str]]:
    size, variance = noisy.abs(), sigma**2
    kept, cut = (size > t).float(), (size <= t).float()
    right = first - variance + third
    table = [
        (first - variance + third / 2, "The 2 before the slope is missing."),
        (first + third, "The middle term of SURE is missing: σ² is taken off."),
        (first + variance + third, "σ² is added; it should be taken off."),
        (first - variance, "The slope is missing: that is how far the answer is from the noisy picture, less σ²."),
        (first, "That is how far the answer is from the *noisy* picture."),
        (first - variance - third, "The last term has the wrong sign: who follows the noise makes a larger error."),
        (first - sigma + third / sigma, "σ is not squared."),
        (first - variance + 2 * variance * cut, "You counted the coefficients that become 0. What is the slope there?"),
        (
            noisy.square() * cut - variance + third,
            "Those that are kept come out nearer to 0, too. You treat them as if they stayed as they are.",
        ),
        (t**2 - variance + third, "Not every coefficient is moved by the whole threshold: some have not so far to 0."),
        (
            first - variance + 2 * variance * (noisy > t),
            "Coefficients below 0 are kept, too, if they are far enough from it.",
        ),
        (
            (F.softshrink(noisy, t).clamp(0, 1) - noisy).square() - variance + third,
            "You clamped the answer to [0, 1]. These are coefficients, no pixels: half of them lie below 0.",
        ),
        (
            first - variance + 2 * variance * kept * (1 - t / size),
            "The slope is not answer/coefficient. Move a coefficient a little.",
        ),
    ]
    wrong = [(one.mean(dim=(1, 2, 3)), hint) for one, hint in table]
    return [
        *wrong,
        (right.mean().expand(3), "That is the mean over all pictures: each has an estimate of its own."),
        (right.sum(dim=(1, 2, 3)), "That is the sum over the coefficients. An MSE is a mean."),
        (
            (first - variance).mean(dim=(1, 2, 3)) + third.sum(dim=(1, 2, 3)),
            "The last term takes the sum of the slopes. As the others it should be a mean.",
        ),
        (
            right.mean(dim=(1, 2, 3)).clamp(min=0),
            "An estimate may lie below 0: cut off, it would be too high on average.",
        ),
    ]


def _filters() -> dict[str, Callable[[Tensor], Tensor]]:
    return {
        "as it is": lambda noisy: noisy + 0.0,
        "grey": lambda noisy: torch.full_like(noisy, 0.5),
        "rows": lambda noisy: F.avg_pool2d(F.pad(noisy, (3, 3, 0, 0), mode="reflect"), (1, 7), stride=1),
        "windows": lambda noisy: F.avg_pool2d(F.pad(noisy, (2, 2, 2, 2), mode="reflect"), 5, stride=1),
        "half": lambda noisy: 0.5 * noisy,
    }


@question("a09.calibrate")
def _calibrate(function: Callable[[dict, Tensor, float], tuple[str, float]]) -> str | None:
    sigma, filters = 0.6, _filters()
    clean = to_float(load_digits("mnist5k").val.images[:6, :, 4:24, 3:25])
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    got = function(_filters(), noisy.clone(), sigma)
    if not several(got, 2):
        return f"It should return two values, (name, mse); yours returned {type(got).__name__}."
    name, mse = got[0], plain_number(got[1])
    if not isinstance(name, str) or name not in filters:
        return f"The first value should be a name from the dict, such as 'rows'; yours is {str(name)[:60]!r}."
    if not is_number(mse):
        return f"The second value should be a number; yours is a {type(mse).__name__}."
    blind = {one: BlindSpotDenoiser(filters[one])(noisy) for one in filters}
    losses = {one: (answer - noisy).square().mean().item() for one, answer in blind.items()}
    best, said = min(losses, key=losses.get), nearest(mse, _wrong_estimates(filters[name], noisy, clean, sigma), 5e-6)
    if near(mse, losses[name] - sigma**2, 5e-6):
        said = None
    if name == best:
        otherwise = f"not the MSE: {mse:.4f}. Which pixels are in your mean, and what is taken off?"
        return None if near(mse, losses[best] - sigma**2, 5e-6) else f"The name is right, but {said or otherwise}"
    if name == max(losses, key=losses.get):
        return f"You chose {name!r}, the filter with the largest loss. Less is better."
    otherwise = "while a pixel is hidden, another filter guesses it better. Is every pixel judged while it is hidden?"
    return f"You chose {name!r}, and {said}" if said else f"You chose {name!r}, but {otherwise}"


def _wrong_estimates(one: Callable, noisy: Tensor, clean: Tensor, sigma: float) -> list[tuple[float | Tensor, str]]:
    blind, variance = BlindSpotDenoiser(one)(noisy), sigma**2
    squares, seen = (blind - noisy).square(), (one(noisy) - noisy).square().mean()
    grids = [hide_pixels(noisy, phase) for phase in range(9)]
    loss, each = squares.mean(), torch.stack([squares[..., mask].mean() for _, mask in grids])
    everywhere = torch.stack([(one(hidden) - noisy).square().mean() for hidden, _ in grids]).mean()
    clamped = (blind.clamp(0, 1) - noisy).square().mean()
    target = "the target is noisy: its share of the loss is no mistake of the filter."
    unequal = "you took the mean of nine means: the grids have different numbers of pixels, and each pixel counts once."
    first = "only one of the nine grids was hidden: every pixel should have its turn."
    nothing = "its error was taken while nothing was hidden: then it follows the noise that it is judged by."
    could_see = "you judge all pixels, also those that it could see."
    return [
        (loss, target),
        (each.mean() - variance, unequal),
        (each.mean(), f"{unequal} And {target}"),
        (each[0] - variance, first),
        (each[0], first),
        (each.sum() - variance, "you added the nine grids' losses; their pixels together have one mean."),
        (loss - sigma, "σ is not squared."),
        (loss + variance, "the noise of the target is already in the loss: in which direction is the MSE?"),
        (loss - 2 * variance, "you took the noise off twice. Only the target's own noise is in the loss as it is."),
        (seen - variance, nothing),
        (seen, nothing),
        (everywhere - variance, could_see),
        (everywhere, could_see),
        (clamped - variance, "its answers were clamped. Take them as they are."),
        ((one(clean) - clean).square().mean(), "where did the clean pictures come from?"),
    ]


WAYS = ["Noise2Noise", "R2R", "SURE", "blind spot"]


def _photographed(sigma: float, lines: bool = False) -> list[Tensor]:
    """Two noisy pictures of each of forty digits. lines: each noise shares a half with its right neighbour's."""
    clean, generator = to_float(load_digits("mnist5k").val.images[:40]), torch.Generator().manual_seed(0)
    pictures = []
    for _ in range(2):
        white = torch.randn(40, 1, 28, 29, generator=generator)
        noise = (white[..., 1:] + white[..., :-1]) / 2**0.5 if lines else white[..., 1:]
        pictures.append(clean + sigma * noise)
    return pictures


@question("a09.ways")
def _ways(function: Callable[[Tensor, Tensor, float], list[str]]) -> str | None:
    white, lines = _photographed(0.4), _photographed(0.4, lines=True)
    cut = [one.clamp(0, 1) for one in white]
    cases = [
        ("Independent noise with σ = 0.4, and that is what is believed", white, 0.4, WAYS),
        ("The same pictures, but σ is believed to be 0.5", white, 0.5, ["Noise2Noise", "blind spot"]),
        ("Each noise shares a half with its right neighbour's", lines, 0.4, ["Noise2Noise"]),
        ("The pictures are cut to [0, 1]", cut, 0.4, []),
    ]
    for words, (first, second), sigma, wanted in cases:
        got, changed = call_on_copies(function, first, second, sigma)
        if not isinstance(got, tuple | list) or not all(one in WAYS for one in got):
            return f"It should return a list of names, such as ['Noise2Noise', 'blind spot']; yours returned {str(got)[:60]}."
        if changed:
            return "Your function changed the pictures themselves. Work on new tensors."
        if sorted(got) != sorted(wanted):
            return f"{words}: {_unlike(got, wanted)}"
    return None


def _unlike(got: list[str], wanted: list[str]) -> str:
    """What is wrong with a list of ways."""
    if len(set(got)) < len(got):
        return "a name stands twice in your list."
    if missing := [one for one in wanted if one not in got]:
        return f"you leave out {', '.join(missing)}, of which nothing is broken here."
    return f"you allow {', '.join(one for one in got if one not in wanted)}, which can't work here."
