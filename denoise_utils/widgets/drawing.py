"""Your own digit, drawn or photographed, becomes a picture such as MNIST's."""

__all__ = ["draw_a_digit"]

import base64
import io
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..data import to_float
from ..inputs import Denoiser, require_images
from ..noise import GaussianNoise
from .explorers import compare
from .panel import Panel, from_javascript, play, slider, upload
from .photos import read_photo


def draw_a_digit(denoisers: Mapping[str, Denoiser], images: Tensor, reader: nn.Module | None = None) -> Panel:
    """Your own digit: draw it with mouse, finger or keys, or take a photo of one; spoil it, denoise it, have it read.

    It is scaled and centred as MNIST's digits are (``centre_digit``). Until there is one, a digit of ``images`` stands in.
    denoisers: as for ``explore_denoisers``. reader: from ``train_reader``; it says what it reads in each picture.

    Lesson 05, "Play"."""
    require_images(images)

    def draw(drawing="", photo=(), sigma=0.5, seed=0):
        clean = to_float(images[:1])
        if drawing:
            clean = centre_digit(read_drawing(drawing))
        elif photo:  # ipywidgets 8 has a tuple of files, 7 a dictionary
            file = photo[0] if isinstance(photo, tuple) else next(iter(photo.values()))
            clean = centre_digit(read_photo(bytes(file["content"])))
        return compare(clean, GaussianNoise(sigma, clip=True), seed, denoisers, reader)

    photo, pad = upload("image/*", "a photo instead"), from_javascript("pad.js")
    controls = {"photo": photo, "sigma": slider(0.5, 0.0, 1.5), "seed": slider(0, 0, 20, 1)}
    if pad is not None:
        photo.observe(lambda _: setattr(pad, "value", ""), names="value")  # the later one counts
        controls = {"drawing": pad, **controls}
    return play(draw, **controls)


def centre_digit(ink: Tensor) -> Tensor:
    """Part of ``draw_a_digit``. Makes of any drawing what MNIST made of its scans.

    ink: float ``[H, W]`` in [0, 1], 0 where the paper is, 1 where the pen was. Returns float ``[1, 1, 28, 28]``: scaled
    so that the longer side is 20 pixels, and moved so that the centre of mass is the centre of the picture; all black if
    there is no ink. Raises ``TypeError`` or ``ValueError`` for another shape, dtype or range.
    Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database, "File formats".
    """
    if not isinstance(ink, Tensor) or not ink.is_floating_point() or ink.ndim != 2:
        raise TypeError("ink should be a float tensor [H, W], 0 for paper and 1 for ink")
    if ink.numel() and not (ink.min() >= 0 and ink.max() <= 1):
        raise ValueError(f"ink has values from {ink.min():.3g} to {ink.max():.3g}: they should be in [0, 1]")
    values = ink.detach().to("cpu", torch.float32).numpy()  # what follows asks for no device and no default dtype
    rows, columns = (np.flatnonzero((values > 0.1).any(axis=axis)) for axis in (1, 0))
    digit = np.zeros((1, 1, 28, 28), dtype=np.float32)
    if not len(rows):
        return torch.from_numpy(digit)
    cut = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = Image.fromarray(cut).resize((width, height), Image.Resampling.BOX if scale < 1 else Image.BILINEAR)
    small = np.array(small).clip(0, 1)
    mass = max(small.sum(), 1e-6)
    top, left = (
        round(14 - float((small.sum(axis=axis) * np.arange(length)).sum() / mass))
        for axis, length in ((1, height), (0, width))
    )
    top, left = min(max(top, 0), 28 - height), min(max(left, 0), 28 - width)  # a long tail must not leave the picture
    digit[0, 0, top : top + height, left : left + width] = small
    return torch.from_numpy(digit)


def read_drawing(address: str) -> Tensor:
    """The pad's ``value``, a PNG as a data address → ink, float ``[H, W]``."""
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])), formats=("PNG",))
    return torch.from_numpy(np.array(picture.convert("L"))).float() / 255
