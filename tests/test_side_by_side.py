"""Runs side by side: of synthetic runs, whose differences are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import InFolder, write

from tenure import registry
from tenure.fit import Loo
from tenure.posterior import Posterior
from tenure.report import Note, Table, comparability, side_by_side
from tenure.review import Check, Review, Verdict

TAGS = {"data.digest": "abc", "cutoff": "2025-06-30", "end": "2025-12-31", "calibration.purchases.method": "nuts"}
PARAMS = {
    "fit.purchase_model": "bg_nbd",
    "fit.priors.r": "1",
    "rfm.cutoff": "None",
    "transactions.zero_amounts": "count",
}


def loo_of(*pointwise: float, count: tuple[float, ...] = (10.0, 30.0), khat: float = 0.1, doubt: float = 0.0) -> Loo:
    each, counts = np.array(pointwise), np.array(count)
    return Loo(float(counts @ each), 1.0, 1.0, khat, 0, doubt, each, counts)


def run_of(folder: Path, name: str, *, loo: Loo | None = None, bias: float = 0.0, **tags: str) -> InFolder:
    """Make up a run that passes, or goes to REVIEW where its bias is beyond a tenth."""
    at = folder / name
    verdict = Verdict.REVIEW if abs(bias) > 0.1 else Verdict.PASS
    checks = (
        Check("bias", "spend.bias", bias, verdict, "", "", "", "", ""),
        Check(name, f"{name}.rhat_max", 1.0, Verdict.PASS, "", "", "", "", ""),
    )
    write(at, "review/review.json", json.dumps(Review(checks).to_dict()))
    metrics = {"spend.bias": bias, "spend.actual_total": 200.0, "spend.expected_total": 200.0 * (1 + bias)}
    metrics |= {"spend.total_low": 150.0, "spend.total_high": 250.0, "base.customers": 40.0, "horizon_days": 184.0}
    if loo is not None:
        (at / "diagnostics" / "calibration").mkdir(parents=True)
        for model in ("purchases", "spend"):
            loo.save(at / "diagnostics" / "calibration" / f"{model}_loo.npz")
    return InFolder(name, metrics, dict(PARAMS), {**TAGS, **tags}, folder=at)


def texts(table: Table | Note) -> list[list[str]]:
    assert isinstance(table, Table)
    return [[cell.text for cell in row] for row in table.rows]


def test_the_paired_difference_and_its_error_are_those_of_the_customers(tmp_path: Path) -> None:
    """40 customers, of whom 10 are predicted better by 0.5 each and 30 by 0.1: 8 in all."""
    runs = {"a": run_of(tmp_path, "a", loo=loo_of(-2.0, -1.0)), "b": run_of(tmp_path, "b", loo=loo_of(-1.5, -0.9))}
    each = np.repeat([0.5, 0.1], [10, 30])
    error = np.sqrt(40 * each.var(ddof=1))
    difference = f"+8.0 ± {error:.1f}"
    assert texts(side_by_side.differences(runs)) == [
        ["b", "a", "purchases", difference, "b"],
        ["b", "a", "spend", difference, "b"],
    ]


@pytest.mark.parametrize(
    ("loo", "better"),
    [
        (loo_of(-1.95, -0.99), "neither"),  # 0.8 in all, however small its error
        (loo_of(-1.5, -0.9, doubt=9.0), "neither"),  # and 8 that the subsample alone may have made
        (loo_of(-1.5, -0.9, khat=0.8), "unreliable: k-hat is 0.80"),
        (loo_of(-2.5, -1.1), "a"),
    ],
)
def test_no_run_is_called_better_on_weak_evidence(tmp_path: Path, loo: Loo, better: str) -> None:
    runs = {"a": run_of(tmp_path, "a", loo=loo_of(-2.0, -1.0)), "b": run_of(tmp_path, "b", loo=loo)}
    assert [row[-1] for row in texts(side_by_side.differences(runs))] == [better, better]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data.digest": "other"}, "the logs differ"),
        ({"data.digest": ""}, "the logs differ"),
        ({"cutoff": "2025-03-31"}, "calibrated to 2025-06-30 and 2025-03-31"),
    ],
)
def test_other_logs_or_days_give_a_sentence_in_place_of_a_difference(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    loo = loo_of(-2.0, -1.0)
    runs = {"a": run_of(tmp_path, "a", loo=loo), "b": run_of(tmp_path, "b", loo=loo, **change)}
    assert texts(side_by_side.differences(runs)) == [["b", "a", "both", f"not comparable: {reason}", "–"]]
    assert f"b ({reason})" in side_by_side.holdout_table(runs).caption


def test_two_runs_that_do_not_tell_their_log_are_not_taken_for_alike(tmp_path: Path) -> None:
    a, b = (run_of(tmp_path, name) for name in "ab")
    a, b = (replace(run, tags={}) for run in (a, b))
    assert comparability.why_incomparable(a, b, is_judged=True) == "the logs differ"
    a, b = (replace(run, tags={"data.digest": "abc"}) for run in (a, b))
    assert comparability.why_incomparable(a, b, is_judged=False) == "calibrated to None and None"


def test_another_end_parts_the_holdouts_and_not_the_calibrations(tmp_path: Path) -> None:
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b", end="2025-09-30")
    assert comparability.why_incomparable(a, b, is_judged=False) is None
    assert comparability.why_incomparable(a, b, is_judged=True) == "held out to 2025-12-31 and 2025-09-30"


def test_other_rules_for_rows_part_runs_and_another_place_of_the_same_log_does_not(tmp_path: Path) -> None:
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b")
    moved = replace(b, params={**PARAMS, "transactions.path": "elsewhere", "rfm.cutoff": "2025-06-30"})
    assert comparability.why_incomparable(a, moved, is_judged=True) is None
    ruled = replace(b, params={**PARAMS, "transactions.zero_amounts": "drop", "rfm.burn_in_days": "30"})
    reason = comparability.why_incomparable(a, ruled, is_judged=True)
    assert reason == "the rules for rows or customers differ: transactions.zero_amounts, rfm.burn_in_days"


def test_each_run_stands_beside_the_first_that_is_like_it(tmp_path: Path) -> None:
    loo = loo_of(-2.0, -1.0)
    late = {"cutoff": "2025-09-30"}
    runs = {
        "a": run_of(tmp_path, "a", loo=loo),
        "b": run_of(tmp_path, "b", loo=loo, **late),
        "c": run_of(tmp_path, "c", loo=loo, **late),
        "d": run_of(tmp_path, "d", loo=loo),
    }
    pairs = [row[:2] for row in texts(side_by_side.differences(runs))]
    assert pairs == [["b", "a"], ["c", "b"], ["c", "b"], ["d", "a"], ["d", "a"]]


def test_a_difference_of_other_histories_or_of_none_is_not_made(tmp_path: Path) -> None:
    runs = {
        "a": run_of(tmp_path, "a", loo=loo_of(-2.0, -1.0)),
        "b": run_of(tmp_path, "b", loo=loo_of(-2.0, -1.0, count=(11.0, 29.0))),
        "c": run_of(tmp_path, "c"),
    }
    cells = [row[3] for row in texts(side_by_side.differences(runs))]
    assert all("not fitted to the same histories" in cell for cell in cells[:2])
    assert cells[2:] == ["one of the runs did not log leave-one-out"] * 2


def test_only_settings_that_differ_are_listed_and_a_missing_one_differs(tmp_path: Path) -> None:
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b")
    assert isinstance(side_by_side.settings_table({"a": a, "b": b}), Note)
    other = replace(b, params={**PARAMS, "fit.priors.r": "2", "seed": "1", "validated_horizon_days": "184"})
    assert texts(side_by_side.settings_table({"a": a, "b": other})) == [["fit.priors.r", "1", "2"], ["seed", "–", "1"]]


def test_only_checks_that_some_do_not_pass_are_listed(tmp_path: Path) -> None:
    """Each run was asked for one number that the other was not, and passed: that is no news."""
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b", bias=0.2)
    assert texts(side_by_side.checks_table({"a": a, "b": b})) == [["spend.bias", "PASS 0", "REVIEW 0.2"]]
    alike = side_by_side.checks_table({"a": a, "b": run_of(tmp_path, "c")})
    assert isinstance(alike, Note)


@pytest.mark.parametrize("biases", [(-0.12, 0.24), (0.2, 0.2), (-0.11, -0.5)])
def test_a_check_that_no_run_passes_is_listed_with_the_number_of_each(
    tmp_path: Path, biases: tuple[float, float]
) -> None:
    runs = {name: run_of(tmp_path, name, bias=bias) for name, bias in zip("ab", biases, strict=True)}
    rows = texts(side_by_side.checks_table(runs))
    assert rows == [["spend.bias", *(f"REVIEW {bias:g}" for bias in biases)]]


def test_errors_of_one_holdout_are_not_called_paired(tmp_path: Path) -> None:
    runs = {name: run_of(tmp_path, name) for name in "ab"}
    assert "not paired and have no error" in side_by_side.holdout_table(runs).caption


def test_a_run_is_known_by_verdict_days_and_whose_priors_it_shares(tmp_path: Path) -> None:
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b", bias=0.2)
    c = replace(run_of(tmp_path, "c"), params={**PARAMS, "fit.priors.r": "2"})
    facts = {row[0]: row[1:] for row in texts(side_by_side.runs_table({"a": a, "b": b, "c": c}))}
    assert facts["verdict"] == ["PASS", "REVIEW", "PASS"]
    assert facts["calibrated to"] == ["2025-06-30"] * 3
    assert facts["priors"] == ["its own", "those of a", "its own"]
    named = {name: replace(a, params={**PARAMS, "fit.priors": name}) for name in ("weak", "vague", "own")}
    facts = {row[0]: row[1:] for row in texts(side_by_side.runs_table(named))}
    assert facts["priors"] == ["weak", "vague", "those of weak"]


def test_totals_are_told_over_what_came_and_not_where_nothing_came(tmp_path: Path) -> None:
    a = run_of(tmp_path, "a", bias=-0.05)
    none = replace(a, metrics={**a.metrics, "spend.actual_total": 0.0})
    table = side_by_side.totals({"a": a, "none": none}).set_index(["outcome", "run"])
    total = table.loc[("spend", "a"), ["low", "middle", "high"]]
    assert list(total) == pytest.approx([-0.25, -0.05, 0.25])
    assert table.loc[("spend", "none")].isna().all()
    assert table.loc[("purchases", "a")].isna().all()


def test_a_failed_run_says_nothing_of_the_business_even_where_it_was_refitted(tmp_path: Path) -> None:
    a, b = run_of(tmp_path, "a"), run_of(tmp_path, "b")
    failed = Check("bias", "spend.bias", 0.5, Verdict.FAIL, "", "", "", "", "")
    write(b.folder, "review/review.json", json.dumps(Review((failed,)).to_dict()))
    assert texts(side_by_side.base_forecast_table({"a": a, "b": b}))[0][1:] == ["40", "–"]


def test_parameters_are_compared_in_the_last_fit_that_all_came_to(tmp_path: Path, posterior: Posterior) -> None:
    a, b = (run_of(tmp_path, name) for name in "ab")
    for run in (a, b):
        (run.folder / "posterior").mkdir()
        posterior.save(run.folder / "posterior" / "calibration.npz")
    refitted = replace(a, metrics={**a.metrics, "final.purchases.rhat_max": 1.0})
    assert side_by_side.common_stage({"a": refitted, "b": refitted}) == "final"
    runs = {"a": refitted, "b": b}
    assert side_by_side.common_stage(runs) == "calibration"
    table = side_by_side.parameters(runs, "calibration").set_index(["quantity", "run"])
    assert list(table.loc[("r", "a")]) == pytest.approx(np.quantile(posterior.draws["r"], [0.05, 0.5, 0.95]))
    assert len(table) == 14


def test_quantities_come_from_the_runs_that_logged_them(tmp_path: Path) -> None:
    a, b = (run_of(tmp_path, name) for name in "ab")
    assert side_by_side.quantities({"a": a, "b": b}, "final").empty
    logged = pd.DataFrame({"quantity": ["mean spend"], "prior_median": 1.0, "posterior_median": 3.0})
    logged = logged.assign(posterior_low=2.0, posterior_high=4.0)
    write(b.folder, "diagnostics/final/prior_consequences.csv", logged)
    table = side_by_side.quantities({"a": a, "b": b}, "final")
    assert table.to_dict("records") == [{"quantity": "mean spend", "run": "b", "low": 2.0, "middle": 3.0, "high": 4.0}]


def test_weeks_count_from_each_runs_own_cutoff(tmp_path: Path) -> None:
    a, b = (run_of(tmp_path, name) for name in "ab")
    write(b.folder, "backtest/tracking.csv", pd.DataFrame({"day": ["2025-06-23", "2025-07-07"], "actual": [1, 2]}))
    found = side_by_side.trackings({"a": a, "b": b})
    assert list(found) == ["b"]
    assert list(found["b"]["days"]) == [-7, 7]


def test_one_run_twice_or_alone_is_refused_and_names_tell_runs_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, registry.Evidence] = {
        "models:/clv/2": run_of(tmp_path, "one"),
        "one": run_of(tmp_path, "one"),
        "two": run_of(tmp_path, "two", **{"mlflow.runName": "swift-fox"}),
        "three": run_of(tmp_path, "three", **{"mlflow.runName": "swift-fox"}),
    }
    monkeypatch.setattr(side_by_side, "evidence", known.__getitem__)
    assert list(side_by_side.gather(["models:/clv/2", "two", "three"])) == ["clv/2", "swift-fox", "swift-fox three"]
    with pytest.raises(side_by_side.SideBySideError, match=r"one and clv/2 are one run: one\. Name"):
        side_by_side.gather(["models:/clv/2", "one"])
    with pytest.raises(side_by_side.SideBySideError, match="At least two runs are needed, got 1: one"):
        side_by_side.gather(["one"])
