"""Typical wrong answers to assignment 02: (code, points that a person would give, what the student reads)."""


def _body(head, lines):
    return head + "\n" + "\n".join(f"    {line}" for line in lines.strip("\n").split("\n"))


def _noise(lines):
    return _body("def batch_noise(clean, sigmas, generator):", lines)


def _psnrs(lines):
    return _body("def two_psnrs(denoised, clean):", lines)


def _wall(lines):
    head = 'patch = torch.full((1_000_000,), wall["brightness"])\nnoise = wall["sigma"] * torch.randn(patch.shape)\n'
    return head + lines


def _matrix(old="", new=""):
    right = """
x, y = noise(clean, generator).flatten(1), clean.flatten(1)
x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
gram = (x - x_mean).T @ (x - x_mean) + ridge * torch.eye(x.shape[1])
weight = torch.linalg.solve(gram, (x - x_mean).T @ (y - y_mean))
bias = y_mean - x_mean @ weight
return lambda noisy: (noisy.flatten(1) @ weight + bias).view_as(noisy)"""
    assert old in right
    return _body("def fit_matrix(clean, noise, ridge, generator):", right.replace(old, new) if old else right)


def _salt(lines):
    return _body("def salt_and_pepper(clean, share, white, generator):", lines)


WRONG = {
    "batch_noise": [
        ("def batch_noise(clean, sigmas, generator):\n    pass", 0, "returned nothing"),
        (_noise("return (clean + sigmas * torch.randn(clean.shape, generator=generator)).clamp(0, 1)"), 0, "Turn it"),
        (
            _noise("""
sigmas = sigmas.view(-1, 1, 1, 1)
return clean + sigmas * torch.randn(clean.shape, generator=generator)"""),
            1,
            "an image lies in",
        ),
        (
            _noise("""
noise = sigmas.view(-1, 1, 1, 1) * torch.randn(clean.shape, generator=generator)
return (clean + noise.clamp(0, 1)).clamp(0, 1)"""),
            1,
            "the noise, or the sum",
        ),
        (
            _noise("""
noise = sigmas.view(-1, 1, 1, 1) * torch.rand(clean.shape, generator=generator)
return (clean + noise - sigmas.view(-1, 1, 1, 1) / 2).clamp(0, 1)"""),
            1,
            "which function draws normal",
        ),
        (
            _noise("""
sigmas = sigmas.view(-1, 1, 1, 1) ** 2
return (clean + sigmas * torch.randn(clean.shape, generator=generator)).clamp(0, 1)"""),
            1,
            "the variance",
        ),
        (
            _noise("""
noise = torch.randn(clean.shape[1:], generator=generator)
return (clean + sigmas.view(-1, 1, 1, 1) * noise).clamp(0, 1)"""),
            2,
            "same pattern",
        ),
        (
            _noise("return (clean + sigmas.mean() * torch.randn(clean.shape, generator=generator)).clamp(0, 1)"),
            1,
            "its own σ",
        ),
        (
            _noise("""
noise = torch.randn(clean.shape, generator=generator)
clean += sigmas.view(-1, 1, 1, 1) * noise
return clean.clamp_(0, 1)"""),
            2,
            "changed the clean images",
        ),
        # right for 28 images, and for one call
        (
            _noise("""
noise = torch.randn(clean.shape, generator=generator)
return (clean + sigmas.view(28, 1, 1, 1) * noise).clamp(0, 1)"""),
            2,
            "RuntimeError",
        ),
        (
            _noise("""
torch.manual_seed(generator.initial_seed())
return (clean + sigmas.view(-1, 1, 1, 1) * torch.randn(clean.shape)).clamp(0, 1)"""),
            3,
            "every step would see it",
        ),
        (
            _noise("""
sigmas = sigmas.clamp(min=0.01).view(-1, 1, 1, 1)
return (clean + sigmas * torch.randn(clean.shape, generator=generator)).clamp(0, 1)"""),
            3,
            "σ = 0 was changed",
        ),
    ],
    "two_psnrs": [
        (
            _psnrs("""
mse = (denoised - clean).square().mean()
return -10 * math.log10(mse), -10 * math.log10(mse)"""),
            0,
            "averages before the logarithm",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return -10 * math.log10(mse.mean()), (-10 * torch.log10(mse)).mean().item()"""),
            0,
            "in the other order",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return (-20 * torch.log10(mse)).mean().item(), -20 * math.log10(mse.mean())"""),
            0,
            "the MSE is already a square",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return (10 * torch.log10(mse)).mean().item(), 10 * math.log10(mse.mean())"""),
            0,
            "sign is turned round",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return -10 * torch.log10(mse), -10 * math.log10(mse.mean())"""),
            0,
            "a row of numbers",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return (-10 * torch.log(mse)).mean().item(), -10 * math.log(mse.mean())"""),
            0,
            "decibels use base 10",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
return (-10 * torch.log10(mse)).mean().item(), -10 * math.log10(mse.sum())"""),
            0,
            "mean of the MSEs",
        ),
        (
            _psnrs("return (-10 * torch.log10((denoised - clean).square().mean(dim=(1, 2, 3)))).mean().item()"),
            0,
            "should return two numbers",
        ),
        # right where white is in the picture; right where the error is large
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3))
peak = clean.amax(dim=(1, 2, 3)) ** 2
return (10 * torch.log10(peak / mse)).mean().item(), 10 * math.log10(peak.mean() / mse.mean())"""),
            0,
            "from a picture's brightest pixel",
        ),
        (
            _psnrs("""
