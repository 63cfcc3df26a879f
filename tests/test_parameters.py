"""The settings of a run as MLflow's parameters, whatever names a person chose."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from stores import put_store

from tenure import registry
from tenure.record import Record
from tenure.settings import TrainSettings

NAMES = ["Land (ISO)", "a/b:c%", "../up", "dotted.name", "<script>alert(1)</script>", "x" * 300, "new\nline", "été", ""]


def test_names_that_mlflow_refuses_are_one_json_value() -> None:
    flat = registry.flat_settings({"segments": {"country": "first", "a/b:c%": "mode", "Land (ISO)": "first"}})
    assert flat == {"segments.country": "first", "segments": '{"Land (ISO)": "first", "a/b:c%": "mode"}'}


def test_a_key_that_is_too_long_is_part_of_the_json_value() -> None:
    flat = registry.flat_settings({"exclude": {"x" * 245: {"column": "a"}}})
    assert json.loads(flat["exclude"]) == {"x" * 245: {"column": "a"}}


def test_prose_is_left_out_of_the_review_alone() -> None:
    flat = registry.flat_settings(
        {"review": {"a": {"reason": "why", "fail": 1}}, "segments": {"x": {"reason": "mode"}}}
    )
    assert flat == {"review.a.fail": "1", "segments.x.reason": "mode"}


def test_no_name_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", put_store(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = TrainSettings()
    registry.connect(settings.registry)
    rule = {"column": "Land (ISO)", "equals": "a/b"}
    log = {**asdict(settings.transactions), "segments": dict.fromkeys(NAMES, "first")}
    log["exclude"] = dict.fromkeys(NAMES, rule)
    with registry.open_run(replace(settings.registry), "train", "seed: 0") as opened:
        recorded = replace(settings, fit=settings.fit.resolved())
        flat = registry.flat_settings({**asdict(recorded), "transactions": log})
        registry.log_record(Record(params=flat, shown=frozenset(flat)))
        table = pd.DataFrame({NAMES[4]: [1], "n": [2]}, index=pd.Index([NAMES[4]], name=NAMES[4]))
        registry.log_record(Record(tables={"scores/groups": table}))
    params = mlflow.get_run(opened.info.run_id).data.params
    assert json.loads(params["transactions.segments"])["a/b:c%"] == "first"
    assert json.loads(params["transactions.exclude"])["../up"] == rule
    assert params["transactions.segments.été"] == "first"
    assert params["fit.priors.bg_nbd.mean_rate.parameters.sigma"]
    assert params["fit.priors.gamma_gamma_fading.mean_spend.distribution"]
    assert not [key for key in params if key.startswith("fit.priors.mbg_nbd")]  # a model that is not fitted
    page = registry.evidence(opened.info.run_id).file("scores/groups.html").read_text()
    assert page.count("&lt;script&gt;") == 3
    assert "<script" not in page
