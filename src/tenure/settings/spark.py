"""The Spark session of `engine=spark`."""

import re
from dataclasses import dataclass, field

from ..addresses import mask
from .checks import require

LOCAL, SPARK = "local", "spark"
ENGINES = (LOCAL, SPARK)
_REMOTE = r"sc://[^\s/;@?]+/?|local(\[[0-9*]+\])?"
_SECRET = re.compile(r"secret|password|passwd|token|credential|access\.?key|account\.?key|sas", re.IGNORECASE)


@dataclass
class SparkSettings:
    """The Spark session of `engine=spark`.

    Args:
        master: address of a cluster, such as spark://host:7077, yarn, or local[4] for four cores of this machine; null:
            the session that is active, or that spark-submit or SPARK_REMOTE describes.
        remote: address of a Spark Connect server, such as sc://host:15002; null: none. An address with a token belongs
            in the environment variable SPARK_REMOTE.
        config: further settings of the session by name, such as {spark.executor.memory: 4g}; no passwords or keys.
        partitions: into how many partitions customers are divided, from 1 up; null: one for each 100,000 customers. It
            changes no number.
        patience_seconds: how long to wait, from 10 up, while nothing happens, as when all executors are lost.
    """

    master: str | None = None
    remote: str | None = None
    config: dict[str, str] = field(default_factory=dict)
    partitions: int | None = None
    patience_seconds: int = 1800

    def __post_init__(self) -> None:
        is_one = self.master is None or self.remote is None
        require(is_one, "spark.remote", "null if spark.master is set: a session has one of them", self.remote)
        is_address = self.remote is None or re.fullmatch(_REMOTE, self.remote) is not None
        rule = "sc://host:port without a token, which belongs in the environment variable SPARK_REMOTE, or null"
        require(is_address, "spark.remote", rule, mask(self.remote or ""))
        is_cluster = self.master is None or (bool(self.master.strip()) and not self.master.startswith("sc://"))
        rule = "the address of a cluster, such as spark://host:7077, or null; that of Spark Connect is spark.remote"
        require(is_cluster, "spark.master", rule, self.master)
        secret = [name for name in self.config if _SECRET.search(name)]
        rule = "without secrets, which are logged with all settings: set them in Spark's own configuration"
        require(not secret, "spark.config", rule, secret)
        is_right = self.partitions is None or self.partitions >= 1
        require(is_right, "spark.partitions", "from 1 up, or null", self.partitions)
        require(self.patience_seconds >= 10, "spark.patience_seconds", "from 10 up", self.patience_seconds)
