"""Lesson 04a: checkpoints, whole or not there; weights and plain values only."""

__all__ = ["save_checkpoint", "load_checkpoint"]

import glob
import io
import os
import re
import secrets
import zipfile
import zlib
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .chance import first_noisy, stream
from .data import as_path, batches
from .inputs import Noise
from .processes import my_team


def save_checkpoint(path: str | Path, model: nn.Module, **extra: Any) -> None:
    """Write the model's weights, and ``extra`` (tensors, numbers, strings, lists, dicts of them), to one file.

    The file is whole or it is not there: it is written under another name and then moved; what a killed process left under
    such a name is removed 10 minutes later, by the next save. Raises ``TypeError`` for an extra that ``load_checkpoint``
    could not read back, ``ValueError`` for weights with NaN or infinity, or that are no plain tensors, and ``OSError`` with
    the reason (no space, no permission); an older checkpoint of that name then stays as it was.

    Lesson 04a, "Stop and resume"."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: it should be a network; tensors may be extras, x=tensor")
    path, model = as_path(path), _unwrapped(model)
    path = path.resolve() if path.is_symlink() else path  # a link stays a link
    if path.exists() and not path.is_file():  # such as /dev/null, which root would replace
        raise OSError(f"checkpoint {path} was not written: there is a directory or a device of that name")
    weights = model.state_dict()
    others = {name: value for name, value in weights.items() if not isinstance(value, Tensor)}  # get_extra_state's
    for name, value in {**others, **extra}.items():
        try:  # numpy's numbers and most objects can be written, but reading them back would take code
            torch.save(value, buffer := io.BytesIO())
            torch.load(io.BytesIO(buffer.getvalue()), map_location="cpu", weights_only=True)
        except Exception:  # pickle and torch raise nearly anything
            kinds = "tensors, Python's own numbers (float(x) makes one), strings, lists and dicts of them"
            raise TypeError(f"{name} is a {type(value).__name__}: a checkpoint holds {kinds}") from None
    if faults := [f"{name} {fault}" for name, value in weights.items() if (fault := _find_fault(value, value))]:
        raise ValueError(f"checkpoint {path} was not written: the model's {faults[0]}")
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            _remove_strays(path, os.fstat(file.fileno()).st_mtime)  # first: they may have filled the disk
            torch.save({"model": weights, **extra}, file)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise OSError(f"checkpoint {path} was not written: {error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _remove_strays(path: Path, now: float) -> None:
    """Remove what killed saves of this checkpoint left: files of its own kind of name without a new byte for 10 minutes.

    Whoever writes one adds to it all the time. Age is the only sign that every drive has: a process number means nothing on
    another machine or in a container, and locks do not reach across each network drive. It is told by the drive's own
    clock. Should a writer wake up after a longer sleep, it gets an ``OSError``, and the checkpoint is whole all the same.
    """
    for name in glob.glob(f".????????-{glob.escape(path.name)}.part", root_dir=path.parent):
        with suppress(OSError):  # another save was faster; or, on Windows, somebody has it open
            if now - (path.parent / name).stat().st_mtime > 600:
                (path.parent / name).unlink()


def _find_fault(value: Any, own: Any) -> str:
    """Why ``value`` cannot be read into the network's ``own``, and what to do; empty if it can. PyTorch changes the kind of
    numbers without a word, drops imaginary parts, and fails at some tensors when others have been loaded already."""
    if not isinstance(value, Tensor) and not isinstance(own, Tensor):  # get_extra_state's
        return ""
    lazy = is_lazy(own) and own is not value  # a lazy layer takes any shape
    if not _is_plain(value) or not (lazy or _is_plain(own)):
        return 'is lazy, on "meta", sparse, quantized, nested, expanded or a subclass: it should be a plain tensor'
    found, wanted = f"{value.dtype} {list(value.shape)}", f"{own.dtype} {list(value.shape if lazy else own.shape)}"
    if found != wanted:
        return f"is {found} in the file, {wanted} in the network: build it as it was (model.half() changes a dtype)"
    finite = torch.isfinite(value.float() if value.dtype.itemsize == 1 else value).all()  # float8 has no isfinite
    return "" if finite else "holds NaN or infinity: go back to an earlier checkpoint, or train with a smaller lr"


def _is_plain(value: Any) -> bool:
    """A dense tensor, with values of its own in its memory."""
    if type(value) not in (Tensor, nn.Parameter) or value.layout != torch.strided or value.is_nested or value.is_meta:
        return False
    expanded = value.untyped_storage().nbytes() < value.numel() * value.element_size()  # one number in many places
    return not (value.is_quantized or expanded or any(getattr(value, "names", ())))


def _try_place(path: Path) -> None:
    """Raise ``OSError`` now, rather than after an hour, if no checkpoint can be written there."""
    if path.is_dir():
        raise OSError(f"checkpoint {path} is a folder: name a file in it")
    trial = path.with_name(f"{path.name}-trial")
    save_checkpoint(trial, nn.Identity())
    trial.unlink()


def _unwrapped(model: nn.Module) -> nn.Module:
    """The network inside of ``torch.compile`` or of a wrapper for several GPUs: there its weights have other names."""
    while hasattr(model, "_orig_mod") or isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module
    return model


def load_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """Read weights into ``model`` and return the extras. Loads tensors and plain values only, as far as PyTorch's
    ``weights_only=True`` keeps that promise: a file made for it could run code before PyTorch 2.6 (CVE-2025-32434) and corrupt
    memory before 2.10 (CVE-2026-24747), so with an older one load only files that you trust.

    Raises ``FileNotFoundError``, or ``ValueError`` if the file is damaged, belongs to another network or one with another
    dtype, or holds weights with NaN or infinity, or that are no plain tensors; ``model`` then stays as it was.

    Lesson 04a, "Stop and resume"."""
    content = _read_checkpoint(path, model)
    _unwrapped(model).load_state_dict(content.pop("model"))
    return content


def _read_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """The whole content, proven intact and fit for ``model`` before anything is changed."""
    path, own = as_path(path), _unwrapped(model).state_dict()
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint file {path}")
    try:
        intact = zipfile.ZipFile(path).testzip() is None  # torch does not look at the checksums in the file
        content = torch.load(path, map_location="cpu", weights_only=True) if intact else {}
        weights = dict(content["model"])
    except Exception as error:  # a damaged file can raise nearly anything
        raise ValueError(f"{path} is damaged, or was not written by du.save_checkpoint: it is not loaded") from error
    faults = [f"only one of the two has {name}" for name in sorted(map(str, weights.keys() ^ own.keys()))]
    faults = faults or [f"its {name} {fault}" for name in own if (fault := _find_fault(weights[name], own[name]))]
    if faults:
        raise ValueError(f"{path} is not loaded into {type(_unwrapped(model)).__name__}: {'; '.join(faults[:2])}")
    return content


def fingerprints(model: nn.Module, images: Tensor, val_images: Tensor | None) -> dict[str, str]:
    """What a resumed training must have in common with its file, beside the numbers and the noise."""
    model = _unwrapped(model)
    layers = zlib.crc32(re.sub(" at 0x[0-9a-f]+", "", repr(model)).encode())
    return {
        "images": _fingerprint(images),
        "val_images": "none" if val_images is None else _fingerprint(val_images),
        "trained": ", ".join(name for name, parameter in model.named_parameters() if parameter.requires_grad),
        "network": f"{type(model).__name__} whose printed layers have the checksum {layers}",
    }


def _fingerprint(images: Tensor) -> str:
    return f"{len(images)} with the checksum {stream(0, 'checksum', images).initial_seed()}"


def save_training(path, model, optimizers, generator, settings: dict, begun: dict, history) -> None:
    """Write all that ``resume_training`` needs. begun: the generator's state at first, and the first noisy pictures. Of
    several processes the first one writes, and nobody goes on before the file is there."""
    state = {"settings": settings, "history": asdict(history), "generator": generator.get_state(), "begun": begun}
    if my_team().rank == 0:
        save_checkpoint(path, model, training={**state, "optimizers": [one.state_dict() for one in optimizers]})
    my_team().wait()


def resume_training(path, model, optimizers, generator, settings: dict, begun: dict, history, images, noise) -> None:
    """Load what ``save_training`` wrote into all of these, once all of it is known to belong to this training. Nothing, if
    there is no file yet. Raises ``ValueError`` for another training's, ``OSError`` if none could be written there."""
    path = as_path(path)
    if not path.is_file():
        _try_place(path)
        return
    content = _read_checkpoint(path, model)
    state = content.get("training")
    if faults := _training_faults(state, generator.device, settings, images, noise):
        raise ValueError(f"{path} is from another training ({'; '.join(faults)}): delete it or name another file")
    _unwrapped(model).load_state_dict(content["model"])
    for one, saved in zip(optimizers, state["optimizers"], strict=True):
        one.load_state_dict(saved)
    if _begun_on(generator.device, state):
        generator.set_state(state["generator"])
    else:  # the chance of another kind of device is of another make
        print(f"{path} was begun on {state['history']['device']}: its training goes on, but not as it would have there")
    begun.update(state["begun"])
    vars(history).update({**state["history"], "device": history.device})


