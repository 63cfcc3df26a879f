"""Find versions of the registered model by alias, and move `champion`.

Each champion has a tag with the version that it replaced, so that a rollback needs the tags alone. MLflow has no
compare-and-set: the alias is read right before it is set and again a moment after, and a lost race raises.
"""

import getpass
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from tenure import invocation
from tenure.errors import Reason
from tenure.review import Verdict

from .completeness import is_complete
from .errors import RegistryError, where
from .store import client

CHAMPION, CHALLENGER, LATEST = "champion", "challenger", "latest"
PROMOTION, ROLLBACK, NOBODY, LOST_TO = "promotion", "rollback", "none", "lost_to"
PROMOTED_BY = "Promoted by"  # begins the description of a version that became champion
LONGEST_NOTE = 5000  # characters of a description in the database of a registry
# A rival sets the alias one request after it last read it, so it has done so by then. Without the wait, both of two
# rivals reported success in ten of twelve races.
SETTLING_SECONDS = 2.0
SHOWN = 5
_HOW = "A model is named models:/clv@champion, models:/clv/3 or models:/clv/latest."
MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class NoModelError(RegistryError):
    """There is no such model."""

    exit_code = 4
    reason = Reason.NO_MODEL


class NoChampionError(NoModelError):
    """The model has versions, and none of them is champion."""

    reason = Reason.NO_CHAMPION


class NotMovedError(RegistryError):
    """The alias was not moved, or not for long."""

    exit_code = 3
    reason = Reason.PROMOTION_REFUSED


@dataclass(frozen=True)
class Version:
    """A version of a registered model and its tags. Without a verdict it counts as failed."""

    name: str
    number: int
    run_id: str
    tags: Mapping[str, str] = field(repr=False)

    @property
    def uri(self) -> str:
        """Return the URI of the version by number."""
        return f"models:/{self.name}/{self.number}"

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of its review."""
        stored = self.tags.get("verdict")
        return Verdict(stored) if stored in list(Verdict) else Verdict.FAIL


def find_version(uri: str) -> Version:
    """Find a version by alias or by number, or as the latest complete one (`models:/clv/latest`).

    Raises NoModelError, which names the models and versions that exist.
    """
    name, alias, number = _split_uri(uri)
    if alias:
        behind = by_alias(name, alias)
        if behind is None:
            raise _without_alias(name, alias)
        number = str(behind)
    elif number == LATEST:
        number = str(max(_numbers(name), default=0))
    try:
        version = client().get_model_version(name, number)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        raise NoModelError(_without_number(uri, name)) from error
    _require_complete(uri, version)
    return Version(name, int(version.version), version.run_id or "", dict(version.tags))


def _split_uri(uri: str) -> tuple[str, str, str]:
    """Split a model URI into name, alias and number; the alias or the number is empty."""
    match = re.fullmatch(r"models:/([^/@]+)(?:@([^/@]+)|/([^/@]+))", uri)
    if match is None:
        raise NoModelError(f"{uri!r} names no model. {_HOW}")
    name, alias, number = match[1], match[2] or "", match[3] or ""
    if number and number != LATEST and not re.fullmatch("[1-9][0-9]{0,8}", number):
        meant = f"runs:/{number}" if re.fullmatch("[0-9a-f]{32}", number) else f"models:/{name}@{number}"
        hint = "" if re.fullmatch("-?[0-9]{1,31}", number) else f" Did you mean {meant}?"
        raise NoModelError(
            f"There is no {uri}: after the slash stands a number or {LATEST}, and an alias follows an @.{hint}"
        )
    return name, alias, number


def _numbers(name: str) -> list[int]:
    """List the numbers of the complete versions."""
    mark = '"' if "'" in name else "'"
    versions = client().search_model_versions(f"name={mark}{name}{mark}")
    return [int(version.version) for version in versions if is_complete(version.tags)]


def _without_number(uri: str, name: str) -> str:
    store = f"in the registry at {where()}"
    numbers = sorted(_numbers(name))
    if not numbers:
        return f"There is no {uri} {store}; {_models_there()}"
    first = ", ".join(map(str, numbers[-SHOWN:]))
    return f"There is no {uri} {store}. The latest versions of {name} there: {first}."


def _require_complete(uri: str, version: ModelVersion) -> None:
    if not is_complete(version.tags):
        raise NoModelError(
            f"{uri} is not complete: its registration by run {version.run_id or 'unknown'} was interrupted, or another "
            f"version took its place. Choose another version, or run {invocation.command('train')} again."
        )


def find_champion(name: str) -> Version | None:
    """Find the champion; None where there is none."""
    return None if by_alias(name, CHAMPION) is None else find_version(f"models:/{name}@{CHAMPION}")


def by_alias(name: str, alias: str) -> int | None:
    """Return the number behind an alias; None where there is no such alias or model, or its version is not complete."""
    try:
        version = client().get_model_version_by_alias(name, alias)
        return int(version.version) if is_complete(version.tags) else None
    except MlflowException as error:
        if error.error_code in MISSING:
            return None
        raise


def login() -> str | None:
    """Return the name of the account on this machine; None where it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def set_champion(
    new: Version, old: Version | None, *, by: str, because: str, figures: Mapping[str, float] | None = None
) -> None:
    """Set a version as champion in the place of `old`; tag it with who, when, why and the figures.

    Args:
        new: the version; a failed one is refused.
        old: the champion that it was compared with, None where there was none. Another one by now is a lost race.
        by: who decides.
        because: why.
        figures: of the comparison, tagged as `promotion.<name>`.

    Raises NotMovedError for a failed review and for a race lost before or after the alias was set.
    """
    if new.verdict is Verdict.FAIL:
        raise NotMovedError(f"{new.uri} has no verdict, or FAIL, and cannot become champion whatever the reason.")
    expected = None if old is None else old.number
    _require_champion(new.name, expected)
    _clear_tags(new)
    facts = {"by": by, "at": _now(), "because": because, "replaced": str(expected or NOBODY)}
    _tag(new, PROMOTION, {**facts, **{key: f"{value:.6g}" for key, value in (figures or {}).items()}})
    try:
        _require_champion(new.name, expected)
        _move_champion(new)
    except NotMovedError:
        _clear_tags(find_version(new.uri), besides=LOST_TO)  # it is no champion, so nothing says why it became one
        raise
    _describe_promotion(new, by, because)
    if by_alias(new.name, CHALLENGER) == new.number:
        client().delete_registered_model_alias(new.name, CHALLENGER)


