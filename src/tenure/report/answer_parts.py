"""What the answers of the page of decisions share: formats, intervals, tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tenure.decide import Decisions

from .numbers import Numbers
from .tables import Cell, Table


class AnswerParts:
    """The formats of a page, for a family of questions.

    Args:
        decisions: the tables and sums.
        numbers: the formats.
    """

    def __init__(self, decisions: Decisions, numbers: Numbers) -> None:
        self.decisions, self.numbers = decisions, numbers
        self.params, self.settings = decisions.question.params, decisions.question.settings
        self.money, self.percent, self.count = numbers.money, numbers.percent, numbers.number
        self.days = self.count(self.params.horizon_days)

    def ends(self, futures: Any) -> tuple[float, float]:
        """Return the interval of joint futures."""
        ordered, (low, high) = np.sort(futures), self.decisions.question.ranks
        return float(ordered[low]), float(ordered[high])

    def table(self, frame: pd.DataFrame, caption: str, columns: Mapping[str, Any]) -> Table:
        """Return a table: by title the name of a column of texts, or a format and the columns that it takes."""
        rows = []
        for row in frame.to_dict("records"):
            cells = []
            for column in columns.values():
                kind, *names = ("text", column) if isinstance(column, str) else column
                values = [row[name] for name in names]
                cells.append(Cell(str(values[0])) if kind == "text" else getattr(self.numbers, f"{kind}_cell")(*values))
            rows.append(cells)
        return Table(caption, tuple(columns), rows)