def _training_faults(state: Any, device: torch.device, settings: dict, images: Tensor, noise: Noise) -> list[str]:
    """What tells a file's training from this one; empty if nothing does."""
    if not isinstance(state, dict) or "begun" not in state:  # it may be an extra of the learner's own
        return ["weights only"]
    kept = [values for one in state["optimizers"] for values in one["state"].values()]
    slots = [slot for values in kept for slot in values.values() if isinstance(slot, Tensor)]
    if any(_find_fault(slot, slot) or slot.dtype != torch.float32 for slot in slots):
        return ["its optimizer holds NaN, or other numbers than float32"]
    saved = state["settings"]
    others = [f"{name} {saved.get(name)}, not {value}" for name, value in settings.items() if saved.get(name) != value]
    if not others and _begun_on(device, state) and not _makes(noise, images, settings["batch_size"], state["begun"]):
        others = ["another noise"]
    return others


def _begun_on(device: torch.device, state: dict) -> bool:
    """On this kind of device? The states of others' generators mean nothing here."""
    return torch.device(state["history"]["device"]).type == device.type


def _makes(noise: Noise, images: Tensor, batch_size: int, begun: dict) -> bool:
    """Does this noise make the first noisy pictures of that training? A function has no name to tell it by."""
    generator = torch.Generator(images.device)
    generator.set_state(begun["generator"])
    noisy = first_noisy(noise, next(batches(images, batch_size, generator)), generator)[:4].cpu()
    return noisy.shape == begun["noisy"].shape and torch.allclose(noisy, begun["noisy"], atol=1e-3)
