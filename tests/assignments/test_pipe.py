"""The pipe between grader and submission: what goes through, what can't, and that no test can be reached through it."""

import json
import math
import os
import struct
import threading
import time

import numpy as np
import psutil
import pytest
import torch
from torch import nn

import denoise_utils as du
from assignments.grading import course, wire
from assignments.grading import submission as side
from assignments.grading.marking import outcome, rebuilt

PROGRAM = """
import torch
from torch import nn
import numpy as np
import time, os

def add(a, b):
    return a + b

def in_place(images, generator):
    images.mul_(2)
    return torch.rand(2, generator=generator)

def batches(n):
    for i in range(n):
        yield torch.full((i,), float(i))

def make():
    return nn.Sequential(nn.Dropout(0.5), nn.Conv2d(1, 1, 3, padding=1))

def train(network, images):
    du.fit(network, images, du.GaussianNoise(0.5, clip=True), epochs=1, progress=False)
    return network

def fails():
    raise KeyError("mine")

def sleeps():
    time.sleep(100)

def ends():
    os._exit(3)

def giant():
    return torch.zeros(3 * 10**7)

def nothing(*given):
    "Blank."

number, text, dots, pair, array = 3.5, "text", ..., (1, [True, None]), np.arange(3)
odd = {"a": torch.tensor([1.0, float("nan")], dtype=torch.bfloat16), 2: torch.zeros(0, 4), "b": torch.tensor(True)}
"""
NAMES = [*course.names_defined(PROGRAM), "number", "text", "dots", "pair", "array"]


@pytest.fixture(scope="module")
def box(sandbox):
    box = side.Submission(isolated=True)
    box.run("import denoise_utils as du", [])
    yield box
    box.stop()


@pytest.fixture
def student(box):
    box.restarts, box.spent, box.put_back = 0, -box.sandbox.seconds(), True
    box.run(PROGRAM, NAMES)
    names = type("Names", (), {})()
    names.__dict__ = box.namespace  # as it is later, too
    return names


def test_plain_values_come_over(student):
    assert (
        student.number == 3.5 and student.text == "text" and student.dots is ... and student.pair == (1, [True, None])
    )
    assert isinstance(student.array, np.ndarray) and student.array.tolist() == [0, 1, 2]
    odd = student.odd
    assert (
        odd["a"].dtype is torch.bfloat16 and odd["a"][1].isnan() and odd[2].shape == (0, 4) and odd["b"].item() is True
    )


def test_functions_are_called_there(student):
    assert torch.equal(student.add(torch.ones(2), b=torch.ones(2)), torch.full((2,), 2.0))
    assert [batch.tolist() for batch in student.batches(3)] == [[], [1.0], [2.0, 2.0]]
    with pytest.raises(KeyError, match="mine"):
        student.fails()


def test_changes_in_place_come_back(student):
    images, generator = torch.ones(3), torch.Generator().manual_seed(4)
    got = student.in_place(images, generator)
    assert images.tolist() == [2, 2, 2]
    expected = torch.Generator().manual_seed(4)
    assert torch.equal(got, torch.rand(2, generator=expected)) and torch.equal(
        generator.get_state(), expected.get_state()
    )


def test_networks_stay_there(student, digits_few):
    network = student.make()
    noisy = torch.rand(2, 1, 28, 28)
    assert torch.equal(network(noisy), network(noisy)), "called from outside it is in eval mode"
    assert du.count_parameters(network) == 10
    trained = student.train(network, digits_few)
    assert du.evaluate(trained, digits_few, du.GaussianNoise(0.5, clip=True)).images == 20
    assert not torch.equal(network(noisy), student.make()(noisy))
    mine = student.train(nn.Conv2d(1, 1, 3, padding=1), digits_few)  # ours is copied to the other side
    assert mine(noisy).shape == noisy.shape


@pytest.fixture(scope="session")
def digits_few():
    return du.load_digits("mnist5k").train.images[:20]


