"""The committed notebooks, made ready for Sphinx: copies without what a page of this site cannot have.

Nothing is executed; the stored outputs are what the site shows.
"""

import base64
import re
import shutil
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode

import denoise_utils

PROMPT = "Predicted? Show the output"  # what stands in the place of a folded one


def plain_links(text: str) -> str:
    """A picture from another host becomes a link with its text: the site asks no other host for anything."""
    text = re.sub(
        r"\[!\[([^\]]*)\]\(https?://[^)]*\)\]\(([^)]*)\)", r"[\1](\2)", text
    )  # a badge, which is a link already
    return re.sub(r"!\[([^\]]*)\]\((https?://[^)]*)\)", r"[\1](\2)", text)


def lower_headings(text: str) -> str:
    """One level down, but not a comment in a code block."""
    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else re.sub(r"^#", "##", part, flags=re.MULTILINE) for part in parts)


def link_repository(text: str, repository: str, pages: set[str]) -> str:
    """A link to a file of the repository that is no page or picture of the site leads to the repository."""

    def lead(found: re.Match) -> str:
        link = found[1]
        if re.match(r"https?:|mailto:|attachment:|#", link) or link.split("#")[0] in pages:
            return found[0]
        path = link.removeprefix("../") if link.startswith("../") else f"notebooks/{link}"
        return f"]({repository}/blob/main/{path})"

    return re.sub(r"\]\(([^)\s]+)\)", lead, text)


def save_attachments(cell: NotebookNode, folder: Path, prefix: str) -> None:
    """Sphinx knows no attachments: each becomes a file beside the copy."""
    for name, kinds in cell.pop("attachments", {}).items():
        content = next(iter(kinds.values()))
        (folder / f"{prefix}_{name}").write_bytes(base64.b64decode(content))
        cell.source = cell.source.replace(f"(attachment:{name})", f"({prefix}_{name})")


def drop_empty_outputs(cells: list[NotebookNode]) -> None:
    """A folded output begins with an empty one, which is for JupyterLab (``fold`` in ``scripts/run_course.py``)."""
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("data", True)]


def prepare(notebook: NotebookNode, folder: Path, stem: str, repository: str, pages: set[str]) -> NotebookNode:
    """Change one notebook in place. folder: where its attachments go. pages: files that the site has."""
    notebook.cells = [cell for cell in notebook.cells if "teacher" not in cell.metadata.get("tags", [])]
    drop_empty_outputs(notebook.cells)
    for cell in notebook.cells:
        if "predict" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("hide-output")  # MyST-NB's name for a folded output
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for cell in texts:
        cell.source = link_repository(plain_links(cell.source), repository, pages)
        save_attachments(cell, folder, stem)
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}  # it knows "!" and "%"
    others = texts[1:]
    if any(re.search(r"^# ", cell.source, flags=re.MULTILINE) for cell in others):  # "Part one": a page has one title
        for cell in others:
            cell.source = lower_headings(cell.source)
    return notebook


def site_anchors(text: str) -> str:
    """The glossary's links lead to sections by the names that JupyterLab gives them; MyST's are GitHub's."""

    def slug(section: str) -> str:
        return re.sub(r"[^\w\- ]", "", section.lower()).replace(" ", "-")

    return re.sub(r"\[(\w+) ([^\]]+)\]\((\w+\.ipynb)#[^)]*\)", lambda m: f"[{m[1]} {m[2]}]({m[3]}#{slug(m[2])})", text)


def lesson_row(stem: str, notebook: NotebookNode) -> str:
    """One row of the landing page's table, from the lesson's own first cell."""
    text = notebook.cells[0].source
    number, name = re.match(r"# (\w+) · ([^:?\n]+)", text).groups()
    question = re.search(r"The question of this lesson: (.+?)\*\*", text)[1]
    minutes = re.search(r"\*(\d+) minutes", text)[1]
    return f"| [{number} {name}]({stem}.ipynb) | {question[0].upper()}{question[1:]} | {minutes} |"


def reference(package: ModuleType, lessons: dict[str, Path]) -> str:
    """The page of all public names, each below the lesson that its docstring names; what names none is the assignments'.
    lessons: number → notebook. Sphinx takes signature, docstring and source from the code."""
    sections = {number: [] for number in lessons} | {"": []}
    for name in package.__all__:
        found = re.search(r'Lesson (\w+), "', getattr(package, name).__doc__)
        sections[found[1] if found else ""].append(name)
    lines = ["# The package", "", "`import denoise_utils as du`: what the lessons build and use."]
    for number, names in sections.items():
        title = f"[Lesson {number}]({lessons[number].name})" if number else "Assignments"
        lines += ["", f"## {title}", "", "```{eval-rst}"] if names else []
        for name in names:
            kind = "class" if isinstance(getattr(package, name), type) else "function"
            lines.append(f".. auto{kind}:: denoise_utils.{name}")
        lines += ["```"] if names else []
    return "\n".join(lines) + "\n"


def prepare_all(notebooks: Path, pages: Path, source: Path, repository: str) -> None:
    """Fill ``source``, the folder that Sphinx reads, with the lessons and with the hand-written pages."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    paths, glossary = sorted(notebooks.glob("[0-9]*.ipynb")), notebooks / "glossary.ipynb"
    pictures = sorted(notebooks.glob("*.png"))
    for picture in pictures:
        shutil.copy(picture, source)
    rows = []
    for path in [*paths, glossary]:
        notebook = nbformat.read(path, as_version=4)
        if path == glossary:
            notebook.cells[0].source = site_anchors(notebook.cells[0].source)
        else:
            rows.append(lesson_row(path.stem, notebook))
        prepare(notebook, source, path.stem, repository, {page.name for page in [*paths, glossary, *pictures]})
        nbformat.write(notebook, source / path.name)
    (source / "reference.md").write_text(
        reference(denoise_utils, {path.stem.partition("_")[0]: path for path in paths}), encoding="utf-8"
    )
    for page in (pages / "index.md", pages / "denoise.md", pages / "denoise.html"):
        text = page.read_text(encoding="utf-8").replace("LESSONS", "\n".join(rows)).replace("REPOSITORY", repository)
        (source / page.name).write_text(text, encoding="utf-8")
