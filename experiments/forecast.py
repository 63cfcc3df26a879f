"""Do the bands of the forecast, the cohorts and the worth of the base cover? Bases from known truths, followed on."""

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import ibis
import numpy as np
import pandas as pd
from decisions import HORIZON, LEVEL, MARGIN, START, print_table
from decisions import Base as Closed

from tenure import decide
from tenure.fit import fit_models
from tenure.rfm import summarize
from tenure.scorer import Params, Scorer
from tenure.settings import (
    AcquisitionCostSettings,
    DecideSettings,
    EquitySettings,
    FitSettings,
    ForecastSettings,
    TransactionsSettings,
)
from tenure.totals import Drifts
from tenure.totals.drift import ASSUMED, Drift
from tenure.transactions import Transactions, of_table

DRAWS, RATE = 200, 0.10
OBSERVED = 455  # days after the start: to the end of March
NO_DRIFT = Drifts(Drift(np.zeros(DRAWS), ASSUMED, 0.0))  # the simulated shop does not change


class Shop(Closed):
    """A base that goes on to acquire customers: as many every day, during the forecast too.

    Args:
        customers: how many so far.
        seed: of the truth and the customers.
    """

    def __init__(self, customers: int, seed: int) -> None:
        super().__init__(1, seed)
        days = OBSERVED + HORIZON
        self.customers = round(customers * days / OBSERVED)
        self.first_day = np.arange(self.customers) * days // self.customers + 1
        every, _ = self.simulate(self.first_day, days - self.first_day.astype(float))
        self.past, self.ahead = every[every["day"] <= OBSERVED], every[every["day"] > OBSERVED]

    @property
    def end(self) -> pd.Timestamp:
        """Return the end of observation."""
        return pd.Timestamp(START) + pd.Timedelta(OBSERVED, "D")

    def plan(self) -> list[float]:
        """Return how many customers are acquired in each month ahead."""
        days = pd.Series(pd.Timestamp(START) + pd.to_timedelta(self.first_day[self.first_day > OBSERVED], "D"))
        return [float(number) for number in days.dt.to_period("M").value_counts().sort_index()]

    def actual_months(self) -> pd.DataFrame:
        """Return what happened ahead, by purchase: its month, whose it was, its spend, what it is worth today."""
        dates = pd.Timestamp(START) + pd.to_timedelta(self.ahead["day"], "D")
        first = self.first_day[self.ahead["at"]]
        start = pd.Timestamp(START) + pd.to_timedelta(first, "D")
        return pd.DataFrame(
            {
                "month": dates.dt.strftime("%Y-%m").to_numpy(),
                "at": self.ahead["at"].to_numpy(),
                "day": self.ahead["day"].to_numpy() - OBSERVED,
                "customers": np.where(first <= OBSERVED, "present", "new"),
                "cohort": start.strftime("%Y-%m"),
                "spend": self.ahead["amount"].to_numpy(),
                "value": MARGIN
                * self.ahead["amount"].to_numpy()
                * (1 + RATE) ** (-(self.ahead["day"] - OBSERVED) / 365),
            }
        )


def transactions_of(shop: Shop) -> Transactions:
    """Return the log of a base up to the end of observation."""
    table = ibis.duckdb.connect(threads=1).create_table("log", shop.log())
    end = shop.end.date()
    return of_table(table, TransactionsSettings(), source="simulated", digest="0" * 64, end=end)


def derive(shop: Shop, seed: int) -> decide.Decisions:
    """Fit a base and derive its decisions, without drift, of which there is none."""
    transactions, end = transactions_of(shop), shop.end.date()
    fit = fit_models(summarize(transactions, end), FitSettings(method="laplace", spend_model="gamma_gamma"), seed=seed)
    scorer, params = Scorer(fit.posterior.thin(DRAWS)), Params(HORIZON, RATE, MARGIN, LEVEL, seed)
    forecast = ForecastSettings(new_customers={"all": shop.plan()}, origins=0)
    settings = DecideSettings(
        forecast=forecast,
        equity=EquitySettings(horizons_days=[HORIZON], discount_rates=[RATE]),
        acquisition=AcquisitionCostSettings(horizons_days=[HORIZON]),
    )
    days = decide.Days.of(end, HORIZON, settings)
    question = decide.Question(scorer, params, settings, days, drifts=NO_DRIFT)
    histories = decide.stream_histories(transactions, days, "string")
    observed = decide.observe(transactions, histories, question)
    return decide.derive(histories, observed, question, lambda _: None)


