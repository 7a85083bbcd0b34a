"""The questions of lesson 03, on architecture."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ..models import count_parameters, receptive_field
from .judging import call_on_copies, near, number, other_tensor, question, worked

number(
    "03.t_conv",
    4,
    0,
    {
        3: "Then the copies lie side by side: nine of 3 make 27.",
        1: "9·3 + 1 is 28, but where does the ninth copy start?",
        12: "That would be with stride 2.",
        20: "The copies start 3 apart, not 1.",
        2: "That is a transposed convolution's kernel which doubles. Nine copies that start 3 apart leave holes then.",
        28: "The kernel is much smaller than the result: nine copies of it make the 28.",
    },
    "Where does the last of nine copies start, if they start 3 apart? How far has it to reach?",
)
number(
    "03.parameters",
    8,
    0.01,
    {
        2408 / 300: "Nearly, but there are only whole channels. What has each output channel besides its kernels?",
        2408 / 26: "One output channel has more than one kernel.",
        2408 / 25: "One output channel has more than one kernel, and something besides.",
        2408 / 109: "That is for kernels of 3 by 3.",
        2408 / 108: "That is for kernels of 3 by 3, without what each output channel has besides.",
        2408 / 12: "Each pair of an input and an output channel has a whole kernel, not one number.",
        301: "So much does one output channel have. How many of these are in 2,408?",
    },
    "How many parameters does a single output channel need?",
)
number(
    "03.receptive",
    8,
    0,
    {
        5: "That is without the pooling: two convolutions of 3 by 3 in a row.",
        6: "Three values of the pooled picture lie over 6 pixels of what the first convolution made. What do these see?",
        7: "Pooling adds one pixel, that is right. But one step after it is how many pixels before it?",
        10: "Not everything doubles: only what comes after the pooling sees at half the size.",
        12: "Not everything doubles: only what comes after the pooling sees at half the size.",
        4: "That is the first convolution and the pooling. The second convolution comes on top.",
        64: "That is the area; the question is the side.",
    },
    "Go backwards: one number sees 3 after the pooling. How many is that before it, and what does each of those see?",
)


def _made(value: Any) -> nn.Module | str:
    """A new network of the learner's class, or a hint."""
    if isinstance(value, nn.Module):
        return "This is a network that is already made. Hand in its class, so that the check can make new ones."
    try:
        model = value()
    except AttributeError as error:
        if "before Module.__init__() call" in str(error):
            return "An nn.Module must set itself up before it can list parts. Compare your __init__ with those of the lesson."
        raise
    if not isinstance(model, nn.Module):
        return f"What it makes is of type {type(model).__name__}. It should be an nn.Module."
    return model


def _shaken(model: nn.Module) -> nn.Module:
    """A copy with other weights, as if it had been trained: a new residual network shows little of what it can do."""
    model, generator = deepcopy(model), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in model.parameters():
            values += 0.2 * torch.randn(values.shape, generator=generator, device="cpu")
    return model


@question("03.network")
@torch.inference_mode(False)
def _network(value: Any) -> str | None:
    model = _made(value)
    if isinstance(model, str):
        return model
    with torch.enable_grad():
        for judge in (_parts, _answers, _starts, _reach, _learns):
            if hint := judge(model):
                return hint
    return None


def _pictures(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), device="cpu", dtype=torch.float32)


def _parts(model: nn.Module) -> str | None:
    count = count_parameters(model)
    if not count:
        return (
            "It has no parameters, so there is nothing to train. A network knows the layers that __init__ keeps as "
            "self.something. It doesn't find those that forward makes, nor those in a plain list."
        )
    if count > 5000:
        return f"It has {count:,} parameters, and the most is 5,000."
    return None


def _answers(model: nn.Module) -> str | None:
    """A tensor of the same shape, whatever the sides, the same each time, and each picture for itself."""
    for shape in ((3, 1, 12, 20), (2, 1, 28, 28), (1, 1, 9, 13)):
        pictures = _pictures(*shape)
        try:
            got, changed = call_on_copies(model, pictures)
        except RuntimeError as error:
            advice = ". Do all its layers keep height and width?" if "must match the size" in str(error) else ""
            return f"With pictures {list(shape)} it stops: {str(error).splitlines()[0]}{advice}"
        if got is None:
            return "Its forward returns nothing."
        if hint := other_tensor(got, pictures, "the pictures are"):
            smaller = isinstance(got, Tensor) and got.ndim == 4 and got.shape[2] < shape[2]
            return (
                f"{hint} A kernel hangs over at the rim unless there is something around the picture."
                if smaller
                else hint
            )
        if changed:
            return "It changes the noisy pictures that it was given. Make a new tensor in place of writing into the old one."
    trained = _shaken(model)
    if not near(trained(pictures), trained(pictures)):
        return "The same pictures give another answer each time. What is drawn anew in forward?"
    pictures = _pictures(4, 1, 12, 20)
    if not near(trained(pictures)[:1], trained(pictures[:1]), 1e-3):
        return "The answer to a picture changes with the other pictures of the batch. Which layer mixes them?"
    return None


