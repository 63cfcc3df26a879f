"""`tenure-campaign` end to end."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_runs import MARK, Ran, in_process
from test_decide_command import MODEL, Page, sample

import tenure
from tenure import registry
from tenure.output import describe

START, END = "campaign.start=1998-01-01", "campaign.end=1998-03-31"


def customers_of(trained: Ran, folder: Path) -> Path:
    """Write the table of a campaign of all customers of the sample, in which nothing was sent."""
    log = pd.read_csv(sample(trained).removeprefix("transactions.path="))
    ids = sorted(log["customer_id"].unique())
    arms = np.where(np.arange(len(ids)) % 2, "mail", "control")
    table = pd.DataFrame({"client": ids, "group": arms, "paid": np.where(arms == "mail", 0.5, 0.0)})
    table.assign(place=np.where(np.arange(len(ids)) % 3, "north", "south")).to_csv(folder / "mail.csv", index=False)
    return folder / "mail.csv"


def named(path: Path) -> list[str]:
    columns = "{customer_id: client, arm: group, cost: paid}"
    return [f"campaign.customers={path}", f"campaign.columns={columns}", "campaign.segments=[place]"]


@pytest.fixture(scope="module")
def measured(trained: Ran, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Measure the campaign, with costs and segments."""
    folder = tmp_path_factory.mktemp("measured")
    words = ["score.margin=0.35", "campaign.currency=€", "campaign.locale=fr"]
    asked = [MODEL, sample(trained), *named(customers_of(trained, folder)), START, END, *words]
    ran = in_process("campaign", *asked, f"output={folder / 'out'}", folder=trained.folder)
    assert ran.code == 0, ran.err
    return ran, folder / "out"


def test_the_folder_has_every_table_and_a_page_that_names_nobody(measured: tuple[Ran, Path], trained: Ran) -> None:
    ran, folder = measured
    files = ["arms.csv", "by_segment.csv", "campaign.csv", "customers.parquet", "dictionary.csv", "report.html"]
    assert sorted(path.name for path in folder.iterdir()) == files
    rows, effects = pd.read_parquet(folder / "customers.parquet"), pd.read_csv(folder / "campaign.csv")
    assert len(rows) == 2357
    assert list(effects["outcome"]) == ["purchases", "spend", "margin", "net"]
    spend = rows.groupby("arm")["spend"].mean()
    assert effects["raw_effect"][1] == pytest.approx(spend["mail"] - spend["control"], rel=1e-4)
    assert describe(folder / "customers.parquet")["model"] == "models:/clv/1"
    assert "Return on cost of mail" in ran.out
    page = (folder / "report.html").read_text()
    assert MARK not in page
    assert Page(page).sections == ["short", "effect", "segments", "alike", "before_after", "reading"]
    assert all(load.startswith(("data:image/png;base64,", "#")) for load in Page(page).loads)
    registry.use(trained.store)
    run = registry.evidence(ran.run_id)
    for name in ("campaign", "by_segment", "arms", "dictionary"):
        assert MARK not in run.file(f"campaign/{name}.csv").read_text()
    assert run.metrics["campaign.customers"] == 2357
    assert run.metrics["campaign.mail.effect_low"] < run.metrics["campaign.mail.effect_high"]


def test_python_measures_the_same(measured: tuple[Ran, Path], trained: Ran) -> None:
    registry.use(trained.store)
    clv = tenure.load("models:/clv@challenger")
    log = pd.read_csv(sample(trained).removeprefix("transactions.path="), parse_dates=["date"])
    table = pd.read_csv(measured[1].parent / "mail.csv")
    settings = {"columns": {"customer_id": "client", "arm": "group", "cost": "paid"}, "segments": ["place"]}
    given = {"start": "1998-01-01", "end": "1998-03-31", "margin": 0.35}
    campaign = clv.campaign(log, table, settings=settings, **given)
    written = pd.read_csv(measured[1] / "campaign.csv")
    for name in ("effect", "effect_low", "p_value", "return_on_cost"):
        np.testing.assert_allclose(campaign.effects[name], written[name], rtol=1e-4, err_msg=name)
    assert len(campaign.by_segment) == 8
    assert len(campaign.customers) == 2357
    with pytest.raises(tenure.errors.InputError, match="campaign has no setting 'cost'"):
        clv.campaign(log, table, settings={"cost": {}})


def test_a_plan_needs_no_table_and_a_wrong_one_stops_before_the_model(trained: Ran, tmp_path: Path) -> None:
    plan = in_process(
        "campaign", MODEL, sample(trained), "plan=true", f"output={tmp_path / 'plan'}", folder=trained.folder
    )
    assert plan.code == 0, plan.err
    assert "smallest effect" in plan.out
    assert (tmp_path / "plan" / "plan.csv").is_file()
    path = customers_of(trained, tmp_path)
    asked = [sample(trained), *named(path), START, f"output={tmp_path / 'out'}"]
    for words, message in (
        (["campaign.control=nobody", "model=models:/none@champion"], "There is no control: no customer has the arm 'nobody'"),
        (["campaign.customers=null", "model=models:/none@champion"], "campaign.customers is missing"),
        (["campaign.shares={control: 0.2, mail: 0.8}"], "The arms do not have the planned sizes"),
    ):  # fmt: skip
        refused = in_process("campaign", *asked, *words, folder=trained.folder)
        assert refused.code == 2
        assert message in refused.err
        assert "\n" not in refused.err.strip()
    again = in_process("campaign", MODEL, *asked[:-1], f"output={tmp_path / 'plan'}", folder=trained.folder)
    assert again.code == 2
    assert "exists, and a folder is not replaced" in again.err
    assert not (tmp_path / "out").exists()
