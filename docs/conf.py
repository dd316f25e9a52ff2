"""The documentation site: `make docs` builds it into build/site, and docs/checks looks at it in a browser.

The code of the pages, of the docstrings and of the notebooks runs in the tests (tests/test_documents.py,
tests/test_notebooks.py), so Sphinx's doctest builder has nothing to add; tests/test_docstrings.py validates
the docstrings by the rules of numpydoc, and gives the reasons for those left out.
"""

import sys
from importlib.metadata import distribution
from pathlib import Path

import splinekan

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
MATHJAX = distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")

project = "splinekan"
author = "the splinekan developers"
copyright = f"{author}. Licence: BSD-3-Clause"
version = release = splinekan.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "repository",  # notebooks and pages from outside docs/, and links to them
    "names",  # which names are shown, and where a name in a docstring leads
    "command",  # the help texts of the command
]
exclude_patterns = ["checks"]
templates_path = ["_templates"]
default_role = "py:obj"
highlight_language = "none"
nitpicky = True

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the stored outputs are shown
nb_ipywidgets_js = {}  # would come from a CDN
nb_render_image_options = {"alt": "Figure made by the code above"}
nb_mime_priority_overrides = [("html", "image/png", 0)]  # rather than a widget, which needs a kernel

autodoc_default_options = {"members": True, "inherited-members": "object,Exception,str,int,tuple"}
autodoc_member_order = "groupwise"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Float64Array")}
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False  # `members` shows them
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = project
html_favicon = "_static/icon.svg"
html_static_path = ["_static", str(MATHJAX / "tex-svg-full.js")]
html_css_files = ["custom.css"]
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": []}
mathjax_path = "tex-svg-full.js"  # nothing is fetched from another host
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is set
html_theme_options = {
    "logo": {"text": project},
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
