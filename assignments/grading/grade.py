"""Grade a folder of submissions, offline: ``make grade SUBMISSIONS=dir``. The teacher's guide says how.

dir is what your LMS gives out, zipped or not, or one folder a student: dir/STUDENT/NAME.ipynb. Beside dir, in ``dir-marks``,
it writes marks.csv, questions.csv, written.csv (fill in its column "points" and run the command again), problems.csv,
ranking.csv, feedback/STUDENT/NAME.html, and what the LMS takes back.
"""

import argparse
import csv
import fcntl
import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import apart
import course
import find
import lms
import marks
import nbformat
from find import TEACHER, Found, shown
from sandbox import CALL, DISK, ENVIRONMENT, MEMORY, PROCESSES, TOTAL, bubblewrap, limits, sweep

LOOK, MARK = 60, 1200  # processor seconds for our part: to look at a file; for the tests of a submission


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


def fingerprint(one: Found, packages: bytes) -> str:
    """Changes when the submission, its master or one of the course's packages does: then it is graded again. Empty: no file."""
    try:
        content = [one.student.encode(), one.path.read_bytes(), course.MASTERS[one.assignment].read_bytes(), packages]
    except OSError:
        return ""
    return hashlib.sha256(b"".join(content)).hexdigest()


def prove(out: Path, names: list[str], isolated: bool, pool: ThreadPoolExecutor) -> list[str]:
    """Grade every master's own solution. What does not get full marks here would give everybody too little."""
    from marking import mark  # here, since it needs torch

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


def folder(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions")
    parser.add_argument("--jobs", type=int, default=max(1, min(8, os.cpu_count() or 1)))
    parser.add_argument("--again", metavar="STUDENT", nargs="?", const="", help="grade again what has not changed, too")
    parser.add_argument("--anyway", action="store_true", help="grade submissions with problems as they are")
    parser.add_argument("--no-sandbox", action="store_true", help="without bubblewrap: only for code that you trust")
    parser.add_argument("--roster", type=Path, help="CSV: who is who, from the LMS or with id, name, email, lms")
    parser.add_argument("--due", type=datetime.fromisoformat, help="'2026-12-01 23:59': marks.csv counts late days")
    options = parser.parse_args(arguments)
    place, isolated = Path(options.submissions), not options.no_sandbox
    if not options.submissions or not (place.is_dir() or (place.suffix.casefold() == ".zip" and place.is_file())):
        print(
            f"{options.submissions!r} is no folder and no zip: it should hold a folder a student, or be an LMS's download"
        )
        return 2
    if isolated and not bubblewrap():
        print(
            "bubblewrap 0.8 is missing, or may not work here. Without it a submission can read and change your files."
        )
        print("Debian, Ubuntu: sudo apt install bubblewrap. To grade only code that you trust: NO_SANDBOX=1")
        return 2
    if os.getuid() == 0:
        print("WARNING: you are root. What breaks out of a sandbox would own this machine: grade as an ordinary user.")
    out = place.resolve().parent / f"{place.resolve().name.removesuffix('.zip')}-marks"
    with (folder(out / "course") / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it falls off when its process ends, however it ends
        except OSError:
            print(f"Another run grades into {out}. Wait for it, or stop it.")
            return 2
        os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in ("PATH", "DENOISE_DATA")})
        os.environ["PYTHONSAFEPATH"] = "1"  # a file called marking.py among the submissions is none of ours
        try:
            entries, people = marks.read_written(out), lms.roster(options.roster) if options.roster else []
            if place.is_file():
                lms.unpack(place, out / "course" / "download")
                place = find.inner(out / "course" / "download")
        except (ValueError, OSError, csv.Error) as error:  # a table of the teacher's, or an archive, that can't be read
            print(f"Nothing was graded: {error}")
            return 2
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            try:
                return grade_all(place, out, isolated, options, entries, people, pool)
            except KeyboardInterrupt:
                print("\nStopped. What was graded is kept: run the command again to go on.", flush=True)
                os._exit(130)  # the processes at work end with this one


