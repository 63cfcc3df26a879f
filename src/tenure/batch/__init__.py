"""Batch scoring: customers in parts, the files of scored parts, and the sums over all of them.

Customers are scored part by part, so memory does not grow with their number, and a job that is stopped continues with
the parts that are missing.
"""

from .customer_parts import CustomerParts, divide
from .folder import ScoreFolder
from .part_files import ABOUT, MANIFEST, PartFiles
from .score_file import BatchError, ScoreFile, join
from .sums import FEW_CUSTOMERS, Largest, Scored, Sums, is_personal, largest_in, largest_of, merge

__all__ = [
    "ABOUT",
    "FEW_CUSTOMERS",
    "MANIFEST",
    "BatchError",
    "CustomerParts",
    "Largest",
    "PartFiles",
    "ScoreFile",
    "ScoreFolder",
    "Scored",
    "Sums",
    "divide",
    "is_personal",
    "join",
    "largest_in",
    "largest_of",
    "merge",
]
