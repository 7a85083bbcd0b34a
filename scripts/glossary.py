"""``notebooks/glossary.ipynb``: sort its terms, and lead each to the section where a lesson first has it in bold.

Run: ``python scripts/glossary.py`` after a lesson's sections have changed. A new term is a line anywhere in the table:
``| **term** | Meaning. | symbol | |``. What can't be mended is said, by a test too.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ROW = re.compile(r"^\| \*\*(.+?)\*\* \| (.+?) \|(.*?)\|(.*?)\|\n", flags=re.M)


class Place(NamedTuple):
    """Where a word is in bold."""

    lesson: str  # "03a"
    file: str
    section: str  # "" is the lesson's beginning

    def link(self) -> str:
        """A section by the name that JupyterLab gives it. The site's names are others: ``site/prepare.py`` translates."""
        anchor = quote(re.sub(r"[`*]", "", self.section).replace(" ", "-"), safe="?!:,'")
        return f"[{f'{self.lesson} {self.section}'.strip()}]({self.file}{'#' if anchor else ''}{anchor})"


def plain(term: str) -> str:
    """What makes two spellings the same: ``**Kernels**`` is the term "kernel"."""
    return re.sub(r"(?<=\w\w)s$", "", re.sub(r"[`*.]|\(\)", "", term).strip().lower())


def bold_words(notebooks: Path) -> list[tuple[str, Place]]:
    """What stands in bold in the lessons, in the order of reading. "Mean squared error, MSE" and "structural similarity (SSIM)"
    are two words each. Teachers' notes don't count."""
    found = []
    for path in sorted(notebooks.glob("[0-9]*.ipynb")):
        section = ""
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown" and "teacher" not in cell.metadata.get("tags", []):
                for heading, bold in re.findall(r"^#+ (.+)$|\*\*(.+?)\*\*", cell.source, flags=re.M):
                    section = "" if re.match(r"\d\d[a-z]? · ", heading) else heading or section
                    place = Place(path.stem.partition("_")[0], path.name, section)
                    found += [(plain(part), place) for part in dict.fromkeys([bold, *re.split(r"[,()]", bold)])]
    return found


def terms(text: str) -> list[tuple[str, ...]]:
    """Term, meaning, symbol or unit, and link of each line."""
    return [tuple(cell.strip() for cell in row) for row in ROW.findall(text)]


def mended(text: str, notebooks: Path) -> tuple[str, list[str]]:
    """The glossary with its terms sorted and its links right; and what is left to do, a line a term.

    "bias (of a layer)" is one of several terms with the name bias: its link stays where bias is in bold, first or not.
    """
    bold, left, lines = bold_words(notebooks), [], []
    for term, meaning, symbol, link in terms(text):
        name, _, addition = term.partition(" (")
        links = [place.link() for word, place in bold if word == plain(name)]
        if not links:
            left.append(f"{term}: in bold in no lesson. Write it so where it is explained, or take its line out.")
        elif addition and link not in links:
            left.append(f"{term}: which of these is meant? {' or '.join(dict.fromkeys(links))}")
        elif not addition:
            link = links[0]
        cells = (f"**{term}**", meaning, symbol, link)
        lines.append((plain(term), "".join(f"| {cell} ".replace("  ", " ") for cell in cells) + "|\n"))
    before, after = text[: ROW.search(text).start()], text[[row.end() for row in ROW.finditer(text)][-1] :]
    return before + "".join(line for _, line in sorted(lines)) + after, left


def main() -> int:
    path = NOTEBOOKS / "glossary.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source, left = mended(notebook.cells[0].source, NOTEBOOKS)
    nbformat.write(notebook, path)
    print("\n".join(left) or "each term leads to its section")
    return bool(left)


if __name__ == "__main__":
    sys.exit(main())
