"""Log evidence to the open run: a part of its metrics and settings for people, all of them in files."""

import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tenure import paths
from tenure.addresses import mask_address
from tenure.places import place_of as place_at
from tenure.record import Content, Dataset, Record, add_prefix
from tenure.spreadsheets import spreadsheet_safe

from .aliases import LONGEST_NOTE
from .shown import METRICS, PARAMS, is_shown, place_of
from .store import client

LONG_TEXTS = (".reason", ".advice")  # of the review's checks
# A dot separates levels, and MLflow refuses most other signs.
PLAIN_KEY = re.compile(r"[\w\-]([\w\- ]*[\w\-])?")
LONGEST_KEY = 250
NOTE = "mlflow.note.content"  # MLflow's own tag: the description of a run


def log_record(record: Record, under: str = "") -> None:
    """Log a record to the open run; `under` is a prefix of its metrics and tags, such as `calibration`."""
    if record.dataset is not None:
        _log_dataset(record.dataset)
    metrics, tags = record.metrics, record.tags
    if under:
        metrics, tags = add_prefix(under, metrics), add_prefix(under, tags)
    mlflow.set_tags(dict(tags))
    _log_params(record.params, record.shown)
    _log_metrics(metrics)
    for path, content in record.files.items():
        _log_file(path, content)
    for path, table in record.tables.items():
        mlflow.log_text(spreadsheet_safe(table).to_csv(), paths.csv(path))
        mlflow.log_text(_html(table), f"{path}.html")
    for path, figure in record.figures.items():
        mlflow.log_figure(figure, paths.png(path))


def describe(note: str) -> None:
    """Set the description of the open run, in Markdown."""
    mlflow.set_tag(NOTE, note[:LONGEST_NOTE])


def bind_metrics(model_id: str) -> None:
    """Add the shown metrics of the open run to a logged model, with the dataset of the run."""
    run = client().get_run(_open_run().info.run_id)
    metrics = _shown_metrics(run.data.metrics)
    if metrics:
        datasets = [one.dataset for one in run.inputs.dataset_inputs]
        dataset = datasets[0] if datasets else None
        mlflow.log_metrics(metrics, timestamp=run.info.start_time, model_id=model_id, dataset=dataset)


def _open_run() -> Run:
    """Return the open run; open one where there is none."""
    return mlflow.active_run() or mlflow.start_run()


def _log_metrics(metrics: Mapping[str, float]) -> None:
    """Log the shown metrics, all at the start of the run: an equal row of a second call is no second point."""
    shown = _shown_metrics(metrics)
    if shown:
        mlflow.log_metrics(shown, timestamp=_open_run().info.start_time)
    _add_to_file(paths.METRICS, metrics)


def _shown_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics to show in the order of `METRICS`: MLflow compares runs by the first one."""
    places = {key: place for key in metrics if (place := place_of(key, METRICS)) is not None}
    return {key: metrics[key] for key in sorted(places, key=places.__getitem__)}


def _log_params(params: Mapping[str, str], further: frozenset[str]) -> None:
    mlflow.log_params({key: value for key, value in params.items() if key in further or is_shown(key, PARAMS)})
    _add_to_file(paths.PARAMS, params)


_files: dict[tuple[str, str], dict[str, Any]] = {}  # contents by run and path, which grow with each record


def _add_to_file(path: str, values: Mapping[str, Any]) -> None:
    """Add values to a JSON file of the open run."""
    if not values:
        return
    content = _files.setdefault((_open_run().info.run_id, path), {})
    content.update(values)
    mlflow.log_text(json.dumps(content, indent=2, ensure_ascii=False), path)


def _log_dataset(dataset: Dataset) -> None:
    source = Path(dataset.source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logged = mlflow.data.meta_dataset.MetaDataset(
            source=_source_of(dataset.source),
            name=source.name,
            digest=dataset.digest[:32],
        )
        try:
            mlflow.log_input(logged, context=dataset.context)
        except MlflowException as error:
            # MLflow looks for the dataset before it inserts it. Another run may insert the same one in between.
            if not re.search("unique|duplicate", str(error), re.IGNORECASE):
                raise
            mlflow.log_input(logged, context=dataset.context)


def _source_of(source: str) -> Any:
    """Return MLflow's object for the source of a dataset; of a table it has none, so that its address is a tag."""
    if place_at(source) is not None:
        return mlflow.data.code_dataset_source.CodeDatasetSource({"mlflow.source.name": source})
    return mlflow.data.dataset_source_registry.resolve_dataset_source(str(Path(source)))


def _log_file(path: str, content: Content) -> None:
    if isinstance(content, str):
        mlflow.log_text(content, path)
        return
    where = PurePosixPath(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / where.name
        content(file)
        mlflow.log_artifact(str(file), str(where.parent))


def _html(table: pd.DataFrame) -> str:
    return str(table.to_html(float_format="{:.4g}".format))


def flat_settings(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return every setting as a parameter of a run under its full key.

    The reasons and advice of the review and the priors of models that are not fitted are left out. Names that MLflow
    refuses as part of a key, such as a segment `Land (ISO)`, are together one JSON value under the key above them.
    """
    logged = {
        key: value
        for key, value in _flatten(settings).items()
        if not _is_prose(key) and not _is_unused_prior(key, settings)
    }
    flat = {key: str(value) for key, value in logged.items()}
    return {key: mask_address(value) if key.endswith("tracking_uri") else value for key, value in flat.items()}


def _is_unused_prior(key: str, settings: Mapping[str, Any]) -> bool:
    """Return whether a setting is a prior of a model that is not fitted."""
    group = key.split(".")
    if group[:2] != ["fit", "priors"]:
        return False
    return group[2] not in (settings["fit"]["purchase_model"], settings["fit"]["spend_model"])


def _is_prose(key: str) -> bool:
    return key.startswith("review.") and key.endswith(LONG_TEXTS)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    refused: dict[str, Any] = {}
    for key, value in tree.items():
        is_branch = isinstance(value, Mapping) and bool(value)
        below = _flatten(value, f"{prefix}{key}.") if is_branch else {f"{prefix}{key}": value}
        if PLAIN_KEY.fullmatch(key) is None or max(map(len, below)) > LONGEST_KEY:
            refused[key] = value
        else:
            flat |= below
    if refused:
        flat[prefix.removesuffix(".")] = json.dumps(refused, sort_keys=True, ensure_ascii=False, default=str)
    return flat
