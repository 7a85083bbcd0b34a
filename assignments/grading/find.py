"""Find the submissions in a folder, and what would make their marks meaningless, before anything is graded."""

import ast
import collections
import importlib.util
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import course
import nbformat
import nbformat.reader

LARGEST = 5 * 2**20  # bytes of a notebook
TEACHER = "teacher"  # the student id in the masters: their solutions are graded under it


@dataclass(frozen=True)
class Found:
    """One submission. problem: why it should not be graded as it is; None if it can be."""

    student: str
    assignment: str
    path: Path
    problem: str | None = None


def find(folder: Path) -> list[Found]:
    """All submissions: ``folder/STUDENT/.../NAME.ipynb``, where the file's name holds the assignment's ("Copy of
    02_noise (1).ipynb" is found too). Two files for one assignment are a problem of both."""
    found = []
    for (student, name), files in handed_in(folder).items():
        names = ", ".join(path.name for path in files)
        if not student:
            problem = f"in no student's folder: put it into one, such as ada/02_noise.ipynb ({names})"
        elif files[0].is_dir():
            problem = "no notebook is in this folder"
        elif name == "?":
            problem = f"its name holds no assignment's: rename it, such as 02_noise.ipynb ({names})"
        elif len(files) > 1:
            problem = f"{len(files)} files for one assignment: keep one of {names}"
        elif not re.fullmatch(r"[\w.@-]+", student) or student.casefold() == TEACHER:
            problem = f"the folder's name should be a student id of letters, digits and . _ - @, and not {TEACHER!r}"
        else:
            problem = problem_of(files[0], name, student)
        found.append(Found(student, name, files[0], problem))
    return found


def handed_in(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """(student, assignment) → files. Nobody is left out: under "?" are files whose names say nothing, a folder without any,
    and those of student "", which lie outside of all folders. Browsers add to a notebook's name, or change its end:
    02_noise.ipynb.txt, 02_noise.json. So any end will do, as long as there is no .ipynb for the same assignment."""
    found = collections.defaultdict(list)
    for place in sorted(path for path in folder.iterdir() if not left_by_programs(path.name)):
        student = composed(place.name) if place.is_dir() else ""
        inside = sorted(place.glob("**/*")) if student else [place]
        files = [path for path in inside if not path.is_dir()]
        files = [path for path in files if not any(map(left_by_programs, path.relative_to(folder).parts))]
        notebooks = [path for path in files if ".ipynb" in path.name.casefold()]
        known = {"?", *map(assignment_of, notebooks)}
        chosen = notebooks + [path for path in files if assignment_of(path) not in known]
        for path in chosen:
            found[student, assignment_of(path) if student else "?"].append(path)
        if student and not chosen:
            found[student, "?"].append(place)
    return found


def left_by_programs(name: str) -> bool:
    """A Mac's ._02_noise.ipynb and __MACOSX, Jupyter's .ipynb_checkpoints, what editors and Word leave: nobody's work."""
    return (
        name.startswith((".", "~$", "#"))
        or name.endswith(("~", ".swp", ".bak", ":Zone.Identifier"))
        or name == "__MACOSX"
    )


def assignment_of(path: Path) -> str:
    return next((name for name in course.MASTERS if name in path.name.casefold()), "?")


def composed(student: str) -> str:
    """Windows writes an accent as one character, a Mac often as two: one form of an id for both, as in du.numbers_for."""
    return unicodedata.normalize("NFC", student)


def problem_of(path: Path, name: str, student: str) -> str | None:
    """Lost cells, another's file, a package that is not here, a damaged file; None if the submission can be graded."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return (
            f"no file, a link, or larger than {LARGEST // 2**20} MB: ask for the notebook itself, without its outputs"
        )
    try:
        notebook = course.read(path)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if grade_id(cell)]
        code = {str(cell.source): None for cell in notebook.cells if cell.cell_type == "code"}
    except Exception as error:  # damaged files come in many kinds
        return f"no notebook can be read from it ({type(error).__name__}): ask for the file again"
    wanted = course.by_id(course.read(course.MASTERS[name]))
    wanted = {key for key, cell in wanted.items() if cell.cell_type == "code" or cell.metadata.nbgrader.solution}
    count = collections.Counter(map(grade_id, cells))
    if lost := sorted(wanted - set(count)):
        return f"{len(lost)} of {len(wanted)} cells lost their metadata or were deleted, such as {lost[0]!r}: ask again"
    if twice := [key for key in sorted(wanted) if count[key] > 1]:
        return f"the cell {twice[0]!r} is there {count[twice[0]]} times: delete the copies"
    said = [student_in(cell.source) for cell in cells if grade_id(cell) == "student"]
    if said[0] is not None and composed(said[0].strip()).casefold() != student.casefold():
        return f"it was written as student {said[0]!r}, and lies in the folder of {student!r}: whose is it?"
    if missing := [module for module in imports(code) if not importable(module)]:
        return f"it imports {missing[0]!r}, which is not installed here: install it, or ask the student to do without"
    return None


def grade_id(cell) -> str | None:
    """nbgrader's name of a cell; a submission may hold anything in that place."""
    nbgrader = cell.metadata.get("nbgrader")
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None


def trees(sources) -> list[ast.AST]:
    found = []
    for source in sources:
        try:
            found.append(ast.parse(re.sub(r"^( *)[!%].*$", r"\1pass", source, flags=re.M)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the student hears of it when the cell runs
    return found


def student_in(source: str) -> str | None:
    """The id that the notebook gives itself, None if it is not filled in."""
    values = [node.value for tree in trees([source]) for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    texts = [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return texts[-1] if texts else None


def imports(sources) -> list[str]:
    """Top-level modules that the code imports, but for imports that it guards with try or if."""
    found, todo = [], list(trees(sources))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module.split(".")[0])
        elif not isinstance(node, ast.Try | ast.If):
            todo += ast.iter_child_nodes(node)
    return list(dict.fromkeys(found))


def importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
