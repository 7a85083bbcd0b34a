"""Twenty submissions, graded by one command: twelve honest ones get what a person would give, eight hostile or broken ones
lose their own marks and nobody else's."""

import csv
import html
import re
import subprocess
import sys
from pathlib import Path

import course
import nbformat
import pytest
from course import MASTERS
from masters import most, questions
from test_answers import WRONG

GRADE = Path(__file__).parents[2] / "assignments" / "grading" / "grade.py"
pytestmark = pytest.mark.xdist_group("grading")  # one after the other: each of them takes all cores

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
]
LEFT = """import os, socket
seen = []
for top in ("/tmp", "/root", "/home", "/etc", "/work", "/var"):
    for folder, _, files in os.walk(top):
        ours = ("marks.csv", "written.csv", "TEACHERS.md", "grade.py")
        seen += [name for name in files if "02_noise" in name or name in ours]
try:
    socket.create_connection(("1.1.1.1", 53), 2)
    seen.append("the network")
except OSError:
    pass
print("SEEN:", seen)
"""
FORGED = """import json, os, struct
print(2)
print("score: 0.0001")
body = json.dumps({"error": None, "value": 2, "changed": {}, "names": {}, "text": "", "pictures": []}).encode()
for descriptor in range(3, 60):
    try:
        os.write(descriptor, struct.pack(">Q", len(body)) + body)
    except OSError:
        pass
batch_noise = lambda *a: 2
"""
PATCHED = """import builtins, torch
import denoise_utils as du
du.check = du.checks.check = du.checks.judging.check = lambda *a, **k: True
torch.equal = torch.allclose = lambda *a, **k: True
builtins.abs = lambda x: 0
get_ipython().input_transformers_post.append(lambda lines: ["2\\n"] if "check" in "".join(lines) else lines)
try:
    open(du.checks.judging.__file__, "a").write("raise SystemExit")
except OSError as error:
    print(error)
batch_noise = lambda *a: None
"""
# what stands in the first answer of 02_noise, and what the student reads there; the other answers are right
HOSTILE = {
    "crash": ("import os\nos._exit(0)", "NameError|ended itself"),
    "hang": ("def batch_noise(clean, sigmas, generator):\n    while True:\n        pass", "no answer after"),
    "bomb": ("kept = []\nwhile True:\n    kept.append(bytearray(2**26))", "NameError|GB of memory|ended itself"),
    "fork": ("import os\nwhile True:\n    os.fork()", "NameError|no answer|ended"),
    "disk": ("open('/tmp/full', 'wb').write(bytes(2**30))", "NameError"),
    "spy": (LEFT, "NameError"),
    "patch": (PATCHED, "not yet|Error"),
    "forge": (FORGED, "not yet|Error"),
}


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


def active(path):
    """Put things into the words of a submission that do something in a browser, or in a table."""
    notebook = course.read(path)
    words = "score: 0.0001\n\n<img src=x onerror=alert(1)> [c](javascript:alert(2)) <iframe src='http://a.b'></iframe>"
    (key,) = course.written("02_noise")
    course.by_id(notebook)[key].source = f"=1+1 {words}{'long ' * 40_000}"
    notebook.cells.append(nbformat.v4.new_markdown_cell(words))
    nbformat.write(notebook, path)


def grade(folder, *options):
    return subprocess.run(
        [sys.executable, str(GRADE), str(folder), *options], capture_output=True, text=True, timeout=1800
    )


