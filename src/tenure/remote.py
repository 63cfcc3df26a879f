"""Addresses of buckets, servers and databases in place of a local path, and why they are refused."""

from __future__ import annotations

import re
from pathlib import Path

_SCHEME = re.compile(r"^(?:jdbc:)?([A-Za-z][A-Za-z0-9+.-]+):/")
_DATABASES = (
    "postgres", "mysql", "mariadb", "mssql", "sqlserver", "oracle", "snowflake", "bigquery", "redshift", "clickhouse",
    "mongodb", "trino", "presto", "databricks", "hive", "sqlite", "duckdb", "cockroachdb", "db2",
)  # fmt: skip
_COPYING = {
    "s3": "aws s3 cp", "s3a": "aws s3 cp", "s3n": "aws s3 cp", "gs": "gcloud storage cp", "gcs": "gcloud storage cp",
    "az": "azcopy copy", "abfs": "azcopy copy", "abfss": "azcopy copy", "wasb": "azcopy copy", "wasbs": "azcopy copy",
    "http": "curl -O", "https": "curl -O", "ftp": "curl -O", "hdfs": "hdfs dfs -get", "dbfs": "databricks fs cp",
}  # fmt: skip


def refusal(path: str, *, written: bool = False) -> str | None:
    """Return why an address is refused and what to do instead; None for a path of this machine.

    >>> refusal("s3://bucket/sales.csv")
    'is not on this machine: only local files are read. Copy it here first (aws s3 cp).'
    >>> refusal("C:/sales.csv"), refusal("sales/2024.csv")
    (None, None)
    """
    match = _SCHEME.match(path)
    if match is None or Path(path).exists():
        return None
    scheme = match[1].lower()
    if scheme == "file":
        return "is an address: write the path without 'file://'."
    if scheme.startswith(_DATABASES):
        return _database(scheme, written)
    how = f" ({_COPYING[scheme]})" if scheme in _COPYING else ""
    if written:
        return f"is not on this machine: only local files are written. Write one and copy it there afterwards{how}."
    return f"is not on this machine: only local files are read. Copy it here first{how}."


def _database(scheme: str, written: bool) -> str:
    if written:
        return "is a database: only local files are written. Write one and load it there afterwards."
    if scheme.startswith("duckdb"):
        return "is an address: write the path of the DuckDB file without its scheme."
    return "is a database, which is not read: export the table or the query's result to CSV or Parquet."
