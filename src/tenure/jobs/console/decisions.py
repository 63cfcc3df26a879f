"""Decisions in short: the base, a new customer, the offers, and where the files are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tenure.decide import summary_of

from .terminal import new_table, plain, print_run, stdout

if TYPE_CHECKING:
    from tenure.decide import Decisions


def print_decisions(decisions: "Decisions", output: str, run_id: str, ui: str) -> None:
    """Print tiers, stages and ceilings, the gain of the offers, and the folder."""
    out, params = stdout(), decisions.question.params
    level, numbers = f"{params.level:.0%}", summary_of(decisions)
    title = (
        f"\n{decisions.worth.customers:,} customers as of {decisions.question.days.end}, {params.horizon_days} days"
        f" ahead, margin {params.margin:g}, discounted at {params.discount_rate:.1%} a year"
    )
    table = new_table(title, "tier", "customers", "historic spend", "clv", f"{level} predictive", "share of clv")
    for row in _rows(decisions.tiers):
        spans = f"{row.clv_low:,.0f} to {row.clv_high:,.0f}"
        table.add_row(
            plain(row.tier),
            f"{row.customers:,}",
            f"{row.historic_spend:,.0f}",
            f"{row.clv:,.0f}",
            spans,
            f"{row.share_of_clv:.0%}",
        )
    out.print(table)
    stages = new_table("\nStages", "stage", "customers", "expected to buy", "clv")
    for row in _rows(decisions.stages):
        stages.add_row(plain(row.stage), f"{row.customers:,}", f"{row.expected_buyers:,.0f}", f"{row.clv:,.0f}")
    out.print(stages)
    _print_ceilings(decisions, level)
    out.print(
        f"\n{numbers['offers']:,.0f} offers for an expected cost of {numbers['offer_cost']:,.0f}: expected gain"
        f" {numbers['offer_gain']:,.0f} ({numbers['offer_gain_low']:,.0f} to {numbers['offer_gain_high']:,.0f})"
    )
    _print_ahead(decisions)
    if decisions.unstable_means:
        out.print(
            f"[yellow]{decisions.unstable_means:,} customers have an unstable mean: it rests on few draws.[/yellow]"
        )
    if decisions.new_segment_customers:
        out.print(
            f"{decisions.new_segment_customers:,} customers are of segments without a name in the model: they have the"
            " forecast of a new segment."
        )
    out.print(
        f"Written: [bold]{plain(output)}[/bold]; the page is report.html, the columns are in dictionary.csv", end=""
    )
    print_run(run_id, ui)


def _print_ahead(decisions: "Decisions") -> None:
    ahead = decisions.prospects
    table = ahead.forecast[ahead.forecast["is_forecast"] & (ahead.forecast["customers"] == "all")]
    low, high = np.quantile(ahead.totals["spend"], [0.05, 0.95])
    stdout().print(
        f"\nForecast to {table['last_day'].iloc[-1]}: revenue {table['revenue'].sum():,.0f} (90%: {low:,.0f} to"
        f" {high:,.0f}), of {table['new_customers'].sum():,.0f} new customers too; drift {plain(ahead.drift)}"
    )
    if ahead.sampled < decisions.worth.customers:
        stdout().print(f"From a sample of {ahead.sampled:,} customers: standard error {ahead.error:.1%}")
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in ahead.seconds.items())
    stdout().print(f"Seconds: {seconds}")


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    yield from table.itertuples()


def _print_ceilings(decisions: "Decisions", level: str) -> None:
    ratio = decisions.question.settings.acquisition.ratio
    table = new_table(
        "\nA new customer, first order included", "channel", "days", "clv", f"{level} credible of the mean",
        f"ceiling at {ratio:g} to 1", "cost", "payback, days",
    )  # fmt: skip
    for row in _rows(decisions.acquisition):
        days = "no end" if row.horizon_days == 0 else f"{row.horizon_days:,}"
        cost, payback = (
            "" if pd.isna(value) else f"{value:,.2f}" for value in (row.acquisition_cost, row.payback_days)
        )
        mean = f"{row.clv_mean_low:,.2f} to {row.clv_mean_high:,.2f}"
        table.add_row(plain(row.channel), days, f"{row.clv:,.2f}", mean,
                      f"{row.ceiling:,.2f}", cost, payback.removesuffix(".00"))  # fmt: skip
    stdout().print(table)
