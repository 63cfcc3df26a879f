"""Data that are not files of this machine: tables of PostgreSQL, objects in S3, Iceberg and Delta tables.

`address` parses the settings that name them, and imports nothing heavy. Logs are copied here first, once, and read from
the copy: `postgres`, `objects` and `lakes` make it. Scores are made here and then published by the first two.
`extensions` loads what DuckDB needs. Credentials are those of the environment alone.
"""

from .address import DELTA, ICEBERG, POSTGRES, S3, Place, place_of, require_no_credentials
from .errors import PlaceError, UnreachablePlaceError

__all__ = [
    "DELTA",
    "ICEBERG",
    "POSTGRES",
    "S3",
    "Place",
    "PlaceError",
    "UnreachablePlaceError",
    "place_of",
    "require_no_credentials",
]
