"""Run an assignment's answers and test cells in this process, and score them as nbgrader does. For the tests of the masters:
real grading (``assignments/grading/grade.py``) is tested in ``test_grading.py``."""

import ast
import contextlib
import io
import re
from functools import cache

from course import MASTERS, by_id, read


@cache
def cells(name):
    """grade_id → cell, in the order of the notebook."""
    return by_id(read(MASTERS[name]))


def questions(name):
    """The ids of the answers that a machine marks, in order."""
    return [key for key in cells(name) if f"{key}_check" in cells(name) or f"{key}_hidden" in cells(name)]


def run_cell(source, namespace):
    """Execute; the value of the last line if it is an expression, as a notebook shows it."""
    tree = ast.parse(re.sub(r"^( *)[!%].*$", r"\1pass", source, flags=re.M))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)


def points(cell, namespace):
    """What nbgrader gives for a test cell, and what the student reads."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            value = run_cell(cell.source, namespace)
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
            run_cell(answers.get(key, cell.source), namespace)
        if key == "student":
            namespace["student"] = student
    return marks


def most(name, question):
    ids = (f"{question}_check", f"{question}_hidden")
    return sum(float(cells(name)[key].metadata.nbgrader.points) for key in ids if key in cells(name))
