"""Read a run's evidence back, from a run id or a model URI alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from tenure import paths
from tenure.posterior import Posterior
from tenure.review import Review

from .aliases import NoModelError, find_version
from .downloads import new_folder
from .errors import raise_if_lost, where
from .store import JOB, client

if TYPE_CHECKING:
    import xarray as xr

    from tenure.fit import Loo


@dataclass(frozen=True)
class Evidence:
    """The evidence that a run logged: numbers and settings in memory; tables, draws and traces on request.

    Attributes:
        run_id: of the run.
        metrics: all numbers, whether or not MLflow shows them.
        params: all settings under their full keys.
        tags: of the run.
        experiment_id: of the run's experiment; empty where it is not known.
    """

    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    experiment_id: str = ""

    def review(self) -> Review:
        """Read the review.

        Raises NoModelError where there is none: the run is no training, or ended before its review.
        """
        try:
            stored = self.file(paths.REVIEW_CHECKS).read_text()
        except (MlflowException, OSError) as error:
            raise_if_lost(error)
            job = self.tags.get(JOB, "unknown")
            raise NoModelError(
                f"Run {self.run_id} (job: {job}) holds no review; a training run with a verdict has one."
            ) from error
        return Review.from_dict(json.loads(stored))

    def mapping(self, path: str) -> dict[str, Any]:
        """Read a logged JSON file of names and values; empty where the run logged none."""
        try:
            content: dict[str, Any] = json.loads(self.file(path).read_text())
        except (MlflowException, OSError) as error:
            raise_if_lost(error)
            return {}
        return content

    def posterior(self, stage: str) -> Posterior:
        """Read the draws of the population of a fit: `calibration` or `final`."""
        return Posterior.load(self.file(paths.posterior(stage)))

    def recipe(self) -> str:
        """Read the settings of the run, as YAML.

        Raises NoModelError where they are missing.
        """
        try:
            return self.file(paths.SETTINGS).read_text()
        except (MlflowException, OSError) as error:
            raise_if_lost(error)
            raise NoModelError(f"Run {self.run_id} has no settings: {error}") from error

    def command(self) -> str:
        """Read the command of the run; empty where it was not logged."""
        lines = self.recipe().splitlines()
        return "\n".join(line.removeprefix("# ") for line in takewhile(lambda line: line.startswith("# "), lines))

    def table(self, path: str) -> pd.DataFrame:
        """Read a logged table, such as `backtest/tracking`."""
        return pd.read_csv(self.file(paths.csv(path)))

    def trace(self, stage: str, model: str) -> "xr.DataTree":
        """Read the draws of a fit: `calibration` or `final`, `purchases` or `spend`; with prior and sample stats."""
        import xarray as xr

        return xr.open_datatree(self.file(paths.trace(stage, model)), engine="h5netcdf").load()

    def loo(self, stage: str, model: str) -> "Loo":
        """Read the leave-one-out of a fit, to `compare` with that of another run."""
        from tenure.fit import Loo

        return Loo.load(self.file(paths.loo(stage, model)))

    def holds(self, path: str) -> bool:
        """Return whether the run logged a file of this path."""
        folder = str(PurePosixPath(path).parent)
        return path in {item.path for item in client().list_artifacts(self.run_id, None if folder == "." else folder)}

    def file(self, path: str) -> Path:
        """Download a logged file; return its local path."""
        folder = str(new_folder())
        return Path(mlflow.artifacts.download_artifacts(run_id=self.run_id, artifact_path=path, dst_path=folder))


def evidence(uri: str) -> Evidence:
    """Find the run of a model URI (`models:/clv@challenger`) or of a run id; return its evidence.

    Raises NoModelError where there is none.
    """
    run_id = uri
    if uri.startswith("models:/"):
        run_id = find_version(uri).run_id
    try:
        run = client().get_run(run_id)
    except MlflowException as error:
        raise_if_lost(error)
        raise NoModelError(f"There is no run {run_id} at {where()}.") from error
    shown = Evidence(run_id, dict(run.data.metrics), dict(run.data.params), dict(run.data.tags), run.info.experiment_id)
    metrics, params = (shown.mapping(path) for path in (paths.METRICS, paths.PARAMS))
    return replace(shown, metrics={**shown.metrics, **metrics}, params={**shown.params, **params})


def local_file(artifact_uri: str, path: str) -> Path | None:
    """Return where a file of a run is, by the run's address of files; None where it is elsewhere, or not there.

    >>> local_file("s3://runs/1/0/artifacts", "report.html"), local_file("mlflow-artifacts:/1/0", "report.html")
    (None, None)
    """
    if not is_local_uri(artifact_uri):
        return None
    file = Path(local_file_uri_to_path(artifact_uri)) / path
    return file if file.is_file() else None


def backtest_of(about: Mapping[str, str]) -> tuple[pd.DataFrame | None, float | None]:
    """Return the reliability of p_purchase and the hits of the top tenth in the backtest of a loaded model.

    None for either that the model's training run did not log, and for both where the run is lost.
    """
    run_id = about.get("run") or about.get("run_id")
    try:
        run = evidence(str(run_id))
    except NoModelError:
        return None, None
    is_logged = run.holds(paths.csv(paths.RELIABILITY))
    return run.table(paths.RELIABILITY) if is_logged else None, run.metrics.get("spend.top_decile_hits")
