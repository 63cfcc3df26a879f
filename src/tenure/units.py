"""Compare the units of money and time of what is scored with those of what the model was fitted to.

A log in cents, scored by a model of dollars, breaks no rule of the summary, and a summary in weeks looks like one of
very busy customers. Such a log must be distinguished from a list of the best or of the newest customers:

Money. The median of repeat buyers' spend per purchase is compared with that of the fit. Selection by value raises it
by a small factor (for the best hundredth of the shipped sample 1.5), a hundred cents by 100. So a factor of 20 is an
error. Prices and shops differ by less; from 3 on there is a warning.

Time. A log has dates, so only a summary can be wrong. The number of purchases beside the expected number at the same
T is not enough: the best hundredth have ten times as many, and since expectations level off (customers leave) weeks
for days come to 4.5 times as many in the sample, not 7. So the clock itself is estimated: the factor on every T at
which the model expects as many purchases as there are. Weeks come to 6.8, months to 26, hours to 1/25. From a factor
of 5 on, it is an error if the number of purchases differs by a factor of 2.5 too (where expectations are level, a few
purchases more are many days) and selection is no explanation:
- More purchases than expected: at that clock the model must also explain how purchases are spread over customers,
  one-time buyers included. A wrong unit stretches the time of all alike; a list of the best has no customers with few
  purchases.
- Fewer: half the customers would have been observed five times as long as any was by the model's time. Lapsed
  customers have few purchases too, but no list has customers from long before the shop's.

Fewer than 30 repeat buyers are no evidence, since their median may be anything: they raise no error.
"""

import datetime as dt
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import InputError, Reason
from .scorer import Scorer
from .summary import FADED

type Floats = NDArray[np.float64]

ERROR, WARNING = 20.0, 3.0  # factors of money
CLOCK, SURPLUS = 5.0, 2.5  # factors of time and of purchases
LEAST_BUYERS = 30
LIKE = 0.25  # largest gap between two distributions of one shape; a list of the best has one above 0.4
HORIZONS = np.geomspace(0.05, 1e6, 64)  # days at which a new customer's purchases are expected
CLOCKS = np.geomspace(1e-5, 1e4, 1_000)
TIMES = 20  # quantiles of T that stand for all customers
SETTING = "score.allow_unit_change=true"


class UnitError(InputError):
    """Money or time is in another unit than that of the model."""

    reason = Reason.BAD_LOG


