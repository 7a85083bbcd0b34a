"""What lies behind a noisy picture, against what is known exactly: Gaussian priors, two templates, linear denoisers."""

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

import denoise_utils as du

FUNCTIONS = [du.score, du.pixel_variance, du.principal_direction]


def source(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def gaussian():
    """A Gaussian prior for pictures of 6x6, mean μ and covariance C, and what is known exactly for σ = 0.5."""
    sigma, pixels = 0.5, 36
    roots = torch.randn(pixels, pixels, generator=source(), dtype=torch.float64)
    vectors, _ = torch.linalg.qr(roots)
    values = torch.linspace(0.01, 0.3, pixels, dtype=torch.float64)
    values[-1] = 1.0  # one direction stands out
    prior = vectors @ torch.diag(values) @ vectors.T
    mean = torch.rand(pixels, generator=source(1), dtype=torch.float64)
    gain = prior @ torch.linalg.inv(prior + sigma**2 * torch.eye(pixels))

    class Known:
        pass

    known = Known()
    known.sigma, known.prior, known.mean, known.gain = sigma, prior, mean, gain
    known.posterior = prior - gain @ prior  # the covariance of what is possible, the same for every noisy picture
    known.denoise = lambda y: (mean + (y.flatten(1) - mean) @ gain.T).view(y.shape)
    known.noisy = torch.randn(4, 1, 6, 6, generator=source(2), dtype=torch.float64)
    return known


def test_the_score_is_the_slope_of_the_gaussian_density(gaussian):
    noisy = gaussian.noisy.clone().requires_grad_()
    covariance = gaussian.prior + gaussian.sigma**2 * torch.eye(36)
    density = torch.distributions.MultivariateNormal(gaussian.mean, covariance)
    (slope,) = torch.autograd.grad(density.log_prob(noisy.flatten(1)).sum(), noisy)
    assert torch.allclose(du.score(gaussian.denoise, gaussian.noisy, gaussian.sigma), slope)


def test_the_score_is_the_slope_of_the_mixture_of_templates():
    templates, noisy = torch.rand(5, 3, generator=source()).double(), torch.rand(20, 3, generator=source(1)).double()
    noisy.requires_grad_()
    one = torch.distributions.Independent(torch.distributions.Normal(templates, 0.3), 1)
    density = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(5).double()), one)
    (slope,) = torch.autograd.grad(density.log_prob(noisy).sum(), noisy)
    found = du.score(lambda y: du.posterior_mean(y, templates, 0.3), noisy.detach(), 0.3)
    assert torch.allclose(found, slope)


def test_two_templates_by_hand():
    """One white, one black pixel: the weight of white is 1 / (1 + exp((1 − 2y) / 2σ²))."""
    noisy = torch.linspace(-1, 2, 7).view(-1, 1)
    wanted = 1 / (1 + torch.exp((1 - 2 * noisy) / (2 * 0.7**2)))
    found = du.posterior_mean(noisy, torch.tensor([[1.0], [0.0]]), 0.7)
    assert torch.allclose(found, wanted) and found.dtype == noisy.dtype


def test_weights_as_scipy_has_them():
    noisy, templates = torch.rand(7, 1, 4, 4, generator=source()), torch.rand(9, 1, 4, 4, generator=source(1))
    distances = (noisy[:, None] - templates).double().square().sum(dim=(2, 3, 4))
    for sigma in (0.05, 0.5, 5.0):
        found = du.posterior_weights(noisy, templates, sigma)
        assert torch.allclose(found, torch.from_numpy(softmax(-distances.numpy() / (2 * sigma**2), axis=1)))
        assert torch.allclose(found.sum(dim=1), torch.ones(7).double())


def test_weights_stay_finite_where_exp_does_not():
    noisy, templates = 100 * torch.rand(3, 1, 28, 28, generator=source()), torch.rand(4, 1, 28, 28, generator=source(1))
    weights = du.posterior_weights(noisy, templates, 0.001)
    assert torch.isfinite(weights).all() and weights.max(dim=1).values.tolist() == [1.0] * 3


def test_the_posterior_mean_is_the_same_in_blocks_and_has_the_least_error():
    templates = torch.rand(30, 1, 4, 4, generator=source())
    clean = templates[torch.randint(0, 30, (1201,), generator=source(1))]
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=source(2))
    found = du.posterior_mean(noisy, templates, 0.3)
    assert torch.allclose(found[1100:], du.posterior_mean(noisy[1100:], templates, 0.3))

    def error(answer):
        return (answer - clean).square().mean()

    others = [du.posterior_mean(noisy, templates, sigma) for sigma in (0.2, 0.45)]
    assert error(found) < min(error(other) for other in [*others, 0.95 * found, templates.mean(dim=0)])


