"""Your own digit: a drawing or a photo becomes a picture such as MNIST's."""

import base64
import io
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

LARGEST = 400  # pixels; a photo is made this small first


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
    rows, columns = (np.flatnonzero((ink > 0.1).any(dim=axis).numpy()) for axis in (1, 0))
    digit = torch.zeros(1, 1, 28, 28)
    if not len(rows):
        return digit
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
    scale = 20 / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    small = Image.fromarray(cut.numpy()).resize((width, height), Image.Resampling.BOX if scale < 1 else Image.BILINEAR)
    small = torch.from_numpy(np.array(small)).clamp(0, 1)
    mass = small.sum().clamp_min(1e-6)
    top, left = (
        round(14 - ((small.sum(dim=axis) * torch.arange(length)).sum() / mass).item())
        for axis, length in ((1, height), (0, width))
    )
    top, left = min(max(top, 0), 28 - height), min(max(left, 0), 28 - width)  # a long tail must not leave the picture
    digit[0, 0, top : top + height, left : left + width] = small
    return digit


def read_drawing(address: str) -> Tensor:
    """The pad's ``value``, a PNG as a data address → ink, float ``[H, W]``."""
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
    return torch.from_numpy(np.array(picture.convert("L"))).float() / 255


def read_photo(data: bytes) -> Tensor:
    """A photo or scan of a digit → ink, float ``[H, W]`` in [0, 1].

    data: the bytes of an image file. Dark on light or light on dark; the light may be uneven. What differs from its
    surroundings by more than Otsu's threshold is ink. Raises ``ValueError`` if it is no picture, or nothing is on it.
    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1), 1979.
    """
    from skimage.filters import gaussian, threshold_otsu  # imported here because it takes half a second

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))  # phones store "turn me" beside the pixels
            picture.thumbnail((LARGEST, LARGEST))
            flat = Image.new("RGBA", picture.size, "white")  # what is transparent counts as paper
            flat.alpha_composite(picture.convert("RGBA"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError, Warning) as error:
        raise ValueError(f"this file is not a picture that can be read (PNG or JPEG would be): {error}") from error
    grey = np.array(flat.convert("L"), dtype=np.float32) / 255
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) < 0.5:
        grey = 1 - grey  # light on dark
    dark = gaussian(grey, sigma=max(grey.shape) / 6) - grey  # against the light around, which may be uneven
    if dark.max() < 0.1:
        raise ValueError("nothing is to be seen on this picture: take one with more contrast")
    threshold = max(threshold_otsu(dark), 0.3 * dark.max())
    ink = np.clip((dark - threshold) / (0.7 * (dark.max() - threshold)) + 0.5, 0, 1) * (dark > threshold)
    return torch.from_numpy(ink).float()
