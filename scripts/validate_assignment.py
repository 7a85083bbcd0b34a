"""Check an assignment as a student, before it is handed in: ``make validate NOTEBOOK=02_noise.ipynb``.

It runs the notebook from top to bottom in a new kernel, as the grader will, and shows what each check says. The file is not
changed. Needs nothing but Jupyter.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError


def read(path: Path):
    """The notebook, or a sentence that says why there is none."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not there"
        return f"{path} is {what}. Try: make validate NOTEBOOK=build/students/02_noise.ipynb"
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # damaged files come in many kinds
        return f"No notebook can be read from {path} ({type(error).__name__}). Open it in Jupyter, or get a new copy."
    return notebook


def is_check(cell) -> bool:
    nbgrader = cell.metadata.get("nbgrader")
    if cell.cell_type != "code" or not isinstance(nbgrader, dict):
        return False
    return str(nbgrader.get("grade_id")).endswith("_check") and isinstance(nbgrader.get("points"), int | float)


def shown(cell) -> tuple[float, str]:
    """Points that a check cell shows, and what it says."""
    points, said = 0.0, ""
    for output in cell.outputs:
        if output.output_type == "stream":
            said += output.text
        elif output.output_type == "execute_result":
            text = output.data.get("text/plain", "")
            found = re.fullmatch(r"(?:[\w.]+\()?(-?\d+\.?\d*)\)?", text)  # numpy's are shown as np.float64(2.0)
            points = float(found[1]) if found else 0.0
            said += "" if found else f"Its last line gives {text[:60]}, which is no number. Was the cell changed?"
        elif output.output_type == "error":
            return 0.0, f"{output.ename}: {output.evalue}"
    return points, said.strip()


def main(path: Path) -> int:
    sys.stdout.reconfigure(errors="replace")  # an answer may hold what no terminal can show
    notebook = read(path)
    if isinstance(notebook, str):
        print(notebook)
        return 2
    checks = [cell for cell in notebook.cells if is_check(cell)]
    if not checks:
        print(f"{path} holds no checks: is it an assignment, and did its cells keep their metadata?")
        return 2
    # this environment's kernel, as the grader does: the notebook may name one of the student's own, such as conda's
    options = {"kernel_name": "python3", "timeout": 300, "allow_errors": True}
    client = NotebookClient(notebook, extra_arguments=["--log-level=ERROR"], **options)
    print(f"running {len(notebook.cells)} cells of {path.name} ...", flush=True)
    try:
        client.execute()
    except CellTimeoutError:
        print("A cell did not end within 300 seconds. Is there a loop without end?")
        return 1
    except DeadKernelError:
        print("A cell ended the whole program. Does it need too much memory, or call exit?")
        return 1
    total = 0.0
    for cell in checks:
        (points, said), most = shown(cell), cell.metadata.nbgrader.points
        total += points
        print(f"{points:4g} of {most:g}  {said}")
    most = sum(cell.metadata.nbgrader.points for cell in checks)
    print(f"{total:g} of {most:g} points by the checks that you see. Hidden tests and answers in words come on top.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) if len(sys.argv) == 2 else print(__doc__))
