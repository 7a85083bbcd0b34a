"""Moodle's and Canvas' downloads, and files that they import. ``tests/assignments/test_lms.py`` quotes their source."""

import csv
import io
import os
import re
import shutil
import tempfile
import time
import unicodedata
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST, STUDENTS, FILES = 2 * 2**30, 200 * 2**20, 20_000  # bytes of a download, and of a student's zip; files in a zip
SENDERS = (  # Moodle's; Canvas', anonymous and not. lovelace_12345_02_noise.ipynb is a student's: Canvas' numbers are longer
    r"(?P<name>[^_]+)(?:_(?P<number>\d+))?_assignsubmission_[a-z0-9]+(?:_(?P<file>.*))?",  # Moodle's names have no _
    r"(?P<late>LATE_)?(?P<name>anon)_(?P<number>[0-9A-Za-z]+)_\d{3,}_(?P<file>.+)",
    r"(?P<name>[^\sA-Z.,'()-]+?)(?P<late>_LATE)?_(?P<number>\d+)_(?:\d{3,}_|(?=(?:text|link)\.html$))(?P<file>.+)",
)
COLUMNS = {  # how a column may be called, without spaces and signs. What is filled in first counts; of names, all
    "id": "id kennung matrikelnummer matrikelnr matrikel identifiant student idnumber idnummer numérodidentification "
    "sisuserid sisloginid login",
    "name": "firstname vorname prénom fullname vollständigername nomcomplet student name lastname surname nachname nom "
    "namevorname nachnamevorname lastnamefirstname",
    "email": "email emailaddress emailadresse mail adressedecourriel courriel adresseemail adressemail",
    "lms": "lms lmsid moodleid canvasid",
    "worksheet": "lastmodifiedgrade zuletztgeändertbewertung dernièremodificationnote",  # only Moodle's has this one
}
RESERVED = re.compile(r"[\0-\x1f]|(?<![^/])(?=(con|prn|aux|nul|com\d|lpt\d)([./]|$))", re.I)  # not on Windows


@dataclass(frozen=True)
class Sender:
    name: str
    number: str  # Canvas' of the person; Moodle's, which is another in each assignment
    file: str  # as the student called it; empty for a folder
    late: bool


def sender(name: str) -> Sender | None:
    """Read the name of a file or folder as Moodle or Canvas makes it; None if it is an ordinary one."""
    matches = (re.fullmatch(form, unicodedata.normalize("NFC", name)) for form in SENDERS)
    parts = next((found.groupdict("") for found in matches if found), None)
    return parts and Sender(parts["name"], parts["number"], parts["file"], bool(parts.get("late")))


