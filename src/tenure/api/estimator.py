"""The estimator: fit customers, score them, backtest, save."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self, Unpack

import pandas as pd

from tenure.fit import prior_population, summarize_prior
from tenure.pipeline import Evaluation, evaluate, fit_whole
from tenure.rfm import EVERYONE, AcquisitionWindow, CompressedSummary, LogCustomers, end_of
from tenure.scorer import Scorer
from tenure.settings import TrainSettings
from tenure.totals import estimate_drifts

from .customers import Customers, collected, customers_of, read_log, summary_of
from .fitted import FitResult, Fitted
from .named_priors import check_priors, spend_models
from .scoring import ScoringModel
from .words import AllWords, Day, FitWords, day_of, settings_of

CALLER = "CLV"


class CLV(ScoringModel):
    """A model of customer lifetime value: a purchase model, a spend model and their joint posterior.

    Settings are the last words of the commands' keys, with the same defaults: `method` is `fit.method`, `amount` is
    `transactions.columns.amount`. A group such as `scale` or `csv` takes a table of its settings that differ. `priors`
    is the name of priors, the path of a YAML file, or a table; the last two change the default priors.

    Args:
        **settings: how a log is read (`customer_id`, `date`, `amount`, `order_id`, `timezone`, `csv`, ...), which
            customers are fitted (`end`, `burn_in_days`, `acquisition`), the models and their fit (`method`,
            `purchase_model`, `draws`, `chains`, `priors`, `scale`, ...), what a backtest compares with (`baselines`,
            `drift`, `review`), and `seed`. `FitWords` lists them all.

    Raises:
        SettingsError: for an unknown setting, or a value that it does not take.

    Example:
        >>> import pandas as pd, tenure
        >>> log = pd.read_csv("data/cdnow_sample.csv", parse_dates=["date"])  # doctest: +SKIP
        >>> clv = tenure.CLV(method="laplace").fit(log)                       # doctest: +SKIP
        >>> scores = clv.score(horizon_days=365, margin=0.35)                 # doctest: +SKIP
        >>> scores.frame.nlargest(3, "clv")                                   # doctest: +SKIP
    """

    def __init__(self, **settings: Unpack[FitWords]) -> None:
        self._words: dict[str, Any] = dict(settings)
        self._settings = settings_of(self._words, FitWords, CALLER)
        self._state: Fitted | None = None

    @classmethod
    def of(cls, fitted: Fitted, words: Mapping[str, Any] | None = None) -> Self:
        """Return a model that is fitted already."""
        model = cls(**(words or {}))
        model._state = fitted
        return model

    def __repr__(self) -> str:
        """Return the settings that were given, and what was fitted."""
        words = ", ".join(f"{word}={value!r}" for word, value in self._words.items())
        if self._state is None:
            return f"CLV({words})"
        posterior = self._state.posterior
        size = f"{posterior.origin.get('customers', 0):,} customers to {posterior.origin.get('as_of')}"
        return f"<CLV({words}): {posterior.purchase_model} and {posterior.spend_model} fitted to {size}>"

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings; a fit is saved by `save`, which needs no pickle and holds no customers."""
        if self._state is not None:
            raise TypeError("A fitted CLV is not pickled or copied: use save(path) and tenure.load(path).")
        return dict(self._words)

    def __setstate__(self, words: dict[str, Any]) -> None:
        """Set the settings of a copy."""
        self.__init__(**words)  # type: ignore[misc]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings that were given; the others have their defaults."""
        return dict(self._words)

    def set_params(self, **settings: Unpack[FitWords]) -> Self:
        """Set settings; a fit that was made before stays until the next."""
        words = {**self._words, **settings}
        self._settings = settings_of(words, FitWords, CALLER)
        self._words = words
        return self

    def fit(self, data: object, *, as_of: Day | None = None, **settings: Unpack[FitWords]) -> Self:
        """Fit the models to a purchase log or a customer summary, and return the model.

        The fit of a log equals the one that `tenure-train` registers with the same settings and seed.

        Args:
            data: a log (one row per sale or refund) or a summary (`customer_id`, `frequency`, `recency`, `T`,
                `monetary_value`; in days): pandas, Polars, Arrow, a lazy frame, a DuckDB relation, an Ibis table; or
                the path of a log.
            as_of: the day up to which a summary counts.
            **settings: as of the class; they stay.

        Raises:
            TransactionsError, SummaryError, FrameError: for data that cannot be used; the message lists every fault.
            FitError: for customers that the models cannot be fitted to.
        """
        self.set_params(**settings)
        self._state = _fit(*self._read(data, as_of), self._settings)
        return self

    def prior(self, data: object, *, as_of: Day | None = None, level: float = 0.9) -> pd.DataFrame:
        """Compute what the priors imply for the business before anything is fitted.

        The data give the constants that time and money are divided by (mean T, typical spend), and nothing else; set
        `scale` for priors in units of your own.

        Args:
            data: a log or a summary, as `fit` takes them.
            as_of: the day up to which a summary counts.
            level: of the intervals.

        Returns a table with the columns `median`, `low`, `high` and a row per quantity: repeat purchases of an active
        customer in a year, those of a new customer, the share of customers without one, mean spend per purchase.
        """
        _, base = self._read(data, as_of)
        prior = prior_population(base, self._settings.fit, seed=self._settings.seed)
        return summarize_prior(prior, level)

    def backtest(self, log: object, cutoff: Day | None = None, **settings: Unpack[FitWords]) -> Evaluation:
        """Fit the days up to a cut-off, forecast the days after it, and judge the forecast.

        It neither needs nor changes a fit. The result equals the calibration of `tenure-train` with the same settings.

        Args:
            log: a purchase log, as `fit` takes it.
            cutoff: the last day of calibration; None: half-way through the log.
            **settings: as of the class, for this backtest alone, such as `end`, the last day of the holdout.

        Returns:
            `findings` (sentences, the worst first), `review` (verdict and checks), `holdout` (metrics and tables), and
            `compare(other)`, which compares two models on one holdout.
        """
        words = {**self._words, **settings, "cutoff": cutoff}
        used = settings_of(words, AllWords, f"{CALLER}.backtest")
        check_priors(words.get("priors"), (used.fit.purchase_model,), used.fit.models[1:])
        return evaluate(read_log(log, used).transactions, used)

    def _check_spend_priors(self, *, is_log: bool) -> None:
        """Raise SettingsError where the priors are of the spend model that `auto` is for other data."""
        fit = self._settings.fit
        spend = spend_models(fit)[0 if is_log else -1]
        check_priors(self._words.get("priors"), (fit.purchase_model,), (spend,))

    def _read(self, data: object, as_of: Day | None) -> tuple[Callable[[], Customers], CompressedSummary]:
        """Return a function that returns the customers of a log or a summary, and those that are fitted, compressed."""
        data, settings = collected(data, "data"), self._settings
        customers = summary_of(data, "data", day_of(as_of, "as_of"))
        self._check_spend_priors(is_log=customers is None)
        if customers is not None:
            return _held(customers), CompressedSummary.of(customers.summary, settings.fit.segments)
        log = read_log(data, settings, "data")
        window, orders = AcquisitionWindow.of(settings.rfm, log.transactions), settings.fit.needs_orders
        read = partial(customers_of, log, settings, with_orders=orders)
        end, most = end_of(log.transactions, settings.rfm.end), settings.backtest.judge_customers
        everyone = LogCustomers(log.transactions, end, with_orders=orders, most=most)
        if everyone.are_many:  # one table of them is made only where it is used
            return read, replace(everyone, window=window).compress(settings.fit.segments)
        customers = read()
        included = customers if window == EVERYONE else read(window)
        return _held(customers), CompressedSummary.of(included.summary, settings.fit.segments)


def _held(customers: Customers) -> Callable[[], Customers]:
    return lambda: customers


def _fit(read_customers: Callable[[], Customers], base: CompressedSummary, settings: TrainSettings) -> Fitted:
    """Fit some of the customers; all of them are scored later."""
    result, seed = fit_whole(base, settings)
    scorer = Scorer(result.posterior.thin(settings.fit.joint_draws))
    until = base.as_of or dt.date.max  # of past errors, which are none
    drifts = estimate_drifts({}, until, settings.backtest.drift, seed=settings.seed)
    return Fitted(result.posterior, scorer, drifts, read_customers, FitResult(result, base, seed))
