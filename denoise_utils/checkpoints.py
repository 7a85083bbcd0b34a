"""Lesson 04: checkpoints, whole or not there; weights and plain values only."""

import io
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .data import as_path


def save_checkpoint(path: str | Path, model: nn.Module, **extra: Any) -> None:
    """Write the model's weights, and ``extra`` (tensors, numbers, strings, lists, dicts of them), to one file.

    The file is whole or it is not there: it is written under another name and then moved. Raises ``TypeError`` for an extra
    that ``load_checkpoint`` could not read back, and ``OSError`` with the reason (no space, no permission); an older
    checkpoint of that name then stays as it was.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model is a {type(model).__name__}: it should be a network; other tensors may be extras, x=tensor"
        )
    path, model = as_path(path), unwrapped(model)
    path = path.resolve() if path.is_symlink() else path  # a link stays a link
    weights = model.state_dict()
    others = {name: value for name, value in weights.items() if not isinstance(value, Tensor)}  # get_extra_state's
    for name, value in {**others, **extra}.items():
        if not _can_be_read_back(value):
            kinds = "tensors, Python's own numbers (float(x) makes one), strings, lists and dicts of them"
            raise TypeError(f"{name} is a {type(value).__name__}, which a checkpoint cannot hold: it takes {kinds}")
    if any(is_lazy(value) or value.is_meta for value in weights.values() if isinstance(value, Tensor)):
        raise ValueError('the model has layers without weights yet (lazy ones, or on "meta"): there is nothing to save')
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            torch.save({"model": weights, **extra}, file)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise OSError(f"checkpoint {path} was not written: {error}") from error
    finally:
        if temporary.exists():
            temporary.unlink()


def try_place(path: Path) -> None:
    """Raise ``OSError`` now, rather than after an hour, if no checkpoint can be written there."""
    if path.is_dir():
        raise OSError(f"checkpoint {path} is a folder: name a file in it")
    trial = path.with_name(f"{path.name}-trial")
    save_checkpoint(trial, nn.Identity())
    trial.unlink()


def _can_be_read_back(value: Any) -> bool:
    """Proven by doing it: numpy's numbers and most objects can be written, but reading them back would take code."""
    buffer = io.BytesIO()
    try:
        torch.save(value, buffer)
        buffer.seek(0)
        torch.load(buffer, map_location="cpu", weights_only=True)
    except Exception:  # pickle and torch raise nearly anything
        return False
    return True


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside of ``torch.compile`` or of a wrapper for several GPUs: there its weights have other names."""
    while hasattr(model, "_orig_mod") or isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module
    return model


def load_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """Read weights into ``model`` and return the extras. Loads tensors and plain values only, as far as PyTorch's
    ``weights_only=True`` keeps that promise: a file made for it could run code before PyTorch 2.6 (CVE-2025-32434) and corrupt
    memory before 2.10 (CVE-2026-24747), so with an older one load only files that you trust.

    Raises ``FileNotFoundError``, or ``ValueError`` if the file is damaged or belongs to another network.
    """
    content = read_checkpoint(path, model)
    unwrapped(model).load_state_dict(content.pop("model"))
    return content


def read_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
    """The whole content, proven intact and fit for ``model`` before anything is changed."""
    path, model = as_path(path), unwrapped(model)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint file {path}")
    try:
        intact = zipfile.ZipFile(path).testzip() is None  # torch does not look at the checksums in the file
        content = torch.load(path, map_location="cpu", weights_only=True) if intact else {}
        found = {name: getattr(value, "shape", None) for name, value in content["model"].items()}
    except Exception as error:  # a damaged file can raise nearly anything
        raise ValueError(f"{path} is damaged, or was not written by du.save_checkpoint: it is not loaded") from error
    # a lazy layer takes any shape
    wanted = {
        name: found.get(name) if is_lazy(value) else getattr(value, "shape", None)
        for name, value in model.state_dict().items()
    }
    if found != wanted:
        differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise ValueError(
            f"{path} belongs to another network than {type(model).__name__}: {', '.join(differing[:4])} differ"
        )
    return content
