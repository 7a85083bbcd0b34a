"""Lesson 04: the training loop."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from .checkpoints import read_checkpoint, save_checkpoint
from .data import batches, check_count, check_images, check_positive, to_float
from .optimizers import apply_gradients, make_optimizers, one_cycle, set_lr
from .processes import check_shares, copy_from_first, join_processes, processes, wait_for_others


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


def best_device() -> torch.device:
    """CUDA if there is a GPU, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def as_device(device: str | torch.device | None) -> torch.device:
    """A device by name, checked to be usable here; ``None`` means ``best_device()``. Raises ``ValueError``."""
    if device is None:
        return best_device()
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except Exception as error:  # torch raises different types for an unknown name, no driver, a wrong index
        raise ValueError(f"device {device!r} cannot be used here; best_device() is {str(best_device())!r}") from error
    return chosen


def _has_bf16(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)  # NVIDIA: since Ampere


def fit(
    model: nn.Module,
    images: Tensor,
    noise: Any,
    *,
    epochs: float = 1.0,
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
    epochs: passes over the images; a fraction is allowed. steps: batches, instead of epochs.
    batch_size: default 16 in a short training, 32 or 64 in longer ones, by the number of images to be seen (steps count as
    32 each), see ``default_batch_size``.
    lr: see ``make_optimizers``. schedule: ``"one-cycle"`` or ``"constant"``.
    seed: of batch order and noise; same seed, same device → same weights. device: default ``best_device()``.
    val_images: measured after each epoch, with fixed noise. checkpoint: a file written after each epoch and, if it is
    there already, gone on from. bf16: half-precision arithmetic; default: only on a GPU that has it. compile: let
    ``torch.compile`` write a program for this network first, which takes a minute: for long trainings.
    after_step: called as ``after_step(history, loss)`` after each step, to watch it; loss is still on the device.

    Ctrl-C (or the stop button, or a KeyboardInterrupt from ``after_step``) ends the training and keeps what was learned.
    The model ends in eval mode, on ``device``.
    Under ``torchrun`` (then leave out ``device``) the processes share each batch and end with the same weights as one
    process would, within rounding; Ctrl-C ends them all, and a checkpoint keeps the last whole epoch.
    Returns ``History``. Raises ``TypeError`` or ``ValueError`` for wrong input, ``FloatingPointError`` if the loss is lost.
    """
    _check_fit(model, images, val_images, epochs, steps, batch_size, lr, schedule)
    if batch_size is None:
        batch_size = default_batch_size(32 * steps if steps else epochs * len(images))
    join_processes()
    check_shares(len(images), batch_size)
    device = as_device(device)
    images = images.detach().to(device)
    model.to(device, memory_format=torch.channels_last)
    optimizers = make_optimizers(model, optimizer, lr)
    generator = torch.Generator(device).manual_seed(seed)
    bf16 = _has_bf16(device) if bf16 is None else bf16
    total_steps = steps or max(1, round(epochs * math.ceil(len(images) / batch_size)))
    rate = (lambda step: one_cycle((step + 0.5) / total_steps)) if schedule == "one-cycle" else (lambda step: 1.0)
    history = History(device=str(device))
    settings = {"total_steps": total_steps, "batch_size": batch_size, "lr": lr, "optimizer": optimizer}
    settings |= {"schedule": schedule, "seed": seed, "images": len(images)}
    if checkpoint is not None and Path(checkpoint).exists():
        history = _resume(checkpoint, model, optimizers, generator, settings)
    copy_from_first(model.state_dict().values())
    trained = torch.compile(model) if compile else model
    first = processes()[0] == 0  # of several processes one shows the progress and writes the checkpoint
    hidden = not (progress and first)
    bar = tqdm(total=total_steps, initial=history.steps, unit="step", leave=False, file=sys.stdout, disable=hidden)
    watchers = [_move(bar)] + ([after_step] if after_step else [])
    try:
        while history.steps < total_steps:
            model.train()
            epoch = islice(batches(images, batch_size, generator), total_steps - history.steps)
            pairs = ((clean, noise(clean, generator)) for clean in epoch)
            _train_epoch(trained, pairs, optimizers, rate, bf16, history, watchers)
            if val_images is not None:
                history.val_loss.append(_validate(model, val_images.to(device), noise))
            if checkpoint is not None:
                if first:
                    _checkpoint_training(checkpoint, model, optimizers, generator, settings, history)
                wait_for_others()  # nobody goes on before the file is there
    except KeyboardInterrupt:
        if processes()[1] > 1:
            raise  # the others may be a step further: end them all, the checkpoint keeps the last epoch
        history.interrupted = True
        print(f"stopped by hand after {history.steps} of {total_steps} steps; the network keeps what it has learned")
    finally:
        bar.close()
        model.eval()
    return history


def default_batch_size(images_seen: float) -> int:
    """16 if fewer than 8,000 images are seen in all, else 32, and 64 from 50,000 on: a short training needs many steps, a
    long one has them anyway and gains from a less noisy gradient. Chosen on validation images."""
    return 16 if images_seen < 8_000 else 32 if images_seen < 50_000 else 64


def train_step(model: nn.Module, clean: Tensor, noisy: Tensor, optimizers: list, bf16: bool = False) -> Tensor:
    """One step: forward, loss, backward, update. clean, noisy: ``[N, 1, H, W]``. Returns the loss, the mean squared
    error a pixel, still on the device: nothing waits for it. Of several processes each takes its own rows."""
    rank, count = processes()
    total, clean, noisy = clean.numel(), clean[rank::count], noisy[rank::count]
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=bf16):
        denoised = model(noisy)
    if denoised.shape != clean.shape:
        raise ValueError(
            f"the model made {list(denoised.shape)} of {list(noisy.shape)}: it should return the same shape"
        )
    loss = F.mse_loss(denoised.float(), clean, reduction="sum") / total
    return apply_gradients(loss, optimizers, shared=count > 1)


def _move(bar: tqdm) -> Callable[[History, Tensor], None]:
    looked = time.perf_counter()

    def move(history: History, loss: Tensor) -> None:
        nonlocal looked
        bar.update()
        if not bar.disable and time.perf_counter() - looked > 0.5:  # reading the loss makes a GPU wait: seldom
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
            looked = time.perf_counter()

    return move


def _train_epoch(model, pairs, optimizers, rate, bf16, history: History, watchers) -> None:
    """Train on pairs (clean, noisy), and note in ``history`` the mean over images, whatever the batch size."""
    summed, seen, start = 0.0, 0, time.perf_counter()
    try:
        for clean, noisy in pairs:
            set_lr(optimizers, rate(history.steps))
            loss = train_step(model, clean, noisy, optimizers, bf16)
            summed += loss * len(clean)
            seen += len(clean)
            history.steps += 1
            for watch in watchers:
                watch(history, loss)
    finally:  # a training that is stopped by hand has a history too
        if seen:
            history.loss.append(summed.item() / seen)  # .item() waits for a GPU, so the clock is read after it
            history.seconds += time.perf_counter() - start
            history.images += seen
    if not history.loss[-1] < float("inf"):  # NaN fails this comparison too
        raise FloatingPointError(f"the loss is no longer finite, after {history.steps} steps: try a smaller lr")


def _check_fit(model, images, val_images, epochs, steps, batch_size, lr, schedule) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {model!r}: it should be a network, such as du.TinyDenoiser()")
    check_images(images)
    if val_images is not None:
        check_images(val_images)
    check_positive("epochs", epochs)
    for name, value in {"steps": steps, "batch_size": batch_size}.items():
        if value is not None:
            check_count(name, value)
    if lr is not None:
        check_positive("lr", lr)
    if schedule not in ("one-cycle", "constant"):
        raise ValueError(f'schedule is {schedule!r}: choose "one-cycle" or "constant"')


@torch.no_grad()
def _validate(model: nn.Module, images: Tensor, noise: Any, seed: int = 0) -> float:
    model.eval()
    clean, generator = to_float(images), torch.Generator().manual_seed(seed)
    noisy, summed = noise(clean, generator), 0.0
    for noisy_batch, clean_batch in zip(noisy.split(500), clean.split(500), strict=True):
        summed += F.mse_loss(model(noisy_batch).clamp(0, 1), clean_batch, reduction="sum").item()
    return summed / clean.numel()


def _checkpoint_training(path, model, optimizers, generator, settings, history) -> None:
    state = {"settings": settings, "history": asdict(history), "generator": generator.get_state()}
    save_checkpoint(path, model, training={**state, "optimizers": [one.state_dict() for one in optimizers]})


def _resume(path, model, optimizers, generator, settings) -> History:
    content = read_checkpoint(path, model)
    state = content.get("training")
    if state is None or state["settings"] != settings:
        found = "weights only" if state is None else state["settings"]
        raise ValueError(f"{path} is from another training ({found}, not {settings}): delete it or name another file")
    model.load_state_dict(content["model"])
    for one, saved in zip(optimizers, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    generator.set_state(state["generator"])
    return History(**state["history"])
