"""Lesson 09: learning without clean pictures, and judging without them.

Each loss is called with a network and a batch of **noisy** pictures y = x + n, float ``[N, 1, H, W]``, and returns one number
to make small, with its gradient. None of them ever sees x. The noise n has mean 0 and is **not clipped**: with clipped noise
every one of them learns, or measures, something else (lesson 09 shows what). sigma: the standard deviation of n, in units of
the full range black to white. generator: where the extra random numbers come from.

All of them raise ``TypeError`` or ``ValueError`` for wrong input: pictures of another shape, a σ that is not above 0.
"""

__all__ = [
    "noise2noise_loss", "recorrupt", "noisier2noise_loss", "Noisier2NoiseDenoiser", "sure_loss",
    "hide_pixels", "blind_spot_loss", "BlindSpotDenoiser", "sure", "residual_correlation",
]  # fmt: skip

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .chance import stream
from .devices import device_of
from .evaluation import denoise, half_width
from .inputs import Denoiser, require_count, require_grey, require_number, require_same, require_unclipped


def noise2noise_loss(model: nn.Module, noisy: Tensor, second: Tensor) -> Tensor:
    """The second noisy picture is the target: ‖f(y) − y₂‖². Its noise can't be predicted, so the best answer is the same as
    for clean targets. Needs two pictures of each scene with independent noise of mean 0; σ may be unknown, and the noise
    may be correlated between pixels.

    J. Lehtinen et al., "Noise2Noise", arXiv 1803.04189. Lowest possible value: the MSE of the answers + σ².

    Lesson 09, "Two noisy pictures"."""
    require_same(noisy, second)
    return F.mse_loss(model(noisy), second)


