"""Lesson 04: the loop counts right, is repeatable, survives interruption, and its checkpoints are safe."""

import errno
import itertools
import math
import os
import pickle
import shutil
import stat
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import denoise_utils as du
from denoise_utils import devices, optimizers, training

NOISE = du.GaussianNoise(0.5)
fit = partial(du.fit, device="cpu", progress=False, batch_size=32)


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def images(digits):
    return digits.train.images[:100]


class StopAt:
    """A noise during whose call number ``step`` the learner presses the stop button."""

    def __init__(self, step):
        self.left = step

    def __call__(self, clean, generator=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return NOISE(clean, generator)


# ---- the loop ----


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_same_seed_same_weights(images, optimizer):
    one, again, other = small(), small(), small()
    chance = torch.get_rng_state()
    histories = [
        fit(model, images, NOISE, seed=seed, optimizer=optimizer) for model, seed in ((one, 3), (again, 3), (other, 4))
    ]
    assert same(weights(one), weights(again)) and histories[0].loss == histories[1].loss
    assert not same(weights(one), weights(other)) and histories[0].loss != histories[2].loss
    assert not same(weights(one), weights(small()))
    assert torch.equal(torch.get_rng_state(), chance)  # chance outside is not touched


@pytest.mark.parametrize(
    ("epochs", "steps", "seen", "losses"),
    [
        (1, 4, [100], 1),
        (2, 8, [200], 2),
        (0.5, 2, [64], 1),
        (1.5, 6, [164], 2),
        (0.01, 1, [32, 4], 1),
        (0.75, 3, [96, 68], 1),
    ],
)
def test_a_fraction_of_an_epoch(images, epochs, steps, seen, losses):
    history = fit(small(), images, NOISE, epochs=epochs, batch_size=32)
    assert history.steps == steps and history.images in seen and len(history.loss) == losses
    assert history.seconds > 0
    assert history.images_per_second == pytest.approx(history.images / history.seconds)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 1000])
def test_loss_is_the_mean_of_a_pixel_whatever_the_batch_size(batch_size):
    images = torch.cat([torch.zeros(30, 1, 28, 28), torch.ones(3, 1, 28, 28)])  # a short batch weighed wrong would show
    model, noise = small(), du.Blur()
    expected = F.mse_loss(model(noise(images)), images).item()
    history = fit(model, images, noise, lr=1e-12, batch_size=batch_size)  # so small that the weights stay
    assert history.loss == pytest.approx([expected], rel=1e-5)


@pytest.mark.parametrize(
    ("length", "batch_size"),
    [({}, 16), ({"epochs": 1}, 16), ({"epochs": 79}, 16), ({"epochs": 81}, 32), ({"epochs": 499}, 32),
     ({"epochs": 501}, 64), ({"steps": 249}, 16), ({"steps": 250}, 16), ({"steps": 1600}, 16),
     ({"steps": 1600, "batch_size": 64}, 64), ({"epochs": 501, "batch_size": 8}, 8)],
)  # fmt: skip
def test_batches_grow_with_the_number_of_epochs(images, length, batch_size):
    sizes = []

    def stop(clean, generator):
        sizes.append(len(clean))
        raise KeyboardInterrupt

    du.fit(small(), images, stop, device="cpu", progress=False, **length)
    assert sizes == [batch_size]


def test_one_more_step_is_one_more_batch():
    """No cliff: the pictures seen never fall and never double when the training grows by one step."""
    seen = [math.prod(training._length(4000, None, steps, None)) for steps in range(1, 4000)]
    assert {after - before for before, after in itertools.pairwise(seen)} == {16}


def test_a_length_is_said_once(images):
    model = small()
    with pytest.raises(ValueError, match=r"epochs and steps both say how long.*leave out the other"):
        fit(model, images, NOISE, epochs=1, steps=4)
    assert same(weights(model), weights(small()))


