"""Choose the type of customer ids in outputs: the type of the column, or the type that fits the ids of a CSV.

Internally ids are text, so that 7 and '7' are one customer. In outputs they must join with the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, Reason

if TYPE_CHECKING:
    from .log import Transactions
    from .source import Source

INTEGER, TEXT = "integer", "text"
WHOLE, STRING = "int64", "string"  # the column types
CANONICAL = r"^(?:0|-?[1-9][0-9]{0,18})$"  # an integer without leading zeros and plus sign
SHOWN = 3


class IdTypeError(InputError):
    """Customer ids that do not have the required type."""

    reason = Reason.BAD_LOG


def own_type(source: Source) -> str | None:
    """Return the type of the ids in the log by its name in Arrow; None for a CSV, which has no types."""
    kind = source.table[source.settings.columns.customer_id].type()
    if kind.is_string():
        return STRING if source.kind != "csv" else None
    # Whole floats and exact decimals are integers.
    return str(kind.copy(nullable=True)) if kind.is_integer() else WHOLE


def choose_type(transactions: Transactions, setting: str | None, of_model: str | None = None) -> str:
    """Choose the type of a log's ids (`int64`, `string`, or another that its column has).

    Args:
        transactions: the log.
        setting: `transactions.id_type`, which has priority.
        of_model: the type of the log that the model was fitted to; it applies to a CSV without a setting.

    Raises IdTypeError if integers are required and some ids are not integers.
    """
    own = transactions.id_type
    wanted = setting or (of_model if own is None else None)
    if wanted == TEXT:
        return STRING
    if own is not None and (wanted is None or own != STRING):
        return _within(transactions, own)
    customers = transactions.tables.sales.select("customer_id").distinct()
    ids = customers["customer_id"]
    others = customers.filter(~ids.re_search(CANONICAL) | ids.try_cast(WHOLE).isnull())
    number = int(others.count().to_pyarrow().as_py())
    if number and wanted == INTEGER:
        first = others.order_by("customer_id").limit(SHOWN)["customer_id"].to_list()
        raise refuse_others(number, int(customers.count().to_pyarrow().as_py()), first, is_setting=setting is not None)
    return STRING if number else WHOLE


def _within(transactions: Transactions, own: str) -> str:
    """Return the type of a column, or text if decimals exceed 64 bits."""
    if own != WHOLE:
        return own
    ids = transactions.tables.sales["customer_id"]
    beyond = ids.try_cast(WHOLE).isnull().any().to_pyarrow().as_py()
    return STRING if beyond else own


def kind_of(id_type: str) -> str:
    """Return `integer` or `text` for a type of `choose_type`."""
    return TEXT if id_type == STRING else INTEGER


def refuse_others(number: int, customers: int, first: list[str], *, is_setting: bool) -> IdTypeError:
    """Return the error for ids that are not integers."""
    shown = ", ".join(map(repr, first))
    have = f"{number:,} of {customers:,} customer ids are not integers (first: {shown})"
    if is_setting:
        return IdTypeError(f"{have}, and transactions.id_type is integer. Set it to text.")
    return IdTypeError(
        f"{have}, but those of the log that the model was fitted to are. Correct them; or write all ids as text:"
        " transactions.id_type=text."
    )
