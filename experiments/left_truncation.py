"""Print the tables of experiments/left_truncation.md: what customers from before the log do to a forecast.

First on made-up logs, whose truth is known and which begin two years after the shop; then on a real log, the invoice
lines of Online Retail II (UCI, CC BY 4.0), whose sheet "Year 2009-2010" was saved as Parquet and which is not part of
this repository. About two minutes on two cores:

    uv run python experiments/left_truncation.py [LINES.parquet]
"""

import argparse
import tempfile
import warnings
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tenure.fit import fit
from tenure.jobs.compose import compose_settings
from tenure.rfm import EVERYONE, AcquisitionWindow, find_truncation, split
from tenure.scorer import HeavyTailWarning, Scorer
from tenure.simulate import write_log
from tenure.summary import CustomerSummary
from tenure.transactions import read

ONLINE_RETAIL = [
    "transactions.query='select *, Quantity * Price as amount from log'",
    "transactions.columns={customer_id: Customer ID, date: InvoiceDate, amount: amount, order_id: Invoice}",
    "transactions.cancellations='^C(.*)'",
    "transactions.timezone=Europe/London",
]
MADE_UP = [
    "simulate.customers=20000",
    "simulate.start='2024-01-01'",
    "simulate.end='2025-12-31'",
    "simulate.acquisition={since: '2022-01-01', until: '2025-12-31', growth: 0}",
]
CUTOFF = date(2024, 12, 31)
NEW = AcquisitionWindow(include_left_truncated=False)


def settings_of(path, *more):
    return compose_settings("train", [f"transactions.path={path}", "fit.method=laplace", *more])


def fitted(summary, settings):
    return fit(summary, settings.fit, seed=settings.seed).posterior


def expected(posterior, parts, *, seed=0):
    scorer = Scorer(posterior.thin(500))
    asked = {"horizon_days": parts.horizon_days, "discount_rate": 0.0, "margin": 1.0, "seed": seed}
    return scorer.expect(parts.calibration, **asked)


def bias(expected_of, actual, rows):
    """Give the bias of the total, of some rows."""
    return f"{expected_of[rows].sum() / actual[rows].sum() - 1:+.1%}" if rows.any() else ""


def biases(posterior, parts, rows):
    """Give the biases of purchases and of value in the holdout, of some rows of a split."""
    told, held = expected(posterior, parts), parts.holdout
    pairs = (("expected_purchases", "purchases"), ("clv", "spend"))
    return [bias(told[name].to_numpy(), held[actual].to_numpy(float), rows) for name, actual in pairs]


def since_acquisition(parts, acquired, first_day):
    """Take the other reading of an acquisition date: T and recency from that day, purchases from the log alone."""
    customers = parts.calibration.table
    earlier = np.array(
        [max((first_day - pd.Timestamp(acquired[one]).date()).days - 1, 0) for one in customers["customer_id"]]
    )
    moved = customers.assign(
        recency=customers["recency"] + np.where(customers["frequency"] > 0, earlier, 0), T=customers["T"] + earlier
    )
    return replace(parts, calibration=CustomerSummary.from_frame(moved, as_of=parts.cutoff))


def made_up(truth, seed, folder):
    """Write a log that begins two years after its shop, with the date of acquisition in a column."""
    settings = compose_settings("simulate", [f"simulate={truth}", *MADE_UP])
    path, known = f"{folder}/{truth}.parquet", f"{folder}/{truth}_truth.parquet"
    write_log(settings.simulate, path, truth=known, seed=seed, progress=False)
    acquired = pd.read_parquet(known).set_index("customer_id")["born"].dt.normalize()
    log = pd.read_parquet(path)
    log.assign(acquired=log["customer_id"].map(acquired)).to_parquet(path, index=False)
    return path, acquired, settings.simulate.truth


def population_of(posterior):
    """Give the mean of the population's rate a year and of its dropout."""
    r, alpha, a, b = (posterior.draws[key] for key in ("r", "alpha", "a", "b"))
    return [f"{365 * (r / alpha).mean():.2f}", f"{(a / (a + b)).mean():.3f}"]


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")


def print_header(*cells):
    print()
    print_row(*cells)
    print("|---" * len(cells) + "|")


def say_births(found):
    print(
        f"First purchases of the first four weeks {found.early:,}, excess {found.excess:+,.0f} ± {found.excess_se:,.0f}"
        f" (p {found.p_value:.2g})."
    )


