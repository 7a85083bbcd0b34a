"""Honest, odd, broken and hostile submissions, graded by one command: the honest ones get what a person would give, the others
lose their own marks and nobody else's. The tricks are in ``tricks.py``, by another author than the grader's."""

import csv
import html
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import tricks
from bs4 import BeautifulSoup
from masters import most, questions
from ordinary import USER
from test_answers import WRONG

from assignments.grading import course
from assignments.grading.course import MASTERS
from assignments.grading.marking import question_of

ROOT = Path(__file__).parents[2]
GRADE = [sys.executable, "-m", "assignments.grading"]

# student, assignment, {question: the number of its wrong answer in answers/}; None: everything left blank
HONEST = [
    ("ada", "01_data_loading", {}),
    ("bob", "01_data_loading", {0: 0, 2: 1}),
    ("cem", "02_noise", {}),
    ("dora", "02_noise", {0: 1, 1: 2, 4: 0}),
    ("emil", "02_noise", None),
    ("fay", "03_architecture", {1: 3}),
    ("gus", "03_architecture", {0: 0, 1: 0, 2: 0}),
    ("hana", "04_gpu_training", {2: 1}),
    ("ivo", "05_evaluation", {0: 2, 3: 3}),
    ("jun", "06_better_denoisers", {1: 4}),
    ("kim", "07_bug_clinic", {0: 1, 5: 2}),
    ("lea", "07_bug_clinic", {}),
    ("max", "08_what_it_knows", {0: 3, 3: 19, 4: 4}),
    ("nia", "09_without_clean", {1: 11, 4: 18}),
]
# All of them: DENOISE_ALL_TRICKS=1, half an hour. What can't be marked at all costs nothing
CHOSEN = {one.name for one in tricks.TRICKS} if os.environ.get("DENOISE_ALL_TRICKS") else tricks.CORE
TRIED = [one for one in tricks.TRICKS if one.name in CHOSEN or one.most is None] + tricks.ODD


def hand_in(folder, released, student, name, answers):
    """Write a submission: the student version with the master's answers, but for those given; None: blank."""
    notebook = course.read(released[name]) if answers is None else course.solved(name, released[name])
    cells = course.by_id(notebook)
    cells["student"].source = f'student = "{student}"'
    for question, source in (answers or {}).items():
        cells[question].source = source
    path = folder / student / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def grade(folder, *options, ordinary=False):
    """The command that a teacher types; as an ordinary user, where this is root."""
    start = ["unshare", "--mount", sys.executable, str(Path(__file__).with_name("ordinary.py"))]
    command = [*GRADE, str(folder), *options]
    command = start + command if ordinary and os.getuid() == 0 else command
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600)


def rows(folder, name):
    with (folder.parent / f"{folder.name}-marks" / name).open(encoding="utf-8-sig", newline="") as file:
        text = file.read()
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in text.splitlines()[0] else ","))


@pytest.fixture(scope="module")
def course_folder(released, sandbox):
    """Honest students, some odd ones, and everybody who tries something, graded once, by an ordinary user."""
    with tempfile.TemporaryDirectory(prefix="a course ü") as top:
        folder = Path(top) / "submissions"
        for student, name, chosen in HONEST:
            asked, table = questions(name), WRONG[name]
            answers = None if chosen is None else {asked[i]: table[asked[i]][k][0] for i, k in chosen.items()}
            hand_in(folder, released, student, name, answers)
        for trick in TRIED:
            notebook = course.solved(trick.assignment, released[trick.assignment])
            course.by_id(notebook)["student"].source = f'student = "{trick.name}"'
            trick.make(folder / trick.name, notebook)
        for path in [Path(top), *Path(top).glob("**/*")]:
            if os.getuid() == 0:
                os.chown(path, USER, USER, follow_symlinks=False)
        done = grade(folder, ordinary=True)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr
        yield folder, done


def expected(student, name, chosen):
    asked, table = questions(name), WRONG[name]
    full = {question: 0 if chosen is None else most(name, question) for question in asked}
    return full | {asked[i]: table[asked[i]][k][1] for i, k in (chosen or {}).items()}


def by_question(folder, student):
    found = {}
    for row in rows(folder, "questions.csv"):
        if row["student"] == student:
            question = question_of(row["question"])
            points, text = found.get(question, (0.0, ""))
            found[question] = (points + float(row["points"]), text + row["says"] + "\n")
    return found