def test_the_noise_may_tell_more_than_a_picture(images, digits):
    def told(clean, generator=None):
        noisy = NOISE(clean, generator)
        return torch.cat([noisy, torch.full_like(noisy, 0.5)], dim=1)

    model = nn.Conv2d(2, 1, 3, padding=1)
    assert fit(model, images, told, epochs=2, val_images=digits.val.images[:50]).val_loss[-1] > 0
    assert du.evaluate(model, images, told).images == 100
    with pytest.raises(ValueError, match=r"made \[\d+, 2, 28, 28\].*should return \[\d+, 1, 28, 28\]"):
        du.evaluate(lambda noisy: noisy, images, told)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
@pytest.mark.skipif(
    " " in torch.__file__ and torch.__version__ < "2.6",
    reason="this torch's compiler stumbles over a space in its path",
)
def test_compiled_training_learns_the_same(images):
    plain, compiled = small(), small()
    fit(plain, images, NOISE, epochs=2)
    history = fit(compiled, images, NOISE, epochs=2, compile=True)
    assert history.steps == 8 and list(compiled.state_dict()) == list(plain.state_dict())
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(compiled.parameters(), plain.parameters(), strict=True))


def test_training_lowers_the_loss_and_sees_fresh_noise(digits):
    model, seen = small(), []

    def noise(clean, generator):
        seen.append(NOISE(clean, generator))
        return seen[-1]

    history = fit(model, digits.train.images[:10], noise, epochs=20, batch_size=10)
    assert history.loss[-1] < 0.7 * history.loss[0]
    assert len({noisy.numpy().tobytes() for noisy in seen}) == 20


def test_tiny_denoiser_beats_the_tutorials_in_125_steps(digits):
    torch.manual_seed(0)
    model = du.TinyDenoiser()
    history = fit(model, digits.train.images, NOISE, epochs=1, batch_size=32)
    assert history.steps == 125 and history.images == 4000
    assert 0.012 < du.evaluate(model, digits.test.images, NOISE).mse < 0.0241


def test_validation_after_each_epoch(images, digits):
    model, val = small(), digits.val.images
    history = fit(model, images, NOISE, epochs=2.5, val_images=val)
    assert len(history.val_loss) == len(history.loss) == 3
    assert history.val_loss[-1] == pytest.approx(du.evaluate(model, val, NOISE).mse, rel=1e-5)


def test_validation_does_not_change_the_training(images, digits):
    with_validation, without = small(), small()
    fit(with_validation, images, NOISE, epochs=2, val_images=digits.val.images[:10])
    fit(without, images, NOISE, epochs=2)
    assert same(weights(with_validation), weights(without))


def test_model_ends_in_eval_mode(images):
    model = small().train()
    fit(model, images, NOISE)
    assert not model.training


def test_dropout_works_while_training(images):
    model = nn.Sequential(nn.Dropout(0.5), *small())
    modes = []
    model[0].register_forward_hook(lambda module, *_: modes.append(module.training))
    fit(model.eval(), images, NOISE, epochs=2, val_images=images[:10])
    assert modes == [True] * 4 + [False] + [True] * 4 + [False]


def test_frozen_part_stays(images):
    model = small()
    model[0].requires_grad_(False)
    before = weights(model)
    fit(model, images, NOISE)
    assert torch.equal(before["0.weight"], model[0].weight) and not torch.equal(before["2.weight"], model[2].weight)


@pytest.mark.parametrize("kind", ["float", "strided", "gradient"])
def test_other_kinds_of_the_same_images(images, kind):
    model, expected = small(), small()
    if kind == "strided":
        other = images.repeat_interleave(2, dim=0)[::2]
    else:
        other = du.to_float(images).requires_grad_(kind == "gradient")
    fit(model, other, NOISE)
    fit(expected, images, NOISE)
    assert same(weights(model), weights(expected)) and other.grad is None


def test_half_precision(images):
    model = small()
    history = fit(model, images, NOISE, bf16=True)
    assert model[0].weight.dtype == torch.float32
    exact = fit(small(), images, NOISE).loss[0]
    assert history.loss[0] == pytest.approx(exact, rel=0.05) and history.loss[0] != exact


