"""Backtest the purchase models at the same rolling origins, and print the table of experiments/pareto_nbd.md.

uv run python experiments/pareto_nbd.py NAME=PATH ... [SETTING=VALUE ...]

A NAME is anything; PATH ends in .csv or .parquet. Settings are those of tenure-backtest.
"""

import logging
import sys

from tenure import registry
from tenure.backtest import rolling_origins
from tenure.jobs import backtesting
from tenure.jobs.compose import compose_settings
from tenure.purchase import MODELS
from tenure.transactions import read

ORIGINS = [
    "origins.horizons_days=[28,91]",
    "origins.step_days=56",
    "fit.joint_draws=300",
    "backtest.baselines.names=[zero]",
    "registry.experiment=pareto_nbd",
]
KEYS = ["horizon_days", "cutoff"]


def main(arguments):
    logs = [part for part in arguments if part.endswith((".csv", ".parquet"))]
    others = [part for part in arguments if part not in logs]
    print("| log | days ahead | model | origins | bias | distance | 90% covers | CRPS | lower than bg_nbd |")
    print("|---|---|---|---|---|---|---|---|---|")
    for log in logs:
        name, _, path = log.partition("=")
        runs = {model: backtest(name, path, model, others) for model in MODELS}
        for days in runs["bg_nbd"][0]["horizon_days"].unique():
            for model, (totals, crps) in runs.items():
                print_row(
                    name, days, model, totals[totals["horizon_days"] == days], crps[days], runs["bg_nbd"][1][days]
                )


def backtest(name, path, model, others):
    """Return the totals of purchases by origin, and the mean CRPS of purchases by horizon and cut-off."""
    changes = [
        *ORIGINS,
        f"transactions.path={path}",
        f"registry.run_name={name} {model}",
        f"fit.purchase_model={model}",
    ]
    settings = compose_settings("backtest", [*changes, *others])
    transactions = read(settings.transactions, end=settings.rfm.end)
    origins = rolling_origins(settings.origins, transactions.first_day, transactions.last_day)
    with registry.open_run(settings.registry, "backtest", ""):
        rolling = backtesting.backtest_origins(transactions, origins, settings)
    forecasts = rolling.forecasts
    rows = forecasts[(forecasts["forecast"] == "model") & (forecasts["outcome"] == "purchases")]
    return rolling.totals[rolling.totals["outcome"] == "purchases"], rows.set_index(KEYS)["crps"]


def print_row(name, days, model, totals, crps, reference):
    bias, covers = totals["bias"], totals["covers"]
    lower = "" if model == "bg_nbd" else f"{(crps < reference).sum()} of {len(crps)}"
    print(
        f"| {name} | {days} | {model} | {len(totals)} | {bias.mean():+.1%} | {bias.abs().mean():.1%} "
        f"| {covers.sum():.0f} | {crps.mean():.4g} | {lower} |",
        flush=True,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    registry.connect(compose_settings("backtest", ORIGINS).registry)
    main(sys.argv[1:])
