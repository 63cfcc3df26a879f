"""Parse the settings that name a place: postgres:TABLE, s3://BUCKET/KEY, iceberg:PATH, delta:PATH."""

import re
from dataclasses import dataclass

from ..addresses import HIDDEN, mask
from ..errors import InputError

POSTGRES, S3, ICEBERG, DELTA = "postgres", "s3", "iceberg", "delta"
PUBLIC = "public"  # PostgreSQL's own schema
_KINDS = re.compile(r"(?:jdbc:)?(postgres|postgresql|iceberg|delta|s3[an]?)(?:\+\w+)?:(?!\\)", re.IGNORECASE)
_NAME = r'(?:[^\W\d][\w$-]*|"(?:[^"]|"")+")'
_TABLE = re.compile(rf"postgres(?:ql)?:(?!/)({_NAME})(?:\.({_NAME}))?", re.IGNORECASE)
_OBJECT = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^?#]*)", re.IGNORECASE)
_LAKE = re.compile(r"(iceberg|delta):(.+)", re.IGNORECASE | re.DOTALL)
_SECRET = re.compile(r"(password|passwd|secret|token|access_key\w*)\s*=|^[^?]*\?.*=|[^/]*:[^/]*@", re.IGNORECASE)
WHERE = {
    POSTGRES: "PGHOST, PGUSER, PGPASSWORD and the like, or PGSERVICE",
    S3: "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the like",
}


class PlaceAddressError(InputError):
    """A setting that names a place in a wrong way, or has credentials in it; the message starts with its key."""


@dataclass(frozen=True)
class Place:
    """A table or objects that are not files of this machine.

    Attributes:
        kind: postgres, s3, iceberg or delta.
        address: the setting.
        names: schema and table, bucket and key, or the path of a lake's table.
    """

    kind: str
    address: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return self.address


def place_of(path: str) -> Place | None:
    """Return the place that a setting names; None for a path of this machine and for addresses that are none.

    >>> place_of("postgres:shop.sales").names, place_of("s3://lake/sales/*.parquet").names
    (('shop', 'sales'), ('lake', 'sales/*.parquet'))
    >>> place_of("sales.csv"), place_of("gs://lake/sales.csv"), place_of("postgresql://host/shop")
    (None, None, None)
    """
    if match := _TABLE.fullmatch(path):
        first, second = match.groups()
        schema, table = (PUBLIC, first) if second is None else (first, second)
        return Place(POSTGRES, path, (_unquoted(schema), _unquoted(table)))
    if match := _OBJECT.fullmatch(path):
        return Place(S3, path, (match[1], match[2]))
    if match := _LAKE.fullmatch(path):
        return Place(match[1].lower(), path, (match[2],))
    return None


def require_no_credentials(key: str, path: str) -> None:
    """Raise PlaceAddressError for credentials in the address of a place, and for one that cannot be parsed."""
    match = _KINDS.match(path)
    if match is None:
        return
    kind = match[1].lower().removesuffix("ql")
    variables = WHERE.get(kind, WHERE[S3])
    rest = path[match.end() :]
    if mask(path) != path or _SECRET.search(rest.removeprefix("//").removeprefix("s3://")):
        raise PlaceAddressError(
            f"{key} is {_shown(path, match[0])}, which has credentials in it: they are read from the environment alone"
            f" ({variables}), since settings are logged."
        )
    if kind == POSTGRES and place_of(path) is None and not rest.startswith("//"):
        raise PlaceAddressError(
            f"{key} must be postgres:TABLE or postgres:SCHEMA.TABLE, with the connection in the environment"
            f" ({variables}), got '{match[0]}{HIDDEN}'."
        )


def _shown(path: str, start: str) -> str:
    """Return an address without what may be a secret."""
    hidden = mask(path)
    return repr(hidden if hidden != path else f"{start}{HIDDEN}")


def _unquoted(name: str) -> str:
    """Return a name as PostgreSQL has it: in small letters unless quoted."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
