"""Lesson 04: checkpoints, whole or not there; weights and plain values only, never code."""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn


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
    content = read_checkpoint(path, model)
    model.load_state_dict(content.pop("model"))
    return content


def read_checkpoint(path: str | Path, model: nn.Module) -> dict[str, Any]:
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
