"""The questions of assignment 01."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from denoise_utils.checks.judging import call_on_copies, judge_number, other_tensor, personal, question, several
from denoise_utils.data import load_digits


@question("a01.batches")
def _pairs(function: Callable[[Tensor, Tensor, int, torch.Generator], Any]) -> str | None:
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).repeat(1, 1, 2, 2)
    labels = 9 - torch.arange(10)  # so each label says which image it belongs to
    pairs = list(function(images.clone(), labels.clone(), 4, torch.Generator().manual_seed(1)))
    if not all(several(pair, 2) for pair in pairs):
        return "Each batch should be a pair: the images, and their labels."
    if not all(isinstance(part, Tensor) for pair in pairs for part in pair):
        return "Both halves of a pair should be tensors."
    sizes = [len(batch) for batch, _ in pairs]
    if any(len(batch) != len(its) for batch, its in pairs):
        return f"The image batches have {sizes} images, the label batches {[len(its) for _, its in pairs]} labels."
    if sum(sizes) < 10:
        return f"Of 10 images only {sum(sizes)} came out. What happens to the last, shorter batch?"
    if any(batch.dtype != torch.uint8 for batch, _ in pairs):
        return f"The images came out as {pairs[0][0].dtype}. Leave them as bytes: converting is somebody else's job."
    if any(batch.shape[1:] != images.shape[1:] for batch, _ in pairs):
        return f"A batch has shape {list(pairs[0][0].shape)}; a batch of 4 images of 2x2 pixels has [4, 1, 2, 2]."
    numbers = torch.cat([batch[:, 0, 0, 0] for batch, _ in pairs]).tolist()
    found = torch.cat([its.flatten() for _, its in pairs]).tolist()
    if sorted(numbers) != list(range(10)):
        return "Some image came twice and another not at all. Draw one order for all, and cut that into pieces."
    if sizes != [4, 4, 2]:
        return f"The batch sizes are {sizes}; 10 images in batches of 4 should give [4, 4, 2]."
    if numbers != list(range(10)) and found == labels.tolist():
        return "The images are shuffled, the labels kept their old order: now a three is called a seven."
    for image, label in zip(numbers, found):
        if label != 9 - image:
            return f"Image {image} came with the label of image {9 - label}. One order must serve both."
    if numbers == list(range(10)):
        return "The order is that of the data. Draw a random one first."
    again = list(function(images.clone(), labels.clone(), 4, torch.Generator().manual_seed(1)))
    if not torch.equal(torch.cat([its.flatten() for _, its in again]), torch.tensor(found)):
        return "A generator with the same seed gave another order. Hand the generator on to the function that draws."
    return None


@question("a01.split")
def _stratified(function: Callable[[Tensor, float, int], tuple[Tensor, Tensor]]) -> str | None:
    order = torch.randperm(200, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(200)[order] % 10  # ten classes of 20, mixed
    parts = function(labels.clone(), 0.2, 0)
    if not several(parts, 2) or not all(isinstance(p, Tensor) for p in parts):
        return "It should return two index tensors: train, and test."
    if any(p.dtype == torch.bool or p.is_floating_point() for p in parts):
        return f"The parts are {parts[0].dtype}. They should hold indices: whole numbers that say which images."
    train, test = (part.flatten().tolist() for part in parts)
    if len(train) < len(test):
        return (
            f"Train has {len(train)} images and test {len(test)}: the parts are swapped. The share is the test part's."
        )
    if both := set(train) & set(test):
        return f"{len(both)} indices stand in both parts, such as {min(both)}. What would a test figure mean then?"
    if missing := set(range(200)) - set(train) - set(test):
        return f"{len(missing)} images are in no part, such as number {min(missing)}."
    if len(train) + len(test) != 200:
        return f"The parts hold {len(train) + len(test)} indices of 200 images: some stand twice, or point nowhere."
    counts = torch.bincount(labels[torch.tensor(test, dtype=torch.int64)], minlength=10).tolist()
    if counts != [4] * 10:
        hint = " A random cut of the whole leaves the classes to chance." if sum(counts) == 40 else ""
        return f"Each class has 20 images, so 4 of each should be in test. Yours has {counts}.{hint}"
    again = function(labels.clone(), 0.2, 0)
    if set(again[1].flatten().tolist()) != set(test):
        return "The same seed gave another test part. Tomorrow's test images may be today's training images."
    ranks = {d: [(labels[:i] == d).sum().item() for i in test if labels[i] == d] for d in range(10)}
    if any(all(set(r) == set(range(a, a + 4)) for r in ranks.values()) for a in (0, 16)):
        return "The test part holds the first or the last images of each class. Draw them: a file may be sorted."
    return None


@question("a01.to_bytes")
def _to_bytes(function: Callable[[Tensor], Tensor]) -> str | None:
    values = [0.0, 0.13, 0.2, 0.25, 0.666, 0.999, 1.0]
    images = torch.tensor(values).view(7, 1, 1, 1)
    result, changed = call_on_copies(function, images)
    if hint := other_tensor(result, images.byte(), "bytes are"):
        return hint
    got = result.flatten().tolist()
    if got == [0, 33, 51, 64, 170, 255, 255]:
        return "Right bytes, but your function changed the images it was given." if changed else None
    if got[-1] == 0:
        return "White became 0. There are 256 bytes, but the largest is 255: one more starts again at black."
    if max(got) <= 1:
        return f"{values} became {got}: a byte counts in steps of 1/255. Scale before you convert."
    if got == [0, 33, 51, 63, 169, 254, 255]:
        return "0.999 became 254, though 255 is nearer (254.745). Converting to whole numbers cuts the fraction off."
    if got == [0, 34, 51, 64, 170, 255, 255]:
        return "0.13 became 34, though 33 is nearer (33.15). Round to the nearest, not always up."
    return f"{values} became {got}. Which byte, divided by 255, is nearest to each?"


@personal("a01.leak")
def _two_parts(draw: random.Random) -> dict[str, Tensor]:
    """A training and a test part with a leak. Some leaked images stand twice in test, some twice in train, two or three
    twice in both; and of some honest test images a copy moved by one pixel is in train."""
    leaks, in_test, in_train = draw.randint(25, 60), draw.randint(5, 9), draw.randint(11, 14)
    in_both, moved = draw.randint(2, 3), draw.randint(18, 25)
    chance, digits = torch.Generator().manual_seed(draw.randrange(2**31)), load_digits("mnist5k")
    train = digits.train.images[torch.randperm(4000, generator=chance)[:1200]]
    honest = digits.test.images[torch.randperm(500, generator=chance)[:240]]
    leaked = train[:leaks]
    test = torch.cat([honest, leaked, leaked[:in_test]])
    first = in_test - in_both
    train = torch.cat([train, leaked[first : first + in_train], honest[:moved].roll(1, dims=3)])
    return {
        "train": train[torch.randperm(len(train), generator=chance)],
        "test": test[torch.randperm(len(test), generator=chance)],
    }


@question("a01.leak")
def _leak(value: Any, numbers: dict[str, Tensor]) -> str | None:
    train, test = (Counter(image.numpy().tobytes() for image in numbers[part]) for part in ("train", "test"))
    both = train.keys() & test.keys()
    right, its_copies = (sum(part[image] for image in both) for part in (test, train))
    total, sums = test.total(), {int(image.sum()) for image in numbers["train"]}
    as_bright = sum(int(image.sum()) in sums for image in numbers["test"])
    if isinstance(value, float) and 0 < value < 1:
        return "That is a share. How many images is it?"
    pairs, copies = sum(train[image] * test[image] for image in both), total + train.total() - len(train | test)
    twice = (
        "Some leaked images stand twice in test, and each copy spoils the figure. Count images, not different images."
    )
    typical = {
        len(both): twice,
        its_copies: "Those are the training images that are also in test. The other way round.",
        pairs: "Those are pairs. A test image with two copies in training is still one.",
        copies: "Those are all copies, training images that stand twice in training among them.",
        total - right: "Those are the clean ones.",
        total - len(test): "Those are the repetitions within test. Look from one part into the other.",
        as_bright: "Some of those only have the same brightness in all, with each pixel elsewhere. Compare all 784 pixels.",
        0: "Not one? Two tensors in a set are never equal, even with equal values. Compare the values.",
    }
    otherwise = f"For each of the {total} test images: is there a training image with the same 784 values?"
    return judge_number(value, right, 0, typical, otherwise)


def _megabytes(images: int, side: int, batch: int) -> tuple[float, dict[float, str]]:
    """The right answer of ``a01.memory``, and the typical wrong ones. Images have three channels."""
    store, part = images * 3 * side**2 / 1e6, batch * 3 * side**2 / 1e6  # as bytes
    right = store + 4 * part
    return right, {
        4 * store: "That is everything as float32. Only one batch is converted at a time.",
        4 * (store + part): "That is everything as float32, and a batch more. Only the batch is float32.",
        store: "That is the store. A converted batch lies beside it.",
        4 * part: "That is the batch. The store is on the GPU as well.",
        store + part: "The batch is float32: how many bytes has one number?",
        store + 8 * part: "float32 has 32 bits; you count 64 for each number of the batch.",
        store + 32 * part: "32 is the number of bits. How many bytes are that?",
        right / 3: "A colour picture has three numbers a pixel.",
        right / 1.048576: "Here a megabyte is 1,000,000 bytes; you divided by 1,048,576.",
        right * 1e6: "Those are bytes. The question is megabytes.",
        right / 1e3: "Those are gigabytes. The question is megabytes.",
        right * 1e3: "Those are kilobytes. The question is megabytes.",
        right * 8: "A byte is 8 bits; the question is bytes.",
    }


@personal("a01.memory")
def _store(draw: random.Random) -> dict[str, int]:
    return {
        "images": draw.choice([20_000, 24_000, 30_000, 40_000]),
        "side": draw.choice([32, 48, 64, 80, 96]),
        "batch": draw.choice([800, 1000, 1600]),
    }


@question("a01.memory")
def _memory(value: Any, numbers: dict[str, int]) -> str | None:
    right, typical = _megabytes(**numbers)
    otherwise = "Count the numbers, then the bytes: first the store, then the batch."
    return judge_number(value, right, 0.003 * right, typical, otherwise)
