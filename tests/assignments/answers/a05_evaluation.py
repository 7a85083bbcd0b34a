"""Typical wrong answers to assignment 05: what a person would give, and what the student should read."""


def evaluate(denoised="denoiser(part).clamp(0, 1)", wanted="wanted", before="", draw=None, end=None):
    draw = draw or "noisy = noise(clean, torch.Generator().manual_seed(seed))"
    end = end or "return errors.mean().item(), (-10 * torch.log10(errors)).mean().item()"
    return f"""
def evaluate(denoiser, images, noise, seed, batch_size):
    clean = images.float() / 255
    {draw}
    errors = []
    {before}
    for part, wanted in zip(noisy.split(batch_size), clean.split(batch_size)):
        errors.append(({denoised} - {wanted}).square().mean(dim=(1, 2, 3)))
    batches, errors = errors, torch.cat(errors)
    {end}
"""


def compare(
    d="errors_a - errors_b",
    half="1.96 * d.std().item() / len(d) ** 0.5",
    a="m + half < 0",
    b="m - half > 0",
    m="d.mean()",
):
    return f"""
def compare(errors_a, errors_b):
    d = {d}
    m = {m}.item()
    half = {half}
    return m, half, "A" if {a} else "B" if {b} else "can't tell"
"""


def choose(images="val_images", report="test_images", pick="min", figure="mse", end=None):
    end = end or f"return name, du.evaluate(filters[name], {report}, noise).mse"
    return f"""
def choose(filters, val_images, test_images, noise):
    found = {{name: du.evaluate(f, {images}, noise).{figure} for name, f in filters.items()}}
    name = {pick}(found, key=found.get)
    {end}
"""


def ssim(
    flat="flatten(1)",
    var="x.var(dim=1, correction=0)",
    cov="((d - m_d[:, None]) * (c - m_c[:, None])).mean(dim=1)",
    c1="0.01**2",
    c2="0.03**2",
    end="s",
    two="2",
):
    return f"""
def global_ssim(denoised, clean):
    d, c = denoised.{flat}, clean.{flat}
    m_d, m_c = d.mean(dim=1), c.mean(dim=1)
    v_d, v_c = [{var} for x in (d, c)]
    cov = {cov}
    c1, c2 = {c1}, {c2}
    s = (2 * m_d * m_c + c1) * ({two} * cov + c2) / ((m_d**2 + m_c**2 + c1) * (v_d + v_c + c2))
    return {end}
"""


def gain(expression):
    return f"""
a, b = (torch.tensor(mine[name]) for name in ("A", "B"))
def db(x):
    return -10 * torch.log10(x)
my_gain = float({expression})
"""