def test_a_linear_denoiser_s_jacobian_is_its_matrix(gaussian):
    direction = torch.randn(gaussian.noisy.shape, generator=source(3), dtype=torch.float64)
    wanted = (direction.flatten(1) @ gaussian.gain.T).view(direction.shape)
    for step in (0.001, 1.0):
        found = du.jacobian_product(gaussian.denoise, gaussian.noisy, direction, step=step)
        assert torch.allclose(found, wanted)
    nothing = du.jacobian_product(gaussian.denoise, gaussian.noisy, torch.zeros_like(direction))
    assert torch.equal(nothing, torch.zeros_like(nothing))


def test_a_network_s_jacobian_is_autograd_s():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))
    noisy, direction = torch.rand(2, 3, 1, 5, 5, generator=source())
    before = noisy.clone()
    found = du.jacobian_product(model, noisy, direction)
    _, wanted = torch.autograd.functional.jvp(model, noisy, direction)
    assert torch.allclose(found, wanted, atol=1e-4) and torch.equal(noisy, before)


def test_the_variance_of_each_pixel_is_the_posterior_s(gaussian):
    wanted = gaussian.posterior.diagonal().view(1, 1, 6, 6).expand(4, 1, 6, 6)
    exact = du.pixel_variance(gaussian.denoise, gaussian.noisy, gaussian.sigma, spacing=6)
    assert torch.allclose(exact, wanted)
    assert torch.allclose(du.pixel_variance(gaussian.denoise, gaussian.noisy, gaussian.sigma, spacing=99), wanted)
    rough = [du.pixel_variance(gaussian.denoise, gaussian.noisy, gaussian.sigma, spacing=2, seed=s) for s in range(200)]
    spread = torch.stack(rough).std(dim=0)
    away = (torch.stack(rough).mean(dim=0) - wanted).abs() / (spread / 200**0.5)
    assert spread.min() > 0 and away.max() < 5  # not exact, and right in the mean
    assert torch.equal(rough[0], du.pixel_variance(gaussian.denoise, gaussian.noisy, gaussian.sigma, spacing=2))


def test_the_principal_direction_is_the_posterior_s_first_eigenvector(gaussian):
    values, vectors = torch.linalg.eigh(gaussian.posterior)
    found, variance = du.principal_direction(gaussian.denoise, gaussian.noisy, gaussian.sigma, steps=100)
    assert found.shape == gaussian.noisy.shape and variance.shape == (4,)
    assert torch.allclose((found.flatten(1) @ vectors[:, -1]).abs(), torch.ones(4).double(), atol=1e-6)
    assert torch.allclose(variance, values[-1].expand(4))
    short, less = du.principal_direction(gaussian.denoise, gaussian.noisy, gaussian.sigma, steps=2)
    assert (less < variance).all() and torch.allclose(short.flatten(1).norm(dim=1), torch.ones(4).double())


def test_variance_and_direction_of_two_templates():
    """The possible pictures lie on a line: its direction, and p·(1 − p) times its length squared."""
    templates = torch.rand(2, 1, 4, 4, generator=source()).double()
    noisy = templates.mean(dim=0, keepdim=True) + 0.1 * torch.randn(
        3, 1, 4, 4, generator=source(1), dtype=torch.float64
    )
    weights = du.posterior_weights(noisy, templates, 0.5)
    line = templates[0] - templates[1]

    def denoise(y):
        return du.posterior_mean(y, templates, 0.5)

    direction, variance = du.principal_direction(denoise, noisy, 0.5)
    assert torch.allclose(variance, weights.prod(dim=1) * line.square().sum(), rtol=1e-3)
    assert torch.allclose(
        (direction * line / line.norm()).flatten(1).sum(dim=1).abs(), torch.ones(3).double(), atol=1e-6
    )
    exact = du.pixel_variance(denoise, noisy, 0.5, spacing=4)
    assert torch.allclose(exact, weights.prod(dim=1).view(3, 1, 1, 1) * line.square(), rtol=1e-3)


def test_conformal_quantile_of_one_score_each():
    """The ⌈(n + 1)·level⌉-th smallest, as the method has it."""
    scores = torch.arange(1.0, 20)[torch.randperm(19, generator=source())]  # 1 to 19
    found = [du.conformal_quantile(scores, level) for level in (0.05, 0.5, 0.51, 0.9, 0.95)]
    assert found == [1, 10, 11, 18, 19]
    assert 100 * 0.07 > 7 and du.conformal_quantile(torch.arange(1.0, 100), 0.07) == 7
    for count, level in ((18, 0.95), (8, 0.9)):
        with pytest.raises(ValueError, match="too few"):
            du.conformal_quantile(scores[:count], level)


