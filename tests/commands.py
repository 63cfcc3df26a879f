"""Commands in processes that begin with the imports done, which take seconds in which there is nothing to break.

A module of its own: such a process imports it by name, which it cannot do with a test file.
"""

import multiprocessing
import os
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

PREPARED = multiprocessing.get_context("forkserver")
PREPARED.set_forkserver_preload(["tenure.jobs.training", "tenure.jobs.scoring", "tenure.jobs.promoting"])


def begin(name: str, folder: Path, store: str, *changes: str) -> BaseProcess:
    """Begin a command, whose output goes to `out.txt` and `err.txt` of the folder."""
    process = PREPARED.Process(target=_be, args=(name, folder, store, changes))
    process.start()
    return process


def _be(name: str, folder: Path, store: str, changes: tuple[str, ...]) -> None:
    """Be a command from here on, with a temporary folder of its own."""
    from tenure.jobs import app

    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    os.environ |= {"MLFLOW_TRACKING_URI": store, "TMPDIR": str(folder / "tmp"), "MPLBACKEND": "agg"}
    tempfile.tempdir = None
    for number, kept in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = [f"tenure-{name}", *changes]
    getattr(app, name)()