mse = (denoised - clean).square().mean(dim=(1, 2, 3)) + 1e-8
return (-10 * torch.log10(mse)).mean().item(), -10 * math.log10(mse.mean())"""),
            2,
            "a mean of 50.31 dB",
        ),
    ],
    "wall_mean": [
        (_wall("my_brightness = (patch + noise).mean().item()"), 0, "That is the wall itself"),
        (_wall("my_brightness = (patch + noise).clamp(min=0).mean().item()"), 0, "You cut at 0"),
        (_wall("my_brightness = (patch + noise).clamp(max=1).mean().item()"), 0, "You cut at 1"),
        (_wall("my_brightness = (1 - patch + noise).clamp(0, 1).mean().item()"), 0, "darker than middle grey"),
        (_wall("my_brightness = (patch + noise).abs().mean().item()"), 0, "mean of absolute values"),
        (
            _wall("my_brightness = abs((patch + noise).clamp(0, 1).mean().item() - wall['brightness'])"),
            0,
            "how far it moved",
        ),
        (_wall("my_brightness = (patch + noise).clamp(0, 1)"), 0, "should be a number"),
        ("my_brightness = 0.5", 0, "Simulate it"),
    ],
    "fit_matrix": [
        ("def fit_matrix(clean, noise, ridge, generator):\n    pass", 0, "returned nothing"),
        (
            _matrix("return lambda noisy: (noisy.flatten(1) @ weight + bias).view_as(noisy)", "return weight"),
            0,
            "the matrix",
        ),
        (
            _matrix("(noisy.flatten(1) @ weight + bias).view_as(noisy)", "noisy.flatten(1) @ weight + bias"),
            0,
            "return pictures",
        ),
        (_matrix("@ weight + bias)", "@ weight)"), 1, "constant b is missing"),
        (
            _matrix("noisy.flatten(1) @ weight +", "noisy.flatten(1) @ weight.T +"),
            1,
            "the matrix is turned: it should be xW",
        ),
        (_matrix("x, y = noise(clean, generator)", "y, x = noise(clean, generator)"), 0, "maps clean to noisy"),
        (_matrix("x, y = noise(clean, generator)", "x, y = clean"), 0, "never seen noise"),
        (_matrix("clean.flatten(1)", "noise(clean, generator).flatten(1)\ny = x"), 0, "What is the target"),
        (_matrix(" + ridge * torch.eye(x.shape[1])", " + 1e-3 * torch.eye(x.shape[1])"), 0, "where does λ come in"),
        (
            _matrix("ridge * torch.eye(x.shape[1])", "ridge * len(x) * torch.eye(x.shape[1])"),
            1,
            "λ was multiplied by the number of pictures",
        ),
        # right for whole digits with their noise, many at a time
        (_matrix("noise(clean, generator)", "noise(clean)"), 2, "Hand the generator on"),
        (_matrix("x.mean(dim=0), y.mean(dim=0)", "0 * x[0], 0 * y[0]"), 4, "should be the mean picture"),
        (
            _matrix(
                "(noisy.flatten(1) @ weight + bias)",
                "((noisy.flatten(1) - noisy.flatten(1).mean(dim=0)) @ weight + y_mean)",
            ),
            4,
            "a picture alone gets another answer",
        ),
        (_matrix(".view_as(noisy)", ".view(-1, 1, 28, 28)"), 3, "RuntimeError"),
        (
            _matrix("noise(clean, generator)", "du.GaussianNoise(0.5, clip=True)(clean, generator)"),
            4,
            "fitted to masking, tested on masking",
        ),
        (
            _matrix("noise(clean, generator)", "noise(clean, torch.Generator().manual_seed(0))"),
            4,
            "a later call with the same generator",
        ),
    ],
    "salt": [
        (
            _salt("""
