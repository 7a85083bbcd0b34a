"""The questions of lesson 07: each judges a repaired program by what it returns.

Nothing of a program is read or watched, only called: in the assignment it runs in another process.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..noise import GaussianNoise
from .judging import call_on_copies, near, nearest, other_shape, question, several, worked

# ---- patient 1: the loss grows with the batch size ----


@question("07.loss")
def _loss(epoch_loss: Callable[[Callable, Tensor, Tensor, int], float]) -> str | None:
    errors = [0.1, 0.2, 0.3, 0.4, 0.2, 0.4, 0.6, 0.8, 0.9, 0.5]  # the MSE of each of ten pictures; their mean is 0.44
    clean = torch.zeros(10, 1, 4, 4)
    noisy = 2 * torch.tensor(errors).sqrt().view(10, 1, 1, 1).expand(10, 1, 4, 4)

    def network(x: Tensor) -> Tensor:
        return x / 2

    got = float(epoch_loss(network, noisy.clone(), clean.clone(), 4))  # batches of 4, 4 and 2
    wrong = {
        4.4 / 3: "It is still the MSE times the batch size: you divide by the number of batches.",
        1.45 / 3: "That is the mean of the batches' means: the last batch is shorter, and its pictures count double.",
        4.4 / 12: "You count the short last batch as a full one. How many pictures were there really?",
        0.145: "You divided twice: each batch's loss is a mean already. By what must it be multiplied before the sum?",
        4.4: "That is a sum: with more pictures it grows, though the network is no worse.",
        1.45: "That is the sum of the batches' means. A loss that is a mean doesn't grow with the number of batches.",
        0.7: "That is the last batch alone.",
        0.25: "That is the first batch alone. Is return inside the loop?",
        3.0 / 8: "The last, shorter batch is left out.",
        0.44 * 16: "That is summed over the pixels of a picture. The course's loss is a mean over pixels, too.",
        math.sqrt(0.44): "No root is needed: the MSE is a mean of squares.",
        4 * 0.44: "The network wasn't asked: that is the MSE of the noisy pictures.",
        0.11: "Another factor has come in: you divided by the batch size once more.",
    }
    if not near(got, 0.44, 1e-4):
        otherwise = f"Ten pictures, batches of 4: you got {got:.4g}. What is the mean over all pictures?"
        return nearest(got, wrong.items(), 1e-4) or otherwise
    for batch_size in (1, 3, 10, 100):
        other = float(epoch_loss(network, noisy.clone(), clean.clone(), batch_size))
        if not near(other, got, 1e-4):
            return f"Right for batches of 4, but with batches of {batch_size} the same network gets {other:.4g}."
    return None


# ---- patient 2: the noise is drawn once ----


@question("07.fresh_noise")
def _fresh_noise(training_pairs: Callable[..., Iterable[tuple[Tensor, Tensor]]]) -> str | None:
    images = (torch.arange(10) / 10).view(10, 1, 1, 1).expand(10, 1, 6, 6).clone()  # picture i has brightness i/10
    epochs, size = 3, 4

    def noise(clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return clean + 0.1 * torch.randn(clean.shape, generator=generator)

    before = images.clone()
    pairs = [tuple(pair) for pair in training_pairs(images, noise, epochs, size, 0)]
    if not torch.equal(images, before):
        return "Your function changed the pictures themselves: in the next epoch they are noisy already."
    if any(len(pair) != 2 or pair[0].shape != pair[1].shape for pair in pairs):
        return "Each step should give a pair, (noisy, clean), of the same shape."
    noisy, clean = (torch.cat(parts) for parts in zip(*pairs, strict=True)) if pairs else (images[:0], images[:0])
    if len(clean) != epochs * len(images):
        return f"{epochs} epochs of {len(images)} pictures should give {epochs * len(images)} in all; you gave {len(clean)}."
    which = (clean.mean(dim=(1, 2, 3)) * 10).round().long()
    if not near(clean, which.clamp(0, 9).view(-1, 1, 1, 1).expand_as(clean) / 10):
        return "The target of a pair, its second part, should be the clean picture. Yours is not."
    order = which.view(epochs, -1)
    if any(sorted(part.tolist()) != list(range(10)) for part in order):
        return "In each epoch every picture should come exactly once."
    drawn = (noisy - clean).view(epochs, 10, -1)  # by epoch and by place in the epoch
    of_picture = torch.stack([part[places] for part, places in zip(drawn, order.argsort(dim=1), strict=True)])
    if drawn.abs().max() < 1e-6:
        return "There is no noise left: noisy and clean are the same."
    if near(drawn[0, 0], drawn[0, 1]):
        return "All pictures of a batch get the same noise. Draw it for the whole batch, not for one picture."
    if near(drawn[0, :4], drawn[0, 4:8]):
        return "Every batch of an epoch gets the same noise: does a generator begin again in every step?"
    if near(drawn[0], drawn[1]):
        return (
            "Every epoch repeats the noise of the first one, number by number: does a generator begin again in each epoch? "
            "A seed is set once."
        )
    if any(near(a, b) for a, b in ((of_picture[0], of_picture[1]), (of_picture[1], of_picture[2]))):
        return "Each picture meets the very same noise in every epoch. When is the noise drawn, and how often?"
    if near(of_picture[0], of_picture[2]):
        return "The noise of the first epoch comes back in the third one."
    spread = drawn.std(dim=(1, 2))
    if spread[2] > 1.3 * spread[0]:
        return f"The noise piles up: σ is {spread[0]:.2f} in the first epoch, {spread[2]:.2f} in the third. What do you noise?"
    if not (abs(spread - 0.1) < 0.02).all():
        return f"The noise has a standard deviation of {spread[0]:.2f}, but noise(...) has 0.1. Is it added once?"
    again = torch.cat([noisy for noisy, _ in training_pairs(images, noise, epochs, size, 0)])
    if not near(again, noisy):
        return "A second call with the same seed gives other numbers. Hand a seeded generator to all that draws."
    if torch.equal(order[0], order[1]):
        return (
            "The noise is fresh. But now the pictures come in the same order in every epoch: the author shuffled them."
        )
    other = torch.cat([noisy for noisy, _ in training_pairs(images, noise, epochs, size, 1)])
    return "Another seed gives the same numbers: is the argument seed used?" if near(other, noisy) else None


# ---- patient 3: chosen on the test set ----


@question("07.test_set")
def _test_set(choose_and_report: Callable[..., tuple[str, float]]) -> str | None:
    answers = {"median": 0.5, "blur": 0.3, "matrix": 0.55, "network": 0.4, "black": 0.0}  # what each denoiser paints
    denoisers = {name: (lambda x, level=level: torch.full_like(x, level)) for name, level in answers.items()}
    val_truth, test_truth = torch.full((8,), 0.31), torch.tensor([0.52] * 4 + [0.58] * 4)
    for val, test in ((val_truth, test_truth), (test_truth, val_truth)):
        hint = _chosen(choose_and_report, denoisers, answers, val, test)
        if hint:
            return hint
    return None


def _chosen(function, denoisers: dict, answers: dict, val: Tensor, test: Tensor) -> str | None:
    def error(name: str, truth: Tensor) -> float:
        return (answers[name] - truth).square().mean().item()

    def pair(truth: Tensor) -> tuple[Tensor, Tensor]:  # (noisy, clean)
        return torch.full((8, 1, 4, 4), 0.5), truth.view(8, 1, 1, 1).expand(8, 1, 4, 4).clone()

    def best(*truths: Tensor) -> str:
        return min(answers, key=lambda name: sum(error(name, truth) for truth in truths))

    got = function(dict(denoisers), pair(val), pair(test))
    if not several(got, 2):
        return "It should return a pair, (name, mse)."
    name, mse = got
    if not isinstance(name, str) or name not in answers:
        return f"The first of the two should be a name, one of {', '.join(answers)}; yours is {name!r}."
    mse = float(mse)
    wanted = best(val)
    if name == wanted and near(mse, error(name, test), 1e-5):
        return None
    if name == wanted and near(mse, error(name, val), 1e-5):
        return (
            "Chosen well. But the figure is that of the validation pictures: the best of many tries there, so too good."
        )
    if name == wanted and near(mse, error(best(test), test), 1e-5):
        return "Chosen well. But the figure belongs to another denoiser, the one that is best on the test pictures."
    if name == wanted:
        return f"Chosen well. But the figure, {mse:.4g}, should be the MSE of all the test pictures, and only of those."
    if name == best(test[:4]) and (near(mse, error(name, test[4:]), 1e-5) or best(test[:4]) != best(test)):
        return (
            "You cut the test pictures in two and chose with one half. For choosing there are other pictures already."
        )
    if name == best(test) and near(mse, error(name, val), 1e-5):
        return "The two sets are exchanged: chosen on the test pictures, reported on the others."
    if name == best(test):
        return f"{name!r} is the best on the test pictures. They still decide, so their figure can't be trusted."
    if name == best(val, test):
        return f"{name!r} is the best on both sets together: the test pictures still have a say."
    if name == max(answers, key=lambda one: error(one, val)):
        return f"{name!r} has the largest validation error. Which end of the list do you want?"
    return f"You chose {name!r}; {len(answers) - 1} others were tried. Which pictures decide, and which only judge?"


# ---- patient 4: clean pictures go in ----


@question("07.clean_input")
def _clean_input(show_and_measure: Callable[..., tuple[Tensor, Tensor, float]]) -> str | None:
    clean = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(70_004))
    noise = GaussianNoise(0.5, clip=True)

    def denoiser(x: Tensor) -> Tensor:
        return 0.6 * x.square() + 0.1

    got = show_and_measure(denoiser, clean.clone(), noise, 3)
    if not several(got, 3):
        return "It should return three things: the noisy pictures, the denoised pictures, the MSE."
    noisy, denoised, mse = got[0], got[1], float(got[2])
    if other_shape(noisy, clean) or other_shape(denoised, clean):
        return "The first two results should be pictures, of the same shape as those that came in."
    if near(noisy, clean):
        return "The pictures that you show as noisy are clean."
    if abs((noisy - clean).square().mean() - (noise(clean, torch.Generator()) - clean).square().mean()) > 0.02:
        return "The pictures that you show as noisy haven't the noise that was asked for. Is noise(...) applied once?"
    if near(denoised, denoiser(clean)):
        return "The denoiser still gets clean pictures: there is nothing to remove."
    if near(denoised, denoiser(denoiser(noisy))):
        return "The denoiser is applied twice."
    if near(denoised, noisy):
        return "What you call denoised is the noisy picture itself: the denoiser isn't asked."
    if not near(denoised, denoiser(noisy)):
        return (
            "The denoised pictures aren't the denoiser's answers to the noisy ones that you show. Is noise drawn twice?"
        )
    right = F.mse_loss(denoised, clean).item()
    if not near(mse, right, 1e-5):
        wrong = [
            (
                F.mse_loss(denoised, noisy),
                "the MSE compares with the noisy picture: a denoiser that does nothing would win.",
            ),
            (F.mse_loss(denoiser(clean), clean), "the MSE is still that of clean pictures."),
            (F.mse_loss(noisy, clean), "the MSE is that of the noisy pictures: nobody is judged."),
            (F.mse_loss(denoised, denoiser(clean)), "the MSE compares two answers. What is the truth here?"),
            (right**0.5, "you took a root: the MSE is a mean of squares."),
            (right * clean.numel(), "the MSE is a sum, not a mean."),
        ]
        otherwise = f"the MSE, {mse:.4g}, isn't that of the answers against the clean pictures."
        return f"The pictures are right. But {nearest(mse, wrong, 1e-5 * max(1, mse)) or otherwise}"
    if not near(show_and_measure(denoiser, clean.clone(), noise, 3)[0], noisy):
        return "A second call with the same seed gives other noise, so two results can't be compared."
    if near(show_and_measure(denoiser, clean.clone(), noise, 4)[0], noisy):
        return "Another seed gives the same noise: is the argument seed used?"
    return None


# ---- patient 5: the noised picture as target ----


def _line_learned(
    train: Callable[..., Any], noise: Callable, epochs: int, start: tuple[float, float] = (0.75, 0.1)
) -> tuple[float, float]:
    """Let the program train the smallest network there is, answer = slope · input + offset. Returns (slope, offset)."""
    images = torch.linspace(0, 1, 256).view(64, 1, 2, 2)
    network = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        network.weight.fill_(start[0])
        network.bias.fill_(start[1])
    trained = train(network, images, noise, epochs, 0)
    if not callable(trained):
        raise TypeError(f"a {type(trained).__name__} came back, not a network")
    with torch.no_grad():
        low, high = (trained(torch.full((1, 1, 2, 2), level)).mean().item() for level in (0.0, 1.0))
    return high - low, low


@question("07.target")
def _target(train: Callable[..., Any]) -> str | None:
    with torch.random.fork_rng(devices=[]):
        slope, offset = _line_learned(train, lambda clean, generator=None: clean / 2, 90)  # the cure is to double
        if near(slope, 2, 0.2) and near(offset, 0, 0.1):
            return None
        if near(slope, 0.75, 1e-3) and near(offset, 0.1, 1e-3):
            return "The network comes back as it went in: nothing was trained."
        if near(slope, 0.5, 0.05):
            return "The two are exchanged: your network learned to spoil clean pictures. What goes in, what is the aim?"
        if slope < -0.3:
            return "Your network learned the noise itself, the difference. Its answer should be the picture."
        if near(slope, 1, 0.1) and near(offset, 0, 0.1):
            always = _line_learned(train, lambda clean, generator=None: torch.full_like(clean, 0.25), 40)  # all grey
            if near(always[0], 1, 0.1):
                return "Now clean pictures go in and clean pictures are the aim: the noise is gone from the training."

            def grainy(clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
                return clean + 0.4 * torch.randn(clean.shape, generator=generator)

            if _line_learned(train, grainy, 40)[0] < 0.75:
                return (
                    "The aim is still a noised picture, now with other noise. Where noise is clipped, as here, its mean "
                    "isn't the clean picture."
                )
            return "Your network learned to return what it gets: the aim is still the very picture that goes in."
        if near(slope, 1.5, 0.22):
            return "The aim is a mixture of the noised and the clean picture. Half of the noise stays."
        return f"Pictures were darkened to a half; your network learned to multiply by {slope:.2f}. What is its aim?"


# ---- patient 6: 0 to 255 against 0 to 1 ----


@question("07.range")
def _range(make_pairs: Callable[[Tensor, float, int], tuple[Tensor, Tensor]]) -> str | None:
    images = torch.zeros(60, 1, 28, 28, dtype=torch.uint8)
    images[20:40], images[40:] = 102, 204  # 0, 0.4, 0.8: the brightest is not white
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
    white = clean[40:].mean().item()
    truth = images.float() / 255
    if not near(clean, truth):
        if near(white, 204, 0.02):
            right = near(noisy[20:40].mean(), 0.4, 0.02) and near(noisy[20:40].std(), 0.1, 0.1)
            return (
                "The noisy pictures are right now. But their target still goes from 0 to 255."
                if right
                else "The clean pictures still go from 0 to 255. A network here, and σ, expect 0 to 1."
            )
        if near(white, 204 / 256, 1e-4):
            return f"So close: 255 became {255 / 256:.4f}. What should white be?"
        if near(white, 1, 1e-4) and near(clean[20:40].mean(), 1, 1e-4):
            return "You cut the picture at 1: 102 and 204 are both white now, and every grey is lost."
        if near(white, 1, 1e-4):
            return "You divided by the brightest pixel that was there: a grey picture becomes white. The scale should be fixed."
        if near(white, 204 / 127.5 - 1, 1e-4):
            return "That is the range from -1 to 1. Here black is 0."
        if near(white, 0.8 / 255, 1e-3):
            return "You divided twice: the brightest pixel is almost black."
        if not near(clean[20:40].std(), 0, 1e-3):
            return "The clean pictures have noise in them. Keep what you divide apart from what you noise."
        return f"0, 102, 204 became {[round(clean[i].mean().item(), 3) for i in (0, 20, 40)]}. Only the scale should change."
    if noisy.min() < 0 or noisy.max() > 1:
        low, high = noisy.min().item(), noisy.max().item()
        return f"The clean pictures are right. But the noisy ones go from {low:.2f} to {high:.2f}."
    spread, middle = noisy[20:40].std().item(), noisy[20:40].mean().item()
    if near(middle, 1, 0.05) and spread < 0.05:
        return "The clean pictures are right. But the noisy ones are cut at 1 before they are divided: every grey is white."
    if near(middle, 1 / 255, 1e-3) or noisy.max() <= 1.001 / 255:
        return (
            "The clean pictures are right. But the noisy ones are cut to [0, 1] first and divided then: nearly black."
        )
    if spread < 0.01:
        return (
            f"The clean pictures are right. But σ = 0.1 shows up as {spread:.4f}: the noise was made for 0 to 1, and is added "
            "while the picture still goes to 255."
        )
    if not near(spread, 0.1, 0.005):
        return f"The clean pictures are right. But the noise on grey has a standard deviation of {spread:.3f} in place of 0.1."
    if not near(middle, 0.4, 0.01):
        return f"The clean pictures are right. But grey, 0.4, became {middle:.2f} on average with the noise."
    return None if near(make_pairs(images, 0.1, 0)[0], noisy) else "The same seed gives other noise. It should not."


# ---- patient 7: no eval() ----


class _Modes(nn.Module):
    """A network that remembers in which mode it was called. Its answer to black tells, in steps of 1/512: the number of
    training passes; a quarter of a step more if a pass meant for training came in eval mode; 256 steps more in training mode.
    So it stays in [0, 1], whatever a program does to its answers: ``du.evaluate`` clamps them."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.dropout = nn.Dropout()  # never called: for du.evaluate, which refuses it in training mode
        self.register_buffer("awake", torch.zeros(1))
        self.register_buffer("asleep", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() or self.training:
            (self.awake if self.training else self.asleep).add_(1)
        told = self.awake.clamp(max=200) + self.asleep.clamp(max=1) / 4 + (256 if self.training else 0)
        return x + told / 512 + 0 * self.weight


@question("07.eval")
def _eval(validation_curve: Callable[..., list[float]]) -> str | None:
    epochs, black = 4, torch.zeros(32, 1, 12, 12)  # no smaller: du.evaluate's SSIM looks through windows of 11x11
    got = validation_curve(_Modes(), black, black[:5].clone(), lambda clean, generator=None: clean.clone(), epochs, 0)
    curve = [float(value) for value in got]
    if len(curve) != epochs:
        return f"{epochs} epochs should give {epochs} validation figures; you gave {len(curve)}."
    if not all(0 <= value < math.inf for value in curve):
        return f"An MSE is a number from 0 on; yours are {curve}."
    told = [512 * math.sqrt(value) for value in curve]
    training_mode = [value >= 255.9 for value in told]
    awake = [int(value % 256 + 0.05) for value in told]
    asleep = [(value + 0.05) % 1 > 0.2 for value in told]
    if all(training_mode):
        if any(asleep) and awake[0] <= 1:
            return "The wrong way round: it trains in eval mode, and is measured in training mode."
        return (
            "At every validation the network is still in training mode: dropout still drops, batch norm still looks at the "
            "batch. After the loop is too late, and no_grad() is about something else."
        )
    if any(training_mode):
        late = [number for number, still in enumerate(training_mode, 1) if still]
        return f"In epoch {late[0]} the network is measured in training mode, in another it isn't. Each epoch needs both modes."
    if awake[0] == 0:
        return "It is measured in eval mode now. But it trains in eval mode too, from the first step on: no dropout at all."
    if awake[-1] == awake[0]:
        return (
            "The first epoch is right. From the second one on the network trains in eval mode: what was switched off "
            "for measuring stays off."
        )
    if awake != [awake[0] * number for number in range(1, epochs + 1)]:
        return "Not every training step comes in training mode. Where exactly do you switch, and how often?"
    return None


# ---- patient 8: a network that saw clean pictures ----


@question("07.fresh_start")
def _fresh_start(two_experiments: Callable[..., dict[str, list[float]]]) -> str | None:
    picture = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    images, seed, steps = picture.expand(8, 1, 4, 4).clone(), 5, 60  # all alike, so each batch is the same

    def make_model() -> nn.Module:
        return nn.Conv2d(1, 1, 1)

    def noise(clean: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return clean / 2

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        first = [F.mse_loss(make_model()(picture / 2), picture).item() for _ in range(2)]  # a start, and the next one
        torch.manual_seed(seed)
        fresh = {"autoencoder": F.mse_loss(make_model()(picture), picture).item(), "denoiser": first[0]}
    with torch.random.fork_rng(devices=[]):
        got = two_experiments(make_model, images, noise, steps, seed)
    if not isinstance(got, dict) or set(got) != set(fresh):
        return f"It should return a dictionary with two curves, {' and '.join(fresh)}."
    curves = {name: [float(value) for value in got[name]] for name in fresh}
    if any(len(curve) != steps for curve in curves.values()):
        return f"Each curve should have {steps} losses, one a step; yours have {[len(curve) for curve in curves.values()]}."
    begins = {name: curve[0] for name, curve in curves.items()}
    if not near(begins["autoencoder"], fresh["autoencoder"], 1e-4):
        if near(begins["denoiser"], fresh["denoiser"], 1e-4):
            return "Now the denoiser is new, but the autoencoder isn't: the other order only exchanges the two."
        return (
            f"The autoencoder's first loss is {begins['autoencoder']:.3f}; "
            f"a new network of this seed has {fresh['autoencoder']:.3f}."
        )
    if not near(begins["denoiser"], fresh["denoiser"], 1e-4):
        if near(begins["denoiser"], first[1], 1e-4):
            return "Both networks are new, but they start from other weights: a difference may be luck. When is the seed set?"
        if near(begins["denoiser"], fresh["autoencoder"], 1e-4):
            return "The denoiser's first loss is that of clean pictures: where is its noise?"
        return (
            f"Before its first step the denoiser has a loss of {begins['denoiser']:.3f}; a new network of this seed has "
            f"{fresh['denoiser']:.3f}. It has seen pictures already. (A second name, or a state_dict, is no copy.)"
        )
    for name, curve in curves.items():
        if not curve[-1] < 0.98 * curve[0]:
            return f"Both start alike. But the {name} doesn't learn: whose weights does its optimizer move?"
    return None


# ---- worked solutions ----

worked(
    "07.loss",
    "Each batch's loss is a mean over its pictures; times their number it is a sum over them. The sum of all "
    "belongs to all pictures, so it is divided by their number. A short last batch then counts as what it is.",
    '''
    import torch.nn.functional as F


    def my_loss(model, noisy, clean, batch_size):
        """The loss of a network on all these pictures, batch by batch."""
        total = 0.0
        with torch.no_grad():
            for x, y in zip(noisy.split(batch_size), clean.split(batch_size), strict=True):
                loss = F.mse_loss(model(x), y)
                total += loss.item() * len(x)
        return total / len(clean)
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
    "07.test_set",
    "The validation pictures choose, and the test pictures are asked once, for the one that was chosen. They had "
    "no say, so they have no luck to report.",
    '''
    import torch.nn.functional as F


    def my_choice(denoisers, val, test):
        """Choose the best denoiser, and report its MSE. val, test: pairs (noisy, clean)."""
        noisy, clean = val
        scores = {}
        for name, denoiser in denoisers.items():
            scores[name] = F.mse_loss(denoiser(noisy), clean).item()
        best = min(scores, key=scores.get)
        noisy, clean = test
        return best, F.mse_loss(denoisers[best](noisy), clean).item()
    ''',
)

worked(
    "07.clean_input",
    "The denoiser gets the pictures that are shown as noisy, and its answers are compared with the clean ones. "
    "Then figure and MSE speak of the same pictures, and doing nothing scores the error of the noise.",
    '''
    import torch.nn.functional as F


    def my_measure(denoiser, images, noise, seed):
        """Noisy pictures and denoised ones for a figure, and the MSE for the caption."""
        clean = du.to_float(images)
        noisy = noise(clean, torch.Generator().manual_seed(seed))
        with torch.no_grad():
            denoised = denoiser(noisy)
        mse = F.mse_loss(denoised, clean).item()
        return noisy, denoised, mse
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
    "07.eval",
    "Each epoch needs both modes: train() before its steps, eval() before it is measured. The loop comes round "
    "again, so what was switched off for measuring has to be switched on.",
    '''
    import torch.nn.functional as F


    def my_curve(model, images, val_images, noise, epochs, seed):
        """Train, and measure the validation MSE after each epoch."""
        generator = torch.Generator().manual_seed(seed)
        optimizers = du.make_optimizers(model, "adamw", lr=0.002)
        noisy, clean = du.fixed_noise(val_images, noise)
        curve = []
        for _ in range(epochs):
            model.train()
            for batch in du.batches(images, 16, generator):
                du.train_step(model, batch, noise(batch, generator), optimizers)
            model.eval()
            with torch.no_grad():
                curve.append(F.mse_loss(model(noisy), clean).item())
        return curve
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
