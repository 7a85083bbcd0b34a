"""Typical wrong answers to assignment 01: (code, points that a person would give, what the student reads)."""


def _body(head, lines):
    return head + "\n" + "\n".join(f"    {line}" for line in lines.strip("\n").split("\n"))


def _batches(lines):
    return _body("def batches(images, labels, batch_size, generator):", lines)


def _split(lines):
    return _body("def split(labels, test_share, seed):", lines)


def _to_bytes(lines):
    return _body("def to_bytes(images):", lines)


BY_CLASS = """
generator = torch.Generator().manual_seed({seed})
train, test = [], []
for label in {classes}:
    members = (labels == label).nonzero().flatten()
    members = members[{order}]
    count = {count}
    test.append(members[:count])
    train.append(members[count:])
return torch.cat(train), torch.cat(test)
"""
USUAL = {
    "seed": "seed",
    "classes": "labels.unique()",
    "order": "torch.randperm(len(members), generator=generator)",
    "count": "round(test_share * len(members))",
}

WRONG = {
    "batches": [
        ("def batches(images, labels, batch_size, generator):\n    pass", 0, "returned nothing"),
        (
            _batches("""
order = torch.randperm(len(images), generator=generator)
count = len(images) // batch_size
return [(images[i], labels[i]) for i in order[: count * batch_size].split(batch_size)]"""),
            0,
            "last, shorter batch",
        ),
        (
            _batches("""
order = torch.randperm(len(images), generator=generator)
return list(zip(images[order].split(batch_size), labels.split(batch_size)))"""),
            0,
            "labels kept their old order",
        ),
        (
            _batches("""
images = images[torch.randperm(len(images), generator=generator)]
labels = labels[torch.randperm(len(labels), generator=generator)]
return list(zip(images.split(batch_size), labels.split(batch_size)))"""),
            0,
            "One order must serve both",
        ),
        (
            _batches("""
picks = torch.randint(len(images), (len(images),), generator=generator)
return [(images[i], labels[i]) for i in picks.split(batch_size)]"""),
            0,
            "came twice",
        ),
        (
            _batches("return list(zip(images.split(batch_size), labels.split(batch_size)))"),
            1,
            "order is that of the data",
        ),
        (
            _batches("""
order = torch.randperm(len(images))
return [(images[i], labels[i]) for i in order.split(batch_size)]"""),
            2,
            "Hand the generator on",
        ),
        (
            _batches("""
order = torch.randperm(len(images), generator=generator)
return [(images[i].float() / 255, labels[i]) for i in order.split(batch_size)]"""),
            0,
            "Leave them as bytes",
        ),
        (
            _batches("""
order = torch.randperm(len(images), generator=generator)
return [images[i] for i in order.split(batch_size)]"""),
            0,
            "should be a pair",
        ),
        # right for ten images in batches of four, and only there
        (
            _batches("""
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
return [(images[i], labels[i]) for i in order.split(batch_size)]"""),
            3,
            "two seeds gave the same order",
        ),
        (
            _batches("""
torch.manual_seed(generator.initial_seed())
order = torch.randperm(len(images))
return [(images[i], labels[i]) for i in order.split(batch_size)]"""),
            3,
            "later epoch",
        ),
        (
            _batches("""
order = torch.randperm(len(images), generator=generator)
pairs = []
for start in range(0, len(images) + 1, batch_size):
    index = order[start : start + batch_size]
    pairs.append((images[index], labels[index]))
return pairs"""),
            3,
            "nothing is left over",
        ),
        (
            _batches("""
pairs = []
for index in torch.arange(len(images)).split(batch_size):
    index = index[torch.randperm(len(index), generator=generator)]
    pairs.append((images[index], labels[index]))
return pairs"""),
            3,
            "neighbours only",
        ),
    ],
    "split": [
        (
            _split("""
order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
count = round(test_share * len(labels))
return order[count:], order[:count]"""),
            0,
            "leaves the classes to chance",
        ),
        (
            _split(
                BY_CLASS.format(**USUAL).replace(
                    "torch.cat(train), torch.cat(test)", "torch.cat(test), torch.cat(train)"
                )
            ),
            0,
            "swapped",
        ),
        (
            _split(BY_CLASS.format(**USUAL | {"order": "torch.randperm(len(members))"})),
            2,
            "same seed gave another test part",
        ),
        (
            _split(BY_CLASS.format(**USUAL | {"order": ":"})),
            1,
            "first or the last images of each class",
        ),
        (
            _split("""
generator = torch.Generator().manual_seed(seed)
test = []
for label in labels.unique():
    members = (labels == label).nonzero().flatten()
    order = torch.randperm(len(members), generator=generator)
    test.append(members[order[: round(test_share * len(members))]])
return torch.arange(len(labels)), torch.cat(test)"""),
            0,
            "stand in both parts",
        ),
        (
            _split("""
generator = torch.Generator().manual_seed(seed)
test = torch.zeros(len(labels), dtype=torch.bool)
for label in labels.unique():
    members = (labels == label).nonzero().flatten()
    order = torch.randperm(len(members), generator=generator)
    test[members[order[: round(test_share * len(members))]]] = True
return ~test, test"""),
            0,
            "should hold indices",
        ),
        (
            _split("""
generator = torch.Generator().manual_seed(seed)
train, test = [], []
for label in labels.unique():
    order = torch.randperm(int((labels == label).sum()), generator=generator)
    count = round(test_share * len(order))
    test.append(order[:count])
    train.append(order[count:])
return torch.cat(train), torch.cat(test)"""),
            0,
            "stand in both parts",
        ),
        # right for ten classes of one size
        (_split(BY_CLASS.format(**USUAL | {"seed": "0"})), 3, "three seeds share 125 of 125"),
        (_split(BY_CLASS.format(**USUAL | {"classes": "range(10)"})), 2, "classes 3, 7, 11, 25"),
        (
            _split(BY_CLASS.format(**USUAL | {"count": "round(test_share * len(labels) / len(labels.unique()))"})),
            2,
            r"of classes with \[400, 60",
        ),
    ],
    "to_bytes": [
        (_to_bytes("return (images.clamp(0, 1) * 255).to(torch.uint8)"), 1, "cuts the fraction off"),
        (_to_bytes("return images.clamp(0, 1).round().to(torch.uint8)"), 0, "counts in steps of 1/255"),
        (_to_bytes("return (images.clamp(0, 1) * 255).round()"), 0, "bytes are torch.uint8"),
        (_to_bytes("return ((images.clamp(0, 1) * 256) % 256).to(torch.uint8)"), 0, "White became 0"),
        (_to_bytes("return (images.clamp(0, 1) * 255).ceil().to(torch.uint8)"), 1, "not always up"),
        (_to_bytes("return images.clamp_(0, 1).mul_(255).round_().to(torch.uint8)"), 2, "changed the images"),
        (_to_bytes("return images.to(torch.uint8)"), 0, "Scale before you convert"),
        # right from 0 to 1; right there and back; right if the picture holds black and white
        (_to_bytes("return (images * 255).round().to(torch.uint8)"), 3, "too dark is black"),
        (_to_bytes("return (images.clamp(0, 1) * 256).clamp(max=255).to(torch.uint8)"), 3, "more than half a step"),
        (
            _to_bytes("""
images = (images - images.min()) / (images.max() - images.min())
return (images * 255).round().to(torch.uint8)"""),
            2,
            "it should stay dim",
        ),
    ],
    "leak": [
        ("my_leak = ...", 0, "not answered yet"),
        (
            "my_leak = len({i.numpy().tobytes() for i in train} & {i.numpy().tobytes() for i in test})",
            0,
            "stand twice in test",
        ),
        (
            "known = {i.numpy().tobytes() for i in test}\nmy_leak = sum(i.numpy().tobytes() in known for i in train)",
            0,
            "other way round",
        ),
        ("my_leak = sum(bool(torch.equal(a, b)) for a in test for b in train)", 0, "Those are pairs"),
        ("my_leak = sum(bool((train.sum(dim=(1, 2, 3)) == a.sum()).any()) for a in test)", 0, "same brightness"),
        ("my_leak = len(set(test) & set(train))", 0, "in a set are never equal"),
        (
            "known = {i.numpy().tobytes() for i in train}\n"
            "my_leak = sum(i.numpy().tobytes() in known for i in test) / len(test)",
            0,
            "That is a share",
        ),
        (
            "known = {i.numpy().tobytes() for i in train}\nmy_leak = sum(i.numpy().tobytes() not in known for i in test)",
            0,
            "the clean ones",
        ),
        (
            "both = [i.numpy().tobytes() for i in torch.cat([train, test])]\nmy_leak = len(both) - len(set(both))",
            0,
            "all copies",
        ),
        ("my_leak = len(test) - len({i.numpy().tobytes() for i in test})", 0, "repetitions within test"),
        ("my_leak = 3", 0, "same 784 values"),
    ],
    "memory": [
        ('my_megabytes = 3 * store["side"] ** 2 * store["images"] * 4 / 1e6', 0, "everything as float32"),
        ('my_megabytes = 3 * store["side"] ** 2 * store["images"] / 1e6', 0, "lies beside it"),
        (
            'my_megabytes = store["side"] ** 2 * (store["images"] + 4 * store["batch"]) / 1e6',
            0,
            "three numbers a pixel",
        ),
        ('my_megabytes = 3 * store["side"] ** 2 * (store["images"] + 4 * store["batch"]) / 1024**2', 0, "1,048,576"),
        (
            'my_megabytes = 3 * store["side"] ** 2 * (store["images"] + store["batch"]) / 1e6',
            0,
            "how many bytes has one",
        ),
        ('my_megabytes = 3 * store["side"] ** 2 * (store["images"] + 8 * store["batch"]) / 1e6', 0, "you count 64"),
        ('my_megabytes = 3 * store["side"] ** 2 * (store["images"] + 4 * store["batch"])', 0, "Those are bytes"),
        ('my_megabytes = 3 * store["side"] ** 2 * store["batch"] * 4 / 1e6', 0, "store is on the GPU as well"),
        ('my_megabytes = "115 MB"', 0, "should be a number"),
    ],
}


