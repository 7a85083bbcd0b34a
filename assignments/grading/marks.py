"""From nbgrader's gradebook to files that a teacher reads: marks, questions, answers in words, ranking, feedback pages."""

import csv
import html
import os
import re
from collections.abc import Iterable
from pathlib import Path

import course
from nbgrader.api import Gradebook, MissingEntry

csv.field_size_limit(10**9)  # a student's answer may hold anything
LONGEST = 30_000  # characters of a text in a table: what a spreadsheet's cell can hold
SAFE = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"""


def gradebook(out: Path) -> Gradebook:
    return Gradebook(course.config(out / "course").CourseDirectory.db_url)


def enrol(out: Path, students: set[str]) -> None:
    """Enter the students, before several processes do it for the same one at once."""
    with gradebook(out) as book:
        for student in sorted(students):
            book.update_or_create_student(student)


def graded(out: Path, student: str, assignment: str) -> dict:
    """grade_id → cell of the notebook as nbgrader has executed it."""
    return course.by_id(course.read(out / "course" / "autograded" / student / assignment / f"{assignment}.ipynb"))


def said(cell) -> str:
    """What the student reads below a test: its printed text, the error in one line."""
    texts = [output.get("text", "") for output in cell.get("outputs", [])]
    texts += [
        " ".join(f"{output.ename}: {output.evalue}".split())
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    return "".join(texts).strip()


def rows(out: Path, student: str, assignment: str) -> list[dict]:
    """One row for each cell that gives marks; points is None while an answer in words waits for the teacher."""
    cells = graded(out, student, assignment)
    with gradebook(out) as book:
        try:
            notebook = book.find_submission_notebook(assignment, assignment, student)
        except MissingEntry:
            return []
        found = {
            grade.name: (None if grade.needs_manual_grade else grade.score, grade.max_score)
            for grade in notebook.grades
        }
    result = []
    for key in [key for key in cells if key in found]:
        points, most = found[key]
        words = cells[key].cell_type == "markdown"
        text = (cells[key].source if words else said(cells[key]))[:LONGEST]
        row = {"student": student, "assignment": assignment, "question": key, "points": points, "of": most}
        result.append(row | {"says": text, "written": words})
    return result


def summary(out: Path, student: str, assignment: str) -> str:
    found = rows(out, student, assignment)
    waits = sum(row["of"] for row in found if row["points"] is None)
    total, most = sum(row["points"] or 0 for row in found), sum(row["of"] for row in found)
    return f"{total:4g} of {most:g}" + (f", {waits:g} wait for you" if waits else "")


def as_text(value):
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@")) else value


def table(path: Path, columns: list[str], lines: Iterable[dict]) -> None:
    """A CSV in which nothing that a student wrote can become a spreadsheet's formula. The old file stays until it is whole."""
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for line in lines:
            writer.writerow({name: as_text(line[name]) for name in columns})
    os.replace(new, path)


def read_written(out: Path) -> dict[tuple[str, str, str], dict]:
    """The teacher's entries in written.csv. Raises ``ValueError`` that names the row, if points are no number in range."""
    path, entries = out / "written.csv", {}
    if not path.exists():
        return entries
    with path.open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            points = (row["points"] or "").strip().replace(",", ".")
            if points and not (re.fullmatch(r"\d+(\.\d+)?", points) and float(points) <= float(row["of"])):
                raise ValueError(
                    f"{path}, row {number}: points is {row['points']!r}: it should be from 0 to {row['of']}"
                )
            entries[row["student"], row["assignment"], row["question"]] = row | {"points": points}
    return entries


def enter_written(out: Path, entries: dict, lines: list[dict]) -> None:
    """Put the teacher's points into the gradebook; an entry for an answer that has changed since is dropped."""
    with gradebook(out) as book:
        for row in [row for row in lines if row["written"] and row["says"].strip()]:
            entry = entries.get((row["student"], row["assignment"], row["question"]))
            if not entry or not entry["points"] or entry["answer"].lstrip("'") != row["says"].lstrip("'"):
                continue
            grade = book.find_grade(row["question"], row["assignment"], row["assignment"], row["student"])
            grade.manual_score, grade.needs_manual_grade = float(entry["points"]), False
            comment = book.find_comment(row["question"], row["assignment"], row["assignment"], row["student"])
            comment.manual_comment = entry["comment"] or None
            row["points"] = float(entry["points"])
        book.db.commit()


