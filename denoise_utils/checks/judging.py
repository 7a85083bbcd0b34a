"""``check(name, value)``: your answer → what is right, what is wrong, and a hint. Offline, and no hint is the solution.

A question about a number knows the typical wrong numbers; a question about a function calls it on small inputs. To add
one, write a function that returns ``None`` if the answer is right and a hint if it is not, and decorate it with its name.
Judges are mostly alike: ``call_on_copies``, ``other_shape``, then ``near`` what is right, or the ``nearest`` typical mistake.
A lesson's question has a solution in words and code, too: ``worked``. ``check`` offers it to who tried honestly, twice.
The assignments' questions are in ``denoise_assignments``: no solution has a place there, and some have other numbers for
each student (``personal``).
"""

import functools
import hashlib
import math
import random
import textwrap
import time
import types
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ..inputs import plain_number

Judge = Callable[..., str | None]
# A grader puts its own in the place of these two: a clock that counts seconds of work, whatever else a machine does; and
# a function that takes an object to another program, where it finds none of a student's variables. most: bytes it may fill
clock = time.monotonic
JUDGES: dict[str, Judge] = {}
_DRAWS: dict[str, Callable[[random.Random], dict[str, Any]]] = {}
_WORKED: dict[str, tuple[str, str]] = {}  # a lesson's question → words, code
TRIES = 2
# Of this kernel's wrong answers to a question that has a solution: how many, and the latest. Lost with the kernel
_wrong: dict[str, tuple[int, Any]] = {}


def check(name: str, value: Any, student: str | None = None) -> bool:
    """Judge an answer, print why, return whether it is right.

    name: the question, such as ``"02.clip"``. value: your number or function; ``...`` means not answered yet.
    student: your student id, where the question's numbers are your own (``numbers_for``).
    Raises ``ValueError`` for an unknown question, with the list of all, and for a personal one without a student.

    Lesson 00, "Your turn"."""
    _require_question(name)
    if name in _DRAWS and student is ...:
        print(f"{name}: its numbers are your own. Fill in your student id first, in the cell near the top.")
        return False
    personal = [numbers_for(name, student)] if name in _DRAWS else []
    if value is ...:
        print(f"{name}: not answered yet. Put your answer in place of the dots and run the cell again.")
        return False
    try:
        hint = JUDGES[name](_returning(value), *personal)
    except NothingReturned:
        hint = "Your function returned nothing. Is it filled in, and does it end with return?"
    except Exception as error:  # the learner's own function may fail in any way: show it, don't crash the lesson
        hint = f"It stopped with {type(error).__name__}: {error}"
        hint += ". Is it a function, and does it return its result?" if isinstance(error, TypeError) else ""
    print(f"{name}: right." if hint is None else f"{name}: not yet. {hint}{_offer(name, value, hint)}")
    return hint is None


def solution(name: str) -> None:
    """Print one way to answer a lesson's question: the idea in words, then code that does it.

    name: the question, such as ``"02.clip"``. Your own answer may look different and be as good: ``check`` says so.
    Raises ``ValueError`` for an unknown question, with the list of all, and for an assignment's, which has no solution here.

    Lesson 00, "Your turn"."""
    _require_question(name)
    if name not in _WORKED:
        raise ValueError(f"{name!r} is an assignment's question: it has hints, and no solution to look up")
    words, code = _WORKED[name]
    print(f"{textwrap.fill(f'{name}: {words}', 95)}\n\n{code}")


def numbers_for(name: str, student: str) -> dict[str, Any]:
    """The numbers of a personal question, the same whenever the same student asks. Part of the assignments.

    name: the question. student: the student's id. Capital letters and spaces around it make no difference, nor does the way
    in which a system writes an accent: Windows as one character (NFC), a Mac often as two (NFD).
    Raises ``ValueError`` if the question has no personal numbers, or the id is missing.
    """
    if not _known(name, _DRAWS):
        raise ValueError(f"{name!r} has no personal numbers: choose one of {', '.join(sorted(_DRAWS))}")
    if not isinstance(student, str) or not student.strip():
        raise ValueError(f'student is {student!r}: write your student id in quotes, as in student = "ada"')
    student = unicodedata.normalize("NFC", student.strip().casefold())
    seed = hashlib.sha256(f"{name}:{student}".encode()).digest()
    return _DRAWS[name](random.Random(seed))


def _require_question(name: str) -> None:
    if not _known(name, JUDGES):
        raise ValueError(f"unknown question {name!r}: choose one of {', '.join(sorted(JUDGES))}")


def _known(name: str, questions: dict) -> bool:
    """Is there such a question? The assignments' are imported when one is asked that no lesson has: most never are."""
    if name not in questions:
        import denoise_assignments  # noqa: F401 - registers them
    return name in questions


def question(name: str) -> Callable[[Judge], Judge]:
    """Register a judge: ``judge(value) -> hint or None``, or ``judge(value, numbers)`` for a personal question."""

    def register(judge: Judge) -> Judge:
        JUDGES[name] = judge
        return judge

    return register


def personal(name: str) -> Callable[[Callable], Callable]:
    """Register what draws a student's numbers for a question: ``draw(random) -> dict``."""

    def register(draw: Callable[[random.Random], dict[str, Any]]) -> Callable:
        _DRAWS[name] = draw
        return draw

    return register


