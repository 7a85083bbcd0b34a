"""Mark one submission: its cells run in the sandbox, the tests in this process, with stand-ins for what the cells define."""

import ast
import contextlib
import io
import math
import re
import time
from pathlib import Path

import nbformat
from denoise_utils.checks import judging
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from . import course
from .find import Found, grade_id
from .submission import NotGraded, Submission, moved

LONGEST = 30_000  # characters of a text in a table: what a spreadsheet's cell can hold
PICTURES = ("image/png", "image/jpeg")  # that a text may hold


def mark(one: Found, isolated: bool, out: Path, newer: frozenset = frozenset()) -> dict:
    """Run a submission and its tests. Writes the executed notebook; returns the record: a row for each question, and the score
    in the final project. Raises ``NotGraded`` where the answers are not to blame. newer: questions to leave out."""
    start, namespace = time.perf_counter(), {"__name__": "tests"}
    notebook = rebuilt(course.read(one.path), course.master(one.assignment), newer)
    box = Submission(isolated, ("test",) if one.assignment == "final_project" else (), namespace)
    judging.clock, judging.only_what_it_holds = box.seconds, moved
    try:
        rows = run_cells(notebook, one, box, namespace)
    finally:
        box.stop()
    place = out / "executed" / one.student / f"{one.assignment}.ipynb"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(nbformat.writes(notebook), encoding="utf-8", errors="replace")  # half a character is none
    score = namespace.get("score")
    own = [cell for cell in notebook.cells if cell.cell_type == "code" and (is_answer(cell) or not grade_id(cell))]
    code = "\n\n".join(cell.source for cell in own)
    return {
        "rows": rows,
        "score": score if isinstance(score, float) and math.isfinite(score) else None,
        "code": code,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": time.perf_counter() - start,
    }


def rebuilt(submission, master, newer: frozenset = frozenset()):
    """The master with this submission's answers, and its own extra cells where they stood. Nothing else of the submission
    counts: a changed test, a tag on it, a hidden output."""
    known = {key: cell for key, cell in course.by_id(master).items() if question_of(key) not in newer}
    cells = []
    for cell in submission.cells:
        original = known.pop(grade_id(cell), None)
        if original is None:
            original = new_code_cell(cell.source) if cell.cell_type == "code" else new_markdown_cell(cell.source)
        elif is_answer(original):
            original.source = cell.source
        if original.cell_type == "markdown" and (pictures := attached(cell)):
            original.attachments = pictures
        cells.append(original)
    for cell in known.values():  # what the submission has lost
        cell.source = "" if is_answer(cell) else cell.source
    cells += known.values()
    master.cells = cells
    return master


def attached(cell) -> dict:
    """The pictures that were pasted into a text."""
    found = cell.get("attachments")
    pairs = found.items() if isinstance(found, dict) else ()
    kept = {
        str(name): {kind: data[kind] for kind in PICTURES if isinstance(data.get(kind), str)} for name, data in pairs
    }
    return {name: data for name, data in kept.items() if data}


def question_of(key: str) -> str:
    """Whose test a cell is: salt_check and salt_hidden are salt's."""
    return re.sub(r"_(check|hidden)$", "", key)


def is_answer(cell) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def run_cells(notebook, one: Found, box: Submission, namespace: dict) -> list[dict]:
    """Execute in order, the set-up first, whatever a student put in front; the outputs go into the notebook, for the feedback.
    Returns the rows of the questions."""
    rows, errors, names = [], {}, course.answers(one.assignment)
    for cell in sorted(notebook.cells, key=lambda cell: grade_id(cell) != "set_up"):
        key, settings = grade_id(cell), cell.metadata.get("nbgrader", {})
        asked = question_of(key or "")
        row = {"question": key, "of": float(settings.get("points", 0)), "written": cell.cell_type == "markdown"}
        if cell.cell_type == "markdown":
            if settings.get("grade"):
                blank = cell.source.strip() in ("", course.BLANK)
                rows.append(row | {"points": 0.0 if blank else None, "says": cut(cell.source)})
        elif settings.get("grade"):
            box.put_back = "arguments" in cell.metadata.get("tags", [])
            points, says = outcome(cell.source, row["of"], box, namespace, names.get(asked, []), errors.get(asked))
            cell.outputs = [new_output("stream", text=says)]
            rows.append(row | {"points": points, "says": cut(says)})
        elif key == "set_up":
            set_up(cell.source, one.student, box, namespace)
        elif cell.source.strip():
            cell.outputs, errors[key] = run(cell.source, names.get(key, []), box)
    return rows


def cut(text: str) -> str:
    return text if len(text) < LONGEST else f"{text[:LONGEST]} ... (cut here; the whole is on the feedback page)"


def set_up(source: str, student: str, box: Submission, namespace: dict) -> None:
    """The same cell on both sides. The folder's name is the student's id, not what the notebook says."""
    with contextlib.redirect_stdout(io.StringIO()):
        value_of(source, namespace)
    namespace["student"] = student
    try:
        error = box.run(source, [])["error"]
    except Exception as ended:
        error = [str(ended)]
    if error:
        raise NotGraded(f"the set-up cell did not run in the sandbox ({': '.join(error)}): run this again")


def run(source: str, names: list[str], box: Submission) -> tuple[list, str | None]:
    """One cell of the student's. Returns its outputs, and its error in one line."""
    try:
        answer = box.run(source, names)
    except Exception as error:  # the program is gone, or what it answers makes no sense
        answer = {"text": "", "pictures": [], "error": [type(error).__name__, str(error)[:2000]]}
    outputs = [new_output("stream", text=answer["text"])] if answer["text"] else []
    outputs += [new_output("display_data", data={"image/png": one}) for one in answer["pictures"]]
    if not answer["error"]:
        return outputs, None
    name, text = answer["error"]
    return [*outputs, new_output("error", ename=name, evalue=text, traceback=[])], f"{name}: {text}"


def outcome(source: str, most: float, box: Submission, namespace: dict, names: list[str], error: str | None):
    """The points of a test cell, and what the student reads: its printed text, then its error in one line."""
    printed = io.StringIO()
    try:
        for name in names:
            namespace.pop(name, None)
        box.refresh(names)
        with contextlib.redirect_stdout(printed):
            value = value_of(source, namespace)
        points = most if value is None else float(value)
    except Exception as wrong:
        points, lost = 0.0, [name for name in names if name not in namespace]
        said = " ".join(f"{type(wrong).__name__}: {wrong}".split())
        if isinstance(wrong, NameError) and lost and error:
            said = f"{lost[0]} is not there, since your cell stopped. {error}"
        elif isinstance(wrong, NameError) and lost:
            said = f"{lost[0]} is not there: does what you defined have another name than the question asks for?"
        printed.write(said)
    return min(max(points, 0.0), most) if math.isfinite(points) else 0.0, printed.getvalue().strip()


def value_of(source: str, namespace: dict):
    """Execute; the value of the last line if it is an expression, as a notebook shows it."""
    tree = course.parsed(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
