"""Every trick writes what it says, and nothing outside of its folder."""

import copy
import re

import pytest
from tricks import BESIDE, CORE, ODD, TRICKS

from assignments.grading import course


@pytest.fixture(scope="module")
def solved(released):
    return {name: course.solved(name, released[name]) for name in ("02_noise", "final_project")}


def test_names():
    names = [trick.name for trick in TRICKS + ODD]
    assert len(names) == len(set(names)) and all(re.fullmatch("[a-z]+", name) for name in names)
    assert set(names) >= CORE
    assert len(TRICKS) >= 60 and len(ODD) >= 8 and sum(trick.assignment == "final_project" for trick in TRICKS) <= 6


@pytest.mark.parametrize("trick", TRICKS + ODD, ids=lambda trick: trick.name)
def test_made(trick, solved, tmp_path):
    notebook = copy.deepcopy(solved[trick.assignment])
    course.by_id(notebook)["student"].source = f'student = "{trick.name}"'
    trick.make(tmp_path / trick.name, notebook)
    assert {path.name for path in tmp_path.iterdir()} <= {trick.name} | BESIDE
    files = [path for path in (tmp_path / trick.name).glob("**/*") if trick.assignment in path.name]
    assert files and trick.why
    for path in files:
        if path.is_file() and not path.is_symlink() and path.stat().st_size > 10**8:
            path.unlink()  # sparse here, but perhaps not in a copy of the folder