@dataclass
class Seen:
    """What the comparison needs of the customers, collected part by part.

    Its size does not grow with their number: customers are counted by their history and by their spend in four digits.

    Attributes:
        spends: repeat buyers who paid for a purchase, by their mean spend per purchase.
        history: customers by `T` and `frequency`.
    """

    spends: "pd.Series[int]" = field(default_factory=lambda: pd.Series(dtype="int64"))
    histories: "pd.Series[int]" = field(default_factory=lambda: pd.Series(dtype="int64"))

    def add(self, customers: pd.DataFrame) -> None:
        """Add some customers of a valid summary."""
        spend = customers.loc[customers["frequency"] > 0, "monetary_value"].to_numpy(np.float64)
        spend = spend[spend > 0]
        step = 10.0 ** np.maximum(np.floor(np.log10(spend)) - 3, -300)
        self.spends = _added(self.spends, pd.Series(np.rint(spend / step) * step).value_counts(sort=False))
        self.histories = _added(self.histories, customers.groupby(["T", "frequency"]).size())

    @property
    def buyers(self) -> int:
        """Count the repeat buyers who paid for a purchase."""
        return int(self.spends.sum())

    def median_spend(self) -> float:
        """Return the median of their mean spends per purchase, in four digits."""
        ordered = self.spends.sort_index()
        last = ordered.to_numpy().cumsum()
        middle = np.searchsorted(last, [(self.buyers - 1) // 2, self.buyers // 2], side="right")
        return float(ordered.index.to_numpy(np.float64)[middle].mean())

    def history(self) -> pd.DataFrame:
        """Return `T`, `frequency` and the number of customers with both (`size`)."""
        return self.histories.rename_axis(["T", "frequency"]).rename("size").reset_index()


def _added(counts: "pd.Series[int]", more: "pd.Series[int]") -> "pd.Series[int]":
    """Add counts by their index."""
    if counts.empty:
        return more
    both = pd.concat([counts, more])
    return both.groupby(level=list(range(both.index.nlevels))).sum()


def compare_money(seen: Seen, origin: Mapping[str, Any]) -> str | None:
    """Return a warning about the unit of money, if there is reason for one.

    Raises UnitError for another unit.
    """
    buyers, fitted = seen.buyers, origin.get("repeat_spend")
    if fitted is None or not buyers:
        return None
    here, there = seen.median_spend(), float(fitted["median"])
    factor = max(here / there, there / here)
    text = (
        f"{buyers:,} repeat buyers spend {here:,.4g} per purchase (median), and the {fitted['customers']:,} that"
        f" the model was fitted to {there:,.4g}: a factor of {factor:,.3g}"
    )
    if factor > ERROR and buyers >= LEAST_BUYERS:
        raise UnitError(
            f"{text}. Money seems to be in another unit, such as cents or another currency: convert the amounts, or"
            f" train a model on such a log. To score nevertheless: {SETTING}."
        )
    # Of a few customers the median varies by more than the lower factor.
    is_notable = factor > (WARNING if buyers >= LEAST_BUYERS else ERROR)
    return f"{text}. Is money in the unit of the model?" if is_notable else None


def compare_time(seen: Seen, scorer: Scorer, as_of: str | None) -> None:
    """Raise UnitError for a summary whose days are not the model's, such as one in weeks."""
    history = seen.history()
    if history.loc[history["frequency"] > 0, "size"].sum() < LEAST_BUYERS:
        return
    clock, ratio = _clock(history, scorer)
    is_other = False
    if clock >= CLOCK and ratio >= SURPLUS:
        is_other = _spread_alike(history, clock, scorer)
    if clock <= 1 / CLOCK and ratio <= 1 / SURPLUS:
        is_other = _observed_too_long(history, scorer, as_of)
    if is_other:
        times = f"{clock:,.1f} times as long" if clock > 1 else f"{1 / clock:,.1f} times as short"
        raise UnitError(
            f"{history['size'].sum():,} customers have {_purchases(history):,} repeat purchases and T up to"
            f" {history['T'].max():,}: the model expects as many over a time {times}. Recency and T seem not to be in"
            f" days ({_guess(clock)}): convert them. To score nevertheless: {SETTING}."
        )


def _clock(history: pd.DataFrame, scorer: Scorer) -> tuple[float, float]:
    """Find the factor on every T at which the model expects as many purchases as there are, and their ratio at T."""
    expected = np.append(0.0, scorer.expected_new_customer(HORIZONS).mean(axis=0))
    by_T = history.groupby("T")["size"].sum()
    times, sizes = by_T.index.to_numpy(np.float64), by_T.to_numpy(np.float64)
    days = np.append(0.0, HORIZONS)
    totals = np.array([np.interp(factor * times, days, expected) @ sizes for factor in CLOCKS])
    purchases, at_T = _purchases(history), float(np.interp(times, days, expected) @ sizes)
    clock = float(CLOCKS[min(int(np.searchsorted(totals, purchases)), CLOCKS.size - 1)])
    return clock, purchases / at_T if at_T > 0 else np.inf


def _purchases(history: pd.DataFrame) -> int:
    return int((history["frequency"] * history["size"]).sum())


def _spread_alike(history: pd.DataFrame, clock: float, scorer: Scorer) -> bool:
    """Return whether the model, at that clock, spreads purchases over customers as they are spread."""
    times = np.quantile(np.repeat(history["T"], history["size"]), (np.arange(TIMES) + 0.5) / TIMES)
    new = pd.DataFrame({"customer_id": ["new"], "frequency": 0, "recency": 0, "T": 0, "monetary_value": 0.0})
    new = new.assign(**dict.fromkeys(FADED, 0.0))
    simulated = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a long horizon
        for at, days in enumerate(np.clip(np.rint(clock * times), 1, 10_950).astype(int)):
            simulated.append(scorer.simulate(new.assign(customer_id=f"new {at}"), horizon_days=int(days)).purchases[0])
    counts = np.sort(np.concatenate(simulated))
    by_count = history.groupby("frequency")["size"].sum()
    shares = by_count.cumsum() / by_count.sum()
    of_model = np.searchsorted(counts, by_count.index.to_numpy(), side="right") / counts.size
    below = np.searchsorted(counts, by_count.index.to_numpy(), side="left") / counts.size
    gaps = [np.abs(shares - of_model), np.abs(shares.shift(fill_value=0.0) - below)]
    return bool(np.max(gaps) < LIKE)


def _observed_too_long(history: pd.DataFrame, scorer: Scorer, as_of: str | None) -> bool:
    """Return whether half the customers were observed far longer than any can have been by the model's time."""
    origin = scorer.posterior.origin
    longest = origin.get("observed_days")
    if longest is None:
        return False
    try:
        since = (dt.date.fromisoformat(str(as_of)) - dt.date.fromisoformat(str(origin.get("as_of")))).days
    except ValueError:
        since = 0  # one of the days is missing
    return bool(np.median(np.repeat(history["T"], history["size"])) > CLOCK * (longest + max(since, 0)))


def _guess(clock: float) -> str:
    """Return the unit of time nearest to a clock, in words."""
    units = {"years": 365.0, "months": 30.4, "weeks": 7.0, "hours": 1 / 24, "minutes": 1 / 1_440, "seconds": 1 / 86_400}
    return f"rather in {min(units, key=lambda name: abs(np.log(units[name] / clock)))}"
