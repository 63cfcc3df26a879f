"""Servers and databases that do not answer, or not as they should: reported in seconds, in one line, exit code 5."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
import sqlalchemy
from cases import few
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from servers import answering_server, closed_port, losing_server, silent_server

from tenure import registry
from tenure.jobs import app
from tenure.jobs.result_file import ResultFile
from tenure.registry import RegistryError, StoreUnreachableError, aliases, servers
from tenure.settings import RegistrySettings, TrainSettings

SECRET = "S3CRET"
QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
LOGIN = b"<html><form action=/login></form></html>"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    for name in ("MLFLOW_TRACKING_URI", *servers.LIMITS):
        monkeypatch.setenv(name, "x")  # so that monkeypatch restores what the code sets by itself
        monkeypatch.delenv(name)
    yield
    registry.use(before)


def settings(uri: str) -> RegistrySettings:
    return replace(TrainSettings().registry, tracking_uri=uri)


def refusal(uri: str) -> RegistryError:
    started = time.monotonic()
    with pytest.raises(RegistryError) as refused:
        registry.connect(settings(uri))
    assert time.monotonic() - started < 15
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value


SERVERS: list[tuple[str, Callable[[], AbstractContextManager[str]], str]] = [
    ("refused", lambda: nullcontext(closed_port()), "cannot be reached: the connection is refused"),
    ("unknown", lambda: nullcontext("no-such-host.invalid"), "cannot be reached"),
    ("silent", silent_server, "does not answer"),
    ("500", lambda: answering_server(500, b"oops"), "answers with status 500"),
    ("503", lambda: answering_server(503, b"oops"), "answers with status 503"),
    ("404", lambda: answering_server(404, LOGIN, "text/html"), "answers with status 404"),
    ("401", lambda: answering_server(401, b"who?"), "refuses access with status 401: set MLFLOW_TRACKING_USERNAME"),
    ("403", lambda: answering_server(403, b"no"), "refuses access with status 403"),
    ("login page", lambda: answering_server(200, LOGIN, "text/html"), "a page that is not MLflow's"),
    ("other JSON", lambda: answering_server(200, b"[1]"), "a page that is not MLflow's"),
]  # fmt: skip


@pytest.mark.parametrize(("serve", "words"), few([case[1:] for case in SERVERS], 3), ids=[case[0] for case in SERVERS])
def test_a_server_that_does_not_serve_is_reported_in_seconds(
    serve: Callable[[], AbstractContextManager[str]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "FIRST_ANSWER_SECONDS", 2.0)
    with serve() as address:
        refused = refusal(f"http://ann:{SECRET}@{address}")
    assert isinstance(refused, StoreUnreachableError)
    assert refused.exit_code == 5
    assert words in str(refused)
    assert f"http://ann:***@{address}" in str(refused)


@pytest.mark.parametrize("scheme", few(["postgresql", "postgresql+psycopg2", "mysql+pymysql"], 1))
def test_a_database_that_refuses_is_reported_in_seconds(scheme: str) -> None:
    refused = refusal(f"{scheme}://ann:{SECRET}@{closed_port()}/mlflow?password={SECRET}")
    assert isinstance(refused, StoreUnreachableError)
    assert "cannot be reached" in str(refused)
    assert "ann:***@" in str(refused)


def test_a_database_that_does_not_answer_is_reported_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is left out: it waits for an answer that never comes."""
    monkeypatch.setattr(servers, "FIRST_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(servers.sqlalchemy, "create_engine", lambda *_, **__: time.sleep(20))
    with silent_server() as address:
        refused = refusal(f"postgresql://ann:{SECRET}@{address}/mlflow")
    assert isinstance(refused, StoreUnreachableError)
    assert "does not answer within 1 seconds" in str(refused)


def test_a_database_without_its_driver_is_a_setting_to_change() -> None:
    with silent_server() as address:
        refused = refusal(f"postgresql://ann:{SECRET}@{address}/mlflow")
    assert refused.exit_code == 2
    assert "uv pip install psycopg" in str(refused)


def test_a_server_that_is_lost_is_asked_again_as_often_as_stated_with_a_line_each(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    caplog.set_level(logging.DEBUG)
    for serve in (lambda: nullcontext(closed_port()), lambda: answering_server(500)):
        caplog.clear()
        with serve() as address:
            registry.use(f"http://{address}")
            with pytest.raises(MlflowException) as lost:
                mlflow.get_run("0" * 32)
        lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert lines == [f"the tracking server does not answer: retry {number} of 2" for number in (1, 2)]
        words = registry.in_words(lost.value)
        assert isinstance(words, StoreUnreachableError)
        assert f"http://{address}" in str(words)
    assert "Incremented" not in caplog.text  # urllib3's own lines


def test_retries_are_limited_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
    registry.use("sqlite:///nowhere.db")
    assert {name: os.environ[name] for name in servers.LIMITS} == servers.LIMITS | {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "9"
    }
    with servers.patience() as end:
        end()
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"


def test_mlflow_prints_no_address_of_a_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It would hold the password of the server's address, and come before the run ends."""
    monkeypatch.setenv(QUIET, "x")  # so that monkeypatch restores what the code sets by itself
    monkeypatch.delenv(QUIET)
    with answering_server(200, b"{}", "application/json") as address:
        registry.use(f"http://ann:{SECRET}@{address}")
        MlflowClient()._tracking_client._log_url("0" * 32)
    assert capsys.readouterr().out == ""


def test_a_run_whose_server_is_lost_is_closed_by_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    registry.use(f"sqlite:///{tmp_path / 'mlflow.db'}")
    store, asked = settings(f"sqlite:///{tmp_path / 'mlflow.db'}"), []

    def lose(*_: Any, **__: Any) -> None:
        asked.append(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"])
        raise MlflowException("API request failed") from requests.exceptions.ConnectionError("refused")

    def run() -> None:
        with registry.open_run(store, "score", "seed: 0"):
            monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", lose)
            monkeypatch.setattr(mlflow.MlflowClient, "log_batch", lose)
            mlflow.MlflowClient().log_batch("run")

    with pytest.raises(MlflowException) as raised:
        run()
    assert asked == ["5", "0"]
    assert isinstance(registry.in_words(raised.value), StoreUnreachableError)


def database_error(kind: type[sqlalchemy.exc.DBAPIError], engine: Exception) -> MlflowException:
    error = MlflowException("wrapped")
    error.__cause__ = kind("SELECT 1", {}, engine)
    return error


def sqlite(message: str) -> Exception:
    import sqlite3

    return sqlite3.OperationalError(message)


def raised_while_handled() -> Exception:
    error = KeyError("our own mistake")
    error.__context__ = MlflowException("handled")
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MlflowException(f"API request to http://ann:{SECRET}@h:1/api failed"), 2, "http://ann:***@h:1/api failed"),
        (MlflowException("API request to endpoint /api failed with error code 401 != 200."), 5, "status 401"),
        (MlflowException("failed with error code 503 != 200. Response body: ''"), 5, "status 503"),
        (requests.exceptions.ReadTimeout("Read timed out."), 5, "it does not answer"),
        (requests.exceptions.ConnectionError("Connection refused"), 5, "the connection is refused"),
        (database_error(sqlalchemy.exc.OperationalError, OSError("server closed the connection")), 5, "database"),
        (database_error(sqlalchemy.exc.OperationalError, sqlite("database is locked")), 5, "locked by another process"),
        (database_error(sqlalchemy.exc.OperationalError, sqlite("database or disk is full")), 2, "is full"),
        (database_error(sqlalchemy.exc.DatabaseError, sqlite("file is not a database")), 5, "file is not a database"),
        (database_error(sqlalchemy.exc.DatabaseError, sqlite("database disk image is malformed")), 5, "is damaged"),
        (ZeroDivisionError("our own mistake"), None, ""),
        (raised_while_handled(), None, ""),
    ],
)
def test_what_libraries_raise_is_one_line_and_an_exit_code(error: Exception, code: int | None, words: str) -> None:
    found = registry.in_words(error)
    if code is None:
        assert found is None
        return
    assert found is not None
    assert found.exit_code == code
    assert words in str(found)
    assert SECRET not in str(found)
    assert "\n" not in str(found)


