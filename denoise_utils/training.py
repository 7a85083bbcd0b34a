"""Lesson 04a: the training loop."""

__all__ = ["fit", "train_step"]

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from .chance import first_noisy, fixed_noise, make_noisy, own_chance, seed_layers, stream
from .checkpoints import fingerprints, resume_training, save_training
from .data import batches
from .devices import as_device, has_bf16
from .evaluation import answers
from .inputs import Noise, plain_number, require_answer, require_choice, require_count, require_number, require_training
from .models import eval_mode
from .optimizers import SCHEDULES, apply_gradients, make_optimizers, scheduled
from .processes import join_team, my_team


@dataclass
class History:
    """Returned by ``fit``. loss, val_loss: mean squared error a pixel, one figure an epoch. seconds: of training alone,
    without validation. interrupted: stopped by hand, the network keeps what it had learned; the last loss is then that of
    a part of an epoch."""

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    steps: int = 0
    images: int = 0
    device: str = ""
    interrupted: bool = False

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0

    def __repr__(self) -> str:
        last = f"loss {self.loss[-1]:.4f}" if self.loss else "no epoch finished"
        val = f", validation {self.val_loss[-1]:.4f}" if self.val_loss else ""
        stopped = ", stopped by hand" if self.interrupted else ""
        return f"{self.steps:,} steps in {self.seconds:.2f} s on {self.device}: {last}{val}{stopped}"


@torch.inference_mode(False)
@torch.enable_grad()  # called from inside of no_grad(), it still has to learn
def fit(
    model: nn.Module,
    images: Tensor,
    noise: Noise,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: str = "muon",
    schedule: str = "one-cycle",
    seed: int = 0,
    device: str | torch.device | None = None,
    val_images: Tensor | None = None,
    checkpoint: str | Path | None = None,
    bf16: bool | None = None,
    compile: bool = False,
    progress: bool = True,
    after_step: Callable[[History, Tensor], None] | None = None,
) -> History:
    """Train a denoiser in place: noise the images afresh at every step, compare the answer with the clean ones (MSE).

    images: clean, uint8 ``[N, 1, H, W]`` or float in [0, 1]. noise: ``noise(clean, generator) -> noisy``.
    epochs: passes over the images, default 1; a fraction is allowed. steps: batches, in place of epochs.
    batch_size: default with epochs 16, 32 or 64 by the number of images to be seen, see ``default_batch_size``; with steps
    16, whatever their number.
    lr: see ``make_optimizers``. schedule: ``"one-cycle"`` or ``"constant"``.
    seed: of batch order, noise and dropout; same seed, same start, same device → same weights. Called again on the same
    network, ``fit`` sees new noise (see ``denoise_utils.chance``). device: default ``best_device()``.
    val_images: measured after each epoch, with ``evaluate``'s noise. checkpoint: a file written after each epoch and, if it
    is there already, gone on from; refused if it is of a training with other settings, pictures or noise.
    bf16: half-precision arithmetic; default: only on a GPU that has it. compile: let ``torch.compile`` write a program for
    this network first, which takes a minute: for long trainings.
    after_step: called as ``after_step(history, loss)`` after each step, to watch it; loss is still on the device.

    Ctrl-C (or the stop button, or a KeyboardInterrupt from ``after_step``) ends the training and keeps what was learned.
    A network that comes in eval mode is put into training mode; one that comes in training mode keeps each layer's own. Layers
    whose parameters are all frozen are in eval mode in any case. It ends in eval mode, on ``device``.
    Under ``torchrun`` (then leave out ``device``) the processes share each batch and end with the same weights as one
    process would, within rounding; Ctrl-C ends them all, and a checkpoint keeps the last whole epoch.
    Returns ``History``. Raises ``TypeError`` or ``ValueError`` for wrong input, ``FloatingPointError`` if the loss is lost.

    Lesson 04a, "A correct loop, by hand"."""
    require_training(model, images, noise, val_images)
    require_choice("schedule", schedule, SCHEDULES)
    batch_size, total_steps = _length(len(images), epochs, steps, batch_size)
    device, images, optimizers, generator = _place(model, images, batch_size, optimizer, lr, seed, device)
    settings = {"total_steps": total_steps, "batch_size": batch_size, "lr": plain_number(lr)}
    settings |= {"optimizer": str(optimizer), "schedule": str(schedule), "seed": plain_number(seed), "bf16": bf16}
    history, begun = History(device=str(device)), {"generator": generator.get_state()}
    kept = model, optimizers, generator, settings, begun, history
    if checkpoint is not None:
        settings |= fingerprints(model, images, val_images)
        resume_training(checkpoint, *kept, images, noise)
    bf16 = has_bf16(device) if bf16 is None else bf16
    trained = torch.compile(model) if compile else model
    with _in_training_mode(model, history, total_steps), _progress_bar(history.steps, total_steps, progress) as bar:
        while history.steps < total_steps:
            seed_layers(seed, model, my_team().rank)
            pairs = _pairs(images, noise, batch_size, generator, begun)
            pairs = scheduled(pairs, optimizers, total_steps, schedule, history.steps)
            _train_epoch(trained, pairs, optimizers, bf16, history, bar, after_step)
            if val_images is not None:
                history.val_loss.append(_validate(model, val_images, noise, device))
            if checkpoint is not None:
                save_training(checkpoint, *kept)
    return history


