"""Lesson 05: how good is a denoiser? Figures on fixed noise, their error bars, and a reader of digits as a second judge."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .data import batches, check_count, check_images, to_float
from .optimizers import apply_gradients, make_optimizers, one_cycle, set_lr
from .training import as_device


def _check_pair(denoised: Tensor, clean: Tensor) -> None:
    for name, images in (("denoised", denoised), ("clean", clean)):
        if not isinstance(images, Tensor) or not images.is_floating_point():
            found = images.dtype if isinstance(images, Tensor) else type(images).__name__
            raise TypeError(f"{name} is {found}: it should be a float tensor with values in [0, 1]")
        if not torch.isfinite(images).all():
            raise ValueError(f"{name} holds NaN or infinity")
    if denoised.shape != clean.shape or clean.ndim != 4 or not len(clean):
        raise ValueError(
            f"denoised is {list(denoised.shape)} and clean is {list(clean.shape)}: both should be the same [N, 1, H, W]"
        )


def mse(denoised: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error of each image. Both float ``[N, 1, H, W]`` in [0, 1]. Returns float ``[N]``; 0 is perfect."""
    _check_pair(denoised, clean)
    return (denoised - clean).square().mean(dim=(1, 2, 3))


def psnr(denoised: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, 10·log10(1 / MSE), for a data range of 1. Float ``[N]``.

    More is better; half the MSE of an image is 3 dB more; infinite if perfect. "The PSNR" of a set is the mean over its images.
    """
    return -10 * torch.log10(mse(denoised, clean))


def ssim(denoised: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image, −1 to 1, 1 for equal images; sides of at least 11 pixels. Float ``[N]``.

    Z. Wang et al., "Image quality assessment", IEEE Trans. Image Processing 13(4), 2004: an 11x11 Gaussian window with
    σ = 1.5, K1 = 0.01, K2 = 0.03, data range 1, averaged where the whole window fits.
    """
    _check_pair(denoised, clean)
    if min(clean.shape[2:]) < 11:
        raise ValueError(f"images are {list(clean.shape)}: SSIM's window needs sides of at least 11 pixels")
    steps = torch.arange(-5, 6, dtype=clean.dtype, device=clean.device)
    window = torch.exp(-0.5 * (steps / 1.5) ** 2)
    window = window / window.sum()

    def local_mean(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))

    mean_d, mean_c = local_mean(denoised), local_mean(clean)
    var_d = local_mean(denoised**2) - mean_d**2
    var_c = local_mean(clean**2) - mean_c**2
    covariance = local_mean(denoised * clean) - mean_d * mean_c
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_d * mean_c + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_d**2 + mean_c**2 + c1) * (var_d + var_c + c2))
    return similarity.mean(dim=(1, 2, 3))


@dataclass(frozen=True)
class Evaluation:
    """Returned by ``evaluate``. mse, psnr (dB), ssim: means over the images. images: how many.
    per_image: the same names → float ``[N]``."""

    mse: float
    psnr: float
    ssim: float
    images: int
    per_image: dict[str, Tensor] = field(repr=False)

    def interval(self, name: str = "mse") -> float:
        """Half the width of the 95 % confidence interval of a mean: 1.96 standard errors over the images."""
        if self.images < 2:
            return float("nan")
        return 1.96 * self.per_image[name].std().item() / self.images**0.5

    def __str__(self) -> str:
        return f"MSE {self.mse:.4f} ± {self.interval():.4f}, PSNR {self.psnr:.2f} dB, SSIM {self.ssim:.3f}"


