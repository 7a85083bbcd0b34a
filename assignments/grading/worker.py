"""The student's side, inside the sandbox: runs the cells of one submission, and calls what they define when asked.

The tests are not here: they run in the grader's process (``submission.py``), which asks for answers through a pipe. Whatever
the student's code does to this process, it can only change its own answers.
"""

import base64
import contextlib
import io
import os
import pickle
import sys
import time
import types
from collections.abc import Iterator

import cloudpickle
import torch
import wire
from denoise_utils import data
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from torch import nn

TEXT = 20_000  # characters of a cell's output that go into the feedback


class Asked(pickle.Unpickler):
    """A question of the grader. An object that it names by number is one that stayed here."""

    def persistent_load(self, number):
        return KEPT[number]


KEPT: list = []


def keep(value) -> dict:
    KEPT.append(value)
    kind = "function" if isinstance(value, types.FunctionType | types.BuiltinFunctionType) else "object"
    return {"number": len(KEPT) - 1, "kind": kind}


def failure(error: BaseException) -> list[str]:
    return [type(error).__name__, str(error)[:2000]]


def run(shell: InteractiveShell, source: str, names: list[str]) -> dict:
    """Execute a cell. Returns what it printed and showed, its error if any, and the values of ``names``."""
    with capture_output() as captured:
        result = shell.run_cell(source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    pictures = [one.data["image/png"] for one in captured.outputs if "image/png" in one.data]
    texts = [
        one.data["text/plain"] for one in captured.outputs if "image/png" not in one.data and "text/plain" in one.data
    ]
    pictures = [base64.b64encode(one).decode() if isinstance(one, bytes) else one for one in pictures][:10]
    values = {name: wire.pack(shell.user_ns[name], keep) for name in names if name in shell.user_ns}
    text = "\n".join([captured.stdout.rstrip("\n"), *texts]).strip("\n")
    return {"text": text[:TEXT], "pictures": pictures, "error": error and failure(error), "names": values}


def call(target, method: str | None, args: list, kwargs: dict) -> dict:
    """Call something that was kept, or a method of it. Tensors and generators that it changed go back too."""
    before = [one.clone() if isinstance(one, torch.Tensor) else one for one in args]
    states = [one.get_state() if isinstance(one, torch.Generator) else None for one in args]
    network = target if isinstance(target, nn.Module) and method is None else None
    training = network is not None and network.training
    try:
        with torch.set_grad_enabled(network is None):
            if network is not None:
                network.eval()  # as du.evaluate would
            result = getattr(target, method)(*args, **kwargs) if method else target(*args, **kwargs)
            result = list(result) if isinstance(result, Iterator) else result
    except Exception as error:
        return {"error": failure(error)}
    finally:
        if network is not None:
            network.train(training)
    changed = {}
    for place, (now, old, state) in enumerate(zip(args, before, states)):
        if isinstance(now, torch.Tensor) and not torch.equal(now, old):
            changed[str(place)] = wire.pack(now, keep)
        if state is not None and not torch.equal(now.get_state(), state):
            changed[str(place)] = wire.pack(now.get_state(), keep)
    return {"error": None, "value": wire.pack(result, keep), "changed": changed}


class Packer(cloudpickle.Pickler):
    """Takes along what an object needs. Of the digits just the name."""

    def reducer_override(self, value):
        if isinstance(value, data.Digits):
            return data.load_digits, ("mnist5k",)
        return super().reducer_override(value)


def pack(numbers: list[int]) -> dict:
    """Kept objects as bytes, to be taken to another program."""
    body = io.BytesIO()
    try:
        Packer(body).dump([KEPT[number] for number in numbers])
        return {"error": None, "value": base64.b64encode(body.getvalue()).decode()}
    except Exception as error:
        return {"error": failure(error)}


def unpack(body: bytes) -> dict:
    return {"error": None, "value": wire.pack(pickle.loads(body), keep)}


def processor_clock() -> None:
    """Let all clocks show the seconds that a processor has worked for this program: what else a machine does costs no time."""
    own, ticks, offset, latest = time.process_time, os.sysconf("SC_CLK_TCK"), time.time() - time.process_time(), 0.0

    def clock() -> float:
        nonlocal latest
        seconds = own()
        for name in os.listdir("/proc"):
            if name.isdecimal() and int(name) not in (1, os.getpid()):  # its children, if it has any
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
                    seconds += sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / ticks
        latest = max(latest, seconds)  # a child that has ended takes its seconds along
        return latest

    time.monotonic = time.perf_counter = clock
    time.time = lambda: offset + clock()
    time.monotonic_ns = time.perf_counter_ns = lambda: int(1e9 * clock())


def main() -> None:
    questions, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)  # what the student's code writes by itself doesn't mix with the answers
    sys.stdin = io.StringIO()
    torch.manual_seed(0)
    shell = InteractiveShell.instance(colors="nocolor")
    shell.run_cell("%matplotlib inline")
    # an error goes back by itself, in one line
    shell.showtraceback = shell.showsyntaxerror = lambda *of, **named: None
    if "DENOISE_DIGITS" in os.environ:  # the final project: other digits, of this checksum, and another clock
        data.EMBEDDED_SHA256 = os.environ["DENOISE_DIGITS"]
        processor_clock()
    ways = {"run": lambda *of: run(shell, *of), "call": lambda *of: call(KEPT[of[0]], *of[1:])}
    ways |= {"pack": pack, "unpack": unpack}
    while True:
        try:
            kind, *content = Asked(io.BytesIO(wire.receive(questions))).load()
        except EOFError:
            return
        try:
            body = wire.dump(ways[kind](*content))
        except BaseException as error:  # a result that can't be sent, sys.exit in a call, ...: an answer too
            body = wire.dump({"error": failure(error), "text": "", "pictures": [], "names": {}})
        wire.send(answers, body)


if __name__ == "__main__":
    main()
