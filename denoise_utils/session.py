"""Every lesson's first cell: where this notebook computes, and where its files stay. Knows Colab and Kaggle."""

__all__ = ["set_up"]

import importlib
import os
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from . import data
from .devices import best_device

INSTALLED = version("denoise_utils")  # read at import: pip may change the files under a running notebook
GPU_IN = {"Colab": "Runtime → Change runtime type → T4 GPU", "Kaggle": "Settings → Accelerator → GPU T4 x2"}
KEPT_BY = {
    "Colab": "from google.colab import drive; drive.mount('/content/drive')",
    "Kaggle": "Settings → Persistence → Files only",
}


def set_up(lesson: str) -> None:
    """Say where this notebook computes and where its files are kept. On Colab, let the page show the package's widgets.

    lesson: the version of the course that the lesson is written for, such as ``"0.2"``. On Colab and Kaggle it says how to
    choose a GPU if there is none, and how to keep files longer than the session. It asks nothing.
    Raises ``RuntimeError`` if the installed package is of another version; the message says what to do.

    Lesson 00, "Set up"."""
    place = "Colab" if "google.colab" in sys.modules else "Kaggle" if "KAGGLE_KERNEL_RUN_TYPE" in os.environ else ""
    if INSTALLED.split(".")[:2] != lesson.split("."):
        way_on = "Take both from one copy of the course: in its folder, pip install -e ., then restart the kernel."
        if place:
            way_on = "Restart the session and run all cells; if this stays, open the lesson again by its badge."
        raise RuntimeError(f"this lesson is written for denoise_utils {lesson}, and {INSTALLED} is in use. {way_on}")
    device = best_device().type
    name = torch.cuda.get_device_name() if device == "cuda" else {"mps": "Apple's GPU", "cpu": "the CPU"}[device]
    print(f"denoise_utils {INSTALLED}, torch {torch.__version__.split('+')[0]}, computing on {name}")
    if place and device == "cpu":
        print(f"Every lesson runs without a GPU. To choose one: {GPU_IN[place]}, then run all cells.")
    folder = data.storage_folder()
    print(f"downloads and checkpoints: {_with_tilde(folder)}")
    if place and not os.environ.get("DENOISE_HOME") and not folder.is_relative_to(data.DRIVE):
        print(f"To keep them after this session: {KEPT_BY[place]}")
    if place == "Colab":
        importlib.import_module("google.colab.output").enable_custom_widget_manager()


def _with_tilde(folder: Path) -> str:
    """A learner's stored output should not name the learner."""
    home = os.path.expanduser("~")  # stays "~" where there is none
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)
