"""A campaign in short: the effect of each arm, or what a plan could find, and where the files are."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from tenure.invocation import command

from .terminal import new_table, plain, print_run, stdout

if TYPE_CHECKING:
    from tenure.campaign import Campaign


def print_campaign(campaign: "Campaign", output: str, run_id: str, ui: str) -> None:
    """Print the results by arm and outcome, and the folder."""
    window = campaign.window
    title = f"\n{len(campaign.customers):,} customers, {window.start} to {window.end}, {window.days} days"
    printers = {"control": _print_effects, "forecast": _print_alone, "plan": _print_plan}
    printers[campaign.kind](campaign, title)
    stdout().print(
        f"\nWritten: [bold]{plain(output)}[/bold]; the page is report.html, the columns are in dictionary.csv", end=""
    )
    print_run(run_id, ui)


def _print_effects(campaign: "Campaign", title: str) -> None:
    level = f"{campaign.question.params.level:.0%}"
    table = new_table(
        f"{title}, against {plain(campaign.question.settings.control)}, the control", "arm", "outcome", "control",
        "effect", f"{level} interval", "relative", "p (Holm)",
    )  # fmt: skip
    for row in campaign.campaign.to_dict("records"):
        table.add_row(
            plain(row["arm"]), row["outcome"], _number(row["control_mean"]), _number(row["effect"]),
            _range(row["effect_low"], row["effect_high"]), _share(row["relative"]), f"{row['p_holm']:.3f}",
        )  # fmt: skip
    stdout().print(table)
    for row in campaign.campaign.to_dict("records"):
        if row["outcome"] == "margin" and row["largest_share"] > 0.2:
            share = f"{row['largest_share']:.0%}"
            stdout().print(f"[yellow]One customer makes {share} of the error of {plain(row['arm'])}.[/yellow]")
        if pd.notna(row.get("return_on_cost")):
            ends = f"{_share(row['return_low'])} to {_share(row['return_high'])}"
            stdout().print(f"Return on cost of {plain(row['arm'])}: {_share(row['return_on_cost'])} ({ends})")
    _print_before(campaign)


def _print_alone(campaign: "Campaign", title: str) -> None:
    level = f"{campaign.question.params.level:.0%}"
    table = new_table(
        f"{title}, against the forecast alone", "arm", "outcome", "expected", "actual", "relative",
        f"{level} interval with drift",
    )  # fmt: skip
    for row in campaign.campaign.to_dict("records"):
        table.add_row(
            plain(row["arm"]), row["outcome"], _number(row["expected_mean"]), _number(row["mean"]),
            _share(row["relative"]), f"{_share(row['relative_low'])} to {_share(row['relative_high'])}",
        )  # fmt: skip
    stdout().print(table)
    smallest = campaign.campaign["smallest_relative"].max()
    stdout().print(
        f"[yellow]Without a control, effects below {smallest:.0%} cannot be distinguished from the market.[/yellow]"
    )
    _print_before(campaign)


def _print_before(campaign: "Campaign") -> None:
    """Print what before against after would show, and what was expected of the same customers without a campaign."""
    for row in campaign.sizes.to_dict("records"):
        if pd.notna(row["observed_change"]):
            stdout().print(
                f"Before against after, {plain(row['arm'])}: spend {_share(row['observed_change'])};"
                f" {_share(row['expected_change'])} was expected without a campaign (regression to the mean)"
            )


def _print_plan(campaign: "Campaign", title: str) -> None:
    settings = campaign.question.settings
    table = new_table(
        f"{title}: the smallest effect that is found with probability {settings.power:.0%}", "arm", "outcome", "from",
        "customers", "control", "smallest effect", "relative", "without adjustment",
    )  # fmt: skip
    for row in campaign.campaign.to_dict("records"):
        table.add_row(
            plain(row["arm"]), row["outcome"], row["source"], f"{row['customers']:,}", f"{row['control_customers']:,}",
            _number(row["smallest_effect"]), _share(row["smallest_relative"]), _number(row["raw_smallest_effect"]),
        )  # fmt: skip
    stdout().print(table)
    stdout().print(f"Afterwards: {command('campaign', 'campaign.customers=...', 'campaign.start=...')}")


def _number(value: Any) -> str:
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _range(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _share(value: float) -> str:
    return "" if pd.isna(value) else f"{value:+.1%}"
