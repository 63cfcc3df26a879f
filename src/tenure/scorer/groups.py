"""Group customers by passthrough columns, and cut groups into blocks of rows."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .params import ScoreError

GROUPS = 1000
BLOCK = 128  # rows that a thread scores at a time; totals are sums of blocks in order, so threads change no bit


def refuse_groups(by: Sequence[str], count: int) -> None:
    """Raise ScoreError for more groups than `GROUPS`: each has as many numbers as there are draws."""
    if count > GROUPS:
        raise ScoreError(f"Totals are by {', '.join(by)}, which make {count:,} groups; the most is {GROUPS:,}.")


def group(customers: pd.DataFrame, by: Sequence[str]) -> tuple[list[tuple[Any, ...]], NDArray[np.int64]]:
    """Return the distinct values of columns, in order, and each customer's place among them; one group without columns.

    Raises ScoreError for a column that is not there, and for more than `GROUPS` groups.
    """
    if not by:
        return [()], np.zeros(len(customers), np.int64)
    lost = [name for name in by if name not in customers.columns]
    if lost:
        there = ", ".join(map(str, customers.columns))
        raise ScoreError(f"Totals are by {', '.join(lost)}, which the customers do not have. They have {there}.")
    grouped = customers.groupby(list(by), sort=True, dropna=False)
    refuse_groups(by, grouped.ngroups)
    codes = np.asarray(grouped.ngroup(), np.int64)
    _, firsts = np.unique(codes, return_index=True)
    return [tuple(_value(customers[name].iloc[at]) for name in by) for at in map(int, firsts)], codes


def _value(value: Any) -> Any:
    """Return a value of a group; a missing one is always the same object, so that parts have it in common."""
    return np.nan if pd.isna(value) else value


def blocks(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Split the rows, which come sorted by group, into blocks of one group each."""
    ends = np.cumsum(np.bincount(codes)) if codes.size else np.zeros(0, np.int64)
    return [
        (at, min(at + BLOCK, end)) for start, end in pairwise([0, *map(int, ends)]) for at in range(start, end, BLOCK)
    ]