WRONG = {
    "evaluate": [
        (evaluate("denoiser(part)"), 1, "goes beyond"),
        (
            evaluate(end="return sum(b.mean() for b in batches).item() / len(batches), -10 * errors.log10().mean().item()"),
            0,
            "mean of the batch means",
        ),
        (evaluate(end="return errors.mean().item(), (-10 * torch.log10(errors.mean())).item()"), 0, "PSNR of the mean MSE"),
        (evaluate(end="return errors.mean().item(), (10 * torch.log10(errors)).mean().item()"), 0, "wrong sign"),
        (evaluate(end="return errors.mean().item(), (-20 * torch.log10(errors)).mean().item()"), 0, "twice too much"),
        (evaluate(end="return (-10 * torch.log10(errors)).mean().item(), errors.mean().item()"), 0, "MSE should come first"),
        (evaluate(end="return errors.mean().item()"), 0, "two values"),
        (evaluate(end="return errors, -10 * torch.log10(errors)"), 0, "two numbers"),
        (evaluate(draw="noisy = noise(clean)"), 1, "Two calls with the same seed"),
        (evaluate(draw="noisy = noise(clean, torch.Generator())"), 1, "Two calls|another|not used"),
        (evaluate(draw="noisy = noise(clean, torch.Generator().manual_seed(0))"), 1, "seed was not used"),
        (
            evaluate(
                draw="noisy = torch.cat([noise(part, torch.Generator().manual_seed(seed)) for part in clean.split(batch_size)])"
            ),
            1,
            "generator starts anew",
        ),
        (
            "def evaluate(denoiser, images, noise, seed, batch_size):\n"
            "    got = du.evaluate(denoiser, images, noise, seed=seed, batch_size=batch_size)\n"
            "    return got.mse, got.psnr",
            1,
            "du.evaluate's own figure",
        ),
        (evaluate("part"), 0, "never asked"),
        (evaluate(wanted="part"), 0, "compares the answer with the noisy"),
        (evaluate("denoiser(wanted).clamp(0, 1)"), 1, "got the clean pictures"),
        (evaluate(wanted="wanted * 255"), 0, "which range"),
        (evaluate(draw="clean = images.float(); noisy = noise(clean, torch.Generator())"), 0, "should be in"),
        (
            evaluate(
                draw="g = torch.Generator().manual_seed(seed); "
                "noisy = torch.cat([noise(part, g) for part in clean.split(batch_size)])"
            ),
            4,
            "drawn batch by batch",
        ),
        (evaluate("denoiser(noisy).clamp(0, 1)", "clean"), 4, "batch_size 1: it should get this many"),
        (evaluate(before="batch_size = len(clean)"), 4, "batch_size 1: it should get this many"),
        (evaluate(before="batch_size = 1"), 4, "batch_size 100: it should get this many"),
        (evaluate(before="images.zero_()"), 4, "images are changed afterwards"),
        ("def evaluate(denoiser, images, noise, seed, batch_size):\n    pass", 0, "returned nothing"),
    ],
    "gain": [
        (gain("db(b).mean() - db(a).mean()"), 0, "wrong sign"),
        (gain("db(a.mean()) - db(b.mean())"), 0, "PSNRs of the mean MSEs. First"),
        (gain("db(b.mean()) - db(a.mean())"), 0, "and B with A"),
        (gain("2 * (db(a) - db(b)).mean()"), 0, "Twice too much"),
        (gain("(db(a) - db(b)).sum()"), 0, "sum over"),
        (gain("(db(a) - db(b)).mean() / 10"), 0, "bels"),
        (gain("-10 * (a.log() - b.log()).mean()"), 0, "natural logarithm"),
        (gain("db(a).mean()"), 0, "A's mean PSNR"),
        (gain("db(b).mean()"), 0, "B's mean PSNR"),
        (gain("a.mean() - b.mean()"), 0, "difference of MSEs"),
        ("my_gain = ...", 0, "not answered"),
        ('my_gain = "A"', 0, "should be a number"),
        ("my_gain = 77", 0, "each of the six"),
    ],
    "compare": [
        (compare("errors_b - errors_a"), 0, "wrong sign"),
        (compare("(errors_a - errors_b).abs()"), 0, "sizes of the differences"),
        (compare(half="1.96 * ((errors_a.var() + errors_b.var()).item() / len(d)) ** 0.5"), 0, "two separate samples"),
        (compare(half="1.96 * (errors_a.std() + errors_b.std()).item() / len(d) ** 0.5"), 0, "sum of two intervals"),
        (compare(half="1.96 * d.std().item()"), 1, "95 % of the pictures"),
        (compare(half="d.std().item() / len(d) ** 0.5"), 1, "68 %"),
        (compare(half="1.96 * d.std().item() / len(d)"), 1, "divided by N"),
        (compare(half="2 * 1.96 * d.std().item() / len(d) ** 0.5"), 1, "full width"),
        (compare(half="1.96 * d.var().item() / len(d) ** 0.5"), 1, "variance"),
        (compare(half="1.96 * d.std(correction=0).item() / len(d) ** 0.5"), 1, "N - 1"),
        (compare(half="2 * d.std().item() / len(d) ** 0.5"), 1, "instead of 1.96"),
        (compare(a="m - half > 0", b="m + half < 0"), 1, "less is better"),
        (compare(a="False", b="False"), 1, "be bold"),
        (compare(a="m < 0", b="m > 0"), 2, "may be luck"),
        (compare(b="False"), 3, "B has the smaller error"),
        (compare(a="m + half <= 0", b="m - half >= 0"), 3, "interval is the point 0"),
        (compare(a="m + half < 0", b="m - half > 1e-3"), 3, "about 0.005|about 5e-05"),
        ("def compare(errors_a, errors_b):\n    return (errors_a - errors_b).mean().item()", 0, "three values"),
        ("def compare(errors_a, errors_b):\n    pass", 0, "returned nothing"),
    ],
    "choose": [
        (choose(images="test_images"), 0, r"best on the \*test\*"),
        (choose(images="torch.cat([val_images, test_images])"), 0, "together|test"),
        (choose(report="val_images"), 0, "validation MSE: the pictures that chose"),
        (choose(pick="max"), 0, "largest"),
        (choose(end="return name"), 0, "two values"),
        (choose(end="return filters[name], du.evaluate(filters[name], test_images, noise).mse"), 0, "should be a name"),
        (choose(end="return name, du.evaluate(filters[name], test_images, noise).psnr"), 0, "PSNR, not the MSE"),
        (choose(end="return name, min(du.evaluate(f, test_images, noise).mse for f in filters.values())"), 0, "smallest MSE"),
        (choose(end="return name, du.evaluate(filters[name], test_images, noise, seed=1).mse"), 0, "which seed"),
        (choose(figure="psnr"), 0, "largest validation MSE"),
        (choose(figure="psnr", pick="max"), 2, "which has the larger mean MSE"),
        (choose(figure="per_image['mse'].median()"), 2, "hard picture|smallest"),
        ("def choose(filters, val_images, test_images, noise):\n    pass", 0, "returned nothing"),
    ],
    "global_ssim": [
        (ssim("reshape(1, -1)"), 0, "shape"),
        (ssim("reshape(1, -1)", end="s.expand(len(clean))"), 0, "over all pictures of the batch"),
        (ssim(c1="0", c2="0"), 0, "C1 and C2 are missing"),
        (ssim(c1="0.01", c2="0.03"), 1, "squares"),
        (ssim(c1="0.03**2", c2="0.01**2"), 1, "exchanged"),
        (ssim(var="x.std(dim=1, correction=0)"), 0, "needs their squares"),
        (ssim(cov="(d * c).mean(dim=1)"), 0, "not centred"),
        (ssim(two="1"), 0, "factor 2 before the covariance"),
        (ssim(cov="(v_d * v_c).sqrt()"), 0, "in the place of the covariance"),
        (ssim(var="x.var(dim=1)"), 0, "covariance by N"),
        (
            ssim(
                var="x.var(dim=1)", cov="((d - m_d[:, None]) * (c - m_c[:, None])).sum(dim=1) / (d.shape[1] - 1)"
            ),
            1,
            "divide the deviations by N - 1",
        ),
        (ssim(end="cov / (v_d * v_c).sqrt()"), 0, "correlation"),
        (ssim(end="s.mean()"), 0, "3 figures"),
        ("def global_ssim(denoised, clean):\n    return du.ssim(denoised, clean)", 0, "ValueError"),
        ("def global_ssim(denoised, clean):\n    return du.mse(denoised, clean)", 0, "MSE of each picture"),
        (ssim(end="s.squeeze()"), 2, "single picture"),
        (ssim(end="s.clamp(0, 1)"), 2, "own negative"),
        (ssim(cov="((d - m_d[:, None]) * (c - m_c[:, None])).mean(dim=1).abs()"), 2, "own negative"),
        ("def global_ssim(denoised, clean):\n    pass", 0, "returned nothing"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "evaluate": [
        """
def evaluate(denoiser, images, noise, seed, batch_size):
    clean = du.to_float(images)
    noisy = noise(clean, torch.Generator().manual_seed(seed))
    denoised = torch.cat([denoiser(part) for part in noisy.split(batch_size)]).clamp(0, 1)
    return du.mse(denoised, clean).mean().item(), du.psnr(denoised, clean).mean().item()
""",
        """
import math
import torch.nn.functional as F
def evaluate(denoiser, images, noise, seed, batch_size):
    generator = torch.Generator()
    generator.manual_seed(seed)
    clean = images / 255
    noisy, mses = noise(clean, generator), []
    for start in range(0, len(clean), batch_size):
        answers = torch.clip(denoiser(noisy[start : start + batch_size]), 0, 1)
        mses += [F.mse_loss(a, c).item() for a, c in zip(answers, clean[start : start + batch_size])]
    return sum(mses) / len(mses), sum(10 * math.log10(1 / mse) for mse in mses) / len(mses)
""",
        """
def evaluate(denoiser, images, noise, seed, batch_size):
    clean = torch.cat(list(du.batches(images, batch_size)))
    noisy = noise(clean, torch.Generator().manual_seed(seed))
    parts = [du.mse(denoiser(x.clone()).clamp(0, 1), y) for x, y in zip(noisy.split(batch_size), clean.split(batch_size))]
    mse = torch.cat(parts)
    return mse.mean(), (-10 * mse.log10()).mean()
""",
    ],
    "gain": [
        gain("(db(a) - db(b)).mean()"),
        gain("10 * (b / a).log10().mean()"),
        "import math\nmy_gain = round(sum(10 * math.log10(b / a) for a, b in zip(mine['A'], mine['B'])) / 3, 2)",
    ],
    "compare": [
        """
import math
def compare(errors_a, errors_b):
    d = (errors_a - errors_b).double()
    half = 1.96 * d.std() / math.sqrt(len(d))
    low, high = d.mean() - half, d.mean() + half
    return d.mean(), half, "can't tell" if low <= 0 <= high else "A" if high < 0 else "B"
""",
        """
import statistics
def compare(errors_a, errors_b):
    d = [a - b for a, b in zip(errors_a.tolist(), errors_b.tolist())]
    mean, half = statistics.fmean(d), 1.96 * statistics.stdev(d) / len(d) ** 0.5
    if abs(mean) <= half:
        return [mean, half, "can't tell"]
    return [mean, half, "A" if mean < 0 else "B"]
""",
        """
import numpy as np
def compare(errors_a, errors_b):
    d = (errors_a - errors_b).numpy()
    mean, half = d.mean(), 1.96 * d.std(ddof=1) / np.sqrt(d.size)
    return mean, half, "A" if mean < -half else "B" if mean > half else "can't tell"
""",
        """
def compare(errors_a, errors_b):
    one, other = (du.evaluation.Evaluation(0, 0, 0, len(e), {"mse": e}) for e in (errors_a, errors_b))
    difference, half = one.difference(other)
    return difference, half, "A" if difference + half < 0 else "B" if difference - half > 0 else "can't tell"
""",
    ],
    "choose": [
        choose(images="val_images.clone()"),
        """
def choose(filters, val_images, test_images, noise):
    best, smallest = None, float("inf")
    for name in filters:
        mse = du.evaluate(filters[name], val_images, noise, batch_size=100).mse
        if mse < smallest:
            best, smallest = name, mse
    return [best, torch.tensor(du.evaluate(filters[best], test_images, noise, seed=0).mse, dtype=torch.float64)]
""",
        """
def choose(filters, val_images, test_images, noise):
    def mse(denoiser, images):
        noisy, clean = du.fixed_noise(images, noise)
        return du.mse(denoiser(noisy).clamp(0, 1), clean).mean().item()
    name = min(filters, key=lambda name: mse(filters[name], val_images))
    return name, mse(filters[name], test_images)
""",
    ],
    "global_ssim": [
        ssim(cov="(d * c).mean(dim=1) - m_d * m_c", var="(x**2).mean(dim=1) - x.mean(dim=1) ** 2"),
        ssim(flat="reshape(len(denoised), -1)", var="x.var(dim=1, unbiased=False)"),
        """
def global_ssim(denoised, clean):
    found = []
    for d, c in zip(denoised.double(), clean.double()):
        stacked = torch.cov(torch.stack([d.flatten(), c.flatten()]), correction=0)
        means = 2 * d.mean() * c.mean() + 1e-4, d.mean() ** 2 + c.mean() ** 2 + 1e-4
        found.append(means[0] * (2 * stacked[0, 1] + 9e-4) / (means[1] * (stacked[0, 0] + stacked[1, 1] + 9e-4)))
    return torch.stack(found).float()
""",
    ],
}  # fmt: skip