def _describe_promotion(version: Version, by: str, because: str) -> None:
    """Write who promoted a version and why before its description, in the place of an earlier such line."""
    number = str(version.number)
    present = client().get_model_version(version.name, number).description or ""
    if present.startswith(PROMOTED_BY):
        present = present.partition("\n\n")[2]
    line = f"{PROMOTED_BY} {by}: {' '.join(because.split())}"
    client().update_model_version(version.name, number, f"{line}\n\n{present}".strip()[:LONGEST_NOTE])


def roll_back(name: str, *, by: str, because: str) -> tuple[Version, Version]:
    """Set the champion before the present one as champion; return the present one and the one before."""
    leaving = find_version(f"models:/{name}@{CHAMPION}")
    replaced = leaving.tags.get(f"{PROMOTION}.replaced", NOBODY)
    if replaced == NOBODY:
        raise NotMovedError(f"{leaving.uri} replaced no other version: there is no champion to return to.")
    returning = find_version(f"models:/{name}/{replaced}")
    if returning.verdict is Verdict.FAIL:
        raise NotMovedError(f"{returning.uri} has no verdict, or FAIL, and cannot become champion again.")
    _require_champion(name, leaving.number)
    _move_champion(returning)
    _tag(leaving, ROLLBACK, {"by": by, "at": _now(), "because": because, "to": replaced})
    return leaving, returning


def _require_champion(name: str, expected: int | None) -> None:
    number = by_alias(name, CHAMPION)
    if number != expected:
        raise NotMovedError(
            f"The champion of {name} is version {number or NOBODY} now, no longer {expected or NOBODY}: another "
            f"promotion was faster. Nothing was changed; run {invocation.command('promote')} again to compare with the"
            " new one."
        )


def _move_champion(version: Version) -> None:
    client().set_registered_model_alias(version.name, CHAMPION, str(version.number))
    time.sleep(SETTLING_SECONDS)
    number = by_alias(version.name, CHAMPION)
    if number != version.number:
        _tag(version, PROMOTION, {LOST_TO: str(number or NOBODY)})
        raise NotMovedError(
            f"{version.uri} was made champion, and a moment later version {number or NOBODY} was: another "
            f"promotion runs at the same time. Agree on one, then run {invocation.command('promote')} again."
        )


def _clear_tags(version: Version, besides: str | None = None) -> None:
    """Delete the tags of an earlier promotion or rollback of the same version, besides one tag of the promotion."""
    for key in version.tags:
        if key.startswith((f"{PROMOTION}.", f"{ROLLBACK}.")) and key != f"{PROMOTION}.{besides}":
            client().delete_model_version_tag(version.name, str(version.number), key)


def _tag(version: Version, group: str, facts: Mapping[str, str]) -> None:
    for key, value in facts.items():
        client().set_model_version_tag(version.name, str(version.number), f"{group}.{key}", value)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _without_alias(name: str, alias: str) -> NoModelError:
    """Return the error for a missing alias: the challenger that could be promoted comes first."""
    store = f"in the registry at {where()}"
    challenger = by_alias(name, CHALLENGER)
    kind = NoChampionError if alias == CHAMPION else NoModelError
    if challenger is not None:
        uri = f"models:/{name}/{challenger}"
        return kind(
            f"The model {name} has no {alias} {store}. There is a challenger, version {challenger}. To promote it after"
            f" a look at its findings: {invocation.command('promote', f'model={uri}', 'reason=...')}. To score with it"
            f" as it is: {invocation.command('score', f'model={uri}')}"
        )
    numbers = sorted(_numbers(name))
    if numbers:
        return kind(
            f"The model {name} has no {alias} {store}. Its latest versions: {', '.join(map(str, numbers[-SHOWN:]))}."
        )
    return NoModelError(f"There is no model {name} with alias {alias} {store}; {_models_there()}")


def _models_there() -> str:
    names = ", ".join(sorted(model.name for model in client().search_registered_models())) or "none"
    return f"the models there: {names}. {invocation.command('train')} registers one."
