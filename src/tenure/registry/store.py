"""The MLflow store: find it, prepare it once, open runs in it."""

import importlib.metadata
import logging
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tenure import invocation, paths
from tenure.addresses import mask, mask_address
from tenure.errors import InputError
from tenure.opened import RUNS
from tenure.settings import RegistrySettings

from .completeness import mark_abandoned
from .errors import RegistryError, StoreUnreachableError, in_words, one_line, where
from .locks import hold_lock
from .processes import PID, close_dead_runs, process_tags
from .servers import limit_retries, patience, require_answer
from .sqlite_file import require_file
from .uris import checked_uri

JOB = "job"  # a tag: train, score, backtest, origin, promote or rollback
RUN_ID = "MLFLOW_RUN_ID"  # the run that MLflow continues
LOCAL_STORE = "mlflow.db"  # of RegistrySettings.tracking_uri
VERSIONS = (
    "tenure",
    "arviz",
    "mlflow",
    "numba",
    "numpy",
    "nutpie",
    "pandas",
    "pymc",
    "pymc-marketing",
    "pytensor",
    "scikit-learn",
)


def connect(settings: RegistrySettings, *, must_exist: bool = False) -> str:
    """Set up the store: create missing tables, close the runs that killed processes left open; return its URI.

    MLFLOW_TRACKING_URI in the environment wins. Creating the tables of a fresh SQLite file is not safe from several
    processes at once (measured: 3 of 4 crash), so one at a time does it.

    With `must_exist` no store is created: an empty one at a wrong path would hide that the models are elsewhere.

    Raises StoreUnreachableError where a server, a database or the lock does not answer in time, or the store is damaged
    or missing, and RegistryError where it cannot be used.
    """
    uri = checked_uri(os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri)
    try:
        if must_exist:
            require_file(uri)
        use(uri)
        require_answer(uri)
        with hold_lock(uri):
            experiment = find_experiment(settings.experiment)
            mlflow.set_experiment(experiment_id=experiment)
            close_dead_runs(client(), experiment)
            mark_abandoned(client(), settings.name)
    except RegistryError:
        raise
    except Exception as error:
        raise in_words(error) or RegistryError(
            f"The MLflow store at {mask_address(uri)} cannot be used: {one_line(str(error))}."
        ) from error
    return uri


@contextmanager
def present_store() -> Iterator[None]:
    """Check that the store MLflow is set up with exists and answers; inside, raise its errors in one line.

    It is for Python that sets up MLflow by itself, where `connect` was not called. Nothing is created.
    """
    try:
        for uri in dict.fromkeys((mlflow.get_tracking_uri(), mlflow.get_registry_uri())):
            require_file(uri)
            require_answer(uri)
        yield
    except InputError:
        raise
    except Exception as error:
        words = in_words(error)
        if words is None:
            raise
        raise words from None  # a page of MLflow's own traceback would hide the line


