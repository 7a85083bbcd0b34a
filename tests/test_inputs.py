"""A stranger's inputs: for each kind of thing that went wrong in other people's projects, what should happen here."""

import io
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import denoise_utils as du
from denoise_utils import inputs
from denoise_utils.baselines import FILTERS

NOISE = du.GaussianNoise(0.5)
fit = partial(du.fit, device="cpu", progress=False, batch_size=32)


@pytest.fixture
def images(digits):
    return digits.train.images[:96]


def small(*middle, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *middle, nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))


def identity(noisy):
    return noisy


# ---- what works in place ----


def in_place(clean, generator=None):
    clean += 0.5 * torch.randn(clean.shape, generator=generator)
    return clean.clamp_(0, 1)


@pytest.mark.parametrize(
    "use",
    [
        lambda mine: du.evaluate(identity, mine, in_place),
        lambda mine: du.LinearDenoiser(mine, in_place),
        lambda mine: fit(small(), mine, in_place, steps=1, val_images=mine),
        lambda mine: du.train_reader(mine, torch.zeros(len(mine)).long(), noise=in_place, epochs=1),
        lambda mine: du.watch_training(small(), mine, in_place, steps=1, device="cpu"),
    ],
)
def test_a_corruption_in_place_spoils_nobodys_pictures(images, use):
    mine = du.to_float(images)
    use(mine)
    assert torch.equal(mine, du.to_float(images))


def test_a_corruption_in_place_gives_the_same_figures(images):
    honest = du.GaussianNoise(0.5)
    assert du.evaluate(identity, images, in_place).mse == pytest.approx(
        du.evaluate(identity, images, honest).mse, abs=1e-6
    )
    one, other = small(), small()
    losses = [fit(model, images, noise, epochs=3).loss for model, noise in ((one, in_place), (other, honest))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_network_in_place_is_measured_and_looked_into_rightly(images):
    class InPlace(nn.Module):
        def forward(self, noisy):
            return noisy.mul_(0.5)

    model = InPlace()
    assert du.evaluate(model, images, NOISE).mse == du.evaluate(lambda noisy: 0.5 * noisy, images, NOISE).mse
    plain, relu_in_place = small(), small()
    relu_in_place[1].inplace = True
    layer = next(iter(du.explore_network(plain, images[:1]).controls["layer"].options))
    shown = [du.explore_network(model, images[:1]).draw(layer) for model in (plain, relu_in_place)]
    for caption, maps in shown[0].items():
        assert torch.equal(maps, shown[1][caption])


# ---- figures ----


def test_one_perfect_picture_leaves_the_mean_psnr_finite(digits):
    result = du.evaluate(identity, digits.test.images, du.Occlusion(3))
    assert 0 < (result.per_image["mse"] == 0).sum() < 500
    assert result.per_image["psnr"].max() == 100 and np.isfinite([result.psnr, result.interval("psnr")]).all()
    clean = du.to_float(digits.test.images[:2])
    assert torch.isinf(du.psnr(clean, clean)).all()  # a single picture's own PSNR stays what it is


def test_a_difference_is_paired(digits):
    """scipy's paired t-test is the oracle; with 500 pictures its interval is 0.2 % wider than the normal one."""
    from scipy import stats

    one, other = (du.evaluate(du.gaussian_blur(width), digits.test.images, NOISE) for width in (0.9, 1.0))
    mean, half = one.difference(other)
    found = stats.ttest_rel(one.per_image["mse"].double(), other.per_image["mse"].double()).confidence_interval(0.95)
    assert (mean - half, mean + half) == pytest.approx((found.low, found.high), abs=0.01 * half)
    assert one.difference(other, "psnr")[0] == pytest.approx(one.psnr - other.psnr, abs=1e-4)
    assert half < one.interval() / 3
    with pytest.raises(ValueError, match="same pictures"):
        one.difference(du.evaluate(identity, digits.test.images[:10], NOISE))


def test_equal_results_are_equal(images):
    one, same, other = (du.evaluate(identity, images, NOISE, seed=seed) for seed in (0, 0, 1))
    assert one == same != other and len({one, same, other}) == 2
    assert du.load_digits("mnist5k") != du.load_digits("mnist5k")  # asking is no error


# ---- numbers of numpy and torch ----

NUMBERS = [3.0, np.float64(3), np.int64(3), np.int8(3), torch.tensor(3), np.array(3), np.array([3])]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_counts_of_other_libraries(images, number):
    assert fit(small(), images, NOISE, steps=number).steps == 3
    assert fit(small(), images, NOISE, batch_size=number, steps=1).images == 3
    assert du.Occlusion(number) == du.Occlusion(3) and type(du.Occlusion(number).size) is int


@pytest.mark.parametrize("number", [np.float32(0.5), np.float16(0.5), torch.tensor(0.5), np.array(0.5)], ids=repr)
def test_numbers_of_other_libraries(images, number):
    assert du.GaussianNoise(number) == du.GaussianNoise(0.5) and type(du.GaussianNoise(number).sigma) is float
    assert fit(small(), images, NOISE, lr=number / 100, epochs=number).steps == 2
    assert du.LinearDenoiser(images, NOISE, ridge=number).weight.shape == (784, 784)


@pytest.mark.parametrize(
    "wrong", [True, np.True_, torch.tensor(True), "3", 0, 2.5, np.array([1, 2]), 1j, None], ids=repr
)
def test_what_is_no_count(wrong):
    with pytest.raises(ValueError, match=r"n is .*whole number"):
        inputs.require_count("n", wrong)


@pytest.mark.parametrize(
    "wrong", [True, np.False_, "1", np.nan, np.inf, -1e-9, np.array([1.0, 2.0]), 1j, Fraction(1, 2)]
)
def test_what_is_no_number(wrong):
    with pytest.raises(ValueError, match=r"x is .*number, 0 or more"):
        inputs.require_number("x", wrong)


def test_a_rounding_outside_of_the_range_is_no_error(images):
    for rounded in (du.to_float(images) * (1 + 1e-7), du.to_float(images) - 1e-8):
        fit(small(), rounded, NOISE, steps=1)
        du.PoissonNoise()(rounded)
    with pytest.raises(ValueError, match=r"from 0 to 1\.00001: "):
        du.evaluate(identity, du.to_float(images) * 1.00001, NOISE)


# ---- what a learner's own network or noise returns ----


@dataclass
class Returns:
    answer: object

    def __call__(self, clean, generator=None):
        return self.answer(clean)


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        (lambda clean: (clean, clean), "the noise returned a tuple"),
        (lambda clean: clean.numpy(), "the noise returned a ndarray"),
        (lambda clean: None, "the noise returned a NoneType"),
        (lambda clean: clean.double(), "the noise returned torch.float64.*should return torch.float32"),
        (lambda clean: (clean * 255).byte(), "the noise returned torch.uint8.*should return torch.float32"),
        (lambda clean: clean[:1], r"the noise made \[1, 1, 28, 28\] of"),
        (lambda clean: clean[:, 0], r"the noise made \[\d+, 28, 28\] of"),
        (lambda clean: clean * float("nan"), "the noise made NaN"),
        (lambda clean: clean / 0, "the noise made NaN or infinity"),
    ],
)
def test_the_noise_is_blamed_for_what_the_noise_returns(images, answer, phrase):
    noise = Returns(answer)
    for use in (
        lambda: fit(small(), images, noise, steps=2),
        lambda: du.evaluate(identity, images, noise),
        lambda: du.LinearDenoiser(images, noise),
        lambda: du.train_reader(images, torch.zeros(96).long(), noise=noise, epochs=1),
    ):
        with pytest.raises((TypeError, ValueError), match=phrase):
            use()


