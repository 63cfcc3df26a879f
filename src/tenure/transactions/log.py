"""Read a purchase log once, check every row, and keep its sales and refunds by customer and day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import currencies, ids, orders, refunds, rules
from .cancelled import check_cancellations
from .engine import UntidyError, in_words
from .fault import TransactionsError
from .reconciliation import AFTER, Line, Reconciliation, StrayRefunds, lines_of
from .refusals import refuse_acquisitions, refuse_faults
from .source import Source, number, open_source
from .span_check import check_span
from .tables import Tables, materialize
from .unscored import Unscored, count_excluded, count_unscored

if TYPE_CHECKING:
    from tenure.settings import TransactionsSettings


@dataclass(frozen=True)
class Transactions:
    """The sales and refunds of a log by customer and day, and the account of its rows.

    Purchases depend on the day up to which they are computed: a refund counts from its own day on.

    Attributes:
        source: the name of the log.
        digest: sha256 of its bytes, in hexadecimal.
        first_day: the day of the first sale.
        last_day: the day of the last sale or refund.
        segments: the names of the segments.
        tables: sales and refunds, Ibis tables on the connection that read them.
        rows, amount: the number of rows and the total amount of the raw log.
        left_out: the rows that a rule leaves out, of all days.
        duplicates: the number of used rows that equal an earlier one in every column.
        id_type: the type of the customer ids (`ids.own_type`); None if the log has no types.
        has_orders: whether the log has order ids.
        excluded: the number of customers whose every row a rule leaves out.
        negligible_amount: purchase days below this share of the median one are no evidence on spend.
        cohorts: the segments that are not columns of the log but periods of acquisition, with their rules.
    """

    source: str
    digest: str
    first_day: date
    last_day: date
    segments: tuple[str, ...]
    tables: Tables
    rows: int
    amount: Decimal
    left_out: tuple[Line, ...]
    duplicates: int
    id_type: str | None = None
    has_orders: bool = False
    excluded: int = 0
    negligible_amount: float = 0.01
    cohorts: Mapping[str, str] = field(default_factory=dict)
    _in_shares: dict[int, list[Transactions]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def purchases(self, until: date | None = None) -> Any:
        """Return `customer_id`, `date` and `amount` (net of refunds) as an Ibis table, one row per purchase.

        A day whose refunds bring its net to zero is no purchase; a day of zero amounts without a refund is one.
        """
        days = refunds.days(self.tables, until or self.last_day)
        return days.filter(days["is_purchase"]).select("customer_id", "date", amount=days["left"])

    def returns(self, until: date) -> Any:
        """Return `customer_id`, `sold` and `returned`: sales up to a day, and what refunds took off them."""
        days = refunds.days(self.tables, until)
        sums = {"sold": days["sale"].sum(), "returned": (days["sale"] - days["left"]).sum()}
        return days.group_by("customer_id").aggregate(**{name: value.cast("float64") for name, value in sums.items()})

    def least_amount(self, until: date) -> float:
        """Return the amount below which a purchase day up to `until` is negligible, from the paid days up to then."""
        amounts = self.purchases(until)["amount"]
        median = amounts.cast("float64").median(where=amounts > 0).to_pyarrow().as_py()
        return self.negligible_amount * float(median or 0.0)

    def reconcile(self, until: date | None = None) -> Reconciliation:
        """Account for every row and every cent up to a day."""
        until = until or self.last_day
        used = lines_of(refunds.days(self.tables, until))
        later = self.tables.after(until)
        lines = [*self.left_out, *used.lines, Line(AFTER, *later)]
        return Reconciliation(
            until=until,
            lines=tuple(line for line in lines if line.rows or line.amount),
            rows=self.rows,
            amount=self.amount,
            purchases=used.purchases,
            revenue=used.revenue,
            duplicates=self.duplicates,
            strays=self._strays(until),
        )

    def unscored(self, until: date | None = None) -> Unscored:
        """Count the customers without a purchase up to a day, by reason."""
        return count_unscored(self.tables, until or self.last_day, self.excluded)

    def _strays(self, until: date) -> tuple[StrayRefunds, ...] | None:
        if not self.has_orders:
            return None
        return () if self.tables.strays is None else orders.list_strays(self.tables.strays, until)

    def segment_values(self, until: date) -> Any | None:
        """Return the segments that are columns of the log, from sales up to a day; None without any."""
        return self.tables.segment_values(until)

    def shares(self, most: int) -> list[Transactions]:
        """Return the log in shares of about as many customers, whose queries need less memory; one where there are few.

        A share is chosen by a hash of the id. The account of the rows is that of the whole log.
        """
        customers = int(self.tables.sales["customer_id"].nunique().to_pyarrow().as_py())
        shares = -(-customers // most)
        if shares == 1:
            return [self]
        if shares not in self._in_shares:
            self._in_shares[shares] = [replace(self, tables=tables) for tables in self.tables.in_shares(shares)]
        return self._in_shares[shares]

    def sample(self, share: float) -> Transactions:
        """Return the log of a sample of the customers, by a hash of their ids; the account of the rows stays."""
        return replace(self, tables=self.tables.of_sample(share))

    def acquired_before(self) -> Any | None:
        """Return the `customer_id` of left-truncated customers; None if the log has no dates of acquisition."""
        dated = self.tables.acquired
        return None if dated is None else dated.filter(dated["acquired"] < self.first_day).select("customer_id")


def read(settings: TransactionsSettings, *, end: date | str | None = None, today: date | None = None) -> Transactions:
    """Read a purchase log; raise one error with all faults if rows cannot be used.

    Args:
        settings: the place of the log, and the rules.
        end: the end of observation, `rfm.end`; rows after it are not checked.
        today: the shop's day; today in `settings.timezone` if None.

    Raises:
        TransactionsError: with one line per fault: the fault, the number of rows, the first few, the remedy.
    """
    try:
        return account(open_source(settings), end, today)
    except UntidyError:
        return account(open_source(settings, tidy=True), end, today)


def of_table(
    table: Any,
    settings: TransactionsSettings,
    *,
    source: str,
    digest: str,
    end: date | str | None = None,
    today: date | None = None,
    kind: str = "table",
    store: Callable[[str, Any], Any] | None = None,
) -> Transactions:
    """Read a purchase log from an Ibis table on any connection; `settings.path` is ignored.

    Args:
        table: the raw log, with the columns that the settings name.
        settings: the names of its columns, and the rules.
        source: its name.
        digest: an identifier of its content.
        end: the end of observation; rows after it are not checked.
        today: the shop's day; today if None.
        kind: `spark` for a table on Spark, whose rows have no order.
        store: see `Source`; None where the connection has temporary tables.
    """
    numbered = number(table, kind)
    return account(Source(table.get_backend(), table, numbered, source, digest, settings, kind, store), end, today)


def account(source: Source, end: date | str | None, today: date | None) -> Transactions:
    """Check every row of an opened log, and keep its sales and refunds; `read` explains the arguments."""
    with in_words(source.name, source.settings, has_files=source.has_files):
        return _accounted(source, end, today)


def _accounted(source: Source, end: date | str | None, today: date | None) -> Transactions:
    log_rows = rules.judge(source.table, source.settings)
    facts, owners = _facts(log_rows), None
    if facts.get("ownerless"):
        owners = source.keep("owners", orders.owners(log_rows))
        log_rows = rules.judge(source.table, source.settings, owners=owners)
        facts = _facts(log_rows)
    refuse_faults(source, log_rows, facts, owners)
    currencies.refuse_several(source, log_rows)
    are_all = facts["rows"] == facts["sales"] + facts["refunds"]
    if are_all and not facts["untidy"]:
        log_rows = rules.judge(source.table, source.settings, is_plain=True, owners=owners)
    log_rows = log_rows.viewed(source.connection)
    names_orders, has_refunds = bool(facts.get("gives_back")), bool(facts["refunds"])
    tables = materialize(source, log_rows, are_all=are_all, has_refunds=has_refunds, names_orders=names_orders)
    if not facts["sales"]:
        raise TransactionsError(source.name, "there is no sale in it.")
    check_span(source, tables, end=end, today=today)
    refuse_acquisitions(source, tables)
    check_cancellations(source, log_rows)
    first, last = tables.span()
    left_out = [
        Line(fate, int(facts[f"rows_{at}"]), _money(facts[f"amount_{at}"]), int(facts.get(f"unread_{at}", 0)))
        for at, fate in enumerate(log_rows.fates[:-1])
    ]
    return Transactions(
        source=source.name,
        digest=source.digest,
        first_day=first,
        last_day=last,
        segments=tuple(source.settings.segments),
        tables=tables,
        rows=int(facts["rows"]),
        amount=_money(facts["amount"]),
        left_out=tuple(left_out),
        duplicates=_duplicates(source, log_rows, tables),
        id_type=ids.own_type(source),
        has_orders=source.settings.columns.order_id is not None,
        excluded=0 if are_all else count_excluded(log_rows, tables),
        negligible_amount=source.settings.negligible_amount,
        cohorts=source.settings.cohorts,
    )


def _facts(log_rows: rules.Rows) -> dict[str, Any]:
    """Count in one pass the rows, their amount, the rows with each fault and the rows of each fate."""
    table, kept = log_rows.table, len(log_rows.fates) - 1
    amount, fate = table["tenure_amount"], table["tenure_fate"]
    counts = {"rows": table.count(), "amount": amount.sum(), "untidy": table.count(where=table["tenure_untidy"])}
    counts |= {f"fault_{at}": table.count(where=table[f"tenure_fault_{at}"]) for at in range(len(log_rows.faults))}
    if "tenure_gives_back" in table.columns:
        counts["gives_back"] = table.count(where=table["tenure_gives_back"].notnull())
        counts["ownerless"] = table.count(where=table["tenure_ownerless"])
    for at in range(kept):
        counts |= {f"rows_{at}": table.count(where=fate == at), f"amount_{at}": amount.sum(where=fate == at)}
    counts["refunds"] = table.count(where=(fate == kept) & (amount < 0))
    counts["sales"] = table.count(where=(fate == kept) & (amount >= 0))
    facts: dict[str, Any] = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return facts | (_faults_used(log_rows) if any(facts[f"fault_{at}"] for at in range(len(log_rows.faults))) else {})


def _faults_used(log_rows: rules.Rows) -> dict[str, Any]:
    """Count each fault over the used rows, and the unreadable amounts of the rows left out."""
    table, kept = log_rows.table, len(log_rows.fates) - 1
    fate, is_unread = table["tenure_fate"], table["tenure_amount"].isnull()
    used = {
        f"fault_{at}": table.count(where=table[f"tenure_fault_{at}"] & (fate == kept))
        for at in range(len(log_rows.faults))
    }
    unread = {f"unread_{at}": table.count(where=(fate == at) & is_unread) for at in range(kept)}
    facts: dict[str, Any] = table.aggregate(**used, **unread).to_pyarrow().to_pylist()[0]
    return facts


def _money(value: Decimal | None) -> Decimal:
    return Decimal(0) if value is None else Decimal(value)


def _duplicates(source: Source, log_rows: rules.Rows, tables: Tables) -> int:
    """Count the rows that repeat an earlier one; only days with several rows can have any."""
    busy = tables.busy_days()
    if not busy.count().to_pyarrow().as_py():
        return 0
    names = {"customer_id": "tenure_customer_id", "date": "tenure_date"}
    kept = log_rows.table.filter(log_rows.table["tenure_fate"] == len(log_rows.fates) - 1)
    on = [kept[column] == busy[name] for name, column in names.items()]
    rows = kept.semi_join(busy, on).select(*source.table.columns)
    counted = rows.aggregate(all=rows.count()).cross_join(rows.distinct().aggregate(distinct=lambda t: t.count()))
    counts = counted.to_pyarrow().to_pylist()[0]
    return int(counts["all"] - counts["distinct"])
