"""The purchase log: read it, name its columns, apply the contract, account for every row and every cent.

`files` and `source` open the log; `cells` reads ids and amounts, `days` reads dates; `rules` assigns each row its fate;
`orders` matches refunds to the customers of their orders; `cancelled` checks their pattern; `currencies` refuses
several currencies, `refusals` rows that cannot be used; `refunds` nets; `reconciliation` adds up; `unscored` counts
customers without a purchase; `ids` chooses the type of customer ids; `identities` finds suspicious ids; `log` runs
these steps; `fetched` copies a log that is not on this machine. Only `source`, `engine` and `dialect` depend on DuckDB,
and `dialect` on Spark; the rest are Ibis expressions.
"""

from .accounted import AccountedLog
from .dialect import in_order
from .engine import require_date_format, working_folder
from .fault import LogUnreachableError, TransactionsError
from .files import find as input_files
from .identities import Identities, find_identities
from .ids import CANONICAL, INTEGER, STRING, TEXT, IdTypeError, choose_type, kind_of, refuse_others
from .log import Transactions, of_table, read
from .memory import of_frame
from .reconciliation import MISSING, Line, Reconciliation, StrayRefunds, repeats_text
from .rules import NO_SEGMENT
from .source import SPARK, refuse_doubles, used_columns
from .unscored import Unscored

__all__ = [
    "CANONICAL", "INTEGER", "MISSING", "NO_SEGMENT", "SPARK", "STRING", "TEXT", "AccountedLog", "IdTypeError",
    "Identities", "Line", "LogUnreachableError", "Reconciliation", "StrayRefunds", "Transactions", "TransactionsError",
    "Unscored", "choose_type", "find_identities", "in_order", "input_files", "kind_of", "of_frame", "of_table", "read",
    "refuse_doubles", "refuse_others", "repeats_text", "require_date_format", "used_columns", "working_folder",
]  # fmt: skip