@pytest.mark.parametrize("noise", [None, 0.5, lambda clean: clean])
def test_what_is_no_noise(images, noise):
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for use in (lambda: fit(model, images, noise), lambda: du.evaluate(identity, images, noise)):
        with pytest.raises(TypeError, match=r"noise is .*GaussianNoise|takes 1 positional argument but 2"):
            use()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Several(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.layer, self.answer = nn.Conv2d(1, 1, 3, padding=1), answer

    def forward(self, noisy):
        return self.answer(self.layer(noisy))


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (lambda x: (x, x), "tuple"),
        (lambda x: {"x": x}, "dict"),
        (lambda x: x[:, 0], r"\[\d+, 28, 28\]"),
        (lambda x: x > 0, "bool"),
    ],
)
def test_the_model_is_blamed_for_what_the_model_returns(images, answer, found):
    with pytest.raises(ValueError, match=f"the model made .*{found} of"):
        fit(Several(answer), images, NOISE, steps=1)
    with pytest.raises(ValueError, match=f"the denoiser made .*{found} of"):
        du.evaluate(Several(answer), images, NOISE)


def test_networks_of_another_precision_and_without_weights(images):
    for use in (lambda model: fit(model, images, NOISE), lambda model: du.evaluate(model, images, NOISE)):
        for other in ("double", "half", "bfloat16"):
            with pytest.raises(TypeError, match=r"model has parameters of torch\.\w+.*float32"):
                use(getattr(small(), other)())
        with pytest.raises(ValueError, match=r"lazy layers.*show it a picture"):
            use(nn.Sequential(nn.LazyConv2d(1, 3, padding=1)))


def test_a_last_batch_of_one_and_batch_norm(digits):
    flat = [nn.Flatten(), nn.Linear(784, 16), nn.BatchNorm1d(16), nn.Linear(16, 784), nn.Unflatten(1, (1, 28, 28))]
    with pytest.raises(ValueError, match=r"batch norm needs more values.*batch_size"):
        fit(nn.Sequential(*flat), digits.train.images[:65], NOISE)
    assert fit(nn.Sequential(*flat), digits.train.images[:66], NOISE).steps == 3
    assert fit(small(nn.BatchNorm2d(4)), digits.train.images[:65], NOISE).steps == 3


def test_training_needs_gradients_wherever_it_is_called_from(images):
    expected = fit(small(), images, NOISE, steps=2).loss
    for outside in (torch.no_grad(), torch.inference_mode()):
        model = small()
        with outside:
            assert fit(model, images, NOISE, steps=2).loss == expected


