"""What the package's tests share: the embedded digits, the folder of all of MNIST, disks that are full or locked."""

import os
import subprocess
from pathlib import Path

import pytest
import torch

import denoise_utils as du

REPOSITORY = Path(__file__).parents[1]
MNIST_ROOT = Path(os.environ.get("DENOISE_DATA_ROOT") or REPOSITORY.parent / "shared" / "data").resolve()


# Images this small gain nothing from more threads, which only wait for each other when the machine is busy
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_random_numbers():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits():
    return du.load_digits("mnist5k")


@pytest.fixture(scope="session")
def images(digits):
    """Forty test digits. Shared by all tests: none may change them."""
    return digits.test.images[:40]


@pytest.fixture(scope="session")
def clean(digits):
    """The same as floats."""
    return du.to_float(digits.test.images[:40])


@pytest.fixture(scope="session")
def mnist_root():
    if not (MNIST_ROOT / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip(f"all of MNIST is not in {MNIST_ROOT}; DENOISE_DATA_ROOT can name its folder")
    return MNIST_ROOT


@pytest.fixture
def mount(tmp_path):
    """``mount(options)`` → a small file system of our own; skips where mounting is not allowed."""
    mounted = []

    def make(options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("mounting a small disk takes root")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