def grade_all(place: Path, out: Path, isolated: bool, options, entries: dict, people: list[dict], pool) -> int:
    sweep()
    start = time.perf_counter()
    named = find.find(place, folder(out / "course" / "unpacked"), people)
    if not named:
        print(f"no notebook in {place}: it should hold one folder a student, such as {place}/ada/02_noise.ipynb")
        return 2
    found, newer = looked_at(named, pool)
    packages = b"".join(path.read_bytes() for path in sorted(course.ROOT.glob("denoise_*/**/*.py")))
    prints = {one: fingerprint(one, packages) for one, name in zip(found, named) if not name.problem}
    prints = {one: text for one, text in prints.items() if text}
    records = {one: marks.record(out, one) for one in prints}
    as_before = [one for one in prints if records[one].get("print") == prints[one]]  # also what was once graded anyway
    ready = [one for one in prints if one.problem is None or options.anyway or one in as_before]
    held = [one for one in found if one not in ready]
    print(f"{len(found)} submissions, {len(held)} with a problem. {describe(isolated)}")
    for one in held:
        print(f"  {shown(one.student)} {shown(one.path.name)}: {one.problem}")
    for name, questions in newer.items():
        if questions:
            print(
                f"  {name}: no submission has {', '.join(sorted(questions))}. Came later? It is left out of the marks."
            )
    again = None if options.again is None else options.again.casefold()
    if again and again not in [one.student.casefold() for one in ready]:
        print(f"Nothing was graded: there is nothing of {options.again!r} to be graded again.")
        return 2
    todo = [one for one in ready if one not in as_before or again in ("", one.student.casefold())]
    if todo and (wrong := prove(out, sorted({one.assignment for one in todo}), isolated, pool)):
        print("Nothing was graded: the masters' own solutions don't get full marks here.", *wrong, sep="\n  ")
        return 2
    for number, (one, record) in enumerate(graded(todo, isolated, out, newer, pool), 1):
        if isinstance(record, str):
            held.append(replace(one, problem=f"not graded: {record}"))
            ready.remove(one)
            marks.record_file(out, one).unlink(missing_ok=True)
        else:
            records[one] = record | {"print": prints[one]}
            marks.keep(out, one, records[one])
        said = "not graded" if isinstance(record, str) else marks.summary(record["rows"])
        print(f"{number}/{len(todo)}  {one.student:16} {one.assignment:20} {said}", flush=True)
    sweep()
    waits = marks.write(out, {one: records[one] for one in ready}, held, entries, people, options.due, pool)
    spent = time.perf_counter() - start
    each, unchanged = spent / max(1, len(todo)), sum(one not in todo for one in ready)
    print(f"{len(todo)} graded in {spent:.0f} s ({each:.1f} s each), {unchanged} unchanged.")
    print(f"Read {out}/marks.csv" + (f", and look at {len(held)} in problems.csv" if held else ""))
    if waits:
        print(f"{waits} written answers wait for you: fill in points in {out}/written.csv, and run this again.")
    return 0


def graded(todo: list[Found], isolated: bool, out: Path, newer: dict, pool: ThreadPoolExecutor):
    """Yields each submission with its record, or with why it has none. The final projects come last, one after the other: their
    training wants a machine of its own."""
    from marking import mark

    def one_record(one: Found) -> dict | str:
        try:
            return apart.call(mark, one, isolated, out / "course", newer[one.assignment], seconds=MARK)
        except apart.Stopped as error:
            return str(error)

    together = {pool.submit(one_record, one): one for one in todo if one.assignment != "final_project"}
    for future in as_completed(together):
        yield together[future], future.result()
    yield from ((one, one_record(one)) for one in todo if one.assignment == "final_project")


def describe(isolated: bool) -> str:
    if not isolated:
        return "NO SANDBOX: a submission can read and change your files, and use the network."
    hold = {"cgroup": "", "systemd": "", "rlimit": " (memory for each process alone: no cgroup here)"}[limits()]
    most = f"{MEMORY // 2**30} GB of memory{hold}, {DISK // 2**20} MB of disk, {PROCESSES} processes"
    return f"Each runs in bubblewrap: no network, {most}, {CALL} s of work an answer, {TOTAL} s in all."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
