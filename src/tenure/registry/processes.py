"""Close the runs and logged models that killed processes left open."""

import hashlib
import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Run
from mlflow.exceptions import MlflowException

MACHINE, PID, STARTED, BOOT = "tenure.machine", "tenure.pid", "tenure.process_started", "tenure.boot"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SAME_SECONDS = 1.0  # within which two starts of a process number are one
NEWEST = 100  # logged models that are looked at
log = logging.getLogger("tenure")


def process_tags() -> dict[str, str]:
    """Return tags that identify this process, so that a later one can check whether it is alive."""
    pid = os.getpid()
    return {MACHINE: _machine(), PID: str(pid), STARTED: f"{started(psutil.Process(pid)):.2f}", BOOT: _boot()}


def started(process: psutil.Process) -> float:
    """Return when a process started: in seconds since the machine did, which no change of the clock moves.

    Where starts of the machine have no id, in seconds since 1970.
    """
    seconds = float(process.create_time())
    return seconds - float(psutil.boot_time()) if _boot() else seconds


def close_dead_runs(client: MlflowClient, experiment_id: str) -> list[str]:
    """Mark the open runs of dead processes of this machine KILLED, and their open logged models FAILED.

    Runs of other machines and containers, and runs without our tags, stay as they are. Returns the ids of the runs.
    """
    filters = f"attributes.status = 'RUNNING' and tags.`{MACHINE}` = '{_machine()}'"
    dead = [run.info.run_id for run in _all_runs(client, experiment_id, filters) if is_alive(run.data.tags) is False]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    if dead:
        log.warning("%d runs of processes that were killed are marked KILLED; first: %s", len(dead), dead[0])
    newest = [{"field_name": "creation_time", "ascending": False}]
    # MLflow finds no model by its status: the store holds a number, and a filter has to be a text.
    for model in client.search_logged_models([experiment_id], max_results=NEWEST, order_by=newest):
        is_open = model.status == LoggedModelStatus.PENDING
        if is_open and model.source_run_id and _is_left(client, model.source_run_id):
            client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED)
    return dead


def is_alive(tags: Mapping[str, str]) -> bool | None:
    """Return whether the process of `process_tags` is alive; None where that cannot be determined from here.

    Number and start are compared: a number alone may belong to another process by now.
    """
    if tags.get(MACHINE) != _machine():
        return None
    if tags.get(BOOT, "") != _boot():
        return False if BOOT in tags else None
    try:
        process = psutil.Process(int(tags[PID]))
        is_same = abs(started(process) - float(tags[STARTED])) <= SAME_SECONDS
        return is_same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except (KeyError, ValueError, OverflowError, psutil.Error):
        return None


def _is_left(client: MlflowClient, run_id: str) -> bool:
    try:
        return is_alive(client.get_run(run_id).data.tags) is False
    except MlflowException:
        return False  # deleted for good


def _all_runs(client: MlflowClient, experiment_id: str, filters: str) -> list[Run]:
    page = client.search_runs([experiment_id], filters)
    runs = list(page)
    while page.token:
        page = client.search_runs([experiment_id], filters, page_token=page.token)
        runs += page
    return runs


def _boot() -> str:
    """Return the id of the machine's present start; empty where there is none."""
    with suppress(OSError):
        return BOOT_ID.read_text().strip()
    return ""


def _machine() -> str:
    """Return a digest of the machine and, in a container, of its process namespace."""
    names = [socket.gethostname()]
    with suppress(OSError):
        names.append(Path("/etc/machine-id").read_text().strip())
    with suppress(OSError):
        names.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