def print_made_up(truth, seed, folder):
    path, acquired, population = made_up(truth, seed, folder)
    told = settings_of(path, f"fit.purchase_model={population.purchases}")
    plain, dated = (
        read(settings_of(path, *more).transactions) for more in ((), ("transactions.columns.acquired=acquired",))
    )
    everyone, dated_all = split(plain, CUTOFF), split(dated, CUTOFF)
    moved = since_acquisition(dated_all, acquired, dated.first_day)
    new = split(dated, CUTOFF, acquisitions=NEW)
    estimated = {
        "nothing done": everyone,
        "burn-in of 90 days": split(plain, CUTOFF, window=AcquisitionWindow(date(2024, 3, 31))),
        "burn-in of 180 days": split(plain, CUTOFF, window=AcquisitionWindow(date(2024, 6, 29))),
        "cohort of October to December": split(plain, CUTOFF, window=AcquisitionWindow(date(2024, 10, 1), CUTOFF)),
        "acquisition known, as Tenure does": new,
        "acquisition known, T counted from it": moved,
    }
    old_ids = set(acquired.index[acquired < pd.Timestamp(plain.first_day)])
    ids = dated_all.calibration.table["customer_id"]
    is_old = ids.isin(old_ids).to_numpy()
    print(f"\n{truth}, seed {seed}: {len(ids):,} customers to {CUTOFF}, {is_old.sum():,} of them from before the log.")
    say_births(find_truncation(plain, CUTOFF))
    print_header("", "customers", "from before", "rate a year", "dropout", "bias of purchases, new", "of value, new")
    rate, leaves = 365 * population.r / population.alpha, population.a / (population.a + population.b)
    print_row("the truth", "", "", f"{rate:.2f}", f"{leaves:.3f}", "", "")
    posteriors = {}
    for name, parts in estimated.items():
        posteriors[name] = fitted(parts.calibration, told)
        those = parts.calibration.table["customer_id"]
        numbers = population_of(posteriors[name]) + biases(posteriors[name], dated_all, ~is_old)
        print_row(name, f"{len(those):,}", f"{those.isin(old_ids).sum():,}", *numbers)
    print_header("those from before, their T counted from", "bias of purchases", "of value")
    past = posteriors["acquisition known, as Tenure does"]
    print_row("the first purchase in the log", *biases(past, everyone, is_old))
    print_row("the log's first day, every purchase a repeat (Tenure)", *biases(past, dated_all, is_old))
    print_row("the acquisition", *biases(past, moved, is_old))


def print_online_retail(path):
    settings = settings_of(path, *ONLINE_RETAIL)
    transactions = read(settings.transactions)
    cutoff, march = date(2010, 6, 5), date(2010, 3, 1)
    whole = split(transactions, cutoff)
    span = f"{transactions.first_day} to {transactions.last_day}"
    print(f"\nOnline Retail II: {span}, cut off at {cutoff}, {whole.horizon_days} days held out.")
    say_births(find_truncation(transactions, cutoff))
    windows = {
        "nothing done": EVERYONE,
        "burn-in of 28 days": AcquisitionWindow(date(2009, 12, 29)),
        "burn-in of 90 days": AcquisitionWindow(march),
        "cohort of March": AcquisitionWindow(march, date(2010, 3, 31)),
        "cohort of the first four weeks": AcquisitionWindow(last=date(2009, 12, 28)),
    }
    parts_of = {name: split(transactions, cutoff, acquisitions=acquisitions) for name, acquisitions in windows.items()}
    late = parts_of["burn-in of 90 days"].calibration.table["customer_id"]
    is_late = whole.calibration.table["customer_id"].isin(late).to_numpy()
    groups = {"own": None, "born since March": is_late, "born before": ~is_late, "everyone": is_late | True}
    header = [f"{what}, {group}" for group in groups for what in ("purchases", "spend")]
    print_header("learnt from", "customers", "rate a year", "dropout", *header)
    for name, parts in parts_of.items():
        posterior = fitted(parts.calibration, settings)
        found = population_of(posterior)
        for rows in groups.values():
            own = np.ones(len(parts.holdout), bool)
            found += biases(posterior, parts, own) if rows is None else biases(posterior, whole, rows)
        print_row(name, f"{len(parts.holdout):,}", *found)


def main(lines, seeds):
    warnings.simplefilter("ignore", HeavyTailWarning)  # said once too often here; of one customer in thousands
    with tempfile.TemporaryDirectory() as folder:
        for truth in ("cdnow", "heavy"):
            for seed in range(seeds):
                print_made_up(truth, seed, folder)
    if lines:
        print_online_retail(Path(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what customers from before the log do to a forecast.")
    parser.add_argument("lines", nargs="?", help="Online Retail II, invoice lines as Parquet")
    parser.add_argument("--seeds", type=int, default=2, help="made-up logs of each kind")
    told = parser.parse_args()
    main(told.lines, told.seeds)