def test_du_check_knows_what_returns_nothing(student, capsys):
    assert not du.check("02.psnr", student.nothing)
    assert "returned nothing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "reason"), [("ends", "ended itself"), ("giant", "too large"), ("sleeps", "no answer")]
)
def test_what_ends_or_hangs_is_started_again(student, box, name, reason, monkeypatch):
    monkeypatch.setattr(side, "CALL", 20 if name == "sleeps" else 60)
    old = student.add
    with pytest.raises(side.Ended, match=reason):
        getattr(student, name)()
    with pytest.raises(side.Ended, match="started again"):
        old(1, 2)
    assert student.add(1, 2) == 3, "the cells before were repeated"


def test_at_some_point_it_is_enough(student, box):
    box.restarts = side.RESTARTS + 1
    with pytest.raises(side.Ended, match="used up"):
        box.ask("run", "1", [])


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[" * 100_000, b"7", b'{"names": {"x": {"tensor": ["float32", [2], "AAAA"]}}}'],
)
def test_forged_answers_are_no_answers(body):
    with pytest.raises((wire.BadMessage, AssertionError)):
        message = wire.load(body)
        assert isinstance(message, dict)
        wire.unpack(message["names"]["x"], None)


@pytest.mark.parametrize("tensor", [torch.tensor(3.0).expand(1), torch.arange(6.0)[::2][:1], torch.arange(6.0)[::2]])
def test_a_tensor_with_strides_of_its_own(tensor):
    assert torch.equal(wire.unpack(wire.pack(tensor, None), None), tensor)


@pytest.mark.parametrize("shape", [[-1, 4], [1.5], ["a"], [2**62, 2**62], 7])
def test_a_tensor_of_no_shape(shape):
    with pytest.raises((wire.BadMessage, ValueError, TypeError, OverflowError)):
        wire.unpack({"tensor": ["float32", shape, ""]}, None)


def test_an_object_can_t_come_back():
    """Nothing but plain data and descriptions can be expressed, whatever is written into the pipe."""
    reader, writer = os.pipe()
    wire.send(writer, json.dumps({"object": {"number": 1, "kind": "x"}}).encode())
    assert wire.load(wire.receive(reader)) == {"object": {"number": 1, "kind": "x"}}
    os.write(writer, struct.pack(">Q", 2**40))
    with pytest.raises(wire.BadMessage, match="too large"):
        wire.receive(reader)


def test_only_names_that_were_asked_for_come_over(box):
    """A submission that forges its answers could otherwise put its own ``du`` or ``abs`` beside the tests."""
    answer = {"names": {"abs": 0.0, "du": {"object": {"number": 0, "kind": "object"}}, "asked": 7}}
    box.keep_names(answer, ["asked", "lost"])
    assert box.namespace["asked"] == 7 and not {"abs", "du", "lost"} & set(box.namespace)


def test_a_name_defined_again_in_a_student_s_own_cell_counts(student, box):
    box.run("number = 4.5", [])
    assert box.namespace["number"] == 3.5
    assert outcome("number + 0.5", 9.0, box, box.namespace, ["number"], None) == (5.0, "")


def test_a_sandbox_in_the_sandbox(student, box):
    """There a program could mount cgroups and lift its own limits."""
    answer = box.run("import subprocess\nprint(subprocess.run(['unshare', '-Ur', 'true']).returncode)", [])
    assert answer["text"].strip() not in ("", "0")


def test_tags_and_tests_of_a_submission_do_not_count(released):
    """nbclient skips a cell with the tag skip-execution, and nbgrader gives full marks to a test without output."""
    notebook = course.solved("02_noise", released["02_noise"])
    cells = course.by_id(notebook)
    for key in course.tests("02_noise"):
        cells[key].metadata["tags"] = ["skip-execution"]
        cells[key].source, cells[key].cell_type = "2", "markdown"
    made = course.by_id(rebuilt(notebook, course.master("02_noise")))
    original = course.by_id(course.master("02_noise"))
    for key in course.tests("02_noise"):
        assert made[key] == original[key]
    assert made["batch_noise"].source == cells["batch_noise"].source != original["batch_noise"].source


