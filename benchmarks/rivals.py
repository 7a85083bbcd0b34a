"""What else a learner would train: the tutorial's loop, Keras' example, and DnCNN's network. Each is a generator that takes
one step at a time, so that ``bench.py`` can stop the clock and measure. Nothing in them is improved.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
import tutorial
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor


class Pictures(Dataset):
    """As torchvision's MNIST: one picture at a time, by way of PIL, made a float tensor by ``ToTensor``."""

    def __init__(self, images: Tensor):
        self.images = images[:, 0].numpy()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return ToTensor()(Image.fromarray(self.images[index]))


def the_tutorial(images: Tensor) -> tuple[nn.Module, Iterator[tuple[int, int]], int]:
    """The tutorial's loop: batches of 20, no shuffling, Adam at 0.001, 20 epochs."""
    model, criterion = tutorial.ConvDenoiser(), nn.MSELoss()

    def steps():
        loader = DataLoader(Pictures(images), batch_size=tutorial.BATCH, num_workers=0)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        for epoch in range(1000):
            train_loss = 0.0
            for clean in loader:
                optimizer.zero_grad()
                loss = criterion(model(tutorial.spoil(clean)), clean)
                loss.backward()
                optimizer.step()
                train_loss += loss.item() * clean.size(0)
                yield epoch, len(clean)

    return model, steps(), tutorial.EPOCHS


class KerasAutoencoder(nn.Module):
    """The network of keras.io/examples/vision/autoencoder (S. Valdarrama 2021, after F. Chollet): 28,353 parameters."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(32, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.Conv2d(32, 1, 3, padding=1),
        )  # fmt: skip
        for layer in self.modules():  # Keras' initial values
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(self.encoder(x)))


def keras(images: Tensor) -> tuple[nn.Module, Iterator[tuple[int, int]], int]:
    """Keras' example: noise drawn once, binary cross-entropy, batches of 128, Adam at 0.001 with Keras' ε, 100 epochs. Its
    noise has σ 0.4; here 0.5, as everywhere. Its first training, clean pictures to clean ones, is left out."""
    model = KerasAutoencoder()
    clean = images.float() / 255
    noisy = tutorial.spoil(clean)

    def steps():
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
        for epoch in range(1000):
            for index in torch.randperm(len(clean)).split(128):
                loss = F.binary_cross_entropy(model(noisy[index]), clean[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                yield epoch, len(index)

    return model, steps(), 100


class DnCNN(nn.Module):
    """K. Zhang et al., "Beyond a Gaussian denoiser", IEEE Trans. Image Processing 26(7), 2017: 17 layers of 64 channels at full
    size, batch norm, and the network answers with the noise."""

    def __init__(self):
        super().__init__()
        middle = [(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()) for _ in range(15)]
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), *(part for block in middle for part in block),
            nn.Conv2d(64, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x - self.layers(x)


def dncnn(images: Tensor) -> tuple[nn.Module, Iterator[tuple[int, int]], int]:
    """DnCNN's network, which denoising papers compare with, trained plainly: Adam at 0.001, batches of 128, fresh noise."""
    model = DnCNN()

    def steps():
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        for epoch in range(1000):
            for index in torch.randperm(len(images)).split(128):
                clean = images[index].float() / 255
                loss = F.mse_loss(model(tutorial.spoil(clean)), clean)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                yield epoch, len(index)

    return model, steps(), 50


RIVALS = {"tutorial": the_tutorial, "keras": keras, "dncnn": dncnn}
