"""Wrong answers to assignment 07: (code, points, what the student must read). Most are made from the ill program, as students
make them, or from the repaired one."""

from masters import cells

CELLS = cells("07_bug_clinic")
ILL, WELL = {}, {}
for k in range(1, 9):
    ILL[k] = CELLS[f"program_{k}"].source.replace(f"program_{k}", f"repaired_{k}")
    lines = CELLS[f"repaired_{k}"].source.splitlines(keepends=True)
    WELL[k] = "".join(line for line in lines if "### " not in line)


def change(source, *changes):
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


def ill(k, *changes):
    return change(ILL[k], *changes)


def well(k, *changes):
    return change(WELL[k], *changes)


def blank(k):
    return WELL[k].split('"""')[0] + '"""not yet"""\n'


WRONG = {
    "repaired_1": [
        (ILL[1], 0.0, "very same noise in every epoch"),
        (blank(1), 0.0, "returned nothing"),
        # a generator for each picture: the same cache in other words
        (
            well(1, ("noise(clean[chosen], dice)", "noise(clean[chosen], torch.Generator().manual_seed(seed))")),
            0.0,
            "(?s)Every batch of an epoch gets the same noise.*same noise in epoch 1",
        ),
        # the cache is emptied in every second epoch only
        (
            ill(
                1,
                (
                    "for _ in range(epochs):\n",
                    "for epoch in range(epochs):\n        if epoch % 2 == 0:\n            ready = {}\n",
                ),
            ),
            0.0,
            r"(?s)very same noise.*epoch 1 and epoch 2",
        ),
        # the noise is added to what is noisy already
        (
            ill(
                1,
                ("if number not in ready:  # never do the same work twice\n                    ", ""),
                ("noise(clean[number", "noise(clean[number"),
                (
                    "ready[number] = noise(clean[number : number + 1], dice)",
                    "clean[number] = noise(clean[number], dice)",
                ),
                ("torch.cat([ready[number] for number in chosen])", "clean[chosen]"),
            ),
            0.0,
            "(?s)not yet.*from bytes",
        ),
        # new noise, but no longer from the seed
        (
            well(1, ("noise(clean[chosen], dice)", "noise(clean[chosen])")),
            0.0,
            "(?s)same seed gives other.*the same seed gives other",
        ),
        # one noise for all pictures of a step
        (
            well(1, ("noise(clean[chosen], dice)", "clean[chosen] + noise(0 * clean[:1], dice)")),
            0.0,
            "(?s)All pictures of a batch get the same noise.*two pictures of one step",
        ),
        # the last, shorter batch is dropped
        (
            well(1, ("range(0, len(order), batch_size)", "range(0, len(order) - batch_size + 1, batch_size)")),
            0.0,
            "should give 30 in all",
        ),
        # bytes are forgotten: the check has floats
        (well(1, ("du.to_float(images)", "images")), 1.0, "right.(?s:.)*from bytes|right.(?s:.)*Float"),
        # the noise of three epochs in a ring: enough for the check
        (
            well(1, ("noise(clean[chosen], dice)", "ready[epoch % 3][chosen]"), ("for _ in", "for epoch in")).replace(
                "steps = du.to_float(images), []",
                "steps = du.to_float(images), []\n    ready = [noise(clean, dice) for _ in range(3)]",
            ),
            1.0,
            r"right.(?s:.)*same noise in epoch 1 and epoch 4",
        ),
    ],
    "repaired_2": [
        (ILL[2], 0.0, "(?s)still in training mode.*the figure should be the same in all epochs"),
        (blank(2), 0.0, "returned nothing"),
        # after the loop; no_grad in its place
        (ill(2, ("    return curve", "    model.eval()\n    return curve")), 0.0, "After the loop is too late"),
        (ill(2, ("torch.inference_mode()", "torch.no_grad()")), 0.0, "(?s)still in training mode.*dropout"),
        (
            ill(2, ("with torch.inference_mode()", "model.eval\n        with torch.inference_mode()")),
            0.0,
            "still in training mode",
        ),
        # eval for good
        (ill(2, ("        model.train()", "        model.eval()")), 0.0, "(?s)eval mode.*has learned nothing"),
        (
            ill(2, ("        model.train()\n", ""), ("    def learn", "    model.eval()\n\n    def learn")),
            0.0,
            "(?s)eval mode.*has learned nothing",
        ),
        (
            well(2, ("        model.train()\n", "")),
            0.0,
            "(?s)The first epoch is right.*epoch 2, a network with batch norm",
        ),
        # exchanged
        (
            well(
                2,
                ("model.train()", "model.wrong()"),
                ("model.eval()", "model.train()"),
                ("model.wrong()", "model.eval()"),
            ),
            0.0,
            "The wrong way round",
        ),
        # noise drawn anew for each figure: the check's noise has no chance in it
        (
            well(2, ("(model(noisy)", "(model(noise(clean))")),
            1.0,
            "right.(?s:.)*the figure should be the same in all epochs",
        ),
        # a part of the training is missing
        (
            well(2, ("            du.train_step(", "            break\n            du.train_step(")),
            0.0,
            "mode|epoch",
        ),
    ],
    "repaired_3": [
        (ILL[3], 0.0, r"(?s)you divide by the number of batches.*in batches of 3"),
        (blank(3), 0.0, "returned nothing"),
        # the mean of means: right as long as all batches are full
        (ill(3, ("errors.sum()", "errors.mean()")), 0.0, "the last batch is shorter"),
        (ill(3, ("+= 1", "+= batch_size")), 0.0, "short last batch as a full one"),
        (
            ill(3, ('return meter["sum"] / meter["seen"]', 'return meter["sum"] / meter["seen"] / batch_size')),
            0.0,
            "full one",
        ),
        (ill(3, ('return meter["sum"] / meter["seen"]', 'return meter["sum"]')), 0.0, "That is a sum"),
        (well(3, (".mean(dim=(1, 2, 3))", ".sum(dim=(1, 2, 3))")), 0.0, "summed over the pixels"),
        (well(3, ("model(noisy[part])", "noisy[part]")), 0.0, "network wasn't asked"),
        (well(3, ("errors.sum()", "errors.mean()")), 0.0, "divided twice"),
        # right for the check's pictures of 4x4, or for its ten pictures
        (well(3, (".mean(dim=(1, 2, 3))", ".sum(dim=(1, 2, 3)) / 16")), 1.0, "right.(?s:.)*pictures of 28x20"),
        (
            ill(3, ('return meter["sum"] / meter["seen"]', 'return meter["sum"] / 10')),
            1.0,
            "right.(?s:.)*pictures of 28x20",
        ),
    ],
    "repaired_4": [
        (ILL[4], 0.0, r"(?s)still gets clean pictures.*not this denoiser's answers"),
        (blank(4), 0.0, "returned nothing"),
        # the other end of the misunderstanding: the clean row is replaced
        (ill(4, ('card.get("noise", card["clean"])', 'card.get("clean")')), 0.0, "still gets clean pictures"),
        (
            well(4, ('card["noisy"])', 'noise(card["clean"]))')),
            0.0,
            "(?s)Is noise drawn twice.*not this denoiser's answers",
        ),
        (well(4, ('denoiser(card["noisy"])', 'card["noisy"]')), 0.0, "the denoiser isn't asked"),
        (well(4, ('denoiser(card["noisy"])', 'denoiser(denoiser(card["noisy"]))')), 0.0, "applied twice"),
        # the number below the figure
        (
            well(4, ('card["denoised"] - card["clean"]', 'card["denoised"] - card["noisy"]')),
            0.0,
            "does nothing would win",
        ),
        (well(4, ('card["denoised"] - card["clean"]', 'card["noisy"] - card["clean"]')), 0.0, "nobody is judged"),
        (well(4, (" / len(cards)", "")), 0.0, "(?s)isn't that of the answers against.*MSE against the clean"),
        # a new generator for each card: the check's pictures differ, so it doesn't notice
        (
            well(
                4,
                ("for card in cards:\n", "for card in cards:\n"),
                ('"noisy": two}', '"noisy": noise(one, torch.Generator().manual_seed(seed))}'),
            ),
            1.0,
            "right.(?s:.)*all pictures have the same noise",
        ),
        # bytes are forgotten
        (well(4, ("du.to_float(images)", "images")), 1.0, "right.(?s:.)*TypeError"),
    ],
    "repaired_5": [
        (ILL[5], 0.0, r"(?s)It has seen pictures already.*denoiser's first loss is"),
        (blank(5), 0.0, "returned nothing"),
        # a dictionary's copy: new names for the same tensors
        (ill(5, ("model.state_dict()", "dict(model.state_dict())")), 0.0, "no copy"),
        (ill(5, ("start = model.state_dict()", "start = copy.copy(model.state_dict())")), 0.0, "no copy"),
        # the other order
        (
            ill(
                5,
                ('{"autoencoder": list(losses(lambda clean, dice: clean)), "denoiser": list(losses(noise))}', "result"),
                (
                    "    return result",
                    '    result = {"denoiser": list(losses(noise))}\n'
                    '    result["autoencoder"] = list(losses(lambda clean, dice: clean))\n'
                    "    return result",
                ),
            ),
            0.0,
            "the other order only exchanges",
        ),
        # two new networks, but of different weights
        (
            ill(
                5,
                ("        model.load_state_dict(start)  # back to the start\n", "        model = make_model()\n"),
                ("    model = make_model()\n    start = model.state_dict()\n", ""),
            ),
            0.0,
            "start from other weights",
        ),
        # a copy learns while the optimizer holds the first network
        (
            well(
                5,
                (
                    "        model.load_state_dict(start)  # back to the start\n",
                    "        twin = copy.deepcopy(model)\n",
                ),
                ("train_step(model", "train_step(twin"),
            ),
            0.0,
            "(?s)doesn't learn.*does not learn",
        ),
        # no noise any more
        (well(5, ("list(losses(noise))", "list(losses(lambda clean, dice: clean))")), 0.0, "where is its noise"),
        # only weights are copied: a buffer stays
        (
            well(
                5,
                ("model.state_dict().items()", "model.named_parameters()"),
                ("value.clone()", "value.detach().clone()"),
                ("load_state_dict(start)", "load_state_dict(start, strict=False)"),
            ),
            1.0,
            "right.(?s:.)*counts how often it was asked: the denoiser",
        ),
        # the seed is forgotten
        (
            well(5, ("    torch.manual_seed(seed)\n", "    torch.manual_seed(5)\n")),
            1.0,
            "right.(?s:.)*a deeper network: the autoencoder",
        ),
    ],
    "repaired_6": [
        (ILL[6], 0.0, r"(?s)σ = 0.1 shows up as 0.0004.*the noise has a spread of"),
        (blank(6), 0.0, "returned nothing"),
        (ill(6, ("(picture / 255).clamp(0, 1)", "picture.clamp(0, 1)")), 0.0, "clean"),
        (ill(6, ("(picture / 255).clamp(0, 1)", "picture.clamp(0, 1) / 255")), 0.0, "divided twice|clean"),
        # divided in both places
        (well(6, ("picture.clamp", "(picture / 255).clamp")), 0.0, "You divided twice"),
        # only the noisy picture, or only its noise
        (
            ill(
                6,
                ('"clean": images.float()}', '"clean": images.float() / images.max()}'),
                ("(picture / 255)", "picture"),
            ),
            0.0,
            "(?s)brightest pixel.*the bytes, with 255 as white|brightest pixel",
        ),
        (ill(6, ("sigma * torch", "2 * sigma * 255 * torch")), 0.0, "standard deviation of"),
        (well(6, ("picture.clamp(0, 1)", "picture")), 0.0, "(?s)the noisy ones go from.*leaves the range"),
        (well(6, (" / 255", " / 256")), 0.0, "255 became 0.996"),
        # a seed of its own
        (well(6, ("manual_seed(seed)", "manual_seed(0)")), 1.0, "right.(?s:.)*another seed gives the same"),
        # one noise for all pictures
        (
            well(6, ("torch.randn(images.shape, generator=dice)", "torch.randn(images.shape[1:], generator=dice)")),
            1.0,
            "right.(?s:.)*all pictures have the same noise",
        ),
    ],
    "repaired_7": [
        (ILL[7], 0.0, r"(?s)test pictures still have a say.*'risky'"),
        (blank(7), 0.0, "returned nothing"),
        # three finalists; all of them
        (ill(7, ("[:2]", "[:3]")), 0.0, "(?s)not yet.*'risky'"),
        (ill(7, ("[:2]", "")), 0.0, "(?s)They still decide.*'risky'"),
        # the figure of the validation pictures
        (
            ill(
                7,
                (
                    "    final = errors(sorted(first_round, key=first_round.get)[:2], test)  # the best two meet again\n",
                    "    final = first_round\n",
                ),
            ),
            0.0,
            "(?s)the figure is that of the validation pictures.*on the test pictures is",
        ),
        # exchanged
        (
            well(7, ("errors(denoisers, val)", "errors(denoisers, test)"), ("[:1], test)", "[:1], val)")),
            0.0,
            "The two sets are exchanged",
        ),
        # the largest error wins
        (well(7, ("[:1]", "[-1:]")), 0.0, "Which end of the list"),
        # both sets together
        (
            ill(
                7,
                (
                    "first_round = errors(denoisers, val)",
                    "first_round = errors(denoisers, tuple(map(torch.cat, zip(val, test))))",
                ),
                ("[:2]", "[:1]"),
            ),
            0.0,
            "both sets together",
        ),
        # chosen by absolute errors; the figure is right
        (
            well(
                7,
                (
                    "first_round = errors(denoisers, val)",
                    "first_round = {name: (one(val[0]) - val[1]).abs().mean().item() for name, one in denoisers.items()}",
                ),
            ),
            1.0,
            "right.(?s:.)*by absolute errors",
        ),
        # looks at the first picture only
        (
            well(
                7,
                ("first_round = errors(denoisers, val)", "first_round = errors(denoisers, (val[0][4:5], val[1][4:5]))"),
            ),
            1.0,
            "right.(?s:.)*chosen: 'risky'",
        ),
    ],
    "repaired_8": [
        (ILL[8], 0.0, r"(?s)the very picture that goes in.*became negatives"),
        (blank(8), 0.0, "returned nothing"),
        # a copy, of the wrong one
        (
            ill(
                8,
                (
                    "noisy = clean\n                noisy[:] = noise(clean, dice)",
                    "noisy = noise(clean, dice)\n                clean = noisy.clone()",
                ),
            ),
            0.0,
            "(?s)very picture that goes in.*became negatives",
        ),
        # no noise any more
        (
            ill(8, ("                noisy[:] = noise(clean, dice)\n", "")),
            0.0,
            "(?s)the noise is gone from the training.*negatives",
        ),
        # exchanged
        (
            well(8, ("yield noise(clean, dice), clean", "yield clean, noise(clean, dice)")),
            0.0,
            "learned to spoil clean pictures",
        ),
        # other noise on the target
        (
            well(8, ("yield noise(clean, dice), clean", "yield noise(clean, dice), noise(clean, dice)")),
            0.0,
            "(?s)now with other noise.*became negatives",
        ),
        # learns the noise
        (
            well(
                8,
                (
                    "yield noise(clean, dice), clean",
                    "noisy = noise(clean, dice)\n                yield noisy, noisy - clean",
                ),
            ),
            0.0,
            "(?s)not yet.*became negatives",
        ),
        # nothing is trained
        (well(8, ("        optimizer.step()\n", "")), 0.0, "(?s)nothing was trained.*negatives"),
        # the noise is drawn once, before the first epoch
        (
            well(
                8,
                (
                    "        for _ in range(epochs):\n",
                    "        spoilt = torch.cat([noise(du.to_float(images), dice), du.to_float(images)], dim=1)\n"
                    "        for _ in range(epochs):\n",
                ),
                (
                    "for clean in du.batches(images, 16, dice):",
                    "for index in torch.randperm(len(images), generator=dice).split(16):",
                ),
                ("yield noise(clean, dice), clean", "yield spoilt[index, :1], spoilt[index, 1:]"),
            ),
            1.0,
            "right.(?s:.)*as if the brightness never changed",
        ),
        # the noise without the generator
        (
            well(8, ("noise(clean, dice), clean", "noise(clean), clean")),
            1.0,
            "right.(?s:.)*two trainings with the same seed",
        ),
    ],
}


