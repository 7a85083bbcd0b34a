"""Execute the lessons, each in a fresh kernel, and say for each: seconds, peak memory, data, key result.

Run: ``python scripts/run_course.py [02a 05 ...]``. It writes executed notebooks to ``build/executed`` and readable pages,
which need no network, to ``build/html``. Two lessons run at once, each on half of the cores, so the seconds that a lesson
prints are longer than if it had the machine for itself (``--jobs 1``). With ``--refresh``, one at a time, it also writes
the outputs back into ``notebooks/``, ready to be committed.
"""

import argparse
import base64
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from page import page
from PIL import Image
from prepare import drop_empty_outputs

ROOT = Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"
# What folds the output of a cell tagged "predict", until it is run or asked for. JupyterLab reads the first two (running
# the cell opens it); Colab writes "collapsed" where a reader hides an output, Kaggle the last: whether they read it from a
# file that they open has not been tried. VS Code has no way (microsoft/vscode#158716, closed 2024-12), nor has GitHub,
# which shows notebooks without scripts (jupyter/notebook#1619): lesson 00 says how to read there.
FOLDED = {"jupyter": {"outputs_hidden": True}, "collapsed": True, "_kg_hide-output": True}
# asked of each kernel at the end: its peak memory in MB, and the data it used
EPILOGUE = """
import psutil as _p
_m = _p.Process().memory_info()
try:
    import resource as _r
    _peak = _r.getrusage(_r.RUSAGE_SELF).ru_maxrss * (1 if __import__("sys").platform == "darwin" else 1024)
except ImportError:  # Windows
    _peak = _m.peak_wset
print(round(_peak / 1e6), digits.name)
"""


def text_of(cell) -> str:
    return "".join(out.get("text", "") for out in cell.outputs if out.output_type == "stream" and out.name == "stdout")


def execute(notebook) -> tuple[float, int, str]:
    """Run all cells in place. Returns seconds, peak memory in MB, the data's name."""
    client = NotebookClient(
        notebook,
        timeout=600,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": ROOT / "notebooks"}},
    )
    client.widget_registry = {}  # what a slider draws first is kept as the cell's own output: a still picture
    start = time.perf_counter()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        seconds = time.perf_counter() - start
        notebook.cells.append(nbformat.v4.new_code_cell(EPILOGUE))
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1, store_history=False)
    peak, data = text_of(notebook.cells.pop()).split()
    return seconds, int(peak), data


def fold(cell) -> None:
    """Fold the cell's output where that is possible, if its tag says so; else leave nothing of it.

    In the place of a folded output JupyterLab writes the first line of the first one, the answer perhaps: so the first is an
    empty one. nbval finds nothing in it to compare.
    """
    for key in FOLDED:
        cell.metadata.pop(key, None)
    drop_empty_outputs([cell])
    if "predict" in cell.metadata.get("tags", []):
        cell.metadata.update(nbformat.from_dict(FOLDED))
        cell.outputs.insert(0, nbformat.v4.new_output("display_data"))


def lighter(png: str) -> str:
    """A picture (base64) with at most 256 colours, where its bytes are fewer then, as they mostly are: about half."""
    picture = Image.open(BytesIO(base64.b64decode(png))).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    file = BytesIO()
    opaque.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return min(base64.b64encode(file.getvalue()).decode(), png, key=len)


