"""Decide who is champion: two recipes compared on a holdout that neither has seen, and the rule.

It compares recipes, not models: the champion's own posterior may have been fitted to the very days that the
challenger holds out. So both recipes are fitted to the challenger's calibration days, and both forecasts meet what
came after.
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
from .errors import InputError
from .posterior import Posterior
from .record import Record, add_prefix, finite
from .review import Verdict
from .rfm import Split
from .scorer import HeavyTailWarning, Scorer

type Floats = NDArray[np.float64]

TOLERATED = 2.0  # standard errors: a difference within them is no evidence
BATCHES = 20  # of draws, whose disagreement is the Monte Carlo error of the comparison
CUSTOMERS_AT_ONCE = 2_000
OUTCOMES = ("spend", "purchases")


class PromoteError(InputError):
    """Two recipes that cannot be compared."""


@dataclass(frozen=True)
class PairedScores:
    """One outcome, spend or purchases, as both recipes foretold it.

    Attributes:
        champion_crps: mean fair CRPS over customers, in the outcome's unit; smaller is better.
        challenger_crps: the same of the challenger.
        difference: challenger less champion; above zero the challenger is worse.
        difference_se: its standard error, paired over customers; the error of finitely many draws is in it.
        champion_bias: expected over actual total, less one; NaN where nothing came.
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
    """Two recipes, fitted to the days up to `cutoff`, beside what came until `end`. It names no customer."""

    cutoff: date
    end: date
    customers: int
    spend: PairedScores
    purchases: PairedScores

    @property
    def is_challenger_good_enough(self) -> bool:
        """Tell whether the challenger wins: unless its CRPS of spend is worse by more than two standard errors.

        A difference or an error that is no number is no evidence, and no win.
        """
        return self.spend.difference <= TOLERATED * self.spend.difference_se

    @property
    def finding(self) -> str:
        """Say in one sentence what decides."""
        spend = self.spend
        how = f"its mean CRPS of spend differs by {spend.difference:+.4g} ± {spend.difference_se:.2g}"
        if self.is_challenger_good_enough:
            return f"the challenger is not worse by more than {TOLERATED:g} standard errors: {how}"
        return f"the challenger is worse by more than {TOLERATED:g} standard errors, or nothing can be told: {how}"

    def metrics(self) -> dict[str, float]:
        """List flat numbers, named `spend.champion_crps` and so on."""
        found = {
            f"{outcome}.{key}": number for outcome in OUTCOMES for key, number in asdict(getattr(self, outcome)).items()
        }
        return {**found, "customers": float(self.customers)}

    def table(self) -> pd.DataFrame:
        """Tabulate both contests, one row each."""
        return pd.DataFrame([{"outcome": outcome, **asdict(getattr(self, outcome))} for outcome in OUTCOMES])

    def record(self) -> Record:
        """Return both recipes' scores side by side, as metrics and as a table."""
        return Record(
            metrics=add_prefix("promotion", finite(self.metrics())),
            tags={"promotion.cutoff": str(self.cutoff), "promotion.end": str(self.end)},
            tables={paths.COMPARISON: self.table().set_index("outcome")},
        )


@dataclass(frozen=True)
class Decision:
    """Whether a model becomes champion, and why or why not, as a clause."""

    is_promoted: bool
    because: str

    def record(self) -> Record:
        """Return the decision and its reason."""
        return Record(tags={"promotion.promoted": str(self.is_promoted), "promotion.because": self.because})


def decide(verdict: Verdict, comparison: Comparison | None, *, has_champion: bool, reason: str | None) -> Decision:
    """Apply the rule: no FAIL ever; else a person's reason, or a PASS that is the first or good enough.

    Args:
        verdict: the challenger's review.
        comparison: of its recipe with the champion's; None where there is no champion, or nothing to compare by.
        has_champion: whether there is one to replace.
        reason: what a person gave in writing; it outweighs the figures.
    """
    if verdict is Verdict.FAIL:
        return Decision(False, "the review failed it, and no reason outweighs that")
    if reason is not None:
        return Decision(True, reason)
    if verdict is Verdict.REVIEW:
        return Decision(False, "its verdict is REVIEW, so a person has to look and give a reason (reason=...)")
    if not has_champion:
        return Decision(True, "the first to pass")
    if comparison is None:
        return Decision(False, "it was not compared with the champion")
    return Decision(comparison.is_challenger_good_enough, comparison.finding)


