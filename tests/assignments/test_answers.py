"""Every master: its own solution gets full marks, a blank none, and typical wrong answers what a person would give, with the
message that a person would say. The wrong answers stand in ``answers/``, one file an assignment."""

import importlib.util
import re
from pathlib import Path

import pytest
from masters import cells, mark, most, questions

from assignments.grading.course import MASTERS

ANSWERS = Path(__file__).parent / "answers"


def load(name):
    spec = importlib.util.spec_from_file_location(f"answers_{name}", ANSWERS / f"a{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRONG = {name: load(name).WRONG for name in MASTERS}
OTHER_RIGHT = {name: load(name).OTHER_RIGHT for name in MASTERS if name != "final_project"}
OTHERS = [
    (name, question, i)
    for name in OTHER_RIGHT
    for question in WRONG[name]
    for i in range(len(OTHER_RIGHT[name][question]))
]
CASES = [(name, question, i) for name in WRONG for question in WRONG[name] for i in range(len(WRONG[name][question]))]


@pytest.mark.parametrize("name", MASTERS)
def test_the_solution_gets_full_marks(name):
    marks = mark(name, {})
    assert {question: got for question, (got, _) in marks.items()} == {q: most(name, q) for q in questions(name)}, marks


@pytest.mark.parametrize(("name", "question", "i"), OTHERS)
def test_right_in_another_way(name, question, i):
    got, text = mark(name, {question: OTHER_RIGHT[name][question][i]}, only=question)[question]
    assert got == most(name, question), text


@pytest.mark.parametrize("name", OTHER_RIGHT)
def test_every_question_has_two_more_right_answers(name):
    assert set(OTHER_RIGHT[name]) == set(questions(name))
    assert all(len(right) >= 2 for right in OTHER_RIGHT[name].values())


@pytest.mark.parametrize("name", MASTERS)
def test_every_question_has_five_wrong_answers(name):
    assert set(WRONG[name]) == set(questions(name))
    assert all(len(wrong) >= 5 for wrong in WRONG[name].values())


@pytest.mark.parametrize(("name", "question", "i"), CASES)
def test_wrong_answer(name, question, i):
    code, expected, phrase = WRONG[name][question][i]
    got, text = mark(name, {question: code}, only=question)[question]
    assert got == expected < most(name, question), text
    assert re.search(phrase, text), text
    assert "### " not in text and cells(name)[question].source not in text
