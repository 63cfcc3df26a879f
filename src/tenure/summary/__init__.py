"""The customer summary and its contract: each customer's frequency, recency, T and mean spend."""

from .amounts import Amounts
from .faults import Fault, SummaryError, repeated
from .ids import IdsError, canonical_ids
from .table import COLUMNS, CustomerSummary, FirstOrders

__all__ = [
    "COLUMNS", "Amounts",
    "CustomerSummary", "Fault", "FirstOrders", "IdsError", "SummaryError", "canonical_ids", "repeated",
]  # fmt: skip
