"""Register the scorer, and load it."""

import hashlib
import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from tenure import paths
from tenure.posterior import Posterior
from tenure.review import Verdict
from tenure.scorer import COLUMNS as SCORES
from tenure.scorer import COUNTS, Params, Scorer
from tenure.summary import COLUMNS, FADED, FIRST_ORDER, OPTIONAL
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
from .runs import bind_metrics
from .store import JOB, client

log = logging.getLogger("tenure")
PACKAGE = Path(__file__).resolve().parents[1]
# What travels inside the model, with relative imports among themselves only.
TRAVELS = (
    "bounds.py", "caching.py", "errors.py", "streams.py", "summary", "model_spec.py", "counter_random.py",
    "compiled_dispatch.py", "posterior.py", "posterior_file.py", "posterior_segments.py", "purchase", "spend", "scorer",
)  # fmt: skip
STAYS = (  # of the models
    "__pycache__", "likelihood.py", "process.py", "pymc.py", "protocol.py", "poisson_times.py", "survival.py",
)  # fmt: skip
POSTERIORS = (paths.posterior("final"), paths.posterior("calibration"))  # of a run, the last first
ABOUT = "Customer lifetime value by Tenure: scores each customer summary with its expected clv and intervals."
HOW_TO_LOAD = """Score a log with `tenure-score model=models:/{name}@champion`, or in Python with
`tenure.load("models:/{name}@champion").scorer.score(summary)`. The champion is the version to use; a challenger waits
for a review or a comparison (`tenure-promote`). Totals come from `scores.totals`: never add up customers' intervals."""
REQUIREMENTS = ("mlflow", "numba", "numpy", "pandas")
EXAMPLE = pd.DataFrame(
    {
        "customer_id": ["once", "regular", "slipping", "new"],
        "frequency": [0, 12, 9, 0],
        "recency": [0, 350, 120, 0],
        "T": [300, 360, 365, 0],
        "monetary_value": [0.0, 32.5, 48.0, 0.0],
    }
)


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
    """A model or run in Python: its posterior, its scorer, its tags, and the drift of its totals (None without one)."""

    posterior: Posterior
    scorer: Scorer
    about: dict[str, str]
    drifts: Drifts | None = None

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
    with tempfile.TemporaryDirectory() as folder:
        artifacts = _pack(posterior, drifts, Path(folder))
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(Path(__file__).with_name("model_code.py")),
            artifacts=artifacts,
            signature=_signature(posterior),
            input_example=(_example(posterior), {**_defaults(), "horizon_days": min(365, validated_horizon_days)}),
            pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
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
            model = mlflow.pyfunc.load_model(str(fetch(version)))
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
    )


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


def pack_code(folder: Path) -> Path:
    """Copy what travels inside the model into a package `code` in a folder; return its path."""
    code = folder / "code"
    code.mkdir()
    (code / "__init__.py").write_text(
        '"""The scorer, as it was when this model was registered."""\n\n'
        "from . import posterior, scorer, summary  # noqa: F401\n"
    )
    for name in TRAVELS:
        source = PACKAGE / name
        if source.is_dir():
            shutil.copytree(source, code / name, ignore=shutil.ignore_patterns(*STAYS))
        else:
            shutil.copy(source, code / name)
    return code


def _pack(posterior: Posterior, drifts: Drifts | None, folder: Path) -> dict[str, str]:
    code = pack_code(folder)
    posterior.save(folder / "posterior.npz")
    packed = {"code": str(code), "posterior": str(folder / "posterior.npz")}
    if drifts is not None:
        drifts.save(folder / "drift.npz")
        packed["drifts"] = str(folder / "drift.npz")
    return packed


def _example(posterior: Posterior) -> pd.DataFrame:
    """Return synthetic customers with the columns that the models use, of the first segment where there are any."""
    spec, columns, segments = posterior.specs[1], dict[str, Any](), posterior.segments
    if segments is not None:
        first = segments.values[0] if segments.values else ["(none)"] * len(segments.names)
        columns |= dict(zip(segments.names, first, strict=True))
    if spec.with_first_order:
        columns[FIRST_ORDER] = [41.0, 30.0, 52.5, 25.0]
    if spec.is_fading:
        delta, mean = float(posterior.draws["delta"].flat[0]), EXAMPLE["monetary_value"]
        weights = [float(sum(delta**later for later in range(number))) for number in EXAMPLE["frequency"]]
        columns |= dict(zip(FADED, (weights, mean * weights), strict=True))
    return EXAMPLE.assign(**columns)


def _defaults() -> dict[str, Any]:
    return asdict(Params())


def _signature(posterior: Posterior) -> ModelSignature:
    # Optional for MLflow: the scorer's own error names those that are missing, and what to do.
    names = () if posterior.segments is None else posterior.segments.names
    segments = [ColSpec(AnyType(), name, required=False) for name in names]
    kinds = {int: "long", float: "double"}
    outputs = [ColSpec("long" if column in COUNTS else "double", column) for column in SCORES]
    return ModelSignature(
        # Any type: MLflow would refuse whole numbers in a column of doubles; the scorer checks the types.
        inputs=Schema(
            [ColSpec(AnyType(), column) for column in COLUMNS]
            + [ColSpec(AnyType(), column, required=False) for column in OPTIONAL]
            + segments
        ),
        outputs=Schema([ColSpec("string", "customer_id"), *outputs]),
        params=ParamSchema([ParamSpec(name, kinds[type(value)], value) for name, value in _defaults().items()]),
    )
