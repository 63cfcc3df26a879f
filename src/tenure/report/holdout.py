"""What the holdout showed: totals, intervals, deciles, baselines."""

import numpy as np
import pandas as pd

from tenure.registry import Evidence

from .cells import NONE, Cell, Table, claim, count, money, percent, plain, span, with_error
from .pictures import Picture, picture

OUTCOMES = ("purchases", "spend")


GROUPS = {"everyone": "everyone", "one_time": "one-time buyers", "repeat": "repeat buyers", "top_decile": "top tenth"}


def totals(evidence: Evidence) -> Table:
    """Lay out the holdout's totals, actual and foretold."""
    metrics, level = evidence.metrics, _level(evidence)
    rows = [
        [
            Cell(outcome),
            count(metrics.get(f"{outcome}.actual_total")),
            count(metrics.get(f"{outcome}.expected_total")),
            percent(metrics.get(f"{outcome}.bias"), signed=True),
            span(metrics, f"{outcome}.", "total_"),
            claim(metrics.get(f"{outcome}.total_covers_actual")),
            span(metrics, f"{outcome}.", "adjusted_"),
            claim(metrics.get(f"{outcome}.adjusted_covers_actual")),
        ]
        for outcome in OUTCOMES
    ]
    return Table(
        f"Totals of the {count(metrics.get('horizon_days')).text} days held out. Look at the bias first, then whether "
        "the interval holds what happened; the adjusted one is widened for drift; the drift is "
        f"{evidence.tags.get('spend.adjusted', NONE)}.",
        ("", "actual", "expected", "bias", f"{level} predictive", "covers", f"{level} adjusted", "covers"),
        rows,
    )


def calibration(evidence: Evidence) -> list[Table | Picture]:
    """Gather the section on intervals and probabilities."""
    return [
        picture(evidence, "backtest/pit"),
        coverage(evidence),
        tails(evidence),
        picture(evidence, "backtest/reliability"),
        reliability(evidence),
        picture(evidence, "backtest/by_frequency"),
    ]


def coverage(evidence: Evidence) -> Table:
    """Lay out the shares of customers inside their intervals, by group and level."""
    levels: dict[float, None] = {}
    lines: dict[tuple[str, str], list[Cell]] = {}
    for row in evidence.table("backtest/coverage").to_dict("records"):
        levels[row["level"]] = None
        outcome, group = str(row["outcome"]), str(row["group"])
        start = [Cell(outcome), Cell(GROUPS.get(group, group)), count(row["customers"])]
        lines.setdefault((outcome, group), start).append(with_error(row["inside"], row["inside_se"]))
    return Table(
        "Share of customers inside their own interval, ± its standard error. Look for shares at the level in the "
        "heading, in every group: lower means intervals too narrow.",
        ("outcome", "group", "customers", *(f"{level:.0%} interval" for level in levels)),
        list(lines.values()),
    )


def tails(evidence: Evidence) -> Table:
    """Lay out the shares of customers below and above their interval, by group, at the review's level."""
    level = float(evidence.params["review.level"])
    kept = evidence.table("backtest/coverage")
    rows = [
        [
            Cell(str(row["outcome"])),
            Cell(GROUPS.get(str(row["group"]), str(row["group"]))),
            count(row["customers"]),
            with_error(row["below"], row["tail_se"]),
            with_error(row["inside"], row["inside_se"]),
            with_error(row["above"], row["tail_se"]),
        ]
        for row in kept[np.isclose(kept["level"], level)].to_dict("records")
    ]
    return Table(
        f"Where outcomes fell beside the {level:.0%} interval, ± the standard error that chance gives. Look for "
        f"{(1 - level) / 2:.1%} below and as many above, in every group: more below means that too many bought "
        "less than foretold, more above that too many bought more.",
        ("outcome", "group", "customers", "below", "inside", "above"),
        rows,
    )


def reliability(evidence: Evidence) -> Table:
    """Lay out foretold and actual shares of buyers, by foretold probability."""
    rows = [
        [
            Cell(f"{row['low']:.0%} to {row['high']:.0%}", row["low"]),
            count(row["customers"]),
            percent(row["foretold"]),
            with_error(row["actual"], row["actual_se"]),
        ]
        for row in evidence.table("backtest/reliability").to_dict("records")
    ]
    return Table(
        "The probability of buying at all. Look for foretold and actual shares alike in every line.",
        ("foretold probability", "customers", "foretold, mean", "bought"),
        rows,
    )


def deciles(evidence: Evidence) -> Table:
    """Lay out means by decile of expected spend."""
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
        "Means per customer, by decile of expected spend (1 is the highest). Look for actual spend that fall from "
        "line to line and stand near the expected ones.",
        (
            "decile", "customers", "purchases, actual", "purchases, expected", "spend, actual", "spend, expected",
            f"spend inside {_level(evidence)} interval",
        ),
        rows,
    )  # fmt: skip


def baselines(evidence: Evidence) -> Table:
    """Lay out the model beside each baseline."""
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
        "Mean CRPS per customer, lower is better: the distance between forecast and outcome, spread counted. Look for "
        "a negative difference of more than two standard errors in every line.",
        ("outcome", "baseline", "its CRPS", "the model's CRPS", "difference", "better beyond two errors"),
        rows,
    )


def _level(evidence: Evidence) -> str:
    return f"{float(evidence.params['review.level']):.0%}"
