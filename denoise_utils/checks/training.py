"""The questions of lesson 04a."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .judging import near, nearest, number, question, worked

number(
    "04.printed",
    0.0489,
    0.0003,
    {
        0.9775: "That is what it printed. It divided by the number of batches; by what should it have divided?",
        19.55: "The other way: the printed figure is too large, not too small.",
        0.9887: "No root is needed. Each batch's mean was counted 20 times.",
        0.0261: "That is the last epoch.",
        0.05: "Nearly. To three digits that count, please.",
    },
    "The loss of each batch (a mean) was multiplied by 20 images, summed, and divided by the number of batches.",
)


@question("04.loss")
def _loss(function: Callable[[list[float], list[int]], float]) -> str | None:
    losses, sizes = [0.2, 0.4, 0.9], [4, 4, 2]  # the mean over the ten images is 0.42
    got = float(function(list(losses), list(sizes)))
    if near(got, 0.42, 1e-6):
        return None
    a_sum = "That is a sum: with more images it grows, though the network is no worse."
    wrong = [
        (0.5, "That is the mean of the batch means. How much does each image of the short last batch count in it?"),
        (1.4, "That is the tutorial's mistake. Which number should a mean over images be divided by?"),
        (4.2 / 12, "You count the last batch as a full one. How many images were there really?"),
        (4.2, a_sum),
        (1.5, a_sum),
    ]
    told = f"For means {losses} of batches of {sizes} images you got {got:.4g}."
    return nearest(got, wrong, 1e-6) or f"{told} What would the mean over all ten images be?"


class _Shift(nn.Module):
    """A network with two weights, which remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.weights, self.shown = nn.Parameter(torch.tensor([0.5, 0.1])), []

    def forward(self, noisy: Tensor) -> Tensor:
        self.shown.append(noisy.detach().clone())
        return self.weights[0] * noisy + self.weights[1]


class _Spoil:
    """Noise of its own in each call. It remembers which clean picture became which noisy one."""

    def __init__(self):
        self.generator, self.pairs = torch.Generator().manual_seed(0), []

    def __call__(self, clean: Tensor, generator=None) -> Tensor:
        noisy = (clean + 0.3 * torch.randn(clean.shape, generator=self.generator)).clamp(0, 1)
        self.pairs += zip(noisy.detach().clone(), clean.detach().clone(), strict=True)
        return noisy


def _replayed(
    batches: list[tuple[Tensor, Tensor]], target: str = "clean", forget: bool = True, reduction: str = "mean"
) -> tuple[Tensor, list]:
    """The two weights after a step for each batch, and the losses, for a loop with or without a mistake."""
    model = _Shift()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for noisy, clean in batches:
        loss = F.mse_loss(model(noisy), clean if target == "clean" else noisy, reduction=reduction)
        if forget:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.weights.detach(), losses


