"""Grade a folder of submissions, offline: ``make grade SUBMISSIONS=dir``. The teacher's guide says how.

dir is what your LMS gives out, zipped or not, or one folder a student: dir/STUDENT/NAME.ipynb. Beside dir, in ``dir-marks``,
it writes marks.csv, questions.csv, written.csv (fill in its column "points" and run the command again), problems.csv,
ranking.csv, feedback/STUDENT/NAME.html, and what the LMS takes back.
"""

import argparse
import contextlib
import csv
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import nbformat

from . import apart, course, find, lms, marks
from .find import TEACHER, Found, shown
from .sandbox import CALL, DISK, ENVIRONMENT, MEMORY, PROCESSES, TOTAL, bubblewrap, limits, sweep

LOOK, MARK = 60, 1200  # processor seconds for our part: to look at a file; for the tests of a submission
NO_SANDBOX = """bubblewrap 0.8 is missing, or may not work here. Without it a submission can read and change your files.
Debian, Ubuntu: sudo apt install bubblewrap. To grade only code that you trust: NO_SANDBOX=1"""


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    place = Path(options.submissions)
    if not options.submissions or not (place.is_dir() or (place.suffix.casefold() == ".zip" and place.is_file())):
        return refuse(
            f"{str(place)!r} is no folder and no zip: it should hold a folder a student, or be an LMS's download"
        )
    if options.isolated and not bubblewrap():
        return refuse(NO_SANDBOX)
    if os.getuid() == 0:
        print("WARNING: you are root. What breaks out of a sandbox would own this machine: grade as an ordinary user.")
    out = place.resolve().parent / f"{place.resolve().name.removesuffix('.zip')}-marks"
    with (folder(out / "course") / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it falls off when its process ends, however it ends
        except OSError:
            return refuse(f"Another run grades into {out}. Wait for it, or stop it.")
        os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in ("PATH", "DENOISE_DATA")})
        os.environ["PYTHONPATH"] = str(course.ROOT)  # the process that others are forked from finds our modules there
        try:
            entries, people = marks.read_written(out), lms.roster(options.roster) if options.roster else []
            if place.is_file():
                lms.unpack(place, out / "course" / "download")
                place = find.inner(out / "course" / "download")
        except (ValueError, OSError, csv.Error) as error:  # a table of the teacher's, or an archive, that can't be read
            return refuse(f"Nothing was graded: {error}")
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            try:
                return grade_all(place, out, options, entries, people, pool)
            except KeyboardInterrupt:
                print("\nStopped. What was graded is kept: run the command again to go on.", flush=True)
                os._exit(130)  # the processes at work end with this one


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make grade", description=__doc__.splitlines()[0])
    parser.add_argument("submissions")
    parser.add_argument("--jobs", type=int, default=max(1, min(8, os.cpu_count() or 1)))
    parser.add_argument("--again", metavar="STUDENT", nargs="?", const="", help="grade again what has not changed, too")
    parser.add_argument("--anyway", action="store_true", help="grade submissions with problems as they are")
    parser.add_argument(
        "--no-sandbox", dest="isolated", action="store_false", help="without bubblewrap: for code that you trust"
    )
    parser.add_argument("--roster", type=Path, help="CSV: who is who, from the LMS or with id, name, email, lms")
    parser.add_argument("--due", type=datetime.fromisoformat, help="'2026-12-01 23:59': marks.csv counts late days")
    return parser.parse_args(arguments)


def refuse(why: str) -> int:
    print(why)
    return 2


