"""Call a function in a process of its own, with limits: what a file does to it, however strange, it does to nobody else."""

import contextlib
import multiprocessing
import os
import resource
import select
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

MEMORY, WAIT = 8 * 2**30, 3 * 3600  # bytes of address space; seconds by the clock on the wall, in case all else fails
SERVER = multiprocessing.get_context("forkserver")
MODULES = [f"{__package__}.marking", f"{__package__}.feedback"]
SERVER.set_forkserver_preload(MODULES)  # imported once: a process then starts in a tenth of a second


class Stopped(Exception):
    """The process came to no result. The message says why."""


def call(function: Callable, *args: Any, seconds: int) -> Any:
    """``function(*args)``, in at most so many processor seconds. Raises ``Stopped`` for whatever goes wrong in there."""
    mine, theirs = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_call, args=(theirs, function, args, seconds))
    process.start()
    theirs.close()
    try:
        good, result = mine.recv() if mine.poll(WAIT) else (False, f"it did not end within {WAIT // 3600} hours")
    except EOFError:
        process.join()
        ended = {-signal.SIGXCPU: f"it needed more than {seconds} seconds of the processor"}
        good, result = False, ended.get(process.exitcode, f"its process ended with {process.exitcode}")
    finally:
        process.kill()
        process.join()
        mine.close()
    if not good:
        raise Stopped(result)
    return result


def _call(pipe, function: Callable, args: tuple, seconds: int) -> None:
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(sum(os.times()[:2]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds + 5))
    warnings.simplefilter("ignore")  # a strange notebook makes many, and they are for nobody
    try:
        pipe.send((True, function(*args)))
    except BaseException as error:  # MemoryError, RecursionError, SystemExit: all of them are only this file's
        with contextlib.suppress(OSError):  # the grader has been stopped
            pipe.send((False, f"{type(error).__name__}: {error}"[:1000]))


def _end_with(pipe) -> None:
    """A killed grader leaves nobody at work: when nobody holds the pipe's other end, this process ends, and its sandbox."""
    watch = select.poll()
    watch.register(pipe.fileno(), 0)  # errors are always told
    watch.poll()
    os._exit(1)
