"""Lesson 05: how good is a denoiser? Figures on fixed noise, and their error bars."""

__all__ = ["mse", "psnr", "ssim", "evaluate"]

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import get_ident

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .chance import fixed_noise, warn_of_own_chance
from .devices import as_device, at_least_float32, device_of
from .inputs import (
    Denoiser,
    Noise,
    require_answer,
    require_count,
    require_grey,
    require_mode,
    require_network,
    require_pair,
)
from .models import eval_mode

MAX_PSNR = 100.0  # dB, an error of 1e-5 of the range


def mse(denoised: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error of each image. Both float ``[N, 1, H, W]`` in [0, 1]. Returns float ``[N]``; 0 is perfect.

    Lesson 02a, "Two ways to say how bad it is"."""
    require_pair(denoised, clean)
    return (_precise(denoised) - _precise(clean)).square().mean(dim=(1, 2, 3))


def _precise(images: Tensor) -> Tensor:
    return images.to(at_least_float32(images))


def psnr(denoised: Tensor, clean: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, 10·log10(1 / MSE), for a data range of 1. Float ``[N]``.

    More is better; half the MSE of an image is 3 dB more; infinite if perfect. "The PSNR" of a set is the mean over its
    images (``evaluate`` counts a perfect one as 100 dB).

    Lesson 02a, "Two ways to say how bad it is"."""
    return -10 * torch.log10(mse(denoised, clean))


def ssim(denoised: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image, −1 to 1, 1 for equal images; sides of at least 11 pixels. Float ``[N]``.

    Z. Wang et al., "Image quality assessment", IEEE Trans. Image Processing 13(4), 2004: an 11x11 Gaussian window with
    σ = 1.5, K1 = 0.01, K2 = 0.03, data range 1, averaged where the whole window fits.

    Lesson 05, "Three figures"."""
    require_pair(denoised, clean)
    require_grey("SSIM's window is 11x11 pixels; clean", clean, 11)
    denoised, clean = _precise(denoised), _precise(clean)
    distances = torch.arange(-5, 6, dtype=clean.dtype, device=clean.device)  # from the window's middle, in pixels
    window = torch.exp(-0.5 * (distances / 1.5) ** 2)
    window = window / window.sum()

    def local_mean(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
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
    per_image: the same names → float ``[N]``. Two are equal if their means are."""

    mse: float
    psnr: float
    ssim: float
    images: int
    per_image: dict[str, Tensor] = field(repr=False, compare=False)

    def interval(self, name: str = "mse") -> float:
        """Half the width of the 95 % confidence interval of a mean: 1.96 standard errors over the images."""
        return half_width(self.per_image[name])

    def difference(self, other: "Evaluation", name: str = "mse") -> tuple[float, float]:
        """(this mean − the other's, half the width of its 95 % confidence interval), paired: on the same pictures with the
        same noise what is hard for both cancels. Raises ``ValueError`` for another number of images."""
        if self.images != other.images:
            raise ValueError(f"{self.images} images and {other.images}: a difference needs the same pictures and noise")
        differences = self.per_image[name] - other.per_image[name]
        return differences.double().mean().item(), half_width(differences)

    def __str__(self) -> str:
        return f"MSE {self.mse:.4f} ± {self.interval():.4f}, PSNR {self.psnr:.2f} dB, SSIM {self.ssim:.3f}"


def half_width(values: Tensor) -> float:
    """Half of the 95 % confidence interval of a mean: 1.96 standard errors."""
    return 1.96 * values.double().std().item() / len(values) ** 0.5 if len(values) > 1 else float("nan")


@torch.no_grad()
def evaluate(
    denoiser: Denoiser,
    images: Tensor,
    noise: Noise,
    *,
    seed: int = 0,
    batch_size: int = 250,
    device: str | torch.device | None = None,
) -> Evaluation:
    """Noise the images, denoise them, compare: any callable noisy → denoised, a network or a classical filter.

    images: clean, uint8 ``[N, 1, H, W]`` or float in [0, 1]. Same pictures and seed, same noise (``fixed_noise``). Output is
    clamped to [0, 1] first, for every denoiser alike: a screen would do the same. The denoiser gets a copy, should it work in
    place. device: default, where the network's parameters are, else CPU.
    Raises ``ValueError`` if a network would answer differently in eval mode (dropout, batch norm) and is in training mode.

    Lesson 05, "Three figures"."""
    batch_size = require_count("batch_size", batch_size)
    device = as_device(device or device_of(denoiser))
    if isinstance(denoiser, nn.Module):
        denoiser.to(device)
    noisy, clean = fixed_noise(images, noise, seed)
    warn_of_own_chance(noise, clean)
    found = {"mse": [], "psnr": [], "ssim": []}
    for pair in answers(denoiser, noisy, clean, batch_size, device):
        for name, metric in {"mse": mse, "psnr": psnr, "ssim": ssim}.items():
            found[name].append(metric(*pair))
    per_image = {name: torch.cat(values) for name, values in found.items()}
    per_image["psnr"].clamp_(max=MAX_PSNR)  # else one perfect picture makes the mean infinite
    means = {name: values.double().mean().item() for name, values in per_image.items()}
    return Evaluation(**means, images=len(clean), per_image=per_image)


def answers(denoiser: Denoiser, noisy: Tensor, clean: Tensor, batch_size: int, device) -> Iterator[tuple]:
    """The pairs (denoised, clean), batch by batch: the denoiser gets copies on ``device``, its answers come to the CPU."""
    for part, wanted in zip(noisy.split(batch_size), clean.split(batch_size), strict=True):
        yield denoise(denoiser, part.to(device, copy=True), wanted.shape), wanted


@torch.no_grad()
def denoise(denoiser: Denoiser, noisy: Tensor, wanted: torch.Size) -> Tensor:
    """The denoiser's answer in eval mode, checked to be of the shape ``wanted``, on the CPU, clamped to [0, 1]."""
    with measuring(denoiser):
        answer = denoiser(noisy)
    return require_answer("denoiser", answer, noisy, wanted).cpu().float().clamp(0, 1)


@contextmanager
def measuring(denoiser: Denoiser) -> Iterator[None]:
    """Every network answers in eval mode here, one inside of a function too; then each layer is put back. One that is in
    training mode and has layers for which that matters is refused."""
    network = getattr(denoiser, "__self__", denoiser)  # the network of a method
    known = network if isinstance(network, nn.Module) else nn.Module()
    require_network(known)
    require_mode(known)
    here = get_ident()

    def before(module: nn.Module, _) -> None:
        if module.training and get_ident() == here:  # another thread may be training
            require_mode(module)
            at_the_end.callback(setattr, module, "training", True)
            module.training = False

    with eval_mode(known), ExitStack() as at_the_end:
        hook = nn.modules.module.register_module_forward_pre_hook(before)  # called before any network's answer
        at_the_end.callback(hook.remove)
        yield
