"""The data dictionary: every column of every table, with its unit and meaning."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd


class Column(NamedTuple):
    """A column of a table."""

    name: str
    unit: str
    meaning: str


MONEY, SHARE, DAYS, COUNT, TEXT, DATE = "money", "probability or share", "days", "count", "text", "date"

CUSTOMERS: Sequence[Column] = (
    Column("customer_id", TEXT, "the id as in the log"),
    Column("first_purchase", DATE, "day of the first purchase in the log"),
    Column("last_purchase", DATE, "day of the last purchase"),
    Column("orders", COUNT, "purchase days, the first one included"),
    Column("historic_spend", MONEY, "spend so far, net of refunds"),
    Column("historic_margin", MONEY, "margin x historic_spend"),
    Column("clv", MONEY, "expected discounted margin over the horizon"),
    Column("clv_low", MONEY, "lower end of the predictive interval: what one such customer brings"),
    Column("clv_high", MONEY, "upper end of the predictive interval"),
    Column("clv_mean_low", MONEY, "lower end of the credible interval of the mean over many such customers"),
    Column("clv_mean_high", MONEY, "upper end of the credible interval of that mean"),
    Column("lifetime_margin", MONEY, "historic_margin + clv: from the first day to the end of the horizon"),
    Column("lifetime_margin_low", MONEY, "historic_margin + clv_low"),
    Column("lifetime_margin_high", MONEY, "historic_margin + clv_high"),
    Column("acquisition_cost", MONEY, "cost of the customer's acquisition; empty where none is given"),
    Column("net_margin", MONEY, "lifetime_margin - acquisition_cost"),
    Column("textbook_margin", MONEY, "margin x average order x orders a year x lifespan, of the textbook"),
    Column("p_alive", SHARE, "probability of still being a customer"),
    Column("p_purchase", SHARE, "probability of a purchase in the horizon"),
    Column("expected_purchases", COUNT, "expected purchases in the horizon"),
    Column("expected_spend_ahead", MONEY, "expected spend in the horizon, undiscounted"),
    Column("recent_spend", MONEY, "spend in as many days before; empty for customers observed for less"),
    Column("p_0_purchases", SHARE, "share of the simulated futures without a purchase"),
    Column("p_1_purchases", SHARE, "share with one purchase"),
    Column("p_2_purchases", SHARE, "share with two purchases"),
    Column("p_3_or_more_purchases", SHARE, "share with three or more"),
    Column("p_doubling", SHARE, "probability of spending at least twice recent_spend; empty where that is 0 or empty"),
    Column("p_purchase_30", SHARE, "probability of a purchase within 30 days"),
    Column("p_purchase_90", SHARE, "probability of a purchase within 90 days"),
    Column("p_purchase_365", SHARE, "probability of a purchase within 365 days"),
    Column("p_alive_30", SHARE, "probability of still being a customer in 30 days, whatever is bought until then"),
    Column("p_alive_90", SHARE, "the same in 90 days"),
    Column("p_alive_365", SHARE, "the same in 365 days"),
    Column("stage", TEXT, "new, active, inactive or dormant, by the dates of purchases"),
    Column("stage_before", TEXT, "the stage on the earlier day; none before the first purchase"),
    Column("disagrees", "true or false", "whether stage and p_purchase contradict each other"),
    Column("next_order_median_days", DAYS, "median day of the next order, if it comes within the horizon; empty where"
           " p_purchase is below a half: not expected"),
    Column("next_order_low_days", DAYS, "lower end of its 80% interval"),
    Column("next_order_high_days", DAYS, "upper end of its 80% interval"),
    Column("overdue_after_days", DAYS, "silence after which a next order within the horizon was due, as predicted at"
           " the last purchase"),
    Column("is_overdue", "true or false", "whether the silence is longer than that"),
    Column("alive_until", DATE, "day on which p_alive falls below the level if silence goes on; empty where it does not"
           " within ten years"),
    Column("tier", TEXT, "the customer's place by clv: a tier of decide.tiers, or rest"),
    Column("margin_if_purchase", MONEY, "clv / p_purchase: expected margin of a customer who buys"),
    Column("highest_offer", MONEY, "the most that an offer with the lift may cost without a loss"),
    Column("break_even_lift", SHARE, "the lift at which the offer pays; empty where none does"),
    Column("offer_gain", MONEY, "expected gain of the offer; empty where the backtest was wrong"),
    Column("offer_cost", MONEY, "expected cost of the offer"),
    Column("observed_rate", SHARE, "share that bought in the backtest, where p_purchase was wrong there; else empty"),
)  # fmt: skip
TOP = "p_top_{}"
TIERS: Sequence[Column] = (
    Column("tier", TEXT, "tier of decide.tiers, or rest"),
    Column("customers", COUNT, "customers in the tier"),
    Column("share_of_customers", SHARE, "their share of all customers"),
    Column("historic_spend", MONEY, "their spend so far"),
    Column("share_of_spend", SHARE, "its share of all spend so far"),
    Column("clv", MONEY, "sum of their clv"),
    Column("clv_low", MONEY, "lower end of the predictive interval of the sum, from joint futures"),
    Column("clv_high", MONEY, "upper end"),
    Column("share_of_clv", SHARE, "share of the clv of all customers"),
    Column("from_clv", MONEY, "realised clv at the lower edge of the tier, mean over futures; empty for rest"),
    Column("from_clv_low", MONEY, "lower end of the interval of that edge over futures"),
    Column("from_clv_high", MONEY, "upper end"),
    Column(
        "expected_hits", SHARE, "share of the customers down to this tier who are expected to be so by realised clv"
    ),
)
STAGES: Sequence[Column] = (
    Column("stage", TEXT, "new, active, inactive or dormant"),
    Column("customers", COUNT, "customers in the stage"),
    Column("share_of_customers", SHARE, "their share of all customers"),
    Column("historic_spend", MONEY, "their spend so far"),
    Column("clv", MONEY, "sum of their clv"),
    Column("clv_low", MONEY, "lower end of the predictive interval of the sum, from joint futures"),
    Column("clv_high", MONEY, "upper end"),
    Column("expected_alive", COUNT, "sum of p_alive"),
    Column("expected_buyers", COUNT, "sum of p_purchase"),
    Column("overdue", COUNT, "customers whose silence is overdue"),
    Column("disagree", COUNT, "customers whose stage and p_purchase contradict each other"),
    Column("highest_offer", MONEY, "the most that an offer with the lift may cost for one of them on average"),
    *(Column(f"from_{stage}", COUNT, f"of them: {stage} on the earlier day" if stage != "none" else
             "of them: no customers yet on the earlier day")
      for stage in ("none", "new", "active", "inactive", "dormant")),
)  # fmt: skip
COHORTS: Sequence[Column] = (
    Column("cohort", TEXT, "month of the first purchase"),
    Column("customers", COUNT, "customers acquired in the month"),
    Column("second_purchase_rate", SHARE, "share that bought again so far"),
    Column("never_returned", SHARE, "share that has not"),
    Column("expected_never_returned", SHARE, "share that will not have bought again by the end of the horizon either"),
    Column("never_returned_low", SHARE, "lower end of its predictive interval, from joint futures"),
    Column("never_returned_high", SHARE, "upper end"),
    Column("historic_spend", MONEY, "spend so far"),
    Column("spend_30", MONEY, "mean spend of a customer up to 30 days after the first purchase; empty before that"),
    Column("spend_90", MONEY, "the same up to 90 days"),
    Column("spend_365", MONEY, "the same up to 365 days"),
    Column("clv", MONEY, "sum of clv"),
    Column("clv_low", MONEY, "lower end of the predictive interval of the sum, from joint futures"),
    Column("clv_high", MONEY, "upper end"),
)
ACQUISITION: Sequence[Column] = (
    Column("channel", TEXT, "acquisition channel or segment of the model; all: all customers"),
    Column("horizon_days", DAYS, "horizon from the first order on; 0: without end"),
    Column("population", TEXT, "segment of the model whose new customers these are; all: of all channels alike"),
    Column("customers", COUNT, "customers acquired through the channel so far"),
    Column("second_purchase_rate", SHARE, "share of them that bought again so far"),
    Column("first_order", MONEY, "their mean first order"),
    Column("spend_365", MONEY, "their mean spend up to 365 days after the first purchase, of those observed so long"),
    Column("returned_share", SHARE, "share of their sales that was refunded"),
    Column("clv", MONEY, "expected margin of a new customer, first order included, net of the costs to serve"),
    Column("clv_mean_low", MONEY, "lower end of the credible interval of that mean"),
    Column("clv_mean_high", MONEY, "upper end"),
    Column("clv_low", MONEY, "lower end of the predictive interval of one new customer"),
    Column("clv_high", MONEY, "upper end"),
    Column("ceiling", MONEY, "the most that a new customer may cost: clv / ratio"),
    Column("ceiling_low", MONEY, "the cautious one: clv_mean_low / ratio"),
    Column("acquisition_cost", MONEY, "what a customer of the channel costs; empty where none is given"),
    Column("clv_to_cost", "ratio", "clv / acquisition_cost"),
    Column("p_mean_above_cost", SHARE, "probability that the mean is above the cost"),
    Column("p_customer_repays", SHARE, "probability that one customer repays the cost; empty without end where orders"
           " or active days cost something and the discount rate is below 5%"),
    Column("payback_days", DAYS, "first day on which the cumulated mean margin reaches the cost, median over draws;"
           " empty: not within the longest horizon"),
    Column("payback_low", DAYS, "lower end of its interval"),
    Column("payback_high", DAYS, "upper end; empty: not within the longest horizon"),
    Column("p_payback_within", SHARE, "probability of payback within the longest horizon"),
)  # fmt: skip
WIN_BACK: Sequence[Column] = (
    Column("rank", COUNT, "place by expected gain per unit of expected cost; the customers listed apart come last"),
    Column("customer_id", TEXT, "the id as in the log"),
    Column("stage", TEXT, "inactive or dormant"),
    Column("last_purchase", DATE, "day of the last purchase"),
    Column("historic_spend", MONEY, "spend so far, net of refunds"),
    Column("p_purchase", SHARE, "probability of a purchase in the horizon without an offer: of a return"),
    Column("margin_if_purchase", MONEY, "expected margin if the customer returns"),
    Column("lift", SHARE, "what the offer adds to p_purchase"),
    Column("highest_offer", MONEY, "the most that an offer with the lift may cost without a loss"),
    Column("break_even_lift", SHARE, "the lift at which the offer pays; empty where none does"),
    Column("offer_gain", MONEY, "expected gain; empty where the backtest was wrong"),
    Column("offer_cost", MONEY, "expected cost"),
    Column("is_selected", "true or false", "whether the offer gains and the budget lasts for it"),
    Column("observed_rate", SHARE, "share that bought in the backtest where p_purchase was wrong there; else empty"),
)
_LIKE_WIN_BACK = {column.name: column for column in WIN_BACK}
_LIKE_CUSTOMERS = {column.name: column for column in CUSTOMERS}
KEEP: Sequence[Column] = (
    _LIKE_WIN_BACK["rank"],
    _LIKE_WIN_BACK["customer_id"],
    Column("stage", TEXT, "new or active"),
    *(_LIKE_CUSTOMERS[name] for name in ("last_purchase", "historic_spend", "is_overdue", "p_alive_365")),
    Column("clv", MONEY, "expected discounted margin over the horizon: more than that is never worth spending"),
    Column("p_purchase", SHARE, "probability of a purchase in the horizon without an offer"),
    Column("margin_if_purchase", MONEY, "expected margin if the customer buys"),
    *(_LIKE_WIN_BACK[name] for name in ("lift", "highest_offer", "break_even_lift", "offer_gain", "offer_cost",
                                        "observed_rate")),
)  # fmt: skip
DISAGREEMENTS: Sequence[Column] = tuple(
    _LIKE_CUSTOMERS[name]
    for name in ("customer_id", "stage", "first_purchase", "last_purchase", "orders", "historic_spend", "is_overdue",
                 "p_alive", "p_purchase", "clv")
)  # fmt: skip
RETURNS: Sequence[Column] = (
    Column("segment", TEXT, "segment of the log; all: all customers"),
    Column("value", TEXT, "value of the segment; (none) where it is missing"),
    Column("customers", COUNT, "customers with a purchase that they kept"),
    Column("sold", MONEY, "their sales before refunds"),
    Column("returned", MONEY, "what refunds took off"),
    Column("returned_share", SHARE, "returned / sold"),
    Column("lost_margin", MONEY, "margin x returned: what returns have cost so far"),
    Column("clv", MONEY, "sum of clv"),
    Column("lost_clv", MONEY, "what returns will cost in the horizon: clv x returned_share / (1 - returned_share)"),
    Column("lost_clv_low", MONEY, "lower end of its predictive interval, from joint futures"),
    Column("lost_clv_high", MONEY, "upper end"),
)
TABLES = {
    "customers.parquet": CUSTOMERS, "tiers.csv": TIERS, "stages.csv": STAGES, "cohorts.csv": COHORTS,
    "acquisition.csv": ACQUISITION, "returns.csv": RETURNS, "win_back.csv": WIN_BACK, "keep.csv": KEEP,
    "disagreements.csv": DISAGREEMENTS,
}  # fmt: skip


def top_columns(tiers: Sequence[str]) -> list[Column]:
    """Return the columns of probabilities that tiers add to the customers."""
    return [
        Column(TOP.format(tier), SHARE, f"probability that realised clv is among the customers down to the tier {tier}")
        for tier in tiers
    ]


def tabulate_dictionary(tiers: Sequence[str], segments: Sequence[str], currency: str | None) -> pd.DataFrame:
    """Tabulate every column of every table; money has the unit of the log."""
    unit = {MONEY: currency or "the log's money"}
    tables = {**TABLES, "customers.parquet": [*CUSTOMERS, *top_columns(tiers), *_segments(segments)]}
    rows = [
        (table, column.name, unit.get(column.unit, column.unit), column.meaning)
        for table, columns in tables.items()
        for column in columns
    ]
    return pd.DataFrame(rows, columns=["table", "column", "unit", "meaning"])


def _segments(names: Sequence[str]) -> list[Column]:
    return [Column(name, TEXT, "segment of the log") for name in names]
