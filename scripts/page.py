"""A lesson as one readable page that needs no network: nbconvert's, with the site's ways for formulas and badges.

nbconvert's own page loads MathJax, require.js and the badges' pictures from other hosts: offline its formulas stay raw.
"""

import re
import sys
from pathlib import Path

from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from jinja2 import pass_context
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from prepare import PROMPT, drop_empty_outputs, plain_links

# nbconvert's template without its scripts. Stored pictures need none, and mermaid's diagrams are in no lesson. The output
# of a cell whose result is to be predicted is folded
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_css %}
{{ super() }}
<style>
.predict summary { margin-left: var(--jp-cell-prompt-width); padding: 6px; font-family: var(--jp-ui-font-family); }
</style>
{% endblock %}
{% block output_group %}
{% if "predict" in cell.metadata.get("tags", []) %}
<details class="predict"><summary>PROMPT</summary>
{{ super() }}
</details>
{% else %}
{{ super() }}
{% endif %}
{% endblock %}
""".replace("PROMPT", PROMPT)


class WithFormulas(IPythonRenderer):
    """Formulas become MathML, which browsers set themselves. One that the translation doesn't know stays as it is."""

    def inline_math(self, body: str) -> str:
        try:
            return tex2mathml(body)
        except MathError:
            return super().inline_math(body)

    def block_math(self, body: str) -> str:
        try:
            return tex2mathml(body, as_block=True)
        except MathError:
            return super().block_math(body)


class Page(HTMLExporter):
    @pass_context
    def markdown2html(self, context, source: str) -> str:
        """nbconvert's filter for a cell's text, with the renderer above and without pictures of other hosts."""
        renderer = WithFormulas(escape=False, attachments=context.get("cell", {}).get("attachments", {}))
        return MarkdownWithMath(renderer=renderer).render(plain_links(source))


def page(notebook, name: str) -> str:
    """The page's HTML. name: its title. Links to other lessons lead to their pages. Takes empty outputs out of the notebook."""
    drop_empty_outputs(notebook.cells)
    text, _ = Page(raw_template=TEMPLATE).from_notebook_node(notebook, resources={"metadata": {"name": name}})
    return re.sub(r'href="([\w-]+)\.ipynb(?=["#])', r'href="\1.html', text)
