"""A store with its tables, which MLflow takes five seconds to create: tests that want a store of their own copy it."""

import shutil
from pathlib import Path

from filelock import FileLock

KEPT = Path(__file__).parents[1] / ".pytest_cache" / "stores"


def empty_store() -> Path:
    """Return a store without runs, which the first process that needs it creates for all others."""
    import mlflow  # here: a second that tests without a store do not need

    from tenure import registry

    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"mlflow_{mlflow.__version__}.db"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            before, partial = mlflow.get_tracking_uri(), path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            registry.use(f"sqlite:///{partial}")
            mlflow.MlflowClient().get_experiment_by_name("tenure")
            registry.use(before)
            partial.rename(path)
    return path


def put_store(folder: Path) -> str:
    """Copy the empty store into a folder and return its address, which is absolute.

    MLflow keeps a store open by its address, and the same relative one is in other tests' folders.
    """
    shutil.copy(empty_store(), folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"
