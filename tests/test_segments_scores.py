"""Segments in scores, in the registered model's signature, and by the Python API."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from segmented import CHANNELS, QUICK, TINY, customers, summary

import tenure
from tenure.fit import fit_models
from tenure.fit.predictive import by_segment
from tenure.model_spec import NoLibraryModelError
from tenure.pipeline import tabulate_segments
from tenure.posterior import Posterior
from tenure.rfm import CompressedSummary
from tenure.scorer import ScoreError, Scorer, tabulate_new_customers
from tenure.settings import SettingsError
from tenure.summary import FirstOrders, SummaryError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return customers({**CHANNELS, **TINY})


@pytest.fixture(scope="module")
def posterior(frame: pd.DataFrame) -> Posterior:
    fitted = fit_models(CompressedSummary.of(summary(frame), ["channel"]), QUICK, seed=3).posterior
    orders = tuple((mean, 1.0) for mean in (20.0, 40.0, 30.0, 30.0))
    origin = {**fitted.origin, "first_orders": {"mean": 30.0, "sd": 20.0, "customers": 647}}
    return replace(fitted, origin=origin, segments=replace(fitted.segments, first_orders=orders))


def test_a_customer_is_scored_with_the_draws_of_their_segment(posterior, frame):
    scorer = Scorer(posterior)
    scores = scorer.score(frame).table
    for at, channel in enumerate(("ads", "mail", "shop")):
        own = frame["channel"] == channel
        alone = Scorer(posterior.of_segment(at)).score(frame[own].reset_index(drop=True)).table
        pd.testing.assert_frame_equal(scores[own].reset_index(drop=True), alone, check_exact=True)


def test_scores_do_not_depend_on_the_other_rows_their_order_or_the_threads(posterior, frame):
    once = Scorer(posterior, threads=1).score(frame).table
    mixed = frame.sample(frac=1.0, random_state=0)
    again = Scorer(posterior, threads=3).score(mixed).table.set_index("customer_id").loc[once["customer_id"]]
    pd.testing.assert_frame_equal(once, again.reset_index(), check_exact=True)
    few = Scorer(posterior, threads=2).score(frame.iloc[::7].reset_index(drop=True)).table
    pd.testing.assert_frame_equal(few, once.iloc[::7].reset_index(drop=True), check_exact=True)


def test_customers_of_an_unseen_segment_are_counted_and_scored_as_of_a_new_one(posterior, frame):
    scorer, one = Scorer(posterior), frame.iloc[[0]].reset_index(drop=True)
    assert scorer.score(frame).new_segment_customers == 7  # those of the segment without a name
    for value in ("radio", None, np.nan, "ADS"):
        scores = scorer.score(one.assign(channel=pd.Series([value], dtype=object)))
        assert scores.new_segment_customers == 1
        new = Scorer(posterior.of_segment(posterior.segments.new)).score(one)
        pd.testing.assert_frame_equal(scores.table, new.table, check_exact=True)


def test_a_new_segment_is_less_certain_than_a_known_one(posterior, frame):
    scorer, one = Scorer(posterior), frame[frame["channel"] == "mail"].iloc[[0]].reset_index(drop=True)
    known, new = scorer.score(one).table.iloc[0], scorer.score(one.assign(channel="radio")).table.iloc[0]
    assert new["clv_mean_high"] - new["clv_mean_low"] > known["clv_mean_high"] - known["clv_mean_low"]


def test_missing_columns_are_named_before_anything_is_scored(posterior, frame):
    without = frame.drop(columns="channel")
    scorer = Scorer(posterior)
    for method in (scorer.score, scorer.expect, scorer.residual, scorer.simulate):
        with pytest.raises(SummaryError, match="the customers lack the column 'channel'"):
            method(without)


def test_totals_by_segment_are_those_of_the_segments(posterior, frame):
    scores = Scorer(posterior).score(frame, by=["channel"])
    clv = scores.group_table().query("total == 'clv'").set_index("channel")["expected"]
    sums = scores.table.assign(channel=frame["channel"]).groupby("channel")["clv"].sum()
    assert clv.to_dict() == pytest.approx(sums.to_dict())


def test_expectations_are_those_of_scores(posterior, frame):
    scorer = Scorer(posterior)
    expected = scorer.expect(frame)
    pd.testing.assert_frame_equal(expected, scorer.score(frame).table[expected.columns], check_exact=True)


# ---- new customers


def test_new_customers_of_segments_differ(posterior):
    table = tabulate_new_customers(Scorer(posterior), horizon_days=365)
    assert list(table["segment"]) == ["mail", "shop", "ads", "(another segment)"]
    assert list(table["customers"]) == [300, 40, 300, 7]
    assert list(table["channel"]) == list(table["segment"])
    clv, width = table["clv"], table["clv_mean_high"] - table["clv_mean_low"]
    assert clv[0] > 2 * clv[2]
    assert width[3] > max(width[0], width[2])
    assert (table["first_order"] > 15).all()
    assert table["share_without_repeat"].between(0.05, 0.95).all()


def test_a_new_customer_of_any_segment_is_a_mixture_of_them(posterior):
    scorer = Scorer(posterior)
    table = tabulate_new_customers(scorer, horizon_days=365)
    anyone = scorer.new_customer(horizon_days=365)
    weighted = (table["clv"] * table["customers"]).sum() / table["customers"].sum()
    assert anyone.table()["clv"][0] == pytest.approx(weighted, rel=1e-9)
    assert anyone.outcomes.mean() == pytest.approx(weighted, rel=0.1)
    days = np.array([100, 365])
    each = [Scorer(posterior.of_segment(at)).expected_new_customer(days) for at in range(4)]
    mixture = sum(share * one for share, one in zip(posterior.shares(), each, strict=True))
    assert scorer.expected_new_customer(days) == pytest.approx(mixture, rel=1e-12)


def test_a_segment_of_another_number_of_columns_is_refused(posterior):
    with pytest.raises(ScoreError, match="segment must be a value of each of the columns"):
        Scorer(posterior).new_customer(segment=["mail", "FR"])
    with pytest.raises(ScoreError, match="this posterior has no segments"):
        Scorer(posterior.of_segment(0)).new_customer(segment=["mail"])


def test_without_segments_the_table_has_one_row(posterior):
    table = tabulate_new_customers(Scorer(posterior.of_segment(1)), horizon_days=365)
    assert list(table["segment"]) == ["all"]


@pytest.mark.parametrize("is_compared", [False, True])
def test_pooled_and_apart_estimates_are_beside_the_segments_on_request(posterior, frame, is_compared):
    settings = replace(QUICK, compare_segments=is_compared)
    base = CompressedSummary.of(summary(frame), ["channel"])
    base = replace(
        base,
        first_orders=FirstOrders(30.0, 20.0, 647),
        parts=tuple(replace(part, base=replace(part.base, first_orders=FirstOrders(30.0, 20.0, 40)))
                    for part in base.parts),
    )  # fmt: skip
    table = tabulate_segments(Scorer(posterior), base, settings, {"horizon_days": 365}).set_index("segment")
    if not is_compared:
        assert not {"clv_pooled", "clv_apart"} & set(table)
        return
    assert table["clv_pooled"].nunique() == 1
    assert table.loc["ads", "clv_apart"] < table["clv_pooled"].iloc[0] < table.loc["mail", "clv_apart"]
    for name in ("ads", "mail"):  # of 300 customers each: little is borrowed
        assert table.loc[name, "clv_apart"] == pytest.approx(table.loc[name, "clv"], rel=0.35)
    assert np.isnan(table.loc["(another segment)", "clv_apart"])


def test_a_segment_that_cannot_be_fitted_alone_has_no_estimate_apart(posterior, frame):
    frame = frame.copy()
    is_shop = frame["channel"] == "shop"
    frame.loc[is_shop, ["frequency", "recency"]] = 0
    frame.loc[is_shop, "monetary_value"] = 0.0
    base = replace(CompressedSummary.of(summary(frame), ["channel"]), first_orders=FirstOrders(30.0, 20.0, 647))
    parts = tuple(replace(part, base=replace(part.base, first_orders=base.first_orders)) for part in base.parts)
    settings = replace(QUICK, compare_segments=True)
    params = {"horizon_days": 365}
    table = tabulate_segments(Scorer(posterior), replace(base, parts=parts), settings, params).set_index("segment")
    assert np.isnan(table.loc["shop", "clv_apart"])
    assert np.isfinite(table.loc["ads", "clv_apart"])


# ---- others who use a posterior


def test_replicates_of_customers_are_of_their_segment(posterior, frame):
    parts = list(by_segment(posterior, frame))
    assert sorted(np.concatenate([rows for _, rows in parts])) == list(range(len(frame)))
    assert [len(rows) for _, rows in parts] == [300, 300, 40, 7]
    assert all(part.segments is None for part, _ in parts)


def test_a_thinned_posterior_has_the_same_draws_of_parameters_and_effects(posterior):
    thinned = posterior.thin(100)
    at = np.searchsorted(posterior.draws["r"][0], thinned.draws["r"][0][3], sorter=np.argsort(posterior.draws["r"][0]))
    place = np.argsort(posterior.draws["r"][0])[at]
    effects = posterior.segments.effects["mean_rate"]
    assert thinned.segments.effects["mean_rate"].shape == (4, 1, 100)
    assert thinned.segments.effects["mean_rate"][1, 0, 3] == effects[1, 0, place]


def test_stock_models_of_pymc_marketing_have_no_segments(posterior, frame):
    from tenure.fit import library_model

    with pytest.raises(NoLibraryModelError, match="no model with segments"):
        library_model(posterior, summary(frame))


# ---- the Python API


def test_a_list_of_segments_is_fitted_and_a_table_is_carried_through():
    assert tenure.CLV(segments=["channel"])._settings.fit.segments == ["channel"]
    assert tenure.CLV(segments=["channel"])._settings.transactions.segments == {"channel": "first"}
    carried = tenure.CLV(segments={"channel": "mode"})._settings
    assert (carried.fit.segments, carried.transactions.segments) == ([], {"channel": "mode"})
    with pytest.raises(SettingsError, match="purchase_model"):
        tenure.CLV(segments=["channel"], purchase_model="pareto_nbd")


def test_a_model_with_segments_is_fitted_scored_saved_and_loaded(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for channel, repeats, money in (("ads", 0.4, 20), ("mail", 3.0, 50)):
        for customer in range(120):
            days = np.unique(np.append(rng.integers(0, 150), rng.integers(150, 400, rng.poisson(repeats))))
            amounts = money * rng.gamma(4, 0.25, days.size) * rng.gamma(4, 0.25)
            dates = pd.Timestamp("2023-01-01") + pd.to_timedelta(days, "D")
            columns = {"date": dates.date.astype(str), "amount": amounts.round(2), "channel": channel}
            rows.append(pd.DataFrame({"customer_id": f"{channel}{customer}", **columns}))
    log = pd.concat(rows, ignore_index=True)
    words = {"segments": ["channel"], "method": "laplace", "draws": 250, "joint_draws": 200}
    clv = tenure.CLV(**words, compare_segments=True).fit(log)
    scores = clv.score(by=["channel"])
    new: Any = clv.new_customers(horizon_days=180).set_index("segment")
    assert new.loc["mail", "clv"] > 2 * new.loc["ads", "clv"]
    assert new.loc["ads", "clv_apart"] < new.loc["ads", "clv_pooled"] < new.loc["mail", "clv_apart"]
    assert clv.new_customer(segment=["mail"]).table()["clv"][0] > clv.new_customer().table()["clv"][0]
    clv.save(tmp_path / "model")
    loaded = tenure.load(tmp_path / "model")
    summaries = tenure.summarize(log, segments={"channel": "first"})
    for again in (loaded.score(log), loaded.score(summaries)):
        pd.testing.assert_frame_equal(scores.frame, again.frame, check_exact=True)