LEASE = """
import ctypes, fcntl, torch
libc = ctypes.CDLL(None, use_errno=True)
found = []
for name, ask in {
    "lease": lambda: fcntl.fcntl(open(torch.__file__), 1024, 1),
    "flags": lambda: fcntl.fcntl(open(torch.__file__), fcntl.F_GETFL),
}.items():
    try:
        ask()
        found.append(name)
    except PermissionError:
        pass
for call in (248, 249, 250):
    if libc.syscall(call, 0, -3, 0, 0, 0) != -1 or ctypes.get_errno() != 1:
        found.append(str(call))
"""


def test_no_lease_and_no_key(box):
    """A lease on a file that all sandboxes read makes each of them wait 45 seconds; a keyring may be common to all."""
    box.run(LEASE, ["found"])
    assert box.namespace["found"] == ["flags"]


def test_proc_can_only_be_read(box):
    """Settings of the whole machine lie there, and root may change them. Nothing is written here: access() asks."""
    box.run(
        "import os\nopen_ones = [n for top, _, names in os.walk('/proc/sys') for n in names if os.access(f'{top}/{n}', 2)]",
        [],
    )
    box.run("readonly = bool(os.statvfs('/proc/sys').f_flag & os.ST_RDONLY)", ["open_ones", "readonly"])
    box.run("open_ones = open_ones", ["open_ones"])
    assert box.namespace["open_ones"] == [] and box.namespace["readonly"]


def test_who_waits_is_told_from_whom_others_keep_waiting(box):
    """On a machine with a hundred busy processes, those of three hostile neighbours, a program gets next to no time. That is no
    waiting of its own."""
    seen = {}
    for name, source in (
        ("calculates", "while time.monotonic() < until: pass"),
        (
            "in a thread",
            "import threading; t = threading.Thread(target=lambda: sum(range(10**9))); t.start(); t.join()",
        ),
        ("sleeps", "time.sleep(8)"),
    ):
        looks = []
        ask = threading.Thread(target=box.run, args=(f"until = time.monotonic() + 8\n{source}", []), daemon=True)
        ask.start()
        time.sleep(3)  # it has begun
        for _ in range(15):
            looks.append(box.sandbox.working())
            time.sleep(0.1)
        ask.join()
        seen[name] = sum(looks) / len(looks)
    assert seen["calculates"] > 0.8 and seen["in a thread"] > 0.8 and seen["sleeps"] < 0.3, seen


@pytest.mark.parametrize(("waited", "works", "charged"), [(True, False, 300), (True, True, 0), (False, False, 0)])
def test_only_who_keeps_us_waiting_is_charged_for_the_time(waited, works, charged):
    class Idle:
        def seconds(self):
            return 1.0

        def working(self):
            return works

    box = side.Submission.__new__(side.Submission)
    box.owner, box.sandbox, box.other, box.spent, box.until = box, Idle(), None, 0.0, math.inf
    check = box.patience()
    for _ in range(295):  # of 0.2 s: just no minute
        check(waited)
    assert box.spent == pytest.approx(charged * wire.STEP, abs=1.1)
    if charged:
        with pytest.raises(TimeoutError, match="no answer after 60 seconds"):
            for _ in range(10):
                check(waited)


