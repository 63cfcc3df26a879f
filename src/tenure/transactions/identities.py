"""Who is one customer: ids that look alike, ids that may be everybody's, and the largest customer."""

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
ODD = r"[^!-~]|^['\"=]"  # of the other ids, forms change the case alone
OTHER_SPACES = r"[\x{85}\p{Z}]"
TIMES, LEAST_DAYS = 10, 20  # as many purchase days as the next customer's, and at least so many
MOST_SHARED, ONE_IN = 3, 100  # how many ids may be everybody's: at most so many, and one in so many


@dataclass(frozen=True)
class Identities:
    """What a log's customer ids are like, up to a day.

    Attributes:
        customers: how many ids there are.
        alike: how many of them differ only by `forms` from another.
        surplus: how many fewer there would be if those were merged.
        examples: ids of one customer, the first of `alike`.
        forms: what `transactions.normalize_ids` has to be to merge them.
        missing_forms: those of `forms` that are not set yet.
        shared: the ids with far more purchase days than any other customer, with their days.
        next_days: the purchase days of the next customer.
        shared_share: the share of all purchase days that `shared` have.
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
        """Return the numbers that the review judges; none names a customer."""
        return {
            "data.customers": self.customers,
            "data.alike_ids": self.alike,
            "data.alike_ids_share": self.surplus / max(self.customers, 1),
            "data.shared_ids_share": self.shared_share,
            "data.largest_spend_share": self.largest_share,
        }

    def findings(self) -> list[str]:
        """Return what a person has to look at, one line each, and the setting that corrects it."""
        said = []
        if self.alike:
            what = " or ".join(FORMS[form] for form in self.missing_forms)
            said.append(
                f"{self.alike:,} customers have ids that differ only by {what} from another's (first:"
                f" {', '.join(map(_shown, self.examples))}). transactions.normalize_ids=[{','.join(self.forms)}] merges"
                " them."
            )
        if self.shared:
            ids = ", ".join(f"{name!r} with {days:,}" for name, days in self.shared.items())
            words = ",".join(f"'{name}'" for name in self.shared)
            said.append(
                f"Far more purchase days than any other customer, who has at most {self.next_days:,}: {ids}. If that is"
                f" everybody's id (guest, till, marketplace): transactions.placeholders=[{words}] leaves its rows out."
            )
        return said


def normalize(ids: Any, forms: Sequence[str]) -> Any:
    """Return ids without the differences that `forms` name; CASE keeps the slow steps from the ids that have none.

    Unicode's form is NFC: NFKC would merge ids that look different, such as 'x2' and 'x²'.
    """
    text = ids
    if "unicode" in forms:
        text = dialect.composed(text)
    if "invisible" in forms:
        # A no-break space at either end is both: a space, and what nobody sees.
        text = text.re_replace(f"[{INVISIBLE}]+", "").re_replace(rf"^{OTHER_SPACES}+|{OTHER_SPACES}+$", "")
    if "spaces" in forms:
        text = _trimmed(text)
    if "excel" in forms:
        # Three ways to keep a spreadsheet from reading a number: ="00123", '00123 and, as some quote it, '00123'.
        text = text.strip().re_replace(r'^=?"(.*)"$', r"\1").re_replace(r"^'(.*?)'?$", r"\1")
        text = _trimmed(text) if "spaces" in forms else text
    text = ids.re_search(ODD).ifelse(text, ids)
    return text.upper().lower() if "case" in forms else text  # both: some letters have two small forms


def _trimmed(text: Any) -> Any:
    """Trim spaces of every kind; those within become plain ones, their number stays."""
    return text.re_replace(f"^[{SPACES}]+|[{SPACES}]+$", "").re_replace(OTHER_SPACES, " ")


def find_identities(transactions: Transactions, until: date, normalized: Sequence[str] = ()) -> Identities:
    """Look for ids that may be one customer's, or many customers'; and for the largest customer.

    Args:
        transactions: the log.
        until: the last day looked at.
        normalized: `transactions.normalize_ids`, the forms by which ids were merged before.
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
    (whole,) = sums.to_pyarrow().to_pylist()
    ranked = by_customer.order_by([ibis.desc("days"), "customer_id"]).limit(MOST_SHARED + 1)
    busiest = ranked.select("customer_id", "days").to_pyarrow().to_pylist()
    shared = busiest[: _count_shared([row["days"] for row in busiest], whole["customers"])]
    has_spend = bool(whole["spend"])
    return Identities(
        **_alike(ids, normalized),
        shared={row["customer_id"]: row["days"] for row in shared},
        next_days=busiest[len(shared)]["days"] if len(busiest) > len(shared) else 0,
        shared_share=sum(row["days"] for row in shared) / max(whole["days"] or 0, 1),
        largest=whole["id"] if has_spend else None,
        largest_share=float(whole["most"] / whole["spend"]) if has_spend else 0.0,
    )


def _count_shared(days: list[int], customers: int) -> int:
    """Return how many of the busiest customers stand out: several may, such as a guest's id and a till's."""
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
    """Leave out each form without which the ids are merged as well."""
    forms = list(FORMS)
    for form in reversed(FORMS):
        others = [other for other in forms if other != form]
        merged = same.aggregate(keys=normalize(same["customer_id"], others).nunique(), ids=same.count())
        (found,) = merged.to_pyarrow().to_pylist()
        if form not in normalized and found["ids"] - found["keys"] == surplus:
            forms = others
    return forms


def _shown(name: str) -> str:
    """Show an id with what is invisible in it spelt out."""
    return ascii(name) if not name.isprintable() else repr(name)