def find_experiment(name: str) -> str:
    """Return the id of an experiment, which is created where there is none.

    Of several processes that create it at once the others use what the first created.
    """
    experiment = client().get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client().create_experiment(name))
        except MlflowException as error:
            experiment = client().get_experiment_by_name(name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise RegistryError(
            f"The experiment {name} (id {experiment.experiment_id}) at {where()} is deleted. Restore it with mlflow "
            f"experiments restore --experiment-id {experiment.experiment_id}, or set another registry.experiment."
        )
    return str(experiment.experiment_id)


def use(uri: str) -> None:
    """Set the store of MLflow, tracking and registry, and its level of logging."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # By default MLflow packs the uv project that it is called from into a model, and later builds that project instead
    # of installing the model's own requirements.
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    # MLflow prints where a run is, with the password of the address, and before it ends the run: a standard output that
    # nobody reads would then make it a failed one.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    limit_retries()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)


def find_store(folder: Path) -> str:
    """Return the store that a notebook in `folder` reads: the environment's, else the SQLite file there or one above.

    Jobs leave `mlflow.db` where they are started, and a notebook's kernel starts beside the notebook.
    """
    nearby = next((at for at in (folder, folder.parent) if (at / LOCAL_STORE).is_file()), folder)
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{nearby / LOCAL_STORE}"


def ui_command(uri: str) -> str:
    """Return the command, or the address, that shows the store; without a password that the address holds."""
    shown = mask_address(uri)
    if uri.startswith("http"):
        return shown
    address = shlex.quote(uri) if shown == uri else '"$MLFLOW_TRACKING_URI"'
    return f"{invocation.program('mlflow')} ui --backend-store-uri {address}"


@contextmanager
def open_run(settings: RegistrySettings, job: str, config: str, name: str | None = None) -> Iterator[Run]:
    """Open a run with the job, its process, versions, commit and resolved settings.

    Without `registry.run_name` it is called `name`, or after the job. A failure marks it FAILED, an interruption
    KILLED.
    """
    _require_free_run()
    experiment = find_experiment(settings.experiment)
    tags = {**settings.tags, **process_tags()}
    name = settings.run_name or (None if os.environ.get(RUN_ID) else name or job)  # a run that is continued has a name
    with (
        patience() as end_patience,
        mlflow.start_run(run_name=name, experiment_id=experiment, tags=tags) as run,
        _killed_if_interrupted(),
    ):
        try:
            RUNS.append(run.info.run_id)
            mlflow.set_tags({JOB: job, **_commit()})
            mlflow.log_dict(_versions(), paths.VERSIONS)
            mlflow.log_text(_without_passwords(config), paths.SETTINGS)
            yield run
        except Exception as error:
            if isinstance(in_words(error), StoreUnreachableError):
                end_patience()  # closing the run would begin another round of retries
            raise


def _require_free_run() -> None:
    """Raise RegistryError unless the run of MLFLOW_RUN_ID is RUNNING in this store and no job has used it yet."""
    run_id = os.environ.get(RUN_ID)
    if not run_id:
        return
    usable = [run for run in _runs(run_id) if run.info.status == "RUNNING" and PID not in run.data.tags]
    if not usable:
        raise RegistryError(
            f"{RUN_ID} in the environment is {run_id!r}, which is no run of this store that is RUNNING and that no"
            " job of Tenure has used. Unset it, or name such a run."
        )


def _runs(run_id: str) -> list[Run]:
    try:
        return [mlflow.get_run(run_id)]
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return []
        raise


@contextmanager
def _killed_if_interrupted() -> Iterator[None]:
    """Mark the open run as KILLED where a person or the system stops the job; any other error makes it FAILED."""
    try:
        yield
    except KeyboardInterrupt:
        mlflow.end_run("KILLED")
        raise


@contextmanager
def open_origin(name: str) -> Iterator[Run]:
    """Open a run inside the open one, for one of its origins."""
    parent = mlflow.active_run()
    experiment = None if parent is None else parent.info.experiment_id
    with (
        mlflow.start_run(run_name=f"origin {name}", experiment_id=experiment, nested=True, tags=process_tags()) as run,
        _killed_if_interrupted(),
    ):
        mlflow.set_tag(JOB, "origin")
        yield run


def client() -> MlflowClient:
    """Return a client of the store of `connect`."""
    return MlflowClient()


def _without_passwords(config: str) -> str:
    """Mask the store's address in the settings and in the command; other addresses stay, to repeat the run."""
    lines = config.splitlines(keepends=True)
    return "".join(mask(line) if "tracking_uri" in line else line for line in lines)


def _versions() -> dict[str, str]:
    """Return the versions of the packages that are installed: batch jobs may have those of scoring alone."""
    versions = {}
    for name in VERSIONS:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _commit() -> dict[str, str]:
    """Return the commit of this code as a tag, if it is in a checkout of the project."""
    here = Path(__file__).resolve().parents[3]
    if not (here / ".git").exists():
        return {}
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"git.commit": answer.stdout.strip()} if answer.returncode == 0 else {}
