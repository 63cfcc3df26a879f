"""Backtest purchase logs at rolling origins, and print the tables of experiments/backtests.md.

uv run python experiments/backtests.py NAME=PATH ... [SETTING=VALUE ...]

A NAME is anything; PATH ends in .csv or .parquet. Settings are those of tenure-backtest.
"""

import logging
import sys
from types import SimpleNamespace

from omegaconf import OmegaConf

from tenure import paths, registry
from tenure.jobs import backtesting
from tenure.jobs.compose import compose_settings

ORIGINS = [
    "origins.horizons_days=[28,91]",
    "origins.step_days=56",
    "fit.joint_draws=500",
    "registry.experiment=backtests",
]
HEAD = {
    "totals": "| log | days ahead | origins | mean bias | mean distance | raw 90% covers | adjusted 90% covers "
    "| estimated: raw | estimated: adjusted | adjusted / raw width |",
    "scores": "| log | days ahead | outcome | model | zero | last_period | own_rate | textbook | nbd | boosting |",
}


def main(arguments):
    logs = [one for one in arguments if one.endswith((".csv", ".parquet")) and not one.startswith("transactions.")]
    others = [one for one in arguments if one not in logs]
    results = {}
    for log in logs:
        name, _, path = log.partition("=")
        overrides = [*ORIGINS, f"transactions.path={path}", f"registry.run_name={name}", *others]
        settings = compose_settings("backtest", overrides)
        done = backtesting.run(settings, OmegaConf.to_yaml(OmegaConf.structured(settings)))
        results[name] = read_tables(registry.evidence(done.run_id))
    for outcome in ("purchases", "spend"):
        print_totals(results, outcome)
    print_scores(results)
    print_wins(results)


def read_tables(evidence):
    """Read the tables of a backtest's run, and the sentences on baselines that win."""
    totals, forecasts = evidence.table(paths.ROLLING_TOTALS), evidence.table(paths.ROLLING_FORECASTS)
    lines = evidence.file(paths.ROLLING_WINS).read_text().splitlines()
    has_wins = (forecasts["winner"] == forecasts["forecast"])[forecasts["forecast"] != "model"].any()
    return SimpleNamespace(totals=totals, forecasts=forecasts, wins=lines if has_wins else [])


def print_totals(results, outcome):
    print(f"\nTotals of {outcome}\n\n{HEAD['totals']}\n|" + "---|" * HEAD["totals"].count(" |"))
    for name, rolling in results.items():
        totals = rolling.totals[rolling.totals["outcome"] == outcome]
        for days, part in totals.groupby("horizon_days"):
            estimated = part[part["drift"] == "estimated"]
            wider = ((part["adjusted_high"] - part["adjusted_low"]) / (part["high"] - part["low"])).median()
            covered = [counted(rows[column]) for rows in (part, estimated) for column in ("covers", "adjusted_covers")]
            bias = f"{part['bias'].mean():+.1%} | {part['bias'].abs().mean():.1%}"
            print(f"| {name} | {days} | {len(part)} | {bias} | {' | '.join(covered)} | {wider:.1f} |")


def counted(covers):
    return f"{covers.sum():.0f} of {len(covers)}" if len(covers) else "-"


def print_scores(results):
    print(f"\nMean CRPS over origins; in brackets the origins that the model wins and loses\n\n{HEAD['scores']}")
    print("|" + "---|" * HEAD["scores"].count(" |"))
    for name, rolling in results.items():
        for (days, outcome), part in rolling.forecasts.groupby(["horizon_days", "outcome"]):
            cells = []
            for forecast, rows in part.groupby("forecast", sort=False):
                lost, won = ((rows["winner"] == winner).sum() for winner in ("model", forecast))
                count = "" if forecast == "model" else f" ({lost}, {won})"
                cells.append(f"{rows['crps'].mean():.4g}{count}")
            print(f"| {name} | {days} | {outcome} | {' | '.join(cells)} |")


def print_wins(results):
    for name, rolling in results.items():
        print(f"\n{name}: {len(rolling.wins)} wins of a baseline\n")
        for line in rolling.wins:
            print(f"- {line}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("tenure").setLevel(logging.INFO)
    registry.connect(compose_settings("backtest", ORIGINS).registry)
    main(sys.argv[1:])
