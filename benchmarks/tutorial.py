"""The tutorial's loop as it was published, timed and, for the first time, measured on test images.

Only what today's libraries force is changed: ``torch.sigmoid`` for ``F.sigmoid`` and tensors instead of
``dataiter.next()``. The measuring after each epoch is ours; it is not part of the timed seconds.

Run: ``DENOISE_DATA_ROOT=folder python benchmarks/tutorial.py`` (a quarter of an hour on two cores). It writes
``benchmarks/results/tutorial.json``: the record that lessons and README quote.
"""

import json
import os
import platform
import time
from datetime import date
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

SEED, EPOCHS, BATCH, NOISE_FACTOR = 0, 20, 20, 0.5


class ConvDenoiser(nn.Module):  # the tutorial's own class, kept apart from denoise_utils on purpose
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.t_conv1 = nn.ConvTranspose2d(8, 8, 3, stride=2)
        self.t_conv2 = nn.ConvTranspose2d(8, 16, 2, stride=2)
        self.t_conv3 = nn.ConvTranspose2d(16, 32, 2, stride=2)
        self.conv_out = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.pool(F.relu(self.conv3(x)))
        x = F.relu(self.t_conv1(x))
        x = F.relu(self.t_conv2(x))
        x = F.relu(self.t_conv3(x))
        return torch.sigmoid(self.conv_out(x))


def spoil(images, generator=None):
    noisy = images + NOISE_FACTOR * torch.randn(images.shape, generator=generator)
    return noisy.clamp(0, 1)


@torch.no_grad()
def test_mse(model, clean):
    noisy = spoil(clean, torch.Generator().manual_seed(SEED))
    total = sum(F.mse_loss(model(n), c, reduction="sum").item() for n, c in zip(noisy.split(500), clean.split(500)))
    return total / clean.numel()


def machine():
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    return f"{cpu}, {torch.get_num_threads()} threads"


def main():
    from torchvision import datasets, transforms  # here: machine() is asked on machines that lack it

    root = os.environ.get("DENOISE_DATA_ROOT", "data")
    train = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
    clean_test = datasets.MNIST(root, train=False).data[:, None] / 255
    loader = torch.utils.data.DataLoader(train, batch_size=BATCH, num_workers=0)
    torch.manual_seed(SEED)
    model, criterion = ConvDenoiser(), nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    epochs, seconds = [], 0.0
    for epoch in range(1, EPOCHS + 1):
        train_loss, start = 0.0, time.perf_counter()
        for images, _ in loader:
            optimizer.zero_grad()
            outputs = model(spoil(images))
            loss = criterion(outputs, images)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() * images.size(0)
        seconds += time.perf_counter() - start
        printed = train_loss / len(loader)  # the tutorial's figure: the MSE times the batch size
        row = {
            "epoch": epoch,
            "seconds": round(seconds, 1),
            "printed_loss": printed,
            "test_mse": test_mse(model, clean_test),
        }
        epochs.append(row)
        print(row, flush=True)
    record = {
        "what": "the tutorial's loop, MNIST test set, noise 0.5 clipped",
        "machine": machine(),
        "date": str(date.today()),
        "torch": torch.__version__,
        "seed": SEED,
        "noisy_mse": F.mse_loss(spoil(clean_test, torch.Generator().manual_seed(SEED)), clean_test).item(),
        "black_mse": (clean_test**2).mean().item(),
        "epochs": epochs,
    }
    Path(__file__).with_name("results").joinpath("tutorial.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