def fixed_noise(images: Tensor, noise: Any, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The pair (noisy, clean) that ``evaluate`` uses: float ``[N, 1, H, W]``, drawn on the CPU for the whole set at
    once, so that neither the batch size nor the device can change it."""
    check_images(images)
    clean = to_float(images.cpu())
    return noise(clean, torch.Generator().manual_seed(seed)), clean


@torch.no_grad()
def evaluate(
    denoiser: Callable[[Tensor], Tensor],
    images: Tensor,
    noise: Any,
    *,
    seed: int = 0,
    batch_size: int = 250,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Noise the images, denoise them, compare: any callable noisy → denoised, a network or a classical filter.

    images: clean, uint8 ``[N, 1, H, W]`` or float in [0, 1]. Same seed, same noise. Output is clamped to [0, 1] first,
    for every denoiser alike: a screen would do the same. The denoiser gets a copy, should it work in place.
    device: default, where the network's parameters are, else CPU.
    Raises ``ValueError`` if a network would answer differently in eval mode (dropout, batch norm) and is in training mode.
    """
    check_count("batch_size", batch_size)
    if isinstance(denoiser, nn.Module):
        _check_mode(denoiser)
        device = device or next((p.device for p in denoiser.parameters()), None)
    device = as_device(device or "cpu")
    if isinstance(denoiser, nn.Module):
        denoiser.to(device)
    noisy, clean = fixed_noise(images, noise, seed)
    found = {"mse": [], "psnr": [], "ssim": []}
    for part, wanted in zip(noisy.split(batch_size), clean.split(batch_size), strict=True):
        denoised = _denoise(denoiser, part.to(device, copy=True), wanted.shape)
        for name, metric in {"mse": mse, "psnr": psnr, "ssim": ssim}.items():
            found[name].append(metric(denoised, wanted))
    per_image = {name: torch.cat(values) for name, values in found.items()}
    means = {name: values.double().mean().item() for name, values in per_image.items()}
    return Evaluation(**means, images=len(clean), per_image=per_image)


def _denoise(denoiser, noisy: Tensor, wanted: torch.Size) -> Tensor:
    denoised = denoiser(noisy)
    if not isinstance(denoised, Tensor) or denoised.shape != wanted:
        found = list(denoised.shape) if isinstance(denoised, Tensor) else type(denoised).__name__
        raise ValueError(f"the denoiser made {found} of {list(noisy.shape)}: it should return {list(wanted)}")
    return denoised.cpu().float().clamp(0, 1)


def _check_mode(model: nn.Module) -> None:
    changing = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    for name, module in model.named_modules():
        if isinstance(module, changing) and module.training:
            raise ValueError(
                f"layer {name!r} ({type(module).__name__}) is in training mode, so the figures would depend on the batch "
                "or on chance: call model.eval() first"
            )


class DigitReader(nn.Module):
    """Returned by ``train_reader``. A small classifier, 28x28 image → 10 scores: the judge of "is it still the same digit?"."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.ReLU(),  # (N, 32, 14, 14)
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),  # (N, 64, 7, 7)
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 10),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def train_reader(images: Tensor, labels: Tensor, *, noise: Any = None, epochs: int = 8, seed: int = 0) -> DigitReader:
    """Train a ``DigitReader`` on clean digits, shifted by up to two pixels, then freeze it.

    noise: a corruption, for a reader that learns from noisy digits instead.
    images: uint8 ``[N, 1, 28, 28]``. labels: int64 ``[N]``. Returns the reader in eval mode, on the CPU, parameters frozen.
    """
    check_images(images)
    if labels.shape != (len(images),):
        raise ValueError(f"labels is {list(labels.shape)}: it should be [{len(images)}], one label an image")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        reader = DigitReader().train()
        optimizers = make_optimizers(reader)
        order = torch.cat([torch.randperm(len(images)) for _ in range(epochs)]).split(64)
        for step, index in enumerate(order):
            shift = torch.randint(-2, 3, (2,)).tolist()
            clean = to_float(images[index].cpu()).roll(shift, dims=(2, 3))
            set_lr(optimizers, one_cycle((step + 0.5) / len(order)))
            loss = F.cross_entropy(reader(noise(clean) if noise else clean), labels[index])
            apply_gradients(loss, optimizers)
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def read_digits(reader: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a classifier sees in float ``[N, 1, 28, 28]``: (digits int64 ``[N]``, confidence float ``[N]``, 0 to 1)."""
    check_images(images)
    _check_mode(reader)
    scores = torch.cat([reader(batch) for batch in batches(images, 500)])
    confidence, digits = scores.softmax(dim=1).max(dim=1)
    return digits, confidence
