"""The committed notebooks, as files: complete, small, portable, and true to their own numbers. nbval runs their cells."""

import base64
import functools
import io
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts")]
import ablation  # noqa: E402
import run_course  # noqa: E402
from record import told_apart  # noqa: E402

PATHS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
NAMES = [path.stem for path in PATHS]
RESULTS = (
    ROOT / "benchmarks" / "results"
)  # the tables that people read: raw lists would make nearly any number "founded"
RECORDS = [RESULTS / name for name in ("facts.json", "tutorial.json", "bench.md", "ablation.md", "gpu.md")]


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


SAME = r"as good|not told apart|not clear|no better|no worse|no difference|equally"
CLEAR = r"\bclear|better than|worse than"


@functools.cache
def recorded_starts():
    """For each record: what was trained several times → its starts' MSEs."""
    rows = json.loads((RESULTS / "ablation.json").read_text())["rows"]
    results = json.loads((RESULTS / "bench.json").read_text())["results"]
    several = {str(row["arguments"]): row["test_mse"] for row in results if len(row.get("test_mse", [])) > 1}
    return [{row["change"]: row["val_mse"] for row in rows}, several]


def meant(figure, record):
    """The trainings whose mean is this figure, rounded alike."""
    return [mses for mses in record.values() if f"{sum(mses) / len(mses):.{len(figure) - 2}f}" == figure]


def pairs_of(sentence):
    """The trainings that a sentence compares: its first MSE with each other one, a row of the ablation in *italics* with its
    base. An MSE has four or more decimals; a pair is a list of what it may mean, empty if no record has both figures."""
    records = recorded_starts()
    figures = re.findall(r"(?<![\d.])(?<!± )0\.\d{4,}", sentence)
    for figure in figures[1:]:
        yield [(a, b) for record in records for a in meant(figures[0], record) for b in meant(figure, record)]
    for name in set(re.findall(r"\*([^*]+)\*", sentence)) & records[0].keys():
        yield [(records[0][name], records[0][ablation.BASE])]


def false_verdicts(text):
    """Sentences that call two figures alike, or clearly different, where the 95 % interval over starts says something else, or
    where no record has several starts of both. (Tables are made from the record.)"""
    sentences = [s for line in text.splitlines() if line[:1] != "|" for s in re.split(r"(?<=[.!?;]) ", line)]
    for sentence in sentences:
        same = re.search(SAME, sentence, flags=re.I)
        if same or re.search(CLEAR, sentence, flags=re.I):
            if not all(any(told_apart(a, b) != bool(same) for a, b in pair) for pair in pairs_of(sentence)):
                yield sentence


def test_all_lessons_are_there():
    expected = ["00_start_here", "01a_data_loading", "01b_splits", "02a_noise", "02b_least_squares"]
    expected += ["03a_gradient_descent", "03b_architecture"]
    expected += ["04a_training", "04b_optimizers", "04c_gpu_training", "05_evaluation", "06_better_denoisers"]
    expected += ["07a_clinic_measuring", "07b_clinic_training"]
    expected += ["08_what_it_knows", "09_without_clean"]
    assert expected == NAMES


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
    text = re.sub(r'"image/png": "[^"]*"', "", path.read_text(encoding="utf-8"))  # by chance a picture has any letters
    found = re.findall(r"(?:/home|/root|/Users|/tmp|/work|[A-Z]:\\\\)[/\\]\S+", text)
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
    assert notebook.cells[0].source.startswith(f"# {path.stem.partition('_')[0]} · ")
    assert not re.search(r"[A-Z]{5,}TEXT|TABLE|READING|TODO", text)
    for part in ("The question of this lesson", "You will be able to", "Predict", "## Play", "## Your turn",
                 "## When it breaks", "## What you learned", "<details>", "Sources:", "**Next:**"):  # fmt: skip
        assert part in text, part
    checks = re.findall(r'du\.check\("(\d\d)\.', "\n".join(cell.source for cell in code_cells(notebook)))
    assert len(checks) >= 2 and set(checks) == {path.stem[:2]}
    assert tagged(notebook, "teacher")
    for found in re.findall(r"<details><summary>.*?</details>", text, flags=re.S):
        assert found.count("\n\n") >= 2, f"GitHub needs an empty line after </summary>:\n{found}"


def test_what_is_predicted_is_folded(notebook):
    """The tag is the author's, the rest `make refresh` makes of it."""
    assert tagged(notebook, "predict"), "tag the cell whose output answers a question above it"
    for cell in code_cells(notebook):
        folded = "predict" in cell.metadata.get("tags", [])
        assert not folded or len(cell.outputs) > 1, f"nothing to predict:\n{cell.source}"
        before = json.dumps(cell, sort_keys=True)
        run_course.fold(cell)
        assert json.dumps(cell, sort_keys=True) == before, (
            f"make refresh LESSON=... for the tag predict:\n{cell.source}"
        )


def test_fold_and_unfold():
    text = nbformat.v4.new_output("stream", text="42\n")
    cell = nbformat.v4.new_code_cell("6 * 7", outputs=[text], metadata={"tags": ["predict", "key-result"]})
    for _ in range(2):
        run_course.fold(cell)
        assert cell.metadata["jupyter"]["outputs_hidden"] is cell.metadata["collapsed"] is True
        assert [out.get("data") for out in cell.outputs] == [{}, None] and cell.outputs[1] == text
        nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))
    cell.metadata.tags.remove("predict")
    run_course.fold(cell)
    assert cell.metadata == {"tags": ["key-result"]} and cell.outputs == [text]


def test_pictures_are_stored_with_fewer_colours():
    """Half the bytes, and no eye sees a difference."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 1), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    before = Image.fromarray(np.concatenate([noise, noise, noise, np.full_like(noise, 255)], axis=2))
    before.putpixel((0, 0), (0, 0, 0, 0))  # transparent: the page below is white
    file = io.BytesIO()
    before.save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    light = run_course.lighter(png)
    assert len(light) < 0.8 * len(png) and run_course.lighter(light) == light
    after = np.asarray(Image.open(io.BytesIO(base64.b64decode(light))).convert("RGB"), dtype=int)
    assert (after[0, 0] == 255).all() and abs(after - np.asarray(before, dtype=int)[..., :3])[1:].max() <= 4


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


def test_verdicts_in_the_prose_are_the_records(notebook):
    assert list(false_verdicts(prose(notebook))) == []


def test_verdicts_of_the_readme_are_the_records():
    assert list(false_verdicts((ROOT / "README.md").read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("Here 0.01153 is worse than 0.01045.", "Here 0.01153 is as good as 0.01045."),
        ("Averaged, 0.01049, and plain, 0.01045 ± 0.00006, are equally good.", "Clearly 0.01049 beats 0.01045."),
        ("- *no position*: not told apart", "- *no position*: clear, and small."),
        ("- *AdamW*, *no mixing of places*: clear.", "- *AdamW*, *no mixing of places*: not told apart."),
        ("One start each: 0.0112 and 0.0127.", "It is as good: 0.0112 and 0.0127, the one and the other."),
        ("At σ = 0.15 clearly better, at 0.05 no better.", "Clearly better: 0.01153 and 0.0112."),
    ],
)
def test_a_wrong_verdict_is_found(true, false):
    assert list(false_verdicts(f"{true}\n\nThen. {false} Next.")) == [false]


def test_a_wrong_number_is_found():
    assert unfounded("MSE 0.0241, 5,000 digits, arXiv 1710.04026", ["0.02409 and 5000"]) == []
    assert unfounded("MSE 0.0242, 5,001 digits", ["0.02409 and 5000"]) == ["0.0242", "5,001"]
