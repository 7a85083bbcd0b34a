"""Messages between the grader and a student's program. The two directions differ, because the two sides do:

to the student    pickle: anything that the grader's tests hand over, functions and networks too
from the student  plain data only, as JSON: numbers, texts, tensors, lists ... It is never executed.

A message is its length (8 bytes), then its bytes.
"""

import base64
import json
import math
import os
import select
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Patience = Callable[[bool], None] | None  # is asked now and then, whether we waited or not; raises an error at its end
STEP = 0.2  # seconds between two looks
MOST = 100 * 2**20  # bytes of one message: 30,000 denoised digits
DTYPES = {str(d)[6:]: d for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.uint8)}
DTYPES |= {str(d)[6:]: d for d in (torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)}


class BadMessage(Exception):
    """What came is no message of ours: the student's program wrote into the pipe, or ended."""


class Watch:
    """Looks at the other side every 0.2 s, and says whether we have waited for it. On a busy machine a large message may take
    long since we are slow; that is not its fault."""

    def __init__(self, patience: Patience):
        self.patience, self.looked, self.waited = patience, time.monotonic(), 0.0

    def ready(self, reading: list[int], writing: list[int]) -> bool:
        if self.patience is None:
            return True
        start = time.monotonic()
        found = any(select.select(reading, writing, [], STEP))
        self.waited += time.monotonic() - start
        return found

    def look(self, came: bool) -> None:
        """After each piece: it has been woken by that, if it sleeps since we were slow."""
        if self.patience is not None and (not came or time.monotonic() - self.looked > STEP):
            self.patience(self.waited > STEP / 2)  # so a byte now and then is no answer either
            self.looked, self.waited = time.monotonic(), 0.0


def send(descriptor: int, body: bytes, patience: Patience = None) -> None:
    """Raises what patience raises, if the other side does not read."""
    left, watch = memoryview(struct.pack(">Q", len(body)) + body), Watch(patience)
    while left:
        if room := watch.ready([], [descriptor]):
            left = left[os.write(descriptor, left[: select.PIPE_BUF]) :]  # so much never blocks, once there is room
        watch.look(room)


def receive(descriptor: int, patience: Patience = None) -> bytes:
    """The next message. Raises what patience raises, ``EOFError`` if the other side is gone, ``BadMessage`` if too long."""
    watch = Watch(patience)
    (length,) = struct.unpack(">Q", _exactly(descriptor, 8, watch))
    if length > MOST:
        raise BadMessage(f"an answer of {length:,} bytes is too large: at most {MOST:,}")
    return _exactly(descriptor, length, watch)


def _exactly(descriptor: int, length: int, watch: Watch) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        if came := watch.ready([descriptor], []):
            part = os.read(descriptor, min(length - len(parts), 2**20))
            if not part:
                raise EOFError
            parts += part
        watch.look(came)
    return bytes(parts)


def pack(value: Any, keep) -> Any:
    """Plain data → what JSON holds. keep(object) stores anything else and returns a description for the other side."""
    if isinstance(value, torch.Tensor):
        # contiguous() would leave a single value any stride that it has, as after expand: then it can't be viewed as bytes
        data = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        raw = data.reshape(-1).view(torch.uint8).numpy().tobytes()
        learned = isinstance(value, torch.nn.Parameter) and value.requires_grad  # du.count_parameters asks
        return {"tensor": [str(data.dtype)[6:], list(data.shape), base64.b64encode(raw).decode(), learned]}
    if isinstance(value, np.ndarray):
        return {"array": pack(torch.from_numpy(np.ascontiguousarray(value)), keep)}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if type(value) is list:
        return [pack(one, keep) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [pack(one, keep) for one in value]}
    if type(value) is dict:
        return {"dict": [[pack(key, keep), pack(one, keep)] for key, one in value.items()]}
    if value is ...:
        return {"dots": True}
    return {"object": keep(value)}


def unpack(value: Any, find) -> Any:
    """The other way. find(description) makes the stand-in for an object that stayed with the student."""
    if not isinstance(value, dict):
        return [unpack(one, find) for one in value] if isinstance(value, list) else value
    ((kind, content),) = value.items()
    if kind == "tensor":
        name, shape, text, *learned = content
        if len(shape) > 8 or not all(0 <= size < 2**31 for size in shape):
            raise BadMessage("a tensor of no shape")
        raw, dtype = bytearray(base64.b64decode(text, validate=True)), DTYPES[name]
        if len(raw) != math.prod(map(int, shape)) * dtype.itemsize:
            raise BadMessage(f"a tensor of {shape} can't have {len(raw):,} bytes")
        flat = torch.frombuffer(raw, dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
        if dtype is torch.bool:
            flat = flat.clamp(max=1)  # no byte but 0 and 1 is a bool
        tensor = flat.view(dtype).reshape(shape)
        return tensor.requires_grad_() if learned == [True] and tensor.is_floating_point() else tensor
    if kind == "array":
        return unpack(content, find).numpy()
    if kind == "tuple":
        return tuple(unpack(one, find) for one in content)
    if kind == "dict":
        if len(content) > 1000:  # keys can be chosen so that a dict takes for ever
            raise BadMessage(f"a dict of {len(content):,} is too large")
        return {unpack(key, find): unpack(one, find) for key, one in content}
    return ... if kind == "dots" else find(content)


def dump(message: Any) -> bytes:
    return json.dumps(message).encode()


def load(body: bytes) -> Any:
    if sum(map(body.count, (b"[", b"{", b","))) > 10**6:
        raise BadMessage("an answer of more than a million parts is too large")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage("the program did not answer in our form: it wrote into the pipe to the grader") from error