@pytest.mark.parametrize(
    ("size", "piece", "writer_sleeps", "reader_sleeps", "kept_waiting"),
    [(4_000_000, 4_000_000, 0, 0.02, False), (60, 1, 0.05, 0, True)],
    ids=["a large answer, and a slow grader", "byte by byte"],
)
def test_who_keeps_whom_waiting(monkeypatch, size, piece, writer_sleeps, reader_sleeps, kept_waiting):
    reading, writing = os.pipe()
    seen, look = [], wire.Watch.look

    def write():
        os.write(writing, struct.pack(">Q", size))
        for _ in range(size // piece):
            os.write(writing, b"x" * piece)
            time.sleep(writer_sleeps)

    def slow(watch, came):
        time.sleep(reader_sleeps)
        look(watch, came)

    monkeypatch.setattr(wire.Watch, "look", slow)
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert len(wire.receive(reading, seen.append)) == size
    assert len(seen) > 3 and (sum(seen) > 0.7 * len(seen)) is kept_waiting, seen
    thread.join()
    os.close(reading)
    os.close(writing)


def test_children_that_nobody_waits_for_are_counted(box):
    """With SIGCHLD ignored the kernel adds their seconds to nobody's."""
    before = box.seconds()
    box.run(BUSY, [])
    assert box.seconds() - before > 3


BUSY = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0:
        start = time.process_time()
        while time.process_time() - start < 2:
            pass
        os._exit(0)
time.sleep(6)
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
"""


@pytest.mark.parametrize(
    "described",
    [
        {"tensor": ["float32", [10**4299] * 1000, ""]},
        {"tensor": ["float32", [1] * 9, "AAAAAA=="]},
        {"dict": [[i * (2**61 - 1), 0] for i in range(20_000)]},
    ],
    ids=["sizes", "dimensions", "keys"],
)
def test_what_would_take_for_ever_is_refused(described):
    with pytest.raises(wire.BadMessage):
        wire.unpack(described, None)


def test_an_answer_of_too_many_parts():
    with pytest.raises(wire.BadMessage, match="million parts"):
        wire.load(b"[" + b"[]," * 10**6 + b"0]")


def test_what_is_moved_is_alone(sandbox):
    """A network in a global does not go along, digits are black there, and what saves itself for seconds is no saving."""
    box = side.Submission(True, ("test",))
    box.run(MOVED, ["honest", "cheats", "slow", "sees"])
    try:
        honest = side.moved(box.namespace["honest"], 10_000)
        assert honest(torch.ones(2)).tolist() == [3, 3] and box.seconds() > box.sandbox.seconds()
        both = side.moved((box.namespace["sees"], box.namespace["honest"]), 10_000)
        assert both[0]() == 0
        with pytest.raises(ValueError, match="bytes; 10,000 are allowed"):
            side.moved(box.namespace["cheats"], 10_000)
        with pytest.raises(ValueError, match="more than 3 seconds"):
            side.moved(box.namespace["slow"], 10_000)
    finally:
        box.stop()


@pytest.fixture
def by_its_processes(monkeypatch):
    """As where there are no control groups: an ordinary user's machine without systemd."""
    monkeypatch.setattr("assignments.grading.sandbox.limits", lambda: "rlimit")


def test_a_clock_that_is_set_costs_no_time(sandbox, by_its_processes, monkeypatch):
    """psutil's create_time() changes when the date is set: its own comments say so."""
    box = side.Submission(True)
    try:
        box.run("import time", [])
        before, real = box.seconds(), psutil._pslinux.boot_time
        time.sleep(3)
        monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: real() + 1)
        assert box.seconds() - before < 1
    finally:
        box.stop()


def test_what_ends_in_the_first_program_costs_no_more_than_a_look(sandbox, by_its_processes):
    """A process that a cell left behind ends while the second program trains: that is not the training's time."""
    box = side.Submission(True)
    box.run(LEFT, ["wait"])
    try:
        wait, before = side.moved(box.namespace["wait"], 10_000), box.seconds()
        wait()
        assert 7 < box.seconds() - before < 13  # it would be 20
    finally:
        box.stop()


LEFT = """
import subprocess, threading
threading.Thread(target=subprocess.run, args=(["sleep", "8"],)).start()
def wait():
    import time
    time.sleep(10)
"""


MOVED = """
import time, torch, denoise_utils as du
digits = du.load_digits("mnist5k")
hidden = torch.ones(100_000)
def honest(x):
    return x + 2
def cheats(x):
    return x + hidden.sum()
def sees():
    return int(digits.train.images.max())
class Slow:
    def __call__(self, x):
        return x
    def __reduce__(self):
        start = time.process_time()
        while time.process_time() - start < 5:
            pass
        return Slow, ()
slow = Slow()
"""
