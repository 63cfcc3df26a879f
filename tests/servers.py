"""A real MLflow server, for tests that need its pages or its races."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Serve a fresh store by MLflow itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = ("127.0.0.1", free.getsockname()[1])
    store = ["--backend-store-uri", f"sqlite:///{folder}/ui.db", "--artifacts-destination", str(folder / "kept")]
    asked = [sys.executable, "-m", "mlflow", "server", *store, "--host", address[0], "--port", str(address[1])]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with (folder / "server.log").open("w") as said:
        started = subprocess.Popen(
            [*asked, "--workers", "1"], env=environment, stdout=said, stderr=said, start_new_session=True
        )
    uri = f"http://{address[0]}:{address[1]}"
    try:
        _await(lambda: urllib.request.urlopen(f"{uri}/health", timeout=5).status == 200, seconds=180)
        yield uri
    finally:
        os.killpg(started.pid, signal.SIGTERM)
        started.wait(30)


def _await(is_ready: Callable[[], bool], seconds: int) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            assert is_ready()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
