"""A teacher's week: words marked in any spreadsheet, a download from the LMS, students who hand in twice or not at all, a run
that is killed, a machine that is busy. Each with the command that a teacher types."""

import csv
import functools
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from datetime import datetime

import nbformat
import psutil
import pytest
from bs4 import BeautifulSoup
from test_grading import GRADE, ROOT, grade, hand_in, rows

from assignments.grading import course, feedback, marking, marks
from assignments.grading.find import Found
from assignments.grading.submission import Ended, NotGraded, Submission

NAME = "02_noise"
KEY = "why_clipping"


@pytest.fixture
def folder(graded_once, tmp_path):
    """A copy of the two."""
    shutil.copytree(graded_once.parent, tmp_path / "copy")
    return tmp_path / "copy" / graded_once.name


@pytest.fixture(scope="module")
def graded_once(tmp_path_factory, released, sandbox):
    """Two students, graded: ada with all right, -bob with nothing but words."""
    folder = tmp_path_factory.mktemp("week") / "with ü and space"
    hand_in(folder, released, "ada", NAME, {})
    words(hand_in(folder, released, "-bob", NAME, None), "σ is no bias; =1+1\n- and a list")
    done = grade(folder)
    assert done.returncode == 0 and "2 written answers wait for you" in done.stdout, done.stdout + done.stderr
    return folder


def words(path, text):
    notebook = course.read(path)
    course.by_id(notebook)[KEY].source = text
    nbformat.write(notebook, path)


def written(folder):
    return folder.parent / f"{folder.name}-marks" / "written.csv"


def enter(folder, points, encoding="utf-8-sig", sign=",", changed=lambda row: row):
    """Fill in the column points as a teacher would, and save as a spreadsheet would."""
    lines = rows(folder, "written.csv")
    with written(folder).open("w", newline="", encoding=encoding, errors="replace") as file:
        writer = csv.DictWriter(file, lines[0].keys(), delimiter=sign)
        writer.writeheader()
        for row in lines:
            own = points.get(row["student"].lstrip("'"), {})
            writer.writerow(changed(row | (own if isinstance(own, dict) else {"points": own, "comment": "see ★ ü"})))


def total(folder, student):
    (row,) = [row for row in rows(folder, "marks.csv") if row["student"].lstrip("'") == student]
    return row["points"]


def mangled(row):
    """Excel takes some texts for numbers and dates, and shows what it likes."""
    return row | {"student": "3. Jan", "of": "3,0", "answer": row["answer"].replace("\n", "\r\n"), "question": "1E+05"}


@pytest.mark.parametrize(
    ("encoding", "sign"),
    [("utf-8-sig", ","), ("utf-8-sig", ";"), ("utf-8", "\t"), ("cp1252", ";"), ("utf-16", "\t")],
    ids=["as it was", "German Excel", "LibreOffice with tabs", "German Excel, ANSI", "Excel, Unicode text"],
)
def test_points_from_any_spreadsheet(folder, encoding, sign):
    enter(folder, {"ada": "2,5", "-bob": "1"}, encoding, sign, mangled)
    found = marks.read_written(written(folder).parent)
    assert sorted((entry["key"].count("-"), entry["points"]) for entry in found.values()) == [(1, "1"), (1, "2.5")]


def test_points_are_entered_and_stay(folder):
    enter(folder, {"ada": "2,5", "-bob": "1"}, "cp1252", ";", mangled)
    done = grade(folder)
    assert done.returncode == 0 and "0 graded" in done.stdout and "wait for you" not in done.stdout, done.stdout
    assert total(folder, "ada") == "19,5" and total(folder, "-bob") == "1", "ids that begin with a sign, too"
    assert "see" in (written(folder).parent / "feedback" / "ada" / f"{NAME}.html").read_text(encoding="utf-8")
    assert grade(folder).returncode == 0 and total(folder, "ada") == "19,5", "and they stay"


