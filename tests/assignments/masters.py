"""Run an assignment's answers and test cells in this process, and score them as nbgrader does. For the tests of the masters:
real grading (``assignments/grading``) is tested in ``test_grading.py``."""

import contextlib
import io
import time
from functools import cache

import cloudpickle
import torch

from assignments.grading.course import MASTERS, answers, by_id, read
from assignments.grading.marking import question_of, value_of
from denoise_utils.checks import judging


@cache
def cells(name):
    """grade_id → cell, in the order of the notebook."""
    return by_id(read(MASTERS[name]))


@cache
def defined(name):
    """grade_id of each answer → the names that it should define."""
    return answers(name)


@cache
def questions(name):
    """The ids of the answers that a machine marks, in order."""
    return [key for key in cells(name) if f"{key}_check" in cells(name) or f"{key}_hidden" in cells(name)]


judging.clock = time.process_time  # as the grader's: what else a machine does is no reason for a mark


def only_what_it_holds(thing, most):
    """As the grader's, but into the same process."""
    body = cloudpickle.dumps(thing)
    if len(body) > most and not isinstance(
        thing, tuple
    ):  # functions take the digits along here, which the grader's leaves
        raise ValueError(f"what is kept fills {len(body):,} bytes; {most:,} are allowed")
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


def execute(key, source, namespace, student):
    """A cell that is no test. An error in it is left alone: the tests will speak of it."""
    with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
        value_of(source, namespace)
    if key == "student":
        namespace["student"] = student


@cache
def _beginning(name, question):
    """What the cells before a question define for the student ada, without the answers between, which it must not need."""
    namespace = {"__name__": "__main__"}
    for key, cell in cells(name).items():
        if key == question:
            return namespace
        if cell.cell_type == "code" and not cell.metadata.nbgrader.grade and key not in questions(name):
            execute(key, cell.source, namespace, "ada")


def beginning(name, question, student):
    """A copy of it. For another student only those cells are run again that hold his own numbers."""
    namespace = dict(_beginning(name, question)) | {"student": student}
    for key, cell in cells(name).items():
        if key == question:
            return namespace
        if student != "ada" and cell.cell_type == "code" and "du.numbers_for(" in cell.source:
            execute(key, cell.source, namespace, student)


def verdicts(name, sources, only=None, student="ada", around=lambda answer: answer):
    """test cell → its points and its text. sources: grade_id → what replaces the master's. only: one question, without the
    answers before it. around: puts something around each value that an answer defines."""
    namespace, found = beginning(name, only, student) if only else {"__name__": "__main__"}, {}
    torch.manual_seed(0)  # as a submission starts in real grading
    for key, cell in cells(name).items():
        if cell.cell_type != "code" or only not in (None, question_of(key)):
            continue
        if cell.metadata.nbgrader.grade:
            found[key] = points(cell, namespace)
            continue
        execute(key, sources.get(key, cell.source), namespace, student)
        for one in defined(name).get(key, [])[:1]:  # the one that is asked for; 03 gives a second one
            if one in namespace:
                namespace[one] = around(namespace[one])
    return found


def mark(name, sources, **options):
    """Points and text of each question. The arguments are those of ``verdicts``."""
    marks = {}
    for key, (got, text) in verdicts(name, sources, **options).items():
        before = marks.get(question_of(key), (0.0, ""))
        marks[question_of(key)] = (before[0] + got, before[1] + text)
    return marks


def most(name, question):
    ids = (f"{question}_check", f"{question}_hidden")
    return sum(float(cells(name)[key].metadata.nbgrader.points) for key in ids if key in cells(name))
