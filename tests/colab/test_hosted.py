"""The set-up cell as on Colab and Kaggle, without them.

A machine here is an empty environment that sees torch and Jupyter's kernel as its provider installed them, beside them a
stub of ``google.colab``. A lesson's file lies alone in an empty folder. Git finds the repository's address in a copy of this
checkout, so that the lesson runs as it stands, to the letter.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "colab"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS, VERSION = PROJECT["urls"]["Repository"], PROJECT["version"]
PACKAGES = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
PROVIDED = ["torch", "torchvision", "numpy"]  # pip may not touch them
PROBE = """
import json, sys
from importlib.metadata import distribution, version
import numpy, torch, torchvision
page = sys.modules.get("google.colab.output")
print(json.dumps({
    "provided": [version(name) for name in ("torch", "torchvision", "numpy")],
    "in use": [torch.__file__, torchvision.__file__, numpy.__file__],
    "torch": torch.__version__.split("+")[0],
    "package": version("denoise_utils"),
    "from": json.loads(distribution("denoise_utils").read_text("direct_url.json")),
    "in folder": du.__file__,
    "home": str(du.storage_folder()),
    "widgets enabled": page.calls if page else 0,
}))
"""
TRAINING = """
import sys
import torch
import denoise_utils as du

seen = []

class Counted(du.GaussianNoise):
    def __call__(self, clean, generator=None):
        seen.append(len(clean))
        return super().__call__(clean, generator)

torch.manual_seed(0)
images, model = du.load_digits("mnist5k").train.images[:2000], du.TinyDenoiser()
history = du.fit(model, images, Counted(), epochs=6, device="cpu", checkpoint=du.storage_folder() / "long.pt", progress=False)
torch.save(model.state_dict(), sys.argv[1])
print(sum(seen), len(history.loss))
"""


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="session")
def repository():
    """A git repository with this checkout's files, uncommitted changes too."""
    folder = WORK / "repository"
    shutil.rmtree(folder, ignore_errors=True)
    for name in run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run("git", "init", "--quiet", cwd=folder)
    run("git", "add", "--all", cwd=folder)
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    run("git", *author, "commit", "--quiet", "--no-verify", "--message", "this checkout", cwd=folder)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=folder)  # pip asks for no more than it needs
    return folder


@pytest.fixture(scope="session")
def provider():
    """The environment with the provider's packages. Made once: torch is large."""
    folder = WORK / "provider"
    if not (folder / ".ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", *PROVIDED, "ipykernel")
        (folder / ".ready").touch()
    return folder


@dataclass
class Machine:
    content: Path  # the folder where notebooks lie
    packages: Path
    environment: dict[str, str]


@pytest.fixture
def machine(tmp_path, provider, repository, monkeypatch):
    """``machine(variables)`` → a fresh one, with these environment variables."""
    tmp_path = tmp_path / "machine"
    environment = {
        "PATH": f"{tmp_path / 'env' / 'bin'}:{os.environ['PATH']}",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "OMP_NUM_THREADS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # news about pip itself
        "PIP_NO_COMPILE": "1",  # sooner done
        "DENOISE_DATA_ROOT": "",
    }

    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))  # where its kernel is found

    def make(**variables):
        venv.create(tmp_path / "env", with_pip=True)
        packages, content, kernel = tmp_path / "env" / PACKAGES, tmp_path / "content", tmp_path / "kernels" / "machine"
        (packages / "provided.pth").write_text(f"{provider / PACKAGES}\n")
        content.mkdir()
        kernel.mkdir(parents=True)
        start = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        start[0] = str(tmp_path / "env" / "bin" / "python")
        environment.update(variables)
        described = {"argv": start, "display_name": "machine", "language": "python", "env": environment}
        (kernel / "kernel.json").write_text(json.dumps(described))
        return Machine(content, packages, environment)

    return make


@pytest.fixture
def colab(machine, tmp_path):
    """A machine as Colab's: its kernel has imported ``google.colab`` before the first cell. ``DENOISE_HOME`` stands for
    a mounted Drive, whose own path tests/test_session.py looks at."""
    made = machine(DENOISE_HOME=str(tmp_path / "drive"))
    stub, startup = made.packages / "google" / "colab", tmp_path / "machine" / "ipython" / "profile_default" / "startup"
    stub.mkdir(parents=True)
    startup.mkdir(parents=True)
    (stub / "__init__.py").touch()
    (stub / "output.py").write_text(
        "calls = 0\n\n\ndef enable_custom_widget_manager():\n    global calls\n    calls += 1\n"
    )
    (startup / "colab.py").write_text("import google.colab\n")
    return made


