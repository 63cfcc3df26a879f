"""Suspicious customer ids: ids that look alike, ids that many customers may share, and the largest customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis

from . import dialect
from .characters import INVISIBLE, SPACES
from .fault import SHOWN

if TYPE_CHECKING:
    from .log import Transactions

FORMS = {  # `transactions.normalize_ids`, in words
    "case": "case",
    "spaces": "spaces",
    "invisible": "invisible characters",
    "excel": "Excel's escapes",
    "unicode": "Unicode form",
}
ODD = r"[^!-~]|^['\"=]"  # the forms change only the case of ids that do not match
OTHER_SPACES = r"[\x{85}\p{Z}]"
TIMES, LEAST_DAYS = 10, 20  # times the purchase days of the next customer, and the least number of them
MOST_SHARED, ONE_IN = 3, 100  # the most ids that can be shared: a number, and one in so many


@dataclass(frozen=True)
class Identities:
    """Findings about the customer ids of a log, up to a day.

    Attributes:
        customers: the number of ids.
        alike: the number of ids that differ only by `forms` from another.
        surplus: the number of ids that merging them would remove.
        examples: ids that differ only by `forms`.
        forms: the value of `transactions.normalize_ids` that merges them.
        missing_forms: those of `forms` that are not set yet.
        shared: ids with far more purchase days than any other customer, with their days.
        next_days: the purchase days of the next customer.
        shared_share: the share of `shared` in all purchase days.
        largest: the id of the customer with the largest spend; None without spend.
        largest_share: its share of spend.
    """

    customers: int
    alike: int
    surplus: int
    examples: tuple[str, ...]
    forms: tuple[str, ...]
    missing_forms: tuple[str, ...]
    shared: dict[str, int]
    next_days: int
    shared_share: float
    largest: str | None
    largest_share: float

    def metrics(self) -> dict[str, float]:
        """Return the metrics for the review; they contain no ids."""
        return {
            "data.customers": self.customers,
            "data.alike_ids": self.alike,
            "data.alike_ids_share": self.surplus / max(self.customers, 1),
            "data.shared_ids_share": self.shared_share,
            "data.largest_spend_share": self.largest_share,
        }

    def findings(self) -> list[str]:
        """Return a line for each finding, with the setting that corrects it."""
        lines = []
        if self.alike:
            what = " or ".join(FORMS[form] for form in self.missing_forms)
            lines.append(
                f"{self.alike:,} customers have ids that differ only by {what} from another's (first:"
                f" {', '.join(map(_shown, self.examples))}). transactions.normalize_ids=[{','.join(self.forms)}] merges"
                " them."
            )
        if self.shared:
            ids = ", ".join(f"{name!r} with {days:,}" for name, days in self.shared.items())
            words = ",".join(f"'{name}'" for name in self.shared)
            lines.append(
                f"Far more purchase days than any other customer, who has at most {self.next_days:,}: {ids}. If that is"
                f" everybody's id (guest, till, marketplace): transactions.placeholders=[{words}] leaves its rows out."
            )
        return lines


def normalize(ids: Any, forms: Sequence[str]) -> Any:
    """Return ids without the differences named in `forms`; a CASE limits the slow steps to ids that may have any.

    The Unicode form is NFC. NFKC would merge ids that look different, such as 'x2' and 'x²'.
    """
    text = ids
    if "unicode" in forms:
        text = dialect.composed(text)
    if "invisible" in forms:
        # Trim no-break spaces at either end: they are invisible too.
        text = text.re_replace(f"[{INVISIBLE}]+", "").re_replace(rf"^{OTHER_SPACES}+|{OTHER_SPACES}+$", "")
    if "spaces" in forms:
        text = _trimmed(text)
    if "excel" in forms:
        # Three ways to keep a spreadsheet from reading a number: ="00123", '00123 and, as some quote it, '00123'.
        text = dialect.rewritten(text.strip(), r'^=?"(.*)"$', r"\1")
        text = dialect.rewritten(text, r"^'(.*?)'?$", r"\1")
        text = _trimmed(text) if "spaces" in forms else text
    text = ids.re_search(ODD).ifelse(text, ids)
    return text.upper().lower() if "case" in forms else text  # upper first: some letters have two lower-case forms


def _trimmed(text: Any) -> Any:
    """Trim spaces of every kind; each inner one becomes a plain space."""
    return text.re_replace(f"^[{SPACES}]+|[{SPACES}]+$", "").re_replace(OTHER_SPACES, " ")


def find_identities(transactions: Transactions, until: date, normalized: Sequence[str] = ()) -> Identities:
    """Find ids that may belong to one customer, ids that many may share, and the largest customer.

    Args:
        transactions: the log.
        until: the last day to include.
        normalized: `transactions.normalize_ids`, the forms that are already merged.
    """
    sales = transactions.tables.sales
    ids = sales.filter(sales["date"] <= until).select("customer_id").distinct()
    purchases = transactions.purchases(until)
    by_customer = purchases.group_by("customer_id").aggregate(
        days=purchases.count(), spend=purchases["amount"].sum().cast("float64")
    )
    spend, days = by_customer["spend"], by_customer["days"]
    sums = by_customer.aggregate(
        customers=by_customer.count(),
        days=days.sum(),
        spend=spend.sum(),
        id=by_customer["customer_id"].argmax(spend),
        most=spend.max(),
    )
    (totals,) = sums.to_pyarrow().to_pylist()
    ranked = by_customer.order_by([ibis.desc("days"), "customer_id"]).limit(MOST_SHARED + 1)
    busiest = ranked.select("customer_id", "days").to_pyarrow().to_pylist()
    shared = busiest[: _count_shared([row["days"] for row in busiest], totals["customers"])]
    has_spend = bool(totals["spend"])
    return Identities(
        **_alike(ids, normalized),
        shared={row["customer_id"]: row["days"] for row in shared},
        next_days=busiest[len(shared)]["days"] if len(busiest) > len(shared) else 0,
        shared_share=sum(row["days"] for row in shared) / max(totals["days"] or 0, 1),
        largest=totals["id"] if has_spend else None,
        largest_share=float(totals["most"] / totals["spend"]) if has_spend else 0.0,
    )


def _count_shared(days: list[int], customers: int) -> int:
    """Return how many of the busiest customers stand out; several may, such as the ids of guests and of a till."""
    most = min(MOST_SHARED, max(1, customers // ONE_IN), len(days) - 1)
    apart = [at for at in range(1, most + 1) if days[at - 1] >= max(LEAST_DAYS, TIMES * days[at])]
    return max(apart, default=0)


def _alike(ids: Any, normalized: Sequence[str]) -> dict[str, Any]:
    """Count the ids that differ from another only by what `normalize` removes; find the forms that merge them."""
    keyed = ids.mutate(key=normalize(ids["customer_id"], list(FORMS)))
    groups = keyed.group_by("key").aggregate(ids=keyed.count())
    several = groups.filter(groups["ids"] > 1)
    (counts,) = (
        groups.aggregate(
            customers=groups["ids"].sum(), alike=groups["ids"].sum(where=groups["ids"] > 1), groups=groups.count()
        )
        .to_pyarrow()
        .to_pylist()
    )
    customers, alike = int(counts["customers"] or 0), int(counts["alike"] or 0)
    examples, forms = list[str](), list[str]()
    if alike:
        same = keyed.semi_join(several, "key").cache()
        first = same.filter(same["key"] == same["key"].min().as_scalar()).order_by("customer_id").limit(SHOWN)
        examples = first["customer_id"].to_list()
        forms = _forms_needed(same, customers - counts["groups"], normalized)
    return {
        "customers": customers,
        "alike": alike,
        "surplus": customers - int(counts["groups"] or 0),
        "examples": tuple(examples),
        "forms": tuple(forms),
        "missing_forms": tuple(form for form in forms if form not in normalized),
    }


def _forms_needed(same: Any, surplus: int, normalized: Sequence[str]) -> list[str]:
    """Return the forms that are needed to merge the ids, without those that make no difference."""
    forms = list(FORMS)
    for form in reversed(FORMS):
        others = [other for other in forms if other != form]
        merged = same.aggregate(keys=normalize(same["customer_id"], others).nunique(), ids=same.count())
        (counts,) = merged.to_pyarrow().to_pylist()
        if form not in normalized and counts["ids"] - counts["keys"] == surplus:
            forms = others
    return forms


def _shown(name: str) -> str:
    """Return an id with its invisible characters escaped."""
    return ascii(name) if not name.isprintable() else repr(name)
