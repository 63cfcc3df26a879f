"""The settings of the file that describes how a command ended."""

from dataclasses import dataclass

from .checks import require


@dataclass
class ResultSettings:
    """The file that describes how a command ended.

    Args:
        path: path of a JSON file, which ends in .json, with the exit code and its reason, run, verdict, model, totals
            and paths; null: none. It is written at the end of the command, also of one that fails or is interrupted; a
            killed one leaves none. Each run of a sweep has its own, such as result-0.json.
    """

    path: str | None = None

    def __post_init__(self) -> None:
        is_right = self.path is None or self.path.endswith(".json")
        require(is_right, "result.path", "a path that ends in .json, or null", self.path)
