"""Check an assignment as a student, before it is handed in: ``make check NOTEBOOK=02_noise.ipynb``.

It runs the notebook from top to bottom in a new kernel, as the grader will, and shows what each check says. The file is not
changed. Needs nothing but Jupyter.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError


def shown(cell) -> tuple[float, str]:
    """Points that a check cell shows, and what it says."""
    points, said = 0.0, ""
    for output in cell.outputs:
        if output.output_type == "stream":
            said += output.text
        elif output.output_type == "execute_result":
            points = float(output.data["text/plain"])
        elif output.output_type == "error":
            return 0.0, f"{output.ename}: {output.evalue}"
    return points, said.strip()


def main(path: Path) -> int:
    if not path.is_file():
        print(f"{path} is not there. Try: make check NOTEBOOK=build/students/02_noise.ipynb")
        return 2
    notebook = nbformat.read(path, as_version=4)
    checks = [
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("_check")
    ]
    if not checks:
        print(f"{path} holds no checks: is it an assignment, and did its cells keep their metadata?")
        return 2
    client = NotebookClient(notebook, timeout=300, allow_errors=True, extra_arguments=["--log-level=ERROR"])
    print(f"running {len(notebook.cells)} cells of {path.name} ...", flush=True)
    try:
        client.execute()
    except CellTimeoutError:
        print("A cell did not end within 300 seconds. Is there a loop without end?")
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
