"""Lesson 05: the figures are scikit-image's, and the judge is fair."""

import math

import numpy as np
import pytest
import torch
from skimage import metrics
from test_noise import seeded
from torch import nn

import denoise_utils as du
from denoise_utils.reader import DigitReader

NOISE = du.GaussianNoise(0.5)


def ramp(count=3):
    return torch.linspace(0, 1, 28).expand(count, 1, 28, 28).contiguous()


# ---- metrics ----

PAIRS = {
    "digits": lambda clean: (NOISE(clean, seeded()), clean),
    "blurred digits": lambda clean: (du.Blur()(clean), clean),
    "noise": lambda clean: (torch.rand(5, 1, 28, 28), torch.rand(5, 1, 28, 28)),
    "black and white": lambda clean: (torch.zeros(2, 1, 28, 28), torch.ones(2, 1, 28, 28)),
    "almost the same": lambda clean: (ramp() * 0.999, ramp()),
    "out of range": lambda clean: (du.GaussianNoise(0.5, clip=False)(clean, seeded()), clean),
    "smallest": lambda clean: (torch.rand(2, 1, 11, 11), torch.rand(2, 1, 11, 11)),
    "no square": lambda clean: (torch.rand(2, 1, 40, 16), torch.rand(2, 1, 40, 16)),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_metrics_are_those_of_scikit_image(clean, kind):
    denoised, target = PAIRS[kind](clean)
    pairs = list(zip(target[:, 0].numpy().astype(np.float64), denoised[:, 0].numpy().astype(np.float64)))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    assert du.mse(denoised, target).tolist() == pytest.approx([metrics.mean_squared_error(*p) for p in pairs], abs=1e-5)
    assert du.psnr(denoised, target).tolist() == pytest.approx(
        [metrics.peak_signal_noise_ratio(*p, data_range=1) for p in pairs], abs=1e-5
    )
    assert du.ssim(denoised, target).tolist() == pytest.approx(
        [metrics.structural_similarity(*p, **options) for p in pairs], abs=1e-5
    )


def test_perfect_image(clean):
    assert du.mse(clean, clean).tolist() == [0] * 40
    assert du.psnr(clean, clean).tolist() == [math.inf] * 40
    assert du.ssim(clean, clean).tolist() == pytest.approx([1] * 40, abs=1e-6)


def test_figures_by_hand():
    clean = torch.zeros(3, 1, 28, 28)
    denoised = torch.stack([torch.full((1, 28, 28), value) for value in (1.0, 0.1, 0.5)])
    assert du.mse(denoised, clean).tolist() == pytest.approx([1, 0.01, 0.25])
    assert du.psnr(denoised, clean).tolist() == pytest.approx([0, 20, 6.0206], abs=1e-4)


@pytest.mark.parametrize("metric", [du.mse, du.psnr, du.ssim])
@pytest.mark.parametrize(
    ("denoised", "error", "phrase"),
    [
        (torch.zeros(2, 1, 28, 28, dtype=torch.uint8), TypeError, "denoised is torch.uint8"),
        (np.zeros((2, 1, 28, 28)), TypeError, "denoised is ndarray"),
        (0.5, TypeError, "denoised is float"),
        (torch.zeros(1, 1, 28, 28), ValueError, r"\[1, 1, 28, 28\].*\[2, 1, 28, 28\]"),
        (torch.zeros(2, 28, 28), ValueError, r"\[2, 28, 28\]"),
        (torch.full((2, 1, 28, 28), math.nan), ValueError, "denoised holds NaN"),
        (torch.full((2, 1, 28, 28), math.inf), ValueError, "denoised holds NaN or infinity"),
    ],
)
def test_metrics_refuse(metric, denoised, error, phrase):
    with pytest.raises(error, match=phrase):
        metric(denoised, torch.zeros(2, 1, 28, 28))


def test_metrics_refuse_wrong_targets():
    with pytest.raises(TypeError, match=r"clean is torch\.int64"):
        du.mse(torch.zeros(2, 1, 28, 28), torch.zeros(2, 1, 28, 28).long())
    with pytest.raises(ValueError, match=r"\[0, 1, 28, 28\]"):
        du.mse(torch.zeros(0, 1, 28, 28), torch.zeros(0, 1, 28, 28))
    with pytest.raises(ValueError, match=r"\[2, 1, 10, 28\].*at least 11"):
        du.ssim(torch.zeros(2, 1, 10, 28), torch.zeros(2, 1, 10, 28))


# ---- evaluate ----


def nothing(noisy):
    return noisy


def test_evaluate_is_the_mean_of_the_metrics(images):
    result = du.evaluate(nothing, images, NOISE)
    noisy, clean = du.fixed_noise(images, NOISE)
    assert torch.equal(clean, du.to_float(images)) and torch.equal(
        noisy, NOISE(clean, du.stream(0, "measuring", images))
    )
    for name in ("mse", "psnr", "ssim"):
        per_image = getattr(du, name)(noisy, clean)
        assert torch.equal(result.per_image[name], per_image)
        assert getattr(result, name) == pytest.approx(per_image.mean().item(), rel=1e-6)
    assert result.images == 40


def test_output_is_clamped_for_everybody(images):
    result = du.evaluate(lambda noisy: torch.full_like(noisy, 7.0), images, NOISE)
    assert result.mse == pytest.approx((1 - du.to_float(images)).square().mean().item(), rel=1e-6)
    assert du.evaluate(lambda noisy: noisy - 7, images, NOISE).mse == pytest.approx(
        du.to_float(images).square().mean().item()
    )


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize(
    "make", [lambda: nothing, du.TinyDenoiser, du.median_filter], ids=["nothing", "network", "median"]
)
def test_batch_size_does_not_matter(images, make, batch_size):
    denoiser = make()
    expected, found = du.evaluate(denoiser, images, NOISE), du.evaluate(denoiser, images, NOISE, batch_size=batch_size)
    assert found.mse == pytest.approx(expected.mse, abs=1e-7)
    assert found.ssim == pytest.approx(expected.ssim, abs=1e-7)
    assert found.psnr == pytest.approx(expected.psnr, abs=1e-5)


def test_seed_decides_the_noise(images):
    first, again, other = (du.evaluate(nothing, images, NOISE, seed=seed).mse for seed in (3, 3, 4))
    assert first == again != other


def test_first_images_get_the_same_noise_in_float_and_uint8(images):
    assert du.evaluate(nothing, images, NOISE).mse == du.evaluate(nothing, du.to_float(images), NOISE).mse


def test_interval_by_hand(images):
    result = du.evaluate(nothing, images, NOISE)
    for name in ("mse", "psnr", "ssim"):
        values = result.per_image[name].double().numpy()
        assert result.interval(name) == pytest.approx(1.96 * values.std(ddof=1) / math.sqrt(40), rel=1e-5)
    assert f"MSE {result.mse:.4f} ± {result.interval():.4f}" in str(result) and "dB" in str(result)


def test_one_image_has_no_interval_but_a_figure(images):
    result = du.evaluate(nothing, images[:1], NOISE)
    assert math.isnan(result.interval()) and f"{result.mse:.4f}" in str(result)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_the_network_alone(images, training):
    model = du.TinyDenoiser().train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    du.evaluate(model, images, NOISE)
    assert model.training is training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.Dropout2d(0.5), nn.BatchNorm2d(1)], ids=repr)
