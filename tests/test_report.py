"""The report: of a synthetic run with hostile texts. Of a real one see test_report_command; in a browser, see below."""

import base64
import json
import re
import shutil
from dataclasses import replace
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from runs import InFolder, write

from tenure import registry, report
from tenure.jobs.compose import compose_settings
from tenure.record import Record
from tenure.report.tables import Cell, Note, Table
from tenure.review import Check, Review, Verdict

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"
SECTIONS = [
    "verdict", "base_forecast", "tracking", "calibration", "deciles", "baselines", "posterior", "reconciliation",
    "checks", "card", "reproduce",
]  # fmt: skip
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
TOTALS = {f"{kind}_{end}": 90.0 for kind in ("total", "adjusted") for end in ("low", "high")}
BASE = ("expected", "low", "high", "mean_low", "mean_high", "adjusted_low", "adjusted_high")


def _review(verdict: Verdict) -> Review:
    sound = Check(
        "rhat", "final.purchases.rhat_max", 1.0, Verdict.PASS, "", "", "R-hat is 1", "REVIEW above 1.01", "why"
    )
    said = "Spend is forecast 30% too high."
    odd = Check(
        "bias", HOSTILE, 0.3, verdict, said, "Look at the season.", "spend.bias is 0.3", "FAIL above 0.25", "why"
    )
    return Review((sound,) if verdict is Verdict.PASS else (sound, odd))


def _tables() -> dict[str, dict[str, object]]:
    coverage = {"outcome": "spend", "group": "everyone", "level": [0.5, 0.9], "customers": 9, "inside": [0.51, 0.88]}
    bins = {"low": [0.0, 0.1], "high": [0.1, 0.2], "customers": [0, 9], "predicted": [None, 0.15]}
    means = {f"{kind}_purchases": [2.0, 1.0, 0.5] for kind in ("actual", "expected")}
    means |= {"actual_spend": [1000.0, 9.0, 20.0], "expected_spend": [30.0, 20.0, 10.0]}
    against = {"forecast": ["zero", HOSTILE], "outcome": "spend", "crps": 3.0, "crps_of_model": 2.0, "difference": -1.0}
    return {
        "backtest/coverage": {**coverage, "inside_se": 0.01, "below": 0.06, "above": 0.06, "tail_se": 0.01},
        "backtest/reliability": {**bins, "actual": [None, 0.2], "predicted_se": [None, 0.1]},
        "backtest/deciles": {"decile": [1, 2, 3], "customers": 5, **means, "spend_coverage": 0.9},
        "backtest/baselines": {**against, "difference_se": 0.1, "winner": ["model", None]},
        "diagnostics/final/purchases_summary": {"mean": [0.25], "r_hat": [1.0]},
    }


@pytest.fixture
def made_up(tmp_path: Path) -> InFolder:
    """Make up the evidence of a run that went to REVIEW, with hostile words wherever a person may put words."""
    write(tmp_path, "review/review.json", json.dumps(_review(Verdict.REVIEW).to_dict()))
    write(tmp_path, "config/resolved.yaml", f"# tenure-train seed=1 {HOSTILE}\nseed: 1\n")
    lines = [
        {"fate": "sales", "rows": 10, "amount": "12345678901234567.89"},
        {"fate": HOSTILE, "rows": 1, "amount": "-5.10"},
    ]
    kept = {"until": "2025-12-31", "lines": lines, "rows": 11, "amount": "12345678901234562.79"}
    kept |= {"purchases": 9, "revenue": "95.00", "duplicates": 0}
    write(tmp_path, "data/reconciliation.json", json.dumps(kept))
    for name in ("tracking", "pit", "by_frequency", "deciles"):
        write(tmp_path, f"backtest/{name}.png", PIXEL)
    for path, columns in _tables().items():
        write(tmp_path, f"{path}.csv", pd.DataFrame(columns))
    write(tmp_path, "diagnostics/final/purchases_check.png", PIXEL)
    metrics = {"customers": 9.0, "horizon_days": 273.0, "final.purchases.rhat_max": 1.0, "base.customers": 9.0}
    for outcome in ("purchases", "spend"):
        metrics |= {f"{outcome}.{key}": value for key, value in TOTALS.items()}
    for total in ("purchases", "clv"):
        metrics |= {f"base.{total}.{key}": float(at) for at, key in enumerate(BASE, 1000)}
    params = {"score.horizon_days": "365", "score.discount_rate": "0.1", "score.margin": "1.0", "score.level": "0.9"}
    params |= {"review.level": "0.9", "fit.purchase_model": "bg_nbd", "transactions.path": HOSTILE}
    tags = {"mlflow.runName": HOSTILE, "baselines.wins": HOSTILE, "final.purchases.method": "nuts", "end": "2025-12-31"}
    return InFolder("0123abc", metrics, params, tags, folder=tmp_path)


