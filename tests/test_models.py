"""The networks of lesson 03 and the helpers that count. One contract for all networks that stand in ``models.NETWORKS``: a
new one needs no line for it. Below it each has tests of its own."""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

import denoise_utils as du
from denoise_utils import models
from denoise_utils.models import NETWORKS

TUTORIAL = Path(__file__).parents[1] / "benchmarks" / "tutorial.py"
EVERY = list(NETWORKS.values())
OWN = [network for network in EVERY if issubclass(network, du.UDenoiser)]


def made(network, seed=0):
    torch.manual_seed(seed)
    return network()


def shaken(network):
    """With all weights at random: some start at zero, and then nothing passes."""
    model, generator = made(network), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model


# ---- one contract for all ----


@pytest.mark.parametrize("network", EVERY)
def test_contract(clean, network):
    model, before = made(network), clean.clone()
    for noisy in (clean[:1], clean):
        denoised = model(noisy)
        assert denoised.shape == noisy.shape and denoised.dtype == torch.float32 and denoised.isfinite().all()
    assert torch.equal(clean, before)
    assert torch.equal(made(network)(clean), denoised)
    assert not torch.equal(made(network, seed=1)(clean), denoised)
    assert (model.eval()(clean[:3]) - denoised[:3]).abs().max() < 1e-5  # the same in both modes, in any batch


@pytest.mark.parametrize("network", EVERY)
def test_a_gradient_reaches_every_parameter(clean, network):
    model = shaken(network)
    (model(clean) - clean).square().mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert not any(p.grad.isnan().any() for p in model.parameters())


@pytest.mark.parametrize("network", EVERY)
def test_saved_weights_load_again(clean, network, tmp_path):
    model, other = shaken(network), made(network, seed=1)
    assert not torch.equal(other(clean), model(clean))
    du.save_checkpoint(tmp_path / "network.pt", model)
    du.load_checkpoint(tmp_path / "network.pt", other)
    assert torch.equal(other(clean), model(clean))


@pytest.mark.parametrize("network", EVERY)
@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 784), (2, 1, 30, 28), (2, 1, 28, 27)])
def test_other_shapes_are_refused_clearly(network, shape):
    """Or answered, if they are grey pictures."""
    try:
        assert network()(torch.zeros(shape)).shape == shape and shape[1:2] == (1,) and len(shape) == 4
    except ValueError as error:
        assert f"noisy is {list(shape)}: " in str(error)


def test_what_is_public_is_registered():
    """But UDenoiser, which takes numbers, and its part."""
    kinds = [getattr(models, name) for name in models.__all__]
    networks = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, nn.Module)}
    apart = {kind.__name__ for kind in networks ^ {*EVERY, du.UDenoiser, du.ResidualBlock}}
    assert not apart, f"in one of models.NETWORKS and models.__all__, and not in the other: {apart}"


# ---- the tutorial's, and our own ----


def test_conv_denoiser_is_the_tutorials():
    model = du.ConvDenoiser()
    names = ["conv1", "conv2", "conv3", "t_conv1", "t_conv2", "t_conv3", "conv_out"]
    assert list(model.state_dict()) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    assert du.count_parameters(model) == 9585


def test_conv_denoiser_computes_what_the_tutorials_does(clean):
    spec = importlib.util.spec_from_file_location("tutorial", TUTORIAL)
    tutorial = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tutorial)
    theirs, ours = tutorial.ConvDenoiser(), du.ConvDenoiser()
    assert (theirs(clean) - ours(clean)).abs().max() > 1e-3  # other weights, other answers
    ours.load_state_dict(theirs.state_dict())
    assert (theirs(clean) - ours(clean)).abs().max() < 1e-6


def test_conv_denoiser_shapes_and_range(clean):
    model = du.ConvDenoiser()
    code = model.encode(clean)
    assert code.shape == (40, 8, 3, 3) and code.min() >= 0
    denoised = model(clean)
    assert denoised.shape == clean.shape and torch.equal(model.decode(code), denoised)
    assert denoised.min() > 0 and denoised.max() < 1


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (2, 1, 784)])
def test_conv_denoiser_refuses_other_shapes(shape):
    with pytest.raises(ValueError) as caught:
        du.ConvDenoiser()(torch.zeros(shape))
    assert str(list(shape)) in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (3, 1, 32, 32), (2, 1, 28, 40)])
