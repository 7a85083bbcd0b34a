"""The corruptions of lesson 02a. One contract for all that stand in ``noise.KINDS``: a new one needs no line for it.
Below it each has a test of its own, of what its formula promises."""

import math
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

import denoise_utils as du
from denoise_utils import noise as corruptions
from denoise_utils.noise import KINDS

LESSON = Path(__file__).parents[1] / "notebooks" / "02a_noise.ipynb"
CLASSES = list(dict.fromkeys(type(make(0.5)) for make in KINDS.values()))
CLIPPED = [kind() for kind in CLASSES if hasattr(kind, "clip")]
OPEN = [type(noise)(clip=False) for noise in CLIPPED]
OTHERS = [kind() for kind in CLASSES if not hasattr(kind, "clip")]
ALL = [*CLIPPED, *OPEN, *OTHERS]
TRIAL = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
RANDOM = [
    noise for noise in ALL if not torch.equal(*(noise(TRIAL, torch.Generator().manual_seed(seed)) for seed in (0, 1)))
]
NUMBERS = [(kind, field.name) for kind in CLASSES for field in fields(kind) if field.type is not bool]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def grey(value, count=100, dtype=torch.float32):
    return torch.full((count, 1, 28, 28), value, dtype=dtype)


# ---- one contract for all ----