def clean(notebook) -> None:
    """Leave out what does not belong into a commit: widget state, progress bars, timestamps. Fold what is to be predicted."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            for out in cell.outputs:
                if out.output_type == "stream":  # a finished progress bar is a line that was overwritten
                    out.text = re.sub(r"[^\n]*\r", "", out.text)
                if "data" in out and out.data.pop(WIDGET, None):  # its still picture, or its text, stays
                    out.metadata.pop(WIDGET, None)
                if "image/png" in out.get("data", {}):
                    out.data["image/png"] = lighter(out.data["image/png"])
            cell.outputs = [out for out in cell.outputs if out.get("text") != ""]
            fold(cell)


def key_result(notebook) -> str:
    cells = [cell for cell in notebook.cells if "key-result" in cell.metadata.get("tags", [])]
    return text_of(cells[0]).strip().splitlines()[0] if cells else ""


def store_picture(notebook) -> None:
    """The README shows a picture from a lesson, so that it can't grow old."""
    for cell in notebook.cells:
        if "readme-picture" in cell.metadata.get("tags", []):
            png = next(out.data["image/png"] for out in cell.outputs if "image/png" in out.get("data", {}))
            (ROOT / "notebooks" / "digits.png").write_bytes(base64.b64decode(png))


def run(path: Path, refresh: bool) -> tuple[str, ...] | str:
    """Execute one lesson and write its pages. Returns its row of the summary, or the text of its error."""
    notebook = nbformat.read(path, as_version=4)
    try:
        seconds, peak, data = execute(notebook)
    except CellExecutionError as error:
        return str(error)
    nbformat.write(notebook, ROOT / "build" / "executed" / path.name)
    (ROOT / "build" / "html" / f"{path.stem}.html").write_text(page(notebook, path.stem), encoding="utf-8")
    row = (path.stem, f"{seconds:.0f}", str(peak), data, key_result(notebook))
    if refresh:
        clean(notebook)
        store_picture(notebook)
        nbformat.write(notebook, path)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="numbers, such as 02a, or 02 for both halves; default: all")
    parser.add_argument("--refresh", action="store_true", help="write the outputs back into notebooks/")
    parser.add_argument("--jobs", type=int, default=2, help="lessons at once (default 2)")
    options = parser.parse_args()
    paths = {path.stem.partition("_")[0]: path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}
    if unknown := [lesson for lesson in options.lessons if not any(number.startswith(lesson) for number in paths)]:
        parser.error(f"no lesson {', '.join(unknown)}: there are {', '.join(paths)}")
    wanted = tuple(options.lessons or [""])  # 04 is 04a, 04b and 04c
    paths = [path for number, path in paths.items() if number.startswith(wanted)]
    if options.refresh:
        os.environ["DENOISE_DATA"] = "mnist5k"  # committed outputs always come from the embedded digits
    if os.environ.get("DENOISE_DATA_ROOT"):  # the kernels work in another folder
        os.environ["DENOISE_DATA_ROOT"] = str(Path(os.environ["DENOISE_DATA_ROOT"]).resolve())
    jobs = 1 if options.refresh else max(1, min(options.jobs, len(paths)))
    if jobs > 1:  # threads of two busy processes would wait for each other
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    for folder in ("executed", "html"):
        (ROOT / "build" / folder).mkdir(parents=True, exist_ok=True)
    glossary = nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4)
    (ROOT / "build" / "html" / "glossary.html").write_text(page(glossary, "glossary"), encoding="utf-8")
    rows, begun = [], time.perf_counter()
    print(f"{len(paths)} lessons, {jobs} at once ...", flush=True)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        # the later lessons are the longer ones: begin with them, so that no core is idle at the end
        started = {pool.submit(run, path, options.refresh): path.stem for path in reversed(paths)}
        for number, done in enumerate(as_completed(started), 1):
            result = done.result()
            if isinstance(result, str):
                print(f"[{number}/{len(paths)}] {started[done]}: stopped by an error\n{result}")
                pool.shutdown(cancel_futures=True)
                return 1
            print(f"[{number}/{len(paths)}] {result[0]}: {result[1]} s, {result[2]} MB", flush=True)
            rows.append(result)
    header = ("lesson", "seconds", "peak MB", "data", "key result")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print()
    for row in [header, *sorted(rows)]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(f"\n{len(rows)} lessons in {time.perf_counter() - begun:.0f} s. Read them: {Path('build') / 'html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
