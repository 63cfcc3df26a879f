"""Windows and cut-offs: from purchases to customer summaries, splits and distinct histories.

Everything is asked of the log as one Ibis expression, and only what has to be in memory comes there: `summary_query` is
lazy, `base` brings the distinct histories, `summarize` and `split` bring a row per customer.
"""

from .compressed import CompressedSummary, Histories, Spends, compress, histories
from .customers import HISTORY, StreamedSummary, stream_summary, summarize, summary_query
from .split import Split, daily_counts, origins, split
from .truncation import EARLY_WEEKS, LEAST_WEEKS, Truncation, find_truncation
from .window import EVERYONE, AcquisitionWindow, LeftOut, RfmError

__all__ = [
    "EARLY_WEEKS",
    "EVERYONE",
    "HISTORY",
    "LEAST_WEEKS",
    "AcquisitionWindow",
    "CompressedSummary",
    "Histories",
    "LeftOut",
    "RfmError",
    "Spends",
    "Split",
    "StreamedSummary",
    "Truncation",
    "compress",
    "daily_counts",
    "find_truncation",
    "histories",
    "origins",
    "split",
    "stream_summary",
    "summarize",
    "summary_query",
]  # fmt: skip
