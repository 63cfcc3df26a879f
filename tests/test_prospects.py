"""What lies ahead of the base: forecast, cohorts, worth, against closed forms, the scorer, and hand-counted logs."""

import itertools
from datetime import date
from typing import Any

import forecast as experiment
import numpy as np
import pandas as pd
import pytest
from logs import sales_log
from scipy.integrate import quad
from test_decide import BG, LOG, SPEND, lifetimes, run, sure

from tenure import decide
from tenure.decide import equity
from tenure.decide.bands import Widening, quantiles
from tenure.decide.calendar import Month, age_in_months, months_between
from tenure.decide.curves import by_periods, discounts, mean_discount
from tenure.decide.equity import FutureCohorts, Money, View, concentration_of, views_of
from tenure.decide.following import path_of, scale_up
from tenure.decide.newcomers import Customer, days_of, simulate_newcomers
from tenure.decide.observed import observed_silence
from tenure.decide.past_forecasts import check_past, list_origins, read_past
from tenure.decide.plan import Plan, cost_by_day, plan_errors, plan_of, require_plan
from tenure.decide.prospects import sampling_error
from tenure.decide.timeline import Timeline, per_day
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.scorer import Follower, Params, Paths, Scorer
from tenure.settings import (
    AcquisitionCostSettings,
    DecideSettings,
    EquitySettings,
    ForecastSettings,
    SettingsError,
)
from tenure.totals import Drifts
from tenure.totals.drift import ASSUMED, Drift

END = date(2021, 2, 5)
NONE = np.empty(0)


def params(horizon: int = 365, rate: float = 0.1, margin: float = 0.5) -> Params:
    return Params(horizon, rate, margin, 0.9, 0)


def timeline(end: date = END, horizon: int = 365, **settings: Any) -> Timeline:
    return Timeline.of(end, params(horizon), DecideSettings(**settings), (300, None))


def varied(draws: int = 200, seed: int = 3, **origin: Any) -> Posterior:
    """Return a posterior whose draws differ."""
    rng = np.random.default_rng(seed)
    arrays = {name: value * np.exp(0.05 * rng.standard_normal((1, draws))) for name, value in {**BG, **SPEND}.items()}
    return Posterior(arrays, "bg_nbd", "gamma_gamma", {"method": "known", **sure().origin, **origin})


# ---- days and months


@pytest.mark.parametrize(
    ("end", "horizon"), [(END, 365), (date(2021, 1, 31), 28), (date(2020, 2, 28), 1), (date(2019, 12, 31), 1500)]
)
def test_the_months_of_a_forecast_add_up_to_the_horizon(end: date, horizon: int) -> None:
    line = timeline(end, horizon)
    assert sum(month.days for month in line.months) == horizon
    assert (line.months[0].first - end).days == 1
    assert sum(line.inside_month(month).astype(int) for month in line.months).max() == 1
    inside = np.array([line.inside_month(month) for month in line.months]).any(axis=0)
    assert (line.ends - line.starts)[inside].sum() == horizon


def test_a_forecast_by_month_ends_after_five_years() -> None:
    assert timeline(horizon=10_000).horizon == 1_825


def test_calendar_months_know_leap_years_and_their_distance() -> None:
    assert Month.of(date(2024, 2, 7)).days == 29
    assert [month.name for month in months_between(date(2023, 12, 31), date(2024, 1, 1))] == ["2023-12", "2024-01"]
    assert age_in_months("2023-12", "2024-02") == 2
    assert timeline(date(2024, 2, 29)).month_begun is None
    assert timeline(date(2024, 2, 28)).month_begun == date(2024, 2, 1)


# ---- curves and discounts


