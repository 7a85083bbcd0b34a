"""For every lesson: what is handed in, and the checks of it. Each says what is wrong and what to do, before anything is lost.

They raise ``TypeError`` for a wrong kind of thing and ``ValueError`` for a wrong value.
"""

__all__ = ["require_clean"]

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

Noise = Callable[..., Tensor]  # a corruption: noise(clean, generator) -> noisy
Denoiser = Callable[[Tensor], Tensor]  # noisy -> denoised: a network, a filter, or a function

ROUNDING = 1e-6  # so far outside of [0, 1] a float32 picture may be after a calculation that should stay inside


def plain_number(value: Any) -> Any:
    """The Python number in a numpy or torch number; anything else stays what it is."""
    if isinstance(value, Tensor | np.ndarray | np.generic) and math.prod(value.shape) == 1:
        return value.item()
    return value


def require_count(name: str, value: Any) -> int:
    """``value`` as an int; it should be a whole number, 1 or more, from Python, numpy or torch."""
    number = plain_number(value)
    number = int(number) if isinstance(number, float) and number.is_integer() else number  # 4000 / 16 is 250.0
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{name} is {value!r}: it should be a whole number, 1 or more")
    return number


def require_number(name: str, value: Any, low: float = 0.0, high: float = math.inf, above: bool = False) -> float:
    """``value`` as a finite Python number from ``low`` to ``high``, or above ``low``; from Python, numpy or torch."""
    number = plain_number(value)
    fits = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    if not fits or not low <= number <= high or (above and number == low):
        limit = f"above {low:g}" if above else f"from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
        raise ValueError(f"{name} is {value!r}: it should be a number, {limit}")
    return number


def require_seed(seed: Any) -> int:
    """``seed`` as an int; it should be a whole number, from Python, numpy or torch."""
    number = plain_number(seed)
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"seed is {seed!r}: it should be a whole number")
    return number


def require_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """``value`` should be one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: choose " + " or ".join(f'"{choice}"' for choice in choices))


def _shape(value: Any) -> Any:
    return list(value.shape) if isinstance(value, Tensor) else type(value).__name__


def require_kind(images: Tensor) -> None:
    """Images should be a tensor, uint8 or float."""
    if not isinstance(images, Tensor):
        raise TypeError(f"images is a {type(images).__name__}: it should be a tensor, such as digits.train.images")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"images are {images.dtype}: they should be uint8 (0 to 255) or float (0 to 1)")


def require_float(name: str, images: Any, more: str) -> None:
    """Images should be a float tensor. more: goes on with the sentence that says so."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"{name} is {found}: it should be a float tensor{more}")


def require_finite(name: str, values: Tensor) -> None:
    """No value should be NaN or infinite."""
    if not torch.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity")


def require_grey(name: str, images: Tensor, side: int = 1) -> None:
    """Images should be grey and float, ``[N, 1, H, W]``, with sides of at least ``side`` pixels."""
    require_float(name, images, "; du.to_float(images) makes one")
    if images.ndim != 4 or images.shape[1] != 1 or min(images.shape[2:], default=0) < side:
        limit = f", H and W at least {side}" if side > 1 else ""
        raise ValueError(f"{name} is {list(images.shape)}: it should be grey pictures, [N, 1, H, W]{limit}")


def require_batch(name: str, values: Any, shape: Iterable[int] | None = None) -> None:
    """Float ``[N, ...]``, N at least 1, finite: pictures or points. shape: what the dots should be."""
    require_float(name, values, "; du.to_float(images) makes one")
    wanted = "" if shape is None else ", ".join(["[N", *map(str, shape)]) + "]"
    if values.ndim < 1 or not values.numel() or (shape is not None and values.shape[1:] != shape):
        raise ValueError(f"{name} is {list(values.shape)}: it should be {wanted or '[N, ...]'} with N at least 1")
    require_finite(name, values)


def require_range(name: str, images: Tensor, advice: str) -> None:
    """Float images should be in [0, 1], but for rounding."""
    low, high = (value.item() for value in torch.aminmax(images.detach()))
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # written so that NaN fails too
        raise ValueError(f"{name} values from {low:.7g} to {high:.7g}: {advice} in [0, 1]")


def require_images(images: Tensor) -> None:
    """Raise a clear error unless ``images`` is ``[N, 1, H, W]``, N at least 1, uint8 or float in [0, 1]."""
    require_kind(images)
    if images.ndim != 4 or images.shape[1] != 1 or not images.numel():
        raise ValueError(f"images is {list(images.shape)}: it should be [N, 1, H, W] with N at least 1")
    if images.dtype != torch.uint8:
        require_range("images have", images, "float images should be")


def require_clean(clean: Tensor) -> None:
    """Raise a clear error unless ``clean`` is a float tensor with all values in [0, 1]. A building block for your own
    corruptions; every one of the package starts with it. On a GPU the values are not looked at: that would stop the queue.

    Lesson 02a, "Other ways to spoil a picture"."""
    if not isinstance(clean, Tensor):
        raise TypeError(f"clean is a {type(clean).__name__}: it should be a torch tensor")
    if not clean.is_floating_point():
        raise TypeError(f"clean is {clean.dtype}: it should be float in [0, 1]; du.to_float(images) makes it so")
    if clean.numel() == 0:
        raise ValueError(f"clean is empty, shape {tuple(clean.shape)}")
    if clean.device.type == "cpu":
        require_range("clean has", clean, "they should be")