def test_history_speaks(images):
    text = repr(fit(small(), images, NOISE, epochs=2, val_images=images[:10]))
    assert "8 steps" in text and "cpu" in text and "validation" in text and "stopped" not in text
    assert "no epoch finished" in repr(du.training.History()) and du.training.History().images_per_second == 0


# ---- interruption ----


def test_interruption_keeps_what_was_learned(images, capsys):
    stopped, expected = small(), small()
    history = fit(stopped, images, StopAt(3), epochs=2, schedule="constant")
    fit(expected, images, NOISE, epochs=0.5, schedule="constant")  # two steps
    assert history.interrupted and not stopped.training
    assert same(weights(stopped), weights(expected)) and not same(weights(stopped), weights(small()))
    assert history.steps == 2 and "stopped by hand" in repr(history)
    assert "2 of 8 steps" in capsys.readouterr().out


def test_interruption_in_the_second_epoch_keeps_the_first_figures(images):
    history = fit(small(), images, StopAt(6), epochs=2)
    assert history.interrupted and len(history.loss) == 2  # a whole epoch, and the part of one
    assert history.steps == 5 and history.images == 132


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_resumed_training_equals_an_uninterrupted_one(images, tmp_path, optimizer):
    options = {"epochs": 3, "optimizer": optimizer, "val_images": images[:10]}
    whole, stopped, resumed = small(), small(), small(1)
    expected = fit(whole, images, NOISE, **options)
    path = tmp_path / "training.pt"
    assert fit(stopped, images, StopAt(6), checkpoint=path, **options).interrupted
    history = fit(resumed, images, NOISE, checkpoint=path, **options)
    assert same(weights(resumed), weights(whole))
    assert (history.loss, history.val_loss) == (expected.loss, expected.val_loss)
    assert (history.steps, history.images, history.interrupted) == (12, 300, False)
    assert os.listdir(tmp_path) == ["training.pt"]


def test_finished_training_is_not_done_again(images, tmp_path):
    path = tmp_path / "training.pt"
    first = fit(small(), images, NOISE, checkpoint=path)
    model = small(1)
    again = fit(model, images, StopAt(2), checkpoint=path)  # asked once, whether it is the same noise; there is no step
    assert again.loss == first.loss and not again.interrupted and not model.training


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"batch_size": 8},
        {"epochs": 4},
        {"lr": 0.01},
        {"optimizer": "adamw"},
        {"schedule": "constant"},
        {"images": 50},
    ],
    ids=lambda change: next(iter(change)),
)
def test_resuming_another_training(images, tmp_path, change):
    path = tmp_path / "training.pt"
    fit(small(), images, StopAt(6), epochs=3, checkpoint=path)
    change = dict(change)
    shown = images[: change.pop("images", 100)]
    model = small(1)
    with pytest.raises(ValueError, match="from another training") as caught:
        fit(model, shown, NOISE, **{"epochs": 3, "checkpoint": path, **change})
    assert str(path) in str(caught.value)
    assert same(weights(model), weights(small(1)))  # refused is not half done


def test_resuming_from_weights_only(images, tmp_path):
    path = tmp_path / "weights.pt"
    du.save_checkpoint(path, small())
    with pytest.raises(ValueError, match="weights only"):
        fit(small(), images, NOISE, checkpoint=path)


def test_lost_loss(images, tmp_path):
    path = tmp_path / "training.pt"
    model = du.TinyDenoiser()
    with pytest.raises(FloatingPointError, match=r"no longer finite.*smaller lr"):
        fit(model, images, NOISE, epochs=2, lr=1e9, checkpoint=path)
    assert not model.training and not path.exists()  # a lost network is no checkpoint


