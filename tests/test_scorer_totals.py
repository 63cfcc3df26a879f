"""Totals that depend neither on the division into parts, nor on the order, nor on threads: equal to the last bit."""

import math
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import few

from tenure import batch
from tenure.posterior import Posterior
from tenure.scorer import Scorer, Scores, Totals
from tenure.scorer.exact_sums import MOST_UNITS, limit_of, rounding_of, split

SIZES = [1, 7, 100, 350]


def in_parts(scorer: Scorer, customers: pd.DataFrame, size: int, **params: Any) -> Scores:
    parts = [customers.iloc[at : at + size].reset_index(drop=True) for at in range(0, len(customers), size)]
    merged = reduce(lambda scores, part: batch.merge(scores, scorer.score(part, **params)), parts, None)
    assert merged is not None
    return merged


@pytest.mark.parametrize("unit", [1.0, 37.5, 1e-9, 1e12])
def test_sums_of_heavy_tailed_values_are_exact_in_every_order(unit: float) -> None:
    rng = np.random.default_rng(1)
    values, rounding = unit * np.exp(3.0 * rng.standard_normal(20_000)), rounding_of(unit)
    bins = np.array([split.py_func(value, rounding) for value in values])
    coarse, fine = (math.fsum(bins[:, at]) for at in (0, 1))
    for _ in range(5):
        cuts = np.sort(rng.integers(1, 20_000, rng.integers(1, 300)))
        parts = np.split(bins[rng.permutation(20_000)], cuts)
        sums = sum((part.sum(axis=0) for part in parts), np.zeros(2))
        np.testing.assert_array_equal(sums, [coarse, fine])
    assert coarse + fine == pytest.approx(math.fsum(values), rel=1e-14)
    assert (np.abs(bins.sum(axis=1) - values) <= 2.0**-41 * unit + 1e-15 * values).all()


@pytest.mark.parametrize("size", few(SIZES[::-1], 1))
@pytest.mark.parametrize("params", [{}, {"by_month": True}, {"horizon_days": 30, "margin": 0.17}], ids=str)
def test_totals_groups_months_and_shares_are_those_of_one_part(
    posterior: Posterior, summaries: pd.DataFrame, size: int, params: dict[str, Any]
) -> None:
    dated = Posterior(posterior.draws, "bg_nbd", "gamma_gamma", {"observed_days": 100})
    customers = summaries.assign(country=np.where(summaries["T"] < 300, "DE", "FR"))
    request = {**params, "by": ["country"]}
    whole = Scorer(dated, threads=1).score(customers, **request)
    shuffled = customers.sample(frac=1.0, random_state=size).reset_index(drop=True)
    scores = in_parts(Scorer(dated, threads=2), shuffled, size, **request)
    pairs = [(scores.totals, whole.totals), *((scores.groups[key], whole.groups[key]) for key in whole.groups)]
    assert (scores.months is None) == (whole.months is None) == ("by_month" not in params)
    if scores.months is not None and whole.months is not None:
        pairs += zip(scores.months.totals, whole.months.totals, strict=True)
    for totals, right in pairs:
        assert totals.customers == right.customers
        np.testing.assert_array_equal(totals.sums, right.sums)
    assert scores.extrapolated_share == whole.extrapolated_share
    assert scores.totals.is_exact
    pd.testing.assert_frame_equal(scores.group_table(), whole.group_table(), check_exact=True)


def test_groups_add_up_to_all_customers(posterior: Posterior, summaries: pd.DataFrame) -> None:
    customers = summaries.assign(band=summaries["T"] // 50)
    scores = Scorer(posterior).score(customers, by=["band"])
    added = reduce(add, scores.groups.values())
    np.testing.assert_array_equal(added.sums, scores.totals.sums)


def test_a_total_adds_up_the_rows(posterior: Posterior, summaries: pd.DataFrame) -> None:
    scorer = Scorer(posterior)
    scores, futures = scorer.score(summaries, margin=0.3), scorer.simulate(summaries, margin=0.3)
    assert scores.totals.expected_clv.mean() == pytest.approx(scores.table["clv"].sum(), rel=1e-13)
    assert scores.totals.expected_purchases.mean() == pytest.approx(scores.table["expected_purchases"].sum(), rel=1e-13)
    np.testing.assert_allclose(scores.totals.clv, futures.clv.sum(axis=0), rtol=1e-13)
    np.testing.assert_array_equal(scores.totals.purchases, futures.purchases.sum(axis=0))


def test_a_total_beyond_the_range_of_exact_sums_is_marked(posterior: Posterior, summaries: pd.DataFrame) -> None:
    rich = summaries.assign(monetary_value=np.where(summaries["frequency"] > 0, 1e15, 0.0))
    scores = Scorer(posterior).score(rich)
    assert not scores.totals.is_exact
    assert np.isfinite(scores.totals.sums).all()
    totals = Scorer(posterior).score(summaries).totals
    assert totals.is_exact
    assert not replace(totals, customers=2**30 + 1).is_exact
    assert not replace(totals, most_clv=float(totals.clv.max()) / 2).is_exact
    assert (totals + totals).without_counts().is_exact
    assert Totals.empty(3).is_exact
    assert limit_of(rounding_of(1.0)) == MOST_UNITS
    assert limit_of(rounding_of(5.0)) == 4 * MOST_UNITS
