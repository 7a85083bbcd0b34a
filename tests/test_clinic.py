"""Lessons 07a and 07b as a learner may leave them: with every program repaired, in the repair cell or in the author's own. Then
nothing that is printed contradicts the text beside it, and every author's claim was run again."""

import contextlib
import io
import re

import matplotlib.pyplot as plt
import pytest
from test_checks import CLINIC, WELL, program, well

import denoise_utils as du

PATIENTS = {  # lesson → question → its author's program
    "07a": {
        "loss": "epoch_loss",
        "clean_input": "show_and_measure",
        "eval": "validation_curve",
        "test_set": "choose_and_report",
    },
    "07b": {
        "range": "make_pairs",
        "target": "train",
        "fresh_noise": "training_pairs",
        "fresh_start": "two_experiments",
    },
}
GONE = "this is your repair, not the author's program"
ONCE_MORE = r"07\.\w+: you have repaired it\. Here is the author's program once more\.\n"
MESSAGES = "07-69"  # Python's, at the end
INDEX = "07-73"  # the card index, which would begin anew


class Lesson:
    def __init__(self, number):
        self.code = [cell for cell in CLINIC[number] if cell.cell_type == "code"][1:]  # the first is the set-up
        self.stored = {cell.id: "".join(output.get("text", "") for output in cell.outputs) for cell in self.code}
        self.checked = [cell.id for cell in self.code if "nbval-check-output" in cell.metadata.get("tags", [])]
        self.programs = PATIENTS[number]

    def repair_cell(self, source):
        """The cell's line to replace, its variable, and the author's program; ``None`` for another cell."""
        question = re.search(r'du\.check\("07\.(\w+)", (my_\w+)\)', source)
        if question is None or question[1] not in self.programs:
            return None
        return re.search(r"^my_\w+ = \.\.\..*$", source, flags=re.M)[0], question[2], self.programs[question[1]]

    def in_the_repair_cell(self, source):
        """The repaired program under the author's own name, where the lesson asks for the repair."""
        found = self.repair_cell(source)
        if found is None:
            return source
        line, variable, name = found
        return source.replace(line, f"{program(name, *WELL[name])}\n\n{variable} = {name}")

    def in_the_authors_cell(self, source):
        name = re.match(r"def (\w+)|", source)[1]
        return program(name, *WELL[name]) if name in WELL else source

    def in_both(self, source):
        """Repaired in the author's cell, and handed on from there."""
        found = self.repair_cell(source)
        if found is None:
            return self.in_the_authors_cell(source)
        line, variable, name = found
        return source.replace(line, f"{variable} = {name}")

    def run(self, change, names=None):
        """All cells of the lesson, changed, or all again. Returns its names, and what each cell printed."""
        again, names, printed = bool(names), names or {"du": du, "__name__": "__main__"}, {}
        for cell in self.code:
            if again and cell.id == INDEX:
                continue
            with contextlib.redirect_stdout(io.StringIO()) as text:
                exec(compile(change(cell.source), cell.id, "exec"), names)
            names["display"] = lambda figure: None  # without a notebook it would print
            printed[cell.id] = text.getvalue()
            plt.close("all")
        return names, printed


@pytest.fixture(params=PATIENTS)
def lesson(request):
    return Lesson(request.param)


