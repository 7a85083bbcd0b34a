"""The project around the code: declared packages, addresses, and that every public name is taught."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

import denoise_utils as du

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import set_address  # noqa: E402

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]


def test_every_package_is_in_the_wheel():
    folders = [path.parent.relative_to(ROOT) for path in ROOT.glob("denoise_*/**/__init__.py")]
    assert sorted(SETTINGS["tool"]["setuptools"]["packages"]) == sorted(".".join(folder.parts) for folder in folders)


def test_environment_yml_equals_pyproject():
    groups = PROJECT["optional-dependencies"]  # without those for authors: browser, site
    extras = [package for name in ("widgets", "lab", "test") for package in groups[name]]
    extras.remove("denoise_utils[widgets]")
    everywhere = [package for package in PROJECT["dependencies"] + extras if ";" not in package]  # conda has no markers
    wanted = {package.lower().replace(" ", "") for package in everywhere}
    wanted = {re.sub(r"^torch(?=[>=<])", "pytorch", package) for package in wanted} | {
        "python" + PROJECT["requires-python"]
    }
    lines = re.findall(r"^  - ([^:\n]+)$", (ROOT / "environment.yml").read_text(), flags=re.M)
    assert set(lines) - {"conda-forge", "pip"} == wanted


def addresses(text):
    """Repositories that a text points to, as owner and name, without those of others."""
    found = re.findall(r"(?<![\w.-])github(?:\.com)?/([\w-]+)/([\w-]+)", text)
    found += re.findall(r"https://([\w-]+)\.github\.io/([\w-]+)", text)
    others = {"googlecolab", "NAME"}  # Colab itself; the example in the instructions
    return {pair for pair in found if pair[0] not in others}


def check_addresses(root):
    """What is wrong, one line a file: another address than pyproject.toml's, or none where there should be one."""
    owner, name = set_address.current(root)
    wrong = []
    for path in set_address.files(root):
        if path.name == "test_project.py":
            continue  # it holds wrong ones on purpose
        found = addresses(path.read_text(encoding="utf-8"))
        wanted = path.suffix == ".ipynb" or path.name in ("pyproject.toml", "CITATION.cff", "README.md")
        if not found <= {(owner, name)} or (wanted and not found):
            wrong.append(
                f"{path.relative_to(root)} has {sorted(found)}: make address URL=https://github.com/{owner}/{name}"
            )
    for path in (root / "notebooks").glob("[0-9]*.ipynb"):
        first, *_ = cells = nbformat.read(path, as_version=4).cells
        page = f"{owner}/{name}/blob/main/notebooks/{path.name}"
        set_up = next(cell.source for cell in cells if cell.cell_type == "code")
        for part, text in [
            (f"(https://colab.research.google.com/github/{page})", first.source),
            (f"(https://kaggle.com/kernels/welcome?src=https://github.com/{page})", first.source),
            (f'"denoise_utils[widgets] @ git+https://github.com/{owner}/{name}"', set_up),
        ]:
            if text.count(part) != 1:
                wrong.append(f"{path.name} lacks {part}")
    return wrong


def test_the_address_stands_in_one_place():
    assert check_addresses(ROOT) == []


@pytest.fixture
def copy(tmp_path):
    for path in set_address.files(ROOT):
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    return tmp_path


def test_make_address_changes_it_everywhere(copy):
    (owner, name), school = set_address.current(copy), "a-school"
    assert set_address.main(f"https://github.com/{school}/noise-course/", copy) is None
    assert check_addresses(copy) == []
    for path in set_address.files(copy):
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"{owner}(/|\.github\.io/){name}\b", text), path
    assert set_address.main(f"https://github.com/{owner}/{name}", copy) is None  # and back, nothing else touched
    assert all((copy / path.relative_to(ROOT)).read_bytes() == path.read_bytes() for path in set_address.files(ROOT))


@pytest.mark.parametrize("place", ["README.md", "CITATION.cff", "notebooks/03_architecture.ipynb"])
def test_a_stale_address_is_found(copy, place):
    owner, name = set_address.current(copy)
    text = (copy / place).read_text(encoding="utf-8")
    (copy / place).write_text(text.replace(f"{owner}/{name}", f"someone/{name}", 1), encoding="utf-8")
    assert any(place.split("/")[-1] in line for line in check_addresses(copy))


@pytest.mark.parametrize(
    "url", ["", "github.com/a/b", "https://github.com/a", "https://gitlab.com/a/b", "https://github.com/a/b/c"]
)
def test_no_address(copy, url):
    assert "https://github.com/NAME/REPOSITORY" in set_address.main(url, copy)
    assert set_address.current(copy) == set_address.current(ROOT)


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
    """A reader should be able to read the core in an evening: lines of code, without docstrings and comments."""
    core = [
        path
        for path in (ROOT / "denoise_utils").glob("*.py")
        if path.name not in ("__init__.py", "plots.py", "checks.py", "widgets.py", "drawing.py", "session.py")
    ]
    assert sum(code_lines(path.read_text(encoding="utf-8")) for path in core) <= 1325


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