# ---- grey pictures only, and half precision ----

COLOUR, TURNED = torch.rand(4, 3, 32, 32), torch.rand(4, 32, 32, 1)


@pytest.mark.parametrize("pictures", [COLOUR, TURNED, COLOUR[0], COLOUR[:, 0]], ids=lambda p: str(list(p.shape)))
@pytest.mark.parametrize(
    "use",
    [
        *(make() for make in FILTERS),
        du.Blur(),
        du.Occlusion(3),
        lambda pictures: du.ssim(pictures, pictures),
        lambda pictures: du.MeanImage(torch.rand(5, 1, 32, 32))(pictures),
        lambda pictures: du.PCADenoiser(torch.rand(5, 1, 32, 32), 2)(pictures),
        lambda pictures: du.LinearDenoiser(torch.rand(5, 1, 4, 4), NOISE)(pictures),
    ],
)
def test_colour_and_turned_pictures_are_refused_where_they_mean_nothing(pictures, use):
    with pytest.raises(ValueError, match=r"\[N, 1, |the same \[N"):
        use(pictures)


def test_colour_pictures_are_shown_in_colour():
    figure = du.show_images(COLOUR, titles=list("abcd"))
    shown = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in shown] == list("abcd")
    assert np.allclose(shown[2].images[0].get_array(), COLOUR[2].permute(1, 2, 0).numpy())
    with pytest.raises(ValueError, match="32, 32, 1"):
        du.show_images(TURNED)


def test_numpy_pictures_are_shown_and_nothing_is_not(digits):
    assert len(du.show_images(du.to_float(digits.test.images[:3]).numpy()).axes) == 3
    for call in (lambda: du.show_ladder({}), lambda: du.show_curves({}, "x", "y"), lambda: du.show_images({})):
        with pytest.raises(ValueError, match=r"no (result|curve|image) to show"):
            call()


def test_pictures_can_be_shown_larger_and_keep_their_shape():
    tall = torch.zeros(2, 1, 30, 20)
    sides = [tuple(du.show_images(tall, size=size).get_size_inches()) for size in (0.9, 1.8)]
    assert np.allclose(sides, [(2.7, 1.4), (4.5, 2.75)])
    assert np.allclose(du.show_images(torch.zeros(10, 1, 28, 28)).get_size_inches(), (9.9, 0.95))
    with pytest.raises(ValueError, match="size is 0"):
        du.show_images(tall, size=0)


@pytest.mark.parametrize("size", [0.9, 1.9, 2.5])
def test_titles_of_a_lower_row_do_not_touch_the_images_above(size):
    figure = du.show_images(torch.ones(6, 1, 28, 28), titles="abcdef", columns=3, size=size)
    figure.canvas.draw()
    above, below = figure.axes[0], figure.axes[3]
    assert below.title.get_window_extent().y1 < above.images[0].get_window_extent().y0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("amount", [0.004, 0.3])
def test_shares_are_right_in_every_precision(dtype, amount):
    grey = torch.full((100, 1, 100, 100), 0.5, dtype=dtype)
    noisy = du.SaltAndPepper(amount)(grey, torch.Generator().manual_seed(0))
    spread = 4 * (amount / 1e6) ** 0.5  # four standard deviations of a share of a million
    assert noisy.dtype == dtype
    for value in (0, 1):
        assert (noisy == value).double().mean().item() == pytest.approx(amount / 2, abs=spread)
    masked = du.Masking(amount)(grey, torch.Generator().manual_seed(1))
    assert (masked == 0).double().mean().item() == pytest.approx(amount, abs=spread)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_single_precision_rounded(clean, dtype):
    half = clean.to(dtype)
    for metric in (du.mse, du.psnr, du.ssim):
        assert torch.equal(metric(half, (0.9 * half).to(dtype)), metric(half.float(), (0.9 * half).to(dtype).float()))


# ---- modes of layers ----


def with_frozen_norm(**norm):
    model = small(nn.BatchNorm2d(4, **norm))
    model[:2].requires_grad_(False)
    model.train()
    model[:2].eval()
    return model


def modes(model):
    return [layer.training for layer in model.modules()]


@pytest.mark.parametrize("norm", [{}, {"affine": False}])
def test_frozen_layers_stay_as_they_are(images, norm):
    model = with_frozen_norm(**norm)
    mean = model[1].running_mean.clone()
    fit(model, images, NOISE, epochs=2, val_images=images)
    assert torch.equal(mean, model[1].running_mean)


def test_layers_whose_parameters_are_frozen_stay_in_eval_mode_in_a_second_training(images):
    model = with_frozen_norm()
    mean = model[1].running_mean.clone()
    for _ in range(2):  # after the first one the whole network is in eval mode
        fit(model, images, NOISE, epochs=1)
    assert torch.equal(mean, model[1].running_mean)


def test_a_network_in_eval_mode_trains_all_of_itself(images):
    model = small(nn.BatchNorm2d(4)).eval()
    mean = model[1].running_mean.clone()
    fit(model, images, NOISE, epochs=1)
    assert not torch.equal(mean, model[1].running_mean)


