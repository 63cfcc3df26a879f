"""Texts from data, made safe for a terminal and a log."""

import logging
import unicodedata

from .addresses import mask

INDENT = " " * len("00:00:00  ")
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")  # control, format (text direction, invisible), surrogates, line ends


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text whose control and invisible characters are written as escapes; those of `keep` are kept.

    >>> printable("a\x1b[2J\nb")
    'a\\x1b[2J\\nb'
    """
    return "".join(_escaped(sign) if sign not in keep and _is_hidden(sign) else sign for sign in text)


def shown(text: str) -> str:
    """Return a message as it may be printed or logged: passwords masked, control characters escaped, lines kept."""
    return printable(mask(text), keep="\n")


class LogFormatter(logging.Formatter):
    """Formatter of log messages: passwords masked, control characters escaped, further lines indented.

    A text from data can therefore not look like a separate message.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text, safe for a terminal."""
        return printable(mask(super().format(record)), keep="\n\t").replace("\n", "\n" + INDENT)


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN
