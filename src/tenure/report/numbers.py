"""Cells of the page of decisions, in its locale."""

from typing import Any

import pandas as pd

from tenure.language import Language

from .tables import NONE, Cell


class Numbers(Language):
    """The formats of a page, of cells too."""

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

    def day_cell(self, value: Any) -> Cell:
        """Return a cell with a day."""
        return Cell(self.day(value))

    def month_cell(self, value: str) -> Cell:
        """Return a cell with a month."""
        return Cell(self.month(value))