class Page(HTMLParser):
    """What a browser would make of the page: sections in order, what is loaded, the tags that are there."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = {name: value or "" for name, value in attrs}
        self.sections += [named["id"]] if tag == "section" else []
        self.loads += [value for name, value in named.items() if name in {"src", "href", "srcset", "data", "action"}]
        self.handlers += [name for name in named if name.startswith("on")]


def test_all_sections_are_there_and_the_verdict_is_first(made_up: InFolder) -> None:
    page = report.render(made_up)
    assert Page(page).sections == SECTIONS
    ordered = ["<body>", "Verdict:", "Look at the season.", 'id="base_forecast"']
    assert sorted(ordered, key=page.index) == ordered


def test_the_page_loads_nothing(made_up: InFolder) -> None:
    page = report.render(made_up)
    loads = Page(page).loads
    assert len(loads) == 5
    assert all(load.startswith("data:image/png;base64,") for load in loads)
    assert not {"link", "iframe", "object", "embed", "base"} & set(Page(page).tags)
    for word in ("http://", "https://", "@import", "url(", "fetch(", "import("):
        assert word not in page


def test_what_a_run_says_is_text_and_never_markup(made_up: InFolder) -> None:
    page = report.render(made_up)
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(") >= 6
    assert Page(page).tags.count("script") == 1
    assert not Page(page).handlers
    html = report.html(Table(HOSTILE, [HOSTILE], [[Cell(HOSTILE)]]), Note(HOSTILE), [(HOSTILE, HOSTILE)])
    assert html.count("&lt;script&gt;alert(") == 6  # caption, column, cell, note, fact and its name
    assert not {"script", "img"} & set(Page(html).tags)
    assert page.count("&lt;script&gt;", page.index('id="reconciliation"'), page.index('id="checks"')) == 1
    hostile = replace(made_up, run_id=HOSTILE, params={**made_up.params, "score.horizon_days": "365"})
    assert Page(report.render(hostile)).tags.count("script") == 1


def test_totals_over_the_horizon_come_with_every_interval_and_a_warning_beyond_what_was_validated(
    made_up: InFolder,
) -> None:
    page = report.render(made_up)
    for said in ("1,001 to 1,002", "1,003 to 1,004", "1,005 to 1,006", "The holdout validates 273 days."):
        assert said in page
    within = replace(made_up, params={**made_up.params, "score.horizon_days": "273"})
    assert "The holdout validates" not in report.render(within)


def test_at_margin_one_value_is_called_revenue(made_up: InFolder) -> None:
    assert "revenue, not profit" in report.render(made_up)
    less = replace(made_up, params={**made_up.params, "score.margin": "0.35"})
    assert "revenue, not profit" not in report.render(less)


def test_no_cent_of_the_reconciliation_is_lost(made_up: InFolder) -> None:
    page = report.render(made_up)
    assert "12,345,678,901,234,567.89" in page
    assert "12,345,678,901,234,562.79" in page


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_page_says_the_verdict_and_lists_what_did_not_pass(made_up: InFolder, verdict: Verdict) -> None:
    write(made_up.folder, "review/review.json", json.dumps(_review(verdict).to_dict()))
    page = report.render(made_up)
    assert f'<span class="badge {verdict}">{verdict}</span>' in page
    assert ("Look at the season." in page) is (verdict is not Verdict.PASS)


def test_a_failed_model_tells_nothing_of_the_business_even_where_it_was_refitted(made_up: InFolder) -> None:
    write(made_up.folder, "review/review.json", json.dumps(_review(Verdict.FAIL).to_dict()))
    page = report.render(made_up)
    assert "1,001 to 1,002" not in page
    assert "none of its numbers is reliable" in page
    assert Page(page).sections == SECTIONS


def test_a_run_that_was_not_refitted_says_so_instead_of_a_forecast(made_up: InFolder) -> None:
    known = {key: value for key, value in made_up.metrics.items() if not key.startswith(("base.", "final."))}
    (made_up.folder / "backtest" / "tracking.png").unlink()
    page = report.render(replace(made_up, metrics=known, tags={}))
    assert "it was not fitted to the whole log" in page
    assert "No model was registered." in page
    assert "of the fit to the days up to the cut-off" in page
    assert "Not logged by this run: Repeat purchases by week" in page
    assert Page(page).sections == SECTIONS


def test_the_command_of_a_run_is_read_back_and_an_old_run_has_none(made_up: InFolder) -> None:
    assert made_up.command() == f"tenure-train seed=1 {HOSTILE}"
    write(made_up.folder, "config/resolved.yaml", "seed: 1\n# tenure-train seed=2\n")
    assert made_up.command() == ""
    assert "This run did not log its command" in report.render(made_up)


@pytest.mark.slow
def test_the_report_opens_in_mlflow_without_an_error_and_its_tables_sort(
    made_up: InFolder, server: str, tmp_path: Path
) -> None:
    """Run with `uv run --group browser pytest -m slow tests/test_report.py`, where there is a Chromium."""
    browsers = pytest.importorskip("playwright.sync_api", reason="needs uv's group `browser`")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    settings = compose_settings("train", [f"registry.tracking_uri={server}"]).registry
    registry.connect(settings)
    with registry.open_run(settings, "train", "seed: 1") as run:
        registry.log_record(Record(files={"report.html": report.render(made_up)}))
    page_of_run = f"{server}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report.html"
    complaints: list[str] = []
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda said: complaints.append(f"{said.text} {said.location}") if _counts(said) else None)
        page.goto(page_of_run)
        shown = page.frame_locator("iframe")
        shown.locator("#reproduce").wait_for(timeout=120_000)
        assert shown.locator("h1").inner_text().endswith("REVIEW")
        assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
        broken = "[...document.images].filter((image) => !image.naturalWidth).length"
        assert page.frames[-1].evaluate(f"[{broken}, document.images.length]") == [0, 5]
        values, head = (shown.locator(f"#deciles {part}:nth-child(5)") for part in ("td", "th"))
        for order in (["9.00", "20.00", "1,000.00"], ["1,000.00", "20.00", "9.00"]):
            head.locator("button").click()
            assert values.all_inner_texts() == order
        browser.close()
    assert not complaints


def _counts(said: Any) -> bool:
    """Tell whether the browser complains of the report, and not of MLflow's own requests."""
    return said.type in {"error", "warning"} and "/ajax-api/" not in said.location["url"]