@pytest.mark.parametrize(("student", "name", "chosen"), HONEST)
def test_honest_submissions_get_what_a_person_gives(course_folder, student, name, chosen):
    folder, _ = course_folder
    found, wanted = by_question(folder, student), expected(student, name, chosen)
    assert {question: points for question, (points, _) in found.items()} == wanted, found
    (row,) = [row for row in rows(folder, "marks.csv") if row["student"] == student]
    assert float(row["machine"]) == sum(wanted.values()) and float(row["of"]) == 20
    assert row["points"] == ("0" if chosen is None else ""), "no total while words are open"
    assert row["remark"] == ("" if chosen is None else f"{words(name):g} points for answers in words are still open")


def words(name):
    return sum(points for points, _ in course.written(name).values())


@pytest.mark.parametrize("trick", TRIED, ids=lambda trick: trick.name)
def test_a_trick_wins_nothing_and_costs_nobody_else_anything(course_folder, trick):
    folder, done = course_folder
    found = [row for row in rows(folder, "marks.csv") if row["student"].lstrip("'") == trick.name]
    points = [float(row["machine"]) for row in found if row["machine"]]
    if trick in tricks.ODD:
        assert points == [trick.most], (found, by_question(folder, trick.name))
    elif points:
        assert trick.most is not None and points[0] <= trick.most, (found, by_question(folder, trick.name))
        assert (folder.parent / "submissions-marks" / "feedback" / trick.name / f"{trick.assignment}.html").exists()
    else:
        held = [row for row in rows(folder, "problems.csv") if trick.name in row["student"] or trick.name == "folders"]
        assert held and all(row["problem"] for row in held), done.stdout


def test_nobody_cheats_into_the_ranking(course_folder):
    assert {row["student"] for row in rows(course_folder[0], "ranking.csv")} <= {"spoils"}, (
        "who trained, on what they spoilt"
    )


def test_progress_and_summary(course_folder):
    printed = course_folder[1].stdout
    assert course_folder[1].stderr == ""
    assert re.search(r"^\d+ submissions, \d+ with a problem", printed, flags=re.M)
    assert re.search(r"\d+ graded in \d+ s \(\d+\.\d s each\)", printed)
    assert printed.count("gets full marks") == len(MASTERS)
    assert all(sign.isprintable() or sign == "\n" for sign in printed)


def test_feedback_pages(course_folder):
    folder, _ = course_folder
    pages = sorted((folder.parent / "submissions-marks" / "feedback").glob("*/*.html"))
    assert len(pages) == len([row for row in rows(folder, "marks.csv") if row["machine"]])
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "BEGIN HIDDEN" not in text
        for one in BeautifulSoup(text, "html.parser").find_all(True):
            assert one.name not in ("script", "iframe", "object", "form", "svg", "link", "base"), one
            assert not [name for name in one.attrs if name.startswith("on")], one
            assert re.match("(https?|mailto):|[^:]*$", one.get("href", "")), one
            assert re.match("data:|#|$", one.get("src", "")), one
        assert text.index("default-src 'none'") < text.index("<title>")
        assert f"<h1>{page.parent.name}: {page.stem}</h1>" in text and re.search(r"<b>\d+(\.\d+)? of 20 points", text)
    cells = course.read(MASTERS["02_noise"]).cells
    hidden = {line for cell in cells for part in course.HIDDEN.findall(cell.source) for line in part.splitlines()}
    public = "\n".join(course.visible_part(cell) for cell in cells)
    text = (folder.parent / "submissions-marks" / "feedback" / "dora" / "02_noise.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    assert "Hidden tests: other sizes" in text
    assert not [line for line in hidden if len(line) > 30 and line.strip() in text and line.strip() not in public]


def test_same_marks_when_graded_again(course_folder, released, tmp_path):
    """From nothing, one student of those with random numbers in the tests."""
    folder = course_folder[0]
    for student in ("dora", "jun"):
        (tmp_path / "few" / student).mkdir(parents=True)
        for file in (folder / student).iterdir():
            (tmp_path / "few" / student / file.name).write_bytes(file.read_bytes())
    assert grade(tmp_path / "few").returncode == 0
    for student in ("dora", "jun"):
        assert by_question(tmp_path / "few", student) == by_question(folder, student)
