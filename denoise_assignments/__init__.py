"""The judges of the assignments' questions, and what draws a student's own numbers: one file an assignment.

Nobody imports this by hand: ``denoise_utils.check`` and ``numbers_for`` do, when a question is asked that no lesson has.
The assignments themselves, with their hidden tests, are in ``assignments/``.
"""

from . import (  # noqa: F401 - each registers its questions
    architecture,
    better_denoisers,
    bug_clinic,
    data_loading,
    evaluation,
    final_project,
    gpu_training,
    noise,
    what_it_knows,
    without_clean,
)
