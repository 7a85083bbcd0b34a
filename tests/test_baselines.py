"""The denoisers that are no networks: lessons 02a, 02b and 05. One contract for all that stand in ``baselines.FILTERS`` and
``FITTED``: a new one needs no line for it. Below it each is compared with SciPy, scikit-image or NumPy."""

import inspect
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from scipy import ndimage
from test_noise import seeded

import denoise_utils as du
from denoise_utils import baselines
from denoise_utils.baselines import FILTERS, FITTED

LESSON = Path(__file__).parents[1] / "notebooks" / "05_evaluation.ipynb"
NOISE = du.GaussianNoise(0.5)


def nothing(noisy):
    return noisy


def fitted(kind, images, **options):
    return kind(images, NOISE, **options) if "noise" in inspect.signature(kind).parameters else kind(images, **options)


@pytest.fixture(scope="module")
def every_denoiser(digits):
    return [*(make() for make in FILTERS), *(fitted(kind, digits.train.images[:1000]) for kind in FITTED)]


# ---- one contract for all ----


def test_contract(clean, every_denoiser):
    for denoiser in every_denoiser:
        for noise in (NOISE, du.GaussianNoise(0.5, clip=False)):
            noisy = noise(clean[:8], seeded())
            before = noisy.clone()
            denoised = denoiser(noisy)
            assert denoised.shape == noisy.shape and denoised.dtype == noisy.dtype, denoiser
            assert denoised.isfinite().all() and denoised.abs().max() < 5, denoiser
            assert torch.equal(noisy, before) and not torch.equal(denoised, noisy), denoiser
            assert torch.equal(denoiser(noisy), denoised), denoiser
            assert torch.allclose(denoiser(noisy[2:3]), denoised[2:3], atol=1e-5), denoiser  # each picture for itself
            assert denoiser(noisy.double()).dtype == torch.float64, denoiser


def test_what_is_public_is_registered():
    assert {make.__name__ for make in (*FILTERS, *FITTED)} == set(baselines.__all__)


@pytest.mark.parametrize("make", [*FILTERS, *FITTED])
def test_each_is_measured_in_lesson_05(make):
    """It stands in the ladder, and the ladder's output says what it reached."""
    cells = [cell for cell in nbformat.read(LESSON, as_version=4).cells if cell.cell_type == "code"]
    (ladder,) = [cell for cell in cells if "denoisers = {" in cell.source and "ladder = {" in cell.source]
    (name,) = re.findall(rf'"(.+)": du\.{make.__name__}\(', ladder.source)
    printed = "\n".join(output.get("text", "") for output in ladder.outputs)
    assert re.search(rf"^{re.escape(name)} *: MSE \d", printed, flags=re.M), "make refresh"


@pytest.mark.parametrize("make", FILTERS)
def test_a_filter_prints_as_it_was_made(make):
    names = {made.__name__: made for made in FILTERS}
    parameters = inspect.signature(make).parameters
    for denoiser in (make(), make(**{next(iter(parameters)): 7})):
        assert eval(repr(denoiser), names) == denoiser and all(f"{name}=" in repr(denoiser) for name in parameters)
    assert make() != make(7)


@pytest.mark.parametrize("kind", FITTED)
def test_what_was_fitted_says_to_what(digits, kind):
    found = repr(fitted(kind, digits.train.images[:70]))
    assert found.startswith(f"{kind.__name__}(70 images")
    for name, parameter in inspect.signature(kind).parameters.items():
        if name not in ("images", "noise"):
            assert f", {name}={parameter.default}" in found
    assert "noise" not in inspect.signature(kind).parameters or f", {NOISE}" in found


def test_a_noise_that_is_a_function_is_named(digits):
    def stripes(clean, generator=None):
        return clean * 0.5

    assert "(70 images, stripes, ridge=3, copies=2, seed=1)" in repr(
        du.LinearDenoiser(digits.train.images[:70], stripes, ridge=3, copies=2, seed=1)
    )


@pytest.mark.parametrize("make", FILTERS)
@pytest.mark.parametrize("wrong", [-1, "a", math.nan, [1], True], ids=repr)
def test_filters_refuse_numbers(make, wrong):
    for name in inspect.signature(make).parameters:
        with pytest.raises(ValueError, match=rf"{name} is {re.escape(repr(wrong))}"):
            make(**{name: wrong})


@pytest.mark.parametrize("make", [*FILTERS, *FITTED])
def test_pictures_are_grey_and_float(digits, images, make):
    denoiser = make() if make in FILTERS else fitted(make, digits.train.images[:70])
    with pytest.raises(TypeError, match=r"torch\.uint8.*to_float"):
        denoiser(images)
    with pytest.raises(TypeError, match="ndarray"):
        denoiser(np.zeros((2, 1, 28, 28)))
    with pytest.raises(ValueError, match=r"is \[2, 3, 28, 28\]: it should be grey"):
        denoiser(torch.zeros(2, 3, 28, 28))
    if make in FITTED:
        with pytest.raises(ValueError, match=r"is \[2, 1, 32, 32\]: this denoiser was fitted to \[N, 1, 28, 28\]"):
            denoiser(torch.zeros(2, 1, 32, 32))


# ---- each ----


