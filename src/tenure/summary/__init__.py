"""The customer summary and its contract: each customer's frequency, recency, T and mean spend."""

from .amounts import Amounts
from .faults import Fault, SummaryError, repeated
from .ids import IdsError, canonical_ids
from .orders import Orders
from .segments import JOINED, as_text, distinct_segments, require_segments, segment_codes
from .table import COLUMNS, FADED, FIRST_ORDER, OPTIONAL, SPENDING, CustomerSummary, FirstOrders

__all__ = [
    "COLUMNS", "FADED", "FIRST_ORDER", "JOINED", "OPTIONAL", "SPENDING",
    "Amounts", "CustomerSummary", "Fault", "FirstOrders", "IdsError", "Orders", "SummaryError", "as_text",
    "canonical_ids", "distinct_segments", "repeated", "require_segments", "segment_codes",
]  # fmt: skip
