"""Lesson 04: the training loop, its optimizer, and checkpoints."""

import math
import os
import sys
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from .data import batches, check_count, check_images, check_positive, to_float

MUON_LR = 0.05  # the peak; chosen on validation images
ADAMW_SHARE = 0.16  # AdamW's rate as a share of Muon's: 8e-3 beside 0.05


@dataclass
class History:
    """Returned by ``fit``. loss, val_loss: mean squared error a pixel, one figure an epoch. seconds: of training alone,
    without validation. interrupted: stopped by hand, the network keeps what it had learned."""

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
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def orthogonalize(matrix: Tensor, steps: int = 4) -> Tensor:
    """The nearest matrix ``[m, n]`` whose directions all count the same (singular values near 1), by Newton–Schulz
    iteration: matrix products only. Coefficients: K. Jordan, "Muon: an optimizer for hidden layers", 2024."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """SGD with momentum whose update is orthogonalized, so that rare directions are learned as fast as common ones.

    For weights of two or more dimensions, each taken as a matrix ``(out, everything else)``: torch's own Muon refuses the
    4-D weights of a convolution.
    """

    def __init__(self, params, lr: float = MUON_LR, momentum: float = 0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                average = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(average, group["momentum"])  # Nesterov: look one step ahead
                update = orthogonalize(ahead.reshape(len(weight), -1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.add_(update.reshape(weight.shape), alpha=-group["lr"] * scale)


def make_optimizers(model: nn.Module, optimizer: str = "muon", lr: float | None = None) -> list[torch.optim.Optimizer]:
    """``"muon"``: Muon for the convolutions' and linear layers' weights, AdamW for the rest. ``"adamw"``: AdamW for all.

    lr: the peak rate; ``None``: 0.05 for Muon (AdamW beside it gets 0.16 of that), 0.008 for AdamW alone.
    """
    if optimizer not in ("muon", "adamw"):
        raise ValueError(f'optimizer is {optimizer!r}: choose "muon" or "adamw"')
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError(f"{type(model).__name__} has no parameter to train: is it frozen?")
    if optimizer == "adamw":
        return [torch.optim.AdamW(trained, lr=lr or MUON_LR * ADAMW_SHARE, weight_decay=0.0)]
    lr = lr or MUON_LR
    made = [Muon([p for p in trained if p.ndim >= 2], lr=lr)] if any(p.ndim >= 2 for p in trained) else []
    rest = [p for p in trained if p.ndim < 2]
    return made + ([torch.optim.AdamW(rest, lr=lr * ADAMW_SHARE, weight_decay=0.0)] if rest else [])


def one_cycle(done: float, warmup: float = 0.15) -> float:
    """The share of the peak learning rate when a share ``done`` of the training is over: up in a line, down in a line."""
    return min(done / warmup, (1 - done) / (1 - warmup))


def fit(
    model: nn.Module,
    images: Tensor,
    noise: Any,
    *,
    epochs: float = 1.0,
    steps: int | None = None,
    batch_size: int = 32,
    lr: float | None = None,
    optimizer: str = "muon",
    schedule: str = "one-cycle",
    seed: int = 0,
    device: str | torch.device | None = None,
    val_images: Tensor | None = None,
    checkpoint: str | Path | None = None,
    bf16: bool | None = None,
    progress: bool = True,
) -> History:
    """Train a denoiser in place: noise the images afresh at every step, compare the answer with the clean ones (MSE).

    images: clean, uint8 ``[N, 1, H, W]`` or float in [0, 1]. noise: ``noise(clean, generator) -> noisy``.
    epochs: passes over the images; a fraction is allowed. steps: batches, instead of epochs.
    lr: see ``make_optimizers``. schedule: ``"one-cycle"`` or ``"constant"``.
    seed: of batch order and noise; same seed, same device → same weights. device: default ``best_device()``.
    val_images: measured after each epoch, with fixed noise. checkpoint: a file written after each epoch and, if it is
    there already, gone on from. bf16: half-precision arithmetic; default: only on a GPU that has it.

    Ctrl-C (or the stop button) ends the training and keeps what was learned. The model ends in eval mode, on ``device``.
    Returns ``History``. Raises ``TypeError`` or ``ValueError`` for wrong input, ``FloatingPointError`` if the loss is lost.
    """
    _check_fit(model, images, val_images, epochs, batch_size, lr, schedule)
    if steps is not None:
        check_count("steps", steps)
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

    bar = tqdm(
        total=total_steps, initial=history.steps, unit="step", disable=not progress, leave=False, file=sys.stdout
    )
    try:
        while history.steps < total_steps:
            model.train()
            epoch = islice(batches(images, batch_size, generator), total_steps - history.steps)
            pairs = ((clean, noise(clean, generator)) for clean in epoch)
            _train_epoch(model, pairs, optimizers, rate, bf16, history, bar)
            if val_images is not None:
                history.val_loss.append(_validate(model, val_images.to(device), noise))
            if checkpoint is not None:
                _checkpoint_training(checkpoint, model, optimizers, generator, settings, history)
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"stopped by hand after {history.steps} of {total_steps} steps; the network keeps what it has learned")
    finally:
        bar.close()
        model.eval()
    return history


def train_step(model: nn.Module, clean: Tensor, noisy: Tensor, optimizers: list, bf16: bool = False) -> Tensor:
    """One step: forward, loss, backward, update. clean, noisy: ``[N, 1, H, W]``. Returns the loss, the mean squared
    error a pixel, still on the device: nothing waits for it."""
    with torch.autocast(clean.device.type, torch.bfloat16, enabled=bf16):
        denoised = model(noisy)
    if denoised.shape != clean.shape:
        raise ValueError(
            f"the model made {list(denoised.shape)} of {list(noisy.shape)}: it should return the same shape"
        )
    loss = F.mse_loss(denoised.float(), clean)
    apply_gradients(loss, optimizers)
    return loss.detach()


def apply_gradients(loss: Tensor, optimizers: list[torch.optim.Optimizer]) -> None:
    """Forget the old gradients, find the new ones, take a step with each optimizer."""
    for one in optimizers:
        one.zero_grad()
    loss.backward()
    for one in optimizers:
        one.step()


def _train_epoch(model, pairs, optimizers, rate, bf16, history: History, bar) -> None:
    """Train on pairs (clean, noisy), and note in ``history`` the mean over images, whatever the batch size."""
    summed, seen, start = 0.0, 0, time.perf_counter()
    for clean, noisy in pairs:
        set_lr(optimizers, rate(history.steps))
        loss = train_step(model, clean, noisy, optimizers, bf16)
        summed += loss * len(clean)
        seen += len(clean)
        history.steps += 1
        bar.update()
        if not bar.disable and bar.n % 20 == 0:  # reading the loss makes a GPU wait, so not at every step
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    history.loss.append(summed.item() / seen)  # .item() waits for a GPU, so the clock is read after it
    history.seconds += time.perf_counter() - start
    history.images += seen
    if not history.loss[-1] < float("inf"):  # NaN fails this comparison too
        raise FloatingPointError(f"the loss is no longer finite, after {history.steps} steps: try a smaller lr")


def set_lr(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Set each learning rate to its peak, the one it was made with, times ``share``."""
    for one in optimizers:
        for group in one.param_groups:
            group["lr"] = share * group.setdefault("peak", group["lr"])


