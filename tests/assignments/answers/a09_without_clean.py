"""Typical wrong answers to assignment 09: what a person would give, and what the student should read."""


def losses(
    ana='mine["Ana"] - s2 / mine["targets"]', ben='mine["Ben"] - s2 * (1 + 1 / mine["alpha"] ** 2)', end="ben - ana"
):
    return f"""
s2 = mine["sigma"] ** 2
ana = {ana}
ben = {ben}
my_difference = {end}
"""


def cameras(how="var", half="/ 2", root="max(one, 0) ** 0.5", order="va, vb, vc", before="pass", abs_="one"):
    return f"""
def cameras(a, b, c):
    {before}
    def var(one):
        return one.var().item()
    def square(one):
        return one.square().mean().item()
    def spread(one):
        return one.std().item()
    ab, ac, bc = {how}(a - b), {how}(a - c), {how}(b - c)
    va, vb, vc = (ab + ac - bc) {half}, (ab + bc - ac) {half}, (ac + bc - ab) {half}
    return [{root} for one in ({order})]
"""


def risk(
    first="c.abs().clamp(max=t).square()",
    slope="(c.abs() > t).float()",
    variance="sigma**2",
    sign="+",
    two="2 * ",
    end=None,
):
    end = end or "return (residual - variance {sign} {two}variance * slope).mean(dim=(1, 2, 3))"
    return f"""
def threshold_risk(coefficients, sigma, threshold):
    c, t = coefficients, threshold
    soft = torch.nn.functional.softshrink(c, t)
    residual, slope, variance = {first}, {slope}, {variance}
    {end.format(sign=sign, two=two)}
"""


PLAIN = "return (residual - variance + 2 * variance * slope)"


def calibrate(
    part="(one(hidden) - noisy)[..., mask]",
    join="torch.cat(parts).square().mean()",
    phases="range(9)",
    best="min",
    mse=None,
):
    return f"""
def calibrate(filters, noisy, sigma):
    losses = {{}}
    for name, one in filters.items():
        parts = []
        for phase in {phases}:
            hidden, mask = du.hide_pixels(noisy, phase)
            parts.append({part}.flatten())
        losses[name] = {join}.item()
    best = {best}(losses, key=losses.get)
    return best, {mse or "losses[best] - sigma**2"}
"""


def ways(
    cut="max((one == one.min()).float().mean(), (one == one.max()).float().mean()) > 0.01",
    which="(first, second)",
    d="first - second",
    right="(d[..., 1:] * d[..., :-1]).mean() / d.square().mean()",
    down="(d[..., 1:, :] * d[..., :-1, :]).mean() / d.square().mean()",
    correlated="max(abs(right), abs(down)) > 0.1",
    spread="d.std() / 2**0.5",
    off="abs(measured - sigma) > 0.05 * sigma",
    centre="d - d.mean()",
    none="[]",
    lines='["Noise2Noise"]',
    wrong='["Noise2Noise", "blind spot"]',
    fine='["Noise2Noise", "blind spot", "R2R", "SURE"]',
):
    return f"""
def ways(first, second, sigma):
    for one in {which}:
        if {cut}:
            return {none}
    d = {d}
    d = {centre}
    right = {right}
    down = {down}
    if {correlated}:
        return {lines}
    measured = {spread}
    if {off}:
        return {wrong}
    return {fine}
"""


