"""What the diagrams say is what torch calculates, and all of it can be read."""

import itertools
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Circle
from torch import nn

import denoise_utils as du
from denoise_utils.drawn_network import trace
from denoise_utils.models import NETWORKS, layer_table

KERNEL = torch.tensor([[-1.0, -1.0, -1.0], [0.0, 0.25, 0.0], [1.0, 1.0, 1.0]]).view(1, 1, 3, 3)
IMAGE = torch.linspace(0, 1, 36).sin().view(1, 1, 6, 6)
SHAPE = re.compile(r"^\d+(×\d+)*(?=$|\n)")


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def shapes(figure):
    return [match[0] for text in texts(figure) if (match := SHAPE.match(text))]


def require_readable(figure):
    """No text lies on another, across a line, or outside; none is smaller than 9 points."""
    (axes,), renderer = figure.axes, FigureCanvasAgg(figure).get_renderer()
    written = [text for text in axes.texts if text.get_text()]
    places = [(text.get_text(), text.get_window_extent(renderer)) for text in written]
    width, height = figure.get_size_inches() * figure.dpi
    for text in written:
        assert text.get_fontsize() >= 9, text
    for text, place in places:
        assert place.x0 >= 0 and place.y0 >= 0 and place.x1 <= width and place.y1 <= height, f"{text!r} is cut"
    for (one, here), (other, there) in itertools.combinations(places, 2):
        assert not here.overlaps(there), f"{one!r} lies on {other!r}"
    for line in axes.lines:
        points = axes.transData.transform(line.get_xydata())
        for (x0, y0), (x1, y1) in itertools.pairwise(points):
            for text, place in places:
                apart = (
                    max(x0, x1) < place.x0 or min(x0, x1) > place.x1 or max(y0, y1) < place.y0 or min(y0, y1) > place.y1
                )
                assert apart, f"a line crosses {text!r}"


class Plain(nn.Module):
    """A U of a learner's own, with cells' typical ways of writing. join: how the two ways meet."""

    def __init__(self, join):
        super().__init__()
        self.join = join
        self.into = nn.Conv2d(1, 8, 3, padding=1)
        self.down = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.out = nn.LazyConv2d(1, 1)

    def forward(self, noisy):
        if noisy.min() < -1e9:
            raise ValueError("never")
        top = F.relu(self.into(noisy))
        low = self.up(self.down(top))
        if self.join == "+=":
            low += top
        elif self.join == "cat":
            low = torch.cat([top, low], dim=1)
        return self.out(low).sigmoid()


def plain(join):
    model = Plain(join)
    model(torch.rand(1, 1, 28, 28))
    return model


OWN = {"none": plain(None), "in place": plain("+="), "cat": plain("cat")}
OWN["row"] = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 5))
OWN["flat"] = nn.Sequential(
    nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784), nn.Unflatten(1, (1, 28, 28))
)


@pytest.mark.parametrize("name", [*NETWORKS, *OWN])
@pytest.mark.parametrize("depth", [1, 2])
def test_every_network_can_be_read(name, depth):
    model = OWN[name] if name in OWN else NETWORKS[name]()
    require_readable(du.show_network(model, depth=depth))
    require_readable(du.show_network(model, torch.rand(3, 1, 28, 28), depth=depth))


def test_shapes_are_those_of_a_forward_pass():
    wanted = [(1, 28, 28), *(row.shape for row in layer_table(du.ConvDenoiser()))]
    assert shapes(du.show_network(du.ConvDenoiser())) == ["×".join(map(str, shape)) for shape in wanted]
    drawn = shapes(du.show_network(du.StrongDenoiser(), image_shape=(1, 28, 28)))
    assert drawn == ["1×28×28", *["24×14×14"] * 2, *["48×7×7"] * 2, *["24×14×14"] * 3, "1×28×28"]
    assert shapes(du.show_network(du.TinyDenoiser(), torch.rand(2, 1, 40, 24)))[3] == "32×10×6"


def test_names_are_those_of_the_layers_and_of_what_follows():
    found = texts(du.show_network(du.ConvDenoiser()))
    wanted = {"conv1\nrelu", "conv2\nrelu", "conv3\nrelu", "t_conv1\nrelu", "t_conv2\nrelu", "t_conv3\nrelu"}
    assert wanted | {"conv_out\nsigmoid"} < set(found)
    assert found.count("pool") == 3  # one layer, used three times
    assert {"0 Conv2d\n1 ReLU", "2 Conv2d", "3 BatchNorm2d", "4 Conv2d"} < set(texts(du.show_network(OWN["row"])))


