"""What ``make site`` makes of notebooks and networks, without a browser and without building the site."""

import base64
import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from docutils.utils.math.latex2mathml import tex2mathml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import denoise_utils as du

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "site"))
import prepare  # noqa: E402

LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
REPOSITORY = "https://example.org/course"


def prepared(cells, folder):
    return prepare.prepare(new_notebook(cells=cells), folder, "01_x", REPOSITORY, {"01_x.ipynb", "02_y.ipynb"})


def test_a_badge_becomes_a_link():
    badge = "[![Open in Colab](https://colab.research.google.com/badge.svg)](https://colab.research.google.com/x.ipynb)"
    assert prepare.plain_links(badge) == "[Open in Colab](https://colab.research.google.com/x.ipynb)"
    assert prepare.plain_links("a ![b](https://c/d.png) ![e](f.png)") == "a [b](https://c/d.png) ![e](f.png)"


def test_headings_go_down_but_not_comments():
    text = "# Part one\n\n## The loop\n\n```python\n# a comment\n```\n\n# Part two"
    assert prepare.lower_headings(text) == "## Part one\n\n### The loop\n\n```python\n# a comment\n```\n\n## Part two"


def test_links_to_other_files_lead_to_the_repository():
    text = "[a](02_y.ipynb#part) [b](../benchmarks/results/bench.md) [c](https://x) [d](#here) [e](check.py)"
    found = prepare.link_repository(text, REPOSITORY, {"02_y.ipynb"})
    assert found == (
        f"[a](02_y.ipynb#part) [b]({REPOSITORY}/blob/main/benchmarks/results/bench.md) [c](https://x) [d](#here) "
        f"[e]({REPOSITORY}/blob/main/notebooks/check.py)"
    )


def test_teachers_notes_are_left_out_and_attachments_become_files(tmp_path):
    picture = new_markdown_cell("![a chart](attachment:chart.png)")
    picture["attachments"] = {"chart.png": {"image/png": base64.b64encode(b"picture").decode()}}
    note = new_markdown_cell("**For teachers.**", metadata={"tags": ["teacher"]})
    notebook = prepared([new_markdown_cell("# 01 · X"), picture, new_code_cell("1 + 1"), note], tmp_path)
    assert [cell.source for cell in notebook.cells] == ["# 01 · X", "![a chart](01_x_chart.png)", "1 + 1"]
    assert (tmp_path / "01_x_chart.png").read_bytes() == b"picture"
    nbformat.validate(notebook)


def test_what_is_predicted_is_folded(tmp_path):
    empty, text = (nbformat.v4.new_output(kind) for kind in ("display_data", "stream"))
    cells = [new_code_cell("1", metadata={"tags": ["predict"]}, outputs=[empty, text]), new_code_cell("2")]
    told, plain = prepared(cells, tmp_path).cells
    assert told.metadata.tags == ["predict", "hide-output"] and told.outputs == [text]
    assert plain.metadata == {} and plain.outputs == []


def test_a_page_has_one_title(tmp_path):
    notebook = prepared([new_markdown_cell("# 01 · X\n\n## A"), new_markdown_cell("# Part one\n\n## B")], tmp_path)
    assert [cell.source for cell in notebook.cells] == ["# 01 · X\n\n## A", "## Part one\n\n### B"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_formula_can_be_set(path):
    """The site's translation to MathML knows less than MathJax, and stops at what it doesn't know."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.M | re.S)
    for block, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", text, flags=re.S):
        assert "<math" in tex2mathml((block or inline).strip(), as_block=bool(block))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_its_row_and_asks_no_other_host(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    row = prepare.lesson_row(path.stem, notebook)
    assert row.startswith(f"| [{path.stem.partition('_')[0]} ") and re.search(r"\? \| [1-9][05] \|$", row)
    pages = {other.name for other in LESSONS}
    prepare.prepare(notebook, tmp_path, path.stem, REPOSITORY, pages)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "](http" in text and "![Open" not in text and "attachment:" not in text
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs and not any("src=" in str(output.get("data", {}).get("text/html")) for output in outputs)


def test_all_pages_are_there(tmp_path):
    prepare.prepare_all(ROOT / "notebooks", ROOT / "site", tmp_path / "source", REPOSITORY)
    names = {path.name for path in (tmp_path / "source").iterdir()}
    assert names >= {
        "index.md",
        "denoise.md",
        "denoise.html",
        "digits.png",
        "glossary.ipynb",
        *(path.name for path in LESSONS),
    }
    index = (tmp_path / "source" / "index.md").read_text(encoding="utf-8")
    assert index.count(".ipynb)") == len(LESSONS) + 1 and "LESSONS" not in index and REPOSITORY in index


@pytest.fixture(scope="module")
def networks():
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="for make site: pip install -e '.[site]'")
    import networks

    return networks


def test_an_exported_network_agrees_with_torch(networks, tmp_path, clean):
    model, other = du.TinyDenoiser().eval(), du.TinyDenoiser().eval()
    networks.export(model, tmp_path / "tiny.onnx")
    noisy = networks.NOISE(clean[:5])
    assert networks.largest_difference(model, tmp_path / "tiny.onnx", noisy) < networks.LARGEST_DIFFERENCE
    assert networks.largest_difference(other, tmp_path / "tiny.onnx", noisy) > networks.LARGEST_DIFFERENCE


def test_the_matrix_is_the_fitted_one(networks, digits, clean):
    fitted = du.LinearDenoiser(digits.train.images[:500], networks.NOISE)
    assert torch.allclose(networks.as_network(fitted)(clean), fitted(clean), atol=1e-6)


def test_every_network_of_the_page_is_trained(networks, digits, monkeypatch):
    monkeypatch.setattr(networks.du, "fit", lambda model, *arguments, **options: model)
    assert networks.train_all(digits.train.images[:100]).keys() == networks.NETWORKS.keys()


def test_a_network_that_differs_stops_the_build(networks, tmp_path, monkeypatch):
    untrained = {name: make() for name, (_, make) in networks.NETWORKS.items()}
    monkeypatch.setattr(networks, "train_all", lambda images: untrained)
    monkeypatch.setattr(networks, "largest_difference", lambda *arguments: 2e-4)
    with pytest.raises(RuntimeError, match="differs from torch"):
        networks.make_networks(tmp_path)
    assert not (tmp_path / "networks.json").exists()


def test_networks_are_made_once(networks, tmp_path, monkeypatch):
    (tmp_path / "networks.json").write_text(json.dumps({"source": networks.source_checksum()}))
    monkeypatch.setattr(networks, "train_all", lambda images: pytest.fail("trained again"))
    networks.make_networks(tmp_path)
    (tmp_path / "networks.json").write_text(json.dumps({"source": "an older package"}))
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        networks.make_networks(tmp_path)
