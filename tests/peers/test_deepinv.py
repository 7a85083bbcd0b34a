"""Lessons 08 and 09 beside deepinv, a library of others (make test-peers): where both have something, both say the same."""

import deepinv
import pytest
import torch
from deepinv.loss.r2r import R2RModel

import denoise_utils as du

SIGMA, CPU = 0.5, torch.device("cpu")
PHYSICS = deepinv.physics.Denoising(deepinv.physics.GaussianNoise(SIGMA))


@pytest.fixture(scope="module")
def digits():
    return du.load_digits("mnist5k")


@pytest.fixture(scope="module")
def noisy(digits):
    return du.fixed_noise(digits.test.images[:200], du.GaussianNoise(SIGMA, clip=False))[0]


@pytest.fixture(scope="module")
def templates(digits):
    return du.to_float(digits.train.images[:1000])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return du.TinyDenoiser().eval()


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_the_posterior_mean(noisy, templates, sigma):
    theirs = deepinv.models.MMSE(templates, CPU, dtype=torch.float64)(noisy.double(), sigma)
    ours = du.posterior_mean(noisy, templates, sigma)
    assert (ours - theirs).abs().max() < 1e-5
    assert (ours - templates.mean(dim=0)).abs().max() > 0.01  # and not what no sigma would give


def test_the_variance_of_pixels_is_the_diagonal_of_their_derivative(noisy, templates):
    sigma = 2.0  # where several templates count
    small, few = noisy[:2, :, 8:14, 8:14].double(), templates[:, :, 8:14, 8:14].double()
    exact = deepinv.models.MMSE(few, CPU, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: exact(y, sigma), small[:1]).view(36, 36)
    # twice as long as a side: every pixel alone, so there is no chance in it
    ours = du.pixel_variance(lambda y: du.posterior_mean(y, few, sigma), small, sigma, spacing=12)
    wanted = sigma**2 * jacobian.diagonal()
    assert torch.allclose(ours[0].flatten(), wanted, rtol=0.01, atol=1e-4)
    assert wanted.max() > 0.05
    # and the first eigenvector of σ²·J, with its eigenvalue
    values, vectors = torch.linalg.eigh(sigma**2 * (jacobian + jacobian.T) / 2)
    direction, variance = du.principal_direction(
        lambda y: du.posterior_mean(y, few, sigma), small[:1], sigma, steps=100
    )
    assert (direction.flatten() @ vectors[:, -1]).abs() > 0.99
    assert variance[0] == pytest.approx(values[-1].item(), rel=0.01)


def test_the_score(noisy, model):
    prior = deepinv.optim.ScorePrior(lambda y, sigma: model(y))
    with torch.no_grad():
        theirs = -prior.grad(noisy, SIGMA)  # theirs is the gradient of −log p
    assert torch.allclose(du.score(model, noisy, SIGMA), theirs, atol=1e-4)
    assert theirs.std() > 1


def test_sure(noisy, model):
    """Random directions of their own: normal numbers, where ours are signs. Equal in the mean over 200 pictures."""
    loss = deepinv.loss.SureGaussianLoss(SIGMA, tau=1e-3, rng=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = loss(y=noisy, x_net=model(noisy), physics=PHYSICS, model=lambda y, physics: model(y))
        ours = du.sure_loss(model, noisy, SIGMA, torch.Generator().manual_seed(1))
    half = 2 * theirs.std() / len(theirs) ** 0.5
    assert ours.item() == pytest.approx(theirs.mean().item(), abs=half.item())
    assert half < 0.05


def test_recorrupted_pictures(noisy):
    """Their α is ours² / (1 + ours²): 0.2 for our 0.5."""
    theirs = R2RModel(torch.nn.Identity(), None, 0.2, 1)
    theirs.curr_noise_model = PHYSICS.noise_model
    torch.manual_seed(0)
    given = theirs.get_corruptor(noisy)()
    target = (noisy - given * (1 - 0.2)) / 0.2  # a line of their R2RLoss
    torch.manual_seed(0)
    ours = du.recorrupt(noisy, SIGMA, alpha=0.5)
    assert torch.allclose(ours[0], given, atol=1e-5)
    assert torch.allclose(ours[1], target, atol=1e-4)
    assert (given - noisy).std() > 0.2
