"""Numbers as people of a country write them, with the shop's currency."""

from dataclasses import dataclass

import pandas as pd

from tenure.settings import SEPARATORS

from .tables import NONE, Cell

SPACE = "\u00a0"


@dataclass(frozen=True)
class Numbers:
    """The formats of a page.

    Args:
        locale: one of the settings' `SEPARATORS`.
        currency: symbol or code of money; None: none.
    """

    locale: str = "en"
    currency: str | None = None

    def number(self, value: float, decimals: int = 0) -> str:
        """Format a number.

        >>> Numbers("de").number(1234.5, 1), Numbers("en").number(-1234.5, 1)
        ('1.234,5', '-1,234.5')
        """
        thousands, point = SEPARATORS[self.locale]
        text = f"{value:,.{decimals}f}"
        return text.replace(",", "\0").replace(".", point).replace("\0", thousands)

    def money(self, value: float) -> str:
        r"""Format an amount: without decimals from 100 on.

        >>> Numbers("fr", "€").money(12.5), Numbers("en", "$").money(1234.4), Numbers("en").money(0.5)
        ('12,50\xa0€', '$1,234', '0.50')
        """
        if pd.isna(value):
            return NONE
        text = self.number(value, 0 if abs(value) >= 100 else 2)
        if self.currency is None:
            return text
        if self.locale == "en" and not self.currency.isalpha():
            return f"-{self.currency}{text[1:]}" if text.startswith("-") else f"{self.currency}{text}"
        return f"{self.currency}{SPACE}{text}" if self.locale == "en" else f"{text}{SPACE}{self.currency}"

    def percent(self, value: float, decimals: int = 0) -> str:
        r"""Format a share as a percentage.

        >>> Numbers("en").percent(0.256), Numbers("de").percent(0.256, 1)
        ('26%', '25,6\xa0%')
        """
        if pd.isna(value):
            return NONE
        return f"{self.number(100 * value, decimals)}{'' if self.locale == 'en' else SPACE}%"

    def span(self, low: float, high: float) -> str:
        """Format an interval of money."""
        return f"{self.money(low)} to {self.money(high)}"

    def count_cell(self, value: float) -> Cell:
        """Return a cell with a number without decimals."""
        return Cell(NONE) if pd.isna(value) else Cell(self.number(value), float(value))

    def money_cell(self, value: float) -> Cell:
        """Return a cell with an amount."""
        return Cell(NONE) if pd.isna(value) else Cell(self.money(value), float(value))

    def percent_cell(self, value: float) -> Cell:
        """Return a cell with a percentage."""
        return Cell(NONE) if pd.isna(value) else Cell(self.percent(value, 1), float(value))

    def ratio_cell(self, value: float) -> Cell:
        """Return a cell with a ratio."""
        return Cell(NONE) if pd.isna(value) else Cell(self.number(value, 1), float(value))

    def span_cell(self, low: float, high: float) -> Cell:
        """Return a cell with an interval of money."""
        return Cell(NONE) if pd.isna(low) else Cell(self.span(low, high), float(low))
