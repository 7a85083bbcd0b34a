"""Lesson 04: the training loop."""

import math
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from .chance import first_noisy, fixed_noise, make_noisy, own_chance, seed_layers, stream
from .checkpoints import find_fault, read_checkpoint, save_checkpoint, try_place, unwrapped
from .data import as_path, batches
from .devices import as_device, has_bf16
from .inputs import check_answer, check_count, check_images, check_network, check_noise, check_number, check_seed
from .models import eval_mode
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


@torch.inference_mode(False)
@torch.enable_grad()  # called from inside of no_grad(), it still has to learn
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
    """
    epochs, steps, batch_size, lr = _checked(model, images, noise, val_images, epochs, steps, batch_size, lr, schedule)
    join_processes()
    check_shares(len(images), batch_size)
    device = as_device(device)
    images = images.detach().to(device)
    model.to(device, memory_format=torch.channels_last)
    optimizers = make_optimizers(model, optimizer, lr)
    copy_from_first(model.state_dict().values())
    generator = stream(seed, "training", model, device)
    total_steps = steps or max(1, round(epochs * math.ceil(len(images) / batch_size)))
    rate = (lambda step: one_cycle((step + 0.5) / total_steps)) if schedule == "one-cycle" else (lambda step: 1.0)
    history = History(device=str(device))
    settings = {"total_steps": total_steps, "batch_size": batch_size, "lr": lr, "optimizer": str(optimizer)}
    settings |= {"schedule": str(schedule), "seed": check_seed(seed), "bf16": bf16}
    begun = {"generator": generator.get_state(), "noisy": None}  # the first noisy pictures tell one noise from another
    if checkpoint is not None:
        checkpoint = as_path(checkpoint)
        settings |= _fingerprints(model, images, val_images)
        if not checkpoint.is_file():
            try_place(checkpoint)
        else:
            history, begun = _resume(checkpoint, model, optimizers, generator, settings, images, noise)
    bf16 = has_bf16(device) if bf16 is None else bf16
    trained = torch.compile(model) if compile else model
    first = processes()[0] == 0  # of several processes one shows the progress and writes the checkpoint
    hidden = not (progress and first) or sys.stdout is None  # there is none without a console, as in pythonw
    bar = tqdm(total=total_steps, initial=history.steps, unit="step", leave=False, file=sys.stdout, disable=hidden)
    watchers = [_move(bar)] + ([after_step] if after_step else [])
    _training_mode(model)
    try:
        with own_chance():
            while history.steps < total_steps:
                seed_layers(seed, model, processes()[0])
                pairs = islice(_pairs(images, noise, batch_size, generator, begun), total_steps - history.steps)
                _train_epoch(trained, pairs, optimizers, rate, bf16, history, watchers)
                if val_images is not None:
                    history.val_loss.append(_validate(model, val_images, noise, device))
                if checkpoint is not None:
                    if first:
                        _checkpoint_training(checkpoint, model, optimizers, generator, settings, history, begun)
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
    try:
        with torch.autocast(clean.device.type, torch.bfloat16, enabled=bf16):
            denoised = model(noisy)
    except ValueError as error:
        if "more than 1 value per channel" in str(error):
            reason = "batch norm needs more values in a batch than this one has: choose another batch_size"
            raise ValueError(reason) from error
        raise
    check_answer("model", denoised, noisy, clean.shape)
    if not denoised.requires_grad:
        raise ValueError("the model's answer has no gradient: is there a no_grad() or a detach() in its forward?")
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
        advice = "try a smaller lr" if torch.isfinite(noisy).all() else "the noise made NaN or infinity"
        raise FloatingPointError(f"the loss is no longer finite, after {history.steps} steps: {advice}")


def _checked(model, images, noise, val_images, epochs, steps, batch_size, lr, schedule) -> tuple:
    """The numbers among them, as plain ones."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {model!r}: it should be a network, such as du.TinyDenoiser()")
    check_network(model)
    check_images(images)
    if val_images is not None:
        check_images(val_images)
    check_noise(noise)
    epochs = check_number("epochs", epochs, above=True)
    steps = None if steps is None else check_count("steps", steps)
    lr = None if lr is None else check_number("lr", lr, above=True)
    if batch_size is None:
        batch_size = default_batch_size(32 * steps if steps else epochs * len(images))
    batch_size = check_count("batch_size", batch_size)
    if schedule not in ("one-cycle", "constant"):
        raise ValueError(f'schedule is {schedule!r}: choose "one-cycle" or "constant"')
    return epochs, steps, batch_size, lr


