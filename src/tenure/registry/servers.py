"""Reach a tracking server or database: one short request first, and retries that are limited and visible."""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy.engine import URL

from tenure.addresses import mask_address

from .errors import RegistryError, StoreUnreachableError, in_words, one_line, reason

# When a server is lost during a run: five retries after 0, 2, 4, 8 and 16 seconds. Half a minute where it refuses, and
# at most three and a half where it accepts each request and does not answer. MLflow's defaults are 4 and 20 minutes.
LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
FIRST_ANSWER_SECONDS = 10.0
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433}
SEARCH = "/api/2.0/mlflow/experiments/search"
log = logging.getLogger("tenure")


class _Retries(logging.Filter):
    """Filter that replaces the messages of urllib3 about retries, some of which are warnings and some not shown."""

    def filter(self, record: logging.LogRecord) -> bool:
        retry = record.args[-1] if isinstance(record.args, tuple) and record.args else None
        history = getattr(retry, "history", ())
        if history and not history[-1].redirect_location:
            done, left = len(history), int(getattr(retry, "total", 0) or 0)
            log.warning("the tracking server does not answer: retry %d of %d", done, done + left)
        return False


_RETRIES = _Retries()


def limit_retries() -> None:
    """Limit MLflow's retries, unless the environment sets its own limits, and log a line for each."""
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    retries = logging.getLogger("urllib3.util.retry")
    retries.setLevel(logging.DEBUG)
    retries.addFilter(_RETRIES)


@contextmanager
def patience() -> Iterator[Callable[[], None]]:
    """Yield a function that ends the retries: until the block is left each request is tried once, for 5 seconds."""
    before = {name: os.environ.get(name) for name in LIMITS}

    def end() -> None:
        os.environ.update({"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"})

    try:
        yield end
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})


def require_answer(uri: str) -> None:
    """Check that a server or a database answers, within seconds.

    Raises StoreUnreachableError where it does not.
    """
    if uri.startswith(("http://", "https://")):
        _within(FIRST_ANSWER_SECONDS, uri, lambda: _ask_server(uri))
        return
    url = database_url(uri)
    if url is not None and url.get_backend_name() != "sqlite":
        _within(FIRST_ANSWER_SECONDS, uri, lambda: _ask_database(uri, url))


def database_url(uri: str) -> URL | None:
    """Return the parts of a database's address; None where the address is of something else."""
    try:
        url = sqlalchemy.make_url(uri)
        return url if url.get_backend_name() in {*PORTS, "sqlite"} else None
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return None


def _within(seconds: float, uri: str, ask: Callable[[], None]) -> None:
    """Run a check in a thread, which is abandoned after the limit: lookups and drivers have no common timeout."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            ask()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise StoreUnreachableError(f"{_the(uri)} does not answer within {seconds:g} seconds.")
    for error in raised:
        raise in_words(error) or error


def _ask_server(uri: str) -> None:
    try:
        answer = http_request(
            get_default_host_creds(uri), SEARCH, "POST",
            max_retries=0, retry_codes=frozenset(), timeout=_patience(), json={"max_results": 1},
        )  # fmt: skip
    except Exception as error:
        cause = error.__cause__ or error.__context__ or error
        raise StoreUnreachableError(f"{_the(uri)} cannot be reached: {reason(cause)}.") from error
    _require_success(uri, answer)


def _require_success(uri: str, answer: Any) -> None:
    code = answer.status_code
    if code in {401, 403, 407}:
        hint = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        raise StoreUnreachableError(f"{_the(uri)} refuses access with status {code}: {hint}.")
    if code != 200:
        raise StoreUnreachableError(f"{_the(uri)} answers with status {code}: it is down, or no MLflow server.")
    try:
        is_mlflow = isinstance(answer.json(), dict)
    except ValueError:
        is_mlflow = False
    if not is_mlflow:
        raise StoreUnreachableError(
            f"{_the(uri)} answers with a page that is not MLflow's, such as a login page: check the address and access."
        )


def _patience() -> float:
    """Return the timeout of the first request: the user's own where it is shorter than the default."""
    return float(min(MLFLOW_HTTP_REQUEST_TIMEOUT.get(), FIRST_ANSWER_SECONDS))


def _ask_database(uri: str, url: URL) -> None:
    if url.host:
        try:
            port = url.port or PORTS[url.get_backend_name()]
            socket.create_connection((url.host, port), timeout=FIRST_ANSWER_SECONDS).close()
        except OSError as error:
            raise StoreUnreachableError(f"{_the(uri)} cannot be reached: {one_line(str(error))}.") from error
    try:
        sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect().close()
    except ModuleNotFoundError as error:
        raise RegistryError(f"{_the(uri)} needs a driver that is not installed: uv pip install {error.name}") from error


def _the(uri: str) -> str:
    kind = "tracking server" if uri.startswith("http") else "database"
    return f"The {kind} at {mask_address(uri)}"
