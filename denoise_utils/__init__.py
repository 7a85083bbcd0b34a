"""denoise_utils: what the lessons on denoising autoencoders build, one room a lesson.

``import denoise_utils as du``, then ``du.`` and Tab shows all of it. Most are built by hand in the lesson of their room
(``data`` 01, ``noise`` 02, ``models`` 03, ``training`` 04, ``evaluation`` and ``baselines`` 05) before it is imported.
"""

import io
import sys
from importlib import import_module
from importlib.metadata import version

from .baselines import (
    LinearDenoiser,
    MeanImage,
    PCADenoiser,
    gaussian_blur,
    median_filter,
    non_local_means,
    total_variation,
    wavelet,
)
from .chance import fixed_noise, stream
from .checkpoints import load_checkpoint, save_checkpoint
from .checks import check, numbers_for
from .data import DataError, Digits, Split, batches, home, load_digits, to_float
from .devices import best_device
from .evaluation import Evaluation, evaluate, mse, psnr, ssim
from .inputs import check_clean
from .models import (
    ConvDenoiser,
    LayerRow,
    ResidualBlock,
    StrongDenoiser,
    TinyDenoiser,
    UDenoiser,
    count_parameters,
    layer_table,
    multiply_adds,
    receptive_field,
)
from .noise import (
    Blur,
    GaussianNoise,
    Masking,
    Occlusion,
    PoissonNoise,
    SaltAndPepper,
    SpeckleNoise,
)
from .optimizers import Muon, make_optimizers, one_cycle, orthogonalize
from .reader import DigitReader, read_digits, train_reader
from .session import set_up
from .training import History, fit, train_step

__version__ = version("denoise_utils")

for _output in (sys.stdout, sys.stderr):  # a terminal without σ or ± shows a ? there; it should not stop the lesson
    if isinstance(_output, io.TextIOWrapper) and "utf" not in _output.encoding.lower():
        _output.reconfigure(errors="replace")

# Imported with the first use, so that the core needs neither matplotlib nor ipywidgets
_LATER = {name: ".plots" for name in ("show_curves", "show_images", "show_ladder")}
_LATER |= {"centre_digit": ".drawing"}
_LATER |= {name: ".widgets" for name in ("draw_a_digit", "explore_denoisers", "explore_network", "explore_noise")}
_LATER |= {name: ".widgets" for name in ("play", "walk_bottleneck", "watch_training")}

__all__ = [
    "Blur",
    "ConvDenoiser",
    "DataError",
    "DigitReader",
    "Digits",
    "Evaluation",
    "GaussianNoise",
    "History",
    "LayerRow",
    "LinearDenoiser",
    "Masking",
    "MeanImage",
    "Muon",
    "Occlusion",
    "PCADenoiser",
    "PoissonNoise",
    "ResidualBlock",
    "SaltAndPepper",
    "SpeckleNoise",
    "Split",
    "StrongDenoiser",
    "TinyDenoiser",
    "UDenoiser",
    "batches",
    "best_device",
    "centre_digit",
    "check",
    "check_clean",
    "count_parameters",
    "draw_a_digit",
    "evaluate",
    "explore_denoisers",
    "explore_network",
    "explore_noise",
    "fit",
    "fixed_noise",
    "gaussian_blur",
    "home",
    "layer_table",
    "load_checkpoint",
    "load_digits",
    "make_optimizers",
    "median_filter",
    "mse",
    "multiply_adds",
    "non_local_means",
    "numbers_for",
    "one_cycle",
    "orthogonalize",
    "play",
    "psnr",
    "read_digits",
    "receptive_field",
    "save_checkpoint",
    "set_up",
    "show_curves",
    "show_images",
    "show_ladder",
    "ssim",
    "stream",
    "to_float",
    "total_variation",
    "train_reader",
    "train_step",
    "walk_bottleneck",
    "watch_training",
    "wavelet",
]


def __getattr__(name):
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"denoise_utils has no {name!r}; du. and Tab shows what it has")


def __dir__():
    return __all__
