"""Pages of runs, versions and models in MLflow: names, descriptions, the metrics and params that people compare."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import mlflow
import pytest
from cases import few
from job_runs import Ran
from runs import InFolder, write
from stores import put_store
from test_findings import REVIEWS

from tenure import paths, registry, report
from tenure.jobs.compose import compose_settings
from tenure.jobs.run_names import (
    backtest_name,
    own_priors,
    priors_name,
    scoring_name,
    settings_record,
    training_name,
)
from tenure.jobs.training import _name_priors
from tenure.posterior import Posterior
from tenure.record import Dataset, Record
from tenure.registry.shown import METRICS, PARAMS, is_shown
from tenure.report.description import findings_markdown
from tenure.review import as_text, lines
from tenure.settings import BacktestJobSettings, TrainSettings


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", put_store(tmp_path))
    before = mlflow.get_tracking_uri()
    registry.connect(TrainSettings().registry)
    yield tmp_path
    registry.use(before)


# ---- names


@pytest.mark.parametrize(
    ("overrides", "name"),
    few(
        [
            ([], "train bg_nbd nuts weak to 1997-09-30"),
            (["fit.method=laplace", "fit/priors=vague"], "train bg_nbd laplace vague to 1997-09-30"),
            (["fit.purchase_model=pareto_nbd", "fit/priors=vague"], "train pareto_nbd nuts vague to 1997-09-30"),
            (["fit.priors.bg_nbd.mean_rate.parameters.sigma=9"], "train bg_nbd nuts own to 1997-09-30"),
            (["fit.priors.mbg_nbd.mean_rate.parameters.sigma=9"], "train bg_nbd nuts weak to 1997-09-30"),  # not fitted
        ],
        3,
    ),
)
def test_a_training_is_named_after_what_it_is(overrides: list[str], name: str) -> None:
    assert training_name(compose_settings("train", overrides), date(1997, 9, 30)) == name


def test_a_prior_is_the_same_as_a_whole_number_or_a_decimal_one() -> None:
    fit = compose_settings("train", ["fit.priors.bg_nbd.mean_rate.parameters.sigma=2"]).fit
    assert priors_name(fit) == "weak"


@pytest.mark.parametrize(
    ("overrides", "own", "said"),
    few(
        [
            (["fit/priors=vague"], [], []),
            (
                ["fit.priors.bg_nbd.mean_rate.parameters.sigma=9"],
                ["bg_nbd"],
                ["own priors of bg_nbd; the report compares each with its posterior"],
            ),
            (
                ["fit.priors.mbg_nbd.mean_rate.parameters.sigma=9"],
                ["mbg_nbd"],
                ["fit.priors.mbg_nbd: no effect. The models of this fit are bg_nbd and gamma_gamma_fading."],
            ),
            (  # a fading model carries it for tables without orders
                ["fit.priors.gamma_gamma.mean_spend.parameters.sigma=9"],
                ["gamma_gamma"],
                ["own priors of gamma_gamma; the report compares each with its posterior"],
            ),
        ],
        3,
    ),
)
def test_own_priors_are_named_and_those_without_effect_too(
    caplog: pytest.LogCaptureFixture, overrides: list[str], own: list[str], said: list[str]
) -> None:
    fit = compose_settings("train", overrides).fit
    assert own_priors(fit) == own
    with caplog.at_level("INFO", "tenure"):
        _name_priors(fit)
    assert [record.getMessage() for record in caplog.records] == said


def test_jobs_are_told_apart_by_the_first_word_of_a_name() -> None:
    scoring = compose_settings("score", ["output=s.parquet"])
    assert scoring_name(scoring, "models:/clv/3", "1998-06-30") == "score clv/3 365 days from 1998-06-30"
    assert scoring_name(scoring, "runs:/0a1b", None) == "score runs:/0a1b 365 days"
    assert backtest_name(BacktestJobSettings(), 4) == "backtest bg_nbd laplace weak at 4 cut-offs"
    assert backtest_name(BacktestJobSettings(), 1).endswith(" at 1 cut-off")


def test_a_run_has_the_given_name_unless_the_settings_name_it(store: Path) -> None:
    settings = TrainSettings().registry
    with registry.open_run(settings, "train", "seed: 0", "train bg_nbd") as run:
        pass
    with registry.open_run(replace(settings, run_name="mine"), "train", "seed: 0", "train bg_nbd") as named:
        pass
    assert (run.info.run_name, named.info.run_name) == ("train bg_nbd", "mine")
    assert mlflow.get_run(run.info.run_id).data.tags["job"] == "train"


# ---- metrics and params


def test_mlflow_shows_a_few_numbers_and_the_evidence_has_all_of_them(store: Path) -> None:
    with registry.open_run(TrainSettings().registry, "train", "seed: 0") as run:
        registry.log_record(Record(metrics={"purchases.bias": -0.1, "purchases.rmse": 2.0}))
        registry.log_record(Record(metrics={"refit_drift": 0.2}), under="final.purchases")
        registry.log_record(Record(metrics={"khat_max": 0.2}), under="final.purchases")
    shown = mlflow.get_run(run.info.run_id).data.metrics
    assert shown == {"purchases.bias": -0.1, "final.purchases.refit_drift": 0.2}
    kept = registry.evidence(run.info.run_id).metrics
    assert kept == {**shown, "purchases.rmse": 2.0, "final.purchases.khat_max": 0.2}


def test_a_run_without_the_files_has_the_numbers_that_mlflow_has(store: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metrics({"purchases.bias": -0.1, "anything": 3.0})
        mlflow.log_params({"fit.method": "nuts"})
    evidence = registry.evidence(run.info.run_id)
    assert evidence.metrics == {"purchases.bias": -0.1, "anything": 3.0}
    assert evidence.params == {"fit.method": "nuts"}


def test_settings_that_differ_from_the_shipped_ones_are_shown_and_all_are_kept(store: Path) -> None:
    settings = compose_settings(
        "train", ["transactions.currency=EUR", "fit.priors.bg_nbd.mean_rate.parameters.sigma=3"]
    )
    with registry.open_run(settings.registry, "train", "seed: 0") as run:
        registry.log_record(settings_record(settings, "train"))
    shown = mlflow.get_run(run.info.run_id).data.params
    assert len(shown) <= 30
    assert shown["transactions.currency"] == "EUR"
    assert shown["fit.priors.bg_nbd.mean_rate.parameters.sigma"] == "3.0"
    assert (shown["fit.priors"], shown["fit.method"]) == ("own", "nuts")
    assert "transactions.csv.decimal" not in shown
    kept = registry.evidence(run.info.run_id).params
    assert kept["transactions.csv.decimal"] == "."
    assert shown.items() <= kept.items()
    assert len(kept) > 150


@pytest.mark.parametrize("job", few(["train", "score", "backtest", "promote"], 1))
def test_no_job_shows_more_than_a_screen_of_settings(job: str) -> None:
    overrides = {"score": ["output=s.parquet"], "promote": ["model=models:/clv/1"]}.get(job, [])
    record = settings_record(compose_settings(job, overrides), job)
    shown = [key for key in record.params if key in record.shown or is_shown(key, PARAMS)]
    assert 3 <= len(shown) <= 32


def test_a_training_shows_some_thirty_numbers_its_versions_in_a_file_and_what_it_is(trained: Ran) -> None:
    assert trained.code == 0, trained.err
    registry.use(trained.store)
    run = mlflow.get_run(trained.run_id)
    assert 25 <= len(run.data.metrics) <= 35
    assert 20 <= len(run.data.params) <= 30
    assert run.info.run_name == "train bg_nbd nuts weak to 1997-09-30"
    assert not [key for key in run.data.tags if key.startswith("version.") or not run.data.tags[key]]
    evidence = registry.evidence(trained.run_id)
    assert len(evidence.metrics) > 300
    assert all(is_shown(key, METRICS) for key in run.data.metrics)
    assert set(evidence.mapping(paths.VERSIONS)) >= {"tenure", "mlflow", "pymc", "numba"}


# ---- metrics of the registered model


@pytest.mark.parametrize("has_log", few([True, False], 1))
def test_metrics_are_bound_to_the_model_and_to_the_log(store: Path, posterior: Posterior, has_log: bool) -> None:
    with registry.open_run(TrainSettings().registry, "train", "seed: 0") as run:
        if has_log:
            registry.log_record(Record(dataset=Dataset("sales.csv", "5" * 64, "training")))
        registry.log_record(Record(metrics={"purchases.bias": -0.1, "spend.bias": 0.1, "spend.rmse": 3.0}))
        registry.register(
            posterior,
            "clv",
            run_id=run.info.run_id,
            verdict="PASS",
            validated_horizon_days=365,
            tags={},
            note="It passed.",
        )
    (model,) = mlflow.search_logged_models([run.info.experiment_id], output_format="list")
    bound = {(metric.key, metric.value, metric.dataset_name) for metric in model.metrics or []}
    name = "sales.csv" if has_log else None
    assert bound == {("purchases.bias", -0.1, name), ("spend.bias", 0.1, name)}
    client = mlflow.MlflowClient()
    for key in ("purchases.bias", "spend.bias"):
        assert len(client.get_metric_history(run.info.run_id, key)) == 1
    assert len(mlflow.get_run(run.info.run_id).inputs.dataset_inputs) == has_log


def test_a_training_that_fails_has_its_metrics_on_the_run_alone(trained: Ran, failed: Ran) -> None:
    registry.use(failed.store)
    run = mlflow.get_run(failed.run_id)
    assert run.data.metrics["review.failed"] >= 1
    models = mlflow.search_logged_models([run.info.experiment_id], output_format="list")
    assert {model.source_run_id for model in models} == {trained.run_id}
    (model,) = models
    of_model = {metric.key: metric.value for metric in model.metrics or []}
    assert of_model.items() <= mlflow.get_run(trained.run_id).data.metrics.items()
    assert {metric.dataset_name for metric in model.metrics or []} == {f"{trained.folder.name}_log.csv"}


# ---- descriptions


def test_a_version_and_its_model_are_described_and_words_of_a_person_stay(store: Path, posterior: Posterior) -> None:
    def add(note: str) -> None:
        with registry.open_run(TrainSettings().registry, "train", "seed: 0") as run:
            registry.register(
                posterior,
                "clv",
                run_id=run.info.run_id,
                verdict="REVIEW",
                validated_horizon_days=365,
                tags={},
                note=note,
            )

    client = mlflow.MlflowClient()
    add("**REVIEW**: look")
    assert client.get_model_version("clv", "1").description == "**REVIEW**: look"
    assert "version is 1, verdict REVIEW" in client.get_registered_model("clv").description
    add("x" * 9000)
    assert len(client.get_model_version("clv", "2").description) == 5000  # a database refuses more
    assert "version is 2" in client.get_registered_model("clv").description
    client.update_registered_model("clv", "Ours, ask Ana")
    add("third")
    assert client.get_registered_model("clv").description == "Ours, ask Ana"


@pytest.mark.parametrize("name", REVIEWS)
def test_the_description_has_the_text_of_the_terminal(name: str) -> None:
    markdown = findings_markdown(REVIEWS[name])
    plain = [
        re.sub(r"</?sub>|^> |\*\*", "", line) for line in re.sub(r"\\([^A-Za-z0-9\s])", _hidden, markdown).split("\n\n")
    ]
    assert [unescape(_shown(line)) for line in plain] == [line.text for line in lines(REVIEWS[name])]
    assert len(markdown) < 5000


def _hidden(match: re.Match[str]) -> str:
    """Return an escaped mark as a sign of a private area, so that it is not taken for Markdown."""
    return chr(0xE000 + ord(match[1]))


def _shown(text: str) -> str:
    return "".join(chr(ord(sign) - 0xE000) if 0xE000 <= ord(sign) < 0xE100 else sign for sign in text)


def _run(tmp_path: Path, name: str, **changes: Any) -> InFolder:
    import json

    write(tmp_path, paths.REVIEW_CHECKS, json.dumps(REVIEWS[name].to_dict()))
    metrics = {f"{outcome}.{key}": 90.0 for outcome in ("purchases", "spend") for key in ("actual_total", "bias")}
    metrics |= {f"base.{total}.{key}": 7.0 for total in ("purchases", "clv") for key in ("expected", "adjusted_low")}
    metrics |= {"new_customer.clv": 84.5, "base.customers": 2357.0, "horizon_days": 273.0}
    return InFolder("0a1b", {**metrics, **changes}, {"score.level": "0.9"}, {"end": "1998-06-30"}, "7", folder=tmp_path)


def test_a_description_has_findings_totals_and_a_link_to_the_report(tmp_path: Path) -> None:
    said = report.describe_findings(_run(tmp_path, "season"))
    for part in (
        "**REVIEW**", "Holdout, 273 days to 1998-06-30:\n\n- purchases: 90 actual", "- clv of 2,357 customers: 7 (7 to",
        "- mean clv of new customers: 84.50", "90% predictive, adjusted for drift", "90% credible",
        "(#/experiments/7/runs/0a1b/artifacts/report.html)",
    ):  # fmt: skip
        assert part in said


def test_a_description_of_a_fail_forecasts_nothing(tmp_path: Path) -> None:
    said = report.describe_findings(_run(tmp_path, "fail"))
    assert "clv of" not in said
    assert "The verdict is FAIL all the same" in said


def test_a_run_that_ended_after_its_review_is_described_by_what_it_has(tmp_path: Path) -> None:
    run = replace(_run(tmp_path, "pass"), metrics={}, params={}, tags={})
    assert report.describe_findings(run).startswith("Verdict: PASS.")


def test_the_page_of_a_training_says_what_the_terminal_says(trained: Ran) -> None:
    registry.use(trained.store)
    evidence = registry.evidence(trained.run_id)
    review = evidence.review()
    said = [line.text for line in lines(review)]
    assert all(line in trained.out for line in said)
    assert [line.strip() for line in evidence.file(paths.FINDINGS).read_text().splitlines()] == said
    assert evidence.file(paths.FINDINGS).read_text() == as_text(review)
    page = unescape(evidence.file(paths.REPORT).read_text())
    assert all(f">{line}</p>" in page for line in said)
    note = mlflow.get_run(trained.run_id).data.tags["mlflow.note.content"]
    assert note == report.describe_findings(evidence)
    assert mlflow.MlflowClient().get_model_version("clv", "1").description.startswith(findings_markdown(review)[:200])
