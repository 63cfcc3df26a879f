"""Register the scorer, and load it."""

import hashlib
import logging
import re
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from tenure import paths
from tenure.posterior import Posterior
from tenure.review import Verdict
from tenure.scorer import Scorer
from tenure.totals import Drifts

from .aliases import (
    CHALLENGER,
    CHAMPION,
    LONGEST_NOTE,
    NoModelError,
    NotMovedError,
    by_alias,
    find_version,
    login,
    set_champion,
)
from .completeness import REGISTRATION, begin, finish
from .downloads import new_folder
from .errors import RegistryError, one_line, raise_if_lost, where
from .manifest import TAG, digest_tags, fetch
from .packing import default_params, example_of, pack, requirements, signature_of
from .runs import bind_metrics
from .store import JOB, client

log = logging.getLogger("tenure")
POSTERIORS = (paths.posterior("final"), paths.posterior("calibration"))  # of a run, the last first
ABOUT = "Customer lifetime value by Tenure: scores each customer summary with its expected clv and intervals."
HOW_TO_LOAD = """Score a log with `tenure-score model=models:/{name}@champion`, or in Python with
`tenure.load("models:/{name}@champion").scorer.score(summary)`. The champion is the version to use; a challenger waits
for a review or a comparison (`tenure-promote`). Totals come from `scores.totals`: never add up customers' intervals."""


