"""Compare what was foretold for each customer with what the holdout then showed.

It measures and does not judge: no number here is a threshold (`review` holds those). Every figure about
spread uses simulated outcomes, because the interval of an expectation covers almost no customer; every
interval of a total is taken of column sums, because a sum of customers' quantiles is not one of their sum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .rfm import Split
    from .scorer import Futures

type Floats = NDArray[np.float64]
type Numbers = NDArray[Any]

_TOTALS = (
    "actual_total",
    "expected_total",
    "total_low",
    "total_high",
    "total_holds_actual",
    "bias",
    "bias_se",
)
_ERRORS = ("mae", "rmse", "correlation", "spearman", "crps", "crps_se")
_TAILS = (
    "pit_coverage",
    "pit_coverage_se",
    "pit_low_tail",
    "pit_low_tail_se",
    "pit_high_tail",
    "pit_high_tail_se",
)
_SPEND = ("expected", "actual", "bias", "bias_se")
_FACTS = (
    "level",
    "horizon_days",
    "customers",
    "repeat_buyers",
    "one_time_share",
    "holdout_buyers",
    "born_in_holdout",
    "spend_frequency_correlation",
    "spend_frequency_correlation_se",
    "spend_frequency_rank_correlation",
)
METRICS = (
    *(f"{outcome}.{name}" for outcome in ("purchases", "value") for name in (*_TOTALS, *_ERRORS, *_TAILS)),
    *(f"spend_per_purchase.{name}" for name in _SPEND),
    *_FACTS,
)
FREQUENCIES = ("0", "1", "2", "3", "4", "5", "6", "7+")
_MEANS = ("actual_purchases", "expected_purchases", "actual_value", "expected_value")
_COLUMNS = {
    "by_frequency": ("frequency", "customers", *_MEANS),
    "deciles": ("decile", "customers", *_MEANS, "purchases_coverage", "value_coverage"),
    "pit": ("counts", "value"),
}
_CELLS_AT_ONCE = 4_000_000


class BacktestError(ValueError):
    """Inputs that cannot be compared, or a result that is not a backtest."""


@dataclass(frozen=True)
class Backtest:
    """What the holdout says of a posterior that never saw it. It names no customer.

    Args:
        metrics: every name of `METRICS`; NaN where the holdout cannot tell. `<name>_se` is the standard error
            that chance alone gives `<name>` when the model is right (`crps_se`: that of the mean as it is).
        by_frequency: calibration frequency 0 to 6 and 7 or more, always eight rows: customers, mean outcomes.
        deciles: customers in ten equal groups by expected value, 1 the highest: mean outcomes, and the share
            whose randomised PIT lies in the central `level`.
        pit: the randomised PIT of every customer, uniform on (0, 1) when the model is right.
    """

    metrics: dict[str, float]
    by_frequency: pd.DataFrame
    deciles: pd.DataFrame
    pit: pd.DataFrame

    def __post_init__(self) -> None:
        faults = [f"metric {name} is missing" for name in METRICS if name not in self.metrics]
        faults += [f"metric {name} is unknown" for name in self.metrics if name not in METRICS]
        for table, columns in _COLUMNS.items():
            if tuple(getattr(self, table).columns) != columns:
                faults.append(f"{table} must have the columns {', '.join(columns)}")
        if not faults and not bool(((self.pit >= 0) & (self.pit <= 1)).to_numpy().all()):
            faults.append("pit must lie between 0 and 1")
        if faults:
            raise BacktestError(f"This is not a backtest: {'; '.join(faults)}.")


@dataclass(frozen=True)
class _Outcome:
    """One outcome of every customer: what came, its expectation, its simulations (customers, draws).

    `totals` are the simulations summed over customers within each draw: joint draws of the total.
    """

    actual: Floats
    expected: Floats
    simulated: Numbers
    totals: Floats


def measure(
    split: "Split", futures: "Futures", expected: pd.DataFrame, *, level: float, rng: np.random.Generator
) -> Backtest:
    """Measure the foretold holdout against the actual one.

    Args:
        split: the calibration customers and what each did in the holdout.
        futures: simulated outcomes over the holdout's days, undiscounted, at margin 1; column s uses draw s.
        expected: a score table over the same days (`customer_id`, `expected_purchases`, `clv`), undiscounted
            and at margin 1 too, in the calibration's order.
        level: the level of the predictive intervals.
        rng: draws the randomised PIT and the order of customers of equal expected value.
    """
    _refuse_unlike(split, futures, expected, level)
    holdout = split.holdout
    purchases = _outcome(holdout["purchases"], expected["expected_purchases"], futures.counts)
    value = _outcome(holdout["spend"], expected["clv"], futures.values)
    pit = pd.DataFrame(
        {
            "counts": randomized_pit(purchases.simulated, purchases.actual, rng),
            "value": randomized_pit(value.simulated, value.actual, rng),
        }
    )
    metrics = {
        **_outcome_metrics("purchases", purchases, pit["counts"].to_numpy(), level),
        **_outcome_metrics("value", value, pit["value"].to_numpy(), level),
        **_spend_metrics(purchases, value),
        **_facts(split, level),
    }
    means = _means(purchases, value)
    frequency = split.calibration.customers["frequency"].to_numpy()
    return Backtest(metrics, _by_frequency(frequency, means), _deciles(means, pit, level, rng), pit)


def crps(simulated: Numbers, actual: Floats) -> Floats:
    """Score each customer's simulated outcomes: the fair CRPS, in the outcome's unit.

    mean |x_s - y| - sum_{s,t} |x_s - x_t| / (2 S (S - 1)): unbiased for the CRPS of the distribution that the
    S simulations come from, however few they are, so it may fall below zero. Ferro (2014), Fair scores for
    ensemble forecasts. By sorting: the double sum is 2 sum_k (2k - S + 1) x_(k), k = 0 to S - 1.

    >>> crps(np.array([[0.0, 2.0]]), np.array([1.0]))
    array([0.])
    """
    size = simulated.shape[1]
    weights = (2.0 * np.arange(size) - size + 1) / (size * (size - 1))
    scores = np.empty(len(actual))
    for rows in _chunks(simulated):
        drawn = np.sort(simulated[rows], axis=1).astype(np.float64)
        scores[rows] = np.abs(drawn - actual[rows, None]).mean(axis=1) - drawn @ weights
    return scores


def randomized_pit(simulated: Numbers, actual: Floats, rng: np.random.Generator) -> Floats:
    """Place each outcome among its own simulations: uniform on (0, 1) when it is one of their kind.

    u = (#{x_s < y} + V (#{x_s = y} + 1)) / (S + 1) with V uniform: the rank of y among S + 1 exchangeable
    values, spread evenly over its ties and its own step, so exactly uniform for every S. The randomised PIT
    of Czado, Gneiting & Held (2009), Predictive model assessment for count data, for an ensemble.
    """
    below, equal = np.empty(len(actual)), np.empty(len(actual))
    for rows in _chunks(simulated):
        below[rows] = np.count_nonzero(simulated[rows] < actual[rows, None], axis=1)
        equal[rows] = np.count_nonzero(simulated[rows] == actual[rows, None], axis=1)
    placed: Floats = (below + rng.random(len(actual)) * (equal + 1)) / (simulated.shape[1] + 1)
    return placed


def track(counts: pd.DataFrame, expected_new_customer: Floats, *, cutoff: date, level: float) -> pd.DataFrame:
    """Follow repeat purchases week by week, through calibration and holdout, beside their expectation.

    For each day that is whole weeks away from the cut-off (so that no week is in both): cumulative repeat
    purchases of the customers born by the cut-off, the expectation sum_{births} E[X(day - birth)] with its
    *credible* interval, and both in weekly increments; the first week may be short, a short last one is left
    out. Fader, Hardie & Lee (2005), "Counting your customers" the easy way, the tracking plots.

    Args:
        counts: `date`, `births` and `repeats` of the customers born by the cut-off, every day once, the last being
            that of the holdout (`rfm.daily_counts`).
        expected_new_customer: expected repeat purchases within t days of the first, (draws, t = 0, 1, 2...).
        cutoff: last day of the calibration.
        level: the level of the credible interval.
    """
    births, repeats, end = counts["births"].to_numpy(), counts["repeats"].to_numpy(), counts["date"].iloc[-1].date()
    if cutoff > end:
        raise BacktestError(f"The cut-off {cutoff} is after the end {end}.")
    last = len(births) - 1
    if expected_new_customer.shape[1] <= last:
        raise BacktestError(
            f"expected_new_customer ends {expected_new_customer.shape[1] - 1:,} days after the first purchase"
            f"; the log runs for {last:,} days to {end}."
        )
    anchor = last - (end - cutoff).days
    days = np.arange(anchor % 7, last + 1, 7)
    age = days[None, :] - np.arange(last + 1)[:, None]
    born_at_age = np.where(age >= 0, births[np.maximum(age, 0)], 0)
    drawn = expected_new_customer[:, : last + 1] @ born_at_age.astype(np.float64)
    low, high = _central(drawn, level)
    actual, expected = np.cumsum(repeats)[days], drawn.mean(axis=0)
    return pd.DataFrame(
        {
            "day": pd.Timestamp(end) - pd.to_timedelta(last - days, unit="D"),
            "actual": actual,
            "expected": expected,
            "low": low,
            "high": high,
            "weekly_actual": np.diff(actual, prepend=0),
            "weekly_expected": np.diff(expected, prepend=0.0),
        }
    )


def _refuse_unlike(split: "Split", futures: "Futures", expected: pd.DataFrame, level: float) -> None:
    ids = split.calibration.customers["customer_id"]
    lost = [name for name in ("customer_id", "expected_purchases", "clv") if name not in expected.columns]
    faults = [f"expected lacks the column {name}" for name in lost]
    if not lost and not np.array_equal(expected["customer_id"].to_numpy(object), ids.to_numpy(object)):
        faults.append("expected must hold the calibration's customers in the calibration's order")
    if not lost and not np.isfinite(expected[["expected_purchases", "clv"]].to_numpy(np.float64)).all():
        faults.append("expected must be finite")
    shape, draws = futures.counts.shape, futures.counts.shape[-1]
    if shape != futures.values.shape or shape != (len(ids), draws) or draws < 2:
        faults.append(
            f"futures must be counts and values of one shape, {len(ids):,} customers by two draws or more, "
            f"not {shape} and {futures.values.shape}"
        )
    elif not np.isfinite(futures.values.sum(axis=0)).all():
        faults.append("futures must be finite")
    if len(ids) == 0:
        faults.append("the calibration has no customers")
    if not 0 < level < 1:
        faults.append(f"level must be between 0 and 1, got {level:g}")
    if faults:
        raise BacktestError(f"The holdout cannot be compared: {'; '.join(faults)}.")


def _outcome(actual: "pd.Series[Any]", expected: "pd.Series[Any]", simulated: Numbers) -> _Outcome:
    totals = simulated.sum(axis=0, dtype=np.float64)
    return _Outcome(actual.to_numpy(np.float64), expected.to_numpy(np.float64), simulated, totals)


def _outcome_metrics(name: str, outcome: _Outcome, pit: Floats, level: float) -> dict[str, float]:
    found = {**_totals(outcome, level), **_errors(outcome), **_tails(pit, level)}
    return {f"{name}.{metric}": float(value) for metric, value in found.items()}


def _totals(outcome: _Outcome, level: float) -> dict[str, float]:
    actual, expected, totals = outcome.actual.sum(), outcome.expected.sum(), outcome.totals
    low, high = _central(totals, level)
    return {
        "actual_total": actual,
        "expected_total": expected,
        "total_low": float(low),
        "total_high": float(high),
        "total_holds_actual": float(low <= actual <= high),
        "bias": _ratio(expected, actual) - 1,
        "bias_se": _ratio(totals.std(ddof=1), expected),
    }


def _errors(outcome: _Outcome) -> dict[str, float]:
    actual, expected = outcome.actual, outcome.expected
    scores = crps(outcome.simulated, actual)
    return {
        "mae": np.abs(expected - actual).mean(),
        "rmse": np.sqrt(np.square(expected - actual).mean()),
        "correlation": _correlation(expected, actual),
        "spearman": _correlation(_ranks(expected), _ranks(actual)),
        "crps": scores.mean(),
        "crps_se": scores.std(ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else np.nan,
    }


def _tails(pit: Floats, level: float) -> dict[str, float]:
    tail = (1 - level) / 2
    tail_se = np.sqrt(tail * (1 - tail) / len(pit))
    return {
        "pit_coverage": _inside(pit, level).mean(),
        "pit_coverage_se": np.sqrt(level * (1 - level) / len(pit)),
        "pit_low_tail": (pit < tail).mean(),
        "pit_low_tail_se": tail_se,
        "pit_high_tail": (pit > 1 - tail).mean(),
        "pit_high_tail_se": tail_se,
    }


def _spend_metrics(purchases: _Outcome, value: _Outcome) -> dict[str, float]:
    """Compare spend per purchase: the holdout's whole value over its whole number of purchases.

    Not a mean of customers' means: the zeros of those who bought nothing would mix "none" with "cheap".
    """
    expected = _ratio(value.expected.sum(), purchases.expected.sum())
    actual = _ratio(value.actual.sum(), purchases.actual.sum())
    counted = purchases.totals > 0
    drawn = value.totals[counted] / purchases.totals[counted]
    spread = float(drawn.std(ddof=1)) if len(drawn) > 1 else np.nan
    found = (expected, actual, _ratio(expected, actual) - 1, _ratio(spread, expected))
    return {f"spend_per_purchase.{name}": number for name, number in zip(_SPEND, found, strict=True)}


def _facts(split: "Split", level: float) -> dict[str, float]:
    customers = split.calibration.customers
    repeat = customers[customers["frequency"] > 0]
    frequency, spend = repeat["frequency"].to_numpy(np.float64), repeat["monetary_value"].to_numpy(np.float64)
    return {
        "level": level,
        "horizon_days": float(split.horizon_days),
        "customers": float(len(customers)),
        "repeat_buyers": float(len(repeat)),
        "one_time_share": 1 - len(repeat) / len(customers),
        "holdout_buyers": float((split.holdout["purchases"] > 0).sum()),
        "born_in_holdout": float(split.born_in_holdout),
        # On mean spend per purchase day: a sum of spend would correlate with frequency by itself.
        "spend_frequency_correlation": _correlation(frequency, spend),
        "spend_frequency_correlation_se": _ratio(1.0, np.sqrt(max(len(repeat) - 1, 0))),
        "spend_frequency_rank_correlation": _correlation(_ranks(frequency), _ranks(spend)),
    }


def _means(purchases: _Outcome, value: _Outcome) -> pd.DataFrame:
    columns = (purchases.actual, purchases.expected, value.actual, value.expected)
    return pd.DataFrame(dict(zip(_MEANS, columns, strict=True)))


def _by_frequency(frequency: Numbers, means: pd.DataFrame) -> pd.DataFrame:
    """Group by the frequency itself, so that an absent one is an empty row and not its neighbour's."""
    groups = means.groupby(np.minimum(frequency, len(FREQUENCIES) - 1))
    everyone = range(len(FREQUENCIES))
    table = groups.mean().reindex(everyone)
    table.insert(0, "customers", groups.size().reindex(everyone, fill_value=0))
    table.insert(0, "frequency", list(FREQUENCIES))
    return table.reset_index(drop=True)


def _deciles(means: pd.DataFrame, pit: pd.DataFrame, level: float, rng: np.random.Generator) -> pd.DataFrame:
    size = len(means)
    # Customers with one history share one expectation; the order of the table must not decide among them.
    ranked = np.lexsort((rng.random(size), -means["expected_value"].to_numpy()))
    decile = np.empty(size, dtype=np.int64)
    decile[ranked] = np.arange(size) * 10 // size + 1
    inside = {
        "purchases_coverage": _inside(pit["counts"].to_numpy(), level).astype(np.float64),
        "value_coverage": _inside(pit["value"].to_numpy(), level).astype(np.float64),
    }
    groups = means.assign(**inside).groupby(decile)
    table = groups.mean()
    table.insert(0, "customers", groups.size())
    return table.rename_axis("decile").reset_index()


def _central(drawn: Floats, level: float) -> Floats:
    """Bound the central `level` by order statistics (the inverted CDF), over the first axis."""
    tail = (1 - level) / 2
    bounds: Floats = np.quantile(drawn, [tail, 1 - tail], axis=0, method="inverted_cdf")
    return bounds


def _inside(pit: Floats, level: float) -> NDArray[np.bool_]:
    tail = (1 - level) / 2
    inside: NDArray[np.bool_] = (pit >= tail) & (pit <= 1 - tail)
    return inside


def _correlation(a: Floats, b: Floats) -> float:
    """Correlate (Pearson); NaN where either is constant or there are fewer than two."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Floats) -> Floats:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under != 0 else float("nan")


def _chunks(simulated: Numbers) -> Iterator[slice]:
    """Cut the customers so that a chunk's temporaries stay small."""
    size = max(1, _CELLS_AT_ONCE // simulated.shape[1])
    return (slice(start, start + size) for start in range(0, len(simulated), size))
