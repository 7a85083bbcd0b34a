"""The questions of lesson 07b: each patient's judge looks at what a repaired program returns.

Nothing of a program is read or watched, only called: in the assignment it runs in another process.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .judging import call_on_copies, near, number, other_shape, question, several, worked

# ---- patient 5: 0 to 255 against 0 to 1 ----

BLACK, GREY, BRIGHT = slice(20), slice(20, 40), slice(40, 60)  # pictures of 0, 102 and 204: the brightest is not white


@question("07.range")
def _range(make_pairs: Callable[[Tensor, float, int], tuple[Tensor, Tensor]]) -> str | None:
    images = torch.zeros(60, 1, 28, 28, dtype=torch.uint8)
    images[GREY], images[BRIGHT] = 102, 204
    got, changed = call_on_copies(make_pairs, images, 0.1, 0)
    if not several(got, 2):
        return "It should return a pair, (noisy, clean)."
    noisy, clean = got
    if changed:
        return "Your function changed the pictures themselves."
    if other_shape(noisy, images) or other_shape(clean, images):
        return f"Both should be tensors of the shape {list(images.shape)}."
    if noisy.dtype != torch.float32 or clean.dtype != torch.float32:
        return f"The results are {noisy.dtype} and {clean.dtype}; networks here want torch.float32."
    if not near(clean, images.float() / 255):
        return _wrong_scale(noisy, clean)
    hint = _wrong_noise(noisy)
    if hint:
        return f"The clean pictures are right. But {hint}"
    return None if near(make_pairs(images, 0.1, 0)[0], noisy) else "The same seed gives other noise. It should not."


def _wrong_scale(noisy: Tensor, clean: Tensor) -> str:
    """The clean pictures are not what they should be: what was done to the brightest?"""
    grey, bright = clean[GREY].mean().item(), clean[BRIGHT].mean().item()
    if near(bright, 204, 0.02):
        if near(noisy[GREY].mean(), 0.4, 0.02) and near(noisy[GREY].std(), 0.1, 0.1):
            return "The noisy pictures are right now. But their target still goes from 0 to 255."
        return "The clean pictures still go from 0 to 255. A network here, and σ, expect 0 to 1."
    if near(bright, 204 / 256, 1e-4):
        return f"So close: 255 became {255 / 256:.4f}. What should white be?"
    if near(bright, 1, 1e-4) and near(grey, 1, 1e-4):
        return "You cut the picture at 1: 102 and 204 are both white now, and every grey is lost."
    if near(bright, 1, 1e-4):
        told = "You divided by the brightest pixel that was there: a grey picture becomes white."
        return f"{told} The scale should be fixed."
    if near(bright, 204 / 127.5 - 1, 1e-4):
        return "That is the range from -1 to 1. Here black is 0."
    if near(bright, 0.8 / 255, 1e-3):
        return "You divided twice: the brightest pixel is almost black."
    if not near(clean[GREY].std(), 0, 1e-3):
        return "The clean pictures have noise in them. Keep what you divide apart from what you noise."
    levels = [round(clean[part].mean().item(), 3) for part in (BLACK, GREY, BRIGHT)]
    return f"0, 102, 204 became {levels}. Only the scale should change."


def _wrong_noise(noisy: Tensor) -> str | None:
    """What is wrong with the noisy pictures, beside right clean ones."""
    low, high = noisy.min().item(), noisy.max().item()
    middle, spread = noisy[GREY].mean().item(), noisy[GREY].std().item()
    if low < 0 or high > 1:
        return f"the noisy ones go from {low:.2f} to {high:.2f}."
    if near(middle, 1, 0.05) and spread < 0.05:
        return "the noisy ones are cut at 1 before they are divided: every grey is white."
    if near(middle, 1 / 255, 1e-3) or high <= 1.001 / 255:
        return "the noisy ones are cut to [0, 1] first and divided then: nearly black."
    if spread < 0.01:
        told = f"σ = 0.1 shows up as {spread:.4f}: the noise was made for 0 to 1"
        return f"{told}, and is added while the picture still goes to 255."
    if not near(spread, 0.1, 0.005):
        return f"the noise on grey has a standard deviation of {spread:.3f} in place of 0.1."
    if not near(middle, 0.4, 0.01):
        return f"grey, 0.4, became {middle:.2f} on average with the noise."
    return None


# ---- patient 6: the noised picture as target ----


@question("07.target")
def _target(train: Callable[..., Any]) -> str | None:
    with torch.random.fork_rng(devices=[]):
        slope, offset = _line_learned(train, lambda clean, generator=None: clean / 2, 90)  # the cure is to double
        if near(slope, 2, 0.2) and near(offset, 0, 0.1):
            return None
        if near(slope, START[0], 1e-3) and near(offset, START[1], 1e-3):
            return "The network comes back as it went in: nothing was trained."
        if near(slope, 0.5, 0.05):
            return "The two are exchanged: your network learned to spoil clean pictures. What goes in, what is the aim?"
        if slope < -0.3:
            return "Your network learned the noise itself, the difference. Its answer should be the picture."
        if near(slope, 1, 0.1) and near(offset, 0, 0.1):
            return _what_it_copies(train)
        if near(slope, 1.5, 0.22):
            return "The aim is a mixture of the noised and the clean picture. Half of the noise stays."
        return f"Pictures were darkened to a half; your network learned to multiply by {slope:.2f}. What is its aim?"


START = (0.75, 0.1)  # slope and offset of a network that has learned nothing


def _line_learned(train: Callable[..., Any], noise: Callable, epochs: int) -> tuple[float, float]:
    """Let the program train the smallest network there is, answer = slope · input + offset. Returns (slope, offset)."""
    images = torch.linspace(0, 1, 256).view(64, 1, 2, 2)
    network = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        network.weight.fill_(START[0])
        network.bias.fill_(START[1])
    trained = train(network, images, noise, epochs, 0)
    if not callable(trained):
        raise TypeError(f"a {type(trained).__name__} came back, not a network")
    with torch.no_grad():
        low, high = (trained(torch.full((1, 1, 2, 2), level)).mean().item() for level in (0.0, 1.0))
    return high - low, low


def _what_it_copies(train: Callable[..., Any]) -> str:
    """The network learned to return its input: clean pictures, new noise, or the same? Two other noises tell."""
    if near(_line_learned(train, lambda clean, generator=None: torch.full_like(clean, 0.25), 40)[0], 1, 0.1):
        return "Now clean pictures go in and clean pictures are the aim: the noise is gone from the training."

    def grainy(clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return clean + 0.4 * torch.randn(clean.shape, generator=generator)

    if _line_learned(train, grainy, 40)[0] < 0.75:
        told = "The aim is still a noised picture, now with other noise."
        return f"{told} Where noise is clipped, as here, its mean isn't the clean picture."
    return "Your network learned to return what it gets: the aim is still the very picture that goes in."


# ---- patient 7: the noise is drawn once ----

EPOCHS, COUNT = 3, 10  # the pictures: number i has the brightness i/10


@question("07.fresh_noise")
def _fresh_noise(training_pairs: Callable[..., Iterable[tuple[Tensor, Tensor]]]) -> str | None:
    images = (torch.arange(COUNT) / COUNT).view(-1, 1, 1, 1).expand(COUNT, 1, 6, 6).clone()

    def pairs_of(images: Tensor, seed: int) -> list[tuple[Tensor, ...]]:
        return [tuple(pair) for pair in training_pairs(images, _light_noise, EPOCHS, 4, seed)]

    pairs, changed = call_on_copies(pairs_of, images, 0)
    if changed:
        return "Your function changed the pictures themselves: in the next epoch they are noisy already."
    hint = _wrong_pairs(pairs)
    if hint:
        return hint
    noisy, clean = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    order = _numbers(clean).view(EPOCHS, COUNT)
    hint = _stale_noise((noisy - clean).view(EPOCHS, COUNT, -1), order)
    if hint:
        return hint
    again, other = (torch.cat([noisy for noisy, _ in pairs_of(images, seed)]) for seed in (0, 1))
    if not near(again, noisy):
        return "A second call with the same seed gives other numbers. Hand a seeded generator to all that draws."
    if torch.equal(order[0], order[1]):
        told = "The noise is fresh. But now the pictures come in the same order in every epoch"
        return f"{told}: the author shuffled them."
    return "Another seed gives the same numbers: is the argument seed used?" if near(other, noisy) else None


def _light_noise(clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
    return clean + 0.1 * torch.randn(clean.shape, generator=generator)


def _numbers(clean: Tensor) -> Tensor:
    """Which pictures these are."""
    return (clean.mean(dim=(1, 2, 3)) * COUNT).round().long()


def _wrong_pairs(pairs: list[tuple[Tensor, ...]]) -> str | None:
    """Are they pairs, all of them, each picture once an epoch, with clean targets?"""
    if any(len(pair) != 2 or pair[0].shape != pair[1].shape for pair in pairs):
        return "Each step should give a pair, (noisy, clean), of the same shape."
    wanted, given = EPOCHS * COUNT, sum(len(pair[1]) for pair in pairs)
    if given != wanted:
        return f"{EPOCHS} epochs of {COUNT} pictures should give {wanted} in all; you gave {given}."
    clean = torch.cat([pair[1] for pair in pairs])
    which = _numbers(clean)
    if not near(clean, which.clamp(0, COUNT - 1).view(-1, 1, 1, 1).expand_as(clean) / COUNT):
        return "The target of a pair, its second part, should be the clean picture. Yours is not."
    if any(sorted(epoch.tolist()) != list(range(COUNT)) for epoch in which.view(EPOCHS, COUNT)):
        return "In each epoch every picture should come exactly once."
    return None


def _stale_noise(drawn: Tensor, order: Tensor) -> str | None:
    """drawn: the noise by epoch, by place in the epoch, by pixel. order: which picture was in that place."""
    if drawn.abs().max() < 1e-6:
        return "There is no noise left: noisy and clean are the same."
    if near(drawn[0, 0], drawn[0, 1]):
        return "All pictures of a batch get the same noise. Draw it for the whole batch, not for one picture."
    if near(drawn[0, :4], drawn[0, 4:8]):
        return "Every batch of an epoch gets the same noise: does a generator begin again in every step?"
    if near(drawn[0], drawn[1]):
        told = "Every epoch repeats the noise of the first one, number by number"
        return f"{told}: does a generator begin again in each epoch? A seed is set once."
    first, second, third = (part[places] for part, places in zip(drawn, order.argsort(dim=1), strict=True))
    if near(first, second) or near(second, third):  # picture by picture
        return "Each picture meets the very same noise in every epoch. When is the noise drawn, and how often?"
    if near(first, third):
        return "The noise of the first epoch comes back in the third one."
    spread = drawn.std(dim=(1, 2))
    begin, end = spread[0], spread[-1]
    if end > 1.3 * begin:
        return f"The noise piles up: σ is {begin:.2f} in the first epoch, {end:.2f} in the third. What do you noise?"
    if not (abs(spread - 0.1) < 0.02).all():
        return f"The noise has a standard deviation of {begin:.2f}, but noise(...) has 0.1. Is it added once?"
    return None


# ---- patient 8: a network that saw clean pictures ----

SEED, STEPS = 5, 60


@question("07.fresh_start")
def _fresh_start(two_experiments: Callable[..., dict[str, list[float]]]) -> str | None:
    picture = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images = picture.expand(8, 1, 4, 4).clone()  # all alike, so each batch is the same
    with torch.random.fork_rng(devices=[]):
        got = two_experiments(_one_weight, images, lambda clean, generator=None: clean / 2, STEPS, SEED)
    names = ("autoencoder", "denoiser")
    if not isinstance(got, dict) or set(got) != set(names):
        return f"It should return a dictionary with two curves, {' and '.join(names)}."
    curves = {name: [float(value) for value in got[name]] for name in names}
    lengths = [len(curve) for curve in curves.values()]
    if lengths != [STEPS, STEPS]:
        return f"Each curve should have {STEPS} losses, one a step; yours have {lengths}."
    hint = _wrong_start(picture, *(curves[name][0] for name in names))
    if hint:
        return hint
    for name, curve in curves.items():
        if not curve[-1] < 0.98 * curve[0]:
            return f"Both start alike. But the {name} doesn't learn: whose weights does its optimizer move?"
    return None


def _one_weight() -> nn.Module:
    return nn.Conv2d(1, 1, 1)


def _wrong_start(picture: Tensor, autoencoder: float, denoiser: float) -> str | None:
    """The first losses of the two experiments, beside those of new networks of this seed."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        new, next_one = _one_weight(), _one_weight()
        copying, denoising = (F.mse_loss(new(shown), picture).item() for shown in (picture, picture / 2))
        other_weights = F.mse_loss(next_one(picture / 2), picture).item()
    if not near(autoencoder, copying, 1e-4):
        if near(denoiser, denoising, 1e-4):
            return "Now the denoiser is new, but the autoencoder isn't: the other order only exchanges the two."
        return f"The autoencoder's first loss is {autoencoder:.3f}; a new network of this seed has {copying:.3f}."
    if near(denoiser, denoising, 1e-4):
        return None
    if near(denoiser, other_weights, 1e-4):
        told = "Both networks are new, but they start from other weights: a difference may be luck."
        return f"{told} When is the seed set?"
    if near(denoiser, copying, 1e-4):
        return "The denoiser's first loss is that of clean pictures: where is its noise?"
    told = f"Before its first step the denoiser has a loss of {denoiser:.3f}; a new network of this seed has {denoising:.3f}."
    return f"{told} It has seen pictures already. (A second name, or a state_dict, is no copy.)"


