"""The glossary: each term has its line, and leads to the section where a lesson first explains it."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "site")]
import glossary  # noqa: E402
import prepare  # noqa: E402

TEXT = nbformat.read(ROOT / "notebooks" / "glossary.ipynb", as_version=4).cells[0].source
# What readers stumbled over: it has to be here, whatever else is
WANTED = """Adam, `.detach()`, `state_dict`, autoencoder, batch, bottleneck, clipping, convolution, dropout, epoch, generator,
gradient, kernel, learning rate, least squares, loss, momentum, MSE, Muon, optimizer, overfitting, padding, PCA, Poisson, PSNR,
receptive field, ReLU, residual block, seed, sigmoid, skip connection, speckle, SSIM, step, tensor, test, validation,
transposed convolution, weights"""


def test_each_term_leads_to_where_it_is_explained():
    text, left = glossary.mended(TEXT, ROOT / "notebooks")
    assert not left, "\n".join(left)
    assert text == TEXT, "run python scripts/glossary.py"


def test_terms_are_explained_once_in_a_sentence():
    lines = glossary.terms(TEXT)
    table = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(lines) == len(table) - 2 >= 50, "each line of the table, but the first two, has a term and four cells"
    names = [glossary.plain(term) for term, *_ in lines]
    assert len(set(names)) == len(names)
    assert not {glossary.plain(" ".join(term.split())) for term in WANTED.split(",")} - set(names)
    for term, meaning, _, _ in lines:
        assert meaning[0].isupper() and meaning.endswith(".") and ". " not in meaning and 20 < len(meaning) < 200, term


@pytest.fixture
def lessons(tmp_path):
    first = ["# 01 · A: **b**?\n\nThe **alpha** ([more](x))", "## Two (2): `x`\n\n**Gammas, big**", "**secret**"]
    second = ["# 02a · B", "### Three\n\n**alpha**, **`beta()`** and the **Delta (DD)**"]
    for name, texts in {"01_a": first, "02a_b": second}.items():
        cells = [new_markdown_cell(text) for text in texts]
        if name == "01_a":
            cells[-1].metadata["tags"] = ["teacher"]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{name}.ipynb")
    return tmp_path


BEFORE, AFTER = "# Glossary\n\n| term |\n|---|\n", "\nEnd\n"


def test_the_links_are_written_for_the_author(lessons):
    rows = [
        "| **gamma** | G. | unit | |",
        "| **`beta`** | B. | | [old](old.ipynb) |",
        "| **DD** | D. | | |",
        "| **alpha** | A. | | |",
    ]
    text, left = glossary.mended(f"{BEFORE}{chr(10).join(rows)}\n{AFTER}", lessons)
    assert (
        text
        == f"""{BEFORE}| **alpha** | A. | | [01](01_a.ipynb) |
| **`beta`** | B. | | [02a Three](02a_b.ipynb#Three) |
| **DD** | D. | | [02a Three](02a_b.ipynb#Three) |
| **gamma** | G. | unit | [01 Two (2): `x`](01_a.ipynb#Two-%282%29:-x) |
{AFTER}"""
    )
    assert left == [] and glossary.mended(text, lessons) == (text, [])


def test_what_only_the_author_knows_is_said(lessons):
    rows = ["| **alpha (of two)** | A. | | |", "| **alpha (other)** | A. | | [02a Three](02a_b.ipynb#Three) |"]
    text, left = glossary.mended(f"{BEFORE}{chr(10).join(rows)}\n| **secret** | S. | | |\n{AFTER}", lessons)
    assert "| **alpha (other)** | A. | | [02a Three](02a_b.ipynb#Three) |" in text
    assert left[0] == "alpha (of two): which of these is meant? [01](01_a.ipynb) or [02a Three](02a_b.ipynb#Three)"
    assert left[1:] == ["secret: in bold in no lesson. Write it so where it is explained, or take its line out."]


def test_the_site_has_its_own_names_for_sections():
    text = "[01 Two (2): `x`](01_a.ipynb#Two-%282%29:-x) [01](01_a.ipynb) [x](y.ipynb#Z)"
    assert prepare.site_anchors(text) == "[01 Two (2): `x`](01_a.ipynb#two-2-x) [01](01_a.ipynb) [x](y.ipynb#Z)"
