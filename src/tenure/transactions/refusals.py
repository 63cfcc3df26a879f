"""Raise errors for rows and customers of a purchase log that cannot be used."""

from __future__ import annotations

from typing import Any

from . import rules
from .fault import SHOWN, TransactionsError, describe
from .source import FILE, ROW, Source
from .tables import Tables


def refuse_faults(source: Source, log_rows: rules.Rows, facts: dict[str, Any], owners: Any | None) -> None:
    """Raise TransactionsError for used rows that cannot be read."""
    if not facts["rows"]:
        raise TransactionsError(source.name, "has no rows.")
    wrong = [at for at in range(len(log_rows.faults)) if facts[f"fault_{at}"]]
    if not wrong:
        return
    placed = rules.judge(source.numbered, source.settings, owners=owners).table
    used = placed.filter(placed["tenure_fate"] == len(log_rows.fates) - 1)
    messages = []
    for at in wrong:
        fault = log_rows.faults[at]
        rows = used.filter(used[f"tenure_fault_{at}"]).order_by([FILE, ROW, fault.column]).limit(SHOWN)
        value = rows[fault.column]
        # Python has no days beyond the year 9999: show text.
        shown = value.cast("string") if value.type().is_temporal() else value
        first = rows.select(file=rows[FILE], row=rows[ROW], value=shown).to_pyarrow().to_pylist()
        places = [(source.place(row["file"], row["row"]), row["value"]) for row in first]
        messages.append(describe(fault, facts[f"fault_{at}"], facts["rows"], places))
    raise TransactionsError(source.name, *messages)


def refuse_acquisitions(source: Source, tables: Tables) -> None:
    """Raise TransactionsError for customers with different dates of acquisition, or one after their first sale."""
    wrong = tables.contradictions()
    if wrong is None:
        return
    messages = []
    for is_wrong, what in (
        ("is_twice", "more than one date of acquisition"),
        ("is_late", "a date of acquisition after their first sale"),
    ):
        customers = wrong.filter(wrong[is_wrong])
        number = int(customers.count().to_pyarrow().as_py())
        if number:
            first = customers.order_by("customer_id").limit(SHOWN)["customer_id"].to_list()
            shown = ", ".join(map(repr, first))
            messages.append(
                f"{number:,} {'customer has' if number == 1 else 'customers have'} {what} (first: {shown})."
                " transactions.columns.acquired is one day per customer, of the first purchase ever."
            )
    if messages:
        raise TransactionsError(source.name, *messages)
