"""What is found before anything is graded: lost cells, another's file, missing packages, damaged files."""

import copy
import tempfile
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from assignments.grading import course
from assignments.grading import find as names
from assignments.grading.grade import looked_at

NAME = "02_noise"


def find(folder, people=()):
    """What the grader finds, and sees in it."""
    with tempfile.TemporaryDirectory() as unpacked, ThreadPoolExecutor(1) as pool:
        return looked_at(names.find(folder, Path(unpacked), list(people)), pool)[0]


@pytest.fixture
def notebook(released):
    made = course.solved(NAME, released[NAME])
    course.by_id(made)["student"].source = 'student = "ada"'
    return made


def found(folder, notebook, student="ada", file=f"{NAME}.ipynb"):
    path = folder / student / file
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    (one,) = find(folder)
    return one


NAMES = [f"{NAME}.ipynb", f"Copy of {NAME} (1).ipynb", f"handed in/{NAME}_ada.ipynb"]
CHANGED = [".ipynb.txt", ".ipynb.json", ".IPYNB", ".ipynb (1)", ".json", ".txt", ""]  # by browsers and mail programs


@pytest.mark.parametrize("file", [*NAMES, NAME.upper() + ".IPYNB", *(NAME + end for end in CHANGED)])
def test_a_good_one_is_found_under_many_names(tmp_path, notebook, file):
    one = found(tmp_path, notebook, file=file)
    assert (one.student, one.assignment, one.problem) == ("ada", NAME, None)


def test_capital_letters_in_the_id_don_t_matter(tmp_path, notebook):
    assert found(tmp_path, notebook, student="Ada").problem is None


@pytest.mark.parametrize("folder", ["NFC", "NFD"])
@pytest.mark.parametrize("inside", ["NFC", "NFD"])
def test_an_accent_in_the_id_has_two_forms(tmp_path, notebook, folder, inside):
    course.by_id(notebook)["student"].source = f'student = "{unicodedata.normalize(inside, "jörg")}"'
    one = found(tmp_path, notebook, student=unicodedata.normalize(folder, "jörg"))
    assert (one.student, one.problem) == (unicodedata.normalize("NFC", "jörg"), None)


def test_a_blank_id_is_no_reason_for_lost_points(tmp_path, released):
    assert "no student id in quotes" in found(tmp_path, course.read(released[NAME])).problem


def test_lost_metadata(tmp_path, notebook):
    for cell in notebook.cells:
        cell.metadata.clear()
    assert "lost their metadata" in found(tmp_path, notebook).problem


def test_a_deleted_cell(tmp_path, notebook):
    assert "1 of its answers' cells were deleted, such as 'salt'" in found(tmp_path, without("salt", notebook)).problem
    assert found(tmp_path, without("salt_check", notebook)).problem is None, "a test is put back"


def without(key, notebook):
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if names.grade_id(cell) != key]
    return notebook


def test_a_question_that_came_later_is_nobody_s_loss(tmp_path, notebook):
    """The master was changed after the notebook had been given out: no submission has the new question."""
    for student in ("ada", "bob", "cem"):
        course.by_id(notebook)["student"].source = f'student = "{student}"'
        (tmp_path / student).mkdir()
        nbformat.write(without("salt", notebook), tmp_path / student / f"{NAME}.ipynb")
    with ThreadPoolExecutor(1) as pool:
        seen, newer = looked_at(names.find(tmp_path, tmp_path / "ada", []), pool)
        assert newer == {NAME: {"salt"}} and [one.problem for one in seen] == [None] * 3
        course.by_id(notebook)["student"].source = 'student = "dora"'
        (tmp_path / "dora").mkdir()
        nbformat.write(notebook, tmp_path / "dora" / f"{NAME}.ipynb")
        seen, newer = looked_at(names.find(tmp_path, tmp_path / "ada", []), pool)
    assert newer == {NAME: set()} and sum("deleted" in (one.problem or "") for one in seen) == 3


def test_a_cell_twice(tmp_path, notebook):
    twin = copy.deepcopy(course.by_id(notebook)["batch_noise"])
    twin.id = "another"
    notebook.cells.append(twin)
    assert "2 times" in found(tmp_path, notebook).problem


