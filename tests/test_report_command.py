"""A training run's report, and `tenure-report`."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from job_runs import QUICK, Ran, command, in_process

from tenure import registry, report
from tenure.errors import InputError
from tenure.jobs import reporting
from tenure.jobs.compose import compose_settings
from tenure.report.pictures import PICTURES
from tenure.settings import ReportJobSettings


def test_the_run_holds_its_report_and_it_can_be_made_again_from_the_run_alone(evidence: registry.Evidence) -> None:
    page = evidence.file("report.html").read_text()
    assert report.render(evidence) == page
    assert 500_000 < len(page) < 3_000_000
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert "Not logged" not in page
    assert "Not shown" not in page
    assert "://" not in page
    command = re.search(r"<pre>(.*)</pre>", page)
    assert command is not None
    assert command.group(1).endswith(" ".join(QUICK))
    for said in ("1,882", "6,696 purchases", evidence.run_id, evidence.tags["data.digest"], "1997-01-01 to 1998-06-30"):
        assert said in page
    base = {key.removeprefix("base."): value for key, value in evidence.metrics.items() if key.startswith("base.")}
    assert base["customers"] == 2357
    for outcome in ("purchases", "clv"):
        found = {end: base[f"{outcome}.{end}"] for end in ("adjusted_low", "low", "mean_low", "expected")}
        assert sorted(found, key=found.__getitem__) == list(found)
        assert base[f"{outcome}.mean_high"] < base[f"{outcome}.high"] < base[f"{outcome}.adjusted_high"]


@pytest.mark.slow
def test_the_report_is_written_again_by_a_command_of_a_model_and_of_a_failed_run(
    trained: Ran, failed: Ran, evidence: registry.Evidence, tmp_path: Path
) -> None:
    asked = ["model=models:/clv@challenger", f"output={tmp_path / 'again.html'}"]
    ran = command("report", *asked, folder=trained.folder)
    assert ran.code == 0, ran.err
    assert (tmp_path / "again.html").read_text() == evidence.file("report.html").read_text()
    assert f"Run {evidence.run_id}, verdict REVIEW" in ran.out
    asked = [f"model={failed.run_id}", f"output={tmp_path / 'failed.html'}"]
    assert in_process("report", *asked, folder=trained.folder).code == 0
    assert '<span class="badge FAIL">' in (tmp_path / "failed.html").read_text()


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["model=models:/other@champion"], 4, "There is no model other"),
        (["model=models:/clv/77"], 4, "There is no models:/clv/77"),
        ([f"model={'f' * 32}"], 4, f"There is no run {'f' * 32}"),
        (["output=taken/report.html", "model=models:/clv/77"], 2, "which is a file and not a folder"),
    ],
)
def test_a_report_of_no_model_or_to_no_place_is_refused(
    evidence: registry.Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], code: int, said: str
) -> None:
    store = mlflow_uri()
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    settings = compose_settings("report", asked)
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        reporting.run(replace(settings, registry=replace(settings.registry, tracking_uri=store)))
    assert refused.value.exit_code == code
    assert [found.name for found in tmp_path.iterdir()] == ["taken"]


def mlflow_uri() -> str:
    import mlflow

    return str(mlflow.get_tracking_uri())


def test_a_report_of_a_run_that_is_no_training_is_refused_in_words(
    evidence: registry.Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evidence.run_id
    settings = ReportJobSettings().registry
    with registry.open_run(settings, "score", "seed: 0") as opened:
        pass
    with pytest.raises(registry.NoModelError, match=rf"Run {opened.info.run_id} \(job: score\) holds no review"):
        report.render(registry.evidence(opened.info.run_id))
