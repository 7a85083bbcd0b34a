"""The committed notebooks, as files: complete, small, portable, and true to their own numbers. nbval runs their cells."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in PATHS]
RESULTS = (
    ROOT / "benchmarks" / "results"
)  # the tables that people read: raw lists would make nearly any number "founded"
RECORDS = [RESULTS / name for name in ("facts.json", "tutorial.json", "bench.md", "ablation.md")]


@pytest.fixture(params=PATHS, ids=NAMES)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def prose(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def output_text(notebook):
    texts = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            texts.append(output.get("text", "") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(texts)


def numbers(text):
    return [float(found.strip(",").replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*(?:e[-+]?\d+)?", text)]


def unfounded(text, sources):
    """Numbers of ``text`` with three or more decimals, or with a thousands comma, that no source holds when rounded alike.
    An arXiv number is a name."""
    known = [number for source in sources for number in numbers(source)]
    quoted = re.findall(r"(?<![\d.])(\d+\.\d{3,}|\d{1,3}(?:,\d{3})+)(?![\d.]*\d)", re.sub(r"arXiv [\d.]+", "", text))
    pairs = [(found, float(found.replace(",", "")), len(found.partition(".")[2])) for found in quoted]
    return [found for found, value, digits in pairs if not any(round(number, digits) == value for number in known)]


def test_all_lessons_are_there():
    expected = ["start_here", "data_loading", "noise", "architecture", "gpu_training", "evaluation"]
    expected += ["better_denoisers", "bug_clinic"]
    assert NAMES == [f"{i:02d}_{name}" for i, name in enumerate(expected)]


def test_outputs_are_complete_and_in_order(notebook):
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    for cell in tagged(notebook, "nbval-check-output"):
        assert cell.outputs, f"a checked cell without output:\n{cell.source}"
    assert len(tagged(notebook, "nbval-check-output")) >= 5
    assert len(tagged(notebook, "key-result")) == 1


def test_outputs_come_from_the_embedded_digits(notebook):
    """The cell says which digits are on this machine, so nbval can't compare it; what is committed was made on these."""
    cell = code_cells(notebook)[1]
    assert cell.source.endswith("\ndigits") and "nbval-check-output" not in cell.metadata.get("tags", [])
    assert cell.outputs[0].data["text/plain"].startswith("mnist5k: ")


def test_no_error_no_warning_no_widget_state(notebook):
    assert "widgets" not in notebook.metadata
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text
            assert not any("widget" in kind for kind in output.get("data", {})), cell.source


def test_small_and_free_of_machine_paths(path):
    assert path.stat().st_size <= 400_000, f"{path.stat().st_size:,} bytes"
    found = re.findall(r"(?:/home|/root|/Users|/tmp|/work|[A-Z]:\\\\)[/\\]\S+", path.read_text(encoding="utf-8"))
    assert not found, found


def test_every_picture_has_a_text(notebook):
    for cell in code_cells(notebook):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            if "nbval-ignore-output" not in cell.metadata.get("tags", []):
                alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                assert len(alt) > 40, f"metadata mystnb.image.alt is missing or short:\n{cell.source}"


def test_links_between_files_resolve(path, notebook):
    links = re.findall(r"\]\(([^)\s]+)\)", prose(notebook))
    local = [link.split("#")[0] for link in links if not re.match(r"https?://|attachment:|#", link)]
    assert local, "no link to another lesson"
    for link in local:
        assert (path.parent / link).is_file(), link


def test_form_of_a_lesson(path, notebook):
    text = prose(notebook)
    assert notebook.cells[0].source.startswith(f"# {path.stem[:2]} · ")
    assert not re.search(r"[A-Z]{5,}TEXT|TABLE|READING|TODO", text)
    for part in ("The question of this lesson", "You will be able to", "Predict", "## Play", "## Your turn",
                 "## When it breaks", "## What you learned", "<details>", "Sources:", "**Next:**"):  # fmt: skip
        assert part in text, part
    checks = re.findall(r'du\.check\("(\d\d)\.', "\n".join(cell.source for cell in code_cells(notebook)))
    assert len(checks) >= 2 and set(checks) == {path.stem[:2]}
    assert tagged(notebook, "teacher")
    for found in re.findall(r"<details><summary>.*?</details>", text, flags=re.S):
        assert found.count("\n\n") >= 2, f"GitHub needs an empty line after </summary>:\n{found}"


def test_set_up_is_the_same_everywhere():
    assert len({code_cells(nbformat.read(path, as_version=4))[0].source for path in PATHS}) == 1


def test_numbers_in_the_prose_agree(notebook):
    """They stand in an output, in the code, or in a record under benchmarks/results."""
    code = "\n".join(cell.source for cell in code_cells(notebook))
    records = [record.read_text(encoding="utf-8") for record in RECORDS]
    assert unfounded(prose(notebook), [output_text(notebook), code, *records]) == []


def test_numbers_of_the_readme_agree():
    outputs = [output_text(nbformat.read(path, as_version=4)) for path in PATHS]
    records = [record.read_text(encoding="utf-8") for record in RECORDS]
    assert unfounded((ROOT / "README.md").read_text(encoding="utf-8"), [*outputs, *records]) == []


def test_a_wrong_number_is_found():
    assert unfounded("MSE 0.0241, 5,000 digits, arXiv 1710.04026", ["0.02409 and 5000"]) == []
    assert unfounded("MSE 0.0242, 5,001 digits", ["0.02409 and 5000"]) == ["0.0242", "5,001"]
