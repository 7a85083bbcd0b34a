"""From the records to files that a teacher reads: marks, questions, answers in words, ranking, feedback pages, the LMS's."""

import csv
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from . import apart, course, feedback, find, lms
from .find import Found

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"  # with these a formula begins
CUTS = ';|\t\r\n\v\f\x85\u2028\u2029"'  # where some spreadsheet begins a cell, whatever the file says
PAGE = 60  # processor seconds for a feedback page


def record_file(out: Path, one: Found) -> Path:
    return out / "course" / "records" / one.student / f"{one.assignment}.json"


def record(out: Path, one: Found) -> dict:
    """What is known of an earlier grading; nothing, if the file is not there or not whole."""
    try:
        found = json.loads(record_file(out, one).read_text(encoding="utf-8"))
        return found if isinstance(found["rows"], list) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def keep(out: Path, one: Found, content: dict) -> None:
    replace_file(record_file(out, one), json.dumps(content))
    replace_file(out / "code" / one.assignment / f"{one.student}.py", content["code"])


def replace_file(path: Path, text: str, encoding: str = "utf-8") -> None:
    """The old file stays until the new one is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("w", newline="", encoding=encoding, errors="backslashreplace") as file:
        file.write(text)
    os.replace(new, path)


def total(rows: list[dict]) -> dict[str, float]:
    """Points by machine and by the teacher, of how many, and for how many the teacher has not decided yet."""
    machine = sum(row["points"] for row in rows if not row["written"])
    words = sum(row["points"] or 0 for row in rows if row["written"])
    waits = sum(row["of"] for row in rows if row["points"] is None)
    return {"machine": machine, "words": words, "of": sum(row["of"] for row in rows), "waits": waits}


def summary(rows: list[dict]) -> str:
    found = total(rows)
    waits = f", {found['waits']:g} wait for you" if found["waits"] else ""
    return f"{found['machine'] + found['words']:4g} of {found['of']:g}{waits}"


def as_text(value):
    """No text begins as a formula, nor does what a spreadsheet may split off. Done twice it is the same as done once."""
    made, begins, marked = [], True, False
    for sign in value if isinstance(value, str) else ():
        if sign in SIGNS and begins and not marked:
            made.append("'")
        begins = sign in CUTS or (begins and (sign.isspace() or sign == "'"))
        marked = sign == "'"
        made.append(sign)
    return "".join(made) if isinstance(value, str) else value


def table(path: Path, columns: list[str], lines: Iterable[dict], sign: str = ",") -> None:
    """A CSV in which nothing that a student wrote can become a spreadsheet's formula. sign: what stands between its cells; a
    spreadsheet that reads semicolons reads decimal commas."""
    text, point = io.StringIO(), "," if sign == ";" else "."
    writer = csv.writer(text, delimiter=sign)
    writer.writerow(columns)
    for line in lines:
        cells = [line.get(name, "") for name in columns]
        writer.writerow(f"{cell:g}".replace(".", point) if isinstance(cell, float) else as_text(cell) for cell in cells)
    replace_file(path, text.getvalue(), "utf-8-sig")


def letters(*texts: str) -> str:
    """A short name for texts, which no spreadsheet takes for a number or a date."""
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return digest.translate(str.maketrans("0123456789", "ghijklmnop"))


def key_of(row: dict) -> str:
    return letters(row["student"], row["assignment"], row["question"])


def read_written(out: Path) -> dict[str, dict]:
    """The teacher's entries in written.csv, by their rows' keys, as any spreadsheet saves it. Raises ``ValueError`` that names
    the row and the student, if points are no number in range."""
    path, entries = out / "written.csv", {}
    for row in lms.read_table(path) if path.exists() else []:
        if not {"key", "points", "of", "comment"} <= set(row):
            raise ValueError(
                f"{path} has lost a column: it needs key, of, points and comment. Take it from a copy of yours"
            )
        points, most = (row[name].strip().replace(",", ".") for name in ("points", "of"))
        if points and not (re.fullmatch(r"[0-9]+(\.[0-9]+)?", points) and float(points) <= float(most)):
            where = f"{path}, row {row['row']} ({row.get('student')}, {row.get('assignment')})"
            raise ValueError(f"{where}: points is {row['points']!r}: it should be from 0 to {most}")
        entries[row["key"].strip().partition("-")[0]] = row | {"points": points, "key": row["key"].strip()}
    return entries


def write(
    out: Path, records: dict[Found, dict], held: list[Found], entries: dict, people: list[dict], due, pool
) -> int:
    """All files, anew. Returns how many answers in words wait for the teacher."""
    lines = {
        one: [row | {"student": one.student, "assignment": one.assignment} for row in made["rows"]]
        for one, made in records.items()
    }
    every = [row for rows in lines.values() for row in rows]
    words = sorted((row for row in every if row["written"]), key=lambda row: (row["assignment"], row["question"]))
    rubrics = {name: course.written(name) for name in {row["assignment"] for row in words}}
    for row in words:
        enter(row, entries.get(key_of(row)), rubrics[row["assignment"]][row["question"]][1])
    known, mine = {key_of(row) for row in words}, out / "written.csv"
    lost = [row for key, row in entries.items() if key not in known and (row["points"] or row["comment"])]
    sign = lms.sign_of(lms.decoded(mine)) if mine.exists() else ","  # as the teacher's spreadsheet has saved it
    found = sorted(totals(lines, held, people, due), key=lambda line: (line["assignment"], line["student"]))
    scores = sorted((made["score"], one.student) for one, made in records.items() if made.get("score") is not None)
    ranking = [
        {"place": place, "student": one, "score": f"{score:.4f}"} for place, (score, one) in enumerate(scores, 1)
    ]
    problems = [vars(one) | {"file": find.shown(one.path.name)} for one in held]
    for name, columns, rows in (
        ("questions", "student assignment question points of says", [row for row in every if not row["written"]]),
        ("written", "key student assignment question of points comment earlier answer rubric", [*words, *lost]),
        ("problems", "student assignment file problem", problems),
        ("marks", "student name assignment points of machine words late remark", found),
        ("ranking", "place student score", ranking),
    ):
        table(out / f"{name}.csv", columns.split(), rows, sign)
    names = {person["id"]: person["name"] for person in people}
    list(pool.map(lambda one: give_back(out, one, lines[one], names.get(one.student, ""), records[one]), lines))
    for_lms(out, lines, people, found)
    return sum(row["points"] is None for row in words)


def for_lms(out: Path, lines: dict[Found, list[dict]], people: list[dict], found: list[dict]) -> None:
    """Marks and pages as Moodle and Canvas take them, if that is where the submissions came from."""
    came = {(one.student, one.assignment): one.came for one in lines if lms.sender(one.came)}
    if not came and not people:
        return
    rows = [row | {"open": row["points"] == ""} for row in found if row.get("of")]
    for row in rows:
        sender = lms.sender(came.get((row["student"], row["assignment"]), ""))
        row["number"] = sender.number if sender else ""
    folder = out / "lms"
    folder.mkdir(exist_ok=True)
    systems = {"moodle" if "_assignsubmission_" in name else "canvas" for name in came.values()}
    lms.exports(folder, people, rows, systems or {"moodle", "canvas"})
    for name in sorted({one.assignment for one in lines}):
        pages = {one.student: page_of(out, one) for one in lines if one.assignment == name}
        lms.feedback_zip(folder, name, pages, {student: sent for (student, of), sent in came.items() if of == name})


def enter(row: dict, entry: dict | None, rubric: str) -> None:
    """Put the teacher's entry to an answer. If the words have changed since, its points are only told, not given."""
    said = row["says"].strip()
    row |= {"key": f"{key_of(row)}-{letters(said)}", "answer": row["says"], "comment": "", "earlier": ""}
    row["rubric"] = rubric.removeprefix("**Rubric.** ")
    if entry:
        same = entry["key"] == row["key"]
        row["comment"], row["told"] = entry["comment"], entry["comment"] if same else ""  # told: on the page
        row["earlier"] = entry.get("earlier", "") if same else f"{entry['points']} for other words"
        row["points"] = float(entry["points"]) if same and entry["points"] else row["points"]