@dataclass(frozen=True)
class Registered:
    """A model version, its alias, and the version that had the alias before (None if there was none)."""

    name: str
    version: int
    alias: str
    replaced: int | None = None

    @property
    def uri(self) -> str:
        """Return the URI of the version by number."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class Loaded:
    """A model or run in Python: its posterior, its scorer, its tags, and the drift of its totals (None without one).

    `files` is the local folder of a registered model, compared with what was registered; None of a run.
    """

    posterior: Posterior
    scorer: Scorer
    about: dict[str, str]
    drifts: Drifts | None = None
    files: Path | None = None

    @property
    def digest(self) -> str:
        """Return a digest of the files of a registered model, or of the draws of a run."""
        if "run" not in self.about and TAG in self.about:
            return hashlib.sha256(self.about[TAG].encode()).hexdigest()
        posterior = self.scorer.posterior
        digest = hashlib.sha256(f"{posterior.purchase_model} {posterior.spend_model}".encode())
        for part in (posterior.joint(), getattr(posterior, "without_columns", None) or {}):
            for name, draws in sorted(part.items()):
                digest.update(name.encode() + draws.tobytes())
        return digest.hexdigest()


def register(
    posterior: Posterior,
    name: str,
    *,
    run_id: str,
    verdict: str,
    validated_horizon_days: int,
    tags: Mapping[str, str],
    drifts: Drifts | None = None,
    note: str = "",
) -> Registered:
    """Log the scorer with its posterior and code, register it, and set its alias.

    A first PASS becomes `champion`; anything else `challenger`, until it is promoted. The drifts of totals are a file
    beside the posterior: the scorer, which scores customers one by one, does not use them. `note` describes the
    version.
    """
    params = {**default_params(), "horizon_days": min(365, validated_horizon_days)}
    with tempfile.TemporaryDirectory() as folder:
        artifacts = pack(posterior, drifts, Path(folder))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(Path(__file__).with_name("model_code.py")),
            artifacts=artifacts,
            signature=signature_of(posterior),
            input_example=(example_of(posterior), params),
            pip_requirements=requirements(),
            model_config={"validated_horizon_days": validated_horizon_days},
            tags={"run_id": run_id, "verdict": verdict},
            step=1,  # MLflow copies the metrics of this step to the model, without their dataset; ours are at step 0
        )
    begun = begin()
    tags = {**tags, **digest_tags(f"models:/{info.model_id}")}
    facts = {"run_id": run_id, "verdict": verdict, "validated_horizon_days": str(validated_horizon_days), **tags}
    created = mlflow.register_model(f"models:/{info.model_id}", name, tags={**facts, **begun})
    number = int(created.version)
    bind_metrics(info.model_id)
    _describe(name, number, verdict, note)
    finish(client(), name, str(number), begun[REGISTRATION])
    registered = _with_alias(name, number, verdict)
    mlflow.set_tags({"model": registered.uri, "alias": registered.alias})
    return registered


def _describe(name: str, number: int, verdict: str, note: str) -> None:
    """Set the description of a version, and that of its model where nobody wrote one of their own."""
    client().update_model_version(name, str(number), note[:LONGEST_NOTE])
    present = client().get_registered_model(name).description or ""
    if not present or present.startswith(ABOUT):
        latest = f"The latest version is {number}, verdict {verdict}; its page has the findings."
        client().update_registered_model(name, f"{ABOUT} {HOW_TO_LOAD.format(name=name)}\n\n{latest}")


def _with_alias(name: str, number: int, verdict: str) -> Registered:
    """Set the alias: champion for the first version that passes, challenger for others and the loser of a race."""
    if verdict == Verdict.PASS and by_alias(name, CHAMPION) is None:
        try:
            set_champion(
                find_version(f"models:/{name}/{number}"), None, by=login() or "unknown", because="the first to pass"
            )
            return Registered(name, number, CHAMPION)
        except NotMovedError as error:
            log.warning("%s", error)
    before = by_alias(name, CHALLENGER)
    client().set_registered_model_alias(name, CHALLENGER, str(number))
    return Registered(name, number, CHALLENGER, before)


def load(uri: str) -> Loaded:
    """Load a model URI (`models:/clv@champion`, with the model's own code) or a run (`runs:/<id>`, or its id alone).

    The last posterior of a run is loaded: that of the final fit where there is one, else that of the calibration.
    """
    if uri.startswith("models:/"):
        return _load_model(uri)
    run_id = uri.removeprefix("runs:/")
    if re.fullmatch("[0-9a-f]{32}", run_id):
        return _load_run(run_id)
    likely = f" Did you mean models:/{uri}@{CHAMPION}?" if re.fullmatch(r"[^/:@]+", uri) else ""
    raise NoModelError(
        f"{uri!r} is neither a model (models:/clv@champion, models:/clv/3) nor a run (runs:/ and the 32 digits of its"
        f" id).{likely}"
    )


def _load_model(uri: str) -> Loaded:
    version = find_version(uri)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            files = fetch(version)
            model = mlflow.pyfunc.load_model(str(files))
    except RegistryError:
        raise
    except Exception as error:  # the model's own code may raise anything
        raise_if_lost(error)
        raise NoModelError(f"{version.uri} cannot be loaded from {where()}: {one_line(str(error))}.") from error
    inside = model.unwrap_python_model()
    drifts = getattr(inside, "drifts", None)  # an older version has none
    return Loaded(
        inside.scorer.posterior,
        inside.scorer,
        {"model": version.uri, **version.tags},
        None if drifts is None else Drifts.load(drifts),
        files,
    )


def model_files(loaded: Loaded) -> Path:
    """Return a local folder from which MLflow loads a model elsewhere; of a run, its scorer as it would be registered.

    The folder lasts as long as the process.
    """
    if loaded.files is not None:
        return loaded.files
    home, scorer = new_folder(), loaded.scorer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no example
        mlflow.pyfunc.save_model(
            path=str(home / "model"),
            python_model=str(Path(__file__).with_name("model_code.py")),
            artifacts=pack(scorer.posterior, None, home),
            signature=signature_of(scorer.posterior),
            pip_requirements=requirements(),
            model_config={"validated_horizon_days": scorer.validated_horizon_days},
        )
    return home / "model"


def _load_run(run_id: str) -> Loaded:
    """Load a run's posterior; the scorer has the draws and the validated horizon of a version of the run."""
    try:
        run = client().get_run(run_id)
    except MlflowException as error:
        raise_if_lost(error)
        raise NoModelError(f"There is no run {run_id} at {where()}.") from error
    logged = {item.path for item in client().list_artifacts(run_id, paths.POSTERIORS)}
    last = next((path for path in POSTERIORS if path in logged), None)
    if last is None:
        job = run.data.tags.get(JOB, "unknown")
        raise NoModelError(
            f"Run {run_id} (job: {job}, {run.info.status}) at {where()} has no posterior; a training run with a verdict"
            " has one."
        )
    posterior = Posterior.load(client().download_artifacts(run_id, last, str(new_folder())))
    tags, joint = run.data.tags, int(run.data.params.get("fit.joint_draws", posterior.size))
    scorer = Scorer(posterior.thin(joint), validated_horizon_days=_holdout_days(tags))
    drifts = None
    if paths.DRIFT in logged:
        drifts = Drifts.load(client().download_artifacts(run_id, paths.DRIFT, str(new_folder())))
    return Loaded(posterior, scorer, {"run": run_id, "status": run.info.status, **tags}, drifts)


def _holdout_days(tags: Mapping[str, str]) -> int | None:
    if not {"cutoff", "end"} <= set(tags):
        return None
    return (date.fromisoformat(tags["end"]) - date.fromisoformat(tags["cutoff"])).days
