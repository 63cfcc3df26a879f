"""The customer summary and its contract: each customer's frequency, recency, T and mean spend."""

from .amounts import Amounts
from .faults import Fault, SummaryError, repeated
from .ids import IdsError, canonical_ids
from .orders import Orders
from .table import COLUMNS, FADED, FIRST_ORDER, OPTIONAL, CustomerSummary, FirstOrders

__all__ = [
    "COLUMNS", "FADED", "FIRST_ORDER", "OPTIONAL",
    "Amounts", "CustomerSummary", "Fault", "FirstOrders", "IdsError", "Orders", "SummaryError",
    "canonical_ids", "repeated",
]  # fmt: skip
