"""Sphinx's settings. ``build.py`` calls it."""

import sys
import tomllib
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).parent))
from prepare import PROMPT

settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
repository = settings["project"]["urls"]["Repository"]

project = "Denoising autoencoders, measured"
html_title = project
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
python_use_unqualified_type_names = True
nb_execution_mode = "off"  # the committed outputs are shown
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = PROMPT, "Hide the output"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False

html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_use_index = False
html_show_copyright = False
html_sidebars = {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]}  # the first entry is the title already
html_theme_options = {
    "repository_url": repository,
    "repository_branch": "main",
    "path_to_docs": "notebooks",
    "use_repository_button": True,
    "use_download_button": False,  # the copy here would lack its attachments; the repository has the notebook
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # one search field is enough: the side bar's
    "secondary_sidebar_items": {"**": ["page-toc"], "denoise": []},  # its pictures need the place
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_math_renderer = "mathml"


def inline_math(translator, node):
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def block_math(translator, node):
    translator.body.append(f'<div class="formula">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    # Browsers can set formulas themselves (MathML): no script, no fonts, and a screen reader reads them
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
