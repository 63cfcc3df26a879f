"""Assign each raw row its fate: the rule that leaves it out, or kept."""

from __future__ import annotations

import difflib
import re
import shlex
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis

from . import cells, currencies, identities, orders
from .days import read_day
from .fault import Fault, TransactionsError
from .reconciliation import BLANK
from .source import FILE, ROW

if TYPE_CHECKING:
    from tenure.settings import ExcludeSettings, TransactionsSettings

NO_SEGMENT = "(none)"  # the value of a segment where the log has none
GUEST = "no customer"
EARLIER = "before transactions.first_day"
CANCELLED = "cancellations that give nothing back"
TWICE = "exact duplicates, dropped"
FREE = "sales of nothing, dropped"
NEGATIVE = "negative amounts, dropped"
KEPT = "kept"

WHOSE = "transactions.guests=drop leaves such rows out and counts them; or give each customer an id."
NET = "transactions.negative_amounts=refund nets them against sales, drop leaves them out."
REPEATED = "tenure_repeated"
NORMALIZED = "tenure_normalized"


@dataclass(frozen=True)
class Rows:
    """The raw rows with their cells read and their fates.

    Attributes:
        table: the columns of the log, with `tenure_customer_id` (text; null for guests), `tenure_date`,
            `tenure_amount` (exact), `tenure_order_id`, `tenure_gives_back` (the order that a refund names),
            `tenure_currency` and `tenure_acquired` if the log has them,
            `tenure_segment_<name>` for each segment, `tenure_sign` if amounts may have one,
            `tenure_untidy` unless `is_plain`, `tenure_ownerless` (refunds that name an order and no customer),
            `tenure_shared` (those whose order has several customers, if owners are given),
            `tenure_fate` (the position in `fates`) and `tenure_fault_<n>`.
        faults: the fault of each fault column. Faults of rows that a rule leaves out do not count.
        fates: all fates, in the order of the rules; the last is `KEPT`.
    """

    table: Any
    faults: list[Fault]
    fates: tuple[str, ...]

    def viewed(self, connection: Any) -> Rows:
        """Return the same rows by a view of the engine: each query of them is then short to translate."""
        view = connection.create_view(ibis.util.gen_name("tenure_judged"), self.table)
        return replace(self, table=view)

    def kept(self, *, are_all: bool) -> Any:
        """Return the used rows, with the read columns under their plain names.

        Args:
            are_all: all rows are used, so that no rule needs to be applied.
        """
        rows = self.table if are_all else self.table.filter(self.table["tenure_fate"] == len(self.fates) - 1)
        inner = ("tenure_fate", "tenure_fault_", "tenure_untidy", "tenure_sign", *orders.INNER, REPEATED, NORMALIZED)
        read = [name for name in rows.columns if name.startswith("tenure_") and not name.startswith(inner)]
        return rows.select(**{name.removeprefix("tenure_"): rows[name] for name in read})


def judge(raw: Any, settings: TransactionsSettings, *, is_plain: bool = False, owners: Any | None = None) -> Rows:
    """Read every cell by the settings, and assign each row the first rule that applies.

    Args:
        raw: the log.
        settings: its columns, and the rules.
        is_plain: no id is untidy (`cells.untidy`) or a guest's, so that ids need no further steps.
        owners: the customers of the orders that refunds without a customer name (`orders.owners`); None without such
            refunds.
    """
    refuse_columns(raw.columns, settings)
    if settings.duplicates == "drop":
        own = [name for name in raw.columns if name not in (FILE, ROW)]
        raw = raw.mutate(**{REPEATED: ibis.row_number().over(group_by=own) > 0})
    if settings.normalize_ids and raw[settings.columns.customer_id].type().is_string():
        normal = identities.normalize(raw[settings.columns.customer_id], settings.normalize_ids)
        raw = raw.mutate(**{NORMALIZED: normal}).alias(ibis.util.gen_name("tenure_normal"))
    if not is_plain:
        # A view, here and below, so that the engine computes it once.
        untidy = cells.untidy(_ids(raw, settings), settings.all_placeholders)
        raw = raw.mutate(tenure_untidy=untidy).alias(ibis.util.gen_name("tenure_seen"))
    read, faults = _read(raw, settings, raw["tenure_untidy"] if not is_plain else None)
    columns = {f"tenure_{name}": value for name, value in read.items()}
    columns |= {f"tenure_fault_{at}": fault.rows.fill_null(False) for at, fault in enumerate(faults)}
    if _has_signs(raw, settings):
        columns["tenure_sign"] = cells.sign(raw[settings.columns.amount])
    table = raw.mutate(**columns).alias(ibis.util.gen_name("tenure_read"))
    of_ids = [at for at, fault in enumerate(faults) if fault.column == settings.columns.customer_id]
    if settings.columns.order_id:
        table = _with_named_orders(table, settings, of_ids, owners)
    unwanted = _unwanted(table, settings)
    table = table.mutate(**{f"tenure_fault_{len(faults) + at}": fault.rows for at, fault in enumerate(unwanted)})
    rules = _rules(table, settings, of_ids)
    fate = ibis.cases(*((rows, at) for at, rows in enumerate(rules.values())), else_=len(rules))
    return Rows(table.mutate(tenure_fate=fate), [*faults, *unwanted], (*rules, KEPT))