def require_noise(noise: Noise) -> None:
    """A corruption should be something to call as ``noise(clean, generator)``."""
    if not callable(noise) or isinstance(noise, type):
        raise TypeError(f"noise is {noise!r}: it should be a corruption such as du.GaussianNoise(0.5), or a function")


def require_noisy(noisy: Any, clean: Tensor) -> Tensor:
    """What a corruption returned: a finite float tensor with a picture for each of ``clean``, of its dtype, on its device.
    Channels and sides may differ. On a GPU the values are not looked at."""
    if not isinstance(noisy, Tensor):
        raise TypeError(f"the noise returned a {type(noisy).__name__}: it should return the noisy pictures, one tensor")
    if noisy.dtype != clean.dtype or noisy.device != clean.device:
        found, wanted = f"{noisy.dtype} on {noisy.device}", f"{clean.dtype} on {clean.device}"
        raise TypeError(f"the noise returned {found}: it should return {wanted}, as the clean pictures are")
    if noisy.ndim != 4 or len(noisy) != len(clean):
        raise ValueError(f"the noise made {list(noisy.shape)} of {list(clean.shape)}: one picture for each is needed")
    if noisy.device.type == "cpu" and not math.isfinite(noisy.detach().sum().item()):
        raise ValueError("the noise made NaN or infinity: look at what it returns for a black and for a white picture")
    return noisy


def require_answer(who: str, answer: Any, noisy: Tensor, wanted: torch.Size) -> Tensor:
    """What ``who``, a model or a denoiser, made of the noisy pictures: a float tensor of the shape ``wanted``."""
    if not isinstance(answer, Tensor) or answer.shape != wanted or not answer.is_floating_point():
        found = answer.dtype if _shape(answer) == list(wanted) else _shape(answer)
        raise ValueError(f"the {who} made {found} of {list(noisy.shape)}: it should return {list(wanted)}, float")
    return answer


def require_labels(labels: Any, count: int) -> None:
    """A digit for each of ``count`` images: whole numbers ``[count]``, 0 to 9."""
    if _shape(labels) != [count]:
        raise ValueError(f"labels is {_shape(labels)}: it should be [{count}], one label an image")
    if labels.is_floating_point() or not (labels.min() >= 0 and labels.max() <= 9):
        raise ValueError(f"labels are {labels.dtype} from {labels.min()} to {labels.max()}: it takes int64, 0 to 9")


def require_network(model: nn.Module) -> None:
    """The course computes in float32, and a network should have made its weights."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is {model!r}: it should be a network, such as du.TinyDenoiser()")
    if any(is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError("the model has lazy layers, without weights yet: show it a picture first, model(noisy[:1])")
    kinds = {p.dtype for p in model.parameters() if p.is_floating_point() or p.is_complex()} - {torch.float32}
    if kinds:
        raise TypeError(f"the model has parameters of {kinds.pop()}: pictures are float32, model.float() makes it so")


def require_mode(model: nn.Module) -> None:
    """A layer that answers differently in training mode should not be in it when something is measured."""
    for name, layer in model.named_modules():
        changing = isinstance(layer, nn.modules.dropout._DropoutNd | nn.modules.batchnorm._BatchNorm)
        if layer.training and (changing or getattr(layer, "track_running_stats", False)):  # instance norm may, too
            where = f"layer {name!r}" if name else "a layer"
            reason = "so the figures would depend on the batch or on chance: call model.eval() first"
            raise ValueError(f"{where} ({type(layer).__name__}) is in training mode, {reason}")


def require_pair(denoised: Tensor, clean: Tensor) -> None:
    """Two sets of pictures to be compared: finite float tensors of one shape ``[N, C, H, W]``."""
    for name, images in (("denoised", denoised), ("clean", clean)):
        require_float(name, images, " with values in [0, 1]")
        require_finite(name, images)
    if denoised.shape != clean.shape or clean.ndim != 4 or not clean.numel():
        found = f"denoised is {list(denoised.shape)} and clean is {list(clean.shape)}"
        raise ValueError(f"{found}: both should be the same [N, 1, H, W]")
    require_range("clean has", clean, "it should be")


def require_same(noisy: Tensor, other: Tensor) -> None:
    """Two sets of grey pictures of one shape ``[N, 1, H, W]``: torch would stretch one to the other, and say nothing."""
    require_grey("noisy", noisy)
    require_float("the other set", other, "; du.to_float(images) makes one")
    if noisy.shape != other.shape or not noisy.numel():
        found = f"the pictures are {list(noisy.shape)} and {list(other.shape)}"
        raise ValueError(f"{found}: both should be the same [N, 1, H, W], N at least 1")


def require_unclipped(name: str, noisy: Tensor) -> None:
    """Finite pictures whose noise was not cut off: numbers from a bell curve hardly ever share their largest value."""
    require_finite(name, noisy)
    low, high = (value.item() for value in torch.aminmax(noisy.detach()))
    share, end = max(((noisy == end).float().mean().item(), end) for end in (low, high))
    if share > 0.01 and share * noisy.numel() > 2.5:
        found = f"{share:.0%} of the values of {name} are exactly {end:.4g}"
        raise ValueError(f"{found}: they look clipped, and the formula holds for noise that is not, clip=False")


def require_training(model: nn.Module, images: Tensor, noise: Noise, val_images: Tensor | None) -> None:
    """What a training is made of."""
    require_network(model)
    require_noise(noise)
    require_images(images)
    if val_images is not None:
        require_images(val_images)
