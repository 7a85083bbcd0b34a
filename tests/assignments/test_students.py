"""The student versions: nothing secret in them, blanks fail and only blanks, and what a solved one looks like to a student."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from assignments.grading import course
from assignments.grading.course import MASTERS


@pytest.mark.parametrize("name", MASTERS)
def test_nothing_secret_is_in_it(released, name):
    assert course.leaks(name, released[name]) == []
    text = released[name].read_text(encoding="utf-8")
    for secret in ("SOLUTION", "HIDDEN TESTS", "For teachers", "Rubric", '"teacher"'):
        assert secret not in text, secret


@pytest.mark.parametrize("name", MASTERS)
def test_a_leak_is_found(released, name, tmp_path):
    """The search itself: put one line of each secret kind back."""
    master = course.read(MASTERS[name])
    public = {line.strip() for cell in master.cells for line in course.visible_part(cell).splitlines()}
    lines = [re.search(course.SOLUTION, cell.source) for cell in master.cells if cell.cell_type == "code"]
    secrets = [longest(found[1], public) for found in lines if found and "student" not in found[1]]
    secrets += [longest(found[1], public) for cell in master.cells if (found := re.search(course.HIDDEN, cell.source))]
    secrets += [cell.source.splitlines()[0] for cell in master.cells if "teacher" in cell.metadata.get("tags", [])]
    assert len(secrets) > 4
    for secret in secrets:
        notebook = course.read(released[name])
        notebook.cells[-1].source += f"\n{secret}"
        nbformat.write(notebook, tmp_path / "leaky.ipynb")
        assert course.leaks(name, tmp_path / "leaky.ipynb"), secret
    notebook = course.read(released[name])
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="an output")]
    nbformat.write(notebook, tmp_path / "leaky.ipynb")
    assert course.leaks(name, tmp_path / "leaky.ipynb")


def longest(text, public):
    """Its longest line that is not in a part which students see: a repaired program shares lines with the ill one."""
    return max((line for line in text.splitlines() if line.strip() not in public), key=len)


def executed(notebook):
    NotebookClient(notebook, timeout=300, allow_errors=True, extra_arguments=["--log-level=ERROR"]).execute()
    return notebook


def errors(notebook):
    found = {}
    for key, cell in course.by_id(notebook).items():
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found[key] = f"{output.ename}: {output.evalue}"
    return found


@pytest.mark.parametrize("name", MASTERS)
def test_a_blank_copy_fails_only_at_the_blanks(released, name, monkeypatch):
    """With the student id filled in it runs to its end without an error, and no check gives a point."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = course.read(released[name])
    course.by_id(notebook)["student"].source = 'student = "ada"'
    notebook = executed(notebook)
    assert errors(notebook) == {}
    for key, cell in course.by_id(notebook).items():
        if key.endswith("_check"):
            shown = [output.data["text/plain"] for output in cell.outputs if output.output_type == "execute_result"]
            assert shown == ["0"], f"{key} shows {shown}"
            text = "".join(output.get("text", "") for output in cell.outputs)
            assert "not yet" in text or "not answered yet" in text, text


def test_without_an_id_only_personal_cells_complain(released):
    notebook = executed(course.read(released["02_noise"]))
    assert errors(notebook) and all("write your student id" in text for text in errors(notebook).values())


@pytest.mark.parametrize("name", MASTERS)
def test_form(name):
    cells = course.by_id(course.read(MASTERS[name]))
    assert all(cell.get("outputs", []) == [] for cell in cells.values())
    points = sum(float(cell.metadata.nbgrader.get("points", 0)) for cell in cells.values())
    assert points == 20 and len(course.written(name)) == 1
    title = next(iter(cells.values())).source
    assert title.startswith("# ") and "20 points" in title
    for question, names in course.answers(name).items():
        assert names and f"{question}_check" in cells, question
        stated = course.SOLUTION.sub("", cells[question].source)
        assert any(name in stated for name in names), f"{question}: a student would not know what to define"