@pytest.mark.parametrize("size", [3, 5])
def test_median_filter_is_scipys(clean, size):
    noisy = NOISE(clean, seeded())
    expected = np.stack([ndimage.median_filter(image, size=size) for image in noisy[:, 0].numpy()])
    inner = slice(size // 2, 28 - size // 2)
    assert np.array_equal(du.median_filter(size)(noisy)[:, 0, inner, inner].numpy(), expected[:, inner, inner])
    assert du.median_filter(size)(noisy).shape == noisy.shape


@pytest.mark.parametrize("size", [0, 2, -1, 2.5, "a"])
def test_median_filter_refuses(size):
    with pytest.raises(ValueError, match=f"size is {size!r}"):
        du.median_filter(size)


@pytest.mark.parametrize("width", [0.7, 1.0, 1.5, 2.0])
def test_gaussian_blur_is_scipys(clean, width):
    options = {"sigma": width, "mode": "nearest", "truncate": 3}
    expected = np.stack([ndimage.gaussian_filter(image, **options) for image in clean[:, 0].double().numpy()])
    assert np.abs(du.gaussian_blur(width)(clean)[:, 0].numpy() - expected).max() < 1e-5
    assert torch.equal(du.Blur(width)(clean), du.gaussian_blur(width)(clean))


@pytest.mark.parametrize("width", [0, -1, "a"])
def test_gaussian_blur_refuses(width):
    with pytest.raises(ValueError, match=f"width is {width!r}"):
        du.gaussian_blur(width)


def test_mean_image(digits, images):
    denoiser = du.MeanImage(digits.train.images)
    expected = digits.train.images.double().mean(dim=0) / 255
    answer = denoiser(torch.rand(3, 1, 28, 28))
    assert answer.shape == (3, 1, 28, 28)
    assert all((image - expected).abs().max() < 1e-5 for image in answer)
    assert du.evaluate(denoiser, images, NOISE).mse < du.evaluate(torch.zeros_like, images, NOISE).mse


def test_pca_with_all_components_changes_nothing(digits, clean):
    denoiser = du.PCADenoiser(digits.train.images[:1000], components=784)
    assert (denoiser(clean) - clean).abs().max() < 1e-4


def test_pca_keeps_the_first_components(digits, clean):
    train = digits.train.images[:1000]
    pixels = du.to_float(train).flatten(1).double()
    mean = pixels.mean(dim=0)
    directions = torch.linalg.svd(pixels - mean, full_matrices=False).Vh[:10]
    noisy = NOISE(clean, seeded())
    expected = (noisy.flatten(1).double() - mean) @ directions.T @ directions + mean
    assert (du.PCADenoiser(train, components=10)(noisy).flatten(1) - expected).abs().max() < 1e-3


@pytest.mark.parametrize("components", [0, -1, 785, 2.5])
def test_pca_refuses(digits, components):
    with pytest.raises(ValueError, match=f"components is {components}: it should be"):
        du.PCADenoiser(digits.train.images[:1000], components)


@pytest.mark.parametrize("copies", [1, 2])
def test_linear_denoiser_is_numpys_least_squares(digits, clean, copies):
    middle, ridge = (..., slice(7, 21), slice(7, 21)), 20.0
    train = digits.train.images[:300][middle]  # 196 pixels an image
    target, generator = du.to_float(train), du.stream(5, "closed form")
    x = torch.cat([NOISE(target, generator) for _ in range(copies)]).flatten(1).double().numpy()
    y = target.repeat(copies, 1, 1, 1).flatten(1).double().numpy()
    augmented = np.vstack([x - x.mean(axis=0), math.sqrt(ridge) * np.eye(196)])
    weight = np.linalg.lstsq(augmented, np.vstack([y - y.mean(axis=0), np.zeros((196, 196))]), rcond=None)[0]
    denoiser = du.LinearDenoiser(train, NOISE, ridge=ridge, copies=copies, seed=5)
    assert np.abs(denoiser.weight.numpy() - weight).max() < 1e-4
    noisy = NOISE(clean[middle], seeded(1))
    expected = (noisy.flatten(1).double().numpy() - x.mean(axis=0)) @ weight + y.mean(axis=0)
    assert np.abs(denoiser(noisy).flatten(1).numpy() - expected).max() < 1e-3
    assert denoiser(noisy).shape == noisy.shape


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"ridge": 0}, "ridge is 0"),
        ({"ridge": -1}, "ridge is -1"),
        ({"ridge": math.nan}, "ridge is nan"),
        ({"ridge": "a"}, "ridge is 'a'"),
        ({"copies": 0}, "copies is 0"),
        ({"copies": 1.5}, "copies is 1.5"),
    ],
)
def test_linear_denoiser_refuses(images, options, phrase):
    with pytest.raises(ValueError, match=phrase):
        du.LinearDenoiser(images, NOISE, **options)


def test_one_matrix_beats_the_tutorials_network(digits):
    denoiser = du.LinearDenoiser(digits.train.images, NOISE)
    assert 0.018 < du.evaluate(denoiser, digits.test.images, NOISE).mse < 0.0241


@pytest.mark.parametrize("kind", [du.MeanImage, du.PCADenoiser, lambda images: du.LinearDenoiser(images, NOISE)])
@pytest.mark.parametrize("wrong", [torch.zeros(2, 28, 28), torch.zeros(0, 1, 28, 28, dtype=torch.uint8)])
def test_fitted_baselines_refuse_images(kind, wrong):
    with pytest.raises(ValueError, match="images is"):
        kind(wrong)


@pytest.mark.parametrize(
    "denoiser",
    [*(make() for make in FILTERS if make is not du.non_local_means), du.wavelet(0.5), du.non_local_means(0.4)],
    ids=repr,
)
def test_classical_filters_help(images, denoiser):
    noise = du.GaussianNoise(0.5, clip=False)
    assert du.evaluate(denoiser, images[:20], noise).mse < 0.8 * du.evaluate(nothing, images[:20], noise).mse
    noisy, _ = du.fixed_noise(images[:20], noise)
    assert denoiser(noisy).shape == noisy.shape and denoiser(noisy).dtype == noisy.dtype
