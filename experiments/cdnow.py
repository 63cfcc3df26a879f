"""Print the tables of experiments/cdnow.md: the published numbers and those of this project.

uv run tenure-train experiment=cdnow
uv run python experiments/cdnow.py RUN_ID
"""

import os
import sys

import mlflow
import numpy as np

from tenure import registry
from tenure.fit import maximum_likelihood
from tenure.jobs.compose import compose_settings
from tenure.rfm import split_log
from tenure.transactions import read

# Fader, Hardie & Lee (2005), Marketing Science 24(2), Table 2; Fader, Hardie & Lee (2005), JMR 42, and note 025.
# alpha in weeks there.
PUBLISHED = {"r": 0.2426, "alpha": 4.4136 * 7, "a": 0.7929, "b": 2.4259, "p": 6.25, "q": 3.74, "v": 15.44}
LIKELIHOODS = {"purchases_log_likelihood": -9582.429, "spend_log_likelihood": -4055.918}


def main(run_id: str) -> None:
    settings = compose_settings("train", ["experiment=cdnow"])
    registry.connect(settings.registry)
    evidence = registry.evidence(run_id)
    calibration = split_log(read(settings.transactions), settings.rfm.cutoff, settings.rfm.end).calibration
    estimated = maximum_likelihood(calibration)
    estimated["purchases_log_likelihood"] += calibration.table["frequency"].sum() * np.log(
        7.0
    )  # per week, as published
    traces = {name: evidence.trace("calibration", name)["posterior"] for name in ("purchases", "spend")}
    header = "| parameter | published maximum likelihood | estimated | posterior mean | 90% credible |"
    print(f"{header}\n|---|---|---|---|---|")
    for name, published in PUBLISHED.items():
        draws = traces["purchases" if name in ("r", "alpha", "a", "b") else "spend"][name].values
        low, high = np.quantile(draws, [0.05, 0.95])
        print(f"| {name} | {published:.4g} | {estimated[name]:.4g} | {draws.mean():.4g} | {low:.4g} to {high:.4g} |")
    for name, published in LIKELIHOODS.items():
        print(f"| {name.replace('_', ' ')} | {published:.3f} | {estimated[name]:.3f} | | |")
    print("\n| holdout, 39 weeks | purchases | spend |\n|---|---|---|")
    for label, key, form in ROWS:
        values = [evidence.metrics[f"{outcome}.{key}"] for outcome in ("purchases", "spend")]
        print(f"| {label} | " + " | ".join(form.format(value) for value in values) + " |")
    print(f"\nVerdict {evidence.review().verdict}; run `{evidence.run_id}`; store {mlflow.get_tracking_uri()}.")


ROWS = [
    ("actual total", "actual_total", "{:,.0f}"),
    ("expected total", "expected_total", "{:,.0f}"),
    ("90% predictive of the total, low", "total_low", "{:,.0f}"),
    ("90% predictive of the total, high", "total_high", "{:,.0f}"),
    ("the interval covers the actual", "total_covers_actual", "{:.0f}"),
    ("bias", "bias", "{:+.1%}"),
    ("correlation per customer", "correlation", "{:.3f}"),
    ("mean CRPS", "crps", "{:.3f}"),
    ("90% coverage (randomised PIT)", "pit_coverage", "{:.1%}"),
    ("lower 5% tail", "pit_low_tail", "{:.1%}"),
    ("upper 5% tail", "pit_high_tail", "{:.1%}"),
]

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} RUN_ID")
    main(sys.argv[1])