@pytest.mark.parametrize("noise", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_contract(clean, noise, dtype):
    images = clean.to(dtype)
    before = images.clone()
    noisy = noise(images, seeded())
    assert noisy.shape == images.shape and noisy.dtype == dtype and noisy.device == images.device
    assert torch.equal(images, before)
    assert not torch.equal(noisy, images)
    assert torch.equal(noise(images, seeded()), noisy), "drawn from elsewhere than from the generator"
    noise(images)  # a generator is not a must


@pytest.mark.parametrize("noise", [noise for noise in ALL if noise not in RANDOM], ids=repr)
def test_without_chance_each_picture_is_spoiled_alike_wherever_it_stands(clean, noise):
    """Else it has a seed of its own, and each epoch the same noise."""
    assert torch.equal(noise(clean.flip(0)).flip(0), noise(clean))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("noise", ALL, ids=repr)
def test_half_precision_is_single_precision_rounded(clean, noise, dtype):
    half = clean.to(dtype)
    if isinstance(noise, du.PoissonNoise):
        noise = du.PoissonNoise(1000, clip=noise.clip)
    one, other = (noise(pictures, seeded()) for pictures in (half, half.float()))
    assert one.dtype == dtype and torch.equal(one, other.to(dtype))


def test_what_is_public_is_registered():
    apart = {kind.__name__ for kind in CLASSES} ^ set(corruptions.__all__)
    assert not apart, f"in one of noise.KINDS and noise.__all__, and not in the other: {apart}"


@pytest.mark.parametrize("kind", CLASSES)
def test_each_has_its_place_in_lesson_02a(kind):
    """In the table of words and where each is measured, or, Gaussian noise, all over the lesson."""
    notebook = nbformat.read(LESSON, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if kind is du.GaussianNoise:
        assert sum(f"du.{kind.__name__}(" in cell.source for cell in cells) >= 3
        return
    table = next(cell.source for cell in cells if "corruptions = {" in cell.source)
    names = re.findall(rf'"(.+)": du\.{kind.__name__}\(', table)
    assert len(names) == 1, f"in lesson 02a, corruptions = {{...}} should have one line for du.{kind.__name__}"
    (name,) = names
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.search(rf"^\| \**{name}\** \| .+ \| .+ \|$", words, flags=re.M), f"a line of words for {name}"
    printed = "\n".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert re.search(rf"^{name} *: MSE \d.* → blur \d.*, median \d", printed, flags=re.M), "make refresh LESSON=02a"


@pytest.mark.parametrize("kind", CLASSES)
def test_each_has_a_test_of_its_own(kind):
    """Of what its formula promises: below, in "the statistics of each"."""
    below = Path(__file__).read_text(encoding="utf-8").partition("# ---- the statistics of " + "each ----")[2]
    assert f"du.{kind.__name__}(" in below


@pytest.mark.parametrize("name", KINDS)
def test_strength(clean, name):
    """From 0, nearly nothing, to 1; more of it spoils more."""
    errors = []
    for strength in (0.0, 0.05, 0.3, 1.0):
        noisy = KINDS[name](strength)(clean, seeded())
        assert noisy.shape == clean.shape and noisy.isfinite().all()
        errors.append(du.mse(noisy, clean).mean().item())
    assert errors[0] < 1e-3 and errors == sorted(errors) and errors[-1] > 0.005


@pytest.mark.parametrize("noise", ALL, ids=repr)
def test_a_corruption_is_frozen_and_prints_as_it_was_made(noise):
    names = {kind.__name__: kind for kind in CLASSES}
    assert eval(repr(noise), names) == noise and hash(eval(repr(noise), names)) == hash(noise)
    for field in fields(noise):
        with pytest.raises(FrozenInstanceError):
            setattr(noise, field.name, getattr(noise, field.name))


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_numbers_of_numpy_and_torch_become_plain(kind, name):
    value = getattr(kind(), name)
    for same in (np.array(value)[()], np.array([value]), torch.tensor(value)):
        made = kind(**{name: same})
        assert type(getattr(made, name)) is type(value) and getattr(made, name) == pytest.approx(value)


@pytest.mark.parametrize("noise", ALL, ids=repr)
def test_a_wrong_generator(clean, noise):
    if noise not in RANDOM:
        assert torch.equal(noise(clean, 42), noise(clean))  # not used
        return
    for generator in (42, np.random.default_rng(0)):
        with pytest.raises(TypeError, match="torch generator"):
            noise(clean, generator)


@pytest.mark.parametrize("noise", [*CLIPPED, *OTHERS], ids=repr)
def test_result_is_an_image(clean, noise):
    noisy = noise(clean, seeded())
    assert noisy.min() >= 0 and noisy.max() <= 1


@pytest.mark.parametrize("noise", OPEN, ids=repr)
def test_without_clip_values_leave_the_range(clean, noise):
    noisy = noise(clean, seeded())
    assert noisy.max() > 1
    assert noisy.min() < 0 or isinstance(noise, du.PoissonNoise)  # a count is never negative


@pytest.mark.parametrize("noise", CLIPPED, ids=repr)
def test_clip_only_cuts(clean, noise):
    unclipped = OPEN[CLIPPED.index(noise)]
    assert torch.equal(noise(clean, seeded()), unclipped(clean, seeded()).clamp(0, 1))


@pytest.mark.parametrize("noise", RANDOM, ids=repr)
def test_images_of_a_batch_get_noise_of_their_own(noise):
    noisy = noise(grey(0.5, count=3), seeded())
    assert not torch.equal(noisy[0], noisy[1]) and not torch.equal(noisy[1], noisy[2])


@pytest.mark.parametrize("noise", ALL, ids=repr)
def test_strided_images(clean, noise):
    turned = clean.transpose(2, 3)
    assert torch.equal(noise(turned, seeded()), noise(turned.contiguous(), seeded()))


# ---- the statistics of each ----


@pytest.mark.parametrize("sigma", [0.1, 0.5])
def test_gaussian_mean_and_spread(sigma):
    added = du.GaussianNoise(sigma, clip=False)(grey(0.25), seeded()) - 0.25
    assert added.mean().item() == pytest.approx(0, abs=0.01 * sigma)
    assert added.std().item() == pytest.approx(sigma, rel=0.01)
    assert (added.abs() > 2 * sigma).float().mean().item() == pytest.approx(0.0455, abs=0.003)  # a normal's tails


def test_gaussian_without_sigma_changes_nothing(clean):
    assert torch.equal(du.GaussianNoise(0)(clean, seeded()), clean)


def test_clipping_biases():
    # E[clip(s n, 0, 1)] for n ~ N(0, 1) and s = 0.5, from the normal density and distribution at 2
    density, above = math.exp(-2) / math.sqrt(2 * math.pi), 0.5 * math.erfc(2 / math.sqrt(2))
    bias = 0.5 * (1 / math.sqrt(2 * math.pi) - density) + above
    assert bias == pytest.approx(0.195, abs=0.001)
    assert du.GaussianNoise(0.5)(grey(0.0), seeded()).mean().item() == pytest.approx(bias, abs=0.003)
    assert du.GaussianNoise(0.5)(grey(1.0), seeded()).mean().item() == pytest.approx(1 - bias, abs=0.003)


def test_speckle_grows_with_the_brightness():
    noise = du.SpeckleNoise(0.2, clip=False)
    assert torch.equal(noise(grey(0.0), seeded()), grey(0.0))
    assert noise(grey(0.25), seeded()).std().item() == pytest.approx(0.05, rel=0.02)
    assert noise(grey(1.0), seeded()).std().item() == pytest.approx(0.2, rel=0.02)
    assert noise(grey(1.0), seeded()).mean().item() == pytest.approx(1, abs=0.003)


def test_poisson_counts():
    noisy = du.PoissonNoise(20, clip=False)(grey(0.5), seeded())
    assert noisy.mean().item() == pytest.approx(0.5, abs=0.003)
    assert noisy.var().item() == pytest.approx(0.5 / 20, rel=0.03)
    assert torch.equal((noisy * 20).round() / 20, noisy)
    assert torch.equal(du.PoissonNoise()(grey(0.0), seeded()), grey(0.0))


def test_salt_and_pepper_shares():
    noisy = du.SaltAndPepper(0.3)(grey(0.5), seeded())
    shares = [(noisy == value).float().mean().item() for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.15, 0.70, 0.15], abs=0.006)
    assert sum(shares) == pytest.approx(1)


def test_masking_share():
    noisy = du.Masking(0.3)(grey(0.5), seeded())
    shares = [(noisy == value).float().mean().item() for value in (0.0, 0.5)]
    assert shares == pytest.approx([0.3, 0.7], abs=0.006)
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("kind", [du.SaltAndPepper, du.Masking])
def test_amount_zero_and_one(clean, kind):
    assert torch.equal(kind(0)(clean, seeded()), clean)
    assert not (kind(1)(grey(0.5), seeded()) == 0.5).any()


@pytest.mark.parametrize("size", [1, 10, 28])
def test_occlusion_hides_one_square(size):
    hidden = du.Occlusion(size)(grey(1.0, count=1000), seeded()) == 0
    assert (hidden.sum(dim=(1, 2, 3)) == size**2).all()
    assert (hidden.any(dim=3).sum(dim=2) == size).all() and (hidden.any(dim=2).sum(dim=2) == size).all()
    for side in (2, 3):  # every place is possible, along both sides
        first = hidden.any(dim=5 - side).float().argmax(dim=2).flatten()
        assert sorted(set(first.tolist())) == list(range(28 - size + 1))


def test_blur_spreads_a_point_as_a_gaussian_does():
    point = torch.zeros(1, 1, 29, 29)
    point[..., 14, 14] = 1
    blurred = du.Blur(1.5)(point)[0, 0]
    places = torch.arange(29) - 14.0
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    assert (blurred.sum(dim=0) * places**2).sum().item() == pytest.approx(1.5**2, rel=0.05)
    assert torch.allclose(blurred, blurred.T, atol=1e-7)
    assert torch.allclose(du.Blur()(grey(0.3, 1)), grey(0.3, 1), atol=1e-6)


# ---- wrong input ----

WRONG_IMAGES = [
    (torch.zeros(1, 1, 28, 28, dtype=torch.uint8), TypeError, "uint8.*to_float"),
    (torch.zeros(1, 1, 28, 28, dtype=torch.bool), TypeError, "bool"),
    (np.zeros((1, 1, 28, 28)), TypeError, "ndarray"),
    ([0.0, 1.0], TypeError, "list"),
    (torch.full((1, 1, 28, 28), float("nan")), ValueError, "nan"),
    (torch.full((1, 1, 28, 28), 1.5), ValueError, "1.5"),
    (torch.full((1, 1, 28, 28), -0.25), ValueError, "-0.25"),
    (torch.zeros(0, 1, 28, 28), ValueError, r"empty.*\(0, 1, 28, 28\)"),
]


@pytest.mark.parametrize("noise", ALL, ids=repr)
@pytest.mark.parametrize(("images", "error", "phrase"), WRONG_IMAGES, ids=[phrase for *_, phrase in WRONG_IMAGES])
def test_wrong_images(noise, images, error, phrase):
    with pytest.raises(error, match=f"clean .*{phrase}"):
        noise(images)


@pytest.mark.parametrize(
    "value", [-1, "a", None, float("nan"), float("inf"), True, [0.5], torch.tensor([0.5, 0.6])], ids=repr
)
@pytest.mark.parametrize(("kind", "name"), NUMBERS)
def test_wrong_numbers(kind, name, value):
    with pytest.raises(ValueError) as caught:
        kind(**{name: value})
    assert f"{name} is {value!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (du.SaltAndPepper, 1.5),
        (du.Masking, 30),
        (du.PoissonNoise, 0),
        (du.Occlusion, 0),
        (du.Occlusion, 2.5),
        (du.Blur, 0),
    ],
)
def test_numbers_out_of_range(kind, value):
    with pytest.raises(ValueError, match=f" is {value}"):
        kind(value)


@pytest.mark.parametrize("shape", [(28, 28), (1, 1, 9, 28), (1, 1, 28, 9)])
def test_occlusion_needs_room(shape):
    with pytest.raises(ValueError) as caught:
        du.Occlusion(10)(torch.zeros(shape))
    assert str(list(shape)) in str(caught.value) and "at least 10" in str(caught.value)
