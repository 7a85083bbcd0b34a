"""Write the repository's address into pyproject.toml, README and the notebooks' badges and set-up cells.

Run: ``make address URL=https://github.com/NAME/REPOSITORY`` before you publish a copy of the course.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(url: str = "") -> str | None:
    """Returns what is wrong, or nothing: sys.exit prints it and fails."""
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w-]+)/?", url)
    if not found:
        return f"{url!r} is no address such as https://github.com/NAME/REPOSITORY"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    old = project["urls"]["Repository"].removeprefix("https://github.com/")
    for path in [ROOT / "pyproject.toml", ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.ipynb"))]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, found[1]), encoding="utf-8")
    print(f"{old} → {found[1]}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