@pytest.mark.parametrize(
    "look",
    [
        du.layer_table,
        du.multiply_adds,
        du.receptive_field,
        lambda model: du.explore_network(model, torch.rand(1, 1, 28, 28)),
    ],
)
def test_looking_changes_no_mode_and_no_statistics(look):
    model = with_frozen_norm()
    before, mean = modes(model), model[1].running_mean.clone()
    look(model)
    assert modes(model) == before and torch.equal(model[1].running_mean, mean)


def functional_dropout():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x):
            return self.conv(F.dropout(x, 0.5, training=self.training))

    return Net()


MOODY = {
    "batch norm": lambda: small(nn.BatchNorm2d(4)),
    "dropout": lambda: small(nn.Dropout(0.3)),
    "instance norm": lambda: small(nn.InstanceNorm2d(4, track_running_stats=True)),
}
WRAPPERS = {
    "itself": identity,
    "a function": lambda model: lambda noisy: model(noisy),
    "a method": lambda model: model.__call__,
    "a partial": lambda model: partial(model),
    "a network": lambda model: nn.Sequential(model),
    "for several GPUs": nn.DataParallel,
    "a mean over two": lambda model: lambda noisy: (model(noisy) + model(noisy)) / 2,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("kind", MOODY)
def test_a_network_in_training_mode_is_not_measured(images, kind, wrapper):
    model = MOODY[kind]().train()
    statistics = {name: value.clone() for name, value in model.named_buffers()}
    with pytest.raises(ValueError, match=r"is in training mode.*call model.eval"):
        du.evaluate(WRAPPERS[wrapper](model), images, NOISE)
    assert all(torch.equal(value, statistics[name]) for name, value in model.named_buffers())
    assert all(modes(model))
    wrapped = WRAPPERS[wrapper](model.eval())
    wrapped = wrapped.eval() if isinstance(wrapped, nn.Module) else wrapped
    assert du.evaluate(wrapped, images, NOISE).mse > 0


@pytest.mark.parametrize("wrapper", ["itself", "a function", "a network"])
def test_a_network_with_its_own_idea_of_training_is_measured_in_eval_mode(images, wrapper):
    model = functional_dropout().train()
    found = du.evaluate(WRAPPERS[wrapper](model), images, NOISE)
    assert all(modes(model))  # and put back
    assert found == du.evaluate(model.eval(), images, NOISE)


def test_a_reader_in_training_mode_does_not_read(digits):
    reader = du.train_reader(digits.train.images[:64], digits.train.labels[:64], epochs=1)
    with pytest.raises(ValueError, match="training mode"):
        du.read_digits(reader.train(), digits.test.images[:2])


# ---- looking into networks ----


def test_receptive_field_does_not_see_through_batch_norm_to_the_whole_batch():
    assert int(du.receptive_field(small(nn.BatchNorm2d(4))).sum()) == 25


def test_receptive_field_of_a_network_that_remembers_and_of_other_sizes():
    class Keeps(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x):
            self.code = torch.relu(self.layer(x))
            return self.code

    model = Keeps()
    model(torch.rand(1, 1, 28, 28))
    assert int(du.receptive_field(model).sum()) == 9
    field = du.receptive_field(nn.Conv2d(2, 1, 5, padding=2), 0, 39, image_shape=(2, 32, 40))
    assert field.shape == (32, 40) and int(field.sum()) == 9 and field[:3, 37:].all()
    before = model.layer.weight.clone()
    du.receptive_field(model)
    assert torch.equal(model.layer.weight, before)


def test_explore_network_on_other_sizes():
    panel = du.explore_network(du.TinyDenoiser(), torch.rand(1, 1, 32, 40))
    (caption, seen), *_ = panel.draw(panel.controls["layer"].options[-1]).items()
    assert "of 1280 pixels" in caption and seen.shape[2:] == (32, 40)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.bias = nn.Linear(784, 64), nn.Parameter(torch.zeros(784))

    def forward(self, x):
        return F.linear(torch.relu(self.encode(x.flatten(1))), self.encode.weight.t(), self.bias).view_as(x)


def test_work_outside_of_layers_is_counted():
    rows = du.layer_table(Tied())
    assert [(row.name, row.kind, row.multiply_adds, row.parameters) for row in rows] == [
        ("encode", "Linear", 784 * 64, 784 * 64 + 64),
        ("", "Tied", 64 * 784, 784),
    ]
    assert du.multiply_adds(Tied()) == 2 * 784 * 64
    assert sum(row.parameters for row in rows) == du.count_parameters(Tied()) == 784 * 64 + 64 + 784


def test_attention_is_counted():
    """8 places of 16 numbers: four projections of 8·16·16, and two products of 8·8·16 over the two heads."""

    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, x):
            places = x.view(len(x), 8, 16)
            return self.attention(places, places, places, need_weights=False)[0].view_as(x)

    assert du.multiply_adds(Attends(), (1, 8, 16)) == 4 * 8 * 16 * 16 + 2 * 8 * 8 * 16


