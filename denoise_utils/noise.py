"""Lesson 02a: the corruptions. Each is a small callable: ``noise(clean, generator=None) -> noisy``.

clean: float ``[N, 1, H, W]`` (or any float tensor with pixels in [0, 1]); it is never changed. noisy: same shape, dtype
and device. generator: where the random numbers come from; the same seed gives the same noise. A CPU generator
may serve images on any device, and gives the same noise there. ``clip=True`` cuts the result to [0, 1], as an image file
would; it makes the noise biased (lesson 02a), so it is always named.

Wrong input raises ``TypeError`` or ``ValueError``. On a GPU the values are not looked at: that would stop the queue.
"""

__all__ = ["GaussianNoise", "SpeckleNoise", "PoissonNoise", "SaltAndPepper", "Masking", "Occlusion", "Blur"]

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .devices import at_least_float32
from .inputs import Noise, require_clean, require_count, require_grey, require_number


def _keep(corruption: Noise, **values: float) -> None:
    """Set checked numbers in a frozen dataclass: plain ones, should they have come from numpy or torch."""
    for name, value in values.items():
        object.__setattr__(corruption, name, value)


def _draw(make: Callable[..., Tensor], clean: Tensor, generator: torch.Generator | None, *shape: int) -> Tensor:
    """Random numbers from ``make``, ``torch.randn`` or ``torch.rand``: one a pixel, or of another shape. In float32 at least:
    the 256 steps of a half-precision number would be too coarse to compare with an amount."""
    device, dtype = _device(clean, generator), at_least_float32(clean)
    return make(shape or clean.shape, generator=generator, dtype=dtype, device=device).to(clean.device)


def _device(clean: Tensor, generator: torch.Generator | None) -> torch.device:
    """Where to draw: where the generator is."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator is {generator!r}: it should be a torch generator, such as du.stream(0, 'my noise')")
    return clean.device if generator is None else generator.device


@dataclass(frozen=True)
class GaussianNoise:
    """clean + σ · n, with n ~ N(0, 1) for every pixel. sigma: in units of the full range black to white.

    Lesson 02a, "Gaussian noise by hand"."""

    sigma: float = 0.5
    clip: bool = True

    def __post_init__(self):
        _keep(self, sigma=require_number("sigma", self.sigma))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        noisy = (clean + self.sigma * _draw(torch.randn, clean, generator)).to(clean.dtype)
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class SpeckleNoise:
    """clean · (1 + σ · n): noise that grows with the brightness, as in radar and ultrasound. Black stays black.

    Lesson 02a, "Other ways to spoil a picture"."""

    sigma: float = 0.5
    clip: bool = True

    def __post_init__(self):
        _keep(self, sigma=require_number("sigma", self.sigma))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        noisy = (clean * (1 + self.sigma * _draw(torch.randn, clean, generator))).to(clean.dtype)
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class PoissonNoise:
    """Photon counting: each pixel is Poisson(peak · clean) / peak. peak: photons a white pixel gets; fewer is noisier.

    Lesson 02a, "Other ways to spoil a picture"."""

    peak: float = 5.0
    clip: bool = True

    def __post_init__(self):
        _keep(self, peak=require_number("peak", self.peak, low=1e-6, high=1e6))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        rate = self.peak * clean.to(at_least_float32(clean)).clamp_min(0)
        noisy = (torch.poisson(rate.to(_device(clean, generator)), generator=generator) / self.peak).to(clean)
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class SaltAndPepper:
    """A share ``amount`` of the pixels becomes black or white, half and half; the others stay. amount: 0 to 1.

    Lesson 02a, "Other ways to spoil a picture"."""

    amount: float = 0.3

    def __post_init__(self):
        _keep(self, amount=require_number("amount", self.amount, high=1))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        draw = _draw(torch.rand, clean, generator)
        noisy = torch.where(draw < self.amount / 2, 0.0, clean)
        return torch.where(draw > 1 - self.amount / 2, 1.0, noisy)


@dataclass(frozen=True)
class Masking:
    """A share ``amount`` of the pixels becomes black: the noise of the first denoising autoencoders (Vincent et al.,
    ICML 2008). amount: 0 to 1.

    Lesson 02a, "Other ways to spoil a picture"."""

    amount: float = 0.5

    def __post_init__(self):
        _keep(self, amount=require_number("amount", self.amount, high=1))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        return torch.where(_draw(torch.rand, clean, generator) < self.amount, 0.0, clean)


@dataclass(frozen=True)
class Occlusion:
    """A black square of ``size`` pixels at a random place in each image ``[N, 1, H, W]``.

    Lesson 02a, "Other ways to spoil a picture"."""

    size: int = 10

    def __post_init__(self):
        _keep(self, size=require_count("size", self.size))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        require_grey("clean", clean, self.size)
        count, _, *sides = clean.shape
        places = torch.tensor([side - self.size + 1 for side in sides], device=clean.device)  # along each side
        corner = (_draw(torch.rand, clean, generator, count, 2) * places).long()
        after = [torch.arange(sides[i], device=clean.device) - corner[:, i, None] for i in (0, 1)]  # (N, H) and (N, W)
        rows, columns = ((distance >= 0) & (distance < self.size) for distance in after)
        return clean.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of ``width`` pixels (standard deviation, 0.2 to 10): a corruption without chance. The generator is not
    used.

    Lesson 02a, "Other ways to spoil a picture"."""

    width: float = 1.5

    def __post_init__(self):
        _keep(self, width=require_number("width", self.width, low=0.2, high=10))

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        require_clean(clean)
        return convolve_with_gaussian(clean, self.width)


def convolve_with_gaussian(images: Tensor, width: float) -> Tensor:
    """Blur float images ``[N, 1, H, W]`` with a Gaussian of standard deviation ``width`` pixels, edges repeated."""
    require_grey("images", images)
    radius = int(3 * width + 0.5)
    dtype = at_least_float32(images)
    offsets = torch.arange(-radius, radius + 1, dtype=dtype, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / width) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(images.to(dtype), (radius,) * 4, mode="replicate")
    with torch.autocast(images.device.type, enabled=False):
        return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1)).to(images.dtype)


# strength, 0 to 1 → a corruption. Poisson's is chosen so that a white pixel is as uncertain as with Gaussian noise.
KINDS = {
    "Gaussian, clipped": lambda s: GaussianNoise(s, clip=True),
    "Gaussian, not clipped": lambda s: GaussianNoise(s, clip=False),
    "salt & pepper": lambda s: SaltAndPepper(s),
    "masking": lambda s: Masking(s),
    "speckle": lambda s: SpeckleNoise(s, clip=True),
    "Poisson": lambda s: PoissonNoise(round(1 / max(s, 0.01) ** 2, 1), clip=True),
    "blur": lambda s: Blur(round(0.2 + 3 * s, 2)),
    "occlusion": lambda s: Occlusion(max(1, round(20 * s))),
}
