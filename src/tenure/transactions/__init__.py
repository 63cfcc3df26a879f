"""The purchase log: read it, name its columns, apply the contract, account for every row and every cent.

`files` and `source` open what the settings name, `cells` reads ids, days and amounts, `rules` gives each row its fate,
`orders` matches refunds to the customers of their orders, `currencies` refuses several, `refunds` nets,
`reconciliation` adds up, `ids` keeps the type of customer ids, `identities` finds suspicious ones, `log` holds it
together. `dialect` and `source` alone know DuckDB; the rest are Ibis expressions.
"""

from .accounted import AccountedLog
from .fault import TransactionsError
from .files import find as input_files
from .identities import Identities, find_identities
from .ids import CANONICAL, INTEGER, STRING, TEXT, IdTypeError, choose_type, kind_of, refuse_others
from .log import Transactions, of_table, read
from .reconciliation import MISSING, Line, Reconciliation, StrayRefunds

__all__ = [
    "CANONICAL", "INTEGER", "MISSING", "STRING", "TEXT", "AccountedLog", "IdTypeError", "Identities", "Line",
    "Reconciliation", "StrayRefunds", "Transactions", "TransactionsError", "choose_type", "find_identities",
    "input_files", "kind_of", "of_table", "read", "refuse_others",
]  # fmt: skip
