"""The metrics of a backtest: names and numbers, computed from measured outcomes and tables."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tenure.outcomes import OUTCOMES

from .outcome import Outcome
from .scores import central, correlation, count_distinct, normalized_gini, ranks, ratio, standard_error, top_chances
from .tables import GROUPS, LEVELS, PLACES, Gap, largest_gap, share_by_place, share_error

if TYPE_CHECKING:
    from tenure.rfm import Split

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

_TOTALS = ("actual_total", "expected_total", "total_low", "total_high", "total_covers_actual", "bias", "bias_se")
_ERRORS = ("mae", "rmse", "correlation", "spearman", "crps", "crps_se")
_ORDER = ("gini", "top_decile_capture", "top_decile_most", "top_decile_hits", "decile_error", "largest_share")
_TAILS = tuple(
    f"pit_{place}{error}" for place in ("coverage", "low_tail", "high_tail") for error in ("", "_se")
)  # fmt: skip
# The review judges the tails of a group's 90% intervals.
_JUDGED, _JUDGED_TAILS = 0.90, ("below_90", "above_90")
_GAP = ("largest_gap", *(f"largest_gap_{name}" for name in Gap._fields[1:]))
_P_PURCHASE = ("mean", "actual", "brier", "brier_se", "calibration_error", *_GAP)
_SPEND = ("expected", "actual", "bias", "bias_se")
_FACTS = (
    "level",
    "horizon_days",
    "customers",
    "judged_customers",
    "repeat_buyers",
    "one_time_buyers",
    "one_time_share",
    "free_repeat_buyers",
    "free_repeat_share",
    "distinct_repeat_frequencies",
    "distinct_repeat_spends",
    "holdout_buyers",
    "holdout_payers",
    "acquired_in_holdout",
    "spend_frequency_correlation",
    "spend_frequency_correlation_se",
    "spend_frequency_rank_correlation",
)
METRICS = (
    *(f"{outcome}.{name}" for outcome in OUTCOMES for name in (*_TOTALS, *_ERRORS, *_ORDER, *_TAILS)),
    *(
        f"{outcome}.{group}.{place}_{100 * level:.0f}"
        for outcome in OUTCOMES
        for group in GROUPS
        for level in LEVELS
        for place in PLACES
    ),
    *(f"{outcome}.{group}.{tail}_se" for outcome in OUTCOMES for group in GROUPS for tail in _JUDGED_TAILS),
    *(f"p_purchase.{name}" for name in _P_PURCHASE),
    *(f"spend_per_purchase.{name}" for name in _SPEND),
    *_FACTS,
)


def outcome_metrics(name: str, outcome: Outcome, deciles: pd.DataFrame, level: float) -> dict[str, float]:
    """Compute the metrics of one outcome: total, errors, order of customers, tails of the PIT."""
    metrics = {**_total(outcome, level), **_errors(outcome)}
    metrics |= {**_order(name, outcome, deciles), **_tails(outcome.pit, level)}
    return {f"{name}.{metric}": number for metric, number in metrics.items()}


def _total(outcome: Outcome, level: float) -> dict[str, float]:
    """Compute the total, its interval from joint draws, and whether that covers the actual total."""
    actual, expected, totals, _ = outcome.total
    low, high = central(totals, level)
    return {
        "actual_total": actual,
        "expected_total": expected,
        "total_low": low,
        "total_high": high,
        "total_covers_actual": float(low <= actual <= high),
        "bias": ratio(expected, actual) - 1,
        "bias_se": ratio(totals.std(ddof=1), expected),
    }


def _errors(outcome: Outcome) -> dict[str, float]:
    actual, expected = outcome.actual, outcome.expected
    return {
        "mae": np.abs(expected - actual).mean(),
        "rmse": np.sqrt(np.square(expected - actual).mean()),
        "correlation": correlation(expected, actual),
        "spearman": correlation(ranks(expected), ranks(actual)),
        "crps": outcome.crps.mean(),
        "crps_se": standard_error(outcome.crps),
    }


def _order(name: str, outcome: Outcome, deciles: pd.DataFrame) -> dict[str, float]:
    """Measure the order of customers: by expected spend in the deciles, by the outcome itself in `gini`.

    `top_decile_capture` is the actual share of the total of the tenth with the highest expected spend,
    `top_decile_most` the share of the best tenth: no order captures more. `top_decile_hits` is the share of the best
    tenth's customers who are in the tenth with the highest expectations, NaN where nobody bought. `decile_error` is the
    mean distance of expected and actual outcome over deciles, as a share of the actual mean. `largest_share` is the
    largest customer's share of the expected total, of all customers where the others are of a sample.
    """
    actual, count = outcome.actual, deciles["customers"].to_numpy(np.float64)
    hits = (top_chances(outcome.expected) * top_chances(actual)).sum() if actual.any() else np.nan
    means = deciles[f"actual_{name}"].to_numpy(np.float64)
    best = np.sort(actual)[::-1][: int(count[0])].sum()
    distance = np.abs(deciles[f"expected_{name}"].to_numpy(np.float64) - means)
    return {
        "gini": normalized_gini(outcome.expected, actual),
        "top_decile_capture": ratio(means[0] * count[0], actual.sum()),
        "top_decile_most": ratio(best, actual.sum()),
        "top_decile_hits": float(hits / (0.1 * len(actual))),
        "decile_error": ratio((distance * count).sum(), actual.sum()),
        "largest_share": total.largest / total.expected if (total := outcome.total).expected > 0 else 0.0,
    }


def _tails(pit: Floats, level: float) -> dict[str, float]:
    tail = (1 - level) / 2
    shares = share_by_place(pit, level)
    errors = [share_error(share, len(pit)) for share in (level, tail, tail)]
    named = zip(("coverage", "low_tail", "high_tail"), shares, errors, strict=True)
    return {
        f"pit_{name}{kind}": number for name, *both in named for kind, number in zip(("", "_se"), both, strict=True)
    }


def coverage_metrics(coverage: pd.DataFrame) -> dict[str, float]:
    """Return the shares of the coverage table as metrics, and the standard errors of those that are judged."""
    rows = coverage.to_dict("records")
    shares = {
        f"{row['outcome']}.{row['group']}.{place}_{100 * row['level']:.0f}": row[place]
        for row in rows
        for place in PLACES
    }
    judged = [row for row in rows if row["level"] == _JUDGED]
    return shares | {
        f"{row['outcome']}.{row['group']}.{tail}_se": row["tail_se"] for row in judged for tail in _JUDGED_TAILS
    }


def p_purchase_metrics(
    p_purchase: Floats, bought: Bools, reliability: pd.DataFrame, scores: Floats
) -> dict[str, float]:
    """Measure the predicted probability of a purchase: its mean, calibration error, and mean Brier score."""
    tenths = reliability[reliability["customers"] > 0]
    distance = (tenths["predicted"] - tenths["actual"]).abs() * tenths["customers"]
    error = distance.sum() / len(p_purchase)
    means = (p_purchase.mean(), bought.mean(), scores.mean(), standard_error(scores))
    numbers = (*means, error, *largest_gap(reliability))
    return {f"p_purchase.{name}": number for name, number in zip(_P_PURCHASE, numbers, strict=True)}


def spend_metrics(purchases: Outcome, spend: Outcome) -> dict[str, float]:
    """Compare spend per purchase: the holdout's total spend over its total number of purchases.

    Not a mean of customers' means: the zeros of those who bought nothing would mix "none" with "cheap".
    """
    of_purchases, of_spend = purchases.total, spend.total
    expected = ratio(of_spend.expected, of_purchases.expected)
    actual = ratio(of_spend.actual, of_purchases.actual)
    counted = of_purchases.draws > 0
    draws = of_spend.draws[counted] / of_purchases.draws[counted]
    spread = float(draws.std(ddof=1)) if len(draws) > 1 else np.nan
    numbers = (expected, actual, ratio(expected, actual) - 1, ratio(spread, expected))
    return {f"spend_per_purchase.{name}": number for name, number in zip(_SPEND, numbers, strict=True)}


def facts(split: "Split", level: float) -> dict[str, float]:
    """Count customers and buyers, and correlate spend with frequency.

    Counts of the calibration are of all customers; those of the holdout, and the correlation, of those in the tables.
    """
    customers, repeat_buyers, paying = split.counts
    judged = split.calibration.table
    # The spend model is fitted to customers who paid for a repeat purchase.
    paid = judged[(judged["frequency"] > 0) & (judged["monetary_value"] > 0)]
    frequency, spend = paid["frequency"].to_numpy(np.float64), paid["monetary_value"].to_numpy(np.float64)
    spends = count_distinct(spend)
    return {
        "level": level,
        "horizon_days": split.horizon_days,
        "customers": customers,
        "judged_customers": len(judged),
        "repeat_buyers": repeat_buyers,
        "one_time_buyers": customers - repeat_buyers,
        "one_time_share": 1 - repeat_buyers / customers,
        "free_repeat_buyers": repeat_buyers - paying,
        "free_repeat_share": 1 - paying / repeat_buyers if repeat_buyers else 0.0,
        "distinct_repeat_frequencies": len(np.unique(frequency)),
        "distinct_repeat_spends": spends,
        "holdout_buyers": (split.holdout["purchases"] > 0).sum(),
        "holdout_payers": (split.holdout["spend"] > 0).sum(),
        "acquired_in_holdout": split.acquired_in_holdout,
        # On mean spend per purchase day: a sum of spend would correlate with frequency by itself.
        "spend_frequency_correlation": correlation(frequency, spend) if spends > 1 else np.nan,
        "spend_frequency_correlation_se": ratio(1.0, np.sqrt(max(len(paid) - 1, 0))),
        "spend_frequency_rank_correlation": correlation(ranks(frequency), ranks(spend)) if spends > 1 else np.nan,
    }