def test_a_curve_through_few_days_has_the_discounted_value_of_its_integral() -> None:
    knots = timeline().knots
    scale, delta = 60.0, per_day(0.1)
    expected = np.diff(np.log1p(np.append(0.0, knots) / scale))[:, None]
    ends = timeline().ends
    money = by_periods(knots, expected, ends)
    np.testing.assert_allclose(money.cumsum(axis=0)[:, 0], np.log1p(ends / scale), rtol=2e-3)
    value = (discounts(knots, expected[:, 0], ends, delta) * money[:, 0]).sum()
    exact = quad(lambda day: np.exp(-delta * day) / (scale + day), 0.0, np.inf, limit=500)[0]
    assert value == pytest.approx(exact, rel=1e-3)


def test_without_a_discount_money_keeps_its_worth() -> None:
    line = timeline()
    np.testing.assert_array_equal(discounts(line.knots, np.ones(line.knots.size), line.ends, 0.0), 1.0)
    assert mean_discount(3.0, 9.0, 0.0) == 1.0
    assert mean_discount(0.0, 100.0, 0.01) == pytest.approx((1 - np.exp(-1)) / 1)


# ---- present customers


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return lifetimes({**BG, **SPEND}, 300, 5)[0]


def follow(posterior: Posterior, people: pd.DataFrame, ends: Any, knots: Any, **how: Any) -> Paths:
    outcomes = how.pop("outcomes", True)
    return Follower(posterior, ends, knots, seed=0, threads=1, **how).follow(people, outcomes=outcomes)


def test_periods_add_up_to_the_scores(people: pd.DataFrame) -> None:
    line, scorer = timeline(), Scorer(varied())
    paths = follow(scorer.posterior, people, line.ends, line.knots)
    scores = scorer.score(people, horizon_days=365, discount_rate=0.0)
    until, of_knots = line.ends <= 365, line.knots <= 365
    np.testing.assert_allclose(paths.expected_spend[of_knots].sum(axis=0), scores.totals.expected_clv, rtol=1e-9)
    np.testing.assert_allclose(
        paths.expected_purchases[of_knots].sum(axis=0), scores.totals.expected_purchases, rtol=1e-9
    )
    mean, chance = scores.totals.purchases.mean(), scores.totals.purchases.std() / np.sqrt(scorer.draws)
    assert paths.purchases[until].sum(axis=0).mean() == pytest.approx(mean, abs=4 * chance)
    np.testing.assert_allclose(paths.each[:, of_knots].sum(axis=1), scores.table["clv"], rtol=1e-9)


@pytest.mark.parametrize("rate", [0.08, 0.1, 0.15])
def test_worth_without_end_is_that_of_the_scorer(people: pd.DataFrame, rate: float) -> None:
    line, scorer = timeline(), Scorer(varied())
    paths = follow(scorer.posterior, people, line.ends, line.knots)
    money = Money(line, paths.expected_spend, paths.spend, by_periods(line.knots, paths.expected_spend, line.ends),
                  300, 300)  # fmt: skip
    endless = money.value(View(0, rate, 0.5))
    residual = scorer.residual(people, discount_rate=rate, margin=0.5).totals
    assert endless.point == pytest.approx(residual.expected_clv.mean(), rel=2e-3)
    assert endless.futures.std() == pytest.approx(residual.clv.std(), rel=0.2)
    year = money.value(View(365, rate, 0.5))
    exact = scorer.expect(people, horizon_days=365, discount_rate=rate, margin=0.5)["clv"].sum()
    assert year.point == pytest.approx(exact, rel=1e-3)
    assert endless.tested + endless.extrapolated == pytest.approx(endless.point)
    assert year.extrapolated == pytest.approx(year.point - year.tested)


def test_buyers_of_a_window_are_those_with_a_purchase_in_it(people: pd.DataFrame) -> None:
    ends, scorer = np.array([30.0, 90.0, 365.0]), Scorer(varied(800))
    windows = np.array([[0, 0], [0, 1], [1, 2], [0, 2]])
    paths = follow(scorer.posterior, people, ends, ends, windows=windows)
    assert (paths.buyers <= len(people)).all()
    assert (paths.buyers[0] <= paths.buyers[1]).all()
    assert (paths.buyers[3] <= paths.buyers[0] + paths.buyers[2]).all()
    for at, days in ((0, 30), (1, 90), (3, 365)):
        expected = scorer.expect(people, horizon_days=days)["p_purchase"].sum()
        error = paths.buyers[at].std() / np.sqrt(scorer.draws)
        assert paths.buyers[at].mean() == pytest.approx(expected, abs=4 * error + 1e-9)