@pytest.fixture(autouse=True)
def plain_lesson(monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", "mnist5k")
    monkeypatch.setattr(du, "play", lambda *arguments, **sliders: None)


def figures(text):
    return [float(found) for found in re.findall(r"\d+\.\d+", text)]


def test_each_patient_is_in_one_of_the_lessons():
    assert sorted(name for programs in PATIENTS.values() for name in programs.values()) == sorted(WELL)
    indexes = {cell.source for cells in CLINIC.values() for cell in cells if cell.id == INDEX}
    assert len(CLINIC) == 2 and len(indexes) == 1, "the card index is the same in both"


def test_repaired_under_the_authors_name(lesson):
    names, printed = lesson.run(lesson.in_the_repair_cell)
    repaired = {cell.id: printed[cell.id] for cell in lesson.code if lesson.repair_cell(cell.source)}
    assert len(repaired) == 4 and all("right." in text for text in repaired.values()), repaired
    assert GONE not in "".join(printed.values())
    for key in set(lesson.checked) - set(repaired):
        assert printed[key] == lesson.stored[key], key
    check_claims(repaired)
    for question, name in lesson.programs.items():  # an author's cell that is edited later, and run again
        assert names["as_written"](f"07.{question}", well(name)) is names["authors"][f"07.{question}"]
    assert "repaired by you" not in str(played(names))
    check_play(played(names))

    _, printed = lesson.run(lesson.in_both, names)  # once more, now repaired where the authors' programs stand
    check_claims({key: printed[key] for key in repaired})
    assert len(re.findall(ONCE_MORE, "".join(printed.values()))) == 4
    for key in set(lesson.checked) - set(repaired):
        assert re.sub(ONCE_MORE, "", printed[key]) == lesson.stored[key], key


def check_claims(repaired):
    """Each author's claim was run again, and came out as the text beside it says."""
    claims = {re.match(r"07\.(\w+)", text)[1]: text.partition("right.")[2] for text in repaired.values()}
    if "loss" in claims:
        assert len(set(re.findall(r"loss (0\.\d+)", claims["loss"].partition("claim")[2]))) == 1
        median, network, nothing = figures(claims["clean_input"])
        assert network < median < nothing and abs(median - 0.04) < 0.005
        (with_dropout, same), (without, _) = (figures(part) for part in claims["eval"].split("claim"))
        assert abs(with_dropout - same) < 0.0005 and 1.3 * without < with_dropout
        assert 35 <= int(re.search(r"too good: (\d+)", claims["test_set"])[1]) <= 65
        return
    assert abs(figures(claims["range"])[0] / figures(claims["range"])[1] - 0.78) < 0.05
    copied, loss, before, after = figures(claims["target"])
    assert copied < 0.5 * loss and abs(loss - after) < 0.001 and after < 0.5 * before
    once, fresh = (figures(line) for line in claims["fresh_noise"].splitlines()[-2:])
    assert fresh[2] < 0.9 * fresh[1] and 0.95 * once[1] < once[2] and fresh[2] < 0.9 * once[2]
    first, copying, also_first, denoising = figures(claims["fresh_start"])
    assert abs(first / also_first - 1) < 0.1 and denoising > 1.3 * copying


def played(names):
    """What "Play" shows at each setting: illness and dose in lesson 07a, beds in 07b."""
    if "visit" in names:
        return [" ".join(names["visit"](bed, True)) for bed in range(1, 7)]
    return {one: [" ".join(names["examine"](one, dose)) for dose in range(5)] for one in names["doses"]}


def check_play(shown):
    """With the authors' programs it tells what the answer below it says."""
    if isinstance(shown, list):  # the beds
        reported = [float(re.search(r"reported loss ([\d.,]+)", told)[1].replace(",", "")) for told in shown]
        apart = [float(re.search(r"two rows (\d\.\d+)", told)[1]) for told in shown]
        assert reported[4] > 1000 and max(reported[:2]) < 0.02 and reported[1] < 0.35 * apart[1], (reported, apart)
        return
    for illness, told in shown.items():  # the lowest dose hides it, and the highest shows it most
        by_dose = [figures(re.search(r"reported .*", one)[0]) for one in told]
        off = [abs(reported / true - 1) for reported, true in by_dose]
        assert off[0] < 0.03 and off[4] > 0.08 and off[4] == max(off), (illness, off)


def test_repaired_in_the_authors_cells_from_the_start(lesson):
    """The symptoms are gone then, and each cell that would show one says why."""
    names, printed = lesson.run(lesson.in_the_authors_cell)
    for question in lesson.programs:
        assert any(text.startswith(f"07.{question}: {GONE}") for text in printed.values()), question
    for key in lesson.checked:
        assert GONE in printed[key] or printed[key] == lesson.stored[key], key
    assert printed[MESSAGES] == lesson.stored[MESSAGES]
    shown = played(names)
    told = ["repaired by you" in str(one) for one in (shown.values() if isinstance(shown, dict) else shown)]
    assert told == ([True, True, False, True] if "examine" in names else [True, True, False, False, True, False])
