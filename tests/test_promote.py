"""Who becomes champion: the rule, the comparison of two recipes, its error, and days that nobody may be judged on."""

import math
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tenure import promote
from tenure.backtest import crps
from tenure.posterior import Posterior, PosteriorError
from tenure.promote import Comparison, PairedScores, compare_recipes, decide
from tenure.review import Verdict
from tenure.rfm import Split
from tenure.scorer import Scorer
from tenure.summary import CustomerSummary

CUTOFF = date(2025, 6, 30)
END = CUTOFF + timedelta(120)
PASS, REVIEW, FAIL = Verdict.PASS, Verdict.REVIEW, Verdict.FAIL


def comparison(difference: float, error: float) -> Comparison:
    value = PairedScores(10.0, 10.0 + difference, difference, error, -0.1, 0.1)
    return Comparison(CUTOFF, END, 100, value, replace(value, difference=99.0))


def as_of(posterior: Posterior, day: date) -> Posterior:
    return replace(posterior, origin={"as_of": str(day)})


def worse(posterior: Posterior) -> Posterior:
    """Expect several times the purchases."""
    return replace(posterior, draws={**posterior.draws, "alpha": posterior.draws["alpha"] / 8})


@pytest.fixture(scope="module")
def seen(posterior: Posterior) -> Posterior:
    return as_of(posterior, CUTOFF)


@pytest.fixture(scope="module")
def parts(seen: Posterior, summaries: pd.DataFrame) -> Split:
    """Let the holdout come out as one of the posterior's own futures: the posterior is the truth."""
    summary = CustomerSummary.from_frame(summaries, as_of=CUTOFF)
    futures = Scorer(seen).simulate(summary, horizon_days=120, discount_rate=0.0, margin=1.0, seed=77)
    columns = {"purchases": futures.purchases[:, 5].astype(np.int64), "spend": futures.clv[:, 5]}
    holdout = pd.DataFrame({"customer_id": summary.table["customer_id"], **columns})
    return Split(summary, holdout, CUTOFF, END, 0)


@pytest.mark.parametrize(
    ("difference", "error", "wins"),
    [
        (-1.0, 0.1, True),
        (0.0, 0.0, True),  # one recipe, fitted once
        (0.2, 0.1, True),  # worse by two standard errors, no more
        (0.2001, 0.1, False),
        (1e-9, 0.0, False),
        (math.nan, 0.1, False),
        (-1.0, math.nan, False),
    ],
)
def test_the_challenger_wins_unless_it_is_worse_by_more_than_two_standard_errors_of_spend(
    difference: float, error: float, wins: bool
) -> None:
    found = comparison(difference, error)
    assert found.is_challenger_good_enough is wins
    decision = decide(PASS, found, has_champion=True, reason=None)
    assert (decision.is_promoted, decision.because) == (wins, found.finding)


@pytest.mark.parametrize(
    ("verdict", "found", "has_champion", "reason", "promoted", "because"),
    [
        (FAIL, None, False, None, False, "failed"),
        (FAIL, comparison(-1.0, 0.1), True, "I want it", False, "failed"),
        (REVIEW, None, False, None, False, "give a reason"),
        (REVIEW, comparison(-1.0, 0.1), True, None, False, "give a reason"),
        (REVIEW, comparison(1.0, 0.1), True, "season", True, "season"),
        (REVIEW, None, True, "season", True, "season"),
        (PASS, None, False, None, True, "first"),
        (PASS, None, True, None, False, "not compared"),
        (PASS, comparison(1.0, 0.1), True, None, False, "worse"),
        (PASS, comparison(1.0, 0.1), True, "season", True, "season"),
    ],
)
def test_no_fail_is_promoted_a_reason_outweighs_the_figures_and_a_review_needs_one(
    verdict: Verdict, found: Comparison | None, has_champion: bool, reason: str | None, promoted: bool, because: str
) -> None:
    decision = decide(verdict, found, has_champion=has_champion, reason=reason)
    assert decision.is_promoted is promoted
    assert because in decision.because


@pytest.mark.parametrize("day", [str(CUTOFF + timedelta(1)), str(END), "None", "yesterday", None])
def test_no_posterior_is_judged_on_days_that_it_was_fitted_on_or_may_have_been(
    parts: Split, seen: Posterior, day: str | None
) -> None:
    fitted_on_them = replace(seen, origin={"as_of": day} if day else {})
    for pair in [(fitted_on_them, seen), (seen, fitted_on_them)]:
        with pytest.raises(PosteriorError, match=rf"days up to {day}, so it cannot be tested on days after {CUTOFF}"):
            compare_recipes(parts, *pair, seed=0)


def test_a_posterior_of_earlier_days_may_be_judged(seen: Posterior) -> None:
    as_of(seen, CUTOFF - timedelta(30)).require_unseen(CUTOFF)
    seen.require_unseen(CUTOFF)


