"""The purchase log: read it, name its columns, apply the contract, account for every row and every cent.

`files` and `source` open what the settings name, `cells` reads ids, days and amounts, `rules` gives each row its fate,
`refunds` nets, `reconciliation` adds up, `log` holds it together. `dialect` and `source` alone know DuckDB; the rest
are Ibis expressions.
"""

from .fault import TransactionsError
from .log import Transactions, of_table, read
from .reconciliation import Line, Reconciliation

__all__ = ["Line", "Reconciliation", "Transactions", "TransactionsError", "of_table", "read"]
