"""A real browser for these tests: the machine's Chromium (CHROMIUM names another), driven by Playwright.

Screenshots go to build/screenshots, to be looked at: a test says that something moved, not that it looks right.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
SETTINGS = {  # JupyterLab without its news, without saving by itself, with every cell in the page
    "apputils-extension/notification": {"fetchNews": "false"},
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    sync_api.expect.set_options(timeout=30_000)  # milliseconds; a busy machine is no failure
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)  # None: Playwright's own download
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Lab:
    """A JupyterLab of its own, over a copy of the lessons without their outputs' changes reaching the repository."""

    def __init__(self, folder: Path, page_config: dict):
        self.notebooks = shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        for name, values in SETTINGS.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        config = folder / "config" / "labconfig" / "page_config.json"
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps(page_config))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.data = os.environ.get("DENOISE_DATA", "mnist5k")  # CI: the full MNIST
        environment = os.environ | {
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "DENOISE_DATA": self.data,
        }
        options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
        self.log = folder / "lab.log"
        command = [sys.executable, "-m", "jupyter", "lab", *options, "--IdentityProvider.token=T"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder / "notebooks", env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        for _ in range(120):
            try:
                self.sessions()
                return
            except OSError:
                time.sleep(0.5)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"{self.address}/api/{path}?token=T", method=method)
        return urllib.request.urlopen(request, timeout=30).read()

    def sessions(self) -> list[dict]:
        return json.loads(self.ask("sessions"))


class Lesson:
    """A lesson, open in a page."""

    def __init__(self, lab: Lab, page, name: str):
        self.lab, self.page, self.name = lab, page, name
        self.problems = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(f"{lab.address}/lab/tree/{name}?token=T&reset")
        page.wait_for_selector("text=| Idle", timeout=60_000)

    def menu(self, *path: str) -> None:
        self.page.get_by_role("menuitem", name=path[0], exact=True).click()
        for entry in path[1:]:
            self.page.locator(".lm-Menu").get_by_text(entry, exact=True).click()

    def busy(self) -> bool:
        states = [one["kernel"]["execution_state"] for one in self.lab.sessions() if one["path"].endswith(self.name)]
        return states != ["idle"] or self.page.locator('.jp-InputArea-prompt:has-text("[*]")').count() > 0

    def wait(self, seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while self.busy():
            assert time.monotonic() < end, f"{self.name} still runs after {seconds} s"
            self.page.wait_for_timeout(300)

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")
        waiting = self.page.locator('.jp-InputArea-prompt:has-text("[*]")')
        waiting.first.wait_for(timeout=60_000)  # all cells are marked at once
        self.wait()

    def errors(self) -> list[str]:
        kinds = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")
        shown = self.page.locator(", ".join(f'.jp-OutputArea-output[data-mime-type="{kind}"]' for kind in kinds))
        return [text[:500] for text in shown.all_inner_texts()] + self.problems

    @property
    def folded(self):
        """What stands in the place of folded outputs; a click on one opens it."""
        return self.page.locator(".jp-OutputPlaceholder")

    @property
    def panels(self):
        return self.page.locator(".denoise-panel").all()

    def cell_with(self, text: str):
        return self.page.locator(".jp-CodeCell").filter(has_text=text).first

    def close(self) -> None:
        for one in self.lab.sessions():
            if one["path"].endswith(self.name):
                self.lab.ask(f"sessions/{one['id']}", "DELETE")
        self.page.close()


def start(folder: Path, page_config: dict | None = None):
    lab = Lab(folder, page_config or {})
    try:
        yield lab
    finally:
        lab.process.terminate()
        lab.process.wait(20)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    yield from start(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def lab_without_widgets(tmp_path_factory):
    off = {"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": True}}
    yield from start(tmp_path_factory.mktemp("plain"), off)


@pytest.fixture
def open_lesson(lab, browser):
    opened = []

    def open_it(lesson, lab=lab, **options) -> Lesson:
        """lesson: its number, or a notebook."""
        if isinstance(lesson, str):
            name = next((ROOT / "notebooks").glob(f"{lesson}_*.ipynb")).name
        else:
            name = f"mine_{len(opened)}.ipynb"
            nbformat.write(lesson, lab.notebooks / name)
        page = browser.new_page(viewport={"width": 1200, "height": 1300}, **options)
        opened.append(Lesson(lab, page, name))
        return opened[-1]

    yield open_it
    for lesson in opened:
        lesson.close()
