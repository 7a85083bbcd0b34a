"""Lessons 02a, 02b and 05: denoisers that are no networks. Each maps noisy float ``[N, 1, H, W]`` to denoised of the
same shape.

Filters from scikit-image work on one image at a time; those that learn are fitted in closed form, without a single step.
Each prints as it was made.
"""

__all__ = [
    "gaussian_blur", "median_filter", "total_variation", "wavelet", "non_local_means",
    "MeanImage", "PCADenoiser", "LinearDenoiser",
]  # fmt: skip

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .chance import make_noisy, stream, warn_of_own_chance
from .data import to_float
from .inputs import Denoiser, Noise, require_count, require_grey, require_images, require_noise, require_number
from .noise import Blur, convolve_with_gaussian


@dataclass(frozen=True)
class Filter:
    """A denoiser that is a function with its numbers. It prints as it was made, ``median_filter(size=5)``, and two that were
    made alike are equal."""

    made_as: str
    denoise: Denoiser = field(compare=False)

    def __call__(self, noisy: Tensor) -> Tensor:
        return self.denoise(noisy)

    def __repr__(self) -> str:
        return self.made_as


def gaussian_blur(width: float = 1.0) -> Filter:
    """A denoiser: blur with a Gaussian of ``width`` pixels (standard deviation, 0.2 to 10).

    Lesson 02a, "First denoisers"."""
    width = Blur(width).width  # checked
    return Filter(f"gaussian_blur({width=})", lambda noisy: convolve_with_gaussian(noisy, width))


