"""Rolling origins, and the command that goes through them."""

import shlex
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from job_runs import QUICK, Ran, command, in_process
from stores import put_store

from tenure import registry
from tenure.backtest import BacktestError, Origin, rolling_origins
from tenure.commands.pages import PAGES
from tenure.jobs.run_names import shared_arguments, typed_command
from tenure.settings import BacktestJobSettings, OriginSettings, SettingsError
from tenure.transactions import read

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)


def make_settings(**changes: object) -> OriginSettings:
    given = {"horizons_days": [60, 30], "cutoffs": None, "step_days": 30, "least_calibration_days": 200}
    return OriginSettings(**{**given, **changes})  # type: ignore[arg-type]


def test_cutoffs_step_back_from_the_end_and_every_holdout_lies_within_the_log() -> None:
    origins = rolling_origins(make_settings(), FIRST, LAST)
    assert origins == [
        Origin(date(2024, 8, 3), 30), Origin(date(2024, 8, 3), 60),
        Origin(date(2024, 9, 2), 30), Origin(date(2024, 9, 2), 60),
        Origin(date(2024, 10, 2), 30), Origin(date(2024, 10, 2), 60),
        Origin(date(2024, 11, 1), 30), Origin(date(2024, 11, 1), 60),
        Origin(date(2024, 12, 1), 30),
    ]  # fmt: skip
    assert max(origin.end for origin in origins) == LAST
    assert str(origins[0]) == "2024-08-03 + 30 days"