def _length(count: int, epochs: float | None, steps: int | None, batch_size: int | None) -> tuple[int, int]:
    """How long to train on ``count`` images: (batch size, steps in all)."""
    if steps is not None:
        if epochs is not None:
            raise ValueError("epochs and steps both say how long to train: give one of them, and leave out the other")
        return require_count("batch_size", 16 if batch_size is None else batch_size), require_count("steps", steps)
    epochs = require_number("epochs", 1.0 if epochs is None else epochs, above=True)
    batch_size = require_count("batch_size", default_batch_size(epochs * count) if batch_size is None else batch_size)
    return batch_size, max(1, round(epochs * math.ceil(count / batch_size)))


def _place(model, images, batch_size, optimizer, lr, seed, device) -> tuple:
    """All of it on the device, in each process the first one's weights: (device, images, optimizers, generator)."""
    team, device = join_team(), as_device(device)
    team.require_shares(len(images), batch_size)
    model.to(device, memory_format=torch.channels_last)
    optimizers = make_optimizers(model, optimizer, lr)
    team.copy_from_first(model.state_dict().values())
    return device, images.detach().to(device), optimizers, stream(seed, "training", model, device)


def default_batch_size(images_seen: float) -> int:
    """16 if fewer than 8,000 images are seen in all, else 32, and 64 from 50,000 on: a short training needs many steps, a
    long one has them anyway and gains from a less noisy gradient. Chosen on validation images."""
    return 16 if images_seen < 8_000 else 32 if images_seen < 50_000 else 64


def train_step(model: nn.Module, clean: Tensor, noisy: Tensor, optimizers: list, bf16: bool = False) -> Tensor:
    """One step: forward, loss, backward, update. clean, noisy: ``[N, 1, H, W]``. Returns the loss, the mean squared
    error a pixel, still on the device: nothing waits for it. Of several processes each takes its own rows.

    Lesson 04a, "Habit 1: no shuffling"."""
    team, total = my_team(), clean.numel()
    clean, noisy = team.share(clean), team.share(noisy)
    try:
        with torch.autocast(clean.device.type, torch.bfloat16, enabled=bf16):
            denoised = model(noisy)
    except ValueError as error:
        if "more than 1 value per channel" in str(error):
            reason = "batch norm needs more values in a batch than this one has: choose another batch_size"
            raise ValueError(reason) from error
        raise
    require_answer("model", denoised, noisy, clean.shape)
    if not denoised.requires_grad:
        raise ValueError("the model's answer has no gradient: is there a no_grad() or a detach() in its forward?")
    loss = F.mse_loss(denoised.float(), clean, reduction="sum") / total
    return apply_gradients(loss, optimizers, team)


def _train_epoch(model, pairs, optimizers, bf16, history: History, bar: tqdm, after_step) -> None:
    """Train on pairs (clean, noisy), and note in ``history`` the mean over images, whatever the batch size."""
    summed, seen, start = 0.0, 0, time.perf_counter()
    try:
        for clean, noisy in pairs:
            loss = train_step(model, clean, noisy, optimizers, bf16)
            summed += loss * len(clean)
            seen += len(clean)
            history.steps += 1
            if bar.update():  # it was drawn anew: seldom, and so is reading the loss, which makes a GPU wait
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
            if after_step is not None:
                after_step(history, loss)
    finally:  # a training that is stopped by hand has a history too
        if seen:
            history.loss.append(summed.item() / seen)  # .item() waits for a GPU, so the clock is read after it
            history.seconds += time.perf_counter() - start
            history.images += seen
    if not history.loss[-1] < float("inf"):  # NaN fails this comparison too
        advice = "try a smaller lr" if torch.isfinite(noisy).all() else "the noise made NaN or infinity"
        raise FloatingPointError(f"the loss is no longer finite, after {history.steps} steps: {advice}")


def _progress_bar(done: int, total_steps: int, shown: bool) -> tqdm:
    hidden = not (shown and my_team().rank == 0) or sys.stdout is None  # there is none without a console, as in pythonw
    options = {"unit": "step", "mininterval": 0.5, "leave": False, "file": sys.stdout, "disable": hidden}
    return tqdm(total=total_steps, initial=done, **options)


@contextmanager
def _in_training_mode(model: nn.Module, history: History, total_steps: int) -> Iterator[None]:
    """All of the network in training mode, or what of it is already, but never its frozen parts; to the end, or to Ctrl-C.
    Then all of it in eval mode."""
    if not model.training:
        model.train()
    for layer in model.modules():
        learns = [parameter.requires_grad for parameter in layer.parameters()]
        if learns and not any(learns):
            layer.eval()
    try:
        with own_chance():
            yield
    except KeyboardInterrupt:
        if my_team().size > 1:
            raise  # the others may be a step further: end them all, the checkpoint keeps the last epoch
        history.interrupted = True
        print(f"stopped by hand after {history.steps} of {total_steps} steps; the network keeps what it has learned")
    finally:
        model.eval()


def _validate(model: nn.Module, images: Tensor, noise: Noise, device: torch.device) -> float:
    """The mean squared error a pixel, as ``evaluate`` finds it."""
    with eval_mode(model):
        pairs = answers(model, *fixed_noise(images, noise), 500, device)
        return sum(F.mse_loss(denoised, clean, reduction="sum").item() for denoised, clean in pairs) / images.numel()


def _pairs(images: Tensor, noise: Noise, batch_size: int, generator, begun: dict) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of an epoch, clean and noisy. A training's first noisy pictures tell one noise from another: kept."""
    for clean in batches(images, batch_size, generator):
        noisy = (make_noisy if "noisy" in begun else first_noisy)(noise, clean, generator)
        if "noisy" not in begun:
            begun["noisy"] = noisy[:4].cpu().clone()  # a network may work in place
        yield clean, noisy
