"""Build the documentation: `just docs`. It needs no network, and its pages hold no foreign address."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

from generated import GENERATED

import tenure

project = "Tenure"
author = "The Tenure developers"
version = release = tenure.__version__
html_title = f"Tenure {version}"
copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
default_role = "literal"  # names in docstrings
highlight_language = "none"
smartquotes = False  # commands and settings are copied
exclude_patterns = ["build", "README.md"]
templates_path = ["templates"]

html_theme = "furo"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature has the words, the text their meaning
napoleon_numpy_docstring = False


def _fill(_: Sphinx, name: str, source: list[str]) -> None:
    """Replace each `<!-- name -->` of a page by the table that is generated from the code."""
    for marker, build in GENERATED.items():
        if f"<!-- {marker} -->" in source[0]:
            source[0] = source[0].replace(f"<!-- {marker} -->", build())


def setup(app: Sphinx) -> None:
    """Connect the generated tables."""
    app.connect("source-read", _fill)
