"""What Moodle and Canvas write and read. Each case follows the quoted line of their source, looked up on 2026-11-25."""

import csv
import re
import stat
import unicodedata
import zipfile

import pytest

from assignments.grading import lms
from assignments.grading.lms import Sender, exports, feedback_zip, read_table, roster, sender, unpack, who

ADA = {"id": "ada", "name": "Ada Lovelace", "email": "ada@uni.edu", "lms": "12345"}
BOB = {"id": "bob", "name": "Bob O'Brien", "email": "bob@uni.edu", "lms": "222"}
ZOE = {"id": "zoe", "name": "Zoë Müller-Ünal", "email": "zoe@uni.edu", "lms": "333"}
PEOPLE = [ADA, BOB, ZOE]

SENDERS = {
    # moodle: mod/assign/classes/downloader.php: $prefix = str_replace('_', ' ', $fullname);
    # $prefix = clean_filename($prefix . '_' . $manager->get_uniqueid_for_user($student->id));
    # in folders: $prefixedfilename = clean_filename($prefix . '_' . $subtype . '_' . $type);
    "Ada Lovelace_12345_assignsubmission_file": ("Ada Lovelace", "12345", "", False),
    "Ada Lovelace_12345_assignsubmission_file_": ("Ada Lovelace", "12345", "", False),  # before Moodle 4.1
    "Ada Lovelace_12345_assignsubmission_onlinetext": ("Ada Lovelace", "12345", "", False),
    # flat: clean_filename($prefix . '_' . $subtype . '_' . $type . '_' . $zipfilename);
    "Ada Lovelace_12345_assignsubmission_file_02_noise.ipynb": ("Ada Lovelace", "12345", "02_noise.ipynb", False),
    # clean_param(PARAM_FILE) takes ' and " out: preg_replace('~[[:cntrl:]]|[&<>"`\|\':\\\\/]~u', '', $param)
    "Pat OBrien, Jr._7_assignsubmission_file_a_b_c.ipynb": ("Pat OBrien, Jr.", "7", "a_b_c.ipynb", False),
    # if ($manager->is_blind_marking()) { $fullname = get_string('participant', 'mod_assign'); }
    "Participant_12345_assignsubmission_file_": ("Participant", "12345", "", False),
    "Teilnehmer-in_12345_assignsubmission_file": ("Teilnehmer-in", "12345", "", False),
    # groups: $groupname = get_string('defaultteam', 'mod_assign'); $groupinfo = '';
    "Default group_assignsubmission_file": ("Default group", "", "", False),
    "Team A_7_assignsubmission_file": ("Team A", "7", "", False),
    # canvas: lib/content_zipper.rb: "#{filename}_#{file.id}_#{sanitize_attachment_filename(file.display_name)}"
    # filename = [users_name, submission.late? ? "LATE" : nil, id].compact.join("_"); gsub(/[^[[:word:]]]/, "")
    "lovelaceada_12345_67890_02_noise.ipynb": ("lovelaceada", "12345", "02_noise.ipynb", False),
    "lovelaceada_LATE_12345_67890_02_noise-1.ipynb": ("lovelaceada", "12345", "02_noise-1.ipynb", True),
    "de_la_cruzana_12345_67890_My work (2).ipynb": ("de_la_cruzana", "12345", "My work (2).ipynb", False),
    "müllerünalzoë_333_67890_02_noise.ipynb": ("müllerünalzoë", "333", "02_noise.ipynb", False),
    # id = @assignment.anonymize_students? ? "anon_#{submission.anonymous_id}" : submission.user_id
    "anon_aB3x9_67890_02_noise.ipynb": ("anon", "aB3x9", "02_noise.ipynb", False),
    "LATE_anon_aB3x9_67890_02_noise.ipynb": ("anon", "aB3x9", "02_noise.ipynb", True),
    # a student's own name for a file makes nobody else of them
    "eve_9_67890_x_12345_assignsubmission_file_02_noise.ipynb": (
        *("eve", "9", "x_12345_assignsubmission_file_02_noise.ipynb", False),
    ),
    "eve_9_assignsubmission_file_x_12345_67890_02_noise.ipynb": ("eve", "9", "x_12345_67890_02_noise.ipynb", False),
    "eve_9_67890_x_12345_67890_02_noise.ipynb": ("eve", "9", "x_12345_67890_02_noise.ipynb", False),
    # filename = "#{called}_text.html"
    "lovelaceada_12345_text.html": ("lovelaceada", "12345", "text.html", False),
}
ORDINARY = [
    *("ada_1", "ada", "02_noise.ipynb", "02_noise_ada.ipynb", "Copy of 02_noise (1).ipynb", "ada_1/02_noise.ipynb"),
    *("lovelace_12345_02_noise.ipynb", "hand_in_2026_11_25_noise.ipynb", "final_project.ipynb", "12345", "", "_"),
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", SENDERS)
def test_senders(name, form):
    assert sender(unicodedata.normalize(form, name)) == Sender(*SENDERS[name])


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_names(name):
    assert sender(name) is None


def zipped(path, files, change=lambda info: None):
    with zipfile.ZipFile(path, "w") as target:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            change(info)
            target.writestr(info, data)
    return path


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_unpack_replaces_and_is_stable(tmp_path):
    inner = zipped(tmp_path / "inner.zip", [("mine/02_noise.ipynb", "b")]).read_bytes()
    files = [("A_1_assignsubmission_file/x.ipynb", "1"), ("A_1_assignsubmission_file/x.ipynb", "2")]
    files += [("back\\slash.ipynb", "3"), ("con.ipynb", "4"), ("./b_2_300_w.zip", inner), ("b_2_301_not.zip", "no")]
    files += [("a\x01b", "5"), ("長" * 200 + "_02_noise.ipynb", "6")]
    archive, into = zipped(tmp_path / "all.zip", files), tmp_path / "deep" / "out"
    unpack(archive, into)
    found = tree(into)
    assert found["A_1_assignsubmission_file/x (2).ipynb"] == b"2" and found["back/slash.ipynb"] == b"3"
    assert found["_con.ipynb"] == b"4" and found["b_2_300_w.zip/mine/02_noise.ipynb"] == b"b"
    assert found["b_2_301_not.zip"] == b"no" and found["a_b"] == b"5" and len(found) == 8
    (into / "left.txt").write_text("from before")
    unpack(archive, into)
    assert tree(into) == found and [path.name for path in into.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "C:/x", "C:\\x", "..\\x", "\\\\host\\x"])
def test_nothing_leads_out(tmp_path, name):
    into = tmp_path / "out" / "in"
    with pytest.raises(ValueError, match=r"a\.zip.*leads out"):
        unpack(zipped(tmp_path / "a.zip", [("ok", "1"), (name, "2")]), into)
    assert list(into.parent.iterdir()) == [] and {path.name for path in tmp_path.iterdir()} == {"a.zip", "out"}


def test_links_encryption_damage_and_bombs(tmp_path, monkeypatch):
    def link(info):
        info.external_attr = (stat.S_IFLNK | 0o777) << 16 if info.filename == "link" else 0

    unpack(zipped(tmp_path / "a.zip", [("link", "/etc/passwd"), ("file", "1")], link), tmp_path / "out")
    assert tree(tmp_path / "out") == {"file": b"1"}
    whole = zipped(tmp_path / "b.zip", [("file", "0123456789")]).read_bytes()
    locked = whole.replace(b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\1\0")
    locked = re.sub(rb"(PK\x01\x02....)\0\0", rb"\1\1\0", locked, flags=re.S)
    for broken in (whole[:40], whole.replace(b"0123", b"9999"), b"", b"<html>", locked):
        (tmp_path / "b.zip").write_bytes(broken)
        with pytest.raises(ValueError, match=r"b\.zip can't be unpacked"):
            unpack(tmp_path / "b.zip", tmp_path / "out")
        assert tree(tmp_path / "out") == {"file": b"1"}  # as it was
    monkeypatch.setattr(lms, "STUDENTS", 1000)
    bomb = zipped(tmp_path / "bomb.zip", [("a", bytes(1001))]).read_bytes()
    unpack(zipped(tmp_path / "c.zip", [("bomb.zip", bomb), ("file", "1")]), tmp_path / "out")
    assert tree(tmp_path / "out").keys() == {"bomb.zip", "file"}
    with pytest.raises(ValueError, match="too much"):
        unpack(tmp_path / "c.zip", tmp_path / "out", most=1000)
    monkeypatch.setattr(lms, "FILES", 1)
    with pytest.raises(ValueError, match="too much"):
        unpack(tmp_path / "c.zip", tmp_path / "out")


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_that_do_not_say_their_encoding(tmp_path, encoding):
    data = zipped(tmp_path / "a.zip", [("x" * len("Zoë".encode(encoding)), "1")]).read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"x" * len("Zoë".encode(encoding)), "Zoë".encode(encoding)))
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert tree(tmp_path / "out").keys() == {"Zoë"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sign", ",;\t")
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables(tmp_path, sign, encoding, end):
    lines = ["id,points,comment", 'zœé,"1,5","two\nlines, and ""quotes"""', "", ",,", "bob"]
    text = end.join(lines).replace("1,5", "1;5").replace(",", sign)
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    first, second = read_table(tmp_path / "t.csv")
    assert (first["id"], first["points"], first["row"]) == ("zœé", "1;5", 2) and "\n" in first["comment"]
    assert second == {"id": "bob", "points": "", "comment": "", "row": 5}


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


LISTS = {  # a table → its people, as id|name|email|lms
    "id,name,e-mail,lms id\nada,Ada Lovelace,ada@uni.edu,12345": "ada|Ada Lovelace|ada@uni.edu|12345",
    "Matrikelnummer;Name;Vorname;E-Mail-Adresse\n007;Ünal;Zoë;z@uni.de": "007|Zoë Ünal|z@uni.de|",
    "Identifiant;Prénom;Nom;Adresse e-mail\nzoe;Zoë;Ünal;z@uni.fr": "zoe|Zoë Ünal|z@uni.fr|",
    "student;points\nada;3": "ada|ada||",
    "student,name\nada,Ada Lovelace": "ada|Ada Lovelace||",
    "id,name\nada,=HYPERLINK(1)": "ada|HYPERLINK(1)||",
    # moodle: mod/assign/gradingtable.php: if is_downloading() { $columns[] = 'recordid'; }, then fullname, extra fields,
    # status, grade, maxgrade, gradecanbechanged, timesubmitted, timemarked
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade)\n"
    "Participant 12345,Ada Lovelace,s01,ada@uni.edu,Submitted,,20.00,Yes,,-\n"
    "Participant 222,Bob O'Brien,,bob@uni.edu,No submission,,20.00,Yes,,-": "s01|Ada Lovelace|ada@uni.edu|12345 "
    "bob|Bob O'Brien|bob@uni.edu|222",
    # lang/de: recordid 'ID', hiddenuser 'Teilnehmer/in' without a space behind it
    "ID,Vollständiger Name,E-Mail-Adresse,Bewertung,Zuletzt geändert (Bewertung)\n"
    "Teilnehmer/in12345,Ada Lovelace,ada@uni.edu,,-": "ada|Ada Lovelace|ada@uni.edu|12345",
    # canvas: lib/gradebook_exporter.rb: header = ["Student"], << "ID" << "SIS User ID" << "SIS Login ID" << "Section"
    # row = ["    Points Possible", nil, ...], and above it "Possible 'hidden' (muted or manual posting) row"
    "Student,ID,SIS User ID,SIS Login ID,Section,02_noise (77)\n,,,,,Manual Posting\n"
    "    Points Possible,,,,,20\n"
    '"Lovelace, Ada",12345,s01,ada@uni.edu,Sec 1,': "s01|Lovelace, Ada||12345",
    'Student,ID,SIS Login ID,Section\n"Lovelace, Ada",12345,ada,Sec 1': "ada|Lovelace, Ada||12345",
    # header = @options[:show_student_first_last_name] ? ["LastName", "FirstName"] : ["Student"]
    "LastName,FirstName,ID,SIS Login ID,Section\nLovelace,Ada,12345,ada,Sec 1": "ada|Ada Lovelace||12345",
}


