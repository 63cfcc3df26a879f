"""The scorer: a posterior and customer summaries in, what each customer is worth out."""

import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..posterior import Posterior
from ..streams import stream
from ..summary import CustomerSummary
from .answers import Futures, Months, NewCustomer, Scores, Totals
from .filling import MONTH, KernelOutput, ScoreRequest, fill
from .groups import group
from .intensity import Floats, fractions
from .kernel import SQUARES, TOTALS, Population, Question, allocate_cache, expect_new_customer
from .new_customer import first_orders, value_first_orders
from .params import Params, ScoreError, refuse_no_end

COLUMNS = (
    "p_alive",
    "p_purchase",
    "expected_purchases",
    "purchases_low",
    "purchases_high",
    "expected_spend",
    "clv",
    "clv_low",
    "clv_high",
    "clv_mean_low",
    "clv_mean_high",
)
# What needs no simulation.
EXPECTED = tuple(name for name in COLUMNS if name not in ("purchases_low", "purchases_high", "clv_low", "clv_high"))
# A residual value: the columns of `clv`, and none that counts purchases.
RESIDUAL = {
    "clv": "residual_clv",
    "clv_low": "residual_low",
    "clv_high": "residual_high",
    "clv_mean_low": "residual_mean_low",
    "clv_mean_high": "residual_mean_high",
}
# Days until the discount has taken all but e^-40, in units of 1 / delta: of what is left to come no more than that
# share is beyond, since the intensity of purchases never rises.
TO_INFINITY = 40.0
UNSTABLE_MEANS = 0.1
SHOWN = 3


class HorizonWarning(UserWarning):
    """The horizon is longer than any that the model was checked on."""


class HeavyTailWarning(UserWarning):
    """Some means rest on a few draws of the population."""


