"""Beyond one number a customer: the value to infinity, the way there by months, who is not yet acquired."""

import math
import warnings
from dataclasses import asdict, replace
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from cases import few
from populations import CHANCES, PURCHASE_MODELS

from tenure.posterior import Posterior
from tenure.purchase.bg_nbd.scoring import p_alive
from tenure.scorer import COLUMNS, RESIDUAL, HeavyTailWarning, HorizonWarning, ScoreError, Scorer
from tenure.spend.gamma_gamma.scoring import mean_spend
from tenure.summary import FirstOrders

KNOWN = {"r": 0.24, "alpha": 31.0, "a": 0.8, "b": 2.4, "p": 6.25, "q": 3.74, "v": 15.4}
ORDERS = {"mean": 40.0, "sd": 30.0, "customers": 400}


def fixed(purchases: str = "bg_nbd", draws: int = 1_000, origin: dict[str, Any] | None = None, **changes: float) -> Any:
    known = KNOWN | changes
    return Posterior(
        {name: np.full((1, draws), value) for name, value in known.items()}, purchases, "gamma_gamma", origin or {}
    )


def customers(*rows: tuple[int, int, int, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["frequency", "recency", "T", "monetary_value"])
    return frame.assign(customer_id=[f"c{at}" for at in range(len(frame))])


BASE = customers((0, 0, 0, 0.0), (0, 0, 200, 0.0), (1, 90, 200, 35.0), (6, 190, 200, 12.0), (40, 100, 120, 60.0))


# ---- to infinity


def exact_residual(row: Any, delta: float, population: dict[str, float], chances: int) -> float:
    """Integrate rate / (delta + dropout * rate) over both: over the rate, Gamma(k, G), it is k / p U(1, 1 - k, z).

    Here z = G delta / p (Abramowitz & Stegun 1964, 13.2.5); p^(a - 1) is taken out by u = p^a.
    """
    x, t_x, T = (float(row[name]) for name in ("frequency", "recency", "T"))
    r, alpha, a, b = (mpmath.mpf(population[name]) for name in ("r", "alpha", "a", "b"))
    k, G, n = r + x, alpha + T, x + chances

    def given(u: Any) -> Any:
        p = u ** (1 / a)
        return k / p * mpmath.hyperu(1, 1 - k, G * delta / p) * (1 - p) ** (b + n - 1)

    mean = mpmath.quad(given, [0, 1e-6, 1e-3, 0.03, 0.2, 0.5, 0.9, 1]) / (a * mpmath.beta(a, b + n))
    alive = p_alive(x, t_x, T, *(population[name] for name in ("r", "alpha", "a", "b")), chances)
    spend = mean_spend(x, row["monetary_value"], *(population[name] for name in ("p", "q", "v")))
    return float(mean * alive * spend)


@pytest.mark.parametrize(("purchases", "chances"), CHANCES.items())
@pytest.mark.parametrize(
    ("rate", "change"), few([(0.1, {}), (0.01, {"a": 1.0, "b": 1.3}), (3.0, {"a": 2.5, "b": 60.0})], 1), ids=str
)
def test_a_residual_value_is_the_integral_over_rate_and_dropout(
    purchases: str, chances: int, rate: float, change: dict[str, float]
) -> None:
    found = Scorer(fixed(purchases, 200, **change)).residual(BASE, discount_rate=rate).table["residual_clv"]
    delta = math.log1p(rate) / 365
    with mpmath.workdps(25):
        right = [exact_residual(row, delta, KNOWN | change, chances) for _, row in BASE.iterrows()]
    assert found.to_numpy() == pytest.approx(right, rel=1e-8)


def test_a_residual_value_answers_with_both_intervals_and_no_counts(posterior: Posterior) -> None:
    scores = Scorer(posterior).residual(BASE, margin=0.5, discount_rate=0.2)
    table = scores.table
    assert list(table.columns) == ["customer_id", *RESIDUAL.values()]
    assert (table["residual_low"] <= table["residual_high"]).all()
    assert (table["residual_mean_low"] <= table["residual_clv"]).all()
    assert (table["residual_clv"] <= table["residual_mean_high"]).all()
    assert (
        table["residual_high"] - table["residual_low"] > table["residual_mean_high"] - table["residual_mean_low"]
    ).all()
    assert scores.totals.table(0.9).loc["clv", "expected"] == pytest.approx(table["residual_clv"].sum(), rel=1e-12)


@pytest.mark.slow
def test_outcomes_to_infinity_have_the_residual_values_mean() -> None:
    scorer = Scorer(fixed(draws=40_000))
    scores = scorer.residual(BASE, discount_rate=0.15)
    outcomes, expected = scores.totals.clv, scores.totals.expected_clv.mean()
    assert abs(outcomes.mean() - expected) < 4 * outcomes.std() / math.sqrt(outcomes.size)


def test_a_residual_value_is_what_ever_longer_horizons_tend_to() -> None:
    scorer = Scorer(fixed(draws=200))
    residual = scorer.residual(BASE, discount_rate=0.5).table["residual_clv"]
    shares = [
        (scorer.score(BASE, discount_rate=0.5, horizon_days=h).table["clv"] / residual).max() for h in (365, 3650)
    ]
    assert shares[0] < shares[1] < 1
    last = scorer.score(BASE, discount_rate=0.5, horizon_days=10_950).table["clv"]
    np.testing.assert_allclose(last, residual, rtol=1e-5)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"discount_rate": 0.0}, "needs a discount_rate of at least 1e-06 a year, got 0.0"),
        ({"horizon_days": 365}, "has no horizon_days: it runs to infinity"),
        ({"margin": 2.0}, "margin must be above 0 and at most 1"),
    ],
)
def test_a_question_to_infinity_that_has_no_answer_is_refused(params: dict[str, float], said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        Scorer(fixed()).residual(BASE, **params)


def test_a_residual_value_by_groups_adds_up(posterior: Posterior) -> None:
    base = BASE.assign(country=["DE", "FR", "DE", "FR", "DE"])
    scores = Scorer(posterior).residual(base, by=["country"])
    found = scores.group_table().query("total == 'clv'")
    assert found["expected"].sum() == pytest.approx(scores.table["residual_clv"].sum(), rel=1e-12)


# ---- how far ahead


def test_a_horizon_beyond_what_was_observed_says_how_much_of_the_value_lies_there() -> None:
    scorer = Scorer(fixed(draws=200, origin={"observed_days": 400}))
    scores = scorer.score(BASE, horizon_days=1_000)
    near = scorer.score(BASE, horizon_days=400)
    share = 1 - near.table["clv"].sum() / scores.table["clv"].sum()
    assert scores.extrapolated_share == pytest.approx(share, rel=1e-9)
    assert scores.table.attrs["extrapolated_share"] == scores.extrapolated_share
    assert near.extrapolated_share is None
    assert scorer.residual(BASE).extrapolated_share > scores.extrapolated_share


def test_who_does_not_know_what_was_observed_says_nothing_of_it() -> None:
    assert Scorer(fixed()).score(BASE, horizon_days=10_950).extrapolated_share is None


def test_the_share_beyond_changes_no_number(posterior: Posterior, summaries: pd.DataFrame) -> None:
    seen = replace(posterior, origin={"observed_days": 100})
    plain, stated = (Scorer(known).score(summaries, horizon_days=700) for known in (posterior, seen))
    pd.testing.assert_frame_equal(plain.table, stated.table, check_exact=True)
    np.testing.assert_array_equal(plain.totals.clv, stated.totals.clv)


# ---- means that rest on a few draws


def test_a_mean_that_rests_on_a_few_draws_is_told_as_such() -> None:
    """One draw in a thousand has q next to 1, and so a mean spend a thousand times the others'."""
    heavy = fixed()
    heavy.draws["q"][0, 500] = 1.0 + 1e-4
    with pytest.warns(HeavyTailWarning, match=r"1 of 1 customers \(first: 'c0'\) rest on a few draws"):
        scores = Scorer(heavy).score(BASE.iloc[[1]].assign(customer_id="c0"))
    assert scores.unstable_means == scores.table.attrs["unstable_means"] == 1


def test_ordinary_uncertainty_is_not_told_as_a_heavy_tail(posterior: Posterior, summaries: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Scorer(posterior).score(summaries).unstable_means == 0


def test_the_largest_spend_gives_finite_numbers_and_a_larger_one_is_refused(posterior: Posterior) -> None:
    table = Scorer(posterior).score(customers((1, 5, 9, 1e99), (300, 300, 301, 1e99))).table
    assert np.isfinite(table[list(COLUMNS)].to_numpy()).all()
    with pytest.raises(ValueError, match=r"a monetary_value of 1e\+100 or more"):
        Scorer(posterior).score(customers((1, 5, 9, 1e308)))


# ---- by months


def test_the_way_there_changes_no_number_and_adds_up_to_them(posterior: Posterior, summaries: pd.DataFrame) -> None:
    scorer = Scorer(posterior)
    plain, scores = scorer.score(summaries), scorer.score(summaries, by_month=True)
    pd.testing.assert_frame_equal(plain.table, scores.table, check_exact=True)
    np.testing.assert_array_equal(plain.totals.clv, scores.totals.clv)
    months = scores.months
    assert plain.months is None
    assert months.days == pytest.approx([365 / 12 * month for month in range(1, 13)])
    assert months.purchases.shape == months.clv.shape == (700, 12)
    np.testing.assert_allclose(months.purchases.sum(axis=1), scores.table["expected_purchases"], rtol=1e-9)
    np.testing.assert_allclose(months.clv.sum(axis=1), scores.table["clv"], rtol=1e-9)
    for name in ("purchases", "clv", "expected_purchases", "expected_clv"):
        summed = sum(getattr(month, name) for month in months.totals)
        np.testing.assert_allclose(summed, getattr(scores.totals, name), rtol=1e-9)


def test_a_months_value_is_the_difference_of_two_horizons() -> None:
    scorer = Scorer(fixed(draws=200))
    months = scorer.score(BASE, by_month=True, horizon_days=730, discount_rate=0.3).months
    year = scorer.score(BASE, horizon_days=365, discount_rate=0.3).table
    np.testing.assert_allclose(months.clv[:, :12].sum(axis=1), year["clv"], rtol=1e-9)


def test_the_last_month_ends_with_the_horizon() -> None:
    scorer = Scorer(fixed(draws=200, origin={"observed_days": 45}))
    for horizon, days in ((10, [10.0]), (40, [365 / 12, 40.0]), (365 * 2, None)):
        months = scorer.score(BASE, by_month=True, horizon_days=horizon).months
        assert months.days[-1] == horizon
        assert len(months.totals) == months.clv.shape[1] == months.days.size
        if days:
            assert months.days == pytest.approx(days)
    assert months.days.size == 24


def test_the_table_of_months_has_joint_intervals_within_months_and_until_them(posterior: Posterior) -> None:
    months = Scorer(posterior).score(BASE, by_month=True, horizon_days=182).months
    within, until = months.table(0.9), months.table(0.9, cumulative=True)
    assert list(within.columns) == ["month", "until_day", "total", "expected", "low", "high", "mean_low", "mean_high"]
    assert within["month"].tolist() == [month for month in range(1, 7) for _ in range(2)]
    value = within[within["total"] == "clv"]["expected"].cumsum().to_numpy()
    np.testing.assert_allclose(until[until["total"] == "clv"]["expected"], value, rtol=1e-12)
    assert (until.groupby("total")["high"].diff().dropna() >= 0).all()


def test_a_blocks_paths_do_not_depend_on_the_others(posterior: Posterior, summaries: pd.DataFrame) -> None:
    whole = Scorer(posterior, threads=2).score(summaries, by_month=True).months
    some = Scorer(posterior, threads=1).score(summaries.iloc[300:420], by_month=True).months
    np.testing.assert_array_equal(whole.clv[300:420], some.clv)
    np.testing.assert_array_equal(whole.purchases[300:420], some.purchases)


# ---- not yet acquired


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_a_new_customer_is_worth_the_first_order_and_what_one_who_came_today_is_worth(purchases: str) -> None:
    scorer = Scorer(fixed(purchases, origin={"first_orders": ORDERS}))
    row = scorer.new_customer(margin=0.4, horizon_days=730).table().iloc[0]
    today = scorer.score(customers((0, 0, 0, 0.0)), margin=0.4, horizon_days=730).table.iloc[0]
    assert row["first_order"] == pytest.approx(0.4 * 40.0, rel=0.01)  # known to 30 / sqrt(400), averaged over draws
    assert row["clv"] == pytest.approx(row["first_order"] + today["clv"], rel=1e-12)
    assert row["clv_mean_low"] < row["clv"] < row["clv_mean_high"]
    assert row["clv_low"] < row["clv_mean_low"]
    assert row["clv_mean_high"] < row["clv_high"]


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_new_customers_outcomes_have_their_expectation(purchases: str) -> None:
    scorer = Scorer(fixed(purchases, q=6.0, origin={"first_orders": ORDERS | {"sd": 0.0}}))
    found = scorer.new_customer(futures=100_000)
    assert found.outcomes.size == 100_000
    assert abs(found.outcomes.mean() - found.expected.mean()) < 4 * found.outcomes.std() / math.sqrt(100_000)


def test_a_large_first_order_tells_of_large_ones_to_come() -> None:
    """First and later orders share the customer: their outcomes go together, as they would not if drawn apart."""
    one, all_time = (
        Scorer(fixed(q=6.0, r=3.0, a=0.01, origin={"first_orders": ORDERS})).new_customer(
            futures=20_000, horizon_days=days
        )
        for days in (1, 3_650)
    )
    later = all_time.outcomes - one.outcomes
    assert np.corrcoef(one.outcomes, later)[0, 1] > 0.15


def test_the_first_orders_mean_is_as_uncertain_as_the_log_leaves_it() -> None:
    few, many = (
        Scorer(fixed(origin={"first_orders": ORDERS | {"customers": count}})).new_customer() for count in (25, 10_000)
    )
    assert few.first_order.std() == pytest.approx(30 / 5, rel=0.1)
    assert many.first_order.std() == pytest.approx(30 / 100, rel=0.1)


def test_a_new_customer_may_be_valued_to_infinity() -> None:
    scorer = Scorer(fixed(origin={"first_orders": ORDERS}))
    ever = scorer.new_customer(to_infinity=True)
    assert ever.table()["clv"][0] > scorer.new_customer(horizon_days=3_650).table()["clv"][0]
    assert ever.params["horizon_days"] is None
    with pytest.raises(ScoreError, match="discount_rate of at least"):
        scorer.new_customer(to_infinity=True, discount_rate=0.0)


def test_a_new_customer_is_the_same_whatever_the_threads_and_another_with_another_seed() -> None:
    origin = {"first_orders": ORDERS}
    one, two = (Scorer(fixed(origin=origin), threads=threads).new_customer(seed=4) for threads in (1, 2))
    np.testing.assert_array_equal(one.outcomes, two.outcomes)
    assert not np.array_equal(Scorer(fixed(origin=origin)).new_customer(seed=5).outcomes, one.outcomes)


def test_without_first_orders_a_new_customer_is_not_valued() -> None:
    with pytest.raises(ScoreError, match="does not hold what first orders were worth"):
        Scorer(fixed()).new_customer()


def test_first_orders_are_numbers_that_orders_can_have() -> None:
    assert asdict(FirstOrders(40.0, 30.0, 400)) == ORDERS
    for wrong in ((np.nan, 1.0, 5), (-1.0, 1.0, 5), (1.0, np.inf, 5), (1.0, 1.0, 0)):
        with pytest.raises(ValueError, match="First orders have a finite mean and sd"):
            FirstOrders(*wrong)


def test_a_horizon_to_infinity_is_no_horizon_beyond_the_checked_one(posterior: Posterior) -> None:
    checked = Scorer(posterior, validated_horizon_days=100)
    with pytest.warns(HorizonWarning):
        checked.score(BASE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checked.residual(BASE)