def test_named_cutoffs_are_taken_as_they_are_where_a_holdout_fits() -> None:
    origins = rolling_origins(make_settings(cutoffs=["2024-11-20", "2024-03-01"]), FIRST, LAST)
    assert [str(origin) for origin in origins] == [
        "2024-03-01 + 30 days", "2024-03-01 + 60 days", "2024-11-20 + 30 days",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{"horizons_days": [400]}, {"least_calibration_days": 340}, {"cutoffs": ["2025-01-01"]}]
)
def test_a_log_too_short_for_any_origin_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BacktestError, match="No origin fits into the log, 2024-01-01 to 2024-12-31"):
        rolling_origins(make_settings(**changes), FIRST, LAST)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizons_days": []}, "origins.horizons_days must be one or more numbers of days"),
        ({"step_days": 0}, "origins.step_days must be at least 1, got 0"),
        ({"cutoffs": ["soon"]}, "origins.cutoffs must be a date such as"),
    ],
)
def test_origins_that_cannot_be_are_refused_by_their_key(changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make_settings(**changes)


def test_the_command_prints_totals_forecasts_and_who_won(rolled: Ran) -> None:
    assert rolled.code == 0, rolled.err
    for said in ("Totals by cut-off", "90% adjusted", "Forecasts of spend, 42 days ahead: means over 5 cut-offs",
                 "Where a baseline wins", "Drift of totals after the end of the log", "mlflow ui"):  # fmt: skip
        assert said in rolled.out
    assert "5 cut-offs, 5 holdouts" in rolled.err
    # The settings of the backtest that a training has too, and no others.
    again = f"'backtest.baselines.names=[zero,own_rate]' {' '.join(QUICK)} backtest.drift.source_run={rolled.run_id}"
    assert f"tenure-train {again}\n" in rolled.out


def test_the_command_logs_a_run_per_origin_inside_one_with_the_tables(rolled: Ran) -> None:
    import mlflow

    registry.use(rolled.store)
    runs = mlflow.search_runs(experiment_names=["tenure"], output_format="list")
    (parent,) = (run for run in runs if run.data.tags["job"] == "backtest")
    children = [run for run in runs if run.data.tags["job"] == "origin"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    evidence = registry.evidence(parent.info.run_id)
    totals, forecasts = evidence.table("rolling/totals"), evidence.table("rolling/forecasts")
    assert len(children) == totals["cutoff"].nunique() == 5
    assert len(forecasts) == 5 * 3 * 2
    assert list(totals["drift"].str.startswith("assumed")) == [True] * 6 + [False] * 4
    one = next(run for run in children if run.info.run_name == f"origin {totals['cutoff'][0]} + 42 days")
    assert one.data.metrics["purchases.actual_total"] == totals["actual"][0]
    assert "baselines.compared" not in one.data.metrics  # in its files
    assert registry.evidence(one.info.run_id).metrics["baselines.compared"] == 2
    assert one.data.tags["spend.adjusted"] == "assumed by default, not measured on this log"
    followed = registry.evidence(one.info.run_id).table("backtest/tracking")
    after = followed[followed["day"] > totals["cutoff"][0]]
    assert len(after) == 42 / 7
    assert after["weekly_actual"].sum() == totals["actual"][0]
    assert followed["actual"].iloc[-1] == followed["weekly_actual"].sum()
    assert evidence.metrics["rolling.42_days.purchases.origins"] == 5
    held = ((totals["low"] <= totals["actual"]) & (totals["actual"] <= totals["high"])).astype(float)
    pd.testing.assert_series_equal(held, totals["covers"], check_names=False)


@pytest.mark.slow
def test_the_command_leaves_the_store_alone_and_refuses_origins_that_do_not_fit(rolled: Ran, tmp_path: Path) -> None:
    assert rolled.left == ["mlflow.db", "mlflow.db.lock", "mlruns"]
    refused = command("backtest", "origins.horizons_days=[900]", folder=tmp_path)
    assert refused.code == 2
    assert "No origin fits into the log, 1997-01-01 to 1998-06-30" in refused.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_burn_in_is_that_of_training(tmp_path: Path) -> None:
    import mlflow

    asked = [
        "rfm.burn_in_days=31", "origins.cutoffs=['1997-09-30']", "origins.horizons_days=[42]",
        "backtest.baselines.names=[zero,last_period]", "fit.joint_draws=200",
    ]  # fmt: skip
    put_store(tmp_path)
    ran = in_process("backtest", *asked, folder=tmp_path)
    assert ran.code == 0, ran.err
    registry.use(ran.store)
    runs = mlflow.search_runs(experiment_names=["tenure"], output_format="list")
    (origin,) = (run for run in runs if run.data.tags["job"] == "origin")
    sample = pd.read_csv(Path(__file__).parent.parent / "data" / "cdnow_sample.csv")
    late = int((sample.groupby("customer_id")["date"].min() > "1997-01-31").sum())
    metrics = registry.evidence(origin.info.run_id).metrics
    assert metrics["window.customers"] == metrics["customers"] == origin.data.metrics["customers"] == late
    assert metrics["window.outside_window"] == 2357 - late


def test_the_sample_has_the_cut_offs_that_the_help_names() -> None:
    log = read(BacktestJobSettings().transactions)
    origins = rolling_origins(BacktestJobSettings().origins, log.first_day, log.last_day)
    assert len({origin.cutoff for origin in origins}) == 4
    assert "four cut-offs" in str(PAGES["backtest"])


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ([], []),
        *[(each, each) for each in (["transactions.path=a b.csv", "+transactions.segments.x=first"],)],
        (["fit.purchase_model=pareto_nbd", "origins.step_days=30", "level=0.8"], ["fit.purchase_model=pareto_nbd"]),
        (["registry.run_name=mine", "registry.experiment=shop", "result.path=r.json"], ["registry.experiment=shop"]),
        (["--config-dir", "conf", "fit/priors=ours", "seed=3"], ["--config-dir", "conf", "fit/priors=ours", "seed=3"]),
        (["--config-dir=conf", "rfm.burn_in_days=28"], ["--config-dir=conf", "rfm.burn_in_days=28"]),
    ],
)
def test_the_settings_of_a_backtest_that_a_training_needs_are_carried_over(typed: list[str], again: list[str]) -> None:
    header = "".join(f"# {line}\n" for line in shlex.join(["tenure-backtest", *typed]).splitlines())
    assert shared_arguments(typed_command(f"{header}seed: 0\n")) == again
