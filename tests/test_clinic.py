"""Lesson 07 as a learner may leave it: with every program repaired, in the repair cell or in the author's own. Then nothing
that is printed contradicts the text beside it, and every author's claim was run again."""

import contextlib
import io
import re

import matplotlib.pyplot as plt
import pytest
from test_checks import LESSON, WELL, program, well

import denoise_utils as du

CODE = [cell for cell in LESSON.cells if cell.cell_type == "code"][1:]  # the first is the set-up
STORED = {cell.id: "".join(output.get("text", "") for output in cell.outputs) for cell in CODE}
CHECKED = [cell.id for cell in CODE[1:] if "nbval-check-output" in cell.metadata.get("tags", [])]
QUESTIONS = dict(
    zip(["loss", "fresh_noise", "test_set", "clean_input", "target", "range", "eval", "fresh_start"], WELL, strict=True)
)
GONE = "this is your repair, not the author's program"
ONCE_MORE = r"07\.\w+: you have repaired it\. Here is the author's program once more\.\n"
MESSAGES = "07-69"  # Python's, at the end
INDEX = "07-73"  # the card index, which would begin anew


def in_the_repair_cell(source):
    """The repaired program under the author's own name, where the lesson asks for the repair."""
    found = re.search(r"^(my_\w+) = \.\.\..*$", source, flags=re.M)
    if found is None:
        return source
    name = QUESTIONS[re.search(r"07\.(\w+)", source)[1]]
    return source.replace(found[0], f"{program(name, *WELL[name])}\n\n{found[1]} = {name}")


def in_the_authors_cell(source):
    name = re.match(r"def (\w+)|", source)[1]
    return program(name, *WELL[name]) if name in WELL else source


def in_both(source):
    """Repaired in the author's cell, and handed on from there."""
    found = re.search(r"^(my_\w+) = \.\.\..*$", source, flags=re.M)
    if found is None:
        return in_the_authors_cell(source)
    question = re.search(r"07\.(\w+)", source)[1]
    return source.replace(found[0], f"{found[1]} = {QUESTIONS[question]}")


def run(change, names=None):
    """All cells of the lesson, changed, or all again. Returns its names, and what each cell printed."""
    again, names, printed = bool(names), names or {"du": du, "__name__": "__main__"}, {}
    for cell in CODE:
        if again and cell.id == INDEX:
            continue
        with contextlib.redirect_stdout(io.StringIO()) as text:
            exec(compile(change(cell.source), cell.id, "exec"), names)
        names["display"] = lambda figure: None  # without a notebook it would print
        printed[cell.id] = text.getvalue()
        plt.close("all")
    return names, printed


@pytest.fixture(autouse=True)
def plain_lesson(monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", "mnist5k")
    monkeypatch.setattr(du, "play", lambda *arguments, **sliders: None)


def figures(text):
    return [float(found) for found in re.findall(r"\d+\.\d+", text)]


def test_repaired_under_the_authors_name():
    names, printed = run(in_the_repair_cell)
    repaired = {cell.id: printed[cell.id] for cell in CODE if re.search(r"^my_\w+ = ", cell.source, flags=re.M)}
    assert len(repaired) == 8 and all("right." in text for text in repaired.values()), repaired
    assert GONE not in "".join(printed.values())
    for key in set(CHECKED) - set(repaired):
        assert printed[key] == STORED[key], key
    check_claims(repaired)
    for question, name in QUESTIONS.items():  # an author's cell that is edited later, and run again
        assert names["as_written"](f"07.{question}", well(name)) is names["authors"][f"07.{question}"]
    beds = [names["visit"](bed, True) for bed in range(1, 7)]
    reported = [float(re.search(r"reported loss ([\d.,]+)", " ".join(rows))[1].replace(",", "")) for rows in beds]
    assert reported[4] > 1000 and max(reported[:2]) < 0.02, reported
    assert "repaired by you" not in str(beds)

    _, printed = run(in_both, names)  # once more, now repaired where the authors' programs stand
    check_claims({key: printed[key] for key in repaired})
    assert len(re.findall(ONCE_MORE, "".join(printed.values()))) == 8
    for key in set(CHECKED) - set(repaired):
        assert re.sub(ONCE_MORE, "", printed[key]) == STORED[key], key


def check_claims(repaired):
    """Each author's claim was run again, and came out as the text beside it says."""
    claims = {re.match(r"07\.(\w+)", text)[1]: text.partition("right.")[2] for text in repaired.values()}
    assert len(set(re.findall(r"loss (0\.\d+)", claims["loss"].partition("claim")[2]))) == 1
    once, fresh = (figures(line) for line in claims["fresh_noise"].splitlines()[-2:])
    assert fresh[2] < 0.9 * fresh[1] and 0.95 * once[1] < once[2] and fresh[2] < 0.9 * once[2]
    assert 35 <= int(re.search(r"too good: (\d+)", claims["test_set"])[1]) <= 65
    median, network, nothing = figures(claims["clean_input"])
    assert network < median < nothing and abs(median - 0.04) < 0.005
    copied, loss, before, after = figures(claims["target"])
    assert copied < 0.5 * loss and abs(loss - after) < 0.001 and after < 0.5 * before
    assert abs(figures(claims["range"])[0] / figures(claims["range"])[1] - 0.78) < 0.05
    (with_dropout, same), (without, _) = (figures(part) for part in claims["eval"].split("claim"))
    assert abs(with_dropout - same) < 0.0005 and 1.3 * without < with_dropout
    first, copying, also_first, denoising = figures(claims["fresh_start"])
    assert abs(first / also_first - 1) < 0.1 and denoising > 1.3 * copying


def test_repaired_in_the_authors_cells_from_the_start():
    """The symptoms are gone then, and each cell that would show one says why."""
    names, printed = run(in_the_authors_cell)
    for question in QUESTIONS:
        assert any(text.startswith(f"07.{question}: {GONE}") for text in printed.values()), question
    for key in CHECKED:
        assert GONE in printed[key] or printed[key] == STORED[key], key
    assert printed[MESSAGES] == STORED[MESSAGES]
    told = [" ".join(names["visit"](bed, True)) for bed in range(1, 7)]
    assert ["repaired by you" in text for text in told] == [True, True, False, False, True, True]
