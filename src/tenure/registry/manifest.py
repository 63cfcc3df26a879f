"""The files of a registered model: their sha256 are a tag of its version and are compared before anything is loaded.

Tags are in the store's database and files in its artifact folder or bucket, so that a change to one alone is detected.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import mlflow

from tenure.errors import Reason

from .aliases import NoModelError, Version, find_version
from .downloads import new_folder
from .errors import one_line, raise_if_lost, where

TAG = "sha256"  # JSON: a digest by the file's path within the model
ADDED = "registered_model_meta"  # written by MLflow beside a download, with the version's own name and number
SHOWN = 3


class ModelFilesError(NoModelError):
    """Files of a model version that are not those that were registered."""

    reason = Reason.FILES_CHANGED


def digest_tags(model_uri: str) -> dict[str, str]:
    """Return the tag that records every file of a model that was just logged."""
    return {TAG: json.dumps(_digests(_download(model_uri)))}


def fetch(version: Version) -> Path:
    """Return a local folder with the files of a version, each compared with what was registered.

    Load the model from this folder alone: the files in the store may change after the comparison.

    Raises:
        ModelFilesError: with the first files that differ, are missing or were added.
    """
    folder = _download(version.uri)
    recorded = _recorded(version)
    if not recorded:
        raise ModelFilesError(
            f"{version.uri} has no digests of its files in its tags, so they cannot be verified: train it again."
        )
    faults = _differences(recorded, _digests(folder))
    if faults:
        more = f" and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
        raise ModelFilesError(
            f"The files of {version.uri} are not those that were registered: {', '.join(faults[:SHOWN])}{more}."
            f" Nothing was loaded. Use another version, or train again, and find out who can write to {where()}."
        )
    return folder


def verify(uri: str) -> None:
    """Raise ModelFilesError unless the files of a version, by alias or number, are those that were registered."""
    fetch(find_version(uri))


def _recorded(version: Version) -> dict[str, str]:
    """Return the digests in the tag of a version; none where it is missing or no JSON object."""
    try:
        recorded = json.loads(version.tags.get(TAG, "{}"))
    except ValueError:
        return {}
    return recorded if isinstance(recorded, dict) else {}


def _differences(recorded: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """List the files that differ, are missing or were added, by path."""
    return [
        f"{path!r} was {'added' if path not in recorded else 'removed' if path not in present else 'changed'}"
        for path in sorted({*recorded, *present})
        if recorded.get(path) != present.get(path)
    ]


def _digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file by its path, without MLflow's own addition, which is removed.

    A link is no file of a model: its digest is `link`.
    """
    if (folder / ADDED).is_file() and not (folder / ADDED).is_symlink():
        (folder / ADDED).unlink()
    return {
        path.relative_to(folder).as_posix(): "link" if path.is_symlink() else _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _download(model_uri: str) -> Path:
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=str(new_folder())))
    except Exception as error:  # each kind of store fails in its own way
        raise_if_lost(error)
        if re.search("no space left|quota exceeded", str(error), re.IGNORECASE):
            raise  # not the model's fault: the command ends as with any full disk
        raise ModelFilesError(f"The files of {model_uri} cannot be read from {where()}: {_cause(error)}.") from error


def _cause(error: Exception) -> str:
    """Return why a download failed, without the paths of a local copy."""
    if isinstance(error, OSError) and error.filename:
        return f"{Path(error.filename).name!r} is a link or a folder, or cannot be opened"
    return one_line(str(error))
