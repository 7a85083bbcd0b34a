"""Build the student version of every assignment: ``make students``. Solutions, hidden tests, teachers' notes and outputs are
taken out; each file is then searched for what should not be in it.

Run: ``python -m assignments.grading.students [NAME ...]``. It writes to ``build/students``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from . import course

OUT = course.ROOT / "build" / "students"


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in course.MASTERS]:
        print(f"no assignment {unknown[0]!r}: choose from {', '.join(course.MASTERS)}")
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    bad, chosen = 0, names or list(course.MASTERS)
    with tempfile.TemporaryDirectory() as folder:
        for count, name in enumerate(chosen, 1):
            made = course.release(Path(folder), [name])[name]
            found = course.leaks(name, made)
            cells = course.by_id(course.read(made))
            points = sum(float(cell.metadata.nbgrader.get("points", 0)) for cell in cells.values())
            said = (
                f"{points:g} points, {len(course.answers(name))} answers in code, {len(course.written(name))} in words"
            )
            if found:
                bad += 1
                said = f"NOT WRITTEN: what students must not see is in it, such as {found[0]!r}"
            else:
                shutil.copy(made, OUT / made.name)
            print(f"{count}/{len(chosen)}  {name:20} {said}", flush=True)
    print(f"{len(chosen) - bad} student versions are in {OUT.relative_to(course.ROOT)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
