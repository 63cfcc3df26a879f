"""A store that is not there, or damaged: commands that read one create none, and neither does the Python API."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from job_runs import Ran, in_process
from servers import closed_port

import tenure
from tenure import registry
from tenure.errors import InputError
from tenure.registry import NoModelError, StoreDamagedError, StoreMissingError, StoreUnreachableError
from tenure.settings import RegistrySettings

RUN = "0a1b" * 8
READERS = {
    "score": ("output=scores.parquet",),
    "promote": ("model=models:/clv@challenger", "by=ann"),
    "report": ("model=models:/clv@challenger", "output=report.html"),
}


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    yield
    registry.use(before)


def settings(uri: str) -> RegistrySettings:
    return RegistrySettings(tracking_uri=uri)


@pytest.mark.parametrize("name", READERS)
def test_a_command_that_reads_a_store_creates_none(name: str, tmp_path: Path) -> None:
    ran: Ran = in_process(name, *READERS[name], folder=tmp_path)
    assert ran.code == 5
    assert f"There is no store at {tmp_path / 'mlflow.db'}: the file does not exist." in ran.err
    for words in ("MLFLOW_TRACKING_URI", "registry.tracking_uri", "relative to the working directory"):
        assert words in ran.err
    assert "\n" not in ran.err
    assert ran.left == []


@pytest.mark.parametrize("name", READERS)
def test_a_store_without_the_model_is_still_exit_code_four(name: str, tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    ran = in_process(name, *READERS[name], folder=tmp_path)
    assert ran.code == 4
    assert "model" in ran.err


@pytest.mark.parametrize(
    "uri", ["sqlite:///mlflow.db", "sqlite:///no/such/volume/mlflow.db", "sqlite:////nowhere/m.db"]
)
def test_a_missing_file_and_a_missing_folder_stay_missing(uri: str, tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match=r"There is no store at .*relative to the working directory") as missing:
        registry.connect(settings(uri), must_exist=True)
    assert missing.value.exit_code == 5
    assert list(tmp_path.iterdir()) == []


def test_the_store_of_the_environment_is_looked_for_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere.db")
    with pytest.raises(StoreMissingError, match=r"elsewhere\.db"):
        registry.connect(settings("sqlite:///mlflow.db"), must_exist=True)
    assert list(tmp_path.iterdir()) == []


def empty(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE orders (id INTEGER)")


@pytest.mark.parametrize(
    ("make", "why"),
    [(empty, "the file is empty"), (folder, "is a folder"), (of_another_program, "has no tables of MLflow")],
)
def test_what_is_no_store_is_left_as_it_is(make: object, why: str, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    make(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreMissingError, match=why):
        registry.connect(settings("sqlite:///mlflow.db"), must_exist=True)
    assert [each.name for each in tmp_path.iterdir()] == ["mlflow.db"]
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize("must_exist", [True, False])
def test_a_damaged_file_is_exit_code_five(must_exist: bool, tmp_path: Path, empty_store: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but it is long enough to be read as one" * 20)
    whole = empty_store.read_bytes()
    (tmp_path / "torn.db").write_bytes(whole[:100] + b"\xff" * 8000 + whole[8100:])
    for name in ("text.db", "torn.db"):
        with pytest.raises(StoreDamagedError, match="is damaged, or no database") as damaged:
            registry.connect(settings(f"sqlite:///{tmp_path}/{name}"), must_exist=must_exist)
        assert damaged.value.exit_code == 5
        assert "\n" not in str(damaged.value)


def test_a_store_that_exists_is_used(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    assert registry.connect(settings("sqlite:///mlflow.db"), must_exist=True) == "sqlite:///mlflow.db"


@pytest.mark.parametrize("uri", ["models:/clv@champion", "models:/clv/3", f"runs:/{RUN}", RUN])
def test_the_python_api_loads_from_a_store_that_is_there_and_creates_none(
    uri: str, tmp_path: Path, empty_store: Path
) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_registry_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(StoreMissingError, match="There is no store at"):
        tenure.load(uri)
    assert list(tmp_path.iterdir()) == []
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    with pytest.raises(NoModelError, match=r"There is no (model|models:/|run)") as missing:
        tenure.load(uri)
    assert (missing.value.exit_code, "\n" in str(missing.value)) == (4, False)


@pytest.mark.parametrize("uri", ["models:/clv@champion", f"runs:/{RUN}"])
@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_the_python_api_reports_a_store_that_does_not_answer_in_one_line(uri: str, scheme: str) -> None:
    mlflow.set_tracking_uri(f"{scheme}://{closed_port()}/x")
    mlflow.set_registry_uri(f"{scheme}://{closed_port()}/x")
    with pytest.raises(InputError, match="cannot be reached") as lost:
        tenure.load(uri)
    assert isinstance(lost.value, StoreUnreachableError)
    assert (lost.value.exit_code, "\n" in str(lost.value)) == (5, False)
