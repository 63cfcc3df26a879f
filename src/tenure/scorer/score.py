"""The scorer: from a posterior and customer summaries to scores."""

import logging
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
from ..summary import FADED, CustomerSummary
from .batching import KernelOutput, ScoreRequest, expect_new_customer, score_batches, sum_extrapolated, sum_months
from .columns import COLUMNS, COUNTS, EXPECTED, RESIDUAL, SQUARES
from .groups import group
from .kernel import Floats
from .models import Draws, Populations
from .new_customer import first_orders, mix, value_first_orders
from .params import Params, ScoreError, refuse_no_end
from .results import Futures, NewCustomer, Scores, Totals
from .segments import SegmentPopulations

# Days until the discount is e^-40, in units of 1 / delta. No larger share of a value lies beyond, since the intensity
# of purchases never rises.
TO_INFINITY = 40.0
UNSTABLE_MEANS = 0.1
SHOWN = 3
log = logging.getLogger("tenure")


class HorizonWarning(UserWarning):
    """The horizon is longer than any that was validated on a holdout."""


class HeavyTailWarning(UserWarning):
    """Some means rest on a few draws of the population."""


class Scorer:
    """Scores customer summaries with a posterior.

    Args:
        posterior: the fitted population.
        validated_horizon_days: the longest horizon that was validated on a holdout; scoring beyond it warns.
        threads: how many threads; all available cores when None. It changes no number.
    """

    def __init__(
        self, posterior: Posterior, *, validated_horizon_days: int | None = None, threads: int | None = None
    ) -> None:
        self.posterior = posterior
        self.validated_horizon_days = validated_horizon_days
        self.threads = threads or _available_cores()
        self._segments = SegmentPopulations(posterior)
        without, self._is_logged = posterior.for_missing_columns(), False
        self._without_columns = None if without is None else SegmentPopulations(without)

    @property
    def draws(self) -> int:
        """Count the joint draws, which is also the number of simulated futures."""
        return self.posterior.size

    @property
    def observed_days(self) -> int | None:
        """Return the longest time that any customer of the fit was observed; None where the posterior lacks it."""
        days: int | None = self.posterior.origin.get("observed_days")
        return days

    def score(
        self,
        customers: pd.DataFrame | CustomerSummary,
        *,
        by: Sequence[str] = (),
        by_month: bool = False,
        with_futures: bool = False,
        advance: Callable[[int], None] | None = None,
        **params: Any,
    ) -> Scores:
        """Score customer summaries: `horizon_days`, `discount_rate`, `margin`, `level`, `seed` as in `Params`.

        Args:
            customers: the five columns of a summary, those of `summary.OPTIONAL` that are at hand, and the columns
                named in `by`.
            by: columns to total by, such as a country or a channel; a missing value is a group of its own.
            by_month: whether to return purchases and value month by month too; it changes no other number.
            with_futures: whether to return every customer's outcome in every future too, for as many as memory holds.
            advance: called with the number of customers of each block that is done, as a progress bar needs it.
            **params: see `Params`.

        Raises ScoreError for params and groups, SummaryError for customers that break the contract; nothing is scored
        then.
        """
        request = self._request(params, months=by_month)
        summary, given = self._check(customers)
        keys, codes = group(given, by)
        futures = self._futures(len(summary.table)) if with_futures else None
        populations = self._populations(summary, given)
        output = self._run(summary.table, request, codes, len(keys), populations, advance=advance, futures=futures)
        frame = _frame(output.table, given, {name: name for name in COLUMNS})
        frame[list(COUNTS)] = frame[list(COUNTS)].astype("int64")
        groups = dict(zip(keys, output.groups, strict=True)) if by else {}
        scores = self._scores(frame, output, request, groups, tuple(by))
        new, without = self._segments.count_new(populations), self._count_without_columns(summary)
        frame.attrs |= {"without_columns": without} if without else {}
        return replace(
            scores,
            free_repeat_buyers=_count_free(summary),
            futures=futures,
            new_segment_customers=new,
            without_columns=without,
        )

    def expect(self, customers: pd.DataFrame | CustomerSummary, **params: Any) -> pd.DataFrame:
        """Return `customer_id` and the columns `EXPECTED` of `score`, the same to the bit, without simulating outcomes.

        Several times faster, for uses that need means and their credible intervals, but no predictive interval.
        """
        request = self._request(params, outcomes=False)
        summary, given = self._check(customers)
        output = self._run(summary.table, request, *_one_group(summary), self._populations(summary, given))
        frame = _frame(output.table, given, {name: name for name in EXPECTED})
        return self._scores(frame, output, request).table

    def residual(
        self,
        customers: pd.DataFrame | CustomerSummary,
        *,
        by: Sequence[str] = (),
        advance: Callable[[int], None] | None = None,
        **params: Any,
    ) -> Scores:
        """Score customers to infinity: `residual_clv`, its predictive and its credible interval.

        Params are those of `Params` without `horizon_days`. There are no counts: without discount their mean may be
        infinite. So the totals have no purchases either.

        Raises ScoreError for a discount rate of 0, with which a value to infinity has no mean either.
        """
        refuse_no_end(params)
        request = self._request(params, horizon=TO_INFINITY / Params.of(params).delta)
        summary, given = self._check(customers)
        keys, codes = group(given, by)
        populations = self._populations(summary, given)
        output = self._run(summary.table, request, codes, len(keys), populations, advance=advance).without_counts()
        frame = _frame(output.table, given, RESIDUAL)
        groups = dict(zip(keys, output.groups, strict=True)) if by else {}
        return self._scores(frame, output, request, groups, tuple(by))

    def new_customer(
        self,
        *,
        futures: int = 10_000,
        to_infinity: bool = False,
        segment: Sequence[str] | None = None,
        **params: Any,
    ) -> NewCustomer:
        """Compute the value of a customer who is not yet acquired, first order included.

        The first order's mean is the log's, kept with the posterior: the spend model describes repeat purchases only.
        It varies from customer to customer as theirs do, and is as informative of the customer's later spend.

        Args:
            futures: how many to simulate, at least; a multiple of the draws.
            to_infinity: value beyond any horizon, as `residual` does.
            segment: values of the columns by which the posterior has segments; a new segment where the fit did not have
                it. None: a customer of any segment, in proportion to the customers of the fit.
            **params: see `Params`.

        Raises ScoreError where the posterior does not hold the mean first order, or has no segments.
        """
        request = self._new_customer_request(params, to_infinity=to_infinity)
        if segment is not None:
            at = self._segments.place(segment)
            return self._new_customer_of(at, request, futures, to_infinity=to_infinity)
        shares = self._segments.shares
        if shares.size == 1:
            return self._new_customer_of(0, request, futures, to_infinity=to_infinity)
        several = (
            self._new_customer_of(int(at), request, futures, to_infinity=to_infinity) for at in np.flatnonzero(shares)
        )
        return mix(several, shares[shares > 0], stream(request.params.seed, "scorer.new_customer.segment"))

    def new_customers(
        self, *, futures: int = 10_000, to_infinity: bool = False, **params: Any
    ) -> dict[tuple[str, ...], NewCustomer]:
        """Compute what `new_customer` does for each segment, by its values; for one population by the key ()."""
        request = self._new_customer_request(params, to_infinity=to_infinity)
        keys = self._segments.values or ((),)
        return {
            key: self._new_customer_of(at, request, futures, to_infinity=to_infinity) for at, key in enumerate(keys)
        }

    def _new_customer_request(self, params: Mapping[str, Any], *, to_infinity: bool) -> ScoreRequest:
        first_orders(self.posterior)
        if to_infinity:
            refuse_no_end(params)
        horizon = TO_INFINITY / Params.of(params).delta if to_infinity else None
        return self._request(params, horizon=horizon)

    def _new_customer_of(self, at: int, request: ScoreRequest, futures: int, *, to_infinity: bool) -> NewCustomer:
        """Compute the value of a new customer of one segment; segments share the random numbers."""
        orders, draws = first_orders(self._segments.posterior(at)), self._segments.draws[at]
        margin, repeats = request.params.margin, math.ceil(futures / self.draws)
        rng = stream(request.params.seed, "scorer.new_customer")
        means, first, updated = value_first_orders(draws, orders, repeats, rng)
        expected = self._new_customer_totals(request, 0, draws).expected_clv + margin * means
        outcomes, purchases = np.empty((2, repeats, self.draws))
        for repeat, population in enumerate(updated):
            totals = self._new_customer_totals(request, repeat + 1, population)
            outcomes[repeat], purchases[repeat] = totals.clv + margin * first[repeat], totals.purchases
        used = {**asdict(request.params), **({"horizon_days": None} if to_infinity else {})}
        return NewCustomer(outcomes.ravel(), expected, margin * means, used, purchases.ravel())

    def _new_customer_totals(self, request: ScoreRequest, number: int, draws: Draws) -> Totals:
        """Score one customer right after the first order."""
        row = {"customer_id": [f"new {number}"], "frequency": 0, "recency": 0, "T": 0, "monetary_value": 0.0}
        acquired = CustomerSummary.from_frame(pd.DataFrame(row))
        one = Populations.of_one(draws, 1)
        return self._run(acquired.table, request, *_one_group(acquired), one).groups[0]

    def simulate(self, customers: pd.DataFrame | CustomerSummary, **params: Any) -> Futures:
        """Simulate every customer's purchases and value in every future; for as many as memory holds."""
        request = self._request(params)
        summary, given = self._check(customers)
        futures = self._futures(len(summary.table))
        self._run(summary.table, request, *_one_group(summary), self._populations(summary, given), futures=futures)
        return futures

    def _futures(self, customers: int) -> Futures:
        """Return room for the outcomes of some customers."""
        shape = (customers, self.draws)
        return Futures(np.empty(shape, np.int32), np.empty(shape))

    def expected_new_customer(self, days: NDArray[np.int64] | Floats) -> Floats:
        """Compute expected repeat purchases of a new customer within each number of days, shape (draws, days)."""
        ends, places = np.unique(np.asarray(days, np.float64), return_inverse=True)
        each = [expect_new_customer(draws, ends)[0] * share for draws, share in self._by_share()]
        return np.asarray(np.sum(each, axis=0)[:, places])

    def new_customer_buys(self, days: float) -> Floats:
        """Compute the probability that a new customer buys again within some days, shape (draws,)."""
        end = np.array([float(days)])
        return np.asarray(
            np.sum([expect_new_customer(draws, end)[1] * share for draws, share in self._by_share()], axis=0)
        )

    def _by_share(self) -> list[tuple[Draws, float]]:
        """List the segments' draws with their shares of the fit's customers; a new customer is one of them."""
        return [
            (draws, share) for draws, share in zip(self._segments.draws, self._segments.shares, strict=True) if share
        ]

    @property
    def delta(self) -> float | None:
        """Return what is left of earlier evidence on spend at each order; None where evidence does not fade."""
        spec = self.posterior.specs[1]
        return float(self.posterior.draws["delta"].flat[0]) if spec.is_fading else None

    def prepare(self, customers: CustomerSummary) -> CustomerSummary:
        """Return customers with the columns that the model needs, where their orders are at hand."""
        return customers if self.delta is None else customers.with_faded(self.delta)

    def _check(self, customers: pd.DataFrame | CustomerSummary) -> tuple[CustomerSummary, pd.DataFrame]:
        if isinstance(customers, pd.DataFrame):
            return CustomerSummary.from_frame(customers), customers
        # Of the installed class, maybe, which is not that of a registered model's own code.
        return self.prepare(customers), customers.table

    def _populations(self, summary: CustomerSummary, given: pd.DataFrame) -> Populations:
        """Return the draws of each customer; which model they are of depends on the columns of the summary alone."""
        if self._without_columns is None or not self._count_without_columns(summary):
            return self._segments.of(given)
        if not self._is_logged:  # once, not for each part of a table
            log.warning(
                "the summary has no columns %s, which %s needs: all customers are scored with %s, fitted to the mean"
                " spends of the same log, whose intervals of spend are less reliable. Score the purchase log"
                " (tenure-score transactions.path=...), or add the columns by tenure.summarize(log, delta=%.6g)",
                " and ".join(FADED),
                self.posterior.spend_model,
                self.posterior.specs[1].without_columns,
                self.delta,
            )
            self._is_logged = True
        return self._without_columns.of(given)

    def _count_without_columns(self, summary: CustomerSummary) -> int:
        """Count the customers who are scored with the model for customers without columns: all of a table, or none."""
        is_bare = self._without_columns is not None and not set(FADED) & set(summary.table.columns)
        return len(summary.table) if is_bare else 0

    def _request(
        self,
        params: Mapping[str, Any],
        *,
        horizon: float | None = None,
        months: bool = False,
        outcomes: bool = True,
    ) -> ScoreRequest:
        checked = Params.of(params)
        # Less 1e-9 before rounding up: 10 / (1 - 0.9) is 100.00000000000003 in binary.
        least = math.ceil(10 / (1 - checked.level) - 1e-9)
        if self.draws < least:
            most = math.floor(1000 - 10_000 / self.draws) / 1000
            raise ScoreError(
                f"level {checked.level} leaves fewer than five of {self.draws:,} draws in each tail; "
                f"at least {least:,} draws are needed, or a level of at most {most}."
            )
        limit = self.validated_horizon_days
        if limit is not None and horizon is None and checked.horizon_days > limit:
            warnings.warn(
                f"horizon_days {checked.horizon_days:,} is beyond the {limit:,} days that this model was validated on.",
                HorizonWarning,
                stacklevel=3,
            )
        days = float(checked.horizon_days) if horizon is None else horizon
        return ScoreRequest.of(checked, days, observed=self.observed_days, months=months, outcomes=outcomes)

    def _run(
        self,
        customers: pd.DataFrame,
        request: ScoreRequest,
        codes: NDArray[np.int64],
        groups: int,
        populations: Populations,
        advance: Callable[[int], None] | None = None,
        futures: Futures | None = None,
    ) -> KernelOutput:
        return score_batches(
            customers, populations, request, codes, groups, threads=self.threads, futures=futures, advance=advance
        )

    def _scores(
        self,
        frame: pd.DataFrame,
        output: KernelOutput,
        request: ScoreRequest,
        groups: Mapping[tuple[Any, ...], Totals] | None = None,
        by: tuple[str, ...] = (),
    ) -> Scores:
        """Build the scores; params and warnings are in the frame's `attrs` too."""
        totals = sum(output.groups, start=Totals.empty(self.draws))
        extrapolated = sum_extrapolated(output, request, self.observed_days, totals)
        unstable_means = self._unstable_means(frame, output.table)
        frame.attrs["params"] = asdict(request.params)
        frame.attrs |= {"unstable_means": unstable_means} if unstable_means else {}
        months = sum_months(output, request, totals) if request.with_months else None
        scores = Scores(frame, totals, request.params, groups or {}, by, months, extrapolated, unstable_means)
        share = scores.extrapolated_share
        frame.attrs |= {} if share is None else {"extrapolated_share": share}
        return scores

    def _unstable_means(self, frame: pd.DataFrame, table: Floats) -> int:
        """Count the customers whose mean value rests on a few draws (`Scores.unstable_means`), with a warning."""
        means = table[:, COLUMNS.index("clv")]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = table[:, SQUARES] / (self.draws * means * means) - 1.0
        unstable = np.flatnonzero(spread > UNSTABLE_MEANS * UNSTABLE_MEANS * self.draws)
        if unstable.size:
            first = ", ".join(repr(name) for name in frame["customer_id"].iloc[unstable[:SHOWN]])
            warnings.warn(
                f"The mean values of {unstable.size:,} of {len(table):,} customers (first: {first}) rest on a few "
                f"draws of the population: their standard error is above {UNSTABLE_MEANS:.0%}. Take more draws, a "
                "shorter horizon, or the intervals instead of the mean.",
                HeavyTailWarning,
                stacklevel=4,
            )
        return int(unstable.size)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_group(summary: CustomerSummary) -> tuple[NDArray[np.int64], int]:
    return np.zeros(len(summary.table), np.int64), 1


def _frame(table: Floats, given: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Build a frame of some columns of the table, by the names to show, after the ids as given."""
    frame = pd.DataFrame({shown: table[:, COLUMNS.index(name)] for name, shown in names.items()})
    frame.insert(0, "customer_id", given["customer_id"].to_numpy())
    return frame


def _count_free(summary: CustomerSummary) -> int:
    return int(((summary.table["frequency"] > 0) & (summary.table["monetary_value"] == 0)).sum())
