"""Run an assignment's answers and test cells in this process, and score them as nbgrader does. For the tests of the masters:
real grading (``assignments/grading/grade.py``) is tested in ``test_grading.py``."""

import contextlib
import io
import re
import time
from functools import cache

import cloudpickle
from course import MASTERS, by_id, read
from marking import value_of

from denoise_utils.checks import judging


@cache
def cells(name):
    """grade_id → cell, in the order of the notebook."""
    return by_id(read(MASTERS[name]))


def questions(name):
    """The ids of the answers that a machine marks, in order."""
    return [key for key in cells(name) if f"{key}_check" in cells(name) or f"{key}_hidden" in cells(name)]


judging.clock = time.process_time  # as the grader's: what else a machine does is no reason for a mark


def only_what_it_holds(thing, most):
    """As the grader's, but into the same process."""
    body = cloudpickle.dumps(thing)
    assert len(body) <= most, f"what train returned fills {len(body):,} bytes; {most:,} are allowed"
    return cloudpickle.loads(body)


judging.only_what_it_holds = only_what_it_holds


def points(cell, namespace):
    """What nbgrader gives for a test cell, and what the student reads."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            value = value_of(cell.source, namespace)
    except Exception as error:
        return 0.0, f"{printed.getvalue()}{type(error).__name__}: {error}"
    most = float(cell.metadata.nbgrader.points)
    assert value is None or (isinstance(value, int | float) and 0 <= value <= most), f"nbgrader can't read {value!r}"
    return (most if value is None else float(value)), printed.getvalue()


def mark(name, answers, only=None, student="ada"):
    """Points and text of each question. answers: grade_id → source that replaces the master's. only: one question, without
    the answers before it, which it must not need."""
    namespace, marks = {"__name__": "__main__"}, {}
    for key, cell in cells(name).items():
        if only in marks and key not in (f"{only}_check", f"{only}_hidden"):
            break
        if cell.cell_type != "code":
            continue
        if cell.metadata.nbgrader.grade:
            asked = re.sub(r"_(check|hidden)$", "", key)
            if only in (None, asked):
                got, text = points(cell, namespace)
                before = marks.get(asked, (0.0, ""))
                marks[asked] = (before[0] + got, before[1] + text)
            continue
        if only not in (None, key) and key in questions(name):
            continue
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            value_of(answers.get(key, cell.source), namespace)
        if key == "student":
            namespace["student"] = student
    return marks


def most(name, question):
    ids = (f"{question}_check", f"{question}_hidden")
    return sum(float(cells(name)[key].metadata.nbgrader.points) for key in ids if key in cells(name))