def test_a_sample_stands_for_all_with_the_chance_of_all() -> None:
    rng = np.random.default_rng(1)
    expected, futures = np.full(20_000, 100.0), 100.0 + 10.0 * rng.standard_normal(20_000)
    whole = scale_up(expected, futures, 9.0)
    assert whole.mean() == pytest.approx(900.0, rel=0.01)
    assert whole.std() == pytest.approx(30.0, rel=0.03)  # of nine such groups, not 90


def test_the_error_of_a_sample_is_that_of_its_strata() -> None:
    rng = np.random.default_rng(2)
    base = [rng.lognormal(3.0, 0.5, 2_000), rng.lognormal(1.0, 0.5, 8_000)]
    sums = []
    for _ in range(400):
        chosen = [rng.choice(group, group.size // 10, replace=False) for group in base]
        sums.append(10.0 * sum(group.sum() for group in chosen))
    chosen = [rng.choice(base[0], 200, replace=False), rng.choice(base[1], 400, replace=False)]
    weights = np.repeat([10.0, 20.0], [200, 400])
    stated = sampling_error(np.concatenate(chosen), weights)
    other = [20.0 * rng.choice(base[1], 400, replace=False).sum() + 10.0 * rng.choice(base[0], 200, replace=False).sum()
             for _ in range(400)]  # fmt: skip
    assert stated == pytest.approx(np.std(other) / np.mean(other), rel=0.2)
    assert sampling_error(np.concatenate(base), np.ones(10_000)) == 0.0


# ---- customers yet to be acquired


def test_a_stated_plan_counts_for_the_rest_of_its_first_month_and_repeats_its_last() -> None:
    plan = Plan({"all": [28.0, 62.0]}, {}, 0, NONE)
    daily = plan.total(date(2021, 2, 15), 60)
    assert daily[:14].sum() == pytest.approx(14.0)  # half of February's 28
    assert daily[14:45].sum() == pytest.approx(62.0)
    assert daily[45:] == pytest.approx(np.full(15, 62.0 / 30))
    assert plan.is_stated
    np.testing.assert_array_equal(plan.factors(5, 0), 1.0)


def test_without_a_plan_customers_are_acquired_as_often_as_recently() -> None:
    log = sales_log(*((f"c{at}", 4 * at, 10.0) for at in range(100)))
    settings = DecideSettings(forecast=ForecastSettings(recent_days=40))
    days = decide.Days.of(log.last_day, 365, settings)
    histories = decide.stream_histories(log, days, "string")
    plan = plan_of(histories, asked(settings, days), 90)
    assert plan.rates == {"all": 0.25}
    assert not plan.is_stated
    assert plan.factors(4000, 0).std() > 0.2 or plan.errors.std() < 0.4
    stated = DecideSettings(forecast=ForecastSettings(new_customers={"all": [5.0]}))
    assert plan_of(histories, asked(stated, days), 90).counts == {"all": [5.0]}


def test_a_plan_by_the_recent_rate_is_as_uncertain_as_such_plans_were() -> None:
    rng = np.random.default_rng(4)
    steady = rng.poisson(20.0, 900).astype(float)
    wild = steady * np.repeat(np.exp(0.8 * rng.standard_normal(10)), 90)
    calm, rough = (plan_errors(acquired, 90, 90, END, 0) for acquired in (steady, wild))
    assert np.quantile(np.abs(rough), 0.9) > 2.5 * np.quantile(np.abs(calm), 0.9)
    assert plan_errors(np.repeat([0.0, 3.0, 0.0], 200), 90, 90, END, 0).std() > 0.1  # nothing planned at times
    assert plan_errors(np.zeros(30), 90, 365, END, 0).std() > 0.1  # the prior's: nothing to compare


def asked(settings: DecideSettings, days: decide.Days) -> decide.Question:
    return decide.Question(Scorer(sure(200)), params(), settings, days)


@pytest.mark.parametrize(
    ("costs", "counts", "total"),
    [
        ({"a": 2.0, "b": 3.0}, {"a": [31.0], "b": [62.0]}, 2 * 31 + 3 * 62),
        ({"a": 2.0}, {"a": [31.0], "b": [62.0]}, None),
        ({"a": 2.0}, {"a": [31.0], "b": [0.0]}, 62.0),
    ],
)
def test_a_plan_costs_what_its_channels_cost(costs: Any, counts: Any, total: float | None) -> None:
    by_day = cost_by_day(Plan(counts, {}, 0, NONE), costs, date(2021, 3, 1), 31)
    assert (by_day is None) if total is None else by_day.sum() == pytest.approx(total)


def test_customers_of_one_day_make_the_repeat_purchases_of_their_age() -> None:
    scorer, line = Scorer(varied()), Timeline.of(date(2021, 1, 31), params(120), DecideSettings(), (), endless=False)
    daily = np.zeros(120)
    daily[9] = 1_000.0  # on the tenth day ahead
    new = simulate_newcomers(scorer, line, daily, np.ones(scorer.draws), 0, is_stated=True)
    by_day = scorer.expected_new_customer(np.arange(1.0, 121.0))
    ends = np.array([(month.last - line.end).days for month in line.months])
    expected = 1_000.0 * np.diff(by_day[:, ends - 10 - 1].mean(axis=0), prepend=0.0)
    expected[0] += 1_000.0
    assert new.acquired[:, 0].tolist() == [1_000.0, 0.0, 0.0, 0.0]
    np.testing.assert_allclose(new.purchases.mean(axis=1), expected, rtol=0.05, atol=2.0)
    customer = Customer.of(scorer, days_of(120), 0)
    spend = 1_000.0 * customer.first.mean() + (expected.sum() - 1_000.0) * customer.each.mean()
    assert new.spend.sum(axis=0).mean() == pytest.approx(spend, rel=0.03)


def test_nobody_acquired_brings_nothing() -> None:
    scorer, line = Scorer(varied()), Timeline.of(END, params(60), DecideSettings(), (), endless=False)
    new = simulate_newcomers(scorer, line, np.zeros(60), np.ones(scorer.draws), 0, is_stated=False)
    assert new.spend.sum() == new.purchases.sum() == 0.0


def future(daily: Any) -> FutureCohorts:
    scorer = Scorer(varied(observed_days=300))
    return FutureCohorts(scorer, daily, np.ones(scorer.draws), timeline(), 0)


def test_future_cohorts_are_worth_their_customers_discounted_to_today() -> None:
    cohorts = future(np.full(730, 2.0))
    scorer, delta = cohorts.scorer, per_day(0.1)
    value = cohorts.value(View(0, 0.1, 0.5), None, 300)
    one = scorer.new_customer(to_infinity=True, discount_rate=0.1, margin=0.5).expected.mean()
    weight = (1 - np.exp(-delta * 730)) / delta  # of one customer a day for two years
    assert value.point == pytest.approx(2.0 * one * weight, rel=5e-3)
    assert equity.discounted_cost(np.full(730, 24.0), View(0, 0.1, 0.5)) == pytest.approx(24.0 * weight, rel=1e-3)
    assert equity.discounted_cost(np.full(730, 24.0), View(365, 0.0, 0.5)) == pytest.approx(24.0 * 365)
    assert (value.futures + value.first > 0).all()
    assert (value.futures + value.first).mean() == pytest.approx(value.point, rel=0.02)


def test_without_a_discount_a_cohort_is_worth_its_spend() -> None:
    cohorts = future(np.ones(1825))
    value = cohorts.value(View(365, 0.0, 1.0), 365, 300)
    customer = Customer.of(cohorts.scorer, np.arange(366.0), 0)
    exact = 365.0 * customer.first + customer.each * customer.repeats[:, :365].sum(axis=1)
    assert value.point == pytest.approx(exact.mean(), rel=5e-3)
    assert value.tested == pytest.approx(value.point, rel=1e-6)
    assert value.extrapolated < 0.01 * value.point


def test_horizons_without_end_need_a_discount() -> None:
    views = views_of(params(), DecideSettings(equity=EquitySettings(discount_rates=[0.0, 0.005, 0.2], margins=[0.25])))
    assert {view.rate for view in views if view.horizon_days == 0} == {0.1, 0.2}
    assert {view.margin for view in views} == {0.25, 0.5}
    assert len(views) == 3 * 4 + 2 + 4


def test_concentration_is_the_share_of_the_most_valuable() -> None:
    spread = concentration_of(np.array([70.0, 10.0, 10.0, 10.0]), np.ones(4), (0.25, 0.5))
    assert spread.top_shares == {0.25: 0.7, 0.5: 0.8}
    assert spread.half == pytest.approx(50 / 70 / 4)
    weighted = concentration_of(np.array([10.0, 1.0]), np.array([1.0, 10.0]), (1 / 11,))
    assert weighted.top_shares[1 / 11] == pytest.approx(0.5)
    assert concentration_of(np.zeros(3), np.ones(3)).half == 0.0


# ---- drift


def test_bands_are_widened_by_one_factor_for_all_months() -> None:
    drift = Drift(np.log(np.array([0.5, 2.0] * 50)), ASSUMED, 0.0)
    widening = Widening.of(Drifts(drift), 365, 100, 0)
    futures = widening.futures("spend", np.full((3, 100), 10.0), np.full((3, 100), 1.0))
    assert set(np.unique(futures)) == {6.0, 21.0}
    assert (futures == futures[0]).all()
    low, high = quantiles(futures, [0.9])
    assert (low[0], high[0]) == (6.0, 21.0)
    np.testing.assert_array_equal(Widening.none(3).futures("purchases", np.arange(3.0)), np.arange(3.0))


# ---- all together, on a small log


@pytest.fixture(scope="module")
def small() -> decide.Decisions:
    forecast = ForecastSettings(new_customers={"all": [28.0, 10.0]})
    return run(posterior=sure(200), acquisition=AcquisitionCostSettings(costs={"all": 3.0}), forecast=forecast)[0]


def test_past_months_are_those_of_the_log(small: decide.Decisions) -> None:
    table = small.prospects.forecast
    past = table[~table["is_forecast"]].set_index("month")
    assert past["revenue"].sum() == pytest.approx(60 + 10 + 8 + 65 + 1)
    assert past.loc["2020-01", ["purchases", "revenue", "new_customers"]].tolist() == [4, 80.0, 3]
    assert past.loc["2020-03", ["purchases", "revenue"]].tolist() == [0, 0.0]
    assert str(past.loc["2021-02", "last_day"]) == "2021-02-05"


def test_the_forecast_adds_up_to_the_horizon_s_scores(small: decide.Decisions) -> None:
    table = small.prospects.forecast
    ahead: Any = table[table["is_forecast"]].groupby("customers")[["purchases", "revenue", "discounted_margin"]].sum()
    assert ahead.loc["present", "discounted_margin"] == pytest.approx(small.worth.sums["clv"], rel=2e-3)
    np.testing.assert_allclose(ahead.loc["all"], ahead.loc["present"] + ahead.loc["new"], rtol=1e-9)
    new = table[table["is_forecast"] & (table["customers"] == "new")]
    assert new["new_customers"].iloc[0] == pytest.approx(28.0 * 23 / 28)
    assert new["new_customers"].iloc[-1] == pytest.approx(10.0 * 5 / 28)
    for name in ("purchases", "revenue", "discounted_margin"):
        ends = [table[table["is_forecast"]][f"{name}_{end}"] for end in ("low_90", "low_50", "high_50", "high_90")]
        assert all((low <= high).all() for low, high in itertools.pairwise(ends))


def test_a_month_that_the_log_cuts_in_two_is_what_was_and_what_is_expected(small: decide.Decisions) -> None:
    table = small.prospects.retention.set_index(["cohort", "month"])
    assert table.loc[("2020-01", "2020-07"), "retention"] == pytest.approx(1 / 3)
    assert table.loc[("2020-01", "2020-08"), "retention"] == 0.0
    cut = table.xs("2021-02", level="month")
    assert set(cut["status"]) == {"partly"}
    assert cut.loc["2020-01", "retention"] >= 1 / 3  # a has bought on the fourth
    assert cut.loc["2020-01", "revenue"] > 30.0
    assert cut.loc["2021-02", ["retention", "retention_low", "retention_high"]].tolist() == [1.0, 1.0, 1.0]
    assert not table.reset_index().duplicated(["cohort", "month"]).any()
    assert table["retention"].between(0, 1).all()
    assert (table["status"] == "expected").groupby("cohort").sum().unique().tolist() == [23]


def test_churn_is_silence_in_windows_that_end_with_the_log() -> None:
    seen = observed_silence(LOG, date(2021, 2, 5), 90)
    assert seen["customers"].tolist() == [3, 3, 3, 3]
    assert seen["buyers"].tolist() == [0, 1, 0, 1]  # d on day 200; a on day 400
    assert str(seen["date"].iloc[-1]) == "2021-02-05"


def test_worth_of_tiers_and_cohorts_is_that_of_the_base(small: decide.Decisions) -> None:
    table = small.prospects.equity
    main = table[(table["margin"] == 0.5) & (table["discount_rate"] == 0.1)]
    sums: Any = main.groupby(["group", "horizon_days"])["clv"].sum().unstack(0)
    np.testing.assert_allclose(sums["tier"], sums["present"], rtol=2e-3)
    np.testing.assert_allclose(sums["cohort"], sums["present"], rtol=2e-3)
    np.testing.assert_allclose(sums["all"], sums["present"] + sums["future"], rtol=1e-9)
    assert (sums.loc[365] < sums.loc[1095]).all()
    np.testing.assert_allclose(table["net_margin"], table["clv"] - table["acquisition_cost"])
    assert (table[table["group"] == "future"]["acquisition_cost"] > 0).all()
    for margin in (0.4, 0.6):
        other = table[(table["margin"] == margin) & (table["group"] == "present")].set_index("horizon_days")["clv"]
        np.testing.assert_allclose(other, sums["present"][other.index] * margin / 0.5, rtol=1e-9)
    assert table["group"].drop_duplicates().tolist() == [
        equity.BOTH, equity.PRESENT, equity.FUTURE, equity.TIER, equity.COHORT,
    ]  # fmt: skip


def test_a_cost_that_is_not_known_leaves_the_net_margin_empty() -> None:
    view = View(365, 0.1, 0.5)
    cost = equity.discounted_cost(None, view)
    row = equity.equity_row("future", "all", 1.0, view, future(np.ones(1825)).value(view, None, None), cost,
                            Widening.none(200), 0.9)  # fmt: skip
    assert np.isnan(row["net_margin"])
    assert np.isnan(row["extrapolated_share"])
    assert row["clv_low"] <= row["clv"] <= row["clv_high"]


# ---- past forecasts


@pytest.mark.parametrize(
    ("first", "end", "horizon", "days"),
    [
        (date(1997, 1, 1), date(1998, 6, 30), 365, ["1997-12-31", "1997-06-30"]),
        (date(1997, 1, 1), date(1998, 6, 12), 90, ["1998-02-28", "1997-11-30"]),
        (date(2020, 1, 1), date(2020, 3, 20), 365, []),
        (date(2020, 1, 30), date(2020, 1, 31), 365, []),
    ],
)
def test_past_origins_are_ends_of_months_whose_forecasts_lie_in_the_log(
    first: date, end: date, horizon: int, days: list[str]
) -> None:
    origins = list_origins(first, end, horizon, 2)
    assert [str(origin.day) for origin in origins] == days
    for origin, later in zip(origins, [end, *(one.day for one in origins)], strict=False):
        assert (origin.day - later).days + origin.horizon <= 0


@pytest.mark.slow
def test_bands_cover_in_82_to_97_of_100_bases() -> None:
    """Each base has a truth of its own, is fitted, and goes on to acquire customers: experiments/forecast.md."""
    covered = experiment.measure(bases=100, customers=400).set_index("band")["covered, %"]
    ninety = covered[covered.index.str.endswith("90%")]
    assert len(ninety) >= 14
    assert ninety.between(82, 97).all(), ninety
    fifty = covered[covered.index.str.endswith("50%")]
    assert fifty.between(40, 65).all(), fifty


@pytest.mark.slow
def test_a_past_forecast_uses_nothing_that_came_later() -> None:
    shop = experiment.Shop(600, 1)
    decisions = experiment.derive(shop, 1)
    assert decisions.prospects.past_forecasts.empty  # origins are 0 in the experiment
    log = experiment.transactions_of(shop)
    past = decisions.prospects.forecast[~decisions.prospects.forecast["is_forecast"]]
    (origin,) = list_origins(log.first_day, shop.end.date(), 365, 1)
    base = read_past(log, origin)
    assert base is not None
    assert len(base.customers.table) == base.acquired.sum()
    table = check_past([base], decisions.question, past)
    totals = table[table["month"] == "total"].set_index("outcome")
    months = table[table["month"] != "total"].groupby("outcome")
    np.testing.assert_allclose(totals["actual"], months["actual"].sum()[totals.index])
    np.testing.assert_allclose(totals["expected"], months["expected"].sum()[totals.index])
    later = log.purchases().filter(lambda row: row["date"] > origin.day).count().to_pyarrow().as_py()
    assert totals.loc["purchases", "actual"] == later


# ---- settings


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ForecastSettings(new_customers={"all": []}), "decide.forecast.new_customers.all must be one or more"),
        (lambda: ForecastSettings(new_customers={"all": [-1.0]}), "decide.forecast.new_customers.all"),
        (lambda: ForecastSettings(new_customers={"all": [float("nan")]}), "monthly counts from 0"),
        (lambda: ForecastSettings(recent_days=3), "decide.forecast.recent_days must be from 7 to 3,650"),
        (lambda: ForecastSettings(sample_customers=10), "decide.forecast.sample_customers must be 1,000 or more"),
        (lambda: ForecastSettings(churn_days=7), "decide.forecast.churn_days must be from 30 to 365"),
        (lambda: ForecastSettings(origins=-1), "decide.forecast.origins must be from 0 to 6"),
        (lambda: EquitySettings(horizons_days=[365, 365]), "decide.equity.horizons_days must be days from 1"),
        (lambda: EquitySettings(horizons_days=[0]), "decide.equity.horizons_days"),
        (lambda: EquitySettings(discount_rates=[-0.1]), "decide.equity.discount_rates must be annual rates"),
        (lambda: EquitySettings(discount_rates=[float("nan")]), "decide.equity.discount_rates"),
        (lambda: EquitySettings(margins=[1.5]), "decide.equity.margins must be above 0 and at most 1"),
        (lambda: EquitySettings(acquisition_years=-1.0), "decide.equity.acquisition_years must be from 0 to 30"),
    ],
)  # fmt: skip
def test_wrong_settings_of_the_future_are_refused_by_their_key(build: Any, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        build()
    assert message in str(refused.value)


class Histories:
    """Histories with channels, as a plan is checked against."""

    def parts(self) -> list[pd.DataFrame]:
        return [pd.DataFrame({"channel": ["ads", "mail"], "since_first": [3, 9]}),
                pd.DataFrame({"channel": ["ads"], "since_first": [3]})]  # fmt: skip

    as_of = END


def planned(channel: str | None, counts: Any) -> decide.Question:
    settings = DecideSettings(
        acquisition=AcquisitionCostSettings(channel=channel), forecast=ForecastSettings(new_customers=counts)
    )
    return asked(settings, decide.Days.of(END, 365, settings))


def test_a_plan_for_channels_that_nobody_has_is_refused() -> None:
    plan = {"ads": [1.0], "tv": [2.0], "radio": [2.0]}
    with pytest.raises(
        decide.DecideError, match=r"has 2 channels that no customer has \('radio', 'tv'\).*'ads', 'mail'"
    ):
        require_plan(Histories(), planned("channel", plan))  # type: ignore[arg-type]
    with pytest.raises(decide.DecideError, match=r"names channels \('ads', 'radio', 'tv'\), and nothing says which"):
        require_plan(Histories(), planned(None, plan))  # type: ignore[arg-type]
    require_plan(Histories(), planned("channel", {"mail": [1.0], "all": [3.0]}))  # type: ignore[arg-type]
    require_plan(Histories(), planned(None, {}))  # type: ignore[arg-type]


def test_the_recent_rate_is_that_of_each_channel() -> None:
    plan = plan_of(Histories(), planned("channel", {}), 90)  # type: ignore[arg-type]
    assert plan.rates == {"ads": 0.2, "mail": 0.1}  # of the ten days of the log


def test_a_log_shorter_than_a_window_of_silence_has_no_past_churn() -> None:
    log = sales_log(("a", 0, 10.0), ("a", 20, 12.0), ("b", 3, 5.0), ("c", 10, 5.0))
    prospects = run(log, sure(200))[0].prospects
    assert prospects.churn["is_expected"].all()
    assert len(prospects.churn) == 7  # to the end of December 2021
    assert prospects.past_forecasts.empty
    assert prospects.equity["clv"].notna().all()


def test_a_plan_is_given_on_the_command_line() -> None:
    settings = compose_settings("decide", ["decide.forecast.new_customers={all: [100, 120.5]}"])
    assert settings.decide.forecast.new_customers == {"all": [100.0, 120.5]}


def test_customers_who_are_not_simulated_have_the_chance_of_those_who_are(people: pd.DataFrame) -> None:
    line, scorer = timeline(), Scorer(varied(400))
    every = follow(scorer.posterior, people, line.ends, line.knots)
    rest = follow(scorer.posterior, people[100:], line.ends, line.knots, outcomes=False)
    some = follow(scorer.posterior, people[:100], line.ends, line.knots)
    assert rest.purchases.sum() == rest.spend.sum() == 0.0
    np.testing.assert_allclose(some.expected_spend + rest.expected_spend, every.expected_spend, rtol=1e-9)
    together = path_of(some, line)[0].with_others(path_of(rest, line)[0], 3.0)
    year = line.ends <= 365
    both = [paths[year].sum(axis=0) for paths in (together.purchases, every.purchases)]
    assert both[0].mean() == pytest.approx(both[1].mean(), abs=5 * both[1].std() / 20)
    assert both[0].std() == pytest.approx(both[1].std(), rel=0.25)


@pytest.mark.parametrize("threads", [1, 2])
def test_groups_that_share_what_is_kept_are_followed_as_if_alone(
    people: pd.DataFrame, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, whatever was kept before, also by the x that share the last place."""
    monkeypatch.setattr("tenure.purchase.bg_nbd.scoring.KEPT_X", 2)
    line, posterior = timeline(), varied(100)
    follower = Follower(posterior, line.ends, line.knots, seed=0, threads=threads)
    assert people["frequency"].nunique() > 4
    for start in range(0, 300, 60):
        group = people[start : start + 60]
        alone, after = follow(posterior, group, line.ends, line.knots), follower.follow(group)
        for name in ("purchases", "spend", "expected_purchases", "expected_spend", "each"):
            np.testing.assert_array_equal(getattr(after, name), getattr(alone, name))
