"""The networks of the page that denoises: trained as in lesson 05, written as ONNX files, compared with torch.

``make_networks(folder)`` trains only if the package has changed since. It leaves in the folder

- ``tiny.onnx`` and so on, one file a network, with input ``noisy`` and output ``denoised``, float ``[1, 1, 28, 28]``;
- ``tiny.pt`` and so on, the same weights for torch (the tests compare with them);
- ``networks.json``: name, parameters and test MSE of each, and its largest difference between ONNX runtime and torch;
- ``digits.bin``: ten test digits of each class, class after class, one byte a pixel.
"""

import hashlib
import json
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn

import denoise_utils as du
from denoise_utils import models

NOISE = du.GaussianNoise(0.5, clip=True)
LARGEST_DIFFERENCE = 1e-4
DIGITS_A_CLASS = 10


class Matrix(nn.Module):
    """A fitted ``du.LinearDenoiser`` as a network, because only networks can be exported."""

    def __init__(self, pixels: int = 784):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(pixels, pixels))
        self.bias = nn.Parameter(torch.zeros(pixels))

    def forward(self, noisy: Tensor) -> Tensor:
        return (noisy.flatten(1) @ self.weight + self.bias).view_as(noisy)


def as_network(fitted: du.LinearDenoiser) -> Matrix:
    network = Matrix(len(fitted.bias))
    network.load_state_dict({"weight": fitted.weight, "bias": fitted.bias})
    return network


def short_name(make: type[nn.Module]) -> str:
    """TinyDenoiser → tiny: the name of its files, and of its button."""
    return make.__name__.removesuffix("Denoiser").lower()


# short name → title, network
NETWORKS = {"matrix": ("One matrix", Matrix)}
NETWORKS |= {short_name(make): (title[0].upper() + title[1:], make) for title, make in models.NETWORKS.items()}


def train_all(images: Tensor) -> dict[str, nn.Module]:
    """Lesson 05's networks, with its seed, its order and its numbers of steps, then what other networks there are."""
    torch.manual_seed(0)
    order = dict.fromkeys([du.TinyDenoiser, du.StrongDenoiser, du.ConvDenoiser, *models.NETWORKS.values()])
    networks = {short_name(make): make() for make in order}
    for name, network in networks.items():
        steps, batch_size = (125, 16) if name == "tiny" else (250, 32)
        du.fit(network, images, NOISE, steps=steps, batch_size=batch_size, device="cpu", progress=False)
    networks["matrix"] = as_network(du.LinearDenoiser(images, NOISE, copies=10))
    return networks


def export(network: nn.Module, path: Path) -> None:
    """Write a network that takes one picture, float ``[1, 1, 28, 28]``, as an ONNX file."""
    network = network.cpu().eval()
    example = (torch.zeros(1, 1, 28, 28),)
    names = {"input_names": ["noisy"], "output_names": ["denoised"]}
    torch.onnx.export(network, example, path, dynamo=True, external_data=False, verbose=False, **names)


@torch.no_grad()
def largest_difference(network: nn.Module, path: Path, noisy: Tensor) -> float:
    """Between the answers of torch and of ONNX runtime, over all pixels of all pictures."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    answers = [torch.from_numpy(session.run(None, {"noisy": one[None].numpy()})[0]) for one in noisy]
    return (torch.cat(answers) - network(noisy)).abs().max().item()


def load_network(folder: Path, name: str) -> nn.Module:
    """One of the trained networks, in torch."""
    network = NETWORKS[name][1]()
    du.load_checkpoint(folder / f"{name}.pt", network)
    return network.eval()


def source_checksum() -> str:
    """Changes when the package, its digits, this file or torch changes."""
    package = Path(du.__file__).parent
    found = hashlib.sha256(torch.__version__.encode())
    for path in [*sorted(package.glob("*.py")), package / "digits.npz", Path(__file__)]:
        found.update(path.read_bytes())
    return found.hexdigest()


def make_networks(folder: Path) -> None:
    """Train, export and compare. Stops if a network answers differently in ONNX runtime."""
    record, source = folder / "networks.json", source_checksum()
    if record.is_file() and json.loads(record.read_text(encoding="utf-8"))["source"] == source:
        return
    print("training the networks of the page, once (half a minute) ...", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    digits = du.load_digits("mnist5k")
    trained = train_all(digits.train.images)
    noisy, _ = du.fixed_noise(digits.test.images[:50], NOISE)
    median = du.evaluate(du.median_filter(3), digits.test.images, NOISE)
    rows = [{"id": "median", "name": "Median filter 3×3", "parameters": 0, "mse": median.mse}]
    for name, (title, _) in NETWORKS.items():
        network, path = trained[name], folder / f"{name}.onnx"
        export(network, path)
        du.save_checkpoint(folder / f"{name}.pt", network)
        difference = largest_difference(network, path, noisy)
        if not difference <= LARGEST_DIFFERENCE:
            raise RuntimeError(f"{path.name} differs from torch by {difference:.1e}, more than {LARGEST_DIFFERENCE}")
        mse = du.evaluate(network, digits.test.images, NOISE).mse
        print(f"{title}: test MSE {mse:.4f}, ONNX differs from torch by at most {difference:.0e}")
        rows.append({"id": name, "name": title, "parameters": du.count_parameters(network), "mse": mse})
        rows[-1]["difference"] = difference
    chosen = [digits.test.images[digits.test.labels == digit][:DIGITS_A_CLASS] for digit in range(10)]
    (folder / "digits.bin").write_bytes(torch.cat(chosen).numpy().tobytes())
    record.write_text(json.dumps({"source": source, "networks": rows}, indent=1, ensure_ascii=False), encoding="utf-8")
