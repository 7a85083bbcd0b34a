"""``make validate`` as a student runs it: what it says of strange files, kernels and check cells. Each runs in a moment."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from assignments.grading import course

CHECK = Path(__file__).parents[2] / "scripts" / "validate_assignment.py"


def run_check(path):
    """What it prints. It may end in any way but a traceback."""
    done = subprocess.run([sys.executable, str(CHECK), str(path)], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def check_cell(tmp_path):
    """``check_cell(source)`` → what is said of a notebook whose only cell is this one, a check of 2 points."""

    def run(source, **metadata):
        nbgrader = {"grade_id": "one_check", "points": 2, "grade": True, "solution": False}
        cell = new_code_cell(source, metadata={"nbgrader": nbgrader})
        path = tmp_path / "02_noise.ipynb"
        nbformat.write(new_notebook(cells=[cell], metadata=metadata), path)
        return run_check(path)

    return run


@pytest.mark.parametrize("name", ["conda-env-denoise-py", "ir", "", "python3"])
def test_any_kernel_s_name(check_cell, name):
    kernel = {"display_name": "x", "language": "python", "name": name}
    assert "2 of 2 points" in check_cell("print('right.')\n2", kernelspec=kernel)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1.5", "1.5 of 2 points"),
        ("import numpy as np\nnp.float64(2.0)", "2 of 2 points"),
        ("import numpy as np\nnp.int64(1)", "1 of 2 points"),
        ("import numpy as np\nnp.float64(0)", "0 of 2 points"),
        ("import torch\ntorch.tensor(2.0)", "2 of 2 points"),
        ("'two'", "Was the cell changed?"),
        ("print('nothing')", "0 of 2 points"),
        ("1 / 0", "ZeroDivisionError"),
        ("import os\nos._exit(1)", "ended the whole program"),
    ],
)
def test_what_a_check_ends_in(check_cell, source, said):
    assert said in check_cell(source)


@pytest.mark.parametrize(
    "content", [b"", b'{"cells": [', b"{}", b"[]", b"\xff\xfe{", b'{"cells": 5, "nbformat": 4}', b"<html>"]
)
def test_a_damaged_file(tmp_path, content):
    path = tmp_path / "02_noise.ipynb"
    path.write_bytes(content)
    assert "No notebook can be read" in run_check(path)


def test_no_file(tmp_path):
    assert "is a folder" in run_check(tmp_path)
    assert "is not there" in run_check(tmp_path / "02_noise.ipynb")
    assert "Try: make validate NOTEBOOK=" in run_check("")  # make validate, and no more


@pytest.mark.parametrize("strange", [7, None, {"grade_id": ["x"]}, {"grade_id": "x_check", "points": "two"}])
def test_strange_metadata(tmp_path, strange):
    path = tmp_path / "02_noise.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1", metadata={"nbgrader": strange})]), path)
    assert "holds no checks" in run_check(path)


def test_an_old_notebook_format(tmp_path, released):
    notebook = course.read(released["02_noise"])
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "set_up"]
    notebook.cells += [new_code_cell("2", metadata={"nbgrader": {"grade_id": "a_check", "points": 2}})]
    path = tmp_path / "02_noise.ipynb"
    path.write_text(nbformat.writes(nbformat.convert(notebook, 3), version=3), encoding="utf-8")
    assert "2 of 2 points" in run_check(path)