@pytest.mark.parametrize("points", ["5", "-1", "three", "1e3", "٣"])
def test_points_out_of_range_are_refused_with_the_name(folder, points):
    enter(folder, {"ada": points})
    told = re.escape(f"(ada, {NAME}): points is '{points}': it should be from 0 to 3")
    with pytest.raises(ValueError, match=told):
        marks.read_written(written(folder).parent)


def test_wrong_points_stop_everything_before_it_begins(folder):
    enter(folder, {"ada": "5"})
    before = written(folder).read_bytes()
    done = grade(folder)
    assert done.returncode == 2 and "Nothing was graded" in done.stdout and "(ada, 02_noise)" in done.stdout
    assert written(folder).read_bytes() == before


def test_points_survive_a_mix_up_and_a_new_file_with_the_same_words(folder, released):
    enter(folder, {"ada": "2"})
    other = hand_in(folder, released, "ada", NAME, {"batch_noise": "batch_noise = None"})
    twin = other.with_name(f"{NAME} (1).ipynb")
    twin.write_bytes(other.read_bytes())
    done = grade(folder)
    assert "2 files for one assignment" in done.stdout and total(folder, "ada") == ""
    assert [row["points"] for row in rows(folder, "written.csv") if row["student"] == "ada"] == ["2"]
    twin.unlink()
    assert grade(folder).returncode == 0 and total(folder, "ada") == "15", "13 by machine, and the 2 from before"
    words(other, "Other words.")
    assert "2 written answers wait" in grade(folder).stdout and total(folder, "ada") == ""
    (row,) = [row for row in rows(folder, "written.csv") if row["student"] == "ada"]
    assert (row["points"], row["comment"], row["earlier"]) == ("", "see ★ ü", "2 for other words")


