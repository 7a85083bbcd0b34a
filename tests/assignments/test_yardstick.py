"""No answer gets more points by changing what it was given, after it has answered; and a cell has the tag ``arguments`` if,
and only if, it looks at what became of its arguments: in real grading they come back to no other cell."""

import contextlib
import copy
import functools
import re
import types

import pytest
import torch
from masters import cells, defined, mark, most, questions, verdicts
from test_answers import WRONG
from torch import Tensor, nn

from assignments.grading.course import MASTERS

FUNCTIONS = [
    (name, question)
    for name in MASTERS
    for question in questions(name)
    if name != "final_project" and f"def {defined(name)[question][0]}(" in cells(name)[question].source
]


def own(value):
    """A copy that shares no tensor. Functions stay what they are."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, nn.Module):
        return copy.deepcopy(value)
    if isinstance(value, dict):
        return {key: own(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(own(one) for one in value)
    return own(list(value)) if isinstance(value, types.GeneratorType) else value


def tensors(value):
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.state_dict().values()
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from tensors(one)


def zeros(given, answer):
    given.zero_()


def dice(given, answer):
    own = torch.Generator().manual_seed(
        1
    )  # torch's own goes on as if nothing were, so a network starts from the same weights
    given.copy_(torch.rand(given.shape, generator=own) * (1 if given.is_floating_point() else 200))


def answers(given, answer):
    for one in tensors(answer):
        if one.shape == given.shape:
            given.copy_(one)


def spoiling(spoil):
    """Puts around a function: when it has answered, it spoils all that it was given. So do a function and a network that it
    returns."""

    def spoil_all(arguments, answer):
        with torch.no_grad():
            for one in tensors(arguments):
                with contextlib.suppress(RuntimeError):  # an expanded tensor can't be written to
                    spoil(one.detach(), answer)
        for one in arguments:
            if isinstance(one, torch.Generator):
                one.manual_seed(7 if spoil is dice else one.initial_seed())
            if isinstance(one, dict | list):
                one.clear()

    def around(answer):
        if not isinstance(answer, types.FunctionType):
            return answer

        @functools.wraps(answer)
        def function(*args, **kwargs):
            found = answer(*args, **kwargs)
            if not isinstance(found, nn.Module) or any(found is one for one in args):
                found = own(found)
            spoil_all(args, found)
            if isinstance(found, nn.Module):
                found.register_forward_hook(
                    lambda _, args, out: None if torch.is_grad_enabled() else spoil_all(args, own(out))
                )
            return around(found)

        return function

    return around


def on_copies(answer):
    """Puts around a function: it gets copies, so nothing comes back to the test. So does a function that it returns."""
    if not isinstance(answer, types.FunctionType):
        return answer

    @functools.wraps(answer)
    def function(*args, **kwargs):
        return on_copies(answer(*own(args), **kwargs))

    return function


SABOTEURS = [zeros, dice, answers]


@pytest.mark.parametrize("spoil", SABOTEURS)
@pytest.mark.parametrize(("name", "question"), FUNCTIONS)
def test_no_answer_gains_by_spoiling_its_arguments(name, question, spoil):
    gained = []
    for code, expected, _ in WRONG[name][question]:
        got, text = mark(name, {question: code}, only=question, around=spoiling(spoil))[question]
        if got > expected:
            gained.append((got, expected, text, code))
    assert gained == []


@pytest.mark.parametrize("spoil", SABOTEURS)
@pytest.mark.parametrize(("name", "question"), FUNCTIONS)
def test_a_right_answer_that_spoils_reads_no_riddle(name, question, spoil):
    """Full marks, or a sentence that says what was changed."""
    got, text = mark(name, {}, only=question, around=spoiling(spoil))[question]
    assert got == most(name, question) or re.search("changed|must not change|same generator", text), text
    assert "stopped with" not in text and (text.count("Error:") == text.count("AssertionError:")), text


@pytest.mark.parametrize(("name", "question"), FUNCTIONS)
def test_tags(name, question):
    """Does a cell's verdict depend on what comes back? Asked with the right answer, once as it is and once spoiling."""
    needed = set()
    for around in (lambda answer: answer, *map(spoiling, SABOTEURS)):
        back = verdicts(name, {}, only=question, around=around)
        apart = verdicts(name, {}, only=question, around=lambda answer, around=around: on_copies(around(answer)))
        needed |= {key for key in back if back[key][0] != apart[key][0]}
    tagged = {key for key in back if "arguments" in cells(name)[key].metadata.get("tags", [])}
    assert tagged == needed
