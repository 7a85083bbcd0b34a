"""Where a student's program runs: bubblewrap's namespaces, and limits on time, memory, disk and processes.

``command`` says what the program can see: Python, the course's two packages, nothing else, all of it read-only, and an empty
/tmp in memory. No network, no other process, none of the teacher's files, not the tests, not other submissions.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import resource
import shutil
import signal
import site
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

HERE = Path(__file__).parent
# The second one too: cells ask for a student's own numbers, and its judges hand over networks by their classes' names
PACKAGES = [Path(importlib.util.find_spec(name).origin).parent for name in ("denoise_utils", "denoise_assignments")]
MEMORY, DISK, PROCESSES = 2 * 2**30, 64 * 2**20, 32  # threads count as processes
CALL, TOTAL = 60, 400  # seconds of a processor: for one cell or call of the student's code; for the whole submission
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "DENOISE_DATA": "mnist5k",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",  # the same marks with a GPU and without
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONPATH": os.pathsep.join([str(HERE), str(PACKAGES[0].parent)]),
}
CGROUPS = Path("/sys/fs/cgroup")
# machine → its number, fcntl's, and those of the calls for keys (include/uapi/linux/audit.h, the tables of system calls)
CALLS = {"x86_64": (0xC000003E, 72, (248, 249, 250)), "aarch64": (0xC00000B7, 25, (217, 218, 219))}


@functools.cache
def bubblewrap() -> str | None:
    """Its path, if it is installed, new enough (0.8), and allowed to work here."""
    path = shutil.which("bwrap")
    if path is None:
        return None
    trial = [path, "--unshare-all", "--unshare-user", "--disable-userns", "--ro-bind", "/", "/"]
    trial += ["--size", "4096", "--tmpfs", "/tmp", "true"]
    return path if subprocess.run(trial, capture_output=True).returncode == 0 else None


def visible() -> list[Path]:
    """What Python and the packages need to run, and the two files of ours that run the submission."""
    paths = [sys.base_prefix, sys.prefix, *site.getsitepackages(), *PACKAGES, HERE / "worker.py", HERE / "wire.py"]
    found = []
    for path in [name for one in map(Path, paths) for name in (one.resolve(), one)]:  # a link under both its names
        if path.exists() and path not in found and not any(path.is_relative_to(p) for p in (*found, Path("/usr"))):
            found.append(path)
    return found


def forbidden() -> bytes:
    """For the kernel's filter of system calls: a lease on a file of the teacher's would make others wait for it, and keys that
    one submission stores another could read. Calls in another machine's form are refused too."""
    machine, fcntl, keys = CALLS[os.uname().machine]
    load, equal, least, end = 0x20, 0x15, 0x35, 0x06  # BPF's codes
    steps = [(load, 0, 0, 4), (equal, 0, 6 + len(keys), machine), (load, 0, 0, 0)]
    steps += [(least, 4 + len(keys), 0, 0x40000000)]
    steps += [(equal, 3 + len(keys) - i, 0, key) for i, key in enumerate(keys)]
    steps += [(equal, 0, 2, fcntl), (load, 0, 0, 24), (equal, 1, 0, 1024)]  # its second argument: F_SETLEASE
    steps += [(end, 0, 0, 0x7FFF0000), (end, 0, 0, 0x00050001)]  # allowed; not permitted
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def command(isolated: bool, settings: dict[str, str], instead: dict[Path, Path], rules: int | None) -> list[str]:
    """The program that runs a submission, in bubblewrap or without. instead: file → what is seen in its place. rules: the open
    file of ``forbidden``."""
    worker = [sys.executable, "-u", str(HERE / "worker.py")]
    if not isolated:
        return worker
    if limits() == "rlimit":  # in a namespace of its own its processes are counted alone, not with the teacher's
        worker = ["prlimit", f"--nproc={PROCESSES}", *worker]
    cage = [bubblewrap(), "--unshare-all", "--unshare-user", "--disable-userns"]
    cage += ["--die-with-parent", "--new-session", "--clearenv"]
    cage += ["--seccomp", str(rules)] if rules else []
    cage += ["--proc", "/proc", "--dev", "/dev", "--size", str(DISK), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    cage += ["--size", str(DISK), "--tmpfs", "/tmp", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        link = Path("/") / name
        if link.is_symlink():
            cage += ["--symlink", os.readlink(link), str(link)]
        elif link.is_dir():
            cage += ["--ro-bind", str(link), str(link)]
    for path in ("/etc/ld.so.cache", "/etc/alternatives"):
        cage += ["--ro-bind-try", path, path]
    for path in visible():
        cage += ["--ro-bind", str(path.resolve()), str(path)]
    for path, other in instead.items():
        cage += ["--ro-bind", str(other), str(path.resolve())]
    # /proc too: for a grader who is root, settings of the whole machine could be written there
    cage += ["--remount-ro", "/proc", "--remount-ro", "/", "--uid", "65534", "--gid", "65534", "--chdir", "/tmp"]
    for name, value in (ENVIRONMENT | settings | {"HOME": "/tmp", "DENOISE_HOME": "/tmp"}).items():
        cage += ["--setenv", name, value]
    return cage + worker


@functools.cache
def systemd() -> list[str]:
    """The command that starts a program with limits on a desktop or server with systemd; empty where that doesn't work."""
    scope = ["systemd-run", "--user", "--scope", "--quiet", "-p", f"MemoryMax={MEMORY}", "-p", "MemorySwapMax=0"]
    scope += ["-p", f"TasksMax={PROCESSES}", "-p", "CPUQuota=100%", "--"]
    if shutil.which("systemd-run") is None:
        return []
    return scope if subprocess.run([*scope, "true"], capture_output=True).returncode == 0 else []


def limits() -> str:
    """What holds memory and processes here: "cgroup", "systemd" or "rlimit" (memory for each process alone)."""
    if all(os.access(CGROUPS / kind / "cgroup.procs", os.W_OK) for kind in ("memory", "pids")):
        return "cgroup"
    return "systemd" if systemd() else "rlimit"


def without_digits(folder: Path, hidden: tuple[str, ...]) -> tuple[dict[str, str], dict[Path, Path]]:
    """For ``Sandbox``: the package with black pictures for parts of its digits, such as those that the tests measure on."""
    import denoise_utils.data

    arrays = dict(np.load(denoise_utils.data.EMBEDDED_FILE))
    arrays |= {name: np.zeros_like(array) for name, array in arrays.items() if name.split("_")[0] in hidden}
    np.savez(folder / "digits.npz", **arrays)
    digest = hashlib.sha256((folder / "digits.npz").read_bytes()).hexdigest()
    return {"DENOISE_DIGITS": digest}, {denoise_utils.data.EMBEDDED_FILE: folder / "digits.npz"}


@dataclass
class Sandbox:
    """One running program. ``process.stdin`` and ``.stdout`` are the pipe to it. hidden: parts of the digits that it does not
    see, for the final project; its clock is then the processor's."""

    isolated: bool
    hidden: tuple[str, ...] = ()
    groups: list[Path] = field(default_factory=list)
    process: subprocess.Popen | None = None
    folder: tempfile.TemporaryDirectory | None = None
    seen: dict[psutil.Process, float] = field(default_factory=dict)
    lost: float = 0.0
    looked: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        how = limits()
        if how == "cgroup":
            for kind, file, value in (
                ("memory", "memory.limit_in_bytes", MEMORY),
                ("pids", "pids.max", PROCESSES),
                ("cpu", "cpu.cfs_quota_us", 100_000),  # of 100,000: one core
                ("cpuacct", "cpuacct.usage", 0),
            ):
                if (CGROUPS / kind).exists():
                    group = CGROUPS / kind / f"denoise-{os.getpid()}-{id(self)}"
                    group.mkdir(exist_ok=True)  # cpu and cpuacct may be one
                    (group / file).write_text(str(value))
                    self.groups.append(group)
        self.folder = tempfile.TemporaryDirectory(prefix=f"denoise-{os.getpid()}-")
        home = {"HOME": self.folder.name, "DENOISE_HOME": self.folder.name}
        settings, instead = {}, {}
        if self.hidden and self.isolated:
            settings, instead = without_digits(Path(self.folder.name), self.hidden)

        rules = os.memfd_create("rules") if self.isolated and os.uname().machine in CALLS else None
        if rules:
            os.write(rules, forbidden())
            os.lseek(rules, 0, os.SEEK_SET)

        def prepare() -> None:  # in the new process, before the program starts
            for group in self.groups:
                (group / "cgroup.procs").write_text("0")
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))
            if how == "rlimit":
                resource.setrlimit(resource.RLIMIT_AS, (4 * MEMORY, 4 * MEMORY))  # torch reserves more than it uses

        self.process = subprocess.Popen(
            (systemd() if how == "systemd" else []) + command(self.isolated, settings, instead, rules),
            pass_fds=[rules] if rules else [],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # systemd-run finds its bus there
            env=(os.environ if how == "systemd" else {}) | ENVIRONMENT | settings | home,
            cwd=self.folder.name,
            preexec_fn=prepare,
            start_new_session=True,
        )
        if rules:
            os.close(rules)

    def processes(self) -> list[psutil.Process]:
        """The program, and all that it has started; none if it has ended."""
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.Error:
            return []

    def seconds(self) -> float:
        """Processor seconds of all its processes until now. A busy machine doesn't change them, as it does the time of day."""
        for usage in [group / "cpuacct.usage" for group in self.groups if group.parent.name == "cpuacct"]:
            return int(usage.read_text()) / 1e9
        now, here = time.monotonic(), {}
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                here[one] = sum(one.cpu_times()[:2])  # equal by its number and its start in ticks: the date may be set
        if ended := self.seen.keys() - here.keys():  # nobody tells what they did since we looked: the whole time counts
            self.lost += now - self.looked + sum(map(self.seen.get, ended))
        self.seen, self.looked = here, now
        return sum(self.seen.values()) + self.lost

    def working(self) -> bool:
        """Does one of its threads run, or would run if a processor were free? On a busy machine it can be long until one is."""
        for one in self.processes():
            for thread in Path(f"/proc/{one.pid}/task").glob("*/stat"):
                with contextlib.suppress(OSError):  # it has ended
                    if thread.read_text().rpartition(")")[2].split()[0] == "R":  # D would be for free, by vfork
                        return True
        return False

    def out_of_memory(self) -> bool:
        """Did the memory limit end a process of it?"""
        control = [group / "memory.oom_control" for group in self.groups if (group / "memory.oom_control").exists()]
        return any("oom_kill 0" not in path.read_text().splitlines() for path in control)

    def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # bubblewrap takes all processes of the sandbox with it
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        for group in self.groups:
            remove(group)
        self.groups.clear()
        self.folder.cleanup()


def sweep() -> None:
    """Remove what graders that were killed have left: their cgroups and folders."""
    left = [*CGROUPS.glob("*/denoise-*"), *Path(tempfile.gettempdir()).glob("denoise-*-*")]
    for place in left:
        number = place.name.split("-")[1]
        if number.isdecimal() and not Path(f"/proc/{number}").exists():
            remove(place) if place.is_relative_to(CGROUPS) else shutil.rmtree(place, ignore_errors=True)


def remove(group: Path) -> None:
    """End what is left in a cgroup, and the group."""
    for _ in range(50):
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            return group.rmdir()
        except OSError:  # a killed process needs a moment to go
            time.sleep(0.1)