def test_tiny_denoiser_keeps_the_shape(shape):
    assert du.TinyDenoiser()(torch.rand(shape)).shape == shape


def test_strong_denoiser_takes_its_own_size_only():
    assert du.StrongDenoiser()(torch.rand(3, 1, 28, 28)).shape == (3, 1, 28, 28)
    assert du.UDenoiser(4, side=16)(torch.rand(3, 1, 16, 16)).shape == (3, 1, 16, 16)
    with pytest.raises(ValueError, match=r"\[3, 1, 32, 32\].*H and W 28"):
        du.StrongDenoiser()(torch.zeros(3, 1, 32, 32))
    with pytest.raises(ValueError, match="side is 30"):
        du.UDenoiser(4, side=30)


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize(
    "shape", [(28, 28), (2, 3, 28, 28), (2, 1, 30, 28), (2, 1, 28, 30), (0, 1, 28, 28), (2, 1, 0, 28)]
)
def test_own_networks_refuse_other_shapes(kind, shape):
    with pytest.raises(ValueError) as caught:
        kind()(torch.zeros(shape))
    assert str(list(shape)) in str(caught.value)


def test_own_networks_sizes():
    def convolution(size, channels_in, channels_out):
        return size**2 * channels_in * channels_out + channels_out

    for kind, c, blocks, places in ((du.TinyDenoiser, 16, 1, 0), (du.StrongDenoiser, 24, 2, 49)):
        ends = convolution(3, 4, c) + convolution(3, c, 4)
        across = convolution(2, c, 2 * c) + convolution(2, 2 * c, c)
        inside = 2 * blocks * 2 * convolution(3, c, c) + 2 * convolution(3, 2 * c, 2 * c)
        bottom = 2 * c * places + (places + 1) * places
        assert du.count_parameters(kind()) == ends + across + inside + bottom


def test_the_strong_network_knows_where_it_is():
    model = du.StrongDenoiser()
    picture = torch.zeros(1, 1, 28, 28)
    corner = picture.clone()
    corner[..., :4, :4] = 1
    assert torch.equal(model(picture), model.out(model.after(model.before(model.into(picture)) + model.up(
        model.bottom[1](model.down(model.before(model.into(picture))))))))  # fmt: skip  # both parts start at zero
    nn.init.ones_(model.bottom[2].mix.weight)
    far = (model(corner) - model(picture)).abs()[0, 0, 24:, 24:]
    assert far.max() > 1e-3  # one corner hears of the other, through the mixing of places
    nn.init.zeros_(model.bottom[2].mix.weight)
    before = model(picture)
    model.bottom[0].bias.data[:, 0, 0] = 1
    changed = (model(picture) - before).abs()[0, 0]
    assert changed[:4, :4].max() > 1e-3 and changed[20:, 20:].max() == 0


def test_skip_connection_leads_past_the_bottom():
    model = du.TinyDenoiser()
    nn.init.zeros_(model.up.weight)  # nothing comes up from the bottom any more
    first, second = model(torch.rand(2, 1, 28, 28))
    assert not torch.equal(first, second)


def test_own_networks_answer_linearly_not_by_sigmoid():
    model = du.TinyDenoiser()
    with torch.no_grad():
        model.out[0].bias.add_(5)
    assert model(torch.rand(1, 1, 28, 28)).max() > 1


def test_new_residual_block_changes_nothing():
    x = torch.randn(2, 8, 7, 7)
    block = du.ResidualBlock(8)
    assert torch.equal(block(x), x)
    nn.init.ones_(block.conv2.weight)
    assert not torch.equal(block(x), x)


# ---- counting ----


