"""What returned goods cost: the share of sales that was refunded, and the margin that it takes off, by segment."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from .columns import RETURNS
from .futures import Floats
from .groups import GroupSums
from .segments import ALL

MOST_VALUES = 100  # of a segment: one with more is no segment, but a mark of single customers


class ReturnSums:
    """Sales, refunds and clv by segment; a segment with more than `MOST_VALUES` values is left out.

    Args:
        draws: of the futures.
        segments: names of the log's segments.
    """

    def __init__(self, draws: int, segments: Sequence[str]) -> None:
        self.sums = {name: GroupSums(draws, ("sold", "returned", "clv")) for name in (ALL, *segments)}

    def add(self, part: pd.DataFrame, clv: pd.Series) -> None:
        """Add the customers of a part."""
        for name, values in self._values(part):
            self.sums[name].add(values, {"sold": part["sold"], "returned": part["returned"], "clv": clv})

    def add_futures(self, part: pd.DataFrame, outcomes: Floats) -> None:
        """Add the outcomes of some customers, shape (customers, draws)."""
        for name, values in self._values(part):
            self.sums[name].add_futures(values, outcomes)
            if len(self.sums[name].futures) > MOST_VALUES:
                del self.sums[name]

    def table(self, margin: float, low: int, high: int) -> pd.DataFrame:
        """Tabulate the segments; `low` and `high` are the ranks of the ends of an interval over the futures.

        The same share of future sales is returned, and is in no clv: before returns, clv is larger by share / (1 -
        share) of itself.
        """
        tables = []
        for name, sums in self.sums.items():
            table = sums.table("value").assign(segment=name)
            share = (table["returned"] / table["sold"].where(table["sold"] > 0)).fillna(0.0)
            lost = share / (1.0 - share)
            ends = sums.interval(list(table["value"]), low, high)
            tables.append(
                table.assign(
                    returned_share=share,
                    lost_margin=margin * table["returned"],
                    lost_clv=lost * table["clv"],
                    lost_clv_low=lost * ends[0],
                    lost_clv_high=lost * ends[1],
                )
            )
        return pd.concat(tables, ignore_index=True)[[column.name for column in RETURNS]]

    def _values(self, part: pd.DataFrame) -> Iterator[tuple[str, np.ndarray[tuple[int], np.dtype[np.object_]]]]:
        """Yield each segment with the values of some customers."""
        for name in list(self.sums):
            values = np.full(len(part), ALL, object)
            if name != ALL:
                values = part[name].astype(str).to_numpy(object)
            yield name, values
