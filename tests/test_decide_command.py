"""`tenure-decide` end to end."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_runs import MARK, Ran, in_process

from tenure import registry
from tenure.output import describe

ROOT = Path(__file__).parent.parent
MODEL = "model=models:/clv@challenger"
FILES = [
    "acquisition.csv", "churn.csv", "cohorts.csv", "customers.parquet", "dictionary.csv", "disagreements.csv",
    "equity.csv", "forecast.csv", "keep.csv", "past_forecasts.csv", "report.html", "retention.csv", "returns.csv",
    "stages.csv", "tiers.csv", "win_back.csv",
]  # fmt: skip


def sample(trained: Ran) -> str:
    """Return the setting of the log that the model was trained on."""
    return f"transactions.path={trained.folder.with_name(f'{trained.folder.name}_log.csv')}"


@pytest.fixture(scope="module")
def decided(trained: Ran, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Decide on the sample, with costs."""
    folder = tmp_path_factory.mktemp("decided") / "decisions"
    costs = ["decide.acquisition.costs={all: 20}", "decide.order_cost=1", "score.margin=0.35"]
    words = ["decide.currency=€", "decide.locale=de", f"output={folder}"]
    ran = in_process("decide", MODEL, sample(trained), *costs, *words, folder=trained.folder)
    assert ran.code == 0, ran.err
    return ran, folder


def test_the_folder_holds_a_row_for_each_customer_and_every_table(decided: tuple[Ran, Path]) -> None:
    ran, folder = decided
    assert sorted(path.name for path in folder.iterdir()) == FILES
    rows = pd.read_parquet(folder / "customers.parquet")
    assert len(rows) == 2357
    assert rows["historic_spend"].sum() == pytest.approx(244_091.94)
    about = describe(folder / "customers.parquet")
    assert about["model"] == "models:/clv/1"
    assert about["params"]["margin"] == 0.35
    for name in ("tiers", "stages", "cohorts"):
        table = pd.read_csv(folder / f"{name}.csv")
        assert table["customers"].sum() == 2357, name
        assert table["clv"].sum() == pytest.approx(rows["clv"].sum(), rel=1e-5), name
        assert (table["clv_low"] <= table["clv_high"]).all()
    stages = pd.read_csv(folder / "stages.csv").set_index("stage")["customers"]
    assert stages.to_dict() == {
        "new": 0,
        "active": 299,
        "inactive": 513,
        "dormant": 1545,
    }  # counted by hand from the log
    assert "299" in ran.out
    dictionary = pd.read_csv(folder / "dictionary.csv")
    named = dictionary.groupby("table")["column"].apply(list)
    assert named["customers.parquet"] == list(rows.columns)
    assert set(dictionary.query("column == 'clv'")["unit"]) == {"€"}


def test_scores_of_the_folder_are_those_of_tenure_score(
    decided: tuple[Ran, Path], trained: Ran, tmp_path: Path
) -> None:
    output = tmp_path / "scores.parquet"
    asked = [MODEL, sample(trained), "score.margin=0.35", f"output={output}"]
    assert in_process("score", *asked, folder=trained.folder).code == 0
    scores, rows = pd.read_parquet(output), pd.read_parquet(decided[1] / "customers.parquet")
    for name in ("clv", "clv_low", "clv_high", "clv_mean_low", "clv_mean_high", "p_alive", "p_purchase"):
        np.testing.assert_array_equal(rows[name], scores[name], err_msg=name)
    np.testing.assert_array_equal(rows["p_purchase_365"], rows["p_purchase"])


def test_customers_whose_probability_was_wrong_in_the_backtest_are_listed_apart(
    decided: tuple[Ran, Path], evidence: registry.Evidence
) -> None:
    table = pd.read_csv(decided[1] / "win_back.csv")
    reliability = evidence.table("backtest/reliability")
    first = reliability.iloc[0]
    assert abs(first["predicted"] - first["actual"]) - 2 * first["predicted_se"] > 0.05
    apart = table["p_purchase"] < 0.1
    assert apart.any()
    np.testing.assert_allclose(table.loc[apart, "observed_rate"], first["actual"], rtol=1e-4)
    assert table.loc[apart, "offer_gain"].isna().all()
    assert not table.loc[apart, "is_selected"].any()
    assert (table["offer_gain"][table["is_selected"]] > 0).all()


