"""A purchase log with the account of its rows and of its customers' ids."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from .. import paths
from ..record import Dataset, Record
from .identities import Identities, find_identities
from .log import Transactions
from .reconciliation import MISSING, Reconciliation
from .unscored import Unscored


@dataclass(frozen=True)
class AccountedLog:
    """A purchase log, the fate of its rows, and the findings about its customer ids.

    Args:
        transactions: the log.
        reconciliation: each row's fate up to the end of observation.
        identities: ids that may be one customer's or many customers'.
        unscored: customers without a purchase.
    """

    transactions: Transactions
    reconciliation: Reconciliation
    identities: Identities
    unscored: Unscored

    @classmethod
    def of(cls, transactions: Transactions, until: date, normalize_ids: Sequence[str]) -> "AccountedLog":
        """Count the rows and check the ids of a log up to a day."""
        accounts = transactions.reconcile(until)
        identities = find_identities(transactions, until, normalize_ids)
        return cls(transactions, accounts, identities, transactions.unscored(until))

    @property
    def metrics(self) -> dict[str, float]:
        """Return the numbers of the log; the review checks some of them."""
        accounts = self.reconciliation
        missing = accounts.stray_rows(MISSING)
        of_orders = {} if missing is None else {"data.refunds_of_missing_orders": float(missing)}
        return {
            "data.rows": accounts.rows,
            "data.purchases": accounts.purchases,
            "data.revenue": float(accounts.revenue),
            "data.duplicates": accounts.duplicates,
            "data.unmatched_refunds_share": accounts.unmatched_share,
            **self.identities.metrics(),
        } | of_orders

    def record(self, context: str) -> Record:
        """Return the source and digest of the log, no rows, and the fates of its rows; `context` is the job."""
        log = self.transactions
        return Record(
            metrics=self.metrics,
            tags={"data.digest": log.digest, "data.first_day": str(log.first_day)},
            files={paths.RECONCILIATION: json.dumps(self.reconciliation.as_dict(), indent=2, default=str)},
            dataset=Dataset(str(log.source), log.digest, context),
        )
