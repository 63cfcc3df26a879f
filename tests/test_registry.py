"""The registered model: its alias, its own code, its cache."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from stores import put_store

from tenure import registry
from tenure.posterior import Posterior
from tenure.record import Dataset, Record
from tenure.registry import packing
from tenure.registry.aliases import NoModelError, find_version
from tenure.registry.store import client
from tenure.scorer import Scorer

type Add = Callable[..., registry.Registered]

CUSTOMERS = pd.DataFrame(
    {"customer_id": ["a", "b"], "frequency": [0, 3], "recency": [0, 90], "T": [200, 120], "monetary_value": [0.0, 20.0]}
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder of this test alone; a scorer that is copied there is compiled again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def add(tmp_path: Path, posterior: Posterior, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Register versions in a store of this test alone."""
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    registry.use(put_store(tmp_path))
    mlflow.set_experiment("test")

    def register(verdict: str, posterior: Posterior = posterior) -> registry.Registered:
        with mlflow.start_run() as run:
            return registry.register(
                posterior, "clv", run_id=run.info.run_id, verdict=verdict, validated_horizon_days=365, tags={}
            )

    yield register
    registry.use(before)


def test_the_first_pass_becomes_champion_and_the_next_a_challenger(add: Add) -> None:
    assert [add(verdict).alias for verdict in ("REVIEW", "PASS", "PASS")] == ["challenger", "champion", "challenger"]
    assert [add("REVIEW").replaced, add("PASS").replaced] == [3, 4]
    aliases = client().get_registered_model("clv").aliases
    assert {name: int(number) for name, number in aliases.items()} == {"champion": 2, "challenger": 5}
    assert registry.find_version("models:/clv/2").tags["promotion.because"] == "the first to pass"


TAKEN = "BAD_REQUEST: (sqlite3.IntegrityError) UNIQUE constraint failed: datasets.experiment_id, datasets.name"
OF_POSTGRESQL = '(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint "dataset_pk"'


@pytest.mark.parametrize(("message", "times"), [(TAKEN, 1), (OF_POSTGRESQL, 1), (TAKEN, 2), ("disk I/O error", 1)])
@pytest.mark.usefixtures("add")
def test_a_dataset_that_another_run_added_meanwhile_is_logged_once_more(
    message: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_input, fail = mlflow.log_input, iter(range(times))

    def add_dataset(*arguments: Any, **options: Any) -> None:
        if next(fail, None) is not None:
            raise MlflowException(message)
        log_input(*arguments, **options)

    monkeypatch.setattr(mlflow, "log_input", add_dataset)
    is_mended = times == 1 and message in {TAKEN, OF_POSTGRESQL}
    with (
        mlflow.start_run() as run,
        nullcontext() if is_mended else pytest.raises(MlflowException, match=re.escape(message)),
    ):
        registry.log_record(Record(dataset=Dataset("sales.csv", "5" * 64, "training")))
    datasets = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert [one.dataset.digest for one in datasets] == (["5" * 32] if is_mended else [])


def test_the_model_answers_by_the_purchase_model_of_its_posterior(add: Add, posterior: Posterior) -> None:
    modified = replace(posterior, purchase_model="mbg_nbd")
    add("PASS", modified)
    answer = mlflow.pyfunc.load_model("models:/clv@champion").predict(CUSTOMERS)
    pd.testing.assert_frame_equal(answer, Scorer(modified).score(CUSTOMERS).table, check_exact=True)
    assert (answer["p_alive"] < 1).all()


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Register code that differs from the installed one, as that of an earlier version does."""
    other = tmp_path / "other"
    shutil.copytree(packing.PACKAGE, other, ignore=shutil.ignore_patterns("__pycache__"))
    errors = other / "errors.py"
    errors.write_text(f"# An earlier version.\n{errors.read_text()}")
    monkeypatch.setattr(packing, "PACKAGE", other)
    return other


def test_a_model_of_the_installed_code_uses_it_and_compiles_nothing_again(
    add: Add, cache: Path, posterior: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("tenure_scorer_")]:
        monkeypatch.delitem(sys.modules, name)
    add("PASS")
    loaded = registry.load("models:/clv@champion").scorer
    assert type(loaded) is Scorer
    assert not [name for name in sys.modules if name.startswith("tenure_scorer_")]
    assert not cache.exists()
    pd.testing.assert_frame_equal(
        loaded.score(CUSTOMERS).table, Scorer(posterior).score(CUSTOMERS).table, check_exact=True
    )


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
def test_two_versions_answer_with_their_own_code(add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    shutil.copytree(packing.PACKAGE, other, ignore=shutil.ignore_patterns("__pycache__"))
    columns = other / "scorer" / "columns.py"
    columns.write_text(columns.read_text().replace('"clv_mean_high"', '"clv_mean_top"'))
    add("PASS")
    monkeypatch.setattr(packing, "PACKAGE", other)
    add("PASS")
    loaded = [mlflow.pyfunc.load_model(f"models:/clv/{number}") for number in (1, 2)]
    answers = [model.predict(CUSTOMERS) for model in [*loaded, loaded[0]]]
    assert [answer.columns[-1] for answer in answers] == ["clv_mean_high", "clv_mean_top", "clv_mean_high"]


@pytest.mark.usefixtures("older")
@pytest.mark.slow
def test_the_model_works_where_no_cache_can_be_written(
    add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, where a folder would have to be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    add("PASS")
    answer = mlflow.pyfunc.load_model("models:/clv@champion").predict(CUSTOMERS)
    assert (answer["clv"] > 0).all()
    assert not list(tmp_path.rglob("__pycache__"))  # nor is anything written beside the model


@pytest.mark.slow
@pytest.mark.usefixtures("older")
def test_a_cache_that_holds_something_else_is_not_believed(
    add: Add, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> mlflow.pyfunc.PyFuncModel:
        for name in [name for name in sys.modules if name.startswith("tenure_scorer_")]:
            monkeypatch.delitem(sys.modules, name)  # as in a new process
        return mlflow.pyfunc.load_model("models:/clv@champion")

    add("PASS")
    load()
    (code,) = (cache / "tenure").iterdir()
    (code / "posterior.py").write_text("raise ImportError('someone was here')")
    assert (load().predict(CUSTOMERS)["clv"] > 0).all()


def test_a_notebook_finds_the_store_that_the_environment_names_or_that_lies_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    inside = tmp_path / "notebooks"
    inside.mkdir()
    assert registry.find_store(inside) == f"sqlite:///{inside / 'mlflow.db'}"
    (tmp_path / "mlflow.db").touch()
    assert registry.find_store(inside) == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (inside / "mlflow.db").touch()
    assert registry.find_store(inside) == f"sqlite:///{inside / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert registry.find_store(inside) == "sqlite:///elsewhere.db"


@pytest.mark.parametrize(
    ("number", "meant"),
    [("0a1b" * 8, "runs:/" + "0a1b" * 8), ("1234" * 8, "runs:/" + "1234" * 8), ("champion", "models:/clv@champion")],
)
def test_an_id_or_an_alias_in_the_place_of_a_number_is_named_as_it_is_written(number: str, meant: str) -> None:
    with pytest.raises(NoModelError, match=rf"Did you mean {meant}\?$"):
        find_version(f"models:/clv/{number}")


@pytest.mark.parametrize("number", ["01", "0", "-1", "1" * 12])
def test_a_number_that_is_none_has_no_alias_hint(number: str) -> None:
    with pytest.raises(NoModelError, match=r"an alias follows an @\.$"):
        find_version(f"models:/clv/{number}")
