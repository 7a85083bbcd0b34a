"""Learning without clean pictures: each loss against what it should have its minimum at, where that can be worked out on
paper (Gaussian pictures, a linear network); SURE against the exact risk."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import denoise_utils as du

SIGMA, SPREAD = 0.5, 0.8  # of the noise, and of the pictures
WIENER = SPREAD**2 / (SPREAD**2 + SIGMA**2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed))


@pytest.fixture(scope="module")
def gaussian():
    """Pictures x of independent normal pixels, and two noisy ones of each."""
    clean = SPREAD * normal(200, 1, 32, 32, seed=1)
    return clean, *(clean + SIGMA * normal(*clean.shape, seed=seed) for seed in (2, 3))


def best_weight(loss):
    """Where the loss of the network y → a·y is lowest: it is a parabola in a, so three points tell."""
    zero, half, one = (float(loss(lambda pictures, a=a: a * pictures)) for a in (0.0, 0.5, 1.0))
    curvature = 2 * (one - 2 * half + zero)
    return -(one - zero - curvature) / (2 * curvature)


def near(value, wanted, tolerance=0.01):
    return abs(value - wanted) < tolerance


# ---- where the losses have their minimum ----


def test_noise2noise_has_the_minimum_of_clean_targets(gaussian):
    clean, noisy, second = gaussian
    assert near(best_weight(lambda model: F.mse_loss(model(noisy), clean)), WIENER)
    assert near(best_weight(lambda model: du.noise2noise_loss(model, noisy, second)), WIENER)
    assert near(best_weight(lambda model: du.noise2noise_loss(model, noisy, noisy)), 1)  # the same noise twice
    at_best = du.noise2noise_loss(lambda y: WIENER * y, noisy, second)
    risk = (1 - WIENER) ** 2 * SPREAD**2 + WIENER**2 * SIGMA**2
    assert near(at_best, risk + SIGMA**2)


def test_noise2noise_finds_the_matrix_of_clean_targets(gaussian):
    """Least squares with a whole matrix on 4x4 pixels, with pictures whose pixels go together."""
    mixing = normal(16, 16, seed=4) / 4
    clean = (normal(100_000, 16, seed=5) @ mixing).view(-1, 1, 4, 4)
    noisy, second = (clean + SIGMA * normal(*clean.shape, seed=seed) for seed in (6, 7))
    given = noisy.flatten(1)
    right, ours = (torch.linalg.lstsq(given, target.flatten(1)).solution for target in (clean, second))
    exact = torch.linalg.solve(mixing.T @ mixing + SIGMA**2 * torch.eye(16), mixing.T @ mixing)
    assert (right - exact).abs().max() < 0.02 and (ours - exact).abs().max() < 0.02

    weight = ours.clone().requires_grad_()  # and there the loss is flat
    du.noise2noise_loss(lambda y: (y.flatten(1) @ weight).view_as(y), noisy, second).backward()
    assert weight.grad.abs().max() < 1e-4


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_recorrupted_noises_are_independent(gaussian, alpha):
    clean, noisy, _ = gaussian
    given, target = du.recorrupt(noisy, SIGMA, generator(8), alpha=alpha)
    one, other = (given - clean).flatten(), (target - clean).flatten()
    assert abs(one.mean()) < 0.01 and abs(other.mean()) < 0.02
    assert near(one.std(), SIGMA * math.sqrt(1 + alpha**2)) and near(other.std(), SIGMA * math.sqrt(1 + 1 / alpha**2))
    assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.01
    torch.testing.assert_close(given + alpha**2 * target, (1 + alpha**2) * noisy)  # nothing is lost
    wanted = SPREAD**2 / (SPREAD**2 + (1 + alpha**2) * SIGMA**2)
    assert near(best_weight(lambda model: du.noise2noise_loss(model, given, target)), wanted, 0.02)


def test_with_a_wrong_sigma_the_recorrupted_noises_go_together(gaussian):
    clean, noisy, _ = gaussian
    for believed, sign in ((0.3, 1), (0.7, -1)):
        given, target = du.recorrupt(noisy, believed, generator(8))
        together = ((given - clean) * (target - clean)).mean()
        assert near(together, SIGMA**2 - believed**2) and together * sign > 0


@pytest.mark.parametrize("alpha", [0.7, 1.0])
def test_noisier2noise_and_its_correction(gaussian, alpha):
    _, noisy, _ = gaussian
    noisier = SPREAD**2 + (1 + alpha**2) * SIGMA**2
    weight = best_weight(lambda model: du.noisier2noise_loss(model, noisy, SIGMA, generator(9), alpha=alpha))
    assert near(weight, (SPREAD**2 + SIGMA**2) / noisier)
    denoiser = du.Noisier2NoiseDenoiser(lambda z: weight * z, SIGMA, alpha=alpha, copies=400)
    assert denoiser(noisy[:2]).shape == noisy[:2].shape
    slope = (denoiser(noisy[:1] + 1) - denoiser(noisy[:1])).mean()
    assert near(slope, SPREAD**2 / noisier, 0.03)  # the best weight for x, given z


def test_an_answer_of_noisier2noise_depends_on_its_picture_and_the_seed(gaussian):
    _, noisy, _ = gaussian
    denoiser = du.Noisier2NoiseDenoiser(torch.tanh, SIGMA)
    torch.testing.assert_close(denoiser(noisy[:6])[4:], denoiser(noisy[4:6]))
    assert not torch.equal(denoiser(noisy[:2]), du.Noisier2NoiseDenoiser(torch.tanh, SIGMA, seed=1)(noisy[:2]))
    one = du.Noisier2NoiseDenoiser(torch.zeros_like, SIGMA, copies=1)(noisy[:2])  # −z: its extra noise can be seen
    assert near((-one - noisy[:2]).std(), SIGMA, 0.03)
    eight = du.Noisier2NoiseDenoiser(torch.zeros_like, SIGMA, copies=8)(noisy[:2])
    assert near((-eight - noisy[:2]).std(), SIGMA / math.sqrt(8), 0.03)


def test_sure_loss_has_the_minimum_of_clean_targets(gaussian):
    clean, noisy, _ = gaussian
    assert near(best_weight(lambda model: du.sure_loss(model, noisy, SIGMA, generator(10))), WIENER)
    for weight in (0.0, 0.4, 1.0):
        estimate = du.sure_loss(lambda y, a=weight: a * y, noisy, SIGMA, generator(10))
        assert near(estimate, ((weight * noisy - clean) ** 2).mean()), weight


def test_sure_loss_has_a_gradient_through_the_slope(gaussian):
    _, noisy, _ = gaussian
    weight = torch.tensor(0.0, requires_grad=True)
    du.sure_loss(lambda y: weight * y, noisy, SIGMA, generator(10)).backward()
    assert near(weight.grad, -2 * noisy.square().mean() + 2 * SIGMA**2, 0.02)


def test_blind_spot_loss_has_the_minimum_of_its_ring():
    """Flat pictures: the best weight for the mean of the eight neighbours, whose noise is σ·√20/12."""
    clean = SPREAD * normal(20_000, 1, 1, 1).expand(-1, 1, 9, 9)
    noisy = clean + SIGMA * normal(*clean.shape, seed=1)
    weight = best_weight(
        lambda model: du.blind_spot_loss(model, noisy, phase=4)
    )  # a grid that has no pixel at the edge
    assert near(weight, SPREAD**2 / (SPREAD**2 + SIGMA**2 * 20 / 144), 0.005)


# ---- the blind spot ----


def test_each_pixel_is_hidden_once(gaussian):
    noisy = gaussian[1][:2, :, :10, :11]
    for spacing in (2, 3, 4):
        masks = [du.hide_pixels(noisy, phase, spacing)[1] for phase in range(spacing**2)]
        assert (torch.stack(masks).sum(dim=0) == 1).all()
        assert torch.equal(du.hide_pixels(noisy, spacing**2, spacing)[1], masks[0])
    hidden, mask = du.hide_pixels(noisy, 0)
    assert torch.equal(hidden[..., ~mask], noisy[..., ~mask])
    ring = noisy[0, 0, 2:5, 2:5].clone()
    ring[1, 1], ring[[0, 1, 1, 2], [1, 0, 2, 1]] = 0, 2 * ring[[0, 1, 1, 2], [1, 0, 2, 1]]
    torch.testing.assert_close(hidden[0, 0, 3, 3], ring.sum() / 12)


@pytest.mark.parametrize("spacing", [2, 3, 4])
def test_no_pixel_of_the_answer_depends_on_itself(spacing):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))
    noisy = normal(1, 1, 8, 9)
    for denoiser, blind in ((model, False), (du.BlindSpotDenoiser(model, spacing), True)):
        jacobian = torch.autograd.functional.jacobian(denoiser, noisy).view(72, 72)
        assert (jacobian.diagonal() == 0).all() == blind
        assert (jacobian != 0).sum() > 72


# ---- SURE as a measurement ----


def exact_risk(denoiser, clean, sigma):
    """Of a linear denoiser: ‖f(x) − x‖² + σ²·(sum of its squared weights), a pixel."""
    pixels = clean[0].numel()
    basis = torch.eye(pixels).view(pixels, *clean.shape[1:])
    weights = denoiser(basis) - denoiser(torch.zeros_like(basis))
    return ((denoiser(clean) - clean).square().mean() + sigma**2 * weights.square().sum() / pixels).item()


def grey(count=400, seed=0):
    """Far enough from black and white for no answer to be clamped."""
    return 0.4 + 0.2 * torch.rand(count, 1, 8, 8, generator=generator(seed))


@pytest.mark.parametrize(
    "denoiser",
    [du.gaussian_blur(0.9), lambda y: 0.7 * y + 0.2, lambda y: y, lambda y: y.roll(1, dims=3), lambda y: 0 * y + 0.5],
)
def test_sure_is_the_exact_risk_of_a_linear_denoiser(denoiser):
    clean = grey()
    hits = []
    for seed in range(20):
        noisy = clean + 0.05 * normal(*clean.shape, seed=100 + seed)
        risk = du.sure(denoiser, noisy, 0.05, seed=seed)
        error = abs(risk.mse - exact_risk(denoiser, clean, 0.05))
        hits.append(max(0, error - 1e-6) / risk.interval())  # rounding: for y itself nothing else is uncertain
    assert max(hits) < 2.2 and sum(hit < 1 for hit in hits) >= 15, hits  # of 95 % intervals


def test_sure_agrees_with_evaluate_on_digits(digits):
    noise = du.GaussianNoise(0.5, clip=False)
    for denoiser in (du.gaussian_blur(0.9), du.median_filter(3), lambda noisy: noisy):
        noisy, _ = du.fixed_noise(digits.val.images, noise)
        risk, true = du.sure(denoiser, noisy, 0.5), du.evaluate(denoiser, digits.val.images, noise)
        assert abs(risk.mse - true.mse) < 2 * risk.interval()
        assert (
            risk.images == len(risk.per_image) == 500
            and f"{risk}" == f"estimated MSE {risk.mse:.4f} ± {risk.interval():.4f}"
        )
    wrong = du.sure(du.median_filter(3), noisy, 0.6)
    assert wrong.mse < risk.mse - 0.05  # believed noise of 0.36 a pixel, where there is 0.25


def test_sure_does_not_depend_on_batches_and_spoils_nothing():
    clean = grey(50)
    noisy = clean + 0.05 * normal(*clean.shape)
    kept = noisy.clone()

    def in_place(pictures):
        return pictures.mul_(0.9)

    risks = [du.sure(in_place, noisy, 0.05, batch_size=size) for size in (7, 50)]
    assert near(risks[0].mse, risks[1].mse, 1e-6) and torch.equal(noisy, kept)
    assert du.sure(in_place, noisy, 0.05, seed=1).mse != risks[0].mse
    model = nn.Conv2d(1, 1, 3, padding=1)
    assert math.isfinite(du.sure(model, noisy, 0.05).mse) and model.training
    with pytest.raises(ValueError, match="training mode"):
        du.sure(nn.Sequential(model, nn.Dropout(0.5)), noisy, 0.05)


# ---- residuals ----


def test_the_correlation_of_residuals():
    white = normal(200, 1, 28, 29)
    lines = (white[..., 1:] + white[..., :-1]) / math.sqrt(2)  # each pixel shares half with its right neighbour
    flat = torch.zeros_like(white)
    for residual, right in ((white, 0), (lines, 0.5)):
        found = du.residual_correlation(residual + 3, torch.zeros_like(residual), reach=2)
        assert found.shape == (5, 5) and found[2, 2] == 1
        assert near(found[2, 3], right) and near(found[2, 1], right)
        others = torch.ones(5, 5, dtype=torch.bool)
        others[2, 1:4] = False
        assert found[others].abs().max() < 0.015
    torch.testing.assert_close(found, found.flip(0).flip(1))
    slanted = (white[..., 1:, 1:] + white[..., :-1, :-1]) / math.sqrt(2)
    found = du.residual_correlation(slanted, torch.zeros_like(slanted), reach=1)
    assert near(found[0, 0], 0.5) and near(found[2, 2], 0.5) and abs(found[0, 2]) < 0.015
    assert du.residual_correlation(white, flat, reach=1)[0, 0] != 1


# ---- wrong input ----

GOOD = normal(4, 1, 8, 8)


def identity(noisy):
    return noisy


@pytest.mark.parametrize("sigma", [0, -0.5, float("nan"), None, "0.5"])
@pytest.mark.parametrize(
    "use",
    [
        lambda sigma: du.recorrupt(GOOD, sigma),
        lambda sigma: du.noisier2noise_loss(identity, GOOD, sigma),
        lambda sigma: du.Noisier2NoiseDenoiser(identity, sigma),
        lambda sigma: du.sure_loss(identity, GOOD, sigma),
        lambda sigma: du.sure(identity, GOOD, sigma),
    ],
)
def test_no_sigma(use, sigma):
    with pytest.raises(ValueError, match=r"sigma is .*: it should be a number, above 0"):
        use(sigma)


@pytest.mark.parametrize("wrong", [GOOD[0, 0], GOOD.expand(-1, 3, -1, -1), GOOD.to(torch.uint8), GOOD.numpy(), None])
@pytest.mark.parametrize(
    "use",
    [
        lambda wrong: du.noise2noise_loss(identity, wrong, wrong),
        lambda wrong: du.recorrupt(wrong, 0.5),
        lambda wrong: du.noisier2noise_loss(identity, wrong, 0.5),
        lambda wrong: du.Noisier2NoiseDenoiser(identity, 0.5)(wrong),
        lambda wrong: du.sure_loss(identity, wrong, 0.5),
        lambda wrong: du.sure(identity, wrong, 0.5),
        lambda wrong: du.hide_pixels(wrong, 0),
        lambda wrong: du.blind_spot_loss(identity, wrong, 0),
        lambda wrong: du.BlindSpotDenoiser(identity)(wrong),
        lambda wrong: du.residual_correlation(wrong, wrong),
    ],
)
def test_no_noisy_pictures(use, wrong):
    with pytest.raises((TypeError, ValueError), match="noisy is "):
        use(wrong)


@pytest.mark.parametrize("other", [GOOD[:1], GOOD[..., :1], GOOD[:, 0], GOOD.bool(), None])
def test_two_sets_of_one_shape(other):
    for use in (lambda: du.noise2noise_loss(identity, GOOD, other), lambda: du.residual_correlation(GOOD, other)):
        with pytest.raises((TypeError, ValueError), match=r"the same \[N, 1, H, W\]|the other set is"):
            use()


def test_clipped_noise_is_found():
    clean = torch.zeros(4, 1, 8, 8)
    noisy = clean + 0.5 * GOOD
    assert du.sure(identity, noisy, 0.5).images == 4
    for clipped in (noisy.clamp(0, 1), noisy.clamp(min=0), noisy.clamp(max=0.9), clean):
        with pytest.raises(ValueError, match="look clipped"):
            du.sure(identity, clipped, 0.5)
    with pytest.raises(ValueError, match="NaN"):
        du.sure(identity, noisy / 0, 0.5)
    du.sure(identity, noisy[:1, :, :3, :3], 0.5)  # few pixels: one of nine is the largest


def test_numbers_that_make_no_sense():
    for use in (lambda: du.recorrupt(GOOD, 0.5, alpha=0), lambda: du.sure(identity, GOOD, 0.5, step=0)):
        with pytest.raises(ValueError, match="above 0"):
            use()
    for use in (lambda: du.hide_pixels(GOOD, 0, 1), lambda: du.Noisier2NoiseDenoiser(identity, 0.5, copies=0)):
        with pytest.raises(ValueError, match=r"spacing|copies"):
            use()
    with pytest.raises(ValueError, match="at least"):
        du.residual_correlation(GOOD, GOOD, reach=9)
