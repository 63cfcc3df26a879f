"""Results of a training: fits, the measured holdout, the review, forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tenure.backtest import BacktestError, compare_measures
from tenure.fit import FitReport
from tenure.posterior import Posterior
from tenure.record import Record, add_prefix, finite
from tenure.review import Review, Verdict, as_text
from tenure.rfm import CompressedSummary
from tenure.scorer import NewCustomer
from tenure.summary import CustomerSummary
from tenure.totals import Drifts

from .data import TrainingData
from .holdout import HoldoutReport


@dataclass(frozen=True)
class StageFit:
    """A fit of a training.

    Args:
        stage: `calibration` or `final`.
        report: the fit and its diagnostics.
        base: the customers that were fitted, compressed.
        summary: the customers that were fitted; of more than `backtest.judge_customers` a sample.
        seed: of the fit.
    """

    stage: str
    report: FitReport
    base: CompressedSummary
    summary: CustomerSummary
    seed: int

    @property
    def posterior(self) -> Posterior:
        """Return the draws of the population."""
        return self.report.fit.posterior

    @property
    def methods(self) -> dict[str, str]:
        """Return the method that gave the draws of each model, under the stage."""
        return add_prefix(self.stage, self.report.fit.methods)

    @property
    def metrics(self) -> dict[str, float]:
        """Return the diagnostics under the stage."""
        return add_prefix(self.stage, self.report.metrics)


@dataclass(frozen=True)
class Forecasts:
    """The forecasts of a refit, at the settings of `score`.

    Args:
        new_customer: the clv of a customer who is not yet acquired.
        base: numbers of `forecast_base`.
        by_segment: of `scorer.tabulate_new_customers`; None without segments.
    """

    new_customer: NewCustomer
    base: Mapping[str, float]
    by_segment: pd.DataFrame | None = None


def record_new_customer(new_customer: NewCustomer) -> Record:
    """Return the clv of a customer who is not yet acquired."""
    row = new_customer.table().iloc[0].to_dict()
    return Record(metrics={str(key): float(value) for key, value in row.items()})


def record_base_forecast(numbers: Mapping[str, float], drift_source: str) -> Record:
    """Return the forecast of the customer base, and the source of its drift."""
    return Record(metrics=finite(numbers), tags={"adjusted": drift_source})


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A fit of the calibration window, measured on the holdout and judged.

    Args:
        data: the log as it was used.
        calibration: the fit that was judged.
        holdout: its forecast beside the holdout.
        metrics: the numbers that were judged.
        review: the verdict and its checks.
    """

    data: TrainingData
    calibration: StageFit
    holdout: HoldoutReport
    metrics: Mapping[str, float]
    review: Review

    @property
    def verdict(self) -> Verdict:
        """Return PASS, REVIEW or FAIL."""
        return self.review.verdict

    @property
    def findings(self) -> tuple[str, ...]:
        """List the findings of the review in sentences, the most important first."""
        return tuple(map(str, self.review.findings))

    def compare(self, other: "Evaluation") -> pd.DataFrame:
        """Compare two models' forecasts of one holdout, paired by customer; lower is better in every row.

        Rows: `purchases.crps`, `spend.crps`, `p_purchase.brier`, and `purchases.absolute_bias`, `spend.absolute_bias`,
        which are the distances of the bias from zero. Columns: `this`, `other`, `difference` (this less the other),
        `difference_se` (its standard error, paired over customers; without the Monte Carlo error of the draws) and
        `winner`: `this` or `other` beyond two standard errors, else `neither`. The distances of the bias have no
        standard error, and so no winner: they are of one total.

        Raises BacktestError for evaluations of different holdouts.
        """
        self._require_same_holdout(other)
        return compare_measures(self.holdout.backtest, other.holdout.backtest)

    def _require_same_holdout(self, other: "Evaluation") -> None:
        """Raise BacktestError unless both evaluations have the same days, customers and actual outcomes."""
        this, that = self.data.split, other.data.split
        if (this.cutoff, this.end) == (that.cutoff, that.end) and this.holdout.equals(that.holdout):
            return
        described = [
            f"{split.horizon_days:,} days after {split.cutoff}, to {split.end}, with {len(split.holdout):,} customers,"
            f" {split.holdout['purchases'].sum():,} purchases and a spend of {split.holdout['spend'].sum():,.2f}"
            for split in (this, that)
        ]
        raise BacktestError(
            f"The two evaluations have different holdouts: {'; '.join(described)}. Evaluate both on one log, read with"
            " the same settings, with one cutoff, end and acquisition window."
        )

    def __str__(self) -> str:
        return as_text(self.review).rstrip("\n")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.verdict}, findings: {len(self.findings)}; print() shows them>"


@dataclass(frozen=True, repr=False)
class Training(Evaluation):
    """The result of a training: its metrics and its review are of both fits.

    Args:
        data: the log as it was used.
        calibration: the fit that was judged.
        holdout: its forecast beside the holdout.
        metrics: the numbers that were judged.
        review: the verdict and its checks.
        final: the refit on the whole log; None where the review failed the calibration.
        refit_drift: how far the refit differs, of `measure_refit_drift`; empty without a refit.
        drifts: the drift of totals after the end of the log.
        forecasts: of the refit; None without one.
    """

    final: StageFit | None
    refit_drift: Mapping[str, float]
    drifts: Drifts
    forecasts: Forecasts | None
