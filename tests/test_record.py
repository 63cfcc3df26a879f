"""Evidence of a run: what a record holds is what the store then has."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from stores import put_store

from tenure import paths, registry
from tenure.failures import Failure, Failures
from tenure.record import Dataset, Record
from tenure.settings import TrainSettings


def test_a_record_is_read_back_as_it_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", put_store(tmp_path))
    settings = TrainSettings().registry
    registry.connect(settings)
    table = pd.DataFrame({"name": ["=1+1", "<b>"], "n": [1, 2]}).set_index("name")
    record = Record(
        metrics={"bias": 0.25},
        tags={"method": "nuts"},
        tables={paths.DECILES: table},
        figures={paths.DECILES: Figure()},
        files={"notes/a.txt": "one", "notes/b.bin": lambda path: path.write_bytes(b"\0two")},
        params={"seed": "7"},
        dataset=Dataset("sales.csv", "5" * 64, "training"),
    )
    with registry.open_run(settings, "train", "seed: 0") as opened:
        registry.log_record(record, under="final")
    evidence = registry.evidence(opened.info.run_id)
    assert evidence.metrics == {"final.bias": 0.25}
    assert evidence.tags["final.method"] == "nuts"
    assert evidence.params == {"seed": "7"}
    assert list(evidence.table(paths.DECILES)["name"]) == ["'=1+1", "<b>"]
    assert "&lt;b&gt;" in evidence.file(f"{paths.DECILES}.html").read_text()
    assert evidence.file(paths.png(paths.DECILES)).stat().st_size > 0
    assert evidence.file("notes/a.txt").read_text() == "one"
    assert evidence.file("notes/b.bin").read_bytes() == b"\0two"
    (dataset,) = mlflow.get_run(opened.info.run_id).inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("sales.csv", "5" * 32)


def test_a_failure_is_recorded_where_it_says(tmp_path: Path) -> None:
    failures = Failures(failures=[Failure("figure backtest/pit", "ValueError: no", "trace\n")])
    assert failures.record().files == {"failures/figure_backtest_pit.txt": "trace\n"}
