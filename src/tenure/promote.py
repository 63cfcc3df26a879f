"""Promotion: two recipes compared on a holdout that neither was fitted on, and the rule for the champion.

Recipes are compared, not models: the champion's own posterior may have been fitted on the days of the challenger's
holdout. So both recipes are fitted on the challenger's calibration window, and both forecasts are compared with its
holdout.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import paths
from .backtest import crps
from .backtest.scores import standard_error
from .errors import InputError
from .outcomes import OUTCOMES
from .posterior import Posterior
from .record import Record, add_prefix, finite
from .review import Verdict
from .rfm import Split
from .scorer import HeavyTailWarning, Scorer

type Floats = NDArray[np.float64]

TOLERATED = 2.0  # standard errors: a smaller difference is no evidence
BATCHES = 20  # of draws; the spread of their means is the Monte Carlo error of the comparison
CUSTOMERS_AT_ONCE = 2_000


class PromoteError(InputError):
    """Two recipes that cannot be compared."""


@dataclass(frozen=True)
class PairedScores:
    """The scores of both recipes on one outcome.

    Attributes:
        champion_crps: mean fair CRPS over customers, in the outcome's unit; smaller is better.
        challenger_crps: the same of the challenger.
        difference: challenger less champion; above zero the challenger is worse.
        difference_se: its standard error, paired over customers, with the Monte Carlo error of the draws.
        champion_bias: expected over actual total, less 1; NaN where the actual total is 0.
        challenger_bias: the same of the challenger.
    """

    champion_crps: float
    challenger_crps: float
    difference: float
    difference_se: float
    champion_bias: float
    challenger_bias: float


@dataclass(frozen=True)
class Comparison:
    """Two recipes fitted on the days up to `cutoff` and compared with the days to `end`. It names no customer.

    `sampled_from` is the number of all customers, where those that are compared are a sample of them.
    """

    cutoff: date
    end: date
    customers: int
    spend: PairedScores
    purchases: PairedScores
    sampled_from: int | None = None

    @property
    def is_challenger_good_enough(self) -> bool:
        """Return whether the challenger wins: its CRPS of spend is not worse by more than two standard errors.

        A difference or an error that is NaN is not a win.
        """
        return self.spend.difference <= TOLERATED * self.spend.difference_se

    @property
    def finding(self) -> str:
        """Return the deciding comparison as a sentence."""
        spend = self.spend
        how = f"its mean CRPS of spend differs by {spend.difference:+.4g} ± {spend.difference_se:.2g}"
        if self.sampled_from is not None:
            how += f", over {self.customers:,} of {self.sampled_from:,} customers, a sample by a hash of their ids"
        if self.is_challenger_good_enough:
            return f"the challenger is not worse by more than {TOLERATED:g} standard errors: {how}"
        return f"the challenger is worse by more than {TOLERATED:g} standard errors, or the difference is NaN: {how}"

    def metrics(self) -> dict[str, float]:
        """Return flat numbers, named `spend.champion_crps` and so on."""
        scores = {f"{outcome}.{key}": number for outcome in OUTCOMES for key, number in self._scores(outcome).items()}
        return {**scores, "customers": float(self.customers)}

    def table(self) -> pd.DataFrame:
        """Return the scores as a table, a row per outcome."""
        return pd.DataFrame([{"outcome": outcome, **self._scores(outcome)} for outcome in OUTCOMES])

    def _scores(self, outcome: str) -> dict[str, float]:
        return asdict(getattr(self, outcome))

    def record(self) -> Record:
        """Return both recipes' scores side by side, as metrics and as a table."""
        return Record(
            metrics=add_prefix("promotion", finite(self.metrics())),
            tags={"promotion.cutoff": str(self.cutoff), "promotion.end": str(self.end)},
            tables={paths.COMPARISON: self.table().set_index("outcome")},
        )


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes champion, and the reason as a clause."""

    is_promoted: bool
    because: str

    def record(self) -> Record:
        """Return the decision and its reason."""
        return Record(tags={"promotion.promoted": str(self.is_promoted), "promotion.because": self.because})


def decide(verdict: Verdict, comparison: Comparison | None, *, has_champion: bool, reason: str | None) -> Decision:
    """Return the decision: never a FAIL; else a person's reason, or a PASS that is the first or good enough.

    Args:
        verdict: the challenger's review.
        comparison: of its recipe with the champion's; None where there is no champion, or no comparison was possible.
        has_champion: whether a model is champion now.
        reason: a person's reason in writing; it overrides the comparison.
    """
    if verdict is Verdict.FAIL:
        return Decision(False, "the review failed it, and no reason overrides that")
    if reason is not None:
        return Decision(True, reason)
    if verdict is Verdict.REVIEW:
        return Decision(False, "its verdict is REVIEW, so a person has to review it and give a reason (reason=...)")
    if not has_champion:
        return Decision(True, "the first to pass")
    if comparison is None:
        return Decision(False, "it was not compared with the champion")
    return Decision(comparison.is_challenger_good_enough, comparison.finding)


def compare_recipes(split: Split, champion: Posterior, challenger: Posterior, *, seed: int) -> Comparison:
    """Compare the forecasts of two posteriors for the same customers' holdout, paired by customer.

    Both are simulated with the same random numbers, undiscounted and at full margin. The standard error of the mean
    difference has two parts. Customers: the standard deviation of their differences over the root of their number.
    Draws: all customers share the same few hundred, so that even two fits of one recipe may differ by more than the
    spread over many customers. This part is estimated from the mean over each of `BATCHES` subsets of the draws, less
    each customer's own chance, which is in the first part already.

    Raises PosteriorError for a posterior that was fitted on a day of the holdout, or lacks the days it was fitted on.
    """
    for posterior in (champion, challenger):
        posterior.require_unseen(split.cutoff)
    draws = min(champion.size, challenger.size)
    if draws < 2 * BATCHES:
        raise PromoteError(f"There are {draws:,} draws; a comparison needs at least {2 * BATCHES}.")
    scorers = [Scorer(posterior.thin(draws)) for posterior in (champion, challenger)]
    params: dict[str, Any] = {"horizon_days": split.horizon_days, "discount_rate": 0.0, "margin": 1.0, "seed": seed}
    actual = {"spend": split.holdout["spend"], "purchases": split.holdout["purchases"]}
    accumulators = {outcome: _Accumulator(column.to_numpy(np.float64)) for outcome, column in actual.items()}
    pairs = [(scorer, scorer.prepare(split.calibration).table) for scorer in scorers]
    customers = split.calibration.table
    for rows in _blocks(len(customers)):
        futures = [scorer.simulate(table.iloc[rows], **params) for scorer, table in pairs]
        with warnings.catch_warnings():
            # The means enter the biases alone, which do not decide; a warning per block would be too many.
            warnings.simplefilter("ignore", HeavyTailWarning)
            expected = [scorer.expect(table.iloc[rows], **params) for scorer, table in pairs]
        accumulators["spend"].add(rows, [of.clv for of in futures], [table["clv"] for table in expected])
        accumulators["purchases"].add(
            rows, [of.purchases for of in futures], [table["expected_purchases"] for table in expected]
        )
    scores = {outcome: accumulator.paired_scores() for outcome, accumulator in accumulators.items()}
    everyone = None if split.everyone is None else split.counts.customers
    return Comparison(split.cutoff, split.end, len(customers), **scores, sampled_from=everyone)


class _Accumulator:
    """The scores of champion and challenger on one outcome, added up block by block of customers."""

    def __init__(self, actual: Floats) -> None:
        self.actual = actual
        self.scores = np.empty((2, len(actual)))
        self.totals = np.zeros(2)
        self.batches = np.zeros(BATCHES)  # sums of differences over customers
        self.own_chance = 0.0  # variance of the sum of differences, from chance that no two customers share

    def add(self, rows: slice, simulated: list[NDArray[Any]], expected: "list[pd.Series[float]]") -> None:
        actual = self.actual[rows]
        for side, outcomes in enumerate(simulated):
            self.scores[side, rows] = crps(outcomes, actual)
            self.totals[side] += expected[side].sum()
        champion, challenger = simulated
        batches = [slice(batch, None, BATCHES) for batch in range(BATCHES)]
        differences = np.array([crps(challenger[:, one], actual) - crps(champion[:, one], actual) for one in batches])
        self.batches += differences.sum(axis=1)
        self.own_chance += float(differences.var(axis=0, ddof=1).sum()) / BATCHES

    def paired_scores(self) -> PairedScores:
        champion, challenger = self.scores
        customers = len(self.actual)
        over_customers = standard_error(challenger - champion)
        shared = standard_error(self.batches / customers) ** 2 - self.own_chance / customers**2
        total = self.actual.sum()
        biases = self.totals / total - 1 if total else np.full(2, np.nan)
        return PairedScores(
            champion_crps=float(champion.mean()),
            challenger_crps=float(challenger.mean()),
            difference=float((challenger - champion).mean()),
            difference_se=math.sqrt(over_customers**2 + max(shared, 0.0)),
            champion_bias=float(biases[0]),
            challenger_bias=float(biases[1]),
        )


def _blocks(customers: int) -> Iterator[slice]:
    starts = range(0, customers, CUSTOMERS_AT_ONCE)
    return (slice(start, min(start + CUSTOMERS_AT_ONCE, customers)) for start in starts)
