"""Results of the holdout: totals, intervals, deciles, baselines."""

import numpy as np
import pandas as pd

from tenure import paths
from tenure.outcomes import OUTCOMES
from tenure.registry import Evidence

from .adjusted import adjusted_text
from .pictures import Picture, logged_picture
from .tables import NONE, Cell, Table, count, interval, money, percent, plain, with_error, yes_or_no

SHOWN_GROUPS = 100
GROUPS = {"everyone": "everyone", "one_time": "one-time buyers", "repeat": "repeat buyers", "top_decile": "top tenth"}


def totals_table(evidence: Evidence) -> Table:
    """Build the table of the holdout's totals, actual and forecast."""
    metrics, level = evidence.metrics, _level(evidence)
    rows = [
        [
            Cell(outcome),
            count(metrics.get(f"{outcome}.actual_total")),
            count(metrics.get(f"{outcome}.expected_total")),
            percent(metrics.get(f"{outcome}.bias"), signed=True),
            interval(metrics, f"{outcome}.", "total_"),
            yes_or_no(metrics.get(f"{outcome}.total_covers_actual")),
            interval(metrics, f"{outcome}.", "adjusted_"),
            yes_or_no(metrics.get(f"{outcome}.adjusted_covers_actual")),
        ]
        for outcome in OUTCOMES
    ]
    return Table(
        f"Totals of the {count(metrics.get('horizon_days')).text} days held out. Look at the bias first, then whether "
        f"the interval covers the actual total. {_adjusted(evidence)}",
        ("", "actual", "expected", "bias", f"{level} predictive", "covers", f"{level} predictive, adjusted", "covers"),
        rows,
    )


def _adjusted(evidence: Evidence) -> str:
    return adjusted_text(evidence, evidence.tags.get("spend.adjusted", NONE), evidence.metrics.get("horizon_days"))


def calibration_section(evidence: Evidence) -> list[Table | Picture]:
    """Return the section on intervals and probabilities."""
    return [
        logged_picture(evidence, "backtest/pit"),
        coverage_table(evidence),
        tails_table(evidence),
        logged_picture(evidence, "backtest/reliability"),
        reliability_table(evidence),
        logged_picture(evidence, "backtest/by_frequency"),
        *groups_table(evidence),
    ]


def groups_table(evidence: Evidence) -> list[Table]:
    """Build the table of bias by group; none of a run of an earlier version."""
    if not evidence.holds(paths.csv(paths.BY_GROUP)):
        return []
    rows = [
        [
            Cell(str(row["group"])),
            Cell(str(row["outcome"])),
            count(row["customers"]),
            count(row["actual"]),
            count(row["expected"]),
            percent(row["bias"], signed=True),
            percent(row["bias_se"]),
            Cell("yes" if row["is_beyond_chance"] else "no"),
            percent(row["coverage_90"]),
        ]
        for row in evidence.table(paths.BY_GROUP).head(SHOWN_GROUPS).to_dict("records")
    ]
    return [
        Table(
            f"{evidence.tags.get('groups.finding', '')} Beyond chance is by Holm's procedure over all rows.",
            ("group", "outcome", "customers", "actual", "expected", "bias", "error", "beyond chance", "90% coverage"),
            rows,
        )
    ]


def coverage_table(evidence: Evidence) -> Table:
    """Build the table of coverage by group and level."""
    levels: dict[float, None] = {}
    lines: dict[tuple[str, str], list[Cell]] = {}
    for row in evidence.table("backtest/coverage").to_dict("records"):
        levels[row["level"]] = None
        outcome, group = str(row["outcome"]), str(row["group"])
        start = [Cell(outcome), Cell(GROUPS.get(group, group)), count(row["customers"])]
        lines.setdefault((outcome, group), start).append(with_error(row["inside"], row["inside_se"]))
    return Table(
        "Coverage: share of customers inside their own interval, ± its standard error. Look for the level of the "
        "heading in every group: a lower share means that intervals are too narrow.",
        ("outcome", "group", "customers", *(f"{level:.0%} interval" for level in levels)),
        list(lines.values()),
    )


def tails_table(evidence: Evidence) -> Table:
    """Build the table of customers below and above their interval, by group, at the review's level."""
    level = float(evidence.params["review.level"])
    coverage = evidence.table("backtest/coverage")
    rows = [
        [
            Cell(str(row["outcome"])),
            Cell(GROUPS.get(str(row["group"]), str(row["group"]))),
            count(row["customers"]),
            with_error(row["below"], row["tail_se"]),
            with_error(row["inside"], row["inside_se"]),
            with_error(row["above"], row["tail_se"]),
        ]
        for row in coverage[np.isclose(coverage["level"], level)].to_dict("records")
    ]
    return Table(
        f"Outcomes below, inside and above the {level:.0%} interval, ± the standard error. Look for "
        f"{(1 - level) / 2:.1%} below and the same share above, in every group: more below means forecasts too "
        "high, more above means forecasts too low.",
        ("outcome", "group", "customers", "below", "inside", "above"),
        rows,
    )


def reliability_table(evidence: Evidence) -> Table:
    """Build the table of predicted and actual shares of buyers, by predicted probability."""
    rows = [
        [
            Cell(f"{row['low']:.0%} to {row['high']:.0%}", row["low"]),
            count(row["customers"]),
            with_error(row["predicted"], row["predicted_se"]),
            percent(row["actual"]),
        ]
        for row in evidence.table("backtest/reliability").to_dict("records")
    ]
    return Table(
        "The probability of buying at all. Look for a share who bought within two standard errors of the predicted one "
        "in every row. ± is the standard error of the share who buy if the prediction is right.",
        ("predicted probability", "customers", "predicted, mean", "bought"),
        rows,
    )


def deciles_table(evidence: Evidence) -> Table:
    """Build the table of means by decile of expected spend."""
    rows = [
        [
            Cell(str(row["decile"]), row["decile"]),
            count(row["customers"]),
            *(plain(row[f"{kind}_purchases"]) for kind in ("actual", "expected")),
            *(money(row[f"{kind}_spend"]) for kind in ("actual", "expected")),
            percent(row["spend_coverage"]),
        ]
        for row in evidence.table("backtest/deciles").to_dict("records")
    ]
    return Table(
        "Means per customer, by decile of expected spend (1 is the highest). Look for actual spend that falls from "
        "row to row and is close to the expected spend.",
        (
            "decile", "customers", "purchases, actual", "purchases, expected", "spend, actual", "spend, expected",
            f"spend inside {_level(evidence)} interval",
        ),
        rows,
    )  # fmt: skip


def baselines_table(evidence: Evidence) -> Table:
    """Build the table that compares the model with each baseline."""
    rows = [
        [
            Cell(str(row["outcome"])),
            Cell(str(row["forecast"])),
            plain(row["crps"]),
            plain(row["crps_of_model"]),
            Cell(f"{row['difference']:+.4g} ± {row['difference_se']:.2g}", row["difference"]),
            Cell(NONE if pd.isna(row["winner"]) else str(row["winner"])),
        ]
        for row in evidence.table("backtest/baselines").to_dict("records")
    ]
    return Table(
        "Mean CRPS per customer, lower is better. Look for a negative difference of more than two standard errors in "
        "every row.",
        ("outcome", "baseline", "its CRPS", "the model's CRPS", "difference", "better beyond two errors"),
        rows,
    )


def _level(evidence: Evidence) -> str:
    return f"{float(evidence.params['review.level']):.0%}"