def test_a_double_click_in_german(folder):
    """Once the teacher has saved with semicolons, all tables have them, and decimal commas: else 19.5 is the 19th of May."""
    enter(folder, {"ada": "2,5", "-bob": "1"}, "cp1252", ";", mangled)
    assert grade(folder).returncode == 0
    out = written(folder).parent
    for name in ("marks", "questions", "written"):
        assert ";" in (out / f"{name}.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert "ada;;02_noise;19,5;20;17;2,5;;" in (out / "marks.csv").read_text(encoding="utf-8-sig").splitlines()
    assert grade(folder).returncode == 0 and "ada;;02_noise;19,5;" in (out / "marks.csv").read_text(
        encoding="utf-8-sig"
    )


def test_first_a_mistake_then_the_right_way(tmp_path, released, sandbox):
    """Nobody can be graded at first: the tables that this leaves are no obstacle. What was graded anyway stays so."""
    folder = tmp_path / "s"
    path = folder / "ada" / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(course.solved(NAME, released[NAME]), path)
    path.write_text(path.read_text(encoding="utf-8").replace('\\"teacher\\"', "1234567"), encoding="utf-8")
    done = grade(folder)
    assert done.returncode == 0 and "no student id in quotes" in done.stdout and "ANYWAY=1" in done.stdout
    assert "17 of 20" not in done.stdout and "1/1  ada" in grade(folder, "--anyway").stdout
    done = grade(folder)
    assert "0 graded" in done.stdout and "1 unchanged" in done.stdout
    (row,) = rows(folder, "marks.csv")
    assert float(row["machine"]) >= 15 and "graded anyway: it holds no student id" in row["remark"]


def test_one_student_again(folder):
    done = grade(folder, "--again", "nobody")
    assert done.returncode == 2 and "there is nothing of 'nobody'" in done.stdout
    done = grade(folder, "--again", "ADA")
    assert "1/1  ada" in done.stdout and "1 graded" in done.stdout and "1 unchanged" in done.stdout


def test_what_an_lms_gives_and_takes(tmp_path, released, sandbox):
    """Moodle's zip in, with a roster: marks and pages for its import out. Dora has handed in nothing, Eve is unknown."""
    made = {name: hand_in(tmp_path / "made", released, name, NAME, {}) for name in ("ada", "bob", "eve")}
    roster = "Kennung;Vollständiger Name;E-Mail-Adresse\nada;Ada Lovelace;ada@uni.de\n"
    roster += "bob;Bob Ö'Neil;bob@uni.de\ndora;Dora X;d@uni.de\n"
    (tmp_path / "roster.csv").write_text(roster, encoding="cp1252")
    download = tmp_path / "Kurs-A1.zip"
    with zipfile.ZipFile(download, "w") as target:
        target.write(made["ada"], f"Ada Lovelace_4711_assignsubmission_file_/Kopie von {NAME}.ipynb")
        target.write(made["bob"], f"Bob ÖNeil_4712_assignsubmission_file_{NAME}.ipynb")
        target.write(made["eve"], f"Eve Moneypenny_4713_assignsubmission_file_{NAME}.ipynb")
    done = grade(download, "--roster", str(tmp_path / "roster.csv"), "--due", "2020-01-01 12:00")
    assert done.returncode == 0 and "'Eve Moneypenny', 4713, is not in the roster" in done.stdout, done.stdout
    found = {row["student"]: row for row in csv_of(tmp_path / "Kurs-A1-marks" / "marks.csv")}
    assert found["ada"]["machine"] == found["bob"]["machine"] == "17" and found["ada"]["name"] == "Ada Lovelace"
    sent = datetime.fromtimestamp(made["ada"].stat().st_mtime)
    assert float(found["ada"]["late"]) == (sent - datetime(2020, 1, 1, 12)).days + 1, "the zip's dates count"
    assert found["dora"]["remark"] == "nothing handed in" and "Eve Moneypenny" in "".join(found)
    moodle = {
        row["Identifier"]: row["Grade"] for row in csv_of(tmp_path / "Kurs-A1-marks" / "lms" / f"moodle-{NAME}.csv")
    }
    assert moodle == {"Participant 4711": "", "Participant 4712": ""}, "no partial total while words are open"
    with zipfile.ZipFile(tmp_path / "Kurs-A1-marks" / "lms" / f"feedback-{NAME}.zip") as pages:
        assert sorted(pages.namelist()) == [
            f"Ada Lovelace_4711_assignsubmission_file_/{NAME}.html",
            f"Bob ÖNeil_4712_assignsubmission_file_{NAME}.html",
        ]


def csv_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def run(folder, released):
    """A run that has begun to grade the two, and one who takes a minute of the processor: it is still at it, however slow this
    machine is."""
    answers = {"batch_noise": "def batch_noise(clean, sigmas, generator):\n    while True: pass"}
    hand_in(folder, released, "slow", NAME, answers)
    # where the tests run in the background, Ctrl-C is switched off, and a child inherits that
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [*GRADE, str(folder), "--again"]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=heard)
    while "full marks" not in run.stdout.readline():
        pass
    yield run
    run.kill()
    run.wait()