def unpack(archive: Path, into: Path, most: int = MOST) -> int:
    """Unpack a download, in place of ``into`` once all is there. A student's zip becomes a folder, or stays. Returns bytes."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack", dir=into.parent) as place:
        (new := Path(place, "new")).mkdir()
        try:
            with zipfile.ZipFile(archive) as source:
                entries = [one for one in source.infolist() if not one.is_dir() and one.external_attr >> 28 != 0o12]
                size = sum(one.file_size for one in entries)  # zipfile writes no more than a file declares
                if size > most or len(entries) > FILES:
                    raise ValueError("it holds too much; look at what is in it, and unpack what you need yourself")
                for one in entries:  # links are left out
                    path = new / inside(one.filename)
                    while path.exists():
                        path = path.with_name(f"{path.stem} (2){path.suffix}")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with source.open(one) as data, path.open("xb") as file:
                        shutil.copyfileobj(data, file)
                    with suppress(ValueError, OverflowError):  # a month 0, a year before 1980
                        os.utime(path, (time.mktime((*one.date_time, 0, 0, -1)),) * 2)
        except Exception as error:  # damaged zips fail in many ways
            raise ValueError(f"{archive.name} can't be unpacked: {error}. Damaged? Download it again") from error
        for path in sorted(new.rglob("*.[zZ][iI][pP]")) if most == MOST else []:
            with suppress(ValueError):
                size += unpack(path, path, min(STUDENTS, MOST - size))
        if into.exists():
            into.rename(Path(place, "old"))
        new.rename(into)
    return size


def inside(name: str) -> Path:
    """The path in a zip, as files may be called anywhere. Raises ``ValueError`` if it leads out of the folder."""
    with suppress(UnicodeError):  # programs that write UTF-8, and don't say so
        name = name.encode("cp437").decode()
    parts = RESERVED.sub("_", unicodedata.normalize("NFC", name).replace("\\", "/")).split("/")
    if not parts[0] or parts[0][1:2] == ":" or ".." in parts:
        raise ValueError(f"{name!r} leads out of the folder; no LMS makes that, ask who did")
    return Path(*[part if len(part.encode()) < 250 else f"{part[:40]}~{part[-20:]}" for part in parts])


def decoded(path: Path) -> str:
    """A text file in whatever a spreadsheet saves: UTF-8, UTF-16, Windows-1252."""
    data = path.read_bytes()
    if data.startswith(b"PK"):
        raise ValueError(f"{path} is a workbook: save it as CSV")
    with suppress(UnicodeError):
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    return data.decode("cp1252", "replace")


def sign_of(text: str) -> str:
    """What stands between the cells of a table: the sign that makes most columns of its first row."""
    return max(";\t,", key=lambda sign: len(next(csv.reader(io.StringIO(text), delimiter=sign), [])))


def read_table(path: Path) -> list[dict]:
    """A table as any spreadsheet or LMS saves it: comma, semicolon, tab. row: its number."""
    text, found = decoded(path), []
    sign = sign_of(text)
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=sign)) or [[]]
    for number, cells in enumerate(lines[1:], 2):
        if any(cells[len(lines[0]) :]):
            raise ValueError(f"{path}, row {number}: a cell has no name above it: is a {sign!r} in a text unquoted?")
        row = dict(zip(map(str.strip, lines[0]), cells + [""] * len(lines[0]))) | {"row": number}
        found += [row] if any(map(str.strip, cells)) else []
    return found


def roster(path: Path) -> list[dict]:
    """People of one's own list or an LMS's export: id, name, email, lms. Without a column for the id, the e-mail begins so."""
    rows, people = read_table(path), {}
    if not rows:
        raise ValueError(f"{path} is empty: it should hold a row of names, and below it a row for each")
    header = {squash(name): name for name in rows[0]}
    columns = {key: [header[name] for name in names.split() if name in header] for key, names in COLUMNS.items()}
    if (canvas := {"id", "sisloginid"} <= set(header)) or columns["worksheet"]:  # their ID is a number of their own
        columns["lms"] = [header["id"] if canvas else next(iter(header.values()))]  # Moodle's is its first column
        columns["id"] = [name for name in columns["id"] if name not in (*columns["lms"], header.get("student"))]
    columns["name"] = [name for name in columns["name"] if name not in columns["id"][:1]] or columns["name"]
    for row in rows:
        cells = {key: [row[name].strip() for name in names if row[name].strip()] for key, names in columns.items()}
        name, (email, lms) = " ".join(cells["name"]), (next(iter(cells[key]), "") for key in ("email", "lms"))
        if canvas and (not lms or "Points Possible" in name):
            continue
        own = unicodedata.normalize("NFC", next(iter(cells["id"]), email.partition("@")[0]))
        if not re.fullmatch(r"[\w.@-]+", own) or own.casefold() in people:
            raise ValueError(f"{path}, row {row['row']}: {own!r} is twice, or no id of letters, digits and . _ - @")
        lms = re.sub(r"^\D+", "", lms)  # Participant 12345
        people[own.casefold()] = {"id": own, "name": name.lstrip("=+-@"), "email": email, "lms": lms}  # no formula
    return list(people.values())


def squash(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFC", text).casefold()))  # Canvas: lovelaceada


def who(people: list[dict], *keys: str) -> dict | None:
    """The one whom all keys fit that fit anybody: id, e-mail, LMS' number, or the name in any order. None if not one."""
    found = None
    for key in filter(str.strip, keys):
        exact, name = unicodedata.normalize("NFC", key).strip().casefold(), squash(key)
        fits = [one for one in people if exact in [one[field].casefold() for field in ("id", "email", "lms")]]
        fits = fits or [one for one in people if len(full := squash(one["name"])) == len(name) > 0 and name in 2 * full]
        found = [one for one in fits if found is None or one in found] if fits else found
    return found[0] if found and len(found) == 1 else None


def exports(folder: Path, people: list[dict], totals: list[dict], systems=("moodle", "canvas")) -> list[Path]:
    """For each assignment what the systems import. A total's number, its sender's, is Moodle's for the person."""
    known, written = {one["id"]: one for one in people}, []
    for name in sorted({row["assignment"] for row in totals}):
        rows = [row for row in totals if row["assignment"] == name]
        moodle = [["Identifier", "Full name", "Email address", "Grade", "Maximum grade", "Last modified (grade)"]]
        canvas = [["Student", "ID", "SIS Login ID", "Section", name], ["Points Possible", "", "", "", rows[0]["of"]]]
        for row in rows:
            one = known.get(row["student"], {"name": "", "email": "", "lms": ""})
            number, points = row.get("number") or one["lms"], "" if row["open"] else f"{row['points']:g}"
            moodle.append([f"Participant {number}", one["name"], one["email"], points, row["of"], "-"])
            canvas += [[one["name"], one["lms"], row["student"], "", points]] if points else []  # empty deletes a grade
        for lms, lines in [pair for pair in (("moodle", moodle), ("canvas", canvas)) if pair[0] in systems]:
            written.append(folder / f"{lms}-{name}.csv")
            with written[-1].open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(lines)
    return written


def feedback_zip(folder: Path, name: str, pages: dict[str, Path], names: dict[str, str]) -> Path:
    """Pages under the names that the LMS gave (names: student → file or folder), so that it takes them back in one zip."""
    path = folder / f"feedback-{name}.zip"
    with zipfile.ZipFile(path, "w") as target:
        for student, start in sorted(names.items()):
            if student in pages and (sent := sender(start)):
                start = start.removesuffix(sent.file) if sent.file else f"{start}/"
                info = zipfile.ZipInfo(start + pages[student].name)
                info.external_attr = 0o644 << 16
                target.writestr(info, pages[student].read_bytes(), zipfile.ZIP_DEFLATED)
    return path