def test_parts_are_shown_one_by_one_as_on_the_page(made_up: InFolder) -> None:
    page = report.render(made_up)
    for part in (
        report.totals_table(made_up),
        report.baselines_table(made_up),
        report.logged_picture(made_up, "backtest/pit"),
    ):
        assert report.html(part).strip() in page
    shown = report.html(report.Note(HOSTILE, "soft"), [("log", HOSTILE)], report.reconciliation_section(made_up)[0])
    assert HOSTILE not in shown
    assert Page(shown).tags[:5] == ["p", "dl", "dt", "dd", "figure"]


def test_tails_stand_beside_the_interval_that_the_review_judges(made_up: InFolder) -> None:
    (row,) = report.tails_table(made_up).rows
    assert [cell.text for cell in row] == ["spend", "everyone", "9", "6.0% ± 1.0%", "88.0% ± 1.0%", "6.0% ± 1.0%"]


def test_totals_say_where_the_adjustment_comes_from(made_up: InFolder) -> None:
    adjusted = replace(made_up, tags={**made_up.tags, "spend.adjusted": "assumed by default, not measured on this log"})
    caption = report.totals_table(adjusted).caption
    assert "widened and not shifted for errors that all customers have in common" in caption
    assert "the size of these errors, is assumed by default, not measured on this log." in caption
    named = replace(adjusted, params={**adjusted.params, "backtest.drift.least_periods": "3"})
    said = "tenure-backtest can measure it with 3 holdouts of 273 days, which takes a log of about 3.0 years."
    assert report.totals_table(named).caption.endswith(said)
    page = report.render(replace(named, tags={**named.tags, "base.adjusted": adjusted.tags["spend.adjusted"]}))
    assert "3 holdouts of 365 days, which takes a log of about 4.0 years." in page


def test_an_adjustment_that_a_backtest_measured_is_said_to_shift_too(made_up: InFolder) -> None:
    source = "estimated over 90 days, 4.0 periods"
    caption = report.totals_table(replace(made_up, tags={**made_up.tags, "spend.adjusted": source})).caption
    assert "widened and shifted for errors" in caption
    assert f"is {source} of a backtest." in caption
    assert "takes a log" not in caption
    mixed = f"purchases: assumed by default, not measured on this log; spend: {source}"
    caption = report.totals_table(replace(made_up, tags={**made_up.tags, "spend.adjusted": mixed})).caption
    assert mixed in caption