# ---- your turn ----

number(
    "07.first_loss",
    0.25 - 0.13 + 0.11,
    1e-3,
    {
        0.11: "That is the loss of an answer that is black everywhere.",
        0.25: "That is so where the picture is black. Some pixels are not.",
        0.36: "The middle part is missing: (a − b)² is a² − 2ab + b².",
        0.49: "Look at the sign of the middle part: (a − b)² is a² − 2ab + b².",
        0.295: "The middle part of (a − b)² is −2ab. Is the 2 there?",
        0.37**2: "That is the square of the mean difference. The loss is the mean of the squares.",
        0.37: "That is the mean difference, not yet squared.",
        0.23**0.5: "No root is needed: the MSE is a mean of squares.",
    },
    "Write the loss of one pixel as a square, multiply it out, and take the mean of each part.",
)

number(
    "07.sigma",
    25 / 255,
    2e-4,
    {
        25: "That is σ on bytes. Pictures go from 0 to 1 here.",
        25 / 256: "Nearly: how bright is white, as a byte?",
        0.1: "Nearly. To three digits, please.",
        25 / 127.5: "That is for pictures from -1 to 1.",
        25 * 255: "The other way: our pictures are darker than bytes, so the noise is weaker, too.",
        255 / 25: "Upside down: what is divided by what?",
        25 / 255**2: "You divided twice.",
        (25 / 255) ** 2: "That is the variance, σ².",
        0.5: "That is the σ of our lessons. The papers' is another one.",
    },
    "A pixel and its noise are scaled by the same factor. Which one takes 255 to 1?",
)


