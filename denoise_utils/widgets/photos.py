"""The digit on a photo: any file, any paper, any light."""

import io
import warnings
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence
from torch import Tensor

LARGEST = 500  # a photo is shrunk first, to the area of a square of so many pixels
FRAMES = 50e6  # pixels; so much of an animation is looked at
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no other reader of Pillow's is tried on a stranger's file


def read_photo(data: bytes) -> Tensor:
    """A photo or scan of a digit → ink, float ``[H, W]`` in [0, 1].

    data: the bytes of an image file. Dark on light or light on dark; the light may be uneven, the sheet may lie on a
    desk, there may be dust and pale lines. What stands out from the paper by more than Otsu's threshold is ink; the
    heaviest group of strokes is the digit. Raises ``ValueError`` if it is no picture, or no digit is seen on it.
    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9(1), 1979.
    """
    grey = _read_grey(data)
    for sheet in _sheets(grey):
        contrast = _contrast(grey, sheet)
        if contrast.any() and not _is_hole(sheet, contrast):
            return torch.from_numpy(_ink(contrast))
    raise ValueError("nothing is to be seen on this picture: take one with more contrast")


def _read_grey(data: bytes) -> np.ndarray:
    """The bytes of an image file → how light it is, float32 ``[H, W]`` in [0, 1], upright and shrunk."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd and of large files
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if picture.format not in ("GIF", "PNG", "WEBP", "TIFF"):
                return _grey(picture)  # a phone's JPEG may hold a second picture, of depths
            most = max(1, int(FRAMES / (picture.width * picture.height)))
            frames = islice(ImageSequence.Iterator(picture), most)
            return max((_grey(frame) for frame in frames), key=np.std)  # the first one may be empty
    except Image.DecompressionBombError as error:
        raise ValueError("this picture has too many pixels: make it smaller first") from error
    except Exception as error:  # Pillow's readers raise almost anything when a file is damaged
        raise ValueError("this file is not a picture that can be read: save it (HEIC too) as PNG or JPEG") from error


def _grey(picture: Image.Image) -> np.ndarray:
    """One picture, whatever its mode → as ``_read_grey``."""
    scale = min(1, LARGEST / (picture.width * picture.height) ** 0.5)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    picture.draft("L", size)  # a JPEG can be decoded at a half of its size, or less
    deep = picture.mode[0] in "IF"  # a pixel has more than 8 bits
    clear = picture.mode[-1] in "Aa" or "transparency" in picture.info
    picture = picture.convert("F" if deep else "RGBA" if clear else "L").resize(size, Image.Resampling.BOX)
    picture = ImageOps.exif_transpose(picture)  # phones store "turn me" beside the pixels
    if deep:
        values = np.nan_to_num(np.array(picture)).clip(0)
        return values / 2 ** np.ceil(np.log2(max(values.max(), 1)))  # white is 1, 255, 4095 or 65535
    picture = picture.convert("RGBA")
    papers = [Image.new("RGBA", picture.size, paper) for paper in ("white", "black")]  # for what is transparent
    flat = [np.array(Image.alpha_composite(paper, picture).convert("L"), dtype=np.float32) / 255 for paper in papers]
    return max(flat, key=np.ptp)


def _sheets(grey: np.ndarray) -> Iterator[np.ndarray]:
    """Where a sheet of paper may lie, bool ``[H, W]``: the evenly light rectangles, smallest first; then everything."""
    from scipy import ndimage
    from skimage.filters import sobel
    from skimage.measure import label, regionprops

    thin = max(3, round(grey.size**0.5 / 20))
    calm = ndimage.grey_opening(ndimage.grey_closing(grey, thin), thin)  # without a pen's strokes, lines and dust
    areas = regionprops(label(sobel(ndimage.gaussian_filter(calm, 1)) < 0.04))
    for area in sorted(areas, key=lambda area: area.area):
        if area.area > 0.06 * grey.size and _is_sheet(area, full=0.65):
            sheet = np.zeros(grey.shape, dtype=bool)
            sheet[area.slice] = area.image_convex
            yield sheet
    yield np.ones(grey.shape, dtype=bool)


def _is_sheet(area, full: float) -> bool:
    """Is an area, one of scikit-image's ``regionprops``, a rectangle, turned or not, and ``full`` but for what is on it?

    No digit is: strokes leave more open, and a 1 is narrower.
    """
    points = area.coords[:: 1 + len(area.coords) // 2000]
    turns = (np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in np.linspace(0, np.pi / 2, 45))
    short, long = sorted(min((np.ptp(points @ turn, axis=0) + 1 for turn in turns), key=np.prod))
    rectangle = short > 0.35 * long and area.area_convex > 0.88 * short * long
    return rectangle and area.area > max(28 * 28, full * area.area_convex)


def _is_hole(sheet: np.ndarray, contrast: np.ndarray) -> bool:
    """Is this sheet the inside of a 0? Then the strong contrast lies along its rim."""
    from scipy import ndimage

    rim = sheet & ~ndimage.binary_erosion(sheet, iterations=2, border_value=1)
    return not sheet.all() and (contrast[rim] > 0.4 * contrast.max()).mean() > 0.02


def _contrast(grey: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """By how much each pixel differs from the paper around it, float32 ``[H, W]`` in [0, 1]; all 0 if it is but noise."""
    from scipy import ndimage

    wide = round(grey.size**0.5 / 2.5) + 1  # wider than any stroke
    grey = ndimage.gaussian_filter(grey, grey.size**0.5 / 500)  # against noise; a picture of 28 pixels stays as it is
    paper = np.median(grey[sheet & ~ndimage.binary_erosion(sheet)])
    if grey[sheet].max() - paper > paper - grey[sheet].min():
        grey = 1 - grey  # light on dark
    beyond = ndimage.distance_transform_edt(~np.pad(sheet, wide), return_distances=False, return_indices=True)
    spread = np.pad(grey, wide)[tuple(beyond)]  # the sheet's edge goes on beyond the sheet
    light = ndimage.grey_closing(spread, wide)  # what is narrower and dark is filled up
    contrast = ((light - spread) / light.clip(0.3))[wide:-wide, wide:-wide]
    noise = np.percentile(contrast[sheet], 25)
    contrast = (contrast - noise).clip(0) * sheet
    return contrast if contrast.max() > max(0.15, 2 * noise) else np.zeros_like(contrast)


def _ink(contrast: np.ndarray) -> np.ndarray:
    """The digit alone, float32 ``[H, W]`` in [0, 1], in strokes as wide as MNIST's."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu
    from skimage.measure import label, regionprops
    from skimage.morphology import disk

    strokes = contrast > max(threshold_otsu(contrast), 0.4 * contrast.max())
    parts, depth = label(strokes), ndimage.distance_transform_edt(strokes)  # how far a pixel is from its stroke's edge
    heaviest = parts == 1 + np.argmax(ndimage.sum_labels(contrast * depth, parts, np.arange(1, parts.max() + 1)))
    gap = max(np.ptp(np.nonzero(heaviest), axis=1)) / 8 + 1
    groups = label(ndimage.distance_transform_edt(~strokes) <= gap)  # a 5's bar may lie apart, by a quarter of its size
    digit = strokes & (groups == groups[heaviest][0])
    if _is_sheet(regionprops(digit.astype(int))[0], full=0.75):
        raise ValueError("this picture shows a rectangle, not a digit: let the sheet of paper fill the picture")
    ink = contrast * ndimage.binary_dilation(digit, np.ones((3, 3)))
    ink = (ink / np.percentile(contrast[digit], 90)).clip(0, 1)
    size = max(np.ptp(np.nonzero(digit), axis=1)) + 1
    width = 4 * depth[digit].mean() - 2  # in a bar the depth is a fourth of the width, on average
    return ndimage.grey_dilation(ink, footprint=disk(max(0, round((size / 10 - width) / 2))))
