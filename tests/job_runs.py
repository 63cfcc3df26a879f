"""Jobs that tests run: in a process, without one, or once for all workers."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock
from omegaconf import OmegaConf

from tenure.errors import InputError
from tenure.jobs import app
from tenure.jobs.compose import compose_settings

QUICK = ("fit.draws=400", "fit.tune=400", "fit.joint_draws=400")
MARK = "zq7f3a9c-"  # found in nothing but an id


class Ran(NamedTuple):
    """The end of a job: its folder, which holds its store, its exit code, its output, and the names in the folder."""

    folder: Path
    code: int
    out: str
    err: str
    left: list[str]

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def run_id(self) -> str:
        (run_id,) = self.run_ids
        return run_id

    @property
    def run_ids(self) -> list[str]:
        return [str(run_id) for run_id in re.findall(r"^Run (\w{32})", self.out, re.MULTILINE)]


def without_uv() -> dict[str, str]:
    """Return the environment of a process that `uv run` did not start, without a store."""
    left = ("MLFLOW", "UV_RUN")
    return {key: value for key, value in os.environ.items() if not key.startswith(left)}


def command(name: str, *arguments: str, folder: Path) -> Ran:
    """Run a command as users do, in a process of its own."""
    asked = [str(Path(sys.executable).with_name(f"tenure-{name}")), *arguments]
    done = subprocess.run(asked, cwd=folder, env=without_uv(), capture_output=True, text=True, check=False)
    return Ran(folder, done.returncode, done.stdout, done.stderr, _names(folder))


def in_process(name: str, *arguments: str, folder: Path) -> Ran:
    """Run a job in this process, where its imports are done and its functions compiled.

    Its log lines are not kept; `err` is the message of an error in its input.
    """
    import mlflow  # here: a second that tests without a store do not need

    from tenure import registry

    store, before = f"sqlite:///{folder / 'mlflow.db'}", mlflow.get_tracking_uri()
    code, err = 0, ""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a command prints them
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        try:
            settings = compose_settings(name, arguments)
            # Absolute: MLflow keeps the connection to an address, and the same relative one is in other tests' folders.
            if hasattr(settings, "registry"):  # which tenure-simulate needs not
                settings = replace(settings, registry=replace(settings.registry, tracking_uri=store))
            header = f"# {shlex.join([f'tenure-{name}', *arguments])}\n"
            config = header + OmegaConf.to_yaml(OmegaConf.structured(settings))
            code = getattr(app, f"_{name}")(settings, config, is_sweep=False).exit_code
        except InputError as error:
            code, err = error.exit_code, str(error)
        finally:
            registry.use(before)
    return Ran(folder, code, out.getvalue(), err, _names(folder))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def once(factory: pytest.TempPathFactory, name: str, run: Callable[[Path], Ran]) -> Ran:
    """Run a job for the first worker that needs it, in a folder of that name; the others read how it ended."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, kept = shared / name, shared / f"{name}.json"
    with FileLock(shared / f"{name}.lock"):
        if not kept.exists():
            folder.mkdir()
            ran = run(folder)
            kept.write_text(json.dumps([str(ran.folder), *ran[1:]]))
        folder_name, *rest = json.loads(kept.read_text())
    return Ran(Path(folder_name), *rest)