def test_a_command_whose_store_is_lost_ends_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lost = MlflowException("API request to http://ann:S3CRET@h failed")
    lost.__cause__ = requests.exceptions.ConnectionError(f"http://ann:{SECRET}@h\nrefused")
    assert app._in_words(lost, ResultFile("score", [])) == 5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("error: ")
    error = ZeroDivisionError(f"sqlite:///x?password={SECRET}")
    assert app._in_words(error, ResultFile("score", [])) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said or "ZeroDivisionError" in said
    assert SECRET not in said


def test_a_model_on_a_lost_server_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry.use(f"http://{closed_port()}")
    for look in (
        lambda: registry.load("models:/clv@champion"), lambda: registry.load("models:/clv/1"),
        lambda: registry.load("0" * 32), lambda: registry.evidence("0" * 32),
        lambda: registry.evidence("models:/clv/1"),
    ):  # fmt: skip
        with pytest.raises(Exception, match="refused") as lost:
            look()
        assert isinstance(registry.in_words(lost.value), StoreUnreachableError)
        assert not isinstance(lost.value, aliases.NoModelError)


@pytest.mark.slow
def test_a_version_that_a_lost_answer_created_twice_is_marked(
    server: str, posterior: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with losing_server(server, "/model-versions/create") as address:
        registry.connect(settings(address))
        with registry.open_run(settings(address), "train", "seed: 0") as run:
            registered = registry.register(
                posterior, "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={}
            )
        assert registered.version == 2
        assert registered.alias == "champion"
        assert registry.find_version("models:/clv@champion").number == 2
        with pytest.raises(registry.NoModelError, match="is not complete"):
            registry.find_version("models:/clv/1")
        tags = mlflow.MlflowClient().get_model_version("clv", "1").tags
        assert tags["abandoned"] == "created twice, see version 2"
