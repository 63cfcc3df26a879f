"""For whom the forecast is wrong: bias and coverage by group of customers, with the number of comparisons in mind."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from tenure.outcomes import OUTCOMES
from tenure.summary import JOINED, distinct_segments

from .measurement import Backtest
from .outcome import Outcome
from .scores import ratio
from .tables import share_by_place

type Rows = NDArray[np.bool_]

LEAST_CUSTOMERS = 20  # of a segment that is compared by itself
ERROR_RATE = 0.05  # probability that any group differs by chance, of all comparisons together
COVERED = 0.90
BUYERS = "buyers"
ONE_TIME, REPEAT, REST = "one-time buyers", "repeat buyers", "(small segments)"
GROUP_COLUMNS = (
    "by", "group", "outcome", "customers", "actual", "expected", "bias", "bias_se", "p_value", "is_beyond_chance",
    "bias_beyond_chance", "coverage_90", "coverage_beyond_chance",
)  # fmt: skip
MEASURES = ("bias", "coverage")
GROUP_METRICS = (
    "segments_compared",
    *(f"{outcome}.{group}.{measure}_beyond_chance"
      for outcome in OUTCOMES for group in ("one_time", "repeat", "segments") for measure in MEASURES),
)  # fmt: skip


def tabulate_groups(backtest: Backtest, customers: pd.DataFrame, segments: Sequence[str] = ()) -> pd.DataFrame:
    """Tabulate bias and coverage of one-time buyers, of repeat buyers and of each segment.

    `bias` is the expected total over the actual one, less 1; `bias_se` its standard error, from the customers' errors.
    `p_value` is that of a bias of 0. `is_beyond_chance` is by Holm's (1979) procedure over all rows: the probability
    that any row is so by chance is at most `ERROR_RATE`. `bias_beyond_chance` is the bias less its chance error, and 0
    within it; the error is Bonferroni's for all rows. `coverage_beyond_chance` is so the coverage less 90%.

    Args:
        backtest: the measured forecast.
        customers: of the calibration window, in the same order.
        segments: their columns by which there are segments.
    """
    rows = [
        _row(by, group, name, backtest.outcome(name), members)
        for by, group, members in _groups(customers, segments)
        for name in OUTCOMES
    ]
    table = pd.DataFrame(rows)
    table["is_beyond_chance"] = _holm(table["p_value"].to_numpy(float))
    for name, value, error in (("bias", table["excess"], table["excess_se"]),
                               ("coverage", table["coverage_90"] - COVERED, table["coverage_se"])):  # fmt: skip
        table[f"{name}_beyond_chance"] = _beyond_chance(value.to_numpy(float), error.to_numpy(float))
    return table[list(GROUP_COLUMNS)]


def _groups(customers: pd.DataFrame, segments: Sequence[str]) -> Iterator[tuple[str, str, Rows]]:
    is_repeat = customers["frequency"].to_numpy() > 0
    yield BUYERS, ONE_TIME, ~is_repeat
    yield BUYERS, REPEAT, is_repeat
    if not segments:
        return
    values, codes = distinct_segments(customers, segments)
    sizes = np.bincount(codes, minlength=len(values))
    for at in np.flatnonzero(sizes >= LEAST_CUSTOMERS):
        yield JOINED.join(segments), JOINED.join(values[at]), codes == at
    if (sizes < LEAST_CUSTOMERS).any():
        yield JOINED.join(segments), REST, sizes[codes] < LEAST_CUSTOMERS


def _row(by: str, group: str, name: str, outcome: Outcome, members: Rows) -> dict[str, object]:
    actual, expected = outcome.actual[members], outcome.expected[members]
    error = float(np.sqrt(np.square(expected - actual).sum()))
    excess = float(expected.sum() - actual.sum())
    scale = float(actual.sum() or expected.sum() or 1.0)
    return {
        "by": by,
        "group": group,
        "outcome": name,
        "customers": int(members.sum()),
        "actual": float(actual.sum()),
        "expected": float(expected.sum()),
        "bias": ratio(float(expected.sum()), float(actual.sum())) - 1,
        "bias_se": ratio(error, float(actual.sum())),
        "p_value": float(2.0 * norm.sf(abs(excess) / error)) if error > 0 else 1.0,
        "coverage_90": share_by_place(outcome.pit[members], COVERED)[0],
        "coverage_se": ratio(float(np.sqrt(COVERED * (1 - COVERED))), float(np.sqrt(members.sum()))),
        # Of a group that bought nothing, relative to what was expected.
        "excess": excess / scale,
        "excess_se": error / scale,
    }


def _holm(p_values: NDArray[np.float64]) -> Rows:
    """Return which hypotheses are rejected at `ERROR_RATE` of all together."""
    order = np.argsort(p_values, kind="stable")
    levels = ERROR_RATE / np.arange(p_values.size, 0, -1)
    is_rejected = np.zeros(p_values.size, bool)
    is_rejected[order] = np.logical_and.accumulate(p_values[order] <= levels)
    return is_rejected


def _beyond_chance(values: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values less their chance error, of all rows together; 0 within it."""
    chance = norm.isf(0.5 * ERROR_RATE / values.size) * errors
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - chance, 0.0))


def measure_groups(table: pd.DataFrame) -> dict[str, float]:
    """Return `GROUP_METRICS`: of one-time buyers, of repeat buyers, and of the segment that is most wrong.

    `segments_compared` counts the segments; without any, their metrics are 0.
    """
    is_segment = table["by"] != BUYERS
    members = {"one_time": table["group"] == ONE_TIME, "repeat": table["group"] == REPEAT, "segments": is_segment}
    metrics = {"segments_compared": float(table.loc[is_segment, "group"].nunique())}
    for name, of_group in members.items():
        for outcome in OUTCOMES:
            rows = table[of_group & (table["outcome"] == outcome)]
            bias, coverage = (rows[f"{measure}_beyond_chance"].to_numpy(float) for measure in MEASURES)
            metrics[f"{outcome}.{name}.bias_beyond_chance"] = bias[np.argmax(np.abs(bias))] if bias.size else 0.0
            metrics[f"{outcome}.{name}.coverage_beyond_chance"] = coverage.min() if coverage.size else 0.0
    return {name: float(value) for name, value in metrics.items()}


def describe_groups(table: pd.DataFrame) -> str:
    """Return for whom the forecast is most wrong, in one sentence."""
    beyond = table[table["is_beyond_chance"] & np.isfinite(table["bias"])]
    if beyond.empty:
        return f"By group: no bias is beyond chance among {len(table)} comparisons."
    worst = beyond.loc[beyond["bias"].abs().idxmax()]
    direction = "more" if worst["bias"] > 0 else "less" if worst["outcome"] == "spend" else "fewer"
    who = worst["group"] if worst["by"] == BUYERS else f"customers of {worst['by']} {worst['group']}"
    others = len(beyond) - 1
    more = f"; {others} more {'bias is' if others == 1 else 'biases are'} beyond chance" if others else ""
    return (
        f"By group: the forecast is most wrong for {who}: {abs(worst['bias']):.0%} {direction} {worst['outcome']} than"
        f" they had, beyond chance among {len(table)} comparisons{more}."
    )