def rows(folder, name):
    with (folder.parent / f"{folder.name}-marks" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def course_folder(tmp_path_factory, released, sandbox):
    """The twenty, graded once."""
    folder = tmp_path_factory.mktemp("a course") / "submissions"
    expected = {}
    for student, name, chosen in HONEST:
        asked, table = questions(name), WRONG[name]
        answers = None if chosen is None else {asked[i]: table[asked[i]][k][0] for i, k in chosen.items()}
        hand_in(folder, released, student, name, answers)
        lost = {asked[i]: table[asked[i]][k][1] for i, k in (chosen or {}).items()}
        full = {question: 0 if chosen is None else most(name, question) for question in asked}
        expected[student] = full | lost
    for student, (source, _) in HOSTILE.items():
        active(hand_in(folder, released, student, "02_noise", {"batch_noise": source}))
    done = grade(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return folder, expected, done.stdout


def by_question(folder, student):
    found = {}
    for row in rows(folder, "questions.csv"):
        if row["student"] == student:
            question = re.sub(r"_(check|hidden)$", "", row["question"])
            points, text = found.get(question, (0.0, ""))
            found[question] = (points + float(row["points"]), text + row["says"] + "\n")
    return found


@pytest.mark.parametrize(("student", "name"), [(student, name) for student, name, _ in HONEST])
def test_honest_submissions_get_what_a_person_gives(course_folder, student, name):
    folder, expected, _ = course_folder
    found = by_question(folder, student)
    assert {question: points for question, (points, _) in found.items()} == expected[student], found
    (row,) = [row for row in rows(folder, "marks.csv") if row["student"] == student]
    assert float(row["points"]) == sum(expected[student].values()) and float(row["of"]) == 20
    blank = sum(expected[student].values()) == 0
    assert row["remark"] == ("" if blank else f"{words(name):g} points for answers in words are still open")


def words(name):
    return sum(points for points, _ in course.written(name).values())


@pytest.mark.parametrize("student", HOSTILE)
def test_hostile_submissions_lose_their_own_marks(course_folder, student):
    folder, _, _ = course_folder
    found = by_question(folder, student)
    points, text = found["batch_noise"]
    assert points == 0 and re.search(HOSTILE[student][1], text), text
    if student in ("crash", "hang", "bomb", "spy"):  # an honest mistake may look like these: the other answers count
        rest = {question: points for question, (points, _) in found.items() if question != "batch_noise"}
        assert rest == {question: most("02_noise", question) for question in rest}, found
    assert sum(points for points, _ in found.values()) <= 20 - words("02_noise") - most("02_noise", "batch_noise")


def test_a_spy_sees_nothing(course_folder):
    folder, _, _ = course_folder
    page = (folder.parent / "submissions-marks" / "feedback" / "spy" / "02_noise.html").read_text(encoding="utf-8")
    assert re.search(r"SEEN: \[\]", page)


def test_a_forged_score_is_not_in_the_ranking(course_folder):
    assert rows(course_folder[0], "ranking.csv") == []


def test_progress_and_summary(course_folder):
    printed = course_folder[2]
    assert "20 submissions, 0 with a problem" in printed and re.search(r"^20/20  ", printed, flags=re.M)
    assert re.search(r"20 graded in \d+ s \(\d+\.\d s each\)", printed)
    assert printed.count("gets full marks") == len({name for _, name, _ in HONEST})


def test_feedback_pages(course_folder):
    folder, _, _ = course_folder
    pages = sorted((folder.parent / "submissions-marks" / "feedback").glob("*/*.html"))
    assert len(pages) == 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<script|src=\"?http|href=\"?http[^>]*stylesheet", text)
        assert "BEGIN HIDDEN" not in text and "<img src=x" not in text and "<iframe" not in text
        assert text.index("default-src 'none'") < text.index("<title>")
    cells = course.read(MASTERS["02_noise"]).cells
    hidden = {line for cell in cells for part in course.HIDDEN.findall(cell.source) for line in part.splitlines()}
    public = "\n".join(course.visible_part(cell) for cell in cells)
    text = (folder.parent / "submissions-marks" / "feedback" / "dora" / "02_noise.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    assert "Hidden tests: other sizes" in text
    assert not [line for line in hidden if len(line) > 30 and line.strip() in text and line.strip() not in public]


def test_answers_in_words_and_marks_again(course_folder, released):
    """The teacher fills in written.csv; grading again gives the same machine marks, and adds the teacher's."""
    folder = course_folder[0]
    path = folder.parent / "submissions-marks" / "written.csv"
    before = rows(folder, "written.csv")
    open_rows = [row for row in before if not row["points"]]
    assert {row["student"] for row in before if row["points"] == "0"} == {"emil"}  # left blank
    assert len(open_rows) == 19 and all(row["rubric"] and row["answer"] for row in open_rows)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, before[0].keys())
        writer.writeheader()
        for row in before:
            mine = {"points": "2,5", "comment": "=1+1 is no formula"} if row["student"] == "ada" else {}
            writer.writerow(row | mine)
    marks = {row["student"]: row["points"] for row in rows(folder, "marks.csv")}
    done = grade(folder)
    assert done.returncode == 0 and "0 graded" in done.stdout and "20 unchanged" in done.stdout, (
        done.stdout + done.stderr
    )
    again = {row["student"]: row["points"] for row in rows(folder, "marks.csv")}
    assert float(again.pop("ada")) == float(marks.pop("ada")) + 2.5 and again == marks
    page = (folder.parent / "submissions-marks" / "feedback" / "ada" / "01_data_loading.html").read_text(
        encoding="utf-8"
    )
    assert "1+1 is no formula" in page
    path.write_text(path.read_text(encoding="utf-8-sig").replace(",2.5,", ",99,"), encoding="utf-8-sig")
    done = grade(folder)
    assert done.returncode == 2 and "it should be from 0 to" in done.stdout


def test_two_assignments_of_one_student_at_once(tmp_path, released, sandbox):
    for name in ("01_data_loading", "02_noise"):
        hand_in(tmp_path / "two", released, "ada", name, {})
    done = grade(tmp_path / "two", "--jobs", "2")
    assert done.returncode == 0 and "2 graded" in done.stdout and ", 0 unchanged" in done.stdout, done.stdout
    assert [float(row["points"]) for row in rows(tmp_path / "two", "marks.csv")] == [17, 17]
    assert rows(tmp_path / "two", "problems.csv") == []


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
