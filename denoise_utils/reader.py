"""Lesson 05: a reader of digits, the judge of "is it still the same digit?"."""

__all__ = ["train_reader", "read_digits"]

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .chance import make_noisy, own_chance, stream
from .data import batches, to_float
from .evaluation import measuring
from .inputs import Noise, require_count, require_images, require_labels, require_noise, require_seed
from .optimizers import apply_gradients, make_optimizers, scheduled


class DigitReader(nn.Module):
    """Returned by ``train_reader``. A small classifier, 28x28 image → 10 scores: the judge of "is it still the same digit?"."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.ReLU(),  # (N, 32, 14, 14)
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),  # (N, 64, 7, 7)
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 10),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[1:] != (1, 28, 28):
            raise ValueError(f"images is {list(images.shape)}: DigitReader reads [N, 1, 28, 28]")
        return self.layers(images)


def train_reader(
    images: Tensor, labels: Tensor, *, noise: Noise | None = None, epochs: int = 8, seed: int = 0
) -> DigitReader:
    """Train a ``DigitReader`` on clean digits, shifted by up to two pixels, then freeze it.

    noise: a corruption, for a reader that learns from noisy digits instead.
    images: uint8 ``[N, 1, 28, 28]``. labels: int64 ``[N]``. Returns the reader in eval mode, on the CPU, parameters frozen.

    Lesson 05, "Does the denoiser change the digit?"."""
    require_images(images)
    epochs = require_count("epochs", epochs)
    require_labels(labels, len(images))
    if noise is not None:
        require_noise(noise)
    images, labels, generator = images.detach().cpu(), labels.cpu().long(), stream(seed, "reader")
    with own_chance(), torch.device("cpu"), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(require_seed(seed))
        reader = DigitReader().float().train()
        optimizers = make_optimizers(reader)
        order = torch.cat([torch.randperm(len(images)) for _ in range(epochs)]).split(64)
        for index in scheduled(order, optimizers, len(order)):
            shift = torch.randint(-2, 3, (2,)).tolist()
            shown = to_float(images[index]).roll(shift, dims=(2, 3))
            loss = F.cross_entropy(reader(make_noisy(noise, shown, generator) if noise else shown), labels[index])
            apply_gradients(loss, optimizers)
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def read_digits(reader: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a classifier sees in float ``[N, 1, 28, 28]``: (digits int64 ``[N]``, confidence float ``[N]``, 0 to 1).

    Lesson 05, "Does the denoiser change the digit?"."""
    require_images(images)
    with measuring(reader):
        scores = torch.cat([reader(batch.clone()) for batch in batches(images, 500)])
    confidence, digits = scores.softmax(dim=1).max(dim=1)
    return digits, confidence
