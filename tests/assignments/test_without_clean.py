"""Assignment 09's choices by hidden pixels, beside scikit-image's, which puts other numbers in the place of a hidden pixel."""

import pytest
import torch

import denoise_utils as du
from denoise_assignments.without_clean import _filters


def nothing(noisy):
    return noisy + 0.0


MEDIANS = {f"median {size}": du.median_filter(size) for size in (7, 3, 5)} | {"nothing": nothing}
BLURS = {f"width {width}": du.gaussian_blur(width) for width in (0.6, 0.9, 1.2, 1.6, 2.2)}


def winner(filters, noisy):
    restoration = pytest.importorskip("skimage.restoration")
    losses = {}
    for name, one in filters.items():

        def of_numpy(image, one=one):
            return one(torch.from_numpy(image).float()[None, None])[0, 0].numpy()

        pairs = ((image, restoration.denoise_invariant(image, of_numpy, stride=3)) for image in noisy[:, 0].numpy())
        losses[name] = sum(((answer - image) ** 2).mean() for image, answer in pairs)
    return min(losses, key=losses.get)


@pytest.mark.parametrize(
    ("filters", "sigma", "wanted"),
    [(MEDIANS, 0.15, "median 3"), (MEDIANS, 1.0, "median 7"), (BLURS, 0.5, "width 1.2"), (_filters(), 0.6, "windows")],
)
def test_scikit_image_chooses_the_same(filters, sigma, wanted):
    images = du.load_digits("mnist5k").test.images[:60]
    noisy, _ = du.fixed_noise(images, du.GaussianNoise(sigma, clip=False))
    assert winner(filters, noisy) == wanted
