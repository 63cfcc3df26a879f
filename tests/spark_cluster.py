"""A standalone Spark cluster on loopback: a master, and two workers of one core each, in processes of their own."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

START = 180  # seconds, on a busy machine
SESSION = (
    "spark.config={spark.driver.host: 127.0.0.1, spark.driver.bindAddress: 127.0.0.1, spark.executor.memory: 1g,"
    " spark.executor.cores: '1', spark.ui.enabled: 'false'}"
)


def missing() -> str | None:
    """Return why there is no cluster here; None where there can be one."""
    if importlib.util.find_spec("pyspark") is None:
        return "pyspark is not installed: uv sync --group spark"
    return None if shutil.which("java") else "Java is not installed"


@dataclass
class Cluster:
    """The processes of a cluster, which are ended by their ids."""

    folder: Path
    master: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the master and both workers, and wait for them."""
        port, ui = free_port(), free_port()
        self.master = f"spark://127.0.0.1:{port}"
        self._run("master", "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(ui))
        wait_for(lambda: is_open(port))
        for name in ("worker 1", "worker 2"):
            self.start_worker(name)

    def start_worker(self, name: str) -> None:
        """Start a worker, and wait until the master has it."""
        options = ("--host", "127.0.0.1", "--cores", "1", "--memory", "2g", "--webui-port", str(free_port()))
        self._run(name, "worker.Worker", *options, self.master)
        log = self.folder / f"{name}.log"
        wait_for(lambda: "Successfully registered with master" in log.read_text())

    def kill(self, name: str) -> None:
        """End a worker without warning."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
        self.processes.clear()

    def errors(self) -> str:
        """Return what all executors so far have written to stderr."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("work */app-*/*/stderr")))

    def _run(self, name: str, role: str, *options: str) -> None:
        import pyspark

        home = str(Path(pyspark.__file__).parent)
        environment = {
            **os.environ,
            "SPARK_HOME": home,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_WORKER_DIR": str(self.folder / f"work {name}"),
        }
        arguments = [f"{home}/bin/spark-class", "-Xmx256m", f"org.apache.spark.deploy.{role}", *options]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                arguments, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    """Yield a running cluster, whose logs are in a folder."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def is_open(port: int) -> bool:
    """Return whether something listens at a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(is_there) -> None:
    """Wait until a condition holds, for `START` seconds."""
    end = time.monotonic() + START
    while not is_there():
        if time.monotonic() > end:
            raise TimeoutError("The Spark cluster does not start.")
        time.sleep(0.3)
