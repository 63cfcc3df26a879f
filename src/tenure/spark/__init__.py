"""The door to Spark: customers are read, checked and scored in the executors of a cluster.

Only the API of data frames is used, which Spark Connect has too: no RDD and no context. A row's scores and all sums
equal those of this machine to the bit.
"""

from .columns import columns_of
from .customers import SparkCustomers, check_customers, read_summary, with_id_type
from .errors import SparkError, in_words
from .executor import Work
from .log import read_log, summarize_log
from .scoring import WrittenPart, pack_model, partitions_of, require_shared, write_scores
from .session import open_session, watched

__all__ = [
    "SparkCustomers",
    "SparkError",
    "Work",
    "WrittenPart",
    "check_customers",
    "columns_of",
    "in_words",
    "open_session",
    "pack_model",
    "partitions_of",
    "read_log",
    "read_summary",
    "require_shared",
    "summarize_log",
    "watched",
    "with_id_type",
    "write_scores",
]
