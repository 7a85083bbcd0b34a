"""For every lesson: which device computes here, and in which precision."""

__all__ = ["best_device"]

import torch
from torch import Tensor, nn


def best_device() -> torch.device:
    """CUDA if there is a GPU, else Apple's MPS, else the CPU.

    Lesson 04c, "GPU training: where does the time of a step go?"."""
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


def device_of(denoiser: object) -> torch.device:
    """Where a network's parameters are; the CPU for what has none, such as a filter."""
    parameters = denoiser.parameters() if isinstance(denoiser, nn.Module) else ()
    return next((parameter.device for parameter in parameters), torch.device("cpu"))


def has_bf16(device: torch.device) -> bool:
    """Does it calculate in bfloat16 at full speed? NVIDIA's GPUs do since Ampere."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def at_least_float32(images: Tensor) -> torch.dtype:
    """The precision to calculate in: half of it would round away what is to be measured."""
    return torch.promote_types(images.dtype, torch.float32)
