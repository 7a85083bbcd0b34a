"""The questions of lesson 07a: each patient's judge looks at what a repaired program returns.

Nothing of a program is read or watched, only called: in the assignment it runs in another process.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..noise import GaussianNoise
from .judging import near, nearest, number, other_shape, question, several, worked

# ---- patient 1: the loss grows with the batch size ----

# ten pictures, the MSE of each, and their mean; batches of 4, 4 and 2
ERRORS, MEAN = [0.1, 0.2, 0.3, 0.4, 0.2, 0.4, 0.6, 0.8, 0.9, 0.5], 0.44
WRONG_LOSSES = {
    4.4 / 3: "It is still the MSE times the batch size: you divide by the number of batches.",
    1.45 / 3: "That is the mean of the batches' means: the last batch is shorter, and its pictures count double.",
    4.4 / 12: "You count the short last batch as a full one. How many pictures were there really?",
    0.145: "You divided twice: each batch's loss is a mean already. By what must it be multiplied before the sum?",
    4.4: "That is a sum: with more pictures it grows, though the network is no worse.",
    1.45: "That is the sum of the batches' means. A loss that is a mean doesn't grow with the number of batches.",
    0.7: "That is the last batch alone.",
    0.25: "That is the first batch alone. Is return inside the loop?",
    3.0 / 8: "The last, shorter batch is left out.",
    MEAN * 16: "That is summed over the pixels of a picture. The course's loss is a mean over pixels, too.",
    math.sqrt(MEAN): "No root is needed: the MSE is a mean of squares.",
    MEAN * 4: "The network wasn't asked: that is the MSE of the noisy pictures.",
    MEAN / 4: "Another factor has come in: you divided by the batch size once more.",
}


@question("07.loss")
def _loss(epoch_loss: Callable[[Callable, Tensor, Tensor, int], float]) -> str | None:
    clean = torch.zeros(10, 1, 4, 4)
    noisy = 2 * torch.tensor(ERRORS).sqrt().view(10, 1, 1, 1).expand(10, 1, 4, 4)

    def loss(batch_size: int) -> float:
        return float(epoch_loss(lambda x: x / 2, noisy.clone(), clean.clone(), batch_size))

    got = loss(4)
    if not near(got, MEAN, 1e-4):
        otherwise = f"Ten pictures, batches of 4: you got {got:.4g}. What is the mean over all pictures?"
        return nearest(got, WRONG_LOSSES.items(), 1e-4) or otherwise
    for batch_size in (1, 3, 10, 100):
        other = loss(batch_size)
        if not near(other, got, 1e-4):
            return f"Right for batches of 4, but with batches of {batch_size} the same network gets {other:.4g}."
    return None


# ---- patient 2: clean pictures go in ----


@question("07.clean_input")
def _clean_input(show_and_measure: Callable[..., tuple[Tensor, Tensor, float]]) -> str | None:
    clean = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(70_004))
    noise = GaussianNoise(0.5, clip=True)
    got = show_and_measure(_curve, clean.clone(), noise, 3)
    if not several(got, 3):
        return "It should return three things: the noisy pictures, the denoised pictures, the MSE."
    noisy, denoised, mse = got[0], got[1], float(got[2])
    hint = _not_noisy(noisy, denoised, clean, noise) or _not_denoised(noisy, denoised, clean)
    hint = hint or _not_their_mse(mse, noisy, denoised, clean)
    if hint:
        return hint
    if not near(show_and_measure(_curve, clean.clone(), noise, 3)[0], noisy):
        return "A second call with the same seed gives other noise, so two results can't be compared."
    if near(show_and_measure(_curve, clean.clone(), noise, 4)[0], noisy):
        return "Another seed gives the same noise: is the argument seed used?"
    return None


def _curve(x: Tensor) -> Tensor:
    """A denoiser whose answer tells what it was asked."""
    return 0.6 * x.square() + 0.1


def _not_noisy(noisy: Tensor, denoised: Tensor, clean: Tensor, noise: GaussianNoise) -> str | None:
    if other_shape(noisy, clean) or other_shape(denoised, clean):
        return "The first two results should be pictures, of the same shape as those that came in."
    if near(noisy, clean):
        return "The pictures that you show as noisy are clean."
    wanted = (noise(clean, torch.Generator()) - clean).square().mean()
    if abs((noisy - clean).square().mean() - wanted) > 0.02:
        return "The pictures that you show as noisy haven't the noise that was asked for. Is noise(...) applied once?"
    return None


def _not_denoised(noisy: Tensor, denoised: Tensor, clean: Tensor) -> str | None:
    if near(denoised, _curve(clean)):
        return "The denoiser still gets clean pictures: there is nothing to remove."
    if near(denoised, _curve(_curve(noisy))):
        return "The denoiser is applied twice."
    if near(denoised, noisy):
        return "What you call denoised is the noisy picture itself: the denoiser isn't asked."
    if not near(denoised, _curve(noisy)):
        told = "The denoised pictures aren't the denoiser's answers to the noisy ones that you show."
        return f"{told} Is noise drawn twice?"
    return None


def _not_their_mse(mse: float, noisy: Tensor, denoised: Tensor, clean: Tensor) -> str | None:
    right, aims = F.mse_loss(denoised, clean).item(), _curve(clean)
    if near(mse, right, 1e-5):
        return None
    with_noisy = F.mse_loss(denoised, noisy)
    wrong = [
        (with_noisy, "the MSE compares with the noisy picture: a denoiser that does nothing would win."),
        (F.mse_loss(aims, clean), "the MSE is still that of clean pictures."),
        (F.mse_loss(noisy, clean), "the MSE is that of the noisy pictures: nobody is judged."),
        (F.mse_loss(denoised, aims), "the MSE compares two answers. What is the truth here?"),
        (right**0.5, "you took a root: the MSE is a mean of squares."),
        (right * clean.numel(), "the MSE is a sum, not a mean."),
    ]
    otherwise = f"the MSE, {mse:.4g}, isn't that of the answers against the clean pictures."
    return f"The pictures are right. But {nearest(mse, wrong, 1e-5 * max(1, mse)) or otherwise}"


# ---- patient 3: no eval() ----


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
    return _wrong_modes(curve)


def _wrong_modes(curve: list[float]) -> str | None:
    """What the network of the judge tells in its answers, one for each epoch."""
    figures = [512 * math.sqrt(value) for value in curve]
    in_training = [figure >= 255.9 for figure in figures]
    awake = [int(figure % 256 + 0.05) for figure in figures]
    asleep = [(figure + 0.05) % 1 > 0.2 for figure in figures]
    if all(in_training) and any(asleep) and awake[0] <= 1:
        return "The wrong way round: it trains in eval mode, and is measured in training mode."
    if all(in_training):
        told = "At every validation the network is still in training mode: dropout still drops, batch norm still looks at the"
        return f"{told} batch. After the loop is too late, and no_grad() is about something else."
    if any(in_training):
        told = f"In epoch {in_training.index(True) + 1} the network is measured in training mode, in another it isn't."
        return f"{told} Each epoch needs both modes."
    if awake[0] == 0:
        return "It is measured in eval mode now. But it trains in eval mode too, from the first step on: no dropout at all."
    if awake[-1] == awake[0]:
        told = "The first epoch is right. From the second one on the network trains in eval mode"
        return f"{told}: what was switched off for measuring stays off."
    if awake != [awake[0] * epoch for epoch in range(1, len(curve) + 1)]:
        return "Not every training step comes in training mode. Where exactly do you switch, and how often?"
    return None


# ---- patient 4: chosen on the test set ----

ANSWERS = {"median": 0.5, "blur": 0.3, "matrix": 0.55, "network": 0.4, "black": 0.0}  # what each denoiser paints


@question("07.test_set")
def _test_set(choose_and_report: Callable[..., tuple[str, float]]) -> str | None:
    denoisers = {name: (lambda x, level=level: torch.full_like(x, level)) for name, level in ANSWERS.items()}
    val_truth, test_truth = torch.full((8,), 0.31), torch.tensor([0.52] * 4 + [0.58] * 4)
    for val, test in ((val_truth, test_truth), (test_truth, val_truth)):
        got = choose_and_report(dict(denoisers), _pair(val), _pair(test))
        if not several(got, 2):
            return "It should return a pair, (name, mse)."
        name, mse = got
        if not isinstance(name, str) or name not in ANSWERS:
            return f"The first of the two should be a name, one of {', '.join(ANSWERS)}; yours is {name!r}."
        judge = _wrong_figure if name == _best(val) else _wrong_choice
        hint = judge(name, float(mse), val, test)
        if hint:
            return hint
    return None


def _pair(truth: Tensor) -> tuple[Tensor, Tensor]:
    """(noisy, clean): eight clean pictures of these levels."""
    return torch.full((8, 1, 4, 4), 0.5), truth.view(8, 1, 1, 1).expand(8, 1, 4, 4).clone()


def _error(name: str, truth: Tensor) -> float:
    return (ANSWERS[name] - truth).square().mean().item()


def _best(*truths: Tensor) -> str:
    return min(ANSWERS, key=lambda name: sum(_error(name, truth) for truth in truths))


def _wrong_figure(name: str, mse: float, val: Tensor, test: Tensor) -> str | None:
    if near(mse, _error(name, test), 1e-5):
        return None
    if near(mse, _error(name, val), 1e-5):
        told = "But the figure is that of the validation pictures: the best of many tries there, so too good."
    elif near(mse, _error(_best(test), test), 1e-5):
        told = "But the figure belongs to another denoiser, the one that is best on the test pictures."
    else:
        told = f"But the figure, {mse:.4g}, should be the MSE of all the test pictures, and only of those."
    return f"Chosen well. {told}"


def _wrong_choice(name: str, mse: float, val: Tensor, test: Tensor) -> str:
    half, other = test[:4], test[4:]
    if name == _best(half) and (near(mse, _error(name, other), 1e-5) or _best(half) != _best(test)):
        told = "You cut the test pictures in two and chose with one half."
        return f"{told} For choosing there are other pictures already."
    if name == _best(test) and near(mse, _error(name, val), 1e-5):
        return "The two sets are exchanged: chosen on the test pictures, reported on the others."
    if name == _best(test):
        return f"{name!r} is the best on the test pictures. They still decide, so their figure can't be trusted."
    if name == _best(val, test):
        return f"{name!r} is the best on both sets together: the test pictures still have a say."
    if name == max(ANSWERS, key=lambda one: _error(one, val)):
        return f"{name!r} has the largest validation error. Which end of the list do you want?"
    return f"You chose {name!r}; {len(ANSWERS) - 1} others were tried. Which pictures decide, and which only judge?"


# ---- your turn ----

number(
    "07.undo",
    1.92 * 16 / 1000,
    2e-4,
    {
        0.03: "That takes all batches to be full. How many pictures are in the last one?",
        1.92 * 15 / 1000: "How many batches are there? The short one at the end counts as well.",
        0.031: "Nearly. To three digits that count, please.",
        1.92: "That is the reported figure.",
        1.92 / 16: "You divided by the number of batches. The program has done that already.",
        1.92 / 1000: "The program summed the loss of a batch times its size. What did it then divide by?",
        1.92 * 16: "That is the sum over all pictures. What is the mean?",
        1.92 * 64: "The other way: the reported figure is too large, not too small.",
        1.92 * 1000 / 16: "The other way: the reported figure is too large, not too small.",
    },
    "The sum over all pictures was divided by the number of batches. By what should it have been divided?",
)

number(
    "07.luck",
    1 - 0.5**4,
    2e-3,
    {
        0.5: "That is so for one denoiser that was chosen beforehand. Here four had a try.",
        0.5**4: "That is the probability that *none* of the four is too good.",
        2.0: "Probabilities of things that can happen together can't be added: that makes more than 1.",
        0.25: "That is the probability that exactly one of the four is too good. It may be more than one.",
        0.75: "That is for two denoisers.",
        0.875: "That is for three denoisers.",
        0.94: "Nearly. To three digits, please.",
        93.75: "In per cent, perhaps. As a number from 0 to 1, please.",
        1.0: "Nearly, but it may happen that all four are unlucky.",
    },
    "The best figure is too good as soon as one of the four is. What is the only other case?",
)


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
    "07.undo",
    "1,000 pictures in batches of 64 are 15 full batches and one of 40, so 16. The program divided the sum over all pictures "
    "by 16, where it should have divided by 1,000. Times 16 the report is that sum again.",
    """
    my_mse = 1.92 * 16 / 1000
    """,
)

worked(
    "07.luck",
    "The best of the four is not too good only if none of the four is. Each is not with a probability of one half, and they "
    "are independent, so the four halves are multiplied. All other cases are the answer.",
    """
    my_luck = 1 - 0.5**4
    """,
)