@pytest.mark.parametrize("strange", [7, ["a"], {"grade_id": ["x"]}, {"grade_id": None}, None])
def test_strange_metadata(tmp_path, notebook, strange):
    course.by_id(notebook)["salt"].metadata["nbgrader"] = strange
    assert found(tmp_path, notebook).problem


def test_somebody_else_s(tmp_path, notebook):
    assert "student 'ada'" in found(tmp_path, notebook, student="bob").problem


def test_a_missing_package(tmp_path, notebook):
    course.by_id(notebook)["batch_noise"].source = "import nowhere.at_all as x\n"
    assert "'nowhere', which is not installed here" in found(tmp_path, notebook).problem


def test_a_guarded_import_is_fine(tmp_path, notebook):
    course.by_id(notebook)["batch_noise"].source = "try:\n    import nowhere\nexcept ImportError:\n    pass\n"
    assert found(tmp_path, notebook).problem is None


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"not a notebook", b"\xff\xfe\x00", b'{"cells": 5, "nbformat": 4}', b"[" * 10000]
)
def test_damaged_files(tmp_path, content):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / f"{NAME}.ipynb").write_bytes(content)
    (one,) = find(tmp_path)
    assert "no notebook can be read" in one.problem


def test_two_files_for_one_assignment(tmp_path, notebook):
    found(tmp_path, notebook)
    nbformat.write(notebook, tmp_path / "ada" / f"{NAME} (1).ipynb")
    assert "2 files for one assignment" in find(tmp_path)[0].problem


def test_a_name_that_says_nothing(tmp_path, notebook):
    assert "rename it" in found(tmp_path, notebook, file="homework.ipynb").problem


def test_a_link(tmp_path, notebook):
    nbformat.write(notebook, tmp_path / "elsewhere.ipynb")
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / f"{NAME}.ipynb").symlink_to(tmp_path / "elsewhere.ipynb")
    assert "a link" in find(tmp_path / "in")[0].problem


SHADOWS = ["ada/._02_noise.ipynb", "__MACOSX/ada/._02_noise.ipynb", "ada/__MACOSX/02_noise.ipynb"]
SHADOWS += ["ada/.ipynb_checkpoints/02_noise-checkpoint.ipynb", ".ipynb_checkpoints/02_noise.ipynb"]
SHADOWS += ["ada/02_noise.ipynb~", ".DS_Store"]


@pytest.mark.parametrize("file", SHADOWS)
def test_what_programs_leave_does_no_harm(tmp_path, notebook, file):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"\0\5\x16\7" + bytes(100))
    assert found(tmp_path, notebook).problem is None


def test_other_files_beside_it_do_no_harm(tmp_path, notebook):
    (tmp_path / "ada").mkdir()
    for file in ("picture.png", f"{NAME}.html", f"{NAME}.txt"):
        (tmp_path / "ada" / file).write_text("mine")
    assert found(tmp_path, notebook).problem is None


def test_a_mark_of_windows_editor_in_front(tmp_path, notebook):
    path = found(tmp_path, notebook).path
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert find(tmp_path)[0].problem is None


def test_an_old_notebook_format_is_read(tmp_path, notebook):
    path = found(tmp_path, notebook).path
    path.write_text(nbformat.writes(nbformat.convert(notebook, 3), version=3), encoding="utf-8")
    assert find(tmp_path)[0].problem is None


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (f"ada/{NAME}.zip", "no notebook can be read"),
        ("ada/homework.ipynb.txt", "rename it"),
        ("ada/homework.pdf", "no notebook is in this folder"),
        (f"ada/._{NAME}.ipynb", "no notebook is in this folder"),
        (f"{NAME}.ipynb", "in no student's folder"),
        (f"ada/{NAME}.ipynb/photo.png", "no notebook is in this folder"),
    ],
)
def test_nobody_is_left_out(tmp_path, file, problem):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"PK")
    (one,) = find(tmp_path)
    assert problem in one.problem and one.student in ("ada", "")


def test_files_outside_of_all_folders_are_named(tmp_path):
    for name in (f"{NAME}.ipynb", "01_data_loading.ipynb"):
        (tmp_path / name).write_bytes(b"{}")
    (one,) = find(tmp_path)
    assert (
        one.assignment == "?" and f"(01_data_loading.ipynb, {NAME}.ipynb)" in one.problem
    )  # never graded, ANYWAY=1 too
