"""Shared by the assignments' tests: the grader's own modules, student versions made once, and whether there is a sandbox."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
os.environ["PYTHONPATH"] = sys.path[0]  # as grade.py does: the process that others are forked from finds them, too
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def released():
    """name → student version."""
    from assignments.grading import course

    with tempfile.TemporaryDirectory() as folder:
        yield course.release(Path(folder))


@pytest.fixture(scope="session")
def sandbox():
    """Skips where bubblewrap can't work; in CI, where it must, it fails."""
    from assignments.grading.sandbox import bubblewrap

    if not bubblewrap():
        if os.environ.get("DENOISE_NEEDS_SANDBOX"):
            pytest.fail("bubblewrap is missing or not allowed here")
        pytest.skip("bubblewrap is missing or not allowed here")
