"""Pack a scorer into a model: its code, its posterior, its signature, an example and its requirements."""

import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from tenure.posterior import Posterior
from tenure.scorer import COLUMNS as SCORES
from tenure.scorer import COUNTS, Params
from tenure.summary import COLUMNS, FADED, FIRST_ORDER, OPTIONAL
from tenure.totals import Drifts

PACKAGE = Path(__file__).resolve().parents[1]
# What travels inside the model, with relative imports among themselves only.
TRAVELS = (
    "bounds.py", "caching.py", "errors.py", "streams.py", "summary", "model_spec.py", "counter_random.py",
    "compiled_dispatch.py", "posterior.py", "posterior_file.py", "posterior_segments.py", "purchase", "spend", "scorer",
)  # fmt: skip
STAYS = (  # of the models
    "__pycache__", "likelihood.py", "process.py", "pymc.py", "protocol.py", "poisson_times.py", "survival.py",
)  # fmt: skip
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


def pack(posterior: Posterior, drifts: Drifts | None, folder: Path) -> dict[str, str]:
    """Write the artifacts of a model to a folder; return their paths by name."""
    code = pack_code(folder)
    posterior.save(folder / "posterior.npz")
    packed = {"code": str(code), "posterior": str(folder / "posterior.npz")}
    if drifts is not None:
        drifts.save(folder / "drift.npz")
        packed["drifts"] = str(folder / "drift.npz")
    return packed


def example_of(posterior: Posterior) -> pd.DataFrame:
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


def default_params() -> dict[str, Any]:
    """Return the params of scoring with their defaults."""
    return asdict(Params())


def signature_of(posterior: Posterior) -> ModelSignature:
    """Return the columns and params that the model takes, and the columns that it returns."""
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
        params=ParamSchema([ParamSpec(name, kinds[type(value)], value) for name, value in default_params().items()]),
    )


def requirements() -> list[str]:
    """List what the model needs where it is loaded, in the versions of this environment."""
    return [f"{package}=={version(package)}" for package in REQUIREMENTS]
