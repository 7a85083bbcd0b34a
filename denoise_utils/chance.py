"""For every lesson: where the random numbers come from.

**Each purpose has a stream of its own**, derived from the seed and the purpose's name. So equal seeds never mean equal noise:
the noise that a denoiser is trained on is not the noise that it is judged by. (In the first edition of this course both were
"seed 0", and a matrix had learned the very noise of its test: MSE 0.0186, where other noise gives 0.0203 to 0.0206.)

| purpose | depends on the seed and | used by |
|---|---|---|
| ``"training"``: batch order and noise | the network's weights: trained again, it sees new noise | ``fit`` |
| ``"layers"``: dropout | the same | ``fit`` |
| ``"closed form"`` | nothing else | ``LinearDenoiser`` |
| ``"reader"``: noise of a hardened reader | nothing else | ``train_reader`` |
| ``"probe"``: directions in which a picture is moved | nothing else | ``pixel_variance``, ``principal_direction`` |
| ``"noisier"``: noise that is added to the noisy pictures | nothing else | ``Noisier2NoiseDenoiser`` |
| ``"slope"``: directions in which a slope is taken | nothing else | ``sure`` |
| ``"measuring"`` | the pictures: validation and test pictures never share their noise | ``evaluate``, ``fit`` |

The same call gives the same result.
"""

__all__ = ["stream", "fixed_noise"]

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .data import to_float
from .inputs import Noise, require_images, require_noise, require_noisy, require_seed


def stream(seed: int, purpose: str, given: nn.Module | Tensor | None = None, device: Any = "cpu") -> torch.Generator:
    """A source of random numbers for one purpose. Same arguments, same numbers.

    purpose: any name; another name, other numbers. given: a network or pictures, whose values count too. device: where
    the numbers are drawn.

    Lesson 02b, "The same noise twice"."""
    return torch.Generator(device).manual_seed(_derive(seed, purpose, given))


def _derive(seed: int, purpose: str, given: nn.Module | Tensor | None = None) -> int:
    """The seed of a stream. Hashed, since neighbouring seeds and names should have nothing in common."""
    digest = hashlib.sha256(f"{purpose}: {require_seed(seed)}".encode())
    tensors = given.state_dict().values() if isinstance(given, nn.Module) else [given]
    for tensor in tensors:
        if isinstance(tensor, Tensor):
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return int.from_bytes(digest.digest()[:4], "big")  # torch's CPU generator takes 32 bits


def make_noisy(noise: Noise, clean: Tensor, generator: torch.Generator) -> Tensor:
    """Ask a corruption for noisy pictures, and check them. It gets a copy: one that works in place spoils nothing."""
    with torch.no_grad():
        return require_noisy(noise(clean.clone(), generator), clean)


def fixed_noise(images: Tensor, noise: Noise, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The pair (noisy, clean) that ``evaluate`` uses: float ``[N, 1, H, W]``, drawn on the CPU for the whole set at
    once, so that neither the batch size nor the device can change it.

    The noise depends on the seed and on the pictures, so two sets of pictures never share it.

    Lesson 02b, "The same noise twice"."""
    require_images(images)
    require_noise(noise)
    clean = to_float(images.detach().cpu()).clone()
    as_bytes = (clean * 255).round().to(torch.uint8)  # rounded: a picture is the same picture as bytes and as floats
    return make_noisy(noise, clean, stream(seed, "measuring", as_bytes)), clean


def first_noisy(noise: Noise, clean: Tensor, generator: torch.Generator) -> Tensor:
    """As ``make_noisy``; a corruption that drew nothing from the generator is suspected to have a chance of its own."""
    before = generator.get_state()
    noisy = make_noisy(noise, clean, generator)
    if torch.equal(generator.get_state(), before):
        warn_of_own_chance(noise, clean)
    return noisy


def warn_of_own_chance(noise: Noise, clean: Tensor) -> None:
    """Warn if a corruption draws numbers from elsewhere than from its generator: of two calls with equal generators the
    results differ, or, with a seed of its own, the noise stays where it is when pictures change places."""
    two, used = clean[:2], stream(0, "trial", device=clean.device)
    before = used.get_state()
    one = make_noisy(noise, two, used)
    same, turned = (make_noisy(noise, shown, stream(0, "trial", device=clean.device)) for shown in (two, two.flip(0)))
    fixed = torch.equal(used.get_state(), before) and not torch.equal(turned.flip(0), one)
    if fixed or not torch.equal(one, same):
        reason = "the noise does not draw (only) from the generator it is given, so its seed does not tell its noise"
        way_on = "write torch.randn(clean.shape, generator=generator) in place of torch.randn_like(clean)"
        warnings.warn(f"{reason}: {way_on}", stacklevel=4)


@contextmanager
def own_chance() -> Iterator[None]:
    """torch's global source of chance, which dropout draws from, is put back afterwards: outside nothing has happened."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=gpus):
        yield


def seed_layers(seed: int, model: nn.Module, process: int = 0) -> None:
    """Let dropout draw numbers that only depend on the seed and the weights: a resumed training draws the same."""
    torch.manual_seed(_derive(seed, f"layers of process {process}", model))
