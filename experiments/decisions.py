"""Are the probabilities and intervals of decisions right? Bases from known truths, fitted and followed for a year."""

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import tenure
from tenure.purchase import model_part
from tenure.spend import model_part as spend_part

CENTRE = {"r": 0.4, "alpha": 35.0, "a": 0.8, "b": 2.6, "p": 6.0, "q": 3.8, "v": 16.0}
SPREAD, FIRST_ORDER = 0.15, 1.3  # of the truths, in logs; a first order is so many times a repeat purchase
START, OBSERVED, ACQUIRED, HORIZON = "2020-01-01", 400, 100, 365
MARGIN, LEVEL, DRAWS = 0.4, 0.9, 400
SETTINGS = {"order_cost": 1.0, "acquisition": {"costs": {"all": 15.0}}}
NEW_CUSTOMERS = 4_000  # whose year is simulated from the truth, to check what one may cost
EDGES = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 1.0 + 1e-9])


class Base:
    """A customer base from one truth: its log up to the end of observation, and what comes after.

    Args:
        customers: how many.
        seed: of the truth and the customers.
    """

    def __init__(self, customers: int, seed: int) -> None:
        self.rng, self.customers = np.random.default_rng(seed), customers
        truth = {name: value * np.exp(SPREAD * self.rng.standard_normal()) for name, value in CENTRE.items()}
        own = {name: truth[name] for name in ("r", "alpha", "a", "b")}
        self.purchase = model_part("bg_nbd", "process").Process(**own, chances=0)
        self.spend = spend_part("gamma_gamma", "process").Process(**{name: truth[name] for name in "pqv"})
        first_day = self.rng.integers(0, ACQUIRED, customers)
        every, left = self.simulate(first_day, OBSERVED + HORIZON - first_day.astype(float))
        self.past, self.ahead = every[every["day"] <= OBSERVED], every[every["day"] > OBSERVED]
        self.left = left

    def simulate(self, first_day: np.ndarray, span: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the purchase days of customers over spans of time, and when each leaves."""
        rng, size = self.rng, first_day.size
        bought = self.purchase.draw_purchases(self.purchase.draw_state(size, rng), span, rng)
        state, owner = self.spend.draw_state(size, rng), np.repeat(np.arange(size), bought.counts)
        days = first_day[owner] + np.ceil(bought.times * span[owner]).astype(int)
        amounts = self.spend.draw_sums(state[owner], np.ones(owner.size), rng)
        firsts = FIRST_ORDER * self.spend.draw_sums(state, np.ones(size), rng)
        first = pd.DataFrame({"at": np.arange(size), "day": first_day, "amount": firsts})
        every = pd.concat([first, pd.DataFrame({"at": owner, "day": days, "amount": amounts})])
        left = np.where(np.isnan(bought.left), np.inf, first_day + bought.left * span)
        return every.groupby(["at", "day"])["amount"].sum().reset_index(), left

    def new_margins(self) -> np.ndarray:
        """Return what new customers bring in a year, net of the cost of their orders."""
        every, _ = self.simulate(np.zeros(NEW_CUSTOMERS, int), np.full(NEW_CUSTOMERS, float(HORIZON)))
        net = (MARGIN * every["amount"] - SETTINGS["order_cost"]) * 1.1 ** (-every["day"] / 365.0)
        return net.groupby(every["at"]).sum().to_numpy()

    def log(self) -> pd.DataFrame:
        """Return the log."""
        dates = pd.Timestamp(START) + pd.to_timedelta(self.past["day"], "D")
        ids = [f"c{at:05d}" for at in self.past["at"]]
        return pd.DataFrame({"customer_id": ids, "date": dates, "amount": self.past["amount"].round(2)})

    def actual(self) -> pd.DataFrame:
        """Return what each customer did in the horizon."""
        ahead, table = self.ahead, pd.DataFrame(index=np.arange(self.customers))
        until = ahead["day"] - OBSERVED
        table["purchases"] = ahead.groupby("at").size().reindex(table.index, fill_value=0)
        value = MARGIN * ahead["amount"] * 1.1 ** (-until / 365.0)
        table["clv"] = value.groupby(ahead["at"]).sum().reindex(table.index, fill_value=0.0)
        table["spend"] = ahead.groupby("at")["amount"].sum().reindex(table.index, fill_value=0.0)
        table["next"] = until.groupby(ahead["at"]).min().reindex(table.index, fill_value=np.inf)
        return table


def top_share(values: pd.Series, share: float) -> np.ndarray:
    """Return P(among the top share), where those who are tied share the places."""
    edge = np.sort(values)[::-1][int(share * len(values)) - 1]
    above, tied = values > edge, values == edge
    return np.asarray(above + tied * (share * len(values) - above.sum()) / tied.sum())


def probabilities(base: Base, rows: pd.DataFrame, actual: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield each probability with what happened."""
    yield "p_top_top", rows["p_top_top"], top_share(actual["clv"], 0.1)
    yield "p_top_middle", rows["p_top_middle"], top_share(actual["clv"], 0.3)
    for days in (30, 90, 365):
        yield f"p_purchase_{days}", rows[f"p_purchase_{days}"], actual["next"] <= days
        yield f"p_alive_{days}", rows[f"p_alive_{days}"], base.left > OBSERVED + days
    yield "p_alive", rows["p_alive"], base.left > OBSERVED
    for number in (0, 1, 2):
        yield f"p_{number}_purchases", rows[f"p_{number}_purchases"], actual["purchases"] == number
    doubled = rows["p_doubling"].notna()
    yield "p_doubling", rows["p_doubling"][doubled], (actual["spend"] >= 2.0 * rows["recent_spend"])[doubled]
    expected = rows["next_order_median_days"].notna() & (actual["next"] <= HORIZON)
    inside = (actual["next"] >= rows["next_order_low_days"]) & (actual["next"] <= rows["next_order_high_days"])
    yield "next order in its 80% interval", np.full(expected.sum(), 0.8), inside[expected]
    late = actual["next"] <= rows["next_order_median_days"]
    yield "next order by its median day", np.full(expected.sum(), 0.5), late[expected]


def intervals(decisions: Any, rows: pd.DataFrame, actual: pd.DataFrame, base: Base) -> Iterator:
    """Yield each interval of a group with the actual total."""
    totals = decisions.totals
    yield "clv, all customers", totals["clv_low"], totals["clv_high"], actual["clv"].sum()
    for key, table in (("tier", decisions.tiers), ("stage", decisions.stages)):
        sums = actual["clv"].groupby(rows[key].to_numpy()).sum()
        for row in table[table["customers"] > 0].itertuples():
            yield f"clv, {key} {getattr(row, key)}", row.clv_low, row.clv_high, sums[getattr(row, key)]
    month = rows["first_purchase"].astype(str).str[:7].to_numpy()
    never = ((rows["orders"] == 1) & (actual["purchases"] == 0)).groupby(month).mean()
    for row in decisions.cohorts.itertuples():
        yield "never returned, cohorts", row.never_returned_low, row.never_returned_high, never[row.cohort]
    yield (
        "clv at the edge of the first tier",
        *decisions.tiers.loc[0, ["from_clv_low", "from_clv_high"]],
        np.sort(actual["clv"])[-(base.customers // 10)],
    )


def one(customers: int, seed: int) -> tuple[list, list]:
    """Fit and decide on one base; return its probabilities and intervals."""
    base = Base(customers, seed)
    log, end = base.log(), (pd.Timestamp(START) + pd.Timedelta(OBSERVED, "D")).date()
    clv = tenure.CLV(method="laplace", joint_draws=DRAWS, end=str(end), seed=seed).fit(log)
    decisions = clv.decide(log, horizon_days=HORIZON, margin=MARGIN, level=LEVEL, settings=SETTINGS)
    rows, actual = decisions.customers, base.actual()
    year, margins = decisions.acquisition.iloc[0], base.new_margins()
    repays = ("p_customer_repays", np.full(margins.size, year["p_customer_repays"]), margins > year["acquisition_cost"])
    mean = ("mean of a new customer", year["clv_mean_low"], year["clv_mean_high"], margins.mean())
    single = (
        "one new customer",
        np.full(margins.size, LEVEL),
        (margins >= year["clv_low"]) & (margins <= year["clv_high"]),
    )
    return (
        [*probabilities(base, rows, actual), repays, single],
        [*intervals(decisions, rows, actual, base), mean],
    )


def reliability(pairs: dict[str, list]) -> pd.DataFrame:
    """Tabulate each probability: its mean, what was observed, and the gap that is farthest from chance of any range.

    Errors are those over bases, as the customers of a base share its fit.
    """
    lines = []
    for name, all_bases in pairs.items():
        base = np.repeat(np.arange(len(all_bases)), [len(pair[0]) for pair in all_bases])
        predicted, happened = (np.concatenate([np.asarray(pair[at], float) for pair in all_bases]) for at in (0, 1))
        bins = np.clip(np.searchsorted(EDGES, predicted, side="right") - 1, 0, len(EDGES) - 2)
        gaps = [(0.0, np.inf)]
        for at in np.unique(bins):
            inside = bins == at
            sums = np.bincount(base[inside], weights=(happened - predicted)[inside], minlength=len(all_bases))
            if (np.bincount(base[inside], minlength=len(all_bases)) > 0).sum() >= 20:
                gaps.append((sums.sum() / inside.sum(), np.sqrt((sums**2).sum()) / inside.sum()))
        worst = max(gaps, key=lambda gap: abs(gap[0]) / max(gap[1], 1e-6))
        whole = np.array([(np.asarray(pair[1], float) - np.asarray(pair[0], float)).sum() for pair in all_bases])
        error = np.sqrt((whole**2).sum()) / predicted.size
        lines.append([name, predicted.size, predicted.mean(), happened.mean(), error, worst[0], worst[1]])
    columns = ["probability", "cases", "mean", "observed", "error", "worst range: gap", "its error"]
    return pd.DataFrame(lines, columns=columns)


def print_table(table: pd.DataFrame) -> None:
    """Print a table in Markdown."""
    print("\n| " + " | ".join(table.columns) + " |\n" + "|---" * table.shape[1] + "|")
    for row in table.itertuples(index=False):
        print("| " + " | ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row) + " |")


def measure(bases: int, customers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reliability of the probabilities and the coverage of the intervals over some bases."""
    pairs: dict[str, list] = {}
    covered: dict[str, list] = {}
    for seed in range(bases):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chances, spans = one(customers, seed)
        for name, predicted, happened in chances:
            pairs.setdefault(name, []).append((predicted, happened))
        for name, low, high, actual in spans:
            covered.setdefault(name, []).append(low - 1e-9 <= actual <= high + 1e-9)
    lines = [(name, len(hits), 100 * np.mean(hits)) for name, hits in covered.items()]
    return reliability(pairs), pd.DataFrame(lines, columns=["90% interval", "intervals", "covered, %"])


def main(bases: int, customers: int) -> None:
    """Print both tables."""
    probable, covered = measure(bases, customers)
    print_table(probable.round(4))
    print_table(covered.round(1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Check the probabilities and intervals of decisions.")
    parser.add_argument("--bases", type=int, default=100)
    parser.add_argument("--customers", type=int, default=1_000)
    given = parser.parse_args()
    main(given.bases, given.customers)
