"""What the learners' answers are held against: one file a lesson, and ``judging`` with ``check`` itself.

The assignments' questions are in ``denoise_assignments``.
"""

from . import (  # noqa: F401 - each registers its questions
    architecture,
    better_denoisers,
    clinic_measuring,
    clinic_training,
    data_loading,
    evaluation,
    gpu_training,
    gradient_descent,
    noise,
    optimizers,
    start_here,
    training,
    what_it_knows,
    without_clean,
)
from .judging import check, numbers_for, solution

__all__ = ["check", "numbers_for", "solution"]
