"""The project around the code: declared packages, addresses, and that every public name is taught."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import nbformat

import denoise_utils as du

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_environment_yml_equals_pyproject():
    groups = PROJECT["optional-dependencies"]  # without those for authors: browser, site
    extras = [package for name in ("widgets", "lab", "test") for package in groups[name]]
    extras.remove("denoise_utils[widgets]")
    wanted = {package.lower().replace(" ", "") for package in PROJECT["dependencies"] + extras}
    wanted = {re.sub(r"^torch(?=[>=<])", "pytorch", package) for package in wanted} | {
        "python" + PROJECT["requires-python"]
    }
    lines = re.findall(r"^  - ([^:\n]+)$", (ROOT / "environment.yml").read_text(), flags=re.M)
    assert set(lines) - {"conda-forge", "pip"} == wanted


def test_the_address_stands_in_one_place():
    owner_and_name = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in [ROOT / "README.md", *notebooks]:
        text = path.read_text(encoding="utf-8")
        found = set(re.findall(r"github(?:\.com)?/([\w.-]+/[\w-]+)", text.replace("github.com/googlecolab", "")))
        assert found == {owner_and_name} or (path.name == "README.md" and not found), (
            f"{path.name}: run `make address URL={PROJECT['urls']['Repository']}`"
        )


def test_every_public_name_is_taught():
    """Used in a lesson, or its docstring says who returns or raises it."""
    cells = [cell for path in (ROOT / "notebooks").glob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
    used = set(re.findall(r"\bdu\.(\w+)", "\n".join(cell.source for cell in cells)))
    for name in du.__all__:
        reason = getattr(du, name).__doc__ or ""
        assert name in used or re.search(r"Returned by|Raised by|Part of", reason), f"du.{name} is in no lesson"
        assert reason, f"du.{name} has no docstring"


def test_readme_names_real_commands():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, flags=re.M), f"make {target}"


def code_lines(source):
    described = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            described.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in described)


def test_core_stays_readable():
    """A reader should be able to read the core in an evening: lines of code, without docstrings, comments and pictures."""
    core = [
        path
        for path in (ROOT / "denoise_utils").glob("*.py")
        if path.name not in ("__init__.py", "plots.py", "checks.py")
    ]
    assert sum(code_lines(path.read_text(encoding="utf-8")) for path in core) <= 930


def test_no_machine_path_in_committed_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:  # a downloaded archive has no git; then there is nothing to commit either
        return
    for name in listed.stdout.splitlines():
        if (
            not name.endswith((".npz", ".png"))
            and name != "tests/test_notebooks.py"
            and name != "tests/test_project.py"
        ):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert not re.search(rf"/(?:home|root|Users)/\w|{re.escape(str(ROOT.parent))}/", text), name
