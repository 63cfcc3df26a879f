"""`tenure-score` end to end."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from job_runs import Ran, command, in_process
from logs import SUMMARIES

from tenure import batch, registry
from tenure.output import atomic_file, describe

ROOT = Path(__file__).parent.parent


def test_a_log_is_scored_by_a_column_that_rides_along(
    trained: Ran, evidence: registry.Evidence, tmp_path: Path
) -> None:
    assert evidence.run_id
    log = pd.read_csv(ROOT / "data" / "cdnow_sample.csv").query("customer_id <= 200")
    log["country"] = np.where(log["customer_id"] % 2, "FR", "DE")
    log.to_parquet(tmp_path / "log.parquet")
    ran = in_process(
        "score",
        "model=models:/clv@challenger",
        f"transactions.path={tmp_path / 'log.parquet'}",
        "+transactions.segments.country=first",
        "by=[country]",
        f"output={tmp_path / 'scores.parquet'}",
        folder=trained.folder,
    )
    assert ran.code == 0, ran.err
    assert "clv by country" in ran.out
    assert [line.split()[:2] for line in ran.out.splitlines() if line.startswith(("DE ", "FR "))] in (
        [["DE", "100"], ["FR", "100"]],
        [["FR", "100"], ["DE", "100"]],
    )
    assert "every row and every cent" in ran.out


@pytest.mark.slow
def test_scoring_without_a_champion_names_the_challenger_and_the_command(
    trained: Ran, evidence: registry.Evidence
) -> None:
    refused = command("score", folder=trained.folder)
    assert refused.code == 4
    assert refused.err.splitlines()[-1].startswith("error: ")
    assert "no champion in the registry at sqlite:///mlflow.db" in refused.err
    promote, score = "tenure-promote model=models:/clv/1 reason=...", "tenure-score model=models:/clv/1"
    assert 0 < refused.err.index(promote) < refused.err.index(score)
    missing = in_process("score", "model=models:/other@champion", folder=trained.folder)
    assert missing.code == 4
    assert "There is no model other" in missing.err


def test_scoring_writes_a_table_that_describes_itself_and_logs_totals(
    trained: Ran, evidence: registry.Evidence, tmp_path: Path
) -> None:
    assert evidence.run_id
    summary, output = tmp_path / "summary.csv", str(tmp_path / "scores.parquet")
    SUMMARIES.to_csv(summary, index=False)
    asked = ["model=models:/clv@challenger", f"summary.path={summary}", f"output={output}", "score.horizon_days=90"]
    scored = in_process("score", *asked, folder=trained.folder)
    assert scored.code == 0, scored.err
    assert "90% predictive" in scored.out
    assert "The verdict of models:/clv/1 is REVIEW; nobody promoted it." in scored.out
    more = 1 / (1 + evidence.metrics["spend.bias"]) - 1
    assert f"In its holdout of 273 days customers spent {more:.0%} more than it expected." in scored.out
    about = describe(output)
    assert about["model"] == "models:/clv/1"
    assert about["params"]["horizon_days"] == 90
    assert about["customers"] == 3
    table = pd.read_parquet(output)
    assert list(table["customer_id"]) == ["1", "2", "3"]
    registry.use(trained.store)
    assert scored.run_id not in str(about)
    metrics = registry.evidence(scored.run_id).metrics
    assert metrics["total.clv.expected"] == pytest.approx(table["clv"].sum())
    assert metrics["score.customers"] == 3


@pytest.mark.slow
def test_scoring_tells_the_way_there_and_the_value_to_infinity(
    trained: Ran, evidence: registry.Evidence, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert evidence.run_id
    asked = ["model=models:/clv@challenger", "by_month=true", "residual=true", f"output={tmp_path / 'long.parquet'}"]
    with caplog.at_level(logging.WARNING, logger="tenure"):
        scored = in_process("score", *asked, "score.horizon_days=730", folder=trained.folder)
    assert "The last observed day is 1998-06-30" in caplog.text  # so that `warnings` of the result file has it
    assert scored.code == 0, scored.err
    assert "month by month" in scored.out
    assert "residual clv" in scored.out
    assert "of the clv is extrapolated: farther ahead than any customer was observed" in scored.out
    table = pd.read_parquet(tmp_path / "long.parquet")
    assert len(table) == 2357
    assert set(map(len, table["clv_by_month"])) == {24}
    np.testing.assert_allclose(table["clv_by_month"].map(sum), table["clv"], rtol=1e-9)
    assert (table["residual_clv"] > table["clv"]).all()
    registry.use(trained.store)
    run = registry.evidence(scored.run_id)
    assert run.metrics["total.residual_clv.expected"] == pytest.approx(table["residual_clv"].sum())
    assert 0 < run.metrics["score.extrapolated_share"] < run.metrics["score.residual_share_beyond"] < 1
    assert len(run.table("scores/months")) == 48
    assert run.file("scores/months.png").stat().st_size > 10_000


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "scores.parquet"
    target.write_text("old")

    def write(table: pd.DataFrame, about: dict[str, Any]) -> None:
        with atomic_file(str(target)) as path:
            output = batch.ScoreFile(path)
            output.write(SUMMARIES)
            output.write(table)
            output.close(about)

    with pytest.raises(TypeError):
        write(SUMMARIES, {"unwritable": object()})
    with pytest.raises(Exception, match=r"object"):
        write(SUMMARIES.assign(customer_id=[object()] * 3), {})
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]
    assert target.read_text() == "old"