def test_layer_table_of_the_tutorials_network():
    # by hand: places x kernel x channels in x channels out
    # (of a transposed convolution: places of its input)
    assert [(row.name, row.shape, row.multiply_adds) for row in du.layer_table(du.ConvDenoiser())] == [
        ("conv1", (32, 28, 28), 28 * 28 * 9 * 1 * 32),
        ("pool", (32, 14, 14), 0),
        ("conv2", (16, 14, 14), 14 * 14 * 9 * 32 * 16),
        ("pool", (16, 7, 7), 0),
        ("conv3", (8, 7, 7), 7 * 7 * 9 * 16 * 8),
        ("pool", (8, 3, 3), 0),
        ("t_conv1", (8, 7, 7), 3 * 3 * 9 * 8 * 8),
        ("t_conv2", (16, 14, 14), 7 * 7 * 4 * 8 * 16),
        ("t_conv3", (32, 28, 28), 14 * 14 * 4 * 16 * 32),
        ("conv_out", (1, 28, 28), 28 * 28 * 9 * 32 * 1),
    ]


@pytest.mark.parametrize("kind", EVERY)
def test_layer_table_sums(kind):
    model = kind().train()
    rows = du.layer_table(model)
    assert sum(row.parameters for row in rows) == du.count_parameters(model)
    assert sum(row.multiply_adds for row in rows) == du.multiply_adds(model) > 0
    assert rows[-1].shape == (1, 28, 28)
    assert not any(module._forward_hooks for module in model.modules()) and model.training


def test_layer_table_of_a_linear_layer_and_other_images():
    (flat, linear) = du.layer_table(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), image_shape=(3, 2, 2))
    assert (flat.kind, flat.shape, flat.parameters, flat.multiply_adds) == ("Flatten", (12,), 0, 0)
    assert (linear.kind, linear.shape, linear.parameters, linear.multiply_adds) == ("Linear", (5,), 65, 60)


def test_layer_used_twice_is_counted_once():
    layer = nn.Conv2d(1, 1, 3, padding=1)
    model = nn.Sequential(layer, layer)
    rows = du.layer_table(model)
    assert [row.parameters for row in rows] == [10, 0] and du.count_parameters(model) == 10
    assert [row.multiply_adds for row in rows] == [7056, 7056]


def test_layer_table_leaves_batch_norm_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    du.layer_table(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training


def test_layer_table_of_a_model_without_parameters():
    (row,) = du.layer_table(nn.Sequential(nn.MaxPool2d(2)))
    assert (row.shape, row.parameters, row.multiply_adds) == ((1, 14, 14), 0, 0)


# ---- the receptive field ----


def box(top, bottom, left, right):
    expected = torch.zeros(28, 28, dtype=torch.bool)
    expected[top : bottom + 1, left : right + 1] = True
    return expected


def convolutions(*dilations):
    return nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in dilations))


def test_receptive_field_of_convolutions():
    assert torch.equal(du.receptive_field(convolutions(1)), box(13, 15, 13, 15))
    assert torch.equal(du.receptive_field(convolutions(1, 1)), box(12, 16, 12, 16))
    assert torch.equal(du.receptive_field(convolutions(1, 1), row=0, column=27), box(0, 2, 25, 27))
    assert du.receptive_field(convolutions(2)).sum() == 9  # with holes


def test_receptive_field_of_a_layer_that_is_used_twice():
    """With torch's functional_call the layer had no parameters left afterwards."""
    layer = torch.nn.Conv2d(1, 1, 3, padding=1)
    model = torch.nn.Sequential(layer, layer)
    assert torch.equal(du.receptive_field(model), box(12, 16, 12, 16))
    assert du.count_parameters(model) == 10


def test_receptive_field_where_no_gradient_is_kept():
    with torch.inference_mode():
        assert torch.equal(du.receptive_field(torch.nn.Conv2d(1, 1, 3, padding=1)), box(13, 15, 13, 15))


def test_receptive_field_of_the_tutorials_network():
    field = du.receptive_field(du.ConvDenoiser())
    rows, columns = field.any(dim=1).nonzero().flatten(), field.any(dim=0).nonzero().flatten()
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (22, 22)
    assert field.sum() == 22 * 22


@pytest.mark.parametrize("kind", OWN)
def test_receptive_field_of_own_networks_is_wider(kind):
    assert du.receptive_field(kind()).sum() > 22 * 22


def test_receptive_field_leaves_model_and_chance_alone():
    model, chance = du.TinyDenoiser(), torch.get_rng_state()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    du.receptive_field(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), chance)