def _has_signs(raw: Any, settings: TransactionsSettings) -> bool:
    return settings.csv.currency_signs and bool(raw[settings.columns.amount].type().is_string())


def _unwanted(table: Any, settings: TransactionsSettings) -> list[Fault]:
    """Return the faults that depend on the settings."""
    faults = []
    if settings.guests == "refuse":
        nobody = table["tenure_customer_id"].isnull()
        faults.append(Fault("no customer id", nobody, WHOSE, settings.columns.customer_id))
    if settings.negative_amounts == "refuse":
        negative = (table["tenure_amount"] < 0).fill_null(False)
        faults.append(Fault("a negative amount", negative, NET, settings.columns.amount))
    return faults


def _read(raw: Any, settings: TransactionsSettings, is_untidy: Any | None) -> tuple[dict[str, Any], list[Fault]]:
    named = settings.columns
    customer = cells.customer(_ids(raw, settings), named.customer_id, settings.all_placeholders, is_untidy)
    day = read_day(raw[named.date], named.date, settings)
    amount = cells.amount(raw[named.amount], named.amount, settings.csv)
    read = {"customer_id": customer.value, "date": day.value, "amount": amount.value}
    faults = [*customer.faults, *day.faults, *amount.faults]
    if named.order_id:
        read["order_id"] = cells.order_id(raw[named.order_id], settings.all_placeholders)
    if settings.currency:
        read["currency"] = currencies.read(raw[settings.currency])
    if named.acquired:
        acquired = read_day(raw[named.acquired], named.acquired, settings, required=False)
        read["acquired"] = acquired.value
        faults += [*acquired.faults, _acquired_late(acquired.value, day.value, named.acquired)]
    for name in settings.segment_columns:
        read[f"segment_{name}"] = raw[name].cast("string").fill_null(NO_SEGMENT)
    return read, faults


def _ids(raw: Any, settings: TransactionsSettings) -> Any:
    return raw[NORMALIZED if NORMALIZED in raw.columns else settings.columns.customer_id]


def _acquired_late(acquired: Any, day: Any, name: str) -> Fault:
    remedy = "A customer is acquired by the first purchase at the latest."
    return Fault("an acquisition after the purchase", acquired > day, remedy, name)


def _rules(table: Any, settings: TransactionsSettings, of_ids: list[int]) -> dict[str, Any]:
    """Return the condition of each rule that leaves rows out, by its fate.

    A rule does not apply to rows whose cells for it cannot be read; the faults of these rows count.
    """
    amount, given = table["tenure_amount"], settings.columns
    nobody = _is_nobody(table, of_ids)
    # A CASE limits the other cells to the few rows without a customer.
    named = [*given.named().values(), *settings.segment_columns, *([settings.currency] if settings.currency else [])]
    empty = [cells.is_blank(table[name]) for name in named]
    rules = {BLANK: nobody.ifelse(ibis.and_(*empty), False)}
    if settings.guests == "drop":
        rules[GUEST] = nobody
    if settings.first_day:
        rules[EARLIER] = table["tenure_date"] < date.fromisoformat(settings.first_day)
    rules |= {f"left out: {name}": _excluded(table, rule, settings) for name, rule in settings.exclude.items()}
    if settings.duplicates == "drop":
        rules[TWICE] = table[REPEATED]
    if settings.cancellations:
        gives_nothing = (amount >= 0) | cells.is_blank(table[given.amount])
        rules[CANCELLED] = is_cancellation(table["tenure_order_id"], settings) & gives_nothing
    if settings.zero_amounts == "drop":
        rules[FREE] = amount == 0
    if settings.negative_amounts == "drop":
        rules[NEGATIVE] = amount < 0
    return {fate: rows.fill_null(False) for fate, rows in rules.items()}


