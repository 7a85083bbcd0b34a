"""The questions of lessons 01a and 01b."""

import struct
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..data import load_digits, to_float
from .judging import near, nearest, other_tensor, question, several, worked


def _file(images: Tensor) -> bytes:
    """uint8 ``[N, H, W]`` as a file of MNIST's form."""
    return struct.pack(">iiii", 2051, *images.shape) + images.numpy().tobytes()


@question("01.load")
def _load(function: Callable[[bytes], Tensor]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((2, 28, 28), (3, 5, 4)):
        images = torch.randint(0, 200, shape, generator=generator, dtype=torch.uint8)
        images[0, 1, 2] = 204  # the brightest, and not white
        wanted = images[:, None] / 255
        about = f"a file of {shape[0]} pictures, {shape[1]} rows of {shape[2]} pixels"
        try:
            result = function(_file(images))
        except Exception as error:
            if shape[1] == 28:
                raise
            return f"For {about}, it stopped with {type(error).__name__}: {error}. What does the header tell?"
        if isinstance(result, Tensor) and result.dtype == wanted.dtype and result.shape != wanted.shape:
            if list(result.shape) == list(shape):
                return f"The shape is {list(shape)}. A network wants [N, C, H, W]: where is the channel?"
            return f"For {about}, the shape is {list(result.shape)}; it should be {list(wanted.shape)}."
        if hint := other_tensor(result, wanted, "networks here want"):
            return hint
        turned = images.flatten().view(shape[0], shape[2], shape[1]).transpose(1, 2)[:, None] / 255
        typical = [
            (wanted * 255, "A pixel of 204 stayed 204. A network wants fractions: black is 0, white 1."),
            (
                wanted / 0.8,
                "The brightest pixel of this file is 204, and it became 1. But is it white? Another file would get another "
                "scale.",
            ),
            (wanted * 255 / 256, "A pixel of 204 became 0.797. Which byte is white?"),
            (0 * wanted, "Every pixel became 0. What does // do with 204 // 255?"),
            (wanted * 2 - 1, "Black became -1. Here black is 0, and white 1."),
            (turned, "The pixels are there, and in the wrong places: does the file hold row after row?"),
        ]
        if not near(result, wanted):
            otherwise = "The shape is right, the pixels are not those of the file. Where does the first one stand?"
            return nearest(result, typical, 1e-5) or otherwise
    return None


def _numbers(function: Callable, generator: torch.Generator) -> list[list[int]]:
    """Which of ten images came, batch by batch, in eight batches of up to four. They may come as bytes or as fractions."""
    images, batches = (20 * torch.arange(10)).to(torch.uint8).view(10, 1, 1, 1), []
    given = function(images, 4, 8, generator)
    if isinstance(given, Tensor):
        raise _NoBatches("It returned one tensor. It should yield a tensor for each step.")
    for batch in given:
        if len(batches) == 50:
            raise _NoBatches("It was asked for 8 batches, and yields more than 50. What counts the steps?")
        if not isinstance(batch, Tensor):
            raise _NoBatches(f"A batch of yours is of type {type(batch).__name__}; it should be a tensor of images.")
        if batch.ndim == 1:
            raise _NoBatches("A batch of yours holds numbers, no images. Which images have these numbers?")
        values = batch.flatten().double()
        values = values * 255 if batch.is_floating_point() and values.max() <= 1 else values
        batches.append((values / 20).round().int().tolist())
    return batches


@question("01.batches")
def _batches(function: Callable[[Tensor, int, int, torch.Generator], Any]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    try:
        found = _numbers(function, generator)
    except _NoBatches as hint:
        return str(hint)
    sizes, shown = [len(batch) for batch in found], f"{len(found)} batch{'' if len(found) == 1 else 'es'}"
    if sizes == [4, 4, 2]:
        return "After one epoch it ends: 3 of 8 batches came. A training of 8 steps needs more than one epoch."
    if len(found) != 8:
        return f"It was asked for 8 batches, and yields {shown}."
    if sizes == [4] * 8:
        once = all(len({*found[i], *found[i + 1]}) == 8 for i in (0, 2, 4, 6))
        return (
            "In each epoch two of 10 images are missing. What happens to the last, smaller batch?"
            if once
            else "10 images make batches of 4, 4 and 2: some batch here mixes two epochs, or has the same image twice."
        )
    if sizes != [4, 4, 2, 4, 4, 2, 4, 4]:
        return f"The batch sizes are {sizes}; they should be [4, 4, 2, 4, 4, 2, 4, 4]."
    epochs = [[number for batch in found[i : i + 3] for number in batch] for i in (0, 3, 6)]
    if any(sorted(epoch) != list(range(10)) for epoch in epochs[:2]) or len(set(epochs[2])) < 8:
        return "Within one epoch some image came twice and another not at all. In an epoch, each comes once."
    if epochs[0] == list(range(10)):
        return "The order is that of the data: nothing is shuffled."
    if epochs[0] == epochs[1]:
        return "The second epoch came in the order of the first."
    if _numbers(function, torch.Generator().manual_seed(0)) != found:
        return (
            "Two generators with the same seed gave different orders: does your function draw from the one it is given?"
        )
    if _numbers(function, generator) == found:
        return "A second call with the same generator gave the same batches. The generator moves on: what sets it back?"
    return None


class _NoBatches(Exception):
    """What it gives are no batches of images; the text is the hint."""


def _indices(part: Any) -> list[int] | str:
    """A part as a list of indices, from a tensor, an array or a list; else what it is, for a hint."""
    try:
        indices = torch.as_tensor(part if isinstance(part, Tensor) else list(part))
    except (TypeError, ValueError, RuntimeError):
        return f"of type {type(part).__name__}"
    if indices.dtype == torch.bool:
        return "a mask of True and False"
    if indices.numel() and (indices.ndim != 1 or indices.is_floating_point()):
        return f"of shape {list(indices.shape)} and type {indices.dtype}"
    return indices.flatten().tolist()


@question("01.split")
def _split(function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> str | None:
    generator = torch.Generator().manual_seed(0)
    people = torch.randperm(900, generator=generator)[:40] + 100  # their numbers; and how much each one wrote
    writers = people.repeat_interleave(torch.randint(10, 40, (40,), generator=generator))
    n, all_writers = len(writers), set(people.tolist())
    for given in (writers, writers[torch.randperm(n, generator=generator)]):
        parts = function(given.clone())
        if not several(parts, 2):
            count = f"{len(parts)} things" if isinstance(parts, tuple | list) else f"a {type(parts).__name__}"
            return f"It should return two parts, train and test; yours returned {count}."
        if odd := [part for part in map(_indices, parts) if isinstance(part, str)]:
            return f"Each part should be the indices of its pictures; yours is {odd[0]}."
        train, test = map(_indices, parts)
        if set(train) | set(test) == all_writers:
            return "These are the numbers of writers. Which pictures did they write?"
        if outside := [index for index in train + test if not 0 <= index < n]:
            return f"For {n} pictures, the indices go from 0 to {n - 1}; yours have {outside[0]}."
        if set(train) & set(test):
            return "A picture is in both parts. What would a test figure mean then?"
        if len(set(train)) + len(set(test)) < n:
            missing = n - len(set(train)) - len(set(test))
            return f"{missing} of {n} pictures are in no part, such as number {min(set(range(n)) - {*train, *test})}."
        if len(train) + len(test) > n:
            return "A picture comes twice in one part."
        hands = [set(given[part].tolist()) for part in (train, test)]
        if both := hands[0] & hands[1]:
            return (
                f"{len(both)} of 40 writers {'is' if len(both) == 1 else 'are'} in both parts, such as writer {min(both)}. "
                "What do you draw at random?"
            )
        if not 0.1 <= len(test) / n <= 1 / 3:
            return f"{len(test) / n:.0%} of the pictures are in the test part; about a fifth should be."
        again = function(given.clone())
        if [sorted(_indices(part)) for part in again] != [sorted(train), sorted(test)]:
            return "A second call gave other parts. Tomorrow's test pictures may be today's training pictures: fix the seed."
        seen = list(dict.fromkeys(given.tolist()))  # in the order in which they come
        if hint := _not_drawn(hands[1], [sorted(all_writers), seen]):
            return hint
    return None


def _not_drawn(chosen: set[int], orders: list[list[int]]) -> str | None:
    """The hint for writers that a rule chose. orders: lists of all writers, in an order that they may have had."""
    for order in orders:
        if chosen in (set(order[: len(chosen)]), set(order[-len(chosen) :])):
            return (
                "The test writers are the first or the last of a list, not drawn at random. Such lists have an order: by "
                "date, by place, by school."
            )
    for m in range(3, 9):  # every fifth of a list, or every number that 5 divides
        by_place = [order[r::m] for order in orders for r in range(m)]
        by_number = [[writer for writer in orders[0] if writer % m == r] for r in range(m)]
        if chosen in map(set, by_place + by_number):
            return f"One in {m} writers, by a rule: that is not at random. The list may have been made by such a rule, too."
    return None


@question("01.leaks")
def _leaks(function: Callable[[Tensor, Tensor], Any]) -> str | None:
    digits, generator = load_digits("mnist5k"), torch.Generator().manual_seed(0)
    test, known = digits.test.images[:40], digits.train.images[:160]
    one = digits.test.images[digits.test.labels == 1]
    ones = digits.train.images[digits.train.labels == 1]
    gaps = torch.cdist(to_float(one).flatten(1), to_float(ones).flatten(1))
    twin, other = divmod(gaps.argmin().item(), len(ones))  # the two that are most alike, and are no copies
    test, known = torch.cat([test, one[twin : twin + 1]]), torch.cat([known, ones[other : other + 1]])

    def mixed(copies: Tensor) -> Tensor:
        """The copies among the training pictures, none at its own number."""
        return torch.cat([known[:100], copies.flip(0), known[100:]])

    def changed(pictures: Tensor, low: int, high: int) -> Tensor:
        steps = torch.randint(low, high + 1, pictures.shape, generator=generator)
        steps[:, :, 0, 0] = high if high > 0 else low
        return (pictures.int() + steps).clamp(0, 255).to(torch.uint8)

    dim = test.clamp(20, 235)  # so that a change stays a change
    cases = {
        "exact": (test, [3, 17, 31], known),
        "none": (test, [], known),
        "brighter": (dim, [0, 8, 39], changed(dim, 1, 16)),
        "darker": (dim, [1, 9, 38], changed(dim, -16, -1)),
        "no copy": (test, [], changed(test, 20, 40)),
    }
    missed = {}
    for name, (pictures, wanted, source) in cases.items():
        copies = source[wanted] if name in ("brighter", "darker") else pictures[wanted]
        train = mixed(source[:3] if name == "no copy" else copies)
        got = function(train.clone(), pictures.clone())
        found = _indices(got)
        if isinstance(found, str):
            return f"It should return a list of the test pictures' numbers; yours is {found}."
        places = [100 + len(wanted) - 1 - i for i in range(len(wanted))]
        if found and sorted(found) == sorted(places):
            return "These are numbers in the training part. Which test pictures are they?"
        if wrong := sorted(set(found) - set(wanted)):
            if not 0 <= wrong[0] < len(test):
                return f"Picture {wrong[0]} is reported, and there are only {len(test)} test pictures."
            far = (train.int() - pictures[wrong[0]].int()).abs().flatten(1).amax(1).min()
            return (
                f"Test picture {wrong[0]} is reported, and the training part has no copy of it: in each picture there, some "
                f"pixel differs by {far} or more."
            )
        if len(set(found)) < len(found):
            return "A test picture is reported twice."
        missed[name] = sorted(set(wanted) - set(found))
    if missed["exact"]:
        i = missed["exact"][0]
        return f"Test picture {i} is in the training part, too, at another number, and was not found."
    if partly := [missed[name][0] for name in ("brighter", "darker") if 0 < len(missed[name]) < len(cases[name][1])]:
        return (
            f"Some copies were found, and not test picture {partly[0]}: some pixel of it is off by exactly 16. Do you compare "
            "fractions? They are rounded, and whole numbers are not."
        )
    if missed["brighter"] and missed["darker"]:
        i = missed["darker"][0]
        return f"A copy that was saved again, each pixel off by up to 16, was not found: test picture {i}. How far is near?"
    if missed["brighter"] or missed["darker"]:
        side = "brighter" if missed["brighter"] else "darker"
        return f"Copies that became {side} were not found, others were. What is 3 - 5 in bytes?"
    return None


worked(
    "01.load",
    """The header says how many pictures there are, and how high and wide they are, so the same function reads any such
    file. The pixels begin after 16 bytes. Divide by 255, the largest byte there is, and not by the brightest pixel of this
    file: white has to mean the same in every file.""",
    """
    import struct


    def my_load(data):
        _, count, height, width = struct.unpack(">iiii", data[:16])
        pixels = torch.tensor(list(data[16:]), dtype=torch.float32)
        return pixels.view(count, 1, height, width) / 255
    """,
)
worked(
    "01.batches",
    """Draw an order, cut it into pieces of the batch size, and when they are used up draw the next order: so each image comes
    once in an epoch, and no batch mixes two epochs. The order comes from the generator that is passed in, which moves on by
    itself. The function ends when the steps are counted out.""",
    """
    def my_batches(images, batch_size, steps, generator):
        done = 0
        while done < steps:
            order = torch.randperm(len(images), generator=generator)
            for index in order.split(batch_size)[: steps - done]:
                yield images[index]
                done += 1
    """,
)
worked(
    "01.leaks",
    """Compare each test picture with every training picture, and take the pixel in which they differ most: a copy's is at
    most 16, while different digits differ by far more somewhere. The bytes become whole numbers with a sign first, for in
    bytes 3 - 5 is 254.""",
    """
    def my_leaks(train, test):
        known = train.int()
        copies = []
        for number, picture in enumerate(test.int()):
            largest = (known - picture).abs().flatten(1).amax(dim=1)
            if (largest <= 16).any():
                copies.append(number)
        return copies
    """,
)
worked(
    "01.split",
    """Draw people, not pictures: a random order of the writers, of which the first fifth goes to the test part with all
    that they wrote. A generator with a fixed seed draws the same people at every call.""",
    """
    def my_split(writers):
        people = writers.unique()
        order = torch.randperm(len(people), generator=torch.Generator().manual_seed(0))
        chosen = people[order[: len(people) // 5]]
        in_test = torch.isin(writers, chosen)
        return (~in_test).nonzero().flatten(), in_test.nonzero().flatten()
    """,
)
