"""The project around the code: declared packages, addresses, and that every public name is taught."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

import denoise_utils as du

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import set_address  # noqa: E402

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


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


def test_every_file_of_the_package_is_in_the_wheel():
    settings = PYPROJECT["tool"]["setuptools"]
    for path in (ROOT / "denoise_utils").rglob("*"):
        folder = ".".join(path.parent.relative_to(ROOT).parts)
        if path.is_file() and path.suffix != ".pyc":
            assert folder in settings["packages"], path
            patterns = ["*.py", *settings["package-data"].get(folder, [])]
            assert any(path.match(pattern) for pattern in patterns), path


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
        wanted = (path.suffix == ".ipynb" and path.stem != "glossary") or path.name in (
            "pyproject.toml",
            "CITATION.cff",
            "README.md",
        )
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


@pytest.mark.parametrize("place", ["README.md", "CITATION.cff", "notebooks/03b_architecture.ipynb"])
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
    """Used in a lesson, or its docstring says who raises it, or what it is a part of. What is only returned stays in its
    module."""
    cells = [cell for path in (ROOT / "notebooks").glob("*.ipynb") for cell in nbformat.read(path, as_version=4).cells]
    used = set(re.findall(r"\bdu\.(\w+)", "\n".join(cell.source for cell in cells)))
    for name in du.__all__:
        reason = getattr(du, name).__doc__ or ""
        assert name in used or re.search(r"Raised by|Part of", reason), f"du.{name} is in no lesson"
        assert reason, f"du.{name} has no docstring"


def sections():
    """(lesson, heading) → what stands below it."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        lesson, heading = path.stem.partition("_")[0], ""
        for cell in nbformat.read(path, as_version=4).cells:
            text = cell.source if cell.cell_type == "markdown" else re.sub("^#", " #", cell.source, flags=re.M)
            before, *parts = re.split(r"^#+ (?:\d\d[a-z]? · )?(.+)$", text, flags=re.M)
            found[lesson, heading] = found.get((lesson, heading), "") + before
            for heading, below in zip(parts[::2], parts[1::2]):
                found[lesson, heading] = below
    return found


def test_every_docstring_leads_to_its_lesson():
    """To the section in which the name is built or used. What only assignments need says so."""
    taught = sections()
    for name in du.__all__:
        text = getattr(du, name).__doc__.rstrip()
        place = re.search(r'\n\n *Lesson (\w+), "(.+)"\.$', text)
        assert place or "Part of the assignments" in text, f"du.{name}: which lesson and section?"
        assert not place or re.search(rf"\b{name}\b", taught.get(place.groups(), "")), f"du.{name} is not in {place[0]}"


def test_every_lesson_leads_to_the_code():
    """To each module whose names it uses first."""
    modules = {name: getattr(du, name).__module__.replace(".", "/") for name in du.__all__}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        lesson, _, _ = path.stem.partition("_")
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        taught = [name for name in modules if f'Lesson {lesson}, "' in getattr(du, name).__doc__]
        assert not [name for name in taught if f"(../{modules[name]}.py)" not in text], (
            f"{path.name}: links are missing"
        )


def test_names_that_are_imported_late_are_those_of_their_modules():
    places = set(du._LATER.values())
    assert du._LATER == {name: place for place in places for name in import_module(place, "denoise_utils").__all__}


def test_readme_names_real_commands():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, flags=re.M), f"make {target}"


def code_lines(source):
    described = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            described.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            described.update(range(node.lineno, node.end_lineno + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in described)


BUILT = (
    "data",
    "noise",
    "baselines",
    "models",
    "training",
    "optimizers",
    "evaluation",
    "reader",
    "posterior",
    "selfsupervised",
)  # in a lesson, by hand
SUPPORT = ("inputs", "chance", "devices", "checkpoints", "processes", "session")  # what they need, and no lesson builds
PICTURES = ("plots", "diagrams", "drawn_network")  # imported late, with matplotlib


@pytest.mark.parametrize(("modules", "most"), [(BUILT, 1180), (SUPPORT, 455), (PICTURES, 600)])
def test_the_library_stays_readable(modules, most):
    """An evening's reading: lines without docstrings, comments and the lists of public names."""
    files = [ROOT / "denoise_utils" / f"{name}.py" for name in modules]
    lines = sum(code_lines(path.read_text(encoding="utf-8")) for path in files)
    assert lines <= most, f"{lines} lines: what can go? If nothing can, CONTRIBUTING says when the bound may rise"


FLOORS = [
    {"inputs", "devices", "processes"},
    {"data"},
    {"chance"},
    {"noise", "models", "optimizers", "checkpoints", "plots"},
    {"evaluation", "diagrams"},
    {"training", "baselines", "reader", "posterior", "selfsupervised", "drawn_network"},
    {"session", "widgets", "checks"},
]


def test_each_module_uses_only_those_below():
    below = set()
    for floor in FLOORS:
        for name in floor:
            place = ROOT / "denoise_utils" / name
            for path in place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
                up = 2 if place.is_dir() else 1  # from ..noise, from .noise
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.ImportFrom) and node.level == up:
                        used = {node.module.split(".")[0]} if node.module else {one.name for one in node.names}
                        assert used <= below, f"{path.name} imports {used - below}"
        below |= floor


def test_each_module_is_counted():
    files = {path.stem for path in (ROOT / "denoise_utils").glob("*.py")}
    assert files == {*BUILT, *SUPPORT, *PICTURES, "__init__"}


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
            text = re.sub(r'"image/png": "[^"]*"', "", (ROOT / name).read_text(encoding="utf-8"))
            assert not re.search(rf"/(?:home|root|Users)/\w|{re.escape(str(ROOT.parent))}/", text), name
