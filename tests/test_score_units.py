"""The units of money and time: another unit is an error, a selection of customers is none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from cases import few

from tenure.posterior import Posterior
from tenure.scorer import Scorer
from tenure.units import Seen, UnitError, compare_money, compare_time

MEDIAN = {"repeat_spend": {"median": 30.0, "customers": 1_000}, "observed_days": 540, "as_of": "1998-06-30"}


@pytest.fixture(scope="module")
def scorer(posterior: Posterior) -> Scorer:
    return Scorer(Posterior(posterior.draws, "bg_nbd", "gamma_gamma", MEDIAN))


@pytest.fixture(scope="module")
def base(posterior: Posterior) -> pd.DataFrame:
    """Draw 3,000 customers of two years from the population itself."""
    rng, draws = np.random.default_rng(8), posterior.joint()
    at = rng.integers(0, posterior.size, 3_000)
    T = rng.integers(200, 541, 3_000)
    rate = rng.gamma(draws["r"][at], 1 / draws["alpha"][at])
    leaving = rng.beta(draws["a"][at], draws["b"][at])
    frequency, recency = np.zeros(3_000, int), np.zeros(3_000, int)
    for customer in range(3_000):
        day = 0.0
        while True:
            day += rng.exponential(1 / rate[customer])
            if np.ceil(day) > T[customer]:
                break
            if np.ceil(day) > recency[customer]:
                frequency[customer] += 1
                recency[customer] = int(np.ceil(day))
            if rng.random() < leaving[customer]:
                break
    spend = np.where(frequency > 0, rng.gamma(6.0, 5.3, 3_000), 0.0)
    ids = [f"c{number}" for number in range(3_000)]
    columns = {"customer_id": ids, "frequency": frequency, "recency": recency, "T": T, "monetary_value": spend}
    return pd.DataFrame(columns)


def in_unit(base: pd.DataFrame, days: float) -> pd.DataFrame:
    """Count time in units of so many days, and at most one purchase in each."""
    T, recency = np.rint(base["T"] / days).astype(int), np.rint(base["recency"] / days).astype(int)
    frequency = np.minimum(base["frequency"], recency)
    return base.assign(T=T, recency=np.where(frequency > 0, recency, 0), frequency=frequency)


def seen(customers: pd.DataFrame, parts: int = 1) -> Seen:
    found = Seen()
    for rows in np.array_split(np.arange(len(customers)), parts):
        found.add(customers.iloc[rows])
    return found


@pytest.mark.parametrize("days", [7.0, 30.4, 365.0, 1 / 24, 1 / 1_440])
def test_a_summary_in_another_unit_of_time_is_refused(base: pd.DataFrame, scorer: Scorer, days: float) -> None:
    unit = {7.0: "weeks", 30.4: "months", 365.0: "years", 1 / 24: "hours", 1 / 1_440: "minutes"}[days]
    with pytest.raises(UnitError, match=r"^3,000 customers have [\d,]+ repeat purchases and T up to .*") as caught:
        compare_time(seen(in_unit(base, days), parts=7), scorer, None)
    assert "score.allow_unit_change=true" in str(caught.value)
    assert f"rather in {unit}" in str(caught.value) or days == 365.0  # nearly all within one year
    assert "\n" not in str(caught.value)


def best(base: pd.DataFrame, share: float, by: str = "frequency") -> pd.DataFrame:
    return base.sort_values(by, ascending=False).iloc[: round(share * len(base))]


SELECTIONS: dict[str, Any] = {
    "all": lambda base: base,
    "best tenth": lambda base: best(base, 0.1),
    "best twentieth": lambda base: best(base, 0.05),
    "best hundredth, many": lambda base: pd.concat([best(base, 0.01)] * 10),
    "best thousandth, many": lambda base: pd.concat([best(base, 0.001)] * 30),
    "best by money": lambda base: best(base.assign(spent=base["frequency"] * base["monetary_value"]), 0.1, "spent"),
    "repeat buyers": lambda base: base[base["frequency"] > 0],
    "three or more": lambda base: base[base["frequency"] > 2],
    "one-time buyers": lambda base: base[base["frequency"] == 0],
    "lapsed": lambda base: base[base["recency"] < base["T"] - 300],
    "at most one": lambda base: base[base["frequency"] < 2],
    "five": lambda base: base.iloc[:5],
    "newest": lambda base: base[base["T"] < 230],
}


@pytest.mark.parametrize("name", few(SELECTIONS, 3))
def test_a_selection_of_customers_is_no_other_unit(base: pd.DataFrame, scorer: Scorer, name: str) -> None:
    chosen = seen(SELECTIONS[name](base))
    compare_time(chosen, scorer, None)
    compare_money(chosen, MEDIAN)


def test_last_months_customers_are_no_other_unit(base: pd.DataFrame, scorer: Scorer) -> None:
    """They have few purchases in a short time, as the model expects of them; the best of them too."""
    rng = np.random.default_rng(1)
    T = rng.integers(0, 31, 6_000)
    frequency = np.minimum(rng.poisson(rng.gamma(0.243, 1 / 30.9, 6_000) * T), T)
    new = pd.DataFrame({"frequency": frequency, "recency": np.where(frequency > 0, T, 0), "T": T})
    new["monetary_value"] = np.where(frequency > 0, 30.0, 0.0)
    assert (frequency > 0).sum() > 200
    compare_time(seen(new), scorer, None)
    compare_time(seen(best(new, 0.02)), scorer, None)


def test_a_summary_of_years_later_is_no_other_unit_where_its_day_is_known(scorer: Scorer) -> None:
    rows = pd.DataFrame({"T": [3_650] * 300, "frequency": [0] * 250 + [1] * 50, "recency": [0] * 250 + [40] * 50})
    later = seen(rows.assign(monetary_value=np.where(rows["frequency"] > 0, 30.0, 0.0)))
    compare_time(later, scorer, "2008-06-27")
    with pytest.raises(UnitError, match="times as short"):
        compare_time(later, scorer, None)


def test_where_expectations_are_level_a_few_purchases_more_are_no_other_unit(posterior: Posterior) -> None:
    """A population that leaves at once and a cohort of ten years ago: hardly a purchase is still expected."""
    leaving = {**posterior.draws, "a": posterior.draws["a"] * 0 + 6.0, "b": posterior.draws["b"] * 0 + 2.0}
    scorer = Scorer(Posterior(leaving, "bg_nbd", "gamma_gamma", MEDIAN))
    new = pd.DataFrame({"customer_id": ["new"], "frequency": 0, "recency": 0, "T": 0, "monetary_value": 0.0})
    frequency = np.sort(np.tile(scorer.simulate(new, horizon_days=3_650).purchases[0], 10))
    more = round(0.3 * frequency.sum())
    assert (frequency[:more] == 0).all()
    frequency[:more] = 1
    cohort = pd.DataFrame({"T": 3_650, "frequency": frequency, "monetary_value": np.where(frequency > 0, 30.0, 0.0)})
    compare_time(seen(cohort.assign(recency=9 * frequency)), scorer, None)


def spending(median: float, customers: int) -> Seen:
    """See repeat buyers around a median, and one-time buyers, whose zero is no spend."""
    spends = np.append(median * np.exp(np.linspace(-1, 1, customers)), 0.0)
    frequency = np.append(np.ones(customers, int), 0)
    return seen(pd.DataFrame({"frequency": frequency, "T": 9, "recency": frequency, "monetary_value": spends}))


@pytest.mark.parametrize("factor", [100.0, 0.01, 21.0, 1 / 21, 1_000.0])
def test_another_unit_of_money_is_refused_with_both_figures(factor: float) -> None:
    with pytest.raises(UnitError, match=r"^31 repeat buyers spend .* and the 1,000 that the model was fitted to 30"):
        compare_money(spending(30.0 * factor, 31), MEDIAN)


@pytest.mark.parametrize("factor", [3.5, 1 / 3.5, 19.0])
def test_money_that_differs_by_less_is_a_warning(factor: float) -> None:
    warning = compare_money(spending(30.0 * factor, 31), MEDIAN)
    assert warning is not None
    assert f"{30.0 * factor:,.4g} per purchase" in warning


@pytest.mark.parametrize("factor", [1.0, 2.5, 0.4])
def test_dearer_and_cheaper_shops_are_scored_without_a_word(factor: float) -> None:
    assert compare_money(spending(30.0 * factor, 301), MEDIAN) is None


def test_few_repeat_buyers_are_no_evidence_of_a_unit() -> None:
    assert compare_money(spending(300.0, 29), MEDIAN) is None
    assert compare_money(spending(3_000.0, 29), MEDIAN) is not None  # no error, but worth a look
    assert compare_money(spending(3_000.0, 0), MEDIAN) is None


def test_purchases_that_were_free_say_nothing_of_the_unit() -> None:
    free = pd.DataFrame({"frequency": [1] * 100, "T": 9, "recency": 1, "monetary_value": [0.0] * 60 + [30.0] * 40})
    assert compare_money(seen(free), MEDIAN) is None
