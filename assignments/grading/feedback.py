"""What a feedback page leaves out: the hidden tests (their messages stay), and anything active."""

import html
import re

from nbgrader.preprocessors import NbGraderPreprocessor

HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", flags=re.S)
SAFE = ("text/plain", "image/png")


class ForTheStudent(NbGraderPreprocessor):
    """Runs before the page is made. An error becomes one line: a traceback would show the hidden tests."""

    def preprocess_cell(self, cell, resources, index):
        nbgrader = cell.metadata.get("nbgrader", {})
        if nbgrader.get("grade") and not nbgrader.get(
            "solution"
        ):  # no other: a student's text can be made to take for ever
            cell.source = HIDDEN.sub("# (not shown)", cell.source)
        if cell.cell_type == "markdown" and not nbgrader.get("locked"):
            cell.source = html.escape(cell.source, quote=False)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            elif "data" in output:
                output.data = {kind: value for kind, value in output.data.items() if kind in SAFE}
        return cell, resources
