"""A model that a training registered: how it answers, what it needs, what lies in its folder."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from job_runs import Ran
from logs import SUMMARIES

from tenure import registry
from tenure.scorer import COLUMNS, Params


def test_the_registered_model_answers_as_the_contract_says(evidence: registry.Evidence) -> None:
    import mlflow

    import tenure

    model = mlflow.pyfunc.load_model("models:/clv@challenger")
    params = {param.name: param.default for param in model.metadata.signature.params}
    assert params == {name: getattr(Params(), name) for name in params}
    assert set(params) == {"horizon_days", "discount_rate", "margin", "level", "seed"}
    asked = {"horizon_days": 90, "margin": 0.5}
    answer = model.predict(SUMMARIES, params=asked)
    assert list(answer.columns) == ["customer_id", *COLUMNS]
    for uri in ("models:/clv/1", evidence.run_id):
        loaded = tenure.load(uri)
        if uri.startswith("models:/"):
            pd.testing.assert_frame_equal(loaded.scorer.score(SUMMARIES, **asked).table, answer, check_exact=True)
        assert loaded.scorer.posterior.draws["alpha"].mean() > 20


def test_a_run_its_model_and_a_saved_folder_give_the_same_numbers_bit_for_bit(
    evidence: registry.Evidence, tmp_path: Path
) -> None:
    """The installed scorer of a run, the model's own code, and both after a save."""
    import mlflow

    import tenure

    params = {"horizon_days": 90, "margin": 0.5}
    model = mlflow.pyfunc.load_model("models:/clv@challenger").predict(SUMMARIES, params=params)
    first, second = tenure.load(f"runs:/{evidence.run_id}"), tenure.load("models:/clv/1")
    first.save(tmp_path / "run")
    second.save(tmp_path / "model")
    for clv in (first, second, tenure.load(tmp_path / "run"), tenure.load(tmp_path / "model")):
        scores = clv.score(SUMMARIES, **params)
        pd.testing.assert_frame_equal(scores.frame, model, check_exact=True)
        expected = first.score(SUMMARIES, **params)
        pd.testing.assert_frame_equal(scores.totals, expected.totals, check_exact=True)
        pd.testing.assert_frame_equal(clv.expect(SUMMARIES, **params), first.expect(SUMMARIES, **params))
        assert clv.diagnostics == first.diagnostics
        assert clv.diagnostics["purchases.rhat_max"] < 1.1
        assert clv.about["verdict"] == first.about["verdict"]


@pytest.mark.slow  # it compiles the code that travels with the model
def test_the_model_loads_and_scores_with_pymc_and_tenure_hidden_and_no_pickle(
    trained: Ran, evidence: registry.Evidence
) -> None:
    script = """
import pickle, sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pymc", "pymc_marketing", "pymc_extras", "pytensor", "nutpie", "arviz", "tenure"}:
            raise ImportError("hidden: " + name)
sys.meta_path.insert(0, Hide())
import cloudpickle, mlflow, pandas as pd
def refuse(*_, **__): raise AssertionError("a pickle was loaded")
kept = pickle.load  # Numba reads its own compile cache with it, later
pickle.load = cloudpickle.load = refuse
mlflow.set_tracking_uri(sys.argv[1]); mlflow.set_registry_uri(sys.argv[1])
rows = [["a", 0, 0, 200, 0.0], ["b", 3, 90, 120, 20.0]]
frame = pd.DataFrame(rows, columns=["customer_id", "frequency", "recency", "T", "monetary_value"])
model = mlflow.pyfunc.load_model("models:/clv@challenger")
pickle.load = kept
print(model.predict(frame, params={"horizon_days": 90})["clv"].gt(0).all())
"""
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [sys.executable, "-c", script, trained.store],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=trained.folder,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_the_models_folder_is_small_pinned_and_untouched_by_loading(trained: Ran, evidence: registry.Evidence) -> None:
    (folder,) = (path.parent for path in trained.folder.rglob("MLmodel"))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000
    requirements = (folder / "requirements.txt").read_text().split()
    assert sorted(line.split("==")[0] for line in requirements) == ["mlflow", "numba", "numpy", "pandas"]
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pyc", ".nbi", ".nbc"}]
