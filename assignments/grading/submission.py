"""The grader's side: hands a submission's cells to the sandbox, and stands in for what they define.

``marking`` runs the test cells here, with stand-ins for the student's functions and networks: a call goes through the
pipe, the student's program computes, plain data come back. So the tests and the marks are out of the student's reach.
"""

import base64
import builtins
import io
import time
import types
from typing import Any

import cloudpickle
import torch

from . import wire
from .sandbox import CALL, MEMORY, TOTAL, Sandbox

RESTARTS = 5
LONGEST = 3600  # seconds by the clock on the wall: no mark depends on it, but a grader must come to its end
TEXT, PICTURES, PICTURE = 20_000, 10, 2_000_000  # of a cell's output: characters, how many, characters of one
PACKING = 3  # seconds
ROOM = 10_000_000  # characters of all outputs


class Ended(Exception):
    """The student's program is gone, or took too long."""


class NotGraded(BaseException):
    """Something went wrong that says nothing about the answers: no mark should come from it, and no test swallows it."""


class StandIn:
    """An object of the student's: it can be called, and its methods can."""

    def __init__(self, submission: "Submission", number: tuple[int, int]):
        self._submission, self._number = submission, number

    def __call__(self, *args, **kwargs):
        return self._submission.call(self._number, None, args, kwargs)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self._submission.call(self._number, name, args, kwargs)


class Asking(cloudpickle.Pickler):
    """Pickles a question. A stand-in goes back as the number of the object it stands for."""

    def persistent_id(self, value):
        known = type(value) in (StandIn, types.FunctionType) and "_number" in vars(value)
        return vars(value)["_number"][1] if known else None


def error_of(name: str, text: str) -> Exception:
    """The student's exception, as one of Python's own where there is one of that name."""
    text = text[:2000]
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(text)
        except TypeError:  # UnicodeDecodeError and others want more than a text
            pass
    return type(name[:60] if name.isidentifier() else "Exception", (Exception,), {})(text)


