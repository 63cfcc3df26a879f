"""A real MLflow server, for tests that need its pages or its races, and servers that fail in one way each."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


@contextmanager
def silent_server() -> Iterator[str]:
    """Accept connections and never answer; yield host and port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def closed_port() -> str:
    """Return a host and a port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def answering_server(status: int, content: bytes = b"{}", kind: str = "application/json") -> Iterator[str]:
    """Answer every request alike; yield host and port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Handler) as address:
        yield address


@contextmanager
def losing_server(behind: str, path: str) -> Iterator[str]:
    """Pass requests on to a server, and lose its answer to the first one whose path ends so."""
    lost: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            with closing(http.client.HTTPConnection(behind.removeprefix("http://"), timeout=60)) as onward:
                onward.request(self.command, self.path, content, headers)
                answer = onward.getresponse()
                body = answer.read()
            if self.path.split("?")[0].endswith(path) and not lost:
                lost.append(self.path)
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Handler) as address:
        yield f"http://{address}"


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


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
