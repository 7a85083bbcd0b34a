"""The questions of lessons 02a and 02b."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .judging import call_on_copies, near, nearest, number, other_shape, question, worked

number(
    "02.clip",
    0.3156,
    0.005,
    {
        0.0: "The noise itself averages to 0, but a black pixel cannot go below 0: half of the noise is cut away.",
        1.0: "That is σ. Think of the average of what is left when the negative half becomes 0.",
        0.5: "Half of σ would be right if the noise were always ±σ. Its size varies: measure it.",
        -0.316: "The right size, but which way can a black pixel move?",
        0.684: "That is where a white pixel goes. Ask the same for a black one.",
        0.195: "That is for σ = 0.5. Here σ is 1.",
        0.39: "Twice as much, for twice the σ: what goes beyond white is cut as well, and there is more of that now.",
        0.631: "That is the mean of those that became brighter. The other half stays at 0, and counts as well.",
        0.399: "So close: you cut at 0. The brightest are cut at 1 as well.",
    },
    "Measure it as the clipping lab does. A mean over few pixels is still uncertain: two decimals need many of them.",
)


@question("02.psnr")
def _psnr(function: Callable[[float, float], float]) -> str | None:
    got = _decibels(function, 0.01, 1.0)
    typical = {
        -20: "The sign is turned round: a better image should have more dB.",
        40: "Twice too much: 20·log10 is for amplitudes, the MSE is already a square.",
        -math.log(0.01): "That is a natural logarithm; decibels count powers of ten.",
        -10 * math.log(0.01): "That is a natural logarithm; decibels count powers of ten.",
        2: "Those are bels. A decibel is a tenth of one.",
        0.01: "That is still the MSE.",
        20 + 20 * math.log10(255): "That is for a peak of 255. The function is told the peak: it may be another.",
    }
    if not near(got, 20, 1e-4):
        otherwise = "An MSE of 1 has 0 dB, and each tenth of the error brings ten dB more."
        return nearest(got, typical.items(), 1e-4) or f"For MSE 0.01 and peak 1 you got {got:.3f}. {otherwise}"
    got = _decibels(function, 1.0, 1.0)
    if not near(got, 0, 1e-6):
        return f"Right for MSE 0.01 and peak 1. But an MSE of 1 has 0 dB, and you got {got:.3f}."
    got = _decibels(function, 650.25, 255.0)  # 0.01 of the peak's square
    unsquared = "Right for peak 1. For another peak: the MSE is a square. Is what you compare it with a square, too?"
    turned = "Right for peak 1. But of two pictures with the same MSE the one with the larger peak is the better one."
    typical = {
        -10 * math.log10(650.25): "Right for peak 1, but the peak is not used. Where in the formula is it hidden?",
        10 * math.log10(255 / 650.25): unsquared,
        -10 * math.log10(650.25 * 255): turned,
        -10 * math.log10(650.25 * 255**2): turned,
    }
    otherwise = f"Right for peak 1. For MSE 650.25 and peak 255, which is 0.01 of the peak's square, you got {got:.3f}."
    return None if near(got, 20, 1e-4) else nearest(got, typical.items(), 1e-3) or otherwise


def _decibels(function: Callable[[float, float], float], mse: float, peak: float) -> float:
    """What the learner's function says: of plain numbers or, if it only takes such (``torch.log10``), of tensors."""
    try:
        return float(function(mse, peak))
    except TypeError:
        return float(function(torch.tensor(mse, dtype=torch.float64), torch.tensor(peak, dtype=torch.float64)))


@question("02.weight")
def _weight(function: Callable[[Tensor, Tensor, float], float]) -> str | None:
    for count, ridge, seed in ((50, 7.0, 0), (200, 2.5, 1)):  # neither the data nor λ can be learned by heart
        x, y = _line_with_noise(count, seed)
        got, changed = call_on_copies(function, x, y, ridge)
        got = torch.as_tensor(got, dtype=torch.float64).detach()
        if got.numel() != 1:
            return f"Your function returned {got.numel()} numbers. One weight serves all {count} pairs."
        if changed:
            return "Your function changed x or y. Make new tensors."
        xx, xy, yy = ((one * other).sum().item() for one, other in ((x, x), (x, y), (y, y)))
        if near(got.item(), (xy + ridge) / (xx + ridge), 1e-4):
            continue
        towards_0 = "That weight is pulled towards 0. The new price is lowest at another w."
        outside = "λ holds the weight as well: look again at which terms of the slope have a w."
        typical = {
            xy / xx: "That is the best weight without any price: λ is not in it.",
            xy / (xx + ridge): towards_0,
            xy / xx + ridge: outside,
            (xy + ridge) / xx: outside,
            (xy - ridge) / (xx + ridge): "One sign was lost on the way to the other side of the equation.",
            (xy + ridge) / (xx - ridge): "One sign was lost on the way to the other side of the equation.",
            (xy + ridge / 2) / (xx + ridge / 2): "Differentiate both squares: a factor was kept for one of them only.",
            (xy + 2 * ridge) / (xx + 2 * ridge): "Differentiate both squares: a factor was kept for one of them only.",
            (xy / count + ridge) / (xx / count + ridge): "You took means. In the question λ stands beside a sum.",
            (xy + ridge) / (yy + ridge): "x and y have changed places: w is multiplied with the noisy one.",
            1.0: "That is the weight for an enormous λ. The data should have a say.",
        }
        if hint := nearest(got.item(), typical.items(), 1e-4):
            return hint
        without, strong = (float(function(x.clone(), y.clone(), one)) for one in (0.0, 1e9))
        if not near(without, xy / xx, 1e-3):
            return f"For λ = 0 only the data count, and ours have their best w at {xy / xx:.3f}; you got {without:.3f}."
        if not near(strong, 1, 1e-3):
            return f"For an enormous λ only the price counts. Where is it lowest? You got {strong:.3f}."
        return "Right for λ = 0 and for an enormous λ, but not between. Set the slope of the whole sum to 0."
    return None