def test_the_skip_is_found_where_there_is_one():
    def skips(model):
        figure = du.show_network(model)
        circles = [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]
        return texts(figure).count("skip"), len(circles)

    assert skips(du.TinyDenoiser()) == skips(du.StrongDenoiser()) == skips(OWN["in place"]) == (1, 1)
    assert skips(OWN["cat"]) == (1, 0) and "cat" in texts(du.show_network(OWN["cat"]))
    assert skips(OWN["none"]) == skips(du.ConvDenoiser()) == (0, 0)


def test_where_the_skip_begins_and_ends():
    parts = {part.lines[0]: part for part in trace(du.TinyDenoiser(), torch.rand(1, 1, 28, 28))}
    assert parts["add"].sources == [parts["before"], parts["up"]] and parts["after"].sources == [parts["add"]]
    block = {part.lines[0]: part for part in trace(du.ResidualBlock(4), torch.rand(1, 4, 6, 6))}
    assert block["add"].sources == [block["input"], block["conv2"]] and block["conv1"].lines == ["conv1", "relu"]


def test_a_network_stays_as_it_is():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    state = torch.get_rng_state()
    du.show_network(model)
    assert model.training and all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert all(not layer._forward_hooks and not layer._forward_pre_hooks for layer in model.modules())
    assert torch.equal(torch.get_rng_state(), state)


class Lost(nn.Module):
    def forward(self, noisy):
        return torch.from_numpy(noisy.numpy() / 2)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: du.show_network("TinyDenoiser"), "it should be a network"),
        (lambda: du.show_network(du.TinyDenoiser(), image_shape=(1, 30, 30)), r"fails on .*1, 30, 30.*multiples of 4"),
        (lambda: du.show_network(du.TinyDenoiser(), image_shape=(784,)), r"should be \(channels, H, W\)"),
        (lambda: du.show_network(du.TinyDenoiser(), torch.rand(1, 28, 28)), r"should be \[N, C, H, W\]"),
        (lambda: du.show_network(du.TinyDenoiser(), torch.zeros(1, 1, 28, 28, dtype=torch.uint8)), "float tensor"),
        (lambda: du.show_network(du.TinyDenoiser(), depth=0), "depth is 0"),
        (lambda: du.show_network(Lost()), "isn't made of the picture by layers"),
        (lambda: du.show_network(nn.Sequential(*[nn.Conv2d(1, 1, 1)] * 40)), "41 steps, too many"),
        (lambda: du.show_convolution(IMAGE, KERNEL, (4, 0)), r"at is \(4, 0\).*4×4"),
        (lambda: du.show_convolution(IMAGE, torch.rand(1, 1, 7, 7)), "larger than the image"),
        (lambda: du.show_convolution(IMAGE, KERNEL.repeat(1, 2, 1, 1)), "1 channels and kernel 2"),
        (lambda: du.show_convolution(IMAGE[0], KERNEL), r"should be \[1, channels, height, width\]"),
        (lambda: du.show_transposed(IMAGE, KERNEL), "up to 9 pixels"),
        (lambda: du.show_transposed(IMAGE[..., :2, :2], KERNEL, stride=0), "stride is 0"),
        (lambda: du.show_step(du.TinyDenoiser(), torch.rand(2, 1, 28, 28), torch.rand(3, 1, 28, 28)), "same"),
        (lambda: du.show_step(nn.Identity(), *[torch.rand(2, 1, 28, 28)] * 2), "no weights to learn"),
        (lambda: du.show_histograms({}, "value"), "no histogram"),
        (lambda: du.show_histograms({"noise": torch.tensor([1.0, torch.nan])}, "value"), "NaN"),
    ],
)
def test_what_cannot_be_drawn_says_why(call, said):
    with pytest.raises((TypeError, ValueError), match=said):
        call()


