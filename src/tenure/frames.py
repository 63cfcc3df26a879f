"""Tables in memory: pandas, Polars, Arrow and whatever Narwhals can collect, as Arrow or pandas, and back in kind.

The only module that depends on Narwhals. Lazy frames, DuckDB relations and Ibis tables are collected; what is returned
for them is an Arrow table.
"""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from .errors import InputError, Reason

KINDS = "a pandas, Polars or Arrow table, a lazy frame, a DuckDB relation or an Ibis table"
# Integer columns with nulls stay integers.
NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


class FrameError(InputError):
    """An argument that is no table, or a table with a column that mixes types."""

    reason = Reason.BAD_LOG


@dataclass(frozen=True)
class Frame:
    """A table in memory of one of three kinds.

    Attributes:
        native: a pandas DataFrame, a Polars DataFrame or an Arrow table.
        kind: `pandas`, `polars` or `arrow`.
        name: of the argument, for messages.
    """

    native: Any
    kind: str
    name: str

    @classmethod
    def of(cls, data: object, name: str) -> "Frame":
        """Read a table of any kind; collect lazy ones. Raise FrameError for anything else."""
        if isinstance(data, pd.DataFrame):
            return cls(_named_by_text(data, name), "pandas", name)
        if isinstance(data, pa.RecordBatch):
            data = pa.Table.from_batches([data])
        if isinstance(data, pa.Table):
            return cls(data, "arrow", name)
        return cls._of_others(data, name)

    @classmethod
    def _of_others(cls, data: object, name: str) -> "Frame":
        try:
            frame: Any = nw.from_native(data)
        except TypeError:
            return cls(_from_capsule(data, name), "arrow", name)
        if isinstance(frame, nw.LazyFrame):
            return cls(_collected(frame, name), "arrow", name)
        if isinstance(native := frame.to_native(), pd.DataFrame | pa.Table):
            return cls.of(native, name)
        return cls(native, "polars", name) if frame.implementation.is_polars() else cls(frame.to_arrow(), "arrow", name)

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.native.column_names if self.kind == "arrow" else self.native.columns)

    def __len__(self) -> int:
        return int(self.native.num_rows if self.kind == "arrow" else len(self.native))

    def without_rows(self) -> "Frame":
        """Return the columns and their types alone."""
        return Frame(self.native.slice(0, 0) if self.kind == "arrow" else self.native.head(0), self.kind, self.name)

    def to_arrow(self, needed: Collection[str] | None = None) -> pa.Table:
        """Return an Arrow table of types that every engine reads.

        Args:
            needed: the columns that must keep their type (None: all); others may become text.

        Raises FrameError with every needed column that mixes types.
        """
        if self.kind == "pandas":
            return _from_pandas(self.native, self.name, self.columns if needed is None else needed)
        table = self.native.to_arrow() if self.kind == "polars" else self.native
        return pa.table([_storable(column) for column in table.columns], names=table.column_names)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame with rows numbered from 0; integers with nulls stay integers."""
        if self.kind == "pandas":
            return pd.DataFrame(self.native.reset_index(drop=True))
        return pd.DataFrame(self.to_arrow().to_pandas(types_mapper=NULLABLE.get))

    def beside(self, table: pd.DataFrame, key: str) -> Any:
        """Return a table of the same rows in the kind of this one, with this one's index and column `key`.

        Args:
            table: its rows in the order of this frame's, with the column `key`.
            key: the column that is taken from this frame, type included.
        """
        if self.kind == "pandas":
            result = table.set_axis(self.native.index, axis=0)
            result[key] = self.native[key]
            return result
        place = list(table.columns).index(key)
        rest = self.like(table.drop(columns=key))
        if self.kind == "polars":
            return rest.insert_column(place, self.native[key])
        return rest.add_column(place, self.native.schema.field(key), self.native.column(key))

    def like(self, table: pd.DataFrame, types: Mapping[str, str] | None = None) -> Any:
        """Return another table in the kind of this one.

        Args:
            table: the table.
            types: by column of it, the column of this frame whose type it takes, where its values allow that.
        """
        other: Any = table
        if self.kind != "pandas":
            other = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        if self.kind == "polars":
            other = nw.from_arrow(other, backend="polars").to_native()
        for name, own in (types or {}).items():
            other = self._typed(other, name, own)
        return other

    def _typed(self, table: Any, name: str, own: str) -> Any:
        """Return a table with the type of one of this frame's columns; floats of ids stay integers."""
        try:
            if self.kind == "pandas":
                is_float = pd.api.types.is_float_dtype(self.native[own].dtype)
                return table if is_float else table.astype({name: self.native[own].dtype})
            if self.kind == "polars":
                kind = self.native.schema[own]
                return table if kind.is_float() else table.with_columns(table[name].cast(kind))
            kind, at = self.native.schema.field(own).type, table.column_names.index(name)
            is_fit = not (pa.types.is_floating(kind) or pa.types.is_null(kind))
            return table.set_column(at, name, table.column(name).cast(kind)) if is_fit else table
        except (TypeError, ValueError, pa.ArrowException):
            return table