def pretend(machine, name, version, code=None):
    """Put a package there by hand, with the list of files that pip needs to remove it."""
    files = {f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    if code:
        files[f"{name}/__init__.py"] = code
    record = f"{name}-{version}.dist-info/RECORD"
    files[record] = "".join(f"{file},,\n" for file in [*files, record])
    for file, text in files.items():
        (machine.packages / file).parent.mkdir(exist_ok=True)
        (machine.packages / file).write_text(text)


def lesson(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return path


def set_up_cell():
    cells = nbformat.read(lesson("00"), as_version=4).cells
    return nbformat.v4.new_code_cell(next(cell.source for cell in cells if cell.cell_type == "code"))


def run_all(machine, notebook, allow_errors=False):
    """Run all cells in a new kernel of that machine, each output into its cell."""
    where = {"metadata": {"path": str(machine.content)}}
    client = NotebookClient(notebook, kernel_name="machine", timeout=300, allow_errors=allow_errors, resources=where)
    client.execute()


def said(cell):
    """The lines a cell printed. An index on disk warns of what it does not hold: that is this machine's own."""
    text = "".join(output.get("text", "") for output in cell.outputs)
    lines = re.sub(r"\x1b\[\d*m|\r", "", text).splitlines()
    return [line for line in lines if line and not re.match(r"WARNING: Location .* is ignored", line)]


def provided(provider):
    """The versions that the provider installed, asked from outside."""
    code = f"from importlib.metadata import version\nfor name in {PROVIDED}: print(version(name))"
    return run(provider / "bin" / "python", "-c", code).split()


def check_machine(probe, provider, repository):
    answer = json.loads(said(probe)[-1])
    assert answer["provided"] == provided(provider)
    assert all(file.startswith(f"{provider}/") for file in answer["in use"])
    assert answer["package"] == VERSION and "/env/lib/" in answer["in folder"]
    assert answer["from"]["url"] == ADDRESS
    assert answer["from"]["vcs_info"]["commit_id"] == run("git", "rev-parse", "HEAD", cwd=repository).strip()
    return answer


def test_a_lesson_alone_on_colab(colab, provider, repository, tmp_path):
    shutil.copy(lesson("00"), colab.content)
    notebook = nbformat.read(colab.content / lesson("00").name, as_version=4)
    place = next(index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    set_up, probe, again = notebook.cells[place], nbformat.v4.new_code_cell(PROBE), set_up_cell()
    notebook.cells.insert(place + 1, probe)
    # at the end the first cell once more, where no pip can be found: it does not look for one
    notebook.cells += [nbformat.v4.new_code_cell("os.environ['PATH'] = ''"), again]
    run_all(colab, notebook)
    answer = check_machine(probe, provider, repository)
    assert answer["widgets enabled"] == 1 and answer["home"] == str(tmp_path / "drive")
    first, *others = said(set_up)  # and pip was silent
    assert first.startswith(f"denoise_utils {VERSION}, torch {answer['torch']}, computing on ")
    assert others[-1] == f"downloads and checkpoints: {tmp_path / 'drive'}"
    assert said(again) == [first, *others]
    check_resumed(colab, tmp_path)


def check_resumed(colab, tmp_path):
    """A session that is lost in the middle of a training: the next one goes on from Drive, to the same weights."""
    (colab.content / "training.py").write_text(TRAINING)
    environment = {**os.environ, **colab.environment}

    def start(weights, home):
        command = ["python", "training.py", str(tmp_path / weights)]
        command[0] = str(colab.packages.parents[2] / "bin" / "python")
        environment["DENOISE_HOME"] = str(tmp_path / home)
        return subprocess.Popen(command, cwd=colab.content, env=environment, stdout=subprocess.PIPE, text=True)

    whole, _ = start("whole.pt", "other").communicate(timeout=120)
    assert whole.split() == ["12000", "6"]
    lost = start("lost.pt", "drive")
    while not (tmp_path / "drive" / "long.pt").exists() and lost.poll() is None:
        time.sleep(0.01)
    lost.send_signal(signal.SIGKILL)
    lost.communicate()
    assert lost.returncode == -signal.SIGKILL and not (tmp_path / "lost.pt").exists()
    seen, epochs = start("resumed.pt", "drive").communicate(timeout=120)[0].split()
    assert int(seen) < 12_000 and epochs == "6"
    resumed, expected = (torch.load(tmp_path / name) for name in ("resumed.pt", "whole.pt"))
    assert resumed.keys() == expected.keys() and all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_kaggle_with_an_older_package(machine, provider, repository):
    """What an earlier session left is replaced, and nothing has to be restarted."""
    made = machine(KAGGLE_KERNEL_RUN_TYPE="Interactive", DENOISE_HOME="")
    pretend(made, "denoise_utils", "0.1.0", "raise ImportError('the old package')\n")
    notebook = nbformat.v4.new_notebook(cells=[set_up_cell(), nbformat.v4.new_code_cell(PROBE)])
    run_all(made, notebook)
    answer = check_machine(notebook.cells[1], provider, repository)
    assert answer["home"] == "/kaggle/working/denoise_utils" and answer["widgets enabled"] == 0
    first, *others = said(notebook.cells[0])
    assert first.startswith(f"denoise_utils {VERSION}, torch {answer['torch']}") and len(others) <= 3
    assert "downloads and checkpoints: /kaggle/working/denoise_utils" in others


def test_a_torch_that_is_too_old_stays(colab):
    """pip stops and names it; it does not bring another."""
    pretend(colab, "torch", "2.1.2+cu121")
    pretend(colab, "torchvision", "0.16.2+cu121")
    before = sorted(path.name for path in colab.packages.iterdir())
    notebook = nbformat.v4.new_notebook(cells=[set_up_cell()])
    run_all(colab, notebook, allow_errors=True)
    assert notebook.cells[0].outputs[-1].get("ename") == "ModuleNotFoundError"
    assert re.search(r"Cannot install .*denoise.utils.* and torch==2\.1\.2\+cu121", "\n".join(said(notebook.cells[0])))
    assert sorted(path.name for path in colab.packages.iterdir()) == before
