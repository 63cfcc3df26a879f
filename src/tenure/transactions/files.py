"""Find the files of a purchase log, their format and their digest."""

from __future__ import annotations

import hashlib
import re
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tenure import remote
from tenure.addresses import mask
from tenure.places import place_of

from .fault import TransactionsError, first_few

if TYPE_CHECKING:
    from tenure.settings import TransactionsSettings

SUFFIXES = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".tab": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".duckdb": "duckdb", ".db": "duckdb", ".ddb": "duckdb",
}  # fmt: skip
FORMATS = ("auto", "csv", "parquet", "duckdb")

_SHEET = "is a spreadsheet, which is not read: save the sheet as CSV UTF-8, and give that file."
_JSON = "is JSON, which is not read: write it as Parquet or CSV (pandas.read_json(...).to_parquet), and give that file."
_SQLITE = "is an SQLite database, which is not read: export it (sqlite3 -header -csv FILE 'select * from TABLE')."
_PACKED = "is packed in a way that is not read: unpack it, or pack the CSV itself with gzip (.csv.gz)."
_OTHER = "is of a format that is not read: write it as CSV or Parquet, and give that file."
_FOREIGN = {
    _SHEET: ("xlsx", "xlsm", "xlsb", "xls", "ods", "numbers"),
    _JSON: ("json", "jsonl", "ndjson"),
    _SQLITE: ("sqlite", "sqlite3", "db3"),
    _PACKED: ("zip", "zst", "bz2", "xz", "7z", "rar", "tar", "tgz", "lz4", "z"),
    _OTHER: ("feather", "arrow", "ipc", "orc", "avro", "xml", "html", "htm", "pdf", "sas7bdat", "sav", "dta", "rds",
             "rdata", "pkl", "pickle", "mdb", "accdb", "h5", "hdf5", "npz", "npy", "delta"),
}  # fmt: skip
REFUSED = {f".{suffix}": why for why, suffixes in _FOREIGN.items() for suffix in suffixes}
_STARTS = {  # the first bytes of a file that is not what its name says
    b"PK\x03\x04": "is a spreadsheet or a zip, which is not read: save the sheet as CSV UTF-8, and give that file.",
    b"\xd0\xcf\x11\xe0": _SHEET,
    b"SQLite format 3\x00": _SQLITE,
    b"%PDF": _OTHER,
    b"ARROW1": _OTHER,
    b"BZh": _PACKED,
    b"\x28\xb5\x2f\xfd": _PACKED,
    b"\xfd7zXZ": _PACKED,
}
_PARQUET, _GZIP, _DUCKDB = b"PAR1", b"\x1f\x8b", b"DUCK"


def find(settings: TransactionsSettings) -> list[Path]:
    """List the files of a path, a glob or a folder of partitions, sorted; a log elsewhere has none on this machine."""
    if place_of(settings.path) is not None:
        return []
    refuse_remote(settings.path)
    path = Path(settings.path).expanduser()
    if path.is_dir():
        return _folder(path)
    paths = sorted(Path(name) for name in glob(str(path), recursive=True)) if not path.exists() else [path]
    if not paths:
        raise TransactionsError(path, "there is no such file (transactions.path).")
    folders = [str(file) for file in paths if file.is_dir()]
    if folders:
        raise TransactionsError(path, f"matches folders ({first_few(folders)}); write the pattern for files.")
    for file in paths:
        if not file.is_file() and file.exists():  # reading it may never end
            raise TransactionsError(file, "is a device or a pipe: give the path of a file (transactions.path).")
    return paths


def refuse_remote(path: str) -> None:
    """Raise TransactionsError for the address of a bucket, a server or a database."""
    why = remote.refusal(path, is_log=True)
    if why:
        raise TransactionsError(mask(path), f"{why.rstrip('.')} (transactions.path).")


def _folder(path: Path) -> list[Path]:
    """List the files of a folder and its partitions; names that start with _ or . are not data."""
    inside = (file for file in path.rglob("*") if file.is_file())
    files = sorted(file for file in inside if not any(part[0] in "._" for part in file.relative_to(path).parts))
    if not files:
        raise TransactionsError(path, "this folder has no file in it; transactions.path names CSV or Parquet files.")
    return files


