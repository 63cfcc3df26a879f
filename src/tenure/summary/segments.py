"""The values of segments as text: 7 and '7' are one segment, and a missing value is `(none)`, as in a purchase log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .faults import SummaryError
from .ids import is_null

MISSING = "(none)"
JOINED = " / "  # between the values of several columns, where a segment is shown


def require_segments(columns: Sequence[Any], names: Sequence[str]) -> None:
    """Raise SummaryError for segments that are not among the columns of a table, all of them by name."""
    lost = [name for name in names if name not in columns]
    if lost:
        which = f"the {'column' if len(lost) == 1 else 'columns'} {', '.join(map(repr, lost))}"
        raise SummaryError(
            f"The model has segments by {', '.join(map(repr, names))}, and the customers lack {which}. They have "
            f"{', '.join(map(str, columns))}. Give each customer's value as it was at the first purchase, or empty "
            "values for the forecast of a new segment."
        )


def segment_codes(
    frame: pd.DataFrame, names: Sequence[str], values: Sequence[tuple[str, ...]]
) -> npt.NDArray[np.int64]:
    """Return each customer's place among segments; those that are not among them get the place after the last."""
    require_segments(list(frame.columns), names)
    place = {value: at for at, value in enumerate(values)}
    codes, rows = _distinct(frame, names)
    return np.array([place.get(row, len(values)) for row in rows], np.int64)[codes]


def distinct_segments(frame: pd.DataFrame, names: Sequence[str]) -> tuple[list[tuple[str, ...]], npt.NDArray[np.int64]]:
    """Return the segments of customers in alphabetic order, and each customer's place among them."""
    require_segments(list(frame.columns), names)
    codes, rows = _distinct(frame, names)
    ordered = sorted(set(rows))
    place = {value: at for at, value in enumerate(ordered)}
    return ordered, np.array([place[row] for row in rows], np.int64)[codes]


def _distinct(frame: pd.DataFrame, names: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[tuple[str, ...]]]:
    """Return a code for each row, and the texts of each code; two codes may have the same texts, as 7 and '7' do."""
    places, texts = [], list[list[str]]()
    for name in names:
        codes, values = pd.factorize(frame[name], use_na_sentinel=False)
        places.append(np.asarray(codes, np.int64))
        texts.append([as_text(value) for value in values])
    rows, inverse = np.unique(np.stack(places), axis=1, return_inverse=True)
    return np.ravel(inverse), [tuple(text[at] for text, at in zip(texts, row, strict=True)) for row in rows.T.tolist()]


def as_text(value: Any) -> str:
    """Return a segment's value as text, as a database casts it.

    >>> as_text(7), as_text(7.0), as_text(None), as_text(True)
    ('7', '7', '(none)', 'true')
    """
    if is_null(value):
        return MISSING
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)
