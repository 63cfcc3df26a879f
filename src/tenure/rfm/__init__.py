"""Windows and cut-offs: from purchases to the customer summary, splits and distinct histories.

Each result is one Ibis query on the log. `summary_query` is lazy and `stream_summary` reads the summary in parts;
`compress` loads the distinct histories with counts; `summarize` loads a row per customer, and so does `split_log`
unless customers are many: then it loads a sample of them, and `LogCustomers` yields all of them share by share.
"""

from .compressed import CompressedSummary, Histories, Spends, histories
from .customers import HISTORY, PAID, StreamedSummary, stream_summary, summarize, summary_query, with_faded
from .log_customers import Counts, LogCustomers, compress
from .merged import merge
from .parts import LEAST_CUSTOMERS, MOST_SEGMENTS, Part
from .regularity import MOST_K, Regularity, measure_regularity
from .split import Split, daily_counts, split_log
from .truncation import EARLY_WEEKS, LEAST_WEEKS, Truncation, find_truncation
from .window import EVERYONE, AcquisitionWindow, LeftOut, RfmError, end_of

__all__ = [
    "EARLY_WEEKS",
    "EVERYONE",
    "HISTORY",
    "LEAST_CUSTOMERS",
    "LEAST_WEEKS",
    "MOST_K",
    "MOST_SEGMENTS",
    "PAID",
    "AcquisitionWindow",
    "CompressedSummary",
    "Counts",
    "Histories",
    "LeftOut",
    "LogCustomers",
    "Part",
    "Regularity",
    "RfmError",
    "Spends",
    "Split",
    "StreamedSummary",
    "Truncation",
    "compress",
    "daily_counts",
    "end_of",
    "find_truncation",
    "histories",
    "measure_regularity",
    "merge",
    "split_log",
    "stream_summary",
    "summarize",
    "summary_query",
    "with_faded",
]  # fmt: skip