class Scorer:
    """Scores customer summaries with a posterior.

    Args:
        posterior: the fitted population.
        validated_horizon_days: the longest horizon that a holdout has checked; scoring beyond it warns.
        threads: how many threads; all available cores when None. It changes no number.
    """

    def __init__(
        self, posterior: Posterior, *, validated_horizon_days: int | None = None, threads: int | None = None
    ) -> None:
        self.posterior = posterior
        self.validated_horizon_days = validated_horizon_days
        self.threads = threads or _available_cores()
        joint = posterior.joint()
        self._population = Population(**joint, chances=posterior.initial_dropout_chances)

    @property
    def draws(self) -> int:
        """Count the joint draws, which is also the number of simulated futures."""
        return int(self._population.r.size)

    @property
    def observed_days(self) -> int | None:
        """Give the longest time that any customer of the fit was observed, where the posterior says so."""
        days: int | None = self.posterior.origin.get("observed_days")
        return days

    def score(
        self,
        customers: pd.DataFrame | CustomerSummary,
        *,
        by: Sequence[str] = (),
        by_month: bool = False,
        advance: Callable[[int], None] | None = None,
        **params: Any,
    ) -> Scores:
        """Score customer summaries: `horizon_days`, `discount_rate`, `margin`, `level`, `seed` as in `Params`.

        Args:
            customers: the five columns of a summary; columns named by `by` may ride along.
            by: columns to total by, such as a country or a channel; a missing value is a group of its own.
            by_month: whether to tell purchases and value month by month too; it changes no other number.
            advance: called with the number of customers of each block that is done, as a progress bar needs it.
            **params: see `Params`.

        Raises ScoreError for params and groups, SummaryError for customers that break the contract; nothing is scored
        then.
        """
        asked = self._ask(params, months=by_month)
        summary, given = _check(customers)
        keys, codes = group(given, by)
        filled = self._fill(summary.table, asked, codes, len(keys), advance=advance)
        frame = _frame(filled.table, given, {name: name for name in COLUMNS})
        whole = ["purchases_low", "purchases_high"]
        frame[whole] = frame[whole].astype("int64")
        groups = dict(zip(keys, filled.groups, strict=True)) if by else {}
        return replace(self._answer(frame, filled, asked, groups, tuple(by)), free_repeat_buyers=_count_free(summary))

    def expect(self, customers: pd.DataFrame | CustomerSummary, **params: Any) -> pd.DataFrame:
        """Give `customer_id` and the columns `EXPECTED` of `score`, the same to the bit, without simulating outcomes.

        Several times faster, for whoever needs means and what is known of them, and no customer's interval.
        """
        asked = self._ask(params, outcomes=False)
        summary, given = _check(customers)
        filled = self._fill(summary.table, asked, *_everyone(summary))
        frame = _frame(filled.table, given, {name: name for name in EXPECTED})
        return self._answer(frame, filled, asked).table

    def residual(
        self,
        customers: pd.DataFrame | CustomerSummary,
        *,
        by: Sequence[str] = (),
        advance: Callable[[int], None] | None = None,
        **params: Any,
    ) -> Scores:
        """Value customers to infinity: `residual_clv`, its predictive and its credible interval.

        Given rate and dropout of an active customer the value of a purchase stream that never stops is
        rate / (delta + dropout * rate) times the mean spend; it is integrated over what is unknown of both. Params are
        those of `Params` without `horizon_days`. Counts are not given: without discount their mean is infinite where
        a <= 1, as E[1 / dropout] is. So the totals have no purchases either.

        Raises ScoreError for a discount rate of 0, with which a value to infinity has no mean either.
        """
        refuse_no_end(params)
        asked = self._ask(params, horizon=TO_INFINITY / Params.of(params).delta)
        summary, given = _check(customers)
        keys, codes = group(given, by)
        filled = self._fill(summary.table, asked, codes, len(keys), advance=advance).without_counts()
        frame = _frame(filled.table, given, RESIDUAL)
        return self._answer(frame, filled, asked, dict(zip(keys, filled.groups, strict=True)) if by else {}, tuple(by))

    def new_customer(self, *, futures: int = 10_000, to_infinity: bool = False, **params: Any) -> NewCustomer:
        """Value a customer who is not yet acquired, from the first order on, which is part of it.

        The first order's mean is the log's, kept with the posterior: the spend model knows repeat purchases only. It
        varies from customer to customer as theirs do, and says as much of the customer's later spend.

        Args:
            futures: how many to simulate, at least; a multiple of the draws.
            to_infinity: value beyond any horizon, as `residual` does.
            **params: see `Params`.

        Raises ScoreError where the posterior does not hold what first orders were worth.
        """
        orders = first_orders(self.posterior)
        if to_infinity:
            refuse_no_end(params)
        horizon = TO_INFINITY / Params.of(params).delta if to_infinity else None
        asked = self._ask(params, horizon=horizon)
        repeats = math.ceil(futures / self.draws)
        rng = stream(asked.params.seed, "scorer.new_customer")
        means, first, populations = value_first_orders(self._population, orders, repeats, rng)
        outcomes = np.empty((repeats, self.draws))
        acquired = CustomerSummary.from_frame(
            pd.DataFrame({"customer_id": ["new"], "frequency": 0, "recency": 0, "T": 0, "monetary_value": 0.0})
        )
        expected = np.empty(0)
        for at, population in enumerate([self._population, *populations]):
            customers = acquired.table.assign(customer_id=f"new {at}")
            sums = self._fill(customers, asked, *_everyone(acquired), population).groups[0]
            if at == 0:
                expected = sums.expected_clv
            else:
                outcomes[at - 1] = sums.clv + asked.params.margin * first[at - 1]
        used = {**asdict(asked.params), **({"horizon_days": None} if to_infinity else {})}
        worth = asked.params.margin * means
        return NewCustomer(outcomes.ravel(), expected + worth, worth, used)

    def simulate(self, customers: pd.DataFrame | CustomerSummary, **params: Any) -> Futures:
        """Simulate every customer's purchases and value in every future; for as many as memory holds."""
        asked = self._ask(params)
        summary, _ = _check(customers)
        shape = (len(summary.table), self.draws)
        futures = Futures(np.empty(shape, np.int32), np.empty(shape))
        fill(summary.table, self._population, asked, *_everyone(summary), threads=self.threads, futures=futures)
        return futures

    def expected_new_customer(self, days: NDArray[np.int64] | Floats) -> Floats:
        """Expect the repeat purchases of a new customer within each number of days, shape (draws, days).

        In the MBG/NBD a share of a / (a + b) is gone right after the first purchase and makes none.
        """
        ends, places = np.unique(np.asarray(days, np.float64), return_inverse=True)
        question = Question(ends, 0.0, 1.0, fractions(np.zeros(ends.size)), 0, 0, with_outcomes=False)
        held = allocate_cache(self.draws, ends.size)
        expect_new_customer(self._population, question, held)
        return held.plain[:, places]

    def _ask(
        self,
        params: Mapping[str, Any],
        *,
        horizon: float | None = None,
        months: bool = False,
        outcomes: bool = True,
    ) -> ScoreRequest:
        asked = Params.of(params)
        # A hair is taken off before rounding up: 10 / (1 - 0.9) is 100.00000000000003 in binary.
        least = math.ceil(10 / (1 - asked.level) - 1e-9)
        if self.draws < least:
            most = math.floor(1000 - 10_000 / self.draws) / 1000
            raise ScoreError(
                f"level {asked.level} leaves fewer than five of {self.draws:,} draws in each tail; "
                f"at least {least:,} draws are needed, or a level of at most {most}."
            )
        limit = self.validated_horizon_days
        if limit is not None and horizon is None and asked.horizon_days > limit:
            warnings.warn(
                f"horizon_days {asked.horizon_days:,} is beyond the {limit:,} days that this model was checked on.",
                HorizonWarning,
                stacklevel=3,
            )
        days = float(asked.horizon_days) if horizon is None else horizon
        return ScoreRequest.of(asked, days, observed=self.observed_days, months=months, outcomes=outcomes)

    def _fill(
        self,
        customers: pd.DataFrame,
        asked: ScoreRequest,
        codes: NDArray[np.int64],
        groups: int,
        population: Population | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> KernelOutput:
        drawn = population or self._population
        return fill(customers, drawn, asked, codes, groups, threads=self.threads, advance=advance)

    def _answer(
        self,
        frame: pd.DataFrame,
        filled: KernelOutput,
        asked: ScoreRequest,
        groups: Mapping[tuple[Any, ...], Totals] | None = None,
        by: tuple[str, ...] = (),
    ) -> Scores:
        """Put the answer together, with what it says of itself in `attrs` too."""
        totals = sum(filled.groups, start=Totals.empty(self.draws))
        beyond, unstable_means = (
            _extrapolated_share(filled, asked, self.observed_days),
            self._unstable_means(frame, filled.table),
        )
        frame.attrs["params"] = asdict(asked.params)
        frame.attrs |= {} if beyond is None else {"extrapolated_share": beyond}
        frame.attrs |= {"unstable_means": unstable_means} if unstable_means else {}
        months = _months(filled, asked, totals.customers) if asked.with_months else None
        return Scores(frame, totals, asked.params, groups or {}, by, months, beyond, unstable_means)

    def _unstable_means(self, frame: pd.DataFrame, table: Floats) -> int:
        """Count, and warn of, the customers whose mean value rests on a few draws (`Scores.unstable_means`)."""
        means = table[:, COLUMNS.index("clv")]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = table[:, SQUARES] / (self.draws * means * means) - 1.0
        found = np.flatnonzero(spread > UNSTABLE_MEANS * UNSTABLE_MEANS * self.draws)
        if found.size:
            first = ", ".join(repr(name) for name in frame["customer_id"].iloc[found[:SHOWN]])
            warnings.warn(
                f"The mean values of {found.size:,} of {len(table):,} customers (first: {first}) rest on a few draws "
                f"of the population: their standard error is above {UNSTABLE_MEANS:.0%}. Take more draws, a shorter "
                "horizon, "
                "or the intervals instead of the mean.",
                HeavyTailWarning,
                stacklevel=4,
            )
        return int(found.size)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check(customers: pd.DataFrame | CustomerSummary) -> tuple[CustomerSummary, pd.DataFrame]:
    if isinstance(customers, CustomerSummary):
        return customers, customers.table
    return CustomerSummary.from_frame(customers), customers


def _everyone(summary: CustomerSummary) -> tuple[NDArray[np.int64], int]:
    return np.zeros(len(summary.table), np.int64), 1


def _frame(table: Floats, given: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Name the columns of the table that were asked for, beside the ids as given."""
    frame = pd.DataFrame({shown: table[:, COLUMNS.index(name)] for name, shown in names.items()})
    frame.insert(0, "customer_id", given["customer_id"].to_numpy())
    return frame


def _extrapolated_share(filled: KernelOutput, asked: ScoreRequest, observed: int | None) -> float | None:
    if observed is None or observed >= asked.ends[-1] or not asked.periods:
        return None
    values = filled.by_period[TOTALS.index("expected_clv")].mean(axis=1)
    total = values.sum()
    return float(values[asked.ends > observed].sum() / total) if total > 0 else None


def _count_free(summary: CustomerSummary) -> int:
    return int(((summary.table["frequency"] > 0) & (summary.table["monetary_value"] == 0)).sum())


def _months(filled: KernelOutput, asked: ScoreRequest, customers: int) -> Months:
    """Put periods together into months: the day up to which customers were observed may cut one in two."""
    months = np.minimum(np.ceil(asked.ends / MONTH - 1e-9), math.ceil(asked.ends[-1] / MONTH - 1e-9))
    starts = np.flatnonzero(np.diff(months, prepend=0.0))
    sums = np.add.reduceat(filled.by_period, starts, axis=1)
    purchases, value = np.add.reduceat(filled.paths, starts, axis=2)
    days = asked.ends[np.append(starts[1:], asked.ends.size) - 1]
    return Months(days, purchases, value, tuple(Totals(customers, *sums[:, k]) for k in range(days.size)))
