"""Typical wrong answers to assignment 08: what a person would give, and what the student should read."""


def mixture(
    total="(spread**2 + sigma**2)",
    distances="squares.sum(dim=2)",
    scores="log - distances / (2 * both)",
    weights="torch.softmax(scores, dim=1)",
    share="spread**2 / both",
    end="mean + share * (y - mean)",
):
    return f"""
def mixture_mean(noisy, templates, probabilities, spread, sigma):
    y, t, both, log = noisy.flatten(1), templates.flatten(1), {total}, torch.log(probabilities)
    squares = (y[:, None] - t).square()
    distances = {distances}
    scores = {scores}
    weights = {weights}
    mean, share = weights @ t, {share}
    return ({end}).view_as(noisy)
"""


TRUE_SHARE = "spread**2 / (spread**2 + sigma**2)"
NAIVE = "probabilities * torch.exp(-distances / (2 * both))"
NORMED = "(lambda w: w / w.sum(dim=1, keepdim=True))"


def level(
    residual="(answer - noisy).square().mean()",
    slopes="du.pixel_variance(denoiser, noisy, 1.0)",
    answer="denoiser(noisy)",
    end="(residual / (1 - slope)).sqrt()",
):
    return f"""
def noise_level(denoiser, noisy):
    answer = {answer}
    residual, slope = {residual}, {slopes}.mean()
    return ({end}).item()
"""


def second(
    begin="start",
    each="v - dot(v, first) * first",
    length="dot(v, v).sqrt()",
    dot="(a * b).flatten(1).sum(dim=1).view(-1, 1, 1, 1)",
    step="du.jacobian_product(denoiser, noisy, v)",
    rounds="range(steps)",
    variance="sigma**2 * dot(moved, v).flatten()",
    end="v - dot(v, first) * first",
    last="dot(v, v).sqrt()",
):
    return f"""
def second_direction(denoiser, noisy, first, sigma, start, steps):
    def dot(a, b):
        return {dot}

    moved = {begin}
    for _ in {rounds}:
        v = moved
        v = {each}
        v = v / {length}
        moved = {step}
    variance = {variance}
    v = moved
    v = {end}
    return v / {last}, variance
"""


def cameras(
    own="scores[cameras == camera]",
    place="math.ceil((n + 1) * level)",
    keys="cameras.unique().tolist()",
    q="ranked[place - 1].item() if place <= n else math.inf",
    end="found",
):
    return f"""
def camera_quantiles(scores, cameras, level):
    found = {{}}
    for camera in {keys}:
        ranked = {own}.sort().values
        n = len(ranked)
        place = {place}
        found[camera] = {q}
    return {end}
"""


NUMBERS = """
y, z = mine["noisy"]
a, b = mine["answers"]
sigma, slope = mine["sigma"], (b - a) / (z - y)
my_spread = """