def _named_by_text(data: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a frame whose column names are texts; raise FrameError for nested names."""
    if data.columns.nlevels > 1:
        raise FrameError(f"{name} has columns of {data.columns.nlevels} levels: flatten their names.")
    return data if all(isinstance(column, str) for column in data.columns) else data.rename(columns=str)


def _described(data: object) -> str:
    kind = type(data)
    described = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(data, Mapping | list | tuple):
        return f"{described}: make it a DataFrame"
    return f"{described} {data!r}" if isinstance(data, int | float | bool) else described


def _collected(frame: Any, name: str) -> pa.Table:
    try:
        return frame.collect("pyarrow").to_native()
    except Exception as error:  # each engine raises its own
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise FrameError(f"{name} cannot be collected: {why.rstrip('.')}.") from error


def _from_capsule(data: object, name: str) -> pa.Table:
    try:
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        raise TypeError
    except (TypeError, ValueError):
        raise FrameError(f"{name} must be {KINDS}, got {_described(data)}.") from None


def _storable(column: Any) -> Any:
    """Return an Arrow column without dictionaries, extensions and types that DuckDB cannot read."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = column.cast(kind.storage_type)
    elif pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_null(kind):
        column = column.cast(pa.string())
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_decimal256(kind):
        column = column.cast(pa.float64())
    return column


def _from_pandas(frame: pd.DataFrame, name: str, needed: Collection[str]) -> pa.Table:
    """Convert column by column, so that a message can name each one that mixes types."""
    columns, faults = [], []
    for place, column in enumerate(frame.columns):
        values = frame.iloc[:, place]
        kinds = {type(value).__name__ for value in values.dropna()} if values.dtype == object else set[str]()
        is_text = kinds == {"int", "str"} or column not in needed  # 7 and '7' are one customer
        try:
            columns.append(_array(values, is_text=is_text))
        except (pa.ArrowException, OverflowError, TypeError):
            faults.append(f"the column {column!r} holds {_listed(kinds) or values.dtype}: give it one type")
    if faults:
        raise FrameError(f"{name}: {'; '.join(faults)}.")
    return pa.table(columns, names=list(frame.columns))


def _array(values: "pd.Series[Any]", *, is_text: bool) -> Any:
    try:
        with warnings.catch_warnings():
            # Arrow reads time stamps with a zone in a way that pandas is about to change.
            warnings.simplefilter("ignore", DeprecationWarning)
            array = pa.array(values, from_pandas=True)
        if isinstance(array.type, pa.BaseExtensionType):
            raise pa.ArrowInvalid("such as a period")
        return _storable(array)
    except (pa.ArrowException, OverflowError):
        if not is_text:
            raise
        return pa.array(
            [None if is_missing else str(value) for value, is_missing in zip(values, values.isna(), strict=True)]
        )


def _listed(kinds: Collection[str]) -> str:
    *first, last = sorted(kinds) or [""]
    return f"{', '.join(first)} and {last}" if first else last
