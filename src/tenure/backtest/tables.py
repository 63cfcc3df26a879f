"""The tables of a backtest: customers in groups, each with what was foretold and what came."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .outcome import Outcome

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

GROUPS = ("everyone", "one_time", "repeat", "top_decile")
LEVELS = (0.50, 0.80, 0.90, 0.95)
FREQUENCIES = ("0", "1", "2", "3", "4", "5", "6", "7+")
LEAST_IN_TENTH = 30  # with fewer, two standard errors are not what a normal distribution says of them
PLACES = ("inside", "below", "above")
MEANS = ("actual_purchases", "expected_purchases", "actual_spend", "expected_spend")
COLUMNS = {
    "by_frequency": ("frequency", "customers", *MEANS),
    "deciles": ("decile", "customers", *MEANS, "purchases_coverage", "spend_coverage"),
    "coverage": ("outcome", "group", "level", "customers", *PLACES, "inside_se", "tail_se"),
    "reliability": ("low", "high", "customers", "foretold", "actual", "actual_se"),
}


def tabulate_coverage(outcomes: dict[str, Outcome], groups: dict[str, Bools]) -> pd.DataFrame:
    """Give the shares of customers inside, below and above central intervals, by outcome, group and level."""
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
    """Give the shares inside the central `level`, below it and above it; NaN of nobody."""
    if len(pit) == 0:
        return (np.nan,) * 3
    tail = (1 - level) / 2
    below, above = (pit < tail).mean(), (pit > 1 - tail).mean()
    return float(is_inside(pit, level).mean()), float(below), float(above)


def share_error(share: float, size: int) -> float:
    """Give the standard error that chance gives a share of customers; NaN of nobody."""
    return float(np.sqrt(share * (1 - share) / size)) if size else np.nan


def tabulate_reliability(chance: Floats, bought: Bools) -> pd.DataFrame:
    """Group customers by their foretold probability, in tenths; always ten rows."""
    tenth = np.minimum((chance * 10).astype(np.int64), 9)
    groups = pd.DataFrame({"foretold": chance, "actual": bought.astype(np.float64)}).groupby(tenth)
    table = groups.mean().reindex(range(10))
    count = groups.size().reindex(range(10), fill_value=0)
    table["actual_se"] = np.sqrt(table["foretold"] * (1 - table["foretold"]) / count.where(count > 0))
    for at, (name, column) in enumerate((("low", table.index / 10), ("high", (table.index + 1) / 10))):
        table.insert(at, name, column)
    table.insert(2, "customers", count)
    return table.reset_index(drop=True)


def largest_gap(reliability: pd.DataFrame) -> tuple[float, float]:
    """Find the tenth of foretold probability that is most off beyond chance: by how much, and its standard error.

    The distance of the share foretold from the share who bought, less two of the standard errors that chance gives it,
    0 where that explains it all; tenths of fewer than `LEAST_IN_TENTH` customers do not count, NaN where none does. The
    maximum calibration error of Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using
    Bayesian binning, AAAI 29, net of the consistency bars of Bröcker & Smith (2007), Increasing the reliability of
    reliability diagrams, Weather and Forecasting 22. A mean over customers would lose a small group in a large base.
    """
    known = reliability[reliability["customers"] >= LEAST_IN_TENTH]
    if known.empty:
        return np.nan, np.nan
    error = known["actual_se"].to_numpy(np.float64)
    beyond = (known["foretold"] - known["actual"]).abs().to_numpy(np.float64) - 2 * error
    worst = beyond.argmax()
    return max(float(beyond[worst]), 0.0), float(error[worst])


def customers_means(purchases: Outcome, spend: Outcome) -> pd.DataFrame:
    """Lay out each customer's actual and expected outcomes, to be averaged over groups."""
    columns = (purchases.actual, purchases.expected, spend.actual, spend.expected)
    return pd.DataFrame(dict(zip(MEANS, columns, strict=True)))


def tabulate_frequencies(frequency: NDArray[Any], means: pd.DataFrame) -> pd.DataFrame:
    """Group by the frequency itself, so that an absent one is an empty row and not its neighbour's."""
    groups = means.groupby(np.minimum(frequency, len(FREQUENCIES) - 1))
    everyone = range(len(FREQUENCIES))
    table = groups.mean().reindex(everyone)
    table.insert(0, "customers", groups.size().reindex(everyone, fill_value=0))
    table.insert(0, "frequency", list(FREQUENCIES))
    return table.reset_index(drop=True)


def sort_into_deciles(expected: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each customer a tenth by expected spend, 1 the highest.

    Customers with one history share one expectation; the order of the table must not decide among them.
    """
    size = len(expected)
    ranked = np.lexsort((rng.random(size), -expected))
    decile = np.empty(size, dtype=np.int64)
    decile[ranked] = np.arange(size) * 10 // size + 1
    return decile


def tabulate_deciles(decile: NDArray[np.int64], purchases: Outcome, spend: Outcome, level: float) -> pd.DataFrame:
    """Average customers in ten groups by expected spend, 1 the highest."""
    inside = {
        "purchases_coverage": is_inside(purchases.pit, level).astype(np.float64),
        "spend_coverage": is_inside(spend.pit, level).astype(np.float64),
    }
    groups = customers_means(purchases, spend).assign(**inside).groupby(decile)
    table = groups.mean()
    table.insert(0, "customers", groups.size())
    return table.rename_axis("decile").reset_index()


def is_inside(pit: Floats, level: float) -> Bools:
    """Tell whose outcome lies in the central `level` of its own samples."""
    tail = (1 - level) / 2
    inside: Bools = (pit >= tail) & (pit <= 1 - tail)
    return inside
