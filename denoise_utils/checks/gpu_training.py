"""The questions of lesson 04."""

from collections.abc import Callable

from .judging import near, nearest, number, question

number(
    "04.printed",
    0.0489,
    0.0003,
    {
        0.9775: "That is what it printed. It divided by the number of batches; by what should it have divided?",
        19.55: "The other way: the printed figure is too large, not too small.",
        0.9887: "No root is needed. Each batch's mean was counted 20 times.",
        0.0261: "That is the last epoch.",
    },
    "The loss of each batch (a mean) was multiplied by 20 images, summed, and divided by the number of batches.",
)


@question("04.loss")
def _loss(function: Callable[[list[float], list[int]], float]) -> str | None:
    losses, sizes = [0.2, 0.4, 0.9], [4, 4, 2]  # the mean over the ten images is 0.42
    got = float(function(list(losses), list(sizes)))
    if near(got, 0.42, 1e-6):
        return None
    a_sum = "That is a sum: with more images it grows, though the network is no worse. Divide."
    wrong = [
        (
            0.5,
            "That is the mean of the batch means: the two images of the short last batch count double. Weigh by size.",
        ),
        (1.4, "That is the tutorial's mistake: divide by the number of images, not of batches."),
        (4.2, a_sum),
        (1.5, a_sum),
    ]
    told = f"For means {losses} of batches of {sizes} images you got {got:.4g}."
    return nearest(got, wrong, 1e-6) or f"{told} What would the mean over all ten images be?"
