"""What the answers of the page of decisions share: formats, intervals, tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tenure.decide import Decisions

from .numbers import Numbers
from .tables import Cell, Table


class AnswerParts:
    """The texts and formats of a page, for a family of questions.

    Args:
        decisions: the tables and sums.
        numbers: the formats.
    """

    def __init__(self, decisions: Decisions, numbers: Numbers) -> None:
        self.decisions, self.numbers = decisions, numbers
        self.params, self.settings = decisions.question.params, decisions.question.settings
        self.text, self.money, self.percent, self.count = numbers.text, numbers.money, numbers.percent, numbers.number
        self.days = self.count(self.params.horizon_days)

    def ends(self, futures: Any) -> tuple[float, float]:
        """Return the interval of joint futures."""
        ordered, (low, high) = np.sort(futures), self.decisions.question.ranks
        return float(ordered[low]), float(ordered[high])

    def table(self, frame: pd.DataFrame, caption: str, columns: Mapping[str, Any]) -> Table:
        """Return a table.

        Args:
            frame: the rows.
            caption: what to look for.
            columns: by the key of the title in the section `columns` of the catalogue, or by the title itself: a format
                and the columns of the frame that it takes, or only the format of the column of the same name.
        """
        formats = [(one, title) if isinstance(one, str) else one for title, one in columns.items()]
        rows = [[self._cell(row, *one) for one in formats] for row in frame.to_dict("records")]
        return Table(caption, [self._title(title) for title in columns], rows)

    def _cell(self, row: Mapping[Any, Any], kind: str, *names: str) -> Cell:
        if kind == "name":
            return Cell(self.numbers.name(names[0], row[names[0]]))
        cell: Cell = getattr(self.numbers, f"{kind}_cell")(*(row[name] for name in names))
        return cell

    def _title(self, title: str) -> str:
        key = f"columns.{title}"
        return self.text(key) if self.numbers.has(key) else title