@pytest.mark.parametrize(
    ("params", "tags", "title"),
    [
        (
            {"fit.purchase_model": "bg_nbd", "fit.spend_model": "gamma_gamma", "transactions.path": "/x/cdnow.csv"},
            {"cutoff": "1997-09-30", "end": "1998-06-30"},
            "BG/NBD and gamma-gamma on cdnow.csv: fitted to 1997-09-30, tested to 1998-06-30",
        ),
        ({"fit.purchase_model": "own"}, {"cutoff": "2024-01-01", "end": "2024-02-01"}, "own: fitted to 2024-01-01, "),
        ({}, {}, "Model: fitted to –, tested to –"),
    ],
)
def test_the_title_says_what_was_fitted_and_tested(
    made_up: InFolder, params: dict[str, str], tags: dict[str, str], title: str
) -> None:
    from tenure.report.origin import title_of

    assert title_of(replace(made_up, params=params, tags=tags)).lower().startswith(title.lower())


def test_the_description_names_the_kind_of_each_interval(made_up: InFolder) -> None:
    new = {"new_customer.clv": 84.5, "new_customer.clv_mean_low": 80.5, "new_customer.clv_mean_high": 88.5}
    text = report.describe_findings(replace(made_up, metrics={**made_up.metrics, **new}))
    assert "- clv of 9 customers: 1,000 (1,005 to 1,006, 90% predictive, adjusted for drift)" in text
    assert "- mean clv of new customers: 84.50 (80.50 to 88.50, 90% credible)" in text
    assert "discounted margin" not in report.render(made_up)


def test_the_refits_move_is_told_beside_chance_and_none_where_there_is_no_refit(made_up: InFolder) -> None:
    moved = {
        "final.purchases.refit_drift": 0.184,
        "final.purchases.refit_drift_se": 0.088,
        "final.spend.refit_drift": -0.01,
    }
    table = report.refit_drift_table(replace(made_up, metrics={**made_up.metrics, **moved}))
    assert isinstance(table, report.Table)
    assert [cell.text for cell in table.rows[0]][1:] == ["+18.4%", "8.8%"]
    assert isinstance(report.refit_drift_table(made_up), report.Note)


def test_a_versions_history_is_who_when_and_why_and_an_unpromoted_one_has_none() -> None:
    tags = {"promotion.because": HOSTILE, "promotion.by": "ana", "rollback.to": "1", "verdict": "PASS"}
    (table,) = report.promotion_history(registry.Version("clv", 2, "0123abc", tags))
    assert isinstance(table, report.Table)
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["promoted to champion", "because", HOSTILE],
        ["promoted to champion", "by", "ana"],
        ["rolled back", "to", "1"],
    ]
    (note,) = report.promotion_history(registry.Version("clv", 2, "0123abc", {"verdict": "PASS"}))
    assert "never promoted" in str(note)


def test_a_review_is_its_lines_each_in_its_style() -> None:
    (note,) = report.findings(_review(Verdict.PASS))
    assert note.text.endswith("None of 1 checks is outside its limits.")
    _, finding, detail = report.findings(_review(Verdict.FAIL))
    assert finding == report.Note("FAIL: Spend is forecast 30% too high. Look at the season.", "finding FAIL")
    assert detail == report.Note("spend.bias is 0.3 (FAIL above 0.25)", "detail")


def test_beating_the_baselines_is_put_in_its_place_by_a_fail(made_up: InFolder) -> None:
    beaten = {"baselines.beaten": 6.0, "baselines.compared": 6.0}
    page = report.render(replace(made_up, metrics={**made_up.metrics, **beaten}))
    assert "6 of 6 in spend. Better than" in page
    write(made_up.folder, "review/review.json", json.dumps(_review(Verdict.FAIL).to_dict()))
    page = report.render(replace(made_up, metrics={**made_up.metrics, **beaten}))
    assert "6 of 6 in spend. The verdict is FAIL all the same: a model may beat simple forecasts" in page


def test_every_metric_that_mlflow_shows_is_explained_in_the_documentation() -> None:
    from tenure.registry.shown import METRICS

    page = (Path(__file__).parents[1] / "docs" / "mlflow.md").read_text()
    table = page[page.index("## The metrics that a run shows") : page.index("## The report")]
    named = re.findall(r"`([a-z_.*]+)`", table)
    outcomes = {f"{outcome}.{total}_total" for outcome in ("purchases", "spend") for total in ("actual", "expected")}
    for metric in set(METRICS) - outcomes:
        name = metric.replace("*", "x")
        assert any(fnmatchcase(name, pattern) for pattern in named), metric


def test_the_error_of_the_reliability_table_is_that_of_the_predicted_share(made_up: InFolder) -> None:
    from tenure.report.holdout import reliability_table

    table = reliability_table(made_up)
    assert [cell.text for cell in table.rows[1]] == ["10% to 20%", "9", "15.0% ± 10.0%", "20.0%"]
    assert [cell.text for cell in table.rows[0]] == ["0% to 10%", "0", "–", "–"]
    assert "± is the standard error of the share who buy if the prediction is right" in table.caption