def median_filter(size: int = 3) -> Filter:
    """A denoiser: each pixel becomes the median of the ``size`` x ``size`` pixels around it. size: odd.

    Lesson 02a, "First denoisers"."""
    size = require_count("size", size)
    if size % 2 == 0:
        raise ValueError(f"size is {size}: it should be odd")

    def denoise(noisy: Tensor) -> Tensor:
        require_grey("noisy", noisy, size // 2 + 1)
        padded = F.pad(noisy, (size // 2,) * 4, mode="reflect")
        windows = padded.unfold(2, size, 1).unfold(3, size, 1)  # (N, 1, H, W, size, size)
        return windows.flatten(-2).median(dim=-1).values

    return Filter(f"median_filter({size=})", denoise)


def total_variation(weight: float = 0.2) -> Filter:
    """A denoiser: few and sharp edges (Rudin, Osher, Fatemi 1992), scikit-image's ``denoise_tv_chambolle``.

    Lesson 05, "The ladder"."""
    weight = require_number("weight", weight, above=True)
    return Filter(f"total_variation({weight=})", _by_image("denoise_tv_chambolle", weight=weight))


def wavelet(sigma: float | None = None) -> Filter:
    """A denoiser: small wavelet coefficients become zero (BayesShrink; Chang, Yu, Vetterli 2000), scikit-image's
    ``denoise_wavelet``. sigma: the noise level; ``None``: estimated.

    Lesson 05, "The ladder"."""
    sigma = None if sigma is None else require_number("sigma", sigma, above=True)
    return Filter(f"wavelet({sigma=})", _by_image("denoise_wavelet", sigma=sigma, rescale_sigma=True))


def non_local_means(strength: float = 0.2, sigma: float = 0.0) -> Filter:
    """A denoiser: average the places that look alike (Buades et al. 2005), scikit-image's ``denoise_nl_means``.

    Lesson 05, "The ladder"."""
    strength, sigma = require_number("strength", strength, above=True), require_number("sigma", sigma)
    average = _by_image("denoise_nl_means", h=strength, sigma=sigma, patch_size=5, patch_distance=6)
    return Filter(f"non_local_means({strength=}, {sigma=})", average)


def _by_image(name: str, **options: object) -> Denoiser:
    def denoise(noisy: Tensor) -> Tensor:
        from skimage import restoration  # half a second of import that no network needs

        require_grey("noisy", noisy)
        images = noisy[:, 0].detach().cpu().float().numpy()
        # a flat picture stays what it is: scikit-image would divide by its noise
        filtered = [getattr(restoration, name)(image, **options) if np.ptp(image) else image for image in images]
        return torch.from_numpy(np.stack(filtered)).to(noisy)[:, None]

    return denoise


def require_fitted(noisy: Tensor, shape: torch.Size) -> None:
    """Raise a clear error unless ``noisy`` is ``[N, 1, H, W]`` of the size that a denoiser was fitted to."""
    require_grey("noisy", noisy)
    if noisy.shape[2:] != shape:
        raise ValueError(f"noisy is {list(noisy.shape)}: this denoiser was fitted to [N, 1, {shape[0]}, {shape[1]}]")


class MeanImage:
    """The denoiser that does not look: the mean of the training images, whatever it is shown.

    Lesson 05, "The ladder"."""

    def __init__(self, images: Tensor):
        require_images(images)
        self.count, self.mean = len(images), to_float(images).mean(dim=0, keepdim=True)

    def __repr__(self) -> str:
        return f"MeanImage({self.count} images)"

    def __call__(self, noisy: Tensor) -> Tensor:
        require_fitted(noisy, self.mean.shape[2:])
        return self.mean.to(noisy).repeat(len(noisy), 1, 1, 1)


class PCADenoiser:
    """Keep the part of the image that lies in the ``components`` directions in which clean digits differ most.

    Lesson 03b, "The price of the bottleneck"."""

    def __init__(self, images: Tensor, components: int = 60):
        require_images(images)
        self.count, self.shape, pixels = len(images), images.shape[2:], to_float(images).flatten(1)
        components = require_count("components", components)
        if components > min(pixels.shape):
            raise ValueError(f"components is {components}: it should be from 1 to {min(pixels.shape)}")
        self.mean = pixels.mean(dim=0)
        centred = (pixels - self.mean).double()  # with few pictures most eigenvalues are 0: float32 can fail on them
        _, vectors = torch.linalg.eigh(centred.T @ centred)  # eigenvalues in rising order
        self.directions = vectors[:, -components:].float()

    def __repr__(self) -> str:
        return f"PCADenoiser({self.count} images, components={self.directions.shape[1]})"

    def __call__(self, noisy: Tensor) -> Tensor:
        require_fitted(noisy, self.shape)
        mean, directions = self.mean.to(noisy), self.directions.to(noisy)
        return ((noisy.flatten(1) - mean) @ directions @ directions.T + mean).view_as(noisy)


class LinearDenoiser:
    """One matrix and one bias, fitted by ridge least squares: denoised = noisy · W + b. No steps, no learning rate.

    images: clean ``[N, 1, H, W]``. noise: fitted to noisy copies of the images. ridge: λ, how strongly large weights are
    held back. copies: noisy versions of each image. seed: of the noise, which is never that of ``evaluate``. It solves
    (XᵀX + λI) W = XᵀY for centred noisy X and clean Y.

    Lesson 02b, "One matrix"."""

    def __init__(self, images: Tensor, noise: Noise, *, ridge: float = 20.0, copies: int = 1, seed: int = 0):
        require_images(images)
        require_noise(noise)
        copies, ridge = require_count("copies", copies), require_number("ridge", ridge, above=True)
        generator = stream(seed, "closed form")
        images = images.detach().cpu()
        self.shape, pixels = images.shape[2:], images[0].numel()
        plain = {"device": "cpu", "dtype": torch.float32}  # whatever torch's defaults are set to
        gram, cross = ridge * torch.eye(pixels, **plain), torch.zeros(pixels, pixels, **plain)
        x_sum, y_sum = torch.zeros(2, pixels, **plain)
        for part in images.split(5000) * copies:  # in parts, so that 55,000 images need no more memory than 5,000
            clean = to_float(part)
            noisy = make_noisy(noise, clean, generator)
            require_fitted(noisy, self.shape)
            x, y = noisy.flatten(1), clean.flatten(1)
            gram += x.T @ x
            cross += x.T @ y
            x_sum += x.sum(dim=0)
            y_sum += y.sum(dim=0)
        count = copies * len(images)
        x_mean, y_mean = x_sum / count, y_sum / count
        gram -= count * torch.outer(x_mean, x_mean)  # centred, as X and Y should be
        cross -= count * torch.outer(x_mean, y_mean)
        self.weight = torch.linalg.solve(gram.double(), cross.double()).float()
        self.bias = y_mean - x_mean @ self.weight
        warn_of_own_chance(noise, to_float(images[:2]))
        named = getattr(noise, "__name__", noise)  # a function of one's own would print its address
        self.made_as = f"LinearDenoiser({len(images)} images, {named}, {ridge=}, {copies=}, {seed=})"

    def __repr__(self) -> str:
        return self.made_as

    def __call__(self, noisy: Tensor) -> Tensor:
        require_fitted(noisy, self.shape)
        weight, bias = self.weight.to(noisy), self.bias.to(noisy)
        return (noisy.flatten(1) @ weight + bias).view_as(noisy)


# Where tests and judges find them all: made of numbers only, or fitted to pictures.
FILTERS = (gaussian_blur, median_filter, total_variation, wavelet, non_local_means)
FITTED = (MeanImage, PCADenoiser, LinearDenoiser)