def folder(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


def grade_all(place: Path, out: Path, options, entries: dict, people: list[dict], pool: ThreadPoolExecutor) -> int:
    """Find, look, prove, mark, write. What was graded before and has not changed keeps its record."""
    sweep()
    start = time.perf_counter()
    named = find.find(place, folder(out / "course" / "unpacked"), people)
    if not named:
        return refuse(
            f"no notebook in {place}: it should hold one folder a student, such as {place}/ada/02_noise.ipynb"
        )
    found, newer = looked_at(named, pool)
    prints = fingerprints([one for one, name in zip(found, named) if not name.problem])
    records = {one: marks.record(out, one) for one in prints}
    as_before = {one for one in prints if records[one].get("print") == prints[one]}  # also what was once graded anyway
    ready = [one for one in prints if one.problem is None or options.anyway or one in as_before]
    held = [one for one in found if one not in ready]
    tell(found, held, newer, options.isolated)
    again = None if options.again is None else options.again.casefold()
    if again and again not in [one.student.casefold() for one in ready]:
        return refuse(f"Nothing was graded: there is nothing of {options.again!r} to be graded again.")
    todo = [one for one in ready if one not in as_before or again in ("", one.student.casefold())]
    if todo and (wrong := prove(out, sorted({one.assignment for one in todo}), options.isolated, pool)):
        return refuse(
            "\n  ".join(["Nothing was graded: the masters' own solutions don't get full marks here.", *wrong])
        )
    made = mark_all(todo, out, options.isolated, newer, prints, pool)
    held += [replace(one, problem=f"not graded: {record}") for one, record in made.items() if isinstance(record, str)]
    records |= made
    sweep()
    good = {one: records[one] for one in ready if not isinstance(records[one], str)}
    waits = marks.write(out, good, held, entries, people, options.due, pool)
    spent = time.perf_counter() - start
    each, unchanged = spent / max(1, len(todo)), sum(one not in todo for one in ready)
    print(f"{len(todo)} graded in {spent:.0f} s ({each:.1f} s each), {unchanged} unchanged.")
    print(f"Read {out}/marks.csv" + (f", and look at {len(held)} in problems.csv" if held else ""))
    if waits:
        print(f"{waits} written answers wait for you: fill in points in {out}/written.csv, and run this again.")
    return 0


def looked_at(found: list[Found], pool: ThreadPoolExecutor) -> tuple[list[Found], dict[str, frozenset]]:
    """The submissions with their problems, and assignment → questions that none of several submissions has: they have come
    into the master after it was given out."""

    def look(one: Found) -> tuple[str | None, set[str]]:
        if one.problem:
            return one.problem, set()
        try:
            return apart.call(find.problem_of, one.path, one.assignment, one.student, seconds=LOOK)
        except apart.Stopped as error:
            return f"it can't be read: {error}", set()

    seen, newer = dict(zip(found, pool.map(look, found))), {}
    for name in {one.assignment for one in found} & set(course.MASTERS):
        asked = {*course.answers(name), *course.written(name)}
        here = [cells for one, (_, cells) in seen.items() if one.assignment == name and cells]
        newer[name] = frozenset(asked - set().union(*here) if len(here) > 1 else ())
        for one, (problem, cells) in seen.items():
            if one.assignment == name and not problem and (lost := sorted(asked - newer[name] - cells)):
                seen[one] = (f"{len(lost)} of its answers' cells were deleted, such as {lost[0]!r}: ask again", cells)
    return [replace(one, problem=problem) for one, (problem, _) in seen.items()], newer


def fingerprints(found: list[Found]) -> dict[Found, str]:
    """submission → a text that changes when it does, or what marks it: then it is graded again. A file that can't be read has
    none."""
    names, prints = {one.assignment for one in found}, {}
    marked_by = {name: b"".join(path.read_bytes() for path in course.marked_by(name)) for name in names}
    for one in found:
        with contextlib.suppress(OSError):
            parts = [one.student.encode(), one.path.read_bytes(), marked_by[one.assignment]]
            prints[one] = hashlib.sha256(b"\0".join(parts)).hexdigest()
    return prints


def tell(found: list[Found], held: list[Found], newer: dict[str, frozenset], isolated: bool) -> None:
    """What is there, before the work begins."""
    print(f"{len(found)} submissions, {len(held)} with a problem. {describe(isolated)}")
    for one in held:
        print(f"  {shown(one.student)} {shown(one.path.name)}: {one.problem}")
    for name, questions in newer.items():
        if questions:
            print(
                f"  {name}: no submission has {', '.join(sorted(questions))}. Came later? It is left out of the marks."
            )


def describe(isolated: bool) -> str:
    if not isolated:
        return "NO SANDBOX: a submission can read and change your files, and use the network."
    hold = {"cgroup": "", "systemd": "", "rlimit": " (memory for each process alone: no cgroup here)"}[limits()]
    most = f"{MEMORY // 2**30} GB of memory{hold}, {DISK // 2**20} MB of disk, {PROCESSES} processes"
    return f"Each runs in bubblewrap: no network, {most}, {CALL} s of work an answer, {TOTAL} s in all."


def prove(out: Path, names: list[str], isolated: bool, pool: ThreadPoolExecutor) -> list[str]:
    """Grade every master's own solution. What does not get full marks here would give everybody too little."""
    from .marking import mark  # here, since it needs torch

    wrong, places = [], course.release(folder(out / "course" / "student versions"), names)
    for name, place in places.items():
        path = folder(out / "course" / "solved") / f"{name}.ipynb"
        nbformat.write(course.solved(name, place), path)
        places[name] = pool.submit(apart.call, mark, Found(TEACHER, name, path), isolated, out / "course", seconds=MARK)
    for name, future in places.items():
        try:
            record = future.result()
            short = [row for row in record["rows"] if row["points"] != row["of"] and not row["written"]]
            failed = [f"{name}, {row['question']}: {row['says']}" for row in short[:1]]
            took = f"{record['seconds']:.1f} s"
        except apart.Stopped as error:
            failed, took = [f"{name}: {error}"], ""
        wrong += failed
        said = "does NOT get full marks" if failed else "gets full marks"
        print(f"the master's own solution of {name} {said}  {took}", flush=True)
    return wrong


def mark_all(todo: list[Found], out: Path, isolated: bool, newer: dict, prints: dict[Found, str], pool) -> dict:
    """submission → its record, which is stored too, or a text that says why it could not be graded."""
    made = {}
    for one, record in marked(todo, isolated, out, newer, pool):
        if isinstance(record, str):
            marks.record_file(out, one).unlink(missing_ok=True)
            made[one], said = record, "not graded"
        else:
            made[one] = record | {"print": prints[one]}
            marks.keep(out, one, made[one])
            said = marks.summary(record["rows"])
        print(f"{len(made)}/{len(todo)}  {one.student:16} {one.assignment:20} {said}", flush=True)
    return made


def marked(todo: list[Found], isolated: bool, out: Path, newer: dict, pool) -> Iterator[tuple[Found, dict | str]]:
    """Each submission with its record, or with why it has none. The final projects come last, one after the other: their
    training wants a machine of its own."""
    from .marking import mark

    def one_record(one: Found) -> dict | str:
        try:
            return apart.call(mark, one, isolated, out / "course", newer[one.assignment], seconds=MARK)
        except apart.Stopped as error:
            return str(error)

    together = {pool.submit(one_record, one): one for one in todo if one.assignment != "final_project"}
    for future in as_completed(together):
        yield together[future], future.result()
    yield from ((one, one_record(one)) for one in todo if one.assignment == "final_project")
