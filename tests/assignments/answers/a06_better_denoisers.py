"""Typical wrong answers to assignment 06: what a person would give, and what the student should read."""


def shifts(
    steps="range(-reach, reach + 1)",
    move="shift(noisy, r, c)",
    back="shift(answer, -r, -c)",
    ones="shift(torch.ones_like(noisy), -r, -c)",
    skip="False",
    end="total / count",
):
    return f"""
def shift_average(denoiser, noisy, reach):
    total, count = torch.zeros_like(noisy), torch.zeros_like(noisy)
    for r in {steps}:
        for c in {steps}:
            if {skip}:
                continue
            answer = denoiser({move})
            total = total + {back}
            count = count + {ones}
    return {end}
"""


def denoiser(answer, before="pass"):
    return f"""
def as_denoiser(predictor, sigma):
    def denoise(noisy):
        {before}
        return {answer}
    return denoise
"""


def posterior(scores="-distances / (2 * sigma**2)", distances="squares.sum(dim=2)", weights=None, end=None):
    return f"""
def posterior_mean(noisy, possible, sigma):
    y, x = noisy.flatten(1), possible.flatten(1)
    squares = (y[:, None] - x).square()
    distances = {distances}
    weights = {weights or f"torch.softmax({scores}, dim=1)"}
    return {end or "(weights @ x).view_as(noisy)"}
"""


NAIVE = "torch.exp(-distances / (2 * sigma**2))"


def choose(
    keep="not m.isnan().any()",
    centre="m.mean()",
    error="found[best].std() / len(found[best]) ** 0.5",
    pick="runs[name][0]",
):
    return f"""
def choose(runs):
    found = {{name: torch.tensor(m, dtype=torch.float64) for name, (_, m) in runs.items()}}
    found = {{name: m for name, m in found.items() if {keep}}}
    centre = {{name: {centre} for name, m in found.items()}}
    best = min(centre, key=centre.get)
    near = [name for name in found if centre[name] <= centre[best] + {error}]
    return min(near, key=lambda name: {pick})
"""