WRONG = {
    "mixture_mean": [
        (mixture(total="sigma**2", share=TRUE_SHARE), 1, "only of the noise"),
        (mixture(total="spread**2", share=TRUE_SHARE), 0, "only of the variations"),
        (mixture(total="(spread + sigma) ** 2", share=TRUE_SHARE), 1, "don't add up"),
        (mixture(total="sigma**2", end="mean"), 1, "right without variations"),
        (mixture(end="mean"), 1, "where is the compromise"),
        (mixture(share="sigma**2 / both"), 0, "shares are exchanged"),
        (mixture(share="spread / (spread + sigma)"), 1, "should have their squares"),
        (mixture(share="spread**2"), 1, "divided by the sum"),
        (mixture(end="mean + share * y"), 1, "too bright"),
        (mixture(end="mean - share * (y - mean)"), 1, "away from the noisy"),
        (mixture(scores="-distances / (2 * both)"), 0, "equally probable"),
        (mixture(scores="probabilities - distances / (2 * both)"), 0, "inside"),
        (mixture(scores="log - distances / both"), 0, "2 under the fraction"),
        (mixture(scores="log - distances / (2 * both**0.5)"), 0, "its square"),
        (mixture(distances="squares.mean(dim=2)"), 0, "mean over the pixels"),
        (mixture(weights="torch.softmax(scores, dim=0)"), 0, "over the noisy pictures"),
        (mixture(weights=NAIVE), 0, "don't add up to 1"),
        (mixture(weights="probabilities * torch.softmax(-distances / (2 * both), dim=1)"), 0, "no longer do"),
        (mixture(weights="torch.eye(len(t))[scores.argmax(dim=1)]"), 0, "most probable template alone"),
        (mixture(weights="probabilities.expand(len(y), -1)"), 0, "before"),
        (mixture(end="y"), 0, "noisy picture itself"),
        (mixture(weights=f"{NORMED}({NAIVE})"), 4, "NaN or infinity"),
        (mixture(weights=f"{NORMED}({NAIVE} + 1e-12)"), 4, "isn't the lesson's|away from|have no say"),
        ("def mixture_mean(noisy, templates, probabilities, spread, sigma):\n    return noisy.mean()", 0, "should return"),
        ("def mixture_mean(noisy, templates, probabilities, spread, sigma):\n    return noisy.mul_(0.5)", 0, "changed what"),
        ("def mixture_mean(noisy, templates, probabilities, spread, sigma):\n    pass", 0, "returned nothing"),
    ],
    "prior": [
        (f"{NUMBERS}slope", 0, "slope of the answer"),
        (f"{NUMBERS}slope**0.5", 0, "root of the slope"),
        (f"{NUMBERS}sigma * slope**0.5", 0, "And before"),
        (f"{NUMBERS}sigma**2 * slope", 0, "is left"),
        (f"{NUMBERS}sigma * slope", 0, "σ times the slope"),
        (f"{NUMBERS}sigma**2 * slope / (1 - slope)", 0, "That is the variance"),
        (f"{NUMBERS}sigma * slope / (1 - slope)", 0, "one of variances"),
        (f"{NUMBERS}sigma * ((1 - slope) / slope) ** 0.5", 0, "turned round"),
        (f"{NUMBERS}sigma * (1 - slope) ** 0.5", 0, "share of the noise"),
        (f"{NUMBERS}sigma / (1 - slope) ** 0.5", 0, "noisy"),
        (f"{NUMBERS}sigma", 0, "noise level"),
        (f"{NUMBERS}b - a", 0, "how far the two answers"),
        (f"{NUMBERS}b / z", 0, "divide one answer"),
        ("my_spread = ...", 0, "not answered"),
        ('my_spread = "0.2"', 0, "should be a number"),
    ],
    "noise_level": [
        (level(end="residual.sqrt()"), 0, "size of the residual"),
        (level(end="residual"), 0, "Two things are missing"),
        (level(end="residual / (1 - slope)"), 0, "a variance"),
        (level(end="(residual * (1 - slope)).sqrt()"), 0, "wrong side"),
        (level(end="(residual / (1 + slope)).sqrt()"), 0, "A sign"),
        (level(end="residual.sqrt() / (1 - slope)"), 0, "one part only"),
        (level(end="(residual + slope).sqrt()"), 0, "Do the units"),
        (level(slopes="du.pixel_variance(denoiser, noisy, 0.5)"), 0, "the notebook"),
        (level(residual="(answer - noisy).var()"), 0, "another number"),
        (level(residual="(answer - noisy).var(correction=0)"), 0, "mean off the residual"),
        (level(end="(residual / (1 - 2 * slope)).sqrt()"), 0, "twice"),
        (level(end="(residual / slope).sqrt()"), 0, "divide by the slope"),
        (level(answer="denoiser(noisy).clamp(0, 1)"), 0, "cut the answer off"),
        (level(residual="(answer - noisy).square().sum()"), 0, "not a sum"),
        (level(residual="(answer - noisy).abs().mean() ** 2"), 0, "another number"),
        (
            "def noise_level(denoiser, noisy):\n"
            "    left = (denoiser(noisy) - noisy).square().mean(dim=(1, 2, 3))\n"
            "    slope = du.pixel_variance(denoiser, noisy, 1.0).mean(dim=(1, 2, 3))\n"
            "    return (left / (1 - slope)).sqrt().mean().item()",
            1,
            "one estimate a picture",
        ),
        (level(end="(residual / (1 - slope)).sqrt() * torch.ones(2)"), 0, "ValueError|RuntimeError|should be a number"),
        (level(end="(residual / (1 - slope.clamp(max=0.5))).sqrt()"), 2, "you say"),
        ("def noise_level(denoiser, noisy):\n    noisy.sub_(denoiser(noisy))\n    return 0.5", 0, "changed the noisy"),
        ("def noise_level(denoiser, noisy):\n    pass", 0, "returned nothing"),
    ],
    "second_direction": [
        (second(each="v", end="v"), 0, "first direction again"),
        (second(begin="start - dot(start, first) * first", each="v", end="v"), 0, "a trace of it"),
        (second(each="v + dot(v, first) * first"), 0, "right angle"),
        (second(each="v - first", end="v - first"), 0, "first direction again"),
        (second(each="v - first * first"), 0, "direction of the largest"),
        (second(end="moved", last="1"), 0, "length 1"),
        (second(dot="(a * b).sum()", variance="sigma**2 * dot(moved, v).expand(len(noisy))"), 0, "at once not"),
        (second(length="v.norm()"), 0, "variance not"),
        (second(rounds="range(1)"), 0, "are all steps"),
        (second(rounds="range(3)"), 0, "are all steps"),
        (second(step="v"), 0, "without its share"),
        (second(variance="dot(moved, v).flatten()"), 0, "how much J stretches"),
        (second(variance="sigma * dot(moved, v).flatten()"), 0, "without its square"),
        (second(variance="sigma * dot(moved, v).flatten().sqrt()"), 0, "standard deviation"),
        (second(variance="sigma**2 * dot(moved, moved).flatten()"), 0, "counts twice"),
        (second(variance="sigma**2 * dot(v, v).flatten()"), 0, "where is J"),
        (
            second(variance="sigma**2 * dot(du.jacobian_product(denoiser, noisy, first), first).flatten()"),
            0,
            "along the first",
        ),
        (second(variance="sigma**2 * dot(moved, v).mean()"), 0, "one variance for each"),
        (second(variance="sigma**2 * dot(moved, v)"), 0, "one variance for each"),
        (second(step="denoiser(noisy + v) - denoiser(noisy)"), 2, "off"),
        (second(variance="0.16 * dot(moved, v).flatten()"), 2, "variance is off"),
        (second(rounds="range(60)"), 3, "one step"),
        ("def second_direction(denoiser, noisy, first, sigma, start, steps):\n    return first", 0, "two things"),
        (
            "def second_direction(denoiser, noisy, first, sigma, start, steps):\n"
            "    return du.principal_direction(denoiser, noisy, sigma, steps=steps, seed=1)",
            0,
            "first direction again",
        ),
        (
            "def second_direction(denoiser, noisy, first, sigma, start, steps):\n"
            "    start -= first\n    return start, start[:, 0, 0, 0]",
            0,
            "changed what",
        ),
        ("def second_direction(denoiser, noisy, first, sigma, start, steps):\n    pass", 0, "returned nothing"),
    ],
    "camera_quantiles": [
        (cameras(own="scores"), 0, "one q for all"),
        (cameras(q="ranked.quantile(level).item()"), 0, "known scores"),
        (cameras(place="math.ceil(n * level)"), 0, "among n scores"),
        (cameras(place="int(n * level)"), 0, "among n scores"),
        (cameras(place="int((n + 1) * level)"), 0, "which rounding"),
        (cameras(place="math.ceil((len(scores) + 1) * level)"), 0, "Two of the cameras"),
        (cameras(q="ranked[min(place, n - 1)].item()"), 0, "from 0"),
        (cameras(q="ranked[min(place, n) - 1].item()"), 0, "only 4 pictures"),
        (cameras(q="ranked[-1].item()"), 0, "largest scores"),
        (cameras(q="ranked[math.ceil((n + 1) * (1 - level)) - 1].item()"), 0, "above it"),
        (cameras(q="place"), 0, "Those are the places"),
        (cameras(keys="cameras.unique()"), 0, "keys of your dict"),
        (cameras(keys="range(int(cameras.max()) + 1)"), 0, "no such camera"),
        (cameras(keys="[c for c in cameras.unique().tolist() if (cameras == c).sum() > 5]"), 0, "Camera 7 is missing"),
        (cameras(end="list(found.values())"), 0, "should return a dict"),
        (cameras(q="None"), 0, "one number"),
        (cameras(q="ranked[place - 1].item() if n >= 10 else math.inf"), 2, "just|with 9 pictures|with 1 pictures"),
        (cameras(own="scores[cameras == camera].unique()"), 2, "it should be"),
        (cameras(place="math.ceil((n + 1) * 0.85)"), 2, "level"),
        ("def camera_quantiles(scores, cameras, level):\n    return du.conformal_quantile(scores, level)", 0, "return a dict"),
        (
            "def camera_quantiles(scores, cameras, level):\n"
            "    return {c: du.conformal_quantile(scores[cameras == c], level) for c in cameras.unique().tolist()}",
            0,
            "too few",
        ),
        ("def camera_quantiles(scores, cameras, level):\n    pass", 0, "returned nothing"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "mixture_mean": [
        mixture(distances="torch.cdist(y, t).square()", end="share * y + (1 - share) * mean"),
        """
def mixture_mean(noisy, templates, probabilities, spread, sigma):
    answers = []
    for y in noisy.double():
        squares = (y - templates.double()).pow(2).sum(dim=(1, 2, 3))
        evidence = -squares / (2 * (spread**2 + sigma**2))
        weights = probabilities.double() * torch.exp(evidence - evidence[probabilities > 0].max())
        weights = (weights / weights.sum()).view(-1, 1, 1, 1)
        each = templates + (y - templates) * spread**2 / (spread**2 + sigma**2)
        answers.append((weights * each).sum(dim=0))
    return torch.stack(answers).float()
""",
        """
def mixture_mean(noisy, templates, probabilities, spread, sigma):
    both = spread**2 + sigma**2
    y = noisy.double().requires_grad_()
    squares = (y[:, None] - templates).square().flatten(2).sum(dim=2)
    density = torch.logsumexp(probabilities.log() - squares / (2 * both), dim=1)
    (score,) = torch.autograd.grad(density.sum(), y)
    return (noisy + sigma**2 * score).float()
""",
    ],
    "prior": [
        f"{NUMBERS}sigma / (1 / slope - 1) ** 0.5",
        f"{NUMBERS}round(((sigma**2 / (1 - slope)) - sigma**2) ** 0.5, 3)",
        f"{NUMBERS}torch.tensor(sigma**2 * slope / (1 - slope)).sqrt()",
    ],
    "noise_level": [
        """
def noise_level(denoiser, noisy):
    slope, step = 0.0, 0.02
    for seed in range(20):
        signs = torch.randint(0, 2, noisy.shape, generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        slope += (signs * (denoiser(noisy + step * signs) - denoiser(noisy - step * signs)) / (2 * step)).mean() / 20
    return ((denoiser(noisy) - noisy).pow(2).mean() / (1 - slope)) ** 0.5
""",
        """
def noise_level(denoiser, noisy):
    residual = du.score(denoiser, noisy, 1.0).double()
    variance = du.pixel_variance(denoiser, noisy, 0.1, spacing=28).double()
    return math.sqrt(residual.square().sum() / (noisy.numel() - 100 * variance.sum()))
""",
        """
def noise_level(denoiser, noisy):
    slope = 0.0
    for row in range(noisy.shape[2]):
        for column in range(noisy.shape[3]):
            probe = torch.zeros_like(noisy)
            probe[:, :, row, column] = 1
            slope += du.jacobian_product(denoiser, noisy, probe)[:, :, row, column].sum().item() / noisy.numel()
    return ((denoiser(noisy) - noisy).square().mean().item() / (1 - slope)) ** 0.5
""",
    ],
    "second_direction": [
        second(variance="sigma**2 * dot(moved, v).flatten(); moved = v"),
        second(
            begin="start - dot(start, first) * first",
            each="v",
            step="(lambda m: m - dot(m, first) * first)(du.jacobian_product(denoiser, noisy, v))",
        ),
        """
def second_direction(denoiser, noisy, first, sigma, start, steps):
    first_flat, v = first.flatten(1), start.flatten(1)
    def clean(v):
        v = v - (v * first_flat).sum(1, keepdim=True) * first_flat
        return torch.nn.functional.normalize(v, dim=1)
    def times_j(v):
        return du.jacobian_product(denoiser, noisy, v.view_as(noisy)).flatten(1)
    for _ in range(steps):
        v = clean(times_j(clean(v)))
    return v.view_as(noisy), sigma**2 * (v * times_j(v)).sum(dim=1)
""",
        """
def second_direction(denoiser, noisy, first, sigma, start, steps):
    directions, variances = [], []
    for y, f, v in zip(noisy.split(1), first.split(1), start.split(1)):
        for _ in range(steps):
            v = v - (v * f).sum() * f
            v = v / v.norm()
            h = 0.01
            moved = (denoiser(y + h * v) - denoiser(y - h * v)) / (2 * h)
            variance, v = sigma**2 * (moved * v).sum(), moved
        v = v - (v * f).sum() * f
        directions.append(-v / v.norm())
        variances.append(variance)
    return torch.cat(directions), torch.stack(variances)
""",
    ],
    "camera_quantiles": [
        """
def camera_quantiles(scores, cameras, level):
    found = {}
    for camera in set(cameras.tolist()):
        try:
            found[camera] = du.conformal_quantile(scores[cameras == camera], level)
        except ValueError:
            found[camera] = float("inf")
    return found
""",
        """
def camera_quantiles(scores, cameras, level):
    own = {}
    for score, camera in zip(scores.tolist(), cameras.tolist()):
        own.setdefault(camera, []).append(score)
    found = {}
    for camera, values in own.items():
        values = sorted(values) + [math.inf]
        found[camera] = next(q for k, q in enumerate(values, start=1) if k / len(values) >= level - 1e-9)
    return found
""",
        cameras(place="math.ceil(round((n + 1) * level, 6))", q="float((ranked.tolist() + [math.inf])[min(place, n + 1) - 1])"),
    ],
}  # fmt: skip
