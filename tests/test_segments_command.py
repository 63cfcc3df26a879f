"""Segments end to end: a simulated log whose channels differ, trained on, scored and reported by the commands."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from job_runs import Ran, in_process, once

pytestmark = pytest.mark.slow
TRAIN = (
    "transactions.path=log.parquet", "fit.segments=[channel]", "fit.draws=400", "fit.joint_draws=400",
    "backtest.baselines.names=[zero]", "rfm.cutoff=2023-06-30", "fit.method=laplace",
)  # fmt: skip
POPULATION = (
    "simulate=cdnow", "simulate.customers=1500", "simulate.acquisition.until=null",
    "simulate.start=2022-06-01", "simulate.end=2023-12-31",
    "simulate.truth.parameters={r: 0.8, alpha: 80, a: 0.6, b: 1.4, p: 5, q: 5, v: 24}",
    "simulate.segments={channel: {ads: 0.5, mail: 0.49, fair: 0.01}}",
    "simulate.effects={channel: {mail: {mean_rate: 2.0, mean_spend: 2.0}}}", "output=log.parquet",
)  # fmt: skip


@pytest.fixture(scope="module")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    def run(folder: Path) -> Ran:
        simulated = in_process("simulate", *POPULATION, folder=folder)
        assert simulated.code == 0, simulated.err
        return in_process("train", *TRAIN, folder=folder)

    return once(tmp_path_factory, "segmented", run)


def test_a_training_values_a_new_customer_of_each_segment(segmented: Ran) -> None:
    assert segmented.code == 0, segmented.err + segmented.out
    (path,) = segmented.folder.rglob("new_customer/by_segment.csv")
    table: Any = pd.read_csv(path).set_index("segment")
    assert table.loc["mail", "clv"] > 2 * table.loc["ads", "clv"]
    assert table.index[-1] == "(another segment)"
    assert "fair" not in table.index  # 15 customers
    assert "A new customer by segment" in segmented.out
    assert "By group: " in segmented.out
    groups = pd.read_csv(next(segmented.folder.rglob("backtest/by_group.csv")))
    assert {"one-time buyers", "repeat buyers", "ads", "mail", "(small segments)"} == set(groups["group"])
    report = next(segmented.folder.rglob("report.html")).read_text()
    assert "A new customer by segment" in report
    assert "beyond chance" in report


def test_the_model_scores_a_log_and_a_summary_alike(segmented: Ran) -> None:
    folder = segmented.folder
    by_log = in_process("score", "model=models:/clv/1", "transactions.path=log.parquet", "by=[channel]", folder=folder)
    assert by_log.code == 0, by_log.err
    assert "of segments without a name in the model" in by_log.out
    from tenure.rfm import summarize
    from tenure.settings import TransactionsSettings
    from tenure.transactions import read

    log = TransactionsSettings(path=str(folder / "log.parquet"), segments={"channel": "first"})
    summary = summarize(read(log)).table
    summary.to_parquet(folder / "summary.parquet")
    summary.drop(columns="channel").to_parquet(folder / "without.parquet")
    of_summary = ("summary.path=summary.parquet", "summary.as_of=2023-12-31", "output=again.parquet")
    again = in_process("score", "model=models:/clv/1", *of_summary, folder=folder)
    assert again.code == 0, again.err
    one, two = (pd.read_parquet(folder / name).astype({"customer_id": str}).set_index("customer_id").sort_index()
                for name in ("scores.parquet", "again.parquet"))  # fmt: skip
    pd.testing.assert_series_equal(one["clv_high"], two["clv_high"], check_exact=True)
    without = ("summary.path=without.parquet", "output=none.parquet")
    refused = in_process("score", "model=models:/clv/1", *without, folder=folder)
    assert refused.code == 2
    assert "lack the column 'channel'" in refused.err
    assert not (folder / "none.parquet").exists()


def test_the_model_is_small_and_holds_no_name_of_a_small_segment(segmented: Ran) -> None:
    (model,) = (path.parent for path in segmented.folder.rglob("MLmodel"))
    files = [path for path in model.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert not any(b"fair" in path.read_bytes() for path in files if path.suffix != ".py")


def test_decisions_have_a_ceiling_for_each_segment(segmented: Ran) -> None:
    words = ("decide", "model=models:/clv/1", "transactions.path=log.parquet")
    unknown = in_process(*words, "decide.acquisition.costs={ads: 3, tv: 9}", folder=segmented.folder)
    assert unknown.code == 2
    assert "costs has 1 channel that no customer has ('tv')" in unknown.err
    ran = in_process(*words, "decide.acquisition.costs={ads: 3, mail: 9}", folder=segmented.folder)
    assert ran.code == 0, ran.err
    assert "of segments without a name in the model" in ran.out
    table = pd.read_csv(segmented.folder / "decisions" / "acquisition.csv").query("horizon_days == 365")
    table = table.set_index("channel")
    assert table["population"].to_dict() == {"all": "all", "ads": "ads", "fair": "(another segment)", "mail": "mail"}
    (path,) = segmented.folder.rglob("new_customer/by_segment.csv")
    of_training = pd.read_csv(path).set_index("segment").loc[["ads", "mail"]]
    for name in ("clv", "clv_mean_low", "clv_mean_high"):
        np.testing.assert_allclose(table.loc[["ads", "mail"], name], of_training[name], rtol=2e-3)
    page = (segmented.folder / "decisions" / "report.html").read_text()
    assert "The model distinguishes these channels." in page


def test_a_backtest_refits_the_segments_at_each_origin(segmented: Ran) -> None:
    origins = ("origins.horizons_days=[90]", "origins.cutoffs=[2023-03-31,2023-06-30]")
    words = [word for word in TRAIN if not word.startswith("rfm.cutoff")]
    rolled = in_process("backtest", *words, *origins, folder=segmented.folder)
    assert rolled.code == 0, rolled.err


def test_a_wrong_setting_is_refused_before_any_work(tmp_path: Path) -> None:
    refused = in_process("train", "fit.segments=[channel]", "fit.purchase_model=pareto_nbd", folder=tmp_path)
    assert refused.code == 2
    assert "fit.purchase_model with fit.segments must be one of bg_nbd, mbg_nbd, zi_bg_nbd" in refused.err
    column = in_process("train", "fit.segments=[land]", folder=tmp_path)
    assert column.code == 2
    assert "there is no column 'land' (transactions.segments.land)" in column.err