def _line_with_noise(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.rand(count, generator=generator)
    return y + 0.5 * torch.randn(count, generator=generator), y


@question("02.copies")
def _copies(function: Callable[[Tensor, float], Tensor]) -> str | None:
    for count, pixels, sigma, seed in ((40, 4, 0.6, 0), (90, 6, 1.5, 1)):
        clean = _centred_rows(count, pixels, seed)
        got, changed = call_on_copies(function, clean, sigma)
        if changed:
            return "Your function changed clean. Make new tensors."
        gram = clean.T @ clean
        if shape := other_shape(got, gram):
            return f"{count} pictures of {pixels} pixels: W has the shape [{pixels}, {pixels}], and yours is {shape}."
        if not got.is_floating_point() or not got.isfinite().all():
            return "W should hold fractions, all of them finite."

        def matrix(noise: float | Tensor, gram: Tensor = gram) -> Tensor:
            return torch.linalg.solve(gram + noise, gram)

        one, all_noise = torch.eye(pixels), count * sigma**2
        if near(got, matrix(all_noise * one), 1e-4):
            continue
        squared = "The noise enters with its mean square. Which is that, if its standard deviation is σ?"
        mean = "A sum over the pictures stands beside a mean over them: both sides must be of one kind."
        typical = [
            (one, "That leaves every pixel as it is. Of the two tables one must hold the noise, and the other not."),
            (matrix(sigma**2 * one), "That is the noise of one picture. The entries are sums over all N."),
            (matrix(pixels * sigma**2 * one), "An entry is a sum over the pictures, not over the pixels."),
            (matrix(count * sigma * one), squared),
            (matrix(sigma * one), squared),
            (matrix(count * sigma**4 * one), squared),
            (matrix(2 * all_noise * one), "Once too often: only one of the four terms is noise times noise."),
            (
                matrix(all_noise + 0 * one),
                "Your noise is in every entry. What is the mean of two pixels' noises, multiplied?",
            ),
            (matrix((count - 1) * sigma**2 * one), "Nearly. N − 1 is for an estimated variance; here σ is known."),
            (matrix(-all_noise * one), "Noise makes the sums of squares larger, not smaller."),
            (torch.linalg.solve(gram / count + sigma**2 * one, gram), mean),
            (torch.linalg.solve(gram + all_noise * one, gram / count), mean),
            (
                torch.linalg.solve(gram, gram + all_noise * one),
                "The noise is on the wrong side: the clean side has none.",
            ),
        ]
        if hint := nearest(got, typical, 1e-4):
            return hint
        drawn = "some noise is still drawn. Put its mean in its place."
        again, _ = call_on_copies(function, clean, sigma)
        if not torch.equal(got, again):
            return f"Two calls gave two matrices: {drawn}"
        if near(got, matrix(all_noise * one), 0.02):
            return f"Near, and not the same. Many copies come near the mean, and never reach it: perhaps {drawn}"
        quiet, loud = (call_on_copies(function, clean, level)[0] for level in (0.0, 1e4))
        if not near(quiet, one, 1e-3):
            return "Without noise, σ = 0, the pixel itself is the best answer: W should be 1 in its diagonal, else 0."
        if not near(loud, 0 * one, 1e-3):
            return "With an enormous σ a noisy pixel says nothing, so all weights should be nearly 0."
        return "Right without noise and for an enormous σ, but not between. Work out one entry of the diagonal."
    return None


def _centred_rows(count: int, pixels: int, seed: int) -> Tensor:
    """Rows whose pixels go up and down together, as those of pictures do."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand(count, 1, generator=generator) + 0.5 * torch.rand(count, pixels, generator=generator)
    return rows - rows.mean(dim=0)


worked(
    "02.clip",
    """Clipping has no mean of its own to look up, so measure: many black pixels, the noise, one mean. Half of them stay at 0.
    The others rise, but none beyond white, which holds back more of the noise the stronger it is. So the mean is less than
    twice that of σ = 0.5.""",
    """
    black = torch.zeros(1, 1, 2000, 2000)
    noisy = du.GaussianNoise(sigma=1, clip=True)(black, torch.Generator().manual_seed(0))
    my_bias = noisy.mean().item()
    """,
)
worked(
    "02.psnr",
    """An error of a tenth of the range must get the same number of decibels in any units. In units that are 255 times as fine
    each error is 255 times as large, and its square 255² times. So the square of the peak stands where the 1 was.""",
    """
    import math

    def my_psnr(mse, peak):
        return 10 * math.log10(peak**2 / mse)
    """,
)
worked(
    "02.weight",
    """The slope of the first sum is 2·(w·Σx² − Σxy), that of the price 2·λ·(w − 1). Together they are 0 where
    w·(Σx² + λ) = Σxy + λ. For λ = 0 that is the lesson's weight; an enormous λ leaves 1, the pixel as it is.""",
    """
    def my_weight(x, y, ridge):
        gram, cross = (x * x).sum(), (x * y).sum()
        return (cross + ridge) / (gram + ridge)
    """,
)
worked(
    "02.copies",
    """Of (a + e)(b + f) the mean is a·b, for noise has mean 0, and two pixels' noises have nothing to do with each other. In
    the diagonal e·e is left as well, with mean σ², once for each of the N pictures. XᵀY has no such term: Y is clean.""",
    """
    def my_matrix(clean, sigma):
        gram = clean.T @ clean
        noise = len(clean) * sigma**2 * torch.eye(len(gram))
        return torch.linalg.solve(gram + noise, gram)
    """,
)
