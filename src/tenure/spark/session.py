"""The Spark session: opened, watched, closed. Only what Spark Connect has too is used: data frames, no context."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ..settings import SparkSettings
from .errors import SparkError, in_words

QUIET = "spark.log.level"
LOOKS = 20  # at the folder, within the patience
PORT = 15002  # of Spark Connect, where the address has none
ANSWER_SECONDS = 30
# As files of other programs are read on one machine: their time stamps may have nanoseconds.
READING = {"spark.sql.session.timeZone": "UTC", "spark.sql.legacy.parquet.nanosAsLong": "true"}


@contextmanager
def open_session(settings: SparkSettings) -> Iterator[SparkSession]:
    """Yield a session; one that was active before stays open.

    Raises SparkError where there is none, or no cluster answers.
    """
    is_own = settings.master is not None or settings.remote is not None
    _require_java(settings)
    _require_answer(settings)
    with in_words("The Spark session cannot be opened"):
        session = _open(settings)
    try:
        for name, value in READING.items():
            with suppress(PySparkException):  # a managed service fixes some settings
                session.conf.set(name, value)
        yield session
    finally:
        if is_own:
            with suppress(Exception):  # the cluster is gone
                session.stop()


def _open(settings: SparkSettings) -> SparkSession:
    builder = SparkSession.builder.appName("tenure-score").config("spark.ui.showConsoleProgress", "false")
    if settings.remote is not None:
        builder = builder.remote(settings.remote)
    elif settings.master is not None:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # for executors that share this environment's path
        builder = builder.master(settings.master)
    for name, value in settings.config.items():
        builder = builder.config(name, value)
    before = signal.getsignal(signal.SIGINT)
    try:
        if QUIET in settings.config:
            return builder.getOrCreate()
        with _silenced():
            return builder.config(QUIET, "OFF").getOrCreate()
    finally:
        with suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, before)  # Spark replaces it


def _require_java(settings: SparkSettings) -> None:
    starts = settings.master is not None or (settings.remote or "").startswith("local")
    if starts and "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        raise SparkError("There is no Java, which Spark needs: install version 17, or use spark.remote=sc://host:port.")


def _require_answer(settings: SparkSettings) -> None:
    """Raise SparkError where nothing answers at the address of Spark Connect, whose client tries for ten minutes."""
    remote = settings.remote or ("" if settings.master else os.environ.get("SPARK_REMOTE", ""))
    if not remote.startswith("sc://") or getproxies():  # a proxy answers for the address
        return
    try:
        address = urlsplit(remote)
        host, port = address.hostname or "", address.port or PORT
        socket.create_connection((host, port), timeout=ANSWER_SECONDS).close()
    except ValueError:  # Spark says what is wrong with the address
        return
    except OSError as error:
        raise SparkError(
            f"The Spark session cannot be opened: nothing answers at {host}:{port} ({error.strerror or error})."
            " Is the address right, and is Spark Connect running there?"
        ) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Send what a process that is started here writes to stderr nowhere: Spark's greetings and stack traces."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def watched(session: SparkSession, seconds: int, folder: Path) -> Iterator[Callable[[], None]]:
    """Stop the work of a session, with an error, after so long a time in which nothing happens.

    Spark itself waits for ever for executors that are lost. What happens is a change in a folder, to which tasks write,
    or a call of the function that this yields.
    """
    ended, given_up, steps = threading.Event(), threading.Event(), [0]

    def advance() -> None:
        steps[0] += 1

    def watch() -> None:
        last, since = (_state(folder), steps[0]), time.monotonic()
        while not ended.wait(seconds / LOOKS):
            state, now = (_state(folder), steps[0]), time.monotonic()
            if state != last:
                last, since = state, now
            elif now - since > seconds:
                given_up.set()
                with suppress(Exception):
                    session.interruptAll()

    watcher = threading.Thread(target=watch, name="watch", daemon=True)
    watcher.start()
    try:
        yield advance
    except Exception as error:
        if given_up.is_set():
            raise SparkError(
                f"The Spark job was stopped: for {seconds:,} seconds none of its tasks has finished. Are there"
                " executors, and are they alive? spark.patience_seconds is how long to wait."
            ) from error
        raise
    finally:
        ended.set()
        watcher.join()


def _state(folder: Path) -> frozenset[tuple[str, int]]:
    """Return the files of a folder with their sizes."""
    files = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # removed meanwhile
            files.append((str(path), path.stat().st_size))
    return frozenset(files)
