"""A registration is complete or marked as abandoned: a version without `complete: true` is used nowhere.

All tags of a version are set in the request that creates it; `complete` turns true last. A request whose answer is lost
is sent again, and may then have created two versions: the first is marked as abandoned.
"""

import logging
import uuid
from collections.abc import Mapping

from mlflow import MlflowClient

from .processes import is_alive, process_tags

COMPLETE, ABANDONED, REGISTRATION = "complete", "abandoned", "registration"
log = logging.getLogger("tenure")


def begin() -> dict[str, str]:
    """Return the tags of a new version: not complete, this process, an id of the registration."""
    return {COMPLETE: "false", REGISTRATION: uuid.uuid4().hex, **process_tags()}


def finish(client: MlflowClient, name: str, number: str, registration: str) -> None:
    """Mark a version as complete, and any other version of the same registration as abandoned."""
    for version in client.search_model_versions(f"name = '{name}' and tags.{REGISTRATION} = '{registration}'"):
        if str(version.version) != number:
            client.set_model_version_tag(name, str(version.version), ABANDONED, f"created twice, see version {number}")
            log.warning("version %s of %s was created twice: it is marked as abandoned", version.version, name)
    client.set_model_version_tag(name, number, COMPLETE, "true")


def is_complete(tags: Mapping[str, str]) -> bool:
    """Return whether a version's registration is finished."""
    return tags.get(COMPLETE) == "true" and ABANDONED not in tags


def mark_abandoned(client: MlflowClient, name: str) -> list[int]:
    """Mark the versions that killed processes of this machine left incomplete; return their numbers."""
    begun = client.search_model_versions(f"name = '{name}' and tags.{COMPLETE} = 'false'")
    left = [version for version in begun if ABANDONED not in version.tags and is_alive(version.tags) is False]
    for version in left:
        client.set_model_version_tag(name, str(version.version), ABANDONED, "its registration was interrupted")
        log.warning(
            "version %s of %s, whose registration was interrupted, is marked as abandoned", version.version, name
        )
    return [int(version.version) for version in left]