def test_layers_with_several_answers():
    class Unpool(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.pool = nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2, return_indices=True)
            self.unpool, self.rows = nn.MaxUnpool2d(2), nn.GRU(28, 28, batch_first=True)

        def forward(self, x):
            return self.rows(self.unpool(*self.pool(self.conv(x)))[:, 0])[0][:, None]

    rows = {row.name: row for row in du.layer_table(Unpool())}
    assert rows["pool"].shape == (8, 14, 14) and rows["rows"].shape == (28, 28)
    assert (
        rows["rows"].multiply_adds == 28 * 2 * 3 * 28 * 28
    )  # each of 28 rows: three gates, from the row and the state


def test_what_is_learned_is_counted():
    model = small()
    model[0].requires_grad_(False)
    assert du.count_parameters(model) == 37 and sum(row.parameters for row in du.layer_table(model)) == 77


# ---- closed forms, filters, optimizers ----


@pytest.mark.parametrize(
    ("count", "copies", "components"), [(64, 1, 5), (64, 1, 64), (1, 70, 60), (1, 1, 1), (784, 1, 700)]
)
def test_pca_of_few_or_equal_pictures(digits, count, copies, components):
    """numpy's singular value decomposition is the oracle."""
    train = digits.train.images[:count].repeat(copies, 1, 1, 1)
    pixels = du.to_float(train).flatten(1).double().numpy()
    centred = pixels - pixels.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:components]
    found = du.PCADenoiser(train, components)(du.to_float(train)).flatten(1).double().numpy()
    expected = centred @ directions.T @ directions + pixels.mean(axis=0)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("make", FILTERS)
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_filters_keep_a_flat_picture(make, grey):
    flat = torch.full((2, 1, 28, 28), grey)
    assert torch.allclose(make()(flat), flat, atol=1e-5)


def test_optimizers_refuse_what_torchs_refuse():
    with pytest.raises(ValueError, match="lr is 0"):
        du.make_optimizers(small(), lr=0.0)
    for options in ({"lr": -1}, {"lr": np.nan}, {"momentum": 1}, {"momentum": -0.1}):
        with pytest.raises(ValueError, match=r"(lr|momentum) is"):
            du.Muon([nn.Parameter(torch.zeros(2, 2))], **options)
    with pytest.raises(ValueError, match=r"\[3\], torch.float32: Muon needs two dimensions"):
        du.Muon([nn.Parameter(torch.zeros(3))])


def test_muon_takes_a_closure():
    weight = nn.Parameter(torch.eye(3))
    optimizer = du.Muon([weight], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():  # as torch's own optimizers, it gives the closure its gradients
        assert optimizer.step(closure).item() == 3 and not torch.equal(weight, torch.eye(3))


# ---- labels ----


@pytest.mark.parametrize(
    "change", [lambda labels: labels + 1, lambda labels: labels - 1, lambda labels: labels.float()]
)
def test_labels_that_are_no_digits(digits, change):
    labels = torch.arange(10).repeat(10)
    with pytest.raises(ValueError, match=r"labels are .*int64, 0 to 9"):
        du.train_reader(digits.train.images[:100], change(labels), epochs=1)
    with pytest.raises(ValueError, match="labels is list"):
        du.train_reader(digits.train.images[:100], labels.tolist(), epochs=1)


# ---- odd machines ----


def program(text, **environment):
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", text]
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(command, capture_output=True, encoding=encoding, env=os.environ | environment, timeout=120)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_terminal_without_greek(encoding):
    text = 'import denoise_utils as du; du.check("02.clip", 1.0); print("±σ→λ"); print("fine")'
    found = program(text, PYTHONIOENCODING=encoding)
    assert found.returncode == 0 and found.stdout.splitlines()[-1] == "fine", found.stderr
    assert program(text, PYTHONIOENCODING="utf-8").stdout.splitlines()[-2] == "±σ→λ"


DEFAULTS = """
import torch, denoise_utils as du
{default}
digits, noise = du.load_digits("mnist5k"), du.GaussianNoise(0.5)
images, labels = digits.train.images[:100], digits.train.labels[:100]
matrix = du.LinearDenoiser(images, noise)
print(du.evaluate(matrix, images, noise).mse, du.evaluate(du.PCADenoiser(images, 5), images, du.Occlusion(3)).mse)
du.read_digits(du.train_reader(images, labels, epochs=1), images)
print(du.multiply_adds({network}), int(du.receptive_field({network}).sum()), du.Blur()(du.to_float(images)).sum().item())
"""


@pytest.mark.parametrize("default", ['torch.set_default_device("meta")', "torch.set_default_dtype(torch.float64)"])
def test_torchs_defaults_change_nothing(default):
    """ "meta" stands for a GPU: what lands there cannot meet what is on the CPU."""
    network = 'torch.nn.Conv2d(1, 1, 3, padding=1, device="cpu", dtype=torch.float32)'
    found, expected = (program(DEFAULTS.format(default=line, network=network)) for line in (default, ""))
    assert found.returncode == 0, found.stderr
    assert found.stdout == expected.stdout


# ---- checkpoints ----


@pytest.mark.parametrize(
    "value",
    [
        np.mean([0.1]),
        np.float64(1),
        np.int64(1),
        np.zeros(2),
        du.training.History(),
        {"deep": [np.float32(1)]},
        lambda: 0,
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, value):
    du.save_checkpoint(tmp_path / "c.pt", small(), note="old")
    with pytest.raises(TypeError, match=r"mse is a .*float\(x\)"):
        du.save_checkpoint(tmp_path / "c.pt", small(), mse=value)
    assert du.load_checkpoint(tmp_path / "c.pt", small()) == {"note": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_a_rate_from_numpy_can_be_resumed(images, tmp_path):
    lr = np.logspace(-2, -1, 3)[1]
    first = fit(small(), images, NOISE, lr=lr, checkpoint=tmp_path / "c.pt")
    assert fit(small(seed=1), images, NOISE, lr=lr, checkpoint=tmp_path / "c.pt").loss == first.loss


def test_others_may_read_a_checkpoint(tmp_path):
    before = os.umask(0o022)
    try:
        du.save_checkpoint(tmp_path / "c.pt", small())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "c.pt").stat().st_mode) == 0o644


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch, images):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    du.save_checkpoint("~/a.pt", small())
    du.load_checkpoint("~/a.pt", small())
    fit(small(), images, NOISE, checkpoint="~/b.pt")
    assert sorted(path.name for path in tmp_path.rglob("*.pt")) == ["a.pt", "b.pt"] and not (tmp_path / "~").exists()