def kind(path: str, files: list[Path], given: str) -> str:
    """Return the one format of all files, by the setting or by their suffixes."""
    if given not in FORMATS:
        raise TransactionsError(path, f"transactions.format is one of {', '.join(FORMATS)}, not {given!r}.")
    if given != "auto":
        return given
    kinds = {file: SUFFIXES.get(suffix(file)) for file in files}
    strays = [str(file) for file, of in kinds.items() if of is None]
    if len(strays) == len(files):
        suffixes = ", ".join(SUFFIXES)
        unknown = f"the suffix is none of a known format ({suffixes}); set transactions.format."
        raise TransactionsError(path, REFUSED.get(suffix(files[0]), unknown))
    if strays or len(set(kinds.values())) > 1:
        odd = strays or [str(file) for file, of in kinds.items() if of != next(iter(kinds.values()))]
        count = f"{len(odd):,} of {len(files):,} files are of another kind"
        raise TransactionsError(path, f"{count} ({first_few(odd)}). Move them away, or write a pattern: '*.parquet'.")
    return str(next(iter(kinds.values())))


def suffix(file: Path) -> str:
    """Return the suffix of the format in lower case, without that of gzip."""
    return (Path(file.stem).suffix if file.suffix.lower() == ".gz" else file.suffix).lower()


def refuse_foreign(file: Path, given: str) -> None:
    """Raise TransactionsError if the first bytes of a file are those of another format."""
    try:
        with file.open("rb") as content:
            start = content.read(16)
    except OSError as error:
        raise TransactionsError(file, f"cannot be read: {error.strerror}.") from error
    for first, why in _STARTS.items():
        if start.startswith(first):
            raise TransactionsError(file, why)
    if re.match(rb"\s*(\{\s*\"|\[\s*[\[{])", start):
        raise TransactionsError(file, _JSON)
    is_database = start[8:12] == _DUCKDB
    if start.startswith(_PARQUET) and given != "parquet":
        raise TransactionsError(file, "is a Parquet file: set transactions.format=parquet.")
    if is_database and given != "duckdb":
        raise TransactionsError(file, "is a DuckDB file: set transactions.format=duckdb and transactions.table.")
    if start.startswith(_GZIP) and (given != "csv" or file.suffix.lower() != ".gz"):
        raise TransactionsError(file, "is packed with gzip: end its name in .csv.gz, or unpack it.")
    if given == "duckdb" and not is_database:
        raise TransactionsError(file, "cannot be read: it is not a DuckDB file. Set transactions.format.")


def digest(files: list[Path], more: str = "") -> str:
    """Return the sha256 of a file's bytes; of several files, that of their digests in the order of their names."""
    each = []
    for file in files:
        with file.open("rb") as content:
            each.append(hashlib.file_digest(content, "sha256").hexdigest())
    return (
        joined("\n".join(each), more)
        if len(each) == 1
        else hashlib.sha256("\n".join([*each, more]).encode()).hexdigest()
    )


def joined(digest: str, more: str) -> str:
    """Return a digest, with that of a text if there is one."""
    return hashlib.sha256(f"{digest}\n{more}".encode()).hexdigest() if more else digest


def parquet_schema(file: Path) -> pa.Schema:
    """Read the names and the types of the columns."""
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        why = "it is cut short, damaged, or of another format (transactions.format)"
        raise TransactionsError(file, f"cannot be read as Parquet: {why}.") from error


def refuse_other_schemas(paths: list[Path]) -> None:
    """Raise TransactionsError for Parquet files without the columns of the first one, or with other types."""
    first = parquet_schema(paths[0])
    for file in paths[1:]:
        schema = parquet_schema(file)
        lacking = [name for name in first.names if name not in schema.names]
        if lacking:
            raise TransactionsError(file, f"cannot be read: it lacks columns of {paths[0].name}: {first_few(lacking)}.")
        for name in first.names:
            types = (first.field(name).type, schema.field(name).type) if first.names.count(name) == 1 else ("", "")
            if types[0] != types[1]:
                what = f"its column {name!r} has the type {types[1]}, that of {paths[0].name} {types[0]}"
                raise TransactionsError(file, f"cannot be read: {what}. Write both alike.")
