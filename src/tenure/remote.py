"""Addresses of buckets, servers and databases in place of a local path, and why they are refused."""

from __future__ import annotations

import re
from pathlib import Path

_SCHEME = re.compile(r"^(?:jdbc:)?([A-Za-z][A-Za-z0-9+.-]+):/|^(postgres|postgresql|iceberg|delta):", re.IGNORECASE)
_DATABASES = (
    "postgres", "mysql", "mariadb", "mssql", "sqlserver", "oracle", "snowflake", "bigquery", "redshift", "clickhouse",
    "mongodb", "trino", "presto", "databricks", "hive", "sqlite", "duckdb", "cockroachdb", "db2",
)  # fmt: skip
_LAKES = ("iceberg", "delta")
_POSTGRES = (
    "is an address: write postgres:TABLE, with the connection in PGHOST, PGUSER and the like in the environment,"
    " or export the table."
)
_COPYING = {
    "s3": "aws s3 cp", "s3a": "aws s3 cp", "s3n": "aws s3 cp", "gs": "gcloud storage cp", "gcs": "gcloud storage cp",
    "az": "azcopy copy", "abfs": "azcopy copy", "abfss": "azcopy copy", "wasb": "azcopy copy", "wasbs": "azcopy copy",
    "http": "curl -O", "https": "curl -O", "ftp": "curl -O", "hdfs": "hdfs dfs -get", "dbfs": "databricks fs cp",
}  # fmt: skip


def refusal(path: str, *, written: bool = False, is_log: bool = False) -> str | None:
    """Return why an address is refused and what to do instead; None for a path of this machine.

    Purchase logs (`is_log`) are also read from elsewhere: `places` has these addresses.

    >>> refusal("s3://bucket/sales.csv")
    'is not on this machine: only local files are read. Copy it here first (aws s3 cp).'
    >>> refusal("C:/sales.csv"), refusal("sales/2024.csv")
    (None, None)
    """
    match = _SCHEME.match(path)
    if match is None or Path(path).exists():
        return None
    scheme = (match[1] or match[2]).lower()
    if scheme == "file":
        return "is an address: write the path without 'file://'."
    if scheme.startswith((*_DATABASES, *_LAKES)):
        return _POSTGRES if is_log and scheme.startswith("postgres") else _database(scheme, written)
    how = f" ({_COPYING[scheme]})" if scheme in _COPYING else ""
    if written:
        return f"is not on this machine: only local files are written. Write one and copy it there afterwards{how}."
    which = "local files, s3://, postgres:, iceberg: and delta:" if is_log else "local files"
    return f"is not on this machine: only {which} are read. Copy it here first{how}."


def _database(scheme: str, written: bool) -> str:
    if scheme in _LAKES:
        return f"is a table, which is not {'written' if written else 'read'} here: use a local Parquet file."
    if written:
        return "is a database: only local files are written. Write one and load it there afterwards."
    if scheme.startswith("duckdb"):
        return "is an address: write the path of the DuckDB file without its scheme."
    return "is a database, which is not read: export the table or the query's result to CSV or Parquet."
