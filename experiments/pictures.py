"""Plot the figures of the documentation from a run in the store: docs/tracking.png and docs/scores.png.

uv run tenure-train
uv run python experiments/pictures.py models:/clv@challenger
"""

import sys
from datetime import date
from pathlib import Path

import pandas as pd

import tenure
from tenure import figures, registry
from tenure.jobs.compose import compose_settings

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(uri: str) -> None:
    DOCS.mkdir(exist_ok=True)
    registry.connect(compose_settings("train").registry)
    evidence = registry.evidence(uri)
    tracking = evidence.table("backtest/tracking").assign(day=lambda table: pd.to_datetime(table["day"]))
    cutoff, level = date.fromisoformat(evidence.tags["cutoff"]), float(evidence.params["review.level"])
    end = date.fromisoformat(evidence.tags["end"])
    figures.weekly_tracking(tracking, cutoff, level, evidence.metrics, end).savefig(DOCS / "tracking.png")
    scores = tenure.load(uri).scorer.score(registry.EXAMPLE)
    figures.scored_examples(scores.table).savefig(DOCS / "scores.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "models:/clv@challenger")
