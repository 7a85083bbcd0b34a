"""What depends on the student's id: for any id a right answer is right, and each typical mistake gets what it gets for ada."""

import pytest
from masters import cells, mark, most, questions
from test_answers import WRONG

import denoise_utils as du
from assignments.grading.course import MASTERS

# fewer ids where one answer takes long; questions with numbers of their own: 300
IDS = {"leak": 4, "train": 2, "gradient": 2, "mean_loss": 2, "network": 2, "compare": 9, "posterior_mean": 3}
IDS |= {"repaired_5": 3, "repaired_8": 3}
IDS |= {"mixture_mean": 5}


def uses_the_id(name, question):
    tests = (cells(name).get(f"{question}_{kind}") for kind in ("check", "hidden"))
    return any(cell is not None and "student" in cell.source for cell in tests)


PERSONAL = [(n, q) for n in MASTERS if n != "final_project" for q in questions(n) if uses_the_id(n, q)]
DRAWN = {"memory": "a01.memory", "wall_mean": "a02.wall", "size": "a03.size", "batch": "a04.batch", "gain": "a05.gain"}
DRAWN |= {"ensemble": "a06.ensemble"}
DRAWN |= {"prior": "a08.prior", "difference": "a09.losses"}


def students(question, count):
    """Ids. Of those with the same numbers, one."""
    ids = [f"student {'x' * (i % 7)}{i}" for i in range(count)]
    return list({str(du.numbers_for(DRAWN[question], one)): one for one in ids}.values()) if question in DRAWN else ids


@pytest.mark.parametrize(("name", "question"), PERSONAL)
def test_every_id_is_marked_alike(name, question):
    unlike = []
    for student in students(question, 300 if question in DRAWN else IDS.get(question, 9)):
        for code, expected, _ in [(cells(name)[question].source, most(name, question), ""), *WRONG[name][question]]:
            got, text = mark(name, {question: code}, only=question, student=student)[question]
            if got != expected:
                unlike.append((student, got, expected, text, code))
    assert unlike == []
