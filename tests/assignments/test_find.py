"""What is found before anything is graded: lost cells, another's file, missing packages, damaged files."""

import copy

import course
import nbformat
import pytest
from find import find

NAME = "02_noise"


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


@pytest.mark.parametrize("file", [f"{NAME}.ipynb", f"Copy of {NAME} (1).ipynb", f"handed in/{NAME}_ada.ipynb"])
def test_a_good_one_is_found_under_many_names(tmp_path, notebook, file):
    one = found(tmp_path, notebook, file=file)
    assert (one.student, one.assignment, one.problem) == ("ada", NAME, None)


def test_capital_letters_in_the_id_don_t_matter(tmp_path, notebook):
    assert found(tmp_path, notebook, student="Ada").problem is None


def test_a_blank_id_is_no_problem(tmp_path, released):
    assert found(tmp_path, course.read(released[NAME])).problem is None


def test_lost_metadata(tmp_path, notebook):
    for cell in notebook.cells:
        cell.metadata.clear()
    assert "lost their metadata" in found(tmp_path, notebook).problem


def test_a_deleted_cell(tmp_path, notebook):
    notebook.cells = [
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") != "salt_check"
    ]
    assert "'salt_check'" in found(tmp_path, notebook).problem


def test_a_cell_twice(tmp_path, notebook):
    twin = copy.deepcopy(course.by_id(notebook)["batch_noise"])
    twin.id = "another"
    notebook.cells.append(twin)
    assert "2 times" in found(tmp_path, notebook).problem


@pytest.mark.parametrize("strange", [7, ["a"], {"grade_id": ["x"]}, {"grade_id": None}, None])
def test_strange_metadata(tmp_path, notebook, strange):
    course.by_id(notebook)["salt_check"].metadata["nbgrader"] = strange
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
