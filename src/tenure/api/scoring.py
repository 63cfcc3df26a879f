"""What is computed from a fit: scores, decisions, campaigns, new customers, and the fit's own draws."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tenure.fit import LibraryModels, library_model
from tenure.pipeline import tabulate_segments
from tenure.scorer import NewCustomer, ScoreError, Scorer, tabulate_new_customers
from tenure.settings import RfmSettings, TrainSettings, carry_segments
from tenure.transactions import choose_type

from . import saved
from .campaigns import Campaign, campaign_of
from .customers import Customers, collected, customers_of, read_log, summary_of
from .decisions import Decisions, decisions_of
from .fitted import Fitted, NotFittedError, require_units
from .scores import Scores, scores_of
from .words import Day, day_of

if TYPE_CHECKING:
    import xarray as xr


class ScoringModel:
    """A model with settings and, once it is fitted, all that is computed from its fit."""

    _settings: TrainSettings
    _state: Fitted | None

    def score(
        self,
        customers: object = None,
        *,
        by: Sequence[str] = (),
        by_month: bool = False,
        as_of: Day | None = None,
        end: Day | None = None,
        allow_unit_change: bool = False,
        **params: Any,
    ) -> Scores:
        """Score customers: probabilities, expectations, clv, predictive and credible intervals, totals.

        Args:
            customers: a log or a summary as `fit` takes them; None: the customers of the fit.
            by: columns to total by, such as `["country"]`: of a summary, or `segments` of a log.
            by_month: also total month by month.
            as_of: the day up to which a summary counts.
            end: the end of observation of a log; None: its last day.
            allow_unit_change: score although money or time seems to have another unit than the fit's.
            **params: `horizon_days`, `discount_rate` (annual), `margin`, `level`, `seed`.

        Raises:
            ScoreError: for params that are unknown or out of range, and for groups that cannot be built.
        """
        state, given = self._customers(customers, as_of, end, allow_unit_change)
        further: dict[str, Any] = {"by": _listed(by)} if by else {}  # a model's own scorer may be an older one
        further |= {"by_month": True} if by_month else {}
        result = state.scorer.score(given.scored(_delta_of(state)), **further, **self._params(params))
        return scores_of(result, given, state.drifts)

    def expect(
        self,
        customers: object = None,
        *,
        as_of: Day | None = None,
        end: Day | None = None,
        allow_unit_change: bool = False,
        **params: Any,
    ) -> Any:
        """Return the expectations of `score`, the same to the bit, without simulated outcomes: several times faster.

        The table has no predictive intervals, and is of the kind that came in. Arguments are those of `score`.
        """
        state, given = self._customers(customers, as_of, end, allow_unit_change)
        return given.beside(state.scorer.expect(given.scored(_delta_of(state)), **self._params(params)))

    def residual(
        self,
        customers: object = None,
        *,
        by: Sequence[str] = (),
        as_of: Day | None = None,
        end: Day | None = None,
        allow_unit_change: bool = False,
        **params: Any,
    ) -> Scores:
        """Score customers without a horizon: `residual_clv` and its intervals. Arguments are those of `score`.

        Raises ScoreError for a `horizon_days`, and for a discount rate of 0, with which there is no mean.
        """
        state, given = self._customers(customers, as_of, end, allow_unit_change)
        further: dict[str, Any] = {"by": _listed(by)} if by else {}
        result = state.scorer.residual(given.scored(_delta_of(state)), **further, **self._params(params))
        return scores_of(result, given, state.drifts, with_end=False)

    def decide(
        self, log: object, *, settings: Mapping[str, Any] | None = None, end: Day | None = None, **params: Any
    ) -> Decisions:
        """Derive decisions, as `tenure-decide` does: value, tiers, stages, acquisition, win-back.

        Args:
            log: a purchase log, as `fit` takes it.
            settings: settings of `decide` that differ, such as `{"order_cost": 4, "offer": {"cost": 10}}`.
            end: the end of observation; None: the last day of the log.
            **params: `horizon_days`, `discount_rate` (annual), `margin`, `level`, `seed`.

        Raises:
            DecideError: for costs of unknown channels, and a model without first orders.
        """
        state = self._fitted()
        used = _carrying(replace(self._settings, rfm=RfmSettings(end=day_of(end, "end"))), state)
        read = read_log(collected(log, "log"), used)
        return decisions_of(
            read,
            customers_of(read, used, with_orders=_delta_of(state) is not None),
            state,
            settings or {},
            self._params(params),
        )

    def campaign(
        self,
        log: object,
        customers: object = None,
        *,
        start: Day | None = None,
        end: Day | None = None,
        plan: bool = False,
        settings: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Campaign:
        """Measure a campaign, as `tenure-campaign` does, or with `plan=True` what it could find before it starts.

        Args:
            log: a purchase log, as `fit` takes it.
            customers: a table with the columns `customer_id` and `arm`, or its path; None: all customers, of a plan.
            start: the first day of the campaign; None: the day after the log, of a plan.
            end: the last day that counts; None: the last day of the log.
            plan: whether the campaign is still to come.
            settings: settings of `campaign` that differ, such as `{"costs": {"mail": 1.2}, "segments": ["country"]}`.
            **params: `margin` and `level`.

        Raises:
            CampaignError: for customers, arms and days that cannot be measured.
        """
        state, used = self._fitted(), _carrying(self._settings, self._fitted())
        days = {name: day_of(day, name) for name, day in (("start", start), ("end", end)) if day is not None}
        read = read_log(collected(log, "log"), replace(used, rfm=RfmSettings()))
        id_type = choose_type(read.transactions, used.transactions.id_type)
        return campaign_of(
            read, customers, state, {**(settings or {}), **days}, params, used.transactions,
            plan=plan, seed=self._settings.seed, id_type=id_type,
        )  # fmt: skip

    def new_customer(self, *, to_infinity: bool = False, **params: Any) -> NewCustomer:
        """Compute the clv of a customer who is not yet acquired, first order included; `.table()` shows it.

        Raises ScoreError for a model of a summary, which has no first orders.
        """
        return self._fitted().scorer.new_customer(to_infinity=to_infinity, **self._params(params))

    def new_customers(self, **params: Any) -> pd.DataFrame:
        """Return the clv of a new customer of each segment: a table of `scorer.tabulate_new_customers`.

        With `compare_segments=True` of the class it has also what one population (`clv_pooled`) and a fit of each
        segment alone (`clv_apart`) would give; a loaded model, which has no customers, has neither.

        Raises ScoreError for a model of a summary, which has no first orders.
        """
        state = self._fitted()
        if state.result is None:
            return tabulate_new_customers(state.scorer, **self._params(params))
        return tabulate_segments(state.scorer, state.result.compressed, self._settings.fit, self._params(params))

    @property
    def posterior(self) -> "xr.DataTree":
        """Return the draws as ArviZ takes them: `arviz.summary(clv.posterior)`; `scorer.posterior` has arrays."""
        return self._fitted().tree()

    @property
    def diagnostics(self) -> dict[str, float]:
        """Return the fit diagnostics by name, such as `purchases.rhat_max`; they are computed when first used."""
        return self._fitted().diagnostics()

    @property
    def scorer(self) -> Scorer:
        """Return the scorer: NumPy and pandas, without reading of logs."""
        return self._fitted().scorer

    @property
    def about(self) -> dict[str, str]:
        """Return the facts of a loaded model or run: version, verdict, days; empty after a fit."""
        return dict(self._fitted().about)

    def to_pymc_marketing(self, customers: object = None, *, as_of: Day | None = None) -> LibraryModels:
        """Return stock models of pymc-marketing with these draws: `.purchases` and `.spend`, for its plots and methods.

        They have one row per customer, ids among them.

        Args:
            customers: a log or a summary; None: the customers of the fit.
            as_of: the day up to which a summary counts.
        """
        state, given = self._customers(customers, as_of, None, True)
        return library_model(state.posterior, given.summary)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a folder, for `tenure.load`: draws, drift and diagnostics; no customer data, no pickle."""
        state = self._fitted()
        saved.save(state, path)

    def _fitted(self) -> Fitted:
        if self._state is None:
            raise NotFittedError("This CLV is not fitted: call fit(log) first.")
        return self._state

    def _params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the params of scoring; the seed is the model's unless it is given."""
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in params.items()}
        return {"seed": self._settings.seed, **plain}

    def _customers(
        self, data: object, as_of: Day | None, end: Day | None, allow_unit_change: bool
    ) -> tuple[Fitted, Customers]:
        """Return the fit and the customers to score; those of another log or summary must have the units of the fit."""
        state = self._fitted()
        if data is None:
            if state.customers is None:
                raise NotFittedError("A loaded model has no customers: give it a log or a customer summary to score.")
            return state, state.customers
        data = collected(data, "customers")
        customers = summary_of(data, "customers", day_of(as_of, "as_of"))
        if customers is None:
            window = RfmSettings(end=day_of(end, "end"))
            settings = _carrying(replace(self._settings, rfm=window), state)
            customers = customers_of(
                read_log(data, settings, "customers"), settings, with_orders=_delta_of(state) is not None
            )
        require_units(customers, state, allow_unit_change=allow_unit_change)
        return state, customers


def _delta_of(state: Fitted) -> float | None:
    """Return what is left of earlier evidence on spend at each order; None of a scorer of an older version."""
    delta: float | None = getattr(state.scorer, "delta", None)
    return delta


def _carrying(settings: TrainSettings, state: Fitted) -> TrainSettings:
    """Return settings with which a log has the segments of a model, also of one that was loaded."""
    segments = getattr(state.posterior, "segments", None)
    if segments is None:
        return settings
    carried = replace(settings.transactions, segments=dict(settings.transactions.segments))
    carry_segments(carried, segments.names, "the model, fitted by segments,")
    return replace(settings, transactions=carried)


def _listed(by: Sequence[str] | str) -> list[str]:
    names = [by] if isinstance(by, str) else by
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ScoreError(f"by must be the name of a column or a list of names, got {by!r}.")
    return list(names)
