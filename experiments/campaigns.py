"""Does `tenure-campaign` reject at its level where nothing happened, and do its intervals cover a true uplift?"""

import argparse
import warnings
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from decisions import CENTRE, OBSERVED, START, Base

from tenure.campaign import Question, measure_campaign, plan_campaign
from tenure.frames import Frame
from tenure.posterior import Posterior
from tenure.scorer import Scorer
from tenure.settings import CampaignSettings, MeasureSettings, TransactionsSettings
from tenure.transactions import Transactions
from tenure.transactions import of_frame as read_frame

DAYS, LIFT, LEVEL, CROWD = 90, 0.25, 0.9, 20  # the true effect comes from a base that is so many times as large
LAST = date.fromisoformat(START) + timedelta(OBSERVED)
FIRST_DAY = OBSERVED - DAYS + 1
DESIGNS = {
    "half and half": {"control": 0.5, "mail": 0.5},
    "a control of a tenth": {"control": 0.1, "mail": 0.9},
    "three arms": {"control": 0.34, "mail": 0.33, "call": 0.33},
}


def scorer_of(draws: int = 100) -> Scorer:
    """Return a model with one population, from which the truths of the bases differ."""
    arrays = {name: np.full((1, draws), value) for name, value in CENTRE.items()}
    return Scorer(Posterior(arrays, "bg_nbd", "gamma_gamma", {"method": "known"}), threads=1)


def with_lift(past: pd.DataFrame, treated: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return purchases where some of those of treated customers in the campaign happen again, a day later."""
    during = past[(past["day"] >= FIRST_DAY) & treated[past["at"]]]
    again = during[rng.random(len(during)) < LIFT]
    again = again.assign(day=np.where(again["day"] < OBSERVED, again["day"] + 1, again["day"] - 1))
    return pd.concat([past, again]).groupby(["at", "day"])["amount"].sum().reset_index()


def outcomes(past: pd.DataFrame, before: set[int]) -> pd.Series:
    """Return mean purchases and spend of those who had bought before, during the campaign."""
    during = past[(past["day"] >= FIRST_DAY) & past["at"].isin(before)]
    return pd.Series({"purchases": len(during), "spend": during["amount"].sum()}) / len(before)


def log_of(past: pd.DataFrame, last: date = LAST) -> Transactions:
    """Return the log of some purchases up to a day."""
    dates = pd.Timestamp(START) + pd.to_timedelta(past["day"], "D")
    rows = pd.DataFrame({"customer_id": [f"c{at:05d}" for at in past["at"]], "date": dates, "amount": past["amount"]})
    return read_frame(Frame.of(rows, "log"), TransactionsSettings(), end=last)


def assigned(before: set[int], shares: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Return customers with arms drawn at random."""
    arms = rng.choice(list(shares), len(before), p=list(shares.values()))
    return pd.DataFrame({"customer_id": [f"c{at:05d}" for at in sorted(before)], "arm": arms})


def one(scorer: Scorer, customers: int, seed: int) -> list[dict[str, Any]]:
    """Return the results of one base: without any effect in each design, and with a true one."""
    rng, base, crowd = np.random.default_rng(10_000 + seed), Base(customers, seed), Base(CROWD * customers, seed)
    question = Question(
        scorer, None, CampaignSettings(start=str(LAST - timedelta(DAYS - 1))), MeasureSettings(level=LEVEL)
    )
    before = set(base.past.loc[base.past["day"] < FIRST_DAY, "at"])
    log, rows = log_of(base.past), []
    for design, shares in DESIGNS.items():
        effects = measure_campaign(log, LAST, assigned(before, shares, rng), question).campaign
        rows += [{"case": f"nothing happened, {design}", "truth": 0.0, **row} for row in effects.to_dict("records")]
    chosen = assigned(before, DESIGNS["half and half"], rng)
    treated = np.zeros(customers, bool)
    treated[sorted(before)] = chosen["arm"] == "mail"
    many = set(crowd.past.loc[crowd.past["day"] < FIRST_DAY, "at"])
    truth = outcomes(with_lift(crowd.past, np.ones(crowd.customers, bool), rng), many) - outcomes(crowd.past, many)
    effects = measure_campaign(log_of(with_lift(base.past, treated, rng)), LAST, chosen, question).campaign
    rows += [
        {"case": "a true uplift", "truth": truth[row["outcome"]], **row}
        for row in effects.to_dict("records")
        if row["outcome"] in truth
    ]
    eve = LAST - timedelta(DAYS)
    plan = plan_campaign(log_of(base.past[base.past["day"] < FIRST_DAY], eve), eve, chosen, question)
    planned = plan.campaign.query("source == 'simulated'").set_index("outcome")["smallest_effect"]
    halves = "nothing happened, half and half"
    return [
        {"seed": seed, "planned": planned[row["outcome"]] if row["case"] == halves else np.nan, **row} for row in rows
    ]


def measure(bases: int, customers: int) -> pd.DataFrame:
    """Return a row for each case and outcome: rejections at 5%, intervals that cover, what the adjustment saves."""
    scorer, rows = scorer_of(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(bases):
            rows += one(scorer, customers, seed)
    every = pd.DataFrame(rows)
    every = every[every["outcome"].isin(["purchases", "spend"])]
    every["covers"] = (every["effect_low"] <= every["truth"]) & (every["truth"] <= every["effect_high"])
    every["raw_covers"] = (every["raw_low"] <= every["truth"]) & (every["truth"] <= every["raw_high"])
    results = []
    for (case, outcome), group in every.groupby(["case", "outcome"], sort=False):
        campaigns = group.groupby("seed")
        results.append(
            {
                "case": case,
                "outcome": outcome,
                "campaigns": campaigns.ngroups,
                "rejected": int((campaigns["p_holm"].min() < 0.05).sum()),
                "covered": int(campaigns["covers"].first().sum()),
                "covered, no adjustment": int(campaigns["raw_covers"].first().sum()),
                "variance saved, %": round(100 * group["variance_saved"].mean(), 1),
                "smallest effect, planned / measured": round((group["planned"] / group["smallest_effect"]).median(), 2),
            }
        )
    return pd.DataFrame(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", type=int, default=200)
    parser.add_argument("--customers", type=int, default=2000)
    given = parser.parse_args()
    table = measure(given.bases, given.customers)
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    print("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))


if __name__ == "__main__":
    main()
