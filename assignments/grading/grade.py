"""Grade a folder of submissions, offline: ``make grade SUBMISSIONS=dir``. The teacher's guide says how.

dir/STUDENT/NAME.ipynb are the submissions. Beside dir, in ``dir-marks``, it writes marks.csv, questions.csv, written.csv
(fill in its column "points" and run the command again), problems.csv, ranking.csv, and feedback/STUDENT/NAME.html.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import course
import marks
import nbformat
from find import TEACHER, Found, find, grade_id
from nbformat.v4 import new_code_cell, new_markdown_cell
from sandbox import CALL, DISK, ENVIRONMENT, MEMORY, PROCESSES, TOTAL, bubblewrap, limits, sweep


def grade(out: Path, one: Found, isolated: bool) -> tuple[str | None, float]:
    """Have nbgrader grade one submission. Returns what went wrong on our side, if anything, and seconds."""
    start = time.perf_counter()
    place = out / "course" / "submitted" / one.student / one.assignment / f"{one.assignment}.ipynb"
    place.parent.mkdir(parents=True, exist_ok=True)
    student_version = out / "course" / "release" / one.assignment / f"{one.assignment}.ipynb"
    nbformat.write(rebuilt(course.read(one.path), course.read(student_version)), place)
    settings = {"student": one.student, "isolated": isolated, "names": course.answers(one.assignment)}
    os.environ["DENOISE_GRADING"] = json.dumps(settings | {"tests": course.tests(one.assignment)})
    for name, value in ENVIRONMENT.items():  # for the kernel of the tests: as for the student's program
        os.environ[name] = value if name != "PATH" else os.environ[name]
    report = course.call(course.api(out / "course").autograde, one.assignment, one.student, force=True, create=True)
    problem = None if report["success"] else (report["log"] or report["error"])[-1500:]
    return problem, time.perf_counter() - start


def rebuilt(submission, student_version):
    """The student version with this submission's answers, and its own extra cells where they stood. Nothing else of the
    submission counts: a changed test, a tag such as skip-execution on it, a hidden output never reach nbgrader."""
    known, cells = course.by_id(student_version), []
    for cell in submission.cells:
        original = known.pop(grade_id(cell), None)
        if original is None and cell.cell_type == "code":
            cells.append(new_code_cell(cell.source))
        elif original is None:
            cells.append(new_markdown_cell(cell.source))
        else:
            original.source = cell.source if original.metadata.nbgrader.solution else original.source
            cells.append(original)
    student_version.cells = cells + list(known.values())  # what the submission has lost
    return student_version


def fingerprint(one: Found) -> str:
    """Changes when the submission, its master or the course's package does: then it is graded again."""
    package = sorted((course.ROOT / "denoise_utils").rglob("*.py"))
    content = [path.read_bytes() for path in (one.path, course.MASTERS[one.assignment], *package)]
    return hashlib.sha256(b"".join([one.student.encode(), *content])).hexdigest()


def prove(out: Path, names: list[str], isolated: bool, pool: Executor) -> list[str]:
    """Grade every master's own solution. What does not get full marks here would give everybody too little."""
    solved, wrong = [], []
    for name in names:
        path = out / "course" / "solved" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(course.solved(name, out / "course" / "release" / name / f"{name}.ipynb"), path)
        solved.append(Found(TEACHER, name, path))
    for one, (problem, seconds) in zip(solved, pool.map(grade, repeat(out), solved, repeat(isolated))):
        rows = [] if problem else marks.rows(out, one.student, one.assignment)
        short = [
            f"{row['question']}: {row['says']}" for row in rows if row["points"] != row["of"] and not row["written"]
        ]
        failed = problem or not rows or short
        if failed:
            wrong.append(problem or f"{one.assignment}, {(short or ['no marks'])[0]}")
        said = "does NOT get full marks" if failed else "gets full marks"
        print(f"the master's own solution of {one.assignment} {said}  {seconds:.1f} s", flush=True)
    return wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions")
    parser.add_argument("--jobs", type=int, default=max(1, min(8, os.cpu_count() or 1)))
    parser.add_argument("--again", action="store_true", help="grade again what has not changed, too")
    parser.add_argument("--anyway", action="store_true", help="grade submissions with problems as they are")
    parser.add_argument("--no-sandbox", action="store_true", help="without bubblewrap: only for code that you trust")
    options = parser.parse_args(arguments)
    folder, isolated = Path(options.submissions), not options.no_sandbox
    if not options.submissions or not folder.is_dir():
        print(
            f"{options.submissions!r} is no folder. It should hold one folder a student: submissions/ada/02_noise.ipynb"
        )
        return 2
    if isolated and not bubblewrap():
        print(
            "bubblewrap 0.8 is missing, or not allowed to work here. Without it a submission can read and change your files."
        )
        print("Debian, Ubuntu: sudo apt install bubblewrap. To grade only code that you trust: NO_SANDBOX=1")
        return 2
    found = find(folder)
    if not found:
        print(f"no notebook in {folder}: it should hold one folder a student, such as {folder}/ada/02_noise.ipynb")
        return 2
    from submission import trial  # here, since it needs torch: the processes that only grade start faster without

    if reason := trial(isolated):
        print(f"Nothing was graded: the course's package does not work inside the sandbox: {reason}")
        return 2
    return grade_all(folder, found, isolated, options)


