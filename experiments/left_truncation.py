"""Print the tables of experiments/left_truncation.md: the bias of forecasts by left-truncated customers.

First on synthetic logs with known parameters, which begin two years after the shop; then on a real log, the invoice
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

from tenure.fit import fit_models
from tenure.jobs.compose import compose_settings
from tenure.rfm import EVERYONE, AcquisitionWindow, find_truncation, split_log
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
GAMMA_GAMMA = "fit.spend_model=gamma_gamma"
SYNTHETIC = [
    "simulate.customers=20000",
    "simulate.start='2024-01-01'",
    "simulate.end='2025-12-31'",
    "simulate.acquisition={since: '2022-01-01', until: '2025-12-31', growth: 0}",
]
CUTOFF = date(2024, 12, 31)
NEW = AcquisitionWindow(include_left_truncated=False)


def settings_of(path, *more):
    return compose_settings("train", [f"transactions.path={path}", "fit.method=laplace", GAMMA_GAMMA, *more])


def fitted(summary, settings):
    return fit_models(summary, settings.fit, seed=settings.seed).posterior


def expected(posterior, windowed, *, seed=0):
    scorer = Scorer(posterior.thin(500))
    params = {"horizon_days": windowed.horizon_days, "discount_rate": 0.0, "margin": 1.0, "seed": seed}
    return scorer.expect(windowed.calibration, **params)


def bias(expected_of, actual, rows):
    """Return the bias of the total of some rows."""
    return f"{expected_of[rows].sum() / actual[rows].sum() - 1:+.1%}" if rows.any() else ""


def biases(posterior, windowed, rows):
    """Return the biases of purchases and of spend in the holdout, of some rows of a split."""
    forecast, holdout = expected(posterior, windowed), windowed.holdout
    pairs = (("expected_purchases", "purchases"), ("clv", "spend"))
    return [bias(forecast[name].to_numpy(), holdout[actual].to_numpy(float), rows) for name, actual in pairs]


def since_acquisition(windowed, acquired, first_day):
    """Return a split whose T and recency count from the acquisition, with the purchases of the log alone."""
    customers = windowed.calibration.table
    earlier = np.array(
        [max((first_day - pd.Timestamp(acquired[one]).date()).days - 1, 0) for one in customers["customer_id"]]
    )
    moved = customers.assign(
        recency=customers["recency"] + np.where(customers["frequency"] > 0, earlier, 0), T=customers["T"] + earlier
    )
    return replace(windowed, calibration=CustomerSummary.from_frame(moved, as_of=windowed.cutoff))


def write_synthetic(truth, seed, folder):
    """Write a log that begins two years after its shop, with the date of acquisition in a column."""
    settings = compose_settings("simulate", [f"simulate={truth}", *SYNTHETIC])
    path, truth_path = f"{folder}/{truth}.parquet", f"{folder}/{truth}_truth.parquet"
    write_log(settings.simulate, path, truth=truth_path, seed=seed, progress=False)
    acquired = pd.read_parquet(truth_path).set_index("customer_id")["acquired"].dt.normalize()
    log = pd.read_parquet(path)
    log.assign(acquired=log["customer_id"].map(acquired)).to_parquet(path, index=False)
    return path, acquired, settings.simulate.truth


def population_of(posterior):
    """Return the posterior means of the purchase rate a year and of dropout."""
    r, alpha, a, b = (posterior.draws[key] for key in ("r", "alpha", "a", "b"))
    return [f"{365 * (r / alpha).mean():.2f}", f"{(a / (a + b)).mean():.3f}"]


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")


def print_header(*cells):
    print()
    print_row(*cells)
    print("|---" * len(cells) + "|")


def print_excess(truncation):
    print(
        f"First purchases of the first four weeks {truncation.early:,}, excess {truncation.excess:+,.0f}"
        f" ± {truncation.excess_se:,.0f} (p {truncation.p_value:.2g})."
    )


def print_synthetic(truth, seed, folder):
    path, acquired, population = write_synthetic(truth, seed, folder)
    settings = settings_of(path, f"fit.purchase_model={population.purchase_model}")
    plain, dated = (
        read(settings_of(path, *more).transactions) for more in ((), ("transactions.columns.acquired=acquired",))
    )
    everyone, dated_all = split_log(plain, CUTOFF), split_log(dated, CUTOFF)
    moved = since_acquisition(dated_all, acquired, dated.first_day)
    new = split_log(dated, CUTOFF, window=NEW)
    estimated = {
        "all customers": everyone,
        "burn-in of 90 days": split_log(plain, CUTOFF, window=AcquisitionWindow(date(2024, 3, 31))),
        "burn-in of 180 days": split_log(plain, CUTOFF, window=AcquisitionWindow(date(2024, 6, 29))),
        "window of October to December": split_log(plain, CUTOFF, window=AcquisitionWindow(date(2024, 10, 1), CUTOFF)),
        "known acquisition, as in Tenure": new,
        "known acquisition, T counted from it": moved,
    }
    old_ids = set(acquired.index[acquired < pd.Timestamp(plain.first_day)])
    ids = dated_all.calibration.table["customer_id"]
    is_old = ids.isin(old_ids).to_numpy()
    print(f"\n{truth}, seed {seed}: {len(ids):,} customers to {CUTOFF}, {is_old.sum():,} of them left-truncated.")
    print_excess(find_truncation(plain, CUTOFF))
    print_header("", "customers", "left-truncated", "rate a year", "dropout", "bias of purchases, new", "of spend, new")
    a, b = (population.parameters[name] for name in ("a", "b"))
    rate, leaves = 365 * population.mean_rate, a / (a + b)
    print_row("true parameters", "", "", f"{rate:.2f}", f"{leaves:.3f}", "", "")
    posteriors = {}
    for name, windowed in estimated.items():
        posteriors[name] = fitted(windowed.calibration, settings)
        those = windowed.calibration.table["customer_id"]
        numbers = population_of(posteriors[name]) + biases(posteriors[name], dated_all, ~is_old)
        print_row(name, f"{len(those):,}", f"{those.isin(old_ids).sum():,}", *numbers)
    print_header("left-truncated, T counted from", "bias of purchases", "of spend")
    past = posteriors["known acquisition, as in Tenure"]
    print_row("the first purchase in the log", *biases(past, everyone, is_old))
    print_row("the log's first day, every purchase a repeat (Tenure)", *biases(past, dated_all, is_old))
    print_row("the acquisition", *biases(past, moved, is_old))


def print_online_retail(path):
    settings = settings_of(path, *ONLINE_RETAIL)
    transactions = read(settings.transactions)
    cutoff, march = date(2010, 6, 5), date(2010, 3, 1)
    everyone = split_log(transactions, cutoff)
    span = f"{transactions.first_day} to {transactions.last_day}"
    print(f"\nOnline Retail II: {span}, cut off at {cutoff}, {everyone.horizon_days} days held out.")
    print_excess(find_truncation(transactions, cutoff))
    windows = {
        "all customers": EVERYONE,
        "burn-in of 28 days": AcquisitionWindow(date(2009, 12, 29)),
        "burn-in of 90 days": AcquisitionWindow(march),
        "window of March": AcquisitionWindow(march, date(2010, 3, 31)),
        "window of the first four weeks": AcquisitionWindow(last=date(2009, 12, 28)),
    }
    splits = {name: split_log(transactions, cutoff, window=window) for name, window in windows.items()}
    late = splits["burn-in of 90 days"].calibration.table["customer_id"]
    is_late = everyone.calibration.table["customer_id"].isin(late).to_numpy()
    groups = {"own": None, "acquired since March": is_late, "acquired before": ~is_late, "everyone": is_late | True}
    header = [f"{what}, {group}" for group in groups for what in ("purchases", "spend")]
    print_header("fitted to", "customers", "rate a year", "dropout", *header)
    for name, windowed in splits.items():
        posterior = fitted(windowed.calibration, settings)
        cells = population_of(posterior)
        for rows in groups.values():
            own = np.ones(len(windowed.holdout), bool)
            cells += biases(posterior, windowed, own) if rows is None else biases(posterior, everyone, rows)
        print_row(name, f"{len(windowed.holdout):,}", *cells)


def main(lines, seeds):
    warnings.simplefilter("ignore", HeavyTailWarning)  # repeated here, and about one customer in thousands
    with tempfile.TemporaryDirectory() as folder:
        for truth in ("cdnow", "heavy"):
            for seed in range(seeds):
                print_synthetic(truth, seed, folder)
    if lines:
        print_online_retail(Path(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the bias of forecasts by left-truncated customers.")
    parser.add_argument("lines", nargs="?", help="Online Retail II, invoice lines as Parquet")
    parser.add_argument("--seeds", type=int, default=2, help="synthetic logs of each kind")
    arguments = parser.parse_args()
    main(arguments.lines, arguments.seeds)