@pytest.mark.parametrize("wrap", [partial(torch.compile, backend="eager"), nn.DataParallel])
def test_wrapped_networks_have_the_same_checkpoint(tmp_path, wrap):
    du.save_checkpoint(tmp_path / "c.pt", wrap(small()))
    for other in (small(seed=1), wrap(small(seed=1))):
        du.load_checkpoint(tmp_path / "c.pt", other)
        assert all(torch.equal(a, b) for a, b in zip(other.parameters(), small().parameters(), strict=True))


def test_lazy_networks(tmp_path):
    def lazy():
        return nn.Sequential(nn.LazyConv2d(4, 3, padding=1), nn.LazyConv2d(1, 3, padding=1))

    with pytest.raises(ValueError, match=r"0\.weight is lazy"):
        du.save_checkpoint(tmp_path / "c.pt", lazy())
    model, again = lazy(), lazy()
    model(torch.rand(1, 1, 28, 28))
    du.save_checkpoint(tmp_path / "c.pt", model)
    du.load_checkpoint(tmp_path / "c.pt", again)
    assert torch.equal(model(torch.ones(1, 1, 28, 28)), again(torch.ones(1, 1, 28, 28)))


def stopped_training(images, path, **options):
    calls = []

    def noise(clean, generator):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return NOISE(clean, generator)

    fit(small(), images, noise, epochs=3, checkpoint=path, **options)


@pytest.mark.parametrize(
    "noise", [du.SaltAndPepper(0.9), du.GaussianNoise(0.49), du.Blur(), lambda clean, _: clean.clone()]
)
@pytest.mark.parametrize("finished", [False, True])
def test_another_noise_is_another_training(images, tmp_path, noise, finished):
    if finished:
        fit(small(), images, NOISE, epochs=3, checkpoint=tmp_path / "c.pt")
    else:
        stopped_training(images, tmp_path / "c.pt")
    model = small(seed=1)
    with pytest.raises(ValueError, match=r"from another training.*another noise"):
        fit(model, images, noise, epochs=3, checkpoint=tmp_path / "c.pt")
    assert torch.equal(model[0].weight, small(seed=1)[0].weight)


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda images, model: (images.flip(0), model, {}), "images 96 with the checksum"),
        (
            lambda images, model: (images, model[0].requires_grad_(False) and model, {}),
            "trained .*, not 2.weight, 2.bias",
        ),
        (lambda images, model: (images, model, {"val_images": images}), "val_images none, not 96 with"),
    ],
)
def test_a_refusal_comes_before_anything_is_loaded(images, tmp_path, change, phrase):
    stopped_training(images, tmp_path / "c.pt")
    shown, model, options = change(images, small(seed=1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=phrase) as caught:
        fit(model, shown, NOISE, epochs=3, checkpoint=tmp_path / "c.pt", **options)
    assert str(tmp_path / "c.pt") in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_training_that_was_begun_on_another_device_goes_on(images, tmp_path, capsys):
    path = tmp_path / "c.pt"
    stopped_training(images, path)
    content = torch.load(path, weights_only=True)
    content["training"]["history"]["device"] = "cuda:0"
    content["training"]["generator"] = torch.zeros(16, dtype=torch.uint8)  # a CUDA generator's state is of this kind
    torch.save(content, path)
    history = fit(small(), images, NOISE, epochs=3, checkpoint=path)
    assert history.steps == 9 and history.device == "cpu" and not history.interrupted
    assert "was begun on cuda:0" in capsys.readouterr().out


def test_buffers_can_hold_what_can_be_read(tmp_path):
    buffer = io.BytesIO()
    torch.save({"model": small().state_dict()}, buffer)
    (tmp_path / "c.pt").write_bytes(buffer.getvalue())
    assert du.load_checkpoint(tmp_path / "c.pt", small(seed=1)) == {}


# ---- found by a second attack ----


def test_settings_from_numpy_can_be_resumed(images, tmp_path):
    options = {"seed": np.int64(3), "optimizer": np.str_("muon"), "schedule": np.str_("constant")}
    first = fit(small(), images, NOISE, checkpoint=tmp_path / "c.pt", **options)
    assert fit(small(seed=1), images, NOISE, checkpoint=tmp_path / "c.pt", **options).loss == first.loss
    for wrong in (None, 1.5, "3", True):
        with pytest.raises(TypeError, match="seed is"):
            fit(small(), images, NOISE, seed=wrong)


@pytest.mark.parametrize("wrap", [identity, partial(torch.compile, backend="eager"), nn.DataParallel])
def test_wrapped_networks_can_be_resumed(images, tmp_path, wrap):
    stopped_training(images, tmp_path / "c.pt")
    history = fit(wrap(small(seed=1)), images, NOISE, epochs=3, checkpoint=tmp_path / "c.pt")
    assert history.steps == 9


def test_a_network_in_place_can_be_resumed(images, tmp_path):
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, noisy):
            return self.layer(noisy.sub_(0.5))

    for _ in range(2):
        assert fit(InPlace(), images, NOISE, checkpoint=tmp_path / "c.pt").steps == 3
    assert (tmp_path / "c.pt").stat().st_size < 40_000  # four noisy pictures, not a view of the whole batch