draw = torch.rand(clean.shape, generator=generator)
return torch.where(draw < share, (draw < white).float(), clean)"""),
            0,
            "decides both",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape, generator=generator)
noisy = torch.where(draw < share, 0.0, clean)
return torch.where(draw > 1 - share, 1.0, noisy)"""),
            0,
            "each colour get the whole share",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape, generator=generator)
return torch.where(draw < share, torch.rand(clean.shape, generator=generator), clean)"""),
            0,
            "exactly 0 or 1",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape[1:], generator=generator).expand(clean.shape)
noisy = torch.where(draw < share, 0.0, clean)
return torch.where(draw < share * white, 1.0, noisy)"""),
            1,
            "same pixels",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape, generator=generator)
clean[draw < share] = 0.0
clean[draw < share * white] = 1.0
return clean"""),
            1,
            "changed the clean images",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape)
noisy = torch.where(draw < share, 0.0, clean)
return torch.where(draw < share * white, 1.0, noisy)"""),
            1,
            "Hand the generator on",
        ),
        # right for a small share, for equal colours, for one call
        (
            _salt("""
noisy = torch.where(torch.rand(clean.shape, generator=generator) < share * (1 - white), 0.0, clean)
return torch.where(torch.rand(clean.shape, generator=generator) < share * white, 1.0, noisy)"""),
            2,
            "where two draws met in one pixel",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape, generator=generator)
noisy = torch.where(draw < share / 2, 0.0, clean)
return torch.where(draw > 1 - share / 2, 1.0, noisy)"""),
            2,
            "with white = 0.25",
        ),
        (
            _salt("""
draw = torch.rand(clean.shape, generator=torch.Generator().manual_seed(generator.initial_seed()))
noisy = torch.where(draw < share, 0.0, clean)
return torch.where(draw < share * white, 1.0, noisy)"""),
            2,
            "a later call with the same generator",
        ),
    ],
}


OTHER_RIGHT = {
    "batch_noise": [
        _noise("""
noise = torch.empty(clean.shape).normal_(generator=generator)
return torch.clamp(clean + sigmas[:, None, None, None] * noise, 0, 1)"""),
        _noise("""
pairs = [du.GaussianNoise(float(s), clip=True)(one, generator) for one, s in zip(clean.split(1), sigmas)]
return torch.cat(pairs)"""),
        _noise(
            "return torch.normal(clean, sigmas.reshape(-1, 1, 1, 1).expand(clean.shape), generator=generator).clip(0, 1)"
        ),
        _noise("""
noisy = clean.clone()
for i, sigma in enumerate(sigmas):
    noisy[i] += sigma * torch.randn(clean[i].shape, generator=generator)
return noisy.clamp_(0, 1)"""),
    ],
    "two_psnrs": [
        _psnrs("return du.psnr(denoised, clean).mean().item(), -10 * math.log10(du.mse(denoised, clean).mean())"),
        _psnrs("""
