"""The data dictionary: every column of every table, with its unit. The catalogues of `language` have the meanings."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from ..language import Language


class Column(NamedTuple):
    """A column of a table; its meaning is in the section of the table in the catalogues, or in that of customers."""

    name: str
    unit: str


MONEY, SHARE, DAYS, COUNT, TEXT, DATE = "money", "share", "days", "count", "text", "date"
FLAG, RATIO, NUMBER = "flag", "ratio", "number"
CUSTOMERS: Sequence[Column] = (
    Column("customer_id", TEXT),
    Column("first_purchase", DATE),
    Column("last_purchase", DATE),
    Column("orders", COUNT),
    Column("historic_spend", MONEY),
    Column("historic_margin", MONEY),
    Column("clv", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
    Column("clv_mean_low", MONEY),
    Column("clv_mean_high", MONEY),
    Column("lifetime_margin", MONEY),
    Column("lifetime_margin_low", MONEY),
    Column("lifetime_margin_high", MONEY),
    Column("acquisition_cost", MONEY),
    Column("net_margin", MONEY),
    Column("textbook_margin", MONEY),
    Column("p_alive", SHARE),
    Column("p_purchase", SHARE),
    Column("expected_purchases", COUNT),
    Column("expected_spend_ahead", MONEY),
    Column("recent_spend", MONEY),
    Column("p_0_purchases", SHARE),
    Column("p_1_purchases", SHARE),
    Column("p_2_purchases", SHARE),
    Column("p_3_or_more_purchases", SHARE),
    Column("p_doubling", SHARE),
    Column("p_purchase_30", SHARE),
    Column("p_purchase_90", SHARE),
    Column("p_purchase_365", SHARE),
    Column("p_alive_30", SHARE),
    Column("p_alive_90", SHARE),
    Column("p_alive_365", SHARE),
    Column("stage", TEXT),
    Column("stage_before", TEXT),
    Column("disagrees", FLAG),
    Column("next_order_median_days", DAYS),
    Column("next_order_low_days", DAYS),
    Column("next_order_high_days", DAYS),
    Column("overdue_after_days", DAYS),
    Column("is_overdue", FLAG),
    Column("alive_until", DATE),
    Column("tier", TEXT),
    Column("margin_if_purchase", MONEY),
    Column("highest_offer", MONEY),
    Column("break_even_lift", SHARE),
    Column("offer_gain", MONEY),
    Column("offer_cost", MONEY),
    Column("observed_rate", SHARE),
)
TOP = "p_top_{}"
TIERS: Sequence[Column] = (
    Column("tier", TEXT),
    Column("customers", COUNT),
    Column("share_of_customers", SHARE),
    Column("historic_spend", MONEY),
    Column("share_of_spend", SHARE),
    Column("clv", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
    Column("share_of_clv", SHARE),
    Column("from_clv", MONEY),
    Column("from_clv_low", MONEY),
    Column("from_clv_high", MONEY),
    Column("expected_hits", SHARE),
)
STAGES: Sequence[Column] = (
    Column("stage", TEXT),
    Column("customers", COUNT),
    Column("share_of_customers", SHARE),
    Column("historic_spend", MONEY),
    Column("clv", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
    Column("expected_alive", COUNT),
    Column("expected_buyers", COUNT),
    Column("overdue", COUNT),
    Column("disagree", COUNT),
    Column("highest_offer", MONEY),
    Column("from_none", COUNT),
    Column("from_new", COUNT),
    Column("from_active", COUNT),
    Column("from_inactive", COUNT),
    Column("from_dormant", COUNT),
)
COHORTS: Sequence[Column] = (
    Column("cohort", TEXT),
    Column("customers", COUNT),
    Column("second_purchase_rate", SHARE),
    Column("never_returned", SHARE),
    Column("expected_never_returned", SHARE),
    Column("never_returned_low", SHARE),
    Column("never_returned_high", SHARE),
    Column("historic_spend", MONEY),
    Column("spend_30", MONEY),
    Column("spend_90", MONEY),
    Column("spend_365", MONEY),
    Column("clv", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
)
ACQUISITION: Sequence[Column] = (
    Column("channel", TEXT),
    Column("horizon_days", DAYS),
    Column("population", TEXT),
    Column("customers", COUNT),
    Column("second_purchase_rate", SHARE),
    Column("first_order", MONEY),
    Column("spend_365", MONEY),
    Column("returned_share", SHARE),
    Column("clv", MONEY),
    Column("clv_mean_low", MONEY),
    Column("clv_mean_high", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
    Column("ceiling", MONEY),
    Column("ceiling_low", MONEY),
    Column("acquisition_cost", MONEY),
    Column("clv_to_cost", RATIO),
    Column("p_mean_above_cost", SHARE),
    Column("p_customer_repays", SHARE),
    Column("payback_days", DAYS),
    Column("payback_low", DAYS),
    Column("payback_high", DAYS),
    Column("p_payback_within", SHARE),
)
RETURNS: Sequence[Column] = (
    Column("segment", TEXT),
    Column("value", TEXT),
    Column("customers", COUNT),
    Column("sold", MONEY),
    Column("returned", MONEY),
    Column("returned_share", SHARE),
    Column("lost_margin", MONEY),
    Column("clv", MONEY),
    Column("lost_clv", MONEY),
    Column("lost_clv_low", MONEY),
    Column("lost_clv_high", MONEY),
)
_LISTED = (
    Column("rank", COUNT),
    Column("customer_id", TEXT),
    Column("stage", TEXT),
    Column("last_purchase", DATE),
    Column("historic_spend", MONEY),
)
_OFFER = (
    Column("p_purchase", SHARE),
    Column("margin_if_purchase", MONEY),
    Column("lift", SHARE),
    Column("highest_offer", MONEY),
    Column("break_even_lift", SHARE),
    Column("offer_gain", MONEY),
    Column("offer_cost", MONEY),
)
WIN_BACK: Sequence[Column] = (
    *_LISTED,
    *_OFFER,
    Column("is_selected", FLAG),
    Column("observed_rate", SHARE),
)
KEEP: Sequence[Column] = (
    *_LISTED,
    Column("is_overdue", FLAG),
    Column("p_alive_365", SHARE),
    Column("clv", MONEY),
    *_OFFER,
    Column("observed_rate", SHARE),
)
DISAGREEMENTS: Sequence[Column] = (
    Column("customer_id", TEXT),
    Column("stage", TEXT),
    Column("first_purchase", DATE),
    Column("last_purchase", DATE),
    Column("orders", COUNT),
    Column("historic_spend", MONEY),
    Column("is_overdue", FLAG),
    Column("p_alive", SHARE),
    Column("p_purchase", SHARE),
    Column("clv", MONEY),
)
FORECAST: Sequence[Column] = (
    Column("month", TEXT),
    Column("first_day", DATE),
    Column("last_day", DATE),
    Column("is_forecast", FLAG),
    Column("customers", TEXT),
    Column("new_customers", COUNT),
    Column("purchases", COUNT),
    Column("purchases_low_50", COUNT),
    Column("purchases_high_50", COUNT),
    Column("purchases_low_90", COUNT),
    Column("purchases_high_90", COUNT),
    Column("revenue", MONEY),
    Column("revenue_low_50", MONEY),
    Column("revenue_high_50", MONEY),
    Column("revenue_low_90", MONEY),
    Column("revenue_high_90", MONEY),
    Column("discounted_margin", MONEY),
    Column("discounted_margin_low_50", MONEY),
    Column("discounted_margin_high_50", MONEY),
    Column("discounted_margin_low_90", MONEY),
    Column("discounted_margin_high_90", MONEY),
)
RETENTION: Sequence[Column] = (
    Column("cohort", TEXT),
    Column("month", TEXT),
    Column("age", COUNT),
    Column("status", TEXT),
    Column("customers", COUNT),
    Column("retention", SHARE),
    Column("retention_low", SHARE),
    Column("retention_high", SHARE),
    Column("purchases", COUNT),
    Column("purchases_low", COUNT),
    Column("purchases_high", COUNT),
    Column("revenue", MONEY),
    Column("revenue_low", MONEY),
    Column("revenue_high", MONEY),
)
CHURN: Sequence[Column] = (
    Column("date", DATE),
    Column("window_days", DAYS),
    Column("is_expected", FLAG),
    Column("customers", COUNT),
    Column("churn", SHARE),
    Column("churn_low", SHARE),
    Column("churn_high", SHARE),
)
EQUITY: Sequence[Column] = (
    Column("group", TEXT),
    Column("value", TEXT),
    Column("horizon_days", DAYS),
    Column("discount_rate", SHARE),
    Column("margin", SHARE),
    Column("customers", COUNT),
    Column("clv", MONEY),
    Column("clv_low", MONEY),
    Column("clv_high", MONEY),
    Column("adjusted_low", MONEY),
    Column("adjusted_high", MONEY),
    Column("acquisition_cost", MONEY),
    Column("net_margin", MONEY),
    Column("tested_share", SHARE),
    Column("extrapolated_share", SHARE),
)
PAST_FORECASTS: Sequence[Column] = (
    Column("origin", DATE),
    Column("month", TEXT),
    Column("outcome", TEXT),
    Column("actual", NUMBER),
    Column("expected", NUMBER),
    Column("low_50", NUMBER),
    Column("high_50", NUMBER),
    Column("low_90", NUMBER),
    Column("high_90", NUMBER),
    Column("covers_50", FLAG),
    Column("covers_90", FLAG),
)
TABLES = {
    "customers.parquet": CUSTOMERS, "tiers.csv": TIERS, "stages.csv": STAGES, "cohorts.csv": COHORTS,
    "acquisition.csv": ACQUISITION, "returns.csv": RETURNS, "win_back.csv": WIN_BACK, "keep.csv": KEEP,
    "disagreements.csv": DISAGREEMENTS, "forecast.csv": FORECAST, "retention.csv": RETENTION, "churn.csv": CHURN,
    "equity.csv": EQUITY, "past_forecasts.csv": PAST_FORECASTS,
}  # fmt: skip


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
