"""The data dictionary: every column of every table, with its unit and meaning."""

from collections.abc import Sequence

import pandas as pd

from ..language import Language
from .columns import CUSTOMERS, MONEY, SHARE, TABLES, TEXT, TOP


def tabulate_dictionary(tiers: Sequence[str], segments: Sequence[str], language: Language) -> pd.DataFrame:
    """Tabulate every column of every table in a language; money has the unit of the log."""
    rows = []
    for table, columns in TABLES.items():
        rows += [(table, column.name, column.unit, meaning_of(table, column.name, language)) for column in columns]
        if columns is CUSTOMERS:
            top = "dictionary.customers.p_top"
            rows += [(table, TOP.format(tier), SHARE, language.text(top, tier=tier)) for tier in tiers]
            rows += [(table, name, TEXT, language.text("dictionary.customers.segment")) for name in segments]
    units = {unit: language.text(f"units.{unit}") for unit in {row[2] for row in rows}}
    units[MONEY] = language.currency or units[MONEY]
    rows = [(table, name, units[unit], meaning) for table, name, unit, meaning in rows]
    return pd.DataFrame(rows, columns=["table", "column", "unit", "meaning"])


def meaning_of(table: str, column: str, language: Language) -> str:
    """Return the meaning of a column: that of its table, or that of the customers' column of the same name."""
    own = f"dictionary.{table.partition('.')[0]}.{column}"
    return language.text(own if language.has(own) else f"dictionary.customers.{column}")