def _is_nobody(table: Any, of_ids: list[int]) -> Any:
    """Return whether rows have no customer; rows with an unreadable id do not count."""
    nobody = table["tenure_customer_id"].isnull()
    for at in of_ids:
        nobody &= ~table[f"tenure_fault_{at}"]
    return nobody


def _with_named_orders(table: Any, settings: TransactionsSettings, of_ids: list[int], owners: Any | None) -> Any:
    """Add the order of each refund, and the customers of refunds that name only an order."""
    order_id = table["tenure_order_id"]
    is_refund = (table["tenure_amount"] < 0).fill_null(False)
    if settings.cancellations:
        is_refund |= is_cancellation(order_id, settings)
    named = is_refund.ifelse(cancelled_order(order_id, settings), ibis.null("string"))
    table = table.mutate(tenure_gives_back=named)
    table = table.mutate(tenure_ownerless=_is_nobody(table, of_ids) & table["tenure_gives_back"].notnull())
    return table if owners is None else orders.claim(table, owners)


def _excluded(table: Any, rule: ExcludeSettings, settings: TransactionsSettings) -> Any:
    if rule.matches is not None:
        return table[rule.column].cast("string").re_search(rule.matches)
    is_amount = rule.column == settings.columns.amount
    number = table["tenure_amount"] if is_amount else table[rule.column].try_cast("float64")
    above = number > rule.above if rule.above is not None else ibis.literal(False)
    below = number < rule.below if rule.below is not None else ibis.literal(False)
    return above | below


def is_cancellation(order_id: Any, settings: TransactionsSettings) -> Any:
    """Return whether order ids match the pattern of cancellations."""
    return order_id.re_search(settings.cancellations).fill_null(False)


def cancelled_order(order_id: Any, settings: TransactionsSettings) -> Any:
    """Return the order of a refund: the first group of the pattern, or its own order id."""
    pattern = settings.cancellations
    if pattern is None or not re.compile(pattern).groups:
        return order_id
    named = cells.order_id(order_id.re_extract(pattern, 1), settings.all_placeholders)
    return is_cancellation(order_id, settings).ifelse(named, order_id)


def refuse_columns(existing: tuple[str, ...], settings: TransactionsSettings) -> None:
    """Raise TransactionsError for a log without the columns of the settings."""
    wanted = {f"transactions.columns.{role}": name for role, name in settings.columns.named().items()}
    wanted |= {"transactions.currency": settings.currency} if settings.currency else {}
    wanted |= {f"transactions.segments.{name}": name for name in settings.segment_columns}
    wanted |= {f"transactions.exclude.{rule}.column": exclude.column for rule, exclude in settings.exclude.items()}
    faults = [
        f"there is no column {name!r} ({key}). {_advice(name, list(existing))}"
        for key, name in wanted.items()
        if name not in existing
    ]
    if faults and len(existing) == 1:
        raise TransactionsError(settings.path, _of_one_column(existing[0], len(wanted)))
    if faults:
        raise TransactionsError(settings.path, *faults)


def _of_one_column(name: str, wanted: int) -> str:
    """Return the message for a log of one column: another separator, or lines above the header."""
    marks = {mark: name.count(mark) for mark in ";\t|,:" if mark in name}
    if not marks:
        remedy = "If the names of the columns are further down, delete the lines above them."
    else:
        mark = max(marks, key=lambda mark: marks[mark])
        setting = f"transactions.csv.separator={'tab' if mark == chr(9) else mark}"
        remedy = f"Set {shlex.quote(setting)}."
    return f"the settings name {wanted} columns, and the only column is {name!r}. {remedy}"


def _advice(name: str, existing: list[str]) -> str:
    columns = {column.casefold(): column for column in existing}
    close = [columns[match] for match in difflib.get_close_matches(name.casefold(), columns, cutoff=0.5)]
    likely = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"The log has {', '.join(map(repr, existing))}.{likely}"
