"""Panels for noise, denoisers, the layers of a network and its bottleneck. Wrong images: errors as of ``require_images``."""

__all__ = ["explore_noise", "explore_denoisers", "explore_network", "walk_bottleneck"]

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from ..chance import make_noisy
from ..data import to_float
from ..devices import device_of
from ..evaluation import denoise, mse, psnr
from ..inputs import Denoiser, Noise, require_images
from ..models import eval_mode, layer_calls, layer_table, receptive_field
from ..noise import KINDS, GaussianNoise
from ..reader import read_digits
from .panel import Panel, menu, play, slider
from .rendering import Pictures, signed, tint


def explore_noise(images: Tensor, denoisers: Mapping[str, Denoiser] = MappingProxyType({})) -> Panel:
    """One digit, one corruption of adjustable strength, and what MSE and PSNR say.

    images: uint8 ``[N, 1, H, W]`` or float in [0, 1]. denoisers: shown beside it, as in ``explore_denoisers``.
    The kinds and what their strength means stand in ``denoise_utils.noise.KINDS``.

    Lesson 02a, "Play"."""
    require_images(images)

    def draw(kind, strength, digit, seed):
        return compare(to_float(images[digit : digit + 1]), KINDS[kind](strength), seed, denoisers)

    digit = slider(0, 0, len(images) - 1, 1)
    return play(draw, kind=list(KINDS), strength=slider(0.5, 0.0, 1.0), digit=digit, seed=slider(0, 0, 20, 1))


def explore_denoisers(denoisers: Mapping[str, Denoiser], images: Tensor) -> Panel:
    """Denoisers side by side on one digit with clipped Gaussian noise, each with its MSE, PSNR and error map.

    denoisers: name → (noisy ``[N, 1, H, W]`` → denoised). images: uint8 ``[N, 1, H, W]`` or float in [0, 1].
    In the error map orange is too bright, violet too dark, white is right.

    Lesson 00, "Play"."""
    require_images(images)

    def draw(digit, sigma, seed):
        return compare(to_float(images[digit : digit + 1]), GaussianNoise(sigma, clip=True), seed, denoisers)

    digit = slider(0, 0, len(images) - 1, 1)
    return play(draw, digit=digit, sigma=slider(0.5, 0.0, 1.5), seed=slider(0, 0, 20, 1))


def explore_network(model: nn.Module, image: Tensor) -> Panel:
    """Layer by layer: what it makes of one image, its shape and parameters, and what its middle value can see.

    model: a network for images like ``image``, ``[1, 1, 28, 28]`` uint8 or float in [0, 1]. Layers whose answer is no
    picture (a linear layer's) are left out. Each feature map is shown from its smallest value, black, to its largest, white.

    Lesson 03b, "Play"."""
    require_images(image)
    image = to_float(image[:1])
    shape, device = tuple(image.shape[1:]), device_of(model)
    rows = layer_table(model, shape)
    with torch.no_grad(), eval_mode(model), layer_calls(model) as calls:
        model(image.to(device, copy=True))
    answers = [call.answer.cpu() for call in calls]
    layers = {f"{i}: {row.name}, {row.kind}": i for i, (row, _) in enumerate(zip(rows, calls)) if len(row.shape) == 3}

    def draw(layer):
        row, maps = rows[layers[layer]], answers[layers[layer]].transpose(0, 1)
        low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
        seen = receptive_field(_UpTo(model, layers[layer]), image_shape=shape).float()
        size = " × ".join(map(str, row.shape))
        return {
            f"what its middle value can see: {int(seen.sum())} of {seen.numel()} pixels": tint(image, seen),
            f"feature maps\n{size} numbers, {row.parameters:,} parameters": (maps - low) / (high - low).clamp_min(1e-6),
        }

    if not layers:
        raise ValueError(f"no layer of {type(model).__name__} answers with pictures: there is nothing to show")
    return play(draw, layer=menu(list(layers), min(1, len(layers) - 1)))


class _UpTo(nn.Module):
    """A network that answers with what one of its layers does: the one that ``layer_table`` lists at ``index``."""

    def __init__(self, model: nn.Module, index: int):
        super().__init__()
        self.model, self.index = model, index

    def forward(self, images: Tensor) -> Tensor:
        with layer_calls(self.model) as calls:
            self.model(images)
        return calls[self.index].answer


def walk_bottleneck(model: nn.Module, images: Tensor) -> Panel:
    """From one digit to another, through the bottleneck: mix their codes, and decode the mixture.

    model: with ``encode`` and ``decode``, such as ``ConvDenoiser``. images: ``[N, 1, H, W]``, N at least 2.
    Raises ``TypeError`` for a network without a bottleneck.

    Lesson 03b, "The space of codes"."""
    require_images(images)
    if not (hasattr(model, "encode") and hasattr(model, "decode")):
        raise TypeError(f"{type(model).__name__} has no encode and decode: take a network such as du.ConvDenoiser()")
    if len(images) < 2:
        raise ValueError("a walk needs at least two images")
    clean = to_float(images).to(device_of(model))

    @torch.no_grad()
    def draw(start, end, share):
        first, last = clean[[start]], clean[[end]]
        with eval_mode(model):
            code, other = model.encode(first), model.encode(last)
            *path, here = (model.decode(code + part * (other - code)) for part in (*(i / 8 for i in range(9)), share))
        return {
            "start": first,
            "end": last,
            f"mixed code, {share:.0%}": here,
            f"mixed pixels, {share:.0%}": first + share * (last - first),
            "the whole walk, in nine steps": torch.cat(path),
        }

    last = len(images) - 1
    return play(draw, start=slider(0, 0, last, 1), end=slider(1, 0, last, 1), share=slider(0.5, 0.0, 1.0))


# ---- what several panels show ----


@torch.no_grad()
def compare(clean: Tensor, noise: Noise, seed: int, denoisers: Mapping, reader: nn.Module | None = None) -> Pictures:
    """Clean, noisy and denoised: each with its MSE and PSNR, each denoiser with an error map. reader: from
    ``train_reader``; then with what it reads, too."""
    noisy = make_noisy(noise, clean, torch.Generator().manual_seed(seed))
    answers = {name: answer(denoiser, noisy) for name, denoiser in denoisers.items()}
    pictures = {"clean": clean, f"noisy: {noise!r}": noisy, **answers}
    captions = {name: _measured(picture, clean) if name != "clean" else "" for name, picture in pictures.items()}
    if reader is not None:
        for name, picture in pictures.items():
            read, sure = read_digits(reader, picture.clamp(0, 1))
            captions[name] += f"\nreads {read.item()}, {sure.item():.0%} sure"
    shown = {}
    for name, picture in pictures.items():
        shown[f"{name}\n{captions[name].strip()}".strip()] = picture
        if name in answers:
            shown[f"error of {name}"] = signed(picture - clean)
    return shown


@torch.no_grad()
def answer(denoiser: Denoiser, noisy: Tensor) -> Tensor:
    """What the denoiser, wherever it lives, makes of the noisy pictures: on the CPU, in [0, 1]."""
    return denoise(denoiser, noisy.to(device_of(denoiser), copy=True), noisy.shape)


def _measured(picture: Tensor, clean: Tensor) -> str:
    error, decibels = mse(picture, clean).item(), psnr(picture, clean).item()
    return f"MSE {error:.4f}, PSNR {decibels:.1f}\N{NO-BREAK SPACE}dB" if error else "MSE 0, PSNR ∞"