import torch.nn.functional as F
each = [10 * math.log10(1 / F.mse_loss(a, b).item()) for a, b in zip(denoised, clean)]
return sum(each) / len(each), 10 * math.log10(1 / F.mse_loss(denoised, clean).item())"""),
        _psnrs("""
import numpy as np
mse = ((denoised - clean).numpy() ** 2).mean(axis=(1, 2, 3))
return np.mean(-10 * np.log10(mse)), -10 * np.log10(mse.mean())"""),
        _psnrs("""
mse = (denoised - clean).pow(2).flatten(1).mean(1)
return [20 * torch.log10(1 / mse.sqrt()).mean(), 20 * torch.log10(1 / mse.mean().sqrt())]"""),
    ],
    "wall_mean": [
        "noise = du.GaussianNoise(wall['sigma'], clip=True)\n"
        "my_brightness = noise(torch.full((100, 1, 200, 200), wall['brightness'])).mean()",
        "import numpy as np\nchance = np.random.default_rng(0)\n"
        "my_brightness = np.clip(chance.normal(wall['brightness'], wall['sigma'], 4_000_000), 0, 1).mean()",
        "steps = torch.linspace(-8, 8, 400_001, dtype=torch.float64)\n"
        "weights = torch.exp(-steps.square() / 2)\n"
        "values = (wall['brightness'] + wall['sigma'] * steps).clamp(0, 1)\n"
        "my_brightness = ((values * weights).sum() / weights.sum()).item()",
    ],
    "fit_matrix": [
        """
def fit_matrix(clean, noise, ridge, generator):
    x, y = noise(clean, generator).flatten(1).double(), clean.flatten(1).double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    xc, yc = x - x_mean, y - y_mean
    weight = torch.linalg.inv(xc.T @ xc + ridge * torch.eye(xc.shape[1])) @ xc.T @ yc
    def denoiser(noisy):
        return ((noisy.flatten(1).double() - x_mean) @ weight + y_mean).float().reshape(noisy.shape)
    return denoiser
""",
        """
def fit_matrix(clean, noise, ridge, generator):
    x, y = noise(clean, generator).flatten(1), clean.flatten(1)
    ones = torch.ones(len(x), 1)
    x = torch.cat([x, ones], dim=1)
    held = ridge * torch.eye(x.shape[1])
    held[-1, -1] = 0  # the constant is not held back
    weight = torch.linalg.solve(x.T @ x + held, x.T @ y)
    def denoiser(noisy):
        rows = torch.cat([noisy.flatten(1), torch.ones(len(noisy), 1)], dim=1)
        return (rows @ weight).view_as(noisy)
    return denoiser
""",
        """
class Matrix:
    def __init__(self, clean, noise, ridge, generator):
        x, y = noise(clean, generator).flatten(1), clean.flatten(1)
        self.x, self.y = x.mean(0, keepdim=True), y.mean(0, keepdim=True)
        x, y = x - self.x, y - self.y
        factor = torch.linalg.cholesky(x.T @ x + ridge * torch.eye(x.shape[1]))
        self.weight = torch.cholesky_solve(x.T @ y, factor)
    def __call__(self, noisy):
        return ((noisy.flatten(1) - self.x) @ self.weight + self.y).clamp(0, 1).view(noisy.shape)
def fit_matrix(clean, noise, ridge, generator):
    return Matrix(clean, noise, ridge, generator)
""",
    ],
    "salt": [
        _salt("""
noisy = clean.clone()
spoilt = torch.rand(clean.shape, generator=generator) < share
noisy[spoilt] = (torch.rand(clean.shape, generator=generator) < white).float()[spoilt]
return noisy"""),
        _salt("""
spoilt = torch.bernoulli(torch.full_like(clean, share), generator=generator).bool()
colour = torch.bernoulli(torch.full_like(clean, white), generator=generator)
return torch.where(spoilt, colour, clean)"""),
        _salt("""
draw = torch.rand(clean.shape, generator=generator)
return clean.masked_fill(draw < share, 0.0).masked_fill(draw < share * white, 1.0)"""),
    ],
}