def test_layers_that_depend_on_the_mode(images, layer):
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), layer)
    with pytest.raises(ValueError, match=f"layer '1' \\({type(layer).__name__}\\).*model.eval"):
        du.evaluate(model.train(), images, NOISE)
    assert du.evaluate(model.eval(), images, NOISE).images == 40


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda noisy: noisy[:, 0], r"made \[40, 28, 28\] of \[40, 1, 28, 28\]"),
        (lambda noisy: noisy.mean(), r"made \[\] of"),
        (lambda noisy: noisy.numpy(), "made ndarray of"),
        (lambda noisy: None, "made NoneType of"),
        (lambda noisy: noisy * math.nan, "denoised holds NaN"),
    ],
)
def test_wrong_answers_of_a_denoiser(images, answer, phrase):
    with pytest.raises(ValueError, match=phrase):
        du.evaluate(answer, images, NOISE)


@pytest.mark.parametrize(
    ("wrong", "error", "phrase"),
    [
        (torch.zeros(2, 28, 28), ValueError, r"\[2, 28, 28\]"),
        (torch.full((2, 1, 28, 28), 255.0), ValueError, "255"),
        (torch.zeros(2, 1, 28, 28).long(), TypeError, "int64"),
        (np.zeros((2, 1, 28, 28)), TypeError, "ndarray"),
    ],
)
def test_evaluate_refuses_images(wrong, error, phrase):
    with pytest.raises(error, match=phrase):
        du.evaluate(nothing, wrong, NOISE)


def test_evaluate_refuses_options(images):
    with pytest.raises(ValueError, match="device 'quantum'"):
        du.evaluate(nothing, images, NOISE, device="quantum")
    with pytest.raises(ValueError, match="batch_size is 0"):
        du.evaluate(nothing, images, NOISE, batch_size=0)


# ---- the reader ----


@pytest.fixture(scope="module")
def reader(digits):
    return du.train_reader(digits.train.images, digits.train.labels)


def test_reader_reads(digits, reader):
    read, confidence = du.read_digits(reader, digits.test.images)
    assert read.dtype == torch.int64 and read.shape == confidence.shape == (500,)
    assert (read == digits.test.labels).float().mean() >= 0.95
    assert confidence.min() >= 0.1 and confidence.max() <= 1
    right = read == digits.test.labels
    assert confidence[right].mean() > confidence[~right].mean()


def test_reader_is_frozen(reader):
    assert not any(module.training for module in reader.modules())
    assert not any(parameter.requires_grad for parameter in reader.parameters())


def test_reader_takes_uint8_and_float(reader, images):
    (one, sure), (other, sure_too) = du.read_digits(reader, images), du.read_digits(reader, du.to_float(images))
    assert torch.equal(one, other) and torch.equal(sure, sure_too)


def test_reader_is_repeatable_and_leaves_chance_alone(digits):
    images, labels, chance = digits.train.images[:100], digits.train.labels[:100], torch.get_rng_state()
    one, again, other = (du.train_reader(images, labels, epochs=1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), chance)
    assert torch.equal(one.layers[0].weight, again.layers[0].weight)
    assert not torch.equal(one.layers[0].weight, other.layers[0].weight)


def test_reader_in_training_mode_is_refused(images):
    with pytest.raises(ValueError, match=r"layers\.5.*Dropout.*eval"):
        du.read_digits(DigitReader().train(), images)


def test_reader_refuses(digits, images):
    with pytest.raises(ValueError, match=r"\[40, 28, 28\]"):
        du.train_reader(images[:, 0], digits.test.labels[:40])
    with pytest.raises(ValueError, match="labels"):
        du.train_reader(images, digits.test.labels)