class Submission:
    """A submission that runs in a sandbox. If its program ends or hangs, a new one repeats the cells before, without the
    one that did it: a loop without end in one answer doesn't cost the others.

    namespace: where the test cells find the stand-ins. put_back: whether what a call changed in its arguments is changed in
    ours too; only where a test asks for it, since it may need them for its own calculation. owner: whose second program this
    is. Both are looked at again and again: of a process that ends between two looks nobody knows what it did, so all that time
    counts, and should be short.
    """

    def __init__(self, isolated: bool, hidden: tuple[str, ...] = (), namespace: dict | None = None, owner=None):
        self.isolated, self.hidden, self.namespace = isolated, hidden, {} if namespace is None else namespace
        self.owner = owner or self
        self.restarts, self.done, self.put_back, self.spent, self.other = 0, [], False, 0.0, None
        self.room = ROOM
        self.until = time.monotonic() + LONGEST
        self.start()

    def start(self) -> None:
        self.sandbox = Sandbox(self.isolated, self.hidden)
        self.sandbox.start()

    def stop(self) -> None:
        self.spent += self.sandbox.seconds()
        self.sandbox.stop()
        if self.other:
            self.other.stop()

    def seconds(self) -> float:
        """Seconds that the student's programs have worked or waited until now. What else the machine does is not in them."""
        return self.spent + self.sandbox.seconds() + (self.other.seconds() if self.other else 0)

    def patience(self):
        """For one question. To wait counts as work: when nothing comes, and no thread of the program runs or would, if it only
        got a processor."""
        begin = self.owner.seconds()

        def check(waited: bool) -> None:
            if time.monotonic() > self.until:
                raise NotGraded("it was not done after an hour, most of it waiting: look into it, or run this again")
            if waited and not self.sandbox.working():
                self.spent += wire.STEP
            used = self.owner.seconds()
            if used - begin > CALL:
                raise TimeoutError(f"no answer after {CALL} seconds: a loop without end, or far too slow")
            if used > TOTAL:
                raise TimeoutError(f"the {TOTAL} seconds for a whole submission are used up")

        return check

    def ask(self, *question: Any) -> dict:
        body = io.BytesIO()
        Asking(body).dump(question)
        if self.restarts > RESTARTS or self.owner.seconds() > TOTAL:
            raise Ended(f"the {TOTAL} seconds for a whole submission are used up")
        process, patience = self.sandbox.process, self.patience()
        try:
            wire.send(process.stdin.fileno(), body.getvalue(), patience)
            answer = wire.load(wire.receive(process.stdout.fileno(), patience))
            if not isinstance(answer, dict):
                raise wire.BadMessage("the program did not answer in our form")
            return answer
        except (TimeoutError, wire.BadMessage) as error:
            reason = str(error)
        except (EOFError, BrokenPipeError):
            memory = self.sandbox.out_of_memory()
            reason = (
                f"it needed more than {MEMORY // 2**30} GB of memory"
                if memory
                else "the program ended itself or crashed"
            )
        self.restart()
        raise Ended(reason)

    def restart(self) -> None:
        self.stop()
        self.restarts += 1
        self.start()
        for source, names in list(self.done):
            try:
                self.keep_names(self.ask("run", source, names), names)
            except Ended:  # that cell did it, or did its share: go on without it
                if (source, names) in self.done:
                    self.done.remove((source, names))
                return

    def run(self, source: str, names: list[str]) -> dict:
        """Execute a cell of the submission, and give its names to the test cells. Returns text, pictures (PNG as base64
        text), error (its name and its text, or None)."""
        answer = self.ask("run", source, names)
        self.done.append((source, names))
        self.keep_names(answer, names)
        text, pictures = str(answer["text"])[: min(TEXT, self.room)], []
        for one in answer["pictures"][:PICTURES]:
            if len(one) <= min(PICTURE, self.room):
                pictures.append(base64.b64encode(base64.b64decode(one)).decode())
                self.room -= len(one)
        self.room -= len(text)
        error = answer["error"] and [str(one)[:2000] for one in answer["error"]][:2]
        return {"text": text, "pictures": pictures, "error": error}

    def refresh(self, names: list[str]) -> None:
        """Before a test: the names as they are now. A student may have defined them again in a cell of their own."""
        self.keep_names(self.ask("run", "", names), names)

    def keep_names(self, answer: dict, names: list[str]) -> None:
        """Give the test cells these names, and no other: the answer comes from the student's process."""
        for name in set(names) & set(answer["names"]):
            self.namespace[name] = wire.unpack(answer["names"][name], self.stand_in)

    def stand_in(self, described: dict) -> Any:
        number = (self.restarts, int(described["number"]))
        if described["kind"] != "function":
            return StandIn(self, number)

        def function(*args, **kwargs):  # a real function: du.check tells one that returns nothing
            return self.call(number, None, args, kwargs)

        function._number, function._submission = number, self  # functools.wraps, as in du.check, keeps them
        return function

    def call(self, number: tuple[int, int], method: str | None, args: tuple, kwargs: dict) -> Any:
        if number[0] != self.restarts:
            raise Ended("its program had to be started again")
        answer = self.ask("call", number[1], method, list(args), kwargs)
        if answer["error"]:
            raise error_of(*map(str, answer["error"]))
        for place, changed in answer["changed"].items() if self.put_back else ():
            put_back(args[int(place)], wire.unpack(changed, self.stand_in))
        return wire.unpack(answer["value"], self.stand_in)


def moved(things: Any, most: int) -> Any:
    """Take objects of a student's to a new program, in which nothing else of the submission is: no global, no hidden network,
    and no digits to learn from."""
    several = things if isinstance(things, tuple) else (things,)
    box, numbers = vars(several[0])["_submission"], [vars(one)["_number"] for one in several]
    if any(number[0] != box.restarts for number in numbers):
        raise Ended("its program had to be started again")
    start = box.sandbox.seconds()
    answer = box.ask("pack", [number[1] for number in numbers])
    if answer["error"]:
        raise error_of(*map(str, answer["error"]))
    body = base64.b64decode(answer["value"])
    if len(body) > most:
        raise ValueError(f"what is kept fills {len(body):,} bytes; {most:,} are allowed")
    if box.sandbox.seconds() - start > PACKING:
        raise ValueError(f"to save it took more than {PACKING} seconds")
    if box.other:
        box.spent += box.other.seconds()
        box.other.stop()
    box.other = Submission(box.isolated, ("train", "val", "test"), owner=box)
    found = wire.unpack(box.other.ask("unpack", body)["value"], box.other.stand_in)
    return tuple(found) if isinstance(things, tuple) else found[0]


def put_back(mine: Any, theirs: torch.Tensor) -> None:
    """The student's function changed an argument in place: so does ours."""
    if isinstance(mine, torch.Generator):
        mine.set_state(theirs)
    elif isinstance(mine, torch.Tensor) and mine.shape == theirs.shape:
        mine.copy_(theirs)