def _training_mode(model: nn.Module) -> None:
    """All of the network, or what of it is in training mode already; but never its frozen parts."""
    if not model.training:
        model.train()
    for layer in model.modules():
        parameters = list(layer.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            layer.eval()


@torch.no_grad()
def _validate(model: nn.Module, images: Tensor, noise: Any, device: torch.device) -> float:
    noisy, clean = fixed_noise(images, noise)
    summed = 0.0
    with eval_mode(model):
        for part, wanted in zip(noisy.split(500), clean.split(500), strict=True):
            denoised = check_answer("model", model(part.to(device)), part, wanted.shape)
            summed += F.mse_loss(denoised.clamp(0, 1), wanted.to(device), reduction="sum").item()
    return summed / clean.numel()


def _pairs(images, noise, batch_size, generator, begun: dict) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of an epoch, clean and noisy. The first noisy pictures of a training are kept in ``begun``."""
    for clean in batches(images, batch_size, generator):
        if begun["noisy"] is None:
            noisy = first_noisy(noise, clean, generator)
            begun["noisy"] = noisy[:4].cpu().clone()  # a network may work in place
        else:
            noisy = make_noisy(noise, clean, generator)
        yield clean, noisy


def _fingerprints(model, images, val_images) -> dict[str, Any]:
    """What a resumed training must have in common with its file, beside the numbers and the noise."""
    model = unwrapped(model)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    layers = zlib.crc32(re.sub(" at 0x[0-9a-f]+", "", repr(model)).encode())
    return {
        "images": _fingerprint(images),
        "val_images": "none" if val_images is None else _fingerprint(val_images),
        "trained": ", ".join(trained),
        "network": f"{type(model).__name__} whose printed layers have the checksum {layers}",
    }


def _fingerprint(images: Tensor) -> str:
    return f"{len(images)} with the checksum {stream(0, 'checksum', images).initial_seed()}"


def _checkpoint_training(path, model, optimizers, generator, settings, history, begun) -> None:
    state = {"settings": settings, "history": asdict(history), "generator": generator.get_state(), "begun": begun}
    save_checkpoint(path, model, training={**state, "optimizers": [one.state_dict() for one in optimizers]})


def _resume(path, model, optimizers, generator, settings, images, noise) -> tuple[History, dict]:
    """Load what a checkpoint holds, once all of it is known to belong to this training."""
    content = read_checkpoint(path, model)
    state = content.get("training")
    state = state if isinstance(state, dict) and "begun" in state else None  # it may be an extra of the learner's own
    saved = {} if state is None else state["settings"]
    found = [f"{name} {saved.get(name)}, not {value}" for name, value in settings.items() if saved.get(name) != value]
    here = state is not None and torch.device(state["history"]["device"]).type == generator.device.type
    if not found and here and not _makes(noise, images, settings["batch_size"], generator.device, state["begun"]):
        found = ["another noise"]
    kept = [values for one in (state or {}).get("optimizers", []) for values in one["state"].values()]
    slots = [slot for values in kept for slot in values.values() if isinstance(slot, Tensor)]
    if any(find_fault(slot, slot) or slot.dtype != torch.float32 for slot in slots):
        found = ["its optimizer holds NaN, or other numbers than float32"]
    if found:
        reason = "weights only" if state is None else "; ".join(found)
        raise ValueError(f"{path} is from another training ({reason}): delete it or name another file")
    unwrapped(model).load_state_dict(content["model"])
    for one, saved in zip(optimizers, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    if here:
        generator.set_state(state["generator"])
    else:  # the chance of another kind of device is of another make
        print(f"{path} was begun on {state['history']['device']}: its training goes on, but not as it would have there")
    return History(**{**state["history"], "device": str(generator.device)}), state["begun"]


def _makes(noise, images, batch_size, device, begun) -> bool:
    """Does this noise make the first noisy pictures of that training? A function has no name to tell it by."""
    generator = torch.Generator(device)
    generator.set_state(begun["generator"])
    again = {"noisy": None}
    next(_pairs(images, noise, batch_size, generator, again))
    return again["noisy"].shape == begun["noisy"].shape and torch.allclose(again["noisy"], begun["noisy"], atol=1e-3)