def number(name: str, right: float, tolerance: float, typical: dict[float, str], otherwise: str) -> None:
    """Register a question about a number. typical: wrong answer → hint, with the same tolerance."""
    answer = {"right": right, "tolerance": tolerance, "typical": typical, "otherwise": otherwise}
    JUDGES[name] = functools.partial(judge_number, **answer)


def worked(name: str, words: str, code: str) -> None:
    """Register the solution of a lesson's question, for ``solution``. A test runs it.

    words: two or three sentences that explain it. code: the exercise's cell, filled in: with ``torch`` and ``du`` at hand it
    sets the variable that the lesson's cell gives to ``check``, and the answer is right.
    """
    _WORKED[name] = " ".join(words.split()), textwrap.dedent(code).strip()


def _offer(name: str, value: Any, hint: str) -> str:
    """What a hint ends with after enough wrong answers. To run a cell again is no new answer: a function has the same code
    then, and so has a class, a number or a tensor the same text. (A network is a new one: another training may have another
    end.)"""
    if name not in _WORKED:
        return ""
    answer = id(value) if isinstance(value, torch.nn.Module) else getattr(value, "__code__", None) or repr(value)
    if isinstance(value, type):
        answer = [getattr(part, "__code__", None) for part in vars(value).values()]
    tries, latest = _wrong.get(name, (0, None))
    _wrong[name] = tries + (answer != latest), answer
    if _wrong[name][0] < TRIES:
        return ""
    end = "" if hint.rstrip()[-1:] in ".?!" else "."
    return f'{end} Or look at a worked solution: du.solution("{name}")'


def judge_number(value: Any, right: float, tolerance: float, typical: dict[float, str], otherwise: str) -> str | None:
    """The hint for a number, ``None`` if it is right. Of two typical answers that fit, the nearer one speaks."""
    value = plain_number(value)
    if not is_number(value):
        yours = f"has {value.numel():,} of them" if isinstance(value, Tensor) else f"is of type {type(value).__name__}"
        return f"The answer should be a number; yours {yours}."
    if not math.isfinite(value):
        return f"The answer should be a finite number; yours is {value}."
    return None if near(value, right, tolerance) else nearest(value, typical.items(), tolerance) or otherwise


def is_number(value: Any) -> bool:
    """Is it a number of Python's, and no bool? What numpy or torch hold is one after ``plain_number``."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def call_on_copies(function: Callable, *arguments: Any) -> tuple[Any, bool]:
    """Call a learner's function with copies of the tensors. Returns its result, and whether it changed one of them."""
    copies = [one.clone() if isinstance(one, Tensor) else one for one in arguments]
    result = function(*copies)
    kept = [torch.equal(one, copy) for one, copy in zip(arguments, copies) if isinstance(one, Tensor)]
    return result, not all(kept)


def other_shape(got: Any, wanted: Tensor) -> str | None:
    """``None`` for a tensor of the wanted shape. Otherwise what came in its place, for a hint: a shape, or a kind of thing."""
    if isinstance(got, Tensor):
        return None if got.shape == wanted.shape else str(list(got.shape))
    return "nothing" if got is None else type(got).__name__


def other_tensor(got: Any, wanted: Tensor, kind: str) -> str | None:
    """``None`` for a tensor of the wanted dtype and shape, else the hint. kind: what stands before the dtype in it."""
    if not isinstance(got, Tensor):
        return f"Your function returned a {type(got).__name__}; it should return a tensor."
    if got.dtype != wanted.dtype:
        return f"The result is {got.dtype}; {kind} {wanted.dtype}."
    if got.shape != wanted.shape:
        return f"The shape changed from {list(wanted.shape)} to {list(got.shape)}."
    return None


def several(got: Any, count: int) -> bool:
    """Did a function return so many things?"""
    return isinstance(got, tuple | list) and len(got) == count


def near(got: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    """Two numbers, lists of numbers or tensors that differ by at most the tolerance, everywhere."""
    return _apart(got, wanted) <= tolerance


def nearest(got: Any, typical: Iterable[tuple[Any, str]], tolerance: float) -> str | None:
    """The hint of the typical wrong result that ``got`` is, of several the nearest; ``None`` if it is none of them.

    typical: pairs, (wrong result, hint), with numbers, lists of numbers or tensors. tolerance: as for ``near``.
    """
    distances = [(_apart(got, wrong), hint) for wrong, hint in typical]
    close = [one for one in distances if one[0] <= tolerance]
    return min(close, key=lambda one: one[0])[1] if close else None


def _apart(a: Any, b: Any) -> float:
    a, b = (torch.as_tensor(one, dtype=torch.float64).detach() for one in (a, b))
    return (a - b).abs().max().item() if a.shape == b.shape and a.numel() else math.inf


def only_what_it_holds(thing: Any, most: int) -> Any:
    """Part of the hidden tests: the object, without anything else of a submission."""
    return thing


class NothingReturned(Exception):
    """Part of ``check``: the learner's function has no result."""


def _returning(value: Any) -> Any:
    """A plain function, made to complain if it returns nothing: a blank of an exercise, or a forgotten ``return``."""
    if not isinstance(value, types.FunctionType):
        return value

    @functools.wraps(value)
    def function(*args, **kwargs):
        result = value(*args, **kwargs)
        if result is None:
            raise NothingReturned
        return result

    return function
