"""Backtest purchase logs at rolling origins, and print the tables of experiments/backtests.md.

uv run python experiments/backtests.py NAME=PATH ... [SETTING=VALUE ...]

A NAME is anything; PATH ends in .csv or .parquet. Settings are those of tenure-backtest.
"""

import logging
import sys

from omegaconf import OmegaConf

from tenure import registry
from tenure.jobs import backtesting
from tenure.jobs.compose import compose_settings

ORIGINS = [
    "origins.horizons_days=[28,91]",
    "origins.step_days=56",
    "fit.joint_draws=500",
    "registry.experiment=backtests",
]
HEAD = {
    "held": "| log | days ahead | origins | mean bias | mean distance | raw 90% holds | adjusted 90% holds "
    "| of those learnt, raw | of those learnt, adjusted | adjusted / raw width |",
    "scores": "| log | days ahead | outcome | model | zero | last_period | own_rate | textbook | nbd | boosting |",
}


def main(arguments):
    logs = [part for part in arguments if part.endswith((".csv", ".parquet")) and not part.startswith("transactions.")]
    others = [part for part in arguments if part not in logs]
    ran = {}
    for log in logs:
        name, _, path = log.partition("=")
        asked = [*ORIGINS, f"transactions.path={path}", f"registry.run_name={name}", *others]
        settings = compose_settings("backtest", asked)
        rolling = backtesting.run(settings, OmegaConf.to_yaml(OmegaConf.structured(settings)))
        ran[name] = rolling
    for outcome in ("purchases", "spend"):
        print_held(ran, outcome)
    print_scores(ran)
    print_wins(ran)


def print_held(ran, outcome):
    print(f"\nTotals of {outcome}\n\n{HEAD['held']}\n|" + "---|" * HEAD["held"].count(" |"))
    for name, rolling in ran.items():
        ours = rolling.totals[rolling.totals["outcome"] == outcome]
        for days, part in ours.groupby("horizon_days"):
            estimated = part[part["drift"] == "estimated"]
            wider = ((part["adjusted_high"] - part["adjusted_low"]) / (part["high"] - part["low"])).median()
            held = [counted(rows[column]) for rows in (part, estimated) for column in ("covers", "adjusted_covers")]
            bias = f"{part['bias'].mean():+.1%} | {part['bias'].abs().mean():.1%}"
            print(f"| {name} | {days} | {len(part)} | {bias} | {' | '.join(held)} | {wider:.1f} |")


def counted(held):
    return f"{held.sum():.0f} of {len(held)}" if len(held) else "-"


def print_scores(ran):
    print(f"\nMean CRPS over origins; in brackets the origins that the baseline lost and won\n\n{HEAD['scores']}")
    print("|" + "---|" * HEAD["scores"].count(" |"))
    for name, rolling in ran.items():
        for (days, outcome), part in rolling.forecasts.groupby(["horizon_days", "outcome"]):
            cells = []
            for forecast, rows in part.groupby("forecast", sort=False):
                lost, won = ((rows["winner"] == winner).sum() for winner in ("model", forecast))
                count = "" if forecast == "model" else f" ({lost}, {won})"
                cells.append(f"{rows['crps'].mean():.4g}{count}")
            print(f"| {name} | {days} | {outcome} | {' | '.join(cells)} |")


def print_wins(ran):
    for name, rolling in ran.items():
        print(f"\n{name}: {len(rolling.wins)} wins of a baseline\n")
        for line in rolling.wins:
            print(f"- {line}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("tenure").setLevel(logging.INFO)
    registry.connect(compose_settings("backtest", ORIGINS).registry)
    main(sys.argv[1:])
