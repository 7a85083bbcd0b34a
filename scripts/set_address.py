"""Write the repository's address everywhere: pyproject.toml, CITATION.cff, README, badges, set-up cells, workflows.

Run: ``make address URL=https://github.com/NAME/REPOSITORY`` before you publish a copy of the course. The published site's
address, https://NAME.github.io/REPOSITORY, follows.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
MADE_HERE = re.compile(r"^\.|^build$|^data$|\.egg-info$")  # folders that are never published
TEXTS = {".cff", ".html", ".ipynb", ".js", ".md", ".py", ".toml", ".yml"}


def current(root: Path) -> tuple[str, str]:
    """The owner and the repository's name, from the one place that decides."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    owner, name = project["urls"]["Repository"].removeprefix("https://github.com/").split("/")
    return owner, name


def files(root: Path) -> list[Path]:
    """The project's text files, those in .github too."""
    found = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name == ".github" or not MADE_HERE.search(name)]
        found += [Path(folder, name) for name in names if Path(name).suffix in TEXTS]
    return sorted(found)


def main(url: str = "", root: Path = ROOT) -> str | None:
    """Returns what is wrong, or nothing: sys.exit prints it and fails."""
    found = re.fullmatch(r"https://github\.com/([\w-]+)/([\w-]+)/?", url)
    if not found:
        return f"{url!r} is no address such as https://github.com/NAME/REPOSITORY"
    owner, name = current(root)
    old = re.compile(rf"\b{re.escape(owner)}(/|\.github\.io/){re.escape(name)}(?![\w-])")
    for path in files(root):
        text = path.read_bytes().decode("utf-8")  # bytes: line ends stay as they are
        changed = old.sub(rf"{found[1]}\g<1>{found[2]}", text)
        if changed != text:
            path.write_bytes(changed.encode("utf-8"))
            print(path.relative_to(root).as_posix())
    print(f"{owner}/{name} → {found[1]}/{found[2]}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
