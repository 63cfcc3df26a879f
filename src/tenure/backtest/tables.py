"""The tables of a backtest: groups of customers, with expected and actual outcomes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .outcome import Outcome

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

GROUPS = ("everyone", "one_time", "repeat", "top_decile")
LEVELS = (0.50, 0.80, 0.90, 0.95)
FREQUENCIES = ("0", "1", "2", "3", "4", "5", "6", "7+")
LEAST_IN_TENTH = 30  # with fewer, the normal approximation of two standard errors is poor
PLACES = ("inside", "below", "above")
MEANS = ("actual_purchases", "expected_purchases", "actual_spend", "expected_spend")
COLUMNS = {
    "by_frequency": ("frequency", "customers", *MEANS),
    "deciles": ("decile", "customers", *MEANS, "purchases_coverage", "spend_coverage"),
    "coverage": ("outcome", "group", "level", "customers", *PLACES, "inside_se", "tail_se"),
    "reliability": ("low", "high", "customers", "predicted", "actual", "predicted_se"),
}


def tabulate_coverage(outcomes: dict[str, Outcome], groups: dict[str, Bools]) -> pd.DataFrame:
    """Return the shares of customers inside, below and above central intervals, by outcome, group and level."""
    return pd.DataFrame(_coverage(outcomes, groups))


def _coverage(outcomes: dict[str, Outcome], groups: dict[str, Bools]) -> Iterator[dict[str, Any]]:
    for outcome, measured in outcomes.items():
        for group, members in groups.items():
            pit = measured.pit[members]
            for level in LEVELS:
                yield {
                    "outcome": outcome,
                    "group": group,
                    "level": level,
                    "customers": len(pit),
                    **dict(zip(PLACES, share_by_place(pit, level), strict=True)),
                    "inside_se": share_error(level, len(pit)),
                    "tail_se": share_error((1 - level) / 2, len(pit)),
                }


def share_by_place(pit: Floats, level: float) -> tuple[float, float, float]:
    """Return the shares inside the central `level`, below it and above it; NaN of no customers."""
    if len(pit) == 0:
        return (np.nan,) * 3
    tail = (1 - level) / 2
    below, above = (pit < tail).mean(), (pit > 1 - tail).mean()
    return float(is_inside(pit, level).mean()), float(below), float(above)


def share_error(share: float, size: int) -> float:
    """Return the standard error of a share of customers; NaN of no customers."""
    return float(np.sqrt(share * (1 - share) / size)) if size else np.nan


def tabulate_reliability(p_purchase: Floats, bought: Bools) -> pd.DataFrame:
    """Return customers grouped by their predicted probability, in tenths; always ten rows."""
    tenth = np.minimum((p_purchase * 10).astype(np.int64), 9)
    groups = pd.DataFrame({"predicted": p_purchase, "actual": bought.astype(np.float64)}).groupby(tenth)
    table = groups.mean().reindex(range(10))
    count = groups.size().reindex(range(10), fill_value=0)
    table["predicted_se"] = np.sqrt(table["predicted"] * (1 - table["predicted"]) / count.where(count > 0))
    for at, (name, column) in enumerate((("low", table.index / 10), ("high", (table.index + 1) / 10))):
        table.insert(at, name, column)
    table.insert(2, "customers", count)
    return table.reset_index(drop=True)


class Gap(NamedTuple):
    """The tenth of predicted probability with the largest gap beyond chance; NaN where no tenth counts.

    Args:
        size: the distance of the predicted share from the share who bought, less two standard errors, at least 0.
        tenth_se: the standard error of the predicted share.
        predicted: the mean predicted probability.
        bought: the share who bought.
        customers: how many customers it has.
        low, high: the predicted probabilities between which it lies.
    """

    size: float = np.nan
    tenth_se: float = np.nan
    predicted: float = np.nan
    bought: float = np.nan
    customers: float = np.nan
    low: float = np.nan
    high: float = np.nan


def largest_gap(reliability: pd.DataFrame) -> Gap:
    """Find the tenth of predicted probability with the largest gap beyond chance.

    Tenths of fewer than `LEAST_IN_TENTH` customers do not count. The maximum calibration error of Naeini, Cooper &
    Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI 29, net of the consistency
    bars of Bröcker & Smith (2007), Increasing the reliability of reliability diagrams, Weather and Forecasting 22. A
    mean over customers would hide a small group among many customers.
    """
    tenths = reliability[reliability["customers"] >= LEAST_IN_TENTH]
    if tenths.empty:
        return Gap()
    beyond = ((tenths["predicted"] - tenths["actual"]).abs() - 2 * tenths["predicted_se"]).to_numpy(np.float64)
    worst = tenths.iloc[int(beyond.argmax())]
    numbers = (worst[name] for name in ("predicted_se", "predicted", "actual", "customers", "low", "high"))
    return Gap(max(float(beyond.max()), 0.0), *map(float, numbers))


def tabulate_customers(purchases: Outcome, spend: Outcome) -> pd.DataFrame:
    """Return each customer's actual and expected outcomes, to be averaged over groups."""
    columns = (purchases.actual, purchases.expected, spend.actual, spend.expected)
    return pd.DataFrame(dict(zip(MEANS, columns, strict=True)))


def tabulate_frequencies(frequency: NDArray[Any], means: pd.DataFrame) -> pd.DataFrame:
    """Return means by calibration frequency; a frequency of no customers is an empty row."""
    groups = means.groupby(np.minimum(frequency, len(FREQUENCIES) - 1))
    everyone = range(len(FREQUENCIES))
    table = groups.mean().reindex(everyone)
    table.insert(0, "customers", groups.size().reindex(everyone, fill_value=0))
    table.insert(0, "frequency", list(FREQUENCIES))
    return table.reset_index(drop=True)


def sort_into_deciles(expected: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return each customer's tenth by expected spend, 1 the highest.

    Ties are broken at random: customers with equal histories have equal expectations.
    """
    size = len(expected)
    ranked = np.lexsort((rng.random(size), -expected))
    decile = np.empty(size, dtype=np.int64)
    decile[ranked] = np.arange(size) * 10 // size + 1
    return decile


def tabulate_deciles(decile: NDArray[np.int64], purchases: Outcome, spend: Outcome, level: float) -> pd.DataFrame:
    """Return means of ten groups of customers by expected spend, 1 the highest."""
    inside = {
        "purchases_coverage": is_inside(purchases.pit, level).astype(np.float64),
        "spend_coverage": is_inside(spend.pit, level).astype(np.float64),
    }
    groups = tabulate_customers(purchases, spend).assign(**inside).groupby(decile)
    table = groups.mean()
    table.insert(0, "customers", groups.size())
    return table.rename_axis("decile").reset_index()


def is_inside(pit: Floats, level: float) -> Bools:
    """Return whether each customer's outcome lies in the central `level` of its own samples."""
    tail = (1 - level) / 2
    inside: Bools = (pit >= tail) & (pit <= 1 - tail)
    return inside