def months(decisions: decide.Decisions, actual: pd.DataFrame) -> Iterator[tuple[str, float, float, float]]:
    """Yield each band of the forecast, with what happened."""
    table = decisions.prospects.forecast
    for row in table[table["is_forecast"]].itertuples():
        own = actual if row.customers == "all" else actual[actual["customers"] == row.customers]
        own = own[own["month"] == row.month]
        for level in (50, 90):
            for name, value in (("purchases", len(own)), ("revenue", own["spend"].sum())):
                low, high = (getattr(row, f"{name}_{end}_{level}") for end in ("low", "high"))
                yield f"{name} of a month, {row.customers}, {level}%", low, high, value
    for name, total in (("purchases", len(actual)), ("spend", actual["spend"].sum())):
        ends = np.quantile(decisions.prospects.totals[name], [0.05, 0.95])
        yield f"{name} of the year, all, 90%", *ends, total


def cohorts(decisions: decide.Decisions, actual: pd.DataFrame) -> Iterator[tuple[str, float, float, float]]:
    """Yield the intervals of cohorts and of churn, with what happened."""
    table, own = decisions.prospects.retention, actual[actual["customers"] == "present"]
    last = own["month"].max()
    ahead = table[(table["status"] == "expected") & (table["month"] < last)]
    groups = own.groupby(["cohort", "month"])
    buyers, spend = groups["at"].nunique(), groups["spend"].sum()
    for row in ahead.iloc[::7].itertuples():  # neighbours are much the same
        key = (row.cohort, row.month)
        yield "retention, 90%", row.retention_low, row.retention_high, buyers.get(key, 0) / row.customers
        yield "revenue of a cohort's month, 90%", row.revenue_low, row.revenue_high, spend.get(key, 0.0)
    churn = decisions.prospects.churn
    for row in churn[churn["is_expected"]].head(4).itertuples():
        day = (pd.Timestamp(row.date) - pd.Timestamp(decisions.question.days.end)).days
        bought = own[(own["day"] > day - row.window_days) & (own["day"] <= day)]["at"].nunique()
        yield "churn, 90%", row.churn_low, row.churn_high, 1.0 - bought / row.customers


def worth(decisions: decide.Decisions, actual: pd.DataFrame) -> Iterator[tuple[str, float, float, float]]:
    """Yield the intervals of the year's worth, with what happened."""
    table = decisions.prospects.equity
    year = table[(table["horizon_days"] == HORIZON) & (table["margin"] == MARGIN)].set_index(["group", "value"])
    for group, own in (("all", actual), *((g, actual[actual["customers"] == k]) for g, k in
                       (("present", "present"), ("future", "new")))):  # fmt: skip
        row = year.loc[(group, "all")]
        yield f"worth of a year, {group}, 90%", row["clv_low"], row["clv_high"], own["value"].sum()


def measure(bases: int, customers: int) -> pd.DataFrame:
    """Return how often the intervals cover, over some bases."""
    covered: dict[str, list[Any]] = {}
    for seed in range(bases):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shop = Shop(customers, seed)
            decisions, actual = derive(shop, seed), shop.actual_months()
        for part in (months, cohorts, worth):
            for name, low, high, value in part(decisions, actual):
                covered.setdefault(name, []).append(low - 1e-9 <= value <= high + 1e-9)
    rows = [(name, len(hits), round(100 * float(np.mean(hits)), 1)) for name, hits in sorted(covered.items())]
    return pd.DataFrame(rows, columns=["band", "cases", "covered, %"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check the bands of the forecast of the customer base.")
    parser.add_argument("--bases", type=int, default=100)
    parser.add_argument("--customers", type=int, default=500)
    given = parser.parse_args()
    print_table(measure(given.bases, given.customers))