def test_one_posterior_against_itself_differs_by_exactly_nothing(parts: Split, seen: Posterior) -> None:
    found = compare_recipes(parts, seen, seen, seed=3)
    for contest in (found.spend, found.purchases):
        assert (contest.difference, contest.difference_se) == (0.0, 0.0)
        assert contest.champion_crps == contest.challenger_crps > 0
    assert found.is_challenger_good_enough
    assert (found.cutoff, found.end, found.customers) == (CUTOFF, END, len(parts.holdout))


def test_the_truth_beats_a_wrong_recipe_and_a_wrong_recipe_does_not_beat_the_truth(
    parts: Split, seen: Posterior
) -> None:
    wrong = worse(seen)
    won, lost = compare_recipes(parts, wrong, seen, seed=1), compare_recipes(parts, seen, wrong, seed=1)
    assert won.spend.difference < -2 * won.spend.difference_se < 0
    assert won.is_challenger_good_enough
    assert not lost.is_challenger_good_enough
    assert lost.spend.difference == pytest.approx(-won.spend.difference)
    assert lost.spend.difference_se == pytest.approx(won.spend.difference_se)
    assert lost.spend.challenger_bias > 0.1 > abs(lost.spend.champion_bias)


def test_figures_are_the_backtests_and_the_error_is_paired_over_customers(
    parts: Split, seen: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the whole table at once, with more than one block of customers."""
    wrong = worse(seen)
    monkeypatch.setattr(promote, "CUSTOMERS_AT_ONCE", 300)
    found = compare_recipes(parts, seen, wrong, seed=2)
    asked: dict[str, Any] = {"horizon_days": 120, "discount_rate": 0.0, "margin": 1.0, "seed": 2}
    actual = parts.holdout["spend"].to_numpy()
    scorers = [Scorer(posterior.thin(200)) for posterior in (seen, wrong)]
    champion, challenger = (crps(scorer.simulate(parts.calibration, **asked).clv, actual) for scorer in scorers)
    assert found.spend.champion_crps == pytest.approx(champion.mean())
    assert found.spend.challenger_crps == pytest.approx(challenger.mean())
    difference = challenger - champion
    assert found.spend.difference == pytest.approx(difference.mean())
    over_customers = difference.std(ddof=1) / np.sqrt(len(difference))
    assert over_customers <= found.spend.difference_se < 1.3 * over_customers
    unpaired = np.hypot(champion.std(ddof=1), challenger.std(ddof=1)) / np.sqrt(len(difference))
    assert found.spend.difference_se < unpaired
    expected = scorers[0].expect(parts.calibration, **asked)["clv"].sum()
    assert found.spend.champion_bias == pytest.approx(expected / actual.sum() - 1)


def test_the_error_knows_that_all_customers_share_their_draws() -> None:
    """Every customer shifted by the draw alike: the spread over customers is nil, the chance of the draws is not."""
    rng = np.random.default_rng(5)
    customers, draws, repetitions = 400, 200, 200
    z = []
    for _ in range(repetitions):
        actual = rng.normal(1.0, 0.01, customers)  # the recipe is biased: it forecasts 0
        tally = promote._Accumulator(actual)
        simulated = [np.tile(rng.normal(0.0, 1.0, draws), (customers, 1)) for _ in range(2)]
        zeros = [pd.Series(np.zeros(customers))] * 2
        for rows in (slice(0, 250), slice(250, customers)):
            tally.add(rows, [drawn[rows] for drawn in simulated], zeros)
        contest = tally.paired_scores()
        z.append(contest.difference / contest.difference_se)
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(1.0, abs=0.2)
    spread = (tally.scores[1] - tally.scores[0]).std(ddof=1) / np.sqrt(customers)
    assert contest.difference_se > 5 * spread


def test_chance_that_no_two_customers_share_is_counted_once() -> None:
    rng = np.random.default_rng(6)
    customers, draws, repetitions = 300, 100, 200
    z = []
    for _ in range(repetitions):
        tally = promote._Accumulator(np.zeros(customers))
        simulated = [rng.normal(0.0, 1.0, (customers, draws)) for _ in range(2)]
        tally.add(slice(0, customers), simulated, [pd.Series(np.zeros(customers))] * 2)
        contest = tally.paired_scores()
        z.append(contest.difference / contest.difference_se)
    # Twice would be 0.71; a variance that is cut off at nothing from below leaves a little less than 1.
    assert 0.8 < np.sqrt(np.mean(np.square(z))) < 1.1


def test_without_any_purchase_in_the_holdout_there_is_no_bias_and_no_number_that_is_not_one(
    parts: Split, seen: Posterior
) -> None:
    nothing = parts.holdout.assign(purchases=np.int64(0), spend=0.0)
    found = compare_recipes(replace(parts, holdout=nothing), seen, worse(seen), seed=0)
    assert math.isnan(found.spend.champion_bias)
    assert not found.is_challenger_good_enough
    assert list(found.table()["outcome"]) == ["purchases", "spend"]
    assert found.metrics()["spend.difference"] == found.spend.difference
    assert found.metrics()["customers"] == len(parts.holdout)


def test_too_few_draws_to_compare_by_are_refused(parts: Split, seen: Posterior) -> None:
    with pytest.raises(promote.PromoteError, match="There are 30 draws"):
        compare_recipes(parts, seen, seen.thin(30), seed=0)