def write(out: Path, ready: list, held: list) -> None:
    """All files, anew, from the gradebook and written.csv."""
    entries = read_written(out)
    lines = [row for one in ready for row in rows(out, one.student, one.assignment)]
    enter_written(out, entries, lines)
    columns = ["student", "assignment", "question", "points", "of", "says"]
    table(out / "questions.csv", columns, (row for row in lines if not row["written"]))
    columns = ["student", "assignment", "question", "of", "points", "comment", "answer", "rubric"]
    table(out / "written.csv", columns, to_mark(lines, entries))
    problems = [{"student": one.student, "assignment": one.assignment} for one in held]
    problems = [line | {"file": one.path.name, "problem": one.problem} for line, one in zip(problems, held)]
    table(out / "problems.csv", ["student", "assignment", "file", "problem"], problems)
    table(out / "marks.csv", ["student", "assignment", "points", "of", "remark"], totals(lines, problems))
    project = [row for row in lines if (row["assignment"], row["question"]) == ("final_project", "training_hidden")]
    scores = [(re.search(r"^score: (\d+\.\d+)$", row["says"], flags=re.M), row["student"]) for row in project]
    scores = sorted((float(found[1]), student) for found, student in scores if found)
    ranking = [{"place": place, "student": student, "score": score} for place, (score, student) in enumerate(scores, 1)]
    table(out / "ranking.csv", ["place", "student", "score"], ranking)
    for one in ready:
        write_feedback(out, one.student, one.assignment)


def to_mark(lines: list[dict], entries: dict) -> list[dict]:
    """The rows of written.csv: one question after the other, all students' answers to it."""
    rubrics = {name: course.written(name) for name in {row["assignment"] for row in lines}}
    found = []
    for row in [row for row in lines if row["written"]]:
        entry = entries.get((row["student"], row["assignment"], row["question"]), {})
        rubric = rubrics[row["assignment"]][row["question"]][1].removeprefix("**Rubric.** ")
        points = "" if row["points"] is None else f"{row['points']:g}"
        found.append(
            row | {"points": points, "comment": entry.get("comment", ""), "answer": row["says"], "rubric": rubric}
        )
    return sorted(found, key=lambda row: (row["assignment"], row["question"], row["student"]))


def totals(lines: list[dict], problems: list[dict]) -> list[dict]:
    """The rows of marks.csv, one for each submission, those with problems too."""
    found = [line | {"points": "", "of": "", "remark": f"not graded: {line['problem']}"} for line in problems]
    for student, assignment in {(row["student"], row["assignment"]): None for row in lines}:
        mine = [row for row in lines if (row["student"], row["assignment"]) == (student, assignment)]
        waits = sum(row["of"] for row in mine if row["points"] is None)
        remark = f"{waits:g} points for answers in words are still open" if waits else ""
        points, most = sum(row["points"] or 0 for row in mine), sum(row["of"] for row in mine)
        found.append({"student": student, "assignment": assignment, "points": points, "of": most, "remark": remark})
    return sorted(found, key=lambda line: (line["assignment"], line["student"]))


def write_feedback(out: Path, student: str, assignment: str) -> None:
    report = course.call(course.api(out / "course").generate_feedback, assignment, student, force=True)
    if not report["success"]:
        raise RuntimeError(f"nbgrader can't make the feedback for {student}: {report['log'] or report['error']}")
    page = out / "feedback" / student / f"{assignment}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    text = (out / "course" / "feedback" / student / assignment / f"{assignment}.html").read_text(encoding="utf-8")
    text = re.sub(r"<script\b.*?</script>", "", text, flags=re.S)  # one would load MathJax from the web
    summary = "".join(feedback_line(row) for row in rows(out, student, assignment))
    text = text.replace("<head>", f"<head>{SAFE}", 1)  # whatever a student wrote, nothing is loaded and nothing runs
    before, _, rest = text.partition("<ol>")  # nbgrader's list of "Test cell"s
    page.write_text(f"{before}<ul>{summary}</ul>{rest.partition('</ol>')[2]}", encoding="utf-8")


def feedback_line(row: dict) -> str:
    """One line of the summary on top of a feedback page: the question, its points, what its test says."""
    points = "waits for your teacher" if row["points"] is None else f"{row['points']:g}"
    said = "" if row["written"] else f"<br>{html.escape(row['says'][:500])}"
    return f'<li><a href="#{row["question"]}">{row["question"].replace("_", " ")}</a>: {points} of {row["of"]:g}{said}</li>'


def unmarked(out: Path) -> int:
    return sum(1 for entry in read_written(out).values() if not entry["points"])
