"""Compare what was foretold for each customer with what the holdout then showed.

It measures and does not judge: no number here is a threshold (`review` holds those). Every figure about
spread uses sampled outcomes, because the interval of an expectation covers almost no customer; every
interval of a total is taken of column sums, because a sum of customers' quantiles is not one of their sum.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import BacktestError
from .forecast import Forecast
from .outcome import OUTCOMES, Outcome
from .scores import (
    brier,
    central,
    correlation,
    count_distinct,
    crps,
    normalized_gini,
    p_purchase,
    randomized_pit,
    ranks,
    ratio,
    standard_error,
)
from .tables import (
    COLUMNS,
    GROUPS,
    LEVELS,
    PLACES,
    customers_means,
    largest_gap,
    share_by_place,
    share_error,
    sort_into_deciles,
    tabulate_coverage,
    tabulate_deciles,
    tabulate_frequencies,
    tabulate_reliability,
)

if TYPE_CHECKING:
    from tenure.rfm import Split

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

_TOTALS = ("actual_total", "expected_total", "total_low", "total_high", "total_covers_actual", "bias", "bias_se")
_ERRORS = ("mae", "rmse", "correlation", "spearman", "crps", "crps_se")
_ORDER = ("gini", "top_decile_capture", "top_decile_most", "decile_error", "largest_share")
_TAILS = tuple(
    f"pit_{place}{error}" for place in ("coverage", "low_tail", "high_tail") for error in ("", "_se")
)  # fmt: skip
# Of a group, what the review judges: the tails of its 90% intervals.
_JUDGED, _JUDGED_TAILS = 0.90, ("below_90", "above_90")
_P_PURCHASE = ("mean", "actual", "brier", "brier_se", "calibration_error", "largest_gap", "largest_gap_tenth_se")
_SPEND = ("expected", "actual", "bias", "bias_se")
_FACTS = (
    "level",
    "horizon_days",
    "customers",
    "repeat_buyers",
    "one_time_buyers",
    "one_time_share",
    "free_repeat_buyers",
    "free_repeat_share",
    "distinct_repeat_frequencies",
    "distinct_repeat_spends",
    "holdout_buyers",
    "holdout_payers",
    "born_in_holdout",
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


@dataclass(frozen=True)
class Backtest:
    """What the holdout says of a forecast that never saw it. It names no customer.

    Args:
        forecast: the forecast's name.
        is_point: its samples have no spread, so that CRPS is absolute error and intervals say nothing.
        metrics: every name of `METRICS`; NaN where the holdout cannot tell. `<name>_se` is the standard error
            that chance alone gives `<name>` when the forecast is right (`crps_se`, `brier_se`: of the mean as it is).
        by_frequency: calibration frequency 0 to 6 and 7 or more, always eight rows: customers, mean outcomes.
        deciles: customers in ten equal groups by expected spend, 1 the highest: mean outcomes, and the share
            whose randomised PIT lies in the central `level`.
        coverage: shares of customers inside, below and above central intervals, by outcome, group and level.
        reliability: customers by foretold probability of a purchase, in tenths: its mean, and the share who bought.
        purchases, spend: what was measured of each customer, to compare forecasts on.
    """

    forecast: str
    is_point: bool
    metrics: dict[str, float]
    by_frequency: pd.DataFrame
    deciles: pd.DataFrame
    coverage: pd.DataFrame
    reliability: pd.DataFrame
    purchases: Outcome = field(repr=False)
    spend: Outcome = field(repr=False)

    def __post_init__(self) -> None:
        faults = [f"metric {name} is missing" for name in METRICS if name not in self.metrics]
        faults += [f"metric {name} is unknown" for name in self.metrics if name not in METRICS]
        for table, columns in COLUMNS.items():
            if tuple(getattr(self, table).columns) != columns:
                faults.append(f"{table} must have the columns {', '.join(columns)}")
        if faults:
            raise BacktestError(f"This is not a backtest: {'; '.join(faults)}.")

    @property
    def pit(self) -> pd.DataFrame:
        """Give the randomised PIT of every customer, uniform on (0, 1) when the forecast is right."""
        return pd.DataFrame({"purchases": self.purchases.pit, "spend": self.spend.pit})


def measure(split: "Split", forecast: Forecast, *, level: float, rng: np.random.Generator) -> Backtest:
    """Measure a forecast of the holdout against the actual one, a block of customers at a time.

    Args:
        split: the calibration customers and what each did in the holdout.
        forecast: of the same customers over the holdout's days.
        level: the level of the predictive intervals.
        rng: draws the randomised PIT and the order of customers of equal expected spend.
    """
    customers = split.calibration.table
    if forecast.customers != len(customers):
        raise BacktestError(
            f"The forecast {forecast.name} is of {forecast.customers:,} customers, the calibration of "
            f"{len(customers):,}."
        )
    if not 0 < level < 1:
        raise BacktestError(f"level must be between 0 and 1, got {level:g}.")
    purchases, spend, chance = _measure_customers(split, forecast, rng)
    decile = sort_into_deciles(spend.expected, rng)
    frequency = customers["frequency"].to_numpy()
    members = (np.ones(len(customers), bool), frequency == 0, frequency > 0, decile == 1)
    groups = dict(zip(GROUPS, members, strict=True))
    coverage = tabulate_coverage({"purchases": purchases, "spend": spend}, groups)
    deciles = tabulate_deciles(decile, purchases, spend, level)
    bought = purchases.actual > 0
    reliability = tabulate_reliability(chance, bought)
    metrics = {
        **_outcome_metrics("purchases", purchases, deciles, level),
        **_outcome_metrics("spend", spend, deciles, level),
        **_coverage_metrics(coverage),
        **_p_purchase_metrics(chance, bought, reliability, forecast.draws),
        **_spend_metrics(purchases, spend),
        **_facts(split, level),
    }
    return Backtest(
        forecast.name,
        forecast.is_point,
        {name: float(number) for name, number in metrics.items()},
        tabulate_frequencies(frequency, customers_means(purchases, spend)),
        deciles,
        coverage,
        reliability,
        purchases,
        spend,
    )


def _measure_customers(split: "Split", forecast: Forecast, rng: np.random.Generator) -> tuple[Outcome, Outcome, Floats]:
    """Go through the blocks; what stays is a few numbers per customer and one total per draw."""
    size = forecast.customers
    actual = [split.holdout[name].to_numpy(np.float64) for name in ("purchases", "spend")]
    uniform = rng.random((2, size))  # before the blocks, so that their size changes nothing
    expected, scores, pit = (np.empty((2, size)) for _ in range(3))
    totals, chance = np.zeros((2, forecast.draws)), np.empty(size)
    for rows, samples in forecast.blocks():
        chance[rows] = p_purchase(samples.purchases)
        given = ((samples.purchases, samples.expected_purchases), (samples.spend, samples.expected_spend))
        for at, (simulated, mean) in enumerate(given):
            expected[at, rows] = mean
            scores[at, rows] = crps(simulated, actual[at][rows])
            pit[at, rows] = randomized_pit(simulated, actual[at][rows], uniform[at, rows])
            totals[at] += simulated.sum(axis=0, dtype=np.float64)
    purchases, spend = (Outcome(actual[at], expected[at], scores[at], pit[at], totals[at]) for at in (0, 1))
    return purchases, spend, chance


def _outcome_metrics(name: str, outcome: Outcome, deciles: pd.DataFrame, level: float) -> dict[str, float]:
    found = {**total_metrics(outcome, outcome.totals, level), **_errors(outcome)}
    found |= {**_order(name, outcome, deciles), **_tails(outcome.pit, level)}
    return {f"{name}.{metric}": value for metric, value in found.items()}


def total_metrics(outcome: Outcome, totals: Floats, level: float) -> dict[str, float]:
    """Measure the total, and whether the interval that joint draws give it holds the actual one."""
    actual, expected = outcome.actual.sum(), outcome.expected.sum()
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
    """Measure the order of customers: by spend, of both outcomes, in the deciles; by the outcome itself in `gini`.

    `top_decile_capture` is the share of the total that the tenth with the highest expected spend brought,
    `top_decile_most` what the best tenth did bring: no order captures more. `decile_error` is the mean distance of
    expected and actual outcome over deciles, as a share of the actual mean. `largest_share` is the largest customer's
    share of the expected total.
    """
    actual, count = outcome.actual, deciles["customers"].to_numpy(np.float64)
    means = deciles[f"actual_{name}"].to_numpy(np.float64)
    best = np.sort(actual)[::-1][: int(count[0])].sum()
    distance = np.abs(deciles[f"expected_{name}"].to_numpy(np.float64) - means)
    return {
        "gini": normalized_gini(outcome.expected, actual),
        "top_decile_capture": ratio(means[0] * count[0], actual.sum()),
        "top_decile_most": ratio(best, actual.sum()),
        "decile_error": ratio((distance * count).sum(), actual.sum()),
        "largest_share": outcome.expected.max() / total if (total := outcome.expected.sum()) > 0 else 0.0,
    }


def _tails(pit: Floats, level: float) -> dict[str, float]:
    tail = (1 - level) / 2
    shares = share_by_place(pit, level)
    errors = [share_error(share, len(pit)) for share in (level, tail, tail)]
    named = zip(("coverage", "low_tail", "high_tail"), shares, errors, strict=True)
    return {
        f"pit_{name}{kind}": number for name, *both in named for kind, number in zip(("", "_se"), both, strict=True)
    }


def _coverage_metrics(coverage: pd.DataFrame) -> dict[str, float]:
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


def _p_purchase_metrics(chance: Floats, bought: Bools, reliability: pd.DataFrame, draws: int) -> dict[str, float]:
    scores = brier(chance, bought, draws)
    known = reliability[reliability["customers"] > 0]
    distance = (known["foretold"] - known["actual"]).abs() * known["customers"]
    error = distance.sum() / len(chance)
    found = (chance.mean(), bought.mean(), scores.mean(), standard_error(scores), error, *largest_gap(reliability))
    return {f"p_purchase.{name}": number for name, number in zip(_P_PURCHASE, found, strict=True)}


def _spend_metrics(purchases: Outcome, spend: Outcome) -> dict[str, float]:
    """Compare spend per purchase: the holdout's whole spend over its whole number of purchases.

    Not a mean of customers' means: the zeros of those who bought nothing would mix "none" with "cheap".
    """
    expected = ratio(spend.expected.sum(), purchases.expected.sum())
    actual = ratio(spend.actual.sum(), purchases.actual.sum())
    counted = purchases.totals > 0
    drawn = spend.totals[counted] / purchases.totals[counted]
    spread = float(drawn.std(ddof=1)) if len(drawn) > 1 else np.nan
    found = (expected, actual, ratio(expected, actual) - 1, ratio(spread, expected))
    return {f"spend_per_purchase.{name}": number for name, number in zip(_SPEND, found, strict=True)}


def _facts(split: "Split", level: float) -> dict[str, float]:
    customers = split.calibration.table
    repeat = customers[customers["frequency"] > 0]
    # The spend model is fitted to those who paid for a repeat purchase.
    paid = repeat[repeat["monetary_value"] > 0]
    frequency, spend = paid["frequency"].to_numpy(np.float64), paid["monetary_value"].to_numpy(np.float64)
    spends = count_distinct(spend)
    return {
        "level": level,
        "horizon_days": split.horizon_days,
        "customers": len(customers),
        "repeat_buyers": len(repeat),
        "one_time_buyers": len(customers) - len(repeat),
        "one_time_share": 1 - len(repeat) / len(customers),
        "free_repeat_buyers": len(repeat) - len(paid),
        "free_repeat_share": 1 - len(paid) / len(repeat) if len(repeat) else 0.0,
        "distinct_repeat_frequencies": len(np.unique(frequency)),
        "distinct_repeat_spends": spends,
        "holdout_buyers": (split.holdout["purchases"] > 0).sum(),
        "holdout_payers": (split.holdout["spend"] > 0).sum(),
        "born_in_holdout": split.born_in_holdout,
        # On mean spend per purchase day: a sum of spend would correlate with frequency by itself.
        "spend_frequency_correlation": correlation(frequency, spend) if spends > 1 else np.nan,
        "spend_frequency_correlation_se": ratio(1.0, np.sqrt(max(len(paid) - 1, 0))),
        "spend_frequency_rank_correlation": correlation(ranks(frequency), ranks(spend)) if spends > 1 else np.nan,
    }