# ---- wrong input ----


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"epochs": math.nan}, "epochs is nan"),
        ({"epochs": math.inf}, "epochs is inf"),
        ({"epochs": "two"}, "epochs is 'two'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"batch_size": "32"}, "batch_size is '32'"),
        ({"batch_size": True}, "batch_size is True"),
        ({"epochs": True}, "epochs is True"),
        ({"lr": -1}, "lr is -1"),
        ({"lr": 0}, "lr is 0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": "big"}, "lr is 'big'"),
        ({"optimizer": "adam"}, "optimizer is 'adam'.*muon"),
        ({"schedule": "cosine"}, "schedule is 'cosine'.*one-cycle"),
        ({"device": "quantum"}, "device 'quantum'.*best_device"),
        ({"device": "cuda:99"}, "device 'cuda:99'.*best_device"),
    ],
)
def test_wrong_options(images, options, phrase):
    model = small()
    with pytest.raises(ValueError, match=phrase):
        fit(model, images, NOISE, **options)
    assert same(weights(model), weights(small()))


@pytest.mark.parametrize("argument", ["images", "val_images"])
@pytest.mark.parametrize(
    ("wrong", "error", "phrase"),
    [
        (torch.zeros(2, 28, 28), ValueError, r"\[2, 28, 28\]"),
        (torch.zeros(0, 1, 28, 28), ValueError, r"\[0, 1, 28, 28\]"),
        (torch.zeros(2, 1, 28, 28).long(), TypeError, "int64"),
        (torch.full((2, 1, 28, 28), 255.0), ValueError, "255"),
        (torch.full((2, 1, 28, 28), math.nan), ValueError, "nan"),
        (np.zeros((2, 1, 28, 28), dtype=np.uint8), TypeError, "ndarray"),
    ],
)
def test_wrong_images(images, argument, wrong, error, phrase):
    model = small()
    with pytest.raises(error, match=phrase):
        fit(model, **{"images": images, "noise": NOISE, argument: wrong})
    assert same(weights(model), weights(small()))  # found before the training, not after an epoch of it


def test_frozen_model(images):
    with pytest.raises(ValueError, match="Sequential has no parameter to train"):
        fit(small().requires_grad_(False), images, NOISE)


def test_network_with_another_shape_of_answer(images):
    with pytest.raises(ValueError, match=r"\[32, 1, 1, 1\]"):
        fit(nn.Sequential(nn.Conv2d(1, 1, 28)), images, NOISE)


def test_as_device():
    assert devices.as_device(None) == du.best_device()
    assert devices.as_device("cpu") == torch.device("cpu")


# ---- optimizers and schedule ----


@pytest.mark.parametrize("shape", [(64, 9), (9, 64), (24, 24)])
def test_orthogonalize(shape):
    matrix = torch.randn(shape, dtype=torch.float64)
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    assert s.max() / s.min() > 1.5  # the directions did not count the same before
    result = u.T @ du.orthogonalize(matrix) @ vt.T
    assert (result - result.diag().diag()).abs().max() < 1e-9  # the directions stay: U f(S) V^T
    assert result.diag().min() > 0.6 and result.diag().max() < 1.3