@question("04.loop")
def _loop(function: Callable[..., float]) -> str | None:
    images = torch.rand(10, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    orders = []
    for _ in range(2):
        model, spoil = _Shift(), _Spoil()
        given = images.clone()
        returned = function(model, given, spoil, torch.optim.SGD(model.parameters(), lr=0.1), 4)
        returned = float(torch.as_tensor(returned).detach())
        if not torch.equal(given, images):
            return "The images have changed: a loop only reads them."
        hint = _passed(model, spoil, images) or _learned(model, spoil, returned)
        if hint:
            return hint
        shown = torch.cat([_clean_of(one, spoil) for one in torch.cat(model.shown)])
        orders.append([int((images == one).flatten(1).all(1).nonzero()[0]) for one in shown[:, None]])
    if list(range(10)) in orders or orders[0] == orders[1]:
        return "All is right but the order: the pictures come in the same one each time."
    return None


def _clean_of(noisy: Tensor, spoil: _Spoil) -> Tensor | None:
    return next((clean for made, clean in spoil.pairs if torch.equal(made, noisy)), None)


def _twin_of(noisy: Tensor, spoil: _Spoil) -> Tensor:
    """Another noisy picture of the same clean one; itself, if there is none."""
    clean = _clean_of(noisy, spoil)
    others = (made for made, of in spoil.pairs if torch.equal(of, clean) and not torch.equal(made, noisy))
    return next(others, noisy)


def _passed(model: _Shift, spoil: _Spoil, images: Tensor) -> str | None:
    """What is wrong with the pictures that reached the network."""
    if not model.shown:
        return "The network was never called."
    shown = torch.cat(model.shown)
    if any((images == one).flatten(1).all(1).any() for one in shown):
        return "The network was shown clean pictures: what is it to learn from them?"
    if any(_clean_of(one, spoil) is None for one in shown):
        return "The network was shown something that the noise did not make."
    if [len(one) for one in model.shown] != [4, 4, 2]:
        return f"Ten images in batches of 4: the network saw batches of {[len(one) for one in model.shown]}."
    seen = torch.stack([_clean_of(one, spoil) for one in shown])
    if len(torch.unique(seen.flatten(1), dim=0)) < 10:
        return "In one epoch each picture should be seen once; some were seen again, and others not at all."
    return None


def _learned(model: _Shift, spoil: _Spoil, returned: float) -> str | None:
    """What is wrong with the weights, or with the figure that was returned."""
    batches = [(noisy, torch.stack([_clean_of(one, spoil) for one in noisy])) for noisy in model.shown]
    right, losses = _replayed(batches)
    got = model.weights.detach()
    if not near(got, right, 1e-5):
        wrong = [
            (_Shift().weights.detach(), "The weights are what they were: who moves them?"),
            (
                _replayed(batches, target="noisy")[0],
                "The network learned to copy its noisy pictures. What should it aim at?",
            ),
            (_replayed(batches, forget=False)[0], "Each step also moved along the gradients of the steps before it."),
            (_replayed(batches, reduction="sum")[0], "The steps are far too long: is your loss a sum over the pixels?"),
        ]
        if len(spoil.pairs) > sum(len(noisy) for noisy, _ in batches):
            twins = [(noisy, torch.stack([_twin_of(one, spoil) for one in noisy])) for noisy, _ in batches]
            wrong.append((_replayed(twins)[0], "The target is noisy, too, with noise of its own. What should it be?"))
        return nearest(got, wrong, 1e-5) or f"After three steps the two weights should be {right}, yours are {got}."
    mean = (4 * losses[0] + 4 * losses[1] + 2 * losses[2]) / 10
    typical = [
        (sum(losses) / 3, "The training is right. The figure is a mean of batch means: the last batch is shorter."),
        (sum(losses), "The training is right. The figure is a sum; with more images it would grow."),
        (10 * mean / 3, "The training is right. The figure is the tutorial's: too large by the batch size."),
        (10 * mean, "The training is right. The figure is a sum over images; with more of them it would grow."),
        (losses[-1], "The training is right. The figure is the last batch's alone."),
    ]
    if near(returned, mean, 1e-5):
        return None
    return (
        nearest(returned, typical, 1e-5)
        or f"The training is right, but its mean loss is {mean:.5f}; you say {returned:.5f}."
    )


worked(
    "04.printed",
    """Each batch's mean was multiplied by 20, and the sum divided by the number of batches. So what was printed is 20 times
    the MSE, and one division puts it right.""",
    "my_mse = 0.9775 / 20",
)
worked(
    "04.loss",
    """A batch's mean times its size is the sum of its images' losses. Add up these sums, and divide by the number of all
    images: then each image counts once, in a short batch too.""",
    """
    def my_epoch_loss(losses, sizes):
        summed = sum(loss * size for loss, size in zip(losses, sizes, strict=True))
        return summed / sum(sizes)
    """,
)
worked(
    "04.loop",
    """Shuffle; then for each batch: make it noisy, ask the network, compare with the clean pictures, forget the old
    gradients, find the new ones, take the step. Each batch's loss is a mean, so it is multiplied by the batch's size before it
    is added, and the sum is divided by the number of images.""",
    """
    def my_epoch(model, images, noise, optimizer, batch_size):
        summed = 0.0
        for index in torch.randperm(len(images)).split(batch_size):
            clean = images[index]
            loss = torch.nn.functional.mse_loss(model(noise(clean)), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            summed += loss.item() * len(clean)
        return summed / len(images)
    """,
)