WRONG = {
    "shift_average": [
        (shifts(move="noisy.roll((r, c), (2, 3))", back="answer.roll((-r, -c), (2, 3))", ones="1"), 0, "wrap"),
        (shifts(end="total / (2 * reach + 1) ** 2"), 0, "too dark"),
        (shifts(end="total"), 0, "sum of all answers"),
        (shifts(back="answer.roll((-r, -c), (2, 3))", ones="1"), 0, "wrap on their way back"),
        (shifts(back="answer", ones="1"), 0, "not shifted back"),
        (shifts(back="shift(answer, r, c)", ones="shift(torch.ones_like(noisy), r, c)"), 0, "shifted on"),
        (shifts(skip="r == c == 0"), 0, "unmoved picture is missing"),
        (shifts(skip="r * c != 0"), 0, "diagonal"),
        (shifts(steps="range(-reach, reach)"), 0, "range leave out"),
        (shifts(move="noisy", back="answer", ones="1"), 0, "plain answer"),
        (shifts(move="shift(noisy, c, r)"), 0, "mean is wrong"),
        (shifts(back="shift(noisy, r, c) * 0 + answer[:, :, :1]", ones="1"), 0, "mean is wrong"),
        (shifts(ones="(shift(noisy, r, c) > 0)"), 2, "changes nothing: the mean should"),
        (shifts(end="(total / count)[0]"), 0, "same shape"),
        (shifts(steps="(-1, 0, 1)"), 3, "reach 0 has one shift"),
        (shifts(ones="shift(torch.ones(1, 1, *noisy.shape[2:]), -r, -c)", steps="range(-1, reach + 1)"), 3, "reach 0 has one"),
        (
            "def shift_average(denoiser, noisy, reach):\n"
            "    steps = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]\n"
            "    moved = sum(shift(noisy, r, c) for r, c in steps) / 9\n"
            "    return denoiser(moved)",
            0,
            "mean is wrong",
        ),
        ("def shift_average(denoiser, noisy, reach):\n    noisy.mul_(0.5)\n    return denoiser(noisy)", 0, "changed the noisy"),
        ("def shift_average(denoiser, noisy, reach):\n    pass", 0, "returned nothing"),
    ],
    "ensemble": [
        ('my_mse = mine["E"]', 0, "one network alone"),
        ('my_mse = mine["E"] - mine["D"] / 4', 0, "rule for two"),
        ('my_mse = mine["E"] - mine["D"] / 2', 0, "limit for very many"),
        ('my_mse = mine["E"] - mine["D"]', 0, "whole of D"),
        ('my_mse = mine["E"] - mine["D"] * (1 - 1 / mine["networks"])', 0, "Twice the gain"),
        ('my_mse = mine["E"] - mine["D"] / mine["networks"]', 0, "it should grow"),
        ('my_mse = mine["E"] - mine["D"] / (2 * mine["networks"])', 0, "Try your rule"),
        ('my_mse = mine["E"] - mine["D"] * mine["networks"] / 4', 0, "without an end"),
        ('my_mse = mine["E"] + mine["D"] * (mine["networks"] - 1) / (2 * mine["networks"])', 0, "check the sign"),
        ('my_mse = mine["E"] / mine["networks"]', 0, "nothing in common"),
        ("my_mse = ...", 0, "not answered"),
        ("my_mse = 0.5", 0, "Which fraction"),
    ],
    "as_denoiser": [
        (denoiser("noisy - sigma * predictor(noisy)"), 0, r"leaves \[0, 1\]"),
        (denoiser("(noisy - predictor(noisy)).clamp(0, 1)"), 0, "in units of σ"),
        (denoiser("(noisy - sigma**2 * predictor(noisy)).clamp(0, 1)"), 0, "σ²"),
        (denoiser("(noisy - predictor(noisy) / sigma).clamp(0, 1)"), 0, "divided by σ"),
        (denoiser("(noisy + sigma * predictor(noisy)).clamp(0, 1)"), 0, "once more"),
        (denoiser("sigma * predictor(noisy)"), 0, "That is the noise"),
        (denoiser("predictor(noisy)"), 0, "predictor's own answer"),
        (denoiser("noisy - (sigma * predictor(noisy)).clamp(0, 1)"), 0, "clamped the noise"),
        (denoiser("noisy - sigma * predictor(noisy).clamp(0, 1)"), 0, "clamped the predictor's answer"),
        (denoiser("(sigma * predictor(noisy) - noisy).clamp(0, 1)"), 0, "turned round"),
        (denoiser("noisy.sub_(sigma * predictor(noisy)).clamp_(0, 1)"), 0, "changed the noisy"),
        ("def as_denoiser(predictor, sigma):\n    return predictor(noisy)", 0, "NameError|AttributeError|function"),
        (denoiser("None"), 0, "yours returned nothing"),
        (denoiser("(x - sigma * predictor(x)).clamp(0, 1)", "x = noisy.clamp(0, 1)"), 2, "from below 0 to above 1"),
        (denoiser("(noisy - sigma * predictor(noisy.clamp(0, 1))).clamp(0, 1)"), 2, "from below 0 to above 1"),
        (denoiser("(noisy.clamp(0, 1) - sigma * predictor(noisy)).clamp(0, 1)"), 2, "from below 0 to above 1"),
        ("def as_denoiser(predictor, sigma):\n    pass", 0, "returned nothing"),
    ],
    "posterior_mean": [
        (posterior(distances="squares.mean(dim=2)"), 0, "mean over the pixels"),
        (posterior("-distances / sigma**2"), 1, "2 under the fraction"),
        (posterior("-distances / (2 * sigma)"), 1, "without its square"),
        (posterior("-distances / 2"), 1, "σ is missing"),
        (posterior("-distances"), 1, "and the 2 too"),
        (posterior(distances="torch.cdist(y, x)"), 1, "took its root"),
        (posterior("distances / (2 * sigma**2)"), 0, "turned round"),
        (posterior(weights="torch.softmax(-distances / (2 * sigma**2), dim=0)"), 0, "over the noisy pictures"),
        (posterior(weights=NAIVE), 0, "don't add up to 1"),
        (posterior(end="possible[distances.argmin(dim=1)]"), 1, "most probable"),
        (posterior(end="possible.mean(dim=0).expand_as(noisy)"), 0, "weights are missing"),
        (posterior(end="(weights[:, :, None] * x).mean(dim=1).view_as(noisy)"), 0, "already add up"),
        (posterior(distances="squares.sqrt().sum(dim=2)"), 1, "absolute"),
        (posterior(end="noisy"), 0, "noisy picture itself"),
        (posterior(end="weights @ x"), 0, "it should return"),
        (posterior(weights=f"(lambda w: w / w.sum(dim=1, keepdim=True))({NAIVE})"), 4, "NaN or infinity"),
        (posterior(weights=f"(lambda w: w / (w.sum(dim=1, keepdim=True) + 1e-12))({NAIVE})"), 4, "away from the best"),
        ("def posterior_mean(noisy, possible, sigma):\n    pass", 0, "returned nothing"),
    ],
    "choose": [
        (choose(centre="m.min()", error="0"), 0, "best single start"),
        (choose(error="0"), 0, "smallest mean, but a smaller"),
        (choose(error="found[best].std()"), 0, r"one \*spread\*"),
        (choose(pick="centre[name]"), 0, "smallest mean, but a smaller"),
        (choose(pick="-runs[name][0]"), 0, "near enough"),
        ("def choose(runs):\n    return min(runs, key=lambda name: runs[name][0])", 0, "best single start"),
        ("def choose(runs):\n    return max(runs, key=lambda name: sum(runs[name][1]))", 0, "mean is bad"),
        ("def choose(runs):\n    return 0.0124", 0, "one of the names"),
        ("def choose(runs):\n    return min(runs, key=lambda name: sorted(runs[name][1])[1])", 0, "best starts"),
        (choose(keep="True"), 2, "failed|NaN"),
        (choose(keep="True", centre="m.nanmean()"), 2, "failed"),
        (choose(centre="m.sum() / 4"), 2, "number of starts|smallest mean"),
        (choose(error="found[best].std() / 2"), 2, "the standard error of 9 starts"),
        ("def choose(runs):\n    pass", 0, "returned nothing"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "shift_average": [
        """
def shift_average(denoiser, noisy, reach):
    height, width = noisy.shape[2:]
    total, count = torch.zeros_like(noisy), torch.zeros(1, 1, height, width)
    for r in range(-reach, reach + 1):
        for c in range(-reach, reach + 1):
            total = total + shift(denoiser(shift(noisy, r, c)), -r, -c)
            rows, columns = torch.arange(height)[:, None] + r, torch.arange(width) + c
            count = count + ((rows >= 0) & (rows < height) & (columns >= 0) & (columns < width))
    return total / count
""",
        """
def shift_average(denoiser, noisy, reach):
    steps = range(-reach, reach + 1)
    answers = torch.stack([shift(denoiser(shift(noisy, r, c)), -r, -c) for r in steps for c in steps])
    there = torch.stack([shift(torch.ones_like(noisy), -r, -c) for r in steps for c in steps])
    return (answers * there).sum(dim=0) / there.sum(dim=0)
""",
        """
def shift_average(denoiser, noisy, reach):
    steps, shape = range(-reach, reach + 1), noisy.shape
    moved = torch.cat([shift(noisy, r, c) for r in steps for c in steps])
    answers = denoiser(moved).split(shape[0])
    hole = torch.full(shape, float("nan"))
    back = []
    for (r, c), answer in zip([(r, c) for r in steps for c in steps], answers):
        there = shift(torch.ones(shape), -r, -c).bool()
        back.append(torch.where(there, shift(answer, -r, -c), hole))
    return torch.stack(back).nanmean(dim=0)
""",
    ],
    "ensemble": [
        'n = mine["networks"]\nmy_mse = mine["E"] - mine["D"] / 2 * (1 - 1 / n)',
        'n, torch_d = mine["networks"], torch.tensor(mine["D"])\nmy_mse = mine["E"] - torch_d * (n - 1) / (2 * n)',
        'n = mine["networks"]\nmy_mse = round(mine["E"] - mine["D"] * (n - 1) / (2 * n), 5)',
    ],
    "as_denoiser": [
        denoiser("torch.clip(torch.sub(noisy, predictor(noisy), alpha=sigma), 0, 1)"),
        denoiser("(noisy - found).clamp_(0, 1)", "found = predictor(noisy).mul(sigma)"),
        """
class Denoiser(torch.nn.Module):
    def __init__(self, predictor, sigma):
        super().__init__()
        self.predictor, self.sigma = predictor, sigma
    def forward(self, noisy):
        return (noisy - self.predictor(noisy) * self.sigma).clamp(0, 1)
def as_denoiser(predictor, sigma):
    return Denoiser(predictor, sigma)
""",
        """
import functools
def answer(predictor, sigma, noisy):
    return torch.clamp(noisy - sigma * predictor(noisy.clone()), min=0, max=1)
def as_denoiser(predictor, sigma):
    return functools.partial(answer, predictor, sigma)
""",
    ],
    "posterior_mean": [
        posterior(distances="torch.cdist(y, x).square()"),
        posterior(weights="(lambda s: torch.exp(s - s.logsumexp(dim=1, keepdim=True)))(-distances / (2 * sigma**2))"),
        """
def posterior_mean(noisy, possible, sigma):
    answers = []
    for y in noisy.double():
        scores = -(y - possible.double()).pow(2).sum(dim=(1, 2, 3)) / (2 * sigma**2)
        weights = torch.exp(scores - scores.max())
        weights = weights / weights.sum()
        answers.append((weights.view(-1, 1, 1, 1) * possible).sum(dim=0))
    return torch.stack(answers).float()
""",
    ],
    "choose": [
        """
import math, statistics
def choose(runs):
    good = {name: mses for name, (_, mses) in runs.items() if not any(math.isnan(mse) for mse in mses)}
    means = {name: statistics.fmean(mses) for name, mses in good.items()}
    best = min(means, key=means.get)
    limit = means[best] + statistics.stdev(good[best]) / math.sqrt(len(good[best]))
    for name in sorted(good, key=lambda name: runs[name][0]):
        if means[name] <= limit:
            return name
""",
        """
import numpy as np
def choose(runs):
    table = [(p, name, np.array(mses)) for name, (p, mses) in runs.items() if np.isfinite(mses).all()]
    _, _, best = min(table, key=lambda row: row[2].mean())
    limit = best.mean() + best.std(ddof=1) / np.sqrt(len(best))
    return min(row[:2] for row in table if row[2].mean() <= limit)[1]
""",
    ],
}  # fmt: skip
