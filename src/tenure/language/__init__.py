"""Texts of the page of decisions by language, and numbers and dates as people of a country write them.

A language is a file of texts beside this module, named by its code; `en.toml` is the one that others are checked
against. Babel is used here alone.
"""

from .catalogue import languages, load_catalogue
from .formats import Language, is_locale

__all__ = ["Language", "is_locale", "languages", "load_catalogue"]
