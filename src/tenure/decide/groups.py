"""Sums of customers by tier, stage, cohort or segment: money in one number each, the future by draw."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .futures import Floats


class GroupSums:
    """Sums by group, over as many parts as there are.

    Args:
        draws: of the futures.
        names: of the columns that are summed.
    """

    def __init__(self, draws: int, names: Sequence[str]) -> None:
        self.draws, self.names = draws, tuple(names)
        self.sums: dict[Any, dict[str, float]] = {}
        self.futures: dict[Any, Floats] = {}

    def add(self, groups: Any, columns: Mapping[str, Any]) -> None:
        """Add the customers of a part to their groups; `customers` are counted."""
        frame = pd.DataFrame({name: np.nan_to_num(np.asarray(columns[name], np.float64)) for name in self.names})
        totals = frame.assign(customers=1.0).groupby(pd.Series(groups, index=frame.index), sort=False).sum()
        for group, row in totals.iterrows():
            sums = self.sums.setdefault(group, dict.fromkeys(totals.columns, 0.0))
            for name, value in row.items():
                sums[str(name)] += float(value)

    def add_futures(self, groups: Any, outcomes: Any) -> None:
        """Add the outcomes of a block, shape (customers, draws), to the groups of its customers."""
        codes, names = pd.factorize(pd.Series(groups, dtype=object))
        for code, name in enumerate(names):
            total = self.futures.setdefault(name, np.zeros(self.draws))
            total += outcomes[codes == code].sum(axis=0)

    def table(self, key: str, order: Sequence[Any] | None = None) -> pd.DataFrame:
        """Tabulate the sums, a row for each group; groups of `order` are all there, in that order."""
        groups = sorted(self.sums) if order is None else list(order)
        empty = dict.fromkeys((*self.names, "customers"), 0.0)
        rows = [{key: group, **self.sums.get(group, empty)} for group in groups]
        table = pd.DataFrame(rows, columns=[key, "customers", *self.names])
        return table.astype({"customers": "int64"})

    def interval(self, groups: Sequence[Any], low: int, high: int) -> tuple[Floats, Floats]:
        """Return the order statistics of each group's future, which has a rank from 0."""
        none = np.zeros(self.draws)
        ordered = [np.sort(self.futures.get(group, none)) for group in groups]
        return np.array([one[low] for one in ordered]), np.array([one[high] for one in ordered])
