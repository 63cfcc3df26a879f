"""Check that the pattern of cancellations fits the order ids of the log."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from . import rules

if TYPE_CHECKING:
    from .source import Source

LEAST_SHARE = 0.05  # of the orders that cancellations name, in the log
log = logging.getLogger("tenure")


def check_cancellations(source: Source, log_rows: rules.Rows) -> None:
    """Log a warning where the pattern matches no order id, or names orders of which nearly none is in the log."""
    settings = source.settings
    if settings.cancellations is None:
        return
    table = log_rows.table
    is_match = rules.is_cancellation(table["tenure_order_id"], settings)
    matched = table.filter(is_match).select(own="tenure_order_id", named="tenure_gives_back").distinct()
    number, example = _first(matched)
    start = f"{source.name}: transactions.cancellations={settings.cancellations!r} seems wrong:"
    if example is None:
        _, other = _first(table.filter(~is_match).select(own="tenure_order_id", named="tenure_order_id").distinct())
        shown = "none" if other is None else repr(other["own"])
        log.warning("%s it matches no order id of the log (an order id there: %s).", start, shown)
        return
    if not re.compile(settings.cancellations).groups:
        return  # it names no other order, and meets the customer's latest sales
    there = table.filter(~is_match).select(named="tenure_order_id")
    present = int(matched.semi_join(there, "named").count().to_pyarrow().as_py())
    if present < LEAST_SHARE * number:
        there_are = "none is" if not present else "1 is" if present == 1 else f"{present:,} are"
        log.warning(
            "%s it matches %s order ids, and of the orders that its group names %s in the log (%r names %r). They are"
            " netted against the customers' latest sales. If a cancellation has a number of its own, leave out the"
            " group.",
            start, f"{number:,}", there_are, example["own"], example["named"],
        )  # fmt: skip


def _first(table: Any) -> tuple[int, dict[str, Any] | None]:
    """Count the rows with an order id, and return the first of them in order."""
    rows = table.filter(table["own"].notnull())
    first = rows.order_by("own").limit(1).to_pyarrow().to_pylist()
    return int(rows.count().to_pyarrow().as_py()), first[0] if first else None
