"""The course as a website in ``build/site``: ``make site``.

The lessons are shown with their committed outputs; nothing is executed, except that the networks of the page that
denoises are trained once. Read it with ``python -m http.server -d build/site``.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from pathlib import Path

from networks import NETWORKS, make_networks
from prepare import prepare_all
from sphinx.cmd.build import main as sphinx

SITE = Path(__file__).parent
ROOT = SITE.parent
BUILD = ROOT / "build"
# Microsoft's ONNX runtime for browsers (MIT licence); npm knows where it is
RUNTIME = "onnxruntime-web"
RUNTIME_VERSION = "1.30.0"
RUNTIME_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
RUNTIME_FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
NO_NPM = "`make site` needs the command npm, to fetch {}: install Node.js (nodejs.org, or your system's package npm)."


def fetch_runtime(folder: Path) -> tuple[Path, Path]:
    """The runtime's two files in the folder, the large one gzipped; a second time they are there already."""
    script = folder / RUNTIME_FILES[0]
    program = folder / f"{RUNTIME_FILES[1]}.gzip"  # not .gz: some servers would unzip that on the way
    if script.is_file() and program.is_file():
        return script, program
    package = f"{RUNTIME}@{RUNTIME_VERSION}"
    npm = shutil.which("npm")
    if npm is None:
        sys.exit(NO_NPM.format(package))
    print(f"fetching {package}, once (33 MB) ...", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run([npm, "pack", "--silent", package], cwd=folder, stdout=subprocess.DEVNULL).returncode:
        sys.exit(f"npm could not fetch {package}: its message is above. Is this machine online?")
    archive = folder / f"{RUNTIME}-{RUNTIME_VERSION}.tgz"
    content = archive.read_bytes()
    if hashlib.sha256(content).hexdigest() != RUNTIME_SHA256:
        sys.exit(f"{archive} is not the {package} that this course was tested with: its checksum differs.")
    with tarfile.open(archive) as tar:
        script_bytes, program_bytes = (tar.extractfile(f"package/dist/{name}").read() for name in RUNTIME_FILES)
    program.write_bytes(gzip.compress(program_bytes, mtime=0))
    script.write_bytes(script_bytes)
    archive.unlink()
    return script, program


def main() -> int:
    begun = time.perf_counter()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source, goal = BUILD / "source", BUILD / "site"
    runtime = fetch_runtime(BUILD / "runtime")
    make_networks(BUILD / "networks")
    prepare_all(ROOT / "notebooks", SITE, source, project["urls"]["Repository"])
    shutil.rmtree(goal, ignore_errors=True)
    options = ["-b", "html", "-c", str(SITE), "-d", str(BUILD / "doctrees"), "-E", "-W", "--keep-going", "-q"]
    if sphinx([*options, str(source), str(goal)]):
        return 1
    files = [BUILD / "networks" / name for name in ("networks.json", "digits.bin", *(f"{n}.onnx" for n in NETWORKS))]
    for path in [*files, *runtime]:  # beside the page's own script
        shutil.copy(path, goal / "_static" / "denoise")
    print(f"the site is in build/site, after {time.perf_counter() - begun:.0f} s. To read it:")
    print("python -m http.server -d build/site, and open http://localhost:8000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