def totals(lines: dict[Found, list[dict]], held: list[Found], people: list[dict], due: datetime | None):
    """The rows of marks.csv, one for each submission, those with problems too, and for each student of the roster who has
    handed in nothing. No total while words are open."""
    names, here = {person["id"]: person["name"] for person in people}, set()
    for one in [*lines, *held]:
        rows = total(lines[one]) if one in lines else {}
        waits = rows.get("waits", 0)
        remark = f"{waits:g} points for answers in words are still open" if waits else ""
        points = "" if waits or not rows else rows["machine"] + rows["words"]
        sender = lms.sender(one.came)
        late = max(0, math.ceil((one.path.lstat().st_mtime - due.timestamp()) / 86_400)) if due else ""
        late = late or ("yes" if sender and sender.late else late)
        here.add((one.student, one.assignment))
        line = {"student": one.student, "assignment": one.assignment, "name": names.get(one.student, ""), "late": late}
        wrong = one.problem and f"{'graded anyway' if rows else 'not graded'}: {one.problem}"
        yield line | rows | {"points": points, "remark": "; ".join(filter(None, [remark, wrong]))}
    for name in sorted({one.assignment for one in lines}):
        for person in [person for person in people if (person["id"], name) not in here]:
            yield {"student": person["id"], "name": person["name"], "assignment": name, "remark": "nothing handed in"}


def page_of(out: Path, one: Found) -> Path:
    return out / "feedback" / one.student / f"{one.assignment}.html"


def give_back(out: Path, one: Found, rows: list[dict], name: str, made: dict) -> None:
    """The feedback page, if something of it is new. Whatever a cell does to it, there is one: then without the notebook."""
    path = page_of(out, one)
    content = (name or one.student, one.assignment, rows, made["date"], made["print"])
    mark = f"<!-- {letters(json.dumps(content))} -->"
    if path.exists() and path.read_bytes()[: len(mark)] == mark.encode():
        return
    notebook = out / "course" / "executed" / one.student / f"{one.assignment}.ipynb"
    try:
        text = apart.call(feedback.page, notebook, *content[:4], seconds=PAGE)
    except apart.Stopped:
        text = feedback.page(None, *content[:4])
    replace_file(path, mark + text)