def recorrupt(
    noisy: Tensor, sigma: float, generator: torch.Generator | None = None, alpha: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Two pictures made of one: y + α·z to look at, and y − z/α as a target, with z ~ N(0, σ²) for each pixel.

    Their noises, n + α·z and n − z/α, have covariance σ² − σ² = 0, and Gaussian numbers without covariance are independent.
    So they do for ``noise2noise_loss(model, *recorrupt(y, σ))``, whose lowest possible value is the MSE of the answers +
    σ²·(1 + 1/α²). Returns (given, target), shaped as noisy. Needs Gaussian noise, independent from pixel to pixel, and its σ.
    (For other Gaussian noise draw z as the noise is drawn, with its σ of each pixel and its correlations.)

    T. Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021.

    Lesson 09, "Two pictures made of one"."""
    sigma, alpha = _checked(noisy, sigma, alpha)
    z = sigma * _like(noisy, generator)
    return noisy + alpha * z, noisy - z / alpha


def noisier2noise_loss(
    model: nn.Module, noisy: Tensor, sigma: float, generator: torch.Generator | None = None, alpha: float = 1.0
) -> Tensor:
    """Add more noise, and ask for the picture as it was: ‖f(y + α·σ·m) − y‖², with m ~ N(0, 1). What f learns is the mean of
    y, which still holds a part of the noise: ``Noisier2NoiseDenoiser`` takes it away.

    N. Moran et al., "Noisier2Noise", arXiv 1910.11908.

    Lesson 09, "Two pictures made of one"."""
    sigma, alpha = _checked(noisy, sigma, alpha)
    return F.mse_loss(model(noisy + alpha * sigma * _like(noisy, generator)), noisy)


class Noisier2NoiseDenoiser:
    """The denoiser in a network f that was trained with ``noisier2noise_loss``: ((1 + α²)·f(z) − z) / α² for z = y + α·σ·m,
    which is 2·f(z) − z for α = 1; the mean over several m, since each z spoils the picture in another way.

    copies: how many m. They are the same for all pictures, so a picture's answer depends on nothing but itself and the seed.

    Lesson 09, "Two pictures made of one"."""

    def __init__(self, model: nn.Module, sigma: float, *, alpha: float = 1.0, copies: int = 8, seed: int = 0):
        self.model, self.copies, self.seed = model, require_count("copies", copies), seed
        self.sigma = require_number("sigma", sigma, above=True)
        self.alpha = require_number("alpha", alpha, above=True)

    def __call__(self, noisy: Tensor) -> Tensor:
        require_grey("noisy", noisy)
        generator, total = stream(self.seed, "noisier"), torch.zeros_like(noisy)
        for _ in range(self.copies):
            extra = torch.randn(1, *noisy.shape[1:], generator=generator, device="cpu").to(noisy)
            noisier = noisy + self.alpha * self.sigma * extra
            total += ((1 + self.alpha**2) * self.model(noisier) - noisier) / self.alpha**2
        return total / self.copies


def sure_loss(
    model: nn.Module, noisy: Tensor, sigma: float, generator: torch.Generator | None = None, step: float = 1e-3
) -> Tensor:
    """Stein's unbiased risk estimate: the MSE against x, estimated without x. Its mean over the noise is the true MSE.

    ‖f(y) − y‖² − σ² + 2·σ²·(mean of ∂f(y)ᵢ/∂yᵢ), each per pixel; the last by ``step``, see ``sure``. Needs Gaussian noise,
    independent from pixel to pixel, and its σ. Used as a loss: S. Soltanayev, S. Y. Chun, arXiv 1803.01314.

    Lesson 09, "The error, without the truth"."""
    sigma, step = _checked(noisy, sigma, step, "step")
    return _risk(model, noisy, sigma, generator, step).mean()


def _risk(ask: Callable[[Tensor], Tensor], noisy: Tensor, sigma: float, generator, step: float) -> Tensor:
    """SURE of each picture, ``[N]``. The slope: one random direction b of ±1, and b·(f(y + step·b) − f(y)) / step."""
    direction = _like(noisy, generator).sign()  # normal numbers would do as well, with a larger spread
    answer, moved = ask(noisy), ask(noisy + step * direction)
    slope = direction * (moved - answer) / step
    return ((answer - noisy).square() - sigma**2 + 2 * sigma**2 * slope).mean(dim=(1, 2, 3))


def hide_pixels(noisy: Tensor, phase: int, spacing: int = 3) -> tuple[Tensor, Tensor]:
    """Pixels on a grid, each replaced by the mean of its eight neighbours (sides count twice as much as corners).

    phase: which of the spacing² grids, any whole number from 0. spacing: 2 or more pixels from one hidden pixel to the next.
    Returns (the picture without them, mask): mask is bool ``[H, W]``, ``True`` where a pixel is hidden.

    Lesson 09, "A blind spot"."""
    require_grey("noisy", noisy, 2)
    if require_count("spacing", spacing) < 2:
        raise ValueError(f"spacing is {spacing}: it should be 2 or more, else the neighbours are hidden, too")
    mask = torch.zeros(noisy.shape[2:], dtype=torch.bool, device=noisy.device)
    mask[phase // spacing % spacing :: spacing, phase % spacing :: spacing] = True
    ring = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]]).to(noisy) / 12
    around = F.conv2d(F.pad(noisy, (1, 1, 1, 1), mode="reflect"), ring[None, None])
    return torch.where(mask, around, noisy), mask


def blind_spot_loss(model: nn.Module, noisy: Tensor, phase: int, spacing: int = 3) -> Tensor:
    """Guess the hidden pixels from the others; the target is their noisy value, which the network can't copy.

    phase: another one in each step, such as the number of the step. Needs noise of mean 0, independent from pixel to pixel;
    σ may be unknown. J. Batson, L. Royer, "Noise2Self", arXiv 1901.11365; A. Krull et al., "Noise2Void", arXiv 1811.10980.

    Lesson 09, "A blind spot"."""
    hidden, mask = hide_pixels(noisy, phase, spacing)
    return F.mse_loss(model(hidden)[..., mask], noisy[..., mask])


class BlindSpotDenoiser:
    """The denoiser in a network that was trained with ``blind_spot_loss``: spacing² calls, each answers for the pixels that
    were hidden from it. No pixel of the answer depends on the same pixel of the noisy picture.

    Lesson 09, "A blind spot"."""

    def __init__(self, model: nn.Module, spacing: int = 3):
        self.model, self.spacing = model, require_count("spacing", spacing)

    def __call__(self, noisy: Tensor) -> Tensor:
        require_grey("noisy", noisy)
        answer = torch.zeros_like(noisy)
        for phase in range(self.spacing**2):
            hidden, mask = hide_pixels(noisy, phase, self.spacing)
            answer = torch.where(mask, self.model(hidden), answer)
        return answer


@dataclass(frozen=True)
class Risk:
    """Returned by ``sure``. mse: the estimate, a mean over the pictures. images: how many. per_image: float ``[N]``."""

    mse: float
    images: int
    per_image: Tensor = field(repr=False, compare=False)

    def interval(self) -> float:
        """Half the width of the 95 % confidence interval: 1.96 standard errors over the pictures."""
        return half_width(self.per_image)

    def __str__(self) -> str:
        return f"estimated MSE {self.mse:.4f} ± {self.interval():.4f}"


@torch.no_grad()
def sure(
    denoiser: Denoiser, noisy: Tensor, sigma: float, *, seed: int = 0, step: float = 1e-3, batch_size: int = 250
) -> Risk:
    """The MSE of any denoiser, measured on noisy pictures only (Stein's unbiased risk estimate), with its interval.

    noisy: float ``[N, 1, H, W]``, Gaussian noise of standard deviation sigma, **not clipped**. The answers are clamped to
    [0, 1] first, as ``evaluate`` does. The slope of the denoiser is asked for in one random direction b of ±1 a picture:
    b·(f(y + step·b) − f(y)) / step (S. Ramani, T. Blu, M. Unser, IEEE Trans. Image Processing 17(9), 2008). seed: of b.
    For another denoiser than the one that was trained on these very pictures it is unbiased; for that one it is too low.
    The denoiser should draw no random numbers: the same picture, the same answer.
    Raises ``ValueError`` if the pictures look clipped. (A wrong sigma, or noise that is correlated, can't be seen here.)

    Lesson 09, "The error, without the truth"."""
    sigma, step = _checked(noisy, sigma, step, "step")
    require_unclipped("noisy", noisy)
    generator, device = stream(seed, "slope"), device_of(denoiser)
    noisy = noisy.detach().cpu().float()

    def ask(part: Tensor) -> Tensor:
        return denoise(denoiser, part.to(device, copy=True), part.shape)

    parts = noisy.split(require_count("batch_size", batch_size))
    per_image = torch.cat([_risk(ask, part, sigma, generator, step) for part in parts])
    return Risk(per_image.double().mean().item(), len(noisy), per_image)


def residual_correlation(noisy: Tensor, denoised: Tensor, reach: int = 3) -> Tensor:
    """How the residual, noisy − denoised, goes together with itself some pixels further: a map ``[2·reach + 1, 2·reach + 1]``
    of correlations, −1 to 1, with 1 in its middle.

    Near 0 elsewhere: the residual looks like noise that is independent from pixel to pixel. Not 0: the noise is not
    independent, or the denoiser has taken away something of the picture. reach: pixels in each direction.

    Lesson 09, "Judging without the truth"."""
    require_same(noisy, denoised)
    reach = require_count("reach", reach)
    require_grey("noisy", noisy, reach + 1)
    residual = (noisy - denoised).detach().double()
    residual = residual - residual.mean()
    height, width = residual.shape[2:]
    found = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            one = residual[..., max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
            other = residual[..., max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
            found[down + reach, right + reach] = (one * other).mean()
    return (found / found[reach, reach]).float()


def _checked(noisy: Tensor, sigma: float, other: float, name: str = "alpha") -> tuple[float, float]:
    """The two numbers, checked, and the pictures, too."""
    require_grey("noisy", noisy)
    return require_number("sigma", sigma, above=True), require_number(name, other, above=True)


def _like(noisy: Tensor, generator: torch.Generator | None) -> Tensor:
    """Normal numbers, one a pixel, drawn where the generator is."""
    device = noisy.device if generator is None else generator.device
    return torch.randn(noisy.shape, generator=generator, device=device).to(noisy)
