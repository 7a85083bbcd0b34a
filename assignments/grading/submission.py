"""The grader's side: hands a submission's cells to the sandbox, and stands in for what they define.

nbgrader runs the test cells in this process, with stand-ins for the student's functions and networks: a call goes through the
pipe, the student's program computes, plain data come back. So the tests and the marks are out of the student's reach.
"""

import atexit
import base64
import builtins
import io
import json
import os
import resource
import time
import types
from typing import Any

import cloudpickle
import torch
import wire
from IPython import get_ipython
from IPython.display import Image, display
from IPython.utils.capture import capture_output
from sandbox import CALL, MEMORY, TOTAL, Sandbox

RESTARTS = 5
TEXT, PICTURES, PICTURE = 20_000, 10, 2_000_000  # of a cell's output: characters, how many, characters of one
KERNEL = 8 * 2**30  # bytes of address space for the process of the tests, which reads answers of any kind


class Ended(Exception):
    """The student's program is gone, or took too long."""


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
    one that did it: a loop without end in one answer doesn't cost the others."""

    def __init__(self, isolated: bool):
        self.isolated, self.restarts, self.done = isolated, 0, []
        self.until = time.monotonic() + TOTAL
        self.start()

    def start(self) -> None:
        self.sandbox = Sandbox(self.isolated)
        self.sandbox.start()

    def stop(self) -> None:
        self.sandbox.stop()

    def ask(self, *question: Any) -> dict:
        body = io.BytesIO()
        Asking(body).dump(question)
        process = self.sandbox.process
        left = min(CALL, self.until - time.monotonic())
        if left <= 0:
            raise Ended(f"the {TOTAL} seconds for a whole submission are used up")
        try:
            wire.send(process.stdin.fileno(), body.getvalue(), left)
            answer = wire.load(wire.receive(process.stdout.fileno(), left))
            if not isinstance(answer, dict):
                raise wire.BadMessage("the program did not answer in our form")
            return answer
        except TimeoutError:
            reason = f"no answer after {left:.0f} seconds: a loop without end, or far too slow"
        except (EOFError, BrokenPipeError):
            memory = self.sandbox.out_of_memory()
            reason = (
                f"it needed more than {MEMORY // 2**30} GB of memory"
                if memory
                else "the program ended itself or crashed"
            )
        except wire.BadMessage as error:
            reason = str(error)
        self.restart()
        raise Ended(reason)

    def restart(self) -> None:
        self.stop()
        if self.restarts == RESTARTS:
            self.until = 0
        self.restarts += 1
        self.start()
        for source, names in list(self.done):
            try:
                self.keep_names(self.ask("run", source, names), names)
            except Ended:  # that cell did it, or did its share: go on without it
                self.done.remove((source, names))
                return

    def run(self, source: str, names: list[str]) -> None:
        """Execute a cell of the submission; show what it printed and drew; give its names to the test cells."""
        answer = self.ask("run", source, names)
        self.done.append((source, names))
        if answer["text"]:
            print(str(answer["text"])[:TEXT])
        for picture in answer["pictures"][:PICTURES]:
            display(Image(base64.b64decode(picture[:PICTURE]), format="png"))
        self.keep_names(answer, names)
        if answer["error"]:
            raise error_of(*map(str, answer["error"]))

    def refresh(self, names: list[str]) -> None:
        """Before a test: the names as they are now. A student may have defined them again in a cell of their own."""
        self.keep_names(self.ask("run", "", names), names)

    def keep_names(self, answer: dict, names: list[str]) -> None:
        """Give the test cells these names, and no other: the answer comes from the student's process."""
        import __main__

        for name in set(names) & set(answer["names"]):
            setattr(__main__, name, wire.unpack(answer["names"][name], self.stand_in))

    def stand_in(self, described: dict) -> Any:
        number = (self.restarts, int(described["number"]))
        if described["kind"] != "function":
            return StandIn(self, number)

        def function(*args, **kwargs):  # a real function: du.check tells one that returns nothing
            return self.call(number, None, args, kwargs)

        function._number = number  # functools.wraps, as in du.check, keeps it
        return function

    def call(self, number: tuple[int, int], method: str | None, args: tuple, kwargs: dict) -> Any:
        if number[0] != self.restarts:
            raise Ended("its program had to be started again")
        answer = self.ask("call", number[1], method, list(args), kwargs)
        if answer["error"]:
            raise error_of(*map(str, answer["error"]))
        for place, changed in answer["changed"].items():
            put_back(args[int(place)], wire.unpack(changed, self.stand_in))
        return wire.unpack(answer["value"], self.stand_in)


def put_back(mine: Any, theirs: torch.Tensor) -> None:
    """The student's function changed an argument in place: so does ours."""
    if isinstance(mine, torch.Generator):
        mine.set_state(theirs)
    elif isinstance(mine, torch.Tensor) and mine.shape == theirs.shape:
        mine.copy_(theirs)


def trial(isolated: bool) -> str | None:
    """Does the course's package work inside? Returns the reason if not."""
    box = Submission(isolated)
    try:
        answer = box.ask("run", 'import denoise_utils as du\ndu.load_digits("mnist5k")', [])
        return None if not answer["error"] else ": ".join(map(str, answer["error"]))
    except Ended as error:
        return str(error)
    finally:
        box.stop()


def start(set_up: str) -> Submission:
    """nbgrader's kernel calls this instead of the set-up cell: set up here, quietly, and in a new sandbox."""
    settings = json.loads(os.environ["DENOISE_GRADING"])
    resource.setrlimit(resource.RLIMIT_AS, (KERNEL, KERNEL))
    with capture_output():
        get_ipython().run_cell(set_up).raise_error()
    get_ipython().user_ns["student"] = settings["student"]  # the folder's name counts, not what the notebook says
    submission = Submission(isolated=settings["isolated"])
    atexit.register(submission.stop)
    submission.run(set_up, [])
    return submission
