"""What tenure-score writes: ids that join what was read, columns for a warehouse, folders; and with which model."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from cases import few
from logs import log_of, settings
from stores import put_store

import tenure
from tenure import registry
from tenure.api import SavedModelError
from tenure.jobs import scoring
from tenure.jobs.compose import compose_settings
from tenure.output import OutputError, atomic_file, describe, require_writable
from tenure.posterior import Posterior
from tenure.registry import NoModelError
from tenure.rfm import stream_summary
from tenure.scorer import Scorer
from tenure.settings import SettingsError
from tenure.summary_file import SummaryFile
from tenure.transactions import IdTypeError, choose_type, kind_of, read

ROWS = pd.DataFrame(
    {
        "customer_id": ["10", "9", "100", "9", "10", "10"],
        "date": ["2020-01-01", "2020-01-02", "2020-01-03", "2020-02-01", "2020-02-03", "2020-02-03"],
        "amount": [10.0, 20.0, 30.0, 25.0, 12.0, -2.0],
    }
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    registry.use(put_store(tmp_path))
    mlflow.set_experiment("tenure")
    yield tmp_path
    registry.use(before)


def trained(posterior: Posterior, folder: Path, verdict: str | None = "FAIL", end: str = "FINISHED") -> str:
    """Log what a training run logs of its model; nothing is registered."""
    run = mlflow.start_run()
    mlflow.set_tags({"job": "train", "id_type": "integer", "cutoff": "2019-01-01", "end": "2020-01-01"})
    if verdict is not None:
        mlflow.set_tag("verdict", verdict)
    mlflow.log_param("fit.joint_draws", 100)
    posterior.save(folder / "calibration.npz")
    mlflow.log_artifact(str(folder / "calibration.npz"), "posterior")
    mlflow.end_run(end)
    return str(run.info.run_id)


def score(model: str, *overrides: str, rows: pd.DataFrame = ROWS) -> pd.DataFrame:
    rows.to_csv("log.csv", index=False)
    asked = [f"model={model}", "transactions.path=log.csv", "output=new/folder/scores.parquet", "score.level=0.8"]
    assert scoring.run(compose_settings("score", [*asked, *overrides]), "").exit_code == 0
    return pd.read_parquet("new/folder/scores.parquet")


def test_a_failed_run_is_scored_with_on_demand_alone_and_every_row_says_so(store: Path, posterior: Posterior) -> None:
    run_id = trained(posterior, store)
    with pytest.raises(scoring.FailedReviewError, match=r"FAIL.*score\.accept_failed=true") as refused:
        score(f"runs:/{run_id}")
    assert refused.value.exit_code == 3
    assert not Path("new").exists()
    assert not Path("nothing").exists()
    scores = score(f"runs:/{run_id}", "score.accept_failed=true", "score.horizon_days=365")
    assert list(scores["verdict"]) == ["FAIL"] * 3
    about = describe("new/folder/scores.parquet")
    assert (about["verdict"], about["model"]) == ("FAIL", f"runs:/{run_id}")
    summaries = pd.concat(stream_summary(read(settings("log.csv"))).parts())
    alone = Scorer(posterior.thin(100)).score(summaries, level=0.8).table.set_index("customer_id")
    assert scores.set_index(scores["customer_id"].astype(str))["clv"].to_dict() == alone["clv"].to_dict()
    assert not mlflow.MlflowClient().search_registered_models()


def test_a_run_that_passed_is_scored_with_without_a_verdict_column(store: Path, posterior: Posterior) -> None:
    assert "verdict" not in score(f"runs:/{trained(posterior, store, 'REVIEW')}")


@pytest.mark.parametrize("end", ["FAILED", "KILLED", "RUNNING"])
def test_a_run_that_did_not_end_is_no_model(store: Path, posterior: Posterior, end: str) -> None:
    run_id = trained(posterior, store, None, end)
    with pytest.raises(NoModelError, match=f"Run {run_id} has the status {end}") as refused:
        score(f"runs:/{run_id}", "score.accept_failed=true")
    assert refused.value.exit_code == 4


def test_a_run_without_a_verdict_counts_as_failed_and_one_without_a_posterior_is_no_model(
    store: Path, posterior: Posterior
) -> None:
    with pytest.raises(scoring.FailedReviewError):
        score(f"runs:/{trained(posterior, store, None)}")
    with mlflow.start_run() as run:
        mlflow.set_tag("job", "score")
    with pytest.raises(NoModelError, match=r"\(job: score, FINISHED\) .* has no posterior"):
        score(f"runs:/{run.info.run_id}")
    with pytest.raises(NoModelError, match=f"There is no run {'0' * 32}"):
        score(f"runs:/{'0' * 32}")


def test_the_model_is_looked_for_before_the_log_is_read(store: Path) -> None:
    asked = ["transactions.path=nowhere.csv", "output=s.parquet"]
    for model in ("models:/clv@champion", "models:/clv/7", "models:/clv/latest", f"runs:/{'0' * 32}"):
        with pytest.raises(NoModelError) as refused:
            scoring.run(compose_settings("score", [f"model={model}", *asked]), "")
        assert refused.value.exit_code == 4


def test_versions_are_found_by_number_or_as_the_latest_and_an_alias_needs_an_at(store: Path) -> None:
    mlflow.MlflowClient().create_registered_model("clv")
    for _ in range(11):
        mlflow.MlflowClient().create_model_version("clv", source="file:///nowhere", tags={"complete": "true"})
    mlflow.MlflowClient().create_model_version("clv", source="file:///nowhere", tags={"complete": "false"})
    assert registry.find_version("models:/clv/latest").uri == "models:/clv/11"
    with pytest.raises(NoModelError, match=r"Did you mean models:/clv@champion\?"):
        registry.find_version("models:/clv/champion")
    with pytest.raises(NoModelError, match=r"models:/clv/13 .* The latest versions of clv there: 7, 8, 9, 10, 11\."):
        registry.find_version("models:/clv/13")
    with pytest.raises(NoModelError, match="the models there: clv"):
        registry.find_version("models:/other/latest")
    with pytest.raises(SavedModelError, match=r"'clv' is neither .* Did you mean models:/clv@champion\?"):
        tenure.load("clv")


@pytest.mark.parametrize("model", ["clv", "models:/clv", "runs:/123", "runs:/" + "a" * 32 + "/clv", "models:/a/b/c"])
def test_what_names_no_model_is_a_wrong_setting(model: str) -> None:
    with pytest.raises(SettingsError, match=r"^model must be a model .* or a training run"):
        compose_settings("score", [f"model={model}"])


def test_ids_join_the_log_that_was_read(store: Path, posterior: Posterior) -> None:
    model = f"runs:/{trained(posterior, store, 'PASS')}"
    scores = score(model)
    assert list(scores["customer_id"]) == [9, 10, 100]  # by number, not by text
    assert scores["customer_id"].dtype == np.int64
    assert len(pd.read_csv("log.csv").merge(scores, on="customer_id")) == len(ROWS)
    as_text = score(model, "transactions.id_type=text")
    assert list(as_text["customer_id"]) == ["10", "100", "9"]
    pd.testing.assert_frame_equal(  # the numbers are those of the id, whatever its type
        as_text.assign(customer_id=as_text["customer_id"].astype(int)).sort_values("customer_id", ignore_index=True),
        scores,
        check_exact=True,
    )
    with pytest.raises(IdTypeError, match=r"1 of 3 customer ids are not integers \(first: 'A'\).*id_type=text"):
        score(model, rows=ROWS.replace("100", "A"))


@pytest.mark.parametrize(
    ("ids", "kind"),
    few(
        [
            (["9", "10", "100"], "int64"),
            (["-9", "0", "9223372036854775807"], "int64"),
            (["7.0", " 8 ", "9"], "int64"),
            (["9", "10", "0100"], "string"),
            (["9", "10", "+100"], "string"),
            (["9", "10", "-0"], "string"),
            (["9", "10", "9223372036854775808"], "string"),
            (["9", "10", "A"], "string"),
        ],
        3,
    ),
    ids=str,
)
def test_ids_of_a_csv_are_integers_when_all_are_written_as_integers(tmp_path: Path, ids: list[str], kind: str) -> None:
    rows = pd.DataFrame({"customer_id": ids, "date": "2020-01-01", "amount": 1.0})
    rows.to_csv(tmp_path / "log.csv", index=False)
    log = read(settings(tmp_path / "log.csv"))
    assert choose_type(log, None) == kind
    assert choose_type(log, None, "text") == choose_type(log, "text", "integer") == "string"
    (part,) = stream_summary(log, id_type=kind).parts()
    assert part["customer_id"].dtype == (np.int64 if kind == "int64" else "str")
    if kind == "string":
        for wanted in ({"setting": "integer"}, {"setting": None, "of_model": "integer"}):
            with pytest.raises(IdTypeError, match="customer ids are not integers"):
                choose_type(log, **wanted)


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (np.array([3, 1, 20], np.int32), "int32"),
        (np.array([3, 1, 2**64 - 1], np.uint64), "uint64"),
        (np.array([3.0, 1.0, 20.0]), "int64"),
        (np.array(["3", "1", "20"], object), "string"),
    ],
    ids=str,
)
def test_a_column_with_a_type_keeps_it_whatever_the_model_was_fitted_to(ids: Any, kind: str) -> None:
    dates = pd.to_datetime(["2020-01-01"] * 3).astype("datetime64[us]")
    log = log_of(pd.DataFrame({"customer_id": ids, "date": dates, "amount": 1.0}))
    assert choose_type(log, None) == choose_type(log, None, "integer") == choose_type(log, None, "text") == kind
    assert kind_of(kind) == ("text" if kind == "string" else "integer")
    (part,) = stream_summary(log, id_type=kind).parts()
    if kind != "string":
        assert part["customer_id"].tolist() == sorted(int(number) for number in ids)
    assert choose_type(log, "text") == "string"
    if kind == "string":
        assert choose_type(log, "integer") == "int64"


@pytest.mark.parametrize(("ids", "is_whole"), [(["3", "1", "20"], True), (["3", "1", "020"], False)])
def test_ids_of_a_summary_keep_type_and_order(
    tmp_path: Path, summaries: pd.DataFrame, ids: list[str], is_whole: bool
) -> None:
    rows, path = summaries.iloc[:3].assign(customer_id=ids), str(tmp_path / "summary.csv")
    rows.to_csv(path, index=False)
    (part,) = SummaryFile(path).with_type(None).parts()
    assert part["customer_id"].tolist() == ([3, 1, 20] if is_whole else ids)
    (part,) = SummaryFile(path).with_type("text", "integer").parts()
    assert part["customer_id"].tolist() == ids
    if not is_whole:
        with pytest.raises(IdTypeError, match=r"1 of 3 customer ids are not integers \(first: '020'\)"):
            SummaryFile(path).with_type(None, "integer")
    rows.assign(customer_id=np.array([3, 1, 20], np.int32)).to_parquet(tmp_path / "summary.parquet")
    (part,) = SummaryFile(str(tmp_path / "summary.parquet")).with_type(None, "text").parts()
    assert str(part["customer_id"].dtype) == "Int32"
    (part,) = SummaryFile(str(tmp_path / "summary.parquet")).with_type("text").parts()
    assert part["customer_id"].tolist() == ["3", "1", "20"]


COLUMNS = ["horizon_days", "as_of", "historic_spend", "first_purchase", "last_purchase", "model_version"]


def test_a_log_adds_what_a_warehouse_needs(store: Path, posterior: Posterior) -> None:
    model = f"runs:/{trained(posterior, store, 'PASS')}"
    scores = score(model, f"score.columns=[{','.join(COLUMNS)}]", "rfm.end=2020-03-01")
    assert list(scores.columns[-6:]) == COLUMNS
    ten = scores.set_index("customer_id").loc[10]
    assert ten["historic_spend"] == 20.0  # 10 + 12, and 2 given back
    assert (ten["first_purchase"], ten["last_purchase"]) == (dt.date(2020, 1, 1), dt.date(2020, 2, 3))
    assert (ten["as_of"], ten["horizon_days"], ten["model_version"]) == (dt.date(2020, 3, 1), 365, model)
    schema = pq.read_schema("new/folder/scores.parquet")
    assert {str(schema.field(name).type) for name in ("as_of", "first_purchase", "last_purchase")} == {"date32[day]"}


def test_a_summary_adds_what_it_can_know_and_the_rest_is_refused_at_once(store: Path, posterior: Posterior) -> None:
    model = f"runs:/{trained(posterior, store, 'PASS')}"
    rows = {"customer_id": ["b", "a"], "frequency": [0, 1], "recency": [0, 9], "T": [30, 10], "monetary_value": [0, 5]}
    pd.DataFrame(rows).to_parquet("summary.parquet")
    asked = ["summary.path=summary.parquet", "summary.as_of=2020-03-01"]
    scores = score(model, *asked, "score.columns=[first_purchase,last_purchase,as_of]")
    assert list(scores["customer_id"]) == ["b", "a"]
    assert list(scores["first_purchase"]) == [dt.date(2020, 1, 31), dt.date(2020, 2, 20)]
    assert list(scores["last_purchase"]) == [dt.date(2020, 1, 31), dt.date(2020, 2, 29)]
    for name, said in (("historic_spend", "has no first order"), ("first_purchase", r"summary\.as_of must be the day")):
        with pytest.raises(SettingsError, match=said):
            compose_settings("score", ["summary.path=summary.parquet", f"score.columns=[{name}]"])
    with pytest.raises(SettingsError, match=r"score\.columns must be one of as_of, .* got 'asof'"):
        compose_settings("score", ["score.columns=[asof]"])
    with pytest.raises(SettingsError, match="names each column once"):
        compose_settings("score", ["score.columns=[as_of,as_of]"])


def test_folders_are_made_with_the_file_and_gone_if_it_fails(tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "b" / "scores.parquet")
    require_writable(path)
    assert not (tmp_path / "a").exists()
    with pytest.raises(RuntimeError), atomic_file(path):
        raise RuntimeError
    assert not (tmp_path / "a").exists()
    with atomic_file(path) as scratch:
        scratch.write_text("whole")
    assert Path(path).read_text() == "whole"
    with pytest.raises(OutputError, match="which is a file and not a folder"):
        require_writable(f"{path}/scores.parquet")
    with pytest.raises(OutputError, match="is a folder"):
        require_writable(str(tmp_path / "a"))
    with pytest.raises(RuntimeError), atomic_file(str(tmp_path / "a" / "c" / "d.parquet")):
        raise RuntimeError
    assert [found.name for found in (tmp_path / "a").iterdir()] == ["b"]  # what was there stays


def test_residual_totals_count_no_purchases(posterior: Posterior, summaries: pd.DataFrame) -> None:
    by = summaries.assign(country=np.where(summaries["T"] < 300, "DE", "FR"))
    found = Scorer(posterior).residual(by, by=["country"])
    assert list(found.totals.table(0.9).index) == ["clv"]
    assert set(found.group_table()["total"]) == {"clv"}
    assert list((found.totals + found.totals).table(0.9).index) == ["clv"]
    assert list(Scorer(posterior).score(by).totals.table(0.9).index) == ["purchases", "clv"]


def test_the_bar_moves_block_by_block_and_changes_no_number(posterior: Posterior, summaries: pd.DataFrame) -> None:
    scorer, blocks = Scorer(posterior), list[int]()
    with_bar = scorer.score(summaries, advance=blocks.append)
    assert len(blocks) > 1
    assert sum(blocks) == len(summaries)
    plain = scorer.score(summaries)
    pd.testing.assert_frame_equal(with_bar.table, plain.table, check_exact=True)
    np.testing.assert_array_equal(with_bar.totals.clv, plain.totals.clv)