def grade_all(folder: Path, found: list[Found], isolated: bool, options: argparse.Namespace) -> int:
    out = folder.resolve().parent / f"{folder.resolve().name}-marks"
    sweep()
    try:
        marks.read_written(out)
    except ValueError as error:
        print(f"Nothing was graded: {error}")
        return 2
    start, record = time.perf_counter(), out / "course" / "graded.json"
    done = json.loads(record.read_text()) if record.exists() and not options.again else {}
    ready = [one for one in found if one.problem is None or (options.anyway and one.assignment != "?")]
    held = [one for one in found if one not in ready]
    print(f"{len(found)} submissions, {len(held)} with a problem. {describe(isolated)}")
    for one in held:
        print(f"  {one.student} {one.path.name}: {one.problem}")
    names = sorted({one.assignment for one in ready})
    course.release(out / "course", names)
    marks.enrol(out, {one.student for one in ready} | {TEACHER})
    prints = {one: fingerprint(one) for one in ready}
    todo = [one for one in ready if done.get(f"{one.student}/{one.assignment}") != prints[one]]
    unchanged = len(ready) - len(todo)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        if todo and (wrong := prove(out, sorted({one.assignment for one in todo}), isolated, pool)):
            print(
                "Nothing was graded: the masters' own solutions don't get full marks on this machine.",
                *wrong,
                sep="\n  ",
            )
            return 2
        waiting = {pool.submit(grade, out, one, isolated): one for one in todo}
        for count, future in enumerate(as_completed(waiting), 1):
            one = waiting[future]
            try:
                problem, seconds = future.result()
            except Exception as error:  # whatever a strange file does to us, the others are graded
                problem, seconds = f"{type(error).__name__}: {error}", 0.0
            key = f"{one.student}/{one.assignment}"
            if problem:
                held.append(Found(one.student, one.assignment, one.path, f"nbgrader stopped: {problem}"))
                ready.remove(one)
            else:
                done[key] = prints[one]
                record.write_text(json.dumps(done, indent=1))
            said = "not graded" if problem else marks.summary(out, one.student, one.assignment)
            print(f"{count}/{len(todo)}  {one.student:16} {one.assignment:20} {said}  {seconds:.1f} s", flush=True)
    sweep()
    marks.write(out, ready, held)
    spent = time.perf_counter() - start
    print(f"{len(todo)} graded in {spent:.0f} s ({spent / max(1, len(todo)):.1f} s each), {unchanged} unchanged.")
    print(f"Read {out}/marks.csv" + (f", and look at {len(held)} in problems.csv" if held else ""))
    if count := marks.unmarked(out):
        print(
            f"{count} written answers wait for you: fill in the column points of {out}/written.csv, and run this again."
        )
    return 0


def describe(isolated: bool) -> str:
    if not isolated:
        return "NO SANDBOX: a submission can read and change your files, and use the network."
    hold = {"cgroup": "", "systemd": "", "rlimit": " (memory for each process alone: no cgroup here)"}[limits()]
    most = f"{MEMORY // 2**30} GB of memory{hold}, {DISK // 2**20} MB of disk, {PROCESSES} processes"
    return f"Each runs in bubblewrap: no network, {most}, {CALL} s an answer, {TOTAL} s in all."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
