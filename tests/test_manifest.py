"""The files of a registered model are compared with what was registered before any of them is used."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from cases import few
from stores import put_store

from tenure import registry
from tenure.jobs import promoting, reporting
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.registry import manifest
from tenure.registry.store import client
from tenure.settings import ScoreJobSettings

CUSTOMERS = pd.DataFrame(
    {"customer_id": ["a", "b"], "frequency": [0, 3], "recency": [0, 90], "T": [200, 120], "monetary_value": [0.0, 20.0]}
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, posterior: Posterior) -> Iterator[Path]:
    """Register two versions with different posteriors in a store of this module alone."""
    folder, before = tmp_path_factory.mktemp("store"), mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", put_store(folder))
        patch.chdir(folder)
        registry.connect(ScoreJobSettings().registry)
        doubled = replace(posterior, draws=posterior.draws | {"r": 2 * posterior.draws["r"]})
        for draws in (posterior, doubled):
            with mlflow.start_run() as run:
                registry.register(
                    draws, "clv", run_id=run.info.run_id, verdict="REVIEW", validated_horizon_days=365, tags={}
                )
        yield folder
    registry.use(before)


@pytest.fixture
def model(store: Path) -> Iterator[Path]:
    """Hand over the folder of version 1, and put it right again."""
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{logged_id(1)}", dst_path=str(store / "copy")))
    here = location(1)
    yield here
    shutil.rmtree(here)
    shutil.copytree(folder, here)


def logged_id(number: int) -> str:
    return str(client().get_model_version("clv", str(number)).source).rpartition("/")[2]


def location(number: int) -> Path:
    return Path(client().get_logged_model(logged_id(number)).artifact_location.removeprefix("file://"))


def other(name: str) -> bytes:
    return (location(2) / name).read_bytes()


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "posterior of another version": (
        lambda m: write(m / "artifacts/posterior.npz", other("artifacts/posterior.npz")),
        "'artifacts/posterior.npz' was changed",
    ),
    "a line of the scorer": (
        lambda m: write(m / "artifacts/code/errors.py", 'raise SystemExit("executed")\n'),
        "'artifacts/code/errors.py' was changed",
    ),
    "the model's own code": (lambda m: write(m / "model_code.py", 'raise SystemExit("executed")\n'), "model_code.py"),
    "validated horizon": (
        lambda m: write(m / "MLmodel", (m / "MLmodel").read_text().replace("365", "99999")),
        "'MLmodel' was changed",
    ),
    "requirements": (lambda m: write(m / "requirements.txt", "numpy==1.0\n"), "'requirements.txt' was changed"),
    "a file more": (lambda m: write(m / "artifacts/code/random.py", ""), "'artifacts/code/random.py' was added"),
    "a compiled package more": (
        lambda m: write(m / "artifacts/code/errors/__init__.pyc", b"\0"),
        "'artifacts/code/errors/__init__.pyc' was added",
    ),
    "a file less": (lambda m: (m / "artifacts/code/streams.py").unlink(), "'artifacts/code/streams.py' was removed"),
    "no MLmodel": (lambda m: (m / "MLmodel").unlink(), "MLmodel"),
}


@pytest.mark.parametrize("kind", few(TAMPERED, 3))
def test_changed_files_are_refused_by_name_before_any_is_executed(model: Path, kind: str) -> None:
    tamper, named = TAMPERED[kind]
    tamper(model)
    with pytest.raises(registry.ModelFilesError) as refused:
        registry.load("models:/clv/1")
    assert refused.value.exit_code == 4
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_link_is_no_file_of_a_model(tmp_path: Path) -> None:
    """What it points at may be changed after it was compared."""
    (tmp_path / "posterior.npz").write_bytes(b"honest")
    (tmp_path / "again.npz").symlink_to(tmp_path / "posterior.npz")
    found = manifest._digests(tmp_path)
    assert found["again.npz"] == "link"
    assert found["posterior.npz"] == hashlib.sha256(b"honest").hexdigest()


@pytest.mark.parametrize("kind", ["dangling", "loop", "folder", "link to a file", "file"])
def test_what_lies_under_the_name_of_a_downloads_own_file_is_no_way_in(model: Path, tmp_path: Path, kind: str) -> None:
    path, victim = model / manifest.ADDED, tmp_path / "victim"
    victim.write_text("kept")
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("!!python/object/apply:os.abort []")
    else:
        path.symlink_to({"dangling": "/nowhere", "loop": manifest.ADDED}.get(kind, victim))
    try:
        if kind == "file":
            assert manifest.fetch(registry.find_version("models:/clv/1")).is_dir()
        else:
            with pytest.raises(registry.ModelFilesError, match="registered_model_meta") as refused:
                registry.load("models:/clv/1")
            assert "Errno" not in str(refused.value)
            assert refused.value.exit_code == 4
    finally:
        path.rmdir() if kind == "folder" else path.unlink()
    assert victim.read_text() == "kept"


def test_promotion_and_report_compare_too(model: Path) -> None:
    write(model / "MLmodel", (model / "MLmodel").read_text() + "# changed\n")
    with pytest.raises(registry.ModelFilesError, match="'MLmodel' was changed"):
        promoting.run(compose_settings("promote", ["model=models:/clv/1", "by=ana", "reason=wanted"]), "")
    with pytest.raises(registry.ModelFilesError, match="'MLmodel' was changed"):
        reporting.run(compose_settings("report", ["model=models:/clv/1", f"output={model.parent / 'r.html'}"]))
    assert registry.find_champion("clv") is None


@pytest.mark.parametrize("tag", few([None, "", "not JSON", "[]", "{}", '"text"'], 3))
def test_a_version_without_digests_is_refused(store: Path, posterior: Posterior, tag: str | None) -> None:
    with mlflow.start_run() as run:
        registered = registry.register(
            posterior, "bare", run_id=run.info.run_id, verdict="REVIEW", validated_horizon_days=365, tags={}
        )
    client().delete_model_version_tag("bare", str(registered.version), "sha256")
    if tag is not None:
        client().set_model_version_tag("bare", str(registered.version), "sha256", tag)
    with pytest.raises(registry.ModelFilesError, match="has no digests of its files in its tags"):
        registry.load(registered.uri)


def test_untouched_versions_load_and_differ(store: Path) -> None:
    first, second = (registry.load(f"models:/clv/{number}").scorer.score(CUSTOMERS).table for number in (1, 2))
    assert (second["clv"] > first["clv"]).all()


@pytest.mark.slow
def test_a_tracking_server_verifies_likewise(
    server: str, posterior: Posterior, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that a server hands out are those that were recorded, MLflow's own additions left aside."""
    before = mlflow.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    try:
        registry.connect(ScoreJobSettings().registry)
        with mlflow.start_run() as run:
            registry.register(
                posterior, "clv", run_id=run.info.run_id, verdict="PASS", validated_horizon_days=365, tags={}
            )
        assert len(registry.load("models:/clv@champion").scorer.score(CUSTOMERS).table) == 2
    finally:
        registry.use(before)