def numbers(values):
    return [f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−") for value in values.flatten().tolist()]


@pytest.mark.parametrize(("at", "padding"), [((0, 0), 0), ((2, 1), 0), ((5, 5), 1)])
def test_the_sum_is_that_of_conv2d(at, padding):
    figure = du.show_convolution(IMAGE, KERNEL, at, padding)
    result = F.conv2d(IMAGE, KERNEL, padding=padding)[0, 0]
    so_far = result.flatten()[: at[0] * result.shape[1] + at[1] + 1]
    found = texts(figure)
    begin = found.index("result") + 1
    assert found[begin:] == numbers(so_far)  # and no more: what comes later is empty
    assert {f"sum = {numbers(so_far[-1])[0]}", f"sum ≈ {numbers(so_far[-1])[0]}"} & set(found)
    require_readable(figure)


def test_channels_are_summed():
    image, kernel = torch.cat([IMAGE, IMAGE.flip(2)], 1), torch.cat([KERNEL, 2 * KERNEL], 1)
    figure = du.show_convolution(image, kernel, (1, 2))
    parts = [F.conv2d(image[:, c : c + 1], kernel[:, c : c + 1])[0, 0, 1, 2] for c in (0, 1)]
    whole = numbers(F.conv2d(image, kernel)[0, 0, 1, 2])[0]
    found = texts(figure)
    assert [numbers(part)[0] for part in parts] == [text[6:] for text in found if text.startswith("sum")]
    assert any(text.endswith((f"\n= {whole}", f"\n≈ {whole}")) for text in found)
    require_readable(figure)


def test_equal_signs_are_true_for_what_is_written():
    third, half = torch.full((1, 1, 1, 3), 1 / 3), torch.full((1, 1, 1, 3), 0.5)
    assert "sum ≈ 1" in texts(du.show_convolution(torch.ones(1, 1, 1, 3), third))  # three times 0.33
    assert "sum = 1.5" in texts(du.show_convolution(torch.ones(1, 1, 1, 3), half))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("sides", [(1, 3), (2, 2)])
def test_the_copies_add_up_to_conv_transpose2d(sides, stride):
    image = torch.arange(1.0, 1 + sides[0] * sides[1]).view(1, 1, *sides)
    kernel = KERNEL[:, :, : 1 if sides[0] == 1 else 3]
    figure = du.show_transposed(image, kernel, stride)
    result = numbers(F.conv_transpose2d(image, kernel, stride=stride))
    found = texts(figure)
    begin = found.index("result: their sum") + 1
    assert found[begin : begin + len(result)] == result
    assert [text for text in found if "× kernel" in text] == [f"{value} × kernel" for value in numbers(image)]
    require_readable(figure)


def test_the_step_is_a_real_one(digits):
    clean = du.to_float(digits.test.images[:4])
    noisy = (clean + 0.3).clamp(0, 1)
    torch.manual_seed(0)
    model = du.TinyDenoiser()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    figure = du.show_step(model, clean, noisy, learning_rate=0.05)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    loss = F.mse_loss(model(noisy), clean)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.05 * parameter.grad
        after = F.mse_loss(model(noisy), clean)
    words = "\n".join(texts(figure)).replace("−0", "-0")
    assert f"loss\n{loss.item():.4f}\n" in words and f"after the step\n{after.item():.4f}" in words
    weight, gradient, result = map(float, re.search(r"(\S+) − 0.05 × \(?([^)\s]+)\)? [=≈] (\S+)", words).groups())
    assert abs(gradient) == pytest.approx(max(p.grad.abs().max().item() for p in model.parameters()), rel=1e-3)
    assert weight - 0.05 * gradient == pytest.approx(result, abs=1.5e-4)
    assert words.count("4×1×28×28") == 3 and "33,092\nweights" in words
    require_readable(figure)


def test_a_step_of_a_matrix_can_be_read():
    """With a large rate, and a long name."""

    class TheMatrixOfTheLesson(nn.Sequential):
        pass

    model = TheMatrixOfTheLesson(nn.Flatten(), nn.Linear(784, 784), nn.Unflatten(1, (1, 28, 28)))
    clean = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    figure = du.show_step(model, clean, clean.flip(0), learning_rate=100)
    require_readable(figure)
    assert "TheMatrixOfT…\n615,440\nweights" in texts(figure)


def test_histograms_count_all_values():
    noise = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    sets = {"noise": noise, "clipped": noise.clamp(0, 1)}
    figure = du.show_histograms(sets, "value", bins=20)
    for axis, (title, values) in zip(figure.axes, sets.items()):
        counts, _ = np.histogram(values.numpy(), 20, (noise.min().item(), noise.max().item()))
        assert [bar.get_height() for bar in axis.patches] == pytest.approx((counts / 100).tolist(), abs=0.02)
        assert axis.get_title() == title


class Odd(nn.Module):
    """What only a shape is taken from is no source, a copy is no step, and a layer in a wrapper is found."""

    def __init__(self):
        super().__init__()
        self.code, self.back = nn.Linear(784, 8), nn.Linear(8, 784)

    def forward(self, noisy):
        code = self.code(noisy.flatten(1).clone())
        return self.back(code + torch.randn_like(code)).view_as(noisy), code


def test_odd_networks():
    for model in (Odd(), nn.Sequential(Odd()), nn.DataParallel(Odd())):
        figure = du.show_network(model)
        assert "skip" not in texts(figure) and shapes(figure) == ["1×28×28", "784", "8", "784", "1×28×28"]
        assert any(text.endswith("code\nadd") for text in texts(figure))
        require_readable(figure)