@pytest.mark.parametrize(("pixels", "count"), [(1, 20), (7, 20), (50, 9)])
def test_conformal_coverage_is_what_is_promised(pixels, count):
    """Pictures of very unequal difficulty, pixels of one picture alike: 90 % in the mean over calibrations and new pictures."""

    def pictures(n, seed):
        difficulty = torch.randn(1500, n, 1, generator=source(seed)).exp()
        return difficulty * (1 + 0.2 * torch.rand(1500, n, pixels, generator=source(seed + 1)))

    known, new = pictures(count, 0), pictures(1, 10)
    kept = torch.stack([(n <= du.conformal_quantile(k)).double().mean() for k, n in zip(known, new)])
    assert 0.9 - 4 * kept.std() / 1500**0.5 < kept.mean() < 0.9 + 1 / (count + 1) + 0.02
    if (pixels, count) == (7, 20):  # the plain quantile promises more than it keeps
        assert sum((n <= k.quantile(0.9)).double().mean() for k, n in zip(known, new)) / 1500 < 0.89


def test_the_network_is_asked_in_eval_mode_and_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)).train()
    noisy = torch.rand(2, 1, 4, 4, generator=source())
    weights = [p.clone() for p in model.parameters()]
    for function in FUNCTIONS:
        found = function(model, noisy, 0.5)
        assert not any(one.requires_grad for one in (found if isinstance(found, tuple) else [found]))
    assert model.training and all(torch.equal(p, w) and p.grad is None for p, w in zip(model.parameters(), weights))
    with pytest.raises(ValueError, match="Dropout"):
        du.score(nn.Sequential(nn.Dropout(0.5)).train(), noisy, 0.5)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("noisy", "sigma", "denoiser", "words"),
    [
        (torch.rand(1, 1, 4, 4), 0.0, torch.clone, "sigma is 0.0"),
        (torch.rand(1, 1, 4, 4), "a", torch.clone, "sigma is 'a'"),
        (torch.full((1, 1, 4, 4), math.nan), 0.5, torch.clone, "NaN|infinity"),
        (torch.rand(0, 1, 4, 4), 0.5, torch.clone, r"\[0, 1, 4, 4\]"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), 0.5, torch.clone, "float"),
        (torch.rand(1, 1, 4, 4), 0.5, lambda y: y[..., :2], r"should return \[1, 1, 4, 4\]"),
    ],
)
def test_wrong_input_is_named(function, noisy, sigma, denoiser, words):
    with pytest.raises((ValueError, TypeError), match=words):
        function(denoiser, noisy, sigma)


def test_many_pictures_are_answered_in_blocks_and_as_they_are_alone():
    asked = []

    def denoise(y):
        asked.append(len(y))
        return y.square()

    noisy = torch.rand(230, 1, 4, 4, generator=source())
    found = du.score(denoise, noisy, 0.5)
    assert torch.equal(found, (noisy.square() - noisy) / 0.5**2) and max(asked) <= 100 and sum(asked) == 230


def test_wrong_input_of_the_others_is_named():
    noisy, templates = torch.rand(2, 1, 4, 4), torch.rand(3, 1, 5, 5)
    for function in (du.posterior_weights, du.posterior_mean):
        with pytest.raises(ValueError, match=r"templates is \[3, 1, 5, 5\]: it should be \[N, 1, 4, 4\]"):
            function(noisy, templates, 0.5)
        with pytest.raises(ValueError, match="sigma is -1"):
            function(noisy, noisy, -1)
    with pytest.raises(ValueError, match="1 directions for 2 pictures"):
        du.jacobian_product(torch.clone, noisy, noisy[:1])
    with pytest.raises(ValueError, match="level is 1"):
        du.conformal_quantile(noisy, 1.5)
    with pytest.raises(ValueError, match="steps is 0"):
        du.principal_direction(torch.clone, noisy, 0.5, steps=0)
    with pytest.raises(ValueError, match="spacing is 0"):
        du.pixel_variance(torch.clone, noisy, 0.5, spacing=0)


def test_arrows_lead_from_the_picture_to_the_answer():
    starts, ends = torch.rand(2, 9, 2, generator=source())
    figure = du.show_arrows(
        {"one": (starts, ends), "other": (ends, starts)}, starts, torch.rand(4, 4, generator=source())
    )
    for axis, (begin, end) in zip(figure.axes, [(starts, ends), (ends, starts)], strict=True):
        (arrows,) = [part for part in axis.collections if hasattr(part, "U")]
        assert np.allclose(arrows.XY, begin) and np.allclose(np.stack([arrows.U, arrows.V], axis=1), end - begin)
        assert (arrows.angles, arrows.scale_units, arrows.scale) == (
            "xy",
            "xy",
            1,
        )  # else they would not end at the answer
    with pytest.raises(ValueError, match="panels is empty"):
        du.show_arrows({}, starts, torch.zeros(2, 2))
