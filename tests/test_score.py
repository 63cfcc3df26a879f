"""The scorer's contract: columns, params, bits, totals, outcomes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from populations import CHANCES

from tenure.posterior import Posterior
from tenure.scorer import COLUMNS, EXPECTED, HorizonWarning, Params, ScoreError, Scorer
from tenure.scorer.quantiles import interval_ranks
from tenure.summary import SummaryError

CONTRACT = [
    "customer_id",
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
]


@pytest.fixture(scope="module")
def scorer(posterior: Posterior) -> Scorer:
    return Scorer(posterior)


@pytest.fixture(scope="module")
def table(scorer: Scorer, summaries: pd.DataFrame) -> pd.DataFrame:
    return scorer.score(summaries).table


def fixed(draws: int = 2000, **changes: float) -> Posterior:
    """Make a posterior that knows its parameters exactly."""
    known = {"r": 0.24, "alpha": 31.0, "a": 0.8, "b": 2.4, "p": 6.25, "q": 3.74, "v": 15.4} | changes
    return Posterior({name: np.full((1, draws), value) for name, value in known.items()}, "bg_nbd", "gamma_gamma")


def customers(*rows: tuple[int, int, int, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["frequency", "recency", "T", "monetary_value"])
    return frame.assign(customer_id=[f"c{at}" for at in range(len(frame))])


def test_the_answers_columns_are_the_contracts(table: pd.DataFrame, summaries: pd.DataFrame) -> None:
    assert list(table.columns) == CONTRACT
    assert list(table["customer_id"]) == list(summaries["customer_id"])
    assert table["purchases_low"].dtype == table["purchases_high"].dtype == np.int64


def test_the_params_defaults_are_the_contracts() -> None:
    assert Params() == Params(horizon_days=365, discount_rate=0.10, margin=1.0, level=0.90, seed=0)


def test_every_number_is_finite_and_in_order(table: pd.DataFrame) -> None:
    numbers = table[list(COLUMNS)]
    assert np.isfinite(numbers.to_numpy()).all()
    assert (numbers >= 0).all().all()
    assert (table["p_purchase"] <= table["p_alive"]).all()
    for name in ("purchases", "clv", "clv_mean"):
        assert (table[f"{name}_low"] <= table[f"{name}_high"]).all()


@pytest.mark.parametrize(
    "population",
    [
        {"q": 1.0001},
        {"a": 1.0},
        {"a": 0.4, "b": 0.6},
        {"r": 1e-3},
        {"a": 1e-4, "b": 1e-3},
        {"r": 300.0, "alpha": 9e3},
        {"a": 1e-6, "b": 1e6},
    ],
    ids=str,
)
def test_extreme_customers_of_extreme_populations_get_finite_numbers(population: dict[str, float]) -> None:
    """Contract: no valid row gives NaN, an infinity or a negative value."""
    extremes = customers(
        (0, 0, 0, 0.0), (0, 0, 18_250, 0.0), (1, 1, 1, 0.01), (1, 18_250, 18_250, 1e9), (350, 365, 365, 20.0),
        (10_000, 10_000, 10_000, 5.0), (10_000, 10_000, 18_250, 5.0),
    )  # fmt: skip
    for horizon in (1, 10_950):
        table = Scorer(fixed(100, **population)).score(extremes, horizon_days=horizon).table
        numbers = table[list(COLUMNS)].to_numpy()
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()


def test_whole_number_columns_and_ids_are_taken_as_given(scorer: Scorer) -> None:
    frame = customers((0, 0, 30, 0.0), (2, 20, 30, 12.0)).assign(customer_id=[7, 12], monetary_value=[0, 12])
    as_integers, as_text = scorer.score(frame).table, scorer.score(frame.assign(customer_id=["7", "12"])).table
    assert list(as_integers["customer_id"]) == [7, 12]
    pd.testing.assert_frame_equal(as_integers[list(COLUMNS)], as_text[list(COLUMNS)])


def test_an_empty_table_gives_an_empty_answer(scorer: Scorer) -> None:
    scores = scorer.score(customers((0, 0, 1, 0.0)).iloc[:0])
    assert list(scores.table.columns) == CONTRACT
    assert len(scores.table) == scores.totals.customers == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("horizon_days", 0, "whole number of days from 1 to 10,950"),
        ("horizon_days", 10_951, "whole number of days from 1 to 10,950"),
        ("horizon_days", 30.5, "whole number of days"),
        ("horizon_days", True, "whole number of days"),
        ("discount_rate", -0.01, "annual rate from 0 to 5"),
        ("discount_rate", 10.0, "0.10 is ten percent"),
        ("discount_rate", float("nan"), "annual rate"),
        ("margin", 0.0, "above 0 and at most 1"),
        ("margin", 1.01, "above 0 and at most 1"),
        ("level", 0.0, "above 0 and below 1"),
        ("level", 1.0, "above 0 and below 1"),
        ("seed", -1, "whole number from 0"),
        ("seed", 1.0, "whole number from 0"),
    ],
)
def test_params_out_of_range_are_refused(
    scorer: Scorer, summaries: pd.DataFrame, name: str, value: Any, said: str
) -> None:
    with pytest.raises(ScoreError, match=f"{name} must be .*{said}"):
        scorer.score(summaries, **{name: value})


def test_unknown_params_are_refused_with_the_known_ones(scorer: Scorer, summaries: pd.DataFrame) -> None:
    with pytest.raises(ScoreError, match=r"Unknown params horizon_months\. The params are horizon_days, "):
        scorer.score(summaries, horizon_months=12)


def test_a_level_that_the_draws_cannot_resolve_is_refused(scorer: Scorer, summaries: pd.DataFrame) -> None:
    with pytest.raises(
        ScoreError, match=r"level 0.999 leaves fewer than five of 200 draws in each tail; .* at most 0.95"
    ):
        scorer.score(summaries, level=0.999)


def test_customers_that_break_the_contract_are_refused(scorer: Scorer) -> None:
    with pytest.raises(SummaryError, match="recency"):
        scorer.score(customers((2, 40, 30, 12.0)))


def test_a_horizon_beyond_the_checked_one_warns(posterior: Posterior, summaries: pd.DataFrame) -> None:
    scorer = Scorer(posterior, validated_horizon_days=273)
    with pytest.warns(HorizonWarning, match="horizon_days 365 is beyond the 273 days"):
        scorer.score(summaries)
    scorer.score(summaries, horizon_days=273)


def test_a_customers_bits_do_not_depend_on_the_others(
    posterior: Posterior, summaries: pd.DataFrame, table: pd.DataFrame
) -> None:
    """Not on order, batch or threads (contract, T-45)."""
    key = table.set_index("customer_id")
    shuffled = summaries.sample(frac=1.0, random_state=1)
    first, second = summaries.iloc[:333], summaries.iloc[333:]
    for threads in (1, 3):
        scorer = Scorer(posterior, threads=threads)
        answers = [scorer.score(shuffled).table]
        answers.append(pd.concat([scorer.score(first).table, scorer.score(second).table]))
        answers.append(pd.concat([scorer.score(summaries.iloc[[at]]).table for at in (0, 1, 350, 699)]))
        for answer in answers:
            again = answer.set_index("customer_id")
            pd.testing.assert_frame_equal(again, key.loc[again.index], check_exact=True)


def test_the_seed_moves_outcomes_and_not_expectations(
    scorer: Scorer, summaries: pd.DataFrame, table: pd.DataFrame
) -> None:
    other = scorer.score(summaries, seed=1).table
    same = [name for name in COLUMNS if not name.startswith(("clv_low", "clv_high", "purchases_"))]
    pd.testing.assert_frame_equal(other[same], table[same], check_exact=True)
    assert not other["clv_high"].equals(table["clv_high"])


def test_margin_and_money_only_scale(posterior: Posterior, summaries: pd.DataFrame, table: pd.DataFrame) -> None:
    money = ["clv", "clv_low", "clv_high", "clv_mean_low", "clv_mean_high"]
    half = Scorer(posterior).score(summaries, margin=0.5).table
    np.testing.assert_allclose(half[money], table[money] * 0.5, rtol=1e-12)
    cents = Posterior({**posterior.draws, "v": posterior.draws["v"] * 100}, "bg_nbd", "gamma_gamma")
    scored = Scorer(cents).score(summaries.assign(monetary_value=summaries["monetary_value"] * 100)).table
    np.testing.assert_allclose(scored[money], table[money] * 100, rtol=1e-9)
    np.testing.assert_allclose(scored["expected_spend"], table["expected_spend"] * 100, rtol=1e-9)


def test_a_mean_may_lie_above_its_predictive_interval() -> None:
    """Who buys with a probability of 4% has the interval [0, 0] and a positive mean; it is not clamped."""
    row = Scorer(fixed()).score(customers((0, 0, 3000, 0.0))).table.iloc[0]
    assert 0 < row["p_purchase"] < 0.05
    assert (row["clv_low"], row["clv_high"]) == (0.0, 0.0)
    assert row["clv"] > 0


@pytest.mark.slow
def test_outcomes_have_the_mean_that_is_expected() -> None:
    """Simulation and quadrature are two roads to one number, discounted too."""
    rows = [(0, 0, 10, 0.0), (1, 20, 30, 25.0), (12, 300, 330, 40.0), (40, 200, 210, 8.0), (3, 30, 300, 60.0)]
    for population in ({}, {"a": 0.2, "b": 0.5, "r": 1.4}, {"a": 3.0, "b": 9.0, "alpha": 5.0}):
        scorer = Scorer(fixed(20_000, **population))
        table = scorer.score(customers(*rows), horizon_days=700, discount_rate=0.3).table
        futures = scorer.simulate(customers(*rows), horizon_days=700, discount_rate=0.3)
        for name, outcome in (("expected_purchases", futures.purchases), ("clv", futures.clv)):
            error = outcome.std(axis=1) / np.sqrt(outcome.shape[1])
            assert (np.abs(outcome.mean(axis=1) - table[name]) < 4.5 * error + 1e-12).all(), (population, name)


def test_intervals_are_order_statistics_of_the_outcomes(
    scorer: Scorer, summaries: pd.DataFrame, table: pd.DataFrame
) -> None:
    futures = scorer.simulate(summaries)
    low, high = (np.quantile(futures.clv, at, axis=1, method="inverted_cdf") for at in (0.05, 0.95))
    np.testing.assert_array_equal(table["clv_low"], low)
    np.testing.assert_array_equal(table["clv_high"], high)
    np.testing.assert_array_equal(
        table["purchases_high"], np.quantile(futures.purchases, 0.95, axis=1, method="inverted_cdf")
    )


@pytest.mark.parametrize(
    ("draws", "level", "ranks"), [(1000, 0.9, (49, 949)), (200, 0.9, (9, 189)), (1000, 0.5, (249, 749))]
)
def test_interval_ranks_are_those_of_the_inverted_distribution(
    draws: int, level: float, ranks: tuple[int, int]
) -> None:
    assert interval_ranks(draws, level) == ranks


def test_the_predictive_interval_is_not_that_of_the_mean(table: pd.DataFrame) -> None:
    """T-01: the interval of an expectation would cover almost no customer."""
    buys = table[table["p_purchase"] > 0.3]
    assert ((buys["clv_high"] - buys["clv_low"]) > 2 * (buys["clv_mean_high"] - buys["clv_mean_low"])).all()


@pytest.mark.parametrize(("purchases", "chances"), CHANCES.items())
def test_predictive_intervals_cover_what_they_say(purchases: str, chances: int) -> None:
    """Outcomes drawn by a plain simulation of the process fall inside nine times in ten."""
    rng = np.random.default_rng(7)
    n, r, alpha, a, b = 4000, 0.6, 40.0, 0.9, 3.0
    rate, dropout, T = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.integers(50, 300, n)
    rows, later = [], []
    for lam, drop, days in zip(rate, dropout, T, strict=True):
        times, day = [], 0.0
        active = not chances or rng.random() >= drop
        while active:
            day += rng.exponential(1 / lam)
            if day > days + 200:
                break
            times.append(day)
            active = rng.random() >= drop
        before = [time for time in times if time <= days]
        rows.append((len(before), int(np.ceil(before[-1])) if before else 0, int(days), 20.0 if before else 0.0))
        later.append(len(times) - len(before))
    valid = [at for at, row in enumerate(rows) if row[0] <= row[1]]
    base = customers(*[rows[at] for at in valid])
    scorer = Scorer(replace(fixed(1000, r=r, alpha=alpha, a=a, b=b), purchase_model=purchases))
    futures, actual = scorer.simulate(base, horizon_days=200), np.array(later)[valid][:, None]
    below, equal = (futures.purchases < actual).mean(axis=1), (futures.purchases == actual).mean(axis=1)
    pit = below + rng.random(len(valid)) * equal
    assert np.mean((pit > 0.05) & (pit < 0.95)) == pytest.approx(0.9, abs=0.02)
    assert np.mean(pit < 0.05) == pytest.approx(0.05, abs=0.015)


def test_totals_come_from_joint_draws(scorer: Scorer, summaries: pd.DataFrame, table: pd.DataFrame) -> None:
    """T-46: summed customers' intervals are wrong by orders of magnitude."""
    scores = scorer.score(summaries)
    totals: Any = scores.totals.table(0.9)
    assert totals.loc["clv", "expected"] == pytest.approx(table["clv"].sum(), rel=1e-12)
    assert totals.loc["purchases", "expected"] == pytest.approx(table["expected_purchases"].sum(), rel=1e-12)
    futures = scorer.simulate(summaries)
    low = np.quantile(futures.clv.sum(axis=0), 0.05, method="inverted_cdf")
    assert totals.loc["clv", "low"] == pytest.approx(low, rel=1e-12)
    width = totals.loc["clv", "high"] - totals.loc["clv", "low"]
    assert width < 0.2 * (table["clv_high"] - table["clv_low"]).sum()