# ---- worked solutions ----

worked(
    "07.range",
    "The bytes are scaled to 0 to 1 before anything else: sigma and the clamp are made for that range. Divided "
    "later, the noise would be 255 times too weak, or the clamp would have made every grey white.",
    '''
    def my_range(images, sigma, seed):
        """Pairs to train on, (noisy, clean), from the bytes of the data set."""
        generator = torch.Generator().manual_seed(seed)
        clean = images.float() / 255
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
        noisy = noisy.clamp(0, 1)
        return noisy, clean
    ''',
)

worked(
    "07.target",
    "Two kinds of pictures need two names: noisy goes in, the clean batch is the aim. Before, one name held the "
    "noised pictures in both places, so the network was asked to copy its input.",
    '''
    import torch.nn.functional as F


    def my_train(model, images, noise, epochs, seed):
        """Train a denoiser, and return it."""
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(epochs):
            for batch in du.batches(images, 16, generator):
                noisy = noise(batch, generator)
                loss = F.mse_loss(model(noisy), batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return model
    ''',
)

worked(
    "07.fresh_noise",
    "The noise is drawn where a batch is handed out, so every epoch has its own. The generator is made once, "
    "before the loops, and goes on: a seed set anew in each epoch would bring the same noise back.",
    '''
    def my_pairs(images, noise, epochs, batch_size, seed):
        """What the network sees: a pair (noisy, clean) for each step of all epochs."""
        generator = torch.Generator().manual_seed(seed)
        clean = du.to_float(images)
        for _ in range(epochs):
            order = torch.randperm(len(clean), generator=generator)
            for index in order.split(batch_size):
                batch = clean[index]
                yield noise(batch, generator), batch
    ''',
)

