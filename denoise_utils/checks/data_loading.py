"""The questions of lesson 01."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .judging import other_tensor, question, worked


@question("01.to_float")
def _to_float(function: Callable[[Tensor], Tensor]) -> str | None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)
    result = function(images.clone())
    if hint := other_tensor(result, images.float(), "networks here want"):
        return hint
    if result.max() > 1:
        return f"White became {result.max():g}; it should become 1.0."
    if not torch.allclose(result, torch.tensor([0, 0.2, 1]).view_as(result)):
        return f"0, 51, 255 became {[round(v, 3) for v in result.flatten().tolist()]}. Only scale: what is 51 of 255?"
    return None


@question("01.split")
def _split(function: Callable[[int], tuple[Tensor, Tensor, Tensor]]) -> str | None:
    parts = function(1000)
    if len(parts) != 3:
        return f"It should return three index tensors; yours returned {len(parts)}."
    train, val, test = (set(part.tolist()) for part in parts)
    if train & test or train & val or val & test:
        return "An index stands in two parts. What would a test figure mean then?"
    if missing := set(range(1000)) - (train | val | test):
        return f"{len(missing)} images are in no part, such as number {min(missing)}. Indices go from 0 to n - 1."
    if not len(train) > max(len(val), len(test)) or not min(len(val), len(test)):
        return (
            f"The sizes are {len(train)}, {len(val)}, {len(test)}: most should train, some be left for each other part."
        )
    if not all(torch.equal(a, b) for a, b in zip(parts, function(1000), strict=True)):
        return "A second call gave other parts. Tomorrow's test images may be today's training images: fix the seed."
    if any(max(part) - min(part) == len(part) - 1 for part in (train, val, test)):
        return "The parts are cut in order. If the images are sorted by class, the test part holds classes never trained on."
    return None


@question("01.batches")
def _batches(function: Callable[[Tensor, int], Any]) -> str | None:
    images = torch.arange(10).view(10, 1, 1, 1).float()
    found = [batch for batch in function(images.clone(), 4)]
    values = torch.cat(found).flatten()
    values = (values * 255 if 0 < values.max() < 1 else values).round().tolist()  # bytes or fractions, both are fine
    if len(values) < 10:
        return f"Of 10 images only {len(values)} came out. What happens to the last, smaller batch?"
    if sorted(values) != images.flatten().tolist():
        return "Some image came twice and another not at all. Shuffle the indices once, then cut them."
    if [len(batch) for batch in found] != [4, 4, 2]:
        return (
            f"The batch sizes are {[len(batch) for batch in found]}; for 10 images and batches of 4 expect [4, 4, 2]."
        )
    if values == images.flatten().tolist():
        return "The order is that of the data. Draw a random order first."
    return None


worked(
    "01.to_float",
    """Make float32 first, for a byte can't hold a fraction. Then divide by 255, the largest byte, so that white becomes 1.
    Divide every picture by the same 255: the brightest pixel of one picture does not say what white is.""",
    """
    def my_to_float(images):
        return images.float() / 255
    """,
)
worked(
    "01.split",
    """Draw one random order of all indices and cut it into three: no index can be in two parts, and none gets lost. A
    generator with a fixed seed draws the same order at every call. Without it, tomorrow's test part would hold pictures
    that today's network has learned.""",
    """
    def my_split(n):
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
        tenth = n // 10
        return order.split([n - 2 * tenth, tenth, tenth])
    """,
)
worked(
    "01.batches",
    """Draw a random order of the indices, cut it into pieces of the batch size, and take the pictures of each piece. Every
    index is in the order once, so every picture comes once. The last piece is what is left, and may be shorter.""",
    """
    def my_batches(images, batch_size):
        order = torch.randperm(len(images))
        for index in order.split(batch_size):
            yield images[index]
    """,
)
