"""Find the submissions in a folder, and what would make their marks meaningless, before anything is graded."""

import ast
import collections
import contextlib
import hashlib
import importlib.util
import os
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from . import apart, course, lms

LARGEST = 5 * 2**20  # bytes of a notebook
TEACHER = "teacher"  # the student id in the masters: their solutions are graded under it


@dataclass(frozen=True)
class Found:
    """One submission. problem: why it should not be graded as it is; None if it can be. came: its name in an LMS's download."""

    student: str
    assignment: str
    path: Path
    problem: str | None = None
    came: str = ""


def find(folder: Path, unpacked: Path, people: list[dict]) -> list[Found]:
    """All submissions, by their names; nothing is read yet. ``folder/STUDENT/.../NAME.ipynb``, or what Moodle and Canvas give
    out, where the file's name holds the assignment's ("Copy of 02_noise (1).ipynb" is found too). Two files for one assignment
    are a problem of both. unpacked: where the content of archives goes. people: the roster, see ``lms.roster``."""
    found = []
    for (came, name), files in handed_in(folder, unpacked).items():
        names = ", ".join(shown(path.name) for path in files)
        student, problem = owner(came, people)
        if not came:
            problem = f"in no student's folder: put it into one, such as ada/02_noise.ipynb ({names})"
        elif files[0].is_symlink():
            problem = "a link: put the notebook itself there"
        elif files[0].is_dir():
            problem = "no notebook is in this folder"
        elif not files[0].is_file() or files[0].stat().st_size > LARGEST:
            problem = f"no file, or larger than {LARGEST >> 20} MB: ask for the notebook itself, without its outputs"
        elif name == "?":
            problem = f"its name holds no assignment's: rename it, such as 02_noise.ipynb ({names})"
        elif len(files) > 1:
            problem = f"{len(files)} files for one assignment: keep one of {names}"
        found.append(Found(student, name, files[0], problem, came))
    twice = collections.Counter((one.student, one.assignment) for one in found)
    again = "handed in twice, under two names: keep one"
    return [
        one if twice[one.student, one.assignment] == 1 or one.problem else replace(one, problem=again) for one in found
    ]


def owner(came: str, people: list[dict]) -> tuple[str, str | None]:
    """Whose it is, and what is wrong with that. came: the name of a student's folder, or what an LMS has made of it."""
    sender = lms.sender(came)
    keys = (sender.number, sender.name) if sender else (came,)
    student = person["id"] if (person := lms.who(people, *keys)) else came
    if sender and not person:
        why = f", which holds {len(people)} others" if people else ": ROSTER=file.csv says who is who"
        return shown(came), f"{shown(sender.name)!r}, {sender.number}, is not in the roster{why}"
    if not fit(student):
        return shown(came), f"the name should be a student id of letters, digits and . _ - @, and not {TEACHER!r}"
    return student, None


def fit(student: str) -> bool:
    """Is this an id that can be the name of a file, and nobody else's?"""
    letters = re.fullmatch(r"[\w.@-]+", student) and student.strip(".")
    return bool(letters) and student.casefold() != TEACHER and len(student.encode()) <= 100


def handed_in(folder: Path, unpacked: Path) -> dict[tuple[str, str], list[Path]]:
    """(student's folder or LMS's name, assignment) → files. Nobody is left out: under "?" are files whose names say nothing, a
    folder without any, and those of student "", which lie outside of all folders. Browsers add to a notebook's name, or change
    its end: 02_noise.ipynb.txt, 02_noise.json. So any end will do, if there is no .ipynb for the same assignment."""
    places, senders, found = collections.defaultdict(list), {}, collections.defaultdict(list)
    for place in sorted(path for path in folder.iterdir() if not left_by_programs(path.name)):
        came, sender = composed(place.name), lms.sender(place.name)
        if not place.is_dir():  # the files of a sender belong together
            came = senders.setdefault((sender.name, sender.number), came) if sender else ""
        places[came].append(place)
    for came, top in places.items():
        try:
            files = [path for place in top for path in files_in(place, unpacked)] if came else top
        except OSError:  # a folder that the teacher may not read
            files = []
        notebooks = [path for path in files if ".ipynb" in path.name.casefold()]
        known = {"?", *map(assignment_of, notebooks)}
        for path in notebooks + [path for path in files if assignment_of(path) not in known] if came else files:
            found[came, assignment_of(path) if came else "?"].append(path)
        if not any(student == came for student, _ in found):
            found[came, "?"] = top
    return found


def inner(folder: Path) -> Path:
    """Who unpacks a download and zips it again often has all of it in one folder more."""
    top = [path for path in folder.iterdir() if not left_by_programs(path.name)]
    wraps = (
        len(top) == 1 and top[0].is_dir() and any(path.is_dir() or lms.sender(path.name) for path in top[0].iterdir())
    )
    return top[0] if wraps and not lms.sender(top[0].name) else folder


def files_in(place: Path, unpacked: Path | None) -> list[Path]:
    """All files of a student: those in archives, too, but not in archives in these. A link is not followed, and stays to be
    named; so does an archive that can't be unpacked."""
    files = [place] if place.is_symlink() or not place.is_dir() else sorted(place.glob("**/*"))
    files = [path for path in files if path.is_symlink() or not path.is_dir()]
    files = [path for path in files if not any(map(left_by_programs, path.relative_to(place.parent).parts))]
    archives = [path for path in files if path.suffix.casefold() == ".zip" and not path.is_symlink() and path.is_file()]
    for path in archives[:3] if unpacked else []:
        into = unpacked / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        with contextlib.suppress(apart.Stopped):
            apart.call(lms.unpack, path, into, lms.STUDENTS, seconds=60)
            files.remove(path)
            files += files_in(into, None)
    return files


def shown(name: str) -> str:
    """A name that is safe to print: what is no character of a text, or turns its direction, is spelled out."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in name)


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


def problem_of(path: Path, name: str, student: str) -> tuple[str | None, set[str]]:
    """Lost answers, another's file, a package that is not here, a damaged file; None if the submission can be graded. And the
    answers' cells that are there. Reads a stranger's file: call it apart."""
    try:
        notebook = course.read(path)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if grade_id(cell)]
        code = {str(cell.source): None for cell in notebook.cells if cell.cell_type == "code"}
        nbformat.writes(notebook).encode()  # lone halves of characters can't be stored
    except Exception as error:  # damaged files come in many kinds
        return f"no notebook can be read from it ({type(error).__name__}): ask for the file again", set()
    wanted = [key for key, cell in course.by_id(course.master(name)).items() if cell.metadata.nbgrader.solution]
    count = collections.Counter(map(grade_id, cells))
    count = {key: count[key] for key in wanted if count[key]}
    return wrong_with(cells, count, code, student), set(count)


def wrong_with(cells: list, count: dict[str, int], code: dict, student: str) -> str | None:
    """What speaks against marking a notebook. count: how often each answer's cell is there."""
    if not count:
        return "its cells have lost their metadata: ask for the file that was given out, with the answers in it"
    if twice := [key for key in count if count[key] > 1]:
        return f"the cell {twice[0]!r} is there {count[twice[0]]} times: delete the copies"
    said = [student_in(cell.source) for cell in cells if grade_id(cell) == "student"]
    if said == [None]:
        return 'it holds no student id in quotes, as in student = "ada". Ask for it, or grade it as it is: ANYWAY=1'
    if said and composed(said[0].strip()).casefold() != student.casefold():
        return f"it was written as student {shown(said[0])!r}, and lies under the name of {student!r}: whose is it?"
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
            found.append(course.parsed(source))
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
