"""The masters, and the folder in which nbgrader works on them: source, release, submitted, autograded, feedback."""

import ast
import contextlib
import functools
import io
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import nbgrader.api
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

# nbgrader starts a program of this environment, alembic, by its bare name ...
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
# ... each time that it opens its gradebook, ten times a submission, and the answer is always the same
nbgrader.api.get_alembic_version = functools.cache(nbgrader.api.get_alembic_version)

ASSIGNMENTS = Path(__file__).parents[1]
ROOT = ASSIGNMENTS.parent
MASTERS = {path.stem: path for path in sorted(ASSIGNMENTS.glob("*.ipynb"))}
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", flags=re.S)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", flags=re.S)


def read(path: Path):
    return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)  # Windows' editor puts a mark in front


def by_id(notebook) -> dict:
    """grade_id → cell, for the cells that nbgrader knows, in their order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def names_defined(source: str) -> list[str]:
    """What a cell defines at its top level."""
    names = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return list(dict.fromkeys(names))


def answers(name: str) -> dict[str, list[str]]:
    """grade_id of each answer in code → the names that its test cells use. The student's id is taken from elsewhere."""
    cells = by_id(read(MASTERS[name])).items()
    code = {key: cell for key, cell in cells if cell.cell_type == "code" and cell.metadata.nbgrader.solution}
    return {key: names_defined(cell.source) for key, cell in code.items() if key != "student"}


def tests(name: str) -> list[str]:
    """grade_ids of the cells that give marks by machine."""
    cells = by_id(read(MASTERS[name])).items()
    return [key for key, cell in cells if cell.metadata.nbgrader.grade and not cell.metadata.nbgrader.solution]


def written(name: str) -> dict[str, tuple[float, str]]:
    """grade_id of each answer in words → its points and its rubric."""
    cells = by_id(read(MASTERS[name]))
    keys = [key for key, cell in cells.items() if cell.metadata.nbgrader.grade and cell.metadata.nbgrader.solution]
    return {key: (float(cells[key].metadata.nbgrader.points), cells[f"{key}_rubric"].source) for key in keys}


def config(course: Path) -> Config:
    """nbgrader's settings for a course folder."""
    c = Config()
    c.CourseDirectory.root = str(course)
    c.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}?timeout=60"  # several graders write to it
    c.ClearSolutions.code_stub = {"python": "# your code here"}
    c.ClearSolutions.text_stub = "*Your answer here.*"
    c.Autograde.autograde_preprocessors = [
        "apart.ExecuteApart",
        "nbgrader.preprocessors.LimitOutput",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.ExecuteApart.extra_arguments = ["--log-level=ERROR"]
    c.ExecuteApart.coalesce_streams = True
    c.ExecuteApart.timeout = 600  # a student's code is stopped sooner, by submission.py
    c.LimitOutput.max_lines, c.LimitOutput.max_traceback = 200, 3
    c.GenerateFeedback.preprocessors = [
        "feedback.ForTheStudent",
        "nbgrader.preprocessors.GetGrades",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.HTMLExporter.sanitize_html = True  # a student's text can't bring a script to the teacher's browser
    return c


def api(course: Path) -> NbGraderAPI:
    settings = config(course)
    return NbGraderAPI(CourseDirectory(config=settings), config=settings)


def release(course: Path, names: list[str] | None = None) -> dict[str, Path]:
    """Make the student version of each master in ``course``, and note its cells and points in the gradebook. Teachers' notes
    stay out of both. Returns name → notebook."""
    made = {}
    for name in names or MASTERS:
        source = course / "source" / name / f"{name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        notebook = read(MASTERS[name])
        notebook.cells = [cell for cell in notebook.cells if "teacher" not in cell.metadata.get("tags", [])]
        nbformat.write(notebook, source)
        report = call(api(course).generate_assignment, name, force=True)
        if not report["success"]:
            raise RuntimeError(f"nbgrader can't make {name}: {report['log'] or report['error']}")
        made[name] = course / "release" / name / f"{name}.ipynb"
    return made


def solved(name: str, student_version: Path):
    """The student version with the master's answers filled in: what a perfect student hands in."""
    notebook, master = read(student_version), by_id(read(MASTERS[name]))
    for key, cell in by_id(notebook).items():
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", master[key].source)
    return notebook


def call(function, *args, **kwargs) -> dict:
    """Call nbgrader's API without its chatter."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return function(*args, **kwargs)


def leaks(name: str, student_version: Path) -> list[str]:
    """Lines of the master's solutions, hidden tests and teachers' notes that stand in the student version; outputs, too."""
    master, blank = read(MASTERS[name]), read(student_version)
    secret = set()
    for cell in master.cells:
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("solution"):
            secret.update(cell.source.splitlines())
        elif "teacher" in cell.metadata.get("tags", []):
            secret.update(cell.source.splitlines())
        for part in SOLUTION.findall(cell.source) + HIDDEN.findall(cell.source):
            secret.update(part.splitlines())
    secret = {line.strip() for line in secret if len(re.sub(r"\W", "", line)) > 3}
    public = {line.strip() for cell in master.cells for line in visible_part(cell).splitlines()}
    shown = [line.strip() for cell in blank.cells for line in cell.source.splitlines()]
    found = [line for line in shown if line in secret - public or "BEGIN SOLUTION" in line or "HIDDEN TESTS" in line]
    return found + [f"an output of {cell.source[:40]!r}" for cell in blank.cells if cell.get("outputs")]


def visible_part(cell) -> str:
    """What of a master's cell students may see."""
    nbgrader = cell.metadata.get("nbgrader", {})
    if "teacher" in cell.metadata.get("tags", []) or (cell.cell_type == "markdown" and nbgrader.get("solution")):
        return ""
    return HIDDEN.sub("", SOLUTION.sub("", cell.source))


def clean(folder: Path) -> Path:
    """The folder, new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