def test_orthogonalize_does_not_care_for_the_scale():
    matrix = torch.randn(8, 20, dtype=torch.float64)
    assert torch.allclose(du.orthogonalize(matrix), du.orthogonalize(1000 * matrix), atol=1e-5)
    assert torch.equal(du.orthogonalize(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_muon_steps_with_four_dimensional_weights():
    weight = nn.Parameter(torch.randn(32, 2, 3, 3))
    unused = nn.Parameter(torch.ones(2, 2))
    before, gradient = weight.detach().clone(), torch.randn(32, 2, 3, 3)
    weight.grad = gradient
    du.Muon([weight, unused], lr=0.1).step()
    update = du.orthogonalize(gradient.reshape(32, 18)) * (32 / 18) ** 0.5
    assert torch.allclose(before - weight, 0.1 * update.view_as(weight), atol=1e-5)
    assert torch.equal(unused, torch.ones(2, 2))


def test_muon_has_momentum():
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = du.Muon([weight], lr=1.0, momentum=0.9)
    first, second = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    weight.grad = first
    optimizer.step()
    before = weight.detach().clone()
    weight.grad = second
    optimizer.step()
    average = 0.9 * 0.1 * first + 0.1 * second
    assert torch.allclose(before - weight, du.orthogonalize(0.1 * second + 0.9 * average), atol=1e-5)


def test_muon_takes_weights_of_one_shape_together():
    weights, gradients = torch.randn(3, 6, 2, 3, 3), torch.randn(3, 6, 2, 3, 3)
    together = [nn.Parameter(weight.clone()) for weight in weights]
    alone = [nn.Parameter(weight.clone()) for weight in weights]
    for one, other, gradient in zip(together, alone, gradients, strict=True):
        one.grad, other.grad = gradient, gradient.clone()
    optimizer = du.Muon(together)
    for _ in range(3):
        optimizer.step()
    for weight in alone:
        single = du.Muon([weight])
        for _ in range(3):
            single.step()
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(together, alone, strict=True))
    assert not torch.allclose(together[0], weights[0], atol=1e-3)


def test_a_learned_position_is_no_matrix():
    muon, adamw = du.make_optimizers(du.StrongDenoiser())
    shapes = [tuple(p.shape) for p in adamw.param_groups[0]["params"]]
    assert (48, 7, 7) in shapes and (48, 7, 7) not in [tuple(p.shape) for p in muon.param_groups[0]["params"]]


def test_make_optimizers_shares_the_work():
    model = small()
    muon, adamw = du.make_optimizers(model, "muon", lr=0.1)
    assert isinstance(muon, du.Muon) and isinstance(adamw, torch.optim.AdamW)
    assert [p.ndim for p in muon.param_groups[0]["params"]] == [4, 4]
    assert [p.ndim for p in adamw.param_groups[0]["params"]] == [1, 1]
    assert (muon.param_groups[0]["lr"], adamw.param_groups[0]["lr"]) == pytest.approx((0.1, 0.016))
    (alone,) = du.make_optimizers(model, "adamw")
    assert len(alone.param_groups[0]["params"]) == 4 and alone.param_groups[0]["lr"] == pytest.approx(0.008)


def test_one_cycle():
    shares = [du.one_cycle(done) for done in (0, 0.075, 0.15, 0.575, 1)]
    assert shares == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize("schedule", ["one-cycle", "constant"])
def test_fit_follows_the_schedule(images, monkeypatch, schedule):
    shares = []
    monkeypatch.setattr(optimizers, "set_lr", lambda made, share: shares.append(share))
    fit(small(), images, NOISE, epochs=2.5, schedule=schedule)
    expected = [du.one_cycle((step + 0.5) / 10) if schedule == "one-cycle" else 1.0 for step in range(10)]
    assert shares == pytest.approx(expected)


def test_set_lr():
    made = du.make_optimizers(small(), "muon", lr=0.1)
    for _ in range(2):  # a share of the peak, not of the last rate
        optimizers.set_lr(made, 0.5)
    assert [one.param_groups[0]["lr"] for one in made] == pytest.approx([0.05, 0.008])


# ---- checkpoints ----


def test_checkpoint_round_trip(tmp_path):
    path, model = tmp_path / "new" / "folder" / "model.pt", small(1)
    du.save_checkpoint(path, small(), sigma=0.5, notes=["a", {"b": torch.ones(2)}])
    extra = du.load_checkpoint(path, model)
    assert same(weights(model), weights(small()))
    assert extra["sigma"] == 0.5 and extra["notes"][0] == "a" and torch.equal(extra["notes"][1]["b"], torch.ones(2))
    assert "model" not in extra and os.listdir(path.parent) == ["model.pt"]


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("No space left"), KeyboardInterrupt()],
    ids=repr,
)
def test_failed_save_keeps_the_old_checkpoint(tmp_path, monkeypatch, error):
    path = tmp_path / "model.pt"
    du.save_checkpoint(path, small())
    before = path.read_bytes()

    def fail(content, file):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises((OSError, KeyboardInterrupt)) as caught:
        du.save_checkpoint(path, small(1))
    assert isinstance(caught.value, KeyboardInterrupt) or (
        str(path) in str(caught.value) and "No space" in str(caught.value)
    )
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.pt"]


