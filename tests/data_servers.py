"""Servers that hold data, on loopback: PostgreSQL and moto's S3, in processes that tests end by their ids."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

START = 120  # seconds, on a busy machine
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