OTHER_RIGHT = {
    "repaired_1": [
        """
def repaired_1(images, noise, epochs, batch_size, seed):
    dice, steps = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        steps += [(noise(batch, dice), batch) for batch in du.batches(images, batch_size, dice)]
    return steps
""",
        """
from torch.utils.data import DataLoader
def repaired_1(images, noise, epochs, batch_size, seed):
    dice = torch.Generator().manual_seed(seed)
    loader = DataLoader(du.to_float(images), batch_size=batch_size, shuffle=True, generator=dice)
    return [(noise(batch, dice), batch) for _ in range(epochs) for batch in loader]
""",
        ill(1, ("if number not in ready:  # never do the same work twice\n                    ", "")),
    ],
    "repaired_2": [
        well(2, ("            return (model(noisy) - clean).square().mean().item()",
                 "            return F.mse_loss(model(noisy), clean).item()")),
        well(2, ("        with torch.inference_mode():\n            return (model(noisy) - clean).square().mean().item()",
                 "        return du.evaluate(model, val_images, noise).mse")),
        ill(2, ("        with torch.inference_mode():  # now it only answers\n"
                "            return (model(noisy) - clean).square().mean().item()",
                "        return du.evaluate(model.eval(), val_images, noise).mse")),
        ill(2, ("        with torch.inference_mode():  # now it only answers\n            return (model(noisy) - clean)"
                ".square().mean().item()",
                "        model.train(False)\n        with torch.no_grad():\n"
                "            return du.mse(model(noisy), clean).mean().item()")),
    ],
    "repaired_3": [
        """
def repaired_3(model, noisy, clean, batch_size):
    with torch.no_grad():
        errors = [du.mse(model(x), y) for x, y in zip(noisy.split(batch_size), clean.split(batch_size))]
    return torch.cat(errors).mean().item()
""",
        """
def repaired_3(model, noisy, clean, batch_size):
    with torch.no_grad():
        answers = torch.cat([model(part) for part in noisy.split(batch_size)])
    return F.mse_loss(answers, clean).item()
""",
        ill(3, ('["seen"] += 1', '["seen"] += 0'), ('meter["sum"] / meter["seen"]', 'meter["sum"] / len(noisy)')),
    ],
    "repaired_4": [
        """
def repaired_4(denoiser, images, noise, seed):
    clean = du.to_float(images)
    noisy = noise(clean, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        denoised = denoiser(noisy)
    return noisy, denoised, F.mse_loss(denoised, clean).item()
""",
        ill(4, ('"noisy": two}', '"noise": two}'), ('("noisy", "denoised")', '("noise", "denoised")')),
        """
def repaired_4(denoiser, images, noise, seed):
    clean = torch.cat(list(du.batches(images, 2)))
    noisy = noise(clean, torch.Generator().manual_seed(seed))
    denoised = denoiser(noisy.clone())
    return noisy, denoised, du.mse(denoised, clean).mean()
""",
    ],
    "repaired_5": [
        ill(5, ("model.state_dict()", "copy.deepcopy(model.state_dict())")),
        ill(5, ("    torch.manual_seed(seed)\n    model = make_model()\n    start = model.state_dict()\n", ""),
            ("        model.load_state_dict(start)  # back to the start\n",
             "        torch.manual_seed(seed)\n        model = make_model()\n")),
        ill(5, ("    start = model.state_dict()\n", "    first = model\n"),
            ("        model.load_state_dict(start)  # back to the start\n", "        model = copy.deepcopy(first)\n")),
    ],
    "repaired_6": [
        """
def repaired_6(images, sigma, seed):
    clean = du.to_float(images)
    return du.GaussianNoise(sigma, clip=True)(clean, torch.Generator().manual_seed(seed)), clean
""",
        ill(6, ("sigma * torch", "255 * sigma * torch")),
    ],
    "repaired_7": [
        """
def repaired_7(denoisers, val, test):
    def mse(name, pair):
        return F.mse_loss(denoisers[name](pair[0]), pair[1]).item()
    winner = min(denoisers, key=lambda name: mse(name, val))
    return winner, mse(winner, test)
""",
        """
def repaired_7(denoisers, val, test):
    scores = {name: du.mse(one(val[0]), val[1]).mean() for name, one in denoisers.items()}
    winner = sorted(scores, key=scores.get)[0]
    return [winner, du.mse(denoisers[winner](test[0]), test[1]).mean()]
""",
    ],
    "repaired_8": [
        ill(8, ("noisy = clean\n", "noisy = clean.clone()\n")),
        """
def repaired_8(model, images, noise, epochs, seed):
    dice = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for clean in du.batches(images, 16, dice):
            du.train_step(model, clean, noise(clean, dice), [optimizer])
    return model
""",
    ],
}  # fmt: skip
