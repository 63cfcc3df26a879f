"""The scorer: from a posterior and customer summaries to scores."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..posterior import Posterior
from ..streams import stream
from ..summary import CustomerSummary
from .arrays import Floats
from .bare import BarePopulations
from .batching import KernelOutput, ScoreRequest, expect_new_customer, score_batches
from .columns import COLUMNS, COUNTS, EXPECTED, RESIDUAL
from .frames import count_free, frame_of, scores_of
from .groups import group
from .models import Draws, Populations
from .new_customer import first_orders, mix, value_new_customer
from .params import Params, refuse_no_end, require_draws
from .results import Futures, NewCustomer, Scores
from .segments import SegmentPopulations

# Days until the discount is e^-40, in units of 1 / delta. No larger share of a value lies beyond, since the intensity
# of purchases never rises.
TO_INFINITY = 40.0


class HorizonWarning(UserWarning):
    """The horizon is longer than any that was validated on a holdout."""


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
        self._bare = BarePopulations(posterior, self.delta)

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
        frame = frame_of(output.table, given, {name: name for name in COLUMNS})
        frame[list(COUNTS)] = frame[list(COUNTS)].astype("int64")
        groups = dict(zip(keys, output.groups, strict=True)) if by else {}
        scores = scores_of(frame, output, request, groups, tuple(by), draws=self.draws, observed=self.observed_days)
        new, without = self._segments.count_new(populations), self._bare.count(summary)
        frame.attrs |= {"without_columns": without} if without else {}
        return replace(
            scores,
            free_repeat_buyers=count_free(summary),
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
        frame = frame_of(output.table, given, {name: name for name in EXPECTED})
        return scores_of(frame, output, request, draws=self.draws, observed=self.observed_days).table

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
        frame = frame_of(output.table, given, RESIDUAL)
        groups = dict(zip(keys, output.groups, strict=True)) if by else {}
        return scores_of(frame, output, request, groups, tuple(by), draws=self.draws, observed=self.observed_days)

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
        one = value_new_customer(draws, orders, request, futures=futures, threads=self.threads)
        return replace(one, params={**one.params, "horizon_days": None}) if to_infinity else one

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
        bare = self._bare.of(summary, given)
        return self._segments.of(given) if bare is None else bare

    def _request(
        self,
        params: Mapping[str, Any],
        *,
        horizon: float | None = None,
        months: bool = False,
        outcomes: bool = True,
    ) -> ScoreRequest:
        checked = Params.of(params)
        require_draws(checked.level, self.draws)
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


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_group(summary: CustomerSummary) -> tuple[NDArray[np.int64], int]:
    return np.zeros(len(summary.table), np.int64), 1
