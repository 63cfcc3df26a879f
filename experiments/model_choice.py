"""Print the tables of experiments/model_choice.md: purchase models side by side, log by log, from their runs.

uv run python experiments/model_choice.py [EXPERIMENT]
"""

import sys
from collections import defaultdict
from pathlib import Path

import mlflow

from tenure import registry
from tenure.fit import compare
from tenure.jobs.app import compose_settings

ROWS = [
    ("customers' elpd of purchases, left out one by one", "calibration.purchases.loo_elpd", "{:,.1f}"),
    ("its effective parameters", "calibration.purchases.loo_p", "{:.1f}"),
    ("largest k-hat", "calibration.purchases.khat_max", "{:.2f}"),
    ("customers' elpd of spend", "calibration.spend.loo_elpd", "{:,.1f}"),
    ("purchases in the holdout, bias of the total", "purchases.bias", "{:+.1%}"),
    ("mean CRPS", "purchases.crps", "{:.4f}"),
    ("randomised PIT inside 90%", "purchases.pit_coverage", "{:.1%}"),
    ("lower 5% tail", "purchases.pit_low_tail", "{:.1%}"),
    ("upper 5% tail", "purchases.pit_high_tail", "{:.1%}"),
    ("correlation", "purchases.correlation", "{:.3f}"),
    ("value in the holdout, bias of the total", "value.bias", "{:+.1%}"),
    ("mean CRPS of value", "value.crps", "{:.3f}"),
    ("randomised PIT of value inside 90%", "value.pit_coverage", "{:.1%}"),
]


def main(experiment):
    registry.connect(compose_settings("train", [f"registry.experiment={experiment}"]).registry)
    found = mlflow.search_runs(experiment_names=[experiment], order_by=["start_time ASC"], output_format="list")
    logs = defaultdict(dict)
    for run in found:
        evidence = registry.evidence(run.info.run_id)
        if "verdict" in evidence.tags:  # a later run of the same model takes the place of an earlier one
            logs[evidence.params["transactions.path"]][evidence.params["fit.purchases"]] = evidence
    for path, runs in logs.items():
        cutoffs = {evidence.tags["cutoff"] for evidence in runs.values()}
        print(f"\n{Path(path).name}, calibrated to {', '.join(sorted(cutoffs))}\n")
        print("| | " + " | ".join(runs) + " |\n|---" + "|---" * len(runs) + "|")
        for label, key, form in ROWS:
            print(f"| {label} | " + " | ".join(form.format(evidence.metrics[key]) for evidence in runs.values()) + " |")
        print("| verdict | " + " | ".join(evidence.tags["verdict"] for evidence in runs.values()) + " |")
        print("| run | " + " | ".join(f"`{evidence.run_id}`" for evidence in runs.values()) + " |")
        if len(runs) < 2:
            continue
        first, second = runs
        for model in ("purchases", "spend"):
            loos = [evidence.loo("calibration", model) for evidence in runs.values()]
            difference = compare(loos[1], loos[0])
            print(
                f"\n{model}: elpd of {second} less {first} {difference.elpd:+.1f}, standard error {difference.se:.1f}"
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "model_choice")
