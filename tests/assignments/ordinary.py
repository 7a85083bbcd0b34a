"""Run a command as an ordinary user, where the tests run as root: ``python ordinary.py COMMAND``, inside ``unshare --mount``.

The user is a number that nobody has. Python or the course may lie in a folder that only root may enter, such as /root: in this
mount namespace, and nowhere else, a readable folder takes its place, with just what is needed in it.
"""

import os
import subprocess
import sys
from pathlib import Path

USER = 54321
ROOT = Path(__file__).resolve().parents[2]


def closed(path):
    """The topmost folder on the way to it that others may not enter."""
    return next((one for one in reversed([path, *path.parents]) if not one.stat().st_mode & 0o001), None)


def main(command):
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    needed = [Path(one).resolve() for one in (sys.base_prefix, sys.prefix, ROOT)]
    while paths := [path for path in needed if closed(path)]:
        place = closed(paths[0])
        stage = Path("/mnt")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", stage], check=True)
        stage.chmod(0o755)
        for path in [path for path in paths if path.is_relative_to(place)]:
            inside = stage / path.relative_to(place)
            inside.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", path, inside], check=True)
        subprocess.run(["mount", "--rbind", stage, place], check=True)
        subprocess.run(["umount", "--recursive", stage], check=True)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