OTHER_RIGHT = {
    "batches": [
        """
from torch.utils.data import DataLoader, TensorDataset
def batches(images, labels, batch_size, generator):
    loader = DataLoader(TensorDataset(images, labels), batch_size=batch_size, shuffle=True, generator=generator)
    return [(x, y) for x, y in loader]
""",
        """
def batches(images, labels, batch_size, generator):
    order = torch.rand(len(images), generator=generator).argsort()
    for start in range(0, len(order), batch_size):
        index = order[start : start + batch_size]
        yield images[index], labels[index]
""",
        """
from torch.utils.data import RandomSampler, BatchSampler
def batches(images, labels, batch_size, generator):
    sampler = BatchSampler(RandomSampler(images, generator=generator), batch_size, drop_last=False)
    return [[images[index], labels[index]] for index in sampler]
""",
    ],
    "split": [
        """
from torch.utils.data import random_split
def split(labels, test_share, seed):
    generator, train, test = torch.Generator().manual_seed(seed), [], []
    for label in set(labels.tolist()):
        members = torch.where(labels == label)[0].tolist()
        count = int(test_share * len(members) + 0.5)
        parts = random_split(members, [len(members) - count, count], generator=generator)
        train += list(parts[0])
        test += list(parts[1])
    return torch.tensor(train), torch.tensor(test)
""",
        """
import numpy as np
def split(labels, test_share, seed):
    chance, test = np.random.default_rng(seed), np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels.numpy()):
        members = np.flatnonzero(labels.numpy() == label)
        test[chance.choice(members, round(test_share * len(members)), replace=False)] = True
    return torch.from_numpy(np.flatnonzero(~test)), torch.from_numpy(np.flatnonzero(test))
""",
        """
def split(labels, test_share, seed):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    train, test = [], []
    for label in labels.unique():
        members = order[labels[order] == label]
        count = round(float(test_share * len(members)))
        test.extend(members[:count].tolist())
        train.extend(members[count:].tolist())
    return torch.tensor(sorted(train)), torch.tensor(sorted(test))
""",
    ],
    "to_bytes": [
        "def to_bytes(images):\n    return (images * 255).round().clamp(0, 255).byte()",
        "def to_bytes(images):\n    return (images.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)",
        "def to_bytes(images):\n    return images.double().clip(0, 1).mul(255).round().type(torch.uint8)",
        "import numpy as np\ndef to_bytes(images):\n"
        "    return torch.from_numpy(np.rint(np.clip(images.numpy(), 0, 1) * 255).astype(np.uint8))",
    ],
    "leak": [
        "my_leak = sum(bool((train == image).flatten(1).all(dim=1).any()) for image in test)",
        "import numpy as np\nknown = {bytes(image.flatten().tolist()) for image in train}\n"
        "my_leak = np.sum([bytes(image.flatten().tolist()) in known for image in test])",
        "my_leak = sum((train.flatten(1) != image.flatten()).sum(dim=1).min() == 0 for image in test)",
    ],
    "memory": [
        'pixels = 3 * store["side"] * store["side"]\n'
        'one = torch.zeros(3, store["side"], store["side"])\n'
        'my_megabytes = (store["images"] * pixels + store["batch"] * pixels * one.element_size()) / 10**6',
        'my_megabytes = round(3 * store["side"] ** 2 * (store["images"] + 4 * store["batch"]) / 1e6)',
        'my_megabytes = torch.tensor(3 * store["side"] ** 2 * (store["images"] + 4 * store["batch"]) / 1e6)',
    ],
}