def _starts(model: nn.Module) -> str | None:
    """A new one gives back its input; a trained one brightens and darkens, and is not linear."""
    pictures = _pictures(4, 1, 12, 20)
    got, trained = model(pictures), _shaken(model)
    if near(got, pictures.sigmoid(), 1e-4):
        return (
            "A new one answers with the sigmoid of its input, not with its input. Lesson 03b tells why to do without."
        )
    if near(got, torch.zeros_like(got), 1e-6):
        return "A new one answers black. What it adds is 0, as it should be. But to what is it added?"
    if near(got, 2 * pictures, 1e-4):
        return "A new one answers with twice its input: it is added once too often."
    if not near(got, pictures, 1e-5):
        most = (got - pictures).abs().max().item()
        if (got - pictures).std() < 1e-6:
            return f"A new one adds the same {most:.3f} to every pixel. What has its last layer besides kernels?"
        return f"A new one changes its input by up to {most:.3f}. Which layer has the last word, and how does it start?"
    wide = 20 * _pictures(8, 1, 12, 20) - 10
    added = trained(wide) - wide
    if added.min() >= 0 or added.max() <= 0:
        way = (
            "never negative: it can't darken a pixel"
            if added.min() >= 0
            else "never positive: it can't brighten a pixel"
        )
        return f"What it adds to the picture is {way}. What comes after the last convolution?"
    if trained(wide).min() >= 0:
        return "Its answer is never below 0, whatever comes in. Something after the sum cuts it off, and the gradient with it."
    halves = trained(wide) + trained(torch.zeros_like(wide)) - 2 * trained(wide / 2)
    if halves.abs().max() < 1e-3:
        return (
            "It is linear: all its convolutions together are a single one (lesson 03a). What is missing between them?"
        )
    return None


def _reach(model: nn.Module) -> str | None:
    field = receptive_field(model, image_shape=(1, 29, 29))
    tall, wide = field.any(dim=1).sum().item(), field.any(dim=0).sum().item()
    return f"An output pixel sees {tall}×{wide} pixels. It should see at least 9×9." if min(tall, wide) < 9 else None


def _learns(model: nn.Module) -> str | None:
    """Within three steps of plain gradient descent, each of its tensors has had a gradient."""
    model = deepcopy(model)
    noisy, clean = _pictures(8, 1, 12, 12), _pictures(9, 1, 12, 12)[1:]
    parameters = {name: values for name, values in model.named_parameters() if values.requires_grad}
    quiet = set(parameters)
    for _ in range(3):
        gradients = torch.autograd.grad((model(noisy) - clean).square().mean(), parameters.values(), allow_unused=True)
        with torch.no_grad():
            for (name, values), gradient in zip(parameters.items(), gradients):
                if gradient is not None and gradient.abs().max() > 0:
                    quiet.discard(name)
                    values -= 0.1 * gradient
    if quiet:
        return f"{', '.join(sorted(quiet))}: no gradient arrives there, so it never learns. Is it used? Or do zeros cut it off?"
    return None


worked(
    "03.t_conv",
    """Nine copies of the kernel start 3 apart, so the last one starts at place 8·3 = 24. It must reach the end of 28 places:
    its length is 28 − 24 = 4. As 4 is more than the stride, neighbours overlap by one, which can show as a grid.""",
    "my_kernel = 28 - (9 - 1) * 3",
)
worked(
    "03.parameters",
    """One output channel has a kernel of 5·5 for each of 12 input channels, 300 weights, and one bias: 301 parameters. The
    layer has 2,408, so there are 2408 / 301 = 8 output channels.""",
    "my_channels = 2408 / (12 * 5 * 5 + 1)",
)
worked(
    "03.receptive",
    """Backwards: the result sees 3 values of the pooled picture. Each of them is the largest of 2 neighbours, so that is 6
    values in a row before the pooling. Each of those sees one pixel further on either side: 6 + 2 = 8.""",
    "my_width = 3 * 2 + 2",
)
worked(
    "03.network",
    """Four convolutions of 3×3 see 9×9, and 16 channels between them need 4,945 parameters. Padding keeps the size, ReLUs
    between the layers make it more than one big convolution, and none comes after the last. What they make is added to the
    input; the last convolution starts at zero, so that a new network adds nothing.""",
    """
    from torch import nn

    class MyDenoiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 16, 3, padding=1)
            self.second = nn.Conv2d(16, 16, 3, padding=1)
            self.third = nn.Conv2d(16, 16, 3, padding=1)
            self.last = nn.Conv2d(16, 1, 3, padding=1)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

        def forward(self, noisy):
            x = self.first(noisy).relu()
            x = self.second(x).relu()
            x = self.third(x).relu()
            return noisy + self.last(x)

    my_network = MyDenoiser
    """,
)