def test_totals_add_up_over_batches(scorer: Scorer, summaries: pd.DataFrame) -> None:
    whole = scorer.score(summaries).totals
    parts = scorer.score(summaries.iloc[:100]).totals + scorer.score(summaries.iloc[100:]).totals
    assert parts.customers == whole.customers == 700
    np.testing.assert_allclose(parts.clv, whole.clv, rtol=1e-12)
    np.testing.assert_array_equal(parts.purchases, whole.purchases)


def test_a_very_frequent_customer_is_simulated_right() -> None:
    """Beyond a few purchases the rest of a future is drawn at once: how many, until when, worth how much."""
    base = customers((10_000, 10_000, 10_000, 5.0), (300, 300, 302, 20.0))
    scorer = Scorer(fixed(4000))
    table = scorer.score(base, horizon_days=3650, discount_rate=0.1).table
    futures = scorer.simulate(base, horizon_days=3650, discount_rate=0.1)
    assert futures.purchases.max() > 2000
    for name, outcome in (("expected_purchases", futures.purchases), ("clv", futures.clv)):
        error = outcome.std(axis=1) / np.sqrt(outcome.shape[1])
        assert (np.abs(outcome.mean(axis=1) - table[name]) < 4.5 * error).all()


@pytest.fixture(scope="module")
def segmented(summaries: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    country = rng.choice(["DE", "FR", None], len(summaries), p=[0.6, 0.3, 0.1])
    return summaries.assign(country=country, channel=rng.integers(1, 4, len(summaries)))


def test_totals_by_group_are_those_of_the_group_alone(scorer: Scorer, segmented: pd.DataFrame) -> None:
    """From joint draws, as the total of all is: never from customers' intervals (T-46)."""
    scores = scorer.score(segmented, by=["country", "channel"])
    assert len(scores.groups) == 9
    pd.testing.assert_frame_equal(scores.table, scorer.score(segmented).table, check_exact=True)
    for (country, channel), totals in scores.groups.items():
        same = segmented["country"].isna() if pd.isna(country) else segmented["country"] == country
        alone = scorer.score(segmented[same & (segmented["channel"] == channel)]).totals
        assert totals.customers == alone.customers > 0
        for name in ("purchases", "clv", "expected_purchases", "expected_clv"):
            np.testing.assert_array_equal(getattr(totals, name), getattr(alone, name))
    whole = scorer.score(segmented).totals
    np.testing.assert_allclose(scores.totals.clv, whole.clv, rtol=1e-12)
    np.testing.assert_array_equal(sum(group.purchases for group in scores.groups.values()), whole.purchases)


def test_the_table_of_groups_says_who_how_many_and_how_much(scorer: Scorer, segmented: pd.DataFrame) -> None:
    scores = scorer.score(segmented, by=["country"], level=0.8)
    table = scores.group_table()
    assert list(table.columns) == [
        "country", "customers", "total", "expected", "low", "high", "mean_low", "mean_high",
    ]  # fmt: skip
    assert table["total"].tolist() == ["purchases", "clv"] * 3
    assert table.loc[table["total"] == "clv", "customers"].sum() == len(segmented)
    assert table["expected"].sum() == pytest.approx(scores.totals.table(0.8)["expected"].sum())
    assert ((table["low"] <= table["expected"]) & (table["expected"] <= table["high"])).all()
    assert scorer.score(segmented).group_table().empty


def test_columns_that_cannot_be_totalled_by_are_refused(scorer: Scorer, segmented: pd.DataFrame) -> None:
    with pytest.raises(ScoreError, match=r"by region, which the customers do not have\. They have customer_id, "):
        scorer.score(segmented, by=["country", "region"])
    twice = pd.concat([segmented, segmented.assign(customer_id="x" + segmented["customer_id"])])
    with pytest.raises(ScoreError, match=r"by customer_id, which make 1,400 groups; the most is 1,000"):
        scorer.score(twice, by=["customer_id"])


def test_expectations_alone_are_those_of_the_whole_answer(
    scorer: Scorer, summaries: pd.DataFrame, table: pd.DataFrame
) -> None:
    alone = scorer.expect(summaries)
    assert list(alone.columns) == ["customer_id", *EXPECTED]
    pd.testing.assert_frame_equal(alone, table[["customer_id", *EXPECTED]], check_exact=True)
    assert alone.attrs["params"]["horizon_days"] == 365
    with pytest.raises(ScoreError, match="margin"):
        scorer.expect(summaries, margin=0.0)