@pytest.mark.parametrize("middle", [nn.Dropout(0.9), nn.GELU(), nn.MaxPool2d(3, 1, 1)])
def test_another_network_of_the_same_shapes_is_another_training(images, tmp_path, middle):
    fit(small(nn.Dropout(0.1)), images, NOISE, checkpoint=tmp_path / "c.pt")
    with pytest.raises(ValueError, match=r"another training.*network"):
        fit(small(middle), images, NOISE, checkpoint=tmp_path / "c.pt")


def test_an_extra_named_training_is_no_training(images, tmp_path):
    du.save_checkpoint(tmp_path / "c.pt", small(), training="10 epochs")
    with pytest.raises(ValueError, match="weights only"):
        fit(small(), images, NOISE, checkpoint=tmp_path / "c.pt")


@pytest.mark.parametrize("place", ["a folder", "a file/c.pt"])
def test_a_checkpoint_that_cannot_be_written_is_found_before_the_training(images, tmp_path, place):
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a file").write_text("mine")
    model = small()
    with pytest.raises(OSError, match="checkpoint"):
        fit(model, images, NOISE, checkpoint=tmp_path / place)
    assert torch.equal(model[0].weight, small()[0].weight)


def test_a_state_of_a_networks_own_comes_back(tmp_path):
    class Remembers(nn.Linear):
        def get_extra_state(self):
            return {"seen": 3}

        def set_extra_state(self, state):
            self.seen = state["seen"]

    du.save_checkpoint(tmp_path / "c.pt", Remembers(2, 2))
    du.load_checkpoint(tmp_path / "c.pt", model := Remembers(2, 2))
    assert model.seen == 3


def test_a_link_to_a_checkpoint_stays_a_link(tmp_path):
    du.save_checkpoint(tmp_path / "real.pt", small())
    (tmp_path / "link.pt").symlink_to(tmp_path / "real.pt")
    du.save_checkpoint(tmp_path / "link.pt", small(), note=1)
    assert (tmp_path / "link.pt").is_symlink() and du.load_checkpoint(tmp_path / "real.pt", small()) == {"note": 1}


def test_bytes_are_no_input_of_a_denoiser(digits):
    train, noisy = digits.train.images[:200], digits.test.images[:3]
    for denoiser in (
        du.LinearDenoiser(train, NOISE),
        du.PCADenoiser(train, 5),
        du.MeanImage(train),
        du.total_variation(),
    ):
        with pytest.raises(TypeError, match=r"torch.uint8.*du.to_float"):
            denoiser(noisy)


def test_a_noise_with_a_seed_of_its_own_or_half_of_its_chance_is_named(digits):
    def own_seed(clean, generator=None):
        return (clean + 0.5 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)

    def own_sigma(clean, generator=None):
        return du.GaussianNoise(np.random.default_rng().uniform(0.1, 0.9))(clean, generator)

    for noise in (own_seed, own_sigma):
        for use in (
            lambda n: du.evaluate(identity, digits.test.images, n),
            lambda n: du.LinearDenoiser(digits.test.images, n),
        ):
            with pytest.warns(UserWarning, match="does not draw"):
                use(noise)


