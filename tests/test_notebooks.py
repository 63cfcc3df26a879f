"""The notebooks, executed against the store of a training."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from job_runs import MARK, Ran
from words import retired_words

ROOT = Path(__file__).parent.parent
NOTEBOOKS = [ROOT / "notebooks" / f"{name}.ipynb" for name in ("model_review", "compare_runs", "customer_value")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stripped_and_fit_nothing(path: Path) -> None:
    import nbformat

    book = nbformat.read(path, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert not any("fit(" in cell.source for cell in code)


def execute(asked: dict[str, str], names: list[str], ran: Ran, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Execute notebooks as `jupyter execute` does, and return each as text: what they show names no customer.

    They share a kernel, which imports for ten seconds, and no names.
    """
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # the store is found beside the kernel
    for key, value in asked.items():
        monkeypatch.setenv(key, value)
    books = [nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4) for name in names]
    cells = [cell for book in books for cell in (*book.cells, nbformat.v4.new_code_cell("%reset -f"))]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the notebooks number theirs alike
    together = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(together, timeout=240, kernel_name="python3").execute(cwd=str(ran.folder))
    shown = ["\n".join(json.dumps(cell.get("outputs", [])) for cell in book.cells) for book in books]
    assert MARK not in "".join(shown)
    assert not retired_words(re.sub(r'"image/[^"]*": "[^"]*"', "", "\n".join(shown)))
    return shown


@pytest.mark.slow
def test_the_review_is_read_from_a_model_uri(trained: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = execute({"TENURE_REVIEW": "models:/clv@challenger"}, ["model_review"], trained, monkeypatch)
    for said in (
        "## Verdict: REVIEW", "models:/clv/1 was never promoted", "6,696 purchases",
        "first purchases cover fewer than 16 weeks",
        "assumed by default, not measured on this log", "boosting",
        "one-time buyers", "of the fit to the whole log", "refit drift",
        "a new customer", "slipping", "tenure-train transactions.path=",
    ):  # fmt: skip
        assert said in shown, said
    assert "Not logged" not in shown
    assert shown.count('"image/png"') == 6  # weeks, places, probabilities, deciles, frequencies, synthetic customers


@pytest.mark.slow
def test_customers_are_valued_from_a_name_and_a_log(
    trained: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = trained.folder.with_name(f"{trained.folder.name}_log.csv")
    asked = {
        "TENURE_MODEL": "models:/clv@challenger",
        "TENURE_LOG": str(log),
        "TENURE_LIST": str(tmp_path / "list.csv"),
    }
    (shown,) = execute(asked, ["customer_value"], trained, monkeypatch)
    for said in ("**2,357 customers**, `models:/clv@challenger`, verdict REVIEW", "expected_hits", "offer_gain"):
        assert said in shown, said
    assert "simulated" in shown
    assert shown.count('"image/png"') == 1
    chosen = pd.read_csv(tmp_path / "list.csv")
    assert len(chosen) > 100
    assert set(chosen["stage"]) == {"inactive", "dormant"}
    assert (chosen["p_purchase"] >= 0.2).all()


@pytest.fixture
def without_weeks(failed: Ran, tmp_path: Path) -> Iterator[str]:
    """Take the weekly totals of the failed run away for a while: other workers read the run too."""
    (folder,) = failed.folder.glob(f"mlruns/*/{failed.run_id}/artifacts/backtest")
    weeks = list(folder.glob("tracking.*"))
    assert weeks
    for path in weeks:
        path.rename(tmp_path / path.name)
    yield failed.run_id
    for path in weeks:
        (tmp_path / path.name).rename(path)


@pytest.mark.slow
def test_a_failed_run_without_weeks_is_reviewed_and_set_beside_a_model(
    trained: Ran, without_weeks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = without_weeks
    asked = {"TENURE_REVIEW": run_id, "TENURE_COMPARE": f"models:/clv@challenger {run_id}"}
    shown, compared = execute(asked, ["model_review", "compare_runs"], trained, monkeypatch)
    for said in (
        "## Verdict: FAIL", "The run registered no model", "did not log a weekly table",
        "There is no refit to the whole log", "of the fit to the days up to the cut-off",
        "Not shown: the review failed the model", "Not scored",
    ):  # fmt: skip
        assert said in shown, said
    assert shown.count('"image/png"') == 4
    for said in (
        "clv@challenger", "fit.method", "FAIL 1", "All runs have the same customers and days",
        "Runs without a weekly table", "one of the runs did not log leave-one-out", "Of the fit to the days up to",
    ):  # fmt: skip
        assert said in compared, said
    assert compared.count('"image/png"') == 4
