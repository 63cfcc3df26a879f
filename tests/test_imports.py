"""What importing each part of the package imports with it: one process, part after part, answers every question."""

import json
import subprocess
import sys
from typing import Any

import pytest

STAGES = """
import json, sys
parts = {}
def note(part, **more):
    parts[part] = {"modules": sorted(sys.modules), **more}

import tenure
note("package", names=dir(tenure))

import numba, numba.core.caching as caching
def configuration():
    return (
        {key: repr(value) for key, value in vars(numba.config).items() if key.isupper()},
        list(caching.CacheImpl._locator_classes),
        caching.FunctionCache._impl_class,
    )
before = configuration()
import tenure.scorer, tenure.fit
note("fit", is_numba_unchanged=configuration() == before)

import pandas as pd
rows = [(f"c{i}", f"2020-{1 + m:02}-{1 + i % 28:02}", 5.0 + i + m) for i in range(60) for m in range(1 + i % 9)]
log = pd.DataFrame(rows, columns=["customer_id", "date", "amount"])
tenure.CLV(method="laplace", draws=250, joint_draws=200).fit(log).score(horizon_days=30)
try:
    tenure.scores
except AttributeError as error:
    note("estimator", error=str(error))

import tenure.pipeline
note("pipeline")
import tenure.jobs.scoring
note("scoring")
print(json.dumps(parts))
"""


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    """Import part after part; what a part may not import is not there after the parts before it either."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", STAGES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))  # so that nothing else is printed


def imported(parts: dict[str, Any], part: str, *names: str) -> list[str]:
    return [name for name in names if name in parts[part]["modules"]]


def test_an_import_is_light_and_so_is_a_fit_that_needs_no_sampler(parts: dict[str, Any]) -> None:
    heavy = ("hydra", "omegaconf", "mlflow", "pymc", "pytensor", "matplotlib")
    assert imported(parts, "package", *heavy, "numba", "ibis", "pandas") == []
    public = {"CLV", "Scores", "Training", "load", "summarize", "train"}
    assert public <= set(parts["package"]["names"])
    assert imported(parts, "estimator", *heavy) == []
    assert parts["estimator"]["error"] == "module 'tenure' has no attribute 'scores'"


def test_importing_the_fit_imports_no_sampler(parts: dict[str, Any]) -> None:
    """What a user waits for: PyMC and ArviZ each take longer to import than a posterior to find."""
    samplers = ("pymc", "pytensor", "pymc_marketing", "nutpie")
    others = ("arviz", "arviz_stats", "xarray", "matplotlib", "mlflow")
    assert imported(parts, "fit", *samplers, *others) == []


def test_numbas_configuration_is_not_changed(parts: dict[str, Any]) -> None:
    assert parts["fit"]["is_numba_unchanged"]


def test_the_pipeline_imports_neither_the_store_nor_figures(parts: dict[str, Any]) -> None:
    assert imported(parts, "pipeline", "mlflow", "matplotlib") == []


def test_scoring_on_one_machine_imports_nothing_of_spark_s(parts: dict[str, Any]) -> None:
    assert imported(parts, "scoring", "tenure.spark") == []  # MLflow imports pyspark itself
