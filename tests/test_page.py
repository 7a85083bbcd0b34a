"""The pages of ``make run``: readable without the network. Notebooks are converted as they are stored; none is executed."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import run_course  # noqa: E402
from page import page  # noqa: E402

LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
LOADS = ("src", "srcset", "poster", "data", "action", "background", "xlink:href")  # what a browser follows by itself
BADGE = "[![Open in Colab](https://a.org/badge.svg)](https://b.org/x.ipynb)"


class Loaded(HTMLParser):
    """Collects what a browser would load to show a page. A link to click on is nothing of that kind."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        for name, value in attributes:
            if name in LOADS or (name == "href" and tag != "a"):
                self.found.append(value or "")
            elif name == "style":
                self.found += re.findall(r"url\(([^)]*)", value or "")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "style":
            self.found += re.findall(r"(?:url\(|@import)([^);]*)", data)
        elif self.inside == "script":
            self.found += re.findall(r"https?://[^\"'\s]*", data)


def loaded(text):
    """What a browser asks for to show the page, of another host or of this one; what stands in the page is left out."""
    sources = [source.strip(" \"'") for source in Loaded(text).found]
    return [source for source in sources if not source.startswith("data:")]


def small(*texts):
    return page(new_notebook(cells=[new_markdown_cell(text) for text in texts]), "a title")


ASKS = """<head><link rel="stylesheet" href="https://a.org/1.css"><script src="//a.org/2.js"></script>
<script>import("https://a.org/3.mjs")</script><style>@import "https://a.org/4.css"; b {background: url('https://a.org/5.png')}</style>
</head><img src="https://a.org/6.png"><p style="background: url(https://a.org/7.png)"><iframe src="https://a.org/8"></iframe>"""


def test_the_search_finds_all_kinds():
    assert re.findall(r"a\.org/(\d)", " ".join(loaded(ASKS))) == list("12345678")
    assert loaded('<a href="https://b.org">b</a> <img src="c.png"> <img src="data:image/png;base64,x">') == ["c.png"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_s_page_needs_nothing_but_itself(path):
    text = page(nbformat.read(path, as_version=4), path.stem)
    assert loaded(text) == []
    assert "<script" not in text and "data:image/png" in text
    assert f"<title>{path.stem}</title>" in text and ">Open in Colab</a>" in text
    links = re.findall(r'href="([^"#]+)', text)
    assert all((path.parent / link).with_suffix(".ipynb").is_file() for link in links if link.endswith(".html"))
    assert all(link.startswith("https://") for link in links if link.endswith(".ipynb"))  # Colab's


def test_formulas_become_mathml():
    text = page(nbformat.read(ROOT / "notebooks" / "02b_least_squares.ipynb", as_version=4), "02b_least_squares")
    assert text.count("<math") >= 10 and 'display="block"' in text and "<mfrac>" in text
    assert "\\frac" not in text and "$$" not in text


def test_kinds_of_formulas():
    text = small("a $x^2$ b", "$$\n\\frac{1}{2}\n$$", "`$x$`")
    assert text.count("<msup>") == text.count("<mfrac>") == 1 and "<code>$x$</code>" in text
    assert "$\\nosuchcommand$" in small("$\\nosuchcommand$")  # stays, rather than no page at all


def test_a_badge_becomes_a_link():
    assert '<a href="https://b.org/x.ipynb">Open in Colab</a>' in small(BADGE)


def test_a_hint_stays_folded():
    text = small("<details><summary>Hint</summary>\n\nthe *answer*\n\n</details>")
    assert re.search(r"<details><summary>Hint</summary>\s*<p>the <em>answer</em></p>\s*</details>", text)


def test_what_is_predicted_is_folded():
    """And begins with the empty output that JupyterLab needs, of which nothing is left here."""
    told, plain = (new_code_cell("f()", outputs=[new_output("stream", text=text)]) for text in ("told", "plain"))
    told.metadata["tags"] = ["predict"]
    run_course.fold(told)
    text = page(new_notebook(cells=[told, plain]), "x")
    folded = re.findall(r'<details class="predict"><summary>(.*?)</summary>(.*?)</details>', text, flags=re.S)
    assert [prompt for prompt, _ in folded] == ["Predicted? Show the output"]
    assert "<pre>told" in folded[0][1] and "<pre>plain" not in folded[0][1]
    assert text.count("<pre>told") == text.count("<pre>plain") == 1


def test_a_slider_shows_its_still_picture():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1", "version_major": 2, "version_minor": 0}}
    output = new_output("display_data", data=view | {"image/png": "iVBORw0KGgo=", "text/plain": "a slider"})
    text = page(new_notebook(cells=[new_code_cell("play()", outputs=[output])]), "x")
    assert loaded(text) == [] and "data:image/png;base64,iVBORw0KGgo=" in text


def test_a_lesson_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run_course.py", "--refresh", "02", "2", "99"])
    with pytest.raises(SystemExit):
        run_course.main()
    assert "no lesson 2, 99: there are 00, " in capsys.readouterr().err
