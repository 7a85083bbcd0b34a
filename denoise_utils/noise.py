"""Lesson 02: the corruptions. Each is a small callable: ``noise(clean, generator=None) -> noisy``.

clean: float ``[N, 1, H, W]`` (or any float tensor with pixels in [0, 1]); it is never changed. noisy: same shape, dtype
and device. generator: where the random numbers come from; the same seed gives the same noise. A CPU generator
may serve images on any device, and gives the same noise there. ``clip=True`` cuts the result to [0, 1], as an image file
would; it makes the noise biased (lesson 02), so it is always named.

Wrong input raises ``TypeError`` or ``ValueError``. On a GPU the values are not looked at: that would stop the queue.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .data import check_count


def check_clean(clean: Tensor) -> None:
    """Raise a clear error unless ``clean`` is a float tensor with all values in [0, 1]. A building block for your own
    corruptions; every one below starts with it."""
    if not isinstance(clean, Tensor):
        raise TypeError(f"clean is a {type(clean).__name__}: it should be a torch tensor")
    if not clean.is_floating_point():
        raise TypeError(f"clean is {clean.dtype}: it should be float in [0, 1]; du.to_float(images) makes it so")
    if clean.numel() == 0:
        raise ValueError(f"clean is empty, shape {tuple(clean.shape)}")
    if clean.device.type == "cpu":
        low, high = (value.item() for value in torch.aminmax(clean))
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise ValueError(f"clean has values from {low:.3g} to {high:.3g}: they should be in [0, 1]")


def _check_number(name: str, value: float, low: float = 0.0, high: float = math.inf) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (low <= value <= high and math.isfinite(value))
    ):
        limit = f"from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
        raise ValueError(f"{name} is {value!r}: it should be a number, {limit}")


def check_width(width: float) -> None:
    """Raise a clear error unless ``width``, a blur's standard deviation in pixels, is from 0.2 to 10."""
    _check_number("width", width, low=0.2, high=10)


def _normal(clean: Tensor, generator: torch.Generator | None) -> Tensor:
    device = generator.device if generator is not None else clean.device
    return torch.randn(clean.shape, generator=generator, dtype=clean.dtype, device=device).to(clean.device)


def _uniform(clean: Tensor, generator: torch.Generator | None, shape: tuple[int, ...] | None = None) -> Tensor:
    device = generator.device if generator is not None else clean.device
    return torch.rand(shape or clean.shape, generator=generator, dtype=clean.dtype, device=device).to(clean.device)


@dataclass(frozen=True)
class GaussianNoise:
    """clean + σ · n, with n ~ N(0, 1) for every pixel. sigma: in units of the full range black to white."""

    sigma: float = 0.5
    clip: bool = True

    def __post_init__(self):
        _check_number("sigma", self.sigma)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        noisy = clean + self.sigma * _normal(clean, generator)
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class SpeckleNoise:
    """clean · (1 + σ · n): noise that grows with the brightness, as in radar and ultrasound. Black stays black."""

    sigma: float = 0.5
    clip: bool = True

    def __post_init__(self):
        _check_number("sigma", self.sigma)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        noisy = clean * (1 + self.sigma * _normal(clean, generator))
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class PoissonNoise:
    """Photon counting: each pixel is Poisson(peak · clean) / peak. peak: photons a white pixel gets; fewer is noisier."""

    peak: float = 5.0
    clip: bool = True

    def __post_init__(self):
        _check_number("peak", self.peak, low=1e-6, high=1e6)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        rate = self.peak * clean
        home = rate.to(generator.device) if generator is not None else rate
        noisy = torch.poisson(home, generator=generator).to(clean.device) / self.peak
        return noisy.clamp(0, 1) if self.clip else noisy


@dataclass(frozen=True)
class SaltAndPepper:
    """A share ``amount`` of the pixels becomes black or white, half and half; the others stay. amount: 0 to 1."""

    amount: float = 0.3

    def __post_init__(self):
        _check_number("amount", self.amount, high=1)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        draw = _uniform(clean, generator)
        noisy = torch.where(draw < self.amount / 2, 0.0, clean)
        return torch.where(draw > 1 - self.amount / 2, 1.0, noisy)


@dataclass(frozen=True)
class Masking:
    """A share ``amount`` of the pixels becomes black: the noise of the first denoising autoencoders (Vincent et al.,
    ICML 2008). amount: 0 to 1."""

    amount: float = 0.5

    def __post_init__(self):
        _check_number("amount", self.amount, high=1)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        return torch.where(_uniform(clean, generator) < self.amount, 0.0, clean)


@dataclass(frozen=True)
class Occlusion:
    """A black square of ``size`` pixels at a random place in each image ``[N, 1, H, W]``."""

    size: int = 10

    def __post_init__(self):
        check_count("size", self.size)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        if clean.ndim != 4 or self.size > min(clean.shape[2:]):
            raise ValueError(f"clean is {list(clean.shape)}: it should be [N, 1, H, W], H and W at least {self.size}")
        count, _, height, width = clean.shape
        room = torch.tensor([height - self.size + 1, width - self.size + 1], device=clean.device)
        corner = (_uniform(clean, generator, (count, 2)) * room).long()
        top, left = corner[:, 0].view(-1, 1, 1, 1), corner[:, 1].view(-1, 1, 1, 1)
        rows = torch.arange(height, device=clean.device).view(1, 1, -1, 1)
        columns = torch.arange(width, device=clean.device).view(1, 1, 1, -1)
        hidden = (rows >= top) & (rows < top + self.size) & (columns >= left) & (columns < left + self.size)
        return clean.masked_fill(hidden, 0.0)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur of ``width`` pixels (standard deviation): a corruption without chance. The generator is not used."""

    width: float = 1.5

    def __post_init__(self):
        check_width(self.width)

    def __call__(self, clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_clean(clean)
        return gaussian_filter(clean, self.width)


def gaussian_filter(images: Tensor, width: float) -> Tensor:
    """Blur float images ``[N, 1, H, W]`` with a Gaussian of standard deviation ``width`` pixels, edges repeated."""
    if images.ndim != 4 or images.shape[1] != 1:
        raise ValueError(f"images is {list(images.shape)}: it should be [N, 1, H, W]")
    radius = int(3 * width + 0.5)
    steps = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (steps / width) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