def test_a_killed_run_leaves_nobody_at_work_and_the_next_one_goes_on(folder, run):
    """Killed without a chance to clean up; a record that was cut off is no record."""
    before = {row["student"]: row["machine"] for row in rows(folder, "marks.csv")}
    second = grade(folder)
    assert second.returncode == 2 and "Another run grades into" in second.stdout
    until = time.monotonic() + 60
    while len(children := psutil.Process(run.pid).children(recursive=True)) < 4 and time.monotonic() < until:
        time.sleep(0.1)  # a server, a submission, its sandbox
    assert len(children) >= 4
    run.send_signal(signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive, alive
    record = folder.parent / f"{folder.name}-marks" / "course" / "records" / "ada" / f"{NAME}.json"
    record.write_text(record.read_text()[:100])
    shutil.rmtree(folder / "slow")
    done = grade(folder)
    assert done.returncode == 0 and "1/1  ada" in done.stdout, done.stdout + done.stderr
    assert {row["student"]: row["machine"] for row in rows(folder, "marks.csv")} == before


def test_ctrl_c_says_what_is_kept(run):
    run.send_signal(signal.SIGINT)
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == 130 and "run the command again to go on" in printed and "Traceback" not in printed


def test_a_set_up_that_fails_is_nobody_s_zero(tmp_path, released, monkeypatch):
    """As on a machine so busy that a sandbox does not start in time."""

    class Busy(Submission):
        def start(self):
            pass

        def stop(self):
            pass

        def run(self, source, names):
            raise Ended("no answer after 60 seconds of work")

    monkeypatch.setattr(marking, "Submission", Busy)
    path = hand_in(tmp_path, released, "ada", NAME, {})
    with pytest.raises(NotGraded, match="the set-up cell did not run in the sandbox"):
        marking.mark(Found("ada", NAME, path), True, tmp_path)


def test_a_submission_that_was_not_graded_is_tried_again(folder):
    """Whatever stopped it: its record goes, and with it what would make the next run skip it."""
    out = folder.parent / f"{folder.name}-marks"
    executed = out / "course" / "executed" / "ada"
    (executed / f"{NAME}.ipynb").unlink()
    executed.rmdir()
    executed.write_text("in the way of what is written after the tests")
    done = grade(folder, "--again", "ada")
    assert done.returncode == 0 and "not graded" in done.stdout and "ada" in rows(folder, "problems.csv")[0]["student"]
    executed.unlink()
    done = grade(folder)
    assert "1/1  ada" in done.stdout and "17 of 20" in done.stdout


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "a;=1+1",
    "a\t=1+1",
    "a\n=1+1",
    "a\r\n  =1+1",
    'a";=1+1',
    "a|=1+1",
    "\u2028=1",
    "＝1+1",
    'a; "=1+1',
]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_no_spreadsheet_calculates_what_a_student_wrote(tmp_path, sign):
    """Split at any sign, no cell begins as a formula; and LibreOffice, where it is installed, finds none in the file."""
    marks.table(tmp_path / "t.csv", ["a", "b"], [{"a": text, "b": 1.5} for text in FORMULAS])
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    cells = [cell for line in text.splitlines() for cell in line.split(sign)]
    assert len(cells) > len(FORMULAS)
    assert not [cell for cell in cells if cell.strip(" \t\"'").startswith(tuple("=+-@＝")) and "'" not in cell]


@pytest.mark.parametrize("separator", ["44", "59", "9", "44/59/9"])
def test_libreoffice_reads_texts(tmp_path, separator):
    if not (office := shutil.which("soffice")):
        if os.environ.get("DENOISE_NEEDS_SANDBOX"):
            pytest.fail("LibreOffice is missing: CI installs it")
        pytest.skip("LibreOffice is not here")
    marks.table(tmp_path / "t.csv", ["a", "b"], [{"a": text, "b": 1.5} for text in FORMULAS])
    command = [
        office,
        "--headless",
        f"-env:UserInstallation=file://{tmp_path}/profile",
        f"--infilter=CSV:{separator},34,76,1",
    ]
    subprocess.run(
        [*command, "--convert-to", "fods", "--outdir", str(tmp_path), str(tmp_path / "t.csv")], check=True, timeout=300
    )
    text = (tmp_path / "t.fods").read_text(encoding="utf-8")
    assert "table:formula" not in text and len(text) > 1000


@pytest.mark.parametrize(
    "source",
    [
        "[a](javascript:alert(1))",
        "[a]( JaVaScRiPt:alert(1) 'b')",
        "[a](&#106;avascript:alert(1))",
        "[a](vbscript:x) [b](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href=javascript:alert(1)>b</a> <img src=x onerror=alert(1)> <script>alert(1)</script>",
        '![a"onerror="alert(1)](attachment:lost.png)',
        '[a](https://b.c/"onmouseover="alert(1))',
        "$\\href{javascript:alert(1)}{x}$ $$\\unknown{<script>}$$",
        "<javascript:alert(1)>",
    ],
)
def test_a_student_s_text_is_only_text(source):
    made = feedback.text(nbformat.v4.new_markdown_cell(source), ours=False)
    for one in BeautifulSoup(made, "html.parser").find_all(True):
        assert one.name not in ("script", "iframe", "style", "object", "form"), made
        assert not [name for name in one.attrs if name.startswith("on")], made
        assert re.match("https?:|mailto:|#|$", one.get("href", "")), made