WRONG = {
    "difference": [
        (losses(end="ana - ben"), 0, "wrong sign"),
        (losses(end='mine["Ben"] - mine["Ana"]'), 0, "compares the losses"),
        (losses(ana='mine["Ana"] - s2', ben='mine["Ben"] - s2'), 0, "compares the losses"),
        (losses(end="ben"), 0, "That is Ben's MSE"),
        (losses(end="ana"), 0, "That is Ana's MSE"),
        (losses(ana='mine["Ana"]'), 0, "Ana's targets are noisy, too"),
        (losses(ana='mine["Ana"] - s2'), 0, "how strong is its noise"),
        (losses(ana='mine["Ana"] - s2 / mine["targets"] ** 2'), 0, "not with its square"),
        (losses(ana='mine["Ana"] - s2 / mine["targets"] ** 0.5'), 0, "the root of their number"),
        (losses(ana='mine["Ana"] - s2 * mine["targets"]'), 0, "not their sum"),
        (losses(ben='mine["Ben"]'), 0, "what went into it"),
        (losses(ben='mine["Ben"] - s2'), 0, "made his target himself"),
        (losses(ben='mine["Ben"] - s2 / mine["alpha"] ** 2'), 0, "The camera's is in his target"),
        (losses(ben='mine["Ben"] - s2 * (1 + mine["alpha"] ** 2)'), 0, "what Ben's network looks at"),
        (losses(ben='mine["Ben"] - s2 * (1 + 1 / mine["alpha"])'), 0, "another variance"),
        (losses(ben='mine["Ben"] - s2 * (1 + 1 / mine["alpha"]) ** 2'), 0, "added two standard deviations"),
        (losses(ben='mine["Ben"] - s2 * (1 - 1 / mine["alpha"] ** 2)'), 0, "add up all the same"),
        (losses().replace("** 2\nana", "\nana"), 0, "σ is not squared"),
        ("my_difference = 0.5", 0, "Take each loss apart"),
        ("my_difference = ...", 0, "not answered"),
    ],
    "cameras": [
        (cameras(root="one"), 0, "Those are variances"),
        (cameras(half=""), 0, "Twice the variance"),
        (cameras(how="square"), 0, "You counted that as noise"),
        ("def cameras(a, b, c):\n    return a.std(), b.std(), c.std()", 0, "the scene included"),
        ("def cameras(a, b, c):\n    return (a - b).std(), (a - c).std(), (b - c).std()", 0, "holds two cameras' noise"),
        (
            "def cameras(a, b, c):\n    return [(one - other).std() / 2**0.5 for one, other in ((a, b), (b, c), (a, c))]",
            0,
            "third one tell",
        ),
        (
            "def cameras(a, b, c):\n    mean = (a + b + c) / 3\n    return [(one - mean).std() for one in (a, b, c)]",
            0,
            "it should be",
        ),
        (
            "def cameras(a, b, c):\n    ab, ac, bc = (a - b).var(), (a - c).var(), (b - c).var()\n"
            "    return ((ab + ac) / 4) ** 0.5, ((ab + bc) / 4) ** 0.5, ((ac + bc) / 4) ** 0.5",
            0,
            "mean over the differences",
        ),
        (cameras(how="spread", root="one"), 0, "standard deviations"),
        (cameras(order="vb, va, vc"), 0, "another order"),
        (cameras(order="-va, -vb, -vc", root="torch.tensor(one).sqrt()"), 0, "root of a number below 0"),
        (cameras(root="torch.tensor(one).sqrt()"), 2, "counts as 0"),
        (cameras(root="abs(one) ** 0.5"), 2, "counts as 0"),
        (cameras(root="max(one, 0.01) ** 0.5"), 2, "should be"),
        (cameras(order="va, vb"), 0, "3 numbers"),
        (cameras(before="a -= b"), 0, "changed the pictures"),
        ("def cameras(a, b, c):\n    return (a - b).std().item()", 0, "3 numbers"),
        ("def cameras(a, b, c):\n    return [a, b, c]", 0, "one of yours is a Tensor"),
        ("def cameras(a, b, c):\n    pass", 0, "returned nothing"),
    ],
    "threshold_risk": [
        (risk(two=""), 0, "2 before the slope"),
        (risk(end="return (residual + 2 * variance * slope).mean(dim=(1, 2, 3))"), 0, "middle term"),
        (risk(end="return (residual + variance + 2 * variance * slope).mean(dim=(1, 2, 3))"), 0, "σ² is added"),
        (risk(slope="0"), 0, "slope is missing"),
        (risk(end="return residual.mean(dim=(1, 2, 3))"), 0, r"from the \*noisy\* picture"),
        (risk(sign="-"), 0, "wrong sign"),
        (risk(variance="sigma"), 0, "σ is not squared"),
        (risk(slope="(c.abs() <= t).float()"), 0, "What is the slope there"),
        (risk(first="c.square() * (c.abs() <= t)"), 1, "come out nearer to 0"),
        (risk(first="torch.full_like(c, t**2)"), 0, "whole threshold"),
        (risk(slope="(c > t).float()"), 0, "below 0 are kept"),
        (risk(first="(soft.clamp(0, 1) - c).square()"), 0, "clamped the answer"),
        (risk(slope="soft / c"), 1, "answer/coefficient"),
        (risk(end=f"{PLAIN}.mean().expand(len(c))"), 1, "each has an estimate of its own"),
        (risk(end=f"{PLAIN}.mean()"), 0, r"shape \[3\]"),
        (risk(end=f"{PLAIN}.sum(dim=(1, 2, 3))"), 0, "An MSE is a mean"),
        (
            risk(end="return (residual - variance).mean(dim=(1, 2, 3)) + 2 * variance * slope.sum(dim=(1, 2, 3))"),
            0,
            "sum of the slopes",
        ),
        (risk(end=f"{PLAIN}.mean(dim=(1, 2, 3)).clamp(min=0)"), 1, "may lie below 0"),
        (risk(first="c.abs_().clamp(max=t).square()"), 2, "changed the coefficients"),
        (risk(end=f"{PLAIN}.sum(dim=(1, 2, 3)) / 42"), 2, "threshold 0"),
        (risk(end=f"{PLAIN}.view(3, -1).mean(dim=1)"), 2, "invalid for input|shape"),
        (risk(first="(soft - c).square().sum(dim=(1, 2, 3))", end="return residual"), 0, "The estimate is another one"),
        ("def threshold_risk(coefficients, sigma, threshold):\n    pass", 0, "returned nothing"),
    ],
    "calibrate": [
        (calibrate(part="(one(noisy) - noisy)"), 0, "nothing was hidden"),
        (calibrate(best="max"), 0, "largest loss"),
        (calibrate(mse="losses[best]"), 1, "the target is noisy"),
        (calibrate(join="torch.stack([part.square().mean() for part in parts]).mean()"), 1, "mean of nine means"),
        (calibrate(phases="range(1)"), 1, "only one of the nine"),
        (calibrate(join="sum(part.square().mean() for part in parts)"), 1, "added the nine grids' losses"),
        (calibrate(mse="losses[best] - sigma"), 1, "σ is not squared"),
        (calibrate(mse="losses[best] + sigma**2"), 1, "in which direction"),
        (calibrate(mse="losses[best] - 2 * sigma**2"), 1, "twice"),
        (calibrate(mse="(filters[best](noisy) - noisy).square().mean() - sigma**2"), 1, "nothing was hidden"),
        (calibrate(part="(one(hidden) - noisy)"), 0, "you judge all pixels"),
        (calibrate(part="(one(hidden).clamp(0, 1) - noisy)[..., mask]"), 1, "clamped"),
        (calibrate(part="(one(hidden) - hidden)[..., mask]"), 0, "nothing was hidden"),
        (calibrate(phases="range(8)"), 1, "not the MSE"),
        (calibrate(mse="max(losses[best] - sigma**2, 0)"), 3, "is below 0"),
        (calibrate(part="(one(hidden) - noisy)[:2, :, mask]"), 1, "not the MSE"),
        ("def calibrate(filters, noisy, sigma):\n    return min(filters), 0.02", 0, "You chose"),
        ("def calibrate(filters, noisy, sigma):\n    return 'a blur', 0.02", 0, "a name from the dict"),
        ("def calibrate(filters, noisy, sigma):\n    return 0.02", 0, "two values"),
        (calibrate().replace("    losses = {}", "    noisy.mul_(1.0).add_(1e-3)\n    losses = {}"), 3, "changed afterwards"),
        ("def calibrate(filters, noisy, sigma):\n    pass", 0, "returned nothing"),
    ],
    "ways": [
        (ways(d="first"), 1, "leave out"),
        (ways(spread="first.std()"), 1, "leave out"),
        (ways(spread="d.std()"), 1, "leave out"),
        (ways(spread="d.std() / 2"), 1, "leave out"),
        (ways(cut="False"), 1, "cut to"),
        (ways(correlated="False"), 1, "shares a half"),
        (ways(off="False"), 1, "believed to be 0.5"),
        (ways(lines='["Noise2Noise", "blind spot"]'), 1, "you allow blind spot"),
        (ways(none='["Noise2Noise"]'), 1, "you allow Noise2Noise"),
        (ways(wrong='["Noise2Noise", "blind spot", "SURE"]'), 1, "you allow SURE"),
        (ways(wrong='["Noise2Noise"]'), 1, "leave out blind spot"),
        (ways(fine='["Noise2Noise", "R2R", "SURE"]'), 1, "leave out blind spot"),
        (ways(fine='["noise2noise"]'), 1, "list of names"),
        (ways(fine='"Noise2Noise"'), 1, "list of names"),
        (ways(fine='["Noise2Noise"] * 2 + ["blind spot", "R2R", "SURE"]'), 1, "stands twice"),
        (ways(off="sigma - measured > 0.05 * sigma"), 3, "a tenth too low"),
        (ways(spread="(first - second).square().mean().sqrt() / 2**0.5"), 3, "brighter by 0.4"),
        (ways(centre="d"), 3, "brighter by 0.4"),
        (ways(correlated="abs(right) > 0.1"), 3, "neighbour below"),
        (ways(correlated="max(right, down) > 0.1"), 3, "goes against"),
        (ways(cut="(one == 0).float().mean() > 0.01"), 3, "white only"),
        (ways(cut="(one == one.min()).float().mean() > 0.01"), 3, "white only"),
        (ways(which="[torch.cat([first, second])]"), 3, "Only the second"),
        (ways(which="[first]"), 3, "Only the second"),
        (ways(cut="one.min() == 0"), 3, "white only"),
        (ways(centre="d.sub_(d.mean())", d="first.sub_(second)"), 2, "changed the pictures"),
        ("def ways(first, second, sigma):\n    pass", 0, "returned nothing"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "difference": [
        's2 = mine["sigma"] ** 2\nmore = 1 + mine["alpha"] ** -2 - 1 / mine["targets"]\n'
        'my_difference = mine["Ben"] - mine["Ana"] - s2 * more',
        losses(end="torch.tensor(ben - ana)"),
        losses(end="round(ben - ana, 5)"),
    ],
    "cameras": [
        """
def cameras(a, b, c):
    def covariance(p, q):
        return torch.cov(torch.stack([p.flatten(), q.flatten()]).double())[0, 1]
    return tuple(covariance(x - y, x - z).clamp(min=0).sqrt() for x, y, z in ((a, b, c), (b, a, c), (c, a, b)))
""",
        """
import numpy as np
def cameras(a, b, c):
    ab, ac, bc = (np.var((p - q).double().numpy()) for p, q in ((a, b), (a, c), (b, c)))
    table = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    return list(np.sqrt(np.maximum(np.linalg.solve(table, [ab, ac, bc]), 0)))
""",
        cameras(root="torch.tensor(one).clamp(min=0).sqrt()"),
    ],
    "threshold_risk": [
        risk(first="(soft - c).square()"),
        """
def threshold_risk(coefficients, sigma, threshold):
    y = coefficients.clone().requires_grad_()
    answer = y.sign() * torch.relu(y.abs() - threshold)
    slope = torch.autograd.grad(answer.sum(), y)[0]
    return ((answer - y) ** 2 - sigma**2 + 2 * sigma**2 * slope).flatten(1).mean(dim=1).detach()
""",
        """
def threshold_risk(coefficients, sigma, threshold):
    found = []
    for picture in coefficients.double():
        kept = picture.abs() > threshold
        residual = picture[~kept].square().sum() + kept.sum() * threshold**2
        found.append(residual / kept.numel() - sigma**2 + 2 * sigma**2 * kept.double().mean())
    return torch.stack(found).float()
""",
    ],
    "calibrate": [
        """
def calibrate(filters, noisy, sigma):
    losses = {name: (du.BlindSpotDenoiser(one)(noisy) - noisy).square().mean() for name, one in filters.items()}
    name = min(losses, key=losses.get)
    return name, losses[name] - sigma**2
""",
        """
def calibrate(filters, noisy, sigma):
    best, smallest = None, float("inf")
    for name in filters:
        total, count = 0.0, 0
        for phase in range(9):
            hidden, mask = du.hide_pixels(noisy, phase)
            total += ((filters[name](hidden) - noisy) ** 2 * mask).double().sum().item()
            count += mask.sum().item() * len(noisy)
        if total / count < smallest:
            best, smallest = name, total / count
    return [best, smallest - sigma * sigma]
""",
    ],
    "ways": [
        """
def ways(first, second, sigma):
    def cut(one):
        return max((one == edge).double().mean() for edge in torch.aminmax(one)) > 0.01
    d = (first - second).double().numpy()
    d = d - d.mean()
    found = [] if cut(first) or cut(second) else ["Noise2Noise"]
    import numpy as np
    right = np.corrcoef(d[..., 1:].ravel(), d[..., :-1].ravel())[0, 1]
    down = np.corrcoef(d[:, :, 1:].ravel(), d[:, :, :-1].ravel())[0, 1]
    if found and abs(right) <= 0.1 and abs(down) <= 0.1:
        found.append("blind spot")
        if 0.95 * sigma <= d.std() / np.sqrt(2) <= 1.05 * sigma:
            found += ["SURE", "R2R"]
    return found
""",
        ways(spread="(first - second).var().div(2).sqrt()", none="()"),
    ],
}  # fmt: skip