worked(
    "07.fresh_start",
    "Each experiment makes a network of its own, and sets the seed just before, so both start from the same "
    "weights. The optimizers are made after it, with the new network's weights.",
    '''
    def my_experiments(make_model, images, noise, steps, seed):
        """The loss of each step: of an autoencoder that copies pictures, and of a denoiser."""
        curves = {}
        for name, spoil in {"autoencoder": lambda clean, _: clean, "denoiser": noise}.items():
            torch.manual_seed(seed)
            model = make_model()
            generator = torch.Generator().manual_seed(seed)
            optimizers = du.make_optimizers(model, "adamw", lr=0.002)
            curves[name] = []
            for _ in range(steps):
                clean = du.to_float(images[torch.randint(len(images), (32,), generator=generator)])
                loss = du.train_step(model, clean, spoil(clean, generator), optimizers)
                curves[name].append(loss.item())
        return curves
    ''',
)

worked(
    "07.first_loss",
    "The mean of (0.5 − clean)² is 0.25, less twice 0.5 times the mean, plus the mean of the squares. A loss that begins far "
    "from such a figure is not that of a new network on these pictures.",
    """
    my_first_loss = 0.5**2 - 2 * 0.5 * 0.13 + 0.11
    """,
)

worked(
    "07.sigma",
    "The pixels are divided by 255, and the noise with them, so its standard deviation is divided by 255 as well. "
    "Compared with our 0.5 that is weak noise.",
    """
    my_sigma = 25 / 255
    """,
)