def compare(parts: Split, champion: Posterior, challenger: Posterior, *, seed: int) -> Comparison:
    """Let two posteriors foretell the same customers' holdout, and compare by customer.

    Both are simulated with the same random numbers, undiscounted and at full margin. The error of the mean difference
    has two parts. Customers: the standard deviation of their differences over the root of their number. Draws: all
    customers share the same few hundred, so that even two fits of one recipe may differ by more than the spread over
    many customers shows. The same mean over each of `BATCHES` parts of the draws shows it; what of that is each
    customer's own chance is taken off, since it is in the first part already.

    Raises PosteriorError for a posterior that has seen a day of the holdout, or cannot say what it has seen.
    """
    for posterior in (champion, challenger):
        posterior.require_unseen(parts.cutoff)
    draws = min(champion.size, challenger.size)
    if draws < 2 * BATCHES:
        raise PromoteError(f"There are {draws:,} draws to compare by; at least {2 * BATCHES} are needed.")
    scorers = [Scorer(posterior.thin(draws)) for posterior in (champion, challenger)]
    asked: dict[str, Any] = {"horizon_days": parts.horizon_days, "discount_rate": 0.0, "margin": 1.0, "seed": seed}
    actual = {"spend": parts.holdout["spend"], "purchases": parts.holdout["purchases"]}
    tallies = {outcome: _Accumulator(column.to_numpy(np.float64)) for outcome, column in actual.items()}
    customers = parts.calibration.table
    for rows in _blocks(len(customers)):
        futures = [scorer.simulate(customers.iloc[rows], **asked) for scorer in scorers]
        with warnings.catch_warnings():
            # Once a block would be too often: the means make the biases alone, which decide nothing.
            warnings.simplefilter("ignore", HeavyTailWarning)
            expected = [scorer.expect(customers.iloc[rows], **asked) for scorer in scorers]
        tallies["spend"].add(rows, [of.clv for of in futures], [table["clv"] for table in expected])
        tallies["purchases"].add(
            rows, [of.purchases for of in futures], [table["expected_purchases"] for table in expected]
        )
    contests = {outcome: tally.contest() for outcome, tally in tallies.items()}
    return Comparison(parts.cutoff, parts.end, len(customers), **contests)


class _Accumulator:
    """One outcome's scores of champion and challenger, block by block of customers."""

    def __init__(self, actual: Floats) -> None:
        self.actual = actual
        self.scores = np.empty((2, len(actual)))
        self.totals = np.zeros(2)
        self.batches = np.zeros(BATCHES)  # sums of differences over customers
        self.own_chance = 0.0  # variance of the sum of differences, from chance that no two customers share

    def add(self, rows: slice, simulated: list[NDArray[Any]], expected: "list[pd.Series[float]]") -> None:
        actual = self.actual[rows]
        for side, drawn in enumerate(simulated):
            self.scores[side, rows] = crps(drawn, actual)
            self.totals[side] += expected[side].sum()
        champion, challenger = simulated
        parts = [slice(batch, None, BATCHES) for batch in range(BATCHES)]
        differences = np.array([crps(challenger[:, part], actual) - crps(champion[:, part], actual) for part in parts])
        self.batches += differences.sum(axis=1)
        self.own_chance += float(differences.var(axis=0, ddof=1).sum()) / BATCHES

    def contest(self) -> PairedScores:
        champion, challenger = self.scores
        customers = len(self.actual)
        over_customers = _standard_error(challenger - champion)
        shared = _standard_error(self.batches / customers) ** 2 - self.own_chance / customers**2
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


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else math.nan


def _blocks(customers: int) -> Iterator[slice]:
    starts = range(0, customers, CUSTOMERS_AT_ONCE)
    return (slice(start, min(start + CUSTOMERS_AT_ONCE, customers)) for start in starts)