def _check_fit(model, images, val_images, epochs, batch_size, lr, schedule) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {model!r}: it should be a network, such as du.TinyDenoiser()")
    check_images(images)
    if val_images is not None:
        check_images(val_images)
    check_count("batch_size", batch_size)
    check_positive("epochs", epochs)
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


def save_checkpoint(path: str | Path, model: nn.Module, **extra: Any) -> None:
    """Write the model's weights, and ``extra`` (tensors, numbers, strings, lists, dicts of them), to one file.

    The file is whole or it is not there: it is written under another name and then moved. Raises ``OSError`` with the
    reason (no space, no permission); an older checkpoint of that name then stays as it was.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            torch.save({"model": model.state_dict(), **extra}, file)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise OSError(f"checkpoint {path} was not written: {error}") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def load_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """Read weights into ``model`` and return the extras. Loads tensors and plain values only, never code.

    Raises ``FileNotFoundError``, or ``ValueError`` if the file is damaged or belongs to another network.
    """
    content = _read_checkpoint(path, model)
    model.load_state_dict(content.pop("model"))
    return content


def _read_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """The whole content, proven intact and fit for ``model`` before anything is changed."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint file {path}")
    try:
        intact = zipfile.ZipFile(path).testzip() is None  # torch does not look at the checksums in the file
        content = torch.load(path, map_location="cpu", weights_only=True) if intact else {}
        shapes = {name: value.shape for name, value in content["model"].items()}
    except Exception as error:  # a damaged file can raise nearly anything
        raise ValueError(f"{path} is damaged, or was not written by du.save_checkpoint: it is not loaded") from error
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    if shapes != wanted:
        differing = sorted(name for name in shapes.keys() | wanted.keys() if shapes.get(name) != wanted.get(name))
        raise ValueError(
            f"{path} belongs to another network than {type(model).__name__}: {', '.join(differing[:4])} differ"
        )
    return content


def _checkpoint_training(path, model, optimizers, generator, settings, history) -> None:
    state = {"settings": settings, "history": asdict(history), "generator": generator.get_state()}
    save_checkpoint(path, model, training={**state, "optimizers": [one.state_dict() for one in optimizers]})


def _resume(path, model, optimizers, generator, settings) -> History:
    content = _read_checkpoint(path, model)
    state = content.get("training")
    if state is None or state["settings"] != settings:
        found = "weights only" if state is None else state["settings"]
        raise ValueError(f"{path} is from another training ({found}, not {settings}): delete it or name another file")
    model.load_state_dict(content["model"])
    for one, saved in zip(optimizers, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    generator.set_state(state["generator"])
    return History(**state["history"])
