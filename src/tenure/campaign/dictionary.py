"""The columns of a campaign's tables, with their units; the catalogues of `language` have the meanings."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ..language import Language

MONEY, SHARE, COUNT, TEXT, NUMBER = "money", "share", "count", "text", "number"
# An effect on purchases is a number of purchases, on the other outcomes money.
UNITS = {
    **dict.fromkeys(("arm", "outcome", "segment", "value", "source", "customer_id"), TEXT),
    **dict.fromkeys(("customers", "control_customers", "customers_for_tenth", "purchases", "expected_purchases",
                     "before_purchases"), COUNT),
    **dict.fromkeys(("share", "planned_share", "relative", "relative_low", "relative_high", "p_value", "p_holm",
                     "p_differs", "p_alike", "variance_saved", "largest_share", "return_on_cost", "return_low",
                     "return_high", "observed_change", "expected_change", "smallest_relative"), SHARE),
    **dict.fromkeys(("cost", "spend", "expected_spend", "before_spend", "after_spend", "margin", "expected_margin",
                     "net"), MONEY),
}  # fmt: skip


def tabulate_columns(
    tables: Mapping[str, pd.DataFrame], kind: str, segments: Sequence[str], language: Language
) -> pd.DataFrame:
    """Tabulate the columns of tables, with units and meanings in a language."""
    rows = []
    for table, frame in tables.items():
        for name in frame.columns:
            unit = language.text(f"units.{UNITS.get(name, NUMBER)}")
            if UNITS.get(name) == MONEY:
                unit = language.currency or unit
            is_segment = name in segments
            meaning = language.text(f"campaign.columns.{'segment_column' if is_segment else name}")
            rows.append((table, name, language.text("units.text") if is_segment else unit, meaning))
    return pd.DataFrame(rows, columns=["table", "column", "unit", "meaning"])
