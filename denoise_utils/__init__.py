"""denoise_utils: what the lessons on denoising autoencoders build, one room a lesson.

``import denoise_utils as du``, then ``du.`` and Tab shows all of it. Each name is built by hand in the lesson of its room
(``data`` 01, ``noise`` 02, ``models`` 03, ``training`` 04, ``evaluation`` and ``baselines`` 05) before it is imported.
"""

from importlib import import_module
from importlib.metadata import version
from types import ModuleType

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
from .checks import check
from .data import DataError, Digits, Split, batches, load_digits, to_float
from .evaluation import (
    DigitReader,
    Evaluation,
    evaluate,
    fixed_noise,
    mse,
    psnr,
    read_digits,
    ssim,
    train_reader,
)
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
    check_clean,
)
from .training import (
    History,
    Muon,
    best_device,
    fit,
    load_checkpoint,
    make_optimizers,
    one_cycle,
    orthogonalize,
    save_checkpoint,
    train_step,
)

__version__ = version("denoise_utils")

_PICTURES = ("show_curves", "show_images", "show_ladder")  # matplotlib is imported with the first of them
_HIDDEN = ("ModuleType", "import_module", "version")
_ROOMS = [name for name, value in globals().items() if isinstance(value, ModuleType)]
__all__ = sorted({name for name in globals() if name[0] != "_"}.difference(_HIDDEN, _ROOMS).union(_PICTURES))


def __getattr__(name):
    if name in _PICTURES:
        return getattr(import_module(".plots", __name__), name)
    raise AttributeError(f"denoise_utils has no {name!r}; du. and Tab shows what it has")


def __dir__():
    return __all__
