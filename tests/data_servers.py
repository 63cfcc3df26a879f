"""Servers that hold data, on loopback: PostgreSQL and moto's S3, in processes that tests end by their ids.

`Gate` is a server before S3's, at which a test can stop a job while it writes.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from glob import glob
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

START = 120  # seconds, on a busy machine
LENGTHS = ("connection", "expect", "transfer-encoding", "content-length")  # headers of one connection
MOTO = "moto[server,s3]>=5.1,<6"


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs."""
    on_path = shutil.which("initdb")
    places = [str(Path(on_path).parent)] if on_path else sorted(glob("/usr/lib/postgresql/*/bin"))
    return Path(places[-1]) if places else None


def missing_postgres() -> str | None:
    """Return why there is no PostgreSQL here; None where there can be one."""
    if importlib.util.find_spec("duckdb_extension_postgres_scanner") is None:
        return "DuckDB's extensions are not installed: uv sync --group sources"
    if binaries() is None or shutil.which("psql") is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    return None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _as_postgres(command: list[str]) -> list[str]:
    """Return a command for the user postgres, since the server does not start as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.getuid() == 0 else command


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """Run a server; yield libpq's variables of its superuser. The role `guarded` needs a password."""
    programs = binaries()
    assert programs is not None
    folder, port = Path(f"/tmp/tenure-test-pg-{os.getpid()}-{time.time_ns()}"), free_port()
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    data = folder / "data"
    initdb = [f"{programs}/initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
    subprocess.run(_as_postgres(initdb), check=True, capture_output=True)
    rules = (data / "pg_hba.conf").read_text()
    (data / "pg_hba.conf").write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{rules}")
    options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            _as_postgres([f"{programs}/postgres", "-D", str(data), *options]), stderr=log, stdout=log
        )
    variables = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    try:
        _wait(lambda: _is_ready(variables))
        yield variables
    finally:
        pid = (data / "postmaster.pid").read_text().split()[0] if (data / "postmaster.pid").exists() else None
        if pid is not None:
            subprocess.run(["kill", "-INT", pid], check=False)
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _is_ready(variables: dict[str, str]) -> bool:
    asked = ["psql", "-c", "select 1"]
    return subprocess.run(asked, check=False, env=os.environ | variables, capture_output=True).returncode == 0


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    """Run moto's server; yield AWS's variables. It is installed beside the project, from the cache of uv."""
    port = free_port()
    run = ["uv", "run", "-q", "--no-project", "--python", sys.executable, "--with", MOTO, "moto_server"]
    server = subprocess.Popen(
        [*run, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(lambda: _answers(address) or server.poll() is not None)
        if server.poll() is not None:
            raise RuntimeError("moto cannot be started")
        yield {
            "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "S3CRET",
            "AWS_REGION": "us-east-1",
        }  # fmt: skip
    finally:
        server.terminate()
        server.wait(30)


class Gate(ThreadingHTTPServer):
    """A server that hands requests on to another one, and keeps those that write an object whose key has a text.

    Attributes:
        kept: the text; empty: nothing is kept.
        reached: set by the first request that is kept.
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handed)
        self.behind = urlsplit(address).netloc
        self.kept, self.reached, self.closed = "", threading.Event(), threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are killed."""


class _Handed(BaseHTTPRequestHandler):
    """A request that is handed on."""

    protocol_version = "HTTP/1.1"
    server: Gate

    def _hand_on(self) -> None:
        body = self._body()
        if self.server.kept and self.server.kept in self.path and self.command in ("PUT", "POST", "DELETE"):
            self.server.reached.set()
            self.server.closed.wait()
            self.close_connection = True
            return
        with closing(HTTPConnection(self.server.behind, timeout=60)) as connection:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in LENGTHS}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in LENGTHS:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # what follows the last chunk
            pass
        return b"".join(chunks)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _hand_on  # noqa: N815 (names of the library)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def gate(address: str) -> Iterator[Gate]:
    """Run a gate before the server at an address."""
    with Gate(address) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closed.set()
            server.shutdown()
            thread.join()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/moto-api/", timeout=2):
            return True
    except OSError:
        return False


def _wait(is_ready: Callable[[], bool]) -> None:
    end = time.monotonic() + START
    while not is_ready():
        if time.monotonic() > end:
            raise RuntimeError(f"the server was not ready in {START} seconds")
        time.sleep(0.2)
