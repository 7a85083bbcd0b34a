"""denoise_utils: what the lessons on denoising autoencoders build, a module a lesson.

``import denoise_utils as du``, then ``du.`` and Tab shows all of it: what the modules name in their ``__all__``. Most are
built by hand in the lesson of their module before it is imported.
"""

import io
import logging
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # before torch comes: its profiler calls a missing GPU an error,
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # and its stopwatch warns of one (lesson 04c)

from .session import *  # for every lesson
from .checks import *
from .chance import *
from .inputs import *
from .data import *  # lesson 01a
from .noise import *  # lesson 02a
from .baselines import *  # lessons 02a, 02b and 05
from .models import *  # lesson 03b
from .devices import *  # lesson 04c
from .training import *  # lesson 04a
from .optimizers import *  # lesson 04b
from .checkpoints import *  # lesson 04a
from .evaluation import *  # lesson 05
from .reader import *  # lesson 05
from .posterior import *  # lesson 08
from .selfsupervised import *  # lesson 09

if TYPE_CHECKING:  # imported with the first use, so that the core needs neither matplotlib nor ipywidgets
    from .diagrams import *
    from .drawn_network import *
    from .plots import *
    from .widgets.drawing import *
    from .widgets.explorers import *
    from .widgets.panel import *
    from .widgets.watch import *

__version__ = version("denoise_utils")
_LATER = {f"show_{name}": ".plots" for name in ("arrows", "curves", "histograms", "images", "ladder")}
_LATER |= {f"show_{name}": ".diagrams" for name in ("convolution", "step", "transposed")}
_LATER |= {"show_network": ".drawn_network"}
_LATER |= {name: ".widgets.explorers" for name in ("explore_denoisers", "explore_network", "explore_noise")}
_LATER |= {"walk_bottleneck": ".widgets.explorers", "play": ".widgets.panel"}
_LATER |= {"draw_a_digit": ".widgets.drawing", "watch_training": ".widgets.watch"}
_MODULES = (
    session, checks, chance, inputs, data, noise, baselines, models,
    devices, training, optimizers, checkpoints, evaluation, reader, posterior, selfsupervised,
)  # fmt: skip
__all__ = sorted([*_LATER, *(name for module in _MODULES for name in module.__all__)])

for _output in (sys.stdout, sys.stderr):  # a terminal without σ or ± shows a ? there; it should not stop the lesson
    if isinstance(_output, io.TextIOWrapper) and "utf" not in _output.encoding.lower():
        _output.reconfigure(errors="replace")


def __getattr__(name):
    if name in _LATER:
        return getattr(import_module(_LATER[name], __name__), name)
    raise AttributeError(f"denoise_utils has no {name!r}; du. and Tab shows what it has")


def __dir__():
    return __all__
