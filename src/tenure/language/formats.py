"""Numbers, dates and sentences in a locale, with the shop's currency."""

import datetime as dt
import math
from dataclasses import dataclass
from functools import cached_property

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol

from .catalogue import DEFAULT, languages, load_catalogue

NONE, SPACE = "–", "\u00a0"


def is_locale(name: str) -> bool:
    """Return whether there is such a locale.

    >>> is_locale("fr"), is_locale("fr_CH"), is_locale("xx"), is_locale("../en")
    (True, True, False, False)
    """
    try:
        _parse(name)
    except (UnknownLocaleError, ValueError, TypeError):
        return False
    return True


@dataclass(frozen=True)
class Language:
    """The texts and formats of a locale.

    Args:
        locale: a language such as fr, or that of a country such as fr_CH; without a catalogue, texts are English.
        currency: symbol or code of money; None: none.
    """

    locale: str = DEFAULT
    currency: str | None = None

    @cached_property
    def code(self) -> str:
        """Return the language of the texts.

        >>> Language("fr_CH").code, Language("nl").code
        ('fr', 'en')
        """
        language = self._babel.language
        return language if language in languages() else DEFAULT

    def text(self, key: str, **values: str) -> str:
        """Return a text with its names filled in.

        >>> Language("en").text("page.span", low="1", high="2"), Language("fr").text("page.span", low="1", high="2")
        ('1 to 2', 'de 1 à 2')
        """
        return load_catalogue(self.code)[key].format(**values)

    def has(self, key: str) -> bool:
        """Return whether there is such a text."""
        return key in load_catalogue(self.code)

    def name(self, column: str, value: object) -> str:
        """Return a value of a table as the page shows it: the names that are Tenure's own are translated.

        >>> Language("en").name("tier", "rest"), Language("fr").name("tier", "rest"), Language("fr").name("tier", "top")
        ('rest', 'autres', 'top')
        """
        key = f"names.{column}.{value}"
        return self.text(key) if self.has(key) else str(value)

    def number(self, value: float, decimals: int = 0) -> str:
        r"""Format a number.

        >>> Language("de").number(1234.5, 1), Language("en").number(-1234.5, 1), Language("fr").number(1234)
        ('1.234,5', '-1,234.5', '1\u202f234')
        """
        return str(format_decimal(round(float(value), decimals) + 0.0, _digits("#,##0", decimals), locale=self._babel))

    def plain(self, value: float) -> str:
        """Format a setting as it was given, with at most six decimals.

        >>> Language("fr").plain(2.5), Language("en").plain(3.0)
        ('2,5', '3')
        """
        return str(format_decimal(value, "#,##0.######", locale=self._babel))

    def money(self, value: float) -> str:
        r"""Format an amount: without decimals from 100 on.

        >>> Language("fr", "€").money(12.5), Language("en", "$").money(-1234.4), Language("en").money(0.5)
        ('12,50\xa0€', '-$1,234', '0.50')
        >>> Language("en", "PTS").money(100), Language("fr", "EUR").money(100)
        ('PTS\xa0100', '100\xa0€')
        """
        if math.isnan(value):
            return NONE
        decimals = 0 if abs(value) >= 100 else 2
        if self.currency is None:
            return self.number(value, decimals)
        pattern = self._babel.currency_formats["standard"].pattern.replace("0.00", _digits("0", decimals))
        # Letters are set apart from the digits that follow them; a sign is not.
        if get_currency_symbol(self.currency, locale=self._babel)[-1:].isalpha():
            pattern = pattern.replace("¤#", f"¤{SPACE}#")
        rounded = round(float(value), decimals) + 0.0
        return str(format_currency(rounded, self.currency, pattern, locale=self._babel, currency_digits=False))

    def percent(self, value: float, decimals: int = 0) -> str:
        r"""Format a share as a percentage.

        >>> Language("en").percent(0.256), Language("de").percent(0.256, 1)
        ('26%', '25,6\xa0%')
        """
        if math.isnan(value):
            return NONE
        pattern = self._babel.percent_formats[None].pattern.replace("0", _digits("0", decimals), 1)
        return str(format_percent(value, pattern, locale=self._babel))

    def span(self, low: float, high: float) -> str:
        """Format an interval of money."""
        return self.text("page.span", low=self.money(low), high=self.money(high))

    def day(self, day: dt.date) -> str:
        """Format a day.

        >>> Language("fr").day(dt.date(1998, 6, 30)), Language("en_GB").day(dt.date(1998, 6, 30))
        ('30 juin 1998', '30 June 1998')
        """
        return str(format_date(day, "long", locale=self._babel))

    def month(self, month: str) -> str:
        """Format a month such as 1998-06.

        >>> Language("fr").month("1998-06"), Language("en").month("1998-06")
        ('juin 1998', 'Jun 1998')
        """
        return str(format_skeleton("yMMM", dt.date.fromisoformat(f"{month}-01"), locale=self._babel))

    @cached_property
    def _babel(self) -> Locale:
        return _parse(self.locale)


def _parse(locale: str) -> Locale:
    return Locale.parse(locale.replace("-", "_"))


def _digits(pattern: str, decimals: int) -> str:
    """Return a pattern with so many decimals."""
    return f"{pattern}.{'0' * decimals}" if decimals else pattern