@pytest.mark.parametrize("text", LISTS)
def test_rosters(tmp_path, text):
    found = roster(written(tmp_path / "people.csv", text))
    assert " ".join("|".join(one.values()) for one in found) == LISTS[text]
    assert all(list(one) == ["id", "name", "email", "lms"] for one in found)


WRONG = {
    "": "empty",
    "id,name\n": "empty",
    "id,name\nada,A\nADA,B": "row 3.*'ADA'",
    "name\nAda": "row 2.*''",
    "id,name\n\nada l,A": "row 3.*'ada l'",
    "id,name\nada,Lovelace, Ada": "row 2.*cell",
    "PK\x03\x04": "save it as CSV",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_lists(tmp_path, text):
    with pytest.raises(ValueError, match=f"(?s)people.csv.*{WRONG[text]}"):
        roster(written(tmp_path / "people.csv", text))


def test_who():
    keys = ["ada", "ADA", "ada@uni.edu", "12345", "Ada Lovelace", "Lovelace, Ada", "lovelaceada", " ada lovelace "]
    assert all(who(PEOPLE, key) is ADA for key in keys)
    assert who(PEOPLE, "Bob OBrien") is who(PEOPLE, "obrienbob") is BOB  # Moodle and Canvas take the ' out
    assert who(PEOPLE, unicodedata.normalize("NFD", "Müller-Ünal, Zoë")) is who(PEOPLE, "müllerünalzoë") is ZOE
    assert who(PEOPLE, "Participant", "12345") is ADA and who(PEOPLE, "99", "Ada Lovelace") is ADA
    assert not any(who(PEOPLE, *keys) for keys in [(), ("",), (" ",), ("-",), ("Lovelace",), ("999", "anon")])
    assert who(PEOPLE, "222", "Ada Lovelace") is None  # the number is another's
    assert who([ADA], "bob") is who([ADA | {"email": ""}], " ") is who([ADA | {"name": ""}], "-") is None
    twin = ADA | {"id": "ada2", "lms": "555", "email": ""}
    assert who([ADA, twin], "Ada Lovelace") is None and who([ADA, twin], "Lovelace, Ada", "555") is twin
    bob = BOB | {"id": "12345"}  # a student's own number is the LMS's of another: the name decides
    assert who([ADA, bob], "12345") is None and who([ADA, bob], "12345", "Ada Lovelace") is ADA


def moodle_imports(path, users, maximum, grades):
    """mod/assign/feedback/offline/importgradeslib.php and locallib.php, in Python. users: unique id → user."""
    with path.open(newline="", encoding="utf-8") as file:
        columns, *records = csv.reader(file)
    # $strgrade = get_string("gradenoun"), earlier "grade"; both are "Grade" in English
    # if ($column == $strgrade) …gradeindex; == $strid …idindex; == $strmodified …modifiedindex; all must be there
    grade, number, _ = columns.index("Grade"), columns.index("Identifier"), columns.index("Last modified (grade)")
    assert all(len(record) == len(columns) for record in records)  # csv_import_reader: 'csvweirdcolumns'
    taken = dict(grades)
    for record in records:
        unique = record[number][len("Participant ") :]  # substr($idstr, strlen(get_string('hiddenuser', 'assign')))
        if unique not in users:  # get_user_id_for_uniqueid
            continue
        points = record[grade].replace(" ", "").replace(",", ".")  # unformat_float
        if points == "" or not 0 <= float(points) <= maximum:  # "Skip - grade has no value.", "Out of range."
            continue
        taken[users[unique]] = float(points)
    return taken


def canvas_imports(path, students, assignments):
    """lib/gradebook_importer.rb. students: Canvas' id → name; assignments: title → id. Returns changes, and new titles."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert len(header) > 3 and "Student" in header[0] and "ID" in header[1]  # row_has_student_headers?
    known = 4 if re.search(r"SIS\s+Login\s+ID", header[2]) else 3
    assert "Section" in header[known - 1]  # last_student_info_column(row).include?("Section")
    changes = {}
    for row in rows:
        if "Points Possible" in row[0]:  # process_pp
            continue
        # student = @all_students[student_id.to_i], else by login, else s.name == name || s.sortable_name == name
        by_name = [number for number, names in students.items() if row[0] in names]
        student = int(row[1]) if row[1] and int(row[1]) in students else by_name[0]
        # populateGradeDataPerSubmission: if (submission.original_grade === submission.grade) return; else it is posted
        changes |= {(student, title): row[column] for column, title in enumerate(header[known:], known)}
    return changes, [title for title in header[known:] if title not in assignments]  # title_and_id, then the title


def total(student, points, waits=False, name="02_noise", **more):
    return {"student": student, "assignment": name, "points": points, "of": 20.0, "open": waits} | more


def test_marks_go_back(tmp_path):
    totals = [total("ada", 17.5), total("bob", 9.0, waits=True), total("zoe", 0.0), total("new", 3.0)]
    paths = exports(tmp_path, PEOPLE, [*totals, total("ada", 20.0, name="03_train", number="888")])
    names = ["moodle-02_noise.csv", "canvas-02_noise.csv", "moodle-03_train.csv", "canvas-03_train.csv"]
    assert [path.name for path in paths] == names and all(path.parent == tmp_path for path in paths)
    users = {"12345": "A", "222": "B", "333": "Z"}
    assert moodle_imports(paths[0], users, 20, {"B": 4.0}) == {"A": 17.5, "B": 4.0, "Z": 0.0}
    # get_uniqueid_for_user: the number belongs to the person and the assignment; the file's name holds it
    assert moodle_imports(paths[2], {"888": "A"}, 20, {}) == {"A": 20.0}
    students = {12345: ["Ada Lovelace"], 333: ["Zoë Müller-Ünal"], 9: ["", "New"]}
    changes, new = canvas_imports(paths[1], students, {"02_noise"})
    assert not new and changes.pop((9, "02_noise")) == "3"
    assert changes == {
        (12345, "02_noise"): "17.5",
        (333, "02_noise"): "0",
    }  # nothing of Bob's: "" deletes what is there


def moodle_takes(name, participants):
    """mod/assign/feedback/file/importziplib.php, is_valid_filename_for_import, in Python."""
    parts = ["", "import", *name.split("/")]
    while parts:
        info = parts.pop(0).split("_", 4)  # explode('_', $pathpart, 5)
        if len(info) < 4 or not info[1].isdigit() or info[1] not in participants:
            continue
        assert info[2:4] == ["assignsubmission", "file"]  # get_plugin_by_type($info[2], $info[3])
        return info[1], "/".join([*info[4:], *parts]).strip("/")
    return None


def canvas_takes(name):
    """app/models/abstract_assignment.rb, infer_comment_context_from_filename, in Python: who, and which file."""
    split = [part for part in name.split("/")[-1].split("_") if part != "LATE"]
    return split[1:3] if split[0] == "anon" else [part for part in split if re.fullmatch(r"\d+", part)][:2]


def test_feedback_goes_back(tmp_path):
    page = written(tmp_path / "02_noise.html", "<p>Good")
    folders = {"ada": "Ada Lovelace_12345_assignsubmission_file", "bob": "Bob OBrien_222_assignsubmission_file_"}
    flat = {"zoe": "Zoë Müller_333_assignsubmission_file_02_noise.ipynb", "mail": "mail"}
    pages = dict.fromkeys(["ada", "bob", "zoe", "mail", "else"], page)
    path = feedback_zip(tmp_path, "02_noise", pages, folders | flat | {"absent": "X_1_assignsubmission_file"})
    first = path.read_bytes()
    with zipfile.ZipFile(path) as source:
        taken = [moodle_takes(name, {"12345", "222", "333"}) for name in source.namelist()]
        assert source.read(source.namelist()[0]) == b"<p>Good"
    assert taken == [("12345", "02_noise.html"), ("222", "02_noise.html"), ("333", "02_noise.html")]
    names = {"ada": "lovelaceada_LATE_12345_67890_02_noise-1.ipynb", "bob": "LATE_anon_aB3x9_678_02_noise.ipynb"}
    with zipfile.ZipFile(feedback_zip(tmp_path, "canvas", pages, names)) as source:
        assert [canvas_takes(name) for name in source.namelist()] == [["12345", "67890"], ["aB3x9", "678"]]
    assert feedback_zip(tmp_path, "02_noise", pages, flat | folders).read_bytes() == first
    unpack(path, tmp_path / "out")
    assert [sender(one.name).number for one in sorted((tmp_path / "out").iterdir())] == ["12345", "222", "333"]
