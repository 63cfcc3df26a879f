"""Errors of the store: what MLflow, requests and SQLAlchemy raise, as one line without passwords."""

import re
from collections.abc import Iterator

import mlflow
import requests
import urllib3
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from tenure.addresses import mask, mask_address
from tenure.errors import InputError, Reason

LONGEST = 240  # characters of an engine's message that are shown
_UNREACHABLE = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.RetryError,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)
DAMAGE = ("not a database", "malformed")  # in messages of SQLite
_STATUS = re.compile(r"error code (40[137]|5\d\d)|(?:too many|server error:?) (5\d\d)", re.IGNORECASE)


class RegistryError(InputError):
    """A request that the store cannot fulfil."""


class StoreUnreachableError(RegistryError):
    """A tracking server or a store that cannot be reached."""

    exit_code = 5
    reason = Reason.STORE_UNREACHABLE


class StoreFullError(RegistryError):
    """A store whose disk is full."""

    reason = Reason.DISK_FULL


class StoreMissingError(StoreUnreachableError):
    """A store that does not exist, for a command that creates none."""

    reason = Reason.STORE_MISSING


class StoreDamagedError(StoreUnreachableError):
    """A file of a store that is no database, or a damaged one."""

    reason = Reason.STORE_DAMAGED


_FAMILY = (RegistryError, MlflowException, SQLAlchemyError, requests.RequestException, urllib3.exceptions.HTTPError)


def in_words(error: BaseException) -> RegistryError | None:
    """Return an exception about the store as an error of one line; None where it is not about the store."""
    if not isinstance(error, _FAMILY):
        return None  # an error of ours, raised while one of these was handled
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, RegistryError):
            return link
    for link in chain:
        if isinstance(link, SQLAlchemyError):
            return _of_database(link)
    for link in chain:
        if isinstance(link, _UNREACHABLE):
            return StoreUnreachableError(f"The tracking server at {where()} cannot be reached: {reason(link)}.")
    for link in chain:
        if isinstance(link, MlflowException):
            return _of_mlflow(link)
    return None


def raise_if_lost(error: BaseException) -> None:
    """Raise StoreUnreachableError where an exception means that the store cannot be reached."""
    lost = in_words(error)
    if isinstance(lost, StoreUnreachableError):
        raise lost from error


def where() -> str:
    """Return the store's address without passwords."""
    return mask_address(mlflow.get_tracking_uri())


def reason(error: BaseException) -> str:
    """Return why a request or a statement failed: the innermost message, on one line, shortened."""
    status = _STATUS.search(str(error))
    if status:
        return f"it answers with status {status[1] or status[2]}"
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error):
        return "it does not answer"
    if "refused" in str(error):
        return "the connection is refused"
    if "resolve" in str(error) or "Name or service" in str(error):
        return "its name cannot be resolved"
    return one_line(str(error))


def one_line(text: str) -> str:
    """Return a text without passwords on one line, shortened."""
    line = " ".join(mask(text).split()).rstrip(".")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def is_damage(message: str) -> bool:
    """Return whether a message of SQLite means a damaged file."""
    return any(words in message for words in DAMAGE)


def of_damage(place: str, message: str) -> StoreDamagedError:
    """Return the error for a damaged SQLite file."""
    return StoreDamagedError(
        f"The MLflow store at {place} is damaged, or no database of MLflow: {one_line(message)}. Restore it from a"
        " backup, or set MLFLOW_TRACKING_URI or registry.tracking_uri to another store."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _of_mlflow(error: MlflowException) -> RegistryError:
    status = _STATUS.search(str(error))
    if status:
        return StoreUnreachableError(f"The tracking server at {where()} cannot be used: {reason(error)}.")
    return RegistryError(f"The MLflow store at {where()} cannot do this: {one_line(str(error))}.")


def _of_database(error: SQLAlchemyError) -> RegistryError:
    engine = getattr(error, "orig", None) if isinstance(error, DBAPIError) else None
    message = one_line(str(engine or error))
    if type(engine).__module__ == "sqlite3":
        if is_damage(message):
            return of_damage(where(), message)
        if "locked" in message:
            return StoreUnreachableError(
                f"The MLflow store at {where()} is locked by another process: try again later."
            )
        if "full" in message:
            return StoreFullError(f"The disk of the MLflow store at {where()} is full: free some space.")
    elif isinstance(error, OperationalError | InterfaceError):
        return StoreUnreachableError(f"The database at {where()} cannot be reached: {message}.")
    return RegistryError(f"The MLflow store at {where()} cannot be used: {message}.")
