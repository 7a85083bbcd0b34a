"""A student's feedback page: points and what was said on top, below it the notebook as it ran. It loads and runs nothing,
whatever a student wrote into the cells."""

import base64
import html
from pathlib import Path

from IPython.lib.lexers import IPython3Lexer
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from scripts.page import WithFormulas

from . import course

STYLE = """body { max-width: 50em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; color: #222; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f5f5; padding: .6em; margin: .5em 0; }
math[display="block"] { display: block; overflow-x: auto; }
pre.says { background: none; border-left: 3px solid #999; } img { max-width: 100%; }
.mark { border: 1px solid #999; border-radius: 6px; padding: .2em 1em; margin: .5em 0 2em; } .mark p { margin: .4em 0; }"""
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
form-action 'none'; base-uri 'none'">"""


class Plain(WithFormulas):
    def block_mermaidjs(self, code: str) -> str:
        return self.block_code(code)  # nbconvert's own lets HTML through


def page(notebook: Path | None, student: str, assignment: str, rows: list[dict], date: str) -> str:
    """The page's HTML. rows: the questions, with points, what was said, the teacher's comment and the rubric. notebook: None if
    it holds something that is too much for a page."""
    marks = {row["question"]: row for row in rows}
    waits = sum(row["of"] for row in rows if row["points"] is None)
    points, most = sum(row["points"] or 0 for row in rows), sum(row["of"] for row in rows)
    said = f"{points:g} of {most:g} points" + (f" so far; {waits:g} wait for your teacher" if waits else "")
    parts = [HEAD, f"<title>{assignment}: {html.escape(student)}</title><style>{STYLE}</style></head><body>"]
    parts += [f"<h1>{html.escape(student)}: {assignment}</h1><p><b>{said}</b>. Marked on {date}.</p><ul>"]
    parts += [f'<li><a href="#{key}">{key.replace("_", " ")}</a>: {points_of(row)}</li>' for key, row in marks.items()]
    parts += ["</ul>"]
    if notebook is None:
        parts.append("<p>Your notebook is not shown here: to set one of its cells as a page takes too long.</p>")
        parts += [
            f'<section id="{key}"><h2>{key.replace("_", " ")}</h2>{mark(row)}</section>' for key, row in marks.items()
        ]
    for cell in course.read(notebook).cells if notebook else []:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        ours = bool(key) and not cell.metadata.nbgrader.get("solution")
        parts.append(f'<section id="{key}">' if key in marks else "<section>")
        parts.append(text(cell, ours) if cell.cell_type == "markdown" else code(cell, ours))
        parts.append(mark(marks[key]) if key in marks else "")
        parts.append("</section>")
    return "\n".join([*parts, "</body></html>\n"])


def points_of(row: dict) -> str:
    return f"{'waits for your teacher,' if row['points'] is None else format(row['points'], 'g')} of {row['of']:g}"


def text(cell, ours: bool) -> str:
    """A text cell. Only in ours is HTML more than letters."""
    try:
        how = {"escape": not ours, "allow_harmful_protocols": False, "exclude_anchor_links": True}
        renderer = Plain(attachments=cell.get("attachments", {}), **how)
        return MarkdownWithMath(renderer=renderer).render(cell.source)
    except Exception:  # such as a pasted picture that is not there
        return f"<pre>{html.escape(cell.source)}</pre>"


def code(cell, ours: bool) -> str:
    """A program and its outputs. Of a hidden test only the message is shown."""
    source = course.HIDDEN.sub("# (not shown)", cell.source) if ours else cell.source
    colours = HtmlFormatter(nowrap=True, noclasses=True, style="friendly")
    parts = [f"<pre>{highlight(source, IPython3Lexer(), colours)}</pre>"]
    for output in cell.outputs if not cell.metadata.get("nbgrader", {}).get("grade") else []:
        if output.output_type == "display_data":
            picture = base64.b64encode(base64.b64decode(output.data["image/png"])).decode()
            parts.append(f'<img alt="a picture that the cell drew" src="data:image/png;base64,{picture}">')
        else:
            said = output.text if output.output_type == "stream" else f"{output.ename}: {output.evalue}"
            parts.append(f'<pre class="says">{html.escape(said)}</pre>')
    return "\n".join(parts)


def mark(row: dict) -> str:
    """What was decided on a question, and why."""
    parts = [f"<b>{points_of(row)} points.</b>"] + (
        [] if row["written"] else [html.escape(row["says"]).replace("\n", "<br>")]
    )
    if row.get("told"):
        parts.append(f"<b>Your teacher says:</b> {html.escape(row['told'])}".replace("\n", "<br>"))
    rubric = row["written"] and row["points"] is not None
    lines = (
        f"<b>How it is marked:</b>{MarkdownWithMath(renderer=WithFormulas()).render(row['rubric'])}" if rubric else ""
    )
    return '<div class="mark">' + "".join(f"<p>{part}</p>" for part in parts) + f"{lines}</div>"