def test_save_replaces_a_file_whole(tmp_path):
    path = tmp_path / "model.pt"
    du.save_checkpoint(path, small())
    before = path.read_bytes()
    with open(path, "rb") as reader:  # who reads the old file while the new one is written gets the old one
        du.save_checkpoint(path, small(1))
        assert reader.read() == before != path.read_bytes()


def test_save_to_a_full_disk(mount):
    disk = mount("size=64k")
    path = disk / "model.pt"
    du.save_checkpoint(path, small())
    before = path.read_bytes()
    with pytest.raises(OSError, match="was not written"):
        du.save_checkpoint(path, du.StrongDenoiser())
    assert path.read_bytes() == before and os.listdir(disk) == ["model.pt"]


def test_save_where_nothing_can_be_written(tmp_path, mount):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file" / "model.pt", mount("ro") / "model.pt"):
        with pytest.raises(OSError, match="was not written") as caught:
            du.save_checkpoint(path, small())
        assert str(path) in str(caught.value)


def test_save_over_a_folder(tmp_path):
    (tmp_path / "model.pt").mkdir()
    with pytest.raises(OSError, match=r"was not written.*directory"):
        du.save_checkpoint(tmp_path / "model.pt", small())
    assert os.listdir(tmp_path) == ["model.pt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_save_over_what_is_no_file(tmp_path):
    """As root it would take the place of /dev/null, for everybody."""
    os.mkfifo(tmp_path / "model.pt")
    with pytest.raises(OSError, match=r"was not written.*device"):
        du.save_checkpoint(tmp_path / "model.pt", small())
    assert stat.S_ISFIFO((tmp_path / "model.pt").stat().st_mode) and os.listdir(tmp_path) == ["model.pt"]


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch '{self.marker}'",)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")  # torch's, on top of our error
@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_load_never_runs_code(tmp_path, kind):
    path, marker = tmp_path / "model.pt", tmp_path / "executed"
    content = {"model": weights(small()), "extra": Bomb(marker)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(ValueError, match="is damaged, or was not written by du"):
        du.load_checkpoint(path, small())
    assert not marker.exists()
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists()  # the bomb is a real one


def test_load_does_not_advise_to_run_code(tmp_path):
    torch.save(small(), tmp_path / "model.pt")  # the whole object: code would have to run
    with pytest.raises(ValueError) as caught:
        du.load_checkpoint(tmp_path / "model.pt", small())
    assert "weights_only" not in str(caught.value)  # torch's message says how to


DAMAGES = {
    "empty": lambda content, weight: b"",
    "half": lambda content, weight: content[: len(content) // 2],
    "one bit of a weight": lambda content, weight: content.replace(weight, bytes([weight[0] ^ 1]) + weight[1:]),
    "text": lambda content, weight: b"no checkpoint",
    "zeros": lambda content, weight: bytes(1000),
    "an end": lambda content, weight: b".",  # these two are the shortest that upset the unpickler in ways of their own
    "a start": lambda content, weight: b"G",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_load_of_a_damaged_file(tmp_path, damage):
    path, saved, model = tmp_path / "model.pt", small(), small(1)
    du.save_checkpoint(path, saved)
    weight = saved[0].weight.detach().numpy().tobytes()
    assert path.read_bytes().count(weight) == 1
    path.write_bytes(DAMAGES[damage](path.read_bytes(), weight))
    check_refused(path, model)


@pytest.mark.parametrize("content", [[1, 2, 3], {"model": 3}, {"weights": {}}, torch.ones(3)], ids=repr)
def test_load_of_something_else(tmp_path, content):
    path = tmp_path / "model.pt"
    torch.save(content, path)
    check_refused(path, small(1))


def check_refused(path, model):
    with pytest.raises(ValueError) as caught:
        du.load_checkpoint(path, model)
    assert str(path) in str(caught.value)
    assert same(weights(model), weights(small(1)))


def test_load_into_another_network(tmp_path):
    path, model = tmp_path / "model.pt", du.StrongDenoiser()
    du.save_checkpoint(path, du.TinyDenoiser())
    before = weights(model)
    with pytest.raises(ValueError, match="not loaded into StrongDenoiser: only one of the two has") as caught:
        du.load_checkpoint(path, model)
    assert str(path) in str(caught.value)
    assert same(weights(model), before)


def test_load_of_a_missing_file(tmp_path):
    for path in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(FileNotFoundError, match="no checkpoint") as caught:
            du.load_checkpoint(path, small())
        assert str(path) in str(caught.value)


KILLED_SAVES = """
import os, random, signal, sys, time
import torch
import denoise_utils as du

torch.set_num_threads(1)
chance, path, strays = random.Random(0), sys.argv[1], []
networks = [torch.nn.Linear(1000, 1000), torch.nn.Linear(1000, 1000)]
for value, network in enumerate(networks):
    for weight in network.parameters():
        weight.data.fill_(value)
du.save_checkpoint(path, networks[0])
for _ in range(20):
    child = os.fork()
    while not child:
        for network in networks:
            du.save_checkpoint(path, network)
    time.sleep(chance.uniform(0.02, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    du.load_checkpoint(path, loaded := torch.nn.Linear(1000, 1000))
    assert len({value.item() for weight in loaded.parameters() for value in weight.unique()}) == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it kills processes as Unix does")
def test_killed_saves_leave_no_files_for_ever(tmp_path):
    path = tmp_path / "[c] 1.pt"
    subprocess.run([sys.executable, "-c", KILLED_SAVES, str(path)], check=True)
    strays = [one for one in tmp_path.iterdir() if one != path]
    assert strays  # some were killed in the middle
    du.save_checkpoint(path, small())
    assert all(one.exists() for one in strays)  # so young a file may be somebody's who is still writing
    for one in strays:
        os.utime(one, (time.time() - 700,) * 2)
    others = [tmp_path / name for name in (".12345678-b.pt.part", ".[c] 1.pt-12345678", "12345678-[c] 1.pt.part")]
    for other in others:  # another checkpoint's, and files of the learner's own
        other.write_text("mine")
        os.utime(other, (time.time() - 700,) * 2)
    du.save_checkpoint(path, small())
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


def test_old_strays_are_removed_before_they_fill_the_disk(tmp_path, monkeypatch):
    stray = tmp_path / ".12345678-c.pt.part"
    stray.write_bytes(b"half of it")
    os.utime(stray, (time.time() - 700,) * 2)
    monkeypatch.setattr(torch, "save", lambda content, file: stray.exists() and 1 / 0)
    du.save_checkpoint(tmp_path / "c.pt", nn.ReLU())


class Marked(torch.Tensor):
    pass


WEIGHT = torch.ones(4, 1, 3, 3)
OTHER_NUMBERS = [torch.int32, torch.bool, torch.half, torch.bfloat16, torch.double, torch.complex64]
ODD = {
    "meta": lambda weight: weight.to("meta"),
    "sparse": lambda weight: weight.to_sparse(),
    "compressed": lambda weight: weight[:, 0].to_sparse_csr(),
    "quantized": lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8),
    "nested": lambda weight: torch.nested.nested_tensor(list(weight)),
    "jagged": lambda weight: torch.nested.nested_tensor(list(weight), layout=torch.jagged),
    "subclass": lambda weight: weight.as_subclass(Marked),
}


def with_weight(value, seed=0):
    model = small(seed)
    del model[0].weight
    model[0].register_buffer("weight", value)
    return model


def refused_unchanged(path, match, model=None):
    model = small(1) if model is None else model
    with pytest.raises(ValueError, match=match) as caught:
        du.load_checkpoint(path, model)
    assert str(path) in str(caught.value)
    assert torch.equal(model[2].weight, small(1)[2].weight) and torch.equal(model[0].bias, small(1)[0].bias)


@pytest.mark.parametrize("dtype", OTHER_NUMBERS, ids=str)
def test_weights_of_another_dtype(tmp_path, dtype):
    path = tmp_path / "c.pt"
    du.save_checkpoint(path, with_weight(WEIGHT.to(dtype)))
    refused_unchanged(path, rf"its 0.weight is {dtype} .* torch.float32 .* in the network: build it")
    du.save_checkpoint(path, small())
    refused_unchanged(path, "its 0.weight is torch.float32", with_weight(WEIGHT.to(dtype), seed=1))


@pytest.mark.parametrize("dtype", [torch.half, torch.bfloat16, torch.double], ids=str)
def test_weights_of_the_same_dtype(tmp_path, dtype):
    du.save_checkpoint(tmp_path / "c.pt", small().to(dtype))
    du.load_checkpoint(tmp_path / "c.pt", model := small(1).to(dtype))
    assert same(weights(model), weights(small().to(dtype)))


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.half, torch.complex64], ids=str)
def test_weights_that_are_not_finite(tmp_path, lost, dtype):
    path, value = tmp_path / "c.pt", WEIGHT.to(dtype)
    value[1, 0, 2, 2] = lost
    torch.save({"model": {**small().state_dict(), "0.weight": value}}, path)
    refused_unchanged(path, "its 0.weight holds NaN or infinity: go back", with_weight(WEIGHT.to(dtype), seed=1))
    du.save_checkpoint(path, small())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"not written: the model's 0.weight holds NaN or infinity.*smaller lr"):
        du.save_checkpoint(path, with_weight(value))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["c.pt"]  # the last good one is kept


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # torch's, of what is new or old
@pytest.mark.parametrize("kind", ODD)
def test_weights_that_are_no_plain_tensors(tmp_path, kind):
    path, value = tmp_path / "c.pt", ODD[kind](WEIGHT.clone())
    torch.save({"model": {**small().state_dict(), "0.weight": value}}, path)
    refused_unchanged(path, "its 0.weight is lazy|is damaged")  # a subclass is not even read
    du.save_checkpoint(path, small())
    with pytest.raises(ValueError, match=r"not written: the model's 0.weight .*should be a plain tensor"):
        du.save_checkpoint(path, with_weight(value))
    refused_unchanged(path, r"its 0.weight .*plain tensor", with_weight(value, seed=1))


def test_one_number_in_the_place_of_many(tmp_path):
    """Expanded weights cannot be written to: found out before the others are."""
    du.save_checkpoint(tmp_path / "c.pt", small())
    refused_unchanged(tmp_path / "c.pt", r"0.weight .*expanded", with_weight(torch.ones(1).expand(4, 1, 3, 3), seed=1))


class Crafted:
    def __init__(self, stride, offset):
        self.view = stride, offset

    def __reduce__(self):
        numbers, (stride, offset) = torch.ones(36).untyped_storage(), self.view
        typed = torch.storage.TypedStorage(wrap_storage=numbers, dtype=torch.float32, _internal=True)
        return torch._utils._rebuild_tensor_v2, (typed, offset, (4, 1, 3, 3), stride, False, {})


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("view", [((9, 9, 3, -1), 0), ((900, 9, 3, 1), 0), ((9, 9, 3, 1), 100), ((9, 9, 3, 1), -4)])
def test_strides_that_leave_the_storage(tmp_path, view):
    torch.save({"model": {**small().state_dict(), "0.weight": Crafted(*view)}}, tmp_path / "c.pt")
    refused_unchanged(tmp_path / "c.pt", "is damaged")


@pytest.mark.parametrize(
    "change", [lambda slot: slot * math.nan, lambda slot: slot.half(), lambda slot: slot.to("meta")]
)
def test_an_optimizer_that_is_lost(images, tmp_path, change):
    path = tmp_path / "c.pt"
    fit(small(), images, StopAt(6), epochs=3, checkpoint=path)
    content = torch.load(path, weights_only=True)
    slots = content["training"]["optimizers"][0]["state"][0]
    slots["momentum"] = change(slots["momentum"])
    torch.save(content, path)
    model = small(1)
    with pytest.raises(ValueError, match=r"its optimizer holds NaN.*delete it"):
        fit(model, images, NOISE, epochs=3, checkpoint=path)
    assert same(weights(model), weights(small(1)))
