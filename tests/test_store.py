"""The store: its address, its lock, its experiment, and what killed processes left open in it."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
from cases import few
from filelock import FileLock
from mlflow import MlflowClient

from tenure import registry
from tenure.addresses import mask
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.record import Record
from tenure.registry import RegistryError, StoreUnreachableError, completeness, locks, models, processes, store
from tenure.registry.uris import checked_uri
from tenure.settings import RegistrySettings, TrainSettings

SECRET = "S3CRET"


@pytest.fixture
def settings(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistrySettings]:
    """Return settings of an empty store of this test alone."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    yield replace(TrainSettings().registry, tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    registry.use(before)


# Addresses


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://ann:S3CRET@db/x", "postgresql://ann:***@db/x"),
        ("mysql+pymysql://ann:S3/C@RET@db:3306/x", "mysql+pymysql://ann:***@db:3306/x"),
        ("postgresql://ann:S3CRET'@db/x", "postgresql://ann:***@db/x"),
        ("redis://:S3CRET@h", "redis://:***@h"),
        ("https://S3CRET@mlflow.example.com/x", "https://***@mlflow.example.com/x"),
        ("sqlite:////a/mlflow.db?password=S3CRET", "sqlite:////a/mlflow.db?password=***"),
        ("http://h/?a=S3CRET&pwd=S3CRET;t=S3CRET", "http://h/?a=***&pwd=***;t=***"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3DS3CRET", "mssql+pyodbc:///?odbc_connect=***"),
        ("'http://h?k=S3CRET' is lost", "'http://h?k=***' is lost"),
        ("a http://ann:S3CRET@h/x failed, b sqlite:///y.db too", "a http://ann:***@h/x failed, b sqlite:///y.db too"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("http://127.0.0.1:5000/#/experiments/1/runs/ab", "http://127.0.0.1:5000/#/experiments/1/runs/ab"),
        ("models:/clv@champion", "models:/clv@champion"),
        ("ann@example.com", "ann@example.com"),
        ("https://S3CRET:@h/x", "https://***@h/x"),
        ("https://h/?S3CRET", "https://h/?***"),
        (
            "Max retries exceeded with url: /?token=S3CRET/api (Caused by",
            "Max retries exceeded with url: /?token=*** (Caused by",
        ),
        ("host=h user=ann password=S3CRET", "host=h user=ann password=***"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:///mlflow.db", "mlflow ui --backend-store-uri sqlite:///mlflow.db"),
        ("sqlite:////My Files/$x.db", "mlflow ui --backend-store-uri 'sqlite:////My Files/$x.db'"),
        (f"sqlite:///m.db?password={SECRET}", 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'),
        (f"postgresql://ann:{SECRET}@h/x", 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'),
        (f"http://ann:{SECRET}@h:5000", "http://ann:***@h:5000"),
    ],
)
def test_the_line_that_shows_a_store_holds_no_password(uri: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    assert registry.ui_command(uri) == shown


def test_a_run_holds_no_password_of_its_store(settings: RegistrySettings) -> None:
    uri = f"{settings.tracking_uri}?password={SECRET}"
    config = f"# tenure-train registry.tracking_uri='{uri}' seed=1\nregistry:\n  tracking_uri: {uri}\nseed: 1\n"
    train = compose_settings("train", [f"registry.tracking_uri='{uri}'"])
    registry.use(settings.tracking_uri)
    with registry.open_run(settings, "train", config) as run:
        registry.log_record(Record(params=registry.flat_settings(asdict(train))))
    kept = registry.evidence(run.info.run_id)
    assert kept.params["registry.tracking_uri"].endswith("mlflow.db?password=***")
    recipe = kept.recipe()
    assert SECRET not in recipe
    assert "password=***' seed=1" in recipe
    assert recipe.endswith("seed: 1\n")


def test_a_store_that_cannot_be_opened_is_refused_without_its_password(settings: RegistrySettings) -> None:
    for uri in (f"sqlite:////no/such/folder/m.db?password={SECRET}", f"nonsense://ann:{SECRET}@h/x"):
        with pytest.raises(RegistryError) as refused:
            registry.connect(replace(settings, tracking_uri=uri))
        assert refused.value.exit_code == 2
        assert SECRET not in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    few(
        [
            (f"ann:{SECRET}@h:5000", "'***@h:5000' is no address of one"),
            (f"//ann:{SECRET}@h/x", "'***@h/x' is no address of one"),
            (f"http:/ann:{SECRET}@h", "is no address of one"),
            (f"postgresql:ann:{SECRET}@h", "is no address of one"),
            (f"postgresql://ann:my {SECRET}@h/x", "'postgresql://***@h/x' holds a space"),
            (f"postgresql://ann:{SECRET}@h:port/x", "names no database, or no port"),
            (f"http://ann:{SECRET}@h:99999", "names no host, or no port"),
            (f"http://ann:{SECRET}@[::1", "names no host, or no port"),
            (f"sqlite://ann:{SECRET}@h/m.db", "names a host"),
            ("http://", "names no host"),
            ("http://my host", "holds a space"),
            ("mlflow.db", "is no address of one"),
            ("file:///mlruns", "is no address of one"),
            ("sqlite://", "lies in memory"),
            ("sqlite:///:memory:", "lies in memory"),
            ("sqlite:////", "is a folder"),
        ],
        2,
    ),
)
def test_what_is_no_address_of_a_store_is_refused_in_words(
    settings: RegistrySettings, monkeypatch: pytest.MonkeyPatch, uri: str, words: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(RegistryError) as refused:
        registry.connect(settings)
    assert refused.value.exit_code == 2
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "checked"),
    [
        (" HTTP://h:5000 ", "http://h:5000"),
        ("PostgreSQL+psycopg2://ann:p@h/x", "postgresql+psycopg2://ann:p@h/x"),
        ("sqlite:////My Files/mlflow.db", "sqlite:////My Files/mlflow.db"),
        ("http://[::1]:5000/base", "http://[::1]:5000/base"),
    ],
)
def test_an_address_is_used_without_spaces_around_it(uri: str, checked: str) -> None:
    assert checked_uri(uri) == checked


# The lock


def test_the_lock_lies_beside_the_file_whatever_the_way_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "link.db").symlink_to("mlflow.db")
    beside = tmp_path / "mlflow.db.lock"
    for uri in ("sqlite:///mlflow.db", f"sqlite:///{beside.with_suffix('')}?timeout=5", "sqlite:///link.db"):
        assert locks.lock_of(uri) == beside
    for uri in ("sqlite://", "sqlite:///:memory:", "http://127.0.0.1:5000", "databricks", "./mlruns"):
        assert locks.lock_of(uri) is None
    ours, other = (locks.lock_of(f"postgresql://ann:{SECRET}@h/{name}") for name in "xy")
    assert ours is not None
    assert ours.parent == tmp_path / "cache" / "tenure" / "locks"
    assert SECRET not in ours.name
    assert ours != other


def test_a_store_held_for_a_while_is_waited_for_with_a_message(
    settings: RegistrySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "QUIET_SECONDS", 0.1)
    held = FileLock(tmp_path / "mlflow.db.lock", thread_local=False)  # another thread releases it
    held.acquire()
    (tmp_path / "mlflow.db.lock").write_text("tenure db-host 4711\n")
    threading.Timer(1.0, held.release).start()
    registry.connect(settings)
    waiting, got = [record.getMessage() for record in caplog.records if "mlflow.db.lock" in record.getMessage()]
    assert waiting == "waiting for mlflow.db.lock, held by process 4711 on db-host, for at most 60 seconds"
    assert got.startswith("got mlflow.db.lock after ")
    assert f" {os.getpid()}\n" in (tmp_path / "mlflow.db.lock").read_text()


def test_a_store_held_for_good_is_reported(
    settings: RegistrySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(locks, "LIMIT_SECONDS", 0.5)
    started = time.monotonic()
    with FileLock(tmp_path / "mlflow.db.lock"), pytest.raises(StoreUnreachableError, match="another process holds"):
        registry.connect(settings)
    assert time.monotonic() - started < 10


def test_a_lock_that_is_a_link_or_a_folder_is_refused_and_a_foreign_file_keeps_its_content(
    settings: RegistrySettings, tmp_path: Path
) -> None:
    lock, victim = tmp_path / "mlflow.db.lock", tmp_path / "victim"
    victim.write_text("precious")
    lock.symlink_to(victim)
    with pytest.raises(RegistryError, match="is a link or no file: remove it"):
        registry.connect(settings)
    assert victim.read_text() == "precious"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(RegistryError, match="is a link or no file: remove it"):
        registry.connect(settings)
    lock.rmdir()
    lock.write_text("somebody's notes")
    registry.connect(settings)
    assert lock.read_text() == "somebody's notes"


CONNECT = """
import sys
from tenure import registry
from tenure.jobs.compose import compose_settings
settings = compose_settings("train", [f"registry.tracking_uri={sys.argv[1]}"]).registry
registry.connect(settings)
with registry.open_run(settings, "score", "seed: 0") as run:
    print(run.info.experiment_id)
"""


FORK = """
import os, sys, tempfile
from pathlib import Path
import mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store  # not once per job
from tenure import registry
from tenure.jobs.compose import compose_settings
settings = compose_settings("train", [f"registry.tracking_uri={sys.argv[1]}"]).registry
begin, go = os.pipe()
jobs = []
for number in range(4):
    folder = Path(f"job{number}")
    (folder / "tmp").mkdir(parents=True)
    if not (job := os.fork()):
        os.close(go)
        os.chdir(folder)
        os.environ["TMPDIR"], tempfile.tempdir = str(Path("tmp").resolve()), None
        os.read(begin, 1)  # until the pipe is closed: all at once
        registry.connect(settings)
        with registry.open_run(settings, "score", "seed: 0") as run:
            print(run.info.experiment_id, flush=True)
        os._exit(0)
    jobs.append(job)
os.close(go)
sys.exit(any([os.waitpid(job, 0)[1] for job in jobs]))
"""


@pytest.mark.slow
def test_jobs_of_several_folders_open_one_fresh_store_at_once(tmp_path: Path) -> None:
    """Measured without a common lock: three of four crash.

    The four begin with the imports done, and so at the same moment.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    done = subprocess.run(
        [sys.executable, "-c", FORK, f"sqlite:///{tmp_path / 'mlflow.db'}"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"] * 4
    assert not [file for file in tmp_path.glob("job*/tmp/*") if file.name != "numba_cache"]


# The experiment


def test_who_loses_the_race_for_an_experiment_uses_that_of_the_winner(
    settings: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = MlflowClient.create_experiment

    def overtaken(self: MlflowClient, name: str) -> str:
        honest(self, name)
        return str(honest(self, name))  # raises as the second of two

    monkeypatch.setattr(MlflowClient, "create_experiment", overtaken)
    registry.connect(settings)
    with registry.open_run(settings, "score", "seed: 0") as run, registry.open_origin("first") as origin:
        pass
    wanted = MlflowClient().get_experiment_by_name("tenure").experiment_id
    assert (run.info.experiment_id, origin.info.experiment_id) == (wanted, wanted)
    assert wanted != "0"


def test_a_run_lands_in_its_experiment_whatever_the_environment_or_others_set(
    settings: RegistrySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.connect(settings)
    other = mlflow.set_experiment("other").experiment_id
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    with registry.open_run(settings, "score", "seed: 0") as run, registry.open_origin("first") as origin:
        pass
    wanted = MlflowClient().get_experiment_by_name("tenure").experiment_id
    assert (run.info.experiment_id, origin.info.experiment_id) == (wanted, wanted)


def test_a_deleted_experiment_is_named_with_what_to_do(settings: RegistrySettings) -> None:
    registry.connect(settings)
    MlflowClient().delete_experiment(MlflowClient().get_experiment_by_name("tenure").experiment_id)
    with pytest.raises(
        RegistryError, match=r"The experiment tenure \(id 1\) .* is deleted\. Restore it with mlflow exp"
    ):
        registry.connect(settings)


# What killed processes left


def ended_process() -> dict[str, str]:
    """Return the tags of a process that has ended."""
    child = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    started = f"{processes.started(child):.2f}"
    child.kill()
    child.wait()
    return {**processes.process_tags(), processes.PID: str(child.pid), processes.STARTED: started}


def test_open_runs_and_models_of_dead_processes_are_closed_and_no_others(
    settings: RegistrySettings, caplog: pytest.LogCaptureFixture
) -> None:
    registry.connect(settings)
    client, experiment = MlflowClient(), store.find_experiment("tenure")
    alive, dead = processes.process_tags(), ended_process()
    tags: dict[str, dict[str, str]] = {
        "dead": dead,
        "nested": {**dead, "mlflow.parentRunId": "0" * 32},
        "number used again": {**alive, processes.STARTED: "1000000.00"},
        "machine started again": {**alive, processes.BOOT: "an earlier start"},
        "alive": alive,
        "elsewhere": {**dead, processes.MACHINE: "another machine"},
        "no tags": {},
        "odd tags": {**dead, processes.PID: "x"},
    }
    runs = {name: client.create_run(experiment, tags=tags[name]).info.run_id for name in tags}
    pending = {
        name: mlflow.initialize_logged_model(
            name="m", source_run_id=runs[name], experiment_id=experiment
        ).model_id for name in ("dead", "alive")
    }  # fmt: skip
    caplog.clear()
    registry.connect(settings)
    closed = {name for name, run_id in runs.items() if client.get_run(run_id).info.status == "KILLED"}
    assert closed == {"dead", "nested", "number used again", "machine started again"}
    assert {client.get_run(runs[name]).info.status for name in set(runs) - closed} == {"RUNNING"}
    statuses = {name: client.get_logged_model(model_id).status for name, model_id in pending.items()}
    assert {name: status.value for name, status in statuses.items()} == {"dead": "FAILED", "alive": "PENDING"}
    assert "4 runs of processes that were killed are marked KILLED" in caplog.text
    caplog.clear()
    registry.connect(settings)
    assert "KILLED" not in caplog.text


@pytest.mark.slow
def test_a_run_of_a_killed_process_is_closed_by_the_next(settings: RegistrySettings, tmp_path: Path) -> None:
    script = CONNECT.replace("print(run", "import os, signal; os.kill(os.getpid(), signal.SIGKILL); print(run")
    killed = subprocess.run([sys.executable, "-c", script, settings.tracking_uri], check=False, cwd=tmp_path)
    assert killed.returncode == -9
    registry.use(settings.tracking_uri)
    (left,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert left.info.status == "RUNNING"
    registry.connect(settings)
    assert MlflowClient().get_run(left.info.run_id).info.status == "KILLED"


@pytest.mark.parametrize("step", [-86400.0, -6.0, 6.0, 3600.0])
def test_a_clock_that_is_set_kills_no_run(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    tags = processes.process_tags()
    boot, create = psutil.boot_time(), psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + step)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create(process) + step)
    assert processes.is_alive(tags) is True
    assert processes.is_alive({**tags, processes.STARTED: f"{float(tags[processes.STARTED]) - 60:.2f}"}) is False


def test_a_zombie_is_dead() -> None:
    child = psutil.Popen([sys.executable, "-c", ""])
    tags = {
        **processes.process_tags(),
        processes.PID: str(child.pid),
        processes.STARTED: f"{processes.started(child):.2f}",
    }
    end = time.monotonic() + 30
    while child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.05)
    assert processes.is_alive(tags) is False
    child.wait()


# Registrations


def register(settings: RegistrySettings, posterior: Posterior, **tags: str) -> registry.Registered:
    with registry.open_run(settings, "train", "seed: 0") as run:
        return registry.register(
            posterior, "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags=tags
        )


@pytest.mark.slow
def test_an_interrupted_registration_is_used_nowhere_and_marked_once_its_process_is_dead(
    settings: RegistrySettings, posterior: Posterior, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry.connect(settings)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(models, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            register(settings, posterior, data_digest="d1")
    client = MlflowClient()
    version = client.get_model_version("clv", "1")
    assert {"verdict": "PASS", "validated_horizon_days": "365", "data_digest": "d1"}.items() <= version.tags.items()
    assert client.get_registered_model("clv").aliases == {}
    for look in (registry.load, registry.find_version, registry.evidence):
        with pytest.raises(registry.NoModelError, match=f"not complete: its registration by run {version.run_id}"):
            look("models:/clv/1")
    registry.connect(settings)
    assert "abandoned" not in client.get_model_version("clv", "1").tags  # its process, this one, lives on
    client.set_registered_model_alias("clv", "champion", "1")
    assert registry.find_champion("clv") is None
    assert register(settings, posterior).alias == "champion"  # the first that is complete
    for key, value in ended_process().items():
        client.set_model_version_tag("clv", "1", key, value)
    registry.connect(settings)
    assert client.get_model_version("clv", "1").tags["abandoned"] == "its registration was interrupted"
    assert "version 1 of clv, whose registration was interrupted, is marked as abandoned" in caplog.text
    assert "abandoned" not in client.get_model_version("clv", "2").tags


def test_of_versions_that_one_registration_created_one_is_complete(settings: RegistrySettings) -> None:
    registry.connect(settings)
    client = MlflowClient()
    client.create_registered_model("clv")
    begun, other = completeness.begin(), completeness.begin()
    for tags in (begun, other, begun):
        client.create_model_version("clv", source="file:///nowhere", tags=tags)
    completeness.finish(client, "clv", "3", begun[completeness.REGISTRATION])
    kept = {int(version.version): version.tags for version in client.search_model_versions("name = 'clv'")}
    assert {number for number, tags in kept.items() if completeness.is_complete(tags)} == {3}
    assert kept[1]["abandoned"] == "created twice, see version 3"
    assert "abandoned" not in kept[2]


# Temporary folders

READ = """
import sys
from pathlib import Path
import matplotlib.pyplot as plt
import numpy as np
from tenure import registry
from tenure.posterior import Posterior
from tenure.record import Record
from tenure.settings import TrainSettings
rng = np.random.default_rng(1)
draws = {name: np.exp(rng.normal(0.7, 0.01, (2, 50))) for name in ("r", "alpha", "a", "b", "p", "q", "v")}
settings = TrainSettings().registry
registry.connect(settings)
with registry.open_run(settings, "train", "seed: 0") as run:
    registry.log_record(Record(figures={"data/empty": plt.figure()}, files={"report.html": "<html></html>"}))
    posterior = Posterior(draws, "bg_nbd", "gamma_gamma", {"method": "none"})
    registry.register(posterior, "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={})
kept = registry.evidence(run.info.run_id)
assert kept.file("data/empty.png").stat().st_size and kept.file("report.html").stat().st_size
registry.load("models:/clv@champion")
"""


@pytest.mark.slow
def test_no_temporary_folder_outlives_a_command(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    environment |= {"TMPDIR": str(temporary), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