class Page(HTMLParser):
    """What a browser would load, and the sections in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.sections: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.loads += [value for name, value in named.items() if name in {"src", "href", "srcset", "data", "action"}]
        self.sections += [named["id"]] if tag == "section" else []


def test_the_page_answers_question_by_question_and_loads_nothing(decided: tuple[Ran, Path]) -> None:
    text = (decided[1] / "report.html").read_text()
    page = Page(text)
    assert page.sections == [
        "short", "value", "tiers", "stages", "cohorts", "acquisition", "win_back", "forecast", "retention", "equity",
        "reading",
    ]  # fmt: skip
    assert all(load.startswith(("data:image/png;base64,", "#")) for load in page.loads)
    assert sum(load.startswith("data:") for load in page.loads) == 9
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    for word in ("http://", "https://", "@import", "url("):
        assert word not in text
    assert "244.092\u00a0€" in text  # German separators, the shop's currency


def test_neither_the_page_nor_the_run_names_a_customer(decided: tuple[Ran, Path], trained: Ran) -> None:
    ran, folder = decided
    assert MARK not in (folder / "report.html").read_text()
    registry.use(trained.store)
    run = registry.evidence(ran.run_id)
    for name in ("tiers", "stages", "cohorts", "acquisition", "returns", "dictionary"):
        assert MARK not in run.file(f"decisions/{name}.csv").read_text()
    for name in ("win_back", "keep", "disagreements"):
        assert MARK in (folder / f"{name}.csv").read_text()
        assert not run.holds(f"decisions/{name}.csv")
    assert run.metrics["decide.customers"] == 2357
    assert run.params["decide.order_cost"] == "1.0"
    assert run.metrics["decide.clv_low"] < run.metrics["decide.clv"] < run.metrics["decide.clv_high"]
    assert json.dumps(run.tags).count(MARK) == 0


def test_the_backtest_says_how_many_of_the_best_tenth_were_in_the_list(
    decided: tuple[Ran, Path], evidence: registry.Evidence
) -> None:
    hits = evidence.metrics["spend.top_decile_hits"]
    assert 0.2 < hits < 0.9
    assert f"{100 * hits:.0f}\u00a0% of the best tenth" in (decided[1] / "report.html").read_text()


@pytest.mark.slow
def test_an_existing_folder_is_not_replaced_and_nothing_is_left_of_a_refused_one(
    decided: tuple[Ran, Path], trained: Ran, tmp_path: Path
) -> None:
    again = in_process("decide", MODEL, f"output={decided[1]}", folder=trained.folder)
    assert again.code == 2
    assert "exists, and a folder is not replaced" in again.err
    log = pd.read_csv(ROOT / "data" / "cdnow_sample.csv").query("customer_id <= 30")
    log["channel"] = np.where(log["customer_id"] % 2, "ads", "mail")
    log.to_parquet(tmp_path / "log.parquet")
    asked = [
        MODEL, f"transactions.path={tmp_path / 'log.parquet'}", "+transactions.segments.channel=first",
        "decide.acquisition.channel=channel", f"output={tmp_path / 'out'}",
    ]  # fmt: skip
    unknown = in_process("decide", *asked, "decide.acquisition.costs={ads: 5, tv: 9}", folder=trained.folder)
    assert unknown.code == 2
    assert unknown.err == (
        "decide.acquisition.costs has 1 channel that no customer has ('tv'). The channels of the log are 'ads', 'mail'."
    )
    assert not (tmp_path / "out").exists()
    done = in_process("decide", *asked, "decide.acquisition.costs={ads: 5, mail: 9}", folder=trained.folder)
    assert done.code == 0, done.err
    table = pd.read_csv(tmp_path / "out" / "acquisition.csv")
    assert table.groupby("channel")["acquisition_cost"].first().to_dict() == {"ads": 5.0, "mail": 9.0}
    assert table.groupby("channel")["customers"].first().to_dict() == {"ads": 15, "mail": 15}
    rows = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    assert set(rows["channel"]) == {"ads", "mail"}
    np.testing.assert_allclose(
        rows["net_margin"], rows["lifetime_margin"] - np.where(rows["channel"] == "ads", 5.0, 9.0)
    )
