"""The scorer's odd inputs and its agreements with itself; its contract is in `test_score.py`."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from populations import PARAMETERS, PURCHASE_MODELS

from tenure.posterior import Posterior
from tenure.scorer import COLUMNS, HorizonWarning, Params, ScoreError, Scorer, Totals
from tenure.summary import CustomerSummary

NUMBERS = list(COLUMNS)


@pytest.fixture(scope="module")
def scorer(posterior: Posterior) -> Scorer:
    return Scorer(posterior)


def extreme_populations(draws: int, purchases: str) -> Posterior:
    """Draw every parameter from its ends, in all mixtures: q -> 1, a = 1, a + b = 1, tiny and large shapes."""
    rng = np.random.default_rng(30)
    ends: dict[str, list[float]] = {
        "r": [1e-3, 0.24, 1.0, 40.0],
        "alpha": [0.5, 31.0, 5_000.0],
        "a": [1e-3, 0.4, 1.0, 1.0 + 1e-12, 30.0],
        "b": [1e-3, 0.6, 2.4, 200.0],
        "p": [0.05, 1.0, 6.25, 100.0],
        "q": [1.0001, 1.5, 3.74, 50.0],
        "v": [1e-2, 15.0, 1e5],
    }
    return Posterior({name: rng.choice(ends[name], (2, draws // 2)) for name in PARAMETERS}, purchases, "gamma_gamma")


@pytest.mark.filterwarnings("ignore::tenure.scorer.HeavyTailWarning")
@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_no_valid_customer_of_any_mixture_of_populations_gets_a_number_that_is_none(purchases: str) -> None:
    rows = [
        (0, 0, 0, np.nan), (0, 0, 1, np.nan), (0, 0, 18_250, np.nan), (1, 1, 1, 0.01), (1, 1, 18_250, 1e6),
        (1, 18_250, 18_250, 5.0), (20, 20, 20, 5.0), (365, 365, 365, 20.0), (10_000, 10_000, 10_000, 0.01),
        (10_000, 10_000, 18_250, 1e6),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["frequency", "recency", "T", "monetary_value"])
    frame["customer_id"] = [f"c{at}" for at in range(len(rows))]
    scorer = Scorer(extreme_populations(400, purchases))
    for horizon, rate in ((1, 0.0), (365, 0.1), (10_950, 0.0), (10_950, 5.0)):
        table = scorer.score(frame, horizon_days=horizon, discount_rate=rate).table
        numbers = table[NUMBERS].to_numpy()
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
        assert (table["p_purchase"] <= table["p_alive"]).all()
        assert (table["p_alive"] <= 1).all()
        for name in ("purchases", "clv", "clv_mean"):
            assert (table[f"{name}_low"] <= table[f"{name}_high"]).all()


IDS: list[Any] = [[3, 1, 2], ["c", "a", "b"], np.array([3, "x", 7], dtype=object), pd.array([3, 1, 2], dtype="Int64")]


@pytest.mark.parametrize("ids", IDS, ids=["integers", "text", "both", "nullable"])
def test_ids_come_back_as_given_in_the_order_given(scorer: Scorer, summaries: pd.DataFrame, ids: Any) -> None:
    frame = summaries.iloc[[5, 0, 9]].assign(customer_id=ids)
    table = scorer.score(frame).table
    assert table["customer_id"].tolist() == list(ids)
    assert table.index.tolist() == [0, 1, 2]


def test_an_rfm_its_frame_and_a_frame_with_more_columns_score_alike(scorer: Scorer, summaries: pd.DataFrame) -> None:
    table = scorer.score(summaries).table
    more = summaries.assign(segment="web")[["segment", *reversed(summaries.columns)]]
    for customers in (CustomerSummary.from_frame(summaries), more, summaries.set_index(np.arange(700) * 3)):
        pd.testing.assert_frame_equal(scorer.score(customers).table, table, check_exact=True)


def test_scoring_leaves_the_customers_as_they_were(scorer: Scorer, summaries: pd.DataFrame) -> None:
    before = summaries.copy()
    scorer.score(summaries)
    pd.testing.assert_frame_equal(summaries, before)


def test_every_answer_carries_the_params_that_it_used(scorer: Scorer, summaries: pd.DataFrame) -> None:
    scores = scorer.score(summaries, horizon_days=90, seed=3)
    assert scores.params == Params(horizon_days=90, seed=3)
    used = {"horizon_days": 90, "discount_rate": 0.1, "margin": 1.0, "level": 0.9, "seed": 3}
    assert scores.table.attrs["params"] == used


def test_params_may_be_numpy_numbers(scorer: Scorer, summaries: pd.DataFrame) -> None:
    """MLflow hands them over so."""
    plain = scorer.score(summaries, horizon_days=90, level=0.8, seed=3).table
    numpys = {"horizon_days": np.int64(90), "level": np.float64(0.8), "seed": np.int64(3)}
    pd.testing.assert_frame_equal(scorer.score(summaries, **numpys).table, plain, check_exact=True)


def test_all_params_out_of_range_are_named_at_once() -> None:
    with pytest.raises(ScoreError) as caught:
        Params(horizon_days=0, discount_rate=-1.0, margin=2.0, level=1.0, seed=2**63)
    said = str(caught.value)
    assert all(f"{name} must be" in said for name in ("horizon_days", "discount_rate", "margin", "level", "seed"))
    assert "got 2.0" in said


@pytest.mark.parametrize("name", ["horizon_days", "discount_rate", "margin", "level", "seed"])
@pytest.mark.parametrize("value", ["7", None, [1], True])
def test_params_that_are_no_numbers_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ScoreError, match=f"{name} must be"):
        Params(**{name: value})


def test_the_ends_of_every_range_are_inside_it() -> None:
    assert Params(horizon_days=1, discount_rate=0.0, level=1e-6, seed=0).delta == 0.0
    most = Params(horizon_days=10_950, discount_rate=5.0, margin=1.0, level=0.999999, seed=2**63 - 1)
    assert most.delta == pytest.approx(np.log(6) / 365, rel=1e-14)


@pytest.mark.parametrize(("draws", "level"), [(100, 0.9), (200, 0.95), (1_000, 0.99), (160, 0.937)])
def test_as_many_draws_as_a_level_needs_are_enough_and_one_less_is_not(draws: int, level: float) -> None:
    one = {name: np.full((1, draws), 2.0) for name in PARAMETERS}
    frame = pd.DataFrame({"customer_id": ["c"], "frequency": [0], "recency": [0], "T": [9], "monetary_value": [0.0]})
    assert len(Scorer(Posterior(one, "bg_nbd", "gamma_gamma")).score(frame, level=level).table) == 1
    fewer = Scorer(Posterior(one, "bg_nbd", "gamma_gamma").thin(int(draws * 0.98)))
    with pytest.raises(ScoreError, match=f"at least {int(np.ceil(10 / (1 - level) - 1e-9)):,} draws are needed"):
        fewer.score(frame, level=level)


def test_the_level_that_a_refusal_proposes_is_accepted(summaries: pd.DataFrame) -> None:
    for draws in (101, 150, 160, 199):
        scorer = Scorer(Posterior({name: np.full((1, draws), 2.0) for name in PARAMETERS}, "bg_nbd", "gamma_gamma"))
        with pytest.raises(ScoreError) as caught:
            scorer.score(summaries.head(2), level=0.999)
        proposed = float(str(caught.value).rstrip(".").rsplit(" ", 1)[1])
        assert len(scorer.score(summaries.head(2), level=proposed).table) == 2


def test_a_horizon_warning_points_to_who_asked(posterior: Posterior, summaries: pd.DataFrame) -> None:
    checked = Scorer(posterior, validated_horizon_days=100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checked.score(summaries.head(2))
        checked.simulate(summaries.head(2))
    assert [warning.category for warning in caught] == [HorizonWarning] * 2
    assert {warning.filename for warning in caught} == {__file__}


def test_a_wider_level_gives_wider_intervals_and_the_same_means(scorer: Scorer, summaries: pd.DataFrame) -> None:
    narrow, wide = (scorer.score(summaries, level=level).table for level in (0.5, 0.9))
    for name in ("purchases", "clv", "clv_mean"):
        assert (wide[f"{name}_low"] <= narrow[f"{name}_low"]).all()
        assert (wide[f"{name}_high"] >= narrow[f"{name}_high"]).all()
    same = ["p_alive", "p_purchase", "expected_purchases", "expected_spend", "clv"]
    pd.testing.assert_frame_equal(wide[same], narrow[same], check_exact=True)


def test_half_the_margin_is_half_of_every_value_bit_for_bit(scorer: Scorer, summaries: pd.DataFrame) -> None:
    whole, half = (scorer.score(summaries, margin=margin).table for margin in (1.0, 0.5))
    money = [name for name in NUMBERS if name.startswith("clv")]
    pd.testing.assert_frame_equal(half[money] * 2, whole[money], check_exact=True)
    others = [name for name in NUMBERS if name not in money]
    pd.testing.assert_frame_equal(half[others], whole[others], check_exact=True)


def test_discounting_lowers_value_and_leaves_purchases(scorer: Scorer, summaries: pd.DataFrame) -> None:
    free, dear = (scorer.score(summaries, discount_rate=rate).table for rate in (0.0, 1.0))
    assert (dear["clv"] < free["clv"]).all()
    assert (dear["clv"] > free["clv"] / 2).all()  # a year ahead is worth one half
    np.testing.assert_allclose(dear["expected_purchases"], free["expected_purchases"], rtol=1e-10)
    counts = ["purchases_low", "purchases_high"]
    pd.testing.assert_frame_equal(dear[counts], free[counts], check_exact=True)


def test_futures_are_those_behind_the_totals(scorer: Scorer, summaries: pd.DataFrame) -> None:
    futures, totals = scorer.simulate(summaries, margin=0.3), scorer.score(summaries, margin=0.3).totals
    assert futures.purchases.shape == futures.clv.shape == (700, 200)
    np.testing.assert_array_equal(futures.purchases.sum(axis=0), totals.purchases)
    np.testing.assert_allclose(futures.clv.sum(axis=0), totals.clv, rtol=1e-12)


def test_two_scorers_of_one_posterior_have_joint_draws(posterior: Posterior, summaries: pd.DataFrame) -> None:
    """A high draw of the population is high for every customer, so expectations of two halves go together."""
    first, second = (Scorer(posterior).score(half).totals for half in (summaries.iloc[:350], summaries.iloc[350:]))
    assert np.corrcoef(first.expected_clv, second.expected_clv)[0, 1] > 0.9


def test_no_customers_have_no_futures_and_empty_totals(scorer: Scorer, summaries: pd.DataFrame) -> None:
    none = summaries.iloc[:0]
    futures, scores = scorer.simulate(none), scorer.score(none)
    assert futures.purchases.shape == futures.clv.shape == (0, 200)
    assert scores.totals.table(0.9).to_numpy().tolist() == [[0.0] * 5] * 2
    full = scorer.score(summaries).totals
    np.testing.assert_array_equal((Totals.empty(200) + full).clv, full.clv)


@pytest.mark.parametrize("purchases", PURCHASE_MODELS)
def test_a_new_customer_is_expected_to_buy_as_one_who_came_today(posterior: Posterior, purchases: str) -> None:
    scorer = Scorer(replace(posterior, purchase_model=purchases))
    today = pd.DataFrame({"customer_id": ["c"], "frequency": [0], "recency": [0], "T": [0], "monetary_value": [0.0]})
    expected = scorer.expected_new_customer(np.array([0, 1, 30, 365]))
    assert expected.shape == (200, 4)
    assert not expected[:, 0].any()
    for at, days in ((1, 1), (2, 30), (3, 365)):
        row = scorer.score(today, horizon_days=days).table.iloc[0]
        assert expected[:, at].mean() == pytest.approx(row["expected_purchases"], rel=1e-9)


def test_a_chance_to_leave_right_away_costs_a_new_customer_a_purchase_in_the_long_run() -> None:
    """With a > 1 dropout ends all: after (a + b - 1) / (a - 1) repeat purchases, a geometric's mean, or one less."""
    known = {"r": 4.0, "alpha": 10.0, "a": 2.5, "b": 4.0, "p": 6.25, "q": 3.74, "v": 15.4}
    draws = {name: np.full((1, 10), value) for name, value in known.items()}
    days = np.array([1, 30, 365, 10_950])
    bg, mbg = (Scorer(Posterior(draws, name, "gamma_gamma")).expected_new_customer(days)[0] for name in PURCHASE_MODELS)
    assert (mbg < bg).all()
    assert (bg[-1], mbg[-1]) == pytest.approx((5.5 / 1.5, 4.0 / 1.5), rel=1e-4)


def test_in_the_mbg_nbd_one_time_buyers_may_be_gone(posterior: Posterior, summaries: pd.DataFrame) -> None:
    bg, mbg = (Scorer(replace(posterior, purchase_model=name)).score(summaries).table for name in PURCHASE_MODELS)
    once = (summaries["frequency"] == 0).to_numpy()
    assert (bg.loc[once, "p_alive"] == 1).all()
    assert (mbg.loc[once, "p_alive"] < 1).all()
    assert (mbg.loc[~once, "p_alive"] > bg.loc[~once, "p_alive"]).all()  # one chance more was not taken
    spends = ["expected_spend"]
    pd.testing.assert_frame_equal(mbg[spends], bg[spends], check_exact=True)