def test_networks_in_a_list_and_methods_are_measured_in_eval_mode(images):
    class Ensemble(nn.Module):
        def __init__(self, *models):
            super().__init__()
            self.models = list(models)  # not registered, so eval() does not reach them

        def forward(self, noisy):
            return sum(model(noisy) for model in self.models) / len(self.models)

    moody = functional_dropout().train()
    expected = du.evaluate(functional_dropout_like(moody), images, NOISE)
    assert du.evaluate(Ensemble(moody), images, NOISE) == du.evaluate(moody.forward, images, NOISE) == expected
    with pytest.raises(ValueError, match="training mode"):
        du.evaluate(Ensemble(small(nn.BatchNorm2d(4)).train()), images, NOISE)


def functional_dropout_like(model):
    other = functional_dropout().eval()
    other.load_state_dict(model.state_dict())
    return other


def test_callers_pictures_stay(digits):
    class InPlace(nn.Module):
        def forward(self, x):
            return x.mul_(0.5)

    mine = du.to_float(digits.test.images[:2])
    du.explore_network(nn.Sequential(InPlace()), mine[:1])
    du.read_digits(lambda x: x.mul_(0.5).flatten(1)[:, :10], mine)
    du.fixed_noise(mine, NOISE)[1].zero_()
    assert torch.equal(mine, du.to_float(digits.test.images[:2]))
    assert int(du.receptive_field(nn.Sequential(InPlace(), nn.Conv2d(1, 1, 3, padding=1))).sum()) == 9


def test_a_noise_with_weights_gets_no_gradients(images):
    class Learned(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(0.5))

        def forward(self, clean, generator=None):
            return clean * self.scale

    noise = Learned()
    fit(small(), images, noise, steps=2)
    du.LinearDenoiser(images, noise)
    assert noise.scale.grad is None


def test_walking_leaves_statistics_alone(digits):
    model = nn.Sequential(nn.BatchNorm2d(1)).train()
    model.encode, model.decode = model.forward, model.forward
    du.walk_bottleneck(model, digits.test.images[:3])
    assert model[0].running_mean == 0 and model[0].training


@pytest.mark.parametrize("hidden", [1, 3])
def test_lstm_is_counted(hidden):
    """28 rows: four gates, each from 28 pixels and from the state; twice, in both directions."""

    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows = nn.LSTM(28, hidden, bidirectional=True, batch_first=True)

        def forward(self, x):
            return self.rows(x[:, 0])[0][:, None]

    assert du.multiply_adds(Rows()) == 2 * 28 * 4 * hidden * (28 + hidden)


def test_autocast_outside_changes_no_figure(clean):
    noisy = NOISE(clean, torch.Generator().manual_seed(0))
    expected = du.ssim(noisy, clean), du.Blur()(clean)
    with torch.autocast("cpu", torch.bfloat16):
        found = du.ssim(noisy, clean), du.Blur()(clean)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_small_ridge_is_solved_exactly(digits):
    train, noise = digits.train.images[:1000], du.Blur(1.5)
    x, y = (pictures.flatten(1).double() for pictures in (noise(du.to_float(train)), du.to_float(train)))
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    weight = torch.linalg.solve(
        (x - x_mean).T @ (x - x_mean) + 0.1 * torch.eye(784).double(), (x - x_mean).T @ (y - y_mean)
    )
    exact = ((x - x_mean) @ weight + y_mean).view(-1, 1, 28, 28).float()
    found = du.LinearDenoiser(train, noise, ridge=0.1)(noise(du.to_float(train)))
    assert (found - exact).square().mean() < 1e-5


@pytest.mark.parametrize("make", [du.total_variation, du.wavelet, du.non_local_means])
@pytest.mark.parametrize("wrong", [0.0, -1, np.nan, "a"])
def test_strengths_of_filters(make, wrong):
    with pytest.raises(ValueError, match="above 0"):
        make(wrong)


def test_bytes_in_place_of_fractions_have_no_psnr(clean):
    for metric in (du.mse, du.psnr, du.ssim):
        with pytest.raises(ValueError, match="clean has values from 0 to 25"):
            metric(255 * clean, 255 * clean)


def test_a_network_without_a_gradient_is_named(images):
    class Detached(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).detach()

    with pytest.raises(ValueError, match="answer has no gradient"):
        fit(Detached(1, 1, 3, padding=1), images, NOISE)


@pytest.mark.parametrize("generator", [42, np.random.default_rng(0)])
def test_what_is_no_generator(clean, generator):
    for noise in (NOISE, du.PoissonNoise(), du.Masking(), du.Occlusion(3)):
        with pytest.raises(TypeError, match="torch generator"):
            noise(clean, generator)


def test_receptive_field_of_an_answer_that_is_no_picture():
    for model, found in ((nn.Flatten(), r"\[32, 784\]"), (nn.MaxPool2d(2, return_indices=True), "tuple")):
        with pytest.raises(ValueError, match=f"made {found}.*pictures"):
            du.receptive_field(model)


def test_without_a_console():
    """pythonw on Windows has no stdout."""
    text = "import sys; sys.stdout = None\nimport torch, denoise_utils as du\nd = du.load_digits('mnist5k').train.images[:64]\n"
    found = program(text + "du.fit(torch.nn.Conv2d(1, 1, 3, padding=1), d, du.GaussianNoise(), epochs=1, device='cpu')")
    assert found.returncode == 0, found.stderr
