"""The masters: what is in them, the student versions that are made from them, and what a perfect student hands in."""

import ast
import re
from pathlib import Path

import nbformat
from nbgrader import preprocessors as steps
from traitlets.config import Config

ASSIGNMENTS = Path(__file__).parents[1]
ROOT = ASSIGNMENTS.parent
MASTERS = {path.stem: path for path in sorted(ASSIGNMENTS.glob("*.ipynb"))}
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", flags=re.S)
BLANK = "*Your answer here.*"
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n(.*?)### END HIDDEN TESTS", flags=re.S)


def read(path: Path):
    return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)  # Windows' editor puts a mark in front


def by_id(notebook) -> dict:
    """grade_id → cell, for the cells that nbgrader knows, in their order."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def parsed(source: str) -> ast.Module:
    """A cell's Python. Its magics and shell lines count as nothing."""
    return ast.parse(re.sub(r"^( *)[!%].*$", r"\1pass", source, flags=re.M))


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


def marked_by(name: str) -> list[Path]:
    """The files that a mark may depend on: the master, the library, the judges' frame, the assignment's own judges. Of the
    lessons' hints only those of the bug clinic, whose judges the assignment shares."""
    topic = name.lstrip("0123456789_")
    own = [ROOT / "denoise_assignments" / f"{topic}.py"]
    own += sorted(ROOT.glob("denoise_utils/checks/clinic_*.py")) if topic == "bug_clinic" else []
    frame = ROOT / "denoise_utils" / "checks" / "judging.py"
    return [MASTERS[name], *sorted(ROOT.glob("denoise_utils/*.py")), frame, *own]


def student_version(name: str):
    """The master as students get it: without solutions, hidden tests, outputs and teachers' notes. nbgrader's own steps do it,
    which raise an error for a cell whose metadata makes no sense."""
    stubs = Config()
    stubs.ClearSolutions.code_stub, stubs.ClearSolutions.text_stub = {"python": "# your code here"}, BLANK
    notebook = master(name)
    for step in (steps.LockCells, steps.ClearSolutions, steps.ClearOutput, steps.ClearHiddenTests):
        notebook, _ = step(config=stubs).preprocess(notebook, {})
    for step in (steps.ComputeChecksums, steps.CheckCellMetadata):
        notebook, _ = step().preprocess(notebook, {})
    return notebook


def master(name: str):
    """The master without its teachers' notes."""
    notebook = read(MASTERS[name])
    notebook.cells = [cell for cell in notebook.cells if "teacher" not in cell.metadata.get("tags", [])]
    return notebook


def release(folder: Path, names: list[str] | None = None) -> dict[str, Path]:
    """Write the student versions. Returns name → file."""
    made = {name: folder / f"{name}.ipynb" for name in names or MASTERS}
    for name, path in made.items():
        nbformat.write(student_version(name), path)
    return made


def solved(name: str, student_version: Path):
    """The student version with the master's answers filled in: what a perfect student hands in."""
    notebook, answers = read(student_version), by_id(read(MASTERS[name]))
    for key, cell in by_id(notebook).items():
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", answers[key].source)
    return notebook


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
